"""Channels of the effect: how much of it runs through the picture of the event, and how much through the threat."""

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
from balance_sim.show.names import arm_title
from balance_sim.show.wording import COUNTER, ci, interval, percent, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.analysis.result import AnalysedResult

COLUMNS = ["arm", "title", "picture", "threat", "rest", "total", "lo", "hi"]
PARTS = (
    ("picture", "picture: who stands together", BLUE),
    ("threat", "threat: whom it is aimed at", ORANGE),
    ("rest", "the arm's other changes", "#c4c4c4"),
)
CAVEAT = "The CI reflects Monte Carlo error only."
NAMES = 40  # letters of a title on a line


def channels_table(result: AnalysedResult) -> pd.DataFrame:
    """One row an arm with the focal event: its title, the parts of its effect on expected counter-balancing agreements
    within the longest window that run through the picture, through the threat, and through what else the arm changes
    (rest), their total, and its 95 % CI (NaN: an expected estimate, which has no Monte Carlo error)."""
    if result.headline_arm is None or not result.finished:
        return pd.DataFrame(columns=COLUMNS)
    found = result.channels.table
    table = found[found["outcome"] == f"accords_counter_{result.window}"]
    titles = [arm_title(result.scenario, arm) for arm in table["arm"]]
    return table.assign(title=titles, lo=np.nan, hi=np.nan)[COLUMNS].reset_index(drop=True)


def channels_title(table: pd.DataFrame) -> str:
    """The finding of the first arm: which channel carries most of its effect."""
    row = table.iloc[0]
    parts = abs(row["picture"]) + abs(row["threat"])
    if row["lo"] <= 0 <= row["hi"] or not parts:
        return f"{row['title']}: no detectable effect to divide into channels"
    larger = "picture" if abs(row["picture"]) >= abs(row["threat"]) else "threat"
    other = "threat" if larger == "picture" else "picture"
    if row["picture"] * row["threat"] < 0:
        return (
            f"{row['title']}: the two channels pull apart, the {larger} by {signed(row[larger])} and the {other} by "
            f"{signed(row[other])}"
        )
    return f"{row['title']}: {percent(abs(row[larger]) / parts)} of the effect runs through the {larger}"


@styled
def draw_channels(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A bar an arm, its two parts stacked from zero, each to its own side; the total as a dot with its CI."""
    own = ax is None
    ax = ax if ax is not None else sheet(9.6, 2.8 + 0.5 * max(len(table), 2)).subplots()
    if table.empty:
        return nothing(ax, "The channels of the effect were not measured: there is no part to show.")
    heights = np.arange(len(table))[::-1].astype(float)
    up, down = np.zeros(len(table)), np.zeros(len(table))
    for part, label, colour in PARTS if table["rest"].any() else PARTS[:2]:
        width = table[part].to_numpy(float)
        left = np.where(width >= 0, up, down)
        ax.barh(heights, width, left=left, height=0.6, color=colour, alpha=0.85, label=label)
        up, down = up + np.maximum(width, 0), down + np.minimum(width, 0)
    total, lo, hi = (table[name].to_numpy(float) for name in ("total", "lo", "hi"))
    ax.axvline(0, color=INK, linewidth=1)
    ax.hlines(heights, lo, hi, colors=INK, linewidth=2)
    ax.plot(total, heights, "o", color=INK, markersize=5, linestyle="none", label="total")
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        words = signed(row["total"], 3)
        words += f"  ({interval(row['lo'], row['hi'], 3)})" if np.isfinite(row["lo"]) else ""
        ax.annotate(
            words, (1.0, y), (8, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
            fontsize=SMALL, annotation_clip=False,
        )  # fmt: skip
    ax.set_yticks(heights, [folded(str(title), NAMES) for title in table["title"]])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    ax.set_xlabel(f"effect on expected {COUNTER}")
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.32 if len(table) < 4 else -0.2), frameon=False, ncols=2)
    known = bool(np.isfinite(lo).all())
    told = f"Total effect {signed(float(total[0]), 3)}"
    told += f" ({ci(float(lo[0]), float(hi[0]), 3)})" if known else ""
    head(ax, channels_title(table), f"{told}; the parts add up to it", own=own, wrap=80)
    small = (
        "The CI reflects Monte Carlo error only."
        if known
        else "Shapley values of expected numbers: no Monte Carlo error."
    )
    note(ax, small, own=own, wrap=118)
    return owner(ax)
