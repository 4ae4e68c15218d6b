"""Accession to a pact of many: states seek it at opportunities, and its members decide.

    opportunities  of each candidate, a Poisson stream at the pact's rate
    candidate      consents with sigma of its mean willingness over the members, each
                   member of equal weight
    members        consent with sigma of the least willing, where the pact asks for
                   unanimity: the veto player decides (Tsebelis 2002, Veto Players); of
                   the median member, where a majority does (Black 1948, JPE 56(1))
    relations      the least openness between the candidate and a member bars

All members hold their willingness against one uniform. Drawn for each of them apart,
thirty members would hardly ever agree, whatever they think. With one uniform for all of
them a majority agrees exactly where the pivotal member does: of an even number the
less willing of the two in the middle, since half of the votes are no majority.

An accession is one decision with one length of talks, one signature and one entry into
force; it binds the applicant to every member by an agreement of the pact's kind. From
entry into force on it is a member, and answers the next candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balance_sim.model import clocks
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    NEVER,
    Baseline,
    Bools,
    Floats,
    Ints,
    Keys,
    Pacts,
    World,
)
from balance_sim.model.perception import View
from balance_sim.model.pipeline import (
    ACCEDED,
    SCHEDULED,
    clock_of,
    entry_into_force,
    talks_length,
    wait,
)
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import (
    Accessions,
    AgreementRows,
    Applications,
    BlockState,
    Candidacies,
    set_busy,
)
from balance_sim.model.streams import (
    ACCESSION,
    AGREEMENT,
    AccessionDraw,
    AgreementDraw,
    stream_keys,
)
from balance_sim.model.thinning import openness_on
from balance_sim.model.willingness import consent, willingness
from balance_sim.scenario.schema import Scenario

UNANIMITY = "unanimity"
_OF_GIVEN = 500  # numbers of agreements by given accessions, beyond other changes'


def pacts_of(scenario: Scenario) -> Pacts:
    """The scenario's pacts as arrays, states in the order of `scenario.codes`."""
    codes, kinds = scenario.codes, sorted(scenario.kinds)
    pacts = scenario.pacts.values()
    members = np.array([np.isin(codes, scenario.groups[pact.group]) for pact in pacts])
    seekers = [pact.candidates or codes for pact in pacts]
    rate = np.array([pact.rate for pact in pacts])
    candidates = np.array([np.isin(codes, seeking) for seeking in seekers])
    joining_day = np.full(members.shape, NEVER)
    names = tuple(scenario.pacts)
    for change in scenario.changes:
        if change.pact in names and change.joins is not None:
            place = names.index(change.pact), codes.index(change.joins)
            joining_day[place] = (change.date - scenario.start).days
    return Pacts(
        names=names,
        keys=np.array([clocks.label(name) for name in names], dtype=np.uint64),
        kind=np.array([kinds.index(pact.kind) for pact in pacts]),
        unanimous=np.array([pact.consent == UNANIMITY for pact in pacts]),
        members=members,
        candidates=candidates & ~members & (rate[:, None] > 0),
        rate=rate,
        joining_day=joining_day,
        state_keys=np.array([clocks.label(code) for code in codes], dtype=np.uint64),
    )


def begin_accessions(world: World, pacts: Pacts, seed: int, runs: Keys) -> Accessions:
    """Members as at the start, and every opportunity of R replications to seek
    accession, to the horizon."""
    nobody = np.empty(0, dtype=np.int64)
    return Accessions(
        members=np.repeat(pacts.members[None], len(runs), axis=0),
        applying=np.zeros((len(runs), world.n), dtype=bool),
        candidacies=_candidacies(world, pacts, seed, runs),
        applications=Applications(nobody, nobody, AgreementRows.none()),
    )


