"""A game's strategies, side by side: what each may be regretted for, and what it
brought its player."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.games.figures import (
    draws_words,
    looks_of,
    or_nan,
    outcome_label,
    places_for,
    titles_of,
)
from balance_sim.games.lines import player_title, reply_to_observed
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.stats.intervals import t_quantile
from balance_sim.study.outcomes import MEASURES

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame

NAMES = 34  # letters of a strategy's title on a line


REGRETS = [
    "player",
    "title",
    "worst",
    "where",
    "others",
    "mean",
    "q95",
    "choice",
    "probability",
    "over_draws",
    "observed",
    "places",
    "draws",
    "theories",
]


def regret_table(played: PlayedGame) -> pd.DataFrame:
    """One row a strategy: its worst regret over draws, theories and the others' play,
    where that is and what the others play there; its mean, and the 95 % quantile over
    draws and theories of the worst; choice: whether its worst is the least; probability
    and over_draws: of being the best reply to what the others were observed to do, over
    Monte Carlo error and over draws. Empty where nothing was drawn."""
    found, titles, rows = played.solution, titles_of(played), []
    for player, regret in (found.regret or {}).items():
        reply = reply_to_observed(played, player)
        for name, of in regret.strategies.items():
            others = "; ".join(
                f"{player_title(played, who)}: {titles[who][what]}"
                for who, what in of.others.items()
            )
            shares = (
                math.nan if share is None else share[name]
                for share in (reply.probability, reply.over_draws)
            )
            rows.append(
                (
                    player_title(played, player),
                    titles[player][name],
                    of.worst,
                    of.where.replace("_", " "),
                    others,
                    of.mean,
                    of.q95,
                    name in regret.choice,
                    *shares,
                    found.observed[player] == name,
                    places_for(played, player),
                    draws_words(played),
                    len(found.theories),
                )
            )
    return pd.DataFrame(rows, columns=REGRETS)


def regret_title(table: pd.DataFrame) -> str:
    """The finding: whose worst regret is least, and what it is."""
    players = table[table["choice"]].groupby("player", sort=False)
    told = (
        f"{player}: {' or '.join(rows['title'])} ({_size(rows.iloc[0])})"
        for player, rows in players
    )
    return f"Least regret at worst under these payoffs. {'; '.join(told)}"


def _size(row: Any) -> str:
    """A strategy's worst regret: `0.253`, `under 0.001`, `none`."""
    places = int(row["places"])
    if row["worst"] == 0:
        return "none"
    return (
        say.number(row["worst"], places)
        if row["worst"] >= 0.5 * 10.0**-places
        else f"under {10.0**-places:g}"
    )


def _regret_page(table: pd.DataFrame) -> list[style.Axes]:
    """A strip for the key, then two axes a player."""
    deep = [
        0.35,
        *(0.75 + 0.34 * count for count in table.groupby("player", sort=False).size()),
    ]
    figure = style.new_figure(10.4, 1.7 + sum(deep))
    grid = figure.add_gridspec(len(deep), 2, height_ratios=deep, width_ratios=[1.6, 1])
    places = [(row, column) for row in range(1, len(deep)) for column in range(2)]
    return [
        figure.add_subplot(grid[0, :]),
        *(figure.add_subplot(grid[at]) for at in places),
    ]


