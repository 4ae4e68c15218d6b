"""Numbers set in the models of a scenario: the same as reading it again with them, whatever is set to whatever."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.scenario import (
    Scenario,
    ScenarioError,
    Variations,
    arm_scenario,
    load_scenario,
    value_at,
    with_values,
)
from balance_sim.scenario.arms import UNREAD, WARNED, resolved, with_numbers, with_settings
from balance_sim.scenario.assemble import as_tree, assemble
from balance_sim.scenario.checks import check
from balance_sim.scenario.diagnostics import Diagnostics, errors_in
from balance_sim.scenario.draft import Reader
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.schema import TERMS, SectionRow
from hypothesis import given, settings
from hypothesis import strategies as st

SHIPPED = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.yaml"))
SUMMIT = Path(__file__).parent / "data" / "summit.yaml"
INSIDE = (0.0, 1.0, 0.37, -0.0, 3, np.float64(0.61))
ODD: tuple[Any, ...] = (-1e12, 1e12, math.nan, math.inf, 10**400, True, None, "0.5", "high", "", (0.5,), {})


@pytest.fixture(scope="module")
def beijing() -> Any:
    return load_scenario(SHIPPED[0])


class Twice:
    """One scenario varied both ways; what was read is held on to, so that the long way is quicker."""

    def __init__(self, path: Path) -> None:
        self.scenario = load_scenario(path)
        self._variations = Variations(self.scenario)

    def is_short(self, values: dict[str, object]) -> bool:
        return with_numbers(self.scenario, values) is not None

    def compare(self, values: dict[str, object]) -> None:
        short = made(lambda: self._variations.with_values(values))
        long = made(lambda: self._variations._read_with(values))
        assert short == long, values
        assert repr(short) == repr(long), values  # 1 is no 1.0
        assert isinstance(short, str) or short.sha256 == long.sha256 == content_digest(short)


def made(vary: Any) -> Any:
    """The scenario, or the text of its refusal."""
    try:
        return vary()
    except ScenarioError as error:
        return "\n".join(one.text() for one in error.problems)


@pytest.fixture(scope="module", params=SHIPPED, ids=lambda path: path.stem)
def twice(request: pytest.FixtureRequest) -> Twice:
    return Twice(request.param)


@pytest.fixture(scope="module")
def summit() -> Twice:
    return Twice(SUMMIT)


def leaves(scenario: Scenario, rows: int | None = None) -> Iterator[str]:
    """Key paths of every value below the sections and mappings; of the first so many rows alone."""
    for head, section in SECTIONS.items():
        fields = [name for name in section.model.model_fields if name not in section.keys]
        for row in getattr(scenario, head)[:rows]:
            name = "-".join(getattr(row, key) for key in section.keys)
            yield from (f"{head}.{name}.{field}" for field in fields)
    for head in ("kinds", "event_kinds"):
        for name, piece in getattr(scenario, head).items():
            yield from (f"{head}.{name}.{field}" for field in type(piece).model_fields)
    for head in ("parameters", "capability", "report"):
        yield from (f"{head}.{field}" for field in type(getattr(scenario, head)).model_fields)
    yield from (f"theory.weights.{term}" for term in (*TERMS, "charm"))
    yield from (
        "theory.preset",
        "theory.equal_hostility",
        "theory.weights",
        "step_days",
        "end",
        "title",
        "focal",
    )
    for name in scenario.audiences:
        yield from (f"audiences.{name}.{field}" for field in ("members", "attention"))
        yield from (f"audiences.{name}.attention.{kind}" for kind in (*scenario.event_kinds, "default", "noise"))
    for name, arm in scenario.arms.items():
        yield from (f"arms.{name}.set.{path}" for path in arm.set)
    yield from (
        "parameters.betta",
        "parameters",
        "kinds.pact.depth",
        "events.nobody.visibility",
        "trade",
        "x.y",
    )


def every_number(twice: Twice, stride: int) -> int:
    """Every so many-th number set both ways; how many went the short one."""
    short = 0
    for path in list(leaves(twice.scenario, rows=1))[::stride]:
        value = INSIDE[hash_of(path) % len(INSIDE)]
        short += twice.is_short({path: value})
        twice.compare({path: value})
    return short


def test_numbers_of_a_shipped_scenario_are_set_as_if_they_were_read(twice):
    assert every_number(twice, 29) > 1


@pytest.mark.long
def test_every_number_of_a_shipped_scenario_is_set_as_if_it_were_read(twice):
    assert every_number(twice, 1) > 100


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.long)])
def test_every_value_of_a_small_world_set_to_anything(summit, stride):
    for path in list(leaves(summit.scenario))[::stride]:
        for value in (*INSIDE[:3], *(ODD[(hash_of(path) + k) % len(ODD)] for k in range(3))):
            summit.compare({path: value})


def hash_of(path: str) -> int:
    """The same in every process."""
    return sum(path.encode())


NUMBERS = st.one_of(
    st.floats(-2, 2),
    st.floats(),
    st.integers(-3, 30),
    st.sampled_from([*INSIDE, *ODD]),
    st.floats(0, 1).map(np.float64),
)


@settings(max_examples=75, deadline=None)
@given(data=st.data())
def test_several_numbers_at_once(summit, data):
    paths = data.draw(st.lists(st.sampled_from(list(leaves(summit.scenario))), min_size=1, max_size=4, unique=True))
    summit.compare({path: data.draw(NUMBERS) for path in paths})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("parameters.beta", 0.3),
        ("events.parade.visibility", 0.4),
        ("theory.weights.closure", 0.1),
        ("audiences.west.attention.default", 0.5),
        ("audiences.west.attention.treaty", 0.5),
        ("kinds.access.ceiling", 2.5),
        ("event_kinds.treaty.alignment", 1.5),
        ("states.USA.reliability", 0.5),
        ("disputes.JPN-CHN.claim", 0.5),
        ("distances.JPN-CHN.km", 5.0),
        ("provocations.prk_incident.rate", 300.0),
    ],
)
def test_what_sweeps_and_draws_set_goes_the_short_way(beijing, path, value):
    assert with_numbers(beijing, {path: value}) is not None
    assert value_at(with_values(beijing, {path: value}), path) == value


@pytest.mark.parametrize("weight", [1e-3, 0.2, 2.0])
def test_signals_that_fall_out_of_order_are_refused_as_ever(summit, weight):
    for name in ("alignment", "intent"):
        for kind in summit.scenario.event_kinds:
            summit.compare({f"event_kinds.{kind}.{name}": weight})
    assert not summit.is_short({"event_kinds.treaty.alignment": 1e-3})


def test_an_arm_with_signals_of_its_own_is_asked_too():
    """A base that is in order, and an arm that is not once the base has changed."""
    scenario = load_scenario(SUMMIT)
    half = scenario.arms["half"].model_copy(update={"set": {"event_kinds.treaty.alignment": 0.9}})
    scenario = scenario.model_copy(update={"arms": {**scenario.arms, "half": half}})
    with pytest.raises(ScenarioError, match=r"E219.*arms\.half.*0.9, not above"):
        with_values(scenario, {"event_kinds.arms_or_basing.alignment": 1.0})


# --- what the rules between pieces may not look at --------------------------------------------------


class Blind:
    """A piece of which some fields, or all, must not be read."""

    def __init__(self, piece: Any, fields: tuple[str, ...] | None = None) -> None:
        self._piece, self._fields = piece, fields

    def __getattr__(self, name: str) -> Any:
        assert self._fields is not None and name not in self._fields, f"a rule reads `{name}`"
        return getattr(self._piece, name)


def draft_of(scenario: Scenario, hidden: dict[str, tuple[str, ...]]) -> Any:
    draft = Reader().draft(as_tree(scenario))
    for head, fields in hidden.items():
        for row in draft.rows[head]:
            object.__setattr__(row, "value", Blind(row.value, fields))
    return draft


@pytest.mark.parametrize("is_arm", [False, True])
def test_no_rule_reads_what_is_set_the_short_way(twice, is_arm):
    draft = draft_of(twice.scenario, UNREAD)
    draft.parameters = draft.kinds = draft.audiences = draft.theory = Blind(None)
    kinds = {name: Blind(kind, ("reliability", "half_life_days")) for name, kind in draft.event_kinds.items()}
    draft.event_kinds = kinds
    assert not [one for one in check(draft, is_arm=is_arm) if not one.is_warning]


@pytest.mark.parametrize("head", WARNED)
def test_rules_do_read_what_only_warns(beijing, head):
    draft = draft_of(beijing, WARNED)
    with pytest.raises(AssertionError, match="a rule reads"):
        check(draft)


@pytest.mark.parametrize("value", [0.0, 10_000.0, *(pytest.param(one, marks=pytest.mark.long) for one in (1.0, -10.0))])
def test_rules_only_warn_of_it(beijing, value):
    """Whatever number the schema lets through."""
    scenario = beijing
    for head, fields in WARNED.items():
        name = getattr(scenario, head)[0].id
        for field in fields:
            changed = with_numbers(scenario, {f"{head}.{name}.{field}": value})
            if changed is not None:
                found = Diagnostics()
                assemble(as_tree(changed), changed.name, found)
                assert not errors_in(found)


# --- arms -------------------------------------------------------------------------------------------

SETTINGS: tuple[dict[str, object], ...] = (
    {"parameters.beta": 0.9, "theory.weights.similarity": 0.3},
    {"theory.equal_hostility": 0.5},
    {"theory.equal_hostility": None},
    {"event_kinds.treaty.half_life_days": None},
    {"kinds.access.depth": 0.5},
    {"audiences.west.attention.default": 0.25},
    {"audiences.west.members": ("FRA",)},
    {"states.JPN.autonomy": 1.0, "distances.RUS-CHN.km": 7.0},
    {"events.summit.visibility": 0.25, "events.summit.date": "2025-09-05"},
    {"events.summit.principals": ("CHN", "KOR", "RUS")},
    {"events.summit.targets": ("JPN", "USA")},
    {"events.summit.kind": "treaty"},
    {"events.summit.sign": -1},
    {"provocations.probing.rate": 4.0},
    {"accords.jpn-kor-talks.kind": "access"},
    {"theory.preset": "bandwagoning"},
    {"theory.preset": "signalling"},
    {"theory.signal_cost": 0.5},
    {"capability.gdp": 0.4},
)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: next(iter(setting)))
def test_an_arm_is_what_is_read_of_it(setting, world, read_arm):
    world.edit("{events.summit.visibility: 0.5}", json.dumps(setting))
    scenario = world.load()
    short, long = arm_scenario(scenario, "half"), read_arm(scenario, "half")
    assert short == long
    assert repr(short) == repr(long)
    assert resolved(scenario, "half", is_checked=True) is not None
    point = with_values(scenario, {"parameters.tau": 0.3})
    assert arm_scenario(point, "half") == read_arm(point, "half")
    unsealed = arm_scenario(scenario, "half", sealed=False)
    assert unsealed.model_copy(update={"sha256": long.sha256}) == long


def test_every_arm_of_a_shipped_scenario_is_what_is_read_of_it(twice, read_arm):
    for arm in twice.scenario.arms:
        short, long = arm_scenario(twice.scenario, arm), read_arm(twice.scenario, arm)
        assert short == long
        assert repr(short) == repr(long)


def test_shipped_arms_need_no_reading(twice):
    for arm in twice.scenario.arms.values():
        assert with_settings(twice.scenario, arm.set) is not None


@pytest.mark.parametrize("principals", [("RUS", "CHN"), ("NATO",), ("CHN", "CHN"), ("XXX",), ()])
def test_actors_that_are_not_as_read_are_read(principals):
    scenario = load_scenario(SUMMIT)
    assert with_settings(scenario, {"events.summit.principals": principals}) is None


# --- what is held on to -----------------------------------------------------------------------------


def test_a_mapping_changed_in_place_is_not_missed():
    scenario = load_scenario(SUMMIT)
    assert with_values(scenario, {"parameters.beta": 0.3}).audiences["west"].attention["default"] == 1.0
    scenario.audiences["west"].attention["default"] = 0.25
    changed = with_values(scenario, {"parameters.beta": 0.3})
    assert changed.audiences["west"].attention["default"] == 0.25
    assert changed == Variations(scenario)._read_with({"parameters.beta": 0.3})


def test_a_value_that_puts_a_broken_scenario_right(summit):
    broken = summit.scenario.parameters.model_copy(update={"beta": 7.0})
    scenario = summit.scenario.model_copy(update={"parameters": broken})
    with pytest.raises(ScenarioError, match=r"parameters.beta: 7.0 is outside 0..1"):
        with_values(scenario, {"parameters.tau": 0.5})
    assert with_values(scenario, {"parameters.beta": 0.5}).parameters.beta == 0.5


def test_threads_get_what_one_gets():
    scenario = load_scenario(SUMMIT)
    asked = [{path: k / 40} for k in range(40) for path in ("parameters.beta", "events.summit.visibility")]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda values: with_values(scenario, values), asked))
    assert found == [Variations(scenario)._read_with(values) for values in asked]


def test_rows_hold_nothing_that_can_change():
    """So that a row may be told by its identity: `fingerprint.RecentResults` does."""
    for section in SECTIONS.values():
        assert issubclass(section.model, SectionRow)
        for name, field in section.model.model_fields.items():
            assert not any(sort in str(field.annotation) for sort in ("dict", "list", "set[", "Any")), name
