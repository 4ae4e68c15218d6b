"""`compare A B`: two results side by side, outcome by outcome and dyad by dyad; paired
where the seeds match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
from balance_sim.study.estimates import (
    Counts,
    Differences,
    Levels,
    columns_by_arm,
    in_chunks,
)
from balance_sim.study.folder import leaf_differences
from balance_sim.study.outcomes import fixed_beforehand, least_jump
from balance_sim.study.points import PointTable
from balance_sim.study.result import Result, open_result, refuse_other_classes
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_sweep

Arms = tuple[
    tuple[Result, str], tuple[Result, str]
]  # a study and one of its arms, left and right
Pieces = list[
    tuple[dict[str, Any], bool, pd.DataFrame, pd.DataFrame]
]  # front, paired, outcomes, dyads

INPUTS = ("scenario", "inputs", "seed", "arms", "model", "versions", "design", "runs")
WINDOW_RUNS = 1024  # runs looked at together; both sides are cut at its multiples


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
    """What a comparison found: right less left. differences: inputs that differ."""

    left: str
    right: str
    paired: bool
    differences: list[str]
    outcomes: pd.DataFrame
    dyads: pd.DataFrame

    def as_dict(self) -> dict[str, Any]:
        """For JSON: lists of records."""
        found = {
            **{name: getattr(self, name) for name in ("left", "right", "paired")},
            "inputs_that_differ": self.differences,
            "outcomes": self.outcomes.to_dict("records"),
            "dyads": self.dyads.to_dict("records"),
        }
        return {name: plain_data(value) for name, value in found.items()}


def parse_side(text: str) -> ComparedSide:
    """The folder, point and arm a text names; a folder whose own name holds `:` or `@`
    is taken as it is."""
    if (Path(text) / "manifest.json").exists():
        return ComparedSide(text, Path(text), None, None)
    rest, colon, arm = text.rpartition(":")
    head, wanted = (rest, arm) if colon else (text, None)
    folder, at, number = head.rpartition("@")
    if at and number.isdigit() and not (Path(head) / "manifest.json").exists():
        return ComparedSide(text, Path(folder), int(number), wanted)
    return ComparedSide(text, Path(head), None, wanted)


def open_side(side: ComparedSide) -> Result | SweepResult:
    """The study that a side names, or the one point of it. Raises WrongRequest where
    there is none, or no such arm."""
    found = _opened(side)
    if side.arm is not None and side.arm not in found.arms:
        raise WrongRequest(
            f"{side.folder} has no arm `{side.arm}`; it has: {', '.join(found.arms)}"
        )
    return found


def _opened(side: ComparedSide) -> Result | SweepResult:
    manifest = Store(side.folder).read_manifest()
    if manifest is None:
        raise no_results(side.folder)
    if not manifest.is_sweep:
        if side.point is not None:
            raise WrongRequest(
                f"{side.folder} is no sweep and has no points; leave out @{side.point}"
            )
        return open_result(side.folder)
    whole = open_sweep(side.folder)
    if side.point is None:
        return whole
    if side.point not in whole.table.numbers():
        raise WrongRequest(f"{side.folder} has no point {side.point}")
    return whole.point_as(AnalysedResult, side.point)


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
    StudyComparison : `outcomes` and `dyads`, tidy, with means, difference, MCSE and 95 % CI in the outcome's own unit;
        paired by random numbers where the seeds match, by Welch (1947) where not

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
    ...     found = compare(f"{folder}:no_summit", f"{folder}:summit")
    >>> found.paired, found.differences
    (True, [])
    """
    sides = parse_side(left), parse_side(right)
    one, two = (open_side(side) for side in sides)
    differences = inputs_that_differ(*sides)
    if isinstance(one, SweepResult) and isinstance(two, SweepResult):
        pieces = _points_in_both(one, two, sides)
    elif isinstance(one, Result) and isinstance(two, Result):
        refuse_other_classes([one, two], [left, right])
        pieces = _arm_pieces(one, two, sides, {})
    else:
        raise WrongRequest(
            "a sweep and a single study: name a point of the sweep, e.g. FOLDER@0"
        )
    if not pieces:
        raise WrongRequest("nothing to compare: no arm or point is in both")
    fronted: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
    for front, _, *frames in pieces:
        for frame, kept in zip(frames, fronted, strict=True):
            for at, (name, value) in enumerate(front.items()):
                frame.insert(at, name, [value] * len(frame))
            kept.append(frame)
    some = [frame for frame in fronted[1] if len(frame)] or fronted[1][:1]
    outcomes, dyads = (
        pd.concat(frames, ignore_index=True) for frames in (fronted[0], some)
    )
    paired = all(paired for _, paired, *_ in pieces)
    return StudyComparison(left, right, paired, differences, outcomes, dyads)


def inputs_that_differ(left: ComparedSide, right: ComparedSide) -> list[str]:
    """Key paths of the inputs that differ, with both values."""
    return leaf_differences(
        _inputs(left), _inputs(right), words="{a!r} left, {b!r} right"
    )


def _inputs(side: ComparedSide) -> dict[str, Any]:
    manifest = Store(side.folder).read_manifest()
    if manifest is None:
        return {}
    plain = manifest.plain()
    kept = {key: plain[key] for key in INPUTS if key in plain}
    if manifest.points is not None and side.point is not None:
        points = PointTable.load(Store(side.folder), manifest.points).points
        kept["point"] = {path: str(value) for path, value in points[side.point].values}
    return kept


