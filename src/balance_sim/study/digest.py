"""The digest of a result: one number for its tidy tables, whatever the blocks, workers
or order of arms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.model.clocks import label
from balance_sim.study.tables import coded


def sha256_of(content: bytes) -> str:
    """Return the sha256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


class Digest:
    """Feed blocks in the order of their runs; each arm has a stream of its own, rows as
    bytes."""

    def __init__(self, arms: Sequence[str]) -> None:
        self._arms = sorted(arms)
        names = [(arm, table) for arm in self._arms for table in ("accords", "runs")]
        self._streams = {name: hashlib.sha256() for name in names}

    def add(self, runs: pa.Table, agreements: pa.Table) -> None:
        """Feed one block."""
        places = {arm: place for place, arm in enumerate(self._arms)}
        for name, table in (("runs", runs), ("accords", agreements)):
            rows = row_bytes(table)
            of_arm = coded(table["arm"], lambda word: places.get(word, -1), np.int64)
            for arm, place in places.items():
                self._streams[arm, name].update(rows[of_arm == place])

    def hexdigest(self, tables: Sequence[str] = ("accords", "runs")) -> str:
        """Return one digest of the streams of some tables, in the order of arms' names.

        Agreements and their dates alone are whole numbers and words: the same on every
        type of processor."""
        digest = hashlib.sha256()
        for (arm, name), stream in self._streams.items():
            if name in tables:
                digest.update(f"{arm}\0{name}\0{stream.hexdigest()}\n".encode())
        return digest.hexdigest()


def digest_of(blocks: Iterable[tuple[pa.Table, pa.Table]], arms: Sequence[str]) -> str:
    """Return the digest of (runs, agreements) tables given in the order of runs."""
    digest = Digest(arms)
    for runs, agreements in blocks:
        digest.add(runs, agreements)
    return digest.hexdigest()


def row_bytes(table: pa.Table) -> npt.NDArray[np.uint8]:
    """Return rows, (rows, bytes), as little-endian bytes; the same whether rows come in
    one table or in several."""
    columns = map(_fixed, table.itercolumns())
    return np.concatenate(
        [column[:, None].view(np.uint8) for column in columns], axis=1
    )


def _fixed(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column as numbers of eight bytes, or four for a date."""
    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), dtype="<f8")
    if pa.types.is_dictionary(column.type):
        return coded(column, label, "<u8")
    if pa.types.is_date32(column.type):
        days = pc.fill_null(column.cast(pa.int32()), -(2**31))
        return np.asarray(days.to_numpy(), dtype="<i4")
    return np.asarray(column.to_numpy(), dtype="<i8")
