"""Network before and after: who had accords at the event, and who makes new ones in the runs after it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.pairs import pairs_table
from balance_sim.show.figures.paper import (
    BASE,
    BLUE,
    INK,
    QUIET,
    SMALL,
    apart,
    folded,
    head_over,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.wording import arm_words, percent, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

DEEP = 0.5
WIDTHS = 4  # widths of lines between SHARE and all runs
LINE = 0.1  # between names of groups, in radii
SHARE = 0.1  # of runs, from which on a pair's new accord is drawn
COLUMNS = [
    "a", "b", "group_a", "group_b", "place_a", "place_b", "kind", "depth", "p", "p_reference", "excess", "clear",
    "n", "arm", "reference", "window",
]  # fmt: skip


def network_table(result: Result) -> pd.DataFrame:
    """One row a pair of states: its deepest accord signed or in force at the event (kind, depth; "" and 0: none),

    and the share of runs with a new one in the longest window. Without an arm to compare, the reference's."""
    arm = result.headline_arm if result.headline_arm is not None else result.reference
    table = pairs_table(result, arm)
    if table.empty:
        return pd.DataFrame(columns=COLUMNS)
    kinds = result.scenario.kinds
    best: dict[frozenset[str], tuple[str, float]] = {}
    focal = next(event.date for event in result.scenario.events if event.id == result.scenario.focal)
    for accord in result.scenario.accords:
        if accord.status not in ("signed", "in_force") or (
            accord.ended is not None and accord.ended <= focal
        ):
            continue
        pair = frozenset((accord.a, accord.b))
        depth = kinds[accord.kind].depth
        if pair not in best or depth > best[pair][1]:
            best[pair] = (accord.kind, depth)
    found = [best.get(frozenset(pair), ("", 0.0)) for pair in zip(table["a"], table["b"], strict=True)]
    return table.assign(kind=[kind for kind, _ in found], depth=[depth for _, depth in found])[COLUMNS]


def network_title(table: pd.DataFrame) -> str:
    """The finding: how many pairs had an accord, how many often make one anew, and how many of these are new pairs."""
    had, often = table["kind"] != "", table["p"] >= SHARE
    arm = arm_words(str(table["arm"].iloc[0]))
    again = int((often & had).sum())
    words = f"{plural(int(had.sum()), 'pair')} had an accord at the event; "
    if not often.any():
        return words + f"in {arm} no pair makes a new one in {percent(SHARE)} of runs or more"
    told = (
        f"in {arm} {plural(int(often.sum()), 'pair')} {'makes' if often.sum() == 1 else 'make'} "
        "a new one in at least"
    )
    return words + f"{told} {percent(SHARE)} of runs, {again} of them with one already"


@styled
def draw_network(table: pd.DataFrame, ax: tuple[Axes, Axes] | None = None) -> Figure:
    """Two rings of states in the fixed order: accords at the event; new accords in the headline arm's runs."""
    own = ax is None
    if ax is None:
        left, right = sheet(12.4, 6.9).subplots(1, 2)
    else:
        left, right = ax
    if table.empty:
        right.set_axis_off()
        return nothing(left, "No run finished: there are no accords to show.")
    order = _order(table)
    for axes in (left, right):
        _ring(axes, order)
    had, often = table[table["kind"] != ""], table[table["p"] >= SHARE]
    for rows, looks in (
        (had[had["depth"] < DEEP], {"edgecolor": BASE, "linewidth": 0.6, "alpha": 0.6}),
        (had[had["depth"] >= DEEP], {"edgecolor": INK, "linewidth": 1.0, "alpha": 0.8}),
    ):
        _chords(left, rows, len(order), **looks)
    for step in range(WIDTHS):
        low, high = (SHARE + (1 - SHARE) * (step + more) / WIDTHS for more in (0, 1))
        within = often[(often["p"] >= low) & ((often["p"] < high) | (step == WIDTHS - 1))]
        for sure, colour in ((False, QUIET), (True, BLUE)):
            rows = within[within["clear"] == sure]
            _chords(right, rows, len(order), edgecolor=colour, linewidth=0.8 + 0.7 * step, alpha=0.85)
    n, window = int(table["n"].iloc[0]), int(table["window"].iloc[0])
    left.set_title("At the event: signed or in force. Black: depth 0.5 or more", loc="left", color=QUIET)
    after = (
        f"Within {window} days, {plural(n, 'run')}: a new accord in "
        f"{percent(SHARE)} of runs or more. Wider: more runs"
    )
    right.set_title(folded(after, 62), loc="left", color=QUIET)
    if own:
        head_over(left, network_title(table), 104)
    small = "States in the order of the pair map."
    if (often["clear"]).any():
        small = "Blue: the excess over the reference arm has a 95 % interval that excludes zero. " + small
    note(left, small, own=own, wrap=160)
    return owner(left)


