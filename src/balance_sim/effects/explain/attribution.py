"""How much of an effect goes through each group of terms: Shapley values of the direct
effect in each replication.

At each opportunity of an idle clock both states' willingness is taken apart in the
control arm and in the arm that is explained. For a coalition the terms of its groups
are the arm's, those of the other groups the control arm's; what is in no group is the
arm's. The mixed willingness gives the probability that talks open, and times the
probability that they are signed in time the outcome (`replications.direct`). So no
coalition has to be simulated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.expected import StepOfArm, along_control
from balance_sim.effects.explain import compared_arm, other_replications
from balance_sim.effects.explain.pairs import AGENT, along_agents
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, Floats, Keys, Opportunities
from balance_sim.model.engine import filtered
from balance_sim.model.prospects import Prospects
from balance_sim.model.willingness import ORDER, TERMS, consent, total
from balance_sim.scenario.defaults import is_term
from balance_sim.scenario.errors import LacksOutcome, WrongRequest
from balance_sim.stats.intervals import mean_interval
from balance_sim.stats.variance import alone_and_last, shapley
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import batch_runs
from balance_sim.study.draws import own_worlds
from balance_sim.study.estimates import as_json
from balance_sim.study.filtered import (
    FilteredSums,
    filtered_outcomes,
    focal_windows,
    prospect_of,
)
from balance_sim.study.jobs import Progress
from balance_sim.study.outcomes import COUNTS, FILTERED, outcome_named
from balance_sim.study.processes import map_in_order
from balance_sim.study.result import Result
from balance_sim.study.scene import focal_roles
from balance_sim.study.tables import DECIMALS

Parts = Mapping[str, Floats]
Groups = Mapping[str, tuple[str, ...]]

OUTSIDE, FEEDBACK, EFFECT = "outside", "feedback", "effect"
"""Rows of the table that are no group: terms in none, what the direct effect leaves
out, and the sum."""
MOST_GROUPS = 8
MOST_RUNS = 400
"""Runs used where no number is given; fewer if the study has fewer."""
GROUPS: Groups = {
    group: tuple(name for name, term in TERMS.items() if term.group == group)
    for group in dict.fromkeys(term.group for term in TERMS.values() if term.group)
}
"""What a partner adds to one's security; what one fears of the partner itself; who is
tied to whom; what one's trade may lose; doubt about a shared patron. In no group: terms
that read facts of the world, which no event changes; an arm that changes them shows in
the row `outside`."""


def parse_groups(text: str) -> Groups:
    """`threat=security_gain+common_threat,trade=exposure` as groups.

    Raises WrongRequest for an unknown term, a term in two groups, an empty or repeated
    group, or too many."""
    groups: dict[str, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for part in text.split(","):
        name, _, names = (piece.strip() for piece in part.partition("="))
        members = tuple(term.strip() for term in names.split("+") if term.strip())
        if not (name and members):
            raise WrongRequest(f"--groups: `{part.strip()}` is not NAME=TERM+TERM")
        if name in (*groups, OUTSIDE, FEEDBACK, EFFECT):
            raise WrongRequest(f"--groups: the name `{name}` is taken")
        refuse_unknown(members, "--groups: ")
        for term in members:
            if term in seen:
                raise WrongRequest(
                    f"--groups: `{term}` is in {seen[term]} and in {name}"
                )
            seen[term] = name
        groups[name] = members
    if len(groups) > MOST_GROUPS:
        raise WrongRequest(
            f"--groups: {len(groups)} groups are 2^{len(groups)} coalitions; at most {MOST_GROUPS}"
        )
    return groups


def groups_for(worlds: Worlds, model: str | None = None) -> Groups:
    """`GROUPS`, and what the user's own code adds: `own`, terms that read what changes
    in a replication; `agent`, what agents of another class want beside the terms."""
    own = {
        name
        for world in worlds.arms.values()
        for name, term in world.own_terms.items()
        if term.reads != "facts"
    }
    return {
        **GROUPS,
        **({"own": tuple(sorted(own))} if own else {}),
        **({} if model is None else {AGENT: (AGENT,)}),
    }


def refuse_unknown(terms: Iterable[str], where: str = "") -> None:
    """Raises WrongRequest for what is no term of willingness."""
    for term in terms:
        if term == "talks_speed":
            raise WrongRequest(
                f"{where}`talks_speed`, the pace of talks, is no term of willingness: its part of the effect is in "
                f"the row `{FEEDBACK}`. Leave it out of the groups"
            )
        if not is_term(term):
            raise WrongRequest(
                f"{where}no term `{term}`; there are: {', '.join(TERMS)}"
            )


def mixed(arm: Parts, control: Parts, groups: Groups) -> Floats:
    """Willingness of each coalition, and last that of the control arm, (2^k + 1, C)
    nats, from two accounts.

    arm, control: the parts of willingness, (C,) each; one that is missing has weight 0.
    A coalition's groups are the set bits of its row number. All rows are summed in one
    order, so that groups without a difference make none.

    Examples
    --------
    >>> arm, control = {"hostility": np.array([2.0])}, {"hostility": np.array([1.0]), "ladder": np.array([0.5])}
    >>> mixed(arm, control, {"fear": ("hostility",)}).tolist()  # nobody; fear; the control arm
    [[1.0], [2.0], [1.5]]
    """

    def of(parts: Parts, names: Iterable[str]) -> Floats:
        zero = np.zeros_like(next(iter(parts.values())))
        return total(zero, (parts[name] for name in names if name in parts))

    grouped = {term for terms in groups.values() for term in terms}
    rest = [
        name for name in dict.fromkeys((*ORDER, *arm, *control)) if name not in grouped
    ]
    u, reference = of(arm, rest)[None], of(control, rest)
    for terms in groups.values():
        theirs = of(control, terms)
        u = np.concatenate([u + theirs, u + of(arm, terms)])
        reference = reference + theirs
    return np.concatenate([u, reference[None]])


class Coalitions:
    """Sums over the opportunities of the control arm's replications, as `along_control`
    shows them.

    direction: (P,) class of each dyad. worth: (R, 2^k) what each coalition adds to the
    control arm's outcome."""

    def __init__(self, worlds: Worlds, arm: str, groups: Groups, outcome: str) -> None:
        self.worlds, self.arm, self.groups, self.outcome = worlds, arm, groups, outcome
        self.windows, self.direction = (
            focal_windows(worlds),
            focal_roles(worlds).direction,
        )

    def look(self, seen: StepOfArm) -> None:
        """One step of one arm: first of that which is explained, then of the control
        arm."""
        opportunities, rows = seen.opportunities, seen.rows
        run, dyad, kind = (
            opportunities.run[rows],
            opportunities.dyad[rows],
            opportunities.kind[rows],
        )
        both = Prospects.of_both_sides(
            seen.world, self.worlds.baseline, seen.view, seen.state, run, dyad, kind
        )
        parts = seen.account(both)
        if seen.world.arm == self.arm:
            self._own = parts
            return
        runs = len(seen.state.runs)
        if seen.view.step == 0:
            self.prospect = prospect_of(self.worlds, opportunities, self.windows)
            self._signed = self.signed(opportunities)
            self.worth = np.zeros((runs, 1 << len(self.groups)))
        sides = (
            of.reshape(2, -1).T for of in consent(mixed(self._own, parts, self.groups))
        )
        *opens, reference = (
            filtered(seen.world, opportunities, seen.thin, seen.state, rows, of)
            for of in sides
        )
        for coalition, opened in enumerate(opens):
            gained = (opened - reference) * self._signed[rows]
            self.worth[:, coalition] += np.bincount(run, gained, minlength=runs)

    def signed(self, opportunities: Opportunities) -> Floats:
        """(C,) probability that talks opened at each opportunity become an agreement
        that the outcome counts."""
        counted, ladder = outcome_named(self.outcome), self.worlds.reference.ladder
        assert counted.window is not None
        within = self.prospect.signed[counted.window]
        if counted.kind is not None:
            return np.asarray(
                within * (opportunities.kind == ladder.names.index(counted.kind))
            )
        within = within * (
            ladder.security[opportunities.kind] == (counted.measure == COUNTS[0])
        )
        if counted.direction is not None:
            within = within * (
                self.direction[opportunities.dyad]
                == DIRECTIONS.index(counted.direction)
            )
        return np.asarray(within)


