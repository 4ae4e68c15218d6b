"""Is a results folder what it says? Checksums, keys and counts of its files; nothing is
run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from balance_sim.scenario.errors import StoreDamaged, no_results
from balance_sim.study.blocks import Block
from balance_sim.study.frames import FILE as CODEBOOK
from balance_sim.study.jobs import Values
from balance_sim.study.manifest import Manifest
from balance_sim.study.points import PointTable
from balance_sim.study.shards import RECORDS, SUMS, Shard, noted
from balance_sim.study.store import Store, StoredBlock, came_to_its_end, read_summary
from balance_sim.study.tables import column_words

Runs = npt.NDArray[np.int64]
OWN_FILES = {
    "manifest.json",
    "summary.json",
    "failed.json",
    "lock",
    "progress.json",
    CODEBOOK,
    SUMS,
}
"""Files of a results folder that are checked, or that say nothing of results."""
SWEEP_TABLES = ("levels", "effects")


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong. `block` of `point`: what is simulated again; None: a
    file made from the blocks."""

    file: str
    why: str
    point: int = 0
    block: Block | None = None

    def text(self) -> str:
        return f"{self.file}: {self.why}"


@dataclass(frozen=True)
class StoredStudy:
    """What a folder should hold, by its manifest and summary.

    Attributes
    ----------
    points : of the present design, by number
    known : points the folder has ever had
    runs : asked for, of every point
    summary : as written; None where it is missing or cannot be read
    """

    store: Store
    manifest: Manifest
    points: dict[int, Values]
    known: int
    runs: int
    summary: dict[str, Any] | None

    @property
    def is_sweep(self) -> bool:
        return self.manifest.is_sweep

    @property
    def finished(self) -> bool:
        """The last study in this folder came to its end and wrote its summary."""
        return came_to_its_end(self.summary, self.runs, len(self.points))


def stored_study(folder: Path) -> StoredStudy:
    """Read manifest, points and summary. Raises StoreDamaged, WrongRequest where there
    is no manifest."""
    store = Store(folder)
    manifest = store.read_manifest()
    if manifest is None:
        if store.record_paths():
            raise StoreDamaged(
                f"{folder} holds results without a manifest: restore manifest.json."
            )
        raise no_results(folder)
    summary = read_summary(folder)
    if not manifest.is_sweep:
        return StoredStudy(store, manifest, {0: ()}, 1, manifest.runs, summary)
    table = PointTable()
    runs = 0
    if manifest.points:
        table = PointTable.load(store, manifest.points)
        runs = manifest.runs
    points = {number: table.points[number].values for number in table.numbers()}
    return StoredStudy(store, manifest, points, len(table.points), runs, summary)


def damage_of(study: StoredStudy) -> list[Damage]:
    """Return what is wrong with the shards, and runs that a finished study should hold
    and does not."""
    damage = list(_damaged_shards(study))
    if any(one.block is None for one in damage):
        return damage  # without its record nobody knows what a shard held
    damaged = {(item.point, item.block) for item in damage}
    failed: dict[int, list[int]] = {}
    for row in study.store.failed():
        failed.setdefault(row["point"], []).append(row["run"])
    for stored in study.store.blocks_done():
        is_sound = (stored.point, stored.block) not in damaged
        if is_sound and stored.shard.record.files:
            reason = _wrong_rows(study, stored, failed.get(stored.point, []))
            if reason:
                name = f"runs/{stored.shard.path('runs').name}"
                damage.append(Damage(name, reason, stored.point, stored.block))
    if study.finished:
        damage += _missing(study, damage)
    return damage


