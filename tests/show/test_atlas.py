"""World shapes: the decoder, the antimeridian, and what the atlas lacks."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest
from balance_sim.scenario import load_scenario
from balance_sim.show import atlas


def area(ring: atlas.Ring) -> float:
    """Area in square degrees of longitude and latitude; always positive or zero."""
    x, y = ring[:, 0], ring[:, 1]
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2)


def test_the_file_is_the_published_one_with_its_licence() -> None:
    folder = files("balance_sim.show.atlas")
    assert hashlib.sha256((folder / atlas.FILE).read_bytes()).hexdigest() in (folder / "README.md").read_text()
    assert "Permission to use, copy, modify" in (folder / "LICENSE").read_text()


def test_every_shape_has_an_area_and_closed_rings() -> None:
    assert len(atlas.countries()) == 176  # Antarctica is left out
    for name, rings in atlas.countries().items():
        assert sum(area(ring) for ring in rings) > 0, name
        for ring in rings:
            assert ring[0] == pytest.approx(ring[-1]), name
            assert np.abs(np.diff(ring[:, 0])).max() <= 180, name


def test_areas_are_about_right() -> None:
    """Square degrees of shapes far from the poles: Brazil 8.5 million km2 near the equator, 12,300 km2 each."""
    brazil = sum(area(ring) for ring in atlas.countries()["BRA"])
    assert brazil == pytest.approx(8.5e6 / 12_300, rel=0.05)


def test_great_circles() -> None:
    """Along the equator straight; from Tokyo to San Francisco over the Aleutians and across the antimeridian."""
    equator = atlas.great_circle((0.0, 0.0), (90.0, 0.0), 4)
    assert equator[:, 0] == pytest.approx([0, 30, 60, 90])
    way = atlas.great_circle((139.7, 35.7), (-122.4, 37.8))
    assert way[-1, 0] == pytest.approx(360 - 122.4)
    assert 45 < way[:, 1].max() < 50
    assert atlas.great_circle((5.0, 5.0), (5.0, 5.0))[-1].tolist() == [5.0, 5.0]


def test_equal_earth_keeps_areas() -> None:
    """Cells of one degree have on the map the area they have on the sphere; the whole is 4 pi."""
    for latitude in (0.5, 40.5, 80.5):
        corners = [(0, -0.5), (1, -0.5), (1, 0.5), (0, 0.5), (0, -0.5)]
        cell = atlas.equal_earth(np.array([(lon, latitude + lat) for lon, lat in corners]))
        south, north = np.radians([latitude - 0.5, latitude + 0.5])
        assert area(cell) == pytest.approx(np.radians(1) * (np.sin(north) - np.sin(south)), rel=2e-3)
    ((x, _),) = atlas.equal_earth(np.array([[180.0, 0.0]]))
    assert x == pytest.approx(2.7066, abs=1e-3)  # the published width is 5.4133


def test_states_that_the_atlas_lacks_are_known() -> None:
    """Of the shipped scenario's fifty only Singapore needs a dot."""
    scenario = load_scenario("scenarios/beijing_2025.yaml")
    assert [code for code in scenario.codes if code not in atlas.countries()] == ["SGP"]


@pytest.mark.parametrize("middle", [11.0, 150.0])
def test_a_state_across_the_edge_is_drawn_on_both_sides(middle: float) -> None:
    """Chukotka ends beyond 180 degrees: on a map that is cut there, part of Russia is at the left edge."""
    spots = {"A": (-2.6, -1.0), "B": (2.6, 1.0)}
    layout = atlas.Layout(spots, spots, middle)
    drawn = layout.on_map(atlas.countries()["RUS"])
    lefts = [ring[:, 0].min() for ring in drawn]
    assert (min(lefts) < -2.0) == (middle == 11.0)
    assert len({round(float(ring[0, 0]), 6) for ring in drawn}) == len(drawn)
