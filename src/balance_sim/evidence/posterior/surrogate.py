"""A smooth function of many variables from few evaluations: a Gaussian process about a
plane.

    f(z) = m + GP(0, k)     y = f(z) + noise
    k(z, z') = a + b z.z' + c exp(-|z - z'|^2 / 2 l^2)

The first two parts of k are Bayesian regression on all variables, the last takes what a
plane leaves over; far from all points f goes back to the plane. The scales a, b, c, l
and the noise maximise the marginal likelihood (Rasmussen, Williams 2006, Gaussian
Processes for Machine Learning, eq. 2.25, 2.30, 5.8, 5.12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from balance_sim.stats import Floats

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
        standard = kernel(z, self.points, self.scales) @ self.weight
        return np.asarray(self.mean + self.spread * standard)


def kernel(a: Floats, b: Floats, scales: Floats) -> Floats:
    """(A, B) covariances of the function at (A, P) and (B, P) points."""
    constant, linear, local, length = np.exp(scales[:4])
    product = a @ b.T
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    distance = np.maximum(squares - 2.0 * product, 0.0)
    smooth = local * np.exp(-distance / (2.0 * length**2))
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
    >>> process = fit_process(points, points[:, 0] - np.sin(points[:, 1]))
    >>> abs(float(process(np.array([[0.5, 0.0]]))[0]) - 0.5) < 0.01
    True
    """
    y, _, _ = _standardised(values)

    def loss(scales: Floats) -> float:
        try:
            factor = cho_factor(covariance(points, scales), lower=True)
        except np.linalg.LinAlgError:
            return 1e10
        misfit = 0.5 * y @ cho_solve(factor, y)
        return float(misfit + np.log(np.diag(factor[0])).sum())

    count = points.shape[1]
    start = np.log([1.0, 1.0 / count, 0.5, np.sqrt(2.0 * count), 0.05])
    lengths = (np.log(np.sqrt(count) / 2), np.log(10.0 * np.sqrt(count)))
    bounds = [(-12.0, 6.0), (-12.0, 6.0), (-12.0, 6.0), lengths, (-12.0, 2.0)]
    search = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    return process_at(points, values, np.asarray(search.x))


def process_at(points: Floats, values: Floats, scales: Floats) -> SmoothProcess:
    """The process with these scales: logarithms of a, b, c, l and the noise."""
    y, mean, spread = _standardised(values)
    factor = cho_factor(covariance(points, scales), lower=True)
    return SmoothProcess(points, scales, cho_solve(factor, y), mean, spread)


def _standardised(values: Floats) -> tuple[Floats, float, float]:
    """Values less their mean, over their standard deviation; and those two."""
    mean, spread = float(values.mean()), float(values.std()) or 1.0
    return np.asarray((values - mean) / spread), mean, spread
