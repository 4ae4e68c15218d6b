"""Theories scored on the same years and stacked, and the file that holds their weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from balance_sim.cli import main
from balance_sim.evidence.forecast.theories import NAME, TheoryScores, stacking_weights_beside, theories_text
from balance_sim.scenario import Scenario, ScenarioError, load_scenario, with_values
from balance_sim.scenario.defaults import presets
from click.testing import CliRunner


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


def test_a_file_that_is_none_is_refused_with_its_line(scores: TheoryScores, scenario: Scenario, tmp_path: Path) -> None:
    text = theories_text(scenario, scores, "balance-sim evidence calibrate x --theories", "0")
    (tmp_path / NAME).write_text(text.replace("dyad_years: 3000", "dyad_years: many"))
    with pytest.raises(ScenarioError, match=r"theories\.yaml:\d+:13: error.*dyad_years"):
        stacking_weights_beside(scenario, tmp_path)


def test_effect_says_why_theories_have_no_weights(scores: TheoryScores, scenario: Scenario, tmp_path: Path) -> None:
    """No file of scores, one of another record, and a current one that the kept draws do not use."""
    root, copy = Path(__file__).parents[2] / "scenarios", tmp_path / "solomon_2022.yaml"
    shutil.copy(root / copy.name, copy)
    shutil.copytree(root / "solomon_2022", tmp_path / "solomon_2022")

    def said() -> str:
        done = CliRunner().invoke(main, ["effect", str(copy), "-v"])
        assert done.exit_code == 0, done.stderr
        told = " ".join(done.stdout.split()).partition("Theories, at one base rate: ")[2]
        return told.partition("null 0.00000. ")[2].partition(" Placebos")[0]

    assert said() == "The scenario's record is too short to score them."
    other = with_values(scenario, {"distances.AUS-SLB.km": 1234.0})
    path = tmp_path / "solomon_2022" / NAME
    path.write_text(theories_text(other, scores, "balance-sim evidence calibrate x --theories", "0"))
    assert said() == (
        "Their scores in theories.yaml are of another record, fit or set of theories: balance-sim evidence calibrate "
        f"{copy} --theories scores them anew."
    )
    path.write_text(theories_text(load_scenario(copy, calibrated=False), scores, "x", "0"))
    assert said() == "Their weights in theories.yaml are not used here."
