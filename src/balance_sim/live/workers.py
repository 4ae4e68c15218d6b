"""Warm processes that live parts of ensembles, and drop what they are at once a newer request is in.

Where a process dies, what all of them were at is lost, and whose fault it was is not known. So each of these parts
is lived again in a process apart, one after the other: what kills that one is to blame, and no other part is.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.analysis.expected_effect import Control, figures
from balance_sim.live.faults import PartFailed, Superseded
from balance_sim.live.occasions import Occasions
from balance_sim.pool.hands import set_surroundings
from balance_sim.pool.worker import leave_with_parent
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.blocks import ArmTables, Block, one_arm_tables, simulate_arms
from balance_sim.replications.draws import with_draws
from balance_sim.replications.recorder import focal_recorder

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.model.baseline import Worlds
    from balance_sim.model.core import World
    from balance_sim.model.engine import Observer
    from balance_sim.model.perception import View
    from balance_sim.model.state import State
    from balance_sim.replications.recorder import Recorder

TRIES = 2  # of a part in a process apart
SETTINGS_KEPT = 4


@dataclass(frozen=True)
class Part:
    """Some runs of one arm of a setting. scenario: pickled; key: names it; request: the number of who asks."""

    key: str
    scenario: bytes
    arms: tuple[str, ...]
    arm: str
    block: Block
    request: int

    @property
    def named(self) -> str:
        return f"runs {self.block.first} to {self.block.stop - 1} of arm {self.arm}"


@dataclass(frozen=True)
class Question:
    """The expected effect of a setting. control: its `reference_key`; else as of a part."""

    key: str
    scenario: bytes
    arms: tuple[str, ...]
    control: str
    request: int

    @property
    def named(self) -> str:
        return f"the expected effect of arm {self.arms[-1]}"


Figures = tuple[tuple[dict[str, float], dict[str, float]], dict[str, float] | None, "pd.DataFrame"]


class Workers:
    """`count` processes. Whatever is asked for is lived with one seed; draws: runs draw their parameters."""

    def __init__(self, count: int, seed: int, *, draws: bool = False) -> None:
        set_surroundings()
        self.count = count
        self.draws = draws
        self._spawn = multiprocessing.get_context("spawn")
        self._newest = self._spawn.RawValue("Q", 0)
        self._begin = (self._newest, seed, draws)
        self._pool = self._new_pool(count)
        self._apart: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()  # for the process apart

    def supersede(self, request: int) -> None:
        """Parts of requests other than this one are dropped, those under way within a step of theirs."""
        self._newest.value = request

    async def live(self, part: Part) -> ArmTables:
        """The part's tables. Raises Superseded, or PartFailed."""
        return await self._done(_live, part)

    async def expect(self, question: Question) -> Figures:
        """Outcomes, parts and dyads of an expected effect. Raises Superseded, or PartFailed."""
        return await self._done(_expect, question)

    async def _done[Asked: (Part, Question), Given](
        self, work: Callable[[Asked], Given | None], part: Asked
    ) -> Given:
        pool = self._pool
        try:
            return _given(await asyncio.wrap_future(self._submit(pool, work, part)))
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = self._new_pool(self.count)
                pool.shutdown(wait=False, cancel_futures=True)
        async with self._turn:
            return await self._apart_done(work, part)

    async def _apart_done[Asked: (Part, Question), Given](
        self, work: Callable[[Asked], Given | None], part: Asked
    ) -> Given:
        for _ in range(TRIES):
            self._apart = self._apart or self._new_pool(1)
            try:
                return _given(await asyncio.wrap_future(self._submit(self._apart, work, part)))
            except BrokenProcessPool:
                self._apart.shutdown(wait=False, cancel_futures=True)
                self._apart = None
        raise PartFailed(f"{part.named} killed their process twice: no memory left, or a crash")

    def close(self) -> None:
        """End the processes; what they are at is dropped."""
        self.supersede(0)
        for pool in (self._pool, self._apart):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)

    def _new_pool(self, count: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(count, self._spawn, _begin, self._begin)

    def _submit[Asked: (Part, Question), Given](
        self, pool: ProcessPoolExecutor, work: Callable[[Asked], Given | None], part: Asked
    ) -> Future[Given | None]:
        """Starts processes where there are too few; Ctrl-C is not theirs to hear, from their first moment on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(work, part)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Seat:
    """What a process holds: the seed, the newest request's number, settings compiled, control arms expected, and
    occasions drawn last."""

    newest: Any
    seed: int
    draws: bool
    compiled: OrderedDict[str, Worlds]
    controls: OrderedDict[str, Control]
    occasions: Occasions


def _begin(newest: Any, seed: int, draws: bool) -> None:  # noqa: FBT001 - given by place by the pool
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    _Seat.newest, _Seat.seed, _Seat.draws = newest, seed, draws
    _Seat.compiled, _Seat.controls = OrderedDict(), OrderedDict()
    _Seat.occasions = Occasions()


@dataclass(frozen=True)
class _Impatience:
    """Looks on like `watch`, and stops the lives once another request is the newest."""

    watch: Recorder
    request: int

    def observer(self, arm: str) -> Observer:
        seen = self.watch.observer(arm)

        def look(world: World, state: State, view: View) -> None:
            if _Seat.newest.value != self.request:
                raise Superseded
            seen(world, state, view)

        return look


def _live(part: Part) -> ArmTables | None:
    """A process's work; None: superseded. Raises PartFailed with the reason."""
    if _Seat.newest.value != part.request:
        return None
    try:
        worlds = _compiled(part)
        numbers = np.arange(part.block.first, part.block.stop, dtype=np.uint64)
        own = with_draws(worlds, _Seat.seed, numbers) if _Seat.draws else worlds
        watch = focal_recorder(worlds)
        look = _Impatience(watch, part.request)
        batch = simulate_arms(own, _Seat.seed, numbers, (part.arm,), watch, look, _Seat.occasions.draw)
        return one_arm_tables(worlds, part.arm, batch)
    except Superseded:
        return None
    except Exception as error:
        raise PartFailed(f"{part.named}: {type(error).__name__}: {error}") from error


def _expect(question: Question) -> Figures | None:
    """The same for an expected effect. Where runs draw parameters, it is at the parameters as they stand."""

    def look() -> None:
        if _Seat.newest.value != question.request:
            raise Superseded

    try:
        look()
        worlds = _compiled(question)
        control = Control.among(_Seat.controls, question.control, worlds)
        _trim(_Seat.controls, question.control)
        return figures(worlds, question.arms[-1], control, look)
    except Superseded:
        return None
    except Exception as error:
        raise PartFailed(f"{question.named}: {type(error).__name__}: {error}") from error


def _compiled(part: Part | Question) -> Worlds:
    kept = _Seat.compiled
    if part.key not in kept:
        kept[part.key] = compile_arms(pickle.loads(part.scenario), part.arms)  # from our own server
    _trim(kept, part.key)
    return kept[part.key]


def _trim(kept: OrderedDict[str, Any], key: str) -> None:
    """Under this key is what was used last; what was not used for longest goes."""
    kept.move_to_end(key)
    while len(kept) > SETTINGS_KEPT:
        kept.popitem(last=False)


def _given[Found](found: Found | None) -> Found:
    if found is None:
        raise Superseded
    return found
