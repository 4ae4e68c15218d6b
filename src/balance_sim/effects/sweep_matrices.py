"""A sweep's outcomes as matrices of points by runs, of the runs that all points
have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from balance_sim.model.core import Floats
from balance_sim.scenario.errors import WrongRequest
from balance_sim.stats.intervals import spread_over
from balance_sim.study.estimates import Columns, columns_by_arm
from balance_sim.study.names import checked_name
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, least_jump
from balance_sim.study.sweep_result import SweepResult


class Quantity(NamedTuple):
    """What an index is about: the mean of an outcome in an arm, or its paired effect.

    of: `mean` or `effect`."""

    of: str
    arm: str
    outcome: str


@dataclass(frozen=True)
class OutcomeMatrices:
    """A sweep's outcomes, by the filtered estimate where there is one.

    Attributes
    ----------
    values : by quantity, (points, runs)
    points : their numbers
    left_out : what, and why
    spreads : (points,) of the outcome of an effect that was drawn, as
        `intervals.paired_half_widths` takes it. Levels, and effects on filtered
        estimates, have none: Student's t is theirs
    """

    values: dict[Quantity, Floats]
    points: list[int]
    left_out: list[str]
    spreads: dict[Quantity, Floats]


class _Point(NamedTuple):
    """Columns by arm of a point, and the arms that are the control arm there in every
    number."""

    by_arm: dict[str, Columns]
    alike: set[str]


def run_matrices(result: SweepResult, outcomes: Sequence[str]) -> OutcomeMatrices:
    """A sweep's outcomes point by point and run by run, of the runs that every point
    has.

    An outcome with days that never came has no mean and is left out, and so is one that
    some points lack. Raises WrongRequest for an unknown outcome, or without results."""
    points, names = _points(result, outcomes)
    for outcome in outcomes:
        checked_name("outcome", outcome, sorted(names - {"run", "arm"}))
    control = result.reference
    runs = [point.by_arm[control]["run"] for point in points.values()]
    common = reduce(np.intersect1d, runs)
    left_out = _lacking(result, len(points), len(common))
    matrices: dict[Quantity, Floats] = {}
    spreads: dict[Quantity, Floats] = {}
    quantities = [Quantity("mean", arm, o) for arm in result.arms for o in outcomes]
    quantities += [Quantity("effect", *quantity[1:]) for quantity in quantities]
    for quantity in quantities:
        of, arm, outcome = quantity
        y = _matrix(points, common, arm, outcome)
        if of == "effect":
            if arm == control:
                continue
            without = _matrix(points, common, control, outcome)
            if FILTERED + outcome not in names:
                alike = [arm in point.alike for point in points.values()]
                spread = spread_over(y.T, without.T)
                spread = np.maximum(spread, least_jump(outcome, result.steps))
                is_fixed = np.array(alike) | fixed_beforehand(outcome)
                spreads[quantity] = np.where(is_fixed, 0.0, spread)
            y = y - without
        if np.isnan(y).any():
            left_out.append(
                f"{of} of {outcome} in {arm}: missing in some runs, no mean"
            )
        else:
            matrices[quantity] = y
    return OutcomeMatrices(matrices, list(points), left_out, spreads)


def _points(
    result: SweepResult, outcomes: Sequence[str]
) -> tuple[dict[int, _Point], set[str]]:
    """The points that have runs, with the outcomes asked for, by number; and the names
    of all outcomes, those of filtered estimates too."""
    points: dict[int, _Point] = {}
    names: set[str] = set()
    wanted = {"run", *outcomes, *(FILTERED + name for name in outcomes)}
    for number in result.numbers_done:
        tables = [runs for runs, _ in result.blocks(number)]
        if not tables:
            continue
        table = pa.concat_tables(tables, promote_options="default")
        names |= {*table.column_names}
        by_arm = columns_by_arm(table, result.arms)
        control = by_arm[result.reference]
        alike = set()
        for arm, columns in by_arm.items():
            pairs = ((values, control[name]) for name, values in columns.items())
            if all(np.array_equal(*pair, equal_nan=True) for pair in pairs):
                alike.add(arm)
        for columns in by_arm.values():
            for name in columns.keys() - wanted:
                del columns[name]
        points[number] = _Point(by_arm, alike)
    if not points:
        raise WrongRequest(f"{result.folder} holds no finished runs yet")
    plain = {name.removeprefix(FILTERED) for name in names}
    return points, names | plain


def _matrix(points: dict[int, _Point], runs: Floats, arm: str, outcome: str) -> Floats:
    """(points, runs) of an outcome in an arm, its filtered estimate where there is one;
    NaN where a point lacks it."""
    rows = []
    for point in points.values():
        columns = point.by_arm[arm]
        missing = np.full(len(columns["run"]), np.nan)
        values = columns.get(FILTERED + outcome, columns.get(outcome, missing))
        rows.append(values[np.isin(columns["run"], runs)])
    return np.stack(rows)


def _lacking(result: SweepResult, points: int, runs: int) -> list[str]:
    """What is not there of a sweep."""
    lacking = []
    if runs < result.runs:
        missing = result.runs - runs
        lacking.append(f"{missing} of {result.runs} runs are not there at every point")
    if points < len(result.table.numbers()):
        missing = len(result.table.numbers()) - points
        lacking.append(f"{missing} points have no runs")
    return lacking
