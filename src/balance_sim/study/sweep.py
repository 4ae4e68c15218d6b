"""Run an experiment: every point of its design, in every arm, many times, into a folder
that can be resumed. What it will take is measured on a few runs of one point, told
before it begins, and refused where it is absurd."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.model.baseline import with_classes
from balance_sim.model.own.modules import load
from balance_sim.scenario.design import Experiment, Overrides
from balance_sim.scenario.experiment import AS_WRITTEN, load_experiment
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import Folder, manifest_of
from balance_sim.study.jobs import Job, Task, check_outcomes
from balance_sim.study.own_outcomes import CodeReferences
from balance_sim.study.plan import (
    MOST_BYTES,
    SweepPlan,
    block_size,
    plan_of,
    probe,
    refuse_absurd,
    runs_lacking,
)
from balance_sim.study.points import (
    PointTable,
    SweepPoint,
    design_points,
    drop_old_tables,
)
from balance_sim.study.run import (
    SHARD_RUNS,
    check_seed,
    import_model,
    own_outcomes,
    own_rules,
    run_tasks,
    try_own_outcomes,
)
from balance_sim.study.status import PROGRESS
from balance_sim.study.store import Store, missing, refuse_lost
from balance_sim.study.sweep_result import SweepResult, open_sweep

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.own_outcomes import ArmHistory

TELL_EVERY = 1.0  # seconds between two reports


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
    where : in the place of `workers`: workers or cluster, a model, outcomes or terms of
        one's own, time limit, runs a block
    max_bytes : the most that the plan may take on disk
    dry_run : tell the plan and run nothing
    retry_failed : run blocks with failed runs again, also with code of your own that
        was repaired
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
    if isinstance(experiment, Path | str):
        experiment = load_experiment(experiment)
    job, rules = _job_of(experiment, where)
    design = list(design_points(experiment))
    runs = experiment.head.runs

    def plan_for(done: Sequence[Sequence[Block]]) -> SweepPlan:
        plan = _plan(experiment, job, design, where, done)
        if told:
            told(plan)
        refuse_absurd(plan, max_bytes)
        return plan

    if dry_run:
        plan_for([[]] * len(design))
        return None
    entries = {
        "files": files or {},
        "command": command,
        "experiment": experiment.name,
        "points": None,
        "design": _design_entry(experiment),
    }
    manifest = manifest_of("sweep", job, rules, entries)
    folder = Path(out) if out is not None else default_folder(experiment)
    with Folder(folder, manifest, is_mended=retry_failed) as results:
        if retry_failed:
            results.forget_failed()
        table = _agree_points(results, design, runs)
        done, numbers = results.done(), table.numbers()
        blocks = {number: done.get(number, []) for number in numbers}
        plan = plan_for(list(blocks.values()))
        sweeping = _Sweeping(results, table, runs, blocks, progress)
        sweeping.simulate(job, where, plan.block)
        refuse_lost(results.store, numbers, runs)
        result = open_sweep(folder)
        _write_numbers(results.store, result)
    return result


def _job_of(experiment: Experiment, where: Where) -> tuple[Job, CodeReferences]:
    """The job of every block, with code of one's own tried once; and terms and kinds of
    event of one's own."""
    head = experiment.head
    check_seed(head.seed)
    model = import_model(where.model)
    arms = chosen_arms(experiment.scenario, head.arms)
    scenario = with_classes(experiment.scenario)  # one class table for all points
    outcomes = own_outcomes(where.outcomes, elsewhere=True)
    rules = own_rules(scenario, arms, experiment.paths, elsewhere=True)
    job = Job(scenario, head.seed, arms, model, where.run_timeout, own=outcomes)
    try_own_outcomes(job)
    return job, rules


def _plan(
    experiment: Experiment,
    job: Job,
    design: Sequence[SweepPoint],
    where: Where,
    done: Sequence[Sequence[Block]],
) -> SweepPlan:
    """What the sweep takes, measured on the first point that lacks replications. done:
    blocks of each point of the design."""
    runs, workers = experiment.head.runs, where.workers
    lacking = [runs_lacking(blocks, runs) for blocks in done]
    measured, block = None, max(runs, 1)
    pairs = zip(design, lacking, strict=True)
    first = next((point for point, count in pairs if count), None)
    if first is not None:
        measured, block = probe(job, first.values, runs), SHARD_RUNS
    if measured is not None:
        check_outcomes(experiment, measured.outcomes)
        block = block_size(measured, runs)
    if where.client is not None:
        from balance_sim.study.cluster import threads_of

        workers = threads_of(where.client)
    return plan_of(job, runs, lacking, where.block or block, workers, measured)


