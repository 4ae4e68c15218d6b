"""What a worker is given: the study's job once, then tasks, each a block of one point
of a design.

A task that kills its worker is cut into single replications. A point's scenario is
compiled where it is simulated."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
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

    @property
    def singles(self) -> list[Task]:
        """Its replications, each as a task of its own."""
        blocks = [Block(run, run + 1) for run in self.block.runs]
        return [Task(block, self.point, self.values) for block in blocks]


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


_GUARD = threading.Lock()
"""Of the arrays of points, which threads of a Dask worker share."""


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

    Attributes
    ----------
    arms : the control arm first
    model, further, own : as in `BlockOptions`
    run_timeout : seconds that a replication may take
    has_extra_arms : simulate them too
    draws : each replication draws its parameters, from the fit (True) or jointly from
        the draws of this name (`draws.drawing`)
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
    joint: list[Draws] = field(default_factory=list, compare=False, repr=False)
    compiled: LRUCache[str, CompiledPoint] = field(
        default_factory=partial(LRUCache, POINTS_STORED), compare=False, repr=False
    )

    def __getstate__(self) -> dict[str, Any]:
        """The job without arrays: whoever it is sent to compiles those it needs."""
        return self.__dict__ | {"compiled": LRUCache(POINTS_STORED), "joint": []}

    @property
    def references(self) -> list[str]:
        """`module:name` of a model and of outcomes of one's own."""
        model = [] if self.model is None else [self.model]
        return model + [reference for _, reference in self.own]

    # -- simulating

    def compiled_point(self, values: Values = ()) -> CompiledPoint:
        """Return the arrays of a point, compiled here or stored among the last.

        Raises
        ------
        ScenarioError : where the values give no scenario
        """
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
        """Return the task's tables. A number that is none is one; no warning is given.

        Raises
        ------
        Exception : whatever stopped a replication
        """
        with np.errstate(all="ignore"):
            if isinstance(self.draws, str):
                return self._drawn(task.block)
            point = self.compiled_point(task.values)
            return self._simulated(point, task.block, has_extra=self.has_extra_arms)

    def _simulated(
        self, point: CompiledPoint, block: Block, *, has_extra: bool
    ) -> BlockTables:
        """Return the tables of a block of a point."""
        extra = point.extra if has_extra else None
        is_drawn = self.draws is True
        options = BlockOptions(is_drawn, self.model, self.further, self.own)
        return simulate_block(point.worlds, self.seed, block, self.arms, extra, options)

    def _drawn(self, block: Block) -> BlockTables:
        """Return the tables of a block with all parameters of each replication from its
        own joint draw: a world each."""
        if not self.joint:
            self.joint.append(joint_draws(self.scenario, str(self.draws)))
        draws, tables = self.joint[0], []
        for run in block.runs:
            alone = Block(run, run + 1)
            scenario = at(self.scenario, draws, run % len(draws))
            point = CompiledPoint(compile_arms(scenario, self.arms), self.arms)
            has_extra = self.has_extra_arms and len(runs_with_extra(alone)) > 0
            tables.append(self._simulated(point, alone, has_extra=has_extra))
        return joined(tables)

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
        so that one that fails takes no other with it."""
        keep_freed_memory()
        try:
            self.compiled_point(task.values)
        except Exception:  # noqa: BLE001 - the point cannot be, so no replication of it
            return self.lost(task, traceback.format_exc())
        result = self._tried(task)
        if result.tables is not None or len(task.block) == 1:
            return result
        return self.whole(task, [self._tried(single) for single in task.singles])

    def _tried(self, task: Task) -> TaskResult:
        """Return a task done, or lost with the traceback of what stopped it."""
        try:
            return TaskResult(task, self.live(task))
        except (Exception, SystemExit):  # noqa: BLE001 - recorded with its traceback
            return self.lost(task, traceback.format_exc())

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
        """Return what a task that killed its worker is cut into."""
        return task.singles if len(task.block) > 1 else []

    def whole(self, task: Task, results: Sequence[TaskResult]) -> TaskResult:
        """Return the result of a task from those of its pieces."""
        tables = [result.tables for result in results if result.tables is not None]
        failed = [row for result in results for row in result.failed]
        return TaskResult(task, joined(tables) if tables else None, tuple(failed))

    def lost(self, task: Task, why: str) -> TaskResult:
        """Return a task of which every replication failed."""
        row = {"point": task.point, "run": 0, "seed": self.seed, "traceback": why}
        failed = tuple(row | {"run": run} for run in task.block.runs)
        return TaskResult(task, None, failed)


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


# -- the outcomes that an experiment asks for


def unknown_outcomes(experiment: Experiment, names: Sequence[str]) -> list[Diagnostic]:
    """Return a problem for each outcome that an experiment asks for and there is not.

    Parameters
    ----------
    experiment : with the place of each outcome in its file
    names : of the outcomes that a replication has
    """
    node, problems = experiment.tree.below("outcomes"), []
    for place, name in enumerate(experiment.head.outcomes):
        if name not in names:
            path, why = f"outcomes[{place}]", f"no outcome `{name}`"
            near = did_you_mean(name, names)
            problems.append(problem(node, path, "E107", why, near, listed(names)))
    return problems


def check_named_outcomes(experiment: Experiment) -> list[Diagnostic]:
    """Return the same before a sweep, from one replication of the control arm.

    Nothing is looked at where a factor moves what is reported: points differ then.
    """
    moved = any(path.startswith("report.") for path in experiment.paths)
    if not experiment.head.outcomes or moved:
        return []
    arms = (experiment.scenario.reference_arm,)
    job = Job(experiment.scenario, experiment.head.seed, arms)
    runs = job.live(Task(Block(0, 1))).runs.drop_columns(["run", "arm"])
    return unknown_outcomes(experiment, runs.column_names)
