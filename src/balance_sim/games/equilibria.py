"""Nash equilibria by support enumeration.

A support is the set of strategies that a player plays with positive probability. In an
equilibrium all of them give the player the same, and no other strategy gives more; so
each choice of supports is a system of equations for the probabilities (Porter,
Nudelman, Shoham 2008, Games and Economic Behavior 63: 642-662). Strategies that are
strictly dominated are taken away first, and again in what is left, which no equilibrium
plays.

*Two players.* The equations are linear. All mixed strategies are found of one player
against which as many strategies of the other are equally good as it plays; two of
these, each playing only best replies to the other, are an equilibrium. This gives every
isolated equilibrium, and in a degenerate game the extreme points of the set of
equilibria, of which the others are mixtures (Mangasarian 1964, SIAM Journal 12:
778-780; Avis, Rosenberg, Savani, von Stengel 2010, Economic Theory 42: 9-37).

*More players.* The equations are polynomials, solved by Levenberg's and Marquardt's
method with a damping by the squared error, which also converges to solutions that are
not isolated (Yamashita, Fukushima 2001, Computing Supplement 15: 239-249), from starts
that treat all players and strategies alike. That all are found is not certain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, combinations, groupby, pairwise, product
from math import prod

import numpy as np

from balance_sim.games.normal_form import (
    best_replies,
    expected_payoffs,
    number_of_players,
    pure_equilibria,
)
from balance_sim.stats import Bools, Floats, Ints

NO_GAIN = 1e-8
"""Largest gain by a deviation, relative to the range of the player's payoffs, of what
counts as an equilibrium."""
PLAYED = 1e-7
"""Smallest probability of a strategy that counts as played."""
SAME = 1e-6
"""Equilibria with no two probabilities further apart are one."""
INDIFFERENT = 1e-8
"""Of strategies that count as equally good against mixed strategies, relative to the
range."""
SUPPORTS = 10_000
"""How many choices of supports of three or more players are looked at, those of few
strategies first."""
STARTS = 64
"""How many pure profiles of a support have a start near them."""
STEPS, PATIENCE = 60, 6
BATCH = 4_000


@dataclass(frozen=True)
class Equilibrium:
    """A Nash equilibrium.

    Attributes
    ----------
    strategies : one array (k_i,) of probabilities for each player
    payoffs : (n,) expected payoffs
    pure : each player plays one strategy
    degenerate : a player has a best reply that it does not play, or the probabilities are not determined by
        indifference: other equilibria may be as near as one likes
    """

    strategies: tuple[Floats, ...]
    payoffs: Floats
    pure: bool
    degenerate: bool


@dataclass(frozen=True)
class Equilibria:
    """The equilibria that were found of a game.

    Attributes
    ----------
    found : by the sum of payoffs, each player's as a share of its range, the highest first
    degenerate : there are ties at an equilibrium; with two players `found` are then the extreme points of the set of
        equilibria, with more some of its points
    complete : that these are all is certain: with one or two players
    """

    found: tuple[Equilibrium, ...]
    degenerate: bool
    complete: bool


def nash_equilibria(payoffs: Floats) -> Equilibria:
    """Nash equilibria in pure and mixed strategies of payoffs (k_1, ..., k_n, n). Nash
    1951, Annals of Mathematics 54.

    With one or two players all, or the extreme ones where there is a continuum. With
    three or more players all pure equilibria, and mixed ones that were found from a
    fixed set of starts: some may be missed, and of games with more than 10,000 choices
    of supports only mixed ones of few strategies are sought. Each is checked: nobody
    gains more than 1e-8 of the range of its payoffs by deviating.

    Renaming players or strategies renames the result. The order follows from payoffs;
    only equilibria with the same multiset of payoffs and probabilities, such as (A, B)
    and (B, A) of a symmetric game, are ordered by place.

    Examples
    --------
    Battle of the sexes: two pure equilibria, and one in which each plays its favourite
    with probability 2/3.

    >>> battle = np.array([[[2, 1], [0, 0]], [[0, 0], [1, 2]]], dtype=float)
    >>> for one in nash_equilibria(battle).found:
    ...     print([p.round(3).tolist() for p in one.strategies], one.payoffs.round(3).tolist())
    [[1.0, 0.0], [1.0, 0.0]] [2.0, 1.0]
    [[0.0, 1.0], [0.0, 1.0]] [1.0, 2.0]
    [[0.667, 0.333], [0.333, 0.667]] [0.667, 0.667]
    """
    players = number_of_players(payoffs)
    if payoffs.ndim != players + 1:
        raise ValueError(
            f"payoffs of shape {payoffs.shape}: one game, (k_1, ..., k_n, {players})"
        )
    sizes = payoffs.shape[:-1]
    axes = tuple(range(players))
    low, high = payoffs.min(axis=axes), payoffs.max(axis=axes)
    width = np.where(high > low, high - low, 1.0)
    scaled = (payoffs - low) / width
    for player in range(players):
        if best_replies(payoffs, player).all():  # a tie by rounding is a tie
            scaled[..., player] = 0.5
    left = undominated(scaled, mixed=players > 2)
    reduced = scaled[np.ix_(*left)]
    mixed = _bimatrix(reduced) if players == 2 else _many(reduced)
    found = []
    for inside, is_singular in mixed:
        strategies = tuple(
            _spread(p, at, k) for p, at, k in zip(inside, left, sizes, strict=True)
        )
        if (
            equilibrium := _checked(payoffs, scaled, strategies, singular=is_singular)
        ) is not None:
            found.append(equilibrium)
    found.sort(key=lambda one: _rank(one, (one.payoffs - low) / width))
    return Equilibria(tuple(found), any(one.degenerate for one in found), players <= 2)


def undominated(payoffs: Floats, *, mixed: bool = True) -> tuple[Ints, ...]:
    """Strategies left when strictly dominated ones are taken away, again and again; one
    array of places a player.

    Parameters
    ----------
    payoffs : (k_1, ..., k_n, n)
    mixed : take away also what a mixed strategy dominates, by a linear program for each strategy (Conitzer, Sandholm
        2005, Proceedings of ACM EC: 88-97)

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> [left.tolist() for left in undominated(dilemma)]
    [[1], [1]]
    """
    players = number_of_players(payoffs)
    left = [np.arange(k) for k in payoffs.shape[:-1]]
    axes = tuple(range(players))
    margin = INDIFFERENT * (payoffs.max(axis=axes) - payoffs.min(axis=axes))
    while True:
        kept = []
        for player in range(players):
            own = payoffs[(*np.ix_(*left), player)]
            table = np.moveaxis(own, player, 0).reshape(len(left[player]), -1)
            beaten = (table[:, None] - table[None]).min(axis=2).max(axis=0) > margin[
                player
            ]
            if mixed and not beaten.any() and len(table) > 2:
                beaten = np.array(
                    [
                        _beaten_by_a_mixture(table, row) > margin[player]
                        for row in range(len(table))
                    ]
                )
            kept.append(left[player][~beaten])
        if all(len(new) == len(old) for new, old in zip(kept, left, strict=True)):
            return tuple(left)
        left = kept


def _beaten_by_a_mixture(table: Floats, row: int) -> float:
    """The most by which a mixture of the other rows exceeds a row in every column."""
    from scipy.optimize import linprog

    others = np.delete(table, row, axis=0)
    bounds = np.column_stack([-others.T, np.ones(table.shape[1])])
    weights = np.append(np.ones(len(others)), 0.0)[None]
    cost = np.append(np.zeros(len(others)), -1.0)
    limits = [*((0.0, None) for _ in others), (None, None)]
    done = linprog(
        cost,
        A_ub=bounds,
        b_ub=-table[row],
        A_eq=weights,
        b_eq=[1.0],
        bounds=limits,
        method="highs",
    )
    return float(-done.fun) if done.status == 0 else 0.0


def _spread(probabilities: Floats, places: Ints, size: int) -> Floats:
    """Probabilities of the strategies at these places, 0 elsewhere."""
    out = np.zeros(size)
    out[places] = probabilities
    return out


def _checked(
    payoffs: Floats, scaled: Floats, strategies: tuple[Floats, ...], *, singular: bool
) -> Equilibrium | None:
    """The equilibrium with these strategies, or None if somebody gains by deviating."""
    players = len(strategies)
    each = [expected_payoffs(scaled, strategies, player) for player in range(players)]
    best = [float(u.max()) for u in each]
    if any(
        b - float(u @ p) > NO_GAIN
        for u, b, p in zip(each, best, strategies, strict=True)
    ):
        return None
    idle = any(
        ((u >= b - INDIFFERENT) & (p <= PLAYED)).any()
        for u, b, p in zip(each, best, strategies, strict=True)
    )
    each = [expected_payoffs(payoffs, strategies, player) for player in range(players)]
    own = np.array([float(u @ p) for u, p in zip(each, strategies, strict=True)])
    pure = all((p > PLAYED).sum() == 1 for p in strategies)
    return Equilibrium(strategies, own, pure, bool(idle or singular))


def _rank(one: Equilibrium, shares: Floats) -> tuple[float | tuple[float, ...], ...]:
    """What equilibria are ordered by: payoffs, then probabilities whoever they are of,
    then their places."""
    rounded = [tuple(float(x) for x in p.round(6)) for p in one.strategies]
    return (
        -round(float(shares.sum()), 7),
        tuple(sorted(-float(x) for x in shares.round(7))),
        tuple(sorted(-x for p in rounded for x in p)),
        tuple(-float(x) for x in shares.round(7)),
        tuple(-x for p in rounded for x in p),
    )


# --- two players -------------------------------------------------------------------------------------------------


def _bimatrix(payoffs: Floats) -> list[tuple[tuple[Floats, Floats], bool]]:
    """Extreme equilibria of two players, and whether each has supports of different
    sizes."""
    first, second = payoffs[..., 0], payoffs[..., 1].T
    columns, best_rows = _vertices(first)
    rows, best_columns = _vertices(second)
    fits = ~((rows > PLAYED)[:, None] & ~best_rows[None]).any(axis=2)
    fits &= ~((columns > PLAYED)[None] & ~best_columns[:, None]).any(axis=2)
    sizes = (rows > PLAYED).sum(axis=1)[:, None] != (columns > PLAYED).sum(axis=1)[None]
    return [((rows[x], columns[y]), bool(sizes[x, y])) for x, y in np.argwhere(fits)]


def _vertices(table: Floats) -> tuple[Floats, Bools]:
    """Mixed strategies of the columns that are determined by the rows that are best
    replies to them.

    table: (m, k) payoffs of the rows' player, of range 1. Returned: probabilities (V,
    k), best replies (V, m)."""
    found: list[Floats] = []
    for size in range(1, min(table.shape) + 1):
        rows = np.array(list(combinations(range(table.shape[0]), size)))
        columns = np.array(list(combinations(range(table.shape[1]), size)))
        system = np.zeros((len(rows) * len(columns), size + 1, size + 1))
        inner = table[rows[:, None, :, None], columns[None, :, None, :]]
        system[:, :size, :size] = inner.reshape(-1, size, size)
        system[:, :size, size], system[:, size, :size] = -1.0, 1.0
        places = np.tile(columns, (len(rows), 1))
        spread = np.linalg.svd(system, compute_uv=False)
        regular = spread[:, -1] > 1e-10 * spread[:, 0]
        right = np.append(np.zeros(size), 1.0)[None, :, None]
        solved = np.linalg.solve(
            system[regular], np.repeat(right, regular.sum(), axis=0)
        )[..., 0]
        inside = (solved[:, :size] > PLAYED).all(axis=1)
        probabilities = np.zeros((inside.sum(), table.shape[1]))
        np.put_along_axis(
            probabilities, places[regular][inside], solved[inside][:, :size], axis=1
        )
        worth = probabilities @ table.T
        best = worth.max(axis=1) <= solved[inside][:, size] + INDIFFERENT
        for point in probabilities[best]:
            if not _is_known(point, found):
                found.append(point)
    distinct = np.array(found)
    worth = distinct @ table.T
    return distinct, worth >= worth.max(axis=1, keepdims=True) - INDIFFERENT


def _is_known(point: Floats, known: list[Floats]) -> bool:
    return any(np.abs(point - other).max() <= SAME for other in known)


# --- one player, three and more ----------------------------------------------------------------------------------


def _many(payoffs: Floats) -> list[tuple[tuple[Floats, ...], bool]]:
    """Equilibria of one, three or more players that were found, and whether each lies
    on a continuum."""
    sizes = payoffs.shape[:-1]
    pure = np.argwhere(pure_equilibria(payoffs))
    found = [
        (tuple(np.eye(k)[at] for k, at in zip(sizes, profile, strict=True)), False)
        for profile in pure
    ]
    if len(sizes) == 1:
        return found
    known = [np.concatenate(one) for one, _ in found]
    for supports in _supports(payoffs):
        for one, singular in _solved(payoffs, supports):
            point = np.concatenate(one)
            inside = singular and any(
                ((other > PLAYED) <= (point > PLAYED)).all() for other in known
            )
            if not inside and not _is_known(point, known):
                known.append(point)
                found.append((one, singular))
    return found


def _supports(payoffs: Floats) -> Iterator[list[Ints]]:
    """Choices of supports in which somebody mixes and no strategy is dominated against
    the others' supports.

    Yields one (S, m_i) array of strategies a player for each choice of sizes m, few
    strategies first; a choice of total size is left out with all larger ones where
    `SUPPORTS` would be passed."""
    players, counts = payoffs.shape[-1], payoffs.shape[:-1]
    every = sorted(
        product(*(range(1, k + 1) for k in counts)), key=lambda m: (sum(m), sorted(m))
    )
    looked = 0
    for total, alike in groupby(every, key=sum):
        if total == players:
            continue
        choices = [
            [
                list(combinations(range(k), size))
                for k, size in zip(counts, m, strict=True)
            ]
            for m in alike
        ]
        looked += sum(prod(map(len, each)) for each in choices)
        if looked > SUPPORTS:
            return
        for each in choices:
            supports = [
                list(choice)
                for choice in product(*each)
                if not _has_dominated(payoffs, choice)
            ]
            if supports:
                yield [
                    np.array([one[player] for one in supports])
                    for player in range(players)
                ]


def _has_dominated(payoffs: Floats, choice: tuple[tuple[int, ...], ...]) -> bool:
    """Whether a strategy of a support is strictly worse than another against all that
    the others' supports hold."""
    for player, support in enumerate(choice):
        against = [
            np.arange(payoffs.shape[i]) if i == player else np.array(one)
            for i, one in enumerate(choice)
        ]
        table = np.moveaxis(payoffs[(*np.ix_(*against), player)], player, 0).reshape(
            payoffs.shape[player], -1
        )
        if (
            (table[:, None] - table[None, list(support)]).min(axis=2) > INDIFFERENT
        ).any():
            return True
    return False


