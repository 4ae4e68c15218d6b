"""`compare A B`: what the two sides are, what differs in their inputs, and the comparisons that follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from balance_sim.analysis.comparison import Comparison, Side, arms_in_both, compare_sides
from balance_sim.pool.faults import WrongRequest, no_results
from balance_sim.results.folder import leaf_differences
from balance_sim.results.points import PointTable
from balance_sim.results.recount import Counting, by_one_table
from balance_sim.results.result import Result, open_result
from balance_sim.results.store import Store
from balance_sim.results.sweep_result import SweepResult, open_sweep

INPUTS = ("scenario", "inputs", "seed", "arms", "model", "versions", "design", "runs")


@dataclass(frozen=True)
class Named:
    """A side as the command names it: `FOLDER`, `FOLDER:arm`, `FOLDER@point`, `FOLDER@point:arm`."""

    text: str
    folder: Path
    point: int | None
    arm: str | None


@dataclass(frozen=True)
class Found:
    """What a comparison found. outcomes and dyads are tidy; differences: key paths of the inputs that differ;

    counting: by whose classes both sides were counted, and what was left out."""

    left: str
    right: str
    paired: bool
    differences: list[str]
    outcomes: pd.DataFrame
    dyads: pd.DataFrame
    counting: Counting = field(default_factory=Counting)


def parse_side(text: str) -> Named:
    """The folder, point and arm a text names; a folder whose own name holds `:` or `@` is taken as it is."""
    if (Path(text) / "manifest.json").exists():
        return Named(text, Path(text), None, None)
    rest, colon, arm = text.rpartition(":")
    head, wanted = (rest, arm) if colon else (text, None)
    folder, at, number = head.rpartition("@")
    if at and number.isdigit() and not (Path(head) / "manifest.json").exists():
        return Named(text, Path(folder), int(number), wanted)
    return Named(text, Path(head), None, wanted)


def compare(left: str, right: str, classes: str | None = None) -> Found:
    """Two results folders, two arms, or two points of sweeps.

    Without arms named, every arm both have is compared with itself. Two sweeps are compared at every point
    that both have. classes: `left` or `right`, whose class table counts where the two differ.
    Raises WrongRequest for what cannot be compared, class tables that differ among it."""
    sides = parse_side(left), parse_side(right)
    opened = [open_side(side) for side in sides]
    differences = inputs_that_differ(*sides)
    one, two = opened
    if isinstance(one, SweepResult) and isinstance(two, SweepResult):
        pieces, counting = _points_in_both(one, two, sides, classes)
    elif isinstance(one, Result) and isinstance(two, Result):
        (one, two), counting = by_one_table([one, two], [left, right], classes)
        pieces = _arm_pieces(one, two, sides, {})
    else:
        raise WrongRequest("a sweep and a single study: name a point of the sweep, e.g. FOLDER@0")
    if not pieces:
        raise WrongRequest("nothing to compare: no arm or point is in both")
    outcomes, dyads = [], []
    for front, piece in pieces:
        outcomes.append(_fronted(piece.outcomes, front))
        dyads.append(_fronted(piece.dyads, front))
    filled = [frame for frame in dyads if len(frame)] or dyads[:1]
    return Found(
        left,
        right,
        all(piece.paired for _, piece in pieces),
        differences,
        pd.concat(outcomes, ignore_index=True),
        pd.concat(filled, ignore_index=True),
        counting,
    )


def inputs_that_differ(left: Named, right: Named) -> list[str]:
    """Key paths of the inputs that differ, with both values."""
    return leaf_differences(_inputs(left), _inputs(right), words="{a!r} left, {b!r} right")


def open_side(side: Named) -> Result | SweepResult:
    """The study that a side names, or the one point of it. Raises WrongRequest where there is none."""
    manifest = Store(side.folder).read_manifest()
    if manifest is None:
        raise no_results(side.folder)
    if not manifest.is_sweep:
        if side.point is not None:
            raise WrongRequest(f"{side.folder} is no sweep and has no points; leave out @{side.point}")
        return open_result(side.folder)
    whole = open_sweep(side.folder)
    if side.point is None:
        return whole
    if side.point not in whole.table.numbers():
        raise WrongRequest(f"{side.folder} has no point {side.point}")
    return whole.point(side.point)


def _inputs(side: Named) -> dict[str, Any]:
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
    one: SweepResult, two: SweepResult, sides: tuple[Named, Named], classes: str | None
) -> tuple[list[tuple[dict[str, Any], Comparison]], Counting]:
    there: dict[str, list[int]] = {}
    for number in two.table.numbers():
        there.setdefault(two.table.points[number].key, []).append(number)
    pieces, counting = [], Counting()
    for number in one.table.numbers():
        matches = there.get(one.table.points[number].key)
        if matches:
            front = {"point": number} | dict(one.table.points[number].values)
            points = [one.point(number), two.point(matches.pop(0))]
            points, how = by_one_table(points, [side.text for side in sides], classes)
            counting = counting.joined(how)
            pieces += _arm_pieces(points[0], points[1], sides, front)
    return pieces, counting


def _arm_pieces(
    one: Result, two: Result, sides: tuple[Named, Named], front: dict[str, Any]
) -> list[tuple[dict[str, Any], Comparison]]:
    for side, result in zip(sides, (one, two), strict=True):
        if side.arm is not None and side.arm not in result.arms:
            raise WrongRequest(f"{side.folder} has no arm `{side.arm}`; it has: {', '.join(result.arms)}")
    if sides[0].arm is None and sides[1].arm is None:
        arms = [(arm, arm) for arm in arms_in_both(one.arms, two.arms)]
    else:
        arms = [(sides[0].arm or str(sides[1].arm), sides[1].arm or str(sides[0].arm))]
        for arm, result in zip(arms[0], (one, two), strict=True):
            if arm not in result.arms:
                raise WrongRequest(f"{result.folder} has no arm `{arm}`; it has: {', '.join(result.arms)}")
    return [
        (front | {"left_arm": a, "right_arm": b}, compare_sides(Side(one, a), Side(two, b))) for a, b in arms
    ]


def _fronted(frame: pd.DataFrame, front: dict[str, Any]) -> pd.DataFrame:
    for at, (name, value) in enumerate(front.items()):
        frame.insert(at, name, [value] * len(frame))
    return frame
