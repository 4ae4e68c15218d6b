"""Work in local processes: tasks of a study, calls in order, and one process beside
this one.

Each worker is an executor of one spawned process, so that it is known which task it was
at when it died, and no other task is lost with it. A worker is sent its job once, then
tasks."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from typing import Any, Protocol

from balance_sim.model.own.fingerprint import packed
from balance_sim.scenario.errors import StudyError

TRIES = 3
"""Deaths of a worker at a task that cannot be cut, after which it is given up."""
HELD = 2
"""Tasks that a worker holds: the one it is at and the next."""
PATIENCE = 1.0
"""Seconds between two looks at signals and time limits."""
_DEATH = "a crash in compiled code, no memory left, or a signal"
_NO_START = (
    "worker processes do not start. A script needs a file of its own, and "
    '`if __name__ == "__main__":` around what it does; or give workers=1'
)
log = logging.getLogger(__name__)


class PoolJob[T, R](Protocol):
    """What is done to tasks. Sent to each worker once."""

    @property
    def references(self) -> Sequence[str]:
        """`module:name` of code of one's own that it runs."""
        return ()

    def do(self, task: T) -> R:
        """The outcome of a task. Whatever goes wrong in it is part of the outcome."""

    def named(self, task: T) -> str:
        """The task in a message."""

    def lost(self, task: T, why: str) -> R:
        """The outcome of a task that cannot be done."""

    def limit(self, task: T) -> float | None:  # noqa: ARG002 - a default for any task
        """Seconds it may take; None: any."""
        return None

    def pieces(self, task: T) -> Sequence[T]:  # noqa: ARG002
        """Smaller tasks that come to the same; none where it cannot be cut."""
        return ()

    def whole(self, task: T, outcomes: Sequence[R]) -> R:  # noqa: ARG002
        """The outcome of a task from those of its pieces, in their order."""
        raise AssertionError("a task that is not cut has no pieces")


# -- in the worker ---------------------------------------------------------------------

_job: Any = None


def _start_worker() -> None:
    """Ctrl-C is the driver's to hear; and a worker ends where its driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _take_job(payload: bytes) -> None:
    """Unpack the job, which imports and compares the code of one's own."""
    global _job  # noqa: PLW0603 - one job for the life of the process
    _job = pickle.loads(payload)  # from our own driver


def _do(task: Any) -> Any:
    return _job.do(task)


# -- in the driver ---------------------------------------------------------------------


@dataclass
class _CutTask[T, R]:
    """A task cut into pieces, and the outcomes of those that are done, by place."""

    task: T
    pieces: int
    outcomes: dict[int, R] = field(default_factory=dict)


@dataclass
class _Attempt[T, R]:
    """A task on its way. place: among the pieces of a cut task; deaths: of workers that
    were at it."""

    task: T
    cut: _CutTask[T, R] | None = None
    place: int = 0
    deaths: int = 0


