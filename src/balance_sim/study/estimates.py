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

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEVELS = [
    "arm",
    "outcome",
    "estimator",
    "mean",
    "sd",
    "q05",
    "q25",
    "q50",
    "q75",
    "q95",
    "mcse",
    "n",
]
EFFECTS = [
    "arm",
    "outcome",
    "estimator",
    "mean",
    "mcse",
    "lo",
    "hi",
    "share_positive",
    "share_negative",
    "n",
]
CHUNK = 128  # runs added up at a time
MOST_VALUES = 8192  # distinct values held as they are; beyond, neighbours are merged


@dataclass
class Moments:
    """Mean and spread of values that come in parts; NaN ("not by the horizon") is
    counted apart."""

    missing: int = 0
    known: int = 0
    middle: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean

    def add(self, new: Floats) -> None:
        """Chan, Golub, LeVeque 1983, The American Statistician 37, eq. 1.5."""
        known = new[~np.isnan(new)]
        self.missing += len(new) - len(known)
        n, m = self.known, len(known)
        if not m:
            return
        middle, squares = (
            float(known.mean()),
            float(((known - known.mean()) ** 2).sum()),
        )
        gap = middle - self.middle
        self.squares += squares + gap**2 * n * m / (n + m)
        self.middle += gap * m / (n + m)
        self.known = n + m

    @property
    def n(self) -> int:
        return self.known + self.missing

    def mean(self) -> float:
        """NaN where a value is missing: a day that never came has no mean."""
        return float("nan") if self.missing or not self.n else self.middle

    def sd(self) -> float:
        return (
            float("nan")
            if self.missing or self.n < 2
            else float(np.sqrt(self.squares / (self.n - 1)))
        )

    def error(self) -> float:
        """Monte Carlo standard error of the mean."""
        return self.sd() / float(np.sqrt(self.n)) if self.n else float("nan")

    def interval(self) -> tuple[float, float]:
        """Student's 95 % interval of the mean."""
        half = (
            float(student_half_width(np.asarray(self.sd()), self.n))
            if self.n > 1
            else float("nan")
        )
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
        found, times = np.unique(new[~np.isnan(new)], return_counts=True)
        self.values, place = np.unique(
            np.concatenate([self.values, found]), return_inverse=True
        )
        self.times = np.bincount(
            place, np.concatenate([self.times, times]), len(self.values)
        ).astype(np.int64)
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

    def quantile(self, q: float) -> float:
        """The smallest value that a share q of the runs does not exceed; NaN among the
        missing."""
        return self.quantiles([q])[0]

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The same of several shares."""
        need = np.maximum(np.ceil(np.array(shares) * self.n - 1e-9), 1)
        values = np.append(self.values, np.nan)
        return [
            float(values[at]) for at in np.searchsorted(np.cumsum(self.times), need)
        ]

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
        of, n = (self, other), self.n + other.n
        if not n or self.missing or other.missing:
            return float("nan")
        middle = sum(one.n * one.middle for one in of) / n
        return float(
            np.sqrt(
                sum(one.squares + one.n * (one.middle - middle) ** 2 for one in of) / n
            )
        )

    def _median(self) -> float:
        """The mean of the two values in the middle where their number is even."""
        at = np.searchsorted(
            np.cumsum(self.times), [(self.known + 1) // 2, self.known // 2 + 1]
        )
        return float(self.values[at].mean())


@dataclass
class PairedDifference:
    """An outcome in one arm less the same in another, run by run; and the filtered
    estimate's, where there is one."""

    drawn: Counts = field(default_factory=Counts)
    filtered: Moments | None = None
    more: int = 0
    fewer: int = 0

    def add(self, arm: Floats, reference: Floats) -> None:
        """Missing counts as later than any day in the numbers of runs with more and
        with fewer."""
        self.drawn.add(arm - reference)
        late_arm, late = (np.where(np.isnan(of), np.inf, of) for of in (arm, reference))
        self.more += int((late_arm > late).sum())
        self.fewer += int((late_arm < late).sum())

    def add_filtered(self, difference: Floats) -> None:
        self.filtered = self.filtered or Moments()
        self.filtered.add(difference)

    def row(self, spread: float) -> dict[str, Any]:
        """Its columns of an effects table. spread: of the outcome over both arms; 0: no
        run could show a difference."""
        smooth = self.filtered
        of, bounds = (
            (smooth, smooth.interval())
            if smooth
            else (self.drawn, self.drawn.around(spread))
        )
        n = max(self.drawn.n, 1)
        return {
            "estimator": "filtered" if smooth else "count",
            "mean": of.mean(),
            "mcse": of.error(),
            "lo": bounds[0],
            "hi": bounds[1],
            "share_positive": self.more / n,
            "share_negative": self.fewer / n,
            "n": self.drawn.n,
        }


