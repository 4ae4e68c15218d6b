"""Proper scores of probabilities for yes-or-no outcomes, ranks, reliability, and
standard errors of numbers whose rows are dyads.

p: (N,) probabilities; y: (N,) 0 or 1, what happened. Scores are losses, lower is
better. Vocabulary: Joint Working Group on Forecast Verification Research; Gneiting,
Raftery 2007, JASA 102: 359-378.

Stacking of predictive distributions: what weight each of several forecasts deserves in
a mixture.

    w = argmax  sum_i log sum_k w_k p_k(y_i)        over w_k >= 0, sum of w_k = 1

Yao, Vehtari, Simpson, Gelman 2018, Using Stacking to Average Bayesian Predictive
Distributions, Bayesian Analysis 13(3): 917-1003. p_k(y_i) is the probability that
forecast k gave to what came, for events it had not seen; none of the forecasts is taken
to be true. The sum is concave in w; its maximum is found by sequential quadratic
programming (SciPy's SLSQP; Kraft 1988, DFVLR-FB 88-28).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from balance_sim.stats import Floats, Ints
from balance_sim.stats.intervals import t_quantile

if TYPE_CHECKING:
    import pandas as pd

FLOOR = 1e-9
"""Probabilities are kept this far from 0 and 1 in the log score, so that one surprise
does not make it infinite."""
EDGES = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
FEWEST = 8
"""Dyads with an event, and dyads without one, below which scores have no intervals."""
FEWEST_UNEVEN = 50
"""The same of scores that may rest on a few dyads alone, the average precision and
Brier's: their intervals hold too little below (measured: docs/statistics.md)."""


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
        self.tie = np.empty(len(p), dtype=np.int64)  # (N,) of each row, from the top
        self.tie[self.order] = np.cumsum(ends_tie) - ends_tie

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

    def auc_slope(self, weight: Floats) -> Floats:
        """(N,) change of the AUC by the weight of each row: for an event the share of
        non-events that were given less, for others of events given more, each less the
        AUC and by the weight of its like (DeLong, DeLong, Clarke-Pearson 1988,
        Biometrics 44: 837-845)."""
        hits, misses = self._counts(weight)
        h, m = np.append(0.0, hits), np.append(0.0, misses)
        above, below = (h[1:] + h[:-1]) / 2, m[-1] - (m[1:] + m[:-1]) / 2
        auc, happened = self.auc(weight), np.empty(len(self.y))
        happened[self.order] = self.y
        of_event = (below / m[-1] - auc)[self.tie] / h[-1]
        of_other = (above / h[-1] - auc)[self.tie] / m[-1]
        return np.asarray(np.where(happened > 0, of_event, of_other))

    def average_precision_slope(self, weight: Floats) -> Floats:
        """(N,) change of the average precision by the weight of each row, which counts
        in the precision at its own threshold and at all below."""
        hits, misses = self._counts(weight)
        called = np.maximum(hits + misses, 1e-300)
        precision, share = hits / called, np.diff(hits, prepend=0.0) / called
        happened = np.empty(len(self.y))
        happened[self.order] = self.y
        from_here = np.cumsum(share[::-1])[::-1][self.tie]
        weighed = np.cumsum((share * precision)[::-1])[::-1][self.tie]
        mean = self.average_precision(weight)
        gained = happened * (precision[self.tie] + from_here - mean) - weighed
        return np.asarray(gained / hits[-1])


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


