"""From a sweep to statements on its factors: outcomes as matrices of points by runs,
indices, and the share of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from balance_sim.model.core import Floats
from balance_sim.scenario.errors import OneLine, WrongRequest, checked_name, plain_data
from balance_sim.stats.frame import Frame
from balance_sim.stats.indices import (
    FEW_POINTS,
    FEW_ROWS,
    FEWEST,
    Index,
    morris_effects,
    sobol_indices,
    variance_split,
)
from balance_sim.study.estimates import Estimates, estimates_of
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.sweep_result import SweepResult, open_sweep


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


Row = dict[str, Any]

NOISE_COUNTS = (
    "one run a point: its noise counts as effect, and the indices have no intervals"
)


@dataclass(frozen=True, repr=False)
class Sensitivity(OneLine):
    """Tidy frames. indices: factor by factor; split: parametric against Monte Carlo
    variance.

    notes: where an interval holds the truth less often than it says, or noise could not
    be taken off."""

    method: str
    indices: pd.DataFrame
    split: pd.DataFrame
    left_out: list[str]
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> Row:
        """For JSON: lists of records."""
        return {
            "method": self.method,
            "left_out": self.left_out,
            "notes": self.notes,
            "indices": plain_data(self.indices.to_dict("records")),
            "variance": plain_data(self.split.to_dict("records")),
        }


def sensitivity(
    result: SweepResult | Path | str,
    outcomes: Sequence[str] | None = None,
    boots: int = 1000,
    seed: int = 1,
) -> Sensitivity:
    """How much a sweep's factors matter, for means and for paired effects: Sobol
    indices (Saltelli et al. 2010) or elementary effects (Morris 1991) of such a design;
    of any design the split of the variance.

    Numbers are of the filtered estimate where there is one, under the outcome's own
    name.

    Parameters
    ----------
    result : a sweep as `sweep` or `open_sweep` return it, or its results folder
    outcomes : names; all of the sweep if not given
    boots : resamples behind each interval of a Sobol index
    seed : of the resamples

    Returns
    -------
    Sensitivity : tidy frames `indices` and `split`; `notes` on intervals that say too
        much

    Raises
    ------
    WrongRequest : for an unknown outcome, or a sweep without results

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from balance_sim.study.sweep import sweep
    >>> from balance_sim.scenario.experiment import load_experiment
    >>> plan = f'''schema: 1
    ... title: two values
    ... scenario: {Path("experiments/smoke/five_states.yaml").resolve()}
    ... factors: {{events.summit.visibility: [0, 1]}}
    ... runs: 40
    ... outcomes: [alignment_participants_rest_90]
    ... '''
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "plan.yaml")
    ...     characters = path.write_text(plan)
    ...     result = sweep(load_experiment(path), out=Path(folder, "out"))
    ...     split = sensitivity(result).split

    Of the effect's variance the factor makes nearly all:

    >>> effect = split.set_index("of").loc["effect"]
    >>> int(effect["points"]), round(float(effect["share_parameters"]), 2)
    (2, 0.99)
    """
    if not isinstance(result, SweepResult):
        result = open_sweep(result)
    if isinstance(outcomes, str):
        outcomes = [outcomes]
    if not outcomes:
        plain = (name.removeprefix(FILTERED) for name in result.outcome_names)
        outcomes = list(dict.fromkeys(plain))
    matrices = run_matrices(result, outcomes)
    method = result.manifest.design.method or ""
    # of a grid all parts have the empty name
    places = [result.table.points[number].part for number in matrices.points]
    row_of_part = {part: row for row, part in enumerate(places)}
    # of a Sobol design the rows A and B are a sample of the parameters
    sample = [row for row, part in enumerate(places) if not part.startswith("AB")]
    indices: list[Row] = []
    splits: list[Row] = []
    for quantity, y in matrices.values.items():
        front, rows = quantity._asdict(), []
        if method == "sobol":
            rows = _sobol_rows(result.paths, row_of_part, y, boots, seed)
        elif method == "morris":
            rows = _morris_rows(result, matrices.points, row_of_part, y)
        indices += [front | row for row in rows]
        split = variance_split(y[sample])
        columns = _columns(
            parameters=split.parameters,
            chance=split.chance,
            share_parameters=split.share,
        )
        counts = {"points": split.points, "runs": split.runs}
        splits.append(front | columns | counts)
    frame: pd.DataFrame = Frame(indices)
    frame_of_splits = Frame(splits)
    if splits and frame_of_splits["runs"].min() < 2:
        frame = _without_ends(frame)
    return Sensitivity(
        method,
        frame,
        frame_of_splits,
        matrices.left_out,
        _notes(method, frame, frame_of_splits),
    )


def _notes(method: str, indices: pd.DataFrame, split: pd.DataFrame) -> list[str]:
    """What the intervals are not: docs/statistics.md has the numbers."""
    notes, template = [], "fewer than {0} {1}: {2} no intervals; {0} would give them"
    has_indices = bool(len(indices))
    has_one_run = bool(len(split)) and split["runs"].min() < 2
    if has_indices and has_one_run:
        notes.append(NOISE_COUNTS)
    if has_indices and method == "sobol":
        is_doubtful = indices["total"].notna() & indices["total_lo"].isna()
        if indices["samples"].min() < FEW_ROWS:
            notes.append(template.format(FEW_ROWS, "base samples", "the indices have"))
        elif not has_one_run and is_doubtful.any():
            notes.append(
                f"{int(is_doubtful.sum())} of {len(indices)} rows of indices have no "
                "interval: the runs of a point are too few to tell the variance over "
                "the parameters from none; these indices say nothing"
            )
    if has_indices and method == "morris" and indices["trajectories"].min() < FEWEST:
        notes.append(template.format(FEWEST, "trajectories", "sigma has"))
    if len(split) and 2 <= split["points"].min() < FEW_POINTS:
        subject = "the split of the variance has"
        notes.append(template.format(FEW_POINTS, "points", subject))
    return notes


def _sobol_rows(
    paths: Sequence[str], parts: dict[str, int], y: Floats, boots: int, seed: int
) -> list[Row]:
    """A row a factor: first and total order, and base samples. parts: rows of y by the
    points' places in the design."""
    fronts = ["A", "B", *(f"AB{factor}." for factor in range(len(paths)))]
    candidates = range(sum(part.startswith("B") for part in parts))
    complete = [
        row for row in candidates if all(f"{front}{row}" in parts for front in fronts)
    ]
    if len(complete) < 2:
        return []
    rows_of_y = [[parts[f"{front}{row}"] for row in complete] for front in fronts]
    a, b, *ab = y[np.array(rows_of_y)]
    estimates = sobol_indices(a, b, np.stack(ab), boots, seed)
    rows = []
    for path, first, total in zip(paths, estimates.first, estimates.total, strict=True):
        columns = _columns(first=first, total=total)
        rows.append({"factor": path, **columns, "samples": estimates.rows})
    return rows


