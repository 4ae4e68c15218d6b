"""Years that a source does not reach: what it says last stands for them, and a note says so.

A forecast may run past the end of a file. To treat that as missing would let quarrels and alliances vanish on
that day; what is known last is what a forecaster would have gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from balance_sim.evidence.data.history import Floats, History

LAYERS = (
    "capability",
    "ideal",
    "democracy",
    "rivalry",
    "claim",
    "claim_salience",
    "militarised",
    "war",
    "alliance_depth",
    "alliance_calm",
)
"""Distance and contiguity are carried where they are laid out."""
NOT_CARRIED = ("DCAD", "accords", "capitals")


def carried_forward(history: History) -> History:
    """The history with every layer that ends before its last year carried on, and a note on each source.

    Years before the first on record, and layers without any source, stay missing. What is known of the state
    system and of accords is not touched."""
    filled: dict[str, Any] = {}
    for layer in LAYERS:
        value: Floats = getattr(history, layer)
        last = _last_known(value, history)
        if 0 <= last < len(history.years) - 1:
            filled[layer] = np.concatenate(
                [value[: last + 1], np.repeat(value[last][None], len(value) - last - 1, 0)]
            )
    end = int(history.years[-1])
    notes = [
        f"{report.source} ends in {report.last_year} ({Path(report.path).name}): "
        f"what it says last stands for the years to {end}"
        for report in history.reports
        if report.source not in NOT_CARRIED and report.last_year is not None and report.last_year < end - 1
    ]
    return replace(history, **filled, notes=(*history.notes, *notes))


def _last_known(value: Floats, history: History) -> int:
    """Position of the last year in which the layer knows anything of its members; -1 if none."""
    known = [bool((~np.isnan(now[there])).any()) for now, there in zip(value, history.present, strict=True)]
    return max((t for t, one in enumerate(known) if one), default=-1)


__all__ = ["LAYERS", "carried_forward"]