class _Worker[T, R]:
    """One process, and the attempts that it holds in order, each with its future."""

    def __init__(self, payload: bytes) -> None:
        """Start the process. Raises OSError where none can be started."""
        context = multiprocessing.get_context("spawn")
        self.executor = ProcessPoolExecutor(1, context, _start_worker)
        with _interrupts_held():
            self.ready: Future[None] = self.executor.submit(_take_job, payload)
        self.held: deque[tuple[_Attempt[T, R], Future[R]]] = deque()
        self.since: float | None = None
        self.is_overdue = False

    @property
    def process(self) -> Any:
        """The process, until the executor has found it dead."""
        return next(iter((self.executor._processes or {}).values()), None)

    @property
    def awaited(self) -> Future[Any] | None:
        """What comes next of it: that it is ready, then the outcome it is at."""
        if not self.ready.done():
            return self.ready
        return self.held[0][1] if self.held else None

    def take(self, attempt: _Attempt[T, R]) -> None:
        """Hand it a task. One that is dead already fails as if it had died of it."""
        try:
            future = self.executor.submit(_do, attempt.task)
        except BrokenProcessPool as error:
            future = Future()
            future.set_exception(error)
        self.held.append((attempt, future))

    def kill(self) -> None:
        """End the process, whatever it is at."""
        if self.process is not None:
            self.process.kill()
        self.executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process that is started here never hears Ctrl-C."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Pool[T, R]:
    """Workers, the tasks that wait, and those that a dead worker has left."""

    def __init__(self, job: PoolJob[T, R], tasks: Iterator[T], workers: int) -> None:
        self.job, self.tasks = job, tasks
        self.payload = packed(job, job.references)
        self.returned: deque[_Attempt[T, R]] = deque()
        self.workers: list[_Worker[T, R]] = []
        self.stillborn = 0
        self.seen = time.monotonic()
        for _ in range(workers):
            self._start_one()

    def run(self) -> Iterator[R]:
        """Outcomes as they come."""
        while True:
            self._hand_out()
            awaited = [w.awaited for w in self.workers if w.held]
            if not awaited:
                return
            futures = [future for future in awaited if future is not None]
            wait(futures, timeout=PATIENCE, return_when=FIRST_COMPLETED)
            self._mind_time()
            for worker in list(self.workers):
                yield from self._collect(worker)

    def close(self) -> None:
        """End every worker."""
        for worker in self.workers:
            worker.kill()

    def _start_one(self) -> None:
        try:
            self.workers.append(_Worker(self.payload))
        except OSError as error:
            if not self.workers:
                raise StudyError(f"{_NO_START} ({error})") from error
            log.warning("%d worker processes: %s", len(self.workers), error)

    def _hand_out(self) -> None:
        for count in range(1, HELD + 1):
            for worker in self.workers:
                while len(worker.held) < count:
                    attempt = self._next()
                    if attempt is None:
                        return
                    worker.take(attempt)

    def _next(self) -> _Attempt[T, R] | None:
        if self.returned:
            return self.returned.popleft()
        for task in self.tasks:
            return _Attempt(task)
        return None

    def _collect(self, worker: _Worker[T, R]) -> Iterator[R]:
        """Outcomes that a worker has ready; its tasks go back where it has died."""
        if not worker.ready.done():
            return
        death = worker.ready.exception()
        if death is not None and not isinstance(death, BrokenProcessPool):
            raise death  # it refuses the job: every other worker would
        if death is not None:
            self._replace_stillborn(worker)
            return
        while worker.held and worker.held[0][1].done():
            attempt, future = worker.held.popleft()
            worker.since = None
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                yield from self._on_death(worker, attempt)
                return
            if error is None:
                yield from self._deliver(attempt, future.result())
            else:  # what came of it could not be sent
                why = f"{type(error).__name__}: {error}"
                yield from self._deliver(attempt, self.job.lost(attempt.task, why))

    def _replace_stillborn(self, worker: _Worker[T, R]) -> None:
        self.stillborn += 1
        if self.stillborn > TRIES:
            raise StudyError(_NO_START)
        self._replace(worker)

    def _replace(self, worker: _Worker[T, R]) -> None:
        """A new worker; what the dead one held besides goes back."""
        worker.kill()
        self.workers.remove(worker)
        self.returned.extend(attempt for attempt, _ in worker.held)
        self._start_one()

    def _on_death(self, worker: _Worker[T, R], attempt: _Attempt[T, R]) -> Iterator[R]:
        """A worker died at a task: that is cut, or tried again, or given up."""
        task, is_overdue = attempt.task, worker.is_overdue
        name = self.job.named(task)
        how = f"not done within {self.job.limit(task):g} s" if is_overdue else _DEATH
        log.warning("a worker died at %s: %s", name, how)
        self._replace(worker)
        attempt.deaths += 1
        pieces = self.job.pieces(task)
        if pieces:
            cut: _CutTask[T, R] = _CutTask(task, len(pieces))
            attempts = [_Attempt(p, cut, place) for place, p in enumerate(pieces)]
            self.returned.extendleft(reversed(attempts))
        elif attempt.deaths < TRIES and not is_overdue:
            self.returned.appendleft(attempt)
        else:
            why = f"{name}: {how}"
            if not is_overdue:
                why = f"{name} killed its worker {TRIES} times: {how}"
            yield from self._deliver(attempt, self.job.lost(task, why))

    def _deliver(self, attempt: _Attempt[T, R], outcome: R) -> Iterator[R]:
        """An outcome; of pieces, the whole once the last is there."""
        cut = attempt.cut
        if cut is None:
            yield outcome
            return
        cut.outcomes[attempt.place] = outcome
        if len(cut.outcomes) == cut.pieces:
            outcomes = [cut.outcomes[place] for place in range(cut.pieces)]
            yield self.job.whole(cut.task, outcomes)

    def _mind_time(self) -> None:
        """Kill workers that are overdue. Time in which this process did not look, as it
        was stopped or busy, does not count."""
        clock = time.monotonic()
        away = max(clock - self.seen - 2 * PATIENCE, 0.0)
        self.seen = clock
        for worker in self.workers:
            if not worker.held or not worker.ready.done():
                continue
            worker.since = clock if worker.since is None else worker.since + away
            attempt, future = worker.held[0]
            limit = self.job.limit(attempt.task)
            is_late = limit is not None and clock - worker.since > limit
            if is_late and not future.done() and worker.process is not None:
                worker.is_overdue = True
                worker.process.kill()


def run_in_processes[T, R](
    job: PoolJob[T, R], tasks: Iterable[T], workers: int
) -> Iterator[R]:
    """Outcomes of tasks as they finish, from local processes, which end with this
    generator."""
    set_surroundings()  # before the workers start, so that they see it
    pool = _Pool(job, iter(tasks), workers)
    try:
        yield from pool.run()
    finally:
        pool.close()


