"""The rate of opportunities: a factor of each dyad, a level that a scenario states, and what neither may change."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.model.baseline import _bisected, compile_worlds, expected_a_year, freeze, shift_to_rate
from balance_sim.model.thinning import draw_opportunities, opportunity_rate, share_signed
from balance_sim.scenario import Scenario, ScenarioError, check_scenario, load_scenario
from balance_sim.scenario.schema import TERMS
from balance_sim.study.expected import expected

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios" / "beijing_2025.yaml"
THREE = """schema: 1
title: Three states
start: 2025-01-01
end: 2026-01-01
focal: summit
states:
  - {id: XAA, name: A, capability: 2, democracy: 0.2, ideal_point: -1, latitude: 0, longitude: 0}
  - {id: XBB, name: B, capability: 1, democracy: 0.5, ideal_point: 0, latitude: 10, longitude: 10}
  - {id: XCC, name: C, capability: 1, democracy: 0.8, ideal_point: 1, latitude: 20, longitude: 0}
disputes: [{a: XAA, b: XCC, rivalry: 1}]
events:
  - {id: summit, date: 2025-03-01, kind: joint_summit, principals: [XAA, XBB], targets: [XCC]}
arms:
  without: {title: Without, reference: true, drop: [summit]}
  with: {title: With}
"""


def three(tmp_path: Path, more: str = "") -> Scenario:
    path = tmp_path / "three.yaml"
    path.write_text(THREE + more)
    return load_scenario(path)


def test_a_factor_of_two_halves_the_waits_of_one_dyad(tmp_path: Path) -> None:
    plain = compile_worlds(three(tmp_path)).reference
    factor = compile_worlds(three(tmp_path, "frailties: [{a: XBB, b: XAA, factor: 2}]\n")).reference
    dyad = plain.dyad_index[plain.codes.index("XAA"), plain.codes.index("XBB")]
    assert np.array_equal(opportunity_rate(factor)[dyad], 2 * plain.ladder.ceiling)
    assert np.array_equal(np.delete(opportunity_rate(factor), dyad, 0), np.delete(opportunity_rate(plain), dyad, 0))
    runs = np.arange(400, dtype=np.uint64)
    one, two = (draw_opportunities(world, 1, runs) for world in (plain, factor))

    def first(of: object, pair: int) -> dict[tuple[int, int], float]:
        at = np.flatnonzero((of.dyad == pair) & (of.count == 0))  # type: ignore[attr-defined]
        return {(int(of.run[k]), int(of.kind[k])): float(of.day[k]) for k in at}  # type: ignore[attr-defined]

    slow, fast = first(one, dyad), first(two, dyad)
    assert len(fast) > len(slow) > 100
    assert all(fast[key] == pytest.approx(day / 2) for key, day in slow.items())
    others = [pair for pair in range(3) if pair != dyad]
    assert all(first(one, pair) == first(two, pair) for pair in others)


def test_expected_agreements_follow_the_factor(tmp_path: Path) -> None:
    """At a small rate nearly in proportion: a factor of 0.01 gives a hundredth, one of 0.02 twice that."""
    more = "frailties: [{{a: XAA, b: XBB, factor: {}}}]\n"
    found = []
    for factor in (0.01, 0.02):
        worlds = compile_worlds(three(tmp_path, more.format(factor)))
        world = worlds.reference
        dyad = world.dyad_index[world.codes.index("XAA"), world.codes.index("XBB")]
        found.append(expected(worlds, ["without"])["without"].by_dyad(30)[dyad])
    assert found[1] / found[0] == pytest.approx(2.0, rel=1e-3)


def test_a_stated_level_by_hand(tmp_path: Path) -> None:
    """All weights 0: each of 3 dyads signs kind m at 0.3 kept_m sigma(b_m + x)^2, so a level of all alike gives x."""
    weights = ", ".join(f"{name}: 0" for name in TERMS)
    kinds = [
        "political_declaration",
        "information_sharing",
        "logistics",
        "defence_cooperation",
        "access",
        "defence_pact",
        "non_aggression",
    ]
    level = "\n".join(f"  {kind}: {{intercept: -1}}" for kind in kinds)
    worlds = compile_worlds(three(tmp_path, f"theory: {{weights: {{{weights}}}}}\nkinds:\n{level}\nbase_rate: 1.5\n"))
    world = worlds.reference
    kept = share_signed(world.ladder, world.rules.collapse_rate)
    share = np.sqrt(1.5 / (3 * 0.3 * kept.sum()))
    assert world.ladder.intercept == pytest.approx(np.full(7, np.log(share / (1 - share))), abs=1e-9)
    assert np.array_equal(worlds.arms["with"].ladder.intercept, world.ladder.intercept)


def test_a_stated_level_is_kept_whatever_the_theory(tmp_path: Path) -> None:
    for preset in ("balance_of_threat", "null", "network_only"):
        world = compile_worlds(three(tmp_path, f"base_rate: 0.7\ntheory: {{preset: {preset}}}\n")).reference
        assert expected_a_year(world, freeze(world)) == pytest.approx(0.7)


@pytest.mark.parametrize("level", [1e-9, 0.02, 0.7, 1.9])
def test_secants_lead_to_the_shift_that_bisection_alone_finds(tmp_path: Path, level: float) -> None:
    """To the last bit, whether the secants arrive or not."""
    world = compile_worlds(three(tmp_path, "")).reference
    baseline = freeze(world)
    shift = _bisected(lambda nats: np.asarray(expected_a_year(world, baseline, nats) >= level), np.zeros(()), 80)
    assert shift_to_rate(world, baseline, level) == float(shift)


def test_a_level_that_ceilings_do_not_leave_room_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "three.yaml"
    path.write_text(THREE + "base_rate: 50\n")
    scenario, problems = check_scenario(path)
    assert scenario is None
    errors = [one for one in problems if not one.is_warning]
    assert [(one.code, one.path, one.line) for one in errors] == [("E203", "base_rate", 16)]
    assert "3" in errors[0].allowed
    kinds = "\n".join(f"  {kind}: {{ceiling: 0.05}}" for kind in load_scenario(SHIPPED).kinds)
    with pytest.raises(ScenarioError, match="2 agreements a year are more than all opportunities give"):
        compile_worlds(three(tmp_path, f"base_rate: 2\nkinds:\n{kinds}\n"))
