"""Best replies, regret and pure equilibria, by hand."""

from itertools import product

import numpy as np
import pytest
from balance_sim.games.normal_form import best_replies, expected_payoffs, pure_equilibria, regrets

DILEMMA = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)


def permuted(payoffs: np.ndarray, players: list[int], orders: list[np.ndarray]) -> np.ndarray:
    """The game with players in another order, and the strategies of each (in the new order) too."""
    moved = np.transpose(payoffs, (*players, len(players)))[..., players]
    return moved[(*np.ix_(*orders), slice(None))]


def any_order(rng: np.random.Generator, sizes: tuple[int, ...]) -> tuple[list[int], list[np.ndarray]]:
    players = rng.permutation(len(sizes)).tolist()
    return players, [rng.permutation(sizes[i]) for i in players]


def test_ties_are_all_best_replies() -> None:
    """Equal payoffs tie, and so do payoffs that differ by rounding alone; a millionth of the range does not."""
    equal = np.full((3, 2, 2), 0.3)
    assert best_replies(equal, 0).all() and best_replies(equal, 1).all() and pure_equilibria(equal).all()
    rounded = equal.copy()
    rounded[0, 0, 0] = 0.1 + 0.2
    assert best_replies(rounded, 0).all() and (regrets(rounded) == 0.0).all()
    game = np.array([[0.0], [1.0], [1.0 - 1e-12], [1.0 - 1e-6]])
    assert best_replies(game, 0).tolist() == [False, True, True, False]
    assert regrets(game)[:, 0] == pytest.approx([1.0, 0.0, 0.0, 1e-6], rel=1e-9)


def test_a_payoff_of_one_player_makes_no_ties_of_another() -> None:
    game = DILEMMA * [1e12, 1.0]
    assert best_replies(game, 1).tolist() == [[False, True], [False, True]]


def test_ties_of_a_game_are_its_own_beside_one_of_larger_stakes() -> None:
    games = np.array([[[0.0], [1e-4]], [[0.0], [1e6]]])
    assert best_replies(games, 0).tolist() == [[False, True]] * 2 and regrets(games)[0, 0, 0] == 1e-4


def test_regret_by_loops() -> None:
    rng = np.random.default_rng(3)
    game = rng.integers(0, 6, (3, 2, 4, 3)).astype(float)
    found = regrets(game)
    for profile in product(range(3), range(2), range(4)):
        for player in range(3):
            options = [game[(*profile[:player], s, *profile[player + 1 :], player)] for s in range(game.shape[player])]
            assert found[(*profile, player)] == max(options) - game[(*profile, player)]
        assert pure_equilibria(game)[profile] == (found[profile].max() == 0.0)


def test_many_games_at_once_are_as_one_by_one() -> None:
    games = np.random.default_rng(4).integers(0, 4, (7, 2, 3, 2, 3)).astype(float)
    assert (pure_equilibria(games) == np.stack([pure_equilibria(one) for one in games])).all()
    assert (regrets(games) == np.stack([regrets(one) for one in games])).all()


@pytest.mark.parametrize("sizes", [(3,), (2, 4), (2, 3, 4), (2, 3, 2, 3)])
def test_other_names_change_nothing_but_names(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(sizes))
    game = rng.integers(0, 5, (*sizes, len(sizes))).astype(float)
    players, orders = any_order(rng, sizes)
    other = permuted(game, players, orders)
    renamed = np.transpose(pure_equilibria(game), players)[np.ix_(*orders)]
    assert (pure_equilibria(other) == renamed).all()
    assert (regrets(other) == permuted(regrets(game), players, orders)).all()


def test_expected_payoffs_by_hand() -> None:
    """Three players: the mean over the two others."""
    game = np.random.default_rng(5).normal(size=(2, 3, 2, 3))
    mixed = [np.array([0.2, 0.8]), np.array([0.5, 0.25, 0.25]), np.array([0.9, 0.1])]
    by_hand = [sum(game[a, b, c, 1] * mixed[0][a] * mixed[2][c] for a in range(2) for c in range(2)) for b in range(3)]
    assert expected_payoffs(game, mixed, 1) == pytest.approx(by_hand)
