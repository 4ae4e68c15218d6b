"""The payoffs of a game: a matrix of profiles with best replies and equilibria.

Payoffs are over the control arm, and everything holds under the payoffs of the file.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.games.titles import draws_words, places_for, titles_of
from balance_sim.show import wording as say
from balance_sim.show.figures import style

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.solution import DrawsInterval
    from balance_sim.games.titles import Titles

PLAYER_COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE)
"""In the order of the file."""
OBSERVED = "#eaf3f9"  # behind what was observed
MOST_CELLS = 72  # in one figure
LARGE_CELLS = 6  # cells that may have large numbers
MATRIX_COLUMNS = 6  # columns of matrices side by side


def or_nan(value: float | None) -> float:
    """A number of a table; NaN where there is none."""
    return math.nan if value is None else value


def bounds_of(interval: DrawsInterval | None) -> tuple[float, float]:
    """The central 95 % over draws; NaN where nothing was drawn."""
    if interval is None:
        return math.nan, math.nan
    return interval.q025, interval.q975


def axes_of(played: PlayedGame) -> tuple[list[str], list[str]]:
    """Which players are rows and columns of a matrix, and which tell matrices apart:
    those with fewest strategies."""
    sizes = {name: len(names) for name, names in played.solution.players.items()}
    last_first = list(sizes)[::-1]
    by_size = sorted(last_first, key=lambda name: sizes[name])
    apart = by_size[: max(len(sizes) - 2, 0)]
    inside = [name for name in sizes if name not in apart]
    return inside, [name for name in sizes if name in apart]


def payoffs_table(played: PlayedGame, titles: Titles | None = None) -> pd.DataFrame:
    """One row a profile and player: payoff over the control arm with its Monte Carlo
    standard error, lo and hi over draws (central 95 %, NaN without), whether its
    strategy is a best reply, and not told apart from one at 95 %; whether the profile
    is an equilibrium in pure strategies and what was observed; where it stands in a
    matrix; places: decimals; probability and over_draws: of the profile being an
    equilibrium, over Monte Carlo error and over draws."""
    solution, titles = played.solution, titles or titles_of(played.game)
    inside, apart = axes_of(played)
    down, across = inside[0], inside[1] if len(inside) > 1 else None
    replies = {}
    for reply in solution.best_replies:
        replies[reply.player, frozenset(reply.others.items())] = reply
    rows = []
    for profile in solution.profiles:
        strategies = dict(profile.strategies)
        cell = {
            name: titles.strategies[name][strategy]
            for name, strategy in strategies.items()
        }
        for player, payoff in profile.payoffs.items():
            others = {key: value for key, value in strategies.items() if key != player}
            reply = replies[player, frozenset(others.items())]
            low, high = bounds_of(payoff.draws)
            rows.append(
                {
                    "profile": titles.acts(strategies),
                    "player": titles.players[player],
                    "payoff": payoff.mean,
                    "mcse": or_nan(payoff.mcse),
                    "lo": low,
                    "hi": high,
                    "best": strategies[player] in reply.best,
                    "may_be": strategies[player] in reply.may_be,
                    "equilibrium": profile.equilibrium,
                    "observed": strategies == dict(solution.observed),
                    "row": cell[down],
                    "column": cell[across] if across else "",
                    "matrix": titles.profile(
                        {name: strategies[name] for name in apart}
                    ),
                    "row_player": titles.players[down],
                    "column_player": titles.players[across] if across else "",
                    "places": places_for(solution, player),
                    "probability": or_nan(profile.probability),
                    "over_draws": or_nan(profile.over_draws),
                }
            )
    return pd.DataFrame(rows).assign(n=solution.runs, draws=draws_words(played))


def payoffs_title(table: pd.DataFrame) -> str:
    """The finding: which profiles are equilibria in pure strategies, how surely, and
    whether one was observed."""
    profiles = table.drop_duplicates("profile")
    equilibria = profiles[profiles["equilibrium"]]
    is_observed = bool(equilibria["observed"].any())
    if equilibria.empty:
        return "Under these payoffs no profile is an equilibrium in pure strategies"
    if len(equilibria) > 1:
        member = "one of them" if is_observed else "none of them"
        number = f"{len(equilibria)} profiles are equilibria in pure strategies"
        return f"Under these payoffs {number}; what was observed is {member}"
    row = equilibria.iloc[0]
    shares = []
    for share, source in (
        (row["probability"], "bootstrap samples"),
        (row["over_draws"], row["draws"]),
    ):
        if not math.isnan(share):
            shares.append(f"{say.percent(share)} of {source}")
    words = "is the one equilibrium in pure strategies"
    if not is_observed:
        words = f"is no equilibrium; the one in pure strategies is {row['profile']}"
    how_surely = f" (it is one in {' and '.join(shares)})" if shares else ""
    return f"Under these payoffs what was observed {words}{how_surely}"


def _cells(table: pd.DataFrame) -> int:
    """Of one matrix."""
    return int(table["row"].nunique() * table["column"].nunique())


def _matrices(table: pd.DataFrame) -> list[str]:
    """Matrices that are drawn, in their order: of many those with what was observed and
    with equilibria first."""
    names = list(dict.fromkeys(table["matrix"]))
    observed = list(table.loc[table["observed"], "matrix"])
    equilibria = list(table.loc[table["equilibrium"], "matrix"])
    by_interest = list(dict.fromkeys(observed + equilibria + names))
    chosen = by_interest[: max(MOST_CELLS // _cells(table), 1)]
    return [name for name in names if name in chosen]


def _key_handles(table: pd.DataFrame) -> list[Any]:
    """What the marks are, and the players' colours in the order in which they stand in
    a cell."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 6}
    dot["color"] = style.INK
    bar: dict[str, Any] = {"linestyle": "none", "marker": "_", "markersize": 11}
    handles: list[Any] = []
    for number, name in enumerate(table["player"].unique()):
        colour = PLAYER_COLOURS[number % 4]
        handles.append(Line2D([], [], color=colour, label=name, mew=3, **bar))
    handles.append(Line2D([], [], label="best reply", **dot))
    if (table["may_be"] & ~table["best"]).any():
        handles.append(Line2D([], [], label="may be best", mfc="white", **dot))
    handles.append(Patch(fc="white", ec=style.INK, lw=2.2, label="equilibrium"))
    dashed = (0, (3, 2))
    handles.append(Patch(fc=OBSERVED, ec=style.QUIET, ls=dashed, label="observed"))
    return handles


