"""Keeping what is simulated: in this process, or in a results folder under its lock,
with a manifest that says what decides the study's results."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from balance_sim.model.baseline import classes_of
from balance_sim.model.own.fingerprint import (
    CodeFingerprint,
    code_fingerprint,
    driver_fingerprint,
)
from balance_sim.scenario.diagnostics import CONTROL, listed, shown
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import Block
from balance_sim.study.differences import differences
from balance_sim.study.jobs import Job, TaskResult
from balance_sim.study.manifest import FILE as MANIFEST
from balance_sim.study.manifest import Manifest, made_here
from balance_sim.study.own_outcomes import CodeReferences, meaning
from balance_sim.study.store import LOCK, Store
from balance_sim.study.tables import BlockTables

MOST_NAMED = 4
"""Differences between two studies that a refusal names."""
IDENTITY = ["study", "arms", "seed", "model", "draw_parameters"]
IDENTITY += ["own_outcomes", "own_rules"]
"""Keys of a manifest that decide results, besides scenario, game and code."""


def refuse_strange(folder: Path, known: tuple[str, ...] = ()) -> None:
    """Refuse to write into a folder that holds other things.

    Parameters
    ----------
    folder : to write into; it need not be there
    known : names of files that mark it as one of ours besides a manifest

    Raises
    ------
    WrongRequest : with the names of what it holds
    """
    if not folder.is_dir() or Store(folder).record_paths():
        return
    names = {path.name for path in folder.iterdir()}
    strange = sorted(name for name in names - {LOCK} if not name.endswith(".partial"))
    if strange and not {MANIFEST, *known} & names:
        raise WrongRequest(
            f"{shown(str(folder), 200)} holds other things than results "
            f"({listed(map(shown, strange), 3)}): "
            "give a new or an empty folder as --out"
        )


class InMemory:
    """Block tables kept in this process: what `Folder` is, without a folder."""

    def __init__(self) -> None:
        self._tables: dict[Block, BlockTables | None] = {}
        self._failed: list[dict[str, Any]] = []

    def __enter__(self) -> InMemory:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def want(self, runs: int) -> None:
        """Nothing: who holds the tables knows."""

    def done(self) -> dict[int, list[Block]]:
        """Return blocks that are done, by point: the only one."""
        return {0: sorted(self._tables, key=lambda block: block.first)}

    def failed(self) -> list[dict[str, Any]]:
        """Return the replications that failed."""
        return self._failed

    def keep(self, result: TaskResult) -> None:
        """Keep what came of a task."""
        self._failed += result.failed
        self._tables[result.task.block] = result.tables

    def outcomes(self, runs: int) -> Iterator[pa.Table]:  # noqa: ARG002
        """Yield tables of outcomes kept so far, in the order of runs."""
        return (tables.runs for tables in self.tables())

    def tables(self) -> tuple[BlockTables, ...]:
        """Return the tables of blocks of which a replication finished, in the order of
        runs."""
        tables = (self._tables[block] for block in self.done()[0])
        return tuple(block for block in tables if block is not None)


class Folder:
    """A results folder under its lock, to write into.

    As it is opened, damaged shards are taken away, so that their blocks are simulated
    again. Small blocks are written together, so that many points of few replications do
    not make many files: a shard holds as many blocks as are written already, unless it
    would be large, or has waited for MOST_SECONDS; a stop loses no more.

    Attributes
    ----------
    store : the folder
    manifest : as it stands there
    is_mended : code of one's own was repaired, so that where replications failed other
        text of it is no other study
    """

    MOST_ROWS = 20_000
    MOST_SECONDS = 10.0

    def __init__(
        self, folder: Path, manifest: Manifest, *, is_mended: bool = False
    ) -> None:
        self.store = Store(folder)
        self.manifest = manifest
        self.is_mended = is_mended
        self._failed: dict[tuple[int, int], dict[str, Any]] = {}
        self._waiting: list[TaskResult] = []
        self._since = time.monotonic()
        self._written = 0

    def __enter__(self) -> Folder:
        refuse_strange(self.store.folder)
        self.store.lock()
        try:
            self._agree()
            self.store.discard_damaged()
            self._failed = _by_run(self.store.failed())
        except BaseException:
            self.store.unlock()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
            if self._failed:  # all in one file, for people
                text = json.dumps(self.failed(), indent=1) + "\n"
                self.store.write_text("failed.json", text)
            else:
                (self.store.folder / "failed.json").unlink(missing_ok=True)
        finally:
            self.store.unlock()

    def _agree(self) -> None:
        """Hold the study against the manifest that is there, or write the first one;
        what has simulated so far stays on record."""
        if not self.store.record_paths() and self.store.read_manifest() is None:
            self.store.write_manifest(self.manifest)
        stored = self.store.manifest()
        is_mended = self.is_mended and bool(self.store.failed())
        lines = differing(stored, self.manifest, is_mended=is_mended)
        if lines:
            named = [shown(line, 160) for line in lines[:MOST_NAMED]]
            if len(lines) > MOST_NAMED:
                named.append(f"and {len(lines) - MOST_NAMED} more")
            raise WrongRequest(
                f"{self.store.folder} holds another study; choose another --out, or "
                "delete the folder to start anew.\nWhat differs:\n  "
                + "\n  ".join(named)
            )
        entries = {key: getattr(stored, key) for key in ("runs", "points", "design")}
        versions = stored.versions
        if versions[-1] != self.manifest.versions[-1]:
            versions = [*versions, *self.manifest.versions]
        self.update(versions=versions, **entries)

    def update(self, **entries: Any) -> None:
        """Write the manifest with other entries, where that changes it.

        Raises
        ------
        CannotWrite : from the folder
        """
        self.manifest = self.manifest.model_copy(update=entries)
        if self.store.read_manifest() != self.manifest:
            self.store.write_manifest(self.manifest)

    def want(self, runs: int) -> None:
        """Put down how many replications are asked for, so that every reader knows
        whether some are lacking."""
        self.update(runs=runs)

    def done(self) -> dict[int, list[Block]]:
        """Return blocks that are done, by point."""
        self.flush()
        return self.store.done()

    def failed(self) -> list[dict[str, Any]]:
        """Return the replications that failed, by point and run."""
        return [self._failed[key] for key in sorted(self._failed)]

    def outcomes(self, runs: int) -> Iterator[pa.Table]:
        """Yield tables of outcomes of the first so many runs, in their order."""
        self.flush()
        return self.store.outcomes(0, runs)

    def forget_failed(self) -> None:
        """Take blocks with failed replications away, so that they are simulated
        again."""
        self.store.forget_failed()
        self._failed = {}

    def keep(self, result: TaskResult) -> None:
        """Keep what came of a task; it is written with others.

        Raises
        ------
        CannotWrite : from the folder
        """
        self._failed |= _by_run(result.failed)
        if self._waiting and not _are_alike(self._waiting[0], result):
            self.flush()
        self._waiting.append(result)
        blocks = [result.tables for result in self._waiting if result.tables]
        is_large = sum(len(block.runs) for block in blocks) >= self.MOST_ROWS
        is_old = time.monotonic() - self._since >= self.MOST_SECONDS
        if is_large or is_old or len(self._waiting) >= self._written:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one shard. Raises CannotWrite."""
        if self._waiting:
            self.store.write(self.manifest.study_key, self._waiting)
        self._written += len(self._waiting)
        self._waiting = []
        self._since = time.monotonic()


