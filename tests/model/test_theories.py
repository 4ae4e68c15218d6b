"""Theories as presets: each runs on every shipped scenario, all at one base rate, the null without effect."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.run import run
from balance_sim.model.baseline import compile_worlds, expected_a_year, freeze, own_theory, shift_to
from balance_sim.model.thinning import rates_at_start
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import presets, weights_under

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
EACH = [
    pytest.param(
        path,
        theory,
        id=f"{theory}-{path.stem}",
        marks=[] if theory == "null" or path.stem == "tripartite_1940" else pytest.mark.long,
    )
    for path in SCENARIOS
    for theory in sorted(presets())
]
"""Every theory on every scenario; in every run of the tests each theory on one, and the null on each."""
BEIJING = next(path for path in SCENARIOS if path.stem == "beijing_2025")


def rate(worlds) -> np.ndarray:
    return rates_at_start(worlds.reference, worlds.baseline.keen).sum(axis=0)


@pytest.mark.parametrize(("path", "theory"), EACH)
def test_every_theory_has_the_level_of_the_scenarios_own_weights(path: Path, theory: str) -> None:
    own = compile_worlds(load_scenario(path))
    if own.scenario.theory.preset == "balance_of_threat":
        other = compile_worlds(load_scenario(path, theory=theory))
        if own.scenario.base_rate is None:
            assert rate(other) == pytest.approx(rate(own), rel=1e-9)
        else:  # one level for all kinds together
            levels = [expected_a_year(worlds.reference, worlds.baseline) for worlds in (own, other)]
            assert levels == pytest.approx([own.scenario.base_rate] * 2, rel=1e-9)


@pytest.mark.parametrize(("path", "theory"), EACH)
def test_every_theory_runs_on_every_scenario_and_the_null_has_no_effect(path: Path, theory: str) -> None:
    """What an arm's changes give is no response: under the null they are left out."""
    scenario = load_scenario(path, theory=theory)
    unchanged = [name for name, arm in scenario.arms.items() if not arm.changes]
    result = run(scenario, runs=2, seed=2, arms=unchanged if theory == "null" else None)
    agreements = result.effects[
        result.effects["outcome"].str.match("accords_|accelerated_|first_|in_force_|states_|effort_")
    ]
    assert len(agreements) and not result.failed
    if theory == "null":
        assert (agreements["share_positive"] == 0).all() and (agreements["share_negative"] == 0).all()


def test_the_null_theory_does_not_tell_pairs_apart() -> None:
    worlds = compile_worlds(load_scenario(BEIJING, theory="null"))
    keen, world = worlds.baseline.keen, worlds.reference
    sides = np.stack([world.first, world.second], axis=1)
    bare = np.log(keen / (1 - keen)) - world.propensity[sides]  # but for what each state has of its own
    assert np.ptp(bare, axis=(0, 1)) == pytest.approx(0.0, abs=1e-9)


def test_a_preset_without_the_shift_would_have_another_level() -> None:
    """The check above is not empty: without its shift hub_doubt signs at another rate."""
    worlds = compile_worlds(load_scenario(BEIJING, theory="hub_doubt"))
    plain = compile_worlds(load_scenario(BEIJING))
    unshifted = freeze(worlds.reference.__class__(**{**vars(worlds.reference), "ladder": plain.reference.ladder}))
    assert abs(unshifted.keen.prod(axis=1).sum() / plain.baseline.keen.prod(axis=1).sum() - 1) > 0.05


def test_weights_of_the_file_belong_to_the_level() -> None:
    scenario = load_scenario(BEIJING, theory="hub_doubt", set=["theory.weights.proximity=0.4"])
    calibrated, estimated = scenario.calibration.weights, scenario.estimated_weights
    own = own_theory(scenario.theory, estimated)
    assert own.weights == weights_under("balance_of_threat") | estimated | {"proximity": 0.4}
    assert set(calibrated) < set(estimated) and calibrated["size"] != estimated["size"]
    assert estimated["size"] == scenario.posterior.values["theory.weights.size"]
    assert own.equal_hostility is None


def test_the_shift_by_hand() -> None:
    """One pair, both sides at even odds: consent 0.25. To have 0.5, sigma(s)^2 = 0.5, s = 0.8813736."""
    keen = np.full((1, 2, 1), 0.5)
    assert shift_to(np.array([0.5]), keen, np.ones(1))[0] == pytest.approx(0.881373587, abs=1e-8)
