"""Probabilities of at least one event where the rate has gamma factors that are not known.

    1 - E exp(-lambda L r)        lambda ~ Gamma(shape a, inverse scale b), L ~ Gamma of mean 1 and variance v

Over lambda in closed form, (1 + L r / b)^-a (Greenwood, Yule 1920, JRSS 83: 255-279); over L at points of equal
probability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

Floats = npt.NDArray[np.float64]

POINTS = 40
"""Points of equal probability at which a level is integrated over."""


def mixed_chance(rate: Floats, shape: Floats, inverse: Floats, variance: float = 0.0) -> Floats:
    """(N,) 1 - E exp(-lambda L rate). shape: (N,), infinite where lambda is 1; inverse: (N,); variance: of L."""
    known = ~np.isfinite(shape)
    a, b = np.where(known, 1.0, shape), np.where(known, 1.0, inverse)
    some = [
        -np.expm1(-np.where(known, level * rate, a * np.log1p(level * rate / b)))
        for level in level_points(variance)
    ]
    return np.asarray(np.mean(some, axis=0))


def level_points(variance: float) -> Floats:
    """Points of equal probability of the mean-one gamma distribution with this variance; their mean is 1."""
    if variance <= 0:
        return np.ones(1)
    points = gammaincinv(1.0 / variance, (np.arange(POINTS) + 0.5) / POINTS) * variance
    return np.asarray(points / points.mean())


__all__ = ["POINTS", "level_points", "mixed_chance"]
