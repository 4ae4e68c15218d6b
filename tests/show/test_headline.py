"""What the terminal shows, read as a person would."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from rich.console import Console
from studies import CASES, alike, four_runs, study

from balance_sim.show.headline import finding, headline
from balance_sim.study.result import Result


def printed(result: Result, width: int = 80, **options: object) -> str:
    out = io.StringIO()
    headline(result, Console(file=out, width=width, **options))  # type: ignore[arg-type]
    return out.getvalue()


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_finding_with_an_interval_across_zero() -> None:
    assert finding(four_runs()) == (
        "In 4 paired runs the excess of counter-accords within 365 days in with over without is not "
        "distinguishable from none: +0.5 on average (95 % interval -0.5 to 1.6), on top of 1.0 that come "
        "anyway. The number differs in 50 % of the runs."
    )


def test_finding_of_more_and_of_fewer() -> None:
    pair = (3, "JPN", "KOR")
    base = [[pair]] * 100
    more = [[pair, (9, "FRA", "IND")] if run % 4 == 0 else [pair] for run in range(100)]
    less = [[] if run % 4 == 0 else [pair] for run in range(100)]
    words = finding(study({"without": base, "with": more}))
    assert "with has on average 0.25 more counter-accords within 365 days than without" in words
    assert "(95 % interval 0.16 to 0.35), on top of 1.0 that come anyway. The number differs in 25 %" in words
    words = finding(study({"without": base, "with": less}))
    assert "0.25 fewer" in words
    assert "(95 % interval 0.16 to 0.35), where 1.0 come" in words


@pytest.mark.fault("F31")
def test_finding_when_no_run_differs_gives_a_bound() -> None:
    words = finding(alike(30))
    assert words.startswith(
        "No excess: in each of 30 paired runs with has as many counter-accords within 365 days"
    )
    assert "fewer than 9.5 % of runs would differ" in words  # 1 - 0.05 ** (1 / 30)


@pytest.mark.fault("F31")
def test_finding_of_the_degenerate() -> None:
    assert "One run gives no interval" in finding(CASES["one run"]())
    assert "Nothing to compare" in finding(CASES["reference only"]())
    assert finding(CASES["all runs failed"]()).startswith("No run finished")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_page(name: str, width: int) -> None:
    text = printed(CASES[name](), width)
    assert max(map(len, text.splitlines())) <= width
    assert "nan" not in text
    assert "\x1b" not in text
    assert "trigger" not in text


def test_at_80_columns_it_tells_all_that_it_should() -> None:
    text = printed(CASES["250 runs"]())
    words = one_line(text)
    assert "A meeting [on the quay] :tada:" in text  # neither markup nor emoji
    assert "Does the meeting bring the others together?" in text
    assert "Scheduled: FRA-JPN, Quay [pact], in force on 2025-09-11: the same date in every arm" in words
    assert "Already in talks: 0.0 of the new accords of without" in words
    assert "250 runs of 4 arms, seed 7" in text
    assert "digest " in text
    assert "none has a new accord in more runs" not in words
    assert "1 of 1" not in words
    assert "It has an interval that excludes zero. They were picked" in words
    # Half the arms' lines by hand: 0.1 more in 25 of 250 runs.
    row = next(
        line.split() for line in text.split("\nwith ")[1].splitlines() if line.split()[:1] == ["counter"]
    )
    assert row[:3] == ["counter", "1.1", "+0.10"]
    assert row[3:] == ["0.06", "to", "0.14", "0.02"]
    pair = next(line.split() for line in text.splitlines() if line.startswith("FRA-KOR"))
    assert pair[:6] == ["FRA-KOR", "10.0", "%", "0.0", "%", "+10.0"]


def test_an_effect_of_exactly_zero_is_printed_as_such() -> None:
    text = one_line(printed(alike()))
    assert "counter 1.0 0 no run differs 0" in text
    assert "Pairs: none has a new accord in more runs of with than of without." in text


def test_failed_runs_are_named() -> None:
    text = printed(CASES["all runs failed"]())
    assert "1 run failed and counts nowhere above: run 0." in text


def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = printed(four_runs(), force_terminal=True, color_system="truecolor")
    assert "\x1b[1m" in coloured  # bold, no more
    assert "\x1b[3" not in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(four_runs(), force_terminal=True, color_system="truecolor")


def test_the_headline_needs_no_matplotlib() -> None:
    code = (
        "import sys, balance_sim.show.headline, balance_sim.show.tables, balance_sim.show.figures.fan; "
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
