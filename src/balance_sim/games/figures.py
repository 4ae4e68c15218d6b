"""The figures of a game: a matrix of its payoffs, and its strategies side by side.

Payoffs are over the control arm, and everything holds under the payoffs of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.games.tables import (
    DRAWN,
    equilibria_words,
    over_draws,
    places_for,
    strategies_table,
    titles_of,
)
from balance_sim.show import wording as say
from balance_sim.show.figures import style

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.solution import Solution

COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE)
"""Of players, in the order of the file."""
OBSERVED = "#eaf3f9"  # behind what was observed


def matrix_axes(solution: Solution) -> list[str]:
    """Which players are rows and columns of the matrix: the two with most
    strategies."""
    sizes = {name: len(names) for name, names in solution["players"].items()}
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:2]
    return [name for name in sizes if name in largest]


def payoffs_table(played: PlayedGame) -> pd.DataFrame:
    """One row a profile and player: payoff over the control arm with its Monte Carlo
    standard error, draws_mean, draws_lo and draws_hi (mean and central 95 % over draws,
    NaN without), whether its strategy is a best reply; whether the profile is an
    equilibrium in pure strategies and what was observed; row and column of the matrix;
    is_drawn: whether players beside do what was observed."""
    solution, titles = played.solution, titles_of(played.game)
    inside, observed = matrix_axes(solution), solution.observed
    rows = []
    for profile in solution["profiles"]:
        strategies = profile["strategies"]
        changed = [name for name in strategies if strategies[name] != observed[name]]
        acts = [titles.strategies[name][strategies[name]] for name in inside]
        cell = {
            "profile": titles.profile(strategies),
            "row": acts[0],
            "column": "".join(acts[1:]),
            "is_drawn": {*changed} <= {*inside},
            "equilibrium": profile["equilibrium"],
            "observed": not changed,
        }
        for player, payoff in profile["payoffs"].items():
            row = {
                "player": titles.players[player],
                "payoff": payoff["mean"],
                "mcse": payoff["mcse"],
                "best": profile["regrets"][player] == 0.0,
                "places": places_for(solution, player),
            }
            rows.append(cell | row | over_draws(payoff))
    choosers = [titles.players[name] for name in inside]
    return pd.DataFrame(rows).assign(
        n=solution["runs"],
        finding=equilibria_words(solution),
        row_player=choosers[0],
        column_player="".join(choosers[1:]),
    )


def _payoffs_page(table: pd.DataFrame) -> list[style.Axes]:
    """One matrix, as large as its cells need."""
    rows, columns = table["row"].nunique(), table["column"].nunique()
    cell = 0.2 + 0.25 * table["player"].nunique()
    return style.panels(min(max(3.5 + 1.9 * columns, 8.4), 13.0), 2.8 + rows * cell)


@style.figure(
    "payoffs",
    "What does each side get, and which replies are best?",
    payoffs_table,
    page=_payoffs_page,
    empty="No profile was simulated: there are no payoffs to show.",
    columns="profile player payoff mcse draws_lo draws_hi best equilibrium observed",
)
def draw_payoffs(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A matrix of the strategies of two players, others doing what was observed; in a
    cell each player's payoff from the top down."""
    ax, drawn = axes[0], table[table["is_drawn"]]
    players = list(table["player"].unique())
    rows, columns = list(drawn["row"].unique()), list(drawn["column"].unique())
    colours = dict(zip(players, map(style.readable, COLOURS), strict=False))
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.xaxis.set_label_position("top")
    ax.set_yticks(np.arange(len(rows)) + 0.5, [style.folded(name, 24) for name in rows])
    heads = [style.folded(name, 17) for name in columns]
    ax.set_xticks(np.arange(len(columns)) + 0.5, heads)
    ax.set_xlabel(say.first(table, "column_player"), fontweight="bold")
    ax.set_ylabel(say.first(table, "row_player"), fontweight="bold")
    for (row, column), cell in drawn.groupby(["row", "column"], sort=False):
        _draw_cell(ax, cell, (columns.index(column), rows.index(row)), colours)
    small = (
        f"In a cell, from the top: {', '.join(players)}. Dot: best reply, on common "
        "random numbers; framed: equilibrium; shaded: observed. Mean payoffs over the "
        f"control arm, {style.runs_of(table)} a profile. Players beside these two do "
        "what was observed."
    )
    return style.Words(say.first(table, "finding"), "", small)


