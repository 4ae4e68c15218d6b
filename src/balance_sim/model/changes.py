"""A world that changes: dated changes of facts become versions of the scenario, each
from its day on, and agreements that are signed whatever their sides would decide.

A war or a break of relations is a spell of `no_relations`, so that the rate of talks
follows the day, and a quarrel of the versions in which it holds. All that does not
differ between versions is the same to the last bit, and nothing before the first change
differs at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from balance_sim.model import clocks
from balance_sim.model.beliefs import members
from balance_sim.model.core import Floats, Ints, Signings
from balance_sim.scenario.schema import (
    Change,
    Dispute,
    Event,
    GivenAgreement,
    NoRelations,
    Scenario,
    sorted_rows,
)

FACTS = ("democracy", "ideal_point", "reliability")
"""Facts of a state that a version of the scenario holds."""


def spells_changed(scenario: Scenario) -> tuple[NoRelations, ...]:
    """Return the spells without relations that a scenario's changes begin, and those of
    war on record that a peace ends, as they are then."""
    spells = []
    for change in scenario.changes:
        kind = "war" if change.war else change.no_relations
        if change.sides is not None and kind is not None:
            a, b = change.sides
            fields = {"a": a, "b": b, "kind": kind, "from": change.date}
            spell = NoRelations.model_validate({**fields, "until": change.until})
            spells.append(_until_peace(scenario, spell))
    for spell in scenario.no_relations:
        until_peace = _until_peace(scenario, spell)
        if until_peace is not spell:
            spells.append(until_peace)
    return tuple(spells)


def with_spells(scenario: Scenario, spells: tuple[NoRelations, ...]) -> Scenario:
    """Return the scenario with the spells of `spells_changed`."""
    if not spells:
        return scenario
    unchanged = [
        spell
        for spell in scenario.no_relations
        if _until_peace(scenario, spell) is spell
    ]
    return scenario.model_copy(update={"no_relations": (*unchanged, *spells)})


def _until_peace(scenario: Scenario, spell: NoRelations) -> NoRelations:
    """Return a spell of war, over by the first peace within it; any other as it is."""
    since, until = spell.since or date.min, spell.until or date.max
    ends = [
        change.date
        for change in scenario.changes
        if change.war is False
        and change.sides == (spell.a, spell.b)
        and since < change.date < until
    ]
    if spell.kind != "war" or not ends:
        return spell
    return spell.model_copy(update={"until": min(ends)})


AT_WAR = 0.5
"""Intensity of a dispute's war from which its two states count as being at war."""
FORCE = ("force", "annexation")
"""Kinds of event in which force is used; a war begins with an act of the first."""


def with_force(scenario: Scenario) -> Scenario:
    """Return the scenario with the acts of force with which its wars begin: one of each
    side at the other, as visible as the events of that day leave it.

    Both sides of a war use force (Gibler, Miller, Little 2016). Who writes that force
    as an event too has one act, and not two."""
    if FORCE[0] not in scenario.event_kinds:
        return scenario
    acts = []
    for change in scenario.changes:
        if change.war and change.sides is not None and _is_peace(scenario, change):
            a, b = change.sides
            acts.append(_act_of_force(scenario, change.date, a, b))
            acts.append(_act_of_force(scenario, change.date, b, a))
    acts = [act for act in acts if act.visibility > 0]
    if not acts:
        return scenario
    events = sorted_rows((*scenario.events, *acts))
    return scenario.model_copy(update={"events": events})


def _is_peace(scenario: Scenario, war: Change) -> bool:
    """Whether the two were not at war on the eve of a war."""
    eve = version_on(scenario, war.date - timedelta(days=1))
    rows = {(row.a, row.b): row.war for row in eve.disputes}
    return war.sides is not None and rows.get(war.sides, 0.0) < AT_WAR


def _act_of_force(scenario: Scenario, day: date, actor: str, target: str) -> Event:
    """Return the act of force at a target with which a war begins: what no event of
    that day shows of it."""
    seen = 0.0
    for event in scenario.events:
        is_force = event.date == day and event.kind in FORCE and event.accord is None
        if is_force and _acts(scenario, event, actor, target):
            seen = max(seen, event.visibility)
    return Event(
        id=f"war-{day}-{actor}-{target}",
        date=day,
        kind=FORCE[0],
        visibility=1.0 - seen,
        principals=(actor,),
        targets=(target,),
    )


def _acts(scenario: Scenario, event: Event, actor: str, target: str) -> bool:
    """Whether an event is an act of one state at another."""
    roster = {actor: 0, target: 1}
    actors = members(event.principals, scenario.groups, roster)
    return 0 in actors and 1 in members(event.targets, scenario.groups, roster)


