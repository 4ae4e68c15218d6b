"""Agreements a year of each state: as observed, beside the simulated mean and its 5-95 % band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.analysis.gof_file import GoodnessOfFit
from balance_sim.show.figures.paper import BLUE, INK, VERMILION, head, note, nothing, owner, sheet, styled
from balance_sim.show.gof import span_words
from balance_sim.show.wording import number, plural, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ["state", "name", "observed", "mean", "q05", "q95", "span", "replications"]
MOST = 30


def gof_states_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a state, the furthest from the simulated mean first."""
    found = study.comparison
    rows = [
        {
            "state": one.code,
            "name": printable(study.names.get(one.code, one.code)),
            "observed": one.observed,
            "mean": one.mean,
            "q05": one.low,
            "q95": one.high,
            "span": span_words(found),
            "replications": found.replications,
        }
        for one in found.states
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def gof_states_title(table: pd.DataFrame) -> str:
    """The finding: who signs furthest above and below what is simulated, and how many are outside their band."""
    gap = table["observed"] - table["mean"]
    above, below = (table.iloc[int(at)].to_dict() for at in (gap.argmax(), gap.argmin()))
    outside = int(((table["observed"] < table["q05"]) | (table["observed"] > table["q95"])).sum())
    return (
        f"{above['name']}: {number(above['observed'], 1)} agreements a year, {number(above['mean'], 1)} simulated; "
        f"{below['name']}: {number(below['observed'], 1)}, {number(below['mean'], 1)} simulated. "
        f"{outside} of {plural(len(table), 'state')} lie outside the 5-95 % band"
    )


@styled
def draw_gof_states(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A row a state, those furthest from the simulated mean: dot, observed; bar, band; tick, mean."""
    own = ax is None
    rows = table.head(MOST)
    rows = rows.assign(gap=rows["observed"] - rows["mean"]).sort_values("gap", kind="stable")
    ax = ax if ax is not None else sheet(10.6, 2.4 + 0.22 * len(rows)).subplots()
    if rows.empty:
        return nothing(ax, "There are no states to compare.")
    at = np.arange(len(rows))
    outside = (rows["observed"] < rows["q05"]) | (rows["observed"] > rows["q95"])
    ax.hlines(at, rows["q05"], rows["q95"], color=BLUE, alpha=0.35, linewidth=6)
    ax.plot(rows["mean"], at, "|", color=BLUE, markersize=10, markeredgewidth=2.2)
    for y, x, out in zip(at, rows["observed"], outside, strict=True):
        ax.plot(x, y, "o", color=VERMILION if out else INK, markersize=6.5, markeredgecolor="white",
                markeredgewidth=0.7, clip_on=False, zorder=4)  # fmt: skip
    ax.set_yticks(at, list(rows["name"]))
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_xlim(left=0)
    ax.set_xlabel("new agreements a year")
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    count = int(table["replications"].iloc[0])
    span, runs = table["span"].iloc[0], plural(count, "replication")
    small = f"Dots: on record, {span}. Bars: 5-95 % band of {runs}; ticks: mean"
    head(ax, gof_states_title(table), small, own=own, wrap=84)
    left = len(table) - len(rows)
    more = f" {plural(left, 'state')} nearer to the mean in the table." if left > 0 else ""
    note(ax, f"Vermilion: outside the band. Of right models one state in ten is.{more}", own=own, wrap=118)
    return owner(ax)
