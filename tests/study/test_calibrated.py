"""What a calibration leaves uncertain: drawn on request, integrated over in forecasts, held at its mean in runs."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.run import run
from balance_sim.evidence.goodness.dyad_probabilities import dyad_probabilities
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import fitted_distribution
from balance_sim.scenario.schema import Calibration
from balance_sim.study.draws import distribution_of, drawn_levels

NOLIMITS = Path(__file__).resolve().parents[2] / "scenarios" / "nolimits_2022.yaml"


def test_draws_are_of_the_calibration_and_of_the_fit_for_what_it_held() -> None:
    scenario = load_scenario(NOLIMITS)
    found, fitted = distribution_of(scenario), fitted_distribution()
    assert "kinds.access.intercept" in found.paths
    assert "kinds.access.intercept" not in fitted.paths
    own, held = found.paths.index("theory.weights.size"), found.paths.index("theory.weights.hostility")
    covariance = np.array(found.covariance)
    count = len(scenario.calibration.names)
    assert covariance[own, own] == scenario.calibration.covariance[own * count + own]
    at = fitted.paths.index("theory.weights.hostility")
    assert covariance[held, held] == fitted.covariance[at][at]
    assert covariance[own, held] == 0
    assert np.linalg.eigvalsh(covariance).min() > 0
    assert distribution_of(load_scenario(NOLIMITS, calibrated=False)) is fitted


def test_levels_drawn_have_mean_one_and_the_variance_asked_for() -> None:
    runs = np.arange(20_000, dtype=np.uint64)
    drawn = drawn_levels(0.4, 1, runs)[:, 0]
    assert drawn.mean() == pytest.approx(1.0, abs=0.015)
    assert drawn.var() == pytest.approx(0.4, rel=0.05)
    assert np.array_equal(drawn[:5], drawn_levels(0.4, 1, runs[:5])[:, 0])
    assert np.array_equal(drawn_levels(0.0, 1, runs[:5]), np.ones((5, 1)))


def test_a_forecast_integrates_over_the_level_and_a_run_does_not() -> None:
    """Of probability p at a known level, 1 - (1 + v x)^(-1/v) with x = -ln(1 - p), at variance v."""
    plain = load_scenario(NOLIMITS, calibrated=False)
    unsure = plain.model_copy(update={"calibration": Calibration(level_variance=0.5)})
    one, two = (run(scenario, runs=4, seed=2, arms=["signal"]) for scenario in (plain, unsure))
    assert one.outcomes.equals(two.outcomes)
    known, mixed = (dyad_probabilities(result, "signal") for result in (one, two))
    for dyad, p in known.items():
        assert mixed[dyad] == pytest.approx(1 - (1 - 0.5 * np.log1p(-p)) ** -2, rel=0.02)
    assert sum(mixed.values()) < sum(known.values())


def test_a_forecast_integrates_over_a_dyads_factor(tmp_path: Path) -> None:
    """Gamma of shape 2 and mean 1: 1 - (1 + x / 2)^-2; a dyad whose factor is known keeps its probability."""
    one = load_scenario(NOLIMITS, calibrated=False)
    from balance_sim.scenario.schema import Frailty

    rows = (Frailty(a="CHN", b="RUS", factor=1.0, shape=2.0), Frailty(a="FRA", b="GBR", factor=1.0))
    two = one.model_copy(update={"frailties": rows})
    known, mixed = (
        dyad_probabilities(run(scenario, runs=4, seed=2, arms=["signal"]), "signal") for scenario in (one, two)
    )
    x = -np.log1p(-known["CHN", "RUS"])
    assert mixed["CHN", "RUS"] == pytest.approx(1 - (1 + x / 2) ** -2)
    assert mixed["CHN", "RUS"] < known["CHN", "RUS"]
    assert mixed["FRA", "GBR"] == pytest.approx(known["FRA", "GBR"])
