"""From a sweep to statements on its factors: indices, the share of chance, and how many
more runs are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from balance_sim.model.core import Floats
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.scenario.errors import OneLine, WrongRequest, plain_data
from balance_sim.stats.indices import (
    FEW_POINTS,
    FEW_ROWS,
    FEWEST,
    Index,
    morris_effects,
    sobol_indices,
    variance_split,
)
from balance_sim.stats.intervals import runs_wanted, spread_over
from balance_sim.study.estimates import columns_by_arm
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, least_jump
from balance_sim.study.sweep_result import SweepResult

PRECISION = (
    0.1  # half-width of a 95 % interval of a mean or an effect, in the outcome's unit
)
INDEX_PRECISION = 0.05  # the same of an index


class Quantity(NamedTuple):
    """What an index is about: the mean of an outcome in an arm, or its paired
    effect."""

    of: str  # mean or effect
    arm: str
    outcome: str


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

    def as_dict(self) -> dict[str, Any]:
        """For JSON: lists of records."""
        frames = {
            "indices": self.indices,
            "variance": self.split,
            "convergence": self.convergence,
        }
        found: dict[str, Any] = {
            "method": self.method,
            "left_out": self.left_out,
            "notes": self.notes,
        }
        return found | {
            name: plain_data(frame.to_dict("records")) for name, frame in frames.items()
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

    Parameters
    ----------
    result : a sweep read back by `open_sweep`, or as `sweep` returns it
    outcomes : names; all of the sweep if not given
    precision : half-width of a 95 % CI, in the outcome's unit, that `convergence` asks for
    boots : resamples behind each interval of a Sobol index
    seed : of the resamples

    Returns
    -------
    Sensitivity : tidy frames `indices`, `split` and `convergence`; `notes` on intervals that say too much

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
    ...     written = Path(folder, "plan.yaml").write_text(plan)
    ...     found = sensitivity(sweep(load_experiment(Path(folder, "plan.yaml")), out=Path(folder, "out")))
    >>> effect = found.split.set_index("of").loc["effect"]  # of the effect's variance the factor makes nearly all
    >>> int(effect["points"]), round(float(effect["share_parameters"]), 2)
    (2, 0.99)
    """
    # Numbers are of the filtered estimate where there is one, under the outcome's own
    # name.
    names = list(
        outcomes
        or dict.fromkeys(name.removeprefix(FILTERED) for name in result.outcome_names)
    )
    matrices = run_matrices(result, names)
    method = result.manifest.design.method or ""
    named = [
        result.table.points[number].part for number in matrices.points
    ]  # of a grid all have the empty name
    parts = {part: at for at, part in enumerate(named)}
    # of a Sobol design rows A and B: the points that are a sample of the parameters
    sample = [
        at
        for at, part in enumerate(named)
        if method != "sobol" or not part.startswith("AB")
    ]
    indices, splits, convergence = [], [], []
    for quantity, y in matrices.values.items():
        front = quantity._asdict()
        if method == "sobol":
            indices += [
                front | row for row in _sobol_rows(result.paths, parts, y, boots, seed)
            ]
        elif method == "morris":
            indices += [
                front | row for row in _morris_rows(result, matrices.points, parts, y)
            ]
        found = variance_split(y[sample])
        of = _columns(
            parameters=found.parameters,
            chance=found.chance,
            share_parameters=found.share,
        )
        splits.append(front | of | {"points": found.points, "runs": found.runs})
        convergence.append(
            front | runs_wanted(y, precision, matrices.spreads.get(quantity))
        )
    frame, split = pd.DataFrame(indices), pd.DataFrame(splits)
    if len(split) and split["runs"].min() < 2:
        frame = _without_ends(frame)
    notes = _notes(method, frame, split)
    return Sensitivity(
        method, frame, split, pd.DataFrame(convergence), matrices.left_out, notes
    )


