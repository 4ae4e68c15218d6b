"""World shapes: world-atlas 2.0.2, Natural Earth's countries at 1:110 million. See
README.md in this folder.

Where the states of a scenario stand in a picture: on a map of the world, or, invented
ones, on a ring; and the same as SVG for pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from balance_sim.scenario.actors import code_table

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario

type Ring = npt.NDArray[np.float64]
"""(points, 2): longitude and latitude in degrees, or x and y; longitudes go on past
180."""
type Spot = tuple[float, float]
type Box = tuple[float, float, float, float]
"""West, east, south, north."""

FILE = "countries-110m.json"
CUTS = (-169.0, -30.0)
"""Meridians at which a map is cut, where they meet least land: the Bering Strait and
the Atlantic."""
TURNS = (-360.0, 0.0, 360.0)
MARGIN = (0.14, 0.2)
"""Round the states of a map of a region, and of a wide one; the world is 5.4 wide."""
NORTH = 1.2  # of a wide map: about 75 degrees, so that great circles stay on it
WIDE, SLIDE = 1.1, 1.8
"""Width of a map from which it is wide, and a slide's width by its height."""
BORDERS = 1992
"""Year from which the borders of the atlas are nearly those of the time."""
PAGE_WIDTH = 960.0  # of a map in a page, in its units
BEND = 0.16  # of a line between two states, of its length


@cache
def countries() -> dict[str, tuple[Ring, ...]]:
    """Return the rings of every shape of the atlas but Antarctica, by ISO3 code; by
    name where it has none.

    It is decoded from TopoJSON: differences of whole numbers to degrees (specification,
    2.1.2 and 4); ~n is arc n backwards.
    """
    data = (files("balance_sim.show.atlas") / FILE).read_bytes()
    topology = json.loads(data)
    transform = topology["transform"]
    arcs = [
        np.cumsum(steps, axis=0) * transform["scale"] + transform["translate"]
        for steps in topology["arcs"]
    ]
    codes = {row.numeric: code for code, row in code_table().items()}
    shapes = {}
    for shape in topology["objects"]["countries"]["geometries"]:
        name = shape["properties"]["name"]
        code = codes[int(shape["id"])] if "id" in shape else name
        is_single = shape["type"] == "Polygon"
        rings = []
        for polygon in [shape["arcs"]] if is_single else shape["arcs"]:
            for numbers in polygon:
                pieces = [arcs[n] if n >= 0 else arcs[~n][::-1] for n in numbers]
                rings.append(unwrapped(np.concatenate(pieces)))
        shapes[code] = tuple(rings)
    del shapes["ATA"]
    return shapes


def unwrapped(ring: Ring) -> Ring:
    """Return the ring with no jump across the antimeridian: longitudes go on past
    180."""
    return np.column_stack([np.unwrap(ring[:, 0], period=360), ring[:, 1]])


def great_circle(start: Spot, end: Spot, points: int = 41) -> Ring:
    """Return (points, 2) longitudes and latitudes along the shortest way; longitudes go
    on past 180."""
    a, b = _unit_vector(*start), _unit_vector(*end)
    angle = float(np.arccos(np.clip(a @ b, -1.0, 1.0)))
    if angle < 1e-9:
        return np.tile(np.array(start, dtype=float), (points, 1))
    shares = np.linspace(0.0, 1.0, points)[:, None]
    way = np.sin((1 - shares) * angle) * a + np.sin(shares * angle) * b
    x, y, z = (way / np.sin(angle)).T
    latitude = np.arcsin(np.clip(z, -1.0, 1.0))
    return unwrapped(np.degrees(np.column_stack([np.arctan2(y, x), latitude])))


