"""Run a scenario: every arm, many times, in memory or into a results folder that can be
resumed.

`simulate` goes from scenario to tasks to tables: a `Job` says what is simulated,
`missing` which blocks of runs are still to
be, `run_tasks` where: in this process, in worker processes, or on a Dask cluster. The
tables are the same."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import classes_of, try_terms, with_classes
from balance_sim.model.beliefs import audiences_of
from balance_sim.model.own.fingerprint import driver_fingerprint
from balance_sim.model.own.modules import entered_modules, load, reference_of
from balance_sim.model.own.terms import rules_of
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.files import bytes_if_any
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import (
    chosen_arms,
    compile_arms,
    headline_arm,
    wants_extra_arms,
)
from balance_sim.study.blocks import Block
from balance_sim.study.draws import drawing
from balance_sim.study.estimates import estimates_of
from balance_sim.study.folder import Folder, InMemory, manifest_of
from balance_sim.study.frames import FILE as CODEBOOK
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
from balance_sim.study.processes import call_within, run_in_processes
from balance_sim.study.result import Result
from balance_sim.study.store import Store, missing

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.sweep_result import SweepResult

RUNS = 100
"""Replications where no number is given: the headline's standard error in Beijing 2025
is then below 0.003."""
STEP = 32
MOST_RUNS = 10_000_000
FEW = 128
"""Replications that are simulated in one go while another process works out placebos:
cut up they would take longer."""
SHARD_RUNS = 256  # the most runs a shard holds where a study has one point
TRIAL_SECONDS = 20.0
"""That a process has to start in which outcomes of one's own are tried."""
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
    """results/<scenario>-<8 digits>, of a sha256 of what decides the results: scenario
    with overrides, arms, seed, own code, whether runs draw their parameters, and the
    class table where changes would give another one."""
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
    """Options of a run of one scenario; `balance_sim.run` says what each is."""

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


@dataclass(frozen=True)
class PreparedRun:
    """A run that has been checked, before anything is simulated.

    Attributes
    ----------
    job : what every block shares
    runs : replications asked for
    options : as given
    rules : terms and kinds of event of one's own
    began : seconds of the monotonic clock
    """

    job: Job
    runs: int
    options: RunOptions
    rules: CodeReferences
    began: float

    @property
    def folder(self) -> Path | None:
        """The results folder; None in memory."""
        out = self.options.get("out")
        return None if out is None else Path(out)

    @property
    def has_own_code(self) -> bool:
        """Whether blocks take longer than ours do, or one of them may end a process."""
        job = self.job
        return bool(job.model or job.draws or job.own or self.rules)

    def store(self) -> InMemory | Folder:
        """Where the tables of blocks go."""
        if self.folder is None:
            return InMemory()
        entries = {
            "files": self.options.get("files") or {},
            "command": self.options.get("command", ""),
        }
        manifest = manifest_of("run", self.job, self.rules, entries)
        return Folder(self.folder, manifest)

    def simulate(self, *, is_shared: bool = False) -> Result:
        """Simulate what is lacking and return the study.

        is_shared: another process of ours has a core meanwhile, so that few
        replications are simulated in one block."""
        job, options, runs = self.job, self.options, self.runs
        workers, precision = options.get("workers", 1), options.get("precision")
        progress = options.get("progress") or (lambda *_: None)
        simulated: list[Block] = []
        with self.store() as store:
            while True:
                store.want(runs)
                at_once = is_shared and runs <= FEW and not self.has_own_code
                blocks = blocks_to_do(
                    store.done().get(0, []), runs, workers, at_once=at_once
                )
                simulated += blocks
                done = runs - sum(len(block) for block in blocks)
                progress(done, runs, len(store.failed()))
                tasks = [Task(block) for block in blocks]
                with closing(run_tasks(job, tasks, workers)) as results:
                    for result in results:
                        store.keep(result)
                        done += len(result.task.block)
                        progress(done, runs, len(store.failed()))
                if precision is None:
                    break
                needed = runs_for(
                    precision, store.outcomes(runs), job.scenario, job.arms
                )
                if needed <= runs:
                    break
                runs = needed
            store.hold(runs)
        study = Result(
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
            resumed=not simulated,
            failed=tuple(row for row in store.failed() if row["run"] < runs),
            timing=self._timing(simulated, workers),
        )
        keep_codebook(study)
        return study

    def _timing(self, simulated: Sequence[Block], workers: int) -> dict[str, float]:
        """Seconds since the run began, and simulated arms of replications a second."""
        arm_runs = sum(len(block) for block in simulated) * len(self.job.arms)
        seconds = time.monotonic() - self.began
        return {
            "seconds": seconds,
            "runs_per_second": arm_runs / seconds if seconds > 0 else float("nan"),
            "workers": workers,
        }


def prepare(
    scenario: Scenario, runs: int, seed: int, options: RunOptions
) -> PreparedRun:
    """Check a run, with code of one's own tried once. Raises what `run` raises, before
    anything is simulated."""
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
    began = time.monotonic()
    draw_parameters = options.get("draw_parameters", False)
    scenario, draws = drawing(sealed(scenario), draw_parameters)
    arms = chosen_arms(scenario, options.get("arms"))
    audiences_of(scenario)  # a state in no audience is refused here, not in every run
    scenario = with_classes(scenario)
    if draw_parameters and model is not None:
        raise WrongRequest(
            "parameters are not drawn for a model of one's own: leave out one of the "
            "two"
        )
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
    try_own_outcomes(job)
    return PreparedRun(job, runs, options, rules, began)


