"""The loop over time, for blocks of replications as arrays: begin, perceive, advance.
No loop over replications or states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from balance_sim.model import accession, threat
from balance_sim.model.beliefs import provoke
from balance_sim.model.core import (
    Baseline,
    Bools,
    Floats,
    Ints,
    Keys,
    Opportunities,
    Rules,
    Thinning,
    World,
)
from balance_sim.model.perception import View, perceive
from balance_sim.model.pipeline import (
    agreements_at_start,
    clock_of,
    open_talks,
    settle,
    sign_given,
    sign_talks,
)
from balance_sim.model.policies import begin_enacted, decided_effort, enact
from balance_sim.model.prospects import Prospects
from balance_sim.model.sights import look
from balance_sim.model.state import (
    AgreementRows,
    Answers,
    BlockState,
    Simulated,
    begin_network,
    count_in_force,
    note_busy,
    refresh,
    refuse_invalid,
    set_busy,
)
from balance_sim.model.thinning import openness_on, with_all_of, within_margins
from balance_sim.model.willingness import consent, willingness

__all__ = [
    "advance",
    "begin",
    "close_step",
    "perceive",
    "proceed",
    "simulate",
    "turn_of_step",
    "watch_margins",
]

Observer = Callable[[World, BlockState, View], None]
AFTER_START = (
    *("arm", "odds_against", "intent_odds", "reliability", "hazards"),
    *("turns", "signings", "openness", "highest_unsided", "pacts"),
    *("policies", "dated_acts"),
)
"""Fields in which worlds that begin alike may differ."""


@dataclass
class Course:
    """An arm's replications under way.

    opportunities, thin : with every opportunity of replications that have left their
        margins
    observe : sees each step, after it has been perceived
    answers : of each step so far"""

    world: World
    opportunities: Opportunities
    thin: Thinning
    observe: Observer
    answers: list[Answers] = field(default_factory=list)

    def ended(self, state: BlockState) -> Simulated:
        """What is left behind. state: after the last step, of which nobody sees the
        network any more."""
        accession.settle_accessions(self.world, state)
        settle(self.world, state)
        return Simulated.of(state, self.opportunities, self.answers)


def begin(
    world: World,
    baseline: Baseline,
    seed: int,
    runs: Keys,
    agreements: AgreementRows | None = None,
) -> BlockState:
    """The state of R replications at day 0.

    Parameters
    ----------
    world : World
        of the arm
    baseline : Baseline
        frozen from the control arm at the start, the same for all arms
    seed : int
        of the study
    runs : (R,)
        numbers of the replications
    agreements : AgreementRows, optional
        what an arm that begins alike begins with; worked out here if not given

    Returns
    -------
    BlockState
        with the record, unobserved negotiations and provocations
    """
    if agreements is None:
        agreements = agreements_at_start(world, baseline, seed, runs)
    state = begin_network(world, runs)
    agreements = agreements.take(np.arange(len(agreements.run)))
    state.agreements, announced = agreements, agreements.stage == 1
    state.touched[agreements.run[announced], agreements.dyad[announced]] = True
    set_busy(state, agreements.clocks(agreements.stage < 2), is_busy=True)
    if world.hazards is not None:
        provoke(world, state, seed)
    if world.pacts is not None:
        state.accessions = accession.begin_accessions(world, world.pacts, seed, runs)
    state.enacted = begin_enacted(world, len(runs))
    return state


def simulate(
    world: World,
    baseline: Baseline,
    opportunities: Opportunities,
    thin: Thinning,
    seed: int,
    runs: Keys,
    observe: Observer | None = None,
) -> Simulated:
    """R replications of one arm, start to end.

    Parameters
    ----------
    world : World
        of the arm
    baseline : Baseline
        frozen from the control arm at the start, the same for all arms
    opportunities : Opportunities
        of these replications, the same for all arms
    thin : Thinning
        of this arm, from `thinning.thinning`
    seed : int
        of the study
    runs : (R,)
        numbers of the replications
    observe : callable, optional
        sees each step, after it has been perceived

    Returns
    -------
    Simulated
        agreements and filtered consent
    """
    state = begin(world, baseline, seed, runs)
    course = Course(world, opportunities, thin, observe or (lambda *_: None))
    proceed([course], state, baseline, seed, range(world.steps))
    return course.ended(state)


def proceed(
    courses: Sequence[Course],
    state: BlockState,
    baseline: Baseline,
    seed: int,
    steps: range,
) -> int:
    """Some steps of arms that do not differ in them, simulated once for all.

    Parameters
    ----------
    courses : sequence of Course
        of the arms; several have their opportunities in common, and no policies
    state : BlockState
        of all of them before these steps; after them, when this returns
    baseline, seed
        as in `simulate`
    steps : range
        of the grid

    Returns
    -------
    int
        the next step; the one in which a replication leaves the margins of one of
        several arms, from which each has opportunities of its own
    """
    world = courses[0].world
    for step in steps:
        present = take_turn(world, state, step, seed)
        view = perceive(present, state, step)
        versions = [course.world.at(step) for course in courses]
        if len(courses) == 1:
            watch_margins(present, baseline, state)
            _draw_rest(courses[0], state, step, seed)
        elif not all(within_margins(v, baseline, state).all() for v in versions):
            return step
        look(present, state, view)
        note_busy(state, step)
        for course, version in zip(courses, versions, strict=True):
            course.observe(version, state, view)
        by_arm = advance(present, baseline, courses, state, view, seed)
        for course, answers in zip(courses, by_arm, strict=True):
            course.answers.append(answers)
    return steps.stop


def _draw_rest(course: Course, state: BlockState, step: int, seed: int) -> None:
    """Opportunities that were left out, of replications that have left the margins."""
    outside = np.flatnonzero(course.opportunities.thinned & ~state.within)
    if len(outside):
        course.opportunities, course.thin = with_all_of(
            course.opportunities, course.thin, outside, step, seed, state.runs
        )


def turn_of_step(world: World, state: BlockState) -> None:
    """What has come into force or ended by now takes effect: agreements change depth
    from the next step on."""
    accession.settle_accessions(world, state)
    entered, ended = settle(world, state)
    count_in_force(state, entered, 1)
    count_in_force(state, ended, -1)
    changed = np.concatenate([entered, ended])
    agreements = state.agreements
    refresh(world, state, agreements.run[changed], agreements.dyad[changed])


def take_turn(world: World, state: BlockState, step: int, seed: int) -> World:
    """The world as it is in a step, once what is due by its beginning has taken effect:
    entries into force and ends, what changes sign, efforts that states decide on, what
    policies do. It takes effect once."""
    if state.turned == step:
        return world.at(step)
    state.turned = step
    turn_of_step(world, state)
    day = world.grid[step]
    if world.signings is not None:
        sign_given(world, state, np.flatnonzero(world.signings.signed == day), seed)
        accession.join_given(world, state, seed)
    state.effort = state.effort + effort_decided_in(world, step)
    present = world.at(step)
    enact(present, state, day)
    return present


def effort_decided_in(world: World, step: int) -> Floats:
    """(n,) rise of capability that changes bring about at the beginning of a step, at
    once. At the scenario's start there is none: the data hold it already."""
    decided = world.at(step).decided_effort
    if decided is None or step == 0:
        return np.zeros(world.n)
    earlier = world.at(step - 1).decided_effort
    return decided if earlier is None else decided - earlier


