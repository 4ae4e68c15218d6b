"""A scenario becomes arrays: what one arm fixes before any run begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from balance_sim.model import clocks
from balance_sim.model.beliefs import (
    audiences_of,
    hazards_of,
    odds_by_step,
    signal_weights,
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
    Rules,
    World,
)
from balance_sim.model.own.terms import with_own_terms
from balance_sim.model.state import deepest, record_in_force
from balance_sim.model.thinning import frailties_of, openness_of
from balance_sim.model.threat import great_circle, reach
from balance_sim.scenario.defaults import switches
from balance_sim.scenario.fingerprint import RecentResults
from balance_sim.scenario.schema import Agreement, Scenario, State


def compile_world(
    scenario: Scenario, arm: str, grid: Floats, focal_day: float
) -> World:
    """Arrays of one arm. `scenario`: that arm's own version; grid and focal day are the
    same for all arms."""
    audiences, signature = audiences_of(scenario), signal_weights(scenario, "treaty")[0]
    scenario = by_audience(scenario, audiences.of)
    audiences = replace(audiences, of=np.sort(audiences.of))
    rules = _rules(scenario, signature)
    codes, parameters, kinds = (
        scenario.codes,
        scenario.parameters,
        sorted(scenario.kinds),
    )
    n = len(codes)
    first, second, dyad_index, dyad_keys = numbered(codes)
    fields = [name for name in AgreementTypes.__dataclass_fields__ if name != "names"]
    columns = (
        np.array([getattr(scenario.kinds[kind], name) for kind in kinds])
        for name in fields
    )
    ladder = AgreementTypes(tuple(kinds), *columns)
    ground, capability, quarrel = (
        ground_of(scenario),
        capabilities(scenario),
        quarrels(scenario),
    )
    experience = _signed_by_dyad(scenario, codes, parameters.experience_half_life_days)
    lately = _signed_by_dyad(scenario, codes, parameters.activity_half_life_days)
    record = _initial_agreements(scenario, codes, ladder.names)
    offensive = offence(scenario.states, scenario.start, parameters.nuclear_offence)
    propensity = propensities(scenario.states, ladder.security)
    reached = reach(ground.distance_km, parameters.delta_km, parameters.gamma)
    projected = capability * reached
    odds_against, intent_odds, reliability = odds_by_step(
        scenario, grid, ground.gap, quarrel, dyad_index
    )
    hazards = hazards_of(scenario, audiences)
    begins = np.searchsorted(audiences.of, np.arange(len(audiences.names) + 1))
    in_force = record_in_force(record, len(first), len(ladder.names))
    start = AtStart(in_force, *deepest(ladder, in_force))
    world = World(
        arm=arm,
        codes=codes,
        first=first,
        second=second,
        dyad_index=dyad_index,
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
        autonomy=np.array([s.autonomy for s in scenario.states]),
        propensity=propensity,
        frailty=frailties_of(scenario, codes, dyad_index),
        patrons=np.flatnonzero(ground.patron_of.any(axis=0)),
        audience=audiences.of,
        audience_names=tuple("+".join(alike) for alike in audiences.names),
        audience_rows=tuple(slice(int(a), int(b)) for a, b in pairwise(begins)),
        odds_against=odds_against,
        intent_odds=intent_odds,
        reliability=reliability,
        at_start=start,
        experience=experience,
        engaged=_by_state(first, second, experience, n),
        active=_by_state(first, second, lately, n),
        dyad_keys=dyad_keys,
        kind_keys=np.array([clocks.label(name) for name in ladder.names]),
        signature_attention=audiences.attention["treaty"],
        openness=openness_of(scenario, dyad_index),
        hazards=hazards,
        **vars(ground),
    )
    return with_own_terms(world, scenario.name)


def by_audience(scenario: Scenario, of: Ints | None = None) -> Scenario:
    """The same scenario with its states ordered by audience, then code: the order of
    every array.

    of: (n,) each state's audience, if at hand. An audience's rows are then one slice.
    Streams are keyed by codes, so the order changes no draw."""
    of = audiences_of(scenario).of if of is None else of
    order = sorted(
        range(len(scenario.states)), key=lambda i: (of[i], scenario.states[i].id)
    )
    return scenario.model_copy(
        update={"states": tuple(scenario.states[i] for i in order)}
    )


@lru_cache(maxsize=8)
def numbered(codes: tuple[str, ...]) -> tuple[Ints, Ints, Ints, Keys]:
    """Every dyad of states, numbered: (P,) positions of its first and its second state,
    (n, n) its number, -1 on the diagonal, and (P,) its key. The lesser code first;
    dyads in the order of the codes."""
    n = len(codes)
    order = np.array(sorted(range(n), key=lambda i: codes[i]))
    first, second = (order[side] for side in np.triu_indices(n, 1))
    number = np.full((n, n), -1)
    number[first, second] = number[second, first] = np.arange(len(first))
    keys = np.array(
        [
            clocks.label(f"{codes[i]}-{codes[j]}")
            for i, j in zip(first, second, strict=True)
        ]
    )
    return shared(first), shared(second), shared(number), shared(keys)


def shared[Kind: np.generic](array: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
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


_GROUNDS = RecentResults[StateTies](most=4)
_RECORDS = RecentResults[InitialAgreements](most=4)
_EARLIER = RecentResults[Floats](most=16)


def ground_of(scenario: Scenario) -> StateTies:
    """The last few are kept: arms and points that move numbers of the rules have it in
    common."""
    return _GROUNDS.get(
        (scenario.states, scenario.distances, scenario.trade),
        partial(_ground, scenario),
    )


def _ground(scenario: Scenario) -> StateTies:
    roster = {code: i for i, code in enumerate(scenario.codes)}
    n, scores = len(roster), [s.democracy for s in scenario.states]
    patron_of = np.zeros((n, n), dtype=bool)
    for i, state in enumerate(scenario.states):
        patron_of[i, [roster[p] for p in state.patrons if p in roster]] = True
    trade = np.zeros((n, n))
    for row in scenario.trade:
        trade[roster[row.state], roster[row.partner]] = row.share
    return StateTies(
        distance_km=shared(distances(scenario)),
        gap=shared(differences([s.ideal_point for s in scenario.states])),
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
    horizon, least = float((scenario.end - scenario.start).days), scenario.step_days
    news = [
        0.0,
        *(day for day in event_days(scenario, arms) if 0 < day < horizon),
        horizon,
    ]
    out = [horizon]
    for event, following in pairwise(news):
        day = event
        while day < following:
            out.append(day)
            step = max(min(day - event, LONGEST_DAYS) // least, 1.0) * least
            day = day + step if day + 1.5 * step < following else following
    return np.unique(out)


def event_days(scenario: Scenario, arms: Sequence[Scenario] = ()) -> list[float]:
    """Days from the start on which an event of any arm is dated, sorted."""
    dates = {event.date for version in [scenario, *arms] for event in version.events}
    dates |= {event.date for arm in scenario.arms.values() for event in arm.add}
    return sorted({float((date - scenario.start).days) for date in dates})


def focal_day(scenario: Scenario) -> float:
    """Days from the start to the focal event, from which all windows run, before any
    arm drops it."""
    return float(
        next(
            (e.date - scenario.start).days
            for e in scenario.events
            if e.id == scenario.focal
        )
    )


def capabilities(scenario: Scenario) -> Floats:
    """Capability shares over the roster, sum 1: given, or the weighted composite of
    shares.

    A missing component leaves its weight to the others. As CINC (Singer, Bremer,
    Stuckey 1972)."""
    given = [s.capability for s in scenario.states]
    if all(value is not None for value in given):
        raw = np.array(given, dtype=float)
        return np.asarray(raw / raw.sum())
    weights = scenario.capability
    raw = np.zeros(len(given))
    weight = np.zeros(len(given))
    for share_of, w in (
        ([s.gdp_bn for s in scenario.states], weights.gdp),
        ([s.milex_bn for s in scenario.states], weights.milex),
        ([s.population_m for s in scenario.states], weights.population),
    ):
        values = np.array([np.nan if v is None else v for v in share_of])
        known = ~np.isnan(values)
        total = values[known].sum()
        if total > 0:
            raw[known] += w * values[known] / total
            weight[known] += w
    composite = np.divide(raw, weight, out=np.zeros_like(raw), where=weight > 0)
    return np.asarray(composite / composite.sum())


def propensities(states: Sequence[State], security: Bools) -> Floats:
    """(n, M) random intercept of each state for each kind, nats: its own, and for
    declarations what it adds for them.

    security: (M,) whether a kind is a security agreement."""
    own = np.array([s.propensity for s in states])
    added = np.array([s.propensity_declarations for s in states])
    return np.asarray(own[:, None] + np.where(security, 0.0, added[:, None]))


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
    lat = np.array(
        [np.nan if s.latitude is None else s.latitude for s in scenario.states]
    )
    lon = np.array(
        [np.nan if s.longitude is None else s.longitude for s in scenario.states]
    )
    km = great_circle(lat, lon)
    roster = {code: i for i, code in enumerate(scenario.codes)}
    for row in scenario.distances:
        km[roster[row.a], roster[row.b]] = km[roster[row.b], roster[row.a]] = row.km
    return _fill_with_mean(km)


def differences(values: list[float | None]) -> Floats:
    """(n, n) absolute differences; a dyad with a missing value gets the mean of the
    known dyads."""
    x = np.array([np.nan if v is None else v for v in values])
    return _fill_with_mean(np.abs(x[:, None] - x))


def lesser(values: list[float | None]) -> Floats:
    """(n, n) the lesser of the two values; a dyad with a missing value gets the mean of
    the known dyads."""
    x = np.array([np.nan if v is None else v for v in values])
    return _fill_with_mean(np.minimum(x[:, None], x))


def quarrels(scenario: Scenario) -> Floats:
    """(n, n) nats, symmetric: disputes weighted by kind, eta_d . disputes_ij, and
    `eta_no_relations` for dyads at war, without diplomatic relations or under sanctions
    on the day of the start.

    Breaking off relations and imposing sanctions cost the one who does it, so they tell
    its intent (costly signals: Fearon 1997, JCR 41(1)). Who is not recognised by a
    third state is not thereby thought hostile by it."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    p = scenario.parameters
    out = np.zeros((len(roster), len(roster)))
    for row in scenario.disputes:
        nats = (
            p.eta_rivalry * row.rivalry
            + p.eta_claim * row.claim
            + p.eta_militarised * row.militarised
            + p.eta_war * row.war
        )
        out[roster[row.a], roster[row.b]] = out[roster[row.b], roster[row.a]] = nats
    broken = np.zeros_like(out, dtype=bool)
    for spell in scenario.no_relations:
        holds = (spell.since or date.min) <= scenario.start < (spell.until or date.max)
        if holds and spell.kind != "not_recognised":
            a, b = roster[spell.a], roster[spell.b]
            broken[a, b] = broken[b, a] = True
    return out + p.eta_no_relations * broken


