"""Run an experiment: every point of its design, in every arm, many times, into a folder
that can be resumed. What it will take is measured on a few runs of one point, told
before it begins, and refused where it is absurd."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.model.baseline import with_classes
from balance_sim.model.own.modules import load
from balance_sim.scenario.design import Experiment, Overrides
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.experiment import AS_WRITTEN, load_experiment
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import Folder, manifest_of
from balance_sim.study.jobs import Job, Progress, Task, try_outcomes, unknown_outcomes
from balance_sim.study.own_outcomes import CodeReferences
from balance_sim.study.plan import (
    MOST_BYTES,
    SweepPlan,
    plan_of,
    probe,
    refuse_absurd,
)
from balance_sim.study.points import (
    PointTable,
    SweepPoint,
    design_points,
    drop_old_tables,
)
from balance_sim.study.run import (
    check_seed,
    import_model,
    keep_results,
    own_outcomes,
    own_rules,
    run_tasks,
)
from balance_sim.study.store import Store, missing
from balance_sim.study.sweep_result import SweepResult, open_sweep

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.own_outcomes import ArmHistory


@dataclass(frozen=True)
class Where:
    """Where the blocks of a sweep run, and with what code.

    Attributes
    ----------
    workers : processes
    client : a Dask cluster, instead of local processes
    model : `module:Class` of a StateAgent subclass that decides, as for `run`
    run_timeout : seconds after which a replication counts as failed
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
    outcomes: str | Mapping[str, Callable[[ArmHistory], Any]] | None = None
    terms: str | None = None


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
    progress: Progress | None = None,
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
        one's own, time limit
    max_bytes : the most that the plan may take on disk
    dry_run : tell the plan and run nothing
    retry_failed : run blocks with failed runs again, also with code of your own that
        was repaired
    command, files : kept in the folder's manifest
    told : called with the plan before anything is run
    progress : called with replications simulated, asked for, failed

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
        "design": _design_entry(experiment),
    }
    manifest = manifest_of("sweep", job, rules, entries)
    folder = Path(out) if out is not None else default_folder(experiment)
    with Folder(folder, manifest, is_mended=retry_failed) as results:
        if retry_failed:
            results.forget_failed()
        store = results.store
        table = PointTable.load(store, results.manifest.points).with_design(design)
        points = table.save(store)
        results.update(points=points, runs=runs, design=manifest.design)
        drop_old_tables(store, points)
        done, numbers = results.done(), table.numbers()
        blocks = {number: done.get(number, []) for number in numbers}
        plan = plan_for(list(blocks.values()))
        tasks = [
            Task(block, number, table.points[number].values)
            for number in numbers
            for block in missing(blocks[number], runs, plan.block)
        ]
        outcomes = run_tasks(job, tasks, where.workers, where.client)
        total = plan.points * runs
        keep_results(results, outcomes, (total - plan.todo_runs, total), progress)
        results.flush()
        result = open_sweep(folder)
        _write_numbers(store, result)
    return result


def _job_of(experiment: Experiment, where: Where) -> tuple[Job, CodeReferences]:
    """Return the job of every block, with code of one's own tried once; and terms and
    types of event of one's own."""
    head = experiment.head
    check_seed(head.seed)
    model = import_model(where.model)
    arms = chosen_arms(experiment.scenario, head.arms)
    scenario = with_classes(experiment.scenario)  # one class table for all points
    outcomes = own_outcomes(where.outcomes, elsewhere=True)
    rules = own_rules(scenario, arms, experiment.paths, elsewhere=True)
    job = Job(scenario, head.seed, arms, model, where.run_timeout, own=outcomes)
    try_outcomes(job)
    return job, rules


def _plan(
    experiment: Experiment,
    job: Job,
    design: Sequence[SweepPoint],
    where: Where,
    done: Sequence[Sequence[Block]],
) -> SweepPlan:
    """Return what the sweep takes, measured on its first point. done: blocks of each
    point of the design. Raises ScenarioError for an outcome that there is not."""
    runs, workers = experiment.head.runs, where.workers
    measured = probe(job, design[0].values, runs)
    problems = (
        [] if measured is None else unknown_outcomes(experiment, measured.outcomes)
    )
    if problems:
        raise ScenarioError(problems)
    if where.client is not None:
        from balance_sim.study.cluster import threads_of

        workers = max(threads_of(where.client), 1)
    return plan_of(job, runs, done, workers, measured)


def _design_entry(experiment: Experiment) -> dict[str, Any]:
    """Return what the manifest says of the design."""
    head = experiment.head
    return experiment.design.model_dump() | {
        "paths": list(experiment.paths),
        "outcomes": list(head.outcomes),
        "title": head.title,
        "question": head.question,
    }


def _write_numbers(store: Store, result: SweepResult) -> None:
    """Write what a person or a script reads first: the summary, and the tables of
    numbers."""
    summary = json.dumps(result.summary(), indent=1, allow_nan=False) + "\n"
    store.write_text("summary.json", summary)
    for name in ("levels", "effects", "codebook"):
        store.write_text(f"{name}.csv", frame_csv(getattr(result, name)))
