"""The figure of a game: its strategies side by side.

Payoffs are over the control arm, and everything holds under the payoffs of the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.games.tables import DRAWN, strategies_table
from balance_sim.show import wording as say
from balance_sim.show.figures import style

COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE)
"""Of players, in the order of the file."""


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
