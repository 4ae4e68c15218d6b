"""How often dyads find an opportunity to open talks: the one place where that rate is worked out.

lambda_ijm = ceiling_m * frailty_ij, per year. The frailty is what a calibration found of a dyad beyond the terms: one
factor for all kinds, the same in every arm and all the time (Vaupel, Manton, Stallard 1979, Demography 16: 439-454)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import DAYS_PER_YEAR, Baseline, Ladder, World
from balance_sim.model.no_relations import openness_at
from balance_sim.model.willingness import consent
from balance_sim.scenario.schema import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def frailties_of(scenario: Scenario, codes: tuple[str, ...], pair_index: Ints) -> Floats:
    """(P,) factor on the rate of each dyad, 1 where the scenario names none. pair_index: (n, n)."""
    place = {code: k for k, code in enumerate(codes)}
    out = np.ones(len(codes) * (len(codes) - 1) // 2)
    for row in scenario.frailties:
        out[pair_index[place[row.a], place[row.b]]] = row.factor
    return out


def opportunity_rate(world: World) -> Floats:
    """(P, M) opportunities a year of each dyad and kind."""
    return np.asarray(world.frailty[:, None] * world.ladder.ceiling)


def share_signed(ladder: Ladder, collapse_rate: float) -> Floats:
    """(M,) share of talks that are signed and do not collapse first: (1 + f m / k)^-k, gamma lag of mean m."""
    fails = collapse_rate / DAYS_PER_YEAR
    return np.asarray((1.0 + fails * ladder.talks_days / ladder.talks_shape) ** -ladder.talks_shape)


def expected_a_year(world: World, baseline: Baseline, shift: float = 0.0) -> float:
    """Agreements a year that dyads with nothing under way would sign at the start's willingness.

    shift: nats added to every state's willingness. baseline: with `keen` (P, 2, M)."""
    keen = baseline.keen
    u = np.log(keen) - np.log1p(-np.minimum(keen, 1.0 - 1e-16))
    both = (keen if shift == 0 else consent(u + shift)).prod(axis=1)
    often = opportunity_rate(world) * openness_at(world, 0.0)[:, None]
    return float((often * both * share_signed(world.ladder, world.rules.collapse_rate)).sum())


def shift_to_rate(world: World, baseline: Baseline, wanted: float) -> float:
    """Nats to add to every intercept so that `expected_a_year` is what is wanted. By bisection.

    Raises ValueError for more than all dyads would sign if they never refused."""
    low, high = -60.0, 60.0
    if wanted >= expected_a_year(world, baseline, high):
        raise ValueError(
            f"{wanted:g} agreements a year are more than all opportunities give. Give fewer, or raise "
            "the ceilings of the kinds."
        )
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if expected_a_year(world, baseline, middle) >= wanted else (middle, high)
    return (low + high) / 2


__all__ = ["expected_a_year", "frailties_of", "opportunity_rate", "share_signed", "shift_to_rate"]
