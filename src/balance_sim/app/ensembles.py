"""Ensembles on request: the newest alone is simulated, what was simulated is kept,
interim results are told first."""

from __future__ import annotations

import asyncio
import hashlib
import pickle
import threading
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache

from balance_sim.app.controls import BadRequest, EnsembleRequest
from balance_sim.app.workers import EffectQuestion, EnsemblePart, Superseded, Workers
from balance_sim.effects.expected_effect import ExpectedEffect
from balance_sim.model.baseline import with_classes
from balance_sim.scenario import ScenarioError, with_values
from balance_sim.study.arms import reference_key
from balance_sim.study.blocks import ArmTables, Block, batch_runs, beside
from balance_sim.study.folder import version
from balance_sim.study.result import Result
from balance_sim.study.store import missing

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.jobs import Values

FIRST_RUNS = 50  # told at once
MORE = 4  # then so many times as many, until all
AT_ONCE = 200  # replications of one arm that are soon over: simulated in one go, in fewer and larger parts
FEWEST = 12  # runs a part, at least
MOST_KEPT = 256 << 20  # bytes of tables
SETTINGS_KEPT = 64


@dataclass(frozen=True)
class Reached:
    """How far a request is: runs of it that are simulated in every arm."""

    runs: int


@dataclass(frozen=True)
class LiveSetting:
    """The scenario as the controls have it. packed: the same, pickled; key,
    reference_key: what its replications and those of its control arm follow from."""

    scenario: Scenario
    packed: bytes
    key: str
    reference_key: str


