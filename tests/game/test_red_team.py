"""The worst plan: what a search through all plans finds, within what the menu allows, as a scenario that others read."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml
from balance_sim.cli import main
from balance_sim.games.menu import moves_of
from balance_sim.games.plan import load_game
from balance_sim.games.red_team import FEW, Allowed, _of_plans, red_team, scenario_text, worst_plan
from balance_sim.games.solve import expected_effects, payoffs
from balance_sim.scenario import load_scenario
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.study.draws import Draws
from click.testing import CliRunner

from .conftest import GAME, ROOT, game_in

MENU = """red_team:
  against: arden
  by: belmar
  at_most: 2
  budget: 1.0
  source: assumed
  menu:
    - {event: {kind: exercise, principals: [XBE], targets: [XAR]}, dates: [2025-03-01, 2025-06-01], cost: 0.4}
    - {event: {kind: sanction, principals: [XBE], targets: [XAR]}, dates: [2025-03-01], cost: 0.7}
"""


def greedy_plan(left, allowed: Allowed) -> tuple[int, ...]:
    """One move after the other, as long as things get worse."""
    plan: tuple[int, ...] = ()
    while True:
        longer = [one for one in allowed.beside(plan) if len(one) > len(plan)]
        lowest, wider = min(zip(left(longer), longer, strict=True), default=(np.inf, ()))
        if lowest >= left([plan])[0]:
            return plan
        plan = wider


def pairwise_left(seed: int, moves: int):
    """What plans leave where moves strengthen and weaken each other in pairs."""
    rng = np.random.default_rng(seed)
    alone, pairs = rng.normal(size=moves), np.triu(rng.normal(size=(moves, moves)), 1)

    def left(plans):
        return [float(alone[[*plan]].sum() + pairs[np.ix_([*plan], [*plan])].sum()) for plan in plans]

    return left


def test_the_search_finds_what_all_plans_have_in_stock() -> None:
    """Invented games of 11 moves that strengthen and weaken each other in pairs: 232 to 562 plans, too many to be all
    tried. The worst plan is that of the full list in all of them; a greedy search misses it in some."""
    missed = 0
    for seed in range(30):
        left, costs = pairwise_left(seed, 11), np.random.default_rng(seed).uniform(0.1, 1.0, 11).tolist()
        allowed = Allowed(tuple(costs), at_most=4, budget=2.0)
        assert allowed.count > FEW
        every = [p for size in range(5) for p in combinations(range(11), size) if sum(costs[k] for k in p) <= 2.0]
        lowest, best = min(zip(left(every), every, strict=True))
        plan, values = worst_plan(left, allowed)
        assert plan == best and values[plan] == lowest and len(values) < len(every)
        missed += greedy_plan(left, allowed) != plan
    assert missed


def test_a_plan_keeps_to_number_and_budget() -> None:
    allowed = Allowed((0.1, 0.2, 0.7), at_most=2, budget=0.3)
    assert allowed.plans() == [(), (0,), (1,), (0, 1)]  # 0.1 + 0.2 is within 0.3
    assert allowed.beside((0,)) == [(), (0, 1), (1,)]
    plan, values = worst_plan(lambda plans: [-float(len(plan)) for plan in plans], allowed)
    assert plan == (0, 1) and set(values) == set(allowed.plans())
    nothing, _ = worst_plan(lambda plans: [float(len(plan)) for plan in plans], allowed)
    assert nothing == ()
    alike, _ = worst_plan(lambda plans: [-float(len(plan) > 0) for plan in plans], allowed)
    assert alike == (0,)  # of equals the shortest, and of these the first


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """The game with a menu, its file, and what the red team finds."""
    path = game_in(tmp_path_factory.mktemp("red"), GAME + MENU)
    game = load_game(path)
    return game, path, red_team(game)


def test_the_worst_plan_is_that_of_a_game_with_every_plan_as_a_strategy(team, tmp_path: Path) -> None:
    """Each plan written down as a strategy of the opponent: the least that is left to the player is the same."""
    game, _, found = team
    plain = yaml.safe_load(GAME)
    moves = moves_of(game.plan.red_team)
    assert [move.event["id"] for move in moves] == ["red_1_20250301", "red_1_20250601", "red_2_20250301"]
    plans = [
        plan for size in range(3) for plan in combinations(range(3), size) if sum(moves[k].cost for k in plan) <= 1
    ]
    strategies = {f"plan_{k}": {"cost": 0.1, "add": [moves[m].event for m in plan]} for k, plan in enumerate(plans)}
    plain["players"]["belmar"]["strategies"] = strategies
    plain["observed"]["belmar"] = "plan_0"
    wide = load_game(game_in(tmp_path, json.dumps(plain, default=str)))
    paid = payoffs(wide, expected_effects(wide, wide.scenario))
    for number, strategy in enumerate(("wait", "manoeuvre")):
        row = paid[number, :, 0]
        one = found["strategies"][strategy]
        worst = plans[int(row.argmin())]
        assert one["events"] == [moves[k].event for k in worst] and one["cost"] == sum(moves[k].cost for k in worst)
        assert one["all_tried"] and one["tried"] == len(plans)
        assert one["change"] == pytest.approx(row.min() - row[0], rel=0.05) and one["change"] < 0
        assert (one["payoff"], one["worst"]) == pytest.approx((row[0], row.min()), rel=0.05, abs=1e-3)
        by_plan = paid[number, :, 1]  # to play a plan costs as much as to play none, beside the menu's prices
        gained = by_plan[int(row.argmin())] - by_plan[0] - one["cost"]
        assert one["opponent"] == pytest.approx(gained, abs=0.02) and one["cost"] > 0.3
    assert found["stands_best"] == max(found["strategies"], key=lambda name: found["strategies"][name]["worst"])


def test_the_plan_is_a_scenario_that_check_and_run_take(team, tmp_path: Path) -> None:
    game, _, found = team
    path = tmp_path / "worst.yaml"
    path.write_text(scenario_text(game, found, "manoeuvre"), encoding="utf-8")
    scenario = load_scenario(path)
    added = {event.id for event in scenario.arms["red_team"].add}
    planned = {event["id"] for event in found["strategies"]["manoeuvre"]["events"]}
    assert added == planned | {"arden_manoeuvre"}
    assert scenario.model_dump(include={"states", "events", "parameters", "theory", "report", "base_rate"}) == (
        game.scenario.model_dump(include={"states", "events", "parameters", "theory", "report", "base_rate"})
    )
    runner = CliRunner()
    for command in (
        ["check", str(path)],
        ["run", str(path), "--runs", "2", "--no-figures", "--out", str(tmp_path / "r")],
    ):
        done = runner.invoke(main, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output


def test_over_draws_of_what_is_known_a_plan_brings_what_it_brings(team, tmp_path: Path) -> None:
    """Two draws in which every value is the file's: the change in both is the one that the search has. Where a manoeuvre is
    worth 0.5 and does not cost it, the plans take as much, and what stands best is what is left most, to manoeuvre."""
    _, _, found = team
    game = load_game(game_in(tmp_path, (GAME + MENU).replace("cost: 0.5", "cost: -0.5")))
    beta = game.scenario.parameters.beta
    draws = Draws(("parameters.beta",), np.array([[beta], [beta]]), "prior", "")
    again = red_team(game, draws)
    for strategy, one in again["strategies"].items():
        change = found["strategies"][strategy]["change"]
        wanted = {"mean": change, "q025": change, "q975": change}
        assert one["change"] == change and one["draws"] == pytest.approx(wanted, rel=1e-9)
    assert (found["stands_best"], again["stands_best"]) == ("wait", "manoeuvre")


def test_what_a_plan_brings_hangs_on_no_other_plan(team) -> None:
    """Time is cut alike: at the days of the whole menu."""
    game, moves = team[0], moves_of(team[0].plan.red_team)
    (alone,) = _of_plans(game, "wait-wait", moves, [(0,)])
    beside = _of_plans(game, "wait-wait", moves, [(0,), (1, 2)])
    assert alone.any() and alone.tolist() == beside[0].tolist()


def test_a_menu_may_cost_the_whole_budget_and_has_at_most_120_moves(tmp_path: Path) -> None:
    load_game(game_in(tmp_path, GAME + MENU.replace("cost: 0.7", "cost: 1.0")))
    days = ", ".join(f"2025-{month:02}-{day:02}" for month in range(3, 9) for day in (1, 8, 15, 22))
    rows = "".join(
        f"    - {{event: {{kind: {kind}, principals: [XBE], targets: [XAR]}}, dates: [{days}], cost: 0.4}}\n"
        for kind in ("exercise", "sanction", "exercise", "sanction", "exercise")
    )
    menu = MENU[: MENU.index("    - {")] + rows
    load_game(game_in(tmp_path, GAME + menu))  # 120
    with pytest.raises(ScenarioError) as refused:
        load_game(game_in(tmp_path, GAME + menu + rows.splitlines()[0].replace(days, "2025-03-01") + "\n"))
    assert [(problem.code, problem.path) for problem in refused.value.problems] == [("E405", "red_team.menu")]


def test_events_of_the_menu_stand_beside_what_was_observed(tmp_path: Path) -> None:
    """The observed strategy has an event of the name that the menu's has on its day: one of them has to go."""
    text = (
        (GAME + MENU)
        .replace("id: belmar_manoeuvre", "id: red_1_20250301")
        .replace("belmar: wait}", "belmar: manoeuvre}")
    )
    with pytest.raises(ScenarioError) as refused:
        load_game(game_in(tmp_path, text))
    assert {problem.path.partition(".event")[0] for problem in refused.value.problems} == {"red_team.menu[0]"}
    load_game(game_in(tmp_path, text.replace("red_1_20250301", "belmar_manoeuvre")))