def _fill_with_mean(matrix: Floats) -> Floats:
    off = ~np.eye(len(matrix), dtype=bool)
    known = off & ~np.isnan(matrix)
    mean = matrix[known].mean() if known.any() else 0.0
    out = np.where(np.isnan(matrix), mean, matrix)
    np.fill_diagonal(out, 0.0)
    return out


def _rules(scenario: Scenario, signature_weight: float) -> Rules:
    parameters = scenario.parameters
    given = {
        name: getattr(parameters, name)
        for name in Rules.__dataclass_fields__
        if name in type(parameters).model_fields
    }
    weights = (
        scenario.theory.weights
    )  # of an earlier version without terms that are off
    if weights["security_gain"] == 0:
        given["talks_speed_exponent"] = (
            0.0  # where the gain counts for nothing, it hastens nothing
        )
        given["effort_slope"] = (
            0.0  # and who does not balance with others does not balance alone
        )
    return Rules(
        **given,
        equal_hostility=scenario.theory.equal_hostility,
        signature_weight=signature_weight,
        signature_half_life_days=scenario.event_kinds["treaty"].half_life_days,
        weights={
            name: float(weights.get(name, 0.0))
            for name in sorted({*weights, *switches()})
        },
    )


def _initial_agreements(
    scenario: Scenario, codes: tuple[str, ...], kinds: tuple[str, ...]
) -> InitialAgreements:
    """codes, kinds: in the order of the arrays. The last few are kept."""
    given = (scenario.agreements, codes, kinds, scenario.start)
    return _RECORDS.get(given, partial(_read_initial, scenario, codes, kinds))


