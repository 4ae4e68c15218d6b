"""Nash equilibria: against all supports for two players, pure ones by hand for three and four."""

from itertools import combinations, product

import numpy as np
import pytest
from balance_sim.games.equilibria import Equilibrium, nash_equilibria
from balance_sim.games.normal_form import expected_payoffs

from .test_games import any_order, permuted


def table(found: list[tuple[np.ndarray, ...]]) -> np.ndarray:
    """Equilibria as rows of probabilities, in one order."""
    rows = sorted(tuple(np.concatenate(one).round(6) + 0.0) for one in found)
    return np.array(rows)


def mixed(found: list[Equilibrium]) -> np.ndarray:
    return table([one.strategies for one in found])


def has_ties(found: list[Equilibrium]) -> bool:
    return any(one.degenerate for one in found)


def same(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and np.allclose(first, second, atol=2e-6)


def check(game: np.ndarray, found: list[Equilibrium]) -> None:
    """Nobody gains, probabilities are probabilities, payoffs are those of the strategies, no two are the same."""
    players = game.shape[-1]
    for one in found:
        assert all(p.sum() == pytest.approx(1.0) and (p >= 0.0).all() for p in one.strategies)
        for i in range(players):
            each = expected_payoffs(game, one.strategies, i)
            assert one.payoffs[i] == pytest.approx(each @ one.strategies[i])
            assert each.max() - one.payoffs[i] <= 1e-8 * np.ptp(game[..., i])
    rows = mixed(found)
    assert len(np.unique(rows, axis=0)) == len(rows)


def vertices(payoffs: np.ndarray) -> list[np.ndarray]:
    """Mixed strategies of the columns against which as many rows are equally good as columns are played, and none is
    better: a system of linear equations for each choice of both (Porter, Nudelman, Shoham 2008)."""
    found: list[np.ndarray] = []
    for size in range(1, min(payoffs.shape) + 1):
        for best, played in product(*(combinations(range(count), size) for count in payoffs.shape)):
            system = np.full((size + 1, size + 1), -1.0)
            system[:size, :size] = payoffs[np.ix_(best, played)]
            system[size] = np.append(np.ones(size), 0.0)
            singular = np.linalg.svd(system, compute_uv=False)
            if singular[-1] <= 1e-10 * singular[0]:
                continue
            *shares, worth = np.linalg.solve(system, np.eye(size + 1)[size])
            point = np.zeros(payoffs.shape[1])
            point[list(played)] = shares
            is_new = all(np.abs(point - one).max() > 1e-6 for one in found)
            if min(shares) > 1e-7 and (payoffs @ point).max() <= worth + 1e-8 and is_new:
                found.append(point)
    return found


def by_supports(game: np.ndarray) -> np.ndarray:
    """All pairs of such strategies that play best replies to each other alone."""
    first, second = game[..., 0], game[..., 1].T
    pairs = product(vertices(second), vertices(first))
    return table([(x, y) for x, y in pairs if replies(x, first @ y) and replies(y, second @ x)])


def replies(shares: np.ndarray, payoffs: np.ndarray) -> bool:
    return bool((payoffs[shares > 1e-7] >= payoffs.max() - 1e-8).all())


def test_two_players_have_the_equilibria_of_all_supports() -> None:
    """Random games up to 5 x 5. A game without ties has an odd number of equilibria (Wilson 1971, SIAM Journal on
    Applied Mathematics 21: 80-87)."""
    rng = np.random.default_rng(11)
    for _ in range(25):
        game = rng.normal(size=(*rng.integers(2, 6, 2), 2))
        found = nash_equilibria(game)
        check(game, found)
        assert not has_ties(found) and len(found) % 2 == 1
        assert same(mixed(found), by_supports(game))


def test_two_players_have_the_equilibria_that_nashpy_finds() -> None:
    """A second program; up to six strategies each, as many as a game may have."""
    nashpy = pytest.importorskip("nashpy")
    rng = np.random.default_rng(15)
    for _ in range(15):
        game = rng.uniform(1.0, 2.0, size=(*rng.integers(2, 7, 2), 2))
        theirs = nashpy.Game(game[..., 0], game[..., 1]).vertex_enumeration()
        assert same(mixed(nash_equilibria(game)), table([*theirs]))


@pytest.mark.parametrize("side", [0, 1])
def test_against_one_strategy_the_best_replies_are_the_equilibria(side: int) -> None:
    replies_to_it = np.array([0.2, 0.9, 0.4, 0.9])
    game = np.zeros((1, 4, 2)) if side else np.zeros((4, 1, 2))
    game[..., side] = replies_to_it[None] if side else replies_to_it[:, None]
    found = nash_equilibria(game)
    check(game, found)
    assert has_ties(found)
    assert sorted(int(one.strategies[side].argmax()) for one in found) == [1, 3]


def test_extreme_equilibria_of_games_with_ties() -> None:
    """Payoffs 0 to 3, so that most games have ties."""
    rng = np.random.default_rng(12)
    degenerate = 0
    for _ in range(25):
        game = rng.integers(0, 4, (*rng.integers(2, 5, 2), 2)).astype(float)
        found = nash_equilibria(game)
        check(game, found)
        assert same(mixed(found), by_supports(game))
        degenerate += has_ties(found)
    assert degenerate > 8


def test_equal_payoffs_are_ties_and_said_to_be() -> None:
    """A player that does not care: every mixture of its best replies is an equilibrium, the ends are given once."""
    game = np.zeros((2, 2, 2))
    game[..., 1] = [[1.0, 0.0], [0.0, 1.0]]
    found = nash_equilibria(game)
    assert has_ties(found)
    assert same(mixed(found), np.array([[0, 1, 0, 1], [0.5, 0.5, 0, 1], [0.5, 0.5, 1, 0], [1, 0, 1, 0]], dtype=float))
    nobody = nash_equilibria(np.full((2, 3, 2), 0.1))
    assert has_ties(nobody) and len(nobody) == 6 and all(one.pure for one in nobody)


def test_rock_paper_scissors_and_one_player() -> None:
    rps = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=float)
    (one,) = nash_equilibria(np.stack([rps, -rps], axis=-1))
    assert not one.pure and not one.degenerate
    assert np.concatenate(one.strategies) == pytest.approx(1 / 3)
    alone = nash_equilibria(np.array([[1.0], [3.0], [3.0]]))
    assert has_ties(alone) and [one.strategies[0].tolist() for one in alone] == [
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
    ]


