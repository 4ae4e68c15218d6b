"""Scores by agreement: weights, baselines and measures in closed form, on a scenario of five powers."""

import json

import balance_sim
import numpy as np
import pytest
from balance_sim.cli.program import main
from balance_sim.evidence.cases.scores import (
    CaseTable,
    baselines,
    measured,
    responses_of,
    score_case,
    scored_table,
    sorted_out,
)
from balance_sim.evidence.cases.tables import read_cases_plan
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.goodness.dyad_probabilities import dyad_probabilities
from balance_sim.evidence.scores import Dyads
from balance_sim.scenario import load_scenario
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.stats.intervals import t_quantile
from click.testing import CliRunner

SCENARIO = """
schema: 1
title: five powers
start: 1940-09-26
end: 1942-09-28
focal: signal
states:
  - {id: DEU, capability: 0.3, latitude: 52, longitude: 13}
  - {id: ITA, capability: 0.1, latitude: 42, longitude: 12}
  - {id: GBR, capability: 0.3, latitude: 51, longitude: 0}
  - {id: SUN, capability: 0.2, latitude: 56, longitude: 38}
  - {id: YUG, capability: 0.1, latitude: 45, longitude: 20}
disputes: [{a: DEU, b: GBR, war: 1}]
accords:
  - {id: talks, a: GBR, b: YUG, kind: defence_pact, status: talks, opened: 1940-01-01}
  - {id: old, a: GBR, b: SUN, kind: defence_pact, status: ended, signed: 1915-04-26, ended: 1917-11-08}
events: [{id: signal, date: 1940-09-27, kind: treaty, principals: [DEU, ITA], targets: [GBR]}]
arms: {no_signal: {reference: true, drop: [signal]}, signal: {}}
report: {windows: [30, 730]}
"""
HEAD = "case_id,state_a,state_b,kind,date,direction,agreement_id\n"
ROWS = HEAD + (
    "T,YUG,DEU,membership,1941-03-25,bandwagon,JOIN\n"
    "T,YUG,ITA,membership,1941-03-25,bandwagon,JOIN\n"
    "T,GBR,RUS,defense_pact,1941-07-12,counter,PACT\n"
    "T,GBR,SUN,defense_pact,1942-05-26,counter,TWENTY-YEARS\n"
    "T,GBR,NATO,membership,1941-01-01,counter,N\n"
    "T,YUG,HRV,entente,1941-01-01,counter,H\n"
    "T,DEU,SUN,nonaggression,1941-01-01,other,O\n"
    "T,DEU,ITA,defense_pact,1941-01-01,bandwagon,P\n"
    "T,GBR,YUG,entente,1943-01-01,counter,LATE\n"
)


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "five.yaml"
    path.write_text(SCENARIO)
    return load_scenario(path)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "responses.csv"
    path.write_text(ROWS)
    return path


P = {("DEU", "YUG"): 0.4, ("ITA", "YUG"): 0.1, ("GBR", "SUN"): 0.3, ("DEU", "GBR"): 0.05, ("ITA", "SUN"): 0.2}


def scored_rows(table, scenario):
    rows = sorted_out(responses_of(table, "T"), scenario)
    return rows[rows["why_not"] == ""]


def test_what_is_scored_and_why_the_rest_is_not(scenario, table):
    rows = sorted_out(responses_of(table, "T"), scenario)
    is_scored = rows["why_not"] == ""
    assert rows.loc[is_scored, "agreement_id"].tolist() == ["JOIN", "JOIN", "PACT", "TWENTY-YEARS"]
    reasons = rows[~is_scored].set_index("agreement_id")["why_not"].to_dict()
    assert reasons == {
        "N": "NATO: not a state",
        "H": "HRV: not a state of the scenario",
        "O": "direction `other`: not a response",
        "P": "both sides are participants",
        "LATE": "outside the window 1940-09-27..1942-09-28",
    }


def test_every_agreement_weighs_one(scenario, table):
    rows = scored_rows(table, scenario)
    found = scored_table(scenario, rows)
    assert len(set(found.pairs)) == 9  # ten pairs but that of the participants
    weights = list(zip(found.pairs, found.happened, found.weight, strict=True))
    joined, twice = [(("DEU", "YUG"), 1, 0.5), (("ITA", "YUG"), 1, 0.5)], [(("GBR", "SUN"), 1, 1)] * 2
    assert weights[:4] == joined + twice
    assert (found.happened[4:] == 0).all() and (found.weight[4:] == 1).all() and len(found.pairs) == 10
    per_cluster = np.bincount(found.cluster, weights=found.weight)
    assert (per_cluster == 1).all()


