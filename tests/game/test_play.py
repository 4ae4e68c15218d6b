"""Sides that choose again while the world runs: what paths of moves come to, what is played, and what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import play as benchmark
import pytest
from balance_sim.cli.program import main
from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games.extensive_form import Turn
from balance_sim.games.plan import load_game
from balance_sim.games.play import PathOutcomes, _shares, path_of_play, turn_game
from balance_sim.games.play_page import play_document, play_lines
from balance_sim.games.solve import expected_effects
from balance_sim.games.stages import stages_of
from balance_sim.scenario import ScenarioError
from click.testing import CliRunner

from .conftest import ROOT, game_in

DILEMMA = (ROOT / "games" / "dilemma_over_time.yaml").read_text(encoding="utf-8").replace("security_dilemma/", "")
DATES = "dates: [2025-02-01, 2025-05-01, 2025-08-01]"
IN_TURN = f"{DATES}\n  order: sequential"
REFUSED = [
    ("unknown move", f"{DATES}\n  moves: {{arden: [restrain, parade]}}", "E107", "play.moves.arden[1]"),
    ("unknown mover", f"{DATES}\n  players: [arden, corvia]", "E107", "play.players[1]"),
    ("nobody chooses", f"{DATES}\n  players: []", "E212", "play.players"),
    ("one move", f"{DATES}\n  moves: {{arden: [restrain]}}", "E212", "play.moves.arden"),
    ("no stages", "horizon: 2", "E103", "play"),
    ("a horizon of nothing", f"{DATES}\n  horizon: 0", "E203", "play.horizon"),
    ("after the window", "dates: [2025-02-01, 2025-11-28]", "E203", "play.dates[1]"),
    ("before the start", "dates: [2024-12-31]", "E203", "play.dates[0]"),
    ("one day twice", "dates: [2025-02-01, 2025-02-01]", "E015", "play.dates[1]"),
    ("days and dates", f"{DATES}\n  every_days: 90", "E015", "play.every_days"),
    ("too large a tree", "every_days: 40", "E405", "play"),
    ("type of nobody", f"{DATES}\n  types: {{corvia: {{name: bold, share: 0.5, source: x}}}}", "E107", "play.types.corvia"),
    ("costs of no move", f"{IN_TURN}\n  types: {{arden: {{name: bold, share: 0.5, costs: {{parade: 1}}, source: x}}}}",
     "E107", "play.types.arden.costs.parade"),
    ("a sure type", f"{DATES}\n  types: {{arden: {{name: bold, share: 1, source: x}}}}", "E203", "play.types.arden.share"),
    ("outcome of nobody", f"{IN_TURN}\n  types: {{arden: {{name: bold, share: 0.5, source: x, payoff: "
     "[{outcome: effort, weight: 1, source: x}]}}", "E107", "play.types.arden.payoff[0]"),
    ("two with types", f"{IN_TURN}\n  types: {{arden: {{name: a, share: 0.5, source: x}}, belmar: {{name: b, share: 0.5, source: x}}}}",
     "E212", "play.types.belmar"),
    ("type of who moves with others", f"{DATES}\n  types: {{arden: {{name: bold, share: 0.5, source: x}}}}", "E110",
     "play.types.arden"),
    ("type of a bystander", f"{DATES}\n  players: [arden]\n  types: {{belmar: {{name: b, share: 0.5, source: x}}}}",
     "E110", "play.types.belmar"),
]  # fmt: skip


def dilemma(folder: Path, play: str = DATES, text: str = DILEMMA):
    return load_game(game_in(folder, text.replace(DATES, play)))


@pytest.mark.parametrize(("play", "code", "place"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_wrong_is_refused_where_it_stands(tmp_path, play, code, place):
    with pytest.raises(ScenarioError) as caught:
        dilemma(tmp_path, play)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [(code, place)]
    problem = caught.value.problems[0]
    assert problem.file.endswith("game.yaml")
    assert problem.line > 35
    assert problem.suggestion or problem.allowed


def test_a_move_only_adds_events(tmp_path):
    text = DILEMMA.replace("        cost: -0.1 ", "        set: {parameters.beta: 0.2}\n        cost: -0.1 ", 1)
    with pytest.raises(ScenarioError) as caught:
        dilemma(tmp_path, text=text)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("E110", "play")]


def test_a_type_neither_sets_its_payoff_nor_speaks_for_nothing(tmp_path):
    """A meeting's evidence is put on how Belmar and Corvia see each other; a reassurance is words."""
    meet = "{id: meet, date: 2025-02-01, kind: joint_summit, principals: [XBE, XCO]}"
    calm = "      calm: {cost: 1, add: [{id: calm, date: 2025-02-01, kind: reassurance, principals: [XBE], targets: [XAR]}]}\n"
    head, tail = DILEMMA.rsplit("    payoff:\n", 1)
    row = "      - {outcome: relations, of: XCO, weight: 0, source: x}\n"
    strategies = f"{head}      meet: {{cost: 1, add: [{meet}]}}\n{calm}    payoff:\n{row}{tail}"
    wants = "payoff: [{outcome: relations, of: XCO, weight: 1, source: x}], costs: {calm: 0}"
    types = (
        f"dates: [2025-02-01]\n  order: sequential\n  types: {{belmar: {{name: bold, share: 0.5, source: x, {wants}}}}}"
    )
    with pytest.raises(ScenarioError) as caught:
        dilemma(tmp_path, types, strategies)
    found = [(problem.code, problem.path) for problem in caught.value.problems]
    assert sorted(found) == [("E220", "play.types.belmar.payoff[0]"), ("E221", "play.types.belmar.costs.calm")]
    dilemma(tmp_path, types.replace("weight: 1", "weight: 0").replace("calm: 0", "calm: 2"), strategies)


