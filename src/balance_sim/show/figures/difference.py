"""Paired counts: in which share of replications an arm has fewer, as many or more agreements than the control arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    ORANGE,
    SMALL,
    folded,
    head,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.figures.roles import first, role, titled
from balance_sim.show.wording import COUNTER, plural, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

COLUMNS = ["arm", "title", "control", "treatment", "role", "window", "fewer", "same", "more", "n"]
PARTS = (("fewer", ORANGE), ("same", "#e2e2e2"), ("more", BLUE))
NAMES = 40  # letters of a title on a line
ROOM = 7.0  # per cent of the bar that its number takes


def difference_table(result: Result) -> pd.DataFrame:
    """One row an arm but the control, the headline first: shares of replications with fewer, as many and more
    counter-balancing agreements within the longest window than the paired control run, and n."""
    outcome, effects = f"accords_counter_{result.window}", result.effects
    if not result.finished or effects.empty:
        return pd.DataFrame(columns=COLUMNS)
    rows = effects[effects["outcome"] == outcome]
    table = pd.DataFrame(
        {"arm": rows["arm"], "fewer": rows["share_negative"], "more": rows["share_positive"]}
    )
    table["same"] = 1 - table["fewer"] - table["more"]
    parts = [role(result, arm) for arm in table["arm"]]
    table = table.assign(role=parts, window=result.window, n=rows["n"])
    table = table.sort_values("role", key=lambda column: column != "headline", kind="stable")
    return titled(table, result).reset_index(drop=True)[COLUMNS]


def difference_title(table: pd.DataFrame) -> str:
    """The finding of the headline arm: the first row."""
    row = table.iloc[0]
    n, name = int(row["n"]), str(row["treatment"])
    if n == 1:
        which = next(part for part in ("fewer", "same", "more") if row[part] == 1)
        return f"{name}: {'as many' if which == 'same' else which} agreements in the one replication"
    if row["same"] == 1:
        return f"{name} changes the number of {COUNTER} in none of {plural(n, 'replication')}"
    told = f"{tenths(row['more'])} of replications have more {COUNTER}"
    return f"{name}: {told}, {tenths(row['fewer'])} have fewer"


def tenths(share: float) -> str:
    """Per cent with one decimal, so that the three shares add up."""
    return f"{100 * share:.1f} %"


@styled
def draw_difference(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A stacked bar an arm."""
    own = ax is None
    ax = ax if ax is not None else sheet(9.6, 2.4 + 0.46 * max(len(table), 2)).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no replication finished: there is no difference to show.")
    heights = np.arange(len(table))[::-1]
    left = np.zeros(len(table))
    for part, colour in PARTS:
        width = 100 * table[part].to_numpy(float)
        ax.barh(
            heights, width, left=left, height=0.72, color=colour, edgecolor="white", linewidth=0.8, label=part
        )
        for y, start, wide in zip(heights, left, width, strict=True):
            if wide >= ROOM:
                ax.text(start + wide / 2, y, f"{wide:.1f}", ha="center", va="center", fontsize=SMALL,
                        color="white" if part == "more" else INK)  # fmt: skip
        left = left + width
    ax.set_yticks(heights, [folded(title, NAMES) for title in table["title"]])
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, 100)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("% of replications")
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title="than the control", alignment="left"
    )
    n, window = int(table["n"].iloc[0]), int(table["window"].iloc[0])
    marks = f"Counts of {COUNTER} {within(window)}, replication by replication, beside the paired control run"
    head(ax, difference_title(table), marks, own=own, wrap=80)
    small = f"{plural(n, 'paired replication')}. Control: {first(table, 'control')}. "
    small += "The same number need not be the same agreements."
    note(ax, small, own=own, wrap=118)
    return owner(ax)