def turning_days(scenario: Scenario) -> list[date]:
    """Return the days on which facts of states or dyads change, sorted."""
    days = set()
    for change in scenario.changes:
        if change.sides is not None or change.state is not None:
            days |= {change.date, change.until or change.date}
    return sorted(day for day in days if day < scenario.end)


def version_on(scenario: Scenario, day: date) -> Scenario:
    """Return the scenario with the facts of a day, and without changes."""
    states = {state.id: state for state in scenario.states}
    wars: dict[tuple[str, str], bool] = {}
    for change in scenario.changes:
        if change.date > day:
            continue
        if change.state is not None:
            facts = {name: getattr(change, name) for name in FACTS}
            stated = {name: value for name, value in facts.items() if value is not None}
            states[change.state] = states[change.state].model_copy(update=stated)
        if change.sides is not None and change.war is not None:
            is_over = change.until is not None and change.until <= day
            wars[change.sides] = change.war and not is_over
    disputes = {(row.a, row.b): row for row in scenario.disputes}
    for (a, b), is_war in wars.items():
        row = disputes.get((a, b), Dispute(a=a, b=b))
        disputes[a, b] = row.model_copy(update={"war": float(is_war)})
    update: dict[str, Any] = {
        "states": tuple(states.values()),
        "disputes": tuple(disputes[sides] for sides in sorted(disputes)),
        "changes": (),
    }
    return scenario.model_copy(update=update)


def efforts_on(scenario: Scenario, day: date) -> Floats:
    """Return (n,) rise of capability that each state has decided on by a day."""
    efforts = dict.fromkeys(scenario.codes, 0.0)
    for change in scenario.changes:
        if change.date <= day and change.state and change.effort is not None:
            efforts[change.state] = change.effort
    return np.array(list(efforts.values()))


def ends_of(scenario: Scenario) -> dict[str, float]:
    """Return the day, from the start, on which agreements of the record end by a
    change, by id."""
    return {
        change.agreement: float((change.date - scenario.start).days)
        for change in scenario.changes
        if isinstance(change.agreement, str)
    }


def signings(scenario: Scenario, dyad_index: Ints) -> Signings:
    """Return the agreements that changes sign. dyad_index: (n, n) in the order of
    `scenario.codes`."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    kinds = sorted(scenario.kinds)
    rows = list(_signed(scenario))
    places = [dyad_index[roster[a], roster[b]] for _, a, b, *_ in rows]
    counts = _counted([(a, b, kind) for _, a, b, kind, *_ in rows])
    in_force = [np.nan if day is None else _day(scenario, day) for *_, day, _ in rows]
    return Signings(
        keys=np.array([clocks.label(f"change-{n}") for n in counts], dtype=np.uint64),
        dyad=np.array(places, dtype=np.int64),
        kind=np.array([kinds.index(kind) for *_, kind, _, _ in rows], dtype=np.int64),
        signed=np.array([_day(scenario, day) for day, *_ in rows]),
        in_force=np.array(in_force),
        count=np.array(counts, dtype=np.int64),
        bilateral=np.array([is_bilateral for *_, is_bilateral in rows], dtype=bool),
    )


def _counted(names: Sequence[Hashable]) -> list[int]:
    """Return how many of its name come before each: what an agreement is told by, and
    never by its day."""
    seen, counts = Counter[Hashable](), []
    for name in names:
        counts.append(seen[name])
        seen[name] += 1
    return counts


def _day(scenario: Scenario, day: date) -> float:
    return float((day - scenario.start).days)


def _signed(
    scenario: Scenario,
) -> Iterator[tuple[date, str, str, str, date | None, bool]]:
    """Yield day, sides, kind and entry into force of agreements that changes sign, and
    whether they are of the two alone."""
    for change in scenario.changes:
        signing = change.agreement
        if isinstance(signing, GivenAgreement):
            yield (
                change.date,
                signing.a,
                signing.b,
                signing.kind,
                signing.in_force,
                True,
            )
        elif change.joins is not None:
            for a, b in dyads_of(scenario, change):
                yield change.date, a, b, change.kind, change.date, False


def dyads_of(scenario: Scenario, change: Change) -> list[tuple[str, str]]:
    """Return the dyads that a change is about; none for facts of a state."""
    if change.sides is not None:
        return [change.sides]
    agreement = change.agreement
    if isinstance(agreement, str):
        rows = [row for row in scenario.agreements if row.id == agreement]
        return [(row.a, row.b) for row in rows]
    if agreement is not None:
        return [(agreement.a, agreement.b)]
    pact, joins = scenario.pacts.get(change.pact or ""), change.joins or ""
    group = change.pact if pact is None else pact.group
    members = scenario.groups[group] if group is not None else ()
    return [(min(code, joins), max(code, joins)) for code in members]
