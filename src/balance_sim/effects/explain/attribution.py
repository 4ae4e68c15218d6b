"""How much of an effect goes through each group of terms: Shapley values of the direct
effect in each replication.

At each opportunity of an idle clock both states' willingness is taken apart in the
control arm and in the arm that is explained. For a coalition the terms of its groups
are the arm's, those of the other groups the control arm's; what is in no group is the
arm's. The mixed willingness gives the probability that talks open, and times the
probability that they are signed in time the outcome (`effects.direct`). So no
coalition has to be simulated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.direct import StepOfArm, along_control
from balance_sim.effects.explain import compared_arm, other_replications
from balance_sim.effects.explain.agents import AGENT, along_agents
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
COLUMNS = ["group", "terms", "value", "mcse", "lo", "hi", "alone", "last"]
MOST_GROUPS = 8
MOST_RUNS = 400
"""Runs used where no number is given; fewer if the study has fewer."""
METHOD = (
    "Shapley values of the direct effect; a group is out where its terms are the "
    "control arm's"
)
MEMORY_HINT = "Fewer --attribution-runs, or --workers 1, need less memory."


def _built_in_groups() -> Groups:
    groups: dict[str, tuple[str, ...]] = {}
    for name, term in TERMS.items():
        if term.group:
            groups[term.group] = (*groups.get(term.group, ()), name)
    return groups


GROUPS: Groups = _built_in_groups()
"""What a partner adds to one's security; what one fears of the partner itself; who is
tied to whom; what one's trade may lose; doubt about a shared patron. In no group: terms
that read facts of the world, which no event changes; an arm that changes them shows in
the row `outside`."""


def parse_groups(text: str) -> Groups:
    """`threat=security_gain+common_threat,trade=exposure` as groups.

    Raises WrongRequest for an unknown term, a term in two groups, an empty or repeated
    group, or too many."""
    groups: dict[str, tuple[str, ...]] = {}
    group_of: dict[str, str] = {}
    for part in text.split(","):
        name, _, names = part.partition("=")
        name = name.strip()
        members = tuple(term.strip() for term in names.split("+") if term.strip())
        if not (name and members):
            raise WrongRequest(f"--groups: `{part.strip()}` is not NAME=TERM+TERM")
        if name in (*groups, OUTSIDE, FEEDBACK, EFFECT):
            raise WrongRequest(f"--groups: the name `{name}` is taken")
        refuse_unknown(members, "--groups: ")
        for term in members:
            if term in group_of:
                raise WrongRequest(
                    f"--groups: `{term}` is in {group_of[term]} and in {name}"
                )
            group_of[term] = name
        groups[name] = members
    count = len(groups)
    if count > MOST_GROUPS:
        raise WrongRequest(
            f"--groups: {count} groups are 2^{count} coalitions; at most {MOST_GROUPS}"
        )
    return groups


def groups_for(worlds: Worlds, model: str | None = None) -> Groups:
    """`GROUPS`, and what the user's own code adds: `own`, terms that read what changes
    in a replication; `agent`, what agents of another class want beside the terms."""
    own_terms = {
        name
        for world in worlds.arms.values()
        for name, term in world.own_terms.items()
        if term.reads != "facts"
    }
    groups = dict(GROUPS)
    if own_terms:
        groups["own"] = tuple(sorted(own_terms))
    if model is not None:
        groups[AGENT] = (AGENT,)
    return groups


def refuse_unknown(terms: Iterable[str], where: str = "") -> None:
    """Raises WrongRequest for what is no term of willingness."""
    for term in terms:
        if term == "talks_speed":
            raise WrongRequest(
                f"{where}`talks_speed`, the pace of talks, is no term of willingness: "
                f"its part of the effect is in the row `{FEEDBACK}`. Leave it out of "
                "the groups"
            )
        if not is_term(term):
            raise WrongRequest(
                f"{where}no term `{term}`; there are: {', '.join(TERMS)}"
            )


def mixed(arm: Parts, control: Parts, groups: Groups) -> Floats:
    """Willingness of each coalition, and last that of the control arm, (2^k + 1, C)
    nats, from two accounts.

    A coalition's groups are the set bits of its row number. All rows are summed in one
    order, so that groups without a difference make none.

    Parameters
    ----------
    arm, control : the parts of willingness, (C,) each; one that is missing has weight 0
    groups : the terms of each of k groups

    Examples
    --------
    The rows of nobody, of fear, and of the control arm:

    >>> arm = {"hostility": np.array([2.0])}
    >>> control = {"hostility": np.array([1.0]), "ladder": np.array([0.5])}
    >>> mixed(arm, control, {"fear": ("hostility",)}).tolist()
    [[1.0], [2.0], [1.5]]
    """
    grouped = {term for terms in groups.values() for term in terms}
    names = dict.fromkeys((*ORDER, *arm, *control))
    ungrouped = [name for name in names if name not in grouped]
    coalitions, reference = _sum(arm, ungrouped)[None], _sum(control, ungrouped)
    for terms in groups.values():
        of_control = _sum(control, terms)
        with_group = coalitions + _sum(arm, terms)
        coalitions = np.concatenate([coalitions + of_control, with_group])
        reference = reference + of_control
    return np.concatenate([coalitions, reference[None]])


def _sum(parts: Parts, names: Iterable[str]) -> Floats:
    """(C,) sum of the parts that there are."""
    zero = np.zeros_like(next(iter(parts.values())))
    return total(zero, (parts[name] for name in names if name in parts))


class Coalitions:
    """Sums over the opportunities of the control arm's replications, as `along_control`
    shows them.

    direction: (P,) class of each dyad. worth: (R, 2^k) what each coalition adds to the
    control arm's outcome."""

    def __init__(self, worlds: Worlds, arm: str, groups: Groups, outcome: str) -> None:
        self.worlds, self.arm, self.groups, self.outcome = worlds, arm, groups, outcome
        self.windows = focal_windows(worlds)
        self.direction = focal_roles(worlds).direction

    def look(self, step: StepOfArm) -> None:
        """One step of one arm: first of that which is explained, then of the control
        arm."""
        opportunities, rows = step.opportunities, step.rows
        run, dyad = opportunities.run[rows], opportunities.dyad[rows]
        clock = (run, dyad, opportunities.kind[rows])
        baseline = self.worlds.baseline
        terms = step.account(
            Prospects.of_both_sides(step.world, baseline, step.view, step.state, *clock)
        )
        if step.world.arm == self.arm:
            self._own_parts = terms
            return
        runs = len(step.state.runs)
        if step.view.step == 0:
            self.prospect = prospect_of(self.worlds, opportunities, self.windows)
            self._signed = self.signed(opportunities)
            self.worth = np.zeros((runs, 1 << len(self.groups)))
        probabilities = consent(mixed(self._own_parts, terms, self.groups))

        def opening(sides: Floats) -> Floats:
            """Probability that talks open, from the consent of both sides."""
            consents = sides.reshape(2, -1).T
            return filtered(
                step.world, opportunities, step.thin, step.state, rows, consents
            )

        reference = opening(probabilities[-1])
        for coalition, sides in enumerate(probabilities[:-1]):
            opened = opening(sides)
            gained = (opened - reference) * self._signed[rows]
            self.worth[:, coalition] += np.bincount(run, gained, minlength=runs)

    def signed(self, opportunities: Opportunities) -> Floats:
        """(C,) probability that talks opened at each opportunity become an agreement
        that the outcome counts."""
        counted, ladder = outcome_named(self.outcome), self.worlds.reference.ladder
        assert counted.window is not None
        probability = self.prospect.signed[counted.window]
        if counted.kind is not None:
            agreement_type = ladder.names.index(counted.kind)
            return np.asarray(probability * (opportunities.kind == agreement_type))
        is_security = ladder.security[opportunities.kind]
        probability = probability * (is_security == (counted.measure == COUNTS[0]))
        if counted.direction is not None:
            direction = DIRECTIONS.index(counted.direction)
            probability = probability * (
                self.direction[opportunities.dyad] == direction
            )
        return np.asarray(probability)


