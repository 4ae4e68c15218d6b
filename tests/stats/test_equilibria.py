"""Nash equilibria: against nashpy for two players, by hand and published for three and four."""

from __future__ import annotations

import warnings
from math import comb

import nashpy
import numpy as np
import pytest
from balance_sim.games.equilibria import Equilibria, nash_equilibria, undominated
from balance_sim.games.normal_form import expected_payoffs

from .test_games import any_order, permuted


def table(found: list[tuple[np.ndarray, ...]]) -> np.ndarray:
    """Equilibria as rows of probabilities, in one order."""
    rows = sorted(tuple(np.concatenate(one).round(6) + 0.0) for one in found)
    return np.array(rows)


def mixed(found: Equilibria) -> np.ndarray:
    return table([one.strategies for one in found.found])


def same(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and np.allclose(first, second, atol=2e-6)


def check(game: np.ndarray, found: Equilibria) -> None:
    """Nobody gains, probabilities are probabilities, payoffs are those of the strategies, no two are the same."""
    players = game.shape[-1]
    for one in found.found:
        assert all(p.sum() == pytest.approx(1.0) and (p >= 0.0).all() for p in one.strategies)
        for i in range(players):
            each = expected_payoffs(game, one.strategies, i)
            assert one.payoffs[i] == pytest.approx(each @ one.strategies[i])
            assert each.max() - one.payoffs[i] <= 1e-8 * np.ptp(game[..., i])
    rows = mixed(found)
    assert len(np.unique(rows, axis=0)) == len(rows)


def by_vertices(game: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        above = game - game.min() + 1.0  # its polytopes are bounded where payoffs are positive
        return table(list(nashpy.Game(above[..., 0], above[..., 1]).vertex_enumeration()))


def by_supports(game: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return table(list(nashpy.Game(game[..., 0], game[..., 1]).support_enumeration()))


def test_two_players_have_the_equilibria_that_nashpy_finds() -> None:
    """Random games up to 5 x 5: the same set as by nashpy's vertices; all that its support enumeration finds.

    In some games nashpy's support enumeration misses equilibria: it asks for probabilities of 0 that are not negative
    by rounding, and for best replies that are equal to the last bit. A game without ties has an odd number of
    equilibria (Wilson 1971, SIAM Journal on Applied Mathematics 21: 80-87)."""
    rng = np.random.default_rng(11)
    alike = 0
    for _ in range(60):
        game = rng.normal(size=(*rng.integers(2, 6, 2), 2))
        found = nash_equilibria(game)
        check(game, found)
        rows, enumerated = mixed(found), by_supports(game)
        assert found.complete and not found.degenerate and len(rows) % 2 == 1
        assert same(rows, by_vertices(game))
        assert all(np.abs(rows - one).max(axis=1).min() < 2e-6 for one in enumerated)
        alike += len(rows) == len(enumerated)
    assert alike > 40


def test_extreme_equilibria_of_games_with_ties() -> None:
    """Payoffs 0 to 3, so that most games have ties: the extreme points that nashpy's vertices give."""
    rng = np.random.default_rng(12)
    degenerate = 0
    for _ in range(60):
        game = rng.integers(0, 4, (*rng.integers(2, 5, 2), 2)).astype(float)
        found = nash_equilibria(game)
        check(game, found)
        assert same(mixed(found), by_vertices(game))
        degenerate += found.degenerate
    assert degenerate > 20


def test_equal_payoffs_are_ties_and_said_to_be() -> None:
    """A player that does not care: every mixture of its best replies is an equilibrium, the ends are given once."""
    game = np.zeros((2, 2, 2))
    game[..., 1] = [[1.0, 0.0], [0.0, 1.0]]
    found = nash_equilibria(game)
    assert found.degenerate
    assert same(mixed(found), np.array([[0, 1, 0, 1], [0.5, 0.5, 0, 1], [0.5, 0.5, 1, 0], [1, 0, 1, 0]], dtype=float))
    nobody = nash_equilibria(np.full((2, 3, 2), 0.1))
    assert nobody.degenerate and len(nobody.found) == 6 and all(one.pure for one in nobody.found)


def test_rock_paper_scissors_and_one_player() -> None:
    rps = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=float)
    (one,) = nash_equilibria(np.stack([rps, -rps], axis=-1)).found
    assert not one.pure and not one.degenerate
    assert np.concatenate(one.strategies) == pytest.approx(1 / 3)
    alone = nash_equilibria(np.array([[1.0], [3.0], [3.0]]))
    assert (
        alone.degenerate
        and alone.complete
        and [one.strategies[0].tolist() for one in alone.found]
        == [
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
        ]
    )


def test_a_mixture_dominates() -> None:
    """The third row is worse than half of each of the others, and than neither alone."""
    game = np.zeros((3, 2, 2))
    game[..., 0] = [[4.0, 0.0], [0.0, 4.0], [1.0, 1.0]]
    assert [left.tolist() for left in undominated(game)] == [[0, 1], [0, 1]]
    assert [left.tolist() for left in undominated(game, mixed=False)] == [[0, 1, 2], [0, 1]]


def test_a_game_of_mckelvey_and_mclennan_with_nine_equilibria() -> None:
    """2 x 2 x 2 (McKelvey, McLennan 1997, Journal of Economic Theory 72: 411-425, in the library of Gambit).

    By hand, with p, q, r the probabilities of first strategies: the first player is indifferent where q = 1/2 or
    r = 1/4, the second where p = 1/2 or r = 1/3, the third where 12 p q + 2 (1 - p)(1 - q) = 6 (p + q - 2 p q). So two
    equilibria in which all mix, (2/5, 1/2, 1/3) and (1/2, 2/5, 1/4), four pure ones, and in three one plays pure."""
    game = np.zeros((2, 2, 2, 3))
    game[0, 0, 0], game[1, 1, 0], game[1, 0, 1], game[0, 1, 1] = (9, 8, 12), (9, 8, 2), (3, 4, 6), (3, 4, 6)
    found = nash_equilibria(game)
    check(game, found)
    assert len(found.found) == 9 and sum(one.pure for one in found.found) == 4 and not found.degenerate
    inner = sorted(
        tuple(float(p[0]) for p in one.strategies) for one in found.found if all(0 < p[0] < 1 for p in one.strategies)
    )
    assert inner == [pytest.approx((0.4, 0.5, 1 / 3)), pytest.approx((0.5, 0.4, 0.25))]


@pytest.mark.parametrize("players", [2, 3, 4])
def test_the_volunteers_dilemma(players: int) -> None:
    """All get 1 if anybody volunteers, who pays c = 0.3 (Diekmann 1985, Journal of Conflict Resolution 29: 605-610).

    m players who mix stay back with probability c^(1 / (m - 1)), the others always; one who volunteers alone is
    m = 1. So one equilibrium for every choice of who may volunteer."""
    cost = 0.3
    act = np.indices((2,) * players)
    game = np.stack([(act.max(axis=0) == 1) - cost * act[i] for i in range(players)], axis=-1).astype(float)
    found = nash_equilibria(game)
    check(game, found)
    assert found.complete == (players == 2)
    assert len(found.found) == sum(comb(players, m) for m in range(1, players + 1))
    for one in found.found:
        mix = [float(p[0]) for p in one.strategies if p[1] > 0]
        assert mix == pytest.approx([cost ** (1 / (len(mix) - 1)) if len(mix) > 1 else 0.0] * len(mix), abs=1e-9)


def test_three_players_with_a_bystander() -> None:
    """Two play a random 3 x 3 game, a third has one best strategy: the equilibria are those of the two."""
    rng = np.random.default_rng(13)
    for _ in range(3):
        two = rng.normal(size=(3, 3, 2))
        game = np.zeros((3, 3, 2, 3))
        game[..., 0, :2] = two
        game[..., 1, :2] = rng.normal(size=(3, 3, 2))
        game[..., 0, 2] = 1.0
        rows = mixed(nash_equilibria(game))
        assert same(rows[:, :6], mixed(nash_equilibria(two)))


@pytest.mark.parametrize(
    ("sizes", "games"),
    [((2, 2, 2), 30), *(pytest.param(*more, marks=pytest.mark.long) for more in [((3, 3, 3), 30), ((5, 3, 2), 60)])],
)
def test_an_odd_number_of_equilibria_of_three_players(sizes: tuple[int, ...], games: int) -> None:
    """Almost every game has an odd number (Wilson 1971): an even one would say that one was missed."""
    rng = np.random.default_rng(15)
    for _ in range(games):
        game = rng.normal(size=(*sizes, 3))
        found = nash_equilibria(game)
        check(game, found)
        assert len(found.found) % 2 == 1 and not found.degenerate


def test_ties_of_three_players() -> None:
    """A continuum: the second and third player do not care. Said to be degenerate, and nothing is given twice."""
    game = np.zeros((2, 2, 2, 3))
    game[0, ..., 0] = 1.0
    found = nash_equilibria(game)
    check(game, found)
    assert found.degenerate and not found.complete and len(found.found) == 4


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
            tuple(one.strategies[player][order] for player, order in zip(players, orders, strict=True))
            for one in first.found
        ]
        assert same(table(renamed), mixed(second)) and first.degenerate == second.degenerate
        if not first.degenerate:
            assert [one.payoffs.sum() for one in first.found] == pytest.approx(
                [one.payoffs.sum() for one in second.found]
            )


def test_units_of_payoff_do_not_matter() -> None:
    game = np.random.default_rng(14).normal(size=(3, 2, 2, 3))
    other = game * [1e6, 1e-6, 3.0] + [5.0, 0.0, -1e3]
    assert same(mixed(nash_equilibria(game)), mixed(nash_equilibria(other)))
