"""Fit on the past, forecast the years after: on records that the model made itself."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from balance_sim.cli import main
from balance_sim.evidence.commands.gof import own_folder
from balance_sim.evidence.commands.hindcast import refuse_other
from balance_sim.evidence.data.codes import state_codes
from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.record_scenario import scenario_at
from balance_sim.evidence.forecast.forward import simulate_forward
from balance_sim.evidence.forecast.hindcast import STEPS, Hindcast, hindcast_of
from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
from balance_sim.evidence.forecast.page import read
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.store import Store
from click.testing import CliRunner, Result
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
    runs=12,
    resamples=40,
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(invented) -> History:
    return made_record(invented(32, 12), WEIGHTS, INTERCEPTS)


@pytest.fixture(scope="module")
def found(made: History) -> Hindcast:
    said: list[str] = []
    found = hindcast_of(PLAN, made, said.append)
    assert said == [*STEPS]
    return found


def test_the_model_beats_the_base_rate_on_its_own_record(found: Hindcast) -> None:
    """And expects about as many agreements as there were: within 4 standard deviations of a Poisson count."""
    for scores in found.scores.values():
        one = scores["model"]
        assert one["log_skill_ci95"][0] > 0.0
        assert abs(one["expected"] - one["events"]) < 4.0 * np.sqrt(one["expected"])


def test_a_folder_of_it_is_read_back_and_is_of_one_plan(found: Hindcast, tmp_path: Path) -> None:
    record = found.as_dict()
    record["about"] |= {"version": "0", "command": "balance-sim evidence hindcast x"}
    path = tmp_path / "hindcast.json"
    path.write_text(json.dumps(record, allow_nan=False), encoding="utf-8")
    about = {name: json.loads(json.dumps(record["about"][name])) for name in ("plan", "data")}
    scored = read(tmp_path)
    assert [*scored.ways] == ["one_year_ahead", "simulated_forward"]
    model = found.scores["one_year_ahead"]["model"]
    assert scored.ways["one_year_ahead"]["model"] == model
    assert sum(row["happened"] for row in scored.bins["one_year_ahead"]) == model["events"]
    refuse_other(path, about)  # the same again
    other = about | {"plan": about["plan"] | {"runs": found.plan.runs + 1}}
    with pytest.raises(WrongRequest, match="holds a hindcast with another plan: choose another --out"):
        refuse_other(path, other)
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WrongRequest, match="holds results of another kind"), own_folder(tmp_path, "hindcast.json"):
        pass


def test_run_forward_the_first_year_is_the_year_ahead(made: History, found: Hindcast) -> None:
    """On 1 January of the first year nothing has happened yet: the engine's chances are the likelihood's."""
    from balance_sim.evidence.estimation.choices import choices

    ahead = simulate_forward(found.fit, made, range(2000, 2002), runs=2)
    rows = choices(made, PLAN.terms, years=[2000]).with_kinds(found.fit.kinds)
    np.testing.assert_allclose(ahead.chance[0, rows.a, rows.b], found.fit.opportunities(rows), rtol=1e-10)
    assert not np.allclose(ahead.chance[1, rows.a, rows.b], ahead.chance[0, rows.a, rows.b], rtol=1e-6)


def test_run_forward_uses_nothing_after_the_origin(made: History, found: Hindcast) -> None:
    cut = replace(made, agreements=made.agreements[made.agreements["signed"] < "2000-01-01"])
    first, second = (simulate_forward(found.fit, h, range(2000, 2002), runs=3) for h in (made, cut))
    np.testing.assert_array_equal(first.chance, second.chance)


def test_later_outcomes_change_no_earlier_forecast(made: History, found: Hindcast) -> None:
    """Everything signed in the last year taken away, and something else signed: the fit and the scores of the
    year before stay to the last bit, those of the last year do not."""
    agreements = made.agreements
    kept, lost = agreements[agreements["signed"] < "2001-01-01"], agreements[agreements["signed"] >= "2001-01-01"]
    other = lost.assign(a=lost["a"].to_numpy()[::-1] // 2, b=16 + lost["b"].to_numpy()[::-1] // 2)
    changed = hindcast_of(PLAN, replace(made, agreements=pd.concat([kept, other], ignore_index=True)))
    np.testing.assert_array_equal(changed.fit.estimate, found.fit.estimate)
    for way, by_year in found.by_year.items():
        assert changed.by_year[way][2000] == by_year[2000]
        assert changed.by_year[way][2001] != by_year[2001]


def test_without_drift_the_forecast_is_the_fit(made: History, found: Hindcast) -> None:
    """And with it the same fit stands beside it, scored as it would have been."""
    few = PLAN.model_copy(update={"drift": False, "baselines": ("base_rate",)})
    still = hindcast_of(few, made)
    assert still.as_fitted is None
    assert still.memory == 1.0
    assert found.as_fitted is not None
    assert found.as_fitted["log_skill"] == still.scores["one_year_ahead"]["model"]["log_skill"]
    assert found.as_fitted["log_skill"] != found.scores["one_year_ahead"]["model"]["log_skill"]


def test_runs_forward_sign_as_often_as_the_chances_say(made: History, found: Hindcast) -> None:
    """Accords a year in runs against the sum of chances, within 5 standard errors of the mean and a tenth for
    pairs that sign twice, that pass occasions over while in talks, and for what changes within the year."""
    ahead = simulate_forward(found.fit, made, range(2000, 2002), runs=40)
    expected = np.nansum(np.triu(ahead.chance[1], 1))
    assert ahead.signed[1] == pytest.approx(expected, abs=5 * np.sqrt(expected / 40) + 0.1 * expected)


def test_the_past_as_a_scenario(made: History) -> None:
    """Accords signed before the day are there, later ones are not; pacts are legs in force and old."""
    scenario = scenario_at(made, 1995)
    ours = [agreement for agreement in scenario.agreements if not agreement.multilateral]
    before = made.agreements["signed"] < pd.Timestamp("1995-01-01")
    assert len(ours) == int(before.sum())
    legs = [agreement for agreement in scenario.agreements if agreement.multilateral]
    assert len(legs) == int((np.triu(made.alliance_depth[5], 1) > 0).sum())
    assert {agreement.kind for agreement in legs} == {"defence_pact"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, an outcomes file and a plan: DCAD's columns, invented agreements of real states."""
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
    for first, last, path in ((1999, 2001, data / "dcad_agreements.csv"), (2002, 2003, folder / "later.csv")):
        signed = [
            (n, *pairs[rng.integers(len(pairs))], 1, 1 + n % 12, year, ("general", "sector")[n % 2], "TREX")
            for n, year in enumerate(np.repeat(np.arange(first, last + 1), 12))
        ]
        names = ["DCAid", "ccode1", "ccode2", "signDay", "signMonth", "signYear", "type", "category1"]
        pd.DataFrame(signed, columns=names).to_csv(path, index=False)
    plan = "{first: 2000, last: 2001, until: 2003, window: 2, runs: 2, resamples: 10, terms: [size, activity]}"
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


