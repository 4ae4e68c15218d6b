"""The results folder: shards of Parquet tables, each with a record, and a manifest.

A record has the sha256 of its tables' files, and every read checks it. The driver is
the only writer and holds the lock. A block is done when the record that names it and
all files of that record stand. A damaged, missing or foreign shard is named; whoever
writes the study next takes it away, and simulates its blocks again."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from cachetools import LRUCache, cachedmethod
from filelock import FileLock, Timeout

from balance_sim.model.core import Ints
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import (
    FolderBusy,
    StoreDamaged,
    write_fault,
)
from balance_sim.scenario.files import bytes_if_any
from balance_sim.study.atomic_files import (
    clear_half_written,
    make_folder,
    write_atomic,
)
from balance_sim.study.blocks import Block, missing
from balance_sim.study.digest import sha256_of
from balance_sim.study.jobs import TaskResult
from balance_sim.study.manifest import Manifest, read_manifest
from balance_sim.study.shards import (
    RECORDS,
    TABLES,
    Damage,
    Shard,
    ShardRecord,
    encode,
    read_record,
)
from balance_sim.study.tables import numbers, runs_in

log = logging.getLogger(__name__)
LOCK = "lock"
FOREIGN = (
    "{}: the record of another study. Give the command that wrote the folder again to "
    "take it away."
)
TWICE = "{}: replications that another shard holds too. Delete one of the two."
PATIENCE = 0.2
"""Seconds in which a reader, who looks whether the lock is held, has let go of it."""
MOST_WAITING = 3600.0
"""Seconds for which a command waits for another one that writes into its folder."""
LARGEST_SUMMARY = 256 << 20
"""Bytes that are read at most: 100 arms with 100 windows have some 120 MB."""
CACHED_BYTES = 64 << 20
"""Bytes of tables of shards with several blocks that are held at once."""


class Store:
    """A results folder. Open it with `lock` to write: the lock is the kernel's, and
    falls with the process that holds it.

    Attributes
    ----------
    folder : the place, whether it is there or not
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, thread_local=False)
        self._cache: LRUCache[Any, StoredRows]
        self._cache = LRUCache(CACHED_BYTES, getsizeof=lambda rows: rows.table.nbytes)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.unlock()

    def unlock(self) -> None:
        """Give the lock back, if it was taken."""
        self._lock.release(force=True)

    def lock(self, seconds: float = PATIENCE) -> Store:
        """Take the lock, and make the folder.

        Parameters
        ----------
        seconds : for which another process that holds it is waited for

        Raises
        ------
        FolderBusy : where it holds it longer
        CannotWrite : where there can be no file for it
        """
        make_folder(self.folder)
        try:
            self._acquire(seconds)
        except Timeout:
            raise FolderBusy(
                f"{self.folder} is being written by another balance-sim; wait for it, "
                "or choose another --out."
            ) from None
        except OSError as error:
            raise write_fault(error, self.folder) from error
        clear_half_written(self.folder)
        return self

    def _acquire(self, seconds: float) -> None:
        """Take the lock, and say so where that has to wait. Raises Timeout."""
        try:
            self._lock.acquire(timeout=min(seconds, PATIENCE))
        except Timeout:
            if seconds <= PATIENCE:
                raise
            log.warning(
                "%s is being written by another balance-sim: waiting for it",
                shown(str(self.folder), 200),
            )
            self._lock.acquire(timeout=seconds, poll_interval=0.1)

    def is_written(self) -> bool:
        """Return whether some process writes into the folder."""
        if self._lock.is_locked or not (self.folder / LOCK).exists():
            return self._lock.is_locked
        try:
            with self._lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except (OSError, NotImplementedError):  # a folder that may only be read
            return False

    def manifest(self) -> Manifest:
        """Return the manifest.

        Raises
        ------
        WrongRequest : where there are no results
        StoreDamaged : where the manifest alone is missing, or cannot be read
        """
        manifest = read_manifest(self.folder)
        if manifest is None and self.record_paths():
            raise StoreDamaged(
                f"{self.folder} holds results without a manifest: restore manifest.json"
                ", or give a new folder."
            )
        if manifest is None:
            from balance_sim.scenario.plans import no_results

            raise no_results(self.folder)
        return manifest

    def write_text(self, name: str, text: str) -> None:
        """Put a small text file of the folder in its place."""
        write_atomic(self.folder / name, text.encode("utf-8", "backslashreplace"))

    # -- what is done, missing, damaged, foreign ---------------------------------------

    def record_paths(self) -> list[Path]:
        """Return the files of records, by number."""
        paths = sorted((self.folder / RECORDS).glob("*.json"))
        return [path for path in paths if path.stem.isdecimal()]

    def _recorded(self) -> tuple[list[Shard], list[Damage]]:
        """Return the shards that sound records tell of, by number, and what is wrong
        with other records."""
        paths = self.record_paths()
        key = self.manifest().study_key if paths else ""
        shards, damage = [], []
        for path in paths:
            try:
                record = read_record(path)
                if record.study != key:
                    raise StoreDamaged(FOREIGN.format(path))
                shards.append(Shard(self.folder, int(path.stem), record))
            except StoreDamaged as error:
                damage.append(Damage(f"{RECORDS}/{path.name}", str(error)))
        return shards, damage

    def shards(self) -> list[Shard]:
        """Return every shard, by number.

        Raises
        ------
        StoreDamaged : for a record that is not sound, or of another study
        """
        shards, damage = self._recorded()
        for wrong in damage:
            raise StoreDamaged(wrong.why)
        return shards

    def damage(self) -> list[Damage]:
        """Return what is wrong with each file of every shard."""
        shards, damage = self._recorded()
        return damage + [wrong for shard in shards for wrong in shard.damage()]

    def discard_damaged(self) -> None:
        """Take away shards that are damaged, incomplete or of another study, each named
        in a warning, so that their blocks are simulated again."""
        for damage in self.damage():
            log.warning("%s", damage.why)
            if damage.shard is None:
                (self.folder / damage.file).unlink(missing_ok=True)
            else:
                damage.shard.remove()

    @cached_property
    def by_point(self) -> dict[int, list[tuple[Block, Shard]]]:
        """Every block that a record holds, with its shard, by point, in the order of
        runs; as they stood when they were first asked for, or last written. Raises
        StoreDamaged where two shards hold the same replications."""
        points: dict[int, list[tuple[Block, Shard]]] = {}
        for shard in self.shards():
            for point, first, stop in shard.record.blocks:
                points.setdefault(point, []).append((Block(first, stop), shard))
        for blocks in points.values():
            blocks.sort(key=lambda stored: stored[0].first)
            for (earlier, _), (later, shard) in pairwise(blocks):
                if later.first < earlier.stop:
                    raise StoreDamaged(TWICE.format(shard.record_path))
        return dict(sorted(points.items()))

    def done(self) -> dict[int, list[Block]]:
        """Return blocks that are done, by point."""
        stored = self.by_point.items()
        return {point: [block for block, _ in blocks] for point, blocks in stored}

    def lacking(self, points: Iterable[int], runs: int) -> dict[int, list[Block]]:
        """Return, of the first `runs` replications of each point, those that are
        neither there nor on record as failed."""
        done = self.done()
        blocks = {
            point: missing(done.get(point, []), runs, max(runs, 1)) for point in points
        }
        return {point: gaps for point, gaps in blocks.items() if gaps}

    def lacking_runs(self, points: Iterable[int], runs: int) -> int:
        """Return how many replications that is, over all points."""
        lacking = self.lacking(points, runs).values()
        return sum(len(block) for blocks in lacking for block in blocks)

    def failed(self) -> list[dict[str, Any]]:
        """Return the runs that failed, by point and run: point, run, seed,
        traceback."""
        rows = [dict(row) for shard in self.shards() for row in shard.record.failed]
        return sorted(rows, key=lambda row: (row["point"], row["run"]))

    # -- reading -----------------------------------------------------------------------

    def blocks(
        self, point: int, runs: int | None = None
    ) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield the tables of one point in the order of runs.

        Parameters
        ----------
        point : its number
        runs : of the first so many; all if None

        Yields
        ------
        outcomes, agreements : of a block in which a replication finished

        Raises
        ------
        StoreDamaged : where a file is gone or damaged
        """
        for _, outcomes, agreements in self._read(point, runs, "accords"):
            yield outcomes, agreements

    def outcomes(
        self,
        point: int,
        runs: int | None = None,
        names: Sequence[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield tables of outcomes of one point in the order of runs.

        Parameters
        ----------
        point, runs : as for `blocks`
        names : `run`, `arm` and these alone, where the shards have them; all if None
        """
        columns = None if names is None else ("run", "arm", *names)
        for _, outcomes in self._read(point, runs, columns=columns):
            yield outcomes

    def columns(self, point: int) -> list[str]:
        """Return the columns of a point's outcomes; none where no replication of it
        finished."""
        first = next(self.outcomes(point), None)
        return [] if first is None else list(first.column_names)

    def dyads(
        self, point: int, runs: int | None = None
    ) -> Iterator[tuple[pa.Table, int]]:
        """Yield sums by dyad of the blocks of one point that lie within the first
        `runs`, with the number of runs in each."""
        for block, outcomes, sums in self._read(point, runs, "dyads", columns=("run",)):
            if runs is None or block.stop <= runs:
                yield sums, runs_in(outcomes)

    def _read(
        self,
        point: int,
        runs: int | None,
        *others: str,
        columns: tuple[str, ...] | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the blocks of a point in which one of the first `runs` replications
        finished: each, its outcomes, and other tables of its.

        columns: of outcomes; all if None."""
        for block, shard in self.by_point.get(point, []):
            stop = block.stop if runs is None else min(block.stop, runs)
            if not shard.record.files or stop <= block.first:
                continue
            wanted = point, block.first, stop
            outcomes = self._shard_rows(shard, "runs", columns).block(*wanted)
            if len(outcomes):
                tables = (self._shard_rows(shard, name, None) for name in others)
                yield block, outcomes, *(rows.block(*wanted) for rows in tables)

    @cachedmethod(
        attrgetter("_cache"), key=lambda _, shard, *names: (shard.number, *names)
    )
    def _shard_rows(
        self, shard: Shard, name: str, columns: tuple[str, ...] | None
    ) -> StoredRows:
        """Return the rows of a table of a shard, held for the next block."""
        return StoredRows.of(shard.table(name, columns))

    # -- writing -----------------------------------------------------------------------

    def write(self, study_key: str, results: Sequence[TaskResult]) -> None:
        """Write what came of some tasks as one shard.

        Parameters
        ----------
        study_key : of the study that it belongs to
        results : in the order of their rows

        Raises
        ------
        CannotWrite : from the folder
        """
        paths = self.record_paths()
        number = int(paths[-1].stem) + 1 if paths else 0
        contents: dict[str, bytes] = {}
        if any(result.tables is not None for result in results):
            contents = {name: encode(_stacked(results, name)) for name in TABLES}
        tasks = [result.task for result in results]
        record = {
            "study": study_key,
            "blocks": [
                (task.point, task.block.first, task.block.stop) for task in tasks
            ],
            "failed": [row for result in results for row in result.failed],
            "files": {name: sha256_of(content) for name, content in contents.items()},
        }
        shard = Shard(self.folder, number, ShardRecord.model_validate(record))
        shard.write(contents)
        self.__dict__.pop("by_point", None)  # to be looked at anew

    def forget_failed(self) -> None:
        """Take shards with failed replications away, so that they are simulated
        again."""
        for shard in self.shards():
            if shard.record.failed:
                shard.remove()
        self.__dict__.pop("by_point", None)  # to be looked at anew


def _stacked(results: Iterable[TaskResult], name: str) -> pa.Table:
    """Return a table of several blocks, each row with its point in front; sums by dyad
    with the first replication of their block too."""
    having = [(of.task, of.tables.by_name[name]) for of in results if of.tables]
    lengths = [len(table) for _, table in having]
    front = {"point": [task.point for task, _ in having]}
    if name == "dyads":
        front["first"] = [task.block.first for task, _ in having]
    columns = {
        key: numbers(np.repeat(np.array(values, np.int32), lengths))
        for key, values in front.items()
    }
    rows = pa.concat_tables([table for _, table in having])
    return pa.table(columns | dict(zip(rows.column_names, rows.columns, strict=True)))


@dataclass(frozen=True)
class StoredRows:
    """A table of a shard, without what tells its blocks apart.

    Attributes
    ----------
    table : its rows
    point, number : (rows,) the point, and the replication, or the first of the block
    """

    table: pa.Table
    point: Ints
    number: Ints

    @staticmethod
    def of(table: pa.Table) -> StoredRows:
        """Return the rows of a table as it stands in a file."""
        key = "first" if "first" in table.column_names else "run"
        keys = table["point"].to_numpy(), table[key].to_numpy()
        return StoredRows(table.drop_columns({"point", key} - {"run"}), *keys)

    def block(self, point: int, first: int, stop: int) -> pa.Table:
        """Return a point's rows, of replications first..stop-1."""
        is_wanted = (self.number >= first) & (self.number < stop)
        rows = np.flatnonzero(is_wanted & (self.point == point))
        if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
            return self.table.slice(rows[0], len(rows))
        return self.table.take(rows)


def warn_lacking(store: Store, points: Sequence[int], runs: int) -> None:
    """Warn whoever reads a study with fewer replications than were asked for."""
    lost = store.lacking_runs(points, runs)
    if lost:
        count = f"{len(points) * runs - lost:,} of the {len(points) * runs:,}"
        why = (
            "it is being written" if store.is_written() else "the same command goes on"
        )
        name = shown(str(store.folder), 200)
        log.warning("%s holds %s replications asked for: %s", name, count, why)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Return the folder's summary.json; None where none can be read."""
    try:
        content = bytes_if_any(folder / "summary.json", LARGEST_SUMMARY)
        summary = json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
    return summary if isinstance(summary, dict) else None