@style.figure(
    "regret",
    "Which strategy is least regretted, and how often is it best?",
    regret_table,
    page=_regret_page,
    fits=lambda played: played.solution.regret is not None,
    empty="No parameters were drawn (--draws 0): there is no regret over them to show.",
    columns="player title worst where others mean q95 probability over_draws",
)
def draw_regret(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Left a bar a strategy: the worst regret, with mean and 95 % quantile; right how
    often it is the best reply.

    axes: two a player, and one before them for the key."""
    if len(axes) > 2 * table["player"].nunique():
        _key(axes[0])
        axes = axes[1:]
    for left, right, (player, rows) in zip(
        axes[::2], axes[1::2], table.groupby("player", sort=False), strict=False
    ):
        seen = np.where(rows["observed"], " (observed)", "")
        heights = style.row_axis(
            left,
            [style.folded(name, NAMES) for name in rows["title"] + seen],
            -0.6,
            -0.4,
        )
        colours = [style.BLUE if of else style.PALE for of in rows["choice"]]
        left.barh(heights, rows["worst"], height=0.62, color=colours)
        for name, looks in MARKS.items():
            left.plot(
                rows[name], heights, color=style.INK, clip_on=False, zorder=3, **looks
            )
        left.set_xlim(0, 1.2 * float(rows["worst"].max()) or 1.0)
        left.locator_params(axis="x", nbins=6)
        for y, row in zip(heights, rows.to_dict("records"), strict=True):
            style.note(left, _size(row), (row["worst"], y), (9, 0))
        left.set_title(str(player), loc="left", fontweight="bold", fontsize=10)
        style.bare_rows(right)
        right.set(ylim=left.get_ylim(), yticks=[])
        for name, looks in SHARES.items():
            right.plot(100 * rows[name], heights, clip_on=False, **looks)
        right.set_xlim(-3, 103)
        right.set_xticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes[0].set_title("regret", loc="right", color=style.QUIET)
    axes[1].set_title(
        "is the best reply to what the others did, in", loc="left", color=style.QUIET
    )
    draws, theories = (
        say.first(table, "draws"),
        say.plural(int(table["theories"].iloc[0]), "theory", "theories"),
    )
    small = (
        f"Regret: what another strategy would have brought more. Bar: the worst over {draws}, {theories} and whatever "
        "the others play, by the expected estimator; blue: least of all. Mean: over all of these. 95 % quantile: over "
        "draws and theories, of the worst over the others' play. Payoffs of two players are not to be compared."
    )
    return style.Words(regret_title(table), "", small, 84, 124)


MARKS: dict[str, dict[str, Any]] = {
    "mean": {
        "marker": "|",
        "markersize": 11,
        "markeredgewidth": 1.8,
        "linestyle": "none",
    },
    "q95": {
        "marker": "D",
        "markersize": 5,
        "markeredgewidth": 1.4,
        "markerfacecolor": "white",
        "linestyle": "none",
    },
}
SHARES: dict[str, dict[str, Any]] = {
    "probability": {
        "marker": "o",
        "markersize": 7,
        "color": style.BLUE,
        "linestyle": "none",
    },
    "over_draws": {
        "marker": "D",
        "markersize": 10,
        "color": style.VERMILION,
        "markerfacecolor": "none",
        "markeredgewidth": 1.6,
        "linestyle": "none",
    },
}


def _key(ax: style.Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ax.set_axis_off()
    bars = (style.BLUE, "worst regret, least of all"), (style.PALE, "worst regret")
    handles: list[Any] = [
        Patch(facecolor=colour, label=label) for colour, label in bars
    ]
    names = "mean", "95 % quantile", "bootstrap samples", "draws"
    for name, looks in zip(names, (MARKS | SHARES).values(), strict=True):
        handles.append(Line2D([], [], label=name, **({"color": style.INK} | looks)))
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 0),
        ncols=len(handles),
        frameon=False,
        borderaxespad=0,
        handletextpad=0.5,
        columnspacing=1.3,
        handlelength=1.2,
    )


MOST_OUTCOMES = 8
PAYOFF = "payoff"
GAIN = "#f3f8fb"  # behind what the player wants
BALANCE = [
    "player",
    "outcome",
    "unit",
    "weight",
    "title",
    "effect",
    "lo",
    "hi",
    "draws_lo",
    "draws_hi",
    "worth",
    "observed",
    "best",
    "may_be",
    "places",
    "control",
    "n",
    "draws",
]


def balance_table(played: PlayedGame, player: str | None = None) -> pd.DataFrame:
    """The balance sheet of a player, the first one if none is named: one row an outcome
    and strategy, the others doing what was observed, and of the whole payoff first.
    effect: over the control arm, with its 95 % CI (lo, hi) and the central 95 % over
    draws (NaN without); worth: weight times effect, which less the cost add up to the
    payoff; best, may_be: whether the strategy is a best reply, and not told apart from
    one at 95 %."""
    found, game = played.solution, played.game
    player = player or game.players[0]
    titles, reply, plan = (
        titles_of(played)[player],
        reply_to_observed(played, player),
        game.plan.players[player],
    )
    t, names = t_quantile(0.95, found.runs - 1), found.players[player]
    rows: list[
        tuple[Any, ...]
    ] = []  # outcome, unit, weight, strategy, effect, lo, hi, draws
    for name in names:
        of = found.profile({**found.observed, player: name}).payoffs[player]
        half = t * or_nan(of.mcse)
        rows.append(
            (PAYOFF, "", 1.0, name, of.mean, of.mean - half, of.mean + half, of.draws)
        )
    for at, part in enumerate(plan.payoff):
        head = (
            outcome_label(played, part.outcome, part.of or ""),
            MEASURES[f"player_{part.outcome}"].unit,
            part.weight,
        )
        items = [found.balance[player][name][at] for name in names]
        rows += [
            (*head, name, of.mean, or_nan(of.lo), or_nan(of.hi), of.draws)
            for name, of in zip(names, items, strict=True)
        ]
    table = pd.DataFrame(
        rows,
        columns=["outcome", "unit", "weight", "name", "effect", "lo", "hi", "draws"],
    )
    worth = table["effect"].where(
        table["outcome"] == PAYOFF, table["weight"] * table["effect"]
    )
    return table.assign(
        player=player_title(played, player),
        title=table["name"].map(titles),
        worth=worth,
        draws_lo=[math.nan if of is None else of.q025 for of in table["draws"]],
        draws_hi=[math.nan if of is None else of.q975 for of in table["draws"]],
        observed=table["name"] == found.observed[player],
        best=table["name"].isin(reply.best),
        may_be=table["name"].isin(reply.may_be),
        places=places_for(played, player),
        n=found.runs,
        control=say.arm_title(game.scenario, game.scenario.reference_arm),
        draws=draws_words(played),
    )[BALANCE]


def balance_title(table: pd.DataFrame) -> str:
    """The finding: what the player gets from what was observed, and whether another
    strategy would have brought more."""
    whole = table[table["outcome"] == PAYOFF]
    row = whole[whole["observed"]].iloc[0]
    places, player = int(row["places"]), str(row["player"])
    doubt = []
    if row["hi"] - row["lo"] > 1e-9 * abs(row["effect"]):
        doubt.append(say.ci(row["lo"], row["hi"], places))
    if math.isfinite(row["draws_lo"]):
        doubt.append(
            f"95 % of {row['draws']} {say.interval(row['draws_lo'], row['draws_hi'], places)}"
        )
    told = f"With \u201c{row['title']}\u201d {player} gets {say.signed(row['effect'], places)} under these payoffs"
    told += f" ({'; '.join(doubt)})" if doubt else ""
    best = whole[whole["best"]]
    if row["best"]:
        return f"{told}; {'another is as good' if len(best) > 1 else 'nothing else brings as much'}"
    might = "might have brought more" if row["may_be"] else "would have brought more"
    top = best.iloc[0]
    return f"{told}; \u201c{top['title']}\u201d {might}, {say.signed(top['effect'], places)}"


def _sheet(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Outcomes that are drawn: those worth most in any strategy, the largest first."""
    parts = [
        (str(name), rows)
        for name, rows in table.groupby("outcome", sort=False)
        if name != PAYOFF
    ]
    return sorted(parts, key=lambda part: -float(part[1]["worth"].abs().max()))[
        :MOST_OUTCOMES
    ]


def _balance_page(table: pd.DataFrame) -> list[style.Axes]:
    """A wide panel for the payoff, and under it one an outcome, which need not leave
    room for names of strategies."""
    count, strategies = len(_sheet(table)), table["title"].nunique()
    wide = 1 if count == 1 else 2 if count <= 4 else 3
    rows = -(-count // wide)
    top, below = 0.75 + 0.27 * strategies, (0.9 + 0.1 * strategies) * rows
    figure = style.new_figure(10.4, 1.75 + top + below)
    upper, lower = np.ravel(
        np.asarray(figure.subfigures(2, 1, height_ratios=[top, below]), dtype=object)
    )
    grid = lower.add_gridspec(rows, wide)
    return [
        upper.add_subplot(),
        *(lower.add_subplot(grid[k // wide, k % wide]) for k in range(count)),
    ]


@style.figure(
    "balance",
    "Was it worth it for its host?",
    balance_table,
    page=_balance_page,
    empty="No profile was simulated: there is no balance to show.",
    columns="outcome unit weight title effect lo hi draws_lo draws_hi worth",
)
def draw_balance(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A dot a strategy with its CI and the interval over draws; the payoff first, then
    each outcome on its own scale.

    Outcomes that the player wants less of run from right to left: what is right of the
    line is a gain."""
    ax, whole = axes[0], table[table["outcome"] == PAYOFF]
    looks, sheet = looks_of(whole), _sheet(table)
    heights = style.row_axis(
        ax, [style.folded(title, 60) for title in whole["title"]], -0.6, -0.4
    )
    _dots(ax, whole, heights, looks, 8.0)
    for y, label, row in zip(
        heights, ax.get_yticklabels(), whole.to_dict("records"), strict=True
    ):
        colour = style.readable(looks[row["title"]][0])
        label.set(color=colour, fontweight="bold" if row["observed"] else "normal")
        words = say.signed(row["effect"], row["places"]) + (
            "  observed" if row["observed"] else ""
        )
        style.beside(
            ax, y, words + ("  best reply" if row["best"] else ""), color=colour
        )
    title = f"Payoff over the control arm ({say.first(table, 'control')}), the others as observed"
    ax.set_title(style.folded(title, 84), loc="left", fontweight="bold", fontsize=10)
    for ax, (name, rows) in zip(axes[1:], sheet, strict=False):
        _dots(ax, rows, np.arange(len(rows))[::-1].astype(float), looks, 6.0)
        _outcome(ax, name, rows)
    left_out, drawn = (
        table["outcome"].nunique() - 1 - len(sheet),
        say.first(table, "draws"),
    )
    small = (
        f"Dot: mean of {style.runs_of(table)}; thick: 95 % CI, Monte Carlo error only"
    )
    small += f"; thin: 95 % of {drawn}, expected estimator. " if drawn else ". "
    if (
        (table["effect"] < table["draws_lo"]) | (table["effect"] > table["draws_hi"])
    ).any():
        small += "A dot beside its thin line: the values in use are unlike those drawn, or the estimator leaves it out. "
    small += "Right of the line: what the player wants. Each outcome has a scale of its own; worth: in payoff, of what "
    small += "was observed. The outcomes worth most in any strategy come first."
    small += (
        f" {say.plural(left_out, 'outcome')} of less worth: in the table."
        if left_out
        else ""
    )
    return style.Words(balance_title(table), "", small, 84, 124)


def _dots(
    ax: style.Axes, rows: pd.DataFrame, heights: Any, looks: Any, size: float
) -> None:
    for y, row in zip(heights, rows.to_dict("records"), strict=True):
        colour, mark = looks[row["title"]]
        if math.isfinite(row["draws_lo"]):
            ax.hlines(y, row["draws_lo"], row["draws_hi"], colors=colour, linewidth=1.2)
        if math.isfinite(row["lo"]):
            ax.hlines(
                y, row["lo"], row["hi"], colors=colour, linewidth=size / 2, alpha=0.45
            )
        ax.plot(
            row["effect"],
            y,
            mark,
            color=colour,
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=0.7,
        )
    every = rows[["effect", "lo", "hi", "draws_lo", "draws_hi"]].to_numpy(float)
    ends = style.limits(every, 0.06, flat=1 / 0.06)
    left, right = ends[::-1] if float(rows["weight"].iloc[0]) < 0 else ends
    ax.set_xlim(left, right)
    ax.axvline(0, color=style.INK, linewidth=1, zorder=1)
    ax.axvspan(0, right, color=GAIN, linewidth=0, zorder=0)
    if np.nan_to_num(every).any():
        ax.locator_params(axis="x", nbins=5 if size > 7 else 4)
    else:
        ax.set_xticks([0.0])


def _outcome(ax: style.Axes, name: str, rows: pd.DataFrame) -> None:
    ax.set(yticks=[], ylim=(-0.7, len(rows) - 0.3))
    ax.spines["left"].set_visible(False)
    seen = rows[rows["observed"]].iloc[0]
    weight, worth = (
        float(seen["weight"]),
        say.signed(seen["worth"], int(seen["places"])),
    )
    wants = (
        "wants more \u2192"
        if weight > 0
        else "wants less \u2192"
        if weight < 0
        else "indifferent"
    )
    ax.set_title(
        f"{name} ({seen['unit']})\n", loc="left", fontsize=9.5, fontweight="bold", pad=4
    )
    looks: dict[str, Any] = {
        "transform": ax.transAxes,
        "fontsize": style.SMALL,
        "color": style.QUIET,
        "va": "bottom",
    }
    beneath = ax.text(0, 1.0, f"{wants}   weight {weight:g}, worth {worth}", **looks)
    beneath.set_in_layout(False)


def sheets(played: PlayedGame) -> dict[str, style.FigureSpec]:
    """The balance sheet of the first player, and one of every other by its name:
    `balance_tokyo`."""
    first, *rest = played.game.players
    out = {
        "balance": replace(
            draw_balance, question=f"Was it worth it for {player_title(played, first)}?"
        )
    }
    for player in rest:
        name, question = (
            f"balance_{player}",
            f"What did it bring {player_title(played, player)}?",
        )
        table = partial(balance_table, player=player)
        out[name] = replace(draw_balance, name=name, question=question, table=table)
    return out
