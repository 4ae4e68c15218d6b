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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from cachetools import LRUCache, cached

from balance_sim.model import clocks
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    Bools,
    Floats,
    Hazards,
    Ints,
    Likeness,
    OddsByStep,
    World,
)
from balance_sim.model.record import records
from balance_sim.model.spread import Acts, acts_among, learned
from balance_sim.model.state import BlockState, Provoked
from balance_sim.model.streams import PROVOCATION, stream_keys
from balance_sim.scenario.defaults import OWN, signal_costs
from balance_sim.scenario.diagnostics import Mark, refused
from balance_sim.scenario.schema import (
    SIGNAL_ORDER,
    Event,
    EventKind,
    Scenario,
    sorted_rows,
)

MOST_EVIDENCE = 250.0
"""Nats of all events together; with the schema's bounds no exponential overflows."""
MOST_PROVOKED = 100.0
"""The same of all acts drawn in a replication."""


def prior_alignment(gap: Floats, alpha0: float, alpha_x: float) -> Floats:
    """Log-odds that two states side with each other, before agreements and events.

    gap: (n, n) distance of ideal points, >= 0. Bailey, Strezhnev, Voeten 2017, JCR
    61(2)."""
    return alpha0 - alpha_x * gap


def prior_intent(gap: Floats, quarrel: Floats, eta0: float, eta_x: float) -> Floats:
    """Log-odds of hostile intent, before agreements and events. quarrel: (n, n), nats,
    disputes weighted."""
    return eta0 + eta_x * gap + quarrel


def relative_gap(gap: Floats, share: float) -> Floats:
    """(n, n) distance of ideal points less a share of the column's mean distance to all
    others: an attacker whom everybody stands far from is not therefore hostile to each.

    gap: (n, n), diagonal 0; share: 0 to 1."""
    others = max(len(gap) - 1, 1)
    return np.asarray(gap - share * (gap.sum(axis=0) / others))


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
    if half_life_days is None:
        share = np.ones_like(elapsed)
    else:
        share = np.exp2(-np.maximum(elapsed, 0) / half_life_days)
    return np.where(elapsed >= 0, share, 0.0)


def members(
    actors: Iterable[str],
    groups: Groups,
    roster: Mapping[str, int],
) -> list[int]:
    """Positions of the actors in the roster, groups expanded, outsiders left out, each
    once, sorted."""
    codes = {code for actor in actors for code in groups.get(actor, (actor,))}
    return sorted(roster[code] for code in codes if code in roster)


def attention_to(scenario: Scenario, audience: str, kind: str) -> float:
    """How much an audience heeds a kind of event, -1..1; 1 where the scenario does not
    say."""
    attention = scenario.audiences[audience].attention
    return attention.get(kind, attention.get("default", 1.0))


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
    return _audiences(scenario)[0]


@cached(
    LRUCache(64),
    key=lambda scenario: (
        id(scenario.audiences),
        id(scenario.event_kinds),
        id(scenario.groups),
        scenario.codes,
        scenario.together,
    ),
    lock=Lock(),
)
def _audiences(scenario: Scenario) -> tuple[Audiences, object]:
    """The same; and what it follows from, held as keys name it. The last few are
    stored."""
    types = sorted(scenario.event_kinds)
    by_attention: dict[tuple[float, ...], list[str]] = {}
    for name in sorted(scenario.audiences):
        attention = tuple(attention_to(scenario, name, kind) for kind in types)
        by_attention.setdefault(attention, []).append(name)
    readings = sorted((tuple(names), heed) for heed, names in by_attention.items())
    roster = {code: i for i, code in enumerate(scenario.codes)}
    reading = np.full(len(roster), -1)
    for index, (names, _) in enumerate(readings):
        for name in names:
            codes = scenario.audiences[name].members
            reading[members(codes, scenario.groups, roster)] = index
    if (reading < 0).any():
        without = [scenario.codes[index] for index in np.flatnonzero(reading < 0)]
        raise ValueError(
            f"no audience for {', '.join(without)}: every state needs one. A scenario "
            "from `load_scenario` has them; one that is changed by hand has to name "
            "each state in an audience, or a group that holds it"
        )
    if scenario.together is not None:
        readings, reading = _kept_apart(scenario.together, readings, reading, roster)
    heeds = np.array([heed for _, heed in readings])
    by_type = {kind: heeds[:, k] for k, kind in enumerate(types)}
    sources = scenario.audiences, scenario.event_kinds, scenario.groups
    named = tuple(names for names, _ in readings)
    return Audiences(named, reading, by_type), sources


