"""Intervals against printed tables and numbers worked out by hand. Their coverage: tests/study/test_coverage.py."""

from __future__ import annotations

import doctest
from importlib import import_module

import numpy as np
import pytest

from balance_sim.stats.intervals import (
    Sample,
    Sides,
    drawn_interval,
    mean_interval,
    paired_half_widths,
    paired_interval,
    spread_over,
    t_quantile,
    welch,
)

MODULES = (
    "balance_sim.stats.lags",
    "balance_sim.stats.intervals",
    "balance_sim.results.columns",
    "balance_sim.results.direct",
    "balance_sim.results.dyads",
    "balance_sim.results.estimates",
    "balance_sim.results.filtered",
    "balance_sim.results.outcomes",
)
WITH_EXAMPLES = {"balance_sim.stats.lags", "balance_sim.stats.intervals", "balance_sim.results.dyads"}


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    module = import_module(name)
    found = doctest.testmod(module, extraglobs={"np": np})
    assert found.failed == 0
    assert found.attempted > 0 or name not in WITH_EXAMPLES


def test_students_t_as_in_the_printed_table() -> None:
    # Student's t, two-sided 95 %: 9 and 30 degrees of freedom, as in any printed table.
    assert t_quantile(0.95, 9) == pytest.approx(2.262, abs=5e-4)
    assert t_quantile(0.95, 30) == pytest.approx(2.042, abs=5e-4)
    assert t_quantile(0.95, 0) == float("inf")


def test_mean_and_interval_of_one_to_five() -> None:
    mean, error, low, high = mean_interval(np.arange(1.0, 6.0))
    assert (mean, error) == (3.0, pytest.approx(np.sqrt(2.5 / 5)))
    assert high - mean == pytest.approx(2.776445 * np.sqrt(0.5), abs=1e-5)
    assert mean - low == pytest.approx(high - mean)


def test_one_run_has_a_mean_and_no_interval() -> None:
    mean, *rest = mean_interval(np.array([3.0]))
    assert mean == 3.0 and np.isnan(rest).all()
    assert all(np.isnan(part) for part in mean_interval(np.array([])))


def test_the_interval_of_a_few_differences_by_hand() -> None:
    # Differences 1, 0, 1, 0 and no other spread; counted from their median, 1/2, all four are off it, so that the
    # weight of rare events, 1 - pi/2 times their effective share, is none and the interval is Student's:
    # 3.18245 sqrt(1/3) / 2 = 0.91870.
    _, _, low, high = drawn_interval(np.array([1.0, 0.0, 1.0, 0.0]), 0.0)
    assert (low, high) == (pytest.approx(0.5 - 0.91870, abs=1e-4), pytest.approx(0.5 + 0.91870, abs=1e-4))


def test_room_for_a_jump_that_no_run_has_shown_by_hand() -> None:
    # No run of 400 differs, the outcome's spread is 2: Wilson's bound for none, 1.95996^2 / 400, times 2.
    mean, error, low, high = drawn_interval(np.zeros(400), 2.0)
    assert (mean, error) == (0.0, 0.0)
    assert high == -low == pytest.approx(3.841459 * 2 / 400, abs=1e-6)


def test_a_smooth_estimate_has_students_interval_and_a_drawn_one_a_wider() -> None:
    rng = np.random.default_rng(1)
    control = rng.normal(0, 1, 100)
    arm = control + rng.normal(0.1, 0.01, 100)
    assert paired_interval(arm, control, smooth=True) == mean_interval(arm - control)
    assert paired_interval(arm, control, alike=True)[3] < paired_interval(arm, control)[3]
    assert paired_interval(arm, control)[3] > mean_interval(arm - control)[3]


def test_half_widths_are_never_below_students() -> None:
    rng = np.random.default_rng(2)
    for share in (0.02, 0.3, 1.0):
        values = rng.poisson(1.0, 200) * (rng.uniform(size=200) < share) - 0.0
        sides = Sides.of(values - np.median(values))
        below, above = paired_half_widths(np.asarray(values.std(ddof=1)), 200, sides, 0.0)
        plain = t_quantile(0.95, 199) * values.std(ddof=1) / np.sqrt(200)
        assert min(float(below), float(above)) >= plain * (1 - 1e-12)


def test_the_spread_over_both_arms() -> None:
    assert float(spread_over(np.array([1.0, 3.0]), np.array([5.0, 7.0]))) == pytest.approx(np.sqrt(5.0))


def test_welchs_interval_by_hand() -> None:
    # n 10 and 20, sd 1 and 2: error sqrt(0.1 + 0.2); degrees of freedom 0.09 / (0.01/9 + 0.04/19) = 27.98, so 27.
    mean, error, low, high = welch(Sample(10, 1.0, 1.0), Sample(20, 2.0, 2.0))
    assert (mean, error) == (1.0, pytest.approx(np.sqrt(0.3)))
    assert high - mean == pytest.approx(2.0518 * np.sqrt(0.3), abs=1e-3)
    assert mean - low == pytest.approx(high - mean)
    assert np.isnan(welch(Sample(1, 1.0, float("nan")), Sample(20, 2.0, 2.0))[2])
