"""Ensembles on request: the newest alone is simulated, what was simulated is kept,
interim results are reported first."""

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

from balance_sim.app.arm_tables import ArmTables, beside, reference_key
from balance_sim.app.controls import BadRequest, EnsembleRequest
from balance_sim.app.workers import EffectQuestion, EnsemblePart, Superseded, Workers
from balance_sim.effects.expected_effect import ExpectedEffect
from balance_sim.model.baseline import with_classes
from balance_sim.scenario import ScenarioError, with_values
from balance_sim.study.blocks import Block, batch_runs
from balance_sim.study.machine import version
from balance_sim.study.result import Result
from balance_sim.study.store import missing

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.jobs import Values

FIRST_RUNS = 50
"""Runs that are reported first; then `GROWTH` times as many, until all."""
GROWTH = 4
SOON = 200
"""Replications of one arm that are soon over: simulated in one go."""
FEWEST = 12
"""Runs a part, at least."""
MOST_BYTES = 256 << 20
"""Of tables that are kept."""
SETTINGS_KEPT = 64


@dataclass(frozen=True)
class Reached:
    """How far a request is: runs of it that are simulated in every arm."""

    runs: int


@dataclass(frozen=True)
class LiveSetting:
    """The scenario as the controls have it.

    Attributes
    ----------
    packed : the same, pickled
    key, reference_key : what its replications and those of its control arm follow from
    """

    scenario: Scenario
    packed: bytes
    key: str
    reference_key: str


