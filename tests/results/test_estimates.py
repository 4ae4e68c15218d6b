"""Means, spreads, quantiles and paired differences on a few numbers, worked out by hand."""

import math

import numpy as np
import pyarrow as pa
import pytest
from balance_sim.study.estimates import (
    Estimates,
    Moments,
    difference_ends,
    estimates_of,
    moments_of,
    quantiles,
    spread_with,
)

NAN = float("nan")


def moments(values: list[float]) -> Moments:
    return moments_of(np.array(values), np.arange(len(values)))


def test_moments_by_hand() -> None:
    """1, 2, 6, 7: mean 4, squares 9 + 4 + 4 + 9 = 26, sd sqrt(26/3), error sqrt(26/12)."""
    found = moments([1.0, 2.0, 6.0, 7.0])
    assert (found.n, found.mean, found.squares) == (4, 4.0, pytest.approx(26.0))
    assert (found.sd, found.error) == (pytest.approx(math.sqrt(26 / 3)), pytest.approx(math.sqrt(26 / 12)))
    assert found.sample.sd == found.sd
    assert math.isnan(moments([2.0]).sd) and math.isnan(moments([]).mean)
    late = moments([1.0, NAN, 3.0])  # a day that never came has no mean
    assert late.n == 3 and math.isnan(late.mean) and math.isnan(late.sd)


def test_moments_are_added_up_128_replications_at_a_time() -> None:
    rng = np.random.default_rng(2)
    values, runs = rng.normal(3, 1, 400), np.arange(400)
    found = moments_of(values, runs)
    assert (found.mean, found.sd) == (pytest.approx(values.mean()), pytest.approx(values.std(ddof=1)))
    missing = runs != 130  # a replication that failed moves no edge
    without = moments_of(values[missing], runs[missing])
    halves = [moments_of(values[part], runs[part]) for part in (runs < 128, missing & (runs >= 128) & (runs < 256))]
    assert halves[0] == moments_of(values[:128], runs[:128])
    assert without.mean == pytest.approx(values[missing].mean(), abs=1e-14)


def test_quantiles_are_the_smallest_value_that_a_share_does_not_exceed() -> None:
    values = np.array([5.0, 1.0, 2.0, 1.0])
    assert quantiles(values, [0.05, 0.5, 0.51, 0.75, 0.76, 0.95]).tolist() == [1, 1, 2, 2, 5, 5]
    late = quantiles(np.array([4.0, NAN]), [0.5, 0.95])
    assert late[0] == 4.0 and math.isnan(late[1])
    assert math.isnan(quantiles(np.empty(0), [0.5])[0])


def test_the_spread_over_both_arms() -> None:
    """1, 3 and 5, 7: all about 4: sqrt((9 + 1 + 1 + 9) / 4) = sqrt(5)."""
    assert spread_with(moments([1.0, 3.0]), moments([5.0, 7.0])) == pytest.approx(math.sqrt(5))
    assert math.isnan(spread_with(moments([1.0, NAN]), moments([5.0])))


def test_the_interval_of_counts_that_differ_in_few_runs() -> None:
    """100 runs, three gain 1 and one loses 1, spread 0.7: 0.02 less 0.0558928 and more 0.0624182, as in
    tests/stats/test_intervals.py. Of two runs there is an interval, of one there is none."""
    values = np.zeros(100)
    values[[3, 40, 77]], values[12] = 1.0, -1.0
    found = moments(values.tolist())
    assert (found.mean, found.error) == (pytest.approx(0.02), pytest.approx(0.02))
    steady = np.array([values, [0.0] * 100])  # whose intervals do not depend on what stands beside them
    low, high = difference_ends(steady, moments_of(steady, np.arange(100)), np.array([0.7, 0.0]))
    assert (low[0], high[0]) == pytest.approx((-0.03589281, 0.08241816), abs=1e-7)
    assert (low[1], high[1]) == (0.0, 0.0)
    for few, has_ends in (([0.0, 0.0], True), ([0.0], False), ([1.0, NAN], False)):
        ends = difference_ends(np.array([few]), moments_of(np.array([few]), np.arange(len(few))), np.ones(1))
        assert np.isfinite(ends).all() == has_ends


def study(arm: list[float], control: list[float], smooth: list[float], only: tuple[str, ...] = ()) -> Estimates:
    """Two arms, the event's filtered estimate against 2 in each replication."""
    n = len(arm)
    columns = {
        "run": [*range(n)] * 2,
        "arm": ["none"] * n + ["event"] * n,
        "accords_all_30": [*control, *arm],
        "filtered_accords_all_30": [2.0] * n + smooth,
        "first_counter_days": [*control, *arm],
        "scheduled_30": [1.0] * (2 * n),
    }
    return estimates_of([pa.table(columns)], ("none", "event"), only)


