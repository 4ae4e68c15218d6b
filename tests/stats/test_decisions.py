"""Minimax regret by hand, and the value of information in closed form."""

from math import sqrt

import numpy as np
import pytest
from balance_sim.games.uncertain import minimax_regret, value_of_information
from scipy.stats import norm

from .test_games import any_order, permuted


def test_minimax_regret_by_hand() -> None:
    """Two draws, two players. Regrets of the first player's strategies a, b against x, y in both draws:

    a: 0, 2; 0, 1    b: 3, 0; 1, 0.    So a has the smaller worst regret, 2, in the first draw against y."""
    values = np.zeros((2, 2, 2, 2))
    values[0, ..., 0] = [[5.0, 1.0], [2.0, 3.0]]
    values[1, ..., 0] = [[4.0, 0.0], [3.0, 1.0]]
    first, second = minimax_regret(values)
    assert first.worst.tolist() == [2.0, 3.0] and first.choice.tolist() == [True, False]
    assert first.draw.tolist() == [0, 0] and first.profile.tolist() == [[0, 1], [1, 0]]
    assert first.mean.tolist() == [0.75, 1.0]
    assert first.upper == pytest.approx([1.95, 2.9])
    assert second.worst.tolist() == [0.0, 0.0] and second.choice.all()  # all equal: a tie, in every place


def test_the_best_on_average_is_not_the_one_of_least_regret() -> None:
    """Savage's point: a is better on average over nine draws in ten, and much worse in one."""
    values = np.zeros((10, 2, 1))
    values[:9, 0], values[9, 1] = 1.0, 8.0
    (found,) = minimax_regret(values)
    assert values.mean(axis=0)[:, 0].argmax() == 0
    assert found.worst.tolist() == [8.0, 1.0] and found.choice.tolist() == [False, True]
    assert found.draw.tolist() == [9, 0]


@pytest.mark.parametrize("sizes", [(3, 2), (2, 3, 2)])
def test_other_names_change_nothing_but_names(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(sizes))
    values = rng.normal(size=(20, *sizes, len(sizes)))
    players, orders = any_order(rng, sizes)
    first = minimax_regret(values)
    second = minimax_regret(np.stack([permuted(one, players, orders) for one in values]))
    for player, order, other in zip(players, orders, second, strict=True):
        one = first[player]
        assert (other.worst == one.worst[order]).all() and (other.draw == one.draw[order]).all()
        assert (other.choice == one.choice[order]).all() and other.mean == pytest.approx(one.mean[order])
        assert (other.upper == one.upper[order]).all()
        named = np.array([[orders[k][s] for k, s in enumerate(row)] for row in other.profile])[:, np.argsort(players)]
        assert (named == one.profile[order]).all()


def expected_gain(mean: float, sd: float) -> float:
    """E max(0, z) - max(0, mean) of a normal z: what knowing z is worth before a gamble with a sure 0."""
    return float(sd * norm.pdf(mean / sd) + mean * norm.cdf(mean / sd) - max(mean, 0.0))


@pytest.mark.parametrize("mean", [0.0, 0.5, -1.0])
def test_a_linear_normal_decision(mean: float) -> None:
    """A sure 0, or mean + 2 x + y + noise: values of information in closed form, within four standard errors."""
    rng = np.random.default_rng(31)
    x, y, noise, idle = rng.normal(size=(4, 8000))
    utilities = np.column_stack([np.zeros(8000), mean + 2 * x + y + noise])
    found = value_of_information(utilities, np.column_stack([x, y, idle, np.ones(8000)]))
    assert found.evpi == pytest.approx(expected_gain(mean, sqrt(6)), abs=4 * found.evpi_error)
    wanted = [expected_gain(mean, 2.0), expected_gain(mean, 1.0), 0.0, 0.0]
    assert found.evppi[:2] == pytest.approx(wanted[:2], abs=4 * found.error.max())
    assert 0.01 < found.error.max() < 0.02
    assert (found.evppi[:2] > found.idle).all() and (found.evppi[2:] <= found.idle).all()
    assert found.evppi[2:] == pytest.approx([0.0, 0.0], abs=0.02) and (found.evppi <= found.evpi).all()


