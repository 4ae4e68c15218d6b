"""Values at key paths and arms: set in a scenario's own models, they are what a file with them gives."""

import json
import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.scenario import Scenario, ScenarioError, arm_scenario, load_scenario, with_values
from balance_sim.scenario.arms import check_arms
from balance_sim.scenario.checks import RULES, findings_in
from balance_sim.scenario.diagnostics import Mark, errors_in
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.idle import idle_weapons
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.nodes import Node, from_plain
from balance_sim.scenario.reading import Places
from balance_sim.scenario.schema import TERMS
from hypothesis import given, settings
from hypothesis import strategies as st

SUMMIT = Path(__file__).parent / "data" / "summit.yaml"
INSIDE = (0.0, 1.0, 0.37, -0.0, 3, np.float64(0.61))
ODD: tuple[Any, ...] = (-1e12, 1e12, math.nan, math.inf, 10**400, True, None, "0.5", "high", "", (0.5,), {})


@pytest.fixture(scope="module")
def summit() -> Scenario:
    return load_scenario(SUMMIT)


def codes_of_all_rules(scenario: Scenario) -> set[str]:
    """Codes of everything that is wrong with a scenario, in any arm, by every rule."""
    places = Places(Node({}, Mark("x", 1, 1)))
    problems = [places.problem(one) for one in findings_in(scenario)]
    _, of_arms = check_arms(scenario, from_plain(scenario.arms).fields, places)
    return {one.code for one in errors_in([*problems, *of_arms])}


def leaves(scenario: Scenario) -> Iterator[str]:
    """Key paths of every value below the sections and mappings, and some that lead nowhere."""
    for head, section in SECTIONS.items():
        fields = [name for name in section.model_fields if name not in section.KEYS]
        for row in getattr(scenario, head):
            yield from (f"{row.path}.{field}" for field in fields)
    for head in ("kinds", "event_kinds"):
        for name, piece in getattr(scenario, head).items():
            yield from (f"{head}.{name}.{field}" for field in type(piece).model_fields)
    for head in ("parameters", "capability", "report"):
        yield from (f"{head}.{field}" for field in type(getattr(scenario, head)).model_fields)
    yield from (f"theory.weights.{term}" for term in (*TERMS, "charm"))
    yield from ("theory.preset", "theory.equal_hostility", "theory.weights", "step_days", "start", "end", "focal")
    for name in scenario.audiences:
        yield from (f"audiences.{name}.{field}" for field in ("members", "attention"))
        yield from (f"audiences.{name}.attention.{kind}" for kind in (*scenario.event_kinds, "default", "noise"))
    for name, arm in scenario.arms.items():
        yield from (f"arms.{name}.set.{path}" for path in arm.set)
    yield from ("parameters.betta", "parameters", "kinds.pact.depth", "events.nobody.visibility", "trade", "x.y")


VALUES = st.one_of(
    st.floats(-2, 2),
    st.floats(),
    st.integers(-3, 30),
    st.sampled_from([*INSIDE, *ODD, "2025-10-03", ("CHN",), ("USA", "FRA"), ("NATO",), "treaty", "KOR"]),
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rules_that_are_not_asked_would_find_nothing(summit, data):
    """Only rules that read what was changed are asked again: the others hold as before."""
    paths = data.draw(st.lists(st.sampled_from(list(leaves(summit))), min_size=1, max_size=4, unique=True))
    values = {path: data.draw(VALUES) for path in paths}
    try:
        changed = with_values(summit, values)
    except ScenarioError:
        return
    assert not codes_of_all_rules(changed), values
    assert changed.sha256 == content_digest(changed)
    assert with_values(changed, {}) == changed


def test_every_rule_reads_parts_that_there_are(summit):
    assert {part for rule in RULES for part in rule.reads} <= set(type(summit).model_fields)
    costly = [rule for rule in RULES if rule.check is not idle_weapons]  # which looks at one number of each state
    assert not any(rule.reads & {"parameters", "theory", "kinds", "frailties"} for rule in costly)


# --- arms -------------------------------------------------------------------------------------------

SETTINGS: tuple[dict[str, object], ...] = (
    {"parameters.beta": 0.9, "theory.weights.similarity": 0.3},
    {"theory.equal_hostility": 0.5},
    {"kinds.access.depth": 0.5},
    {"audiences.west.attention.default": 0.25},
    {"audiences.west.members": ("FRA",)},
    {"states.JPN.autonomy": 1.0, "distances.RUS-CHN.km": 7.0},
    {"events.summit.visibility": 0.25, "events.summit.date": "2025-09-05"},
    {"events.summit.principals": ("CHN", "KOR", "RUS")},
    {"events.summit.kind": "treaty"},
    {"provocations.probing.rate": 4.0},
    {"accords.jpn-kor-talks.kind": "access"},
    {"theory.preset": "bandwagoning"},
    {"capability.gdp": 0.4, "capability.milex": 0.4, "capability.population": 0.2},
)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: next(iter(setting)))
def test_an_arm_is_the_scenario_with_what_it_sets(setting, world):
    world.edit("{events.summit.visibility: 0.5}", json.dumps(setting))
    scenario = world.load()
    version = arm_scenario(scenario, "half")
    bare = {"arms": version.arms, "leveled": None}
    assert content_digest(with_values(scenario, setting).model_copy(update=bare)) == version.sha256
    unsealed = arm_scenario(scenario, "half", sealed=False)
    assert unsealed.sha256 == "" and unsealed.model_copy(update={"sha256": version.sha256}) == version


def test_arms_of_a_scenario_that_was_sent_to_a_worker(beijing):
    sent = pickle.loads(pickle.dumps(beijing))
    point = with_values(sent, {"parameters.beta": 0.3})
    for arm in beijing.arms:
        assert arm_scenario(sent, arm) == arm_scenario(beijing, arm)
        assert arm_scenario(point, arm).parameters.beta == 0.3


@pytest.mark.parametrize(
    ("settings", "code", "path"),
    [
        ("events.aid.accord: usa_jp", "E309", "events.aid.accord"),
        ("states.KOR.patrons: [KOR]", "E306", "states.KOR"),
        ("accords.jpn-kor-talks.opened: 2025-09-05", "E215", "accords.jpn-kor-talks.opened"),
    ],
)
def test_what_is_wrong_in_one_arm_alone_is_found_there(world, settings, code, path):
    world.edit("parameters:", "capability: {gdp: 1, milex: 0, population: 0}\nparameters:")
    world.edit("gdp_bn: 1870, milex_bn: 47.6,", "gdp_bn: 1870,")
    assert not [one for one in world.check()[1] if one.code == code]
    world.edit("events.summit.visibility: 0.5", settings)
    assert [one.path for one in world.check()[1] if one.code == code] == [f"arms.half: {path}"]
