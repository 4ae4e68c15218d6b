"""Arms side by side: the excess of each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import BLUE, INK, QUIET, SMALL, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.roles import role
from balance_sim.show.tables import clear
from balance_sim.show.wording import arm_words, decimals, interval, number, plural, printable, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

COLUMNS = [
    "label",
    "title",
    "role",
    "excess",
    "lo",
    "hi",
    "mcse",
    "differing",
    "n",
    "level",
    "window",
    "reference",
]


def arms_table(result: Result) -> pd.DataFrame:
    """One row an arm but the reference, in the scenario's order: mean paired excess of counter-accords in the

    longest window with 95 % interval and Monte Carlo error, share of runs that differ, and the arm's mean."""
    if result.outcomes.empty or result.effects.empty:
        return pd.DataFrame(columns=COLUMNS)
    outcome = f"accords_counter_{result.window}"
    effects = result.effects[result.effects["outcome"] == outcome].set_index("arm")
    levels = result.levels[result.levels["outcome"] == outcome].set_index("arm")
    rows = []
    for arm in result.arms[1:]:
        found: dict[Any, Any] = effects.loc[arm].to_dict()
        rows.append(
            {
                "label": arm,
                "title": printable(result.scenario.arms[arm].title),
                "role": role(result, arm),
                "excess": float(found["mean"]),
                **{name: float(found[name]) for name in ("lo", "hi", "mcse")},
                "differing": float(found["share_positive"] + found["share_negative"]),
                "n": int(found["n"]),
                "level": float(levels["mean"][arm]),
                "window": result.window,
                "reference": result.reference,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def arms_title(table: pd.DataFrame) -> str:
    """The finding: which arm adds most, and where the headline stands."""
    reference = arm_words(str(table["reference"].iloc[0]))
    sure = table[clear(table)]
    if (table["differing"] == 0).all():
        return f"No run of any arm differs from {reference} in its counter-accords"
    told = f"{len(sure)} of {plural(len(table), 'arm')} can be told from {reference}"
    if int(table["n"].iloc[0]) < 2:
        return "One run: no interval, so no arm can be told from another"
    top = table.sort_values("excess", key=abs, ascending=False, kind="stable").iloc[0]
    places = decimals(float(top["mcse"]), float(top["lo"]), float(top["hi"]))
    far = f"furthest: {arm_words(str(top['label']))}, {signed(float(top['excess']), places)} counter-accords"
    return f"{told}; {far}"


@styled
def draw_arms(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A dot and interval an arm, the numbers beside it."""
    own = ax is None
    ax = ax if ax is not None else sheet(9.6, 2.3 + 0.52 * max(len(table), 2)).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no run finished: there is no excess to show.")
    draw_dots(ax, table.assign(label=table["label"].map(arm_words)))
    reference = arm_words(str(table["reference"].iloc[0]))
    window, n = int(table["window"].iloc[0]), int(table["n"].iloc[0])
    ax.set_xlabel(f"excess counter-accords within {window} days, mean per run")
    marks = (
        f"Mean paired excess over {reference}, {plural(n, 'run')}; line: 95 "
        "% interval of the mean. Open: it holds zero"
    )
    head(ax, arms_title(table), marks, own=own, wrap=78)
    note(ax, "The interval holds the chance of the runs, not doubt about the parameters.", own=own, wrap=118)
    return owner(ax)


def draw_dots(ax: Axes, table: pd.DataFrame) -> None:
    """A row's excess with its interval on a line of its own, and the same in words at the right.

    table: label, role, excess, lo, hi, mcse, differing."""
    ax.axvline(0, color=INK, linewidth=1)
    heights = np.arange(len(table))[::-1]
    sure = clear(table)
    for y, row, told in zip(heights, table.to_dict("records"), sure, strict=True):
        colour = BLUE if row["role"] == "headline" else QUIET
        if np.isfinite(row["lo"]):
            ax.plot(
                [row["lo"], row["hi"]],
                [y, y],
                color=colour,
                linewidth=2.4 if told else 1.4,
                solid_capstyle="butt",
            )
        ax.plot(
            row["excess"],
            y,
            "o",
            color=colour,
            markerfacecolor=colour if told else "white",
            markersize=8,
            markeredgewidth=1.6,
        )
        places = decimals(row["mcse"], row["lo"], row["hi"])
        bounds = interval(row["lo"], row["hi"], places)
        bounds = "no run differs" if row["differing"] == 0 else bounds
        words = (
            f"{signed(row['excess'], places)}  ({bounds})"
            if bounds != "-"
            else f"{number(row['excess'], 0)}  (one run)"
        )
        ax.annotate(
            words, (1.0, y), (8, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
            fontsize=SMALL, annotation_clip=False,
        )  # fmt: skip
    ax.set_yticks(heights, list(table["label"]))
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    extent = table[["excess", "lo", "hi"]].to_numpy(float)
    ends = np.append(extent[np.isfinite(extent)], 0.0)
    margin = 0.06 * (float(ends.max() - ends.min()) or 1.0)
    ax.set_xlim(float(ends.min()) - margin, float(ends.max()) + margin)
