"""Probabilities of signature and of entry into force against closed forms, numerical integration and simulation."""

from functools import lru_cache

import numpy as np
import pytest
from balance_sim.stats import lags
from balance_sim.stats.lags import (
    gamma_survival,
    in_force_within,
    mixed_chance,
    signed_from_age,
    signed_from_steady_state,
    signed_integral,
    signed_within,
)
from scipy import integrate, stats
from scipy.interpolate import CubicSpline

DRAWS = 400_000
FALSE = 4.9  # |z| that a right simulation exceeds once in a million
DAYS = np.array([0.3, 1.0, 3.0, 10.0, 33.0, 100.0, 250.0, 400.0, 699.0])
LAGS = [(1.0, 30.0), (0.86, 100.0), (2.0, 200.0), (10.0, 365.0), (100.0, 50.0), (8.7, 274.0)]


def within(days: float, shape: float, mean: float, collapse: float) -> float:
    """The definition: the density of the length times the chance not to have collapsed by then."""
    density = stats.gamma(shape, scale=mean / shape).pdf
    found = integrate.quad(lambda root: density(root**4) * np.exp(-collapse * root**4) * 4 * root**3,
                           0.0, days**0.25, limit=500)  # fmt: skip
    return float(found[0])


@pytest.mark.parametrize("collapse", [0.0, 0.15 / 365.25, 0.01])
@pytest.mark.parametrize(("shape", "mean"), [*LAGS, (0.5, 60.0), (0.05, 20.0)])
def test_signature_by_numerical_integration(shape: float, mean: float, collapse: float) -> None:
    found = signed_within(DAYS, np.asarray(shape), np.asarray(mean), collapse)
    np.testing.assert_allclose(found, [within(day, shape, mean, collapse) for day in DAYS], atol=1e-7)
    assert signed_within(np.array([0.0, -5.0]), np.asarray(shape), np.asarray(mean), collapse).tolist() == [
        0,
        0,
    ]


def test_exponential_and_erlang_talks_by_hand() -> None:
    """Exponential of mean 100 with collapse at 1 / 300: (3 / 4) (1 - e^(-4 r / 300)). Erlang of shape 2 and mean 100,
    no collapse: 1 - (1 + r / 50) e^(-r / 50)."""
    r, one = np.array([30.0, 300.0]), np.array(1.0)
    wanted = 0.75 * (1 - np.exp(-4 * r / 300))
    np.testing.assert_allclose(signed_within(r, one, 100 * one, 1 / 300), wanted, rtol=1e-12)
    wanted = 1 - (1 + r / 50) * np.exp(-r / 50)
    np.testing.assert_allclose(signed_within(r, 2 * one, 100 * one, 0.0), wanted, rtol=1e-12)


def test_whole_shapes_in_closed_form_are_the_incomplete_gamma_function() -> None:
    from scipy.special import gammaincc

    at = np.linspace(0.0, 60.0, 400)
    for shape in (1.0, 2.0, 7.0, 12.0, 13.0, 2.5):
        np.testing.assert_allclose(gamma_survival(np.asarray(shape), at), gammaincc(shape, at), rtol=1e-12)


def test_a_survival_rests_on_its_own_shape_alone() -> None:
    """To the last bit: whichever opportunities of a block come together, or how runs are cut into blocks."""
    shapes, at = np.array([2.0, 0.86, 2.0, 7.0, 30.0]), np.array([1.7, 0.4, 9.3, 5.1, 25.0])
    together = gamma_survival(shapes, at)
    alone = [float(gamma_survival(shapes[k : k + 1], at[k : k + 1])[0]) for k in range(5)]
    assert together.tolist() == alone


@pytest.mark.parametrize("age", [0.0, 40.0, 900.0])
def test_talks_of_some_age_by_numerical_integration(age: float) -> None:
    shape, mean, collapse = 2.0, 150.0, 0.002
    of = stats.gamma(shape, scale=mean / shape)
    for days in (10.0, 200.0):
        wanted = integrate.quad(lambda v: of.pdf(age + v) * np.exp(-collapse * v), 0, days)[0] / of.sf(age)
        found = signed_from_age(np.array(days), np.array(age), np.array(shape), np.array(mean), collapse)
        assert float(found) == pytest.approx(wanted, abs=1e-9)


def test_talks_older_than_any_end_like_an_exponential() -> None:
    """Shape 2, mean 2 days, 10,000 days old: rate 1 a day and collapse at 1 a day, so half are signed in the end."""
    one = np.array(1.0)
    found = signed_from_age(np.array([0.5, 1e4]), 1e4 * one, 2 * one, 2 * one, 1.0)
    np.testing.assert_allclose(found, [(1 - np.exp(-1.0)) / 2, 0.5], rtol=1e-3)


@pytest.mark.parametrize("collapse", [0.0, 0.004])
@pytest.mark.parametrize("shape", [0.7, 2.0, 9.0])
def test_steady_state_by_simulation(shape: float, collapse: float) -> None:
    """Talks as the engine draws them: length-biased, age uniform in it, dropped if they collapsed before."""
    rng, mean = np.random.default_rng(3), 120.0
    length = rng.gamma(shape + 1, mean / shape, DRAWS)
    age = rng.uniform(0, 1, DRAWS) * length
    rest = length - age
    lasts = rng.exponential(1.0, DRAWS) > collapse * age
    goes_on = rng.exponential(1.0, DRAWS) > collapse * rest
    for days in (5.0, 60.0, 400.0):
        found = float(signed_from_steady_state(np.array(days), np.array(shape), np.array(mean), collapse))
        share = float((lasts & goes_on & (rest <= days)).mean())
        assert abs(share - found) < FALSE * np.sqrt(found * (1 - found) / DRAWS)


