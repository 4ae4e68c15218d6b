"""What an arm's states want over time, the network as at the start and no random
numbers: beliefs, threat, effort and consent in some spans of the scenario's time.
States remember what they are expected to sign on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balance_sim.model import threat
from balance_sim.model.baseline import Worlds
from balance_sim.model.beliefs import evidence_by_version
from balance_sim.model.core import Baseline, Floats, Ints, OddsByStep, World
from balance_sim.model.engine import close_step, effort_target
from balance_sim.model.perception import View, feel, perceive, view_of
from balance_sim.model.pipeline import SCHEDULED, under_way_on_record
from balance_sim.model.policies import (
    acts_of,
    begin_enacted,
    decided_effort,
    decided_rise,
    enact,
    ended_by,
    stance,
    with_act,
)
from balance_sim.model.prospects import Prospects
from balance_sim.model.sights import look
from balance_sim.model.state import (
    NETWORK,
    AgreementRows,
    BlockState,
    begin_network,
    refresh,
    repeated,
)
from balance_sim.model.thinning import NO_RUN
from balance_sim.model.willingness import (
    by_type,
    consent,
    parts_by_type,
    steady_terms,
    terms_of,
    total,
    willingness,
)
from balance_sim.model.world import by_audience, event_days, steps_alike
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.remembered import Remembered, remembered

SPANS = 20
"""Of the scenario's length, at least: dates at which beliefs are looked at."""
SPANS_AT_ONCE = 64 * 50**2
"""Entries of matrices of spans worked out together; changes no result."""
DYADS_AT_ONCE = 4096
"""Dyads in some span that are asked together, to stay in the cache; changes no
result."""


@dataclass(frozen=True)
class WillingnessOverTime:
    """What an arm's states want over time. K spans, P dyads, M types.

    Attributes
    ----------
    world : in spans: see `in_spans`
    dyads, types : (P,), (M,) which of the world's
    consent : (K, P, M) probability that both sides consent at an opportunity
    steady : (2, P, M) what both sides' willingness is in any span
    states : as each span finds them
    """

    world: World
    dyads: Ints
    types: Ints
    consent: Floats
    steady: Floats
    states: tuple[BlockState, ...]

    def of(self, dyads: Ints) -> WillingnessOverTime:
        """Of some of the dyads. dyads: sorted."""
        if dyads is self.dyads:
            return self
        rows = np.searchsorted(self.dyads, dyads)
        return replace(
            self,
            dyads=dyads,
            consent=self.consent[:, rows],
            steady=self.steady[:, rows],
        )

    def effort_on(self, day: float) -> Floats:
        """(n,) rise of capability on a day: even from the beginning of a span to its
        end, and in the last as in the one before. What changes decide on is there from
        its day on."""
        begins = self.world.grid[: len(self.states)]
        present = max(int(np.searchsorted(begins, day, side="right")) - 1, 0)
        first = min(present, max(len(begins) - 2, 0))
        following = min(first + 1, len(begins) - 1)
        at_end = self.states[following].effort[0]
        if following > first:
            at_end = at_end - decided_rise(self.world, following)
        rise = at_end - self.states[first].effort[0]
        days = max(begins[following] - begins[first], 1e-9)
        since = day - begins[present]
        return np.asarray(self.states[present].effort[0] + rise * since / days)


def spans(worlds: Worlds, least: int = SPANS) -> Ints:
    """(K + 1,) steps at which spans begin, and the number of steps: even, cut at the
    dates of all arms' events."""
    world, days = worlds.reference, set(event_days(worlds.scenario))
    longest, edges = world.grid[-1] / least, [0]
    for step in range(1, world.steps):
        is_long = world.grid[step + 1] - world.grid[edges[-1]] > longest
        if world.grid[step] in days or is_long:
            edges.append(step)
    return np.array([*edges, world.steps])


def _with_evidence(world: World, beside: World | None = None, **changed: Any) -> World:
    """The world with other evidence, and nothing of what was worked out from its own.

    beside: the world itself, where it has as many steps; changed: all of `EVIDENCE`,
    and what else changes."""
    at_start = replace(world.at_start, shared={}, beside=beside)
    return replace(world, at_start=at_start, **changed)


def _middle_steps(world: World, edges: Ints) -> Ints:
    """(K,) the step in the middle of each span."""
    grid = world.grid[edges]
    middles = (grid[1:] + grid[:-1]) / 2
    return np.searchsorted(world.grid, middles, side="right") - 1


