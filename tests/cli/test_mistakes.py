"""What people mistype: commands, names, values, and files of their own; each with its exit code, its code and its place.

The scenario is one of five states, as `balance-sim new` writes it. No sentence is held: codes and places are."""

import json
from pathlib import Path

import pytest
from program import answered

ROOT = Path(__file__).resolve().parents[2]
WORLD = (ROOT / "experiments" / "smoke" / "five_states.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with w.yaml; nothing in it is written to."""
    place = tmp_path_factory.mktemp("mistakes")
    (place / "w.yaml").write_text(WORLD, encoding="utf-8")
    (place / "states.csv").write_bytes(b"PK\x03\x04 a workbook")
    return place


# -- the command itself: exit code 2, and what has to be named -------------------------------------------------

USAGE = [
    ("rum w.yaml", "balance-sim run"),
    ("fit x", "balance-sim evidence fit"),
    ("simulate w.yaml", "balance-sim run"),
    ("execute w.yaml", "balance-sim run"),
    ("validate w.yaml", "balance-sim check"),
    ("init w", "balance-sim new"),
    ("estimate x", "balance-sim evidence fit"),
    ("run w.yaml --replications 10", "--runs"),
    ("run w.yaml --reps 10", "--runs"),
    ("run w.yaml --output x", "--out"),
    ("run w.yaml --jobs 2", "--workers"),
    ("sweep smoke --replications 10", "--runs"),
    ("run w.yaml --set parameters.beta 0.3", "--set parameters.beta=0.3"),
    ("effect w.yaml --set parameters.beta = 0.3", "--set parameters.beta=0.3"),
    ("sweep smoke --set parameters.beta 0.3 --runs 1", "--set parameters.beta=0.3"),
    ("run w.yaml --set parameters.beta=0.3 parameters.s0=0.1", "--set parameters.beta=0.3 --set parameters.s0=0.1"),
    ("explain w.yaml", "balance-sim run w.yaml"),
    ("explain beijing_2025", "balance-sim run beijing_2025"),
    ("plot smoke", "balance-sim sweep smoke"),
    ("sensitivity smoke", "balance-sim sweep smoke"),
    ("brief security_dilemma", "balance-sim game security_dilemma"),
    ("calibrate w.yaml", "balance-sim evidence calibrate"),
    ("evidence fits x", "balance-sim evidence fit"),
    ("run", "SCENARIO"),
    ("run w.yaml --run 10", "--runs"),
    ("run w.yaml --runs 0", "--runs"),
    ("run w.yaml --runs ten", "--runs"),
    ("run w.yaml --runs 1.5", "--runs"),
    ("run w.yaml --runs=", "empty"),
    ("run w.yaml --seed -1", "--seed"),
    ("run w.yaml --seed 2025-09-03", "--seed"),
    ("run w.yaml --workers 0", "--workers"),
    ("run w.yaml --draws posteriors", "--draws"),
    ("run w.yaml --out w.yaml", "--out"),
    ("run w.yaml --arms sumit", "summit"),
    ("run w.yaml --arms summit;no_summit", "summit;no_summit"),
    ("run w.yaml --model mine:Aloof", "mine"),
    ("run w.yaml --model mine", "mine"),
    ("run w.yaml --outcomes nothing_here", "nothing_here"),
    ("run w.yaml --terms json", "json"),
    ("effect w.yaml --arm sumit", "summit"),
    ("effect w.yaml --arm no_summit", "no_summit"),
    ("effect w.yaml --draws 1000000", "--draws"),
    ("check w.yaml --set", "--set"),
    ("check w.yaml -x", "-x"),
    ("check smoke --theory x", "--theory"),
    ("sweep smoke --runs 0", "--runs"),
    ("list nothing", "nothing"),
    ("new", "NAME"),
    ("new w", "w.yaml"),
    ("new gulf --states SAU,IRN,ARE --year twenty", "--year"),
    ("plot", "RESULTS"),
    ("plot nope", "nope"),
    ("plot w.yaml", "w.yaml"),
    ("report nope", "nope"),
    ("brief nope", "nope"),
    ("explain nope", "nope"),
    ("explain nope XAR-XBE", "XAR-XBE"),
    ("compare a", "RIGHT"),
    ("compare a b", "a"),
    ("status nope", "nope"),
    ("export nope", "nope"),
    ("verify nope", "nope"),
    ("sensitivity nope", "nope"),
    ("package nope", "nope"),
    ("schema scenarios", "scenario"),
    ("parameters --jsn", "--json"),
    ("evidence fit", "DATA"),
    ("evidence hindcast nope.yaml", "--data"),
    ("evidence score nope", "OUTCOMES"),
    ("evidence case nope", "CASE_ID"),
]


@pytest.mark.parametrize(("line", "named"), USAGE)
def test_a_command(line: str, named: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    code, out, err = answered(*line.split())
    assert (code, out) == (2, "") and named in err


# -- names of files and values of options: exit code 4, code, place and key path --------------------------------

INPUT = [
    ("run ww.yaml", "ww.yaml:1:1: error[E001] "),
    ("run w.yml", "w.yml:1:1: error[E001] "),
    ("run beijing_2052", "beijing_2052:1:1: error[E001] "),
    ("run .", ".:1:1: error[E002] "),
    ("sweep smokes", "smokes:1:1: error[E001] "),
    ("sweep w.yaml", "w.yaml:4:1: error[E012] "),
    ("game w.yaml", "w.yaml:4:1: error[E012] "),
    ("game security_dilemmas", "security_dilemmas:1:1: error[E001] "),
    ("check nope", "nope:1:1: error[E001] "),
    ("evidence calibrate nope", "nope:1:1: error[E001] "),
    ("evidence gof nope", "nope:1:1: error[E001] "),
    ("evidence posterior nope", "nope:1:1: error[E001] "),
    ("run w.yaml --theory balance_of_terror", "--theory:1:15: error[E211] theory.preset: "),
    ("run w.yaml --set parameters.beta", "--set[0]:1:1: error[E101] parameters.beta: "),
    ("run w.yaml --set parameters.bta=0.2", "--set[0]:1:1: error[E101] parameters.bta: "),
    ("run w.yaml --set parameters.beta=2", "--set[0]:1:17: error[E203] parameters.beta: "),
    ("run w.yaml --set parameters.beta=a", "--set[0]:1:17: error[E201] parameters.beta: "),
    ("run w.yaml --set beta=0.2", "--set[0]:1:1: error[E101] beta: "),
    ("run w.yaml --set events.sumit.visibility=0.5", "--set[0]:1:1: error[E101] events.sumit.visibility: "),
    ("run w.yaml --set events.summit.visibility=50%", "--set[0]:1:26: error[E205] events.summit.visibility: "),
    ("run w.yaml --set start=2025-13-01", "--set[0]:1:7: error[E209] start: "),
    ("run w.yaml --set parameters.beta=0 --set parameters.beta=1", "--set[1]:1:1: error[E014] parameters.beta: "),
    ("run w.yaml --set states.Corvia.autonomy=1", "--set[0]:1:1: error[E101] states.Corvia.autonomy: "),
    ("run states.csv", "states.csv:1:1: error[E006] "),
    ("new a/b", "NAME:1:1: error[E106] "),
    ("new gulf --states SAU", "--states:1:1: error[E212] states: "),
    ("new gulf --states SAU,IRN,XXX --year 2024", "--states:1:9: error[E301] states[2]: "),
    ("new gulf --states SAU,IRN,ARE --year 1900", "--year:1:1: error[E203] "),
]


@pytest.mark.parametrize(("line", "place"), INPUT)
def test_a_name_or_a_value(line: str, place: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    code, out, err = answered(*line.split())
    assert (code, out) == (4, "") and err.startswith(place), err


NAMED = [
    ("run beijing_2025", "states.Germany.autonomy", "states.DEU.autonomy"),
    ("run beijing_2025", "states.South Korea.autonomy", "states.KOR.autonomy"),
    ("effect beijing_2025", "states.UK.autonomy", "states.GBR.autonomy"),
    ("check beijing_2025 --no-world", "trade.Japan-China.share", "trade.JPN-CHN.share"),
    ("check beijing_2025 --no-world", "disputes.Japan-China.claim", "disputes.CHN-JPN.claim"),
    ("check w.yaml --no-world", "states.Corvia.autonomy", "states.XCO.autonomy"),
    ("check beijing_2025 --no-world", "states.Nauru.autonomy", "NRU"),
]


@pytest.mark.parametrize(("line", "path", "meant"), NAMED)
def test_a_state_by_its_name_is_answered_with_its_code(
    line: str, path: str, meant: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other state is proposed in its place: Germany is not Malaysia."""
    monkeypatch.chdir(folder)
    code, _, err = answered(*line.split(), "--set", f"{path}=0.1")
    (hint,) = [text for text in err.splitlines() if text.startswith("  help: ")]
    assert code == 4 and f"`{meant}`" in hint, err


# -- in a file: text to replace, its replacement, and code and key path of the one answer, on the line of the text ----

FILES = [
    ("schema: 1", "schema: 2", "E108", "schema"),
    ("title:", "titel:", "E101", "titel"),
    ("report: {", "reports: {", "E101", "reports"),
    ("events:  ", "event:  ", "E101", "event"),
    ("accords:  ", "agreements:  ", "E101", "agreements"),
    ("start: 2025-01-01", "start: 01.01.2025", "E209", "start"),
    ("start: 2025-01-01", "start: 2025-02-30", "E209", "start"),
    ("start: 2025-01-01", "start: 2025", "E209", "start"),
    ("end: 2026-01-01", "end: 2024-01-01", "E210", "end"),
    ("focal: summit ", "focal: Summit ", "E309", "focal"),
    ("focal: summit ", "focal: ", "E207", "focal"),
    ("gdp_bn: 900", "gdp_bn: 900,5", "E105", "states[0].5"),
    ("gdp_bn: 900", "gdp_bn: 28,751", "E105", "states[0].751"),
    ("gdp_bn: 900", "gdp_bn: '28,751'", "E205", "states.XAR.gdp_bn"),
    ("gdp_bn: 900", "gdp_bn: 1 200", "E205", "states.XAR.gdp_bn"),
    ("gdp_bn: 900", "gdp_bn: n/a", "E201", "states.XAR.gdp_bn"),
    ("gdp_bn: 900", "gdp_bn: -900", "E203", "states.XAR.gdp_bn"),
    ("gdp_bn: 900", "GDP: 900", "E101", "states.XAR.GDP"),
    ("democracy: 0.2", "democracy: 20%", "E205", "states.XAR.democracy"),
    ("democracy: 0.2", "democracy: low", "E201", "states.XAR.democracy"),
    ("latitude: 40", "latitude: 400", "E203", "states.XAR.latitude"),
    ("latitude: 40,", "latitude: 40N,", "E201", "states.XAR.latitude"),
    ("latitude: 40,", "lat: 40,", "E101", "states.XAR.lat"),
    ("patrons: [XCO]", "patrons: XCO", "E201", "states.XDO.patrons"),
    ("patrons: [XCO]", "patrons: [XXX]", "E301", "states.XDO.patrons[0]"),
    ("North: [XCO, XDO]", "North: XCO, XDO", "E201", "groups.North"),
    ("North: [XCO, XDO]", "North: [XCO, XDQ]", "E301", "groups.North[1]"),
    ("rivalry: 0.8", "rivalry: high", "E201", "disputes.XAR-XCO.rivalry"),
    ("rivalry: 0.8", "rivaly: 0.8", "E101", "disputes.XAR-XCO.rivaly"),
    ("b: XDO, claim", "b: XAR, claim", "E306", "disputes.XAR-XAR"),
    ("b: XDO, claim", "b: XCO, claim", "E308", "disputes.XAR-XCO"),
    ("share: 0.2", "share: 20", "E203", "trade.XDO-XAR.share"),
    ("kind: defence_cooperation", "kind: Defence Cooperation", "E211", "accords.arden-belmar.kind"),
    ("status: in_force, signed", "status: in force, signed", "E211", "accords.arden-belmar.status"),
    ("signed: 2015-03-01", "signed: 2035-03-01", "E215", "accords.arden-belmar.signed"),
    ("signed: 2015-03-01", "signed: March 2015", "E209", "accords.arden-belmar.signed"),
    ("id: arden-belmar, ", "", "E103", "accords[0].id"),
    ("kind: statement", "kind: speech", "E211", "events.speech.kind"),
    ("principals: [XAR], ", "", "E103", "events.speech.principals"),
    ("principals: [XAR, XBE]", "principals: XAR and XBE", "E201", "events.summit.principals"),
    ("targets: [North]", "targets: [South]", "E301", "events.speech.targets[0]"),
    ("visibility: 0.4", "visibility: 4", "E203", "events.speech.visibility"),
    ("date: 2025-02-10", "date: 2026-02-10", "E203", "events.summit.date"),
    ("date: 2025-02-10", "date: 10/02/2025", "E209", "events.summit.date"),
    ("reference: true", "reference: yes please", "E201", "arms.no_summit.reference"),
    ("drop: [summit]", "drop: summit", "E201", "arms.no_summit.drop"),
    ("drop: [summit]", "drop: [Summit]", "E309", "arms.no_summit.drop[0]"),
    ("windows: [30, 90, 300]", "windows: 300", "E201", "report.windows"),
    ("groups: [North]}", "groups: [Nord]}", "E107", "report.groups"),
]


@pytest.mark.parametrize(("old", "new", "code", "path"), FILES)
def test_a_file(old: str, new: str, code: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert old in WORLD
    Path("w.yaml").write_text(WORLD.replace(old, new, 1), encoding="utf-8")
    exit_code, out, _ = answered("check", "w.yaml", "--json")
    (error,) = json.loads(out)["errors"]
    line = WORLD[: WORLD.index(old)].count("\n") + 1
    assert (exit_code, error["code"], error["path"], error["line"]) == (4, code, path, line)
    assert error["suggestion"] or error["allowed"]
