"""Is a results folder what it says? Checksums, names, keys and counts of every file;
nothing is run.

Where two makings of the same results differ: text exactly, numbers within a tolerance;
the first one, in words.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from balance_sim.model.core import DIRECTIONS
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import StoreDamaged, no_results
from balance_sim.study.blocks import Block
from balance_sim.study.differences import differences
from balance_sim.study.jobs import Values
from balance_sim.study.manifest import Manifest
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.points import PointTable
from balance_sim.study.shards import RECORDS, SUMS, TABLES, Shard, noted
from balance_sim.study.store import Store, StoredBlock, came_to_its_end, read_summary
from balance_sim.study.tables import SUM, column_words, positions

SAME_DIGITS = (
    1e-9  # relative difference of a number that another type of processor may show
)
KEY = ["run", "arm", "a", "b", "kind", "origin", "occasion"]


def close(a: object, b: object, tolerance: float) -> bool:
    """The same, or two numbers within a relative difference; below 1 the difference
    itself counts."""
    if all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in (a, b)
    ):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)  # type: ignore[arg-type]
    return type(a) is type(b) and a == b


def diff_files(
    there: Mapping[str, bytes], here: Mapping[str, bytes], tolerance: float
) -> list[str]:
    """The first difference of each file; CSV and JSON, by their names."""
    out = [
        f"{shown(name, 200)}: is not made by this study"
        for name in sorted({*there} - {*here})
    ]
    for name, content in here.items():
        if name not in there:
            out.append(f"{name}: is missing")
        elif there[name] != content:
            out += [
                f"{name}: {first}"
                for first in _first_of_file(name, there[name], content, tolerance)
            ]
    return out


def _first_of_file(name: str, there: bytes, here: bytes, tolerance: float) -> list[str]:
    try:
        if name.endswith(".json"):
            unlike = differences(
                json.loads(there),
                json.loads(here),
                same=lambda x, y: close(x, y, tolerance),
                exact=True,
            )
            found: Iterator[str] = (
                f"{path or 'the whole'}: {_said(x)} there, {_said(y)} here"
                for path, x, y in unlike
            )
        else:
            one, other = (
                list(csv.reader(io.StringIO(text.decode("utf-8"))))
                for text in (there, here)
            )
            found = _rows(one, other, tolerance)
        return [*islice(found, 1)]
    except (ValueError, csv.Error, RecursionError):
        return ["is no table of this kind"]


def _rows(a: list[list[str]], b: list[list[str]], tolerance: float) -> Iterator[str]:
    if len(a) != len(b):
        yield f"{len(a)} rows there, {len(b)} here"
    for at, (one, other) in enumerate(zip(a, b, strict=False), 1):
        if len(one) != len(other):
            yield f"row {at}: {len(one)} cells there, {len(other)} here"
        for name, x, y in zip(b[0], one, other, strict=False):
            if x != y and not close(_number(x), _number(y), tolerance):
                yield f"row {at}, {name}: {_said(x)} there, {_said(y)} here"


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _said(value: object) -> str:
    return shown(value if isinstance(value, str) else json.dumps(value), 60)


def diff_tables(
    kept: tuple[pa.Table, pa.Table], again: tuple[pa.Table, pa.Table]
) -> tuple[str, bool]:
    """What differs in two makings of (runs, agreements) tables, and whether it is but
    the last digits of numbers."""
    (runs, agreements), (runs_again, agreements_again) = (
        (_frame(of_runs, ["arm", "run"]), _frame(of_agreements, KEY))
        for of_runs, of_agreements in (kept, again)
    )
    if len(agreements) != len(agreements_again):
        return (
            f"{len(agreements)} agreements there, {len(agreements_again)} when run again",
            False,
        )
    for name, at in _unlike_columns(agreements, agreements_again):
        row = agreements.iloc[at]
        who = f"run {row['run']}, arm {row['arm']}, {row['a']}-{row['b']}"
        return (
            f"{name} of an agreement ({who}): {row[name]} there, {agreements_again[name][at]} again",
            False,
        )
    if list(runs.columns) != list(runs_again.columns) or len(runs) != len(runs_again):
        return "other columns or rows of outcomes when run again", False
    found: tuple[str, bool] = ("rows in another order", False)
    for name, at in _unlike_columns(runs, runs_again):
        row = runs.iloc[at]
        said = f"{name} of run {row['run']}, arm {row['arm']}: {row[name]} there, {runs_again[name][at]} again"
        if name in ("run", "arm"):
            return said, False
        one, other = (frame[name].astype(float) for frame in (runs, runs_again))
        if not np.allclose(
            one, other, rtol=SAME_DIGITS, atol=SAME_DIGITS, equal_nan=True
        ):
            return said, False
        found = (said, True)
    return found


def _frame(table: pa.Table, by: list[str]) -> pd.DataFrame:
    """The rows in order, with words as text."""
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(use_threads=False)
    words = [name for name in frame.columns if frame[name].dtype.name == "category"]
    frame[words] = frame[words].astype(str)
    return frame.sort_values(by, ignore_index=True)


def _unlike_columns(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Columns that differ, each with the first row at which it does."""
    for name in map(str, a.columns):
        unlike = ~((a[name] == b[name]) | (a[name].isna() & b[name].isna())).to_numpy()
        if unlike.any():
            yield name, int(np.argmax(unlike))


