"""The results folder: immutable Parquet shards, one of each table a block, and a
manifest.

A shard carries the sha256 of its bytes in its name, and every read checks it. The
driver is the only writer and holds a kernel lock. A block is done when all its shards
stand, or when every run in it is on record as failed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import (
    CannotWrite,
    StoreDamaged,
    StudyError,
    no_results,
)
from balance_sim.scenario.files import FileTooLarge, bytes_if_any
from balance_sim.study.atomic_files import (
    Lock,
    clear_half_written,
    make_folder,
    write_atomic,
)
from balance_sim.study.blocks import Block
from balance_sim.study.manifest import (
    FILE,
    Manifest,
    read_manifest,
    too_large,
    write_manifest,
)
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.shards import (
    FAILED,
    TABLES,
    FinishedBlock,
    Shard,
    differing_names,
    encode,
    shard_name,
    shard_of,
)
from balance_sim.study.tables import BlockTables

log = logging.getLogger(__name__)
LARGEST_SUMMARY = (
    256 << 20
)  # bytes that are read at most: 100 arms with 100 windows have some 120 MB
Cut = Callable[[pa.Table], pa.Table]


class Store:
    """A results folder. Open it with `lock` to write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock(folder)
        self._first: dict[
            int, tuple[Path, list[str]]
        ] = {}  # by point: shard read first, its columns
        self._manifest: Manifest | None = (
            None  # while the lock is ours: what the folder's manifest holds
        )

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.unlock()

    def lock(self, places: Sequence[str] = (*TABLES, FAILED)) -> Store:
        """Take the kernel lock, or say that the folder is busy. Makes the folder, and
        `places` in it, if need be."""
        for place in (".", *places):
            make_folder(self.folder / place)
        self._lock.take()
        try:
            clear_half_written(self.folder)
            with suppress(StudyError):  # told of by who reads it
                self._manifest = self.read_manifest()
        except BaseException:
            self.unlock()
            raise
        return self

    def unlock(self) -> None:
        with suppress(StudyError, OSError):
            self._restore_manifest()
        self._manifest = None
        self._lock.leave()

    def is_written(self) -> bool:
        return self._lock.is_taken()

    def read_manifest(self) -> Manifest | None:
        return read_manifest(self.folder)

    def manifest(self) -> Manifest:
        """The manifest. Raises WrongRequest where there is none."""
        if (found := self.read_manifest()) is None:
            raise no_results(self.folder)
        return found

    def write_manifest(self, manifest: Manifest) -> None:
        """Put the manifest in its place, with its own sha256."""
        self._lock.check()
        write_manifest(self.folder, manifest.plain())
        self._manifest = manifest

    def _restore_manifest(self) -> None:
        """Write the manifest again where it was deleted while the lock is ours: without
        it nobody could go on."""
        if self._manifest is not None and not os.path.lexists(self.folder / FILE):
            self.write_manifest(self._manifest)
            log.warning(
                "%s was deleted while the study was written: it is written again",
                self.folder / FILE,
            )

    def write_text(self, name: str, text: str) -> None:
        """Put a small text file of the folder in its place."""
        self._lock.check()
        write_atomic(self.folder / name, text.encode("utf-8", "backslashreplace"))

    def write(self, point: int, block: Block, tables: BlockTables) -> None:
        """Keep a block. It counts as done once its `runs` shard has its name."""
        for name, table in tables.by_name.items():
            self._write_shard(name, point, block, encode(table), "parquet")

    def write_failed(
        self, point: int, block: Block, rows: list[dict[str, Any]]
    ) -> None:
        """Keep the runs of a block that failed, in the place of those recorded for it
        before."""
        for old in self.shards(FAILED):
            if (
                old.point == point
                and block.first <= old.first
                and old.stop <= block.stop
            ):
                old.path.unlink(missing_ok=True)
        if rows:
            self._write_shard(
                FAILED, point, block, json.dumps(rows, indent=1).encode("utf-8"), "json"
            )

    def _write_shard(
        self, table: str, point: int, block: Block, content: bytes, suffix: str
    ) -> None:
        self._lock.check()
        self._restore_manifest()
        try:
            write_atomic(
                self.folder / table / shard_name(point, block, content, suffix), content
            )
        except CannotWrite:
            self._lock.check()  # where the folder went in the middle of it, that is why
            raise

    # -- what there is ----------------------------------------------------------------------------

    def every_shard(self, table: str = "runs") -> list[Shard]:
        """Every file of a table that is named as a shard, in the order of names."""
        try:
            names = sorted(os.listdir(self.folder / table))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [
            shard
            for name in names
            if (shard := shard_of(self.folder / table / name)) is not None
        ]

    def shards(self, table: str = "runs") -> list[Shard]:
        """Shards of a table by point and run; of several of a block the first by
        name."""
        found = {shard.key: shard for shard in reversed(self.every_shard(table))}
        return [found[key] for key in sorted(found)]

    def kept(self) -> list[FinishedBlock]:
        """Every block that is done, by point and run; where one lies within another,
        the larger."""
        agreements, dyads = (
            {shard.key: shard for shard in self.shards(name)}
            for name in ("accords", "dyads")
        )
        done = [
            FinishedBlock(
                runs.point, runs.block, runs, agreements[runs.key], dyads.get(runs.key)
            )
            for runs in self.shards("runs")
            if runs.key in agreements and (runs.key in dyads or not self.has_sums(runs))
        ]
        whole = {one.runs.key for one in done if one.runs}
        done += [
            FinishedBlock(shard.point, shard.block, None, None)
            for shard in self.shards(FAILED)
            if shard.key not in whole
            and len(self.read_failed(shard)) == len(shard.block)
        ]
        out: list[FinishedBlock] = []
        for one in sorted(
            done, key=lambda one: (one.point, one.block.first, -one.block.stop)
        ):
            if not (
                out
                and out[-1].point == one.point
                and one.block.stop <= out[-1].block.stop
            ):
                out.append(one)
        return out

    def kept_by_point(self) -> dict[int, list[FinishedBlock]]:
        """The same, by point."""
        return {point: [*of] for point, of in groupby(self.kept(), attrgetter("point"))}

    def done(self) -> dict[int, list[Block]]:
        return {
            point: [one.block for one in of]
            for point, of in self.kept_by_point().items()
        }

    def lacking(self, points: Iterable[int], runs: int) -> dict[int, list[Block]]:
        """Of the first `runs` replications of each point, those that are neither kept
        nor on record as failed."""
        done = self.done()
        left = (
            (number, missing(done.get(number, []), runs, max(runs, 1)))
            for number in points
        )
        return {number: blocks for number, blocks in left if blocks}

    def failed(self) -> list[dict[str, Any]]:
        """The runs that failed, by point and run: point, run, seed, traceback."""
        rows = (row for shard in self.shards(FAILED) for row in self.read_failed(shard))
        by_run = {(row["point"], row["run"]): row for row in rows}
        return [by_run[key] for key in sorted(by_run)]

    def read_failed(self, shard: Shard) -> list[dict[str, Any]]:
        return list(json.loads(shard.content()))

    def unlike_first(self, shard: Shard, names: list[str]) -> str | None:
        """How a shard's outcomes differ from those of its point's shard asked about
        first; None: they do not."""
        first, known = self._first.setdefault(shard.point, (shard.path, names))
        if known == names:
            return None
        return f"other outcomes than {first.name} ({differing_names(names, known)})"

    def has_sums(self, runs: Shard) -> bool:
        """Whether a table of dyads goes with a block's outcomes: an earlier version
        wrote none."""
        return any(name.startswith(FILTERED) for name in self.columns(runs) or ())

    def columns(self, shard: Shard) -> list[str] | None:
        """Columns of a shard; None where it is not sound."""
        try:
            return list(pq.read_schema(pa.BufferReader(shard.content())).names)
        except StoreDamaged:
            return None

    # -- reading ----------------------------------------------------------------------------------

    def _whole(
        self, point: int, runs: int | None, kept: Iterable[FinishedBlock] | None = None
    ) -> Iterator[tuple[Shard, Shard, Cut]]:
        """Shards of outcomes and of agreements of a point in the order of runs; what
        cuts either to the runs that no block before has, of the first `runs`."""
        at = 0
        for one in self.kept() if kept is None else kept:
            if (
                one.point == point
                and one.runs
                and one.agreements
                and (runs is None or one.block.first < runs)
            ):
                stop = one.block.stop if runs is None else min(one.block.stop, runs)
                yield (
                    one.runs,
                    one.agreements,
                    partial(_cut, block=one.block, first=at, stop=stop),
                )
                at = max(at, one.block.stop)

    def blocks(
        self,
        point: int = 0,
        runs: int | None = None,
        kept: Iterable[FinishedBlock] | None = None,
    ) -> Iterator[tuple[pa.Table, pa.Table]]:
        """(runs, agreements) tables of one point in the order of runs, of the first
        `runs`. kept: the blocks."""
        for of_runs, of_agreements, cut in self._whole(point, runs, kept):
            yield cut(self._alike(of_runs)), cut(of_agreements.table())

    def _alike(self, shard: Shard) -> pa.Table:
        """A shard of outcomes. Raises StoreDamaged where it has others than its point's
        first."""
        table = shard.table()
        if (why := self.unlike_first(shard, table.column_names)) is not None:
            raise StoreDamaged(
                f"{shard.path} has {why}: two versions wrote into one folder. "
                "Run the study into a new one."
            )
        return table

    def outcomes(
        self,
        point: int = 0,
        runs: int | None = None,
        names: Sequence[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Tables of outcomes of one point as `blocks` gives them, without the
        agreements. names: `run`, `arm` and these alone, where the shards have them; all
        if not given."""
        for shard, _, cut in self._whole(point, runs):
            yield cut(
                self._alike(shard)
                if names is None
                else shard.table(("run", "arm", *names))
            )

    def dyads(
        self, point: int = 0, runs: int | None = None
    ) -> Iterator[tuple[pa.Table, int]]:
        """Sums by dyad of the blocks of one point, with the number of runs in each;
        only of blocks within `runs`."""
        at = 0
        for one in self.kept():
            inside = (
                one.point == point
                and (runs is None or one.block.stop <= runs)
                and one.block.first >= at
            )
            if inside and one.runs is not None and one.dyads is not None:
                at = one.block.stop
                yield one.dyads.table(), runs_in(one.runs.table())

    # -- mending ----------------------------------------------------------------------------------

    def damaged(self) -> list[Shard]:
        """Shards whose bytes are not those they were written with."""
        every = (
            shard for table in (*TABLES, FAILED) for shard in self.every_shard(table)
        )
        return [shard for shard in every if not shard.is_sound()]

    def repair(self) -> None:
        """Take damaged shards away, so that their blocks are run again."""
        _remove(self.damaged())

    def forget_failed(self) -> None:
        """Take the blocks with failed runs away, so that they are run again."""
        bad = {shard.key for shard in self.shards(FAILED)}
        every = (shard for table in (*TABLES, FAILED) for shard in self.shards(table))
        _remove(
            s
            for s in every
            if any(p == s.point and f < s.stop and s.first < e for p, f, e in bad)
        )

    def compact(self, rows: int) -> None:
        """Merge neighbouring blocks of a point up to `rows` rows of outcomes."""
        for group in _mergeable(
            [one for one in self.kept() if one.runs is not None], rows
        ):
            point, whole = (
                group[0].point,
                Block(group[0].block.first, group[-1].block.stop),
            )
            pairs = [next(iter(self.blocks(point, kept=[one]))) for one in group]
            sums = [one.dyads.table() for one in group if one.dyads is not None]
            if len(sums) == len(group):  # an earlier version kept none
                tables = (*zip(*pairs, strict=True), sums)
                self.write(point, whole, BlockTables(*map(pa.concat_tables, tables)))
                _remove(shard for one in group for shard in one.shards)
        self._drop_covered()

    def _drop_covered(self) -> None:
        """Take away shards within a larger one, left by a merger that was killed."""
        kept = self.kept_by_point()

        def is_covered(shard: Shard) -> bool:
            of = (
                one.block for one in kept.get(shard.point, ()) if one.runs is not None
            )
            return any(
                one != shard.block
                and one.first <= shard.first
                and shard.stop <= one.stop
                for one in of
            )

        tables = reversed(TABLES)  # a block of runs is never without its agreements
        _remove(
            shard
            for table in tables
            for shard in self.shards(table)
            if is_covered(shard)
        )


def _remove(shards: Iterable[Shard]) -> None:
    for shard in [*shards]:
        shard.path.unlink(missing_ok=True)


def _cut(table: pa.Table, block: Block, first: int, stop: int) -> pa.Table:
    """The rows of the runs first..stop-1 of a block's table."""
    if block.first >= first and block.stop <= stop:
        return table
    return table.filter(
        pc.and_(pc.greater_equal(table["run"], first), pc.less(table["run"], stop))
    )


def _mergeable(kept: list[FinishedBlock], rows: int) -> Iterator[list[FinishedBlock]]:
    """Groups of at least two neighbouring blocks that together keep to `rows` rows."""
    group: list[FinishedBlock] = []
    total = 0
    for one in kept:
        assert one.runs is not None
        sound = one.runs.is_sound()
        count = (
            pq.read_metadata(pa.BufferReader(one.runs.content())).num_rows
            if sound
            else rows
        )
        neighbour = (
            group
            and group[-1].point == one.point
            and group[-1].block.stop == one.block.first
        )
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


def warn_lacking(store: Store, points: Sequence[int], runs: int) -> None:
    """Warn whoever reads a study with fewer replications than were asked for."""
    if not (lost := runs_of(store.lacking(points, runs))):
        return
    wanted, why = (
        len(points) * runs,
        "the study was interrupted; the same command goes on",
    )
    if store.is_written():
        why = "it is being written"
    elif came_to_its_end(read_summary(store.folder), runs, len(points)):
        why = f"the study was finished, and {lost:,} are gone; the same command simulates them again"
    there = f"{wanted - lost:,} of the {wanted:,} replications asked for"
    log.warning("%s holds %s: %s", shown(str(store.folder), 200), there, why)


def refuse_lost(store: Store, points: Sequence[int], runs: int) -> None:
    """For who has written a study to its end. Raises StoreDamaged where replications
    are not there any more."""
    if lost := runs_of(store.lacking(points, runs)):
        raise StoreDamaged(
            f"{shown(str(store.folder), 200)}: {lost:,} of {len(points) * runs:,} replications were lost while it was "
            "written: their files are gone. Give the same command again to simulate them."
        )


def came_to_its_end(summary: Mapping[str, Any] | None, runs: int, points: int) -> bool:
    """Whether a summary, if there is one, is that of a study of so many runs a point
    and so many points."""
    return (
        summary is not None
        and summary.get("runs") == runs
        and summary.get("points", 1) == points
    )


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The folder's summary.json; None where none can be read. Raises StoreDamaged for
    one that is too large."""
    path = folder / "summary.json"
    try:
        found = json.loads(bytes_if_any(path, LARGEST_SUMMARY) or b"")
    except FileTooLarge as error:
        raise too_large(
            path, error, "remove it, and give the command again that wrote the folder"
        ) from None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def missing(done: Iterable[Block], runs: int, size: int) -> list[Block]:
    """The blocks, of at most `size` runs, that are still to be run to have the first
    `runs`."""
    out: list[Block] = []
    at = 0
    for block in [*sorted(done, key=lambda b: b.first), Block(runs, runs)]:
        while at < min(block.first, runs):
            stop = min(at + size - at % size, block.first, runs)
            out.append(Block(at, stop))
            at = stop
        at = max(at, block.stop)
    return out
