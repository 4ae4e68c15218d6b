"""Local worker processes that may die: a dead one is replaced, and what it was given is lived again.

Each worker has a pipe of its own, so it is known which task it was at when it died. A task that was at work in
three deaths is cut into single runs; a run that still kills its worker is recorded as failed.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait

from balance_sim.study.blocks import Block, BlockTables
from balance_sim.study.jobs import FailedRun, Job, Outcome, Task, joined, live_or_isolate, numbers
from balance_sim.study.worker import HERE, READY, serve

TRIES = 3
AT_HAND = 2  # tasks a worker holds: the one it lives and the next
PATIENCE = 1.0  # seconds the driver waits before it looks around: at signals, and at workers that are late
GRACE = 10.0  # seconds beyond twice its time limit after which a worker that does not answer is killed
START = 120.0  # the same for one that has still to begin
log = logging.getLogger(__name__)


@dataclass
class _Split:
    """A task cut into single runs: what has come back, and how many are still out."""

    task: Task
    out: int
    parts: dict[int, BlockTables] = field(default_factory=dict)
    failed: list[FailedRun] = field(default_factory=list)

    def take(self, outcome: Outcome) -> Outcome | None:
        """The whole outcome once the last run has come back."""
        self.out -= 1
        if outcome.tables is not None:
            self.parts[outcome.task.block.first] = outcome.tables
        self.failed += outcome.failed
        if self.out:
            return None
        tables = joined([self.parts[run] for run in sorted(self.parts)])
        return Outcome(self.task, tables, tuple(sorted(self.failed, key=lambda one: one.run)))


@dataclass
class _Try:
    """A task on its way, and in how many deaths it was at work."""

    task: Task
    deaths: int = 0
    split: _Split | None = None


class _Hand:
    """One worker: its process, our end of its pipe, and the tasks it holds, in order.

    The job goes over the pipe once the worker is there to read it. Among the process's own arguments it would
    fill a pipe whose reading end we hold too, and a worker killed before it reads would leave us writing for ever.
    """

    def __init__(self, job: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is the driver's to hear
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self.conn: Connection = ours
        self.job = job
        self.holding: deque[_Try] = deque()
        self.since = time.monotonic()
        self.briefed = False
        self.ready = False

    def brief(self) -> bool:
        """Send the job and the tasks that wait for it. False if the worker is gone."""
        self.briefed = True
        try:
            self.conn.send_bytes(self.job)
            for one in self.holding:
                self.conn.send(one.task)
        except OSError:
            return False
        return True

    def give(self, one: _Try) -> bool:
        """False if the worker is gone."""
        try:
            if self.briefed:
                self.conn.send(one.task)
        except OSError:
            return False
        if not self.holding:
            self.since = time.monotonic()
        self.holding.append(one)
        return True

    def dismiss(self) -> None:
        self.conn.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def set_surroundings() -> None:
    """One thread for linear algebra in a worker, since cores are shared out by blocks; and glibc, where it is the
    C library, keeps the memory of a step's arrays for the next step instead of asking the system for it anew."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        os.environ.setdefault(name, str(2**28))


class _NoWorkers(Exception):
    """No worker process can be started any more."""


