"""Means, spreads, quantiles and paired differences on a few numbers, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from balance_sim.study.estimates import Counts, Estimates, Moments, PairedDifference, in_chunks

NAN = float("nan")


def of(kind: type, *parts: list[float]):  # type: ignore[no-untyped-def]
    out = kind()
    for part in parts:
        out.add(np.array(part))
    return out


def test_moments_in_parts_are_those_of_the_whole() -> None:
    """1, 2, 6, 7: mean 4, squares 9 + 4 + 4 + 9 = 26, sd sqrt(26/3), error sqrt(26/12); t(3) = 3.182446."""
    for parts in ([[1.0, 2.0, 6.0, 7.0]], [[1.0], [2.0, 6.0], [], [7.0]]):
        found = of(Moments, *parts)
        assert (found.n, found.mean(), found.squares) == (4, 4.0, pytest.approx(26.0))
        assert (found.sd(), found.error()) == (
            pytest.approx(math.sqrt(26 / 3)),
            pytest.approx(math.sqrt(26 / 12)),
        )
        half = 3.182446 * math.sqrt(26 / 12)
        assert found.interval() == pytest.approx((4 - half, 4 + half), abs=1e-5)
        sample = found.sample()
        assert (sample.n, sample.mean, sample.sd) == (4, 4.0, pytest.approx(math.sqrt(26 / 3)))


def test_a_day_that_never_came_leaves_no_mean() -> None:
    found = of(Moments, [1.0, NAN], [3.0])
    assert (found.n, found.known, found.missing) == (3, 2, 1)
    assert math.isnan(found.mean()) and math.isnan(found.sd())
    assert math.isnan(of(Moments).mean()) and math.isnan(of(Moments, [2.0]).sd())
    assert math.isnan(of(Moments).error())


def test_quantiles_are_the_smallest_value_that_a_share_does_not_exceed() -> None:
    found = of(Counts, [5.0, 1.0], [2.0, 1.0])
    assert (found.values.tolist(), found.times.tolist()) == ([1.0, 2.0, 5.0], [2, 1, 1])
    assert found.quantiles([0.05, 0.5, 0.51, 0.75, 0.76, 0.95]) == [1, 1, 2, 2, 5, 5]
    late = of(Counts, [4.0, NAN])
    assert late.quantiles([0.5]) == [4.0] and np.isnan(late.quantiles([0.95])).all()
    assert np.isnan(of(Counts).quantiles([0.5])).all()
    assert [of(Counts, part)._median() for part in ([1.0, 2.0, 5.0, 5.0], [1.0, 2.0, 9.0])] == [3.5, 2.0]


def test_of_very_many_values_neighbours_are_merged() -> None:
    """0 to 19,999: about a quarter of the 8,192 values that are held, each the mean of some ten neighbours; the mean
    and the spread stay exact, a quantile is off by less than a thousandth in rank."""
    found = of(Counts, list(np.arange(20_000.0)))
    assert 1500 < len(found.values) < 3000 and found.times.sum() == 20_000
    assert (found.times.max(), found.times.min()) == (10, 9)
    assert found.mean() == pytest.approx(9999.5) and found.sd() == pytest.approx(math.sqrt(20_000 * 20_001 / 12))
    assert found.values @ found.times == pytest.approx(20_000 * 9999.5)
    for q in (0.05, 0.5, 0.95):
        assert abs(found.quantiles([q])[0] - q * 20_000) < 20


def test_the_spread_over_both_arms() -> None:
    """1, 3 and 5, 7: all about 4: sqrt((9 + 1 + 1 + 9) / 4) = sqrt(5)."""
    assert of(Counts, [1.0, 3.0]).spread_with(of(Counts, [5.0, 7.0])) == pytest.approx(math.sqrt(5))
    assert of(Counts, [1.0, 1.0, 1.0]).spread_with(of(Counts, [5.0])) == pytest.approx(math.sqrt(3))
    assert math.isnan(of(Counts, [1.0, NAN]).spread_with(of(Counts, [5.0])))


def test_a_paired_difference_counts_missing_as_later() -> None:
    """Arm 1, 5, never, never, 2; control 2, 5, 3, never, never: earlier in two, later in one of five."""
    found = PairedDifference()
    found.add(np.array([1.0, 5.0, NAN, NAN, 2.0]), np.array([2.0, 5.0, 3.0, NAN, NAN]))
    row = found.row(0.0)
    assert (row["share_positive"], row["share_negative"], row["n"]) == (0.2, 0.4, 5)
    assert row["estimator"] == "count" and math.isnan(row["mean"]) and math.isnan(row["lo"])


def test_the_interval_of_counts_that_differ_in_few_runs() -> None:
    """100 runs, three gain 1 and one loses 1, spread 0.7: 0.02 less 0.0566747 and more 0.0631192, as in
    tests/stats/test_intervals.py. Of two runs there is an interval, of one there is none."""
    values = np.zeros(100)
    values[[3, 40, 77]], values[12] = 1.0, -1.0
    found = PairedDifference()
    for part in (values[:30] + 2.0, values[30:] + 2.0):
        found.add(part, np.full(len(part), 2.0))
    row = found.row(0.7)
    assert (row["mean"], row["mcse"]) == (pytest.approx(0.02), pytest.approx(0.02))
    assert (row["lo"], row["hi"]) == (
        pytest.approx(-0.03667465, abs=1e-7),
        pytest.approx(0.08311921, abs=1e-7),
    )
    assert np.isfinite(of(Counts, [1.0, 3.0]).around(1.0)).all()
    assert np.isnan(of(Counts, [1.0]).around(1.0)).all() and np.isnan(of(Counts, [1.0, NAN]).around(1.0)).all()


def test_the_filtered_estimate_takes_the_counts_place() -> None:
    """Counts differ by 1, 0, 0: mean 1/3. Filtered by 0.1, 0.2, 0.6: mean 0.3, sd sqrt(0.07), t(2) = 4.302653."""
    found = PairedDifference()
    found.add(np.array([1.0, 0.0, 0.0]), np.zeros(3))
    assert found.row(1.0)["mean"] == pytest.approx(1 / 3)
    found.add_filtered(np.array([0.1]))
    found.add_filtered(np.array([0.2, 0.6]))
    row, half = found.row(1.0), 4.302653 * math.sqrt(0.07 / 3)
    assert (row["estimator"], row["mean"], row["mcse"]) == (
        "filtered",
        pytest.approx(0.3),
        pytest.approx(math.sqrt(0.07 / 3)),
    )
    assert (row["lo"], row["hi"]) == (
        pytest.approx(0.3 - half, abs=1e-5),
        pytest.approx(0.3 + half, abs=1e-5),
    )
    assert (row["share_positive"], row["share_negative"]) == (pytest.approx(1 / 3), 0.0)


def table(arm: list[float], control: list[float], smooth: list[float], first: int = 0) -> pa.Table:
    n = len(arm)
    return pa.table(
        {
            "run": [*range(first, first + n)] * 2,
            "arm": ["none"] * n + ["event"] * n,
            "accords_all_30": [*control, *arm],
            "filtered_accords_all_30": [*(2.0 for _ in control), *smooth],
            "scheduled_30": [1.0] * (2 * n),
        }
    )


def test_levels_and_effects_of_one_study() -> None:
    """Counts 1, 2, 4, 1 against 1, 1, 1, 1; filtered 2.5, 2, 3, 2.5 against 2: effect 0.5, error sqrt(1/6) / 2."""
    found = Estimates(("none", "event"))
    found.add(table([1.0, 2.0], [1.0, 1.0], [2.5, 2.0]))
    found.add(table([4.0, 1.0], [1.0, 1.0], [3.0, 2.5], first=2))
    levels = found.levels_frame().set_index(["arm", "outcome"])
    here = levels.loc["event", "accords_all_30"]
    assert (here["estimator"], here["mean"], here["n"]) == ("filtered", 2.5, 4)
    assert (here["sd"], here["q50"], here["q95"]) == (pytest.approx(math.sqrt(2)), 1.0, 4.0)
    assert here["mcse"] == pytest.approx(math.sqrt(0.5 / 3) / 2)
    effects = found.effects_frame().set_index(["arm", "outcome"])
    row = effects.loc["event", "accords_all_30"]
    assert (row["mean"], row["mcse"], row["share_positive"]) == (
        0.5,
        pytest.approx(math.sqrt(1 / 6) / 2),
        0.5,
    )
    # Over both arms six times 1, then 2 and 4: mean 1.5, squares 6 x 0.25 + 0.25 + 6.25 = 8, of eight.
    assert found.spread("event", "accords_all_30") == pytest.approx(1.0)
    assert found.spread("event", "scheduled_30") == 0.0  # no arm can change it
    assert effects.loc["event", "scheduled_30"]["hi"] == 0.0
    assert found.outcomes == ["accords_all_30", "scheduled_30"]


def test_arms_that_are_alike_to_the_last_digit_have_no_room_for_a_jump() -> None:
    found = Estimates(("none", "event"))
    found.add(table([1.0, 1.0], [1.0, 1.0], [2.0, 2.0]))
    assert found.alike == {"event"} and found.spread("event", "accords_all_30") == 0.0
    found.add(table([1.0, 1.0], [1.0, 1.0], [2.0, 2.1], first=2))
    assert found.alike == set() and found.spread("event", "accords_all_30") == 1.0  # a whole agreement at least


def test_an_outcome_alone_keeps_its_filtered_estimate() -> None:
    found = Estimates(("none", "event"), ["accords_all_30"])
    found.add(table([1.0, 2.0], [1.0, 1.0], [2.5, 2.0]))
    assert found.outcomes == ["accords_all_30"]
    assert found.effects_frame()[["estimator", "mean"]].to_numpy().tolist() == [["filtered", 0.25]]


def test_chunks_are_cut_at_every_128th_run_and_runs_that_an_arm_lacks_are_left_out() -> None:
    first, second = (
        table([0.0] * 100, [0.0] * 100, [2.0] * 100),
        table([0.0] * 60, [0.0] * 60, [2.0] * 60, first=100),
    )
    parts = list(in_chunks([first, second]))
    assert [min(part["run"].to_pylist()) for part in parts] == [0, 128]
    assert [part.num_rows for part in parts] == [256, 64]
    found = Estimates(("none", "event"))
    whole = table([5.0, 6.0, 7.0], [0.0, 1.0, 2.0], [2.0, 2.0, 2.0])
    found.add(whole.filter(pa.array([True, True, True, False, True, True])))  # the event's run 0 is missing
    assert found.levels["none"]["accords_all_30"].counts.values.tolist() == [1.0, 2.0]


