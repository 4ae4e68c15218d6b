"""Importance sampling with Pareto smoothed weights, from a Laplace approximation.

Vehtari, Simpson, Gelman, Yao, Gabry 2024, Pareto smoothed importance sampling, JMLR
25(72): the largest weights are replaced by quantiles of a generalised Pareto
distribution that was fitted to them (Zhang, Stephens 2009, Technometrics 51: 316-325,
with the weak prior of the paper's appendix C). Its shape k tells whether the weights
can be trusted: below min(1 - 1 / log10 S, 0.7) for S draws they can.

A smooth function of many variables from few evaluations: a Gaussian process about a
plane.

    f(z) = m + GP(0, k)     k(z, z') = a + b z.z' + c exp(-|z - z'|^2 / 2 l^2)     y = f(z) + noise

The first two parts of k are Bayesian regression on all variables, the last takes what a
plane leaves over; far from all points f goes back to the plane. The scales a, b, c, l
and the noise maximise the marginal likelihood (Rasmussen, Williams 2006, Gaussian
Processes for Machine Learning, eq. 2.25, 2.30, 5.8, 5.12).

How much a posterior hangs on the prior and on the likelihood: power scaling.

Kallioinen, Paananen, Buerkner, Vehtari 2023, Detecting and diagnosing prior and
likelihood sensitivity with power-scaling, Statistics and Computing 34: 57. Prior or
likelihood is raised to a power near 1; draws are weighted by what that changes; the
distance between the two distributions, by cumulative Jensen-Shannon divergence (Nguyen,
Vreeken 2015), is told for a doubling of the power. From 0.05 on it is sensitive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import logsumexp, xlogy

from balance_sim.stats import Floats, Ints

LogDensity = Callable[[Floats], Floats]
"""(D, P) points -> (D,) log-density, up to a constant."""
STEP = 1e-2
"""Of the finite differences in the second derivatives of a density on a scale of about
1."""


class Approximation(NamedTuple):
    """A normal approximation: where the density is highest, and the covariance from its
    second derivatives there."""

    at: Floats
    covariance: Floats


def laplace(log_density: LogDensity, start: Floats) -> Approximation:
    """The mode of a density and its Laplace approximation.

    Directions in which the density does not fall off get the variance 1.

    Parameters
    ----------
    log_density : of coordinates on a scale of about 1, such as those in which a prior is standard normal
    start : (P,)

    Examples
    --------
    >>> found = laplace(lambda z: -0.5 * ((z - 1.0) ** 2 / 0.25).sum(axis=1), np.zeros(2))
    >>> found.at.round(3), found.covariance.round(3).diagonal()
    (array([1., 1.]), array([0.25, 0.25]))
    """
    count = len(start)
    unit = np.eye(count) * STEP

    def slope(z: Floats) -> Floats:
        return np.asarray(
            (log_density(z + unit) - log_density(z - unit)) / (2.0 * STEP)
        )

    found = minimize(
        lambda z: -float(log_density(z[None])[0]),
        start,
        jac=lambda z: -slope(z),
        method="L-BFGS-B",
    )
    bent = np.stack(
        [(slope(found.x + one) - slope(found.x - one)) / (2.0 * STEP) for one in unit]
    )
    values, vectors = np.linalg.eigh(-(bent + bent.T) / 2.0)
    safe = np.where(values > 1e-3, values, 1.0)
    return Approximation(np.asarray(found.x), np.asarray((vectors / safe) @ vectors.T))


def pareto_shape(excess: Floats) -> tuple[float, float]:
    """Shape k and scale of a generalised Pareto distribution. excess: (M,) above a
    threshold, not all the same.

    >>> u = (np.arange(2000) + 0.5) / 2000
    >>> k, scale = pareto_shape((u**-0.5 - 1.0) / 0.5)  # quantiles of the shape 0.5, scale 1
    >>> abs(k - 0.5) < 0.02, abs(scale - 1.0) < 0.03
    (True, True)
    """
    x = np.sort(excess)
    n = len(x)
    m = 30 + int(np.sqrt(n))
    quarter = x[int(n / 4 + 0.5) - 1]
    theta = 1.0 / x[-1] + (1.0 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (
        3.0 * quarter
    )
    k = np.log1p(-theta[:, None] * x).mean(axis=1)
    profile = n * (np.log(-theta / k) - k - 1.0)
    weight = np.exp(profile - logsumexp(profile))
    best = float(weight @ theta)
    shape = float(np.log1p(-best * x).mean())
    return float((shape * n + 0.5 * 10) / (n + 10)), float(-shape / best)


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
    excess = np.exp(shifted[largest]) - np.exp(below)
    shape = -np.inf
    if top >= 5 and excess[0] >= 0 and excess[-1] - excess[0] > 1e-10:
        shape, scale = pareto_shape(np.maximum(excess, 1e-300))
        at = (np.arange(top) + 0.5) / top
        smooth = (
            scale * np.expm1(-shape * np.log1p(-at)) / shape
            if abs(shape) > 1e-12
            else -scale * np.log1p(-at)
        )
        shifted = shifted.copy()
        shifted[largest] = np.minimum(np.log(smooth + np.exp(below)), 0.0)
    return np.exp(shifted - logsumexp(shifted)), float(shape)


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
    at = (np.arange(count) + uniform) / count
    whole = np.cumsum(weights)
    return np.minimum(np.searchsorted(whole / whole[-1], at), len(weights) - 1).astype(
        np.int64
    )


NOISE = 1e-3
"""Least standard deviation of the noise, in standard deviations of y."""


@dataclass(frozen=True)
class SmoothProcess:
    """A fitted process. points: (N, P); scales: logarithms of a, b, c, l and the noise.

    weight: (N,), the inverse covariance of y times y; mean, spread: by which y was
    standardised."""

    points: Floats
    scales: Floats
    weight: Floats
    mean: float
    spread: float

    def __call__(self, z: Floats) -> Floats:
        """(D,) expected values of the function at (D, P) points."""
        return np.asarray(
            self.mean
            + self.spread * (kernel(z, self.points, self.scales) @ self.weight)
        )


def kernel(a: Floats, b: Floats, scales: Floats) -> Floats:
    """(A, B) covariances of the function at (A, P) and (B, P) points."""
    constant, linear, rest, length = np.exp(scales[:4])
    product = a @ b.T
    apart = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * product
    smooth: Floats = rest * np.exp(-np.maximum(apart, 0.0) / (2.0 * length**2))
    return np.asarray(constant + linear * product + smooth)


def covariance(points: Floats, scales: Floats) -> Floats:
    """(N, N) covariance of y at (N, P) points: that of the function, and the noise."""
    noise = float(np.exp(scales[4])) + NOISE
    return np.asarray(kernel(points, points, scales) + noise**2 * np.eye(len(points)))


def fit_process(points: Floats, values: Floats) -> SmoothProcess:
    """The process with the scales of the highest marginal likelihood. points: (N, P);
    values: (N,).

    Examples
    --------
    >>> points = np.random.default_rng(1).standard_normal((40, 2))
    >>> found = fit_process(points, points[:, 0] - np.sin(points[:, 1]))
    >>> abs(float(found(np.array([[0.5, 0.0]]))[0]) - 0.5) < 0.01
    True
    """
    mean, spread = float(values.mean()), float(values.std()) or 1.0
    y = (values - mean) / spread

    def loss(scales: Floats) -> float:
        try:
            factor = cho_factor(covariance(points, scales), lower=True)
        except np.linalg.LinAlgError:
            return 1e10
        return float(0.5 * y @ cho_solve(factor, y) + np.log(np.diag(factor[0])).sum())

    count = points.shape[1]
    start = np.log([1.0, 1.0 / count, 0.5, np.sqrt(2.0 * count), 0.05])
    bounds = [(-12.0, 6.0)] * 3 + [
        (np.log(np.sqrt(count) / 2), np.log(10.0 * np.sqrt(count))),
        (-12.0, 2.0),
    ]
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    return process_at(points, values, np.asarray(found.x))


def process_at(points: Floats, values: Floats, scales: Floats) -> SmoothProcess:
    """The process with these scales: logarithms of a, b, c, l and the noise."""
    mean, spread = float(values.mean()), float(values.std()) or 1.0
    factor = cho_factor(covariance(points, scales), lower=True)
    return SmoothProcess(
        points, scales, cho_solve(factor, (values - mean) / spread), mean, spread
    )


POWER = 1.01
"""Raised to this and to one over it; the paper's default is 0.99 and 1.01."""
SENSITIVE = 0.05
PULLED = 0.7
"""Standard deviations that a doubling of the prior's power moves the mean: from here on
prior and likelihood are called in conflict. So much where both are normal, equally
strong, and two standard deviations of their difference apart. The paper asks only that
both are sensitive, as they also are where an agreeing likelihood is as strong as the
prior."""
FINDINGS = INFORMED, PRIOR_DOMINATED, IN_CONFLICT = (
    "informed",
    "prior-dominated",
    "in conflict",
)


