"""Kinds of event of the user's own: whom an event moves, and how far, from a function
under `@bs.event_kind`.

    # acts.py
    import balance_sim as bs

    @bs.event_kind
    def embargo(event):
        "Targets see hostile intent; they are seen to part from those who impose it."
        for target in event.targets:
            for principal in event.principals:
                yield "intent", target, principal, 1.0
                yield "alignment", target, principal, -0.5

A scenario declares the kind as it does any other, with the weights of its evidence at
1.0, and has events of it:

    event_kinds: {own_embargo: {alignment: 0.4, intent: 1.0, half_life_days: 180}}
    events: [{id: oil, kind: own_embargo, ...}]

Visibility, attention and fading are the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from balance_sim.model.own.modules import Registry, place_of
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.diagnostics import (
    Mark,
    ScenarioError,
    did_you_mean,
    refused,
    shown,
)
from balance_sim.scenario.schema import Event, Scenario

MOST = 10.0  # times the kind's weight
EventFunction = Callable[["EventFields"], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True)
class EventFields:
    """What a kind of event of the user's own reads of an event: codes of states, with
    groups taken apart.

    Attributes
    ----------
    id, label, kind : str
        as in the scenario
    date : date
        as in the scenario
    principals, guests, targets : tuple of str
        codes of those among the scenario's states
    host : str or None
        code
    visibility : float
        0 to 1; the engine counts it, the function need not
    states : tuple of str
        codes of all states
    groups : mapping of tuples
        codes of the members of the scenario's groups, by name

    Examples
    --------
    A kind of event that only members of a group heed:

    >>> def seen_by_north(event):
    ...     for member in event.groups["North"]:
    ...         for principal in event.principals:
    ...             yield "intent", member, principal, 1.0
    """

    id: str
    label: str
    kind: str
    date: Any
    principals: tuple[str, ...]
    guests: tuple[str, ...]
    targets: tuple[str, ...]
    host: str | None
    visibility: float
    states: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]


Shifts = Mapping[str, Mapping[Any, float]]
"""Whom an event moves, by channel, times the weight of its kind: dyads that are seen
together, (who sees intent, of whom), and states whose reliability suffers."""

REGISTERED: Registry[None] = Registry("events")
CHANNELS = {"alignment": 4, "intent": 4, "reliability": 3}
"""What a row may be about, and how many items it then has."""


def event_kind(name: EventFunction | str | None = None, /) -> Any:
    """Register a kind of event of your own; the function stays as it is.

    Parameters
    ----------
    name : str, optional
        of the kind; the function's name if not given. In a scenario it is `own_<name>`

    Returns
    -------
    callable
        the decorated function. It takes an `EventFields` and gives rows: `("alignment",
        a, b, factor)`, the two are seen together; `("intent", who, of_whom, factor)`,
        who sees hostile intent of whom; `("reliability", state, factor)`, its word
        counts for less. factor: times the weight that `event_kinds` of the scenario
        gives, between -10 and 10; rows of the same states add up

    Raises
    ------
    ValueError
        for a name that is taken

    Examples
    --------
    >>> import balance_sim as bs
    >>> @bs.event_kind
    ... def snub(event):
    ...     return [("alignment", event.host, guest, -1.0) for guest in event.guests]
    """
    return REGISTERED.decorator(name, None)


def shifts_of(event: Event, scenario: Scenario) -> Shifts:
    """Return whom an event of a kind of the user's own moves. Hosts and members of
    groups that are no states of the scenario are left out.

    Raises ScenarioError for a kind that is not registered and, with the function's
    file and line, for wrong rows and for codes of no state."""
    name = event.kind.removeprefix(OWN)
    if name not in REGISTERED.entries:
        path = f"events.{event.id}.kind"
        raise not_registered(scenario.name, path, "kind of event", event.kind)
    function, _ = REGISTERED.entries[name]
    fields = event_fields(event, scenario)
    try:
        rows, again = list(function(fields)), list(function(fields))
    except (Exception, SystemExit) as error:
        why = f"ends in {type(error).__name__}: {error}"
        raise _refused(function, event, why, "repair the function") from error
    if again != rows:
        hint = "let them follow from `event` alone"
        raise _refused(function, event, "gives other rows when asked again", hint)
    shifts: dict[str, dict[Any, float]] = {channel: {} for channel in CHANNELS}
    known = {*fields.states, fields.host}.union(*fields.groups.values())
    for row in rows:
        channel, codes, factor = _read(function, event, row)
        for code in codes:
            if code not in known:
                why = f"gives {shown(repr(row), 80)}, and `{shown(code)}` is no state"
                hint = did_you_mean(code, fields.states) or "use codes of `states`"
                raise _refused(function, event, why, hint)
        if {*codes} <= {*fields.states}:
            key: Any = codes[0] if channel == "reliability" else codes
            key = tuple(sorted(codes)) if channel == "alignment" else key
            shifts[channel][key] = shifts[channel].get(key, 0.0) + factor
    return shifts


def event_fields(event: Event, scenario: Scenario) -> EventFields:
    """Return what a function of the user's own reads of an event."""
    codes, groups = scenario.codes, scenario.groups

    def members(actors: Iterable[str]) -> tuple[str, ...]:
        named = {code for actor in actors for code in groups.get(actor, (actor,))}
        return tuple(sorted(named & {*codes}))

    return EventFields(
        id=event.id,
        label=event.label,
        kind=event.kind,
        date=event.date,
        principals=members(event.principals),
        guests=members(event.guests),
        targets=members(event.targets),
        host=event.host,
        visibility=event.visibility,
        states=codes,
        groups=groups,
    )


def _read(
    function: EventFunction, event: Event, row: Any
) -> tuple[str, tuple[str, ...], float]:
    """Return channel, states and factor of a row. Raises ScenarioError."""
    try:
        channel, *codes, factor = row
        is_row = CHANNELS[channel] == len(row) and isfinite(float(factor))
    except (TypeError, ValueError, KeyError):
        is_row = False
    answer = f"gives {shown(repr(row), 80)}"
    if not is_row:
        hint = (
            'give ("alignment", a, b, factor), ("intent", who, of_whom, factor) or '
            '("reliability", state, factor)'
        )
        raise _refused(function, event, answer, hint)
    if abs(factor) > MOST:
        hint, allowed = "change the weight of the kind", f"-{MOST:g} to {MOST:g}"
        raise _refused(function, event, answer, hint, allowed)
    if len({*codes}) < len(codes):
        raise _refused(function, event, answer, "name two states")
    return channel, tuple(map(str, codes)), float(factor)


def _refused(
    function: EventFunction, event: Event, why: str, hint: str, allowed: str = ""
) -> ScenarioError:
    """Return the error of a function for an event, at the function's place."""
    path = f"event_kinds.{event.kind}"
    message = f"of event `{event.id}` the function {why}"
    return refused(place_of(function), path, "E310", message, hint, allowed)


def not_registered(file: str, path: str, rule: str, name: str) -> ScenarioError:
    """Return the error of a scenario that names a rule which no loaded module has."""
    why = f"no {rule} of your own is loaded under the name `{name.removeprefix(OWN)}`"
    hint = (
        "name the module that has it: --terms mine for mine.py, "
        "bs.run(..., terms='mine'); its code runs"
    )
    return refused(Mark(file, 1, 1), path, "E311", why, hint)
