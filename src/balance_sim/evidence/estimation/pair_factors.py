"""Pairs differ in ways that no term says: a factor on the rate of each, told by what it signed and did not.

    lambda ~ Gamma(mean 1, variance v)       accords signed in the window, given lambda ~ Poisson(lambda E)
    P(the pair signs) = 1 - (b / (b + r))^a        a = 1/v + N,  b = 1/v + E

E: accords that the model expected of the pair in the window, N: those that it signed, r: what the model expects
now. A random effect of pairs on the model's own rates, shrunk to 1. A pair of which much was expected and
that signed nothing is expected less of; one that signs again and again, more, and each further accord adds less.
Greenwood, Yule 1920, JRSS 83: 255-279; frailty: Vaupel, Manton, Stallard 1979, Demography 16: 439-454."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.choices import Choices
from balance_sim.evidence.estimation.fitting import Fit
from balance_sim.stats.lags import mixed_chance

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PairFactors:
    """The gamma distribution of each pair's factor: shape and inverse scale, (n, n) by roster position,
    symmetric."""

    shape: Floats
    inverse: Floats

    def chances(self, rate: Floats, a: Ints, b: Ints) -> Floats:
        """(N,) probability that pairs a, b sign where the model expects `rate` accords of them."""
        return mixed_chance(rate, self.shape[a, b], self.inverse[a, b])


def pair_factors(now: Fit, record: Choices, year: int, window: int, variance: float) -> PairFactors:
    """What the `window` years before a year tell of each pair, under the rates of `now`. variance: above 0."""
    past = record.within(year - window, year - 1)
    n = len(past.states)
    expected, signed = np.zeros((n, n)), np.zeros((n, n))
    np.add.at(expected, (past.a, past.b), -np.log1p(-now.chances(past)))
    np.add.at(signed, (past.a, past.b), past.signed.sum(axis=1))
    return PairFactors(1.0 / variance + signed + signed.T, 1.0 / variance + expected + expected.T)


__all__ = ["PairFactors", "pair_factors"]
