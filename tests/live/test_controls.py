"""What a live page offers, and which requests it takes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.app import MOST_RUNS
from balance_sim.app.arm_tables import ArmTables
from balance_sim.app.controls import (
    BadRequest,
    ChoiceControl,
    EnsembleRequest,
    RangeControl,
    _factor_control,
    as_options,
    read_request,
    run_controls,
)
from balance_sim.app.ensembles import BlockCache
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.blocks import Block
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import ROOT, SCENARIO

BEIJING = load_scenario(ROOT / "scenarios" / "beijing_2025.yaml")
SMALL = load_scenario(SCENARIO)


def test_the_dials_of_a_run() -> None:
    dials = {dial.name: dial for dial in run_controls(BEIJING)}
    assert list(dials) == [
        "visibility",
        "attendance",
        "patron reliability",
        "attention of bloc",
        "attention of south",
        "attention of west",
    ]
    south = dials["attention of south"]
    assert isinstance(south, RangeControl)
    assert (south.low, south.high, south.scenario_value, south.offered[south.start]) == (0.0, 1.0, 0.5, 0.5)
    assert dials["attendance"].offered == ("all", "without PRK", "without RUS")
    patrons = dials["patron reliability"].values(0.5)
    assert {"states.USA.reliability", "states.CHN.reliability"} < set(patrons)


@pytest.mark.parametrize("scenario", [BEIJING, SMALL], ids=lambda s: s.name)
def test_every_place_of_every_dial_can_be_set(scenario: Any) -> None:
    """The ends and the start: each is accepted as a scenario; at the start nothing changes."""
    for dial in run_controls(scenario):
        assert list(dial.offered) == sorted(set(dial.offered)) or isinstance(dial, ChoiceControl)
        assert dial.values(dial.offered[dial.start]) == {}
        for value in (dial.offered[0], dial.offered[-1]):
            with_values(scenario, dial.values(value))


def test_a_factor_of_numbers() -> None:
    dial = _factor_control("events.parade.visibility", [0.2, 0.6], BEIJING)
    assert isinstance(dial, RangeControl) and not dial.is_integer
    assert (dial.low, dial.high, dial.scenario_value) == (0.2, 1.0, 1.0)  # the scenario's own is within
    assert {0.2, 0.6, 1.0} < set(dial.offered)
    with pytest.raises(BadRequest, match=r"visibility: `0.1` is outside 0.2 to 1"):
        dial.values(0.1)
    many = _factor_control("events.parade.visibility", [k / 1000 for k in range(1, 1000)], BEIJING)
    assert len(many.offered) <= 23


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["visibility", "attendance", "attention of west", "x"])
NEAR = st.fixed_dictionaries({}, optional={"values": st.dictionaries(NAMES, JSON, max_size=3) | JSON, "runs": JSON})


def read(body: bytes) -> EnsembleRequest | str:
    """The wish, or why it is refused."""
    try:
        return read_request(run_controls(BEIJING), 200, body)
    except BadRequest as error:
        return str(error)


@settings(deadline=None)
@given(JSON | NEAR)
def test_any_json_is_a_wish_or_refused_in_one_line(asked: Any) -> None:
    found = read(json.dumps(asked).encode())
    if isinstance(found, str):
        assert found.isprintable() and len(found) < 300
    else:
        assert 2 <= found.runs <= MOST_RUNS
        assert all(path.split(".")[0] in ("events", "states", "audiences") for path, _ in found.values)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_likewise(body: bytes) -> None:
    found = read(body)
    assert isinstance(found, str) and found.isprintable()


def test_the_options_give_the_same_scenario() -> None:
    """As a shell takes them apart, and `--set` reads them."""
    dials = run_controls(BEIJING)
    asked = {"visibility": 0.35, "attendance": "without PRK", "patron reliability": 0.1 + 0.2}
    wish = read_request(dials, 200, json.dumps({"values": asked}).encode())
    words = shlex.split(as_options(wish, 7))
    assert words[:4] == ["--runs", "200", "--seed", "7"]
    settings = [word for flag, word in zip(words[4::2], words[5::2], strict=True) if flag == "--set"]
    again = load_scenario(Path(ROOT / "scenarios" / "beijing_2025.yaml"), set=settings)
    assert again.sha256 == with_values(BEIJING, dict(wish.values)).sha256 != BEIJING.sha256
    assert "--draws fitted" in as_options(EnsembleRequest((), 5), 7, draws=True)


def tables(first: int, stop: int) -> ArmTables:
    """Runs whose one dyad makes as many agreements as the run's number says."""
    import pyarrow as pa

    runs = pa.table({"run": pa.array(range(first, stop), pa.int32())})
    return ArmTables(runs, runs, np.arange(first, stop, dtype=float)[:, None])


def test_a_shelf_has_each_run_once_and_forgets_what_was_used_longest_ago() -> None:
    shelf = BlockCache(most_bytes=2 * (4 + 4 + 8) * 50)
    for block in (Block(10, 30), Block(0, 12), Block(25, 40), Block(26, 28)):
        shelf.put("a", block, tables(block.first, block.stop))
    parts = shelf.first("a", 35)
    assert [run for one in parts for run in one.runs["run"].to_pylist()] == list(range(35))
    assert np.concatenate([one.dyads[:, 0] for one in parts]).tolist() == list(range(35))
    for life in ("b", "c", "d"):
        shelf.put(life, Block(0, 40), tables(0, 40))
    assert shelf.blocks("a") == [] and shelf.blocks("b") == [] and shelf.blocks("d") == [Block(0, 40)]