def _damaged_shards(study: StoredStudy) -> Iterator[Damage]:
    """Yield every record that is not sound or of another study, every file whose bytes
    are not those of its record, and blocks of a point that is not in the design."""
    for path in study.store.record_paths():
        name = f"{RECORDS}/{path.name}"
        try:
            shard = study.store.shard(path, study.manifest.study_key)
        except StoreDamaged as error:
            yield Damage(name, str(error))
            continue
        reasons = dict(_damaged_files(shard))
        for point, first, stop in shard.record.blocks:
            if point >= study.known:
                reasons[name] = f"the design has no point {point}"
            for file, reason in reasons.items():
                yield Damage(file, reason, point, Block(first, stop))


def _damaged_files(shard: Shard) -> Iterator[tuple[str, str]]:
    """Yield name and damage of each file of a shard that is not sound."""
    for table in shard.record.files:
        try:
            shard.content(table)
        except StoreDamaged as error:
            yield f"{table}/{shard.path(table).name}", str(error)


def _missing(study: StoredStudy, damage: Iterable[Damage]) -> Iterator[Damage]:
    """Yield the blocks that are in no file, unless their damage is known."""
    damaged = [(item.point, item.block) for item in damage if item.block]
    lacking = study.store.lacking(study.points, study.runs)
    for number, blocks in lacking.items():
        for block in blocks:
            is_known = any(
                point == number
                and whole.first <= block.first
                and block.stop <= whole.stop
                for point, whole in damaged
            )
            if not is_known:
                reason = f"runs {block.first} to {block.stop - 1} of point {number}"
                yield Damage("runs", f"{reason} are missing", number, block)


def _wrong_rows(study: StoredStudy, stored: StoredBlock, failed: list[int]) -> str:
    """Return what is wrong with the rows of a block whose files are sound: each of its
    runs that did not fail stands there once in every arm, and agreements are of these
    runs alone."""
    try:
        tables = study.store.tables(stored)
        expected = np.setdiff1d(stored.block.runs, failed)
        wrong = _wrong_runs(study, tables.runs, expected)
        return wrong or _wrong_agreements(tables.agreements, expected)
    except (
        pa.ArrowException,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        return f"not a table of this kind ({type(error).__name__}: {error})"
    except StoreDamaged as error:
        return str(error)


def _wrong_runs(study: StoredStudy, runs: pa.Table, expected: Runs) -> str:
    """Return which run does not stand there once in every arm of the study."""
    arms = column_words(runs, "arm")
    numbers = runs["run"].to_numpy().astype(np.int64)
    for arm in study.manifest.arms:
        if not np.array_equal(np.sort(numbers[arms == arm]), expected):
            return f"the runs of arm {arm} are not those of the block, each once"
    foreign = set(arms) - set(study.manifest.arms)
    if foreign and not study.manifest.mechanisms:
        return f"rows of an arm the study does not have: {min(foreign)}"
    return ""


def _wrong_agreements(agreements: pa.Table, expected: Runs) -> str:
    """Return that an agreement is of a run of another block, where one is."""
    numbers = agreements["run"].to_numpy().astype(np.int64)
    foreign = np.setdiff1d(numbers, expected)
    if len(foreign):
        return f"an agreement of run {foreign[0]}, which does not belong there"
    return ""


def unchecked(study: StoredStudy) -> list[str]:
    """Return what in the folder nothing here vouches for: no checksum was put down of
    it, and it is no part of a study. Folders are named with a slash and the number of
    files in them."""
    folder = study.store.folder
    vouched = OWN_FILES | set(noted(folder))
    if study.is_sweep:
        vouched |= {f"{name}.csv" for name in SWEEP_TABLES}
        points = study.manifest.points
        vouched.add(f"points.{points.sha256}.parquet" if points else "")
    with suppress(StoreDamaged):  # named as damage
        for shard in study.store.shards():
            paths = (shard.record_path, *shard.paths)
            vouched |= {path.relative_to(folder).as_posix() for path in paths}
    counts: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in vouched and not path.is_dir():
            top, slash, _ = name.partition("/")
            counts[top + slash] = counts.get(top + slash, 0) + 1
    return [
        f"{name} ({count:,} files)" if name.endswith("/") else name
        for name, count in counts.items()
    ]
