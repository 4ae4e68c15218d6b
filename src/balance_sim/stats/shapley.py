"""Shapley values, exactly, from the value of every coalition.

Shapley 1953, A value for n-person games, in: Contributions to the Theory of Games II, pp. 307-317. The one division of
a total that is efficient, symmetric, additive, and gives a player that changes nothing nothing."""

from __future__ import annotations

from math import comb

import numpy as np

from . import Floats


def shapley(worth: Floats) -> Floats:
    """Shapley values of k players, (..., 2^k) to (..., k). They sum to worth[..., -1] - worth[..., 0].

    worth[..., m]: of the coalition of the players whose bits are set in m. ValueError where they are no power of two.

    Examples
    --------
    Two players who are worth 1 and 2 alone and 5 together share the 2 that only both bring.

    >>> shapley(np.array([0.0, 1.0, 2.0, 5.0])).tolist()
    [2.0, 3.0]
    """
    players = worth.shape[-1].bit_length() - 1
    if worth.shape[-1] != 1 << players:
        raise ValueError(f"{worth.shape[-1]} coalitions: not a power of two")
    coalitions = np.arange(1 << players)
    size = np.bitwise_count(coalitions).astype(int)
    out = np.empty((*worth.shape[:-1], players))
    for player in range(players):
        without = coalitions[coalitions & (1 << player) == 0]
        weight = np.array([1.0 / (players * comb(players - 1, s)) for s in size[without]])
        out[..., player] = (worth[..., without | (1 << player)] - worth[..., without]) @ weight
    return out


def alone_and_last(worth: Floats) -> tuple[Floats, Floats]:
    """What each player adds to nobody, and to all others, (..., 2^k) to two of (..., k).

    Where the two differ, players act together, and a single number for one of them hides that.

    Examples
    --------
    >>> [part.tolist() for part in alone_and_last(np.array([0.0, 1.0, 2.0, 5.0]))]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    players = worth.shape[-1].bit_length() - 1
    bits = 1 << np.arange(players)
    everybody = (1 << players) - 1
    alone = worth[..., bits] - worth[..., :1]
    last = worth[..., -1:] - worth[..., everybody & ~bits]
    return alone, last
