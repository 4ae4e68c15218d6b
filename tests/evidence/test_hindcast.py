"""Fit on the past, forecast the years after: on records that the model made itself."""

import json
import re
import shutil
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from balance_sim.cli import main
from balance_sim.evidence.commands.documents import own_folder
from balance_sim.evidence.data.agreements import AGREEMENTS
from balance_sim.evidence.data.codes import state_codes
from balance_sim.evidence.data.extracts import EXTRACTS
from balance_sim.evidence.data.history import History, load_history
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.estimation.features import feature_years
from balance_sim.evidence.forecast.baselines import Logit, fit_baselines
from balance_sim.evidence.forecast.hindcast import STEPS, hindcast_of
from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
from balance_sim.evidence.forecast.score import WAY
from balance_sim.scenario import load_scenario, new_scenario
from balance_sim.scenario.errors import WrongRequest
from click.testing import CliRunner, Result
from invented import invented
from recovery import made_record

WEIGHTS = {"proximity": 0.8, "size": 0.3, "joint_democracy": 0.8, "activity": 0.2, "common_threat": 0.5}
INTERCEPTS = {
    "defence_cooperation": 5.6,
    "logistics": 4.6,
    "political_declaration": -60.0,
    "information_sharing": -60.0,
}
PLAN = HindcastPlan(
    first=1990,
    last=1999,
    until=2001,
    terms=tuple(WEIGHTS),
    baselines=("base_rate", "earlier_accords", "gravity", "logit", "boosted_trees"),
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made() -> History:
    return made_record(invented(32, 12), WEIGHTS, INTERCEPTS)


@pytest.fixture(scope="module")
def found(made: History) -> dict[str, Any]:
    told: dict[str, list[tuple[int, int]]] = {}

    def begin(step: str) -> Callable[[int, int], None]:
        told[step] = []
        return lambda *counts: told[step].append(counts)

    found = hindcast_of(PLAN, made, begin)
    assert [*told] == [*STEPS]
    for step, unit in STEPS.items():
        assert [done for done, _ in told[step]] == [*range(1, len(told[step]) + 1)] and bool(unit) == bool(told[step])
        assert all(done <= wanted for done, wanted in told[step])
    return found


@pytest.mark.needs("sklearn")
def test_the_model_beats_the_base_rate_on_its_own_record(found: dict[str, Any]) -> None:
    """And expects about as many agreements as there were: within 4 standard deviations of a Poisson count."""
    one = found[WAY]["model"]
    assert one["log_skill_ci95"][0] > 0.0
    assert abs(one["expected"] - one["events"]) < 4.0 * np.sqrt(one["expected"])


@pytest.mark.needs("sklearn")
def test_bins_hold_all_agreements_and_a_folder_of_another_study_is_refused(
    found: dict[str, Any], tmp_path: Path
) -> None:
    bins = found["about"]["calibration"][WAY]
    assert sum(row["happened"] for row in bins) == found[WAY]["model"]["events"]
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WrongRequest, match="holds results of another kind"), own_folder(tmp_path, "hindcast.json"):
        pass