def test_at_one_stage_a_path_is_a_profile_of_the_game(tmp_path):
    """The stage on the strategies' own day: the same effects as the game's profiles have, to the last bits."""
    game = dilemma(tmp_path, "dates: [2025-02-01]")
    outcomes = PathOutcomes(game, stages_of(game), game.scenario)
    paths = outcomes.of([((a, b),) for a in (0, 1) for b in (0, 1)])
    assert np.allclose(paths, expected_effects(game, game.scenario), rtol=1e-9, atol=1e-12)
    assert paths[1, 0] > 1e-3 > abs(paths[1, 1])  # Belmar's manoeuvre frightens Arden, and not itself


def test_what_paths_share_is_taken_over_and_changes_nothing(tmp_path):
    """Each path by itself, in another order, against all in one go."""
    game = dilemma(tmp_path)
    histories = [((1, 0), (0, 0), (0, 1)), ((0, 0), (0, 0), (0, 0)), ((1, 0), (0, 0), (1, 1)), ((1, 0),)]
    together = PathOutcomes(game, stages_of(game), game.scenario)
    values = together.of(histories)
    for history, expected in reversed([*zip(histories, values, strict=True)]):
        alone = PathOutcomes(game, stages_of(game), game.scenario)
        assert np.allclose(alone.of([history])[0], expected, rtol=1e-9, atol=1e-12)
    assert len(together.effects) == 4
    assert len(np.unique(values[:, 0].round(9))) == 2  # Belmar's acts alone bear on Arden
    assert not values[1].any()


def test_the_dilemma_unravels_by_hand():
    """What a rival does bears on nobody's own fear, so a manoeuvre is worth 0.1 at home at every stage: both hold all
    three, gain 0.1 by each, and fear what three manoeuvres of the other make."""
    game = load_game(ROOT / "games" / "dilemma_over_time.yaml")
    played = path_of_play(game)
    assert [step.moves for step in played.steps[0]] == [(1, 1)] * 3
    gains = [float(gain[0]) for step in played.steps[0] for gain in step.choice.gains]
    assert gains == pytest.approx([0.1] * 6, abs=2e-3)
    stages = stages_of(game)
    feared = PathOutcomes(game, stages, game.scenario).of([((1, 1),) * 3])[0]
    assert played.payoffs[0] == pytest.approx(0.3 - 100 * feared)
    assert (played.payoffs < 0).all()  # both would be safer if neither did
    assert played.paths == 64


