"""An arm's own version of a scenario: the short way for arms that set nothing equals reading it all again."""

from __future__ import annotations

import pickle

import pytest
from balance_sim.scenario import Scenario, arm_scenario, checks, load_scenario, with_values


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("scenarios/beijing_2025.yaml")


@pytest.mark.parametrize("arm", ["no_parade", "parade", "parade_with_reassurance", "no_occasion"])
def test_dropping_and_adding_needs_no_second_reading(scenario, arm, read_arm):
    assert arm_scenario(scenario, arm) == read_arm(scenario, arm)


def test_a_loaded_scenario_carries_its_arms_wherever_it_goes(scenario, monkeypatch):
    """To a worker, and to a point of a sweep: nothing of it is dumped or read again."""
    sent = pickle.loads(pickle.dumps(scenario))
    point = with_values(sent, {"parameters.beta": 0.3})
    for name in ("model_dump", "model_validate"):
        monkeypatch.setattr(Scenario, name, lambda *_, **__: pytest.fail("dumped or read again"))
    for arm in scenario.arms:
        assert arm_scenario(sent, arm, sealed=False) is arm_scenario(sent, arm, sealed=False)
        assert arm_scenario(sent, arm, sealed=False) == arm_scenario(scenario, arm, sealed=False)
        assert arm_scenario(point, arm, sealed=False) is arm_scenario(point, arm, sealed=False)
        assert arm_scenario(point, arm, sealed=False).parameters.beta == 0.3


def test_a_point_of_a_sweep_is_set_without_reading_the_scenario(scenario, monkeypatch):
    """Not even once in a worker, and not where an arm sets what no sweep does."""
    preset = scenario.arms["parade"].model_copy(update={"set": {"theory.preset": "bandwagoning"}})
    changed = with_values(scenario.model_copy(update={"arms": scenario.arms | {"parade": preset}}), {})
    sent = pickle.loads(pickle.dumps(changed))
    monkeypatch.setattr("balance_sim.scenario.load.assemble", lambda *_, **__: pytest.fail("read again"))
    point = with_values(sent, {"theory.weights.closure": 0.3})
    assert arm_scenario(point, "parade").theory.preset == "bandwagoning"


def test_a_changed_copy_has_arms_of_its_own(scenario):
    arm_scenario(scenario, "parade")
    copy = scenario.model_copy(update={"step_days": 3.5, "events": scenario.events[:-1]})
    assert arm_scenario(copy, "parade").step_days == 3.5
    assert len(arm_scenario(copy, "parade").events) == len(arm_scenario(scenario, "parade").events) - 1


def test_an_arm_that_drops_an_event_has_it_no_more_and_leaves_the_scenario_alone(scenario):
    version = arm_scenario(scenario, "no_parade")
    assert "parade" not in {event.id for event in version.events}
    assert "parade" in {event.id for event in scenario.events}
    assert version.sha256 != scenario.sha256


def test_rows_are_checked_once_and_not_again_in_every_arm(world, monkeypatch):
    """What an arm leaves as it is, is known from the file; what it adds or sets, is looked at."""
    looked_at = []
    roles = checks.check_roles
    monkeypatch.setattr(checks, "check_roles", lambda event, row: looked_at.append(event.id) or roles(event, row))
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
