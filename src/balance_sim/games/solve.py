"""From replications, draws and theories to payoffs, and from these to a `Solution`.

Payoffs are weights on outcomes over the control arm, less what a strategy costs: on
common random numbers, so a profile in which nothing is done pays nothing, and what all
profiles share adds no noise. Arrays of outcomes are (..., N, Q) over profiles, in the
order of `Game.profiles`, and outcomes, in the order of the cast; payoffs (..., k_1,
..., k_n, n), the last axis the player.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from balance_sim.evidence.posterior.effect_draws import over_draws
from balance_sim.games.choice import (
    acts_of,
    beside_observed,
    own_outcomes,
    recommendations,
    spread,
    terms_of,
    without_it,
)
from balance_sim.games.equilibria import nash_equilibria
from balance_sim.games.normal_form import (
    best_replies,
    best_reply_shares,
    pure_equilibria,
)
from balance_sim.games.normal_form import regrets as regrets_of
from balance_sim.games.plan import Game
from balance_sim.games.players import expected_outcomes
from balance_sim.games.schema import arm_of
from balance_sim.games.solution import Row, Solution
from balance_sim.games.study import GameStudy
from balance_sim.games.uncertain import (
    EmpiricalGame,
    minimax_regret,
    value_of_information,
)
from balance_sim.model.core import Bools, Floats
from balance_sim.model.streams import (
    DRAW_BOOTSTRAP,
    IDLE_PARAMETERS,
    PAYOFF_BOOTSTRAP,
    stream_seed,
)
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import presets
from balance_sim.scenario.errors import WrongRequest, checked_type
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.intervals import FEWEST_RUNS, student_half_width
from balance_sim.study.draws import CODING, Draws
from balance_sim.study.estimates import Estimates
from balance_sim.study.jobs import Progress
from balance_sim.study.result import Result

CHUNK = 2  # draws a task
MOST_PARAMETERS = 5  # named in what knowing more is worth


def simulated_effects(game: Game, result: Result) -> Floats:
    """(R, N, Q) each outcome in each profile less the control arm's; filtered estimates
    of numbers of agreements."""
    window = max(game.scenario.report.windows)
    names = [outcome.outcome(window).name for outcome in game.cast.outcomes]
    estimates = Estimates(result.by_run, game.arms)
    by_arm = [
        np.stack([estimates.smooth(arm, name) for name in names], axis=-1)
        for arm in game.arms
    ]
    return _over_control(by_arm)


def _over_control(by_arm: Iterable[Floats]) -> Floats:
    """(..., N, Q) what each profile has over the control arm, whose outcomes (..., Q)
    come first."""
    control, *profiles = by_arm
    return np.stack([values - control for values in profiles], axis=-2)


def payoffs(game: Game, effects: Floats) -> Floats:
    """(..., k_1, ..., k_n, n) from effects (..., N, Q)."""
    values = effects @ game.weights
    by_profile = np.stack(np.meshgrid(*game.costs, indexing="ij"), axis=-1)
    shape = (*effects.shape[:-2], *by_profile.shape)
    return np.asarray(values.reshape(shape) - by_profile)


def expected_effects(game: Game, scenario: Scenario) -> Floats:
    """(N, Q) by the expected estimator, in a version of the game's scenario with other
    values."""
    return _over_control(expected_outcomes(scenario, game.cast, game.arms)[0])


@dataclass(frozen=True)
class OverParameters:
    """Effects (D, N, Q) over joint draws of the parameters, (T, N, Q) by theory, and
    (N, Q) where acts of one kind move nobody, by the expected estimator."""

    draws: Draws
    effects: Floats
    theories: tuple[str, ...]
    by_theory: Floats
    without_acts: Mapping[str, Floats] = field(default_factory=dict)


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
    return OverParameters(
        draws, np.stack(effects), theories, np.stack(by_theory), _without_acts(game)
    )


def _without_acts(game: Game) -> dict[str, Floats]:
    """(N, Q) effects at the point values, for each kind of act that a player may add,
    where acts of that kind move nobody."""
    scenario, effects = game.scenario, {}
    for kind in acts_of(game):
        weights = {"alignment": 0.0, "intent": 0.0, "reliability": 0.0}
        idle = scenario.event_kinds[kind].model_copy(update=weights)
        update = {"event_kinds": {**scenario.event_kinds, kind: idle}}
        changed = scenario.model_copy(update=update)
        effects[kind] = expected_effects(game, changed)
    return effects


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

    Raises
    ------
    WrongRequest : where fewer than two replications finished

    Examples
    --------
    >>> from balance_sim.games.plan import load_game
    >>> from balance_sim.games.study import play
    >>> solution = solve(play(load_game("games/security_dilemma.yaml"), runs=8))
    >>> [row["strategies"] for row in solution["profiles"] if row["equilibrium"]]
    [{'arden': 'manoeuvre', 'belmar': 'manoeuvre'}]
    """
    checked_type("study", study, GameStudy, "what `play` or `open_game` returns")
    game, result = study.game, study.result
    if result.finished < 2:
        raise WrongRequest("a game is solved from two replications or more: set --runs")
    effects = simulated_effects(game, result)
    seed = stream_seed(result.seed, PAYOFF_BOOTSTRAP)
    estimated = EmpiricalGame(payoffs(game, effects), seed)
    at_point = expected_effects(game, game.scenario)
    expected = payoffs(game, at_point)
    drawn = None if over is None else payoffs(game, over.effects)
    gap = np.abs(expected - estimated.mean).reshape(-1, len(game.players)).max(axis=0)
    solution = Solution(
        players={name: [*plan.strategies] for name, plan in game.plan.players.items()},
        observed=dict(game.plan.observed),
        runs=len(effects),
        profiles=_profiles(game, estimated, expected, drawn),
        best_replies=_replies(game, estimated, drawn),
        equilibria=_equilibria(game, estimated),
        gap=_named(game.players, gap),
        balance=_balance(game, effects, None if over is None else over.effects),
        recommendations={},
        draws=None,
        theories=[],
        regret=None,
        voi=None,
        conditions=None,
        signposts=None,
        red_team=None,
    )
    resampled, guesses = [estimated.resampled], None
    basis = effects.mean(axis=0, keepdims=True)
    if over is not None and drawn is not None:
        draws, theories = over.draws, payoffs(game, over.by_theory)
        solution["draws"] = identity_of(draws)
        solution["theories"] = list(over.theories)
        values = np.concatenate([drawn, theories])
        solution["regret"] = _regrets(game, over, values)
        seed = stream_seed(result.seed, IDLE_PARAMETERS)
        solution["voi"] = _value_of_information(game, draws, drawn, seed)
        seed = stream_seed(result.seed, DRAW_BOOTSTRAP)
        resampled.append(EmpiricalGame(drawn, seed).resampled)
        basis, guesses = over.effects, _guesses(game, over, at_point)
    is_enough = len(effects) >= FEWEST_RUNS
    solution["recommendations"] = recommendations(
        game, basis, resampled, guesses, is_enough=is_enough
    )
    return solution