@pytest.mark.parametrize(
    ("old", "new", "code", "path"),
    [
        ("against: arden", "against: ardem", "E107", "red_team.against"),
        ("by: belmar", "by: arden", "E015", "red_team.by"),
        ("cost: 0.7", "cost: 1.5", "E203", "red_team.menu[1].cost"),
        ("event: {kind: sanction,", "event: {id: mine, kind: sanction,", "E110", "red_team.menu[1].event.id"),
        (
            "kind: sanction, principals: [XBE]",
            "kind: sanction, principals: [XCO]",
            "E212",
            "red_team.menu[1].event.principals[0]",
        ),
        ("kind: sanction", "kind: sanctoin", "E211", "red_team.menu[1].event.kind"),
        (
            "[XAR]}, dates: [2025-03-01], cost",
            "[XQQ]}, dates: [2025-03-01], cost",
            "E301",
            "red_team.menu[1].event.targets[0]",
        ),
    ],
)
def test_a_bad_menu_is_refused_with_its_place(tmp_path: Path, old: str, new: str, code: str, path: str) -> None:
    text = GAME + MENU
    assert old in text
    changed = text.replace(old, new) if old.startswith(("against", "by")) else MENU.replace(old, new).join([GAME, ""])
    with pytest.raises(ScenarioError) as refused:
        load_game(game_in(tmp_path, changed))
    problems = [(problem.code, problem.path) for problem in refused.value.problems]
    assert (code, path) in problems, problems
    line = next(problem.line for problem in refused.value.problems if problem.code == code)
    assert new.rpartition(":")[-1].strip(" ,{}[]")[:6] in changed.splitlines()[line - 1]


