"""An arm's own version of a scenario: the short way for arms that set nothing equals reading it all again."""

from __future__ import annotations

import pytest

from balance_sim.scenario import arm_scenario, load_scenario
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