def spread(of: Estimates, outcome: str) -> float:
    return float(of.spread(of.of_arm("event", [outcome]), of.of_arm("none", [outcome]))[0])


def test_levels_and_effects_of_one_study() -> None:
    """Counts 1, 2, 4, 1 against 1, 1, 1, 1; filtered 2.5, 2, 3, 2.5 against 2: effect 0.5, error sqrt(1/6) / 2."""
    found = study([1.0, 2.0, 4.0, 1.0], [1.0] * 4, [2.5, 2.0, 3.0, 2.5])
    here = found.levels_frame().set_index(["arm", "outcome"]).loc["event", "accords_all_30"]
    assert (here["estimator"], here["mean"], here["n"]) == ("filtered", 2.5, 4)
    assert (here["sd"], here["q50"], here["q95"]) == (pytest.approx(math.sqrt(2)), 1.0, 4.0)
    assert here["mcse"] == pytest.approx(math.sqrt(0.5 / 3) / 2)
    effects = found.effects_frame().set_index("outcome")
    row = effects.loc["accords_all_30"]
    assert (row["mean"], row["mcse"], row["share_positive"]) == (0.5, pytest.approx(math.sqrt(1 / 6) / 2), 0.5)
    assert math.isnan(row["lo"]) and math.isnan(row["hi"])  # of four runs
    # filtered, over both arms five times 2, twice 2.5, and 3: mean 2.25, squares 8 x 0.0625 + 0.5 = 1, of eight
    assert spread(found, "accords_all_30") == pytest.approx(math.sqrt(1 / 8))
    assert spread(found, "scheduled_30") == effects.loc["scheduled_30", "hi"] == 0.0  # no arm can change it
    assert found.names == ["accords_all_30", "first_counter_days", "scheduled_30"]


def test_a_filtered_effect_has_an_interval_from_ten_runs_on() -> None:
    """2.4 and 2.6 in turn against 2: Student's t of 0.4 and 0.6, as no run stands out."""
    ten = study([1.0] * 10, [1.0] * 10, [2.4, 2.6] * 5).effect("event", "accords_all_30")
    half = 2.262157 * math.sqrt(0.01 * 10 / 9) / math.sqrt(10)
    assert (ten["lo"], ten["hi"]) == (pytest.approx(0.5 - half, abs=1e-6), pytest.approx(0.5 + half, abs=1e-6))
    nine = study([1.0] * 9, [1.0] * 9, [2.4, 2.6] * 4 + [2.5]).effect("event", "accords_all_30")
    assert math.isnan(nine["lo"]) and math.isnan(nine["hi"]) and nine["mcse"] > 0
    alike = study([1.0] * 2, [1.0] * 2, [2.0] * 2).effect("event", "accords_all_30")
    assert (alike["lo"], alike["hi"]) == (0.0, 0.0)  # no run can show a difference


def test_missing_counts_as_later_than_any_day() -> None:
    """Arm 1, 5, never, never, 2; control 2, 5, 3, never, never: earlier in two, later in one of five."""
    found = study([1.0, 5.0, NAN, NAN, 2.0], [2.0, 5.0, 3.0, NAN, NAN], [2.0] * 5)
    row = found.effect("event", "first_counter_days")
    assert (row["share_positive"], row["share_negative"], row["n"]) == (0.2, 0.4, 5)
    assert row["estimator"] == "count" and math.isnan(row["mean"]) and math.isnan(row["lo"])


def test_arms_that_are_alike_to_the_last_digit_have_no_room_for_a_jump() -> None:
    assert study([1.0, 1.0], [1.0, 1.0], [2.0, 2.0]).alike == {"event"}
    found = study([1.0, 1.0, 3.0], [1.0] * 3, [2.0, 2.1, 2.0])  # the number differs later than its estimate
    assert found.first_difference == {"event": (1, "accords_all_30")}
    # filtered, once 2.1 and five times 2: mean 2 + 1/60, squares 0.01 x 5/6, of six
    assert spread(found, "accords_all_30") == pytest.approx(math.sqrt(0.01 * 5 / 36))


def test_runs_that_an_arm_lacks_are_left_out() -> None:
    columns = {"run": [0, 1, 2, 1, 2], "arm": ["none"] * 3 + ["event"] * 2, "accords_all_30": [0.0, 1, 2, 6, 7]}
    found = estimates_of([pa.table(columns)], ("none", "event"))
    assert found.run.tolist() == [1, 2] and found.values("none", "accords_all_30").tolist() == [1.0, 2.0]
    assert estimates_of([], ("none", "event")).effects_frame().empty
