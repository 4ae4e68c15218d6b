"""Pair heat map: who makes more accords, and with whom, than without the event."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.order import state_order
from balance_sim.show.figures.paper import INK, QUIET, SMALL, head, note, nothing, owner, sheet, styled
from balance_sim.show.tables import clear
from balance_sim.show.wording import arm_words, percent, plural, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

PAIR = [
    "a",
    "b",
    "group_a",
    "group_b",
    "place_a",
    "place_b",
    "p",
    "p_reference",
    "excess",
    "lo",
    "hi",
    "seen",
]
COLUMNS = [*PAIR, "clear", "n", "arm", "reference", "window"]
NEVER = "#ececec"
# Amber below zero, blue above. In grey the amber end stays light and the blue end goes dark, and a bar marks
# the cells below zero all the same.
SCALE = (
    (0.0, "#D98200"),
    (0.25, "#F3C26B"),
    (0.5, "#FFFFFF"),
    (0.67, "#8CC4E8"),
    (0.83, "#0072B2"),
    (1.0, "#00304D"),
)


def pairs_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a pair of states, all of them, in the fixed order of `order.state_order`.

    p, p_reference: share of runs with a new accord of any kind in the longest window; excess, its 95 %
    interval; seen: some run of some arm has one; clear: the interval excludes zero; place_a < place_b: row
    and column."""
    arm = arm if arm is not None else result.headline_arm
    states = state_order(result.scenario).to_dict("records")
    if arm is None or result.outcomes.empty:
        return pd.DataFrame(columns=COLUMNS)
    dyads = result.dyads
    found = dyads[(dyads["arm"] == arm) & (dyads["kind"] == "any")]
    by_pair = {frozenset((row["a"], row["b"])): row for row in found.to_dict("records")}
    rows = []
    for (i, first), (j, second) in itertools.combinations(enumerate(states), 2):
        row = by_pair.get(frozenset((first["code"], second["code"])))
        values = [row[c] for c in ("p", "p_reference", "excess", "lo", "hi")] if row else [0.0] * 5
        rows.append(
            [first["code"], second["code"], first["group"], second["group"], i, j, *values, row is not None]
        )
    table = pd.DataFrame(rows, columns=PAIR)
    runs = int(result.outcomes["run"].nunique())
    table["clear"] = clear(table) & table["seen"]
    return table.assign(n=runs, arm=arm, reference=result.reference, window=result.window)


def pairs_title(table: pd.DataFrame) -> str:
    """The finding: how many pairs can be told from none, and which gains most."""
    arm, pairs, sure = arm_words(str(table["arm"].iloc[0])), len(table), int(table["clear"].sum())
    if not (table["excess"] != 0).any():
        return f"{arm} changes the share of runs with an accord for none of {pairs:,} pairs"
    told = f"{sure:,} of {pairs:,} pairs ({percent(sure / pairs)})" if sure else f"None of {pairs:,} pairs"
    have = "has" if sure in (0, 1) else "have"
    among = table[table["clear"]] if sure else table
    top = (
        among.assign(far=among["excess"].abs())
        .sort_values(["far", "a", "b"], ascending=[False, True, True], kind="stable")
        .iloc[0]
    )
    tied = int((among["excess"] == top["excess"]).sum()) - 1
    also = f" and {plural(tied, 'other')}" if tied else ""
    most = f"{top['a']}-{top['b']}{also}, {points(float(top['excess']))} points"
    if sure == 1:
        return f"{told} has an excess whose 95 % interval excludes zero: {most}"
    which = "furthest from zero" if sure else "the largest difference"
    return f"{told} {have} an excess whose 95 % interval excludes zero; {which}: {most}"