def effects_of_coalitions(
    worlds: Worlds,
    arm: str,
    seed: int,
    groups: Groups,
    outcome: str,
    runs: Keys,
    *,
    draws: bool | str,
    model: str | None,
) -> Floats:
    """(R, 2^k + 1) direct effects of coalitions, and the control arm's filtered
    outcome; with a model, of one run."""
    worlds = own_worlds(worlds, seed, runs, draws)
    sums = Coalitions(worlds, arm, groups, outcome)
    if model is None:
        along = along_control(worlds, seed, runs, (arm,), sums.look)
    else:
        along = along_agents(worlds, seed, int(runs[0]), arm, sums.look, model)
    made = (
        worlds.reference,
        along.opportunities,
        along.control,
        sums.prospect,
        sums.windows,
        sums.direction,
    )
    found = FilteredSums(*made, len(runs))
    return np.column_stack([sums.worth, filtered_outcomes(found)[outcome]])


@dataclass(frozen=True, repr=False)
class Attribution:
    """What each coalition of groups makes of an outcome along the control arm's
    replications."""

    arm: str
    reference: str
    outcome: str
    groups: Groups
    runs: Keys
    of_runs: int  # finished runs of the study
    worth: Floats  # (R, 2^k) added to the control arm's outcome where the terms of the set bits are the arm's
    effect: Floats  # (R,) filtered effect of the study: the arm's own replication less the control arm's

    def __repr__(self) -> str:
        many = f"{len(self.groups)} groups of terms, {len(self.runs)} replications"
        return f"<Attribution of {self.outcome} in {self.arm}, effect {self.effect.mean():+.4g}: {many}>"

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy: group, terms, value, mcse, lo, hi (Student's 95 % CI), alone, last.

        After the groups: `outside`, terms in no group; `feedback`, the filtered effect
        of the study less the direct effect; and their sum, `effect`. alone: what a
        group adds when no other is the arm's; last: when all are."""
        ends = zip(
            *(values.mean(axis=0) for values in alone_and_last(self.worth)), strict=True
        )
        columns = [*self.by_run.T, self.worth[:, 0], self.feedback, self.effect]
        rows = []
        for name, values in zip(
            [*self.groups, OUTSIDE, FEEDBACK, EFFECT], columns, strict=True
        ):
            alone, last = next(ends, (np.nan, np.nan))
            rows.append(
                (
                    name,
                    " ".join(self.groups.get(name, ())),
                    *mean_interval(values),
                    alone,
                    last,
                )
            )
        return pd.DataFrame(
            rows,
            columns=["group", "terms", "value", "mcse", "lo", "hi", "alone", "last"],
        )

    @cached_property
    def by_run(self) -> Floats:
        """(R, k) Shapley values of each run."""
        return shapley(self.worth)

    @property
    def direct(self) -> Floats:
        """(R,) direct effect: all terms as the arm has them, the network as the control
        arm has it."""
        return np.asarray(self.worth[:, -1])

    @property
    def feedback(self) -> Floats:
        """(R,) what the direct effect leaves out: agreements that differ, and the pace
        of talks."""
        return np.asarray(self.effect - self.direct)

    def summary(self) -> dict[str, Any]:
        """For explain.json and `--json`."""
        *rows, feedback, effect = self.table.to_dict("records")
        left_out, whole = (
            as_json(row | {"mean": row["value"]}, "mean", "mcse", "ci95")
            for row in (feedback, effect)
        )
        return {
            **{name: getattr(self, name) for name in ("arm", "reference", "outcome")},
            "estimator": "direct",
            "runs": len(self.runs),
            "of_runs": self.of_runs,
            "coalitions": self.worth.shape[1],
            "lives_per_run": 0.0,
            "method": "Shapley values of the direct effect; a group is out where its terms are the control arm's",
            "groups": [
                {"group": row["group"], "terms": row["terms"].split()}
                | as_json(row, "value", "mcse", "ci95", "alone", "last")
                for row in rows
            ],
            FEEDBACK: left_out,
            EFFECT: whole,
            "excess": whole,
        }


def attribute(
    result: Result,
    arm: str | None = None,
    *,
    groups: Groups | None = None,
    outcome: str | None = None,
    runs: int | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Attribution:
    """Divide the effect of an arm on a number of agreements among groups of terms, over
    the first `runs` finished runs.

    If not given: the headline arm, the groups of `groups_for`, counter-balancing
    agreements within the longest window, all runs up to MOST_RUNS. Simulates the
    control arm again, evaluates every choice of groups beside it, and holds its
    filtered numbers to the study's. Raises WrongRequest, or StoreDamaged where they
    differ."""
    arm = compared_arm(result, arm)
    refuse_unknown(term for terms in (groups or {}).values() for term in terms)
    outcome = outcome if outcome is not None else result.headline_outcome
    numbers, own, control = _stored(
        result, arm, outcome, runs if runs is not None else MOST_RUNS
    )
    worlds = compile_arms(result.scenario, (result.reference, arm))
    groups = groups_for(worlds, result.model) if groups is None else groups
    job = partial(
        effects_of_coalitions,
        worlds,
        arm,
        result.seed,
        groups,
        outcome,
        draws=result.draws,
        model=result.model,
    )
    least = -(
        -len(numbers) // batch_runs(worlds.reference.n)
    )  # batches small enough to be simulated at once
    count = min(
        -(-least // workers) * workers, len(numbers)
    )  # equal, as many for each worker
    count = count if result.model is None else len(numbers)
    whole = np.empty(
        (0, (1 << len(groups)) + 1)
    )  # (runs, coalitions and the control arm)
    hint = "Fewer --attribution-runs, or --workers 1, need less memory."
    for found in map_in_order(
        job, np.array_split(numbers, count), workers, _named, hint
    ):
        whole = np.concatenate([whole, found])
        if progress:
            progress(len(whole), len(numbers), 0)
    wrong = np.flatnonzero(control != np.round(whole[:, -1], DECIMALS))
    if len(wrong):
        first = wrong[0]
        what = f"(filtered number {whole[first, -1]:.17g}, there {control[first]:.17g})"
        where = f"run {numbers[first]} of {result.reference}"
        raise other_replications(
            result, f"{where} comes out otherwise than in the results {what}"
        )
    of_runs = result.outcomes["run"].nunique()
    return Attribution(
        arm,
        result.reference,
        outcome,
        groups,
        numbers,
        of_runs,
        whole[:, :-1],
        own - control,
    )


def _named(runs: Keys) -> str:
    return f"explaining runs {runs[0]} to {runs[-1]}"


def _stored(
    result: Result, arm: str, outcome: str, most: int
) -> tuple[Keys, Floats, Floats]:
    """Run numbers, and the filtered outcome in the arm and in the control arm, as the
    study has them."""
    if result.outcomes.empty:
        raise WrongRequest("no run finished, so there is nothing to explain")
    counted = tuple(f"{what}_" for what in COUNTS)
    names = (
        name.removeprefix(FILTERED)
        for name in map(str, result.outcomes.columns)
        if name.startswith(FILTERED)
    )
    there = [name for name in names if name.startswith(counted)]
    if outcome not in there:
        why = f"unknown outcome `{outcome}`"
        if outcome in result.outcome_names:
            if outcome.startswith(counted):
                raise LacksOutcome(FILTERED + outcome, result.version)
            why = f"`{outcome}` has no direct estimate, so it cannot be attributed"
        have = (
            ", ".join(there)
            or "none: an earlier version wrote this folder, run the scenario again"
        )
        raise WrongRequest(
            f"{why}; --outcome takes an expected number of new agreements. There are: {have}"
        )
    frame = (
        result.outcomes.pivot(index="run", columns="arm", values=FILTERED + outcome)
        .sort_index()
        .iloc[:most]
    )
    numbers = frame.index.to_numpy().astype(np.uint64)
    return numbers, frame[arm].to_numpy(float), frame[result.reference].to_numpy(float)
