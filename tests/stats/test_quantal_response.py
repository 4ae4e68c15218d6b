"""Logit quantal response: closed forms, another solver, and the equilibrium in which the branch ends."""

from __future__ import annotations

import numpy as np
import pytest
from balance_sim.games import normal_form as module
from balance_sim.games.equilibria import nash_equilibria
from balance_sim.games.normal_form import expected_payoffs, quantal_response
from scipy.optimize import brentq
from scipy.special import expit, logit, softmax

from .test_games import any_order, permuted

PRECISIONS = [0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0]


def residual(game: np.ndarray, mixed: list[np.ndarray], precision: float) -> float:
    """How far probabilities are from the logit replies to each other."""
    return max(
        float(np.abs(softmax(precision * expected_payoffs(game, mixed, i)) - p).max()) for i, p in enumerate(mixed)
    )


def gain(game: np.ndarray, mixed: list[np.ndarray]) -> float:
    """The most that a player gains by deviating."""
    return max(float((u := expected_payoffs(game, mixed, i)).max() - u @ p) for i, p in enumerate(mixed))


def test_a_symmetric_game_has_a_closed_form() -> None:
    """Hawk and dove, value 3, cost 4: a hawk gains 1.5 - 2 p where p play hawk, so p answers itself at

    L = logit(p) / (1.5 - 2 p), for p from 1/2 to the 3/4 of the Nash equilibrium."""
    game = np.zeros((2, 2, 2))
    game[..., 0] = [[-0.5, 3.0], [0.0, 1.5]]
    game[..., 1] = game[..., 0].T
    for p in (0.55, 0.65, 0.7, 0.745):
        precision = float(logit(p) / (1.5 - 2 * p))
        first, second = quantal_response(game, precision)
        assert first[0, 0] == pytest.approx(p, abs=1e-9) and second[0, 0] == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("stake", [9.0, 4.0])
def test_asymmetric_matching_pennies(stake: float) -> None:
    """The games of Ochs 1995 that McKelvey, Palfrey 1995, section 6, analyse: one equation solved by another method.

    Replies: p = expit(L ((stake + 1) q - 1)), q = expit(L (1 - 2 p)), with one solution. Nash: p = 1/2,
    q = 1 / (stake + 1). In between the player with the stake plays for it more often than half the time, which is what
    the experiments saw and no Nash equilibrium has."""
    game = np.array([[[stake, 0], [0, 1]], [[0, 1], [1, 0]]], dtype=float)
    first, second = quantal_response(game, PRECISIONS)
    for precision, p, q in zip(PRECISIONS, first[:, 0], second[:, 0], strict=True):
        other = brentq(
            lambda p, at=precision: p - expit(at * ((stake + 1) * expit(at * (1 - 2 * p)) - 1)), 0.0, 1.0, xtol=1e-14
        )
        assert p == pytest.approx(other, abs=1e-9)
        assert q == pytest.approx(expit(precision * (1 - 2 * other)), abs=1e-8)
        assert precision == 0.0 or p > 0.5
    first, second = quantal_response(game, 1e4)
    assert first[0, 0] == pytest.approx(0.5, abs=1e-3) and second[0, 0] == pytest.approx(1 / (stake + 1), abs=1e-3)


def test_the_branch_ends_in_the_risk_dominant_equilibrium() -> None:
    """Stag hunt: both stag pays more, both hare is risk dominant, and there the branch ends (Turocy 2005)."""
    hunt = np.array([[[9, 9], [0, 8]], [[8, 0], [7, 7]]], dtype=float)
    first, second = quantal_response(hunt, [0.0, 50.0])
    assert first[0].tolist() == [0.5, 0.5]
    assert first[1, 1] > 0.999 and second[1, 1] > 0.999


