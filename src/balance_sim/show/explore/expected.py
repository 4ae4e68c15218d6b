"""What a page shows of an expected effect: exact numbers of the expected estimator, without replications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from balance_sim.analysis.expected_effect import ExpectedEffect
    from balance_sim.scenario.schema import Scenario

SCALE = 100_000  # effects on a dyad are a few thousandths of an agreement
MOST_PAIRS = 12
CHANNELS = ("picture", "threat", "rest")


def days_of(scenario: Scenario) -> list[int]:
    """Day 0 and the ends of the windows: where an expected effect is told."""
    return [0, *sorted(scenario.report.windows)]


def expected_point(found: ExpectedEffect, numbers: dict[tuple[int, int], int]) -> dict[str, Any]:
    """What a page shows of an expected effect, as `point` of data.py has it of a study; values in 1/SCALE.

    n: 0 replications; e: effect by the ends of the windows; l, h: no interval; m, w: expected numbers in the control
    arm and in the arm; c: its channels (null: the arm lacks the event, or they were not asked for); p, s: of the dyads
    furthest from zero and of all states that differ. numbers: the dyads' numbers, added to."""
    names = [f"accords_counter_{days}" for days in days_of(found.scenario)[1:]]
    control, arm = (np.array([0.0, *(of[name] for name in names)]) for of in found.outcomes)
    codes = {code: k for k, code in enumerate(found.scenario.codes)}
    dyads = found.dyads
    first, second = (dyads[side].map(codes).to_numpy(int) for side in ("a", "b"))
    effect = dyads["effect"].to_numpy(float)
    of_state = sum(np.bincount(side, effect, len(codes)) for side in (first, second))
    rows = [k for k in range(min(MOST_PAIRS, len(dyads))) if whole([effect[k]]) != [0]]
    pairs = [(int(first[k]), int(second[k])) for k in rows]
    return {
        "n": 0,
        "e": whole(arm - control),
        "l": [None] * len(control),
        "h": [None] * len(control),
        "m": whole(control),
        "w": whole(arm),
        "c": whole([found.parts[name] for name in CHANNELS]) if found.parts else None,
        "p": [
            [numbers.setdefault(pair, len(numbers)), *whole([effect[k]]), None, None, 1]
            for k, pair in zip(rows, pairs, strict=True)
        ],
        "s": [[k, value] for k, value in enumerate(whole(np.asarray(of_state))) if value],
    }


def whole(values: Iterable[float]) -> list[Any]:
    """Values in 1/SCALE; None where there is none."""
    return [round(SCALE * float(v)) if np.isfinite(v) else None for v in values]
