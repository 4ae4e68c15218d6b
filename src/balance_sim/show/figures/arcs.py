"""Arcs between pairs of states on a map, and the names of the states at their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show import atlas
from balance_sim.show.figures.land import on_map
from balance_sim.show.figures.paper import INK, SMALL, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 14
LETTER = 0.036  # width of a letter, of the map, which is 5.4 wide


def draw_arcs(ax: Axes, arcs: pd.DataFrame, middle: float) -> None:
    """Great circles: wider where the effect is further from zero, dashed where it is below."""
    if arcs.empty:
        return
    most = float(arcs["effect"].abs().max())
    for row in arcs.sort_values("effect", key=abs, kind="stable").to_dict("records"):
        way = atlas.great_circle(
            (row["longitude_a"], row["latitude_a"]), (row["longitude_b"], row["latitude_b"])
        )
        longitude = (way[:, 0] - middle + 180.0) % 360.0 - 180.0
        cuts = np.flatnonzero(np.abs(np.diff(longitude)) > 180.0) + 1
        width = 0.8 + 3.2 * abs(row["effect"]) / most
        more = row["effect"] > 0
        for part in np.split(np.arange(len(way)), cuts):
            x, y = atlas.equal_earth(longitude[part], way[part, 1])
            ax.plot(x, y, color="white", linewidth=width + 1.4, alpha=0.75, zorder=3, solid_capstyle="round")
            ax.plot(
                x,
                y,
                color="#00304D" if more else VERMILION,
                linestyle="-" if more else (0, (3, 1.5)),
                linewidth=width,
                alpha=0.9,
                zorder=4,
            )


def draw_names(ax: Axes, arcs: pd.DataFrame, known: pd.DataFrame, middle: float) -> None:
    """Names of the states at the ends of arcs, those with most of them first; none on top of another."""
    ends = pd.concat([arcs["a"], arcs["b"]]).value_counts(sort=False)
    order = sorted(ends.index, key=lambda code: (-ends[code], code))
    taken: list[tuple[float, float, float]] = []  # middle, and half the width of the words
    where = known.set_index("code")
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.8}
    spots = {
        code: on_map(float(where.loc[code, "longitude"]), float(where.loc[code, "latitude"]), middle)
        for code in order
    }
    ax.plot(
        [x for x, _ in spots.values()],
        [y for _, y in spots.values()],
        "o",
        color=INK,
        markersize=3.2,
        zorder=5,
    )
    for code in order[:MOST_NAMES]:
        (x, y), name = spots[code], str(where.loc[code, "name"])
        half = 0.5 * LETTER * len(name)
        beside = half + 0.05
        for dx, dy in (
            (0.0, -0.09),
            (0.0, 0.09),
            (beside, 0.0),
            (-beside, 0.0),
            (beside, -0.08),
            (-beside, -0.08),
        ):
            spot = (x + dx, y + dy)
            if all(abs(spot[0] - u) > half + wide + 0.02 or abs(spot[1] - v) > 0.095 for u, v, wide in taken):
                ax.text(*spot, name, fontsize=SMALL, ha="center", va="center", zorder=6, bbox=box)
                taken.append((*spot, half))
                break
