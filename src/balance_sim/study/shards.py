"""Files of a results folder, and how they are known by their content.

A shard holds blocks of one or several points: a Parquet file of each table, and a
record, written last, with the sha256 of each file. The digest of a result is one number
for its tidy tables, whatever the blocks, workers or order of arms. Figures and pages
have their checksums in SHA256SUMS."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from balance_sim.model.clocks import label
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.scenario.files import EXHAUSTED, bytes_if_any, regular_bytes
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.manifest import FILE as MANIFEST
from balance_sim.study.tables import coded, of_arms

TABLES = ("dyads", "accords", "runs")  # in the order of writing
RECORDS = "shards"
SUMS = "SHA256SUMS"
REPORT = "report.html"
MOST_CELLS = 100_000_000  # ten times those of the largest block
LARGEST_UNPACKED = 512 << 20
_LINE = re.compile(
    r"([0-9a-f]{64})  "
    r"((?:figures/)?[^/\x00-\x1f]{1,200}\.(?:png|svg|html)|(?:game|explain)\.json)"
)


def checked_bytes(path: Path, sha256: str, again: str, unlike: str) -> bytes:
    """A file's bytes, which have to be those of that sha256. Raises StoreDamaged, with
    `again` as the next step."""
    try:
        content = regular_bytes(path)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        raise StoreDamaged(f"{path}: {error.strerror}. {again}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreDamaged(f"{path}: {unlike}. {again}")
    return content


class FailedRun(BaseModel):
    """A replication that did not finish, and why."""

    model_config = ConfigDict(frozen=True)

    point: int
    run: int
    seed: int
    traceback: str


class ShardRecord(BaseModel):
    """What one shard holds: the record that makes its files part of a study.

    Attributes
    ----------
    study : `Manifest.study_key` of the study that it belongs to
    blocks : (point, first, stop) of each block, in the order of its rows
    failed : replications of these blocks that did not finish
    files : sha256 of its tables' bytes, by table; none where no replication finished
    """

    model_config = ConfigDict(frozen=True)

    study: str
    blocks: tuple[tuple[int, int, int], ...]
    failed: tuple[FailedRun, ...] = ()
    files: dict[str, str] = {}


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
        """The file of a table."""
        return self.folder / table / f"{self.number:06d}.parquet"

    @property
    def paths(self) -> list[Path]:
        """Files of its tables."""
        return [self.path(table) for table in self.record.files]

    @property
    def missing_paths(self) -> list[Path]:
        """Files of its tables that are gone."""
        return [path for path in self.paths if not path.is_file()]

    def content(self, table: str) -> bytes:
        """The bytes of a table's file. Raises StoreDamaged where they are not those
        that were written."""
        return checked_bytes(
            self.path(table),
            self.record.files[table],
            "Give the command that wrote the folder again to simulate its runs again.",
            "its bytes are not those it was written with",
        )

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One of its tables, the bytes checked. columns: those wanted, where it has
        them, and `point`; all if None."""
        path = str(self.path(name))
        wanted = None if columns is None else ["point", *columns]
        return parquet_table(self.content(name), path, wanted)

    def outcome_columns(self) -> list[str]:
        """Columns of its table of outcomes, but for the point."""
        schema = pq.read_schema(pa.BufferReader(self.content("runs")))
        return [name for name in schema.names if name != "point"]

    def damage(self) -> str | None:
        """What is wrong with its files, by name; None where all is well. Raises OSError
        where the system is exhausted."""
        for table in self.record.files:
            try:
                self.content(table)
            except StoreDamaged as error:
                return str(error)
        return None

    def remove(self) -> None:
        """Take it away, the record first."""
        for path in (self.record_path, *self.paths):
            path.unlink(missing_ok=True)


def sha256_of(content: bytes) -> str:
    """sha256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def record_bytes(record: ShardRecord) -> bytes:
    """A record as JSON, with its own sha256."""
    plain = record.model_dump(mode="json")
    return json.dumps(plain | {"sha256": _seal(plain)}).encode()


def _seal(plain: dict[str, Any]) -> str:
    return sha256_of(json.dumps(plain, sort_keys=True).encode())


def read_record(path: Path) -> ShardRecord:
    """The record in a file. Raises StoreDamaged, with the file's name."""
    damaged = StoreDamaged(
        f"{path}: not the record that was written. Give the command that wrote the "
        "folder again to simulate its runs again."
    )
    try:
        plain = json.loads(regular_bytes(path))
        if plain.pop("sha256") != _seal(plain):
            raise damaged
        return ShardRecord.model_validate(plain)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        raise damaged from error
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise damaged from error


def parquet_table(
    content: bytes, name: str = "a table", columns: Sequence[str] | None = None
) -> pa.Table:
    """A Parquet file's table, of all columns or of these, in this thread: Arrow waits
    for ever for a further one.

    Raises StoreDamaged, with the file's name, for one that would unpack to more than
    any block of ours."""
    file = pq.ParquetFile(
        pa.BufferReader(content), page_checksum_verification=True, pre_buffer=False
    )
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
    return file.read(
        columns=None if columns is None else list(columns), use_threads=False
    )


