"""Futures of a game: which fail and what is known of them by hand, alarms of closed form, and signposts that tell."""

import numpy as np
import pytest
from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games import robust
from balance_sim.games.boxes import Factors
from balance_sim.games.plan import Game, load_game
from balance_sim.games.robust import Alarm, Futures, Prospects, best_alarm, discover, futures_of, prospects
from balance_sim.games.solve import expected_effects, payoffs
from balance_sim.games.uncertain import value_of_information
from balance_sim.model.baseline import compile_worlds, mean_refusal
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import presets
from balance_sim.study.draws import at
from scipy.stats import poisson

from .conftest import ROOT, game_in

DRAWS = 9


@pytest.fixture(scope="module")
def dilemma() -> tuple[Game, Futures]:
    game = load_game(ROOT / "games" / "security_dilemma.yaml")
    return game, futures_of(game, prior_draws(game.scenario, DRAWS))


def test_each_draw_is_under_the_next_theory(dilemma) -> None:
    game, futures = dilemma
    shipped = tuple(presets())
    assert futures.theories == (*shipped, *shipped)[:DRAWS]
    assert futures.days == (30, 90, 180, 300) and futures.outcomes.shape == (DRAWS, 4, 5, 2)
    for k in (0, 3, 8):
        scenario = with_values(at(game.scenario, futures.draws, k), {"theory.preset": futures.theories[k]})
        np.testing.assert_allclose(futures.effects[k], expected_effects(game, scenario), atol=1e-15)


def test_the_futures_of_a_player_are_those_of_its_payoffs(dilemma) -> None:
    """Row d x M + m is draw d and the m-th thing that the other may do; column k the player's own k-th strategy."""
    game, futures = dilemma
    paid = payoffs(game, futures.effects)
    for player in (0, 1):
        seen = prospects(game, futures, player)
        for draw in range(DRAWS):
            for other in (0, 1):
                for own in (0, 1):
                    place = (own, other) if player == 0 else (other, own)
                    row = 2 * draw + other
                    assert seen.payoffs[row, own] == paid[(draw, *place, player)]
                    column = 1 + 2 * place[0] + place[1]
                    np.testing.assert_array_equal(seen.outcomes[row, :, own], futures.outcomes[draw, :, column])
                assert seen.factors.draw[row] == draw
                assert seen.factors.values[row, seen.factors.names.index(game.players[1 - player])] == other
        theory = seen.factors.values[:, seen.factors.names.index("theory.preset")]
        assert [seen.factors.labels["theory.preset"][int(k)] for k in theory[::2]] == list(futures.theories)
        constant = {path for path in futures.draws.paths if np.ptp(futures.draws.column(path)) == 0}
        assert not constant & {*seen.factors.names} and game.players[player] not in seen.factors.names


def test_the_dilemma_comes_out_as_by_hand(dilemma) -> None:
    """To hold manoeuvres is worth 0.1 and is dominant: to restrain fails everywhere, by 0.1; to hold them nowhere."""
    game, futures = dilemma
    found = discover(game, futures.draws)
    for player in game.players:
        rows = found["conditions"]["players"][player]
        assert (rows["restrain"]["fails"], rows["manoeuvre"]["fails"]) == (1.0, 0.0)
        assert (rows["restrain"]["meets_observed"], rows["manoeuvre"]["meets_observed"]) == (0.0, 1.0)
        assert rows["restrain"]["regret_largest"] == pytest.approx(0.1)
        assert rows["manoeuvre"]["regret_largest"] == 0.0
        assert [row["boxes"] for row in rows.values()] == [[], []]
        assert found["signposts"][player] == {"restrain": [], "manoeuvre": []}


def made(payoffs_by_future: list[list[float]]) -> Prospects:
    """Prospects of payoffs alone."""
    paid = np.array(payoffs_by_future)
    count = len(paid)
    factors = Factors(np.arange(count, dtype=float)[:, None], ("x",), {}, np.arange(count))
    regret = paid.max(axis=1, keepdims=True) - paid
    return Prospects(factors, paid, regret, 1e-9, np.zeros((count, 1, paid.shape[1], 1)))


