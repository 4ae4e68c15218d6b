"""The choice of both sides on one day, on plain arrays: probabilities, log-likelihood, derivatives.

    p_ij = exp(b . s_ij) / sum_k exp(b . s_ik)        over the partners k present, k != i
    P{i,j} = p_ij p_ji / sum_{k<l} p_kl p_lk          over the pairs present

Stadtfeld, Hollway, Block 2017, Sociological Methodology 47: 1-40, eqs. 5-7."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.effects import Floats


@dataclass(frozen=True)
class ChoiceDay:
    """Statistics of one day. s: (m, m, P) over the m actors present; i, j: sides of each event."""

    s: Floats
    i: NDArray[np.int64]
    j: NDArray[np.int64]


def pair_probabilities(b: Floats, day: ChoiceDay) -> Floats:
    """(m, m) P{i,j}, symmetric with diagonal 0; the upper triangle sums to 1."""
    return _probabilities(b, day.s)[2]


def day_value(b: Floats, day: ChoiceDay) -> float:
    """Sum over the day's events of ln P{i,j}."""
    both, _, _, total = _probabilities(b, day.s)
    return float(both[day.i, day.j].sum() - len(day.i) * total)


def day_derivatives(b: Floats, day: ChoiceDay) -> tuple[float, Floats, Floats, Floats]:
    """Log-likelihood, score (P,), Fisher information (P, P) and Hessian (P, P) of one day.

    With D_ij = s_ij + s_ji - E_i s_i. - E_j s_j. the score of an event is D_ij less its mean under P, and the
    Fisher information the covariance of D under P. The Hessian is sum_i (E q_i - events of i) V_i - E Cov(D),
    with V_i the covariance of s_i. under p_i., q_i = P(i takes part), and E events."""
    s, events = day.s, len(day.i)
    m, p = s.shape[0], s.shape[2]
    both, choose, pair, total = _probabilities(b, s)
    mean = np.einsum("ij,ijp->ip", choose, s)
    apart = s - mean[:, None, :]
    d = apart + apart.transpose(1, 0, 2)
    weight = pair.ravel() / 2
    average = weight @ d.reshape(m * m, p)
    flat = d.reshape(m * m, p) - average
    information = events * (flat * weight[:, None]).T @ flat
    involved = np.bincount(np.concatenate([day.i, day.j]), minlength=m)
    excess = events * pair.sum(axis=1) - involved
    raw = apart.reshape(m * m, p)
    spread = (raw * (excess[:, None] * choose).reshape(-1, 1)).T @ raw
    gradient = (d[day.i, day.j] - average).sum(axis=0)
    value = float(both[day.i, day.j].sum() - events * total)
    return value, gradient, information, spread - information


def _probabilities(b: Floats, s: Floats) -> tuple[Floats, Floats, Floats, float]:
    """ln p_ij p_ji (m, m), p_ij (m, m), P{i,j} (m, m) symmetric, and ln of the sum over pairs."""
    utility = s @ b
    np.fill_diagonal(utility, -np.inf)
    log_p = utility - _log_sum(utility)[:, None]
    both = log_p + log_p.T
    top = both.max()
    weight = np.exp(both - top)
    total = weight.sum() / 2
    return both, np.exp(log_p), weight / total, float(top + np.log(total))


def _log_sum(utility: Floats) -> Floats:
    top = utility.max(axis=1)
    out: Floats = top + np.log(np.exp(utility - top[:, None]).sum(axis=1))
    return out
