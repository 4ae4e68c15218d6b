"""The likelihood of the record under the model's own rates: two-sided consent in
discrete time.

    r_m = exposure * openness * ceiling_m * kept_m * sigma(u_ij) * sigma(u_ji)
    P(the dyad signs kind m in the year) = 1 - e^-r_m
    u_ij = intercept_m + s_i + year + sum of weight * term

r_m: expected agreements of kind m; s_i: random intercept of a state (sociality).

A dyad is at risk in the part of the year in which both are members. `openness` is the
factor of dyads at war on 1 January (`model/no_relations.py`). Signature stands for the
opening of talks: `kept_m` is the share of talks that do not collapse before, and the
lag between the two is left out, so that the terms are those of 1 January of the year of
signature. So is that the engine lets an opportunity pass while a dyad is in talks or
waits for entry into force.

Discrete-time hazard: Prentice, Gloeckler 1978, Biometrics 34: 57-67; consent: Jackson,
Wolinsky 1996."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import Choices

Ints = NDArray[np.int64]

SMALLEST_RATE = 1e-300
SMALLEST_EXPOSURE, SMALLEST_OPENNESS = 1e-6, 1e-12


def parameter_names(choices: Choices) -> tuple[str, ...]:
    """Terms, then `intercept.<kind>`: the parameters that are not shrunk."""
    return (*choices.names, *(f"intercept.{kind}" for kind in choices.kinds))


class ConsentDesign:
    """The choices as a matrix, both sides. Parameters, in order: weights of common
    terms, of terms by kind, intercepts by kind, random intercepts by state, levels by
    year (these two only where asked for).

    scale: (K + B,) what each term is divided by, so that weights have about the same
    size; as they are if none is given. names, fixed: of the parameters that are not
    shrunk, and how many. parts: where those of each part stand; size: how many there
    are in all. common: (N, K) scaled common terms of each side; by_kind: (N, M, B)
    scaled terms by kind of each side, each kind in one piece."""

    def __init__(
        self,
        choices: Choices,
        propensities: bool = True,  # noqa: FBT001, FBT002
        years: tuple[int, ...] = (),
        scale: Floats | None = None,
    ) -> None:
        self.choices, self.propensities, self.years = choices, propensities, years
        terms = len(choices.names)
        self.scale = np.ones(terms) if scale is None else scale
        common = sum(term.ndim == 2 for term in choices.terms.values())
        self.states = len(choices.states) if propensities else 0
        sizes = (common, terms - common, len(choices.kinds), self.states, len(years))
        edges = list(accumulate(sizes, initial=0))
        self.parts = [slice(low, high) for low, high in pairwise(edges)]
        self.size, self.names = edges[-1], parameter_names(choices)
        self.fixed = len(self.names)
        sides = (choices.common / self.scale[:common]).swapaxes(0, 1)
        self.common = [np.ascontiguousarray(side) for side in sides]
        sides = (choices.by_kind / self.scale[common:]).transpose(1, 2, 0, 3)
        self.by_kind = [np.ascontiguousarray(side).swapaxes(0, 1) for side in sides]
        nothing = np.zeros(0)
        self._rated = nothing, (nothing, nothing, nothing)

    @cached_property
    def columns(self) -> tuple[tuple[Ints, Ints], ...]:
        """(N,) each, for each side: which of the shrunk parameters is that of who
        decides, and of the year; how many they are where there is none."""
        record, size = self.choices, self.states + len(self.years)
        has_level = np.isin(record.year, self.years)
        place = np.searchsorted(np.array(self.years), record.year)
        level = np.where(has_level, self.states + place, size)
        nobody = np.full(len(record.year), size)
        deciders = (record.a, record.b) if self.states else (nobody, nobody)
        return tuple((decider, level) for decider in deciders)

    @cached_property
    def members(self) -> tuple[sparse.csr_array, ...]:
        """(N, states + years) who decides, and in which year, for each side."""
        shape = (len(self.choices.year), self.states + len(self.years))
        matrices = []
        for columns in self.columns:
            rows = np.tile(np.arange(shape[0]), len(columns))
            column = np.concatenate(columns)
            is_there = column < shape[1]
            places = rows[is_there], column[is_there]
            entries = np.ones(len(places[0])), places
            matrices.append(sparse.csr_array(entries, shape=shape))
        return tuple(matrices)

    def crossed_members(self, weight: Floats, side: int, other: int) -> Floats:
        """(states + years, states + years) sum over rows of weight (N,) times the
        columns of `members` of two sides."""
        size = self.states + len(self.years)
        total = np.zeros((size + 1) ** 2)
        for row in self.columns[side]:
            for column in self.columns[other]:
                place = row * (size + 1) + column
                total += np.bincount(place, weight, len(total))
        return total.reshape(size + 1, size + 1)[:size, :size]

    @cached_property
    def offset(self) -> Floats:
        """(N, M) ln of exposure, openness, ceiling and the share of talks kept."""
        record = self.choices
        exposure = np.maximum(record.exposure, SMALLEST_EXPOSURE)
        at_risk = exposure * np.maximum(record.openness, SMALLEST_OPENNESS)
        by_kind = np.log(record.ceiling * record.chance_kept)
        return np.asarray(np.log(at_risk)[:, None] + by_kind)

    def willingness(self, values: Floats) -> tuple[Floats, ...]:
        """(N, M) u of each side. values: (size,) of the parameters."""
        common, by_kind, intercepts = (values[part] for part in self.parts[:3])
        sides = []
        for side in (0, 1):
            shrunk = self.members[side] @ values[self.fixed :]
            u = self.common[side] @ common + shrunk
            sides.append(u[:, None] + intercepts + self.by_kind[side] @ by_kind)
        return tuple(sides)

    def log_rate(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """(N, M) ln r, and how it grows with the u of each side: 1 - sigma(u).

        What was asked for last is kept: derivatives are wanted where a step was
        tried."""
        if not np.array_equal(values, self._rated[0]):
            u, v = self.willingness(values)
            log_rate = self.offset - np.logaddexp(0, -u) - np.logaddexp(0, -v)
            self._rated = values.copy(), (log_rate, _sigma(-u), _sigma(-v))
        return self._rated[1]


def _sigma(u: Floats) -> Floats:
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1.0, e) / (1.0 + e)


def log_likelihood(design: ConsentDesign, values: Floats) -> float:
    """Sum over dyads, years and kinds. values: (size,) parameters of scaled terms."""
    return float(by_row(design, values).sum())


def by_row(design: ConsentDesign, values: Floats) -> Floats:
    """(N,) log-likelihood of each dyad and year."""
    rate = np.exp(design.log_rate(values)[0])
    return np.asarray(_log_chance(design, rate).sum(axis=1))


def _log_chance(design: ConsentDesign, rate: Floats) -> Floats:
    """(N, M) logarithm of the probability of what was signed, and of what was not."""
    signed = np.log(np.maximum(-np.expm1(-rate), SMALLEST_RATE))
    return np.where(design.choices.signed > 0, signed, -rate)


def pulls(design: ConsentDesign, values: Floats) -> tuple[Floats, ...]:
    """(N, M) each: log-likelihood, its first and second derivative by ln r, and how ln
    r grows with u of each side."""
    log_rate, s, t = design.log_rate(values)
    rate, is_signed = np.exp(log_rate), design.choices.signed > 0
    growth = np.maximum(np.expm1(rate), SMALLEST_RATE)
    ratio = np.where(rate < 1e-12, 1.0, rate / growth)  # r / (e^r - 1)
    first = np.where(is_signed, ratio, -rate)
    second = np.where(is_signed, ratio * (1.0 - rate - ratio), -rate)
    return _log_chance(design, rate), first, second, s, t


def curvature(
    first: Floats, second: Floats, s: Floats, t: Floats
) -> tuple[Floats, Floats, Floats]:
    """(N, M) each: minus the second derivatives by u of one side, of the other, and by
    both."""
    by_side_a = -(second * s * s - first * s * (1 - s))
    by_side_b = -(second * t * t - first * t * (1 - t))
    return by_side_a, by_side_b, -(second * s * t)


def column_sums(design: ConsentDesign, weight: Floats, side: int) -> Floats:
    """(size,) weight (N, M) summed against the columns of one side."""
    total = weight.sum(axis=1)
    by_kind = np.einsum("nm,nmb->b", weight, design.by_kind[side])
    dense = [design.common[side].T @ total, by_kind, weight.sum(axis=0)]
    return np.concatenate([*dense, design.members[side].T @ total])


def derivatives(design: ConsentDesign, values: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood, gradient (size,) and minus the second derivatives (size,
    size)."""
    value, first, second, s, t = pulls(design, values)
    slope = column_sums(design, first * s, 0) + column_sums(design, first * t, 1)
    by_side_a, by_side_b, by_both = curvature(first, second, s, t)
    across = _crossed(design, by_both, 0, 1)
    curve = _crossed(design, by_side_a, 0, 0) + _crossed(design, by_side_b, 1, 1)
    return float(value.sum()), slope, curve + across + across.T