def _points_in_both(
    one: SweepResult,
    two: SweepResult,
    sides: tuple[ComparedSide, ComparedSide],
) -> Pieces:
    there: dict[str, list[int]] = {}
    for number in two.table.numbers():
        there.setdefault(two.table.points[number].key, []).append(number)
    pieces: Pieces = []
    for number in one.table.numbers():
        if matches := there.get(one.table.points[number].key):
            points = [one.point(number), two.point(matches.pop(0))]
            refuse_other_classes(points, [side.text for side in sides])
            front = {"point": number} | dict(one.table.points[number].values)
            pieces += _arm_pieces(points[0], points[1], sides, front)
    return pieces


def _arm_pieces(
    one: Result,
    two: Result,
    sides: tuple[ComparedSide, ComparedSide],
    front: dict[str, Any],
) -> Pieces:
    results, named = (one, two), [side.arm for side in sides]
    if named == [None, None]:
        pairs = [(arm, arm) for arm in one.arms if arm in two.arms]
    else:
        pairs = [(named[0] or str(named[1]), named[1] or str(named[0]))]
        for arm, result, side in zip(pairs[0], results, sides, strict=True):
            if arm not in result.arms:
                folder = side.folder if side.arm is not None else result.folder
                raise WrongRequest(
                    f"{folder} has no arm `{arm}`; it has: {', '.join(result.arms)}"
                )
    return [
        (front | {"left_arm": a, "right_arm": b}, *compare_arms(((one, a), (two, b))))
        for a, b in pairs
    ]


def compare_arms(arms: Arms) -> tuple[bool, pd.DataFrame, pd.DataFrame]:
    """Every outcome and every dyad that both have: whether paired, then the tidy
    frames."""
    (left, _), (right, _) = arms
    paired = left.seed == right.seed
    levels, differences = (Levels(), Levels()), Differences()
    for sides in _side_by_side(arms):
        columns = [
            {name: v for name, v in part.items() if name != "run"} for part in sides
        ]
        if paired:
            numbers = [part.get("run", np.empty(0)) for part in sides]
            for part, have, others in zip(
                columns, numbers, reversed(numbers), strict=True
            ):
                shared = np.isin(have, others)
                part |= {name: values[shared] for name, values in part.items()}
            differences.add(columns[1], columns[0])
        for level, part in zip(levels, columns, strict=True):
            level.add(part)
    alike, rows = paired and differences.alike, []
    for name in (name for name in levels[0].counts if name in levels[1].counts):
        smooth = all(name in side.filtered for side in levels)
        one, other = (
            (side.filtered if smooth else side.counts)[name] for side in levels
        )
        row: dict[str, Any] = {
            "outcome": name,
            "left": one.mean(),
            "right": other.mean(),
        }
        if name in differences.of:  # with the interval that `run` gives them
            least = max(least_jump(name, result.steps) for result in (left, right))
            spread = float(
                np.maximum(
                    levels[0].counts[name].spread_with(levels[1].counts[name]), least
                )
            )
            found = differences.of[name].row(
                0.0 if alike or fixed_beforehand(name) else spread
            )
            row["difference"] = found["mean"]
            row |= {key: found[key] for key in ("mcse", "lo", "hi", "n", "estimator")}
        else:
            names = ("difference", "mcse", "lo", "hi")
            row |= dict(zip(names, welch(one.sample(), other.sample()), strict=True))
            row |= {
                "n": min(one.n, other.n),
                "estimator": "count" if isinstance(one, Counts) else "filtered",
            }
        rows.append(row)
    return paired, pd.DataFrame(rows), _dyads_frame(arms, alike=alike)


def _side_by_side(arms: Arms) -> Iterator[list[dict[str, Floats]]]:
    """Outcome columns of both arms in the same range of run numbers, range by range;
    empty where a side has none."""
    streams = (_windows(result, side) for side, (result, _) in enumerate(arms))
    for _, both in groupby(merge(*streams, key=itemgetter(0, 1)), key=itemgetter(0)):
        columns: list[dict[str, Floats]] = [{}, {}]
        for _, side, table in both:
            arm = arms[side][1]
            columns[side] = columns_by_arm(table, [arm])[arm]
        yield columns


def _windows(result: Result, side: int) -> Iterator[tuple[int, int, pa.Table]]:
    """Number of a range of runs, side, and the table of those runs, in their order."""
    for table in in_chunks(result.outcome_tables(), WINDOW_RUNS):
        yield int(table["run"][0].as_py()) // WINDOW_RUNS, side, table


def _dyads_frame(arms: Arms, *, alike: bool) -> pd.DataFrame:
    """Tidy: a, b, left, right, difference, lo, hi; the largest differences first.

    Expected new agreements by dyad, filtered. A folder keeps sums over its runs, not
    the runs, so the interval takes the two sides as independent: where seeds match it
    is too wide. alike: nothing differs in any run."""
    columns = ["a", "b", "mean", "error", "n"]
    sides = [
        result.dyads.loc[result.dyads["arm"] == arm, columns] for result, arm in arms
    ]
    if any(side.empty for side in sides):
        return pd.DataFrame(
            columns=["a", "b", "left", "right", "difference", "lo", "hi"]
        )
    both = sides[0].merge(
        sides[1], on=["a", "b"], how="inner", suffixes=("_left", "_right")
    )
    difference = both["mean_right"] - both["mean_left"]
    n = int(min(both["n_left"].min(), both["n_right"].min()))
    error = np.sqrt(both["error_left"] ** 2 + both["error_right"] ** 2)
    half = 0.0 * error if alike else t_quantile(0.95, n - 1) * error
    frame = both[["a", "b"]].assign(
        left=both["mean_left"], right=both["mean_right"], difference=difference
    )
    return largest_first(
        frame.assign(lo=difference - half, hi=difference + half), difference
    )
