"""`compare A B`: two results side by side, outcome by outcome and dyad by dyad; paired
where the seeds match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.effects.expected_effect import largest_first
from balance_sim.effects.result import AnalysedResult
from balance_sim.model.core import Floats
from balance_sim.scenario.errors import OneLine, WrongRequest, no_results, plain_data
from balance_sim.stats.intervals import t_quantile, welch
from balance_sim.study.differences import leaf_differences
from balance_sim.study.estimates import (
    Differences,
    Levels,
    columns_by_arm,
    in_chunks,
)
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, least_jump
from balance_sim.study.points import PointTable
from balance_sim.study.result import Result, open_result, refuse_other_classes
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_sweep

Columns = dict[str, Floats]

INPUTS = ("scenario", "inputs", "seed", "arms", "model", "versions", "design", "runs")
WINDOW_RUNS = 1024  # runs looked at together; both sides are cut at its multiples
DYAD_COLUMNS = ["a", "b", "left", "right", "difference", "lo", "hi"]


@dataclass(frozen=True)
class ComparedSide:
    """A side as the command names it: `FOLDER`, `FOLDER:arm`, `FOLDER@point`,
    `FOLDER@point:arm`."""

    text: str
    folder: Path
    point: int | None
    arm: str | None


@dataclass(frozen=True, repr=False)
class StudyComparison(OneLine):
    """Two studies compared: right less left.

    differences: inputs that differ, with both values. outcomes, dyads: tidy.
    first_difference: arm, outcome and replication in which the two first differ, of a
    sweep the point too; None where no outcome differs in any replication."""

    left: str
    right: str
    paired: bool
    differences: list[str]
    outcomes: pd.DataFrame
    dyads: pd.DataFrame
    first_difference: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: lists of records."""
        document = {
            "left": self.left,
            "right": self.right,
            "paired": self.paired,
            "inputs_that_differ": self.differences,
            "first_difference": self.first_difference,
            "outcomes": self.outcomes.to_dict("records"),
            "dyads": self.dyads.to_dict("records"),
        }
        return {name: plain_data(value) for name, value in document.items()}


@dataclass(frozen=True)
class ArmPair:
    """An arm of the study on the left, and the arm of that on the right which it is
    compared with. point: number and values, in sweeps."""

    left: Result
    left_arm: str
    right: Result
    right_arm: str
    point: dict[str, Any] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[tuple[Result, str], tuple[Result, str]]:
        """Study and arm, left and right."""
        return (self.left, self.left_arm), (self.right, self.right_arm)

    @property
    def is_paired(self) -> bool:
        """Whether both were simulated with the same random numbers."""
        return self.left.seed == self.right.seed


@dataclass(frozen=True)
class ArmComparison:
    """Two arms compared: tidy frames of outcomes and dyads, and where they first
    differ."""

    outcomes: pd.DataFrame
    dyads: pd.DataFrame
    first_difference: dict[str, Any] | None


# -- the two sides ---------------------------------------------------------------------


def parse_side(text: str) -> ComparedSide:
    """The folder, point and arm a text names; a folder whose own name holds `:` or `@`
    is taken as it is."""
    if (Path(text) / "manifest.json").exists():
        return ComparedSide(text, Path(text), None, None)
    place, arm = text, None
    if ":" in text:
        place, _, arm = text.rpartition(":")
    folder, sign, number = place.rpartition("@")
    if sign and number.isdigit() and not (Path(place) / "manifest.json").exists():
        return ComparedSide(text, Path(folder), int(number), arm)
    return ComparedSide(text, Path(place), None, arm)


def open_side(side: ComparedSide) -> Result | SweepResult:
    """The study that a side names, or the one point of it. Raises WrongRequest where
    there is none, or no such arm."""
    study = _open_study(side)
    if side.arm is not None:
        _refuse_unknown_arm(study, side.arm, side.folder)
    return study


