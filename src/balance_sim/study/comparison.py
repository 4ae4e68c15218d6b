"""Two results side by side: outcome by outcome and pair by pair, paired run by run where the seeds match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.study.effects import unit_of
from balance_sim.study.intervals import share_excess, welch
from balance_sim.study.pairs import ANY, NEW_ORIGINS, column_words
from balance_sim.study.result import Result
from balance_sim.study.tally import Counts, columns_by_arm

Floats = npt.NDArray[np.float64]
WINDOW_RUNS = 1024  # runs looked at together; both sides are cut at its multiples


@dataclass(frozen=True)
class Side:
    """One side: a study of one scenario and one of its arms."""

    result: Result
    arm: str


@dataclass
class _Pairs:
    """Runs in which a pair made a new accord: on the left, on the right, on one side alone. By (a, b, kind)."""

    made: dict[tuple[str, str, str], npt.NDArray[np.int64]] = field(default_factory=dict)

    def add(self, left: set[tuple[int, str, str, str]], right: set[tuple[int, str, str, str]]) -> None:
        for at, found in enumerate((left, right, left - right, right - left)):
            for _, a, b, kind in found:
                self.made.setdefault((a, b, kind), np.zeros(4, np.int64))[at] += 1


@dataclass(frozen=True)
class Comparison:
    """Tidy frames. Differences are right less left. paired: run by run, with the same random numbers."""

    paired: bool
    runs: tuple[int, int]
    outcomes: pd.DataFrame
    dyads: pd.DataFrame


def compare_sides(left: Side, right: Side) -> Comparison:
    """Every outcome that both have, and every pair that made a new accord on either side."""
    paired = left.result.seed == right.result.seed
    levels: tuple[dict[str, Counts], dict[str, Counts]] = ({}, {})
    differences: dict[str, Counts] = {}
    pairs = _Pairs()
    runs = [0, 0]
    alike = paired
    for one, other in _side_by_side(left, right):
        columns = [
            columns_by_arm(tables[0], [side.arm])[side.arm] if tables else {}
            for tables, side in ((one, left), (other, right))
        ]
        numbers = [part.get("run", np.empty(0)) for part in columns]
        if paired:
            common = np.intersect1d(numbers[0], numbers[1])
            keep = [np.isin(have, common) for have in numbers]
            columns = [
                {k: v[rows] for k, v in part.items()} for part, rows in zip(columns, keep, strict=True)
            ]
            numbers = [common, common]
        for at in (0, 1):
            runs[at] += len(numbers[at])
            for name, values in columns[at].items():
                levels[at].setdefault(name, Counts()).add(values)
        if paired:
            for name in columns[0].keys() & columns[1].keys():
                differences.setdefault(name, Counts()).add(columns[1][name] - columns[0][name])
                alike = alike and np.array_equal(columns[1][name], columns[0][name], equal_nan=True)
        pairs.add(_new_accords(one, left, numbers[0]), _new_accords(other, right, numbers[1]))
    names = [name for name in levels[0] if name in levels[1] and name != "run"]
    rows = [
        _outcome_row(
            name, levels[0][name], levels[1][name], differences.get(name), unit_of(name, alike=alike)
        )
        for name in names
    ]
    return Comparison(
        paired, (runs[0], runs[1]), pd.DataFrame(rows), _pairs_frame(pairs, runs[0], runs[1], paired=paired)
    )


Tables = tuple[pa.Table, pa.Table]


def _side_by_side(left: Side, right: Side) -> Iterator[tuple[Tables | None, Tables | None]]:
    """Both sides' tables of the same range of run numbers, range by range; None where a side has none."""
    streams = [_windows(side.result.blocks()) for side in (left, right)]
    heads = [next(stream, None) for stream in streams]
    while any(head is not None for head in heads):
        at = min(head[0] for head in heads if head is not None)
        out: list[Tables | None] = []
        for place, head in enumerate(heads):
            if head is not None and head[0] == at:
                out.append(head[1])
                heads[place] = next(streams[place], None)
            else:
                out.append(None)
        yield out[0], out[1]


