"""Keeping what is simulated: in this process, or in a results folder under its lock,
with a manifest that says what decides the study's results."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from balance_sim.model.baseline import classes_of
from balance_sim.model.classes import Classes
from balance_sim.model.own.fingerprint import (
    CodeFingerprint,
    code_fingerprint,
    driver_fingerprint,
)
from balance_sim.scenario.diagnostics import CONTROL, listed, shown
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.fingerprint import content_digest, sealed
from balance_sim.scenario.schema import Scenario
from balance_sim.study.atomic_files import make_folder
from balance_sim.study.differences import differences
from balance_sim.study.jobs import Job, TaskResult
from balance_sim.study.manifest import FILE as MANIFEST
from balance_sim.study.manifest import (
    Manifest,
    made_here,
    read_manifest,
    write_manifest,
)
from balance_sim.study.shards import RECORDS, TABLES
from balance_sim.study.store import LOCK, MOST_WAITING, Store

MOST_NAMED = 4
"""Differences between two studies that a refusal names."""
COUNTED_PARTS = {"balance_sim": None, "numpy": 1}
"""By program, how many parts of its version decide results; None: all."""


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


class Folder(Store):
    """A results folder under its lock, to write into.

    As it is opened, damaged shards are taken away, so that their blocks are simulated
    again. Small blocks are written together, so that many points of few replications do
    not make many files: a shard holds as many blocks as are written already, unless it
    would be large, or has waited for MOST_SECONDS; a stop loses no more.

    Attributes
    ----------
    study : the manifest as it stands there
    is_mended : code of one's own was repaired, so that where replications failed other
        text of it is no other study
    """

    MOST_ROWS = 20_000
    MOST_SECONDS = 10.0

    def __init__(
        self, folder: Path, study: Manifest, *, is_mended: bool = False
    ) -> None:
        super().__init__(folder)
        self.study = study
        self.is_mended = is_mended
        self._waiting: list[TaskResult] = []
        self._since = time.monotonic()
        self._written = self._rows = 0

    def __enter__(self) -> Folder:
        if not self._has_lock():  # nothing is put among other things
            refuse_strange(self.folder)
        self._refuse_other_study()  # it is not waited for
        self.lock(MOST_WAITING)
        try:
            refuse_strange(self.folder)
            self._agree()
            for place in (*TABLES, RECORDS):
                make_folder(self.folder / place)
            self.discard_damaged()
        except BaseException:
            self.unlock()
            raise
        return self

    def _has_lock(self) -> bool:
        """Whether another process has begun here: its lock is an empty file."""
        with suppress(OSError):
            return (self.folder / LOCK).stat().st_size == 0
        return False

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
            failed = self.failed()
            if failed:  # all in one file, for people
                self.write_text("failed.json", json.dumps(failed, indent=1) + "\n")
            else:
                (self.folder / "failed.json").unlink(missing_ok=True)
        finally:
            self.unlock()

    def _agree(self) -> None:
        """Hold the study against the manifest that is there, or write the first one;
        what has simulated so far stays on record."""
        if not self.record_paths() and read_manifest(self.folder) is None:
            write_manifest(self.folder, self.study.model_dump())
        self._refuse_other_study()
        stored = self.manifest()
        entries = {key: getattr(stored, key) for key in ("runs", "points", "design")}
        versions = stored.versions
        if versions[-1] != self.study.versions[-1]:
            versions = [*versions, *self.study.versions]
        self.update(versions=versions, **entries)

    def _refuse_other_study(self) -> None:
        """Refuse a folder whose manifest, if there is one, is of another study.

        Raises
        ------
        WrongRequest : with the keys that differ
        """
        stored = read_manifest(self.folder)
        if stored is None:
            return
        is_mended = self.is_mended and bool(self.failed())
        lines = differing(stored, self.study, is_mended=is_mended)
        if lines:
            named = "\n  ".join(shown(line, 160) for line in lines[:MOST_NAMED])
            raise WrongRequest(
                f"{self.folder} holds another study; choose another --out, or delete "
                f"the folder to start anew.\n{len(lines)} keys differ:\n  {named}"
            )

    def update(self, **entries: Any) -> None:
        """Write the manifest with other entries, where that changes it.

        Raises
        ------
        CannotWrite : from the folder
        """
        self.study = self.study.model_copy(update=entries)
        if read_manifest(self.folder) != self.study:
            write_manifest(self.folder, self.study.model_dump())

    def keep(self, result: TaskResult) -> None:
        """Keep what came of a task; it is written with others.

        Raises
        ------
        CannotWrite : from the folder
        """
        if self._waiting and not _are_alike(self._waiting[0], result):
            self.flush()
        self._waiting.append(result)
        self._rows += len(result.tables.runs) if result.tables else 0
        is_large = self._rows >= self.MOST_ROWS
        is_old = time.monotonic() - self._since >= self.MOST_SECONDS
        if is_large or is_old or len(self._waiting) >= self._written:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one shard. Raises CannotWrite."""
        if self._waiting:
            self.write(self.study.study_key, self._waiting)
        self._written += len(self._waiting)
        self._waiting, self._rows = [], 0
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
    study: str, job: Job, options: Mapping[str, Any], **entries: Any
) -> Manifest:
    """Return what decides a study's results, and what it was made with: no paths and no
    dates.

    Parameters
    ----------
    study : `run` or `sweep`
    job : what is simulated
    options : of which `files` and `command` are stored
    entries : further keys

    Raises
    ------
    CodeDiffers : where code of one's own was edited after it was imported
    """
    scenario = job.scenario
    inputs, source = _content(scenario), scenario.level_source
    leveled = scenario.leveled
    if source is not None:
        parts = _content(source).items()
        leveled = {name: part for name, part in parts if part != inputs.get(name)}
    plain = {
        "study": study,
        "scenario": {"name": scenario.name, "sha256": scenario.sha256},
        "inputs": inputs,
        "leveled": leveled,
        "classes": classes_of(scenario).as_dict(),
        "arms": sorted(job.arms),
        "seed": job.seed,
        "runs": 0,
        "model": job.model,
        "draw_parameters": job.draws,
        "mechanisms": job.has_extra_arms,
        "versions": [made_here(driver_fingerprint(job.references)).model_dump()],
        "files": options.get("files") or {},
        "command": options.get("command", ""),
        "own_outcomes": job.own,
        "own_meanings": job.meanings,
        "own_rules": sorted(job.rules),
    }
    return Manifest.model_validate(plain | entries)


