"""Local worker processes that may die: a dead one is replaced, and what it was given is done again.

Each worker has a pipe of its own, so it is known which task it was at when it died. A task that was at work in
three deaths is cut into pieces; a piece that still kills its worker is given up. What the tasks are, and what is
kept of one that was given up, is for the work to say.
"""

from __future__ import annotations

import logging
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Protocol

from balance_sim.pool.hands import (
    UNGUARDED,
    Hand,
    not_in_a_worker,
    reason,
    set_surroundings,
    unstartable,
    wake,
)
from balance_sim.pool.worker import HERE, READY

TRIES = 3
AT_HAND = 2  # tasks a worker holds: the one it is at and the next
PATIENCE = 1.0  # seconds the driver waits before it looks around: at signals, and at workers that are late
GRACE = 10.0  # seconds beyond twice its time limit after which a worker that does not answer is killed
START = 120.0  # the same for one that has still to begin
log = logging.getLogger(__name__)


class Work[T, R](Protocol):
    """What a crew does: outcomes of tasks. Sent to each worker once."""

    def do(self, task: T) -> R:
        """The outcome of a task. Whatever goes wrong in it is part of the outcome."""

    def named(self, task: T) -> str:
        """The task in a message."""

    def limit(self, task: T) -> float | None:
        """Seconds it may take; None: any."""

    def pieces(self, task: T) -> Sequence[T]:
        """Smaller tasks that come to the same; none where it cannot be cut."""

    def whole(self, task: T, outcomes: Sequence[R]) -> R:
        """The outcome of a task from those of its pieces, in their order."""

    def lost(self, task: T, why: str) -> R:
        """What is kept of a task that cannot be done."""


@dataclass
class _Split[T, R]:
    """A task cut into pieces: what has come back, and how many are still out."""

    task: T
    out: int
    back: dict[int, R] = field(default_factory=dict)


@dataclass
class _Try[T, R]:
    """A task on its way, and in how many deaths it was at work. place: among the pieces of a split."""

    task: T
    deaths: int = 0
    split: _Split[T, R] | None = None
    place: int = 0

    @property
    def is_suspect(self) -> bool:
        """True if it, or what it was cut from, may have killed a worker."""
        return self.deaths > 0 or self.split is not None


class _NoWorkers(Exception):
    """No worker process can be started any more; the text says so in one line."""


_ALONE = "the runs are done in this process, one after the other, as with --workers 1"
_UNGUARDED = (
    "each worker process begins the study anew as it reads the main program: put what the program does under "
    '`if __name__ == "__main__":`; all is done in this process, as with one worker'
)


