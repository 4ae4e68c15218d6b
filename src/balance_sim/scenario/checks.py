"""What must hold between the pieces of a scenario: time, events, states, agreements,
changes. What must hold of a piece alone stands in `schema`.

A rule takes a scenario and yields what it finds wrong. `RULES` names the parts that
each reads, so that it is left out where one could not be read, and is asked again only
where one was changed.

A new rule is a generator of findings, a line in `RULES`, and a row of
`tests/scenario/test_bad_input.py`. Codes are for programs and stay; sentences may
change.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from balance_sim import registry
from balance_sim.scenario.actors import code_table, known, successor
from balance_sim.scenario.conditions import observables_in, parsed
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.diagnostics import listed, unknown
from balance_sim.scenario.doubtful import same_event, windows, word_and_force
from balance_sim.scenario.idle import (
    idle_hazards,
    idle_parts,
    idle_roles,
    idle_weapons,
)
from balance_sim.scenario.players import (
    LISTS_OF_ACT,
    ROLES_OF_PLAYER,
    Deed,
    Player,
    Policy,
)
from balance_sim.scenario.reading import Finding
from balance_sim.scenario.schema import (
    FACTS_OF_STATE,
    MEASURES,
    STAGES,
    NoRelations,
    Scenario,
    Trade,
)

MOST_STEPS = 20_000
MOST_DAYS = 30_000
"""A thousand of the shortest half-lives of states' agreements: 2^1024 is no number."""
PLANNED = ("scheduled_signed", "scheduled_in_force")
FACTS = ("war", "agreement", "joins", *FACTS_OF_STATE)
"""Of a change, beside relations that are broken off, of which there are three kinds."""
CURES = {
    "ideal_point": "without any, no two states differ in alignment: take them from "
    "votes in the United Nations",
    "democracy": "without any, no two regimes differ: take V-Dem's polyarchy",
    "latitude": "without places and `distances`, all states are equally near: give "
    "those of the capitals",
}
"""Of what is missing for all states."""
POOREST, RICHEST = 3e-5, 1.0
"""Of a head's share of GDP, in millions of US dollars: no country has been outside, in
money of any year since 1900; a slip of a thousand mostly is."""
ODD_RATIO = 100.0
"""Of GDP a head to the median of the roster: more is a slip of a thousand."""
Findings = Iterator[Finding]


class Rule(NamedTuple):
    """A rule, the parts of a scenario that it reads, whether it holds of each arm too,
    and the part whose rows it checks one by one, so that one that is refused hides no
    other."""

    check: Callable[[Scenario], Findings]
    reads: frozenset[str]
    of_arms: bool = True
    rows_of: str = ""


def _missing(
    path: str, names: Iterable[str], options: Collection[str], code: str = "E309"
) -> Findings:
    """A finding for each name that is none of the options, with the nearest that is.

    Parameters
    ----------
    path : where the names stand
    names : that are referred to
    options : that there are
    code : of the finding
    """
    for name in names:
        if name not in options:
            yield Finding(code, path, *unknown("name", name, options))


# --- time, the focal event and the report ---------------------------------------------


def _span(scenario: Scenario) -> Findings:
    """The end lies after the start, in so many days and steps.

    Days bound what a half-life raises 2 to, and steps the arrays of a replication."""
    days = (scenario.end - scenario.start).days
    steps = math.ceil(days / scenario.step_days)
    if days <= 0:
        why = f"it is not after `start` {scenario.start}"
        yield Finding("E210", "end", why, "write the day after the last")
    elif days > MOST_DAYS:
        yield Finding("E203", "end", f"{days:,} days, more than {MOST_DAYS:,}")
    elif steps > MOST_STEPS:
        why = f"{steps:,} steps from start to end exceed {MOST_STEPS:,}"
        yield Finding("E203", "step_days", why, "take a larger step")


def _base_rate(scenario: Scenario) -> Findings:
    """A stated level is at most one agreement a year and dyad.

    The level is met by scaling all rates alike; more than that no scale may reach."""
    n, rate = len(scenario.states), scenario.base_rate
    dyad_count = n * (n - 1) // 2
    if rate is not None and rate > dyad_count:
        why = f"{rate:g} agreements a year among {n} states"
        yield Finding("E203", "base_rate", why, "give fewer", f"up to {dyad_count}")


