"""Which groups of uncertain inputs carry the spread of an output, from one sample of both.

    share of a group = Shapley value of the game  S -> Var(E[Y | X_S]) / Var(Y)          (Owen 2014; Song, Nelson,
                                                                                       Staum 2016)
    expected value of knowing a group (EVPPI) under squared error = Var(E[Y | X_group])   (Oakley, O'Hagan 2004, JRSS B
                                                                                       66; Strong et al. 2014)

Shapley shares sum to the whole also where inputs go together, which first-order and total indices do not. Var(E[Y |
X_S]) is found by regression, in two steps. Each group is drawn together to one number, its *score*: the part that
belongs to it of a ridge regression of arcsinh(Y / median |Y|) on all inputs, quadratic within groups and additive
between them; scores of one half of the sample come from the regression on the other half. Then, for each set of groups,
Y is regressed on cubic polynomials of their scores; what it explains is what it predicts of draws that were left out.
Where Y is a product of functions of the groups, the score is the logarithm of the group's own factor, so that
interactions are found too. An interaction without any main effect has no score to be found by: what the regression on
all groups leaves unexplained is reported as such. Estimates are noisy by about 0.01 with 2,000 draws, and may fall
below zero by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise
from math import comb

import numpy as np
import numpy.typing as npt

from balance_sim.stats.shapley import shapley

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

DEGREE = 3  # of polynomials in the scores, at most
DRAWS_A_FEATURE = 5  # at least: with fewer draws the degree is lower, and more is left unexplained
RIDGE = 10.0
MOST_GROUPS = 10
FEWEST = 100  # draws


@dataclass(frozen=True)
class VarianceSplit:
    """Shares of a variance by group; with `unexplained` they sum to 1.

    variance: of the output. shares: Shapley shares. alone: what knowing a group alone would take off the variance on
    average, as a share of it; times `variance`, the EVPPI under squared error."""

    variance: float
    shares: dict[str, float]
    alone: dict[str, float]
    unexplained: float

    def spread_if_known(self, group: str) -> float:
        """Standard deviation that would be left, on average over what is learnt, if a group were known."""
        return float(np.sqrt(self.variance * max(1.0 - self.alone[group], 0.0)))


def variance_split(y: Floats, x: Floats, groups: Mapping[str, Sequence[int]]) -> VarianceSplit:
    """Split the variance of an output among groups of inputs.

    Parameters
    ----------
    y : (N,) output of each draw
    x : (N, P) inputs of each draw
    groups : columns of each group, by name; no column twice

    Returns
    -------
    VarianceSplit : all shares 0 where the output does not vary

    Raises
    ------
    ValueError : for fewer than FEWEST draws, no group, or more than MOST_GROUPS

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(1000, 3))
    >>> split = variance_split(2 * x[:, 0] + x[:, 1], x, {"a": [0], "b": [1], "none": [2]})
    >>> [round(10 * share) for share in split.shares.values()]
    [8, 2, 0]
    """
    if len(y) < FEWEST or not 0 < len(groups) <= MOST_GROUPS:
        raise ValueError(f"{len(y)} draws and {len(groups)} groups; wanted: at least {FEWEST}, and 1 to {MOST_GROUPS}")
    variance, count = float(np.var(y)), len(groups)
    if not variance > 1e-24 * max(float(np.mean(y) ** 2), 1e-300):
        nothing = dict.fromkeys(groups, 0.0)
        return VarianceSplit(variance, nothing, dict(nothing), 0.0)
    degree = max([d for d in range(1, DEGREE + 1) if DRAWS_A_FEATURE * comb(count + d, d) <= len(y)], default=1)
    of = _scores(
        np.arcsinh(y / np.median(np.abs(y))), x, [np.asarray(columns, dtype=np.intp) for columns in groups.values()]
    )
    worth = np.zeros(1 << count)
    for coalition in range(1, 1 << count):
        members = [k for k in range(count) if coalition >> k & 1]
        worth[coalition] = explained(y, polynomials(of[:, members], degree))
    shares = dict(zip(groups, map(float, shapley(worth)), strict=True))
    alone = {name: float(worth[1 << k]) for k, name in enumerate(groups)}
    return VarianceSplit(variance, shares, alone, float(1.0 - worth[-1]))


def known_alone(y: Floats, x: Floats) -> Floats:
    """(P,) share of the variance of y that knowing each column of x alone would take off, on average.

    By regression on a cubic in the column's normal scores (Strong, Oakley, Brennan 2014, Medical Decision Making 34).

    >>> x = np.random.default_rng(1).normal(size=(1000, 2))
    >>> known_alone(x[:, 0] ** 2, x).round(1).tolist()
    [1.0, 0.0]
    """
    return np.array([explained(y, polynomials(_standard(column[:, None]))) for column in x.T])


def explained(y: Floats, features: Floats) -> float:
    """Share of the variance of y that a least-squares fit predicts of draws left out, one at a time; at least 0.

    features: (N, F). Residuals of draws left out are e / (1 - h), with h the leverages (Allen 1974, PRESS)."""
    design = np.column_stack([np.ones(len(y)), features])
    size, directions = np.linalg.eigh(design.T @ design)
    kept = size > 1e-12 * size[-1]
    basis = design @ (directions[:, kept] / np.sqrt(size[kept]))  # orthonormal
    residual = y - basis @ (basis.T @ y)
    leverage = np.minimum((basis**2).sum(axis=1), 1.0 - 1e-9)
    out = residual / (1.0 - leverage)
    apart = (y - y.mean()) * len(y) / (len(y) - 1)  # the same of the mean alone
    return max(1.0 - float(out @ out) / float(apart @ apart), 0.0)


def polynomials(scores: Floats, degree: int = DEGREE) -> Floats:
    """(N, F) all products of up to `degree` columns, scores (N, G) standardised."""
    standard = _standard(scores)
    columns = [
        np.prod(standard[:, list(which)], axis=1)
        for order in range(1, degree + 1)
        for which in combinations_with_replacement(range(standard.shape[1]), order)
    ]
    return np.column_stack(columns)


def _standard(x: Floats) -> Floats:
    spread = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _scores(y: Floats, x: Floats, groups: Sequence[Ints]) -> Floats:
    """(N, G) the part of each group in the regression on all inputs, for each half from the other."""
    standard = np.clip(_standard(x), -4.0, 4.0)
    parts = [_quadratic(standard[:, columns]) for columns in groups]
    features = np.column_stack(parts)
    edges = np.cumsum([0, *(part.shape[1] for part in parts)])
    half = np.arange(len(y)) % 2
    out = np.empty((len(y), len(groups)))
    for side in (0, 1):
        train, test = half != side, half == side
        mean = features[train].mean(axis=0)
        centred = features[train] - mean
        gram = centred.T @ centred + RIDGE * np.eye(centred.shape[1])
        weight = np.linalg.solve(gram, centred.T @ (y[train] - y[train].mean()))
        for k, (first, stop) in enumerate(pairwise(edges)):
            out[test, k] = (features[test, first:stop] - mean[first:stop]) @ weight[first:stop]
    return out


MOST_CROSSED = 12  # inputs of a group up to which their products are looked at


def _quadratic(x: Floats) -> Floats:
    """Columns, their squares, and in a group that is not too large their products."""
    parts = [x, x**2 - 1.0]
    if 1 < x.shape[1] <= MOST_CROSSED:
        i, j = np.triu_indices(x.shape[1], 1)
        parts.append(x[:, i] * x[:, j])
    return np.column_stack(parts)
