"""Finite games in strategic form: best replies, regret, equilibria in pure strategies, and players who move in turn.

A game is an array of payoffs of shape (k_1, ..., k_n, n): one axis of strategies a player, and the player last. Where
a function says "...", axes of further games may stand in front. Payoffs of a player count as equal (a tie) where they
differ by at most 1e-9 of the range of this player's payoffs in the game.

Nash 1951, Annals of Mathematics 54: 286-295; Fudenberg, Tirole 1991, Game Theory, ch. 1 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import Bools, Floats, Ints

TOLERANCE = 1e-9
"""Of ties, relative to the range of a player's payoffs."""
ROUNDING = 64 * np.finfo(float).eps
"""Of ties, relative to the largest payoff: what rounding alone can make of equal payoffs."""
LETTERS = "abcdefgh"


def number_of_players(payoffs: Floats) -> int:
    """How many players a game has. Raises ValueError for what is no game.

    Examples
    --------
    >>> number_of_players(np.zeros((2, 3, 2)))
    2
    """
    players = payoffs.shape[-1] if payoffs.ndim else 0
    if not 1 <= players <= len(LETTERS) or payoffs.ndim < players + 1 or 0 in payoffs.shape[-players - 1 :]:
        raise ValueError(f"payoffs of shape {payoffs.shape}: not one axis of strategies a player and the players last")
    if not np.isfinite(payoffs).all():
        raise ValueError("payoffs that are not finite")
    return players


def tie_width(payoffs: Floats) -> Floats:
    """How far two payoffs of a player may be apart and count as equal, (..., 1, ..., 1, n).

    Examples
    --------
    >>> tie_width(np.array([[0.0], [2e9]])).round(3).tolist()
    [[2.0]]
    """
    axes = tuple(range(-number_of_players(payoffs) - 1, -1))
    low, high = payoffs.min(axis=axes, keepdims=True), payoffs.max(axis=axes, keepdims=True)
    return np.asarray(TOLERANCE * (high - low) + ROUNDING * np.maximum(np.abs(low), np.abs(high)))


def best_replies(payoffs: Floats, player: int) -> Bools:
    """In which profiles a player's strategy is a best reply to those of the others: all that tie for the best are.

    Parameters
    ----------
    payoffs : (..., k_1, ..., k_n, n)
    player : counted from 0

    Returns
    -------
    (..., k_1, ..., k_n)

    Examples
    --------
    A prisoner's dilemma (0 cooperate, 1 defect): defection is the best reply to both.

    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> best_replies(dilemma, 0).tolist()
    [[False, False], [True, True]]
    """
    own = payoffs[..., player]
    best = own.max(axis=player - number_of_players(payoffs), keepdims=True)
    return np.asarray(own >= best - tie_width(payoffs)[..., player])


def regrets(payoffs: Floats) -> Floats:
    """What each player would gain by its best deviation from each profile, >= 0, and 0 for a best reply.

    payoffs: (..., k_1, ..., k_n, n); the result has the same shape and units. A profile whose largest regret is e is an
    e-equilibrium.

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> regrets(dilemma)[0, 0].tolist()
    [2.0, 2.0]
    """
    players = number_of_players(payoffs)
    best = [payoffs[..., i].max(axis=i - players, keepdims=True) for i in range(players)]
    gain = np.stack([best[i] - payoffs[..., i] for i in range(players)], axis=-1)
    return np.where(gain <= tie_width(payoffs), 0.0, gain)


def pure_equilibria(payoffs: Floats) -> Bools:
    """Which profiles are Nash equilibria in pure strategies: all play best replies, (..., k_1, ..., k_n).

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> np.argwhere(pure_equilibria(dilemma)).tolist()
    [[1, 1]]
    """
    each = [best_replies(payoffs, player) for player in range(number_of_players(payoffs))]
    return np.asarray(np.logical_and.reduce(each))


