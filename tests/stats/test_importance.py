"""Pareto smoothed importance sampling, against shapes and moments in closed form."""

import numpy as np
import pytest
from balance_sim.evidence.posterior.weights import (
    effective_size,
    laplace,
    pareto_shape,
    pareto_smoothed,
    resampled,
    trusted_below,
)
from scipy import stats


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.7, 1.2])
def test_the_shape_of_a_generalised_pareto_distribution_is_found(shape: float) -> None:
    excess = stats.genpareto(shape, scale=2.5).rvs(20_000, random_state=np.random.default_rng(1))
    found, scale = pareto_shape(excess)
    assert found == pytest.approx(shape, abs=0.04)
    assert scale == pytest.approx(2.5, rel=0.06)


@pytest.mark.parametrize("rate", [1.25, 1.5, 2.0, 3.0])
def test_k_hat_of_exponentials_is_the_known_one(rate: float) -> None:
    """Target Exp(1), proposal Exp(r): the weight e^((r - 1) x) has a Pareto tail of shape 1 - 1 / r."""
    x = np.random.default_rng(2).exponential(1.0 / rate, 100_000)
    _, shape = pareto_smoothed((rate - 1.0) * x)
    assert shape == pytest.approx(1.0 - 1.0 / rate, abs=0.07)


def test_smoothing_leaves_the_mean_and_steadies_it() -> None:
    """At k = 0.6 the mean of the target is 1; over 200 repetitions smoothed weights miss it by less than raw ones."""
    rng, raw, smooth = np.random.default_rng(3), [], []
    for _ in range(200):
        x = rng.exponential(0.4, 2000)
        log_weights = 1.5 * x
        plain = np.exp(log_weights - log_weights.max())
        raw.append(float(plain @ x / plain.sum()))
        smooth.append(float(pareto_smoothed(log_weights)[0] @ x))
    assert np.mean(smooth) == pytest.approx(1.0, abs=0.12)
    assert np.mean((np.array(smooth) - 1) ** 2) < np.mean((np.array(raw) - 1) ** 2)


def test_draws_that_are_ruled_out_get_nothing() -> None:
    log_weights = np.random.default_rng(4).normal(size=500)
    log_weights[::5] = -np.inf
    weights, _ = pareto_smoothed(log_weights)
    assert weights.sum() == pytest.approx(1.0)
    assert not weights[::5].any()


def test_laplace_is_exact_for_a_normal_density() -> None:
    covariance = np.array([[1.0, 0.6, 0.0], [0.6, 2.0, -0.3], [0.0, -0.3, 0.5]])
    inverse, middle = np.linalg.inv(covariance), np.array([1.0, -2.0, 0.5])
    mode, found = laplace(lambda z: -0.5 * np.einsum("dk,kj,dj->d", z - middle, inverse, z - middle), np.zeros(3))
    assert mode == pytest.approx(middle, abs=1e-3)
    assert found == pytest.approx(covariance, abs=1e-3)


def test_a_direction_without_information_does_not_stop_it() -> None:
    _, found = laplace(lambda z: -0.5 * z[:, 0] ** 2, np.zeros(2))
    assert np.linalg.eigvalsh(found).min() > 0.5


def test_resampling_takes_each_as_often_as_its_weight_says() -> None:
    weights = np.random.default_rng(5).dirichlet(np.ones(40))
    for uniform in (0.01, 0.5, 0.99):
        times = np.bincount(resampled(weights, 1000, uniform), minlength=40)
        assert times.sum() == 1000
        assert np.abs(times - 1000 * weights).max() < 1


def test_sizes() -> None:
    assert effective_size(np.full(50, 0.02)) == pytest.approx(50)
    assert trusted_below(100) == pytest.approx(0.5)
    assert trusted_below(10**6) == 0.7
