"""A scenario becomes arrays: what one arm fixes before any run begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.model import clocks
from balance_sim.model.accession import pacts_of
from balance_sim.model.beliefs import (
    Odds,
    audiences_of,
    hazards_of,
    odds_by_step,
    signal_weights,
)
from balance_sim.model.changes import (
    efforts_on,
    ends_of,
    signings,
    spells_changed,
    turning_days,
    version_on,
    with_force,
    with_spells,
)
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    AgreementTypes,
    AtStart,
    Bools,
    Floats,
    InitialAgreements,
    Ints,
    Keys,
    Policies,
    Rules,
    World,
)
from balance_sim.model.policies import acts_of, policies_of
from balance_sim.model.spread import likeness
from balance_sim.model.state import deepest, record_in_force
from balance_sim.model.thinning import (
    Spells,
    frailties_of,
    openness_of,
    spells_of,
)
from balance_sim.model.threat import great_circle, reach
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.fingerprint import RecentResults
from balance_sim.scenario.schema import (
    Agreement,
    Change,
    Event,
    NoRelations,
    Scenario,
    State,
)

_PARTS = RecentResults[Any](most=64)
"""The last parts of worlds that follow from some sections of a scenario alone: arms and
points that move numbers of the rules have them in common."""


def compile_world(
    scenario: Scenario, arm: str, grid: Floats, focal_day: float
) -> World:
    """Arrays of one arm, with what changes in it. `scenario`: that arm's own version;
    grid and focal day are the same for all arms."""
    return compile_with_odds(scenario, arm, grid, focal_day, ())[0]


def compile_with_odds(
    scenario: Scenario,
    arm: str,
    grid: Floats,
    focal_day: float,
    others: Sequence[tuple[Event, ...]],
) -> tuple[World, list[Odds]]:
    """The same, and the odds of `odds_by_step` with each of some other lists of
    events; none of an arm with changes."""
    ordered = by_audience(scenario)
    pacts = pacts_of(ordered) if scenario.pacts else None
    if not scenario.changes:
        world, odds = _compiled(scenario, arm, grid, focal_day, scenario.start, others)
        return _with_players(replace(world, pacts=pacts), ordered), odds
    changed = spells_changed(scenario)
    dated = with_force(with_spells(scenario, changed))
    fixed = dated.model_copy(update={"changes": ()})
    world, _ = _compiled(fixed, arm, grid, focal_day, scenario.start, (), changed)
    turns = []
    for day in turning_days(scenario):
        since = float((day - scenario.start).days)
        step = int(np.searchsorted(grid, since))
        version = version_on(dated, day)
        later, _ = _compiled(version, arm, grid, focal_day, day, (), changed)
        effort = efforts_on(ordered, day)
        turns.append((step, replace(later, decided_effort=effort, pacts=pacts)))
    ended, ends = world.initial.ended.copy(), ends_of(scenario)
    for row, name in enumerate(world.initial.ids):
        ended[row] = ends.get(name, ended[row])
    changing = replace(
        world,
        initial=replace(world.initial, ended=ended),
        signings=signings(ordered, world.dyad_index),
        endings=np.flatnonzero(np.isin(world.initial.ids, list(ends))),
        turns=tuple(turns),
        pacts=pacts,
    )
    return _with_players(changing, with_force(ordered)), []


def _with_players(world: World, scenario: Scenario) -> World:
    """The world, and what it turns to, with what its players do and look at. scenario:
    states in the order of the arrays."""
    if not scenario.players:
        return world
    policies = policies_of(scenario, world.dyad_index, world.likeness)
    return with_policies(replace(world, dated_acts=acts_of(scenario)), policies)


def with_policies(world: World, policies: Policies | None) -> World:
    """The world, and what it turns to, with these policies."""
    turns = tuple(
        (step, replace(turned, policies=policies, dated_acts=world.dated_acts))
        for step, turned in world.turns
    )
    return replace(world, policies=policies, turns=turns)


def _compiled(
    scenario: Scenario,
    arm: str,
    grid: Floats,
    focal_day: float,
    on: date,
    others: Sequence[tuple[Event, ...]] = (),
    begun: tuple[NoRelations, ...] = (),
) -> tuple[World, list[Odds]]:
    """Arrays of one version of an arm, with the quarrels of a day; and the odds with
    other lists of events. begun: spells that changes begin or end."""
    audiences = audiences_of(scenario)
    rules = _rules(scenario, signal_weights(scenario, "treaty")[0])
    scenario = by_audience(scenario, audiences.of)
    audiences = replace(audiences, of=np.sort(audiences.of))
    codes, parameters, n = scenario.codes, scenario.parameters, len(scenario.codes)
    dyads, ladder = numbered(codes), _agreement_types(scenario)
    sections: tuple[Any, ...] = scenario.states, scenario.distances, scenario.trade
    ground: StateTies = _PARTS.get(("ties", *sections), partial(ground_of, scenario))
    sections = scenario.agreements, codes, scenario.start
    record: InitialAgreements = _PARTS.get(
        ("record", *sections, ladder.names),
        partial(_initial_agreements, scenario, ladder.names),
    )
    in_force = record_in_force(record, len(dyads.first), len(ladder.names))
    signed_by_dyad: list[Floats] = [
        _PARTS.get(
            ("signed", *sections, half_life),
            partial(_signed_by_dyad, scenario, half_life),
        )
        for half_life in (
            parameters.experience_half_life_days,
            parameters.activity_half_life_days,
        )
    ]
    earlier, lately = signed_by_dyad
    sections = scenario.no_relations, codes, scenario.start, scenario.end
    spells: Spells = _PARTS.get(
        ("spells", *sections), partial(spells_of, scenario, dyads.index)
    )
    capability = capabilities(scenario)
    reached = reach(ground.distance_km, parameters.delta_km, parameters.gamma)
    projected = capability * reached
    offensive = offence(scenario.states, scenario.start, parameters.nuclear_offence)
    at_start = AtStart(in_force, *deepest(ladder, in_force))
    quarrel = quarrels(scenario, on, begun)
    like = None
    if parameters.spread_near or parameters.spread_ally or parameters.spread_quarrel:
        depth = np.zeros((n, n))
        depth[dyads.first, dyads.second] = at_start.depth
        depth[dyads.second, dyads.first] = at_start.depth
        like = likeness(parameters, ground.distance_km, depth, quarrel)
    versions = [scenario.events, *others]
    odds = odds_by_step(
        scenario, versions, grid, ground.gap, quarrel, dyads.index, like
    )
    odds_against, intent_odds, reliability = odds[0]
    begins = np.searchsorted(audiences.of, np.arange(len(audiences.names) + 1))
    world = World(
        arm=arm,
        codes=codes,
        first=dyads.first,
        second=dyads.second,
        dyad_index=dyads.index,
        ladder=ladder,
        rules=rules,
        initial=record,
        grid=grid,
        focal_day=focal_day,
        capability=capability,
        projected=projected,
        offensive=offensive * projected,
        reach=reached,
        proximity=-np.log(ground.distance_km + parameters.d0_km),
        trade_partners=np.flatnonzero(ground.trade.any(axis=0)),
        autonomy=np.array([state.autonomy for state in scenario.states]),
        propensity=propensities(scenario.states, ladder.security),
        frailty=frailties_of(scenario, codes, dyads.index),
        patrons=np.flatnonzero(ground.patron_of.any(axis=0)),
        audience=audiences.of,
        audience_names=tuple("+".join(names) for names in audiences.names),
        audience_rows=tuple(slice(int(a), int(b)) for a, b in pairwise(begins)),
        odds_against=odds_against,
        intent_odds=intent_odds,
        reliability=reliability,
        at_start=at_start,
        experience=earlier,
        engaged=_by_state(dyads, earlier, n),
        active=_by_state(dyads, lately, n),
        dyad_keys=dyads.keys,
        kind_keys=np.array([clocks.label(name) for name in ladder.names]),
        signature_attention=audiences.attention["treaty"],
        openness=openness_of(parameters, spells, len(dyads.first)),
        likeness=like,
        hazards=hazards_of(scenario, audiences, like),
        **vars(ground),
    )
    if any(name.startswith(OWN) for name in rules.weights):
        from balance_sim.model.own.terms import with_own_terms

        world = with_own_terms(world, scenario.name)
    return world, odds[1:]


def with_events(
    world: World, scenario: Scenario, versions: Sequence[tuple[str, Scenario]]
) -> list[World]:
    """A world as it is with other events, of which the evidence alone differs, under
    each of these names of arms.

    scenario: of the world; versions: with their events and else that of the world,
    without changes."""
    odds = odds_by_step(
        _in_order(scenario, world),
        [version.events for _, version in versions],
        world.grid,
        world.gap,
        quarrels(_in_order(scenario, world), scenario.start),
        world.dyad_index,
        world.likeness,
    )
    return with_odds(world, versions, odds)


def with_odds(
    world: World, versions: Sequence[tuple[str, Scenario]], odds: Sequence[Odds]
) -> list[World]:
    """The same, from the odds with the events of each version."""
    return [
        replace(
            world,
            arm=arm,
            odds_against=odds_against,
            intent_odds=intent_odds,
            reliability=reliability,
            at_start=replace(world.at_start, shared={}, beside=world),
            highest_unsided=None,
            dated_acts=acts_of(_in_order(version, world)),
        )
        for (arm, version), (odds_against, intent_odds, reliability) in zip(
            versions, odds, strict=True
        )
    ]


EVIDENCE = ("odds_against", "intent_odds", "reliability")
"""What of a world goes by step."""


def differ_in_evidence(world: World, other: World) -> bool:
    """Whether two worlds of a scenario have all but the evidence in common, so that one
    may stand beside the other."""
    arm_fields = {*EVIDENCE, "arm", "at_start", "highest_unsided", "dated_acts"}
    alike = (
        getattr(world, part.name) is getattr(other, part.name)
        for part in fields(World)
        if part.name not in arm_fields
    )
    return all(alike) and world.at_start.in_force is other.at_start.in_force


def steps_alike(world: World, other: World) -> int:
    """How many steps go by before the evidence in two worlds differs."""
    steps = np.arange(world.steps)
    against, _ = world.odds_against.differing(steps, other.odds_against, steps)
    intent, _ = world.intent_odds.differing(steps, other.intent_odds, steps)
    reliability, _ = np.nonzero(world.reliability != other.reliability)
    return int(min([*against[:1], *intent[:1], *reliability[:1], world.steps]))


def _in_order(scenario: Scenario, world: World) -> Scenario:
    """The scenario with its states in the order of a world's arrays."""
    states = {state.id: state for state in scenario.states}
    ordered = tuple(states[code] for code in world.codes)
    return scenario.model_copy(update={"states": ordered})


