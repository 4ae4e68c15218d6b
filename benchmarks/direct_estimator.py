"""Filtered sums of arms evaluated beside the control arm's replications (`along_control`): what tests and other
benchmarks hold against full simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from balance_sim.effects.explain.attribution import StepOfArm, along_control
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Floats, Keys
from balance_sim.model.engine import consents, filtered
from balance_sim.model.state import Simulated


def direct(
    worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str]
) -> tuple[Simulated, dict[str, Simulated]]:
    """What `FilteredSums` needs for the control arm and, beside it, for others.

    Of the others `consent` is their own; agreements are the control arm's, so that the
    difference of two filtered sums is the direct effect."""
    consent: dict[str, Floats] = {}

    def look(step: StepOfArm) -> None:
        world, opportunities, rows = step.world, step.opportunities, step.rows
        if step.view.step == 0:
            consent[world.arm] = np.zeros(len(opportunities.day))
        moment = opportunities, step.state, step.view, rows
        sides = consents(world, worlds.baseline, *moment)
        weight = filtered(world, opportunities, step.thin, step.state, rows, sides)
        consent[world.arm][rows] = weight

    control = along_control(worlds, seed, runs, arms, look)
    return control, {arm: replace(control, consent=consent[arm]) for arm in arms}
