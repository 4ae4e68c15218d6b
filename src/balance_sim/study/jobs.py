"""What a worker is given: the study's job once, then tasks, each a block of one point
of a design.

A task that kills its worker is cut into single replications. A point's scenario is
compiled where it is simulated."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from cachetools import LRUCache

from balance_sim.model.baseline import Worlds
from balance_sim.scenario import with_values
from balance_sim.scenario.design import Experiment
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    ScenarioError,
    did_you_mean,
    listed,
    problem,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import ExtraArms, compile_arms, extra_arms, headline_arm
from balance_sim.study.blocks import (
    Block,
    BlockOptions,
    runs_with_extra,
    simulate_block,
)
from balance_sim.study.draws import Draws, at, joint_draws
from balance_sim.study.machine import keep_freed_memory
from balance_sim.study.own_outcomes import CodeReferences, refuse_unsteady
from balance_sim.study.recorder import FurtherOutcomes
from balance_sim.study.tables import BlockTables, joined

POINTS_STORED = 4
Values = tuple[tuple[str, Any], ...]
type Progress = Callable[[int, int, int], None]
"""Replications simulated, asked for, failed."""


@dataclass(frozen=True)
class Task:
    """A block of one point. values: (key path, value) pairs that make the point out of
    the job's scenario."""

    block: Block
    point: int = 0
    values: Values = ()

    @property
    def singles(self) -> list[Task]:
        """Its replications, each as a task of its own."""
        return [
            Task(Block(run, run + 1), self.point, self.values)
            for run in self.block.runs
        ]


@dataclass(frozen=True)
class TaskResult:
    """A task that was done: its tables, and of each replication that failed point, run,
    seed and traceback."""

    task: Task
    tables: BlockTables | None
    failed: tuple[dict[str, Any], ...] = ()


_GUARD = threading.Lock()  # of the arrays of points, which threads share


@dataclass(frozen=True)
class CompiledPoint:
    """The arrays of a point of a design; those of its extra arms once asked for."""

    worlds: Worlds
    arms: tuple[str, ...]

    @cached_property
    def extra(self) -> ExtraArms | None:
        """The arms that a part of the replications is simulated in too."""
        return extra_arms(self.worlds, headline_arm(self.worlds.scenario, self.arms))


