"""Scores of forecasts for dyads side by side, with paired intervals.

p: (N,) probabilities; y: (N,) 0 or 1, what happened; dyad: (N,) a number for the dyad
of each row. The scores themselves: `stats.scores`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Interval:
    """A number with its standard error and 95 % interval over resamples of dyads."""

    value: float
    standard_error: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: Floats, carry: int) -> Interval:
        """The interval of a number from its draws; NaN where too few are numbers."""
        finite_draws = draws[np.isfinite(draws)]
        if len(finite_draws) < 2:
            return cls(float(value), float("nan"), float("nan"), float("nan"))
        low, high = resampled(float(value), finite_draws, carry)
        return cls(float(value), float(finite_draws.std(ddof=1)), low, high)


@dataclass(frozen=True)
class Scores:
    """One forecast's scores and, against the reference, its skills.

    brier: mean squared error, Brier 1950, Monthly Weather Review 78: 1-3. Skills are
    1 - score / reference; of AUC and average precision plain differences. detectable:
    smallest true log skill that this sample would show 8 times in 10. model_gains: by
    measure of GAINS, how much better the forecast named `model` is than this one, from
    the same resamples; none for the model itself."""

    n: int
    events: int
    expected: float
    clipped: int
    brier: float
    log_score: float
    auc: float
    average_precision: float
    brier_skill: Interval
    log_skill: Interval
    auc_gain: Interval
    average_precision_gain: Interval
    detectable: float
    model_gains: Mapping[str, Interval] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """For JSON: numbers, and each interval as value, `_se` and `_ci95`."""
        plain: dict[str, object] = {}
        for name, value in vars(self).items():
            if isinstance(value, Interval):
                plain[name] = value.value
                plain[f"{name}_se"] = value.standard_error
                plain[f"{name}_ci95"] = [value.low, value.high]
            elif name not in ("model_gains", "detectable"):
                plain[name] = value
        if self.model_gains:
            plain["model_gains"] = {
                name: {
                    "value": gain.value,
                    "se": gain.standard_error,
                    "ci95": [gain.low, gain.high],
                }
                for name, gain in self.model_gains.items()
            }
        return plain | {"minimum_detectable_log_skill": self.detectable}


def finite(values: Any) -> Any:
    """The same with null for every number that is not finite, as JSON has none."""
    if isinstance(values, float) and not np.isfinite(values):
        return None
    if isinstance(values, dict):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list):
        return [finite(value) for value in values]
    return values


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
    ValueError if a forecast has another length than y or a value outside 0..1, or if
    there is no base rate."""
    if REFERENCE not in forecasts:
        hint = "Give one of that name."
        raise ValueError(f"there is no forecast {REFERENCE!r} to compare with. {hint}")
    probabilities = {name: checked(p, y)[0] for name, p in forecasts.items()}
    y = checked(probabilities[REFERENCE], y)[1]
    _, cluster = np.unique(np.asarray(dyad), return_inverse=True)
    clusters = int(cluster.max()) + 1 if len(cluster) else 0
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
    if not drawn:
        drawn = dict.fromkeys(probabilities, np.empty((0, 4)))
    skills, drawn_skills = _skills(scores), _skills(drawn)
    has_model = MODEL in probabilities
    by_forecast = {}
    for name, p in probabilities.items():
        values: dict[str, Any] = dict(
            zip(SCORES, map(float, scores[name]), strict=True)
        )
        for column, skill in enumerate(SKILLS):
            draws = drawn_skills[name][:, column]
            values[skill] = Interval.of(skills[name][column], draws, carry)
        gains = {}
        if has_model and name != MODEL:
            gap = skills[MODEL] - skills[name]
            drawn_gap = drawn_skills[MODEL] - drawn_skills[name]
            for column, measure in enumerate(GAINS):
                draws = drawn_gap[:, column]
                gains[measure] = Interval.of(gap[column], draws, carry)
        is_clipped = (p < FLOOR) | (p > 1 - FLOOR)
        by_forecast[name] = Scores(
            n=len(y),
            events=int(y.sum()),
            expected=float(p.sum()),
            clipped=int(is_clipped.sum()),
            **values,
            detectable=DETECTION * values["log_skill"].standard_error,
            model_gains=gains,
        )
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


def best_baseline(log_skill: Mapping[str, float]) -> str | None:
    """The forecast with the highest log skill but for the model and the reference; None
    where there is none.

    Of equals the first in the order of the names. It is picked on the rows that it is
    scored on, so what the model gains on it is rather too small."""
    others = []
    for name, skill in log_skill.items():
        if name not in (MODEL, REFERENCE) and not np.isnan(skill):
            others.append((-skill, name))
    return min(others)[1] if others else None