def _guesses(
    game: Game, over: OverParameters, at_point: Floats
) -> dict[str, list[Row]]:
    """By player what it would choose without one coding of the event's targets, and
    with acts of one kind that move nobody. at_point: (N, Q)."""
    bases = {"targets": over.effects, "act": at_point[None]}
    versions = [
        ("act", kind, effects[None]) for kind, effects in over.without_acts.items()
    ]
    if CODING in over.draws.paths:
        coding = over.draws.column(CODING).astype(int)
        names = [
            "the event itself",
            *(alternative.id for alternative in game.scenario.targets_alternatives),
        ]
        for which in np.unique(coding):
            remaining = over.effects[coding != which]
            if len(remaining):
                versions.append(("targets", names[which], remaining))
    rows: dict[str, list[Row]] = {name: [] for name in game.players}
    for assumption, left_out, effects in versions:
        for player, name in enumerate(game.players):
            without, all_in = (
                terms_of(game, version, player)[0].sum(axis=-1).mean(axis=0)
                for version in (effects, bases[assumption])
            )
            choice = without_it(game.strategies[player], without, all_in)
            row = {"outcome": left_out, "of": "", "what": assumption}
            rows[name].append(row | choice)
    return rows


def identity_of(draws: Draws) -> Row:
    """Which draws: their distribution, how many, and their sha256."""
    return {"source": draws.source, "count": len(draws), "sha256": draws.sha256}


