"""Warm processes of the pool that simulate parts of ensembles, and drop what they are
at once a newer request is in.

Each part is given to one worker and waited for in a thread. Where that worker dies the
part is tried again in another one; no other part is lost with it, and one that kills
two workers is given up."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from balance_sim.effects.expected_effect import ExpectedControl, effect_with_parts
from balance_sim.model.thinning import draw_opportunities
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import Block, one_arm_tables, simulate_arms
from balance_sim.study.draws import with_draws
from balance_sim.study.processes import Companion
from balance_sim.study.recorder import focal_recorder

if TYPE_CHECKING:
    from balance_sim.model.baseline import Worlds
    from balance_sim.model.core import Opportunities, World
    from balance_sim.model.engine import Observer
    from balance_sim.model.perception import View
    from balance_sim.model.state import BlockState
    from balance_sim.study.recorder import Recorder

TRIES = 2  # of a part whose worker dies
SETTINGS_KEPT = 4
OPPORTUNITIES_KEPT = 64 << 20  # bytes


class Superseded(Exception):
    """A newer request has taken over."""


class PartFailed(Exception):
    """Replications that could not be simulated; the text says which, and why."""


@dataclass(frozen=True)
class EnsemblePart:
    """Some runs of one arm of a setting. scenario: pickled; key: names it; request: the
    number of who asks."""

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
class EffectQuestion:
    """The expected effect of a setting. control: its `reference_key`; else as of a
    part."""

    key: str
    scenario: bytes
    arms: tuple[str, ...]
    control: str
    request: int

    @property
    def named(self) -> str:
        return f"the expected effect of arm {self.arms[-1]}"


class Workers:
    """Up to `count` processes, each started when it is first needed. All is simulated
    with one seed; draws: runs draw their parameters."""

    def __init__(self, count: int, seed: int, *, draws: bool = False) -> None:
        self.count = count
        self.draws = draws
        self._newest = multiprocessing.get_context("spawn").RawValue("Q", 0)
        self._seed = seed
        self._threads = ThreadPoolExecutor(count)
        self._idle: list[Companion] = []
        self._busy: set[Companion] = set()
        self._guard = threading.Lock()
        self._closed = False

    def supersede(self, request: int) -> None:
        """Parts of requests other than this one are dropped, those under way within a
        step of theirs."""
        self._newest.value = request

    async def ask(self, part: EnsemblePart | EffectQuestion) -> Any:
        """A part's tables, or outcomes, parts and dyads of an expected effect. Raises
        Superseded, or PartFailed."""
        return await asyncio.wrap_future(self._threads.submit(self._done, part))

    def close(self) -> None:
        """End the processes; what they are at is dropped."""
        self.supersede(0)
        with self._guard:
            self._closed = True
            for worker in self._busy:
                worker.process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._idle:
            worker.close()

    def _done(self, part: EnsemblePart | EffectQuestion) -> Any:
        for _ in range(TRIES):
            worker = self._taken(part)
            try:
                worker.send(partial(_simulated, part))
                answer = worker.receive()
            except (EOFError, OSError):
                worker.close()
                continue
            finally:
                with self._guard:
                    self._busy.discard(worker)
            self._idle.append(worker)
            if answer is None:
                raise Superseded
            return answer
        raise PartFailed(
            f"{part.named} killed their process twice: no memory left, or a crash"
        )

    def _taken(self, part: EnsemblePart | EffectQuestion) -> Companion:
        """A worker for a part: one that has nothing to do and is still there, or a new
        one."""
        with self._guard:
            if self._closed or self._newest.value != part.request:
                raise Superseded
            while self._idle:
                worker = self._idle.pop()
                if worker.process.is_alive():
                    break
                worker.close()
            else:
                try:
                    worker = Companion(_begin, self._seed, self.draws, self._newest)
                except OSError as error:
                    raise PartFailed(
                        f"{part.named}: no process can be started: {error}"
                    ) from None
            self._busy.add(worker)
            return worker


_simulator: list[_Simulator] = []
"""The one of this process."""


def _begin(seed: int, draws: bool, newest: Any) -> None:  # noqa: FBT001
    _simulator.append(_Simulator(seed, draws, newest))


def _simulated(part: EnsemblePart | EffectQuestion) -> Any:
    return _simulator[0].do(part)


class _Simulator:
    """What a process holds: settings compiled, control arms expected, and opportunities
    drawn last. newest: the number of the newest request, in memory that all share."""

    def __init__(self, seed: int, draws: bool, newest: Any) -> None:  # noqa: FBT001
        self.seed = seed
        self.draws = draws
        self.newest = newest
        self.compiled: LRUCache[str, Worlds] = LRUCache(SETTINGS_KEPT)
        self.controls: LRUCache[str, ExpectedControl] = LRUCache(SETTINGS_KEPT)
        self.opportunities = OpportunityCache()

    def do(self, part: EnsemblePart | EffectQuestion) -> Any:
        """What is asked for, or None: superseded. Raises PartFailed."""

        def check() -> None:
            if self.newest.value != part.request:
                raise Superseded

        try:
            check()
            if (
                worlds := self.compiled.get(part.key)
            ) is None:  # a scenario from our own server
                worlds = self.compiled[part.key] = compile_arms(
                    pickle.loads(part.scenario), part.arms
                )
            if isinstance(
                part, EffectQuestion
            ):  # where replications draw parameters: at the parameters as they stand
                control = ExpectedControl.among(self.controls, part.control, worlds)
                return effect_with_parts(worlds, part.arms[-1], control, check)
            numbers = np.arange(part.block.first, part.block.stop, dtype=np.uint64)
            own = with_draws(worlds, self.seed, numbers) if self.draws else worlds
            watch = focal_recorder(worlds)
            look = _Interruptible(watch, check)
            batch = simulate_arms(
                own,
                self.seed,
                numbers,
                (part.arm,),
                watch,
                look,
                self.opportunities.draw,
            )
            return one_arm_tables(worlds, part.arm, batch)
        except Superseded:
            return None
        except Exception as error:  # noqa: BLE001 - told where the part is waited for
            raise PartFailed(f"{part.named}: {type(error).__name__}: {error}") from None


@dataclass(frozen=True)
class _Interruptible:
    """Looks on like `watch`; before each step `check` may raise."""

    watch: Recorder
    check: Any

    def observer(self, arm: str) -> Observer:
        seen = self.watch.observer(arm)

        def look(world: World, state: BlockState, view: View) -> None:
            self.check()
            seen(world, state, view)

        return look


class OpportunityCache:
    """Draws as `draw_opportunities` does, and keeps what was asked for last: the very
    same for the same inputs.

    Controls that move the event alone leave opportunities as they are: an eighth of the
    next setting's work."""

    def __init__(self, most: int = OPPORTUNITIES_KEPT) -> None:
        self._kept: LRUCache[str, Opportunities] = LRUCache(most, getsizeof=_size)

    def draw(
        self,
        world: World,
        seed: int,
        runs: npt.NDArray[np.uint64],
        most: npt.NDArray[np.float64] | None = None,
    ) -> Opportunities:
        """As `draw_opportunities`."""
        kinds = world.ladder.names, world.ladder.ceiling, world.kind_keys
        dyads = world.first, world.second, world.dyad_keys, world.frailty
        key = hashlib.sha256(
            pickle.dumps((seed, runs, most, world.grid, kinds, dyads))
        ).hexdigest()
        if (found := self._kept.get(key)) is None:
            found = draw_opportunities(world, seed, runs, most)
            with suppress(ValueError):  # larger than all that is kept
                self._kept[key] = found
        return found


def _size(drawn: Opportunities) -> int:
    arrays = (getattr(drawn, one.name) for one in fields(drawn))
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
