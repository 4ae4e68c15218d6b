"""Effects by dyad: a heat map of all states, and the dyads whose expected agreements change most."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.order import state_order
from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    SMALL,
    folded,
    frame_words,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.figures.roles import first, titled
from balance_sim.show.names import dyad_name, group_words, state_names
from balance_sim.show.tables import by_size, clear
from balance_sim.show.wording import digits, plural, signed, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

STATES = ["a", "b", "name_a", "name_b", "group_a", "group_b", "place_a", "place_b"]
VALUES = ["mean_control", "mean", "effect", "lo", "hi", "mcse"]
COLUMNS = [*STATES, *VALUES, "clear", "n", "arm", "title", "control", "treatment", "window"]
UNCLEAR = "#ececec"
MOST = 20  # dyads listed beside the map
# Amber below zero, blue above. In grey the amber end stays light and the blue end goes dark.
SCALE = (
    (0.0, "#D98200"),
    (0.25, "#F3C26B"),
    (0.5, "#FFFFFF"),
    (0.6, "#BBDCF0"),
    (0.8, "#0072B2"),
    (1.0, "#00304D"),
)
TOP = 98.0  # percentile of the absolute effects at which the colours end


def pairs_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a dyad, all of them, in the fixed order of `order.state_order`.

    mean, mean_control: expected new security agreements of any direction within the longest window, filtered; effect,
    its 95 % CI and Monte Carlo standard error; clear: the CI excludes zero; place_a < place_b: row and column. Empty
    where an earlier version kept no filtered numbers."""
    arm = arm if arm is not None else result.headline_arm
    states, names = state_order(result.scenario).to_dict("records"), state_names(result.scenario)
    if arm is None or not result.finished or unfiltered(result):
        return pd.DataFrame(columns=COLUMNS)
    dyads = result.dyads[result.dyads["arm"] == arm]
    by_dyad = {frozenset((row["a"], row["b"])): row for row in dyads.to_dict("records")}
    rows = []
    for (i, one), (j, two) in itertools.combinations(enumerate(states), 2):
        row = by_dyad.get(frozenset((one["code"], two["code"])))
        values = [row[c] for c in VALUES] if row else [0.0] * len(VALUES)
        a, b = one["code"], two["code"]
        rows.append([a, b, names[a], names[b], one["group"], two["group"], i, j, *values])
    table = pd.DataFrame(rows, columns=[*STATES, *VALUES])
    table["clear"] = clear(table)
    runs = result.finished
    return titled(table.assign(n=runs, arm=arm, window=result.window), result)[COLUMNS]


def unfiltered(result: Result) -> bool:
    """Whether agreements were made and no filtered numbers by dyad were kept: a folder of an earlier version."""
    return result.dyads.empty and bool(
        result.levels.loc[result.levels["outcome"] == f"accords_all_{result.window}", "mean"].gt(0).any()
    )


def pairs_title(table: pd.DataFrame) -> str:
    """The finding: how many dyads change detectably, and which most."""
    sure = table[table["clear"]]
    if sure.empty:
        return f"{first(table, 'treatment')}: no dyad shows a detectable effect"
    top = by_size(sure).iloc[0]
    far = (
        f"{top['name_a']}\u2013{top['name_b']}, {signed(float(top['effect']), digits(float(top['effect'])))}"
    )
    if len(sure) == 1:
        return f"{first(table, 'treatment')}: one dyad of {len(table):,} changes detectably, {far}"
    more = int((sure["effect"] > 0).sum())
    return (
        f"{first(table, 'treatment')}: {plural(more, 'dyad')} {'becomes' if more == 1 else 'become'} "
        f"more likely to sign, {len(sure) - more:,} less; "
        f"largest effect: {far}"
    )


