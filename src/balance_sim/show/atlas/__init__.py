"""World shapes: world-atlas 2.0.2, Natural Earth's countries at 1:110 million. See README.md in this folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.scenario.actors import code_table

FILE = "countries-110m.json"
SHA256 = "2516c915867c7baf18ddec727aec46c315541a07cfb3d79a6559b05d5e94eee8"
CAPTION = "Boundaries: Natural Earth de facto, no endorsement."
ANTARCTICA = 10
FINE = 0.007  # of the map, which is 5.4 wide: less than a screen shows

Line = npt.NDArray[np.float64]  # one coordinate of points
Ring = npt.NDArray[np.float64]  # (points, 2): longitude, latitude in degrees; longitudes go on past 180


class DamagedAtlas(Exception):
    """The file of world shapes is not the one this version was made with."""


@dataclass(frozen=True, eq=False)
class Country:
    """One shape of the atlas: ISO numeric code (None where it has none), name, outer rings and holes."""

    numeric: int | None
    name: str
    rings: tuple[Ring, ...]


@cache
def countries() -> tuple[Country, ...]:
    """All shapes of the atlas. Raises DamagedAtlas if the file is not the expected one."""
    data = (files("balance_sim.show.atlas") / FILE).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise DamagedAtlas(f"{FILE} is damaged: its sha256 is not {SHA256}. Install balance-sim again.")
    topology = json.loads(data)
    # Differences of whole numbers to degrees: TopoJSON specification, 2.1.2 and 4.
    scale, translate = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    arcs = [np.asarray(np.cumsum(np.array(arc), axis=0) * scale + translate) for arc in topology["arcs"]]
    out = []
    for shape in topology["objects"]["countries"]["geometries"]:
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        rings = tuple(unwrapped(_ring(ring, arcs)) for polygon in polygons for ring in polygon)
        numeric = int(shape["id"]) if shape.get("id") is not None else None
        out.append(Country(numeric, shape["properties"]["name"], rings))
    return tuple(out)


def by_iso3() -> dict[str, Country]:
    """The shapes that have a code, by ISO3."""
    shapes = {country.numeric: country for country in countries() if country.numeric is not None}
    return {code: shapes[of.numeric] for code, of in code_table().items() if of.numeric in shapes}


def _ring(numbers: list[int], arcs: list[Ring]) -> Ring:
    """Arcs laid end to end; ~n is arc n backwards. The point two arcs share is kept once."""
    parts = [arcs[n] if n >= 0 else arcs[~n][::-1] for n in numbers]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def unwrapped(ring: Ring) -> Ring:
    """The same ring with no jump across the antimeridian: longitudes go on past 180."""
    steps = np.diff(ring[:, 0])
    turns = np.concatenate([[0.0], np.cumsum(np.where(steps > 180, -360.0, np.where(steps < -180, 360.0, 0.0)))])
    return np.column_stack([ring[:, 0] + turns, ring[:, 1]])


def between(ring: Ring, low: float, high: float) -> Ring:
    """What of a ring lies between two longitudes: Sutherland and Hodgman 1974, CACM 17. May be empty."""
    for bound, sign in ((low, 1.0), (high, -1.0)):
        after = np.roll(ring, -1, axis=0)
        inside, next_inside = (sign * (of[:, 0] - bound) >= 0 for of in (ring, after))
        crosses = inside != next_inside
        (x0, y0), (x1, y1) = ring[crosses].T, after[crosses].T
        both = np.stack([ring, ring], axis=1)  # each point, and where the side that follows it crosses the bound
        both[crosses, 1] = np.column_stack([np.full(len(x0), bound), y0 + (bound - x0) / (x1 - x0) * (y1 - y0)])
        ring = np.asarray(both[np.stack([inside, crosses], axis=1)])
    return ring


def great_circle(start: tuple[float, float], end: tuple[float, float], points: int = 40) -> Ring:
    """(points, 2) longitudes and latitudes along the shortest way; longitudes go on past 180."""
    a, b = (np.array([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)]) for x, y in np.radians([start, end]))
    angle = float(np.arccos(np.clip(a @ b, -1.0, 1.0)))
    share = np.linspace(0.0, 1.0, points)[:, None]
    if angle < 1e-9:
        return np.tile(np.array(start, dtype=float), (points, 1))
    x, y, z = ((np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)).T
    return unwrapped(np.degrees(np.column_stack([np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))])))


def equal_earth(longitude: Any, latitude: Any) -> tuple[Line, Line]:
    """x, y on a sphere of radius 1, areas kept: Savric, Patterson, Jenny 2019, IJGIS 33. Degrees from the middle."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = np.arcsin(np.sqrt(3) / 2 * np.sin(np.radians(latitude)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * np.sqrt(3) / 3 * np.radians(longitude) * np.cos(t) / slope
    return np.asarray(x), np.asarray(t * (a1 + a2 * t**2 + a3 * t**6 + a4 * t**8))


def on_map(longitude: float, latitude: float, middle: float) -> tuple[float, float]:
    """Where a place in degrees is; middle: the longitude in the middle of the map."""
    x, y = equal_earth((longitude - middle + 180.0) % 360.0 - 180.0, latitude)
    return float(x), float(y)


@cache
def rings_on_map(country: Country, middle: float) -> tuple[tuple[Line, Line], ...]:
    """A country's rings, cut at the map's edge, without points too near to be told apart."""
    turned = (ring + np.array([turn - middle, 0.0]) for ring in country.rings for turn in (-720.0, -360.0, 0.0, 360.0))
    parts = (between(ring, -180.0, 180.0) for ring in turned)
    return tuple(thinned(*equal_earth(part[:, 0], part[:, 1])) for part in parts if len(part) >= 3)


def thinned(x: Line, y: Line, apart: float = FINE) -> tuple[Line, Line]:
    """A ring without the points nearer than `apart` to the last one kept; at least three points stay."""
    kept = [0]
    for k in range(1, len(x)):
        if max(abs(x[k] - x[kept[-1]]), abs(y[k] - y[kept[-1]])) >= apart:
            kept.append(k)
    if len(kept) < 3:
        kept = [0, len(x) // 3, 2 * len(x) // 3]
    return x[kept], y[kept]
