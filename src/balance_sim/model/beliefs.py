"""What states think of each other: log-odds of alignment and of hostile intent.

Evidence adds on the log-odds scale (Good 1950, weight of evidence, in nats). Arrays end
in (n, n): row the one who acts or looks, column the other. All functions broadcast over
leading axes; `out` is a place to write the result to.

Events become evidence: what each audience adds to its log-odds, step by step.

An event adds weight * visibility * attention * 2^(-age / half-life) from 00:00 of its
date. Costly signals: Fearon 1997, JCR 41(1); Morrow 2000. Evidence is summed event by
event in a fixed order, so that an event at visibility 0, or dropped, leaves every other
bit as it was.

Provocations are acts that a state commits by chance, on clocks of their own, the same
in every arm. Each is a Poisson stream of the declared rate, keyed by seed, run and the
provocation's id. An act adds evidence on intent, of each target about the state, from
the step that follows it; it fades with the half-life of its kind and adds nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from balance_sim.model import clocks
from balance_sim.model.core import DAYS_PER_YEAR, Floats, Hazards, Ints, World
from balance_sim.model.own.events import REGISTERED, is_own, not_registered, shifts_of
from balance_sim.model.state import BlockState, Provoked
from balance_sim.model.streams import PROVOCATION, stream_keys
from balance_sim.scenario.defaults import OWN, signal_costs
from balance_sim.scenario.diagnostics import Mark, refused
from balance_sim.scenario.schema import SIGNAL_ORDER, Event, Scenario

MOST_EVIDENCE = 250.0  # nats of all events together; with the bounds of the schema no exponential overflows
MOST_PROVOKED = 200.0  # the same of all acts drawn in a run


def prior_alignment(gap: Floats, alpha0: float, alpha_x: float) -> Floats:
    """Log-odds that two states side with each other, before agreements and events.

    gap: (n, n) distance of ideal points, >= 0. Bailey, Strezhnev, Voeten 2017, JCR
    61(2)."""
    return alpha0 - alpha_x * gap


def prior_intent(gap: Floats, quarrel: Floats, eta0: float, eta_x: float) -> Floats:
    """Log-odds of hostile intent, before agreements and events. quarrel: (n, n), nats,
    disputes weighted."""
    return eta0 + eta_x * gap + quarrel


def alignment(odds_against: Floats, out: Floats | None = None) -> Floats:
    """Probability of siding together from e to the minus log-odds: sigma(alpha) = 1 /
    (1 + e^-alpha)."""
    out = np.asarray(np.add(odds_against, 1.0, out=out))
    return np.divide(1.0, out, out=out)


def alignment_with(odds_against: Floats, agreement: Floats) -> Floats:
    """a from the odds against it before agreements, and what agreements in force or
    announced add to alpha."""
    odds = np.asarray(odds_against * np.exp(-agreement))
    return alignment(odds, out=odds)


def closer(alignment: Floats, nats: Floats) -> Floats:
    """a with so many nats more of evidence, >= 0: 1 / (1 + e^-(alpha + nats))."""
    return np.asarray(alignment / (alignment + (1.0 - alignment) * np.exp(-nats)))


def hostility(odds: Floats, eta0: float, out: Floats | None = None) -> Floats:
    """Hostility above a stranger's, in nats: max(0, ln(1 + e^eta) - ln(1 + e^eta0)).

    odds: (..., n, n), e^eta. Returns the same shape, >= 0; 0 for a stranger and
    below."""
    out = np.asarray(np.log1p(odds, out=out))
    out -= np.log1p(np.exp(eta0))
    return np.maximum(out, 0.0, out=out)


def bounded_evidence(nats: Floats, most: float = MOST_EVIDENCE) -> Floats:
    """A sum of evidence as it is used: where it is beyond so many nats, a belief is
    certain and e^nats has to end."""
    return np.clip(nats, -most, most)


def decay(
    elapsed_days: Floats | float, half_life_days: Floats | float | None
) -> Floats:
    """Share of evidence left, 2^(-t / half-life); 1 where it does not fade (None or
    inf); 0 before its date."""
    elapsed = np.asarray(elapsed_days, dtype=float)
    left = (
        np.ones_like(elapsed)
        if half_life_days is None
        else np.exp2(-np.maximum(elapsed, 0) / half_life_days)
    )
    return np.where(elapsed >= 0, left, 0.0)


ONCE = np.ones(1)
ALIKE = (ONCE, ONCE, ONCE)
"""How many times those whom an event moves count: its principals, the dyads that it
shows, those it is aimed at."""


def members(
    actors: Iterable[str],
    groups: Mapping[str, tuple[str, ...]],
    roster: Mapping[str, int],
) -> list[int]:
    """Positions of the actors in the roster, groups expanded, outsiders left out, each
    once, sorted."""
    codes = {code for actor in actors for code in groups.get(actor, (actor,))}
    return sorted(roster[code] for code in codes if code in roster)


def attention_to(scenario: Scenario, audience: str, kind: str) -> float:
    """How much an audience heeds a kind of event, -1..1; 1 where the scenario does not
    say."""
    given = scenario.audiences[audience].attention
    return given.get(kind, given.get("default", 1.0))


@dataclass(frozen=True)
class Audiences:
    """Who reads the news alike: audiences that heed every kind of event alike are one
    of A readings."""

    names: tuple[tuple[str, ...], ...]  # (A,) the audiences of each reading, sorted
    of: Ints  # (n,) each state's reading
    attention: dict[
        str, Floats
    ]  # by kind of event, (A,) how much each reading heeds it


def audiences_of(scenario: Scenario) -> Audiences:
    """Raises ValueError for a state that is in no audience."""
    kinds = sorted(scenario.event_kinds)
    alike: dict[tuple[float, ...], list[str]] = {}
    for name in sorted(scenario.audiences):
        alike.setdefault(
            tuple(attention_to(scenario, name, kind) for kind in kinds), []
        ).append(name)
    readings = sorted((tuple(names), heed) for heed, names in alike.items())
    roster = {code: i for i, code in enumerate(scenario.codes)}
    of = np.full(len(roster), -1)
    for index, (names, _) in enumerate(readings):
        for name in names:
            of[members(scenario.audiences[name].members, scenario.groups, roster)] = (
                index
            )
    without = [
        code for code, reading in zip(scenario.codes, of, strict=True) if reading < 0
    ]
    if without:
        raise ValueError(
            f"no audience for {', '.join(without)}: every state needs one. A scenario from `load_scenario` has "
            "them; one that is changed by hand has to name each state in an audience, or a group that holds it"
        )
    attention = {
        kind: np.array([heed[k] for _, heed in readings])
        for k, kind in enumerate(kinds)
    }
    return Audiences(tuple(names for names, _ in readings), of, attention)


def signal_weights(scenario: Scenario, kind: str) -> tuple[float, float]:
    """Weights of a kind of event on alignment and on intent, nats.

    Those of the scenario; on the ladder of costly signals, for the share
    `theory.signal_cost`, those of a signalling game (Spence 1973, QJE 87(3); Fearon
    1997, JCR 41(1)). A host stages an act when what it gains by being seen there is
    more than the act's cost c. Gains are exponential, with mean g for a benign host and
    G > g for a hostile one, so an audience that sees the act learns ln(e^(-c/G) /
    e^(-c/g)) = c (1/g - 1/G): in proportion to the cost, and nothing from what is free.
    The costliest act keeps its weight, which fixes the scale."""
    own, share = scenario.event_kinds[kind], scenario.theory.signal_cost
    costs = signal_costs()
    top = scenario.event_kinds.get(SIGNAL_ORDER[-1])
    if share == 0 or kind not in costs or top is None:
        return own.alignment, own.intent
    return (
        (1.0 - share) * own.alignment + share * costs[kind] * top.alignment,
        (1.0 - share) * own.intent + share * costs[kind] * top.intent,
    )


def dyads_shown(
    principals: list[int], guests: list[int], targets: list[int]
) -> list[tuple[int, int]]:
    """Dyads that an event shows together: principals with each other, guests with
    principals. Positions in the roster.

    Nobody is shown together with a target of the act."""
    principals = [i for i in principals if i not in targets]
    guests = [i for i in guests if i not in targets and i not in principals]
    shown = [(i, j) for a, i in enumerate(principals) for j in principals[a + 1 :]]
    return shown + [(i, j) for i in principals for j in guests]


def pairs_aimed(principals: list[int], targets: list[int]) -> list[tuple[int, int]]:
    """(target, principal) pairs: who has reason to think worse, or better, of whom."""
    return [(t, p) for t in targets for p in principals if t != p]


def odds_by_step(
    scenario: Scenario, grid: Floats, gap: Floats, quarrels: Floats, dyad_index: Ints
) -> tuple[Floats, Floats, Floats]:
    """What states think in each step before agreements: priors, and the evidence of
    events.

    grid: (S + 1,) step boundaries; gap, quarrels, dyad_index: (n, n). Returns the odds
    against alignment (S, A, P), as each of A readings has it, those of hostile intent
    (S, n, n), and reliability (S, n)."""
    p, n = scenario.parameters, len(scenario.codes)
    found = evidence(scenario, (grid[:-1] + grid[1:]) / 2, grid[:-1], dyad_index)
    alignment = np.empty(n * (n - 1) // 2)
    dyads = dyad_index >= 0
    alignment[dyad_index[dyads]] = prior_alignment(gap, p.alpha0, p.alpha_x)[dyads]
    intent = prior_intent(gap, quarrels, p.eta0, p.eta_x)
    reliability = np.array([s.reliability for s in scenario.states]) * np.exp(
        -found.lost
    )
    intent_odds = _odds(intent.ravel(), found.intent, found.places).reshape(-1, n, n)
    return _odds(-alignment, -found.align, found.dyads), intent_odds, reliability


def _odds(prior: Floats, evidence: Floats, at: Ints) -> Floats:
    """e^(prior + evidence), (..., E): prior (E,) nats, and evidence (..., K) on the
    entries `at` alone."""
    odds = np.empty((*evidence.shape[:-1], len(prior)))
    odds[:] = np.exp(prior)
    odds[..., at] = np.exp(prior[at] + bounded_evidence(evidence))
    return odds


@dataclass(frozen=True)
class Evidence:
    """What events add to the log-odds at S moments, nats; only the entries that any
    event moves."""

    dyads: Ints  # (K,) dyads that are shown together
    align: Floats  # (S, A, K) to their alignment, as each of A readings has it
    places: Ints  # (T,) entries of a flat (n, n), target and principal
    intent: Floats  # (S, T) to hostile intent
    lost: Floats  # (S, n) reliability


def evidence(
    scenario: Scenario, moments: Floats, starts: Floats, dyad_index: Ints
) -> Evidence:
    """Evidence at the given moments.

    moments: (S,) days at which decay is taken (the middle of each step); starts: (S,)
    when each step begins: an event counts from the step that begins on its date.
    dyad_index: (n, n), as in World."""
    codes, audiences = scenario.codes, audiences_of(scenario)
    events = [event for event in scenario.events if event.accord is None]
    groups = tuple((name, tuple(group)) for name, group in scenario.groups.items())
    roles = [
        _own_roles(scenario, event)
        if is_own(event.kind)
        else (
            *_roles(
                codes,
                groups,
                tuple(event.principals),
                tuple(event.guests),
                tuple(event.targets),
            ),
            ALIKE,
        )
        for event in events
    ]
    steps, n, tension = len(moments), len(codes), scenario.parameters.prior_tension
    days = [(event.date - scenario.start).days for event in events]
    halves = [scenario.event_kinds[event.kind].half_life_days for event in events]
    dates = np.array(days, dtype=float)[:, None]
    left_of = decay(
        moments - dates,
        np.array([np.inf if half is None else half for half in halves])[:, None],
    )
    visibility = np.array([event.visibility for event in events])[:, None]
    left_of = np.where(starts >= dates, left_of, 0.0) * visibility
    dyads_of = [dyad_index.take(shown) for _, shown, _, _ in roles]
    dyads, column_of_dyad = _columns(dyads_of, int(dyad_index.max(initial=0)) + 1)
    places, column_of_place = _columns([aimed for _, _, aimed, _ in roles], n * n)
    align = np.zeros((len(dyads), steps, len(audiences.names)))
    intent = np.zeros((len(places), steps))
    lost = np.zeros((steps, n))
    for event, (blamed, _, aimed, factors), shown, day, left in zip(
        events, roles, dyads_of, days, left_of, strict=True
    ):
        of_blamed, of_shown, of_aimed = factors
        kind, attention = (
            scenario.event_kinds[event.kind],
            audiences.attention[event.kind],
        )
        on_alignment, on_intent = signal_weights(scenario, event.kind)
        if len(shown) and on_alignment:
            align[column_of_dyad[shown]] += of_shown[:, None, None] * (
                (event.sign * on_alignment) * left[:, None] * attention
            )
        if len(aimed) and on_intent:
            weight = (on_intent * (tension if day < 0 else 1.0)) * left
            intent[column_of_place[aimed]] += (
                weight * (of_aimed * attention[audiences.of[aimed // n]])[:, None]
            )
        if kind.reliability:
            lost[:, blamed] += of_blamed * (kind.reliability * left[:, None])
    return Evidence(dyads, align.transpose(1, 2, 0), places, intent.T, lost)


def _own_roles(
    scenario: Scenario, event: Event
) -> tuple[Ints, Ints, Ints, tuple[Floats, Floats, Floats]]:
    """What `_roles` gives of an event whose kind is the user's own, and how many times
    each counts.

    Raises ScenarioError for a kind that is registered nowhere, and as `shifts_of`."""
    found = REGISTERED.find(event.kind.removeprefix(OWN))
    if found is None:
        raise not_registered(
            scenario.name, f"events.{event.id}.kind", "kind of event", event.kind
        )
    of, roster = (
        shifts_of(found[0], event, scenario),
        {code: i for i, code in enumerate(scenario.codes)},
    )
    n = len(roster)
    blamed = np.array([roster[code] for code in of.reliability], dtype=np.int64)
    shown, aimed = (
        np.array([roster[a] * n + roster[b] for a, b in some], dtype=np.int64)
        for some in (of.alignment, of.intent)
    )
    factors = [
        np.array([*some.values()]) for some in (of.reliability, of.alignment, of.intent)
    ]
    return blamed, shown, aimed, (factors[0], factors[1], factors[2])


@lru_cache(maxsize=8192)
def _roles(
    codes: tuple[str, ...],
    groups: tuple[tuple[str, tuple[str, ...]], ...],
    *actors: tuple[str, ...],
) -> tuple[Ints, Ints, Ints]:
    """An event's principals among these states, and the entries of a flat (n, n) that
    it shows and is aimed at.

    actors: principals, guests, targets."""
    roster, known = {code: i for i, code in enumerate(codes)}, dict(groups)
    principals, guests, targets = (members(some, known, roster) for some in actors)
    shown, aimed = (
        np.array([i * len(codes) + j for i, j in found], dtype=np.int64)
        for found in (
            dyads_shown(principals, guests, targets),
            pairs_aimed(principals, targets),
        )
    )
    return np.array(principals, dtype=np.int64), shown, aimed


def _columns(found: list[Ints], most: int) -> tuple[Ints, Ints]:
    """The numbers below `most` that were found, sorted; and of each number its place
    among them."""
    is_there = np.zeros(most, dtype=bool)
    for some in found:
        is_there[some] = True
    return np.flatnonzero(is_there), np.cumsum(is_there) - 1


def hazards_of(scenario: Scenario, audiences: Audiences) -> Hazards | None:
    """The scenario's provocations as arrays; None where there are none. States in the
    order of the arrays."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    rows = [
        one for one in scenario.provocations if one.rate > 0 and one.state in roster
    ]
    for one in (one for one in rows if is_own(one.kind)):
        path, why = (
            f"provocations.{one.id}.kind",
            f"`{one.kind}` is a kind of your own: those are of events alone",
        )
        raise refused(
            Mark(scenario.name, 1, 1),
            path,
            "E311",
            why,
            "give a kind by its weights, without `own_`",
        )
    entries = [
        (
            act,
            target,
            roster[one.state],
            signal_weights(scenario, one.kind)[1] * one.visibility,
            one.kind,
        )
        for act, one in enumerate(rows)
        for target in members(one.targets, scenario.groups, roster)
        if target != roster[one.state]
    ]
    if not entries:
        return None
    n = len(roster)
    act, target, state = (
        np.array([entry[k] for entry in entries], dtype=np.int64) for k in range(3)
    )
    heed = [audiences.attention[entry[4]][audiences.of[entry[1]]] for entry in entries]
    places = target * n + state
    distinct = np.unique(places)
    column = np.full(n * n, len(distinct))
    column[distinct] = np.arange(len(distinct))
    return Hazards(
        keys=np.array([clocks.label(one.id) for one in rows], dtype=np.uint64),
        rate=np.array([one.rate for one in rows]),
        half_life_days=tuple(
            scenario.event_kinds[one.kind].half_life_days for one in rows
        ),
        act=act,
        target=target,
        state=state,
        dose=np.array([entry[3] for entry in entries]) * np.array(heed),
        column=column,
    )


