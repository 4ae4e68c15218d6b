"""Warm processes that simulate parts of ensembles, and drop what they are at once a
newer request is in.

Each part is given to one worker and waited for in a thread. Where that worker dies the
part is tried again in another one; no other part is lost with it, and one that kills
two workers is given up.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import threading
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from cachetools import LRUCache

from balance_sim.app.arm_tables import one_arm_tables
from balance_sim.effects.expected import Estimator
from balance_sim.effects.expected_effect import effect_of
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import Block, simulate_arms
from balance_sim.study.draws import with_draws
from balance_sim.study.processes import Companion
from balance_sim.study.recorder import Recorder
from balance_sim.study.scene import focal_roles
from balance_sim.study.spans import spans

if TYPE_CHECKING:
    from balance_sim.model.baseline import Worlds
    from balance_sim.model.core import World
    from balance_sim.model.engine import Observer
    from balance_sim.model.perception import View
    from balance_sim.model.state import BlockState

TRIES = 2
"""Of a part whose worker dies."""
SETTINGS_KEPT = 4


class Superseded(Exception):
    """A newer request has taken over."""


class PartFailed(Exception):
    """Replications that could not be simulated; the text says which, and why."""


@dataclass(frozen=True)
class EnsemblePart:
    """Some runs of one arm of a setting.

    Attributes
    ----------
    key, scenario : the setting's name, and its scenario, pickled
    request : the number of who asks
    """

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


Question = EnsemblePart | EffectQuestion


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
        """Drop parts of requests other than this one, those under way within a step of
        theirs."""
        self._newest.value = request

    async def ask(self, question: Question) -> Any:
        """Return a part's tables, or outcomes, parts and dyads of an expected effect.
        Raises Superseded, or PartFailed."""
        return await asyncio.wrap_future(self._threads.submit(self._answer, question))

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

    def _answer(self, question: Question) -> Any:
        """Wait for an answer, from a second worker where the first one dies."""
        for _ in range(TRIES):
            worker = self._free_worker(question)
            try:
                worker.send(partial(_answer_here, question))
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
            f"{question.named} killed their process twice: no memory left, or a crash"
        )

    def _free_worker(self, question: Question) -> Companion:
        """Return a worker that has nothing to do and is still there, or a new one."""
        with self._guard:
            if self._closed or self._newest.value != question.request:
                raise Superseded
            worker = None
            while self._idle and worker is None:
                idle = self._idle.pop()
                if idle.process.is_alive():
                    worker = idle
                else:
                    idle.close()
            if worker is None:
                worker = self._new_worker(question)
            self._busy.add(worker)
            return worker

    def _new_worker(self, question: Question) -> Companion:
        try:
            return Companion(_begin, self._seed, self.draws, self._newest)
        except OSError as error:
            raise PartFailed(
                f"{question.named}: no process can be started: {error}"
            ) from None


# -- in the worker ---------------------------------------------------------------------

_simulator: list[_Simulator] = []
"""The one of this process."""


def _begin(seed: int, draws: bool, newest: Any) -> None:  # noqa: FBT001
    _simulator.append(_Simulator(seed, draws, newest))


def _answer_here(question: Question) -> Any:
    return _simulator[0].answer(question)


def estimator_among(
    kept: MutableMapping[str, Estimator], key: str, worlds: Worlds
) -> Estimator:
    """Return the estimator kept under a `reference_key` if it has the spans of these
    worlds, or a new one that is put there."""
    estimator = kept.get(key)
    if estimator is None or not np.array_equal(estimator.edges, spans(worlds)):
        estimator = kept[key] = Estimator(worlds)
    return estimator


class _Simulator:
    """What a process holds: settings compiled, and control arms expected. newest: the
    number of the newest request, in memory that all share."""

    def __init__(self, seed: int, draws: bool, newest: Any) -> None:  # noqa: FBT001
        self.seed = seed
        self.draws = draws
        self.newest = newest
        self.compiled: LRUCache[str, Worlds] = LRUCache(SETTINGS_KEPT)
        self.controls: LRUCache[str, Estimator] = LRUCache(SETTINGS_KEPT)

    def answer(self, question: Question) -> Any:
        """Return what is asked for, or None: superseded. Raises PartFailed."""

        def check() -> None:
            if self.newest.value != question.request:
                raise Superseded

        try:
            check()
            worlds = self._worlds(question)
            if isinstance(question, EnsemblePart):
                return self._tables(question, worlds, check)
            # where replications draw parameters: at the parameters as they stand
            estimator = estimator_among(self.controls, question.control, worlds)
            arm = question.arms[-1]
            effect = effect_of(worlds, arm, estimator, with_parts=True)
            return effect.outcomes, effect.channels, effect.dyads
        except Superseded:
            return None
        except Exception as error:  # noqa: BLE001 - told where the part is waited for
            reason = f"{type(error).__name__}: {error}"
            raise PartFailed(f"{question.named}: {reason}") from None

    def _worlds(self, question: Question) -> Worlds:
        """Return the setting's arms, compiled."""
        worlds = self.compiled.get(question.key)
        if worlds is None:
            scenario = pickle.loads(question.scenario)  # from our own server
            worlds = compile_arms(scenario, question.arms)
            self.compiled[question.key] = worlds
        return worlds

    def _tables(
        self, part: EnsemblePart, worlds: Worlds, check: Callable[[], None]
    ) -> Any:
        """Return the tables of some runs of an arm."""
        block = part.block
        numbers = np.arange(block.first, block.stop, dtype=np.uint64)
        drawn = with_draws(worlds, self.seed, numbers) if self.draws else worlds
        recorder = _InterruptibleRecorder(worlds, check)
        batch = simulate_arms(drawn, self.seed, numbers, (part.arm,), recorder)
        return one_arm_tables(worlds, part.arm, batch)


class _InterruptibleRecorder(Recorder):
    """Records the focal event's roles; before each step `check` may raise."""

    def __init__(self, worlds: Worlds, check: Callable[[], None]) -> None:
        super().__init__(worlds, focal_roles(worlds))
        self.check = check

    def observer(self, arm: str) -> Observer:
        record = super().observer(arm)

        def look(world: World, state: BlockState, view: View) -> None:
            self.check()
            record(world, state, view)

        return look
