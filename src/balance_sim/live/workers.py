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
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.live.faults import PartFailed, Superseded
from balance_sim.live.occasions import Occasions
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import Block, BlockTables, focal_watch, live_runs, one_arm_tables
from balance_sim.study.draws import with_draws
from balance_sim.study.hands import set_surroundings
from balance_sim.study.worker import leave_with_parent

if TYPE_CHECKING:
    from balance_sim.model.baseline import Worlds
    from balance_sim.model.core import World
    from balance_sim.model.engine import Observer
    from balance_sim.model.state import State
    from balance_sim.model.view import View
    from balance_sim.study.observed import Watch

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

    async def live(self, part: Part) -> BlockTables:
        """The part's tables. Raises Superseded, or PartFailed."""
        pool = self._pool
        try:
            return _lived(await asyncio.wrap_future(self._submit(pool, part)))
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = self._new_pool(self.count)
                pool.shutdown(wait=False, cancel_futures=True)
        async with self._turn:
            return await self._live_apart(part)

    async def _live_apart(self, part: Part) -> BlockTables:
        for _ in range(TRIES):
            self._apart = self._apart or self._new_pool(1)
            try:
                return _lived(await asyncio.wrap_future(self._submit(self._apart, part)))
            except BrokenProcessPool:
                self._apart.shutdown(wait=False, cancel_futures=True)
                self._apart = None
        raise PartFailed(f"{_named(part)} killed their process twice: no memory left, or a crash")

    def close(self) -> None:
        """End the processes; what they are at is dropped."""
        self.supersede(0)
        for pool in (self._pool, self._apart):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)

    def _new_pool(self, count: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(count, self._spawn, _begin, self._begin)

    def _submit(self, pool: ProcessPoolExecutor, part: Part) -> Future[BlockTables | None]:
        """Starts processes where there are too few; Ctrl-C is not theirs to hear, from their first moment on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(_live, part)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Seat:
    """What a process holds: the seed, the newest request's number, settings compiled and occasions drawn last."""

    newest: Any
    seed: int
    draws: bool
    compiled: OrderedDict[str, Worlds]
    occasions: Occasions


def _begin(newest: Any, seed: int, draws: bool) -> None:  # noqa: FBT001 - given by place by the pool
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    _Seat.newest, _Seat.seed, _Seat.draws, _Seat.compiled = newest, seed, draws, OrderedDict()
    _Seat.occasions = Occasions()


@dataclass(frozen=True)
class _Impatience:
    """Looks on like `watch`, and stops the lives once another request is the newest."""

    watch: Watch
    request: int

    def observer(self, arm: str) -> Observer:
        seen = self.watch.observer(arm)

        def look(world: World, state: State, view: View) -> None:
            if _Seat.newest.value != self.request:
                raise Superseded
            seen(world, state, view)

        return look


def _live(part: Part) -> BlockTables | None:
    """A process's work; None: superseded. Raises PartFailed with the reason."""
    if _Seat.newest.value != part.request:
        return None
    try:
        worlds = _compiled(part)
        numbers = np.arange(part.block.first, part.block.stop, dtype=np.uint64)
        own = with_draws(worlds, _Seat.seed, numbers) if _Seat.draws else worlds
        watch = focal_watch(worlds)
        look = _Impatience(watch, part.request)
        made = live_runs(own, _Seat.seed, numbers, (part.arm,), look, _Seat.occasions.draw)
        return one_arm_tables(worlds, part.arm, made[part.arm], numbers, watch)
    except Superseded:
        return None
    except Exception as error:
        raise PartFailed(f"{_named(part)}: {type(error).__name__}: {error}") from error


def _compiled(part: Part) -> Worlds:
    kept = _Seat.compiled
    if part.key not in kept:
        kept[part.key] = compile_arms(pickle.loads(part.scenario), part.arms)  # from our own server
        while len(kept) > SETTINGS_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(part.key)
    return kept[part.key]


def _lived(tables: BlockTables | None) -> BlockTables:
    if tables is None:
        raise Superseded
    return tables


def _named(part: Part) -> str:
    return f"runs {part.block.first} to {part.block.stop - 1} of arm {part.arm}"
