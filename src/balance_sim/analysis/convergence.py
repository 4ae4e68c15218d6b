"""How many more runs the wanted precision needs, by the intervals that are reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.stats.intervals import Sides, paired_half_widths, student_half_width

Floats = npt.NDArray[np.float64]


def runs_wanted(y: Floats, precision: float, spread: Floats | None = None) -> dict[str, Any]:
    """y: (points, runs). Half-widths of the 95 % intervals over points, and the runs a point needs.

    The intervals are those of `run` and `sweep`, of two sides the longer. A half-width shrinks with the root of the
    runs, or faster where few runs differ: n (half-width / precision)^2 reach it. spread: (points,) of the outcome of an
    effect that was drawn, as in `intervals.paired_half_widths`; None: Student's t. points_alike: points at which all
    runs are the same; they count as exact."""
    runs = y.shape[1]
    alike = {"points": len(y), "points_alike": int((y == y[:, :1]).all(axis=1).sum())}
    if runs < 2:
        gap = float("nan")
        return {"runs": runs, "half_width": gap, "half_width_worst": gap, "wanted": precision} | {
            "runs_wanted": gap,
            "more_runs": gap,
            **alike,
        }
    sd = y.std(axis=1, ddof=1)
    if spread is None:
        half = student_half_width(sd, runs)
    else:
        half = np.maximum(*paired_half_widths(sd, runs, Sides.of(y.T - np.median(y, axis=1)), spread))
    need = max(int(np.ceil(runs * (float(half.max()) / precision) ** 2)), 1)
    return {
        "runs": runs,
        "half_width": float(np.median(half)),
        "half_width_worst": float(half.max()),
        "wanted": precision,
        "runs_wanted": need,
        "more_runs": max(need - runs, 0),
        **alike,
    }
