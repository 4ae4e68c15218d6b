"""Sobol and Morris indices as bars: which factor of a sweep matters how much, for the effect and for the level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    OTHERS,
    QUIET,
    SMALL,
    folded,
    frame_words,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.wording import arm_words, digits, factor_words, interval, number, outcome_words, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.sweep_result import SweepResult

COLUMNS = [
    "factor", "index", "value", "lo", "hi", "of", "arm", "outcome", "method", "samples", "share", "share_lo",
    "share_hi",
]  # fmt: skip
NAMES = {"sobol": ("first", "total"), "morris": ("mu_star", "sigma")}
WORDS = {
    "first": "alone",
    "total": "with all it takes part in",
    "mu_star": "mean size of a step",
    "sigma": "its spread",
}
REACH = (-0.25, 1.25)  # of the picture of a share, which lies between 0 and 1
MOST_FACTORS = 16


def indices_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: Sobol (first, total) or Morris (mu_star, sigma) indices with 95 % intervals, of the headline arm's

    effect and of its mean. samples: base samples or trajectories. share: part of the variance over points and
    runs that is the parameters', with its interval; chance has the rest."""
    from balance_sim.analysis.sensitivity import sensitivity
    from balance_sim.pool.faults import WrongRequest

    method = result.manifest.design.method or ""
    if method not in NAMES or result.headline_arm is None:
        return pd.DataFrame(columns=COLUMNS)
    try:
        found = sensitivity(result, [result.headline_outcome])
    except WrongRequest:  # no run has finished
        return pd.DataFrame(columns=COLUMNS)
    if found.indices.empty:
        return pd.DataFrame(columns=COLUMNS)
    rows = found.indices[found.indices["arm"] == result.headline_arm]
    shares = found.split[found.split["arm"] == result.headline_arm].set_index("of")
    out: list[dict[str, Any]] = []
    for row in rows.to_dict("records"):
        share = shares.loc[row["of"]]
        more = {"share": share["share_parameters"]}
        more |= {f"share_{end}": share[f"share_parameters_{end}"] for end in ("lo", "hi")}
        for name in NAMES[method]:
            front = {key: row[key] for key in ("factor", "arm", "outcome", "of")}
            bounds = {"value": row[name], "lo": row[f"{name}_lo"], "hi": row[f"{name}_hi"]}
            samples = row["samples" if method == "sobol" else "trajectories"]
            out.append(front | bounds | more | {"index": name, "method": method, "samples": samples})
    return pd.DataFrame(out, columns=COLUMNS)


def main_index(table: pd.DataFrame) -> pd.DataFrame:
    """The rows by which factors are ordered: total, or mu_star; largest first, ties by name."""
    method = str(table["method"].iloc[0])
    rows = table[table["index"] == ("total" if method == "sobol" else "mu_star")]
    return rows.sort_values(["value", "factor"], ascending=[False, True], kind="stable")


def indices_title(table: pd.DataFrame) -> str:
    """The finding: the factor with the largest index of the effect, if it and the factors' share can be told from

    none: of a variance that is all chance an index says nothing."""
    rows = main_index(table[table["of"] == "effect"])
    name = "total index" if rows["method"].iloc[0] == "sobol" else "mean step"
    sure = rows[(rows["lo"] > 0) & (rows["share_lo"] > 0)]
    if (rows["value"].fillna(0.0) == 0).all():  # Sobol's are undefined then
        return "No factor changes the effect at any point"
    top = (sure if len(sure) else rows).iloc[0]
    value, lo, hi = (float(top[column]) for column in ("value", "lo", "hi"))
    places = digits(value)
    known = (
        f"95 % interval {interval(lo, hi, places)}" if np.isfinite(lo) else "too few samples for an interval"
    )
    size = f"{name} {number(value, places)}, {known}"
    if len(sure):
        return f"{factor_words(str(top['factor']))} moves the effect most ({size})"
    return f"No factor's part in the effect can be told from none; largest: {factor_words(str(top['factor']))} ({size})"