@dataclass(frozen=True)
class PowerScaling:
    """Sensitivity to prior and likelihood, and the pull of the prior: standard
    deviations a doubling, with its sign."""

    prior: float
    likelihood: float
    pull: float

    @property
    def word(self) -> str:
        """`informed`, `prior-dominated` or `in conflict`."""
        if self.likelihood < SENSITIVE:
            return PRIOR_DOMINATED
        return (
            IN_CONFLICT
            if self.prior >= SENSITIVE and abs(self.pull) >= PULLED
            else INFORMED
        )


def distance(draws: Floats, weights: Floats) -> float:
    """Cumulative Jensen-Shannon distance between equally weighted draws and the same
    with other weights, 0..1.

    draws, weights: (D,); weights sum to 1. The larger of the distances of the draws and
    of their negatives, since the divergence knows left from right.

    >>> draws = np.arange(5.0)
    >>> distance(draws, np.full(5, 0.2)), distance(draws, np.array([1.0, 0, 0, 0, 0])) > 0.5
    (0.0, True)
    """
    return max(_one_way(draws, weights), _one_way(-draws, weights))


def _one_way(draws: Floats, weights: Floats) -> float:
    order = np.argsort(draws, kind="stable")
    width = np.diff(draws[order])
    p = np.arange(1, len(draws)) / len(draws)
    q = np.minimum(np.cumsum(weights[order])[:-1], 1.0)
    middle, whole = (p + q) / 2.0, float(width @ (p + q))
    if whole <= 0:
        return 0.0
    against = [(xlogy(one, one) - xlogy(one, middle)) / np.log(2.0) for one in (p, q)]
    apart = float(
        width @ (against[0] + against[1])
    )  # the integrals of q - p and of p - q cancel
    return float(np.sqrt(max(apart, 0.0) / whole))


