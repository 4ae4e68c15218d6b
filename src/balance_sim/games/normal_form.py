"""Finite games in strategic form: best replies, regret, equilibria in pure strategies.

A game is an array of payoffs of shape (k_1, ..., k_n, n): one axis of strategies a
player, and the player last. Where a function says "...", axes of further games may
stand in front. Payoffs of a player count as equal (a tie) where they differ by at most
1e-9 of the range of this player's payoffs in the game.

Nash 1951, Annals of Mathematics 54: 286-295; Fudenberg, Tirole 1991, Game Theory, ch. 1
and 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from balance_sim.stats import Bools, Floats

TOLERANCE = 1e-9
"""Of ties, relative to the range of a player's payoffs."""
ROUNDING = 64 * np.finfo(float).eps
"""Of ties, relative to the largest payoff: what rounding alone can make of equal
payoffs."""
LETTERS = "abcdefgh"


def tie_width(payoffs: Floats) -> Floats:
    """How far two payoffs of a player may be apart and count as equal, (..., 1, ..., 1,
    n).

    Examples
    --------
    >>> tie_width(np.array([[0.0], [2e9]])).round(3).tolist()
    [[2.0]]
    """
    axes = tuple(range(-payoffs.shape[-1] - 1, -1))
    low = payoffs.min(axis=axes, keepdims=True)
    high = payoffs.max(axis=axes, keepdims=True)
    largest = np.maximum(np.abs(low), np.abs(high))
    return np.asarray(TOLERANCE * (high - low) + ROUNDING * largest)


def best_replies(payoffs: Floats, player: int) -> Bools:
    """In which profiles a player's strategy is a best reply to those of the others: all
    that tie for the best are.

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
    values = payoffs[..., player]
    best = values.max(axis=player - payoffs.shape[-1], keepdims=True)
    return np.asarray(values >= best - tie_width(payoffs)[..., player])


def regrets(payoffs: Floats) -> Floats:
    """What each player would gain by its best deviation from each profile, >= 0, and 0
    for a best reply.

    payoffs: (..., k_1, ..., k_n, n); the result has the same shape and units. A profile
    whose largest regret is e is an e-equilibrium.

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> regrets(dilemma)[0, 0].tolist()
    [2.0, 2.0]
    """
    players = payoffs.shape[-1]
    best = [
        payoffs[..., player].max(axis=player - players, keepdims=True)
        for player in range(players)
    ]
    gain = np.stack(np.broadcast_arrays(*best), axis=-1) - payoffs
    return np.where(gain <= tie_width(payoffs), 0.0, gain)


def best_reply_shares(payoffs: Floats) -> Floats:
    """In which share of many games each strategy is the best reply; ties share.

    payoffs: (D, k_1, ..., k_n, n); the result (k_1, ..., k_n, n)."""
    players, shares = payoffs.shape[-1], []
    for player in range(players):
        best = best_replies(payoffs, player)
        ties = best.sum(axis=player - players, keepdims=True)
        shares.append((best / ties).mean(axis=0))
    return np.stack(shares, axis=-1)


def pure_equilibria(payoffs: Floats) -> Bools:
    """Which profiles are Nash equilibria in pure strategies: all play best replies,
    (..., k_1, ..., k_n).

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> np.argwhere(pure_equilibria(dilemma)).tolist()
    [[1, 1]]
    """
    players = range(payoffs.shape[-1])
    replies = [best_replies(payoffs, player) for player in players]
    return np.asarray(np.logical_and.reduce(replies))


def expected_payoffs(payoffs: Floats, mixed: Sequence[Floats], player: int) -> Floats:
    """What each strategy of a player gives against mixed strategies of the others,
    (..., k_player).

    Parameters
    ----------
    payoffs : (..., k_1, ..., k_n, n)
    mixed : one (..., k_i) array of probabilities for each player; the player's own is
        not used
    player : whose payoff

    Examples
    --------
    >>> pennies = np.array([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]], dtype=float)
    >>> mixed = [np.array([0.5, 0.5]), np.array([0.75, 0.25])]
    >>> expected_payoffs(pennies, mixed, 0).tolist()
    [0.5, -0.5]
    """
    axes, value = LETTERS[: len(mixed)], payoffs[..., player]
    for opponent, probabilities in enumerate(mixed):
        if opponent != player:
            letter = LETTERS[opponent]
            remaining = axes.replace(letter, "")
            subscripts = f"...{axes},...{letter}->...{remaining}"
            value = np.einsum(subscripts, value, probabilities)
            axes = remaining
    return np.asarray(value)