def steps_of(world: World, edges: Ints) -> tuple[Floats, Floats]:
    """(K,) middle and start, in days, of the step whose evidence each span has."""
    steps = _middle_steps(world, edges)
    return world.middle(steps), world.grid[steps]


def in_spans(world: World, edges: Ints) -> World:
    """The world with a few long steps: in each span, its evidence is that of the step
    in the middle. Policies look and act where spans begin."""
    grid, steps = world.grid[edges], _middle_steps(world, edges)
    turns = tuple(
        (int(np.searchsorted(edges, step)), in_spans(turned, edges))
        for step, turned in world.turns
    )
    return _with_evidence(
        world,
        grid=grid,
        turns=turns,
        odds_against=world.odds_against.taken(steps),
        intent_odds=world.intent_odds.taken(steps),
        reliability=world.reliability[steps],
    )


def beside_of(world: World, other: World) -> World:
    """The world with another in the same spans beside it, of which the evidence alone
    differs."""
    return replace(world, at_start=replace(world.at_start, beside=other))


def with_event(world: World, scenario: Scenario, event: Event) -> World:
    """A world in spans, with one more event. scenario: the arm's own version, for who
    heeds what."""
    return with_each_event(world, scenario, [event])[0]


def with_each_event(
    world: World,
    scenario: Scenario,
    events: Sequence[Event],
    steps: tuple[Floats, Floats] | None = None,
) -> list[World]:
    """A world in spans with one more event, once for each of several. scenario: as in
    `with_event`. steps: (K,) middle and start of the step that each span has its
    evidence of (`steps_of`); of the spans themselves if not given."""
    moments, starts = steps or ((world.grid[1:] + world.grid[:-1]) / 2, world.grid[:-1])
    ordered = scenario if scenario.codes == world.codes else by_audience(scenario)
    alone = [(event,) for event in events]
    places = world.dyad_index, world.likeness
    evidence = evidence_by_version(ordered, alone, moments, starts, *places)
    turned = [
        (step, with_each_event(t, scenario, events, steps)) for step, t in world.turns
    ]
    worlds = []
    for number, nats in enumerate(evidence):
        odds_against = world.odds_against[:].copy()
        intent_odds = world.intent_odds[:].copy()
        odds_against[..., nats.dyads] *= np.exp(-nats.align)
        intent_odds.reshape(len(moments), -1)[:, nats.places] *= np.exp(nats.intent)
        acts = acts_of(ordered.model_copy(update={"events": alone[number]}))
        changed = _with_evidence(
            world,
            beside=world,
            odds_against=OddsByStep.of(odds_against, 2),
            intent_odds=OddsByStep.of(intent_odds, 1),
            reliability=world.reliability * np.exp(-nats.lost),
            turns=tuple((step, turns[number]) for step, turns in turned),
            dated_acts=with_act(world.dated_acts, acts),
        )
        worlds.append(changed)
    return worlds


def at_start(world: World) -> BlockState:
    """The state of one replication at day 0 with the record alone: no talks but those
    on record, no provocations.

    What is announced at the start is touched, so that states hear of it."""
    state = begin_network(world, NO_RUN)
    state.enacted = begin_enacted(world, 1)
    state.agreements = under_way_on_record(world)
    announced = state.agreements.stage == 1
    state.touched[0, state.agreements.dyad[announced]] = True
    return state


