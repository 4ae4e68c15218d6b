"""Indices against closed forms and against SALib; the split of the variance with and without noise."""

import numpy as np
import pytest
from balance_sim.stats.indices import (
    Index,
    _lengthened,
    _sobol_parts,
    morris_effects,
    sobol_indices,
    variance_split,
)
from balance_sim.study.points import morris_rows, sobol_rows
from extras import imported


def ishigami(shares):
    x = np.pi * (2 * shares - 1)
    return np.sin(x[..., 0]) + 7 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * np.sin(x[..., 0])


def ishigami_closed():
    """First and total order, and the variance: Ishigami and Homma 1990; Saltelli et al. 2008, Global Sensitivity
    Analysis, 4.2."""
    v1, v2 = 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8
    v13 = 0.01 * np.pi**8 * (1 / 18 - 1 / 50)
    v = v1 + v2 + v13
    return np.array([v1, v2, 0.0]) / v, np.array([v1 + v13, v2, v13]) / v, v


A = np.array([0.0, 1.0, 4.5, 9.0])


def sobol_g(shares):
    return np.prod((np.abs(4 * shares - 2) + A) / (1 + A), axis=-1)


def sobol_g_closed():
    """Saltelli and Sobol 1995; V_i = 1 / (3 (1 + a_i)^2), total V_i prod_{j != i} (1 + V_j)."""
    parts = 1 / (3 * (1 + A) ** 2)
    v = np.prod(1 + parts) - 1
    total = [parts[i] * np.prod(np.delete(1 + parts, i)) for i in range(len(A))]
    return parts / v, np.array(total) / v, v


def design(k, n, seed=1):
    rows = dict(sobol_rows(k, n, seed))
    a, b = (np.array([rows[f"{name}{i}"] for i in range(n)]) for name in "AB")
    return a, b, np.array([[rows[f"AB{f}.{i}"] for i in range(n)] for f in range(k)])


@pytest.mark.parametrize(("function", "closed", "k"), [(ishigami, ishigami_closed, 3), (sobol_g, sobol_g_closed, 4)])
def test_sobol_indices_of_functions_with_known_ones(function, closed, k):
    a, b, ab = (function(x)[..., None] for x in design(k, 4096))
    found = sobol_indices(a, b, ab, boots=300)
    first, total, variance = closed()
    assert [index.value for index in found.first] == pytest.approx(first, abs=0.03)
    assert [index.value for index in found.total] == pytest.approx(total, abs=0.03)
    assert found.variance == pytest.approx(variance, rel=0.03)
    assert all(index.low <= value <= index.high for index, value in zip(found.total, total, strict=True))


def test_without_noise_the_estimates_are_salibs():
    sobol = imported("SALib.analyze.sobol")
    k, n = 3, 256
    a, b, ab = (ishigami(x) for x in design(k, n))
    y = np.concatenate([np.concatenate([[a[i]], ab[:, i], [b[i]]]) for i in range(n)])
    problem = {"num_vars": k, "names": list("abc"), "bounds": [[0, 1]] * k}
    theirs = sobol.analyze(problem, y, calc_second_order=False, seed=1)
    ours = sobol_indices(a[:, None], b[:, None], ab[..., None], boots=2000)
    assert [i.value for i in ours.total] == pytest.approx(theirs["ST"], rel=1e-6)
    # SALib centres by the mean of all rows, we by that of A and B: the same up to the sampling error of the mean.
    assert [i.value for i in ours.first] == pytest.approx(theirs["S1"], abs=0.01)
    half = [(i.high - i.low) / 2 for i in ours.total]
    assert half == pytest.approx(theirs["ST_conf"], rel=0.25)


def test_noise_of_few_runs_is_not_counted_as_interaction():
    # Noise of sd 5 over 4 runs adds 25 / 4 to every mean's variance: a plug-in adds 6.25 / 13.8 = 0.45 to every
    # total. With 4096 rows the standard error of a total is about 0.02.
    rng = np.random.default_rng(5)

    def lived(x):
        y = ishigami(x)
        return y[..., None] + rng.normal(0, 5, (*y.shape, 4))

    a, b, ab = (lived(x) for x in design(3, 4096))
    found = sobol_indices(a, b, ab, boots=50)
    _, total, variance = ishigami_closed()
    assert [index.value for index in found.total] == pytest.approx(total, abs=0.06)
    assert found.variance == pytest.approx(variance, rel=0.05)
    plug_in = ((a.mean(1) - ab[1].mean(1)) ** 2).mean() / 2 / variance
    assert plug_in > total[1] + 0.3  # what the correction takes off


