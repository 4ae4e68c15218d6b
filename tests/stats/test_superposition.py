"""Numbers at another level, against the moments of a mixed Poisson number."""

import numpy as np
import pytest
from balance_sim.stats import Floats, Ints
from balance_sim.stats.superposition import Marked, superposed

RUNS, MEAN, VARIANCE = 20_000, 6.0, 0.3


def poisson_events(seed: int = 1, years: int = 1) -> Marked:
    """Events of Poisson numbers, in bins that are the years."""
    rng = np.random.default_rng(seed)
    numbers = rng.poisson(MEAN, (RUNS, years))
    run, year = (np.repeat(place.ravel(), numbers.ravel()) for place in np.indices(numbers.shape))
    return Marked(run, year, year, rng.random(len(run)))


def gamma_levels(years: int = 1) -> Floats:
    shape = 1.0 / VARIANCE
    return np.random.default_rng(2).gamma(shape, VARIANCE, (RUNS, years))


def has_the_moments(numbers: Ints) -> bool:
    """Mean mu and variance mu + v mu^2, each within four standard errors."""
    wanted = MEAN + VARIANCE * MEAN**2
    kurtosis = float(((numbers - numbers.mean()) ** 4).mean() / numbers.var() ** 2)
    error = numbers.var() * np.sqrt((kurtosis - 1) / RUNS)
    is_centred = abs(numbers.mean() - MEAN) < 4 * np.sqrt(wanted / RUNS)
    return bool(is_centred and abs(numbers.var() - wanted) < 4 * error)


def test_a_poisson_number_at_gamma_levels_is_negative_binomial() -> None:
    assert has_the_moments(superposed(poisson_events(), RUNS, gamma_levels(), 1)[:, 0])


def test_levels_drawn_anew_for_each_event_are_told_apart() -> None:
    """Then the levels of one repetition even out, and the variance is Poisson's."""
    events, anew = poisson_events(), np.random.default_rng(3)
    each = anew.gamma(1.0 / VARIANCE, VARIANCE, len(events.run))
    numbers = np.bincount(events.run, np.floor(each) + (events.mark < each % 1), RUNS)
    assert not has_the_moments(numbers)


def test_copies_are_of_other_repetitions() -> None:
    """Twice the rate has twice the variance, where twice the repetition itself has four times as much."""
    numbers = superposed(poisson_events(), RUNS, np.full((RUNS, 1), 2.0), 1)[:, 0]
    assert numbers.var() / numbers.mean() == pytest.approx(1.0, abs=0.04)


def test_at_level_one_the_numbers_are_those_of_the_events() -> None:
    events = poisson_events(years=2)
    numbers = superposed(events, RUNS, np.ones((RUNS, 2)), 2)
    for year in (0, 1):
        assert np.array_equal(numbers[:, year], np.bincount(events.run[events.year == year], minlength=RUNS))


def test_each_year_has_a_level_of_its_own() -> None:
    events = poisson_events(years=2)
    numbers = superposed(events, RUNS, np.tile([0.0, 1.0], (RUNS, 1)), 2)
    assert not numbers[:, 0].any()
    assert np.array_equal(numbers[:, 1], superposed(events, RUNS, np.ones((RUNS, 2)), 2)[:, 1])


def test_a_higher_level_keeps_what_a_lower_one_does() -> None:
    events, levels = poisson_events(), gamma_levels()
    assert (superposed(events, RUNS, 1.5 * levels, 1) >= superposed(events, RUNS, levels, 1)).all()


def test_a_level_above_the_number_of_repetitions_goes_round() -> None:
    two = Marked(np.array([0, 1, 1]), np.zeros(3, int), np.zeros(3, int), np.full(3, 0.5))
    assert superposed(two, 2, np.array([[5.0], [0.4]]), 1).tolist() == [[3 * 1 + 2 * 2], [0]]


def test_an_event_in_the_last_bin_counts_nowhere() -> None:
    late = Marked(np.zeros(1, int), np.full(1, 2), np.zeros(1, int), np.full(1, 0.5))
    assert not superposed(late, 1, np.ones((1, 1)), 2).any()


def test_more_draws_than_repetitions_begin_again() -> None:
    events, levels = poisson_events(), gamma_levels()
    numbers = superposed(events, RUNS, np.concatenate([levels, levels]), 1)
    assert np.array_equal(numbers[:RUNS], numbers[RUNS:])
