"""Newton's method for a log-posterior with random effects, and their marginal
likelihood.

    b <- b + (I + P)^-1 (score - P (b - m)),

halved until the log-posterior does not fall

I: minus the second derivatives of the log-likelihood, P: precision of the normal prior,
m: its mean. A random effect is a parameter whose prior has mean 0 and precision 1 / v
(Breslow, Clayton 1993, JASA 88: 9-25)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from balance_sim.stats import Floats

STEPS, HALVINGS = 60, 40
TOLERANCE = 1e-6
"""The search ends when the next step promises a gain, times two, below this."""
SLACK = 1e-9
"""How far a step may fall, for rounding."""
NO_PULL = 1e-12
"""Second derivatives below this: the log-posterior does not depend on the parameter."""


class NoMaximum(ArithmeticError):
    """The search found no maximum.

    Attributes
    ----------
    why : `steps`: not settled; `step`: no step goes uphill; `value` and `curve`:
        log-likelihood or second derivatives are not finite; `pull`: nothing depends on
        a parameter
    parameter : its position, for `pull`; else -1
    """

    def __init__(self, why: str, parameter: int = -1) -> None:
        super().__init__(why, parameter)
        self.why, self.parameter = why, parameter


class Maximum(NamedTuple):
    """Where the log-posterior is highest, and minus its second derivatives there."""

    at: Floats
    information: Floats


def newton(
    start: Floats,
    derivatives: Callable[[Floats], tuple[float, Floats, Floats]],
    log_likelihood: Callable[[Floats], float],
    precision: Floats,
    mean: Floats | float = 0.0,
    tolerance: float = TOLERANCE,
) -> Maximum:
    r"""Maximise a log-likelihood plus a normal log-prior by Newton's method with step
    halving.

    .. math:: \ell(b) - \tfrac12 (b - m)^\top P (b - m)

    Nocedal, Wright 2006, Numerical Optimization, ch. 3. Raises NoMaximum if there is
    none, or it is not found.

    Parameters
    ----------
    start : (K,)
    derivatives : b -> log-likelihood, score (K,) and minus the second derivatives
        (K, K)
    log_likelihood : the first of these alone: asked for where a step is tried
    precision : P, (K,) where it is diagonal, else (K, K); 0 for a parameter without a
        prior
    mean : m, (K,) or one number
    tolerance : of the search

    Examples
    --------
    Seven successes of ten, their logit drawn to 0 by a prior of variance 1:

    >>> def derivatives(b):
    ...     p = 1 / (1 + np.exp(-b))
    ...     value = float(7 * b[0] - 10 * np.log1p(np.exp(b[0])))
    ...     return value, 7 - 10 * p, np.diag(10 * p * (1 - p))
    >>> def log_likelihood(b):
    ...     return derivatives(b)[0]
    >>> maximum = newton(np.zeros(1), derivatives, log_likelihood, np.ones(1))
    >>> maximum.at.round(4), maximum.information.round(4)
    (array([0.5828]), array([[3.2992]]))
    """
    point, is_diagonal = start, precision.ndim == 1

    def prior(b: Floats) -> float:
        away = b - mean
        square = precision @ away**2 if is_diagonal else away @ precision @ away
        return 0.5 * float(square)

    for _ in range(STEPS):
        value, score, information = derivatives(point)
        value -= prior(point)
        away = point - mean
        score = score - (precision * away if is_diagonal else precision @ away)
        information = information + (np.diag(precision) if is_diagonal else precision)
        step = uphill_step(information, score)
        if not np.isfinite(step).all() or not np.isfinite(value):
            raise NoMaximum("value")
        if score @ step < tolerance:
            return Maximum(point, information)
        lowest = value - SLACK
        candidates = (point + step * 0.5**halving for halving in range(HALVINGS))
        uphill = (b for b in candidates if log_likelihood(b) - prior(b) >= lowest)
        best = next(uphill, None)
        if best is None:
            raise NoMaximum("step")
        point = best
    raise NoMaximum("steps")


class LogitLikelihood:
    """The log-likelihood of a logit, with what `newton` asks of it.

    Parameters
    ----------
    columns : (N, K)
    outcome : (N,) 0 or 1
    offset : (N,) logits beside the columns, or one number

    Examples
    --------
    Three successes of four: their logit is ln 3.

    >>> logit = LogitLikelihood(np.ones((4, 1)), np.array([1.0, 1.0, 1.0, 0.0]))
    >>> newton(np.zeros(1), logit.derivatives, logit.value, np.zeros(1)).at.round(4)
    array([1.0986])
    """

    def __init__(
        self, columns: Floats, outcome: Floats, offset: Floats | float = 0.0
    ) -> None:
        self.columns, self.outcome, self.offset = columns, outcome, offset

    def value(self, slopes: Floats) -> float:
        """The log-likelihood of slopes (K,)."""
        eta = self.columns @ slopes + self.offset
        return float(self.outcome @ eta - np.logaddexp(0.0, eta).sum())

    def derivatives(self, slopes: Floats) -> tuple[float, Floats, Floats]:
        """The same, the score (K,), and minus the second derivatives (K, K)."""
        mean = expit(self.columns @ slopes + self.offset)
        weighted = self.columns * (mean * (1.0 - mean))[:, None]
        score = self.columns.T @ (self.outcome - mean)
        return self.value(slopes), score, weighted.T @ self.columns


def uphill_step(information: Floats, score: Floats) -> Floats:
    """Newton's step (K,) for minus the second derivatives (K, K) and the score (K,).

    Where the information is not positive definite, a multiple of its diagonal is added
    until it is (Levenberg 1944, Quarterly of Applied Mathematics 2: 164-168). Raises
    NoMaximum with `pull` or `curve`.

    Examples
    --------
    >>> uphill_step(np.diag([2.0, 4.0]), np.array([1.0, 1.0]))
    array([0.5 , 0.25])
    """
    diagonal = np.abs(np.diag(information))
    if (diagonal < NO_PULL).any():
        raise NoMaximum("pull", int(np.argmin(diagonal)))
    damping = 0.0
    for _ in range(60):
        try:
            lower = np.linalg.cholesky(information + damping * np.diag(diagonal))
        except np.linalg.LinAlgError:
            damping = max(4.0 * damping, 1e-8)
            continue
        return np.asarray(np.linalg.solve(lower.T, np.linalg.solve(lower, score)))
    raise NoMaximum("curve")


def laplace_marginal(
    log_likelihood: float, effect: Floats, precision: Floats, information: Floats
) -> float:
    r"""Log-likelihood with random effects integrated out, by Laplace's approximation.

    .. math:: \ell + \tfrac12 \sum_i (\ln P_i - P_i u_i^2) - \tfrac12 \ln |I + P|

    Parameters
    ----------
    log_likelihood : at the posterior mode
    effect : (n,) random effects u there; none leave the log-likelihood as it is
    precision : (n,) diagonal P of their prior
    information : (n, n) minus the second derivatives of the log-posterior by them, I +
        P

    Examples
    --------
    One effect drawn to 0 with precision 1, of a likelihood with information 3; the mode
    is 0:

    >>> laplace_marginal(-2.0, np.zeros(1), np.ones(1), np.array([[4.0]]))
    -2.6931471805599454
    """
    log_det = np.linalg.slogdet(information)[1] if len(effect) else 0.0
    prior = 0.5 * float(np.log(precision).sum() - precision @ effect**2)
    return float(log_likelihood + prior - 0.5 * log_det)
