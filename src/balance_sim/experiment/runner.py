"""Where tasks run: in this process, in local worker processes, or on a Dask cluster. Same tables everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from balance_sim.replications.jobs import FailedRun, Job, Task, TaskResult, live_or_isolate

if TYPE_CHECKING:
    from distributed import Client

SHARD_RUNS = 256  # the most runs a shard holds where a study has one point
ROUNDS = 2  # the fewest shards for each worker: progress shows, and a stop loses half at most


def runs_a_shard(runs: int, workers: int) -> int:
    """Runs a block, so that every worker has the same to do and a block is worth its overhead."""
    rounds = max(ROUNDS, -(-runs // (workers * SHARD_RUNS)))
    return max(16, -(-runs // (workers * rounds)))


def run_tasks(
    job: Job, tasks: Iterable[Task], workers: int = 1, client: Client | None = None
) -> Iterator[TaskResult]:
    """Outcomes as they finish. One worker, or one task of our own model: in this process.

    client: on its cluster instead."""
    if client is not None:
        from balance_sim.experiment.cluster import run_on_cluster

        yield from run_on_cluster(job, tasks, client)
        return
    rest = iter(tasks)
    few = list(islice(rest, 2))
    if workers <= 1 or (len(few) < 2 and job.model is None):
        for task in chain(few, rest):
            yield live_or_isolate(job, task)
        return
    from balance_sim.pool.crew import run_in_processes

    yield from run_in_processes(job, chain(few, rest), workers)


__all__ = ["SHARD_RUNS", "FailedRun", "Job", "Task", "TaskResult", "run_tasks", "runs_a_shard"]
