"""The logit with shrunken propensities, on data made from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.estimation.features import FeatureYears
from balance_sim.evidence.forecast.baselines import fit_logit
from balance_sim.stats.scores import log_score
from sociality import fit_propensity_logit

STATES = 60


def made(seed: int, variance: float) -> tuple[FeatureYears, np.ndarray]:
    """Four years of all pairs of 60 states: logit = -2.5 + 0.7 z + u_a + u_b."""
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(STATES, 1)
    a, b, year = np.tile(a, 4), np.tile(b, 4), np.repeat(np.arange(2000, 2004), len(a))
    u = rng.normal(0, np.sqrt(variance), STATES)
    z = rng.normal(size=len(a))
    eta = -2.5 + 0.7 * z + u[a] + u[b]
    y = (rng.random(len(a)) < 1 / (1 + np.exp(-eta))).astype(float)
    return FeatureYears(year, a, b, y, np.ones(len(a)), pd.DataFrame({"z": z})), u


def test_variance_and_propensities_are_recovered() -> None:
    """v of 0.8 from 60 states: sampling sd of a variance is v sqrt(2 / 60) = 0.15; four of them allowed."""
    rows, u = made(1, 0.8)
    fit = fit_propensity_logit(rows, ["z"], STATES)
    assert fit.variance == pytest.approx(0.8, abs=4 * 0.15)
    assert np.corrcoef(fit.propensity, u)[0, 1] > 0.9
    assert fit.coefficient[0] / fit.scale[0] == pytest.approx(0.7, abs=4 * np.sqrt(fit.covariance[0, 0]))
    assert np.square(fit.propensity).sum() < STATES * fit.variance  # shrunk


def test_without_differences_the_variance_falls_towards_zero() -> None:
    rows, _ = made(2, 0.0)
    assert fit_propensity_logit(rows, ["z"], STATES, rounds=200).variance < 0.05


def test_a_variance_of_nearly_nothing_gives_the_plain_logit() -> None:
    rows, _ = made(3, 0.8)
    plain = fit_logit(rows, ["z"])
    tight = fit_propensity_logit(rows, ["z"], STATES, variance=1e-9)
    assert tight.coefficient == pytest.approx(plain.coefficient, abs=1e-4)
    assert np.abs(tight.propensity).max() < 1e-5


def test_it_forecasts_better_than_the_plain_logit_where_states_differ() -> None:
    rows, _ = made(4, 0.8)
    past, ahead = rows.within(2000, 2002), rows.within(2003, 2003)
    plain = log_score(fit_logit(past, ["z"])(ahead), ahead.y)
    own = log_score(fit_propensity_logit(past, ["z"], STATES)(ahead), ahead.y)
    assert own < 0.95 * plain


def test_a_state_never_seen_has_no_propensity() -> None:
    rows, _ = made(5, 0.8)
    known = (rows.a < 50) & (rows.b < 50)
    some = FeatureYears(*(getattr(rows, k)[known] for k in ("year", "a", "b", "y", "exposure")), rows.x[known])
    assert np.abs(fit_propensity_logit(some, ["z"], STATES).propensity[50:]).max() < 1e-12


def test_one_outcome_is_refused() -> None:
    rows, _ = made(6, 0.1)
    never = FeatureYears(rows.year, rows.a, rows.b, np.zeros_like(rows.y), rows.exposure, rows.x)
    with pytest.raises(DataError, match="no agreement, or nothing else"):
        fit_propensity_logit(never, ["z"], STATES)
