"""Keeping block tables: in this process, or in a results folder under its lock, with a
manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from balance_sim.model.baseline import classes_of
from balance_sim.model.classes import LISTS, Classes
from balance_sim.model.own.fingerprint import (
    CodeFingerprint,
    code_fingerprint,
    driver_fingerprint,
)
from balance_sim.scenario.diagnostics import CONTROL, listed, shown
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.files import EXHAUSTED
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.atomic_files import LOCK
from balance_sim.study.blocks import Block
from balance_sim.study.differences import differences, leaf_differences
from balance_sim.study.jobs import Job, TaskResult
from balance_sim.study.manifest import FILE as MANIFEST
from balance_sim.study.manifest import MANIFEST_VERSION, MadeWith, Manifest, made_here
from balance_sim.study.own_outcomes import CodeReferences, meaning
from balance_sim.study.shards import RECORDS, TABLES
from balance_sim.study.store import ShardWriter, Store, refuse_lost
from balance_sim.study.tables import BlockTables

OUR_FILES = {"summary.json", "game.json", "failed.json", "report.html", "figures"}
OUR_FILES |= {f"{table}.csv" for table in ("codebook", "levels", "effects", "dyads")}
MOST_NAMED, WIDTH = 4, 78  # lines of differences in a refusal, and columns of each
IDENTITY = (
    "study",
    "arms",
    "seed",
    "model",
    "draw_parameters",
    "own_outcomes",
    "own_rules",
)
"""Keys of a manifest that decide results, besides scenario, game and code."""
PROGRAMS = ("balance_sim", "numpy")
FIRST_NAMED = (
    "title",
    "study",
    "arms",
    "seed",
    "model",
    "draw_parameters",
    "parameters",
)


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
    if {MANIFEST, *known} & names or Store(folder).record_paths():
        return
    results = {LOCK, RECORDS, *TABLES, *OUR_FILES}
    strange = sorted(name for name in names - results if not name.endswith(".partial"))
    if strange:
        raise WrongRequest(
            f"{shown(str(folder), 200)} holds other things than results "
            f"({listed(map(shown, strange), 3)}): "
            "give a new or an empty folder as --out"
        )


class InMemory:
    """Block tables kept in this process."""

    def __init__(self) -> None:
        self._tables: dict[Block, BlockTables | None] = {}
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
        """Blocks that are done, by point: the only one."""
        return {0: sorted(self._tables, key=lambda block: block.first)}

    def failed(self) -> list[dict[str, Any]]:
        """Replications that failed."""
        return self._failed

    def keep(self, result: TaskResult) -> None:
        """Keep what came of a task."""
        self._failed += result.failed
        self._tables[result.task.block] = result.tables

    def outcomes(self, runs: int) -> Iterator[pa.Table]:  # noqa: ARG002
        """Tables of outcomes kept so far, in the order of runs."""
        return (tables.runs for tables in self.tables())

    def tables(self) -> tuple[BlockTables, ...]:
        """Tables of blocks of which a replication finished, in the order of runs."""
        tables = (self._tables[block] for block in self.done()[0])
        return tuple(block for block in tables if block is not None)


class Folder:
    """A results folder under its lock.

    As it is opened, damaged shards are taken away, so that their blocks are simulated
    again. is_mended: code of one's own was repaired. before: the manifest that was
    there."""

    def __init__(
        self, folder: Path, manifest: Manifest, *, is_mended: bool = False
    ) -> None:
        self.store = Store(folder)
        self.manifest = manifest
        self.is_mended = is_mended
        self.before: Manifest | None = None
        self._writer = ShardWriter(self.store, manifest.study_key)
        self._failed: dict[tuple[int, int], dict[str, Any]] = {}

    def __enter__(self) -> Folder:
        refuse_strange(self.store.folder)
        self.store.lock()
        try:
            self._agree()
            self.store.discard_damaged()
            self._note_failed(self.store.failed())
        except BaseException:
            self.store.unlock()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._writer.flush()
            if self._failed:  # all in one file, for people
                text = json.dumps(self.failed(), indent=1) + "\n"
                self.store.write_text("failed.json", text)
            else:
                (self.store.folder / "failed.json").unlink(missing_ok=True)
        finally:
            self.store.unlock()

    def _agree(self) -> None:
        """Write the manifest, or hold the study against that which is there."""
        folder, stored = self.store.folder, self.store.read_manifest()
        self.before = stored
        if stored is None:
            if self.store.record_paths():
                raise WrongRequest(
                    f"{folder} holds results without a manifest; choose another --out."
                )
            self.store.write_manifest(self.manifest)
            return
        lines = differing(stored, self.manifest, is_mended=self.is_mended)
        if lines:
            raise WrongRequest(
                f"{folder} holds another study; choose another --out, or delete the "
                "folder to start anew.\nWhat differs:\n  "
                + "\n  ".join(in_short(lines))
            )
        made = self.manifest.versions[-1]
        if stored.versions[-1] != made:
            resumed = {"versions": [*stored.versions, made]}
            self.before = stored.model_copy(update=resumed)
            self.store.write_manifest(self.before)

    def want(self, runs: int) -> None:
        """Put down how many replications are asked for, so that every reader knows
        whether some are lacking."""
        stored = self.store.read_manifest() or self.manifest
        if stored.runs != runs or stored.game != self.manifest.game:
            update: dict[str, Any] = {"runs": runs, "command": self.manifest.command}
            if self.manifest.game is not None:
                update["game"] = self.manifest.game
            self.store.write_manifest(stored.model_copy(update=update))

    def hold(self, runs: int) -> None:
        """Raise StoreDamaged where some of the first so many replications are gone
        again."""
        self._writer.flush()
        refuse_lost(self.store, [0], runs)

    def done(self) -> dict[int, list[Block]]:
        """Blocks that are done, by point."""
        self._writer.flush()
        return self.store.done()

    def failed(self) -> list[dict[str, Any]]:
        """Replications that failed, by point and run."""
        return [self._failed[key] for key in sorted(self._failed)]

    def outcomes(self, runs: int) -> Iterator[pa.Table]:
        """Tables of outcomes of the first so many runs, in their order."""
        self._writer.flush()
        return self.store.outcomes(0, runs)

    def forget_failed(self) -> None:
        """Take blocks with failed replications away, so that they are simulated
        again."""
        self.store.forget_failed()
        self._failed = {}

    def keep(self, result: TaskResult) -> None:
        """Keep what came of a task. Raises CannotWrite."""
        task = result.task
        self._note_failed(result.failed)
        self._writer.add(task.point, task.block, result.tables, result.failed)

    def flush(self) -> None:
        """Write what waits to be written. Raises CannotWrite."""
        self._writer.flush()

    def _note_failed(self, rows: Iterable[dict[str, Any]]) -> None:
        self._failed |= {(row["point"], row["run"]): row for row in rows}


# -- what a study is -------------------------------------------------------------------


def manifest_of(
    study: str, job: Job, rules: CodeReferences, entries: Mapping[str, Any]
) -> Manifest:
    """What decides a study's results, and what it was made with. Without paths and
    dates.

    rules: terms and kinds of event of one's own; entries: further keys. Raises
    CodeDiffers where code of one's own was edited after it was imported."""
    scenario = job.scenario
    references = [*job.references, *(reference for _, reference in rules)]
    made = made_here(driver_fingerprint(references))
    plain = {
        "manifest_version": MANIFEST_VERSION,
        "study": study,
        "scenario": {"name": scenario.name, "sha256": content_digest(scenario)},
        "inputs": inputs_of(scenario),
        "classes": classes_of(scenario).as_dict(),
        "arms": sorted(job.arms),
        "seed": job.seed,
        "runs": 0,
        "model": job.model,
        "draw_parameters": job.draws,
        "mechanisms": job.has_extra_arms,
        "versions": [made.model_dump()],
    }
    if job.own:
        meanings = {name: meaning(reference) for name, reference in job.own}
        plain |= {"own_outcomes": dict(job.own), "own_meanings": meanings}
    if rules:
        plain["own_rules"] = dict(rules)
    return Manifest.model_validate(plain | dict(entries))


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
            "manifest.json: `inputs` is no scenario that would be read from a file. "
            "Restore it."
        )
    classes = manifest.class_table
    if not {*scenario.codes} <= {*classes.list_of}:
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


