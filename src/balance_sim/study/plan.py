"""What a study will take, measured on a few replications of one point before it begins,
and refused where it is absurd."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.blocks import Block, batch_runs
from balance_sim.study.export import frame_csv
from balance_sim.study.frames import codebook
from balance_sim.study.jobs import Job, Task, Values
from balance_sim.study.processes import call_within
from balance_sim.study.run import runs_a_shard
from balance_sim.study.shards import encode
from balance_sim.study.status import bytes_spoken, spoken
from balance_sim.study.store import ShardWriter, missing
from balance_sim.study.sweep_result import effect_record, numbers_of
from balance_sim.study.tables import BlockTables

PROBE_RUNS = 8
PROBE_MOST = 512
PROBE_SECONDS = 60.0
START_SECONDS = 5.0
"""What a process takes to begin, at most, on top of its replications."""
BLOCK_SECONDS = 2.0
BLOCK_MOST = 8192
BLOCK_BYTES = 48 << 20
MOST_BYTES = 10 << 30


@dataclass(frozen=True)
class DiskUse:
    """Bytes on disk, as measured.

    Attributes
    ----------
    folder : of what a study has once: the codebook
    point : of the rows of one point in the tables of numbers
    shard : of the files of a shard without rows
    block : of the sums by dyad of a block
    run : of the rows of a replication
    rows : of outcomes, a replication
    """

    folder: float
    point: float
    shard: float
    block: float
    run: float
    rows: int

    def total(self, points: int, blocks: int, runs: int, seconds: float) -> float:
        """Bytes of so many points, blocks and replications, simulated in so many
        seconds."""
        shards = ShardWriter.count(blocks, runs * self.rows, seconds)
        tables = self.shard * shards + self.block * blocks + self.run * runs
        return self.folder + self.point * points + tables


@dataclass(frozen=True)
class Probe:
    """What one point takes, as measured: seconds to compile it and to simulate a run of
    all arms, bytes a run in memory, and on disk.

    outcomes: names of what is measured."""

    point_seconds: float
    run_seconds: float
    run_memory: float
    disk: DiskUse
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepPlan:
    """Points and runs of the whole study, those still to be run, and an estimate of
    what that takes."""

    points: int
    runs: int
    arms: tuple[str, ...]
    todo_runs: int
    todo_points: int
    block: int
    seconds: float
    bytes: float
    workers: int

    def lines(self) -> list[str]:
        """For a person, on stderr."""
        arms = f"{len(self.arms)} arms ({', '.join(self.arms)})"
        plan = f"{self.runs:,} runs x {arms}"
        total = self.runs * self.points
        if self.points != 1:
            plan = f"{self.points:,} points x {plan}: {total:,} runs"
        if not self.todo_runs:
            return [f"plan: {plan}, all of them done"]
        if self.todo_runs != total:
            plan = f"{plan}, {self.todo_runs:,} of them still to do"
        if math.isnan(self.seconds):
            return [f"plan: {plan}", "no estimate: the first runs failed"]
        workers = f"{self.workers} worker{'s' * (self.workers != 1)}"
        time_and_disk = (
            f"about {spoken(self.seconds)} on {workers}, "
            f"{bytes_spoken(self.bytes)} on disk; blocks of {self.block:,} runs"
        )
        return [f"plan: {plan}", time_and_disk]


def runs_lacking(done: Sequence[Block], runs: int) -> int:
    """How many of the first `runs` runs are still to be simulated."""
    return sum(len(block) for block in missing(done, runs, max(runs, 1)))


def plan_of_run(job: Job, runs: int, done: Sequence[Block], workers: int) -> SweepPlan:
    """What so many replications of one scenario take, measured on a few of them; done:
    those there are already."""
    lacking = runs_lacking(done, runs)
    measured = probe(job, (), runs) if lacking else None
    block = runs_a_shard(runs, workers)
    return plan_of(job, runs, [lacking], block, workers, measured)


def plan_of(
    job: Job,
    runs: int,
    lacking: Sequence[int],
    block: int,
    workers: int,
    measured: Probe | None,
) -> SweepPlan:
    """The plan of a study. lacking: runs still to do of each point; measured: None
    where nothing could be, or is to do."""
    todo = sum(lacking)
    counts = [count for count in lacking if count]
    seconds = size = math.nan if todo else 0.0
    if measured is not None:
        compiling = len(counts) * measured.point_seconds
        seconds = (compiling + todo * measured.run_seconds) / max(workers, 1)
        blocks = sum(-(-count // block) for count in counts)
        size = measured.disk.total(len(counts), blocks, todo, seconds)
    return SweepPlan(
        len(lacking), runs, job.arms, todo, len(counts), block, seconds, size, workers
    )


def probe(job: Job, values: Values, runs: int) -> Probe | None:
    """Simulate a few runs of one point and measure; None where they fail, which the
    study itself will report. A model of one's own is tried in a process of its own: it
    may take the process with it. runs: that the point will have."""
    if job.model is None:
        return _measured(job, values, runs)
    allowance = PROBE_SECONDS
    if job.run_timeout is not None:
        longest = START_SECONDS + (PROBE_RUNS + 1) * job.run_timeout
        allowance = min(allowance, longest)
    try:
        return call_within(partial(_measured, job, values, runs), allowance)
    except (EOFError, OSError):
        return None


def _measured(job: Job, values: Values, runs: int) -> Probe | None:
    """Simulate a few runs of one point here and measure. Their tables are thrown
    away."""
    try:
        began = time.perf_counter()
        worlds = job.worlds(values)
        compiled = time.perf_counter()
        count = PROBE_RUNS
        if job.model is None:
            batch = batch_runs(worlds.reference.n) // 4
            count = min(PROBE_MOST, max(PROBE_RUNS, batch))
        first = job.live(Task(Block(0, 1), values=values))  # with what is paid once
        ready = time.perf_counter()
        tables = job.live(Task(Block(0, count), values=values))
        done = time.perf_counter()
        disk = _disk_use(first, tables, count)
        point = _point_bytes(job, values, first if runs == 1 else tables)
    except Exception:  # noqa: BLE001 - whatever it is: the study records it run by run
        return None
    columns = tables.runs.column_names
    return Probe(
        compiled - began,
        (done - ready) / count,
        sum(table.nbytes for table in tables.by_name.values()) / count,
        replace(disk, point=point),
        tuple(name for name in columns if name not in ("run", "arm")),
    )


def _disk_use(first: BlockTables, tables: BlockTables, count: int) -> DiskUse:
    """Bytes of what is written, from the tables of one replication and of several."""
    of_first = len(encode(first.runs)) + len(encode(first.agreements))
    of_several = len(encode(tables.runs)) + len(encode(tables.agreements))
    run = (of_several - of_first) / (count - 1)
    sums = len(encode(tables.dyads))
    no_sums = len(encode(tables.dyads.slice(0, 0)))
    shard = of_first - run + no_sums
    book = frame_csv(codebook(tables.runs.column_names))
    rows = len(first.runs)
    return DiskUse(len(book), 0.0, shard, sums - no_sums, run, rows)


def _point_bytes(job: Job, values: Values, tables: BlockTables) -> float:
    """Bytes of a point's rows in levels.csv, effects.csv and summary.json."""
    if not values:
        return 0.0
    pairs: list[tuple[pa.Table, pa.Table]] = [(tables.runs, tables.agreements)]
    numbers = numbers_of(pairs, job.arms)
    front = sum(len(str(value)) + 1 for _, value in values) + 4
    csv = sum(
        len(frame_csv(frame)) + front * len(frame)
        for frame in (numbers.levels, numbers.effects)
    )
    paths = [path for path, _ in values]
    effects = numbers.effects.assign(point=0, **dict(values))
    records = [effect_record(row, paths) for row in effects.to_dict("records")]
    return csv + len(json.dumps(records, indent=1))


def block_size(measured: Probe, runs: int) -> int:
    """Runs a block: about two seconds of work and bounded tables; a point's runs in one
    where that fits."""
    by_time = int(BLOCK_SECONDS / max(measured.run_seconds, 1e-9))
    by_memory = int(BLOCK_BYTES / max(measured.run_memory, 1.0))
    size = min(by_time, BLOCK_MOST, by_memory, max(runs, 1))
    return runs if size >= runs else max(32, size // 32 * 32)


def refuse_absurd(plan: SweepPlan, max_bytes: int) -> None:
    """Raise WrongRequest for a plan that would fill more disk than allowed."""
    if plan.bytes > max_bytes:
        raise WrongRequest(
            f"about {bytes_spoken(plan.bytes)} on disk exceeds "
            f"{bytes_spoken(max_bytes)}: fewer points or runs, or a larger --max-bytes"
        )
