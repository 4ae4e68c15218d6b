"""Profiles simulated as arms: the same numbers as arms of a scenario, whatever the workers, however it was stopped."""

import json
import re
from pathlib import Path

import balance_sim as bs
import numpy as np
import pandas as pd
import pytest
from balance_sim.archive.verify import verify
from balance_sim.cli import main
from balance_sim.games.plan import Game, load_game
from balance_sim.games.solve import payoffs, simulated_effects
from balance_sim.games.study import GameStudy, open_game, play
from balance_sim.scenario.setter import value_at
from click.testing import CliRunner

from .conftest import ROOT, game_in

RUNS = 24


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Game:
    return load_game(game_in(tmp_path_factory.mktemp("game")))


@pytest.fixture(scope="module")
def study(game: Game) -> GameStudy:
    return play(game, RUNS, 3)


def test_a_profile_is_simulated_as_any_arm_is(study: GameStudy) -> None:
    """The outcomes that runs have too are those of `run`, to the last bit."""
    result = bs.run(study.game.scenario, runs=RUNS, seed=3)
    mine = study.result.outcomes.set_index(["run", "arm"]).sort_index()
    theirs = result.outcomes.set_index(["run", "arm"]).sort_index()
    assert {*mine.columns} - {*theirs.columns} == {one.outcome(300).name for one in study.game.cast.outcomes}
    pd.testing.assert_frame_equal(mine[theirs.columns], theirs, check_exact=True)


def test_payoffs_are_weighted_effects_less_costs(study: GameStudy) -> None:
    game, table = study.game, study.result.outcomes.set_index(["arm", "run"])
    found = payoffs(game, simulated_effects(game, study.result))
    assert found.shape == (RUNS, 2, 2, 2)
    control = table.loc["spring"]
    for i, arden in enumerate(game.strategies[0]):
        for j, belmar in enumerate(game.strategies[1]):
            apart = table.loc[f"{arden}-{belmar}"] - control
            of_arden = -100 * apart["player_insecurity_arden_300"] + apart["player_relations_arden_XCO_300"]
            of_arden -= 0.5 * (arden == "manoeuvre")
            np.testing.assert_allclose(found[:, i, j, 0], of_arden, atol=1e-12)
            np.testing.assert_allclose(found[:, i, j, 1], -100 * apart["player_insecurity_belmar_300"], atol=1e-12)


def test_agreements_against_a_player_are_those_that_count_for_its_event(tmp_path: Path) -> None:
    """A player that is the event's participants is opposed by the dyads that the event's class table has."""
    text = (
        "schema: 1\ntitle: t\nscenario: scenarios/solomon_2022.yaml\nplayers:\n  host:\n    states: [CHN, SLB]\n"
        "    strategies: {wait: {}, other: {set: {parameters.beta: 0.2}}}\n    payoff:\n"
        "      - {outcome: agreements_against, weight: -1, source: a}\nobserved: {host: wait}\n"
    )
    (tmp_path / "game.yaml").write_text(text, encoding="utf-8")
    game = load_game(tmp_path / "game.yaml")
    assert value_at(game.scenario, f"events.{game.scenario.focal}.principals") == ("CHN", "SLB")
    window = max(game.scenario.report.windows)
    mine, theirs = f"player_agreements_against_host_{window}", f"accords_counter_{window}"
    result = play(game, 6).result
    found = result.by_run.frame(mine, theirs, f"filtered_{mine}", f"filtered_{theirs}")
    assert found[f"filtered_{mine}"].min() > 0
    for kind in ("", "filtered_"):
        np.testing.assert_allclose(found[kind + mine], found[kind + theirs], atol=1e-12)
    # and payoffs are of the filtered estimates
    by_arm = found.pivot(index="run", columns="arm", values=f"filtered_{mine}")[list(game.arms)].to_numpy()
    effects = simulated_effects(game, result)[..., 0]
    np.testing.assert_allclose(effects, by_arm[:, 1:] - by_arm[:, :1], atol=1e-12)
    assert (effects % 1 != 0).any()


def test_workers_and_folders_change_nothing(game: Game, study: GameStudy, tmp_path: Path) -> None:
    kept = play(game, 10, 3, out=tmp_path / "g", workers=1)
    assert play(game, RUNS, 3, out=tmp_path / "g", workers=2).result.digest == study.result.digest
    assert kept.result.digest == play(game, 10, 3).result.digest
    again = open_game(tmp_path / "g")
    assert again.game.as_plain() == game.as_plain() and again.result.digest == study.result.digest
    assert not verify(tmp_path / "g").damage


def test_payoffs_that_were_changed_on_disk_are_worked_out_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One digit in game.json: `game` and `report` gave it as the payoff."""
    monkeypatch.chdir(tmp_path)
    words = ["game", str(ROOT / "games" / "security_dilemma.yaml"), "--runs", "8", "--draws", "4", "--no-figures"]
    words += ["--workers", "1", "--out", "g", "--json"]
    before = json.loads(CliRunner().invoke(main, words).stdout)
    path = tmp_path / "g" / "game.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'("mean": )-?[0-9.]+', r"\g<1>77.77", whole), encoding="utf-8")
    assert CliRunner().invoke(main, ["report", "g"]).exit_code == 0
    assert "77.77" not in (tmp_path / "g" / "report.html").read_text(encoding="utf-8")
    told = CliRunner().invoke(main, ["verify", "g"])
    assert told.exit_code == 6 and "game.json: not as it was written" in told.output
    assert {**json.loads(CliRunner().invoke(main, words).stdout), "seconds": 0} == {**before, "seconds": 0}
    assert path.read_text(encoding="utf-8") == whole and not verify(tmp_path / "g").damage