def _focal(scenario: Scenario) -> Findings:
    """The focal event is there, and not before the start: windows count from it. An arm
    may drop it."""
    events = {event.id: event for event in scenario.events}
    yield from _missing("focal", [scenario.focal], events)
    event = events.get(scenario.focal)
    if event is not None and event.date < scenario.start:
        why = f"the focal event is before `start` {scenario.start}"
        yield Finding("E203", f"{event.path}.date", why, "windows count from it")


def _references(scenario: Scenario) -> Findings:
    """What is named is there: plug-ins, groups and states of the report, agreements of
    events. Codes of actors in rows are read with the roster (`actors.Names`)."""
    report, plugins = scenario.report, registry.places("summary")
    yield from _missing("plugins", scenario.plugins, plugins)
    yield from _missing("report.groups", report.groups, scenario.groups, "E107")
    for dyad in report.positions:
        if len({*dyad.split("-")} & {*scenario.codes}) != 2:
            why = f"`{dyad}` does not name two states of the roster"
            yield Finding("E107", "report.positions", why, "as RUS-UKR")
    agreements = {agreement.id for agreement in scenario.accords}
    for event in scenario.events:
        if event.accord is not None:
            yield from _missing(f"{event.path}.accord", [event.accord], agreements)


def _event_dates(scenario: Scenario) -> Findings:
    """Events lie before the end: a later one acts on nothing that is simulated."""
    last = scenario.end - timedelta(days=1)
    for event in scenario.events:
        if event.date > last >= scenario.start:
            why = f"{event.date} is outside ..{last}: events lie before `end`"
            yield Finding("E203", f"{event.path}.date", why, "", f"..{last}")


def _kept(scenario: Scenario) -> Findings:
    """What is kept is a reassurance: an event of a kind that lowers hostile intent. A
    design may take that of the shipped kind to 0."""
    for event in scenario.events:
        intent = scenario.event_kinds[event.kind].intent
        is_word = intent < 0 and not event.kind.startswith(OWN)
        is_word |= intent == 0 and event.kind == "reassurance"
        if event.kept and not is_word:
            why = f"`{event.kind}` is no reassurance: its `intent` is not below 0"
            yield Finding("E212", f"{event.path}.kept", why, "leave `kept` out")


# --- states ---------------------------------------------------------------------------


def _years(scenario: Scenario) -> Findings:
    """States exist in the year of the start, those outside the roster too."""
    for code in (*scenario.codes, *scenario.outside):
        why = known(code, scenario.start.year) if code in code_table() else None
        if why is not None:
            path = "outside" if code in scenario.outside else f"states.{code}.id"
            yield Finding("E304", path, why, successor(code))


def _shares(scenario: Scenario) -> Findings:
    """`capability` is given for all states or for none, and some state has some.

    Shares of one measure are of all states together, so it cannot stand beside the
    composite of others."""
    states = scenario.states
    lacking = [state.id for state in states if state.capability is None]
    complete = [state for state in states if state.capability is not None]
    names = [*MEASURES] if lacking else ["capability"]
    if lacking and complete:
        why = f"given for {complete[0].id} and not for {listed(lacking, 5)}"
        yield Finding("E217", f"{complete[0].path}.capability", why, "all or none")
    elif states and not any(getattr(row, name) for row in states for name in names):
        yield Finding("E213", "states", "capabilities sum to 0", "raise one")


def _gaps(scenario: Scenario) -> Findings:
    """A warning for ideal points, regimes, places and measures that are missing.

    What is missing is no error: the terms that read it leave it out (docs/model.md). A
    measure counts here where it has a weight in the composite."""
    states, weights = scenario.states, scenario.capability
    names = ["ideal_point", "democracy", "latitude"]
    if any(state.capability is None for state in states):
        names += [name for name in MEASURES if getattr(weights, MEASURES[name]) > 0]
    for name in names:
        missing = [state.id for state in states if getattr(state, name) is None]
        is_total = len(missing) == len(states)
        whom = "all states" if is_total else listed(missing)
        if missing:
            why = f"`{name}` is missing for {whom}"
            yield Finding("W303", "states", why, is_total * CURES.get(name, ""))


