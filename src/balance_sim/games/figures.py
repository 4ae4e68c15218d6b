"""The figures of a game: what makes up the difference between what each side would
choose and what it did, and in which futures either fails.

Everything holds under the payoffs of the file.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from balance_sim.games.robust_page import FAILS, read_boxes, restriction_words
from balance_sim.games.tables import two_digits, waterfall_table
from balance_sim.show import wording as say
from balance_sim.show.figures import style


def _stacked(
    table: pd.DataFrame, of: list[str], room: tuple[float, float], *, sharex: bool
) -> list[style.Axes]:
    """A panel a group of rows that share some columns, as high as it has rows. room:
    inches of each panel, and of each row."""
    sizes = table.groupby(of, sort=False).size()
    heights = [room[0] + room[1] * size for size in sizes]
    options: dict[str, Any] = {"height_ratios": heights, "sharex": sharex}
    return style.panels(len(heights), 1, 1.6 + sum(heights), **options)


@style.figure(
    "waterfall",
    "What makes up the difference between what each side would choose and what it did?",
    waterfall_table,
    page=partial(_stacked, of=["player"], room=(0.75, 0.34), sharex=False),
    empty="No profile was simulated: there is nothing to compare.",
    columns="player choice against part value lo hi start",
)
def draw_waterfall(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a player: a bar a row of its payoff, each from where the one above ends,
    and a last one of their sum, with the central 95 % over draws."""
    players = table.groupby("player", sort=False)
    for ax, (player, rows) in zip(axes, players, strict=True):
        heights = style.row_axis(ax, [style.folded(part, 40) for part in rows["part"]])
        for y, row in zip(heights, rows.to_dict("records"), strict=True):
            colour = style.BLUE if row["value"] >= 0 else style.ORANGE
            ax.barh(y, row["value"], 0.62, row["start"], color=colour)
            end = row["start"] + row["value"]
            words = two_digits(row["value"])
            words = f"+{words}" if float(words) > 0 else words
            if row["is_sum"] and row["lo"] < row["hi"]:
                ax.plot([row["lo"], row["hi"]], [y, y], color=style.INK, linewidth=1.5)
                words += f"  ({two_digits(row['lo'])} to {two_digits(row['hi'])})"
            else:
                ax.plot([end, end], [y - 1, y], color=style.QUIET, linewidth=0.8)
            style.beside(ax, y, words)
        ax.axvline(0, color=style.INK, linewidth=1, zorder=1)
        choice, against = say.first(rows, "choice"), say.first(rows, "against")
        versus = "the next best" if rows["is_observed"].iloc[0] else "what it did"
        title = f"{player}: “{choice}” against {versus}, “{against}”"
        ax.set_title(
            style.folded(title, 100), loc="left", fontweight="bold", fontsize=10
        )
    is_drawn = table["lo"].notna().all()
    values = f"the mean of {style.runs_of(table)} at the point values"
    if is_drawn:
        values = "mean over draws of the parameters, expected estimator"
    lines = "; line: central 95 % of draws" if is_drawn else ""
    small = f"Payoff, {values}{lines}. Payoffs of two players are not to be compared."
    return style.Words(say.first(table, "finding").rstrip("."), "", small)


# --- conditions -----------------------------------------------------------------------

BOX = ["player", "strategy", "box"]
"""What a panel is of."""


@style.figure(
    "boxes",
    "In which futures does a strategy fail?",
    read_boxes,
    page=partial(_stacked, of=BOX, room=(1.0, 0.5), sharex=True),
    empty="No condition is named: `balance-sim game FILE --discover` looks for some.",
    columns="player strategy box coverage density factor least largest among quasi_p",
)
def draw_boxes(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a box: a bar a restriction, from the share of draws that lie below it to
    the share that lie below its end; of a category a stretch for each that is left."""
    boxes = table.groupby(BOX, sort=False)
    for ax, ((player, strategy, number), rows) in zip(axes, boxes, strict=True):
        records = rows.to_dict("records")
        words = [style.folded(restriction_words(row), 50) for row in records]
        heights = style.row_axis(ax, words)
        for y, row in zip(heights, records, strict=True):
            ax.barh(y, 1.0, 0.44, color=style.GRID)
            for begin, end in _stretches(row):
                ax.barh(y, end - begin, 0.44, begin, color=style.VERMILION)
        caught, fails = say.percent(rows["coverage"].iloc[0]), rows["density"].iloc[0]
        title = (
            f"{player}: “{strategy}”, box {number}\n{caught} of its failures lie here "
            f"(coverage), {say.percent(fails)} of what lies here fails (density)"
        )
        ax.set_title(title, loc="left", fontweight="bold", fontsize=10)
        ax.set_xlim(0, 1)
        ax.xaxis.set_major_formatter(lambda share, _: say.percent(share))
    axes[-1].set_xlabel("share of the draws that lie below")
    small = f"Grey: all draws; filled: the box. {FAILS}"
    return style.Words(_finding(table), "", small)


def _stretches(row: dict[Any, Any]) -> list[tuple[float, float]]:
    """Where the bar of a restriction lies, from 0 to 1."""
    if not row["among"]:
        return [(row["begins"], row["ends"])]
    options = row["options"]
    places = [options.index(name) for name in row["among"]]
    return [(place / len(options), (place + 1) / len(options)) for place in places]


def _finding(table: pd.DataFrame) -> str:
    """Where the first strategy fails most."""
    (player, strategy, _), box = next(iter(table.groupby(BOX, sort=False)))
    words = [restriction_words(row) for row in box.to_dict("records")]
    conditions = [condition.partition(" (drawn")[0] for condition in words]
    return f"{player}: “{strategy}” fails most with {say.listed(conditions)}"
