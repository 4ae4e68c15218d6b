"""The worst that an opponent can do to a strategy: a search through the plans of a
menu (red teaming: Defense Science Board 2003, The Role and Status of DoD Red Teaming
Activities; the worst case over an adversary's moves: Brown, Carlyle, Salmeron, Wood
2006, Interfaces 36(6)).

A plan adds some events of the menu to what was observed of all players but the one that
it is against. It is the worse, the less it leaves that player, at the point values and
by the expected estimator; the others are taken to see nothing of it coming. Where there
are few plans all are tried. Else the best few plans of each number of moves are carried
on to the next (beam search: Lowerre 1976), and the worst of them all is changed by one
move at a time until no change makes it worse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import yaml
from pydantic import BaseModel

from balance_sim.evidence.posterior.effect_draws import over_draws
from balance_sim.games.menu import (
    MENU,
    Plan,
    TeamMove,
    moves_of,
    with_plans,
)
from balance_sim.games.plan import Game
from balance_sim.games.players import Cast, expected_outcomes
from balance_sim.games.schema import RedTeamPlan, arm_of
from balance_sim.games.solution import Row
from balance_sim.games.solve import CHUNK, expected_effects, payoffs
from balance_sim.model.core import Floats
from balance_sim.scenario.schema import Scenario
from balance_sim.study.draws import Draws
from balance_sim.study.processes import map_in_order

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.study.store import Store

FEW = 200
"""So many plans are all tried."""
BEAM = 20
"""Plans of each number of moves that are carried on."""
TASK = 8
"""Plans a task."""

type Evaluate = Callable[[Sequence[Plan]], Sequence[float]]
"""What each plan leaves the player that it is against."""


@dataclass(frozen=True)
class Allowed:
    """What an opponent can afford.

    costs : of each move; at_most : moves; budget : of their costs together"""

    costs: tuple[float, ...]
    at_most: int
    budget: float

    def allows(self, plan: Plan) -> bool:
        """Whether the plan keeps to the budget, up to rounding, and the number."""
        total = sum(self.costs[move] for move in plan)
        return len(plan) <= self.at_most and total <= self.budget * (1 + 1e-9)

    @property
    def count(self) -> int:
        """Plans there would be without a budget."""
        sizes = range(min(self.at_most, len(self.costs)) + 1)
        return sum(comb(len(self.costs), size) for size in sizes)

    def plans(self) -> list[Plan]:
        """Every plan that is allowed, shorter ones first."""
        moves, sizes = range(len(self.costs)), range(self.at_most + 1)
        candidates = [plan for size in sizes for plan in combinations(moves, size)]
        return [plan for plan in candidates if self.allows(plan)]

    def beside(self, plan: Plan) -> list[Plan]:
        """Plans with one move more, less, or another in the place of one."""
        free = [move for move in range(len(self.costs)) if move not in plan]
        shorter = [tuple(move for move in plan if move != dropped) for dropped in plan]
        longer = [(*base, move) for base in (plan, *shorter) for move in free]
        neighbours = {tuple(sorted(moves)) for moves in (*shorter, *longer)}
        return sorted(moves for moves in neighbours if self.allows(moves))


def worst_plan(evaluate: Evaluate, allowed: Allowed) -> tuple[Plan, dict[Plan, float]]:
    """The plan that leaves least, the shortest and then the first of equals, and the
    values of all that were tried.

    Examples
    --------
    Two moves that hurt only together, and one that hurts a little alone:

    >>> def left(plans):
    ...     return [-9.0 * ({0, 2} <= {*plan}) - (1 in plan) for plan in plans]
    >>> worst_plan(left, Allowed((1.0, 1.0, 1.0), at_most=2, budget=2.0))[0]
    (0, 2)
    """
    values: dict[Plan, float] = {}

    def ranked(plans: Sequence[Plan]) -> list[Plan]:
        """From the worst on."""
        new = [plan for plan in plans if plan not in values]
        values.update(zip(new, evaluate(new), strict=True))
        return sorted(plans, key=lambda plan: (values[plan], len(plan), plan))

    if allowed.count <= FEW:
        return ranked(allowed.plans())[0], values
    beam = ranked([()])
    for size in range(1, allowed.at_most + 1):
        longer = {plan for base in beam for plan in allowed.beside(base)}
        beam = ranked(sorted(plan for plan in longer if len(plan) == size))[:BEAM]
    worst = ranked([*values])[0]
    while (better := ranked([worst, *allowed.beside(worst)])[0]) != worst:
        worst = better
    return worst, values


# --- against the strategies of a game -------------------------------------------------


def _of_plans(
    game: Game, profile: str, moves: Sequence[TeamMove], plans: Sequence[Plan]
) -> list[Floats]:
    """(Q,) outcomes under each plan, less those without one."""
    return _moved(game.cast, with_plans(game.scenario, profile, moves, [(), *plans]))


def _moved(cast: Cast, scenario: Scenario) -> list[Floats]:
    """(Q,) outcomes under each plan of a scenario of `with_plans`, less those under its
    first."""
    arms = [arm for arm in scenario.arms if arm not in (scenario.reference_arm, MENU)]
    first, *others = expected_outcomes(scenario, cast, arms)[0]
    return [outcomes - first for outcomes in others]


def red_team(game: Game, draws: Draws | None = None, workers: int = 1) -> Row | None:
    """The worst plan against each strategy of the player that the file names, the
    others doing what was observed; None where it names no red team.

    Parameters
    ----------
    game : what `load_game` read
    draws : over which what each plan costs is worked out as well
    workers : processes

    Returns
    -------
    dict : as docs/json.md has it under `red_team`
    """
    team = game.plan.red_team
    if team is None:
        return None
    expected = payoffs(game, expected_effects(game, game.scenario))
    moves, against = moves_of(team), game.players.index(team.against)
    place = [
        names.index(game.plan.observed[player])
        for player, names in zip(game.players, game.strategies, strict=True)
    ]
    rows: dict[str, Row] = {}
    for number, strategy in enumerate(game.strategies[against]):
        place[against] = number
        payoff = float(expected[(*place, against)])
        row = _against(game, team, moves, strategy, draws, workers)
        rows[strategy] = {"payoff": payoff, "worst": payoff + row["change"], **row}
    return {
        "against": team.against,
        "by": team.by,
        "at_most": team.at_most,
        "budget": team.budget,
        "stands_best": max(rows, key=lambda name: rows[name]["worst"]),
        "strategies": rows,
    }


def profile_against(game: Game, player: str, strategy: str) -> str:
    """The arm of a player's strategy, the others doing what was observed."""
    played = game.plan.observed | {player: strategy}
    return arm_of(tuple(played[name] for name in game.players))


