"""A scenario's calibration: where its values go, what gives way to what, and every way in which it is refused."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from balance_sim.scenario import check_scenario, load_scenario, scenario_files
from balance_sim.scenario.diagnostics import Diagnostic
from balance_sim.scenario.fingerprint import record_digest, weights_digest

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
CALIBRATED = ("beijing_2025", "nolimits_2022")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The smallest calibrated scenario that is shipped."""
    shutil.copytree(SCENARIOS / "nolimits_2022", tmp_path / "nolimits_2022")
    shutil.copy(SCENARIOS / "nolimits_2022.yaml", tmp_path)
    path = tmp_path / "nolimits_2022" / "calibration.yaml"
    text = path.read_text()
    assert "\ndyads: {}\n" in text  # the shipped form has none: two are put in
    path.write_text(text.replace("\ndyads: {}\n", "\ndyads:\n  AUS-CAN: [0.9, 20.0]\n  CHN-RUS: [1.3, 21.0]\n"))
    scenario = tmp_path / "nolimits_2022.yaml"
    lines = scenario.read_text().splitlines(keepends=True)
    # its draws' means would stand over what is calibrated
    scenario.write_text("".join(line for line in lines if not line.startswith("posterior:")))
    return scenario


def calibration(copy: Path) -> Path:
    return copy.parent / "nolimits_2022" / "calibration.yaml"


def errors(copy: Path) -> list[Diagnostic]:
    scenario, problems = check_scenario(copy)
    assert scenario is None
    return [one for one in problems if not one.is_warning]


@pytest.mark.parametrize("name", CALIBRATED)
def test_shipped_calibrations_are_of_the_shipped_record_and_fit(name: str) -> None:
    """If this fails, the record or the fit has changed: run `balance-sim evidence calibrate` as the file says."""
    scenario, problems = check_scenario(SCENARIOS / f"{name}.yaml")
    assert scenario is not None
    assert scenario.calibration.data_sha256 == record_digest(scenario)
    assert scenario.calibration.weights_sha256 == weights_digest()
    assert not [one for one in problems if one.path == "calibration"]


def test_values_go_where_a_file_would_give_them(copy: Path) -> None:
    held = yaml.safe_load(calibration(copy).read_text())
    scenario = load_scenario(copy)
    plain = load_scenario(copy, calibrated=False)
    assert scenario.kinds["access"].intercept == held["intercepts"]["access"]["estimate"]
    assert {s.id: s.propensity for s in scenario.states} == {
        code: one["estimate"] for code, one in held["states"].items()
    }
    assert {s.id: s.propensity_declarations for s in scenario.states} == {
        code: one["estimate"] for code, one in held["declarations"].items()
    }
    assert len({s.propensity_declarations for s in scenario.states}) > 10
    assert {f"{f.a}-{f.b}": [f.factor, f.shape] for f in scenario.frailties} == held["dyads"]
    assert scenario.theory.weights["size"] == held["weights"]["size"]["estimate"]
    assert scenario.theory.weights["security_gain"] == plain.theory.weights["security_gain"]
    assert scenario.calibration.level_variance == held["variances"]["level"]
    assert (plain.frailties, {s.propensity for s in plain.states}) == ((), {0.0})
    assert "nolimits_2022/calibration.yaml" in scenario_files(copy)


def test_what_the_file_gives_stands_over_what_is_calibrated(copy: Path) -> None:
    """Of a dyad's factor, of a type's and of a state's intercept; what it leaves open is as calibrated."""
    calibrated = load_scenario(copy)
    table = copy.parent / "nolimits_2022" / "states.csv"
    head, *rows = table.read_text().splitlines()
    rows = [f"{row},{0.25 if row.startswith('AUS,') else ''}" for row in rows]
    table.write_text("\n".join([f"{head},propensity", *rows]) + "\n")
    text = re.sub(r'states.csv, sha256: "\w+"', "states.csv", copy.read_text())
    own = "frailties: [{a: CHN, b: RUS, factor: 2}]\nkinds: {access: {intercept: 0.5}}\n"
    copy.write_text(f"{text}\n{own}")
    given = load_scenario(copy)
    assert sorted((row.a, row.b, row.factor) for row in given.frailties) == [("AUS", "CAN", 0.9), ("CHN", "RUS", 2.0)]
    assert given.kinds["access"].intercept == 0.5 != calibrated.kinds["access"].intercept
    assert given.kinds["logistics"] == calibrated.kinds["logistics"]
    for one, other in zip(given.states, calibrated.states, strict=True):
        assert one.propensity_declarations == other.propensity_declarations
        assert one.propensity == (0.25 if one.id == "AUS" else other.propensity)


def test_what_a_theory_says_of_a_term_stands_over_what_is_calibrated(copy: Path) -> None:
    """Of no term at all where the default theory is meant; of every term under the null."""
    assert load_scenario(copy).theory.weights["size"] != 0.0
    copy.write_text(copy.read_text().replace("preset: balance_of_threat", "preset: 'null'"))
    assert {*load_scenario(copy).theory.weights.values()} == {0.0}


def test_another_record_is_refused_with_what_to_run(copy: Path) -> None:
    table = copy.parent / "nolimits_2022" / "accords.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:-1]))
    text = copy.read_text().splitlines(keepends=True)
    copy.write_text(
        "".join(
            line.replace(', sha256: "', ', x: "').split(", x:")[0] + "}\n" if "accords.csv" in line else line
            for line in text
        )
    )
    (error,) = errors(copy)
    assert error.code == "E505"
    assert error.suggestion.startswith("write it again: balance-sim evidence calibrate ")
    assert (error.line, error.file.endswith("calibration.yaml")) == (10, True)


def test_other_fitted_weights_are_a_warning(copy: Path) -> None:
    path = calibration(copy)
    path.write_text(path.read_text().replace(weights_digest(), "f" * 64))
    scenario, problems = check_scenario(copy)
    assert scenario is not None
    assert [(one.code, one.line) for one in problems if one.code == "W311"] == [("W311", 11)]


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("  USA: {estimate", "  XZZ: {estimate", "E301", "no state"),
        ("  size: {estimate", "  seize: {estimate", "E101", "`seize`"),
        ("variances:", "variance:", "E103", "`variances` is required"),
        ("  access: {estimate: ", "  access: {estimate: x", "E201", 'expected number, got text "x'),
        ("  AUS-CAN: [", "  AUS-CAN: [-", "E203", ""),
    ],
)
def test_whatever_does_not_fit_is_refused(copy: Path, old: str, new: str, code: str, said: str) -> None:
    path = calibration(copy)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    found = errors(copy)
    assert any(
        one.code.startswith(code) and said in one.message and one.file.endswith("calibration.yaml") for one in found
    ), found
