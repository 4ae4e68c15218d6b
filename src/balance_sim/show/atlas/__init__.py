"""World shapes: world-atlas 2.0.2, Natural Earth's countries at 1:110 million. See
README.md in this folder.

Where the states of a scenario stand in a picture: on a map of the world, or, invented
ones, in a layout of their own; and the same as SVG for pages.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from balance_sim.scenario.actors import code_table

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario

FILE = "countries-110m.json"
SHA256 = "2516c915867c7baf18ddec727aec46c315541a07cfb3d79a6559b05d5e94eee8"
CAPTION = "Boundaries: Natural Earth de facto, no endorsement."
ANTARCTICA = 10
FINE = 0.007  # of the map, which is 5.4 wide: less than a screen shows

Line = npt.NDArray[np.float64]  # one coordinate of points
Ring = npt.NDArray[
    np.float64
]  # (points, 2): longitude, latitude in degrees; longitudes go on past 180


class DamagedAtlas(Exception):
    """The file of world shapes is not the one this version was made with."""


@dataclass(frozen=True, eq=False)
class Country:
    """One shape of the atlas: ISO numeric code (None where it has none), name, outer
    rings and holes."""

    numeric: int | None
    name: str
    rings: tuple[Ring, ...]


@cache
def countries() -> tuple[Country, ...]:
    """All shapes of the atlas.

    Raises
    ------
    DamagedAtlas : where the file is not the expected one
    """
    data = (files("balance_sim.show.atlas") / FILE).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise DamagedAtlas(
            f"{FILE} is damaged: its sha256 is not {SHA256}. Install balance-sim again."
        )
    topology = json.loads(data)
    # Differences of whole numbers to degrees: TopoJSON specification, 2.1.2 and 4.
    scale = np.array(topology["transform"]["scale"])
    translate = np.array(topology["transform"]["translate"])
    arcs = [
        np.cumsum(np.array(steps), axis=0) * scale + translate
        for steps in topology["arcs"]
    ]
    shapes = []
    for shape in topology["objects"]["countries"]["geometries"]:
        polygons = shape["arcs"]
        if shape["type"] != "MultiPolygon":
            polygons = [polygons]
        rings = [
            unwrapped(_ring(ring, arcs)) for polygon in polygons for ring in polygon
        ]
        number = shape.get("id")
        numeric = None if number is None else int(number)
        shapes.append(Country(numeric, shape["properties"]["name"], tuple(rings)))
    return tuple(shapes)


def by_iso3() -> dict[str, Country]:
    """The shapes that have a code, by ISO3."""
    by_number = {country.numeric: country for country in countries()}
    by_number.pop(None, None)
    codes = {code: row.numeric for code, row in code_table().items()}
    return {
        code: by_number[numeric]
        for code, numeric in codes.items()
        if numeric in by_number
    }


def _ring(numbers: list[int], arcs: list[Ring]) -> Ring:
    """Arcs laid end to end; ~n is arc n backwards. The point two arcs share is kept
    once."""
    pieces = [arcs[n] if n >= 0 else arcs[~n][::-1] for n in numbers]
    return np.concatenate([pieces[0], *(part[1:] for part in pieces[1:])])


def unwrapped(ring: Ring) -> Ring:
    """The same ring with no jump across the antimeridian: longitudes go on past 180."""
    steps = np.diff(ring[:, 0])
    turns = np.zeros(len(ring))
    turns[1:] = np.cumsum(360.0 * (steps < -180) - 360.0 * (steps > 180))
    return np.column_stack([ring[:, 0] + turns, ring[:, 1]])


def between(ring: Ring, low: float, high: float) -> Ring:
    """The part of a ring between two longitudes, which may be empty: Sutherland and
    Hodgman 1974, CACM 17."""
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


def great_circle(
    start: tuple[float, float], end: tuple[float, float], points: int = 40
) -> Ring:
    """(points, 2) longitudes and latitudes along the shortest way; longitudes go on
    past 180."""
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
    """A place in degrees as a point of the unit sphere."""
    x, y = np.radians([longitude, latitude])
    return np.array([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def equal_earth(longitude: Any, latitude: Any) -> tuple[Line, Line]:
    """x, y on a sphere of radius 1, areas kept: Savric, Patterson, Jenny 2019, IJGIS
    33. Degrees from the middle."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = np.arcsin(np.sqrt(3) / 2 * np.sin(np.radians(latitude)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * np.sqrt(3) / 3 * np.radians(longitude) * np.cos(t) / slope
    y = t * (a1 + a2 * t**2 + a3 * t**6 + a4 * t**8)
    return np.asarray(x), np.asarray(y)


