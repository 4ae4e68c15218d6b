"""Factors of pairs: a gamma distribution on the model's own rates, told by what pairs signed and did not."""

from dataclasses import replace

import numpy as np
import pytest
from balance_sim.evidence.estimation.choices import Choices, choices
from balance_sim.evidence.estimation.fitting import WeightFit, fit
from balance_sim.evidence.estimation.varying_intercepts import dyad_frailty, fit_at
from balance_sim.evidence.scores import log_score
from balance_sim.stats.lags import mixed_chance
from invented import invented
from recovery import made_record
from scipy import integrate, stats

WEIGHTS = {"proximity": 0.8, "size": 0.3, "joint_democracy": 0.8}
INTERCEPTS = {"defence_cooperation": 5.6, "logistics": 4.6}
SILENT = {"political_declaration": -60.0, "information_sharing": -60.0}


@pytest.fixture(scope="module")
def record() -> Choices:
    history = made_record(invented(32, 12), WEIGHTS, {**SILENT, **INTERCEPTS})
    return choices(history, tuple(WEIGHTS), kinds=tuple(INTERCEPTS))


@pytest.fixture(scope="module")
def found(record: Choices) -> WeightFit:
    return fit(record.within(1990, 1999))


@pytest.mark.parametrize(("rate", "shape", "inverse"), [(0.02, 4.0, 4.6), (0.9, 6.0, 4.2), (2.0, 0.5, 0.7)])
def test_the_chance_is_the_mean_over_the_factor(rate: float, shape: float, inverse: float) -> None:
    gamma = stats.gamma(shape, scale=1.0 / inverse)
    mean = integrate.quad(lambda x: -np.expm1(-x * rate) * gamma.pdf(x), 0, np.inf)[0]
    assert mixed_chance(np.array([rate]), np.array([shape]), np.array([inverse]))[0] == pytest.approx(mean)


def test_it_counts_what_was_expected_and_signed_in_the_window(record: Choices, found: WeightFit) -> None:
    factors = dyad_frailty(found, record, 1999, 4, 0.25)
    p = found.opportunities(record)
    expected, signed = 4.0, 4.0
    for k in np.flatnonzero((record.a == 3) & (record.b == 7)):
        if 1995 <= record.year[k] <= 1998:
            expected -= np.log(1.0 - p[k])
            signed += record.signed[k].sum()
    assert factors.inverse[3, 7] == factors.inverse[7, 3] == pytest.approx(expected)
    assert factors.shape[3, 7] == factors.shape[7, 3] == pytest.approx(signed)


def test_it_forecasts_better_where_pairs_differ(record: Choices, found: WeightFit) -> None:
    """Records drawn with a factor a pair of variance 1: with factors the log score is better in each of ten."""
    rng = np.random.default_rng(4)
    rate = -np.log1p(-found.opportunities(record))
    _, dyad = np.unique(record.dyad, return_inverse=True)
    for _ in range(10):
        factor = rng.gamma(1.0, 1.0, dyad.max() + 1)
        signed = np.zeros_like(record.signed)
        signed[:, 0] = rng.uniform(size=len(rate)) < -np.expm1(-factor[dyad] * rate)
        other = replace(record, signed=signed)
        now, rows = fit_at(found, other, 2001, 1.0, 11), other.within(2001, 2001)
        p = now.opportunities(rows)
        mixed = dyad_frailty(now, other, 2001, 11, 1.0).opportunities(-np.log1p(-p), rows.a, rows.b)
        assert log_score(mixed, rows.any_signed) < log_score(p, rows.any_signed)
