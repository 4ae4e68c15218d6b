"""Run a scenario: every arm, many times, in memory or into a results folder that can be gone on with."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from balance_sim.analysis.channels import Channels, channels_of
from balance_sim.analysis.placebos import Placebos, placebos
from balance_sim.analysis.result import AnalysedResult, kept_summary
from balance_sim.experiment.runner import Job, Task, run_tasks, runs_a_shard
from balance_sim.model.classes import classes_of, with_classes
from balance_sim.model.news import reading_of
from balance_sim.pool.ahead import Ahead
from balance_sim.pool.faults import WrongRequest
from balance_sim.pool.hands import not_in_a_worker
from balance_sim.replications.arms import chosen_arms, compile_arms, extra_arms_of_a_run, headline_arm
from balance_sim.replications.blocks import Block, runs_with_extra
from balance_sim.replications.jobs import Progress
from balance_sim.results.estimates import estimates_of
from balance_sim.results.folder import Folder, InMemory, manifest_of, version
from balance_sim.results.store import missing
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.schema import Scenario

RUNS = 100
"""Replications where no number is given: the headline's standard error in Beijing 2025 is then below 0.003."""
STEP = 32
MOST_RUNS = 10_000_000
LARGE = 25
"""States from which on placebos take longer than a process does to start."""
log = logging.getLogger(__name__)


def study_key(
    scenario: Scenario, arms: Sequence[str], seed: int, model: str | None = None, *, draws: bool = False
) -> str:
    """sha256 of what decides a study's results: scenario with overrides, arms, seed, a model of one's own, whether
    runs draw their parameters, and the class table where changes would give another one."""
    parts = [scenario.sha256, sorted(arms), seed, *([model] if model else []), *(["draws"] if draws else [])]
    classes = classes_of(scenario).sha256
    parts += [classes] if classes != classes_of(scenario.counted_as(None)).sha256 else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def default_folder(
    scenario: Scenario, arms: Sequence[str], seed: int, model: str | None = None, *, draws: bool = False
) -> Path:
    """results/<scenario>-<first 8 digits of the study's key>."""
    return Path("results") / f"{scenario.name}-{study_key(scenario, arms, seed, model, draws=draws)[:8]}"


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
    draw_parameters: bool = False,
    placebos_ahead: bool = False,
) -> AnalysedResult:
    """Live `runs` replications of the scenario in every arm and return what came of them.

    The reference arm is always among the arms. With `out`, block tables go to that folder as they finish
    and the same call goes on where it stopped; without, they stay in memory. The result depends on the
    scenario, arms and seed, run by run: the first 200 of 400 runs are the 200 runs. More than one worker
    starts processes: call it under `if __name__ == "__main__":` from a script.

    precision: go on from there until the standard error of the headline effect, on counter-balancing agreements within
    the longest window, is at most this, at numbers of runs that depend on the results alone; never more than MOST_RUNS.

    model: `module:Class` of a StateAgent subclass that decides another way; its code runs. run_timeout: seconds
    after which a run counts as failed. mechanisms: every fourth run lives the extra arms too, which some
    measures of `Result.mechanisms` need; nothing else depends on it, nor does the digest. draw_parameters: each
    run draws its weights and intercepts from the shipped fit, the same in every arm. placebos_ahead: with more than
    one worker, `Result.placebos` of a large scenario are worked out in a process of their own meanwhile.

    Raises WrongRequest for unknown arms or a folder of another study, FolderBusy, CannotWrite; ValueError for a
    scenario changed by hand that leaves a state without an audience, or has states that it lacks as written."""
    not_in_a_worker()
    if runs < 1:
        raise WrongRequest(f"runs must be at least 1, got {runs}")
    if precision is not None and not 0 < precision < float("inf"):
        raise WrongRequest(f"precision must be a positive number of agreements, got {precision}")
    check_seed(seed)
    if model is not None:
        import_model(model)
    began = time.monotonic()
    scenario = sealed(scenario)
    chosen = chosen_arms(scenario, arms)
    reading_of(scenario)  # a state in no audience is refused here, not in every run
    scenario = with_classes(scenario)
    if draw_parameters and model is not None:
        raise WrongRequest("parameters are not drawn for a model of one's own: leave out one of the two")
    job = Job(scenario, seed, chosen, model, run_timeout, mechanisms, draw_parameters)
    sink: InMemory | Folder = InMemory()
    if out is not None:
        more = {"files": files or {}, "command": command, "mechanisms": mechanisms}
        more |= {"draw_parameters": draw_parameters}
        manifest = manifest_of("run", scenario, chosen, seed, model, **more)
        sink = Folder(Path(out), manifest)
    lived: list[Block] = []
    with sink, ExitStack() as stack:
        ahead = begun_placebos(scenario, chosen, out, stack) if placebos_ahead and workers > 1 else None
        while True:
            sink.want(runs)
            todo = missing(sink.done().get(0, []), runs, runs_a_shard(runs, workers))
            lived += todo
            done = runs - sum(len(block) for block in todo)
            if progress:
                progress(done, runs, len(sink.failed()))
            for outcome in run_tasks(job, [Task(block) for block in todo], workers):
                sink.keep(outcome)
                done += len(outcome.task.block)
                if progress:
                    progress(done, runs, len(sink.failed()))
            needed = runs if precision is None else runs_for(precision, sink.outcomes(runs), scenario, chosen)
            if needed <= runs:
                break
            runs = needed
        sink.hold(runs)
        stack.pop_all()  # it goes on while the result is read
    wanted = sum(len(block) for block in lived)
    extra_runs = 0
    if mechanisms and lived:
        lives = extra_arms_of_a_run(compile_arms(scenario, chosen[:1]), headline_arm(scenario, chosen))
        extra_runs = sum(len(runs_with_extra(block)) for block in lived) * lives
    seconds = time.monotonic() - began
    return AnalysedResult(
        scenario=scenario,
        runs=runs,
        seed=seed,
        arms=chosen,
        version=version(),
        folder=None if out is None else Path(out),
        memory=sink.tables() if isinstance(sink, InMemory) else (),
        draws=draw_parameters,
        model=model,
        ahead=ahead,
        failed=tuple(row for row in sink.failed() if row["run"] < runs),
        timing={
            "seconds": seconds,
            "runs_per_second": (wanted * len(chosen) + extra_runs) / seconds if seconds > 0 else float("nan"),
            "extra_runs": extra_runs,
            "workers": workers,
        },
    )


