"""A game's strategies, side by side: what each may be regretted for, and what it
brought its player."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.games.figures import bounds_of, or_nan
from balance_sim.games.titles import draws_words, outcome_titles, places_for, titles_of
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.stats.intervals import t_quantile
from balance_sim.study.outcomes import MEASURES

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.titles import Titles

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
MARKS: dict[str, dict[str, Any]] = {
    "mean": {"marker": "|", "ms": 11, "mew": 1.8, "ls": "none"},
    "q95": {"marker": "D", "ms": 5, "mew": 1.4, "mfc": "white", "ls": "none"},
}
"""Of the mean and the 95 % quantile of regret."""
SHARES: dict[str, dict[str, Any]] = {
    "probability": {"marker": "o", "ms": 7, "color": style.BLUE, "ls": "none"},
    "over_draws": {
        "marker": "D",
        "ms": 10,
        "color": style.VERMILION,
        "mfc": "none",
        "mew": 1.6,
        "ls": "none",
    },
}
"""Of the shares of bootstrap samples and of draws in which a strategy is best."""


def regret_table(played: PlayedGame, titles: Titles | None = None) -> pd.DataFrame:
    """One row a strategy: its worst regret over draws, theories and the others' play,
    where that is and what the others play there; its mean, and the 95 % quantile over
    draws and theories of the worst; choice: whether its worst is the smallest;
    probability and over_draws: of being the best reply to what the others were observed
    to do, over Monte Carlo error and over draws. Empty where nothing was drawn."""
    solution, rows = played.solution, []
    titles = titles or titles_of(played.game)
    for player, regrets in (solution.regret or {}).items():
        reply = solution.reply_to_observed(player)
        for name, regret in regrets.strategies.items():
            row = {
                "player": titles.players[player],
                "title": titles.strategies[player][name],
                "worst": regret.worst,
                "where": regret.where.replace("_", " "),
                "others": titles.profile(regret.others),
                "mean": regret.mean,
                "q95": regret.q95,
                "choice": name in regrets.choice,
                "probability": or_nan((reply.probability or {}).get(name)),
                "over_draws": or_nan((reply.over_draws or {}).get(name)),
                "observed": solution.observed[player] == name,
                "places": places_for(solution, player),
            }
            rows.append(row)
    table = pd.DataFrame(rows, columns=REGRETS[:-2])
    return table.assign(draws=draws_words(played), theories=len(solution.theories))


def regret_title(table: pd.DataFrame) -> str:
    """The finding: whose worst regret is smallest, and what it is."""
    findings = []
    for player, rows in table[table["choice"]].groupby("player", sort=False):
        choice = " or ".join(rows["title"])
        findings.append(f"{player}: {choice} ({_size(rows.iloc[0])})")
    return f"Least regret at worst under these payoffs. {'; '.join(findings)}"


def _size(row: Any) -> str:
    """A strategy's worst regret: `0.253`, `under 0.001`, `none`."""
    places, worst = int(row["places"]), float(row["worst"])
    if worst == 0:
        return "none"
    if worst < 0.5 * 10.0**-places:
        return f"under {10.0**-places:g}"
    return say.number(worst, places)


def _regret_page(table: pd.DataFrame) -> list[style.Axes]:
    """A strip for the key, then two axes a player."""
    strategies = table.groupby("player", sort=False).size()
    heights = [0.35, *(0.75 + 0.34 * count for count in strategies)]
    figure = style.new_figure(10.4, 1.7 + sum(heights))
    ratios: dict[str, Any] = {"height_ratios": heights, "width_ratios": [1.6, 1]}
    grid = figure.add_gridspec(len(heights), 2, **ratios)
    axes = [figure.add_subplot(grid[0, :])]
    for row in range(1, len(heights)):
        axes += [figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])]
    return axes


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
    players = table.groupby("player", sort=False)
    if len(axes) > 2 * len(players):
        _key(axes[0])
        axes = axes[1:]
    for number, (player, rows) in enumerate(players):
        bars, shares = axes[2 * number], axes[2 * number + 1]
        _regret_bars(bars, rows)
        bars.set_title(str(player), loc="left", fontweight="bold", fontsize=10)
        _best_shares(shares, rows)
        shares.set(ylim=bars.get_ylim(), yticks=[])
    axes[0].set_title("regret", loc="right", color=style.QUIET)
    head = "is the best reply to what the others did, in"
    axes[1].set_title(head, loc="left", color=style.QUIET)
    draws = say.first(table, "draws")
    theories = say.plural(int(table["theories"].iloc[0]), "theory", "theories")
    small = (
        "Regret: what another strategy would have brought more. Bar: the worst over "
        f"{draws}, {theories} and whatever the others play, by the expected estimator; "
        "blue: least of all. Mean: over all of these. 95 % quantile: over draws and "
        "theories, of the worst over the others' play. Payoffs of two players are not "
        "to be compared."
    )
    return style.Words(regret_title(table), "", small, 84, 124)


