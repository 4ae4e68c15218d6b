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
from typing import Any

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
ROUNDING = 1e-6
"""Share of a column that is rounding: what is left of a column without change within
dyads is set to 0."""


@dataclass(frozen=True)
class EventPanel:
    """Rows of dyads and periods, and the groups whose effects are taken out.

    conflict, count: (N,) acts of conflict among all; or, where `count` is None,
    `conflict` is a value that is normal. first, second: (N,) roster positions: whose
    acts, towards whom. period: (N,). dyad: (N,) number of the (directed) dyad whose
    effect is taken out. dyad: (N,) number of the undirected dyad: a cluster. event:
    (N,) number of the period's acts of one principal, the other cluster. sides: (N, m)
    which effects of sides by period a row has."""

    conflict: Floats
    count: Floats | None
    first: Ints
    second: Ints
    period: Ints
    dyad: Ints
    pair: Ints
    event: Ints
    sides: sparse.csr_matrix

    @property
    def size(self) -> int:
        return len(self.conflict)

    def rows(self, keep: NDArray[np.bool_]) -> EventPanel:
        """Those rows alone, groups numbered anew; sides without a row are left out."""
        sides = self.sides[keep]
        sides = sides[:, np.flatnonzero(np.asarray(sides.sum(axis=0)).ravel())]
        plain: dict[str, Any] = {
            name: getattr(self, name)[keep]
            for name in ("conflict", "first", "second", "period")
        }
        groups: dict[str, Any] = {
            name: _numbered(getattr(self, name)[keep])
            for name in ("dyad", "pair", "event")
        }
        count = None if self.count is None else self.count[keep]
        return EventPanel(**plain, count=count, **groups, sides=sides.tocsr())


