"""Numbers in words: nothing rounds away what it should say."""

from __future__ import annotations

import math

import pytest
from balance_sim.show.wording import (
    change_words,
    decimals,
    digits,
    interval,
    number,
    percent,
    signed,
    within,
)

NAN = math.nan


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


@pytest.mark.parametrize(
    ("mean", "lo", "hi", "words"),
    [
        (0.16, 0.10, 0.22, "expected pacts rise from 2.00 to 2.16 (+0.16;"),
        (-0.07, -0.11, -0.03, "expected pacts fall from 2.00 to 1.93 (-0.07;"),
        (0.03, -0.01, 0.07, "no detectable effect on expected pacts (+0.03;"),
        (0.02, 0.0, 0.04, "no detectable effect"),
        (0.0, 0.0, 0.0, "no effect on expected pacts"),
        (2.0, NAN, NAN, "2.00 pacts without it and 4.00 with it, in one replication"),
    ],
)
def test_a_change_is_told_by_its_interval(mean: float, lo: float, hi: float, words: str) -> None:
    row = {"effect": mean, "lo": lo, "hi": hi, "mcse": 0.02, "control_level": 2.0, "level": 2.0 + mean}
    assert change_words(row, "pacts").startswith(words)
    assert [within(days) for days in (365, 30, 1)] == ["within a year", "within 30 days", "within 1 day"]
