"""The file of event weights, that a posterior is built from.

The file holds, by group of shipped weights, the multiplier with its CI and its
placebos, the word, and two forms of the same likelihood: on the multiplier itself,
where it is normal, and on its logarithm, where the multiplier is told from 0. The same
data, seed and form give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from balance_sim.evidence.estimation.parameter_files import file_record, rounded
from balance_sim.evidence.events.load import LoadedStudy
from balance_sim.evidence.events.measurement import (
    MEASURED,
    NOT_TOLD,
    EventEstimate,
    EventWeights,
)

FORM, DIGITS = 1, 6
TARGETS = {
    "intent": "by rule: every rival of another participant",
    "incident": "on record",
    "alignment": None,
}
"""How it is known at whom acts are aimed."""
HEAD = """\
# Multipliers of the shipped weights of events, from the share of conflict among
# recorded acts (fit --events). A multiplier of 1 is the shipped weight, 0 is none. See
# docs/event_weights.md.
"""


def _entry(estimate: EventEstimate) -> dict[str, Any]:
    """An estimate as plain values."""
    column, word = estimate.column, estimate.word
    log_mean, log_error = math.nan, math.nan
    if word == MEASURED:
        log_mean = math.log(estimate.estimate)
        log_error = estimate.error / estimate.estimate
    dates, participants = estimate.spread
    return {
        "word": word,
        "parameters": [f"event_kinds.{kind}.{column.weight}" for kind in column.kinds],
        "targets": TARGETS[column.group],
        "multiplier": {
            "mean": estimate.estimate,
            "standard_error": estimate.error,
            "interval": estimate.interval,
        },
        "log_multiplier": {"mean": log_mean, "standard_error": log_error},
        "upper_bound": None if word == NOT_TOLD else estimate.interval[1],
        "declared_end": estimate.declared_end,
        "detectable": estimate.detectable,
        "coefficient": estimate.coefficient,
        "z": estimate.z,
        "leads_z": estimate.lead_z,
        "stale_z": estimate.stale_z,
        "permuted_dates": {"p": estimate.dates_p, "spread": dates},
        "permuted_participants": {
            "p": estimate.participants_p,
            "spread": participants,
        },
        "rows": estimate.rows,
    }


def events_record(
    loaded: LoadedStudy, weights: EventWeights, made_by: Mapping[str, str]
) -> dict[str, Any]:
    """Everything the file holds, as plain values. made_by: command and version."""
    slope, error = weights.slope
    record = {
        "event_weights": {
            "form": FORM,
            **made_by,
            "outcome": "icews-years",
            "period": "year",
            "years": loaded.years,
            "rows": weights.rows,
            "dyads": weights.dyads,
            "acts_counted": int(weights.acts_counted),
            "rho": weights.rho,
            "permutations": weights.permutations,
            "acts": loaded.acts,
        },
        "data": [file_record(report) for report in loaded.reports],
        "anchor": {
            "unit": "logits a nat",
            "slope": slope,
            "standard_error": error,
            "within_dyads": weights.slope_within,
        },
        "groups": {row.column.name: _entry(row) for row in weights.pooled},
        "kinds": {row.column.name: _entry(row) for row in weights.kinds},
        "covariance": {
            "names": [row.column.name for row in weights.kinds],
            "multipliers": weights.multipliers,
            "matrix": weights.covariance,
        },
        "notes": loaded.notes,
    }
    plain: dict[str, Any] = rounded(record, DIGITS)
    return plain
