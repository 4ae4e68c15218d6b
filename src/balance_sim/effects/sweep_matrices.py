"""A sweep's outcomes as matrices of points by runs, of the runs that all points
have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np

from balance_sim.model.core import Floats
from balance_sim.scenario.errors import WrongRequest, checked_name
from balance_sim.study.estimates import Estimates, estimates_of
from balance_sim.study.outcomes import FILTERED
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
    """

    values: dict[Quantity, Floats]
    points: list[int]
    left_out: list[str]


def run_matrices(result: SweepResult, outcomes: Sequence[str]) -> OutcomeMatrices:
    """A sweep's outcomes point by point and run by run, of the runs that every point
    has.

    An outcome with days that never came has no mean and is left out, and so is one that
    some points lack. Raises WrongRequest for an unknown outcome, or without results."""
    points, names = _points(result, outcomes)
    plain = {name.removeprefix(FILTERED) for name in names}
    for outcome in outcomes:
        checked_name("outcome", outcome, sorted(plain))
    control = result.reference
    common = reduce(np.intersect1d, [point.run for point in points.values()])
    left_out = _lacking(result, len(points), len(common))
    matrices: dict[Quantity, Floats] = {}

    def matrix(arm: str, outcome: str) -> Floats:
        """(points, runs) of an outcome; NaN where a point lacks it."""
        rows = []
        for point in points.values():
            values = np.full(len(point.run), np.nan)
            if outcome in point.names:
                values = point.smooth(arm, outcome)
            rows.append(values[np.isin(point.run, common)])
        return np.stack(rows)

    quantities = [Quantity("mean", arm, o) for arm in result.arms for o in outcomes]
    quantities += [
        Quantity("effect", arm, o) for arm in result.arms[1:] for o in outcomes
    ]
    for quantity in quantities:
        statistic, arm, outcome = quantity
        y = matrix(arm, outcome)
        if statistic == "effect":
            y = y - matrix(control, outcome)
        if np.isnan(y).any():
            left_out.append(
                f"{statistic} of {outcome} in {arm}: missing in some runs, no mean"
            )
        else:
            matrices[quantity] = y
    return OutcomeMatrices(matrices, [*points], left_out)


def _points(
    result: SweepResult, outcomes: Sequence[str]
) -> tuple[dict[int, Estimates], set[str]]:
    """By number, the points that have runs, with the outcomes asked for; and the names
    of all columns."""
    points: dict[int, Estimates] = {}
    names: set[str] = set()
    wanted = {*outcomes, *(FILTERED + name for name in outcomes)}
    for number in result.numbers_done:
        tables = [runs for runs, _ in result.blocks(number)]
        if tables:
            point = estimates_of(tables, result.arms)
            names |= {*point.columns}
            columns = ["run", "arm", *(n for n in point.columns if n in wanted)]
            tables = [table.select(columns) for table in tables]
            points[number] = estimates_of(tables, result.arms)
    if not points:
        raise WrongRequest(f"{result.folder} holds no finished runs yet")
    return points, names


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
