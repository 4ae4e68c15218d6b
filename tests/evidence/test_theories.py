"""Theories scored on the same years and stacked, and the file that holds their weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from balance_sim.evidence.forecast.theories import (
    NAME,
    TheoriesFile,
    TheoryScore,
    stacking_weights_beside,
    theories_text,
    theory_scores,
)
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.defaults import presets
from balance_sim.scenario.fingerprint import record_digest, weights_digest


@pytest.fixture(scope="module")
def scores() -> dict[str, TheoryScore]:
    """The first theory knows the probabilities, the second says 0.2 of all, the others what the second says."""
    rng = np.random.default_rng(1)
    truth = np.where(rng.uniform(size=3000) < 0.5, 0.05, 0.35)
    y = (rng.uniform(size=3000) < truth).astype(float)
    first, *others = presets()
    return theory_scores({first: truth, **{name: np.full(3000, 0.2) for name in others}}, y)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("scenarios/solomon_2022.yaml", calibrated=False)


def written(scenario: Scenario, scores: dict[str, TheoryScore]) -> str:
    file = TheoriesFile(
        command="balance-sim evidence calibrate x --theories",
        version="0",
        origins=(2001, 2002),
        dyad_years=3000,
        record_sha256=record_digest(scenario),
        weights_sha256=weights_digest(),
        theories=scores,
    )
    return theories_text(file)


def test_the_theory_that_knows_more_has_the_weight(scores: dict[str, TheoryScore]) -> None:
    first, *others = scores.values()
    assert first.weight > 0.8 and sum(of.weight for of in scores.values()) == pytest.approx(1.0, abs=1e-5)
    assert all(first.log_score < of.log_score for of in others)
    assert len({of.weight for of in others}) == 1  # the same forecasts share one weight


def test_log_score_by_hand() -> None:
    """Nats of two dyads, one of which signed: (-ln 0.5 - ln 0.9) / 2."""
    found = theory_scores({"null": np.array([0.5, 0.1])}, np.array([1.0, 0.0]))
    assert found["null"].log_score == pytest.approx((np.log(2) - np.log(0.9)) / 2, abs=1e-8)
    assert found["null"].weight == 1.0


def test_the_file_holds_for_its_record_alone(
    scores: dict[str, TheoryScore], scenario: Scenario, tmp_path: Path
) -> None:
    assert stacking_weights_beside(scenario, tmp_path) is None
    (tmp_path / NAME).write_text(written(scenario, scores))
    weights = stacking_weights_beside(scenario, tmp_path)
    assert weights == {name: of.weight for name, of in scores.items()}
    other = with_values(scenario, {"distances.AUS-SLB.km": 1234.0})
    assert stacking_weights_beside(other, tmp_path) == {}
