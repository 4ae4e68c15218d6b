"""How firm a player's choice is: which weight of its payoff would have to change, by
how much, before another strategy is better; what it would choose without one of the
things that are assumed; and in how many bootstrap samples it chooses the same.

A player's payoff is a sum of terms: weight times outcome for each row of the file, and
what the strategy costs, negative. Terms are (..., K, T) over K strategies, the others
doing what was observed. Break-even analysis of a decision: Raiffa, Schlaifer 1961,
Applied Statistical Decision Theory; Frey, Patil 2002, Risk Analysis 22(3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from balance_sim.games.acts import conduct_of
from balance_sim.games.normal_form import best_replies
from balance_sim.games.plan import Game
from balance_sim.games.solution import Row
from balance_sim.stats import Bools, Floats

COST = "cost"
"""What stands for a strategy's cost among the rows of a payoff."""
QUANTILES = {"q025": 0.025, "q50": 0.5, "q975": 0.975}
ROBUST = 0.9
"""Share of bootstrap samples in which a choice has to be the same."""


def break_even(terms: Floats, best: int) -> Floats:
    """(..., K, T) the factor on the weight of each term at which a strategy pays as
    much as the best one; inf where no factor of 0 or more does that.

    Parameters
    ----------
    terms : (..., K, T) what each term adds to the payoff of each strategy
    best : the strategy that is compared

    Examples
    --------
    Strategy 0 leads by 4 - 1 = 3. It is caught up with where the first row counts a
    quarter as much, or the second four times as much.

    >>> break_even(np.array([[4.0, -1.0], [0.0, 0.0]]), 0).tolist()
    [[inf, inf], [0.25, 4.0]]
    """
    apart = terms[..., [best], :] - terms
    lead = apart.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = 1.0 - lead / apart
    return np.where((apart != 0) & (factor >= 0), factor, np.inf)


def chosen(values: Floats) -> int:
    """The first of the strategies of the highest payoff, (K,)."""
    return int(pays_most(values).argmax())


def pays_most(values: Floats) -> Bools:
    """(..., K) whether no strategy pays more, ties as in `normal_form`; values (...,
    K)."""
    return best_replies(values[..., None], 0)


def without_it(strategies: Sequence[str], values: Floats, usual: Floats) -> Row:
    """The strategies of the highest payoff where something is left out, (K,), and
    whether these are others than usual."""
    is_best = pays_most(values)
    best = [name for name, is_one in zip(strategies, is_best, strict=True) if is_one]
    return {"best": best, "changes": not np.array_equal(is_best, pays_most(usual))}


def terms_of(game: Game, effects: Floats, player: int) -> tuple[Floats, list[Row]]:
    """(..., K, T) what each row of a player's payoff adds under each of its strategies,
    and what it pays for them, the others doing what was observed; and which rows these
    are. Rows that pay nothing are left out.

    effects: (..., N, Q) over profiles and outcomes."""
    name = game.players[player]
    plan = game.plan.players[name]
    rows, terms = [], []
    shown = effects[..., beside_observed(game, player), :]
    for part, column in zip(plan.payoff, own_outcomes(game, name), strict=True):
        if part.weight:
            rows.append({"outcome": part.outcome, "of": part.of or ""})
            terms.append(part.weight * shown[..., column])
    costs = np.array(game.costs[player])
    if costs.any():
        rows.append({"outcome": COST, "of": ""})
        terms.append(np.broadcast_to(-costs, shown.shape[:-1]))
    if not rows:
        return np.zeros((*shown.shape[:-1], 0)), []
    return np.stack(terms, axis=-1), rows


