"""Provocations: drawn the same in every arm, felt by their targets, fading, and free where there are none."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.model import beliefs as hazards
from balance_sim.model.agents import BalanceModel
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.engine import begin
from balance_sim.model.state import Provoked
from balance_sim.scenario import load_scenario
from balance_sim.scenario.schema import Provocation, Scenario
from replications import simulated_agreements

SCENARIO = Path(__file__).parents[2] / "scenarios" / "beijing_2025.yaml"
KEEP = ("no_parade", "parade")
RUNS = np.arange(200, dtype=np.uint64)


def with_provocations(rate: float, visibility: float = 1.0) -> Scenario:
    scenario = load_scenario(SCENARIO)
    acts = (
        Provocation(id="tests", state="PRK", kind="incident", targets=("JPN", "KOR"), rate=rate, visibility=visibility),
    )
    arms = {name: scenario.arms[name] for name in KEEP}
    return scenario.model_copy(update={"provocations": acts if rate else (), "arms": arms})


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    return compile_worlds(with_provocations(4.0))


def test_acts_come_at_the_declared_rate(worlds: Worlds) -> None:
    """Expected 4 x 367 / 365.25 a run. Mean of 200 runs within 4.5 errors: false failure 1 in 100,000.

    A rate wrong by 20 % is seen with probability above 0.9."""
    drawn = begin(worlds.reference, worlds.baseline, 1, RUNS).provoked
    assert drawn is not None
    expected = 4.0 * worlds.reference.grid[-1] / 365.25
    mean = np.bincount(drawn.run, minlength=len(RUNS)).mean()
    assert abs(mean - expected) < 4.5 * np.sqrt(expected / len(RUNS))


def test_acts_are_the_same_in_every_arm_and_block(worlds: Worlds) -> None:
    of_all = begin(worlds.arms["no_parade"], worlds.baseline, 1, RUNS).provoked
    of_one = begin(worlds.arms["parade"], worlds.baseline, 1, RUNS[7:8]).provoked
    assert of_all is not None and of_one is not None
    assert np.array_equal(np.sort(of_all.day[of_all.run == 7]), np.sort(of_one.day))


def test_an_act_counts_as_far_as_its_targets_audience_heeds_its_kind() -> None:
    """The kind's weight, times 0.5 for how visible it is; times 0.4 in the west, that of Japan, and 0.8 in India's."""
    scenario = with_provocations(4.0, visibility=0.5)
    (act,) = scenario.provocations
    heed = {"west": 0.4, "south": 0.8, "bloc": 1.0}
    given = {name: one.model_copy(update={"attention": {"incident": heed[name]}})
             for name, one in scenario.audiences.items()}  # fmt: skip
    acts = (act.model_copy(update={"targets": ("IND", "JPN")}),)
    world = compile_worlds(scenario.model_copy(update={"audiences": given, "provocations": acts})).reference
    assert world.hazards is not None
    weight = scenario.event_kinds["incident"].intent * 0.5
    assert [world.codes[target] for target in world.hazards.target] == ["IND", "JPN"]
    assert world.hazards.dose == pytest.approx([0.8 * weight, 0.4 * weight])


def test_an_act_raises_what_its_targets_think_of_its_author_and_fades(worlds: Worlds) -> None:
    """By hand: e^(weight x 2^(-age / half-life)) on the odds, with the kind's own weight and half-life."""
    kind = load_scenario(SCENARIO).event_kinds["incident"]
    world = worlds.reference
    state = begin(world, worlds.baseline, 1, RUNS[:2])
    state.provoked = Provoked(np.array([0]), np.array([0]), np.array([10.0]))
    jpn, prk, usa = (world.codes.index(code) for code in ("JPN", "PRK", "USA"))
    step = int(np.searchsorted(world.grid, 10.0))  # the first that begins on or after day 10
    for later in (step, world.steps - 1):
        age = (world.grid[later] + world.grid[later + 1]) / 2 - 10.0
        factor = hazards.provoked_odds(world, state, later)[:, world.hazards.column].reshape(-1, world.n, world.n)
        assert factor[0, jpn, prk] == pytest.approx(np.exp(kind.intent * 2 ** (-age / kind.half_life_days)), rel=1e-12)
        assert factor[1, jpn, prk] == 1.0
        assert factor[0, usa, prk] == factor[0, prk, jpn] == 1.0
    assert (hazards.provoked_odds(world, state, step - 1) == 1.0).all()


def test_the_mesa_face_lives_the_same_provocations() -> None:
    scenario = with_provocations(24.0)
    worlds = compile_worlds(scenario)
    block = simulated_agreements(worlds, 5, RUNS[:1], ["parade"])["parade"]
    life = BalanceModel(scenario, "parade", 5, worlds=worlds).run_until_end()
    assert np.array_equal(np.sort(block.signed), np.sort(life.state.agreements.signed))
    calm = BalanceModel(with_provocations(0.0), "parade", 5).run_until_end()
    jpn, prk = (life.world.codes.index(code) for code in ("JPN", "PRK"))
    assert life.view.against[0, jpn, prk] > calm.view.against[0, jpn, prk]
