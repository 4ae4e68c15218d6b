"""Time-varying intercepts and dyad frailty: states as the latest years tell of them,
the weights held.

A fit over ten years gives each state one random intercept, which is stale by the year
forecast. So for each year forecast the random intercepts, and one level of all kinds,
are found anew from the years before it, each year back counting `memory` times the one
after it: power discounting (Harvey, Fernandes 1989, JBES 7: 407-417; West, Harrison
1997, Bayesian Forecasting and Dynamic Models, ch. 6). All else stays as fitted. Memory
is chosen on forecasts of the last years of the fit, each from the years before it
(Dawid 1984, JRSS A 147: 278-292).

Dyads differ in ways that no term says: a frailty on the rate of each, told by what it
signed and did not.

    lambda ~ Gamma(mean 1, variance v)       agreements signed in the window, given lambda ~ Poisson(lambda E)
    P(the dyad signs) = 1 - (b / (b + r))^a        a = 1/v + N,  b = 1/v + E

E: agreements that the model expected of the dyad in the window, N: those that it
signed, r: what the model expects now. Greenwood, Yule 1920, JRSS 83: 255-279; frailty:
Vaupel, Manton, Stallard 1979, Demography 16: 439-454."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import Choices
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.evidence.estimation.likelihood import ConsentDesign, curvature, pulls
from balance_sim.stats.lags import mixed_chance
from balance_sim.stats.scores import log_score

MEMORIES = (0.6, 0.7, 0.8, 0.9, 1.0)
TRIAL_YEARS = 5
FEWEST_YEARS = 3
"""Years of the fit that are forecast to choose a memory, and the least that must stand
before one."""
LEVEL_VARIANCE = 0.3
"""Of the level beside that of the fit, nats squared: both sides have it, so one
standard deviation moves rates by a factor of 3."""
STEPS, CLOSE, LONGEST = 40, 1e-4, 2.0


@dataclass(frozen=True)
class DyadFrailty:
    """The gamma distribution of each dyad's frailty: shape and inverse scale, (n, n) by
    roster position, symmetric."""

    shape: Floats
    inverse: Floats

    def opportunities(
        self, rate: Floats, a: NDArray[np.int64], b: NDArray[np.int64]
    ) -> Floats:
        """(N,) probability that dyads a, b sign where the model expects `rate`
        agreements of them."""
        return mixed_chance(rate, self.shape[a, b], self.inverse[a, b])


def dyad_frailty(
    now: WeightFit, record: Choices, year: int, window: int, variance: float
) -> DyadFrailty:
    """What the `window` years before a year tell of each dyad, under the rates of
    `now`. variance: above 0."""
    past = record.within(year - window, year - 1)
    expected, signed = np.zeros((2, len(past.states), len(past.states)))
    np.add.at(expected, (past.a, past.b), -np.log1p(-now.opportunities(past)))
    np.add.at(signed, (past.a, past.b), past.signed.sum(axis=1))
    return DyadFrailty(
        1.0 / variance + signed + signed.T, 1.0 / variance + expected + expected.T
    )


def chances_ahead(
    found: WeightFit,
    record: Choices,
    years: range,
    memory: float,
    window: int,
    pair_variance: float = 0.0,
) -> Floats:
    """Chances of the rows of each year, from the years before it. pair_variance: of
    `dyad_frailty`, 0 for none."""
    parts = []
    for year in years:
        now, rows = (
            fit_at(found, record, year, memory, window),
            record.within(year, year),
        )
        p = now.opportunities(rows)
        if pair_variance > 0:
            factors = dyad_frailty(now, record, year, window, pair_variance)
            p = factors.opportunities(-np.log1p(-p), rows.a, rows.b)
        parts.append(p)
    return np.concatenate(parts)


def fit_at(
    found: WeightFit, record: Choices, year: int, memory: float, window: int
) -> WeightFit:
    """The fit with random intercepts and level as of 1 January of a year, from the
    `window` years before it.

    Raises DataError if the search does not settle, or the record has no such years."""
    past = record.within(year - window, year - 1)
    if len(past.year) == 0:
        raise DataError(
            f"the record has no year before {year}", "Start the history earlier"
        )
    design, at = found.on(past)
    counts: Floats = np.asarray(memory ** (year - 1.0 - past.year), dtype=np.float64)
    own = 1.0 / max(found.propensity_variance, 1e-4)
    shrink = np.append(np.full(len(found.states), own), 1.0 / LEVEL_VARIANCE)
    moved = np.append(found.propensity, 0.0)
    for _ in range(STEPS):
        slope, curve = _slope_and_curve(design, at, counts)
        step = np.linalg.solve(curve + np.diag(shrink), slope - shrink * moved)
        step *= min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-12))
        moved += step
        at[design.fixed :] = moved[:-1]
        at[design.parts[2]] += step[-1]
        if np.abs(step).max() < CLOSE:
            break
    else:
        raise DataError(
            f"the random intercepts of {year} did not settle",
            "Give a longer history, or `drift: false`",
        )
    estimate = found.estimate.copy()
    estimate[[k for k, name in enumerate(found.names) if "." in name]] += moved[-1]
    return replace(found, estimate=estimate, propensity=moved[:-1])


def _slope_and_curve(
    design: ConsentDesign, at: Floats, counts: Floats
) -> tuple[Floats, Floats]:
    """First derivatives by the intercept of each state and by level, and minus the
    second, rows counted."""
    a, b, n = design.choices.a, design.choices.b, len(design.choices.states)
    _, first, second, s, t = pulls(design, at)
    mine, theirs = ((first * side).sum(axis=1) * counts for side in (s, t))
    own, other, across = (
        part.sum(axis=1) * counts for part in curvature(first, second, s, t)
    )
    slope = np.append(
        np.bincount(a, mine, n) + np.bincount(b, theirs, n), mine.sum() + theirs.sum()
    )
    curve = np.zeros((n + 1, n + 1))
    dyad = np.bincount(a * n + b, across, n * n).reshape(n, n)
    curve[:n, :n] = (
        dyad + dyad.T + np.diag(np.bincount(a, own, n) + np.bincount(b, other, n))
    )
    curve[:n, n] = curve[n, :n] = np.bincount(a, own + across, n) + np.bincount(
        b, other + across, n
    )
    curve[n, n] = own.sum() + other.sum() + 2 * across.sum()
    return slope, curve


def memory_of(found: WeightFit, record: Choices, window: int) -> float:
    """The memory that would have forecast the last years of the fit best; nothing after
    them is looked at.

    1 where the fit has too few years to try any, or no random intercepts of states."""
    first, last = found.years
    years = range(max(last - TRIAL_YEARS + 1, first + FEWEST_YEARS), last + 1)
    past = record.within(last - TRIAL_YEARS - window, last)
    signed = past.within(years.start, last).any_signed
    if not years or found.propensity_variance <= 0 or signed.sum() == 0:
        return 1.0
    return min(
        MEMORIES,
        key=lambda memory: log_score(
            chances_ahead(found, past, years, memory, window), signed
        ),
    )