def _money(scenario: Scenario) -> Findings:
    """A warning for a GDP that is out of line by a thousand, as of millions for
    billions.

    By head it is compared with what there has been, and with the median of the
    roster; it is less than what is spent on the military of none."""
    hint = "`gdp_bn` and `milex_bn` are billions of US dollars, `population_m` millions"
    heads = {
        state: state.gdp_bn / state.population_m / 1e3
        for state in scenario.states
        if state.gdp_bn and state.population_m
    }
    usual = statistics.median(heads.values()) if heads else 1.0
    odd = [
        state
        for state, head in heads.items()
        if not (1 / ODD_RATIO < head / usual < ODD_RATIO and POOREST < head < RICHEST)
    ]
    if odd:
        head, others = heads[odd[0]] * 1e6, listed(state.id for state in odd[1:])
        why = f"{head:,.0f} dollars a head, {usual * 1e6:,.0f} in the median"
        why += f"; out of line too: {others}" if others else ""
        yield Finding("W304", f"{odd[0].path}.gdp_bn", why, hint)
    for state in scenario.states:
        if state.gdp_bn and state.milex_bn and state.milex_bn > state.gdp_bn:
            why = f"{state.milex_bn:,g} is more than all of `gdp_bn`, {state.gdp_bn:,g}"
            yield Finding("W304", f"{state.path}.milex_bn", why, hint)


# --- sums -----------------------------------------------------------------------------


def _codings(scenario: Scenario) -> Findings:
    """Weights of alternatives to the focal event's targets make less than 1.

    They are probabilities of codings; the event's own has what is left."""
    codings = scenario.targets_alternatives
    total = sum(coding.weight for coding in codings)
    if total >= 1.0:
        why = f"all weights sum to {total:g}; they must leave some for the event's own"
        yield Finding("E203", f"{codings[0].path}.weight", why, "lower them")


def _trade(scenario: Scenario) -> Findings:
    """A state's shares of trade make 1 at most; what is not given is with others."""
    rows_of: defaultdict[str, list[Trade]] = defaultdict(list)
    for row in scenario.trade:
        rows_of[row.state].append(row)
    for state, rows in rows_of.items():
        total = math.fsum(row.share for row in rows)
        if total > 1.0 + 1e-9:
            why = f"the shares of `{state}` sum to {total:.6g}, more than 1"
            yield Finding("E213", f"{rows[-1].path}.share", why)


# --- dyads and agreements -------------------------------------------------------------


def _spells(scenario: Scenario) -> Findings:
    """Spells end after they begin, and those of one dyad and kind follow each other.

    A blank date is open to its side: only the first may lack `from`, and only the last
    `until`."""
    spells_of: defaultdict[str, list[NoRelations]] = defaultdict(list)
    for spell in scenario.no_relations:
        spells_of[spell.key].append(spell)
        if spell.since and spell.until and spell.until <= spell.since:
            why = f"it is not after `from` {spell.since}"
            yield Finding("E215", f"{spell.path}.until", why, "leave it blank")
    for spells in spells_of.values():
        spells.sort(key=lambda spell: spell.since or date.min)
        for earlier, later in pairwise(spells):
            if not (earlier.until and later.since and later.since >= earlier.until):
                why = f"the spell overlaps that from {earlier.since}"
                yield Finding("E308", later.path, why, "join the two")


def _stages(scenario: Scenario) -> Findings:
    """What is on record of an agreement lies before the start, what is scheduled does
    not."""
    start = scenario.start
    for agreement in scenario.accords:
        for name in (*STAGES, *PLANNED):
            day, is_planned = getattr(agreement, name), name in PLANNED
            if day is None or day == start or (day > start) == is_planned:
                continue
            why = f"{day} is {'before' if is_planned else 'after'} `start` {start}"
            hint = f"a date fixed beforehand is one of {listed(PLANNED)}"
            yield Finding("E215", f"{agreement.path}.{name}", why, hint)


# --- changes --------------------------------------------------------------------------


