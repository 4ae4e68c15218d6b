"""Boxes of failures: planted ones are found, what is not there is not named, and the EMA workbench's PRIM says the same."""

import warnings
from math import comb
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games.boxes import (
    METHODS,
    Bounds,
    Factors,
    Fit,
    _leaves,
    _peeled,
    _simplified,
    cart,
    conditions,
    fit_of,
    prim,
    quasi_p_values,
    union,
)
from balance_sim.games.plan import load_game
from balance_sim.games.robust import (
    THEORY,
    Alarm,
    Futures,
    Prospects,
    _box_row,
    _conditions_row,
    _signpost,
    _signposts,
    best_alarm,
    futures_of,
    prospects,
)
from balance_sim.games.solve import expected_effects
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import presets
from balance_sim.study.draws import Draws, at

from .conftest import game_in

NAMES = tuple(f"x{number}" for number in range(12))
FUTURES = 800


@pytest.fixture(scope="module")
def factors() -> Factors:
    """Eleven numbers and a category of four, of independent futures."""
    rng = np.random.default_rng(3)
    values = np.column_stack([rng.random((FUTURES, 11)), rng.integers(0, 4, FUTURES)])
    return Factors(values, NAMES, {"x11": ("a", "b", "c", "d")}, np.arange(FUTURES))


def bounded(factors: Factors, box: Bounds) -> set[str]:
    return {factors.names[factor] for factor in box.factors(factors)}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_planted_box_of_numbers_is_found(factors: Factors, method) -> None:
    x = factors.values
    fails = (x[:, 2] > 0.55) & (x[:, 7] > 0.2) & (x[:, 7] < 0.7)
    (box,) = method(factors, fails)
    assert bounded(factors, box) == {"x2", "x7"}
    fit = fit_of(box.hold(factors), fails)
    assert fit.coverage > 0.9 and fit.density > 0.9
    assert box.lower[2] == pytest.approx(0.55, abs=0.05) and np.isinf(box.upper[2])
    assert (box.lower[7], box.upper[7]) == pytest.approx((0.2, 0.7), abs=0.07)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_two_planted_boxes_of_which_one_is_of_categories_are_found(factors: Factors, method) -> None:
    x = factors.values
    fails = (np.isin(x[:, 11], [1, 3]) & (x[:, 0] < 0.4)) | ((x[:, 4] > 0.75) & (x[:, 5] > 0.4))
    boxes = method(factors, fails)
    fit = fit_of(union(boxes, factors), fails)
    assert fit.coverage > 0.85 and fit.density > 0.85
    assert {"x11", "x0"} in [bounded(factors, box) for box in boxes]
    (named,) = [box for box in boxes if "x11" in bounded(factors, box)]
    place = factors.names.index("x11")
    held = named.only(factors, place).hold(factors)
    assert {*np.unique(x[held, place])} == {1.0, 3.0}


def test_where_chance_alone_decides_no_condition_is_named(factors: Factors) -> None:
    half = factors.draw % 2 == 0
    for seed in range(6):
        fails = np.random.default_rng(seed).random(FUTURES) < 0.3
        assert conditions(factors, fails, half).boxes == ()
    for fails in (np.zeros(FUTURES, dtype=bool), np.ones(FUTURES, dtype=bool)):
        assert conditions(factors, fails, half).boxes == ()


def test_boxes_are_judged_by_draws_that_they_were_not_found_from(factors: Factors) -> None:
    """Failures that follow a rule in one half of the draws and chance in the other: what is found there holds not."""
    half = factors.draw % 2 == 0
    fails = np.where(half, factors.values[:, 3] > 0.7, np.random.default_rng(1).random(FUTURES) < 0.3)
    found = conditions(factors, fails, half)
    seen = prim(factors.at(half), fails[half])
    assert fit_of(union(seen, factors.at(half)), fails[half]).f1 > 0.95
    assert found.held_out.f1 < 0.6 and found.boxes == ()
    everywhere = conditions(factors, factors.values[:, 3] > 0.7, half)
    assert everywhere.held_out.f1 > 0.95 and len(everywhere.boxes) == 1


