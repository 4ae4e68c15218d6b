"""Run a scenario: every arm, many times, in memory or into a results folder that can be
resumed.

`simulate` goes from scenario to tasks to tables: a `Job` says what is simulated,
`missing` which blocks of runs are still to
be, `run_tasks` where: in this process, in worker processes, or on a Dask cluster. The
tables are the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import pyarrow as pa

from balance_sim.model.baseline import classes_of, try_terms, with_classes
from balance_sim.model.beliefs import audiences_of
from balance_sim.model.own.fingerprint import driver_fingerprint
from balance_sim.model.own.modules import entered_modules, load, reference_of
from balance_sim.model.own.terms import rules_of
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import (
    chosen_arms,
    compile_arms,
    headline_arm,
    wants_extra_arms,
)
from balance_sim.study.blocks import batch_runs
from balance_sim.study.draws import drawing
from balance_sim.study.estimates import estimates_of
from balance_sim.study.folder import Folder, InMemory, manifest_of
from balance_sim.study.jobs import Job, Progress, Task, TaskResult, try_outcomes
from balance_sim.study.machine import version
from balance_sim.study.outcomes import headline_outcome
from balance_sim.study.own_outcomes import (
    ArmHistory,
    CodeReferences,
    function_named,
    functions_of,
    meaning,
    references,
)
from balance_sim.study.processes import LocalWorkers, run_at
from balance_sim.study.result import Result
from balance_sim.study.store import missing

if TYPE_CHECKING:
    from distributed import Client


RUNS = 100
"""Replications where no number is given: the headline's standard error in Beijing 2025
is then below 0.003."""
STEP = 32
MOST_RUNS = 10_000_000
FEW = 128
"""Replications that are simulated in one go while another process works out placebos:
cut up they would take longer."""
MOST_A_BLOCK = 4096
"""Replications times arms in a block, so that a stop loses seconds at most."""
LEAST_BLOCK = 16
"""Replications that are worth a block."""
ROUNDS = 2
"""The fewest blocks for each worker: progress shows, and a stop loses half at most."""


def default_folder(
    scenario: Scenario,
    arms: Sequence[str],
    seed: int,
    model: str | None = None,
    *,
    draws: bool | str = False,
    own: CodeReferences = (),
) -> Path:
    """Return results/<scenario>-<8 digits>, of a sha256 of what decides the results:
    scenario with overrides, arms, seed, own code, whether runs draw their parameters,
    and the class table where changes would give another one.
    """
    identity: list[Any] = [scenario.sha256, sorted(arms), seed]
    if model:
        identity.append(model)
    if draws:
        identity.append("draws" if draws is True else draws)
    identity += [list(pair) for pair in own]
    classes = classes_of(scenario).sha256
    if classes != classes_of(scenario.counted_as(None)).sha256:
        identity.append(classes)
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    return Path("results") / f"{scenario.name}-{key[:8]}"


class RunOptions(TypedDict, total=False):
    """Options of a run of one scenario; `balance_sim.run` says what each is. client:
    a Dask cluster instead of local processes; game: whose profiles the arms are."""

    precision: float | None
    arms: Sequence[str] | None
    workers: int
    out: Path | str | None
    command: str
    files: dict[str, str] | None
    progress: Progress | None
    model: str | None
    run_timeout: float | None
    draw_parameters: bool | str
    outcomes: str | Mapping[str, Callable[[ArmHistory], Any]] | None
    terms: str | None
    client: Client | None
    game: Mapping[str, Any]


@dataclass(frozen=True)
class PreparedRun:
    """A run that has been checked, before anything is simulated.

    Attributes
    ----------
    job : what every block shares
    runs : replications asked for
    options : as given
    rules : terms and types of event of one's own
    """

    job: Job
    runs: int
    options: RunOptions
    rules: CodeReferences

    @property
    def folder(self) -> Path | None:
        """The results folder; None in memory."""
        out = self.options.get("out")
        return None if out is None else Path(out)

    @property
    def is_slow(self) -> bool:
        """Whether blocks take longer than those of our own code."""
        job = self.job
        return bool(job.model or job.draws or job.own or self.rules)

    def store(self) -> InMemory | Folder:
        """Return where the tables of blocks go."""
        entries: dict[str, Any] = {
            "files": self.options.get("files") or {},
            "command": self.options.get("command", ""),
        }
        if "game" in self.options:
            entries["game"] = self.options["game"]
        if self.folder is None:
            return InMemory()
        manifest = manifest_of("run", self.job, self.rules, entries)
        return Folder(self.folder, manifest)

    def simulate(self, *, is_shared: bool = False) -> Result:
        """Simulate what is lacking and return the study.

        is_shared: another process of ours has a core meanwhile, so that few
        replications are simulated in one block."""
        job, options, runs = self.job, self.options, self.runs
        workers, precision = options.get("workers", 1), options.get("precision")
        with self.store() as store:
            while True:
                store.want(runs)
                is_soon = is_shared and runs <= FEW and not self.is_slow
                size = runs if is_soon else block_runs(job, runs, workers)
                blocks = missing(store.done().get(0, []), runs, size)
                tasks = [Task(block) for block in blocks]
                results = run_tasks(job, tasks, workers, options.get("client"))
                count = runs - sum(map(len, blocks))
                keep_results(store, results, (count, runs), options.get("progress"))
                needed = runs
                if precision is not None:
                    tables = store.outcomes(runs)
                    needed = runs_for(precision, tables, job.scenario, job.arms)
                if needed <= runs:
                    break
                runs = needed
        return Result(
            scenario=job.scenario,
            runs=runs,
            seed=job.seed,
            arms=job.arms,
            version=version(),
            folder=self.folder,
            memory=store.tables() if isinstance(store, InMemory) else (),
            draws=job.draws,
            model=job.model,
            meanings={name: meaning(reference) for name, reference in job.own},
            failed=tuple(row for row in store.failed() if row["run"] < runs),
        )


def keep_results(
    store: InMemory | Folder,
    results: Generator[TaskResult, None, None],
    counts: tuple[int, int],
    progress: Progress | None,
) -> None:
    """Keep outcomes as they come, and say how far they are.

    Parameters
    ----------
    store : where they are kept
    results : as `run_tasks` yields them; closed at the end
    counts : replications that are there already, and those asked for
    progress : called with replications simulated, asked for, failed
    """
    done, wanted = counts
    report = progress or (lambda *_: None)
    report(done, wanted, len(store.failed()))
    with closing(results):
        for result in results:
            store.keep(result)
            done += len(result.task.block)
            report(done, wanted, len(store.failed()))


def prepare(
    scenario: Scenario, runs: int, seed: int, options: RunOptions
) -> PreparedRun:
    """Check a run, with code of one's own tried once, before anything is simulated.

    Raises
    ------
    WrongRequest, ScenarioError : what `balance_sim.run` raises
    """
    if runs < 1:
        raise WrongRequest(f"runs must be at least 1, got {runs}")
    precision = options.get("precision")
    if precision is not None and not 0 < precision < float("inf"):
        raise WrongRequest(
            f"precision must be a positive number of agreements, got {precision}"
        )
    check_seed(seed)
    model = import_model(options.get("model"))
    load(options.get("terms"))
    draw_parameters = options.get("draw_parameters", False)
    if draw_parameters and model is not None:
        raise WrongRequest(
            "parameters are not drawn for a model of one's own: leave out one of the "
            "two"
        )
    scenario, draws = drawing(sealed(scenario), draw_parameters)
    arms = chosen_arms(scenario, options.get("arms"))
    audiences_of(scenario)  # a state in no audience is refused here, not in every run
    scenario = with_classes(scenario)
    elsewhere = options.get("workers", 1) > 1 or options.get("out") is not None
    outcomes = own_outcomes(options.get("outcomes"), elsewhere=elsewhere)
    rules = own_rules(scenario, arms, elsewhere=elsewhere)
    job = Job(
        scenario,
        seed,
        arms,
        model,
        options.get("run_timeout"),
        wants_extra_arms(scenario),
        draws,
        own=outcomes,
    )
    try_outcomes(job)
    return PreparedRun(job, runs, options, rules)


def block_runs(job: Job, runs: int, workers: int) -> int:
    """Return replications a block: a batch of the engine, so that a block is worth its
    overhead, progress shows and a stop loses seconds; less where a worker would have
    nothing to do. Changes no result.

    Parameters
    ----------
    job : of which the states and arms count
    runs : replications in all
    workers : processes
    """
    batch = min(batch_runs(len(job.scenario.states)), MOST_A_BLOCK // len(job.arms))
    share = -(-runs // (ROUNDS * workers))
    return max(min(batch, share), LEAST_BLOCK)


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
    if client is not None:
        from balance_sim.study.cluster import Cluster

        yield from run_at(Cluster(job, client), job, tasks)
    elif is_here:
        yield from map(job.do, tasks)
    else:
        place = LocalWorkers(job.begin, job.references, workers)
        yield from run_at(place, job, tasks)
    step = "It was edited while the study ran: give the command again, in a new folder"
    code.refuse_edited(step, others_read=not is_here)


def runs_for(
    precision: float,
    tables: Iterator[pa.Table],
    scenario: Scenario,
    arms: Sequence[str],
) -> int:
    """Return how many runs the headline effect needs for a standard error.

    No more than twice as many again are asked for, in steps of `STEP`; as many as there
    are where they are enough.

    Parameters
    ----------
    precision : the standard error wanted, in agreements
    tables : of outcomes so far, in the order of runs
    scenario, arms : of the study
    """
    arm = headline_arm(scenario, arms)
    outcome = headline_outcome(scenario)
    if arm is None:
        return 0
    estimates = estimates_of(tables, (arms[0], arm), (outcome,))
    if not estimates.names:
        return 0
    effect = estimates.effect(arm, outcome)
    have, error = int(effect["n"]), float(effect["mcse"])
    if not error > precision:
        return have
    need = math.ceil(have * min((error / precision) ** 2, 3.0))
    return min(-(-need // STEP) * STEP + STEP, MOST_RUNS)


# -- code of one's own -----------------------------------------------------------------


def check_seed(seed: int) -> None:
    """Refuse a number that is no seed.

    Raises
    ------
    WrongRequest : outside 0 to 2^64 - 1
    """
    if not 0 <= seed < 2**64:
        raise WrongRequest(
            f"seed must be a whole number from 0 to 18446744073709551615, got {seed}"
        )


def import_model(model: str | None) -> str | None:
    """Return `module:Class` of what `--model` names.

    Raises
    ------
    WrongRequest : where that is no StateAgent subclass
    """
    if model is None:
        return None
    from balance_sim.model.agents import agent_class_named

    agent_class = agent_class_named(model)
    return model if ":" in model else reference_of(agent_class)


def own_rules(
    scenario: Scenario,
    arms: Sequence[str],
    paths: Iterable[str] = (),
    *,
    elsewhere: bool,
) -> CodeReferences:
    """Return terms and types of event of the user's own, each tried in the arms to be
    simulated, and not in every replication.

    Raises
    ------
    WrongRequest : for a rule that other processes cannot import
    ScenarioError : for a rule that gives what it must not
    """
    rules = rules_of(scenario, paths, elsewhere=elsewhere)
    names = (*scenario.theory.weights, *(event.kind for event in scenario.events))
    if rules or any(name.startswith(OWN) for name in names):
        worlds = compile_arms(scenario, arms)
        for world in worlds.arms.values():
            try_terms(world, worlds.baseline)
    return rules


def own_outcomes(
    given: str | Mapping[str, Callable[[ArmHistory], Any]] | None, *, elsewhere: bool
) -> CodeReferences:
    """Return what `outcomes` names.

    Parameters
    ----------
    given : functions by name, or the name of a module
    elsewhere : for other processes too

    Raises
    ------
    WrongRequest : where it names none
    """
    if given is None:
        return ()
    if isinstance(given, str):
        own = functions_of(given)
    else:
        own = references(given, elsewhere=elsewhere)
    for _, reference in own:
        function_named(reference)
    return own
