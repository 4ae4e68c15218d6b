"""The results folder: immutable Parquet shards, one of each table a block, and a manifest.

A shard is written beside its place, synced and renamed, and carries the sha256 of its bytes in its name;
every read checks it. The driver is the only writer and holds a kernel lock, which falls with the process.
A block counts as done when all its shards stand, or when every run in it is on record as failed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from balance_sim.pool.faults import CannotWrite, StoreDamaged, StudyFault
from balance_sim.pool.whole_files import Lock, clear_half_written, make_folder, write_whole
from balance_sim.replications.blocks import Block, BlockTables
from balance_sim.replications.outcomes import FILTERED
from balance_sim.results.manifest import FILE, read_manifest, too_large, write_manifest
from balance_sim.results.shards import (
    FAILED,
    TABLES,
    Kept,
    Shard,
    differing_names,
    encode,
    parquet_table,
    shard_name,
    shard_of,
)
from balance_sim.scenario.files import TooLarge, bytes_if_any
from balance_sim.scenario.problems import shown

log = logging.getLogger(__name__)
LARGEST_SUMMARY = 256 << 20  # bytes that are read at most


class Store:
    """A results folder. Open it with `lock` to write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock(folder)
        self._first: dict[int, tuple[Path, list[str]]] = {}  # by point: shard read first, its columns
        self._manifest: dict[str, Any] | None = (
            None  # while the lock is ours: what the folder's manifest holds
        )

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.unlock()

    def lock(self, places: Sequence[str] = (*TABLES, FAILED)) -> Store:
        """Take the kernel lock, or say that the folder is busy. Makes the folder, and `places` in it, if need be."""
        for place in (".", *places):
            make_folder(self.folder / place)
        self._lock.take()
        try:
            clear_half_written(self.folder)
            with suppress(StudyFault):  # told of by who reads it
                self._manifest = self.read_manifest()
        except BaseException:
            self.unlock()
            raise
        return self

    def unlock(self) -> None:
        with suppress(StudyFault, OSError):
            self._restore_manifest()
        self._manifest = None
        self._lock.leave()

    def is_written(self) -> bool:
        """True while some process holds the lock."""
        return self._lock.is_taken()

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest, or None where there is none. Its own sha256 is checked."""
        return read_manifest(self.folder)

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Put the manifest in its place, with its own sha256."""
        self._lock.check()
        write_manifest(self.folder, manifest)
        self._manifest = manifest

    def _restore_manifest(self) -> None:
        """Write the manifest again where it was deleted while the lock is ours: without it nobody could go on."""
        if self._manifest is not None and not os.path.lexists(self.folder / FILE):
            self.write_manifest(self._manifest)
            log.warning("%s was deleted while the study was written: it is written again", self.folder / FILE)

    def write_text(self, name: str, text: str) -> None:
        """Put a small text file of the folder in its place."""
        self._lock.check()
        write_whole(self.folder / name, text.encode("utf-8", "backslashreplace"))

    def write(self, point: int, block: Block, tables: BlockTables) -> None:
        """Keep a block. It counts as done once its `runs` shard has its name."""
        for name in TABLES:
            self._write_shard(name, point, block, encode(getattr(tables, name)), "parquet")

    def write_failed(self, point: int, block: Block, rows: list[dict[str, Any]]) -> None:
        """Keep the runs of a block that failed, in the place of those recorded for it before."""
        for old in self.shards(FAILED):
            if old.point == point and block.first <= old.first and old.stop <= block.stop:
                old.path.unlink(missing_ok=True)
        content = json.dumps(rows, indent=1).encode("utf-8")
        if rows:
            self._write_shard(FAILED, point, block, content, "json")

    def _write_shard(self, table: str, point: int, block: Block, content: bytes, suffix: str) -> None:
        self._lock.check()
        self._restore_manifest()
        try:
            write_whole(self.folder / table / shard_name(point, block, content, suffix), content)
        except CannotWrite:
            self._lock.check()  # where the folder went in the middle of it, that is why
            raise

    def every_shard(self, table: str = "runs") -> list[Shard]:
        """Every file of a table that is named as a shard, in the order of names."""
        try:
            names = sorted(os.listdir(self.folder / table))
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (shard_of(self.folder / table / name) for name in names)
        return [shard for shard in found if shard is not None]

    def shards(self, table: str = "runs") -> list[Shard]:
        """Shards of a table by point and run, one a block."""
        found: dict[tuple[int, int, int], Shard] = {}
        for shard in self.every_shard(table):
            found.setdefault(shard.key, shard)
        return [found[key] for key in sorted(found)]

    def kept(self) -> list[Kept]:
        """Every block that is done, by point and run; where one lies within another, the larger."""
        accords, dyads = ({shard.key: shard for shard in self.shards(name)} for name in ("accords", "dyads"))
        done = [
            Kept(runs.point, runs.block, runs, accords[runs.key], dyads.get(runs.key))
            for runs in self.shards("runs")
            if runs.key in accords and (runs.key in dyads or not self.has_sums(runs))
        ]
        whole = {one.runs.key for one in done if one.runs}
        done += [
            Kept(shard.point, shard.block, None, None)
            for shard in self.shards(FAILED)
            if shard.key not in whole and len(self.read_failed(shard)) == len(shard.block)
        ]
        done.sort(key=lambda one: (one.point, one.block.first, -one.block.stop))
        out: list[Kept] = []
        for one in done:
            if out and out[-1].point == one.point and one.block.stop <= out[-1].block.stop:
                continue
            out.append(one)
        return out

    def lacking(self, points: Iterable[int], runs: int) -> dict[int, list[Block]]:
        """Of the first `runs` replications of each point, those that are neither kept nor on record as failed."""
        done: dict[int, list[Block]] = {}
        for one in self.kept():
            done.setdefault(one.point, []).append(one.block)
        left = ((number, missing(done.get(number, []), runs, max(runs, 1))) for number in points)
        return {number: blocks for number, blocks in left if blocks}

    def failed(self) -> list[dict[str, Any]]:
        """The runs that failed, by point and run: point, run, seed, traceback."""
        rows = {
            (row["point"], row["run"]): row
            for shard in self.shards(FAILED)
            for row in self.read_failed(shard)
        }
        return [rows[key] for key in sorted(rows)]

    def read_failed(self, shard: Shard) -> list[dict[str, Any]]:
        """The failed runs of a block."""
        return list(json.loads(shard.content()))

    def read(self, shard: Shard) -> pa.Table:
        """A shard's table, its bytes checked against its name."""
        return parquet_table(shard.content(), str(shard.path))

    def damaged(self) -> list[Shard]:
        """Shards whose bytes are not those they were written with."""
        return [
            shard for table in (*TABLES, FAILED) for shard in self.every_shard(table) if not shard.is_sound()
        ]

    def heal(self) -> list[Block]:
        """Take damaged shards away, so that their blocks are run again. Returns those blocks."""
        bad = self.damaged()
        for shard in bad:
            shard.path.unlink(missing_ok=True)
        return sorted({shard.block for shard in bad}, key=lambda block: block.first)

    def forget_failed(self) -> int:
        """Take the blocks with failed runs away, so that they are run again. Returns how many."""
        bad = {shard.key for shard in self.shards(FAILED)}
        for table in (*TABLES, FAILED):
            for shard in self.shards(table):
                inside = any(p == shard.point and f < shard.stop and shard.first < s for p, f, s in bad)
                if inside:
                    shard.path.unlink(missing_ok=True)
        return len(bad)

    def blocks(
        self, point: int = 0, runs: int | None = None, kept: Iterable[Kept] | None = None
    ) -> Iterator[tuple[pa.Table, pa.Table]]:
        """(runs, accords) tables of one point in the order of runs, cut to the first `runs`.

        kept: the list of blocks, where the caller has it at hand."""
        at = 0
        for one in kept if kept is not None else self.kept():
            if one.point != point or one.runs is None or one.accords is None:
                continue
            if runs is not None and one.block.first >= runs:
                continue
            pair = self.read(one.runs), self.read(one.accords)
            why = self.unlike_first(one.runs, pair[0].column_names)
            if why is not None:
                raise StoreDamaged(
                    f"{one.runs.path} has {why}: two versions wrote into one folder. Run the study into a new one, "
                    "or `balance-sim verify --all --repair`."
                )
            if runs is not None and one.block.stop > runs:
                pair = (
                    pair[0].filter(pc.less(pair[0]["run"], runs)),
                    pair[1].filter(pc.less(pair[1]["run"], runs)),
                )
            if one.block.first < at:  # laid over the one before: both hold the same runs
                pair = (
                    pair[0].filter(pc.greater_equal(pair[0]["run"], at)),
                    pair[1].filter(pc.greater_equal(pair[1]["run"], at)),
                )
            at = max(at, one.block.stop)
            yield pair

    def outcomes(
        self, point: int = 0, runs: int | None = None, names: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Tables of outcomes of one point as `blocks` gives them, without the agreements. names: `run`, `arm` and these
        alone, where the shards have them; all if not given."""
        at = 0
        for one in self.kept():
            if one.point != point or one.runs is None or (runs is not None and one.block.first >= runs):
                continue
            wanted = None if names is None else ("run", "arm", *names)
            table = parquet_table(one.runs.content(), str(one.runs.path), wanted)
            first, stop = at, one.block.stop if runs is None else min(one.block.stop, runs)
            if one.block.first < first or stop < one.block.stop:
                inside = pc.and_(pc.greater_equal(table["run"], first), pc.less(table["run"], stop))
                table = table.filter(inside)
            at = max(at, one.block.stop)
            yield table

    def dyads(self, point: int = 0, runs: int | None = None) -> Iterator[tuple[pa.Table, int]]:
        """Sums by dyad of the blocks of one point, with the number of runs in each; only of blocks within `runs`."""
        at = 0
        for one in self.kept():
            inside = one.point == point and (runs is None or one.block.stop <= runs) and one.block.first >= at
            if not inside or one.runs is None or one.dyads is None:
                continue
            at = one.block.stop
            yield self.read(one.dyads), runs_in(self.read(one.runs))

    def unlike_first(self, shard: Shard, names: list[str]) -> str | None:
        """How a shard's outcomes differ from those of its point's shard asked about first; None: they do not."""
        first, known = self._first.setdefault(shard.point, (shard.path, names))
        return (
            None if known == names else f"other outcomes than {first.name} ({differing_names(names, known)})"
        )

    def has_sums(self, runs: Shard) -> bool:
        """Whether a table of dyads goes with a block's outcomes: an earlier version wrote none."""
        return any(name.startswith(FILTERED) for name in self.columns(runs) or ())

    def columns(self, shard: Shard) -> list[str] | None:
        """Columns of a shard; None where it is not sound."""
        try:
            return list(pq.read_schema(pa.BufferReader(shard.content())).names)
        except StoreDamaged:
            return None

    def compact(self, rows: int) -> int:
        """Merge neighbouring blocks of a point as long as the merged `runs` shard keeps to `rows` rows.

        Returns how many shards were taken away. A reader sees the old blocks or the merged one."""
        gone = 0
        for group in _mergeable([one for one in self.kept() if one.runs is not None], rows):
            tables = [next(iter(self.blocks(group[0].point, kept=[one]))) for one in group]
            whole = Block(group[0].block.first, group[-1].block.stop)
            runs, accords = (pa.concat_tables([pair[k] for pair in tables]) for k in (0, 1))
            sums = [self.read(one.dyads) for one in group if one.dyads is not None]
            if len(sums) < len(group):  # an earlier version kept none
                continue
            self.write(group[0].point, whole, BlockTables(runs, accords, pa.concat_tables(sums)))
            for one in group:
                for shard in (one.runs, one.accords, one.dyads):
                    if shard is not None:
                        shard.path.unlink(missing_ok=True)
                        gone += 1
        return gone + self._drop_covered()

    def _drop_covered(self) -> int:
        """Take away shards within a larger one, left by a merger that was killed. Returns how many."""
        blocks: dict[int, list[Block]] = {}
        for one in self.kept():
            if one.runs is not None:
                blocks.setdefault(one.point, []).append(one.block)
        covered = [
            shard
            for table in reversed(TABLES)  # a block of runs is never without its accords
            for shard in self.shards(table)
            if any(
                block != shard.block and block.first <= shard.first and shard.stop <= block.stop
                for block in blocks.get(shard.point, ())
            )
        ]
        for shard in covered:
            shard.path.unlink(missing_ok=True)
        return len(covered)


def _mergeable(kept: list[Kept], rows: int) -> Iterator[list[Kept]]:
    """Groups of at least two neighbouring blocks that together keep to `rows` rows."""
    group: list[Kept] = []
    total = 0
    for one in kept:
        assert one.runs is not None
        count = (
            pq.read_metadata(pa.BufferReader(one.runs.content())).num_rows if one.runs.is_sound() else rows
        )
        neighbour = group and group[-1].point == one.point and group[-1].block.stop == one.block.first
        if not neighbour or total + count > rows:
            if len(group) > 1:
                yield group
            group, total = [], 0
        group.append(one)
        total += count
    if len(group) > 1:
        yield group


def runs_in(runs: pa.Table) -> int:
    """How many replications a table of outcomes holds."""
    return len(pc.unique(runs["run"]))


def runs_of(lacking: Mapping[int, Sequence[Block]]) -> int:
    """How many replications those are."""
    return sum(len(block) for blocks in lacking.values() for block in blocks)


def lacking_words(store: Store, points: Sequence[int], runs: int) -> str | None:
    """What a reader has to know of a study with fewer replications than were asked for; None where all are there."""
    lost = runs_of(store.lacking(points, runs))
    if not lost:
        return None
    wanted = len(points) * runs
    there = (
        f"{shown(str(store.folder), 200)} holds {wanted - lost:,} of the {wanted:,} replications asked for"
    )
    if store.is_written():
        return f"{there}: it is being written"
    if came_to_its_end(read_summary(store.folder), runs, len(points)):
        return (
            f"{there}: the study was finished, and {lost:,} are gone; the same command simulates them again"
        )
    return f"{there}: the study was interrupted; the same command goes on"


def refuse_lost(store: Store, points: Sequence[int], runs: int) -> None:
    """For who has written a study to its end. Raises StoreDamaged where replications are not there any more."""
    lost = runs_of(store.lacking(points, runs))
    if lost:
        raise StoreDamaged(
            f"{shown(str(store.folder), 200)}: {lost:,} of {len(points) * runs:,} replications were lost while it was "
            "written: their files are gone. Give the same command again to simulate them."
        )


def came_to_its_end(summary: Mapping[str, Any] | None, runs: int, points: int) -> bool:
    """Whether a summary, if there is one, is that of a study of so many runs a point and so many points."""
    return summary is not None and summary.get("runs") == runs and summary.get("points", 1) == points


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The folder's summary.json; None where there is none that can be read. Raises StoreDamaged for one so large that
    it is not read: 100 arms with 100 windows have some 120 MB."""
    path = folder / "summary.json"
    try:
        found = json.loads(bytes_if_any(path, LARGEST_SUMMARY) or b"")
    except TooLarge as error:
        hint = "remove it, and give the command again that wrote the folder"
        raise too_large(path, error, hint) from None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def missing(done: Iterable[Block], runs: int, size: int) -> list[Block]:
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