def test_a_box_in_which_most_do_well_is_none(factors: Factors) -> None:
    """Of futures with x0 > 0.7 four in ten fail, of others one in fifty: a box tells more than `it always fails`, 0.4 of it
    though fails. Where seven in ten do it is named."""
    x, chance = factors.values[:, 0], np.random.default_rng(8).random(FUTURES)
    half = factors.draw % 2 == 0
    for share, is_named in ((0.4, False), (0.7, True)):
        fails = chance < np.where(x > 0.7, share, 0.02)
        found = conditions(factors, fails, half)
        assert found.held_out.f1 > 1.2 * fit_of(np.ones_like(fails), fails).f1
        assert (len(found.boxes) > 0) == is_named == (found.held_out.density > 0.5)


def test_of_two_bounds_that_say_the_same_one_stays() -> None:
    """By chance either would be made beside the other, so one goes; it would not without it, so the other stays."""
    x = np.arange(40.0)
    factors, fails = Factors(np.column_stack([x, x]), ("x", "again"), {}, np.arange(40)), x >= 30
    both = Bounds.none(factors).with_bound(0, 0, 30.0).with_bound(0, 1, 30.0)
    assert [*quasi_p_values(both, factors, fails).values()] == [1.0, 1.0]
    left = _simplified(both, factors, fails)
    assert len(left.factors(factors)) == 1 and (left.hold(factors) == fails).all()


@pytest.mark.parametrize(("count", "stays"), [(1, True), (12, False)])
def test_the_more_factors_there_are_the_less_may_be_chance(count: int, stays: bool) -> None:
    """Of 20 futures 12 fail, of 10 in the box 9: by chance as many in 4.6 %, which is little for one factor, much for twelve.
    F1 is 0.82 with the bound and 0.75 without."""
    values = np.zeros((20, count))
    values[:, 0] = np.arange(20)
    factors = Factors(values, NAMES[:count], {}, np.arange(20))
    fails = np.isin(np.arange(20), [*range(9), 10, 11, 12])
    box = Bounds.none(factors).with_bound(1, 0, 9.0)
    by_chance = 10 * 0.6**9 * 0.4 + 0.6**10
    assert quasi_p_values(box, factors, fails)[0] == pytest.approx(by_chance)
    assert bool(_simplified(box, factors, fails).factors(factors)) == stays


def test_a_box_bounds_three_factors_at_the_most(factors: Factors) -> None:
    bounds, fails = Bounds.none(factors), (factors.values[:, :4] > 0.4).all(axis=1)
    for column in range(4):
        bounds = bounds.with_bound(0, column, 0.4)
        few = _simplified(bounds, factors, fails)
        assert len(few.factors(factors)) == min(column + 1, 3)


def test_peeling_ends_where_the_box_would_hold_too_few() -> None:
    """One failure in a hundred, at the upper end: peels from below, until less than ten would be left."""
    factors = Factors(np.arange(100.0)[:, None], ("x",), {}, np.arange(100))
    path = _peeled(factors, np.arange(100) == 99, 10.0, np.array([True]))
    sizes = [int(box.hold(factors).sum()) for box in path]
    assert sizes[0] == 100 and sizes == sorted(sizes, reverse=True) and sizes[-1] == 10


def test_each_future_lies_in_one_leaf(factors: Factors) -> None:
    fails = factors.values[:, 0] + factors.values[:, 1] > 1.2
    leaves = _leaves(factors, fails, 20, 0)
    assert len(leaves) > 4 and (np.sum([leaf.hold(factors) for leaf in leaves], axis=0) == 1).all()