def _design_entry(experiment: Experiment) -> dict[str, Any]:
    """What the manifest says of the design."""
    head = experiment.head
    return experiment.design.model_dump() | {
        "paths": list(experiment.paths),
        "outcomes": list(head.outcomes),
        "title": head.title,
        "question": head.question,
    }


def _write_numbers(store: Store, result: SweepResult) -> None:
    """What a person or a script reads first: the summary, and the tables of numbers."""
    summary = json.dumps(result.summary(), indent=1, allow_nan=False) + "\n"
    store.write_text("summary.json", summary)
    for name in ("levels", "effects", "codebook"):
        store.write_text(f"{name}.csv", frame_csv(getattr(result, name)))


def _agree_points(
    results: Folder, design: Sequence[SweepPoint], runs: int
) -> PointTable:
    """The folder's points with this design's among them, written down before any of
    them is run."""
    stored, store = results.before, results.store
    table = PointTable()
    if stored is not None and stored.points is not None:
        table = PointTable.load(store, stored.points)
    table = table.with_design(design)
    points = table.save(store)
    manifest = results.manifest.model_copy(update={"runs": runs, "points": points})
    if stored is not None:
        manifest = manifest.model_copy(update={"versions": stored.versions})
    keys = ("points", "runs", "design")
    if stored is None or any(
        getattr(stored, key) != getattr(manifest, key) for key in keys
    ):
        store.write_manifest(manifest)
    drop_old_tables(store, points.sha256)
    return table


class _Sweeping:
    """A sweep under way: what is left of each point, and how far it is."""

    def __init__(
        self,
        results: Folder,
        table: PointTable,
        runs: int,
        done: Mapping[int, Sequence[Block]],
        progress: Callable[[Standing], None] | None,
    ) -> None:
        self.results, self.table, self.runs, self.done = results, table, runs, done
        self.progress = progress
        self.left = {n: runs_lacking(blocks, runs) for n, blocks in done.items()}
        self.to_do = sum(self.left.values())
        self.points_done = sum(not count for count in self.left.values())
        self.simulated = 0
        self.began = self.reported = time.monotonic()

    def tasks(self, size: int) -> Iterator[Task]:
        """What is missing, in the order of points."""
        for number, blocks in self.done.items():
            if self.left[number]:
                values = self.table.points[number].values
                for block in missing(blocks, self.runs, size):
                    yield Task(block, number, values)

    def simulate(self, job: Job, where: Where, size: int) -> None:
        """Simulate what is missing; blocks are kept as they come, and how far it is is
        reported about once a second."""
        self.report()
        with closing(
            run_tasks(job, self.tasks(size), where.workers, where.client)
        ) as results:
            for result in results:
                self.results.keep(result)
                self._count(result.task)
                if time.monotonic() - self.reported >= TELL_EVERY:
                    self.report()
        self.results.flush()
        self.report(is_last=True)

    def _count(self, task: Task) -> None:
        count = len(task.block)
        self.left[task.point] -= count
        self.points_done += not self.left[task.point]
        self.simulated += count
        self.to_do -= count

    def report(self, *, is_last: bool = False) -> None:
        """Write how far the sweep is, and call `progress`."""
        self.reported = time.monotonic()
        seconds = self.reported - self.began
        total = len(self.left) * self.runs
        rate = self.simulated / seconds if seconds > 0 else 0.0
        standing = Standing(
            points_done=self.points_done,
            points=len(self.left),
            runs_done=total - self.to_do,
            runs=total,
            failed=len(self.results.failed()),
            rate=rate,
            seconds_left=self.to_do / rate if rate > 0 else float("nan"),
        )
        record = asdict(standing)
        record |= {"pid": os.getpid(), "updated": time.time(), "finished": is_last}
        text = json.dumps(record).replace("NaN", "null")
        self.results.store.write_text(PROGRESS, text + "\n")
        if self.progress:
            self.progress(standing)
