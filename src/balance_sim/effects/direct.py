"""The direct effect of an arm: its beliefs and effort evaluated beside the control
arm's replications.

At every opportunity of an idle clock the probability q that talks would open in another
arm stands beside the control arm's own, p. The sum of (q - p) / bound * P(signed in
time) is what the arm's beliefs do to consent while the network of agreements is the
control arm's. It costs half of simulating the arm and varies less, and it leaves out
the feedback through agreements that differ; results that rest on it say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from balance_sim.model import sights
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Floats, Ints, Keys, Opportunities, Thinning, World
from balance_sim.model.engine import (
    effort_after,
    open_to_consent,
    perceive,
    simulate,
)
from balance_sim.model.perception import View
from balance_sim.model.policies import begin_enacted, decided_effort, enact
from balance_sim.model.state import BlockState, Simulated, Workspace
from balance_sim.model.thinning import draw_opportunities, thinning


@dataclass(frozen=True)
class StepOfArm:
    """What the states of one arm see in a step of the control arm's replications;
    `view` holds until the next.

    rows: (K,) the step's opportunities of idle clocks that were not thinned."""

    world: World
    state: BlockState
    view: View
    opportunities: Opportunities
    thin: Thinning
    rows: Ints


Look = Callable[[StepOfArm], None]


class BoundExceeded(Exception):
    """A replication left the margins: what was shown lacks some of its
    opportunities."""


def along_control(
    worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str], look: Look
) -> Simulated:
    """Simulate the control arm; in each step show what each of the other arms, and then
    it, would see.

    An arm's state is the control arm's, with an effort of its own, and what its own
    policies do but for agreements that they end. A step is shown again, from the first
    on, where a replication leaves the margins of its bounds."""
    bound = worlds.bounds[worlds.scenario.reference_arm]
    try:
        return _along(worlds, seed, runs, arms, look, bound)
    except BoundExceeded:
        return _along(worlds, seed, runs, arms, look, None)


def _along(
    worlds: Worlds,
    seed: int,
    runs: Keys,
    arms: Sequence[str],
    look: Look,
    bound: Floats | None,
) -> Simulated:
    control, baseline = worlds.reference, worlds.baseline
    opportunities = draw_opportunities(control, seed, runs, bound)
    thin = thinning(
        control, opportunities, worlds.bounds[worlds.scenario.reference_arm]
    )
    states_by_arm: dict[str, BlockState] = {}
    workspace = Workspace.lay(len(runs), len(control.audience_names), control.n)

    def observe(present: World, state: BlockState, view: View) -> None:
        if (opportunities.thinned & ~state.within).any():
            raise BoundExceeded
        step = int(view.step)
        first, stop = opportunities.starts[step : step + 2]
        rows = open_to_consent(control, opportunities, thin, state, first, stop)
        drawn = opportunities, thin, rows
        for arm in arms:
            world = worlds.arms[arm].at(step)
            if arm not in states_by_arm:
                states_by_arm[arm] = replace(
                    state, enacted=begin_enacted(world, len(runs))
                )
            earlier_state = replace(
                state,
                effort=states_by_arm[arm].effort,
                enacted=states_by_arm[arm].enacted,
            )
            enact(world, earlier_state, world.grid[step])
            arm_state = replace(
                state,
                effort=earlier_state.effort,
                enacted=earlier_state.enacted,
                workspace=workspace,
            )
            arm_view = perceive(world, arm_state, step)
            look(StepOfArm(world, arm_state, arm_view, *drawn))
            sights.look(world, arm_state, arm_view)
            decided = decided_effort(world, arm_state)
            arm_state.effort = effort_after(
                world, baseline, earlier_state.effort, arm_view.total, decided, step
            )
            states_by_arm[arm] = arm_state
        look(StepOfArm(present, state, view, *drawn))

    return simulate(control, baseline, opportunities, thin, seed, runs, observe)
