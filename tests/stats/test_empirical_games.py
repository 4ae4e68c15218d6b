"""Games known from replications: how often the truth is found and held, ties, certainty, and names."""

import numpy as np
import pytest
from balance_sim.games.normal_form import best_replies, regrets
from balance_sim.games.uncertain import EmpiricalGame
from noisy_games import GAMES, rates
from scipy.stats import norm, t

from .test_games import any_order, permuted

DILEMMA = GAMES["2 x 2, prisoner's dilemma"]
SHORT = [name for name in GAMES if "dilemma" in name or "stakes" in name]


def noisy(game: np.ndarray, count: int, seed: int = 1, sd: float = 1.0) -> np.ndarray:
    return game + sd * np.random.default_rng(seed).standard_normal((count, *game.shape))


@pytest.mark.parametrize("name", SHORT)
def test_known_equilibria_are_found_and_bounds_hold(name: str) -> None:
    """200 replications, noise of standard deviation 2 beside 5 that is shared; 40 repetitions."""
    found, holds, kept, both = rates(GAMES[name], 2.0, 40, resamples=300)
    assert found >= 0.95 and 0.91 <= holds <= 0.99 and kept >= 0.93 and both >= 0.85


@pytest.mark.long
@pytest.mark.parametrize("name", GAMES)
def test_known_equilibria_are_found_and_bounds_hold_long(name: str) -> None:
    """The same in 200 repetitions at noise 1; bounds that hold in 95 % do in 0.91 to 0.99 of 200."""
    found, holds, kept, both = rates(GAMES[name], 1.0, 200)
    assert found >= 0.95 and 0.91 <= holds <= 0.99 and kept >= 0.93 and 0.91 <= both <= 0.99


def test_a_bound_without_allowing_for_many_comparisons_would_not_hold() -> None:
    """A wrong model: 1.96 standard errors for each difference by itself, in a game where nobody gains anything."""
    game, naive, joint = np.zeros((4, 4, 2)), [], []
    for seed in range(40):
        known = EmpiricalGame(noisy(game, 100, seed), resamples=300)
        each = known._deviations
        naive.append(all((np.abs(gain) <= 1.96 * error + 1e-12).all() for gain, error, _ in each))
        joint.append(all((np.abs(gain) <= known.critical * error + 1e-12).all() for gain, error, _ in each))
    assert np.mean(naive) < 0.3 and np.mean(joint) > 0.8