def _changes(scenario: Scenario) -> Findings:
    """Changes lie after the start and before the end, of what is there, and no two are
    of one fact at one moment."""
    first, last = scenario.start + timedelta(days=1), scenario.end - timedelta(days=1)
    record = {agreement.id: agreement for agreement in scenario.accords}
    facts: set[tuple[str | None, ...]] = set()
    at_war: dict[tuple[str, str], date] = {}
    for change in scenario.changes:
        if not first <= change.date <= last:
            why = f"{change.date} is outside {first}..{last}"
            hint = f"move it before {scenario.end}, or set `end` later"
            if change.date < first:
                hint = "what is so at the start stands in its own section"
            yield Finding("E203", change.path, why, hint)
        names = [name for name in FACTS if getattr(change, name) is not None]
        for name in filter(None, (*names, change.no_relations)):
            if (change.key, change.pact, name) in facts:
                yield Finding("E308", change.path, f"`{name}` is changed twice")
            facts.add((change.key, change.pact, name))
        if change.sides is not None and change.war is not None:
            until = at_war.get(change.sides, change.date)
            if change.war and change.date < until:
                yield Finding("E308", change.path, "the two are at war already")
            over = (change.until or scenario.end) if change.war else change.date
            at_war[change.sides] = over
        if isinstance(change.agreement, str):
            yield from _missing(change.path, [change.agreement], record)
            agreement = record.get(change.agreement)
            if agreement is not None and agreement.status != "in_force":
                yield Finding("E212", change.path, "it is not in force at the start")


def _joins(scenario: Scenario) -> Findings:
    """Who joins a pact, or the members of a group, is none of them, and signs what they
    have."""
    known_pacts = [*scenario.groups, *scenario.pacts]
    for change in scenario.changes:
        name, pact = change.pact, scenario.pacts.get(change.pact or "")
        if name is None:
            continue
        yield from _missing(change.path, [name], known_pacts, "E107")
        group = name if pact is None else pact.group
        if change.joins in scenario.groups.get(group, ()):
            why = f"`{change.joins}` is a member of `{name}` already"
            yield Finding("E306", change.path, why, "name another state")
        if pact is not None and pact.kind != change.kind:
            why, hint = f"`{name}` binds its members by a `{pact.kind}`", "to this row"
            yield Finding("E212", change.path, why, f"add `kind: {pact.kind}` {hint}")


def _pacts(scenario: Scenario) -> Findings:
    """A pact has two members or more and somebody outside who may seek it, and no
    member is a candidate."""
    for name, pact in scenario.pacts.items():
        path = f"pacts.{name}"
        if pact.group not in scenario.groups:
            yield from _missing(f"{path}.group", [pact.group], scenario.groups, "E107")
            continue
        members = scenario.groups[pact.group]
        inside = [code for code in pact.candidates if code in members]
        if len(members) < 2:
            why = f"`{pact.group}` has {len(members)} members among the states"
            hint = f"add states to `groups.{pact.group}`"
            yield Finding("E212", f"{path}.group", why, hint, "2 or more")
        elif inside:
            why = f"{listed(inside)} is a member of `{pact.group}` already"
            yield Finding("E306", f"{path}.candidates", why, "name states outside it")
        elif len(members) == len(scenario.states):
            why = f"every state is a member of `{pact.group}`: nobody is left"
            yield Finding("E212", f"{path}.group", why, "name a smaller group")


# --- players --------------------------------------------------------------------------


def _players(scenario: Scenario) -> Findings:
    """What policies do is possible: somebody is named, none of them the player itself;
    an act is of a kind that one state can commit, and no dearer than the budget."""
    for name, player in scenario.players.items():
        for policy_id, policy in player.policies.items():
            path = f"players.{name}.policies.{policy_id}"
            yield from _of_roles(player, policy, f"players.{name}")
            yield from _whom(scenario, player, policy, path)
            yield from _kind_of_act(scenario, policy.do, path)
            if player.budget is not None and policy.cost > player.budget:
                why = f"it costs {policy.cost:g}, more than `budget` {player.budget:g}"
                hint = f"raise players.{name}.budget, or leave it out"
                yield Finding(
                    "E203", f"{path}.cost", why, hint, f"0..{player.budget:g}"
                )


def _of_roles(player: Player, policy: Policy, path: str) -> Findings:
    """Roles that a policy speaks of are given."""
    words = {observable.who for observable in observables_in(parsed(policy.when))}
    words |= {word for key in LISTS_OF_ACT for word in getattr(policy.do, key)}
    for role in ROLES_OF_PLAYER:
        if role in words and not getattr(player, role):
            why = f"`{role}` is required: a policy speaks of them"
            yield Finding("E103", f"{path}.{role}", why, f"add `{role}: [...]`")