def _candidacies(world: World, pacts: Pacts, seed: int, runs: Keys) -> Candidacies:
    """The opportunities of every candidate, the first of each, then the second, until
    all are past the horizon."""
    pact, state = np.nonzero(pacts.candidates)
    run = np.repeat(np.arange(len(runs)), len(pact))
    pact, state = np.tile(pact, len(runs)), np.tile(state, len(runs))
    key = _keys(pacts, stream_keys(seed, runs, ACCESSION)[run], pact, state)
    day, count = np.zeros(len(run)), 0
    columns: list[tuple[Keys | Ints | Floats, ...]] = []
    while len(run) or not columns:
        this = clocks.absorb(key, count)
        unit_wait = clocks.exponential(clocks.draw(this, AccessionDraw.WAIT))
        day = day + unit_wait * DAYS_PER_YEAR / pacts.rate[pact]
        on_time = np.flatnonzero(day < world.grid[-1])
        run, pact, state = run[on_time], pact[on_time], state[on_time]
        key, day, this = key[on_time], day[on_time], this[on_time]
        columns.append((run, pact, state, np.full(len(run), count), day, this))
        count += 1
    run, pact, state, counts, day, this = map(
        np.concatenate, zip(*columns, strict=True)
    )
    step = np.searchsorted(world.grid, day, side="right") - 1
    order = np.lexsort((day, state, run, step))
    this = this[order]
    draws = AccessionDraw.CANDIDATE, AccessionDraw.MEMBERS, AccessionDraw.OPENNESS
    needs = [clocks.uniform(clocks.draw(this, number)) for number in draws]
    return Candidacies(
        run=run[order],
        pact=pact[order],
        state=state[order],
        count=counts[order],
        day=day[order],
        needs=np.stack(needs[:2], axis=1),
        bars=needs[2],
        starts=np.searchsorted(step[order], np.arange(world.steps + 1)),
        chance=np.zeros(len(order)),
    )


def _keys(pacts: Pacts, by_run: Keys, pact: Ints, state: Ints) -> Keys:
    """Keys of states in pacts, from those of their replications."""
    return clocks.absorb(
        clocks.absorb(by_run, pacts.keys[pact]), pacts.state_keys[state]
    )


# -- who is asked, and what they say


@dataclass(frozen=True)
class Ballots:
    """G candidates in their replications, and V rows, one for each member whom each of
    them asks."""

    unanimous: Bools  # (G,)
    which: Ints  # (V,) of the G, sorted
    run: Ints  # (V,)
    candidate: Ints  # (V,)
    member: Ints  # (V,)
    kind: Ints  # (V,)

    @staticmethod
    def of(
        pacts: Pacts, members: Bools, run: Ints, pact: Ints, candidate: Ints
    ) -> Ballots:
        """Ballots of G candidates. members: (R, A, n)."""
        which, member = np.nonzero(members[run, pact])
        return Ballots(
            unanimous=pacts.unanimous[pact],
            which=which,
            run=run[which],
            candidate=candidate[which],
            member=member,
            kind=pacts.kind[pact][which],
        )


@dataclass(frozen=True)
class Seekers:
    """The K opportunities of a step at which somebody is asked."""

    rows: Ints  # (K,) of the candidacies
    place: Ints  # (K,) which candidate of the ballots
    openness: Floats  # (K,) the least between the candidate and a member
    ballots: Ballots


def seekers_in(world: World, state: BlockState, step: int) -> Seekers | None:
    """Who is asked in a step: candidates that are no members and have no application
    under way, and the members as they are. None where nobody is.

    Within a step nothing is seen anew, so that each is asked once."""
    pacts, accessions = world.pacts, state.accessions
    if pacts is None or accessions is None:
        return None
    all_of, members = accessions.candidacies, accessions.members
    rows = np.arange(*all_of.starts[step : step + 2])
    run, pact, candidate = all_of.run[rows], all_of.pact[rows], all_of.state[rows]
    is_asked = ~members[run, pact, candidate] & ~accessions.applying[run, candidate]
    if not is_asked.any():
        return None
    rows, run, pact, candidate = (
        column[is_asked] for column in (rows, run, pact, candidate)
    )
    dyads, day = world.dyad_index[candidate], all_of.day[rows]
    openness = openness_on(world, dyads, day[:, None])
    openness = np.where(members[run, pact], openness, np.inf).min(axis=1)
    clock = np.ravel_multi_index((run, pact, candidate), members.shape)
    distinct, place = np.unique(clock, return_inverse=True)
    seekers = np.unravel_index(distinct, members.shape)
    return Seekers(rows, place, openness, Ballots.of(pacts, members, *seekers))


def wanted(
    world: World,
    baseline: Baseline,
    view: View,
    state: BlockState,
    ballots: Ballots,
) -> Floats:
    """(2, V) willingness of the candidate for each member, and of each member for the
    candidate."""
    sides = ballots.candidate, ballots.member
    ego, alter = np.concatenate(sides), np.concatenate(sides[::-1])
    run, kind = np.tile(ballots.run, 2), np.tile(ballots.kind, 2)
    prospects = Prospects(world, baseline, view, state, run, ego, alter, kind)
    return willingness(prospects).reshape(2, -1)