def _crossed(design: ConsentDesign, weight: Floats, side: int, other: int) -> Floats:
    """(size, size) sum over rows and kinds of weight (N, M) times the columns of two
    sides."""
    total = weight.sum(axis=1)
    x, z = design.common[side], design.common[other]
    xk, zk = design.by_kind[side], design.by_kind[other]
    members_x, members_z = design.members[side], design.members[other]
    wx = np.einsum("nm,nmb->nb", weight, xk)  # terms by kind, summed over kinds
    wz = np.einsum("nm,nmb->nb", weight, zk)
    weighted_x, weighted_z = x * total[:, None], z * total[:, None]
    among_kinds = np.einsum("nm,nmb,nmc->bc", weight, xk, zk, optimize=True)
    kinds_x = np.einsum("nm,nmb->bm", weight, xk)
    kinds_z = np.einsum("nm,nmb->bm", weight, zk)
    states = design.crossed_members(total, side, other)
    intercepts = np.diag(weight.sum(axis=0))
    blocks = [
        [x.T @ weighted_z, x.T @ wz, x.T @ weight, (members_z.T @ weighted_x).T],
        [wx.T @ z, among_kinds, kinds_x, (members_z.T @ wx).T],
        [weight.T @ z, kinds_z.T, intercepts, (members_z.T @ weight).T],
        [members_x.T @ weighted_z, members_x.T @ wz, members_x.T @ weight, states],
    ]
    return np.block(blocks)


