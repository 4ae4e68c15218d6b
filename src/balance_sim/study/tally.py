"""Means, spreads, quantiles and paired effects of one point, gathered block by block.

Outcomes are counts and days: how often each value came is all that is kept, so memory does not grow with runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.study.effects import QUANTILES, unit_of
from balance_sim.study.intervals import Sample, Sides, paired_half_widths

Floats = npt.NDArray[np.float64]

CHUNK = 128  # runs added up at a time
MOST_VALUES = 8192  # distinct values held as they are; beyond, neighbours are merged


@dataclass
class Counts:
    """How often each value came; NaN ("not by the horizon") counted apart.

    Counts and days have few distinct values and all is exact. An outcome on a continuous scale has as many as
    runs: then mean and spread stay exact, and neighbouring values are merged, so that a quantile is off by less
    than 1 / 1000 in rank."""

    values: Floats = field(default_factory=lambda: np.empty(0))
    times: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    missing: int = 0
    known: int = 0
    middle: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean

    def add(self, new: Floats) -> None:
        known = new[~np.isnan(new)]
        self.missing += len(new) - len(known)
        if not len(known):
            return
        self._add_moments(known)
        found, times = np.unique(known, return_counts=True)
        whole = np.concatenate([self.values, found])
        self.values, place = np.unique(whole, return_inverse=True)
        self.times = np.bincount(place, np.concatenate([self.times, times]), len(self.values)).astype(
            np.int64
        )
        if len(self.values) > MOST_VALUES:
            self._merge()

    def _add_moments(self, known: Floats) -> None:
        """Chan, Golub, LeVeque 1983, The American Statistician 37, eq. 1.5."""
        n, m = self.known, len(known)
        middle, squares = float(known.mean()), float(((known - known.mean()) ** 2).sum())
        gap = middle - self.middle
        self.squares += squares + gap**2 * n * m / (n + m)
        self.middle += gap * m / (n + m)
        self.known = n + m

    def _merge(self) -> None:
        """About MOST_VALUES / 4 values, each for a like number of runs, at the mean of those it stands for."""
        bins = (np.cumsum(self.times) - self.times) * (MOST_VALUES // 4) // max(self.known, 1)
        _, place = np.unique(bins, return_inverse=True)
        times = np.bincount(place, self.times)
        self.values = np.bincount(place, self.values * self.times) / times
        self.times = times.astype(np.int64)

    @property
    def n(self) -> int:
        return self.known + self.missing

    def mean(self) -> float:
        """NaN where a value is missing: a day that never came has no mean."""
        return float("nan") if self.missing or not self.n else self.middle

    def sd(self) -> float:
        return float("nan") if self.missing or self.n < 2 else float(np.sqrt(self.squares / (self.n - 1)))

    def quantile(self, q: float) -> float:
        """The smallest value that a share q of the runs does not exceed; NaN among the missing."""
        if not self.n:
            return float("nan")
        need = np.ceil(q * self.n - 1e-9)
        at = int(np.searchsorted(np.cumsum(self.times), max(need, 1)))
        return float(self.values[at]) if at < len(self.values) else float("nan")

    def interval(self, unit: float = 0.0, spread: float | None = None) -> tuple[float, float, float]:
        """Monte Carlo error of the mean, and its 95 % interval, as `intervals.mean_interval` has them.

        Of merged neighbours each counts as differing; with so many values that is one part in a hundred at most."""
        sd, mean = self.sd(), self.mean()
        error = sd / np.sqrt(self.n) if self.n else float("nan")
        if self.missing or self.n < 2:
            return error, float("nan"), float("nan")
        centre = 0.0 if spread is None else self._median()
        sides = Sides.of(self.values - centre, self.times)
        below, above = paired_half_widths(np.asarray(sd), self.n, sides, unit, spread)
        return error, mean - float(below), mean + float(above)

    def against(self, one: Counts, other: Counts, unit: float) -> tuple[float, float, float]:
        """`interval` of these as differences of `one` from `other`. unit: as in `effects.unit_of`."""
        return self.interval(unit) if np.isfinite(unit) else self.interval(spread=one.spread_with(other))

    def spread_with(self, other: Counts) -> float:
        """Standard deviation of both together, as `intervals.spread_over`; NaN where a value is missing."""
        of, n = (self, other), self.n + other.n
        if not n or self.missing or other.missing:
            return float("nan")
        middle = sum(one.n * one.middle for one in of) / n
        return float(np.sqrt(sum(one.squares + one.n * (one.middle - middle) ** 2 for one in of) / n))

    def _median(self) -> float:
        """The mean of the two values in the middle where their number is even."""
        at = np.searchsorted(np.cumsum(self.times), [(self.known + 1) // 2, self.known // 2 + 1])
        return float(self.values[at].mean())

    def sample(self) -> Sample:
        """What the difference from another study needs to know."""
        return Sample(self.n, self.mean(), self.sd(), Sides.of(self.values, self.times))


class Tally:
    """Levels by arm and paired effects by arm, of one point. only: the outcomes wanted; empty for all."""

    def __init__(self, arms: Sequence[str], only: Sequence[str] = ()) -> None:
        self.arms = tuple(arms)
        self.only = tuple(only)
        self.outcomes: list[str] = []
        self.levels: dict[tuple[str, str], Counts] = {}
        self.effects: dict[tuple[str, str], Counts] = {}
        self.signs: dict[tuple[str, str], npt.NDArray[np.int64]] = {}
        self.alike = set(self.arms[1:])  # arms that are the reference to the last digit so far

    def add(self, runs: pa.Table) -> None:
        """One block of outcomes by run and arm."""
        by_arm = columns_by_arm(runs, self.arms) if self.alike or not self.only else {}
        for arm in sorted(self.alike):
            same = (
                np.array_equal(of, by_arm[self.arms[0]][name], equal_nan=True)
                for name, of in by_arm[arm].items()
            )
            self.alike -= set() if all(same) else {arm}
        if self.only:
            runs = runs.select(["run", "arm", *(name for name in self.only if name in runs.column_names)])
            by_arm = columns_by_arm(runs, self.arms)
        reference = by_arm[self.arms[0]]
        self.outcomes = [name for name in reference if name != "run"]
        for arm, columns in by_arm.items():
            for name in self.outcomes:
                self.levels.setdefault((arm, name), Counts()).add(columns[name])
                if arm != self.arms[0]:
                    self._add_effect(arm, name, columns[name], reference[name])

    def _add_effect(self, arm: str, name: str, a: Floats, b: Floats) -> None:
        self.effects.setdefault((arm, name), Counts()).add(a - b)
        late_a, late_b = np.where(np.isnan(a), np.inf, a), np.where(np.isnan(b), np.inf, b)
        signs = np.array([(late_a > late_b).sum(), (late_a < late_b).sum()])
        self.signs[arm, name] = self.signs.get((arm, name), np.zeros(2, np.int64)) + signs

    def levels_frame(self) -> pd.DataFrame:
        """Tidy: arm, outcome, mean, sd, q05 ... q95, mcse, n."""
        rows = []
        for arm in self.arms:
            for name in self.outcomes:
                c = self.levels[arm, name]
                quantiles = {f"q{round(100 * q):02d}": c.quantile(q) for q in QUANTILES}
                row = {"arm": arm, "outcome": name, "mean": c.mean(), "sd": c.sd()} | quantiles
                rows.append(row | {"mcse": c.interval()[0], "n": c.n})
        return pd.DataFrame(rows)

    def effects_frame(self) -> pd.DataFrame:
        """Tidy: arm, outcome, mean, mcse, lo, hi, share_positive, share_negative, n; paired by run."""
        rows = []
        for arm in self.arms[1:]:
            for name in self.outcomes:
                c = self.effects[arm, name]
                levels = self.levels[arm, name], self.levels[self.arms[0], name]
                error, low, high = c.against(*levels, unit_of(name, alike=arm in self.alike))
                up, down = self.signs[arm, name] / max(c.n, 1)
                row = {"arm": arm, "outcome": name, "mean": c.mean(), "mcse": error, "lo": low, "hi": high}
                rows.append(row | {"share_positive": up, "share_negative": down, "n": c.n})
        return pd.DataFrame(rows)


def in_chunks(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Outcomes, given in the order of runs, cut at every 128th run: no other cut moves the last digit of a mean."""
    rest: pa.Table | None = None
    for table in tables:
        rest = table if rest is None else pa.concat_tables([rest, table])
        while rest.num_rows and _chunk(pc.max(rest["run"])) > (first := _chunk(pc.min(rest["run"]))):
            edge = (first + 1) * CHUNK
            yield rest.filter(pc.less(rest["run"], edge))
            rest = rest.filter(pc.greater_equal(rest["run"], edge))
    if rest is not None and rest.num_rows:
        yield rest


def _chunk(run: pa.Scalar) -> int:
    return int(run.as_py()) // CHUNK


def columns_by_arm(runs: pa.Table, arms: Sequence[str]) -> dict[str, dict[str, Floats]]:
    """Outcome columns of each arm, sorted by run and cut to the runs that every arm has; `run` among them."""
    words = runs["arm"].cast(pa.string())
    parts: dict[str, dict[str, Floats]] = {}
    for arm in arms:
        part = runs.filter(pc.equal(words, arm)).sort_by("run")
        parts[arm] = {
            name: part[name].to_numpy(zero_copy_only=False).astype(float)
            for name in part.column_names
            if name != "arm"
        }
    common = parts[arms[0]]["run"]
    for arm in arms[1:]:
        common = np.intersect1d(common, parts[arm]["run"])
    for arm, columns in parts.items():
        if len(columns["run"]) != len(common):
            keep = np.isin(columns["run"], common)
            parts[arm] = {name: values[keep] for name, values in columns.items()}
    return parts
