"""What a worker is given: the study's job once, then tasks, each a block of one point
of a design.

A task that kills its worker is cut into single replications. A point's scenario is
compiled where it is simulated."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.own.modules import CodeReferences
from balance_sim.scenario import with_values
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.fingerprint import RecentResults
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import (
    EXTRA_EVERY,
    ExtraArms,
    extra_arms,
    headline_arm,
)
from balance_sim.study.blocks import Block, BlockOptions, simulate_block
from balance_sim.study.control_variates import ControlVariates
from balance_sim.study.machine import keep_freed_memory
from balance_sim.study.recorder import FurtherOutcomes
from balance_sim.study.tables import BlockTables, joined

if TYPE_CHECKING:
    from balance_sim.study.draws import Draws

POINTS_STORED = 4
"""Points whose arrays a worker holds at once."""
Values = tuple[tuple[str, Any], ...]
"""Key paths and their values, which make a point out of the job's scenario."""
type Progress = Callable[[int, int, int], None]
"""Replications simulated, asked for, failed."""


@dataclass(frozen=True)
class Task:
    """A block of one point.

    Attributes
    ----------
    block : its replications
    point : number of the point
    values : what makes the point out of the job's scenario
    """

    block: Block
    point: int = 0
    values: Values = ()


@dataclass(frozen=True)
class TaskResult:
    """What came of a task.

    Attributes
    ----------
    tables : of the replications that finished; None where none did
    failed : of each that did not: point, run, seed and traceback
    """

    task: Task
    tables: BlockTables | None
    failed: tuple[dict[str, Any], ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is sent: Arrow writes a table at once, pickle column by column."""
        tables = self.tables and [*map(_as_stream, self.tables.by_name.values())]
        return _received, (self.task, tables, self.failed)


def _as_stream(table: pa.Table) -> bytes:
    """Return a table as bytes to send."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _received(task: Task, tables: list[bytes] | None, failed: Any) -> TaskResult:
    """Return a result that was sent."""
    if tables is None:
        return TaskResult(task, None, failed)
    dyads, agreements, runs = (pa.ipc.open_stream(sent).read_all() for sent in tables)
    return TaskResult(task, BlockTables(runs, agreements, dyads), failed)


@dataclass(frozen=True)
class CompiledPoint:
    """The arrays of a point of a design, those of its extra arms, and the control
    variates of its arms."""

    worlds: Worlds
    extra: ExtraArms | None
    variates: ControlVariates


@dataclass(frozen=True)
class Job:
    """What every task of a study shares. Sent to a worker once.

    Attributes
    ----------
    arms : the control arm first
    model, further, own : as in `BlockOptions`
    run_timeout : seconds that a replication may take
    has_extra_arms : simulate them too
    draws : each replication draws its parameters, from the fit (True) or jointly from
        the draws of this name (`draws.drawing`)
    rules : terms and types of event of one's own
    """

    scenario: Scenario
    seed: int
    arms: tuple[str, ...]
    model: str | None = None
    run_timeout: float | None = None
    has_extra_arms: bool = False
    draws: bool | str = False
    further: FurtherOutcomes | None = None
    own: CodeReferences = ()
    rules: CodeReferences = ()

    def __getstate__(self) -> dict[str, Any]:
        """The job without arrays: whoever it is sent to compiles those it needs."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def joint(self) -> Draws:
        """The draws of which each replication has one."""
        from balance_sim.study.draws import joint_draws

        return joint_draws(self.scenario, str(self.draws))

    @cached_property
    def points(self) -> RecentResults[CompiledPoint]:
        """The points that were compiled last."""
        return RecentResults(POINTS_STORED)

    @property
    def references(self) -> list[str]:
        """`module:name` of a model, of outcomes and of rules of one's own."""
        model = [] if self.model is None else [self.model]
        return model + [reference for _, reference in (*self.own, *self.rules)]

    @property
    def is_ours(self) -> bool:
        """Whether replications are simulated together: no code of one's own runs, and
        they do not have a world each."""
        return not self.references and not isinstance(self.draws, str)

    @property
    def meanings(self) -> dict[str, str]:
        """What outcomes of one's own are, by name."""
        if not self.own:
            return {}
        from balance_sim.study.own_outcomes import meanings

        return meanings(self.own)

    # -- simulating

    def compiled_point(self, values: Values = ()) -> CompiledPoint:
        """Return the arrays of a point, compiled here or stored among the last.

        Raises
        ------
        ScenarioError : where the values give no scenario
        """

        def compiled() -> CompiledPoint:
            scenario = self.scenario
            if values:
                scenario = with_values(scenario, dict(values))
            return self._compiled(scenario, has_extra=self.has_extra_arms)

        return self.points.get([repr(values)], compiled)

    def _compiled(self, scenario: Scenario, *, has_extra: bool) -> CompiledPoint:
        """Return the arrays of a scenario in the study's arms. An overflow is refused
        by `refuse_invalid`, with variable, state and day."""
        with np.errstate(all="ignore"):
            worlds, extra = compile_worlds(scenario, self.arms), None
            if has_extra:
                extra = extra_arms(worlds, headline_arm(self.arms))
            return CompiledPoint(worlds, extra, ControlVariates(worlds))

    def live(self, task: Task) -> BlockTables:
        """Return the task's tables. A number that is none is one; no warning is given.

        Raises
        ------
        Exception : whatever stopped a replication
        """
        if not isinstance(self.draws, str):
            return self._simulated(self.compiled_point(task.values), task.block)
        from balance_sim.study.draws import DrawnScenarios

        tables, drawn = [], DrawnScenarios(self.scenario, self.joint)
        for run in task.block.runs:  # a world each
            scenario = drawn[run % len(self.joint)]
            has_extra = self.has_extra_arms and run % EXTRA_EVERY == 0
            point = self._compiled(scenario, has_extra=has_extra)
            tables.append(self._simulated(point, Block(run, run + 1)))
        return joined(tables)

    def _simulated(self, point: CompiledPoint, block: Block) -> BlockTables:
        """Return the tables of a block of a point."""
        is_drawn, worlds = self.draws is True, point.worlds
        options = BlockOptions(is_drawn, self.model, self.further, self.own)
        beside = point.extra, options, point.variates
        with np.errstate(all="ignore"):
            return simulate_block(worlds, self.seed, block, self.arms, *beside)

    # -- as the work of processes

    def begin(self) -> Callable[[Task], TaskResult]:
        """Return what is done to tasks. Where these have a time limit, what the first
        one would load is loaded before it, by a replication without code of one's
        own."""
        if self.run_timeout is not None:
            with suppress(Exception):  # each task will say so
                import balance_sim.model.agents  # noqa: F401

                Job(self.scenario, self.seed, self.arms).live(Task(Block(0, 1)))
        return self.do

    def do(self, task: Task) -> TaskResult:
        """Return what comes of a task; where it fails, of its replications one by one,
        so that one that fails takes no other with it. Raises ScenarioError for a term
        or an outcome of one's own that gives what it must not."""
        keep_freed_memory()
        pieces: list[Task] = []
        try:
            self.compiled_point(task.values)  # else no replication of it can be
            pieces = self.pieces(task)
            return TaskResult(task, self.live(task))
        except (Exception, SystemExit) as error:  # recorded with its traceback
            if is_of_own_code(error):  # what is left without them would be biased
                raise
            if not pieces:
                return self.lost(task, traceback.format_exc())
        return self.whole(task, map(self.do, pieces))

    def named(self, task: Task) -> str:
        """Return a task in words."""
        block = task.block
        if len(block) == 1:
            return f"run {block.first} of point {task.point}"
        return f"point {task.point}, runs {block.first} to {block.stop - 1}"

    def limit(self, task: Task) -> float | None:
        """Return the seconds that a task may take; None: any number."""
        return self.run_timeout and self.run_timeout * len(task.block)

    def pieces(self, task: Task) -> list[Task]:
        """Return the replications of a task that failed, each as a task of its own;
        none of a single one."""
        if len(task.block) == 1:
            return []
        blocks = [Block(run, run + 1) for run in task.block.runs]
        return [replace(task, block=block) for block in blocks]

    def whole(self, task: Task, results: Iterable[TaskResult]) -> TaskResult:
        """Return the result of a task from those of its pieces."""
        tables: list[BlockTables] = []
        failed: list[dict[str, Any]] = []
        for result in results:
            failed += result.failed
            tables += [] if result.tables is None else [result.tables]
        return TaskResult(task, joined(tables) if tables else None, tuple(failed))

    def lost(self, task: Task, why: str) -> TaskResult:
        """Return a task of which every replication failed."""
        row = {"point": task.point, "run": 0, "seed": self.seed, "traceback": why}
        failed = tuple(row | {"run": run} for run in task.block.runs)
        return TaskResult(task, None, failed)


def is_of_own_code(error: BaseException) -> bool:
    """Whether a term, a type of event or an outcome of one's own gave what it must
    not."""
    problems = error.problems if isinstance(error, ScenarioError) else ()
    return any(problem.code == "E310" for problem in problems)


def try_outcomes(job: Job) -> None:
    """Measure outcomes of one's own on the first replication, alone and with another.
    Nothing is tried where a time limit says that they may hang: each replication will
    say so.

    Raises
    ------
    ScenarioError : for an outcome that returns none, or depends on the other
        replication
    """
    if not job.own or job.run_timeout is not None:
        return
    from balance_sim.study.own_outcomes import refuse_unsteady

    trial = Job(job.scenario, job.seed, job.arms[:1], own=job.own)
    blocks = Block(0, 1), Block(0, 2)
    try:
        first_rows = [trial.live(Task(block)).runs.slice(0, 1) for block in blocks]
        alone, together = (row.to_pylist()[0] for row in first_rows)
        refuse_unsteady(job.own, alone, together)
    except ScenarioError:
        raise
    except Exception:  # noqa: BLE001 - each replication that has it records it
        pass