def on_map(longitude: float, latitude: float, middle: float) -> tuple[float, float]:
    """Where a place in degrees is; middle: the longitude in the middle of the map."""
    x, y = equal_earth(_from_middle(longitude, middle), latitude)
    return float(x), float(y)


def _from_middle(longitude: Any, middle: float) -> Any:
    """Degrees from the middle of the map, from -180 to 180."""
    return (longitude - middle + 180.0) % 360.0 - 180.0


@cache
def rings_on_map(country: Country, middle: float) -> tuple[tuple[Line, Line], ...]:
    """A country's rings, cut at the map's edge, without points too near to be told
    apart."""
    rings = []
    for ring in country.rings:
        for turn in (-720.0, -360.0, 0.0, 360.0):
            part = between(ring + np.array([turn - middle, 0.0]), -180.0, 180.0)
            if len(part) >= 3:
                rings.append(thinned(*equal_earth(part[:, 0], part[:, 1])))
    return tuple(rings)


def thinned(x: Line, y: Line, apart: float = FINE) -> tuple[Line, Line]:
    """A ring without the points nearer than `apart` to the last one kept; at least
    three points stay."""
    places_kept = [0]
    for k in range(1, len(x)):
        if max(abs(x[k] - x[places_kept[-1]]), abs(y[k] - y[places_kept[-1]])) >= apart:
            places_kept.append(k)
    if len(places_kept) < 3:
        places_kept = [0, len(x) // 3, 2 * len(x) // 3]
    return x[places_kept], y[places_kept]


CUTS = (-169.0, -30.0)
"""Meridians at which a map is cut, where they meet least land: the Bering Strait and
the Atlantic."""
MARGIN = 0.2  # round the states, of the map, which is 5.4 wide
NORTH = 1.2  # of the map: about 75 degrees, so that great circles stay on it
WIDTH = 960.0  # of a map in a page, in its units
BEND = 0.16  # of a line between two states, of its length


@dataclass(frozen=True)
class Layout:
    """Where states stand: kind `world`, an Equal Earth map with this longitude in the
    middle; `plane`, their own coordinates; `ring`, in the order of the scenario. spots:
    x, y by code, y upwards; states without a place lack one.
    """

    kind: Literal["world", "plane", "ring"]
    middle: float
    spots: dict[str, tuple[float, float]]
    places: dict[str, tuple[float, float]]  # longitude, latitude

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top: round the states, and no narrower than it is
        readable."""
        if not self.spots:
            return -2.7, 2.7, -1.1, 1.3
        x, y = np.array(list(self.spots.values())).T
        margin = 0.16 * max(float(np.ptp(x)), float(np.ptp(y)), 0.5)
        if self.kind == "world":
            margin = MARGIN
        left_edge, right = float(x.min()) - margin, float(x.max()) + margin
        bottom, top = float(y.min()) - margin, float(y.max()) + margin
        if self.kind == "world":
            top = max(top, NORTH)
        missing = max(0.45 * (right - left_edge) - (top - bottom), 0.0)
        bottom, top = bottom - missing / 2, top + missing / 2
        missing = max((top - bottom) - (right - left_edge), 0.0)
        return left_edge - missing / 2, right + missing / 2, bottom, top

    def arc(self, a: str, b: str) -> list[tuple[Line, Line]]:
        """The line between two states, in one part, or in two where the map's edge cuts
        it."""
        if self.kind == "world":
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
    """How a scenario's states are laid out. On a map of the world where at least half
    of them are states of this world with a place; else by their own coordinates where
    all have some; else on a ring.

    The map is cut in Bering Strait or in the Atlantic, whichever leaves the host of the
    focal event, or, without one, its participants, nearer to the middle: a parade in
    Beijing is seen on a map of the Pacific."""
    states = scenario.states
    places = {
        state.id: (state.longitude, state.latitude)
        for state in states
        if state.longitude is not None and state.latitude is not None
    }
    real = [code for code in places if code in code_table()]
    if 2 * len(real) >= len(states):
        middle = middle_of(scenario, places)
        spots = {code: on_map(*place, middle) for code, place in places.items()}
        return Layout("world", middle, spots, places)
    if len(places) == len(states):
        return Layout("plane", 0.0, dict(places), places)
    turn = 2 * np.pi / len(states)
    ring = {}
    for number, state in enumerate(states):
        ring[state.id] = (float(np.sin(number * turn)), float(np.cos(number * turn)))
    return Layout("ring", 0.0, ring, {})


def middle_of(scenario: Scenario, places: dict[str, tuple[float, float]]) -> float:
    """The longitude in the middle of the map."""
    events = {event.id: event for event in scenario.events}
    focal = events[scenario.focal]
    codes = (focal.host,) if focal.host in places else focal.principals
    longitudes = [places[code][0] for code in codes if code in places]
    if not longitudes:
        longitudes = [longitude for longitude, _ in places.values()]
    directions = np.exp(1j * np.radians(longitudes))
    wanted = float(np.degrees(np.angle(directions.sum())))
    middles = [cut + 180.0 for cut in CUTS]
    return min(middles, key=lambda middle: abs(_from_middle(middle, wanted)))


def shapes(scenario: Scenario) -> dict[str, Any]:
    """A page's map: viewBox, the land outside the roster as one path; by state a path
    or a dot [x, y] (null: none), the place where its arcs end; and how many units of
    the page one of the layout is."""
    layout = layout_of(scenario)
    left_edge, right, bottom, top = layout.box
    height = (top - bottom) * (WIDTH / (right - left_edge))
    places = []
    for code in scenario.codes:
        spot = layout.spots.get(code)
        places.append(None if spot is None else in_page(layout, *spot))
    land, caption = "", "The places are invented: where they stand here means nothing."
    paths: list[str | None] = [None] * len(places)
    if layout.kind == "world":
        by_code, caption = by_iso3(), CAPTION
        own_names = [by_code.get(code) for code in scenario.codes]
        paths = [path_of(country, layout) if country else None for country in own_names]
        inside = {ANTARCTICA, *(country.numeric for country in own_names if country)}
        others = [country for country in countries() if country.numeric not in inside]
        land = "".join(path_of(country, layout) for country in others)
    dots = [None if path else place for path, place in zip(paths, places, strict=True)]
    return {
        "box": f"0 0 {WIDTH:.0f} {height:.0f}",
        "land": land,
        "paths": paths,
        "dots": dots,
        "places": places,
        "caption": caption,
    }


def in_page(layout: Layout, x: float, y: float) -> list[float]:
    """A spot in the page's units, y downwards."""
    left_edge, right, _, top = layout.box
    unit = WIDTH / (right - left_edge)
    return [round((float(x) - left_edge) * unit, 1), round((top - float(y)) * unit, 1)]


def arc_path(layout: Layout, a: str, b: str) -> str:
    """The line between two states as an SVG path in the page's units."""
    pieces = []
    for x, y in layout.arc(a, b):
        few_x, few_y = np.append(x[::2], x[-1]), np.append(y[::2], y[-1])
        corners = [in_page(layout, *spot) for spot in zip(few_x, few_y, strict=True)]
        pieces.append("M" + "L".join(f"{u:g} {v:g}" for u, v in corners))
    return "".join(pieces)


def path_of(country: Country, layout: Layout) -> str:
    """A country as an SVG path, cut at the map's edge; empty where none of it is in the
    picture."""
    left_edge, right, _, top = layout.box
    unit = WIDTH / (right - left_edge)
    pieces = []
    for x, y in rings_inside(country, layout):
        corners = zip((x - left_edge) * unit, (top - y) * unit, strict=True)
        pieces.append("M" + "L".join(f"{u:.1f} {v:.1f}" for u, v in corners) + "z")
    return "".join(pieces)


def rings_inside(country: Country, layout: Layout) -> list[tuple[Line, Line]]:
    """A country's rings that are in the picture, in part at least."""
    left_edge, right, bottom, top = layout.box
    return [
        (x, y)
        for x, y in rings_on_map(country, layout.middle)
        if x.max() >= left_edge
        and x.min() <= right
        and y.max() >= bottom
        and y.min() <= top
    ]
