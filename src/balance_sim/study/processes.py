"""The one pool of worker processes: for runs, sweeps, explanations, the live page and
what is computed beside them.

Processes are spawned, each with a pipe of its own, so it is known which task a worker
was at when it died. A job (what is done to every task) is sent once, then tasks. A dead
worker is replaced, and what it was given is done again.

* `run_in_processes`: outcomes of many tasks as they finish. A task that was at work in three deaths is cut into pieces;
  a piece that still kills its worker is given up. What is kept of it is for the
  `PoolJob` to say.
* `map_in_order`: a function called on each argument, results in their order.
* `Background`: one call that has begun before its result is asked for.
* `worker.Worker.call`: one task at a time, as the live page asks for them."""

from __future__ import annotations

import logging
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any, Protocol

from balance_sim.model.own.modules import pickled
from balance_sim.study.worker import (
    HERE,
    READY,
    UNGUARDED,
    Worker,
    in_words,
    set_surroundings,
    unstartable,
    wake,
)

TRIES = 3  # of a task whose worker dies
AHEAD = 2  # tasks a worker holds: the one it is at and the next
PATIENCE = 1.0  # seconds the driver waits before it looks around: at signals, and at workers that are late
GRACE = 10.0  # seconds beyond twice its time limit after which a worker that does not answer is killed
START = 120.0  # the same for one that has still to begin
log = logging.getLogger(__name__)


class PoolJob[T, R](Protocol):
    """What is done to tasks: their outcomes. Sent to each worker once."""

    def do(self, task: T) -> R:
        """The outcome of a task. Whatever goes wrong in it is part of the outcome."""

    def named(self, task: T) -> str:
        """The task in a message."""

    def lost(self, task: T, why: str) -> R:
        """What is kept of a task that cannot be done."""

    def limit(self, task: T) -> float | None:  # noqa: ARG002 - as a pool asks
        """Seconds it may take; None: any."""
        return None

    def pieces(self, task: T) -> Sequence[T]:  # noqa: ARG002
        """Smaller tasks that come to the same; none where it cannot be cut."""
        return ()

    def whole(self, task: T, outcomes: Sequence[R]) -> R:  # noqa: ARG002
        """The outcome of a task from those of its pieces, in their order."""
        raise AssertionError("a task that is not cut has no pieces")


@dataclass(frozen=True)
class Failure:
    """A call that came to nothing: it raised `error`, or its worker died of it."""

    why: str
    error: Exception | None = None


@dataclass
class _Split[T, R]:
    """A task cut into so many pieces, and what has come back of them."""

    task: T
    pieces: int
    back: dict[int, R] = field(default_factory=dict)


@dataclass
class _Try[T, R]:
    """A task on its way, and in how many deaths it was at work. place: among the pieces
    of a split."""

    task: T
    deaths: int = 0
    split: _Split[T, R] | None = None
    place: int = 0


class _NoWorkers(Exception):
    """No worker process can be started any more; the text says so in one line."""


_ALONE = "the runs are done in this process, one after the other, as with --workers 1"
_UNGUARDED = (
    "each worker process begins the study anew as it reads the main program: put what the program does under "
    '`if __name__ == "__main__":`; all is done in this process, as with one worker'
)


