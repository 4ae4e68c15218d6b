"""How much of an excess each group of terms owns: Shapley values of each run, their mean and its error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import World
from balance_sim.model.willingness import TERMS
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import batch_runs
from balance_sim.study.effects import rounded, unit_of
from balance_sim.study.explain.coalitions import frozen_terms, live_coalitions
from balance_sim.study.explain.groups import FIXED, GROUPS, TALKS_SPEED, Groups
from balance_sim.study.explain.shapley import alone_and_last, shapley
from balance_sim.study.explain.workers import in_order
from balance_sim.study.faults import StoreDamaged, WrongRequest
from balance_sim.study.intervals import mean_interval, spread_over
from balance_sim.study.outcomes import outcomes_of
from balance_sim.study.result import Result
from balance_sim.study.run import Progress

Floats = npt.NDArray[np.float64]
Runs = npt.NDArray[np.uint64]

MOST_RUNS = 400
"""Runs used where no number is given; fewer if the study has fewer."""
OUTSIDE = "outside"


@dataclass(frozen=True)
class Attribution:
    """What each coalition of groups makes of an outcome, in each run."""

    arm: str
    reference: str
    outcome: str
    groups: Groups
    runs: Runs
    of_runs: int  # finished runs of the study
    worth: Floats  # (R, 2^k) the outcome with the groups of the set bits live and the others frozen
    twin: Floats  # (R,) the outcome in the reference
    lives: float  # lives of the arm a run: coalitions that decide alike share one
    unit: float = 0.0  # size of a part where no run has one: of a count, 0 if none can come
    spread: float | None = None  # on a continuous scale: of the outcome, as in `intervals.mean_interval`
    still: frozenset[str] = frozenset()  # groups none of whose terms can differ from the twin's

    @cached_property
    def by_run(self) -> Floats:
        """(R, k) Shapley values of each run."""
        return shapley(self.worth)

    @property
    def excess(self) -> Floats:
        """(R,) arm less reference."""
        return np.asarray(self.worth[:, -1] - self.twin)

    def summary(self) -> dict[str, Any]:
        """For explain.json and `--json`."""
        rows = attribution_table(self).to_dict("records")
        return {
            "arm": self.arm,
            "reference": self.reference,
            "outcome": self.outcome,
            "runs": len(self.runs),
            "of_runs": self.of_runs,
            "coalitions": self.worth.shape[1],
            "lives_per_run": self.lives,
            "method": "Shapley values; a group is off where its terms are frozen at the twin's values",
            "groups": [
                {"group": row["group"], "terms": row["terms"].split()}
                | rounded({key: row[key] for key in ("value", "mcse")})
                | {"ci95": list(rounded({key: row[key] for key in ("lo", "hi")}).values())}
                | rounded({key: row[key] for key in ("alone", "last")})
                for row in rows[:-1]
            ],
            "excess": rounded({"mean": rows[-1]["value"], "mcse": rows[-1]["mcse"]})
            | {"ci95": list(rounded({key: rows[-1][key] for key in ("lo", "hi")}).values())},
        }


def attribution_table(found: Attribution) -> pd.DataFrame:
    """Tidy: group, terms, value, mcse, lo, hi (95 %), alone, last. Last: `outside`, and the sum, `excess`.

    alone: what the group adds when all others are frozen; last: what it adds when none is. `outside` is what
    stays when every group is frozen: terms in no group, and what an arm changes besides willingness; most studies
    have neither, so its interval has no length where no run shows any."""
    alone, last = (values.mean(axis=0) for values in alone_and_last(found.worth))
    columns = [*found.by_run.T, found.worth[:, 0] - found.twin, found.excess]
    names = [*found.groups, OUTSIDE, "excess"]
    terms = [" ".join(members) for members in found.groups.values()] + ["", ""]
    rows = []
    for place, values in enumerate(columns):
        size = (0.0, None) if names[place] in (OUTSIDE, *found.still) else (found.unit, found.spread)
        row = dict(zip(("value", "mcse", "lo", "hi"), mean_interval(values, *size), strict=True))
        inside = place < len(found.groups)
        more = {"alone": alone[place] if inside else np.nan, "last": last[place] if inside else np.nan}
        rows.append({"group": names[place], "terms": terms[place]} | row | more)
    return pd.DataFrame(rows)


def attribute(
    result: Result,
    arm: str | None = None,
    *,
    groups: Groups = GROUPS,
    outcome: str | None = None,
    runs: int | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Attribution:
    """Divide the excess of an arm's outcome among groups of terms, over the first `runs` finished runs.

    arm: the headline arm if not given. outcome: counter-accords within the longest window if not given.
    runs: all, up to MOST_RUNS, if not given. Lives the runs again with every choice of groups frozen, and holds
    them to the study's own numbers. Raises WrongRequest, or StoreDamaged where the two are not the same."""
    arm = compared_arm(result, arm)
    outcome = outcome if outcome is not None else f"accords_counter_{result.window}"
    reference, numbers, own, twin = _stored(result, arm, outcome, runs if runs is not None else MOST_RUNS)
    worlds = compile_arms(result.scenario, (reference, arm))
    played = played_terms(worlds.reference, worlds.arms[arm])
    frozen = [frozen_terms(groups, coalition) & played for coalition in range(1 << len(groups))]
    distinct = list(dict.fromkeys(frozen))
    job = Coalitions(worlds, arm, result.seed, tuple(distinct), outcome, result.draws)
    parts: list[Floats] = []  # each (runs, coalitions + 2)
    done = 0
    for batch, worth in in_order(job, batches(numbers, worlds.reference.n, workers), workers):
        parts.append(worth)
        done += len(batch)
        if progress:
            progress(done, len(numbers), 0)
    worth = np.concatenate(parts)
    lived = worth[:, [distinct.index(terms) for terms in frozen]]
    _hold(result, numbers, twin, worth[:, -2], reference)
    _hold(result, numbers, own, lived[:, -1], arm)
    of_runs = result.outcomes["run"].nunique()
    lives = float(worth[:, -1].mean())
    unit = unit_of(outcome, alike=arm in result.alike)
    still = frozenset(name for name in groups if not frozen_terms({name: groups[name]}, 0) & played)
    spread = None if np.isfinite(unit) else float(spread_over(lived[:, -1], twin))
    unit = unit if spread is None else 0.0
    return Attribution(
        arm, reference, outcome, groups, numbers, of_runs, lived, twin, lives, unit, spread, still
    )


