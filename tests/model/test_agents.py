"""The Mesa face and the block engine: the same agreements on the same dates; another way to decide."""

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.model.baseline import compile_worlds
from replications import simulated_agreements

FIELDS = ("dyad", "kind", "origin", "opened", "signed", "in_force", "ended", "stage")


@pytest.fixture(scope="module")
def scenario():
    return bs.load_scenario("scenarios/beijing_2025.yaml", set=["end=2025-12-31", "report.windows=[30, 90]"])


@pytest.fixture(scope="module")
def worlds(scenario):
    return compile_worlds(scenario)


@pytest.fixture(scope="module")
def made(worlds):
    return simulated_agreements(worlds, 1, np.arange(4, dtype=np.uint64), ("no_parade", "parade"))


def rows(agreements, run):
    own = agreements.take(np.flatnonzero(agreements.run == run))
    return own.take(np.lexsort((own.opened, own.kind, own.dyad)))


@pytest.mark.parametrize(("arm", "run"), [("no_parade", 0), ("parade", 0), ("parade", 3)])
def test_agents_make_the_engines_accords_on_the_engines_dates(scenario, worlds, made, arm, run):
    model = bs.BalanceModel(scenario, arm, seed=1, run=run, worlds=worlds).run_until_end()
    mine, theirs = rows(model.state.agreements, 0), rows(made[arm], run)
    assert len(mine.run) > 20
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(mine, field), getattr(theirs, field), err_msg=field)


def test_a_model_is_what_a_mesa_user_expects(scenario, worlds):
    model = bs.BalanceModel(scenario, seed=1, worlds=worlds)
    assert model.arm == "no_parade" and model.why_ended is None
    assert {agent.code for agent in model.agents} == set(scenario.codes)
    model.step()
    assert model.day == worlds.reference.grid[1]
    japan = next(agent for agent in model.agents if agent.code == "JPN")
    assert 0 < japan.insecurity < 1
    assert japan.threats.shape == (50,)
    model.run_until_end()
    assert model.why_ended == "the scenario's end" and not model.running
    frame = model.datacollector.get_model_vars_dataframe()
    assert len(frame) == worlds.reference.steps + 1
    assert frame["agreements_signed"].is_monotonic_increasing
    assert set(model.agreements.columns) >= {"a", "b", "kind", "opened", "signed"}


class Refuser(bs.StateAgent):
    """Japan, in another theory, wants nothing."""

    def willingness(self, prospects):
        wanted = super().willingness(prospects)
        return wanted - 1e9 if self.code == "JPN" else wanted


def test_consent_at_minus_infinity_gives_no_accord(scenario, worlds):
    model = bs.BalanceModel(scenario, "parade", seed=1, worlds=worlds, agent_class=Refuser).run_until_end()
    opened = model.agreements[model.agreements["origin"] == "new"]
    assert len(opened) > 3
    assert not ((opened["a"] == "JPN") | (opened["b"] == "JPN")).any()
