"""Figures and page of a game: what they say follows from the payoffs, every word is inside, the bytes are the same."""

from dataclasses import replace
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.games.keep import PlayedGame
from balance_sim.games.page import game_lines
from balance_sim.games.solve import solve
from balance_sim.games.tables import (
    information_table,
    outcomes_table,
    profiles_table,
    strategies_table,
    waterfall_table,
)
from balance_sim.show.figures import figures_of, fitting
from balance_sim.show.report import save_study
from click.testing import CliRunner
from test_figures import words_of


def test_a_profile_has_every_players_payoff_and_marks_its_best_replies(dilemma: PlayedGame) -> None:
    table = profiles_table(dilemma)
    assert len(table) == 8 and table["observed"].sum() == 2
    at_home = table[table["profile"].str.count("stays at home") == 2]
    assert at_home["payoff"].tolist() == [0.0, 0.0] and not at_home["best_reply"].any()
    by_profile = table.groupby("profile")
    assert (by_profile["best_reply"].all() == by_profile["equilibrium"].any()).all()
    assert set(table.loc[table["best_reply"], "profile"].str.count("manoeuvres")) == {1, 2}


def test_probabilities_of_strategies_add_up_and_nothing_drawn_is_unknown(three: PlayedGame) -> None:
    for _, rows in strategies_table(three).groupby("player"):
        assert rows["samples"].sum() == pytest.approx(1) and rows["draws"].sum() == pytest.approx(1)
        assert (rows["mean_regret"] <= rows["regret"] + 1e-12).all() and rows["observed"].sum() == 1
    bare = replace(three, solution=solve(three.study))
    assert strategies_table(bare)[["regret", "draws", "draws_lo"]].isna().all(axis=None)
    assert information_table(bare).empty and len(words_of(figures_of(bare)["waterfall"].draw(bare))) > 10


def test_effects_of_outcomes_add_up_to_the_payoff(three: PlayedGame) -> None:
    outcomes, strategies = outcomes_table(three), strategies_table(three)
    for name, (_, plan) in zip(strategies["player"].unique(), three.game.plan.players.items(), strict=True):
        rows = outcomes[outcomes["player"] == name]
        worth = (rows["weight"] * rows["effect"]).groupby(rows["strategy"], sort=False).sum()
        costs = [one.cost for one in plan.strategies.values()]
        payoff = strategies.loc[strategies["player"] == name, "payoff"]
        assert worth.to_numpy() - costs == pytest.approx(payoff.to_numpy(), abs=1e-12)


def test_bars_of_the_waterfall_end_at_the_difference_in_payoff(three: PlayedGame) -> None:
    """Each begins where the one above ends, and their sum is the payoff of the choice less that of the other."""
    means = strategies_table(three).set_index(["player", "strategy"])["draws_mean"]
    for player, rows in waterfall_table(three).groupby("player", sort=False):
        *parts, total = rows.to_dict("records")
        apart = means[player, total["choice"]] - means[player, total["against"]]
        assert total["is_sum"] and total["value"] == pytest.approx(apart, abs=1e-12) and total["start"] == 0
        ends = [part["start"] + part["value"] for part in parts]
        assert [part["start"] for part in parts] == pytest.approx([0.0, *ends[:-1]])
        assert ends[-1] == pytest.approx(apart, abs=1e-12)


def test_what_each_side_would_have_to_want_stands_first(three: PlayedGame) -> None:
    lines = list(game_lines(three))
    heads = ("What each side would have to want", "Under these payoffs", "Nash equilibria")
    places = [next(k for k, line in enumerate(lines) if line.startswith(head)) for head in heads]
    assert places == sorted(places) and places[0] == 3
    assert max(map(len, lines[:-1])) <= 80  # the last one has the path of the results


def test_the_page_answers_first_and_holds_every_result(dilemma: PlayedGame, tmp_path: Path) -> None:
    text = save_study(dilemma, tmp_path).read_text(encoding="utf-8")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"waterfall.svg", "waterfall.png"}
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
