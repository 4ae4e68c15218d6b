"""Keeping block tables: in this process, or in a results folder under its lock, with a
manifest."""

from __future__ import annotations

import json
import operator
import platform
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import classes_of
from balance_sim.model.classes import LISTS
from balance_sim.scenario.diagnostics import CONTROL, listed, shown
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.files import EXHAUSTED
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.atomic_files import LOCK
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import TaskResult
from balance_sim.study.machine import cpu_type
from balance_sim.study.manifest import FILE as MANIFEST
from balance_sim.study.manifest import MANIFEST_VERSION, Manifest
from balance_sim.study.shards import FAILED, TABLES, Shard, differing_names
from balance_sim.study.store import Store, refuse_lost
from balance_sim.study.tables import BlockTables

OUR_FILES = {"summary.json", "game.json", "failed.json", "report.html", "figures"}
OUR_FILES |= {f"{table}.csv" for table in ("codebook", "levels", "effects", "dyads")}
MOST_NAMED, WIDTH = 4, 78  # lines of differences in a refusal, and columns of each
FIRST_NAMED = (
    "title",
    "study",
    "arms",
    "seed",
    "model",
    "draw_parameters",
    "parameters",
)


def version(program: str = "balance-sim") -> str:
    """The installed version of a program."""
    from importlib.metadata import version as installed

    return installed(program)


def refuse_strange(folder: Path, known: tuple[str, ...] = ()) -> None:
    """Raise WrongRequest where a folder to write into holds other things, and no study
    of ours or known file."""
    try:
        names = {path.name for path in folder.iterdir()}
    except (
        OSError
    ) as error:  # none there, or not to be read: told of by the first write
        if error.errno in EXHAUSTED:
            raise
        return
    if {MANIFEST, *known} & names or any(
        Store(folder).every_shard(table) for table in TABLES
    ):
        return
    ours = {LOCK, FAILED, *TABLES, *OUR_FILES}
    if strange := sorted(
        name for name in names - ours if not name.endswith(".partial")
    ):
        raise WrongRequest(
            f"{shown(str(folder), 200)} holds other things than results ({listed(map(shown, strange), 3)}): "
            "give a new or an empty folder as --out"
        )


class InMemory:
    """Block tables kept in this process."""

    def __init__(self) -> None:
        self._kept: dict[Block, BlockTables | None] = {}
        self._failed: list[dict[str, Any]] = []

    def __enter__(self) -> InMemory:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def want(self, runs: int) -> None:
        """Nothing: who holds the tables knows."""

    def hold(self, runs: int) -> None:
        """Nothing: what is in memory is not lost."""

    def done(self) -> dict[int, list[Block]]:
        return {0: sorted(self._kept, key=lambda block: block.first)}

    def failed(self) -> list[dict[str, Any]]:
        return self._failed

    def keep(self, outcome: TaskResult) -> None:
        self._failed += outcome.failed
        self._kept[outcome.task.block] = outcome.tables

    def outcomes(self, runs: int) -> Iterator[pa.Table]:  # noqa: ARG002 - it holds no others
        """Tables of outcomes kept so far, in the order of runs."""
        yield from (one.runs for one in self.tables())

    def tables(self) -> tuple[BlockTables, ...]:
        return tuple(found for block in self.done()[0] if (found := self._kept[block]))


