"""`balance-sim evidence gof` as a user meets it: what it prints and writes, and what it says of input that it cannot use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from balance_sim.cli import main
from balance_sim.effects.run import run
from balance_sim.evidence.goodness.set_back import own_span, set_back
from balance_sim.scenario import load_scenario
from click.testing import CliRunner, Result

STATES = ("AUS", "BRA", "CAN", "DEU", "FRA", "JPN")
SCENARIO = """schema: 1
title: six states
start: 2004-01-01
end: 2005-01-01
step_days: 30
focal: signal
states:
  - {id: DEU, capability: 0.3, latitude: 52, longitude: 13, democracy: 0.9, name: Germany}
  - {id: ITA, capability: 0.2, latitude: 42, longitude: 12, democracy: 0.8}
  - {id: FRA, capability: 0.2, latitude: 49, longitude: 2, democracy: 0.9}
accords:
  - {id: old, a: DEU, b: FRA, kind: access, status: in_force, signed: 1999-01-01, in_force: 1999-06-01}
  - {id: one, a: DEU, b: ITA, kind: access, status: in_force, signed: 2002-05-01, in_force: 2002-05-01}
  - {id: two, a: FRA, b: ITA, kind: access, status: in_force, signed: 2002-05-01, in_force: 2002-05-01}
events: [{id: signal, date: 2004-04-10, kind: treaty, principals: [DEU, ITA]}]
arms: {no_signal: {reference: true, drop: [signal]}, signal: {}}
report: {windows: [30]}
"""


def networks(seed: int, runs: int, rate: float) -> str:
    rng = np.random.default_rng(seed)
    rows = ["replication,a,b,date,kind"]
    for number in range(runs):
        for _ in range(max(rng.poisson(rate), 1)):
            a, b = rng.choice(STATES, 2, replace=False)
            rows.append(f"{number},{a},{b},{2000 + rng.integers(3)}-{1 + rng.integers(12):02d}-11,pact")
    return "\n".join(rows) + "\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    Path("simulated.csv").write_text(networks(1, 40, 12), encoding="utf-8")
    for name, rate in (("like", 12.0), ("unlike", 40.0)):
        text = networks(2, 1, rate).replace("replication,", "").replace("\n0,", "\n")
        Path(f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def said(*args: str) -> Result:
    return CliRunner().invoke(main, ["evidence", "gof", *args])


def test_a_scenario_writes_figures_and_a_report(place: Path) -> None:
    found = said("scenario.yaml", "--runs", "12", "--out", "fit")
    assert found.exit_code == 0, found.stderr
    assert max(map(len, found.stdout.splitlines())) <= 80
    names = {path.name for path in (place / "fit" / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in ("gof", "gof_residuals") for kind in ("png", "svg")}
    page = (place / "fit" / "report.html").read_text(encoding="utf-8")
    assert "2001-01-01 to 2003-12-31" in page
    again = CliRunner().invoke(main, ["plot", "fit", "--list"])
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["gof", "gof_residuals"]
    first = (place / "fit" / "gof.json").read_bytes()
    said("scenario.yaml", "--runs", "12", "--out", "again", "--no-figures")
    one, other = json.loads(first), json.loads((place / "again" / "gof.json").read_text(encoding="utf-8"))
    assert {**one, "about": 0} == {**other, "about": 0}


def test_the_models_own_networks_from_a_table_are_judged_alike(place: Path) -> None:
    """What `gof` simulates, written to a table and given back with --simulated, has the same numbers."""
    scenario = load_scenario(Path("scenario.yaml"))
    past = set_back(scenario, own_span(scenario))
    made = run(past, runs=30, seed=1).agreements
    new = made[made["origin"].astype(str).isin(["new", "assumed", "talks"]) & made["signed"].notna()]
    table = new.rename(columns={"run": "replication", "signed": "date"})
    table[["replication", "a", "b", "date", "kind", "opened", "in_force"]].to_csv("own.csv", index=False)
    both = [
        json.loads(said("scenario.yaml", *more, "--runs", "30", "--no-figures", "--json").stdout)
        for more in (("--out", "one"), ("--simulated", "own.csv", "--out", "other"))
    ]
    assert both[0]["p"] == both[1]["p"]
    for one, other in zip(both[0]["groups"], both[1]["groups"], strict=True):
        assert (one["name"], one["p"], one["not_tested"]) == (other["name"], other["p"], other["not_tested"])
        for mine, theirs in zip(one["statistics"], other["statistics"], strict=True):
            assert mine == pytest.approx(theirs)  # replications are numbered anew: their order may differ
    ahead = said("scenario.yaml", "--against", "after.csv", "--runs", "8", "--no-figures")
    assert (ahead.exit_code, "after.csv" in ahead.stderr) == (4, True)
    Path("after.csv").write_text(
        "iso3_a,iso3_b,kind,stage,date\nDEU,ITA,access,signed,2004-06-01\nDEU,FRA,access,signed,2004-07-01\n"
    )
    ahead = said("scenario.yaml", "--against", "after.csv", "--runs", "8", "--no-figures", "--out", "ahead", "--json")
    found = json.loads(ahead.stdout)
    assert (found["about"]["arm"], found["agreements"], found["replications"]) == ("signal", 2, 8)
    assert found["residuals"]["observed"] == 2


def test_a_results_folder_against_what_came_after(place: Path) -> None:
    Path("after.csv").write_text(
        "a,b,date,kind\nDEU,ITA,2004-06-01,access\nFRA,ITA,2004-07-01,access\nFRA,USA,2004-07-01,access\n",
        encoding="utf-8",
    )
    runner = CliRunner()
    assert runner.invoke(main, ["run", "scenario.yaml", "--runs", "6", "--out", "study", "--no-figures"]).exit_code == 0
    found = json.loads(said("study", "--against", "after.csv", "--json", "--no-figures").stdout)
    assert (found["span"]["first"], found["span"]["last"]) == ("2004-01-01", "2004-12-31")
    assert (found["about"]["arm"], found["replications"], found["agreements"]) == ("signal", 6, 2)
    assert any("1 agreements of after.csv" in note for note in found["notes"])
