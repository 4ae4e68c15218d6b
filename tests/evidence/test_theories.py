"""Theories scored on the same years and stacked, and the file that holds their weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from balance_sim.evidence.forecast.theories import NAME, TheoryScores, stacking_weights_beside, theories_text
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.defaults import presets


@pytest.fixture(scope="module")
def scores() -> TheoryScores:
    """The first theory knows the probabilities, the second says 0.2 of all, the others what the second says."""
    rng = np.random.default_rng(1)
    truth = np.where(rng.uniform(size=3000) < 0.5, 0.05, 0.35)
    y = (rng.uniform(size=3000) < truth).astype(float)
    first, *others = presets()
    return TheoryScores((2001, 2002), {first: truth, **{name: np.full(3000, 0.2) for name in others}}, y)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("scenarios/solomon_2022.yaml", calibrated=False)


def test_the_theory_that_knows_more_has_the_weight(scores: TheoryScores) -> None:
    told = scores.as_dict()
    first, *others = told.values()
    assert first["weight"] > 0.8 and sum(of["weight"] for of in told.values()) == pytest.approx(1.0, abs=1e-5)
    assert all(first["log_score"] < of["log_score"] for of in others)
    assert len({of["weight"] for of in others}) == 1  # the same forecasts share one weight


def test_log_score_by_hand() -> None:
    """Nats of two dyads, one of which signed: (-ln 0.5 - ln 0.9) / 2."""
    found = TheoryScores((2001,), {"null": np.array([0.5, 0.1])}, np.array([1.0, 0.0])).as_dict()
    assert found["null"]["log_score"] == pytest.approx((np.log(2) - np.log(0.9)) / 2, abs=1e-8)
    assert found["null"]["weight"] == 1.0


def test_the_file_holds_for_its_record_alone(scores: TheoryScores, scenario: Scenario, tmp_path: Path) -> None:
    assert stacking_weights_beside(scenario, tmp_path) is None
    (tmp_path / NAME).write_text(theories_text(scenario, scores, "balance-sim evidence calibrate x --theories", "0"))
    weights = stacking_weights_beside(scenario, tmp_path)
    assert weights == {name: of["weight"] for name, of in scores.as_dict().items()}
    other = with_values(scenario, {"distances.AUS-SLB.km": 1234.0})
    assert stacking_weights_beside(other, tmp_path) == {}
