"""The direct effect of an arm: its beliefs and effort evaluated beside the control arm's replications.

At every opportunity of an idle clock the probability q that talks would open in another arm stands beside the control
arm's own, p. The sum of (q - p) / bound * P(signed in time) is what the arm's beliefs do to consent while the network
of agreements is the control arm's. It costs half of simulating the arm and varies less, and it leaves out the feedback
through agreements that differ, and the pace of talks; results that rest on it say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Floats, Ints, Keys, Opportunities, Thinning, World
from balance_sim.model.engine import (
    advance,
    begin,
    consents,
    effort_after,
    filtered,
    open_to_consent,
    perceive,
    turn_of_step,
    watch_margins,
)
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState, Hastened, Simulated
from balance_sim.model.thinning import BoundExceeded, draw_opportunities, thinning
from balance_sim.model.willingness import account


@dataclass(frozen=True)
class StepOfArm:
    """What the states of one arm see in a step of the control arm's replications; `view` holds until the next.

    rows: (K,) the step's opportunities of idle clocks that were not thinned. account: takes willingness apart."""

    world: World
    state: BlockState
    view: View
    chances: Opportunities
    thin: Thinning
    rows: Ints
    account: Callable[[Prospects], dict[str, Floats]] = account


Look = Callable[[StepOfArm], None]


@dataclass(frozen=True)
class Along:
    """Replications of the control arm, with what was drawn for them."""

    chances: Opportunities
    control: Simulated


def along_control(worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str], look: Look) -> Along:
    """Simulate the control arm; in each step show what each of the other arms, and then it, would see.

    An arm's state is the control arm's, with an effort of its own. A step is shown again, from the first on, where a
    replication leaves the margins of its bounds."""
    control, baseline = worlds.reference, worlds.baseline
    bound = worlds.bounds[worlds.scenario.reference_arm]

    def along(most: Floats | None) -> Along:
        chances = draw_opportunities(control, seed, runs, most)
        thin = thinning(control, chances, bound)
        state, consent = begin(control, baseline, seed, runs), []
        effort = {arm: state.effort.copy() for arm in arms}
        for step in range(control.steps):
            turn_of_step(control, state)
            watch_margins(control, baseline, chances, state)
            rows = open_to_consent(control, chances, thin, state, *chances.starts[step : step + 2])
            for arm in arms:
                world, beside = worlds.arms[arm], replace(state, effort=effort[arm])
                view = perceive(world, beside, step)
                look(StepOfArm(world, beside, view, chances, thin, rows))
                effort[arm] = effort_after(world, baseline, effort[arm], view.insecurity, step)
            view = perceive(control, state, step)
            look(StepOfArm(control, state, view, chances, thin, rows))
            consent.append(advance(control, baseline, chances, thin, state, view, seed))
        turn_of_step(control, state)
        return Along(chances, Simulated(state.accords, np.concatenate(consent), Hastened.joined(state.hastened)))

    try:
        return along(bound)
    except BoundExceeded:
        return along(None)


def direct(worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str]) -> tuple[Along, dict[str, Simulated]]:
    """What `Filtered` needs for the control arm and, beside it, for others.

    Of the others `consent` is their own; agreements and the pace of talks are the control arm's, so that the difference
    of two filtered sums is the direct effect."""
    found: dict[str, Floats] = {}

    def look(seen: StepOfArm) -> None:
        if seen.view.step == 0:
            found[seen.world.arm] = np.zeros(len(seen.chances.day))
        sides = consents(seen.world, worlds.baseline, seen.chances, seen.state, seen.view, seen.rows)
        weight = filtered(seen.world, seen.chances, seen.thin, seen.state, seen.rows, sides)
        found[seen.world.arm][seen.rows] = weight

    along = along_control(worlds, seed, runs, arms, look)
    return along, {arm: replace(along.control, consent=found[arm]) for arm in arms}
