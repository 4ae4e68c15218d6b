"""What a worker is given: the study's job once, then tasks, each a block of one point
of a design.

A task that kills its worker is cut into single replications. A point's scenario is
compiled where it is simulated."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
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
from balance_sim.study.blocks import Block, runs_with_extra, simulate_block
from balance_sim.study.draws import Draws, at, joint_draws
from balance_sim.study.machine import keep_freed_memory
from balance_sim.study.own_outcomes import CodeReferences, refuse_unsteady
from balance_sim.study.recorder import FurtherOutcomes
from balance_sim.study.tables import BlockTables, joined

POINTS_KEPT = 4
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
class Job:
    """What every task of a study shares. Sent to a worker once.

    arms: the control arm first. model, further, own: as `simulate_block` has them.
    run_timeout: seconds a replication. has_extra_arms: simulate them too. draws:
    each replication draws its parameters, from the fit (True) or jointly from the draws
    of this name (`draws.drawing`)."""

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
    compiled: LRUCache[str, tuple[Worlds, list[ExtraArms | None]]] = field(
        default_factory=partial(LRUCache, POINTS_KEPT), compare=False, repr=False
    )

    def __getstate__(self) -> dict[str, Any]:
        """Without the arrays: whoever it is sent to compiles those it needs."""
        return self.__dict__ | {"compiled": LRUCache(POINTS_KEPT), "joint": []}

    def worlds(self, values: Values = ()) -> Worlds:
        """The arrays of a point, compiled here or found among the last."""
        return self._compiled(values)[0]

    def _compiled(self, values: Values) -> tuple[Worlds, list[ExtraArms | None]]:
        """The point's arrays, and in a list, once they are made, those of its extra
        arms."""
        with _GUARD:
            if (found := self.compiled.get(repr(values))) is not None:
                return found
        scenario = with_values(self.scenario, dict(values)) if values else self.scenario
        with np.errstate(
            all="ignore"
        ):  # an overflow is told by `refuse_invalid`, with variable, state and day
            found = compile_arms(scenario, self.arms), []
        with _GUARD:
            self.compiled[repr(values)] = found
        return found

    def live(self, task: Task) -> BlockTables:
        """The task's tables, or the exception that stopped it. A number that is none is
        one; no warning is given."""
        if isinstance(self.draws, str):
            return self._drawn(task.block)
        with np.errstate(all="ignore"):
            worlds, extra = self._compiled(task.values)
            if self.has_extra_arms and not extra:
                extra.append(
                    extra_arms(worlds, headline_arm(worlds.scenario, self.arms))
                )
            more = extra[0] if self.has_extra_arms else None
            block = partial(
                simulate_block,
                worlds,
                self.seed,
                task.block,
                self.arms,
                more,
                draws=bool(self.draws),
            )
            return block(model=self.model, further=self.further, own=self.own)

    def _drawn(self, block: Block) -> BlockTables:
        """The block with all parameters of each replication from its own joint draw: a
        world each."""
        if not self.joint:
            self.joint.append(joint_draws(self.scenario, str(self.draws)))
        draws, parts = self.joint[0], []
        with np.errstate(all="ignore"):
            for run in block.runs:
                one, own = (
                    Block(run, run + 1),
                    at(self.scenario, draws, run % len(draws)),
                )
                worlds = compile_arms(own, self.arms)
                is_extra = self.has_extra_arms and len(runs_with_extra(one)) > 0
                more = (
                    extra_arms(worlds, headline_arm(own, self.arms))
                    if is_extra
                    else None
                )
                parts.append(
                    simulate_block(
                        worlds, self.seed, one, self.arms, more, own=self.own
                    )
                )
        whole = joined(parts)
        assert whole is not None
        return whole

    # -- as the work of the process pool ----------------------------------------------------------

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
        except Exception:  # noqa: BLE001 - recorded: the point itself cannot be, so no replication of it can
            return self.lost(task, traceback.format_exc())
        try:
            return TaskResult(task, self.live(task))
        except (Exception, SystemExit):  # noqa: BLE001 - whatever it was, its replications are tried one by one
            alone: list[TaskResult] = []
            for single in task.singles:
                try:
                    alone.append(TaskResult(single, self.live(single)))
                except (Exception, SystemExit):  # noqa: BLE001 - recorded with its traceback
                    alone.append(self.lost(single, traceback.format_exc()))
            return self.whole(task, alone)

    def named(self, task: Task) -> str:
        block = task.block
        if len(block) == 1:
            return f"run {block.first} of point {task.point}"
        return f"point {task.point}, runs {block.first} to {block.stop - 1}"

    def limit(self, task: Task) -> float | None:
        return self.run_timeout and self.run_timeout * len(task.block)

    def pieces(self, task: Task) -> list[Task]:
        return task.singles if len(task.block) > 1 else []

    def whole(self, task: Task, outcomes: Sequence[TaskResult]) -> TaskResult:
        tables = joined([one.tables for one in outcomes if one.tables is not None])
        return TaskResult(
            task, tables, tuple(run for one in outcomes for run in one.failed)
        )

    def lost(self, task: Task, why: str) -> TaskResult:
        row = {"point": task.point, "run": 0, "seed": self.seed, "traceback": why}
        return TaskResult(
            task, None, tuple(row | {"run": run} for run in task.block.runs)
        )


def try_outcomes(job: Job) -> None:
    """Measure outcomes of one's own on the first replication. Raises ScenarioError for
    one that gives none."""
    if not job.own:
        return
    alone = Job(
        job.scenario, job.seed, job.arms[:1], run_timeout=job.run_timeout, own=job.own
    )
    try:
        one, two = (
            alone.live(Task(Block(0, many))).runs.slice(0, 1).to_pylist()[0]
            for many in (1, 2)
        )
        refuse_unsteady(job.own, one, two)
    except ScenarioError:
        raise
    except Exception:  # noqa: BLE001 - it is no outcome's fault, and each replication that has it records it
        pass


# -- the outcomes that an experiment asks for ------------------------------------------------------


def unknown_outcomes(experiment: Experiment, known: Sequence[str]) -> list[Diagnostic]:
    """A problem for every outcome that is not known, where the file names it."""
    node = experiment.marks["outcomes"]
    return [
        problem(
            node,
            f"outcomes[{at}]",
            "E107",
            f"no outcome `{name}`",
            did_you_mean(name, known),
            listed(known),
        )
        for at, name in enumerate(experiment.head.outcomes)
        if name not in known
    ]


def check_outcomes(experiment: Experiment, known: Sequence[str]) -> None:
    """Raises ScenarioError for an outcome that is not among those a replication
    gives."""
    if problems := unknown_outcomes(experiment, known):
        raise ScenarioError(problems)


def check_named_outcomes(experiment: Experiment) -> list[Diagnostic]:
    """The same before anything is swept, from one replication of the control arm.
    Nothing where a factor moves what is reported: points differ then."""
    moved = any(path.startswith("report.") for path in experiment.paths)
    if not experiment.head.outcomes or moved:
        return []
    arms = (experiment.scenario.reference_arm,)
    worlds = compile_arms(experiment.scenario, arms)
    first = simulate_block(worlds, experiment.head.seed, Block(0, 1), arms).runs
    return unknown_outcomes(experiment, first.drop_columns(["run", "arm"]).column_names)