def recommendations(
    game: Game,
    effects: Floats,
    resampled: Sequence[Floats] = (),
    guesses: Mapping[str, list[Row]] | None = None,
    *,
    is_enough: bool = True,
) -> dict[str, Row]:
    """Of each player the strategy of the highest mean payoff, the others doing what was
    observed, and how firm that choice is.

    Parameters
    ----------
    game : whose payoffs
    effects : (S, N, Q) over draws or replications, or one alone: no intervals then
    resampled : (B, k_1, ..., k_n, n) payoffs in bootstrap samples, of each kind of
        sample: the choice has to be the same in all kinds
    guesses : by player what it would choose without what else is assumed
    is_enough : there are replications enough for bootstrap samples to tell how firm a
        choice is; else that is not known
    """
    by_player = {}
    for player, name in enumerate(game.players):
        strategies = game.strategies[player]
        terms, rows = terms_of(game, effects, player)
        total = terms.sum(axis=-1).mean(axis=0)
        best = chosen(total)
        samples = []
        for values in resampled:
            by_profile = values.reshape(len(values), -1, len(game.players))
            places = beside_observed(game, player)
            samples.append(pays_most(by_profile[:, places, player])[:, best])
        share_the_same = float(np.mean(np.all(samples, axis=0))) if samples else None
        is_robust = None
        if share_the_same is not None and is_enough:
            is_robust = share_the_same >= ROBUST
        left_out = []
        for term, row in enumerate(rows):
            without = total - terms[..., term].mean(axis=0)
            left_out.append(
                {"what": "payoff"} | row | without_it(strategies, without, total)
            )
        alternative = strategies.index(game.plan.observed[name])
        if alternative == best:
            alternative = int(
                np.where(np.arange(len(total)) == best, -np.inf, total).argmax()
            )
        apart = terms[:, best] - terms[:, alternative]
        by_player[name] = {
            "best": strategies[best],
            "same": share_the_same,
            "is_robust": is_robust,
            "break_even": _break_even_rows(terms, rows, strategies, best),
            "left_out": left_out + (guesses or {}).get(name, []),
            "against": strategies[alternative],
            "gain": spread(apart.sum(axis=-1)),
            "parts": [row | spread(apart[:, term]) for term, row in enumerate(rows)],
        }
    return by_player


def spread(values: Floats) -> dict[str, float | None]:
    """Mean, median and central 95 % of numbers over draws, (D,); of one number the mean
    alone."""
    quantiles: list[float | None] = [None] * len(QUANTILES)
    if len(values) > 1:
        quantiles = np.quantile(values, [*QUANTILES.values()]).tolist()
    return {
        "mean": float(values.mean()),
        **dict(zip(QUANTILES, quantiles, strict=True)),
    }


def _break_even_rows(
    terms: Floats, rows: list[Row], strategies: Sequence[str], best: int
) -> list[Row]:
    """Of each other strategy and row the factor on the row's weight at which both pay
    the same: at the mean payoffs, and the central 95 % of those in each draw. None is
    never."""
    factors = break_even(terms.mean(axis=0), best)
    low = high = np.full_like(factors, np.inf)
    if len(terms) > 1:
        by_draw = break_even(terms, best)
        low = np.quantile(by_draw, 0.025, axis=0, method="lower")
        high = np.quantile(by_draw, 0.975, axis=0, method="higher")
    points = []
    for place, strategy in enumerate(strategies):
        for term, row in enumerate(rows):
            index = place, term
            numbers = {
                "factor": factors[index],
                "q025": low[index],
                "q975": high[index],
            }
            if place != best:
                plain = {
                    key: float(value) if np.isfinite(value) else None
                    for key, value in numbers.items()
                }
                points.append({"strategy": strategy} | row | plain)
    return points


def acts_of(game: Game) -> list[str]:
    """Kinds of the acts that players may add to the control arm."""
    kinds = set()
    for name in game.players:
        conduct = conduct_of(game.plan, game.scenario, name)
        acts = [act for events in conduct.added.values() for act in events.values()]
        kinds |= {act.kind for act in acts if act.kind in game.scenario.event_kinds}
    return sorted(kinds)


def beside_observed(game: Game, player: int) -> list[int]:
    """Of each strategy of a player the place among flattened profiles of the one in
    which the others do what was observed."""
    profile, places = [game.plan.observed[name] for name in game.players], []
    for strategy in game.strategies[player]:
        profile[player] = strategy
        places.append(game.profiles.index(tuple(profile)))
    return places


def own_outcomes(game: Game, name: str) -> list[int]:
    """The places in the cast of the outcomes that pay a player."""
    outcomes = enumerate(game.cast.outcomes)
    return [column for column, outcome in outcomes if outcome.player == name]