def _draw_cell(
    ax: style.Axes, cell: pd.DataFrame, place: tuple[int, int], colours: dict[str, Any]
) -> None:
    """The payoffs of a profile with marks of best replies, in a frame if it is an
    equilibrium."""
    from matplotlib.patches import Rectangle

    x, y = place
    face = OBSERVED if cell["observed"].all() else "white"
    ax.add_patch(Rectangle(place, 1, 1, fc=face, ec=style.PALE, lw=0.8))
    if cell["equilibrium"].all():
        frame: dict[str, Any] = {"ec": style.INK, "lw": 2.4, "clip_on": False}
        ax.add_patch(Rectangle(place, 1, 1, fill=False, zorder=4, **frame))
    for number, row in enumerate(cell.to_dict("records")):
        middle = (x + 0.5, y + (number + 0.75) / (len(cell) + 0.5))
        words = say.signed(row["payoff"], row["places"])
        looks = {"color": colours[row["player"]], "fontsize": 11}
        style.note(ax, words, middle, (22, 0), ha="right", **looks)
        if row["best"]:
            style.note(ax, "\u25cf", middle, (26, 0), ha="left", **looks)


def _balance_page(table: pd.DataFrame) -> list[style.Axes]:
    """A panel a player, as high as it has strategies."""
    sizes = table.groupby("player", sort=False).size()
    heights = [0.7 + 0.34 * size for size in sizes]
    options: dict[str, Any] = {"height_ratios": heights}
    return style.panels(10.4, 1.9 + sum(heights), len(sizes), 1, **options)


@style.figure(
    "balance",
    "What does each strategy bring its side, the others doing what they did?",
    strategies_table,
    page=_balance_page,
    empty="No profile was simulated: there is no balance to show.",
    columns="player strategy observed draws_mean draws_lo draws_hi payoff lo hi best "
    "may_be samples draws regret mean_regret where",
)
def draw_balance(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a player: of each strategy its mean over draws with their central 95 %,
    and the payoff at the point values; that alone where nothing was drawn."""
    is_drawn = table["draws_mean"].notna().all()
    value, low, high = DRAWN if is_drawn else ("payoff", "lo", "hi")
    players = table.groupby("player", sort=False)
    for number, (ax, (player, rows)) in enumerate(zip(axes, players, strict=True)):
        observed = np.where(rows["observed"], " (observed)", "")
        names = [style.folded(name, 50) for name in rows["strategy"] + observed]
        heights = style.row_axis(ax, names)
        colour = COLOURS[number]
        for y, row in zip(heights, rows.to_dict("records"), strict=True):
            ax.plot(row["payoff"], y, "|", color=style.QUIET, markersize=9)
            is_best = np.isclose(row[value], rows[value].max(), rtol=1e-9)
            face = colour if is_best else "white"
            span = row | {"lo": row[low], "hi": row[high]}
            style.whisker(ax, y, span, colour, width=3, face=face, value=value)
            bounds = say.interval(row[low], row[high], row["places"])
            words = f"{say.signed(row[value], row['places'])}  ({bounds})"
            style.beside(ax, y, words)
        ax.axvline(0, color=style.INK, linewidth=1, zorder=1)
        ax.set_title(str(player), loc="left", fontweight="bold", fontsize=10)
    simulated = f"the mean of {style.runs_of(table)} at the point values"
    dots = f"Dots: {simulated}, with 95 % CI. {say.CAVEAT}"
    if is_drawn:
        dots = (
            "Dots: mean over draws of the parameters, expected estimator; lines: 95 % "
            f"of draws; upright strokes: {simulated}."
        )
    small = (
        f"Payoff over the control arm ({say.first(table, 'control')}). {dots} Filled: "
        "highest mean. Payoffs of two players are not to be compared."
    )
    return style.Words(say.first(table, "finding"), "", small)
