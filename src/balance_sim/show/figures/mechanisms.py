"""Mechanisms M1 to M17 as dots with intervals, each on a scale of its own round one common zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    VERMILION,
    head,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.figures.roles import first, titled
from balance_sim.show.mechanisms import mechanism_rows
from balance_sim.show.wording import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

COLUMNS = [
    "id",
    "name",
    "measure",
    "value",
    "lo",
    "hi",
    "none",
    "tag",
    "found",
    "placebos",
    "words",
    "why",
    "arm",
    "title",
    "control",
    "treatment",
]
FOUND = {"as expected": BLUE, "opposite": VERMILION}  # all else is grey
LETTER = 5.4  # points a letter of small print takes, figures mostly
RATIOS = ("M2",)  # none is 1, not 0


def mechanisms_table(result: Result) -> pd.DataFrame:
    """One row a mechanism: value, 95 % CI (NaN: none), the value that means none (0, or 1 for a ratio),

    tag, what was found, share of placebos with less, the numbers in words, and why there is none."""
    if result.headline_arm is None or not result.finished:
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    for words, of in zip(mechanism_rows(result), result.mechanisms.values(), strict=True):
        value, (lo, hi), placebos = of["value"], of["ci95"], of["placebo_percentile"]
        rows.append(
            {
                "id": words["id"],
                "name": of["name"],
                "measure": of["measure"],
                **{
                    k: np.nan if v is None else float(v)
                    for k, v in (("value", value), ("lo", lo), ("hi", hi))
                },
                "none": 1.0 if words["id"] in RATIOS else 0.0,
                "tag": of["tag"],
                "found": words["found"],
                "placebos": np.nan if placebos is None else float(placebos),
                "words": f"{words['value']} ({words['interval']})" if words["interval"] else words["value"],
                "why": words["why"],
                "arm": result.headline_arm,
            }
        )
    return titled(pd.DataFrame(rows), result)[COLUMNS]


def mechanisms_title(table: pd.DataFrame) -> str:
    """The finding: of the mechanisms with an open sign, how many are as the article expects."""
    open_sign = table[(table["tag"] == "emergent") & table["value"].notna()]
    as_expected = int((open_sign["found"] == "as expected").sum())
    opposite = int((open_sign["found"] == "opposite").sum())
    rest = len(open_sign) - as_expected - opposite
    words = (
        f"Of {plural(len(open_sign), 'mechanism')} whose sign is open {as_expected} "
        f"{'is' if as_expected == 1 else 'are'} as expected"
    )
    return f"{words}, {opposite} opposite, {rest} not detectable"


@styled
def draw_mechanisms(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A row a mechanism. Filled: sign open; hollow: sign implied by the model's form."""
    own = ax is None
    ax = ax if ax is not None else sheet(11.0, 2.4 + 0.36 * max(len(table), 3)).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no run finished: there is no mechanism to measure.")
    heights = np.arange(len(table))[::-1]
    beside = max(
        170.0, 16.0 + LETTER * int(table["words"].str.len().max())
    )  # points: behind the longest numbers
    ax.axvline(0, color=INK, linewidth=1)
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        ax.axhline(y, color="#ededed", linewidth=0.7, zorder=0)
        shift = np.array([row["value"], row["lo"], row["hi"]]) - row["none"]
        side: dict[str, Any] = {
            "fontsize": SMALL,
            "va": "center",
            "annotation_clip": False,
            "xycoords": ax.get_yaxis_transform(),
            "textcoords": "offset points",
        }
        if np.isnan(shift[0]):
            ax.annotate("no value", (1.0, y), (8, 0), color=QUIET, **side)
            continue
        # A bound many times the value would squeeze the dot onto zero: the bar then runs to the edge.
        widest = float(np.nanmax(np.abs(shift)))
        reach = (min(widest, 4 * abs(shift[0])) if shift[0] else widest) or 1.0
        value, low, high = np.clip(shift / reach, -1.04, 1.04)
        colour = FOUND.get(row["found"], QUIET)
        if np.isfinite(low) and np.isfinite(high):
            ax.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
        ax.plot(
            value,
            y,
            "o",
            color=colour,
            markerfacecolor=colour if row["tag"] == "emergent" else "white",
            markersize=7,
            markeredgewidth=1.5,
        )
        ax.annotate(row["words"], (1.0, y), (8, 0), **side)
        ax.annotate(
            row["found"], (1.0, y), (beside, 0), color=colour if row["found"] == "opposite" else INK, **side
        )
    ax.set_yticks(heights, [f"{row['id']}  {row['name']}" for row in table.to_dict("records")])
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(-1.04, 1.04)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xticks([0], ["none"])
    for name in ("left", "bottom"):
        ax.spines[name].set_visible(False)
    marks = (
        f"Control: {first(table, 'control')}. Each row has a scale of its own; only the "
        "line of none is common. Bars: 95 % CI"
    )
    head(ax, mechanisms_title(table), marks, own=own, wrap=96)
    small = (
        "Filled: the sign is open, and what was found is said at the right. Hollow: the "
        "sign is implied, so only the size "
        "is a finding. A bar that ends at the edge goes on beyond it. What each one measures: docs/mechanisms.md."
    )
    note(ax, small, own=own, wrap=140)
    return owner(ax)
