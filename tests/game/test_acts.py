"""Payoffs that a player's own acts set by definition, and words for nothing: refused where they are, and only there."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from balance_sim.games.acts import Conduct, _free_words, conduct_of, set_by, share_of_cost
from balance_sim.games.plan import load_game
from balance_sim.games.schema import PayoffPart
from balance_sim.games.solve import expected_effects, payoffs
from balance_sim.model.baseline import compile_worlds
from balance_sim.scenario import arm_scenario

from .conftest import GAME, ROOT, game_in
from .test_plan import problems_of

ROW = "{outcome: relations, of: XCO, weight: 1, source: assumed}"
WORDS = (
    "        add:\n          - {id: pledge, date: 2025-02-02, kind: reassurance, principals: [XAR], targets: [XBE]}\n"
)
SPEAK = f"      speak:\n        source: assumed\n{WORDS}"


def found(folder: Path, text: str) -> list[tuple[str, str, int]]:
    problems = problems_of(game_in(folder, text))
    return [(one.code, one.path, one.line) for one in problems]


@pytest.mark.parametrize(
    ("row", "act"),
    [
        # the manoeuvre is aimed at Belmar: its intent toward Belmar is what `relations` and a mediator's credit read
        ("{outcome: relations, of: XBE, weight: 1, source: assumed}", ""),
        ("{outcome: credibility, of: XBE-XCO, weight: -1, source: assumed}", ""),
        # with Corvia as a partner in it, Corvia is seen with Arden
        ("{outcome: relations, of: XCO, weight: 1, source: assumed}", "principals: [XAR, XCO]"),
        ("{outcome: influence, of: XCO, weight: 1, source: assumed}", "principals: [XAR, XCO]"),
        ("{outcome: dependence, weight: 1, source: assumed}", "principals: [XAR, XCO]"),
        # who turns its back on allies is relied on less, by all
        ("{outcome: influence, of: XCO, weight: 1, source: assumed}", "kind: retrenchment"),
    ],
)
def test_a_row_that_an_own_act_sets_is_refused(tmp_path: Path, row: str, act: str) -> None:
    text = GAME.replace(ROW, row)
    if "principals" in act:
        text = text.replace("principals: [XAR]", act, 1)
    elif act:
        text = text.replace("kind: exercise", act, 1)
    assert found(tmp_path, text) == [("E220", "players.arden.payoff[1]", 16)]
    load_game(game_in(tmp_path, text.replace(row, row.replace("weight: 1", "weight: 0").replace("-1", "0"))))


@pytest.mark.parametrize(
    ("row", "act"),
    [
        ("{outcome: relations, of: XCO, weight: 1, source: assumed}", ""),  # Corvia has no part in it
        ("{outcome: influence, of: XBE, weight: 1, source: assumed}", ""),  # intent is not what others lend for
        ("{outcome: dependence, weight: 1, source: assumed}", ""),
        ("{outcome: agreements_with, weight: 1, source: assumed}", "principals: [XAR, XCO]"),  # counts what others do
        ("{outcome: relations, of: XBE, weight: 1, source: assumed}", "visibility: 0, principals: [XAR]"),  # unseen
    ],
)
def test_a_row_that_others_decide_is_not(tmp_path: Path, row: str, act: str) -> None:
    load_game(game_in(tmp_path, GAME.replace(ROW, row).replace("principals: [XAR]", act or "principals: [XAR]", 1)))


def test_what_is_refused_is_what_own_acts_move_before_anybody_answers(tmp_path: Path) -> None:
    """By the arrays: on the day of the act, before any step, beliefs about the dyads of Arden that are named have
    moved, and all others of Arden's have not."""
    game = load_game(game_in(tmp_path))
    worlds = compile_worlds(game.scenario, game.arms)
    conduct = conduct_of(game.plan, game.scenario, "arden")
    rests, acts = (worlds.arms[arm] for arm in ("wait-wait", "manoeuvre-wait"))
    codes = rests.codes
    own = codes.index("XAR")
    moved = {codes[i] for i in range(3) if (rests.intent_odds[:][:, i, own] != acts.intent_odds[:][:, i, own]).any()}
    for code in ("XBE", "XCO"):
        part = PayoffPart(outcome="relations", of=code, weight=1.0, source="assumed")
        assert (set_by(part, ("XAR",), conduct, game.scenario) is not None) == (code in moved)


def test_the_act_of_another_player_sets_nothing(tmp_path: Path) -> None:
    """Belmar's manoeuvre at Arden is no act of Arden's: a row of Arden's may read it."""
    text = GAME.replace("principals: [XAR], targets: [XBE]", "principals: [XAR], targets: [XCO]")
    load_game(game_in(tmp_path, text.replace(ROW, ROW.replace("XCO", "XBE"))))


@pytest.mark.parametrize(
    ("strategy", "is_refused"),
    [
        (SPEAK, True),
        (SPEAK.replace("reassurance", "statement"), True),
        (SPEAK.replace("reassurance", "visit"), False),  # a visit costs something on the ladder
        (SPEAK.replace("source", "cost: 0.1\n        source"), False),
        (SPEAK.replace("source", "priced: signalling\n        source"), True),  # of a cost of 0
        (SPEAK.replace("source", "priced: signalling\n        cost: 1\n        source"), False),
    ],
)
def test_words_for_nothing_are_refused(tmp_path: Path, strategy: str, is_refused: bool) -> None:
    text = GAME.replace("      manoeuvre:\n", f"{strategy}      manoeuvre:\n", 1)
    if is_refused:
        assert found(tmp_path, text) == [("E221", "players.arden.strategies.speak", 10)]
    else:
        load_game(game_in(tmp_path, text))


