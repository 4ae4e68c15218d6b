"""A logit with a random intercept of each state (sociality), shrunk towards 0 by a variance that the data choose.

    logit P(a, b sign) = x . beta + u_a + u_b,   u_i ~ N(0, v)

What plain logits lack and trees find: states differ in how readily they sign. v maximises the marginal likelihood by EM
steps (Dempster, Laird, Rubin 1977, JRSS B 39: 1-38)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.features import FeatureYears
from balance_sim.evidence.forecast.baselines import (
    RIDGE,
    check_outcomes,
    design,
    offset,
    standardise,
)
from balance_sim.evidence.newton import (
    NoMaximum,
    newton,
)


@dataclass(frozen=True)
class PropensityLogit:
    """coefficient: per standard deviation, intercept last; propensity: (n,) by roster position, 0 for states
    not seen in training; variance: v; covariance: of coefficients, then random intercepts."""

    columns: tuple[str, ...]
    mean: Floats
    scale: Floats
    coefficient: Floats
    propensity: Floats
    variance: float
    covariance: Floats

    def __call__(self, rows: FeatureYears) -> Floats:
        eta = design(
            rows, self.columns, self.mean, self.scale
        ) @ self.coefficient + offset(rows)
        return expit(eta + self.propensity[rows.a] + self.propensity[rows.b])


def fit_propensity_logit(
    rows: FeatureYears,
    columns: Sequence[str],
    states: int,
    variance: float | None = None,
    ridge: float = RIDGE,
    rounds: int = 30,
) -> PropensityLogit:
    """states: number of roster positions. variance: fixed if given, else chosen. Raises DataError."""
    check_outcomes(rows)
    mean, scale = standardise(rows, columns)
    x, y, off = design(rows, columns, mean, scale), rows.y, offset(rows)
    p = x.shape[1]

    def predictor(at: Floats) -> Floats:
        return np.asarray(x @ at[:p] + at[p:][rows.a] + at[p:][rows.b] + off)

    def log_likelihood(at: Floats) -> float:
        eta = predictor(at)
        return float(y @ eta - np.logaddexp(0.0, eta).sum())

    def by_state(value: Floats) -> Floats:
        return np.asarray(
            np.bincount(rows.a, value, states) + np.bincount(rows.b, value, states)
        )

    def derivatives(at: Floats) -> tuple[float, Floats, Floats]:
        chance = expit(predictor(at))
        weight, left = chance * (1 - chance), y - chance
        cross = np.array([by_state(weight * x[:, k]) for k in range(p)])
        dyad = np.bincount(rows.a * states + rows.b, weight, states * states).reshape(
            states, states
        )
        own = dyad + dyad.T + np.diag(by_state(weight))
        information = np.block([[(x * weight[:, None]).T @ x, cross], [cross.T, own]])
        return (
            log_likelihood(at),
            np.concatenate([x.T @ left, by_state(left)]),
            information,
        )

    b = np.concatenate(
        [np.zeros(p - 1), [np.log(y.mean() / (1 - y.mean()))], np.zeros(states)]
    )
    v = 0.5 if variance is None else variance
    for _ in range(rounds):
        penalty = np.concatenate([np.full(p - 1, ridge), [0.0], np.full(states, 1 / v)])
        try:
            b, information = newton(
                b, derivatives, log_likelihood, penalty, tolerance=1e-7
            )
        except NoMaximum:
            raise DataError(
                "the logit with propensities did not settle", "Leave out a column"
            ) from None
        covariance = np.linalg.inv(information)
        better = float((b[p:] @ b[p:] + np.trace(covariance[p:, p:])) / states)
        if variance is not None or abs(better - v) < 0.005 * v:
            break
        v = max(better, 1e-4)
    else:
        raise DataError(f"the variance did not settle in {rounds} rounds", "Give one")
    return PropensityLogit(tuple(columns), mean, scale, b[:p], b[p:], v, covariance)
