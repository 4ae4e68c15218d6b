"""A sweep's outcomes as matrices of points by runs, of the runs that all points
have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import NamedTuple

import numpy as np

from balance_sim.model.core import Floats
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.scenario.errors import WrongRequest
from balance_sim.stats.intervals import spread_over
from balance_sim.study.estimates import columns_by_arm
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, least_jump
from balance_sim.study.sweep_result import SweepResult

Columns = dict[str, Floats]
ByArm = dict[str, Columns]


class Quantity(NamedTuple):
    """What an index is about: the mean of an outcome in an arm, or its paired effect.

    of: `mean` or `effect`."""

    of: str
    arm: str
    outcome: str


@dataclass(frozen=True)
class OutcomeMatrices:
    """values: (points, runs) arrays by quantity; points: their numbers; left_out: what,
    and why.

    spreads: (points,) of the outcome of an effect that was drawn, as
    `intervals.paired_half_widths` takes it. Levels, and effects on filtered estimates,
    have none: Student's t is theirs."""

    values: dict[Quantity, Floats]
    points: list[int]
    left_out: list[str]
    spreads: dict[Quantity, Floats]


def run_matrices(result: SweepResult, outcomes: Sequence[str]) -> OutcomeMatrices:
    """A sweep's outcomes point by point and run by run, of the runs that every point
    has.

    An outcome with days that never came has no mean and is left out, and so is one that
    some points lack."""
    points: dict[int, _Point] = {}
    outcome_names: dict[str, None] = {}  # outcomes that some point has
    for number in result.numbers_done:
        point = _point(result, number, outcomes)
        if point is not None:
            points[number] = point
            outcome_names |= dict.fromkeys(point.names)
    if not points:
        raise WrongRequest(f"{result.folder} holds no finished runs yet")
    del outcome_names["run"]
    plain = dict.fromkeys(name.removeprefix(FILTERED) for name in outcome_names)
    _refuse_unknown(outcomes, list(plain))
    numbers = [point.columns[result.reference]["run"] for point in points.values()]
    common = reduce(np.intersect1d, numbers)
    left_out = _lacking(result, len(points), len(common))
    matrices: dict[Quantity, Floats] = {}
    for quantity in _quantities(result, outcomes):
        y = np.stack(
            [point.values(result, quantity, common) for point in points.values()]
        )
        if np.isnan(y).any():
            name = f"{quantity.of} of {quantity.outcome} in {quantity.arm}"
            left_out.append(f"{name}: missing in some runs, no mean")
        else:
            matrices[quantity] = y
    spreads = {
        quantity: _spread(result, matrices, quantity, list(points.values()))
        for quantity in matrices
        if quantity.of == "effect" and FILTERED + quantity.outcome not in outcome_names
    }
    return OutcomeMatrices(matrices, list(points), left_out, spreads)


@dataclass(frozen=True)
class _Point:
    """Columns of a point by arm and name: runs, and the outcomes asked for. names: of
    all its columns. alike: arms that are the control arm there, in every number."""

    names: tuple[str, ...]
    columns: ByArm
    alike: set[str]

    def values(self, result: SweepResult, quantity: Quantity, runs: Floats) -> Floats:
        """A quantity in some runs, NaN where the point lacks it."""
        values = self._column(quantity.arm, quantity.outcome)
        if quantity.of == "effect":
            values = values - self._column(result.reference, quantity.outcome)
        return values[np.isin(self.columns[result.reference]["run"], runs)]

    def _column(self, arm: str, outcome: str) -> Floats:
        """The filtered estimate of an outcome where there is one."""
        columns = self.columns[arm]
        name = FILTERED + outcome if FILTERED + outcome in columns else outcome
        return columns.get(name, np.full(len(columns["run"]), np.nan))


def _point(result: SweepResult, number: int, outcomes: Sequence[str]) -> _Point | None:
    """The columns of a point; None where it has no runs."""
    blocks = [columns_by_arm(runs, result.arms) for runs, _ in result.blocks(number)]
    if not blocks:
        return None
    names = tuple(blocks[0][result.reference])
    asked_for = {"run", *outcomes, *(FILTERED + name for name in outcomes)}
    columns = {
        arm: _joined([block[arm] for block in blocks], asked_for) for arm in result.arms
    }
    alike = {arm for arm in result.arms[1:] if _is_control(result, blocks, arm)}
    return _Point(names, columns, alike)


def _joined(parts: Sequence[Columns], asked_for: Collection[str]) -> Columns:
    """Columns of blocks one after the other; NaN where a block lacks one."""
    joined = {}
    for name in parts[0]:
        if name in asked_for:
            columns = [
                part.get(name, np.full(len(part["run"]), np.nan)) for part in parts
            ]
            joined[name] = np.concatenate(columns)
    return joined


def _is_control(result: SweepResult, blocks: Sequence[ByArm], arm: str) -> bool:
    """Whether an arm is the control arm in every number."""
    return all(
        np.array_equal(values, block[result.reference][name], equal_nan=True)
        for block in blocks
        for name, values in block[arm].items()
    )


def _refuse_unknown(outcomes: Sequence[str], known: Sequence[str]) -> None:
    unknown = next((name for name in outcomes if name not in known), None)
    if unknown is not None:
        near = did_you_mean(unknown, known) or f"there are: {listed(known)}"
        raise WrongRequest(f"no outcome `{unknown}`; {near}")


def _lacking(result: SweepResult, points: int, runs: int) -> list[str]:
    """What is not there of a sweep."""
    left_out = []
    if runs < result.runs:
        missing = result.runs - runs
        left_out.append(f"{missing} of {result.runs} runs are not there at every point")
    if points < len(result.table.numbers()):
        missing = len(result.table.numbers()) - points
        left_out.append(f"{missing} points have no runs")
    return left_out


def _quantities(result: SweepResult, outcomes: Sequence[str]) -> list[Quantity]:
    means = [Quantity("mean", *pair) for pair in product(result.arms, outcomes)]
    effects = product(result.arms[1:], outcomes)
    return means + [Quantity("effect", *pair) for pair in effects]


def _spread(
    result: SweepResult,
    matrices: dict[Quantity, Floats],
    effect: Quantity,
    points: Sequence[_Point],
) -> Floats:
    """(points,) standard deviation of an outcome over the runs of both arms; 0 where no
    run can show a difference."""
    having = matrices[Quantity("mean", effect.arm, effect.outcome)]
    control = matrices[Quantity("mean", result.reference, effect.outcome)]
    jump = least_jump(effect.outcome, result.steps)
    spread = np.maximum(spread_over(having.T, control.T), jump)
    alike = np.array([effect.arm in point.alike for point in points])
    return np.where(alike | fixed_beforehand(effect.outcome), 0.0, spread)
