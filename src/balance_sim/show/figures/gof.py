"""Violins of every statistic over replications, with what was observed and the 5-95 % band: all on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.analysis.gof_file import GoodnessOfFit
from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    VERMILION,
    folded,
    sheet,
    styled,
)
from balance_sim.show.gof import LEVEL, TITLES, p_words, span_words, verdict_words
from balance_sim.show.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = [
    "group",
    "statistic",
    "observed",
    "mean",
    "q05",
    "q95",
    "p",
    "replications",
    "agreements",
    "span",
    "finding",
]
ROWS: tuple[tuple[tuple[str, str, float], ...], ...] = (
    (("degree", "", 10.0), ("isolates", "", 2.2), ("years", "", 4.6)),
    (("geodesics", "", 8.4), ("shared_partners", "", 6.0), ("triads", "", 3.6)),
    (
        ("transitivity", "", 2.0),
        ("modularity", "", 2.0),
        ("repeats", "", 2.0),
        ("hostile", "", 2.0),
        ("regimes", "", 3.6),
        ("distance", "", 3.8),
    ),
    (
        ("kinds", "", 7.6),
        ("lags", "in force the same day", 2.2),
        ("lags", "signature to force, days", 2.2),
        ("lags", "talks to signature, days", 2.2),
    ),
)
"""Panels by row: group, one statistic of it or all, and its share of the width."""
HEADS = {
    "in force the same day": "In force at once",
    "signature to force, days": "Days to force",
    "talks to signature, days": "Days of talks",
    "isolates": "No partner",
    "repeats": "Repeats",
    "hostile": "In dispute",
}
SHORT = {
    "two democracies": "both",
    "one democracy": "one",
    "no democracy": "none",
    "lower quartile, km": "25 %",
    "median, km": "50 %",
    "upper quartile, km": "75 %",
    "not connected": "none",
    "no tie": "0",
    "1 tie": "1",
    "2 ties": "2",
    "3 ties": "3",
}
AXES = {
    "degree": "partners, at most",
    "geodesics": "ties between the two",
    "shared_partners": "shared partners",
    "triads": "ties among three",
    "regimes": "democracies",
    "distance": "quartile",
}
WIDTH, TALL, PITCH, TOP, FOOT = 13.4, 1.95, 2.85, 1.15, 0.1
BESIDE, MARGIN = 0.72, 0.12
"""Inches: of the page, of a panel, from row to row, over and under them; left of each panel, and right of all."""
LOGS = ("triads", "shared_partners")


def gof_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a statistic, but for those of single states: as observed, mean and 5-95 % band, p of its group."""
    found = study.comparison
    rows = [
        {
            "group": group.name,
            "statistic": one.name,
            "observed": one.observed,
            "mean": one.mean,
            "q05": one.low,
            "q95": one.high,
            "p": float("nan") if group.fit is None else group.fit.p,
            "replications": found.replications,
            "agreements": found.observed,
            "span": span_words(found),
            "finding": verdict_words(found),
        }
        for group in found.groups
        if group.name != "states"
        for one in group.statistics
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def simulated_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: group, statistic, value of each replication, but for those of single states."""
    parts = [
        pd.DataFrame({"group": group.name, "statistic": one.name, "value": group.simulated[:, k]})
        for group in study.comparison.groups
        if group.name != "states"
        for k, one in enumerate(group.statistics)
    ]
    return pd.concat(parts, ignore_index=True)


@styled
def draw_gof(table: pd.DataFrame, simulated: pd.DataFrame) -> Figure:
    """A panel a group: violins of the replications, bars of the band, and a line through what was observed.

    Panels are put in their places by hand: a solver's last digits would not be the same every time."""
    rows = [[one for one in row if _known(table, one[0], one[1])] for row in ROWS]
    rows = [row for row in rows if row]
    height = TOP + PITCH * len(rows) + FOOT
    figure = sheet(WIDTH, height)
    figure.set_layout_engine("none")
    for k, row in enumerate(rows):
        bottom = height - TOP - PITCH * k - TALL
        for (group, only, _), (left, wide) in zip(row, _places(row), strict=True):
            ax = figure.add_axes((left / WIDTH, bottom / height, wide / WIDTH, TALL / height))
            _panel(ax, table, simulated, group, only)
    count, n = int(table["replications"].iloc[0]), int(table["agreements"].iloc[0])
    figure.suptitle(
        folded(str(table["finding"].iloc[0]), 96),
        x=0.012,
        y=1 - 0.1 / height,
        va="top",
        ha="left",
        fontsize=13,
        fontweight="bold",
    )
    words = (
        f"Dots: {plural(n, 'agreement')} on record, {table['span'].iloc[0]}; vermilion: outside the 5-95 % band of "
        f"{plural(count, 'replication')} (violins; bars: mean and band). p: Mahalanobis Monte Carlo test of the "
        "panel's group of statistics; its title is vermilion at 0.05 or less. Two panels of one group share its p."
    )
    figure.text(0.012, 0.1 / height, folded(words, 176), ha="left", va="bottom", fontsize=SMALL, color=QUIET)
    return figure


def _places(row: Sequence[tuple[str, str, float]]) -> list[tuple[float, float]]:
    """Left edge and width of each panel of a row, in inches: room for ticks, and the rest by share."""
    room = WIDTH - MARGIN - BESIDE * len(row)
    total, left, out = sum(one[2] for one in row), 0.0, []
    for one in row:
        wide = room * one[2] / total
        out.append((left + BESIDE, wide))
        left += BESIDE + wide
    return out


def _known(table: pd.DataFrame, group: str, only: str) -> bool:
    rows = _rows(table, group, only)
    return bool(
        np.isfinite(rows["observed"].to_numpy(float)).any()
        and np.isfinite(rows["mean"].to_numpy(float)).any()
    )


def _rows(frame: pd.DataFrame, group: str, only: str) -> pd.DataFrame:
    rows = frame[frame["group"] == group]
    return rows[rows["statistic"] == only] if only else rows


def _panel(ax: Axes, table: pd.DataFrame, simulated: pd.DataFrame, group: str, only: str) -> None:
    rows = _rows(table, group, only)
    rows = rows[np.isfinite(rows["mean"].to_numpy(float))].reset_index(drop=True)
    at = np.arange(len(rows), dtype=float)
    log = group in LOGS
    values = [_clean(simulated, group, str(name), floor=0.5 if log else None) for name in rows["statistic"]]
    _violins(ax, values, at, log=log)
    for x, row in zip(at, rows.to_dict("records"), strict=True):
        low, high, mean = (max(row[key], 0.5) if log else row[key] for key in ("q05", "q95", "mean"))
        ax.plot([x, x], [low, high], color=BLUE, linewidth=2.4, solid_capstyle="butt", zorder=3)
        ax.plot([x - 0.16, x + 0.16], [mean, mean], color=BLUE, linewidth=1.6, zorder=3)
    seen = rows["observed"].to_numpy(float)
    seen = np.maximum(seen, 0.5) if log else seen
    joined = group not in ("kinds", "regimes") and len(rows) > 1
    if joined:
        ax.plot(at, seen, color=INK, linewidth=1.2, zorder=4)
    outside = (rows["observed"] < rows["q05"]) | (rows["observed"] > rows["q95"])
    for x, y, out in zip(at, seen, outside, strict=True):
        ax.plot(x, y, "o", color=VERMILION if out else INK, markersize=6.5 if out else 5.5, zorder=5,
                markeredgecolor="white", markeredgewidth=0.7)  # fmt: skip
    _dress(ax, rows, group, only, at, log=log)


def _clean(simulated: pd.DataFrame, group: str, name: str, floor: float | None) -> Any:
    held = simulated[(simulated["group"] == group) & (simulated["statistic"] == name)]["value"].to_numpy(
        float
    )
    held = held[np.isfinite(held)]
    return held if floor is None else np.maximum(held, floor)


def _violins(ax: Axes, values: Sequence[Any], at: Any, *, log: bool) -> None:
    """Gaussian kernel densities, on the scale of the axis, of what varies; cut at the extremes."""
    from scipy.stats import gaussian_kde

    for x, held in zip(at, values, strict=True):
        z = np.log(held) if log else held
        if len(z) < 3 or np.ptp(z) < 1e-12:
            continue
        grid = np.linspace(z.min(), z.max(), 80)
        density = gaussian_kde(z)(grid)
        width = 0.4 * density / density.max()
        y = np.exp(grid) if log else grid
        ax.fill_betweenx(y, x - width, x + width, color=BLUE, alpha=0.22, linewidth=0, zorder=2)


def _dress(ax: Axes, rows: pd.DataFrame, group: str, only: str, at: Any, *, log: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    p, count = float(rows["p"].iloc[0]), int(rows["replications"].iloc[0])
    title = HEADS.get(only or group, TITLES[group])
    tested = "not tested" if not np.isfinite(p) else p_words(p, count)
    bad = np.isfinite(p) and p <= LEVEL
    ax.set_title(f"{title}\n{tested}", loc="left", pad=6, color=VERMILION if bad else INK)
    labels = [SHORT.get(str(name), str(name)) for name in rows["statistic"]]
    labels = [
        name.removeprefix("at most ").replace("more than ", "> ").replace(" or more", "+") for name in labels
    ]
    ax.set_xticks(at, [name.replace("_", "\n") for name in labels] if len(rows) > 1 else [""])
    ax.tick_params(axis="x", length=0)
    if group in AXES:
        ax.set_xlabel(AXES[group], fontsize=SMALL, color=QUIET)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}" if v >= 1 else "0"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}" if abs(v) >= 10 else f"{v:g}"))
        if group != "modularity":
            ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]) if ax.get_ylim()[0] < 0 else 0.0)
    ax.grid(axis="y", color="#e6e6e6", linewidth=0.7)