def _open_study(side: ComparedSide) -> Result | SweepResult:
    manifest = Store(side.folder).read_manifest()
    if manifest is None:
        raise no_results(side.folder)
    if not manifest.is_sweep:
        if side.point is not None:
            raise WrongRequest(
                f"{side.folder} is no sweep and has no points; leave out @{side.point}"
            )
        return open_result(side.folder)
    sweep = open_sweep(side.folder)
    if side.point is None:
        return sweep
    if side.point not in sweep.table.numbers():
        raise WrongRequest(f"{side.folder} has no point {side.point}")
    return sweep.point_as(AnalysedResult, side.point)


def _refuse_unknown_arm(
    study: Result | SweepResult, arm: str, folder: Path | None
) -> None:
    if arm not in study.arms:
        raise WrongRequest(
            f"{folder} has no arm `{arm}`; it has: {', '.join(study.arms)}"
        )


def inputs_that_differ(left: ComparedSide, right: ComparedSide) -> list[str]:
    """Key paths of the inputs that differ, with both values."""
    words = "{a!r} left, {b!r} right"
    return leaf_differences(_inputs(left), _inputs(right), words=words)


def _inputs(side: ComparedSide) -> dict[str, Any]:
    manifest = Store(side.folder).read_manifest()
    if manifest is None:
        return {}
    values = manifest.plain()
    inputs = {key: values[key] for key in INPUTS if key in values}
    if manifest.points is not None and side.point is not None:
        points = PointTable.load(Store(side.folder), manifest.points).points
        point = points[side.point].values
        inputs["point"] = {path: str(value) for path, value in point}
    return inputs


# -- the comparison --------------------------------------------------------------------


def compare(left: str, right: str) -> StudyComparison:
    """Two results folders, two arms, or two points of sweeps: differences are right
    less left.

    Without arms named, every arm that both have is compared with itself; two sweeps at
    every point that both have.

    Parameters
    ----------
    left, right : `FOLDER`, `FOLDER:ARM`, `FOLDER@POINT` or `FOLDER@POINT:ARM`

    Returns
    -------
    StudyComparison
        `outcomes` and `dyads`, tidy, with means, difference, MCSE and 95 % CI in the
        outcome's own unit, paired by random numbers where the seeds match, by Welch
        (1947) where not; and the first replication in which an outcome differs

    Raises
    ------
    WrongRequest : for what cannot be compared, class tables that differ among it
    StoreDamaged : where a file is not what it was written as

    Examples
    --------
    >>> import balance_sim as bs
    >>> from tempfile import TemporaryDirectory
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> with TemporaryDirectory() as folder:
    ...     made = bs.run(scenario, runs=4, seed=1, out=folder)
    ...     comparison = compare(f"{folder}:no_summit", f"{folder}:summit")
    >>> comparison.paired, comparison.differences
    (True, [])
    """
    sides = parse_side(left), parse_side(right)
    left_study, right_study = open_side(sides[0]), open_side(sides[1])
    differences = inputs_that_differ(*sides)
    if isinstance(left_study, SweepResult) and isinstance(right_study, SweepResult):
        pairs = _pairs_of_sweeps(left_study, right_study, sides)
    elif isinstance(left_study, Result) and isinstance(right_study, Result):
        refuse_other_classes([left_study, right_study], [left, right])
        pairs = _arm_pairs(left_study, right_study, sides)
    else:
        raise WrongRequest(
            "a sweep and a single study: name a point of the sweep, e.g. FOLDER@0"
        )
    if not pairs:
        raise WrongRequest("nothing to compare: no arm or point is in both")
    compared = [compare_arms(pair) for pair in pairs]
    outcomes = [
        _with_front(pair, comparison.outcomes)
        for pair, comparison in zip(pairs, compared, strict=True)
    ]
    dyads = [
        _with_front(pair, comparison.dyads)
        for pair, comparison in zip(pairs, compared, strict=True)
    ]
    filled = [frame for frame in dyads if len(frame)] or dyads[:1]
    first_differences = (comparison.first_difference for comparison in compared)
    return StudyComparison(
        left,
        right,
        all(pair.is_paired for pair in pairs),
        differences,
        pd.concat(outcomes, ignore_index=True),
        pd.concat(filled, ignore_index=True),
        next(filter(None, first_differences), None),
    )


