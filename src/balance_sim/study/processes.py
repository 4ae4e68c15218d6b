"""Work in other processes: tasks of a study wherever they run, calls in order, and one
process beside this one.

A worker is one spawned process, and a thread here that waits for it: so it is known
which task a process was at when it died, and no other task is lost with it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from operator import call
from typing import TYPE_CHECKING, Any

from balance_sim.model.own.fingerprint import packed
from balance_sim.scenario.errors import StudyError
from balance_sim.study.jobs import Job, Task, TaskResult

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.cluster import Cluster

    type Workplace = LocalWorkers | Cluster
    """Where tasks are done; so many as it has `threads` are waited for at once."""

TRIES = 3
"""Deaths of a worker at a task that cannot be cut, after which it is given up."""
PATIENCE = 1.0
"""Seconds between two looks at what is waited for."""
_DEATH = "a crash in compiled code, no memory left, or a signal"
_NO_START = (
    "worker processes do not start. A script needs a file of its own, and "
    '`if __name__ == "__main__":` around what it does; or give workers=1'
)
_LESS_MEMORY = "Fewer --runs, or --workers 1, need less memory."
log = logging.getLogger(__name__)


class WorkerDied(EOFError):
    """A process ended before it had answered."""


class TaskLost(Exception):
    """A task that cannot be done; the text says why."""


def set_surroundings() -> None:
    """Set what processes that start from now on inherit: one thread for linear algebra,
    since cores are shared out by blocks; and glibc keeps the memory of a step's arrays
    for the next step."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        os.environ.setdefault(name, str(2**28))


# -- in the other process --------------------------------------------------------------

_work: list[Callable[[Any], Any]] = []
"""What the worker in this process does to each task."""


def _leave_with_parent() -> None:
    """Wait for the end of the process that started this one, and end too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _answer(conn: Connection) -> None:
    """Answer one call after the other until the pipe closes. Ctrl-C is the driver's to
    hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            call = conn.recv_bytes()
            try:
                conn.send((pickle.loads(call)(), None))  # from our own driver
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                conn.send((None, error))


def _take_work(payload: bytes) -> None:
    """Unpack the work, which imports and compares the code of one's own, and begin."""
    _work[:] = [pickle.loads(payload)()]  # from our own driver


def _do(task: Any) -> Any:
    """Return what the worker's work makes of a task."""
    return _work[0](task)


# -- processes -------------------------------------------------------------------------


