"""What a live page offers, and which requests it takes."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from balance_sim.app.dials import live_factor, live_run_dials
from balance_sim.app.live import MOST_RUNS, BadRequest, as_options, read_request
from balance_sim.scenario import load_scenario, with_values
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import ROOT, SCENARIO

BEIJING = load_scenario(ROOT / "scenarios" / "beijing_2025.yaml")
SMALL = load_scenario(SCENARIO)


def test_the_dials_of_a_run() -> None:
    dials = {dial.name: dial for dial in live_run_dials(BEIJING)}
    assert list(dials) == [
        "visibility",
        "attendance",
        "patron reliability",
        "attention of bloc",
        "attention of south",
        "attention of west",
    ]
    south = dials["attention of south"]
    assert (south.values[0], south.values[-1], south.values[south.start]) == (0.0, 1.0, 0.5)
    assert dials["attendance"].values == ("all", "without PRK", "without RUS")
    patrons = dials["patron reliability"].settings[10]
    assert {"states.USA.reliability", "states.CHN.reliability"} < set(patrons) and set(patrons.values()) == {0.5}


@pytest.mark.parametrize("scenario", [BEIJING, SMALL], ids=lambda s: s.name)
def test_every_place_of_every_dial_can_be_set(scenario: Any) -> None:
    """The ends and the start: each is accepted as a scenario; at the start nothing changes."""
    for dial in live_run_dials(scenario):
        assert len(dial.values) == len(dial.settings) == len(set(dial.values))
        assert dial.settings[dial.start] == {}
        for place in (0, -1):
            with_values(scenario, dict(dial.settings[place]))


def test_a_factor_of_numbers() -> None:
    dial = live_factor("events.parade.visibility", [0.2, 0.6], BEIJING)
    assert (dial.values[0], dial.values[-1]) == (0.2, 1.0)  # the scenario's own is within
    assert {0.2, 0.6, 1.0} < set(dial.values) and dial.values[dial.start] == 1.0
    many = live_factor("events.parade.visibility", [k / 1000 for k in range(1, 1000)], BEIJING)
    assert len(many.values) <= 23


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["visibility", "attendance", "attention of west", "x"])
NEAR = st.fixed_dictionaries({}, optional={"values": st.dictionaries(NAMES, JSON, max_size=3) | JSON, "runs": JSON})


def read(body: bytes) -> tuple[Any, int] | str:
    """What is asked for, or why it is refused."""
    try:
        return read_request(live_run_dials(BEIJING), body)
    except BadRequest as error:
        return str(error)


@settings(deadline=None)
@given(JSON | NEAR)
def test_any_json_is_a_request_or_refused_in_one_line(asked: Any) -> None:
    found = read(json.dumps(asked).encode())
    if isinstance(found, str):
        assert found.isprintable() and len(found) < 300
    else:
        values, runs = found
        assert 2 <= runs <= MOST_RUNS
        assert all(path.split(".")[0] in ("events", "states", "audiences") for path, _ in values)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_likewise(body: bytes) -> None:
    found = read(body)
    assert isinstance(found, str) and found.isprintable()


def test_the_options_give_the_same_scenario() -> None:
    """As a shell takes them apart, and `--set` reads them."""
    asked = {"visibility": 0.35, "attendance": "without PRK", "patron reliability": 0.3}
    values, runs = read_request(live_run_dials(BEIJING), json.dumps({"values": asked, "runs": 200}).encode())
    words = shlex.split(as_options(values, runs, 7))
    assert words[:4] == ["--runs", "200", "--seed", "7"]
    settings = [word for flag, word in zip(words[4::2], words[5::2], strict=True) if flag == "--set"]
    again = load_scenario(Path(ROOT / "scenarios" / "beijing_2025.yaml"), set=settings)
    assert again.sha256 == with_values(BEIJING, dict(values)).sha256 != BEIJING.sha256
    assert "--draws fitted" in as_options((), 5, 7, draws=True)
