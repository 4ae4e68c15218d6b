"""The three shipped scenarios whose arms change the world: what they hold is sourced, dated, and differs by arm."""

import csv
import runpy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from balance_sim import effect
from balance_sim.scenario.load import arm_scenario, check_scenario, load_scenario
from balance_sim.scenario.schema import Scenario

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
NAMES = ("aukus_2021", "taiwan", "ukraine_2022")


@pytest.fixture(scope="module", params=NAMES)
def shipped(request: pytest.FixtureRequest) -> Scenario:
    return load_scenario(FOLDER / f"{request.param}.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_read_without_errors_and_lacks_little(name: str) -> None:
    """Taiwan casts no vote in the United Nations, and V-Dem does not code Brunei."""
    found, problems = check_scenario(FOLDER / f"{name}.yaml")
    assert found is not None
    assert {problem.code for problem in problems} <= {"W303"} and len(problems) <= 2


def test_every_row_event_and_change_has_a_source(shipped: Scenario) -> None:
    changes = [change for arm in shipped.arms.values() for change in arm.changes]
    for rows in (shipped.states, shipped.disputes, shipped.no_relations, shipped.distances, shipped.agreements):
        assert rows and all(row.source for row in rows)
    assert all(row.source for row in (*shipped.events, *changes, *shipped.targets_alternatives))
    assert changes


def test_no_two_arms_are_the_same_world(shipped: Scenario) -> None:
    worlds = {name: arm_scenario(shipped, name) for name in shipped.arms}
    told = {name: (world.events, world.changes) for name, world in worlds.items()}
    assert len({repr(one) for one in told.values()}) == len(shipped.arms)
    assert not told[shipped.reference_arm][1]
    assert shipped.focal not in {event.id for event in told[shipped.reference_arm][0]}


def test_its_level_is_calibrated_on_its_own_record(shipped: Scenario) -> None:
    """A calibration of another record would have been refused."""
    mean = shipped.posterior.values.get("base_rate")
    assert shipped.calibration.data_sha256 and shipped.base_rate == mean
    assert any(state.propensity for state in shipped.states)


def test_the_record_ends_before_the_start(shipped: Scenario) -> None:
    days = [d for a in shipped.agreements for d in (a.opened, a.signed, a.in_force, a.ended) if d is not None]
    assert max(days) <= shipped.start


def test_acts_of_force_have_one_victim_and_only_attackers_beside_it() -> None:
    """What others learn of the attacker follows from nearness, pacts and quarrels; no coder lists them."""
    cases = (("ukraine_2022", "RUS", ("BLR", "RUS"), "UKR"), ("taiwan", "CHN", ("CHN",), "TWN"))
    for name, attacker, principals, victim in cases:
        scenario = load_scenario(FOLDER / f"{name}.yaml")
        act = next(event for event in scenario.events if event.id == scenario.focal)
        assert (act.kind, act.principals, act.targets) == ("force", principals, (victim,))
        assert scenario.event_kinds["force"].spreads == 1.0
        wars = {change.sides for arm in scenario.arms.values() for change in arm.changes if change.war}
        assert tuple(sorted((attacker, victim))) in wars


def test_taiwan_is_hypothetical_from_the_act_on() -> None:
    scenario = load_scenario(FOLDER / "taiwan.yaml")
    base = load_scenario(FOLDER / "beijing_2025.yaml")
    act = next(event for event in scenario.events if event.id == scenario.focal)
    changes = [change for arm in scenario.arms.values() for change in arm.changes]
    assert "hypothetical" in scenario.title and act.source == "hypothetical"
    assert {change.source for change in changes} == {"hypothetical"}
    assert min(change.date for change in changes) >= act.date > base.start
    assert {event.id for event in scenario.events} == {event.id for event in base.events} | {act.id}
    assert scenario.agreements == base.agreements and scenario.calibration == base.calibration


def test_ukraine_adds_seven_states_to_no_limits() -> None:
    scenario, base = (load_scenario(FOLDER / f"{name}.yaml") for name in ("ukraine_2022", "nolimits_2022"))
    added = {*scenario.codes} - {*base.codes}
    assert added == {"EST", "GEO", "LTU", "LVA", "MDA", "ROU", "TUR"} and {*base.codes} <= {*scenario.codes}
    for part in ("disputes", "distances", "accords"):
        rows = getattr(scenario, part)
        assert [row for row in rows if not {row.a, row.b} & added] == [*getattr(base, part)]


def test_accession_makes_pacts_with_members_alone() -> None:
    scenario = load_scenario(FOLDER / "ukraine_2022.yaml")
    joined = {c.joins: c.date for c in scenario.arms["war_and_accession"].changes if c.joins}
    assert joined == {"FIN": date(2023, 4, 4), "SWE": date(2024, 3, 7)}
    assert not {*joined} & {*scenario.groups["NATO"]}


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_later_accords_are_those_that_the_script_finds() -> None:
    script = runpy.run_path(str(FOLDER / "later_cases.py"))
    folder = FOLDER / "aukus_2021"
    roster = {row["id"] for row in rows_of(folder / "states.csv")}
    found = script["later_accords"](roster, rows_of(folder / "accords.csv"))
    assert found == rows_of(folder / "later_accords.csv")
    assert max(row["signed"] for row in found) <= "2021-09-14" and {"IND-USA-logistics-2016"} < {r["id"] for r in found}


def test_aukus_gives_what_was_signed_and_ended_in_its_arm() -> None:
    scenario = load_scenario(FOLDER / "aukus_2021.yaml")
    changes = scenario.arms["aukus"].changes
    ended = [change.agreement for change in changes if change.ended]
    signed = {(c.agreement.a, c.agreement.b, c.agreement.in_force) for c in changes if not c.ended}
    assert ended == ["AUS-FRA-submarines-2016"]
    assert signed == {("AUS", "GBR", date(2022, 2, 8)), ("AUS", "USA", date(2022, 2, 8))}
    acts = {event.id: event for event in scenario.events}
    assert (acts["paris_recalls"].sign, acts["paris_recalls"].targets) == (-1, ())
    assert acts["beijing_objects"].targets == ("AUS", "GBR", "USA")


@pytest.mark.parametrize(
    ("name", "arms"),
    [
        ("taiwan", ("exercise", "blockade", "war", "war_with_the_united_states")),
        ("ukraine_2022", ("attack_without_war", "six_weeks", "invasion")),
    ],
)
def test_more_force_calls_forth_more(name: str, arms: tuple[str, ...]) -> None:
    scenario = load_scenario(FOLDER / f"{name}.yaml")
    effects = [effect(scenario, arm=arm).effect for arm in arms]
    assert effects == sorted(effects) and effects[0] > 0


def test_a_war_is_no_less_than_the_force_with_which_it_begins() -> None:
    """An arm in which the war alone is written has the effect of the one that has the attack of the same two states beside
    it, and each of the two more than the attack without a war."""
    shipped = load_scenario(FOLDER / "ukraine_2022.yaml")
    attack = next(event for event in shipped.events if event.id == shipped.focal)
    of_two = attack.model_copy(update={"principals": ("RUS",)})
    events = tuple(of_two if event is attack else event for event in shipped.events)
    given = shipped.model_copy(update={"events": events})
    invasion = given.arms["invasion"]
    alone = invasion.model_copy(update={"drop": (given.focal,)})
    scenario = given.model_copy(update={"arms": given.arms | {"alone": alone}})
    rise = {}
    for arm in ("alone", "invasion", "attack_without_war"):
        found = effect(scenario, arm)
        rise[arm] = found.outcomes[1][found.outcome] - found.outcomes[0][found.outcome]
    assert rise["alone"] == pytest.approx(rise["invasion"], rel=1e-6)
    assert rise["invasion"] > rise["attack_without_war"] > 0
