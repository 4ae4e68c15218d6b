"""What an arm's states want over time, the network as at the start and no random
numbers: beliefs, threat, effort and consent in some spans of the scenario's time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.beliefs import evidence
from balance_sim.model.core import Baseline, Floats, Ints, World
from balance_sim.model.engine import close_step
from balance_sim.model.perception import View, perceive
from balance_sim.model.pipeline import initial_agreements
from balance_sim.model.policies import (
    acts_of,
    begin_enacted,
    enact,
    ended_by,
    stance,
    with_act,
)
from balance_sim.model.prospects import Prospects
from balance_sim.model.sights import look
from balance_sim.model.state import NETWORK, BlockState, begin_network, refresh
from balance_sim.model.thinning import NO_RUN
from balance_sim.model.willingness import consent, steady_terms, terms_of, willingness
from balance_sim.model.world import by_audience, event_days
from balance_sim.scenario.schema import Event, Scenario

EVIDENCE = ("odds_against", "intent_odds", "reliability")
"""Arrays of a world by step."""
SPANS = 20
"""Of the scenario's length, at least: dates at which beliefs are looked at."""


@dataclass(frozen=True)
class WillingnessOverTime:
    """What an arm's states want over time. K spans, P dyads, M types.

    Attributes
    ----------
    world : in spans: see `in_spans`
    dyads : (P,) which of the world's
    consent : (K, P, M) probability that both sides consent at an opportunity
    steady : (2, P, M) what both sides' willingness is in any span
    states : as each span finds them
    """

    world: World
    dyads: Ints
    consent: Floats
    steady: Floats
    states: tuple[BlockState, ...]

    def of(self, dyads: Ints) -> WillingnessOverTime:
        """Of some of the dyads. dyads: sorted."""
        rows = np.searchsorted(self.dyads, dyads)
        return replace(
            self,
            dyads=dyads,
            consent=self.consent[:, rows],
            steady=self.steady[:, rows],
        )

    def effort_on(self, day: float) -> Floats:
        """(n,) rise of capability on a day, even between the beginnings of two spans
        and beyond the last."""
        begins = self.world.grid[: len(self.states)]
        last = max(int(np.searchsorted(begins, day, side="right")) - 1, 0)
        first = min(last, max(len(begins) - 2, 0))
        following = min(first + 1, len(begins) - 1)
        before, after = self.states[first].effort[0], self.states[following].effort[0]
        days = max(begins[following] - begins[first], 1e-9)
        return np.asarray(before + (after - before) * (day - begins[first]) / days)


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

    beside: the world itself, where it has as many steps."""
    at_start = replace(world.at_start, shared={}, beside=beside)
    return replace(world, at_start=at_start, **changed)


def in_spans(world: World, edges: Ints) -> World:
    """The world with a few long steps: in each span, its evidence is that of the step
    in the middle. Policies look and act where spans begin."""
    grid = world.grid[edges]
    middles = (grid[1:] + grid[:-1]) / 2
    steps = np.searchsorted(world.grid, middles, side="right") - 1
    arrays = {name: getattr(world, name)[steps] for name in EVIDENCE}
    turns = tuple(
        (int(np.searchsorted(edges, step)), in_spans(turned, edges))
        for step, turned in world.turns
    )
    return _with_evidence(world, grid=grid, turns=turns, **arrays)


def differ_in_evidence(world: World, other: World) -> bool:
    """Whether two worlds of a scenario have all but the evidence in common, so that one
    may stand beside the other."""
    own = {*EVIDENCE, "arm", "at_start", "highest_unsided", "dated_acts"}
    alike = (
        getattr(world, part.name) is getattr(other, part.name)
        for part in fields(World)
        if part.name not in own
    )
    return all(alike) and world.at_start.in_force is other.at_start.in_force


def beside_of(world: World, other: World) -> World:
    """The world with another in the same spans beside it, of which the evidence alone
    differs."""
    return replace(world, at_start=replace(world.at_start, beside=other))


def with_event(world: World, scenario: Scenario, event: Event) -> World:
    """A world in spans, with one more event. scenario: the arm's own version, for who
    heeds what."""
    moments, starts = (world.grid[1:] + world.grid[:-1]) / 2, world.grid[:-1]
    ordered = scenario if scenario.codes == world.codes else by_audience(scenario)
    alone = ordered.model_copy(update={"events": (event,)})
    nats = evidence(alone, moments, starts, world.dyad_index, world.likeness)
    odds_against, intent_odds = world.odds_against.copy(), world.intent_odds.copy()
    odds_against[..., nats.dyads] *= np.exp(-nats.align)
    intent_odds.reshape(len(moments), -1)[:, nats.places] *= np.exp(nats.intent)
    turns = tuple(
        (step, with_event(turned, scenario, event)) for step, turned in world.turns
    )
    return _with_evidence(
        world,
        beside=world,
        odds_against=odds_against,
        intent_odds=intent_odds,
        reliability=world.reliability * np.exp(-nats.lost),
        turns=turns,
        dated_acts=with_act(world.dated_acts, acts_of(alone)),
    )


def at_start(world: World) -> BlockState:
    """The state of one replication at day 0 with the record alone: no talks but those
    on record, no provocations.

    What is announced at the start is touched, so that states hear of it."""
    state = begin_network(world, NO_RUN)
    state.enacted = begin_enacted(world, 1)
    state.agreements = initial_agreements(world, 0, NO_RUN)
    announced = state.agreements.stage == 1
    state.touched[0, state.agreements.dyad[announced]] = True
    return state


def course(
    world: World,
    baseline: Baseline,
    dyads: Ints | None = None,
    *,
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
    start : BlockState, optional
        from `at_start` for the same record, to save time
    beside : WillingnessOverTime, optional
        the course, of these dyads among others and from the same start, of the world
        that `with_event` made this one of: what comes before the event is its

    Returns
    -------
    WillingnessOverTime
        consent and states by span
    """
    dyads = np.arange(len(world.first)) if dyads is None else dyads
    first = 0
    questions, steady = _Asked(world, baseline, dyads), None
    consents: list[Floats] = []
    states: list[BlockState] = []
    if beside is None:
        state = replace(start or at_start(world))
    else:
        first, shared = _alike(world, beside.world), beside.of(dyads)
        consents = [*shared.consent[:first]]
        steady, states = shared.steady, [*shared.states[:first]]
        state = replace(shared.states[min(first, world.steps - 1)])
    for span_state, view in walk(world, baseline, state, first):
        prospects = questions.prospects(view, state)
        if steady is None:
            steady = willingness(prospects, questions.steady).reshape(
                2, -1, questions.types
            )
        u = willingness(prospects, questions.changing, steady.ravel())
        taken = stance(world, state, *questions.places)
        u = u if taken is None else u + taken
        wanted = consent(u).reshape(steady.shape)
        consents.append(wanted[0] * wanted[1])
        states.append(span_state)
    assert steady is not None  # there is a span at least
    return WillingnessOverTime(world, dyads, np.stack(consents), steady, tuple(states))