@pytest.mark.needs("sklearn")
def test_later_outcomes_change_no_earlier_forecast(made: History, found: dict[str, Any]) -> None:
    """Everything signed in the last year taken away, and something else signed: the fit and the scores of the
    year before stay to the last bit, those of the last year do not."""
    agreements = made.agreements
    kept, lost = agreements[agreements["signed"] < "2001-01-01"], agreements[agreements["signed"] >= "2001-01-01"]
    other = lost.assign(a=lost["a"].to_numpy()[::-1] // 2, b=16 + lost["b"].to_numpy()[::-1] // 2)
    changed = hindcast_of(PLAN, replace(made, agreements=pd.concat([kept, other], ignore_index=True)))
    assert changed["about"]["weights"] == found["about"]["weights"]
    for way, by_year in found["about"]["log_skill_by_year"].items():
        assert changed["about"]["log_skill_by_year"][way][2000] == by_year[2000]
        assert changed["about"]["log_skill_by_year"][way][2001] != by_year[2001]


@pytest.mark.needs("sklearn")
def test_the_first_year_forecast_is_in_no_fit_and_no_baseline(made: History, found: dict[str, Any]) -> None:
    """Three times as many dyads sign in it: the same weights, and the same forecasts of the base rate and of
    gravity, which read no agreement. Known a year ahead, it moves all others of the year after."""
    agreements = made.agreements
    first = agreements[(agreements["signed"] >= "2000-01-01") & (agreements["signed"] < "2001-01-01")]
    more = [first.assign(a=k + first["a"].to_numpy() // 4, b=12 + k + first["b"].to_numpy() // 4) for k in range(3)]
    changed = hindcast_of(PLAN, replace(made, agreements=pd.concat([agreements, *more], ignore_index=True)))
    assert changed["about"]["weights"] == found["about"]["weights"]
    expected = {name: [document[WAY][name]["expected"] for document in (found, changed)] for name in found[WAY]}
    assert {*expected} == {"model", *PLAN.baselines}
    for name, (before, after) in expected.items():
        assert (before == after) == (name in ("base_rate", "gravity")), name
    assert changed[WAY]["model"]["events"] != found[WAY]["model"]["events"]


def test_an_eleventh_year_is_in_no_baseline_of_ten(made: History) -> None:
    rows = feature_years(made).within(1990, 2000)
    assert {*rows.year} == {*range(1990, 2001)}

    def forecasts(year: int | None) -> dict[str, np.ndarray]:
        y = rows.y.copy()
        if year is not None:
            y[rows.year == year] = np.arange((rows.year == year).sum()) % 3 == 0
        names = ("base_rate", "earlier_accords", "gravity")
        baselines = fit_baselines(replace(rows, y=y), names, 10)
        return {name: predict(rows.within(2000, 2000)) for name, predict in baselines.items()}

    plain, eleventh, tenth = forecasts(None), forecasts(1990), forecasts(1991)
    for name, p in plain.items():
        np.testing.assert_array_equal(p, eleventh[name])
        assert not np.array_equal(p, tenth[name])


def test_half_a_year_at_risk_has_half_the_odds(made: History) -> None:
    """Of a column two deviations above its mean, and of a blank one, which counts as the mean: odds 3 e^2 and 3."""
    rows = feature_years(made).within(1990, 1990).take(np.arange(4))
    x = rows.x.assign(ln_size=[7.0, np.nan, 7.0, np.nan])
    rows = replace(rows, x=x, exposure=np.array([1.0, 1.0, 0.5, 0.5]))
    logit = Logit(("ln_size",), np.array([3.0]), np.array([2.0]), np.array([1.0, np.log(3.0)]), np.eye(2))
    p = logit(rows)
    assert p / (1.0 - p) == pytest.approx([3.0 * np.exp(2.0), 3.0, 1.5 * np.exp(2.0), 1.5])


@pytest.mark.needs("sklearn")
def test_the_same_fit_left_as_it_was_stands_beside_it(found: dict[str, Any]) -> None:
    assert found["about"]["one_year_ahead_as_fitted"]["log_skill"] != found["one_year_ahead"]["model"]["log_skill"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, an outcomes file and a plan: invented agreements of real states, in the generic columns
    and in DCAD's."""
    rng = np.random.default_rng(1)
    folder = tmp_path_factory.mktemp("hindcast")
    states = pd.read_csv(ROOT / "tests" / "evidence" / "data" / "nmc_state_year.csv")["ccode"].unique()
    data = folder / "data"
    data.mkdir()
    everyone = state_codes()["cow"].unique()
    share = dict(zip(everyone, rng.lognormal(-6, 1, len(everyone)), strict=True))
    rows = [(code, year, share[code]) for code in everyone for year in range(1999, 2003)]
    pd.DataFrame(rows, columns=["ccode", "year", "cinc"]).to_csv(data / "nmc_state_year.csv", index=False)
    pairs = [(a, b) for k, a in enumerate(states) for b in states[k + 1 :]]
    signed = [
        (n, *pairs[rng.integers(len(pairs))], 1, 1 + n % 12, year, ("general", "sector")[n % 2], "TREX")
        for n, year in enumerate(np.repeat(np.arange(1999, 2004), 12))
    ]
    names = ["DCAid", "ccode1", "ccode2", "signDay", "signMonth", "signYear", "type", "category1"]
    dcad = pd.DataFrame(signed, columns=names)
    dcad[dcad["signYear"] > 2001].to_csv(folder / "later.csv", index=False)
    own = dcad[dcad["signYear"] <= 2001].rename(columns={"ccode1": "cow_a", "ccode2": "cow_b"})
    own["kind"] = own["type"].map({"general": "defence_cooperation", "sector": "logistics"})
    own["date"] = [f"{row.signYear}-{row.signMonth:02}-01" for row in own.itertuples()]
    own[["cow_a", "cow_b", "kind", "date"]].to_csv(data / "accords.csv", index=False)
    plan = "{first: 2000, last: 2001, until: 2003, window: 2, terms: [size, activity]}"
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def outsiders(files: Path) -> tuple[list[str], Result]:
    """A hindcast from these files, as an outsider asks for it in that folder, and what it said."""
    command = ["evidence", "hindcast", "plan.yaml", "--data", "data", "--json", "--outcomes", "later.csv"]
    with chdir(files):
        done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return command, done


@pytest.mark.needs("sklearn")
def test_hindcast_from_files_as_an_outsider_runs_it(
    files: Path, outsiders: tuple[list[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    _, done = outsiders
    out = json.loads(done.stdout)
    assert out.keys() == {"one_year_ahead", "about"}
    assert out["about"]["forecast"] == [2002, 2003]
    (folder,) = (files / "results").iterdir()
    assert re.fullmatch("plan-[0-9a-f]{8}", folder.name)
    assert json.loads((folder / "hindcast.json").read_text(encoding="utf-8")) == out
    assert {row["file"] for row in out["about"]["data"]} >= {"accords.csv", "later.csv"}
    assert {path.name for path in (folder / "figures").iterdir()} == {"reliability.png", "reliability.svg"}


def test_fit_writes_what_the_record_says(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "parameters.yaml"
    words = ["evidence", "fit", str(files / "data"), "--first", "2000", "--terms", "size,activity", "--out", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    written = yaml.safe_load(out.read_text(encoding="utf-8"))
    assert written["covariance"]["names"][:2] == ["theory.weights.size", "theory.weights.activity"]
    assert set(written["parameters"]) == set(written["covariance"]["names"])
    assert written["fitted"]["standard_errors"] == "clustered by pair"
    text = new_scenario("mine").replace("report: {", "calibration: parameters.yaml\nreport: {")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    scenario, estimates = load_scenario(tmp_path / "mine.yaml"), written["parameters"]
    assert scenario.theory.weights["size"] == estimates["theory.weights.size"]["estimate"]
    assert scenario.kinds["logistics"].intercept == estimates["kinds.logistics.intercept"]["estimate"]


def test_a_record_of_too_few_agreements_is_refused(files: Path, tmp_path: Path) -> None:
    """Of 36 agreements of three years 24 are of the last two: not enough for five terms, at five a term."""
    terms = ["size", "activity", "proximity", "experience", "ladder"]
    words = ["evidence", "fit", str(files / "data"), "--first", "2000", "--json", "--out", str(tmp_path / "out.yaml")]
    done = CliRunner().invoke(main, [*words, "--terms", ",".join(terms)])
    (error,) = json.loads(done.stdout)["errors"]
    assert done.exit_code == 4 and error["code"] == "E600" and "at most" in error["suggestion"]


def test_years_before_the_record_and_two_records_are_refused(files: Path, tmp_path: Path) -> None:
    """The record begins in 2001; DCAD's own file beside it would be read in its place."""
    words = ["evidence", "fit", "data", "--terms", "size", "--json", "--out", "out.yaml", "--first", "2000"]
    shutil.copytree(files / "data", tmp_path / "data")
    rows = pd.read_csv(tmp_path / "data" / "accords.csv")
    rows[rows["date"] >= "2001"].to_csv(tmp_path / "data" / "accords.csv", index=False)
    with chdir(tmp_path):
        early = json.loads(CliRunner().invoke(main, words).stdout)["errors"]
        early += json.loads(CliRunner().invoke(main, [*words, "--last", "2000"]).stdout)["errors"]
        shutil.copy(files / "later.csv", "data/dcad_agreements.csv")
        twice = json.loads(CliRunner().invoke(main, words).stdout)["errors"]
    assert [error["code"] for error in (*early, *twice)] == ["E600", "E600", "E600"]
    assert "from 2001" in early[0]["suggestion"] and twice[0]["file"] == "data/accords.csv"


@pytest.mark.parametrize(("kind", "column"), [("Defence cooperation", "kind"), (None, "")])
def test_agreements_of_no_type_and_none_at_all_are_refused(tmp_path: Path, kind: str | None, column: str) -> None:
    row = f"POL,LTU,{kind},1993-06-15\n" * (kind is not None)
    (tmp_path / "accords.csv").write_text(f"iso3_a,iso3_b,kind,date\n{row}", encoding="utf-8")
    (tmp_path / "nmc_state_year.csv").write_text("ccode,year,cinc\n290,1992,0.01\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["evidence", "fit", str(tmp_path), "--json"])
    (error,) = json.loads(done.stdout)["errors"]
    assert (done.exit_code, error["code"], error["path"]) == (4, "E600", column)
    assert error["file"].endswith("accords.csv")


def test_the_shipped_record_is_no_cause_and_outcome_at_once(tmp_path: Path) -> None:
    """Treaties of two states are agreements, and those of more are alliances: all of ATOP that ships, but for some that
    were signed before both sides were states."""
    assert CliRunner().invoke(main, ["evidence", "record", str(tmp_path / "data")]).exit_code == 0
    history, shipped = load_history(tmp_path / "data", 1995, 1996), SOURCES["atop"].of(EXTRACTS).frame
    alliances = {*SOURCES["atop"].of(tmp_path / "data").frame["alliance_id"]}
    agreements = {*AGREEMENTS.read(tmp_path / "data" / "accords.csv").frame["accord_id"]}
    everything = {*shipped["alliance_id"]}
    assert not alliances & agreements and alliances | agreements < everything
    assert len(everything - alliances - agreements) < 0.05 * len(agreements)
    signed = history.agreements["signed"].dt.year == 1995
    assert (history.agreements["kind"][signed] == "political_declaration").sum() == 13
