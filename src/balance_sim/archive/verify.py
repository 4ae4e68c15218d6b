"""`verify`: a results folder against itself, and a sample of it against the model, bit
by bit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.archive.archive import About
from balance_sim.archive.integrity import (
    Contents,
    Damage,
    contents,
    damage_of,
    diff_tables,
    unchecked,
    unexpected,
)
from balance_sim.effects.result import open_result
from balance_sim.model.own.terms import reference_of_rule
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.files import bytes_if_any
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.atomic_files import half_written
from balance_sim.study.blocks import Block
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import refuse_other_code, scenario_of
from balance_sim.study.frames import FILE as CODEBOOK
from balance_sim.study.jobs import Job, Task, TaskResult
from balance_sim.study.machine import arithmetic, arithmetic_here, version
from balance_sim.study.manifest import Manifest
from balance_sim.study.own_outcomes import LOCAL, function_named
from balance_sim.study.result import Result
from balance_sim.study.run import import_model, run_tasks
from balance_sim.study.shards import (
    RECORDS,
    Digest,
    changed,
    noted,
)
from balance_sim.study.status import command_of
from balance_sim.study.store import Store, StoredBlock, runs_of
from balance_sim.study.sweep_result import SweepResult, open_sweep
from balance_sim.study.tables import column_words, summed

SAMPLE = 4
FEW = 5  # runs that a note names
_DRAWN = "`plot` and `report` draw"
_MADE_BY = {"game.json": "`game` works it out", "explain.json": "`explain` does so"}
RUNS_OF_A_BLOCK = 16  # run again of each block in a sample
Pair = tuple[pa.Table, pa.Table]


@dataclass(frozen=True)
class Compared:
    """A part of a block, `of`, run again. `why`: what differs, or None. `digits`: only
    last digits differ. revived: runs on record as failed that did not fail again: by a
    time limit, too little memory, or somebody's wish."""

    file: str
    of: StoredBlock
    block: Block
    why: str | None
    digits: bool = False
    revived: tuple[int, ...] = ()

    @property
    def point(self) -> int:
        return self.of.point


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
        """For JSON."""
        rerun = [
            {
                "file": r.file,
                "point": r.point,
                "first": r.block.first,
                "last": r.block.stop - 1,
            }
            for r in self.rerun
        ]
        return {
            "study": self.study,
            "ok": not self.damage,
            "blocks": self.blocks,
            "runs": self.runs,
            "digest": self.digest,
            "blocks_rerun": len(self.rerun),
            "runs_rerun": sum(len(one.block) for one in self.rerun),
            "rerun": rerun,
            "damage": [{"file": d.file, "why": d.why} for d in self.damage],
            **{name: getattr(self, name) for name in ("notes", "unchecked")},
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
    them such a study is not re-run.

    Raises WrongRequest where there are no results, CodeDiffers where blocks are to be
    run again by other code than made them, StoreDamaged where not even the manifest can
    be read."""
    folder = Path(folder)
    allowed = Allowed(model, outcomes)
    return _look(folder, sample, allowed, workers)


def _look(folder: Path, sample: int | None, allowed: Allowed, workers: int) -> Verified:
    held = contents(folder)
    found = Verified(folder, held.manifest.study, 0, 0)
    found.damage = damage_of(held)
    if all(damage.block is not None for damage in found.damage):
        blocks = [stored.block for stored in held.store.blocks_done()]
        found.blocks, found.runs = len(blocks), sum(map(len, blocks))
    stop = "" if sample == 0 else _why_not(held.manifest, allowed)
    if sample == 0 or stop:
        found.notes.append(
            "no block was run again" + (f": {stop}" if stop else " (--sample 0)")
        )
    else:
        if parts := sample_of(held, sample, found.damage):
            refuse_other_code(held.manifest)
            job = job_of(held.manifest, scenario_of(held.manifest), allowed)
            found.rerun = compare(held, job, parts, workers)
        _take_differences(held, found)
    if not found.damage:
        found.damage += _check_summary(held, found)
    found.damage += [
        Damage(
            name,
            f"not the bytes it was written with; {_MADE_BY.get(name, _DRAWN)} again",
        )
        for name in changed(folder)
    ]
    if not held.finished and not found.damage:
        command = command_of(held.manifest, folder) or "the command that made it"
        left, wanted = (
            runs_of(held.store.lacking(held.points, held.runs)),
            len(held.points) * held.runs,
        )
        how = (
            f"{wanted - left:,} of {wanted:,} runs"
            if left
            else "its runs are there, its summary.json is not"
        )
        found.notes.append(f"the study is not finished, {how}; to go on: {command}")
    partial = (
        path.relative_to(folder) for path in half_written(folder)
    )  # the next writer takes them away
    gone = [name for name in noted(folder) if not os.path.lexists(folder / name)]
    found.notes += [
        *(f"left over by a writer that was stopped: {name}" for name in partial),
        *(
            f"not written by balance-sim and read by nobody: {name}"
            for name in unexpected(held.store)
        ),
        *(f"drawn, and not there any more: {name}" for name in gone[:FEW]),
    ]
    found.unchecked = unchecked(held)
    return found


def _take_differences(held: Contents, found: Verified) -> None:
    """What differs when run again is damage, unless it is but last digits from other
    arithmetic than ours."""
    made_on, here = (
        arithmetic(held.manifest.cpu, held.manifest.versions[0].numpy),
        arithmetic_here(),
    )
    for one in found.rerun:
        if one.revived:
            few = ", ".join(map(str, one.revived[:FEW])) + (
                ", ..." if len(one.revived) > FEW else ""
            )
            at = (
                f" of point {one.point}; --retry-failed simulates it again"
                if held.is_sweep
                else ""
            )
            found.notes.append(
                f"on record as failed, and without a fault when run again: run {few}{at}"
            )
        if one.why is not None and one.digits and made_on != here:
            found.notes.append(
                f"{one.file}: last digits differ, agreements and dates do not ({one.why}); "
                f"made on {made_on}, this is {here}"
            )
        elif one.why is not None:
            why = f"differs when run again: {one.why}"
            found.damage.append(Damage(one.file, why, one.point, one.of.block))


def _check_summary(held: Contents, found: Verified) -> list[Damage]:
    """The tables made from the blocks, made again. Figures and reports are drawn anew
    by their commands."""
    folder = held.store.folder
    if not (folder / "summary.json").exists():
        return []
    if held.summary is None:
        return [Damage("summary.json", "cannot be read")]
    if not held.finished:
        return []
    fresh, tables = _fresh(held)
    found.digest = fresh["digest"]
    unlike = [
        key
        for key in sorted({*fresh, *held.summary} - {"timing"})
        if held.summary.get(key) != fresh.get(key)
    ]
    other = [
        Damage("summary.json", f"`{key}` is not what the runs give")
        for key in unlike[:1]
    ]
    out = [
        Damage(name, "is missing")
        for name in tables
        if not os.path.lexists(folder / name)
    ]
    lost = {one.file for one in out}
    other += [
        Damage(name, "is not what the runs give")
        for name, text in tables.items()
        if name not in lost and bytes_if_any(folder / name) != text.encode()
    ]
    out += other
    failed, path = _failed_text(held.store), folder / "failed.json"
    if os.path.lexists(path) != bool(failed) or (
        failed and bytes_if_any(path) != failed.encode()
    ):
        out.append(Damage("failed.json", "is not what the runs give"))
    return out


def _failed_text(store: Store) -> str:
    rows = store.failed()
    return json.dumps(rows, indent=1) + "\n" if rows else ""


def _fresh(held: Contents) -> tuple[dict[str, Any], dict[str, str]]:
    """The summary as plain JSON data, and the tables beside it, from the blocks."""
    folder = held.store.folder
    tables: dict[str, str] = {}
    study: Result | SweepResult
    if held.is_sweep:
        study = open_sweep(folder)
        summary, tables = (
            study.summary(),
            {f"{n}.csv": frame_csv(getattr(study, n)) for n in ("levels", "effects")},
        )
    elif held.manifest.game is not None:
        from balance_sim.games.keep import summary as game_summary
        from balance_sim.games.study import open_game

        game = open_game(folder)
        study, summary = game.result, game_summary(game)
    else:
        study = open_result(folder, held.runs)
        summary = study.summary()
    if os.path.lexists(folder / CODEBOOK):  # folders of earlier versions have none
        tables[CODEBOOK] = frame_csv(study.codebook)
    return json.loads(json.dumps(summary)), tables


@dataclass(frozen=True)
class Allowed:
    """Code of a study's own that may run here: a model, and the module of its
    outcomes."""

    model: str | None = None
    outcomes: str | None = None

    def why_not(self, said: Manifest | About) -> str:
        """What has to be named first for a study with code of its own to run; nothing
        where all is."""
        if said.model is not None and self.model != said.model:
            return f"the study used code of its own, {said.model}: --model {said.model} allows it to run"
        modules = sorted({reference.partition(":")[0] for _, reference in said.own})
        if modules and modules != [self.outcomes]:
            if LOCAL in modules or len(modules) > 1:
                return "the study measured outcomes of its own that were defined in no one module"
            return f"the study measured outcomes of its own, {modules[0]}: --outcomes {modules[0]} allows it to run"
        for name, reference in said.rules:
            if reference_of_rule(name) != reference:
                module = reference.partition(":")[0]
                return f"the study has rules of its own, {reference}: --terms {module} allows it to run"
        return ""


def _why_not(manifest: Manifest, allowed: Allowed) -> str:
    """Why this study cannot be run again here; nothing if it can. Code runs only if it
    is named."""
    if stop := allowed.why_not(manifest):
        return stop
    made, here = manifest.version, version()
    return (
        ""
        if made == here
        else f"made by balance-sim {made}, this is {here}: pip install balance-sim=={made}"
    )


def job_of(said: Manifest | About, scenario: Scenario, allowed: Allowed) -> Job:
    """The job that a manifest or an archive describes. Raises WrongRequest if its code
    is not allowed, or not found."""
    if stop := allowed.why_not(said):
        raise WrongRequest(stop)
    import_model(said.model)
    for _, reference in said.own:
        function_named(reference)
    return Job(
        scenario,
        said.seed,
        chosen_arms(scenario, said.arms),
        said.model,
        has_extra_arms=said.mechanisms,
        draws=said.draw_parameters,
        further=said.further,
        own=said.own,
    )


def sample_of(
    held: Contents, count: int | None, bad: Iterable[Damage]
) -> list[tuple[StoredBlock, Block]]:
    """Parts of `count` sound blocks, drawn anew each time, by no seed that the folder
    names: who edits a block must not know whether it is looked at. None: all blocks,
    whole."""
    broken = {(d.point, d.block) for d in bad}
    sound = [
        one
        for one in held.store.blocks_done()
        if (one.point, one.block) not in broken and one.point in held.points
    ]
    if count is None:
        return [(one, one.block) for one in sound]
    rng = np.random.default_rng()
    chosen = (
        sorted(rng.choice(len(sound), min(count, len(sound)), replace=False))
        if sound
        else []
    )
    out = []
    for at in chosen:
        block = sound[at].block
        first = int(
            rng.integers(
                block.first, max(block.stop - RUNS_OF_A_BLOCK, block.first) + 1
            )
        )
        out.append((sound[at], Block(first, min(first + RUNS_OF_A_BLOCK, block.stop))))
    return out


def compare(
    held: Contents,
    job: Job,
    parts: Sequence[tuple[StoredBlock, Block]],
    workers: int = 1,
) -> list[Compared]:
    """Run these parts again and hold them against what is kept. The number of workers
    changes nothing."""
    by_task = {(one.point, block): one for one, block in parts}
    tasks = [Task(block, point, held.points[point]) for point, block in by_task]
    again = run_tasks(job, tasks, workers)
    out = [
        _compared(held, by_task[one.task.point, one.task.block], one) for one in again
    ]
    return sorted(out, key=lambda c: (c.point, c.block.first))


def _compared(held: Contents, stored: StoredBlock, result: TaskResult) -> Compared:
    """A part of a block, as it is kept and as it was run again."""
    again, block = result.tables, result.task.block
    now = [] if again is None else sorted(again.runs["run"].unique().to_pylist())
    if not stored.shard.record.files:
        file = f"{RECORDS}/{stored.shard.record_path.name}"
        return Compared(file, stored, block, None, revived=tuple(now))
    file = f"runs/{stored.shard.path('runs').name}"
    tables = held.store.tables(stored)
    runs, agreements = (
        _part(table, block) for table in (tables.runs, tables.agreements)
    )
    present = runs["run"].unique()
    if again is None:
        why = f"run {block.first} fails when run again" if len(present) else None
        return Compared(file, stored, block, why)
    revived = tuple(run for run in now if run not in {*present.to_pylist()})
    runs_again, agreements_again = (
        table.filter(pc.is_in(table["run"], value_set=present))
        for table in (again.runs, again.agreements)
    )
    kept, made = (runs, agreements), (runs_again, agreements_again)
    arms = sorted({*column_words(runs, "arm"), *column_words(runs_again, "arm")})
    if _digest(kept, arms) != _digest(made, arms):
        return Compared(file, stored, block, *diff_tables(kept, made), revived)
    is_all = block == stored.block and not revived
    if is_all and summed([tables.dyads]) != summed([again.dyads]):
        file = f"dyads/{stored.shard.path('dyads').name}"
        return Compared(file, stored, block, "other sums by dyad")
    return Compared(file, stored, block, None, revived=revived)


def _part(table: pa.Table, block: Block) -> pa.Table:
    """Rows of the runs of a block."""
    run = table["run"]
    return table.filter(
        pc.and_(pc.greater_equal(run, block.first), pc.less(run, block.stop))
    )


def _digest(pair: Pair, arms: Sequence[str]) -> str:
    digest = Digest(arms)
    digest.add(*pair)
    return f"{pair[0].column_names} {pair[1].column_names} {digest.hexdigest()}"
