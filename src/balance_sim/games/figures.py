"""Games: the payoff of every profile with its best replies and equilibria.

Payoffs are over the control arm, and everything is said under the payoffs of the
file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.games.lines import OUTCOMES, player_title, strategy_title
from balance_sim.show import wording as say
from balance_sim.show.figures import style

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame

SIDES = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE)
"""Colours of players, in the order of the file."""
LOOKS = (
    (style.BLUE, "o"),
    (style.VERMILION, "s"),
    (style.GREEN, "D"),
    (style.PURPLE, "^"),
    (style.ORANGE, "v"),
    (style.INK, "P"),
)
"""Colours and marks of strategies: what was observed first, then the others in the
order of the file."""
SEEN = "#eaf3f9"  # behind what was observed
MOST_CELLS = 72  # in one figure
FEW = 6  # cells that may have large numbers
WIDE = 6  # columns of matrices side by side


def titles_of(played: PlayedGame) -> dict[str, dict[str, str]]:
    """By player and strategy: its title with a capital, and its name where two of a
    player's have one title."""
    out = {}
    for player, names in played.solution.players.items():
        titles = {
            name: say.capital(strategy_title(played, player, name)) for name in names
        }
        said = list(titles.values())
        out[player] = {
            name: of if said.count(of) == 1 else f"{of} ({name})"
            for name, of in titles.items()
        }
    return out


def outcome_label(played: PlayedGame, outcome: str, of: str) -> str:
    """An outcome as it is read, with groups and states in words: `Relations: US
    Allies`."""
    scenario = played.game.scenario
    names = say.state_names(scenario)
    whom = say.group_words(of) if of in scenario.groups else names.get(of, of)
    if of not in scenario.groups and of not in names and "-" in of:
        whom = say.dyad_name(names, *of.split("-", 1))
    return say.capital(OUTCOMES[outcome].format(of=whom))


def places_for(played: PlayedGame, player: str) -> int:
    """Decimals of a player's payoffs: two significant digits of the largest Monte Carlo
    error, and no more than three of the largest payoff."""
    of = [one.payoffs[player] for one in played.solution.profiles]
    most = max(abs(one.mean) for one in of)
    room = 3 - math.floor(math.log10(most)) - 1 if most > 0 else 1
    error = max(one.mcse or 0.0 for one in of)
    return max(min(say.decimals(error) if error > 1e-9 * most else 6, room, 6), 0)


def draws_words(played: PlayedGame) -> str:
    """`20 draws of the posterior`; nothing where nothing was drawn."""
    of = played.solution.draws
    return "" if of is None else f"{say.plural(of.count, 'draw')} of the {of.source}"


def or_nan(value: float | None) -> float:
    """A number of a table; NaN where there is none."""
    return math.nan if value is None else value


def axes_of(played: PlayedGame) -> tuple[list[str], list[str]]:
    """Which players are rows and columns of a matrix, and which tell matrices apart:
    those with fewest strategies."""
    sizes = {name: len(of) for name, of in played.solution.players.items()}
    apart = sorted(sizes, key=lambda name: (sizes[name], -list(sizes).index(name)))[
        : max(len(sizes) - 2, 0)
    ]
    return [name for name in sizes if name not in apart], [
        name for name in sizes if name in apart
    ]


def payoffs_table(played: PlayedGame) -> pd.DataFrame:
    """One row a profile and player: payoff over the control arm with its Monte Carlo
    standard error, lo and hi over draws (central 95 %, NaN without), whether its
    strategy is a best reply, and not told apart from one at 95 %; whether the profile
    is an equilibrium in pure strategies and what was observed; where it stands in a
    matrix; places: decimals; probability and over_draws: of the profile being an
    equilibrium, over Monte Carlo error and over draws."""
    found, titles = played.solution, titles_of(played)
    (down, *across), apart = axes_of(played)
    replies = {(one.player, *one.others.values()): one for one in found.best_replies}
    rows = []
    for one in found.profiles:
        said = {name: titles[name][of] for name, of in one.strategies.items()}
        for player, of in one.payoffs.items():
            mine = one.strategies[player]
            reply = replies[
                player, *(s for name, s in one.strategies.items() if name != player)
            ]
            rows.append(
                {
                    "profile": " / ".join(said.values()),
                    "player": player_title(played, player),
                    "payoff": of.mean,
                    "mcse": or_nan(of.mcse),
                    "lo": math.nan if of.draws is None else of.draws.q025,
                    "hi": math.nan if of.draws is None else of.draws.q975,
                    "best": mine in reply.best,
                    "may_be": mine in reply.may_be,
                    "equilibrium": one.equilibrium,
                    "observed": dict(one.strategies) == dict(found.observed),
                    "row": said[down],
                    "column": said[across[0]] if across else "",
                    "matrix": "; ".join(
                        f"{player_title(played, name)}: {said[name]}" for name in apart
                    ),
                    "row_player": player_title(played, down),
                    "column_player": player_title(played, across[0]) if across else "",
                    "places": places_for(played, player),
                    "probability": or_nan(one.probability),
                    "over_draws": or_nan(one.over_draws),
                    "n": found.runs,
                    "draws": draws_words(played),
                }
            )
    return pd.DataFrame(rows)


