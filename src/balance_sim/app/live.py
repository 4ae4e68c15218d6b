"""Answers to the live page: the expected effect, then replications, few before many.

The newest request alone is answered: of an older one no further block is begun. Blocks
are tasks of a study (`study.jobs`), as points of a sweep are, in processes that stay;
those used last are kept."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Annotated, Any

from cachetools import LRUCache
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from balance_sim.app.dials import Dial
from balance_sim.app.explorer import Pairs, Study, point_of
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.scenario import ScenarioError, with_values
from balance_sim.scenario.diagnostics import did_you_mean, shown
from balance_sim.scenario.errors import as_json
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Job, Task, TaskResult, Values
from balance_sim.study.machine import version
from balance_sim.study.outcomes import headline_outcome
from balance_sim.study.processes import LocalWorkers, WorkerDied
from balance_sim.study.result import Result
from balance_sim.study.tables import BlockTables

MOST_RUNS = 5000
"""Replications that a request may ask for."""
BLOCK = 50
"""Replications a task; so many are reported first."""
GROWTH = 4
"""Between one report and the next."""
MOST_BYTES = 256 << 20
"""Of tables that are kept."""


class BadRequest(Exception):
    """A request that asks for something that cannot be; the text says what, and what
    can."""


class Superseded(Exception):
    """A newer request has taken over."""


class TaskFailed(Exception):
    """Replications that could not be simulated; the text says which, and why."""


class EnsembleRequest(BaseModel):
    """What the page asks for: of each dial that was moved its value, and
    replications."""

    model_config = ConfigDict(extra="forbid", strict=True)
    values: dict[str, Any] = Field(default={})
    runs: Annotated[int, Field(ge=2, le=MOST_RUNS)] = BLOCK


def read_request(dials: Sequence[Dial], body: bytes) -> tuple[Values, int]:
    """Return what a request's JSON asks for: values by key path, sorted, but for those
    that stay as they are; and runs. Raises BadRequest."""
    try:
        request = EnsembleRequest.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the request"
        raise BadRequest(f"{shown(place, 40)}: {shown(problem['msg'], 200)}") from None
    by_name = {dial.name: dial for dial in dials}
    settings: dict[str, Any] = {}
    for name, value in request.values.items():
        if name not in by_name:
            hint = did_you_mean(name, by_name) or f"there are: {', '.join(by_name)}"
            raise BadRequest(f"no control `{shown(name)}`; {hint}")
        dial = by_name[name]
        if value not in dial.values:
            bounds = f"the page offers {dial.values[0]} to {dial.values[-1]}"
            text = shown(json.dumps(value), 40)
            raise BadRequest(f"{name}: `{text}` is not on the page; {shown(bounds)}")
        settings |= dial.settings[dial.values.index(value)]
    return tuple(sorted(settings.items())), request.runs


def stages(runs: int) -> list[int]:
    """Return how many runs are reported, one after the other: 50, 200, ... and all."""
    ends = [BLOCK]
    while ends[-1] * GROWTH < runs:
        ends.append(ends[-1] * GROWTH)
    return [*(end for end in ends if end < runs), runs]


def _bytes_of(tables: BlockTables) -> int:
    """Return the size of a block's tables in memory."""
    return sum(table.nbytes for table in tables.by_name.values())