@dataclass
class Levels:
    """The outcomes of one arm: counts and measures by name, and filtered estimates
    where there are any."""

    counts: dict[str, Counts] = field(default_factory=dict)
    filtered: dict[str, Moments] = field(default_factory=dict)

    def add(self, columns: Mapping[str, Floats]) -> None:
        for name, values in columns.items():
            if name.startswith(FILTERED):
                self.filtered.setdefault(name.removeprefix(FILTERED), Moments()).add(
                    values
                )
            else:
                self.counts.setdefault(name, Counts()).add(values)

    def of(self, outcome: str) -> Moments:
        """The filtered estimate of an outcome, or its count."""
        return self.filtered.get(outcome, self.counts[outcome])


@dataclass
class Differences:
    """Paired differences of two arms by outcome. alike: they are the same to the last
    digit so far."""

    of: dict[str, PairedDifference] = field(default_factory=dict)
    alike: bool = True

    def add(
        self,
        arm: Mapping[str, Floats],
        control: Mapping[str, Floats],
        only: Sequence[str] = (),
    ) -> None:
        """Columns of both over the same runs; those of some outcomes are added up, of
        all if none is named."""
        for name in (name for name in arm if name in control):
            self.alike = self.alike and np.array_equal(
                arm[name], control[name], equal_nan=True
            )
            outcome = name.removeprefix(FILTERED)
            if not only or outcome in only:
                found = self.of.setdefault(outcome, PairedDifference())
                if name == outcome:
                    found.add(arm[name], control[name])
                else:
                    found.add_filtered(arm[name] - control[name])


class Estimates:
    """Levels and paired effects by arm. only: the outcomes wanted; none: all. steps: as
    in `outcomes.least_jump`."""

    def __init__(
        self,
        arms: Sequence[str],
        only: Sequence[str] = (),
        steps: Mapping[str, float] | None = None,
    ) -> None:
        self.arms, self.only, self.steps = tuple(arms), tuple(only), steps
        self.levels = {arm: Levels() for arm in self.arms}
        self.effects = {arm: Differences() for arm in self.arms[1:]}

    @property
    def alike(self) -> set[str]:
        """Arms that are the control arm to the last digit so far."""
        return {arm for arm, of in self.effects.items() if of.alike}

    @property
    def outcomes(self) -> list[str]:
        return list(self.levels[self.arms[0]].counts)

    def add(self, runs: pa.Table) -> None:
        """One block of outcomes by run and arm."""
        wanted = (
            {*self.only, *(FILTERED + name for name in self.only)}
            if self.only
            else {*runs.column_names}
        )
        if not self.alike:
            runs = runs.select(
                [name for name in runs.column_names if name in wanted | {"run", "arm"}]
            )
        by_arm = columns_by_arm(runs, self.arms)
        for arm, columns in by_arm.items():
            del columns["run"]
            self.levels[arm].add(
                {name: of for name, of in columns.items() if name in wanted}
            )
        for arm, effect in self.effects.items():
            effect.add(by_arm[arm], by_arm[self.arms[0]], self.only)

    def levels_frame(self) -> pd.DataFrame:
        rows = []
        for arm, levels in self.levels.items():
            for name in self.outcomes:
                c, of = levels.counts[name], levels.of(name)
                estimator = "count" if of is c else "filtered"
                rows.append(
                    (
                        arm,
                        name,
                        estimator,
                        of.mean(),
                        c.sd(),
                        *c.quantiles(QUANTILES),
                        of.error(),
                        c.n,
                    )
                )
        return pd.DataFrame(rows, columns=LEVELS)

    def spread(self, arm: str, outcome: str) -> float:
        """Standard deviation of an outcome over an arm and the control arm, its least
        jump at least; 0 where no run could show a difference."""
        if self.effects[arm].alike or fixed_beforehand(outcome):
            return 0.0
        one, other = (self.levels[name].counts[outcome] for name in (arm, self.arms[0]))
        return float(
            np.maximum(one.spread_with(other), least_jump(outcome, self.steps))
        )

    def effects_frame(self) -> pd.DataFrame:
        """Tidy: the columns of EFFECTS; paired by run."""
        rows = [
            {"arm": arm, "outcome": name} | effect.of[name].row(self.spread(arm, name))
            for arm, effect in self.effects.items()
            for name in self.outcomes
        ]
        return pd.DataFrame(rows, columns=EFFECTS)