def _read_initial(
    scenario: Scenario, codes: tuple[str, ...], kinds: tuple[str, ...]
) -> InitialAgreements:
    stages = {"talks": 0, "signed": 1, "in_force": 2}
    rows = [a for a in scenario.agreements if a.status in stages]
    roster, number = {code: i for i, code in enumerate(codes)}, numbered(codes)[2]

    def days(field: str) -> Floats:
        values = [getattr(a, field) for a in rows]
        return shared(
            np.array(
                [np.nan if v is None else (v - scenario.start).days for v in values],
                dtype=float,
            )
        )

    return InitialAgreements(
        ids=tuple(a.id for a in rows),
        keys=shared(np.array([clocks.label(a.id) for a in rows], dtype=np.uint64)),
        dyad=shared(
            np.array([number[roster[a.a], roster[a.b]] for a in rows], dtype=np.int64)
        ),
        kind=shared(np.array([kinds.index(a.kind) for a in rows], dtype=np.int64)),
        stage=shared(np.array([stages[a.status] for a in rows], dtype=np.int64)),
        opened=days("opened"),
        signed=days("signed"),
        in_force=days("in_force"),
        fixed_signed=days("scheduled_signed"),
        fixed_in_force=days("scheduled_in_force"),
        ended=days("ended"),
    )