class Pool[T, R]:
    """Workers and the tasks they hold."""

    def __init__(self, job: PoolJob[T, R], workers: int) -> None:
        self.job, self.pickled = job, pickled(job)
        self.workers: list[Worker[_Try[T, R]]] = []
        self.waiting: deque[_Try[T, R]] = deque()
        self.seen, self.stillborn = time.monotonic(), 0
        if why := unstartable():
            log.warning("%s; all is done in this one, as with one worker", why)
            return
        try:
            for _ in range(workers):
                self.workers.append(Worker(self.pickled))
        except OSError as error:
            log.warning(
                "%d of %d worker processes could be started: %s",
                len(self.workers),
                workers,
                error,
            )
            if not self.workers:
                log.warning("%s", _ALONE)

    def run(self, tasks: Iterator[T]) -> Iterator[R]:
        """Outcomes as they come, at most twice the workers in flight; by this process
        where no worker can start."""
        try:
            if self.workers:
                yield from self._shared(tasks)
                return
        except _NoWorkers as error:
            log.warning("%s", error)
        yield from self._alone(tasks)

    def dismiss(self) -> None:
        """End every worker."""
        while self.workers:
            self.workers.pop().dismiss()

    def _alone(self, tasks: Iterator[T]) -> Iterator[R]:
        """What the workers held, what waits, and the rest, here. What may have killed a
        worker is given up: it would take this process with it."""
        left = [one for worker in self.workers for one in worker.held] + list(
            self.waiting
        )
        self.dismiss()
        for one in left:
            if (
                one.deaths or one.split
            ):  # it, or what it was cut from, may have killed a worker
                yield from self._give_up(
                    one,
                    f"{self.job.named(one.task)} was at work when a worker died, and no other can be started. "
                    "It is not tried in the main process, which it might end.",
                )
            else:
                yield from self._back(one, self.job.do(one.task))
        yield from map(self.job.do, tasks)

    def _shared(self, tasks: Iterator[T]) -> Iterator[R]:
        while True:
            self._hand_out(tasks)
            if not any(worker.held for worker in self.workers):
                if self.waiting:
                    continue  # given to a worker that died before it took it
                return
            ready = wait([worker.conn for worker in self.workers], timeout=PATIENCE)
            for worker in list(self.workers):
                if worker.conn in ready:
                    yield from self._hear(worker)
            self._kill_late()

    def _hand_out(self, tasks: Iterator[T]) -> None:
        for depth in range(AHEAD):
            for worker in list(self.workers):
                if len(worker.held) > depth:
                    continue
                one = (
                    self.waiting.popleft()
                    if self.waiting
                    else next(map(_Try[T, R], tasks), None)
                )
                if one is None:
                    return
                if not worker.send(one, one.task):
                    self.waiting.appendleft(one)
                    if not worker.held:  # else `_hear` takes what it still has to say, and sees its death
                        self._replace(worker)

    def _hear(self, worker: Worker[_Try[T, R]]) -> Iterator[R]:
        try:
            said = worker.conn.recv()
        except (EOFError, OSError):
            yield from self._on_death(worker)
            return
        if said == HERE:
            # Where it fails the worker is gone, perhaps by the first of these tasks:
            # what it still said is heard first.
            worker.send_job([one.task for one in worker.held])
            return
        worker.since = time.monotonic()
        if said == READY:
            worker.ready, self.stillborn = True, 0
        else:
            yield from self._back(worker.held.popleft(), said)

    def _back(self, one: _Try[T, R], outcome: R) -> Iterator[R]:
        """An outcome; of a piece, only the last that comes back, as the whole."""
        split = one.split
        if split is None:
            yield outcome
            return
        split.back[one.place] = outcome
        if len(split.back) == split.pieces:
            yield self.job.whole(
                split.task, [split.back[place] for place in range(split.pieces)]
            )

    def _on_death(self, worker: Worker[_Try[T, R]]) -> Iterator[R]:
        """A worker has died: its tasks go back, the one it was at with a mark against
        it."""
        code = worker.ended()
        if code == UNGUARDED and not worker.has_job:
            raise _NoWorkers(_UNGUARDED)
        how = "stuck beyond its time limit" if worker.is_late else in_words(code)
        held = list(worker.held)
        if held and worker.ready:
            held[0].deaths += 1
            log.warning("a worker died (%s) at %s", how, self.job.named(held[0].task))
        self._replace(worker)
        for one in reversed(held):
            if one.deaths < (1 if one.split else TRIES):
                self.waiting.appendleft(one)
                continue
            named = self.job.named(one.task)
            if pieces := self.job.pieces(one.task):
                log.warning(
                    "%s killed its worker %d times: now piece by piece", named, TRIES
                )
                split: _Split[T, R] = _Split(one.task, len(pieces))
                tries = [
                    _Try(piece, split=split, place=place)
                    for place, piece in enumerate(pieces)
                ]
                self.waiting.extendleft(reversed(tries))
            else:
                cause = (
                    ""
                    if worker.is_late
                    else " A crash in compiled code, or no memory left."
                )
                yield from self._give_up(
                    one,
                    f"{named} killed its worker each time it was tried: {how}.{cause}",
                )

    def _give_up(self, one: _Try[T, R], why: str) -> Iterator[R]:
        log.error("%s", why)
        yield from self._back(one, self.job.lost(one.task, why))

    def _replace(self, worker: Worker[_Try[T, R]]) -> None:
        """Another worker in its place; fewer workers where none can be started. Raises
        _NoWorkers without any."""
        place = self.workers.index(worker)
        self.stillborn += not worker.ready
        if not worker.ready and self.stillborn > TRIES * len(self.workers):
            ended = in_words(worker.ended())
            raise _NoWorkers(
                f"worker processes do not start, the last one ended: {ended}; {_ALONE}"
            )
        try:
            self.workers[place] = Worker(self.pickled)
        except OSError as error:
            if len(self.workers) == 1:
                raise _NoWorkers(
                    f"worker processes do not start: {error}; {_ALONE}"
                ) from error
            del self.workers[place]
            log.warning(
                "no worker process in a dead one's place, %d left: %s",
                len(self.workers),
                error,
            )
        worker.dismiss()

    def _kill_late(self) -> None:
        """A worker stuck where no Python runs cannot stop itself. The time we were away
        does not count."""
        now = time.monotonic()
        away, self.seen = max(now - self.seen - PATIENCE, 0.0), now
        for worker in self.workers:
            worker.since += away
            limit = self.job.limit(worker.held[0].task) if worker.held else None
            if limit is not None and now - worker.since > 2 * limit + (
                GRACE if worker.ready else START
            ):
                worker.is_late = True
                worker.process.kill()


