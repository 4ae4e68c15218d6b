"""`balance-sim evidence gof` as a user meets it: what it prints and writes, and what it says of input that it cannot use."""

import json
from pathlib import Path

import pytest
from balance_sim.cli import main
from click.testing import CliRunner, Result

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


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def said(*args: str) -> Result:
    return CliRunner().invoke(main, ["evidence", "gof", *args])


def test_a_scenario_writes_figures_and_a_report(place: Path) -> None:
    found = said("scenario.yaml", "--runs", "6", "--out", "fit")
    assert found.exit_code == 0, found.stderr
    assert max(map(len, found.stdout.splitlines())) <= 80
    names = {path.name for path in (place / "fit" / "figures").iterdir()}
    assert names == {"gof.png", "gof.svg"}
    page = (place / "fit" / "report.html").read_text(encoding="utf-8")
    assert "2001-01-01 to 2003-12-31" in page
    again = CliRunner().invoke(main, ["plot", "fit", "--list"])
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["gof"]
    first = (place / "fit" / "gof.json").read_bytes()
    said("scenario.yaml", "--runs", "6", "--out", "again", "--no-figures")
    one, other = json.loads(first), json.loads((place / "again" / "gof.json").read_text(encoding="utf-8"))
    assert {**one, "about": 0} == {**other, "about": 0}
