"""Importance sampling with Pareto smoothed weights, from a Laplace approximation.

Vehtari, Simpson, Gelman, Yao, Gabry 2024, Pareto smoothed importance sampling, JMLR
25(72): the largest weights are replaced by quantiles of a generalised Pareto
distribution that was fitted to them (Zhang, Stephens 2009, Technometrics 51: 316-325,
with the weak prior of the paper's appendix C). Its shape k tells whether the weights
can be trusted: below min(1 - 1 / log10 S, 0.7) for S draws they can."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from balance_sim.stats import Floats, Ints

LogDensity = Callable[[Floats], Floats]
"""(D, P) points -> (D,) log-density, up to a constant."""
STEP = 1e-2
"""Of the finite differences in the second derivatives of a density on a scale of about
1."""


def laplace(log_density: LogDensity, start: Floats) -> tuple[Floats, Floats]:
    """The mode of a density, and the covariance of its Laplace approximation: from the
    second derivatives there.

    Directions in which the density does not fall off get the variance 1.

    Parameters
    ----------
    log_density : of coordinates on a scale of about 1, such as those in which a prior
        is standard normal
    start : (P,)

    Examples
    --------
    >>> normal = lambda z: -0.5 * ((z - 1.0) ** 2 / 0.25).sum(axis=1)
    >>> mode, covariance = laplace(normal, np.zeros(2))
    >>> mode.round(3), covariance.round(3).diagonal()
    (array([1., 1.]), array([0.25, 0.25]))
    """
    count = len(start)
    unit = np.eye(count) * STEP

    def slope(z: Floats) -> Floats:
        difference = log_density(z + unit) - log_density(z - unit)
        return np.asarray(difference / (2.0 * STEP))

    def loss(z: Floats) -> tuple[float, Floats]:
        return -float(log_density(z[None])[0]), -slope(z)

    peak = minimize(loss, start, jac=True, method="L-BFGS-B").x
    differences = [slope(peak + step) - slope(peak - step) for step in unit]
    bend = np.stack([difference / (2.0 * STEP) for difference in differences])
    values, vectors = np.linalg.eigh(-(bend + bend.T) / 2.0)
    safe = np.where(values > 1e-3, values, 1.0)
    covariance = (vectors / safe) @ vectors.T
    return np.asarray(peak), np.asarray(covariance)


def pareto_shape(excess: Floats) -> tuple[float, float]:
    """Shape k and scale of a generalised Pareto distribution. excess: (M,) above a
    threshold, not all the same.

    >>> u = (np.arange(2000) + 0.5) / 2000
    >>> quantiles = (u**-0.5 - 1.0) / 0.5  # of the shape 0.5, scale 1
    >>> k, scale = pareto_shape(quantiles)
    >>> abs(k - 0.5) < 0.02, abs(scale - 1.0) < 0.03
    (True, True)
    """
    x = np.sort(excess)
    n = len(x)
    m = 30 + int(np.sqrt(n))
    quarter = x[int(n / 4 + 0.5) - 1]
    places = np.arange(1, m + 1) - 0.5
    theta = 1.0 / x[-1] + (1.0 - np.sqrt(m / places)) / (3.0 * quarter)
    k = np.log1p(-theta[:, None] * x).mean(axis=1)
    profile = n * (np.log(-theta / k) - k - 1.0)
    weight = np.exp(profile - logsumexp(profile))
    best = float(weight @ theta)
    shape = float(np.log1p(-best * x).mean())
    shrunk = (shape * n + 0.5 * 10) / (n + 10)
    return float(shrunk), float(-shape / best)


def pareto_smoothed(log_weights: Floats) -> tuple[Floats, float]:
    """Smoothed weights (S,) of draws, which sum to 1, and k-hat: -inf where the largest
    are alike, and not smoothed.

    log_weights: (S,) log of target over proposal, up to a constant; -inf for draws that
    are ruled out.

    Examples
    --------
    >>> weights, k = pareto_smoothed(np.zeros(100))
    >>> round(float(weights[0]), 6), k
    (0.01, -inf)
    """
    count = len(log_weights)
    top = int(np.ceil(min(0.2 * count, 3.0 * np.sqrt(count))))
    shifted = log_weights - log_weights.max()
    order = np.argsort(shifted, kind="stable")
    largest, below = order[-top:], shifted[order[-top - 1]]
    threshold = np.exp(below)
    excess = np.exp(shifted[largest]) - threshold
    shape = -np.inf
    if top >= 5 and excess[0] >= 0 and excess[-1] - excess[0] > 1e-10:
        shape, scale = pareto_shape(np.maximum(excess, 1e-300))
        smooth = _pareto_quantiles(shape, scale, top)
        shifted = shifted.copy()
        shifted[largest] = np.minimum(np.log(smooth + threshold), 0.0)
    return np.exp(shifted - logsumexp(shifted)), float(shape)


def _pareto_quantiles(shape: float, scale: float, count: int) -> Floats:
    """(count,) quantiles of a generalised Pareto distribution at the middles of as many
    equal steps."""
    u = (np.arange(count) + 0.5) / count
    if abs(shape) <= 1e-12:
        return np.asarray(-scale * np.log1p(-u))
    return np.asarray(scale * np.expm1(-shape * np.log1p(-u)) / shape)


def trusted_below(draws: int) -> float:
    """The k-hat below which weights of so many draws can be trusted: min(1 - 1 / log10
    S, 0.7), eq. 13 of the paper."""
    return min(1.0 - 1.0 / float(np.log10(draws)), 0.7)


def effective_size(weights: Floats) -> float:
    """How many independent draws of the target the weighted ones are worth: 1 / sum of
    squares (Kong 1992)."""
    return float(1.0 / (weights**2).sum())


def resampled(weights: Floats, count: int, uniform: float) -> Ints:
    """(count,) positions of draws, each as often as its weight wants it, to less than
    one more or fewer.

    Systematic resampling (Kitagawa 1996, JCGS 5: 1-25), from one uniform number.

    >>> resampled(np.array([0.5, 0.25, 0.25]), 4, 0.5).tolist()
    [0, 0, 1, 2]
    """
    points = (np.arange(count) + uniform) / count
    total = np.cumsum(weights)
    positions = np.searchsorted(total / total[-1], points)
    return np.minimum(positions, len(weights) - 1).astype(np.int64)
