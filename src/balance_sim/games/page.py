"""A game as a type of study: its lines on the terminal, its page, its figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from balance_sim.games import figures, tables
from balance_sim.games.choice import recommendations
from balance_sim.games.keep import PlayedGame, game_digest, open_played
from balance_sim.games.plan import Game
from balance_sim.games.robust_page import FAILS, discovered_tables, robust_lines
from balance_sim.games.solve import expected_effects
from balance_sim.show import wording as say
from balance_sim.show.report.tables import cell, made_rows
from balance_sim.show.study_types import StudyType
from balance_sim.study.manifest import read_manifest

READING = (
    "These are best replies under payoffs that the file assumes, not advice. What an "
    "act brings about is the model's; what it is worth to a side is the file's."
)
COLUMNS = (
    "Mean, 2.5 % and 97.5 %: over draws of the parameters; best in: share of draws; "
    "point: at the point values, with Monte Carlo standard error (MCSE)."
)
SHOWN = {
    "strategy": "strategy",
    "draws_mean": "mean",
    "draws_lo": "2.5 %",
    "draws_hi": "97.5 %",
    "draws": "best in",
    "payoff": "point",
    "mcse": "MCSE",
}
"""Columns of strategies on a terminal, with their heads."""
NEAREST = {
    "instead": "it would choose",
    "if_this_counted": "if this counted",
    "factor": "times",
    "lo": "2.5 %",
    "hi": "97.5 %",
}
"""Columns of break-even weights on a terminal, with their heads."""
WANTS = {"player": "player", "choice": "choice"} | NEAREST
"""The same in a report."""
STRATEGIES = (
    *("player", "strategy", "observed", "draws_mean", "draws_lo", "draws_hi", "draws"),
    *("payoff", "mcse", "samples", "regret", "mean_regret", "where"),
)
"""Columns of strategies in a report."""
FIGURES = {"waterfall": figures.draw_waterfall, "boxes": figures.draw_boxes}


def _cell(value: object) -> str:
    """A value as it is read: numbers with two significant digits."""
    return tables.two_digits(value) if isinstance(value, float) else cell(value)


def words_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Heads, rows of cells, and which columns are numeric, of a table."""
    numeric = [pd.api.types.is_float_dtype(dtype) for dtype in frame.dtypes]
    heads = [str(column).replace("_", " ") for column in frame.columns]
    rows = [list(map(_cell, row)) for row in frame.itertuples(index=False)]
    return {"heads": heads, "rows": rows, "numeric": numeric}


def _table_lines(title: str, frame: pd.DataFrame) -> list[str]:
    """A blank line, the title and the table."""
    words = words_of(frame)
    align = "".join(">" if is_number else "<" for is_number in words["numeric"])
    return ["", title, *say.table([words["heads"], *words["rows"]], align, "  ")]


def game_lines(played: PlayedGame) -> Iterator[str]:
    """Lines for a terminal, at 80 columns: the answer, every side's replies and the
    equilibria."""
    game, solution, result = played.game, played.solution, played.study.result
    yield say.printable(game.plan.title)
    players = say.plural(len(game.players), "player")
    profiles = say.plural(len(solution["profiles"]), "profile")
    runs = say.plural(solution["runs"], "replication")
    yield f"  {players}, {profiles}, {runs} each, over the control arm"
    titles, nearest = tables.titles_of(game), tables.nearest_table(played)
    yield from ["", "What each side would have to want"]
    for name in game.players:
        sentences = " ".join(tables.choice_sentences(played, name))
        yield from ["", *say.wrapped(sentences, "")]
        player_rows = nearest[nearest["player"] == titles.players[name]]
        cells = words_of(player_rows[[*NEAREST]].rename(columns=NEAREST))
        yield from say.table([cells["heads"], *cells["rows"]], "<<>>>", "  ")
    yield from ["", *say.wrapped(tables.answer(played), "")]
    yield from robust_lines(played)
    strategies = tables.strategies_table(played).groupby("player", sort=False)
    for player, rows in strategies:
        title = f"{player}, to what the others were observed to do"
        yield from _table_lines(title, rows[[*SHOWN]].rename(columns=SHOWN))
    title = "Nash equilibria of the mean payoffs at the point values"
    yield from _table_lines(title, tables.equilibria_table(played))
    yield from ["", *say.wrapped(f"{tables.equilibria_words(solution)}.", "")]
    yield from ["", *say.wrapped(f"{COLUMNS} {READING}", "")]
    if result.folder is not None:
        yield f"digest {result.digest[:12]}; wrote {result.folder}"


def _wants(table: pd.DataFrame) -> dict[str, Any]:
    """The columns of break-even weights of a report."""
    return words_of(table[[*WANTS]].rename(columns=WANTS))


def first_lines(game: Game) -> Iterator[str]:
    """What can be said before anything is simulated: each side's best strategy and what
    it would bring more, by the expected estimator at the point values."""
    yield f"First answer, {say.AT_POINT}, before anything is simulated:"
    effects = expected_effects(game, game.scenario)[None]
    titles = tables.titles_of(game)
    for name, choice in recommendations(game, effects).items():
        best, against = choice["best"], titles.strategies[name][choice["against"]]
        gain = f"{tables.two_digits(choice['gain']['mean'])} more than “{against}”"
        act = f"{titles.players[name]}: “{titles.strategies[name][best]}”, {gain}"
        yield from say.wrapped(f"  {act}", "    ")


def game_page(played: PlayedGame) -> dict[str, Any]:
    """By name, what the template is filled with but for the figures."""
    game = played.game
    plan = game.plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {
        "game": game,
        "result": played.study.result,
        "title": say.printable(game.plan.title),
        "answer": tables.answer(played),
        "reading": READING,
        "choices": [
            " ".join(tables.choice_sentences(played, player)) for player in game.players
        ],
        "nearest": _wants(tables.nearest_table(played)),
        "break_even": _wants(tables.break_even_table(played)),
        "left_out": words_of(tables.left_out_table(played)),
        "strategies": words_of(tables.strategies_table(played)[[*STRATEGIES]]),
        "profiles": words_of(tables.profiles_table(played)),
        "equilibria": words_of(tables.equilibria_table(played)),
        "outcomes": words_of(tables.outcomes_table(played)),
        "information": words_of(tables.information_table(played)),
        "discovered": {
            title: words_of(table) for title, table in discovered_tables(played).items()
        },
        "fails": FAILS,
        "file": yaml.safe_dump(plan, sort_keys=False, allow_unicode=True),
        "made": _made(played),
    }


def _made(played: PlayedGame) -> list[list[str]]:
    """How it was made, in a form that can be repeated."""
    game, draws = played.game, played.solution["draws"]
    rows = [["game", f"{game.name}, sha256 {game_digest(game)}"]]
    rows += [row for row in made_rows(played.study.result) if row[0] != "arms"]
    if draws is not None:
        drawn = f"{draws['count']} of the {draws['source']}, sha256 {draws['sha256']}"
        theories = map(say.arm_words, played.solution["theories"])
        rows += [["draws", drawn], ["theories", ", ".join(theories)]]
    return rows


def _is_folder(path: Path) -> bool:
    """Whether a path is a results folder of a game."""
    if not (path / "manifest.json").is_file():
        return False
    manifest = read_manifest(path)
    return manifest is not None and manifest.game is not None


GAME = StudyType(
    title="game",
    named_by=_is_folder,
    read=open_played,
    study_class=PlayedGame,
    figures=FIGURES,
    page=lambda played: ("games/templates/game.html", game_page(played)),
)
