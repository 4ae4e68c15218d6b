"""Effort that a change decides on is there from its day on: in replications, in the spans of the expected estimator and
beside the control arm's replications alike."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from balance_sim.effects.explain.attribution import along_control
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.engine import simulate
from balance_sim.model.policies import decided_rise
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario
from balance_sim.scenario.schema import Arm, Change
from balance_sim.study.expected import Estimator
from balance_sim.study.spans import at_start, course, in_spans, walk

STATE = "XBE"
RISES = {40: 0.5, 47: 0.2, 150: 0.35}
"""Effort by day of the change: up, down, up."""
RUNS = np.arange(2, dtype=np.uint64)


def arming(scenario: Scenario, rises: dict[int, float], *, reaction: float) -> Worlds:
    """The summit with changes of a state's effort, and states that answer alarm with effort of their own."""
    changes = tuple(
        Change(date=scenario.start + timedelta(days=day), state=STATE, effort=effort) for day, effort in rises.items()
    )
    parameters = scenario.parameters.model_copy(update={"effort_reaction": reaction})
    rare = {  # no agreement moves anybody's alarm
        name: kind.model_copy(update={"ceiling": 1e-9}) for name, kind in scenario.kinds.items()
    }
    update = {"arms": {**scenario.arms, "arming": Arm(changes=changes)}, "parameters": parameters, "kinds": rare}
    return compile_worlds(scenario.model_copy(update=update))


def in_replications(worlds: Worlds, arm: str) -> dict[float, np.ndarray]:
    """Effort at the beginning of each step."""
    world, seen = worlds.arms[arm], {}
    opportunities = draw_opportunities(worlds.reference, 1, RUNS)
    thin = thinning(world, opportunities, worlds.bounds[arm])
    given = world, worlds.baseline, opportunities, thin, 1, RUNS
    simulate(*given, lambda present, state, view: seen.setdefault(present.grid[view.step], state.effort[0].copy()))
    return seen


def decided_on(day: float) -> float:
    """The last effort decided on by a day."""
    return max([(since, effort) for since, effort in RISES.items() if since <= day], default=(0, 0.0))[1]


def test_where_nobody_reacts_effort_is_what_was_decided(starter: Scenario) -> None:
    """The closed form, on the day, on every other and at the end of the scenario."""
    worlds = arming(starter, RISES, reaction=0.0)
    world, estimator = worlds.arms["arming"], Estimator(worlds)
    (wanted,) = estimator.courses_of([world])
    whose, engine = world.codes.index(STATE), in_replications(worlds, "arming")
    for day in (0.0, 20.0, 39.0, 39.999, 40.0, 43.0, 46.999, 47.0, 100.0, 149.0, 150.0, 300.0, world.grid[-1]):
        assert wanted.effort_on(day)[whose] == pytest.approx(decided_on(day), abs=1e-12)
        assert np.delete(wanted.effort_on(day), whose).tolist() == [0.0] * (world.n - 1)
    for day, effort in engine.items():
        assert effort[whose] == pytest.approx(decided_on(day), abs=1e-12)


def test_spans_and_replications_have_the_same_effort(starter: Scenario) -> None:
    """Each step a span, nobody signs, states react to alarm: equal at the beginning of every step."""
    worlds = arming(starter, RISES, reaction=0.3)
    engine, world = in_replications(worlds, "arming"), worlds.arms["arming"]
    wanted = course(in_spans(world, np.arange(world.steps + 1)), worlds.baseline)
    for day, effort in engine.items():
        np.testing.assert_allclose(wanted.effort_on(day), effort, rtol=1e-6, atol=1e-7)
    others = np.delete([*engine.values()], world.codes.index(STATE), axis=1)
    assert np.abs(others).max() > 1e-3, "others react"


def test_beside_the_control_arm_effort_is_that_of_the_arm_alone(starter: Scenario) -> None:
    worlds = arming(starter, RISES, reaction=0.3)
    beside: dict[str, list[np.ndarray]] = {"arming": [], worlds.scenario.reference_arm: []}
    along_control(worlds, 1, RUNS, ("arming",), lambda step: beside[step.world.arm].append(step.state.effort[0].copy()))
    alone = [*in_replications(worlds, "arming").values()]
    np.testing.assert_allclose(beside["arming"], alone, rtol=1e-12)


def test_a_rise_counts_once_where_a_course_begins_in_the_middle(starter: Scenario) -> None:
    """A walk that goes on from what a span found has what the whole walk has."""
    worlds = arming(starter, RISES, reaction=0.3)
    world = in_spans(worlds.arms["arming"], np.arange(worlds.reference.steps + 1))
    whole = [state for state, _ in walk(world, worlds.baseline, at_start(world))]
    rising = [step for step in range(world.steps) if np.any(decided_rise(world, step))]
    assert len(rising) == len(RISES)
    for first in (rising[0] - 1, *rising):
        *_, (last, _) = walk(world, worlds.baseline, replace(whole[first]), first)
        np.testing.assert_array_equal(last.effort, whole[-1].effort)


def test_what_is_decided_by_the_start_is_in_the_data(starter: Scenario) -> None:
    """A change dated on the first day raises nothing at once; a decision that stays the same raises nothing anew."""
    worlds = arming(starter, {0: 0.4, 60: 0.4, 90: 0.1}, reaction=0.0)
    world = worlds.arms["arming"]
    whose = world.codes.index(STATE)
    rises = {
        day: np.broadcast_to(decided_rise(world, step), world.n)[whose] for step, day in enumerate(world.grid[:-1])
    }
    assert rises[0.0] == 0.0 and rises[60.0] == 0.0
    assert {day for day, rise in rises.items() if rise} == {90.0}
    assert rises[90.0] == pytest.approx(-0.3)
