"""An arm's expected effect as it adds up from week to week, and by dyad."""

from __future__ import annotations

from dataclasses import replace

from balance_sim.effects.expected_effect import ExpectedEffect, effect_of
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import Floats, Ints
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.expected import Estimator
from balance_sim.study.outcomes import Outcome

STEP = 14
"""Days from one number to the next."""


def effect_over_time(scenario: Scenario, arm: str) -> ExpectedEffect:
    """Return the expected effect of an arm, with outcomes by the end of every STEP
    days and of the longest window."""
    worlds = compile_worlds(scenario, chosen_arms(scenario, [arm]))
    estimator = Estimator(worlds)
    longest = estimator.windows.longest
    days = (*range(STEP, longest, STEP), longest)
    estimator.windows = replace(estimator.windows, days=days)
    return effect_of(worlds, arm, estimator, with_parts=False)


def counter_balancing(effect: ExpectedEffect) -> tuple[Ints, Floats]:
    """Return days from 0, (D,), and the effect on counter-balancing agreements by
    each, (D,)."""
    import numpy as np

    control, having = effect.outcomes
    names = {
        day: Outcome("accords", "counter", day).name
        for day in range(1, effect.window + 1)
    }
    days = [day for day, name in names.items() if name in having]
    effects = [having[names[day]] - control[names[day]] for day in days]
    return np.array([0, *days]), np.array([0.0, *effects])