def _agreement_types(scenario: Scenario) -> AgreementTypes:
    """The agreement types as arrays, sorted by name."""
    names = sorted(scenario.kinds)
    columns = {
        column.name: np.array(
            [getattr(scenario.kinds[name], column.name) for name in names]
        )
        for column in fields(AgreementTypes)
        if column.name != "names"
    }
    return AgreementTypes(names=tuple(names), **columns)


def by_audience(scenario: Scenario, readings: Ints | None = None) -> Scenario:
    """The same scenario with its states ordered by audience, then code: the order of
    every array.

    readings: (n,) each state's audience, if at hand. An audience's rows are then one
    slice. Streams are keyed by codes, so the order changes no draw."""
    reading = audiences_of(scenario).of if readings is None else readings
    by_code = zip(reading.tolist(), scenario.states, strict=True)
    ordered = sorted(by_code, key=lambda pair: (pair[0], pair[1].id))
    return scenario.model_copy(update={"states": tuple(state for _, state in ordered)})


@dataclass(frozen=True)
class Dyads:
    """Every dyad of states, numbered in the order of the codes."""

    first: Ints  # (P,) position of the state with the lesser code
    second: Ints  # (P,) of the other
    index: Ints  # (n, n) number of the dyad, -1 on the diagonal
    keys: Keys  # (P,)