def shards_expected(blocks: int, rows: int, seconds: float) -> int:
    """Return about how many shards a study makes.

    Parameters
    ----------
    blocks : that are simulated
    rows : of outcomes in all of them
    seconds : that this takes
    """
    doublings = blocks.bit_length() + 1
    others = max(rows // Folder.MOST_ROWS, int(seconds / Folder.MOST_SECONDS))
    return max(min(blocks, doublings + others), 1)


def _by_run(rows: Any) -> dict[tuple[int, int], dict[str, Any]]:
    """Return failed replications by point and run."""
    return {(row["point"], row["run"]): row for row in rows}


def _are_alike(first: TaskResult, second: TaskResult) -> bool:
    """Return whether two blocks may stand in one shard: their tables have the same
    columns, or one has none."""
    if first.tables is None or second.tables is None:
        return first.tables is second.tables
    schemas = [
        [table.schema for table in tables.by_name.values()]
        for tables in (first.tables, second.tables)
    ]
    return schemas[0] == schemas[1]


# -- what a study is -------------------------------------------------------------------


def manifest_of(
    study: str, job: Job, rules: CodeReferences, entries: Mapping[str, Any]
) -> Manifest:
    """Return what decides a study's results, and what it was made with: no paths and no
    dates.

    Parameters
    ----------
    study : `run` or `sweep`
    job : what is simulated
    rules : terms and types of event of one's own
    entries : further keys

    Raises
    ------
    CodeDiffers : where code of one's own was edited after it was imported
    """
    scenario = job.scenario
    references = [*job.references, *(reference for _, reference in rules)]
    maker = made_here(driver_fingerprint(references))
    plain = {
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
        "versions": [maker.model_dump()],
        "own_outcomes": dict(job.own),
        "own_meanings": {name: meaning(reference) for name, reference in job.own},
        "own_rules": dict(rules),
    }
    return Manifest.model_validate(plain | dict(entries))


def inputs_of(scenario: Scenario) -> dict[str, Any]:
    """Return the scenario's complete content."""
    return scenario.model_dump(mode="json", exclude={"sha256"})


def scenario_of(manifest: Manifest) -> Scenario:
    """Return the scenario a manifest holds, with its class table.

    Raises
    ------
    StoreDamaged : where the content is no scenario, or not that of its sha256
    """
    classes, declared = manifest.class_table, manifest.scenario.sha256
    try:
        scenario = Scenario.model_validate_json(json.dumps(manifest.inputs))
        if content_digest(scenario) != declared:
            raise ValueError("not the scenario of that sha256")
        if any(CONTROL.search(text) for text in _texts(manifest.inputs)):
            raise ValueError("characters that are not printable")
        if all(event.id != scenario.focal for event in scenario.events):
            raise ValueError("no focal event")
        if not {*scenario.codes} <= {*classes.list_of}:
            raise ValueError("states that its class table lacks")
    except ValueError as error:
        why = shown(" ".join(str(error).split()), 300)
        raise StoreDamaged(
            f"manifest.json: `inputs` is no scenario: {why}. Restore it."
        ) from None
    return scenario.model_copy(update={"sha256": declared}).counted_as(classes)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in plain data, keys too."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for child in value:
            yield from _texts(child)
    elif isinstance(value, str):
        yield value


def differing(before: Manifest, now: Manifest, *, is_mended: bool = False) -> list[str]:
    """Return the keys in which two manifests ask for other results, with both values.

    Parameters
    ----------
    before, now : of the folder, and of the study that is asked for
    is_mended : other text of one's own modules is what was wanted
    """
    stored, present = before.versions[-1], now.versions[-1]
    pairs = [(key, getattr(before, key), getattr(now, key)) for key in IDENTITY]
    if before.further != now.further:
        pairs.append(("game", "other players, or outcomes of theirs", "these"))
    for name in ("balance_sim", "numpy"):
        versions = stored.programs.get(name, "none"), present.programs[name]
        majors = [version.split(".")[0] for version in versions]
        if name == "balance_sim" or majors[0] != majors[1]:
            pairs.append((f"version of {name}", *versions))
    codes = stored.fingerprint, present.fingerprint
    if is_mended:
        codes = CodeFingerprint(stored.code), CodeFingerprint(present.code)
    hint = "run into a new folder; after a repair, `sweep --retry-failed`"
    lines = [
        f"code: {name} {old} there, {new} here; {hint}"
        for name, old, new in codes[0].differences(codes[1])
    ]
    if before.scenario.sha256 != now.scenario.sha256:
        pairs += differences(before.inputs, now.inputs)
    pairs.append(("classes", before.classes["sha256"], now.classes["sha256"]))
    lines += [
        f"{key}: {shown(old)} there, {shown(new)} asked for"
        for key, old, new in pairs
        if old != new
    ]
    return lines


def refuse_code(made: CodeFingerprint) -> None:
    """Refuse code other than that which made a study.

    Raises
    ------
    CodeDiffers : with both values, where the package or a module of one's own has
        another text here
    """
    present = code_fingerprint(made.modules)
    made.refuse_other(present, "this machine", "Restore the files that made the study")
