"""Run an experiment: every point of its design, in every arm, many times, into a folder that can be gone on with."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.experiment.plan import MOST_BYTES, Plan, block_size, estimate, probe, refuse_absurd
from balance_sim.experiment.run import check_seed, import_model
from balance_sim.experiment.runner import SHARD_RUNS, Job, Task, run_tasks
from balance_sim.model.classes import with_classes
from balance_sim.pool.hands import not_in_a_worker
from balance_sim.replications.arms import chosen_arms
from balance_sim.replications.blocks import Block
from balance_sim.replications.jobs import check_outcomes
from balance_sim.results.export import frame_csv
from balance_sim.results.folder import Folder, manifest_of
from balance_sim.results.points import DesignPoint, PointTable, design_points, drop_old_tables
from balance_sim.results.store import Store, missing, refuse_lost
from balance_sim.results.sweep_result import SweepResult, open_sweep
from balance_sim.scenario.design import Experiment

if TYPE_CHECKING:
    from distributed import Client

PROGRESS = "progress.json"
COMPACT_ROWS = 20_000
TELL_EVERY = 1.0  # seconds between two reports


@dataclass(frozen=True)
class Standing:
    """How far a sweep is. rate: runs a second in this call; seconds_left: NaN before the first block."""

    points_done: int
    points: int
    runs_done: int
    runs: int
    failed: int
    rate: float
    seconds_left: float


@dataclass(frozen=True)
class Where:
    """Where blocks run, and what a run may take. client: a Dask cluster instead of local processes.

    block: runs a block, None for about two seconds of work."""

    workers: int = 1
    client: Client | None = None
    model: str | None = None
    run_timeout: float | None = None
    block: int | None = None


def default_folder(experiment: Experiment) -> Path:
    """results/<experiment>: the same command goes on there, an edited scenario is refused there."""
    return Path("results") / experiment.name


def sweep(
    experiment: Experiment,
    *,
    out: Path | str | None = None,
    where: Where | None = None,
    max_bytes: int = MOST_BYTES,
    dry_run: bool = False,
    retry_failed: bool = False,
    command: str = "",
    files: dict[str, str] | None = None,
    told: Callable[[Plan], None] | None = None,
    progress: Callable[[Standing], None] | None = None,
) -> SweepResult | None:
    """Live every point of the experiment and return what came of it; with dry_run the plan alone, and None.

    The same call goes on where it stopped, runs damaged blocks again, and reuses points and runs that are there.
    told: called with the plan before anything is run. progress: called about once a second.

    Raises WrongRequest for another study's folder or an absurd plan, FolderBusy, CannotWrite."""
    not_in_a_worker()
    where = where or Where()
    check_seed(experiment.head.seed)
    if where.model is not None:
        import_model(where.model)
    arms = chosen_arms(experiment.scenario, experiment.head.arms)
    scenario = with_classes(experiment.scenario)  # one class table for all points
    job = Job(scenario, experiment.head.seed, arms, where.model, where.run_timeout)
    design = list(design_points(experiment))
    folder = Path(out) if out is not None else default_folder(experiment)
    workers = cluster_size(where.client) if where.client is not None else where.workers
    if dry_run:
        plan = _plan(job, experiment, design, [[]] * len(design), workers, where.block)
        if told:
            told(plan)
        refuse_absurd(plan, max_bytes)
        return None
    more = {"files": files or {}, "command": command, "experiment": experiment.name, "points": None}
    more["design"] = asdict_of(experiment)
    manifest = manifest_of("sweep", scenario, arms, job.seed, where.model, **more)
    with Folder(folder, manifest) as sink:
        if retry_failed:
            sink.forget_failed()
        table = _agree_points(sink, design, experiment)
        done = sink.done()
        numbers = table.numbers()
        plan = _plan(job, experiment, design, [done.get(n, []) for n in numbers], workers, where.block)
        if told:
            told(plan)
        refuse_absurd(plan, max_bytes)
        _live(sink, job, table, experiment.head.runs, plan, where, progress)
        sink.store.compact(COMPACT_ROWS)
        refuse_lost(sink.store, numbers, experiment.head.runs)
        result = open_sweep(folder)
        _write_tables(sink.store, result)
    return result


def _write_tables(store: Store, result: SweepResult) -> None:
    """summary.json, levels.csv and effects.csv: what a person or a script reads first."""
    store.write_text("summary.json", json.dumps(result.summary(), indent=1, allow_nan=False) + "\n")
    for name in ("levels", "effects"):
        store.write_text(f"{name}.csv", frame_csv(getattr(result, name)))


