"""Where states stand on a map, and the replication that a page replays: what `tell` tells, and nothing else."""

import json
from pathlib import Path

import pytest
from balance_sim.effects.explain.timeline import tell
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario import load_scenario
from balance_sim.show.atlas import layout_of
from balance_sim.show.replay import map_content, replay_of
from balance_sim.show.report import map_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "middle"), [("beijing_2025", 150.0), ("tripartite_1940", 11.0), ("sinosov_1950", 11.0)]
)
def test_the_map_is_centred_where_the_event_is(name: str, middle: float) -> None:
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.yaml")
    layout = layout_of(scenario)
    assert layout.is_world and layout.middle == middle
    left, right, bottom, top = layout.box
    assert all(left < x < right and bottom < y < top for x, y in layout.spots.values())


def test_a_replay_is_what_the_timeline_tells(of_five: AnalysedResult) -> None:
    found = replay_of(of_five)
    assert found is not None
    told = tell(of_five, found["run"])
    kinds = of_five.scenario.kinds
    signed = [e.date.isoformat() for e in told.entries if e.what == "signed" and kinds[e.kind].security]
    arcs = [one for one in found["entries"] if one["path"]]
    assert [one["date"] for one in arcs] == signed and arcs
    assert all(0 <= one["day"] <= found["days"] for one in found["entries"])
    content = map_content(of_five)
    assert len(content["states"]) == 5 and sum(one["participant"] for one in content["states"]) == 2
    assert len(json.loads(content["data"])["entries"]) == len(found["entries"])
    page = map_of(of_five)
    assert page.count('<li><time datetime="') == len(found["entries"])  # read without a script too
