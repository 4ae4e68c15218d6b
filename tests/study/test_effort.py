"""A dated change of effort: engine, spans and attribution raise effort on the day, by the same amount."""

from datetime import timedelta

import numpy as np
import pytest
from balance_sim.effects.explain.attribution import along_control
from balance_sim.effects.explain.coalitions import StepOfArm
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import World
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario
from balance_sim.scenario.schema import Arm, Change
from balance_sim.study.expected import Estimator
from balance_sim.study.spans import course, in_spans, with_event

DAYS = (60, 130)
RISES = (0.5, 0.2)
"""Efforts decided on from each day on: a rise, and a part of it taken back."""
ONE = np.arange(1, dtype=np.uint64)


@pytest.fixture(scope="module")
def worlds(starter: Scenario) -> Worlds:
    """No state answers alarm with effort, so that what changes decide on is all there is."""
    state = starter.codes[0]
    changes = tuple(
        Change.model_validate({"date": starter.start + timedelta(days=day), "state": state, "effort": rise})
        for day, rise in zip(DAYS, RISES, strict=True)
    )
    parameters = starter.parameters.model_copy(update={"effort_reaction": 0.0})
    update = {"arms": {**starter.arms, "armed": Arm(changes=changes)}, "parameters": parameters}
    return compile_worlds(starter.model_copy(update=update))


def wanted(worlds: Worlds, day: float) -> float:
    """The effort in the step that begins on a day: what was last decided on, which is held."""
    decided = [rise for begin, rise in zip(DAYS, RISES, strict=True) if begin <= day]
    return decided[-1] if decided else 0.0


def place(worlds: Worlds) -> int:
    return worlds.reference.codes.index(worlds.scenario.codes[0])


def test_the_engine_raises_effort_on_the_day(worlds: Worlds) -> None:
    world = worlds.arms["armed"]
    opportunities = draw_opportunities(world, 1, ONE, None)
    found: dict[float, float] = {}

    def look(present: World, state: BlockState, view: View) -> None:
        found[world.grid[view.step]] = state.effort[0, place(worlds)]

    simulate(world, worlds.baseline, opportunities, thinning(world, opportunities, None), 1, ONE, look)
    assert {*DAYS} <= {*found}
    assert found == pytest.approx({day: wanted(worlds, day) for day in found})


def test_spans_raise_effort_on_the_day_as_the_engine_does(worlds: Worlds) -> None:
    estimator = Estimator(worlds)
    spans = in_spans(worlds.arms["armed"], estimator.edges)
    states = course(spans, worlds.baseline).states
    found = {spans.grid[step]: state.effort[0, place(worlds)] for step, state in enumerate(states)}
    assert {*DAYS} <= {*found}
    assert found == pytest.approx({day: wanted(worlds, day) for day in found})


@pytest.mark.parametrize("day", [*DAYS, 100])
def test_a_course_that_goes_on_from_another_raises_effort_once(worlds: Worlds, day: int) -> None:
    """With one more event on the very day of a change, and on another."""
    estimator = Estimator(worlds)
    spans = in_spans(worlds.arms["armed"], estimator.edges)
    dyads = np.arange(len(spans.first))
    before = course(spans, worlds.baseline, dyads)
    focal = next(event for event in worlds.scenario.events if event.id == worlds.scenario.focal)
    further = focal.model_copy(update={"id": "further", "date": worlds.scenario.start + timedelta(days=day)})
    more = with_event(spans, worlds.scenario, further)
    beside = course(more, worlds.baseline, dyads, beside=before)
    alone = course(more, worlds.baseline, dyads)
    for number, (one, other) in enumerate(zip(beside.states, alone.states, strict=True)):
        assert one.effort == pytest.approx(other.effort), spans.grid[number]
    assert beside.consent == pytest.approx(alone.consent)


def test_attribution_raises_effort_on_the_day(worlds: Worlds) -> None:
    found: dict[float, float] = {}

    def look(step: StepOfArm) -> None:
        if step.world.decided_effort is not None or step.world.arm == "armed":
            found[float(step.state.day)] = step.state.effort[0, place(worlds)]

    along_control(worlds, 1, ONE, ["armed"], look)
    assert {*DAYS} <= {*found}
    assert found == pytest.approx({day: wanted(worlds, day) for day in found})
