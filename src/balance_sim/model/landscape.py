"""Two camps: the landscape of Axelrod and Bennett.

Axelrod, Bennett 1993, "A Landscape Theory of Aggregation", British Journal of Political
Science 23(2): 211-233. A configuration puts each of n states on one of two sides. A
state's frustration is F_i = sum_j s_j p_ij d_ij, with size s, propensity p (positive:
the two want to be together) and d_ij 0 on one side, 1 across; the energy is E = sum_i
s_i F_i. The sums run over ordered pairs of distinct states, as published: each pair
counts twice. With symmetric propensities a state that lowers its own frustration by
changing sides lowers E.

The names of the sides do not matter, so n states have 2^(n - 1) configurations: the
first state is held on the first side. Every one is looked at; hence the limit of 20
states. Beyond it `camps` is a search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balance_sim.model.core import Floats

MOST_STATES = 20
_CLOSE = 1e-12
"""Energies that differ by less than this share of the sum of all terms are equal."""


@dataclass(frozen=True)
class Camps:
    """Two camps of a landscape.

    Attributes
    ----------
    sides : (n,)
        1 with the first state, -1 against it
    energy : float
        in size squared
    exact : bool
        no configuration has a lower energy; else it is the lowest that a search found
    """

    sides: Floats
    energy: float
    exact: bool


def camps(propensity: Floats, size: Floats) -> Camps:
    """Return the two camps of lowest energy.

    Up to 20 states every configuration is looked at. For more it is a local search:
    steepest descent from all states on one side, from each state alone against the
    rest, and from each with its closest friend, 2 n + 1 starts in all; of equals, the
    first found.

    Parameters
    ----------
    propensity : (n, n)
        symmetric, the diagonal is not read; positive where two want to be together
    size : (n,)
        at least 0

    Examples
    --------
    Two friends and an enemy of both:

    >>> camps_ = camps(np.array([[0, 1, -1], [1, 0, -1], [-1, -1, 0]]), np.ones(3))
    >>> camps_.sides.tolist(), camps_.energy, camps_.exact
    ([1.0, 1.0, -1.0], -4.0, True)
    """
    terms = propensity * np.outer(size, size)
    np.fill_diagonal(terms, 0.0)
    if len(terms) > MOST_STATES:
        sides = searched(terms)
        return Camps(sides, float(energy_of(terms, sides)), exact=False)
    energies = energy_of_each(terms)
    lowest = int(energies.argmin())
    is_second = [False, *(lowest >> k & 1 for k in range(len(terms) - 1))]
    return Camps(np.where(is_second, -1.0, 1.0), float(energies[lowest]), exact=True)


def searched(terms: Floats) -> Floats:
    """The lowest configuration that the search of `camps` finds, (n, n) to (n,), 1 with
    the first state."""
    n = len(terms)
    alone, friend = np.eye(n), np.eye(n)[terms.argmax(axis=1)]
    pair = np.maximum(alone, friend)
    starts = np.vstack([np.ones(n), 1.0 - 2.0 * alone, 1.0 - 2.0 * pair])
    ends = settled(np.broadcast_to(terms, (len(starts), n, n)), starts)
    best = ends[energy_of(terms, ends).argmin()]
    return np.asarray(best * best[0])


def weight_of_dyads(size: Floats) -> float:
    """Sum of s_i s_j over ordered pairs of distinct states: what an energy is a share
    of. Above 0."""
    return max(float(size.sum() ** 2 - (size**2).sum()), 1e-300)


def energy_of(terms: Floats, sides: Floats) -> Floats:
    """Energy of configurations. terms: (..., n, n) s_i s_j p_ij, the diagonal zero;
    sides: (..., n), 1 and -1.

    Returns (...,): sum over ordered pairs of terms whose two states stand on different
    sides."""
    agreeing = np.einsum("...ij,...i,...j->...", terms, sides, sides)
    return np.asarray((terms.sum(axis=(-2, -1)) - agreeing) / 2)


def settled(terms: Floats, sides: Floats) -> Floats:
    """Where steepest descent from configurations ends, one for each. Of equals
    the state with the lowest index moves.

    terms: (R, n, n) s_i s_j p_ij, symmetric, the diagonal zero; sides: (R, n), 1 and
    -1. Returns (R, n)."""
    sides, moving = sides.copy(), np.arange(len(sides))
    close = _CLOSE * np.maximum(np.abs(terms).sum(axis=(-2, -1)), 1e-300)
    pull = np.einsum("rij,rj->ri", terms, sides)
    while len(moving):
        # change of the energy if a state changes sides
        change = 2.0 * sides[moving] * pull[moving]
        lowest = change.min(axis=1)
        state = (change <= (lowest + close[moving])[:, None]).argmax(axis=1)
        lowers = lowest < -close[moving]
        moving, state = moving[lowers], state[lowers]
        sides[moving, state] *= -1.0
        moved = terms[moving, state] * sides[moving, state][:, None]
        pull[moving] += 2.0 * moved
    return sides


def energy_of_each(terms: Floats) -> Floats:
    """(2^(n - 1),) energy of each configuration; bit k - 1 of its number is the side of
    state k. terms: (n, n) s_i s_j p_ij, the diagonal zero."""
    energy = np.zeros(1)
    for k in range(1, len(terms)):
        over = np.zeros(1)  # sum of terms with the earlier states on the second side
        for j in range(1, k):
            over = np.concatenate([over, over + terms[k, j]])
        energy = np.concatenate(
            [energy + 2 * over, energy + 2 * (terms[k, :k].sum() - over)]
        )
    return energy