def _notes(method: str, indices: pd.DataFrame, split: pd.DataFrame) -> list[str]:
    """What the intervals are not: docs/statistics.md has the numbers."""
    notes = []
    alone = bool(len(split)) and split["runs"].min() < 2
    sobol, morris = (
        len(indices) > 0 and method == name for name in ("sobol", "morris")
    )
    if len(indices) and alone:
        notes.append(
            "one run a point: its noise counts as effect, and the indices have no intervals"
        )
    if sobol and indices["samples"].min() < FEW_ROWS:
        notes.append(
            f"fewer than {FEW_ROWS} base samples: the indices have no intervals; {FEW_ROWS} would give them"
        )
    elif (
        sobol
        and not alone
        and (doubtful := indices["total"].notna() & indices["total_lo"].isna()).any()
    ):
        notes.append(
            f"{int(doubtful.sum())} of {len(indices)} rows of indices have no interval: the runs of a point are "
            "too few to tell the variance over the parameters from none; these indices say nothing"
        )
    if morris and indices["trajectories"].min() < FEWEST:
        notes.append(
            f"fewer than {FEWEST} trajectories: sigma has no interval; {FEWEST} would give one"
        )
    if len(split) and 2 <= split["points"].min() < FEW_POINTS:
        notes.append(
            f"fewer than {FEW_POINTS} points: the split of the variance has no intervals; {FEW_POINTS} would give them"
        )
    return notes


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
    by_point: dict[int, dict[Quantity, Floats]] = {}
    numbers: dict[int, Floats] = {}
    known: dict[str, None] = {}  # outcomes that some point has
    alike: dict[str, list[bool]] = {
        arm: [] for arm in result.arms[1:]
    }  # the control arm there, in every number
    for number in result.table.numbers():
        blocks = [
            columns_by_arm(runs, result.arms) for runs, _ in result.blocks(number)
        ]
        if not blocks:
            continue
        known |= dict.fromkeys(
            name for name in blocks[0][result.reference] if name != "run"
        )
        known |= dict.fromkeys(name.removeprefix(FILTERED) for name in known)
        by_point[number], numbers[number] = _quantities(result, blocks, outcomes)
        for arm, found in alike.items():
            pairs = (
                (of, block[result.reference][name])
                for block in blocks
                for name, of in block[arm].items()
            )
            found.append(
                all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)
            )
    if not by_point:
        raise WrongRequest(f"{result.folder} holds no finished runs yet")
    unknown = [
        name for name in outcomes if name not in known or name.startswith(FILTERED)
    ]
    if unknown:
        names = [name for name in known if not name.startswith(FILTERED)]
        near = did_you_mean(unknown[0], names)
        raise WrongRequest(
            f"no outcome `{unknown[0]}`; {near or f'there are: {listed(names)}'}"
        )
    common = reduce(np.intersect1d, numbers.values())
    left_out = []
    if len(common) < result.runs:
        left_out.append(
            f"{result.runs - len(common)} of {result.runs} runs are not there at every point"
        )
    if len(by_point) < len(result.table.numbers()):
        left_out.append(
            f"{len(result.table.numbers()) - len(by_point)} points have no runs"
        )
    out: dict[Quantity, Floats] = {}
    for quantity in next(iter(by_point.values())):
        y = np.stack(
            [by_point[n][quantity][np.isin(numbers[n], common)] for n in by_point]
        )
        if np.isnan(y).any():
            left_out.append(
                f"{quantity.of} of {quantity.outcome} in {quantity.arm}: missing in some runs, no mean"
            )
        else:
            out[quantity] = y
    spreads = {}
    for of in out:
        if of.of == "effect" and FILTERED + of.outcome not in known:
            arms = (
                out[Quantity("mean", arm, of.outcome)].T
                for arm in (of.arm, result.reference)
            )
            spread = np.maximum(
                spread_over(*arms), least_jump(of.outcome, result.steps)
            )
            spreads[of] = np.where(
                np.array(alike[of.arm]) | fixed_beforehand(of.outcome), 0.0, spread
            )
    return OutcomeMatrices(out, list(by_point), left_out, spreads)


def _quantities(
    result: SweepResult,
    blocks: list[dict[str, dict[str, Floats]]],
    outcomes: Sequence[str],
) -> tuple[dict[Quantity, Floats], Floats]:
    """What a point's blocks hold of the outcomes, NaN where the point lacks one; and
    the numbers of the runs."""

    def column(arm: str, name: str) -> Floats:
        of = FILTERED + name if FILTERED + name in blocks[0][arm] else name
        return np.concatenate(
            [
                block[arm].get(of, np.full(len(block[arm]["run"]), np.nan))
                for block in blocks
            ]
        )

    out = {
        Quantity("mean", arm, name): column(arm, name)
        for arm in result.arms
        for name in outcomes
    }
    for arm, name in product(result.arms[1:], outcomes):
        out[Quantity("effect", arm, name)] = column(arm, name) - column(
            result.reference, name
        )
    return out, column(result.reference, "run")


