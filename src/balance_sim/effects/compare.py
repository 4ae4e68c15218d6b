"""`compare A B`: two results side by side, outcome by outcome and dyad by dyad.

Where the seeds match the two are paired by random numbers, and the difference is
estimated as `run` estimates an effect (`study.estimates`); where not, by Welch 1947,
Biometrika 34."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.effects.expected_effect import largest_first
from balance_sim.effects.result import AnalysedResult
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.errors import (
    PATH,
    OneLine,
    WrongRequest,
    checked_name,
    checked_type,
    plain_data,
)
from balance_sim.stats.frame import Frame
from balance_sim.stats.intervals import t_quantile, welch
from balance_sim.study.differences import differences
from balance_sim.study.estimates import Estimates
from balance_sim.study.folder import differing_levels
from balance_sim.study.frames import Outcomes
from balance_sim.study.points import PointTable
from balance_sim.study.result import Result
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_study
from balance_sim.study.tables import of_arms

INPUTS = ("scenario", "inputs", "seed", "arms", "model", "versions", "design", "runs")
SIDES = ("left", "right")
NUMBERS = ["outcome", "left", "right", "difference", "mcse", "lo", "hi", "n"]
NUMBERS += ["estimator"]
DYAD_COLUMNS = ["a", "b", "left", "right", "difference", "lo", "hi"]


type DifferingInput = tuple[str, Any, Any]
"""Its key path, and its value on the left and on the right."""


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
    first_difference: arm, outcome and replication in which the two first differ; the
    outcome is `replications` where one side alone has the
    replication, `agreements` where only these differ; None where nothing does."""

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
    compared with."""

    studies: tuple[Result, Result]
    arms: tuple[str, str]

    @property
    def is_paired(self) -> bool:
        """Whether both were simulated with the same random numbers."""
        return self.studies[0].seed == self.studies[1].seed


# -- the two sides ---------------------------------------------------------------------


def parse_side(text: str) -> ComparedSide:
    """The folder, point and arm a text names; a folder whose own name holds `:` or `@`
    is taken as it is."""
    if Path(text).exists():
        return ComparedSide(text, Path(text), None, None)
    folder, colon, arm = text.rpartition(":")
    folder = folder if colon else text
    place, _, number = folder.rpartition("@")
    if number.isdigit() and not Path(folder).exists():
        return ComparedSide(text, Path(place), int(number), arm if colon else None)
    return ComparedSide(text, Path(folder), None, arm if colon else None)


def open_side(side: ComparedSide) -> Result | SweepResult:
    """The study that a side names, or the one point of it. Raises WrongRequest where
    there is none, or no such arm."""
    swept = open_study(side.folder)
    is_sweep = swept.manifest.is_sweep
    if side.point is not None:
        numbers = swept.table.numbers() if is_sweep else ()
        checked_name(f"point of {side.folder}", str(side.point), map(str, numbers))
    study: Result | SweepResult = swept
    if side.point is not None or not is_sweep:
        study = swept.point(side.point or 0, AnalysedResult)
    if side.arm is not None:
        checked_name("arm", side.arm, study.arms)
    return study


def open_run(side: ComparedSide) -> Result:
    """The study of one scenario that a side names. Raises WrongRequest for a whole
    sweep."""
    study = open_side(side)
    if isinstance(study, SweepResult):
        raise WrongRequest(f"{side.text} is a sweep: name a point of it, {side.text}@0")
    return study


def refuse_other_classes(studies: tuple[Result, Result], names: Sequence[str]) -> None:
    """Raise WrongRequest where two studies count agreements by different class tables,
    or measure outcomes on states in different roles."""
    classes_a, classes_b = (classes_of(study.scenario) for study in studies)
    if classes_a.sha256 == classes_b.sha256:
        return
    reason = "measure outcomes on states in different roles"
    dyads = classes_a.unlike(classes_b)
    if dyads:
        (a, b), *directions = dyads[0]
        left_class, right_class = (direction or "none" for direction in directions)
        reason = (
            f"count agreements by different class tables: {len(dyads):,} dyads "
            f"differ, e.g. {a}-{b} ({left_class} left, {right_class} right)"
        )
    raise WrongRequest(
        f"{names[0]} and {names[1]} {reason}. Compare results of one scenario file: "
        "`--set` moves no class and no role"
    )


def differing_inputs(left: ComparedSide, right: ComparedSide) -> list[DifferingInput]:
    """Key paths of the inputs that differ, with both values."""
    manifests = (Store(side.folder).manifest() for side in (left, right))
    levels = differing_levels(*manifests)
    return [*differences(_inputs(left), _inputs(right)), *levels]


def _inputs(side: ComparedSide) -> dict[str, Any]:
    manifest = Store(side.folder).manifest()
    values = manifest.model_dump()
    inputs = {key: values[key] for key in INPUTS if key in values}
    if manifest.points is not None and side.point is not None:
        points = PointTable.load(side.folder, manifest).points
        point = points[side.point].values
        inputs["point"] = {path: str(value) for path, value in point}
    return inputs


# -- the comparison --------------------------------------------------------------------


def compare(left: Result | Path | str, right: Result | Path | str) -> StudyComparison:
    """Compare two results folders, two arms, or two points of sweeps. A difference is
    the right side minus the left.

    Without arms named, every arm that both have is compared with itself.

    Parameters
    ----------
    left, right : `FOLDER`, `FOLDER:ARM`, `FOLDER@POINT` or `FOLDER@POINT:ARM`; or a
        result that has a folder

    Returns
    -------
    StudyComparison
        `outcomes` and `dyads`, tidy, with means, difference, MCSE and 95 % CI in the
        outcome's own unit, paired by random numbers where the seeds match, by Welch
        (1947) where not; and the first replication in which they differ

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
    sides = parse_side(_name_of(left)), parse_side(_name_of(right))
    studies = open_run(sides[0]), open_run(sides[1])
    refuse_other_classes(studies, [side.text for side in sides])
    pairs = [ArmPair(studies, arms) for arms in _arm_pairs(studies, sides)]
    if not pairs:
        raise WrongRequest("nothing to compare: no arm is in both")
    outcomes, dyads = [], []
    places: list[dict[str, Any]] = []
    for pair in pairs:
        estimates = _estimates_of(pair, SIDES)
        is_alike = pair.is_paired and bool(estimates.alike)
        outcomes.append(_with_front(pair, _outcomes_frame(pair, estimates)))
        dyads.append(_with_front(pair, _dyads_frame(pair, is_alike=is_alike)))
        places += filter(None, [_first_difference(pair, estimates)])
    return StudyComparison(
        sides[0].text,
        sides[1].text,
        all(pair.is_paired for pair in pairs),
        [
            f"{path}: {left_value!r} left, {right_value!r} right"
            for path, left_value, right_value in differing_inputs(*sides)
        ],
        pd.concat(outcomes, ignore_index=True),
        pd.concat([frame for frame in dyads if len(frame)] or dyads[:1]),
        next(iter(places), None),
    )


