"""Sides that choose again while the world runs: best moves by foresight over what the
expected estimator makes of every path of moves.

A path is an arm: the events of its moves, each dated on the day of its stage. Paths
with the same events are worked out once, and one takes over from the path before it
what happens until the two differ. Payoffs are those of the game, so at one stage the
play is the game's own.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import batched, islice

import numpy as np

from balance_sim.evidence.posterior.effect_draws import over_draws
from balance_sim.games.choice import own_outcomes
from balance_sim.games.extensive_form import (
    History,
    NoEquilibrium,
    Step,
    Turn,
    TurnGame,
    rolling,
)
from balance_sim.games.plan import Game, game_from
from balance_sim.games.players import PlayerMeasures
from balance_sim.games.schema import OtherType
from balance_sim.games.solution import Row
from balance_sim.games.solve import identity_of
from balance_sim.games.stages import Stages, stages_of
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Floats
from balance_sim.model.world import differ_in_evidence
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.schema import Arm, Scenario
from balance_sim.study.draws import Draws
from balance_sim.study.expected import Estimator
from balance_sim.study.jobs import Progress
from balance_sim.study.spans import beside_of, course, in_spans

AT_ONCE = 32
"""Paths that are compiled together."""
CHUNK = 2
"""Draws a task."""

type Act = tuple[int, int, int]
"""A stage, a player, and its move."""
type Path = tuple[Act, ...]
"""The acts that have events."""


def acts_in(turns: Sequence[Turn], history: History) -> Iterator[Act]:
    """What was done in a history, turn by turn."""
    for turn, moves in zip(turns, history, strict=False):
        for player, move in zip(turn.movers, moves, strict=True):
            yield turn.stage, player, move


class PathOutcomes:
    """What comes of paths of moves in a scenario, over its control arm, by the expected
    estimator.

    game : whose players are measured; scenario : its own, or a version of it with other
    values"""

    def __init__(self, game: Game, stages: Stages, scenario: Scenario) -> None:
        self.game, self.stages = game, stages
        control = scenario.reference_arm
        acts = [
            event
            for stage in range(len(stages.dates))
            for player, names in enumerate(stages.moves)
            for move in range(len(names))
            for event in stages.dated(stage, player, move)
        ]
        every_day = Arm(add=tuple(acts))  # steps end on the days of all stages
        self.arms = {control: scenario.arms[control], "every_move": every_day}
        self.scenario = scenario
        self.effects: dict[Path, Floats] = {}

    def path(self, history: History) -> Path:
        """The acts of a history that have events."""
        acts, events = acts_in(self.stages.turns, history), self.stages.events
        return tuple(act for act in acts if events[act[1]][act[2]])

    def of(self, histories: Sequence[History]) -> Floats:
        """(N, Q) effects of N histories after which nobody moves."""
        paths = [self.path(history) for history in histories]
        for chunk in batched(sorted({*paths} - {*self.effects}), AT_ONCE):
            self._work_out(chunk)
        return np.stack([self.effects[path] for path in paths])

    def _work_out(self, paths: Sequence[Path]) -> None:
        """Add the effects of some paths, sorted, so that neighbours begin alike."""
        base, stages = self.stages.arm, self.stages
        arms = dict(self.arms)
        for number, path in enumerate(paths):
            acts = [event for act in path for event in stages.dated(*act)]
            arms[f"path_{number}"] = base.model_copy(update={"add": (*base.add, *acts)})
        scenario = self.scenario.model_copy(update={"arms": arms})
        worlds = compile_worlds(scenario, arms.keys() - {"every_move"}, bounded=False)
        outcomes = self._outcomes(worlds, len(paths))
        control = next(outcomes)
        for path, values in zip(paths, outcomes, strict=True):
            self.effects[path] = values - control

    def _outcomes(self, worlds: Worlds, count: int) -> Iterator[Floats]:
        """Yield the outcomes (Q,) of the control arm, and of each path."""
        measures, estimator = PlayerMeasures(worlds, self.game.cast), Estimator(worlds)
        baseline, dyads = estimator.baseline, measures.asked
        control = in_spans(worlds.reference, estimator.edges)
        wanted = course(control, baseline, dyads)
        longest = (measures.longest,)
        yield measures.expected(estimator, wanted, longest)[0]
        for number in range(count):
            world, earlier = worlds.arms[f"path_{number}"], None
            present = in_spans(world, estimator.edges)
            if differ_in_evidence(world, worlds.reference):
                present, earlier = beside_of(present, control), wanted
            wanted = course(present, baseline, dyads, beside=earlier)
            yield measures.expected(estimator, wanted, longest)[0]


def turn_game(outcomes: PathOutcomes) -> TurnGame:
    """The game in turns, with payoffs by the players' types."""
    game, stages = outcomes.game, outcomes.stages
    prior: tuple[float, ...] = (1.0,)
    typed, other_type = None, None
    for name, other_type in stages.plan.types.items():
        prior = (1.0 - other_type.share, other_type.share)
        typed = game.players.index(name)
    by_type = [None] if other_type is None else [None, other_type]
    sums = [
        _weights_and_costs(game, stages, typed, player_type) for player_type in by_type
    ]
    weights = np.stack([type_weights for type_weights, _ in sums])

    def payoffs(histories: Sequence[History]) -> Floats:
        """(N, types, n) weights on effects, less what the moves cost."""
        gained = np.einsum("nq,tiq->nti", outcomes.of(histories), weights)
        for number, (_, costs) in enumerate(sums):
            for row, history in enumerate(histories):
                for act in acts_in(stages.turns, history):
                    gained[row, number, act[1]] -= costs[act[1]][act[2]]
        return np.asarray(gained)

    sizes = tuple(map(len, stages.moves))
    return TurnGame(stages.turns, sizes, payoffs, prior, typed, stages.plan.tremble)


