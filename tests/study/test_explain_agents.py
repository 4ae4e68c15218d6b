"""Agents of another class are explained as the program's own are, with a part of their own beside the terms."""

from __future__ import annotations

from pathlib import Path

import balance_sim as bs
import numpy as np
import pandas as pd
import pytest
from balance_sim.effects.explain import explainable
from balance_sim.effects.explain.agents import AGENT
from balance_sim.scenario.errors import WrongRequest

ROOT = Path(__file__).resolve().parents[2]
HERE = "agents_to_explain"
CODE = """
import balance_sim as bs

class Wary(bs.StateAgent):
    def willingness(self, prospects):
        return super().willingness(prospects) - 2.0 * self.insecurity

class Drawer(bs.StateAgent):
    def consents(self, prospects, needs):
        return needs < 0.1
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> bs.Scenario:
    folder = tmp_path_factory.mktemp("agents")
    (folder / f"{HERE}.py").write_text(CODE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        __import__(HERE)
    return bs.load_scenario(ROOT / "experiments" / "smoke" / "what_if.yaml")


def test_plain_agents_are_explained_as_the_engine_is(scenario: bs.Scenario) -> None:
    """The same class decides the same: Shapley values, terms of a dyad and timelines agree, and `agent` is nothing."""
    engine = bs.run(scenario, runs=4)
    agents = bs.run(scenario, runs=4, model="balance_sim:StateAgent")
    one, other = bs.explain(engine), bs.explain(agents)
    np.testing.assert_array_equal(one.worth, other.worth[:, : one.worth.shape[1]])
    assert [*other.groups] == [*one.groups, AGENT] and not np.abs(other.by_run[:, -1]).any()
    keys = ["arm", "moment", "date", "side", "part"]
    mine, theirs = (bs.explain(result, "XCO-XDO", runs=3).terms for result in (engine, agents))
    both = mine.merge(theirs, on=keys, suffixes=("", "_agents"))
    assert len(both) == len(mine) == len(theirs[theirs["part"] != AGENT])
    np.testing.assert_allclose(both["value_agents"], both["value"], atol=1e-12)
    np.testing.assert_allclose(both["sd_agents"], both["sd"], atol=1e-12)
    pd.testing.assert_frame_equal(bs.explain(engine, run=1).table, bs.explain(agents, run=1).table)


def test_what_agents_want_beside_the_terms_is_their_part(scenario: bs.Scenario) -> None:
    result = bs.run(scenario, runs=3, model=f"{HERE}:Wary")
    found = bs.explain(result, "XCO-XDO", runs=1).table.query("part == @AGENT and moment != 'start'")
    assert (found["arm"] < 0).all() and (found["difference"] < 0).any()  # more insecure after the summit
    assert bs.explain(result).table.set_index("group").loc[AGENT, "value"] < 0
    assert bs.explain(result, run=0).run == 0  # held to the study's agreements, in both arms


def test_code_runs_where_it_is_named_and_decisions_without_willingness_are_refused(
    scenario: bs.Scenario, tmp_path: Path
) -> None:
    result = bs.run(scenario, runs=1, model=f"{HERE}:Wary", out=tmp_path / "a")
    with pytest.raises(WrongRequest, match=f"--model {HERE}:Wary allows their code to run"):
        bs.explain(bs.open_result(tmp_path / "a"))
    explainable(bs.open_result(tmp_path / "a"), result.model)
    with pytest.raises(WrongRequest, match="has a `consents` of its own"):
        bs.explain(bs.run(scenario, runs=1, model=f"{HERE}:Drawer"))