def _name_of(side: Result | Path | str) -> str:
    """What names a side. Raises WrongRequest for a result in memory."""
    if not isinstance(side, Result):
        expected = "a results folder, as text or path, or a result that has one"
        checked_type("side", side, PATH, expected)
        return str(side)
    if side.folder is None:
        raise WrongRequest(f"{side} has no folder to compare: run it with out=")
    return str(side.folder)


def _arm_pairs(
    studies: tuple[Result, Result], sides: tuple[ComparedSide, ComparedSide]
) -> list[tuple[str, str]]:
    """The arms that are named, one standing for both; else those that both have."""
    named = [side.arm for side in sides if side.arm is not None]
    if not named:
        return [(arm, arm) for arm in studies[0].arms if arm in studies[1].arms]
    pair = named[0], named[-1]
    for study, arm in zip(studies, pair, strict=True):
        checked_name("arm", arm, study.arms)
    return [pair]


def _with_front(pair: ArmPair, frame: pd.DataFrame) -> pd.DataFrame:
    """A frame after columns that say which arms it is of."""
    front = {"left_arm": pair.arms[0], "right_arm": pair.arms[1]}
    return frame.assign(**front)[[*front, *frame.columns]]


def _estimates_of(pair: ArmPair, sides: Sequence[str]) -> Estimates:
    """The arms of some sides as arms of one study: levels, paired differences and the
    first replication that differs, over the replications that they have."""
    left_steps, right_steps = (study.steps for study in pair.studies)
    steps = {name: max(step, right_steps[name]) for name, step in left_steps.items()}
    outcomes = Outcomes(partial(_tables_of, pair, sides))
    return Estimates(outcomes, sides, steps=steps)