@pytest.mark.needs("sklearn")
def test_measures_against_their_definitions(scenario, table):
    from sklearn.metrics import average_precision_score, roc_auc_score

    rows = scored_rows(table, scenario)
    found = scored_table(scenario, rows)
    p = np.array([P.get(dyad, 0.0) for dyad in found.pairs])
    scores = score_case(scenario, P, responses_of(table, "T"))
    kwargs = {"sample_weight": found.weight}
    assert scores["model"]["auc"] == pytest.approx(roc_auc_score(found.happened, p, **kwargs))
    assert scores["model"]["average_precision"] == pytest.approx(average_precision_score(found.happened, p, **kwargs))
    squared = 0.5 * 0.6**2 + 0.5 * 0.9**2 + 2 * 0.7**2 + 0.05**2 + 0.2**2
    assert scores["model"]["brier"] == pytest.approx(squared / 9)  # 3 agreements and 6 pairs without one
    assert (scores["agreements"], scores["responding_pairs"], scores["pairs"]) == (3, 3, 9)
    assert scores["expected_accords"] == pytest.approx(1.05)


def test_intervals_go_by_states_where_fewer_of_them_sign_than_agreements():
    """Ten agreements of five states, twelve quiet dyads of others: Student's t of four degrees of freedom."""
    codes = [f"{k:02d}" for k in range(29)]
    states = np.concatenate([np.column_stack(np.triu_indices(5, 1)), np.arange(5, 29).reshape(-1, 2)])
    y = np.repeat([1.0, 0.0], [10, 12])
    p = 0.3 + 0.3 * y + 0.1 * np.sin(np.arange(22))
    table = CaseTable(tuple((codes[a], codes[b]) for a, b in states), y, np.ones(22), np.arange(22))
    found = measured({"model": p}, table)["model"]
    losses = (p - y) ** 2
    half = t_quantile(0.95, 4) * Dyads(states).error((losses - losses.mean()) / 22)
    assert found["brier_ci95"] == pytest.approx([losses.mean() - half, losses.mean() + half])


def test_an_agreement_ranks_by_its_likeliest_dyad(scenario, table):
    """0.4 is the largest of all dyads' probabilities, 0.3 the next."""
    rows = score_case(scenario, P, responses_of(table, "T"))["responses"]
    assert {row["agreement_id"]: row["best_rank"] for row in rows} == {"JOIN": 1, "PACT": 2, "TWENTY-YEARS": 2}
    join = next(row for row in rows if row["agreement_id"] == "JOIN")
    assert (join["pairs"], join["p"]) == (["DEU-YUG", "ITA-YUG"], [0.4, 0.1])


def test_baselines_in_closed_form(scenario, table):
    scores = score_case(scenario, P, responses_of(table, "T"))
    base = scores["base_rate"]
    assert base["auc"] == 0.5
    assert base["average_precision"] == pytest.approx(3 / 9)
    assert base["brier"] == pytest.approx(3 / 9 * 6 / 9)
    # One pair has an earlier agreement, and two of the three agreements are its own.
    rows = scored_rows(table, scenario)
    found = scored_table(scenario, rows)
    values = dict(zip(found.pairs, baselines(scenario, found)["earlier_accords"], strict=True))
    assert values["GBR", "SUN"] == 1.0
    assert values["DEU", "GBR"] == pytest.approx(1 / 7)
    assert scores["earlier_accords"]["brier"] == pytest.approx((1 / 7 * 6 / 7) * 7 / 9)
    gain = base["model_gains"]["brier"]
    assert gain["value"] == pytest.approx(base["brier"] - scores["model"]["brier"])
    assert gain["ci95"] is None  # three agreements are too few