def _against(
    game: Game,
    team: RedTeamPlan,
    moves: Sequence[TeamMove],
    strategy: str,
    draws: Draws | None,
    workers: int,
) -> Row:
    """The worst plan against one strategy."""
    profile = profile_against(game, team.against, strategy)
    loss, gain = (
        game.weights[:, game.players.index(name)] for name in (team.against, team.by)
    )
    moved: dict[Plan, Floats] = {(): np.zeros(len(loss))}

    def left(plans: Sequence[Plan]) -> list[float]:
        new = [plan for plan in plans if plan not in moved]
        chunks = [new[first : first + TASK] for first in range(0, len(new), TASK)]
        task = partial(_of_plans, game, profile, moves)
        for chunk, effects in zip(
            chunks, map_in_order(task, chunks, workers), strict=True
        ):
            moved.update(zip(chunk, effects, strict=True))
        return [float(moved[plan] @ loss) for plan in plans]

    costs = tuple(move.cost for move in moves)
    allowed = Allowed(costs, team.at_most, team.budget)
    plan, values = worst_plan(left, allowed)
    cost = sum(costs[move] for move in plan)
    row: Row = {
        "change": values[plan],
        "opponent": float(moved[plan] @ gain) - cost,
        "cost": cost,
        "tried": len(values),
        "all_tried": allowed.count <= FEW,
        "events": [moves[move].event for move in plan],
        "draws": None,
    }
    if draws is not None and plan:
        scenario = with_plans(game.scenario, profile, moves, [(), plan])
        function = partial(_moved, game.cast)
        effects = over_draws(function, scenario, draws, CHUNK, workers)
        changes = np.concatenate(effects) @ loss
        low, high = np.quantile(changes, [0.025, 0.975]).tolist()
        row["draws"] = {"mean": float(changes.mean()), "q025": low, "q975": high}
    return row


# --- as a scenario --------------------------------------------------------------------


def file_of(strategy: str) -> str:
    """The name of the file with the worst plan against a strategy, as `run` takes
    it."""
    return f"red_team_{strategy}.yaml"


def scenario_text(game: Game, found: Row, strategy: str) -> str:
    """A scenario in YAML with an arm for a strategy, the others doing what was
    observed, and one with the worst plan on top of it.

    Parameters
    ----------
    game : of which it is
    found : what `red_team` returned
    strategy : of the player that it is against
    """
    profile = profile_against(game, found["against"], strategy)
    control, arm = game.scenario.reference_arm, game.scenario.arms[profile]
    events = found["strategies"][strategy]["events"]
    base = _plain(game.scenario.arms[control])
    without, under = _plain(arm), _plain(arm)
    under["add"] = [*under.get("add", []), *events]
    under["title"] = f"{arm.title}, and the red team of {found['by']}"
    arms = {control: base, strategy: without, "red_team": under}
    tree = _plain(game.scenario) | {"schema": 1, "arms": arms}
    for name in ("name", "sha256", "calibration", "posterior"):
        tree.pop(name, None)
    plain = json.loads(json.dumps(tree))  # each list once: aliases are refused
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)


def write_plans(played: PlayedGame, store: Store) -> None:
    """Write the worst plan against each strategy beside the game, where there is a red
    team. store: locked."""
    result: Row = played.solution.get("red_team") or {"strategies": {}}
    for strategy in result["strategies"]:
        text = scenario_text(played.game, result, strategy)
        store.write_text(file_of(strategy), text)


def _plain(model: BaseModel) -> Row:
    """What differs from the defaults of its keys."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
