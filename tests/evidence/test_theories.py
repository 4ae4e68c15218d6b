"""Theories scored on the same years and stacked, and the file that holds their weights."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.evidence.forecast.theories import (
    NAME,
    TheoriesFile,
    TheoryScore,
    theories_text,
    theory_scores,
    theory_scores_beside,
)
from balance_sim.evidence.scores import stacking_weights
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.defaults import presets
from balance_sim.scenario.fingerprint import record_digest, weights_digest


@pytest.fixture(scope="module")
def scores() -> dict[str, TheoryScore]:
    """Of 78 dyads of 13 states in 40 years. The first theory knows the probabilities, the second says 0.2 of all, the
    others what the second says."""
    rng = np.random.default_rng(1)
    states = np.tile(np.column_stack(np.triu_indices(13, 1)), (40, 1))
    rows = len(states)
    truth = np.where(rng.uniform(size=rows) < 0.5, 0.05, 0.35)
    y = (rng.uniform(size=rows) < truth).astype(float)
    first, *others = presets()
    same = {name: np.full(rows, 0.2) for name in others}
    return theory_scores({first: truth, **same}, y, states, resamples=50)


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
    assert first.weight > 0.8 and not first.not_told_from
    assert all(first.log_score < of.log_score for of in others)
    assert first.weight_ci95[0] < first.weight <= first.weight_ci95[1]


def test_theories_that_no_forecast_tells_apart_have_one_weight_between_them(scores: dict[str, TheoryScore]) -> None:
    (_, first), *others = scores.items()
    names = {name for name, _ in others}
    for name, other in others:
        assert {name, *other.not_told_from} == names
        assert first.weight + other.weight == pytest.approx(1.0, abs=1e-4)


def test_intervals_of_weights_are_over_resamples_of_states() -> None:
    """A dyad counts as often as both of its states together, written out by loops: one who is not drawn takes its dyads
    out. The middle 95 % of 60."""
    rng = np.random.default_rng(3)
    states = np.column_stack(np.triu_indices(6, 1))
    y = (rng.uniform(size=len(states)) < 0.4).astype(float)
    p = {"one": rng.uniform(0.1, 0.9, len(y)), "other": rng.uniform(0.1, 0.9, len(y))}
    chance = np.column_stack([np.where(y > 0, of, 1.0 - of) for of in p.values()])
    draws, weights = np.random.default_rng(1), []
    for _ in range(60):
        who = draws.integers(0, 6, 6).tolist()
        times = np.array([who.count(a) * who.count(b) for a, b in states.tolist()], dtype=float)
        if times.any():
            weights.append(stacking_weights(chance, times)[0])
    found = theory_scores(p, y, states, resamples=60)["one"]
    assert found.weight_ci95 == pytest.approx(np.quantile(weights, [0.025, 0.975]), abs=1e-4)
    assert found.weight == pytest.approx(stacking_weights(chance)[0], abs=1e-4)


def test_log_score_by_hand() -> None:
    """Nats of two dyads, one of which signed: (-ln 0.5 - ln 0.9) / 2."""
    states = np.array([[0, 1], [0, 2]])
    found = theory_scores({"null": np.array([0.5, 0.1])}, np.array([1.0, 0.0]), states, resamples=5)
    assert found["null"].log_score == pytest.approx((np.log(2) - np.log(0.9)) / 2, abs=1e-8)
    assert found["null"].weight == 1.0


def test_the_file_holds_for_its_record_alone(
    scores: dict[str, TheoryScore], scenario: Scenario, tmp_path: Path
) -> None:
    assert theory_scores_beside(scenario, tmp_path) is None
    (tmp_path / NAME).write_text(written(scenario, scores))
    assert theory_scores_beside(scenario, tmp_path) == scores
    other = with_values(scenario, {"distances.AUS-SLB.km": 1234.0})
    assert theory_scores_beside(other, tmp_path) == {}