def panel_of(
    conflict: Floats,
    count: Floats | None,
    first: Ints,
    second: Ints,
    period: Ints,
    states: int,
) -> EventPanel:
    """A panel of directed dyads (counts), or of undirected ones (values: first <
    second, one effect a side)."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    dyad, pair = _numbered(first * states + second), _numbered(low * states + high)
    n, own, other = len(first), period * states + first, period * states + second
    event = _numbered(other)
    if count is not None:
        other = other + states * (int(period.max(initial=0)) + 1)
    place = _numbered(np.concatenate([own, other]))
    rows, width = np.tile(np.arange(n), 2), int(place.max(initial=-1)) + 1
    sides = sparse.csr_matrix((np.ones(2 * n), (rows, place)), shape=(n, width))
    return EventPanel(conflict, count, first, second, period, dyad, pair, event, sides)


def _numbered(values: Ints) -> Ints:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def informative(panel: EventPanel, *, dyads: bool = True) -> NDArray[np.bool_]:
    """Rows whose groups have both conflict and cooperation: an effect of a group with
    one alone is infinite, and its rows say nothing of anything else. dyads: whether
    effects of dyads are taken out. Repeated until no group is left."""
    keep = np.ones(panel.size, dtype=bool)
    if panel.count is None:
        return keep & (np.bincount(panel.dyad)[panel.dyad] > 1 if dyads else keep)
    groups = [panel.sides] + ([_indicator(panel.dyad)] if dyads else [])
    while True:
        some = panel.count * keep
        bad = np.zeros(panel.size, dtype=bool)
        for group in groups:
            conflict, count = group.T @ (panel.conflict * keep), group.T @ some
            alone = ((conflict <= 0) | (conflict >= count)).astype(float)
            bad |= np.asarray(group @ alone) > 0
        if not (bad & keep).any():
            return keep
        keep &= ~bad


def _indicator(group: Ints) -> sparse.csr_matrix:
    n = len(group)
    return sparse.csr_matrix(
        (np.ones(n), (np.arange(n), group)), shape=(n, int(group.max(initial=-1)) + 1)
    )


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
            why = f"{sides.shape[1]:,} effects of sides by period are more than {MOST_SIDES:,}"
            raise DataError(why, "Take longer periods, or fewer years")
        weighted = sides.multiply(weights[:, None]).tocsr()
        left = (sides.T @ weighted).toarray()
        if dyads:
            self.group = _indicator(panel.dyad)
            self.total = np.bincount(panel.dyad, weights)
            self.cross = (self.group.T @ weighted).tocsr()
            scaled = self.cross.multiply(1.0 / self.total[:, None]).tocsr()
            left -= (self.cross.T @ scaled).toarray()
        spot = np.arange(len(left))
        left[spot, spot] += 1e-9 * max(float(np.diag(left).max(initial=0.0)), 1e-300)
        self.factor = cho_factor(left, lower=True, overwrite_a=True, check_finite=False)

    def residuals(self, columns: Floats) -> Floats:
        """(N, c) columns without the effects."""
        sides, weighted = self.panel.sides, columns * self.weights[:, None]
        right = sides.T @ weighted
        if not self.dyads:
            return np.asarray(
                columns - sides @ cho_solve(self.factor, right, check_finite=False)
            )
        means = (self.group.T @ weighted) / self.total[:, None]
        of_sides = cho_solve(
            self.factor, right - self.cross.T @ means, check_finite=False
        )
        of_dyads = means - (self.cross @ of_sides) / self.total[:, None]
        left = columns - of_dyads[self.panel.dyad] - sides @ of_sides
        nothing = np.abs(left).max(axis=0) <= ROUNDING * np.abs(columns).max(axis=0)
        return np.asarray(np.where(nothing, 0.0, left))


@dataclass(frozen=True)
class AbsorbedFit:
    """Coefficients of columns beside absorbed effects.

    estimate: (c,); covariance: (c, c) clustered two ways; apart: (N, c) the columns
    without effects; left: (N,) weighted residuals (derivatives of the quasi-likelihood
    by the linear predictor); absorber: with the last weights; rho: of the
    beta-binomial, 0 for values."""

    estimate: Floats
    covariance: Floats
    apart: Floats
    left: Floats
    absorber: Absorber
    rho: float

    @property
    def errors(self) -> Floats:
        """(c,) standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def fit_absorbed(
    panel: EventPanel, columns: Floats, *, dyads: bool = True, rho: float | None = None
) -> AbsorbedFit:
    """Fit `columns` (N, c) beside the effects; c may be 0. rho: as it is, if given.

    Raises DataError where the iterations do not settle."""
    if panel.count is None:
        absorber = Absorber(panel, np.ones(panel.size), dyads=dyads)
        apart = absorber.residuals(np.column_stack([panel.conflict, columns]))
        slopes = _solve(apart[:, 1:], apart[:, 1:], apart[:, :1])[:, 0]
        left = apart[:, 0] - apart[:, 1:] @ slopes
        return _finish(panel, slopes, apart[:, 1:], left, absorber, 0.0)
    held = 0.05 if rho is None else rho
    freedom = (
        panel.size
        - columns.shape[1]
        - panel.sides.shape[1]
        - (int(panel.dyad.max()) + 1 if dyads else 0)
    )
    predictor = np.log((panel.conflict + 0.5) / (panel.count - panel.conflict + 0.5))
    for outer in range(6):
        predictor, found = _iterate(panel, columns, held, predictor, dyads=dyads)
        if rho is not None:
            break
        new = _moment_rho(panel, 1.0 / (1.0 + np.exp(-predictor)), max(freedom, 1))
        if abs(new - held) < 1e-4 * max(held, 1e-3) or outer == 5:
            break
        held = new
    return _finish(panel, *found, held)


def _iterate(
    panel: EventPanel, columns: Floats, rho: float, predictor: Floats, *, dyads: bool
) -> tuple[Floats, tuple[Floats, Floats, Floats, Absorber]]:
    """Iterated weights at one rho: the linear predictor, and estimate, columns,
    weighted residuals and absorber."""
    assert panel.count is not None
    share, scale = (
        panel.conflict / panel.count,
        panel.count / (1.0 + (panel.count - 1.0) * rho),
    )
    before = np.inf
    for _ in range(ROUNDS):
        mean = 1.0 / (1.0 + np.exp(-predictor))
        slack = np.maximum(mean * (1.0 - mean), 1e-9)
        weights = scale * slack
        working = predictor + (share - mean) / slack
        absorber = Absorber(panel, weights, dyads=dyads)
        apart = absorber.residuals(np.column_stack([working, columns]))
        slopes = _solve(apart[:, 1:], apart[:, 1:] * weights[:, None], apart[:, :1])[
            :, 0
        ]
        left = apart[:, 0] - apart[:, 1:] @ slopes
        predictor = np.clip(working - left, -FURTHEST, FURTHEST)
        mean = np.clip(1.0 / (1.0 + np.exp(-predictor)), 1e-12, 1 - 1e-12)
        value = -float(
            (scale * (share * np.log(mean) + (1 - share) * np.log(1 - mean))).sum()
        )
        if abs(before - value) <= TOLERANCE * (abs(value) + 1.0):
            return predictor, (slopes, apart[:, 1:], left * weights, absorber)
        before = value
    raise DataError("the fit does not settle", "Take a longer period, or fewer columns")


