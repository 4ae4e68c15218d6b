"""From a sweep to statements on its factors: indices, the share of chance, and how many
more runs are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.sweep_matrices import run_matrices
from balance_sim.model.core import Floats
from balance_sim.scenario.errors import OneLine, plain_data
from balance_sim.stats.indices import (
    FEW_POINTS,
    FEW_ROWS,
    FEWEST,
    Index,
    SobolIndices,
    morris_effects,
    sobol_indices,
    variance_split,
)
from balance_sim.stats.intervals import runs_wanted
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.sweep_result import SweepResult

Row = dict[str, Any]

PRECISION = 0.1
"""Half-width of a 95 % interval of a mean or an effect, in the outcome's unit."""
INDEX_PRECISION = 0.05  # the same of an index
NOISE_COUNTS = (
    "one run a point: its noise counts as effect, and the indices have no intervals"
)


@dataclass(frozen=True, repr=False)
class Sensitivity(OneLine):
    """Tidy frames. indices: factor by factor; split: parametric against Monte Carlo
    variance; convergence: runs wanted.

    notes: where an interval holds the truth less often than it says, or noise could not
    be taken off."""

    method: str
    indices: pd.DataFrame
    split: pd.DataFrame
    convergence: pd.DataFrame
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
            "convergence": plain_data(self.convergence.to_dict("records")),
        }


def sensitivity(
    result: SweepResult,
    outcomes: Sequence[str] | None = None,
    precision: float = PRECISION,
    boots: int = 1000,
    seed: int = 1,
) -> Sensitivity:
    """What can be said of a sweep's factors, on means and on paired effects: Sobol
    indices (Saltelli et al. 2010) or elementary effects (Morris 1991) of such a design;
    of any design the split of the variance and the runs wanted.

    Numbers are of the filtered estimate where there is one, under the outcome's own
    name.

    Parameters
    ----------
    result : a sweep read back by `open_sweep`, or as `sweep` returns it
    outcomes : names; all of the sweep if not given
    precision : half-width of a 95 % CI, in the outcome's unit, that `convergence` asks
        for
    boots : resamples behind each interval of a Sobol index
    seed : of the resamples

    Returns
    -------
    Sensitivity : tidy frames `indices`, `split` and `convergence`; `notes` on intervals
        that say too much

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
    if not outcomes:
        plain = (name.removeprefix(FILTERED) for name in result.outcome_names)
        outcomes = list(dict.fromkeys(plain))
    matrices = run_matrices(result, outcomes)
    method = result.manifest.design.method or ""
    # of a grid all parts have the empty name
    names = [result.table.points[number].part for number in matrices.points]
    row_of_part = {part: row for row, part in enumerate(names)}
    sample = _sample_of_parameters(method, names)
    indices: list[Row] = []
    splits: list[Row] = []
    convergence: list[Row] = []
    for quantity, y in matrices.values.items():
        front = quantity._asdict()
        rows: list[Row] = []
        if method == "sobol":
            rows = _sobol_rows(result.paths, row_of_part, y, boots, seed)
        elif method == "morris":
            rows = _morris_rows(result, matrices.points, row_of_part, y)
        indices += [front | row for row in rows]
        splits.append(front | _split_row(y[sample]))
        wanted = runs_wanted(y, precision, matrices.spreads.get(quantity))
        convergence.append(front | wanted)
    frame, split = pd.DataFrame(indices), pd.DataFrame(splits)
    if len(split) and split["runs"].min() < 2:
        frame = _without_ends(frame)
    return Sensitivity(
        method,
        frame,
        split,
        pd.DataFrame(convergence),
        matrices.left_out,
        _notes(method, frame, split),
    )


def _sample_of_parameters(method: str, parts: Sequence[str]) -> list[int]:
    """Rows of the points that are a sample of the parameters: of a Sobol design rows A
    and B."""
    return [
        row
        for row, part in enumerate(parts)
        if method != "sobol" or not part.startswith("AB")
    ]


def _split_row(y: Floats) -> Row:
    """Parametric against Monte Carlo variance of (points, runs)."""
    split = variance_split(y)
    columns = _columns(
        parameters=split.parameters, chance=split.chance, share_parameters=split.share
    )
    return {**columns, "points": split.points, "runs": split.runs}


def _notes(method: str, indices: pd.DataFrame, split: pd.DataFrame) -> list[str]:
    """What the intervals are not: docs/statistics.md has the numbers."""
    notes = []
    has_one_run = bool(len(split)) and split["runs"].min() < 2
    if len(indices) and has_one_run:
        notes.append(NOISE_COUNTS)
    if len(indices) and method == "sobol":
        notes += _sobol_notes(indices, has_one_run=has_one_run)
    if len(indices) and method == "morris" and indices["trajectories"].min() < FEWEST:
        notes.append(
            f"fewer than {FEWEST} trajectories: sigma has no interval; {FEWEST} would "
            "give one"
        )
    if len(split) and 2 <= split["points"].min() < FEW_POINTS:
        notes.append(
            f"fewer than {FEW_POINTS} points: the split of the variance has no "
            f"intervals; {FEW_POINTS} would give them"
        )
    return notes


def _sobol_notes(indices: pd.DataFrame, *, has_one_run: bool) -> list[str]:
    if indices["samples"].min() < FEW_ROWS:
        return [
            f"fewer than {FEW_ROWS} base samples: the indices have no intervals; "
            f"{FEW_ROWS} would give them"
        ]
    is_doubtful = indices["total"].notna() & indices["total_lo"].isna()
    if has_one_run or not is_doubtful.any():
        return []
    return [
        f"{int(is_doubtful.sum())} of {len(indices)} rows of indices have no interval: "
        "the runs of a point are too few to tell the variance over the parameters from "
        "none; these indices say nothing"
    ]


def _sobol_rows(
    paths: Sequence[str], parts: dict[str, int], y: Floats, boots: int, seed: int
) -> list[Row]:
    """A row a factor: first and total order, base samples, and how many are wanted.
    parts: rows of y by the points' places in the design."""
    fronts = ["A", "B", *(f"AB{factor}." for factor in range(len(paths)))]
    candidates = range(sum(1 for part in parts if part.startswith("B")))
    complete = [
        row for row in candidates if all(f"{front}{row}" in parts for front in fronts)
    ]
    if len(complete) < 2:
        return []
    rows_of_y = [[parts[f"{front}{row}"] for row in complete] for front in fronts]
    matrices = y[np.array(rows_of_y)]
    a, b, ab = matrices[0], matrices[1], matrices[2:]
    estimates = sobol_indices(a, b, ab, boots, seed)
    rows = []
    for path, first, total in zip(paths, estimates.first, estimates.total, strict=True):
        columns = _columns(first=first, total=total)
        wanted = _samples_wanted(estimates, first, total)
        row = {"factor": path, **columns, "samples": estimates.rows}
        rows.append(row | {"samples_wanted": wanted})
    return rows