@dataclass(frozen=True)
class Job:
    """What every task of a study shares. Sent to a worker once.

    arms: the control arm first. model, further, own: as in `BlockOptions`.
    run_timeout: seconds a replication. has_extra_arms: simulate them too. draws: each
    replication draws its parameters, from the fit (True) or jointly from the draws of
    this name (`draws.drawing`)."""

    scenario: Scenario
    seed: int
    arms: tuple[str, ...]
    model: str | None = None
    run_timeout: float | None = None
    has_extra_arms: bool = False
    draws: bool | str = False
    further: FurtherOutcomes | None = None
    own: CodeReferences = ()
    joint: list[Draws] = field(default_factory=list, compare=False, repr=False)
    compiled: LRUCache[str, CompiledPoint] = field(
        default_factory=partial(LRUCache, POINTS_STORED), compare=False, repr=False
    )

    def __getstate__(self) -> dict[str, Any]:
        """Without the arrays: whoever it is sent to compiles those it needs."""
        return self.__dict__ | {"compiled": LRUCache(POINTS_STORED), "joint": []}

    @property
    def options(self) -> BlockOptions:
        """How each block is simulated, and what is measured."""
        is_drawn = self.draws is True
        return BlockOptions(is_drawn, self.model, self.further, self.own)

    def worlds(self, values: Values = ()) -> Worlds:
        """The arrays of a point, compiled here or stored among the last."""
        return self._compiled(values).worlds

    def _compiled(self, values: Values) -> CompiledPoint:
        """The point's arrays, compiled here or stored among the last."""
        key = repr(values)
        with _GUARD:
            point = self.compiled.get(key)
        if point is None:
            scenario = self.scenario
            if values:
                scenario = with_values(scenario, dict(values))
            # an overflow is refused by `refuse_invalid`, with variable, state and day
            with np.errstate(all="ignore"):
                point = CompiledPoint(compile_arms(scenario, self.arms), self.arms)
            with _GUARD:
                self.compiled[key] = point
        return point

    def live(self, task: Task) -> BlockTables:
        """The task's tables, or the exception that stopped it. A number that is none is
        one; no warning is given."""
        with np.errstate(all="ignore"):
            if isinstance(self.draws, str):
                return self._drawn(task.block)
            point = self._compiled(task.values)
            extra = point.extra if self.has_extra_arms else None
            return self._simulated(point.worlds, task.block, extra)

    def _simulated(
        self, worlds: Worlds, block: Block, extra: ExtraArms | None
    ) -> BlockTables:
        options = self.options
        return simulate_block(worlds, self.seed, block, self.arms, extra, options)

    def _drawn(self, block: Block) -> BlockTables:
        """The block with all parameters of each replication from its own joint draw: a
        world each."""
        if not self.joint:
            self.joint.append(joint_draws(self.scenario, str(self.draws)))
        draws, tables = self.joint[0], []
        for run in block.runs:
            alone = Block(run, run + 1)
            scenario = at(self.scenario, draws, run % len(draws))
            point = CompiledPoint(compile_arms(scenario, self.arms), self.arms)
            has_extra = self.has_extra_arms and len(runs_with_extra(alone)) > 0
            extra = point.extra if has_extra else None
            tables.append(self._simulated(point.worlds, alone, extra))
        return joined(tables)

    # -- as the work of the process pool

    @property
    def references(self) -> list[str]:
        """`module:name` of a model and of outcomes of one's own."""
        model = [] if self.model is None else [self.model]
        return model + [reference for _, reference in self.own]

    def do(self, task: Task) -> TaskResult:
        """A task; where it fails, its replications one by one, so that one that fails
        takes no other with it."""
        keep_freed_memory()
        try:
            self.worlds(task.values)
        except Exception:  # noqa: BLE001 - the point cannot be, so no replication of it
            return self.lost(task, traceback.format_exc())
        result = self._tried(task)
        if result.tables is not None or len(task.block) == 1:
            return result
        return self.whole(task, [self._tried(single) for single in task.singles])

    def _tried(self, task: Task) -> TaskResult:
        """A task done, or lost with the traceback of what stopped it."""
        try:
            return TaskResult(task, self.live(task))
        except (Exception, SystemExit):  # noqa: BLE001 - recorded with its traceback
            return self.lost(task, traceback.format_exc())

    def named(self, task: Task) -> str:
        """A task in words."""
        block = task.block
        if len(block) == 1:
            return f"run {block.first} of point {task.point}"
        return f"point {task.point}, runs {block.first} to {block.stop - 1}"

    def limit(self, task: Task) -> float | None:
        """Seconds that a task may take; None: any number."""
        return self.run_timeout and self.run_timeout * len(task.block)

    def pieces(self, task: Task) -> list[Task]:
        """What a task that killed its worker is cut into."""
        return task.singles if len(task.block) > 1 else []

    def whole(self, task: Task, results: Sequence[TaskResult]) -> TaskResult:
        """The result of a task from those of its pieces."""
        tables = [result.tables for result in results if result.tables is not None]
        failed = [row for result in results for row in result.failed]
        return TaskResult(task, joined(tables) if tables else None, tuple(failed))

    def lost(self, task: Task, why: str) -> TaskResult:
        """A task of which every replication failed."""
        row = {"point": task.point, "run": 0, "seed": self.seed, "traceback": why}
        failed = tuple(row | {"run": run} for run in task.block.runs)
        return TaskResult(task, None, failed)


def try_outcomes(job: Job) -> None:
    """Measure outcomes of one's own on the first replication, alone and with another.
    Raises ScenarioError for one that returns none, or depends on the other."""
    if not job.own:
        return
    arms, limit = job.arms[:1], job.run_timeout
    trial = Job(job.scenario, job.seed, arms, run_timeout=limit, own=job.own)
    try:
        alone = trial.live(Task(Block(0, 1))).runs.slice(0, 1).to_pylist()[0]
        together = trial.live(Task(Block(0, 2))).runs.slice(0, 1).to_pylist()[0]
        refuse_unsteady(job.own, alone, together)
    except ScenarioError:
        raise
    except Exception:  # noqa: BLE001 - each replication that has it records it
        pass


# -- the outcomes that an experiment asks for


def unknown_outcomes(experiment: Experiment, names: Sequence[str]) -> list[Diagnostic]:
    """A problem for every outcome that is not among these names, where the file has
    it."""
    node, problems = experiment.marks["outcomes"], []
    for place, name in enumerate(experiment.head.outcomes):
        if name not in names:
            path, why = f"outcomes[{place}]", f"no outcome `{name}`"
            near = did_you_mean(name, names)
            problems.append(problem(node, path, "E107", why, near, listed(names)))
    return problems


def check_outcomes(experiment: Experiment, names: Sequence[str]) -> None:
    """Raises ScenarioError for an outcome that is not among those of a replication."""
    problems = unknown_outcomes(experiment, names)
    if problems:
        raise ScenarioError(problems)


def check_named_outcomes(experiment: Experiment) -> list[Diagnostic]:
    """The same before anything is swept, from one replication of the control arm.
    Nothing where a factor moves what is reported: points differ then."""
    moved = any(path.startswith("report.") for path in experiment.paths)
    if not experiment.head.outcomes or moved:
        return []
    arms = (experiment.scenario.reference_arm,)
    worlds = compile_arms(experiment.scenario, arms)
    runs = simulate_block(worlds, experiment.head.seed, Block(0, 1), arms).runs
    names = runs.drop_columns(["run", "arm"]).column_names
    return unknown_outcomes(experiment, names)