def colours() -> Colormap:
    """Amber to white to dark blue; what never happened is light grey."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("excess", list(SCALE), N=255).with_extremes(bad=NEVER)


@styled
def draw_pairs(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """Excess by pair in percentage points of runs, both halves; the diagonal is blank."""
    own = ax is None
    ax = ax if ax is not None else sheet(10.4, 10.6).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no run finished: there is no excess to show.")
    places = {
        **dict(zip(table["place_a"], table["a"], strict=True)),
        **dict(zip(table["place_b"], table["b"], strict=True)),
    }
    groups = {
        **dict(zip(table["place_a"], table["group_a"], strict=True)),
        **dict(zip(table["place_b"], table["group_b"], strict=True)),
    }
    count = len(places)
    i, j = table["place_a"].to_numpy(int), table["place_b"].to_numpy(int)
    grid = np.full((count, count), np.nan)
    grid[i, j] = grid[j, i] = np.where(table["seen"], 100 * table["excess"], np.nan)
    np.fill_diagonal(grid, 0.0)  # white: a state makes no accord with itself
    reach = max(float(np.nanmax(np.abs(grid))) if table["seen"].any() else 0.0, 1.0)
    image = ax.imshow(grid, cmap=colours(), vmin=-reach, vmax=reach, interpolation="none")
    _frame(ax, [places[k] for k in range(count)], [groups[k] for k in range(count)])
    size = 340.0 / count
    for rows, marker, colour, area in (
        (table[table["excess"] < 0], "_", INK, (0.55 * size) ** 2),
        (table[table["clear"]], "o", "white", (0.62 * size) ** 2),
    ):
        x, y = rows["place_a"].to_numpy(int), rows["place_b"].to_numpy(int)
        edge = {"edgecolors": INK, "linewidths": 0.7} if marker == "o" else {"linewidths": 1.1}
        ax.scatter(
            [*x, *y], [*y, *x], s=area, marker=marker, color=colour, zorder=4 if marker == "_" else 3, **edge
        )
    bar = owner(ax).colorbar(image, ax=ax, location="bottom", shrink=0.55, aspect=40, pad=0.012)
    bar.outline.set_visible(False)
    bar.set_label("excess, percentage points of runs (amber: fewer, blue: more)")
    n, window = int(table["n"].iloc[0]), int(table["window"].iloc[0])
    reference = arm_words(str(table["reference"].iloc[0]))
    subtitle = (
        f"Share of {plural(n, 'run')} in which the pair makes a new accord within {window} days, minus that "
        f"in {reference}. Dot: interval excludes zero. Bar: fewer. Light grey: no accord in any run"
    )
    head(ax, pairs_title(table), subtitle, own=own, wrap=92)
    note(
        ax,
        "Intervals are for each pair by itself: among so many, some exclude zero by "
        "chance. Order: participants, then the scenario's groups by name, those of its report first; a state "
        "stands in the first that holds it.",
        own=own,
        wrap=140,
    )
    return owner(ax)


def _frame(ax: Axes, codes: list[str], groups: list[str]) -> None:
    """Codes on both axes, lines between groups, their names on the right."""
    count = len(codes)
    ax.set_xticks(range(count), codes, rotation=90)
    ax.set_yticks(range(count), codes)
    ax.tick_params(length=0, pad=2, labelsize=SMALL)
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.set_xticks(np.arange(-0.5, count), minor=True)
    ax.set_yticks(np.arange(-0.5, count), minor=True)
    ax.grid(which="minor", color="#dddddd", linewidth=0.4)
    ax.tick_params(which="minor", length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.plot([-0.5, count - 0.5], [-0.5, count - 0.5], color="#bbbbbb", linewidth=0.8)
    start = 0
    for name, members in itertools.groupby(groups):
        stop = start + len(list(members))
        for edge in (start, stop):
            ax.axhline(edge - 0.5, color=QUIET, linewidth=0.8)
            ax.axvline(edge - 0.5, color=QUIET, linewidth=0.8)
        ax.annotate(
            arm_words(name), (count - 0.5, (start + stop - 1) / 2), xytext=(6, 0), textcoords="offset points",
            va="center", fontsize=SMALL, annotation_clip=False,
        )  # fmt: skip
        start = stop
