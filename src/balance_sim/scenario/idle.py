"""Values that are given and change nothing, each by its name: warnings, since data may
hold them, and other values may give them a weight."""

from __future__ import annotations

from collections.abc import Iterator

from balance_sim.scenario.conditions import observables_in, parsed
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.diagnostics import listed
from balance_sim.scenario.players import LISTS_OF_ACT, ROLES_OF_PLAYER, Player
from balance_sim.scenario.reading import Finding
from balance_sim.scenario.schema import Event, Scenario

IDLE = "W330"
OFFENCE = "parameters.nuclear_offence"


def idle_weapons(scenario: Scenario) -> Iterator[Finding]:
    """Nuclear weapons that threaten nobody the more, and those that come later."""
    start = scenario.start
    armed = {state.id: state.nuclear_since for state in scenario.states}
    later = [code for code, day in armed.items() if day is not None and day > start]
    if later:
        why = f"of {listed(later)} it is after `start` {start}, and changes nothing"
        yield Finding(IDLE, f"states.{later[0]}.nuclear_since", why)
    before = [code for code, day in armed.items() if day is not None and day <= start]
    moved_in = [name for name, arm in scenario.arms.items() if OFFENCE in arm.set]
    if before and scenario.parameters.nuclear_offence == 1 and not moved_in:
        why = f"of {listed(before)} it changes nothing where `{OFFENCE}` is 1"
        hint = f"give `{OFFENCE}`, or draw it by --draws"
        yield Finding(IDLE, f"states.{before[0]}.nuclear_since", why, hint)


def idle_parts(scenario: Scenario) -> Iterator[Finding]:
    """Targets and guests of events to whom their kind says nothing, and events after
    the start that say nothing to anybody: a record of what came before is coded whole.
    Of the focal event `world_at_start` tells."""
    speechless = []
    for event in scenario.events:
        if event.accord is not None or event.kind.startswith(OWN):
            continue
        kind = scenario.event_kinds[event.kind]
        if not _says_something(scenario, event):
            is_of_run = event.date >= scenario.start and event.id != scenario.focal
            speechless += [event.id] if is_of_run else []
            continue
        if event.targets and kind.reliability:
            why = (
                f"they see intent alone ({kind.intent:g} nats): what `{event.kind}` "
                "takes off reliability is the same for all partners, whoever is named"
            )
            yield Finding(IDLE, f"{event.path}.targets", why)
        is_seen = kind.alignment and event.sign
        if (
            event.guests
            and not (is_seen or kind.spreads)
            and event.id != scenario.focal
        ):
            why = "they change nothing: the event shows nobody together"
            hint = f"see `sign`, and `event_kinds.{event.kind}.alignment`"
            yield Finding(IDLE, f"{event.path}.guests", why, hint)
    if speechless:
        why = (
            f"{listed(speechless, 6)}: changes nothing, since it shows no two states "
            "of the scenario together, is aimed at none, and takes off no reliability"
        )
        hint = "add `targets`, or leave it out; an agreement is signed by `changes`"
        yield Finding(IDLE, f"events.{speechless[0]}", why, hint)


def _says_something(scenario: Scenario, event: Event) -> bool:
    """Whether an event is evidence on alignment, on intent or on reliability."""
    kind, codes = scenario.event_kinds[event.kind], {*scenario.codes}
    acting, targets = codes & {*event.principals}, codes & {*event.targets}
    taking_part = acting | codes & {*event.guests}
    is_aimed = bool(kind.intent and acting and targets - acting)
    is_shown = bool(kind.alignment and event.sign and acting - targets)
    is_shown &= len(taking_part - targets) > 1
    lowers = bool(kind.reliability and acting)
    return event.visibility > 0 and (is_aimed or is_shown or lowers)


def idle_hazards(scenario: Scenario) -> Iterator[Finding]:
    """Provocations that say nothing of intent, which is all that they say."""
    for provocation in scenario.provocations:
        if scenario.event_kinds[provocation.kind].intent == 0:
            why = f"its acts change nothing: the `intent` of `{provocation.kind}` is 0"
            yield Finding(IDLE, f"{provocation.path}.kind", why, "take another kind")


def idle_roles(scenario: Scenario) -> Iterator[Finding]:
    """Adversaries and partners of players of whom no policy speaks, here or in an
    arm."""
    paths = [path for arm in scenario.arms.values() for path in arm.set]
    if any(path.startswith("players") for path in paths):
        return
    for name, player in scenario.players.items():
        words = _words_of(player)
        for role in ROLES_OF_PLAYER:
            if getattr(player, role) and role not in words:
                why = "no policy speaks of them, so they change nothing"
                hint = f"write `{role}` in a policy, or leave the list out"
                yield Finding(IDLE, f"players.{name}.{role}", why, hint)


def _words_of(player: Player) -> set[str]:
    """Names of which a player's policies speak."""
    words: set[str] = set()
    for policy in player.policies.values():
        words |= {part.who for part in observables_in(parsed(policy.when))}
        words |= {word for key in LISTS_OF_ACT for word in getattr(policy.do, key)}
    return words
