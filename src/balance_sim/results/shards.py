"""One file of a block: its name, which holds the sha256 of its bytes, and those bytes as a table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from balance_sim.pool.faults import StoreDamaged
from balance_sim.replications.blocks import Block
from balance_sim.scenario.files import EXHAUSTED, regular_bytes

TABLES = ("dyads", "accords", "runs")  # in the order of writing
FAILED = "failed"
_NAME = re.compile(r"(\d{6,})-(\d{9,})-(\d{9,})\.([0-9a-f]{64})\.(parquet|json)")
FEW = 3  # names that a message spells out
MOST_CELLS = 100_000_000  # ten times those of the largest block
LARGEST_UNPACKED = 512 << 20


@dataclass(frozen=True, order=True)
class Shard:
    """One file: the block of one point of a design (0 for a single run)."""

    point: int
    first: int
    stop: int
    sha256: str
    path: Path

    @property
    def block(self) -> Block:
        return Block(self.first, self.stop)

    @property
    def key(self) -> tuple[int, int, int]:
        return (self.point, self.first, self.stop)

    def content(self) -> bytes:
        """The bytes, checked against the name. Raises StoreDamaged."""
        again = "Give the command that wrote the folder again to re-run that block."
        try:
            content = regular_bytes(self.path)
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            raise StoreDamaged(f"{self.path}: {error.strerror}. {again}") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise StoreDamaged(f"{self.path}: its bytes are not those it was written with. {again}")
        return content

    def is_sound(self) -> bool:
        """True if the bytes are those the shard was written with. Raises OSError where the system has no more files or
        memory, which says nothing of the shard."""
        try:
            return hashlib.sha256(regular_bytes(self.path)).hexdigest() == self.sha256
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            return False


@dataclass(frozen=True)
class Kept:
    """A block that is done: its shards, or None where every run of it failed.

    dyads: None too where an earlier version, which kept no such table, wrote the folder."""

    point: int
    block: Block
    runs: Shard | None
    accords: Shard | None
    dyads: Shard | None = None


def shard_name(point: int, block: Block, content: bytes, suffix: str) -> str:
    """The name of a block's file with that content."""
    digest = hashlib.sha256(content).hexdigest()
    return f"{point:06d}-{block.first:09d}-{block.stop:09d}.{digest}.{suffix}"


def shard_of(path: Path) -> Shard | None:
    """The shard that a file's name says it is; None where it is named otherwise."""
    match = _NAME.fullmatch(path.name)
    if not match:
        return None
    point, first, stop, digest, _ = match.groups()
    return Shard(int(point), int(first), int(stop), digest, path)


def parquet_table(content: bytes, name: str = "a table", columns: Sequence[str] | None = None) -> pa.Table:
    """A table from a Parquet file's bytes, in this thread: where no further one may be started Arrow waits for ever.

    name: of the file, for messages. columns: those wanted, where it has them; all if not given. Raises StoreDamaged for
    one that would unpack to more than any block of ours."""
    file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True, pre_buffer=False)
    told = file.metadata
    cells, size = told.num_rows * told.num_columns, _unpacked(told)
    if cells > MOST_CELLS or size > LARGEST_UNPACKED:
        raise StoreDamaged(
            f"{name}: {told.num_rows:,} rows of {told.num_columns:,} columns in {size:,} bytes; at most "
            f"{MOST_CELLS:,} cells and {LARGEST_UNPACKED:,} bytes are read. No balance-sim wrote it: restore it."
        )
    return file.read(columns=None if columns is None else list(columns), use_threads=False)


def _unpacked(told: pq.FileMetaData) -> int:
    """Bytes of all pages before they are packed."""
    return sum(told.row_group(at).total_byte_size for at in range(told.num_row_groups))


def encode(table: pa.Table) -> bytes:
    """A table as Parquet bytes, with page checksums. The same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.combine_chunks().unify_dictionaries(),
        sink,
        compression="zstd",
        compression_level=1,
        write_page_checksum=True,
    )
    return bytes(sink.getvalue().to_pybytes())


def differing_names(there: Sequence[str], here: Sequence[str]) -> str:
    """What the outcomes there lack of those here, and have besides, a few of each; or that their order differs."""
    parts = [
        f"{word} {', '.join(found[:FEW])}{f' and {len(found) - FEW} more' if len(found) > FEW else ''}"
        for word, one, other in (("without", here, there), ("with", there, here))
        if (found := [name for name in one if name not in set(other)])
    ]
    return "; ".join(parts) or "in another order"
