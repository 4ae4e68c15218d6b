"""What stands on the app's maps is what its tables have: each state at its place and in its colour, each line between
its two states, each fear that of its pair and day."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.app.what_if import Answer, EventChange, Setting, answer_of, setting_of
from balance_sim.model.agents import BalanceModel
from balance_sim.model.baseline import feared, worth_naming
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.show import atlas
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.dates import date2num
from matplotlib.path import Path as Outline

pytest.importorskip("solara")
from balance_sim.app import mesa_view, page

SMOKE = Path("experiments/smoke")
QUAY = "tests/show/data/quay.yaml"
WORLD = """
schema: 1
extends: five_states.yaml
base_rate: 1.0e-9
events:
  - {id: summit, targets: [North]}
  - {id: patrol, date: 2025-08-02, kind: exercise, principals: [XBE], targets: [XCO]}
accords:
  - {id: corvia-dorn, status: collapsed, ended: 2024-12-01}
"""
OFF = EventChange(is_off=True)
JULY = dt.date(2025, 7, 1)
ALONE = 3e-4
"""What states do for themselves in a replication, and not at the start, changes in fear."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    (folder / "five_states.yaml").write_text((SMOKE / "five_states.yaml").read_text())
    (folder / "quiet.yaml").write_text(WORLD)
    return folder


@pytest.fixture(scope="module")
def quiet(folder: Path) -> Setting:
    """A world in which nobody signs anything, so that partners stay as at the start."""
    return setting_of(load_scenario(folder / "quiet.yaml"), "quiet.yaml")


@pytest.fixture(scope="module")
def setting() -> Setting:
    return setting_of(load_scenario(SMOKE / "what_if.yaml"), "what_if.yaml")


@cache
def world(name: str) -> Scenario:
    return load_scenario(name)


def simulated_fear(scenario: Scenario, arm: str, day: float) -> tuple[dt.date, Any]:
    """Who fears whom in the first step of a replication from a day on, and when that is: another way to the same."""
    model = BalanceModel(scenario, arm, seed=1)
    while model.day < day:
        model.step()
    assert model.agreements_signed == 0
    return scenario.start + dt.timedelta(int(model.day)), feared(model.view)[0]


# -- who fears whom


@pytest.mark.parametrize("is_off", [False, True])
def test_fear_is_that_of_a_replication_on_the_day_after_the_event(quiet: Setting, is_off: bool) -> None:
    """Of the arm with the changes: with the event off, that of the control arm."""
    scenario = quiet.original
    answer = answer_of(quiet, {"summit": OFF} if is_off else {})
    focal = next(event.date for event in scenario.events if event.id == "summit")
    day = (focal - scenario.start).days + 1
    date, fear = simulated_fear(scenario, "no_summit" if is_off else "summit", day)
    assert answer.fear_date == date and focal < date
    assert answer.fear == pytest.approx(fear, rel=ALONE)
    other = answer_of(quiet, {} if is_off else {"summit": OFF})
    assert not np.allclose(other.fear, answer.fear, rtol=1e-3)


def test_fear_is_of_the_day_after_the_event_wherever_it_is_moved(quiet: Setting, folder: Path) -> None:
    """A file by hand with that date gives the same; another event that is moved moves no day."""
    moved = answer_of(quiet, {"summit": EventChange(date=JULY)})
    text = "schema: 1\nextends: quiet.yaml\nevents: [{id: summit, date: 2025-07-01}]\n"
    (folder / "july.yaml").write_text(text)
    scenario = load_scenario(folder / "july.yaml")
    date, fear = simulated_fear(scenario, "summit", (JULY - scenario.start).days + 1)
    assert JULY < moved.fear_date <= JULY + dt.timedelta(31) and moved.fear_date == date
    assert moved.fear == pytest.approx(fear, rel=ALONE)
    still = answer_of(quiet, {})
    later = answer_of(quiet, {"patrol": EventChange(date=dt.date(2025, 11, 1))})
    assert later.fear_date == still.fear_date and later.fear == pytest.approx(still.fear, rel=1e-9)
    early = answer_of(quiet, {"summit": EventChange(date=dt.date(2024, 12, 1))})
    assert early.fear_date == quiet.original.start
    last = answer_of(quiet, {"summit": EventChange(date=dt.date(2025, 12, 31))})
    assert last.fear_date < quiet.original.end
    off = answer_of(quiet, {"summit": EventChange(is_off=True, date=JULY)})
    assert off.fear_date == still.fear_date


