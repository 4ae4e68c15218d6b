"""Effects that should not be there: the same measure on permuted participants, and on dates without an event.

One column more is tried on a fit that does not hold it, by its score (Rao 1948): z is normal where the column
tells nothing. A measure whose placebos stray from zero more often than their rate cannot be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.estimation.choices import Choices
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    column_sums,
    curvature,
    derivatives,
    pulls,
    scores_by,
)

TWO_SIDED = 1.959963984540054


@dataclass(frozen=True)
class Null:
    """A fit as a null hypothesis: the design, where it peaks, its information with the shrinkage, and its first
    derivatives by pair."""

    design: ConsentDesign
    at: Floats
    information: Floats
    by_dyad: Floats


def null_of(record: Choices, found: WeightFit) -> Null:
    """The null that `found`, a fit of `record` without levels, stands for."""
    own = found.propensity_variance > 0
    design = ConsentDesign(record.with_terms(found.names), own)
    order = [found.names.index(name) for name in design.names]
    at = np.concatenate(
        [found.estimate[order], found.propensity if own else np.zeros(0)]
    )
    information = derivatives(design, at)[2]
    if own:
        spot = np.arange(design.fixed, design.size)
        information[spot, spot] += 1.0 / found.propensity_variance
    return Null(design, at, information, scores_by(design, at, design.choices.dyad))


def z_of(null: Null, column: Floats) -> tuple[float, float]:
    """Estimate in one step and z of a column (N, 2) that the null leaves out, clustered by pair."""
    slope, curve, cross, rows = column_score(null.design, null.at, column)
    solved = np.linalg.solve(null.information, cross)
    left = curve - float(cross @ solved)
    _, place = np.unique(null.design.choices.dyad, return_inverse=True)
    by_dyad = np.bincount(place, rows) - null.by_dyad @ solved
    spread = float(np.sqrt((by_dyad**2).sum()))
    return slope / left, slope / spread


def permuted(record: Choices, column: Floats, rng: np.random.Generator) -> Floats:
    """(N, 2) the column with participants exchanged: each pair and year gets that of two other states.

    States that are there in every year change places among themselves; a pair with another state keeps its
    own."""
    years = np.unique(record.year)
    n = len(record.states)
    held = np.zeros((len(years), n), dtype=bool)
    at = np.searchsorted(years, record.year)
    held[at, record.a] = held[at, record.b] = True
    steady = np.flatnonzero(held.all(axis=0))
    new = np.arange(n)
    new[steady] = rng.permutation(steady)
    whole = np.full((len(years), n, n), np.nan)
    whole[at, record.a, record.b], whole[at, record.b, record.a] = (
        column[:, 0],
        column[:, 1],
    )
    a, b = new[record.a], new[record.b]
    out = np.stack([whole[at, a, b], whole[at, b, a]], axis=1)
    return np.where(np.isnan(out), column, out)


def alarms(history: History) -> Floats:
    """(T, n) 1 in a year whose year before brought a state its first militarised dispute with some other
    state in ten years; 0 in the first year, of which nothing is known."""
    now = np.nan_to_num(history.militarised)
    fresh = np.zeros(now.shape[:2])
    fresh[1:] = ((now[1:] > 0) & (now[:-1] == 0)).any(axis=2)
    return fresh * history.present


def alarmed(record: Choices, history: History, when: Floats) -> Floats:
    """(N, 2) whether the state that decides was alarmed in the year."""
    at = record.year - int(history.years[0])
    return np.stack([when[at, record.a], when[at, record.b]], axis=1)


def moved_dates(when: Floats, rng: np.random.Generator) -> Floats:
    """(T, n) each state's alarms put in as many other years, years without an alarm where there are
    enough."""
    out = np.zeros_like(when)
    for state in range(when.shape[1]):
        count = int(when[1:, state].sum())
        free = 1 + np.flatnonzero(when[1:, state] == 0)
        out[rng.permutation(free)[:count], state] = 1.0
    return out


def outside(zs: Floats | list[float]) -> float:
    """Share of z beyond +-1.96: 0.05 where all is well."""
    return float((np.abs(np.asarray(zs)) > TWO_SIDED).mean())


__all__ = [
    "Null",
    "alarmed",
    "alarms",
    "moved_dates",
    "null_of",
    "outside",
    "permuted",
    "z_of",
]


def column_score(
    design: ConsentDesign, at: Floats, column: Floats
) -> tuple[float, float, Floats, Floats]:
    """Of one more column (N, 2) with weight 0: slope, curve, its curve against all parameters (size,), and
    (N,) its slope row by row."""
    _, first, second, s, t = pulls(design, at)
    x, z = column[:, 0], column[:, 1]
    own, other, across = curvature(first, second, s, t)
    slope = (first * s).sum(axis=1) * x + (first * t).sum(axis=1) * z
    curve = float(
        (
            own.sum(axis=1) * x * x
            + other.sum(axis=1) * z * z
            + 2 * across.sum(axis=1) * x * z
        ).sum()
    )
    here, there = (
        own * x[:, None] + across * z[:, None],
        other * z[:, None] + across * x[:, None],
    )
    cross = column_sums(design, here, 0) + column_sums(design, there, 1)
    return float(slope.sum()), curve, cross, slope