@dataclass(frozen=True)
class _Question:
    """What is attributed: an outcome of an arm among groups. draws, model, seed: of the
    study."""

    worlds: Worlds
    arm: str
    groups: Groups
    outcome: str
    seed: int
    draws: bool | str
    model: str | None

    def __call__(self, runs: Keys) -> Floats:
        """(R, 2^k + 1) direct effects of coalitions, and the control arm's filtered
        outcome; with a model, of one run."""
        worlds = own_worlds(self.worlds, self.seed, runs, self.draws)
        sums = Coalitions(worlds, self.arm, self.groups, self.outcome)
        if self.model is None:
            along = along_control(worlds, self.seed, runs, (self.arm,), sums.look)
        else:
            run, look = int(runs[0]), sums.look
            along = along_agents(worlds, self.seed, run, self.arm, look, self.model)
        control = FilteredSums(
            worlds.reference,
            along.opportunities,
            along.control,
            sums.prospect,
            sums.windows,
            sums.direction,
            len(runs),
        )
        return np.column_stack([sums.worth, filtered_outcomes(control)[self.outcome]])


@dataclass(frozen=True, repr=False)
class Attribution:
    """What each coalition of groups makes of an outcome along the control arm's
    replications.

    Attributes
    ----------
    of_runs : finished runs of the study
    worth : (R, 2^k) added to the control arm's outcome where the terms of the set bits
        are the arm's
    effect : (R,) filtered effect of the study: the arm's own replication less the
        control arm's
    """

    arm: str
    reference: str
    outcome: str
    groups: Groups
    runs: Keys
    of_runs: int
    worth: Floats
    effect: Floats

    def __repr__(self) -> str:
        counts = f"{len(self.groups)} groups of terms, {len(self.runs)} replications"
        effect = f"effect {self.effect.mean():+.4g}"
        return f"<Attribution of {self.outcome} in {self.arm}, {effect}: {counts}>"

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy: group, terms, value, mcse, lo, hi (Student's 95 % CI), alone, last.

        After the groups: `outside`, terms in no group; `feedback`, the filtered effect
        of the study less the direct effect; and their sum, `effect`. alone: what a
        group adds when no other is the arm's; last: when all are."""
        by_run_alone, by_run_last = alone_and_last(self.worth)
        alone, last = by_run_alone.mean(axis=0), by_run_last.mean(axis=0)
        rows: list[tuple[Any, ...]] = []
        for k, (name, terms) in enumerate(self.groups.items()):
            interval = mean_interval(self.by_run[:, k])
            rows.append((name, " ".join(terms), *interval, alone[k], last[k]))
        others = {
            OUTSIDE: np.asarray(self.worth[:, 0]),
            FEEDBACK: self.feedback,
            EFFECT: self.effect,
        }
        for name, values in others.items():
            rows.append((name, "", *mean_interval(values), np.nan, np.nan))
        return pd.DataFrame(rows, columns=COLUMNS)

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
        *groups, feedback, effect = self.table.to_dict("records")
        total_row = as_json(effect | {"mean": effect["value"]}, "mean", "mcse", "ci95")
        left_out = as_json(
            feedback | {"mean": feedback["value"]}, "mean", "mcse", "ci95"
        )
        rows = []
        for group in groups:
            numbers = as_json(group, "value", "mcse", "ci95", "alone", "last")
            row = {"group": group["group"], "terms": group["terms"].split()}
            rows.append(row | numbers)
        return {
            "arm": self.arm,
            "reference": self.reference,
            "outcome": self.outcome,
            "estimator": "direct",
            "runs": len(self.runs),
            "of_runs": self.of_runs,
            "coalitions": self.worth.shape[1],
            "lives_per_run": 0.0,
            "method": METHOD,
            "groups": rows,
            FEEDBACK: left_out,
            EFFECT: total_row,
            "excess": total_row,
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
    outcome = outcome or result.headline_outcome
    run_limit = MOST_RUNS if runs is None else runs
    numbers, having, control = _stored(result, arm, outcome, run_limit)
    worlds = compile_arms(result.scenario, (result.reference, arm))
    if groups is None:
        groups = groups_for(worlds, result.model)
    question = _Question(
        worlds, arm, groups, outcome, result.seed, result.draws, result.model
    )
    batches = _batches(result, worlds, numbers, workers)
    columns = np.empty((0, (1 << len(groups)) + 1))
    for rows in map_in_order(question, batches, workers, _batch_name, MEMORY_HINT):
        columns = np.concatenate([columns, rows])
        if progress:
            progress(len(columns), len(numbers), 0)
    _refuse_other_numbers(result, numbers, control, columns[:, -1])
    return Attribution(
        arm,
        result.reference,
        outcome,
        groups,
        numbers,
        result.outcomes["run"].nunique(),
        columns[:, :-1],
        having - control,
    )


def _batches(result: Result, worlds: Worlds, numbers: Keys, workers: int) -> list[Keys]:
    """Runs in batches small enough to be simulated at once, equal, as many for each
    worker; of agents one by one."""
    if result.model is not None:
        return np.array_split(numbers, len(numbers))
    count = -(-len(numbers) // batch_runs(worlds.reference.n))
    return np.array_split(numbers, min(-(-count // workers) * workers, len(numbers)))


def _batch_name(runs: Keys) -> str:
    return f"explaining runs {runs[0]} to {runs[-1]}"


def _refuse_other_numbers(
    result: Result, numbers: Keys, stored: Floats, simulated: Floats
) -> None:
    """Raise StoreDamaged where the control arm's numbers are not those stored."""
    wrong = np.flatnonzero(stored != np.round(simulated, DECIMALS))
    if len(wrong):
        row = wrong[0]
        where = f"run {numbers[row]} of {result.reference}"
        numbers_there = (
            f"(filtered number {simulated[row]:.17g}, there {stored[row]:.17g})"
        )
        raise other_replications(
            result, f"{where} comes out otherwise than in the results {numbers_there}"
        )


def _stored(
    result: Result, arm: str, outcome: str, most: int
) -> tuple[Keys, Floats, Floats]:
    """Run numbers, and the filtered outcome in the arm and in the control arm, as the
    study has them."""
    if result.outcomes.empty:
        raise WrongRequest("no run finished, so there is nothing to explain")
    counts = tuple(f"{measure}_" for measure in COUNTS)
    names = [
        str(name).removeprefix(FILTERED)
        for name in result.outcomes.columns
        if str(name).startswith(FILTERED)
    ]
    counted = [name for name in names if name.startswith(counts)]
    if outcome not in counted:
        why = f"unknown outcome `{outcome}`"
        if outcome in result.outcome_names:
            if outcome.startswith(counts):
                raise LacksOutcome(FILTERED + outcome, result.version)
            why = f"`{outcome}` has no direct estimate, so it cannot be attributed"
        names_there = (
            ", ".join(counted)
            or "none: an earlier version wrote this folder, run the scenario again"
        )
        raise WrongRequest(
            f"{why}; --outcome takes an expected number of new agreements. There are: "
            f"{names_there}"
        )
    column = FILTERED + outcome
    frame = result.outcomes.pivot(index="run", columns="arm", values=column)
    frame = frame.sort_index().iloc[:most]
    numbers = frame.index.to_numpy().astype(np.uint64)
    control = frame[result.reference].to_numpy(float)
    return numbers, frame[arm].to_numpy(float), control