def run_in_processes[T, R](
    job: PoolJob[T, R], tasks: Iterable[T], workers: int
) -> Iterator[R]:
    """Tasks in local processes, outcomes as they finish. The processes end with this
    generator."""
    set_surroundings()  # before the workers start, so that they see it
    pool = Pool(job, workers)
    try:
        with _woken_with_us(pool):
            yield from pool.run(iter(tasks))
    finally:
        pool.dismiss()


@contextmanager
def _woken_with_us[T, R](pool: Pool[T, R]) -> Iterator[None]:
    """Where SIGSTOP reached all processes and SIGCONT the driver alone, the others go
    on with it, to its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGCONT, lambda _number, _frame: wake(pool.workers))
    try:
        yield
    finally:
        if (
            threading.current_thread() is threading.main_thread()
        ):  # a generator may be closed in another one
            # Where nobody had one, a handler stays: Python waits for its tracker
            # process at its very end.
            own = before not in (None, signal.SIG_DFL)
            signal.signal(
                signal.SIGCONT, before if own else lambda _number, _frame: wake(())
            )


@dataclass(frozen=True)
class Calls[A, R](PoolJob[tuple[int, A], tuple[int, "R | Failure"]]):
    """A function as a job. Its tasks are arguments with a number, and come back with
    that."""

    function: Callable[[A], R]
    name_of: Callable[[A], str] = repr

    def do(self, task: tuple[int, A]) -> tuple[int, R | Failure]:
        place, argument = task
        try:
            return place, self.function(argument)
        except Exception as error:  # noqa: BLE001 - raised where the result is taken
            return place, Failure(f"{type(error).__name__}: {error}", error)

    def named(self, task: tuple[int, A]) -> str:
        return self.name_of(task[1])

    def lost(self, task: tuple[int, A], why: str) -> tuple[int, R | Failure]:
        return task[0], Failure(why)


def map_in_order[A, R](
    function: Callable[[A], R],
    arguments: Sequence[A],
    workers: int,
    named: Callable[[A], str],
    hint: str = "",
) -> Iterator[R]:
    """function(argument) of each, in their order. More than one worker starts
    processes, which end with this.

    A call whose worker dies is made again. Raises what the function raises, and
    StudyError, with the hint, for one that kills its worker each time. named: a call in
    a message."""
    if workers <= 1 or len(arguments) <= 1:
        yield from map(function, arguments)
        return
    early: dict[int, R] = {}
    due = 0
    for place, found in run_in_processes(
        Calls(function, named), enumerate(arguments), min(workers, len(arguments))
    ):
        if isinstance(found, Failure):
            from balance_sim.scenario.errors import StudyError

            raise found.error or StudyError(f"{found.why} {hint}".rstrip())
        early[place] = found
        while due in early:
            yield early.pop(due)
            due += 1


def _made(given: bytes) -> Any:
    """What a pickled call gives."""
    return pickle.loads(given)()  # from our own driver


class Background[R]:
    """A picklable call that has begun in a process of its own. Call it for the result;
    where it failed there, or its process died, it is made in this one.

    stays: the process is there for one more call (`then`). worker: one that is done
    with another call."""

    def __init__(
        self,
        function: Callable[[], R],
        *,
        stays: bool = False,
        worker: Worker[Any] | None = None,
    ) -> None:
        self.function, self._stays, self._worker = function, stays, worker
        self._found: list[R] = []
        if worker is None and unstartable() is not None:
            return
        set_surroundings()
        given = pickle.dumps(function)
        try:
            self._worker = worker or Worker(pickled(Calls(_made)))
            self._thread = threading.Thread(
                target=self._listen, args=(self._worker, given), daemon=True
            )
            self._thread.start()
        except (OSError, RuntimeError):  # a limit on processes, or on threads
            self._dismiss()

    def then[S](self, function: Callable[[], S]) -> Background[S]:
        """One more call, in the same process if that is still there: it has imported
        what this call needed."""
        self.within(None)
        worker, self._worker = self._worker, None
        return Background(
            function,
            worker=worker if worker is not None and worker.process.is_alive() else None,
        )

    def __call__(self) -> R:
        """The result, as soon as it is there. Raises what the call raises."""
        found = self.within(None)
        return found[0] if found else self.function()

    def within(self, seconds: float | None) -> list[R]:
        """The result, if it is there in so many seconds (None: however long); else
        nothing. Ends one that does not stay."""
        if self._worker is not None:
            wake(
                [self._worker]
            )  # it may have been stopped with this process, and not continued with it
            self._thread.join(seconds)
            if not (self._stays and self._found):
                self.close()
        return self._found

    def close(self) -> None:
        """End the process, whether it is done or not."""
        if self._worker is not None:
            self._worker.process.kill()
            self._thread.join()
            self._dismiss()

    def _dismiss(self) -> None:
        if self._worker is not None:
            self._worker.dismiss()
            self._worker = None

    def _listen(self, worker: Worker[Any], given: bytes) -> None:
        with suppress(EOFError, OSError):
            found = worker.call((0, given))[1]
            if not isinstance(found, Failure):
                self._found.append(found)
