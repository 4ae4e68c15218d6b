"""The tables of a block: outcomes by replication and arm, agreements, and sums of
filtered numbers by dyad.

Arrow columns are laid over NumPy arrays: `pyarrow.array` would import pandas, and a
worker waits half a second for it.

Of a dyad's filtered number of new agreements within the longest window sums are kept,
with its paired difference from the control arm and their squares, in whole quanta:
neither blocks nor workers move a digit of sums of integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS, Bools, Floats, Ints, Keys
from balance_sim.model.state import AgreementRows
from balance_sim.stats.intervals import t_quantile
from balance_sim.study.outcomes import FILTERED, is_new, outcome_named

if TYPE_CHECKING:
    import pandas as pd


DECIMALS = 12
"""Of outcomes on a scale, in the tables of replications: further digits depend on how
these were cut into blocks."""
EPOCH = 719163  # ordinal of 1970-01-01, from which stored dates count
UNSIGNED = -(2**30)  # stands for no date among days


@dataclass(frozen=True)
class BlockTables:
    """What a block gives back: outcomes by run and arm, every agreement under way or
    made, filtered sums by dyad."""

    runs: pa.Table
    agreements: pa.Table
    dyads: pa.Table

    @property
    def by_name(self) -> dict[str, pa.Table]:
        """The tables in the order of writing, by their names on disk."""
        return {"dyads": self.dyads, "accords": self.agreements, "runs": self.runs}


def joined(parts: Sequence[BlockTables]) -> BlockTables | None:
    """Tables of several blocks as one; None for none."""
    of = (
        [part.runs for part in parts],
        [part.agreements for part in parts],
        [part.dyads for part in parts],
    )
    return BlockTables(*map(pa.concat_tables, of)) if parts else None


# -- columns ----------------------------------------------------------------------------------------


def numbers(values: npt.NDArray[Any]) -> pa.Array:
    """A column of numbers; NaN stays NaN."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)]
    )


def words(index: npt.NDArray[np.integer[Any]], of: Sequence[str]) -> pa.DictionaryArray:
    """A column of words, each given by its place among `of`."""
    encoded = [word.encode() for word in of]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    dictionary = pa.Array.from_buffers(pa.string(), len(encoded), buffers)
    return pa.DictionaryArray.from_arrays(numbers(index.astype(np.int16)), dictionary)


