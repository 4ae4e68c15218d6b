"""Filtered effects by dyad and by state: sums over replications that are the same however runs are cut into blocks.

A dyad's number of new agreements within the longest window is filtered in every run of every arm. Kept are sums, of the
number, of its paired difference from the control arm, and of their squares, as whole multiples of a small quantum: sums
of integers do not depend on their order, so neither blocks nor workers move a digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from balance_sim.replications.columns import column_words, numbers, words
from balance_sim.stats.intervals import t_quantile

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SUM = 2.0**36  # quanta of a number
COARSE, FINE = 2.0**20, 2.0**40  # quanta of a square, and of what is left of one
SUMS = ("sum", "squares", "squares_rest", "effect", "effect_squares", "effect_squares_rest")


def quanta(values: Floats) -> tuple[Ints, Ints, Ints]:
    """Sums over runs, (R, K) to three of (K,): of the values, of their squares, and what coarse quanta leave of these.

    Examples
    --------
    >>> total, squares, rest = quanta(np.array([[0.5], [1.5]]))
    >>> float(total[0] / SUM), float(squares[0] / COARSE + rest[0] / (COARSE * FINE))
    (2.0, 2.5)
    """
    total = np.round(values * SUM).astype(np.int64).sum(axis=0)
    scaled = values**2 * COARSE
    coarse = np.floor(scaled)
    rest = np.round((scaled - coarse) * FINE)
    return total, coarse.astype(np.int64).sum(axis=0), rest.astype(np.int64).sum(axis=0)


def dyad_table(
    by_arm: Mapping[str, Floats], control: str, codes: Sequence[str], first: Ints, second: Ints
) -> pa.Table:
    """Sums of one block: a row an arm and dyad, and a row an arm and state, with an empty second code.

    by_arm: (R, P) filtered numbers; first, second: (P,) the dyads' states as positions in `codes`. Rows that are zero
    throughout are left out."""
    names = (*codes, "")
    a = np.concatenate([first, np.arange(len(codes))])
    b = np.concatenate([second, np.full(len(codes), len(codes))])
    baseline = with_states(by_arm[control], first, second, len(codes))
    parts = []
    for arm in sorted(by_arm):
        level = with_states(by_arm[arm], first, second, len(codes))
        sums = np.stack([*quanta(level), *quanta(level - baseline)])
        rows = np.flatnonzero((sums != 0).any(axis=0))
        columns = {name: numbers(np.ascontiguousarray(of[rows])) for name, of in zip(SUMS, sums, strict=True)}
        front = {
            "runs": numbers(np.full(len(rows), len(level), dtype=np.int32)),
            "arm": words(np.zeros(len(rows), int), (arm,)),
            "a": words(a[rows], names),
            "b": words(b[rows], names),
        }
        parts.append(pa.table(front | columns))
    return pa.concat_tables(parts)


def with_states(by_dyad: Floats, first: Ints, second: Ints, states: int) -> Floats:
    """(R, P + n): the dyads' numbers, then each state's, the sum over its dyads."""
    of_state = np.zeros((len(by_dyad), states))
    for side in (first, second):
        np.add.at(of_state.T, side, by_dyad.T)
    return np.concatenate([by_dyad, of_state], axis=1)


Key = tuple[str, str, str]  # arm, a, b


def summed(tables: Iterable[pa.Table]) -> dict[Key, list[int]]:
    """Whole sums by arm and dyad, or state, over tables of several blocks: lists in the order of SUMS."""
    whole: dict[Key, list[int]] = {}
    for table in tables:
        keys = zip(*(column_words(table, name).tolist() for name in ("arm", "a", "b")), strict=True)
        values = zip(*(table[name].to_pylist() for name in SUMS), strict=True)
        for key, sums in zip(keys, values, strict=True):
            held = whole.get(key)
            whole[key] = list(sums) if held is None else [a + b for a, b in zip(held, sums, strict=True)]
    return whole


COLUMNS = ["a", "b", "arm", "mean", "error", "mean_control", "effect", "mcse", "lo", "hi", "z", "n"]


def dyad_effects(tables: Iterable[tuple[pa.Table, int]], arms: Sequence[str]) -> pd.DataFrame:
    """Tidy filtered effects by dyad and state: the columns of COLUMNS; a state's rows have an empty `b`.

    tables: sums of blocks, each with the number of its runs. arms: the control arm first. mean: new agreements within
    the longest window, with its standard error; lo, hi: Student's 95 % interval of the effect; z: effect over its
    standard error, 0 where both are 0."""
    import pandas as pd  # a worker has no use for it, and waits half a second for it

    counts: list[int] = []

    def counted() -> Iterator[pa.Table]:
        for table, runs in tables:
            counts.append(runs)
            yield table

    whole = summed(counted())
    n = sum(counts)
    none = [0] * len(SUMS)
    pairs = sorted({key[1:] for key in whole})
    rows = []
    for arm in arms:
        for a, b in pairs:
            here, there = whole.get((arm, a, b), none), whole.get((arms[0], a, b), none)
            level, effect = _mean_and_error(here[:3], n), _mean_and_error(here[3:], n)
            rows.append((a, b, arm, *level, there[0] / SUM / n, *effect, n))
    frame = pd.DataFrame(
        rows, columns=["a", "b", "arm", "mean", "error", "mean_control", "effect", "mcse", "n"]
    )
    half = t_quantile(0.95, n - 1) * frame["mcse"] if n > 1 else np.nan
    frame["lo"], frame["hi"] = frame["effect"] - half, frame["effect"] + half
    frame["z"] = np.divide(
        frame["effect"].to_numpy(float),
        frame["mcse"].to_numpy(float),
        out=np.zeros(len(frame)),
        where=frame["mcse"].to_numpy(float) > 0,
    )
    return frame[COLUMNS]


def _mean_and_error(sums: Sequence[int], n: int) -> tuple[float, float]:
    """Mean over n runs and its Monte Carlo standard error, from the sums of `quanta`."""
    mean = sums[0] / SUM / n
    squares = sums[1] / COARSE + sums[2] / (COARSE * FINE)
    return mean, float(np.sqrt(max(squares - n * mean**2, 0.0) / (n - 1) / n)) if n > 1 else float("nan")
