"""Changes of a world in the diary of a replication and in a page's replay: each once, dated, in plain words."""

import shutil
from pathlib import Path

import balance_sim as bs
import pytest
from balance_sim.effects.explain.timeline import Timeline, tell
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario import load_scenario
from balance_sim.scenario.schema import Change
from balance_sim.show.diary import diary
from balance_sim.show.replay import replay_of
from balance_sim.show.report.tables import changes
from balance_sim.study.arms import headline_arm

FIVE_STATES = Path(__file__).parents[2] / "experiments" / "smoke" / "five_states.yaml"
CHANGING = """
schema: 1
extends: five_states.yaml
changes:
  - {date: 2025-09-01, state: XEL, democracy: 0.9}
arms:
  changed:
    title: A war, and a pact
    drop: [summit]
    changes:
      - {date: 2025-03-01, agreement: {a: XEL, b: XCO, kind: defence_pact, in_force: 2025-04-01}}
      - {date: 2025-05-01, dyad: [XCO, XBE], war: true, until: 2025-09-01}
      - {date: 2025-06-01, state: XAR, ideal_point: 0.8, effort: 0.2}
      - {date: 2025-07-01, agreement: arden-belmar, ended: true}
      - {date: 2025-08-01, pact: North, joins: XEL, kind: defence_cooperation}
      - {date: 2025-10-01, dyad: [XAR, XDO], no_relations: sanctions}
"""
TOLD = {
    "2025-03-01": "Corvia (made up) and Elland (made up) sign a defence pact, in force on 2025-04-01",
    "2025-05-01": "Corvia (made up) and Belmar (made up) go to war, until 2025-09-01",
    "2025-06-01": "Arden (made up): ideal point 0.8 and capability +20% by a decision of its own from then on",
    "2025-07-01": "The defence cooperation agreement of Arden (made up) and Belmar (made up) ends",
    "2025-08-01": "Elland (made up) signs a defence cooperation agreement with members of North",
    "2025-10-01": "Arden (made up) and Dorn (made up) are parted by sanctions",
}
PLACES = {"2025-03-01": 1, "2025-05-01": 1, "2025-06-01": 0, "2025-07-01": 1, "2025-08-01": 2, "2025-10-01": 1}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> AnalysedResult:
    folder = tmp_path_factory.mktemp("changing")
    shutil.copy(FIVE_STATES, folder)
    (folder / "changing.yaml").write_text(CHANGING, encoding="utf-8")
    return bs.run(load_scenario(folder / "changing.yaml"), runs=6, seed=3, arms=["changed"])


@pytest.fixture(scope="module")
def timeline(result: AnalysedResult) -> Timeline:
    return tell(result, 1)


def test_a_diary_tells_each_change_once(result: AnalysedResult, timeline: Timeline) -> None:
    told = [(f"{day}", words) for day, words in diary(timeline, result.scenario)]
    for day, words in TOLD.items():
        assert [said for at, said in told if at == day] == [f"{words}; not in the control arm"]
    assert ("2025-09-01", "Elland (made up): democracy 0.9 from then on") in told  # in both arms
    enters = "The defence pact of Corvia (made up) and Elland (made up) enters into force; signed 1 March 2025"
    assert ("2025-04-01", f"{enters}; not in the control arm") in told
    assert not any("already scheduled" in words for _, words in told)


def test_changes_are_rows_of_a_timeline(timeline: Timeline) -> None:
    rows = timeline.table[timeline.table["what"] == "change"]
    assert [*rows["mark"]] == ["arm only"] * 5 + ["both", "arm only"]
    assert rows["label"].iloc[1] == "2025-05-01-XBE-XCO"
    written = [entry["change"] for entry in timeline.summary()["entries"] if entry["change"]]
    assert written[1] == {"date": "2025-05-01", "dyad": ["XCO", "XBE"], "war": True, "until": "2025-09-01"}
    assert len(written) == 7 and "agreement" not in written[1]
    changes = {entry.change for entry in timeline.entries if entry.change is not None}
    assert all(isinstance(change, Change) for change in changes)


def test_an_arm_that_only_changes_facts_is_not_the_scenario_itself(result: AnalysedResult) -> None:
    """In a report's list of arms; the first arm listed after the control arm is the headline's."""
    arm = result.scenario.arms["changed"].model_copy(update={"drop": ()})
    assert not arm.is_as_written and headline_arm(["no_summit", "changed", "summit"]) == "changed"
    said = changes(result.scenario, "changed")
    assert said.startswith("without summit; 2025-03-01: Corvia") and said.count(";") == 6
    assert changes(result.scenario, "summit") == "nothing"


def test_a_page_draws_changes_at_their_dates(result: AnalysedResult) -> None:
    found = replay_of(result)
    assert found is not None
    drawn = {entry["date"]: entry for entry in found["entries"] if entry["date"] in TOLD}
    assert {date: entry["path"].count("M") for date, entry in drawn.items()} == PLACES
    ways = {date: entry["way"] for date, entry in drawn.items() if entry["path"]}
    assert ways == dict.fromkeys(("2025-05-01", "2025-10-01"), "apart") | {"2025-07-01": "fewer"} | dict.fromkeys(
        ("2025-03-01", "2025-08-01"), "more"
    )
