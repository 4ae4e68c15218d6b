"""Regression with the effects of dyads and of sides by period taken out once, and
standard errors clustered two ways.

Effects are partialled out by weighted least squares (Frisch, Waugh 1933; Lovell 1963):
those of dyads by their means, those of sides by period by a Cholesky factor of what is
left, so that a further column costs one solution. Shares are fitted by iterated weights
with the variance of the beta-binomial, v = n m (1 - m) (1 + (n - 1) rho), rho by the
method of moments (Williams 1982, Applied Statistics 31: 144-148). Two-way clusters:
Cameron, Gelbach, Miller 2011, JBES 29: 238-249."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq

from balance_sim.evidence.data.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_SIDES = 6000
"""Sides by period that are partialled out at most: the factor is dense."""
FURTHEST = 12.0
"""Logits beyond which a fitted share is held."""
ROUNDS, TOLERANCE = 60, 1e-9
START_RHO, RHO_ROUNDS, RHO_TOLERANCE = 0.05, 6, 1e-4
SMALLEST_VARIANCE = 1e-9
ROUNDING = 1e-6
"""Share of a column that is rounding: what is left of a column without change within
dyads is set to 0."""


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
        return _numbered(self.first * self.states + self.second)

    @cached_property
    def pair(self) -> Ints:
        """(N,) number of the undirected dyad, a cluster."""
        low = np.minimum(self.first, self.second)
        return _numbered(low * self.states + np.maximum(self.first, self.second))

    @cached_property
    def event(self) -> Ints:
        """(N,) number of the period's acts towards one state, the other cluster."""
        return _numbered(self.period * self.states + self.second)

    @cached_property
    def sides(self) -> sparse.csr_matrix:
        """(N, m) 1 where a row has the effect of a side by period."""
        actor = indicator(_numbered(self.period * self.states + self.first))
        return sparse.hstack([actor, indicator(self.event)]).tocsr()

    def rows(self, keep: NDArray[np.bool_]) -> EventPanel:
        """Those rows alone, groups numbered anew."""
        return EventPanel(
            conflict=self.conflict[keep],
            count=self.count[keep],
            first=self.first[keep],
            second=self.second[keep],
            period=self.period[keep],
            states=self.states,
        )