@pytest.mark.needs("sklearn")
def test_the_command_writes_conditions_signposts_and_plans(tmp_path: Path) -> None:
    words = ["game", str(ROOT / "games" / "neighbours.yaml"), "--runs", "2", "--draws", "14", "--workers", "1"]
    folder = tmp_path / "g"
    command = [*words, "--discover", "--no-figures", "--out", str(folder)]
    runner = CliRunner()
    first = runner.invoke(main, [*command, "--json"], catch_exceptions=False)
    said = json.loads(first.stdout)
    assert {*said["conditions"]["players"]["belmar"]} == {*said["signposts"]["belmar"]} == {"quiet", "rally"}
    assert said["red_team"]["against"] == "belmar"
    for strategy in ("quiet", "rally"):
        assert runner.invoke(main, ["check", str(folder / f"red_team_{strategy}.yaml")]).exit_code == 0
    again = runner.invoke(main, command, catch_exceptions=False)
    assert "In which futures a strategy fails" in again.stdout  # read again, not worked out again
    refused = runner.invoke(main, [*words[:4], "--draws", "0", "--discover", "--out", str(tmp_path / "h")])
    assert refused.exit_code == 2


def test_too_few_draws_to_find_in_one_half_and_test_in_the_other() -> None:
    words = ["game", str(ROOT / "games" / "neighbours.yaml"), "--discover", "--draws", "9"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and "10" in done.output