def set_surroundings() -> None:
    """One thread for linear algebra in a worker, since cores are shared out by blocks;
    and glibc keeps the memory of a step's arrays for the next step."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        os.environ.setdefault(name, str(2**28))


# -- calls in order --------------------------------------------------------------------


@dataclass(frozen=True)
class _CallResult[R]:
    """What a call returned, or the error it raised, or why it came to nothing."""

    value: R | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class _Calls[A, R](PoolJob[tuple[int, A], tuple[int, _CallResult[R]]]):
    """A function as a job. Its tasks are arguments with their places."""

    function: Callable[[A], R]
    name_of: Callable[[A], str]
    hint: str = ""

    def do(self, task: tuple[int, A]) -> tuple[int, _CallResult[R]]:
        place, argument = task
        try:
            return place, _CallResult(self.function(argument))
        except Exception as error:  # noqa: BLE001 - raised where the result is taken
            return place, _CallResult(error=error)

    def named(self, task: tuple[int, A]) -> str:
        return self.name_of(task[1])

    def lost(self, task: tuple[int, A], why: str) -> tuple[int, _CallResult[R]]:
        return task[0], _CallResult(error=StudyError(f"{why} {self.hint}".rstrip()))


def map_in_order[A, R](
    function: Callable[[A], R],
    arguments: Sequence[A],
    workers: int,
    named: Callable[[A], str],
    hint: str = "",
) -> Iterator[R]:
    """function(argument) of each, in their order; more than one worker starts
    processes.

    Raises what the function raises, and StudyError, with the hint, for a call that
    kills its worker each time. named: a call in a message."""
    if workers <= 1 or len(arguments) <= 1:
        yield from map(function, arguments)
        return
    results: dict[int, _CallResult[R]] = {}
    job, due = _Calls(function, named, hint), 0
    count = min(workers, len(arguments))
    for place, result in run_in_processes(job, enumerate(arguments), count):
        if result.error is not None:
            raise result.error
        results[place] = result
        while due in results:
            value: Any = results.pop(due).value
            yield value
            due += 1


# -- one process beside this one -------------------------------------------------------


def _answer(conn: Connection, begin: Callable[..., None] | None, given: Any) -> None:
    """Answer one call after the other, until the pipe closes."""
    _start_worker()
    if begin is not None:
        begin(*given)
    with suppress(EOFError, OSError):
        while True:
            answer: tuple[Any, Exception | None]
            try:
                answer = pickle.loads(conn.recv_bytes())(), None
            except (EOFError, OSError):
                return
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                answer = None, error
            conn.send(answer)


class Companion:
    """A process beside this one that answers calls one after the other.

    begin, given: called there first, with what can only be handed to a process as it
    starts, such as shared memory."""

    def __init__(self, begin: Callable[..., None] | None = None, *given: Any) -> None:
        """Start the process. Raises OSError where none can be started."""
        set_surroundings()
        context = multiprocessing.get_context("spawn")
        self.conn, far_end = context.Pipe()
        self.process = context.Process(
            target=_answer, args=(far_end, begin, given), daemon=True
        )
        with _interrupts_held():
            self.process.start()
        far_end.close()

    def send(self, function: Callable[[], Any]) -> None:
        """Begin a call. Raises OSError where the process is gone."""
        self.conn.send_bytes(packed(function))

    def receive(self) -> Any:
        """The result of the call that was begun first. Raises what the call raised, and
        EOFError or OSError where the process died."""
        value, error = self.conn.recv()
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the process, whatever it is at."""
        self.process.kill()
        self.process.join()
        self.conn.close()


def call_within[R](function: Callable[[], R], seconds: float) -> R:
    """The result of a picklable call in a process of its own. Raises what it raises,
    TimeoutError where it takes longer, EOFError or OSError where the process dies."""
    companion = Companion()
    try:
        companion.send(function)
        if not companion.conn.poll(seconds):
            raise TimeoutError
        result: R = companion.receive()
        return result
    finally:
        companion.close()


class Background[R]:
    """A picklable call that has begun in a process of its own.

    Calling this waits for the result; where the call failed there, or its process died,
    it is made in this process. stays: the process remains for one more call (`then`).
    companion: a process that has done another call."""

    def __init__(
        self,
        function: Callable[[], R],
        *,
        stays: bool = False,
        companion: Companion | None = None,
    ) -> None:
        self.function = function
        self.stays = stays
        self.results: list[R] = []
        self.companion: Companion | None = None
        with suppress(OSError, RuntimeError):  # a limit on processes
            self.companion = companion or Companion()
            self.companion.send(function)

    def __call__(self) -> R:
        """The result. Raises what the call raises."""
        if not self.results:
            self.results.append(self._received())
            if not self.stays:
                self.close()
        return self.results[0]

    def _received(self) -> R:
        if self.companion is not None:
            with suppress(Exception):
                result: R = self.companion.receive()
                return result
            self.close()
        return self.function()

    def then[S](self, function: Callable[[], S]) -> Background[S]:
        """One more call, in the same process if that is still there: it has imported
        what this call needed."""
        self()
        companion, self.companion = self.companion, None
        return Background(function, companion=companion)

    def close(self) -> None:
        """End the process, whether it is done or not."""
        companion, self.companion = self.companion, None
        if companion is not None:
            companion.close()
