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
from balance_sim.show.wording import number, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.analysis.result import AnalysedResult

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
    "p",
    "verdict",
    "words",
    "why",
    "arm",
    "title",
    "control",
    "treatment",
]
FOUND = {"as expected": BLUE, "opposite": VERMILION}  # all else is grey
LETTER = 5.4  # points a letter of small print takes, figures mostly
VALUE, FINDING, PLACEBO = "value (95 % CI)", "found", "placebo p"  # heads of the columns of words
RATIOS = ("M2",)  # none is 1, not 0


def mechanisms_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a mechanism: value, 95 % CI (NaN: none), the value that means none (0, or 1 for a ratio), tag, what was
    found, two-sided p among placebos with its verdict (NaN and empty: none), the numbers in words, and why there is
    none."""
    if result.headline_arm is None or not result.finished:
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    for words, of in zip(mechanism_rows(result), result.mechanisms.values(), strict=True):
        value, (lo, hi) = of["value"], of["ci95"]
        rows.append(
            {
                "id": words["id"],
                "name": of["name"],
                "measure": of["measure"],
                **{
                    k: np.nan if v is None else float(v)
                    for k, v in (("value", value), ("lo", lo), ("hi", hi), ("p", of["placebo_p"]))
                },
                "none": 1.0 if words["id"] in RATIOS else 0.0,
                "tag": of["tag"],
                "found": words["found"],
                "verdict": of["placebo_verdict"] or "",
                "words": f"{words['value']} ({words['interval']})" if words["interval"] else words["value"],
                "why": words["why"],
                "arm": result.headline_arm,
            }
        )
    return titled(pd.DataFrame(rows), result)[COLUMNS]


def mechanisms_title(table: pd.DataFrame) -> str:
    """The finding: of the mechanisms with an open sign how many are as the article expects; of those with placebos how
    many stand out from them."""
    open_sign = table[(table["tag"] == "emergent") & table["value"].notna()]
    as_expected = int((open_sign["found"] == "as expected").sum())
    opposite = int((open_sign["found"] == "opposite").sum())
    rest = len(open_sign) - as_expected - opposite
    words = (
        f"Of {plural(len(open_sign), 'mechanism')} whose sign is open {as_expected} "
        f"{'is' if as_expected == 1 else 'are'} as expected"
    )
    words += f", {opposite} opposite, {rest} not detectable"
    compared = table[table["p"].notna()]
    if compared.empty:
        return words
    beyond = int((compared["verdict"] == "supported").sum())
    return f"{words}. Of {len(compared)} compared with placebos {beyond} {'is' if beyond == 1 else 'are'} supported"


@styled
def draw_mechanisms(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A row a mechanism. Filled: sign open; hollow: sign implied by the model's form."""
    own = ax is None
    ax = ax if ax is not None else sheet(12.6, 2.6 + 0.36 * max(len(table), 3)).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no run finished: there is no mechanism to measure.")
    rows = table.to_dict("records")
    heights = np.arange(len(table))[::-1]
    columns = {
        VALUE: ["no value" if np.isnan(row["value"]) else row["words"] for row in rows],
        FINDING: [found_words(row) for row in rows],
        PLACEBO: [placebo_words(row) for row in rows],
    }
    side: dict[str, Any] = {
        "fontsize": SMALL,
        "va": "center",
        "annotation_clip": False,
        "xycoords": ax.get_yaxis_transform(),
        "textcoords": "offset points",
    }
    ax.axvline(0, color=INK, linewidth=1)
    for y, row in zip(heights, rows, strict=True):
        ax.axhline(y, color="#ededed", linewidth=0.7, zorder=0)
        _dot(ax, y, row)
    at = 8.0  # points right of the dots
    for name, cells in columns.items():
        ax.annotate(name, (1.0, len(table) - 0.25), (at, 0), color=QUIET, **side)
        for y, row, cell in zip(heights, rows, cells, strict=True):
            ax.annotate(cell, (1.0, y), (at, 0), color=_colour(name, row), **side)
        at += 14.0 + LETTER * max(len(name), *map(len, cells))
    ax.set_yticks(heights, [f"{row['id']}  {row['name']}" for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(-1.04, 1.04)
    ax.set_ylim(-0.6, len(table) + 0.1)
    ax.set_xticks([0], ["none"])
    for name in ("left", "bottom"):
        ax.spines[name].set_visible(False)
    marks = (
        f"Control: {first(table, 'control')}. Each row has a scale of its own; only the "
        "line of none is common. Bars: 95 % CI"
    )
    head(ax, mechanisms_title(table), marks, own=own, wrap=112)
    small = (
        "Filled: the sign is open, and what was found is said at the right. Hollow: the sign is implied, so only the "
        "size is a finding. A bar that ends at the edge goes on beyond it. Placebo p: two-sided, of the event among "
        "events with other participants (M2: among shuffles of who is threatened), supported up to 0.05; a dash: no "
        "placebos. What each one measures: docs/mechanisms.md."
    )
    note(ax, small, own=own, wrap=160)
    return owner(ax)


def found_words(row: dict[Any, Any]) -> str:
    """What was found, in words; of an implied sign that only its size can be."""
    return row["found"] or ("" if np.isnan(row["value"]) else "size only")


def placebo_words(row: dict[Any, Any]) -> str:
    """The p of a row among its placebos with its verdict, or a dash."""
    return "\u2013" if np.isnan(row["p"]) else f"{number(row['p'], 3)}, {row['verdict']}"


def _colour(column: str, row: dict[Any, Any]) -> str:
    """Of a cell: dark where something was found, lighter where not, vermilion what is opposite."""
    if column == FINDING and row["found"] == "opposite":
        return VERMILION
    told = {VALUE: True, FINDING: bool(row["found"]), PLACEBO: row["verdict"] == "supported"}
    return INK if told[column] else QUIET


def _dot(ax: Axes, y: float, row: dict[Any, Any]) -> None:
    """Value and CI of a row on its own scale, -1 to 1 round what means none."""
    shift = np.array([row["value"], row["lo"], row["hi"]]) - row["none"]
    if np.isnan(shift[0]):
        return
    # A bound many times the value would squeeze the dot onto zero: the bar then runs to the edge.
    sizes = np.abs(shift[np.isfinite(shift)])
    near = float(sizes[1:].min(initial=np.inf)) if len(sizes) > 1 else 0.0
    reach = min(float(sizes.max()), max(4 * float(sizes[0]), near)) or 1.0
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