def test_pure_equilibria_of_a_game_of_mckelvey_and_mclennan() -> None:
    """2 x 2 x 2 (McKelvey, McLennan 1997, Journal of Economic Theory 72: 411-425): of its nine four are pure."""
    game = np.zeros((2, 2, 2, 3))
    game[0, 0, 0], game[1, 1, 0], game[1, 0, 1], game[0, 1, 1] = (9, 8, 12), (9, 8, 2), (3, 4, 6), (3, 4, 6)
    found = nash_equilibria(game)
    check(game, found)
    assert not has_ties(found) and all(one.pure for one in found)
    places = {tuple(int(p.argmax()) for p in one.strategies) for one in found}
    assert places == {(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)}


@pytest.mark.parametrize("players", [2, 3, 4])
def test_the_volunteers_dilemma(players: int) -> None:
    """All get 1 if anybody volunteers, who pays c = 0.3 (Diekmann 1985, Journal of Conflict Resolution 29: 605-610).

    Pure: one volunteers. Of two, also both stay back with probability c."""
    cost = 0.3
    act = np.indices((2,) * players)
    game = np.stack([(act.max(axis=0) == 1) - cost * act[i] for i in range(players)], axis=-1).astype(float)
    found = nash_equilibria(game)
    check(game, found)
    pure = [one for one in found if one.pure]
    assert len(pure) == players and all(sum(p[1] for p in one.strategies) == 1.0 for one in pure)
    others = [one for one in found if not one.pure]
    assert len(others) == (players == 2)
    for one in others:
        assert [float(p[0]) for p in one.strategies] == pytest.approx([cost] * 2, abs=1e-9)


def test_ties_of_three_players() -> None:
    """The second and third player do not care: four pure equilibria, and said to be degenerate."""
    game = np.zeros((2, 2, 2, 3))
    game[0, ..., 0] = 1.0
    found = nash_equilibria(game)
    check(game, found)
    assert has_ties(found) and len(found) == 4


@pytest.mark.parametrize("sizes", [(3, 4), (2, 3, 2), (2, 2, 2, 2)])
def test_other_names_change_nothing_but_names(sizes: tuple[int, ...]) -> None:
    """Random games, and games with ties: the same equilibria under other names, in the same order."""
    rng = np.random.default_rng(sum(sizes))
    for trial in range(4):
        game = rng.normal(size=(*sizes, len(sizes)))
        if trial % 2:
            game = game.round()
        players, orders = any_order(rng, sizes)
        first, second = nash_equilibria(game), nash_equilibria(permuted(game, players, orders))
        renamed = [
            tuple(one.strategies[player][order] for player, order in zip(players, orders, strict=True)) for one in first
        ]
        assert same(table(renamed), mixed(second)) and has_ties(first) == has_ties(second)
        if not has_ties(first):
            assert [one.payoffs.sum() for one in first] == pytest.approx([one.payoffs.sum() for one in second])


def test_units_of_payoff_do_not_matter() -> None:
    game = np.random.default_rng(14).normal(size=(3, 4, 2))
    other = game * [1e6, 1e-6] + [5.0, 0.0]
    assert same(mixed(nash_equilibria(game)), mixed(nash_equilibria(other)))