def _regret_bars(ax: style.Axes, rows: pd.DataFrame) -> None:
    observed = np.where(rows["observed"], " (observed)", "")
    labels = [style.folded(name, NAMES) for name in rows["title"] + observed]
    heights = style.row_axis(ax, labels, -0.6, -0.4)
    colours = [style.BLUE if choice else style.PALE for choice in rows["choice"]]
    ax.barh(heights, rows["worst"], height=0.62, color=colours)
    for name, looks in MARKS.items():
        ax.plot(rows[name], heights, color=style.INK, clip_on=False, zorder=3, **looks)
    ax.set_xlim(0, 1.2 * float(rows["worst"].max()) or 1.0)
    ax.locator_params(axis="x", nbins=6)
    for y, row in zip(heights, rows.to_dict("records"), strict=True):
        style.note(ax, _size(row), (row["worst"], y), (9, 0))


def _best_shares(ax: style.Axes, rows: pd.DataFrame) -> None:
    heights = np.arange(len(rows))[::-1]
    style.bare_rows(ax)
    for name, looks in SHARES.items():
        ax.plot(100 * rows[name], heights, clip_on=False, **looks)
    ax.set_xlim(-3, 103)
    ax.set_xticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])


def _key(ax: style.Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ax.set_axis_off()
    handles: list[Any] = [
        Patch(facecolor=style.BLUE, label="worst regret, least of all"),
        Patch(facecolor=style.PALE, label="worst regret"),
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


def balance_table(
    played: PlayedGame, player: str | None = None, titles: Titles | None = None
) -> pd.DataFrame:
    """The balance sheet of a player, the first one if none is named: one row an outcome
    and strategy, the others doing what was observed, and of the whole payoff first.

    effect: over the control arm, with its 95 % CI (lo, hi) and the central 95 % over
    draws (NaN without); worth: weight times effect, which less the cost add up to the
    payoff; best, may_be: whether the strategy is a best reply, and not told apart from
    one at 95 %."""
    solution, game = played.solution, played.game
    player = player or game.players[0]
    titles, reply = titles or titles_of(game), solution.reply_to_observed(player)
    rows = [*_payoff_rows(played, player), *_outcome_rows(played, player)]
    table = pd.DataFrame(rows)
    strategy = table.pop("strategy")
    return table.assign(
        player=titles.players[player],
        title=strategy.map(dict(titles.strategies[player])),
        observed=strategy == solution.observed[player],
        best=strategy.isin(reply.best),
        may_be=strategy.isin(reply.may_be),
        places=places_for(solution, player),
        n=solution.runs,
        control=say.arm_title(game.scenario, game.scenario.reference_arm),
        draws=draws_words(played),
    )[BALANCE]


def _payoff_rows(played: PlayedGame, player: str) -> list[dict[str, Any]]:
    """Of the whole payoff, a row a strategy."""
    solution, rows = played.solution, []
    t = t_quantile(0.95, solution.runs - 1)
    for strategy in solution.players[player]:
        payoff = solution.beside_observed(player, strategy).payoffs[player]
        half, (low, high) = t * or_nan(payoff.mcse), bounds_of(payoff.draws)
        row = {"outcome": PAYOFF, "unit": "", "weight": 1.0, "strategy": strategy}
        row |= {"effect": payoff.mean, "worth": payoff.mean}
        row |= {"lo": payoff.mean - half, "hi": payoff.mean + half}
        rows.append(row | {"draws_lo": low, "draws_hi": high})
    return rows


def _outcome_rows(played: PlayedGame, player: str) -> list[dict[str, Any]]:
    """Of every outcome, a row a strategy."""
    outcomes = outcome_titles(played.game, player)
    plan, rows = played.game.plan.players[player], []
    for number, part in enumerate(plan.payoff):
        outcome = {
            "outcome": outcomes[part.outcome, part.of or ""],
            "unit": MEASURES[f"player_{part.outcome}"].unit,
            "weight": part.weight,
        }
        for strategy, items in played.solution.balance[player].items():
            item = items[number]
            low, high = bounds_of(item.draws)
            row = outcome | {"strategy": strategy, "effect": item.mean}
            row |= {"worth": part.weight * item.mean}
            row |= {"lo": or_nan(item.lo), "hi": or_nan(item.hi)}
            rows.append(row | {"draws_lo": low, "draws_hi": high})
    return rows


def balance_title(table: pd.DataFrame) -> str:
    """The finding: what the player gets from what was observed, and whether another
    strategy would have brought more."""
    payoffs = table[table["outcome"] == PAYOFF]
    row, best = payoffs[payoffs["observed"]].iloc[0], payoffs[payoffs["best"]]
    places = int(row["places"])
    doubts = []
    if row["hi"] - row["lo"] > 1e-9 * abs(row["effect"]):
        doubts.append(say.ci(row["lo"], row["hi"], places))
    if math.isfinite(row["draws_lo"]):
        interval = say.interval(row["draws_lo"], row["draws_hi"], places)
        doubts.append(f"95 % of {row['draws']} {interval}")
    payoff = say.signed(row["effect"], places)
    words = f"With “{row['title']}” {row['player']} gets {payoff} under these payoffs"
    if doubts:
        words += f" ({'; '.join(doubts)})"
    if row["best"]:
        is_tie = len(best) > 1
        alternative = "another is as good" if is_tie else "nothing else brings as much"
        return f"{words}; {alternative}"
    might = "might have brought more" if row["may_be"] else "would have brought more"
    top = best.iloc[0]
    return f"{words}; “{top['title']}” {might}, {say.signed(top['effect'], places)}"


def _outcomes_drawn(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Outcomes worth most in any strategy, the largest first."""
    outcomes = []
    for name, rows in table[table["outcome"] != PAYOFF].groupby("outcome", sort=False):
        outcomes.append((str(name), rows))
    outcomes.sort(key=lambda outcome: -float(outcome[1]["worth"].abs().max()))
    return outcomes[:MOST_OUTCOMES]


def _balance_page(table: pd.DataFrame) -> list[style.Axes]:
    """A wide panel for the payoff, and under it one an outcome, which need not leave
    room for names of strategies."""
    count, strategies = len(_outcomes_drawn(table)), table["title"].nunique()
    wide = 3
    if count <= 4:
        wide = min(count, 2)
    rows = -(-count // wide)
    top, below = 0.75 + 0.27 * strategies, (0.9 + 0.1 * strategies) * rows
    figure = style.new_figure(10.4, 1.75 + top + below)
    halves = figure.subfigures(2, 1, height_ratios=[top, below])
    upper, lower = np.ravel(np.asarray(halves, dtype=object))
    grid = lower.add_gridspec(rows, wide)
    payoff = upper.add_subplot()
    places = [grid[divmod(number, wide)] for number in range(count)]
    return [payoff, *map(lower.add_subplot, places)]


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
    payoffs = table[table["outcome"] == PAYOFF]
    outcomes = _outcomes_drawn(table)
    looks = _looks(payoffs)
    _payoff_panel(axes[0], payoffs, looks)
    for ax, (name, rows) in zip(axes[1:], outcomes, strict=False):
        _dots(ax, rows, np.arange(len(rows))[::-1].astype(float), looks, 6.0)
        _outcome_panel(ax, name, rows)
    return style.Words(balance_title(table), "", _small_print(table), 84, 124)


def _looks(payoffs: pd.DataFrame) -> Mapping[str, tuple[str, str]]:
    """Colour and mark of each of a player's strategies by its title."""
    ordered = payoffs.sort_values("observed", ascending=False, kind="stable")["title"]
    return {title: LOOKS[k % len(LOOKS)] for k, title in enumerate(ordered)}


def _payoff_panel(
    ax: style.Axes, payoffs: pd.DataFrame, looks: Mapping[str, tuple[str, str]]
) -> None:
    labels = [style.folded(title, 60) for title in payoffs["title"]]
    heights = style.row_axis(ax, labels, -0.6, -0.4)
    _dots(ax, payoffs, heights, looks, 8.0)
    rows = payoffs.to_dict("records")
    for y, label, row in zip(heights, ax.get_yticklabels(), rows, strict=True):
        colour = style.readable(looks[row["title"]][0])
        label.set(color=colour, fontweight="bold" if row["observed"] else "normal")
        words = [say.signed(row["effect"], row["places"])]
        if row["observed"]:
            words.append("observed")
        if row["best"]:
            words.append("best reply")
        style.beside(ax, y, "  ".join(words), color=colour)
    control = say.first(payoffs, "control")
    title = f"Payoff over the control arm ({control}), the others as observed"
    ax.set_title(style.folded(title, 84), loc="left", fontweight="bold", fontsize=10)


def _small_print(table: pd.DataFrame) -> str:
    draws = say.first(table, "draws")
    runs = style.runs_of(table)
    small = f"Dot: mean of {runs}; thick: 95 % CI, Monte Carlo error only"
    if draws:
        small += f"; thin: 95 % of {draws}, expected estimator"
    small += ". "
    below, above = (
        table["effect"] < table["draws_lo"],
        table["effect"] > table["draws_hi"],
    )
    if (below | above).any():
        small += (
            "A dot beside its thin line: the point values are unlike those drawn, or "
            "the estimator leaves it out. "
        )
    small += (
        "Right of the line: what the player wants. Each outcome has a scale of its "
        "own; worth: in payoff, of what was observed. The outcomes worth most in any "
        "strategy come first."
    )
    missing = table["outcome"].nunique() - 1 - len(_outcomes_drawn(table))
    if missing:
        small += f" {say.plural(missing, 'outcome')} of less worth: in the table."
    return small


def _dots(
    ax: style.Axes, rows: pd.DataFrame, heights: Any, looks: Any, size: float
) -> None:
    for y, row in zip(heights, rows.to_dict("records"), strict=True):
        colour, mark = looks[row["title"]]
        if math.isfinite(row["draws_lo"]):
            ax.hlines(y, row["draws_lo"], row["draws_hi"], colors=colour, lw=1.2)
        if math.isfinite(row["lo"]):
            ax.hlines(y, row["lo"], row["hi"], colors=colour, lw=size / 2, alpha=0.45)
        dot: dict[str, Any] = {"color": colour, "ms": size, "mec": "white", "mew": 0.7}
        ax.plot(row["effect"], y, mark, **dot)
    values = rows[["effect", "lo", "hi", "draws_lo", "draws_hi"]].to_numpy(float)
    start, end = style.limits(values, 0.06, flat=1 / 0.06)
    if float(rows["weight"].iloc[0]) < 0:
        start, end = end, start
    ax.set_xlim(start, end)
    ax.axvline(0, color=style.INK, linewidth=1, zorder=1)
    ax.axvspan(0, end, color=GAIN, linewidth=0, zorder=0)
    if np.nan_to_num(values).any():
        ax.locator_params(axis="x", nbins=5 if size > 7 else 4)
    else:
        ax.set_xticks([0.0])


def _outcome_panel(ax: style.Axes, name: str, rows: pd.DataFrame) -> None:
    ax.set(yticks=[], ylim=(-0.7, len(rows) - 0.3))
    ax.spines["left"].set_visible(False)
    observed = rows[rows["observed"]].iloc[0]
    weight = float(observed["weight"])
    worth = say.signed(observed["worth"], int(observed["places"]))
    wants = "indifferent"
    if weight != 0:
        wants = "wants more \u2192" if weight > 0 else "wants less \u2192"
    bold: dict[str, Any] = {"fontsize": 9.5, "fontweight": "bold", "pad": 4}
    ax.set_title(f"{name} ({observed['unit']})\n", loc="left", **bold)
    words = f"{wants}   weight {weight:g}, worth {worth}"
    looks: dict[str, Any] = {"fontsize": style.SMALL, "color": style.QUIET}
    beneath = ax.text(0, 1.0, words, transform=ax.transAxes, va="bottom", **looks)
    beneath.set_in_layout(False)


def sheets(played: PlayedGame) -> dict[str, style.FigureSpec]:
    """The balance sheet of the first player, and one of every other by its id:
    `balance_tokyo`."""
    specs: dict[str, style.FigureSpec] = {}
    for player, title in titles_of(played.game).players.items():
        if not specs:
            question = f"Was it worth it for {title}?"
            specs["balance"] = replace(draw_balance, question=question)
            continue
        name, question = f"balance_{player}", f"What did it bring {title}?"
        table = partial(balance_table, player=player)
        specs[name] = replace(draw_balance, name=name, question=question, table=table)
    return specs
