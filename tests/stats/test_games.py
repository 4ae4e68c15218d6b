"""Best replies, regret, pure equilibria and moves in turn: by hand, and against a search of all plans."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from balance_sim.games.normal_form import best_replies, expected_payoffs, pure_equilibria, regrets, sequential

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
    turn = rng.permutation(len(sizes)).tolist()
    first, second = sequential(game, turn), sequential(other, [players.index(player) for player in turn])
    names = {tuple(orders[k][profile[k]] for k in np.argsort(players)) for profile in second.outcomes}
    assert names == {tuple(profile) for profile in first.outcomes}
    assert first.ties == second.ties
    assert sorted(first.payoffs[:, turn[0]]) == sorted(second.payoffs[:, players.index(turn[0])])


def test_expected_payoffs_by_hand() -> None:
    """Three players: the mean over the two others."""
    game = np.random.default_rng(5).normal(size=(2, 3, 2, 3))
    mixed = [np.array([0.2, 0.8]), np.array([0.5, 0.25, 0.25]), np.array([0.9, 0.1])]
    by_hand = [sum(game[a, b, c, 1] * mixed[0][a] * mixed[2][c] for a in range(2) for c in range(2)) for b in range(3)]
    assert expected_payoffs(game, mixed, 1) == pytest.approx(by_hand)


def test_what_is_no_game() -> None:
    for shape in [(2, 2, 3), (2,), (), (2, 0, 2)]:
        with pytest.raises(ValueError, match="not one axis of strategies a player"):
            regrets(np.zeros(shape))
    with pytest.raises(ValueError, match="not finite"):
        regrets(np.full((2, 2, 2), np.nan))
    with pytest.raises(ValueError, match="order"):
        sequential(DILEMMA, [0, 0])


def test_who_moves_first_matters() -> None:
    """Battle of the sexes: the first mover has its favourite. By hand."""
    battle = np.array([[[2, 1], [0, 0]], [[0, 0], [1, 2]]], dtype=float)
    assert sequential(battle, [0, 1]).outcomes.tolist() == [[0, 0]]
    assert sequential(battle, [1, 0]).outcomes.tolist() == [[1, 1]]


def test_without_equal_payoffs_there_are_no_ties() -> None:
    game = np.random.default_rng(8).permutation(np.arange(3 * 36.0)).reshape(3, 4, 3, 3)
    play = sequential(game, [2, 0, 1])
    assert not play.ties and len(play.outcomes) == 1


def test_an_indifferent_follower_leaves_the_first_mover_between_two_payoffs() -> None:
    """After the first action the follower is indifferent, and the leader gets 4 or 0; the second action gives it 1.

    Both (0, 0) and (1, 1) are outcomes; after the first action, the follower's second is an outcome of none."""
    game = np.array([[[4, 2], [0, 2]], [[9, 0], [1, 1]]], dtype=float)
    play = sequential(game, [0, 1])
    assert play.outcomes.tolist() == [[0, 0], [1, 1]]
    assert play.ties and sorted(play.payoffs[:, 0]) == [1.0, 4.0]


def by_search(game: np.ndarray, order: list[int]) -> set[tuple[int, ...]]:
    """Outcomes of all subgame-perfect pure strategies of players who move in turn: every plan is tried."""
    sizes = [game.shape[player] for player in order]
    nodes = [list(product(*(range(k) for k in sizes[:depth]))) for depth in range(len(order))]
    places = [(depth, node) for depth, level in enumerate(nodes) for node in level]

    def end(plan: dict[tuple[int, ...], int], node: tuple[int, ...]) -> tuple[int, ...]:
        while len(node) < len(order):
            node = (*node, plan[node])
        return node

    def worth(leaf: tuple[int, ...], player: int) -> float:
        return game[(*(leaf[order.index(i)] for i in range(len(order))), player)]

    found = set()
    for choice in product(*(range(sizes[depth]) for depth, _ in places)):
        plan = {node: action for (_, node), action in zip(places, choice, strict=True)}
        if all(
            worth(end(plan, node), order[depth])
            >= max(worth(end(plan, (*node, action)), order[depth]) for action in range(sizes[depth]))
            for depth, node in places
        ):
            leaf = end(plan, ())
            found.add(tuple(leaf[order.index(i)] for i in range(len(order))))
    return found


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_outcomes_are_those_of_all_subgame_perfect_plans(order: tuple[int, ...]) -> None:
    """Small whole numbers, so that there are ties in plenty."""
    rng = np.random.default_rng(7)
    ties = []
    for _ in range(12):
        game = rng.integers(0, 3, (2, 2, 2, 3)).astype(float)
        play = sequential(game, list(order))
        assert {tuple(int(s) for s in one) for one in play.outcomes} == by_search(game, list(order))
        assert (play.payoffs == game[tuple(play.outcomes.T)]).all()
        ties.append(play.ties)
    assert any(ties)
