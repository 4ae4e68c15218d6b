"""States change how readily they sign: propensities and level as the latest years tell, the weights held.

A fit over ten years gives each state one propensity. By the year forecast it is stale: states that signed much
sign less, and the other way about. So for each year forecast the propensities, and one level of all kinds, are
found anew from the years before it, each year back counting `memory` times the one after it: power discounting
(Harvey, Fernandes 1989, JBES 7: 407-417; West, Harrison 1997, Bayesian Forecasting and Dynamic Models, ch. 6).
Weights of the terms and differences between kinds stay as fitted.

Memory is chosen on forecasts of the last years of the fit, each from the years before it (Dawid 1984, JRSS A
147: 278-292). The rates stay the model's: only what it is told of its states changes from year to year."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.choices import Choices
from balance_sim.evidence.estimation.fitting import Fit
from balance_sim.evidence.estimation.likelihood import Design, pulls
from balance_sim.evidence.estimation.pair_factors import pair_factors
from balance_sim.stats.scores import log_score

MEMORIES = (0.6, 0.7, 0.8, 0.9, 1.0)
TRIAL_YEARS = 5
FEWEST_YEARS = 3
"""Years of the fit that are forecast to choose a memory, and the least that must stand before one."""
LEVEL_VARIANCE = 0.3
"""Of the level beside that of the fit, nats squared: both sides have it, so one standard deviation moves rates by
a factor of 3."""
STEPS, CLOSE, LONGEST = 40, 1e-4, 2.0


def chances_ahead(
    found: Fit, record: Choices, years: range, memory: float, window: int, pair_variance: float = 0.0
) -> Floats:
    """Chances of the rows of each year, from the years before it alone; years rising.

    pair_variance: of the pairs' factors (`pair_factors`); 0 for none."""
    parts = []
    for year in years:
        now, rows = fit_at(found, record, year, memory, window), record.within(year, year)
        p = now.chances(rows)
        if pair_variance > 0:
            factors = pair_factors(now, record, year, window, pair_variance)
            p = factors.chances(-np.log1p(-p), rows.a, rows.b)
        parts.append(p)
    return np.concatenate(parts)


def fit_at(found: Fit, record: Choices, year: int, memory: float, window: int) -> Fit:
    """The fit with propensities and level as of 1 January of a year, from the `window` years before it.

    A state's propensity is drawn to 0 by the variance of the fit. Raises DataError if the search does not
    settle, or the record has no such years."""
    past = record.within(year - window, year - 1).with_terms(found.names)
    if len(past.year) == 0:
        raise DataError(f"the record has no year before {year}", "Start the history earlier")
    design = Design(past, propensities=True)
    order = [found.names.index(name) for name in design.names]
    at = np.concatenate([found.estimate[order], found.propensity])
    counts: Floats = np.asarray(memory ** (year - 1.0 - past.year), dtype=np.float64)
    shrink = np.append(
        np.full(len(found.states), 1.0 / max(found.propensity_variance, 1e-4)), 1.0 / LEVEL_VARIANCE
    )
    moved = np.append(found.propensity, 0.0)
    for _ in range(STEPS):
        slope, curve = _pull_and_curve(design, at, counts)
        step = np.linalg.solve(curve + np.diag(shrink), slope - shrink * moved)
        step *= min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-12))
        moved += step
        at[design.fixed :] = moved[:-1]
        at[design.parts[2]] += step[-1]
        if np.abs(step).max() < CLOSE:
            break
    else:
        raise DataError(
            f"the propensities of {year} did not settle", "Give a longer history, or `drift: false`"
        )
    kinds = [k for k, name in enumerate(found.names) if "." in name]
    estimate = found.estimate.copy()
    estimate[kinds] += moved[-1]
    return replace(found, estimate=estimate, propensity=moved[:-1])


def _pull_and_curve(design: Design, at: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """First derivatives by propensity of each state and by level, and minus the second, rows counted."""
    a, b, n = design.choices.a, design.choices.b, len(design.choices.states)
    _, first, second, s, t = pulls(design, at)
    mine, theirs = ((first * side).sum(axis=1) * counts for side in (s, t))
    own, other, across = (
        -(part.sum(axis=1) * counts)
        for part in (
            second * s * s - first * s * (1 - s),
            second * t * t - first * t * (1 - t),
            second * s * t,
        )
    )
    slope = np.append(np.bincount(a, mine, n) + np.bincount(b, theirs, n), mine.sum() + theirs.sum())
    curve = np.zeros((n + 1, n + 1))
    pair = np.bincount(a * n + b, across, n * n).reshape(n, n)
    curve[:n, :n] = pair + pair.T + np.diag(np.bincount(a, own, n) + np.bincount(b, other, n))
    curve[:n, n] = curve[n, :n] = np.bincount(a, own + across, n) + np.bincount(b, other + across, n)
    curve[n, n] = own.sum() + other.sum() + 2 * across.sum()
    return slope, curve


def memory_of(found: Fit, record: Choices, window: int) -> float:
    """The memory that would have forecast the last years of the fit best; nothing after them is looked at.

    1 where the fit has too few years to try any, or no propensities."""
    first, last = found.years
    years = range(max(last - TRIAL_YEARS + 1, first + FEWEST_YEARS), last + 1)
    past = record.within(last - TRIAL_YEARS - window, last)
    signed = past.within(years.start, last).any_signed
    if not years or found.propensity_variance <= 0 or signed.sum() == 0:
        return 1.0
    return min(
        MEMORIES,
        key=lambda memory: log_score(chances_ahead(found, past, years, memory, window), signed),
    )


__all__ = ["MEMORIES", "chances_ahead", "fit_at", "memory_of"]