@pytest.mark.parametrize("sizes", [(2,), (3, 3), (5, 4), (3, 2, 3), (2, 3, 2, 2)])
def test_solutions_answer_themselves_and_end_near_a_nash_equilibrium(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(sum(sizes))
    for _ in range(4):
        game = rng.normal(size=(*sizes, len(sizes)))
        found = quantal_response(game, [*PRECISIONS, 3000.0])
        for k, precision in enumerate([*PRECISIONS, 3000.0]):
            assert residual(game, [one[k] for one in found], precision) < 1e-9
        assert found[0][0] == pytest.approx(1 / sizes[0])
        end = [one[-1] for one in found]
        assert gain(game, end) < 0.005
        if len(sizes) <= 2:
            each = [np.concatenate(one.strategies) for one in nash_equilibria(game).found]
            assert min(np.abs(np.concatenate(end) - one).max() for one in each) < 0.02


def test_a_turning_point_is_passed() -> None:
    """Battle of the sexes, one side a little dearer: near the symmetric game's fork the branch bends and goes on.

    What is found at neighbouring precisions stays close together, and ends in the equilibrium of the dearer side."""
    game = np.array([[[2.02, 1], [0, 0]], [[0, 0], [1, 2]]], dtype=float)
    precisions = np.linspace(0.0, 30.0, 301)
    first, second = quantal_response(game, precisions)
    assert np.abs(np.diff(first[:, 0])).max() < 0.2 and np.abs(np.diff(second[:, 0])).max() < 0.2
    assert first[-1, 0] > 0.99 and second[-1, 0] > 0.99


@pytest.mark.parametrize("seed", [0, 15, 20, 32])
def test_near_a_fork_the_branch_is_not_left(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly symmetric games, in which the branch bends sharply: as with steps a tenth as long.

    Without the watch on the determinant's sign, the steps jump to another branch in these."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(3, 3))
    game = np.stack([own, own.T], axis=-1) + 0.01 * rng.normal(size=(3, 3, 2))
    found = np.concatenate(quantal_response(game, PRECISIONS), axis=1)
    with monkeypatch.context() as wrong:
        wrong.setattr(module, "FORK", np.inf)
        assert np.abs(np.concatenate(quantal_response(game, PRECISIONS), axis=1) - found).max() > 0.01
    monkeypatch.setattr(module, "FAR", 0.01)
    monkeypatch.setattr(module, "STRAIGHT", 0.9995)
    assert np.concatenate(quantal_response(game, PRECISIONS), axis=1) == pytest.approx(found, abs=1e-8)


def test_symmetric_players_stay_symmetric_past_the_fork() -> None:
    """Hawk and dove, value 3, cost 4: past L = 2.14 asymmetric branches fork off, and this one goes on.

    p solves logit(p) = L (1.5 - 2 p) for both players; the fork is where also 2 L p (1 - p) = 1."""
    game = np.zeros((2, 2, 2))
    game[..., 0] = [[-0.5, 3.0], [0.0, 1.5]]
    game[..., 1] = game[..., 0].T
    precisions = [1.0, 2.1, 2.2, 4.0, 20.0, 300.0]
    first, second = quantal_response(game, precisions)
    wanted = [brentq(lambda p, at=at: logit(p) - at * (1.5 - 2 * p), 1e-9, 1 - 1e-9, xtol=1e-14) for at in precisions]
    assert first[:, 0] == pytest.approx(wanted, abs=1e-7) and second[:, 0] == pytest.approx(wanted, abs=1e-7)
    same = quantal_response(np.array([[[1, 1], [0, 0]], [[0, 0], [1, 1]]], dtype=float), precisions)
    assert np.concatenate(same) == pytest.approx(0.5)


def test_units_and_order_of_precisions() -> None:
    """Payoffs ten times as large at a tenth of the precision; any order, repeated; constants do not matter."""
    game = np.random.default_rng(21).normal(size=(3, 2, 2))
    once = quantal_response(game, [0.0, 2.0, 20.0])
    again = quantal_response(10 * game + [100.0, -5.0], [2.0, 0.0, 0.2, 2.0])
    for one, other in zip(once, again, strict=True):
        assert other == pytest.approx(one[[2, 0, 1, 2]], abs=1e-9)


def test_equal_payoffs_are_played_alike() -> None:
    first, second = quantal_response(np.full((3, 2, 2), 7.0), [0.0, 5.0, 1e6])
    assert first == pytest.approx(1 / 3) and second == pytest.approx(0.5)
    twice = np.array([[2.0], [2.0], [1.0]])
    (alone,) = quantal_response(twice, 3.0)
    assert alone[0] == pytest.approx(softmax([6.0, 6.0, 3.0]))


@pytest.mark.parametrize("sizes", [(3, 2), (2, 3, 2)])
def test_other_names_change_nothing_but_names(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(sizes))
    game = rng.normal(size=(*sizes, len(sizes)))
    players, orders = any_order(rng, sizes)
    first, second = quantal_response(game, PRECISIONS), quantal_response(permuted(game, players, orders), PRECISIONS)
    for player, order, other in zip(players, orders, second, strict=True):
        assert other == pytest.approx(first[player][:, order], abs=1e-9)


def test_precisions_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0"):
        quantal_response(np.zeros((2, 1)), [-1.0])
