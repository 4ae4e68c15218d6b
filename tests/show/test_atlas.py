"""World shapes: the decoder, the antimeridian, and what the atlas lacks."""

import hashlib
from importlib.resources import files

import numpy as np
import pytest
from balance_sim.scenario import load_scenario
from balance_sim.show import atlas


def test_the_file_is_the_published_one_with_its_licence() -> None:
    folder = files("balance_sim.show.atlas")
    assert hashlib.sha256((folder / atlas.FILE).read_bytes()).hexdigest() in (folder / "README.md").read_text()
    assert "Permission to use, copy, modify" in (folder / "LICENSE").read_text()


def test_great_circles() -> None:
    """Along the equator straight; from Tokyo to San Francisco over the Aleutians and across the antimeridian."""
    equator = atlas.great_circle((0.0, 0.0), (90.0, 0.0), 4)
    assert equator[:, 0] == pytest.approx([0, 30, 60, 90])
    way = atlas.great_circle((139.7, 35.7), (-122.4, 37.8))
    assert way[-1, 0] == pytest.approx(360 - 122.4)
    assert 45 < way[:, 1].max() < 50
    assert atlas.great_circle((5.0, 5.0), (5.0, 5.0))[-1].tolist() == [5.0, 5.0]


def test_states_that_the_atlas_lacks_are_known() -> None:
    """Of the shipped scenario's fifty only Singapore needs a dot."""
    scenario = load_scenario("scenarios/beijing_2025.yaml")
    assert [code for code in scenario.codes if code not in atlas.countries()] == ["SGP"]


def test_a_map_says_where_its_borders_are_of_another_time() -> None:
    captions = [
        atlas.layout_of(load_scenario(f"scenarios/{name}.yaml")).caption for name in ("tripartite_1940", "taiwan")
    ]
    assert ["of today, not of 1940" in caption for caption in captions] == [True, False]


def test_a_region_is_drawn_at_its_size() -> None:
    """Three capitals of the Levant: no Arctic, and a slide's shape."""
    places = {"ISR": (35.2, 31.8), "LBN": (35.5, 33.9), "IRN": (51.4, 35.7)}
    spots = dict(zip(places, map(tuple, atlas.equal_earth(np.array([*places.values()]))), strict=True))
    west, east, south, north = atlas.Layout(spots, places, 11.0).box
    assert (east - west) / (north - south) == pytest.approx(atlas.SLIDE) and north < 0.9
    assert atlas.layout_of(load_scenario("scenarios/beijing_2025.yaml")).box[3] >= atlas.NORTH


@pytest.mark.parametrize("middle", [11.0, 150.0])
def test_a_state_across_the_edge_is_drawn_on_both_sides(middle: float) -> None:
    """Chukotka ends beyond 180 degrees: on a map that is cut there, part of Russia is at the left edge."""
    spots = {"A": (-2.6, -1.0), "B": (2.6, 1.0)}
    layout = atlas.Layout(spots, spots, middle)
    drawn = layout.on_map(atlas.countries()["RUS"])
    lefts = [ring[:, 0].min() for ring in drawn]
    assert (min(lefts) < -2.0) == (middle == 11.0)
    assert len({round(float(ring[0, 0]), 6) for ring in drawn}) == len(drawn)