def _whom(scenario: Scenario, player: Player, policy: Policy, path: str) -> Findings:
    """States that a policy sees or acts on: there are some, and a player that is named
    itself is not one of them."""
    roles = {role: getattr(player, role) for role in ROLES_OF_PLAYER}
    known_names = {**scenario.groups, **roles}
    given_roles = {role for role, codes in roles.items() if codes}
    whom = [part.who for part in observables_in(parsed(policy.when)) if part.who]
    lists: list[tuple[str, tuple[str, ...]]] = [("when", (name,)) for name in whom]
    lists += [(f"do.{key}", getattr(policy.do, key)) for key in LISTS_OF_ACT]
    for key, names in lists:
        if {*names} & {*ROLES_OF_PLAYER} - given_roles:  # said already
            continue
        codes = {code for name in names for code in known_names.get(name, (name,))}
        if player.state in names:
            why = f"`{player.state}` is the player's own state"
            yield Finding("E306", f"{path}.{key}", why, "name others")
        elif names and not {*scenario.codes} & codes - {player.state}:
            why = f"{listed(names)} names no other state of the scenario"
            yield Finding("E212", f"{path}.{key}", why, "name a state")


def _kind_of_act(scenario: Scenario, deed: Deed, path: str) -> Findings:
    """An event that a policy may make: one of our kinds, that costs no reliability,
    since reliability is one number for all replications, and with others where it takes
    two."""
    if deed.kind is None:
        return
    kind = scenario.event_kinds[deed.kind]
    if deed.kind.startswith(OWN):
        why = f"`{deed.kind}` is of your own: those are of dated events alone"
        yield Finding("E311", f"{path}.do.kind", why, "take another kind")
    elif kind.reliability:
        why = f"`{deed.kind}` lowers reliability, which is the same in all replications"
        yield Finding("E212", f"{path}.do.kind", why, "make it a dated event")
    elif not (deed.targets or deed.guests):
        why = f"`{deed.kind}` is aimed at nobody and shows nobody together"
        yield Finding("E212", f"{path}.do.kind", why, "add `targets` or `guests`")
    elif deed.guests and kind.alignment == 0:
        why = f"`{deed.kind}` shows nobody together: its `alignment` is 0"
        hint = f"leave `guests` out, or give `event_kinds.{deed.kind}.alignment`"
        yield Finding("E212", f"{path}.do.guests", why, hint)
    elif deed.targets and kind.intent == 0:
        why = f"`{deed.kind}` is aimed at nobody: its `intent` is 0"
        hint = f"leave `targets` out, or give `event_kinds.{deed.kind}.intent`"
        yield Finding("E212", f"{path}.do.targets", why, hint)


# --- all of them ---------------------------------------------------------------------

_NOT_OF_ARMS = (_focal, windows, _gaps, _money, _codings, idle_weapons, idle_roles)
_ROWS_OF = {_changes: "changes", _joins: "changes", _pacts: "pacts"}
RULES = tuple(
    Rule(
        check,
        frozenset(parts.split()),
        check not in _NOT_OF_ARMS,
        _ROWS_OF.get(check, ""),
    )
    for check, parts in (
        (_span, "start end step_days"),
        (_base_rate, "base_rate states"),
        (_focal, "focal events start"),
        (_references, "plugins report groups events accords"),
        (_event_dates, "events start end"),
        (_kept, "events event_kinds"),
        (windows, "report start end focal events"),
        (same_event, "events groups"),
        (word_and_force, "events groups event_kinds"),
        (_years, "start"),
        (_shares, "states"),
        (_gaps, "states capability"),
        (_money, "states"),
        (_codings, "targets_alternatives"),
        (_trade, "trade"),
        (_spells, "no_relations"),
        (_stages, "accords start"),
        (_changes, "changes start end accords"),
        (_joins, "changes groups pacts"),
        (_pacts, "pacts groups"),
        (_players, "players groups states event_kinds"),
        (idle_weapons, "states start arms parameters"),
        (idle_parts, "events event_kinds start focal states"),
        (idle_hazards, "provocations event_kinds"),
        (idle_roles, "players arms"),
    )
)


def findings_in(scenario: Scenario, rules: Iterable[Rule] = RULES) -> Findings:
    """Everything that is wrong by these rules."""
    for rule in rules:
        yield from rule.check(scenario)
