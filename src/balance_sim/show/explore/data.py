"""What an explorer holds of each point, as whole numbers: the page turns them back by `scale`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.show import atlas
from balance_sim.show.figures.fan import fan_table
from balance_sim.show.figures.land import rings_on_map
from balance_sim.show.figures.partners import states_table
from balance_sim.show.report.svg import path_data
from balance_sim.show.tables import clear
from balance_sim.show.wording import arm_words, printable

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.scenario.schema import Scenario
    from balance_sim.show.explore.points import Design
    from balance_sim.study.result import Result

SCALE = 1000
MOST_DAYS = 14
MOST_PAIRS = 12
WIDTH = 960.0  # of the map, in the page's units
PLANE = 5.4133, 1.3173627  # Equal Earth: width, and height from the equator to a pole

Pairs = dict[tuple[int, int], int]


def document(design: Design) -> dict[str, Any]:
    """The whole of an explorer as plain data. States and pairs are told by number, values in 1/SCALE.

    Empty where no run of any point finished."""
    points: list[dict[str, Any]] = []
    first: Result | None = None
    pairs: Pairs = {}
    days: list[int] = []
    for spot, result in design.points():
        if result.outcomes.empty:
            continue
        table = fan_table(result)
        if first is None:
            first, days = result, chosen_days(table)
        points.append({"at": list(spot)} | point(result, table, days, pairs))
    if first is None:
        return {}
    dials = [{"name": d.name, "values": list(d.values), "start": d.start} for d in design.dials]
    found = heading(first.scenario, first.reference, str(first.headline_arm), dials)
    if design.question:
        found["question"] = printable(design.question)
    return found | {"days": days, "pairs": [list(pair) for pair in pairs], "points": points}


def heading(scenario: Scenario, reference: str, arm: str, dials: list[dict[str, Any]]) -> dict[str, Any]:
    """What a page says once: the question, the arms, the dials (name, values, words for them, start), states, map."""
    return {
        "title": printable(scenario.title),
        "question": printable(scenario.question),
        "arm": arm_words(arm),
        "reference": arm_words(reference),
        "window": max(scenario.report.windows),
        "scale": SCALE,
        "dials": [dial | {"words": [in_words(value) for value in dial["values"]]} for dial in dials],
        "states": [state.id for state in scenario.states],
        "names": [printable(state.name) or state.id for state in scenario.states],
        "map": shapes(scenario),
    }


def in_words(value: Any) -> str:
    """A dial's value as it is shown: four significant digits of a number of a sample."""
    if isinstance(value, float):
        places = ".4g" if abs(value) < 1000 else ".1f"
        return str(int(value)) if value.is_integer() else format(value, places)
    return json.dumps(value) if isinstance(value, bool) else str(value)


def chosen_days(table: pd.DataFrame) -> list[int]:
    """Of a fan's table: day 0, the last, and about a dozen between."""
    days = np.unique(table["day"].to_numpy(int))
    places = np.unique(np.round(np.linspace(0, len(days) - 1, MOST_DAYS)).astype(int))
    return [int(days[place]) for place in places]


def point(result: Result, table: pd.DataFrame, days: list[int], pairs: Pairs) -> dict[str, Any]:
    """What a page shows of a study; table: its fan's.

    n: runs; e: excess by day, l, h: its 95 % interval (null: one run); m: mean of the reference, q: its 5, 50
    and 95 % of runs; d: share of runs that differ at the end; p: [pair, excess, low, high, clear] of the pairs
    furthest from zero; s: [state, excess] of the states that can be told from none. pairs: their numbers, added to."""
    table = table[table["day"].isin(days)]
    base = table[table["role"] == "reference"]
    chosen = table[table["role"] == "headline"]
    codes = {code: k for k, code in enumerate(result.scenario.codes)}
    states = states_table(result)
    sure = states[states["clear"]].to_dict("records")
    return {
        "n": int(base["n"].iloc[0]),
        "e": whole(chosen["excess"]),
        "l": whole(chosen["lo"]),
        "h": whole(chosen["hi"]),
        "d": whole(chosen["differing"])[-1],
        "m": whole(base["mean"]),
        "q": [whole(base[name]) for name in ("q05", "q50", "q95")],
        "p": _pairs(result, codes, pairs),
        "s": [[codes[row["code"]], round(SCALE * row["excess"])] for row in sure],
    }


def _pairs(result: Result, codes: dict[str, int], numbers: Pairs) -> list[list[int]]:
    dyads = result.dyads
    rows = dyads[(dyads["arm"] == result.headline_arm) & (dyads["kind"] == "any") & (dyads["excess"] != 0)]
    rows = rows.assign(far=rows["excess"].abs(), clear=clear(rows))
    rows = rows.sort_values(["far", "a", "b"], ascending=[False, True, True], kind="stable").head(MOST_PAIRS)
    out = []
    for row in rows.to_dict("records"):
        pair = (codes[row["a"]], codes[row["b"]])
        number = numbers.setdefault(pair, len(numbers))
        out.append([number, *whole([row["excess"], row["lo"], row["hi"]]), int(row["clear"])])
    return out


def whole(values: Iterable[float]) -> list[Any]:
    """Values in 1/SCALE; None where there is none."""
    return [round(SCALE * float(v)) if np.isfinite(v) else None for v in values]


def shapes(scenario: Scenario) -> dict[str, Any]:
    """The map: viewBox, the land outside the roster as one path; by state a path or a dot [x, y] (null: none),

    and the place where its arcs end."""
    longitudes = [s.longitude for s in scenario.states if s.longitude is not None and s.latitude is not None]
    middle = (atlas.emptiest_meridian(longitudes) + 360.0) % 360.0 - 180.0
    by_code = atlas.by_iso3()
    paths: list[str | None] = []
    places: list[list[float] | None] = []
    for state in scenario.states:
        shape = by_code.get(state.id)
        paths.append(path_of(shape, middle) if shape else None)
        place = None
        if state.longitude is not None and state.latitude is not None:
            x, y = atlas.equal_earth((state.longitude - middle + 180.0) % 360.0 - 180.0, state.latitude)
            place = [round(float(v), 1) for v in _placed(x, y)]
        places.append(place)
    inside = {shape.numeric for code in scenario.codes if (shape := by_code.get(code))}
    others = [c for c in atlas.countries() if c.numeric not in inside and c.numeric != atlas.ANTARCTICA]
    top, bottom = (float(_placed(*atlas.equal_earth(0.0, latitude))[1]) for latitude in (84.0, -57.0))
    return {
        "box": f"0 {top:.0f} {WIDTH:.0f} {bottom - top:.0f}",
        "land": "".join(path_of(country, middle) for country in others),
        "paths": paths,
        "dots": [None if path else place for path, place in zip(paths, places, strict=True)],
        "places": places,
        "caption": atlas.CAPTION,
    }


def _placed(x: Any, y: Any) -> tuple[Any, Any]:
    """Of the map's plane in the page's units."""
    width, height = PLANE
    return (np.asarray(x) + width / 2) * WIDTH / width, (height - np.asarray(y)) * WIDTH / width


def path_of(country: atlas.Country, middle: float) -> str:
    """A country as an SVG path, cut at the map's edge."""
    out = []
    for ring in rings_on_map(country, middle):
        x, y = _placed(*ring)
        corners = " L ".join(f"{a:.2f} {b:.2f}" for a, b in zip(x, y, strict=True))
        out.append(path_data(f"M {corners} z"))
    return "".join(out)