def course(
    world: World,
    baseline: Baseline,
    dyads: Ints | None = None,
    *,
    types: Ints | None = None,
    start: BlockState | None = None,
    beside: WillingnessOverTime | None = None,
) -> WillingnessOverTime:
    """What the states of some dyads, or of all, want in each span.

    Parameters
    ----------
    world : World
        in spans, from `in_spans` or `with_event`
    baseline : Baseline
        of the study
    dyads : (P,), optional
        which, sorted; all if not given
    types : (M,), optional
        of agreements, sorted; all if not given, or those of `beside`
    start : BlockState, optional
        from `at_start` for the same record, to save time
    beside : WillingnessOverTime, optional
        the course, of these dyads among others and from the same start, of a world of
        which the evidence alone differs: what comes before that is its

    Returns
    -------
    WillingnessOverTime
        consent and states by span
    """
    dyads = np.arange(len(world.first)) if dyads is None else dyads
    if beside is not None:
        types = beside.types
    questions = _Questions(world, baseline, dyads, types)
    if _is_even(world):
        if beside is not None:
            return courses([world], baseline, beside.of(dyads))[0]
        state = start or at_start(world)
        return _together([world], [dyads], questions, state, None)[0]
    first, steady = 0, None
    consents: list[Floats] = []
    states: list[BlockState] = []
    if beside is None:
        state = replace(start or at_start(world))
    else:
        first, shared = steps_alike(world, beside.world), beside.of(dyads)
        consents = [shared.consent[:first]]
        steady, states = shared.steady, [*shared.states[:first]]
        state = replace(shared.states[min(first, world.steps - 1)])
    for span_state, view in walk(world, baseline, state, first):
        if steady is None:
            steady = questions.steady(view, state)
        one_run = np.zeros_like(dyads)
        consents.append(questions.consent(view, state, one_run, dyads, steady)[None])
        states.append(span_state)
    assert steady is not None  # there is a span at least
    return questions.answered(world, dyads, np.concatenate(consents), steady, states)


def courses(
    worlds: Sequence[World],
    baseline: Baseline,
    beside: WillingnessOverTime,
    dyads: Sequence[Ints] | None = None,
) -> list[WillingnessOverTime]:
    """The courses of several worlds in spans, each with the start of another's course,
    of whose world the evidence alone differs. dyads: of each world, among those of that
    course; all of them if not given."""
    by_world = [beside.dyads] * len(worlds) if dyads is None else dyads
    if not _is_even(beside.world):
        return [
            course(world, baseline, own_dyads, beside=beside)
            for world, own_dyads in zip(worlds, by_world, strict=True)
        ]
    questions = _Questions(beside.world, baseline, beside.dyads, beside.types)
    return _together(worlds, by_world, questions, beside.states[0], beside)


def _is_even(world: World) -> bool:
    """Whether nothing but beliefs and effort differs between spans, and no term of the
    user's own reads them: then all are worked out at once."""
    reads_beliefs = any(term.reads == "beliefs" for term in world.own_terms.values())
    return not (world.turns or world.signings or world.policies or reads_beliefs)


