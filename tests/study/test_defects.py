"""Defects that programs of this kind have had, and the test that would see each here.

| where | defect | here |
| --- | --- | --- |
| statesim | a bare except drops failed runs | test_promises.py, a replication that raises |
| bdm-scholz | a branch that can never be reached | `test_every_kind_of_outcome_occurs` |
| bdm-scholz | P(i wins) + P(j wins) is not 1 | `test_parts_add_up` |
| landscape script | headers in another order than values | tests/model/test_invariants.py, order of rows |
| goldfish #37, #71 | absent actors counted; engines disagree | tests/model/test_agents.py; tests/evidence |
| mesa #2841 | one seed for all replications | test_coverage.py |
| Mesa, EMA workbench | one exception loses the sweep | test_promises.py, a replication that raises |
"""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.run import run
from balance_sim.model.core import DIRECTIONS, ORIGINS
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study.result import Result

PATH = Path(__file__).parents[1] / "scenario" / "data" / "summit.yaml"
FORCE = [f"disputes.{dyad}.militarised=1" for dyad in ("JPN-CHN", "USA-CHN")]
SUMMIT = load_scenario(PATH, set=[*FORCE, "parameters.tau=0.005"]).counted_as(None)
RUNS = 400


@pytest.fixture(scope="module")
def lively() -> Scenario:
    """The small world with more will to sign, so that everything happens within a few hundred runs."""
    eager = {f"states.{code}.propensity": 6.0 for code in SUMMIT.codes}
    ends = {"parameters.end_rate": 0.3, "parameters.collapse_rate": 1.0}
    return with_values(SUMMIT, eager | ends | {"base_rate": None})  # talks under way are its own


@pytest.fixture(scope="module")
def result(lively: Scenario) -> Result:
    return run(lively, RUNS, 3, arms=["summit"])


def test_every_kind_of_outcome_occurs(result: Result, lively: Scenario) -> None:
    """Every origin, direction and kind of agreement, and every stage an agreement can end in."""
    made = result.agreements
    absent = {"accession"} | ({"signed"} if not _signed(lively) else set())  # it has no pacts
    assert set(made["origin"]) == set(ORIGINS) - absent
    assert set(made["direction"]) == set(DIRECTIONS)
    assert set(made["kind"]) == set(lively.kinds)
    stages = {
        "talks": made["signed"].isna() & made["ended"].isna(),
        "collapsed": made["signed"].isna() & made["ended"].notna(),
        "signed": made["signed"].notna() & made["in_force"].isna(),
        "in force": made["in_force"].notna() & made["ended"].isna(),
        "ended": made["in_force"].notna() & made["ended"].notna(),
    }
    assert [name for name, rows in stages.items() if not rows.any()] == []
    counts = [n for n in result.outcome_names if n.startswith(("accords_", "from_talks_", "in_force_"))]
    assert [name for name in counts if not result.outcomes[name].any()] == []
    signs = result.effects  # of numbers of agreements few replications differ, of how insecure states are all
    assert (signs["share_positive"] > 0).any() and (signs["share_negative"] > 0).any()


def _signed(scenario: Scenario) -> bool:
    return any(a.status == "signed" and a.scheduled_in_force is None for a in scenario.agreements)


def test_parts_add_up(result: Result) -> None:
    """Directions to all, kinds to all, windows grow, shares within 1, in every run and arm."""
    frame = result.outcomes
    for window in (30, 90, 365):
        for what in ("accords", "declarations"):
            parts = sum(frame[f"{what}_{name}_{window}"] for name in DIRECTIONS)
            assert (parts == frame[f"{what}_all_{window}"]).all()
    security = [kind for kind, of in result.scenario.kinds.items() if of.security]
    declared = [kind for kind, of in result.scenario.kinds.items() if not of.security]
    assert (sum(frame[f"accords_{kind}_365"] for kind in security) == frame["accords_all_365"]).all()
    assert (sum(frame[f"accords_{kind}_365"] for kind in declared) == frame["declarations_all_365"]).all()
    assert (frame["accords_all_30"] <= frame["accords_all_90"]).all()
    assert (frame["accords_all_90"] <= frame["accords_all_365"]).all()
    assert (frame["from_talks_365"] <= frame["accords_all_365"]).all()
    effects = result.effects
    assert (effects["share_positive"] + effects["share_negative"] <= 1 + 1e-12).all()
    for name in (*DIRECTIONS, *result.scenario.kinds):
        if f"filtered_accords_{name}_365" in frame:
            assert (frame[f"filtered_accords_{name}_365"] >= 0).all()
    parts = sum(frame[f"filtered_accords_{name}_365"] for name in DIRECTIONS)
    np.testing.assert_allclose(parts, frame["filtered_accords_all_365"], atol=1e-11)
    for kinds, what in ((security, "accords"), (declared, "declarations")):
        parts = sum(frame[f"filtered_accords_{kind}_365"] for kind in kinds)
        np.testing.assert_allclose(parts, frame[f"filtered_{what}_all_365"], atol=1e-11)
    for table, times in ((result.dyads, 1), (result.states, 2)):
        arm = table[table["arm"] == "summit"]
        np.testing.assert_allclose(arm["mean"] - arm["mean_control"], arm["effect"], atol=1e-9)
        assert ((arm["lo"] <= arm["effect"]) & (arm["effect"] <= arm["hi"])).all()
        whole = frame.loc[frame["arm"] == "summit", "filtered_accords_all_365"].mean()
        assert arm["mean"].sum() == pytest.approx(times * whole, abs=1e-7)


def test_dates_of_an_accord_are_in_order(result: Result) -> None:
    made = result.agreements[result.agreements["origin"] == "new"]
    for earlier, later in (("opened", "signed"), ("signed", "in_force"), ("in_force", "ended")):
        both = made[made[earlier].notna() & made[later].notna()]
        assert len(both) and (both[earlier] <= both[later]).all()