def differing(before: Manifest, now: Manifest, *, is_mended: bool = False) -> list[str]:
    """Keys in which two manifests ask for different results, with both values in words:
    `key: text`. is_mended: other text of one's own modules is what was wanted."""
    lines = []
    for key in IDENTITY:
        pair = getattr(before, key), getattr(now, key)
        if pair[0] != pair[1]:
            lines.append(_both(key, *pair))
    if before.further != now.further:
        lines.append("game: other players, or other outcomes of theirs")
    lines += _versions_that_differ(before.versions[-1], now.versions[-1])
    lines += _code_that_differs(
        before.versions[-1], now.versions[-1], is_mended=is_mended
    )
    if before.scenario.sha256 != now.scenario.sha256:
        changes = [_both(*change) for change in differences(before.inputs, now.inputs)]
        lines += changes or ["scenario: another content"]
    elif not lines:
        lines += _classes_that_differ(before.class_table, now.class_table)
    return lines


def _versions_that_differ(there: MadeWith, here: MadeWith) -> list[str]:
    """Versions of balance-sim, or the first part of NumPy's, that differ."""
    numpy = [made.numpy.split(".")[0] for made in (there, here)]
    if there.balance_sim == here.balance_sim and numpy[0] == numpy[1]:
        return []
    pairs = {name: (there.programs[name], here.programs[name]) for name in PROGRAMS}
    return [
        f"version of {name}: {old} there, {new} here"
        for name, (old, new) in pairs.items()
        if old != new
    ]