def test_the_order_of_futures_and_of_factors_changes_nothing(factors: Factors) -> None:
    x = factors.values
    fails = (x[:, 2] > 0.5) & (x[:, 7] < 0.6)
    order, places = np.random.default_rng(2).permutation(FUTURES), np.arange(12)[::-1]
    names = tuple(factors.names[place] for place in places)
    other = Factors(x[order][:, places], names, factors.labels, order)
    (box,), (again,) = prim(factors, fails), prim(other, fails[order])
    np.testing.assert_array_equal(box.hold(factors)[order], again.hold(other))


def test_a_quasi_p_value_by_hand() -> None:
    """Ten futures, of which 0 to 3 lie in the box and fail; without its bound 4 of 10 fail. 4 of 4 by chance: 0.4^4."""
    factors = Factors(np.arange(10.0)[:, None], ("x",), {}, np.arange(10))
    fails = np.arange(10) < 4
    box = Bounds.none(factors).with_bound(1, 0, 3.0)
    assert fit_of(box.hold(factors), fails) == Fit(1.0, 1.0)
    assert quasi_p_values(box, factors, fails)[0] == pytest.approx(0.4**4)
    # the same futures in pairs of one draw: two draws, both fail
    pairs = Factors(factors.values, ("x",), {}, np.arange(10) // 2)
    assert quasi_p_values(box, pairs, fails)[0] == pytest.approx(0.4**2)
    wider = Bounds.none(factors).with_bound(1, 0, 5.0)  # 4 of 6 fail
    tail = sum(comb(6, k) * 0.4**k * 0.6 ** (6 - k) for k in (4, 5, 6))
    assert quasi_p_values(wider, factors, fails)[0] == pytest.approx(tail)


def test_the_workbench_finds_the_same_box(factors: Factors) -> None:
    """The best box on its trajectory, and its quasi-p-values, which are of the same definition."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ema_workbench.analysis.prim import Prim
    x = factors.values[:, :11]
    fails = (x[:, 2] > 0.55) & (x[:, 7] < 0.5)
    theirs = Prim(pd.DataFrame(x, columns=NAMES[:11]), fails.astype(int))
    box = theirs.find_box()
    path = box.peeling_trajectory
    best = int((2 * path.coverage * path.density / (path.coverage + path.density)).idxmax())
    numbers = Factors(x, NAMES[:11], {}, factors.draw)
    (own,) = prim(numbers, fails)
    fit = fit_of(own.hold(numbers), fails)
    assert {*box.p_values[best]} == bounded(numbers, own) == {"x2", "x7"}
    assert (fit.coverage, fit.density) == pytest.approx((path.coverage[best], path.density[best]), abs=0.04)
    same = Bounds.none(numbers)
    limits = box.box_lims[best]
    same = same.with_bound(0, 2, limits["x2"][0]).with_bound(1, 7, limits["x7"][1])
    for factor, name, side in ((2, "x2", 0), (7, "x7", 1)):
        assert quasi_p_values(same, numbers, fails)[factor] == pytest.approx(box.p_values[best][name][side], rel=1e-6)


def test_a_tree_does_not_hang_on_the_scale_of_a_factor(factors: Factors) -> None:
    """Ranks are what it grows on: numbers that single precision cannot tell apart are told apart."""
    x = factors.values[:, :2]
    fails = (x[:, 0] > 0.5) & (x[:, 1] < 0.5)
    plain = Factors(x, ("a", "b"), {}, factors.draw)
    shifted = Factors(1e9 + x * 1e-3, ("a", "b"), {}, factors.draw)
    (box,), (again,) = cart(plain, fails), cart(shifted, fails)
    np.testing.assert_array_equal(box.hold(plain), again.hold(shifted))


# --- futures of one player, by hand ---------------------------------------------------


def test_when_a_strategy_fails_and_what_it_meets_by_hand() -> None:
    """Four futures of two strategies, the first observed: it fails where the second pays more, the second where it pays less
    than the first; equal payoffs are no failure."""
    payoffs = np.array([[1.0, 0.0], [-1.0, 2.0], [0.5, 0.5], [-2.0, -3.0]])
    best = payoffs.max(axis=1, keepdims=True)
    draw = np.arange(4)
    factors = Factors(draw[:, None].astype(float), ("x",), {}, draw)
    seen = Prospects(factors, payoffs, best - payoffs, 1e-9, np.zeros((4, 1, 2, 1)))
    assert seen.failing(0, 0).tolist() == [False, True, False, False]
    assert seen.failing(1, 0).tolist() == [True, False, False, True]
    row = _conditions_row(seen, 1, 0, seen.failing(1, 0))
    assert (row["futures"], row["fails"], row["meets_observed"], row["meets_control"]) == (4, 0.5, 0.5, 0.75)
    assert (row["regret_largest"], row["regret_q90"]) == pytest.approx((1.0, 1.0))
    assert _conditions_row(seen, 0, 0, seen.failing(0, 0))["regret_q90"] == pytest.approx(0.7 * 3.0)


def test_effects_of_futures_are_over_the_control_arm_on_the_last_day() -> None:
    """Of outcomes 1 and 3 in the control arm on two days, 2 and 7 in a profile."""
    outcomes = np.array([[[[1.0], [2.0]], [[3.0], [7.0]]]])
    assert Futures(SimpleNamespace(), ("null",), (30, 90), outcomes).effects.tolist() == [[[4.0]]]


def test_when_an_alarm_rings_by_hand() -> None:
    """Of a number of agreements that is expected to be 1.5 the chance of two or more is 1 - e^-1.5 (1 + 1.5)."""
    chance = 1.0 - np.exp(-1.5) * 2.5
    for is_high, wanted in ((True, chance), (False, 1.0 - chance)):
        assert Alarm(True, 2.0, is_high).rings(np.array([1.5]))[0] == pytest.approx(wanted)
    values, fails = np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True])
    assert Alarm(False, 0.5).rings(values).tolist() == [0.0, 1.0, 1.0, 1.0]
    assert Alarm(False, 0.5).shares(values, fails) == (1.0, 0.5) and Alarm(False, 0.5).skill(values, fails) == 0.5
    assert Alarm(False, 0.5, is_high=False).rings(values).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert best_alarm(values, fails, is_count=False).skill(values, fails) == 0.5


def test_draws_go_through_the_theories_in_turn(tmp_path: Path) -> None:
    """Each profile of draw k is what it is under theory k; and each half of the futures is of whole rounds of theories."""
    game = load_game(game_in(tmp_path))
    draws = prior_draws(game.scenario, 3)
    futures = futures_of(game, draws)
    assert futures.theories == tuple(presets())[:3]
    for k, theory in enumerate(futures.theories):
        wanted = expected_effects(game, with_values(at(game.scenario, draws, k), {THEORY: theory}))
        np.testing.assert_allclose(futures.effects[k], wanted, rtol=0.05, atol=1e-3)
    count = len(presets())
    factors = Factors(np.zeros((3 * count, 1)), ("x",), {}, np.arange(3 * count))
    half = Prospects(
        factors, np.zeros((3 * count, 1)), np.zeros((3 * count, 1)), 0.0, np.zeros((3 * count, 1, 1, 1))
    ).half
    assert half.reshape(3, count).all(axis=1).tolist() == [True, False, True] and not half[count : 2 * count].any()


def two_and_three() -> SimpleNamespace:
    """One player has two strategies, the other three; each is paid for one outcome."""
    strategies = (("x", "y"), ("p", "q", "r"))
    return SimpleNamespace(
        players=("one", "two"),
        strategies=strategies,
        costs=((0.0, 0.0), (0.0, 0.0, 0.0)),
        weights=np.eye(2),
    )


@pytest.mark.parametrize("player", [0, 1])
def test_the_futures_of_a_player_are_draws_by_what_the_other_plays(player: int) -> None:
    """Each future by itself: a draw, what the other plays in it, and what each own strategy then pays and shows."""
    rng, game = np.random.default_rng(4), two_and_three()
    draws = Draws(("gain",), rng.normal(size=(2, 1)), "prior", "")
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
            assert seen.payoffs[f, own] == pytest.approx(shown[-1, player] - futures.outcomes[draw, -1, 0, player])
            assert seen.outcomes[f, :, own].tolist() == shown.tolist()
    np.testing.assert_allclose(seen.regrets, seen.payoffs.max(axis=1, keepdims=True) - seen.payoffs)


def test_a_box_in_words_by_hand() -> None:
    """Six futures of an x of 0 to 5, of a theory that is a or b in turn. A box of x >= 2 under b: x is bounded from 2 on,
    though the box itself begins at 3. Of x >= 3 three of six fail; of what an earlier box left, x >= 2, three of four."""
    x = np.arange(6.0)
    factors = Factors(np.column_stack([x, x % 2]), ("x", "theory"), {"theory": ("a", "b")}, np.arange(6))
    box = Bounds.none(factors).with_bound(0, 0, 2.0).with_bound(0, 2, 1.0)
    rows = {row["factor"]: row for row in _box_row(box, factors, x > 2, np.full(6, True))["restrictions"]}
    assert (rows["x"]["least"], rows["x"]["largest"], rows["x"]["range"]) == (2.0, None, [0.0, 5.0])
    assert (rows["theory"]["among"], rows["theory"]["options"]) == (["b"], ["a", "b"])
    numbers = Factors(x[:, None], ("x",), {}, np.arange(6))
    box = Bounds.none(numbers).with_bound(0, 0, 3.0)
    for left, density in ((x >= 0, 0.5), (x >= 2, 0.75)):
        (row,) = _box_row(box, numbers, x > 2, left)["restrictions"]
        assert row["quasi_p"] == pytest.approx(density**3)


def test_signposts_by_hand() -> None:
    """Every other future fails. Insecurity tells all on day 90, and all but one failure of 42 on day 30, which is earlier
    and as good; the number of agreements on day 90 alone; effort only when all is over."""
    count = 12 * len(presets())
    fails = np.arange(count) % 2 == 1
    outcomes = np.zeros((count, 3, 1, 3))
    outcomes[:, 1, 0, 0] = fails
    outcomes[:, 0, 0, 0] = fails & (np.arange(count) != 3)
    outcomes[:, 2, 0, 1] = fails
    outcomes[:, 1, 0, 2] = np.where(fails, 30.0, 0.001)
    factors = Factors(np.zeros((count, 1)), ("x",), {}, np.arange(count))
    seen = Prospects(factors, np.zeros((count, 1)), np.zeros((count, 1)), 0.0, outcomes)
    measures = ("insecurity", "effort", "agreements_with")
    cast = SimpleNamespace(outcomes=[SimpleNamespace(measure=name, of=None, player="one") for name in measures])
    game = SimpleNamespace(cast=cast)
    posts = {row["outcome"]: row for row in _signposts(game, (30, 90, 300), seen, 0, fails)}
    assert {name: (row["day"], row["days_ahead"]) for name, row in posts.items()} == {
        "insecurity": (30, 270), "agreements_with": (90, 210),
    }  # fmt: skip
    assert posts["agreements_with"]["threshold"] in range(1, 11)


def test_an_alarm_is_judged_by_the_other_half() -> None:
    """Where high values foretell failure in one half and success in the other, each half's alarm is wrong in the other."""
    half, fails = np.arange(8) < 4, np.array([False, True] * 4)
    values = np.where(half, fails, ~fails).astype(float)
    row = _signpost(values, fails, half, is_count=False)
    assert row["held_out"] == {"caught": 0.0, "false_alarms": 1.0}
