"""What the article adds to a summary: its mechanisms, and the two camps before the
event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.article.mechanisms import measured
from balance_sim.model.landscape import weight_of_dyads

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.study.result import Result


def additions(result: AnalysedResult) -> dict[str, Any]:
    """The keys `mechanisms` and `camps` of a summary: see docs/mechanisms.md."""
    return {"mechanisms": measured(result), "camps": camps(result)}


def camps(result: Result) -> dict[str, Any]:
    """The two camps just before the event: codes, energy per unit of weight, and
    whether none has less."""
    world, before_event = result.worlds.reference, result.worlds.camps
    camps = []
    for camp in (1, -1):
        places = np.flatnonzero(before_event.sides == camp)
        camps.append([world.codes[i] for i in places])
    energy = before_event.energy / weight_of_dyads(world.capability)
    return {"camps": camps, "energy": energy, "exact": before_event.exact}