def _named(names: Sequence[str], values: Floats) -> dict[str, float]:
    """A number by name."""
    return dict(zip(names, values.tolist(), strict=True))


def _profile(
    game: Game, places: Sequence[int], without: int | None = None
) -> dict[str, str]:
    """The strategies of a profile by player; without one of them."""
    profile = {}
    for player, place in enumerate(places):
        if player != without:
            profile[game.players[player]] = game.strategies[player][place]
    return profile


def _where(game: Game, player: int, mask: Bools) -> list[str]:
    """The strategies of a player at which a mask holds."""
    strategies = game.strategies[player]
    return [strategies[place] for place in np.flatnonzero(mask)]


def _profiles(
    game: Game, estimated: EmpiricalGame, expected: Floats, drawn: Floats | None
) -> list[Row]:
    """Of each profile payoffs by player, and what each would gain by another
    strategy."""
    pure, rows = pure_equilibria(estimated.mean), []
    regrets = regrets_of(estimated.mean)
    over_draws = None if drawn is None else pure_equilibria(drawn).mean(axis=0)
    for place, strategies in zip(np.ndindex(*pure.shape), game.profiles, strict=True):
        by_player = {}
        for player, name in enumerate(game.players):
            index = (*place, player)
            by_player[name] = {
                "mean": float(estimated.mean[index]),
                "mcse": float(estimated.mcse[index]),
                "expected": float(expected[index]),
                "draws": None if drawn is None else spread(drawn[:, *index]),
            }
        gains = regrets[place]
        row = {
            "strategies": _profile(game, place),
            "arm": arm_of(strategies),
            "payoffs": by_player,
            "regrets": _named(game.players, gains),
            "regret": float(gains.max()),
            "bound": float(estimated.regret_bound[place].max()),
            "equilibrium": bool(pure[place]),
            "probability": float(estimated.equilibrium_probability[place]),
            "over_draws": None if over_draws is None else float(over_draws[place]),
        }
        rows.append(row)
    return rows


def _replies(game: Game, estimated: EmpiricalGame, drawn: Floats | None) -> list[Row]:
    """Of each player the best replies to everything that the others may play."""
    rows, in_draws = [], None if drawn is None else best_reply_shares(drawn)
    for player, name in enumerate(game.players):
        names = game.strategies[player]
        best = best_replies(estimated.mean, player)
        sizes = list(best.shape)
        sizes[player] = 1
        for place in np.ndindex(*sizes):
            along: list[Any] = list(place)
            along[player] = slice(None)
            index = (*along, player)
            row = {
                "player": name,
                "others": _profile(game, place, without=player),
                "best": _where(game, player, best[tuple(along)]),
                "may_be": _where(game, player, estimated.may_be_best[index]),
                "probability": _named(names, estimated.best_reply_probability[index]),
                "over_draws": None
                if in_draws is None
                else _named(names, in_draws[index]),
            }
            rows.append(row)
    return rows


