"""What the measures of mechanisms read of a finished study, and the intervals they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.model.baseline import Worlds
from balance_sim.scenario.schema import Event
from balance_sim.study.cast import Cast, focal_cast
from balance_sim.study.effects import alike, unit_of
from balance_sim.study.frames import by_arm
from balance_sim.study.intervals import (
    NORMAL,
    Sides,
    paired_half_widths,
    paired_interval,
    spread_over,
    t_quantile,
)
from balance_sim.study.outcomes import NEW
from balance_sim.study.pairs import column_words, positions

if TYPE_CHECKING:
    from balance_sim.study.result import Result

Floats = npt.NDArray[np.float64]

NO_EXTRA = "the extra arms were not run (`--no-mechanisms`, or a folder that was begun without them)"


@dataclass(frozen=True)
class Found:
    """What a measure came to. lo, hi: 95 % interval, NaN where there is none.

    percentile: share of placebos with a smaller effect, None where there are none to compare with.
    verdict: where the sign of the interval does not decide. n: paired runs behind it."""

    value: float
    lo: float
    hi: float
    n: int
    percentile: float | None = None
    verdict: str | None = None
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


class Lacking(LookupError):
    """The results, of another version, have no such outcome."""

    def __init__(self, outcome: str) -> None:
        super().__init__(f"the results lack the outcome `{outcome}`: another version made them")


Measured = Found | str
Measure = Callable[["Readings"], Measured]


@dataclass(frozen=True)
class Change:
    """Something measured in two arms, run by run. arm, reference: (runs,). unit: as in `effects.unit_of`.

    Sums, differences and shares of changes are changes: what they are made of is measured in both arms too."""

    arm: Floats
    reference: Floats
    unit: float

    @staticmethod
    def of(values: Floats, unit: float) -> Change:
        """A change that is known as such alone."""
        return Change(values, np.zeros(len(values)), unit)

    @property
    def values(self) -> Floats:
        """(runs,) arm less reference."""
        return self.arm - self.reference

    def __add__(self, other: Change) -> Change:
        return Change(
            self.arm + other.arm, self.reference + other.reference, float(np.maximum(self.unit, other.unit))
        )

    def __sub__(self, other: Change) -> Change:
        return self + other.times(-1.0)

    def times(self, share: float) -> Change:
        """The same, of so many units each."""
        return Change(share * self.arm, share * self.reference, abs(share) * self.unit)


def mean_found(change: Change, **more: Any) -> Found:
    """The mean of a change with its interval."""
    mean, _, lo, hi = paired_interval(change.arm, change.reference, change.unit)
    return Found(mean, lo, hi, len(change.arm), **more)


def detail_of(change: Change) -> dict[str, Any]:
    """The same as plain data."""
    found = mean_found(change)
    return {"value": found.value, "ci95": [found.lo, found.hi]}


def ratio(over: Change, under: Change) -> tuple[float, float, float]:
    """Ratio of two means over the same runs, with Fieller's 95 % interval.

    A bound is NaN where the interval has none on that side: the lower mean is then not
    distinguishable from zero. Fieller 1954, JRSS B 16(2); Franz 2007, arXiv:0710.2024. Where the upper mean is of
    counts most of which are zero the interval is widened by as much as that mean's own is beyond Student's t, over
    the lower mean; on a continuous scale by a run that none has shown, of the size that `intervals` gives it."""
    n = len(over.arm)
    a, b = float(over.values.mean()), float(under.values.mean())
    if n < 2 or b == 0:
        return (a / b if b else float("nan")), float("nan"), float("nan")
    (aa, ab), (_, bb) = np.cov(over.values, under.values) / n
    t = t_quantile(0.95, n - 1)
    t2 = t**2
    square, cross, rest = b**2 - t2 * bb, a * b - t2 * ab, a**2 - t2 * aa
    inside = max(cross**2 - square * rest, 0.0)
    if square <= 0:
        return a / b, float("nan"), float("nan")
    low, high = (cross - np.sqrt(inside)) / square, (cross + np.sqrt(inside)) / square
    if np.isnan(over.unit):
        rest_of = over - under.times(a / b)
        unseen = NORMAL**2 / n * float(spread_over(rest_of.arm, rest_of.reference)) / abs(b)
        return a / b, a / b - np.hypot(a / b - low, unseen), a / b + np.hypot(high - a / b, unseen)
    reach = paired_half_widths(np.sqrt(np.asarray(aa * n)), n, Sides.of(over.values), over.unit)
    below, above = (
        max(float(one) - t * np.sqrt(aa), 0.0) / abs(b) for one in (reach if b > 0 else reach[::-1])
    )
    return a / b, low - below, high + above


def jackknifed(statistic: Callable[[Floats], float], values: Floats) -> tuple[float, float, float]:
    """A statistic of runs with a 95 % interval from leaving one run out at a time.

    values: (runs, ...). Efron, Stein 1981, Annals of Statistics 9(3)."""
    n = len(values)
    whole = statistic(values)
    if n < 3:
        return whole, float("nan"), float("nan")
    without = np.array([statistic(np.delete(values, k, axis=0)) for k in range(n)])
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    half = t_quantile(0.95, n - 1) * float(error)
    return whole, whole - half, whole + half


class Readings:
    """A study as the measures read it: paired columns by arm, accords, casts, the reference world."""

    def __init__(self, result: Result, arm: str) -> None:
        self.result, self.arm = result, arm
        self.scenario = result.scenario
        self.windows = sorted(result.scenario.report.windows)
        self.short, self.long = self.windows[0], self.windows[-1]
        self._compared: dict[tuple[str, str], bool] = {}

    @cached_property
    def by_arm(self) -> dict[str, pd.DataFrame]:
        """Outcomes by arm, extra rows too, indexed by run."""
        return by_arm(self.result.outcomes) | by_arm(self.result.extra)

    def has(self, outcome: str) -> bool:
        """Whether the study holds an outcome."""
        return outcome in self.result.outcomes.columns

    def has_arm(self, arm: str) -> bool:
        return arm in self.by_arm

    def difference(self, outcome: str, arm: str | None = None, against: str | None = None) -> Change:
        """Paired change of an outcome; by default the headline arm's from the reference."""
        arm, against = arm or self.arm, against or self.result.reference
        return Change(*self.pair(outcome, arm, against), self.unit(outcome, arm, against))

    def pair(self, outcome: str, arm: str, against: str) -> tuple[Floats, Floats]:
        """An outcome in two arms, over the runs that both have."""
        one, other = (column(self.by_arm[name], outcome) for name in (arm, against))
        if one.index.equals(other.index):
            return one.to_numpy(float), other.to_numpy(float)
        common = one.index.intersection(other.index)
        return one.loc[common].to_numpy(float), other.loc[common].to_numpy(float)

    def level(self, outcome: str) -> float:
        """The mean of an outcome in the reference arm."""
        return float(column(self.by_arm[self.result.reference], outcome).mean())

    def columns(self, outcome: str, *arms: str) -> Floats:
        """(runs, arms) an outcome in several arms, over the runs that all have."""
        frames = [column(self.by_arm[arm], outcome) for arm in arms]
        common = frames[0].index
        for frame in frames[1:]:
            common = common.intersection(frame.index)
        return np.stack([frame.loc[common].to_numpy(float) for frame in frames], axis=1)

    def unit(self, outcome: str, arm: str, against: str) -> float:
        """Size of a difference of an outcome where no run has one, as in `effects`."""
        return unit_of(outcome, alike=self._alike(arm, against))

    def _alike(self, arm: str, against: str) -> bool:
        """Whether two arms are the same to the last digit in every outcome of every run that both have."""
        if (arm, against) not in self._compared:
            one, other = self.by_arm[arm], self.by_arm[against]
            common = one.index.intersection(other.index)
            shared = one.columns.intersection(other.columns)
            self._compared[arm, against] = alike(one.loc[common, shared], other.loc[common, shared])
        return self._compared[arm, against]

    def by_window(self, outcome: str) -> dict[str, Any]:
        """The effect on an outcome in each window."""
        return {str(w): detail_of(self.difference(f"{outcome}_{w}")) for w in self.windows}

    @cached_property
    def worlds(self) -> Worlds:
        """The reference arm alone, compiled."""
        return self.result.worlds

    @cached_property
    def cast(self) -> Cast:
        return focal_cast(self.worlds)

    @property
    def codes(self) -> tuple[str, ...]:
        return self.worlds.reference.codes

    @cached_property
    def focal(self) -> Event:
        return next(event for event in self.scenario.events if event.id == self.scenario.focal)

    @cached_property
    def accords(self) -> pd.DataFrame:
        """Accords that the headline arm and its reference sign after the focal date.

        run, arm, pair, kind, origin, occasion, after (days from the focal date). Gathered block by block: the
        study's own tables of accords are many times larger."""
        tables = [self._signed_later(accords) for _, accords in self.result.blocks()]
        frame: pd.DataFrame = pa.concat_tables(tables).unify_dictionaries().to_pandas(use_threads=False)
        return frame

    def _signed_later(self, accords: pa.Table) -> pa.Table:
        arms = pa.array([self.arm, self.result.reference])
        after = pc.subtract(accords["signed"].cast(pa.int32()), self.result.focal_day)
        kept = pc.and_(pc.is_in(accords["arm"].cast(pa.string()), arms), pc.greater_equal(after, 1))
        few = accords.append_column("after", after.cast(pa.int32())).filter(kept)
        return pa.table(
            {name: few[name] for name in ("run", "arm", "kind", "origin", "occasion", "after")}
            | {"pair": self._pairs(few).astype(np.int32)}
        )

    def _pairs(self, accords: pa.Table) -> npt.NDArray[np.int64]:
        a, b = (positions(accords, side, self.codes) for side in ("a", "b"))
        return self.worlds.reference.pair_index[a, b]

    def counted(self, pairs: npt.NDArray[np.bool_]) -> dict[str, Floats]:
        """(runs,) new accords of some pairs in each of the study's arms, within the longest window."""
        arms = self.result.arms
        out = np.zeros((len(arms), len(self.runs)))
        for _, accords in self.result.blocks():
            after = accords["signed"].cast(pa.int32()).fill_null(-(2**30)).to_numpy() - self.result.focal_day
            new = np.isin(column_words(accords, "origin"), NEW) & (after >= 1) & (after <= self.long)
            new &= pairs[self._pairs(accords)]
            arm = positions(accords, "arm", arms)[new]
            np.add.at(out, (arm, np.searchsorted(self.runs, accords["run"].to_numpy()[new])), 1.0)
        return dict(zip(arms, out, strict=True))

    @cached_property
    def runs(self) -> npt.NDArray[np.int64]:
        """Numbers of the runs that the study's arms have."""
        return self.by_arm[self.result.reference].index.to_numpy()

    def new(self, arm: str, window: int | None = None) -> pd.DataFrame:
        """run and pair of the new accords of the headline arm or its reference in a window, by default the longest."""
        frame = self.accords
        within = frame["after"].between(1, window or self.long)
        return frame.loc[(frame["arm"] == arm) & frame["origin"].isin(NEW) & within, ["run", "pair"]]

    @property
    def placebo_arms(self) -> list[str]:
        """Names of the placebos that were lived."""
        return [
            name
            for name in sorted(self.by_arm)
            if name.startswith(("extra.states_", "extra.date_")) and not name.endswith(".reference")
        ]

    def percentile(
        self, effect: Callable[[pd.DataFrame, pd.DataFrame, int], float], sign: int, window: int
    ) -> tuple[float | None, int]:
        """Share of placebos with a smaller effect than the event's, and how many could be compared.

        effect: of (arm's outcomes, twin's outcomes, window); sign: of the direction the article expects. A
        placebo whose window is cut off by the end is compared in the longest that is not. The event's effect is
        taken over the same runs."""
        smaller = total = 0
        for name in self.placebo_arms:
            one, twin = self.by_arm[name], self.by_arm[name + ".reference"]
            event, without = (self.by_arm[arm].loc[one.index] for arm in (self.arm, self.result.reference))
            for within in [w for w in reversed(self.windows) if w <= window]:
                of_placebo = sign * effect(one, twin, within)
                of_event = sign * effect(event, without, within)
                if np.isfinite(of_placebo) and np.isfinite(of_event):
                    smaller, total = smaller + (of_placebo < of_event), total + 1
                    break
        return (smaller / total if total else None), total


def column(frame: pd.DataFrame, outcome: str) -> pd.Series[Any]:
    """An outcome of a frame of runs. Raises Lacking."""
    if outcome not in frame:
        raise Lacking(outcome)
    return frame[outcome]


def mean_effect(outcome: str) -> Callable[[pd.DataFrame, pd.DataFrame, int], float]:
    """The mean paired difference of an outcome, as `percentile` takes it."""

    def effect(arm: pd.DataFrame, twin: pd.DataFrame, window: int) -> float:
        name = f"{outcome}_{window}"
        return float((column(arm, name) - column(twin, name).loc[arm.index]).mean(skipna=False))

    return effect
