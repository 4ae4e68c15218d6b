"""The four shipped cases of history: they load and run, and hold nothing dated after their signal."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from balance_sim.cli.program import main
from balance_sim.evidence.cases.scores import responses_of, sorted_out
from balance_sim.evidence.cases.tables import case_named
from balance_sim.scenario import load_scenario
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
CASES = {
    "tripartite_1940": "TRIPARTITE1940",
    "sinosov_1950": "SINOSOV1950",
    "nolimits_2022": "NOLIMITS2022",
    "solomon_2022": "SOLOMON2022",
}


@pytest.fixture(scope="module", params=list(CASES))
def shipped(request):
    case = case_named(ROOT / "experiments" / "cases.csv", CASES[request.param])
    return case, load_scenario(ROOT / "scenarios" / f"{request.param}.yaml")


def test_the_scenario_is_that_of_its_row(shipped):
    case, scenario = shipped
    focal = scenario.events[0]
    assert (focal.date, focal.visibility) == (case.signal_date, case.visibility)
    assert set(focal.principals) == set(case.participants)
    left_out = {*case.participants, *case.observers} - {*scenario.codes, "NATO", "EU", "SCO"}
    assert left_out == ({"HRV"} if case.case_id == "TRIPARTITE1940" else set())
    assert all(f"`{code}`" in scenario.notes for code in left_out)
    assert scenario.end == case.last_day + timedelta(days=1)


def test_nothing_is_dated_on_or_after_the_signal(shipped):
    case, scenario = shipped
    days = [d for a in scenario.agreements for d in (a.opened, a.signed, a.in_force, a.ended) if d is not None]
    assert days and max(days) < case.signal_date
    assert len(scenario.events) == 1
    assert not any(a.scheduled_signed or a.scheduled_in_force for a in scenario.agreements)
    years = [int(word) for s in scenario.states for word in s.source.replace(";", " ").split() if word.isdigit()]
    assert max(year for year in years if year > 1000) < case.signal_date.year
    assert all(s.nuclear_since is None or s.nuclear_since < case.signal_date for s in scenario.states)


def test_who_has_nuclear_weapons_is_as_of_the_case(shipped):
    case, scenario = shipped
    armed = {s.id for s in scenario.states if s.nuclear_since is not None}
    known = {"TRIPARTITE1940": set(), "SINOSOV1950": {"USA", "SUN"}, "SOLOMON2022": {"USA", "CHN"}}
    if case.case_id in known:
        assert armed == known[case.case_id]
    else:
        assert armed == {"CHN", "FRA", "GBR", "IND", "PRK", "RUS", "USA"}


def test_every_row_says_where_it_is_from(shipped):
    _, scenario = shipped
    for rows in (scenario.states, scenario.disputes, scenario.distances, scenario.agreements, scenario.events):
        assert all(row.source for row in rows)


def test_no_parameter_is_set_for_a_case(shipped):
    """The same numbers for all, but for what each one's calibration says: those of the starter, the defaults."""
    case, _ = shipped
    name = next(name for name, case_id in CASES.items() if case_id == case.case_id)
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.yaml", calibrated=False)
    other = load_scenario(ROOT / "scenarios" / "solomon_2022.yaml", calibrated=False)
    assert scenario.parameters == other.parameters
    assert scenario.theory == other.theory
    assert (scenario.kinds, scenario.event_kinds) == (other.kinds, other.event_kinds)
    assert all(not state.propensity for state in scenario.states)


def test_most_recorded_responses_can_be_scored(shipped):
    """All but `other` rows and those with NATO, EU, SCO or a state that was none yet."""
    case, scenario = shipped
    rows = sorted_out(responses_of(ROOT / "experiments" / "case_responses.csv", case.case_id), scenario)
    reasons = {why_not.split(":")[0] for why_not in rows["why_not"] if why_not}
    assert reasons <= {"direction `other`", "NATO", "EU", "SCO", "HRV"}
    agreements = set(rows.loc[rows["why_not"] == "", "agreement_id"])
    counts = {"TRIPARTITE1940": 11, "SINOSOV1950": 10, "NOLIMITS2022": 22, "SOLOMON2022": 9}
    assert len(agreements) == counts[case.case_id]


def test_a_case_is_written_once_and_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = ROOT / "tests" / "evidence" / "data_1939"
    (tmp_path / "cases.csv").write_text(
        "case_id,signal_date,participants,observers\nSTEEL,1939-05-22,DEU;ITA,GBR;POL\n"
    )
    order = ["evidence", "case", "steel", "STEEL", "--cases", "cases.csv", "--data", str(data)]
    first = CliRunner().invoke(main, order)
    assert first.exit_code == 0, first.output
    assert load_scenario("steel.yaml").codes == ("DEU", "GBR", "ITA", "POL")
    with (tmp_path / "steel" / "states.csv").open(encoding="utf-8") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == ["DEU", "GBR", "ITA", "POL"]
    again = CliRunner().invoke(main, order)
    assert again.exit_code == 2 and "exists" in again.output
    assert CliRunner().invoke(main, order[:4]).exit_code == 2
    other = CliRunner().invoke(main, [*order[:3], "NONE", *order[4:]])
    assert other.exit_code == 4 and "The cases found are: STEEL" in other.output
    (tmp_path / "scenarios").mkdir()
    assert CliRunner().invoke(main, order).exit_code == 0
    assert (tmp_path / "scenarios" / "steel.yaml").is_file()