def watch_margins(world: World, baseline: Baseline, state: BlockState) -> None:
    """Note which replications keep within the margins of their bounds, by the network
    and by what they have last perceived."""
    state.within &= within_margins(world, baseline, state)


def advance(
    world: World,
    baseline: Baseline,
    courses: Sequence[Course],
    state: BlockState,
    view: View,
    seed: int,
) -> list[Answers]:
    """One step: talks open and go on, agreements are signed; then effort follows
    insecurity.

    Parameters
    ----------
    courses : sequence of Course
        of arms that do not differ in this step
    view : View
        what `perceive` found in this step
    world, baseline, state, seed
        as in `simulate` and `begin`

    Returns
    -------
    list of Answers
        in each of these arms
    """
    opportunities = courses[0].opportunities
    first, stop = opportunities.starts[view.step : view.step + 2]
    rows_by_arm = [
        open_to_consent(world, opportunities, course.thin, state, first, stop)
        for course in courses
    ]
    rows = reduce(np.union1d, rows_by_arm)
    sides = consents(world, baseline, opportunities, state, view, rows)
    needs = opportunities.needs.take(rows, axis=0)
    agreed = np.logical_and(*(needs < sides).T)
    by_arm = []
    for course, own_rows in zip(courses, rows_by_arm, strict=True):
        own_sides = sides
        if own_rows is not rows:
            own_sides = sides[np.searchsorted(rows, own_rows)]
        kept = probability_kept(opportunities, course.thin, state, own_rows)
        opens = filtered(world, opportunities, own_rows, kept, own_sides)
        by_arm.append(Answers(own_rows, opens, kept))
    seekers = accession.seekers_in(world, state, view.step)
    willing = None
    if seekers is not None:
        willing = accession.wanted(world, baseline, view, state, seekers.ballots)
    act(world, opportunities, state, view.step, rows[agreed], seed)
    accede(world, state, view, seekers, willing, seed)
    close_step(world, baseline, state, view)
    return by_arm


def open_to_consent(
    world: World,
    opportunities: Opportunities,
    thin: Thinning,
    state: BlockState,
    first: int,
    stop: int,
) -> Ints:
    """Opportunities first..stop-1 of dyads and types without talks, at which the two
    sides may consent."""
    rows = slice(first, stop)
    run = opportunities.run[rows]
    clock = clock_of(world, run, opportunities.dyad[rows], opportunities.kind[rows])
    may_consent = thin.kept[rows] | ~state.within.take(run)
    return first + np.flatnonzero(~state.busy.take(clock) & may_consent)


