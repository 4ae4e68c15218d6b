"""Levels and effects of one study: means, spreads, quantiles, paired treatment effects.

An effect is the mean over replications of (arm minus control arm) with common random
numbers, so its error is that of the paired difference:

    effect = mean of d_r,   MCSE = sd(d_r) / sqrt(R),   d_r = arm_r - control_r

Where a number of agreements has a filtered estimate, means and errors are of that, and
quantiles and shares of replications are of the counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, reduce
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.model.core import Floats, Ints
from balance_sim.stats.frame import Frame
from balance_sim.stats.intervals import (
    FEWEST_RUNS,
    NORMAL,
    Sample,
    Sides,
    paired_half_widths,
    t_quantile,
)
from balance_sim.study.frames import QUANTILES, Outcomes
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, least_jump
from balance_sim.study.tables import COARSE, FINE, SUM, SUMS

LEVELS = ["arm", "outcome", "estimator", "mean", "sd", *QUANTILES, "mcse", "n"]
EFFECTS = ["arm", "outcome", "estimator", "mean", "mcse", "lo", "hi"]
EFFECTS += ["share_positive", "share_negative", "n"]
CHUNK = 128
"""Replications added up at a time."""


class Moments(NamedTuple):
    """Number, mean and sum of squared distances from the mean of an outcome; the last
    two NaN where a value is missing: a day that never came has no mean."""

    n: int
    mean: float
    squares: float

    @property
    def sd(self) -> float:
        """The standard deviation; NaN of a single value."""
        return float(np.sqrt(self.squares / (self.n - 1))) if self.n > 1 else np.nan

    @property
    def error(self) -> float:
        """Monte Carlo standard error of the mean."""
        return self.sd / float(np.sqrt(self.n)) if self.n else np.nan

    @property
    def sample(self) -> Sample:
        """What the difference from another study needs to know."""
        return Sample(self.n, self.mean, self.sd)


def moments_of(values: Floats, runs: Ints) -> Moments:
    """Moments of values over replications, added up 128 replications at a time, so that
    they are the same however the study was cut. runs: their numbers, rising.

    Chan, Golub, LeVeque 1983, The American Statistician 37, eq. 1.5."""
    if not len(values) or np.isnan(values).any():
        return Moments(len(values), np.nan, np.nan)
    edges = np.flatnonzero(np.diff(runs // CHUNK)) + 1
    n, mean, squares = 0, 0.0, 0.0
    for start, stop in pairwise([0, *edges.tolist(), len(values)]):
        part, m = values[start:stop], stop - start
        middle = float(part.mean())
        gap = middle - mean
        part_squares = float(((part - middle) ** 2).sum())
        squares += part_squares + gap**2 * n * m / (n + m)
        mean += gap * m / (n + m)
        n += m
    return Moments(n, mean, squares)


def quantiles(values: Floats, shares: Iterable[float]) -> list[float]:
    """The smallest value that each share of the replications does not exceed; NaN among
    the missing, which are later than any."""
    if not len(values):
        return [np.nan for _ in shares]
    need = np.ceil(np.array([*shares]) * len(values) - 1e-9).astype(int)
    return [float(value) for value in np.sort(values)[np.maximum(need, 1) - 1]]


def spread_with(arm: Moments, control: Moments) -> float:
    """Standard deviation of an outcome over both arms together."""
    n, arms = arm.n + control.n, (arm, control)
    if not n:
        return np.nan
    middle = sum(part.n * part.mean for part in arms) / n
    squares = sum(part.squares + part.n * (part.mean - middle) ** 2 for part in arms)
    return float(np.sqrt(squares / n))


def difference_ends(
    difference: Floats, moments: Moments, spread: float
) -> tuple[float, float]:
    """95 % interval of the mean of differences (docs/statistics.md). spread: of the
    outcome over both arms; 0: no replication could show a difference."""
    if moments.n < 2 or np.isnan(moments.mean):
        return np.nan, np.nan
    values, times = np.unique(difference, return_counts=True)
    sides, sd = Sides.of(values - np.median(difference), times), np.array(moments.sd)
    below, above = paired_half_widths(sd, moments.n, sides, spread)
    return moments.mean - float(below), moments.mean + float(above)


class Estimates:
    """Levels and paired effects by arm, over the replications that finished in every
    arm.

    Parameters
    ----------
    outcomes : of the study
    arms : the control arm first
    only : the outcomes wanted; none: all
    steps : as in `outcomes.least_jump`
    """

    def __init__(
        self,
        outcomes: Outcomes,
        arms: Sequence[str],
        only: Sequence[str] = (),
        steps: Mapping[str, float] | None = None,
    ) -> None:
        self._outcomes, self.arms, self.steps = outcomes, tuple(arms), steps
        self.columns, has_all = outcomes.names, {*arms} <= {*outcomes.arms}
        runs = {arm: outcomes.runs_of(arm) for arm in arms} if has_all else {}
        self.run: Ints = reduce(np.intersect1d, [*runs.values()] or [np.empty(0, int)])
        self._is_common = {arm: np.isin(runs[arm], self.run) for arm in runs}
        counted = [name for name in outcomes.names if not name.startswith(FILTERED)]
        self.names = [name for name in counted if name in only or not only]
        self.names = self.names if len(self.run) else []
        self._moments: dict[tuple[str, str], Moments] = {}

    def values(self, arm: str, name: str) -> Floats:
        """(R,) of an outcome in an arm, by its column's name."""
        return self._outcomes.column(arm, name)[self._is_common[arm]]

    def estimator(self, outcome: str) -> str:
        """`filtered` where there are filtered estimates of an outcome, else `count`."""
        return "count" if self._smooth_name(outcome) == outcome else "filtered"

    def smooth(self, arm: str, outcome: str) -> Floats:
        """(R,) filtered estimates of an outcome where there are any, else what is
        counted."""
        return self.values(arm, self._smooth_name(outcome))

    def _smooth_name(self, outcome: str) -> str:
        """The column of `smooth`."""
        filtered = FILTERED + outcome
        return filtered if filtered in self.columns else outcome

    def moments(self, arm: str, outcome: str) -> Moments:
        """Moments of these."""
        return self._column_moments(arm, self._smooth_name(outcome))

    def _column_moments(self, arm: str, name: str) -> Moments:
        """Moments of an outcome by its column's name, worked out once."""
        if (arm, name) not in self._moments:
            self._moments[arm, name] = moments_of(self.values(arm, name), self.run)
        return self._moments[arm, name]

    @cached_property
    def first_difference(self) -> dict[str, tuple[int, str]]:
        """By arm, the first replication in which an outcome is not the control arm's,
        and the outcome; no entry where all are the same to the last digit."""
        first: dict[str, tuple[int, str]] = {}
        for name in self.columns if len(self.run) else ():
            control = self.values(self.arms[0], name)
            for arm in self.arms[1:]:
                values = self.values(arm, name)
                both_missing = np.isnan(values) & np.isnan(control)
                rows = np.flatnonzero((values != control) & ~both_missing)
                run = int(self.run[rows[0]]) if len(rows) else None
                if run is not None and (arm not in first or run < first[arm][0]):
                    first[arm] = run, name.removeprefix(FILTERED)
        return first

    @property
    def alike(self) -> set[str]:
        """Arms that are the control arm to the last digit."""
        return {*self.arms[1:]} - {*self.first_difference}

    def level(self, arm: str, outcome: str) -> dict[str, Any]:
        """A row of `levels_frame`."""
        counts, moments = self.values(arm, outcome), self.moments(arm, outcome)
        shares = quantiles(counts, QUANTILES.values())
        return {
            "arm": arm,
            "outcome": outcome,
            "estimator": self.estimator(outcome),
            "mean": moments.mean,
            "sd": self._column_moments(arm, outcome).sd,
            **dict(zip(QUANTILES, shares, strict=True)),
            "mcse": moments.error,
            "n": moments.n,
        }

    def effect(self, arm: str, outcome: str) -> dict[str, Any]:
        """A row of `effects_frame`. In its shares missing counts as later than any
        day."""
        pair, estimator = (arm, self.arms[0]), self.estimator(outcome)
        late, late_control = (
            np.nan_to_num(self.values(name, outcome), nan=np.inf, posinf=np.inf)
            for name in pair
        )
        values, control = (self.smooth(name, outcome) for name in pair)
        difference, spread = values - control, self.spread(arm, outcome)
        moments = moments_of(difference, self.run)
        low, high = difference_ends(difference, moments, spread)
        if estimator == "filtered" and 0 < moments.n < FEWEST_RUNS and spread > 0:
            low, high = np.nan, np.nan
        return {
            "arm": arm,
            "outcome": outcome,
            "estimator": estimator,
            "mean": moments.mean,
            "mcse": moments.error,
            "lo": low,
            "hi": high,
            "share_positive": float((late > late_control).mean()),
            "share_negative": float((late < late_control).mean()),
            "n": moments.n,
        }

    def spread(self, arm: str, outcome: str) -> float:
        """Standard deviation of an outcome over an arm and the control arm, of a count
        or share its least jump at least; 0 where no replication could show a
        difference."""
        if fixed_beforehand(outcome) or arm in self.alike:
            return 0.0
        having, control = (self.moments(name, outcome) for name in (arm, self.arms[0]))
        is_filtered = self.estimator(outcome) == "filtered"
        jump = 0.0 if is_filtered else least_jump(outcome, self.steps)
        return float(np.maximum(spread_with(having, control), jump))

    def levels_frame(self) -> pd.DataFrame:
        """Tidy: the columns of LEVELS."""
        return Frame(self.level_rows(), columns=LEVELS)

    def effects_frame(self) -> pd.DataFrame:
        """Tidy: the columns of EFFECTS; paired by replication."""
        return Frame(self.effect_rows(), columns=EFFECTS)

    def level_rows(self) -> list[dict[str, Any]]:
        """The rows of `levels_frame`."""
        return self._rows(self.level, self.arms)

    def effect_rows(self) -> list[dict[str, Any]]:
        """The rows of `effects_frame`."""
        return self._rows(self.effect, self.arms[1:])

    def _rows(
        self, row_of: Callable[..., dict[str, Any]], arms: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Rows by arm; made outcome by outcome, in the order in which they are read."""
        rows = {(name, arm): row_of(arm, name) for name in self.names for arm in arms}
        return [rows[name, arm] for arm in arms for name in self.names]


def estimates_of(
    tables: Iterable[pa.Table],
    arms: Sequence[str],
    only: Sequence[str] = (),
    steps: Mapping[str, float] | None = None,
) -> Estimates:
    """Estimates from tables of outcomes."""
    blocks = [*tables]
    return Estimates(Outcomes(lambda _: iter(blocks)), arms, only, steps)


# -- dyads and states ------------------------------------------------------------------

OF_DYADS = ["a", "b", "arm", "mean", "error", "mean_control", "effect", "mcse"]
OF_DYADS += ["lo", "hi", "z", "n"]


def dyad_sums(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """Sums by arm, a and b over tables of several blocks: the columns of SUMS."""
    keys = ["arm", "a", "b"]
    frames = [table.to_pandas(use_threads=False) for table in tables]
    rows = pd.concat(frames or [pd.DataFrame(columns=[*keys, *SUMS], dtype=int)])
    sums: pd.DataFrame = (
        rows.astype(dict.fromkeys(keys, str)).groupby(keys)[[*SUMS]].sum()
    )
    return sums


def dyad_effects(
    tables: Iterable[tuple[pa.Table, int]], arms: Sequence[str]
) -> pd.DataFrame:
    """Tidy filtered effects by dyad and state.

    Parameters
    ----------
    tables : iterable of (table, int)
        sums of blocks, each with the number of its runs
    arms : sequence of str
        the control arm first

    Returns
    -------
    DataFrame
        the columns of OF_DYADS; a state's rows have an empty `b`. mean: new agreements
        within the longest window, with its standard error; lo, hi: 95 % interval of
        the effect, none of few runs; z: effect over its standard error, 0 where both
        are 0
    """
    blocks = [*tables]
    n = sum(runs for _, runs in blocks)
    sums = dyad_sums(table for table, _ in blocks)
    dyads = sorted({(a, b) for _, a, b in sums.index})
    places = [(arm, *dyad) for arm in arms for dyad in dyads]
    index = pd.MultiIndex.from_tuples(places, names=sums.index.names)
    sums = sums.reindex(index, fill_value=0)
    frame = Frame(index.to_frame(index=False))
    frame["mean"], frame["error"] = _means_and_errors(sums[[*SUMS[:3]]], n)
    frame["mean_control"] = np.tile(frame["mean"][: len(dyads)], len(arms))
    frame["effect"], frame["mcse"] = _means_and_errors(sums[[*SUMS[3:]]], n)
    size, error = frame["effect"].to_numpy(), frame["mcse"].to_numpy()
    half = _half_widths_of_dyads(frame["error"].to_numpy(), size, error, len(arms), n)
    frame["lo"], frame["hi"] = size - half, size + half
    frame["z"] = np.divide(size, error, out=np.zeros(len(frame)), where=error > 0)
    return frame.assign(n=n)[OF_DYADS]


def _half_widths_of_dyads(
    level_error: Floats, effect: Floats, error: Floats, arms: int, n: int
) -> Floats:
    """(K,) half-widths of the 95 % intervals of effects by dyad, from errors of levels
    and effects, the control arm's first.

    How few runs carry a spread is not kept of dyads, so that the room for a jump that
    no run has shown has its full weight (`intervals.unseen_jump`). None in an arm that
    is the control arm in every dyad."""
    by_arm = effect.reshape(arms, -1), error.reshape(arms, -1)
    is_alike = ~np.any([(values != 0).any(axis=1) for values in by_arm], axis=0)
    if n < FEWEST_RUNS:
        return np.where(np.repeat(is_alike, len(by_arm[0].T)), 0.0, np.nan)
    squares = level_error.reshape(arms, -1) ** 2 * (n - 1)
    spread = np.sqrt((squares + squares[0]) / 2 + by_arm[0] ** 2 / 4)
    room = NORMAL**2 / n * np.where(is_alike[:, None], 0.0, spread)
    return np.hypot(t_quantile(0.95, n - 1) * by_arm[1], room).ravel()


def _means_and_errors(sums: pd.DataFrame, n: int) -> tuple[Floats, Floats]:
    """(K,) means over n runs and their Monte Carlo standard errors, from the sums of
    `tables.quanta`."""
    total, coarse, fine = sums.to_numpy().T
    mean = total / SUM / max(n, 1)
    if n < 2:
        return mean, np.full(len(mean), np.nan)
    squares = coarse / COARSE + fine / (COARSE * FINE)
    squared = np.array([value**2 for value in mean.tolist()])  # NumPy rounds otherwise
    variance = np.maximum(squares - n * squared, 0.0) / (n - 1)
    return mean, np.sqrt(variance / n)
