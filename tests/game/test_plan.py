"""Game files: what they become, and that whatever is wrong is said with file, line, column and next step."""

from pathlib import Path

import pytest
from balance_sim.games.plan import load_game
from balance_sim.games.players import cast_of
from balance_sim.scenario import ScenarioError, arm_scenario
from balance_sim.scenario.diagnostics import Diagnostic, report

from .conftest import GAME, ROOT

WRONG = [
    ("no schema", "schema: 1\n", "", "1:1: error[E103] schema"),
    ("unknown key in strategy", "cost: 0.5", "costs: 0.5", "10:9: error[E101] players.arden.strategies.manoeuvre.costs"),
    ("unknown outcome", "outcome: relations", "outcome: relation",
     "16:19: error[E211] players.arden.payoff[1].outcome"),
    ("of is missing", "of: XCO, ", "", "16:9: error[E103] players.arden.payoff[1]"),
    ("one outcome twice", "outcome: relations, of: XCO", "outcome: insecurity", "error[E015] players.arden.payoff[1]"),
    ("a state of two", "states: [XBE]", "states: [XAR]", "18:14: error[E015] players.belmar.states[0]"),
    ("unknown path", "parameters.beta", "parameters.bta", "22:15: error[E101] players.belmar.strategies.manoeuvre.set.parameters.bta"),
    ("both set one value", "        cost: 0.5", "        set: {parameters.beta: 0.4}",
     "22:32: error[E015] players.belmar.strategies.manoeuvre.set.parameters.beta"),
    ("both add one event", "id: belmar_manoeuvre", "id: arden_manoeuvre", "24:18: error[E015] players.belmar.strategies.manoeuvre.events"),
    ("observed is missing", "observed: {arden: wait, belmar: wait}", "observed: {arden: wait}", "error[E103] observed"),
    ("lost scenario", "scenario: world.yaml", "scenario: wurld.yaml", "3:11: error[E001]"),
]  # fmt: skip


def problems_of(path: Path | str) -> list[Diagnostic]:
    with pytest.raises(ScenarioError) as caught:
        load_game(path)
    return list(caught.value.problems)


@pytest.mark.parametrize(("old", "new", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_said_where_it_stands(written: Path, old: str, new: str, said: str) -> None:
    assert GAME.count(old) >= 1
    (written / "game.yaml").write_text(GAME.replace(old, new, 1), encoding="utf-8")
    problems = problems_of(written / "game.yaml")
    told = report(problems)
    assert said in told, told
    assert all(one.file.endswith("game.yaml") for one in problems)


def test_everything_is_found_in_one_pass_and_once(written: Path) -> None:
    text = (
        GAME.replace("parameters.beta: 0.2", "parameters.beta: 7")
        .replace("of: XCO", "of: XXX")
        .replace("wait,", "wit,")
    )
    (written / "game.yaml").write_text(text, encoding="utf-8")
    problems = problems_of(written / "game.yaml")
    assert sorted(one.code for one in problems) == ["E107", "E301"]  # profiles are read once their parts are sound
    (written / "game.yaml").write_text(GAME.replace("parameters.beta: 0.2", "parameters.beta: 7"), encoding="utf-8")
    assert [one.code for one in problems_of(written / "game.yaml")] == ["E203"]  # in two profiles, said once


def test_a_profile_is_an_arm_with_the_changes_of_all(written: Path) -> None:
    game = load_game(written / "game.yaml")
    assert game.arms == ("spring", "wait-wait", "wait-manoeuvre", "manoeuvre-wait", "manoeuvre-manoeuvre")
    both = arm_scenario(game.scenario, "manoeuvre-manoeuvre")
    assert {"arden_manoeuvre", "belmar_manoeuvre"} <= {event.id for event in both.events}
    assert both.parameters.beta == 0.2 != game.scenario.parameters.beta
    assert arm_scenario(game.scenario, "manoeuvre-wait").parameters.beta == game.scenario.parameters.beta
    assert arm_scenario(game.scenario, "wait-wait").events == game.scenario.events
    assert cast_of(game.as_plain()["cast"]) == game.cast


def test_shipped_games_are_sound() -> None:
    for name, profiles in (("security_dilemma", 4), ("beijing_2025", 30)):
        game = load_game(ROOT / "games" / f"{name}.yaml")
        assert len(game.profiles) == profiles
        assert all(part.source for one in game.plan.players.values() for part in one.payoff)
