"""What a game comes to: the equilibrium known by hand, ties, other names, and what rests on draws."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from balance_sim.cli import main
from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games.keep import kept, open_played
from balance_sim.games.plan import load_game
from balance_sim.games.solve import OverParameters, expected_effects, over_parameters, payoffs, simulated_effects, solve
from balance_sim.games.study import GameStudy, play
from balance_sim.games.tables import profiles_table, strategies_table
from balance_sim.scenario.defaults import presets
from click.testing import CliRunner

from .conftest import ROOT, game_in

DILEMMA = ROOT / "games" / "security_dilemma.yaml"
DRAWS = 12


@pytest.fixture(scope="module")
def dilemma() -> tuple[GameStudy, OverParameters]:
    game = load_game(DILEMMA)
    return play(game, 16, 5), over_parameters(game, prior_draws(game.scenario, DRAWS))


def test_the_security_dilemma_comes_out_as_by_hand(dilemma: tuple[GameStudy, OverParameters]) -> None:
    """Own manoeuvres are worth 0.1 at home, and the others' own fear depends on the other alone: to hold them is
    dominant, and both fear more than if nobody did, as a manoeuvre raises the other's insecurity by more than 0.1."""
    found = solve(*dilemma)
    by = {(one["strategies"]["arden"], one["strategies"]["belmar"]): one for one in found["profiles"]}
    both, none = by["manoeuvre", "manoeuvre"], by["restrain", "restrain"]
    assert [one for one in found["profiles"] if one["equilibrium"]] == [both]
    assert [both[key] for key in ("probability", "over_draws", "regret", "bound")] == [1.0, 1.0, 0.0, 0.0]
    assert both["payoffs"]["arden"]["mean"] < none["payoffs"]["arden"]["mean"] == 0.0
    assert none["regrets"]["arden"] == pytest.approx(0.1, abs=1e-3)  # Belmar's agreements move it a little
    assert by["manoeuvre", "restrain"]["payoffs"]["arden"]["mean"] == pytest.approx(0.1, abs=1e-3)
    (one,) = found["equilibria"]["found"]
    assert one["kind"] == "pure" and found["equilibria"]["complete"] and not one["degenerate"]
    assert all(of["choice"] == ["manoeuvre"] for of in found["regret"].values())
    assert found["regret"]["arden"]["strategies"]["restrain"]["worst"] == pytest.approx(0.1, abs=1e-9)
    assert all(of["evpi"] == 0 and of["best"] == ["manoeuvre"] for of in found["voi"].values())


def test_payoffs_over_draws_are_those_of_the_draws(dilemma: tuple[GameStudy, OverParameters]) -> None:
    study, over = dilemma
    found, values = solve(study, over), payoffs(study.game, over.effects)
    assert over.effects.shape == (DRAWS, 4, 2) and over.theories == tuple(presets())
    low, middle, high = np.quantile(values[:, 0, 1, 0], [0.025, 0.5, 0.975])
    said = found.profile({"arden": "restrain", "belmar": "manoeuvre"})["payoffs"]["arden"]["draws"]
    assert said == {"mean": pytest.approx(values[:, 0, 1, 0].mean()), "q025": low, "q50": middle, "q975": high}
    np.testing.assert_array_equal(over.effects, over_parameters(study.game, over.draws.first(DRAWS)).effects)
    assert (found["draws"]["source"], found["draws"]["count"]) == ("prior", DRAWS)


def test_the_expected_estimator_is_near_the_simulation(dilemma: tuple[GameStudy, OverParameters]) -> None:
    study, _ = dilemma
    expected = payoffs(study.game, expected_effects(study.game, study.game.scenario))
    simulated = payoffs(study.game, simulated_effects(study.game, study.result)).mean(axis=0)
    apart = np.abs(expected - simulated)
    assert 0 < apart.max() < 0.15 * np.ptp(simulated)
    assert solve(study)["gap"]["arden"] == apart[..., 0].max()


def _rewritten(tmp_path: Path, change: Any) -> Path:
    """The security dilemma after a change of its plain content, beside its world."""
    plain = yaml.safe_load(DILEMMA.read_text(encoding="utf-8"))
    plain["scenario"] = "world.yaml"
    change(plain)
    return game_in(tmp_path, yaml.safe_dump(plain, sort_keys=False))