class Crew[T, R]:
    """Workers and what they are doing."""

    def __init__(self, work: Work[T, R], workers: int) -> None:
        self.work = work
        self.packed = pickle.dumps(work)
        self.hands: list[Hand[_Try[T, R]]] = []
        self.seen = time.monotonic()
        self.waiting: deque[_Try[T, R]] = deque()
        self.stillborn = 0
        not_in_a_worker()
        why = unstartable()
        if why is not None:
            log.warning("%s; all is done in this one, as with one worker", why)
            return
        try:
            for _ in range(workers):
                self.hands.append(Hand(self.packed))
        except OSError as error:
            log.warning("%d of %d worker processes could be started: %s", len(self.hands), workers, error)
            if not self.hands:
                log.warning("%s", _ALONE)

    def run(self, tasks: Iterator[T]) -> Iterator[R]:
        """Outcomes as they come; at most twice the workers in flight.

        Where no worker can be started, by a limit on processes or threads, this process does the work."""
        try:
            if self.hands:
                yield from self._shared(tasks)
                return
        except _NoWorkers as error:
            log.warning("%s", error)
        yield from self._alone(tasks)

    def _alone(self, tasks: Iterator[T]) -> Iterator[R]:
        """What the workers held, what waits, and the rest, here. What may have killed a worker is given up: it
        would take this process with it, and all that is still to be done."""
        left = [one for hand in self.hands for one in hand.holding] + list(self.waiting)
        self.dismiss()
        for one in left:
            if one.is_suspect:
                why = (
                    f"{self.work.named(one.task)} was at work when a worker died, and no other can be started. "
                    "It is not tried in the main process, which it might end."
                )
                log.error("%s", why)
                outcome = self.work.lost(one.task, why)
            else:
                outcome = self.work.do(one.task)
            yield from self._back(one, outcome)
        for task in tasks:
            yield self.work.do(task)

    def _shared(self, tasks: Iterator[T]) -> Iterator[R]:
        while True:
            self._hand_out(tasks)
            if not any(hand.holding for hand in self.hands):
                if self.waiting:
                    continue  # given to a worker that died before it took it
                return
            ready = wait([hand.conn for hand in self.hands], timeout=PATIENCE)
            for hand in list(self.hands):
                if hand.conn in ready:
                    yield from self._hear(hand)
            self._kill_late()

    def dismiss(self) -> None:
        while self.hands:
            self.hands.pop().dismiss()

    def _hand_out(self, tasks: Iterator[T]) -> None:
        for depth in range(AT_HAND):
            for hand in list(self.hands):
                if len(hand.holding) > depth:
                    continue
                one = self.waiting.popleft() if self.waiting else _next(tasks)
                if one is None:
                    return
                if not hand.give(one, one.task):
                    self.waiting.appendleft(one)
                    if not hand.holding:  # else `_hear` takes what it still has to say, and buries it
                        self._replace(hand)

    def _hear(self, hand: Hand[_Try[T, R]]) -> Iterator[R]:
        try:
            said = hand.conn.recv()
        except (EOFError, OSError):
            yield from self._bury(hand)
            return
        if said == HERE:
            # Where it fails the worker is gone, perhaps by the first of these tasks: what it still said is heard first.
            hand.brief([one.task for one in hand.holding])
            return
        if said == READY:
            hand.ready = True
            hand.since = time.monotonic()
            self.stillborn = 0
            return
        one = hand.holding.popleft()
        hand.since = time.monotonic()
        yield from self._back(one, said)

    def _back(self, one: _Try[T, R], outcome: R) -> Iterator[R]:
        """An outcome; of a piece, only the last that comes back, as the whole."""
        split = one.split
        if split is None:
            yield outcome
            return
        split.out -= 1
        split.back[one.place] = outcome
        if not split.out:
            yield self.work.whole(split.task, [split.back[place] for place in sorted(split.back)])

    def _bury(self, hand: Hand[_Try[T, R]]) -> Iterator[R]:
        """A worker has died: its tasks go back, the one it was at with a mark against it."""
        code = hand.end()
        if code == UNGUARDED and not hand.briefed:
            raise _NoWorkers(_UNGUARDED)
        how = "stuck beyond its time limit" if hand.is_late else reason(code)
        held = list(hand.holding)
        if held and hand.ready:
            held[0].deaths += 1
            log.warning("a worker died (%s) at %s", how, self.work.named(held[0].task))
        self._replace(hand)
        for one in reversed(held):
            limit = 1 if one.split else TRIES
            if one.deaths < limit:
                self.waiting.appendleft(one)
            elif pieces := self.work.pieces(one.task):
                self._cut(one.task, pieces)
            else:
                cause = "" if hand.is_late else " A crash in compiled code, or no memory left."
                why = f"{self.work.named(one.task)} killed its worker each time it was tried: {how}.{cause}"
                log.error("%s", why)
                yield from self._back(one, self.work.lost(one.task, why))

    def _replace(self, hand: Hand[_Try[T, R]]) -> None:
        """Another worker in its place; fewer workers where none can be started. Raises _NoWorkers without any."""
        place = self.hands.index(hand)
        if not hand.ready:
            self.stillborn += 1
            if self.stillborn > TRIES * len(self.hands):
                raise _NoWorkers(
                    f"worker processes do not start, the last one ended: {reason(hand.end())}; {_ALONE}"
                )
        try:
            self.hands[place] = Hand(self.packed)
        except OSError as error:
            if len(self.hands) == 1:
                raise _NoWorkers(f"worker processes do not start: {error}; {_ALONE}") from error
            del self.hands[place]
            log.warning("no worker process in a dead one's place, %d left: %s", len(self.hands), error)
        hand.dismiss()

    def _cut(self, task: T, pieces: Sequence[T]) -> None:
        log.warning("%s killed its worker %d times: now piece by piece", self.work.named(task), TRIES)
        split: _Split[T, R] = _Split(task, len(pieces))
        tries = [_Try(piece, split=split, place=place) for place, piece in enumerate(pieces)]
        self.waiting.extendleft(reversed(tries))

    def _kill_late(self) -> None:
        """A worker stuck where no Python runs cannot stop itself. The time we were away does not count."""
        now = time.monotonic()
        away, self.seen = max(now - self.seen - PATIENCE, 0.0), now
        for hand in self.hands:
            hand.since += away
            limit = self.work.limit(hand.holding[0].task) if hand.holding else None
            if limit is not None and now - hand.since > 2 * limit + (GRACE if hand.ready else START):
                hand.is_late = True
                hand.process.kill()


def _next[T, R](tasks: Iterator[T]) -> _Try[T, R] | None:
    for task in tasks:
        return _Try(task)
    return None


def run_in_processes[T, R](work: Work[T, R], tasks: Iterable[T], workers: int) -> Iterator[R]:
    """Tasks in local processes, outcomes as they finish. The processes end with this generator."""
    set_surroundings()  # before the workers start, so that they see it
    crew = Crew(work, workers)
    try:
        with _woken_with_us(crew):
            yield from crew.run(iter(tasks))
    finally:
        crew.dismiss()


@contextmanager
def _woken_with_us[T, R](crew: Crew[T, R]) -> Iterator[None]:
    """Where SIGSTOP reached all processes and SIGCONT the driver alone, the others go on with it, to its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGCONT, lambda _number, _frame: wake(crew.hands))
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # a generator may be closed in another one
            # Where nobody had one, a handler stays: Python waits for its tracker process at its very end.
            signal.signal(signal.SIGCONT, before if before not in (None, signal.SIG_DFL) else _wake_tracker)


def _wake_tracker(_number: int, _frame: object) -> None:
    wake([])
