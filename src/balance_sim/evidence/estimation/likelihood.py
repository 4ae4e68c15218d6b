"""The likelihood of the record under the model's own rates: two-sided consent in
discrete time.

    r_m = exposure * openness * ceiling_m * kept_m * sigma(u_ij) * sigma(u_ji)    expected agreements of kind m
    P(the dyad signs kind m in the year) = 1 - e^-r_m
    u_ij = intercept_m + s_i + year + sum of weight * term    s_i: random intercept of a state (sociality)

A dyad is at risk in the part of the year in which both are members. `openness` is the
factor of dyads at war on 1 January (`model/no_relations.py`). Signature stands for the
opening of talks: `kept_m` is the share of talks that do not collapse before, and the
lag between the two is left out, so that the terms are those of 1 January of the year of
signature. So is that the engine lets an opportunity pass while a dyad is in talks or
waits for entry into force.

Discrete-time hazard: Prentice, Gloeckler 1978, Biometrics 34: 57-67; consent: Jackson,
Wolinsky 1996."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import Choices

SMALLEST_RATE = 1e-300


@dataclass(frozen=True)
class ConsentDesign:
    """The choices as a matrix, both sides. Parameters, in order (`sizes`, `parts`):
    weights of common terms, of terms by kind, intercepts by kind, random intercepts by
    state, levels by year (these two only where asked for).

    scale: (K + B,) what each term is divided by, so that weights have about the same
    size. names, fixed: of the parameters that are not shrunk, and how many."""

    choices: Choices
    propensities: bool = True
    years: tuple[int, ...] = ()
    scale: Floats = field(default_factory=lambda: np.ones(0))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return (
            *self.choices.names,
            *(f"intercept.{kind}" for kind in self.choices.kinds),
        )

    @cached_property
    def fixed(self) -> int:
        return len(self.names)

    @cached_property
    def sizes(self) -> tuple[int, int, int, int, int]:
        c = self.choices
        states = len(c.states) if self.propensities else 0
        return (
            len(c.common_names),
            len(c.by_kind_names),
            len(c.kinds),
            states,
            len(self.years),
        )

    @cached_property
    def size(self) -> int:
        return sum(self.sizes)

    @cached_property
    def parts(self) -> tuple[slice, ...]:
        edges = np.concatenate([[0], np.cumsum(self.sizes)])
        return tuple(slice(int(low), int(high)) for low, high in pairwise(edges))

    @cached_property
    def common(self) -> tuple[Floats, ...]:
        """(N, K) scaled common terms of each side."""
        scale = self.scale[: self.sizes[0]] if len(self.scale) else 1.0
        return tuple(
            np.ascontiguousarray(self.choices.common[:, side] / scale)
            for side in (0, 1)
        )

    @cached_property
    def by_kind(self) -> tuple[Floats, ...]:
        """(N, M, B) scaled terms by kind of each side."""
        scale = self.scale[self.sizes[0] :] if len(self.scale) else 1.0
        return tuple(self.choices.by_kind[:, side] / scale for side in (0, 1))

    @cached_property
    def members(self) -> tuple[sparse.csr_array, ...]:
        """(N, states + years) who decides, and in which year, for each side."""
        c, (states, years) = self.choices, self.sizes[3:]
        known = np.flatnonzero(np.isin(c.year, self.years))
        place = states + np.searchsorted(np.array(self.years), c.year[known])
        row = np.arange(len(c.year) if states else 0)
        rows = np.concatenate([row, known])
        return tuple(
            sparse.csr_array(
                (np.ones(len(rows)), (rows, np.concatenate([who[: len(row)], place]))),
                shape=(len(c.year), states + years),
            )
            for who in (c.a, c.b)
        )

    @cached_property
    def offset(self) -> Floats:
        """(N, M) ln of exposure, openness, ceiling and the share of talks kept."""
        c = self.choices
        steady = np.log(c.ceiling * c.chance_kept)
        at_risk = np.maximum(c.exposure, 1e-6) * np.maximum(c.openness, 1e-12)
        return np.asarray(np.log(at_risk)[:, None] + steady)

    def willingness(self, at: Floats) -> tuple[Floats, Floats]:
        """(N, M) u of each side."""
        common, by_kind, level = (at[part] for part in self.parts[:3])
        shrunk = at[self.fixed :]
        out = []
        for side in (0, 1):
            u = self.common[side] @ common + self.members[side] @ shrunk
            out.append(u[:, None] + level + self.by_kind[side] @ by_kind)
        return out[0], out[1]

    def log_rate(self, at: Floats) -> tuple[Floats, Floats, Floats]:
        """(N, M) ln r, and how it grows with the u of each side: 1 - sigma(u)."""
        u, v = self.willingness(at)
        return (
            self.offset - np.logaddexp(0, -u) - np.logaddexp(0, -v),
            _sigma(-u),
            _sigma(-v),
        )


def _sigma(u: Floats) -> Floats:
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1.0, e) / (1.0 + e)


def log_likelihood(design: ConsentDesign, at: Floats) -> float:
    """Sum over dyads, years and kinds. at: (size,) parameters of scaled terms."""
    return float(by_row(design, at).sum())


def by_row(design: ConsentDesign, at: Floats) -> Floats:
    """(N,) log-likelihood of each dyad and year."""
    rate = np.exp(design.log_rate(at)[0])
    return np.asarray(
        np.where(design.choices.signed > 0, _log_signed(rate), -rate).sum(axis=1)
    )


def _log_signed(rate: Floats) -> Floats:
    return np.log(np.maximum(-np.expm1(-rate), SMALLEST_RATE))


def pulls(design: ConsentDesign, at: Floats) -> tuple[Floats, ...]:
    """(N, M) each: log-likelihood, its first and second derivative by ln r, and how ln
    r grows with u of each side."""
    log_rate, s, t = design.log_rate(at)
    rate, y = np.exp(log_rate), design.choices.signed > 0
    some = np.maximum(np.expm1(rate), SMALLEST_RATE)
    ratio = np.where(rate < 1e-12, 1.0, rate / some)  # r / (e^r - 1)
    first = np.where(y, ratio, -rate)
    second = np.where(y, ratio * (1.0 - rate - ratio), -rate)
    return np.where(y, _log_signed(rate), -rate), first, second, s, t


def curvature(
    first: Floats, second: Floats, s: Floats, t: Floats
) -> tuple[Floats, Floats, Floats]:
    """(N, M) each: minus the second derivatives by u of one side, of the other, and by
    both."""
    own = -(second * s * s - first * s * (1 - s))
    other = -(second * t * t - first * t * (1 - t))
    return own, other, -(second * s * t)


def column_sums(design: ConsentDesign, weight: Floats, side: int) -> Floats:
    """(size,) weight (N, M) summed against the columns of one side."""
    total = weight.sum(axis=1)
    by_kind = np.einsum("nm,nmb->b", weight, design.by_kind[side])
    dense = [design.common[side].T @ total, by_kind, weight.sum(axis=0)]
    return np.concatenate([*dense, design.members[side].T @ total])


def derivatives(design: ConsentDesign, at: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood, gradient (size,) and minus the second derivatives (size,
    size)."""
    value, first, second, s, t = pulls(design, at)
    slope = column_sums(design, first * s, 0) + column_sums(design, first * t, 1)
    own, other, both = curvature(first, second, s, t)
    across = _crossed(design, both, 0, 1)
    curve = (
        _crossed(design, own, 0, 0) + _crossed(design, other, 1, 1) + across + across.T
    )
    return float(value.sum()), slope, curve


