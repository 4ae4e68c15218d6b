"""Proper scores of probabilities for yes-or-no outcomes, ranks, reliability, and
intervals from resampled clusters.

p: (N,) probabilities; y: (N,) 0 or 1, what happened. Scores are losses, lower is
better. Vocabulary: Joint Working Group on Forecast Verification Research; Gneiting,
Raftery 2007, JASA 102: 359-378.

Stacking of predictive distributions: what weight each of several forecasts deserves in
a mixture.

    w = argmax  sum_i log sum_k w_k p_k(y_i)        over w_k >= 0, sum of w_k = 1

Yao, Vehtari, Simpson, Gelman 2018, Using Stacking to Average Bayesian Predictive
Distributions, Bayesian Analysis 13(3): 917-1003. p_k(y_i) is the probability that
forecast k gave to what came, for events it had not seen; none of the forecasts is taken
to be true. The sum is concave in w; the steps are those of EM for mixtures and never
lower it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtr, stdtrit

from balance_sim.stats import Floats, Ints

if TYPE_CHECKING:
    import pandas as pd

FLOOR = 1e-9
"""Probabilities are kept this far from 0 and 1 in the log score, so that one surprise
does not make it infinite."""
EDGES = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
FEWEST = 8
"""Clusters with an event, and clusters without one, below which scores have no
intervals."""


def log_score(p: ArrayLike, y: ArrayLike) -> float:
    """Mean of -ln of the probability given to what happened, nats. Good 1952, JRSS B
    14: 107-114.

    Examples
    --------
    >>> round(log_score([0.5, 0.5], [1, 0]), 4)
    0.6931
    """
    p, y = checked(p, y)
    return float(np.mean(surprise(p, y)))


def surprise(p: Floats, y: Floats) -> Floats:
    """(N,) -ln of the probability given to what happened, kept FLOOR away from 0."""
    bounded = np.clip(p, FLOOR, 1 - FLOOR)
    return np.asarray(-np.where(y > 0, np.log(bounded), np.log1p(-bounded)))


class Ranking:
    """Rows sorted by falling probability once: weighted AUC and average precision are
    then cumulative sums.

    p, y: (N,); the methods take a weight (N,) for each row.

    Examples
    --------
    >>> p, y = np.array([0.9, 0.6, 0.6, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    >>> ranking = Ranking(p, y)
    >>> ranking.auc(np.ones(4)), round(ranking.average_precision(np.ones(4)), 4)
    (0.875, 0.8333)
    """

    def __init__(self, p: Floats, y: Floats) -> None:
        self.order = np.argsort(-p, kind="stable")
        ranked = p[self.order]
        self.y = y[self.order]
        ends_tie = np.append(ranked[1:] != ranked[:-1], [True] * min(len(p), 1))
        self.last = np.flatnonzero(ends_tie)

    def _counts(self, weight: Floats) -> tuple[Floats, Floats]:
        w = weight[self.order]
        hits = np.cumsum(w * self.y)[self.last]
        return hits, np.cumsum(w)[self.last] - hits

    def auc(self, weight: Floats) -> float:
        """Chance that a random event was given more than a random non-event, ties half.
        NaN without both."""
        hits, misses = self._counts(weight)
        if len(hits) == 0 or hits[-1] == 0 or misses[-1] == 0:
            return float("nan")
        h, m = np.append(0.0, hits), np.append(0.0, misses)
        area = ((m[1:] - m[:-1]) * (h[1:] + h[:-1]) / 2).sum()
        return float(area / (hits[-1] * misses[-1]))

    def average_precision(self, weight: Floats) -> float:
        """Sum over thresholds of (gain in recall) x precision, no interpolation. NaN
        without events."""
        hits, misses = self._counts(weight)
        if len(hits) == 0 or hits[-1] == 0:
            return float("nan")
        gained = np.diff(hits, prepend=0.0)
        called = np.maximum(hits + misses, 1e-300)
        return float((gained * hits / called).sum() / hits[-1])


def average_precision(p: ArrayLike, y: ArrayLike) -> float:
    """Area under the precision-recall curve, `Ranking.average_precision` with equal
    weights.

    Examples
    --------
    >>> average_precision([0.9, 0.4, 0.2, 0.1], [1, 0, 1, 0]) == (1 + 2 / 3) / 2
    True
    """
    p, y = checked(p, y)
    return Ranking(p, y).average_precision(np.ones_like(p))


def reliability_table(p: ArrayLike, y: ArrayLike) -> pd.DataFrame:
    """Reliability, one row a bin [low, high) that has forecasts (the last bin includes
    1).

    Columns: low, high, n, forecast (mean p), observed (share that happened), expected
    and happened (counts), observed_low and observed_high: the 95 % interval of the
    observed share, which holds the mean forecast where forecasts are right, given what
    came before.

    Examples
    --------
    >>> table = reliability_table([0.1, 0.15, 0.7], [0, 1, 1])
    >>> table[["low", "n", "expected", "happened"]].values.tolist()
    [[0.1, 2.0, 0.25, 1.0], [0.5, 1.0, 0.7, 1.0]]
    """
    import pandas as pd

    p, y = checked(p, y)
    edges = np.array(EDGES)
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, len(edges) - 2)
    bins = len(edges) - 1
    n = np.bincount(place, np.ones_like(p), bins)
    expected, happened = np.bincount(place, p, bins), np.bincount(place, y, bins)
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


def exact_share(happened: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """95 % interval of a share, never covering less. Clopper, Pearson 1934, Biometrika
    26: 404-413. NaN where n is 0.

    Examples
    --------
    >>> [round(float(one), 4) for one in exact_share(0, 10)]
    [0.0, 0.3085]
    """
    happened, n = np.broadcast_arrays(
        np.asarray(happened, np.float64), np.asarray(n, np.float64)
    )
    has_events, has_others = happened > 0, happened < n
    low = betaincinv(np.where(has_events, happened, 1.0), n - happened + 1, 0.025)
    high = betaincinv(happened + 1, np.where(has_others, n - happened, 1.0), 0.975)
    low, high = np.where(has_events, low, 0.0), np.where(has_others, high, 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def carrying(y: Floats, cluster: Ints) -> int:
    """How many clusters have an event, or how many have none: the fewer of both, which
    scores hang on.

    Examples
    --------
    >>> carrying(np.array([1.0, 0.0, 0.0, 0.0]), np.array([0, 0, 1, 2]))
    1
    """
    if not len(y):
        return 0
    happened = np.bincount(cluster, y) > 0
    present = np.bincount(cluster) > 0
    return int(min((happened & present).sum(), (~happened & present).sum()))


def cluster_resamples(
    measures: Callable[[Floats], Mapping[str, Floats]],
    clusters: int,
    resamples: int,
    seed: int,
) -> dict[str, Floats]:
    """Measures of every forecast over resamples of whole clusters, the same ones for
    all: differences are paired.

    measures: weights (clusters,) -> forecast -> (K,). Returns forecast -> (resamples,
    K).

    Examples
    --------
    >>> def rows(times):
    ...     return {"rows": np.array([times.sum()])}
    >>> cluster_resamples(rows, 3, 2, seed=1)["rows"].tolist()
    [[3.0], [3.0]]
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[Floats]] = {}
    for _ in range(resamples):
        times = np.bincount(
            rng.integers(0, clusters, clusters), minlength=clusters
        ).astype(np.float64)
        for name, values in measures(times).items():
            drawn.setdefault(name, []).append(values)
    return {name: np.array(rows) for name, rows in drawn.items()}


def resampled(value: float, draws: Floats, carry: int) -> tuple[float, float]:
    """95 % interval from what resamples gave, `carry` clusters being those it hangs on;
    NaN where they are too few.

    Of two the further end on each side: percentiles as far out as so few ask for
    (Hesterberg 2015, The American Statistician 69, section 5.1), and Student's t with
    the resamples' spread. Draws that are all one number are it.

    Examples
    --------
    >>> [round(one, 2) for one in resampled(0.0, np.linspace(-1, 1, 101), 50)]
    [-1.19, 1.19]
    """
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


def checked(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Both as arrays. Raises ValueError for another length, an outcome that is neither
    0 nor 1, a p outside 0..1."""
    p, y = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if p.shape != y.shape or p.ndim != 1:
        raise ValueError(
            f"{p.shape} probabilities for {y.shape} outcomes. Give one for each row."
        )
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError(
            "an outcome is neither 0 nor 1. Give 1 where an accord was made, else 0."
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            "a probability lies outside 0..1 or is missing. Correct the forecast."
        )
    return p, y


STEPS, SETTLED = 20_000, 1e-12


def stacking_weights(chance: Floats) -> Floats:
    """Stacking weights (K,) of forecasts, at least 0, with sum 1. Those that are the
    same in every event share equally.

    chance: (N, K) probability that each forecast gave to what came; ValueError where
    one is not above 0.

    Examples
    --------
    The first forecast is right four times in five, the second the other time:

    >>> stacking_weights(np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]])).round(3).tolist()
    [0.875, 0.125]
    """
    if chance.ndim != 2 or not np.all(chance > 0):
        raise ValueError("every forecast has to give what came a probability above 0")
    scaled = chance / chance.max(axis=1, keepdims=True)
    weights = np.full(chance.shape[1], 1.0 / chance.shape[1])
    for _ in range(STEPS):
        mixed = np.einsum("nk,k->n", scaled, weights)
        gains = np.einsum("nk,n->k", scaled, 1.0 / mixed)
        updated = weights * gains / len(scaled)
        change = np.abs(updated - weights).max()
        weights = updated
        if change < SETTLED:
            break
    return weights
