"""Regression with the effects of two groupings taken out once, and standard errors
clustered two ways.

Effects are partialled out by weighted least squares (Frisch, Waugh 1933; Lovell 1963):
those of one grouping follow by their means, those of the other are solved for by a
Cholesky factor of what is left, so that a further column costs one solution. Numbers,
shares and logarithms are fitted by iterated weights. That of shares has the variance of
the beta-binomial, v = n m (1 - m) (1 + (n - 1) rho), rho by the method of moments
(Williams 1982, Applied Statistics 31: 144-148). Two-way clusters: Cameron, Gelbach,
Miller 2011, JBES 29: 238-249."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq

from balance_sim.evidence.data.errors import DataError
from balance_sim.stats import Bools, Floats, Ints

Weigh = Callable[[Floats], tuple[Floats, Floats, float]]
"""A linear predictor -> the working outcome and weights of the next least squares, and
the loss."""

MOST_SIDES = 6000
"""Effects that are solved for at most: the factor is dense."""
FURTHEST = 12.0
"""Logits beyond which a fitted share is held."""
ROUNDS, TOLERANCE = 60, 1e-9
START_RHO, RHO_ROUNDS, RHO_TOLERANCE = 0.05, 6, 1e-4
SMALLEST_VARIANCE = 1e-9
ROUNDING = 1e-6
"""Share of a column that is rounding: what is left of a column without change within
groups is set to 0."""


@dataclass(frozen=True)
class EventPanel:
    """Rows of directed dyads and periods, and the groups whose effects are taken out.

    conflict, count: (N,) acts of conflict among all. first, second: (N,) roster
    positions: whose acts, towards whom. period: (N,). states: size of the roster."""

    conflict: Floats
    count: Floats
    first: Ints
    second: Ints
    period: Ints
    states: int

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.conflict)

    @cached_property
    def dyad(self) -> Ints:
        """(N,) number of the directed dyad, whose effect is taken out."""
        return numbered(self.first * self.states + self.second)

    @cached_property
    def pair(self) -> Ints:
        """(N,) number of the undirected dyad, a cluster."""
        low = np.minimum(self.first, self.second)
        return numbered(low * self.states + np.maximum(self.first, self.second))

    @cached_property
    def event(self) -> Ints:
        """(N,) number of the period's acts towards one state, the other cluster."""
        return numbered(self.period * self.states + self.second)

    @cached_property
    def sides(self) -> sparse.csr_matrix:
        """(N, m) 1 where a row has the effect of a side by period."""
        actor = indicator(numbered(self.period * self.states + self.first))
        return sparse.hstack([actor, indicator(self.event)]).tocsr()

    def groups(self, *, dyads: bool = True) -> tuple[sparse.csr_matrix, ...]:
        """The sides by period, (N, m), and the dyads, (N, d), none of them unless
        asked for."""
        by_dyad = indicator(self.dyad)
        return self.sides, by_dyad if dyads else by_dyad[:, :0]

    def rows(self, keep: Bools) -> EventPanel:
        """Those rows alone, groups numbered anew."""
        names = ("conflict", "count", "first", "second", "period")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})