def test_morris_of_a_linear_function_is_its_slopes_and_salibs():
    morris = imported("SALib.analyze.morris")
    k, n = 3, 20
    rows = list(morris_rows(k, n, 4, 3))
    x = np.array([row for _, row in rows])
    slopes = np.array([3.0, -1.0, 0.0])
    y = x @ slopes + 2.0 * x[:, 0] * x[:, 1]
    t = x.reshape(n, k + 1, k)
    values = y.reshape(n, k + 1)
    before, after, step = np.empty((n, k, 1)), np.empty((n, k, 1)), np.empty((n, k))
    for i in range(n):
        for s in range(k):
            f = int(np.flatnonzero(t[i, s] != t[i, s + 1])[0])
            before[i, f, 0], after[i, f, 0], step[i, f] = (values[i, s], values[i, s + 1], t[i, s + 1, f] - t[i, s, f])
    ours = morris_effects(before, after, step)
    problem = {"num_vars": k, "names": list("abc"), "bounds": [[0, 1]] * k}
    theirs = morris.analyze(problem, x, y, num_levels=4, seed=1)
    for name in ("mu", "mu_star", "sigma"):
        assert [i.value for i in getattr(ours, name)] == pytest.approx(list(theirs[name]), abs=1e-9)
    assert ours.mu[2].value == 0.0


@pytest.mark.parametrize("shared", [0.0, 3.0])
def test_the_split_of_the_variance_is_unbiased_with_and_without_shared_seeds(shared):
    # Parameters 4, own noise 9, and what runs share; 200 samples of 60 points x 5 runs: the mean of the estimates
    # has a standard error of about 0.07. A plug-in would say 4 + 9 / 5 = 5.8.
    rng = np.random.default_rng(6)
    found = []
    for _ in range(200):
        y = rng.normal(0, 2, (60, 1)) + shared * rng.normal(0, 1, (1, 5)) + rng.normal(0, 3, (60, 5))
        found.append(variance_split(y).parameters.value)
    assert np.mean(found) == pytest.approx(4.0, abs=0.35)
    assert np.var(y.mean(axis=1), ddof=1) > 0


def test_bonetts_interval_of_a_spread_by_hand():
    # Effects 0 to 5, no noise: variance 3.5, mean trimmed by int(6 / 2.83) = 2 from each end is 2.5, kurtosis
    # 6 * 88.375 / 17.5^2 = 1.7314, a third of the way to 9: 4.1543. c = 6 / (6 - 1.959964) = 1.485135; error
    # c sqrt((4.1543 - 0.5) / 5) 2.570582 = 3.263726. Variance 3.5 c exp(-+ error): 0.198800 and 135.9103.
    effect = np.arange(6.0)
    found = morris_effects(np.zeros((6, 1, 1)), effect[:, None, None], np.ones((6, 1))).sigma[0]
    assert found.value == pytest.approx(np.sqrt(3.5))
    assert (found.low**2, found.high**2) == pytest.approx((0.198800, 135.9103), rel=1e-4)


def test_noise_that_all_trajectories_share_moves_mu_and_leaves_sigma():
    """Effects of 1 in all trajectories, and of each run u_r more, the same in all: mu is 1 + mean u, with the interval
    of a mean over the runs; sigma is nothing, and a correction by the whole spread of the runs would make it less."""
    u = np.array([0.5, -0.3, 0.1, 0.9, -1.2, 0.4])
    half = 2.570582 * u.std(ddof=1) / np.sqrt(6)  # Student's quantile for five degrees of freedom
    for trajectories in (6, 8, 12):
        after = np.broadcast_to(1.0 + u, (trajectories, 1, 6))
        found = morris_effects(np.zeros((trajectories, 1, 6)), after, np.ones((trajectories, 1)))
        mu, sigma = found.mu[0], found.sigma[0]
        assert mu.value == pytest.approx(1 + u.mean())
        assert (mu.low, mu.high) == pytest.approx((mu.value - half, mu.value + half), rel=1e-6)
        assert (sigma.value, sigma.high) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_noise_of_runs_that_points_share_is_no_first_order() -> None:
    """y = x_2 + 5 e x_1, e of each run, the same in all points: over runs x_1 has no effect. What three runs show of it by
    chance goes out on the average over 400 sets, and would be 25 var(x) / 3."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(400):
        x, e = rng.uniform(size=(2, 64, 2)), rng.normal(size=3)
        mixed = np.stack([x[0], x[0]])
        mixed[0, :, 0], mixed[1, :, 1] = x[1, :, 0], x[1, :, 1]
        a, b, *ab = (at[:, 1:] + 5.0 * at[:, :1] * e for at in (*x, *mixed))
        found.append(_sobol_parts(a, b, np.stack(ab))[0].mean(axis=1))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / 20.0
    assert np.abs(mean - [0.0, 1 / 12]).max() < 4.0 * error.max() < 25 / 12 / 3 / 2


def test_two_causes_of_an_interval_add_in_squares() -> None:
    """0.3 and 0.4 below, 0.4 and 0.3 above."""
    found = _lengthened(Index(1.0, 0.7, 1.4), 0.6, 1.3)
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 0.5, 1.5))


def test_sizes_that_noise_alone_makes_reach_down_to_nothing() -> None:
    """Elementary effects that are noise have a mean size, and its interval begins at 0; of an effect of 5 it does not."""
    before, after = np.random.default_rng(9).normal(size=(2, 40, 2, 4))
    found = morris_effects(before, after + np.array([0.0, 5.0])[:, None], np.ones((40, 2)))
    assert found.mu_star[0].value > 0.3 and found.mu_star[0].low < 0.1
    assert found.mu_star[1].low > 3.5
