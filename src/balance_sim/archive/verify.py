"""`verify`: a results folder against itself, and a sample of it against the model, bit
by bit."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.archive.about import About
from balance_sim.archive.differences import Tables, diff_tables
from balance_sim.archive.stored import (
    SWEEP_TABLES,
    Damage,
    StoredStudy,
    damage_of,
    stored_study,
    unchecked,
)
from balance_sim.effects.result import open_result
from balance_sim.model.own.fingerprint import CodeFingerprint
from balance_sim.model.own.terms import reference_of_rule
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.files import bytes_if_any
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import refuse_code, scenario_of
from balance_sim.study.frames import FILE as CODEBOOK
from balance_sim.study.jobs import Job, Task, TaskResult
from balance_sim.study.machine import arithmetic, arithmetic_here, version
from balance_sim.study.manifest import Manifest
from balance_sim.study.own_outcomes import LOCAL, function_named
from balance_sim.study.result import Result
from balance_sim.study.run import import_model, run_tasks
from balance_sim.study.shards import RECORDS, Digest, changed
from balance_sim.study.status import command_of
from balance_sim.study.store import StoredBlock, runs_of
from balance_sim.study.sweep_result import SweepResult, open_sweep
from balance_sim.study.tables import column_words, summed

SAMPLE = 4
RUNS_OF_A_BLOCK = 16
"""Runs that are simulated again of each block in a sample."""
FEW = 5
"""Runs that a note names."""


@dataclass(frozen=True)
class Compared:
    """A part of a block, run again.

    Attributes
    ----------
    why : what differs; nothing where nothing does
    is_close : only last digits differ
    revived : runs on record as failed that did not fail again
    """

    file: str
    stored: StoredBlock
    block: Block
    why: str = ""
    is_close: bool = False
    revived: tuple[int, ...] = ()

    @property
    def point(self) -> int:
        return self.stored.point


@dataclass
class Verified:
    """What was looked at and what was found. `damage` is empty if all is well."""

    folder: Path
    study: str
    blocks: int
    runs: int
    digest: str | None = None
    damage: list[Damage] = field(default_factory=list)
    rerun: list[Compared] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the same for JSON."""
        rerun = [
            {
                "file": compared.file,
                "point": compared.point,
                "first": compared.block.first,
                "last": compared.block.stop - 1,
            }
            for compared in self.rerun
        ]
        return {
            "study": self.study,
            "ok": not self.damage,
            "blocks": self.blocks,
            "runs": self.runs,
            "digest": self.digest,
            "blocks_rerun": len(self.rerun),
            "runs_rerun": sum(len(compared.block) for compared in self.rerun),
            "rerun": rerun,
            "damage": [{"file": item.file, "why": item.why} for item in self.damage],
            "notes": self.notes,
            "unchecked": self.unchecked,
        }


def verify(
    folder: Path | str,
    *,
    sample: int | None = SAMPLE,
    model: str | None = None,
    outcomes: str | None = None,
    workers: int = 1,
) -> Verified:
    """Check every file of a results folder, and run a sample of its blocks again.

    sample: blocks of which a part is run again, drawn anew at each call; None: all of
    them, whole; 0: none. model, outcomes: allow the study's own code to run; without
    them such a study is not run again.

    Raises WrongRequest where there are no results or other code made them, StoreDamaged
    where not even the manifest can be read."""
    folder = Path(folder)
    study = stored_study(folder)
    verified = Verified(folder, study.manifest.study, 0, 0)
    verified.damage = damage_of(study)
    if all(damage.block is not None for damage in verified.damage):
        blocks = [stored.block for stored in study.store.blocks_done()]
        verified.blocks, verified.runs = len(blocks), sum(map(len, blocks))
    verified.unchecked = unchecked(study)
    allowed = AllowedCode(model, outcomes)
    not_allowed = allowed.what_is_missing(study.manifest)
    if sample == 0:
        verified.notes.append("no block was run again (--sample 0)")
    elif not_allowed:
        verified.notes.append(f"no block was run again: {not_allowed}")
    elif verified.blocks:
        refuse_other_version(study.manifest)
        job = job_of(study.manifest, scenario_of(study.manifest), allowed)
        sampled = sample_of(study, sample, verified.damage)
        verified.rerun = compare(study, job, sampled, workers)
        _take_differences(study, verified)
    if not verified.damage:
        _check_summary(study, verified)
    for name in changed(folder):
        reason = "not the bytes it was written with; its command draws it again"
        verified.damage.append(Damage(name, reason))
    if not study.finished and not verified.damage:
        verified.notes.append(_how_far(study))
    return verified