def encode(table: pa.Table) -> bytes:
    """A table as Parquet bytes, with page checksums. The same table gives the same
    bytes."""
    sink, whole = pa.BufferOutputStream(), table.combine_chunks().unify_dictionaries()
    pq.write_table(
        whole, sink, compression="zstd", compression_level=1, write_page_checksum=True
    )
    return bytes(sink.getvalue().to_pybytes())


# -- the digest of a result ------------------------------------------------------------


class Digest:
    """Feed blocks in the order of their runs; each arm has a stream of its own, rows as
    bytes."""

    def __init__(self, arms: Sequence[str]) -> None:
        self._streams = {
            (arm, name): hashlib.sha256()
            for arm in arms
            for name in ("runs", "accords")
        }

    def add(self, runs: pa.Table, agreements: pa.Table) -> None:
        """Feed one block."""
        tables = {"runs": runs, "accords": agreements}
        for (arm, name), stream in self._streams.items():
            stream.update(row_bytes(of_arms(tables[name], [arm])))

    def hexdigest(self) -> str:
        """One digest of all streams, in the order of arms' names."""
        digest = hashlib.sha256()
        for (arm, name), stream in sorted(self._streams.items()):
            digest.update(f"{arm}\0{name}\0{stream.hexdigest()}\n".encode())
        return digest.hexdigest()


def digest_of(blocks: Iterable[tuple[pa.Table, pa.Table]], arms: Sequence[str]) -> str:
    """Digest of (runs, agreements) tables given in the order of runs."""
    digest = Digest(arms)
    for runs, agreements in blocks:
        digest.add(runs, agreements)
    return digest.hexdigest()


def row_bytes(table: pa.Table) -> bytes:
    """Rows one after the other as little-endian bytes; the same whether rows come in
    one table or in several."""
    columns = {name: _fixed(table[name]) for name in table.column_names}
    return np.rec.fromarrays([*columns.values()], names=[*columns]).tobytes()


def _fixed(column: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return coded(column, label, "<u8")
    if pa.types.is_date32(kind):
        return np.asarray(
            pc.fill_null(column.cast(pa.int32()), -(2**31)).to_numpy(), dtype="<i4"
        )
    return np.asarray(
        column.to_numpy(), dtype="<i8" if pa.types.is_integer(kind) else "<f8"
    )


# -- figures and pages -----------------------------------------------------------------


def note_drawn(folder: Path, paths: Iterable[Path]) -> None:
    """Put down the sha256 of files just written into a results folder, if `folder` is
    one. Raises CannotWrite."""
    if (folder / MANIFEST).is_file():
        sums = noted(folder)
        for path in paths:
            sha256 = _sha256(path)
            if sha256 is not None:
                sums[path.relative_to(folder).as_posix()] = sha256
        _write_sums(folder, sums)


def noted(folder: Path) -> dict[str, str]:
    """sha256 by name, of figures, pages and what `game` and `explain` keep, as put
    down. Lines of any other form are left out: a stranger's file may name what it
    likes, and `take_away` removes what is named."""
    text = (bytes_if_any(folder / SUMS) or b"").decode("utf-8", "replace")
    is_linked = (folder / "figures").is_symlink()
    sums = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match and not (is_linked and "/" in match[2]):
            sums[match[2]] = match[1]
    return sums


def changed(folder: Path) -> list[str]:
    """Files that are there, and not with the bytes that were put down."""
    return sorted(
        name
        for name, sha256 in noted(folder).items()
        if _sha256(folder / name) not in (None, sha256)
    )


def is_changed(path: Path) -> bool:
    """Whether a file of a results folder is there, and not with the bytes that were put
    down."""
    sha256 = noted(path.parent).get(path.name)
    return sha256 is not None and _sha256(path) not in (None, sha256)


def is_drawn(folder: Path) -> bool:
    """Whether the report stands in the folder with all the figures that were put down,
    each with the bytes it had."""
    names = noted(folder)
    if REPORT not in names or changed(folder):
        return False
    return all((folder / name).is_file() for name in names)


def take_away(folder: Path, names: Iterable[str]) -> None:
    """Remove files that were put down, and their lines: `plot` and `report` make them
    again. Raises CannotWrite."""
    sums = noted(folder)
    for name in names:
        if sums.pop(name, None) is not None:
            (folder / name).unlink(missing_ok=True)
    _write_sums(folder, sums)


def _sha256(path: Path) -> str | None:
    content = bytes_if_any(path)
    return None if content is None else hashlib.sha256(content).hexdigest()


def _write_sums(folder: Path, sums: dict[str, str]) -> None:
    text = "".join(f"{said}  {name}\n" for name, said in sorted(sums.items()))
    write_atomic(folder / SUMS, text.encode("utf-8"))
