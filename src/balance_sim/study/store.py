"""The results folder: immutable Parquet shards, one pair a block, and a manifest.

A shard is written beside its place, synced and renamed, and carries the sha256 of its bytes in its name;
every read checks it. The driver is the only writer and holds a kernel lock, which falls with the process.
A block counts as done when its `runs` shard stands: it is written last.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from balance_sim.study.blocks import Block, BlockTables
from balance_sim.study.faults import FolderBusy, StoreDamaged, WrongRequest, write_fault

MANIFEST_VERSION = 1
TABLES = ("accords", "runs")  # in the order of writing
_NAME = re.compile(r"(\d{6})-(\d{9})-(\d{9})\.([0-9a-f]{64})\.parquet")


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


class Store:
    """A results folder. Open it with `lock` to write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.unlock()

    def lock(self) -> Store:
        """Take the kernel lock, or say that the folder is busy. Makes the folder if need be."""
        try:
            for table in TABLES:
                (self.folder / table).mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_fault(error, self.folder) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise FolderBusy(
                f"{self.folder} is being written by another balance-sim; wait for it, or choose another --out."
            ) from None
        self._lock = descriptor
        for left_over in self.folder.glob("*/.*.partial"):
            left_over.unlink(missing_ok=True)
        return self

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- manifest ---------------------------------------------------------------------------------

    @property
    def manifest_path(self) -> Path:
        return self.folder / "manifest.json"

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest, or None where there is none."""
        try:
            text = self.manifest_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            manifest = json.loads(text)
            version = manifest["manifest_version"]
        except (ValueError, KeyError, TypeError):
            raise StoreDamaged(
                f"{self.manifest_path} is not a manifest: restore it, or start in a new folder."
            ) from None
        if version != MANIFEST_VERSION:
            raise WrongRequest(
                f"{self.manifest_path} is of version {version}; this balance-sim reads {MANIFEST_VERSION}."
            )
        return dict(manifest)

    def write_text(self, name: str, text: str) -> None:
        """Put a small text file in its place whole, or not at all."""
        self.write_bytes(self.folder / name, text.encode("utf-8"))

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write beside the place, sync, rename, sync the folder."""
        partial = path.parent / f".{path.name[:80]}.partial"
        try:
            with open(partial, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
            directory = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise write_fault(error, path, len(content)) from error

    # -- shards -----------------------------------------------------------------------------------

    def write(self, point: int, block: Block, tables: BlockTables) -> None:
        """Keep a block. It counts as done once its `runs` shard has its name."""
        for name in TABLES:
            content = encode(getattr(tables, name))
            digest = hashlib.sha256(content).hexdigest()
            self.write_bytes(
                self.folder / name / f"{point:06d}-{block.first:09d}-{block.stop:09d}.{digest}.parquet",
                content,
            )

    def shards(self, table: str = "runs") -> list[Shard]:
        """Shards of a table by point and run, one a block; the blocks of `runs` are those done."""
        found: dict[tuple[int, int, int], Shard] = {}
        folder = self.folder / table
        if not folder.is_dir():
            return []
        for path in sorted(folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match:
                point, first, stop, digest = match.groups()
                shard = Shard(int(point), int(first), int(stop), digest, path)
                found.setdefault((shard.point, shard.first, shard.stop), shard)
        return [found[key] for key in sorted(found)]

    def read(self, shard: Shard) -> pa.Table:
        """A shard's table, its bytes checked against its name."""
        try:
            content = shard.path.read_bytes()
        except OSError as error:
            raise StoreDamaged(
                f"{shard.path}: {error.strerror}. Give the same command again to re-run it."
            ) from error
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise StoreDamaged(
                f"{shard.path}: its bytes are not those it was written with. Delete it and give the same command again."
            )
        return pq.read_table(pa.BufferReader(content), page_checksum_verification=True)

    def tables(self, name: str, point: int = 0, runs: int | None = None) -> Iterator[pa.Table]:
        """The tables of one point in the order of runs, cut to the first `runs`."""
        done = {(s.point, s.first, s.stop) for s in self.shards("runs")}
        for shard in self.shards(name):
            if shard.point != point or (shard.point, shard.first, shard.stop) not in done:
                continue
            if runs is not None and shard.first >= runs:
                continue
            table = self.read(shard)
            if runs is not None and shard.stop > runs:
                import pyarrow.compute as pc

                table = table.filter(pc.less(table["run"], runs))
            yield table


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
    return sink.getvalue().to_pybytes()


def missing(done: list[Block], runs: int, size: int) -> list[Block]:
    """The blocks, of at most `size` runs, that are still to be run to have the first `runs`."""
    out: list[Block] = []
    at = 0
    for block in sorted(done, key=lambda b: b.first):
        while at < min(block.first, runs):
            stop = min(at + size - at % size, block.first, runs)
            out.append(Block(at, stop))
            at = stop
        at = max(at, block.stop)
    while at < runs:
        stop = min(at + size - at % size, runs)
        out.append(Block(at, stop))
        at = stop
    return out