class BlockCache:
    """Tables of replications by what they follow from, those used last."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.most = most
        self._kept: dict[str, dict[Block, ArmTables]] = {}  # used last at the end

    def _used(self, life: str) -> dict[Block, ArmTables]:
        kept = self._kept[life] = self._kept.pop(life, {})
        return kept

    def blocks(self, life: str) -> list[Block]:
        return list(self._kept.get(life, ()))

    def put(self, life: str, block: Block, tables: ArmTables) -> None:
        """Keep a block; what was not used for longest goes. A block that is there
        already stays as it is."""
        self._used(life).setdefault(block, tables)
        while (
            len(self._kept) > 2 and self._bytes() > self.most
        ):  # the two arms that are being simulated stay
            del self._kept[next(iter(self._kept))]

    def _bytes(self) -> int:
        every = (one for kept in self._kept.values() for one in kept.values())
        return sum(
            one.runs.nbytes + one.agreements.nbytes + one.dyads.nbytes for one in every
        )

    def first(self, life: str, runs: int) -> list[ArmTables]:
        """Tables of the first so many runs, each run once. Blocks of two requests may
        overlap."""
        kept, out, at = self._used(life), [], 0
        for block in sorted(kept, key=lambda one: one.first):
            if at < min(block.stop, runs):
                out.append(_cut(kept[block], block, at, runs))
                at = block.stop
        return out


def _cut(tables: ArmTables, block: Block, first: int, stop: int) -> ArmTables:
    def of(table: pa.Table) -> pa.Table:
        return table.filter(
            pc.and_(pc.greater_equal(table["run"], first), pc.less(table["run"], stop))
        )

    dyads = tables.dyads[max(first - block.first, 0) : max(stop - block.first, 0)]
    return ArmTables(of(tables.runs), of(tables.agreements), dyads)


class Service:
    """Takes requests, one at a time: a newer one stops the one before.

    arms: the reference and the headline arm."""

    def __init__(
        self, scenario: Scenario, seed: int, arms: tuple[str, str], workers: Workers
    ) -> None:
        self.scenario = with_classes(scenario)  # one class table for all settings
        self.seed = seed
        self.arms = arms
        self.workers = workers
        self.cache = BlockCache()
        self._settings: LRUCache[Values, LiveSetting] = LRUCache(SETTINGS_KEPT)
        self._effects: LRUCache[str, ExpectedEffect] = LRUCache(SETTINGS_KEPT)
        self._one_at_a_time = threading.Lock()
        self._request = 0
        self._flying: set[asyncio.Task[Any]] = set()

    async def setting(self, asked: EnsembleRequest) -> LiveSetting:
        """The scenario that a request asks for. Raises BadRequest where it would be
        refused as a file."""
        found = self._settings.get(asked.values)
        if found is None:
            found = await asyncio.to_thread(self._setting, asked.values)
            self._settings[asked.values] = found
        return found

    def _setting(self, values: Values) -> LiveSetting:
        try:
            with self._one_at_a_time:
                scenario = (
                    with_values(self.scenario, dict(values))
                    if values
                    else self.scenario
                )
        except ScenarioError as error:
            raise BadRequest(
                "; ".join(f"{one.path}: {one.message}" for one in error.problems)
            ) from None
        packed = pickle.dumps(scenario, pickle.HIGHEST_PROTOCOL)
        key = hashlib.sha256(packed).hexdigest()
        return LiveSetting(scenario, packed, key, reference_key(scenario))

    async def answers(
        self, setting: LiveSetting, runs: int
    ) -> AsyncIterator[Reached | ExpectedEffect | Result]:
        """The expected effect, then few runs, more, and all, each as a study of its
        own, and how far it is in between.

        Raises Superseded as soon as there is a newer request, and PartFailed."""
        self.stop()
        request, told, said = self._request, 0, 0
        expecting: asyncio.Task[ExpectedEffect] | None = None
        if setting.key in self._effects:
            yield self._effects[setting.key]
        else:
            expecting = self._track(self._expected(setting, request))
        todo = sum(
            len(gap) for gaps in self._gaps(setting, runs).values() for gap in gaps
        )
        ends = list(stages(runs)) if todo > AT_ONCE else [runs]
        waiting: deque[EnsemblePart] = deque()
        flying: set[asyncio.Task[Any]] = set()
        while True:
            if expecting and expecting.done():
                yield expecting.result()
                expecting = None
            have = min(
                gaps[0].first if gaps else runs
                for gaps in self._gaps(setting, runs).values()
            )  # in both arms
            if have < runs and not waiting and not flying:
                waiting.extend(self._parts(setting, ends, request))
            while waiting and len(flying) < self.workers.count:
                part = waiting.popleft()
                flying.add(self._track(self._simulated(setting, part)))
            if not expecting and (
                reached := max((end for end in ends if told < end <= have), default=0)
            ):
                told = said = reached
                kept = {
                    arm: self.cache.first(self._life(setting, arm), told)
                    for arm in self.arms
                }
                tables = await asyncio.to_thread(beside, kept, setting.scenario.codes)
                yield Result(
                    setting.scenario,
                    told,
                    self.seed,
                    self.arms,
                    version(),
                    memory=(tables,),
                )
            elif (
                not expecting and have > said
            ):  # what is expected is told before anything that is simulated
                said = have
                yield Reached(have)
            if request != self._request:
                raise Superseded
            if told == runs:
                return
            first = {expecting} if expecting else set()
            done, _ = await asyncio.wait(
                flying | first, return_when=asyncio.FIRST_COMPLETED
            )
            if request != self._request:
                raise Superseded
            flying -= done
            for one in done:
                one.result()

    def stop(self) -> None:
        """Drop what is under way."""
        self._request += 1
        self.workers.supersede(self._request)

    async def _simulated(self, setting: LiveSetting, part: EnsemblePart) -> None:
        self.cache.put(
            self._life(setting, part.arm), part.block, await self.workers.ask(part)
        )

    async def _expected(self, setting: LiveSetting, request: int) -> ExpectedEffect:
        """Asked for before any runs are, so that it is there before them."""
        question = EffectQuestion(
            setting.key, setting.packed, self.arms, setting.reference_key, request
        )
        found = ExpectedEffect(
            setting.scenario, self.arms[1], *await self.workers.ask(question)
        )
        self._effects[setting.key] = found
        return found

    def _track[Told](self, work: Coroutine[Any, Any, Told]) -> asyncio.Task[Told]:
        task = asyncio.create_task(work)
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)
        # whoever waits for it hears of what it raises; if nobody does any more, nobody
        # needs to
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def _life(self, setting: LiveSetting, arm: str) -> str:
        """What the replications of an arm follow from."""
        return f"{arm} {setting.reference_key if arm == self.arms[0] else setting.key}"

    def _gaps(self, setting: LiveSetting, runs: int) -> dict[str, list[Block]]:
        """By arm, ranges of the first `runs` runs that are not simulated yet."""
        return {
            arm: missing(self.cache.blocks(self._life(setting, arm)), runs, runs)
            for arm in self.arms
        }

    def _parts(
        self, setting: LiveSetting, ends: Sequence[int], request: int
    ) -> Iterator[EnsemblePart]:
        """What is still to be simulated, what is told first first; enough parts for
        every process."""
        first = 0
        most = (
            batch_runs(len(setting.scenario.states)) * 5 // 4
        )  # 150 runs at once rather than twice 75
        for end in ends:
            todo = [
                (arm, Block(max(gap.first, first), gap.stop))
                for arm, gaps in self._gaps(setting, end).items()
                for gap in gaps
                if gap.stop > first
            ]
            size = -(-sum(len(block) for _, block in todo) // self.workers.count)
            for arm, block in todo:
                for piece in _pieces(block, min(max(size, FEWEST), most)):
                    yield EnsemblePart(
                        setting.key, setting.packed, self.arms, arm, piece, request
                    )
            first = end


def stages(runs: int) -> Iterator[int]:
    """How many runs are told, one after the other: 50, 200, ... and all."""
    end = FIRST_RUNS
    while end < runs:
        yield end
        end *= MORE
    yield runs


def _pieces(block: Block, most: int) -> Iterator[Block]:
    """A block in equal pieces of at most so many runs."""
    count = -(-len(block) // most)
    cuts = [block.first + len(block) * k // count for k in range(count + 1)]
    for first, stop in pairwise(cuts):
        yield Block(first, stop)
