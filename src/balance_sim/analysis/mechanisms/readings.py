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

from balance_sim.analysis.permutation import Compared
from balance_sim.model.baseline import Worlds
from balance_sim.replications.outcomes import FILTERED, NEW, least_jump
from balance_sim.replications.scene import Cast, focal_cast
from balance_sim.replications.tables import positions
from balance_sim.results.frames import by_arm
from balance_sim.scenario.schema import Event
from balance_sim.stats.intervals import (
    NORMAL,
    fieller,
    paired_interval,
    spread_over,
    t_quantile,
)

if TYPE_CHECKING:
    from balance_sim.results.result import Result

Floats = npt.NDArray[np.float64]

NO_EXTRA = "the extra arms were not run (`--no-mechanisms`, or a folder that was begun without them)"


@dataclass(frozen=True)
class Found:
    """What a measure came to. lo, hi: 95 % interval, NaN where there is none.

    shuffled: placebos of a measure that has its own. verdict: where the sign of the interval does not decide. n: paired
    runs behind it."""

    value: float
    lo: float
    hi: float
    n: int
    shuffled: Compared | None = None
    verdict: str | None = None
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


class Lacking(LookupError):
    """The results, of another version, have no such outcome."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the results lack {what}: another version made them")


Measured = Found | str
Measure = Callable[["Readings"], Measured]


@dataclass(frozen=True)
class Change:
    """Something measured in two arms, run by run. arm, reference: (runs,).

    smooth: a filtered estimate, or made of such alone; alike: no run can show a difference; least: how much a run that
    differs differs by at least. All decide the interval: `intervals.paired_interval`. Sums, differences and shares of
    changes are changes: what they are made of is measured in both arms too."""

    arm: Floats
    reference: Floats
    smooth: bool = False
    alike: bool = False
    least: float = 0.0

    @staticmethod
    def of(values: Floats, *, smooth: bool = False, least: float = 0.0) -> Change:
        """A change that is known as such alone."""
        return Change(values, np.zeros(len(values)), smooth, least=least)

    @property
    def values(self) -> Floats:
        """(runs,) arm less reference."""
        return self.arm - self.reference

    def __add__(self, other: Change) -> Change:
        return Change(
            self.arm + other.arm,
            self.reference + other.reference,
            self.smooth and other.smooth,
            self.alike and other.alike,
            max(self.least, other.least),
        )

    def __sub__(self, other: Change) -> Change:
        return self + other.times(-1.0)

    def times(self, share: float) -> Change:
        """The same, of so many units each."""
        least = abs(share) * self.least
        return Change(share * self.arm, share * self.reference, self.smooth, self.alike, least)


def mean_found(change: Change, **more: Any) -> Found:
    """The mean of a change with its interval."""
    how = {"smooth": change.smooth, "alike": change.alike}
    mean, _, lo, hi = paired_interval(change.arm, change.reference, **how, least=change.least)
    return Found(mean, lo, hi, len(change.arm), **more)


def detail_of(change: Change) -> dict[str, Any]:
    """The same as plain data."""
    found = mean_found(change)
    return {"value": found.value, "ci95": [found.lo, found.hi]}


def ratio(over: Change, under: Change) -> tuple[float, float, float]:
    """Ratio of two means over the same runs, with Fieller's 95 % interval.

    NaN where the interval has no ends (`intervals.fieller`). Where the upper mean is not a
    filtered estimate the interval has room for a run that none has shown, of the size that `intervals` gives it."""
    n = len(over.arm)
    a, b = float(over.values.mean()), float(under.values.mean())
    if n < 2 or b == 0:
        return (a / b if b else float("nan")), float("nan"), float("nan")
    (aa, ab), (_, bb) = np.cov(over.values, under.values) / n
    low, high = fieller(a, b, float(aa), float(ab), float(bb), t_quantile(0.95, n - 1))
    if over.smooth or over.alike:
        return a / b, low, high
    rest_of = over - under.times(a / b)
    jump = max(float(spread_over(rest_of.arm, rest_of.reference)), over.least)
    unseen = NORMAL**2 / n * jump / abs(b)
    return a / b, a / b - np.hypot(a / b - low, unseen), a / b + np.hypot(high - a / b, unseen)


@dataclass(frozen=True)
class ByDyad:
    """Filtered effects of an arm by dyad, and their Monte Carlo standard errors over n runs. Arrays (P,)."""

    effect: Floats
    error: Floats
    control: Floats
    n: int

    def total(self, weight: Floats, level: float = 0.95) -> tuple[float, float, float]:
        """A weighted sum of effects, with an interval of at least this level. weight: (P,), none below 0.

        How dyads vary together is not kept; but the standard error of a sum is at most the sum of the standard errors
        (Minkowski), and is that much where all dyads vary as one."""
        value = float(weight @ self.effect)
        half = t_quantile(level, self.n - 1) * float(weight @ self.error) if self.n > 1 else float("nan")
        return value, value - half, value + half

    def ratio(self, over: Floats, under: Floats) -> tuple[float, float, float]:
        """Ratio of two such sums with an interval of at least 95 %: each sum's own of 97.5 % (Bonferroni).

        No bounds where the lower sum may be nothing."""
        tops, bottoms = self.total(over, 0.975), self.total(under, 0.975)
        value = tops[0] / bottoms[0] if bottoms[0] else float("nan")
        if not bottoms[1] > 0 and not bottoms[2] < 0:
            return value, float("nan"), float("nan")
        corners = [top / bottom for top in tops[1:] for bottom in bottoms[1:]]
        return value, min(corners), max(corners)


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

    def has(self, outcome: str) -> bool:
        """Whether the study holds an outcome."""
        return outcome in self.result.by_run.names

    def has_arm(self, arm: str) -> bool:
        return arm in self.result.by_run.arms or arm in self.result.extra_by_run.arms

    def of(self, arm: str, outcome: str) -> pd.Series[Any]:
        """An outcome of an arm, extra ones too, by run; its filtered estimate where there is one. Raises Lacking."""
        found = self.result.by_run if arm in self.result.by_run.arms else self.result.extra_by_run
        name = FILTERED + outcome if FILTERED + outcome in found.names else outcome
        if name not in found.names:
            raise Lacking(f"the outcome `{outcome}`")
        return by_arm(found.frame(name))[arm][name]

    def difference(self, outcome: str, arm: str | None = None, against: str | None = None) -> Change:
        """Paired change of an outcome; by default the headline arm's from the reference."""
        arm, against = arm or self.arm, against or self.result.reference
        pair = self.pair(outcome, arm, against)
        least = least_jump(outcome, self.result.steps)
        return Change(*pair, self.smooth(outcome), self._alike(arm, against), least)

    def smooth(self, outcome: str) -> bool:
        """Whether the study has a filtered estimate of an outcome, which is then read in its place."""
        return FILTERED + outcome in self.result.by_run.names

    def pair(self, outcome: str, arm: str, against: str) -> tuple[Floats, Floats]:
        """An outcome in two arms, over the runs that both have."""
        one, other = (self.of(name, outcome) for name in (arm, against))
        if one.index.equals(other.index):
            return one.to_numpy(float), other.to_numpy(float)
        common = one.index.intersection(other.index)
        return one.loc[common].to_numpy(float), other.loc[common].to_numpy(float)

    def level(self, outcome: str) -> float:
        """The mean of an outcome in the reference arm."""
        return float(self.of(self.result.reference, outcome).mean())

    def columns(self, outcome: str, *arms: str) -> Floats:
        """(runs, arms) an outcome in several arms, over the runs that all have."""
        frames = [self.of(arm, outcome) for arm in arms]
        common = frames[0].index
        for frame in frames[1:]:
            common = common.intersection(frame.index)
        return np.stack([frame.loc[common].to_numpy(float) for frame in frames], axis=1)

    def _alike(self, arm: str, against: str) -> bool:
        """Whether two arms are the same to the last digit in every outcome of every run that both have."""
        if against == self.result.reference and arm in self.result.arms:
            return arm in self.result.alike
        if (arm, against) not in self._compared:
            self._compared[arm, against] = self.result.are_alike(arm, against)
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

    def by_dyad(self, arm: str) -> ByDyad:
        """Filtered effects of an arm on new agreements within the longest window, by dyad. Raises Lacking."""
        if self.result.dyads.empty:
            raise Lacking("sums by dyad")
        rows, place = self.result.dyads, {code: i for i, code in enumerate(self.codes)}
        rows = rows[rows["arm"] == arm]
        dyad = self.worlds.reference.pair_index[rows["a"].map(place), rows["b"].map(place)]
        effect, error, control = out = np.zeros((3, len(self.worlds.reference.first)))
        out[:, dyad] = rows[["effect", "mcse", "mean_control"]].to_numpy(float).T
        return ByDyad(effect, error, control, int(rows["n"].iloc[0]))

    @cached_property
    def runs(self) -> npt.NDArray[np.int64]:
        """Numbers of the runs that the study's arms have."""
        frame = self.result.by_run.frame()
        return frame.loc[frame["arm"] == self.result.reference, "run"].to_numpy(np.int64)

    def new(self, arm: str, window: int | None = None) -> pd.DataFrame:
        """run and pair of the new accords of the headline arm or its reference in a window, by default the longest."""
        frame = self.accords
        within = frame["after"].between(1, window or self.long)
        return frame.loc[(frame["arm"] == arm) & frame["origin"].isin(NEW) & within, ["run", "pair"]]
