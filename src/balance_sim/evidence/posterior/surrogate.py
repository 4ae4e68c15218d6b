"""Smooth functions of many variables from few evaluations: Gaussian processes.

    y = f(z) + noise      f = m + GP(0, k)
    k(z, z') = a + b z.z' + c exp(-sum of (z_p - z'_p)^2 / 2 l_p^2)

The first two parts of k are Bayesian regression on all variables, the last takes what a
plane leaves over, with a length of each variable. Scales maximise the marginal
likelihood (Rasmussen, Williams 2006, Gaussian Processes for Machine Learning, eq. 2.25,
2.26, 5.8), by scikit-learn. Functions that are fitted together have their scales in
common."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.stats import Floats

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

LEAST_NOISE = 1e-6
"""Least variance of the noise, in variances of y."""


@dataclass(frozen=True)
class SmoothProcess:
    """A fitted process."""

    process: GaussianProcessRegressor

    @property
    def scales(self) -> list[float]:
        """Logarithms of the scales of k and of the noise, five digits each."""
        return [float(f"{scale:.5g}") for scale in self.process.kernel_.theta]

    def __call__(self, z: Floats) -> Floats:
        """Expected values of the function at (D, P) points: (D,), or (D, K) of K
        functions."""
        return np.asarray(self.process.predict(z))


def fit_process(
    points: Floats, values: Floats, scales: list[float] | None = None
) -> SmoothProcess:
    """The process with the scales of the highest marginal likelihood, or with those
    given. points: (N, P); values: (N,), or (N, K) of K functions.

    Examples
    --------
    >>> points = np.random.default_rng(1).standard_normal((40, 2))
    >>> process = fit_process(points, points[:, 0] - np.sin(points[:, 1]))
    >>> abs(float(process(np.array([[0.5, 0.0]]))[0]) - 0.5) < 0.01
    True
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor

    kernel = _kernel(points.shape[1])
    if scales:
        kernel = kernel.clone_with_theta(np.array(scales))
    optimizer = None if scales else "fmin_l_bfgs_b"
    process = GaussianProcessRegressor(
        kernel, alpha=LEAST_NOISE, optimizer=optimizer, normalize_y=True
    )
    with warnings.catch_warnings():  # a scale at its bound is one that is not needed
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(points, values)
    return SmoothProcess(process)


def _kernel(variables: int) -> Any:
    """Plane, local part and noise, as the search starts; values and variables are on a
    scale of about 1."""
    from sklearn.gaussian_process import kernels

    wide = (1e-6, 1e3)
    plane = kernels.ConstantKernel(1.0 / variables, wide) * kernels.DotProduct(1.0)
    start = np.full(variables, 2.0 * variables**0.5)
    local = kernels.ConstantKernel(1.0, wide) * kernels.RBF(start, (0.5, 100.0))
    return plane + local + kernels.WhiteKernel(1e-4, (1e-8, 1.0))
