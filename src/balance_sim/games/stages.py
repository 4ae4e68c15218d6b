"""Stages of a play: who moves when, what each may do, and what is wrong with a `play:`
block.

A move is a strategy whose events are dated on the day of the stage. Who does not choose
does what was observed, on its own dates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import prod
from typing import TYPE_CHECKING, cast

from balance_sim.games.checks import Problem, Steps, unknown_name
from balance_sim.games.extensive_form import Turn
from balance_sim.games.schema import GamePlan, OtherType, PlayPlan, Strategy, arm_of
from balance_sim.scenario.diagnostics import Mark, refused
from balance_sim.scenario.schema import Arm, Event, Scenario

if TYPE_CHECKING:
    from balance_sim.games.plan import Game

MOST_PATHS = 4096
"""Paths of moves within the horizon."""


def dates_of(play: PlayPlan, scenario: Scenario) -> tuple[date, ...]:
    """The days of the stages, in their order."""
    if play.every_days is None:
        return tuple(sorted(play.dates))
    first, (_, last) = focal_date(scenario), period_of(scenario)
    days = range(0, (last - first).days + 1, play.every_days)
    return tuple(first + timedelta(day) for day in days)


def focal_date(scenario: Scenario) -> date:
    """The day from which windows run."""
    return next(e.date for e in scenario.events if e.id == scenario.focal)


def period_of(scenario: Scenario) -> tuple[date, date]:
    """The first and the last day on which a move can pay: payoffs are taken at the end
    of the longest window."""
    closing = focal_date(scenario) + timedelta(max(scenario.report.windows))
    return scenario.start, min(closing, scenario.end) - timedelta(1)


@dataclass(frozen=True)
class Stages:
    """When, who, and what. Players are counted as in the file.

    Attributes
    ----------
    plan : the `play:` of the file
    dates : of the stages
    turns : in their order
    moves : by player, names of its moves; of who does not choose, what was observed
    events : by player and move, its events
    arm : what the others were observed to do
    """

    plan: PlayPlan
    dates: tuple[date, ...]
    turns: tuple[Turn, ...]
    moves: tuple[tuple[str, ...], ...]
    events: tuple[tuple[tuple[Event, ...], ...], ...]
    arm: Arm

    @property
    def horizon(self) -> int:
        """How many stages players look ahead."""
        return min(self.plan.horizon or len(self.dates), len(self.dates))

    def dated(self, stage: int, player: int, move: int) -> Iterator[Event]:
        """The events of a move on the day of a stage, with ids of their own."""
        for event in self.events[player][move]:
            name, day = f"{event.id}_{stage + 1}", self.dates[stage]
            yield event.model_copy(update={"id": name, "date": day})


def stages_of(game: Game) -> Stages:
    """The stages of a game that was checked. Raises ScenarioError where it has
    none."""
    play = game.plan.play
    if play is None:
        example = "play: {every_days: 90}"
        why, hint = "there are no stages", f"add `{example}` to the file"
        raise refused(Mark(game.name, 1, 1), "play", "E103", why, hint)
    movers, moves = movers_of(play, game.players), moves_of(game.plan, play)
    dates = dates_of(play, game.scenario)
    seats = tuple(game.players.index(name) for name in movers)
    by_turn = [(seat,) for seat in seats] if play.order == "sequential" else [seats]
    turns = [Turn(stage, seat) for stage in range(len(dates)) for seat in by_turn]
    first = tuple(names[0] for names in moves)
    joint, events = game.scenario.arms[arm_of(first)], []
    for seat, names in enumerate(moves):
        profiles = [(*first[:seat], name, *first[seat + 1 :]) for name in names]
        plan = game.plan.players[game.players[seat]]
        of_moves = [
            _added_by(plan.strategies[name], game.scenario.arms[arm_of(profile)])
            for name, profile in zip(names, profiles, strict=True)
        ]
        events.append(tuple(of_moves))
    of_movers = {event.id for seat in seats for event in events[seat][0]}
    others = tuple(event for event in joint.add if event.id not in of_movers)
    arm = joint.model_copy(update={"add": others})
    return Stages(play, dates, tuple(turns), moves, tuple(events), arm)


def _added_by(strategy: Strategy, arm: Arm) -> tuple[Event, ...]:
    """What a strategy adds to an arm in which it is played."""
    rows = cast("tuple[Mapping[str, object], ...]", strategy.add)
    ids = {row["id"] for row in rows}
    return tuple(event for event in arm.add if event.id in ids)


def movers_of(play: PlayPlan, players: Iterable[str]) -> tuple[str, ...]:
    """Who chooses, in the order of the file."""
    return tuple(
        name for name in players if play.players is None or name in play.players
    )


def moves_of(plan: GamePlan, play: PlayPlan) -> tuple[tuple[str, ...], ...]:
    """Names of each player's moves."""
    movers, moves = movers_of(play, plan.players), []
    for name, player in plan.players.items():
        own_moves = play.moves.get(name, tuple(player.strategies))
        moves.append(own_moves if name in movers else (plan.observed[name],))
    return tuple(moves)