class Live:
    """Simulates what the page asks for. job: of the scenario as it is, in the control
    arm and the headline arm."""

    def __init__(self, job: Job, workers: int) -> None:
        self.job = job
        self.threads = ThreadPoolExecutor(workers)
        self.workers = LocalWorkers(job.begin, (), workers)
        self.tables: LRUCache[str, BlockTables] = LRUCache(MOST_BYTES, _bytes_of)
        self._guard = threading.Lock()
        self._request = 0

    def close(self) -> None:
        """End the processes; what they are at is dropped."""
        self._request += 1
        self.workers.close()
        self.threads.shutdown(cancel_futures=True)

    def scenario(self, values: Values) -> Scenario:
        """Return the scenario as the dials have it. Raises BadRequest where a file with
        these values would be refused."""
        try:
            return with_values(self.job.scenario, dict(values))
        except ScenarioError as error:
            reasons = [f"{row.path}: {row.message}" for row in error.problems]
            raise BadRequest(shown("; ".join(reasons), 250)) from None

    async def answers(
        self, scenario: Scenario, values: Values, runs: int
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield what the page shows: `expected`, then how many runs are done (`lived`),
        and few runs, more, and all, each as an `answer` of its own.

        scenario: with these values. Raises Superseded as soon as there is a newer
        request, and TaskFailed."""
        self._request += 1
        request, ends = self._request, stages(runs)
        content = await asyncio.to_thread(self._expected, scenario)
        self._check_newest(request)
        yield {"expected": content | {"options": self._options(values, runs)}}
        starts = range(0, runs, BLOCK)
        blocks = [Block(first, min(first + BLOCK, runs)) for first in starts]
        futures = [
            self.threads.submit(self._simulated, request, Task(block, values=values))
            for block in blocks
        ]
        try:
            tables: list[BlockTables] = []
            for block, future in zip(blocks, futures, strict=True):
                tables.append(await asyncio.wrap_future(future))
                self._check_newest(request)
                is_last = block.stop == runs
                # what is over while another answer is put together is passed over
                if is_last or (block.stop in ends and not futures[-1].done()):
                    done = (scenario, block.stop, tables)
                    content = await asyncio.to_thread(self._answer, *done)
                    self._check_newest(request)
                    content["options"] = self._options(values, block.stop)
                    yield {"answer": content}
                else:
                    yield {"lived": block.stop}
        finally:
            for future in futures:
                future.cancel()

    def _check_newest(self, request: int) -> None:
        """Raise Superseded for a request that is not the newest."""
        if request != self._request:
            raise Superseded

    def _simulated(self, request: int, task: Task) -> BlockTables:
        """Return the tables of a block, kept or simulated in one of the processes.
        Raises Superseded, TaskFailed."""
        key = repr(task)
        with self._guard:
            tables = self.tables.get(key)
        if tables is not None:
            return tables
        self._check_newest(request)
        result = self._done(task)
        if result.tables is None or result.failed:
            reason = result.failed[0]["traceback"].splitlines()[-1]
            raise TaskFailed(f"{self.job.named(task)}: {reason}")
        with self._guard:
            self.tables[key] = result.tables
        return result.tables

    def _done(self, task: Task) -> TaskResult:
        """Return what comes of a task, from another process where one dies: of those
        that wait each may have."""
        for _ in range(self.workers.threads + 1):
            with suppress(WorkerDied):
                result: TaskResult = self.workers.done(task, None)
                return result
        return self.job.lost(task, "each process died: no memory, or a crash")

    def _expected(self, scenario: Scenario) -> dict[str, Any]:
        """Return what the page shows of the expected effect; no interval, since there
        is no Monte Carlo error. Where runs draw parameters: at those as they stand."""
        expected = expected_effect(scenario, self.job.arms[1])
        return _shown(expected, {"mean": expected.effect, "lo": None, "hi": None})

    def _answer(
        self, scenario: Scenario, runs: int, tables: Sequence[BlockTables]
    ) -> dict[str, Any]:
        """Return what the page shows of an ensemble, with the effect as `run --json`
        has it."""
        job, memory = self.job, tuple(tables)
        result = Result(scenario, runs, job.seed, job.arms, version(), memory=memory)
        rows = result.effects.set_index("outcome").loc[[result.headline_outcome]]
        row = rows.to_dict("records")[0]
        return _shown(result, as_json(row, "mean", "mcse", "lo", "hi"))

    def _options(self, values: Values, runs: int) -> str:
        """Return the options of `balance-sim run` that give the same numbers, for a
        shell."""
        return as_options(values, runs, self.job.seed, draws=bool(self.job.draws))


def _shown(study: Study, effect: dict[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a study: a point of the explorer, and the effect on
    the headline outcome."""
    pairs: Pairs = {}
    days, content = point_of(study, pairs)
    named = {"outcome": headline_outcome(study.scenario), "window": study.window}
    return content | {"days": days, "pairs": [*pairs], "effect": named | effect}


def as_options(values: Values, runs: int, seed: int, *, draws: bool = False) -> str:
    """Return the options of `balance-sim run` that give the same numbers, for a shell.
    draws: runs draw parameters."""
    words = ["--runs", str(runs), "--seed", str(seed)]
    if draws:
        words += ["--draws", "fitted"]
    for path, value in values:
        is_date = isinstance(value, date)
        text = value if is_date else json.dumps(value, ensure_ascii=False)
        words += ["--set", f"{path}={text}"]
    return shlex.join(words)