def asdict_of(experiment: Experiment) -> dict[str, Any]:
    """The design in plain data, for the manifest."""
    return experiment.design.model_dump() | {
        "paths": list(experiment.paths),
        "outcomes": list(experiment.head.outcomes),
        "title": experiment.head.title,
        "question": experiment.head.question,
    }


def _agree_points(sink: Folder, design: Sequence[DesignPoint], experiment: Experiment) -> PointTable:
    """The folder's points with this design's among them, written down before any of them is run."""
    before, runs = sink.before, experiment.head.runs
    known = PointTable.load(sink.store, before.points) if before and before.points else PointTable()
    table = known.with_design(design)
    said = table.save(sink.store)
    asked = sink.manifest.model_copy(update={"runs": runs, "points": said})
    if before is None or any(
        getattr(before, key) != getattr(asked, key) for key in ("points", "runs", "design")
    ):
        kept = {} if before is None else {"versions": before.versions}
        sink.store.write_manifest(asked.model_copy(update=kept))
    drop_old_tables(sink.store, said.sha256)
    return table


def _plan(
    job: Job,
    experiment: Experiment,
    design: Sequence[DesignPoint],
    done: Sequence[list[Block]],
    workers: int,
    block: int | None,
) -> Plan:
    """What is to be done, measured on a few runs of the first point that is not done."""
    runs = experiment.head.runs
    left = [sum(len(b) for b in missing(blocks, runs, max(runs, 1))) for blocks in done]
    todo = [(1, count) for count in left if count]
    if not todo:
        return Plan(len(design), runs, job.arms, 0, 0, max(runs, 1), 0.0, 0.0, workers)
    first = next(at for at, count in enumerate(left) if count)
    found = probe(job, design[first].values)
    if found is None:
        unknown = float("nan")
        size = block or SHARD_RUNS
        return Plan(len(design), runs, job.arms, sum(left), len(todo), size, unknown, unknown, workers)
    check_outcomes(experiment, found.outcomes)
    seconds, room = estimate(found, todo, workers)
    total = sum(count for _, count in todo)
    return Plan(
        len(design),
        runs,
        job.arms,
        total,
        len(todo),
        block or block_size(found, runs),
        seconds,
        room,
        workers,
    )


def _tasks(table: PointTable, done: dict[int, list[Block]], runs: int, size: int) -> Iterator[Task]:
    for number in table.numbers():
        for block in missing(done.get(number, []), runs, size):
            yield Task(block, number, table.points[number].values)


def _live(
    sink: Folder,
    job: Job,
    table: PointTable,
    runs: int,
    plan: Plan,
    where: Where,
    progress: Callable[[Standing], None] | None,
) -> None:
    """Run what is missing; every block is kept as it comes, and how far it is told about once a second."""
    done = sink.done()
    left = {n: sum(len(b) for b in missing(done.get(n, []), runs, max(runs, 1))) for n in table.numbers()}
    began = last = time.monotonic()
    lived = 0

    def tell(*, last_word: bool = False) -> None:
        seconds = time.monotonic() - began
        rate = lived / seconds if seconds > 0 else 0.0
        to_go = sum(left.values())
        standing = Standing(
            points_done=sum(1 for count in left.values() if count == 0),
            points=len(left),
            runs_done=len(left) * runs - to_go,
            runs=len(left) * runs,
            failed=len(sink.failed()),
            rate=rate,
            seconds_left=to_go / rate if rate > 0 else float("nan"),
        )
        record = asdict(standing) | {"pid": os.getpid(), "updated": time.time(), "finished": last_word}
        sink.store.write_text(PROGRESS, json.dumps(record).replace("NaN", "null") + "\n")
        if progress:
            progress(standing)

    tell()
    for outcome in run_tasks(job, _tasks(table, done, runs, plan.block), where.workers, where.client):
        sink.keep(outcome)
        left[outcome.task.point] -= len(outcome.task.block)
        lived += len(outcome.task.block)
        if time.monotonic() - last >= TELL_EVERY:
            last = time.monotonic()
            tell()
    tell(last_word=True)


def cluster_size(client: Client) -> int:
    """Threads of all workers of a Dask cluster."""
    from balance_sim.experiment.cluster import threads_of

    return threads_of(client)