def _with_front(pair: ArmPair, frame: pd.DataFrame) -> pd.DataFrame:
    """A frame after columns that say which arms, and of a sweep which point, it is
    of."""
    front = pair.point | {"left_arm": pair.left_arm, "right_arm": pair.right_arm}
    for place, (name, value) in enumerate(front.items()):
        frame.insert(place, name, [value] * len(frame))
    return frame


def _pairs_of_sweeps(
    left: SweepResult, right: SweepResult, sides: tuple[ComparedSide, ComparedSide]
) -> list[ArmPair]:
    """Pairs of arms at every point that both sweeps have."""
    numbers: dict[str, list[int]] = {}
    for number in right.table.numbers():
        numbers.setdefault(right.table.points[number].key, []).append(number)
    pairs: list[ArmPair] = []
    for number in left.table.numbers():
        point = left.table.points[number]
        same_points = numbers.get(point.key)
        if same_points:
            studies = [left.point(number), right.point(same_points.pop(0))]
            refuse_other_classes(studies, [side.text for side in sides])
            front = {"point": number} | dict(point.values)
            pairs += _arm_pairs(studies[0], studies[1], sides, front)
    return pairs


def _arm_pairs(
    left: Result,
    right: Result,
    sides: tuple[ComparedSide, ComparedSide],
    point: dict[str, Any] | None = None,
) -> list[ArmPair]:
    """The arms that are named, one standing for both; else those that both have."""
    named = [side.arm for side in sides if side.arm is not None]
    if not named:
        arms = [arm for arm in left.arms if arm in right.arms]
        return [ArmPair(left, arm, right, arm, point or {}) for arm in arms]
    for study, side, arm in (
        (left, sides[0], named[0]),
        (right, sides[1], named[-1]),
    ):
        folder = side.folder if side.arm is not None else study.folder
        _refuse_unknown_arm(study, arm, folder)
    return [ArmPair(left, named[0], right, named[-1], point or {})]


def compare_arms(pair: ArmPair) -> ArmComparison:
    """Every outcome and every dyad that both arms have."""
    levels, differences = (Levels(), Levels()), Differences()
    first_difference = None
    for columns in _side_by_side(pair):
        shared = _shared_replications(*columns)
        if first_difference is None:
            first_difference = _first_difference(pair, *shared)
        left_columns, right_columns = map(
            _without_numbers, shared if pair.is_paired else columns
        )
        levels[0].add(left_columns)
        levels[1].add(right_columns)
        if pair.is_paired:
            differences.add(right_columns, left_columns)
    is_alike = pair.is_paired and differences.alike
    names = [name for name in levels[0].counts if name in levels[1].counts]
    rows = [
        _outcome_row(pair, name, levels, differences, is_alike=is_alike)
        for name in names
    ]
    dyads = _dyads_frame(pair, is_alike=is_alike)
    return ArmComparison(pd.DataFrame(rows), dyads, first_difference)


def _without_numbers(columns: Columns) -> Columns:
    return {name: values for name, values in columns.items() if name != "run"}


def _shared_replications(left: Columns, right: Columns) -> tuple[Columns, Columns]:
    """The same columns, of the replications that both sides have."""
    if not left or not right:
        return _rows(left, np.zeros(0, int)), _rows(right, np.zeros(0, int))
    _, in_left, in_right = np.intersect1d(
        left["run"], right["run"], assume_unique=True, return_indices=True
    )
    return _rows(left, in_left), _rows(right, in_right)


def _rows(columns: Columns, rows: Any) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _first_difference(
    pair: ArmPair, left: Columns, right: Columns
) -> dict[str, Any] | None:
    """The first replication in which an outcome differs, and the first such outcome.
    left, right: columns over the same replications, in their order."""
    first: tuple[int, str] | None = None
    for name, values in _without_numbers(left).items():
        if name not in right:
            continue
        right_values = right[name]
        outcome = name.removeprefix(FILTERED)
        is_same = (values == right_values) | (np.isnan(values) & np.isnan(right_values))
        rows = np.flatnonzero(~is_same)
        if len(rows) and (first is None or rows[0] < first[0]):
            first = int(rows[0]), outcome
    if first is None:
        return None
    row, outcome = first
    place: dict[str, Any] = {"arm": pair.left_arm, "outcome": outcome}
    if "point" in pair.point:
        place["point"] = pair.point["point"]
    return place | {"replication": int(left["run"][row])}