def payoffs_title(table: pd.DataFrame) -> str:
    """The finding: which profiles are equilibria in pure strategies, how surely, and
    whether one was observed."""
    every = table.drop_duplicates("profile")
    found, observed = (
        every[every["equilibrium"]],
        bool(every.loc[every["observed"], "equilibrium"].iloc[0]),
    )
    if found.empty:
        return "Under these payoffs no profile is an equilibrium in pure strategies"
    if len(found) > 1:
        one = (
            "what was observed is one of them"
            if observed
            else "what was observed is none of them"
        )
        return f"Under these payoffs {len(found)} profiles are equilibria in pure strategies; {one}"
    row = found.iloc[0]
    shares = (
        (row["probability"], "bootstrap samples"),
        (row["over_draws"], row["draws"]),
    )
    sure = " and ".join(
        f"{say.percent(share)} of {what}"
        for share, what in shares
        if not math.isnan(share)
    )
    told = "is no equilibrium; the one in pure strategies is " + row["profile"]
    told = "is the one equilibrium in pure strategies" if observed else told
    return f"Under these payoffs what was observed {told}" + (
        f" (it is one in {sure})" if sure else ""
    )


def _cells(table: pd.DataFrame) -> int:
    """Of one matrix."""
    return int(table["row"].nunique() * table["column"].nunique())


