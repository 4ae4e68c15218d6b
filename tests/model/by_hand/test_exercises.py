"""Joint exercises: rates, alarm and time weights by hand, Poisson numbers against another program."""

import math
from dataclasses import replace

import numpy as np
import pytest
from balance_sim.model import exercises, threat
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Drawn
from balance_sim.scenario.defaults import exercise_distribution, exercise_slopes
from balance_sim.study import exercises as study
from balance_sim.study.talks_at_start import Windows
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

SLOPES = {"constant": 1.0, "agreement": 2.0, "capability": 0.5, "nearness": 0.25, "likeness": 0.1, "democracy": 3.0}


def test_a_dyads_rate_by_hand(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The logarithm of the rate: 1 + 2 [in force] + 0.5 ln(c_i c_j) / 2 - 0.25 ln(1 + km / 500) - 0.1 gap + 3 regime."""
    monkeypatch.setattr(exercises, "exercise_slopes", lambda: SLOPES)
    world, found = worlds.reference, exercises.rate_at_start(worlds.reference)
    tied = world.at_start.depth > 0
    assert tied.any() and not tied.all()
    for dyad, (i, j) in enumerate(zip(world.first, world.second, strict=True)):
        capability = math.log(world.capability[i] * world.capability[j]) / 2
        near = math.log(1 + world.distance_km[i, j] / 500)
        wanted = 1 + 2 * bool(tied[dyad]) + 0.5 * capability - 0.25 * near - 0.1 * world.gap[i, j]
        assert found[dyad] == pytest.approx(math.exp(wanted + 3 * world.democracy[i, j]))


def test_shipped_slopes_are_in_the_order_of_the_covariates() -> None:
    names = exercises.covariates(*np.ones((5, 1)))
    assert list(names) == list(exercise_slopes())


def test_alarm_of_both_sides_by_hand() -> None:
    """0 fears 0.10, of which 1 would side with 0.04; 1 fears 0.05, 0 sides with 0.01: (ln(0.063 / 0.033) +
    ln(0.043 / 0.023)) / 2 over 0.03 and 0.02 at the start. What 2 fears is all sided with: ln(0.003 / 0.013) / 2."""
    total, sided, start = np.array([[0.10, 0.05, 0.02]]), np.zeros((1, 3, 3)), np.zeros((3, 3))
    sided[0, 0, 1], sided[0, 1, 0], sided[0, 0, 2], sided[0, 2, 0] = 0.04, 0.01, 0.05, 0.02
    start[0, 1], start[1, 0], start[0, 2], start[2, 0] = 0.03, 0.02, 0.05, 0.01
    sides = np.array([0, 0]), np.array([1, 2])
    found = exercises.mutual_alarm(total, sided, start, sides, 0.003)[0]
    first = (math.log(0.063 / 0.033) + math.log(0.043 / 0.023)) / 2
    assert found == pytest.approx([first, math.log(0.003 / 0.013) / 2])


@given(
    st.lists(st.floats(0.0, 400.0), min_size=2, max_size=30, unique=True),
    st.floats(0.0, 400.0),
    st.floats(0.1, 400.0),
)
def test_an_integral_lies_between_the_least_and_the_largest_rate_times_the_window(
    grid: list[float], first: float, length: float
) -> None:
    edges = np.array(sorted(grid))
    days = exercises.days_within(edges, first, first + length)
    assert (days >= 0).all()
    inside = np.clip([edges[0], edges[-1]], first, first + length)
    assert days.sum() == pytest.approx(inside[1] - inside[0])
    assert (days <= np.diff(edges) + 1e-9).all()


def test_a_rate_that_holds_in_steps_is_integrated_exactly_however_the_steps_are_cut() -> None:
    """A rate of 1 before day 100 and of 4 from it on: 90 x 1 + 200 x 4 from day 10 to day 300."""
    coarse = np.array([0.0, 100.0, 365.0])
    crowded = np.unique([*np.arange(99.0, 109.0), *coarse, 240.0])
    for grid in (coarse, crowded):
        rates = np.where(grid[:-1] < 100.0, 1.0, 4.0)
        assert exercises.days_within(grid, 10.0, 300.0) @ rates == pytest.approx(890.0)


@pytest.mark.parametrize("mean", [0.0, 0.001, 0.7, 12.5, 900.0])
def test_poisson_numbers_are_those_of_another_program(mean: float) -> None:
    shares = np.concatenate([[1e-12, 1 - 1e-12], np.random.default_rng(1).uniform(size=500)])
    found = exercises.poisson(shares, np.full(502, mean))
    np.testing.assert_array_equal(found, stats.poisson.ppf(shares, mean) if mean else np.zeros(502))


def test_a_higher_mean_never_has_fewer() -> None:
    shares, means = np.random.default_rng(2).uniform(size=(200, 1)), np.linspace(0, 40, 300)
    found = exercises.poisson(np.broadcast_to(shares, (200, 300)), np.broadcast_to(means, (200, 300)))
    assert (np.diff(found, axis=1) >= 0).all() and found.max() > 40


def test_states_that_keep_still_do_not_exercise_more(worlds: Worlds) -> None:
    """Without weight of alarm kappa is 0; else the shipped one, or each replication's own."""
    world = worlds.reference
    off = replace(world, rules=replace(world.rules, weights={**world.rules.weights, "alarm": 0.0}))
    on = replace(world, rules=replace(world.rules, weights={**world.rules.weights, "alarm": 1.0}))
    drawn = replace(on, drawn=Drawn({}, np.zeros((2, 1)), np.array([0.3, -0.4])))
    assert exercises.reaction(off).tolist() == [[0.0]]
    assert exercises.reaction(on)[0, 0] == pytest.approx(exercise_distribution().estimate[0])
    assert exercises.reaction(drawn).tolist() == [[0.3], [-0.4]]


def counted(worlds: Worlds) -> study.Exercises:
    return study.Exercises(worlds, worlds.baseline.direction, Windows(10.0, (30, 90), 200.0))


def test_equal_rates_give_equal_numbers_and_higher_ones_never_fewer(worlds: Worlds) -> None:
    """By class and window, on the uniforms of seed and replication; those within a window are among those of a longer
    one; alone a replication has the same."""
    runs = np.arange(400, dtype=np.uint64)
    held, expected = counted(worlds), np.stack([np.full((400, 3), 2.0), np.full((400, 3), 7.0)])
    base = held.drawn(expected, 1, runs)
    np.testing.assert_array_equal(base, held.drawn(expected.copy(), 1, runs))
    np.testing.assert_array_equal(base[:, 7:9], held.drawn(expected[:, 7:9], 1, runs[7:9]))
    more = held.drawn(expected * 1.2, 1, runs)
    assert (more >= base).all() and (more > base).any() and (base[1] >= base[0]).all()
    assert np.abs(base.mean(axis=1) - [[2.0], [7.0]]).max() < 4 * math.sqrt(7 / 400)
    assert np.corrcoef(base[1].T)[0, 1] < 0.2
    assert not np.array_equal(base, held.drawn(expected, 2, runs))


def test_a_constant_rate_makes_days_over_a_year(worlds: Worlds) -> None:
    """36.525 a year for 30 and 90 days after day 11, whatever the steps: 3 and 9; all is the sum of the classes."""
    held, rates = counted(worlds), np.full((1, 3), 36.525)
    grid = np.array([0.0, 11.0, 60.0, 110.0, 200.0])
    numbers = held.within(grid, dict.fromkeys(range(4), rates))
    named = held.outcomes(numbers[:, 0])
    assert named["exercises_counter_30"] == pytest.approx(3.0) and named["exercises_other_90"] == pytest.approx(9.0)
    assert named["exercises_all_90"] == pytest.approx(27.0)


def test_alarm_is_that_of_willingness() -> None:
    """ln((T_ij + s) / (T_ij at the start + s)) of both sides, as `threat.alarm` has it."""
    rng = np.random.default_rng(3)
    theta, align = rng.uniform(size=(4, 5, 5)), rng.uniform(size=(4, 5, 5))
    total, sided, start = theta.sum(axis=2), theta @ align.swapaxes(1, 2), rng.uniform(size=(5, 5))
    first, second = np.triu_indices(5, 1)
    one_way = threat.alarm(threat.unsided(total, sided), start, 0.01)
    wanted = (one_way[:, first, second] + one_way[:, second, first]) / 2
    found = exercises.mutual_alarm(total, sided, start, (first, second), 0.01)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
