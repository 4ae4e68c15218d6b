"""What a player does itself: the events that some of its strategies have and others
have not, the beliefs that these move by themselves, and what they cost.

A payoff that reads the very belief on which an act's weight was put says how the act
was coded, and nothing of how anybody answers it. And what costs nothing tells nothing
(Spence 1973, QJE 87(3); Fearon 1997, JCR 41(1)): words for nothing would be worth
adding under almost any payoff.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from balance_sim.games.checks import Problem, Steps
from balance_sim.games.players import members_of
from balance_sim.games.schema import GamePlan, PayoffPart, Strategy, arm_of
from balance_sim.model.beliefs import event_reach, signal_weights
from balance_sim.scenario.defaults import OWN, signal_costs
from balance_sim.scenario.diagnostics import listed
from balance_sim.scenario.load import arm_scenario
from balance_sim.scenario.schema import SIGNAL_ORDER, Event, Scenario

type Acts = dict[str, Event]
"""Events by id."""

BELIEFS = {
    "relations": ("alignment", "intent"),
    "credibility": ("alignment", "intent"),
    "influence": ("alignment", "reliability"),
    "dependence": ("alignment",),
}
"""Outcomes that are read off beliefs about dyads of the player, and off which."""
COSTLIEST = SIGNAL_ORDER[-1]
WORDS = "reassurance"
"""A kind of act off the ladder of costly signals that is words alone."""


@dataclass(frozen=True)
class Conduct:
    """What a player can do, by strategy.

    own_events : events that another of its strategies has not, or has otherwise
    added : those of them that the control arm has not
    costs : what it pays, in payoff"""

    own_events: dict[str, Acts]
    added: dict[str, Acts]
    costs: dict[str, float]


def conduct_of(plan: GamePlan, scenario: Scenario, player: str) -> Conduct:
    """What a player can do, the others doing what was observed. scenario: with an arm
    for each profile."""
    events, strategies = {}, plan.players[player].strategies
    control = _events(scenario, scenario.reference_arm)
    for name in strategies:
        played = plan.observed | {player: name}
        arm = arm_of(tuple(played[participant] for participant in plan.players))
        events[name] = _events(scenario, arm)
    own_events, added, costs = {}, {}, {}
    for name, strategy in strategies.items():
        others = [events[alternative] for alternative in strategies]
        own_events[name] = {
            event: act
            for event, act in events[name].items()
            if any(acts.get(event) != act for acts in others)
        }
        added[name] = _beyond(own_events[name], control)
        costs[name] = _price(strategy, added[name], scenario)
    return Conduct(own_events, added, costs)


def _events(scenario: Scenario, arm: str) -> Acts:
    """The events of an arm."""
    version = arm_scenario(scenario, arm, sealed=False)
    return {event.id: event for event in version.events}


def _beyond(events: Acts, others: Acts) -> Acts:
    """The events that are not, or not so, among others."""
    return {name: act for name, act in events.items() if others.get(name) != act}


def _price(strategy: Strategy, added: Acts, scenario: Scenario) -> float:
    """What a strategy costs; with `priced`, of each act that it adds the share that
    this act costs of what the costliest one does, which `cost` says."""
    if strategy.priced is None:
        return strategy.cost
    return strategy.cost * sum(share_of_cost(act, scenario) for act in added.values())


def share_of_cost(act: Event, scenario: Scenario) -> float:
    """What an act costs by the theory `signalling`, as a share of the costliest act:
    its place on the ladder. In that theory's game evidence is in proportion to cost
    (model/beliefs.py, `signal_weights`): what has no cost there is priced by the share
    of evidence that it is believed for."""
    on_ladder = signal_costs().get(act.kind, 0.0)
    if on_ladder or act.kind not in scenario.event_kinds:
        return on_ladder
    top, kind = scenario.event_kinds[COSTLIEST], scenario.event_kinds[act.kind]
    return max(abs(kind.alignment / top.alignment), abs(kind.intent / top.intent))


def problems_of_acts(plan: GamePlan, scenario: Scenario) -> Iterator[Problem]:
    """Yield payoffs that a player's own acts set by definition, and strategies that are
    words for nothing, of the player and of the other type that it may be of. scenario:
    with an arm for each profile."""
    for player, side in plan.players.items():
        conduct, place = conduct_of(plan, scenario, player), ("players", player)
        sides = side.states, conduct, scenario
        yield from _set_by_definition(place, side.payoff, *sides)
        yield from _words_for_nothing((*place, "strategies"), side.strategies, conduct)
        other_type = plan.play and plan.play.types.get(player)
        if other_type:
            steps = ("play", "types", player)
            costs = conduct.costs | other_type.costs
            paying = replace(conduct, costs=costs)
            yield from _set_by_definition(steps, other_type.payoff, *sides)
            yield from _words_for_nothing((*steps, "costs"), other_type.costs, paying)


def _set_by_definition(
    place: Steps,
    payoff: Sequence[PayoffPart],
    states: Sequence[str],
    conduct: Conduct,
    scenario: Scenario,
) -> Iterator[Problem]:
    """Yield the parts of a payoff that own acts set by definition."""
    for number, part in enumerate(payoff):
        hit = set_by(part, states, conduct, scenario) if part.weight else None
        if hit is not None:
            act, codes = hit
            message = f"`{act}` sets it by definition: its evidence is put on how "
            own_states = listed(states, 4)
            message += f"{listed(codes, 6)} and {own_states} see each other"
            hint = "name others in `of`, or write `weight: 0`: shown, pays nothing"
            yield (*place, "payoff", number), "E220", message, hint, ""


def _words_for_nothing(
    place: Steps, strategies: Iterable[str], conduct: Conduct
) -> Iterator[Problem]:
    """Yield the strategies that are words for nothing."""
    for name in strategies:
        words = _free_words(name, conduct)
        if words:
            message = f"{listed(words, 4)}: words that cost nothing"
            hint = "give it a `cost:` of its own, or `priced: signalling` with as "
            hint += f"`cost:` what {COSTLIEST.replace('_', ' ')} would cost"
            yield (*place, name), "E221", message, hint, ""


def set_by(
    part: PayoffPart, states: Sequence[str], conduct: Conduct, scenario: Scenario
) -> tuple[str, list[str]] | None:
    """The first own act whose evidence is put on a belief that an outcome is read off,
    and the others whom that belief is about; None where there is none.

    states: the player's own."""
    toward = {*members_of(part, states, scenario)}
    if part.outcome == "dependence":
        toward = {*scenario.codes} - {*states}
    for events in conduct.own_events.values():
        for name, act in events.items():
            moved = _moved(act, states, scenario)
            beliefs = BELIEFS.get(part.outcome, ())
            hit = set().union(*(moved[belief] for belief in beliefs)) & toward
            if hit:
                return name, sorted(hit)
    return None