def estimates_of(
    tables: Iterable[pa.Table],
    arms: Sequence[str],
    only: Sequence[str] = (),
    steps: Mapping[str, float] | None = None,
) -> Estimates:
    """Estimates from tables of outcomes given in the order of runs."""
    out = Estimates(arms, only, steps)
    for part in in_chunks(tables):
        out.add(part)
    return out


def in_chunks(tables: Iterable[pa.Table], size: int = CHUNK) -> Iterator[pa.Table]:
    """Outcomes, given in the order of runs, cut at every 128th run: no other cut moves
    the last digit of a mean."""

    def chunk(run: pa.Scalar) -> int:
        return int(run.as_py()) // size

    rest: pa.Table | None = None
    for table in tables:
        rest = table if rest is None else pa.concat_tables([rest, table])
        while rest.num_rows and chunk(pc.max(rest["run"])) > (
            first := chunk(pc.min(rest["run"]))
        ):
            edge = (first + 1) * size
            yield rest.filter(pc.less(rest["run"], edge))
            rest = rest.filter(pc.greater_equal(rest["run"], edge))
    if rest is not None and rest.num_rows:
        yield rest


def columns_by_arm(runs: pa.Table, arms: Sequence[str]) -> dict[str, dict[str, Floats]]:
    """Outcome columns of each arm, sorted by run and cut to the runs that every arm
    has; `run` among them."""
    words = runs["arm"].cast(pa.string())
    parts: dict[str, dict[str, Floats]] = {}
    for arm in arms:
        part = runs.filter(pc.equal(words, arm)).sort_by("run")
        parts[arm] = {
            name: part[name].to_numpy(zero_copy_only=False).astype(float)
            for name in part.column_names
            if name != "arm"
        }
    common = reduce(np.intersect1d, (columns["run"] for columns in parts.values()))
    for arm, columns in parts.items():
        if len(columns["run"]) != len(common):
            keep = np.isin(columns["run"], common)
            parts[arm] = {name: values[keep] for name, values in columns.items()}
    return parts


def rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    """For JSON: NaN and infinities become null."""
    return {
        name: (value if np.isfinite(value) else None) for name, value in values.items()
    }


def as_json(row: Mapping[Any, Any], *names: str) -> dict[str, Any]:
    """Some numbers of a row of a tidy table, for JSON; `ci95` stands for its bounds."""
    out = {
        name: [row["lo"], row["hi"]] if name == "ci95" else row[name] for name in names
    }
    return {name: plain_data(value) for name, value in out.items()}
