"""What the terminal shows, read as a person would."""

from __future__ import annotations

import pytest
from balance_sim.show.headline import headline_lines
from balance_sim.study.result import Result
from studies import CASES


def printed(result: Result, width: int = 80) -> str:
    return "\n".join(headline_lines(result, width))


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [60, 80])
def test_no_line_is_wider_than_the_page(name: str, width: int) -> None:
    text = printed(CASES[name](), width)
    assert max(map(len, text.splitlines())) <= width
    assert "nan" not in text
    assert "\x1b" not in text


def cells(text: str, name: str) -> list[str]:
    """Numbers of the first row of a table that begins with `name`."""
    return next(line for line in text.splitlines() if line.startswith(f"{name} ")).removeprefix(name).split()


def test_at_80_columns_it_tells_what_counts_in_few_lines() -> None:
    text = printed(CASES["250 runs"]())
    words = one_line(text)
    assert "A meeting [on the quay] :tada: (250 replications of 4 arms)" in text  # neither markup nor emoji
    assert len(text.splitlines()) <= 17 and "digest" not in text and "from negotiations" not in text
    # By hand: 25 of 250 replications gain one, so 0.1; without, all have one.
    assert "arm (control arm: 1.00 agreements)" in text
    assert cells(text, "As it happened")[0] == "+0.10"
    assert cells(text, "Tenth")[0].startswith("-0.1")
    assert "FRA\u2013KOR +0.100" in words and "(2 of 3 detectable)" in words