def chances(willing: Floats, which: Ints, unanimous: Bools) -> Floats:
    """Probability that the candidate consents, and that the members do.

    Parameters
    ----------
    willing : (2, V)
        nats, as `wanted` returns them
    which : (V,)
        of the G candidates, sorted
    unanimous : (G,)
        whether every member has to consent; else more than half of them

    Returns
    -------
    (G, 2)

    Examples
    --------
    >>> willing = np.array([[0.0, 0.0, 0.0], [-3.0, 0.0, 3.0]])
    >>> chances(willing, np.zeros(3, int), np.array([False])).tolist()
    [[0.5, 0.5]]
    """
    first = np.searchsorted(which, np.arange(len(unanimous)))
    size = np.bincount(which, minlength=len(unanimous))
    mean = np.add.reduceat(willing[0], first) / size
    by_willingness = willing[1][np.lexsort((willing[1], which))]
    refusals = np.where(unanimous, 0, size - (size // 2 + 1))  # that change nothing
    return consent(np.stack([mean, by_willingness[first + refusals]], axis=1))


# -- applications, from consent to membership


def apply_for(
    world: World, state: BlockState, seekers: Seekers, willing: Floats, seed: int
) -> None:
    """Applications begin where candidate and members consent and nothing bars; of two
    of one state in a step the earlier counts. How likely each was is stored.

    willing: (2, V), as `wanted` returns it."""
    pacts, accessions = world.pacts, state.accessions
    assert pacts is not None
    assert accessions is not None
    all_of, rows, ballots = accessions.candidacies, seekers.rows, seekers.ballots
    sides = chances(willing, ballots.which, ballots.unanimous)[seekers.place]
    applicant = all_of.run[rows] * world.n + all_of.state[rows]
    begins = seekers.openness * sides.prod(axis=1)
    none_yet = np.ones(len(rows))
    for later in np.flatnonzero(applicant[1:] == applicant[:-1]) + 1:
        none_yet[later] = none_yet[later - 1] * (1.0 - begins[later - 1])
    all_of.chance[rows] = begins * none_yet
    agreed = (all_of.needs[rows] < sides).all(axis=1)
    agreed &= all_of.bars[rows] < seekers.openness
    _, earliest = np.unique(applicant[agreed], return_index=True)
    rows = rows[agreed][earliest]
    if len(rows):
        accessions.applying[all_of.run[rows], all_of.state[rows]] = True
        begun = _begun(world, pacts, state, all_of, rows, seed)
        accessions.applications.add_rows(begun)


def _begun(
    world: World,
    pacts: Pacts,
    state: BlockState,
    all_of: Candidacies,
    rows: Ints,
    seed: int,
) -> Applications:
    """Applications that begin at these opportunities, with the days to come: of
    signature and entry into force, or of failure."""
    run, pact, applicant = all_of.run[rows], all_of.pact[rows], all_of.state[rows]
    key = stream_keys(seed, state.runs, AGREEMENT)[run]
    key = _keys(pacts, key, pact, applicant)
    key = clocks.absorb(key, all_of.count[rows].astype(np.uint64))
    of_no_dyad, everything = np.full(len(rows), -1), np.arange(len(rows))
    kind, collapse = pacts.kind[pact], world.rules.collapse_rate
    terms = AgreementRows.begun(
        ACCEDED, run, of_no_dyad, kind, all_of.count[rows], key, all_of.day[rows]
    )
    terms.length = talks_length(world, key, kind)
    terms.signed = terms.opened + terms.length
    terms.fails = terms.opened + wait(key, AgreementDraw.FAIL_IN_TALKS, collapse)
    failed = terms.fails < terms.signed
    terms.in_force = entry_into_force(
        world, terms, everything, np.full(len(rows), np.nan)
    )
    fails_signed = terms.signed + wait(key, AgreementDraw.FAIL_SIGNED, collapse)
    terms.signed[failed] = terms.in_force[failed] = NEVER
    terms.fails = np.where(failed, terms.fails, fails_signed)
    return Applications(pact, applicant, terms)


def sign_applications(world: World, state: BlockState, stop: float) -> None:
    """Applications whose talks are over by a day are signed, by every member of that
    time."""
    accessions = state.accessions
    if accessions is None:
        return
    terms = accessions.applications.terms
    rows = np.flatnonzero((terms.stage == 0) & (terms.signed < stop))
    terms.stage[rows] = 1
    _bind(world, state, accessions.applications, rows, terms.signed[rows])


def settle_accessions(world: World, state: BlockState) -> None:
    """By the state's day applications have failed, or have made members of applicants;
    a member whose accession has ended is none any more."""
    accessions = state.accessions
    if accessions is None:
        return
    applications, day = accessions.applications, state.day
    terms, pact, applicant = applications.terms, applications.pact, applications.state
    is_due = np.minimum(terms.in_force, terms.fails) <= day
    due = np.flatnonzero((terms.stage < 2) & is_due)
    enters = terms.in_force[due] <= terms.fails[due]
    failed, entered = due[~enters], due[enters]
    accessions.applying[terms.run[due], applicant[due]] = False
    terms.stage[failed], terms.stage[entered] = 3, 2
    terms.ended[failed] = terms.fails[failed]
    terms.ended[entered] = terms.in_force[entered] + wait(
        terms.key[entered], AgreementDraw.END, world.rules.end_rate
    )
    accessions.members[terms.run[entered], pact[entered], applicant[entered]] = True
    _bind(world, state, applications, entered, terms.in_force[entered])
    ended = np.flatnonzero((terms.stage == 2) & (terms.ended <= day))
    terms.stage[ended] = 3
    accessions.members[terms.run[ended], pact[ended], applicant[ended]] = False


def join_given(world: World, state: BlockState, seed: int) -> None:
    """States that a change makes members today: their application is over, and members
    by accession are bound to them too."""
    pacts, accessions = world.pacts, state.accessions
    if pacts is None or accessions is None:
        return
    for pact, joins in zip(*np.nonzero(pacts.joining_day == state.day), strict=True):
        applications = accessions.applications
        terms = applications.terms
        its_own = (applications.pact == pact) & (applications.state == joins)
        over = np.flatnonzero(its_own & (terms.stage < 3))
        unsigned, pending = (over[terms.stage[over] < stage] for stage in (1, 2))
        terms.signed[unsigned] = terms.in_force[unsigned] = NEVER
        accessions.applying[terms.run[pending], joins] = False
        terms.stage[over], terms.ended[over] = 3, state.day
        accessions.members[:, pact, joins] = True
        run = np.arange(len(state.runs))
        key = _keys(pacts, stream_keys(seed, state.runs, AGREEMENT), pact, joins)
        of_no_dyad, kind = np.full_like(run, -1), np.full_like(run, pacts.kind[pact])
        count = np.full_like(run, _OF_GIVEN + pact * world.n + joins)
        today = np.full(len(run), state.day)
        legs = AgreementRows.begun(SCHEDULED, run, of_no_dyad, kind, count, key, today)
        legs.signed = legs.in_force = today
        of_all = Applications(np.full_like(run, pact), np.full_like(run, joins), legs)
        _bind(world, state, of_all, run, today)


def _bind(
    world: World,
    state: BlockState,
    applications: Applications,
    rows: Ints,
    signed: Floats,
) -> None:
    """Agreements of applicants with every present member, but where one of the kind is
    in force or under way between the two. signed: (K,) days."""
    accessions = state.accessions
    if accessions is None or not len(rows):
        return
    terms, applicant = applications.terms, applications.state[rows]
    members = accessions.members[terms.run[rows], applications.pact[rows]]
    members[np.arange(len(rows)), applicant] = False
    which, member = np.nonzero(members)
    legs = terms.take(rows[which])
    legs.dyad = world.dyad_index[applicant[which], member]
    legs.signed = signed[which]
    clock = clock_of(world, legs.run, legs.dyad, legs.kind)
    is_free = ~state.busy.take(clock) & (state.in_force.take(clock) == 0)
    _, first = np.unique(clock, return_index=True)  # two may enter at once
    legs = legs.take(np.intersect1d(first, np.flatnonzero(is_free)))
    legs.stage[:], legs.ended[:] = 1, NEVER
    set_busy(state, legs.clocks(), is_busy=True)
    state.touched[legs.run, legs.dyad] = True
    state.agreements.add_rows(legs)