def test_what_fails_and_what_does_well_enough_by_hand() -> None:
    """Four futures; the second strategy was observed. The first pays less than it in futures 1 and 4, less than nothing
    in 1; another pays more than the observed one in 2 and 3; the third ties with it in 4."""
    seen = made([[-1, 0, -2], [2, 1, 0], [3, 1, 2], [1, 4, 4]])
    assert seen.failing(0, 1).tolist() == [True, False, False, True]
    assert seen.failing(1, 1).tolist() == [False, True, True, False]
    assert seen.failing(2, 1).tolist() == [True, True, False, False]
    row = robust._conditions_row(seen, 0, 1, seen.failing(0, 1))
    assert {key: row[key] for key in ("futures", "fails", "meets_observed", "meets_control")} == {
        "futures": 4,
        "fails": 0.5,
        "meets_observed": 0.5,
        "meets_control": 0.75,
    }
    assert row["regret_largest"] == 3.0
    assert row["regret_q90"] == pytest.approx(np.quantile([1, 0, 0, 3], 0.9))


def test_an_alarm_of_counts_rings_as_poisson_numbers_do() -> None:
    means = np.array([0.2, 1.5, 4.0])
    rings = Alarm(is_count=True, threshold=2.0).rings(means)
    np.testing.assert_allclose(rings, 1 - poisson.cdf(1, means))
    np.testing.assert_allclose(Alarm(True, 2.0, is_high=False).rings(means), poisson.cdf(1, means))
    caught, false = Alarm(True, 2.0).shares(means, np.array([False, False, True]))
    assert caught == pytest.approx(rings[2]) and false == pytest.approx(rings[:2].mean())
    assert Alarm(False, 1.5).rings(means).tolist() == [0.0, 1.0, 1.0]


def test_the_best_alarm_is_that_of_all_thresholds() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=400)
    low = values + 0.5 * rng.normal(size=400) < -0.3
    alarm = best_alarm(values, low, is_count=False)
    assert not alarm.is_high
    skills = [Alarm(False, t, is_high=side).skill(values, low) for t in values for side in (True, False)]
    assert alarm.skill(values, low) == pytest.approx(max(skills), abs=0.05)
    counts = rng.gamma(2.0, 2.0, 400)
    assert best_alarm(counts, counts > 6, is_count=True).is_high


def test_a_signpost_that_tells_is_named_on_its_first_telling_day(dilemma) -> None:
    """Futures fail where an outcome will be high. On day 30 it tells nothing, on day 90 all, on day 180 all."""
    game, _ = dilemma
    rng, count = np.random.default_rng(5), 280
    fails = rng.random(count) < 0.4
    outcomes = rng.random((count, 4, 2, 2))
    outcomes[:, 1:3, 1, 0] = fails[:, None] + 0.2 * rng.random((count, 2))
    factors = Factors(np.zeros((count, 1)), ("x",), {}, np.arange(count))
    zeros = np.zeros((count, 2))
    seen = Prospects(factors, zeros, zeros, 0.0, outcomes)
    (post,) = robust._signposts(game, (30, 90, 180, 300), seen, 1, fails)
    assert (post["outcome"], post["player"], post["day"], post["days_ahead"]) == ("insecurity", "arden", 90, 210)
    assert post["is_high"] and 0.15 < post["threshold"] <= 1.05  # quantiles are tried, 5 % apart
    assert post["held_out"]["caught"] > 0.95 and post["held_out"]["false_alarms"] < 0.1
    assert robust._signposts(game, (30, 90, 180, 300), seen, 0, fails) == []


def test_knowing_one_parameter_is_worth_what_nested_monte_carlo_says() -> None:
    """A sure 0, or x + y, standard normal: by hand 1 / sqrt(2 pi). The nested estimate draws y for each x and knows no
    regression; a regression that chose by its own draws would be too high."""
    for draws in (200, 1000):
        rng = np.random.default_rng(draws)
        x = rng.normal(size=(draws, 3))
        value = value_of_information(np.column_stack([np.zeros(draws), x[:, 0] + x[:, 1]]), x)
        outer, inner = rng.normal(size=2000), rng.normal(size=(2000, 400))
        chooses = outer + inner[:, ::2].mean(axis=1) > 0
        gains = np.where(chooses, outer + inner[:, 1::2].mean(axis=1), 0.0)
        nested, error = gains.mean(), gains.std(ddof=1) / np.sqrt(2000)
        assert abs(value.evppi[0] - nested) < 2 * np.hypot(value.error[0], error)
        assert abs(nested - 1 / np.sqrt(2 * np.pi)) < 2 * error
        assert value.evppi[2] <= value.idle


def test_a_world_in_which_nobody_refuses_has_an_elasticity(tmp_path) -> None:
    world = compile_worlds(load_game(game_in(tmp_path)).scenario).reference
    shape = (len(world.first), 2, len(world.ladder.names))
    assert mean_refusal(world, np.ones(shape)) == 1.0
    assert mean_refusal(world, np.full(shape, 0.75)) == pytest.approx(0.25)
