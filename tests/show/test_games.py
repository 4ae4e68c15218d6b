"""Figures and page of a game: what they say follows from the payoffs, every word is inside, the bytes are the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from balance_sim.cli import main
from balance_sim.games.figures import matrix_axes, payoffs_table
from balance_sim.games.keep import PlayedGame
from balance_sim.games.page import game_page
from balance_sim.games.solution import Solution
from balance_sim.games.solve import solve
from balance_sim.games.tables import information_table, outcomes_table, strategies_table
from balance_sim.show.figures import figures_of, fitting
from balance_sim.show.report import rendered, save_study
from click.testing import CliRunner
from test_figures import hidden_tick_labels, words_of


def test_a_cell_has_every_players_payoff_and_marks_its_best_replies(dilemma: PlayedGame) -> None:
    table = payoffs_table(dilemma)
    assert len(table) == 8 and table["observed"].sum() == 2
    at_home = table[table["row"].eq("Arden stays at home") & table["column"].eq("Belmar stays at home")]
    assert at_home["payoff"].tolist() == [0.0, 0.0] and not at_home["best"].any()
    by_profile = table.groupby("profile")
    assert (by_profile["best"].all() == by_profile["equilibrium"].any()).all()
    assert set(table.loc[table["best"], "profile"].str.count("manoeuvres")) == {1, 2}


def test_the_players_with_most_strategies_make_the_matrix(three: PlayedGame) -> None:
    assert matrix_axes(three.solution) == ["arden", "corvia"]
    table = payoffs_table(three)
    assert table["row_player"].unique().tolist() == ["Arden"] and table["column_player"].unique().tolist() == ["Corvia"]
    assert len(table) == 36 and table["is_drawn"].sum() == 18  # Belmar does what it did
    sizes = {"a": ("x", "y"), "b": ("x", "y", "z"), "c": ("x", "y", "z"), "d": ("x", "y")}
    assert matrix_axes(Solution(players=sizes)) == ["b", "c"]
    assert matrix_axes(Solution(players={"a": ("x", "y")})) == ["a"]


def test_probabilities_of_strategies_add_up_and_nothing_drawn_is_unknown(three: PlayedGame) -> None:
    for _, rows in strategies_table(three).groupby("player"):
        assert rows["samples"].sum() == pytest.approx(1) and rows["draws"].sum() == pytest.approx(1)
        assert (rows["mean_regret"] <= rows["regret"]).all() and rows["observed"].sum() == 1
    bare = replace(three, solution=solve(three.study))
    assert strategies_table(bare)[["regret", "draws", "draws_lo"]].isna().all(axis=None)
    assert information_table(bare).empty and len(words_of(figures_of(bare)["balance"].draw(bare))) > 10


def test_effects_of_outcomes_add_up_to_the_payoff(three: PlayedGame) -> None:
    outcomes, strategies = outcomes_table(three), strategies_table(three)
    for name, (_, plan) in zip(strategies["player"].unique(), three.game.plan.players.items(), strict=True):
        rows = outcomes[outcomes["player"] == name]
        worth = (rows["weight"] * rows["effect"]).groupby(rows["strategy"], sort=False).sum()
        costs = [one.cost for one in plan.strategies.values()]
        payoff = strategies.loc[strategies["player"] == name, "payoff"]
        assert worth.to_numpy() - costs == pytest.approx(payoff.to_numpy(), abs=1e-12)


def test_every_word_is_inside_and_large_enough(three: PlayedGame) -> None:
    for name, spec in figures_of(three).items():
        figure = spec.draw(three)
        figure.canvas.draw()
        page, hidden = figure.bbox, hidden_tick_labels(figure)
        for text in (text for text in words_of(figure) if id(text) not in hidden):
            box = text.get_window_extent()
            assert text.get_fontsize() >= 9, (name, text.get_text())
            inside = page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1 and page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1
            assert inside, (name, text.get_text())


def test_the_page_answers_first_and_holds_every_result(dilemma: PlayedGame, tmp_path: Path) -> None:
    text = save_study(dilemma, tmp_path).read_text(encoding="utf-8")
    assert {path.name for path in (tmp_path / "figures").iterdir()} >= {"payoffs.svg", "balance.png"}
    again = CliRunner().invoke(
        main, ["report", str(dilemma.study.result.folder), "--out", str(tmp_path / "again.html")]
    )
    assert again.exit_code == 0, again.output
    assert text == (tmp_path / "again.html").read_text(encoding="utf-8")  # drawn before or not
    assert "Under these payoffs, and given what the others were observed to do" in text
    assert "not advice" in text and "<script" not in text and "https://" not in text
    assert text.count("<img") == len(fitting(dilemma)) == text.count("<figcaption>")
    assert dilemma.study.result.digest in text
    assert all(f"<dt>{name}</dt>" in text for name in ("digest", "draws", "seed", "game"))


def page(played: PlayedGame) -> str:
    """The page without its figures."""
    return rendered("games/templates/game.html", game_page(played) | {"figures": []})


def test_titles_of_a_game_are_text_in_the_page(dilemma: PlayedGame) -> None:
    plan = dilemma.game.plan.model_copy(update={"title": "<script>alert(1)</script>", "question": "a & b"})
    study = replace(dilemma.study, game=replace(dilemma.study.game, plan=plan))
    text = page(PlayedGame(study, dilemma.solution))
    assert "<script>" not in text and "&lt;script&gt;" in text and "a &amp; b" in text


def test_commands_know_a_folder_of_a_game(dilemma: PlayedGame, tmp_path: Path) -> None:
    folder = str(dilemma.study.result.folder)

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, words)
        return done.exit_code, done.output

    code, said = run("plot", "--list", folder)
    assert code == 0 and re.search(r"^balance +What does each strategy bring", said, re.MULTILINE)
    assert run("plot", folder, "payoffs", "--out", str(tmp_path))[0] == 0
    assert (tmp_path / "figures" / "payoffs.png").is_file()
    for words in (("explore", folder), ("sensitivity", folder)):
        code, said = run(*words)
        assert code == 2 and "Traceback" not in said, words
    assert "holds a game" in run("explore", folder)[1]
    code, said = run("compare", f"{folder}:restrain-restrain", f"{folder}:manoeuvre-manoeuvre")
    assert code == 0 and re.search(r"right less left, \d+ paired replications", said)
    assert run("export", folder, "--out", str(tmp_path / "all.csv"))[0] == 0
    assert len(pd.read_csv(tmp_path / "all.csv")) == 5 * dilemma.study.result.runs
    code, said = run("explain", folder, "--dyad", "XAR-XBE", "--runs", "2")
    assert code == 0 and "manoeuvre" in said.casefold()  # what was observed, if no arm is named