def test_hindcast_from_files_as_an_outsider_runs_it(
    files: Path, outsiders: tuple[list[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    command, done = outsiders
    out = json.loads(done.stdout)
    assert {"one_year_ahead", "simulated_forward"} < out.keys()
    assert out["about"]["forecast"] == [2002, 2003]
    (folder,) = (files / "results").iterdir()
    assert re.fullmatch("plan-[0-9a-f]{8}", folder.name)
    assert json.loads((folder / "hindcast.json").read_text(encoding="utf-8")) == out
    assert {row["file"] for row in out["about"]["data"]} >= {"dcad_agreements.csv", "later.csv"}
    assert "<img" in (folder / "report.html").read_text(encoding="utf-8")
    done = CliRunner().invoke(main, [*command, "--runs", "1", "--out", str(folder)])
    assert done.exit_code == 2
    assert "holds a hindcast with another plan: choose another --out" in done.stderr


@pytest.mark.slow
def test_a_second_hindcast_into_the_same_folder_is_turned_away_at_once(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F20. The first is stopped while it holds the folder: the second ends with 5, before it fits anything."""
    words = ["evidence", "hindcast", str(files / "plan.yaml"), "--data", str(files / "data"), "--no-figures"]
    command = [sys.executable, "-m", "balance_sim", *words, "--outcomes", str(files / "later.csv")]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not any(Store(folder).is_written() for folder in tmp_path.glob("results/*")):
            assert first.poll() is None and time.monotonic() < until, "waited in vain"
            time.sleep(0.005)
        first.send_signal(signal.SIGSTOP)
        monkeypatch.chdir(tmp_path)
        second = CliRunner().invoke(main, command[3:])
    finally:
        first.kill()
        first.wait()
    assert second.exit_code == 5, second.stderr
    assert "is being written by another balance-sim" in second.stderr and "Traceback" not in second.stderr
    (folder,) = (tmp_path / "results").iterdir()
    assert {path.name for path in folder.iterdir()} == {"lock"}
    assert not Store(folder).is_written()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("iso3_a,iso3_b,kind,date\nUSA,FRA,logistics,2002-01-01\n", "end in 2002.*up to 2003"),
        ("iso3_a,iso3_b,kind,date\nUSA,FRA,logistics,2001-01-01\n", "no agreement signed after 2001"),
    ],
)
def test_outcomes_that_are_refused(files: Path, tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "outcomes.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    command = ["evidence", "hindcast", str(files / "plan.yaml"), "--data", str(files / "data"), "--outcomes", str(path)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 4, done.output
    assert re.search(message, done.stderr), done.stderr
    assert "outcomes.csv" in done.stderr


def test_fit_writes_what_the_record_says(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "parameters.yaml"
    words = ["evidence", "fit", str(files / "data"), "--first", "2000", "--terms", "size,activity", "--out", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    written = yaml.safe_load(out.read_text(encoding="utf-8"))
    assert written["covariance"]["names"][:2] == ["theory.weights.size", "theory.weights.activity"]
    assert set(written["parameters"]) == set(written["covariance"]["names"])
    assert written["fitted"]["standard_errors"] == "clustered by pair"
    refused = CliRunner().invoke(main, [*words[:-2], "--acts", "arms"])
    assert refused.exit_code == 2 and "--acts belongs to --events" in refused.output