def _weights(log_factor: Floats, power: float) -> Floats:
    scaled = (power - 1.0) * log_factor
    return np.asarray(np.exp(scaled - logsumexp(scaled)))


def power_scaling(
    draws: Floats, log_prior: Floats, log_likelihood: Floats
) -> PowerScaling:
    """The sensitivity of a parameter's posterior.

    draws: (D,) of it, equally weighted; log_prior, log_likelihood: (D,) of each draw,
    up to a constant: the factors that are raised to a power.

    Examples
    --------
    A likelihood that says nothing:

    >>> from scipy.stats import norm
    >>> draws = norm.ppf((np.arange(2000) + 0.5) / 2000)
    >>> power_scaling(draws, norm.logpdf(draws), np.zeros(2000)).word
    'prior-dominated'
    """
    spread = float(draws.std())
    if spread == 0:
        return PowerScaling(0.0, 0.0, 0.0)
    doubling = np.log2(POWER)
    by_prior, by_likelihood = (
        [_weights(factor, power) for power in (POWER, 1.0 / POWER)]
        for factor in (log_prior, log_likelihood)
    )
    prior, likelihood = (
        sum(distance(draws, weights) for weights in both) / (2.0 * doubling)
        for both in (by_prior, by_likelihood)
    )
    pull = float((by_prior[0] - by_prior[1]) @ draws) / (2.0 * doubling * spread)
    return PowerScaling(prior, likelihood, pull)