def colours() -> Colormap:
    """Amber to white to dark blue; what cannot be told from zero is light grey."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("effect", list(SCALE), N=255).with_extremes(bad=UNCLEAR)


def reach_of(effects: pd.Series[float]) -> float:
    """The absolute effect at which the colours end: few larger ones must not leave all others pale."""
    return float(np.percentile(effects.abs(), TOP)) if len(effects) else 1.0


@styled
def draw_pairs(table: pd.DataFrame, ax: tuple[Axes, Axes] | None = None) -> Figure:
    """The heat map, both halves, and beside it the dyads with the largest effects."""
    own = ax is None
    if ax is None and table.empty:
        left = right = sheet(9.0, 4.0).subplots()
    elif ax is None:
        left, right = sheet(15.0, 10.4).subplots(1, 2, width_ratios=[3.1, 1])
    else:
        left, right = ax
    if table.empty:
        if right is not left:
            right.set_axis_off()
        return nothing(left, "No arm to compare, or no filtered numbers by dyad: there is no effect to show.")
    _heat(left, table)
    _largest(right, table)
    window = within(int(table["window"].iloc[0]))
    small = (
        f"Effects on a dyad's expected new security agreements of any direction {window}; "
        f"{plural(int(table['n'].iloc[0]), 'replication')}. "
        f"Control: {first(table, 'control')}. Each CI is for one dyad by itself: of dyads without an effect about "
        "5 % exclude zero. The CI reflects Monte Carlo error only."
    )
    frame_words(left, pairs_title(table), small, own=own, wrap=118, small_wrap=190)
    return owner(left)


def _heat(ax: Axes, table: pd.DataFrame) -> None:
    """Effects of both halves; grey: the CI holds zero."""
    places = {**dict(zip(table["place_a"], table["name_a"], strict=True)),
              **dict(zip(table["place_b"], table["name_b"], strict=True))}  # fmt: skip
    groups = {**dict(zip(table["place_a"], table["group_a"], strict=True)),
              **dict(zip(table["place_b"], table["group_b"], strict=True))}  # fmt: skip
    count = len(places)
    i, j = table["place_a"].to_numpy(int), table["place_b"].to_numpy(int)
    grid = np.full((count, count), np.nan)
    grid[i, j] = grid[j, i] = np.where(table["clear"], table["effect"], np.nan)
    np.fill_diagonal(grid, 0.0)  # white: a state signs nothing with itself
    reach = reach_of(table.loc[table["clear"], "effect"])
    image = ax.imshow(grid, cmap=colours(), vmin=-reach, vmax=reach, interpolation="none")
    _frame(ax, [places[k] for k in range(count)], [groups[k] for k in range(count)])
    bar = owner(ax).colorbar(
        image, ax=ax, location="bottom", shrink=0.55, aspect=40, pad=0.012, extend="both"
    )
    bar.outline.set_visible(False)
    bar.set_label(
        "effect on expected new security agreements (amber: fewer, blue: more; grey: the 95 % CI holds zero)"
    )


def _largest(ax: Axes, table: pd.DataFrame) -> None:
    """The dyads furthest from zero of those that can be detected, with their CIs."""
    shown = by_size(table[table["clear"]]).head(MOST)
    if shown.empty:
        nothing(ax, "No dyad shows a detectable effect.")
        return
    ax.axvline(0, color=INK, linewidth=1)
    heights = np.arange(len(shown))[::-1].astype(float)
    effect, lo, hi = (shown[name].to_numpy(float) for name in ("effect", "lo", "hi"))
    colour = [BLUE if value > 0 else ORANGE for value in effect]
    ax.hlines(heights, lo, hi, colors=colour, linewidth=2)
    ax.scatter(effect, heights, c=colour, s=34, zorder=3)
    ax.set_yticks(
        heights, [dyad_name({}, a, b) for a, b in zip(shown["name_a"], shown["name_b"], strict=True)]
    )
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    ax.locator_params(axis="x", nbins=4)
    ax.set_ylim(-0.7, len(shown) - 0.3)
    ax.set_xlabel("effect, with 95 % CI")
    ax.set_title(
        f"The {len(shown)} largest effects" if len(shown) > 1 else "The largest effect",
        loc="left",
        color=QUIET,
    )


def _frame(ax: Axes, names: list[str], groups: list[str]) -> None:
    """Names on both axes, lines between groups, the groups on the right."""
    count = len(names)
    ax.set_xticks(range(count), names, rotation=90)
    ax.set_yticks(range(count), names)
    ax.tick_params(length=0, pad=2, labelsize=SMALL)
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    start, edges = 0, []
    for name, members in itertools.groupby(groups):
        stop = start + len(list(members))
        edges += [start - 0.5, stop - 0.5]
        label = folded(group_words(name), 14) if stop > start + 1 else ""  # one state says itself who it is
        ax.annotate(
            label, (count - 0.5, (start + stop - 1) / 2), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=SMALL, color=QUIET, annotation_clip=False,
        )  # fmt: skip
        start = stop
    ax.hlines(edges, -0.5, count - 0.5, colors=QUIET, linewidth=0.8)
    ax.vlines(edges, -0.5, count - 0.5, colors=QUIET, linewidth=0.8)
    ax.set_xlim(-0.5, count - 0.5)
    ax.set_ylim(count - 0.5, -0.5)
