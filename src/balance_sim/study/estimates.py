"""Levels and effects of one study, gathered block by block: means, spreads, quantiles,
paired treatment effects.

An effect is the mean over replications of (arm minus control arm) with common random
numbers, so its error is that of the paired difference. Where a number of agreements has
a filtered estimate, means and errors are of that, and quantiles and shares of runs are
of the counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.model.core import Floats, Ints
from balance_sim.scenario.errors import plain_data
from balance_sim.stats.intervals import (
    Sample,
    Sides,
    paired_half_widths,
    student_half_width,
)
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, least_jump

Columns = dict[str, Floats]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEVELS = ["arm", "outcome", "estimator", "mean", "sd"]
LEVELS += ["q05", "q25", "q50", "q75", "q95", "mcse", "n"]
EFFECTS = ["arm", "outcome", "estimator", "mean", "mcse", "lo", "hi"]
EFFECTS += ["share_positive", "share_negative", "n"]
CHUNK = 128
"""Runs added up at a time."""
MOST_VALUES = 8192
"""Distinct values held as they are; beyond, neighbours are merged."""


@dataclass
class Moments:
    """Mean and spread of values that come in parts; NaN ("not by the horizon") is
    counted apart."""

    missing: int = 0
    known: int = 0
    middle: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean

    def add(self, new: Floats) -> None:
        """Add values: Chan, Golub, LeVeque 1983, The American Statistician 37, eq.
        1.5."""
        values = new[~np.isnan(new)]
        self.missing += len(new) - len(values)
        n, m = self.known, len(values)
        if not m:
            return
        middle = float(values.mean())
        squares = float(((values - values.mean()) ** 2).sum())
        gap = middle - self.middle
        self.squares += squares + gap**2 * n * m / (n + m)
        self.middle += gap * m / (n + m)
        self.known = n + m

    @property
    def n(self) -> int:
        """How many values there are, missing ones among them."""
        return self.known + self.missing

    def mean(self) -> float:
        """The mean; NaN where a value is missing: a day that never came has no mean."""
        return float("nan") if self.missing or not self.n else self.middle

    def sd(self) -> float:
        """The standard deviation; NaN where a value is missing, or there is but one."""
        if self.missing or self.n < 2:
            return float("nan")
        return float(np.sqrt(self.squares / (self.n - 1)))

    def error(self) -> float:
        """Monte Carlo standard error of the mean."""
        return self.sd() / float(np.sqrt(self.n)) if self.n else float("nan")

    def interval(self) -> tuple[float, float]:
        """Student's 95 % interval of the mean."""
        half = float("nan")
        if self.n > 1:
            half = float(student_half_width(np.asarray(self.sd()), self.n))
        return self.mean() - half, self.mean() + half

    def sample(self) -> Sample:
        """What the difference from another study needs to know."""
        return Sample(self.n, self.mean(), self.sd())