def test_the_page_names_the_most_feared_of_each_state(quiet: Setting) -> None:
    shown, answer = page.answer_on_page(quiet, {}), answer_of(quiet, {})
    least = worth_naming(quiet.original.parameters.tau)
    assert shown["fear_date"] == answer.fear_date.isoformat()
    assert [*shown["feared"]] == [*answer.codes] and any(shown["feared"].values())
    for ego, row in zip(answer.codes, answer.fear, strict=True):
        by_code = dict(zip(answer.codes, row, strict=True))
        listed = dict(shown["feared"][ego])
        assert [*listed.values()] == sorted(listed.values(), reverse=True)
        assert {*listed} == {code for code, share in by_code.items() if share > least}
        assert ego not in listed
        assert all(abs(share - by_code[code]) <= 5e-5 for code, share in listed.items())
    assert {code for code, rows in shown["feared"].items() if "XAR" in dict(rows)} >= {"XCO", "XDO"}
    assert not shown["feared"]["XBE"], "who has no quarrel fears nobody much"


def test_at_most_five_are_named(quiet: Setting) -> None:
    """Of seven that are feared the five that are feared most, wherever they stand."""
    codes = ("A", "B", "C", "D", "E", "F", "G", "H")
    answer = answer_of(quiet, {})
    fear = np.zeros((8, 8))
    fear[0, 1:] = [0.10, 0.16, 0.12, 0.15, 0.11, 0.14, 0.13]
    other = Answer(answer.setting, {}, answer.levels, answer.dyads, codes, fear, answer.fear_date)
    assert [code for code, _ in page._shown(other)["feared"]["A"]] == ["C", "E", "G", "H", "D"]
    assert page._shown(other)["feared"]["B"] == []


# -- lines of the page


def ends(path: str) -> tuple[list[float], list[float]]:
    """Where an SVG path begins and where it ends."""
    points = [[float(x) for x in point.split()] for point in re.split("[ML]", path) if point]
    return points[0], points[-1]