def numbered(values: Ints) -> Ints:
    """Groups numbered from 0 in the order of their values."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def informative(panel: EventPanel, *, dyads: bool = True) -> Bools:
    """Rows whose groups have both conflict and cooperation: an effect of a group with
    one alone is infinite, and its rows say nothing of anything else. dyads: whether
    effects of dyads are taken out. Repeated until no group is left."""
    is_informative, groups = np.ones(panel.size, dtype=bool), panel.groups(dyads=dyads)
    while True:
        is_lost = np.zeros(panel.size, dtype=bool)
        for group in groups:
            conflict = group.T @ (panel.conflict * is_informative)
            count = group.T @ (panel.count * is_informative)
            has_one_alone = (conflict <= 0) | (conflict >= count)
            is_lost |= np.asarray(group @ has_one_alone.astype(float)) > 0
        if not (is_lost & is_informative).any():
            return is_informative
        is_informative &= ~is_lost


def indicator(group: Ints) -> sparse.csr_matrix:
    """(N, groups) 1 where a row belongs to a group."""
    size, width = len(group), int(group.max(initial=-1)) + 1
    entries = (np.ones(size), (np.arange(size), group))
    return sparse.csr_matrix(entries, shape=(size, width))


class Effects:
    """Takes the effects of two groupings out of columns by weighted least squares.

    weights: (N,), > 0. solved, followed: (N, groups) 1 where a row belongs to a group
    whose effect is solved for, or follows by its mean. Raises DataError where there are
    more to solve for than the dense factor can hold."""

    def __init__(
        self, weights: Floats, solved: sparse.csr_matrix, followed: sparse.csr_matrix
    ) -> None:
        self.weights, self.solved, self.followed = weights, solved, followed
        if solved.shape[1] > MOST_SIDES:
            message = f"{solved.shape[1]:,} effects of sides by period are more than"
            hint = "Take longer periods, or fewer years"
            raise DataError(f"{message} {MOST_SIDES:,}", hint)
        weighted = solved.multiply(weights[:, None]).tocsr()
        self.total = (followed.T @ weights)[:, None]
        self.cross = (followed.T @ weighted).tocsr()
        normal = (solved.T @ weighted).toarray()
        normal -= (self.cross.T @ self.cross.multiply(1.0 / self.total)).toarray()
        diagonal = np.arange(len(normal))
        largest = float(np.diag(normal).max(initial=0.0))
        normal[diagonal, diagonal] += 1e-9 * max(largest, 1e-300)
        self.factor = cho_factor(
            normal, lower=True, overwrite_a=True, check_finite=False
        )

    def residuals(self, columns: Floats) -> Floats:
        """(N, c) columns without the effects."""
        weighted = columns * self.weights[:, None]
        means = (self.followed.T @ weighted) / self.total
        right = self.solved.T @ weighted - self.cross.T @ means
        of_solved = cho_solve(self.factor, right, check_finite=False)
        of_followed = means - (self.cross @ of_solved) / self.total
        residuals = columns - self.followed @ of_followed - self.solved @ of_solved
        largest = np.abs(residuals).max(axis=0)
        is_rounding = largest <= ROUNDING * np.abs(columns).max(axis=0)
        return np.asarray(np.where(is_rounding, 0.0, residuals))


@dataclass(frozen=True)
class AbsorbedFit:
    """Coefficients of columns beside absorbed effects.

    estimate: (c,); apart: (N, c) the columns without effects; scores: (N,) weighted
    residuals (derivatives of the quasi-likelihood by the linear predictor); effects:
    with the last weights; working: (N,) outcome of the last least squares; predictor:
    (N,) linear."""

    estimate: Floats
    apart: Floats
    scores: Floats
    effects: Effects
    working: Floats
    predictor: Floats


def fit_absorbed(
    columns: Floats,
    groups: tuple[sparse.csr_matrix, ...],
    weigh: Weigh,
    predictor: Floats,
) -> AbsorbedFit:
    """Fit `columns` (N, c), c may be 0, beside the effects of two groupings by iterated
    weights, from a predictor on. Raises DataError where the iterations do not
    settle."""
    loss = np.inf
    working, weights, _ = weigh(predictor)
    for _ in range(ROUNDS):
        effects = Effects(weights, *groups)
        without_effects = effects.residuals(np.column_stack([working, columns]))
        outcome, apart = without_effects[:, :1], without_effects[:, 1:]
        slopes = least_squares(apart, outcome, weights)[:, 0]
        residuals = outcome[:, 0] - apart @ slopes
        predictor = working - residuals
        next_working, next_weights, value = weigh(predictor)
        if abs(loss - value) <= TOLERANCE * (abs(value) + 1.0):
            return AbsorbedFit(
                slopes, apart, residuals * weights, effects, working, predictor
            )
        loss, working, weights = value, next_working, next_weights
    raise DataError("the fit does not settle", "Take a longer period, or fewer columns")


def least_squares(columns: Floats, right: Floats, weights: Floats) -> Floats:
    """Weighted least squares of `right` (N, k) on `columns` (N, c): (c, k)."""
    weighted = columns * weights[:, None]
    inverse = np.linalg.pinv(columns.T @ weighted, hermitian=True)
    return np.asarray(inverse @ (weighted.T @ right))


# --- shares ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ShareFit:
    """A fit of the share of conflict: its panel, and rho of the beta-binomial."""

    panel: EventPanel
    rho: float
    absorbed: AbsorbedFit

    @property
    def estimate(self) -> Floats:
        """(c,) logits."""
        return self.absorbed.estimate

    @cached_property
    def covariance(self) -> Floats:
        """(c, c) of the estimates, clustered two ways."""
        apart, weights = self.absorbed.apart, self.absorbed.effects.weights
        bread = np.linalg.pinv(apart.T @ (apart * weights[:, None]), hermitian=True)
        scores = apart * self.absorbed.scores[:, None]
        return np.asarray(bread @ clustered(self.panel, scores) @ bread)

    @property
    def errors(self) -> Floats:
        """(c,) standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def fit_shares(
    panel: EventPanel, columns: Floats, *, dyads: bool = True, rho: float | None = None
) -> ShareFit:
    """Fit `columns` (N, c) beside effects of sides by period and, unless told
    otherwise, of dyads. rho: as it is, if given. Raises DataError."""
    groups = panel.groups(dyads=dyads)
    predictor = np.log((panel.conflict + 0.5) / (panel.count - panel.conflict + 0.5))
    freedom = panel.size - columns.shape[1] - sum(group.shape[1] for group in groups)
    trial = START_RHO if rho is None else rho
    for _ in range(RHO_ROUNDS):
        fit = ShareFit(
            panel,
            trial,
            fit_absorbed(columns, groups, partial(_weigh, panel, trial), predictor),
        )
        predictor = fit.absorbed.predictor
        moment = trial if rho is not None else _moment_rho(panel, predictor, freedom)
        if abs(moment - trial) < RHO_TOLERANCE * max(trial, 1e-3):
            break
        trial = moment
    return fit


