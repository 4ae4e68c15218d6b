"""Nash equilibria: pure ones of any number of players, mixed ones of two.

Those of two players are vertices of their best-reply polytopes (von Stengel 2007,
Algorithmic Game Theory, ch. 3). This gives every isolated equilibrium, and in a
degenerate game the extreme points of the set of equilibria, of which the others are
mixtures (Mangasarian 1964, SIAM Journal 12: 778-780; Avis, Rosenberg, Savani, von
Stengel 2010, Economic Theory 42: 9-37).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import HalfspaceIntersection

from balance_sim.games.normal_form import (
    best_replies,
    expected_payoffs,
    pure_equilibria,
)
from balance_sim.stats import Bools, Floats

NO_GAIN = 1e-8
"""Largest gain by a deviation, relative to the range of the player's payoffs, of what
counts as an equilibrium."""
PLAYED = 1e-7
"""Smallest probability of a strategy that counts as played."""
INDIFFERENT = 1e-8
"""Of strategies that count as equally good against mixed strategies, relative to the
range."""


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


def nash_equilibria(payoffs: Floats) -> list[Equilibrium]:
    """Nash equilibria of payoffs (k_1, ..., k_n, n), by the sum of payoffs, each
    player's as a share of its range, the highest first. Nash 1951, Annals of
    Mathematics 54.

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
    >>> for equilibrium in nash_equilibria(battle):
    ...     print([p.round(3).tolist() for p in equilibrium.strategies])
    [[1.0, 0.0], [1.0, 0.0]]
    [[0.0, 1.0], [0.0, 1.0]]
    [[0.667, 0.333], [0.333, 0.667]]
    """
    players = payoffs.shape[-1]
    axes = tuple(range(players))
    low, high = payoffs.min(axis=axes), payoffs.max(axis=axes)
    width = np.where(high > low, high - low, 1.0)
    scaled = (payoffs - low) / width
    for player in range(players):
        if best_replies(payoffs, player).all():  # a tie by rounding is a tie
            scaled[..., player] = 0.5
    is_mixed = players == 2 and min(payoffs.shape[:2]) > 1
    find = _bimatrix if is_mixed else _pure
    equilibria = []
    for strategies, singular in find(scaled):
        gain, has_idle_reply = _deviations(scaled, strategies)
        if gain <= NO_GAIN:
            expected = [
                float(expected_payoffs(payoffs, strategies, player) @ probabilities)
                for player, probabilities in enumerate(strategies)
            ]
            pure = all((p > PLAYED).sum() == 1 for p in strategies)
            degenerate = singular or has_idle_reply
            equilibria.append(
                Equilibrium(strategies, np.array(expected), pure, degenerate)
            )
    return sorted(equilibria, key=lambda found: _rank(found, low, width))


def _deviations(scaled: Floats, strategies: tuple[Floats, ...]) -> tuple[float, bool]:
    """The largest gain by a deviation, of payoffs of range 1, and whether a player has
    a best reply that it does not play."""
    gains, has_idle_reply = [], False
    for player, probabilities in enumerate(strategies):
        utility = expected_payoffs(scaled, strategies, player)
        gains.append(float(utility.max()) - float(utility @ probabilities))
        is_best = utility >= utility.max() - INDIFFERENT
        has_idle_reply |= bool((is_best & (probabilities <= PLAYED)).any())
    return max(gains), has_idle_reply


def _rank(equilibrium: Equilibrium, low: Floats, width: Floats) -> tuple[object, ...]:
    """The key by which equilibria are ordered: payoffs, then probabilities whoever
    plays them, then their places."""
    shares = (equilibrium.payoffs - low) / width
    places = [-float(x) for p in equilibrium.strategies for x in p.round(6)]
    payoffs = [-float(x) for x in shares.round(7)]
    total = -round(float(shares.sum()), 7)
    return (total, sorted(payoffs), sorted(places), payoffs, places)


def _pure(payoffs: Floats) -> Sequence[tuple[tuple[Floats, ...], bool]]:
    """Pure equilibria as probabilities; none has singular equations."""
    sizes = payoffs.shape[:-1]
    equilibria = []
    for profile in np.argwhere(pure_equilibria(payoffs)):
        places = zip(sizes, profile, strict=True)
        strategies = tuple(np.eye(size)[place] for size, place in places)
        equilibria.append((strategies, False))
    return equilibria


def _bimatrix(payoffs: Floats) -> Sequence[tuple[tuple[Floats, ...], bool]]:
    """Extreme equilibria of two players, and whether each has supports of different
    sizes: pairs of vertices at which every strategy of both is unplayed or a best reply
    (Algorithm 3.5 of von Stengel 2007)."""
    rows, columns = np.moveaxis(payoffs + 1.0, -1, 0)  # above 0: polytopes are bounded
    equilibria = []
    of_second = _vertices(rows)
    for first, (best_columns, idle_rows) in _vertices(columns.T):
        for second, (best_rows, idle_columns) in of_second:
            if (best_rows | idle_rows).all() and (best_columns | idle_columns).all():
                played = [
                    np.where(shares > PLAYED, shares, 0.0) for shares in (first, second)
                ]
                strategies = tuple(shares / shares.sum() for shares in played)
                sizes = [np.count_nonzero(shares) for shares in played]
                equilibria.append((strategies, sizes[0] != sizes[1]))
    return equilibria


def _vertices(payoffs: Floats) -> list[tuple[Floats, tuple[Bools, Bools]]]:
    """Vertices but the origin of a best-reply polytope: of the x >= 0 of one player
    with payoffs x <= 1 for every reply of the other.

    payoffs : (replies, k) of the other, above 0

    Returns
    -------
    vertices : (k,) shares, with which replies are best and which shares are 0
    """
    replies, count = payoffs.shape
    bounds = np.block(
        [[payoffs, -np.ones((replies, 1))], [-np.eye(count), np.zeros((count, 1))]]
    )
    inside = np.full(count, 0.5 / (count * payoffs.max()))  # no reply is worth over 0.5
    corners = HalfspaceIntersection(bounds, inside).intersections
    vertices = []
    for corner in corners[corners.max(axis=1) > PLAYED]:
        shares = corner / corner.sum()
        worth = payoffs @ shares
        is_best = worth >= worth.max() - INDIFFERENT
        vertices.append((shares, (is_best, shares <= PLAYED)))
    return vertices
