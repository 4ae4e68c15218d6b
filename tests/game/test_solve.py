"""What a game comes to: the equilibrium known by hand, ties, other names, and what rests on draws."""

import json
import zipfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from balance_sim.cli import main
from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games.choice import break_even, chosen, without_it
from balance_sim.games.keep import kept, open_played
from balance_sim.games.plan import load_game
from balance_sim.games.players import PlayerOutcome
from balance_sim.games.solve import (
    OverParameters,
    _balance,
    _equilibria,
    _over_control,
    _profiles,
    _regrets,
    _replies,
    _value_of_information,
    expected_effects,
    over_parameters,
    payoffs,
    simulated_effects,
    solve,
)
from balance_sim.games.study import GameStudy, play
from balance_sim.games.tables import profiles_table, strategies_table
from balance_sim.games.uncertain import EmpiricalGame, value_of_information
from balance_sim.scenario import with_values
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
    other = next(k for k, of in enumerate(over.by_theory) if not np.array_equal(of, over.by_theory[0]))
    version = with_values(study.game.scenario, {"theory.preset": over.theories[other]})
    np.testing.assert_array_equal(over.by_theory[other], expected_effects(study.game, version))
    (without,) = over.without_acts.values()  # both add exercises and nothing else
    assert np.abs(without).max() < 1e-12 < np.abs(over.effects).max()


def test_the_expected_estimator_is_near_the_simulation(dilemma: tuple[GameStudy, OverParameters]) -> None:
    study, _ = dilemma
    expected = payoffs(study.game, expected_effects(study.game, study.game.scenario))
    simulated = payoffs(study.game, simulated_effects(study.game, study.result)).mean(axis=0)
    apart = np.abs(expected - simulated)
    assert 0 < apart.max() < 0.15 * np.ptp(simulated)
    assert solve(study)["gap"]["arden"] == apart[..., 0].max()


def test_the_theory_in_which_a_regret_is_largest_is_named(dilemma: tuple[GameStudy, OverParameters]) -> None:
    """Of effects that are nothing in all draws and theories but the last one."""
    study, over = dilemma
    by_theory = np.zeros_like(over.by_theory)
    by_theory[-1] = np.random.default_rng(4).normal(size=by_theory[-1].shape)
    only = replace(over, effects=np.zeros_like(over.effects), by_theory=by_theory)
    for of in solve(study, only)["regret"].values():
        worst = max(of["strategies"].values(), key=lambda strategy: strategy["worst"])
        assert worst["where"] == f"theory {over.theories[-1]}"


# A game on paper ------------------------------------------------------------------------------------------------------