def _tables_of(
    pair: ArmPair, sides: Sequence[str], names: Sequence[str] | None
) -> Iterator[pa.Table]:
    """Some outcomes, or all that both studies have, of the arms of some sides, each arm
    by the name of its side."""
    left_names, right_names = (study.by_run.names for study in pair.studies)
    wanted = (
        [name for name in left_names if name in right_names]
        if names is None
        else [*names]
    )
    for side in sides:
        study, arm = pair.studies[SIDES.index(side)], pair.arms[SIDES.index(side)]
        for table in study.outcome_tables(wanted):
            rows = of_arms(table, [arm]).select(["run", *wanted])
            yield rows.append_column("arm", pa.array([side] * len(rows), pa.string()))


def _first_difference(pair: ArmPair, estimates: Estimates) -> dict[str, Any] | None:
    """Where two arms first differ: in an outcome; else in a replication that only one
    of them has; else in their agreements. None where they are the same."""
    place = {"arm": pair.arms[0]}
    for run, outcome in estimates.first_difference.values():
        return place | {"outcome": outcome, "replication": run}
    runs = [
        study.by_run.runs_of(arm)
        for study, arm in zip(pair.studies, pair.arms, strict=True)
    ]
    alone = np.setxor1d(runs[0], runs[1])
    if len(alone):
        return place | {"outcome": "replications", "replication": int(alone[0])}
    agreements_a, agreements_b = (
        study.agreements.query("arm == @arm").drop(columns="arm")
        for study, arm in zip(pair.studies, pair.arms, strict=True)
    )
    rows = agreements_a.merge(agreements_b, how="outer", indicator="side")
    only_one = rows.loc[rows["side"] != "both", "run"]
    if len(only_one):
        return place | {"outcome": "agreements", "replication": int(only_one.min())}
    return None


def _outcomes_frame(pair: ArmPair, estimates: Estimates) -> pd.DataFrame:
    """Tidy: the columns of NUMBERS, an outcome a row; paired, or by Welch."""
    alone = dict.fromkeys(SIDES, estimates)
    if not pair.is_paired:
        alone = {side: _estimates_of(pair, [side]) for side in SIDES}
    rows = []
    for name in alone["left"].names:
        left, right = (alone[side].moments(side, name).sample for side in SIDES)
        row: dict[str, Any] = {"outcome": name, "left": left.mean, "right": right.mean}
        row["estimator"] = estimates.estimator(name)
        if pair.is_paired:
            effect = estimates.effect("right", name)
            row |= {key: effect[key] for key in ("mcse", "lo", "hi", "n")}
            row["difference"] = effect["mean"]
        else:
            numbers = welch(left, right)
            row |= dict(zip(NUMBERS[3:7], numbers, strict=True))
            row["n"] = min(left.n, right.n)
        rows.append(row)
    return Frame(rows, columns=NUMBERS)


def _dyads_frame(pair: ArmPair, *, is_alike: bool) -> pd.DataFrame:
    """Tidy: a, b, left, right, difference, lo, hi; the largest differences first.

    Expected new agreements by dyad, filtered. A folder keeps sums over its runs, not
    the runs, so the interval takes the two sides as independent: where seeds match it
    is too wide. is_alike: nothing differs in any run."""
    sides = [
        study.dyads.loc[study.dyads["arm"] == arm, ["a", "b", "mean", "error", "n"]]
        for study, arm in zip(pair.studies, pair.arms, strict=True)
    ]
    if sides[0].empty or sides[1].empty:
        return pd.DataFrame(columns=DYAD_COLUMNS)
    frame = sides[0].merge(sides[1], on=["a", "b"], suffixes=("_left", "_right"))
    frame = frame.rename(columns={"mean_left": "left", "mean_right": "right"})
    difference = frame["right"] - frame["left"]
    error = np.sqrt(frame["error_left"] ** 2 + frame["error_right"] ** 2)
    n = int(min(frame["n_left"].min(), frame["n_right"].min()))
    half = 0.0 * error if is_alike else t_quantile(0.95, n - 1) * error
    bounds = {"lo": difference - half, "hi": difference + half}
    frame = frame.assign(difference=difference, **bounds)
    return largest_first(frame[DYAD_COLUMNS], difference)
