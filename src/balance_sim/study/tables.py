"""The tables of a block: outcomes by replication and arm, agreements, and sums of
filtered numbers by dyad.

Arrow columns are laid over NumPy arrays: `pyarrow.array` would import pandas, and a
worker waits half a second for it.

Of a dyad's filtered number of new agreements within the longest window sums are kept,
with its paired difference from the control arm and their squares, in whole quanta:
neither blocks nor workers move a digit of sums of integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.model.clocks import absorb, label, uniform
from balance_sim.model.core import DIRECTIONS, ORIGINS, Bools, Floats, Ints, Keys
from balance_sim.model.pipeline import clock_of
from balance_sim.model.state import AgreementRows
from balance_sim.model.streams import COPIES, stream_keys
from balance_sim.study.outcomes import DECIMALS, FILTERED, is_new, known_outcome

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


@dataclass(frozen=True)
class Memory:
    """Blocks of one point in the order of runs, read as `store.Store` is."""

    tables: tuple[BlockTables, ...]

    def blocks(self, _point: int, _runs: int) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield outcomes and agreements of each block."""
        return ((block.runs, block.agreements) for block in self.tables)

    def outcomes(
        self, _point: int, _runs: int, _names: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield outcomes of each block."""
        return (block.runs for block in self.tables)

    def dyads(self, _point: int, _runs: int) -> Iterator[tuple[pa.Table, int]]:
        """Yield sums by dyad of each block, with the number of its runs."""
        return ((block.dyads, runs_in(block.runs)) for block in self.tables)

    def lacking_runs(self, _points: Iterable[int], _runs: int) -> int:
        """Return how many replications are neither there nor failed: none."""
        return 0


def runs_in(runs: pa.Table) -> int:
    """Return how many replications a table of outcomes holds."""
    return len(runs["run"].unique())


def joined(blocks: Sequence[BlockTables]) -> BlockTables:
    """Tables of several blocks, one at least, as one."""
    return BlockTables(
        runs=pa.concat_tables([block.runs for block in blocks]),
        agreements=pa.concat_tables([block.agreements for block in blocks]),
        dyads=pa.concat_tables([block.dyads for block in blocks]),
    )


# -- columns


def numbers(values: npt.NDArray[Any]) -> pa.Array:
    """A column of numbers; NaN stays NaN."""
    values = np.ascontiguousarray(values)
    buffers = [None, pa.py_buffer(values)]
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), len(values), buffers
    )


def words(
    index: npt.NDArray[np.integer[Any]], vocabulary: Sequence[str]
) -> pa.DictionaryArray:
    """A column of words, each given by its place in the vocabulary."""
    encoded = [word.encode() for word in vocabulary]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    dictionary = pa.Array.from_buffers(pa.string(), len(encoded), buffers)
    return pa.DictionaryArray.from_arrays(numbers(index.astype(np.int16)), dictionary)


def coded(
    column: pa.ChunkedArray, code: Callable[[str], Any], dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    """What stands for each word of a dictionary column."""
    chunk = column.unify_dictionaries().combine_chunks()
    codes = [code(word) for word in chunk.dictionary.to_pylist()]
    return np.asarray(np.array(codes, dtype)[chunk.indices.to_numpy()])


def column_words(table: pa.Table, name: str) -> npt.NDArray[np.object_]:
    """A dictionary column as an array of its words."""
    return coded(table[name], str, object)


def of_arms(table: pa.Table, arms: Sequence[str], *, others: bool = False) -> pa.Table:
    """The rows of some arms, or of all others."""
    import pyarrow.compute as pc

    inside = pc.is_in(table["arm"].cast(pa.string()), pa.array(arms))
    return table.filter(pc.invert(inside) if others else inside)


# -- rows


def runs_table(
    runs: Keys, arm: str, outcomes: Mapping[str, Floats], filtered: Mapping[str, Floats]
) -> pa.Table:
    """One row a replication. filtered: estimates in columns of their own, rounded as
    the recorder's are."""
    columns = {
        "run": numbers(runs.astype(np.int32)),
        "arm": words(np.zeros(len(runs), int), (arm,)),
    }
    for name, values in outcomes.items():
        if known_outcome(name) is None:
            raise LookupError(f"`{name}` is not declared in study/outcomes.py")
        columns[name] = numbers(values)
    for name, values in filtered.items():
        columns[FILTERED + name] = numbers(np.round(values, DECIMALS))
    return pa.table(columns)


def agreement_table(
    worlds: Worlds, arm: str, agreements: AgreementRows, runs: Keys
) -> pa.Table:
    """One row an agreement, sorted by run, dyad, kind and date.

    Parameters
    ----------
    worlds : Worlds
        compiled arms
    arm : str
        its name
    agreements : AgreementRows
        of its replications
    runs : (R,)
        numbers of these

    Returns
    -------
    pyarrow.Table
        run, arm, a, b, kind, origin, direction, occasion, and whole days opened,
        signed, in_force and ended; null: not by the horizon
    """
    world, a = worlds.arms[arm], agreements
    clock = clock_of(world, a.run, a.dyad, a.kind)
    order = np.lexsort((a.count, a.origin, a.opened, clock))
    a = a.take(order)
    epoch = np.int32(worlds.scenario.start.toordinal() - EPOCH)
    horizon, direction = world.grid[-1], worlds.baseline.direction[a.dyad]
    columns = {
        "run": numbers(runs[a.run].astype(np.int32)),
        "arm": words(np.zeros(len(a.run), int), (arm,)),
        "a": words(world.first[a.dyad], world.codes),
        "b": words(world.second[a.dyad], world.codes),
        "kind": words(a.kind, world.ladder.names),
        "origin": words(a.origin, ORIGINS),
        "direction": words(direction, DIRECTIONS),
        "occasion": numbers(a.count.astype(np.int32)),
    }
    for name in ("opened", "signed", "in_force", "ended"):
        columns[name] = _dates(getattr(a, name), horizon, epoch)
    return pa.table(columns)


def _dates(days: Floats, horizon: float, epoch: np.int32) -> pa.Array:
    """A column of dates; null from the horizon on. epoch: day 0, counted from 1970."""
    is_dated = np.isfinite(days) & (days < horizon)
    dates = np.floor(np.where(is_dated, days, 0.0)).astype(np.int32) + epoch
    bits = pa.py_buffer(np.packbits(is_dated, bitorder="little"))
    nulls = len(days) - int(is_dated.sum())
    buffers = [bits, pa.py_buffer(dates)]
    return pa.Array.from_buffers(pa.date32(), len(days), buffers, null_count=nulls)


def days_to_signature(agreements: pa.Table, focal_day: int) -> Ints:
    """(K,) whole days from the focal date, itself in days since 1970, to signature; far
    below 0 for none."""
    signed = agreements["signed"].cast(pa.int32()).fill_null(UNSIGNED).to_numpy()
    return np.asarray(signed - np.int64(focal_day))


def new_rows(agreements: pa.Table, focal_day: int, window: float = np.inf) -> Bools:
    """(K,) which rows of a table of agreements are new, and signed within a window
    after the focal date."""
    origin = coded(agreements["origin"], ORIGINS.index, np.int64)
    return is_new(origin, days_to_signature(agreements, focal_day), window)


def copy_marks(agreements: pa.Table, seed: int) -> Floats:
    """(K,) uniform number of each agreement, on a key of its replication, dyad, kind,
    origin and count: the same in every arm."""
    key = stream_keys(seed, agreements["run"].to_numpy().astype(np.uint64), COPIES)
    for name in ("a", "b", "kind", "origin"):
        key = absorb(key, coded(agreements[name], label, np.uint64))
    return uniform(absorb(key, agreements["occasion"].to_numpy().astype(np.uint64)))


# -- sums by dyad

SUM = 2.0**36  # quanta of a number
COARSE, FINE = 2.0**20, 2.0**40  # quanta of a square, and of what coarse ones leave
_OF_EFFECT = ("effect", "effect_squares", "effect_squares_rest")
SUMS = ("sum", "squares", "squares_rest", *_OF_EFFECT)


def quanta(values: Floats) -> Ints:
    """Sums over runs, (R, K) to (3, K): of the values, of their squares, and what
    coarse quanta leave of these.

    >>> total, squares, rest = quanta(np.array([[0.5], [1.5]]))
    >>> float(total[0] / SUM), float(squares[0] / COARSE + rest[0] / (COARSE * FINE))
    (2.0, 2.5)"""
    total = np.round(values * SUM).astype(np.int64)
    scaled = values**2 * COARSE
    coarse = np.floor(scaled)
    fine = np.round((scaled - coarse) * FINE).astype(np.int64)
    parts = total, coarse.astype(np.int64), fine
    return np.stack([part.sum(axis=0) for part in parts])


def dyad_table(
    by_arm: Mapping[str, Floats],
    control: str,
    codes: Sequence[str],
    first: Ints,
    second: Ints,
) -> pa.Table:
    """Sums of one block: a row an arm and dyad, or an arm and state, with an empty
    second code; no rows of zeros.

    Parameters
    ----------
    by_arm : mapping of (R, P)
        filtered numbers of agreements of each dyad
    control : str
        the control arm's name
    codes : sequence of str
        of the states
    first, second : (P,)
        the dyads' states as positions in `codes`

    Returns
    -------
    pyarrow.Table
        runs, arm, a, b and the columns of SUMS, in whole quanta
    """
    names, n = (*codes, ""), len(codes)
    side_a = np.append(first, np.arange(n))
    side_b = np.append(second, np.full(n, n))
    levels = {arm: with_states(by_arm[arm], first, second, n) for arm in sorted(by_arm)}
    tables = []
    for arm, level in levels.items():
        own = quanta(level)
        effect = 0 * own if arm == control else quanta(level - levels[control])
        sums = np.concatenate([own, effect])
        rows = np.flatnonzero((sums != 0).any(axis=0))
        count = len(rows)
        columns = {
            "runs": numbers(np.full(count, len(level), np.int32)),
            "arm": words(np.zeros(count, int), (arm,)),
            "a": words(side_a[rows], names),
            "b": words(side_b[rows], names),
        }
        for name, values in zip(SUMS, sums, strict=True):
            columns[name] = numbers(values[rows])
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def with_states(by_dyad: Floats, first: Ints, second: Ints, states: int) -> Floats:
    """(R, P + n): the dyads' numbers, then each state's, the sum over its dyads."""
    side, dyads = np.concatenate([first, second]), np.arange(len(first))
    order = np.argsort(side, kind="stable")
    of_states = np.tile(dyads, 2)[order].reshape(states, -1)  # each has as many
    # `take` leaves the dyads outermost: one after the other, for one run as for many
    sums = by_dyad.T.take(of_states.T, axis=0).sum(axis=0)
    return np.concatenate([by_dyad, sums.T], axis=1)
