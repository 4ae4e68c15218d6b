"""How often dyads find an opportunity to open talks: the one place where that rate is worked out.

lambda_ijm = ceiling_m * frailty_ij, per year. The frailty is what a calibration found of a dyad beyond the terms: one
factor for all kinds, the same in every arm and all the time (Vaupel, Manton, Stallard 1979, Demography 16: 439-454)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import World
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


__all__ = ["frailties_of", "opportunity_rate"]