Ints = npt.NDArray[np.int64]
CLOSE = 1e-7  # a run: what the rounding of dyads to quanta can come to


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong. `block` of `point`: what to run again; None: a file made
    from the blocks."""

    file: str
    why: str
    point: int = 0
    block: Block | None = None

    def text(self) -> str:
        return f"{self.file}: {self.why}"


@dataclass(frozen=True)
class Contents:
    """What a folder should hold, by its manifest and summary."""

    store: Store
    manifest: Manifest
    points: dict[int, Values]  # of the present design, by number
    known: int  # points the folder has ever had
    runs: int  # asked for, of every point
    summary: dict[str, Any] | None

    @property
    def is_sweep(self) -> bool:
        return self.manifest.is_sweep

    @property
    def finished(self) -> bool:
        """The last study in this folder came to its end and wrote its summary."""
        return came_to_its_end(self.summary, self.runs, len(self.points))


def contents(folder: Path) -> Contents:
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
    if not manifest.is_sweep:
        return Contents(
            store, manifest, {0: ()}, 1, manifest.runs, read_summary(folder)
        )
    design = (
        PointTable.load(store, manifest.points) if manifest.points else PointTable()
    )
    points = {number: design.points[number].values for number in design.numbers()}
    runs = manifest.runs if manifest.points else 0
    return Contents(
        store, manifest, points, len(design.points), runs, read_summary(folder)
    )


def _wrong_files(held: Contents) -> list[Damage]:
    """Every record, and every file that one names: its bytes, its study and its
    points."""
    damage, store = [], held.store
    for path in store.record_paths():
        file = f"{RECORDS}/{path.name}"
        try:
            shard = store.shard(path, held.manifest.study_key)
        except StoreDamaged as error:
            damage.append(Damage(file, str(error)))
            continue
        for table in shard.record.files:
            try:
                shard.content(table)
            except StoreDamaged as error:
                damage += [
                    Damage(f"{table}/{shard.path(table).name}", str(error), *place)
                    for place in _places(shard)
                ]
        for point, block in _places(shard):
            if point >= held.known:
                why = f"the design has no point {point}"
                damage.append(Damage(file, why, point, block))
    return damage


def _places(shard: Shard) -> list[tuple[int, Block]]:
    """Point and block of everything that a shard holds."""
    return [(point, Block(first, stop)) for point, first, stop in shard.record.blocks]


def damage_of(held: Contents) -> list[Damage]:
    """What is wrong with the shards, and runs that a finished study should hold and
    does not."""
    damage = _wrong_files(held)
    if any(one.block is None for one in damage):
        return damage  # without its record nobody knows what a shard held
    damage += list(_wrong_blocks(held, damage))
    places = {(one.point, one.block) for one in damage}
    lacking = held.store.lacking(held.points, held.runs) if held.finished else {}
    for point, blocks in lacking.items():
        for block in blocks:
            is_named = any(
                place == point and other and other.first < block.stop
                for place, other in places
            )
            if not is_named:
                last = block.stop - 1
                why = f"runs {block.first} to {last} of point {point} are missing"
                damage.append(Damage("runs", why, point, block))
    return damage


def _wrong_blocks(held: Contents, damage: Sequence[Damage]) -> Iterator[Damage]:
    """Every block whose files are sound: each run once in every arm, and agreements of
    these runs alone."""
    broken = {(one.point, one.block) for one in damage}
    failed: dict[int, set[int]] = {}
    for row in held.store.failed():
        failed.setdefault(row["point"], set()).add(row["run"])
    for stored in held.store.blocks_done():
        is_sound = (stored.point, stored.block) not in broken
        if not is_sound or not stored.shard.record.files:
            continue
        why = _wrong_rows(held, stored, failed.get(stored.point, set()))
        if why:
            file = f"runs/{stored.shard.path('runs').name}"
            yield Damage(file, why, stored.point, stored.block)


def _wrong_rows(held: Contents, stored: StoredBlock, failed: set[int]) -> str | None:
    """What is wrong with the rows of a block."""
    numbers = [run for run in stored.block.runs if run not in failed]
    expected = np.array(numbers, np.int64)
    try:
        tables = held.store.tables(stored)
        wrong = _wrong_runs(held, tables.runs, expected)
        wrong = wrong or _wrong_agreements(held, tables.agreements, expected)
        return wrong or _wrong_dyads(held, tables.runs, tables.dyads)
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


def _wrong_runs(held: Contents, runs: pa.Table, expected: Ints) -> str | None:
    arms, number = column_words(runs, "arm"), runs["run"].to_numpy().astype(np.int64)
    foreign = set(arms) - set(held.manifest.arms)
    if foreign and not held.manifest.mechanisms:
        return f"rows of an arm the study does not have: {min(foreign)}"
    for arm in held.manifest.arms:
        values, times = np.unique(number[arms == arm], return_counts=True)
        left, more = np.setdiff1d(expected, values), np.setdiff1d(values, expected)
        if (times > 1).any():
            return f"run {values[times > 1][0]} of arm {arm} stands there {times.max()} times"
        if len(left):
            return f"run {left[0]} of arm {arm} is missing"
        if len(more):
            return f"run {more[0]} of arm {arm} does not belong there"
    return None


def _wrong_dyads(held: Contents, runs: pa.Table, dyads: pa.Table) -> str | None:
    """Sums over dyads, and over states, against those of the runs; and of their
    differences from the control arm."""
    arms, arm, of_arm = (
        held.manifest.arms,
        column_words(runs, "arm"),
        column_words(dyads, "arm"),
    )
    if foreign := set(of_arm) - set(arms):
        return f"dyads of an arm the study does not have: {min(foreign)}"
    all_new = FILTERED + "accords_all_"
    longest = max(
        int(name.removeprefix(all_new))
        for name in runs.column_names
        if name.startswith(all_new)
    )
    number, is_state = (
        runs[f"{all_new}{longest}"].to_numpy(),
        column_words(dyads, "b") == "",
    )
    controls = []  # what each arm's sums say of the control arm: the same
    for one in arms:
        total, here = float(number[arm == one].sum()), of_arm == one
        for rows, times in ((here & ~is_state, 1), (here & is_state, 2)):
            found, effect = (
                int(dyads[name].to_numpy()[rows].sum()) / SUM / times
                for name in ("sum", "effect")
            )
            controls.append(total - effect)
            most = CLOSE * (len(number) + total)
            if abs(found - total) > most or abs(controls[-1] - controls[0]) > most:
                return f"sums by dyad of arm {one} are not those of the runs"
    return None


def _wrong_agreements(
    held: Contents, agreements: pa.Table, expected: Ints
) -> str | None:
    number = agreements["run"].to_numpy().astype(np.int64)
    if not np.isin(number, expected).all():
        return f"an agreement of run {number[~np.isin(number, expected)][0]}, which does not belong there"
    states = {state["id"] for state in held.manifest.inputs["states"]}
    for column, words in {
        "arm": {*held.manifest.arms},
        "a": states,
        "b": states,
    }.items():
        if foreign := set(column_words(agreements, column)) - words:
            return f"an agreement with {column} {min(foreign)}, which the study does not have"
    classes = held.manifest.class_table
    codes = sorted(classes.list_of)
    lists = (("a", codes), ("b", codes), ("direction", DIRECTIONS))
    ways = np.column_stack(
        [positions(agreements, column, words) for column, words in lists]
    )
    for a, b, way in np.unique(ways, axis=0):
        if classes.direction(codes[a], codes[b]) != DIRECTIONS[way]:
            said = f"an agreement of {codes[a]}-{codes[b]} counted as {DIRECTIONS[way]}"
            return f"{said}, which the class table does not say"
    twice = agreements.select(KEY).unify_dictionaries().to_pandas().duplicated().any()
    return "an agreement stands there twice" if twice else None


def unchecked(held: Contents) -> list[str]:
    """What in the folder nothing here vouches for: what no checksum was put down of,
    and is no part of a study.

    Folders are named with a slash and the number of files in them."""
    sums, points = noted(held.store.folder), held.manifest.points
    known = {
        "manifest.json",
        "summary.json",
        "failed.json",
        "codebook.csv",
        "lock",
        "progress.json",
    }
    known |= {SUMS, *TABLES, RECORDS, *sums}
    if held.is_sweep:
        known |= {
            "levels.csv",
            "effects.csv",
            f"points.{points.sha256 if points else None}.parquet",
        }
    out = []
    for path in sorted(held.store.folder.iterdir()):
        if path.name in known or path.name.endswith(".partial"):
            continue
        if not path.is_dir():
            out.append(path.name)
            continue
        files = (
            one.relative_to(held.store.folder).as_posix()
            for one in path.rglob("*")
            if not one.is_dir()
        )
        if many := sum(name not in sums for name in files):
            out.append(f"{path.name}/ ({many:,} files)")
    return out


def unexpected(store: Store) -> list[str]:
    """Files among the shards that no record names. They are read by nobody."""
    names = {path.relative_to(store.folder).as_posix() for path in store.record_paths()}
    with suppress(StoreDamaged):  # named by its checksum
        for shard in store.shards():
            paths = shard.paths
            names |= {path.relative_to(store.folder).as_posix() for path in paths}
    files = []
    for place in (*TABLES, RECORDS):
        folder = store.folder / place
        there = os.listdir(folder) if folder.is_dir() else ()
        files += [f"{place}/{name}" for name in there if not name.endswith(".partial")]
    return sorted({*files} - names)