def _numbered(values: Ints) -> Ints:
    """Groups numbered from 0 in the order of their values."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def informative(panel: EventPanel, *, dyads: bool = True) -> NDArray[np.bool_]:
    """Rows whose groups have both conflict and cooperation: an effect of a group with
    one alone is infinite, and its rows say nothing of anything else. dyads: whether
    effects of dyads are taken out. Repeated until no group is left."""
    is_informative = np.ones(panel.size, dtype=bool)
    groups = [panel.sides]
    if dyads:
        groups.append(indicator(panel.dyad))
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


class Absorber:
    """Takes effects out of columns by weighted least squares: of dyads (unless `dyads`
    is false) and of sides by period.

    weights: (N,), > 0. Raises DataError where there are more sides by period than the
    dense factor can hold."""

    def __init__(
        self, panel: EventPanel, weights: Floats, *, dyads: bool = True
    ) -> None:
        self.panel, self.weights, self.dyads = panel, weights, dyads
        sides = panel.sides
        if sides.shape[1] > MOST_SIDES:
            raise DataError(
                (
                    f"{sides.shape[1]:,} effects of sides by period are more than "
                    f"{MOST_SIDES:,}"
                ),
                "Take longer periods, or fewer years",
            )
        weighted = sides.multiply(weights[:, None]).tocsr()
        normal = (sides.T @ weighted).toarray()
        if dyads:
            self.group = indicator(panel.dyad)
            self.total = np.bincount(panel.dyad, weights)
            self.cross = (self.group.T @ weighted).tocsr()
            scaled = self.cross.multiply(1.0 / self.total[:, None]).tocsr()
            normal -= (self.cross.T @ scaled).toarray()
        diagonal = np.arange(len(normal))
        largest = float(np.diag(normal).max(initial=0.0))
        normal[diagonal, diagonal] += 1e-9 * max(largest, 1e-300)
        self.factor = cho_factor(
            normal, lower=True, overwrite_a=True, check_finite=False
        )

    def residuals(self, columns: Floats) -> Floats:
        """(N, c) columns without the effects."""
        sides, weighted = self.panel.sides, columns * self.weights[:, None]
        right = sides.T @ weighted
        if not self.dyads:
            of_sides = cho_solve(self.factor, right, check_finite=False)
            return np.asarray(columns - sides @ of_sides)
        total = self.total[:, None]
        means = (self.group.T @ weighted) / total
        right = right - self.cross.T @ means
        of_sides = cho_solve(self.factor, right, check_finite=False)
        of_dyads = means - (self.cross @ of_sides) / total
        residuals = columns - of_dyads[self.panel.dyad] - sides @ of_sides
        largest = np.abs(residuals).max(axis=0)
        is_rounding = largest <= ROUNDING * np.abs(columns).max(axis=0)
        return np.asarray(np.where(is_rounding, 0.0, residuals))


@dataclass(frozen=True)
class AbsorbedFit:
    """Coefficients of columns beside absorbed effects.

    estimate: (c,); apart: (N, c) the columns without effects; residuals: (N,) weighted
    residuals (derivatives of the quasi-likelihood by the linear predictor); absorber:
    with the last weights; rho: of the beta-binomial; predictor: (N,) logits."""

    estimate: Floats
    apart: Floats
    residuals: Floats
    absorber: Absorber
    rho: float
    predictor: Floats

    @cached_property
    def covariance(self) -> Floats:
        """(c, c) of the estimates, clustered two ways."""
        information = self.apart.T @ (self.apart * self.absorber.weights[:, None])
        bread = np.linalg.pinv(information, hermitian=True)
        scores = self.apart * self.residuals[:, None]
        return np.asarray(bread @ clustered(self.absorber.panel, scores) @ bread)

    @property
    def errors(self) -> Floats:
        """(c,) standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def fit_absorbed(
    panel: EventPanel, columns: Floats, *, dyads: bool = True, rho: float | None = None
) -> AbsorbedFit:
    """Fit `columns` (N, c) beside the effects; c may be 0. rho: as it is, if given.

    Raises DataError where the iterations do not settle."""
    total, conflict = panel.count, panel.conflict
    predictor = np.log((conflict + 0.5) / (total - conflict + 0.5))
    if rho is not None:
        return _fit_at(panel, columns, rho, predictor, dyads=dyads)
    effects = panel.sides.shape[1] + (int(panel.dyad.max()) + 1 if dyads else 0)
    freedom = max(panel.size - columns.shape[1] - effects, 1)
    rho = START_RHO
    for _ in range(RHO_ROUNDS):
        fit = _fit_at(panel, columns, rho, predictor, dyads=dyads)
        predictor = fit.predictor
        moment = _moment_rho(panel, _logistic(predictor), freedom)
        if abs(moment - rho) < RHO_TOLERANCE * max(rho, 1e-3):
            break
        rho = moment
    return fit


def _logistic(predictor: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-predictor)))


def _fit_at(
    panel: EventPanel, columns: Floats, rho: float, predictor: Floats, *, dyads: bool
) -> AbsorbedFit:
    """The fit by iterated weights at one rho, from a predictor on. Raises DataError
    where the weights do not settle."""
    share = panel.conflict / panel.count
    scale = panel.count / (1.0 + (panel.count - 1.0) * rho)
    loss = np.inf
    for _ in range(ROUNDS):
        mean = _logistic(predictor)
        variance = np.maximum(mean * (1.0 - mean), SMALLEST_VARIANCE)
        weights = scale * variance
        working = predictor + (share - mean) / variance
        absorber = Absorber(panel, weights, dyads=dyads)
        without_effects = absorber.residuals(np.column_stack([working, columns]))
        outcome, apart = without_effects[:, :1], without_effects[:, 1:]
        slopes = _solve(apart, apart * weights[:, None], outcome)[:, 0]
        residuals = outcome[:, 0] - apart @ slopes
        predictor = np.clip(working - residuals, -FURTHEST, FURTHEST)
        mean = np.clip(_logistic(predictor), 1e-12, 1 - 1e-12)
        terms = share * np.log(mean) + (1 - share) * np.log(1 - mean)
        value = -float((scale * terms).sum())
        if abs(loss - value) <= TOLERANCE * (abs(value) + 1.0):
            weighted = residuals * weights
            return AbsorbedFit(slopes, apart, weighted, absorber, rho, predictor)
        loss = value
    raise DataError("the fit does not settle", "Take a longer period, or fewer columns")


