"""The page of a game, besides its figures: the answer, who could do what and wanted
what, and every result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim.games import tables
from balance_sim.games.keep import game_digest
from balance_sim.games.lines import READING
from balance_sim.games.titles import Titles, draws_words, outcome_titles, titles_of
from balance_sim.show import wording as say
from balance_sim.show.report.tables import changes, listed, made_rows

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.schema import Strategy


def game_page(played: PlayedGame) -> dict[str, Any]:
    """By name, what the template is filled with but for the figures."""
    game, solution, titles = played.game, played.solution, titles_of(played.game)
    results = [
        tables.information_table(played, titles),
        tables.leaders_table(played, titles),
        *(tables.break_even_table(played, titles, player) for player in game.players),
        tables.gap_table(played, titles),
    ]
    sides = []
    for player in game.players:
        sides += _side_tables(played, titles, player)
    reading = [
        tables.strategies_table(played, titles, player) for player in game.players
    ]
    reading.append(tables.equilibria_table(played, titles))
    return {
        "game": game,
        "result": played.study.result,
        "title": say.printable(game.plan.title),
        "answer": tables.answer(played, titles),
        "reading": READING,
        "marks": tables.MARKS,
        "observed_regret": tables.observed_regret_words(solution),
        "tables": [table for table in reading if table.rows],
        "sides": sides,
        "results": [table for table in results if table.rows],
        "was_drawn": solution.draws is not None,
        "made": _made(played),
    }


def _side_tables(played: PlayedGame, titles: Titles, player: str) -> list[tables.Table]:
    """What a player can do, and what it wants."""
    game, plan = played.game, played.game.plan.players[player]
    names = say.state_names(game.scenario)
    states = ", ".join(names.get(code, code) for code in plan.states)
    title = titles.players[player]
    strategies = []
    for name, strategy in plan.strategies.items():
        source = say.printable(strategy.source) or "not said"
        cells = [_changes(strategy), f"{strategy.cost:g}", source]
        strategies.append([titles.strategies[player][name], *cells])
    weights = []
    outcomes = outcome_titles(game, player).values()
    for outcome, part in zip(outcomes, plan.payoff, strict=True):
        weights.append([outcome, f"{part.weight:+g}", say.printable(part.source)])
    columns = ("strategy", "changes to the scenario", "cost", "source")
    acts = f"{title} ({states}): what it can do"
    return [
        tables.Table(acts, columns, "<<><", strategies),
        tables.Table(
            f"{title}: what it wants", ("outcome", "weight", "source"), "<><", weights
        ),
    ]


def _changes(strategy: Strategy) -> str:
    """What a strategy changes of the scenario."""
    added = [
        (event["id"], event["date"])
        for event in strategy.add
        if isinstance(event, dict)
    ]
    values = {
        path: say.printable(listed(value)) for path, value in strategy.set.items()
    }
    return changes(strategy.drop, added, values)


def _made(played: PlayedGame) -> list[list[str]]:
    """How it was made, in a form that can be repeated."""
    game, solution = played.game, played.solution
    rows = [
        ["game", f"{game.name}, sha256 {game_digest(game)}"],
        ["profiles", f"{len(solution.profiles):,}"],
    ]
    rows += [row for row in made_rows(played.study.result) if row[0] != "arms"]
    if solution.draws is not None:
        draws = f"{draws_words(played)}, sha256 {solution.draws.sha256}"
        rows.append(["draws", draws])
    if solution.theories:
        rows.append(["theories", ", ".join(map(say.arm_words, solution.theories))])
    return rows
