"""Futures of a game: which fail and what is known of them by hand, alarms of closed form, and signposts that tell."""

from types import SimpleNamespace

import numpy as np
import pytest
from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games import robust
from balance_sim.games.boxes import Factors
from balance_sim.games.plan import Game, load_game
from balance_sim.games.robust import THEORY, Alarm, Futures, Prospects, best_alarm, discover, futures_of, prospects
from balance_sim.games.solve import expected_effects
from balance_sim.games.uncertain import value_of_information
from balance_sim.model.baseline import compile_worlds, mean_refusal
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import presets
from balance_sim.study.draws import Draws, at
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


@pytest.mark.needs("sklearn")
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


@pytest.mark.needs("sklearn")
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
    assert Alarm(False, 1.5, is_high=False).rings(means).tolist() == [1.0, 0.0, 0.0]


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


def test_each_half_of_the_futures_is_of_whole_rounds_of_theories() -> None:
    count = len(presets())
    nothing = np.zeros((3 * count, 1))
    factors = Factors(nothing, ("x",), {}, np.arange(3 * count))
    half = Prospects(factors, nothing, nothing, 0.0, nothing[..., None, None]).half
    assert half.reshape(3, count).all(axis=1).tolist() == [True, False, True] and not half[count : 2 * count].any()


def test_effects_of_futures_are_over_the_control_arm_on_the_last_day() -> None:
    """Of outcomes 1 and 3 in the control arm on two days, 2 and 7 in a profile."""
    outcomes = np.array([[[[1.0], [2.0]], [[3.0], [7.0]]]])
    assert Futures(SimpleNamespace(), ("null",), (30, 90), outcomes).effects.tolist() == [[[4.0]]]


def two_and_three() -> SimpleNamespace:
    """One player has two strategies, the other three; each is paid for one outcome."""
    strategies = (("x", "y"), ("p", "q", "r"))
    return SimpleNamespace(
        players=("one", "two"),
        strategies=strategies,
        costs=((0.0, 0.3), (0.0, 0.5, 1.0)),
        weights=np.eye(2),
    )


@pytest.mark.parametrize("player", [0, 1])
def test_the_futures_of_a_player_are_draws_by_what_the_other_plays(player: int) -> None:
    """Each future by itself: a draw, what the other plays in it, and what each own strategy then pays and shows."""
    rng, game = np.random.default_rng(4), two_and_three()
    draws = Draws(("gain", "constant"), np.column_stack([rng.normal(size=2), np.ones(2)]), "prior", "")
    futures = Futures(draws, tuple(presets())[:2], (30, 90), rng.normal(size=(2, 2, 7, 2)))
    seen = prospects(game, futures, player)
    other = game.players[1 - player]
    assert seen.factors.names == ("gain", THEORY, other) and len(seen.payoffs) == 2 * len(game.strategies[1 - player])
    assert seen.factors.labels[other] == game.strategies[1 - player]
    for f, (gain, theory, move) in enumerate(seen.factors.values):
        draw = int(theory)  # draw k is under theory k
        assert gain == draws.values[draw, 0] and seen.factors.draw[f] == draw
        for own in range(len(game.strategies[player])):
            profile = (own, int(move)) if player == 0 else (int(move), own)
            place = 1 + int(np.ravel_multi_index(profile, (2, 3)))
            shown = futures.outcomes[draw, :, place]
            effect = shown[-1, player] - futures.outcomes[draw, -1, 0, player]
            assert seen.payoffs[f, own] == pytest.approx(effect - game.costs[player][own])
            assert seen.outcomes[f, :, own].tolist() == shown.tolist()
    np.testing.assert_allclose(seen.regrets, seen.payoffs.max(axis=1, keepdims=True) - seen.payoffs)


def test_signposts_by_hand() -> None:
    """Every other future fails. Insecurity tells all on day 90, and all but one failure of 42 on day 30, which is earlier
    and as good; the number of agreements on day 90 alone; effort only when all is over. Another strategy shows nothing."""
    count = 12 * len(presets())
    fails = np.arange(count) % 2 == 1
    outcomes = np.zeros((count, 3, 2, 3))
    outcomes[:, 1, 1, 0] = fails
    outcomes[:, 0, 1, 0] = fails & (np.arange(count) != 3)
    outcomes[:, 2, 1, 1] = fails
    outcomes[:, 1, 1, 2] = np.where(fails, 30.0, 0.001)
    nothing = np.zeros((count, 2))
    seen = Prospects(Factors(nothing, ("x", "y"), {}, np.arange(count)), nothing, nothing, 0.0, outcomes)
    measures = ("insecurity", "effort", "agreements_with")
    cast = SimpleNamespace(outcomes=[SimpleNamespace(measure=name, of=None, player="one") for name in measures])
    game = SimpleNamespace(cast=cast)
    posts = {row["outcome"]: row for row in robust._signposts(game, (30, 90, 300), seen, 1, fails)}
    assert {name: (row["day"], row["days_ahead"]) for name, row in posts.items()} == {
        "insecurity": (30, 270), "agreements_with": (90, 210),
    }  # fmt: skip
    assert posts["agreements_with"]["threshold"] in range(1, 11)
    assert (posts["insecurity"]["player"], posts["insecurity"]["is_high"]) == ("one", True)
    assert posts["insecurity"]["held_out"]["caught"] > 0.9 and posts["insecurity"]["held_out"]["false_alarms"] == 0.0
    assert robust._signposts(game, (30, 90, 300), seen, 0, fails) == []


def test_an_alarm_is_judged_by_the_other_half() -> None:
    """Where high values foretell failure in one half and success in the other, each half's alarm is wrong in the other."""
    half, fails = np.arange(8) < 4, np.array([False, True] * 4)
    values = np.where(half, fails, ~fails).astype(float)
    row = robust._signpost(values, fails, half, is_count=False)
    assert row["held_out"] == {"caught": 0.0, "false_alarms": 1.0}


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
