"""What a study will take, measured on a few replications of one point before it begins,
and refused where it is absurd."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.design import Experiment
from balance_sim.scenario.diagnostics import Diagnostic, did_you_mean, listed, problem
from balance_sim.scenario.errors import WrongRequest
from balance_sim.stats.frame import Frame
from balance_sim.study.blocks import Block, batch_runs, missing
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import shards_expected
from balance_sim.study.frames import codebook
from balance_sim.study.jobs import Job, Task, Values
from balance_sim.study.outcomes import known_outcome
from balance_sim.study.run import block_runs
from balance_sim.study.shards import encode
from balance_sim.study.sweep_result import behind, effect_records, numbers_of
from balance_sim.study.tables import BlockTables

PROBE_RUNS = 8
PROBE_MOST = 512
MOST_BYTES = 10 << 30


@dataclass(frozen=True)
class Trial:
    """A few runs of one point, as measured.

    Attributes
    ----------
    point_seconds, run_seconds : to compile it, and to simulate a replication of all
        arms
    single, several : tables of one replication, and of `count`
    """

    point_seconds: float
    run_seconds: float
    single: BlockTables
    several: BlockTables
    count: int


@dataclass(frozen=True)
class SweepPlan:
    """What a study takes.

    Attributes
    ----------
    points, runs, arms : of the whole study; runs of every point
    todo_runs : that are still to be simulated, over all points
    block : replications a block
    seconds, bytes : estimated; NaN where nothing could be measured
    workers : processes, or threads of a cluster
    outcomes : names of what was measured
    """

    points: int
    runs: int
    arms: tuple[str, ...]
    todo_runs: int
    block: int
    seconds: float
    bytes: float
    workers: int
    outcomes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the plan for a person."""
        arms = f"{len(self.arms)} arms ({', '.join(self.arms)})"
        plan = f"plan: {self.points:,} points x {self.runs:,} runs x {arms}"
        if self.todo_runs != self.points * self.runs:
            plan = f"{plan}, {self.todo_runs:,} runs still to do"
        if math.isnan(self.seconds):
            return [plan, "no estimate: agents of your own, or the first runs failed"]
        minutes = max(self.seconds / 60, 0.1)
        seconds, size = f"{minutes:,.1f} min", bytes_spoken(self.bytes)
        return [plan, f"about {seconds} on {self.workers} workers, {size} on disk"]


def bytes_spoken(size: float) -> str:
    """Return a number of bytes in words."""
    return f"{size / (1 << 20):,.1f} MiB"