def _moved(
    act: Event, states: Sequence[str], scenario: Scenario
) -> dict[str, set[str]]:
    """By kind of belief: of which dyads of some states an act moves it by itself, as
    the codes of the others."""
    codes, is_own = scenario.codes, act.kind.startswith(OWN)
    moved = {"alignment": set[str](), "intent": set[str](), "reliability": set[str]()}
    if act.accord is not None or act.visibility == 0:
        return moved
    roster = {code: place for place, code in enumerate(codes)}
    blamed, *reach = event_reach(scenario, act, roster)
    weights = (1.0, 1.0) if is_own else signal_weights(scenario, act.kind)
    weighs = weights[0] * act.sign, weights[1]
    for belief, weight, (entries, _) in zip(moved, weighs, reach, strict=False):
        for entry in entries if weight else ():
            first, second = (codes[place] for place in divmod(entry, len(codes)))
            if (first in states) != (second in states):
                moved[belief].add(second if first in states else first)
    is_blamed = any(codes[place] in states for place in blamed[0])
    if is_blamed and (is_own or scenario.event_kinds[act.kind].reliability):
        moved["reliability"] |= {*codes} - {*states}
    return moved


def _free_words(name: str, conduct: Conduct) -> list[str]:
    """The acts by which a strategy is more than another one of the player, or than to
    do nothing, where these are words alone and it costs the same; else empty."""
    nothing: tuple[Acts, float] = ({}, 0.0)
    others = [(conduct.added[key], conduct.costs[key]) for key in conduct.costs]
    for events, cost in (nothing, *others):
        additions = _beyond(conduct.added[name], events)
        omissions = _beyond(events, conduct.added[name])
        is_free = not omissions and conduct.costs[name] == cost
        if is_free and all(map(_is_words, additions.values())) and additions:
            return [*additions]
    return []


def _is_words(act: Event) -> bool:
    """Whether an act costs nothing to do."""
    return act.kind == WORDS or signal_costs().get(act.kind) == 0.0