def _equilibria(game: Game, estimated: EmpiricalGame) -> Row:
    """Nash equilibria of the estimated payoffs; of three players and more the pure
    ones, which are not all."""
    equilibria = []
    for equilibrium in nash_equilibria(estimated.mean):
        place = tuple(int(shares.argmax()) for shares in equilibrium.strategies)
        probability = None
        if equilibrium.pure:
            probability = float(estimated.equilibrium_probability[place])
        mixture = zip(game.strategies, equilibrium.strategies, strict=True)
        shares = [_named(names, values) for names, values in mixture]
        row = {
            "kind": "pure" if equilibrium.pure else "mixed",
            "strategies": dict(zip(game.players, shares, strict=True)),
            "payoffs": _named(game.players, equilibrium.payoffs),
            "degenerate": equilibrium.degenerate,
            "probability": probability,
        }
        equilibria.append(row)
    return {
        "found": equilibria,
        "complete": len(game.players) <= 2,
        "degenerate": any(row["degenerate"] for row in equilibria),
    }


def _balance(
    game: Game, effects: Floats, drawn: Floats | None
) -> dict[str, dict[str, list[Row]]]:
    """Of each player every outcome under each of its strategies, the others as
    observed. effects: (R, N, Q); drawn: (D, N, Q)."""
    mean = effects.mean(axis=0)
    half_width = student_half_width(effects.std(axis=0, ddof=1), len(effects))
    sheets: dict[str, dict[str, list[Row]]] = {}
    for player, name in enumerate(game.players):
        places = zip(
            game.strategies[player], beside_observed(game, player), strict=True
        )
        sheets[name] = {strategy: [] for strategy in game.strategies[player]}
        for strategy, row in places:
            for column in own_outcomes(game, name):
                outcome, index = game.cast.outcomes[column], (row, column)
                item = {
                    "outcome": outcome.measure,
                    "of": outcome.of,
                    "mean": float(mean[index]),
                    "lo": float(mean[index] - half_width[index]),
                    "hi": float(mean[index] + half_width[index]),
                    "draws": None if drawn is None else spread(drawn[:, *index]),
                }
                sheets[name][strategy].append(item)
    return sheets


def _regrets(game: Game, over: OverParameters, values: Floats) -> dict[str, Row]:
    """Of each player the regrets of its strategies over draws, theories and what the
    others play. values: (D + T, k_1, ..., k_n, n)."""
    where = [f"draw {number + 1}" for number in range(len(over.draws))]
    where += [f"theory {name}" for name in over.theories]
    by_player = {}
    for player, regrets in enumerate(minimax_regret(values)):
        strategies = {}
        for place, name in enumerate(game.strategies[player]):
            strategies[name] = {
                "worst": float(regrets.worst[place]),
                "where": where[regrets.draw[place]],
                "others": _profile(game, regrets.profile[place], without=player),
                "mean": float(regrets.mean[place]),
                "q95": float(regrets.upper[place]),
            }
        choice = _where(game, player, regrets.choice)
        by_player[game.players[player]] = {"choice": choice, "strategies": strategies}
    return by_player


def _value_of_information(
    game: Game, draws: Draws, drawn: Floats, seed: int
) -> dict[str, Row]:
    """What it would be worth to each player to know parameters before it chooses, the
    others doing what was observed. drawn: (D, k_1, ..., k_n, n); seed: of the
    permutations."""
    flat = drawn.reshape(len(drawn), -1, len(game.players))
    by_player = {}
    for player, name in enumerate(game.players):
        utilities = flat[:, beside_observed(game, player), player]
        value = value_of_information(utilities, draws.values, seed)
        order = np.argsort(-value.evppi, kind="stable")[:MOST_PARAMETERS]
        parameters = {}
        for place in order[value.evppi[order] > value.idle]:
            worth = value.evppi[place], value.error[place]
            parameters[draws.paths[place]] = list(map(float, worth))
        by_player[name] = {
            "best": _where(game, player, value.best),
            "evpi": value.evpi,
            "evpi_error": value.evpi_error,
            "parameters": parameters,
        }
    return by_player
