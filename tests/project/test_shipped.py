"""Every scenario, experiment and game that ships is simulated as it ships, by the command that `list` gives for it, with
few runs; a hindcast, whose data do not ship, is checked."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.scenario import load_scenario
from balance_sim.scenario.experiment import load_experiment
from balance_sim.scenario.plans import Offered, offered_files
from balance_sim.study.sweep import sweep
from click.testing import CliRunner, Result
from extras import skip_where_asked

ROOT = Path(__file__).resolve().parents[2]
FEW = {
    "scenario": ("--runs", "2", "--no-figures"),
    "experiment": ("--runs", "1", "--no-figures"),
    "cases": ("--runs", "2"),
    "game": ("--runs", "2", "--draws", "0", "--no-figures"),
}
SHIPPED = [one for one in offered_files() if one.is_shipped]
EXPERIMENTS = [one for one in SHIPPED if one.kind == "experiment"]
GAMES = [one for one in SHIPPED if one.kind == "game"]
MANY = 10
"""Points of an experiment above which it is planned in every run, and simulated by `-m long`."""
LARGEST = "guessed_parameters"
"""Of thousands of points: planned as it ships, and simulated at few of them."""


def points(name: str) -> int:
    return load_experiment(ROOT / "experiments" / f"{name}.yaml").count()


def cases() -> list[object]:
    params = []
    for one in SHIPPED:
        is_long = one.kind == "experiment" and points(one.name) > MANY
        if one.name != LARGEST:
            marks = [pytest.mark.long if is_long else pytest.mark.slow]
            params.append(pytest.param(one, id=f"{one.kind}-{one.name}", marks=marks))
    return params


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, words, prog_name="balance-sim")


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_headline_that_ships_is_of_the_scenario_that_ships(path: Path) -> None:
    """A change of a scenario leaves no interval behind that was worked out for what it was before."""
    scenario = load_scenario(path)
    kept = scenario.kept_headline
    assert kept and kept["scenario_sha256"] == scenario.sha256
    assert kept["arm"] in scenario.arms and kept["posterior"]["draws"] == scenario.posterior.count


@pytest.mark.parametrize("offered", cases())
def test_what_ships_is_simulated_as_it_ships(offered: Offered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["check", offered.name] if offered.kind == "hindcast" else shlex.split(offered.command)[1:]
    few = () if offered.kind == "hindcast" else (*FEW[offered.kind], "--workers", "1", "--out", "out")
    done = asked(*command, *few)
    skip_where_asked(done.output)
    assert done.exit_code == 0, done.output
    assert offered.kind == "hindcast" or [*tmp_path.glob("out/**/manifest.json")]


@pytest.mark.long
@pytest.mark.parametrize("offered", GAMES, ids=lambda one: one.name)
def test_a_game_that_ships_is_played_over_draws(
    offered: Offered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = asked("game", offered.name, "--runs", "2", "--draws", "2", "--out", "out")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("offered", EXPERIMENTS, ids=lambda one: one.name)
def test_the_plan_of_an_experiment_is_allowed_as_it_ships(
    offered: Offered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own runs and points, and the disk that a sweep may take if nothing else is said."""
    monkeypatch.chdir(tmp_path)
    done = asked("sweep", offered.name, "--dry-run")
    skip_where_asked(done.output)
    assert done.exit_code == 0, done.output
    assert f"plan: {points(offered.name):,} points" in done.output


@pytest.mark.long
def test_the_largest_experiment_is_simulated_at_some_of_its_points(tmp_path: Path) -> None:
    """The same factors, and as few samples as there can be."""
    shipped = load_experiment(ROOT / "experiments" / f"{LARGEST}.yaml", runs=1)
    design = shipped.head.design.model_copy(update={"samples": 1})
    few = replace(shipped, head=shipped.head.model_copy(update={"design": design}))
    swept = sweep(few, out=tmp_path / "out")
    assert len(swept.table.points) == len(few.factors) + 2
    assert not swept.failed and swept.missing_runs == 0
    assert {*swept.effects["outcome"]} == {*shipped.head.outcomes}
