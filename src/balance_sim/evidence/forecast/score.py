"""Scores of forecasts for dyads side by side, with paired intervals.

p: (N,) probabilities; y: (N,) 0 or 1, what happened; dyad: (N,) a number for the dyad
of each row. The scores themselves: `stats.scores`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from balance_sim.stats import Floats
from balance_sim.stats.scores import (
    FLOOR,
    Ranking,
    carrying,
    checked,
    cluster_resamples,
    resampled,
    surprise,
)

MODEL, REFERENCE = "model", "base_rate"
SCORES = ("brier", "log_score", "auc", "average_precision")
SKILLS = ("brier_skill", "log_skill", "auc_gain", "average_precision_gain")
GAINS = ("brier_skill", "log_skill", "auc", "average_precision")
DETECTION = 2.80
"""Normal quantiles 0.975 and 0.8 added: an effect of this many standard errors is seen
8 times in 10."""


type Scores = dict[str, Any]
"""One forecast's scores and, against the reference, its skills.

n, events: rows, and those of them that happened; expected: sum of the probabilities;
clipped: probabilities of 0 or 1; brier: mean squared error, Brier 1950, Monthly Weather
Review 78: 1-3. Skills are 1 - score / reference; of AUC and average precision plain
differences; each with `_se` and `_ci95` over resamples of dyads. model_gains: by
measure of GAINS, how much better the forecast named `model` is than this one, from the
same resamples (`value`, `se`, `ci95`); none for the model itself.
minimum_detectable_log_skill: smallest true log skill that this sample would show 8
times in 10. NaN where a number is undefined."""


def interval(value: float, draws: Floats, carry: int) -> tuple[float, list[float]]:
    """Standard error and 95 % interval of a number from its draws over resamples of
    dyads; NaN where too few are numbers."""
    finite_draws = draws[np.isfinite(draws)]
    if len(finite_draws) < 2:
        return float("nan"), [float("nan"), float("nan")]
    bounds = resampled(float(value), finite_draws, carry)
    return float(finite_draws.std(ddof=1)), list(bounds)


def score_forecasts(
    forecasts: Mapping[str, ArrayLike],
    y: ArrayLike,
    dyad: ArrayLike,
    resamples: int = 1000,
    seed: int = 1,
) -> dict[str, Scores]:
    """Score every forecast against the one named `base_rate`, with intervals from one
    set of resamples of whole dyads.

    The resamples are shared, so differences between forecasts are paired. No interval
    where fewer than `scores.FEWEST` dyads have an event, or have none. Raises
    ValueError if a forecast has another length than y or a value outside 0..1."""
    probabilities = {name: checked(p, y)[0] for name, p in forecasts.items()}
    y = checked(probabilities[REFERENCE], y)[1]
    _, cluster = np.unique(np.asarray(dyad), return_inverse=True)
    clusters = int(cluster.max()) + 1
    carry = carrying(y, cluster)
    rankings = {name: Ranking(p, y) for name, p in probabilities.items()}
    losses = {}  # rows, squared error and surprise summed by dyad
    for name, p in probabilities.items():
        by_row = np.ones_like(p), (p - y) ** 2, surprise(p, y)
        sums = [np.bincount(cluster, column, clusters) for column in by_row]
        losses[name] = np.array(sums)

    def measures(weight: Floats) -> dict[str, Floats]:
        """Brier, log score, AUC, average precision with a weight for each dyad."""
        row_weight, values = weight[cluster], {}
        for name, ranking in rankings.items():
            rows, squared, log = losses[name] @ weight
            auc, precision = (
                ranking.auc(row_weight),
                ranking.average_precision(row_weight),
            )
            values[name] = np.array([squared / rows, log / rows, auc, precision])
        return values

    scores = measures(np.ones(clusters))
    drawn = cluster_resamples(measures, clusters, resamples, seed)
    skills, drawn_skills = _skills(scores), _skills(drawn)
    by_forecast: dict[str, Scores] = {}
    for name, p in probabilities.items():
        row: Scores = {
            "n": len(y),
            "events": int(y.sum()),
            "expected": float(p.sum()),
            "clipped": int(((p < FLOOR) | (p > 1 - FLOOR)).sum()),
        }
        row |= zip(SCORES, map(float, scores[name]), strict=True)
        for column, skill in enumerate(SKILLS):
            row[skill] = float(skills[name][column])
            draws = drawn_skills[name][:, column]
            row[f"{skill}_se"], row[f"{skill}_ci95"] = interval(
                row[skill], draws, carry
            )
        if MODEL in probabilities and name != MODEL:
            row["model_gains"] = gains = {}
            for column, measure in enumerate(GAINS):
                gain = float(skills[MODEL][column] - skills[name][column])
                draws = drawn_skills[MODEL][:, column] - drawn_skills[name][:, column]
                error, bounds = interval(gain, draws, carry)
                gains[measure] = {"value": gain, "se": error, "ci95": bounds}
        row["minimum_detectable_log_skill"] = DETECTION * row["log_skill_se"]
        by_forecast[name] = row
    return by_forecast


def _skills(measures: Mapping[str, Floats]) -> dict[str, Floats]:
    """(..., 4) of each forecast: Brier and log skill over the reference, and
    differences in AUC and average precision.

    Over a reference whose Brier score is perfect there is no skill: NaN."""
    reference = measures[REFERENCE]
    base = np.where(reference[..., :1] == 0, np.nan, reference[..., :2])
    skills = {}
    for name, values in measures.items():
        ratios = 1 - values[..., :2] / base
        differences = values[..., 2:] - reference[..., 2:]
        skills[name] = np.concatenate([ratios, differences], axis=-1)
    return skills


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