def _solve(columns: Floats, weighted: Floats, right: Floats) -> Floats:
    """Weighted least squares of `right` (N, k) on `columns`: (c, k)."""
    inverse = np.linalg.pinv(columns.T @ weighted, hermitian=True)
    return np.asarray(inverse @ (weighted.T @ right))


def _moment_rho(panel: EventPanel, mean: Floats, freedom: int) -> float:
    """rho at which Pearson's chi-square equals its degrees of freedom (Williams 1982,
    procedure III)."""
    count = panel.count
    variance = np.maximum(mean * (1 - mean), SMALLEST_VARIANCE)
    squares = (panel.conflict - count * mean) ** 2 / (count * variance)

    def excess(rho: float) -> float:
        return float((squares / (1.0 + (count - 1.0) * rho)).sum()) - freedom

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, 1.0)) if excess(1.0) < 0 else 1.0


# --- clusters -------------------------------------------------------------------------


def _clusters(panel: EventPanel) -> tuple[sparse.csr_matrix, ...]:
    """Rows by dyad, by event, and by both."""
    events = int(panel.event.max(initial=0)) + 1
    intersection = _numbered(panel.pair * events + panel.event)
    return tuple(map(indicator, (panel.pair, panel.event, intersection)))


def clustered(panel: EventPanel, scores: Floats) -> Floats:
    """(c, c) covariance of a sum of scores (N, c), clustered by dyad and by the acts of
    one principal in a period.

    By dyad plus by event less by both; where that is not positive, negative roots are
    set to 0 (Cameron, Gelbach, Miller 2011, sec. 2.3). Each part has its factor G / (G
    - 1)."""
    terms = []
    for group in _clusters(panel):
        sums = np.asarray(group.T @ scores)
        count = max(sums.shape[0], 2)
        terms.append(sums.T @ sums * (count / (count - 1)))
    roots, vectors = np.linalg.eigh(terms[0] + terms[1] - terms[2])
    return np.asarray((vectors * np.maximum(roots, 0.0)) @ vectors.T)


def one_step(null: AbsorbedFit, columns: Floats) -> Floats:
    """(c,) z of each of the columns (N, c) alone, added to a fit that does not hold it:
    its score over its clustered standard error (Rao 1948), no smaller than the smaller
    of those clustered one way. The fit's own columns are partialled out too."""
    scores = _scores(null, columns)
    total = scores.sum(axis=0)
    groups = _clusters(null.absorber.panel)
    sums = [np.asarray(group.T @ scores) for group in groups]
    by_pair, by_event, by_intersection = ((s**2).sum(axis=0) for s in sums)
    lower_bound = np.minimum(by_pair, by_event)
    variance = np.maximum(by_pair + by_event - by_intersection, lower_bound)
    z = np.zeros_like(total)
    np.divide(total, np.sqrt(variance), out=z, where=variance > 0)
    return np.asarray(z)


def joint_chi_square(null: AbsorbedFit, columns: Floats) -> float:
    """Score test of all columns (N, c) together: chi-square of c degrees of freedom,
    clustered two ways."""
    scores = _scores(null, columns)
    total = scores.sum(axis=0)
    covariance = clustered(null.absorber.panel, scores)
    precision = np.linalg.pinv(covariance, hermitian=True)
    return float(total @ precision @ total)


def _scores(null: AbsorbedFit, columns: Floats) -> Floats:
    """(N, c) each row's derivative by the coefficient of a column that the fit leaves
    out."""
    apart = null.absorber.residuals(columns)
    if null.apart.shape[1]:
        weighted = null.apart * null.absorber.weights[:, None]
        apart = apart - null.apart @ _solve(null.apart, weighted, apart)
    return np.asarray(apart * null.residuals[:, None])