def _outcome_row(
    pair: ArmPair,
    name: str,
    levels: tuple[Levels, Levels],
    differences: Differences,
    *,
    is_alike: bool,
) -> dict[str, Any]:
    """An outcome's row: mean of both sides, and the difference with its interval."""
    is_filtered = all(name in side.filtered for side in levels)
    left, right = levels
    left_level = left.filtered[name] if is_filtered else left.counts[name]
    right_level = right.filtered[name] if is_filtered else right.counts[name]
    row: dict[str, Any] = {
        "outcome": name,
        "left": left_level.mean(),
        "right": right_level.mean(),
    }
    if name not in differences.of:
        difference, mcse, lo, hi = welch(left_level.sample(), right_level.sample())
        row |= {"difference": difference, "mcse": mcse, "lo": lo, "hi": hi}
        estimator = "filtered" if is_filtered else "count"
        return row | {"n": min(left_level.n, right_level.n), "estimator": estimator}
    jumps = [least_jump(name, study.steps) for study in (pair.left, pair.right)]
    spread = left.counts[name].spread_with(right.counts[name])
    spread = float(np.maximum(spread, max(jumps)))
    if is_alike or fixed_beforehand(name):
        spread = 0.0
    effect = differences.of[name].row(spread)  # with the interval that `run` gives it
    row["difference"] = effect["mean"]
    return row | {key: effect[key] for key in ("mcse", "lo", "hi", "n", "estimator")}


def _side_by_side(pair: ArmPair) -> Iterator[tuple[Columns, Columns]]:
    """Outcome columns of both arms in the same range of run numbers, range by range;
    empty where a side has none."""
    streams = [_windows(study, side) for side, (study, _) in enumerate(pair.sides)]
    tables = merge(*streams, key=itemgetter(0, 1))
    for _, window in groupby(tables, key=itemgetter(0)):
        columns: list[Columns] = [{}, {}]
        for _, side, table in window:
            arm = pair.sides[side][1]
            columns[side] = columns_by_arm(table, [arm])[arm]
        yield columns[0], columns[1]


def _windows(result: Result, side: int) -> Iterator[tuple[int, int, pa.Table]]:
    """Number of a range of runs, side, and the table of those runs, in their order."""
    for table in in_chunks(result.outcome_tables(), WINDOW_RUNS):
        yield int(table["run"][0].as_py()) // WINDOW_RUNS, side, table


def _dyads_frame(pair: ArmPair, *, is_alike: bool) -> pd.DataFrame:
    """Tidy: a, b, left, right, difference, lo, hi; the largest differences first.

    Expected new agreements by dyad, filtered. A folder keeps sums over its runs, not
    the runs, so the interval takes the two sides as independent: where seeds match it
    is too wide. is_alike: nothing differs in any run."""
    left_dyads = _dyads_of(pair.left, pair.left_arm)
    right_dyads = _dyads_of(pair.right, pair.right_arm)
    if left_dyads.empty or right_dyads.empty:
        return pd.DataFrame(columns=DYAD_COLUMNS)
    merged = left_dyads.merge(
        right_dyads, on=["a", "b"], how="inner", suffixes=("_left", "_right")
    )
    difference = merged["mean_right"] - merged["mean_left"]
    n = int(min(merged["n_left"].min(), merged["n_right"].min()))
    error = np.sqrt(merged["error_left"] ** 2 + merged["error_right"] ** 2)
    half = 0.0 * error if is_alike else t_quantile(0.95, n - 1) * error
    frame = pd.DataFrame(
        {
            "a": merged["a"],
            "b": merged["b"],
            "left": merged["mean_left"],
            "right": merged["mean_right"],
            "difference": difference,
            "lo": difference - half,
            "hi": difference + half,
        }
    )
    return largest_first(frame, difference)


def _dyads_of(study: Result, arm: str) -> pd.DataFrame:
    """Means and errors of an arm by dyad, over n replications."""
    columns = ["a", "b", "mean", "error", "n"]
    return study.dyads.loc[study.dyads["arm"] == arm, columns]
