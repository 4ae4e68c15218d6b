"""How much of an effect goes through each group of terms: Shapley values of the direct effect in each replication."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.analysis.explain.groups import EFFECT, FEEDBACK, GROUPS, OUTSIDE, Groups, refuse_unknown
from balance_sim.analysis.explain.mixing import Mixing
from balance_sim.pool.faults import LacksOutcome, StoreDamaged, WrongRequest
from balance_sim.pool.processes import map_in_order
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.blocks import batch_runs
from balance_sim.replications.columns import DECIMALS
from balance_sim.replications.jobs import Progress
from balance_sim.replications.outcomes import COUNTS, FILTERED
from balance_sim.results.estimates import rounded
from balance_sim.results.result import Result
from balance_sim.stats.intervals import mean_interval
from balance_sim.stats.shapley import alone_and_last, shapley

Floats = npt.NDArray[np.float64]
Runs = npt.NDArray[np.uint64]

MOST_RUNS = 400
"""Runs used where no number is given; fewer if the study has fewer."""


@dataclass(frozen=True)
class Attribution:
    """What each coalition of groups makes of an outcome along the control arm's replications."""

    arm: str
    reference: str
    outcome: str
    groups: Groups
    runs: Runs
    of_runs: int  # finished runs of the study
    worth: Floats  # (R, 2^k) added to the control arm's outcome where the terms of the set bits are the arm's
    effect: Floats  # (R,) filtered effect of the study: the arm's own replication less the control arm's

    @cached_property
    def by_run(self) -> Floats:
        """(R, k) Shapley values of each run."""
        return shapley(self.worth)

    @property
    def direct(self) -> Floats:
        """(R,) direct effect: all terms as the arm has them, the network as the control arm has it."""
        return np.asarray(self.worth[:, -1])

    @property
    def feedback(self) -> Floats:
        """(R,) what the direct effect leaves out: agreements that differ, and the pace of talks."""
        return np.asarray(self.effect - self.direct)

    def summary(self) -> dict[str, Any]:
        """For explain.json and `--json`."""
        table = attribution_table(self)
        rows = table.to_dict("records")
        whole = {row["group"]: _mean(row) for row in rows[-2:]}
        return {
            "arm": self.arm,
            "reference": self.reference,
            "outcome": self.outcome,
            "estimator": "direct",
            "runs": len(self.runs),
            "of_runs": self.of_runs,
            "coalitions": self.worth.shape[1],
            "lives_per_run": 0.0,
            "method": "Shapley values of the direct effect; a group is out where its terms are the control arm's",
            "groups": [
                {"group": row["group"], "terms": row["terms"].split()}
                | rounded({key: row[key] for key in ("value", "mcse")})
                | {"ci95": _bounds(row)}
                | rounded({key: row[key] for key in ("alone", "last")})
                for row in rows[:-2]
            ],
            **whole,
            "excess": whole[EFFECT],
        }


def _mean(row: dict[Any, Any]) -> dict[str, Any]:
    return rounded({"mean": row["value"], "mcse": row["mcse"]}) | {"ci95": _bounds(row)}


def _bounds(row: dict[Any, Any]) -> list[float | None]:
    return list(rounded({key: row[key] for key in ("lo", "hi")}).values())