def refuse_other_version(made: Manifest | About) -> None:
    """Raise WrongRequest where another version than this made a study, or other text of
    the package."""
    if made.version != version():
        raise WrongRequest(
            f"made by balance-sim {made.version}, this is {version()}: "
            f"pip install balance-sim=={made.version}"
        )
    refuse_code(CodeFingerprint(made.fingerprint.package))


def _how_far(study: StoredStudy) -> str:
    """Return how far a study is that is not finished, and how it goes on."""
    wanted = len(study.points) * study.runs
    lacking = runs_of(study.store.lacking(study.points, study.runs))
    command = command_of(study.manifest, study.store.folder)
    runs = f"{wanted - lacking:,} of {wanted:,} runs"
    next_step = command or "the command that made it"
    return f"the study is not finished, {runs} or no summary; to go on: {next_step}"


def _take_differences(study: StoredStudy, verified: Verified) -> None:
    """Note as damage what differs when run again, unless it is but last digits from
    other arithmetic than ours."""
    machine = study.manifest.versions[0]
    made_on = arithmetic(machine.cpu, machine.numpy)
    for compared in verified.rerun:
        if compared.revived:
            runs = ", ".join(map(str, compared.revived[:FEW]))
            runs += ", ..." if len(compared.revived) > FEW else ""
            verified.notes.append(
                f"on record as failed, and without a fault when run again: run {runs} "
                f"of point {compared.point}"
            )
        if compared.is_close and made_on != arithmetic_here():
            verified.notes.append(
                f"{compared.file}: last digits differ, agreements and dates do not "
                f"({compared.why}); made on {made_on}, this is {arithmetic_here()}"
            )
        elif compared.why:
            reason = f"differs when run again: {compared.why}"
            block = compared.stored.block
            damage = Damage(compared.file, reason, compared.point, block)
            verified.damage.append(damage)


def _check_summary(study: StoredStudy, verified: Verified) -> None:
    """Make the tables that are made from the blocks again, and compare them."""
    folder = study.store.folder
    if not (folder / "summary.json").exists():
        return
    if study.summary is None:
        verified.damage.append(Damage("summary.json", "cannot be read"))
        return
    if not study.finished:
        return
    summary, tables = _made_anew(study)
    verified.digest = summary["digest"]
    for key in sorted({*summary, *study.summary} - {"timing"}):
        if study.summary.get(key) != summary.get(key):
            reason = f"`{key}` is not what the runs give"
            verified.damage.append(Damage("summary.json", reason))
            break
    for name, text in tables.items():
        content = bytes_if_any(folder / name)
        if content is None:
            verified.damage.append(Damage(name, "is missing"))
        elif content != text.encode():
            verified.damage.append(Damage(name, "is not what the runs give"))
    rows = study.store.failed()
    text = json.dumps(rows, indent=1) + "\n" if rows else ""
    if (bytes_if_any(folder / "failed.json") or b"") != text.encode():
        verified.damage.append(Damage("failed.json", "is not what the runs give"))