def _order(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(code, group) of all states, in order."""
    sides = [
        table[[f"place_{s}", s, f"group_{s}"]].set_axis(["place", "code", "group"], axis=1)
        for s in ("a", "b")
    ]
    states = pd.concat(sides).drop_duplicates("place").sort_values("place")
    return list(zip(states["code"], states["group"], strict=True))


def _angle(place: int, count: int) -> float:
    return float(np.pi / 2 - 2 * np.pi * place / count)


def _ring(ax: Axes, order: list[tuple[str, str]]) -> None:
    """Dots, codes that point outwards, and an arc and a name for each group."""
    count = len(order)
    around = np.array([_angle(place, count) for place in range(count)])
    ax.plot(np.cos(around), np.sin(around), "o", color=INK, markersize=3)
    for place, (code, _) in enumerate(order):
        angle = _angle(place, count)
        x, y = np.cos(angle), np.sin(angle)
        turn = float(np.degrees(angle))
        flip = np.cos(angle) < -1e-9
        ax.text(
            1.04 * x, 1.04 * y, code, rotation=turn + 180 if flip else turn, rotation_mode="anchor", fontsize=SMALL,
            ha="right" if flip else "left", va="center",
        )  # fmt: skip
    start = 0
    for _, members in itertools.groupby(order, key=lambda one: one[1]):
        stop = start + len(list(members))
        angles = np.linspace(_angle(start, count) + 0.02, _angle(stop - 1, count) - 0.02, 30)
        ax.plot(
            1.29 * np.cos(angles), 1.29 * np.sin(angles), color=BASE, linewidth=2.2, solid_capstyle="butt"
        )
        start = stop
    _group_names(ax, order)
    ax.set_aspect("equal")
    ax.set_xlim(-1.75, 1.75)
    ax.set_ylim(-1.42, 1.6)
    ax.set_axis_off()


def _group_names(ax: Axes, order: list[tuple[str, str]]) -> None:
    """Names of groups outside their arcs. On each side those that would touch are put a line apart."""
    count, start = len(order), 0
    sides: dict[str, list[tuple[float, float, str]]] = {"left": [], "right": []}
    for name, members in itertools.groupby(order, key=lambda one: one[1]):
        stop = start + len(list(members))
        angle = (_angle(start, count) + _angle(stop - 1, count)) / 2
        x, y = float(np.cos(angle)), float(np.sin(angle))
        sides["right" if x >= 0 else "left"].append((1.36 * y, x, arm_words(name)))
        start = stop
    for side, names in sides.items():
        heights = apart([height for height, _, _ in names], LINE)
        for (natural, x, words), y in zip(names, heights, strict=True):
            reach = float(np.sqrt(max(1.36**2 - y**2, 0.0)))  # stays outside the ring where it was moved
            spot = max(reach, 0.06) * (1 if side == "right" else -1)
            ax.text(
                spot,
                y,
                words,
                fontsize=SMALL,
                color=QUIET,
                ha="left" if side == "right" else "right",
                va="center",
            )
            moved = abs(y - natural) > 0.02
            if moved:
                ax.plot(
                    [1.31 * x, 0.98 * spot],
                    [natural * 1.31 / 1.36, y],
                    color=BASE,
                    linewidth=0.6,
                    clip_on=False,
                )


def _chords(ax: Axes, rows: pd.DataFrame, count: int, **looks: Any) -> None:
    """Curves between places, bent towards the middle, as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if rows.empty:
        return
    corners: list[Any] = []
    for row in rows.to_dict("records"):
        a, b = (_angle(int(row[f"place_{side}"]), count) for side in ("a", "b"))
        ends = np.array([[np.cos(a), np.sin(a)], [np.cos(b), np.sin(b)]])
        corners += [ends[0], ends.mean(axis=0) * 0.35, ends[1]]
    codes = [Path.MOVETO, Path.CURVE3, Path.CURVE3] * len(rows)
    ax.add_patch(PathPatch(Path(corners, codes), facecolor="none", zorder=0, **looks))