# --- checks ---------------------------------------------------------------------------


def problems_of_play(plan: GamePlan, scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with the `play:` of a plan whose other parts are sound."""
    play = plan.play
    if play is None:
        return
    yield from _unfit_dates(play, scenario)
    unknown = [*_unknown_names(plan, play)]
    yield from unknown
    for name, other_type in play.types.items():
        yield from _unfit_type(plan, play, name, other_type)
    if unknown:
        return
    moves = dict(zip(plan.players, moves_of(plan, play), strict=True))
    for name in movers_of(play, plan.players):
        for move in moves[name]:
            act = plan.players[name].strategies[move]
            if act.drop or act.set:
                hint = f"write `moves: {{{name}: [...]}}` without it"
                why = f"`{move}` of {name} drops events or sets values; a move adds"
                yield ("play",), "E110", why, hint, ""
    stages = len(dates_of(play, scenario))
    horizon = min(play.horizon or stages, stages)
    paths = prod(map(len, moves.values())) ** horizon
    if paths > MOST_PATHS:
        hint = "fewer moves, or a shorter `horizon`"
        bound = f"at most {MOST_PATHS:,}"
        yield ("play",), "E405", f"{paths:,} paths to look at", hint, bound


def _unfit_dates(play: PlayPlan, scenario: Scenario) -> Iterator[Problem]:
    """Yield where there are no stages, two ways to say when, or days out of reach."""
    if play.every_days is None and not play.dates:
        hint = "write `dates: [2025-02-01, ...]` or `every_days: 90`"
        yield ("play",), "E103", "it has no stages", hint, ""
    if play.every_days is not None and play.dates:
        yield ("play", "every_days"), "E015", "`dates` says when", "remove one", ""
    first, last = period_of(scenario)
    for number, day in enumerate(play.dates):
        steps = ("play", "dates", number)
        if not first <= day <= last:
            why = f"{day} is outside {first}..{last}: payoffs are taken after it"
            yield steps, "E203", why, "take a day between", f"{first}..{last}"
        if day in play.dates[:number]:
            yield steps, "E015", f"{day} is a stage already", "remove one", ""


def _unknown_movers(plan: GamePlan, play: PlayPlan) -> Iterator[Problem]:
    """Yield that nobody chooses, and who chooses and is not there."""
    if play.players == ():
        hint = "name some, or leave the key out: then all choose"
        yield ("play", "players"), "E212", "nobody chooses", hint, "at least 1"
    for number, name in enumerate(play.players or ()):
        if name not in plan.players:
            place = ("play", "players", number)
            yield unknown_name(place, "E107", name, [*plan.players])


def _unknown_names(plan: GamePlan, play: PlayPlan) -> Iterator[Problem]:
    """Yield players and moves that are not there."""
    player_names = [*plan.players]
    yield from _unknown_movers(plan, play)
    for key, names in (("moves", play.moves), ("types", play.types)):
        for name in names:
            if name not in plan.players:
                yield unknown_name(("play", key, name), "E107", name, player_names)
    for player, moves in play.moves.items():
        if player not in plan.players:
            continue
        if len(moves) < 2:
            hint = "name another, or leave the key out"
            yield ("play", "moves", player), "E212", "no choice", hint, "2 or more"
        strategies = [*plan.players[player].strategies]
        for number, move in enumerate(moves):
            steps = ("play", "moves", player, number)
            if move not in strategies:
                yield unknown_name(steps, "E107", move, strategies)
            elif move in moves[:number]:
                yield steps, "E015", f"`{move}` is given twice", "remove one", ""


def _unfit_type(
    plan: GamePlan, play: PlayPlan, name: str, other_type: OtherType
) -> Iterator[Problem]:
    """Yield a second player with types, one that does not choose, and outcomes and
    moves that are not the player's."""
    place: Steps = ("play", "types", name)
    if name != next(iter(play.types)):
        why = "the type of one player may be unknown"
        yield place, "E212", why, "leave one out", "at most 1"
    if name not in plan.players:
        return
    player = plan.players[name]
    movers = movers_of(play, plan.players)
    if name not in movers:
        yield place, "E110", f"{name} does not choose", "add it to `players`", ""
    elif len(movers) > 1 and play.order != "sequential":
        why = f"{name} moves at the same time as others"
        yield place, "E110", why, "write `order: sequential`", ""
    outcomes = [(part.outcome, part.of) for part in player.payoff]
    for number, part in enumerate(other_type.payoff):
        if (part.outcome, part.of) not in outcomes:
            why = f"`{part.outcome}` is no row of the payoff of {name}"
            hint = "add it there with a weight of 0"
            yield (*place, "payoff", number), "E107", why, hint, ""
    for move in other_type.costs:
        if move not in player.strategies:
            yield unknown_name(
                (*place, "costs", move), "E107", move, [*player.strategies]
            )
