"""Experiment files: every error with file, line, column, in one pass."""

from pathlib import Path

import pytest
from balance_sim.scenario import new_scenario
from balance_sim.scenario.defaults import parameter_table
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
RANGE = "{min: 0.1, max: 0.5, steps: 3}"
FACTORS = GOOD[GOOD.index("factors") : GOOD.index("arms")]
ONE = "- {parameters.beta: 0.1}"
WRONG = [
    ("parameters.beta: {", "parameters.betta: {", 6, "E401"),
    ("[0, 0.5]", "[0, 0.5, 0.0]", 5, "E402"),
    ("[0, 0.5]", "[0, 3]", 5, "E203"),
    ("min: 0.1", "min: 0.9", 6, "E403"),
    (", steps: 3", "", 6, "E403"),
    (RANGE, "{min: 0.1, max: 0.5, stps: 3}", 6, "E101"),
    ("  parameters.beta: {", "  events.summit.visibility: {", 6, "E014"),
    ("{method: grid}", "{method: sobol, samples: 12}", 3, "E406"),
    ("{method: grid}", "{method: lhs}", 3, "E103"),
    ("{method: grid}", "{method: list}", 3, "E402"),
    ("{method: grid}", "{method: list}\npoints: [{parameters.beta: 0.1}]", 4, "E407"),
    (FACTORS, "factors:\n" + "".join(f"  parameters.p{n}: [0, 1]\n" for n in range(1001)), 5, "E203"),
    (FACTORS, "", 3, "E402"),
    ("grid}\n" + FACTORS, f"list}}\npoints:\n  {ONE}\n  - {{parameters.tau: 0.1}}\n", 6, "E402"),
    ("grid}\n" + FACTORS, f"list}}\npoints:\n  {ONE}\n  {ONE}\n", 6, "E402"),
    ("[no_summit, summit]", "[no_summit, sumit]", 7, "E107"),
    ("runs: 10", "runs: 10\nset: {parameters.beta2: 3}", 9, "E101"),
    ("small.yaml", "smal.yaml", 2, "E001"),
    ("small.yaml", "https://x.org/a", 2, "E501"),
]


@pytest.fixture
def told(tmp_path):
    (tmp_path / "small.yaml").write_text(new_scenario("small"))

    def check(old: str = "", new: str = "", **more):
        path = tmp_path / "exp.yaml"
        assert old in GOOD
        path.write_text(GOOD.replace(old, new, 1))
        _, problems = check_experiment(path, **more)
        return [(Path(one.file).name, one.line, one.code, one.message) for one in problems]

    return check


def test_a_good_file_is_read(told, tmp_path):
    assert told() == []
    found = load_experiment(tmp_path / "exp.yaml")
    assert found.count() == 6
    assert found.paths == ("events.summit.visibility", "parameters.beta")
    assert found.factors[1].takes.grid() == (0.1, 0.3, 0.5)


@pytest.mark.parametrize(("old", "new", "line", "code"), WRONG, ids=[f"{row[3]} {row[1]:.40}" for row in WRONG])
def test_what_is_wrong_is_said_where_it_stands(told, old, new, line, code):
    assert ("exp.yaml", line, code) in {row[:3] for row in told(old, new)}


def test_all_errors_come_in_one_pass(told):
    found = told("[0, 0.5]\n  parameters.beta: {min: 0.1", "[]\n  parameters.beta: {min: 2")
    assert [row[1:3] for row in found] == [(5, "E402"), (6, "E403")]


def test_two_names_of_one_key_are_one_axis(told):
    axes = "disputes.XAR-XCO.rivalry: [0, 1]\n  disputes.XCO-XAR.rivalry: [0, 1]"
    assert [row[1:3] for row in told("events.summit.visibility: [0, 0.5]", axes)] == [(6, "E404")]


def test_every_shipped_experiment_is_good():
    folder = Path(__file__).parents[2] / "experiments"
    for name in (
        "initial_tension", "patron_reliability", "smoke", "visibility_attention", "who_attends", "screening", "guessed_parameters",
    ):  # fmt: skip
        guessed, problems = check_experiment(folder / f"{name}.yaml")
        assert guessed is not None, problems
    ranges = {row["path"]: row["range"] for row in parameter_table() if row["source"] in ("guess", "posterior")}
    for factor in guessed.factors:
        assert [factor.takes.min, factor.takes.max] == ranges[factor.path], factor.path


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