def _crossed(design: ConsentDesign, weight: Floats, one: int, two: int) -> Floats:
    """(size, size) sum over rows and kinds of weight (N, M) times the columns of two
    sides."""
    total = weight.sum(axis=1)
    x, z = design.common[one], design.common[two]
    xk, zk = design.by_kind[one], design.by_kind[two]
    ours, theirs = design.members[one], design.members[two]
    wz = np.einsum("nm,nmb->nb", weight, zk)  # by kind of side two, summed over kinds
    wx = np.einsum("nm,nmb->nb", weight, xk)
    weighted = z * total[:, None]
    among = np.einsum("nm,nmb,nmc->bc", weight, xk, zk, optimize=True)
    of_kinds, to_kinds = (
        np.einsum("nm,nmb->bm", weight, by_kind) for by_kind in (xk, zk)
    )
    states = (ours.T @ theirs.multiply(total[:, None]).tocsr()).toarray()
    rows = [
        [x.T @ weighted, x.T @ wz, x.T @ weight, (theirs.T @ (x * total[:, None])).T],
        [wx.T @ z, among, of_kinds, (theirs.T @ wx).T],
        [weight.T @ z, to_kinds.T, np.diag(weight.sum(axis=0)), (theirs.T @ weight).T],
        [ours.T @ weighted, ours.T @ wz, ours.T @ weight, states],
    ]
    return np.block(rows)


def opportunities(design: ConsentDesign, at: Floats) -> Floats:
    """(N,) probability that the dyad signs an agreement of any kind in the year."""
    rate = np.exp(design.log_rate(at)[0]).sum(axis=1)
    return np.asarray(-np.expm1(-rate))


def clustered(
    design: ConsentDesign, at: Floats, cluster: NDArray[np.int64], covariance: Floats
) -> Floats:
    """Covariance with rows of one cluster (a dyad) allowed to hang together: A^-1 B
    A^-1, with G / (G - 1).

    White 1982, Econometrica 50: 1-25; Liang, Zeger 1986, Biometrika 73: 13-22."""
    total = scores_by(design, at, cluster)
    groups = len(total)
    return np.asarray(
        covariance @ (total.T @ total) @ covariance * (groups / (groups - 1.0))
    )


def scores_by(design: ConsentDesign, at: Floats, cluster: NDArray[np.int64]) -> Floats:
    """(clusters, size) first derivatives summed over the rows of each cluster, in the
    order of its number."""
    _, place = np.unique(cluster, return_inverse=True)
    groups = int(place.max()) + 1
    _, first, _, s, t = pulls(design, at)
    total = np.zeros((groups, design.size))
    sums = sparse.csr_array(
        (np.ones(len(place)), (place, np.arange(len(place)))),
        shape=(groups, len(place)),
    )
    for side, weight in ((0, first * s), (1, first * t)):
        whole = weight.sum(axis=1)
        by_kind = np.einsum("nm,nmb->nb", weight, design.by_kind[side])
        dense = np.concatenate(
            [design.common[side] * whole[:, None], by_kind, weight], axis=1
        )
        total[:, : design.fixed] += sums @ dense
        total[:, design.fixed :] += (
            sums @ design.members[side].multiply(whole[:, None]).tocsr()
        ).toarray()
    return total
