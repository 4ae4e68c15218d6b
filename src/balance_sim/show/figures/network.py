"""Network of the new ties: dyads whose expected agreements the event changes, on a ring of all states."""

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
    ORANGE,
    QUIET,
    SMALL,
    apart,
    frame_words,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.figures.roles import first
from balance_sim.show.names import group_words
from balance_sim.show.tables import by_size
from balance_sim.show.wording import number, percent, plural, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

MOST = 160  # ties that are drawn
WIDTHS = 6  # widths of lines, so that an SVG holds few paths
LINE = 0.1  # between names of groups, in radii
NAMED = 3  # states that the title names
RING, NAMES = 1.56, 1.63  # radii of the groups' arcs and of their names


def network_table(result: Result) -> pd.DataFrame:
    """The rows of `pairs_table`, the dyads furthest from zero first, with `tie`: drawn, since the 95 % CI of the effect
    excludes zero and at most MOST are further from zero."""
    table = by_size(pairs_table(result)).reset_index(drop=True)
    return table.assign(tie=table["clear"] & (table["clear"].cumsum() <= MOST))


def network_title(table: pd.DataFrame) -> str:
    """The finding: which states the added agreements go to."""
    name, more = first(table, "treatment"), table[table["clear"] & (table["effect"] > 0)]
    if more.empty:
        return f"{name}: no dyad's expected security agreements rise detectably"
    gains = pd.concat([more.groupby("name_a")["effect"].sum(), more.groupby("name_b")["effect"].sum()])
    by_state = gains.groupby(level=0).sum().sort_index().sort_values(ascending=False, kind="stable")
    top = list(by_state.index[:NAMED])
    whole = float(more["effect"].sum())
    share = float(more.loc[more["name_a"].isin(top) | more["name_b"].isin(top), "effect"].sum()) / whole
    if len(more) == 1:
        return f"{name}: the new tie joins {_listed(top[:2])}"
    return f"{name}: {_listed(top)} are in {'all' if share == 1 else percent(share)} of the added security agreements"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


@styled
def draw_network(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A ring of all states in the fixed order; a chord a tie, wider where the effect is larger."""
    own = ax is None
    ax = ax if ax is not None else (sheet(9.6, 8.9) if len(table) else sheet(9.0, 4.0)).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no filtered numbers by dyad: there are no ties to show.")
    order = _order(table)
    _ring(ax, order)
    ties = table[table["tie"]]
    most = float(ties["effect"].abs().max()) if len(ties) else 1.0
    step = np.minimum((ties["effect"].abs() / most * WIDTHS).astype(int), WIDTHS - 1)
    for level in range(WIDTHS):
        for sign, colour in ((1, BLUE), (-1, ORANGE)):
            rows = ties[(step == level) & (np.sign(ties["effect"]) == sign)]
            looks = {"edgecolor": colour, "linewidth": 0.5 + 0.75 * level, "alpha": 0.35 + 0.1 * level}
            _chords(ax, rows, len(order), **looks)
    window, n = within(int(table["window"].iloc[0])), plural(int(table["n"].iloc[0]), "replication")
    clear = int(table["clear"].sum())
    shown = f"the {len(ties)} largest of {clear:,} effects" if len(ties) < clear else plural(clear, "effect")
    small = (
        f"Chords: {shown} on a dyad's expected new security agreements {window} whose 95 % CI excludes zero (blue: "
        f"more, amber: fewer); the widest is {number(most, 4)}. {n}. Control: {first(table, 'control')}."
    )
    frame_words(ax, network_title(table), small, own=own, wrap=78, small_wrap=120)
    return owner(ax)


def _order(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(name, group) of all states, in order."""
    sides = [
        table[[f"place_{s}", f"name_{s}", f"group_{s}"]].set_axis(["place", "name", "group"], axis=1)
        for s in ("a", "b")
    ]
    states = pd.concat(sides).drop_duplicates("place").sort_values("place")
    return list(zip(states["name"], states["group"], strict=True))


def _angle(place: int, count: int) -> float:
    return float(np.pi / 2 - 2 * np.pi * place / count)


def _ring(ax: Axes, order: list[tuple[str, str]]) -> None:
    """Dots, names that point outwards, and an arc and a name for each group of several states."""
    count = len(order)
    around = np.array([_angle(place, count) for place in range(count)])
    ax.plot(np.cos(around), np.sin(around), "o", color=INK, markersize=3)
    for place, (name, _) in enumerate(order):
        angle = _angle(place, count)
        x, y = np.cos(angle), np.sin(angle)
        turn = float(np.degrees(angle))
        flip = np.cos(angle) < -1e-9
        ax.text(
            1.04 * x, 1.04 * y, name, rotation=turn + 180 if flip else turn, rotation_mode="anchor", fontsize=SMALL,
            ha="right" if flip else "left", va="center",
        )  # fmt: skip
    start = 0
    for _, members in itertools.groupby(order, key=lambda one: one[1]):
        stop = start + len(list(members))
        if stop > start + 1:
            _arc(ax, start, stop, count)
        start = stop
    _group_names(ax, order)
    ax.set_aspect("equal")
    ax.set_xlim(-2.1, 2.1)
    ax.set_ylim(-1.68, 1.68)
    ax.set_axis_off()


def _arc(ax: Axes, start: int, stop: int, count: int) -> None:
    angles = np.linspace(_angle(start, count) + 0.02, _angle(stop - 1, count) - 0.02, 30)
    ax.plot(RING * np.cos(angles), RING * np.sin(angles), color=BASE, linewidth=2.2, solid_capstyle="butt")


def _group_names(ax: Axes, order: list[tuple[str, str]]) -> None:
    """Names of groups outside their arcs. On each side those that would touch are put a line apart."""
    count, start = len(order), 0
    sides: dict[str, list[tuple[float, float, str]]] = {"left": [], "right": []}
    for name, members in itertools.groupby(order, key=lambda one: one[1]):
        stop = start + len(list(members))
        angle = (_angle(start, count) + _angle(stop - 1, count)) / 2
        x, y = float(np.cos(angle)), float(np.sin(angle))
        if stop > start + 1:
            sides["right" if x >= 0 else "left"].append((NAMES * y, x, group_words(name)))
        start = stop
    for side, names in sides.items():
        heights = apart([height for height, _, _ in names], LINE)
        for (natural, x, words), y in zip(names, heights, strict=True):
            reach = float(np.sqrt(max(NAMES**2 - y**2, 0.0)))  # stays outside the ring where it was moved
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
                    [(RING + 0.02) * x, 0.98 * spot],
                    [natural * (RING + 0.02) / NAMES, y],
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