def _morris_rows(
    result: SweepResult, points: list[int], parts: dict[str, int], y: Floats
) -> list[Row]:
    """A row a factor: mean, mean size and spread of its elementary effects. parts: rows
    of y by the points' places in the design."""
    paths, levels = result.paths, result.manifest.design.levels
    size = levels / (2 * (levels - 1))
    values = [dict(result.table.points[number].values) for number in points]
    values_before, values_after, steps = [], [], []
    for trajectory in sorted({int(part[1:].split(".")[0]) for part in parts}):
        names = [f"T{trajectory}.{step}" for step in range(len(paths) + 1)]
        if not all(name in parts for name in names):
            continue
        rows = [parts[name] for name in names]
        moves = _moves(paths, [values[row] for row in rows])
        order = [moves[path] for path in paths]
        values_before.append(y[[rows[step] for step, _ in order]])
        values_after.append(y[[rows[step + 1] for step, _ in order]])
        steps.append([size * sign for _, sign in order])
    if len(values_before) < 2:
        return []
    effects = morris_effects(
        np.stack(values_before), np.stack(values_after), np.array(steps)
    )
    indices = zip(paths, effects.mu, effects.mu_star, effects.sigma, strict=True)
    return [
        {
            "factor": path,
            **_columns(mu=mu, mu_star=mu_star, sigma=sigma),
            "trajectories": effects.trajectories,
        }
        for path, mu, mu_star, sigma in indices
    ]


def _moves(
    paths: Sequence[str], trajectory: list[dict[str, Any]]
) -> dict[str, tuple[int, int]]:
    """Which step of a trajectory moves which factor, and whether a number falls, -1.

    A step between two shares with the same value moves the one factor that no other
    step moves."""
    moves: dict[str, tuple[int, int]] = {}
    unchanged = []
    for step, (point, next_point) in enumerate(pairwise(trajectory)):
        path = next((path for path in paths if point[path] != next_point[path]), None)
        if path is None:
            unchanged.append(step)
            continue
        numbers = point[path], next_point[path]
        is_number = all(isinstance(value, int | float) for value in numbers)
        moves[path] = step, -1 if is_number and numbers[1] < numbers[0] else 1
    for path in paths:
        if path not in moves:
            moves[path] = unchanged.pop(), 1
    return moves


def _columns(**indices: Index) -> dict[str, float]:
    """Each index with the bounds of its interval, as columns of a table."""
    columns: dict[str, float] = {}
    for name, index in indices.items():
        columns[name] = index.value
        columns[f"{name}_lo"], columns[f"{name}_hi"] = index.low, index.high
    return columns


def _without_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Indices of one run a point have no intervals: what that run adds to all points
    cannot be known."""
    ends = [name for name in frame.columns if name.endswith(("_lo", "_hi"))]
    return frame.assign(**dict.fromkeys(ends, float("nan")))
