"""Which terms a record can speak to: those whose sources are there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.estimation.choices import FITTED, NOT_ON_RECORD
from balance_sim.model.willingness import TERMS
from balance_sim.scenario.problems import closest

NEEDS = {name: term.record for name, term in TERMS.items() if term.record}
"""Layers of the history of which at least one has to be there for a term to say anything."""


def fitted_terms(
    history: History, wanted: Sequence[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The terms to fit, in order, and a line on each that is left out because its source is missing.

    Raises DataError for a term that is unknown, cannot be fitted, or is asked for and has no source."""
    for name in wanted or ():
        if name in NOT_ON_RECORD:
            raise DataError(f"{name} cannot be fitted: {NOT_ON_RECORD[name]}", "Leave it out", value=name)
        if name not in FITTED:
            near = closest(name, FITTED)
            use = f"Write {near}" if near else f"Choose among {', '.join(FITTED)}"
            raise DataError("there is no such term", use, value=name)
    silent = {
        name: layers
        for name, layers in NEEDS.items()
        if all(np.isnan(_present(history, layer)).all() for layer in layers)
    }
    for name in wanted or ():
        if name in silent:
            raise DataError(
                f"{name} needs {' or '.join(silent[name])}, and the folder has none",
                "Add a source",
                value=name,
            )
    used = tuple(name for name in FITTED if name not in silent and (wanted is None or name in wanted))
    notes = tuple(
        f"{name} is left out: no source of {' or '.join(layers)}"
        for name, layers in silent.items()
        if wanted is None
    )
    return used, notes


def _present(history: History, layer: str) -> Floats:
    value: Floats = getattr(history, layer)
    return np.asarray(value[..., history.present.any(axis=0)])
