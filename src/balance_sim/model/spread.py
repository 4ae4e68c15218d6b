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

import numpy as np

from balance_sim.model.core import Bools, Floats, Ints, Likeness
from balance_sim.scenario.schema import Parameters

NEAR_KM = 500.0
PACT_DEPTH = 0.5
"""Depth of the agreements in force from which two states count as allied."""


def learned(likeness: Likeness, actors: Ints, targets: Ints, involved: Bools) -> Floats:
    """Return the (n, K) share that each state learns of K actors from their act against
    targets; 0 for those that are involved in it."""
    share = likeness.with_target[:, targets].max(axis=1)[:, None]
    share = np.minimum(share + likeness.with_actor[:, actors], 1.0)
    return np.where(involved[:, None], 0.0, share)


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
