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

type Line = npt.NDArray[np.float64]
"""One coordinate of points."""
type Ring = npt.NDArray[np.float64]
"""(points, 2): longitude, latitude in degrees; longitudes go on past 180."""
type Spot = tuple[float, float]

FILE = "countries-110m.json"
ANTARCTICA = 10
FINE = 0.007  # of the map, which is 5.4 wide: less than a screen shows
CUTS = (-169.0, -30.0)
"""Meridians at which a map is cut, where they meet least land: the Bering Strait and
the Atlantic."""
MARGIN = 0.2  # round the states, of the map, which is 5.4 wide
NORTH = 1.2  # of the map: about 75 degrees, so that great circles stay on it
PAGE_WIDTH = 960.0  # of a map in a page, in its units
BEND = 0.16  # of a line between two states, of its length


@dataclass(frozen=True, eq=False)
class Country:
    """One shape of the atlas.

    Attributes
    ----------
    numeric : ISO numeric code; None where it has none
    rings : outer rings and holes
    """

    numeric: int | None
    name: str
    rings: tuple[Ring, ...]


@cache
def countries() -> tuple[Country, ...]:
    """Return all shapes of the atlas, decoded from TopoJSON: differences of whole
    numbers to degrees (specification, 2.1.2 and 4)."""
    data = (files("balance_sim.show.atlas") / FILE).read_bytes()
    topology = json.loads(data)
    scale, translate = (
        np.array(topology["transform"][name]) for name in ("scale", "translate")
    )
    arcs = [
        np.cumsum(np.array(steps), axis=0) * scale + translate
        for steps in topology["arcs"]
    ]
    shapes = []
    for shape in topology["objects"]["countries"]["geometries"]:
        polygons = shape["arcs"]
        if shape["type"] != "MultiPolygon":
            polygons = [polygons]
        rings = [_ring(ring, arcs) for polygon in polygons for ring in polygon]
        numeric = int(shape["id"]) if "id" in shape else None
        shapes.append(Country(numeric, shape["properties"]["name"], tuple(rings)))
    return tuple(shapes)


def by_iso3() -> dict[str, Country]:
    """Return the shapes that have a code, by ISO3."""
    by_number = {country.numeric: country for country in countries() if country.numeric}
    return {
        code: by_number[row.numeric]
        for code, row in code_table().items()
        if row.numeric in by_number
    }


def _ring(numbers: list[int], arcs: list[Ring]) -> Ring:
    """Return arcs laid end to end; ~n is arc n backwards. The point two arcs share is
    kept once."""
    pieces = [arcs[n] if n >= 0 else arcs[~n][::-1] for n in numbers]
    return unwrapped(np.concatenate([pieces[0], *(arc[1:] for arc in pieces[1:])]))


def unwrapped(ring: Ring) -> Ring:
    """Return the ring with no jump across the antimeridian: longitudes go on past
    180."""
    return np.column_stack([np.unwrap(ring[:, 0], period=360), ring[:, 1]])


def between(ring: Ring, low: float, high: float) -> Ring:
    """Return the part of a ring between two longitudes, which may be empty: Sutherland
    and Hodgman 1974, CACM 17."""
    for bound, sign in ((low, 1.0), (high, -1.0)):
        following = np.roll(ring, -1, axis=0)
        inside = sign * (ring[:, 0] - bound) >= 0
        crosses = inside != (sign * (following[:, 0] - bound) >= 0)
        start, end = ring[crosses], following[crosses]
        shares = (bound - start[:, 0]) / (end[:, 0] - start[:, 0])
        crossing = np.full(start.shape, bound)
        crossing[:, 1] = start[:, 1] + shares * (end[:, 1] - start[:, 1])
        # Each point, and where the side that follows it crosses the bound.
        points = np.stack([ring, ring], axis=1)
        points[crosses, 1] = crossing
        ring = points[np.stack([inside, crosses], axis=1)]
    return ring


def great_circle(start: Spot, end: Spot, points: int = 40) -> Ring:
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


