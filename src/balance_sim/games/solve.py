"""From replications, draws and theories to payoffs, and from these to a `Solution`.

Payoffs are weights on outcomes over the control arm, less what a strategy costs: on
common random numbers, so a profile in which nothing is done pays nothing, and what all
profiles share adds no noise. Arrays of outcomes are (..., N, Q) over profiles, in the
order of `Game.profiles`, and outcomes, in the order of the cast; payoffs (..., k_1,
..., k_n, n), the last axis the player.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import Any, Literal

import numpy as np

from balance_sim.effects.expected import Estimator
from balance_sim.evidence.posterior.effect_draws import over_draws
from balance_sim.games import solution
from balance_sim.games.equilibria import nash_equilibria
from balance_sim.games.normal_form import best_replies, pure_equilibria, sequential
from balance_sim.games.plan import Game
from balance_sim.games.players import PlayerMeasures
from balance_sim.games.schema import arm_of
from balance_sim.games.solution import Solution
from balance_sim.games.study import GameStudy
from balance_sim.games.uncertain import (
    EmpiricalGame,
    StrategyRegrets,
    minimax_regret,
    value_of_information,
)
from balance_sim.model.core import Bools, Floats
from balance_sim.model.streams import IDLE_PARAMETERS, PAYOFF_BOOTSTRAP, stream_seed
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import presets
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.intervals import student_half_width
from balance_sim.study.arms import compile_arms
from balance_sim.study.draws import Draws
from balance_sim.study.estimates import columns_by_arm, in_chunks
from balance_sim.study.jobs import Progress
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.result import Result

DRAWS = 200  # of the posterior, or of the prior where there is none
CHUNK = 2  # draws a task
MOST_PARAMETERS = 5  # named in what knowing more is worth


def outcome_names(game: Game) -> tuple[str, ...]:
    """Columns of tables, in the order of the cast."""
    window = max(game.scenario.report.windows)
    return tuple(outcome.outcome(window).name for outcome in game.cast.outcomes)


def simulated_effects(game: Game, result: Result) -> Floats:
    """(R, N, Q) each outcome in each profile less the control arm's; filtered estimates
    of numbers of agreements."""
    stored = {*result.by_run.names}
    columns = []
    for name in outcome_names(game):
        filtered = FILTERED + name
        columns.append(filtered if filtered in stored else name)
    chunks = []
    for tables in in_chunks(result.outcome_tables(tuple(columns))):
        values = {
            arm: np.stack([by_name[name] for name in columns], axis=-1)
            for arm, by_name in columns_by_arm(tables, game.arms).items()
        }
        chunks.append(_effects(game, values))
    return np.concatenate(chunks)


def _effects(game: Game, values: Mapping[str, Floats]) -> Floats:
    """(..., N, Q) from (..., Q) of each arm."""
    control, *profiles = game.arms
    return np.stack([values[arm] - values[control] for arm in profiles], axis=-2)


def payoffs(game: Game, effects: Floats) -> Floats:
    """(..., k_1, ..., k_n, n) from effects (..., N, Q)."""
    weights = np.zeros((len(game.cast.outcomes), len(game.players)))
    row = 0
    for player, plan in enumerate(game.plan.players.values()):
        for part in plan.payoff:
            weights[row, player] = part.weight
            row += 1
    sizes = tuple(map(len, game.strategies))
    shape = (*effects.shape[:-2], *sizes, len(game.players))
    values = (effects @ weights).reshape(shape)
    for player, costs in enumerate(game.costs):
        along_axis = [1] * len(sizes)
        along_axis[player] = -1
        values[..., player] -= np.reshape(costs, along_axis)
    return np.asarray(values)


def expected_effects(game: Game, scenario: Scenario) -> Floats:
    """(N, Q) by the expected estimator, in a version of the game's scenario with other
    values."""
    worlds = compile_arms(scenario, game.arms)
    measures, estimator = PlayerMeasures(worlds, game.cast), Estimator(worlds)
    values = {}
    for arm in game.arms:
        by_name = measures.expected(estimator, worlds.arms[arm])
        values[arm] = np.array([by_name[name] for name in measures.names])
    return _effects(game, values)


@dataclass(frozen=True)
class OverParameters:
    """Effects (D, N, Q) over joint draws of the parameters, and (T, N, Q) by theory, by
    the expected estimator."""

    draws: Draws
    effects: Floats
    theories: tuple[str, ...]
    by_theory: Floats


def over_parameters(
    game: Game, draws: Draws, workers: int = 1, progress: Progress | None = None
) -> OverParameters:
    """Every profile in every joint draw of the scenario's parameters and under every
    shipped theory, at one base rate; whatever the number of workers."""
    report = None if progress is None else lambda done, total: progress(done, total, 0)
    effects_in = partial(expected_effects, game)
    effects = over_draws(effects_in, game.scenario, draws, CHUNK, workers, report)
    theories = tuple(presets())
    by_theory = []
    for theory in theories:
        scenario = with_values(game.scenario, {"theory.preset": theory})
        by_theory.append(expected_effects(game, scenario))
    return OverParameters(draws, np.stack(effects), theories, np.stack(by_theory))


def solve(study: GameStudy, over: OverParameters | None = None) -> Solution:
    """Payoffs, replies, equilibria and regrets of the game of a study.

    Parameters
    ----------
    study : what `play` or `open_game` returns
    over : the same profiles over draws and theories; without, no intervals over
        parameters, no minimax regret and no value of information

    Returns
    -------
    Solution : by the ids of players and strategies

    Examples
    --------
    >>> from balance_sim.games.plan import load_game
    >>> from balance_sim.games.study import play
    >>> solution = solve(play(load_game("games/security_dilemma.yaml"), runs=8))
    >>> [dict(row.strategies) for row in solution.profiles if row.equilibrium]
    [{'arden': 'manoeuvre', 'belmar': 'manoeuvre'}]
    """
    game = study.game
    effects = simulated_effects(game, study.result)
    estimated = EmpiricalGame(
        payoffs(game, effects), seed=stream_seed(study.result.seed, PAYOFF_BOOTSTRAP)
    )
    expected = payoffs(game, expected_effects(game, game.scenario))
    drawn = None if over is None else payoffs(game, over.effects)
    gap = np.abs(expected - estimated.mean).reshape(-1, len(game.players)).max(axis=0)
    mean_effects = effects.mean(axis=0)
    break_even = {
        name: tuple(_break_even(game, mean_effects, player))
        for player, name in enumerate(game.players)
    }
    solution_of_runs = Solution(
        players=dict(zip(game.players, game.strategies, strict=True)),
        observed=dict(game.plan.observed),
        runs=estimated.replications,
        profiles=tuple(_profiles(game, estimated, expected, drawn)),
        best_replies=tuple(_replies(game, estimated, drawn)),
        equilibria=_equilibria(game, estimated),
        leader=tuple(_leaders(game, estimated.mean)),
        gap=_by_player(game, gap),
        balance=_balance(game, effects, None if over is None else over.effects),
        break_even=break_even,
    )
    if over is None or drawn is None:
        return solution_of_runs
    return replace(
        solution_of_runs,
        draws=solution.DrawsUsed(over.draws.source, len(over.draws), over.draws.sha256),
        theories=over.theories,
        regret=_minimax_regret(game, over, drawn),
        voi=_value_of_information(
            game, over, drawn, stream_seed(study.result.seed, IDLE_PARAMETERS)
        ),
    )


def _profile(
    game: Game, places: Sequence[int], without: int | None = None
) -> dict[str, str]:
    """The strategies of a profile by player; without one of them."""
    profile = {}
    for player, place in enumerate(places):
        if player != without:
            profile[game.players[player]] = game.strategies[player][place]
    return profile


def _by_player(game: Game, values: Sequence[float] | Floats) -> dict[str, float]:
    return dict(zip(game.players, map(float, values), strict=True))


def _by_strategy(game: Game, player: int, values: Floats) -> dict[str, float]:
    return dict(zip(game.strategies[player], map(float, values), strict=True))


def _where(game: Game, player: int, mask: Bools) -> tuple[str, ...]:
    """The strategies of a player at which a mask holds."""
    strategies = game.strategies[player]
    return tuple(strategies[place] for place in np.flatnonzero(mask))


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _interval(values: Floats) -> solution.DrawsInterval:
    low, median, high = np.quantile(values, [0.025, 0.5, 0.975])
    return solution.DrawsInterval(float(low), float(median), float(high))


def _profiles(
    game: Game, estimated: EmpiricalGame, expected: Floats, drawn: Floats | None
) -> Iterator[solution.ProfileResult]:
    pure = pure_equilibria(estimated.mean)
    over_draws = None if drawn is None else pure_equilibria(drawn).mean(axis=0)
    for place, strategies in zip(np.ndindex(*pure.shape), game.profiles, strict=True):
        by_player = {}
        for player, name in enumerate(game.players):
            index = (*place, player)
            by_player[name] = solution.Payoff(
                mean=float(estimated.mean[index]),
                mcse=_number(estimated.mcse[index]),
                expected=float(expected[index]),
                draws=None
                if drawn is None
                else _interval(drawn[(slice(None), *index)]),
            )
        regrets = estimated.regret[place]
        yield solution.ProfileResult(
            strategies=_profile(game, place),
            arm=arm_of(strategies),
            payoffs=by_player,
            regrets=_by_player(game, regrets),
            regret=float(regrets.max()),
            bound=_number(estimated.regret_bound[place].max()),
            equilibrium=bool(pure[place]),
            probability=_number(estimated.equilibrium_probability[place]),
            over_draws=None if over_draws is None else float(over_draws[place]),
        )


def _replies(
    game: Game, estimated: EmpiricalGame, drawn: Floats | None
) -> Iterator[solution.Reply]:
    for player, name in enumerate(game.players):
        best = best_replies(estimated.mean, player)
        share_best = None
        if drawn is not None:
            best_in_draw = best_replies(drawn, player)
            ties = best_in_draw.sum(axis=player + 1, keepdims=True)
            share_best = (best_in_draw / ties).mean(axis=0)
        sizes = [len(strategies) for strategies in game.strategies]
        sizes[player] = 1
        for place in np.ndindex(*sizes):
            row: tuple[Any, ...] = (*place[:player], slice(None), *place[player + 1 :])
            shares = estimated.best_reply_probability[(*row, player)]
            probability = over_draws = None
            if np.isfinite(shares).all():
                probability = _by_strategy(game, player, shares)
            if share_best is not None:
                over_draws = _by_strategy(game, player, share_best[row])
            may_be = estimated.may_be_best[(*row, player)]
            yield solution.Reply(
                player=name,
                others=_profile(game, place, without=player),
                best=_where(game, player, best[row]),
                may_be=_where(game, player, may_be),
                probability=probability,
                over_draws=over_draws,
            )


def _equilibria(game: Game, estimated: EmpiricalGame) -> solution.NashEquilibria:
    equilibria = nash_equilibria(estimated.mean)
    named = []
    for equilibrium in equilibria.found:
        place = tuple(int(shares.argmax()) for shares in equilibrium.strategies)
        probability = None
        if equilibrium.pure:
            probability = _number(estimated.equilibrium_probability[place])
        mixture = {
            name: _by_strategy(game, player, equilibrium.strategies[player])
            for player, name in enumerate(game.players)
        }
        named.append(
            solution.NamedEquilibrium(
                kind="pure" if equilibrium.pure else "mixed",
                strategies=mixture,
                payoffs=_by_player(game, equilibrium.payoffs),
                degenerate=equilibrium.degenerate,
                probability=probability,
            )
        )
    return solution.NashEquilibria(
        tuple(named), equilibria.complete, equilibria.degenerate
    )


def _leaders(game: Game, mean: Floats) -> Iterator[solution.Leader]:
    if len(game.players) == 1:
        return
    for order in permutations(range(len(game.players))):
        play = sequential(mean, order)
        yield solution.Leader(
            order=tuple(game.players[player] for player in order),
            outcomes=tuple(_profile(game, places) for places in play.outcomes),
            payoffs=tuple(_by_player(game, values) for values in play.payoffs),
            ties=play.ties,
        )


def _beside_observed(game: Game, player: int) -> dict[str, int]:
    """By strategy of a player, the place among flattened profiles of the one in which
    the others do what was observed."""
    sizes = tuple(map(len, game.strategies))
    place = list(game.observed)
    rows = {}
    for strategy, name in enumerate(game.strategies[player]):
        place[player] = strategy
        rows[name] = int(np.ravel_multi_index(place, sizes))
    return rows


def _own_outcomes(game: Game, name: str) -> list[int]:
    """The places in the cast of the outcomes that pay a player."""
    outcomes = enumerate(game.cast.outcomes)
    return [column for column, outcome in outcomes if outcome.player == name]


def _balance(
    game: Game, effects: Floats, drawn: Floats | None
) -> dict[str, dict[str, tuple[solution.BalanceItem, ...]]]:
    """effects: (R, N, Q); drawn: (D, N, Q)."""
    runs, mean = len(effects), effects.mean(axis=0)
    half_width = np.full(mean.shape, np.nan)
    if runs > 1:
        half_width = student_half_width(effects.std(axis=0, ddof=1), runs)

    def item(row: int, column: int) -> solution.BalanceItem:
        outcome = game.cast.outcomes[column]
        value, half = mean[row, column], half_width[row, column]
        return solution.BalanceItem(
            outcome=outcome.measure,
            of=outcome.of,
            mean=float(value),
            lo=_number(value - half),
            hi=_number(value + half),
            draws=None if drawn is None else _interval(drawn[:, row, column]),
        )

    sheets = {}
    for player, name in enumerate(game.players):
        columns = _own_outcomes(game, name)
        sheets[name] = {
            strategy: tuple(item(row, column) for column in columns)
            for strategy, row in _beside_observed(game, player).items()
        }
    return sheets


def _break_even(game: Game, mean: Floats, player: int) -> Iterator[solution.BreakEven]:
    """mean: (N, Q). What the observed strategy gives more than another one is linear in
    each weight."""
    name = game.players[player]
    rows, columns = _beside_observed(game, player), _own_outcomes(game, name)
    plan, observed = game.plan.players[name], game.plan.observed[name]
    weights = np.array([part.weight for part in plan.payoff])
    cost = {strategy: plan.strategies[strategy].cost for strategy in rows}
    for against in game.strategies[player]:
        if against == observed:
            continue
        slopes = mean[rows[observed], columns] - mean[rows[against], columns]
        total = float(slopes @ weights) - cost[observed] + cost[against]
        for part, slope in zip(plan.payoff, map(float, slopes), strict=True):
            better, weight = better_from(slope, total - slope * part.weight)
            yield solution.BreakEven(
                against=against,
                outcome=part.outcome,
                of=part.of or "",
                weight=part.weight,
                better=better,
                at=weight,
            )


def better_from(
    slope: float, rest: float
) -> tuple[Literal["above", "below", "always", "never"], float | None]:
    """For which weights w slope * w + rest > 0, and the weight where it is 0.

    >>> better_from(2.0, -1.0), better_from(-1.0, 3.0), better_from(0.0, -1.0)
    (('above', 0.5), ('below', 3.0), ('never', None))"""
    if slope == 0:
        return ("always" if rest > 0 else "never"), None
    return ("above" if slope > 0 else "below"), -rest / slope


def _minimax_regret(
    game: Game, over: OverParameters, drawn: Floats
) -> dict[str, solution.MinimaxRegret]:
    """drawn: (D, k_1, ..., k_n, n)."""
    values = np.concatenate([drawn, payoffs(game, over.by_theory)])
    where = [f"draw {number + 1}" for number in range(len(drawn))]
    where += [f"theory {name}" for name in over.theories]
    by_player = {}
    for player, regrets in enumerate(minimax_regret(values)):
        strategies = {
            name: _strategy_regret(game, player, place, regrets, where)
            for place, name in enumerate(game.strategies[player])
        }
        choice = _where(game, player, regrets.choice)
        by_player[game.players[player]] = solution.MinimaxRegret(choice, strategies)
    return by_player


def _strategy_regret(
    game: Game, player: int, place: int, regrets: StrategyRegrets, where: Sequence[str]
) -> solution.StrategyRegret:
    return solution.StrategyRegret(
        worst=float(regrets.worst[place]),
        where=where[regrets.draw[place]],
        others=_profile(game, regrets.profile[place], without=player),
        mean=float(regrets.mean[place]),
        q95=float(regrets.upper[place]),
    )


def _value_of_information(
    game: Game, over: OverParameters, drawn: Floats, seed: int
) -> dict[str, solution.ValueOfInformation]:
    """drawn: (D, k_1, ..., k_n, n); seed: of the permutations."""
    flat = drawn.reshape(len(drawn), -1, len(game.players))
    by_player = {}
    for player, name in enumerate(game.players):
        rows = list(_beside_observed(game, player).values())
        value = value_of_information(flat[:, rows, player], over.draws.values, seed)
        order = np.argsort(-value.evppi, kind="stable")[:MOST_PARAMETERS]
        parameters = {
            over.draws.paths[q]: (float(value.evppi[q]), float(value.error[q]))
            for q in order
            if value.evppi[q] > value.idle
        }
        best = _where(game, player, value.best)
        by_player[name] = solution.ValueOfInformation(
            best, value.evpi, value.evpi_error, parameters
        )
    return by_player