def _made_anew(study: StoredStudy) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the summary as plain JSON data, and the tables beside it, from the
    blocks."""
    folder = study.store.folder
    tables: dict[str, str] = {}
    result: Result | SweepResult
    if study.is_sweep:
        result = open_sweep(folder)
        summary = result.summary()
        for name in SWEEP_TABLES:
            tables[f"{name}.csv"] = frame_csv(getattr(result, name))
    elif study.manifest.game is not None:
        from balance_sim.games.keep import summary as game_summary
        from balance_sim.games.study import open_game

        game = open_game(folder)
        result, summary = game.result, game_summary(game)
    else:
        result = open_result(folder, study.runs)
        summary = result.summary()
    if os.path.lexists(folder / CODEBOOK):
        tables[CODEBOOK] = frame_csv(result.codebook)
    return json.loads(json.dumps(summary)), tables


@dataclass(frozen=True)
class AllowedCode:
    """Code of a study's own that may run here: a model, and the module of its
    outcomes."""

    model: str | None = None
    outcomes: str | None = None

    def what_is_missing(self, study: Manifest | About) -> str:
        """Return what has to be named first for a study with code of its own to run;
        nothing where all is."""
        model = study.model
        if model is not None and self.model != model:
            return f"the study used code of its own: --model {model} allows it to run"
        modules = {reference.partition(":")[0] for _, reference in study.own}
        if LOCAL in modules or len(modules) > 1:
            return "the study's own outcomes were defined in no one module"
        if modules and modules != {self.outcomes}:
            module = min(modules)
            return f"the study has own outcomes: --outcomes {module} allows it to run"
        for name, reference in study.rules:
            if reference_of_rule(name) != reference:
                module = reference.partition(":")[0]
                return f"the study has rules of its own: --terms {module} allows it"
        return ""


def job_of(study: Manifest | About, scenario: Scenario, allowed: AllowedCode) -> Job:
    """Return the job that a manifest or an archive describes. Raises WrongRequest if
    its code is not allowed, not found, or has another text."""
    not_allowed = allowed.what_is_missing(study)
    if not_allowed:
        raise WrongRequest(not_allowed)
    import_model(study.model)
    for _, reference in study.own:
        function_named(reference)
    refuse_code(study.fingerprint)
    return Job(
        scenario,
        study.seed,
        chosen_arms(scenario, study.arms),
        study.model,
        has_extra_arms=study.mechanisms,
        draws=study.draw_parameters,
        further=study.further,
        own=study.own,
    )


Part = tuple[StoredBlock, Block]
"""A stored block, and the part of it that is run again."""


def sample_of(
    study: StoredStudy, count: int | None, damage: Sequence[Damage]
) -> list[Part]:
    """Return parts of `count` sound blocks, drawn anew each time, by no seed that the
    folder names: who edits a block must not know whether it is looked at. None: all
    blocks, whole."""
    damaged = {(item.point, item.block) for item in damage}
    sound = [
        stored
        for stored in study.store.blocks_done()
        if (stored.point, stored.block) not in damaged and stored.point in study.points
    ]
    if count is None:
        return [(stored, stored.block) for stored in sound]
    rng = np.random.default_rng()
    chosen = rng.permutation(len(sound))[:count]
    pieces = []
    for place in sorted(chosen):
        block = sound[place].block
        last_first = max(block.stop - RUNS_OF_A_BLOCK, block.first)
        first = int(rng.integers(block.first, last_first + 1))
        stop = min(first + RUNS_OF_A_BLOCK, block.stop)
        pieces.append((sound[place], Block(first, stop)))
    return pieces


def compare(
    study: StoredStudy, job: Job, parts: Sequence[Part], workers: int = 1
) -> list[Compared]:
    """Run parts again and hold them against what is stored. The number of workers
    changes nothing."""
    by_task = {(stored.point, block): stored for stored, block in parts}
    tasks = [Task(block, point, study.points[point]) for point, block in by_task]
    compared = []
    for result in run_tasks(job, tasks, workers):
        stored = by_task[result.task.point, result.task.block]
        compared.append(_compared(study, stored, result))
    return sorted(compared, key=lambda one: (one.point, one.block.first))


def _compared(study: StoredStudy, stored: StoredBlock, result: TaskResult) -> Compared:
    """Return what differs between a stored block and a part of it run again."""
    block, again = result.task.block, result.tables
    runs_again = set() if again is None else set(again.runs["run"].to_pylist())
    if not stored.shard.record.files:
        file = f"{RECORDS}/{stored.shard.record_path.name}"
        return Compared(file, stored, block, revived=tuple(sorted(runs_again)))
    file = f"runs/{stored.shard.path('runs').name}"
    stored_tables = study.store.tables(stored)
    runs = _part(stored_tables.runs, block)
    present = set(runs["run"].to_pylist())
    if again is None:
        why = f"run {block.first} fails when run again" if present else ""
        return Compared(file, stored, block, why)
    revived = tuple(sorted(runs_again - present))
    tables = (runs, _part(stored_tables.agreements, block))
    tables_again = (_of_runs(again.runs, present), _of_runs(again.agreements, present))
    arms = sorted({*column_words(runs, "arm"), *column_words(tables_again[0], "arm")})
    if _digest(tables, arms) != _digest(tables_again, arms):
        why, is_close = diff_tables(tables, tables_again)
        return Compared(file, stored, block, why, is_close, revived)
    is_complete = block == stored.block and not revived
    if is_complete and summed([stored_tables.dyads]) != summed([again.dyads]):
        file = f"dyads/{stored.shard.path('dyads').name}"
        return Compared(file, stored, block, "other sums by dyad")
    return Compared(file, stored, block, revived=revived)


def _part(table: pa.Table, block: Block) -> pa.Table:
    """Return the rows of a block's runs."""
    is_first = pc.greater_equal(table["run"], block.first)
    return table.filter(pc.and_(is_first, pc.less(table["run"], block.stop)))


def _of_runs(table: pa.Table, runs: set[int]) -> pa.Table:
    """Return the rows of some runs."""
    values = pa.array(sorted(runs), table["run"].type)
    return table.filter(pc.is_in(table["run"], value_set=values))


def _digest(tables: Tables, arms: Sequence[str]) -> str:
    """Return a digest of names of columns, and of rows in their order."""
    digest = Digest(arms)
    digest.add(*tables)
    runs, agreements = tables
    return f"{runs.column_names} {agreements.column_names} {digest.hexdigest()}"