WEIGHTS = np.array([[-2.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
EFFECTS = np.array([[0.0, 0, 0], [1.0, 0, -1], [-1.0, 1, 2], [0.5, 1, 0]])
"""Of the profiles (hold, hold), (hold, act), (act, hold), (act, act): insecurity and effort of the first player, insecurity
of the second. To act costs the first 1. So payoffs are (0, 0), (-2, 1), (2, -2), (-1, 0): a dilemma."""
PAYOFFS = np.array([[[0.0, 0], [-2, 1]], [[2, -2], [-1, 0]]])
NOISE = np.array([[0.0, 0, 0], [0.1, 0, 0.3], [0.2, 0, 0], [0, 0, 0]])
OVER_DRAWS = np.stack([PAYOFFS, PAYOFFS, PAYOFFS, -PAYOFFS])
"""In the last of four draws all is turned round: to hold is best for both."""


@pytest.fixture
def paper() -> Any:
    strategies = (("hold", "act"), ("hold", "act"))
    outcomes = (("insecurity", "one"), ("effort", "one"), ("insecurity", "two"))
    return SimpleNamespace(
        players=("one", "two"), strategies=strategies, profiles=tuple(product(*strategies)), costs=([0.0, 1.0], [0.0, 0.0]),
        plan=SimpleNamespace(
            observed={"one": "hold", "two": "act"}
        ),
        weights=WEIGHTS,
        cast=SimpleNamespace(outcomes=[PlayerOutcome(measure, player) for measure, player in outcomes]),
    )  # fmt: skip


@pytest.fixture
def known(paper: Any) -> EmpiricalGame:
    """Three replications: the mean, and the noise less and more."""
    return EmpiricalGame(payoffs(paper, EFFECTS + np.array([-1.0, 0.0, 1.0])[:, None, None] * NOISE))


def test_every_number_of_a_profile_by_hand(paper: Any, known: EmpiricalGame) -> None:
    rows = _profiles(paper, known, 2.0 * PAYOFFS, OVER_DRAWS)
    assert [tuple(row["strategies"].values()) for row in rows] == [*paper.profiles]
    mcse = {"one": [0, 0.2, 0.4, 0], "two": [0, 0.3, 0, 0]}
    regrets = {"one": [2, 1, 0, 0], "two": [1, 0, 2, 0]}
    for place, row in enumerate(rows):
        cell = divmod(place, 2)
        for player, name in enumerate(paper.players):
            found, payoff = row["payoffs"][name], PAYOFFS[(*cell, player)]
            assert found["mean"] == pytest.approx(payoff) and found["expected"] == pytest.approx(2.0 * payoff)
            assert found["mcse"] == pytest.approx(mcse[name][place] / np.sqrt(3.0))
            assert found["draws"]["mean"] == pytest.approx(payoff / 2) and found["draws"]["q50"] == pytest.approx(
                payoff
            )
            assert row["regrets"][name] == pytest.approx(regrets[name][place])
        assert row["regret"] == pytest.approx(max(regrets["one"][place], regrets["two"][place]))
        assert row["bound"] == known.regret_bound[cell].max() >= row["regret"] - 1e-9
        assert row["equilibrium"] == (place == 3) and row["over_draws"] == [0.25, 0, 0, 0.75][place]
        assert row["probability"] == known.equilibrium_probability[cell]


def test_replies_by_hand(paper: Any, known: EmpiricalGame) -> None:
    """To act is the best reply to everything, but in the last draw."""
    for row in _replies(paper, known, OVER_DRAWS):
        (other,) = {"one", "two"} - {row["player"]}
        assert {*row["others"]} == {other}
        assert row["best"] == ["act"] and row["over_draws"] == {"hold": 0.25, "act": 0.75}
        assert row["probability"]["act"] > 0.9


def test_the_sheet_of_outcomes_by_hand(paper: Any) -> None:
    """Of each player its own outcomes alone, the other as observed; Student's t of two degrees of freedom is 4.302653."""
    effects = EFFECTS + np.array([-1.0, 0.0, 1.0])[:, None, None] * NOISE
    sheet = _balance(paper, effects, np.stack([EFFECTS, 3.0 * EFFECTS]))
    one = {strategy: {row["outcome"]: row for row in rows} for strategy, rows in sheet["one"].items()}
    assert {*one["hold"]} == {"insecurity", "effort"} and [row["outcome"] for row in sheet["two"]["act"]] == [
        "insecurity"
    ]
    assert [one[strategy]["insecurity"]["mean"] for strategy in ("hold", "act")] == pytest.approx([1.0, 0.5])
    held, half = one["hold"]["insecurity"], 4.302653 * 0.1 / np.sqrt(3.0)
    assert (held["lo"], held["hi"], held["draws"]["mean"]) == pytest.approx((1.0 - half, 1.0 + half, 2.0), abs=1e-6)
    assert sheet["two"]["act"][0]["mean"] == -1.0


def test_the_worst_that_a_strategy_can_bring_by_hand(paper: Any) -> None:
    """A theory doubles all stakes: to hold against one who holds loses 4 there; to act loses 2 in the fourth draw."""
    over = SimpleNamespace(draws=range(4), theories=("doubled",))
    found = _regrets(paper, over, np.concatenate([OVER_DRAWS, [2.0 * PAYOFFS]]))["one"]
    assert found["choice"] == ["act"]
    hold, act = found["strategies"]["hold"], found["strategies"]["act"]
    assert (hold["worst"], hold["where"], hold["others"]) == (4.0, "theory doubled", {"two": "hold"})
    assert (act["worst"], act["where"], act["others"]) == (2.0, "draw 4", {"two": "hold"})
    assert (hold["mean"], act["mean"]) == pytest.approx((1.5, 0.3))


def test_what_is_worth_knowing_is_named_in_order(paper: Any) -> None:
    """A gamble of 3 x + y against a sure thing, both standard normal; a third parameter has nothing to do with it.
    Of thirty that have not, none is named for what chance makes of it."""
    x = np.random.default_rng(2).normal(size=(400, 3))
    drawn = np.zeros((400, 2, 2, 2))
    drawn[:, 1, 1, 0] = 3.0 * x[:, 2] + x[:, 0]
    draws = SimpleNamespace(values=x, paths=("small", "idle", "large"))
    found = _value_of_information(paper, draws, drawn, 1)["one"]
    assert [*found["parameters"]] == ["large", "small"]
    worth = [value for value, _ in found["parameters"].values()]
    assert worth == pytest.approx([3.0 / np.sqrt(2 * np.pi), 1.0 / np.sqrt(2 * np.pi)], abs=0.3)
    assert found["evpi"] == pytest.approx(np.sqrt(10 / (2 * np.pi)), abs=4 * found["evpi_error"])
    rng = np.random.default_rng(5)
    drawn[:100, 1, 1, 0], idle = rng.normal(size=100), rng.normal(size=(100, 30))
    assert value_of_information(drawn[:100, :, 1, 0], idle, 1).evppi.max() > 0.0
    draws = SimpleNamespace(values=idle, paths=tuple(map(str, range(30))))
    assert _value_of_information(paper, draws, drawn[:100], 1)["one"]["parameters"] == {}


def test_of_three_players_pure_equilibria_are_not_all() -> None:
    values = np.random.default_rng(3).normal(size=(4, 2, 2, 2, 3))
    game = SimpleNamespace(players=("a", "b", "c"), strategies=(("x", "y"),) * 3)
    assert not _equilibria(game, EmpiricalGame(values))["complete"]


def test_where_no_row_alone_turns_a_choice_there_is_no_factor() -> None:
    """Strategy 0 leads by 2 and is led by 1: even where the one counts half or the other twice. Where both rows lead, none
    alone can make up for it with a factor of 0 or more."""
    assert break_even(np.array([[2.0, 1.0], [0.0, 2.0]]), 0)[1].tolist() == [0.5, 2.0]
    assert break_even(np.array([[1.0, 0.5], [0.0, 0.0]]), 0)[1].tolist() == [np.inf, np.inf]
    names, tie = ("a", "b", "c"), np.array([1.0, 1.0, 0.0])
    assert chosen(tie) == 0
    assert without_it(names, tie, np.array([1.0, 0.0, 0.0])) == {"best": ["a", "b"], "changes": True}
    assert without_it(names, tie, 2.0 * tie) == {"best": ["a", "b"], "changes": False}


def test_effects_are_over_the_control_arm_and_not_over_the_first_profile() -> None:
    """Of outcomes 1 and 5 in the control arm, 2 and 5 in one profile, 4 and 8 in the other; and over draws alike."""
    by_arm = [np.array([1.0, 5]), np.array([2.0, 5]), np.array([4.0, 8])]
    assert _over_control(by_arm).tolist() == [[1, 0], [3, 3]]
    drawn = [np.stack([values, 2.0 * values]) for values in by_arm]
    assert _over_control(drawn).tolist() == [[[1, 0], [3, 3]], [[2, 0], [6, 6]]]


# From a file to what is told ------------------------------------------------------------------------------------------


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
