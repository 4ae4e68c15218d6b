"""An arm's own version of a scenario: the short way for arms that set nothing equals reading it all again."""

from __future__ import annotations

import pytest

from balance_sim.scenario import arm_scenario, checks, load_scenario
from balance_sim.scenario.assemble import assemble_arm
from balance_sim.scenario.problems import Mark
from balance_sim.scenario.values import as_tree


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("scenarios/beijing_2025.yaml")


@pytest.mark.parametrize("arm", ["no_parade", "parade", "parade_with_reassurance", "no_occasion"])
def test_dropping_and_adding_needs_no_second_reading(scenario, arm):
    again, problems = assemble_arm(as_tree(scenario, Mark(scenario.name, 1, 1)), scenario.name, arm)
    assert not [one for one in problems if not one.is_warning]
    assert arm_scenario(scenario, arm) == again


def test_an_arm_that_drops_an_event_has_it_no_more_and_leaves_the_scenario_alone(scenario):
    version = arm_scenario(scenario, "no_parade")
    assert "parade" not in {event.id for event in version.events}
    assert "parade" in {event.id for event in scenario.events}
    assert version.sha256 != scenario.sha256


def test_rows_are_checked_once_and_not_again_in_every_arm(world, monkeypatch):
    """What an arm leaves as it is, is known from the file; what it adds or sets, is looked at."""
    looked_at = []
    roles = checks.check_roles
    monkeypatch.setattr(
        checks, "check_roles", lambda event, row: looked_at.append(event.id) or roles(event, row)
    )
    line = "  - {id: e%d, date: 2025-10-01, kind: visit, principals: [USA, RUS]}\n"
    world.edit("provocations:\n", "".join(line % n for n in range(50)) + "provocations:\n")
    world.edit("  summit: {}\n", "  summit: {}\n" + "".join(f"  a{n}: {{drop: [e{n}]}}\n" for n in range(40)))
    scenario = world.load()
    assert len(scenario.arms) == 44 and len(scenario.events) == 53
    assert sorted(looked_at) == sorted([event.id for event in scenario.events] + ["reassurance", "summit"])


@pytest.mark.parametrize(
    ("settings", "code", "path"),
    [
        (
            "capability.gdp: 0.5, capability.milex: 0.5",
            "W303",
            "states.KOR",
        ),  # a row that the arm leaves as it is
        ("events.aid.accord: usa_jp", "E309", "events.aid.accord"),
        ("events.aid.principals: [EGY], events.aid.targets: [ETH]", "W305", "events.aid.principals"),
        ("provocations.probing.rate: 60", "W214", "provocations.probing.rate"),
        ("accords.jpn-kor-talks.opened: 2025-09-05", "E215", "accords.jpn-kor-talks.opened"),
    ],
)
def test_what_is_wrong_in_one_arm_alone_is_found_there(world, settings, code, path):
    world.edit("parameters:", "capability: {gdp: 1, milex: 0, population: 0}\nparameters:")
    world.edit("gdp_bn: 1870, milex_bn: 47.6,", "gdp_bn: 1870,")
    assert not [one for one in world.check()[1] if one.code == code]
    world.edit("events.summit.visibility: 0.5", settings)
    assert [one.path for one in world.check()[1] if one.code == code] == [f"arms.half: {path}"]
