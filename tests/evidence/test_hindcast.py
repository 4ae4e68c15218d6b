"""Fit on the past, forecast the years after: on records that the model made itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balance_sim.evidence.errors import DataError
from balance_sim.evidence.forward import simulate_forward
from balance_sim.evidence.hindcast import Hindcast, Plan, hindcast_of, read_plan
from balance_sim.evidence.history import History
from balance_sim.evidence.past import scenario_at
from balance_sim.evidence.recovery import made_record

WEIGHTS = {"proximity": 0.8, "size": 0.3, "joint_democracy": 0.8, "activity": 0.2, "common_threat": 0.5}
INTERCEPTS = {
    "defence_cooperation": 5.6,
    "logistics": 4.6,
    "political_declaration": -60.0,
    "information_sharing": -60.0,
}
PLAN = Plan(
    first=1990,
    last=1999,
    until=2001,
    terms=tuple(WEIGHTS),
    baselines=("base_rate", "earlier_accords", "gravity", "logit", "boosted_trees"),
    runs=12,
    resamples=40,
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(invented) -> History:
    return made_record(invented(32, 12), WEIGHTS, INTERCEPTS)


@pytest.fixture(scope="module")
def found(made: History) -> Hindcast:
    return hindcast_of(PLAN, made)


def test_both_ways_have_the_model_and_all_baselines(found: Hindcast) -> None:
    out = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    for way in ("one_year_ahead", "simulated_forward"):
        assert set(out[way]) == {"model", *PLAN.baselines}
        for scores in out[way].values():
            assert {"log_skill", "brier_skill", "average_precision", "auc"} <= set(scores)
        assert out[way]["base_rate"]["log_skill"] == 0.0


def test_the_model_beats_the_base_rate_on_its_own_record(found: Hindcast) -> None:
    """And expects about as many accords as there were: within 4 standard deviations of a Poisson count."""
    for scores in found.scores.values():
        one = scores["model"]
        assert one.log_skill.low > 0.0
        assert abs(one.expected - one.events) < 4.0 * np.sqrt(one.expected)


def test_run_forward_the_first_year_is_the_year_ahead(made: History, found: Hindcast) -> None:
    """On 1 January of the first year nothing has happened yet: the engine's chances are the likelihood's."""
    from balance_sim.evidence.choices import choices

    ahead = simulate_forward(found.fit, made, 2000, 2001, runs=2)
    rows = choices(made, PLAN.terms, years=[2000]).with_kinds(found.fit.kinds)
    np.testing.assert_allclose(ahead.chance[0, rows.a, rows.b], found.fit.chances(rows), rtol=1e-10)
    assert not np.allclose(ahead.chance[1, rows.a, rows.b], ahead.chance[0, rows.a, rows.b], rtol=1e-6)


def test_run_forward_uses_nothing_after_the_origin(made: History, found: Hindcast) -> None:
    cut = replace(made, accords=made.accords[made.accords["signed"] < "2000-01-01"])
    first, second = (simulate_forward(found.fit, h, 2000, 2001, runs=3) for h in (made, cut))
    np.testing.assert_array_equal(first.chance, second.chance)


def test_runs_forward_sign_as_often_as_the_chances_say(made: History, found: Hindcast) -> None:
    """Accords a year in runs against the sum of chances, within 5 standard errors of the mean and a tenth for
    pairs that sign twice, that pass occasions over while in talks, and for what changes within the year."""
    ahead = simulate_forward(found.fit, made, 2000, 2001, runs=40)
    expected = np.nansum(np.triu(ahead.chance[1], 1))
    assert ahead.signed[1] == pytest.approx(expected, abs=5 * np.sqrt(expected / 40) + 0.1 * expected)


def test_the_past_as_a_scenario(made: History) -> None:
    """Accords signed before the day are there, later ones are not; pacts are legs in force and old."""
    scenario = scenario_at(made, 1995)
    ours = [accord for accord in scenario.accords if not accord.multilateral]
    before = made.accords["signed"] < pd.Timestamp("1995-01-01")
    assert len(ours) == int(before.sum())
    legs = [accord for accord in scenario.accords if accord.multilateral]
    assert len(legs) == int((np.triu(made.alliance_depth[5], 1) > 0).sum())
    assert {accord.kind for accord in legs} == {"defence_pact"}


def test_the_shipped_plan_is_read() -> None:
    plan = read_plan(ROOT / "experiments" / "hindcast_dcad.yaml")
    assert (plan.first, plan.last, plan.until) == (1985, 2003, 2010)
    assert set(plan.baselines) == {"base_rate", "earlier_accords", "gravity", "logit", "boosted_trees"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runs: many", "whole number"),
        ("runs: 0", "whole number"),
        ("widow: 3", "there is no such key"),
        ("ways: [sideways]", "no such name"),
        ("baselines: [logit]", "skills are against the base rate"),
        ("until: 1990", "not in order"),
        ("- 1", "not a plan"),
        ("propensities: 3", "no such value"),
        ("a: [", "cannot be read"),
    ],
)
def test_plans_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_plan(path)
