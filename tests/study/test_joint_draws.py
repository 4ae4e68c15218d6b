"""`run --draws posterior|prior`: replication r has draw r, in every arm, whatever the cut into blocks."""

from pathlib import Path

import balance_sim as bs
import pandas as pd
import pytest
from balance_sim.cli import main
from balance_sim.evidence.posterior.parameter_draws import posterior_draws, prior_draws
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.draws import at, drawing
from click.testing import CliRunner

from .conftest import solomon_with_draws


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small scenario with eight draws of its own, whatever is shipped."""
    return solomon_with_draws(tmp_path_factory.mktemp("scenario"), 8, seed=3)


@pytest.fixture(scope="module")
def scenario(path: Path) -> Scenario:
    return load_scenario(path)


def table(result: bs.Result) -> pd.DataFrame:
    """All outcomes, filtered estimates too, a line a replication and arm."""
    tables = [one.to_pandas() for one, _ in result.blocks()]
    whole = pd.concat(tables).sort_values(["run", "arm"]).set_index(["run", "arm"]).sort_index(axis=1)
    assert len(whole.columns) > 50
    return whole


@pytest.fixture(scope="module")
def drawn(scenario: Scenario) -> pd.DataFrame:
    return table(bs.run(scenario, runs=8, seed=1, draw_parameters="posterior"))


def test_each_replication_is_that_of_the_scenario_at_its_draw(scenario: Scenario, drawn: pd.DataFrame) -> None:
    alone = table(bs.run(at(scenario, posterior_draws(scenario), 2), runs=3, seed=1))
    pd.testing.assert_frame_equal(drawn.loc[[2]], alone.loc[[2]])
    of_prior = table(bs.run(scenario, runs=1, seed=1, draw_parameters="prior"))
    pd.testing.assert_frame_equal(of_prior, table(bs.run(at(scenario, prior_draws(scenario), 0), runs=1, seed=1)))


def test_how_many_and_how_they_are_cut_changes_no_replication(scenario: Scenario, drawn, tmp_path: Path) -> None:
    bs.run(scenario, runs=1, seed=1, draw_parameters="posterior", out=tmp_path)
    more = bs.run(scenario, runs=4, seed=1, draw_parameters="posterior", out=tmp_path)
    pd.testing.assert_frame_equal(table(more), drawn.loc[:3])
    with pytest.raises(WrongRequest):
        bs.run(scenario, runs=4, seed=1, draw_parameters="prior", out=tmp_path)


def test_a_study_names_its_draws(scenario: Scenario) -> None:
    held, name = drawing(scenario, "posterior")
    assert name == f"posterior:{posterior_draws(held).sha256[:16]}"
    assert drawing(held, name) == (held, name)
    assert drawing(scenario, "fitted") == (scenario, True)
    assert drawing(scenario, False) == (scenario, False)
    with pytest.raises(WrongRequest, match="another one"):
        drawing(scenario, "prior:0000000000000000")
    with pytest.raises(WrongRequest, match="unknown source of draws"):
        drawing(scenario, "guessed")


def test_draws_spread_outcomes_further_than_chance_alone(scenario: Scenario, drawn: pd.DataFrame) -> None:
    """Expected numbers of replications differ by what parameters do: with one world they hardly do."""
    plain = table(bs.run(scenario, runs=8, seed=1))
    names = [name for name in drawn.columns if name.startswith("alignment_participants")]
    assert names
    for name in names:
        with_signal, alone = (of[name].xs("signal", level="arm") for of in (drawn, plain))
        assert with_signal.std() > 2 * alone.std()


def test_the_command_its_folder_and_what_cannot_be_told_of_it(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    words = ["run", str(path), "--runs", "3", "--workers", "1", "--no-figures", "--out", str(folder)]
    done = CliRunner().invoke(main, [*words, "--draws", "posterior"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    sound = CliRunner().invoke(main, ["verify", str(folder)], catch_exceptions=False)
    assert sound.exit_code == 0 and "sound" in sound.stdout
    result = bs.open_result(folder)
    assert str(result.draws).startswith("posterior:")
    refused = CliRunner().invoke(main, ["explain", str(folder), "--run", "1"])
    assert refused.exit_code != 0 and "--draws fitted" in refused.stderr