@pytest.mark.parametrize(
    ("written", "inside"),
    [
        ("1940", True),
        ("1940-09", True),
        ("1940-08", False),
        ("1939", False),
        ("1942", True),
        ("1942-09", True),
        ("1943", False),
    ],
)
def test_a_month_or_a_year_is_scored_where_part_of_it_lies_in_the_window(scenario, table, written, inside):
    """The window is 1940-09-27 to 1942-09-27."""
    table.write_text(f"state_a,state_b,date,direction\nSUN,GBR,{written},counter\n")
    responses = responses_of(table, "T")
    assert [*(sorted_out(responses, scenario)["why_not"] == "")] == [inside]
    scored = score_case(scenario, P, responses)
    assert scored["agreements"] == int(inside)
    assert (scored["responses"] + scored["not_scored"])[0]["date"] == written


@pytest.mark.parametrize(
    ("text", "case_id", "message"),
    [
        (ROWS, "BEIJING2025", "no response is recorded for this case.*The cases found are: T"),
        (ROWS.replace("bandwagon", "sideways"), "T", "line 2, column direction.*no direction"),
        (ROWS.replace("T,GBR,RUS", "T,GBR,RUS,USA"), "T", "line 4: a row has 8 cells, the header 7"),
    ],
)
def test_what_is_refused(table, text, case_id, message):
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        responses_of(table, case_id)


def test_the_command_scores_a_results_folder(scenario, table, tmp_path):
    out = tmp_path / "results"
    result = balance_sim.run(scenario, runs=8, seed=3, out=out)
    done = CliRunner().invoke(main, ["evidence", "score", str(out), str(table), "--case", "T", "--json"])
    assert done.exit_code == 0, done.output
    scores = json.loads(done.stdout)
    assert {"average_precision", "auc", "brier"} <= set(scores["model"])
    assert set(scores["base_rate"]) == set(scores["earlier_accords"]) >= {"brier", "model_gains"}
    assert (scores["scenario"], scores["case"], scores["arm"], scores["runs"]) == ("five", "T", "signal", 8)
    p = dyad_probabilities(result, "signal")
    assert scores["expected_accords"] == pytest.approx(sum(p.values()) - p["DEU", "ITA"])
    joined = next(row for row in scores["responses"] if row["agreement_id"] == "JOIN")
    assert joined["p"] == [p["DEU", "YUG"], p["ITA", "YUG"]]
    assert len(set(p.values())) == 10 and min(p.values()) > 0 and max(p.values()) < 1
    frozen = tmp_path / "frozen.json"
    assert CliRunner().invoke(main, ["evidence", "score", str(out), "--freeze", str(frozen)]).exit_code == 0
    words = ["evidence", "score", str(frozen), str(table), "--case", "T"]
    done = CliRunner().invoke(main, [*words, "--scenario", str(tmp_path / "five.yaml"), "--json"])
    later = json.loads(done.stdout)
    assert later["sha256"] == json.loads(frozen.read_text())["sha256"]
    assert [later[key] for key in ("model", "responses", "not_scored")] == [
        scores[key] for key in ("model", "responses", "not_scored")
    ]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, "needs --scenario" in done.output) == (2, True)


def test_the_plan_of_several_cases(scenario, table, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "title: two\nresponses: responses.csv\nruns: 4\ncases:\n"
        "  - {scenario: five.yaml, case: T}\n  - {scenario: five.yaml}\n"
    )
    done = CliRunner().invoke(main, ["evidence", "cases", str(plan), "--workers", "1", "--json"])
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.stdout)["cases"]
    assert first["agreements"] == 3 and first["runs"] == 4
    assert second == {"scenario": "five", "case": None, "runs": 4}
    short = CliRunner().invoke(main, ["evidence", "cases", str(plan), "--workers", "1", "--runs", "2"]).stdout
    assert "five: no responses on record" in short
    plan.write_text("title: one\nresponses: responses.csv\nruns: 2\ncases: [{scenario: five.yaml}]\n")
    assert CliRunner().invoke(main, ["evidence", "cases", str(plan), "--workers", "1"]).exit_code == 0
    plan.write_text("responses: responses.csv\ncases: [{scenario: five.yaml, tuned: yes}]\n")
    with pytest.raises(ScenarioError, match=r"plan.yaml:2:31: error\[E101\] cases\[0\].tuned: unknown key"):
        read_cases_plan(plan)
    plan.write_text("responses: responses.csv\n")
    assert CliRunner().invoke(main, ["evidence", "cases", str(plan)]).exit_code == 4