def consents(
    world: World,
    baseline: Baseline,
    opportunities: Opportunities,
    state: BlockState,
    view: View,
    rows: Ints,
) -> Floats:
    """(K, 2) probability that each side consents at each of these opportunities."""
    columns = opportunities.run, opportunities.dyad, opportunities.kind
    places = (column.take(rows) for column in columns)
    prospects = Prospects.of_both_sides(world, baseline, view, state, *places)
    return consent(willingness(prospects)).reshape(2, -1).T


def unbarred(world: World, opportunities: Opportunities, rows: Ints) -> Bools:
    """(K,) opportunities that want of relations does not bar."""
    openness = openness_on(world, opportunities.dyad[rows], opportunities.day[rows])
    return np.asarray(opportunities.bars[rows] < openness)


def filtered(
    world: World,
    opportunities: Opportunities,
    rows: Ints,
    kept: Floats,
    sides: Floats,
) -> Floats:
    """(K,) probability that talks open at each of some opportunities, over the
    probability that it was kept. rows, kept: (K,), as in `Answers`; sides: (K, 2)
    probability that each side consents.

        openness_ij(day) sigma(u_ij) sigma(u_ji) / (bound_ij bound_ji)

    Its sum over opportunities has the expectation of the number of talks opened
    (filtered Monte Carlo: Glasserman 1993, Mathematics of Operations Research 18(3)).
    Of two opportunities of one dyad and type in one step the earlier counts: a later
    one has its talks only where the earlier ones have none."""
    run, dyad = opportunities.run.take(rows), opportunities.dyad.take(rows)
    openness = openness_on(world, dyad, opportunities.day.take(rows))
    opens = openness * sides.prod(axis=1) / kept
    clock = clock_of(world, run, dyad, opportunities.kind.take(rows))
    none_yet = np.ones(len(rows))
    # few; rows are sorted by dyad and type within a step
    for later in np.flatnonzero(clock[1:] == clock[:-1]) + 1:
        none_yet[later] = none_yet[later - 1] * (1.0 - opens[later - 1])
    return np.asarray(opens * none_yet)


def probability_kept(
    opportunities: Opportunities, thin: Thinning, state: BlockState, rows: Ints
) -> Floats:
    """(K,) probability with which each opportunity was kept. Past the margins a bound
    no longer holds, and nothing is thinned."""
    is_within = state.within.take(opportunities.run.take(rows))
    return np.where(is_within, thin.bound.take(rows), 1.0)


def act(
    world: World,
    opportunities: Opportunities,
    state: BlockState,
    step: int,
    agreed: Ints,
    seed: int,
) -> None:
    """Talks open at the opportunities at which both sides consented, and which nothing
    bars; talks go on, agreements are signed."""
    opened = agreed[unbarred(world, opportunities, agreed)]
    open_talks(world, opportunities, state, opened, seed)
    sign_talks(world, state, world.grid[step], world.grid[step + 1])


def accede(
    world: World,
    state: BlockState,
    view: View,
    seekers: accession.Seekers | None,
    willing: Floats | None,
    seed: int,
) -> None:
    """Applications for accession begin where both sides consent, and others are signed.

    willing: (2, V), of candidates and of members, where some are asked."""
    if seekers is not None and willing is not None:
        accession.apply_for(world, state, seekers, willing, seed)
    accession.sign_applications(world, state, float(world.grid[view.step + 1]))


def close_step(world: World, baseline: Baseline, state: BlockState, view: View) -> None:
    """Effort follows alarm, and the step is over. Raises InvalidNumber where
    effort is no number."""
    decided = decided_effort(world, state)
    state.effort = effort_after(
        world, baseline, state.effort, view.total, decided, view.step
    )
    day = world.grid[view.step]
    refuse_invalid("effort", state.effort, world.codes, day, state.runs)
    state.day = world.grid[view.step + 1]


def effort_after(
    world: World,
    baseline: Baseline,
    effort: Floats,
    total: Floats,
    decided: Floats | float,
    step: int,
) -> Floats:
    """(..., n) effort at the end of a step, from that at its beginning, the threat in
    it, and what states have decided on."""
    rules, days = world.rules, world.grid[step + 1] - world.grid[step]
    share = threat.effort_share(days, rules.effort_years)
    target = effort_target(rules, total, baseline.threat) + decided
    return threat.effort_change(effort, target, rules.effort_max, share)


def effort_target(rules: Rules, total: Floats, at_start: Floats) -> Floats:
    """(...,) effort that states want: an elasticity times their alarm, since data
    already hold today's effort."""
    if not rules.effort_reaction:
        return np.zeros_like(total)
    alarm = threat.alarm(total, at_start, rules.alarm_floor)
    return np.asarray(rules.effort_reaction * alarm)
