"""Gaussian processes: what they find back."""

import numpy as np
import pytest
from balance_sim.evidence.posterior.surrogate import fit_process

pytestmark = pytest.mark.needs("sklearn")


def made(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.random.default_rng(seed).standard_normal((count, 4))
    return points, 3 * points[:, 0] - points[:, 1] + np.sin(2 * points[:, 2]) * points[:, 0]


def test_a_plane_is_found_and_goes_on_beyond_the_points() -> None:
    points = np.random.default_rng(1).standard_normal((25, 3))
    found = fit_process(points, 2.0 + points @ np.array([1.0, -2.0, 0.5]))
    far = np.array([[6.0, 6.0, 6.0]])
    assert found(far) == pytest.approx(2.0 - 3.0, abs=0.05)


def test_errors_off_the_points_are_small() -> None:
    points, values = made(120, 2)
    new, truth = made(400, 3)
    error = fit_process(points, values)(new) - truth
    assert np.sqrt((error**2).mean()) < 0.3 * truth.std()


@pytest.mark.parametrize("sd", [0.0, 2.0])
def test_off_the_points_the_mean_is_that_given_them(sd: float) -> None:
    """By hand, with the kernel as the module states it."""
    points, values = made(40, 4)
    values = values + sd * np.random.default_rng(9).standard_normal(40)
    found = fit_process(points, values)
    b, origin, c, *lengths, noise = np.exp(found.scales)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        away = ((x[:, None] - y[None]) / np.array(lengths)) ** 2
        return b * (origin**2 + x @ y.T) + c * np.exp(-away.sum(axis=2) / 2)

    at_scales = fit_process(points, values, found.scales)
    inner = np.linalg.inv(kernel(points, points) + (noise + 1e-6) * np.eye(40))
    new = made(3, 5)[0]
    told = values.mean() + kernel(new, points) @ inner @ (values - values.mean())
    assert at_scales(new) == pytest.approx(told, abs=1e-5)


def test_functions_that_are_fitted_together_are_each_their_own() -> None:
    points, values = made(60, 6)
    both = fit_process(points, np.stack([values, 10 - 2 * values], axis=1))
    told = both(made(20, 7)[0])
    assert told[:, 1] == pytest.approx(10 - 2 * told[:, 0], abs=1e-6)


def test_the_same_scales_give_the_same_process() -> None:
    points, values = made(30, 5)
    found = fit_process(points, values)
    again = fit_process(points, values, found.scales)
    assert again.scales == found.scales
    assert again(points + 0.5) == pytest.approx(found(points + 0.5), abs=1e-4)