def _weigh(
    panel: EventPanel, rho: float, predictor: Floats
) -> tuple[Floats, Floats, float]:
    """See `Weigh`: shares with a logit and the variance of the beta-binomial."""
    share = panel.conflict / panel.count
    scale = panel.count / (1.0 + (panel.count - 1.0) * rho)
    predictor = np.clip(predictor, -FURTHEST, FURTHEST)
    mean = _logistic(predictor)
    variance = np.maximum(mean * (1.0 - mean), SMALLEST_VARIANCE)
    terms = share * np.log(mean) + (1 - share) * np.log(1 - mean)
    working = predictor + (share - mean) / variance
    return working, scale * variance, -float((scale * terms).sum())


def _logistic(predictor: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-predictor)))


def _moment_rho(panel: EventPanel, predictor: Floats, freedom: int) -> float:
    """rho at which Pearson's chi-square equals its degrees of freedom (Williams 1982,
    procedure III)."""
    count = panel.count
    mean = _logistic(np.clip(predictor, -FURTHEST, FURTHEST))
    variance = np.maximum(mean * (1 - mean), SMALLEST_VARIANCE)
    squares = (panel.conflict - count * mean) ** 2 / (count * variance)

    def excess(rho: float) -> float:
        return float((squares / (1.0 + (count - 1.0) * rho)).sum()) - max(freedom, 1)

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, 1.0)) if excess(1.0) < 0 else 1.0


# --- clusters -------------------------------------------------------------------------


def _cluster_sums(panel: EventPanel, scores: Floats) -> list[Floats]:
    """Scores (N, c) summed by dyad, by event, and by both: (clusters, c) each."""
    events = int(panel.event.max(initial=0)) + 1
    pair_event = numbered(panel.pair * events + panel.event)
    groups = (panel.pair, panel.event, pair_event)
    return [np.asarray(indicator(group).T @ scores) for group in groups]


def clustered(panel: EventPanel, scores: Floats) -> Floats:
    """(c, c) covariance of a sum of scores (N, c), clustered by dyad and by the acts of
    one principal in a period.

    By dyad plus by event less by both; where that is not positive, negative roots are
    set to 0 (Cameron, Gelbach, Miller 2011, sec. 2.3). Each part has its factor G / (G
    - 1)."""
    terms = []
    for sums in _cluster_sums(panel, scores):
        count = max(sums.shape[0], 2)
        terms.append(sums.T @ sums * (count / (count - 1)))
    roots, vectors = np.linalg.eigh(terms[0] + terms[1] - terms[2])
    return np.asarray((vectors * np.maximum(roots, 0.0)) @ vectors.T)


def one_step(null: ShareFit, columns: Floats) -> Floats:
    """(c,) z of each of the columns (N, c) alone, added to a fit that does not hold it:
    its score over its clustered standard error (Rao 1948), no smaller than the smaller
    of those clustered one way. The fit's own columns are partialled out too."""
    fit = null.absorbed
    apart = fit.effects.residuals(columns)
    if fit.apart.shape[1]:
        slopes = least_squares(fit.apart, apart, fit.effects.weights)
        apart = apart - fit.apart @ slopes
    scores = apart * fit.scores[:, None]
    total = scores.sum(axis=0)
    by_pair, by_event, by_both = (
        (sums**2).sum(axis=0) for sums in _cluster_sums(null.panel, scores)
    )
    variance = np.maximum(by_pair + by_event - by_both, np.minimum(by_pair, by_event))
    z = np.zeros_like(total)
    np.divide(total, np.sqrt(variance), out=z, where=variance > 0)
    return np.asarray(z)