def test_who_does_not_choose_does_what_was_observed(tmp_path):
    """Belmar holds its one manoeuvre on the day of the file, whatever the stages; Arden's paths are 2 ** 2."""
    play = "dates: [2025-05-01, 2025-08-01]\n  players: [arden]"
    game = dilemma(tmp_path, play)
    played = path_of_play(game)
    assert [(step.turn.movers, step.moves) for step in played.steps[0]] == [((0,), (1,))] * 2
    assert played.paths == 4
    once = load_game(game_in(tmp_path, DILEMMA.replace(DATES, "dates: [2025-02-01]")))
    alone = PathOutcomes(once, stages_of(once), once.scenario).of([((0, 1),)])[0]
    assert played.payoffs[0, 0] == pytest.approx(0.2 - 100 * alone[0], abs=0.02)  # other spans


def test_a_policy_answers_along_each_path_and_deters(tmp_path):
    """Belmar does not choose: its policy answers each manoeuvre with a display. What Arden fears from one answer is more
    than the 0.1 that a manoeuvre is worth at home, so it stays at home, where without the policy it does not."""
    text = DILEMMA.replace("belmar: manoeuvre}", "belmar: restrain}")
    answer = "set: {players: {belmar: {state: XBE, adversaries: [XAR], policies: [answer_in_kind]}}}\n\nplay:"
    alone = f"{DATES}\n  players: [arden]"
    games = {told: dilemma(tmp_path, alone, text.replace("\nplay:", f"\n{told}")) for told in (answer, "play:")}
    played = {told: path_of_play(game) for told, game in games.items()}
    assert [step.moves for step in played[answer].steps[0]] == [(0,)] * 3
    assert [step.moves for step in played["play:"].steps[0]] == [(1,)] * 3
    game, paths = games[answer], [((a,), (b,), (c,)) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    together = PathOutcomes(game, stages_of(game), game.scenario).of(paths)
    for path, effects in zip(paths, together, strict=True):
        alone = PathOutcomes(game, stages_of(game), game.scenario).of([path])[0]
        assert np.allclose(alone, effects, rtol=1e-9, atol=1e-12)
        assert 100 * effects[0] > 0.1 * np.sum(path) or not np.any(path)


def test_days_between_stages_count_from_the_focal_event(tmp_path):
    game = dilemma(tmp_path, "every_days: 100\n  order: sequential\n  horizon: 1")
    stages = stages_of(game)
    assert [day.isoformat() for day in stages.dates] == ["2025-02-01", "2025-05-12", "2025-08-20"]
    assert [turn.movers for turn in stages.turns] == [(0,), (1,)] * 3
    assert stages.horizon == 1


def test_beliefs_follow_what_was_seen(tmp_path):
    """To a meek Belmar manoeuvres cost 5, to the usual one they are worth 0.1: each does as it likes best, and the first
    stage tells which it is. With a tremble of 0.02 a slip has 0.01: (0.25 * 0.99) / (0.25 * 0.99 + 0.75 * 0.01) = 0.971."""
    types = "types: {belmar: {name: meek, share: 0.25, costs: {manoeuvre: 5}, source: x}}"
    play = f"dates: [2025-02-01, 2025-05-01]\n  order: sequential\n  tremble: 0.02\n  {types}"
    played = path_of_play(dilemma(tmp_path, play))
    assert played.types == ("usual", "meek")
    usual, meek = played.steps
    assert [step.moves for step in usual] == [(1,)] * 4
    assert [step.moves for step in meek] == [(1,), (0,)] * 2
    assert [step.belief[1] for step in meek[::2]] == pytest.approx([0.25, 0.2475 / 0.255])
    assert usual[2].belief[1] == pytest.approx(0.0025 / 0.745)
    # what each type comes to is that of its own path: Belmar's acts alone bear on Arden, and Arden's on Belmar
    feared = 0.2 - played.payoffs[0]
    assert played.payoffs[1] == pytest.approx([0.2, -feared[1]]) and (feared > 0.1).all()


def test_what_is_believed_is_told(tmp_path):
    types = "types: {belmar: {name: meek, title: of good will, share: 0.25, costs: {manoeuvre: 5}, source: x}}"
    told = [*play_lines(path_of_play(dilemma(tmp_path, f"dates: [2025-02-01]\n  order: sequential\n  {types}")))]
    assert [line for line in told if line.startswith("If ")] == [
        "If Belmar is of the usual type:",
        "If Belmar is of good will:",
    ]
    assert sum(line.endswith(" 25 %") for line in told) == 4


def test_a_type_that_wants_something_else_has_payoffs_of_its_own(tmp_path):
    """A type that does not mind being feared or afraid has what manoeuvres are worth at home, and nothing else."""
    payoff = "payoff: [{outcome: insecurity, weight: 0, source: x}]"
    types = f"types: {{belmar: {{name: careless, share: 0.5, {payoff}, source: x}}}}"
    played = path_of_play(dilemma(tmp_path, f"dates: [2025-02-01]\n  order: sequential\n  {types}"))
    assert played.payoffs[1, 1] == pytest.approx(0.1)
    assert played.payoffs[0, 1] < 0.1 - 0.1


@pytest.mark.parametrize("order", ["simultaneous", "sequential"])
def test_the_path_is_that_of_a_second_program(tmp_path, order):
    """benchmarks/play.py finds every equilibrium of a game by trying; a side that sees one stage misses some."""
    game = dilemma(tmp_path, f"{DATES}\n  order: {order}")
    turns, rng = turn_game(PathOutcomes(game, stages_of(game), game.scenario)), np.random.default_rng(3)
    far = near = 0
    for _ in range(8):
        payoffs = {path: rng.normal(size=2) for path in benchmark.paths_of(3)}
        true = benchmark.equilibria_of(payoffs, (), is_sequential=order == "sequential")
        paths = [path for path, _ in true]
        table = benchmark.in_turns(payoffs, turns)
        far += benchmark.path_played(table, 3) in paths
        near += benchmark.path_played(table, 1) in paths
    assert far == 8 > near


def test_how_sure_the_first_moves_are(tmp_path):
    game = dilemma(tmp_path, "dates: [2025-02-01, 2025-05-01]")
    played = path_of_play(game, prior_draws(game.scenario, 3))
    document = play_document(played)
    assert document["draws"]["count"] == 3
    for shares in document["plays"][0]["first"].values():
        assert sum(shares.values()) == pytest.approx(1.0)
        assert shares["manoeuvre"] == 1.0  # nothing a draw changes makes it worth less at home


def test_draws_without_an_equilibrium_count_for_no_move():
    """Of four draws one has none: of the others two hold and one does not, of all four."""
    game = SimpleNamespace(players=("a", "b"))
    plan = SimpleNamespace(turns=(Turn(0, (0,)), Turn(0, (1,)), Turn(1, (0,))), moves=(("hold", "act"), ("x", "y")))
    drawn = [(0, 1), (0, 0), (), (1, 1)]
    assert _shares(game, plan, drawn) == {"a": {"hold": 0.5, "act": 0.25}, "b": {"x": 0.25, "y": 0.5}}


def test_the_command_prints_a_table_and_json(tmp_path):
    path = game_in(tmp_path, DILEMMA.replace(DATES, "dates: [2025-02-01]"))
    told = CliRunner().invoke(main, ["game", str(path), "--play", "--draws", "0"])
    assert told.exit_code == 0, told.output
    assert told.output.count("2025-02-01") == 2
    assert all(len(line) <= 80 for line in told.output.splitlines())
    answer = CliRunner().invoke(main, ["game", str(path), "--play", "--draws", "0", "--json"])
    document = json.loads(answer.stdout)
    assert [row["move"] for row in document["plays"][0]["moves"]] == ["manoeuvre"] * 2
    assert document["draws"] is None
    bare = game_in(tmp_path, DILEMMA[: DILEMMA.index("play:\n")])
    refused = CliRunner().invoke(main, ["game", str(bare), "--play", "--draws", "0"])
    assert refused.exit_code == 4
    assert "play:" in refused.output
