"""Run a scenario: every arm, many times, in memory or into a results folder that can be
resumed.

`run` goes from scenario to tasks to tables: a `Job` says what is simulated, `missing` which blocks of runs are still to
be, `run_tasks` where: in this process, in worker processes, or on a Dask cluster. The
tables are the same."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from balance_sim.effects.expected_effect import placebos_and_channels
from balance_sim.effects.result import AnalysedResult, kept_summary
from balance_sim.model.baseline import classes_of, try_terms, with_classes
from balance_sim.model.beliefs import audiences_of
from balance_sim.model.own.modules import load, reference_of, sources
from balance_sim.model.own.terms import rules_of
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.files import bytes_if_any
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import (
    chosen_arms,
    compile_arms,
    extra_arms_of_a_run,
    headline_arm,
)
from balance_sim.study.blocks import Block, runs_with_extra
from balance_sim.study.draws import drawing
from balance_sim.study.estimates import estimates_of
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import Folder, InMemory, manifest_of, version
from balance_sim.study.frames import FILE as CODEBOOK
from balance_sim.study.jobs import Job, Progress, Task, TaskResult, try_outcomes
from balance_sim.study.outcomes import Outcome
from balance_sim.study.own_outcomes import (
    ArmHistory,
    CodeReferences,
    function_named,
    functions_of,
    meaning,
    references,
)
from balance_sim.study.processes import Background, run_in_processes
from balance_sim.study.store import Store, missing
from balance_sim.study.worker import refuse_unguarded

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.result import Result
    from balance_sim.study.sweep_result import SweepResult

RUNS = 100
"""Replications where no number is given: the headline's standard error in Beijing 2025
is then below 0.003."""
STEP = 32
MOST_RUNS = 10_000_000
LARGE = 25
"""States from which on placebos take longer than a process does to start."""
FEW = 128
"""Replications that are simulated in one go while another process works out placebos:
cut up they would take longer."""
SHARD_RUNS = 256  # the most runs a shard holds where a study has one point
ROUNDS = 2  # the fewest shards for each worker: progress shows, and a stop loses half at most


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
    drawn = ["draws"] if draws is True else [draws] if draws else []
    parts = [
        scenario.sha256,
        sorted(arms),
        seed,
        *([model] if model else []),
        *drawn,
        *map(list, own),
    ]
    classes = classes_of(scenario).sha256
    parts += (
        [classes] if classes != classes_of(scenario.counted_as(None)).sha256 else []
    )
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return Path("results") / f"{scenario.name}-{key[:8]}"


def run(  # noqa: PLR0913 - one keyword for each option of the command
    scenario: Scenario,
    runs: int = RUNS,
    seed: int = 1,
    *,
    precision: float | None = None,
    arms: Sequence[str] | None = None,
    workers: int = 1,
    out: Path | str | None = None,
    command: str = "",
    files: dict[str, str] | None = None,
    progress: Progress | None = None,
    model: str | None = None,
    run_timeout: float | None = None,
    mechanisms: bool = False,
    draw_parameters: bool | str = False,
    placebos_ahead: bool = False,
    outcomes: str | Mapping[str, Callable[[ArmHistory], Any]] | None = None,
    terms: str | None = None,
) -> AnalysedResult:
    """Simulate `runs` replications of the scenario in every arm and return what came of
    them.

    The result depends on scenario, arms and seed, replication by replication: the first
    200 of 400 are the 200. More than one worker starts processes: call it under `if
    __name__ == "__main__":` from a script.

    Parameters
    ----------
    scenario : a complete scenario
    runs : replications of every arm
    seed : of all random numbers, 0 to 2^64 - 1
    precision : go on until the Monte Carlo standard error of the headline effect, on counter-balancing agreements
        within the longest window, is at most this, at numbers of runs that depend on
        the results alone, up to MOST_RUNS
    arms : names; all if not given. The control arm is always among them
    workers : processes
    out : results folder, into which tables of blocks go as they finish; the same call resumes there. In memory if None
    command, files : kept in the folder's manifest: the command line, and the text of the scenario's files by name
    progress : called with replications simulated, asked for, failed
    model : `module:Class` of a StateAgent subclass that decides another way; its code runs
    run_timeout : seconds after which a replication counts as failed
    mechanisms : every fourth replication simulates the extra arms too, which some measures of `Result.mechanisms` need;
        nothing else depends on it, nor does the digest
    draw_parameters : `posterior` or `prior`: each replication has all parameters from a joint draw, the same in every
        arm; `fitted` or True: it draws its weights and intercepts from the shipped fit
    outcomes : functions of one arm's simulated history by name (`replications.own.ArmHistory`), or the name of a module
        whose public functions they are; each is an outcome `own_<name>` beside ours
    terms : the name of a module, or of a plug-in, with terms and kinds of event of your own (`balance_sim.term`,
        `balance_sim.event_kind`); its code runs. Those that are registered already need not be named
    placebos_ahead : with more than one worker, placebos of a large scenario are computed in a process meanwhile

    Returns
    -------
    AnalysedResult : frames and summary; computed when asked for

    Raises
    ------
    WrongRequest : for unknown arms, a number out of bounds, or a folder of another study
    FolderBusy, CannotWrite : from the results folder
    ScenarioError : for an outcome or a term of your own that gives what it must not, with its file and line
    ValueError : for a scenario changed by hand that leaves a state without an audience, or has states that it lacks as
        written

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> bs.run(scenario, runs=4, seed=1).runs
    4
    """
    refuse_unguarded()
    if runs < 1:
        raise WrongRequest(f"runs must be at least 1, got {runs}")
    if precision is not None and not 0 < precision < float("inf"):
        raise WrongRequest(
            f"precision must be a positive number of agreements, got {precision}"
        )
    check_seed(seed)
    model = import_model(model)
    load(terms)
    began = time.monotonic()
    scenario, draws = drawing(sealed(scenario), draw_parameters)
    chosen = chosen_arms(scenario, arms)
    audiences_of(scenario)  # a state in no audience is refused here, not in every run
    scenario = with_classes(scenario)
    if draw_parameters and model is not None:
        raise WrongRequest(
            "parameters are not drawn for a model of one's own: leave out one of the two"
        )
    own = own_outcomes(outcomes, elsewhere=workers > 1 or out is not None)
    rules = own_rules(scenario, chosen, elsewhere=workers > 1 or out is not None)
    job = Job(scenario, seed, chosen, model, run_timeout, mechanisms, draws, own=own)
    try_outcomes(job)
    sink: InMemory | Folder = InMemory()
    if out is not None:
        more = {"files": files or {}, "command": command, "mechanisms": mechanisms}
        more |= {"draw_parameters": draws} | record_of_code(model, own, rules)
        sink = Folder(
            Path(out), manifest_of("run", scenario, chosen, seed, model, **more)
        )
    simulated: list[Block] = []
    ahead, tell = None, progress or (lambda *_: None)
    with sink, ExitStack() as stack:
        is_worth_it = placebos_ahead and workers > 1 and len(scenario.states) >= LARGE
        if is_worth_it and "placebos" not in kept_summary(
            None if out is None else Path(out), scenario, version()
        ):
            ahead = Background(
                partial(placebos_and_channels, scenario, chosen), stays=True
            )
            stack.callback(ahead.close)  # where the run ends without a result
        while True:
            sink.want(runs)
            at_once = (
                ahead is not None
                and runs <= FEW
                and not (model or draws or own or rules)
            )
            todo = blocks_to_do(sink.done().get(0, []), runs, workers, at_once=at_once)
            simulated += todo
            done = runs - sum(len(block) for block in todo)
            tell(done, runs, len(sink.failed()))
            for outcome in run_tasks(job, [Task(block) for block in todo], workers):
                sink.keep(outcome)
                done += len(outcome.task.block)
                tell(done, runs, len(sink.failed()))
            needed = (
                runs
                if precision is None
                else runs_for(precision, sink.outcomes(runs), scenario, chosen)
            )
            if needed <= runs:
                break
            runs = needed
        sink.hold(runs)
        stack.pop_all()  # it goes on while the result is read
    extra_runs = 0
    if mechanisms and simulated:
        lives = extra_arms_of_a_run(
            compile_arms(scenario, chosen[:1]), headline_arm(scenario, chosen)
        )
        extra_runs = sum(len(runs_with_extra(block)) for block in simulated) * lives
    many = sum(len(block) for block in simulated) * len(chosen) + extra_runs
    seconds = time.monotonic() - began
    rate = many / seconds if seconds > 0 else float("nan")
    result = AnalysedResult(
        scenario=scenario,
        runs=runs,
        seed=seed,
        arms=chosen,
        version=version(),
        folder=None if out is None else Path(out),
        memory=sink.tables() if isinstance(sink, InMemory) else (),
        draws=draws,
        model=model,
        meanings={name: meaning(reference) for name, reference in own},
        ahead=ahead,
        resumed=not simulated,
        failed=tuple(row for row in sink.failed() if row["run"] < runs),
        timing={
            "seconds": seconds,
            "runs_per_second": rate,
            "extra_runs": extra_runs,
            "workers": workers,
        },
    )
    keep_codebook(result)
    return result


def keep_codebook(result: Result | SweepResult) -> None:
    """Put the codebook into the folder, if there is one, and it is not there yet."""
    if result.folder is None or not len(result.codebook):
        return
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
) -> Iterator[TaskResult]:
    """Outcomes as they finish, in this process for one worker, or one task of our own
    model. client: on its cluster."""
    if client is not None:
        from balance_sim.study.cluster import run_on_cluster

        yield from run_on_cluster(job, tasks, client)
        return
    rest = iter(tasks)
    few = list(islice(rest, 2))
    if workers <= 1 or (len(few) < 2 and job.model is None):
        yield from map(job.do, chain(few, rest))
    else:
        yield from run_in_processes(job, chain(few, rest), workers)


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
    outcome = Outcome("accords", "counter", max(scenario.report.windows)).name
    if arm is None:
        return 0
    found = (
        estimates_of(tables, (arms[0], arm), (outcome,)).effects[arm].of.get(outcome)
    )
    if found is None:
        return 0
    have, error = found.drawn.n, (found.filtered or found.drawn).error()
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


def record_of_code(
    model: str | None, own: CodeReferences, rules: CodeReferences
) -> dict[str, Any]:
    """What a manifest says of code of the user's own; nothing where there is none."""
    code = sources(
        [*([model] if model else []), *(reference for _, reference in (*own, *rules))]
    )
    told = {name: meaning(reference) for name, reference in own}
    out = {
        "own_outcomes": dict(own),
        "own_rules": dict(rules),
        "own_meanings": told,
        "own_code": code,
    }
    return {key: value for key, value in out.items() if value}


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
