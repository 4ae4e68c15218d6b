"""The file of event weights, that a posterior is built from.

The file holds, by group of shipped weights, the multiplier with its CI and its placebos, the word, and two forms of the
same likelihood: on the multiplier itself, where it is normal, and on its logarithm, where the multiplier is told from
0. The same data, seed and form give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from balance_sim.evidence.events.ladder import HalfLives, Ladder, association
from balance_sim.evidence.events.load import Loaded
from balance_sim.evidence.events.measurement import EventEstimate, EventWeights

FORM = 1
TARGETS = {"intent": "by rule: every rival of another participant", "incident": "on record", "alignment": None}
"""How it is known at whom acts are aimed."""
HEAD = """\
# Multipliers of the shipped weights of events, from the share of conflict among recorded acts (fit --events).
# A multiplier of 1 is the shipped weight, 0 is none. See docs/event_weights.md.
"""


def _short(value: float) -> float | None:
    """Six significant digits; None for what is not a number."""
    return None if not math.isfinite(value) else float(f"{value:.6g}")


def _paths(one: EventEstimate) -> list[str]:
    name = "alignment" if one.column.group == "alignment" else "intent"
    return [f"event_kinds.{kind}.{name}" for kind in one.column.kinds]


def _entry(one: EventEstimate) -> dict[str, object]:
    low, high = one.interval
    told = one.word == "measured"
    log_error = one.error / one.estimate if one.estimate > 0 else math.nan
    return {
        "word": one.word,
        "parameters": _paths(one),
        "targets": TARGETS[one.column.group],
        "multiplier": {
            "mean": _short(one.estimate),
            "standard_error": _short(one.error),
            "interval": [_short(low), _short(high)],
        },
        "log_multiplier": {
            "mean": _short(math.log(one.estimate)) if told else None,
            "standard_error": _short(log_error) if told else None,
        },
        "upper_bound": _short(high) if one.word != "not told" else None,
        "declared_end": _short(one.most),
        "detectable": _short(one.detectable),
        "coefficient": _short(one.coefficient),
        "z": _short(one.z),
        "leads_z": _short(one.lead_z),
        "stale_z": _short(one.stale_z),
        "permuted_dates": {"p": _short(one.dates_p), "spread": _short(one.spread[0])},
        "permuted_participants": {"p": _short(one.participants_p), "spread": _short(one.spread[1])},
        "rows": one.rows,
    }


def events_record(
    data: Loaded, found: EventWeights, order: Sequence[Ladder], halves: Sequence[HalfLives], command: str, version: str,
    files: Sequence[dict[str, object]],
) -> dict[str, object]:  # fmt: skip
    """Everything the file holds, as plain values. files: of the data, with hashes."""
    return {
        "event_weights": {
            "form": FORM,
            "command": command,
            "version": version,
            "outcome": data.outcome,
            "period": data.period,
            "years": list(data.years),
            "rows": found.rows,
            "dyads": found.dyads,
            "acts_counted": int(found.acts_counted),
            "rho": _short(found.rho),
            "permutations": found.permutations,
            "acts": data.acts,
        },
        "data": list(files),
        "anchor": {
            "unit": f"{found.unit} a nat",
            "slope": _short(found.slope),
            "standard_error": _short(found.slope_error),
            "within_dyads": [_short(value) for value in found.slope_within],
        },
        "association_share": _short(association(found.columns)),
        "groups": {one.column.name: _entry(one) for one in found.pooled},
        "kinds": {one.column.name: _entry(one) for one in found.kinds},
        "covariance": {
            "names": [column.name for column in found.columns],
            "multipliers": [_short(float(value)) for value in found.multipliers],
            "matrix": [[_short(float(value)) for value in row] for row in found.covariance],
        },
        "ordered": {
            one.group: {
                "kinds": list(one.kinds),
                "log_multipliers": [_short(float(value)) for value in one.mean],
                "covariance": [[_short(float(value)) for value in row] for row in one.covariance],
                "prior": {"scale_sd": _short(one.scale_sd), "increment_sd": _short(one.increment_sd)},
            }
            for one in order
        },
        "half_lives": {
            one.name: {
                "word": one.word,
                "kinds": list(one.kinds),
                "factors": [_short(value) for value in one.factors],
                "chi_square": [_short(value) for value in one.chi_square],
                "log_factor": {"mean": _short(one.mean), "standard_error": _short(one.error)},
            }
            for one in halves
        },
        "attention": {one.column.name: _entry(one) for one in found.attention},
        "notes": list(data.notes),
    }
