"""The land of a map in the Equal Earth projection, and where on it a place is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from balance_sim.scenario.actors import code_table
from balance_sim.show import atlas
from balance_sim.show.figures.paper import INK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

FINE = 0.007  # of the map, which is 5.4 wide: less than a screen shows
LAND, SEA = "#c9c9c9", "#f3f6f8"
SOUTH, NORTH = -58.0, 84.0


def on_map(longitude: float, latitude: float, middle: float) -> tuple[float, float]:
    """Where a place in degrees is; middle: the longitude in the middle of the map."""
    x, y = atlas.equal_earth((longitude - middle + 180.0) % 360.0 - 180.0, latitude)
    return float(x), float(y)


def draw_land(ax: Axes, middle: float, colour: dict[str, Any], outlined: set[str]) -> None:
    """Every country of the atlas but Antarctica; grey where it is not in the roster. outlined: codes in black lines."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    edge = np.concatenate([np.linspace(SOUTH, NORTH, 60), np.linspace(NORTH, SOUTH, 60)])
    x, y = atlas.equal_earth(np.repeat([-180.0, 180.0], 60), edge)
    ax.fill(x, y, color=SEA, linewidth=0)
    ax.autoscale_view()
    iso3 = {of.numeric: code for code, of in code_table().items() if of.numeric is not None}
    for country in atlas.countries():
        if country.numeric == atlas.ANTARCTICA:
            continue
        corners, codes = [], []
        for px, py in rings_on_map(country, middle):
            corners += [*zip(px, py, strict=True), (px[0], py[0])]
            codes += [Path.MOVETO, *[Path.LINETO] * (len(px) - 1), Path.CLOSEPOLY]
        code = iso3.get(country.numeric) if country.numeric is not None else None
        fill = colour.get(code, LAND) if code else LAND
        if corners:
            in_roster, marked = code in colour, code in outlined
            ax.add_artist(
                PathPatch(
                    Path(corners, codes),
                    facecolor=fill,
                    edgecolor=INK if marked else "#8a8a8a" if in_roster else "white",
                    linewidth=1.3 if marked else 0.5,
                    gid=f"land-{code or country.name}",
                    zorder=1 + in_roster + 0.5 * marked,
                )
            )


def rings_on_map(country: atlas.Country, middle: float) -> Iterator[tuple[Floats, Floats]]:
    """A country's rings, cut at the map's edge, without points too near to be told apart."""
    for ring in country.rings:
        for turn in (-720.0, -360.0, 0.0, 360.0):
            part = atlas.between(ring + np.array([turn - middle, 0.0]), -180.0, 180.0)
            if len(part) >= 3:
                yield thinned(*atlas.equal_earth(part[:, 0], part[:, 1]))


def thinned(x: Floats, y: Floats, apart: float = FINE) -> tuple[Floats, Floats]:
    """A ring without the points nearer than `apart` to the last one kept; at least three points stay."""
    kept = [0]
    for k in range(1, len(x)):
        if max(abs(x[k] - x[kept[-1]]), abs(y[k] - y[kept[-1]])) >= apart:
            kept.append(k)
    if len(kept) < 3:
        kept = [0, len(x) // 3, 2 * len(x) // 3]
    return x[kept], y[kept]
