"""A willingness taken apart: the parts that the engine adds up, in the order in which it adds them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from balance_sim.model.prospects import Prospects
from balance_sim.model.willingness import TERMS, weight_of

Floats = npt.NDArray[np.float64]

INTERCEPT, PROPENSITY, DRAWN = "intercept", "propensity", "drawn level"
ORDER = (INTERCEPT, PROPENSITY, DRAWN, *TERMS)
"""Parts in the order of the sum: floats add up to other bits in another order."""


def account(p: Prospects) -> dict[str, Floats]:
    """Each part of u_ij, weighted, (C,) nats, in the order of the sum. Terms of weight 0 are left out."""
    weights = p.world.rules.weights
    out = {INTERCEPT: p.world.ladder.intercept[p.kind], PROPENSITY: p.world.propensity[p.ego, p.kind]}
    if p.world.drawn is not None:
        out[DRAWN] = p.world.drawn.level[p.run, p.kind]
    for name in ORDER[3:]:
        if weights[name] != 0:
            out[name] = weight_of(p, name) * TERMS[name](p)
    return out


def summed(parts: dict[str, Floats]) -> Floats:
    """u_ij from its parts, bit for bit the willingness that the engine uses."""
    total: Floats | None = None
    for name in ORDER:
        if name in parts:
            total = parts[name] if total is None else total + parts[name]
    assert total is not None, "an account has at least the intercept"
    return total
