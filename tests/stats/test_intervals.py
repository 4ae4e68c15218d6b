"""Intervals against printed tables and numbers worked out by hand. Their coverage: tests/study/test_coverage.py."""

import numpy as np
import pytest
from balance_sim.stats.intervals import (
    FEWEST_RUNS,
    NORMAL,
    Sample,
    Sides,
    difference_interval,
    fieller,
    mean_interval,
    paired_half_widths,
    paired_interval,
    runs_to_tell,
    share_interval,
    t_quantile,
    unseen_jump,
    welch,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_against_newcombe(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3; of the others it is the mirror image."""
    assert share_interval(hits, n) == pytest.approx((low, high), abs=5e-5)
    assert share_interval(n - hits, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_students_t_as_in_the_printed_table() -> None:
    # Student's t, two-sided 95 %: 9 and 30 degrees of freedom, as in any printed table.
    assert t_quantile(0.95, 9) == pytest.approx(2.262, abs=5e-4)
    assert t_quantile(0.95, 30) == pytest.approx(2.042, abs=5e-4)
    assert t_quantile(0.95, 0) == float("inf")


def test_one_run_has_a_mean_and_no_interval() -> None:
    mean, *rest = mean_interval(np.array([3.0]))
    assert mean == 3.0 and np.isnan(rest).all()
    assert all(np.isnan(part) for part in mean_interval(np.array([])))


def test_the_interval_of_a_few_differences_by_hand() -> None:
    # Differences 1, 0, 1, 0 and no other spread; counted from their median, 1/2, all four are off it, so that the
    # weight of rare events, 1 - pi/2 times their effective share, is none and the interval is Student's:
    # 3.18245 sqrt(1/3) / 2 = 0.91870.
    _, _, low, high = difference_interval(np.array([1.0, 0.0, 1.0, 0.0]), 0.0)
    assert (low, high) == (pytest.approx(0.5 - 0.91870, abs=1e-4), pytest.approx(0.5 + 0.91870, abs=1e-4))


def test_room_for_a_jump_that_no_run_has_shown_by_hand() -> None:
    # No run of 400 differs, the outcome's spread is 2: Wilson's bound for none, 1.95996^2 / 400, times 2.
    mean, error, low, high = difference_interval(np.zeros(400), 2.0)
    assert (mean, error) == (0.0, 0.0)
    assert high == -low == pytest.approx(3.841459 * 2 / 400, abs=1e-6)


def test_even_differences_have_students_interval_and_one_that_stands_out_room_for_another() -> None:
    """As many runs carry the spread of 1 and -1 as of normal ones, or more, so that rare events have no weight, however
    much the levels vary. One difference of 100 that is ten times the rest gives them weight."""
    control = np.random.default_rng(1).normal(0, 5, 100)
    even = np.tile([1.0, -1.0], 50)
    assert paired_interval(control + even, control) == pytest.approx(mean_interval(even))
    even[7] = 10.0
    assert paired_interval(control + even, control)[3] > mean_interval(even)[3] + 0.02
    assert paired_interval(control + even, control, alike=True)[3] < paired_interval(control + even, control)[3]


def test_the_room_for_a_jump_has_the_weight_of_rare_events() -> None:
    """One gain of 2 in 50 runs: effective number 1, weight 1 - pi/2 / 50 = 0.968584; 3.841459 x 3 x 0.968584 / 50."""
    sides = Sides.of(np.array([2.0] + [0.0] * 49))
    assert float(unseen_jump(sides, 50, 3.0)) == pytest.approx(0.2232466, abs=1e-7)
    assert float(unseen_jump(Sides.of(np.tile([1.0, -1.0], 25)), 50, 3.0)) == 0.0


def test_half_widths_are_never_below_students() -> None:
    rng = np.random.default_rng(2)
    for share in (0.02, 0.3, 1.0):
        values = rng.poisson(1.0, 200) * (rng.uniform(size=200) < share) - 0.0
        sides = Sides.of(values - np.median(values))
        below, above = paired_half_widths(np.asarray(values.std(ddof=1)), 200, sides, 0.0)
        plain = t_quantile(0.95, 199) * values.std(ddof=1) / np.sqrt(200)
        assert min(float(below), float(above)) >= plain * (1 - 1e-12)


def test_welchs_freedom_is_that_of_the_noisier_side() -> None:
    """n 3 and 100, sd 5 and 1: parts 25/3 and 0.01, error sqrt(8.34333); freedom 8.34333^2 / (8.33333^2 / 2 +
    0.01^2 / 99) = 2.005, so 2, and t = 4.30265. Pooled it would be 101, and t 1.98."""
    mean, error, low, high = welch(Sample(3, 4.0, 5.0), Sample(100, 1.0, 1.0))
    assert (mean, error) == (-3.0, pytest.approx(2.888483, abs=1e-6))
    assert high == pytest.approx(-3.0 + 4.302653 * 2.888483, abs=1e-4)
    assert low == pytest.approx(-3.0 - 4.302653 * 2.888483, abs=1e-4)
    same = welch(Sample(5, 1.0, 0.0), Sample(5, 3.0, 0.0))
    assert same == (2.0, 0.0, 2.0, 2.0)
    assert np.isnan(welch(Sample(20, 1.0, 2.0), Sample(1, 1.0, float("nan")))[1:]).all()
    unknown = Sample(20, 1.0, float("nan"))  # a day that never came in some run
    for dyad in ((Sample(20, 1.0, 2.0), unknown), (unknown, Sample(20, 1.0, 2.0))):
        assert np.isnan(welch(*dyad)[1:]).all()
    assert np.isnan(welch(Sample(5, 1.0, float("inf")), Sample(5, 2.0, 1.0))[1:]).all()


def test_half_widths_of_rare_jumps_of_one_size_by_hand() -> None:
    """100 runs: three gain 1, one loses 1; the outcome's spread is 0.7. sd = sqrt((4 - 100 0.02^2) / 99) = 0.2, t =
    1.984217: half of the sum 3.968434. Wilson: z sqrt(k + z^2/4) -+ z^2/2 for k = 3: 1.979729, 5.821187; for 1:
    0.823475, 4.664933. Widened by t/z = 1.012374; weight (1 - pi/2 4/100)^2 = 0.878284; no doubt of sizes. Below
    3.968434 + 0.878284 (1.012374 5.067636 - 3.968434) = 4.98892; above, with 5.879144, 5.71047; with 3.841459 x 0.7 x
    sqrt(0.878284) = 2.520065 in quadrature 5.589281 and 6.241816."""
    values = np.zeros(100)
    values[[3, 40, 77]], values[12] = 1.0, -1.0
    found = paired_half_widths(np.asarray(values.std(ddof=1)), 100, Sides.of(values), 0.7)
    assert [float(one) for one in found] == pytest.approx([0.05589281, 0.06241816], abs=1e-7)
    mean, _, low, high = difference_interval(values, 0.7)
    assert (mean - low, high - mean) == (
        pytest.approx(0.05589281, abs=1e-7),
        pytest.approx(0.06241816, abs=1e-7),
    )


def test_half_widths_of_jumps_of_two_sizes_by_hand() -> None:
    """50 runs, gains of 1 and 3. sd = sqrt((10 - 50 0.08^2) / 49) = 0.444467, t = 2.009575, half 6.315826. Equal
    events: 16/10 of size 2.5; below 2.5 (3.136125 - 1.920729), above 2.5 (3.136125 + 1.920729). Of losses none:
    sqrt(10/2) x 3.841459 = 8.589763. Doubt of sizes: squares off their mean 10 - 16/2 = 2, one degree of freedom, t
    = 12.7062: (161.4476 - 3.841459) x 2 x 2 = 630.4245. Weight (1 - pi/2 1.6/50)^2 = 0.901996, t/z sd sqrt(50/10) =
    1.019015."""
    values = np.zeros(50)
    values[[7, 31]] = 1.0, 3.0
    found = paired_half_widths(np.asarray(values.std(ddof=1)), 50, Sides.of(values), 0.0)
    assert [float(one) for one in found] == pytest.approx([25.169695 / 50, 26.457453 / 50], rel=1e-5)
    lost = paired_half_widths(np.asarray(values.std(ddof=1)), 50, Sides.of(-values), 0.0)
    assert [float(one) for one in lost] == pytest.approx([26.457453 / 50, 25.169695 / 50], rel=1e-5)


def test_an_interval_moves_with_its_differences() -> None:
    """Rare events are what lies off the median, whatever it is."""
    values = np.zeros(100)
    values[[3, 40, 77]], values[12] = 1.0, -1.0
    still, moved = difference_interval(values, 0.7), difference_interval(values + 5.0, 0.7)
    assert [moved[k] - 5.0 for k in (0, 2, 3)] == pytest.approx([still[k] for k in (0, 2, 3)], rel=1e-9)


def test_half_widths_have_the_differences_unit() -> None:
    """In millionths all is a millionth as wide, also what the doubt of sizes adds."""
    values = np.zeros(50)
    values[[7, 31]] = 1.0, 3.0
    whole, small = (
        paired_half_widths(np.asarray(of.std(ddof=1)), 50, Sides.of(of), unit)
        for of, unit in ((values, 1.0), (values * 1e-6, 1e-6))
    )
    assert [float(x) for x in small] == pytest.approx([1e-6 * float(x) for x in whole], rel=1e-9)


def test_sides_by_hand_and_with_weights() -> None:
    """-2, 0, 0.5, 1.5: gained 2 and 2.5, lost 2 and 4; effective 4^2 / 6.5."""
    sides = Sides.of(np.array([-2.0, 0.0, 0.5, 1.5]))
    found = [float(x) for x in (sides.gained, sides.gained2, sides.lost, sides.lost2, sides.up, sides.down)]
    assert found == [2.0, 2.5, 2.0, 4.0, 2.0, 1.0]
    assert (float(sides.differing), float(sides.effective)) == (3.0, pytest.approx(16 / 6.5))
    twice = Sides.of(np.array([-2.0, 0.0, 0.5]), np.array([3, 10, 2]))
    assert [float(x) for x in (twice.gained, twice.gained2, twice.lost, twice.lost2, twice.up, twice.down)] == [
        1.0, 0.5, 6.0, 12.0, 2.0, 3.0
    ]  # fmt: skip


def test_a_paired_interval_has_room_for_one_jump_at_least() -> None:
    """Counts of 0 throughout: the spread is 0, a jump at least 1: Wilson's bound for none of 50 is 3.841459 / 50."""
    none = np.zeros(50)
    assert paired_interval(none, none, least=1.0)[2:] == pytest.approx((-3.841459 / 50, 3.841459 / 50), abs=1e-7)
    assert paired_interval(none, none, alike=True, least=1.0)[2:] == (0.0, 0.0)
    wide = np.tile([0.0, 4.0], 25)
    assert paired_interval(wide, wide, least=1.0)[3] == pytest.approx(3.841459 * 2 / 50, abs=1e-7)
    assert paired_interval(np.array([3.0]), np.array([1.0]))[0] == 2.0


def test_a_sample_of_some_values() -> None:
    found = Sample.of(np.array([1.0, 2.0, 6.0]))
    assert (found.n, found.mean, found.sd) == (3, 3.0, pytest.approx(np.sqrt(7.0)))
    assert np.isnan(Sample.of(np.array([1.0])).sd)


def test_a_ratio_of_numbers_that_move_together_is_known() -> None:
    """Where a is 2 b in every run, a / b is 2 without any doubt, however unsure both are."""
    assert fieller(4.0, 2.0, 4 * 0.09, 2 * 0.09, 0.09, 2.0) == pytest.approx((2.0, 2.0))


def needed(effect: float, half: float, error: float, n: int, spread: float = 0.0) -> float:
    numbers = (np.array([number]) for number in (effect, half, error))
    effects, halves, errors = numbers
    return float(runs_to_tell(effects, halves, errors, n, np.array([spread]))[0])


def test_runs_that_tell_an_effect_by_hand() -> None:
    """Student's part alone shrinks with the root of the runs, the room for a jump alone with their number."""
    student = t_quantile(0.95, 39) * 0.1
    assert needed(student / 3, student, 0.1, 40) == pytest.approx(40 * 9)
    assert needed(-0.1, 0.3, 0.0, 40) == pytest.approx(40 * 3)
    assert needed(0.1, np.nan, 0.0, 8, spread=2.0) == pytest.approx(NORMAL**2 * 2.0 / 0.1)
    assert needed(0.1, np.nan, 0.05, 8) == FEWEST_RUNS * max(1.0, 0.8 * (t_quantile(0.95, 9) * 0.05 / 0.1) ** 2)
    assert needed(0.0, 0.3, 0.1, 40) == np.inf
    assert np.isnan(needed(0.1, np.nan, np.nan, 1))


@pytest.mark.parametrize("size", [0.1, 0.2, 0.4])
def test_so_many_runs_tell_what_fewer_do_not(size: float) -> None:
    """The same sample as often again is told from zero from about there on, of rare events as of normal ones."""
    normal = np.random.default_rng(1).normal(0, 1, 40)
    rare = np.where(np.arange(40) < 1, 40.0, 0.0)
    for sample, spread in ((normal - normal.mean() + size, 0.0), (rare * size, 3.0)):
        mean, error, low, _ = difference_interval(sample, spread)
        wanted = needed(mean, mean - low, error, 40, spread)
        for times in (1, 2, 4, 8, 16, 32, 64):
            is_told = difference_interval(np.tile(sample, times), spread)[2] > 0
            if not 0.7 < 40 * times / wanted < 1.4:
                assert is_told == (40 * times > wanted)
