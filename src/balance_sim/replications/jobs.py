"""What a worker is given: the study's job once, then tasks, each a block of one point of a design.

A task that kills its worker is cut into single runs: the run to blame is known, the others are kept. A point's
scenario is made and compiled where it is lived, for the arms asked for alone; the last few are kept.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.pool.machine import keep_freed_memory
from balance_sim.replications.arms import compile_arms, headline_arm
from balance_sim.replications.blocks import Block, BlockTables, live_agents, live_block
from balance_sim.scenario import with_values
from balance_sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from balance_sim.replications.extra_arms import ExtraArms

POINTS_KEPT = 4
TICKS = 20  # looks at the clock within a run's time limit
Values = tuple[tuple[str, Any], ...]


type Progress = Callable[[int, int, int], None]
"""Replications simulated, asked for, failed."""


@dataclass(frozen=True)
class Task:
    """A block of one point. values: (key path, value) pairs that make the point out of the job's scenario."""

    block: Block
    point: int = 0
    values: Values = ()


@dataclass(frozen=True)
class FailedRun:
    """A run that did not finish: its number and the traceback."""

    run: int
    seed: int
    traceback: str


@dataclass(frozen=True)
class Outcome:
    """A task that was done: its tables, and the runs in it that failed."""

    task: Task
    tables: BlockTables | None
    failed: tuple[FailedRun, ...] = ()


class _Compiled:
    """The arrays of the points lived last. Not sent with the job; safe among threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Worlds] = OrderedDict()
        self._extra: dict[str, ExtraArms | None] = {}
        self._guard = threading.Lock()

    def __reduce__(self) -> tuple[type[_Compiled], tuple[()]]:
        return (_Compiled, ())

    def worlds(self, job: Job, values: Values) -> Worlds:
        key = repr(values)
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        scenario = with_values(job.scenario, dict(values)) if values else job.scenario
        with np.errstate(
            all="ignore"
        ):  # an overflow is told by `refuse_invalid`, with variable, state and day
            worlds = compile_arms(scenario, job.arms)
        with self._guard:
            self._kept[key] = worlds
            while len(self._kept) > POINTS_KEPT:
                self._extra.pop(self._kept.popitem(last=False)[0], None)
        return worlds

    def extra(self, job: Job, values: Values) -> ExtraArms | None:
        """The arms that mechanisms need beside the job's own."""
        from balance_sim.replications.extra_arms import extra_arms

        key, worlds = repr(values), self.worlds(job, values)
        if key not in self._extra:
            self._extra[key] = extra_arms(worlds, headline_arm(worlds.scenario, job.arms))
        return self._extra[key]


@dataclass(frozen=True)
class Job:
    """What every task of a study shares. Sent to a worker once.

    arms: the reference first. model: `module:Class` of a StateAgent subclass, None for the block engine.
    run_timeout: seconds a run. mechanisms: live the extra arms too. draws: each run draws its parameters."""

    scenario: Scenario
    seed: int
    arms: tuple[str, ...]
    model: str | None = None
    run_timeout: float | None = None
    mechanisms: bool = False
    draws: bool = False
    compiled: _Compiled = field(default_factory=_Compiled, compare=False, repr=False)

    def worlds(self, values: Values = ()) -> Worlds:
        """The arrays of a point, compiled here or found among the last."""
        return self.compiled.worlds(self, values)

    def live(self, task: Task) -> BlockTables:
        """The task's tables, or the exception that stopped it. A number that is none is one; no warning is given."""
        with np.errstate(all="ignore"):
            worlds = self.worlds(task.values)
            extra = self.compiled.extra(self, task.values) if self.mechanisms else None
            with deadline(self.limit(task)):
                if self.model is None:
                    return live_block(worlds, self.seed, task.block, self.arms, extra, draws=self.draws)
                return live_agents(worlds, self.seed, task.block, self.arms, self.model, extra)

    # -- as the work of a crew --------------------------------------------------------------------

    def do(self, task: Task) -> Outcome:
        return live_or_isolate(self, task)

    def named(self, task: Task) -> str:
        block = task.block
        if len(block) == 1:
            return f"run {block.first} of point {task.point}"
        return f"point {task.point}, runs {block.first} to {block.stop - 1}"

    def limit(self, task: Task) -> float | None:
        return self.run_timeout and self.run_timeout * len(task.block)

    def pieces(self, task: Task) -> list[Task]:
        return singles(task) if len(task.block) > 1 else []

    def whole(self, task: Task, outcomes: Sequence[Outcome]) -> Outcome:
        tables = joined([one.tables for one in outcomes if one.tables is not None])
        return Outcome(task, tables, tuple(run for one in outcomes for run in one.failed))

    def lost(self, task: Task, why: str) -> Outcome:
        return Outcome(task, None, tuple(FailedRun(run, self.seed, why) for run in numbers(task.block)))


def live_or_isolate(job: Job, task: Task) -> Outcome:
    """A task; where it fails, its runs one by one, so that a run that fails takes no other with it."""
    keep_freed_memory()
    try:
        job.worlds(task.values)
    except Exception:  # noqa: BLE001 - recorded: the point itself cannot be, so no run of it can
        return job.lost(task, traceback.format_exc())
    try:
        return Outcome(task, job.live(task))
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it was, its runs are tried one by one
        parts: list[BlockTables] = []
        failed: list[FailedRun] = []
        for single in singles(task):
            try:
                parts.append(job.live(single))
            except (Exception, SystemExit):  # noqa: BLE001 - recorded with its traceback
                failed.append(FailedRun(single.block.first, job.seed, traceback.format_exc()))
        return Outcome(task, joined(parts), tuple(failed))


def numbers(block: Block) -> range:
    """The numbers of a block's runs."""
    return range(block.first, block.stop)


def singles(task: Task) -> list[Task]:
    """A task's runs, each as a task of its own."""
    return [Task(Block(run, run + 1), task.point, task.values) for run in numbers(task.block)]


def joined(parts: Sequence[BlockTables]) -> BlockTables | None:
    """Tables of several blocks as one; None for none."""
    if not parts:
        return None
    names = ("runs", "accords", "dyads")
    return BlockTables(*(pa.concat_tables([getattr(part, name) for part in parts]) for name in names))


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Stop what runs inside after so many seconds with a TimeoutError, in whatever thread; None: never."""
    if seconds is None:
        yield
        return
    if threading.current_thread() is threading.main_thread():
        with _alarm(seconds):
            yield
        return
    with _thread_alarm(seconds):
        yield


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the main thread. Counted in ticks: while the process is stopped, none pass."""
    import signal
    from types import FrameType

    tick = min(seconds / TICKS, 1.0)
    spent, last, busy = 0.0, time.monotonic(), time.process_time()

    def ticked(_number: int, _frame: FrameType | None) -> None:
        nonlocal spent, last, busy
        now, work = time.monotonic(), time.process_time()
        spent += min(now - last, max(1.5 * tick, work - busy))  # one tick, or one long call at work
        last, busy = now, work
        if spent >= seconds - tick / 2:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise TimeoutError(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ticked)
    signal.setitimer(signal.ITIMER_REAL, tick, tick)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _thread_alarm(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in this thread at its next step of Python code."""
    import ctypes

    identity = threading.get_ident()
    set_error = ctypes.pythonapi.PyThreadState_SetAsyncExc
    timer = threading.Timer(
        seconds, lambda: set_error(ctypes.c_ulong(identity), ctypes.py_object(TimeoutError))
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
