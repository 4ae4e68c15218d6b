"""What the terminal shows, read as a person would."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from balance_sim.evidence.posterior.effect_draws import COLUMNS, DrawnEffect, OverDraws
from balance_sim.evidence.posterior.lines import draws_sentence
from balance_sim.evidence.posterior.uncertainty import TheoryEffect, Uncertainty, stored_record
from balance_sim.evidence.posterior.variance import VarianceShares
from balance_sim.scenario.schema import Posterior
from balance_sim.show.figures import run_figures
from balance_sim.show.headline import finding, headline_lines
from balance_sim.study.result import Result
from studies import CASES, SCENARIO, alike, four_runs, study


def printed(result: Result, width: int = 80, *, verbose: bool = False) -> str:
    return "\n".join(headline_lines(result, width, verbose=verbose))


def knowing(result: Result) -> Result:
    """The study with what a posterior holds of its headline effect."""
    spread = OverDraws(0.09, 0.1, (-0.01, 0.2), 0.9)
    drawn = DrawnEffect(2000, "0" * 64, dict.fromkeys(COLUMNS, spread), (0.0,) * 100)
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


def test_finding_of_more_and_of_fewer() -> None:
    dyad = (3, "JPN", "KOR")
    base = [[dyad]] * 100
    more = [[dyad, (9, "FRA", "IND")] if run % 4 == 0 else [dyad] for run in range(100)]
    less = [[] if run % 4 == 0 else [dyad] for run in range(100)]
    words = finding(study({"without": base, "with": more}))
    assert words.startswith(
        "As it happened: expected counter-balancing security agreements within a year rise from 1.0 to 1.2 (+0.25;"
    )
    words = finding(study({"without": base, "with": less}))
    assert "within a year fall from 1.0 to 0.8 (-0.25; 95 % CI -0." in words


def test_the_finding_is_of_the_focal_event_where_it_has_a_label() -> None:
    result = four_runs()
    (event,) = SCENARIO.events
    named = SCENARIO.model_copy(update={"events": (event.model_copy(update={"label": "Two meet on the quay"}),)})
    assert finding(replace(result, scenario=named)).startswith("Two meet on the quay: no detectable effect")


def test_finding_of_the_degenerate() -> None:
    assert "which gives no confidence interval" in finding(CASES["one run"]())
    assert finding(CASES["reference only"]()) == (
        "Without the meeting: 0.5 expected counter-balancing security agreements within a year. "
        "There is no other arm to compare with."
    )
    assert finding(CASES["all runs failed"]()).startswith("No replication finished")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_page(name: str, width: int) -> None:
    text = printed(CASES[name](), width, verbose=True)
    assert max(len(line) for line in text.splitlines() if not line.startswith("digest ")) <= width
    assert printed(CASES[name](), 10)
    short = printed(CASES[name](), width)
    assert max(map(len, short.splitlines())) <= width
    assert "nan" not in text
    assert "\x1b" not in text
    assert "trigger" not in short


def cells(text: str, name: str) -> list[str]:
    """Numbers of the first row of a table that begins with `name`."""
    return next(line for line in text.splitlines() if line.startswith(f"{name} ")).removeprefix(name).split()


def test_at_80_columns_it_tells_what_counts_in_few_lines() -> None:
    text = printed(CASES["250 runs"]())
    words = one_line(text)
    assert "A meeting [on the quay] :tada: (250 replications of 4 arms)" in text  # neither markup nor emoji
    assert (
        "Already scheduled, so its effect is zero by construction: FRA\u2013JPN, Quay [pact] (in force on 2025-09-11)."
        in words
    )
    assert "The CI reflects Monte Carlo error only." in words
    assert len(text.splitlines()) <= 17 and "digest" not in text and "from negotiations" not in text
    # By hand: 25 of 250 replications gain one, so 0.1; without, all have one.
    assert "arm (control arm: 1.00 agreements)" in text
    assert cells(text, "As it happened")[0] == "+0.10"
    assert cells(text, "Tenth")[0].startswith("-0.1")
    assert "FRA\u2013KOR +0.100" in words and "(2 of 3 detectable)" in words


def test_a_study_over_drawn_parameters_says_what_its_ci_is_of() -> None:
    """On the terminal and on the figure: the CI is of a mean over draws, and no interval over the parameters."""
    result = replace(CASES["250 runs"](), draws="posterior:0123")
    for verbose in (False, True):
        words = one_line(printed(result, verbose=verbose))
        assert "draws its parameters from their posterior: an effect is the mean over them" in words
        assert "Monte Carlo error only" not in words
    drawn = " ".join(" ".join(one.get_text() for one in run_figures()["fan"].draw(result).texts).split())
    assert "draws its parameters from their posterior" in drawn and "error only" not in drawn
    assert "from their fit" in one_line(printed(replace(result, draws=True)))


def test_no_title_of_an_arm_takes_a_second_line() -> None:
    long = "As it happened, told at a length that no line of a terminal has room for, whatever is left out"
    result = CASES["250 runs"]()
    arms = dict(result.scenario.arms)
    arms["with"] = arms["with"].model_copy(update={"title": long})
    text = printed(replace(result, scenario=result.scenario.model_copy(update={"arms": arms})))
    line = next(
        line for line in text.splitlines() if line.startswith("As it happened, told at a length") and "+" in line
    )
    assert "... " in line and len(line) <= 80


def test_verbose_tells_the_rest() -> None:
    whole = printed(CASES["250 runs"](), verbose=True)
    text = one_line(whole)
    assert "Does the meeting bring the others together?" in text
    assert "Counter-balancing security agreements within a year, 250 replications per arm" in text
    assert cells(whole, "Without the meeting (control)") == ["1.00"]
    assert cells(whole, "FRA\u2013KOR")[:3] == ["0.000", "0.100", "+0.100"]
    assert "The 95 % CI of 2 of 3 dyads excludes zero." in text
    assert (
        "0.0 of the new security agreements in the control arm come from negotiations under way at the start; effect"
        in text
    )
    assert "\n  with a participant " in whole
    assert "250 replications of 4 arms, seed 7" in text and "digest " in text


def test_an_effect_on_no_dyad_is_one_sentence() -> None:
    text = printed(alike())
    assert "No dyad shows a detectable effect." in text and "dyad  " not in text
    assert (
        "no effect on expected counter-balancing security agreements within a year; 1.0 are expected with and"
        in one_line(text)
    )


def test_failed_runs_are_named() -> None:
    text = printed(CASES["all runs failed"]())
    assert "1 replication failed and is left out of every number above: 0." in text


def test_the_headline_needs_no_matplotlib() -> None:
    code = (
        "import sys, balance_sim.show.headline, balance_sim.show.figures.counts; "
        "sys.exit('matplotlib' in sys.modules or 'rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_not_known_of_the_parameters_is_printed_where_it_is_known() -> None:
    """At 80 columns: intervals over both distributions, theories with their weights, what carries the width."""
    result = CASES["250 runs"]()
    text = printed(knowing(result), verbose=True)
    words = one_line(text)
    assert "posterior 95 %" in text and "prior 95 %" in text
    assert "null 0.0000 (weight 0.25)" in words and "together +0.0750" in words
    assert "event weights 70 %" in words and "standard deviation from 0.040 to 0.030" in words
    assert max(len(line) for line in text.splitlines()) <= 80
    figure = run_figures()["uncertainty"]
    table = figure.table(knowing(result))
    assert table["part"].tolist()[:5] == ["replications", "posterior", "prior", "channel", "channel"]
    title = figure.draw(knowing(result), table).get_suptitle()
    assert "and may be zero" in title


@pytest.mark.parametrize(("used", "outside"), [(0.1, False), (0.3, True)])
def test_values_in_use_outside_of_their_posterior_are_named(used: float, outside: bool) -> None:
    found = knowing(CASES["250 runs"]()).uncertainty
    assert found is not None
    words = draws_sentence(replace(found, estimate=dict.fromkeys(COLUMNS, used)))
    assert "above 0 in 90 % of draws (95 % interval -0.0100 to 0.2000 agreements)" in words
    assert ("the values in use, which give +0.3000, lie outside of their posterior" in words) == outside
