"""A Gaussian process about a plane: what it finds back, and what it says of its own errors."""

from __future__ import annotations

import numpy as np
import pytest
from balance_sim.evidence.posterior.surrogate import fit_process, kernel, process_at


def made(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.random.default_rng(seed).standard_normal((count, 4))
    return points, 3 * points[:, 0] - points[:, 1] + np.sin(2 * points[:, 2]) * points[:, 0]


def test_a_plane_is_found_exactly_and_goes_on_beyond_the_points() -> None:
    points = np.random.default_rng(1).standard_normal((25, 3))
    found = fit_process(points, 2.0 + points @ np.array([1.0, -2.0, 0.5]))
    far = np.array([[6.0, 6.0, 6.0]])
    assert found(far) == pytest.approx(2.0 - 3.0, abs=0.05)


def test_errors_off_the_points_are_small() -> None:
    points, values = made(120, 2)
    new, truth = made(400, 3)
    found = fit_process(points, values)
    assert np.sqrt(((found(new) - truth) ** 2).mean()) < 0.3 * truth.std()


def test_off_the_points_it_is_the_mean_given_them() -> None:
    points, values = made(40, 4)
    found = fit_process(points, values)
    spread, mean = values.std(), values.mean()
    noise = (np.exp(found.scales[4]) + 1e-3) ** 2
    inner = kernel(points, points, found.scales) + noise * np.eye(40)
    new = made(3, 5)[0]
    by_hand = mean + spread * kernel(new, points, found.scales) @ np.linalg.solve(inner, (values - mean) / spread)
    assert found(new) == pytest.approx(by_hand, abs=1e-6)


def test_the_same_scales_give_the_same_process() -> None:
    points, values = made(30, 5)
    found = fit_process(points, values)
    assert np.array_equal(process_at(points, values, found.scales)(points), found(points))