@dataclass
class Counts(Moments):
    """How often each value came, beside its moments.

    Of an outcome on a continuous scale, with as many values as runs, neighbouring
    values are merged, so that a quantile is off by less than 1 / 1000 in rank; mean and
    spread stay exact."""

    values: Floats = field(default_factory=lambda: np.empty(0))
    times: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, new: Floats) -> None:
        super().add(new)
        values, times = np.unique(new[~np.isnan(new)], return_counts=True)
        all_values = np.concatenate([self.values, values])
        self.values, place = np.unique(all_values, return_inverse=True)
        weights = np.concatenate([self.times, times])
        self.times = np.bincount(place, weights, len(self.values)).astype(np.int64)
        if len(self.values) > MOST_VALUES:
            self._merge()

    def _merge(self) -> None:
        """About MOST_VALUES / 4 values, each for a like number of runs, at the mean of
        those it stands for."""
        bins = (np.cumsum(self.times) - self.times) * (MOST_VALUES // 4) // self.known
        _, place = np.unique(bins, return_inverse=True)
        times = np.bincount(place, self.times)
        self.values = np.bincount(place, self.values * self.times) / times
        self.times = times.astype(np.int64)

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The smallest value that each share of the replications does not exceed; NaN
        among the missing."""
        need = np.maximum(np.ceil(np.array(shares) * self.n - 1e-9), 1)
        values = np.append(self.values, np.nan)
        places = np.searchsorted(np.cumsum(self.times), need)
        return [float(value) for value in values[places]]

    def around(self, spread: float) -> tuple[float, float]:
        """95 % interval of the mean of differences that were drawn, as
        `intervals.paired_interval` has it.

        spread: of the outcome over both arms. Of merged neighbours each counts as
        differing: one part in a hundred."""
        if self.missing or self.n < 2:
            return float("nan"), float("nan")
        sides = Sides.of(self.values - self._median(), self.times)
        below, above = paired_half_widths(np.asarray(self.sd()), self.n, sides, spread)
        return self.mean() - float(below), self.mean() + float(above)

    def spread_with(self, other: Counts) -> float:
        """Standard deviation of both together, as `intervals.spread_over`; NaN where a
        value is missing."""
        arms, n = (self, other), self.n + other.n
        if not n or self.missing or other.missing:
            return float("nan")
        middle = sum(arm.n * arm.middle for arm in arms) / n
        squares = sum(arm.squares + arm.n * (arm.middle - middle) ** 2 for arm in arms)
        return float(np.sqrt(squares / n))

    def _median(self) -> float:
        """The mean of the two values in the middle where their number is even."""
        ranks = [(self.known + 1) // 2, self.known // 2 + 1]
        places = np.searchsorted(np.cumsum(self.times), ranks)
        return float(self.values[places].mean())


@dataclass
class Estimate:
    """An outcome over replications: its counts, and its filtered estimate where there
    is one, of which mean and error then are."""

    counts: Counts = field(default_factory=Counts)
    filtered: Moments | None = None

    @property
    def estimator(self) -> str:
        """`filtered` or `count`."""
        return "filtered" if self.filtered else "count"

    @property
    def moments(self) -> Moments:
        """Of the filtered estimate, or of the counts."""
        return self.filtered or self.counts

    def add_filtered(self, values: Floats) -> None:
        """Add filtered estimates of some replications."""
        self.filtered = self.filtered or Moments()
        self.filtered.add(values)


@dataclass
class PairedDifference(Estimate):
    """An outcome in one arm less the same in another, replication by replication."""

    more: int = 0
    fewer: int = 0

    def add(self, arm: Floats, control: Floats) -> None:
        """Missing counts as later than any day in the numbers of replications with more
        and with fewer."""
        self.counts.add(arm - control)
        late_arm = np.where(np.isnan(arm), np.inf, arm)
        late = np.where(np.isnan(control), np.inf, control)
        self.more += int((late_arm > late).sum())
        self.fewer += int((late_arm < late).sum())

    def row(self, spread: float) -> dict[str, Any]:
        """Its columns of an effects table. spread: of the outcome over both arms; 0: no
        replication could show a difference."""
        moments, filtered = self.moments, self.filtered
        low, high = filtered.interval() if filtered else self.counts.around(spread)
        n = max(self.counts.n, 1)
        return {
            "estimator": self.estimator,
            "mean": moments.mean(),
            "mcse": moments.error(),
            "lo": low,
            "hi": high,
            "share_positive": self.more / n,
            "share_negative": self.fewer / n,
            "n": self.counts.n,
        }


class Estimates:
    """Levels and paired effects by arm, gathered from tables of outcomes.

    Attributes
    ----------
    levels, effects : by arm, estimates by outcome; effects of all arms but the first,
        the control arm
    first_difference : by arm, the first replication in which an outcome is not the
        control arm's, and the outcome; no entry where all are the same to the last
        digit
    only : the outcomes wanted; none: all
    steps : as in `outcomes.least_jump`
    """

    def __init__(
        self,
        arms: Sequence[str],
        only: Sequence[str] = (),
        steps: Mapping[str, float] | None = None,
    ) -> None:
        self.arms, self.only, self.steps = tuple(arms), tuple(only), steps
        self.levels: dict[str, dict[str, Estimate]] = {arm: {} for arm in arms}
        self.effects: dict[str, dict[str, PairedDifference]] = {
            arm: {} for arm in self.arms[1:]
        }
        self.first_difference: dict[str, tuple[int, str]] = {}

    @property
    def alike(self) -> set[str]:
        """Arms that are the control arm to the last digit so far."""
        return {*self.effects} - {*self.first_difference}

    @property
    def outcomes(self) -> list[str]:
        """Names of outcomes, without those of filtered estimates."""
        return list(self.levels[self.arms[0]])

    def add(self, runs: pa.Table) -> None:
        """One block of outcomes by replication and arm."""
        by_arm = columns_by_arm(runs, self.arms)
        control = by_arm[self.arms[0]]
        for arm, columns in by_arm.items():
            if arm in self.alike:
                self._note_difference(arm, columns, control)
            for name, values in columns.items():
                outcome = name.removeprefix(FILTERED)
                if name == "run" or (self.only and outcome not in self.only):
                    continue
                level = self.levels[arm].setdefault(outcome, Estimate())
                if name == outcome:
                    level.counts.add(values)
                else:
                    level.add_filtered(values)
                if arm not in self.effects:
                    continue
                effect = self.effects[arm].setdefault(outcome, PairedDifference())
                if name == outcome:
                    effect.add(values, control[name])
                else:
                    effect.add_filtered(values - control[name])

    def _note_difference(self, arm: str, columns: Columns, control: Columns) -> None:
        """Note the first replication, and its first outcome, in which an arm is not the
        control arm, if there is one."""
        for name, values in columns.items():
            both_missing = np.isnan(values) & np.isnan(control[name])
            rows = np.flatnonzero((values != control[name]) & ~both_missing)
            if len(rows):
                run = int(columns["run"][rows[0]])
                if arm in self.alike or run < self.first_difference[arm][0]:
                    self.first_difference[arm] = run, name.removeprefix(FILTERED)

    def levels_frame(self) -> pd.DataFrame:
        """Tidy: the columns of LEVELS."""
        rows = []
        for arm, levels in self.levels.items():
            for name, level in levels.items():
                moments, counts = level.moments, level.counts
                spread = counts.sd(), *counts.quantiles(QUANTILES)
                row = arm, name, level.estimator, moments.mean(), *spread
                rows.append((*row, moments.error(), counts.n))
        return pd.DataFrame(rows, columns=LEVELS)

    def spread(self, arm: str, outcome: str) -> float:
        """Standard deviation of an outcome over an arm and the control arm, its least
        jump at least; 0 where no replication could show a difference."""
        if arm in self.alike or fixed_beforehand(outcome):
            return 0.0
        control, having = (
            self.levels[name][outcome].counts for name in (self.arms[0], arm)
        )
        jump = least_jump(outcome, self.steps)
        return float(np.maximum(having.spread_with(control), jump))

    def effects_frame(self) -> pd.DataFrame:
        """Tidy: the columns of EFFECTS; paired by replication."""
        rows = [
            {"arm": arm, "outcome": name} | effect.row(self.spread(arm, name))
            for arm, effects in self.effects.items()
            for name, effect in effects.items()
        ]
        return pd.DataFrame(rows, columns=EFFECTS)


def estimates_of(
    tables: Iterable[pa.Table],
    arms: Sequence[str],
    only: Sequence[str] = (),
    steps: Mapping[str, float] | None = None,
) -> Estimates:
    """Estimates from tables of outcomes given in the order of runs."""
    estimates = Estimates(arms, only, steps)
    for chunk in in_chunks(tables):
        estimates.add(chunk)
    return estimates


def in_chunks(tables: Iterable[pa.Table], size: int = CHUNK) -> Iterator[pa.Table]:
    """Outcomes, given in the order of runs, cut at every 128th run: no other cut moves
    the last digit of a mean."""
    waiting: pa.Table | None = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows:
            run = waiting["run"]
            edge = (pc.min(run).as_py() // size + 1) * size
            if pc.max(run).as_py() < edge:
                break
            yield waiting.filter(pc.less(run, edge))
            waiting = waiting.filter(pc.greater_equal(run, edge))
    if waiting is not None and waiting.num_rows:
        yield waiting


def columns_by_arm(runs: pa.Table, arms: Sequence[str]) -> dict[str, Columns]:
    """Outcome columns of each arm, sorted by run and cut to the runs that every arm
    has; `run` among them."""
    words, by_arm = runs["arm"].cast(pa.string()), {}
    for arm in arms:
        rows = runs.filter(pc.equal(words, arm)).sort_by("run").drop_columns("arm")
        by_arm[arm] = {
            name: rows[name].to_numpy(zero_copy_only=False).astype(float)
            for name in rows.column_names
        }
    common = reduce(np.intersect1d, (columns["run"] for columns in by_arm.values()))
    for arm, columns in by_arm.items():
        is_common = np.isin(columns["run"], common)
        by_arm[arm] = {name: values[is_common] for name, values in columns.items()}
    return by_arm


def as_json(row: Mapping[Any, Any], *names: str) -> dict[str, Any]:
    """Some numbers of a row of a tidy table, for JSON; `ci95` stands for its bounds."""
    values = {**row, "ci95": [row.get("lo"), row.get("hi")]}
    return {name: plain_data(values[name]) for name in names}
