"""Filtered sums of arms evaluated beside the control arm's replications (`along_control`): what tests and other
benchmarks hold against full simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from balance_sim.effects.explain.attribution import StepOfArm, along_control
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Keys
from balance_sim.model.engine import consents, filtered, probability_kept
from balance_sim.model.state import Answers, Simulated, joined


def direct(
    worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str]
) -> tuple[Simulated, dict[str, Simulated]]:
    """What `FilteredSums` needs for the control arm and, beside it, for others.

    Of the others `answers` are their own; agreements are the control arm's, so that the
    difference of two filtered sums is the direct effect."""
    answers: dict[str, list[Answers]] = {}

    def look(step: StepOfArm) -> None:
        world, opportunities, rows = step.world, step.opportunities, step.rows
        if step.view.step == 0:
            answers[world.arm] = [Answers.none()]
        moment = opportunities, step.state, step.view, rows
        sides = consents(world, worlds.baseline, *moment)
        kept = probability_kept(opportunities, step.thin, step.state, rows)
        opens = filtered(world, opportunities, rows, kept, sides)
        answers[world.arm].append(Answers(rows, opens, kept))

    control = along_control(worlds, seed, runs, arms, look)
    return control, {
        arm: replace(control, answers=joined(answers[arm])) for arm in arms
    }