def walk(
    world: World, baseline: Baseline, state: BlockState, first: int = 0
) -> Iterator[tuple[BlockState, View]]:
    """The state as each span from `first` on finds it, and what states then see; the
    state itself goes on with the spans."""
    for step in range(first, world.steps):
        present, day = world.at(step), world.grid[step]
        give(world, state, day)
        enact(present, state, day)
        span_state, view = replace(state), perceive(present, state, step)
        yield span_state, view
        look(present, state, view, signed_by(world, day))
        close_step(present, baseline, state, view)


def signed_by(world: World, day: float) -> Ints | None:
    """(P,) security agreements that changes sign by a day; None where they sign
    none."""
    given = world.signings
    if given is None:
        return None
    rows = (given.signed <= day) & world.ladder.security[given.kind]
    return np.bincount(given.dyad[rows], minlength=len(world.first))


def give(world: World, state: BlockState, day: float) -> None:
    """Agreements that changes bring into force or end by a day, in one replication
    whose network is else that of the start; a lag that is not known is its mean."""
    if world.signings is None or world.endings is None:
        return
    given, record, start = world.signings, world.initial, world.at_start
    mean = given.signed + world.ladder.force_days[given.kind]
    begun = np.where(np.isnan(given.in_force), mean, given.in_force) <= day
    over = world.endings[record.ended[world.endings] <= day]
    in_force = start.in_force.copy()
    np.add.at(in_force, (given.dyad[begun], given.kind[begun]), 1)
    np.subtract.at(in_force, (record.dyad[over], record.kind[over]), 1)
    if world.policies is not None and state.enacted is not None:
        in_force[ended_by(world.policies, state.enacted)] = 0
    changed = np.flatnonzero((in_force != state.in_force[0]).any(axis=1))
    if len(changed):
        state.in_force = in_force[None]
        for name in NETWORK:  # earlier spans keep theirs
            setattr(state, name, getattr(state, name).copy())
        refresh(world, state, np.zeros_like(changed), changed)


class _Asked:
    """Both sides of some dyads, asked for every type in each span.

    Attributes
    ----------
    steady, changing : terms that are the same in any span, and the others
    """

    def __init__(self, world: World, baseline: Baseline, dyads: Ints) -> None:
        self.baseline, self.types = baseline, len(world.ladder.names)
        sides = np.stack([world.first[dyads], world.second[dyads]])
        sides = np.repeat(sides, self.types, axis=1)
        self.ego, self.alter = sides.ravel(), sides[::-1].ravel()
        self.kind = np.tile(np.arange(self.types), 2 * len(dyads))
        self.places = np.zeros_like(self.ego), self.ego, self.alter, self.kind
        self.steady = () if world.turns or world.signings else steady_terms(world)
        self.changing = [name for name in terms_of(world) if name not in self.steady]

    def prospects(self, view: View, state: BlockState) -> Prospects:
        """Both sides of all dyads in a view of one replication."""
        moment = view.world, self.baseline, view, state
        kinds = self.types
        return Prospects(*moment, *self.places, kinds_each=kinds, mirrored=True)


def _alike(world: World, other: World) -> int:
    """How many spans go by before the evidence in two worlds differs."""
    differ = np.zeros(world.steps, dtype=bool)
    for name in EVIDENCE:
        array = getattr(world, name).reshape(world.steps, -1)
        others = getattr(other, name).reshape(world.steps, -1)
        differ |= (array != others).any(axis=1)
    return int(differ.argmax()) if differ.any() else world.steps