def test_each_draw_is_left_out_of_the_choice_that_it_values_by_loops() -> None:
    """Of twelve draws a cubic that is fitted to the other eleven chooses, where it foretells them better than their mean
    does; else their mean. One parameter decides, two have nothing to do with it."""
    rng = np.random.default_rng(40)
    x = rng.normal(size=(12, 3))
    utilities = np.column_stack([np.zeros(12), 2.0 * x[:, 0], 0.5 + rng.normal(size=12)])
    best = int(utilities.mean(axis=0).argmax())
    gain, kept, worth = utilities - utilities[:, [best]], 0, []
    for parameter in x.T:
        said = np.zeros_like(gain)
        for strategy, of in enumerate(gain.T):
            others = [np.arange(12) != k for k in range(12)]
            fits = np.array(
                [np.polyval(np.polyfit(parameter[rest], of[rest], 3), parameter[k]) for k, rest in enumerate(others)]
            )
            means = np.array([of[rest].mean() for rest in others])
            is_better = ((of - fits) ** 2).sum() < ((of - means) ** 2).sum()
            said[:, strategy] = fits if is_better else means
            kept += is_better
        worth.append(gain[np.arange(12), said.argmax(axis=1)].mean())
    assert 0 < kept < 6  # some are, and of those that vary some are not
    assert value_of_information(utilities, x).evppi == pytest.approx(np.maximum(worth, 0.0))


def test_what_has_nothing_to_do_with_it_is_worth_nothing() -> None:
    """Parameters permuted over draws, near a tie of three strategies: on average below 1 % of the EVPI.

    The maximum of in-sample fits, which is what is usually taken, is above zero in every repetition."""
    rng = np.random.default_rng(32)
    honest, naive = [], []
    for _ in range(60):
        x = rng.normal(size=(300, 3))
        utilities = np.column_stack([x[:, 0], x[:, 1], 0.1 + x[:, 2]])
        idle = rng.permutation(x)
        found = value_of_information(utilities, idle)
        honest.append(found.evppi.mean() / found.evpi)
        fits = [np.vander(column, 4) @ np.linalg.lstsq(np.vander(column, 4), utilities)[0] for column in idle.T]
        naive.append(np.mean([fit.max(axis=1).mean() - utilities.mean(axis=0).max() for fit in fits]) / found.evpi)
    assert np.mean(honest) < 0.01
    assert min(naive) > 0.0 and np.mean(naive) > 3 * np.mean(honest)


def test_of_many_idle_parameters_the_largest_is_told_to_be_chance() -> None:
    """Thirty parameters that have nothing to do with it, 40 times: the largest passes `idle` in some 5 % (up to 6)."""
    rng = np.random.default_rng(36)
    passed, largest = [], []
    for _ in range(40):
        utilities = np.column_stack([np.zeros(100), rng.normal(size=100)])
        found = value_of_information(utilities, rng.normal(size=(100, 30)))
        passed.append(found.evppi.max() > found.idle)
        largest.append(found.evppi.max() / found.evpi)
    assert np.sum(passed) <= 6
    assert np.mean(largest) > 0.1  # without it, one of them would be named


def test_a_parameter_that_decides_by_its_square() -> None:
    """The best strategy depends on x^2, which is uncorrelated with x: found, as fits are cubic."""
    x = np.random.default_rng(33).normal(size=(5000, 1))
    found = value_of_information(np.column_stack([np.ones(5000), x[:, 0] ** 2]), x)
    wanted = float(2 * norm.pdf(1))  # E max(1, x^2) - 1 = E (x^2 - 1)+
    assert found.evppi[0] == pytest.approx(wanted, abs=4 * found.error[0])
    assert found.evppi[0] == pytest.approx(found.evpi, rel=0.01)


def test_nothing_to_choose() -> None:
    """One strategy, or equal ones: nothing is worth knowing, and a tie is a tie."""
    x = np.random.default_rng(34).normal(size=(50, 2))
    alone = value_of_information(x[:, :1], x)
    assert alone.evpi == 0.0 and alone.evppi.tolist() == [0.0, 0.0] and alone.best.tolist() == [True]
    equal = value_of_information(np.column_stack([x[:, 0], x[:, 0]]), x)
    assert equal.evpi == 0.0 and equal.evppi.tolist() == [0.0, 0.0] and equal.best.all()


def test_the_order_of_strategies_and_parameters_does_not_matter() -> None:
    rng = np.random.default_rng(35)
    x = rng.normal(size=(500, 3))
    utilities = x @ rng.normal(size=(3, 4))
    first, second = value_of_information(utilities, x), value_of_information(utilities[:, ::-1], x[:, [2, 0, 1]])
    assert second.evppi == pytest.approx(first.evppi[[2, 0, 1]]) and second.evpi == pytest.approx(first.evpi)
    assert (second.best == first.best[::-1]).all()