class Folder:
    """A results folder under its lock; damaged blocks are simulated again. is_mended:
    own code was repaired."""

    def __init__(
        self, folder: Path, manifest: Manifest, *, is_mended: bool = False
    ) -> None:
        self.store = Store(folder)
        self.manifest = manifest
        self.is_mended = is_mended
        self.before: Manifest | None = None
        self._failed: dict[tuple[int, int], dict[str, Any]] = {}
        self._blocks_failed: set[tuple[int, int, int]] = set()
        self._columns: dict[int, list[str]] = {}  # outcomes of each point

    def __enter__(self) -> Folder:
        refuse_strange(self.store.folder)
        self.store.lock()
        try:
            self._agree()
            self.store.repair()
            self._failed = {
                (row["point"], row["run"]): row for row in self.store.failed()
            }
            self._blocks_failed = {shard.key for shard in self.store.shards(FAILED)}
        except BaseException:
            self.store.unlock()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._failed:  # all in one file, for people
                self.store.write_text(
                    "failed.json", json.dumps(self.failed(), indent=1) + "\n"
                )
            else:
                (self.store.folder / "failed.json").unlink(missing_ok=True)
        finally:
            self.store.unlock()

    def _agree(self) -> None:
        folder, self.before = self.store.folder, self.store.read_manifest()
        kept = self.before
        if kept is not None and self.is_mended:
            self.before = kept.model_copy(update={"own_code": self.manifest.own_code})
        if self.before is None:
            if any(self.store.shards(table) for table in ("runs", "accords")):
                raise WrongRequest(
                    f"{folder} holds results without a manifest; choose another --out."
                )
            self.store.write_manifest(self.manifest)
        elif differences := differing(self.before, self.manifest):
            raise WrongRequest(
                f"{folder} holds another study; choose another --out, or delete the folder to start anew.\n"
                "What differs:\n  " + "\n  ".join(in_short(differences))
            )
        elif self.before != kept:
            self.store.write_manifest(self.before)

    def want(self, runs: int) -> None:
        """Put down how many replications are asked for, so that every reader knows
        whether some are lacking."""
        there = self.store.read_manifest() or self.manifest
        if there.runs != runs or there.game != self.manifest.game:
            asked = {"runs": runs, "command": self.manifest.command}
            asked |= {} if self.manifest.game is None else {"game": self.manifest.game}
            self.store.write_manifest(there.model_copy(update=asked))

    def hold(self, runs: int) -> None:
        """Raises StoreDamaged where some of the first so many replications are gone
        again."""
        refuse_lost(self.store, [0], runs)

    def done(self) -> dict[int, list[Block]]:
        return self.store.done()

    def failed(self) -> list[dict[str, Any]]:
        return [self._failed[key] for key in sorted(self._failed)]

    def outcomes(self, runs: int) -> Iterator[pa.Table]:
        """Tables of outcomes of the first so many runs, in their order."""
        return self.store.outcomes(0, runs)

    def forget_failed(self) -> None:
        """Take blocks with failed replications away, so that they are simulated
        again."""
        self.store.forget_failed()
        self._failed, self._blocks_failed = {}, set()

    def keep(self, outcome: TaskResult) -> None:
        """Keep what came of a task: what failed first, so that no block counts as done
        without it."""
        task, rows = outcome.task, [*outcome.failed]
        key = (task.point, task.block.first, task.block.stop)
        if rows or key in self._blocks_failed or self._failed:
            self.store.write_failed(task.point, task.block, rows)
            for run in task.block.runs:
                self._failed.pop((task.point, run), None)
            self._failed |= {(row["point"], row["run"]): row for row in rows}
        if outcome.tables is not None:
            self._refuse_other_columns(task.point, outcome.tables.runs.column_names)
            self.store.write(task.point, task.block, outcome.tables)

    def _refuse_other_columns(self, point: int, names: list[str]) -> None:
        """Blocks of one point with other outcomes are of another version. Those of two
        points may differ."""
        if point not in self._columns:
            shard = self._found.get(point)
            self._columns[point] = (shard and self.store.columns(shard)) or names
        if self._columns[point] != names:
            raise WrongRequest(
                f"{self.store.folder} was begun by another version of balance-sim, with other outcomes "
                f"({differing_names(self._columns[point], names)}); choose another --out."
            )

    @cached_property
    def _found(self) -> dict[int, Shard]:
        """A shard of outcomes of each point that had one when the first block was
        kept."""
        return {shard.point: shard for shard in self.store.shards()}


# -- what a study is ---------------------------------------------------------------------------------


