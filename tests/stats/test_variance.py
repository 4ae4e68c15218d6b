"""Shapley effects against closed forms, what knowing an input is worth, and stacking weights."""

import numpy as np
import pytest
from balance_sim.evidence.scores import stacking_weights, twins
from balance_sim.stats.variance import explained, known_alone, shapley_effects

WALKS = 4000


def walked(f, inputs: int, walks: int = WALKS, seed: int = 1):  # type: ignore[no-untyped-def]
    """Walks of a function of standard normal inputs, and their orders."""
    rng = np.random.default_rng(seed)
    x, other = rng.normal(size=(2, walks, inputs))
    order = rng.permuted(np.tile(np.arange(inputs), (walks, 1)), axis=1)
    here, out = x.copy(), [f(x)]
    for step in range(inputs):
        at = order[:, step : step + 1]
        np.put_along_axis(here, at, np.take_along_axis(other, at, axis=1), axis=1)
        out.append(f(here))
    return np.stack(out, axis=1), order


def test_shapley_effects_of_a_sum_and_a_product() -> None:
    """a x + b y + c x y with normal inputs: variances a^2, b^2 and c^2, the last shared evenly; z is idle."""
    a, b, c = 2.0, 1.0, 1.5
    found = shapley_effects(*walked(lambda x: a * x[:, 0] + b * x[:, 1] + c * x[:, 0] * x[:, 1], 3))
    whole = a**2 + b**2 + c**2
    wanted = np.array([a**2 + c**2 / 2, b**2 + c**2 / 2, 0.0]) / whole
    assert found.share.sum() == pytest.approx(1.0)
    assert np.abs(found.share - wanted)[:2] == pytest.approx(0.0, abs=4 * found.error.max())
    assert found.share[2] == 0.0 and found.error.max() < 0.03


def test_standard_errors_of_shapley_effects_cover() -> None:
    """Of 200 samples of 100 walks each, some 95 % lie within 1.96 standard errors (0.90 to 0.99)."""
    wanted = 0.8
    found = [shapley_effects(*walked(lambda x: 2 * x[:, 0] + x[:, 1], 2, 100, seed)) for seed in range(200)]
    inside = [abs(one.share[0] - wanted) < 1.96 * one.error[0] for one in found]
    assert 0.90 < np.mean(inside) < 0.99


def test_nothing_varies() -> None:
    found = shapley_effects(np.ones((5, 3)), np.tile([0, 1], (5, 1)))
    assert found.share.tolist() == [0.0, 0.0]


def test_draws_left_out_are_predicted_as_by_leaving_them_out() -> None:
    """The short cut by leverages against fits without each draw in turn; noise explains nothing."""
    rng = np.random.default_rng(5)
    x, noise = rng.normal(size=(40, 1)), rng.normal(size=40)
    y, features = x[:, 0] + noise, np.column_stack([x, x**2])
    out = np.empty(40)
    for k in range(40):
        rest = np.delete(np.arange(40), k)
        design = np.column_stack([np.ones(39), features[rest]])
        out[k] = y[k] - np.array([1.0, *features[k]]) @ np.linalg.lstsq(design, y[rest])[0]
    apart = [y[k] - np.delete(y, k).mean() for k in range(40)]
    assert explained(y, features) == pytest.approx(1 - (out @ out) / np.dot(apart, apart))
    assert (known_alone(rng.normal(size=2000), rng.normal(size=(2000, 3))) < 0.01).all()


def test_what_knowing_an_input_is_worth() -> None:
    """Var(E[Y|X]) of exp(0.5 x + 0.3 z): (e^0.25 - 1) / (e^0.34 - 1) of the variance."""
    x = np.random.default_rng(7).normal(size=(20000, 2))
    wanted = (np.exp(0.25) - 1) / (np.exp(0.34) - 1)
    assert known_alone(np.exp(0.5 * x[:, 0] + 0.3 * x[:, 1]), x)[0] == pytest.approx(wanted, abs=0.03)


def test_stacking_weights_of_two_constant_forecasts() -> None:
    """Of n events k are as the first says with p, the rest as the second: w = (k/n p - (1 - k/n)(1 - p)) / (2p - 1)."""
    p, share = 0.8, 0.7
    chance = np.array([[p, 1 - p]] * 70 + [[1 - p, p]] * 30)
    first = (share * p - (1 - share) * (1 - p)) / (2 * p - 1)
    assert stacking_weights(chance)[0] == pytest.approx(first, abs=1e-6)


