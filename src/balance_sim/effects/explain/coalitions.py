"""What each coalition of groups of terms makes of an effect, beside the control arm's
replications.

For a coalition S of groups

    u_S = sum of the terms in S as the arm has them
          + sum of the other groups' terms as the control arm has them
          + what is in no group, as the arm has it

and the mixed willingness gives the probability that talks open. So no coalition has to
be simulated. Each has its control variate (`study/control_variates.py`): the same mix
with the network as at the start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    DIRECTIONS,
    Floats,
    Ints,
    Opportunities,
    Thinning,
    World,
)
from balance_sim.model.engine import filtered, probability_kept
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState, ClockRows, Simulated
from balance_sim.model.thinning import opportunity_rate
from balance_sim.model.willingness import ORDER, TERMS, account, consent, total
from balance_sim.study.control_variates import Steps
from balance_sim.study.expected import Estimator
from balance_sim.study.filtered import prospect_of
from balance_sim.study.scene import focal_roles
from balance_sim.study.spans import at_start, in_spans, walk
from balance_sim.study.talks_at_start import focal_windows

Parts = Mapping[str, Floats]
Groups = Mapping[str, tuple[str, ...]]


GROUPS: Groups = {
    group: tuple(name for name, term in TERMS.items() if term.group == group)
    for group in dict.fromkeys(term.group for term in TERMS.values() if term.group)
}
"""What a partner adds to one's security; what one fears of the partner itself; who is
tied to whom; what one's trade may lose; doubt about a shared patron. In no group: terms
that read facts of the world, which no event changes; an arm that changes them shows in
the row `outside`."""


def groups_for(worlds: Worlds) -> Groups:
    """`GROUPS`, and `own`: terms of the user's own that read what changes in a
    replication."""
    own_terms = {
        name
        for world in worlds.arms.values()
        for name, term in world.own_terms.items()
        if term.reads != "facts"
    }
    return {**GROUPS, "own": tuple(sorted(own_terms))} if own_terms else GROUPS


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


@dataclass(frozen=True)
class StepOfArm:
    """What the states of one arm see in a step of the control arm's replications;
    `view` holds until the next.

    rows: (K,) the step's opportunities of idle clocks that were not thinned."""

    world: World
    state: BlockState
    view: View
    opportunities: Opportunities
    thin: Thinning
    rows: Ints


class Coalitions:
    """Sums over the opportunities of the control arm's replications, as `along_control`
    shows them.

    Attributes
    ----------
    worth : (R, 2^k) what each coalition adds to the control arm's number of
        counter-balancing security agreements within the longest window
    signed : (C,) probability that talks opened at each opportunity are counted
    """

    def __init__(self, worlds: Worlds, arm: str, groups: Groups) -> None:
        self.worlds, self.arm, self.groups = worlds, arm, groups
        self.windows = focal_windows(worlds)
        self.direction = focal_roles(worlds).direction

    def look(self, step: StepOfArm) -> None:
        """One step of one arm: first of that which is explained, then of the control
        arm."""
        opportunities, rows = step.opportunities, step.rows
        run, dyad = opportunities.run[rows], opportunities.dyad[rows]
        clock, baseline = (run, dyad, opportunities.kind[rows]), self.worlds.baseline
        moment = step.world, baseline, step.view, step.state
        terms = account(Prospects.of_both_sides(*moment, *clock))
        if step.world.arm == self.arm:
            self._arm_terms = terms
            return
        runs = len(step.state.runs)
        if step.view.step == 0:
            self.prospect = prospect_of(self.worlds, opportunities, self.windows)
            is_counter = self.direction == DIRECTIONS.index("counter")
            is_counted = self.worlds.reference.ladder.security[opportunities.kind]
            is_counted = is_counted & is_counter[opportunities.dyad]
            self.signed = self.prospect.signed[self.windows.longest] * is_counted
            self.worth = np.zeros((runs, 1 << len(self.groups)))
        kept = probability_kept(opportunities, step.thin, step.state, rows)
        openings = []
        for sides in consent(mixed(self._arm_terms, terms, self.groups)):
            consents = sides.reshape(2, -1).T
            openings.append(filtered(step.world, opportunities, rows, kept, consents))
        for coalition, opening in enumerate(openings[:-1]):
            gained = (opening - openings[-1]) * self.signed[rows]
            self.worth[:, coalition] += np.bincount(run, gained, minlength=runs)


def add_at(sums: Floats, rows: ClockRows, values: Floats) -> None:
    """Add a value of each coalition and clock, (2^k, P, M), times the weights of rows,
    to sums of each replication and coalition, (R, 2^k)."""
    at_each = values[:, rows.dyad, rows.kind] * rows.weight
    np.add.at(sums, rows.run, at_each.T)