def manifest_of(
    study: str,
    scenario: Scenario,
    arms: tuple[str, ...],
    seed: int,
    model: str | None,
    **more: Any,
) -> Manifest:
    """What decides a study's results, and what it was made with. Without paths and
    dates."""
    plain = {
        "manifest_version": MANIFEST_VERSION,
        "study": study,
        "scenario": {"name": scenario.name, "sha256": content_digest(scenario)},
        "inputs": inputs_of(scenario),
        "classes": classes_of(scenario).as_dict(),
        "arms": sorted(arms),
        "seed": seed,
        "runs": 0,
        "model": model,
        "draw_parameters": False,
        "versions": {
            "balance_sim": version(),
            "numpy": np.__version__,
            "pandas": version("pandas"),
            "pyarrow": pa.__version__,
            "python": platform.python_version(),
            "scipy": version("scipy"),
        },
        "cpu": cpu_type(),
    }
    return Manifest.model_validate(plain | more)


def inputs_of(scenario: Scenario) -> dict[str, Any]:
    """The scenario's complete content."""
    return scenario.model_dump(mode="json", exclude={"sha256"})


def scenario_of(manifest: Manifest) -> Scenario:
    """The scenario a manifest holds, with its class table if kept. Raises StoreDamaged
    where they do not fit."""
    declared = manifest.scenario.sha256
    try:
        scenario = Scenario.model_validate_json(json.dumps(manifest.inputs))
        digest = content_digest(scenario)
    except ValueError as error:
        where = " ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise StoreDamaged(
            f"manifest.json: `inputs` is no scenario: {where}. Restore it."
        ) from None
    if digest != declared:
        raise StoreDamaged(
            "manifest.json: `inputs` is not the scenario of that sha256. Restore it."
        )
    has_focal = any(event.id == scenario.focal for event in scenario.events)
    if any(CONTROL.search(text) for text in _texts(manifest.inputs)) or not has_focal:
        raise StoreDamaged(
            "manifest.json: `inputs` is no scenario that would be read from a file. Restore it."
        )
    classes = manifest.class_table
    if classes is not None and not {*scenario.codes} <= {*classes.list_of}:
        raise StoreDamaged(
            "manifest.json: `classes` lacks states of the scenario. Restore it."
        )
    return scenario.model_copy(update={"sha256": declared}).counted_as(classes)


