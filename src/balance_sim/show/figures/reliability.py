"""Reliability diagram: what was forecast against what happened, bin by bin, with the number of rows in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.evidence.forecast.score import Scored
from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    frame_words,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.wording import arm_words, number, plural
from balance_sim.stats.scores import exact_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ["way", "low", "high", "n", "forecast", "observed", "lo", "hi", "expected", "happened"]


def reliability_table(scored: Scored) -> pd.DataFrame:
    """Tidy: a row a way and bin of the model's probabilities [low, high): n rows in it, their mean forecast, the

    share that happened with its 95 % interval (Clopper, Pearson), and both as counts."""
    parts = [pd.DataFrame(columns=COLUMNS)]
    for way in scored.ways:
        bins = pd.DataFrame(list(way.bins), columns=["low", "high", "n", "expected", "happened"])
        bins = bins[bins["n"] > 0]
        lo, hi = exact_share(bins["happened"].to_numpy(float), bins["n"].to_numpy(float))
        part = bins.assign(way=way.name, lo=lo, hi=hi)
        part["forecast"], part["observed"] = part["expected"] / part["n"], part["happened"] / part["n"]
        parts.append(part.astype({"n": int, "happened": int})[COLUMNS])
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def within(table: pd.DataFrame) -> pd.Series[bool]:
    """Bins whose interval holds the mean forecast."""
    return (table["lo"] <= table["forecast"]) & (table["forecast"] <= table["hi"])


def reliability_title(table: pd.DataFrame) -> str:
    """The finding, of the last way: accords expected and made, and in how many bins they agree."""
    rows = table[table["way"] == table["way"].iloc[-1]]
    expected, happened = float(rows["expected"].sum()), int(rows["happened"].sum())
    way = "" if table["way"].nunique() == 1 else f"{arm_words(str(rows['way'].iloc[0]))}: "
    words = f"{way}{number(expected, 0 if expected >= 10 else 1)} accords expected, {happened:,} made"
    return f"{words[0].upper()}{words[1:]}; in {int(within(rows).sum())} of {plural(len(rows), 'bin')} they agree"


@styled
def draw_reliability(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel a way, both axes logarithmic: forecast against share that happened; rows and accords beneath."""
    own = ax is None
    ways = list(dict.fromkeys(table["way"])) if len(table) else []
    if ax is None:
        columns = max(len(ways), 1)
        ax = list(
            np.ravel(
                sheet(5.4 * columns + (1.6 if columns == 1 else 0), 6.0).subplots(1, columns, squeeze=False)
            )
        )
    if table.empty:
        return nothing(ax[0], "No probability was forecast: there is nothing to compare with what happened.")
    seen = table[["forecast", "observed", "lo"]].to_numpy(float)
    floor = 0.5 * float(seen[seen > 0].min()) if (seen > 0).any() else 1e-4
    for axes, way in zip(ax, ways, strict=True):
        _panel(axes, table[table["way"] == way], floor, arm_words(way) if len(ways) > 1 else "")
    ax[0].set_ylabel("share that made an accord (log scale)")
    small = (
        "Dots: bins of pairs and years by their forecast; above: accords made, of rows. Line: 95 % interval of "
        "the share; it holds the mean of forecasts that are right. Open: it misses the forecast. Triangle: none made."
    )
    title = reliability_title(table)
    wrap, small_wrap = (88, 128) if len(ways) > 1 else (60, 84)
    frame_words(ax[0], title, small, own=own, wrap=wrap, small_wrap=small_wrap)
    return owner(ax[0])


def _panel(ax: Axes, rows: pd.DataFrame, floor: float, words: str) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.plot([floor, 1], [floor, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for row, agree in zip(rows.to_dict("records"), within(rows), strict=True):
        x, none = max(row["forecast"], floor), row["observed"] <= 0
        ax.plot(
            [x, x],
            [max(row["lo"], floor), max(row["hi"], floor)],
            color=BLUE,
            linewidth=1.6,
            solid_capstyle="butt",
        )
        y = floor if none else row["observed"]
        fill = BLUE if agree else "white"
        ax.plot(x, y, "v" if none else "o", color=BLUE, markerfacecolor=fill, markersize=7, markeredgewidth=1.4,
                clip_on=False)  # fmt: skip
        ax.annotate(f"{row['happened']:,} of {_short(row['n'])}", (x, 1.0), (0, 10), rotation=90, ha="center",
                    xycoords=("data", "axes fraction"), textcoords="offset points", va="bottom", fontsize=SMALL,
                    color=QUIET, annotation_clip=False)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(floor, 1.0)
    ax.set_ylim(floor, 1.0)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("forecast, mean of the bin (log scale)")
    if words:
        ax.set_title(words, loc="left", color=QUIET, pad=70)


def _short(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
