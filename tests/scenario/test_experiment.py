"""Experiment files: every error with file, line, column, in one pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from balance_sim.scenario import new_scenario
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.experiment import check_experiment, experiment_files, load_experiment

GOOD = """schema: 1
scenario: small.yaml
design: {method: grid}
factors:
  events.summit.visibility: [0, 0.5]
  parameters.beta: {min: 0.1, max: 0.5, steps: 3}
arms: [no_summit, summit]
runs: 10
"""


@pytest.fixture
def told(tmp_path):
    (tmp_path / "small.yaml").write_text(new_scenario("small"))

    def check(old: str = "", new: str = "", **more):
        path = tmp_path / "exp.yaml"
        assert old in GOOD
        path.write_text(GOOD.replace(old, new, 1))
        _, problems = check_experiment(path, **more)
        return [(Path(one.file).name, one.line, one.col, one.code, one.message) for one in problems]

    return check


def one(found, line, code, text):
    assert [(row[0], row[1], row[3]) for row in found] == [("exp.yaml", line, code)], found
    assert text in found[0][4]


def test_a_good_file_is_read(told, tmp_path):
    assert told() == []
    found = load_experiment(tmp_path / "exp.yaml")
    assert found.count() == 6
    assert found.paths == ("events.summit.visibility", "parameters.beta")
    assert found.factors[1].takes.grid() == (0.1, 0.3, 0.5)


@pytest.mark.parametrize(
    ("old", "new", "line", "code", "text"),
    [
        ("parameters.beta: {", "parameters.betta: {", 6, "E401", "betta"),
        ("[0, 0.5]", "[]", 5, "E402", "expected values"),
        ("[0, 0.5]", "[0, 0.5, 0.0]", 5, "E402", "given twice"),
        ("[0, 0.5]", "[0, half]", 5, "E402", "mixes float, str"),
        ("[0, 0.5]", "0.5", 5, "E402", "expected values"),
        ("steps: 3", "step: 0", 6, "E203", "0 is outside >0"),
        ("steps: 3", "step: 0.3", 6, "E403", "does not lead from 0.1 to 0.5"),
        ("min: 0.1", "min: 0.9", 6, "E403", "min 0.9 is not below max 0.5"),
        ("min: 0.1, max: 0.5", "min: 0, max: 0.5, scale: log", 6, "E403", "has no logarithm"),
        (", steps: 3", "", 6, "E403", "a grid needs values"),
        ("[0, 0.5]", "[0, 3]", 5, "E203", "3 is outside 0..1"),
        ("  parameters.beta: {", "  events.summit.visibility: {", 6, "E014", "already given at line 5"),
        ("{method: grid}", "{method: sobol, samples: 12}", 3, "E406", "12 is not a power of 2"),
        ("{method: grid}", "{method: lhs}", 3, "E103", "`samples` is required"),
        ("[no_summit, summit]", "[no_summit, sumit]", 7, "E107", "no arm `sumit`"),
        ("runs: 10", "runs: 0", 8, "E203", "0 is outside"),
        ("runs: 10", "rums: 10\nruns: 10", 8, "E101", "unknown key `rums`"),
        ("scenario: small.yaml", "scenario: smal.yaml", 2, "E001", "not found"),
        ("scenario: small.yaml", "scenario: https://x.org/a", 2, "E501", "URLs are not read"),
        ("[no_summit, summit]", "[summit, summit]", 7, "E015", "`summit` given twice"),
        ("schema: 1", "schema: 9", 1, "E108", "this version reads 1"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(told, old, new, line, code, text):
    one(told(old, new), line, code, text)


def test_a_grid_of_too_many_runs_is_refused_without_being_made(told):
    huge = "{min: 0, max: 1, steps: 10000}"
    found = told("[0, 0.5]", huge.replace("steps: 10000", "steps: 9000"), max_runs=1000)
    one(found, 3, "E405", "27,000 points x 10 runs")


def test_values_of_too_many_runs_are_not_looked_at(told):
    """Each is the scenario assembled once: ten thousand of them in an archive took half a minute to be refused."""
    one(told("[0, 0.5]", "[0, 0.5, 2]", max_runs=89), 3, "E405", "9 points x 10 runs")
    one(told("[0, 0.5]", "[0, 0.5, 2]", max_runs=90), 5, "E203", "2 is outside 0..1")


def test_all_errors_come_in_one_pass(told):
    found = told("[0, 0.5]\n  parameters.beta: {min: 0.1", "[]\n  parameters.beta: {min: 2")
    assert [(row[1], row[3]) for row in found] == [(5, "E402"), (6, "E403")]


def test_two_names_of_one_key_are_one_axis(told):
    found = told(
        "events.summit.visibility: [0, 0.5]",
        "disputes.XAR-XCO.rivalry: [0, 1]\n  disputes.XCO-XAR.rivalry: [0, 1]",
    )
    one(found, 6, "E404", "also at line 5")


def test_every_shipped_experiment_is_good():
    folder = Path(__file__).parents[2] / "experiments"
    for name in (
        "initial_tension", "patron_reliability", "smoke", "visibility_attention", "who_attends", "guessed_parameters",
    ):  # fmt: skip
        guessed, problems = check_experiment(folder / f"{name}.yaml")
        assert guessed is not None, problems
    assert "parameters.eta_rivalry" in guessed.paths
    assert not any(path.startswith("capability.") for path in guessed.paths)


@pytest.mark.parametrize("how", ["absolute", "up", "link", "two up", "folder beside"])
def test_a_scenario_outside_the_folder_is_not_opened(tmp_path, monkeypatch, how):
    """The first line of any file was quoted; an experiment may name what lies in its folder, or in that of work."""
    (tmp_path / "secret.yaml").write_text("password-of-somebody\n")
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "secret.txt").write_text("password-of-somebody\n")
    home = tmp_path / "project" / "plans"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    (home / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    written = {"absolute": tmp_path / "secret.yaml", "up": "../../secret.yaml", "link": "link.yaml",
               "two up": "../../beside/secret.txt", "folder beside": "../secret.txt"}[how]  # fmt: skip
    (home.parent / "secret.txt").write_text("password-of-somebody\n")
    path = home / "exp.yaml"
    path.write_text(GOOD.replace("small.yaml", str(written)))
    _, found = check_experiment(path)
    assert [(item.code, item.line, item.path) for item in found] == [("E501", 2, "scenario")]
    assert "password" not in found[0].text() and "copy the scenario beside it" in found[0].text()
    with pytest.raises(ScenarioError, match="E501"):
        experiment_files(path)


@pytest.mark.parametrize("how", ["own folder", "folder beside", "working directory", "absolute", "shipped"])
def test_a_scenario_in_reach_is_read(tmp_path, monkeypatch, how):
    home = tmp_path / "project" / "plans"
    for folder in (home, home.parent / "cases", tmp_path / "work" / "scenarios"):
        folder.mkdir(parents=True)
        (folder / "small.yaml").write_text(new_scenario("small"))
    monkeypatch.chdir(tmp_path / "work")
    written = {"own folder": "small.yaml", "folder beside": "../cases/small.yaml", "shipped": "small",
               "working directory": "scenarios/small.yaml", "absolute": home / "small.yaml"}[how]  # fmt: skip
    path = home / "exp.yaml"
    path.write_text(GOOD.replace("small.yaml", str(written)))
    assert load_experiment(path).scenario.name == "small"
    assert "scenario/small.yaml" in experiment_files(path)
