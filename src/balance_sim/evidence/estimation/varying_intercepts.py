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

    lambda ~ Gamma(mean 1, variance v)
    agreements signed in the window, given lambda ~ Poisson(lambda E)
    P(the dyad signs) = 1 - (b / (b + r))^a        a = 1/v + N,  b = 1/v + E

E: agreements that the model expected of the dyad in the window, N: those that it
signed, r: what the model expects now. Greenwood, Yule 1920, JRSS 83: 255-279; frailty:
Vaupel, Manton, Stallard 1979, Demography 16: 439-454."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import Choices
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.evidence.estimation.likelihood import ConsentDesign, curvature, pulls
from balance_sim.evidence.scores import log_score
from balance_sim.stats.lags import mixed_chance

MEMORIES = (0.6, 0.7, 0.8, 0.9, 1.0)
TRIAL_YEARS = 5
FEWEST_YEARS = 3
"""Years of the fit that are forecast to choose a memory, and the least that must stand
before one."""
LEVEL_VARIANCE = 0.3
"""Of the level beside that of the fit, nats squared: both sides have it, so one
standard deviation moves rates by a factor of 3."""
LEAST_VARIANCE = 1e-4
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
    fitted: WeightFit, record: Choices, year: int, window: int, variance: float
) -> DyadFrailty:
    """What the `window` years before a year tell of each dyad, under the rates of
    `fitted`. variance: above 0."""
    years = record.within(year - window, year - 1)
    shape, inverse = np.zeros((2, len(years.states), len(years.states)))
    np.add.at(shape, (years.a, years.b), years.signed.sum(axis=1))
    np.add.at(inverse, (years.a, years.b), -np.log1p(-fitted.opportunities(years)))
    prior = 1.0 / variance
    return DyadFrailty(prior + shape + shape.T, prior + inverse + inverse.T)


def chances_ahead(
    fitted: WeightFit,
    record: Choices,
    years: range,
    memory: float,
    window: int,
    pair_variance: float = 0.0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Floats:
    """Chances of the rows of each year, from the years before it. pair_variance: of
    `dyad_frailty`, 0 for none. progress: called with years done and all."""
    chances = []
    for year in years:
        current = fit_at(fitted, record, year, memory, window)
        rows = record.within(year, year)
        p = current.opportunities(rows)
        if pair_variance > 0:
            frailty = dyad_frailty(current, record, year, window, pair_variance)
            p = frailty.opportunities(-np.log1p(-p), rows.a, rows.b)
        chances.append(p)
        progress(len(chances), len(years))
    return np.concatenate(chances)


def fit_at(
    fitted: WeightFit, record: Choices, year: int, memory: float, window: int
) -> WeightFit:
    """The fit with random intercepts and level as of 1 January of a year, from the
    `window` years before it.

    Raises DataError if the search does not settle, or the record has no such years."""
    rows = record.within(year - window, year - 1)
    if len(rows.year) == 0:
        message = f"the record has no year before {year}"
        raise DataError(message, "Start the history earlier")
    design, values = fitted.on(rows)
    counts: Floats = np.asarray(memory ** (year - 1.0 - rows.year), dtype=np.float64)
    precision = 1.0 / max(fitted.propensity_variance, LEAST_VARIANCE)
    shrink = np.append(np.full(len(fitted.states), precision), 1.0 / LEVEL_VARIANCE)
    effects = np.append(fitted.propensity, 0.0)
    for _ in range(STEPS):
        slope, curve = _slope_and_curve(design, values, counts)
        step = np.linalg.solve(curve + np.diag(shrink), slope - shrink * effects)
        step *= min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-12))
        effects += step
        values[design.fixed :] = effects[:-1]
        values[design.parts[2]] += step[-1]
        if np.abs(step).max() < CLOSE:
            break
    else:
        message = f"the random intercepts of {year} did not settle"
        raise DataError(message, "Give a longer history, or a later `last`")
    moves = [effects[-1] if "." in name else 0.0 for name in fitted.names]
    return replace(fitted, estimate=fitted.estimate + moves, propensity=effects[:-1])


def _slope_and_curve(
    design: ConsentDesign, values: Floats, counts: Floats
) -> tuple[Floats, Floats]:
    """First derivatives by the intercept of each state and by level, and minus the
    second, rows counted."""
    a, b, n = design.choices.a, design.choices.b, len(design.choices.states)
    _, first, second, s, t = pulls(design, values)
    by_row = (first * s, first * t, *curvature(first, second, s, t))
    slope_a, slope_b, curve_a, curve_b, across = (
        part.sum(axis=1) * counts for part in by_row
    )

    def by_state(of_a: Floats, of_b: Floats) -> Floats:
        return np.bincount(a, of_a, n) + np.bincount(b, of_b, n)

    total = slope_a.sum() + slope_b.sum()
    dyad = np.bincount(a * n + b, across, n * n).reshape(n, n)
    curve = np.zeros((n + 1, n + 1))
    curve[:n, :n] = dyad + dyad.T + np.diag(by_state(curve_a, curve_b))
    curve[:n, n] = curve[n, :n] = by_state(curve_a + across, curve_b + across)
    curve[n, n] = curve_a.sum() + curve_b.sum() + 2 * across.sum()
    return np.append(by_state(slope_a, slope_b), total), curve


def memory_of(
    fitted: WeightFit,
    record: Choices,
    window: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> float:
    """The memory that would have forecast the last years of the fit best; nothing after
    them is looked at. progress: called with forecasts of a year done and all.

    1 where the fit has too few years to try any, or no random intercepts of states."""
    first, last = fitted.years
    earliest = max(last - TRIAL_YEARS + 1, first + FEWEST_YEARS)
    years = range(earliest, last + 1)
    rows = record.within(last - TRIAL_YEARS - window, last)
    signed = rows.within(earliest, last).any_signed
    if not years or fitted.propensity_variance <= 0 or signed.sum() == 0:
        return 1.0

    number, trials = itertools.count(1), len(MEMORIES) * len(years)

    def forecast_of_year(*_: int) -> None:
        progress(next(number), trials)

    def score(memory: float) -> float:
        p = chances_ahead(
            fitted, rows, years, memory, window, progress=forecast_of_year
        )
        return log_score(p, signed)

    return min(MEMORIES, key=score)
