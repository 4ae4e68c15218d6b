"""Fear that spreads: who learns of a state's intent from what it does to another.

An act of force of k against j is evidence of k's intent for a third state i too, at the
share

    phi_ij,k = max over targets j of (phi_near / (1 + d_ij / 500 km)
               + phi_ally [pact ij]) + phi_quarrel [i has a quarrel with k]

of what it is for j. Uses of force among directed dyads 1946 to 2003 (GML MID) come more
often to states that are near to earlier victims of the same attacker, allied with them,
or in a quarrel with the attacker. Words that reassure do not spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from balance_sim.model.core import Bools, Floats, Ints, Likeness
from balance_sim.scenario.schema import Parameters

NEAR_KM = 500.0
PACT_DEPTH = 0.5
"""Depth of the agreements in force from which two states count as allied."""


@dataclass(frozen=True)
class Acts:
    """Acts of force, A of them, one after the other, and their C actors."""

    targets: Ints  # (T,) those of each act after those of the act before
    begins: Ints  # (A,) where the targets of each begin
    act: Ints  # (C,) which of the acts each actor commits
    actor: Ints  # (C,)
    outside: Bools  # (C, n) states that have no part in the act


type Roles = tuple[list[int], list[int], list[int]]
"""Positions of an event's principals, guests and targets."""


def acts_among(roles: Sequence[Roles], n: int) -> Acts:
    """Return acts among n states. roles: (A,), each with a target."""
    actors, targets = [act[0] for act in roles], [act[2] for act in roles]
    outside = np.ones((len(roles), n), dtype=bool)
    for row, act in zip(outside, roles, strict=True):
        row[[state for role in act for state in role]] = False
    number = np.repeat(np.arange(len(roles)), [len(states) for states in actors])
    begins = np.cumsum([0, *(len(states) for states in targets)])[:-1]
    return Acts(_joined(targets), begins, number, _joined(actors), outside[number])


def _joined(positions: Sequence[list[int]]) -> Ints:
    return np.array([*chain.from_iterable(positions)], dtype=np.int64)


def learned(likeness: Likeness, acts: Acts) -> Floats:
    """Return the (C, n) share that each state learns of each actor from what it does to
    the targets of its act; 0 for those that are involved in it."""
    by_target = likeness.with_target.T[acts.targets]
    share = np.maximum.reduceat(by_target, acts.begins, axis=0)[acts.act]
    share = np.minimum(share + likeness.with_actor.T[acts.actor], 1.0)
    return np.where(acts.outside, share, 0.0)


def likeness(
    parameters: Parameters, distance_km: Floats, depth: Floats, quarrel: Floats
) -> Likeness:
    """Return how much states learn from what is done to others.

    Parameters
    ----------
    parameters : Parameters
        with `spread_near`, `spread_ally` and `spread_quarrel`
    distance_km, depth : (n, n)
        between two states; depth of their agreements in force at the start
    quarrel : (n, n)
        nats of their disputes

    Examples
    --------
    >>> from types import SimpleNamespace as Numbers
    >>> phi = Numbers(spread_near=0.3, spread_ally=0.2, spread_quarrel=0.1)
    >>> km = np.array([[0.0, 500.0], [500.0, 0.0]])
    >>> like = likeness(phi, km, np.ones((2, 2)), np.zeros((2, 2)))
    >>> float(like.with_target[0, 1].round(3))
    0.35
    """
    near = parameters.spread_near / (1.0 + distance_km / NEAR_KM)
    allied = parameters.spread_ally * (depth >= PACT_DEPTH)
    with_actor = parameters.spread_quarrel * (quarrel > 0)
    return Likeness(np.asarray(near + allied), np.asarray(with_actor))
