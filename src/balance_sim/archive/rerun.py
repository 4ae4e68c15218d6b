"""Run parts of a study again and compare, row by row and bit by bit; put right what is damaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.archive.integrity import Contents, Damage
from balance_sim.experiment.run import import_model
from balance_sim.experiment.runner import SHARD_RUNS, run_tasks
from balance_sim.pool.faults import StoreDamaged, WrongRequest
from balance_sim.replications.arms import chosen_arms
from balance_sim.replications.blocks import Block
from balance_sim.replications.jobs import Job, Task, TaskResult
from balance_sim.replications.tables import column_words, summed
from balance_sim.results.folder import failed_rows, scenario_of
from balance_sim.results.manifest import Manifest
from balance_sim.results.shards import FAILED, TABLES, Digest, Kept
from balance_sim.results.store import missing

RUNS_OF_A_BLOCK = 16  # run again of each block in a sample
CLOSE = 1e-9  # relative difference of a number that another type of processor may show
OWN_CLASSES = "its points were each counted by classes of their own, which this balance-sim does not do"
Pair = tuple[pa.Table, pa.Table]


@dataclass(frozen=True)
class Compared:
    """A part of a block run again. `why`: what differs, or None. `digits`: only last digits differ.

    revived: runs on record as failed that did not fail again. A time limit or too little memory may have ended them;
    so may somebody who did not like what came of them."""

    file: str
    point: int
    block: Block
    why: str | None
    digits: bool = False
    revived: tuple[int, ...] = ()


def why_not(manifest: Manifest, model: str | None, version: str) -> str | None:
    """Why this study cannot be run again here; None if it can. Code runs only if `model` names it."""
    if manifest.model is not None and model != manifest.model:
        return f"the study used code of its own, {manifest.model}: --model {manifest.model} allows it to run"
    if manifest.is_sweep and manifest.classes is None:
        return OWN_CLASSES
    if manifest.version != version:
        made = manifest.version
        return f"made by balance-sim {made}, this is {version}: pip install balance-sim=={made}"
    return None


def job_of(manifest: Manifest, model: str | None) -> Job:
    """The job a manifest describes. Raises WrongRequest if its code is not allowed or cannot be found."""
    if manifest.model is not None:
        if model is None or model != manifest.model:
            raise WrongRequest(f"the study used {manifest.model}: --model {manifest.model} allows it")
        import_model(model)
    scenario = scenario_of(manifest)
    arms = chosen_arms(scenario, manifest.arms)
    return Job(
        scenario,
        manifest.seed,
        arms,
        manifest.model,
        mechanisms=manifest.mechanisms,
        draws=manifest.draw_parameters,
    )


def sample_of(held: Contents, count: int | None, bad: Iterable[Damage]) -> list[tuple[Kept, Block]]:
    """Parts of `count` sound blocks, drawn anew each time; None: all blocks, whole.

    Not by a seed that the folder names: who edits a block must not know whether it is looked at."""
    broken = {(d.point, d.block) for d in bad}
    sound = [
        one for one in held.store.kept() if (one.point, one.block) not in broken and one.point in held.points
    ]
    if count is None:
        return [(one, one.block) for one in sound]
    rng = np.random.default_rng()
    chosen = sorted(rng.choice(len(sound), min(count, len(sound)), replace=False)) if sound else []
    out = []
    for at in chosen:
        block = sound[at].block
        first = int(rng.integers(block.first, max(block.stop - RUNS_OF_A_BLOCK, block.first) + 1))
        out.append((sound[at], Block(first, min(first + RUNS_OF_A_BLOCK, block.stop))))
    return out


def compare(
    held: Contents, job: Job, parts: Sequence[tuple[Kept, Block]], workers: int = 1
) -> list[Compared]:
    """Run these parts again and hold them against what is kept. The number of workers changes nothing."""
    tasks = [Task(block, one.point, held.points[one.point]) for one, block in parts]
    by_task = {(t.point, t.block): one for t, (one, _) in zip(tasks, parts, strict=True)}
    out = []
    for outcome in run_tasks(job, tasks, workers):
        task = outcome.task
        one = by_task[task.point, task.block]
        out.append(_compared(held, one, task.block, outcome))
    return sorted(out, key=lambda c: (c.point, c.block.first))


def _compared(held: Contents, one: Kept, block: Block, outcome: TaskResult) -> Compared:
    again = outcome.tables
    if one.runs is None or one.accords is None:
        revived = () if again is None else _runs_of(again.runs)
        return Compared(FAILED, one.point, block, None, revived=revived)
    file = f"runs/{one.runs.path.name}"
    kept = _cut((held.store.read(one.runs), held.store.read(one.accords)), block)
    present = kept[0]["run"].unique()
    if again is None:
        why = f"run {block.first} fails when run again" if len(present) else None
        return Compared(file, one.point, block, why)
    revived = tuple(sorted({*_runs_of(again.runs)} - {*present.to_pylist()}))
    lived = tuple(t.filter(pc.is_in(t["run"], value_set=present)) for t in (again.runs, again.accords))
    arms = sorted({*column_words(kept[0], "arm"), *column_words(lived[0], "arm")})
    if _digest(kept, arms) == _digest((lived[0], lived[1]), arms):
        whole = block == one.block and not revived and one.dyads is not None
        if not whole or one.dyads is None or summed([held.store.read(one.dyads)]) == summed([again.dyads]):
            return Compared(file, one.point, block, None, revived=revived)
        name = f"dyads/{one.dyads.path.name}"
        return Compared(name, one.point, block, "other sums by dyad", digits=False)
    why, digits = difference(kept, (lived[0], lived[1]))
    return Compared(file, one.point, block, why, digits, revived)


def _runs_of(runs: pa.Table) -> tuple[int, ...]:
    return tuple(sorted(runs["run"].unique().to_pylist()))


def _cut(pair: Pair, block: Block) -> Pair:
    inside = [
        t.filter(pc.and_(pc.greater_equal(t["run"], block.first), pc.less(t["run"], block.stop)))
        for t in pair
    ]
    return inside[0], inside[1]


def _digest(pair: Pair, arms: Sequence[str]) -> str:
    digest = Digest(arms)
    digest.add(*pair)
    return f"{pair[0].column_names} {pair[1].column_names} {digest.hexdigest()}"


def difference(kept: Pair, again: Pair) -> tuple[str, bool]:
    """What differs in words, and whether it is but the last digits of numbers."""
    frames = []
    for table in (*kept, *again):
        frame = table.unify_dictionaries().to_pandas(use_threads=False)
        words = [name for name in frame.columns if frame[name].dtype.name == "category"]
        frame[words] = frame[words].astype(str)
        frames.append(frame)
    runs, accords, runs_again, accords_again = frames
    key = ["run", "arm", "a", "b", "kind", "origin", "occasion"]
    accords, accords_again = (f.sort_values(key, ignore_index=True) for f in (accords, accords_again))
    if len(accords) != len(accords_again):
        return f"{len(accords)} accords there, {len(accords_again)} when run again", False
    for name in map(str, accords.columns):
        at = _first_unlike(accords[name], accords_again[name])
        if at is not None:
            row = accords.iloc[at]
            who = f"run {row['run']}, arm {row['arm']}, {row['a']}-{row['b']}"
            return f"{name} of an accord ({who}): {row[name]} there, {accords_again[name][at]} again", False
    runs, runs_again = (f.sort_values(["arm", "run"], ignore_index=True) for f in (runs, runs_again))
    if list(runs.columns) != list(runs_again.columns) or len(runs) != len(runs_again):
        return "other columns or rows of outcomes when run again", False
    found: tuple[str, bool] = ("rows in another order", False)
    for name in map(str, runs.columns):
        at = _first_unlike(runs[name], runs_again[name])
        if at is None:
            continue
        row = runs.iloc[at]
        said = (
            f"{name} of run {row['run']}, arm {row['arm']}: {row[name]} there, {runs_again[name][at]} again"
        )
        if name in ("run", "arm") or not np.allclose(
            runs[name].astype(float), runs_again[name].astype(float), rtol=CLOSE, atol=CLOSE, equal_nan=True
        ):
            return said, False
        found = (said, True)
    return found


def _first_unlike(a: pd.Series[Any], b: pd.Series[Any]) -> int | None:
    unlike = ~((a == b) | (a.isna() & b.isna())).to_numpy()
    return int(np.argmax(unlike)) if unlike.any() else None


def repair(held: Contents, job: Job, bad: Sequence[Damage], workers: int = 1) -> list[Block]:
    """Take the damaged blocks away and run what is then missing. Returns the blocks that were run.

    Raises FolderBusy, CannotWrite; StoreDamaged if what is wrong is no block."""
    store = held.store
    hit = {(d.point, d.block) for d in bad if d.block is not None}
    with store.lock():
        for table in (*TABLES, FAILED):
            for shard in store.every_shard(table):
                inside = any(
                    p == shard.point and b.first < shard.stop and shard.first < b.stop for p, b in hit if b
                )
                if inside or not shard.is_sound():
                    hit.add((shard.point, shard.block))
                    shard.path.unlink(missing_ok=True)
        done: dict[int, list[Block]] = {}
        for one in store.kept():
            done.setdefault(one.point, []).append(one.block)
        tasks = []
        for number, values in held.points.items():
            mine = [b for p, b in hit if p == number and b is not None]
            runs = max([held.runs if held.finished else 0, *(b.stop for b in mine)], default=0)
            todo = missing(done.get(number, []), runs, SHARD_RUNS)
            tasks += [Task(block, number, values) for block in todo]
        for outcome in run_tasks(job, tasks, workers):
            rows = failed_rows(outcome)
            if rows:
                store.write_failed(outcome.task.point, outcome.task.block, rows)
            if outcome.tables is not None:
                store.write(outcome.task.point, outcome.task.block, outcome.tables)
    if bad and not hit and any(d.block is not None for d in bad):
        raise StoreDamaged(f"{store.folder}: nothing could be mended")
    return [task.block for task in tasks]