def _solve(columns: Floats, weighted: Floats, right: Floats) -> Floats:
    """Weighted least squares of `right` (N, k) on `columns`: (c, k)."""
    return np.asarray(
        np.linalg.pinv(columns.T @ weighted, hermitian=True) @ (weighted.T @ right)
    )


def _moment_rho(panel: EventPanel, mean: Floats, freedom: int) -> float:
    """rho at which Pearson's chi-square equals its degrees of freedom (Williams 1982,
    procedure III)."""
    assert panel.count is not None
    slack = np.maximum(mean * (1 - mean), 1e-9)
    squares = (panel.conflict - panel.count * mean) ** 2 / (panel.count * slack)

    def over(rho: float) -> float:
        return float((squares / (1.0 + (panel.count - 1.0) * rho)).sum()) - freedom  # type: ignore[operator]

    if over(0.0) <= 0:
        return 0.0
    return float(brentq(over, 0.0, 1.0)) if over(1.0) < 0 else 1.0


def _finish(
    panel: EventPanel,
    slopes: Floats,
    apart: Floats,
    left: Floats,
    absorber: Absorber,
    rho: float,
) -> AbsorbedFit:
    bread = np.linalg.pinv(
        apart.T @ (apart * absorber.weights[:, None]), hermitian=True
    )
    meat = clustered(panel, apart * left[:, None])
    return AbsorbedFit(slopes, bread @ meat @ bread, apart, left, absorber, rho)


def _clusters(panel: EventPanel) -> tuple[sparse.csr_matrix, ...]:
    """Rows by dyad, by event, and by both."""
    both = _numbered(panel.pair * (int(panel.event.max(initial=0)) + 1) + panel.event)
    return tuple(_indicator(group) for group in (panel.pair, panel.event, both))


def clustered(panel: EventPanel, scores: Floats) -> Floats:
    """(c, c) covariance of a sum of scores (N, c), clustered by dyad and by the acts of
    one principal in a period.

    By dyad plus by event less by both; where that is not positive, negative roots are
    set to 0 (Cameron, Gelbach, Miller 2011, sec. 2.3). Each part has its factor G / (G
    - 1)."""
    parts = []
    for group in _clusters(panel):
        sums = np.asarray(group.T @ scores)
        count = max(sums.shape[0], 2)
        parts.append(sums.T @ sums * (count / (count - 1)))
    roots, vectors = np.linalg.eigh(parts[0] + parts[1] - parts[2])
    return np.asarray((vectors * np.maximum(roots, 0.0)) @ vectors.T)


def one_step(null: AbsorbedFit, panel: EventPanel, columns: Floats) -> Floats:
    """(c,) z of each of the columns (N, c) alone, added to a fit that does not hold it:
    its score over its clustered standard error (Rao 1948), no smaller than the smaller
    of those clustered one way. The fit's own columns are partialled out too."""
    scores = _scores(null, columns)
    total = scores.sum(axis=0)
    parts = [
        (np.asarray(group.T @ scores) ** 2).sum(axis=0) for group in _clusters(panel)
    ]
    variance = np.maximum(
        parts[0] + parts[1] - parts[2], np.minimum(parts[0], parts[1])
    )
    return np.asarray(
        np.divide(
            total, np.sqrt(variance), out=np.zeros_like(total), where=variance > 0
        )
    )


def joint_chi_square(null: AbsorbedFit, panel: EventPanel, columns: Floats) -> float:
    """Score test of all columns (N, c) together: chi-square of c degrees of freedom,
    clustered two ways."""
    scores = _scores(null, columns)
    total = scores.sum(axis=0)
    return float(
        total @ np.linalg.pinv(clustered(panel, scores), hermitian=True) @ total
    )


def _scores(null: AbsorbedFit, columns: Floats) -> Floats:
    """(N, c) each row's derivative by the coefficient of a column that the fit leaves
    out."""
    apart = null.absorber.residuals(columns)
    if null.apart.shape[1]:
        weighted = null.apart * null.absorber.weights[:, None]
        apart = apart - null.apart @ _solve(null.apart, weighted, apart)
    return np.asarray(apart * null.left[:, None])