def _samples_wanted(estimates: SobolIndices, first: Index, total: Index) -> float:
    """Base samples for intervals of half-width INDEX_PRECISION, which shrinks with
    their root; or for any intervals at all."""
    if estimates.rows < FEW_ROWS:
        return float(FEW_ROWS)
    width = max((index.high - index.low) / 2 for index in (first, total))
    if not np.isfinite(width):
        return float("nan")
    return float(np.ceil(estimates.rows * (width / INDEX_PRECISION) ** 2))


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
        if moves is None:
            continue
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
) -> dict[str, tuple[int, int]] | None:
    """Which step of a trajectory moves which factor, and up or down; None if it cannot
    be told.

    A step between two shares with the same value moves the one factor that no other
    step moves."""
    moves: dict[str, tuple[int, int]] = {}
    steps_without_change = []
    for step, (values_here, values_there) in enumerate(pairwise(trajectory)):
        changed = [path for path in paths if values_here[path] != values_there[path]]
        if len(changed) > 1:
            return None
        if changed:
            path = changed[0]
            moves[path] = (step, _sign(values_here[path], values_there[path]))
        else:
            steps_without_change.append(step)
    for path in paths:
        if path not in moves:
            moves[path] = (steps_without_change.pop(), 1)
    return moves


def _sign(here: object, there: object) -> int:
    """-1 where a number falls; 1 where it rises, and of other values."""
    if isinstance(here, int | float) and isinstance(there, int | float):
        return -1 if there < here else 1
    return 1


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
