"""One number for a result: the sha256 of its tidy tables, whatever the blocks, workers or order of arms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.model.clocks import label


class Digest:
    """Feed blocks in the order of their runs; each arm has a stream of its own, rows as bytes."""

    def __init__(self, arms: Sequence[str]) -> None:
        self._streams = {
            (arm, name): hashlib.sha256() for arm in sorted(arms) for name in ("runs", "accords")
        }

    def add(self, runs: pa.Table, accords: pa.Table) -> None:
        for arm, name in self._streams:
            table = {"runs": runs, "accords": accords}[name]
            part = table.filter(pc.equal(table["arm"].cast(pa.string()), arm))
            self._streams[arm, name].update(row_bytes(part))

    def hexdigest(self) -> str:
        whole = hashlib.sha256()
        for (arm, name), stream in sorted(self._streams.items()):
            whole.update(f"{arm}\0{name}\0{stream.hexdigest()}\n".encode())
        return whole.hexdigest()


def row_bytes(table: pa.Table) -> bytes:
    """Rows one after the other as little-endian bytes; the same whether rows come in one table or in several."""
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for name in table.column_names:
        columns[name] = _fixed(table[name])
    rows = np.empty(table.num_rows, dtype=[(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    return rows.tobytes()


def _fixed(column: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        whole = column.unify_dictionaries().combine_chunks()
        words = np.array([label(word) for word in whole.dictionary.to_pylist()], dtype="<u8")
        return np.asarray(words[whole.indices.to_numpy()])
    if pa.types.is_date32(kind):
        return np.asarray(pc.fill_null(column.cast(pa.int32()), -(2**31)).to_numpy(), dtype="<i4")
    if pa.types.is_integer(kind):
        return np.asarray(column.to_numpy(), dtype="<i8")
    return np.asarray(column.to_numpy(), dtype="<f8")


def digest_of(blocks: Iterable[tuple[pa.Table, pa.Table]], arms: Sequence[str]) -> str:
    """Digest of (runs, accords) tables given in the order of runs."""
    digest = Digest(arms)
    for runs, accords in blocks:
        digest.add(runs, accords)
    return digest.hexdigest()
