"""The figure of a game: what makes up the difference between what each side would
choose and what it did.

Everything holds under the payoffs of the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.games.tables import two_digits, waterfall_table
from balance_sim.show import wording as say
from balance_sim.show.figures import style


def _waterfall_page(table: pd.DataFrame) -> list[style.Axes]:
    """A panel a player, as high as its payoff has rows."""
    heights = [
        0.75 + 0.34 * size for size in table.groupby("player", sort=False).size()
    ]
    options: dict[str, Any] = {"height_ratios": heights}
    return style.panels(len(heights), 1, 1.6 + sum(heights), **options)


@style.figure(
    "waterfall",
    "What makes up the difference between what each side would choose and what it did?",
    waterfall_table,
    page=_waterfall_page,
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
            if row["is_sum"] and np.isfinite(row["lo"]):
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
    return style.Words(say.first(table, "finding"), "", small)