def test_words_beside_deeds_of_their_own_are_not_for_nothing() -> None:
    """Of a visit and words against nothing, and of words against a visit at the same price: neither is words alone."""
    visit, words = SimpleNamespace(kind="visit"), SimpleNamespace(kind="statement")
    both = Conduct({}, {"both": {"v": visit, "w": words}}, {"both": 0.0})
    assert _free_words("both", both) == []
    apart = Conduct({}, {"go": {"v": visit}, "speak": {"w": words}}, {"go": 1.0, "speak": 1.0})
    assert _free_words("speak", apart) == _free_words("go", apart) == []
    more = Conduct({}, {"go": {"v": visit}, "both": {"v": visit, "w": words}}, {"go": 1.0, "both": 1.0})
    assert _free_words("both", more) == ["w"]


def test_words_added_to_an_act_cost_more_than_the_act(tmp_path: Path) -> None:
    """The manoeuvre costs 0.5: with a pledge beside it at 0.5 the pledge is for nothing, at 0.6 it is not."""
    act = GAME[GAME.index("        add:") : GAME.index("    payoff:")]
    both = f"      both:\n        cost: 0.5\n{act}{WORDS.partition('add:')[2].lstrip(chr(10))}"
    text = GAME.replace("    payoff:\n", f"{both}    payoff:\n", 1)
    assert found(tmp_path, text) == [("E221", "players.arden.strategies.both", 15)]
    load_game(game_in(tmp_path, text.replace(both, both.replace("0.5", "0.6"))))


def test_prices_are_shares_of_the_costliest_act(tmp_path: Path) -> None:
    """An exercise costs 0.2 of the costliest act on the ladder; a pledge of 0.4 nats of intent what 0.4 nats are of
    those of fighting together; both of a cost of 3 points, and they come off the payoff."""
    text = GAME.replace("cost: 0.5", "cost: 3\n        priced: signalling")
    text = text.replace("targets: [XBE]}\n", "targets: [XBE]}\n" + WORDS.partition("add:\n")[2], 1)
    game = load_game(game_in(tmp_path, text))
    kinds = game.scenario.event_kinds
    share = abs(kinds["reassurance"].intent) / kinds["fighting_together"].intent
    assert game.costs == ((0.0, pytest.approx(3 * (0.2 + share))), (0.0, 0.0))
    effects = np.zeros_like(expected_effects(game, game.scenario))
    np.testing.assert_allclose(payoffs(game, effects)[..., 0], [[0, 0], [-game.costs[0][1]] * 2])
    act = next(event for event in arm_scenario(game.scenario, "manoeuvre-wait").events if event.id == "pledge")
    assert share_of_cost(act, game.scenario) == pytest.approx(share)


def test_what_is_done_in_the_control_arm_has_no_price(tmp_path: Path) -> None:
    """Arden holds an exercise in the world as it was, and may call it off: to wait is to hold it, and adds nothing."""
    path = game_in(tmp_path, GAME.replace("wait: {}", "wait: {cost: 3, priced: signalling}", 1).replace(
        "payoff:", "  calls_off: {drop: [drill]}\n    payoff:", 1))  # fmt: skip
    world = (tmp_path / "world.yaml").read_text(encoding="utf-8")
    drill = "  - {id: drill, date: 2025-03-01, kind: exercise, principals: [XAR], targets: [XBE]}\n"
    (tmp_path / "world.yaml").write_text(world.replace("events:\n", f"events:\n{drill}"), encoding="utf-8")
    game = load_game(path)
    conduct = conduct_of(game.plan, game.scenario, "arden")
    assert {*conduct.own_events["wait"]} == {"drill"} and {*conduct.own_events["manoeuvre"]} == {
        "drill",
        "arden_manoeuvre",
    }
    assert conduct.added["wait"] == {} and {*conduct.added["manoeuvre"]} == {"arden_manoeuvre"}
    assert conduct.costs == {"wait": 0.0, "manoeuvre": 0.5, "calls_off": 0.0}


def test_beijings_joint_summit_sets_the_relations_of_the_three(tmp_path: Path) -> None:
    """The row by which the parade paid: what the event's weight is put on. Neighbours who stand aside may pay."""
    text = (ROOT / "games" / "beijing_2025.yaml").read_text(encoding="utf-8")
    row = "{outcome: relations, of: trio, weight: 0,"
    assert row in text
    text = text.replace(row, row.replace("weight: 0", "weight: 5")).replace("../scenarios", f"{ROOT}/scenarios")
    (tmp_path / "game.yaml").write_text(text, encoding="utf-8")
    (problem,) = problems_of(tmp_path / "game.yaml")
    assert (problem.code, problem.path) == ("E220", "players.beijing.payoff[5]")
    assert text.splitlines()[problem.line - 1].lstrip().startswith("- {outcome: relations, of: trio")