def _solved(
    payoffs: Floats, supports: list[Ints]
) -> list[tuple[tuple[Floats, ...], bool]]:
    """Solutions of the equations of indifference inside supports of the same sizes,
    from the centre first."""
    sizes = [one.shape[1] for one in supports]
    starts = _starts(sizes)
    rows = max(BATCH // len(starts[0]), 1)
    found = []
    for since in range(0, len(supports[0]), rows):
        part = [one[since : since + rows] for one in supports]
        which, start = np.divmod(
            np.arange(len(part[0]) * len(starts[0])), len(starts[0])
        )
        games = payoffs[
            tuple(_along(one[which], i, len(sizes)) for i, one in enumerate(part))
        ]
        good, singular, mixed = _levenberg(games, [one[start] for one in starts])
        for row in np.flatnonzero(good):
            spread = (
                _spread(mixed[i][row], part[i][which[row]], k)
                for i, k in enumerate(payoffs.shape[:-1])
            )
            found.append((tuple(spread), bool(singular[row])))
    return found


def _along(values: Ints, axis: int, axes: int) -> Ints:
    """(B, m) as (B, 1, ..., m, ..., 1), with m on this one of so many axes."""
    return values.reshape(
        len(values), *(values.shape[1] if i == axis else 1 for i in range(axes))
    )


def _starts(sizes: list[int]) -> list[Floats]:
    """Where the search starts, (T, m_i) each: the centre, and nearer to each pure
    profile, or to each strategy."""
    corners: list[dict[int, int]] = [
        dict(enumerate(one)) for one in product(*(range(m) for m in sizes))
    ]
    if len(corners) > STARTS:
        corners = [{player: s} for player, m in enumerate(sizes) for s in range(m)]
    out = []
    for player, size in enumerate(sizes):
        centre = np.full(size, 1.0 / size)
        lean = [
            0.3 * centre + 0.7 * np.eye(size)[one[player]] if player in one else centre
            for one in corners
        ]
        out.append(np.array([centre, *lean]))
    return out


def _levenberg(games: Floats, mixed: list[Floats]) -> tuple[Bools, Bools, list[Floats]]:
    """Solve the equations of indifference of games (B, m_1, ..., m_n, n) from starts
    (B, m_i).

    Returned: (B,) whether an inner solution was found, (B,) whether the equations do
    not determine it, and (B, m_i)."""
    sizes = [one.shape[-1] for one in mixed]
    worth = [
        expected_payoffs(games, mixed, i).mean(axis=-1, keepdims=True)
        for i in range(len(sizes))
    ]
    at = np.concatenate([*mixed, *worth], axis=-1)
    cells = sum(sizes)
    active, before = np.arange(len(at)), np.full(len(at), np.inf)
    for step in range(STEPS):
        error, slope = _indifference(games[active], at[active], sizes)
        square = (error**2).sum(axis=-1)
        if (
            step % PATIENCE == 0
        ):  # those that settled, and those that get no nearer, are left
            going = (square > 1e-28) & (square < 0.25 * before[active])
            before[active] = square
            active, error, slope, square = (
                active[going],
                error[going],
                slope[going],
                square[going],
            )
        turned = np.swapaxes(slope, -1, -2)
        damped = turned @ slope + (square + 1e-15)[:, None, None] * np.eye(at.shape[-1])
        move = np.linalg.solve(damped, turned @ error[..., None])[..., 0]
        longest = np.abs(move[:, :cells]).max(axis=-1, keepdims=True, initial=1e-300)
        at[active] -= move * np.minimum(1.0, 0.5 / longest)
    error, slope = _indifference(games, at, sizes)
    good = (np.abs(error).max(axis=-1) < 1e-9) & (at[:, :cells] > PLAYED).all(axis=-1)
    spread = np.linalg.svd(slope, compute_uv=False)
    parts = np.split(at[:, :cells], np.cumsum(sizes)[:-1], axis=-1)
    return (
        good,
        spread[:, -1] < 1e-6 * spread[:, 0],
        [part / part.sum(axis=-1, keepdims=True) for part in parts],
    )


def _indifference(games: Floats, at: Floats, sizes: list[int]) -> tuple[Floats, Floats]:
    """Errors of the equations, and derivatives, at the probabilities of all strategies
    and what each player gets."""
    players, cells = len(sizes), sum(sizes)
    here = [slice(a, b) for a, b in pairwise(accumulate(sizes, initial=0))]
    mixed = [at[:, part] for part in here]
    error, slope = np.empty_like(at), np.zeros((*at.shape, at.shape[1]))
    for i in range(players):
        error[:, here[i]] = expected_payoffs(games, mixed, i) - at[:, cells + i, None]
        error[:, cells + i] = mixed[i].sum(axis=-1) - 1.0
        slope[:, here[i], cells + i], slope[:, cells + i, here[i]] = -1.0, 1.0
        for j in range(players):
            if j != i:
                slope[:, here[i], here[j]] = expected_payoffs(games, mixed, i, j)
    return error, slope
