"""The level is solved once: what is set keeps it, as in an arm; `base_rate` asks for it anew. Decision 50."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from balance_sim.archive.package import package
from balance_sim.archive.reproduce import read_archive
from balance_sim.effects.compare import compare
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.evidence.posterior.priors import level_of
from balance_sim.model.baseline import compile_worlds, expected_a_year, freeze
from balance_sim.scenario import Scenario, load_scenario, value_at, with_values
from balance_sim.scenario.diagnostics import Mark
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.scenario.experiment import load_experiment
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.load import with_arms
from balance_sim.scenario.nodes import from_plain
from balance_sim.scenario.schema import ANEW
from balance_sim.study.draws import DrawnScenarios, joint_draws
from balance_sim.study.folder import scenario_of
from balance_sim.study.result import Result
from balance_sim.study.store import Store

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
PAPER = Path(__file__).parent / "by_hand" / "paper.yaml"
WHAT_IF = "what_if"


def a_dispute(scenario: Scenario) -> str:
    return max(scenario.disputes, key=lambda row: (row.claim, row.rivalry)).path


def settings_of(scenario: Scenario) -> list[tuple[str, object]]:
    """A value of each part that an arm can set: other than the present one."""
    largest = max(scenario.states, key=lambda state: (state.gdp_bn or 0.0, state.capability or 0.0)).id
    audience = max(scenario.audiences, key=lambda name: len(scenario.audiences[name].members))
    heed = f"audiences.{audience}.attention.default"
    kind = next(iter(scenario.kinds))
    settings: list[tuple[str, object]] = [
        (f"states.{largest}.autonomy", 3.0),
        (f"states.{largest}.democracy", 0.42),
        (f"{a_dispute(scenario)}.claim", 0.3),
        ("parameters.beta", 0.37),
        ("parameters.gamma", 0.6),
        ("theory.weights.alarm", 0.5),
        (f"kinds.{kind}.intercept", -1.0),
        (heed, 0.31),
    ]
    in_force = [row for row in scenario.accords if row.status == "in_force"]
    deepest = max(scenario.kinds, key=lambda name: scenario.kinds[name].depth)
    settings += [(f"accords.{row.id}.kind", deepest) for row in in_force if row.kind != deepest][:1]
    talks = [row for row in scenario.accords if row.status == "talks" and row.kind != deepest]
    settings += [(f"accords.{row.id}.kind", deepest) for row in talks[:1]]
    return settings


def beside(scenario: Scenario, values: dict[str, object]) -> Scenario:
    """The scenario with one more arm: the control arm with values set."""
    control = scenario.arms[scenario.reference_arm]
    update = {"reference": False, "set": {**control.set, **values}}
    arms = {**scenario.arms, WHAT_IF: control.model_copy(update=update)}
    changed, problems = with_arms(scenario, from_plain(arms, Mark("test", 1, 1)))
    assert changed is not None, problems
    return changed


def rows_of(result: Result, arm: str) -> list[pd.DataFrame]:
    """All that was measured in an arm, but for what is counted against the control arm."""
    tables = [table[table["arm"] == arm].drop(columns="arm") for table in (result.outcomes, result.agreements)]
    tables[0] = tables[0].loc[:, ~tables[0].columns.str.startswith("accelerated_")]
    return [table.reset_index(drop=True) for table in tables]


def assert_alike(scenario: Scenario, values: dict[str, object], runs: int = 2, **options: object) -> None:
    control = scenario.reference_arm
    in_arm = run(beside(scenario, values), runs=runs, seed=3, arms=[WHAT_IF], **options)
    by_option = run(with_values(scenario, values), runs=runs, seed=3, arms=[control], **options)
    for one, other in zip(rows_of(in_arm, WHAT_IF), rows_of(by_option, control), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_set_and_an_arms_set_agree_to_the_last_bit(path: Path) -> None:
    """All values of `settings_of` at once."""
    scenario = load_scenario(path)
    assert_alike(scenario, dict(settings_of(scenario)))


def test_they_agree_for_each_value_alone() -> None:
    scenario = load_scenario(ROOT / "scenarios" / "tripartite_1940.yaml")
    for key, value in settings_of(scenario):
        assert_alike(scenario, {key: value}, runs=1)


@pytest.mark.parametrize("draws", ["posterior", True])
def test_they_agree_where_parameters_are_drawn(draws: object) -> None:
    scenario = load_scenario(ROOT / "scenarios" / "tripartite_1940.yaml")
    assert_alike(scenario, {"states.USA.autonomy": 3.0}, draw_parameters=draws)


def test_they_agree_where_players_remember_the_start() -> None:
    scenario = load_scenario(PAPER.with_name("policies.yaml"))
    assert_alike(scenario, {"parameters.gamma": 0.8}, runs=4)


def test_a_preference_moves_the_level_its_own_way() -> None:
    """With the level solved again all others made up for it."""
    scenario = load_scenario(ROOT / "scenarios" / "beijing_2025.yaml")
    changed = with_values(scenario, {"states.IND.autonomy": 3.0})
    worlds = [compile_worlds(version, [version.reference_arm]).reference for version in (scenario, changed)]
    before, after = (freeze(world) for world in worlds)
    assert np.array_equal(worlds[0].ladder.intercept, worlds[1].ladder.intercept)
    others = worlds[0].codes.index("IND") != np.array([worlds[0].first, worlds[0].second])
    sides = others.T  # (P, 2): a side that is not India is as willing as it was
    assert np.array_equal(before.keen[sides], after.keen[sides])
    assert (after.keen[~sides] < before.keen[~sides]).all()
    assert expected_a_year(worlds[0], before) == pytest.approx(scenario.base_rate, rel=1e-9)
    assert expected_a_year(worlds[1], after) < scenario.base_rate


def test_the_base_rate_asks_for_the_level_anew() -> None:
    scenario = load_scenario(PAPER).model_copy(update={"base_rate": 1.5})
    scenario = sealed(scenario.counted_as(None))
    changed = with_values(scenario, {"parameters.gamma": 0.4})
    assert changed.leveled == scenario
    anew = with_values(changed, {"base_rate": 1.5})
    at_once = with_values(scenario, {"parameters.gamma": 0.4, "base_rate": 1.5})
    for version, is_held in ((changed, False), (anew, True), (at_once, True)):
        world = compile_worlds(version).reference
        level = expected_a_year(world, freeze(world))
        assert (level == pytest.approx(1.5, rel=1e-9)) is is_held
    assert anew.level_source is None and anew.sha256 == at_once.sha256 != changed.sha256
    assert load_scenario(PAPER, set=["base_rate=1.5", "parameters.gamma=0.4"]).sha256 == at_once.sha256
    held = with_values(anew, {"parameters.gamma": 0.6})  # asked for, it is held, as in all points of a sweep
    world = compile_worlds(held).reference
    assert expected_a_year(world, freeze(world)) == pytest.approx(1.5, rel=1e-9)


def test_what_was_set_back_was_never_set() -> None:
    scenario = load_scenario(PAPER)
    gamma = scenario.parameters.gamma
    there = with_values(scenario, {"parameters.gamma": gamma / 2})
    back = with_values(there, {"parameters.gamma": gamma})
    assert there.leveled == scenario and back.leveled is None and back.sha256 == scenario.sha256
    again = with_values(there, {})
    assert (again.leveled, again.sha256) == (there.leveled, there.sha256)


def test_arms_beside_the_control_arm_do_not_bear_on_the_level() -> None:
    scenario = load_scenario(PAPER)
    arm = next(name for name in scenario.arms if name != scenario.reference_arm)
    assert with_values(scenario, {f"arms.{arm}.title": "Another"}).leveled is None
    control = scenario.reference_arm
    changed = with_values(scenario, {f"arms.{control}.set.parameters.gamma": 0.4})
    assert changed.leveled == scenario


def test_theories_stay_at_one_level_and_values_keep_it() -> None:
    """A theory is solved for the scenario as written, whatever else is set (decision 8)."""
    scenario = load_scenario(ROOT / "scenarios" / "tripartite_1940.yaml")
    theory = with_values(scenario, {"theory.preset": "balance_of_power"})
    both = with_values(scenario, {"theory.preset": "balance_of_power", "states.USA.autonomy": 3.0})
    assert theory.leveled is None and both.leveled == theory
    intercepts = [compile_worlds(version).reference.ladder.intercept for version in (theory, both)]
    assert np.array_equal(*intercepts)


def test_a_draw_is_solved_without_what_was_set() -> None:
    scenario = load_scenario(ROOT / "scenarios" / "tripartite_1940.yaml")
    changed = with_values(scenario, {"states.USA.autonomy": 3.0})
    draws = [joint_draws(version, "posterior") for version in (scenario, changed)]
    assert np.array_equal(draws[0].values, draws[1].values) and "base_rate" in draws[0].paths
    plain, moved = (DrawnScenarios(version, draws[0])[5] for version in (scenario, changed))
    assert plain.leveled is None and moved.leveled == plain
    assert moved.base_rate == plain.base_rate != scenario.base_rate
    intercepts = [compile_worlds(version).reference.ladder.intercept for version in (plain, moved)]
    assert np.array_equal(*intercepts)


def test_the_prior_of_a_level_that_a_record_tells_is_that_of_the_record() -> None:
    """What is set does not move the draws of the level."""
    scenario = load_scenario(ROOT / "scenarios" / "aukus_2021.yaml", drawn=False)
    changed = with_values(scenario, {"states.CHN.autonomy": 3.0})
    assert scenario.base_rate is None and level_of(changed) == level_of(scenario)


def test_states_in_other_audiences_keep_their_own_start() -> None:
    """Arms whose audiences stand in another order had the numbers of other states."""
    scenario = load_scenario(ROOT / "scenarios" / "beijing_2025.yaml")
    heeds = {name: audience.attention["default"] for name, audience in scenario.audiences.items()}
    assert heeds["bloc"] == heeds["west"] != heeds["south"]
    changed = beside(scenario, {"audiences.south.attention.default": heeds["west"]})
    worlds = compile_worlds(changed, (scenario.reference_arm, WHAT_IF), bounded=False)
    world = worlds.arms[WHAT_IF]
    assert world.codes == worlds.reference.codes
    plain = compile_worlds(scenario, (scenario.reference_arm,), bounded=False)
    insecurity = dict(zip(plain.reference.codes, plain.baseline.insecurity, strict=True))
    for code, value in zip(world.codes, worlds.baseline.insecurity, strict=True):
        assert value == pytest.approx(insecurity[code], rel=1e-12)


def test_what_is_set_is_another_value() -> None:
    """The comparison above is not empty."""
    for path in SHIPPED:
        scenario = load_scenario(path)
        for key, value in settings_of(scenario):
            assert value_at(scenario, key) != value, (path.stem, key)


@pytest.mark.parametrize(
    "settings", [{"parameters.gamma": 0.4}, {"base_rate": 2.5}, {"base_rate": 2.5, "states.XAR.autonomy": 2.0}, {}]
)
def test_a_folder_holds_the_level(settings: dict[str, float], tmp_path: Path) -> None:
    """Read again, run again and resumed it gives the same bytes; an archive of it is reproduced."""
    scenario = with_values(load_scenario(PAPER), settings)
    whole = run(scenario, runs=6, seed=2)
    run(scenario, runs=3, seed=2, out=tmp_path / "out")
    read = open_result(tmp_path / "out").scenario
    assert (read.sha256, read.leveled) == (scenario.sha256, scenario.leveled)
    assert run(read, runs=6, seed=2).digest == whole.digest
    resumed = run(read, runs=6, seed=2, out=tmp_path / "out")
    assert resumed.digest == whole.digest
    (tmp_path / "out" / "summary.json").write_text(json.dumps(resumed.summary(), indent=1) + "\n")
    package(tmp_path / "out", tmp_path / "out.zip")
    archived = read_archive(tmp_path / "out.zip").scenario
    assert (archived.sha256, run(archived, runs=6, seed=2).digest) == (scenario.sha256, whole.digest)


def test_two_studies_of_other_levels_differ_by_name(tmp_path: Path) -> None:
    """A world that was changed, and one that was written so, have the same content and not the same level."""
    scenario = load_scenario(PAPER)
    base = {"base_rate": 2.5}
    changed = with_values(sealed(with_values(scenario, base).counted_as(None)), {"parameters.gamma": 0.4})
    written = sealed(changed.counted_as(None))
    for name, version in (("changed", changed), ("written", written)):
        run(version, runs=2, seed=2, out=tmp_path / name)
    told = compare(tmp_path / "written", tmp_path / "changed").differences
    assert any("leveled.parameters.gamma" in line for line in told), told


def test_a_forged_level_is_refused(tmp_path: Path) -> None:
    scenario = with_values(load_scenario(PAPER), {"parameters.gamma": 0.4})
    run(scenario, runs=2, seed=2, out=tmp_path / "out")
    manifest = Store(tmp_path / "out").manifest()
    for leveled in ({}, "anew", manifest.leveled | {"states": manifest.inputs["states"][:3]}, {"parameters": 7}):
        with pytest.raises(StoreDamaged, match="inputs"):
            scenario_of(manifest.model_copy(update={"leveled": leveled}))


@pytest.mark.parametrize("name", ["guessed_parameters", "initial_tension", "screening"])
def test_sweeps_of_guesses_hold_the_level_of_their_scenario(name: str) -> None:
    """Each point is solved again, for the level that the scenario has as written."""
    scenario = load_experiment(ROOT / "experiments" / f"{name}.yaml").scenario
    assert scenario.leveled == ANEW
    assert scenario.base_rate == load_scenario(ROOT / "scenarios" / "beijing_2025.yaml").base_rate
