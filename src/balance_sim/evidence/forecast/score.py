"""Scores of forecasts for dyads side by side, with paired intervals.

p: (N,) probabilities; y: (N,) 0 or 1, what happened; states: (N, 2) numbers of both
states of each row. Dyads that share a state vary together, since a state has years of
its own in which it signs much or little: standard errors are dyadic-robust
(`Dyads`), of each score to first order in the weights of rows. Years as
replicates stand beside them. The scores themselves: `evidence.scores`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from balance_sim.evidence.scores import (
    FEWEST,
    FEWEST_UNEVEN,
    FLOOR,
    Dyads,
    Ranking,
    carrying,
    checked,
    grouped_error,
    student,
    surprise,
)
from balance_sim.stats import Floats, Ints

MODEL, REFERENCE = "model", "base_rate"
SCORES = ("brier", "log_score", "auc", "average_precision")
SKILLS = {
    "brier_skill": "brier_skill",
    "log_skill": "log_skill",
    "auc_gain": "auc",
    "average_precision_gain": "average_precision",
}
"""Skills over the reference, and what the model's gain in each is called."""
UNEVEN = ("brier_skill", "average_precision")
"""Gains that may rest on a few dyads alone."""
DETECTION = 2.80
"""Normal quantiles 0.975 and 0.8 added: an effect of this many standard errors is seen
8 times in 10."""


type Scores = dict[str, Any]
"""One forecast's scores and, against the reference, its skills.

n, events: rows, and those of them that happened; expected: sum of the probabilities;
clipped: probabilities of 0 or 1; brier: mean squared error, Brier 1950, Monthly Weather
Review 78: 1-3. Skills are 1 - score / reference; of AUC and average precision plain
differences; each with `_se` and `_ci95`, dyadic-robust, and `_ci95_years`, years as
replicates. model_gains: by measure, how much better the forecast named `model` is than
this one (`value`, `se`, `ci95`, `ci95_years`); none for the model itself.
minimum_detectable_log_skill: smallest true log skill that this sample would show 8
times in 10. NaN where a number is undefined."""


WAY = "one_year_ahead"
"""How `hindcast` forecasts: with the history known up to each year."""


@dataclass(frozen=True)
class Rows:
    """What intervals need to know of the rows. year: (N,) from 0; carry: dyads with an
    event, or dyads without one, the fewer; replicates: these, or states with an event,
    if they are fewer."""

    dyads: Dyads
    year: Ints
    carry: int
    replicates: int

    def interval(self, value: float, slope: Floats, fewest: int) -> dict[str, Any]:
        """`se`, `ci95` and `ci95_years` of a number with a slope (N,) by the weight of
        each row; NaN where too few dyads carry it."""
        nan = float("nan")
        years = student(
            value, grouped_error(slope, self.year), int(self.year.max()) + 1
        )
        if not np.isfinite(value) or (slope.any() and self.carry < fewest):
            return {"se": nan, "ci95": [nan, nan], "ci95_years": [nan, nan]}
        error = self.dyads.error(slope)
        bounds = student(value, error, max(self.replicates, 2))
        return {"se": error, "ci95": bounds, "ci95_years": years}


def score_forecasts(
    forecasts: Mapping[str, ArrayLike],
    y: ArrayLike,
    states: Ints,
    year: Ints | None = None,
) -> dict[str, Scores]:
    """Score every forecast against the one named `base_rate`, with intervals.

    Differences between forecasts are paired row by row. year: (N,); one if not given.
    No interval where fewer than `scores.FEWEST` dyads have an event, or have none, of
    UNEVEN gains fewer than `scores.FEWEST_UNEVEN`.
    Raises ValueError where a forecast has another length than y or is outside 0..1."""
    probabilities = {name: checked(p, y)[0] for name, p in forecasts.items()}
    y = checked(probabilities[REFERENCE], y)[1]
    place = np.zeros(len(y), dtype=np.int64)
    if year is not None:
        place = np.unique(year, return_inverse=True)[1]
    dyads = Dyads(states)
    carry, signing = carrying(y, dyads.dyad), len(np.unique(states[y > 0]))
    rows = Rows(dyads, place, carry, min(carry, signing))
    equal = np.ones_like(y)
    scores = {name: weighted_scores(p, y, equal) for name, p in probabilities.items()}
    skills = {name: _skills(*own, *scores[REFERENCE]) for name, own in scores.items()}
    by_forecast: dict[str, Scores] = {}
    for name, p in probabilities.items():
        row: Scores = {
            "n": len(y),
            "events": int(y.sum()),
            "expected": float(p.sum()),
            "clipped": int(((p < FLOOR) | (p > 1 - FLOOR)).sum()),
        }
        row |= zip(SCORES, map(float, scores[name][0]), strict=True)
        gains = {}
        for column, (skill, gain) in enumerate(SKILLS.items()):
            fewest = FEWEST_UNEVEN if gain in UNEVEN else FEWEST
            row[skill] = float(skills[name][0][column])
            interval = rows.interval(row[skill], skills[name][1][column], fewest)
            row |= {f"{skill}_{key}": value for key, value in interval.items()}
            if MODEL in probabilities:
                value, slope = (
                    model[column] - rival[column]
                    for model, rival in zip(skills[MODEL], skills[name], strict=True)
                )
                interval = rows.interval(float(value), slope, fewest)
                gains[gain] = {"value": float(value), **interval}
        if gains and name != MODEL:
            row["model_gains"] = gains
        row["minimum_detectable_log_skill"] = DETECTION * row["log_skill_se"]
        by_forecast[name] = row
    return by_forecast


def weighted_scores(p: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """(4,) `SCORES` of a forecast whose rows have a weight (N,), and (4, N) their
    slopes by each row's share of its weight."""
    ranking, losses = Ranking(p, y), np.array([(p - y) ** 2, surprise(p, y)])
    means = np.average(losses, axis=1, weights=weight)
    ranks = ranking.auc(weight), ranking.average_precision(weight)
    slopes = np.full((4, len(p)), np.nan)
    slopes[:2] = (losses - means[:, None]) / weight.sum()
    if np.isfinite(ranks).all():
        slopes[2:] = ranking.auc_slope(weight), ranking.average_precision_slope(weight)
    return np.array([*means, *ranks]), slopes * weight


def _skills(
    scores: Floats, slopes: Floats, base: Floats, base_slopes: Floats
) -> tuple[Floats, Floats]:
    """(4,) and (4, N) of a forecast: Brier and log skill over the reference, and
    differences in AUC and average precision.

    Over a reference whose Brier score is perfect there is no skill: NaN."""
    loss = np.where(base[0] == 0, np.nan, base[:2])
    ratio = scores[:2] / loss
    of_ratio = (ratio[:, None] * base_slopes[:2] - slopes[:2]) / loss[:, None]
    skills = np.concatenate([1 - ratio, scores[2:] - base[2:]])
    return skills, np.concatenate([of_ratio, slopes[2:] - base_slopes[2:]])


def best_baseline(scores: Mapping[str, Scores]) -> str | None:
    """The forecast with the highest log skill but for the model and the reference; None
    where there is none.

    Of equals the first in the order of the names. It is picked on the rows that it is
    scored on, so what the model gains on it is rather too small."""
    others = []
    for name, row in scores.items():
        skill = row["log_skill"]
        if name not in (MODEL, REFERENCE) and not np.isnan(skill):
            others.append((-skill, name))
    return min(others)[1] if others else None