def reliability_table(
    p: ArrayLike, y: ArrayLike, edges: Sequence[float] = EDGES
) -> pd.DataFrame:
    """Reliability, one row a bin [low, high) that has forecasts (the last bin includes
    1). edges: of the bins, from 0 to 1.

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
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, bins - 1)
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


class Dyads:
    """Rows of dyads, of which those that share a state vary together.

    states: (N, 2) of each row, numbers from 0; a dyad may have several rows.

    Examples
    --------
    Of three dyads of three states all share one with each other:

    >>> dyads = Dyads(np.array([[0, 1], [0, 2], [1, 2]]))
    >>> round(dyads.error(np.array([2.0, -1.0, -1.0])), 4)
    2.4495
    """

    def __init__(self, states: Ints) -> None:
        self.states, self.count = states, int(states.max()) + 1
        key = states.min(axis=1) * self.count + states.max(axis=1)
        self.dyad: Ints = np.unique(key, return_inverse=True)[1]

    def error(self, influence: Floats) -> float:
        """Standard error of a number. influence: (N,) of each row on it, with sum 0.

        Aronow, Samii, Assenova 2015, Cluster-Robust Variance Estimation for Dyadic
        Data, Political Analysis 23: 564-577; never less than with dyads that do not
        depend on each other."""
        apart = float((np.bincount(self.dyad, influence) ** 2).sum())
        by_state = np.zeros(self.count)
        for side in self.states.T:
            by_state += np.bincount(side, influence, self.count)
        return float(np.sqrt(max((by_state**2).sum() - apart, apart)))


def grouped_error(influence: Floats, group: Ints) -> float:
    """Standard error from groups of rows as replicates, years above all; NaN for one.

    influence: (N,) of each row, with sum 0; group: (N,) numbers from 0, each in use.

    Examples
    --------
    >>> round(grouped_error(np.array([1.0, 1.0, -2.0]), np.array([0, 0, 1])), 4)
    4.0
    """
    sums = np.bincount(group, influence)
    count = len(sums)
    if count < 2:
        return float("nan")
    return float(np.sqrt(count / (count - 1) * (sums**2).sum()))


def student(value: float, error: float, replicates: int) -> list[float]:
    """Student's 95 % interval of a number with an error from so many replicates; NaN
    where there are less than two.

    Examples
    --------
    >>> [round(end, 2) for end in student(1.0, 0.5, 10)]
    [-0.13, 2.13]
    """
    half = t_quantile(0.95, replicates - 1) * error if replicates > 1 else float("nan")
    return [value - half, value + half]


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


SETTLED, MOST_STEPS = 1e-13, 500  # of the mean log score, nats
TWINS = 0.999
"""Correlation above which no record of rare events can tell two forecasts apart."""


def stacking_weights(chance: Floats, times: Floats | None = None) -> Floats:
    """Stacking weights (K,) of forecasts, at least 0, with sum 1.

    chance: (N, K) probability that each forecast gave to what came; ValueError where
    one is not above 0. times: (N,) how often each event counts, once if not given.

    Examples
    --------
    The first forecast is right four times in five, the second the other time:

    >>> stacking_weights(np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]])).round(3).tolist()
    [0.875, 0.125]
    """
    from scipy.optimize import minimize

    if chance.ndim != 2 or not np.all(chance > 0):
        raise ValueError("every forecast has to give what came a probability above 0")
    scaled = chance / chance.max(axis=1, keepdims=True)
    share = np.full(len(chance), 1.0) if times is None else times
    share = share / share.sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        mixed = scaled @ weights
        return -float(share @ np.log(mixed)), -(share / mixed) @ scaled

    count = chance.shape[1]
    optimum = minimize(
        loss,
        np.full(count, 1.0 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1.0},
        options={"ftol": SETTLED, "maxiter": MOST_STEPS},
    )
    weights = np.maximum(optimum.x, 0.0)
    return np.asarray(weights / weights.sum())


def twins(p: Floats) -> list[list[int]]:
    """Forecasts, columns of p (N, K), in groups: together are those that are the same
    or correlate above TWINS, with one of a group at least.

    Examples
    --------
    >>> first, other = np.linspace(0.1, 0.2, 9), np.linspace(0.1, 0.2, 9) ** 2
    >>> twins(np.column_stack([first, other, first + 1e-5]))
    [[0, 2], [1]]
    """
    from scipy.sparse.csgraph import connected_components

    centred = p - p.mean(axis=0)
    size = np.where(np.ptp(p, axis=0) > 0, np.linalg.norm(centred, axis=0), np.inf)
    together = centred.T @ centred > TWINS * np.outer(size, size)
    together |= (p[:, :, None] == p[:, None, :]).all(axis=0)
    _, label = connected_components(together, directed=False)
    return [np.flatnonzero(label == group).tolist() for group in np.unique(label)]
