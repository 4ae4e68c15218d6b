"""A valid file becomes the scenario it describes: complete, sorted, every arm its own version."""

import pickle
from datetime import date

import pytest
from balance_sim.scenario import (
    Scenario,
    ScenarioError,
    arm_scenario,
    load_scenario,
    scenario_files,
    value_at,
    with_values,
)


def test_file_values_lie_over_the_defaults(world):
    scenario = world.load()
    assert scenario.name == "summit"
    assert (scenario.start, scenario.end) == (date(2025, 9, 1), date(2026, 9, 3))
    assert scenario.parameters.beta == 0.2
    assert scenario.step_days == 7.0
    assert scenario.theory.weights["similarity"] == 0.4
    assert scenario.codes == ("CHN", "FRA", "JPN", "KOR", "RUS", "USA")


def test_everything_is_sorted_and_pairs_are_turned(world):
    scenario = world.load()
    assert [event.id for event in scenario.events] == ["visit", "summit", "aid"]
    assert [agreement.id for agreement in scenario.agreements] == sorted(
        agreement.id for agreement in scenario.agreements
    )
    assert all(agreement.a < agreement.b for agreement in scenario.agreements)
    assert [(d.a, d.b) for d in scenario.disputes] == [("CHN", "JPN"), ("CHN", "USA")]
    assert scenario.events[1].principals == ("CHN", "RUS")


def test_other_vocabularies_are_translated(world):
    agreements = {agreement.id: agreement for agreement in world.load().agreements}
    assert agreements["usa-jpn"].kind == "defence_pact"
    political = agreements["rus-chn"]
    assert (political.kind, political.status) == ("political_declaration", "in_force")
    assert political.in_force == date(2001, 7, 16)
    assert (agreements["jpn-fra"].kind, agreements["jpn-fra"].status) == ("access", "signed")
    assert world.load().events[2].kind == "arms_or_basing"


def test_a_kind_of_the_scenarios_own_is_not_translated(world):
    own = "{depth: 0.1, calm: 0.1, ceiling: 1, intercept: -2, talks_days: 90, talks_shape: 2, force_days: 0,"
    world.edit("parameters:", f"kinds: {{entente: {own} force_shape: 1}}}}\nparameters:")
    world.edit("kind: logistics", "kind: entente")
    assert {a.id: a.kind for a in world.load().agreements}["jpn-kor-talks"] == "entente"


def test_groups_stand_for_their_members_in_the_roster(world):
    scenario = world.load()
    assert scenario.groups == {"EU": ("FRA",), "NATO": ("FRA", "USA")}
    assert scenario.events[2].principals == ("FRA", "USA")


def test_every_state_is_in_one_audience(world):
    audiences = world.load().audiences
    assert audiences["west"].members == ("FRA", "JPN", "KOR", "USA")
    assert audiences["rest"].members == ("CHN", "RUS")
    assert audiences["west"].attention == {"default": 1.0, "statement": 0.5}
    assert audiences["rest"].attention == {"default": 1.0}


def test_what_is_read_once_is_not_what_a_caller_alters_nor_an_older_file(world):
    first = world.load()
    first.groups["EU"] = first.arms["half"].set["events.summit.visibility"] = ()
    first.theory.weights.clear()
    again = world.load()
    assert again.accords is first.accords
    assert (again.sha256, again.groups["EU"]) == (first.sha256, ("FRA",))
    assert again.theory.weights and again.arms["half"].set == {"events.summit.visibility": 0.5}
    world.table("accords", "1953-10-01", "1953-10-02")
    assert world.load().agreements[-1].signed == date(1953, 10, 2)
    world.edit("{id: KOR, name: South Korea,", "{id: PRK, name: North Korea,")
    assert {(one.code, one.file[-11:]) for one in world.errors()} >= {("E307", "accords.csv")}


# --- arms -------------------------------------------------------------------------------------------


def test_arms_differ_from_the_file_by_what_they_declare(world):
    scenario = world.load()
    assert scenario.reference_arm == "no_summit"

    def ids(arm):
        return [event.id for event in arm_scenario(scenario, arm).events]

    assert ids("no_summit") == ["visit", "aid"]
    assert ids("summit") == ["visit", "summit", "aid"]
    assert ids("reassured") == ["visit", "summit", "aid", "reassurance"]
    assert value_at(arm_scenario(scenario, "half"), "events.summit.visibility") == 0.5
    assert arm_scenario(scenario, "summit").events == scenario.events


# --- values by key path -----------------------------------------------------------------------------

