"""The file of event weights, that a posterior is built from.

The file holds, by group of shipped weights, the multiplier with its CI and its placebos, the word, and two forms of the
same likelihood: on the multiplier itself, where it is normal, and on its logarithm, where the multiplier is told from
0. The same data, seed and form give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from balance_sim.evidence.events.ladder import INCREMENT_SD, SCALE_SD, HalfLives, Ladder, association
from balance_sim.evidence.events.load import Loaded
from balance_sim.evidence.events.measurement import EventEstimate, EventWeights

FORM = 1
TARGETS = {"intent": "by rule: every rival of another participant", "incident": "on record", "alignment": None}
"""How it is known at whom acts are aimed."""
HEAD = """\
# Multipliers of the shipped weights of events, from the share of conflict among recorded acts (fit --events).
# A multiplier of 1 is the shipped weight, 0 is none. See docs/event_weights.md.
"""


def _short(value: Any) -> Any:
    """The same with six significant digits in every number with a point; None for what is not a number."""
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_short(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _entry(one: EventEstimate) -> dict[str, object]:
    told = one.word == "measured"
    return {
        "word": one.word,
        "parameters": [f"event_kinds.{kind}.{one.column.weight}" for kind in one.column.kinds],
        "targets": TARGETS[one.column.group],
        "multiplier": {"mean": one.estimate, "standard_error": one.error, "interval": one.interval},
        "log_multiplier": {
            "mean": math.log(one.estimate) if told else None,
            "standard_error": one.error / one.estimate if told else None,
        },
        "upper_bound": one.interval[1] if one.word != "not told" else None,
        "declared_end": one.most,
        "detectable": one.detectable,
        "coefficient": one.coefficient,
        "z": one.z,
        "leads_z": one.lead_z,
        "stale_z": one.stale_z,
        "permuted_dates": {"p": one.dates_p, "spread": one.spread[0]},
        "permuted_participants": {"p": one.participants_p, "spread": one.spread[1]},
        "rows": one.rows,
    }


def events_record(
    data: Loaded, found: EventWeights, order: Sequence[Ladder], halves: Sequence[HalfLives], command: str, version: str,
    files: Sequence[dict[str, object]],
) -> dict[str, object]:  # fmt: skip
    """Everything the file holds, as plain values. files: of the data, with hashes."""
    record: dict[str, object] = {
        "event_weights": {
            "form": FORM,
            "command": command,
            "version": version,
            "outcome": data.outcome,
            "period": data.period,
            "years": data.years,
            "rows": found.rows,
            "dyads": found.dyads,
            "acts_counted": int(found.acts_counted),
            "rho": found.rho,
            "permutations": found.permutations,
            "acts": data.acts,
        },
        "data": files,
        "anchor": {
            "unit": f"{found.unit} a nat",
            "slope": found.slope,
            "standard_error": found.slope_error,
            "within_dyads": found.slope_within,
        },
        "association_share": association(found.columns),
        "groups": {one.column.name: _entry(one) for one in found.pooled},
        "kinds": {one.column.name: _entry(one) for one in found.kinds},
        "covariance": {
            "names": [column.name for column in found.columns],
            "multipliers": found.multipliers.tolist(),
            "matrix": found.covariance.tolist(),
        },
        "ordered": {
            one.group: {
                "kinds": one.kinds,
                "log_multipliers": one.mean.tolist(),
                "covariance": one.covariance.tolist(),
                "prior": {"scale_sd": SCALE_SD, "increment_sd": INCREMENT_SD},
            }
            for one in order
        },
        "half_lives": {
            one.name: {
                "word": one.word,
                "kinds": one.kinds,
                "factors": one.factors,
                "chi_square": one.chi_square,
                "log_factor": dict(zip(("mean", "standard_error"), one.log_factor, strict=True)),
            }
            for one in halves
        },
        "attention": {one.column.name: _entry(one) for one in found.attention},
        "notes": data.notes,
    }
    short: dict[str, object] = _short(record)
    return short