@dataclass(frozen=True)
class Coalitions:
    """What every batch shares. Sent to a worker once."""

    worlds: Worlds
    arm: str
    seed: int
    frozen: tuple[frozenset[str], ...]
    outcome: str
    draws: bool = False

    def __call__(self, numbers: Runs) -> Floats:
        """(R, F + 2) the outcome with each set of frozen terms, in the reference twin, and the lives lived."""
        out = np.zeros((len(numbers), len(self.frozen) + 2))
        for lives in live_coalitions(
            self.worlds, self.arm, self.seed, numbers, self.frozen, draws=self.draws
        ):
            count = len(lives.rows)
            mine, twin = (
                outcomes_of(self.worlds, made, lives.twin, count)[self.outcome]
                for made in (lives.made, lives.twin)
            )
            run, coalition = np.nonzero(lives.covers)
            out[lives.rows[run], coalition] = mine[run]
            out[lives.rows, -2] = twin
            out[lives.rows, -1] += 1
        return out


def compared_arm(result: Result, arm: str | None) -> str:
    """The arm to explain: the one given, or the headline arm. Raises WrongRequest."""
    arm = arm if arm is not None else result.headline_arm
    if arm is None or arm == result.reference:
        others = ", ".join(result.arms[1:]) or "none was run"
        raise WrongRequest(f"there is nothing to compare {result.reference} with; other arms: {others}")
    if arm not in result.arms:
        raise WrongRequest(f"unknown arm `{arm}`; the study has: {', '.join(result.arms)}")
    return arm


def played_terms(*worlds: World) -> frozenset[str]:
    """Terms that may differ between the worlds: weight not 0, and not of facts that are the same in all."""
    first = worlds[0]
    same = {
        term
        for term, fact in FIXED.items()
        if all(np.array_equal(getattr(first, fact), getattr(world, fact)) for world in worlds)
        and len({world.rules.weights[term] for world in worlds}) == 1
    }
    weighty = {term for term in TERMS if any(world.rules.weights[term] != 0 for world in worlds)}
    speed = {TALKS_SPEED} if any(world.rules.talks_speed_exponent != 0 for world in worlds) else set()
    return frozenset((weighty - same) | speed)


def batches(numbers: Runs, states: int, workers: int) -> list[Runs]:
    """The runs in equal shares, as many for each worker, each small enough to be lived at once."""
    count = -(-len(numbers) // batch_runs(states))
    count = min(-(-count // workers) * workers, len(numbers))
    return list(np.array_split(numbers, count))


def _stored(result: Result, arm: str, outcome: str, most: int) -> tuple[str, Runs, Floats, Floats]:
    """The reference, run numbers, and the outcome in the arm and in the reference, as the study has them."""
    if outcome not in result.outcome_names:
        raise WrongRequest(f"unknown outcome `{outcome}`; the study has: {', '.join(result.outcome_names)}")
    frame = result.outcomes.pivot(index="run", columns="arm", values=outcome).sort_index().iloc[:most]
    if frame.empty:
        raise WrongRequest("no run finished, so there is nothing to explain")
    if frame[[arm, result.reference]].isna().any(axis=None):
        raise WrongRequest(f"`{outcome}` is missing in some runs and has no mean; choose another outcome")
    numbers = frame.index.to_numpy().astype(np.uint64)
    return result.reference, numbers, frame[arm].to_numpy(float), frame[result.reference].to_numpy(float)


def _hold(result: Result, numbers: Runs, stored: Floats, lived: Floats, arm: str) -> None:
    wrong = np.flatnonzero(stored != lived)
    if len(wrong):
        run = int(numbers[wrong[0]])
        raise StoreDamaged(
            f"run {run} of {arm} comes out otherwise than in the results ({lived[wrong[0]]:g}, there "
            f"{stored[wrong[0]]:g}). They were made by version {result.version} or on another type of CPU; "
            "run the scenario again into a new folder."
        )
