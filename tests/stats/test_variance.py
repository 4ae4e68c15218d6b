"""Shares of a variance against closed forms, and stacking weights against theirs."""

from __future__ import annotations

import numpy as np
import pytest

from balance_sim.stats.stacking import stacking_weights
from balance_sim.stats.variance import explained, known_alone, polynomials, variance_split

DRAWS = 2000


def test_shapley_shares_of_two_inputs_that_go_together() -> None:
    """Linear and normal: Iooss, Prieur 2019, International Journal for Uncertainty Quantification 9(5), section 3.2."""
    b, rho = np.array([1.0, 0.5]), 0.6
    x = np.random.default_rng(1).multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=DRAWS)
    both, whole = b[0] * b[1] * rho, b @ [[1, rho], [rho, 1]] @ b
    first = b[0] ** 2 * (1 - rho**2 / 2) + both + b[1] ** 2 * rho**2 / 2
    split = variance_split(x @ b, x, {"one": [0], "other": [1]})
    assert split.shares["one"] == pytest.approx(first / whole, abs=0.02)
    assert split.alone["one"] == pytest.approx((b[0] + rho * b[1]) ** 2 / whole, abs=0.02)
    assert sum(split.shares.values()) + split.unexplained == pytest.approx(1.0)


def test_shares_of_a_product_find_the_interaction() -> None:
    """exp(a x) exp(b z), x and z normal: Var(E[Y|x]) = e^(a^2 + b^2) (e^(a^2) - 1)."""
    a, b = 0.6, 0.4
    x = np.random.default_rng(2).normal(size=(DRAWS, 12))
    y = np.exp(a * x[:, 0] + b * x[:, 5])
    split = variance_split(y, x, {"one": range(4), "other": range(4, 8), "none": range(8, 12)})
    whole = np.exp(a**2 + b**2) - 1
    one, other = np.exp(a**2) - 1, np.exp(b**2) - 1
    assert split.alone["one"] == pytest.approx(one / whole, abs=0.05)
    assert split.shares["one"] == pytest.approx((one + (whole - one - other) / 2) / whole, abs=0.05)
    assert abs(split.shares["none"]) < 0.02 and split.unexplained < 0.05
    assert split.spread_if_known("one") == pytest.approx(np.sqrt(split.variance * (1 - one / whole)), rel=0.05)


def test_an_interaction_without_main_effects_is_left_unexplained() -> None:
    """What the method cannot find is said, and given to nobody."""
    x = np.random.default_rng(3).normal(size=(DRAWS, 2))
    split = variance_split(x[:, 0] * x[:, 1], x, {"one": [0], "other": [1]})
    assert split.unexplained > 0.5


def test_nothing_varies_and_too_few_draws() -> None:
    x = np.random.default_rng(4).normal(size=(DRAWS, 2))
    assert variance_split(np.ones(DRAWS), x, {"one": [0], "other": [1]}).shares == {"one": 0.0, "other": 0.0}
    with pytest.raises(ValueError, match="at least 100"):
        variance_split(x[:50, 0], x[:50], {"one": [0]})


def test_draws_left_out_are_predicted_as_by_leaving_them_out() -> None:
    """The short cut by leverages against fits without each draw in turn; noise explains nothing."""
    rng = np.random.default_rng(5)
    x, noise = rng.normal(size=(40, 1)), rng.normal(size=40)
    y, features = x[:, 0] + noise, polynomials(x)
    out = np.empty(40)
    for k in range(40):
        rest = np.delete(np.arange(40), k)
        design = np.column_stack([np.ones(39), features[rest]])
        out[k] = y[k] - np.array([1.0, *features[k]]) @ np.linalg.lstsq(design, y[rest])[0]
    apart = [y[k] - np.delete(y, k).mean() for k in range(40)]
    assert explained(y, features) == pytest.approx(1 - (out @ out) / np.dot(apart, apart))
    assert (known_alone(rng.normal(size=DRAWS), rng.normal(size=(DRAWS, 3))) < 0.01).all()


def test_stacking_weights_of_two_constant_forecasts() -> None:
    """Of n events k are as the first says with p, the rest as the second: w = (k/n p - (1 - k/n)(1 - p)) / (2p - 1)."""
    p, share = 0.8, 0.7
    chance = np.array([[p, 1 - p]] * 70 + [[1 - p, p]] * 30)
    first = (share * p - (1 - share) * (1 - p)) / (2 * p - 1)
    assert stacking_weights(chance)[0] == pytest.approx(first, abs=1e-6)


def test_stacking_takes_the_truth_and_shares_between_twins() -> None:
    rng = np.random.default_rng(6)
    truth = rng.uniform(0.02, 0.4, size=4000)
    came = rng.uniform(size=4000) < truth
    wrong = rng.permutation(truth)
    chance = np.column_stack([np.where(came, p, 1 - p) for p in (truth, truth, wrong)])
    weights = stacking_weights(chance)
    assert weights.sum() == pytest.approx(1.0) and weights[2] < 0.1
    assert weights[0] == pytest.approx(weights[1])
    with pytest.raises(ValueError, match="above 0"):
        stacking_weights(np.zeros((2, 2)))
