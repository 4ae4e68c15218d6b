"""The headline is what is known of the effect: numbers of the posterior's head, wherever it is said."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from balance_sim.cli import main
from balance_sim.effects.headline import Headline, headline_of, stored_uncertainty
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario
from balance_sim.show.headline import doubts, finding, headline_lines, headline_rows, known_words
from click.testing import CliRunner

SOLOMON = "scenarios/solomon_2022.yaml"
HEAD = yaml.safe_load(Path("scenarios/solomon_2022/posterior.yaml").read_text())["headline"]


def effect(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["effect", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return effect(SOLOMON)


def test_the_three_rows_are_those_of_the_head(document: dict[str, Any]) -> None:
    headline = document["headline"]
    for name in ("posterior", "prior"):
        total = HEAD[name]["of"]["total"]
        assert headline[name] == {
            "draws": 2000,
            "mean": total["mean"],
            "median": total["median"],
            "ci95": total["ci95"],
            "share_positive": total["positive"],
            "level": HEAD[name]["of"]["level"]["mean"],
        }
    assert headline["point"]["mean"] == document["effect"] == pytest.approx(HEAD["estimate"]["total"], rel=1e-5)
    assert (headline["mcse"], headline["point"]["ci95"], headline["drawn"], headline["why"]) == (None, None, None, "")
    assert (headline["arm"], headline["outcome"]) == (HEAD["arm"], HEAD["outcome"])


def test_a_run_leads_with_the_posterior_and_keeps_the_simulation_last() -> None:
    result = run(load_scenario(SOLOMON), runs=4, seed=2)
    headline, row = result.summary()["headline"], result.headline
    simulated = result.effects.set_index(["arm", "outcome"]).loc[HEAD["arm"], HEAD["outcome"]]
    assert headline["point"]["mean"] == simulated["mean"] and headline["mcse"] == simulated["mcse"]
    assert headline["posterior"]["mean"] == HEAD["posterior"]["of"]["total"]["mean"] != simulated["mean"]
    assert row is not None
    cells = [cells[1] for cells in headline_rows(row)[1:]]
    means = [headline[name]["mean"] for name in ("posterior", "prior", "point")]
    assert [*map(float, cells)] == pytest.approx(means, abs=5e-5)  # four decimals
    far = replace(row, point={**(row.point or {}), "mean": 3 * means[0]})
    for words in (finding(result), known_words(far)):  # beside every figure of replications too
        assert cells[0].strip("+") in words and cells[2].strip("+") not in words
    assert len([*headline_lines(result, 80)]) <= 20


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((SOLOMON, "--set", "parameters.beta=0.4"), "other_form"),
        (("scenarios/beijing_2025.yaml", "--arm", "disunity"), "other_arm"),
        (("experiments/smoke/five_states.yaml",), "not_worked_out"),
    ],
)
def test_what_is_not_known_is_never_said_as_if_it_were(arguments: tuple[str, ...], why: str) -> None:
    headline = effect(*arguments)["headline"]
    assert (headline["why"], headline["posterior"], headline["prior"]) == (why, None, None)


def test_where_nothing_is_known_the_command_that_works_it_out_is_named() -> None:
    said = " ".join(CliRunner().invoke(main, ["effect", SOLOMON, "--set", "parameters.beta=0.4"]).output.split())
    assert "at the point values" in said and "balance-sim e" in said


def test_draws_that_are_worked_out_now_are_known(document: dict[str, Any]) -> None:
    headline = effect(SOLOMON, "--set", "parameters.beta=0.4", "--draws", "10")["headline"]
    assert headline["posterior"]["draws"] == 10 and headline["why"] == ""
    assert headline["posterior"]["mean"] != document["headline"]["posterior"]["mean"]


def test_replications_that_draw_their_parameters_have_no_point_values() -> None:
    result = run(load_scenario(SOLOMON), runs=4, seed=1, draw_parameters="posterior")
    assert result.headline is not None
    assert result.headline.point is None and result.headline.drawn is not None
    assert result.headline.drawn["source"] == "posterior"
    assert "point values" not in " ".join(map(" ".join, headline_rows(result.headline)))


def headline(prior: list[float], share: float) -> Headline:
    """Of invented draws: the posterior's share above zero is 0.87, the prior as given."""
    spread = {"median": 0.1, "mean": 0.1, "positive": share, "ci95": prior}
    level = dict.fromkeys(("median", "mean"), 2.0)
    known = {
        "estimate": {"total": 0.2},
        "prior": {"draws": 9, "of": {"total": spread, "level": level}},
        "posterior": {"draws": 9, "of": {"total": spread | {"positive": 0.87, "ci95": [-0.1, 0.3]}, "level": level}},
    }
    point = {"mean": 0.2, "level": 2.0, "ci95": None, "mcse": None}
    return headline_of(load_scenario(SOLOMON), HEAD["arm"], known, point)


def test_a_sign_that_the_prior_forces_is_no_finding() -> None:
    free, forced = headline([-0.2, 0.4], 0.6), headline([0.01, 0.4], 0.99)
    assert (free.is_sign_assumed, forced.is_sign_assumed) == (False, True)
    assert replace(free, prior=None).is_sign_assumed is False
    assert ["The sign is" in " ".join(doubts(one, "x")) for one in (free, forced)] == [False, True]
    assert "99 %" in " ".join(doubts(forced, "x")) and "87 %" in " ".join(doubts(forced, "x"))


def test_the_head_is_read_without_the_evidence_room() -> None:
    code = (
        "import sys\n"
        "from balance_sim.cli import main\n"
        f"main(['effect', {SOLOMON!r}], standalone_mode=False)\n"
        "print(sorted(name for name in sys.modules if name.startswith('balance_sim.evidence')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert stored_uncertainty(load_scenario(SOLOMON), HEAD["arm"]) is not None