def _content(scenario: Scenario) -> dict[str, Any]:
    """Return the content of a scenario as plain data."""
    return scenario.model_dump(mode="json", exclude={"sha256"})


def scenario_of(manifest: Manifest) -> Scenario:
    """Return the scenario a manifest holds, with its class table and its level.

    Raises
    ------
    StoreDamaged : where the content is no scenario, or not that of its sha256
    """
    classes, declared = Classes.read(manifest.classes), manifest.scenario.sha256
    try:
        scenario = Scenario.model_validate_json(json.dumps(manifest.inputs))
        scenario = scenario.model_copy(update={"leveled": _leveled(manifest)})
        source = scenario.level_source
        if source is not None and (
            (source.codes, *source.kinds) != (scenario.codes, *scenario.kinds)
        ):
            raise ValueError("`leveled` has other states or kinds")
        if content_digest(scenario) != declared:
            raise ValueError("not the scenario of that sha256")
        content = [manifest.inputs, manifest.leveled or {}]
        if any(CONTROL.search(text) for text in _texts(content)):
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


def _leveled(manifest: Manifest) -> Scenario | str | None:
    """Return what `leveled` of the manifest's scenario is."""
    if not isinstance(manifest.leveled, dict):
        return manifest.leveled
    content = json.dumps(_of_level(manifest))
    return sealed(Scenario.model_validate_json(content))


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
    stored, present = before.fingerprint, now.fingerprint
    if is_mended:
        stored, present = (
            CodeFingerprint(stored.package),
            CodeFingerprint(present.package),
        )
    hint = "run into a new folder; after a repair, `sweep --retry-failed`"
    lines = [
        f"code: {name} {old} there, {new} here; {hint}"
        for name, old, new in stored.differences(present)
    ]
    pairs = [*differences(before.identity, now.identity)]
    if before.scenario.sha256 != now.scenario.sha256:
        pairs = [pair for pair in pairs if pair[0] != "scenario"]
        pairs += differences(before.inputs, now.inputs)
        pairs += differing_levels(before, now)
    programs = before.versions[-1].programs, now.versions[-1].programs
    for name, count in COUNTED_PARTS.items():
        old, new = (versions.get(name, "") for versions in programs)
        if old.split(".")[:count] != new.split(".")[:count]:
            pairs.append((f"version of {name}", old, new))
    return lines + [
        f"{key}: {shown(old)} there, {shown(new)} asked for" for key, old, new in pairs
    ]


def differing_levels(before: Manifest, now: Manifest) -> Iterator[tuple[str, Any, Any]]:
    """Yield the key paths, below `leveled`, in which the scenarios differ at whose
    starts two studies' levels are solved, with both values; none where both are the
    studies' own."""
    pair: tuple[Any, Any] = None, None
    kinds = [type(manifest.leveled) for manifest in (before, now)]
    if str in kinds:
        pair = before.leveled, now.leveled
    elif dict in kinds:
        pair = _of_level(before), _of_level(now)
    yield from differences({"leveled": pair[0]}, {"leveled": pair[1]})


def _of_level(manifest: Manifest) -> dict[str, Any]:
    """Return the content of the scenario at whose start a study's level is solved."""
    if isinstance(manifest.leveled, dict):
        return manifest.inputs | manifest.leveled
    return manifest.inputs


def refuse_code(made: CodeFingerprint) -> None:
    """Refuse code other than that which made a study.

    Raises
    ------
    CodeDiffers : with both values, where the package or a module of one's own has
        another text here
    """
    present = code_fingerprint(made.modules)
    made.refuse_other(present, "this machine", "Restore the files that made the study")
