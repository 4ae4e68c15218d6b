"""From replications, draws and theories to payoffs, and from these to a `Solution`.

Payoffs are weights on outcomes over the control arm, less what a strategy costs: on
common random numbers, so a profile in which nothing is done pays nothing, and what all
profiles share adds no noise. Arrays of outcomes are (..., N, Q) over profiles, in the
order of `Game.profiles`, and outcomes, in the order of the cast; payoffs (..., k_1,
..., k_n, n), the last axis the player."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations, product
from typing import Any, Literal

import numpy as np

from balance_sim.effects.expected import Estimator
from balance_sim.evidence.posterior.effect_draws import over_draws
from balance_sim.games import solution
from balance_sim.games.checks import arm_of
from balance_sim.games.equilibria import nash_equilibria
from balance_sim.games.normal_form import (
    best_replies,
    expected_payoffs,
    pure_equilibria,
    quantal_response,
    sequential,
)
from balance_sim.games.plan import Game
from balance_sim.games.players import PlayerMeasures, PlayerOutcome
from balance_sim.games.solution import Solution
from balance_sim.games.study import GameStudy
from balance_sim.games.uncertain import (
    EmpiricalGame,
    minimax_regret,
    value_of_information,
)
from balance_sim.model.core import Bools, Floats
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

PRECISIONS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
"""Of quantal response, in units of one over the mean range of a player's payoffs."""
DRAWS = 200  # of the posterior, or of the prior where there is none
CHUNK = 2  # draws a task
MOST_PARAMETERS = 5  # named in what knowing more is worth


def outcome_names(game: Game) -> tuple[str, ...]:
    """Columns of tables, in the order of the cast."""
    window = max(game.scenario.report.windows)
    return tuple(one.outcome(window).name for one in game.cast.outcomes)


def simulated_effects(game: Game, result: Result) -> Floats:
    """(R, N, Q) each outcome in each profile less the control arm's; filtered estimates
    of numbers of agreements."""
    names, there = outcome_names(game), {*result.by_run.names}
    names = tuple(
        FILTERED + name if FILTERED + name in there else name for name in names
    )
    parts = [
        _effects(
            {
                arm: np.stack([columns[name] for name in names], axis=-1)
                for arm, columns in by_arm.items()
            },
            game,
        )
        for by_arm in (
            columns_by_arm(part, game.arms)
            for part in in_chunks(result.outcome_tables(names))
        )
    ]
    return np.concatenate(parts)


def _effects(of: Mapping[str, Floats], game: Game) -> Floats:
    """(..., N, Q) from (..., Q) of each arm."""
    control, *profiles = game.arms
    return np.stack([of[arm] - of[control] for arm in profiles], axis=-2)


def payoffs(game: Game, effects: Floats) -> Floats:
    """(..., k_1, ..., k_n, n) from effects (..., N, Q)."""
    weights = np.zeros((len(game.cast.outcomes), len(game.players)))
    parts = (
        (name, part) for name, one in game.plan.players.items() for part in one.payoff
    )
    for row, (name, part) in zip(weights, parts, strict=True):
        row[game.players.index(name)] = part.weight
    shape = tuple(map(len, game.strategies))
    values = (effects @ weights).reshape(*effects.shape[:-2], *shape, len(game.players))
    for player, costs in enumerate(game.costs):
        along = np.reshape(
            costs, [-1 if axis == player else 1 for axis in range(len(shape))]
        )
        values[..., player] -= along
    return np.asarray(values)


def expected_effects(game: Game, scenario: Scenario) -> Floats:
    """(N, Q) by the expected estimator, in a version of the game's scenario with other
    values."""
    worlds = compile_arms(scenario, game.arms)
    measures, estimator = PlayerMeasures(worlds, game.cast), Estimator(worlds)
    found = {arm: measures.expected(estimator, worlds.arms[arm]) for arm in game.arms}
    return _effects(
        {
            arm: np.array([of[name] for name in measures.names])
            for arm, of in found.items()
        },
        game,
    )


