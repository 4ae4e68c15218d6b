"""Which groups of uncertain inputs carry the spread of an output, and what knowing one
of them would be worth.

*Shapley effects* (Owen 2014, SIAM/ASA Journal on Uncertainty Quantification 2) divide
the variance of an output among groups of inputs that do not depend on each other. By
Goda 2021 (Reliability Engineering and System Safety 213): walk from one draw x to
another x', one group after the other in random order; with z before and z+ after the
step of a group, its effect = E[ (f(z+) - f(z)) (f(x') - f(x)) ] / 2, the mean of Goda's
estimator and the same walked backwards. The steps of a walk sum to (f(x') - f(x))^2 /
2, so effects sum to the variance.

*Value of information* (EVPPI) under squared error: knowing an input X takes Var(E[Y |
X]) off the variance of Y, on average (Oakley, O'Hagan 2004, JRSS B 66). E[Y | X] is
found by regression (Strong, Oakley, Brennan 2014, Medical Decision Making 34), and what
that explains is what it predicts of draws left out.

Shapley values, exactly, from the value of every coalition.

Shapley 1953, A value for n-person games, in: Contributions to the Theory of Games II,
pp. 307-317. The one division of a total that is efficient, symmetric, additive, and
gives a player that changes nothing nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from balance_sim.stats import Floats, Ints

DEGREE = 3  # of the regression on a single input


@dataclass(frozen=True)
class ShapleyEffects:
    """share: (G,) of the variance by group, with sum 1; error: (G,) their standard
    errors over walks."""

    share: Floats
    error: Floats


def shapley_effects(walks: Floats, order: Ints) -> ShapleyEffects:
    """Shapley effects of G groups from random walks.

    walks: (N, G + 1) output at the start of each walk and after each of its steps;
    order: (N, G) which group was changed in each step. All are 0 where the output does
    not vary.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.normal(size=(2, 500, 2))
    >>> order = rng.permuted(np.tile([0, 1], (500, 1)), axis=1)
    >>> middle = np.where(order[:, :1] == [[0, 1]], y, x)
    >>> walks = np.stack([2 * z[:, 0] + z[:, 1] for z in (x, middle, y)], axis=1)
    >>> shapley_effects(walks, order).share.round(1).tolist()
    [0.8, 0.2]
    """
    step, change = np.diff(walks, axis=1), walks[:, -1] - walks[:, 0]
    by_group = np.zeros(step.shape)
    np.put_along_axis(by_group, order, step * change[:, None] / 2, axis=1)
    variance = float((change**2).mean() / 2)
    if not variance > 0:
        nothing = np.zeros(step.shape[1])
        return ShapleyEffects(nothing, nothing)
    share = by_group.mean(axis=0) / variance
    # a ratio of means, to first order
    deviation = by_group - share * (change**2)[:, None] / 2
    error = deviation.std(axis=0, ddof=1) / np.sqrt(len(walks)) / variance
    return ShapleyEffects(share, np.asarray(error))


def known_alone(y: Floats, x: Floats) -> Floats:
    """(P,) share of the variance of y that knowing each column of x alone would take
    off, on average; x: (N, P).

    >>> x = np.random.default_rng(1).normal(size=(1000, 2))
    >>> known_alone(x[:, 0] ** 2, x).round(1).tolist()
    [1.0, 0.0]
    """
    return np.array([explained(y, features) for features in powers(x)])


def powers(x: Floats) -> list[Floats]:
    """(N, DEGREE) powers of each column of x (N, P), put on mean 0 and standard
    deviation 1."""
    spread = x.std(axis=0)
    standard = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return [np.vander(column, DEGREE + 1)[:, :-1] for column in standard.T]


def explained(y: Floats, features: Floats) -> float:
    """Share of the variance of y that a least-squares fit predicts of draws left out,
    one at a time; at least 0.

    features: (N, F) besides a constant. Residuals of draws left out are e / (1 - h),
    with h the leverages (Allen 1974, Technometrics 16: 125-127, PRESS).

    >>> y = np.array([0.0, 1.0, 2.0, 4.0])
    >>> explained(y, y[:, None])
    1.0
    """
    basis, leverage = orthonormal(features)
    residual = (y - basis @ (basis.T @ y)) / (1.0 - leverage)
    of_mean = (y - y.mean()) * len(y) / (len(y) - 1)  # the same of the mean alone
    total = max(float(of_mean @ of_mean), 1e-300)
    return max(1.0 - float(residual @ residual) / total, 0.0)


def orthonormal(features: Floats) -> tuple[Floats, Floats]:
    """Orthonormal columns (N, 1 + F) that span a constant and the features (N, F), and
    the leverages (N,) of a fit.

    Columns are 0 for features that are linear in others.

    Examples
    --------
    >>> basis, leverage = orthonormal(np.array([[0.0], [1.0], [2.0]]))
    >>> bool(np.allclose(basis.T @ basis, np.eye(2))), leverage.round(3).tolist()
    (True, [0.833, 0.333, 0.833])
    """
    design = np.column_stack([np.ones(len(features)), features])
    size, directions = np.linalg.eigh(design.T @ design)
    sizes = np.where(size > 1e-12 * size[-1], size, np.inf)
    basis = design @ (directions / np.sqrt(sizes))
    return basis, np.minimum((basis**2).sum(axis=1), 1.0 - 1e-9)


def shapley(worth: Floats) -> Floats:
    """Shapley values of k players, (..., 2^k) to (..., k). They sum to worth[..., -1] -
    worth[..., 0].

    worth[..., m]: of the coalition of the players whose bits are set in m. ValueError
    where they are no power of two.

    Examples
    --------
    Two players who are worth 1 and 2 alone and 5 together share the 2 that only both
    bring.

    >>> shapley(np.array([0.0, 1.0, 2.0, 5.0])).tolist()
    [2.0, 3.0]
    """
    players = worth.shape[-1].bit_length() - 1
    if worth.shape[-1] != 1 << players:
        raise ValueError(f"{worth.shape[-1]} coalitions: not a power of two")
    coalitions = np.arange(1 << players)
    size = np.bitwise_count(coalitions).astype(int)
    values = np.empty((*worth.shape[:-1], players))
    for player in range(players):
        bit = 1 << player
        without = coalitions[coalitions & bit == 0]
        orders = [players * comb(players - 1, count) for count in size[without]]
        weight = np.array([1.0 / count for count in orders])
        gain = worth[..., without | bit] - worth[..., without]
        values[..., player] = gain @ weight
    return values


def alone_and_last(worth: Floats) -> tuple[Floats, Floats]:
    """What each player adds to nobody, and to all others, (..., 2^k) to two of (...,
    k).

    Where the two differ, players act together, and a single number for one of them
    hides that.

    Examples
    --------
    >>> [part.tolist() for part in alone_and_last(np.array([0.0, 1.0, 2.0, 5.0]))]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    players = worth.shape[-1].bit_length() - 1
    bits = 1 << np.arange(players)
    everybody = (1 << players) - 1
    alone = worth[..., bits] - worth[..., :1]
    last = worth[..., -1:] - worth[..., everybody & ~bits]
    return alone, last
