"""A logit with a propensity of each state to sign, shrunk towards 0 by a variance that the data choose.

    logit P(a, b sign) = x . beta + u_a + u_b,   u_i ~ N(0, v)

What plain logits lack and trees find: states differ in how readily they sign. v is found by maximising the
marginal likelihood, Laplace approximation, with EM steps: v = (sum u_i^2 + trace of their covariance) / n
(Dempster, Laird, Rubin 1977, JRSS B 39: 1-38; Breslow, Clayton 1993, JASA 88: 9-25)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.features import PairYears
from balance_sim.evidence.forecast.baselines import (
    RIDGE,
    check_outcomes,
    climb,
    design,
    inverse_logit,
    offset,
    standardise,
)


@dataclass(frozen=True)
class PropensityLogit:
    """coefficient: per standard deviation, intercept last; propensity: (n,) by roster position, 0 for states
    not seen in training; variance: v; covariance: of coefficients, then propensities."""

    columns: tuple[str, ...]
    mean: Floats
    scale: Floats
    coefficient: Floats
    propensity: Floats
    variance: float
    covariance: Floats

    def __call__(self, rows: PairYears) -> Floats:
        eta = design(rows, self.columns, self.mean, self.scale) @ self.coefficient + offset(rows)
        return inverse_logit(eta + self.propensity[rows.a] + self.propensity[rows.b])


def fit_propensity_logit(
    rows: PairYears,
    columns: Sequence[str],
    states: int,
    variance: float | None = None,
    ridge: float = RIDGE,
    rounds: int = 30,
) -> PropensityLogit:
    """states: number of roster positions. variance: fixed if given, else chosen. Raises DataError."""
    check_outcomes(rows)
    columns = tuple(columns)
    mean, scale = standardise(rows, columns)
    x, y, off = design(rows, columns, mean, scale), rows.y, offset(rows)
    p = x.shape[1]
    start = np.append(np.zeros(p - 1), np.log(y.mean() / (1 - y.mean())))
    b = np.concatenate([start, np.zeros(states)])
    v = 0.5 if variance is None else variance
    for _ in range(rounds):
        penalty = np.concatenate([np.full(p - 1, ridge), [0.0], np.full(states, 1 / v)])
        b, information = _peak(b, x, rows, y, off, penalty, states)
        covariance = np.linalg.inv(information)
        better = float((b[p:] @ b[p:] + np.trace(covariance[p:, p:])) / states)
        if variance is not None or abs(better - v) < 0.005 * v:
            break
        v = max(better, 1e-4)
    else:
        raise DataError(f"the variance did not settle in {rounds} rounds", "Give one")
    return PropensityLogit(columns, mean, scale, b[:p], b[p:], v, covariance)


def _peak(
    b: Floats, x: Floats, rows: PairYears, y: Floats, off: Floats, penalty: Floats, states: int
) -> tuple[Floats, Floats]:
    """Penalised maximum by Newton's method, and minus the second derivatives there."""
    p = x.shape[1]

    def predictor(at: Floats) -> Floats:
        out: Floats = x @ at[:p] + at[p:][rows.a] + at[p:][rows.b] + off
        return out

    def height(at: Floats) -> float:
        eta = predictor(at)
        return float(y @ eta - np.logaddexp(0.0, eta).sum() - 0.5 * (penalty @ at**2))

    value = height(b)
    for _ in range(50):
        chance = inverse_logit(predictor(b))
        weight = chance * (1 - chance)
        information = _information(x, rows, weight, states) + np.diag(penalty)
        gradient = np.concatenate([x.T @ (y - chance), _by_state(rows, y - chance, states)]) - penalty * b
        step = np.linalg.solve(information, gradient)
        if gradient @ step < 1e-7:
            return b, information
        b, value = climb(b, step, value, height)
    raise DataError("the logit with propensities did not settle", "Leave out a column")


def _by_state(rows: PairYears, value: Floats, states: int) -> Floats:
    total: Floats = np.bincount(rows.a, value, states) + np.bincount(rows.b, value, states)
    return total


def _information(x: Floats, rows: PairYears, weight: Floats, states: int) -> Floats:
    """Minus the second derivatives without the penalty: coefficients first, then states."""
    p = x.shape[1]
    cross = np.array([_by_state(rows, weight * x[:, k], states) for k in range(p)])
    pair = np.bincount(rows.a * states + rows.b, weight, states * states).reshape(states, states)
    own = pair + pair.T + np.diag(_by_state(rows, weight, states))
    return np.block([[(x * weight[:, None]).T @ x, cross], [cross.T, own]])
