"""Levels and effects of one study: means, spreads, quantiles, paired treatment effects.

An effect is the mean over replications of (arm minus control arm) with common random
numbers, so its error is that of the paired difference:

    effect = mean of d_r,   MCSE = sd(d_r) / sqrt(R),   d_r = arm_r - control_r

Where a number of agreements has a filtered estimate, means and errors are of that, and
quantiles and shares of replications are of the counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from balance_sim.model.core import Bools, Floats, Ints
from balance_sim.stats.frame import Frame
from balance_sim.stats.intervals import (
    FEWEST_RUNS,
    NORMAL,
    Sample,
    Sides,
    paired_half_widths,
    squared,
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
MOST_VALUES = 1 << 18
"""Of an arm that are stacked at once."""
type Columns = dict[str, npt.NDArray[Any]]
"""A tidy table, column by column."""


class Moments(NamedTuple):
    """Number of replications, and means (...) and sums of squared distances from them
    (...) of outcomes; NaN where a value is missing: a day that never came has no
    mean."""

    n: int
    mean: Floats
    squares: Floats

    @property
    def sd(self) -> Floats:
        """(...) standard deviations; NaN of a single value."""
        if self.n < 2:
            return np.full_like(self.mean, np.nan)
        return np.asarray(np.sqrt(self.squares / (self.n - 1)))

    @property
    def error(self) -> Floats:
        """(...) Monte Carlo standard errors of the means."""
        return np.asarray(self.sd / np.sqrt(max(self.n, 1)))

    @property
    def sample(self) -> Sample:
        """What the difference from another study needs to know of one outcome."""
        return Sample(self.n, float(self.mean), float(self.sd))


def moments_of(values: Floats, runs: Ints) -> Moments:
    """Moments of outcomes, (..., R), over replications, added up 128 replications at a
    time, so that they are the same however the study was cut. runs: (R,) their numbers,
    rising.

    Chan, Golub, LeVeque 1983, The American Statistician 37, eq. 1.5."""
    shape = values.shape[:-1]
    n, mean, squares = 0, np.zeros(shape), np.zeros(shape)
    edges = np.flatnonzero(np.diff(runs // CHUNK)) + 1
    for start, stop in pairwise([0, *edges.tolist(), len(runs)]):
        part, m = values[..., start:stop], stop - start
        if m:
            middle = np.asarray(part.mean(axis=-1))
            gap = middle - mean
            part_squares = ((part - middle[..., None]) ** 2).sum(axis=-1)
            squares = squares + (part_squares + squared(gap) * n * m / (n + m))
            mean = mean + gap * m / (n + m)
        n += m
    has_none = np.isnan(values).any(axis=-1) | (n == 0)
    of_all = (np.where(has_none, np.nan, total) for total in (mean, squares))
    return Moments(n, *of_all)


def quantiles(values: Floats, shares: Iterable[float]) -> Floats:
    """(S, ...) the smallest value of (..., R) that each share of the replications does
    not exceed; NaN among the missing, which are later than any."""
    count = values.shape[-1]
    need = np.ceil(np.array([*shares]) * count - 1e-9).astype(int)
    if not count:
        return np.full((len(need), *values.shape[:-1]), np.nan)
    places = np.maximum(need, 1) - 1
    return np.moveaxis(np.sort(values, axis=-1)[..., places], -1, 0)


def spread_with(arm: Moments, control: Moments) -> Floats:
    """(...) standard deviations of outcomes over both arms together."""
    n, arms = max(arm.n + control.n, 1), (arm, control)
    middle = np.asarray(sum(part.n * part.mean for part in arms)) / n
    squares = sum(part.squares + part.n * squared(part.mean - middle) for part in arms)
    return np.asarray(np.sqrt(np.asarray(squares) / n))


def difference_ends(
    difference: Floats, moments: Moments, spread: Floats
) -> tuple[Floats, Floats]:
    """(K,) ends of the 95 % intervals of means of differences, (K, R)
    (docs/statistics.md). spread: (K,) of the outcomes over both arms; 0: no replication
    could show a difference."""
    below, above = paired_half_widths(
        moments.sd, moments.n, _sides_of(difference), spread
    )
    return moments.mean - below, moments.mean + above


def _sides_of(difference: Floats) -> Sides:
    """(K,) sums by sign of the distances of differences, (K, R), from their median.

    As many different ones as a row has are summed together, whatever the other rows."""
    ordered = np.sort(difference, axis=-1)
    k, runs = ordered.shape
    median = (ordered[:, (runs - 1) // 2] + ordered[:, runs // 2]) / 2
    is_first = np.ones((k, runs), bool)
    is_first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    counts, sums = is_first.sum(axis=-1), np.empty((6, k))
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        first = np.nonzero(is_first[rows])[1].reshape(-1, count)
        times = np.diff(first, axis=-1, append=runs).astype(float)
        values = np.take_along_axis(ordered[rows], first, axis=-1)
        values -= median[rows, None]
        up, down = np.maximum(values, 0.0), np.maximum(-values, 0.0)
        parts = up, up**2, down, down**2, up > 0.0, down > 0.0
        sums[:, rows] = [np.vecdot(times, part) for part in parts]
    return Sides(*sums)


class ArmOutcomes(NamedTuple):
    """Outcomes of an arm, in the order of `names`.

    counts, smooth: (K, R) what is counted, and filtered estimates where there are any;
    moments: (K,) of `smooth`; is_filtered: (K,) whether it is an estimate."""

    arm: str
    names: Sequence[str]
    counts: Floats
    smooth: Floats
    moments: Moments
    is_filtered: Bools

    @property
    def front(self) -> Columns:
        """The first columns of their rows in a tidy table."""
        estimators = np.where(self.is_filtered, "filtered", "count")
        return {
            "arm": np.full(len(self.names), self.arm, object),
            "outcome": np.array(self.names, object),
            "estimator": estimators.astype(object),
        }


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

    def values(self, arm: str, name: str) -> Floats:
        """(R,) of an outcome in an arm, by its column's name."""
        return np.asarray(self._stack(arm, [name])[0])

    def _stack(self, arm: str, names: Sequence[str]) -> Floats:
        """(K, R) of outcomes in an arm, by their columns' names."""
        rows = self._outcomes.stack(arm, names)
        return np.compress(self._is_common[arm], rows, axis=-1)

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
        return filtered if filtered in self._column_set else outcome

    @cached_property
    def _column_set(self) -> set[str]:
        """Names of all columns."""
        return {*self.columns}

    def moments(self, arm: str, outcome: str) -> Moments:
        """Moments of `smooth` of one outcome."""
        return moments_of(self.smooth(arm, outcome), self.run)

    def _parts[Name](self, names: Sequence[Name]) -> Iterator[Sequence[Name]]:
        """Names, as many at a time as are stacked at once."""
        most = max(MOST_VALUES // max(len(self.run), 1), 1)
        return (names[start : start + most] for start in range(0, len(names), most))

    @cached_property
    def first_difference(self) -> dict[str, tuple[int, str]]:
        """By arm, the first replication in which an outcome is not the control arm's,
        and the outcome; no entry where all are the same to the last digit."""
        first: dict[str, tuple[int, str]] = {}
        for names in self._parts(self.columns if len(self.run) else ()):
            control = self._stack(self.arms[0], names)
            for arm in self.arms[1:]:
                values = self._stack(arm, names)
                both_missing = np.isnan(values) & np.isnan(control)
                differs = (values != control) & ~both_missing
                place = int(differs.any(axis=0).argmax())
                run, is_new = int(self.run[place]), differs[:, place].any()
                if is_new and (arm not in first or run < first[arm][0]):
                    name = names[int(differs[:, place].argmax())]
                    first[arm] = run, name.removeprefix(FILTERED)
        return first

    @cached_property
    def alike(self) -> set[str]:
        """Arms that are the control arm to the last digit."""
        alike = {*self.arms[1:]}
        for names in self._parts(self.columns if len(self.run) else ()):
            for arm in sorted(alike):
                values, control = (self._stack(n, names) for n in (arm, self.arms[0]))
                if not np.array_equal(values, control, equal_nan=True):
                    alike.remove(arm)
        return alike

    def of_arm(self, arm: str, outcomes: Sequence[str]) -> ArmOutcomes:
        """Outcomes of an arm."""
        smooth_names = [*map(self._smooth_name, outcomes)]
        is_filtered = np.array(smooth_names) != np.array(outcomes)
        counts, smooth = self._stack(arm, outcomes), self._stack(arm, smooth_names)
        moments = moments_of(smooth, self.run)
        return ArmOutcomes(arm, outcomes, counts, smooth, moments, is_filtered)

    def effect(self, arm: str, outcome: str) -> dict[str, Any]:
        """A row of `effects_frame`."""
        sides = (self.of_arm(name, [outcome]) for name in (arm, self.arms[0]))
        columns = self._effects(*sides)
        return {name: column.tolist()[0] for name, column in columns.items()}

    def _levels(self, having: ArmOutcomes) -> Columns:
        """Rows of `levels_frame` of an arm."""
        counts, moments = having.counts, having.moments
        return {
            **having.front,
            "mean": moments.mean,
            "sd": moments_of(counts, self.run).sd,
            **dict(zip(QUANTILES, quantiles(counts, QUANTILES.values()), strict=True)),
            "mcse": moments.error,
            "n": np.full(len(counts), moments.n),
        }

    def _effects(self, having: ArmOutcomes, control: ArmOutcomes) -> Columns:
        """Rows of `effects_frame` of an arm. In their shares missing counts as later
        than any day."""
        late, late_control = (
            np.nan_to_num(side.counts, nan=np.inf, posinf=np.inf)
            for side in (having, control)
        )
        difference = having.smooth - control.smooth
        spread, moments = self.spread(having, control), moments_of(difference, self.run)
        low, high = difference_ends(difference, moments, spread)
        if moments.n < FEWEST_RUNS:
            has_none = having.is_filtered & (spread > 0)
            low, high = (np.where(has_none, np.nan, end) for end in (low, high))
        return {
            **having.front,
            "mean": moments.mean,
            "mcse": moments.error,
            "lo": low,
            "hi": high,
            "share_positive": (late > late_control).mean(axis=-1),
            "share_negative": (late < late_control).mean(axis=-1),
            "n": np.full(len(difference), moments.n),
        }

    def spread(self, having: ArmOutcomes, control: ArmOutcomes) -> Floats:
        """(K,) standard deviations of outcomes over an arm and the control arm, of a
        count or share its least jump at least; 0 where no replication could show a
        difference."""
        names, is_filtered = having.names, having.is_filtered
        if having.arm in self.alike:
            return np.zeros(len(names))
        jumps = np.array([least_jump(name, self.steps) for name in names])
        is_fixed = np.array([fixed_beforehand(name) for name in names])
        spread = spread_with(having.moments, control.moments)
        least = np.maximum(spread, np.where(is_filtered, 0.0, jumps))
        return np.where(is_fixed, 0.0, least)

    def levels_frame(self) -> pd.DataFrame:
        """Tidy: the columns of LEVELS."""
        return Frame(self.levels(), columns=LEVELS)

    def effects_frame(self) -> pd.DataFrame:
        """Tidy: the columns of EFFECTS; paired by replication."""
        return Frame(self.effects(), columns=EFFECTS)

    def levels(self) -> Columns:
        """The columns of `levels_frame`; none where no replication finished."""
        return self._levels_and_effects[0]

    def effects(self) -> Columns:
        """The columns of `effects_frame`; none where no replication finished."""
        return self._levels_and_effects[1]

    @cached_property
    def _levels_and_effects(self) -> tuple[Columns, Columns]:
        """Both, from one reading of a large study's columns."""
        levels, effects = [], []
        for names in self._parts(self.names):
            sides = [self.of_arm(arm, names) for arm in self.arms]
            levels.append([self._levels(side) for side in sides])
            effects.append([self._effects(side, sides[0]) for side in sides[1:]])
        return _by_arm(levels), _by_arm(effects)


def _by_arm(tables: Iterable[Sequence[Columns]]) -> Columns:
    """Tables of some outcomes in each arm, as one table: the outcomes of an arm one
    after the other."""
    return joined_columns(chain.from_iterable(zip(*tables, strict=True)))


def joined_columns(tables: Iterable[Columns]) -> Columns:
    """Tables one below the other; no columns without a table."""
    tables = [*tables]
    names = tables[0] if tables else ()
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


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
    no_error = np.where((size == 0) & (error == 0), 0.0, np.nan)
    frame["z"] = np.divide(size, error, out=no_error, where=error > 0)
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
    variance = np.maximum(squares - n * squared(mean), 0.0) / (n - 1)
    return mean, np.sqrt(variance / n)
