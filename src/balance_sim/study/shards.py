"""Files of a results folder, and how they are known by their content.

A shard holds blocks of one or several points: a Parquet file of each table, and a
record, written last, with the sha256 of each file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from balance_sim.scenario.errors import StoreDamaged
from balance_sim.scenario.files import EXHAUSTED, regular_bytes
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.digest import sha256_of
from balance_sim.study.manifest import Sealed, sealed, unsealed

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


def stored_bytes(path: Path, step: str) -> bytes:
    """Return a file's bytes.

    Parameters
    ----------
    path : of the file
    step : what to do next where it cannot be read

    Raises
    ------
    StoreDamaged : where it cannot be read
    """
    try:
        return regular_bytes(path)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        raise StoreDamaged(f"{path}: {error.strerror}. {step}") from error


def checked_bytes(path: Path, sha256: str, step: str = AGAIN) -> bytes:
    """Return a file's bytes, which have to be those of that sha256. Raises
    StoreDamaged."""
    content = stored_bytes(path, step)
    if sha256_of(content) != sha256:
        raise StoreDamaged(
            f"{path}: its bytes are not those it was written with. {step}"
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
    content = stored_bytes(path, AGAIN)
    try:
        return ShardRecord.model_validate(unsealed(content))
    except ValueError as error:
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

    def damage(self) -> Iterator[Damage]:
        """Yield what is wrong with the file of each of its tables."""
        for table in self.record.files:
            try:
                self.content(table)
            except StoreDamaged as error:
                name = self.path(table).relative_to(self.folder).as_posix()
                yield Damage(name, str(error), self)

    def write(self, contents: dict[str, bytes]) -> None:
        """Write its tables, then the record. Raises CannotWrite."""
        for table, content in contents.items():
            write_atomic(self.path(table), content)
        write_atomic(self.record_path, sealed(self.record.model_dump(mode="json")))

    def remove(self) -> None:
        """Take it away, the record first."""
        for path in (self.record_path, *map(self.path, self.record.files)):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong in a results folder.

    Attributes
    ----------
    file : its name within the folder
    why : what is wrong with it
    shard : that it belongs to; None for another file, or a record that cannot be read
    """

    file: str
    why: str
    shard: Shard | None = None


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
