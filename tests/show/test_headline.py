"""What the terminal and a notebook's card show, read as a person would."""

from html.parser import HTMLParser
from pathlib import Path

import balance_sim
import pytest
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, new_scenario
from balance_sim.show.headline import effort_rows, finding, headline_lines
from balance_sim.study.result import Result
from studies import CASES

assert balance_sim.Result  # by the front, a result knows what a notebook shows of it


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
    assert text.startswith("A meeting [on the quay] :tada:\n")  # neither markup nor emoji
    assert len(text.splitlines()) <= 20 and "250 replications of 4 arms" in words
    # By hand: 25 of 250 replications gain one, so 0.1; without, all have one. Nothing is known of the parameters.
    assert cells(text, "At the point values")[0] == "+0.100"
    assert cells(text, "Over what is known (posterior)")[0] == "-"
    assert "balance-sim evidence posterior quay" in words


def test_the_report_says_what_the_threatened_states_arm(tmp_path: Path) -> None:
    path = tmp_path / "arming.yaml"
    path.write_text(new_scenario("arming"), encoding="utf-8")
    rows = effort_rows(run(load_scenario(path), runs=8, seed=1))
    assert [line[0] for line in rows] == ["within 30 days"] * 2 + ["within 90 days"] * 2 + ["within a year"] * 2
    assert [line[3] == "control" for line in rows] == [True, False] * 3
    nobody = run(load_scenario(path, set=["parameters.tau=1"]).counted_as(None), runs=4, seed=1)
    assert effort_rows(nobody) == []


@pytest.mark.parametrize("case", CASES)
def test_the_card_has_the_finding_and_one_figure(case: str) -> None:
    result = CASES[case]()
    text = result._repr_html_()
    words: list[str] = []
    parser = HTMLParser()
    parser.handle_data = words.append  # type: ignore[method-assign]
    parser.feed(text)
    assert finding(result) in "".join(words)
    assert text.count("<img") == (1 if result.finished and len(result.arms) > 1 else 0)
    assert "<script" not in text and 'src="http' not in text
