"""Run an experiment: every point of its design, in every arm, many times, into a folder
that can be resumed. What it will take is measured on a few runs of one point, told
before it begins, and refused where it is absurd."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

from balance_sim.model.own.modules import load
from balance_sim.scenario.design import Experiment
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.errors import whole_number
from balance_sim.scenario.experiment import experiment_from
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.study.blocks import Block
from balance_sim.study.export import frame_csv
from balance_sim.study.failures import tell_failures
from balance_sim.study.folder import Folder, manifest_of
from balance_sim.study.plan import (
    MOST_BYTES,
    SweepPlan,
    plan_of,
    refuse_absurd,
    unknown_outcomes,
)
from balance_sim.study.points import (
    PointTable,
    design_points,
    drop_old_tables,
)
from balance_sim.study.run import StudyOptions, prepared_job, simulate_lacking
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_sweep


def default_folder(experiment: Experiment, *, is_as_written: bool = True) -> Path:
    """results/<experiment>: the same command goes on there, an edited scenario is
    refused there. With another seed or other values than the file's, 8 digits of a key
    of them stand behind the name."""
    if is_as_written:
        return Path("results") / experiment.name
    key = hashlib.sha256(
        f"{content_digest(experiment.scenario)} {experiment.head.seed}".encode()
    ).hexdigest()
    return Path("results") / f"{experiment.name}-{key[:8]}"


class SweepOptions(StudyOptions, total=False):
    """Options of a sweep; `balance_sim.sweep` says what each is."""

    max_bytes: int
    dry_run: bool
    retry_failed: bool
    told: Callable[[SweepPlan], None] | None


def sweep(
    experiment: Experiment | Path | str, **options: Unpack[SweepOptions]
) -> SweepResult | None:
    """Simulate every point of the experiment and return what came of it.

    The same call resumes where it stopped, runs damaged blocks again, and reuses points
    and runs that are there.

    Parameters
    ----------
    experiment : the file, or what `load_experiment` read of it
    max_bytes : the most that the plan may take on disk
    dry_run : tell the plan, run nothing and return None
    retry_failed : run blocks with failed runs again, also with code of your own that
        was repaired
    told : called with the plan before anything is run
    out : results folder; `default_folder` if not given
    workers, client : processes, or a Dask cluster instead of them
    model, outcomes, terms, run_timeout, command, files, progress : as of
        `balance_sim.run`

    Warns
    -----
    FailedReplications : where some replications failed; they are in no frame

    Raises
    ------
    WrongRequest : for another study's folder or an absurd plan
    FailedReplications : where all did
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
    result = simulated_sweep(experiment, **options)
    if result is not None:
        tell_failures(result.failed, result.wanted)
    return result


def simulated_sweep(
    experiment: Experiment | Path | str,
    *,
    max_bytes: int = MOST_BYTES,
    dry_run: bool = False,
    retry_failed: bool = False,
    told: Callable[[SweepPlan], None] | None = None,
    **options: Unpack[StudyOptions],
) -> SweepResult | None:
    """What `sweep` returns, with nothing said of replications that failed.

    Raises
    ------
    WrongRequest, FolderBusy, CannotWrite : what `sweep` raises
    """
    load(options.get("terms"))
    max_bytes = whole_number("max_bytes", max_bytes, 0)
    experiment = experiment_from(experiment)
    head, paths = experiment.head, experiment.paths
    job = prepared_job(experiment.scenario, head.seed, head.arms, options, paths)
    design, runs = list(design_points(experiment)), head.runs

    def plan_for(done: Sequence[Sequence[Block]]) -> SweepPlan:
        """Plan what the design lacks beside blocks of each point that are done."""
        threads, client = options.get("workers", 1), options.get("client")
        if client is not None:
            from balance_sim.study.cluster import threads_of

            threads = max(threads_of(client), 1)
        values, names = design[0].values, head.outcomes
        plan = plan_of(job, values, runs, done, threads, names)
        problems = unknown_outcomes(experiment, plan.outcomes) if plan.outcomes else []
        if problems:
            raise ScenarioError(problems)
        if told:
            told(plan)
        refuse_absurd(plan, max_bytes)
        return plan

    if dry_run:
        plan_for([[]] * len(design))
        return None
    design_entries = {"outcomes": list(head.outcomes), "title": head.title}
    design_entries |= {"paths": list(paths), "question": head.question}
    design_asked = head.design.model_dump() | design_entries
    name = experiment.name
    manifest = manifest_of("sweep", job, options, experiment=name, design=design_asked)
    folder = Path(options.get("out") or default_folder(experiment))
    with Folder(folder, manifest, is_mended=retry_failed) as store:
        if retry_failed:
            store.forget_failed()
        table = PointTable.load(folder, store.study).with_design(design)
        digest = table.save(folder)
        store.update(points=digest, runs=runs, design=manifest.design)
        drop_old_tables(folder, digest)
        done, numbers = store.done(), table.numbers()
        plan = plan_for([done.get(number, []) for number in numbers])
        points = {number: table.points[number].values for number in numbers}
        simulate_lacking(store, job, points, runs, plan.block, options)
        result = open_sweep(folder)
        _write_numbers(store, result)
    return result


def _write_numbers(store: Store, result: SweepResult) -> None:
    """Write what a person or a script reads first: the summary, and the tables of
    numbers."""
    summary = json.dumps(result.summary(), indent=1, allow_nan=False) + "\n"
    store.write_text("summary.json", summary)
    for name in ("levels", "effects", "codebook"):
        store.write_text(f"{name}.csv", frame_csv(getattr(result, name)))