def test_equal_payoffs_are_ties_and_are_said_to_be(tmp_path: Path) -> None:
    """A third strategy that does what another does."""

    def change(plain: dict[str, Any]) -> None:
        strategies = plain["players"]["arden"]["strategies"]
        twin = json.loads(json.dumps(strategies["manoeuvre"], default=str))
        twin["add"][0]["id"] = "again"
        strategies["manoeuvre_too"] = twin

    game = load_game(_rewritten(tmp_path, change))
    study = play(game, 6, 5, out=tmp_path / "g")
    found = solve(study)
    reply = next(one for one in found["best_replies"] if one["others"] == {"belmar": "manoeuvre"})
    assert reply["best"] == reply["may_be"] == ["manoeuvre", "manoeuvre_too"]
    assert reply["probability"] == {"restrain": 0.0, "manoeuvre": 0.5, "manoeuvre_too": 0.5}
    assert found["equilibria"]["degenerate"] and all(one["degenerate"] for one in found["equilibria"]["found"])


def test_players_and_strategies_may_have_one_title(tmp_path: Path) -> None:
    """Two players and their strategies of the same title: every table and figure tells them apart."""

    def change(plain: dict[str, Any]) -> None:
        for player in plain["players"].values():
            player["title"] = "A side"
            for strategy in player["strategies"].values():
                strategy["title"] = "To act"

    path, folder = _rewritten(tmp_path, change), tmp_path / "g"
    command = ["game", str(path), "--runs", "4", "--workers", "1", "--draws", "4", "--out", str(folder)]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0 and "A side (arden)" in done.stdout and "A side (belmar)" in done.stdout
    played = open_played(folder)
    table = profiles_table(played)
    assert table["profile"].nunique() == 4 and table["player"].nunique() == 2
    assert table["profile"].iloc[0] == "A side (arden): To act (restrain); A side (belmar): To act (restrain)"
    strategies = strategies_table(played)
    assert not strategies.duplicated(["player", "strategy"]).any() and len(strategies) == 4
    assert (folder / "report.html").stat().st_size > 10_000


def test_the_command_keeps_what_it_found(tmp_path: Path) -> None:
    """The second time nothing is worked out again, and what is told is the same; with other draws it is anew."""
    command = ["game", str(DILEMMA), "--runs", "8", "--workers", "1", "--no-figures", "--out", str(tmp_path / "g")]
    runner = CliRunner()
    first = json.loads(runner.invoke(main, [*command, "--draws", "6", "--json"], catch_exceptions=False).stdout)
    text = (tmp_path / "g" / "game.json").read_text(encoding="utf-8")
    again = json.loads(runner.invoke(main, [*command, "--draws", "6", "--json"], catch_exceptions=False).stdout)
    assert {**first, "seconds": 0} == {**again, "seconds": 0} and first["draws"]["count"] == 6
    assert (tmp_path / "g" / "game.json").read_text(encoding="utf-8") == text
    played = open_played(tmp_path / "g")
    assert kept(played.study) == played.solution
    (tmp_path / "g" / "game.json").write_text(text.replace(first["digest"], "0" * 64), encoding="utf-8")
    assert kept(played.study) is None
    assert open_played(tmp_path / "g").solution["draws"] is None  # what the replications alone give
    none = json.loads(runner.invoke(main, [*command, "--draws", "0", "--json"], catch_exceptions=False).stdout)
    assert none["draws"] is None and none["profiles"][0]["payoffs"]["arden"]["draws"] is None


def test_a_replication_archive_of_a_game_is_reproduced(tmp_path: Path) -> None:
    words = ["game", str(DILEMMA), "--runs", "4", "--draws", "0", "--no-figures", "--workers", "1"]
    runner = CliRunner()
    for command in (
        [*words, "--out", str(tmp_path / "g")],
        ["package", str(tmp_path / "g"), "--out", str(tmp_path / "g.zip")],
        ["reproduce", str(tmp_path / "g.zip"), "--out", str(tmp_path / "files")],
    ):
        done = runner.invoke(main, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert done.stdout.startswith("reproduced to the last bit")
    with zipfile.ZipFile(tmp_path / "g.zip") as archive:
        assert archive.read("inputs/security_dilemma.yaml") == DILEMMA.read_bytes()
        assert "inputs/scenario/world.yaml" in archive.namelist()
