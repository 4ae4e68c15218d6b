"""The Mahalanobis Monte Carlo test: by hand, its size, and what it must reject."""

import numpy as np
import pytest
from balance_sim.evidence.goodness.statistics import distances, lies_among, mid_ranks


def test_one_statistic_by_hand() -> None:
    # simulated 1..5: mean 3, variance 2.5; 6 is 3 / sqrt(2.5) away; none of the five is as far from 3
    fit = lies_among(np.array([6.0]), np.arange(1.0, 6.0)[:, None])
    assert fit.distance == pytest.approx(3 / np.sqrt(2.5))
    assert fit.p_published == 0
    # of 1..6, mean 3.5: 1 and 6 are the furthest, and count as half
    assert fit.p == pytest.approx(1 / 6)
    # the six are 3, 1, 2, 3, 4, 5, their mean is 3: four are further, two are as near
    assert lies_among(np.array([3.0]), np.arange(1.0, 6.0)[:, None]).p == 5 / 6


def test_two_statistics_by_hand() -> None:
    # corners of a square, twice: variance 8 / 7, no covariance, so (2, 2) is sqrt(8 / (8 / 7)) away
    square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]] * 2)
    fit = lies_among(np.array([2.0, 2.0]), square)
    assert fit.distance == pytest.approx(np.sqrt(8 / (8 / 7)))
    assert (fit.p, fit.dimension) == (0.5 / 9, 2)


def test_the_observed_is_compared_as_each_is_with_the_others() -> None:
    """The order of distances with none left out is that of each vector from the others' mean by their covariance."""
    rng = np.random.default_rng(1)
    every = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 3))
    pooled = distances(every, every)[0]
    each = []
    for k in range(30):
        rest = np.delete(every, k, axis=0)
        gap = every[k] - rest.mean(axis=0)
        each.append(gap @ np.linalg.inv(np.cov(rest.T)) @ gap)
    assert np.argsort(pooled).tolist() == np.argsort(each).tolist()
    assert mid_ranks(pooled).tolist() == [((pooled > d).sum() + 0.5) / 30 for d in pooled]


def test_the_unit_of_a_statistic_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    simulated, observed = rng.normal(size=(60, 3)), np.array([1.0, -1.0, 2.0])
    scale = np.array([1.0, 1e6, 1e-6])
    one, other = lies_among(observed, simulated), lies_among(observed * scale, simulated * scale)
    assert one.p == other.p
    assert one.distance == pytest.approx(other.distance)


def test_what_never_varies() -> None:
    rng = np.random.default_rng(3)
    simulated = np.column_stack([rng.normal(size=99), np.zeros(99), np.full(99, 7.0)])
    assert lies_among(np.array([0.0, 0.0, 7.0]), simulated).p > 0.5
    assert lies_among(np.array([0.0, 1.0, 7.0]), simulated).p == 0.5 / 100  # it has never been 1: as far as can be
    assert lies_among(np.array([0.0, 1.0, 7.0]), simulated).p_published > 0.5  # the published form does not see it
    same = np.tile([1.0, 2.0], (9, 1))
    assert lies_among(np.array([1.0, 2.0]), same).p == 0.5  # all are equal


def test_a_sum_of_others_counts_once() -> None:
    rng = np.random.default_rng(4)
    two = rng.normal(size=(80, 2))
    three = np.column_stack([two, two.sum(axis=1)])
    plain, more = lies_among(np.array([2.0, 1.0]), two), lies_among(np.array([2.0, 1.0, 3.0]), three)
    assert (more.p, more.dimension) == (plain.p, 2)


def size(long: int, runs: int, trials: int, published: bool = False) -> float:
    rng = np.random.default_rng(5)
    mix = rng.normal(size=(long, long))
    out = []
    for _ in range(trials):
        draws = rng.exponential(size=(runs + 1, long)) @ mix
        fit = lies_among(draws[0], draws[1:])
        out.append((fit.p_published if published else fit.p) <= 0.05)
    return float(np.mean(out))


def test_size_with_many_statistics_and_few_simulations() -> None:
    assert size(8, 60, 2000) == pytest.approx(0.05, abs=0.01)
    assert size(50, 60, 2000) == pytest.approx(0.05, abs=0.01)  # more than a quarter: variances alone


def test_counts_of_few_values() -> None:
    """Equal distances count as half: as wholes, as published, the mean of p is far above that of a uniform number."""
    rng = np.random.default_rng(7)
    fits = [lies_among(draws[:1], draws[1:, None]) for draws in rng.poisson(0.6, (1000, 129)).astype(float)]
    assert np.mean([fit.p for fit in fits]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([fit.p_published for fit in fits]) > 0.6


def test_the_published_form_rejects_too_often() -> None:
    assert size(8, 60, 2000, published=True) > 0.08


def test_a_shift_is_rejected() -> None:
    rng = np.random.default_rng(6)
    hits = [lies_among(rng.normal(1.5, 1.0, 3), rng.normal(0.0, 1.0, (128, 3))).p <= 0.05 for _ in range(300)]
    assert np.mean(hits) > 0.5
