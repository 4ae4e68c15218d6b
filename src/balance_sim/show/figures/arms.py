"""Forest plot: the effect of each arm with its confidence interval, sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
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
from balance_sim.show.tables import clear
from balance_sim.show.wording import COUNTER, decimals, interval, plural, signed, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

COLUMNS = [
    "arm", "title", "control", "role", "effect", "lo", "hi", "mcse", "n", "level", "control_level", "window",
]  # fmt: skip
NAMES = 40  # letters of a title on a line
CAVEAT = "The CI reflects Monte Carlo error only."


def arms_table(result: Result) -> pd.DataFrame:
    """One row an arm but the control, largest effect first: the mean paired effect on counter-balancing agreements
    within the longest window with its 95 % CI and Monte Carlo standard error, the arm's mean and the control's."""
    if not result.finished or result.effects.empty:
        return pd.DataFrame(columns=COLUMNS)
    outcome = f"accords_counter_{result.window}"
    effects = result.effects[result.effects["outcome"] == outcome]
    table = effects.rename(columns={"mean": "effect"})[["arm", "effect", "lo", "hi", "mcse", "n"]]
    level = result.levels[result.levels["outcome"] == outcome].set_index("arm")["mean"]
    table = table.assign(
        role=[role(result, arm) for arm in table["arm"]],
        level=level[table["arm"]].to_numpy(),
        control_level=float(level[result.reference]),
        window=result.window,
    )
    ordered = table.sort_values("effect", ascending=False, kind="stable")
    return titled(ordered, result).reset_index(drop=True)[COLUMNS]


def arms_title(table: pd.DataFrame) -> str:
    """The finding: how many arms differ from the control, and which most."""
    control = first(table, "control")
    if int(table["n"].iloc[0]) < 2:
        return "One replication gives no confidence interval, so no arm can be compared"
    sure = table[clear(table)]
    if sure.empty:
        return f"No arm differs detectably from the control ({control})"
    top = sure.iloc[int(sure["effect"].abs().to_numpy().argmax())]
    effect = signed(float(top["effect"]), decimals(float(top["mcse"]), float(top["lo"]), float(top["hi"])))
    if len(table) == 1:
        return f"{top['title']}: {effect} {COUNTER} {within(int(top['window']))}"
    count = (
        f"All {len(table)} arms differ"
        if len(sure) == len(table)
        else f"{len(sure)} of {len(table)} arms differ"
    )
    count = (
        count.replace("1 of", "One of").replace("arms differ", "arms differs") if len(sure) == 1 else count
    )
    return f"{count} from the control; largest effect: {top['title']}, {effect}"


@styled
def draw_arms(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A dot and its CI an arm, the numbers beside it."""
    own = ax is None
    labels = [folded(title, NAMES) for title in table["title"]]
    lines = sum(label.count("\n") + 1 for label in labels)
    ax = ax if ax is not None else sheet(9.6, 2.2 + 0.24 * max(lines, 3) + 0.2 * len(table)).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no replication finished: there is no effect to show.")
    draw_dots(ax, table, labels)
    ax.set_xlabel(f"effect on expected {COUNTER} {within(int(table['window'].iloc[0]))}")
    marks = f"Relative to the control: {first(table, 'control')}. Bars: 95 % CI; open dots: it holds zero"
    head(ax, arms_title(table), marks, own=own, wrap=80)
    n = plural(int(table["n"].iloc[0]), "paired replication")
    note(ax, f"{n}; {table['control_level'].iloc[0]:.1f} agreements are expected in the control. {CAVEAT}",
         own=own, wrap=118)  # fmt: skip
    return owner(ax)


def draw_dots(ax: Axes, table: pd.DataFrame, labels: list[str]) -> None:
    """A row's effect with its CI on a line of its own, and the same in words at the right.

    table: role, effect, lo, hi, mcse."""
    ax.axvline(0, color=INK, linewidth=1)
    heights = np.arange(len(table))[::-1]
    places = decimals(table["mcse"].max(), *table["lo"], *table["hi"])
    for y, row, sure in zip(heights, table.to_dict("records"), clear(table), strict=True):
        colour = BLUE if row["role"] == "headline" else QUIET
        if np.isfinite(row["lo"]):
            ax.plot([row["lo"], row["hi"]], [y, y], color=colour, linewidth=3, solid_capstyle="butt")
        ax.plot(
            row["effect"], y, "o", color=colour, markerfacecolor=colour if sure else "white", markersize=7,
            markeredgewidth=1.6,
        )  # fmt: skip
        bounds = interval(row["lo"], row["hi"], places)
        told = signed(row["effect"], places) + (f"  ({bounds})" if bounds != "-" else "")
        ax.annotate(
            told, (1.0, y), (8, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
            fontsize=SMALL, color=colour if row["role"] == "headline" else INK, annotation_clip=False,
        )  # fmt: skip
    ax.set_yticks(heights, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    extent = table[["effect", "lo", "hi"]].to_numpy(float)
    ends = np.append(extent[np.isfinite(extent)], 0.0)
    margin = 0.06 * (float(ends.max() - ends.min()) or 1.0)
    ax.set_xlim(float(ends.min()) - margin, float(ends.max()) + margin)