def _unit_vector(longitude: float, latitude: float) -> Line:
    """Return a place in degrees as a point of the unit sphere."""
    x, y = np.radians([longitude, latitude])
    return np.array([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def equal_earth(longitude: Any, latitude: Any) -> tuple[Line, Line]:
    """Return x, y on a sphere of radius 1, areas kept: Savric, Patterson, Jenny 2019,
    IJGIS 33.

    Parameters
    ----------
    longitude, latitude : degrees from the middle
    """
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = np.arcsin(np.sqrt(3) / 2 * np.sin(np.radians(latitude)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * np.sqrt(3) / 3 * np.radians(longitude) * np.cos(t) / slope
    y = t * (a1 + a2 * t**2 + a3 * t**6 + a4 * t**8)
    return np.asarray(x), np.asarray(y)


def _from_middle(longitude: Any, middle: float) -> Any:
    """Return degrees from the middle of the map, from -180 to 180."""
    return (longitude - middle + 180.0) % 360.0 - 180.0


@cache
def rings_on_map(country: Country, middle: float) -> tuple[tuple[Line, Line], ...]:
    """Return a country's rings, cut at the map's edge, without points too near to be
    told apart."""
    rings = []
    for ring in country.rings:
        for turn in (-720.0, -360.0, 0.0, 360.0):
            part = between(ring + np.array([turn - middle, 0.0]), -180.0, 180.0)
            if len(part) >= 3:
                rings.append(thinned(*equal_earth(part[:, 0], part[:, 1])))
    return tuple(rings)


def thinned(x: Line, y: Line) -> tuple[Line, Line]:
    """Return a ring without the points nearer than FINE to the last one kept; at least
    three points stay."""
    places = [0]
    for k in range(1, len(x)):
        if max(abs(x[k] - x[places[-1]]), abs(y[k] - y[places[-1]])) >= FINE:
            places.append(k)
    if len(places) < 3:
        places = [0, len(x) // 3, 2 * len(x) // 3]
    return x[places], y[places]


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
    """

    spots: Mapping[str, Spot]
    places: Mapping[str, Spot]
    middle: float | None = None

    @property
    def is_world(self) -> bool:
        """Whether it is a map of the world."""
        return self.middle is not None

    @property
    def caption(self) -> str:
        """What is to be known of the places."""
        if self.is_world:
            return "Boundaries: Natural Earth de facto, no endorsement."
        return "The places are invented: where they stand here means nothing."

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top: round the states, no flatter than it is readable,
        and no higher than wide."""
        x, y = np.array(list(self.spots.values())).T
        margin = MARGIN if self.is_world else 0.4
        left, right = float(x.min()) - margin, float(x.max()) + margin
        bottom, top = float(y.min()) - margin, float(y.max()) + margin
        if self.is_world:
            top = max(top, NORTH)
        taller = max(0.45 * (right - left) - (top - bottom), 0.0) / 2
        bottom, top = bottom - taller, top + taller
        wider = max((top - bottom) - (right - left), 0.0) / 2
        return left - wider, right + wider, bottom, top

    def arc(self, a: str, b: str) -> list[tuple[Line, Line]]:
        """Return the line between two states, in one part, or in two where the map's
        edge cuts it."""
        if self.middle is not None:
            way = great_circle(self.places[a], self.places[b])
            longitude = _from_middle(way[:, 0], self.middle)
            cuts = np.flatnonzero(np.abs(np.diff(longitude)) > 180.0) + 1
            pieces = np.split(np.arange(len(way)), cuts)
            return [equal_earth(longitude[part], way[part, 1]) for part in pieces]
        start, end = np.array(self.spots[a]), np.array(self.spots[b])
        shares = np.linspace(0.0, 1.0, 30)[:, None]
        aside = BEND * np.array([start[1] - end[1], end[0] - start[0]])
        way = start + shares * (end - start) + 4 * shares * (1 - shares) * aside
        return [(way[:, 0], way[:, 1])]


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
        spots = {}
        for code, (longitude, latitude) in places.items():
            x, y = equal_earth(_from_middle(longitude, middle), latitude)
            spots[code] = (float(x), float(y))
        return Layout(spots, places, middle)
    turns = np.linspace(0.0, 2 * np.pi, len(states), endpoint=False)
    x, y = np.sin(turns).tolist(), np.cos(turns).tolist()
    return Layout(dict(zip(scenario.codes, zip(x, y, strict=True), strict=True)), {})


def middle_of(scenario: Scenario, places: Mapping[str, Spot]) -> float:
    """Return the longitude in the middle of the map.

    The map is cut in Bering Strait or in the Atlantic, whichever leaves the host of the
    focal event, or, without one, its participants, nearer to the middle: a parade in
    Beijing is seen on a map of the Pacific.
    """
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    host = focal.host or ""
    codes = (host,) if host in places else focal.principals
    placed = [code for code in codes if code in places] or list(places)
    directions = np.exp(1j * np.radians([places[code][0] for code in placed]))
    wanted = float(np.degrees(np.angle(directions.sum())))
    middles = [cut + 180.0 for cut in CUTS]
    return min(middles, key=lambda middle: abs(_from_middle(middle, wanted)))


def rings_inside(country: Country, layout: Layout) -> list[tuple[Line, Line]]:
    """Return a country's rings that are in the picture, in part at least."""
    left, right, bottom, top = layout.box
    return [
        (x, y)
        for x, y in rings_on_map(country, layout.middle or 0.0)
        if x.max() >= left and x.min() <= right and y.max() >= bottom and y.min() <= top
    ]


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
    left, right, bottom, top = layout.box
    height = (top - bottom) * PAGE_WIDTH / (right - left)
    places = [
        in_page(layout, *layout.spots[code]) if code in layout.spots else None
        for code in scenario.codes
    ]
    land = ""
    paths = dict.fromkeys(scenario.codes, "")
    if layout.is_world:
        by_code = by_iso3()
        shown = {code: by_code[code] for code in paths if code in by_code}
        paths |= {code: path_of(country, layout) for code, country in shown.items()}
        inside = {ANTARCTICA, *(country.numeric for country in shown.values())}
        others = [country for country in countries() if country.numeric not in inside]
        land = "".join(path_of(country, layout) for country in others)
    dots = [
        None if path else place
        for path, place in zip(paths.values(), places, strict=True)
    ]
    return {
        "box": f"0 0 {PAGE_WIDTH:.0f} {height:.0f}",
        "land": land,
        "paths": [path or None for path in paths.values()],
        "dots": dots,
        "places": places,
        "caption": layout.caption,
    }


def in_page(layout: Layout, x: float, y: float) -> list[float]:
    """Return a spot in the page's units, y downwards."""
    left, right, _, top = layout.box
    unit = PAGE_WIDTH / (right - left)
    return [round((float(x) - left) * unit, 1), round((top - float(y)) * unit, 1)]


def arc_path(layout: Layout, a: str, b: str) -> str:
    """Return the line between two states as an SVG path in the page's units; empty
    where one of them has no place."""
    if a not in layout.spots or b not in layout.spots:
        return ""
    pieces = layout.arc(a, b)
    return "".join(
        _svg_path(layout, np.append(x[::2], x[-1]), np.append(y[::2], y[-1]))
        for x, y in pieces
    )


def path_of(country: Country, layout: Layout) -> str:
    """Return a country as an SVG path, cut at the map's edge; empty where none of it is
    in the picture."""
    rings = rings_inside(country, layout)
    return "".join(f"{_svg_path(layout, x, y)}z" for x, y in rings)


def _svg_path(layout: Layout, x: Line, y: Line) -> str:
    """Return points as an SVG path in the page's units."""
    left, right, _, top = layout.box
    unit = PAGE_WIDTH / (right - left)
    corners = zip((x - left) * unit, (top - y) * unit, strict=True)
    return "M" + "L".join(f"{u:.1f} {v:.1f}" for u, v in corners)
