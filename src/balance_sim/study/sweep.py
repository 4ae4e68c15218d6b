"""Run an experiment: every point of its design, in every arm, many times, into a folder
that can be resumed. What it will take is measured on a few runs of one point, told
before it begins, and refused where it is absurd."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.model.baseline import with_classes
from balance_sim.model.own.modules import load
from balance_sim.scenario.design import Experiment, Overrides
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.experiment import AS_WRITTEN, load_experiment
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.study import run as of_run
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block, batch_runs
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import Folder, manifest_of
from balance_sim.study.jobs import Job, Task, Values, check_outcomes
from balance_sim.study.points import (
    PointTable,
    SweepPoint,
    design_points,
    drop_old_tables,
)
from balance_sim.study.processes import call_within
from balance_sim.study.run import SHARD_RUNS, run_tasks, runs_a_shard
from balance_sim.study.shards import encode
from balance_sim.study.status import PROGRESS, bytes_spoken, spoken
from balance_sim.study.store import missing, refuse_lost
from balance_sim.study.sweep_result import SweepResult, open_sweep

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.own_outcomes import ArmHistory

COMPACT_ROWS = 20_000
TELL_EVERY = 1.0  # seconds between two reports
PROBE_RUNS = 8
PROBE_MOST = 512
PROBE_SECONDS = 60.0
BLOCK_SECONDS = 2.0
BLOCK_MOST = 8192
BLOCK_BYTES = 48 << 20
MOST_BYTES = 10 << 30


@dataclass(frozen=True)
class Where:
    """Where the blocks of a sweep run, and with what code.

    Attributes
    ----------
    workers : processes
    client : a Dask cluster, instead of local processes
    model : `module:Class` of a StateAgent subclass that decides, as for `run`
    run_timeout : seconds after which a replication counts as failed
    block : replications a block; about two seconds of work if None
    outcomes, terms : of one's own, as for `run`

    Examples
    --------
    >>> import balance_sim as bs
    >>> bs.Where(workers=4, run_timeout=60.0).client is None
    True
    """

    workers: int = 1
    client: Client | None = None
    model: str | None = None
    run_timeout: float | None = None
    block: int | None = None
    outcomes: str | Mapping[str, Callable[[ArmHistory], Any]] | None = None
    terms: str | None = None


@dataclass(frozen=True)
class Standing:
    """How far a sweep is. rate: runs a second in this call; seconds_left: NaN before
    the first block."""

    points_done: int
    points: int
    runs_done: int
    runs: int
    failed: int
    rate: float
    seconds_left: float


@dataclass(frozen=True)
class SweepPlan:
    """Points and runs of the whole study, those still to be run, and an estimate of
    what that takes."""

    points: int
    runs: int
    arms: tuple[str, ...]
    todo_runs: int
    todo_points: int
    block: int
    seconds: float
    bytes: float
    workers: int

    def lines(self) -> list[str]:
        """For a person, on stderr."""
        whole, every = (
            f"{self.runs:,} runs x {len(self.arms)} arms ({', '.join(self.arms)})",
            self.runs * self.points,
        )
        if self.points != 1:
            whole = f"{self.points:,} points x {whole}: {every:,} runs"
        if not self.todo_runs:
            return [f"plan: {whole}, all of them done"]
        left = (
            ""
            if self.todo_runs == every
            else f", {self.todo_runs:,} of them still to do"
        )
        takes = (
            f"about {spoken(self.seconds)} on {self.workers} worker{'s' * (self.workers != 1)}, "
            f"{bytes_spoken(self.bytes)} on disk; blocks of {self.block:,} runs"
        )
        return [
            f"plan: {whole}{left}",
            "no estimate: the first runs failed" if math.isnan(self.seconds) else takes,
        ]


@dataclass(frozen=True)
class Probe:
    """Seconds to make a point and to simulate a run of all arms, bytes a run on disk
    and in memory, as measured."""

    point_seconds: float
    run_seconds: float
    run_bytes: float
    run_memory: float
    outcomes: tuple[str, ...] = ()


def default_folder(experiment: Experiment, over: Overrides = AS_WRITTEN) -> Path:
    """results/<experiment>: the same command goes on there, an edited scenario is
    refused there. With another seed or other values than the file's, 8 digits of a key
    of them stand behind the name."""
    if over.seed is None and not over.settings:
        return Path("results") / experiment.name
    key = hashlib.sha256(
        f"{content_digest(experiment.scenario)} {experiment.head.seed}".encode()
    ).hexdigest()
    return Path("results") / f"{experiment.name}-{key[:8]}"


def sweep(
    experiment: Experiment | Path | str,
    *,
    out: Path | str | None = None,
    workers: int = 1,
    where: Where | None = None,
    max_bytes: int = MOST_BYTES,
    dry_run: bool = False,
    retry_failed: bool = False,
    command: str = "",
    files: dict[str, str] | None = None,
    told: Callable[[SweepPlan], None] | None = None,
    progress: Callable[[Standing], None] | None = None,
) -> SweepResult | None:
    """Simulate every point of the experiment and return what came of it; with dry_run
    the plan alone, and None.

    The same call resumes where it stopped, runs damaged blocks again, and reuses points
    and runs that are there.

    Parameters
    ----------
    experiment : the file, or what `load_experiment` read of it
    out : results folder; `default_folder` if not given
    workers : processes
    where : in the place of `workers`: workers or cluster, a model, outcomes or terms of one's own, time limit, runs a
        block
    max_bytes : the most that the plan may take on disk
    dry_run : tell the plan and run nothing
    retry_failed : run blocks with failed runs again, also with code of your own that was repaired
    command, files : kept in the folder's manifest
    told : called with the plan before anything is run
    progress : called about once a second

    Raises
    ------
    WrongRequest : for another study's folder or an absurd plan
    FolderBusy, CannotWrite : from the results folder

    Examples
    --------
    >>> import balance_sim as bs
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     swept = bs.sweep("experiments/smoke.yaml", out=folder)
    ...     len(swept.points), swept.reference
    (6, 'no_summit')
    """
    where = where or Where(workers)
    load(where.terms)
    experiment = (
        load_experiment(experiment)
        if isinstance(experiment, Path | str)
        else experiment
    )
    head = experiment.head
    of_run.check_seed(head.seed)
    model = of_run.import_model(where.model)
    arms = chosen_arms(experiment.scenario, head.arms)
    scenario = with_classes(experiment.scenario)  # one class table for all points
    own = of_run.own_outcomes(where.outcomes, elsewhere=True)
    rules = of_run.own_rules(scenario, arms, experiment.paths, elsewhere=True)
    job = Job(scenario, head.seed, arms, model, where.run_timeout, own=own)
    of_run.try_own_outcomes(job)
    design = list(design_points(experiment))
    folder = Path(out) if out is not None else default_folder(experiment)

    def planned(done: Sequence[Sequence[Block]]) -> SweepPlan:
        left = [_lacking(blocks, head.runs) for blocks in done]
        found, block, workers = (
            None,
            SHARD_RUNS if sum(left) else max(head.runs, 1),
            where.workers,
        )
        if sum(left):
            found = probe(
                job,
                next(
                    point.values
                    for point, count in zip(design, left, strict=True)
                    if count
                ),
            )
        if found is not None:
            check_outcomes(experiment, found.outcomes)
            block = block_size(found, head.runs)
        if where.client is not None:
            from balance_sim.study.cluster import threads_of

            workers = threads_of(where.client)
        plan = _plan(job, head.runs, left, where.block or block, workers, found)
        if told:
            told(plan)
        refuse_absurd(plan, max_bytes)
        return plan

    if dry_run:
        planned([[]] * len(design))
        return None
    said: dict[str, Any] = {
        "paths": list(experiment.paths),
        "outcomes": list(head.outcomes),
    }
    said |= {"title": head.title, "question": head.question}
    more: dict[str, Any] = {
        "files": files or {},
        "command": command,
        "experiment": experiment.name,
        "points": None,
    }
    more["design"] = experiment.design.model_dump() | said
    manifest = manifest_of(
        "sweep",
        scenario,
        arms,
        job.seed,
        model,
        **more,
        **of_run.record_of_code(model, own, rules),
    )
    with Folder(folder, manifest, is_mended=retry_failed) as sink:
        if retry_failed:
            sink.forget_failed()
        table = _agree_points(sink, design, head.runs)
        done, numbers = sink.done(), table.numbers()
        plan = planned([done.get(number, []) for number in numbers])
        _simulate(sink, job, table, head.runs, plan.block, where, progress)
        sink.store.compact(COMPACT_ROWS)
        refuse_lost(sink.store, numbers, head.runs)
        result = open_sweep(folder)
        # what a person or a script reads first
        summary = json.dumps(result.summary(), indent=1, allow_nan=False) + "\n"
        sink.store.write_text("summary.json", summary)
        for name in ("levels", "effects", "codebook"):
            sink.store.write_text(f"{name}.csv", frame_csv(getattr(result, name)))
    return result


def _agree_points(sink: Folder, design: Sequence[SweepPoint], runs: int) -> PointTable:
    """The folder's points with this design's among them, written down before any of
    them is run."""
    before = sink.before
    known = (
        PointTable.load(sink.store, before.points)
        if before and before.points
        else PointTable()
    )
    table = known.with_design(design)
    points = table.save(sink.store)
    asked = sink.manifest.model_copy(update={"runs": runs, "points": points})
    if before is None or any(
        getattr(before, key) != getattr(asked, key)
        for key in ("points", "runs", "design")
    ):
        kept = {} if before is None else {"versions": before.versions}
        sink.store.write_manifest(asked.model_copy(update=kept))
    drop_old_tables(sink.store, points.sha256)
    return table


def _simulate(
    sink: Folder,
    job: Job,
    table: PointTable,
    runs: int,
    size: int,
    where: Where,
    progress: Callable[[Standing], None] | None,
) -> None:
    """Run what is missing; every block is kept as it comes, and how far it is told
    about once a second."""
    done = {number: sink.done().get(number, []) for number in table.numbers()}
    left = {number: _lacking(blocks, runs) for number, blocks in done.items()}
    began = last = time.monotonic()
    simulated = 0
    tasks = (
        Task(block, number, table.points[number].values)
        for number, blocks in done.items()
        for block in missing(blocks, runs, size)
    )

    def tell(*, last_word: bool = False) -> None:
        seconds, to_go, whole = (
            time.monotonic() - began,
            sum(left.values()),
            len(left) * runs,
        )
        rate = simulated / seconds if seconds > 0 else 0.0
        ahead = to_go / rate if rate > 0 else float("nan")
        points_done, failed = (
            sum(not count for count in left.values()),
            len(sink.failed()),
        )
        standing = Standing(
            points_done, len(left), whole - to_go, whole, failed, rate, ahead
        )
        record = asdict(standing) | {
            "pid": os.getpid(),
            "updated": time.time(),
            "finished": last_word,
        }
        sink.store.write_text(
            PROGRESS, json.dumps(record).replace("NaN", "null") + "\n"
        )
        if progress:
            progress(standing)

    tell()
    for outcome in run_tasks(job, tasks, where.workers, where.client):
        sink.keep(outcome)
        left[outcome.task.point] -= len(outcome.task.block)
        simulated += len(outcome.task.block)
        if time.monotonic() - last >= TELL_EVERY:
            last = time.monotonic()
            tell()
    tell(last_word=True)


def _lacking(done: Sequence[Block], runs: int) -> int:
    """How many of the first `runs` runs are still to be simulated."""
    return sum(len(block) for block in missing(done, runs, max(runs, 1)))


def plan_of_run(job: Job, runs: int, done: Sequence[Block], workers: int) -> SweepPlan:
    """What so many replications of one scenario take, measured on a few of them; done:
    those there are already."""
    left = _lacking(done, runs)
    found = probe(job, ()) if left else None
    return _plan(job, runs, [left], runs_a_shard(runs, workers), workers, found)


def _plan(
    job: Job,
    runs: int,
    left: Sequence[int],
    block: int,
    workers: int,
    found: Probe | None,
) -> SweepPlan:
    """left: runs still to do of each point. found: what was measured, None where
    nothing could be, or is to do."""
    todo, points = sum(left), sum(1 for count in left if count)
    seconds = room = math.nan if todo else 0.0
    if found is not None:
        seconds = (points * found.point_seconds + todo * found.run_seconds) / max(
            workers, 1
        )
        room = todo * found.run_bytes
    return SweepPlan(
        len(left), runs, job.arms, todo, points, block, seconds, room, workers
    )


def probe(job: Job, values: Values) -> Probe | None:
    """Simulate a few runs of one point and measure; None where they fail, which the
    sweep itself will report. A model of the user's own is tried in a process of its
    own: it may take the process with it."""
    if job.model is None:
        return _measured(job, values)
    try:
        return call_within(partial(_measured, job, values), PROBE_SECONDS)
    except (EOFError, OSError):
        return None


def _measured(job: Job, values: Values) -> Probe | None:
    """Simulate a few runs of one point here and measure. Their tables are thrown
    away."""
    try:
        began = time.perf_counter()
        worlds = job.worlds(values)
        made = time.perf_counter()
        count = (
            PROBE_RUNS
            if job.model
            else min(PROBE_MOST, max(PROBE_RUNS, batch_runs(worlds.reference.n) // 4))
        )
        job.live(Task(Block(0, 1), values=values))  # what is paid once is not counted
        ready = time.perf_counter()
        tables = job.live(Task(Block(0, count), values=values))
        done = time.perf_counter()
        parts = tables.by_name.values()
        size, memory = (
            sum(len(encode(part)) for part in parts),
            sum(part.nbytes for part in parts),
        )
    except Exception:  # noqa: BLE001 - whatever it is: the sweep records it run by run
        return None
    names = tuple(
        name for name in tables.runs.column_names if name not in ("run", "arm")
    )
    return Probe(
        made - began, (done - ready) / count, size / count, memory / count, names
    )


def block_size(found: Probe, runs: int) -> int:
    """Runs a block: about two seconds of work and bounded tables; a point's runs whole
    where that fits."""
    size = int(BLOCK_SECONDS / max(found.run_seconds, 1e-9))
    size = min(
        size, BLOCK_MOST, int(BLOCK_BYTES / max(found.run_memory, 1.0)), max(runs, 1)
    )
    return runs if size >= runs else max(32, size // 32 * 32)


def refuse_absurd(plan: SweepPlan, max_bytes: int) -> None:
    """Raises WrongRequest for a plan that would fill more disk than allowed."""
    if plan.bytes > max_bytes:
        raise WrongRequest(
            f"about {bytes_spoken(plan.bytes)} on disk exceeds {bytes_spoken(max_bytes)}: "
            "fewer points or runs, or a larger --max-bytes"
        )
