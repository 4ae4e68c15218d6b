"""Files of a results folder, and how they are known by their content.

A shard holds blocks of one or several points: a Parquet file of each table, and a
record, written last, with the sha256 of each file. The digest of a result is one number
for its tidy tables, whatever the blocks, workers or order of arms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from balance_sim.model.clocks import label
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.scenario.files import EXHAUSTED, regular_bytes
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.manifest import Sealed, sealed, unsealed
from balance_sim.study.tables import coded, of_arms

KEYS = {"dyads": "first", "accords": "run", "runs": "run"}
"""By table of a block, in the order of writing, the column of its replications."""
TABLES = tuple(KEYS)
RECORDS = "shards"
"""The folder of the records."""
REPORT = "report.html"
MOST_CELLS = 100_000_000
"""Of a table that is read: ten times those of the largest block."""
LARGEST_UNPACKED = 512 << 20
"""Bytes of a table that is read."""
AGAIN = "Give the command that wrote the folder again to simulate its runs again."


def sha256_of(content: bytes) -> str:
    """Return the sha256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def checked_bytes(path: Path, sha256: str, again: str = AGAIN) -> bytes:
    """Return a file's bytes, which have to be those of that sha256.

    Raises
    ------
    StoreDamaged : with the file's name, and `again` as the next step
    """
    try:
        content = regular_bytes(path)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        raise StoreDamaged(f"{path}: {error.strerror}. {again}") from error
    if sha256_of(content) != sha256:
        raise StoreDamaged(
            f"{path}: its bytes are not those it was written with. {again}"
        )
    return content


# -- shards ----------------------------------------------------------------------------


class FailedRun(TypedDict):
    """A replication that did not finish, and why."""

    point: int
    run: int
    seed: int
    traceback: str


class ShardRecord(Sealed):
    """What one shard holds: the record that makes its files part of a study.

    Attributes
    ----------
    study : `Manifest.study_key` of the study that it belongs to
    blocks : (point, first, stop) of each block, in the order of its rows
    failed : replications of these blocks that did not finish
    files : sha256 of its tables' bytes, by table; none where no replication finished
    """

    study: str
    blocks: tuple[tuple[int, int, int], ...]
    failed: tuple[FailedRun, ...] = ()
    files: dict[str, str]


def read_record(path: Path) -> ShardRecord:
    """Return the record in a file.

    Raises
    ------
    StoreDamaged : with the file's name
    """
    try:
        return ShardRecord.model_validate(unsealed(regular_bytes(path)))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in EXHAUSTED:
            raise
        raise StoreDamaged(
            f"{path}: not the record that was written. {AGAIN}"
        ) from error


@dataclass(frozen=True)
class Shard:
    """One shard of a results folder: a record, and a Parquet file of each table.

    Attributes
    ----------
    folder : of the results
    number : of the shard, in the names of its files
    record : what it holds
    """

    folder: Path
    number: int
    record: ShardRecord

    @property
    def record_path(self) -> Path:
        """The file of the record."""
        return self.folder / RECORDS / f"{self.number:06d}.json"

    def path(self, table: str) -> Path:
        """Return the file of a table."""
        return self.folder / table / f"{self.number:06d}.parquet"

    def content(self, table: str) -> bytes:
        """Return the bytes of a table's file. Raises StoreDamaged where they are not
        those that were written."""
        return checked_bytes(self.path(table), self.record.files[table])

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one of its tables, the bytes checked. columns: those wanted, where it
        has them, and `point`; all if None."""
        wanted = None if columns is None else ["point", *columns]
        table = parquet_table(self.content(name), str(self.path(name)), wanted)
        if not {"point", KEYS[name]} <= {*table.column_names}:
            raise StoreDamaged(f"{self.path(name)}: not a table of this type. {AGAIN}")
        return table

    def write(self, contents: dict[str, bytes]) -> None:
        """Write its tables, then the record. Raises CannotWrite."""
        for table, content in contents.items():
            write_atomic(self.path(table), content)
        write_atomic(self.record_path, sealed(self.record.model_dump(mode="json")))

    def remove(self) -> None:
        """Take it away, the record first."""
        for path in (self.record_path, *map(self.path, self.record.files)):
            path.unlink(missing_ok=True)


def encode(table: pa.Table) -> bytes:
    """Return a table as Parquet bytes, with page checksums. The same table gives the
    same bytes."""
    sink, chunk = pa.BufferOutputStream(), table.combine_chunks().unify_dictionaries()
    pq.write_table(
        chunk, sink, compression="zstd", compression_level=1, write_page_checksum=True
    )
    return bytes(sink.getvalue().to_pybytes())


def parquet_table(
    content: bytes, name: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return a Parquet file's table, read in this thread: Arrow waits for ever for a
    further one.

    Parameters
    ----------
    content : of the file
    name : of the file, in a message
    columns : those wanted; all if None

    Raises
    ------
    StoreDamaged : for what is no table, or would unpack to more than any block of
        ours
    """
    try:
        source = pa.BufferReader(content)
        file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=False)
    except pa.ArrowException as error:
        raise StoreDamaged(f"{name}: no table: {error}") from None
    shape = file.metadata
    cells = shape.num_rows * shape.num_columns
    groups = (shape.row_group(number) for number in range(shape.num_row_groups))
    size = sum(group.total_byte_size for group in groups)  # before packing
    if cells > MOST_CELLS or size > LARGEST_UNPACKED:
        raise StoreDamaged(
            f"{name}: {shape.num_rows:,} rows of {shape.num_columns:,} columns in "
            f"{size:,} bytes; at most {MOST_CELLS:,} cells and {LARGEST_UNPACKED:,} "
            "bytes are read. No balance-sim wrote it: restore it."
        )
    wanted = None if columns is None else list(columns)
    table = file.read(columns=wanted, use_threads=False)
    return table.replace_schema_metadata(None)  # no code of a stranger's for pandas


# -- the digest of a result ------------------------------------------------------------


class Digest:
    """Feed blocks in the order of their runs; each arm has a stream of its own, rows as
    bytes."""

    def __init__(self, arms: Sequence[str]) -> None:
        names = [(arm, table) for arm in sorted(arms) for table in ("accords", "runs")]
        self._streams = {name: hashlib.sha256() for name in names}

    def add(self, runs: pa.Table, agreements: pa.Table) -> None:
        """Feed one block."""
        tables = {"runs": runs, "accords": agreements}
        for (arm, name), stream in self._streams.items():
            stream.update(row_bytes(of_arms(tables[name], [arm])))

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


def row_bytes(table: pa.Table) -> bytes:
    """Return rows one after the other as little-endian bytes; the same whether rows
    come in one table or in several."""
    columns = {name: _fixed(table[name]) for name in table.column_names}
    return np.rec.fromarrays([*columns.values()], names=[*columns]).tobytes()


def _fixed(column: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    """Return a column as numbers of eight bytes, or four for a date."""
    if pa.types.is_dictionary(column.type):
        return coded(column, label, "<u8")
    if pa.types.is_date32(column.type):
        days = pc.fill_null(column.cast(pa.int32()), -(2**31))
        return np.asarray(days.to_numpy(), dtype="<i4")
    width = "<i8" if pa.types.is_integer(column.type) else "<f8"
    return np.asarray(column.to_numpy(), dtype=width)