def attribution_table(found: Attribution) -> pd.DataFrame:
    """Tidy: group, terms, value, mcse, lo, hi (Student's 95 % CI), alone, last.

    After the groups: `outside`, terms in no group; `feedback`, the filtered effect of the study less the direct effect;
    and their sum, `effect`. alone: what a group adds when no other is the arm's; last: what it adds when all are."""
    alone, last = (values.mean(axis=0) for values in alone_and_last(found.worth))
    columns = [*found.by_run.T, found.worth[:, 0], found.feedback, found.effect]
    names = [*found.groups, OUTSIDE, FEEDBACK, EFFECT]
    rows = []
    for place, (name, values) in enumerate(zip(names, columns, strict=True)):
        row = dict(zip(("value", "mcse", "lo", "hi"), mean_interval(values), strict=True))
        inside = name in found.groups
        more = {"alone": alone[place] if inside else np.nan, "last": last[place] if inside else np.nan}
        rows.append({"group": name, "terms": " ".join(found.groups.get(name, ()))} | row | more)
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
    """Divide the effect of an arm on a number of agreements among groups of terms, over the first `runs` finished runs.

    arm: the headline arm if not given. outcome: counter-agreements within the longest window if not given.
    runs: all, up to MOST_RUNS, if not given. Simulates the control arm again, evaluates every choice of groups beside
    it, and holds its filtered numbers to the study's. Raises WrongRequest, or StoreDamaged where they differ.

    Examples
    --------
    `attribution_table(attribute(open_result(folder), groups={"trade": ("exposure",)}))`"""
    arm = compared_arm(result, arm)
    refuse_unknown(term for terms in groups.values() for term in terms)
    outcome = outcome if outcome is not None else f"accords_counter_{result.window}"
    numbers, own, control = _stored(result, arm, outcome, runs if runs is not None else MOST_RUNS)
    worlds = compile_arms(result.scenario, (result.reference, arm))
    job = Mixing(worlds, arm, result.seed, groups, outcome, result.draws)
    parts: list[Floats] = []  # each (runs, coalitions + 1)
    done = 0
    cut = batches(numbers, worlds.reference.n, workers)
    hint = "Fewer --attribution-runs, or --workers 1, need less memory."
    for batch, found in zip(cut, map_in_order(job, cut, workers, _named, hint), strict=True):
        parts.append(found)
        done += len(batch)
        if progress:
            progress(done, len(numbers), 0)
    whole = np.concatenate(parts)
    _hold(result, numbers, control, whole[:, -1])
    of_runs = result.outcomes["run"].nunique()
    return Attribution(arm, result.reference, outcome, groups, numbers, of_runs, whole[:, :-1], own - control)


def _named(runs: npt.NDArray[np.uint64]) -> str:
    return f"explaining runs {runs[0]} to {runs[-1]}"


def compared_arm(result: Result, arm: str | None) -> str:
    """The arm to explain: the one given, or the headline arm. Raises WrongRequest."""
    arm = arm if arm is not None else result.headline_arm
    if arm is None or arm == result.reference:
        others = ", ".join(result.arms[1:]) or "none was run"
        raise WrongRequest(f"there is nothing to compare {result.reference} with; other arms: {others}")
    if arm not in result.arms:
        raise WrongRequest(f"unknown arm `{arm}`; the study has: {', '.join(result.arms)}")
    return arm


def batches(numbers: Runs, states: int, workers: int) -> list[Runs]:
    """The runs in equal shares, as many for each worker, each small enough to be simulated at once."""
    count = -(-len(numbers) // batch_runs(states))
    count = min(-(-count // workers) * workers, len(numbers))
    return list(np.array_split(numbers, count))


def _stored(result: Result, arm: str, outcome: str, most: int) -> tuple[Runs, Floats, Floats]:
    """Run numbers, and the filtered outcome in the arm and in the control arm, as the study has them."""
    if result.outcomes.empty:
        raise WrongRequest("no run finished, so there is nothing to explain")
    there = [
        name.removeprefix(FILTERED)
        for name in result.outcomes.columns
        if name.startswith(tuple(f"{FILTERED}{what}_" for what in COUNTS))
    ]
    if outcome not in there:
        known = outcome in result.outcome_names
        if known and outcome.startswith(tuple(f"{what}_" for what in COUNTS)):
            raise LacksOutcome(FILTERED + outcome, result.version)
        why = (
            f"`{outcome}` has no direct estimate, so it cannot be attributed"
            if known
            else f"unknown outcome `{outcome}`"
        )
        names = ", ".join(there) or "none: an earlier version wrote this folder, run the scenario again"
        raise WrongRequest(f"{why}; --outcome takes an expected number of new agreements. There are: {names}")
    frame = result.outcomes.pivot(index="run", columns="arm", values=FILTERED + outcome)
    frame = frame.sort_index().iloc[:most]
    numbers = frame.index.to_numpy().astype(np.uint64)
    return numbers, frame[arm].to_numpy(float), frame[result.reference].to_numpy(float)


def _hold(result: Result, numbers: Runs, stored: Floats, simulated: Floats) -> None:
    wrong = np.flatnonzero(stored != np.round(simulated, DECIMALS))
    if len(wrong):
        run = int(numbers[wrong[0]])
        raise StoreDamaged(
            f"run {run} of {result.reference} comes out otherwise than in the results (filtered number "
            f"{simulated[wrong[0]]:.17g}, there {stored[wrong[0]]:.17g}). They were made by version "
            f"{result.version} or on another type of CPU; run the scenario again into a new folder."
        )