class Crew:
    """Workers and what they are doing."""

    def __init__(self, job: Job, workers: int) -> None:
        self.job = job
        self.packed = pickle.dumps(job)
        self.hands: list[_Hand] = []
        self.seen = time.monotonic()
        self.waiting: deque[_Try] = deque()
        self.stillborn = 0
        try:
            for _ in range(workers):
                self.hands.append(_Hand(self.packed))
        except OSError as error:
            log.warning("%d of %d worker processes could be started: %s", len(self.hands), workers, error)

    def run(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        """Outcomes as they come; at most twice the workers in flight.

        Where no worker can be started, by a limit on processes or threads, this process does the work."""
        try:
            if self.hands:
                yield from self._shared(tasks)
                return
        except _NoWorkers as error:
            log.warning("worker processes do not start: %s", error)
        log.warning("the runs are done in this process, one after the other, as with --workers 1")
        yield from self._alone(tasks)

    def _alone(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        """What the workers held, what waits, and the rest, here."""
        left = [one for hand in self.hands for one in hand.holding] + list(self.waiting)
        self.dismiss()
        self.hands = []
        for one in left:
            outcome = live_or_isolate(self.job, one.task)
            whole = one.split.take(outcome) if one.split else outcome
            if whole is not None:
                yield whole
        for task in tasks:
            yield live_or_isolate(self.job, task)

    def _shared(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        while True:
            self._hand_out(tasks)
            if not any(hand.holding for hand in self.hands):
                if self.waiting:
                    continue  # given to a worker that died before it took it
                return
            ready = wait([hand.conn for hand in self.hands], timeout=PATIENCE)
            for place, hand in enumerate(self.hands):
                if hand.conn in ready:
                    yield from self._hear(place, hand)
            self._kill_late()

    def dismiss(self) -> None:
        while self.hands:
            self.hands.pop().dismiss()

    def _hand_out(self, tasks: Iterator[Task]) -> None:
        for depth in range(AT_HAND):
            for place, hand in enumerate(self.hands):
                if len(hand.holding) > depth:
                    continue
                one = self.waiting.popleft() if self.waiting else _next(tasks)
                if one is None:
                    return
                if not hand.give(one):
                    self.waiting.appendleft(one)
                    if not hand.holding:  # else `_hear` takes what it still has to say, and buries it
                        self._replace(place, hand)

    def _hear(self, place: int, hand: _Hand) -> Iterator[Outcome]:
        try:
            said = hand.conn.recv()
        except (EOFError, OSError):
            yield from self._bury(place, hand)
            return
        if said == HERE:
            if not hand.brief():
                yield from self._bury(place, hand)
            return
        if said == READY:
            hand.ready = True
            hand.since = time.monotonic()
            self.stillborn = 0
            return
        one = hand.holding.popleft()
        hand.since = time.monotonic()
        whole = one.split.take(said) if one.split else said
        if whole is not None:
            yield whole

    def _bury(self, place: int, hand: _Hand) -> Iterator[Outcome]:
        """A worker has died: its tasks go back, the one it was at with a mark against it."""
        hand.process.join()
        code = hand.process.exitcode
        held = list(hand.holding)
        was_ready = hand.ready
        self._replace(place, hand)
        if held and was_ready:
            held[0].deaths += 1
            log.warning("a worker died (%s) at %s", _reason(code), _named(held[0].task))
        for one in reversed(held):
            limit = 1 if one.split else TRIES
            if one.deaths < limit:
                self.waiting.appendleft(one)
            elif len(one.task.block) > 1:
                self._split(one.task)
            else:
                whole = self._gave_up(one, code)
                if whole is not None:
                    yield whole

    def _replace(self, place: int, hand: _Hand) -> None:
        if not hand.ready:
            self.stillborn += 1
            if self.stillborn > TRIES * len(self.hands):
                raise _NoWorkers(f"the last one ended: {_reason(hand.process.exitcode)}")
        try:
            another = _Hand(self.packed)
        except OSError as error:
            raise _NoWorkers(str(error)) from error
        hand.dismiss()
        self.hands[place] = another

    def _split(self, task: Task) -> None:
        log.warning("%s killed its worker %d times: now run by run", _named(task), TRIES)
        split = _Split(task, len(task.block))
        singles = [
            _Try(Task(Block(run, run + 1), task.point, task.values), split=split)
            for run in numbers(task.block)
        ]
        self.waiting.extendleft(reversed(singles))

    def _gave_up(self, one: _Try, code: int | None) -> Outcome | None:
        run = one.task.block.first
        why = (
            f"run {run} of point {one.task.point} killed its worker each time it was tried: {_reason(code)}. "
            "A crash in compiled code, or no memory left."
        )
        log.error("%s", why)
        outcome = Outcome(one.task, None, (FailedRun(run, self.job.seed, why),))
        return one.split.take(outcome) if one.split else outcome

    def wake(self) -> None:
        """Let processes go on that were stopped with us: workers, and the tracker that Python waits for at its end."""
        tracker = getattr(getattr(resource_tracker, "_resource_tracker", None), "_pid", None)
        for pid in (tracker, *(hand.process.pid for hand in self.hands)):
            if pid is not None:
                with suppress(OSError):
                    os.kill(pid, signal.SIGCONT)

    def _kill_late(self) -> None:
        """A worker stuck where no Python runs cannot stop itself. The time we were away does not count."""
        if not self.job.run_timeout:
            return
        now = time.monotonic()
        away, self.seen = max(now - self.seen - PATIENCE, 0.0), now
        for hand in self.hands:
            hand.since += away
        for hand in self.hands:
            if hand.holding:
                limit = 2 * self.job.run_timeout * len(hand.holding[0].task.block)
                limit += GRACE if hand.ready else START
                if time.monotonic() - hand.since > limit:
                    hand.process.kill()


def _next(tasks: Iterator[Task]) -> _Try | None:
    task = next(tasks, None)
    return None if task is None else _Try(task)


def _named(task: Task) -> str:
    return f"point {task.point}, runs {task.block.first} to {task.block.stop - 1}"


def _reason(code: int | None) -> str:
    if code is None:
        return "no exit code"
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def run_in_processes(job: Job, tasks: Iterable[Task], workers: int) -> Iterator[Outcome]:
    """Tasks in local processes, outcomes as they finish. The processes end with this generator."""
    set_surroundings()  # before the workers start, so that they see it
    crew = Crew(job, workers)
    _wake_with_us(crew)
    try:
        yield from crew.run(iter(tasks))
    finally:
        crew.dismiss()


def _wake_with_us(crew: Crew) -> None:
    """Where SIGSTOP reached all processes and SIGCONT the driver alone, the others go on with it, to its end."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCONT, lambda _number, _frame: crew.wake())