def _unit_vector(longitude: float, latitude: float) -> Ring:
    """Return a place in degrees as a point of the unit sphere."""
    x, y = np.radians([longitude, latitude])
    return np.array([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def equal_earth(degrees: Ring) -> Ring:
    """Return x, y on a sphere of radius 1, areas kept: Savric, Patterson, Jenny 2019,
    IJGIS 33.

    Parameters
    ----------
    degrees : (points, 2) longitude from the middle of the map and latitude
    """
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    longitude, latitude = np.radians(degrees).T
    t = np.arcsin(np.sqrt(3) / 2 * np.sin(latitude))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * np.sqrt(3) / 3 * longitude * np.cos(t) / slope
    return np.column_stack([x, t * (a1 + a2 * t**2 + a3 * t**6 + a4 * t**8)])


# -- where states stand ----------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """Where states stand.

    Attributes
    ----------
    spots : x, y by code, y upwards; states without a place lack one
    places : longitude, latitude by code
    middle : longitude in the middle of an Equal Earth map; None: the states stand on a
        ring, in the order of the scenario
    year : of the scenario's first day
    """

    spots: Mapping[str, Spot]
    places: Mapping[str, Spot]
    middle: float | None = None
    year: int = BORDERS

    @property
    def is_world(self) -> bool:
        """Whether it is a map of the world."""
        return self.middle is not None

    @property
    def caption(self) -> str:
        """What is to be known of the places."""
        if self.is_world:
            when = "" if self.year >= BORDERS else f" of today, not of {self.year}"
            return f"Boundaries{when}: Natural Earth de facto, no endorsement."
        return "The places are invented: where they stand here means nothing."

    @property
    def box(self) -> Box:
        """Left, east, south, north: round the states, no flatter than it is readable;
        of a map as wide as a slide has room for, of a ring no higher than wide."""
        spots = np.array(list(self.spots.values()))
        is_wide = self.is_world and float(np.ptp(spots[:, 0])) > WIDE
        margin = MARGIN[is_wide] if self.is_world else 0.4
        west, south = spots.min(axis=0) - margin
        east, north = spots.max(axis=0) + margin
        if is_wide:
            north = max(north, NORTH)
        height = max(north - south, 0.45 * (east - west))
        width = max(east - west, (SLIDE if self.is_world else 1.0) * height)
        x, y = float(west + east) / 2, float(south + north) / 2
        half, up = float(width) / 2, float(height) / 2
        return x - half, x + half, y - up, y + up

    def on_map(self, rings: tuple[Ring, ...]) -> list[Ring]:
        """Return longitudes and latitudes as x, y, as often round the earth as they are
        in the picture, in part at least; what lies beyond its edge is to be clipped."""
        return _projected(rings, self.middle or 0.0, self.box)

    def outlines(self) -> Mapping[str, list[Ring]]:
        """Return every shape of the atlas that is on the map, as x, y, by its code."""
        return _outlines(self.middle or 0.0, self.box)

    def __deepcopy__(self, _memo: object) -> Layout:
        """Return itself, which nothing changes: pandas copies what is attached to a
        table with each step."""
        return self

    def arc(self, a: str, b: str) -> list[Ring]:
        """Return the line between two states, in two parts where the map's edge cuts
        it; nothing where one of them has no place."""
        if a not in self.spots or b not in self.spots:
            return []
        if self.is_world:
            return self.on_map((great_circle(self.places[a], self.places[b]),))
        start, end = np.array(self.spots[a]), np.array(self.spots[b])
        # An odd number, so that every other point has both ends too (`arc_path`).
        shares = np.linspace(0.0, 1.0, 31)[:, None]
        aside = BEND * np.array([start[1] - end[1], end[0] - start[0]])
        return [start + shares * (end - start) + 4 * shares * (1 - shares) * aside]


def _projected(rings: tuple[Ring, ...], middle: float, box: Box) -> list[Ring]:
    """Return `Layout.on_map`."""
    west, east, south, north = box
    drawn = []
    for ring in rings:
        start = (ring[0, 0] - middle + 180) % 360 - 180
        for turn in TURNS:
            shift = np.array([start - ring[0, 0] + turn, 0.0])
            corners = equal_earth(ring + shift)
            low, high = corners.min(axis=0), corners.max(axis=0)
            if (low < (east, north)).all() and (high > (west, south)).all():
                drawn.append(corners)
    return drawn


@cache
def _outlines(middle: float, box: Box) -> Mapping[str, list[Ring]]:
    """Return `Layout.outlines`, once for all figures of a study."""
    drawn = {
        code: _projected(rings, middle, box) for code, rings in countries().items()
    }
    return {code: rings for code, rings in drawn.items() if rings}


def layout_of(scenario: Scenario) -> Layout:
    """Return how a scenario's states are laid out: on a map of the world where at least
    half of them are states of this world with a place, else on a ring."""
    states = scenario.states
    places = {
        state.id: (state.longitude, state.latitude)
        for state in states
        if state.longitude is not None and state.latitude is not None
    }
    real = [code for code in places if code in code_table()]
    if real and 2 * len(real) >= len(states):
        middle = middle_of(scenario, places)
        degrees = np.array(list(places.values())) - (middle, 0.0)
        degrees[:, 0] = (degrees[:, 0] + 180) % 360 - 180
        spots = dict(zip(places, map(tuple, equal_earth(degrees)), strict=True))
        return Layout(spots, places, middle, scenario.start.year)
    turns = np.linspace(0.0, 2 * np.pi, len(states), endpoint=False)
    ring = np.column_stack([np.sin(turns), np.cos(turns)])
    return Layout(dict(zip(scenario.codes, map(tuple, ring), strict=True)), {})


def middle_of(scenario: Scenario, places: Mapping[str, Spot]) -> float:
    """Return the longitude in the middle of the map.

    The map is cut in Bering Strait or in the Atlantic, whichever leaves the host of the
    focal event, or, without one, its participants, nearer to the middle: a parade in
    Beijing is seen on a map of the Pacific.
    """
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    hosts = [focal.host] if focal.host else []
    codes = [code for code in (*hosts, *focal.principals) if code in places]
    placed = codes[:1] if focal.host in places else codes or [*places]
    angles = np.radians([places[code][0] for code in placed])
    wanted = np.exp(1j * angles).sum()
    middles = [cut + 180.0 for cut in CUTS]
    return max(middles, key=lambda m: (wanted * np.exp(-1j * np.radians(m))).real)


# -- in a page -------------------------------------------------------------------------


def shapes(scenario: Scenario) -> dict[str, Any]:
    """Return a page's map.

    Returns
    -------
    box: of the SVG; land: outside the roster, as one path; by state in the order of the
    scenario: paths, dots [x, y] where it is too small for a path, places where its arcs
    end (null: none); caption
    """
    layout = layout_of(scenario)
    west, east, south, north = layout.box
    height = (north - south) * PAGE_WIDTH / (east - west)
    land = dict(layout.outlines()) if layout.is_world else {}
    paths = [_closed_path(layout, land.pop(code, [])) for code in scenario.codes]
    spots = [layout.spots.get(code) for code in scenario.codes]
    places = [None if spot is None else in_page(layout, spot) for spot in spots]
    dots = zip(paths, places, strict=True)
    return {
        "box": f"0 0 {PAGE_WIDTH:.0f} {height:.0f}",
        "land": "".join(_closed_path(layout, rings) for rings in land.values()),
        "paths": [path or None for path in paths],
        "dots": [None if path else place for path, place in dots],
        "places": places,
        "caption": layout.caption,
    }


def _closed_path(layout: Layout, rings: list[Ring]) -> str:
    """Return a shape of `Layout.outlines` as an SVG path."""
    return "".join(svg_path(layout, ring) + "z" for ring in rings)


def in_page(layout: Layout, spots: Spot | Ring) -> list[Any]:
    """Return a spot, or (points, 2), in the page's units, y downwards."""
    west, east, _, north = layout.box
    x, y = np.moveaxis(np.asarray(spots), -1, 0)
    unit = PAGE_WIDTH / (east - west)
    places: list[Any] = (np.stack([x - west, north - y], -1) * unit).round(1).tolist()
    return places


def arc_path(layout: Layout, a: str, b: str) -> str:
    """Return the line between two states as an SVG path in the page's units; empty
    where one of them has no place."""
    return "".join(svg_path(layout, way[::2]) for way in layout.arc(a, b))


def svg_path(layout: Layout, ring: Ring) -> str:
    """Return points as an SVG path in the page's units."""
    return "M" + "L".join(f"{u:g} {v:g}" for u, v in in_page(layout, ring))