def begun_placebos(
    scenario: Scenario, arms: Sequence[str], folder: Path | str | None, stack: ExitStack
) -> Ahead[tuple[Placebos, Channels]] | None:
    """Placebos and channels of a large scenario, in a process of their own; None where the folder's summary has them.

    stack: ends the process where the run ends without a result."""
    if len(scenario.states) < LARGE:
        return None
    if folder is not None and "placebos" in kept_summary(Path(folder), scenario, version()):
        return None
    ahead = Ahead(partial(of_the_scenario, scenario, arms))
    stack.callback(ahead.close)
    return ahead


def of_the_scenario(scenario: Scenario, arms: Sequence[str]) -> tuple[Placebos, Channels]:
    """What takes time and depends on no run: placebos of the headline arm, channels of every arm."""
    return placebos(scenario, headline_arm(scenario, arms)), channels_of(scenario, arms)


def runs_for(precision: float, tables: Iterator[pa.Table], scenario: Scenario, arms: Sequence[str]) -> int:
    """How many runs the headline effect needs for a standard error of at most `precision`, judged by those there are.

    No more than twice as many again as there are, in steps of `STEP`; as many as there are where they are enough."""
    arm, outcome = headline_arm(scenario, arms), f"accords_counter_{max(scenario.report.windows)}"
    if arm is None:
        return 0
    found = estimates_of(tables, (arms[0], arm), (outcome,)).effects[arm].of.get(outcome)
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
        raise WrongRequest(f"seed must be a whole number from 0 to 18446744073709551615, got {seed}")


def import_model(model: str) -> None:
    """Raises WrongRequest if `module:Class` names no StateAgent subclass."""
    from balance_sim.model.agents import agent_class_named

    try:
        agent_class_named(model)
    except ValueError as error:
        raise WrongRequest(str(error)) from error


__all__ = ["default_folder", "run", "study_key", "version"]
