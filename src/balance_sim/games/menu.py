"""What the red team of a game may do: the moves of its menu, each an event on one of
its days, and the arms in which a plan of moves comes on top of a profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from balance_sim.games.checks import Problem, Steps, unknown_name
from balance_sim.games.schema import GamePlan, RedTeamPlan, arm_of
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    ScenarioError,
    errors_in,
    in_order,
    listed,
)
from balance_sim.scenario.load import with_arms
from balance_sim.scenario.nodes import Node, from_plain
from balance_sim.scenario.schema import Scenario

MOST_MOVES = 120
"""Events by days of a menu."""
MENU = "menu"
"""The arm that has all moves of the menu."""

type Plan = tuple[int, ...]
"""Numbers of moves, ascending: what an opponent does."""


@dataclass(frozen=True)
class TeamMove:
    """An event on a day. number: of its row in the menu, counted from 0."""

    number: int
    event: dict[str, Any]
    cost: float


def moves_of(plan: RedTeamPlan) -> tuple[TeamMove, ...]:
    """Every event of the menu on each of its days, in the order of the file."""
    return tuple(
        TeamMove(number, _event(number, str(day), move.event), move.cost)
        for number, move in enumerate(plan.menu)
        for day in move.dates
    )


def _event(number: int, day: str, event: dict[str, Any]) -> dict[str, Any]:
    """A row of `events`."""
    name = f"red_{number + 1}_{day.replace('-', '')}"
    return {"id": name, "date": day, **event}


def problems_of_menu(plan: GamePlan, scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with a red team beside the players of its game."""
    team = plan.red_team
    if team is None:
        return
    for key in ("against", "by"):
        name = getattr(team, key)
        if name not in plan.players:
            yield unknown_name(("red_team", key), "E107", name, plan.players)
    if team.against == team.by:
        hint = "name the opponent"
        yield ("red_team", "by"), "E015", "plays against itself", hint, ""
    if len(moves_of(team)) > MOST_MOVES:
        why, hint = f"{len(moves_of(team))} moves", "fewer events, or fewer dates"
        yield ("red_team", "menu"), "E405", why, hint, f"at most {MOST_MOVES}"
    for number, move in enumerate(team.menu):
        steps = ("red_team", "menu", number)
        if move.cost > team.budget:
            why, hint = f"costs more than the budget, {team.budget:g}", "leave it out"
            yield (*steps, "cost"), "E203", why, hint, f"at most {team.budget:g}"
        for key in ("id", "date"):
            if key in move.event:
                hint = "leave it out; days stand in `dates`"
                yield (*steps, "event", key), "E110", f"`{key}` is given", hint, ""
        yield from _acts_of_others(steps, move.event, plan, scenario)


def _acts_of_others(
    steps: Steps, event: Mapping[str, object], plan: GamePlan, scenario: Scenario
) -> Iterator[Problem]:
    """Yield principals of an event of the menu that are no states of the opponent."""
    team, named = plan.red_team, event.get("principals")
    if team is None or team.by not in plan.players:
        return
    if not isinstance(named, list | tuple):
        return
    own = {*plan.players[team.by].states}
    for number, name in enumerate(named):
        others = {*scenario.groups.get(str(name), (str(name),))} - own
        if others:
            why = f"{listed(sorted(others), 4)} is no state of {team.by}, which acts"
            place = (*steps, "event", "principals", number)
            yield place, "E212", why, "name states of its own", listed(sorted(own), 8)


def check_menu(tree: Node, plan: GamePlan, scenario: Scenario) -> Iterator[Diagnostic]:
    """Yield what is wrong with the events of the menu, each beside the observed
    profile. tree: of the game's file; scenario: with an arm for each profile."""
    if plan.red_team is None:
        return
    nodes, rows = tree.fields["red_team"].below("menu").items, []
    for move in moves_of(plan.red_team):
        node = nodes[move.number].below("event")
        marked = {key: from_plain(move.event[key], node.mark) for key in ("id", "date")}
        rows.append((move.number, node.with_fields(marked)))
    observed = arm_of(tuple(plan.observed[name] for name in plan.players))
    profile = from_plain(scenario.arms[observed].model_dump(), tree.mark)
    added = [*profile.below("add").items, *(row for _, row in rows)]
    arm = profile.with_fields({"add": Node(added, tree.mark)})
    _, problems = with_arms(scenario, _beside_control(scenario, {MENU: arm}))
    places = {(row.at.line, row.at.col): number for number, row in rows}
    for error in errors_in(problems):
        earlier = [place for place in places if place <= (error.line, error.col)]
        number = places[max(earlier, default=min(places))]
        key = error.path.rpartition(".")[2]
        yield replace(error, path=f"red_team.menu[{number}].event.{key}")


def _beside_control(scenario: Scenario, arms: Mapping[str, Any]) -> Node:
    """Arms after the control arm."""
    control = scenario.reference_arm
    return from_plain({control: scenario.arms[control].model_dump(), **arms})


def arm_of_plan(number: int) -> str:
    """The name of a plan's arm."""
    return f"plan_{number}"


def with_plans(
    scenario: Scenario, profile: str, moves: Sequence[TeamMove], plans: Sequence[Plan]
) -> Scenario:
    """The scenario with an arm for each plan, that of a profile and the events of the
    plan on top; and with one that has the whole menu, so that time is cut alike
    whatever the plans."""
    arm = scenario.arms[profile].model_dump()

    def with_events(places: Iterable[int]) -> dict[str, Any]:
        """The profile's arm with some moves."""
        return arm | {"add": [*arm["add"], *(moves[place].event for place in places)]}

    arms = {arm_of_plan(k): with_events(plan) for k, plan in enumerate(plans)}
    arms[MENU] = with_events(range(len(moves)))
    changed, problems = with_arms(scenario, _beside_control(scenario, arms))
    if changed is None:
        raise ScenarioError(in_order(errors_in(problems), scenario.name))
    return changed