def _windows(blocks: Iterator[Tables]) -> Iterator[tuple[int, Tables]]:
    """Blocks in the order of runs, cut anew at multiples of WINDOW_RUNS."""
    at = 0
    held: list[Tables] = []
    for runs, accords in blocks:
        numbers = runs["run"].to_numpy()
        if not len(numbers):
            continue
        for window in range(int(numbers.min()) // WINDOW_RUNS, int(numbers.max()) // WINDOW_RUNS + 1):
            if window > at and held:
                yield at, _joined(held)
                held = []
            at = window
            held.append((_cut(runs, window), _cut(accords, window)))
    if held:
        yield at, _joined(held)


def _cut(table: pa.Table, window: int) -> pa.Table:
    run = table["run"]
    return table.filter(
        pc.and_(pc.greater_equal(run, window * WINDOW_RUNS), pc.less(run, (window + 1) * WINDOW_RUNS))
    )


def _joined(parts: list[Tables]) -> Tables:
    return pa.concat_tables([runs for runs, _ in parts]), pa.concat_tables([accords for _, accords in parts])


def _new_accords(tables: Tables | None, side: Side, runs: Floats) -> set[tuple[int, str, str, str]]:
    """(run, a, b, kind) of new accords by the end of the longest window; kind `any` once besides."""
    if tables is None:
        return set()
    accords = tables[1].filter(pc.equal(tables[1]["arm"].cast(pa.string()), side.arm))
    after = accords["signed"].cast(pa.int32()).fill_null(-(2**30)).to_numpy() - side.result.focal_day
    new = np.isin(column_words(accords, "origin"), NEW_ORIGINS) & (after >= 1) & (after <= side.result.window)
    new &= np.isin(accords["run"].to_numpy(), runs)
    words = [column_words(accords, name)[new] for name in ("a", "b", "kind")]
    rows = zip(accords["run"].to_numpy()[new].tolist(), *words, strict=True)
    found = set(rows)
    return found | {(run, a, b, ANY) for run, a, b, _ in found}


def _outcome_row(
    name: str, left: Counts, right: Counts, difference: Counts | None, unit: float
) -> dict[str, Any]:
    """Means and their difference with its interval: that of the paired differences, as `run` has it, else Welch's.

    unit: as in `effects.unit_of`; two sides that are the same in every outcome of every run are alike."""
    row = {"outcome": name, "left": left.mean(), "right": right.mean()}
    if difference is not None:
        error, low, high = difference.against(left, right, unit)
        return row | {
            "difference": difference.mean(),
            "mcse": error,
            "lo": low,
            "hi": high,
            "n": difference.n,
        }
    mean, error, low, high = welch(left.sample(), right.sample(), unit)
    return row | {"difference": mean, "mcse": error, "lo": low, "hi": high, "n": min(left.n, right.n)}


def _pairs_frame(pairs: _Pairs, left_runs: int, right_runs: int, *, paired: bool) -> pd.DataFrame:
    """Tidy: a, b, kind, left, right, difference, lo, hi; the largest differences first."""
    keys = sorted(pairs.made)
    columns = ["a", "b", "kind", "left", "right", "difference", "lo", "hi"]
    if not keys or not left_runs or not right_runs:
        return pd.DataFrame(columns=columns)
    made = np.array([pairs.made[key] for key in keys], dtype=float)
    p, q = made[:, 0] / left_runs, made[:, 1] / right_runs
    if paired:
        difference, low, high = share_excess(made[:, 3], made[:, 2], left_runs)
    else:
        difference, low, high = independent_shares(made[:, 0], left_runs, made[:, 1], right_runs)
    frame = pd.DataFrame(keys, columns=columns[:3])
    frame = frame.assign(left=p, right=q, difference=difference, lo=low, hi=high)
    order = np.lexsort((frame["kind"], frame["b"], frame["a"], -np.abs(difference)))
    return frame.iloc[order].reset_index(drop=True)


def independent_shares(x: Floats, n: int, y: Floats, m: int) -> tuple[Floats, Floats, Floats]:
    """Difference y/m - x/n of independent shares and its 95 % interval: one success and one failure added to each.

    Agresti, Caffo 2000, The American Statistician 54."""
    p, q = (x + 1) / (n + 2), (y + 1) / (m + 2)
    half = 1.959963984540054 * np.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))
    return y / m - x / n, np.maximum(q - p - half, -1.0), np.minimum(q - p + half, 1.0)


def arms_in_both(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Arms that both sides have, in the order of the left."""
    return [arm for arm in left if arm in right]