def provoke(world: World, state: BlockState, seed: int) -> None:
    """Draw the acts of all runs to the horizon, and mark the dyads whose beliefs they
    move."""
    hazards = world.hazards
    assert hazards is not None
    key = stream_keys(seed, state.runs, PROVOCATION)[:, None]
    run, act = (
        grid.ravel() for grid in np.indices((len(state.runs), len(hazards.rate)))
    )
    key = clocks.absorb(key, hazards.keys).reshape(-1)
    day, count, found = np.zeros(len(run)), 0, []
    while len(run):
        day = day + clocks.exponential(clocks.absorb(key, count)) * (
            DAYS_PER_YEAR / hazards.rate[act]
        )
        on_time = np.flatnonzero(day < world.grid[-1])
        run, act, key, day = run[on_time], act[on_time], key[on_time], day[on_time]
        found.append((run, act, day))
        count += 1
    state.provoked = Provoked(
        *(np.concatenate(column) for column in zip(*found, strict=True))
    )
    dyads = world.dyad_index[hazards.target, hazards.state]
    for drawn in range(len(hazards.rate)):
        hit = np.unique(state.provoked.run[state.provoked.act == drawn])
        state.touched[hit[:, None], dyads[hazards.act == drawn]] = True


def provoked_odds(world: World, state: BlockState, step: int) -> Floats:
    """(R, T' + 1) factor on the odds of hostile intent at each entry that acts move;
    the last column is 1."""
    hazards, done = world.hazards, state.provoked
    assert hazards is not None
    assert done is not None
    start, middle = world.grid[step], (world.grid[step] + world.grid[step + 1]) / 2
    acts, runs = len(hazards.rate), len(state.runs)
    left = np.zeros((runs, acts))
    for drawn, half_life in enumerate(hazards.half_life_days):
        rows = np.flatnonzero((done.act == drawn) & (done.day <= start))
        fading = decay(middle - done.day[rows], half_life)
        left[:, drawn] = np.bincount(done.run[rows], fading, minlength=runs)
    place = hazards.column[hazards.target * world.n + hazards.state]
    nats = np.zeros((runs, int(hazards.column.max()) + 1))
    for entry, column in enumerate(place):
        nats[:, column] += hazards.dose[entry] * left[:, hazards.act[entry]]
    return np.exp(bounded_evidence(nats, MOST_PROVOKED))