def _code_that_differs(
    there: MadeWith, here: MadeWith, *, is_mended: bool
) -> list[str]:
    """Sources of the package, and modules of one's own, that differ in their text."""
    old, new = there.fingerprint, here.fingerprint
    if is_mended:
        old, new = CodeFingerprint(old.package), CodeFingerprint(new.package)
    hint = "run into a new folder; after a repair, `sweep --retry-failed`"
    return [
        f"code: {name} {stored} there, {present} here; {hint}"
        for name, stored, present in old.differences(new)
    ]


def refuse_code(made: CodeFingerprint) -> None:
    """Raise CodeDiffers, with both values, where the package or a module of one's own
    has another text here than in the code that made a study."""
    present = code_fingerprint(made.modules)
    made.refuse_other(present, "this machine", "Restore the files that made the study")


def _both(key: str, there: Any, here: Any) -> str:
    """A difference in words: long texts are clipped so that both have room in a
    line."""
    room = max((WIDTH - len(f"{key}:  there,  asked for")) // 2, 12)
    return f"{key}: {_worded(there, room)} there, {_worded(here, room)} asked for"


def _worded(value: Any, room: int) -> str:
    """A value of a manifest in at most so many columns."""
    if value is None or value in ((), [], {}):
        return "none"
    if isinstance(value, dict):
        if not all(isinstance(item, str) for item in value.values()):
            return f"{len(value)} fields"
        value = [f"{key} {item}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        text = ", ".join(map(str, value))
        if len(text) > room:
            text = f"{len(value)} ({text}"[: room - 4] + "...)"
        return shown(text)
    if isinstance(value, str) and " " in value:
        return f"'{shown(value, room - 2)}'"
    return shown(value, room)


def in_short(lines: list[str]) -> list[str]:
    """Differences in at most MOST_NAMED lines of WIDTH columns: a line a section of the
    study, the title first.

    >>> states = ["states.XAR.gdp_bn: 9 there, 8 asked for", "states.XBE: none there"]
    >>> in_short([*states, "seed: 1 there, 2 asked for"])
    ['seed: 1 there, 2 asked for', 'states: 2 values differ']
    """
    sections: dict[str, list[str]] = {}
    for line in lines:
        head = line.partition(":")[0].partition(".")[0]
        sections.setdefault(head, []).append(line)
    order = [head for head in FIRST_NAMED if head in sections]
    order += [head for head in sections if head not in FIRST_NAMED]
    short = [_section_line(head, sections[head]) for head in order]
    if len(short) > MOST_NAMED:
        others = ", ".join(order[MOST_NAMED - 1 :])
        short[MOST_NAMED - 1 :] = [f"and also: {others}"]
    return [
        line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..." for line in short
    ]


def _section_line(head: str, lines: list[str]) -> str:
    """One line for a section: its own, the only one, or how many there are."""
    for line in lines:
        if line.startswith(f"{head}:"):
            return line
    return lines[0] if len(lines) == 1 else f"{head}: {len(lines):,} values differ"


def _classes_that_differ(there: Classes, here: Classes) -> list[str]:
    """How two studies of one scenario differ in their class tables, which follow from
    the files as written."""
    pairs = there.unlike(here)
    if pairs:
        heading = f"classes of {len(pairs):,} dyads, of another scenario as written"
        lines = [f"{a}-{b}: {old} there, {new} asked for" for (a, b), old, new in pairs]
        return [heading, *lines]
    return [
        f"classes.{line}"
        for line in leaf_differences(there.as_dict(), here.as_dict())
        if not line.startswith(("sha256", *LISTS))
    ]