def _kept_apart(
    together: Sequence[tuple[str, ...]],
    readings: list[tuple[tuple[str, ...], tuple[float, ...]]],
    reading: Ints,
    roster: dict[str, int],
) -> tuple[list[tuple[tuple[str, ...], tuple[float, ...]]], Ints]:
    """The readings, (names, attention) each, and which each state has, (n,), with one
    for each set of states that stand together, in the order of the sets."""
    apart = np.full_like(reading, -1)
    for index, codes in enumerate(together):
        apart[[roster[code] for code in codes]] = index
    firsts = [roster[codes[0]] for codes in together]
    return [readings[reading[first]] for first in firsts], apart


def signal_weights(scenario: Scenario, kind: str) -> tuple[float, float]:
    """Weights of a kind of event on alignment and on intent, nats.

    Those of the scenario; on the ladder of costly signals, for the share
    `theory.signal_cost`, those of a signalling game (Spence 1973, QJE 87(3); Fearon
    1997, JCR 41(1)). A host stages an act when what it gains by being seen there is
    more than the act's cost c. Gains are exponential, with mean g for a benign host and
    G > g for a hostile one, so an audience that sees the act learns ln(e^(-c/G) /
    e^(-c/g)) = c (1/g - 1/G): in proportion to the cost, and nothing from what is free.
    The costliest act keeps its weight, which fixes the scale."""
    stated, share = scenario.event_kinds[kind], scenario.theory.signal_cost
    costs = signal_costs()
    top = scenario.event_kinds.get(SIGNAL_ORDER[-1])
    if share == 0 or kind not in costs or top is None:
        return stated.alignment, stated.intent
    by_cost = share * costs[kind]
    alignment = (1.0 - share) * stated.alignment + by_cost * top.alignment
    intent = (1.0 - share) * stated.intent + by_cost * top.intent
    return alignment, intent


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


type Odds = tuple[OddsByStep, OddsByStep, Floats]
"""Of what states think in each step: see `odds_by_step`."""
MOST_EVENT_STEPS = 2**18
"""Events times steps times versions whose evidence is summed together; changes no
result."""


