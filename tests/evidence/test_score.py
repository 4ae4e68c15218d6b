"""Scores against closed forms and scikit-learn; baselines against statsmodels and simulated truth."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence import scores as score
from balance_sim.evidence.estimation.features import FeatureYears
from balance_sim.evidence.forecast import baselines
from balance_sim.evidence.forecast import score as forecast_score
from extras import imported


def auc(p: np.ndarray, y: np.ndarray) -> float:
    return score.Ranking(p, y).auc(np.ones(len(p)))


P = np.array([0.9, 0.6, 0.6, 0.3, 0.3, 0.3, 0.05, 0.0])
Y = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])


def test_closed_forms() -> None:
    assert score.log_score([0.8, 0.3], [1, 0]) == pytest.approx(-(math.log(0.8) + math.log(0.7)) / 2)
    assert score.log_score([0.0], [1]) == pytest.approx(-math.log(score.FLOOR))


def test_the_log_score_is_best_at_the_truth() -> None:
    truth = 0.23
    grid = np.linspace(0.01, 0.99, 99)
    mean = [truth * score.log_score([p], [1]) + (1 - truth) * score.log_score([p], [0]) for p in grid]
    assert grid[int(np.argmin(mean))] == pytest.approx(truth)


def test_ranking_scores_agree_with_scikit_learn() -> None:
    metrics = imported("sklearn.metrics")
    rng = np.random.default_rng(1)
    for digits in (1, 2, 8):
        p = np.round(rng.beta(0.3, 3.0, 3000), digits)
        y = (rng.random(3000) < p).astype(float)
        assert auc(p, y) == pytest.approx(metrics.roc_auc_score(y, p), rel=1e-10)
        assert score.average_precision(p, y) == pytest.approx(metrics.average_precision_score(y, p), rel=1e-10)
    assert math.isnan(auc(np.array([0.2]), np.array([0.0])))
    assert math.isnan(score.average_precision([0.2], [0]))


def test_calibration_counts_everything_once() -> None:
    table = score.reliability_table(P, Y)
    assert table["n"].sum() == 8
    assert table["happened"].sum() == 3
    assert table["expected"].sum() == pytest.approx(P.sum())
    assert table["low"].tolist() == [0.0, 0.05, 0.2, 0.5]
    row = table[table["low"] == 0.2].iloc[0]
    assert row["observed"] == pytest.approx(1 / 3)
    # Clopper, Pearson 1934 for 1 of 3: 1 - 0.975^(1/3) = 0.0084 to 0.9057
    assert (row["observed_low"], row["observed_high"]) == pytest.approx((0.0084, 0.9057), abs=1e-4)
    assert score.reliability_table([1.0], [1])["high"].tolist() == [1.0]


def apart(count: int) -> np.ndarray:
    """(count, 2) dyads that share no state."""
    return np.arange(2 * count).reshape(-1, 2)


def test_repeated_rows_of_a_dyad_are_not_independent() -> None:
    """Each dyad five times over: the error is that of the dyads, sqrt(5) larger than by rows."""
    rng = np.random.default_rng(2)
    p = rng.beta(1.0, 9.0, 400)
    y = (rng.random(400) < p).astype(float)

    def scored(times: int, states: np.ndarray) -> dict[str, Any]:
        forecasts = {"model": np.tile(p, times), "base_rate": np.full(400 * times, y.mean())}
        return forecast_score.score_forecasts(forecasts, np.tile(y, times), states)["model"]

    once, by_dyad, by_row = scored(1, apart(400)), scored(5, np.tile(apart(400), (5, 1))), scored(5, apart(2000))
    error = by_dyad["log_skill_se"]
    assert error == pytest.approx(once["log_skill_se"], rel=1e-9)
    assert error / by_row["log_skill_se"] == pytest.approx(math.sqrt(5), rel=1e-9)
    assert once["minimum_detectable_log_skill"] == pytest.approx(2.8 * error)


def test_standard_error_of_dyads_apart_is_that_of_theory() -> None:
    """Of a ratio of means by the delta method."""
    rng = np.random.default_rng(3)
    n = 2000
    p = rng.beta(1.0, 9.0, n)
    y = (rng.random(n) < p).astype(float)
    out = forecast_score.score_forecasts({"model": p, "base_rate": np.full(n, 0.1)}, y, apart(n))
    ours, theirs = (p - y) ** 2, (0.1 - y) ** 2
    ratio = ours.mean() / theirs.mean()
    error = np.std(ours - ratio * theirs) / (theirs.mean() * math.sqrt(n))
    assert out["model"]["brier_skill_se"] == pytest.approx(error, rel=1e-9)
    assert out["model"]["brier_skill"] == pytest.approx(1 - ratio)
    assert [out["base_rate"][key] for key in ("log_skill", "log_skill_se", "log_skill_ci95")] == [0.0, 0.0, [0.0, 0.0]]


def made_rows(seed: int, years: range = range(2000, 2006), n: int = 40, hole: float = 0.0) -> FeatureYears:
    """Pair-years with a known logit, -3 + 1.0 ln_size - 0.8 ln_distance + 1.2 ln_earlier, standard normal."""
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(n, 1)
    year = np.repeat(np.array(list(years)), len(a))
    rows = len(year)
    names = dict.fromkeys([*baselines.LOGIT, *baselines.EARLIER, *baselines.EXTRA])
    x = pd.DataFrame({name: rng.normal(size=rows) for name in names})
    x["earlier"] = rng.poisson(0.5, rows).astype(float)
    eta = -3 + 1.0 * x["ln_size"] - 0.8 * x["ln_distance"] + 1.2 * x["ln_earlier"]
    y = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float).to_numpy()
    x.loc[rng.random(rows) < hole, "ln_size"] = np.nan
    return FeatureYears(year, np.tile(a, len(years)), np.tile(b, len(years)), y, np.ones(rows), x)


def test_logit_agrees_with_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    rows = made_rows(1)
    columns = ("ln_size", "ln_distance", "ln_earlier")
    fit = baselines.fit_logit(rows, columns, ridge=0.0)
    oracle = api.Logit(rows.y, api.add_constant(rows.x[list(columns)].to_numpy())).fit(disp=0)
    assert fit.coefficient[:-1] / fit.scale == pytest.approx(oracle.params[1:], rel=1e-6)
    assert np.sqrt(np.diag(fit.covariance))[:-1] / fit.scale == pytest.approx(oracle.bse[1:], rel=1e-5)


def test_logit_recovers_its_truth_and_finds_nothing_where_nothing_is() -> None:
    """Each of four estimates within 4 standard errors: fails falsely in 3 of 10,000; a sign error is seen."""
    found = baselines.fit_logit(made_rows(2), ("ln_size", "ln_distance", "ln_earlier", "war"), ridge=0.0)
    error = np.sqrt(np.diag(found.covariance))[:-1] / found.scale
    assert (np.abs(found.coefficient[:-1] / found.scale - [1.0, -0.8, 1.2, 0.0]) < 4 * error).all()


def test_baselines_are_ranked_as_the_truth_ranks_them() -> None:
    rows = made_rows(3)
    ahead = rows.within(2004, 2005)
    trained = baselines.fit_baselines(rows.within(2000, 2003), ("base_rate", "gravity", "logit"))
    forecasts = {name: predict(ahead) for name, predict in trained.items()}
    loss = {name: score.log_score(p, ahead.y) for name, p in forecasts.items()}
    assert loss["logit"] < loss["gravity"] < loss["base_rate"]
    assert forecasts["base_rate"][0] == rows.within(2000, 2003).y.mean()