def simulate(
    scenario: Scenario,
    runs: int = RUNS,
    seed: int = 1,
    **options: Unpack[RunOptions],
) -> Result:
    """Simulate `runs` replications of the scenario in every arm; `balance_sim.run` says
    more and adds what follows from them."""
    return prepare(scenario, runs, seed, options).simulate()


def keep_codebook(result: Result | SweepResult) -> None:
    """Put the codebook into the folder, if there is one, and it is not there yet."""
    if result.folder is None or not len(result.codebook):
        return
    from balance_sim.study.export import frame_csv

    text, path = frame_csv(result.codebook), result.folder / CODEBOOK
    if bytes_if_any(path) != text.encode():
        with Store(result.folder).lock() as store:
            store.write_text(CODEBOOK, text)


def runs_a_shard(runs: int, workers: int) -> int:
    """Runs a block, so that every worker has the same to do and a block is worth its
    overhead."""
    rounds = max(ROUNDS, -(-runs // (workers * SHARD_RUNS)))
    return max(16, -(-runs // (workers * rounds)))


def blocks_to_do(
    done: Sequence[Block], runs: int, workers: int, *, at_once: bool
) -> list[Block]:
    """The replications that are not there yet. at_once: in as few blocks as can be,
    while others have the cores."""
    if at_once:
        return missing(done, runs, runs)
    return list(starting_small(missing(done, runs, runs_a_shard(runs, workers))))


def starting_small(blocks: Iterable[Block], size: int = STEP) -> Iterator[Block]:
    """The same replications in order, the first blocks cut to `size`, twice as many,
    and so on: a long study keeps its first results, and knows the time left, after
    seconds."""
    for block in blocks:
        first = block.first
        while block.stop - first > size:
            yield Block(first, first + size)
            first, size = first + size, 2 * size
        yield Block(first, block.stop)


def run_tasks(
    job: Job, tasks: Iterable[Task], workers: int = 1, client: Client | None = None
) -> Generator[TaskResult, None, None]:
    """Outcomes as they finish, in this process for one worker, or one task of our own
    model. client: on its cluster."""
    code = driver_fingerprint([*job.references, *entered_modules()])
    remaining = iter(tasks)
    first = list(islice(remaining, 2))
    tasks = chain(first, remaining)
    is_alone = workers <= 1 or (len(first) < 2 and job.model is None)
    # a replication that hangs has to be killed: not in this process
    is_here = client is None and is_alone and job.run_timeout is None
    if is_here:
        yield from map(job.do, tasks)
    elif client is None:
        yield from run_in_processes(job, tasks, workers)
    else:
        from balance_sim.study.cluster import run_on_cluster

        yield from run_on_cluster(job, tasks, client)
    code.refuse_edited(others_read=not is_here)


def runs_for(
    precision: float,
    tables: Iterator[pa.Table],
    scenario: Scenario,
    arms: Sequence[str],
) -> int:
    """How many runs the headline effect needs for a standard error of at most
    `precision`, judged by those there are: no more than twice as many again, in steps
    of `STEP`; as many as there are where they are enough."""
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
    need = have * min((error / precision) ** 2, 3.0)
    return min(-(-int(np.ceil(need)) // STEP) * STEP + STEP, MOST_RUNS)


def check_seed(seed: int) -> None:
    """Raises WrongRequest for a number that is no seed."""
    if not 0 <= seed < 2**64:
        raise WrongRequest(
            f"seed must be a whole number from 0 to 18446744073709551615, got {seed}"
        )


def import_model(model: str | None) -> str | None:
    """`module:Class` of what `--model` names. Raises WrongRequest if that is no
    StateAgent subclass."""
    if model is None:
        return None
    from balance_sim.model.agents import agent_class_named

    named = agent_class_named(model)
    return model if ":" in model else reference_of(named)


def try_own_outcomes(job: Job) -> None:
    """Try outcomes of one's own on one replication; in another process where a time
    limit says that they may hang. Raises ScenarioError for one that gives none."""
    if not job.own or job.run_timeout is None:
        try_outcomes(job)
        return
    with suppress(EOFError, OSError):  # each replication will say so
        call_within(partial(try_outcomes, job), TRIAL_SECONDS + 3 * job.run_timeout)


def own_rules(
    scenario: Scenario,
    arms: Sequence[str],
    paths: Iterable[str] = (),
    *,
    elsewhere: bool,
) -> CodeReferences:
    """Terms and kinds of event of the user's own, each tried in the arms to be
    simulated, and not in every replication.

    Raises WrongRequest, or ScenarioError for a rule that gives what it must not."""
    rules = rules_of(scenario, paths, elsewhere=elsewhere)
    named = (*scenario.theory.weights, *(event.kind for event in scenario.events))
    if rules or any(name.startswith(OWN) for name in named):
        worlds = compile_arms(scenario, arms)
        for world in worlds.arms.values():
            try_terms(world, worlds.baseline)
    return rules


def own_outcomes(
    given: str | Mapping[str, Callable[[ArmHistory], Any]] | None, *, elsewhere: bool
) -> CodeReferences:
    """What `outcomes` names. Raises WrongRequest where it names none. elsewhere: for
    other processes too."""
    if given is None:
        return ()
    own = (
        functions_of(given)
        if isinstance(given, str)
        else references(given, elsewhere=elsewhere)
    )
    for _, reference in own:
        function_named(reference)
    return own
