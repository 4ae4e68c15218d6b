"""What the terminal shows, read as a person would."""

from __future__ import annotations

from dataclasses import replace

import pytest
from balance_sim.evidence.posterior.effect_draws import COLUMNS, DrawnEffect, OverDraws
from balance_sim.evidence.posterior.uncertainty import TheoryEffect, Uncertainty, stored_record
from balance_sim.evidence.posterior.variance import VarianceShares
from balance_sim.scenario.schema import Posterior
from balance_sim.show.figures import run_figures
from balance_sim.show.headline import doubts, finding, headline_lines
from balance_sim.study.result import Result
from studies import CASES, four_runs


def printed(result: Result, width: int = 80) -> str:
    return "\n".join(headline_lines(result, width))


def knowing(result: Result) -> Result:
    """The study with what a posterior holds of its headline effect."""
    spread = OverDraws(0.09, 0.1, (-0.01, 0.2), 0.9)
    drawn = DrawnEffect(2000, "0" * 64, dict.fromkeys(COLUMNS, spread))
    shares = {"event weights": 0.7, "beliefs": 0.3}
    found = Uncertainty(
        arm=result.headline_arm,
        outcome=result.headline_outcome,
        estimate=dict.fromkeys(COLUMNS, 0.1),
        posterior=drawn,
        prior=drawn,
        theories=(TheoryEffect("balance_of_threat", 1, 0, 0.1, 0.1, 0.75), TheoryEffect("null", 1, 0, 0, 0.0, 0.25)),
        variance=VarianceShares("posterior", 200, shares, shares, 0.04, {"parameters.beta": 0.03}),
    )
    told = Posterior(headline=stored_record(result.scenario, found))
    return replace(result, scenario=result.scenario.model_copy(update={"posterior": told}))


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_finding_with_an_interval_across_zero() -> None:
    words = finding(four_runs())
    assert words.startswith(
        "As it happened: no detectable effect on expected counter-balancing security agreements within a year (+0.5;"
    )
    assert words.endswith("; 1.0 are expected without it.")


def test_finding_of_the_degenerate() -> None:
    assert "which gives no confidence interval" in finding(CASES["one run"]())
    assert finding(CASES["reference only"]()) == (
        "Without the meeting: 0.5 expected counter-balancing security agreements within a year. "
        "There is no other arm to compare with."
    )
    assert finding(CASES["all runs failed"]()).startswith("No replication finished")


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


def test_a_study_over_drawn_parameters_says_what_its_ci_is_of() -> None:
    """On the terminal and on the figure: the CI is of a mean over draws, and no interval over the parameters."""
    result = replace(CASES["250 runs"](), draws="posterior:0123")
    words = one_line(printed(result))
    assert "draws its parameters from their posterior: an effect is the mean over them" in words
    assert "Monte Carlo error only" not in words
    drawn = " ".join(" ".join(one.get_text() for one in run_figures()["fan"].draw(result).texts).split())
    assert "draws its parameters from their posterior" in drawn and "error only" not in drawn
    assert "from their fit" in one_line(printed(replace(result, draws=True)))


def test_failed_runs_are_named() -> None:
    text = printed(CASES["all runs failed"]())
    assert "Failed, and in no number above: 1 replication." in text


def test_what_is_not_known_of_the_parameters_is_printed_where_it_is_known() -> None:
    """At 80 columns: intervals over both distributions, theories with their weights, what carries the width."""
    result = CASES["250 runs"]()
    assert "Over the posterior of the parameters the effect is above 0 in 90 % of draws" in one_line(
        printed(knowing(result))
    )
    (doubt,) = doubts(knowing(result))
    words = one_line(" ".join(doubt))
    assert "null 0.0000 (weight 0.25)" in words and "together +0.0750" in words
    assert "event weights 70 %" in words and "standard deviation from 0.040 to 0.030" in words
    figure = run_figures()["uncertainty"]
    table = figure.table(knowing(result))
    assert table["part"].tolist()[:5] == ["replications", "posterior", "prior", "channel", "channel"]