class BlockCache:
    """Tables of replications by the arm that they follow from; those used last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._tables: dict[str, dict[Block, ArmTables]] = {}  # used last at the end

    def _of_arm(self, arm_key: str) -> dict[Block, ArmTables]:
        tables = self._tables.pop(arm_key, {})
        self._tables[arm_key] = tables
        return tables

    def blocks(self, arm_key: str) -> list[Block]:
        """Return the blocks of an arm that are there."""
        return list(self._tables.get(arm_key, ()))

    def put(self, arm_key: str, block: Block, tables: ArmTables) -> None:
        """Keep a block; what was not used for longest goes, but for the two arms that
        are being simulated. A block that is there already stays as it is."""
        self._of_arm(arm_key).setdefault(block, tables)
        while len(self._tables) > 2 and self._bytes() > self.most_bytes:
            del self._tables[next(iter(self._tables))]

    def _bytes(self) -> int:
        sizes = [
            block.runs.nbytes + block.agreements.nbytes + block.dyads.nbytes
            for tables in self._tables.values()
            for block in tables.values()
        ]
        return sum(sizes)

    def first(self, arm_key: str, runs: int) -> list[ArmTables]:
        """Return tables of the first so many runs, each run once. Blocks of two
        requests may overlap."""
        tables = self._of_arm(arm_key)
        pieces = []
        next_run = 0
        for block in sorted(tables, key=lambda block: block.first):
            if next_run < min(block.stop, runs):
                pieces.append(_cut(tables[block], block, next_run, runs))
                next_run = block.stop
        return pieces


def _cut(tables: ArmTables, block: Block, first: int, stop: int) -> ArmTables:
    """Return the rows of the runs first..stop-1 of a block."""

    def rows(table: pa.Table) -> pa.Table:
        is_later = pc.greater_equal(table["run"], first)
        return table.filter(pc.and_(is_later, pc.less(table["run"], stop)))

    dyads = tables.dyads[max(first - block.first, 0) : max(stop - block.first, 0)]
    return ArmTables(rows(tables.runs), rows(tables.agreements), dyads)


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
        self._tasks: set[asyncio.Task[Any]] = set()

    async def setting(self, request: EnsembleRequest) -> LiveSetting:
        """Return the scenario that a request asks for. Raises BadRequest where it would
        be refused as a file."""
        setting = self._settings.get(request.values)
        if setting is None:
            setting = await asyncio.to_thread(self._setting, request.values)
            self._settings[request.values] = setting
        return setting

    def _setting(self, values: Values) -> LiveSetting:
        scenario = self.scenario
        try:
            with self._one_at_a_time:
                if values:
                    scenario = with_values(self.scenario, dict(values))
        except ScenarioError as error:
            problems = [
                f"{problem.path}: {problem.message}" for problem in error.problems
            ]
            raise BadRequest("; ".join(problems)) from None
        packed = pickle.dumps(scenario, pickle.HIGHEST_PROTOCOL)
        key = hashlib.sha256(packed).hexdigest()
        return LiveSetting(scenario, packed, key, reference_key(scenario))

    async def answers(
        self, setting: LiveSetting, runs: int
    ) -> AsyncIterator[Reached | ExpectedEffect | Result]:
        """Yield the expected effect, then few runs, more, and all, each as a study of
        its own, and how far it is in between.

        Raises Superseded as soon as there is a newer request, and PartFailed."""
        self.stop()
        request = self._request
        effect = self._effects.get(setting.key)
        expecting: asyncio.Task[ExpectedEffect] | None = None
        if effect is None:
            expecting = self._track(self._expected(setting, request))
        else:
            yield effect
        ends = list(stages(runs)) if self._to_do(setting, runs) > SOON else [runs]
        queue: deque[EnsemblePart] = deque()
        simulating: set[asyncio.Task[Any]] = set()
        reported = shown = 0
        while True:
            # what is expected is reported before anything that is simulated
            if expecting and expecting.done():
                yield expecting.result()
                expecting = None
            done = self._done(setting, runs)
            if done < runs and not queue and not simulating:
                queue.extend(self._parts(setting, ends, request))
            while queue and len(simulating) < self.workers.count:
                simulating.add(self._track(self._simulate(setting, queue.popleft())))
            if not expecting:
                end = max((end for end in ends if reported < end <= done), default=0)
                if end:
                    reported = shown = end
                    yield await self._result(setting, end)
                elif done > shown:
                    shown = done
                    yield Reached(done)
            self._refuse_old(request)
            if reported == runs:
                return
            tasks = simulating | ({expecting} if expecting else set())
            finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._refuse_old(request)
            simulating -= finished
            for task in finished:
                task.result()

    def stop(self) -> None:
        """Drop what is under way."""
        self._request += 1
        self.workers.supersede(self._request)

    def _refuse_old(self, request: int) -> None:
        if request != self._request:
            raise Superseded

    async def _result(self, setting: LiveSetting, runs: int) -> Result:
        """Return the first so many runs as a study."""
        tables = {
            arm: self.cache.first(self._arm_key(setting, arm), runs)
            for arm in self.arms
        }
        beside_tables = await asyncio.to_thread(beside, tables, setting.scenario.codes)
        return Result(
            setting.scenario,
            runs,
            self.seed,
            self.arms,
            version(),
            memory=(beside_tables,),
        )

    async def _simulate(self, setting: LiveSetting, part: EnsemblePart) -> None:
        tables = await self.workers.ask(part)
        self.cache.put(self._arm_key(setting, part.arm), part.block, tables)

    async def _expected(self, setting: LiveSetting, request: int) -> ExpectedEffect:
        """Ask for the expected effect, before any runs are asked for."""
        question = EffectQuestion(
            setting.key, setting.packed, self.arms, setting.reference_key, request
        )
        numbers = await self.workers.ask(question)
        effect = ExpectedEffect(setting.scenario, self.arms[1], *numbers)
        self._effects[setting.key] = effect
        return effect

    def _track[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin work that goes on where nobody waits for it any more; then nobody needs
        to hear of what it raises."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def _arm_key(self, setting: LiveSetting, arm: str) -> str:
        """Return what the replications of an arm follow from."""
        is_reference = arm == self.arms[0]
        return f"{arm} {setting.reference_key if is_reference else setting.key}"

    def _gaps(self, setting: LiveSetting, runs: int) -> dict[str, list[Block]]:
        """Return, by arm, ranges of the first runs that are not simulated yet."""
        gaps = {}
        for arm in self.arms:
            blocks = self.cache.blocks(self._arm_key(setting, arm))
            gaps[arm] = missing(blocks, runs, runs)
        return gaps

    def _to_do(self, setting: LiveSetting, runs: int) -> int:
        """Return how many replications of one arm are not simulated yet."""
        gaps = self._gaps(setting, runs).values()
        return sum(len(block) for blocks in gaps for block in blocks)

    def _done(self, setting: LiveSetting, runs: int) -> int:
        """Return how many runs are simulated in both arms, from the first on."""
        gaps = self._gaps(setting, runs).values()
        return min(blocks[0].first if blocks else runs for blocks in gaps)

    def _parts(
        self, setting: LiveSetting, ends: Sequence[int], request: int
    ) -> Iterator[EnsemblePart]:
        """Yield what is still to be simulated, what is reported first first; enough
        parts for every process."""
        # 150 runs at once rather than twice 75
        largest = batch_runs(len(setting.scenario.states)) * 5 // 4
        start = 0
        for end in ends:
            blocks = [
                (arm, Block(max(gap.first, start), gap.stop))
                for arm, gaps in self._gaps(setting, end).items()
                for gap in gaps
                if gap.stop > start
            ]
            total = sum(len(block) for _, block in blocks)
            size = min(max(-(-total // self.workers.count), FEWEST), largest)
            for arm, block in blocks:
                for piece in _pieces(block, size):
                    yield EnsemblePart(
                        setting.key, setting.packed, self.arms, arm, piece, request
                    )
            start = end


def stages(runs: int) -> Iterator[int]:
    """Yield how many runs are reported, one after the other: 50, 200, ... and all."""
    end = FIRST_RUNS
    while end < runs:
        yield end
        end *= GROWTH
    yield runs


def _pieces(block: Block, most: int) -> Iterator[Block]:
    """Yield a block in equal pieces of at most so many runs."""
    count = -(-len(block) // most)
    cuts = [block.first + len(block) * piece // count for piece in range(count + 1)]
    for first, stop in pairwise(cuts):
        yield Block(first, stop)
