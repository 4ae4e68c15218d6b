"""How much a posterior hangs on the prior and on the likelihood: power scaling.

Kallioinen, Paananen, Buerkner, Vehtari 2023, Detecting and diagnosing prior and
likelihood sensitivity with power-scaling, Statistics and Computing 34: 57. Prior or
likelihood is raised to a power near 1; draws are weighted by what that changes; the
distance between the two distributions, by cumulative Jensen-Shannon divergence (Nguyen,
Vreeken 2015), is told for a doubling of the power. From 0.05 on it is sensitive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, xlogy

from balance_sim.stats import Floats

POWER = 1.01
"""Raised to this and to one over it; the paper's default is 0.99 and 1.01."""
DOUBLING = float(np.log2(POWER))
SENSITIVE = 0.05
PULLED = 0.7
"""Standard deviations that a doubling of the prior's power moves the mean: from here on
prior and likelihood are called in conflict. So much where both are normal, equally
strong, and two standard deviations of their difference apart. The paper asks only that
both are sensitive, as they also are where an agreeing likelihood is as strong as the
prior."""
FINDINGS = INFORMED, PRIOR_DOMINATED, IN_CONFLICT, NOT_EVALUATED = (
    "informed",
    "prior-dominated",
    "in conflict",
    "not evaluated",
)
"""The last is said of a parameter that no likelihood has."""


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
        is_pulled = self.prior >= SENSITIVE and abs(self.pull) >= PULLED
        return IN_CONFLICT if is_pulled else INFORMED


def distance(draws: Floats, weights: Floats) -> float:
    """Cumulative Jensen-Shannon distance between equally weighted draws and the same
    with other weights, 0..1.

    draws, weights: (D,); weights sum to 1. The larger of the distances of the draws and
    of their negatives, since the divergence knows left from right.

    >>> draws = np.arange(5.0)
    >>> distance(draws, np.full(5, 0.2))
    0.0
    >>> distance(draws, np.array([1.0, 0, 0, 0, 0])) > 0.5
    True
    """
    return max(_one_way(draws, weights), _one_way(-draws, weights))


def _one_way(draws: Floats, weights: Floats) -> float:
    order = np.argsort(draws, kind="stable")
    width = np.diff(draws[order])
    p = np.arange(1, len(draws)) / len(draws)
    q = np.minimum(np.cumsum(weights[order])[:-1], 1.0)
    middle, total = (p + q) / 2.0, float(width @ (p + q))
    if total <= 0:
        return 0.0
    divergence_p = (xlogy(p, p) - xlogy(p, middle)) / np.log(2.0)
    divergence_q = (xlogy(q, q) - xlogy(q, middle)) / np.log(2.0)
    # the integrals of q - p and of p - q cancel
    divergence = float(width @ (divergence_p + divergence_q))
    return float(np.sqrt(max(divergence, 0.0) / total))


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
    stronger, weaker = _weights(log_prior, POWER), _weights(log_prior, 1.0 / POWER)
    pull = float((stronger - weaker) @ draws) / (2.0 * DOUBLING * spread)
    return PowerScaling(
        prior=_sensitivity(draws, log_prior),
        likelihood=_sensitivity(draws, log_likelihood),
        pull=pull,
    )


def _sensitivity(draws: Floats, log_factor: Floats) -> float:
    """The distance that a doubling of the power of a factor moves the draws."""
    stronger = distance(draws, _weights(log_factor, POWER))
    weaker = distance(draws, _weights(log_factor, 1.0 / POWER))
    return (stronger + weaker) / (2.0 * DOUBLING)
