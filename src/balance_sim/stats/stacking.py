"""Stacking of predictive distributions: what weight each of several forecasts deserves in a mixture.

    w = argmax  sum_i log sum_k w_k p_k(y_i)        over w_k >= 0, sum of w_k = 1

Yao, Vehtari, Simpson, Gelman 2018, Using Stacking to Average Bayesian Predictive Distributions, Bayesian Analysis
13(3): 917-1003. p_k(y_i) is the probability that forecast k gave to what came, for events it had not seen; none of the
forecasts is taken to be true. The sum is concave in w; the steps are those of EM for mixtures and never lower it."""

from __future__ import annotations

import numpy as np

from . import Floats

STEPS, SETTLED = 20_000, 1e-12


def stacking_weights(chance: Floats) -> Floats:
    """Stacking weights (K,) of forecasts, at least 0, with sum 1. Those that are the same in every event share equally.

    chance: (N, K) probability that each forecast gave to what came; ValueError where one is not above 0.

    Examples
    --------
    The first forecast is right four times in five, the second the other time:

    >>> stacking_weights(np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]])).round(3).tolist()
    [0.875, 0.125]
    """
    if chance.ndim != 2 or not np.all(chance > 0):
        raise ValueError("every forecast has to give what came a probability above 0")
    scaled = chance / chance.max(axis=1, keepdims=True)
    weights = np.full(chance.shape[1], 1.0 / chance.shape[1])
    for _ in range(STEPS):
        mixed = np.einsum("nk,k->n", scaled, weights)
        before, weights = weights, weights * np.einsum("nk,n->k", scaled, 1.0 / mixed) / len(scaled)
        if np.abs(weights - before).max() < SETTLED:
            break
    return weights
