"""What the measures of mechanisms read of a finished study, and the intervals that they
share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.effects.participants import PlaceboComparison
from balance_sim.model.core import Floats
from balance_sim.stats.intervals import (
    Sides,
    fieller,
    paired_interval,
    spread_over,
    t_quantile,
    unseen_jump,
)
from balance_sim.study.outcomes import FILTERED, Outcome, least_jump
from balance_sim.study.scene import focal_roles

if TYPE_CHECKING:
    from balance_sim.study.result import Result

NAN = float("nan")
LACKING = {
    "credibility": "no two states of the roster, the host apart, are at war",
    "relations": "the scenario reports no such group",
    "influence": "the focal event has fewer than three principals in the roster, one "
    "of them its host",
    "neutrality_gap": "the scenario declares no position of the host between two "
    "disputants (`report.positions`)",
}
"""Why a study has no outcome of a measure."""


@dataclass(frozen=True)
class MechanismEstimate:
    """What a measure came to.

    value : of the measure; lo, hi: its 95 % CI, NaN where there is none
    n : paired replications behind it
    shuffled : placebos of a measure that has its own
    verdict : where the sign of the interval does not decide
    """

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

    alike: no run can show a difference; least: how much a run that differs differs by
    at least. Both decide the interval: `intervals.paired_interval`."""

    arm: Floats
    reference: Floats
    alike: bool = False
    least: float = 0.0

    @staticmethod
    def of(values: Floats, *, least: float = 0.0) -> PairedColumns:
        """A change that is known as such alone."""
        return PairedColumns(values, np.zeros(len(values)), least=least)

    @property
    def values(self) -> Floats:
        """(runs,) arm less reference."""
        return self.arm - self.reference

    def __add__(self, other: PairedColumns) -> PairedColumns:
        return PairedColumns(
            self.arm + other.arm,
            self.reference + other.reference,
            self.alike and other.alike,
            max(self.least, other.least),
        )

    def __sub__(self, other: PairedColumns) -> PairedColumns:
        return self + -1.0 * other

    def __rmul__(self, share: float) -> PairedColumns:
        arm, least = share * self.arm, abs(share) * self.least
        reference = share * self.reference
        return PairedColumns(arm, reference, self.alike, least)


def mean_of(change: PairedColumns, **more: Any) -> MechanismEstimate:
    """The mean of a change with its interval. more: fields of the estimate."""
    mean, _, lo, hi = paired_interval(
        change.arm, change.reference, alike=change.alike, least=change.least
    )
    return MechanismEstimate(mean, lo, hi, len(change.arm), **more)


def detail_of(change: PairedColumns) -> dict[str, Any]:
    """The same as plain data."""
    mean = mean_of(change)
    return {"value": mean.value, "ci95": [mean.lo, mean.hi]}


def ratio(over: PairedColumns, under: PairedColumns) -> tuple[float, float, float]:
    """Ratio of two means over the same runs, with Fieller's 95 % interval.

    There is room for a run that none has shown (`intervals`).

    Returns
    -------
    tuple : ratio and the ends of the interval; NaN where it has no ends
    """
    n = len(over.arm)
    top, bottom = float(over.values.mean()), float(under.values.mean())
    value = top / bottom if bottom else NAN
    if n < 2 or bottom == 0:
        return value, NAN, NAN
    (tt, tb), (_, bb) = np.cov(over.values, under.values) / n
    quantile = t_quantile(0.95, n - 1)
    low, high = fieller(top, bottom, float(tt), float(tb), float(bb), quantile)
    if over.alike:
        return value, low, high
    residual = over - value * under
    spread = float(spread_over(residual.arm, residual.reference))
    sides = Sides.of(residual.values - np.median(residual.values))
    unseen = float(unseen_jump(sides, n, max(spread, over.least))) / abs(bottom)
    below, above = math.hypot(value - low, unseen), math.hypot(high - value, unseen)
    return value, value - below, value + above


@dataclass(frozen=True)
class ByDyad:
    """Filtered effects of an arm by dyad, and their Monte Carlo standard errors over n
    runs. Arrays (P,)."""

    effect: Floats
    error: Floats
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
    """A study as the measures read it.

    result, arm : the study, and the arm that is compared with the control arm
    cast : roles of the focal event
    worlds : the control arm alone
    """

    def __init__(self, result: Result, arm: str) -> None:
        scenario = result.scenario
        self.result, self.arm, self.reference = result, arm, result.reference
        self.scenario, self.worlds = scenario, result.worlds
        self.codes, self.cast = self.worlds.reference.codes, focal_roles(self.worlds)
        windows = scenario.report.windows
        self.short, self.long = min(windows), max(windows)

    def of(self, measure: str, whom: str = "") -> PairedColumns:
        """Paired change of an outcome in the shortest window, the headline arm's from
        the control arm."""
        outcome = Outcome(measure, whom, self.short)
        having, control = self.columns(outcome, self.arm, self.reference).T
        is_alike = self.arm in self.result.alike
        is_counted = not self.is_filtered(outcome)
        jump = least_jump(outcome.name, self.result.steps) if is_counted else 0.0
        return PairedColumns(having, control, is_alike, jump)

    def is_filtered(self, outcome: Outcome) -> bool:
        """Whether the study has a filtered estimate of an outcome, which is then read
        in its place."""
        return FILTERED + outcome.name in self.result.by_run.names

    def need_host(self) -> int:
        """The host's position in the arrays. Raises NoValue where the focal event names
        none."""
        if self.cast.host is None:
            raise NoValue("the focal event names no host in the roster")
        return self.cast.host

    def need_extra(self, arm: str) -> None:
        """Raise NoValue where an extra arm was not run."""
        why = "the extra arms were not run: the folder was begun without them"
        need(arm in self.result.extra_by_run.arms, why)

    def columns(self, outcome: Outcome, *arms: str) -> Floats:
        """(runs, arms) an outcome in several arms, extra ones too, over the runs that
        all have; its filtered estimate where there is one."""
        name = FILTERED * self.is_filtered(outcome) + outcome.name
        why = f"the results lack the outcome `{outcome.name}`"
        columns: list[pd.Series[Any]] = []
        for arm in arms:
            is_own = arm in self.result.by_run.arms
            outcomes = self.result.by_run if is_own else self.result.extra_by_run
            need(name in outcomes.names, LACKING.get(outcome.measure, why))
            columns.append(outcomes.of(arm, name))
        runs = reduce(pd.Index.intersection, [column.index for column in columns])
        return np.stack(
            [column.loc[runs].to_numpy(float) for column in columns], axis=1
        )

    @cached_property
    def places(self) -> dict[str, int]:
        """Position of each state in the arrays, by code."""
        return {code: place for place, code in enumerate(self.codes)}

    def by_dyad(self) -> ByDyad:
        """Filtered effects of the arm on new agreements within the longest window, by
        dyad."""
        rows, world = self.result.dyads, self.worlds.reference
        rows = rows[rows["arm"] == self.arm]
        dyad = world.dyad_index[rows["a"].map(self.places), rows["b"].map(self.places)]
        values = np.zeros((2, len(world.first)))
        values[:, dyad] = rows[["effect", "mcse"]].to_numpy(float).T
        effect, error = values
        return ByDyad(effect, error, int(rows["n"].iloc[0]))