def _together(
    worlds: Sequence[World],
    dyads: Sequence[Ints],
    questions: _Questions,
    start: BlockState,
    beside: WillingnessOverTime | None,
) -> list[WillingnessOverTime]:
    """The courses of even worlds, or of the rest of them from where their evidence
    differs from that of another course: each span is a replication of its own, since
    what threatens does not depend on effort. Without another course there is one
    world. dyads: of each world."""
    control, steps = beside.world if beside else worlds[0], worlds[0].steps
    firsts = [steps_alike(world, control) if beside else 0 for world in worlds]
    arm = np.repeat(np.arange(len(worlds)), [steps - first for first in firsts])
    span = np.concatenate([np.arange(first, steps) for first in firsts])
    joined = _one_after_another(worlds, firsts, control, span) if beside else control
    efforts = np.zeros((len(worlds), steps + 1, control.n))
    efforts[:, :1] = start.effort
    if beside:
        efforts[:, :-1] = [earlier.effort[0] for earlier in beside.states]
    steady, kinds = beside.steady if beside else None, len(questions.types)
    consents = [np.empty((0, kinds))]
    memory = remembered(control, questions.baseline)
    count = -(-len(span) // max(1, SPANS_AT_ONCE // control.n**2))
    for rows in np.array_split(np.arange(len(span)), max(count, 1))[:count]:
        state = repeated(start, len(rows))
        memory.put_into(state, span[rows])
        day = control.middle(span[rows])
        heard = feel(joined, state, rows, day)
        _arm(control, questions.baseline, state, efforts, arm[rows], span[rows])
        view = view_of(joined, state, rows, day, heard)
        if steady is None:
            steady = questions.steady(view, state)
        by_row = [dyads[number] for number in arm[rows]]
        run = np.repeat(np.arange(len(rows)), [*map(len, by_row)])
        dyad = np.concatenate(by_row)
        for begin in range(0, len(run), DYADS_AT_ONCE):
            few = slice(begin, begin + DYADS_AT_ONCE)
            of_few = questions.consent(view, state, run[few], dyad[few], steady)
            consents.append(of_few)
    assert steady is not None  # there is a span at least
    counts = [
        (steps - first) * len(own_dyads)
        for first, own_dyads in zip(firsts, dyads, strict=True)
    ]
    by_world = np.split(np.concatenate(consents), np.cumsum(counts)[:-1])
    answers = []
    for number, (world, first) in enumerate(zip(worlds, firsts, strict=True)):
        states = [
            _moved_on(start, world, step, efforts[number, step], memory)
            for step in range(first, steps)
        ]
        own_dyads = dyads[number]
        shape = steps - first, len(own_dyads), kinds
        own_consent = by_world[number].reshape(shape)
        if beside:
            states, shared = [*beside.states[:first], *states], beside.of(own_dyads)
            own_consent = np.concatenate([shared.consent[:first], own_consent])
            steady = shared.steady
        answer = questions.answered(world, own_dyads, own_consent, steady, states)
        answers.append(answer)
    return answers


def _moved_on(
    start: BlockState, world: World, span: int, effort: Floats, memory: Remembered
) -> BlockState:
    """The state of a start at the beginning of a span, with another effort, (n,)."""
    state = copy(start)
    state.day = world.grid[span]
    state.effort = effort[None]
    memory.put_into(state, span)
    return state


def _arm(
    world: World,
    baseline: Baseline,
    state: BlockState,
    efforts: Floats,
    arm: Ints,
    span: Ints,
) -> None:
    """Give each replication, one span of an arm, the effort that the span before it
    left, and the span that follows what this one leaves.

    efforts: (V, K + 1, n) of V arms, known as far as the first of these spans."""
    rules, total = world.rules, state.workspace.total
    target = effort_target(rules, total, baseline.threat) + decided_effort(world, state)
    days, bound = np.diff(world.grid).tolist(), rules.effort_max
    for place, (number, step) in enumerate(zip(arm, span, strict=True)):
        effort = state.effort[place] = efforts[number, step]
        share = threat.effort_share(days[step], rules.effort_years)
        after = threat.effort_change(effort, target[place], bound, share)
        efforts[number, step + 1] = after


def _one_after_another(
    worlds: Sequence[World], firsts: Sequence[int], control: World, span: Ints
) -> World:
    """Worlds of which the evidence alone differs from that of another, from some of
    their spans on, as one world, whose steps are these spans. span: of each step."""
    later = [slice(first, None) for first in firsts]
    pairs = list(zip(worlds, later, strict=True))
    base = worlds[0].at_start.beside or control
    joined = _with_evidence(
        control,
        beside=base,
        odds_against=OddsByStep.joined([w.odds_against.taken(k) for w, k in pairs]),
        intent_odds=OddsByStep.joined([w.intent_odds.taken(k) for w, k in pairs]),
        reliability=np.concatenate([w.reliability[k] for w, k in pairs]),
    )
    return replace(joined, at_start=replace(joined.at_start, beside_step=span))


def walk(
    world: World, baseline: Baseline, state: BlockState, first: int = 0
) -> Iterator[tuple[BlockState, View]]:
    """The state as each span from `first` on finds it, and what states then see; the
    state itself goes on with the spans. What a span begins with takes effect once."""
    memory = remembered(world, baseline)
    for step in range(first, world.steps):
        present, day = world.at(step), world.grid[step]
        give(world, state, day)
        memory.put_into(state, step)
        if state.turned != step:  # a course that goes on from another has it already
            state.turned = step
            state.effort = state.effort + decided_rise(world, step)
        enact(present, state, day)
        span_state, view = replace(state), perceive(present, state, step)
        yield span_state, view
        look(present, state, view, signed_by(world, day))
        close_step(present, baseline, state, view)


def signed_by(world: World, day: float) -> Ints | None:
    """(P,) security agreements that changes sign by a day; None where they sign
    none."""
    signings = world.signings
    if signings is None:
        return None
    rows = (signings.signed <= day) & world.ladder.security[signings.kind]
    return np.bincount(signings.dyad[rows], minlength=len(world.first))


def give(world: World, state: BlockState, day: float) -> None:
    """Agreements that changes sign, bring into force or end by a day, in one
    replication whose network is else that of the start; a lag that is not known is its
    mean."""
    if world.signings is None or world.endings is None:
        return
    signings, record, start = world.signings, world.initial, world.at_start
    mean = signings.signed + world.ladder.force_days[signings.kind]
    begun = np.where(np.isnan(signings.in_force), mean, signings.in_force) <= day
    over = world.endings[record.ended[world.endings] <= day]
    in_force = start.in_force.copy()
    np.add.at(in_force, (signings.dyad[begun], signings.kind[begun]), 1)
    np.subtract.at(in_force, (record.dyad[over], record.kind[over]), 1)
    if world.policies is not None and state.enacted is not None:
        in_force[ended_by(world.policies, state.enacted)] = 0
    changed = np.flatnonzero((in_force != state.in_force[0]).any(axis=1))
    waiting = np.flatnonzero((signings.signed <= day) & ~begun)
    if len(changed) or len(waiting):
        for name in NETWORK:  # earlier spans keep theirs
            setattr(state, name, getattr(state, name).copy())
    if len(changed):
        state.in_force = in_force[None]
        refresh(world, state, np.zeros_like(changed), changed)
    state.agreements = _announced(world, waiting)
    state.touched[0, signings.dyad[waiting]] = True


def _announced(world: World, waiting: Ints) -> AgreementRows:
    """What is under way on record, and those signed by changes that are not in force
    yet, of which states hear. waiting: rows of the world's signings."""
    agreements, signings = under_way_on_record(world), world.signings
    if signings is None or not len(waiting):
        return agreements
    run = np.zeros_like(waiting)
    signed = signings.signed[waiting]
    key = signings.keys[waiting]
    places = signings.dyad[waiting], signings.kind[waiting]
    given = AgreementRows.begun(SCHEDULED, run, *places, waiting, key, signed)
    given.signed = signed
    given.stage = np.ones_like(waiting)
    agreements.add_rows(given)
    return agreements


class _Questions:
    """Both sides of some dyads, asked for some types, or for all.

    Attributes
    ----------
    lasting, changing : terms that are the same in any span, and the others
    """

    def __init__(
        self, world: World, baseline: Baseline, dyads: Ints, types: Ints | None
    ) -> None:
        of_all = np.arange(len(world.ladder.names))
        self.baseline, self.dyads = baseline, dyads
        self.types = of_all if types is None else types
        self.sides = np.stack([world.first, world.second])
        is_changed = world.turns or world.signings or world.policies
        self.lasting = () if is_changed else steady_terms(world)
        self.changing = [name for name in terms_of(world) if name not in self.lasting]

    def answered(
        self,
        world: World,
        dyads: Ints,
        consent: Floats,
        steady: Floats,
        states: Sequence[BlockState],
    ) -> WillingnessOverTime:
        """The answers of a world, of some of the dyads."""
        return WillingnessOverTime(
            world, dyads, self.types, consent, steady, tuple(states)
        )

    def steady(self, view: View, state: BlockState) -> Floats:
        """(2, P, M) what willingness is in any span."""
        run = np.zeros_like(self.dyads)
        u = willingness(self._prospects(view, state, run, self.dyads), self.lasting)
        return u.reshape(2, len(run), len(self.types))

    def consent(
        self, view: View, state: BlockState, run: Ints, dyad: Ints, steady: Floats
    ) -> Floats:
        """(C, M) probability that both sides consent, of C dyads in the replications of
        a view. steady: of all that are asked."""
        places = np.searchsorted(self.dyads, dyad)
        u = steady.transpose(2, 0, 1).take(places, axis=2)
        prospects, (kinds, *_) = self._prospects(view, state, run, dyad), u.shape
        wanted = total(u.reshape(kinds, -1), parts_by_type(prospects, self.changing))
        of_each = prospects.run, prospects.ego, prospects.alter, prospects.kind
        taken = stance(view.world, state, *of_each)
        wanted = consent(wanted if taken is None else wanted + by_type(taken, kinds))
        first, second = wanted.reshape(u.shape).swapaxes(0, 1)
        return np.ascontiguousarray((first * second).T)

    def _prospects(
        self, view: View, state: BlockState, run: Ints, dyad: Ints
    ) -> Prospects:
        """Both sides of C dyads in the replications of a view. run, dyad: (C,)."""
        sides = self.sides[:, dyad, None]
        shape = *sides.shape[:2], len(self.types)

        def of_all(place: Ints) -> Ints:
            return np.broadcast_to(place, shape).ravel()

        return Prospects(
            view.world,
            self.baseline,
            view,
            state,
            run=of_all(run[:, None]),
            ego=of_all(sides),
            alter=of_all(sides[::-1]),
            kind=of_all(self.types),
            kinds_each=len(self.types),
            mirrored=True,
        )