@lru_cache
def quantiles(shape: float, mean: float) -> np.ndarray:
    """Of a gamma variable, in the middle of 20,000 equal parts of its probability."""
    return stats.gamma(shape, scale=mean / shape).ppf((np.arange(20_000) + 0.5) / 20_000)


def both_lags(days: float, talks: tuple[float, float], force: tuple[float, float], collapse: float) -> float:
    """The convolution over quantiles of the talks' length: no density, so none that is infinite at zero."""
    length = quantiles(*talks)
    rest = signed_within(days - length, np.asarray(force[0]), np.asarray(force[1]), collapse)
    return float((np.exp(-collapse * length) * rest).mean())


@pytest.mark.parametrize("force", LAGS[::2])
@pytest.mark.parametrize("talks", LAGS)
def test_entry_into_force_by_numerical_integration(talks: tuple[float, float], force: tuple[float, float]) -> None:
    for at_once, collapse, longest in ((0.0, 0.15 / 365.25, 700.0), (0.3, 0.0, 1500.0)):
        found = in_force_within(DAYS, talks, force, at_once, collapse, longest)
        direct = signed_within(DAYS, np.asarray(talks[0]), np.asarray(talks[1]), collapse)
        wanted = [both_lags(day, talks, force, collapse) for day in DAYS]
        np.testing.assert_allclose(found, at_once * direct + (1 - at_once) * np.array(wanted), atol=5e-5)


@pytest.mark.parametrize("talks", [(2.0, 0.1), (2.0, 3.0), (1000.0, 150.0), (0.3, 100.0)])
@pytest.mark.parametrize("force", [(1.0, 5.0), (1000.0, 300.0), (2.0, 0.1)])
def test_lags_that_are_short_or_steep_beside_the_scenario(
    talks: tuple[float, float], force: tuple[float, float]
) -> None:
    """A rule with a fixed number of nodes between 0 and r misses these by 0.1 to 1."""
    found = in_force_within(DAYS, talks, force, 0.0, 0.0004, 700.0)
    wanted = [both_lags(day, talks, force, 0.0004) for day in DAYS]
    np.testing.assert_allclose(found[2:], wanted[2:], atol=2e-3)


def test_entry_into_force_in_closed_form() -> None:
    """Two exponential lags of one mean are an Erlang of shape 2. At once, or without a lag: the signature itself."""
    r, one = np.array([20.0, 100.0, 300.0]), np.array(1.0)
    found = in_force_within(r, (1.0, 100.0), (1.0, 100.0), 0.0, 0.0, 400.0)
    np.testing.assert_allclose(found, 1 - (1 + r / 100) * np.exp(-r / 100), atol=1e-6)
    plain = signed_within(r, 2 * one, 100 * one, 0.001)
    assert in_force_within(r, (2.0, 100.0), (3.0, 0.0), 0.2, 0.001, 400.0).tolist() == plain.tolist()
    assert in_force_within(r, (2.0, 100.0), (3.0, 50.0), 1.0, 0.001, 400.0).tolist() == plain.tolist()
    assert in_force_within(np.array([0.0]), (2.0, 100.0), (3.0, 50.0), 0.2, 0.0, 400.0)[0] == 0.0


def test_nothing_is_signed_in_no_time() -> None:
    """On the day itself, and before it, whatever has lasted how long."""
    one, days = np.ones(3), np.array([-5.0, -0.1, 0.0])
    nothing = (
        signed_within(days, 2 * one, 80 * one, 0.001),
        signed_integral(days, 2 * one, 80 * one, 0.001),
        signed_from_age(days, 30 * one, 2 * one, 80 * one, 0.001),
        signed_from_steady_state(days, 2 * one, 80 * one, 0.001),
        in_force_within(days, (2.0, 80.0), (1.0, 50.0), 0.3, 0.001, 400.0),
    )
    for found in nothing:
        assert found == pytest.approx(np.zeros(3), abs=1e-15)


@pytest.mark.parametrize("variance", [0.2, 0.5])
def test_a_chance_over_gamma_levels_is_one_less_a_laplace_transform(variance: float) -> None:
    """E e^(-L r) of a gamma level of mean 1 and variance v is (1 + v r)^(-1 / v)."""
    rate, known = np.array([0.01, 0.3, 1.0]), np.full(3, np.inf)
    wanted = 1 - (1 + variance * rate) ** (-1 / variance)
    assert mixed_chance(rate, known, known, variance) == pytest.approx(wanted, rel=0.01)


def test_the_spline_is_that_of_scipy() -> None:
    knots = np.linspace(0.0, 700.0, 33)
    values, days = np.sin(knots / 90.0), np.append(knots, np.linspace(0.0, 700.0, 101))
    found = lags._cubic(knots, lags._coefficients(knots, values), days)
    np.testing.assert_allclose(found, CubicSpline(knots, values)(days), rtol=1e-13, atol=1e-14)
