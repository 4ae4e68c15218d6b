"""What a sweep will take, said before it begins, and refused where it is absurd."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from balance_sim.experiment.runner import runs_a_shard
from balance_sim.pool.faults import WrongRequest
from balance_sim.pool.processes import Background
from balance_sim.replications.blocks import Block, batch_runs
from balance_sim.replications.jobs import Job, Task, Values
from balance_sim.results.shards import TABLES, encode
from balance_sim.results.store import missing

PROBE_RUNS = 8
PROBE_MOST = 512
PROBE_SECONDS = 60.0
BLOCK_SECONDS = 2.0
BLOCK_MOST = 8192
BLOCK_BYTES = 48 << 20
MOST_BYTES = 10 << 30


@dataclass(frozen=True)
class Probe:
    """Measured on a few runs of one point: seconds to make the point and to live a run of all arms, bytes a run
    on disk and in memory."""

    point_seconds: float
    run_seconds: float
    run_bytes: float
    run_memory: float
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Points and runs of the whole study, those still to be run, and an estimate of what that takes."""

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
        points = f"{self.points:,} points x " if self.points != 1 else ""
        whole = f"{points}{self.runs:,} runs x {arms}" + (
            f": {self.points * self.runs:,} runs" if points else ""
        )
        left = (
            "" if self.todo_runs == self.points * self.runs else f", {self.todo_runs:,} of them still to do"
        )
        if not self.todo_runs:
            return [f"plan: {whole}, all of them done"]
        if math.isnan(self.seconds):
            return [f"plan: {whole}{left}", "no estimate: the first runs failed"]
        return [
            f"plan: {whole}{left}",
            f"about {spoken(self.seconds)} on {self.workers} worker{'s' * (self.workers != 1)}, "
            f"{bytes_spoken(self.bytes)} on disk; blocks of {self.block:,} runs",
        ]


def plan_of_run(job: Job, runs: int, done: Sequence[Block], workers: int) -> Plan:
    """What so many replications of one scenario take, measured on a few of them; done: those there are already."""
    left = sum(len(block) for block in missing(done, runs, max(runs, 1)))
    found = probe(job, ()) if left else None
    seconds, room = estimate(found, [(1, left)], workers) if found is not None else (math.nan, math.nan)
    return Plan(1, runs, job.arms, left, 1, runs_a_shard(runs, workers), seconds, room, workers)


def probe(job: Job, values: Values) -> Probe | None:
    """Live a few runs of one point and measure; None where they fail, which the sweep itself will report.

    A model of the user's own is tried in a process of its own: it may take the process with it."""
    if job.model is not None:
        return next(iter(Background(partial(_measured, job, values)).within(PROBE_SECONDS)), None)
    return _measured(job, values)


def _measured(job: Job, values: Values) -> Probe | None:
    try:
        return measure(job, values)
    except Exception:  # noqa: BLE001 - whatever it is: the sweep records it run by run
        return None


def measure(job: Job, values: Values) -> Probe:
    """Live a few runs of one point here and measure. Their tables are thrown away."""
    began = time.perf_counter()
    worlds = job.worlds(values)
    made = time.perf_counter()
    count = PROBE_RUNS if job.model else min(PROBE_MOST, max(PROBE_RUNS, batch_runs(worlds.reference.n) // 4))
    job.live(Task(Block(0, 1), values=values))  # what is paid once is not counted
    ready = time.perf_counter()
    tables = job.live(Task(Block(0, count), values=values))
    done = time.perf_counter()
    size = sum(len(encode(getattr(tables, name))) for name in TABLES)
    memory = sum(getattr(tables, name).nbytes for name in TABLES)
    names = tuple(name for name in tables.runs.column_names if name not in ("run", "arm"))
    return Probe(made - began, (done - ready) / count, size / count, memory / count, names)


def block_size(found: Probe, runs: int) -> int:
    """Runs a block: about two seconds of work and bounded tables; a point's runs whole where that fits."""
    size = int(BLOCK_SECONDS / max(found.run_seconds, 1e-9))
    size = min(size, BLOCK_MOST, int(BLOCK_BYTES / max(found.run_memory, 1.0)), max(runs, 1))
    return runs if size >= runs else max(32, size // 32 * 32)


def estimate(found: Probe, todo: Sequence[tuple[int, int]], workers: int) -> tuple[float, float]:
    """(seconds, bytes) for blocks given as (points, runs) still to do."""
    points = sum(p for p, _ in todo)
    runs = sum(r for _, r in todo)
    seconds = (points * found.point_seconds + runs * found.run_seconds) / max(workers, 1)
    return seconds, runs * found.run_bytes


def refuse_absurd(plan: Plan, max_bytes: int) -> None:
    """Raises WrongRequest for a plan that would fill more disk than allowed."""
    if plan.bytes > max_bytes:
        raise WrongRequest(
            f"about {bytes_spoken(plan.bytes)} on disk exceeds {bytes_spoken(max_bytes)}: "
            "fewer points or runs, or a larger --max-bytes"
        )


def spoken(seconds: float) -> str:
    """A length of time in words."""
    for size, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


def bytes_spoken(size: float) -> str:
    """A number of bytes in words."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} bytes"