def _signed_by_dyad(
    scenario: Scenario, codes: tuple[str, ...], half_life: float
) -> Floats:
    """(P,) earlier signatures of each dyad, fading; legs of multilateral treaties left
    out. The last few are kept."""
    given = (scenario.agreements, codes, scenario.start, half_life)
    return _EARLIER.get(given, partial(_earlier, scenario, codes, half_life))


def _earlier(scenario: Scenario, codes: tuple[str, ...], half_life: float) -> Floats:
    roster, number = {code: i for i, code in enumerate(codes)}, numbered(codes)[2]
    out = np.zeros(len(roster) * (len(roster) - 1) // 2)
    for agreement in scenario.agreements:
        if not agreement.multilateral:
            dyad = number[roster[agreement.a], roster[agreement.b]]
            out[dyad] += _left_at_start(agreement, scenario.start, half_life)
    return shared(out)


def _by_state(first: Ints, second: Ints, by_dyad: Floats, n: int) -> Floats:
    return np.asarray(np.bincount(first, by_dyad, n) + np.bincount(second, by_dyad, n))


def _left_at_start(agreement: Agreement, start: date, half_life: float) -> float:
    """What an earlier signature still counts at the start: 2^(-age / half-life); 0 if
    it was not signed."""
    signed = agreement.signed or agreement.in_force
    if signed is None or signed > start:
        return 0.0
    age = (start - signed).days + _IMPRECISION[agreement.precision]
    return float(2.0 ** (-max(age, 0) / half_life))


# A date known to the year stands as 1 January, to the month as the 1st: on average it
# is half a span later.
_IMPRECISION = {"day": 0.0, "month": -DAYS_PER_YEAR / 24, "year": -DAYS_PER_YEAR / 2}
