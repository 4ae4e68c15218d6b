"""Keyed random numbers: published outputs, uniformity, and what a key must not depend on."""

import numpy as np
import pytest
from balance_sim.model import clocks
from scipy import stats


def test_splitmix64_published_outputs():
    # First five outputs of SplitMix64 seeded with 1234567: the reference implementation by S. Vigna
    # (public domain, prng.di.unimi.it/splitmix64.c), as listed on Rosetta Code, "Pseudo-random
    # numbers/Splitmix64".
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    key = np.array([1234567], dtype=np.uint64)
    assert [int(clocks.draw(key, k)[0]) for k in range(1, 6)] == expected


def test_absorb_depends_on_order_and_on_every_field():
    one = clocks.absorb(clocks.absorb(clocks.label("a"), 1), 2)
    other = clocks.absorb(clocks.absorb(clocks.label("a"), 2), 1)
    assert int(one) != int(other)
    base = clocks.absorb(clocks.label("a"), np.arange(1000))
    assert len(np.unique(base)) == 1000


def test_uniforms_of_neighbouring_keys_are_uniform_and_uncorrelated():
    # Kolmogorov-Smirnov at 1e-4 and a correlation bound of 4 standard errors: false failure below 2e-4.
    u = clocks.uniform(clocks.absorb(clocks.label("test"), np.arange(200_000)))
    assert u.min() > 0 and u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / np.sqrt(len(u))


def test_counter_without_mixing_would_be_rejected():
    # The wrong model: the raw key as a uniform. The same test must reject it.
    raw = clocks.uniform(np.arange(200_000).astype(np.uint64) << np.uint64(30))
    assert stats.kstest(raw, "uniform").pvalue < 1e-12


@pytest.mark.parametrize(("shape", "mean"), [(0.5, 60.0), (2.0, 240.0), (8.7, 274.0)])
def test_gamma_draws_have_the_gamma_distribution(shape, mean):
    key = clocks.absorb(clocks.label("gamma"), np.arange(20_000))
    draws = clocks.gamma(key, np.array(shape), np.array(mean))
    assert stats.kstest(draws, "gamma", args=(shape, 0, mean / shape)).pvalue > 1e-4


def test_gamma_given_elapsed_is_the_conditional_distribution():
    shape, mean, elapsed = 2.0, 240.0, 300.0
    key = clocks.absorb(clocks.label("late"), np.arange(20_000))
    draws = clocks.gamma(key, np.array(shape), np.array(mean), elapsed=elapsed)
    assert draws.min() >= elapsed
    left = stats.gamma.sf(draws, shape, scale=mean / shape) / stats.gamma.sf(elapsed, shape, scale=mean / shape)
    assert stats.kstest(left, "uniform").pvalue > 1e-4


def test_gamma_far_in_the_tail_stays_finite():
    draws = clocks.gamma(
        clocks.absorb(clocks.label("tail"), np.arange(100)), np.array(8.0), np.array(30.0), elapsed=20_000.0
    )
    assert np.isfinite(draws).all() and (draws > 20_000.0).all()


def test_zero_mean_gives_zero_lag():
    assert (clocks.gamma(clocks.absorb(clocks.label("z"), np.arange(5)), np.array(1.0), np.array(0.0)) == 0).all()