def expected_payoffs(payoffs: Floats, mixed: Sequence[Floats], player: int, other: int | None = None) -> Floats:
    """What each strategy of a player gives against mixed strategies of the others, (..., k_player).

    Parameters
    ----------
    payoffs : (..., k_1, ..., k_n, n)
    mixed : one (..., k_i) array of probabilities for each player; the player's own is not used
    player : whose payoff
    other : if given, not averaged over: the result is (..., k_player, k_other), the first derivatives by the
        probabilities of that player

    Examples
    --------
    >>> pennies = np.array([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]], dtype=float)
    >>> expected_payoffs(pennies, [np.array([0.5, 0.5]), np.array([0.75, 0.25])], 0).tolist()
    [0.5, -0.5]
    """
    left, value = LETTERS[: len(mixed)], payoffs[..., player]
    for i, probabilities in enumerate(mixed):
        if i not in (player, other):
            rest = left.replace(LETTERS[i], "")
            value = np.einsum(f"...{left},...{LETTERS[i]}->...{rest}", value, probabilities)
            left = rest
    return np.asarray(value if other is None or other > player else np.swapaxes(value, -1, -2))


@dataclass(frozen=True)
class SequentialPlay:
    """What players do who move one after the other.

    Attributes
    ----------
    outcomes : (E, n) profiles that are played in some subgame-perfect equilibrium in pure strategies, in the order of
        the first mover's payoff, the highest first
    payoffs : (E, n) of these
    ties : in some situation more than one continuation is subgame-perfect: a mover is indifferent, and its payoffs do
        not say which way it goes
    """

    outcomes: Ints
    payoffs: Floats
    ties: bool


def sequential(payoffs: Floats, order: Sequence[int]) -> SequentialPlay:
    """Backward induction where players move one after the other, each seeing what came before.

    Ties are not broken: an action with one of its continuations is kept if some resolution of the ties after the other
    actions makes none of them better, that is if it gives the mover at least the largest, over other actions, of
    the least that a continuation there gives it. The profiles kept are exactly the outcomes of subgame-perfect
    equilibria in pure strategies (Selten 1975, International Journal of Game Theory 4: 25-55; von Stackelberg 1934,
    Marktform und Gleichgewicht; Osborne, Rubinstein 1994, A Course in Game Theory, ch. 6).

    Parameters
    ----------
    payoffs : (k_1, ..., k_n, n)
    order : the players, first mover first

    Examples
    --------
    Entry deterrence: the entrant (0: out, 1: in) moves first, and the incumbent (0: fight, 1: yield) yields.

    >>> entry = np.array([[[0, 2], [0, 2]], [[-1, 0], [1, 1]]], dtype=float)
    >>> sequential(entry, [0, 1]).outcomes.tolist()
    [[1, 1]]
    """
    players = number_of_players(payoffs)
    if payoffs.ndim != players + 1 or sorted(order) != list(range(players)):
        raise ValueError(f"order {list(order)} of {players} players in payoffs of shape {payoffs.shape}")
    turned = np.transpose(payoffs, (*order, players))
    width = tie_width(payoffs).ravel()
    kept = np.ones(turned.shape[:-1], dtype=bool)
    ties = False
    for depth in reversed(range(players)):
        mover = order[depth]
        own = turned[..., mover]
        later = tuple(range(depth + 1, players))
        least = np.where(kept, own, np.inf).min(axis=later, keepdims=True)
        kept &= own >= _best_of_the_others(least, depth) - width[mover]
        ties |= bool((kept.sum(axis=(depth, *later)) > 1).any())
    profiles = np.argwhere(kept)[:, np.argsort(order)]  # back to the players' own order
    found = payoffs[tuple(profiles.T)]
    by_payoff = np.argsort(-found[:, order[0]], kind="stable")
    return SequentialPlay(profiles[by_payoff], found[by_payoff], ties)


def _best_of_the_others(worth: Floats, axis: int) -> Floats:
    """For each action on an axis the largest of the worths of the other actions; minus infinity if there is none."""
    size = worth.shape[axis]
    rest = [np.delete(worth, action, axis=axis).max(axis=axis, initial=-np.inf) for action in range(size)]
    return np.stack(rest, axis=axis)