def coded(
    column: pa.ChunkedArray, code: Callable[[str], Any], dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    """What stands for each word of a dictionary column."""
    whole = column.unify_dictionaries().combine_chunks()
    return np.asarray(
        np.array([code(word) for word in whole.dictionary.to_pylist()], dtype)[
            whole.indices.to_numpy()
        ]
    )


def column_words(table: pa.Table, name: str) -> npt.NDArray[np.object_]:
    """A dictionary column as an array of its words."""
    return coded(table[name], str, object)


def positions(table: pa.Table, name: str, words: Sequence[str]) -> Ints:
    """Position of each row's word among `words`. Raises KeyError for one that is not
    among them."""
    return coded(
        table[name], {word: k for k, word in enumerate(words)}.__getitem__, np.int64
    )


def of_arms(table: pa.Table, arms: Sequence[str], *, others: bool = False) -> pa.Table:
    """The rows of some arms, or of all others."""
    inside = pc.is_in(table["arm"].cast(pa.string()), pa.array(arms))
    return table.filter(pc.invert(inside) if others else inside)


# -- rows -------------------------------------------------------------------------------------------


def runs_table(
    runs: Keys, arm: str, outcomes: Mapping[str, Floats], smooth: Mapping[str, Floats]
) -> pa.Table:
    """One row a replication. smooth: filtered estimates, in columns of their own,
    rounded as the recorder's are."""
    for name in outcomes:
        outcome_named(name)  # whoever makes an outcome declares what it is
    columns = {
        **outcomes,
        **{FILTERED + name: np.round(of, DECIMALS) for name, of in smooth.items()},
    }
    front = {
        "run": numbers(runs.astype(np.int32)),
        "arm": words(np.zeros(len(runs), int), (arm,)),
    }
    return pa.table(front | {name: numbers(values) for name, values in columns.items()})


def agreement_table(
    worlds: Worlds, arm: str, made: AgreementRows, runs: Keys
) -> pa.Table:
    """One row an agreement, sorted by run, dyad, kind and date. Whole days; null: not
    by the horizon."""
    world = worlds.arms[arm]
    a = made.take(
        np.lexsort(
            (made.count, made.origin, made.opened, made.kind, made.dyad, made.run)
        )
    )
    epoch = np.int32(worlds.scenario.start.toordinal() - EPOCH)

    def dates(days: Floats) -> pa.Array:
        known = np.isfinite(days) & (days < world.grid[-1])
        whole = np.floor(np.where(known, days, 0.0)).astype(np.int32) + epoch
        bits = pa.py_buffer(np.packbits(known, bitorder="little"))
        unknown = len(known) - int(known.sum())
        return pa.Array.from_buffers(
            pa.date32(), len(days), [bits, pa.py_buffer(whole)], null_count=unknown
        )

    columns = {
        "run": numbers(runs[a.run].astype(np.int32)),
        "arm": words(np.zeros(len(a.run), int), (arm,)),
        "a": words(world.first[a.dyad], world.codes),
        "b": words(world.second[a.dyad], world.codes),
        "kind": words(a.kind, world.ladder.names),
        "origin": words(a.origin, ORIGINS),
        "direction": words(worlds.baseline.direction[a.dyad], DIRECTIONS),
        "occasion": numbers(a.count.astype(np.int32)),
    }
    return pa.table(
        columns
        | {
            name: dates(getattr(a, name))
            for name in ("opened", "signed", "in_force", "ended")
        }
    )


def days_to_signature(agreements: pa.Table, focal_day: int) -> Ints:
    """(K,) whole days from the focal date, itself in days since 1970, to signature; far
    below 0 for none."""
    signed = agreements["signed"].cast(pa.int32()).fill_null(UNSIGNED).to_numpy()
    return np.asarray(signed - np.int64(focal_day))


def new_rows(agreements: pa.Table, focal_day: int, window: float = np.inf) -> Bools:
    """(K,) which rows of a table of agreements are new, and signed within a window
    after the focal date."""
    return is_new(
        positions(agreements, "origin", ORIGINS),
        days_to_signature(agreements, focal_day),
        window,
    )


# -- sums by dyad -----------------------------------------------------------------------------------

SUM = 2.0**36  # quanta of a number
COARSE, FINE = 2.0**20, 2.0**40  # quanta of a square, and of what is left of one
SUMS = (
    "sum",
    "squares",
    "squares_rest",
    "effect",
    "effect_squares",
    "effect_squares_rest",
)
NONE = [0] * len(SUMS)
COLUMNS = [
    "a",
    "b",
    "arm",
    "mean",
    "error",
    "mean_control",
    "effect",
    "mcse",
    "lo",
    "hi",
    "z",
    "n",
]


def quanta(values: Floats) -> tuple[Ints, Ints, Ints]:
    """Sums over runs, (R, K) to three of (K,): of the values, of their squares, and
    what coarse quanta leave of these.

    >>> total, squares, rest = quanta(np.array([[0.5], [1.5]]))
    >>> float(total[0] / SUM), float(squares[0] / COARSE + rest[0] / (COARSE * FINE))
    (2.0, 2.5)"""
    total = np.round(values * SUM).astype(np.int64).sum(axis=0)
    scaled = values**2 * COARSE
    coarse = np.floor(scaled)
    rest = np.round((scaled - coarse) * FINE)
    return total, coarse.astype(np.int64).sum(axis=0), rest.astype(np.int64).sum(axis=0)


def dyad_table(
    by_arm: Mapping[str, Floats],
    control: str,
    codes: Sequence[str],
    first: Ints,
    second: Ints,
) -> pa.Table:
    """Sums of one block: a row an arm and dyad, or an arm and state, with an empty
    second code; no rows of zeros.

    by_arm: (R, P) filtered numbers; first, second: (P,) the dyads' states as positions
    in `codes`."""
    names, n = (*codes, ""), len(codes)
    sides = {"a": np.append(first, np.arange(n)), "b": np.append(second, np.full(n, n))}
    baseline = with_states(by_arm[control], first, second, n)
    parts = []
    for arm in sorted(by_arm):
        level = with_states(by_arm[arm], first, second, n)
        sums = np.stack([*quanta(level), *quanta(level - baseline)])
        rows = np.flatnonzero((sums != 0).any(axis=0))
        runs, of_arm = (
            np.full(len(rows), len(level), np.int32),
            np.zeros(len(rows), int),
        )
        columns = {"runs": numbers(runs), "arm": words(of_arm, (arm,))}
        columns |= {name: words(of[rows], names) for name, of in sides.items()}
        parts.append(
            pa.table(
                columns
                | {name: numbers(of[rows]) for name, of in zip(SUMS, sums, strict=True)}
            )
        )
    return pa.concat_tables(parts)


def with_states(by_dyad: Floats, first: Ints, second: Ints, states: int) -> Floats:
    """(R, P + n): the dyads' numbers, then each state's, the sum over its dyads."""
    out = np.concatenate([by_dyad, np.zeros((len(by_dyad), states))], axis=1)
    for side in (first, second):
        np.add.at(out.T, by_dyad.shape[1] + side, by_dyad.T)
    return out


def summed(tables: Iterable[pa.Table]) -> dict[tuple[str, str, str], list[int]]:
    """Whole sums by arm, a and b, over tables of several blocks: lists in the order of
    SUMS."""
    whole: dict[tuple[str, str, str], list[int]] = {}
    for table in tables:
        keys = zip(
            *(column_words(table, name).tolist() for name in ("arm", "a", "b")),
            strict=True,
        )
        values = zip(*(table[name].to_pylist() for name in SUMS), strict=True)
        for key, sums in zip(keys, values, strict=True):
            whole[key] = [*map(add, whole.get(key, NONE), sums)]
    return whole


def dyad_effects(
    tables: Iterable[tuple[pa.Table, int]], arms: Sequence[str]
) -> pd.DataFrame:
    """Tidy filtered effects by dyad and state: the columns of COLUMNS; a state's rows
    have an empty `b`.

    tables: sums of blocks, each with the number of its runs. arms: the control arm
    first. mean: new agreements within the longest window, with its standard error; lo,
    hi: Student's 95 % interval of the effect; z: effect over its standard error, 0
    where both are 0."""
    import pandas as pd  # a worker has no use for it, and waits half a second for it

    kept = [*tables]
    whole, n = summed(table for table, _ in kept), sum(runs for _, runs in kept)
    rows = []
    for arm in arms:
        for a, b in sorted({key[1:] for key in whole}):
            here, there = whole.get((arm, a, b), NONE), whole.get((arms[0], a, b), NONE)
            level, effect = _mean_and_error(here[:3], n), _mean_and_error(here[3:], n)
            rows.append((a, b, arm, *level, there[0] / SUM / n, *effect, n))
    given = [name for name in COLUMNS if name not in ("lo", "hi", "z")]
    frame = pd.DataFrame(rows, columns=given)
    half = t_quantile(0.95, n - 1) * frame["mcse"] if n > 1 else np.nan
    frame["lo"], frame["hi"] = frame["effect"] - half, frame["effect"] + half
    size, error = (frame[name].to_numpy(float) for name in ("effect", "mcse"))
    frame["z"] = np.divide(size, error, out=np.zeros(len(frame)), where=error > 0)
    return frame[COLUMNS]


def _mean_and_error(sums: Sequence[int], n: int) -> tuple[float, float]:
    """Mean over n runs and its Monte Carlo standard error, from the sums of
    `quanta`."""
    mean = sums[0] / SUM / n
    squares = sums[1] / COARSE + sums[2] / (COARSE * FINE)
    return mean, float(
        np.sqrt(max(squares - n * mean**2, 0.0) / (n - 1) / n)
    ) if n > 1 else float("nan")
