"""What an explorer holds of each point, as whole numbers: the page turns them back by `scale`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.analysis.expected_effect import ExpectedEffect
from balance_sim.show import atlas
from balance_sim.show.explore.expected import MOST_PAIRS, SCALE, days_of, expected_point, whole
from balance_sim.show.figures.fan import fan_effects_table, fan_table
from balance_sim.show.figures.land import rings_on_map
from balance_sim.show.figures.partners import states_table
from balance_sim.show.names import arm_title, state_names
from balance_sim.show.report.svg import path_data
from balance_sim.show.tables import by_size, clear
from balance_sim.show.wording import printable

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.results.result import Result
    from balance_sim.scenario.schema import Scenario
    from balance_sim.show.explore.points import Design

MOST_DAYS = 14
WIDTH = 960.0  # of the map, in the page's units
PLANE = 5.4133, 1.3173627  # Equal Earth: width, and height from the equator to a pole

Pairs = dict[tuple[int, int], int]


def document(design: Design) -> dict[str, Any]:
    """The whole of an explorer as plain data. States and pairs are told by number, values in 1/SCALE.

    Empty where no replication of any point finished."""
    points: list[dict[str, Any]] = []
    first: Result | ExpectedEffect | None = None
    pairs: Pairs = {}
    days: list[int] = []
    for spot, one in design.points():
        if isinstance(one, ExpectedEffect):
            first, days = first or one, days_of(one.scenario)
            points.append({"at": list(spot)} | expected_point(one, pairs))
        elif one.finished:
            table = fan_table(one)
            if first is None:
                first, days = one, chosen_days(table)
            points.append({"at": list(spot)} | point(one, table, days, pairs))
    if first is None:
        return {}
    arm = first.arm if isinstance(first, ExpectedEffect) else str(first.headline_arm)
    dials = [{"name": d.name, "values": list(d.values), "start": d.start} for d in design.dials]
    found = heading(first.scenario, first.scenario.reference_arm, arm, dials)
    found["estimator"] = "expected" if isinstance(first, ExpectedEffect) else "simulated"
    if design.question:
        found["question"] = printable(design.question)
    return found | {"days": days, "pairs": [list(pair) for pair in pairs], "points": points}


def heading(scenario: Scenario, reference: str, arm: str, dials: list[dict[str, Any]]) -> dict[str, Any]:
    """What a page says once: the question, the arms, the dials (name, values, words for them, start), states, map."""
    return {
        "title": printable(scenario.title),
        "question": printable(scenario.question),
        "arm": arm_title(scenario, arm),
        "reference": arm_title(scenario, reference),
        "window": max(scenario.report.windows),
        "windows": days_of(scenario),
        "scale": SCALE,
        "dials": [
            dial | {"words": [named(in_words(value), scenario) for value in dial["values"]]} for dial in dials
        ],
        "states": [state.id for state in scenario.states],
        "names": [printable(state.name) or state.id for state in scenario.states],
        "map": shapes(scenario),
    }


def named(words: str, scenario: Scenario) -> str:
    """The words of a dial's value with its states by name: `without PRK` is without North Korea."""
    names = state_names(scenario)
    return re.sub(r"\b[A-Z]{3}\b", lambda found: names.get(found[0], found[0]), words)


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

    n: replications; e: effect by the ends of the windows, l, h: its 95 % CI (null: one replication); m, w: mean of the
    control arm and of the headline by day, q: the control's 5, 50 and 95 % of replications; p: [dyad, effect, low,
    high, clear] of the dyads furthest from zero; s: [state, effect] of those whose CI excludes zero. pairs: the dyads'
    numbers, added to."""
    table = table[table["day"].isin(days)]
    base, chosen = (table[table["role"] == part] for part in ("reference", "headline"))
    effects = fan_effects_table(result)
    effects = effects[effects["role"] == "headline"]
    codes = {code: k for k, code in enumerate(result.scenario.codes)}
    states = states_table(result)
    sure = states[states["clear"]].to_dict("records")
    return {
        "n": int(base["n"].iloc[0]),
        "e": whole(effects["effect"]),
        "l": whole(effects["lo"]),
        "h": whole(effects["hi"]),
        "m": whole(base["mean"]),
        "w": whole(chosen["mean"]),
        "q": [whole(base[name]) for name in ("q05", "q50", "q95")],
        "p": _pairs(result, codes, pairs),
        "s": [[codes[row["code"]], round(SCALE * row["effect"])] for row in sure],
    }


def _pairs(result: Result, codes: dict[str, int], numbers: Pairs) -> list[list[int]]:
    dyads = result.dyads
    rows = dyads[(dyads["arm"] == result.headline_arm) & (dyads["effect"] != 0)]
    rows = by_size(rows.assign(clear=clear(rows))).head(MOST_PAIRS)
    out = []
    for row in rows.to_dict("records"):
        pair = (codes[row["a"]], codes[row["b"]])
        number = numbers.setdefault(pair, len(numbers))
        out.append([number, *whole([row["effect"], row["lo"], row["hi"]]), int(row["clear"])])
    return out


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
