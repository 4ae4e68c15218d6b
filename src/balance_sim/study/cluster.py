"""Tasks on a Dask cluster, through its executor. Workers that die are Dask's to
replace; what kills them is ours."""

from __future__ import annotations

import hashlib
import logging
import pickle
import time
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from balance_sim.model.own.fingerprint import packed
from balance_sim.scenario.errors import (
    ClusterGone,
    MissingExtra,
    StudyError,
    WrongRequest,
)
from balance_sim.study.jobs import Job, Task, TaskResult

if TYPE_CHECKING:
    from distributed import Client

_jobs: LRUCache[str, Job] = LRUCache(2)
CONNECT_SECONDS = 30
WORKERLESS_SECONDS = (
    60  # without a single worker, after which nobody is waited for any longer
)
PATIENCE = 1.0  # seconds between two looks at scheduler and workers
KEPT = (
    "What was finished is kept: the same command goes on, with another --scheduler or "
    "on this machine without one."
)
log = logging.getLogger(__name__)


def connect(address: str) -> Client:
    """A client of the scheduler at tcp://HOST:PORT, with at least one worker.

    Dask's own reports, tracebacks among them, are kept from the terminal: what matters
    of them is said here."""
    try:
        import distributed
    except ImportError:
        raise MissingExtra("clusters", "cluster") from None
    for name in [
        *logging.root.manager.loggerDict,
        "distributed",
        "tornado.application",
    ]:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client: Client = distributed.Client(
            address, timeout=CONNECT_SECONDS, set_as_default=False
        )  # type: ignore[no-untyped-call]
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise WrongRequest(
            f"no Dask scheduler with workers answers at {address}: {error}"
        ) from error
    return client


def job_queue(kind: str, options: dict[str, Any]) -> Any:
    """A dask-jobqueue cluster of a kind (`slurm`, `pbs`, `sge`, `lsf`), without jobs
    yet."""
    try:
        import dask_jobqueue
    except ImportError:
        raise MissingExtra("clusters", "cluster") from None
    kinds = {
        name.removesuffix("Cluster").lower(): name
        for name in dir(dask_jobqueue)
        if name.endswith("Cluster")
    }
    if kind not in kinds:
        raise WrongRequest(
            f"unknown cluster `{kind}`; dask-jobqueue has: {', '.join(sorted(kinds))}"
        )
    settings = {
        "cores": 1,
        "memory": "2GB",
        "processes": 1,
        "walltime": "01:00:00",
    } | options
    try:
        return getattr(dask_jobqueue, kinds[kind])(n_workers=0, **settings)
    except (TypeError, ValueError) as error:
        raise WrongRequest(f"--cluster-option: {error}") from error


def threads_of(client: Client) -> int:
    """Threads of all workers, at least 1."""
    return max(sum(client.nthreads().values()), 1)  # type: ignore[no-untyped-call]


def simulate_packed(payload: bytes, task: Task) -> TaskResult:
    """A worker's part. The job is unpacked once, which compares the code, and kept."""
    digest = hashlib.sha256(payload).hexdigest()
    job = _jobs.get(digest)
    if job is None:
        job = pickle.loads(zlib.decompress(payload))  # from our own driver
        _jobs[digest] = job
    return job.do(task)


def run_on_cluster(
    job: Job, tasks: Iterable[Task], client: Client
) -> Iterator[TaskResult]:
    """Outcomes as they finish, at most twice the workers' threads in flight.

    A task that Dask gives up on, because its workers died each time, is run again run
    by run. Raises ClusterGone where the scheduler goes, or all workers for
    WORKERLESS_SECONDS; CodeDiffers where a worker has other code; StudyError where it
    cannot run the study at all."""
    payload = zlib.compress(packed(job, job.references))
    executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
    remaining, watch = iter(tasks), _Watch(client)
    flying: dict[Future[TaskResult], Task] = {}
    try:
        while True:
            room = max(2 * watch.threads() - len(flying), 0)
            for task in islice(remaining, room):
                flying[executor.submit(simulate_packed, payload, task)] = task
            if not flying:
                return
            for future in watch.first_of(flying):
                task = flying.pop(future)
                result = watch.result(future)
                yield result or _one_by_one(job, task, payload, executor, watch)
    finally:
        executor.shutdown(wait=False)  # takes back what is not done


def _one_by_one(
    job: Job, task: Task, payload: bytes, executor: Executor, watch: _Watch
) -> TaskResult:
    """The outcome of a task that killed its workers, from its replications."""
    results = []
    for piece in job.pieces(task) or [task]:
        future = executor.submit(simulate_packed, payload, piece)
        watch.first_of([future])
        why = f"the cluster gave {job.named(piece)} up: it killed its workers"
        results.append(watch.result(future) or job.lost(piece, why))
    return job.whole(task, results) if job.pieces(task) else results[0]


class _Watch:
    """Looks at a cluster while it is waited for."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.since: float | None = None  # no worker has been there since

    @contextmanager
    def lost_as_gone(self) -> Iterator[None]:
        """What a client whose scheduler is gone raises, as ClusterGone."""
        try:
            yield
        except (OSError, CancelledError, TimeoutError) as error:
            raise ClusterGone(
                f"the Dask scheduler is gone ({type(error).__name__}). {KEPT}"
            ) from error

    def result(self, future: Future[TaskResult]) -> TaskResult | None:
        """The outcome of a future that is done; None where its workers died each time.
        Raises ClusterGone, CodeDiffers, StudyError."""
        from distributed import KilledWorker

        with self.lost_as_gone():
            try:
                return future.result()
            except KilledWorker:
                return None
            except (StudyError, OSError, CancelledError, TimeoutError):
                raise
            except Exception as error:
                kind = type(error).__name__
                raise StudyError(
                    f"a worker of the cluster cannot run this study: {kind}: {error}. "
                    f"It needs the same packages and files as this machine. {KEPT}"
                ) from error

    def threads(self) -> int:
        """Threads of all workers, at least 1. Raises ClusterGone."""
        with self.lost_as_gone():
            if self.client.status != "running":
                raise OSError("no longer connected")
            by_worker: dict[str, int]
            by_worker = self.client.nthreads()  # type: ignore[no-untyped-call]
            threads = sum(by_worker.values())
        clock = time.monotonic()
        if threads:
            self.since = None
        elif self.since is None:
            self.since = clock
            log.warning(
                "the Dask cluster has no worker left: waiting %d s for one",
                WORKERLESS_SECONDS,
            )
        elif clock - self.since > WORKERLESS_SECONDS:
            raise ClusterGone(
                f"the Dask cluster has had no worker for {WORKERLESS_SECONDS} s. {KEPT}"
            )
        return max(threads, 1)

    def first_of(self, flying: Iterable[Future[TaskResult]]) -> set[Future[TaskResult]]:
        """Those that are done, once one is. Raises ClusterGone."""
        while True:
            done, _ = wait(flying, timeout=PATIENCE, return_when=FIRST_COMPLETED)
            if done:
                return done
            self.threads()