class Companion:
    """A process beside this one that answers calls one after the other.

    Raises
    ------
    OSError : where no process can be started
    """

    def __init__(self) -> None:
        """Start the process. Raises OSError where none can be started."""
        set_surroundings()
        context = multiprocessing.get_context("spawn")
        self.conn, far_end = context.Pipe()
        self.process = context.Process(target=_answer, args=(far_end,), daemon=True)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:  # the process never hears Ctrl-C
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        far_end.close()

    def ask(self, function: Callable[[], Any], limit: float | None = None) -> Any:
        """Return the result of a call of code that the process holds already.

        Parameters
        ----------
        function : picklable
        limit : seconds that it may take; None: any number

        Raises
        ------
        WorkerDied : where the process is gone
        TimeoutError : where it takes longer
        Exception : what the call raised
        """
        try:
            self.conn.send(function)
            is_answered = self.conn.poll(limit)
            value, error = self.conn.recv() if is_answered else (None, TimeoutError())
        except (EOFError, OSError) as gone:
            raise WorkerDied from gone
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the process, whatever it is at."""
        self.process.kill()
        self.process.join()
        self.conn.close()


class LocalWorkers:
    """Up to so many processes of this machine that do the same work to tasks.

    begin : called once in each process; returns what is done to tasks there
    references : `module:name` of code of one's own that it runs
    """

    def __init__(
        self,
        begin: Callable[[], Callable[[Any], Any]],
        references: Sequence[str],
        count: int,
    ) -> None:
        self.payload = packed(begin, references)
        self.threads = count
        self.workers: list[Companion] = []
        self.idle: list[Companion] = []
        self.guard = threading.Lock()
        self.is_closed = False

    def room(self) -> int:
        """Return how many tasks are in flight at most: two a process."""
        return 2 * self.threads

    def done(self, task: Any, limit: float | None) -> Any:
        """Return what came of a task in one of the processes. Raises WorkerDied,
        TimeoutError, or what the work raises."""
        worker = self.idle.pop() if self.idle else self._new_worker()
        try:
            outcome = worker.ask(partial(_do, task), limit)
        except (WorkerDied, TimeoutError):
            self._bury(worker)
            raise
        self.idle.append(worker)
        return outcome

    def _new_worker(self) -> Companion:
        """Start a process that holds the work. Raises StudyError where none starts."""
        for _ in range(TRIES):
            with self.guard:
                if self.is_closed:
                    raise CancelledError
                try:
                    worker = Companion()
                except OSError as error:
                    raise StudyError(f"{_NO_START} ({error})") from error
                self.workers.append(worker)
            try:
                worker.ask(partial(_take_work, self.payload))
            except WorkerDied:
                self._bury(worker)
            else:
                return worker
        raise StudyError(_NO_START)

    def _bury(self, worker: Companion) -> None:
        """End a worker. Raises CancelledError where all were closed meanwhile."""
        worker.close()
        with self.guard:
            self.workers.remove(worker)
            if self.is_closed:
                raise CancelledError

    def close(self) -> None:
        """End every process, whatever it is at."""
        with self.guard:
            self.is_closed = True
            for worker in self.workers:
                worker.process.kill()


# -- tasks -----------------------------------------------------------------------------


def _tried(
    place: Workplace, task: Any, name: str, limit: float | None, tries: int
) -> Any:
    """Return what came of a task, by another worker after each that died at it. Raises
    TaskLost, or what the work raises."""
    for _ in range(tries):
        try:
            return place.done(task, limit)
        except TimeoutError:
            raise TaskLost(f"{name}: not done within {limit:g} s") from None
        except WorkerDied:
            log.warning("a worker died at %s: %s", name, _DEATH)
    raise TaskLost(f"{name} killed its worker {tries} times: {_DEATH}")


def _outcome(place: Workplace, job: Job, task: Task) -> TaskResult:
    """Return what came of a task: of its replications one by one where it killed its
    worker."""
    pieces = job.pieces(task)
    tries = 1 if pieces else TRIES
    try:
        result: TaskResult
        result = _tried(place, task, job.named(task), job.limit(task), tries)
    except TaskLost as reason:
        if not pieces:
            return job.lost(task, str(reason))
        return job.whole(task, [_outcome(place, job, piece) for piece in pieces])
    return result


def run_elsewhere(
    job: Job, tasks: Iterable[Task], workers: int, client: Client | None = None
) -> Iterator[TaskResult]:
    """Yield outcomes of tasks as they finish, in local processes or on a cluster.

    Parameters
    ----------
    job : what is done to tasks
    tasks : taken as there is room for them
    workers : processes
    client : of a Dask cluster, instead of them

    Raises
    ------
    CodeDiffers : where a worker has other code
    StudyError : where no worker can be had
    """
    place: Workplace
    if client is None:
        place = LocalWorkers(job.begin, job.references, workers)
    else:
        from balance_sim.study.cluster import Cluster

        place = Cluster(job, client)
    threads, remaining = ThreadPoolExecutor(place.threads), iter(tasks)
    flying: set[Future[TaskResult]] = set()
    try:
        while True:
            for task in islice(remaining, max(place.room() - len(flying), 0)):
                flying.add(threads.submit(_outcome, place, job, task))
            if not flying:
                return
            finished, flying = wait(flying, PATIENCE, FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    finally:
        place.close()
        threads.shutdown(cancel_futures=True)


def map_in_order[A, R](
    function: Callable[[A], R], arguments: Sequence[A], workers: int
) -> Iterator[R]:
    """Yield function(argument) of each argument, in their order; more than one worker
    starts processes. The function is picklable.

    Raises
    ------
    StudyError : for a call that kills its worker each time
    Exception : what the function raises
    """
    if workers <= 1 or len(arguments) <= 1:
        yield from map(function, arguments)
        return
    place = LocalWorkers(partial(partial, function), (), workers)
    threads = ThreadPoolExecutor(workers)
    names = (f"part {number}" for number in range(1, len(arguments) + 1))
    answer = partial(_tried, place, limit=None, tries=TRIES)
    try:
        yield from threads.map(answer, arguments, names)
    except TaskLost as reason:
        raise StudyError(f"{reason}. {_LESS_MEMORY}") from None
    finally:
        place.close()
        threads.shutdown(cancel_futures=True)


class Background[R]:
    """A picklable call that has begun in a process of its own.

    Calling this waits for the result; where the call failed there, or its process died,
    it is made in this process. To another process it goes as None.

    Parameters
    ----------
    function : the call
    before : another one, in whose process it is made when that is done
    """

    def __init__(
        self, function: Callable[[], R], before: Background[Any] | None = None
    ) -> None:
        self.function = function
        self.before = before
        self.place: LocalWorkers = before.place if before else _place_of_calls()
        self.future: Future[R] = Future()
        # a daemon: nobody waits for it where nobody asks for the result
        self.thread = threading.Thread(target=self._begin, daemon=True)
        self.thread.start()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    def _begin(self) -> None:
        """Make the call in a process, and wait for it."""
        if self.before:
            self.before.thread.join()
        try:
            self.future.set_result(self.place.done(self.function, None))
        except BaseException as error:  # noqa: BLE001 - for whoever asks
            self.future.set_exception(error)

    def __call__(self) -> R:
        """Return the result. Raises what the call raises."""
        return self._result

    @cached_property
    def _result(self) -> R:
        """The result from there, or made here."""
        try:
            return self.future.result()
        except Exception:  # noqa: BLE001 - raised again by the call here
            log.debug("begun in a process, done in this one")
        return self.function()

    def close(self) -> None:
        """End the process, whether it is done or not."""
        self.place.close()


def _place_of_calls() -> LocalWorkers:
    """Return a process that makes the calls it is sent."""
    return LocalWorkers(partial(partial, call), (), 1)