def plan_of(
    job: Job,
    values: Values,
    runs: int,
    done: Sequence[Sequence[Block]],
    workers: int,
    outcomes: Sequence[str] = (),
) -> SweepPlan:
    """Return the plan of a study, measured on one point.

    Parameters
    ----------
    job : what is simulated
    values : of the point
    runs : replications of every point
    done : blocks of each point that are there
    workers : processes
    outcomes : names of those that tables and summary will have; none: all
    """
    lacking = [sum(map(len, missing(blocks, runs, runs))) for blocks in done]
    counts = [count for count in lacking if count]
    to_do, block = sum(counts), block_runs(job, sum(counts), workers)
    plan = SweepPlan(
        len(done), runs, job.arms, to_do, block, math.nan, math.nan, workers
    )
    trial = tried(replace(job, own=()), values)
    if trial is None:
        return plan
    seconds = len(counts) * trial.point_seconds + to_do * trial.run_seconds
    seconds /= workers
    blocks = sum(-(-count // block) for count in counts)
    rows = to_do * len(trial.single.runs)
    of_single, of_several = (
        len(encode(tables.runs)) + len(encode(tables.agreements))
        for tables in (trial.single, trial.several)
    )
    run_bytes = (of_several - of_single) / (trial.count - 1)
    sums, names = trial.several.dyads, trial.several.runs.column_names
    no_sums = len(encode(sums.slice(0, 0)))
    shards = shards_expected(blocks, rows, seconds)
    tables = trial.single if runs == 1 else trial.several
    of_point = _point_bytes(job, values, tables, _as_many(names, outcomes))
    size = len(frame_csv(codebook(names))) + of_point * len(counts)
    size += (of_single - run_bytes + no_sums) * shards
    size += (len(encode(sums)) - no_sums) * blocks + run_bytes * to_do
    measured = [name for name in names if name not in ("run", "arm")]
    measured += [OWN + name for name, _ in job.own]
    return replace(plan, seconds=seconds, bytes=size, outcomes=tuple(measured))


def _as_many(names: Sequence[str], outcomes: Sequence[str]) -> list[str]:
    """The outcomes that are asked for, among the names of what was measured; for each
    that was not, one of one's own, another in its place. None asked for: none."""
    measured = [name for name in outcomes if name in names]
    others = [name for name in names if known_outcome(name) and name not in measured]
    return measured + others[: len(outcomes) - len(measured)]


def tried(job: Job, values: Values) -> Trial | None:
    """Simulate a few runs of one point and measure.

    None is returned where they fail, which the study itself will report, and for agents
    of one's own, which may take the process with them. Outcomes of one's own may too:
    whoever calls leaves them out."""
    if job.model is not None:
        return None
    try:
        began = time.perf_counter()
        states = job.compiled_point(values).worlds.reference.n
        compiled = time.perf_counter()
        count = max(PROBE_RUNS, min(batch_runs(states) // 4, PROBE_MOST))
        single = job.live(Task(Block(0, 1), values=values))  # with what is paid once
        ready = time.perf_counter()
        several = job.live(Task(Block(0, count), values=values))
        run_seconds = (time.perf_counter() - ready) / count
    except Exception:  # noqa: BLE001 - whatever it is: the study records it run by run
        return None
    return Trial(compiled - began, run_seconds, single, several, count)


def _point_bytes(
    job: Job, values: Values, tables: BlockTables, outcomes: Sequence[str]
) -> float:
    """Return bytes of a point's rows in levels.csv, effects.csv and summary.json, which
    hold these outcomes; none: all."""
    blocks = [(tables.runs, tables.agreements)]
    levels, effects, _ = numbers_of(blocks, job.arms, outcomes)
    front = sum(len(str(value)) + 1 for _, value in values) + 4
    frames = Frame(levels), Frame(effects)
    csv = sum(len(frame_csv(frame)) + front * len(frame) for frame in frames)
    rows = behind([{"point": 0, **dict(values)}], [effects])
    records = effect_records(rows, [path for path, _ in values])
    return csv + len(json.dumps(records, indent=1))


def refuse_absurd(plan: SweepPlan, max_bytes: int) -> None:
    """Refuse a plan that would fill more disk than allowed.

    Raises
    ------
    WrongRequest : with both sizes
    """
    if plan.bytes > max_bytes:
        raise WrongRequest(
            f"about {bytes_spoken(plan.bytes)} on disk exceeds "
            f"{bytes_spoken(max_bytes)}: fewer points or runs, or a larger --max-bytes"
        )


# -- the outcomes that an experiment asks for


def unknown_outcomes(experiment: Experiment, names: Sequence[str]) -> list[Diagnostic]:
    """Return a problem for each outcome that an experiment asks for and there is not.

    Parameters
    ----------
    experiment : with the place of each outcome in its file
    names : of the outcomes that a replication has
    """
    node, problems = experiment.tree.below("outcomes"), []
    for place, name in enumerate(experiment.head.outcomes):
        if name not in names:
            path, why = f"outcomes[{place}]", f"no outcome `{name}`"
            near = did_you_mean(name, names)
            problems.append(problem(node, path, "E107", why, near, listed(names)))
    return problems


def check_named_outcomes(experiment: Experiment) -> list[Diagnostic]:
    """Return the same before a sweep, from one replication of the control arm.

    Nothing is looked at where a factor moves what is reported: points differ then.
    """
    moved = any(path.startswith("report.") for path in experiment.paths)
    if not experiment.head.outcomes or moved:
        return []
    arms = (experiment.scenario.reference_arm,)
    job = Job(experiment.scenario, experiment.head.seed, arms)
    runs = job.live(Task(Block(0, 1))).runs.drop_columns(["run", "arm"])
    return unknown_outcomes(experiment, runs.column_names)
