"""What the measures of mechanisms read of a finished study, and the intervals that they
share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.effects.participants import PlaceboComparison
from balance_sim.model.core import Floats, Ints
from balance_sim.stats.intervals import (
    NORMAL,
    fieller,
    paired_interval,
    spread_over,
    t_quantile,
)
from balance_sim.study.outcomes import FILTERED, NEW, Outcome, least_jump
from balance_sim.study.scene import focal_roles
from balance_sim.study.tables import positions

if TYPE_CHECKING:
    from balance_sim.study.result import Result


NO_EXTRA = "the extra arms were not run: the folder was begun without them"
NAN = float("nan")
NO_HOST = "the focal event names no host in the roster"


@dataclass(frozen=True)
class MechanismEstimate:
    """What a measure came to. lo, hi: 95 % CI, NaN where there is none; n: paired
    replications behind it.

    shuffled: placebos of a measure that has its own. verdict: where the sign of the
    interval does not decide."""

    value: float
    lo: float
    hi: float
    n: int
    shuffled: PlaceboComparison | None = None
    verdict: str | None = None
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


class NoValue(Exception):
    """A measure that a scenario or its results cannot support; the text says why."""


def need(there: object, why: str) -> None:
    """Raise NoValue unless what a measure rests on is there."""
    if not there:
        raise NoValue(why)


@dataclass(frozen=True)
class PairedColumns:
    """Something measured in two arms, (runs,) each; so are sums, differences and shares
    of such.

    smooth: a filtered estimate, or made of such alone; alike: no run can show a
    difference; least: how much a run that differs differs by at least. All decide the
    interval: `intervals.paired_interval`."""

    arm: Floats
    reference: Floats
    smooth: bool = False
    alike: bool = False
    least: float = 0.0

    @staticmethod
    def of(
        values: Floats, *, smooth: bool = False, least: float = 0.0
    ) -> PairedColumns:
        """A change that is known as such alone."""
        return PairedColumns(values, np.zeros(len(values)), smooth, least=least)

    @property
    def values(self) -> Floats:
        """(runs,) arm less reference."""
        return self.arm - self.reference

    def __add__(self, other: PairedColumns) -> PairedColumns:
        return PairedColumns(
            self.arm + other.arm,
            self.reference + other.reference,
            self.smooth and other.smooth,
            self.alike and other.alike,
            max(self.least, other.least),
        )

    def __sub__(self, other: PairedColumns) -> PairedColumns:
        return self + other.times(-1.0)

    def times(self, share: float) -> PairedColumns:
        """The same, of so many units each."""
        return PairedColumns(
            share * self.arm,
            share * self.reference,
            self.smooth,
            self.alike,
            abs(share) * self.least,
        )


def mean_of(change: PairedColumns, **more: Any) -> MechanismEstimate:
    """The mean of a change with its interval."""
    mean, _, lo, hi = paired_interval(
        change.arm,
        change.reference,
        smooth=change.smooth,
        alike=change.alike,
        least=change.least,
    )
    return MechanismEstimate(mean, lo, hi, len(change.arm), **more)


def detail_of(change: PairedColumns) -> dict[str, Any]:
    """The same as plain data."""
    mean = mean_of(change)
    return detail(mean.value, mean.lo, mean.hi)


def detail(value: float, lo: float, hi: float, **more: Any) -> dict[str, Any]:
    """A number with its interval as plain data."""
    return {"value": value, "ci95": [lo, hi], **more}


def ratio(over: PairedColumns, under: PairedColumns) -> tuple[float, float, float]:
    """Ratio of two means over the same runs, with Fieller's 95 % interval; NaN where it
    has no ends.

    Where the upper mean is not a filtered estimate there is room for a run that none
    has shown (`intervals`)."""
    n = len(over.arm)
    top, bottom = float(over.values.mean()), float(under.values.mean())
    value = top / bottom if bottom else NAN
    if n < 2 or bottom == 0:
        return value, NAN, NAN
    (tt, tb), (_, bb) = np.cov(over.values, under.values) / n
    quantile = t_quantile(0.95, n - 1)
    low, high = fieller(top, bottom, float(tt), float(tb), float(bb), quantile)
    if over.smooth or over.alike:
        return value, low, high
    residual = over - under.times(value)
    spread = float(spread_over(residual.arm, residual.reference))
    unseen = NORMAL**2 / n * max(spread, over.least) / abs(bottom)
    below, above = np.hypot(value - low, unseen), np.hypot(high - value, unseen)
    return value, value - below, value + above


@dataclass(frozen=True)
class ByDyad:
    """Filtered effects of an arm by dyad, and their Monte Carlo standard errors over n
    runs. Arrays (P,)."""

    effect: Floats
    error: Floats
    control: Floats
    n: int

    def total(self, weight: Floats, level: float = 0.95) -> tuple[float, float, float]:
        """A weighted sum of effects, with an interval of at least this level. weight:
        (P,), none below 0.

        How dyads vary together is not kept; the error of a sum is at most the sum of
        the errors (Minkowski)."""
        value = float(weight @ self.effect)
        if self.n < 2:
            return value, NAN, NAN
        half = t_quantile(level, self.n - 1) * float(weight @ self.error)
        return value, value - half, value + half

    def ratio(self, over: Floats, under: Floats) -> tuple[float, float, float]:
        """Ratio of two such sums with bounds of at least 95 % (Bonferroni); none where
        the lower sum may be nothing."""
        top, *top_bounds = self.total(over, 0.975)
        bottom, *bottom_bounds = self.total(under, 0.975)
        value = top / bottom if bottom else NAN
        is_apart = bottom_bounds[0] > 0 or bottom_bounds[1] < 0
        if not is_apart:
            return value, NAN, NAN
        corners = [t / b for t in top_bounds for b in bottom_bounds]
        return value, min(corners), max(corners)


def jackknifed(
    statistic: Callable[[Floats], float], values: Floats
) -> tuple[float, float, float]:
    """A statistic of (runs, ...) with a 95 % jackknife interval (Efron, Stein 1981,
    Annals of Statistics 9(3))."""
    n, value = len(values), statistic(values)
    if n < 3:
        return value, NAN, NAN
    without = np.array([statistic(np.delete(values, k, axis=0)) for k in range(n)])
    squares = ((without - without.mean()) ** 2).sum()
    error = np.sqrt((n - 1) / n * squares)
    half = t_quantile(0.95, n - 1) * float(error)
    return value, value - half, value + half


class StudyData:
    """A study as the measures read it: paired columns by arm, agreements, event roles,
    the control arm's world."""

    def __init__(self, result: Result, arm: str) -> None:
        scenario = result.scenario
        self.result, self.arm = result, arm
        self.scenario, self.reference = scenario, result.reference
        self.windows = sorted(scenario.report.windows)
        self.short, self.long = self.windows[0], self.windows[-1]
        self.worlds = result.worlds  # the control arm alone
        self.codes, self.cast = self.worlds.reference.codes, focal_roles(self.worlds)
        events = (event for event in scenario.events if event.id == scenario.focal)
        self.focal = next(events)

    # -- outcomes --------------------------------------------------------------------

    def named(self, measure: str, of: str, window: int | None = None) -> str:
        """The name of an outcome, by default at the end of the shortest window."""
        return Outcome(measure, of, window or self.short).name

    def has(self, outcome: str) -> bool:
        """Whether the study holds an outcome."""
        return outcome in self.result.by_run.names

    def smooth(self, outcome: str) -> bool:
        """Whether the study has a filtered estimate of an outcome, which is then read
        in its place."""
        return self.has(FILTERED + outcome)

    def has_arm(self, arm: str) -> bool:
        """Whether an arm, or an extra arm, was simulated."""
        return arm in self.result.by_run.arms or arm in self.result.extra_by_run.arms

    def need_extra(self, *arms: str) -> None:
        """Raise NoValue where an extra arm was not run."""
        need(all(map(self.has_arm, arms)), NO_EXTRA)

    def need_host(self) -> int:
        """The host's position in the arrays. Raises NoValue where the focal event names
        none."""
        if self.cast.host is None:
            raise NoValue(NO_HOST)
        return self.cast.host

    def of(self, arm: str, outcome: str) -> pd.Series[Any]:
        """An outcome of an arm, extra ones too, by run; its filtered estimate where
        there is one."""
        outcomes = self.result.by_run
        if arm not in outcomes.arms:
            outcomes = self.result.extra_by_run
        name = FILTERED + outcome if FILTERED + outcome in outcomes.names else outcome
        why = f"the results lack the outcome `{outcome}`: another version made them"
        need(name in outcomes.names, why)
        return outcomes.of(arm, name)

    def columns(self, outcome: str, *arms: str) -> Floats:
        """(runs, arms) an outcome in several arms, over the runs that all have."""
        columns = [self.of(arm, outcome) for arm in arms]
        runs = reduce(pd.Index.intersection, [column.index for column in columns])
        values = [column.loc[runs].to_numpy(float) for column in columns]
        return np.stack(values, axis=1)

    def difference(self, outcome: str) -> PairedColumns:
        """Paired change of an outcome, the headline arm's from the control arm."""
        having, control = self.columns(outcome, self.arm, self.reference).T
        is_alike = self.arm in self.result.alike
        jump = least_jump(outcome, self.result.steps)
        return PairedColumns(having, control, self.smooth(outcome), is_alike, jump)

    def level(self, outcome: str) -> float:
        """The mean of an outcome in the control arm."""
        return float(self.of(self.reference, outcome).mean())

    def by_window(self, outcome: str) -> dict[str, Any]:
        """The effect on an outcome in each window."""
        changes = {str(w): self.difference(f"{outcome}_{w}") for w in self.windows}
        return {window: detail_of(change) for window, change in changes.items()}

    # -- agreements ------------------------------------------------------------------

    @cached_property
    def runs(self) -> Ints:
        """Numbers of the runs that the study's arms have."""
        frame = self.result.by_run.frame()
        return frame.loc[frame["arm"] == self.reference, "run"].to_numpy(np.int64)

    @cached_property
    def agreements(self) -> pd.DataFrame:
        """Agreements that the headline arm and the control arm sign after the focal
        date: run, arm, pair, kind, origin, occasion, after (days from it). Gathered
        block by block: the study's own tables are many times larger."""
        blocks = self.result.blocks()
        tables = [self._signed_later(agreements) for _, agreements in blocks]
        table = pa.concat_tables(tables).unify_dictionaries()
        frame: pd.DataFrame = table.to_pandas(use_threads=False)
        return frame

    def _signed_later(self, agreements: pa.Table) -> pa.Table:
        arms = pa.array([self.arm, self.reference])
        signed = agreements["signed"].cast(pa.int32())
        days_after = pc.subtract(signed, self.result.focal_day)
        is_of_arms = pc.is_in(agreements["arm"].cast(pa.string()), arms)
        is_later = pc.and_(is_of_arms, pc.greater_equal(days_after, 1))
        rows = agreements.append_column("after", days_after.cast(pa.int32()))
        rows = rows.filter(is_later)
        a, b = positions(rows, "a", self.codes), positions(rows, "b", self.codes)
        dyad = self.worlds.reference.dyad_index[a, b].astype(np.int32)
        names = ("run", "arm", "kind", "origin", "occasion", "after")
        return pa.table({name: rows[name] for name in names} | {"dyad": dyad})

    def new(self, arm: str) -> pd.DataFrame:
        """run and pair of the new agreements of the headline arm or the control arm in
        the longest window."""
        frame = self.agreements
        is_new = frame["origin"].isin(NEW) & frame["after"].between(1, self.long)
        return frame.loc[(frame["arm"] == arm) & is_new, ["run", "dyad"]]

    def by_dyad(self, arm: str) -> ByDyad:
        """Filtered effects of an arm on new agreements within the longest window, by
        dyad."""
        rows, world = self.result.dyads, self.worlds.reference
        why = "the results lack sums by dyad: another version made them"
        need(not rows.empty, why)
        rows = rows[rows["arm"] == arm]
        place = {code: i for i, code in enumerate(self.codes)}
        dyad = world.dyad_index[rows["a"].map(place), rows["b"].map(place)]
        values = np.zeros((3, len(world.first)))
        numbers = rows[["effect", "mcse", "mean_control"]].to_numpy(float)
        values[:, dyad] = numbers.T
        effect, error, control = values
        return ByDyad(effect, error, control, int(rows["n"].iloc[0]))
