"""Proper scores of forecast probabilities for pairs of states, and what they are worth against a baseline.

p: (N,) probabilities; y: (N,) 0 or 1, what happened; pair: (N,) a number for the pair of each row. Scores are
losses (lower is better); a skill is 1 - score / baseline's score, 1 perfect, 0 no better, below 0 worse.
Gneiting, Raftery 2007, JASA 102: 359-378; Murphy 1973, Journal of Applied Meteorology 12: 595-600."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, stdtrit

Floats = NDArray[np.float64]

FLOOR = 1e-9
"""Probabilities are kept this far from 0 and 1 in the log score, so that one surprise does not make it
infinite; `clipped` counts those that were nearer."""
EDGES = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
FEWEST = 8
"""Pairs with an event, and pairs without one, below which scores have no intervals."""
MODEL = "model"
GAINS = ("brier_skill", "log_skill", "auc", "average_precision")
DETECTION = 2.80
"""Normal quantiles 0.975 and 0.8 added: an effect of this many standard errors is seen 8 times in 10."""


def brier(p: ArrayLike, y: ArrayLike) -> float:
    """Mean squared error of the probabilities. Brier 1950, Monthly Weather Review 78: 1-3."""
    p, y = _checked(p, y)
    return float(np.mean((p - y) ** 2))


def log_score(p: ArrayLike, y: ArrayLike) -> float:
    """Mean of -ln of the probability given to what happened, nats. Good 1952, JRSS B 14: 107-114."""
    p, y = _checked(p, y)
    return float(np.mean(_surprise(p, y)))


def auc(p: ArrayLike, y: ArrayLike) -> float:
    """Chance that a random event was given more than a random non-event, ties half. NaN without both."""
    p, y = _checked(p, y)
    return float(Ranking(p, y).auc(np.ones_like(p)))


def average_precision(p: ArrayLike, y: ArrayLike) -> float:
    """Sum over thresholds of (gain in recall) x precision, no interpolation. NaN without events."""
    p, y = _checked(p, y)
    return float(Ranking(p, y).average_precision(np.ones_like(p)))


def skill(score: float, baseline: float) -> float:
    """1 - score / baseline. NaN if the baseline is perfect."""
    return 1.0 - score / baseline if baseline > 0 else float("nan")


def calibration(p: ArrayLike, y: ArrayLike, edges: ArrayLike = EDGES) -> pd.DataFrame:
    """Reliability table, one row a bin [low, high) that has forecasts (the last bin includes 1).

    n, forecast (mean p), observed (share that happened), expected and happened (counts), and the 95 % interval of
    the observed share. It judges forecasts, row by row: where they are right, given what came before, it holds their
    mean."""
    p, y = _checked(p, y)
    edges = np.asarray(edges, dtype=np.float64)
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, len(edges) - 2)
    n = np.bincount(place, minlength=len(edges) - 1).astype(np.float64)
    expected = np.bincount(place, weights=p, minlength=len(edges) - 1)
    happened = np.bincount(place, weights=y, minlength=len(edges) - 1)
    low, high = exact_share(happened, n)
    frame = pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "n": n.astype(np.int64),
            "forecast": expected / np.maximum(n, 1),
            "observed": happened / np.maximum(n, 1),
            "expected": expected,
            "happened": happened.astype(np.int64),
            "observed_low": low,
            "observed_high": high,
        }
    )
    return frame[frame["n"] > 0].reset_index(drop=True)


def exact_share(happened: Floats, n: Floats) -> tuple[Floats, Floats]:
    """95 % interval of a share. Clopper, Pearson 1934, Biometrika 26: 404-413: never below 0.95. NaN where n is 0."""
    happened, n = np.broadcast_arrays(np.asarray(happened, np.float64), np.asarray(n, np.float64))
    some, not_all = happened > 0, happened < n
    low = betaincinv(np.where(some, happened, 1.0), n - happened + 1, 0.025)
    high = betaincinv(happened + 1, np.where(not_all, n - happened, 1.0), 0.975)
    known = n > 0
    return np.where(known, np.where(some, low, 0.0), np.nan), np.where(
        known, np.where(not_all, high, 1.0), np.nan
    )


def brier_decomposition(p: ArrayLike, y: ArrayLike) -> tuple[float, float, float]:
    """Reliability, resolution, uncertainty over the distinct values of p; Brier = first - second + third.

    Murphy 1973."""
    p, y = _checked(p, y)
    values, place = np.unique(p, return_inverse=True)
    n = np.bincount(place)
    observed = np.bincount(place, weights=y) / n
    base = y.mean()
    reliability = float((n * (values - observed) ** 2).sum() / len(p))
    resolution = float((n * (observed - base) ** 2).sum() / len(p))
    return reliability, resolution, float(base * (1 - base))


@dataclass(frozen=True)
class Interval:
    """A number with its standard error and 95 % interval over resamples of pairs."""

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """One forecast's scores and, against the reference, its skills. Differences in auc and average precision
    are plain differences. `detectable`: smallest true log skill that this sample would show 8 times in 10.
    `model_gains`: by measure of GAINS, how much better the forecast named `model` is than this one, from the same
    resamples; none for the model itself."""

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
        out: dict[str, object] = {}
        for name, value in vars(self).items():
            if isinstance(value, Interval):
                out |= {name: value.value, f"{name}_se": value.standard_error}
                out[f"{name}_ci95"] = [value.low, value.high]
            elif name != "model_gains":
                out[name] = value
        if self.model_gains:
            out["model_gains"] = {
                name: {"value": gain.value, "se": gain.standard_error, "ci95": [gain.low, gain.high]}
                for name, gain in self.model_gains.items()
            }
        out["minimum_detectable_log_skill"] = out.pop("detectable")
        return out


def score_forecasts(
    forecasts: Mapping[str, ArrayLike],
    y: ArrayLike,
    pair: ArrayLike,
    reference: str = "base_rate",
    resamples: int = 1000,
    seed: int = 1,
) -> dict[str, Scores]:
    """Score every forecast against `reference`, with intervals from one set of resamples of whole pairs.

    The resamples are shared, so differences between forecasts are paired. No interval where fewer than FEWEST pairs
    have an event, or have none. Raises ValueError if a forecast
    has another length than y or a value outside 0..1, or if the reference is not among them."""
    if reference not in forecasts:
        raise ValueError(f"there is no forecast {reference!r} to compare with. Give one of that name.")
    names = list(forecasts)
    checked = {name: _checked(forecasts[name], y)[0] for name in names}
    y = _checked(checked[reference], y)[1]
    _, cluster = np.unique(np.asarray(pair), return_inverse=True)
    clusters = int(cluster.max()) + 1 if len(cluster) else 0
    carry = carrying(y, cluster)
    rankings = {name: Ranking(p, y) for name, p in checked.items()}
    losses = {name: _cluster_losses(p, y, cluster, clusters) for name, p in checked.items()}
    whole = {name: _measures(losses[name], rankings[name], np.ones(clusters), cluster) for name in names}
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[Floats]] = {name: [] for name in names}
    for _ in range(resamples):
        weight = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters).astype(np.float64)
        for name in names:
            drawn[name].append(_measures(losses[name], rankings[name], weight, cluster))
    out = {}
    base = _beatable(np.array(drawn[reference]).reshape(resamples, 4))
    theirs = _beatable(whole[reference][None])[0]
    over = {name: _over(whole[name], theirs) for name in names}
    over_drawn = {name: _over(np.array(drawn[name]).reshape(resamples, 4), base) for name in names}
    for name in names:
        ours = whole[name]
        skills = [_interval(over[name][k], over_drawn[name][:, k], carry) for k in (0, 1)]
        gains = [_interval(over[name][k], over_drawn[name][:, k], carry) for k in (2, 3)]
        p = checked[name]
        model = {}
        if MODEL in names and name != MODEL:
            gap, gaps = over[MODEL] - over[name], over_drawn[MODEL] - over_drawn[name]
            model = {of: _interval(gap[k], gaps[:, k], carry) for k, of in enumerate(GAINS)}
        out[name] = Scores(
            n=len(y),
            events=int(y.sum()),
            expected=float(p.sum()),
            clipped=int(((p < FLOOR) | (p > 1 - FLOOR)).sum()),
            brier=float(ours[0]),
            log_score=float(ours[1]),
            auc=float(ours[2]),
            average_precision=float(ours[3]),
            brier_skill=skills[0],
            log_skill=skills[1],
            auc_gain=gains[0],
            average_precision_gain=gains[1],
            detectable=DETECTION * skills[1].standard_error,
            model_gains=model,
        )
    return out


def best_baseline(log_skill: Mapping[str, float], reference: str = "base_rate") -> str | None:
    """The forecast with the highest log skill but for the model and the reference; None where there is none.

    Of equals the first in the order of the names. It is picked on the rows that it is scored on, so what the model
    gains on it is rather too small."""
    others = {
        name: value for name, value in log_skill.items() if name not in (MODEL, reference) and value == value
    }
    return min(others, key=lambda name: (-others[name], name)) if others else None


def _over(measures: Floats, reference: Floats) -> Floats:
    """(..., 4) Brier and log skill over the reference, and differences in AUC and average precision."""
    skills = 1 - measures[..., :2] / reference[..., :2]
    return np.concatenate([skills, measures[..., 2:] - reference[..., 2:]], axis=-1)


class Ranking:
    """Rows sorted by falling probability once: weighted AUC and average precision are cumulative sums."""

    def __init__(self, p: Floats, y: Floats) -> None:
        self.order = np.argsort(-p, kind="stable")
        ranked = p[self.order]
        self.y = y[self.order]
        self.last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(p) else np.empty(0, int)

    def _counts(self, weight: Floats) -> tuple[Floats, Floats]:
        w = weight[self.order]
        hits = np.cumsum(w * self.y)[self.last]
        return hits, np.cumsum(w)[self.last] - hits

    def auc(self, weight: Floats) -> float:
        hits, misses = self._counts(weight)
        if len(hits) == 0 or hits[-1] == 0 or misses[-1] == 0:
            return float("nan")
        h, m = np.append(0.0, hits), np.append(0.0, misses)
        return float(((m[1:] - m[:-1]) * (h[1:] + h[:-1]) / 2).sum() / (hits[-1] * misses[-1]))

    def average_precision(self, weight: Floats) -> float:
        hits, misses = self._counts(weight)
        if len(hits) == 0 or hits[-1] == 0:
            return float("nan")
        gained = np.diff(hits, prepend=0.0)
        called = np.maximum(hits + misses, 1e-300)
        return float((gained * hits / called).sum() / hits[-1])


def _cluster_losses(p: Floats, y: Floats, cluster: NDArray[np.int64], clusters: int) -> Floats:
    """(3, clusters): rows, squared error and surprise summed by pair."""
    parts = (np.ones_like(p), (p - y) ** 2, _surprise(p, y))
    return np.array([np.bincount(cluster, weights=part, minlength=clusters) for part in parts])


def _measures(losses: Floats, ranking: Ranking, weight: Floats, cluster: NDArray[np.int64]) -> Floats:
    """brier, log score, auc, average precision with a weight for each pair."""
    rows, squared, surprise = losses @ weight
    each = weight[cluster]
    return np.array([squared / rows, surprise / rows, ranking.auc(each), ranking.average_precision(each)])


def _beatable(measures: Floats) -> Floats:
    """(R, 4) Brier and log score missing where they are perfect: there is no skill over them."""
    out = measures.copy()
    out[out[:, 0] == 0, :2] = np.nan
    return out


def carrying(y: Floats, cluster: NDArray[np.int64]) -> int:
    """How many clusters have an event, or how many have none: the fewer of both, which scores hang on."""
    if not len(y):
        return 0
    happened = np.bincount(cluster, y) > 0
    present = np.bincount(cluster) > 0
    return int(min((happened & present).sum(), (~happened & present).sum()))


def resampled(value: float, draws: Floats, carry: int) -> tuple[float, float]:
    """95 % interval from what resamples gave, `carry` clusters being those it hangs on; NaN where they are too few.

    Of two the further end on each side: percentiles as far out as so few ask for (Hesterberg 2015, The American
    Statistician 69, section 5.1), and Student's t with the resamples' spread. Draws that are all one number are it."""
    if len(draws) < 2 or not np.isfinite(value):
        return float("nan"), float("nan")
    if np.ptp(draws) == 0:
        return float(draws[0]), float(draws[0])
    if carry < FEWEST:
        return float("nan"), float("nan")
    quantile = float(stdtrit(carry - 1, 0.975)) * np.sqrt(carry / (carry - 1))
    tail = float(ndtr(-quantile))
    low, high = np.quantile(draws, [tail, 1 - tail])
    half = quantile * float(draws.std(ddof=1))
    return float(min(low, value - half)), float(max(high, value + half))


def _interval(value: float, draws: Floats, carry: int) -> Interval:
    draws = draws[np.isfinite(draws)]
    if len(draws) < 2:
        return Interval(float(value), float("nan"), float("nan"), float("nan"))
    return Interval(float(value), float(draws.std(ddof=1)), *resampled(float(value), draws, carry))


def _surprise(p: Floats, y: Floats) -> Floats:
    kept = np.clip(p, FLOOR, 1 - FLOOR)
    out: Floats = -np.where(y > 0, np.log(kept), np.log1p(-kept))
    return out


def _checked(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    p, y = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if p.shape != y.shape or p.ndim != 1:
        raise ValueError(f"{p.shape} probabilities for {y.shape} outcomes. Give one for each row.")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("an outcome is neither 0 nor 1. Give 1 where an accord was made, else 0.")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a probability lies outside 0..1 or is missing. Correct the forecast.")
    return p, y
