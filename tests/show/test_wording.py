"""Numbers in words: nothing rounds away what it should say; and what a side has more to fear."""

import math
import re
from types import SimpleNamespace

import pandas as pd
import pytest
from balance_sim.show.explain import _alarm_words
from balance_sim.show.wording import change_words, decimals, digits, interval, number, percent, signed

NAN = math.nan


def test_decimals_follow_the_error_and_keep_a_bound_off_zero() -> None:
    assert [decimals(e) for e in (0.3, 0.03, 0.1, 0.004, 0.0, NAN)] == [1, 2, 1, 3, 2, 2]
    assert decimals(0.011, 0.003, 0.047) == 3  # with two, the lower bound would print as 0.00
    assert interval(0.003, 0.047, decimals(0.011, 0.003, 0.047)) == "0.003 to 0.047"


@pytest.mark.parametrize("mean", [2e-9, -2e-9, 3e-5])
def test_an_effect_never_rounds_to_none(mean: float) -> None:
    words = change_words({"mean": mean, "level": 0.5, "ci95": None}, "agreements")
    assert any(float(number) > 0 for number in re.findall(r"by (?:under )?([0-9.]+)", words))


def test_digits_follow_the_largest_value() -> None:
    assert [digits(v) for v in (12.0, 0.12, 0.04, 0.0062, -0.0062, 1e-9, 0.0, NAN)] == [2, 2, 2, 4, 4, 6, 2, 2]
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


NAMES = {"JPN": "Japan", "CHN": "China", "RUS": "Russia"}


@pytest.mark.parametrize(
    ("threat", "words"),
    [
        ({"CHN": 0.12, "RUS": 0.05}, "Japan is more alarmed: what China could do to it has risen by 20 %."),
        ({"RUS": 0.15, "CHN": 0.10}, "Japan is more alarmed: what Russia could do to it has risen by 200 %."),
        ({"CHN": 0.1009, "RUS": 0.05}, ""),
        ({"CHN": 0.08, "RUS": 0.05}, ""),
    ],
)
def test_the_rise_of_the_greatest_threat_is_told(threat: dict[str, float], words: str) -> None:
    """Over a control arm in which China could do 0.10 and Russia 0.05."""
    sides = {"with": threat, "without": {"CHN": 0.10, "RUS": 0.05}}
    rows = [
        {"arm": arm, "moment": "+7", "side": "JPN", "adversary": code, "threat": value}
        | {"is_most": value == max(values.values())}
        for arm, values in sides.items()
        for code, value in values.items()
    ]
    dyad = SimpleNamespace(adversaries=pd.DataFrame(rows), arm="with", reference="without")
    assert _alarm_words(dyad, "+7", "JPN", NAMES) == words
