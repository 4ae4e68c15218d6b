"""The digest is of the content: no order and no layout changes it, any value does."""

import random

import pytest
from balance_sim.scenario import value_at, with_values
from balance_sim.scenario.fingerprint import canonical


def test_rows_in_any_order(world):
    before = world.load()
    for name in ("states", "accords"):
        path = world.folder / "tables" / f"{name}.csv"
        header, *rows = path.read_text().splitlines(keepends=True)
        random.Random(1).shuffle(rows)
        world.table(name, header + "".join(rows))
    assert world.load() == before
    assert world.load().sha256 == before.sha256


def test_sections_events_and_members_in_another_order(world):
    before = world.load().sha256
    world.edit("[CHN, RUS]", "[RUS, CHN]").edit("NATO: [USA, FRA]", "NATO: [FRA, USA]")
    world.edit("{a: USA, b: CHN, rivalry: 1}", "{b: USA, rivalry: 1, a: CHN}").edit("[30, 90, 365]", "[365, 30, 90]")
    visit = next(line for line in world.text.splitlines(keepends=True) if "id: visit" in line)
    world.edit(visit, "").edit("provocations:", f"{visit}provocations:")
    report = world.text[world.text.index("report:") :]
    world.edit(report, "").edit("schema: 1\n", "schema: 1\n" + report)
    assert world.load().sha256 == before


def test_the_way_a_number_is_written(world):
    before = world.load().sha256
    world.edit("rate: 2", "rate: 2.0").edit("beta: 0.2", "beta: 2e-1").edit("visibility: 0.5}", "visibility: 0.50}")
    assert world.load().sha256 == before
    assert with_values(world.load(), {"states.JPN.autonomy": -0.0}).sha256 == before


def test_the_name_of_the_file_is_no_content(world):
    before = world.load().sha256
    world.path = world.path.rename(world.folder / "other.yaml")
    assert world.load().sha256 == before


@pytest.mark.parametrize(
    "path", ["parameters.beta", "accords.usa-jpn.signed", "arms.half.set.events.summit.visibility", "report.windows"]
)
def test_every_value_is_content(world, path):
    scenario = world.load()
    old = value_at(scenario, path)
    new = {str: "x", float: 0.123, tuple: (1, 2)}.get(type(old), "1959-01-01")
    assert with_values(scenario, {path: new}).sha256 != scenario.sha256


def test_canonical_form():
    assert canonical({1: (1, True, None, "x")}) == {"1": [1.0, True, None, "x"]}


def test_fields_that_say_nothing_leave_the_number_as_it_was(world):
    before = world.load()
    assert with_values(before, {"theory.signal_cost": 0.0}).sha256 == before.sha256
    for row in (before.theory, *before.arms.values()):
        assert {"signal_cost", "changes"}.isdisjoint(row.model_dump())
    assert with_values(before, {"parameters.spread_near": 0.1}).sha256 != before.sha256