def _weights_and_costs(
    game: Game, stages: Stages, typed: int | None, other_type: OtherType | None
) -> tuple[Floats, list[list[float]]]:
    """Weights (n, Q) on outcomes, and by player what each move costs. other_type:
    the type of the typed player, None for the one that the file gives first."""
    weights, costs = game.weights.T.copy(), []
    if other_type is not None and typed is not None and other_type.payoff:
        worth: dict[tuple[str, str], float] = {
            (part.outcome, part.of or ""): part.weight for part in other_type.payoff
        }
        for column in own_outcomes(game, game.players[typed]):
            outcome = game.cast.outcomes[column]
            weights[typed, column] = worth.get((outcome.measure, outcome.of), 0.0)
    for player, names in enumerate(stages.moves):
        cost = dict(zip(game.strategies[player], game.costs[player], strict=True))
        if other_type is not None and player == typed:
            cost |= other_type.costs
        costs.append([cost[name] for name in names])
    return weights, costs


# --- what is played -------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class PathOfPlay(OneLine):
    """A play as it goes, for each type of the player whose type others do not know.

    Attributes
    ----------
    game : whose
    stages : when, who, and what
    types : names of the types; an empty one where all is known
    steps : by type, the turns as they are played
    payoffs : (types, n) what the players get, over the control arm
    paths : how many different paths were worked out
    first_moves : by type, player and move, the share of draws in which it is the
        player's first; empty without draws
    draws : which draws; None without
    """

    game: Game
    stages: Stages
    types: tuple[str, ...]
    steps: tuple[tuple[Step, ...], ...]
    payoffs: Floats
    paths: int
    first_moves: tuple[Mapping[str, Mapping[str, float]], ...] = ()
    draws: Row | None = None


def path_of_play(
    game: Game | str | os.PathLike[str],
    draws: Draws | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> PathOfPlay:
    """What the sides of a game do at the stages of its `play:`, each looking ahead.

    Parameters
    ----------
    game : with `play:`, as `load_game` read it, or the path or the name of one
    draws : joint draws of the parameters, for how sure the first moves are
    workers : processes
    progress : called with draws done, asked for, failed

    Returns
    -------
    PathOfPlay : the path, with what each move gains over the next best

    Raises
    ------
    ScenarioError : where the file has no `play:`
    NoEquilibrium : where a stage has none that can be found

    Examples
    --------
    >>> import balance_sim as bs
    >>> play = bs.path_of_play("dilemma_over_time")
    >>> len(play.steps[0]), play.payoffs.shape
    (3, (1, 2))
    """
    game = game_from(game)
    outcomes, in_turns = _prepared(game, game.scenario)
    stages, types = outcomes.stages, range(len(in_turns.prior))
    steps = [tuple(rolling(in_turns, stages.horizon, number)) for number in types]
    paths = [tuple(step.moves for step in by_type) for by_type in steps]
    payoffs = [in_turns.payoffs([paths[number]])[0, number] for number in types]
    others = [other_type.name for other_type in stages.plan.types.values()]
    played = PathOfPlay(
        game=game,
        stages=stages,
        types=("usual", *others) if others else ("",),
        steps=tuple(steps),
        payoffs=np.stack(payoffs),
        paths=len(outcomes.effects),
    )
    if draws is None:
        return played
    report = None if progress is None else lambda done, count: progress(done, count, 0)
    control = game.scenario.reference_arm
    bare = {"arms": {control: game.scenario.arms[control]}}
    scenario = game.scenario.model_copy(update=bare)  # no profile is checked in a draw
    function = partial(first_moves, game)
    drawn = over_draws(function, scenario, draws, CHUNK, workers, report)
    by_type = zip(*drawn, strict=True)
    shares = tuple(_shares(game, stages, moves) for moves in by_type)
    return replace(played, first_moves=shares, draws=identity_of(draws))


def _prepared(game: Game, scenario: Scenario) -> tuple[PathOutcomes, TurnGame]:
    """What comes of a game's paths in a scenario, and the game in turns."""
    outcomes = PathOutcomes(game, stages_of(game), scenario)
    return outcomes, turn_game(outcomes)


def first_moves(game: Game, scenario: Scenario) -> list[tuple[int, ...]]:
    """By type, each mover's move at the first stage in a version of the scenario with
    other values; none where there is no equilibrium."""
    outcomes, in_turns = _prepared(game, scenario)
    turns = sum(turn.stage == 0 for turn in in_turns.turns)
    horizon = outcomes.stages.horizon
    by_type = []
    for number in range(len(in_turns.prior)):
        try:
            steps = [*islice(rolling(in_turns, horizon, number), turns)]
        except NoEquilibrium:
            steps = []
        by_type.append(tuple(move for step in steps for move in step.moves))
    return by_type


def _shares(
    game: Game, stages: Stages, drawn: Sequence[tuple[int, ...]]
) -> dict[str, dict[str, float]]:
    """By player and move, the share of draws in which it is the player's first move;
    the rest are draws without an equilibrium."""
    movers = [p for turn in stages.turns if turn.stage == 0 for p in turn.movers]
    shares: dict[str, dict[str, float]] = {}
    for place, player in enumerate(movers):
        counts = Counter(moves[place] for moves in drawn if moves)
        names = stages.moves[player]
        shares[game.players[player]] = {
            name: counts[move] / len(drawn) for move, name in enumerate(names)
        }
    return shares