def _texts(value: Any) -> Iterator[str]:
    """Every text in plain data, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for child in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(child)


def differing(before: Manifest, now: Manifest) -> list[str]:
    """Keys in which two manifests ask for different results, with both values in words:
    `key: text`."""
    keys = ("study", "arms", "seed", "model", "draw_parameters")
    told = {key: [getattr(one, key) for one in (before, now)] for key in keys}
    told |= {"own_outcomes": [dict(one.own) for one in (before, now)]}
    told |= {"own_rules": [dict(one.rules) for one in (before, now)]}
    out = [
        _both(key, there, here) for key, (there, here) in told.items() if there != here
    ]
    out += [
        f"{module}: its text is another one than it was; run into a new folder; after a repair, `sweep --retry-failed`"
        for module, text in (before.own_code or {}).items()
        if (now.own_code or {}).get(module, text) != text
    ]
    out += (
        []
        if before.further == now.further
        else ["game: other players, or other outcomes of theirs"]
    )
    numpy_there, numpy_here = (
        one.versions["numpy"].split(".")[0] for one in (before, now)
    )
    if before.version != now.version or numpy_there != numpy_here:
        programs = [
            name
            for name in ("balance_sim", "numpy")
            if before.versions[name] != now.versions[name]
        ]
        out += [
            f"version of {name}: {before.versions[name]} there, {now.versions[name]} here"
            for name in programs
        ]
    if before.scenario.sha256 != now.scenario.sha256:
        out += [_both(*found) for found in differences(before.inputs, now.inputs)] or [
            "scenario: another content"
        ]
    elif not out:
        out += _classes_that_differ(before, now)
    return out


def _both(key: str, there: Any, here: Any) -> str:
    """A difference in words: long texts are clipped so that both have room in a
    line."""
    room = max((WIDTH - len(f"{key}:  there,  asked for")) // 2, 12)
    return f"{key}: {_worded(there, room)} there, {_worded(here, room)} asked for"


def _worded(value: Any, room: int) -> str:
    """A value of a manifest in at most so many columns."""
    if isinstance(value, dict) and not all(
        isinstance(one, str) for one in value.values()
    ):
        return f"{len(value)} fields"
    if isinstance(value, dict | list | tuple):
        texts = [
            f"{one} {value[one]}" if isinstance(value, dict) else str(one)
            for one in value
        ]
        text = ", ".join(texts)
        return (
            shown(
                text
                if len(text) <= room
                else f"{len(texts)} ({text}"[: room - 4] + "...)"
            )
            if texts
            else "none"
        )
    if isinstance(value, str) and " " in value:
        return f"'{shown(value, room - 2)}'"
    return "none" if value is None else shown(value, room)


def in_short(found: list[str]) -> list[str]:
    """Differences in at most MOST_NAMED lines of WIDTH columns: a line a section of the
    study, the title first.

    >>> in_short(["states.XAR.gdp_bn: 9 there, 8 asked for", "states.XBE: none there", "seed: 1 there, 2 asked for"])
    ['seed: 1 there, 2 asked for', 'states: 2 values differ']
    """
    sections: dict[str, list[str]] = {}
    for line in found:
        sections.setdefault(line.partition(":")[0].partition(".")[0], []).append(line)
    order = [head for head in FIRST_NAMED if head in sections]
    order += [head for head in sections if head not in FIRST_NAMED]
    lines = []
    for head in order:
        of = sections[head]
        several = [f"{head}: {len(of):,} values differ"] if len(of) > 1 else of
        lines.append(
            next((line for line in of if line.startswith(f"{head}:")), several[0])
        )
    if len(lines) > MOST_NAMED:
        lines[MOST_NAMED - 1 :] = [f"and also: {', '.join(order[MOST_NAMED - 1 :])}"]
    return [
        line if len(line) <= WIDTH else line[: WIDTH - 4] + " ..." for line in lines
    ]


def _classes_that_differ(before: Manifest, now: Manifest) -> list[str]:
    """How two studies of one scenario differ in their class tables, which follow from
    the files as written."""
    there, here = before.class_table, now.class_table
    assert here is not None  # this version keeps it
    if there is None and before.is_sweep:
        return [
            "classes: none there, whose points were each counted by classes of their own"
        ]
    there = there or classes_of(scenario_of(before))
    if dyads := [
        f"{a}-{b}: {one} there, {two} asked for"
        for (a, b), one, two in there.unlike(here)
    ]:
        return [
            f"classes of {len(dyads):,} dyads, of another scenario as written",
            *dyads,
        ]
    return [
        f"classes.{line}"
        for line in leaf_differences(there.as_dict(), here.as_dict())
        if not line.startswith(("sha256", *LISTS))
    ]


def leaf_differences(
    a: Any, b: Any, words: str = "{a!r} there, {b!r} asked for"
) -> list[str]:
    """Key paths at which two trees differ, with both values."""
    return [
        f"{path}: {words.format(a=one, b=other)}"
        for path, one, other in differences(a, b)
    ]


def differences(
    a: Any,
    b: Any,
    path: str = "",
    *,
    same: Callable[[Any, Any], bool] = operator.eq,
    exact: bool = False,
) -> Iterator[tuple[str, Any, Any]]:
    """Key paths at which two trees of JSON differ, and both values there.

    same: whether two leaves are. exact: keys have to be the same and lists go by place;
    else what is missing is null, and items of lists go by their names or ids where they
    have any."""
    one, other = a, b
    if isinstance(a, list) and isinstance(b, list):
        named = _are_names(a) and _are_names(b) and {*a} != {*b}
        one, other = (
            dict(enumerate(of))
            if exact
            else {k: k for k in of}
            if named
            else _by_id(of)
            for of in (a, b)
        )
    if (
        isinstance(one, dict)
        and isinstance(other, dict)
        and not (exact and one.keys() != other.keys())
    ):
        for key in sorted({*one, *other}, key=str):
            below = f"{path}.{key}" if path else str(key)
            yield from differences(
                one.get(key), other.get(key), below, same=same, exact=exact
            )
    elif not same(a, b):
        yield path, a, b


def _are_names(items: list[Any]) -> bool:
    return all(isinstance(item, str) for item in items) and len({*items}) == len(items)


def _by_id(items: list[Any]) -> dict[Any, Any]:
    have_ids = all(isinstance(item, dict) and "id" in item for item in items)
    return {item["id"] if have_ids else at: item for at, item in enumerate(items)}