def em_weights(chance: np.ndarray) -> np.ndarray:
    """Wrong: the steps of EM, which stop on a flat ridge long before the maximum."""
    weights = np.full(chance.shape[1], 1.0 / chance.shape[1])
    for _ in range(20_000):
        updated = weights * (chance / (chance @ weights)[:, None]).mean(axis=0)
        if np.abs(updated - weights).max() < 1e-12:
            break
        weights = updated
    return weights


def of_three(seed: int, spread: tuple[float, float, float], rows: int = 400) -> np.ndarray:
    """What three forecasts gave to what came: the first two go wrong in the same way, by so much, and by their own."""
    rng = np.random.default_rng(seed)
    base = np.clip(rng.beta(0.5, 8.0, rows), 1e-3, 0.9)
    shared, *own = rng.normal(size=(4, rows)) * np.array([0.3, *spread])[:, None]
    both = np.array([shared, shared, np.zeros(rows)])
    p = np.clip(base * np.exp(both + own), 1e-4, 0.95)
    return np.asarray(np.where(rng.uniform(size=rows) < base, p, 1 - p).T)


def test_stacking_finds_the_best_of_a_grid() -> None:
    """All weights of three forecasts in steps of a thousandth."""
    chance = of_three(0, (0.2, 0.25, 0.6))
    first, second = (axis.ravel() for axis in np.mgrid[:1001, :1001] / 1000)
    grid = np.column_stack([first, second, 1 - first - second])[first + second < 1 + 1e-9]
    worth = np.concatenate([np.log(part @ chance.T).sum(axis=1) for part in np.array_split(grid, 50)])
    assert stacking_weights(chance) == pytest.approx(grid[worth.argmax()], abs=1e-3)


def test_stacking_goes_to_the_end_of_a_flat_ridge_where_em_stays() -> None:
    """At the maximum no forecast gains on the mixture, and those in it gain nothing (Karush, Kuhn, Tucker)."""
    chance = of_three(2, (0.001, 0.001, 0.6), 4000)

    def gains(weights: np.ndarray) -> np.ndarray:
        return np.asarray((chance / (chance @ weights)[:, None]).mean(axis=0))

    found, stayed = stacking_weights(chance), em_weights(chance)
    assert gains(found).max() < 1 + 1e-6
    assert gains(stayed).max() > 1 + 1e-6
    assert np.abs(found - stayed).max() > 0.2


def test_events_that_count_twice_are_two() -> None:
    chance = of_three(4, (0.2, 0.25, 0.6), 100)
    times = np.random.default_rng(1).integers(0, 3, 100)
    twice = stacking_weights(np.repeat(chance, times, axis=0))
    assert stacking_weights(chance, times.astype(float)) == pytest.approx(twice, abs=1e-5)


def test_twins_are_the_same_or_move_together() -> None:
    """A correlation of 0.9995 is above the bound, one of 0.998 is not; constants are twins where they are equal."""
    centred = np.random.default_rng(3).normal(size=(500, 2))
    x, z = np.linalg.qr(centred - centred.mean(axis=0))[0].T

    def of(correlation: float, sign: float = 1.0) -> np.ndarray:
        return np.asarray(0.5 + correlation * x + sign * np.sqrt(1 - correlation**2) * z)

    constant = np.full(500, 0.3)
    columns = [x, constant, of(0.9995), of(0.998, -1.0), constant, constant + 0.1, -x]
    assert twins(np.column_stack(columns)) == [[0, 2], [1, 4], [3], [5], [6]]


def test_stacking_takes_the_truth() -> None:
    rng = np.random.default_rng(6)
    truth = rng.uniform(0.02, 0.4, size=4000)
    came = rng.uniform(size=4000) < truth
    wrong = rng.permutation(truth)
    chance = np.column_stack([np.where(came, p, 1 - p) for p in (truth, wrong)])
    weights = stacking_weights(chance)
    assert weights.sum() == pytest.approx(1.0) and weights[1] < 0.1
    with pytest.raises(ValueError, match="above 0"):
        stacking_weights(np.zeros((2, 2)))