def effects_over(
    game: Game, draws: Draws, workers: int = 1, progress: Progress | None = None
) -> Floats:
    """(D, N, Q) by the expected estimator, of each joint draw of the parameters,
    whatever the number of workers."""
    tell = None if progress is None else lambda done, whole: progress(done, whole, 0)
    return np.stack(
        over_draws(
            partial(expected_effects, game), game.scenario, draws, CHUNK, workers, tell
        )
    )


def effects_by_theory(game: Game, theories: Sequence[str]) -> Floats:
    """(T, N, Q) by the expected estimator, under each preset at one base rate."""
    return np.stack(
        [
            expected_effects(game, with_values(game.scenario, {"theory.preset": name}))
            for name in theories
        ]
    )


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
    shipped theory."""
    theories = tuple(presets())
    effects = effects_over(game, draws, workers, progress)
    return OverParameters(draws, effects, theories, effects_by_theory(game, theories))


def solve(study: GameStudy, over: OverParameters | None = None) -> Solution:
    """What the game of a study comes to.

    Parameters
    ----------
    study : what `play` or `open_game` gave
    over : the same profiles over draws and theories; without, no intervals over parameters, no minimax regret and no
        value of information

    Examples
    --------
    >>> from balance_sim.games.plan import load_game
    >>> from balance_sim.games.study import play
    >>> found = solve(play(load_game("games/security_dilemma.yaml"), runs=8))
    >>> [dict(one.strategies) for one in found.profiles if one.equilibrium]
    [{'arden': 'manoeuvre', 'belmar': 'manoeuvre'}]
    """
    game = study.game
    effects = simulated_effects(game, study.result)
    played = EmpiricalGame(payoffs(game, effects))
    expected = payoffs(game, expected_effects(game, game.scenario))
    values = None if over is None else payoffs(game, over.effects)
    quantal = _quantal(game, played.mean)
    drawn: dict[str, Any] = {}
    if over is not None and values is not None:
        drawn = dict(_over(game, over, values, quantal))
    return Solution(
        players=dict(zip(game.players, game.strategies, strict=True)),
        observed=dict(game.plan.observed),
        runs=played.replications,
        profiles=tuple(_profiles(game, played, expected, values)),
        best_replies=tuple(_replies(game, played, values)),
        equilibria=_equilibria(game, played),
        quantal_response=quantal,
        leader=tuple(_leaders(game, played.mean)),
        gap={
            name: float(np.abs(expected - played.mean)[..., k].max())
            for k, name in enumerate(game.players)
        },
        balance=_balance(game, effects, None if over is None else over.effects),
        break_even={
            name: tuple(_break_even(game, effects.mean(axis=0), k))
            for k, name in enumerate(game.players)
        },
        **drawn,
    )


def _named(game: Game, places: Sequence[int], but: int | None = None) -> dict[str, str]:
    """The strategies of a profile by player; without one of them."""
    named = zip(game.players, game.strategies, map(int, places), strict=True)
    return {
        player: names[at] for k, (player, names, at) in enumerate(named) if k != but
    }


def _mixture(game: Game, mixed: Sequence[Floats]) -> dict[str, dict[str, float]]:
    return {
        player: dict(zip(names, map(float, of), strict=True))
        for player, names, of in zip(game.players, game.strategies, mixed, strict=True)
    }


def _by_player(game: Game, values: Sequence[float] | Floats) -> dict[str, float]:
    return dict(zip(game.players, map(float, values), strict=True))


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _quantiles(values: Floats) -> solution.OverDrawsOf:
    return solution.OverDrawsOf(*map(float, np.quantile(values, [0.025, 0.5, 0.975])))


def _profiles(
    game: Game, played: EmpiricalGame, expected: Floats, values: Floats | None
) -> Iterator[solution.ProfileSaid]:
    pure = pure_equilibria(played.mean)
    often = None if values is None else pure_equilibria(values).mean(axis=0)
    for place, names in zip(np.ndindex(*pure.shape), game.profiles, strict=True):
        yield solution.ProfileSaid(
            strategies=_named(game, place),
            arm=arm_of(names),
            payoffs={
                player: solution.Payoff(
                    float(played.mean[place][k]),
                    _number(played.mcse[place][k]),
                    float(expected[place][k]),
                    None
                    if values is None
                    else _quantiles(values[(slice(None), *place, k)]),
                )
                for k, player in enumerate(game.players)
            },
            regrets=_by_player(game, played.regret[place]),
            regret=float(played.regret[place].max()),
            bound=_number(played.regret_bound[place].max()),
            equilibrium=bool(pure[place]),
            probability=_number(played.equilibrium_probability[place]),
            over_draws=None if often is None else float(often[place]),
        )


def _replies(
    game: Game, played: EmpiricalGame, values: Floats | None
) -> Iterator[solution.Reply]:
    for k, player in enumerate(game.players):
        best, often = best_replies(played.mean, k), None
        if values is not None:
            each = best_replies(values, k)
            often = (each / each.sum(axis=k + 1, keepdims=True)).mean(axis=0)
        others = [
            range(len(names)) if at != k else (0,)
            for at, names in enumerate(game.strategies)
        ]
        for place in product(*others):
            row: tuple[Any, ...] = (*place[:k], slice(None), *place[k + 1 :])
            probability = played.best_reply_probability[(*row, k)]
            yield solution.Reply(
                player,
                _named(game, place, but=k),
                _those(game, k, best[row]),
                _those(game, k, played.may_be_best[(*row, k)]),
                _shares(game, k, probability)
                if np.isfinite(probability).all()
                else None,
                None if often is None else _shares(game, k, often[row]),
            )


def _those(game: Game, player: int, mask: Bools) -> tuple[str, ...]:
    return tuple(
        name for name, there in zip(game.strategies[player], mask, strict=True) if there
    )


def _shares(game: Game, player: int, of: Floats) -> dict[str, float]:
    return dict(zip(game.strategies[player], map(float, of), strict=True))


def _equilibria(game: Game, played: EmpiricalGame) -> solution.NashEquilibria:
    all_of_them, said = nash_equilibria(played.mean), []
    for one in all_of_them.found:
        place = tuple(int(of.argmax()) for of in one.strategies)
        likely = _number(played.equilibrium_probability[place]) if one.pure else None
        mixture, payoff = _mixture(game, one.strategies), _by_player(game, one.payoffs)
        said.append(
            solution.EquilibriumSaid(
                "pure" if one.pure else "mixed", mixture, payoff, one.degenerate, likely
            )
        )
    return solution.NashEquilibria(
        tuple(said), all_of_them.complete, all_of_them.degenerate
    )


def _quantal(game: Game, mean: Floats) -> tuple[solution.QuantalResponse, ...]:
    spans = np.ptp(mean.reshape(-1, len(game.players)), axis=0)
    precisions = np.array(PRECISIONS) / (float(spans.mean()) or 1.0)
    found = quantal_response(mean, precisions)
    followed = np.isfinite(found[0]).all(axis=1)
    return tuple(
        solution.QuantalResponse(
            float(precision),
            _mixture(game, [of[at] for of in found]) if followed[at] else None,
        )
        for at, precision in enumerate(precisions)
    )


def _leaders(game: Game, mean: Floats) -> Iterator[solution.Leader]:
    for order in (
        permutations(range(len(game.players))) if len(game.players) > 1 else ()
    ):
        found = sequential(mean, order)
        yield solution.Leader(
            tuple(game.players[k] for k in order),
            tuple(_named(game, places) for places in found.outcomes),
            tuple(_by_player(game, of) for of in found.payoffs),
            found.ties,
        )


def _beside_observed(game: Game, player: int) -> Iterator[tuple[str, int]]:
    """A player's strategies, and the place among flattened profiles of each where the
    others do what was observed."""
    shape = tuple(map(len, game.strategies))
    for at, name in enumerate(game.strategies[player]):
        place = (*game.observed[:player], at, *game.observed[player + 1 :])
        yield name, int(np.ravel_multi_index(place, shape))


def _balance(
    game: Game, effects: Floats, over: Floats | None
) -> dict[str, dict[str, tuple[solution.BalanceItem, ...]]]:
    """effects: (R, N, Q); over: (D, N, Q)."""
    runs, mean = len(effects), effects.mean(axis=0)
    half = (
        student_half_width(effects.std(axis=0, ddof=1), runs)
        if runs > 1
        else np.full(mean.shape, np.nan)
    )

    def item(row: int, at: int, one: PlayerOutcome) -> solution.BalanceItem:
        low, high = (_number(mean[row, at] + sign * half[row, at]) for sign in (-1, 1))
        drawn = None if over is None else _quantiles(over[:, row, at])
        return solution.BalanceItem(
            one.measure, one.of, float(mean[row, at]), low, high, drawn
        )

    return {
        player: {
            name: tuple(
                item(row, at, one)
                for at, one in enumerate(game.cast.outcomes)
                if one.player == player
            )
            for name, row in _beside_observed(game, k)
        }
        for k, player in enumerate(game.players)
    }


def _break_even(game: Game, mean: Floats, player: int) -> Iterator[solution.BreakEven]:
    """mean: (N, Q). What the observed strategy gives more than another one is linear in
    each weight."""
    rows, name = dict(_beside_observed(game, player)), game.players[player]
    own = [at for at, one in enumerate(game.cast.outcomes) if one.player == name]
    parts, seen = game.plan.players[name].payoff, game.plan.observed[name]
    weights = np.array([part.weight for part in parts])
    cost = dict(zip(game.strategies[player], game.costs[player], strict=True))
    for against in game.strategies[player]:
        if against == seen:
            continue
        apart = mean[rows[seen], own] - mean[rows[against], own]
        whole = float(apart @ weights) - cost[seen] + cost[against]
        for part, slope in zip(parts, map(float, apart), strict=True):
            yield solution.BreakEven(
                against,
                part.outcome,
                part.of or "",
                part.weight,
                *better_from(slope, whole - slope * part.weight),
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


def _over(
    game: Game,
    over: OverParameters,
    values: Floats,
    quantal: Sequence[solution.QuantalResponse],
) -> Mapping[str, object]:
    """What rests on draws and theories. values: (D, k_1, ..., k_n, n)."""
    every = np.concatenate([values, payoffs(game, over.by_theory)])
    where = [f"draw {k + 1}" for k in range(len(values))] + [
        f"theory {name}" for name in over.theories
    ]
    regret = {}
    for k, of in enumerate(minimax_regret(every)):
        strategies = {}
        for at, name in enumerate(game.strategies[k]):
            worst, mean, upper = (
                float(column[at]) for column in (of.worst, of.mean, of.upper)
            )
            others = _named(game, of.profile[at], but=k)
            strategies[name] = solution.RegretOf(
                worst, where[of.draw[at]], others, mean, upper
            )
        regret[game.players[k]] = solution.MinimaxRegret(
            _those(game, k, of.choice), strategies
        )
    last = next(
        one.strategies for one in reversed(quantal) if one.strategies is not None
    )
    mixed = [np.array([*last[player].values()]) for player in game.players]
    voi = {}
    for k, player in enumerate(game.players):
        found = value_of_information(
            expected_payoffs(values, mixed, k), over.draws.values
        )
        order = np.argsort(-found.evppi, kind="stable")[:MOST_PARAMETERS]
        single = {
            over.draws.paths[at]: (float(found.evppi[at]), float(found.error[at]))
            for at in order
        }
        single = {
            path: (value, error)
            for path, (value, error) in single.items()
            if value > found.idle
        }
        voi[player] = solution.KnowingMore(
            _those(game, k, found.best), found.evpi, found.evpi_error, single
        )
    used = solution.DrawsUsed(over.draws.source, len(over.draws), over.draws.sha256)
    return {"draws": used, "theories": over.theories, "regret": regret, "voi": voi}
