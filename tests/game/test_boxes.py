"""Boxes of failures: planted ones are found, what is not there is not named, and the EMA workbench's PRIM says the same."""

import warnings
from math import comb

import numpy as np
import pandas as pd
import pytest
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
from balance_sim.games.robust import (
    _box_row,
)

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


@pytest.mark.needs("sklearn")
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


@pytest.mark.needs("sklearn")
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


@pytest.mark.needs("sklearn")
def test_where_chance_alone_decides_no_condition_is_named(factors: Factors) -> None:
    half = factors.draw % 2 == 0
    for seed in range(3):
        fails = np.random.default_rng(seed).random(FUTURES) < 0.3
        assert conditions(factors, fails, half).boxes == ()
    for fails in (np.zeros(FUTURES, dtype=bool), np.ones(FUTURES, dtype=bool)):
        assert conditions(factors, fails, half).boxes == ()


@pytest.mark.needs("sklearn")
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


@pytest.mark.needs("sklearn")
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


@pytest.mark.needs("sklearn")
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


@pytest.mark.long
def test_the_workbench_finds_the_same_box(factors: Factors) -> None:
    """The best box on its trajectory, and its quasi-p-values, which are of the same definition."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ema_workbench.analysis.prim import Prim
    x = factors.values[:, :8]
    fails = (x[:, 2] > 0.55) & (x[:, 7] < 0.5)
    theirs = Prim(pd.DataFrame(x, columns=NAMES[:8]), fails.astype(int))
    box = theirs.find_box()
    path = box.peeling_trajectory
    best = int((2 * path.coverage * path.density / (path.coverage + path.density)).idxmax())
    numbers = Factors(x, NAMES[:8], {}, factors.draw)
    (own,) = prim(numbers, fails)
    fit = fit_of(own.hold(numbers), fails)
    assert {*box.p_values[best]} == bounded(numbers, own) == {"x2", "x7"}
    assert (fit.coverage, fit.density) == pytest.approx((path.coverage[best], path.density[best]), abs=0.04)
    same = Bounds.none(numbers)
    limits = box.box_lims[best]
    same = same.with_bound(0, 2, limits["x2"][0]).with_bound(1, 7, limits["x7"][1])
    for factor, name, side in ((2, "x2", 0), (7, "x7", 1)):
        assert quasi_p_values(same, numbers, fails)[factor] == pytest.approx(box.p_values[best][name][side], rel=1e-6)


@pytest.mark.needs("sklearn")
def test_a_tree_does_not_hang_on_the_scale_of_a_factor(factors: Factors) -> None:
    """Ranks are what it grows on: numbers that single precision cannot tell apart are told apart."""
    x = factors.values[:, :2]
    fails = (x[:, 0] > 0.5) & (x[:, 1] < 0.5)
    plain = Factors(x, ("a", "b"), {}, factors.draw)
    shifted = Factors(1e9 + x * 1e-3, ("a", "b"), {}, factors.draw)
    (box,), (again,) = cart(plain, fails), cart(shifted, fails)
    np.testing.assert_array_equal(box.hold(plain), again.hold(shifted))


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
