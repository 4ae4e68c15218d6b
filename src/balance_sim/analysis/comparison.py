"""Two results side by side: outcome by outcome and pair by pair, paired run by run where the seeds match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.replications.outcomes import fixed_beforehand, least_jump
from balance_sim.results.estimates import (
    Counts,
    Differences,
    Levels,
    Moments,
    PairedDifference,
    columns_by_arm,
    in_chunks,
)
from balance_sim.results.result import Result
from balance_sim.stats.intervals import t_quantile, welch

Floats = npt.NDArray[np.float64]
WINDOW_RUNS = 1024  # runs looked at together; both sides are cut at its multiples


@dataclass(frozen=True)
class Side:
    """One side: a study of one scenario and one of its arms."""

    result: Result
    arm: str


@dataclass(frozen=True)
class Comparison:
    """Tidy frames. Differences are right less left. paired: run by run, with the same random numbers."""

    paired: bool
    runs: tuple[int, int]
    outcomes: pd.DataFrame
    dyads: pd.DataFrame


def compare_sides(left: Side, right: Side) -> Comparison:
    """Every outcome and every dyad that both have."""
    paired = left.result.seed == right.result.seed
    levels, differences, runs = (Levels(), Levels()), Differences(), [0, 0]
    for pair in _side_by_side(left, right):
        columns = [
            {} if table is None else columns_by_arm(table, [side.arm])[side.arm]
            for table, side in zip(pair, (left, right), strict=True)
        ]
        numbers = [part.pop("run", np.empty(0)) for part in columns]
        if paired:
            common = np.intersect1d(numbers[0], numbers[1])
            keep = [np.isin(have, common) for have in numbers]
            columns = [
                {k: v[rows] for k, v in part.items()} for part, rows in zip(columns, keep, strict=True)
            ]
            numbers = [common, common]
            differences.add(columns[1], columns[0])
        for at in (0, 1):
            runs[at] += len(numbers[at])
            levels[at].add(columns[at])
    alike, rows = paired and differences.alike, []
    for name in (name for name in levels[0].counts if name in levels[1].counts):
        smooth = all(name in side.filtered for side in levels)
        one, other = ((side.filtered if smooth else side.counts)[name] for side in levels)
        least = max(least_jump(name, side.result.steps) for side in (left, right))
        spread = float(np.maximum(levels[0].counts[name].spread_with(levels[1].counts[name]), least))
        spread = 0.0 if alike or fixed_beforehand(name) else spread
        rows.append(_outcome_row(name, one, other, differences.of.get(name), spread))
    dyads = _dyads_frame(left, right, alike=alike)
    return Comparison(paired, (runs[0], runs[1]), pd.DataFrame(rows), dyads)


def _side_by_side(left: Side, right: Side) -> Iterator[tuple[pa.Table | None, pa.Table | None]]:
    """Both sides' outcomes of the same range of run numbers, range by range; None where a side has none."""
    streams = [in_chunks(side.result.outcome_tables(), WINDOW_RUNS) for side in (left, right)]
    heads = [next(stream, None) for stream in streams]
    while any(head is not None for head in heads):
        starts = [None if head is None else pc.min(head["run"]).as_py() // WINDOW_RUNS for head in heads]
        at = min(start for start in starts if start is not None)
        now = [head if start == at else None for head, start in zip(heads, starts, strict=True)]
        yield now[0], now[1]
        for place, taken in enumerate(now):
            heads[place] = heads[place] if taken is None else next(streams[place], None)


def _outcome_row(
    name: str, left: Moments, right: Moments, difference: PairedDifference | None, spread: float
) -> dict[str, Any]:
    """Means and their difference with its interval: that of the paired differences, as `run` has it, else Welch's.

    spread: as in `estimates.PairedDifference.row`; 0 for two sides that are the same in every outcome of every run."""
    row = {"outcome": name, "left": left.mean(), "right": right.mean()}
    if difference is not None:
        found = difference.row(spread)
        names = {"difference": "mean", "mcse": "mcse", "lo": "lo", "hi": "hi", "n": "n"}
        return row | {key: found[of] for key, of in names.items()} | {"estimator": found["estimator"]}
    mean, error, low, high = welch(left.sample(), right.sample())
    estimator = "count" if isinstance(left, Counts) else "filtered"
    row |= {"difference": mean, "mcse": error, "lo": low, "hi": high, "n": min(left.n, right.n)}
    return row | {"estimator": estimator}


def _dyads_frame(left: Side, right: Side, *, alike: bool) -> pd.DataFrame:
    """Tidy: a, b, left, right, difference, lo, hi; the largest differences first.

    Expected new agreements by dyad, filtered. A folder keeps sums over its runs, not the runs, so the interval takes
    the two sides as independent: where seeds match it is too wide. alike: nothing differs in any run."""
    columns = ["a", "b", "left", "right", "difference", "lo", "hi"]
    sides = [_of_arm(side) for side in (left, right)]
    if any(side.empty for side in sides):
        return pd.DataFrame(columns=columns)
    both = sides[0].merge(sides[1], on=["a", "b"], how="inner", suffixes=("_left", "_right"))
    difference = both["mean_right"] - both["mean_left"]
    n = int(min(both["n_left"].min(), both["n_right"].min()))
    error = np.sqrt(both["error_left"] ** 2 + both["error_right"] ** 2)
    half = 0.0 * error if alike else t_quantile(0.95, n - 1) * error
    frame = both[["a", "b"]].assign(
        left=both["mean_left"],
        right=both["mean_right"],
        difference=difference,
        lo=difference - half,
        hi=difference + half,
    )
    order = np.lexsort((frame["b"], frame["a"], -np.abs(difference)))
    return frame.iloc[order].reset_index(drop=True)


def _of_arm(side: Side) -> pd.DataFrame:
    frame = side.result.dyads
    return frame.loc[frame["arm"] == side.arm, ["a", "b", "mean", "error", "n"]]


def arms_in_both(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Arms that both sides have, in the order of the left."""
    return [arm for arm in left if arm in right]