def _matrices(table: pd.DataFrame) -> list[str]:
    """Matrices that are drawn, in their order: of many those with what was observed and
    with equilibria first."""
    every = list(dict.fromkeys(table["matrix"]))
    told = [
        *table.loc[table["observed"], "matrix"],
        *table.loc[table["equilibrium"], "matrix"],
        *every,
    ]
    chosen = [*dict.fromkeys(told)][: max(MOST_CELLS // _cells(table), 1)]
    return [one for one in every if one in chosen]


def _key_handles(table: pd.DataFrame) -> list[Any]:
    """What the marks are, and the players' colours in the order in which they stand in
    a cell."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    looks: dict[str, Any] = {
        "linestyle": "none",
        "color": style.INK,
        "marker": "o",
        "markersize": 6,
    }
    bar: dict[str, Any] = {
        "linestyle": "none",
        "marker": "_",
        "markeredgewidth": 3,
        "markersize": 11,
    }
    players, doubt = table["player"].unique(), (table["may_be"] & ~table["best"]).any()
    return [
        *(
            Line2D([], [], color=SIDES[k % 4], label=name, **bar)
            for k, name in enumerate(players)
        ),
        Line2D([], [], label="best reply", **looks),
        *(
            [Line2D([], [], label="may be best", markerfacecolor="white", **looks)]
            if doubt
            else []
        ),
        Patch(
            facecolor="white", edgecolor=style.INK, linewidth=2.2, label="equilibrium"
        ),
        Patch(
            facecolor=SEEN,
            edgecolor=style.QUIET,
            linestyle=(0, (3, 2)),
            label="observed",
        ),
    ]


def _key_rows(handles: list[Any], width: float) -> int:
    """Rows that a key needs in so many inches."""
    return 1 + int(
        sum(0.5 + 0.075 * len(one.get_label()) for one in handles) > width - 0.3
    )


def _payoff_page(table: pd.DataFrame) -> list[style.Axes]:
    """A strip for the key, then the matrices, as many beside each other as are
    legible."""
    rows, columns, players = (
        table[name].nunique() for name in ("row", "column", "player")
    )
    count = len(_matrices(table))
    wide = max(1, min(count, WIDE // columns))
    deep = -(-count // wide)
    cell = (0.28 if _cells(table) * count <= FEW else 0.21) * players + 0.2
    titles = table["matrix"].map(len).max() // (13 * columns)
    heads = 0.75 + 0.17 * titles if columns > 1 or count > 1 else 0.2
    width = min(max(2.6 + 1.25 * columns * wide, 8.4), 11.0)
    key = 0.3 * _key_rows(_key_handles(table), width)
    figure = style.new_figure(width, 1.45 + key + deep * (rows * cell + heads))
    grid = figure.add_gridspec(
        1 + deep, wide, height_ratios=[key] + [rows * cell + heads] * deep
    )
    axes = [figure.add_subplot(grid[0, :])]
    for k in range(count):
        first = "first" if k % wide == 0 else ""
        axes.append(figure.add_subplot(grid[1 + k // wide, k % wide], gid=first))
    return axes


@style.figure(
    "payoffs",
    "What does each side get, and which replies are best?",
    payoffs_table,
    page=_payoff_page,
    empty="No profile was simulated: there are no payoffs to show.",
)
def draw_payoffs(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A matrix of rows and columns for each profile of the rest; in a cell each
    player's payoff from the top down.

    axes: one for the key if there is one more than matrices."""
    chosen = _matrices(table)
    if len(axes) > len(chosen):
        _key(axes[0], table)
        axes = axes[1:]
    for k, (ax, name) in enumerate(zip(axes, chosen, strict=False)):
        first = k == 0 or ax.get_gid() == "first"
        _matrix(
            ax,
            table[table["matrix"] == name],
            first=first,
            large=_cells(table) * len(chosen) <= FEW,
        )
    small = (
        f"Mean payoffs over the control arm, {style.runs_of(table)} a profile, with the digits that the "
        "Monte Carlo error leaves. Best replies compare profiles on common random numbers, which is surer than "
        "these digits; may be best: not told apart from the best at 95 %."
    )
    if len(chosen) < (every := table["matrix"].nunique()):
        small += f" {len(chosen)} of {every} matrices; all are in the table."
    width = float(style.owner(axes[0]).get_size_inches()[0])
    return style.Words(
        payoffs_title(table), "", small, int(8.2 * width), int(12.2 * width)
    )


def _key(ax: style.Axes, table: pd.DataFrame) -> None:
    """From the left edge of the page on, over the names of rows."""
    from matplotlib.transforms import blended_transform_factory

    ax.set_axis_off()
    whole, handles = style.owner(ax), _key_handles(table)
    columns = -(-len(handles) // _key_rows(handles, float(whole.get_size_inches()[0])))
    legend = ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.012, 0),
        ncols=columns,
        frameon=False,
        borderaxespad=0,
        bbox_transform=blended_transform_factory(whole.transFigure, ax.transAxes),
        borderpad=0,
        handletextpad=0.4,
        columnspacing=1.4,
        fontsize=10,
    )
    legend.set_in_layout(False)


def _matrix(ax: style.Axes, part: pd.DataFrame, *, first: bool, large: bool) -> None:
    from matplotlib.patches import Rectangle

    rows, columns, players = (
        list(part[name].unique()) for name in ("row", "column", "player")
    )
    colours = {name: style.readable(SIDES[k % 4]) for k, name in enumerate(players)}
    size = 13.0 if large else 10.5
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.xaxis.set_ticks_position("top")
    ax.xaxis.set_label_position("top")
    ax.set_yticks(
        np.arange(len(rows)) + 0.5,
        [style.folded(name, 24) if first else "" for name in rows],
    )
    ax.set_xticks(
        np.arange(len(columns)) + 0.5,
        [style.folded(name, 17) if name else "" for name in columns],
    )
    bold: dict[str, Any] = {"fontweight": "bold", "fontsize": 10}
    across, down, name = (
        say.first(part, one) for one in ("column_player", "row_player", "matrix")
    )
    if across:
        ax.set_xlabel(across, color=colours[across], labelpad=6, **bold)
    if first:
        ax.set_ylabel(down, color=colours[down], **bold)
    if name:
        ax.set_title(
            style.folded(name, 15 * len(columns)), loc="left", fontsize=10.5, pad=8
        )
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            cell = part[(part["row"] == row) & (part["column"] == column)].to_dict(
                "records"
            )
            face, inset = (
                SEEN if cell[0]["observed"] else "white",
                0.01 * min(len(columns), 3),
            )
            ax.add_patch(
                Rectangle(
                    (x, y), 1, 1, facecolor=face, edgecolor=style.PALE, linewidth=0.8
                )
            )
            if cell[0]["observed"]:
                looks: dict[str, Any] = {
                    "edgecolor": style.QUIET,
                    "linewidth": 1,
                    "linestyle": (0, (3, 2)),
                }
                ax.add_patch(
                    Rectangle(
                        (x + inset, y + 0.05), 1 - 2 * inset, 0.9, fill=False, **looks
                    )
                )
            if cell[0]["equilibrium"]:
                looks = {
                    "edgecolor": style.INK,
                    "linewidth": 2.4,
                    "zorder": 4,
                    "clip_on": False,
                }
                ax.add_patch(Rectangle((x, y), 1, 1, fill=False, **looks))
            for k, of in enumerate(cell):
                middle = (x + 0.5, y + (k + 0.75) / (len(players) + 0.5))
                looks = {"color": colours[of["player"]], "fontsize": size}
                words, weight = (
                    say.signed(of["payoff"], of["places"]),
                    "bold" if of["best"] else "normal",
                )
                style.note(
                    ax,
                    words,
                    middle,
                    (2 * size, 0),
                    ha="right",
                    fontweight=weight,
                    **looks,
                )
                if of["best"] or of["may_be"]:
                    mark = "\u25cf" if of["best"] else "\u25cb"
                    style.note(ax, mark, middle, (2.4 * size, 0), ha="left", **looks)


def looks_of(rows: pd.DataFrame) -> Mapping[str, tuple[str, str]]:
    """Colour and mark of each of a player's strategies by its title; rows: title,
    observed."""
    ordered = rows.drop_duplicates("title").sort_values(
        "observed", ascending=False, kind="stable"
    )["title"]
    return {title: LOOKS[k % len(LOOKS)] for k, title in enumerate(ordered)}
