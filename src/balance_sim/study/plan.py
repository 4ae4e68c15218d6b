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
from balance_sim.study.blocks import Block, batch_runs, missing
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import shards_expected
from balance_sim.study.frames import codebook
from balance_sim.study.jobs import Job, Task, Values
from balance_sim.study.run import block_runs
from balance_sim.study.shards import encode
from balance_sim.study.sweep_result import effect_record, numbers_of
from balance_sim.study.tables import BlockTables

PROBE_RUNS = 8
PROBE_MOST = 512
MOST_BYTES = 10 << 30


@dataclass(frozen=True)
class Probe:
    """What one point takes, as measured.

    Attributes
    ----------
    point_seconds, run_seconds : to compile it, and to simulate a replication of all
        arms
    folder_bytes : on disk, of what a study has once: the codebook
    point_bytes : of the rows of one point in the tables of numbers
    shard_bytes : of the files of a shard without rows
    block_bytes : of the sums by dyad of a block
    run_bytes : of the rows of a replication
    run_rows : of outcomes, a replication
    outcomes : names of what is measured
    """

    point_seconds: float
    run_seconds: float
    folder_bytes: float
    point_bytes: float
    shard_bytes: float
    block_bytes: float
    run_bytes: float
    run_rows: int
    outcomes: tuple[str, ...]


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
    """

    points: int
    runs: int
    arms: tuple[str, ...]
    todo_runs: int
    block: int
    seconds: float
    bytes: float
    workers: int

    def lines(self) -> list[str]:
        """Return the plan for a person."""
        arms = f"{len(self.arms)} arms ({', '.join(self.arms)})"
        plan = f"plan: {self.points:,} points x {self.runs:,} runs x {arms}"
        if self.todo_runs != self.points * self.runs:
            plan = f"{plan}, {self.todo_runs:,} runs still to do"
        if math.isnan(self.seconds):
            return [plan, "no estimate: agents of your own, or the first runs failed"]
        seconds, size = f"{self.seconds / 60:,.1f} min", bytes_spoken(self.bytes)
        return [plan, f"about {seconds} on {self.workers} workers, {size} on disk"]


def bytes_spoken(size: float) -> str:
    """Return a number of bytes in words."""
    return f"{size / (1 << 20):,.1f} MiB"


def plan_of(
    job: Job,
    runs: int,
    done: Sequence[Sequence[Block]],
    workers: int,
    measured: Probe | None,
) -> SweepPlan:
    """Return the plan of a study.

    Parameters
    ----------
    job : what is simulated
    runs : replications of every point
    done : blocks of each point that are there
    workers : processes
    measured : what one point takes; None where nothing could be measured
    """
    lacking = [sum(map(len, missing(blocks, runs, runs))) for blocks in done]
    counts = [count for count in lacking if count]
    block = block_runs(job, sum(counts), workers)
    seconds = size = math.nan
    if measured is not None:
        seconds = len(counts) * measured.point_seconds
        seconds = (seconds + sum(counts) * measured.run_seconds) / workers
        blocks = sum(-(-count // block) for count in counts)
        rows = sum(counts) * measured.run_rows
        size = measured.folder_bytes + measured.point_bytes * len(counts)
        size += measured.shard_bytes * shards_expected(blocks, rows, seconds)
        size += measured.block_bytes * blocks + measured.run_bytes * sum(counts)
    return SweepPlan(
        len(done), runs, job.arms, sum(counts), block, seconds, size, workers
    )


def probe(job: Job, values: Values, runs: int) -> Probe | None:
    """Simulate a few runs of one point and measure; their tables are thrown away.

    None is returned where they fail, which the study itself will report, and for agents
    of one's own, which may take the process with them. Outcomes of one's own may too:
    they are left out of what is measured.

    Parameters
    ----------
    job : what is simulated
    values : of the point
    runs : that the point will have
    """
    if job.model is not None:
        return None
    own, job = [OWN + name for name, _ in job.own], replace(job, own=())
    try:
        began = time.perf_counter()
        states = job.compiled_point(values)[0].reference.n
        compiled = time.perf_counter()
        count = max(PROBE_RUNS, min(batch_runs(states) // 4, PROBE_MOST))
        first = job.live(Task(Block(0, 1), values=values))  # with what is paid once
        ready = time.perf_counter()
        several = job.live(Task(Block(0, count), values=values))
        done = time.perf_counter()
    except Exception:  # noqa: BLE001 - whatever it is: the study records it run by run
        return None
    of_first, of_several = (
        len(encode(tables.runs)) + len(encode(tables.agreements))
        for tables in (first, several)
    )
    run_bytes = (of_several - of_first) / (count - 1)
    no_sums = len(encode(several.dyads.slice(0, 0)))
    names = several.runs.column_names
    return Probe(
        point_seconds=compiled - began,
        run_seconds=(done - ready) / count,
        folder_bytes=len(frame_csv(codebook(names))),
        point_bytes=_point_bytes(job, values, first if runs == 1 else several),
        shard_bytes=of_first - run_bytes + no_sums,
        block_bytes=len(encode(several.dyads)) - no_sums,
        run_bytes=run_bytes,
        run_rows=len(first.runs),
        outcomes=(*(name for name in names if name not in ("run", "arm")), *own),
    )


def _point_bytes(job: Job, values: Values, tables: BlockTables) -> float:
    """Return bytes of a point's rows in levels.csv, effects.csv and summary.json."""
    if not values:
        return 0.0
    levels, effects, _ = numbers_of([(tables.runs, tables.agreements)], job.arms)
    front = sum(len(str(value)) + 1 for _, value in values) + 4
    frames = (levels, effects)
    csv = sum(len(frame_csv(frame)) + front * len(frame) for frame in frames)
    front_cells = {"point": 0, **dict(values)}
    rows = [row | front_cells for row in effects.to_dict("records")]
    records = [effect_record(row, [path for path, _ in values]) for row in rows]
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
