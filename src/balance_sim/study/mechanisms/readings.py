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
from balance_sim.study.intervals import Sides, mean_interval, paired_half_widths, t_quantile
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


def mean_found(values: Floats, unit: float = 0.0, **more: Any) -> Found:
    """The mean of paired differences with its interval. unit: as in `intervals.mean_interval`."""
    mean, _, lo, hi = mean_interval(values, unit)
    return Found(mean, lo, hi, len(values), **more)


def ratio(over: Floats, under: Floats, unit: float = 0.0) -> tuple[float, float, float]:
    """Ratio of two means over the same runs, with Fieller's 95 % interval.

    over, under: (runs,). A bound is NaN where the interval has none on that side: the lower mean is then not
    distinguishable from zero. Fieller 1954, JRSS B 16(2); Franz 2007, arXiv:0710.2024. Where the upper mean is of
    values most of which are zero the interval is widened by as much as that mean's own is beyond Student's t, over
    the lower mean. unit: size of the upper values where none is seen, as in `intervals.mean_interval`."""
    n = len(over)
    a, b = float(over.mean()), float(under.mean())
    if n < 2 or b == 0:
        return (a / b if b else float("nan")), float("nan"), float("nan")
    (aa, ab), (_, bb) = np.cov(over, under) / n
    t = t_quantile(0.95, n - 1)
    t2 = t**2
    square, cross, rest = b**2 - t2 * bb, a * b - t2 * ab, a**2 - t2 * aa
    inside = max(cross**2 - square * rest, 0.0)
    if square <= 0:
        return a / b, float("nan"), float("nan")
    reach = paired_half_widths(np.sqrt(np.asarray(aa * n)), n, Sides.of(over), unit)
    below, above = (
        max(float(one) - t * np.sqrt(aa), 0.0) / abs(b) for one in (reach if b > 0 else reach[::-1])
    )
    low, high = (cross - np.sqrt(inside)) / square, (cross + np.sqrt(inside)) / square
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


def detail_of(values: Floats, unit: float = 0.0) -> dict[str, Any]:
    """A mean with its interval, as plain data. unit: as in `intervals.mean_interval`."""
    mean, _, lo, hi = mean_interval(values, unit)
    return {"value": mean, "ci95": [lo, hi]}


class Readings:
    """A study as the measures read it: paired columns by arm, accords, casts, the reference world."""

    def __init__(self, result: Result, arm: str) -> None:
        self.result, self.arm = result, arm
        self.scenario = result.scenario
        self.windows = sorted(result.scenario.report.windows)
        self.short, self.long = self.windows[0], self.windows[-1]

    @cached_property
    def by_arm(self) -> dict[str, pd.DataFrame]:
        """Outcomes by arm, extra rows too, indexed by run."""
        return by_arm(self.result.outcomes) | by_arm(self.result.extra)

    def has(self, outcome: str) -> bool:
        """Whether the study holds an outcome."""
        return outcome in self.result.outcomes.columns

    def has_arm(self, arm: str) -> bool:
        return arm in self.by_arm

    def difference(self, outcome: str, arm: str | None = None, against: str | None = None) -> Floats:
        """(runs,) paired difference of an outcome; by default the headline arm's from the reference."""
        one, other = self.pair(outcome, arm or self.arm, against or self.result.reference)
        return one - other

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

    def unit(self, outcome: str, arm: str | None = None, against: str | None = None) -> float:
        """Size of a difference of an outcome where no run has one, as in `effects`; arms as in `difference`."""
        one, other = self.by_arm[arm or self.arm], self.by_arm[against or self.result.reference]
        common = one.index.intersection(other.index)
        shared = one.columns.intersection(other.columns)
        return unit_of(outcome, alike=alike(one.loc[common, shared], other.loc[common, shared]))

    def by_window(self, outcome: str) -> dict[str, Any]:
        """The effect on an outcome in each window."""
        unit = self.unit(f"{outcome}_{self.long}")
        return {str(w): detail_of(self.difference(f"{outcome}_{w}"), unit) for w in self.windows}

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