@styled
def draw_indices(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """Left the effect, right the level: two bars a factor with their intervals. ax: two axes."""
    own = ax is None
    count = min(table["factor"].nunique(), MOST_FACTORS) if len(table) else 0
    if ax is None:
        ax = list(sheet(10.4, 2.7 + 0.56 * max(count, 2)).subplots(1, 2, sharey=True))
    if table.empty:
        ax[1].set_axis_off()
        return nothing(
            ax[0], "Not a Sobol or Morris design, or too few samples are finished: no indices to show."
        )
    order = main_index(table[table["of"] == "effect"])["factor"].tolist()[:count]
    method, arm = str(table["method"].iloc[0]), arm_words(str(table["arm"].iloc[0]))
    outcome = outcome_words(str(table["outcome"].iloc[0]))
    for axes, of, words in zip(ax, ("effect", "mean"), ("effect", "level"), strict=True):
        rows = table[table["of"] == of]
        cut = _bars(axes, rows, order, method)
        axes.set_title(folded(f"{words} of {arm}{_chance(rows)}", 46), loc="left", color=QUIET)
        axes.set_xlabel(
            "share of the variance" if method == "sobol" else "steps in the outcome, over the factor's range"
        )
        if cut:
            axes.annotate("lines go on beyond the edge", (1.0, 1.0), (0, 2), xycoords="axes fraction",
                          textcoords="offset points", ha="right", fontsize=SMALL, color=QUIET)  # fmt: skip
    ax[0].set_yticks(range(len(order)), [folded(factor_words(f), 26) for f in order[::-1]])
    samples = int(table["samples"].iloc[0])
    kind = f"Sobol, {samples} base samples" if method == "sobol" else f"Morris, {samples} trajectories"
    plain, hatched = (f"{name.replace('_', ' ')}, {WORDS[name]}" for name in NAMES[method])
    small = f"{kind}; {outcome}. Plain bar: {plain}; hatched: {hatched}. "
    how = "bootstrap over the samples" if method == "sobol" else "over trajectories"
    small += f"Line: 95 % interval ({how}); grey bar: it holds zero"
    small += ", or there are too few samples for one. " if table["lo"].isna().any() else ". "
    if method == "sobol":
        small += "An index below 0 or above 1 says that there are too few samples or runs."
    left = table["factor"].nunique() - count
    small += f" {left} more factors are in the table." if left else ""
    frame_words(ax[0], indices_title(table), small, own=own, wrap=84, small_wrap=132)
    return owner(ax[0])


def _chance(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    if not np.isfinite(row["share"]):
        return ""
    if row["share"] <= 0 or not row["share_lo"] > 0:
        return ": no part of the variance of runs can be told to be the factors'"
    return f": factors make {percent(float(row['share']))} of the variance of runs, chance the rest"


def _bars(ax: Axes, rows: pd.DataFrame, order: list[str], method: str) -> bool:
    """Bars of one quantity; whether some line was cut at the edge of the picture."""
    low, high = (
        REACH
        if method == "sobol"
        else (0.0, 1.08 * float(np.nanmax(rows[["value", "hi"]].to_numpy(float))) or 1.0)
    )
    cut = False
    for k, (name, colour) in enumerate(zip(NAMES[method], (BLUE, OTHERS[0][0]), strict=True)):
        part = rows[rows["index"] == name].set_index("factor")
        for y, factor in enumerate(order[::-1]):
            row = part.loc[[factor]].to_dict("records")[0]
            value, lo, hi = (float(row[column]) for column in ("value", "lo", "hi"))
            spot = y + 0.2 - 0.4 * k
            holds_zero = not lo > 0  # or has no interval
            ax.barh(spot, float(np.clip(value, low, high)), height=0.36, color="#d0d0d0" if holds_zero else colour,
                    edgecolor="white" if k and not holds_zero else colour, hatch="//" if k else "",
                    linewidth=0.8)  # fmt: skip
            if np.isfinite(lo) and hi > lo:
                cut = cut or lo < low or hi > high
                ends = np.clip([lo, hi], low, high)
                ax.plot(ends, [spot, spot], color=INK, linewidth=1.3, solid_capstyle="butt")
    ax.axvline(0, color=INK, linewidth=1)
    if method == "sobol":
        ax.axvline(1, color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set_xlim(low, high)
    ax.set_ylim(-0.6, len(order) - 0.4)
    ax.tick_params(axis="y", length=0)
    return cut
