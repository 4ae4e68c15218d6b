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
import numpy.typing as npt

from balance_sim.model.core import Floats, Ints

MOST_STATES = 20
_CLOSE = 1e-12
"""Energies that differ by less than this share of the sum of all terms are equal."""


@dataclass(frozen=True)
class Minimum:
    """A configuration from which no single state can lower the energy by changing
    sides.

    energy: in size squared; camps: the states on either side, the first state's side
    first; basin: number of configurations whose descent ends here. Fields may also be
    read as `minimum["energy"]`."""

    energy: float
    camps: tuple[tuple[int, ...], tuple[int, ...]]
    basin: int

    def __getitem__(self, name: str) -> object:
        if name not in ("energy", "camps", "basin"):
            raise KeyError(name)
        return getattr(self, name)


def landscape(propensity: npt.ArrayLike, size: npt.ArrayLike) -> list[Minimum]:
    """Every local minimum, the lowest energy first; their basins add up to 2^(n - 1).

    Descent is steepest: the state whose change lowers the energy most moves, of equals
    the one with the lowest index, until none can. On level ground nobody moves, so each
    configuration of a plateau that nothing leaves downward is a minimum of its own.

    Parameters
    ----------
    propensity : array_like, (n, n)
        symmetric, the diagonal is not read; positive where two want to be together
    size : array_like, (n,)
        at least 0; n from 1 to 20

    Returns
    -------
    list of Minimum
        with `energy`, `camps` (positions of the states on either side) and `basin`

    Raises
    ------
    ValueError
        for other shapes or numbers, or more states

    Examples
    --------
    Two friends and an enemy of both:

    >>> [minimum] = landscape([[0, 1, -1], [1, 0, -1], [-1, -1, 0]], [1, 1, 1])
    >>> minimum.energy, minimum.camps, minimum.basin
    (-4.0, ((0, 1), (2,)), 4)
    """
    terms = _terms(propensity, size)
    n = len(terms)
    energy = _energies(terms)
    close = _CLOSE * max(float(np.abs(terms).sum()), 1e-300)
    end = _followed(_steepest(energy, n, close))
    places, basins = np.unique(end, return_counts=True)
    minima = [
        Minimum(float(energy[number]), _camps(int(number), n), int(count))
        for number, count in zip(places, basins, strict=True)
    ]
    return sorted(minima, key=lambda minimum: (minimum.energy, minimum.camps))


@dataclass(frozen=True)
class Camps:
    """Two camps of a landscape. sides: (n,) 1 with the first state, -1 against it;
    energy: as in `Minimum`.

    exact: no configuration has a lower energy. Else it is the lowest that a search has
    found."""

    sides: Floats
    energy: float
    exact: bool


def camps(propensity: npt.ArrayLike, size: npt.ArrayLike) -> Camps:
    """The two camps of lowest energy, for any number of states. Arguments as for
    `landscape`. Raises ValueError.

    Up to 20 states every configuration is looked at. For more it is a local search:
    steepest descent from all states on one side and from each state alone against the
    rest, n + 1 starts in all; of equals, the first found.

    Examples
    --------
    >>> found = camps([[0, 1, -1], [1, 0, -1], [-1, -1, 0]], [1, 1, 1])
    >>> found.sides.tolist(), found.energy, found.exact
    ([1.0, 1.0, -1.0], -4.0, True)
    """
    terms = _terms(propensity, size, most=None)
    n = len(terms)
    if n <= MOST_STATES:
        energies = _energies(terms)
        lowest = int(energies.argmin())
        second = _camps(lowest, n)[1]
        sides = np.where(np.isin(np.arange(n), second), -1.0, 1.0)
        return Camps(sides, float(energies[lowest]), exact=True)
    sides = searched(terms)
    return Camps(sides, float(energy_of(terms, sides)), exact=False)


def searched(terms: Floats) -> Floats:
    """The lowest configuration that the search of `camps` finds, (n, n) to (n,), 1 with
    the first state."""
    n = len(terms)
    starts = np.vstack([np.ones(n), 1.0 - 2.0 * np.eye(n)])
    ends = settled(np.broadcast_to(terms, (n + 1, n, n)), starts)
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
    """Where steepest descent from configurations ends, one for each. Ties as in
    `landscape`.

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


def _terms(
    propensity: npt.ArrayLike, size: npt.ArrayLike, most: int | None = MOST_STATES
) -> Floats:
    """(n, n) s_i s_j p_ij with a zero diagonal, checked. most: how many states there
    may be."""
    p, s = np.asarray(propensity, dtype=np.float64), np.asarray(size, dtype=np.float64)
    if p.ndim != 2 or p.shape[0] != p.shape[1] or s.shape != p.shape[:1]:
        raise ValueError(
            f"{p.shape} propensities for {s.shape} sizes. Give (n, n) and (n,)."
        )
    if not 1 <= len(s) <= (most or len(s)):
        raise ValueError(
            f"{len(s)} states: every configuration is looked at for 1 to {most}."
        )
    if not (np.isfinite(s).all() and (s >= 0).all()):
        raise ValueError("a size is negative or missing. Give 0 or more.")
    p = np.where(np.eye(len(s), dtype=bool), 0.0, p)
    if not (np.isfinite(p).all() and np.allclose(p, p.T, rtol=1e-9, atol=0.0)):
        raise ValueError(
            "propensities are missing or not symmetric. Give p[i, j] = p[j, i]."
        )
    return p * np.outer(s, s)


def _energies(terms: Floats) -> Floats:
    """(2^(n - 1),) energy of each configuration; bit k - 1 of its number is the side of
    state k."""
    energy = np.zeros(1)
    for k in range(1, len(terms)):
        over = np.zeros(1)  # sum of terms with the earlier states on the second side
        for j in range(1, k):
            over = np.concatenate([over, over + terms[k, j]])
        energy = np.concatenate(
            [energy + 2 * over, energy + 2 * (terms[k, :k].sum() - over)]
        )
    return energy


def _steepest(energy: Floats, n: int, close: float) -> Ints:
    """The configuration that each one moves to; itself if no single change lowers its
    energy."""
    numbers = np.arange(len(energy))
    to, lowest = numbers.copy(), energy - close
    for flips in [
        len(energy) - 1,
        *(1 << k for k in range(n - 1)),
    ]:  # the first state's move is all others'
        changed = numbers ^ flips
        lower = energy[changed] < lowest
        to[lower] = changed[lower]
        lowest = np.where(lower, energy[changed] - close, lowest)
    return to


def _followed(to: Ints) -> Ints:
    """Where each configuration ends: steps doubled until nothing moves."""
    while True:
        doubled = to[to]
        if np.array_equal(doubled, to):
            return to
        to = doubled


def _camps(at: int, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    second = tuple(k for k in range(1, n) if at >> (k - 1) & 1)
    return tuple(k for k in range(n) if k not in second), second