def odds_by_step(
    scenario: Scenario,
    versions: Sequence[tuple[Event, ...]],
    grid: Floats,
    gap: Floats,
    quarrels: Floats,
    dyad_index: Ints,
    likeness: Likeness | None = None,
) -> list[Odds]:
    """What states think in each step before agreements, with each of some lists of
    events: priors, and the evidence of events.

    grid: (S + 1,) step boundaries; gap, quarrels, dyad_index: (n, n); likeness: how
    fear spreads. Returns for each list the odds against alignment (S, A, P), as each of
    A readings has it, those of hostile intent (S, n, n), and reliability (S, n)."""
    p, n = scenario.parameters, len(scenario.codes)
    middles = (grid[:-1] + grid[1:]) / 2
    pairs = n * (n - 1) // 2
    alignment = np.empty(pairs)
    dyads = dyad_index >= 0
    alignment[dyad_index[dyads]] = prior_alignment(gap, p.alpha0, p.alpha_x)[dyads]
    against = relative_gap(gap, p.eta_relative)
    intent = prior_intent(against, quarrels, p.eta0, p.eta_x)
    reliability = np.array([state.reliability for state in scenario.states])
    entries = max(map(len, versions), default=0) * len(middles) + 1
    at_once = max(1, MOST_EVENT_STEPS // entries)
    odds: list[Odds] = []
    for first in range(0, len(versions), at_once):
        nats = _evidence_in_parts(
            scenario,
            versions[first : first + at_once],
            middles,
            grid[:-1],
            dyad_index,
            likeness,
        )
        readings = nats[0].align.shape[1], pairs
        align = [-of_version.align for of_version in nats]
        about = [of_version.intent for of_version in nats]
        odds += zip(
            _odds(-alignment, align, nats[0].dyads, readings),
            _odds(intent.ravel(), about, nats[0].places, (n, n)),
            [reliability * np.exp(-of_version.lost) for of_version in nats],
            strict=True,
        )
    return odds


def _evidence_in_parts(
    scenario: Scenario,
    versions: Sequence[tuple[Event, ...]],
    moments: Floats,
    starts: Floats,
    dyad_index: Ints,
    likeness: Likeness | None,
) -> list[Evidence]:
    """`evidence_by_version`, of so many events a few moments at a time."""
    events = sum(map(len, versions))
    at_once = max(1, MOST_EVENT_STEPS // (events + 1))
    parts = [
        evidence_by_version(
            scenario,
            versions,
            moments[first : first + at_once],
            starts[first : first + at_once],
            dyad_index,
            likeness,
        )
        for first in range(0, len(moments), at_once)
    ]
    return [Evidence.joined(of_version) for of_version in zip(*parts, strict=True)]


def _odds(
    prior: Floats, nats: Sequence[Floats], entries: Ints, shape: tuple[int, ...]
) -> list[OddsByStep]:
    """e^(prior + nats) of each version: prior (E,), and evidence (..., K), nats, on
    some entries alone, in order."""
    before, column = np.exp(prior), np.full(len(prior), -1)
    column[entries] = np.arange(len(entries))
    moved = prior[entries]
    return [
        OddsByStep(before, np.exp(moved + bounded_evidence(v)), column, shape)
        for v in nats
    ]


@dataclass(frozen=True)
class Evidence:
    """What events add to the log-odds at S moments, nats; only the entries that any
    event moves."""

    dyads: Ints  # (K,) dyads that are shown together
    align: Floats  # (S, A, K) to their alignment, as each of A readings has it
    places: Ints  # (T,) entries of a flat (n, n), target and principal
    intent: Floats  # (S, T) to hostile intent
    lost: Floats  # (S, n) reliability

    @staticmethod
    def joined(parts: Sequence[Evidence]) -> Evidence:
        """That of the same events at moments that follow each other."""
        first = parts[0]
        if len(parts) == 1:
            return first
        columns = zip(*((p.align, p.intent, p.lost) for p in parts), strict=True)
        align, intent, lost = map(np.concatenate, columns)
        return Evidence(first.dyads, align, first.places, intent, lost)


Reach = tuple[Ints, Floats]
"""Entries that an event moves, and how many times each counts."""
Rows = tuple[Ints, Ints, Floats]
"""(R,) which of some events, which entry it moves, and how many times that counts."""
Groups = Mapping[str, tuple[str, ...]]


def evidence(
    scenario: Scenario,
    moments: Floats,
    starts: Floats,
    dyad_index: Ints,
    likeness: Likeness | None = None,
) -> Evidence:
    """Evidence at the given moments.

    moments: (S,) days at which decay is taken (the middle of each step); starts: (S,)
    when each step begins: an event counts from the step that begins on its date.
    dyad_index: (n, n), as in World; likeness: how fear spreads, if it does."""
    versions = [scenario.events]
    return evidence_by_version(
        scenario, versions, moments, starts, dyad_index, likeness
    )[0]


def evidence_by_version(
    scenario: Scenario,
    versions: Sequence[tuple[Event, ...]],
    moments: Floats,
    starts: Floats,
    dyad_index: Ints,
    likeness: Likeness | None = None,
) -> list[Evidence]:
    """`evidence` with each of V lists of events in place of the scenario's own: what
    they have in common is worked out once."""
    audiences, count = audiences_of(scenario), len(versions)
    listed = _listed(tuple(versions))
    events, n = listed.events, len(scenario.codes)
    whom = _footprint(scenario, events)
    remaining = _remaining(scenario, events, moments, starts)
    remaining = listed.is_there[:, :, None] * remaining[:, None]  # (E, V, S)
    heeds = [audiences.attention[event.kind] for event in events]
    attention = np.array(heeds).reshape(len(events), len(audiences.names))
    weights = (w[:, None, None] for w in _weights(scenario, events))
    on_alignment, on_intent, on_reliability = weights

    event, shown, times = whom.shown
    dyads, column = _columns(dyad_index.take(shown), int(dyad_index.max(initial=0)) + 1)
    nats = (on_alignment * remaining)[:, :, None] * attention[:, None, :, None]
    align = _summed(column, times[:, None, None, None] * nats[event], len(dyads))

    event, aimed, times = whom.of_intent(scenario, events, likeness)
    places, column = _columns(aimed, n * n)
    heed = attention[event, audiences.of[aimed // n]]
    believed = _believed(scenario, listed)
    heed = heed[:, None] * believed[event, :, aimed % n]
    nats = on_intent * remaining
    intent = _summed(
        column, nats[event] * (times[:, None] * heed)[..., None], len(places)
    )

    event, blamed, times = whom.blamed
    nats = on_reliability * remaining
    lost = _summed(blamed, times[:, None, None] * nats[event], n)
    return [
        Evidence(
            dyads, align[:, v].transpose(2, 1, 0), places, intent[:, v].T, lost[:, v].T
        )
        for v in range(count)
    ]


@dataclass(frozen=True)
class _Listed:
    """The events of V lists, E in all, in their order, and (E, V) which list has
    which; those that are agreements left out."""

    events: tuple[Event, ...]
    is_there: Bools
    versions: tuple[tuple[Event, ...], ...]  # held, as keys name them


def _ids(events: Iterable[Event]) -> tuple[int, ...]:
    return tuple(map(id, events))


@cached(LRUCache(64), key=lambda versions: (*map(_ids, versions),), lock=Lock())
def _listed(versions: tuple[tuple[Event, ...], ...]) -> _Listed:
    """The events of some lists together; the last few are stored."""
    named = [[event for event in events if event.accord is None] for events in versions]
    by_identity = {id(event): event for events in named for event in events}
    ordered = (*by_identity.values(),)
    if len(versions) > 1:
        ordered = sorted_rows(ordered)
    ids_by_list = [{*_ids(events)} for events in named]
    is_there = [[id(event) in ids for ids in ids_by_list] for event in ordered]
    shape = len(ordered), len(versions)
    return _Listed(ordered, np.array(is_there, dtype=bool).reshape(shape), versions)


def _weights(
    scenario: Scenario, events: Sequence[Event]
) -> tuple[Floats, Floats, Floats]:
    """(E,) nats of each event at visibility 1: on alignment, on intent, on
    reliability."""
    tension, kinds = scenario.parameters.prior_tension, scenario.event_kinds
    stated = {kind: signal_weights(scenario, kind) for kind in kinds}
    on_alignment = [event.sign * stated[event.kind][0] for event in events]
    on_intent = [
        stated[event.kind][1] * (tension if event.date < scenario.start else 1.0)
        for event in events
    ]
    on_reliability = [kinds[event.kind].reliability for event in events]
    return np.array(on_alignment), np.array(on_intent), np.array(on_reliability)


def _rows(reaches: list[Reach]) -> Rows:
    """The entries of some events, one event after the other."""
    event = np.repeat(np.arange(len(reaches)), [len(entry) for entry, _ in reaches])
    entries = [_positions(()), *(entry for entry, _ in reaches)]
    times = [np.empty(0), *(times for _, times in reaches)]
    return event, np.concatenate(entries), np.concatenate(times)


def _summed(entry: Ints, values: Floats, count: int) -> Floats:
    """(count, ...) sums of rows (R, ...) by the entry of each, (R,): one row after the
    other, so that a row of zeros changes no bit."""
    shape, width = values.shape[1:], int(np.prod(values.shape[1:]))
    places = entry[:, None] * width + np.arange(width)
    sums = np.bincount(places.ravel(), values.ravel(), count * width)
    return sums.reshape(count, *shape)


def worth_of_words(
    scenario: Scenario, events: Sequence[Event], roster: Mapping[str, int]
) -> dict[str, Floats]:
    """(n,) share of its weight that each reassurance has, by sender and the event's id.
    A reassurance is an act of a kind that lowers hostile intent."""
    kinds = _kinds_of_words(scenario)
    words = [event for event in events if event.kind in kinds]
    senders = {
        event.id: members(event.principals, scenario.groups, roster) for event in words
    }
    return records(words, senders, len(roster))


def _kinds_of_words(scenario: Scenario) -> frozenset[str]:
    """Kinds of reassurances."""
    kinds = scenario.event_kinds.items()
    names = (name for name, kind in kinds if kind.intent < 0)
    return frozenset(name for name in names if not name.startswith(OWN))


def _believed(scenario: Scenario, listed: _Listed) -> Floats:
    """(E, V, n) share of its weight that each event has in each list, by sender."""
    return _worth_in(scenario, listed, _kinds_of_words(scenario))[0]


@cached(
    LRUCache(64),
    key=lambda scenario, listed, words: (
        id(listed),
        id(scenario.groups),
        scenario.codes,
        words,
    ),
    lock=Lock(),
)
def _worth_in(
    scenario: Scenario,
    listed: _Listed,
    words: frozenset[str],  # noqa: ARG001 - a part of the key
) -> tuple[Floats, object]:
    """The same; and what it follows from, held as keys name it. The last few are
    stored."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    believed = np.ones((*listed.is_there.shape, len(roster)))
    for version, is_there in enumerate(listed.is_there.T):
        rows = np.flatnonzero(is_there).tolist()
        worth = worth_of_words(scenario, [listed.events[row] for row in rows], roster)
        for row in rows if worth else ():
            believed[row, version] = worth.get(listed.events[row].id, 1.0)
    return believed, (listed, scenario.groups)


def _remaining(
    scenario: Scenario, events: Sequence[Event], moments: Floats, starts: Floats
) -> Floats:
    """(E, S) share of each event's evidence that remains at each moment, times its
    visibility; 0 before the step that begins on its date."""
    days = [(event.date - scenario.start).days for event in events]
    dates = np.array(days, dtype=float)[:, None]
    half_lives = [scenario.event_kinds[event.kind].half_life_days for event in events]
    endless = [np.inf if days is None else days for days in half_lives]
    shares = decay(moments - dates, np.array(endless)[:, None])
    visibility = np.array([event.visibility for event in events])[:, None]
    return np.asarray(np.where(starts >= dates, shares, 0.0) * visibility)


def event_reach(
    scenario: Scenario, event: Event, roster: Mapping[str, int]
) -> tuple[Reach, Reach, Reach]:
    """Whom an event moves: states whose reliability suffers; entries of a flat (n, n),
    of dyads that are seen together, and of who has a part in it and sees intent of
    whom.

    roster: position of each state. Raises ScenarioError for a kind of the user's own
    that is registered nowhere, and as `shifts_of`."""
    n = len(roster)
    if event.kind.startswith(OWN):
        from balance_sim.model.own.events import shifts_of

        shifts = shifts_of(event, scenario)
        blamed = {roster[code]: k for code, k in shifts["reliability"].items()}
        shown, aimed = (
            {roster[a] * n + roster[b]: k for (a, b), k in shifts[channel].items()}
            for channel in ("alignment", "intent")
        )
        return _reach(blamed), _reach(shown), _reach(aimed)
    principals, guests, targets = _roles(event, scenario.groups, roster)
    together = [i * n + j for i, j in dyads_shown(principals, guests, targets)]
    at_targets = [t * n + p for t, p in pairs_aimed(principals, targets)]
    entries = principals, together, at_targets
    blamed, shown, aimed = (dict.fromkeys(numbers, 1.0) for numbers in entries)
    return _reach(blamed), _reach(shown), _reach(aimed)


def _reach(times: Mapping[int, float]) -> Reach:
    return _positions(times), np.array([*times.values()])


def _roles(
    event: Event, groups: Groups, roster: Mapping[str, int]
) -> tuple[list[int], list[int], list[int]]:
    """Positions of an event's principals, guests and targets."""
    principals, guests, targets = (
        members(names, groups, roster)
        for names in (event.principals, event.guests, event.targets)
    )
    return principals, guests, targets


@dataclass(frozen=True)
class _Footprint:
    """Whom some events move, whatever the numbers of the rules; rows sorted by event.

    blamed: states whose reliability suffers; shown: entries of a flat (n, n), of dyads
    that are seen together; aimed: of who sees intent of whom and has a part in the act.
    """

    blamed: Rows
    shown: Rows
    aimed: Rows
    acts: Acts  # that spread
    number: Ints  # (A,) of these acts among the events
    with_learnt: tuple[Ints, Ints]  # event and entry of `aimed` and of who learns
    order: Ints  # of these among those of `aimed` and then those who learn
    sources: object  # held, as keys name them

    def of_intent(
        self, scenario: Scenario, events: Sequence[Event], likeness: Likeness | None
    ) -> Rows:
        """`aimed`, and what states that have no part in an act learn from it."""
        if likeness is None or not len(self.number):
            return self.aimed
        kinds = [scenario.event_kinds[events[number].kind] for number in self.number]
        spreads = np.array([kind.spreads for kind in kinds])[self.acts.act]
        shares = spreads[:, None] * learned(likeness, self.acts)
        times = np.concatenate([self.aimed[2], shares[self.acts.outside]])
        return *self.with_learnt, times[self.order]


def _footprint(scenario: Scenario, events: tuple[Event, ...]) -> _Footprint:
    """Whom events move. The last few are stored, but those of kinds of the user's
    own."""
    kinds = {event.kind for event in events}
    spread = frozenset(
        name
        for name in kinds
        if not name.startswith(OWN)
        and scenario.event_kinds[name].spreads > 0
        and scenario.event_kinds[name].intent > 0
    )
    is_own = any(name.startswith(OWN) for name in kinds)
    return (_worked_out if is_own else _stored)(scenario, events, spread)


def _worked_out(
    scenario: Scenario, events: tuple[Event, ...], spread: frozenset[str]
) -> _Footprint:
    """Whom events move. spread: kinds of acts of which others learn."""
    groups, n = scenario.groups, len(scenario.codes)
    roster = {code: i for i, code in enumerate(scenario.codes)}
    reaches = [event_reach(scenario, event, roster) for event in events]
    blamed, shown, aimed = (_rows([reach[k] for reach in reaches]) for k in range(3))
    is_spread = [bool(event.targets) and event.kind in spread for event in events]
    number = np.flatnonzero(is_spread)
    acts = acts_among([_roles(events[k], groups, roster) for k in number], n)
    column, observer = np.nonzero(acts.outside)
    event = np.concatenate([aimed[0], number[acts.act[column]]])
    entry = np.concatenate([aimed[1], observer * n + acts.actor[column]])
    order = np.argsort(event, kind="stable")
    with_learnt, sources = (event[order], entry[order]), (events, groups)
    return _Footprint(blamed, shown, aimed, acts, number, with_learnt, order, sources)


_stored = cached(
    LRUCache(64),
    key=lambda scenario, events, spread: (
        _ids(events),
        id(scenario.groups),
        scenario.codes,
        spread,
    ),
    lock=Lock(),
)(_worked_out)


def shares_of_intent(
    principals: list[int],
    guests: list[int],
    targets: list[int],
    kind: EventKind,
    likeness: Likeness | None,
    n: int,
) -> Reach:
    """Entries of a flat (n, n), each once, and the share that states take of an act's
    evidence on each principal's intent: targets all of it, states that have no part in
    the act what they learn from it."""
    places = _positions(t * n + p for t, p in pairs_aimed(principals, targets))
    shares = np.ones(len(places))
    if likeness is None or not targets or kind.intent <= 0:
        return places, shares
    acts = acts_among([(principals, guests, targets)], n)
    learnt = kind.spreads * learned(likeness, acts)
    actor, observer = np.nonzero(learnt)
    return (
        np.concatenate([places, observer * n + acts.actor[actor]]),
        np.concatenate([shares, learnt[actor, observer]]),
    )


def _positions(numbers: Iterable[int]) -> Ints:
    return np.array([*numbers], dtype=np.int64)


def _columns(numbers: Ints, bound: int) -> tuple[Ints, Ints]:
    """The distinct numbers, all below the bound, sorted; and of each number its place
    among them."""
    is_there = np.zeros(bound, dtype=bool)
    is_there[numbers] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[numbers]


def hazards_of(
    scenario: Scenario, audiences: Audiences, likeness: Likeness | None = None
) -> Hazards | None:
    """The scenario's provocations as arrays; None where there are none. States in the
    order of the arrays. likeness: how fear spreads, if it does."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    n, acts, entries, doses = len(roster), [], [], []
    provocations = [
        provocation
        for provocation in scenario.provocations
        if provocation.rate > 0 and provocation.state in roster
    ]
    for act, provocation in enumerate(provocations):
        if provocation.kind.startswith(OWN):
            raise refused(
                Mark(scenario.name, 1, 1),
                f"provocations.{provocation.id}.kind",
                "E311",
                f"`{provocation.kind}` is of your own: those are of events alone",
                "give a kind by its weights, without `own_`",
            )
        nats = signal_weights(scenario, provocation.kind)[1] * provocation.visibility
        attention = audiences.attention[provocation.kind]
        state = [roster[provocation.state]]
        targets = members(provocation.targets, scenario.groups, roster)
        kind = scenario.event_kinds[provocation.kind]
        places, shares = shares_of_intent(state, [], targets, kind, likeness, n)
        for entry, share in sorted(zip(places.tolist(), shares.tolist(), strict=True)):
            acts.append(act)
            entries.append(entry)
            doses.append(nats * (share * attention[audiences.of[entry // n]]))
    if not acts:
        return None
    target, actor = np.divmod(_positions(entries), n)
    distinct = np.unique(entries)
    column = np.full(n * n, len(distinct))
    column[distinct] = np.arange(len(distinct))
    ids = [clocks.label(provocation.id) for provocation in provocations]
    types = [scenario.event_kinds[provocation.kind] for provocation in provocations]
    return Hazards(
        keys=np.array(ids, dtype=np.uint64),
        rate=np.array([provocation.rate for provocation in provocations]),
        half_life_days=tuple(event_type.half_life_days for event_type in types),
        act=_positions(acts),
        target=target,
        state=actor,
        dose=np.array(doses),
        column=column,
    )


def provoke(world: World, state: BlockState, seed: int) -> None:
    """Draw the acts of all replications to the horizon, and mark the dyads whose
    beliefs they move."""
    hazards = world.hazards
    assert hazards is not None
    run, act = np.indices((len(state.runs), len(hazards.rate))).reshape(2, -1)
    stream_key = stream_keys(seed, state.runs, PROVOCATION)
    key = clocks.absorb(stream_key[:, None], hazards.keys).reshape(-1)
    mean_wait = DAYS_PER_YEAR / hazards.rate
    day, count, columns = np.zeros(len(run)), 0, []
    while len(run):
        wait = clocks.exponential(clocks.absorb(key, count))
        day = day + wait * mean_wait[act]
        on_time = np.flatnonzero(day < world.grid[-1])
        run, act, key, day = run[on_time], act[on_time], key[on_time], day[on_time]
        columns.append((run, act, day))
        count += 1
    runs, acts, days = zip(*columns, strict=True)
    state.provoked = Provoked(
        np.concatenate(runs), np.concatenate(acts), np.concatenate(days)
    )
    dyads = world.dyad_index[hazards.target, hazards.state]
    for drawn in range(len(hazards.rate)):
        with_act = np.unique(state.provoked.run[state.provoked.act == drawn])
        state.touched[with_act[:, None], dyads[hazards.act == drawn]] = True


def provoked_odds(world: World, state: BlockState, step: int) -> Floats:
    """(R, T' + 1) factor on the odds of hostile intent at each entry that acts move;
    the last column is 1."""
    hazards, provoked = world.hazards, state.provoked
    assert hazards is not None
    assert provoked is not None
    start, middle = world.grid[step], (world.grid[step] + world.grid[step + 1]) / 2
    columns = hazards.column[hazards.target * world.n + hazards.state]
    nats = np.zeros((len(state.runs), int(hazards.column.max()) + 1))
    for act, half_life in enumerate(hazards.half_life_days):
        rows = np.flatnonzero((provoked.act == act) & (provoked.day <= start))
        fading = decay(middle - provoked.day[rows], half_life)
        remaining = np.bincount(provoked.run[rows], fading, minlength=len(nats))
        entries = np.flatnonzero(hazards.act == act)
        nats[:, columns[entries]] += hazards.dose[entries] * remaining[:, None]
    return np.exp(bounded_evidence(nats, MOST_PROVOKED))