def test_equal_payoffs_tie_and_share_the_probability() -> None:
    """Two strategies that are the same in every replication: each is best with probability 1/2."""
    values = noisy(DILEMMA, 50)
    values = np.concatenate([values, values[:, 1:]], axis=1)  # the first player has its second strategy twice
    known = EmpiricalGame(values)
    assert known.best_reply_probability[:, 0, 0].tolist() == [0.0, 0.5, 0.5]
    assert known.may_be_best[:, :, 0].tolist() == [[False, False], [True, True], [True, True]]
    assert best_replies(known.mean, 0)[:, 0].tolist() == [False, True, True]
    assert known.equilibrium_probability.tolist() == [[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    nobody = EmpiricalGame(np.broadcast_to(np.random.default_rng(2).normal(size=(50, 1, 1, 1)), (50, 2, 3, 2)))
    assert nobody.best_reply_probability[..., 0] == pytest.approx(1 / 2)
    assert nobody.best_reply_probability[..., 1] == pytest.approx(1 / 3)
    assert nobody.may_be_best.all() and (regrets(nobody.mean) == 0.0).all() and (nobody.regret_bound == 0.0).all()
    assert nobody.critical == 0.0 and (nobody.equilibrium_probability == 1.0).all()


def test_a_difference_that_is_constant_is_known() -> None:
    """All noise shared: payoffs have errors, differences none, and bounds are the regrets."""
    shared = np.random.default_rng(3).normal(scale=5.0, size=(60, 1, 1, 2))
    known = EmpiricalGame(DILEMMA + shared)
    assert (known.mcse > 0.5).all()
    assert known.regret_bound == pytest.approx(regrets(DILEMMA), abs=1e-9)
    assert (known.may_be_best == np.stack([best_replies(DILEMMA, player) for player in (0, 1)], axis=-1)).all()
    second = np.array([0.0, 1.0])  # noise of the second player alone
    one_known = EmpiricalGame(DILEMMA + shared + second * noisy(np.zeros((2, 2, 2)), 60))
    assert one_known.regret_bound[..., 0] == pytest.approx(regrets(DILEMMA)[..., 0], abs=1e-9)
    assert (
        one_known.regret_bound[:, 0, 1] > regrets(one_known.mean)[:, 0, 1] + 0.2
    ).all() and 1.9 < one_known.critical < 3.0
    assert (one_known.regret_bound[:, 1, 1] == 0.0).all()  # defection is the best reply beyond doubt


def test_pairing_is_kept() -> None:
    """Noise shared by profiles does not blur which strategy is best; the same replications shuffled apart would."""
    shared = np.random.default_rng(4).normal(scale=20.0, size=(100, 1, 1, 1))
    values = noisy(DILEMMA, 100, sd=0.5) + shared
    apart = values.copy()
    apart[:, 1] = np.random.default_rng(5).permutation(apart[:, 1])
    paired, unpaired = EmpiricalGame(values), EmpiricalGame(apart)
    assert paired.mean == pytest.approx(unpaired.mean)
    assert (paired.best_reply_probability[1, :, 0] > 0.999).all()
    assert (unpaired.best_reply_probability[1, :, 0] < 0.95).all()
    assert not paired.may_be_best[0, :, 0].any() and unpaired.may_be_best[0, :, 0].all()


def test_the_bootstrap_gives_the_error_of_a_mean() -> None:
    known = EmpiricalGame(noisy(DILEMMA, 400), resamples=2000)
    assert known.resampled.std(axis=0) == pytest.approx(known.mcse, rel=0.06)
    assert known.mcse == pytest.approx(1 / np.sqrt(400), rel=0.15)


def apart(errors: float) -> EmpiricalGame:
    """One player, two strategies so many standard errors apart; 500 replications with a standard error of 1."""
    noise = np.random.default_rng(6).standard_normal((500, 2, 1))
    noise = np.sqrt(500) * (noise - noise.mean(axis=0)) / (noise[:, 1] - noise[:, 0]).std(ddof=1)
    noise[:, 1] += errors
    return EmpiricalGame(noise, resamples=4000)


def test_probability_of_the_best_is_that_of_the_normal() -> None:
    """1.5 standard errors apart, Phi(1.5) = 0.933. Either may be the best: the bound is two-sided."""
    known = apart(1.5)
    assert known.best_reply_probability[1, 0] == pytest.approx(0.933, abs=0.015)
    assert known.critical == pytest.approx(1.96, abs=0.08)
    assert known.regret_bound[:, 0] == pytest.approx([known.critical + 1.5, known.critical - 1.5])


def test_the_bound_on_a_regret_is_one_sided_where_the_best_reply_is_plain() -> None:
    """8 standard errors apart: only that the better strategy is better still can make the regret larger, so c is the
    95 % quantile of one error, 1.645, and the best reply's own regret is 0."""
    assert apart(8.0).regret_bound[:, 0] == pytest.approx([8 + 1.645, 0.0], abs=0.09)


@pytest.mark.parametrize(("outlier", "quantile"), [(100.0, 1.0), (-100.0, 2.0)])
def test_a_bound_is_by_errors_that_make_a_regret_look_too_small(outlier: float, quantile: float) -> None:
    """One of a hundred replications stands out. A bootstrap sample has it k times, k binomial with a mean of 1, and is off by
    k - 1 standard errors of 1: if it lies above, the gain is too small by 1 at the most, where k = 0, in 37 % of samples;
    if it lies below, by 2 in 5 %, as P(k >= 3) = 0.08 and P(k >= 4) = 0.02."""
    values = np.zeros((100, 2, 1))
    values[:, 1, 0], values[0, 1, 0] = 10.0, 10.0 + outlier
    gain, critical = 10.0 + outlier / 100, t.ppf(norm.cdf(quantile * np.sqrt(100 / 99)), 99)
    assert EmpiricalGame(values, resamples=4000).regret_bound[:, 0] == pytest.approx([gain + critical, 0.0])


def test_of_few_replications_bounds_are_wider_twice() -> None:
    """A bootstrap of five varies by sqrt(4 / 5) too little, and Student's t of four degrees of freedom lies further out
    than the normal at the same level. One player, two strategies: one difference."""
    values = np.zeros((5, 2, 1))
    values[:, 1, 0] = [1.0, 2.0, 4.0, 3.0, 7.0]
    known, gain = EmpiricalGame(values, resamples=4000), values[:, 1, 0]
    means = (known.resampled[:, 1, 0] - gain.mean()) / (gain.std(ddof=1) / np.sqrt(5))
    level = norm.cdf(np.quantile(np.abs(means), 0.95) * np.sqrt(5 / 4))
    assert known.critical == pytest.approx(t.ppf(level, 4), rel=1e-6)
    assert known.critical > 2.3


@pytest.mark.parametrize("sizes", [(3,), (3, 2), (2, 3, 2)])
def test_other_names_change_nothing_but_names(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(sizes))
    values = rng.normal(size=(40, *sizes, len(sizes)))
    players, orders = any_order(rng, sizes)
    other = np.stack([permuted(one, players, orders) for one in values])
    first, second = EmpiricalGame(values, resamples=200), EmpiricalGame(other, resamples=200)
    assert (permuted(first.best_reply_probability, players, orders) == second.best_reply_probability).all()
    assert (permuted(first.may_be_best, players, orders) == second.may_be_best).all()
    assert permuted(first.regret_bound, players, orders) == pytest.approx(second.regret_bound)
    renamed = np.transpose(first.equilibrium_probability, players)[np.ix_(*orders)]
    assert (renamed == second.equilibrium_probability).all()


def test_the_same_bytes_again_and_others_with_another_seed() -> None:
    values = noisy(DILEMMA, 30, sd=5.0)
    first, again, other = EmpiricalGame(values), EmpiricalGame(values.copy()), EmpiricalGame(values, seed=1)
    assert first.best_reply_probability.tobytes() == again.best_reply_probability.tobytes()
    assert first.critical == again.critical != other.critical
