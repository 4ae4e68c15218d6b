"""Outcomes of players become payoffs: weights on effects over the control arm, less what a strategy costs.

Over the control arm on common random numbers, replication by replication: a profile in which nothing is done pays
nothing, and what all profiles share adds no noise. Arrays of outcomes are (..., N, Q) over profiles, in the order of
`Game.profiles`, and outcomes, in the order of the cast; payoffs (..., k_1, ..., k_n, n), the last axis the player."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from balance_sim.analysis.effect_draws import over_draws
from balance_sim.game.plan import Game
from balance_sim.model.core import Floats
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.expected import Estimator
from balance_sim.replications.jobs import Progress
from balance_sim.replications.outcomes import FILTERED
from balance_sim.replications.parameter_draws import Draws, at
from balance_sim.replications.players import PlayerMeasures
from balance_sim.results.estimates import columns_by_arm, in_chunks
from balance_sim.results.result import Result
from balance_sim.scenario import with_values
from balance_sim.scenario.schema import Scenario

CHUNK = 2  # draws a task


def outcome_names(game: Game) -> tuple[str, ...]:
    """Columns of tables, in the order of the cast."""
    window = max(game.scenario.report.windows)
    return tuple(one.outcome(window).name for one in game.cast.outcomes)


def simulated_effects(game: Game, result: Result) -> Floats:
    """(R, N, Q) each outcome in each profile less the control arm's; filtered estimates of numbers of agreements."""
    names, there = outcome_names(game), {*result.by_run.names}
    names = tuple(FILTERED + name if FILTERED + name in there else name for name in names)
    parts = [
        _effects({arm: np.stack([columns[name] for name in names], axis=-1) for arm, columns in by_arm.items()}, game)
        for by_arm in (columns_by_arm(part, game.arms) for part in in_chunks(result.outcome_tables(names)))
    ]
    return np.concatenate(parts)


def _effects(of: Mapping[str, Floats], game: Game) -> Floats:
    """(..., N, Q) from (..., Q) of each arm."""
    control, *profiles = game.arms
    return np.stack([of[arm] - of[control] for arm in profiles], axis=-2)


def payoffs(game: Game, effects: Floats) -> Floats:
    """(..., k_1, ..., k_n, n) from effects (..., N, Q)."""
    weights = np.zeros((len(game.cast.outcomes), len(game.players)))
    parts = ((name, part) for name, one in game.plan.players.items() for part in one.payoff)
    for row, (name, part) in zip(weights, parts, strict=True):
        row[game.players.index(name)] = part.weight
    shape = tuple(map(len, game.strategies))
    values = (effects @ weights).reshape(*effects.shape[:-2], *shape, len(game.players))
    for player, costs in enumerate(game.costs):
        along = np.reshape(costs, [-1 if axis == player else 1 for axis in range(len(shape))])
        values[..., player] -= along
    return np.asarray(values)


def expected_effects(game: Game, scenario: Scenario) -> Floats:
    """(N, Q) by the expected estimator, in a version of the game's scenario with other values."""
    worlds = compile_arms(scenario, game.arms)
    measures, estimator = PlayerMeasures(worlds, game.cast), Estimator(worlds)
    found = {arm: measures.expected(estimator, worlds.arms[arm]) for arm in game.arms}
    return _effects({arm: np.array([of[name] for name in measures.names]) for arm, of in found.items()}, game)


def _of_draws(game: Game, draws: Draws, ks: range) -> list[Floats]:
    return [expected_effects(game, at(game.scenario, draws, k)) for k in ks]


def effects_over(game: Game, draws: Draws, workers: int = 1, progress: Progress | None = None) -> Floats:
    """(D, N, Q) by the expected estimator, of each joint draw of the parameters, whatever the number of workers."""
    tell = None if progress is None else lambda done, whole: progress(done, whole, 0)
    effects: list[Floats] = over_draws(partial(_of_draws, game, draws), draws, CHUNK, workers, tell)
    return np.stack(effects)


def effects_by_theory(game: Game, theories: Sequence[str]) -> Floats:
    """(T, N, Q) by the expected estimator, under each preset at one base rate."""
    return np.stack([expected_effects(game, with_values(game.scenario, {"theory.preset": name})) for name in theories])
