"""A game on the terminal: what each side should do under the payoffs of the file, and
how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from balance_sim.games import strategy_figures as figures
from balance_sim.games import tables
from balance_sim.games.figures import payoffs_table
from balance_sim.games.titles import Titles, short_titles_of
from balance_sim.show import wording as say

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.games.keep import PlayedGame

MOST_EQUILIBRIA = 4
READING = (
    "Best reply under these payoffs, which the file assumes: not advice. What an act "
    "brings about is the model's; what it is worth to a side is the file's."
)


def game_lines(played: PlayedGame, *, verbose: bool = False) -> Iterator[str]:
    """Lines for a terminal, at 80 columns: the answer, every side's replies and the
    equilibria; verbose: also what each outcome adds, what knowing more is worth, every
    profile, and what the intervals rest on."""
    game, solution, result = played.game, played.solution, played.study.result
    titles = short_titles_of(game)
    yield say.printable(game.plan.title)
    players = say.plural(len(game.players), "player")
    profiles = say.plural(len(solution.profiles), "profile")
    runs = say.plural(solution.runs, "replication")
    yield f"  {players}, {profiles}, {runs} each, over the control arm"
    yield from ["", *say.wrapped(tables.answer(played, titles), "")]
    for player in game.players:
        yield from _table_lines(tables.strategies_table(played, titles, player))
    yield f"  {tables.MARKS}"
    equilibria = tables.equilibria_table(played, titles)
    yield from _table_lines(equilibria, MOST_EQUILIBRIA)
    yield tables.observed_regret_words(solution)
    yield from _table_lines(tables.leaders_table(played, titles))
    if verbose:
        for table in _verbose_tables(played, titles):
            yield from _table_lines(table)
        yield from ["", *say.wrapped(_sources(played), "")]
    yield from ["", *say.wrapped(READING, "")]
    if result.folder is not None:
        yield f"digest {result.digest[:12]}; wrote {result.folder}"


def _verbose_tables(played: PlayedGame, titles: Titles) -> Iterator[tables.Table]:
    """Regret, what knowing more is worth, every outcome, and every profile."""
    regret = figures.regret_table(played, titles)
    columns = ["player", "title", "worst", "mean", "q95", "where"]
    yield tables.frame_table("Regret", regret[columns])
    yield tables.information_table(played, titles)
    for player in played.game.players:
        title = f"{titles.players[player]}'s balance sheet, the others as observed"
        sheet = figures.balance_table(played, player, titles)
        yield tables.frame_table(title, _wide(sheet, "outcome", "title", "effect"))
        yield tables.break_even_table(played, titles, player)
    payoffs = payoffs_table(played, titles)
    wide = _wide(payoffs, "profile", "player", "payoff")
    yield tables.frame_table("Payoffs of every profile", wide)


def _wide(frame: pd.DataFrame, row: str, column: str, value: str) -> pd.DataFrame:
    """A column's values beside each other, in their order."""
    wide = frame.pivot(index=row, columns=column, values=value)
    ordered = wide.reindex(index=frame[row].unique(), columns=frame[column].unique())
    return ordered.rename_axis(columns=None).reset_index()


def _table_lines(table: tables.Table, most: int | None = None) -> Iterator[str]:
    """A blank line, the title and the table, cut after so many rows; nothing where it
    has no row."""
    if not table.rows:
        return
    rows = table.rows[:most]
    yield from ["", table.title, *say.table([table.columns, *rows], table.align, "  ")]
    if len(rows) < len(table.rows):
        yield f"  and {len(table.rows) - len(rows)} more: --json"


def _sources(played: PlayedGame) -> str:
    """What the intervals rest on."""
    solution = played.solution
    mcse = "mcse: Monte Carlo error, without doubt about the parameters."
    if solution.draws is None:
        return f"{mcse} Nothing was drawn (--draws 0): no regret over parameters."
    gap = max(solution.gap.values())
    draws = say.plural(solution.draws.count, "joint draw")
    theories = say.plural(len(solution.theories), "theory", "theories")
    return (
        f"{mcse} Draws: {draws} of the {solution.draws.source}, by the expected "
        f"estimator, off a simulated payoff by {say.number(gap, say.digits(gap))} at "
        f"most; regret is the worst over draws, {theories} and the others' play."
    )
