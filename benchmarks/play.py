"""How often play in stages is subgame perfect, and what a path of moves costs.

    uv run python benchmarks/play.py [games]

*Games*: three stages of the invented dilemma (games/dilemma_over_time.yaml), whose paths the expected estimator works
out once. In each game both weights on insecurity, what a manoeuvre is worth at home, and what else each path is worth to
each side (normal, of the standard deviation in the column *else*) are drawn. Every equilibrium in which no part of the plan can be bettered is found by a second program, written
from the definition: at each history, for every way in which play may go on, each pair of moves is tried.

*Found*: the path of play is the path of one of these equilibria. *Errors*: the sides see payoffs with normal errors, of a
standard deviation relative to that of the payoffs over paths. *Foresight*: how many stages they look ahead.

*Time*: CPU time of a path by itself and within a tree, in milliseconds, of the dilemma and of Beijing 2025.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from itertools import product

import numpy as np

from balance_sim.games.extensive_form import TurnGame, rolling
from balance_sim.games.plan import Game, load_game
from balance_sim.games.play import PathOutcomes, turn_game
from balance_sim.games.schema import PlayPlan
from balance_sim.games.stages import stages_of

STAGES = 3
MOVES = [*product((0, 1), repeat=2)]
SETTINGS = [  # what else a path is worth, stages of foresight, error of payoffs
    *((0.2, STAGES, error) for error in (0.0, 0.01, 0.05, 0.2)),
    *((worth, horizon, 0.0) for worth in (0.2, 0.02) for horizon in (2, 1)),
]
SEED = 20261130


# --- games ----------------------------------------------------------------------------


def paths_of(stages: int) -> list[tuple]:
    """Every complete history of pairs of moves."""
    return [*product(MOVES, repeat=stages)]


def drawn_payoffs(effects: dict, worth: float, rng: np.random.Generator) -> dict:
    """The payoffs (2,) of each path of a game. effects: (2,) rise of each side's insecurity; worth: standard deviation
    of what else a path is worth."""
    weight = -100 * rng.lognormal(0.0, 0.5, 2)
    home = rng.normal(0.1, 0.2, 2)
    return {
        path: weight * fear + home * np.sum(path, axis=0) + rng.normal(0.0, worth, 2)
        for path, fear in effects.items()
    }


def complete(history: tuple) -> tuple:
    """The history if nobody acts any more, as pairs of moves; in turns, two make a pair."""
    flat = [move for moves in history for move in moves]
    flat += [0] * (2 * STAGES - len(flat))
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def in_turns(payoffs: dict, game: TurnGame) -> TurnGame:
    """The same turns with these payoffs."""

    def table(histories):
        return np.array([[payoffs[complete(history)]] for history in histories])

    return replace(game, payoffs=table)


# --- by the definition ----------------------------------------------------------------


def equilibria_of(payoffs: dict, history: tuple, *, is_sequential: bool) -> list[tuple]:
    """Every (path, payoffs) that a subgame-perfect plan leads to after a history."""
    moves = [move for pair in history for move in pair]
    if len(moves) == 2 * STAGES:
        return [(history, payoffs[complete(history)])]
    follow = {}
    movers = [(len(moves) % 2,)] if is_sequential else [(0, 1)]
    for move in product((0, 1), repeat=len(movers[0])):
        follow[move] = equilibria_of(
            payoffs, (*history, move), is_sequential=is_sequential
        )
    found = {}
    for after in product(*follow.values()):
        value = {move: x for move, (_, x) in zip(follow, after, strict=True)}
        path = {move: p for move, (p, _) in zip(follow, after, strict=True)}
        pure = [move for move in follow if is_best(value, move, movers[0])]
        for move in pure:
            found[path[move], tuple(value[move])] = (path[move], value[move])
        if not pure:
            shares = indifferent(value)
            worth = sum(share * value[move] for move, share in shares.items())
            likeliest = max(shares, key=shares.get)
            found[path[likeliest], tuple(worth)] = (path[likeliest], worth)
    return [*found.values()]


def is_best(value: dict, move: tuple, movers: tuple) -> bool:
    """Whether no mover does better by its other move."""
    for place, player in enumerate(movers):
        other = (*move[:place], 1 - move[place], *move[place + 1 :])
        if value[other][player] > value[move][player]:
            return False
    return True


def indifferent(value: dict) -> dict:
    """Probabilities of pairs of moves where each side makes the other indifferent."""

    def share(player: int) -> float:
        """Of move 1 of a side, from the payoffs of the other."""
        other = 1 - player
        gain = []  # of the other's move 1 over its move 0, by this side's move
        for own in (0, 1):
            pair = [(own, m) if player == 0 else (m, own) for m in (0, 1)]
            gain.append(value[pair[1]][other] - value[pair[0]][other])
        return gain[0] / (gain[0] - gain[1])

    p, q = share(0), share(1)
    return {
        (a, b): (p if a else 1 - p) * (q if b else 1 - q)
        for a, b in product((0, 1), repeat=2)
    }


# --- what is shown --------------------------------------------------------------------


def path_played(game: TurnGame, horizon: int) -> tuple:
    """The moves of all turns."""
    return tuple(step.moves for step in rolling(game, horizon))


def shares_found(game: Game, count: int) -> dict[tuple, np.ndarray]:
    """By order and setting: shares of games in which the path and the first moves are those of an
    equilibrium."""
    stages = stages_of(game)
    outcomes = PathOutcomes(game, stages, game.scenario)
    effects = dict(zip(paths_of(STAGES), outcomes.of(paths_of(STAGES)), strict=True))
    cells: dict[tuple, list] = {}
    for order, (worth, horizon, error) in product(
        ("simultaneous", "sequential"), SETTINGS
    ):
        rng = np.random.default_rng(SEED)
        ordered = with_play(game, game.plan.play.model_copy(update={"order": order}))
        turns = turn_game(PathOutcomes(ordered, stages_of(ordered), game.scenario))
        for _ in range(count):
            payoffs = drawn_payoffs(effects, worth, rng)
            sd = error * np.std([*payoffs.values()], axis=0)
            seen = {path: x + sd * rng.normal(size=2) for path, x in payoffs.items()}
            true = equilibria_of(payoffs, (), is_sequential=order == "sequential")
            played = path_played(in_turns(seen, turns), horizon)
            turns_each = len(turns.turns) // STAGES
            hits = (
                played in [path for path, _ in true],
                played[:turns_each] in [path[:turns_each] for path, _ in true],
            )
            cells.setdefault((order, worth, horizon, error), []).append(hits)
    return {key: np.mean(hits, axis=0) for key, hits in cells.items()}


def with_play(game: Game, play: PlayPlan) -> Game:
    """The game with other stages."""
    return replace(game, plan=game.plan.model_copy(update={"play": play}))


def milliseconds(game: Game) -> tuple[int, float, float]:
    """How many paths the tree has; CPU time of one by itself, and of one within the tree."""
    stages = stages_of(game)
    outcomes = PathOutcomes(game, stages, game.scenario)
    turns = turn_game(outcomes)
    ends = [*turns.ends((), STAGES)]
    outcomes.of(ends[-1:])  # what is worked out once for all
    outcomes.effects.clear()
    began = time.process_time()
    for end in (first := ends[:: max(len(ends) // 5, 1)]):
        outcomes.effects.clear()
        outcomes.of([end])
    alone = (time.process_time() - began) / len(first)
    outcomes.effects.clear()
    began = time.process_time()
    outcomes.of(ends)
    together = (time.process_time() - began) / len(outcomes.effects)
    return len(outcomes.effects), 1e3 * alone, 1e3 * together


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    dilemma = load_game("games/dilemma_over_time.yaml")
    print(f"{count} games\n")
    print("| moves | else | foresight | error | path found | first moves |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for key, (path, first) in shares_found(dilemma, count).items():
        order, worth, horizon, error = key
        cells = (
            f"{order} | {worth} | {horizon} | {error:.0%} | {path:.1%} | {first:.1%}"
        )
        print(f"| {cells.replace('%', ' %')} |")
    beijing = with_play(
        load_game("games/beijing_2025.yaml"),
        PlayPlan(
            every_days=180,
            horizon=2,
            moves={"beijing": ("all_three", "with_reassurance")},
        ),
    )
    print("\n| tree | paths | one by itself, ms | one within the tree, ms |")
    print("| --- | ---: | ---: | ---: |")
    for name, game in (("dilemma", dilemma), ("Beijing 2025", beijing)):
        paths, alone, together = milliseconds(game)
        print(f"| {name} | {paths} | {alone:.1f} | {together:.1f} |")


if __name__ == "__main__":
    main()