def test_each_line_joins_its_dyad_and_has_its_change(setting: Setting) -> None:
    changes = {"summit": OFF}
    shown, answer = page.answer_on_page(setting, {"summit": {"is_off": True}}), answer_of(setting, changes)
    scene = page.scene_of(setting)
    place = dict(zip(scene["codes"], scene["map"]["places"], strict=True))
    rows = answer.dyads.to_dict("records")
    assert 0 < len(shown["arcs"]) <= 5 == len(rows[:5])
    assert {round(arc["change"], 12) for arc in shown["arcs"]} <= {round(row["change"], 12) for row in rows[:5]}
    for row, arc in zip(rows, shown["arcs"], strict=False):
        assert arc["change"] == row["change"] == pytest.approx(row["mean"] - row["as_written"], abs=1e-15)
        start, end = ends(arc["path"])
        assert start == pytest.approx(place[row["a"]], abs=0.11) and end == pytest.approx(place[row["b"]], abs=0.11)
        assert start != pytest.approx(end, abs=1)
    sizes = [abs(row["change"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    signs = {arc["change"] > 0 for arc in shown["arcs"]}
    assert signs <= {True, False} and page.answer_on_page(setting, {})["arcs"] == []


def test_what_changes_by_more_with_the_event_changes_by_less_without(setting: Setting) -> None:
    """The sign of a line: dyads of an event that is put back are those of one that is off, the other way round."""
    off = {(row["a"], row["b"]): row for row in answer_of(setting, {"summit": OFF}).dyads.to_dict("records")}
    control = setting.scenario.model_copy()
    assert control.reference_arm == "no_summit"
    for row in off.values():
        assert row["change"] == pytest.approx(row["mean"] - row["as_written"], abs=1e-15)
    answer = answer_of(setting, {"summit": OFF})
    as_written = answer_of(setting, {})
    by_dyad = {(row["a"], row["b"]): row["mean"] for row in as_written.dyads.to_dict("records")}
    for dyad, row in off.items():
        assert row["as_written"] == pytest.approx(by_dyad[dyad], rel=1e-6)
    assert answer.levels[2] == pytest.approx(answer.levels[0], rel=1e-9), "without the event it is the control arm"
    assert answer.levels[1] != answer.levels[0]
    assert (answer.effect, answer.change) == (answer.levels[2] - answer.levels[0], answer.levels[2] - answer.levels[1])
    assert answer.effect_as_written == answer.levels[1] - answer.levels[0]


# -- where states stand on the page


def test_a_ring_has_the_states_in_the_order_of_the_scenario(setting: Setting) -> None:
    """The first above, the others clockwise, all at one distance from the middle."""
    shown = page.scene_of(setting)["map"]
    width, height = map(float, shown["box"].split()[2:])
    x, y = np.array(shown["places"]).T
    middle = np.array([x.mean(), y.mean()])
    radii = np.hypot(x - middle[0], y - middle[1])
    assert radii == pytest.approx(np.full(5, radii[0]), abs=0.2)
    angles = np.degrees(np.arctan2(x - middle[0], middle[1] - y)) % 360
    assert angles == pytest.approx([0, 72, 144, 216, 288], abs=0.2)
    assert shown["land"] == "" and shown["paths"] == [None] * 5 and shown["dots"] == shown["places"]
    assert (x > 0).all() and (x < width).all() and (y > 0).all() and (y < height).all()


@pytest.fixture(scope="module", params=[QUAY, "scenarios/solomon_2022.yaml"])
def real(request: pytest.FixtureRequest) -> Scenario:
    return world(request.param)


def outlines_of(path: str) -> list[Outline]:
    """The closed lines of an SVG path."""
    pieces = [piece for piece in path.split("M") if piece]
    return [Outline([[float(x) for x in point.rstrip("z").split()] for point in p.split("L")]) for p in pieces]


def distance(place: list[float], outlines: list[Outline]) -> float:
    """From a place to the nearest corner."""
    return float(min(np.hypot(*(one.vertices - place).T).min() for one in outlines))


def test_each_capital_lies_in_its_own_country(real: Scenario) -> None:
    """Shape, place and code belong together, and what is no state of the scenario is land."""
    shown = atlas.shapes(real)
    assert len(shown["paths"]) == len(shown["dots"]) == len(shown["places"]) == len(real.codes)
    others = outlines_of(shown["land"])
    for code, path, dot, place in zip(real.codes, shown["paths"], shown["dots"], shown["places"], strict=True):
        assert (path is None) == (code not in atlas.countries()) == (dot is not None), code
        assert dot is None or dot == place
        if path:
            assert path not in shown["land"], code
            own = outlines_of(path)
            if not any(one.contains_point(place) for one in own):  # on a coast that is drawn roughly
                assert distance(place, own) < 15 and distance(place, own) < distance(place, others), code
    assert len(others) > 20


def test_east_is_right_and_north_is_up(real: Scenario) -> None:
    shown, layout = atlas.shapes(real), atlas.layout_of(real)
    width, height = map(float, shown["box"].split()[2:])
    degrees = {state.id: (state.longitude, state.latitude) for state in real.states}
    places = dict(zip(real.codes, shown["places"], strict=True))
    assert layout.places == degrees
    for code, (x, y) in places.items():
        assert 0 < x < width and 0 < y < height, code
    north = sorted(places, key=lambda code: degrees[code][1])
    assert all(places[low][1] > places[high][1] for low, high in pairwise(north) if degrees[low] != degrees[high])
    from_middle = {code: (longitude - layout.middle + 180) % 360 - 180 for code, (longitude, _) in degrees.items()}
    equator = [code for code in places if abs(degrees[code][1]) < 30]
    east = sorted(equator, key=from_middle.__getitem__)
    assert all(places[a][0] < places[b][0] for a, b in pairwise(east) if from_middle[b] - from_middle[a] > 8)
    units = {(x - width / 2) / np.clip(layout.spots[code][0] - sum(layout.box[:2]) / 2, -9, 9) for code, (x, _) in
             places.items() if abs(x - width / 2) > 90}  # fmt: skip
    assert max(units) - min(units) < 1.0, "one scale"


def test_areas_are_those_of_the_sphere() -> None:
    """Equal Earth keeps areas: a cell of a degree covers as much of the map as of the earth, wherever it lies."""
    for south in (-70.0, -20.0, 0.0, 35.0, 60.0, 80.0):
        side = np.linspace(0.0, 1.0, 200)
        lower = np.column_stack([30 + side, np.full(200, south)])
        right = np.column_stack([np.full(200, 31.0), south + side])
        upper = np.column_stack([31 - side, np.full(200, south + 1)])
        left = np.column_stack([np.full(200, 30.0), south + 1 - side])
        x, y = atlas.equal_earth(np.concatenate([lower, right, upper, left])).T
        area = 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
        on_earth = np.radians(1.0) * (np.sin(np.radians(south + 1)) - np.sin(np.radians(south)))
        assert area == pytest.approx(on_earth, rel=1e-4), south


@pytest.mark.parametrize(
    ("event", "middle"),
    [
        ({"principals": ("CHN",)}, 150.0),
        ({"principals": ("FRA",)}, 11.0),
        ({"principals": ("FRA",), "host": "JPN"}, 150.0),
        ({"principals": ("JPN", "KOR"), "host": "FRA"}, 11.0),
        ({"principals": ("FRA", "RUS", "KOR")}, 11.0),
        ({"principals": ("FRA", "JPN", "KOR")}, 150.0),
    ],
)
def test_the_map_is_cut_far_from_the_host_else_from_those_who_take_part(event: dict[str, Any], middle: float) -> None:
    """In the Atlantic or in Bering Strait: the middle is half round the earth from there."""
    scenario = world(QUAY)
    meeting = scenario.events[0].model_copy(update=event)
    layout = atlas.layout_of(scenario.model_copy(update={"events": (meeting,)}))
    assert layout.middle == middle
    assert {(middle - cut) % 360 for cut in atlas.CUTS} >= {180.0}


# -- Mesa's front end


def collections_of(figure: Any, kind: type) -> list[Any]:
    return [one for one in figure.axes[0].collections if isinstance(one, kind)]


def shade(share: float, top: float) -> Any:
    """The colour of a share: on the straight way from the colour of 0 to that of the top."""
    low, high = (np.array(to_rgb(colour)) for colour in mesa_view.SHADES)
    return low + (high - low) * share / top


@pytest.fixture(scope="module")
def model() -> BalanceModel:
    """A world with some agreements, half-way."""
    model = BalanceModel(load_scenario(QUAY, set=["base_rate=12"]), "with", seed=2)
    while model.day < 150:
        model.step()
    assert model.agreements_signed > 3
    return model


@pytest.fixture(scope="module")
def figure(model: BalanceModel) -> Any:
    return mesa_view.world_figure(model)


def insecure(model: BalanceModel) -> dict[str, float]:
    """How insecure states are now: what is against each, over that and what it has."""
    view, s0 = model.view, model.world.rules.s0
    against, own = view.total[0], view.defence[0]
    return {code: a / (a + d + s0) for code, a, d in zip(model.world.codes, against, own, strict=True)}


def test_a_state_has_the_colour_of_its_insecurity(model: BalanceModel, figure: Any) -> None:
    shares = insecure(model)
    assert max(shares.values()) > 2 * min(shares.values())
    top = max(np.ceil(4 * max(shares.values())) / 4, 0.25)
    (dots,) = collections_of(figure, PathCollection)
    layout = atlas.layout_of(model.worlds.scenario)
    where = {code: tuple(spot) for code, spot in layout.spots.items()}
    drawn = {tuple(spot): colour for spot, colour in zip(dots.get_offsets(), dots.get_facecolor(), strict=True)}
    assert len(drawn) == len(shares)
    for code, share in shares.items():
        (colour,) = [one for spot, one in drawn.items() if np.allclose(spot, where[code])]
        assert colour[:3] == pytest.approx(shade(share, top), abs=0.006), code
    assert figure.axes[-1].get_xlim() == pytest.approx((0, top)), "the key begins at 0"


def test_a_country_has_the_colour_of_its_capital_and_others_are_grey(model: BalanceModel, figure: Any) -> None:
    (rings,) = collections_of(figure, PolyCollection)
    (dots,) = collections_of(figure, PathCollection)
    spots, colours = np.asarray(dots.get_offsets()), dots.get_facecolor()
    layout = atlas.layout_of(model.worlds.scenario)
    codes, outlines, faces = [*layout.spots], rings.get_paths(), rings.get_facecolor()
    of_code = {code: [Outline(ring) for ring in layout.outlines()[code]] for code in codes}
    grey = np.array(to_rgba(mesa_view.OTHERS))
    count = sum(map(len, of_code.values()))
    assert len(outlines) == len(faces) == sum(map(len, layout.outlines().values()))
    assert int((np.abs(faces - grey).max(axis=1) > 1e-6).sum()) == count
    for k, code in enumerate(codes):
        assert spots[k] == pytest.approx(layout.spots[code])
        own = {one.vertices[:-1].tobytes() for one in of_code[code]} | {one.vertices.tobytes() for one in of_code[code]}
        faces_of = [
            face
            for path, face in zip(outlines, faces, strict=True)
            if {path.vertices.tobytes(), path.vertices[:-1].tobytes(), path.vertices[:-2].tobytes()} & own
        ]
        assert faces_of and all(face == pytest.approx(colours[k]) for face in faces_of), code


def test_each_line_is_an_agreement_that_the_replication_has_signed(model: BalanceModel, figure: Any) -> None:
    rows = model.agreements
    begun = rows[rows["signed"].notna()]
    signed = begun[begun["signed"] >= 0]
    assert len(signed) == model.agreements_signed and len(begun) > len(signed), "one was signed before the start"
    layout = atlas.layout_of(model.worlds.scenario)
    (lines,) = collections_of(figure, LineCollection)
    drawn = lines.get_segments()
    ways = [way for a, b in zip(signed["a"], signed["b"], strict=True) for way in layout.arc(a, b)]
    assert len(drawn) == len(ways)

    def ends_of(lines: list[Any]) -> list[list[float]]:
        return sorted([*line[0].round(6), *line[-1].round(6)] for line in lines)

    assert ends_of(drawn) == ends_of(ways)
    whole = [(a, b) for a, b in zip(signed["a"], signed["b"], strict=True) if len(layout.arc(a, b)) == 1]
    assert whole
    for a, b in whole:
        (way,) = layout.arc(a, b)
        assert way[0] == pytest.approx(layout.spots[a], abs=1e-6) and way[-1] == pytest.approx(
            layout.spots[b], abs=1e-6
        )


def test_the_number_of_agreements_rises_on_the_days_on_which_they_are_signed(model: BalanceModel, figure: Any) -> None:
    (line,) = figure.axes[1].lines
    start = model.worlds.scenario.start
    rows = model.agreements
    signed = np.sort(rows[rows["signed"] >= 0]["signed"].to_numpy())
    dates, counts = line.get_xdata(orig=True), line.get_ydata(orig=True)
    assert counts[-1] == model.agreements_signed == len(signed) and counts[0] == 0
    assert dates[0] == start and dates[-1] == start + dt.timedelta(int(model.day))
    for date, count in zip(dates, counts, strict=True):
        day = (date - start).days
        assert count == int((signed < day).sum()) or count == int((signed <= day).sum()), date
    assert list(counts) == sorted(counts)
    assert dates[-1].isoformat() in figure.axes[0].get_title(loc="left")
    low, high = figure.axes[1].get_xlim()
    last = start + dt.timedelta(int(model.world.grid[-1]))
    assert (low, high) == (date2num(start), date2num(last))