def opportunities(design: ConsentDesign, values: Floats) -> Floats:
    """(N,) probability that the dyad signs an agreement of any kind in the year."""
    rate = np.exp(design.log_rate(values)[0]).sum(axis=1)
    return np.asarray(-np.expm1(-rate))


def clustered(
    design: ConsentDesign,
    values: Floats,
    cluster: Ints,
    covariance: Floats,
    penalty: Floats,
) -> Floats:
    """Covariance with rows of one cluster (a dyad) allowed to hang together: A^-1 (B +
    P) A^-1, B with G / (G - 1).

    penalty: (size,) precision of the priors, which is the variance P of their scores:
    without it what is not known of random intercepts would not count, and errors of
    terms that are a state's own would be too small. White 1982, Econometrica 50: 1-25;
    Liang, Zeger 1986, Biometrika 73: 13-22. Where agreements are few these errors are
    too small; none is smaller than that of `covariance`, from second derivatives
    (Angrist, Pischke 2009, Mostly Harmless Econometrics, sec. 8.2.3)."""
    total = scores_by(design, values, cluster)
    correction = len(total) / (len(total) - 1.0)
    middle = total.T @ total * correction + np.diag(penalty)
    sandwich = covariance @ middle @ covariance
    ratio = np.diag(covariance) / np.diag(sandwich)
    wider = np.sqrt(np.maximum(ratio, 1.0))
    return np.asarray(sandwich * np.outer(wider, wider))


def scores_by(design: ConsentDesign, values: Floats, cluster: Ints) -> Floats:
    """(clusters, size) first derivatives summed over the rows of each cluster, in the
    order of its number."""
    _, group = np.unique(cluster, return_inverse=True)
    entries = np.ones(len(group)), (group, np.arange(len(group)))
    sums = sparse.csr_array(entries)
    _, first, _, s, t = pulls(design, values)
    total = np.zeros((sums.shape[0], design.size))
    for side, weight in ((0, first * s), (1, first * t)):
        by_dyad = weight.sum(axis=1)[:, None]
        by_kind = np.einsum("nm,nmb->nb", weight, design.by_kind[side])
        fixed = [design.common[side] * by_dyad, by_kind, weight]
        shrunk = design.members[side].multiply(by_dyad).tocsr()
        total[:, : design.fixed] += sums @ np.concatenate(fixed, axis=1)
        total[:, design.fixed :] += (sums @ shrunk).toarray()
    return total
