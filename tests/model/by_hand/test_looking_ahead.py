"""The engine against `plain.py` with states that look ahead and whose talks are scarce: docs/model.md, twice."""

from __future__ import annotations

import pytest
import test_two_programs as two
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.scenario import Scenario, load_scenario, with_values
from test_two_programs import HERE, begun  # noqa: F401


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return with_values(
        load_scenario(HERE / "paper.yaml"), {"theory.weights.foresight": 4.0, "theory.weights.talks_budget": 1.5}
    )


def test_the_start_and_what_it_knows_of_replies(scenario: Scenario, worlds: Worlds, begun) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    two.test_the_frozen_start(worlds, begun)
    world, base, least = worlds.reference, worlds.baseline, 0.0
    for i, one in enumerate(world.codes):
        assert base.talks[i] == pytest.approx(begun.talks[one], rel=1e-8)
        for j, other in enumerate(world.codes):
            for m, kind in enumerate(world.ladder.names):
                wanted = begun.first["foresight", one, other, kind] if i != j else 0.0
                assert base.first["foresight"][i, j, m] == pytest.approx(wanted, rel=1e-7, abs=1e-12)
                least = min(least, wanted)
    assert least < -0.01
    off = compile_worlds(with_values(scenario, {"theory.weights.foresight": 0.0}))
    assert "foresight" not in off.baseline.first and (off.baseline.keen > base.keen).any()


@pytest.mark.parametrize(("arm", "run"), [("without", 0), ("with", 2)])
def test_every_date_of_a_replication(scenario: Scenario, worlds: Worlds, begun, arm: str, run: int) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    two.test_every_date_of_a_replication(scenario, worlds, begun, arm, run)


def test_everything_that_is_seen_and_wanted(scenario: Scenario, worlds: Worlds, begun) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    two.test_everything_that_is_seen_and_wanted_in_a_step(scenario, worlds, begun, 24)
