"""Players, strategies and outcomes as they are read, each by its id.

Two may have one title in the file; here no two are alike, so that a title in a table
tells which one is meant.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from balance_sim.show import wording as say

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.plan import Game
    from balance_sim.games.solution import Solution

OUTCOMES = {
    "insecurity": "own insecurity",
    "effort": "own rise of effort",
    "agreements_against": "agreements against it",
    "agreements_with": "partners gained",
    "agreements_among": "agreements among {of}",
    "relations": "relations: {of}",
    "influence": "influence over {of}",
    "dependence": "dependence on others",
    "credibility": "mediator: {of}",
}
"""Outcomes of players as they are read; `of` as the file names it."""


@dataclass(frozen=True)
class Titles:
    """Titles of players, and of each player's strategies, by id."""

    players: Mapping[str, str]
    strategies: Mapping[str, Mapping[str, str]]

    def profile(self, strategies: Mapping[str, str]) -> str:
        """`Arden: stays at home; Belmar: holds manoeuvres`."""
        return "; ".join(
            f"{self.players[player]}: {self.strategies[player][strategy]}"
            for player, strategy in strategies.items()
        )

    def acts(self, strategies: Mapping[str, str]) -> str:
        """`stays at home / holds manoeuvres`: without the players."""
        return " / ".join(
            self.strategies[player][strategy] for player, strategy in strategies.items()
        )

    def any_of(self, player: str, strategies: Iterable[str]) -> str:
        """`stays at home or holds manoeuvres`."""
        return say.listed([self.strategies[player][name] for name in strategies], "or")


def titles_of(game: Game) -> Titles:
    """The titles in the file, with a capital; an id in words where there is none."""
    players, strategies = {}, {}
    for player, plan in game.plan.players.items():
        players[player] = _title(plan.title, player)
        titles = {
            name: say.capital(_title(strategy.title, name))
            for name, strategy in plan.strategies.items()
        }
        strategies[player] = distinct(titles)
    return Titles(distinct(players), strategies)


def short_titles_of(game: Game) -> Titles:
    """For a terminal: players by their titles, strategies by their ids in words."""
    strategies = {}
    for player, names in zip(game.players, game.strategies, strict=True):
        strategies[player] = {name: say.arm_words(name) for name in names}
    return Titles(titles_of(game).players, strategies)


def _title(written: str, name: str) -> str:
    return say.printable(written) or say.capital(say.arm_words(name))


def distinct(titles: Mapping[str, str]) -> dict[str, str]:
    """The titles by id, with the id behind those that several have.

    >>> distinct({"a": "Wait", "b": "Wait", "c": "Go"})
    {'a': 'Wait (a)', 'b': 'Wait (b)', 'c': 'Go'}
    """
    counts = Counter(titles.values())
    with_ids = {name: f"{title} ({name})" for name, title in titles.items()}
    labels = {
        name: title if counts[title] == 1 else with_ids[name]
        for name, title in titles.items()
    }
    return labels if len({*labels.values()}) == len(labels) else with_ids


def outcome_titles(game: Game, player: str) -> dict[tuple[str, str], str]:
    """The outcomes that pay a player, by their names and whom they are toward, in the
    order of the file: `Relations: US Allies`."""
    titles = {}
    for part in game.plan.players[player].payoff:
        member = part.of or ""
        title = OUTCOMES[part.outcome].format(of=_member_title(game, member))
        titles[f"{part.outcome} {member}"] = say.capital(title)
    by_outcome = {}
    for key, title in distinct(titles).items():
        outcome, _, member = key.partition(" ")
        by_outcome[outcome, member] = title
    return by_outcome


def _member_title(game: Game, member: str) -> str:
    """A group, a state or a dyad in words."""
    names = say.state_names(game.scenario)
    if member in game.scenario.groups:
        return say.group_words(member)
    if member in names or "-" not in member:
        return names.get(member, member)
    return say.dyad_name(names, *member.split("-", 1))


def places_for(solution: Solution, player: str) -> int:
    """Decimals of a player's payoffs: two significant digits of the largest Monte Carlo
    error, and no more than three of the largest payoff."""
    payoffs = [row.payoffs[player] for row in solution.profiles]
    largest = max(abs(payoff.mean) for payoff in payoffs)
    error = max(payoff.mcse or 0.0 for payoff in payoffs)
    room = 2 - math.floor(math.log10(largest)) if largest > 0 else 1
    wanted = say.decimals(error) if error > 1e-9 * largest else 6
    return max(min(wanted, room, 6), 0)


def draws_words(played: PlayedGame) -> str:
    """`20 draws of the posterior`; empty where nothing was drawn."""
    draws = played.solution.draws
    return (
        ""
        if draws is None
        else f"{say.plural(draws.count, 'draw')} of the {draws.source}"
    )