def _key_rows(handles: list[Any], width: float) -> int:
    """Rows that a key needs in so many inches."""
    needed = sum(0.5 + 0.075 * len(handle.get_label()) for handle in handles)
    return 2 if needed > width - 0.3 else 1


def _is_large(table: pd.DataFrame) -> bool:
    """Whether the cells that are drawn are so few that they may have large numbers."""
    return _cells(table) * len(_matrices(table)) <= LARGE_CELLS


def _payoff_page(table: pd.DataFrame) -> list[style.Axes]:
    """A strip for the key, then the matrices, as many beside each other as are
    legible."""
    rows, columns = table["row"].nunique(), table["column"].nunique()
    count = len(_matrices(table))
    wide = max(1, min(count, MATRIX_COLUMNS // columns))
    deep = -(-count // wide)
    line = 0.28 if _is_large(table) else 0.21
    cell = line * table["player"].nunique() + 0.2
    head = 0.2
    if columns > 1 or count > 1:
        head = 0.75 + 0.17 * (table["matrix"].map(len).max() // (13 * columns))
    width = min(max(2.6 + 1.25 * columns * wide, 8.4), 11.0)
    key = 0.3 * _key_rows(_key_handles(table), width)
    height = rows * cell + head
    figure = style.new_figure(width, 1.45 + key + deep * height)
    heights = [key] + [height] * deep
    grid = figure.add_gridspec(1 + deep, wide, height_ratios=heights)
    axes = [figure.add_subplot(grid[0, :])]
    for number in range(count):
        down, across = divmod(number, wide)
        gid = "first" if across == 0 else ""
        axes.append(figure.add_subplot(grid[1 + down, across], gid=gid))
    return axes


@style.figure(
    "payoffs",
    "What does each side get, and which replies are best?",
    payoffs_table,
    page=_payoff_page,
    empty="No profile was simulated: there are no payoffs to show.",
    columns="profile player payoff mcse lo hi best equilibrium observed",
)
def draw_payoffs(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A matrix of rows and columns for each profile of the rest; in a cell each
    player's payoff from the top down.

    axes: one for the key if there is one more than matrices."""
    matrices = _matrices(table)
    if len(axes) > len(matrices):
        _key(axes[0], table)
        axes = axes[1:]
    for number, (ax, name) in enumerate(zip(axes, matrices, strict=False)):
        is_first = number == 0 or ax.get_gid() == "first"
        cells = table[table["matrix"] == name]
        _matrix_axes(ax, cells, is_first=is_first)
        _matrix_cells(ax, cells, size=13.0 if _is_large(table) else 10.5)
    small = (
        f"Mean payoffs over the control arm, {style.runs_of(table)} a profile, with "
        "the digits that the Monte Carlo error leaves. Best replies compare profiles "
        "on common random numbers, which is surer than these digits; may be best: not "
        "told apart from the best at 95 %."
    )
    total = table["matrix"].nunique()
    if len(matrices) < total:
        small += f" {len(matrices)} of {total} matrices; all are in the table."
    width = float(style.owner(axes[0]).get_size_inches()[0])
    title = payoffs_title(table)
    return style.Words(title, "", small, int(8.2 * width), int(12.2 * width))


def _key(ax: style.Axes, table: pd.DataFrame) -> None:
    """From the left edge of the page on, over the names of rows."""
    from matplotlib.transforms import blended_transform_factory

    ax.set_axis_off()
    figure, handles = style.owner(ax), _key_handles(table)
    rows = _key_rows(handles, float(figure.get_size_inches()[0]))
    legend = ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.012, 0),
        bbox_transform=blended_transform_factory(figure.transFigure, ax.transAxes),
        ncols=-(-len(handles) // rows),
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        handletextpad=0.4,
        columnspacing=1.4,
        fontsize=10,
    )
    legend.set_in_layout(False)


def _colours(cells: pd.DataFrame) -> dict[str, Any]:
    """Of words, by player."""
    players = cells["player"].unique()
    return {
        name: style.readable(PLAYER_COLOURS[number % 4])
        for number, name in enumerate(players)
    }


def _matrix_axes(ax: style.Axes, cells: pd.DataFrame, *, is_first: bool) -> None:
    """Names of rows, where they are not those of the matrix at the left, and of
    columns, in the colours of who chooses among them."""
    rows, columns = list(cells["row"].unique()), list(cells["column"].unique())
    colours = _colours(cells)
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.xaxis.set_ticks_position("top")
    ax.xaxis.set_label_position("top")
    row_names = [style.folded(name, 24) if is_first else "" for name in rows]
    ax.set_yticks(np.arange(len(rows)) + 0.5, row_names)
    column_names = [style.folded(name, 17) if name else "" for name in columns]
    ax.set_xticks(np.arange(len(columns)) + 0.5, column_names)
    bold: dict[str, Any] = {"fontweight": "bold", "fontsize": 10}
    across, down = say.first(cells, "column_player"), say.first(cells, "row_player")
    if across:
        ax.set_xlabel(across, color=colours[across], labelpad=6, **bold)
    if is_first:
        ax.set_ylabel(down, color=colours[down], **bold)
    matrix = say.first(cells, "matrix")
    if matrix:
        title = style.folded(matrix, 15 * len(columns))
        ax.set_title(title, loc="left", fontsize=10.5, pad=8)


def _matrix_cells(ax: style.Axes, cells: pd.DataFrame, size: float) -> None:
    """Frames of what was observed and of equilibria, and in each cell the payoffs in
    letters of this size, with marks of best replies."""
    from matplotlib.patches import Rectangle

    colours = _colours(cells)
    columns = {name: x for x, name in enumerate(cells["column"].unique())}
    rows = {name: y for y, name in enumerate(cells["row"].unique())}
    inset = 0.01 * min(len(columns), 3)
    for (row, column), part in cells.groupby(["row", "column"], sort=False):
        x, y = columns[column], rows[row]
        observed, equilibrium = bool(part["observed"].all()), part["equilibrium"].all()
        face = OBSERVED if observed else "white"
        ax.add_patch(Rectangle((x, y), 1, 1, fc=face, ec=style.PALE, lw=0.8))
        if observed:
            frame = Rectangle((x + inset, y + 0.05), 1 - 2 * inset, 0.9, fill=False)
            frame.set(edgecolor=style.QUIET, linewidth=1, linestyle=(0, (3, 2)))
            ax.add_patch(frame)
        if equilibrium:
            frame = Rectangle((x, y), 1, 1, fill=False, clip_on=False)
            frame.set(edgecolor=style.INK, linewidth=2.4, zorder=4)
            ax.add_patch(frame)
        for number, payoff in enumerate(part.to_dict("records")):
            middle = (x + 0.5, y + (number + 0.75) / (len(part) + 0.5))
            looks = {"color": colours[payoff["player"]], "fontsize": size}
            words = say.signed(payoff["payoff"], payoff["places"])
            weight = "bold" if payoff["best"] else "normal"
            right = {"ha": "right", "fontweight": weight}
            style.note(ax, words, middle, (2 * size, 0), **right, **looks)
            if payoff["best"] or payoff["may_be"]:
                mark = "\u25cf" if payoff["best"] else "\u25cb"
                style.note(ax, mark, middle, (2.4 * size, 0), ha="left", **looks)
