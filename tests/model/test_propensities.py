"""Random intercepts of states by class of agreement, by hand."""

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.model.baseline import compile_worlds, freeze
from balance_sim.model.world import propensities
from balance_sim.scenario.defaults import new_scenario
from balance_sim.scenario.schema import State


def test_what_a_state_adds_for_declarations_goes_to_them_alone() -> None:
    states = [State(id="XAA", propensity=0.5, propensity_declarations=-2.0), State(id="XBB")]
    found = propensities(states, np.array([True, False, True]))
    assert found.tolist() == [[0.5, -1.5, 0.5], [0.0, 0.0, 0.0]]


def test_it_moves_the_consent_of_its_state_to_declarations_and_nothing_else(tmp_path) -> None:
    """Log-odds of consent at the start rise by what is given, for one state and the kinds that bind nobody."""
    path = tmp_path / "made_up.yaml"
    path.write_text(new_scenario("made_up"), encoding="utf-8")
    plain = bs.load_scenario(path)
    moved = bs.with_values(plain, {"states.XBE.propensity_declarations": 1.25})
    one, other = (compile_worlds(scenario) for scenario in (plain, moved))
    world = one.reference
    keen = [freeze(worlds.reference).keen for worlds in (one, other)]
    before, after = (np.log(consent / (1 - consent)) for consent in keen)
    mine = np.stack([world.first, world.second], axis=1) == world.codes.index("XBE")
    rise = np.where(mine[:, :, None] & ~world.ladder.security, 1.25, 0.0)
    np.testing.assert_allclose(after - before, rise, atol=1e-9)
    assert rise.any() and not world.ladder.security.all()
    assert pytest.approx(0.0) == rise[:, :, world.ladder.security].max()
