"""The choice of both sides on one day, on plain arrays: probabilities, log-likelihood, derivatives.

    p_ij = exp(b . s_ij) / sum_k exp(b . s_ik)        over the partners k present, k != i
    P{i,j} = p_ij p_ji / sum_{k<l} p_kl p_lk          over the pairs present

Stadtfeld, Hollway, Block 2017, Sociological Methodology 47: 1-40, eqs. 5-7."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balance_sim.coordination.effects import Floats


@dataclass(frozen=True)
class ChoiceDay:
    """Statistics of one day. s: (m, m, P) over the m actors present, 0 on the diagonal; i, j: sides of each event.

    In memory effect stands after effect (see `of_effects`), so that each is one block."""

    s: Floats
    i: NDArray[np.int64]
    j: NDArray[np.int64]

    @property
    def by_effect(self) -> Floats:
        """(P, m * m) the same numbers, an effect a row."""
        m, _, p = self.s.shape
        rows: Floats = self.s.transpose(2, 0, 1).reshape(p, m * m)
        return rows


def of_effects(statistics: Floats, i: NDArray[np.int64], j: NDArray[np.int64]) -> ChoiceDay:
    """A day from statistics (P, m, m), which it keeps."""
    return ChoiceDay(statistics.transpose(1, 2, 0), i, j)


class Room:
    """Working memory for the derivatives of one day, used again for the next: a new block of that size for every
    product costs more time than the products."""

    def __init__(self) -> None:
        self.cells = np.empty(0)

    def blocks(self, p: int, m: int) -> tuple[Floats, Floats, Floats]:
        """Three arrays (p, m * m), with whatever is in them."""
        size = p * m * m
        if len(self.cells) < 3 * size:
            self.cells = np.empty(3 * size)
        one, two, three = self.cells[: 3 * size].reshape(3, p, m * m)
        return one, two, three


def pair_probabilities(b: Floats, day: ChoiceDay) -> Floats:
    """(m, m) P{i,j}, symmetric with diagonal 0; the upper triangle sums to 1."""
    both, _, top = _choices(b, day)
    weight: Floats = np.exp(both - top)
    weight /= weight.sum() / 2
    return weight


def day_value(b: Floats, day: ChoiceDay) -> float:
    """Sum over the day's events of ln P{i,j}."""
    both, _, top = _choices(b, day)
    made = float(both[day.i, day.j].sum())
    both -= top
    np.exp(both, out=both)
    return made - len(day.i) * float(top + np.log(both.sum() / 2))


def day_derivatives(
    b: Floats, day: ChoiceDay, room: Room | None = None
) -> tuple[float, Floats, Floats, Floats]:
    """Log-likelihood, score (P,), Fisher information (P, P) and Hessian (P, P) of one day.

    With D_ij = s_ij + s_ji - E_i s_i. - E_j s_j. the score of an event is D_ij less its mean under P, and the
    Fisher information the covariance of D under P. The Hessian is sum_i (E q_i - events of i) V_i - E Cov(D),
    with V_i the covariance of s_i. under p_i., q_i = P(i takes part), and E events."""
    events, (m, _, p) = len(day.i), day.s.shape
    apart, d, weighted = (room or Room()).blocks(p, m)
    both, choose, top = _choices(b, day)
    made = float(both[day.i, day.j].sum())
    pair = np.exp(both - top)
    total = pair.sum() / 2
    pair /= 2 * total  # P{i,j} / 2: each dyad stands here twice
    for k, s in enumerate(day.by_effect.reshape(p, m, m)):
        own, sums = apart[k].reshape(m, m), d[k].reshape(m, m)
        np.subtract(s, np.einsum("ij,ij->i", choose, s)[:, None], out=own)
        np.add(own, own.T, out=sums)
    average = d @ pair.ravel()
    gradient = d.reshape(p, m, m)[:, day.i, day.j].sum(axis=1) - events * average
    d -= average[:, None]
    information = events * (np.multiply(d, pair.ravel(), out=weighted) @ d.T)
    involved = np.bincount(np.concatenate([day.i, day.j]), minlength=m)
    choose *= (2 * events * pair.sum(axis=1) - involved)[:, None]
    spread = np.multiply(apart, choose.ravel(), out=weighted) @ apart.T
    value = made - events * float(top + np.log(total))
    return value, gradient, information, spread - information


def _choices(b: Floats, day: ChoiceDay) -> tuple[Floats, Floats, float]:
    """ln p_ij p_ji (m, m) with -inf on the diagonal, p_ij (m, m), and the largest of the first."""
    m = len(day.s)
    log_p = (b @ day.by_effect).reshape(m, m)
    np.fill_diagonal(log_p, -np.inf)
    log_p -= log_p.max(axis=1, keepdims=True)
    choose = np.exp(log_p)
    sums = choose.sum(axis=1, keepdims=True)
    choose /= sums
    log_p -= np.log(sums)
    both = log_p + log_p.T
    return both, choose, float(both.max())
