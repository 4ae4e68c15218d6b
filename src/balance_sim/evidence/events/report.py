"""What event data say of the weights of events: the file that a posterior is built
from, and lines for a terminal.

The file holds, by group of shipped weights, the multiplier with its CI and its
placebos, and the word. The same data, seed and form give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from balance_sim.evidence.estimation.lines import normal_interval, note_lines
from balance_sim.evidence.estimation.parameter_files import file_record, rounded
from balance_sim.evidence.events.load import LoadedStudy
from balance_sim.evidence.events.measurement import (
    NOT_TOLD,
    EventEstimate,
    EventWeights,
)
from balance_sim.show import wording as say
from balance_sim.show.wording import said, table

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
    dates, participants = estimate.spread
    return {
        "word": word,
        "parameters": column.paths,
        "targets": TARGETS[column.group],
        "multiplier": {
            "mean": estimate.estimate,
            "standard_error": estimate.error,
            "interval": estimate.interval,
        },
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
    return rounded(record, DIGITS)


# --- for a terminal ------------------------------------------------------------------

READING = (
    "A multiplier of 1 is the shipped weight, 0 is none; CI clustered by dyad and "
    "event. p: the larger share of permuted dates and of permuted participants with a "
    "z as large. found at: multiplier that four of five samples would find. measured: "
    "CI above 0 and p at most 0.05; bounded: the CI ends within the declared range; "
    "not told: neither, or acts to come or long past differ from 0 too."
)


def event_lines(loaded: LoadedStudy, weights: EventWeights) -> Iterator[str]:
    """Weights of events as multipliers of the shipped ones, pooled and by kind of
    event."""
    (first, last), (slope, error) = loaded.years, weights.slope
    acts = [f"{say.arm_words(kind)} {count:,}" for kind, count in loaded.acts.items()]
    yield from said(
        f"Weights of events from dyad-years {first}-{last}: {weights.rows:,} rows of "
        f"{weights.dyads:,} directed dyads, {weights.acts_counted:,.0f} recorded acts. "
        f"Dated acts: {', '.join(acts)}."
    )
    interval = normal_interval(slope, error, 2)
    yield from said(
        f"Scale: {say.number(slope)} (95 % CI {interval}) logits of conflict a nat of "
        "standing quarrel, between dyads. That dated acts act on the same scale is "
        "assumed."
    )
    yield from ["", *_multipliers("multiplier of", weights.pooled)]
    yield from ["", *_multipliers("by kind of event", weights.kinds), ""]
    yield from said(READING)
    yield from note_lines(loaded.notes)


def _multipliers(head: str, estimates: Sequence[EventEstimate]) -> list[str]:
    """A row an estimate: the number that decides of each pair of placebos, and the
    word."""
    rows = [(head, "mean", "95 % CI", "p", "found at", "word")]
    for estimate in estimates:
        word, p = estimate.word, max(estimate.dates_p, estimate.participants_p)
        if word == "bounded":
            word = f"bounded by {estimate.interval[1]:.2f}"
        rows.append(
            (
                estimate.column.name,
                f"{estimate.estimate:.2f}",
                say.interval(*estimate.interval),
                f"{p:.3f}" if math.isfinite(p) else "-",
                f"{estimate.detectable:.2f}",
                word,
            )
        )
    return table(rows, "<>>>><")
