"""Tasks on a Dask cluster. Workers that die are Dask's to replace; what kills them is
ours."""

from __future__ import annotations

import logging
import pickle
import time
import zlib
from concurrent.futures import CancelledError
from functools import lru_cache
from typing import TYPE_CHECKING

from balance_sim.model.own.fingerprint import packed
from balance_sim.scenario.errors import ClusterGone, StudyError, WrongRequest
from balance_sim.study.jobs import Job, Task, TaskResult
from balance_sim.study.processes import PATIENCE, WorkerDied

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 30
WORKERLESS_SECONDS = 60
"""Seconds without a single worker, after which nobody is waited for any longer."""
KEPT = (
    "What was finished is kept: the same command goes on, with another --scheduler or "
    "on this machine without one."
)
log = logging.getLogger(__name__)


def connect(address: str) -> Client:
    """Return a client of a Dask scheduler that has at least one worker.

    Dask's own reports, tracebacks among them, are kept from the terminal: what matters
    of them is said here.

    Parameters
    ----------
    address : tcp://HOST:PORT

    Raises
    ------
    ModuleNotFoundError : where Dask is not installed
    WrongRequest : where no scheduler answers, or one without workers
    """
    import distributed

    for name in [*logging.root.manager.loggerDict, "distributed", "tornado"]:
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


def threads_of(client: Client) -> int:
    """Return the number of threads of all workers, 0 where none is left."""
    return sum(client.nthreads().values())  # type: ignore[no-untyped-call]


@lru_cache(2)
def _unpacked(payload: bytes) -> Job:
    """Return the job, which compares the code as it is unpacked."""
    job: Job = pickle.loads(zlib.decompress(payload))  # from our own driver
    return job


def simulate_packed(payload: bytes, task: Task) -> TaskResult:
    """Return what comes of a task in a worker. The job is unpacked once, and kept.

    Raises
    ------
    CodeDiffers : where the worker has other code than the driver
    """
    return _unpacked(payload).do(task)


class Cluster:
    """A Dask cluster that works at a job, looked at while it is waited for.

    Attributes
    ----------
    threads : tasks that are waited for at once, at most
    workerless_since : seconds of the monotonic clock; None while there is a worker
    """

    threads = 1024

    def __init__(self, job: Job, client: Client) -> None:
        self.client = client
        self.payload = zlib.compress(packed(job, job.references))
        self.executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        self.is_closed = False
        self.workerless_since: float | None = None

    def room(self) -> int:
        """Return how many tasks are in flight at most: two a thread.

        Raises
        ------
        ClusterGone : where the scheduler goes, or all workers for WORKERLESS_SECONDS
        """
        try:
            if self.client.status != "running":
                raise OSError("no longer connected")
            threads = threads_of(self.client)
        except (OSError, CancelledError) as error:
            raise ClusterGone(
                f"the Dask scheduler is gone ({type(error).__name__}). {KEPT}"
            ) from error
        clock = time.monotonic()
        if threads:
            self.workerless_since = None
        elif self.workerless_since is None:
            self.workerless_since = clock
            log.warning("the Dask cluster has no worker left: waiting for one")
        elif clock - self.workerless_since > WORKERLESS_SECONDS:
            raise ClusterGone(
                f"the Dask cluster has had no worker for {WORKERLESS_SECONDS} s. {KEPT}"
            )
        return max(2 * threads, 1)

    def done(self, task: Task, _limit: float | None) -> TaskResult:
        """Return what came of a task.

        Raises
        ------
        WorkerDied : where its workers died each time
        CodeDiffers : where a worker has other code
        ClusterGone : where the scheduler goes
        StudyError : where a worker cannot run the study at all
        """
        from distributed import KilledWorker

        future = self.executor.submit(simulate_packed, self.payload, task)
        while not self.is_closed:
            try:
                result: TaskResult = future.result(PATIENCE)
            except TimeoutError:
                continue
            except KilledWorker:
                raise WorkerDied from None
            except (OSError, CancelledError) as error:
                raise ClusterGone(
                    f"the Dask scheduler is gone ({type(error).__name__}). {KEPT}"
                ) from error
            except StudyError:
                raise
            except Exception as error:
                kind = type(error).__name__
                raise StudyError(
                    f"a worker of the cluster cannot run this study: {kind}: {error}. "
                    f"It needs the same packages and files as this machine. {KEPT}"
                ) from error
            return result
        raise CancelledError

    def close(self) -> None:
        """Take back what is not done."""
        self.is_closed = True
        self.executor.shutdown(wait=False)