PATHS = {
    "events.summit.visibility": 0.25,
    "events.summit.principals": ("CHN", "KOR", "RUS"),
    "states.JPN.propensity": -3.5,
    "states.JPN.gdp_bn": 4100.0,
    "disputes.CHN-JPN.claim": 0.75,
    "distances.CHN-RUS.km": 10.0,
    "trade.JPN-CHN.share": 0.3,
    "accords.jpn-kor-talks.kind": "access",
    "provocations.probing.rate": 4.0,
    "parameters.beta": 0.9,
    "theory.weights.similarity": 0.7,
    "theory.equal_hostility": 0.5,
    "kinds.access.depth": 0.55,
    "event_kinds.incident.intent": 0.7,
    "audiences.west.attention.joint_summit": -0.5,
    "arms.half.set.events.summit.visibility": 0.125,
    "arms.half.title": "Half as visible",
    "report.windows": (10, 20),
    "step_days": 3.5,
    "end": date(2026, 3, 1),
    "title": "Another title",
}


@pytest.mark.parametrize("path", PATHS)
def test_with_values_reaches_every_corner(world, path):
    scenario = world.load()
    if path == "end":
        scenario = with_values(scenario, {"report.windows": [30]})
    value = PATHS[path]
    changed = with_values(scenario, {path: value})
    assert value_at(changed, path) == value
    assert changed.sha256 != scenario.sha256 or value == value_at(scenario, path)
    text = "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else str(value)
    assert path == "end" or world.load(set=[f"{path}={text}"]) == changed


def test_with_values_changes_nothing_else(world):
    scenario = world.load()
    assert with_values(scenario, {}) == scenario
    back = with_values(with_values(scenario, {"parameters.beta": 0.7}), {"parameters.beta": 0.2})
    assert back == scenario


def test_an_arms_own_setting_wins_in_that_arm_only(world):
    changed = with_values(world.load(), {"events.summit.visibility": 0.0})
    assert value_at(arm_scenario(changed, "summit"), "events.summit.visibility") == 0.0
    assert value_at(arm_scenario(changed, "half"), "events.summit.visibility") == 0.5


# --- theory -----------------------------------------------------------------------------------------


def test_a_chosen_theory_wins_over_the_files_weights_where_it_names_them(world):
    assert world.load(theory="null").theory.weights["similarity"] == 0.0
    assert world.load(theory="bandwagoning").theory.weights["similarity"] == 0.4
    assert world.load(theory="bandwagoning").theory.weights["bandwagon"] == 30.0
    assert world.load(theory="balance_of_power").theory.equal_hostility == 0.5


def test_plain_null_names_the_null_theory(world):
    world.edit("preset: balance_of_threat", "preset: null")
    assert world.load().theory.preset == "null"
    assert world.load(set=["theory.preset=null"]).theory.preset == "null"
    assert {one.code for one in world.errors(set=["theory.preset="])} == {"E211"}


# --- files ------------------------------------------------------------------------------------------


EXTENDED = """\
extends: summit.yaml
title: The same with a rival claim
disputes:
  - {a: CHN, b: JPN, claim: 1}
  - {a: KOR, b: JPN, claim: 0.2}
parameters: {tau: 0.2}
arms:
  half: {title: Half}
"""


def test_extends_lays_one_file_over_another(world):
    base = world.load()
    path = world.folder / "rival.yaml"
    path.write_text(EXTENDED)
    scenario = load_scenario(path)
    assert scenario.title == "The same with a rival claim"
    assert [(d.a, d.b, d.claim, d.rivalry) for d in scenario.disputes] == [
        ("CHN", "JPN", 1.0, 1.0),
        ("CHN", "USA", 0.0, 1.0),
        ("JPN", "KOR", 0.2, 0.0),
    ]
    assert (scenario.parameters.beta, scenario.parameters.tau) == (0.2, 0.2)
    assert scenario.arms["half"].set == base.arms["half"].set
    assert scenario.arms["half"].title == "Half"
    assert scenario.states == base.states
    assert sorted(scenario_files(path)) == ["rival.yaml", "summit.yaml", "tables/accords.csv", "tables/states.csv"]


def test_the_scenario_fits_its_own_schema_and_travels_between_processes(world):
    scenario = world.load()
    for one in (scenario, arm_scenario(scenario, "reassured")):
        assert Scenario.model_validate(one.model_dump()) == one
        assert pickle.loads(pickle.dumps(one)) == one
    (world.folder / "tables" / "states.csv").unlink()
    with pytest.raises(ScenarioError) as caught:
        load_scenario(world.path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_copy_that_code_has_changed_keeps_what_was_written(world):
    """Classes of dyads are fixed from the file, whatever Python code changes later."""
    scenario = world.load()
    copy = scenario.model_copy(update={"events": scenario.events[:-1]})
    assert copy.written == scenario and copy.counted_as(None).written == copy
    assert with_values(copy, {"parameters.beta": 0.3}).written == scenario
    assert world.load(set=["parameters.beta=0.3"]).written == scenario