def numbered(codes: tuple[str, ...]) -> Dyads:
    """The dyads of some states. The last few are stored."""
    dyads: Dyads = _PARTS.get(("dyads", codes), partial(_numbered, codes))
    return dyads


def _numbered(codes: tuple[str, ...]) -> Dyads:
    n = len(codes)
    order = np.array(sorted(range(n), key=lambda i: codes[i]))
    rows, columns = np.triu_indices(n, 1)
    first, second = order[rows], order[columns]
    index = np.full((n, n), -1)
    index[first, second] = index[second, first] = np.arange(len(first))
    names = [f"{codes[i]}-{codes[j]}" for i, j in zip(first, second, strict=True)]
    keys = np.array([clocks.label(name) for name in names])
    return Dyads(shared(first), shared(second), shared(index), shared(keys))


def shared[Number: np.generic](array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The array, read-only from now on: worlds have it in common."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True)
class StateTies:
    """What the states and their ties are to each other, whatever the numbers of the
    rules. All (n, n)."""

    distance_km: Floats
    gap: Floats
    democracy: Floats
    democracy_gap: Floats
    trade: Floats
    patron_of: Bools


def ground_of(scenario: Scenario) -> StateTies:
    """The ties of a scenario's states."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    n, scores = len(roster), [state.democracy for state in scenario.states]
    patron_of, trade = np.zeros((n, n), dtype=bool), np.zeros((n, n))
    for i, state in enumerate(scenario.states):
        patrons = [roster[code] for code in state.patrons if code in roster]
        patron_of[i, patrons] = True
    for row in scenario.trade:
        trade[roster[row.state], roster[row.partner]] = row.share
    ideal_points = [state.ideal_point for state in scenario.states]
    return StateTies(
        distance_km=shared(distances(scenario)),
        gap=shared(differences(ideal_points)),
        democracy=shared(lesser(scores)),
        democracy_gap=shared(differences(scores)),
        trade=shared(trade),
        patron_of=shared(patron_of),
    )


LONGEST_DAYS = 56.0
"""No step is longer, unless the scenario's own are: docs/decisions/0017-steps.md."""


def time_grid(scenario: Scenario, arms: list[Scenario]) -> Floats:
    """Step boundaries in days: the dates of the events of all arms, kept or not, and
    between them steps that grow.

    A step is as long as the age of the last event, or of the start, in whole
    `step_days`: at least one of them, at most `LONGEST_DAYS`. The last step before an
    event takes in what would be less than half a step."""
    horizon, shortest = float((scenario.end - scenario.start).days), scenario.step_days
    inside = [day for day in event_days(scenario, arms) if 0 < day < horizon]
    boundaries = [horizon]
    for event, following in pairwise([0.0, *inside, horizon]):
        day = event
        while day < following:
            boundaries.append(day)
            age = min(day - event, LONGEST_DAYS)
            step = max(age // shortest, 1.0) * shortest
            is_last = day + 1.5 * step >= following
            day = following if is_last else day + step
    return np.unique(boundaries)


def event_days(scenario: Scenario, arms: Sequence[Scenario] = ()) -> list[float]:
    """Days from the start on which an event of any arm is dated, sorted."""
    added = [event for arm in scenario.arms.values() for event in arm.add]
    changes = [change for arm in scenario.arms.values() for change in arm.changes]
    days = _days_of(scenario, added, changes)
    for version in (scenario, *arms):
        days |= _days_of(scenario, version.events, version.changes)
    return sorted(days)


def _days_of(
    scenario: Scenario, events: Iterable[Event], changes: Iterable[Change]
) -> set[float]:
    """Days from the start of events, and of what changes begin and end."""
    dates = {event.date for event in events}
    for change in changes:
        dates |= {change.date, change.until or change.date}
    return {float((day - scenario.start).days) for day in dates}


def focal_day(scenario: Scenario) -> float:
    """Days from the start to the focal event, from which all windows run, before any
    arm drops it."""
    dates = (event.date for event in scenario.events if event.id == scenario.focal)
    return float((next(dates) - scenario.start).days)


def capabilities(scenario: Scenario) -> Floats:
    """Capability shares over the roster, sum 1: given, or the weighted composite of
    shares.

    A missing component leaves its weight to the others. As CINC (Singer, Bremer,
    Stuckey 1972)."""
    stated = [state.capability for state in scenario.states]
    if all(value is not None for value in stated):
        raw = np.array(stated, dtype=float)
        return np.asarray(raw / raw.sum())
    weights, states = scenario.capability, scenario.states
    raw, weight = np.zeros(len(states)), np.zeros(len(states))
    components = (
        ([state.gdp_bn for state in states], weights.gdp),
        ([state.milex_bn for state in states], weights.milex),
        ([state.population_m for state in states], weights.population),
    )
    for values, component_weight in components:
        component = _with_nan(values)
        is_known = ~np.isnan(component)
        total = component[is_known].sum()
        if total > 0:
            raw[is_known] += component_weight * component[is_known] / total
            weight[is_known] += component_weight
    composite = np.divide(raw, weight, out=np.zeros_like(raw), where=weight > 0)
    return np.asarray(composite / composite.sum())


def _with_nan(values: Sequence[float | None]) -> Floats:
    """The values as an array, NaN for what is missing."""
    return np.array([np.nan if value is None else value for value in values])


def propensities(states: Sequence[State], security: Bools) -> Floats:
    """(n, M) random intercept of each state for each kind, nats: its own, and for
    declarations what it adds for them.

    security: (M,) whether a kind is a security agreement."""
    general = np.array([state.propensity for state in states])[:, None]
    declarations = np.array([state.propensity_declarations for state in states])
    return np.asarray(general + np.where(security, 0.0, declarations[:, None]))


def offence(states: Sequence[State], on: date, nuclear: float) -> Floats:
    """(n,) offence factor o_k >= 1: `nuclear` for a state that has nuclear weapons on a
    day, else 1.

    Offensive capability as a source of threat apart from aggregate power: Walt 1987,
    pp. 24-25."""
    armed = [s.nuclear_since is not None and s.nuclear_since <= on for s in states]
    return np.where(armed, nuclear, 1.0)


def distances(scenario: Scenario) -> Floats:
    """(n, n) km: a given minimum distance, else the great circle between capitals;
    unknown: the mean."""
    latitude = _with_nan([state.latitude for state in scenario.states])
    longitude = _with_nan([state.longitude for state in scenario.states])
    km = great_circle(latitude, longitude)
    roster = {code: i for i, code in enumerate(scenario.codes)}
    for row in scenario.distances:
        a, b = roster[row.a], roster[row.b]
        km[a, b] = km[b, a] = row.km
    return _fill_with_mean(km)


def differences(values: list[float | None]) -> Floats:
    """(n, n) absolute differences; a dyad with a missing value gets the mean of the
    known dyads."""
    x = _with_nan(values)
    return _fill_with_mean(np.abs(x[:, None] - x))


def lesser(values: list[float | None]) -> Floats:
    """(n, n) the lesser of the two values; a dyad with a missing value gets the mean of
    the known dyads."""
    x = _with_nan(values)
    return _fill_with_mean(np.minimum(x[:, None], x))


def quarrels(
    scenario: Scenario, on: date, begun: tuple[NoRelations, ...] = ()
) -> Floats:
    """(n, n) nats, symmetric: disputes weighted by kind, eta_d . disputes_ij, and
    `eta_no_relations` for dyads at war, without diplomatic relations or under sanctions
    at the start, or by a change on a day. begun: spells that changes begin or end.

    Breaking off relations and imposing sanctions cost the one who does it, so they tell
    its intent (costly signals: Fearon 1997, JCR 41(1)). Who is not recognised by a
    third state is not thereby thought hostile by it."""
    p, n, codes = scenario.parameters, len(scenario.codes), scenario.codes
    sides, rivalry, claim, militarised, war = _PARTS.get(
        ("disputes", scenario.disputes, codes), partial(_disputes, scenario)
    )
    nats, (a, b) = np.zeros((n, n)), sides
    nats[a, b] = nats[b, a] = (
        p.eta_rivalry * rivalry
        + p.eta_claim * claim
        + p.eta_militarised * militarised
        + p.eta_war * war
    )
    broken: Bools = _PARTS.get(
        ("broken", scenario.no_relations, codes, scenario.start, on, begun),
        partial(_broken, scenario, on, begun),
    )
    return nats + p.eta_no_relations * broken


def _disputes(scenario: Scenario) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    """(2, D) states of each dispute, and (D,) its rivalry, claim, use of force and
    war."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    rows = scenario.disputes
    sides = [(roster[row.a], roster[row.b]) for row in rows]
    kinds = [(row.rivalry, row.claim, row.militarised, row.war) for row in rows]
    return (
        np.array(sides, dtype=np.int64).reshape(-1, 2).T,
        *np.array(kinds, dtype=float).reshape(-1, 4).T,
    )


def _broken(scenario: Scenario, on: date, begun: tuple[NoRelations, ...] = ()) -> Bools:
    """(n, n) dyads at war, without diplomatic relations or under sanctions: at the
    start, and, of spells that changes begin or end, on a day."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    broken = np.zeros((len(roster), len(roster)), dtype=bool)
    for spell in scenario.no_relations:
        day = on if spell in begun else scenario.start
        has_begun = (spell.since or date.min) <= day
        holds = has_begun and day < (spell.until or date.max)
        if holds and spell.kind != "not_recognised":
            a, b = roster[spell.a], roster[spell.b]
            broken[a, b] = broken[b, a] = True
    return shared(broken)


def _fill_with_mean(matrix: Floats) -> Floats:
    """Missing entries get the mean of the others; the diagonal is 0."""
    missing = np.isnan(matrix)
    is_known = ~np.eye(len(matrix), dtype=bool) & ~missing
    mean = matrix[is_known].mean() if is_known.any() else 0.0
    filled = np.where(missing, mean, matrix)
    np.fill_diagonal(filled, 0.0)
    return filled


def _rules(scenario: Scenario, signature_weight: float) -> Rules:
    """The numbers of the rules. Who does not react to threat with others does not react
    alone."""
    parameters, theory = scenario.parameters, scenario.theory
    names = {column.name for column in fields(Rules)} & {*type(parameters).model_fields}
    numbers = {name: getattr(parameters, name) for name in names}
    if theory.weights["alarm"] == 0:
        numbers["effort_reaction"] = 0.0
    return Rules(
        **numbers,
        equal_hostility=theory.equal_hostility,
        signature_weight=signature_weight,
        signature_half_life_days=scenario.event_kinds["treaty"].half_life_days,
        weights={name: float(theory.weights[name]) for name in sorted(theory.weights)},
    )


STAGES = {"talks": 0, "signed": 1, "in_force": 2}


def _initial_agreements(
    scenario: Scenario, kinds: tuple[str, ...]
) -> InitialAgreements:
    """The agreements on record. kinds: in the order of the arrays."""
    rows = [row for row in scenario.agreements if row.status in STAGES]
    roster = {code: i for i, code in enumerate(scenario.codes)}
    index = numbered(scenario.codes).index

    def days(field: str) -> Floats:
        dates = [getattr(row, field) for row in rows]
        ages = [None if day is None else (day - scenario.start).days for day in dates]
        return shared(_with_nan(ages).astype(float))

    def whole(numbers: list[int]) -> Ints:
        return shared(np.array(numbers, dtype=np.int64))

    keys = np.array([clocks.label(row.id) for row in rows], dtype=np.uint64)
    return InitialAgreements(
        ids=tuple(row.id for row in rows),
        keys=shared(keys),
        dyad=whole([index[roster[row.a], roster[row.b]] for row in rows]),
        kind=whole([kinds.index(row.kind) for row in rows]),
        stage=whole([STAGES[row.status] for row in rows]),
        opened=days("opened"),
        signed=days("signed"),
        in_force=days("in_force"),
        fixed_signed=days("scheduled_signed"),
        fixed_in_force=days("scheduled_in_force"),
        ended=days("ended"),
    )


def _signed_by_dyad(scenario: Scenario, half_life: float) -> Floats:
    """(P,) earlier signatures of each dyad, fading by 2^(-age / half-life); legs of
    multilateral treaties left out."""
    sections = scenario.agreements, scenario.codes, scenario.start
    dyads, ages = _PARTS.get(("ages", *sections), partial(_signed_before, scenario))
    remaining = [2.0 ** (-age / half_life) for age in ages]
    return shared(np.bincount(dyads, remaining, len(numbered(scenario.codes).first)))


def _signed_before(scenario: Scenario) -> tuple[list[int], list[float]]:
    """Dyad, and age in days at the start, of each bilateral agreement."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    index = numbered(scenario.codes).index
    bilateral = [row for row in scenario.agreements if not row.multilateral]
    dyads = [int(index[roster[row.a], roster[row.b]]) for row in bilateral]
    return dyads, [age_at_start(row, scenario.start) for row in bilateral]


def age_at_start(agreement: Agreement, start: date) -> float:
    """Days since an agreement was signed; infinite if it was not."""
    signed = agreement.signed or agreement.in_force
    if signed is None or signed > start:
        return np.inf
    return max((start - signed).days + _IMPRECISION[agreement.precision], 0.0)


def _by_state(dyads: Dyads, by_dyad: Floats, n: int) -> Floats:
    """(n,) sum over the dyads that each state is in."""
    as_first = np.bincount(dyads.first, by_dyad, n)
    return np.asarray(as_first + np.bincount(dyads.second, by_dyad, n))


# A date known to the year stands as 1 January, to the month as the 1st: on average it
# is half a span later.
_IMPRECISION = {"day": 0.0, "month": -DAYS_PER_YEAR / 24, "year": -DAYS_PER_YEAR / 2}
