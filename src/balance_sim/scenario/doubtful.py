"""What is possible and hardly meant: windows that no day of the world fills, one event
under two ids, a state that reassures and attacks another on one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from balance_sim.scenario.reading import Finding
from balance_sim.scenario.schema import Event, Scenario

FORCE = ("force", "annexation")
"""Kinds of event in which force is used."""


def windows(scenario: Scenario) -> Iterator[Finding]:
    """No window is longer than the world; a warning for one that goes beyond its
    end."""
    focal = [event for event in scenario.events if event.id == scenario.focal]
    days = (scenario.end - scenario.start).days
    left = (scenario.end - focal[0].date).days if focal else days
    for place, window in enumerate(scenario.report.windows):
        path = f"report.windows[{place}]"
        if window > days > 0:
            why = f"{window:,} days, and the world has {days:,}"
            hint = f"take at most the {left:,} from the focal event on, or set "
            hint += f"`end` to {_end(scenario, focal, window)}"
            yield Finding("E203", path, why, hint, f"1..{days}")
        elif window > left > 0:
            why = f"{window:,} days, and {left:,} are left from the focal event to "
            why += f"`end` {scenario.end}: the rest counts nothing"
            hint = f"take at most {left:,}, or set `end` to "
            hint += _end(scenario, focal, window)
            yield Finding("W305", path, why, hint)


def _end(scenario: Scenario, focal: list[Event], window: int) -> str:
    """The first `end` that a window fits in."""
    begins = focal[0].date if focal else scenario.start
    return str(begins + timedelta(days=window))


def same_event(scenario: Scenario) -> Iterator[Finding]:
    """A warning for an event that is there under two ids: it counts twice."""
    seen: dict[object, str] = {}
    for event in scenario.events:
        if event.accord is not None:  # the agreement speaks for it
            continue
        roles = (event.principals, event.guests, event.targets)
        codes = [_codes(scenario, names) for names in roles]
        content = (event.date, event.kind, event.sign, *codes)
        first = seen.setdefault(content, event.id)
        if first != event.id:
            why = f"it is `{first}` once more: same day, kind and states, counted twice"
            yield Finding("W306", event.path, why, "leave one of the two out")


def word_and_force(scenario: Scenario) -> Iterator[Finding]:
    """A warning for a state that reassures and attacks another on one day."""
    attacks: dict[object, str] = {}
    for event in scenario.events:
        if event.kind in FORCE:
            attacks |= dict.fromkeys(_aimed(scenario, event), event.id)
    for event in scenario.events:
        kind = scenario.event_kinds.get(event.kind)
        if kind is None or kind.intent >= 0:
            continue
        for act in sorted(_aimed(scenario, event)):
            if act in attacks:
                _, actor, target = act
                why = f"`{actor}` reassures `{target}` on the day on which it attacks "
                why += f"it, `{attacks[act]}`: the two are summed"
                hint = "leave one of the two out, or date them a day apart"
                yield Finding("W307", event.path, why, hint)


def _aimed(scenario: Scenario, event: Event) -> set[tuple[str, str, str]]:
    """Day, actor and target of all that an event is made of."""
    actors = _codes(scenario, event.principals)
    targets = _codes(scenario, event.targets)
    day = str(event.date)
    return {(day, a, t) for a in actors for t in targets if a != t}


def _codes(scenario: Scenario, names: tuple[str, ...]) -> frozenset[str]:
    """Codes of actors, groups expanded."""
    groups = scenario.groups
    return frozenset(code for name in names for code in groups.get(name, (name,)))