def _sobol_rows(
    paths: Sequence[str], parts: dict[str, int], y: Floats, boots: int, seed: int
) -> list[dict[str, Any]]:
    fronts = ["A", "B", *(f"AB{factor}." for factor in range(len(paths)))]
    every = range(sum(1 for part in parts if part.startswith("B")))
    rows = [
        row for row in every if {f"{front}{row}" for front in fronts} <= parts.keys()
    ]
    if len(rows) < 2:
        return []
    a, b, *ab = (y[[parts[f"{front}{row}"] for row in rows]] for front in fronts)
    found = sobol_indices(a, b, np.stack(ab), boots, seed)
    out = []
    for path, *both in zip(paths, found.first, found.total, strict=True):
        # for an interval of half-width INDEX_PRECISION, which shrinks with the root of
        # the samples; or for one at all
        width = max((index.high - index.low) / 2 for index in both)
        wanted = (
            float(np.ceil(found.rows * (width / INDEX_PRECISION) ** 2))
            if np.isfinite(width)
            else float("nan")
        )
        row = {
            "factor": path,
            **_columns(first=both[0], total=both[1]),
            "samples": found.rows,
        }
        out.append(
            row
            | {"samples_wanted": float(FEW_ROWS) if found.rows < FEW_ROWS else wanted}
        )
    return out


def _morris_rows(
    result: SweepResult, points: list[int], parts: dict[str, int], y: Floats
) -> list[dict[str, Any]]:
    paths, levels = result.paths, result.manifest.design.levels
    size = levels / (2 * (levels - 1))
    values = [dict(result.table.points[number].values) for number in points]
    trajectories = sorted({int(part[1:].split(".")[0]) for part in parts})
    before, after, steps = [], [], []
    for trajectory in trajectories:
        names = [f"T{trajectory}.{step}" for step in range(len(paths) + 1)]
        whole = [parts[name] for name in names if name in parts]
        if (
            len(whole) < len(names)
            or (moves := _moves(paths, [values[at] for at in whole])) is None
        ):
            continue
        order = [moves[path] for path in paths]
        before.append(y[[whole[at] for at, _ in order]])
        after.append(y[[whole[at + 1] for at, _ in order]])
        steps.append([size * sign for _, sign in order])
    if len(before) < 2:
        return []
    found = morris_effects(np.stack(before), np.stack(after), np.array(steps))
    return [
        {
            "factor": path,
            **_columns(mu=mu, mu_star=size, sigma=sigma),
            "trajectories": found.trajectories,
        }
        for path, mu, size, sigma in zip(
            paths, found.mu, found.mu_star, found.sigma, strict=True
        )
    ]


def _moves(
    paths: Sequence[str], trajectory: list[dict[str, Any]]
) -> dict[str, tuple[int, int]] | None:
    """Which step of a trajectory moves which factor, and up or down; None if it cannot
    be told.

    A step between two shares with the same value moves the one factor that no other
    step moves."""
    moves: dict[str, tuple[int, int]] = {}
    still = []
    for step, (here, there) in enumerate(pairwise(trajectory)):
        changed = [path for path in paths if here[path] != there[path]]
        if len(changed) > 1:
            return None
        if changed:
            one, other = here[changed[0]], there[changed[0]]
            down = (
                isinstance(one, int | float)
                and isinstance(other, int | float)
                and other < one
            )
            moves[changed[0]] = (step, -1 if down else 1)
        else:
            still.append(step)
    for path in paths:
        if path not in moves:
            moves[path] = (still.pop(), 1)
    return moves


def _columns(**indices: Index) -> dict[str, float]:
    """Each index with the bounds of its interval, as columns of a table."""
    out: dict[str, float] = {}
    for name, of in indices.items():
        out |= {name: of.value, f"{name}_lo": of.low, f"{name}_hi": of.high}
    return out


def _without_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Indices of one run a point have no intervals: what that run adds to all points
    cannot be known."""
    ends = [name for name in frame.columns if name.endswith(("_lo", "_hi"))]
    return frame.assign(**dict.fromkeys(ends, float("nan")))
