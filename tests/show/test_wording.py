"""Numbers in words: nothing rounds away what it should say."""

from __future__ import annotations

import math

import pytest
from balance_sim.show.wording import (
    change_words,
    decimals,
    digits,
    factor_words,
    interval,
    levels,
    number,
    outcome_words,
    percent,
    plural,
    printable,
    signed,
    verdict,
    within,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("mean", "lo", "hi", "n", "expected"),
    [
        (0.16, 0.10, 0.22, 200, "more"),
        (-0.07, -0.11, -0.03, 200, "fewer"),
        (0.03, -0.01, 0.07, 200, "not detectable"),
        (0.02, 0.0, 0.04, 200, "not detectable"),
        (0.0, 0.0, 0.0, 200, "none"),
        (1.0, 1.0, 1.0, 200, "more"),
        (2.0, NAN, NAN, 1, "one run"),
        (NAN, NAN, NAN, 0, "nothing run"),
    ],
)
def test_verdict(mean: float, lo: float, hi: float, n: int, expected: str) -> None:
    assert verdict(mean, lo, hi, n) == expected


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (
            (0.12, 0.08, 0.16, 0.02, 400, 23.5, 23.62),
            "expected treaties rise from 23.5 to 23.6 (+0.12; 95 % CI 0.08 to 0.16)",
        ),
        (
            (-0.02, -0.03, -0.01, 0.005, 400, 23.52, 23.50),  # with one decimal both would be 23.5
            "expected treaties fall from 23.52 to 23.50 (-0.020; 95 % CI -0.030 to -0.010)",
        ),
        (
            (0.5, -0.5, 1.5, 0.3, 4, 1.0, 1.5),
            "no detectable effect on expected treaties (+0.5; 95 % CI -0.5 to 1.5); 1.0 are expected without it",
        ),
        (
            (0.0, 0.0, 0.0, 0.0, 9, 1.0, 1.0),
            "no effect on expected treaties; 1.0 are expected with and without it",
        ),
        (
            (2.0, NAN, NAN, NAN, 1, 1.0, 3.0),
            "1.0 treaties without it and 3.0 with it, in one replication, which gives no confidence interval",
        ),
    ],
)
def test_a_change_in_words(numbers: tuple[float, ...], words: str) -> None:
    effect = dict(zip(("mean", "lo", "hi", "mcse", "n"), numbers[:5], strict=True))
    assert change_words(effect, *numbers[5:], "treaties") == words


def test_two_levels_show_that_they_differ_and_no_more() -> None:
    assert levels(23.5, 23.62, 3) == ("23.5", "23.6")
    assert levels(23.514, 23.516, 3) == ("23.514", "23.516")
    assert levels(10.53, 10.549, 3) == ("10.53", "10.55")
    assert levels(23.5, 23.5, 3) == ("23.5", "23.5")
    assert [within(days) for days in (365, 30, 1)] == ["within a year", "within 30 days", "within 1 day"]


def test_decimals_follow_the_error_and_keep_a_bound_off_zero() -> None:
    assert [decimals(e) for e in (0.3, 0.03, 0.1, 0.004, 0.0, NAN)] == [1, 2, 1, 3, 2, 2]
    assert decimals(0.011, 0.003, 0.047) == 3  # with two, the lower bound would print as 0.00
    assert interval(0.003, 0.047, decimals(0.011, 0.003, 0.047)) == "0.003 to 0.047"


def test_digits_follow_the_largest_value() -> None:
    assert [digits(v) for v in (12.0, 0.12, 0.04, 0.0062, -0.0062, 1e-9, 0.0, NAN)] == [
        2,
        2,
        2,
        4,
        4,
        6,
        2,
        2,
    ]
    assert signed(0.0062, digits(0.0062, 0.0001)) == "+0.0062"


def test_no_negative_zero_and_a_dash_for_what_is_missing() -> None:
    assert number(-0.001) == "0.00"
    assert signed(0.001) == "0.00"
    assert [signed(v) for v in (0.16, -0.07)] == ["+0.16", "-0.07"]
    assert [number(NAN), signed(NAN), interval(NAN, 1.0), percent(NAN)] == ["-"] * 4


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.0001, "under 0.1 %"),
        (0.0149, "1.5 %"),
        (0.165, "16 %"),
        (0.996, "99.6 %"),
        (0.99999, "over 99.9 %"),
    ],
)
def test_percent_never_rounds_some_to_none_or_all(share: float, words: str) -> None:
    assert percent(share) == words


def test_plural_and_printable() -> None:
    assert [plural(n, "run") for n in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
    assert printable("a\x1b[31mb\n c") == "a [31mb c"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("accords_counter_365", "counter-balancing security agreements within a year"),
        ("accords_with_participant_90", "security agreements with a participant within 90 days"),
        ("accords_all_30", "security agreements of any direction within 30 days"),
        ("accords_defence_pact_365", "agreements of type defence pact within a year"),
        ("insecurity_host_30", "insecurity host 30"),
    ],
)
def test_outcomes_are_read_aloud(outcome: str, words: str) -> None:
    assert outcome_words(outcome) == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("events.parade.visibility", "parade visibility"),
        ("parameters.prior_tension", "prior tension"),
        ("theory.weights.common_threat", "weight of common threat"),
        ("theory.preset", "theory"),
        ("step_days", "step days"),
    ],
)
def test_factors_are_read_aloud(path: str, words: str) -> None:
    assert factor_words(path) == words
