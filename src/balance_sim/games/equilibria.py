"""Nash equilibria: pure ones of any number of players, mixed ones of two.

A support is the set of strategies that a player plays with positive probability. In an
equilibrium all of them give the player the same, and no other strategy gives more; so
with two players each choice of supports is a system of linear equations for the
probabilities (Porter, Nudelman, Shoham 2008, Games and Economic Behavior 63: 642-662).
Strategies that are strictly dominated are taken away first, and again among the
remaining ones, as no equilibrium plays them.

All mixed strategies are found of one player against which as many strategies of the
other are equally good as it plays; two of these, each playing only best replies to the
other, are an equilibrium. This gives every isolated equilibrium, and in a degenerate
game the extreme points of the set of equilibria, of which the others are mixtures
(Mangasarian 1964, SIAM Journal 12: 778-780; Avis, Rosenberg, Savani, von Stengel 2010,
Economic Theory 42: 9-37).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

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
"""Mixed strategies with no two probabilities further apart are one."""
INDIFFERENT = 1e-8
"""Of strategies that count as equally good against mixed strategies, relative to the
range."""
SINGULAR = 1e-10
"""Smallest share of the largest singular value in equations that have a solution."""


@dataclass(frozen=True)
class Equilibrium:
    """A Nash equilibrium.

    Attributes
    ----------
    strategies : one array (k_i,) of probabilities for each player
    payoffs : (n,) expected payoffs
    pure : each player plays one strategy
    degenerate : a player has a best reply that it does not play, or the probabilities
        are not determined by indifference: other equilibria may be as near as one likes
    """

    strategies: tuple[Floats, ...]
    payoffs: Floats
    pure: bool
    degenerate: bool


@dataclass(frozen=True)
class Equilibria:
    """The equilibria of a game.

    Attributes
    ----------
    found : by the sum of payoffs, each player's as a share of its range, the highest
        first
    degenerate : there are ties at an equilibrium; with two players `found` are then the
        extreme points of the set of equilibria
    complete : these are all, mixed ones among them: with one or two players
    """

    found: tuple[Equilibrium, ...]
    degenerate: bool
    complete: bool


def nash_equilibria(payoffs: Floats) -> Equilibria:
    """Nash equilibria of payoffs (k_1, ..., k_n, n). Nash 1951, Annals of Mathematics
    54.

    With one or two players all of them, or the extreme ones where there is a continuum;
    with three or more the pure ones. Each is checked: nobody gains more than 1e-8 of
    the range of its payoffs by deviating.

    Renaming players or strategies renames the result. The order follows from payoffs;
    only equilibria with the same multiset of payoffs and probabilities, such as (A, B)
    and (B, A) of a symmetric game, are ordered by place.

    Examples
    --------
    Battle of the sexes: two pure equilibria, and one in which each plays its favourite
    with probability 2/3.

    >>> battle = np.array([[[2, 1], [0, 0]], [[0, 0], [1, 2]]], dtype=float)
    >>> for equilibrium in nash_equilibria(battle).found:
    ...     print([p.round(3).tolist() for p in equilibrium.strategies])
    [[1.0, 0.0], [1.0, 0.0]]
    [[0.0, 1.0], [0.0, 1.0]]
    [[0.667, 0.333], [0.333, 0.667]]
    """
    players = number_of_players(payoffs)
    if payoffs.ndim != players + 1:
        shape = f"(k_1, ..., k_n, {players})"
        raise ValueError(f"payoffs of shape {payoffs.shape}: one game, {shape}")
    axes = tuple(range(players))
    low, high = payoffs.min(axis=axes), payoffs.max(axis=axes)
    width = np.where(high > low, high - low, 1.0)
    scaled = (payoffs - low) / width
    for player in range(players):
        if best_replies(payoffs, player).all():  # a tie by rounding is a tie
            scaled[..., player] = 0.5
    candidates = _bimatrix(scaled) if players == 2 else _pure(scaled)
    equilibria = []
    for strategies, singular in candidates:
        if _nobody_gains(scaled, strategies):
            degenerate = singular or _has_idle_reply(scaled, strategies)
            equilibria.append(_equilibrium(payoffs, strategies, degenerate=degenerate))
    equilibria.sort(key=lambda found: _rank(found, (found.payoffs - low) / width))
    degenerate = any(equilibrium.degenerate for equilibrium in equilibria)
    return Equilibria(tuple(equilibria), degenerate, players <= 2)


def undominated(payoffs: Floats) -> tuple[Ints, ...]:
    """Strategies that remain when strictly dominated ones are taken away, again and
    again; one array of places a player.

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> [places.tolist() for places in undominated(dilemma)]
    [[1], [1]]
    """
    players = number_of_players(payoffs)
    axes = tuple(range(players))
    margin = INDIFFERENT * (payoffs.max(axis=axes) - payoffs.min(axis=axes))
    remaining = [np.arange(size) for size in payoffs.shape[:-1]]
    while True:
        smaller = []
        for player in range(players):
            own_payoffs = payoffs[(*np.ix_(*remaining), player)]
            size = len(remaining[player])
            table = np.moveaxis(own_payoffs, player, 0).reshape(size, -1)
            worst_gain = (table[:, None] - table[None]).min(axis=2)
            dominated = worst_gain.max(axis=0) > margin[player]
            smaller.append(remaining[player][~dominated])
        if sum(map(len, smaller)) == sum(map(len, remaining)):
            return tuple(remaining)
        remaining = smaller


def _nobody_gains(scaled: Floats, strategies: tuple[Floats, ...]) -> bool:
    """Whether these strategies are an equilibrium of payoffs of range 1."""
    for player, probabilities in enumerate(strategies):
        utility = expected_payoffs(scaled, strategies, player)
        if float(utility.max()) - float(utility @ probabilities) > NO_GAIN:
            return False
    return True


def _has_idle_reply(scaled: Floats, strategies: tuple[Floats, ...]) -> bool:
    """Whether a player has a best reply that it does not play."""
    for player, probabilities in enumerate(strategies):
        utility = expected_payoffs(scaled, strategies, player)
        is_best = utility >= utility.max() - INDIFFERENT
        if (is_best & (probabilities <= PLAYED)).any():
            return True
    return False


def _equilibrium(
    payoffs: Floats, strategies: tuple[Floats, ...], *, degenerate: bool
) -> Equilibrium:
    expected = []
    for player, probabilities in enumerate(strategies):
        utility = expected_payoffs(payoffs, strategies, player)
        expected.append(float(utility @ probabilities))
    pure = all((p > PLAYED).sum() == 1 for p in strategies)
    return Equilibrium(strategies, np.array(expected), pure, degenerate)


def _rank(
    equilibrium: Equilibrium, shares: Floats
) -> tuple[float | tuple[float, ...], ...]:
    """The key by which equilibria are ordered: payoffs, then probabilities whoever
    plays them, then their places."""
    places = [-float(x) for p in equilibrium.strategies for x in p.round(6)]
    payoffs = [-float(x) for x in shares.round(7)]
    total = -round(float(shares.sum()), 7)
    return (
        total,
        tuple(sorted(payoffs)),
        tuple(sorted(places)),
        tuple(payoffs),
        tuple(places),
    )


def _pure(payoffs: Floats) -> list[tuple[tuple[Floats, ...], bool]]:
    """Pure equilibria as probabilities; none has singular equations."""
    sizes = payoffs.shape[:-1]
    equilibria = []
    for profile in np.argwhere(pure_equilibria(payoffs)):
        strategies = [
            np.eye(size)[place] for size, place in zip(sizes, profile, strict=True)
        ]
        equilibria.append((tuple(strategies), False))
    return equilibria


def _bimatrix(payoffs: Floats) -> list[tuple[tuple[Floats, ...], bool]]:
    """Extreme equilibria of two players, and whether each has supports of different
    sizes."""
    remaining = undominated(payoffs)
    reduced = payoffs[np.ix_(*remaining)]
    columns, best_rows = _vertices(reduced[..., 0])
    rows, best_columns = _vertices(reduced[..., 1].T)
    row_played, column_played = rows > PLAYED, columns > PLAYED
    row_errs = (row_played[:, None] & ~best_rows[None]).any(axis=2)
    column_errs = (column_played[None] & ~best_columns[:, None]).any(axis=2)
    equilibria = []
    for x, y in np.argwhere(~row_errs & ~column_errs):
        inside = (rows[x], columns[y])
        strategies = []
        for axis, (places, probabilities) in enumerate(
            zip(remaining, inside, strict=True)
        ):
            spread = np.zeros(payoffs.shape[axis])
            spread[places] = probabilities
            strategies.append(spread)
        singular = row_played[x].sum() != column_played[y].sum()
        equilibria.append((tuple(strategies), bool(singular)))
    return equilibria


def _vertices(table: Floats) -> tuple[Floats, Bools]:
    """Mixed strategies of the columns that are determined by the rows that are best
    replies to them.

    table: (m, k) payoffs of the rows' player, of range 1. Returned: probabilities (V,
    k), best replies (V, m)."""
    vertices: list[Floats] = []
    for size in range(1, min(table.shape) + 1):
        for point in _vertices_of_size(table, size):
            gaps = [np.abs(point - vertex).max() for vertex in vertices]
            if min(gaps, default=np.inf) > SAME:
                vertices.append(point)
    probabilities = np.array(vertices)
    worth = probabilities @ table.T
    return probabilities, worth >= worth.max(axis=1, keepdims=True) - INDIFFERENT


def _vertices_of_size(table: Floats, size: int) -> Floats:
    """(V, k) mixed strategies of so many columns to which as many rows are equally
    good, and no other row is better."""
    rows = np.array(list(combinations(range(table.shape[0]), size)))
    columns = np.array(list(combinations(range(table.shape[1]), size)))
    system = np.zeros((len(rows) * len(columns), size + 1, size + 1))
    inner = table[rows[:, None, :, None], columns[None, :, None, :]]
    system[:, :size, :size] = inner.reshape(-1, size, size)
    system[:, :size, size], system[:, size, :size] = -1.0, 1.0
    singular_values = np.linalg.svd(system, compute_uv=False)
    regular = singular_values[:, -1] > SINGULAR * singular_values[:, 0]
    right = np.append(np.zeros(size), 1.0)[None, :, None]
    right = np.repeat(right, regular.sum(), axis=0)
    solution = np.linalg.solve(system[regular], right)[..., 0]
    inside = (solution[:, :size] > PLAYED).all(axis=1)
    solution = solution[inside]
    places = np.tile(columns, (len(rows), 1))[regular][inside]
    probabilities = np.zeros((len(solution), table.shape[1]))
    np.put_along_axis(probabilities, places, solution[:, :size], axis=1)
    worth = probabilities @ table.T
    best = worth.max(axis=1) <= solution[:, size] + INDIFFERENT
    return np.asarray(probabilities[best])
