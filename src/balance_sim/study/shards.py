"""Files of a results folder, and how they are known by their content.

A shard is one file of a block: its name holds the sha256 of its bytes. The digest of a
result is one number for its tidy tables, whatever the blocks, workers or order of arms.
Figures and pages have their checksums in SHA256SUMS."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from balance_sim.model.clocks import label
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.scenario.files import EXHAUSTED, bytes_if_any, regular_bytes
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.blocks import Block
from balance_sim.study.manifest import FILE as MANIFEST
from balance_sim.study.tables import coded, of_arms

TABLES = ("dyads", "accords", "runs")  # in the order of writing
FAILED = "failed"
SUMS = "SHA256SUMS"
REPORT = "report.html"
FEW = 3  # names that a message spells out
MOST_CELLS = 100_000_000  # ten times those of the largest block
LARGEST_UNPACKED = 512 << 20
_NAME = re.compile(r"(\d{6,})-(\d{9,})-(\d{9,})\.([0-9a-f]{64})\.(parquet|json)")
_LINE = re.compile(
    r"([0-9a-f]{64})  ((?:figures/)?[^/\x00-\x1f]{1,200}\.(?:png|svg|html)|(?:game|explain)\.json)"
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
        return checked_bytes(
            self.path, self.sha256, again, "its bytes are not those it was written with"
        )

    def is_sound(self) -> bool:
        """True if the bytes are those the shard was written with. Raises OSError where
        the system is exhausted."""
        try:
            self.content()
        except StoreDamaged:
            return False
        return True

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Its table, the bytes checked against its name. columns: those wanted, where
        it has them; all if None."""
        return parquet_table(self.content(), str(self.path), columns)


@dataclass(frozen=True)
class FinishedBlock:
    """A block that is done: its shards, or None where all failed; dyads None in folders
    of earlier versions too."""

    point: int
    block: Block
    runs: Shard | None
    agreements: Shard | None
    dyads: Shard | None = None

    @property
    def shards(self) -> list[Shard]:
        return [
            one for one in (self.runs, self.agreements, self.dyads) if one is not None
        ]


def shard_name(point: int, block: Block, content: bytes, suffix: str) -> str:
    """The name of a block's file with that content."""
    digest = hashlib.sha256(content).hexdigest()
    return f"{point:06d}-{block.first:09d}-{block.stop:09d}.{digest}.{suffix}"


def shard_of(path: Path) -> Shard | None:
    """The shard that a file's name says it is; None where it is named otherwise."""
    if not (match := _NAME.fullmatch(path.name)):
        return None
    point, first, stop, digest, _ = match.groups()
    return Shard(int(point), int(first), int(stop), digest, path)


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
    told = file.metadata
    cells = told.num_rows * told.num_columns
    size = sum(
        told.row_group(at).total_byte_size for at in range(told.num_row_groups)
    )  # before packing
    if cells > MOST_CELLS or size > LARGEST_UNPACKED:
        raise StoreDamaged(
            f"{name}: {told.num_rows:,} rows of {told.num_columns:,} columns in {size:,} bytes; at most "
            f"{MOST_CELLS:,} cells and {LARGEST_UNPACKED:,} bytes are read. No balance-sim wrote it: restore it."
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


def differing_names(there: Sequence[str], here: Sequence[str]) -> str:
    """What the outcomes there lack of those here, and have besides, a few of each; or
    that their order differs."""
    parts = [
        f"{word} {', '.join(found[:FEW])}{f' and {len(found) - FEW} more' if len(found) > FEW else ''}"
        for word, one, other in (("without", here, there), ("with", there, here))
        if (found := [name for name in one if name not in set(other)])
    ]
    return "; ".join(parts) or "in another order"


# -- the digest of a result --------------------------------------------------------------------------


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
        tables = {"runs": runs, "accords": agreements}
        for (arm, name), stream in self._streams.items():
            stream.update(row_bytes(of_arms(tables[name], [arm])))

    def hexdigest(self) -> str:
        whole = hashlib.sha256()
        for (arm, name), stream in sorted(self._streams.items()):
            whole.update(f"{arm}\0{name}\0{stream.hexdigest()}\n".encode())
        return whole.hexdigest()


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


# -- figures and pages -------------------------------------------------------------------------------


def note_drawn(folder: Path, paths: Iterable[Path]) -> None:
    """Put down the sha256 of files just written into a results folder, if `folder` is
    one. Raises CannotWrite."""
    if (folder / MANIFEST).is_file():
        new = {path.relative_to(folder).as_posix(): _sha256(path) for path in paths}
        _write_sums(
            folder,
            noted(folder)
            | {name: said for name, said in new.items() if said is not None},
        )


def noted(folder: Path) -> dict[str, str]:
    """sha256 by name, of figures, pages and what `game` and `explain` keep, as put
    down. Lines of any other form are left out: a stranger's file may name what it
    likes, and `take_away` removes what is named."""
    lines = (bytes_if_any(folder / SUMS) or b"").decode("utf-8", "replace").splitlines()
    found = {match[2]: match[1] for line in lines if (match := _LINE.fullmatch(line))}
    linked = (folder / "figures").is_symlink()
    return {name: said for name, said in found.items() if not (linked and "/" in name)}


def changed(folder: Path) -> list[str]:
    """Files that are there, and not with the bytes that were put down."""
    return sorted(
        name
        for name, said in noted(folder).items()
        if _sha256(folder / name) not in (None, said)
    )


def is_changed(path: Path) -> bool:
    """Whether a file of a results folder is there, and not with the bytes that were put
    down."""
    said = noted(path.parent).get(path.name)
    return said is not None and _sha256(path) not in (None, said)


def is_drawn(folder: Path) -> bool:
    """Whether the report stands in the folder with all the figures that were put down,
    each with the bytes it had."""
    names = noted(folder)
    return (
        REPORT in names
        and not changed(folder)
        and all((folder / name).is_file() for name in names)
    )


def take_away(folder: Path, names: Iterable[str]) -> None:
    """Remove files that were put down, and their lines: `plot` and `report` make them
    again. Raises CannotWrite."""
    gone, kept = {*names}, noted(folder)
    for name in gone & {*kept}:
        (folder / name).unlink(missing_ok=True)
    if gone:
        _write_sums(
            folder, {name: said for name, said in kept.items() if name not in gone}
        )


def _sha256(path: Path) -> str | None:
    content = bytes_if_any(path)
    return None if content is None else hashlib.sha256(content).hexdigest()


def _write_sums(folder: Path, sums: dict[str, str]) -> None:
    text = "".join(f"{said}  {name}\n" for name, said in sorted(sums.items()))
    write_atomic(folder / SUMS, text.encode("utf-8"))
