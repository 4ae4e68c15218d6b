"""Whom one does not sign with: at war, without diplomatic relations, not recognised, under sanctions.

Each class has a factor on the rate at which a dyad opens talks, while a spell of it is in force; of several at once the
least holds, for they are reasons for the same thing. The rate is thinned (Lewis, Shedler 1979, Naval Research Logistics
Quarterly 26(3)): an opportunity is passed where a keyed uniform of its own, the same in every arm, is not below the
factor. All estimators read the factor here. docs/decisions/0019-whom-one-does-not-sign-with.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import Openness, World
from balance_sim.scenario.schema import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FACTORS = {
    "war": "factor_war",
    "no_diplomatic_relations": "factor_no_relations",
    "not_recognised": "factor_not_recognised",
    "sanctions": "factor_sanctions",
}
"""Parameter that holds the factor of each kind of spell."""


def openness_of(scenario: Scenario, pair_index: Ints) -> Openness:
    """The scenario's spells as a step function of the day. pair_index: (n, n) in the order of `scenario.codes`.

    A spell holds from 00:00 of `from` to 00:00 of `until`: on its last day, the day it ended, no more."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    pairs = int(pair_index.max(initial=-1)) + 1
    spells = [
        (
            pair_index[roster[row.a], roster[row.b]],
            -np.inf if row.since is None else float((row.since - scenario.start).days),
            np.inf if row.until is None else float((row.until - scenario.start).days),
            float(getattr(scenario.parameters, FACTORS[row.kind])),
        )
        for row in scenario.no_relations
    ]
    horizon = float((scenario.end - scenario.start).days)
    edges = {day for spell in spells for day in spell[1:3] if 0.0 < day < horizon}
    days = np.array([-np.inf, *sorted(edges)])
    factor = np.ones((len(days), pairs))
    for pair, since, until, of_class in spells:
        held = (since <= np.maximum(days, 0.0)) & (np.maximum(days, 0.0) < until)
        factor[held, pair] = np.minimum(factor[held, pair], of_class)
    return Openness(days, factor)


def openness_on(world: World, pair: Ints, day: Floats) -> Floats:
    """(C,) factor of dyads on days."""
    known = world.openness
    if len(known.days) == 1:
        return np.asarray(known.factor[0].take(pair))
    return np.asarray(known.factor[np.searchsorted(known.days, day, side="right") - 1, pair])


def openness_at(world: World, day: float) -> Floats:
    """(P,) factor of every dyad on a day."""
    known = world.openness
    return np.asarray(known.factor[int(np.searchsorted(known.days, day, side="right")) - 1])


def mean_openness(world: World, edges: Floats) -> Floats:
    """(K, P) mean factor of every dyad from each of the days `edges`, (K + 1,), to the next."""
    known = world.openness
    starts, stops = known.days, np.append(known.days[1:], np.inf)
    length = np.maximum(np.minimum(stops, edges[1:, None]) - np.maximum(starts, edges[:-1, None]), 0.0)
    return np.asarray(length @ known.factor / np.diff(edges)[:, None])