class CoalitionVariates:
    """The control variates of what coalitions are worth: what they add at the same
    opportunities with the network as at the start.

    worlds: without parameters of single replications."""

    def __init__(self, worlds: Worlds, arm: str, groups: Groups) -> None:
        is_counter = worlds.baseline.direction == DIRECTIONS.index("counter")
        self._estimator = Estimator(worlds, np.flatnonzero(is_counter), in_windows=True)
        self._signatures = self._estimator.signatures
        self._steps = Steps(self._estimator, worlds)
        self._baseline, self._groups = worlds.baseline, groups
        self._worlds = worlds.arms[arm], worlds.reference

    def correction(self, simulated: Simulated, signed: Floats, rate: Floats) -> Floats:
        """(R, 2^k) what is to be added to the worth: what the variates are expected to
        add while clocks were idle, less what they add at the opportunities that came.

        signed: as in `Coalitions`; rate: (R,) factor on each replication's
        opportunities."""
        asked = self._counted(self._asked(simulated, signed))
        changes, a_day = self._counted(simulated.changes), self._a_day
        gains = np.zeros((len(rate), 1 << len(self._groups)))
        came, so_far = np.zeros_like(gains), np.zeros((gains.shape[1], *a_day.shape))
        longest, types = self._estimator.windows.longest, self._signatures.types
        within = self._steps.within[longest][:, types]
        passed = self._steps.passed[longest][:, types]
        for span, gained in enumerate(self._by_span()):
            in_span = changes.among(self._steps.span[changes.when] == span)
            add_at(gains, in_span, -so_far)
            clock = in_span.dyad, in_span.kind
            missed = passed[in_span.when, in_span.kind] * a_day[clock]
            add_at(gains, replace(in_span, weight=-in_span.weight * missed), gained)
            add_at(came, asked.among(asked.when == span), gained)
            so_far += gained * (a_day * within[span])
        add_at(gains, changes, so_far)
        gains += so_far.sum(axis=(1, 2))
        return np.asarray(rate[:, None] * gains - came)

    @property
    def _a_day(self) -> Floats:
        """(P, M) opportunities a day of the counted clocks."""
        rate = opportunity_rate(self._worlds[-1])[self._signatures.dyads]
        return np.asarray(rate[:, self._signatures.types] / DAYS_PER_YEAR)

    def _asked(self, simulated: Simulated, signed: Floats) -> ClockRows:
        """The opportunities at which two states were asked, each with its span, and
        with a weight of what `signed` has of it over the probability that it was
        kept."""
        opportunities, answers = simulated.opportunities, simulated.answers
        rows = answers.rows
        return ClockRows(
            self._signatures.span_of(opportunities.day.take(rows)),
            opportunities.run.take(rows),
            opportunities.dyad.take(rows),
            opportunities.kind.take(rows),
            signed.take(rows) / answers.kept,
        )

    def _counted(self, rows: ClockRows) -> ClockRows:
        """Those of the counted clocks that weigh anything, with the places of dyads and
        types among those counted."""
        dyads, types = self._signatures.dyads, self._signatures.types
        is_counted = np.isin(rows.dyad, dyads) & np.isin(rows.kind, types)
        counted = rows.among(is_counted & (rows.weight != 0))
        return replace(
            counted,
            dyad=np.searchsorted(dyads, counted.dyad),
            kind=np.searchsorted(types, counted.kind),
        )

    def _by_span(self) -> Iterator[Floats]:
        """Yield of each span what each coalition adds to the probability that talks
        open at an opportunity, (2^k, P, M)."""
        (control,) = self._estimator.courses_of([self._worlds[-1]])
        clocks = len(self._signatures.dyads), len(self._signatures.types)
        openness = self._signatures.openness(control)
        for span, (of_arm, of_control) in enumerate(self._accounts()):
            willing = mixed(of_arm, of_control, self._groups)
            sides = consent(willing).reshape(len(willing), 2, *clocks)
            opens = sides.prod(axis=1) * openness[span]
            yield opens[:-1] - opens[-1]

    def _accounts(self) -> Iterator[list[Parts]]:
        """Yield the parts of willingness of both sides of every counted dyad and type
        in each span: in the arm, and in the control arm."""
        edges = self._estimator.edges
        dyads, types = self._signatures.dyads, self._signatures.types
        dyad, kind = np.repeat(dyads, len(types)), np.tile(types, len(dyads))
        places = np.zeros_like(dyad), dyad, kind
        in_time = [in_spans(world, edges) for world in self._worlds]
        walks = [walk(world, self._baseline, at_start(world)) for world in in_time]
        for arms in zip(*walks, strict=True):
            moments = [
                (view.world, self._baseline, view, state) for state, view in arms
            ]
            yield [account(Prospects.of_both_sides(*m, *places)) for m in moments]
