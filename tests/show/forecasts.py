"""Scores of forecasts made by hand, in the form that `hindcast` and `score` write."""

from typing import Any

import numpy as np
from balance_sim.evidence.forecast.score import score_forecasts
from balance_sim.scenario.errors import plain_data
from balance_sim.stats.scores import reliability_table


def way(events: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Scores and bins of two forecasts of 400 rows, of which the first so many happen."""
    y = np.zeros(400)
    y[:events] = 1
    rng = np.random.default_rng(1)
    sharp = np.where(y > 0, 0.3, 0.02) + rng.uniform(0, 0.02, 400)
    forecasts = {"model": sharp, "base_rate": np.full(400, 0.05), "logit": np.full(400, 0.04) + 0.1 * y}
    states = np.column_stack(np.triu_indices(29, 1))[:400]
    scores = score_forecasts(forecasts, y, states, np.arange(400) % 4)
    bins = reliability_table(sharp, y)[["low", "high", "n", "expected", "happened"]].to_dict("records")
    return plain_data(scores), [dict(row) for row in bins]


def hindcast_document(events: int = 20) -> dict[str, Any]:
    scores, bins = way(events)
    about = {
        "fitted": [1990, 1999], "forecast": [2000, 2001],
        "plan": {"title": "A <b>trial</b>", "window": 10},
        "weights": {"size": 0.5}, "standard_errors": {"size": 0.1}, "notes": ["one left out"],
        "data": [{"source": "DCAD", "file": "d.csv", "rows": 4, "sha256": "ab"}],
        "calibration": {"one_year_ahead": bins},
        "log_skill_by_year": {"one_year_ahead": {"2000": {"model": 0.2, "base_rate": 0.0}}},
    }  # fmt: skip
    return {"one_year_ahead": scores, "about": about}
