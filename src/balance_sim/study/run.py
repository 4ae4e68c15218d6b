"""Run a scenario: every arm, many times, in memory or into a results folder that can be
resumed.

`simulate` goes from scenario to tasks to tables: a `Job` says what is simulated,
`missing` which blocks of runs are still to
be, `run_tasks` where: in this process, in worker processes, or on a Dask cluster. The
tables are the same."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from balance_sim import registry
from balance_sim.model.baseline import try_terms, with_classes
from balance_sim.model.beliefs import audiences_of
from balance_sim.model.own.fingerprint import driver_fingerprint
from balance_sim.model.own.modules import (
    CodeReferences,
    entered_modules,
    load,
    reference_to,
    rules_of,
)
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.errors import (
    PATH,
    WrongRequest,
    checked_name,
    checked_type,
    whole_number,
)
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import batch_runs, missing
from balance_sim.study.jobs import Job, Progress, Task, TaskResult, Values, try_outcomes
from balance_sim.study.machine import version
from balance_sim.study.result import Result

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.model.agents import StateAgent
    from balance_sim.study.folder import Folder
    from balance_sim.study.manifest import Manifest
    from balance_sim.study.own_outcomes import OutcomeFunctions


RUNS = 100
"""Replications where no number is given: the headline's standard error in Beijing 2025
is then below 0.003."""
FEW = 128
"""Replications that are simulated in one go while another process works out placebos:
cut up they would take longer."""
MOST_A_BLOCK = 4096
"""Replications times arms in a block, so that a stop loses seconds at most."""
LEAST_BLOCK = 16
"""Replications that are worth a block."""
ROUNDS = 2
"""The fewest blocks for each worker where code of one's own may be slow: progress
shows, and a stop loses half at most."""


class StudyOptions(TypedDict, total=False):
    """Options of a run and of a sweep; `balance_sim.run` says what each is. client: a
    Dask cluster instead of local processes."""

    workers: int
    client: Client | None
    out: Path | str | None
    command: str
    files: dict[str, str] | None
    progress: Progress | None
    model: str | type[StateAgent] | None
    run_timeout: float | None
    outcomes: OutcomeFunctions | None
    terms: str | None


class RunOptions(StudyOptions, total=False):
    """Further options of a run of one scenario. game: whose profiles the arms are."""

    arms: str | Sequence[str] | None
    draw_parameters: bool | str
    game: Mapping[str, Any]


@dataclass(frozen=True)
class PreparedRun:
    """A run that has been checked, before anything is simulated.

    Attributes
    ----------
    job : what every block shares
    runs : replications asked for
    options : as given
    """

    job: Job
    runs: int
    options: RunOptions

    @cached_property
    def manifest(self) -> Manifest:
        """What decides the results. Raises CodeDiffers where code was edited after it
        was imported."""
        from balance_sim.study.folder import manifest_of

        return manifest_of("run", self.job, self.options, game=self.options.get("game"))

    @property
    def default_folder(self) -> Path:
        """results/<scenario>-<8 digits of what decides the replications>."""
        name = self.job.scenario.name
        return Path("results") / f"{name}-{self.manifest.study_key[:8]}"

    def simulate(
        self, out: Path | str | None = None, *, is_shared: bool = False
    ) -> Result:
        """Simulate what is lacking and return the study.

        out: a results folder; in memory if None. is_shared: another process of ours has
        a core meanwhile, so that few replications are simulated in one block."""
        job, options, runs = self.job, self.options, self.runs
        is_soon = is_shared and runs <= FEW and job.is_ours
        size = runs if is_soon else block_runs(job, runs, options.get("workers", 1))
        simulation = job, {0: ()}, runs, size, options
        if out is None:
            results = simulate_lacking(None, *simulation)
            failed = [row for result in results for row in result.failed]
        else:
            from balance_sim.study.folder import Folder

            with Folder(Path(out), self.manifest) as store:
                store.update(runs=runs)
                results = simulate_lacking(store, *simulation)
                failed = store.failed()
        tables = (result.tables for result in results)
        return Result(
            scenario=job.scenario,
            runs=runs,
            seed=job.seed,
            arms=job.arms,
            version=version(),
            folder=None if out is None else Path(out),
            memory=tuple(block for block in tables if block is not None),
            draws=job.draws,
            model=job.model,
            meanings=job.meanings,
            failed=tuple(row for row in failed if row["run"] < runs),
        )


def simulate_lacking(
    store: Folder | None,
    job: Job,
    points: Mapping[int, Values],
    runs: int,
    size: int,
    options: Mapping[str, Any],
) -> list[TaskResult]:
    """Simulate the blocks that a study lacks, and keep them as they come.

    Parameters
    ----------
    store : the folder where they are kept; None: they are returned
    job : what is simulated
    points : values of each by number
    runs : replications of every point
    size : of a block, at most
    options : as of `RunOptions`, of which `workers`, `client` and `progress` count

    Raises
    ------
    CodeDiffers, StudyError : what `run_tasks` raises
    CannotWrite : from the folder
    """
    done_blocks = {} if store is None else store.done()
    failed = 0 if store is None else len(store.failed())
    finished: list[TaskResult] = []
    keep = finished.append if store is None else store.keep
    tasks = [
        Task(block, number, values)
        for number, values in points.items()
        for block in missing(done_blocks.get(number, []), runs, size)
    ]
    wanted = len(points) * runs
    done = wanted - sum(len(task.block) for task in tasks)
    report = options.get("progress") or (lambda *_: None)
    report(done, wanted, failed)
    workers, client = options.get("workers", 1), options.get("client")
    with closing(run_tasks(job, tasks, workers, client)) as results:
        for result in results:
            keep(result)
            done += len(result.task.block)
            failed += len(result.failed)
            report(done, wanted, failed)
    if store is not None:
        store.flush()
    return sorted(finished, key=lambda result: result.task.block.first)


def prepare(
    scenario: Scenario, runs: int, seed: int, options: RunOptions
) -> PreparedRun:
    """Check a run, with code of one's own tried once, before anything is simulated.

    Raises
    ------
    WrongRequest, ScenarioError : what `balance_sim.run` raises
    """
    runs = whole_number("runs", runs, 1)
    job = prepared_job(scenario, seed, options.get("arms"), options)
    return PreparedRun(job, runs, options)


def prepared_job(
    scenario: Scenario,
    seed: int,
    arms: str | Sequence[str] | None,
    options: Mapping[str, Any],
    paths: Sequence[str] | None = None,
) -> Job:
    """Return the job of every block; code of one's own was tried once.

    Parameters
    ----------
    scenario, seed : of the study
    arms : names, or one text with commas between them; all if None
    options : as of `RunOptions`, of which those of code, `draw_parameters`, `workers`,
        `client` and `out` count
    paths : key paths of the factors of a sweep; None of a run

    Raises
    ------
    WrongRequest, ScenarioError : what `balance_sim.run` raises
    """
    allowed = RunOptions if paths is None else StudyOptions
    option_names = ["runs", "seed", *sorted(allowed.__optional_keys__)]
    for option in options:
        checked_name("option", option, option_names)
    seed = whole_number("seed", seed, 0, 2**64 - 1)
    workers = whole_number("workers", options.get("workers", 1), 1)
    elsewhere = paths is not None or workers > 1
    needs = "out", "client", "run_timeout"
    elsewhere |= any(options.get(name) is not None for name in needs)
    checked_type("out", options.get("out"), (*PATH, type(None)), "a path")
    timeout = options.get("run_timeout")
    if timeout is not None:
        checked_type("run_timeout", timeout, Real, "seconds")
        if not timeout > 0:
            raise WrongRequest(f"run_timeout must be above 0 seconds, got {timeout}")
    load(options.get("terms"))
    model = model_reference(options.get("model"), elsewhere=elsewhere)
    draws = options.get("draw_parameters")
    if draws and model is not None:
        raise WrongRequest(
            "parameters are not drawn for a model of one's own: leave out one of the "
            "two"
        )
    if draws:
        from balance_sim.study.draws import drawing

        scenario, draws = drawing(scenario, draws)
    chosen = chosen_arms(scenario, arms)
    audiences_of(scenario)  # a state in no audience is refused here, not in every run
    scenario = with_classes(sealed(scenario))  # one class table for all points
    own_references: CodeReferences = ()
    outcomes = options.get("outcomes")
    if outcomes is not None:
        from balance_sim.study.own_outcomes import outcomes_named

        own_references = outcomes_named(outcomes, elsewhere=elsewhere)
    plugins = registry.of_plugins("arms", scenario.plugins)
    job = Job(
        scenario,
        seed,
        chosen,
        model=model,
        run_timeout=options.get("run_timeout"),
        has_extra_arms=paths is None and bool(plugins),
        draws=draws or False,
        own=own_references,
        rules=rules_of(scenario, paths or (), elsewhere=elsewhere),
    )
    names = (*scenario.theory.weights, *(event.kind for event in scenario.events))
    if job.rules or any(name.startswith(OWN) for name in names):
        worlds = job.compiled_point().worlds
        for world in worlds.arms.values():
            try_terms(world, worlds.baseline)
    try_outcomes(job)
    return job


def block_runs(job: Job, runs: int, workers: int) -> int:
    """Return replications a block: a batch of the engine, so that a block is worth its
    overhead, progress shows and a stop loses seconds; or as much less as gives each
    worker the same number of blocks. Changes no result.

    Parameters
    ----------
    job : of which the states and arms count
    runs : replications in all
    workers : processes
    """
    most = max(MOST_A_BLOCK // len(job.arms), LEAST_BLOCK)
    most = min(batch_runs(len(job.scenario.states)), most)
    rounds = max(-(-runs // (most * workers)), 1 if job.is_ours else ROUNDS)
    return max(-(-runs // (rounds * workers)), LEAST_BLOCK)


def run_tasks(
    job: Job, tasks: Iterable[Task], workers: int = 1, client: Client | None = None
) -> Generator[TaskResult, None, None]:
    """Yield outcomes as they finish: in this process for one worker, or one task of our
    own model; else in local processes or on a cluster.

    Parameters
    ----------
    job : what is done
    tasks : blocks of points
    workers : processes
    client : of a Dask cluster, instead of them

    Raises
    ------
    CodeDiffers : where code was edited meanwhile, or a worker has other code
    """
    if client is not None and job.run_timeout is not None:
        raise WrongRequest(
            "--run-timeout: a Dask worker cannot be stopped in a replication; leave it "
            "out, or simulate on this machine"
        )
    code = driver_fingerprint([*job.references, *entered_modules()])
    tasks = list(tasks)
    is_alone = workers <= 1 or (len(tasks) < 2 and job.model is None)
    # a replication that hangs has to be killed: not in this process
    is_here = client is None and is_alone and job.run_timeout is None
    if is_here:
        yield from map(job.do, tasks)
    else:
        from balance_sim.study.processes import run_elsewhere

        yield from run_elsewhere(job, tasks, workers, client)
    step = "It was edited while the study ran: give the command again, in a new folder"
    code.refuse_edited(step, others_read=not is_here)


def model_reference(
    model: str | type[StateAgent] | None, *, elsewhere: bool = True
) -> str | None:
    """Return `module:Class` of an agent class, which is imported.

    Parameters
    ----------
    model : the same, or the class
    elsewhere : other processes are to find it too

    Raises
    ------
    WrongRequest : where that is no StateAgent subclass, or they could not
    """
    if model is None:
        return None
    from balance_sim.model.agents import agent_class_named, checked_agent_class

    if isinstance(model, str):
        agent_class_named(model)
        return model
    name = checked_agent_class(model, repr(model)).__qualname__
    return reference_to(model, "agent", name, elsewhere=elsewhere)
