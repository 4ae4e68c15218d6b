"""What-ifs of events: the number of the file, what has to change nothing, and what a scenario would refuse."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import yaml
from balance_sim.app.what_if import EventChange, Setting, answer_of, sentences, setting_of, title_of, yaml_of
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.scenario import load_scenario
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.errors import WrongRequest

SMOKE = Path("experiments/smoke")
WORLD = """
schema: 1
extends: five_states.yaml
base_rate: 2.0
events:
  - {id: summit, targets: [North]}
  - {id: patrol, date: 2025-05-02, kind: exercise, principals: [XAR], targets: [XDO]}
  - {id: unseen, date: 2025-06-02, kind: exercise, principals: [XAR], targets: [XDO], visibility: 0}
arms:
  summit: {add: [{id: visit, date: 2025-03-05, kind: visit, principals: [XAR, XEL]}], set: {events.patrol.visibility: 0.5}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a world whose headline arm adds an event and sets a value of another."""
    (tmp_path / "five_states.yaml").write_text((SMOKE / "five_states.yaml").read_text())
    (tmp_path / "world.yaml").write_text(WORLD)
    return tmp_path


@pytest.fixture
def setting(folder: Path) -> Setting:
    return setting_of(load_scenario(folder / "world.yaml"), "world.yaml")


OFF = EventChange(is_off=True)
CHANGES = {
    "nothing": {},
    "off": {"summit": OFF},
    "before": {"speech": OFF},
    "moved": {"summit": EventChange(date=dt.date(2025, 7, 1))},
    "moved before the start": {"summit": EventChange(date=dt.date(2024, 12, 1))},
    "others": {"summit": EventChange(principals=("XAR", "XEL"), targets=("XDO",))},
    "aimed at nobody": {"summit": EventChange(targets=())},
    "of the arm": {"visit": OFF},
    "of the arm, moved": {"visit": EventChange(date=dt.date(2025, 4, 1))},
    "set by the arm": {"patrol": OFF},
    "several": {"summit": EventChange(date=dt.date(2025, 3, 1)), "patrol": EventChange(targets=("XCO",)), "visit": OFF},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_the_file_gives_the_number_of_the_answer(folder: Path, setting: Setting, changes: dict) -> None:
    answer = answer_of(setting, changes)
    (folder / "what_if.yaml").write_text(yaml_of(setting, changes), encoding="utf-8")
    again = load_scenario(folder / "what_if.yaml")
    assert expected_effect(again).effect == answer.effect
    assert expected_effect(again, setting.as_written).effect == answer.effect_as_written
    assert yaml.safe_load(yaml_of(setting, changes))["title"] == title_of(setting, changes)


def test_nothing_changed_is_the_scenario_as_written(setting: Setting) -> None:
    answer = answer_of(setting, {})
    assert answer.change == 0.0
    assert answer.effect == expected_effect(setting.original).effect != 0.0
    assert not answer.dyads["change"].any()


def test_an_event_that_is_off_does_what_one_does_that_nobody_sees(setting: Setting, folder: Path) -> None:
    """Two ways to the same world: the event dropped, and its visibility 0 in a file written by hand."""
    text = "schema: 1\nextends: world.yaml\narms:\n  summit: {set: {events.summit.visibility: 0, events.speech.visibility: 0}}\n"
    (folder / "hand.yaml").write_text(text)
    off = answer_of(setting, {"summit": OFF, "speech": OFF})
    assert off.effect == pytest.approx(expected_effect(load_scenario(folder / "hand.yaml")).effect, abs=1e-12)
    assert off.change != 0.0


def test_an_event_moved_to_its_own_day_changes_nothing(setting: Setting) -> None:
    event = setting.events["patrol"]
    answer = answer_of(setting, {"patrol": EventChange(date=event.date, targets=event.targets)})
    assert abs(answer.change) < 1e-12


def test_the_days_of_an_event_that_nobody_sees_are_no_effect(setting: Setting) -> None:
    """It may be moved anywhere: the days that come into the grid with it move both arms alike."""
    still = answer_of(setting, {})
    moved = answer_of(setting, {"unseen": EventChange(date=dt.date(2025, 9, 30))})
    assert moved.levels[1] != still.levels[1]
    assert abs(moved.change) < 1e-12


def test_an_event_on_the_last_day_is_as_good_as_off(setting: Setting) -> None:
    late, off = (answer_of(setting, {"summit": change}) for change in (EventChange(date=dt.date(2025, 12, 31)), OFF))
    assert abs(late.effect - off.effect) < 0.01 * abs(off.effect_as_written - off.effect)


def test_dyads_sum_to_what_all_agreements_change_by(setting: Setting) -> None:
    changes = {"summit": OFF}
    answer = answer_of(setting, changes)
    assert np.isclose(answer.dyads["change"].sum(), (answer.dyads["mean"] - answer.dyads["as_written"]).sum())
    sizes = answer.dyads["change"].abs().to_numpy()
    assert (np.diff(sizes) <= 0).all() and sizes[0] > 0
    assert answer.fear.shape == (5, 5) and not np.diag(answer.fear).any()


def test_whoever_is_aimed_at_fears_more(setting: Setting) -> None:
    codes = answer_of(setting, {}).codes
    ego, alter = codes.index("XDO"), codes.index("XAR")
    aimed, spared = (
        answer_of(setting, {"summit": EventChange(targets=targets)}).fear[ego, alter] for targets in (("XDO",), ())
    )
    assert aimed > spared


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (EventChange(principals=()), "E212"),
        (EventChange(targets=("XAR",)), "E306"),
        (EventChange(targets=("NOBODY",)), "E301"),
        (EventChange(date=dt.date(2026, 1, 1)), "E203"),
    ],
)
def test_what_a_file_could_not_say_is_refused(setting: Setting, change: EventChange, code: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        answer_of(setting, {"summit": change})
    assert code in [row.code for row in caught.value.problems]


def test_a_scenario_of_one_arm_has_no_what_if(folder: Path) -> None:
    text = (folder / "five_states.yaml").read_text().replace("  summit: {title: The summit takes place}\n", "")
    (folder / "one.yaml").write_text(text)
    with pytest.raises(WrongRequest):
        setting_of(load_scenario(folder / "one.yaml"), "one.yaml")


def test_a_what_if_of_a_what_if(folder: Path, setting: Setting) -> None:
    """The file can be opened again: its own arms keep their names."""
    first = {"summit": EventChange(targets=("XDO",))}
    (folder / "what_if.yaml").write_text(yaml_of(setting, first))
    second = setting_of(load_scenario(folder / "what_if.yaml"), "what_if.yaml")
    answer = answer_of(second, {"patrol": OFF})
    assert answer.effect_as_written == pytest.approx(answer_of(setting, first).effect, rel=1e-3)
    (folder / "again.yaml").write_text(yaml_of(second, {"patrol": OFF}))
    assert expected_effect(load_scenario(folder / "again.yaml")).effect == answer.effect


def test_a_later_date_is_answered_with_the_days_that_are_left(setting: Setting) -> None:
    focal = setting.events["summit"].date
    end = focal + dt.timedelta(max(setting.scenario.report.windows))
    later = sentences(answer_of(setting, {"summit": EventChange(date=focal + dt.timedelta(60))}))
    assert any(str(focal) in line and str(end) in line and f"{(end - focal).days - 60} days" in line for line in later)
    earlier = sentences(answer_of(setting, {"summit": EventChange(date=focal - dt.timedelta(1))}))
    assert not any(str(end) in line for line in earlier)


def test_a_title_names_who_is_absent_and_who_is_added(setting: Setting) -> None:
    title = title_of(setting, {"visit": EventChange(principals=("XAR", "XDO"))})
    assert title.index("without") < title.index("Elland") < title.index("with Dorn")
