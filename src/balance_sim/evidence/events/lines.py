"""What event data say of the weights of events, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from balance_sim.evidence.estimation.lines import with_interval
from balance_sim.show import wording as say
from balance_sim.show.wording import said, table, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.events.load import LoadedStudy
    from balance_sim.evidence.events.measurement import EventEstimate, EventWeights

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
    yield from said(
        f"Scale: {with_interval(slope, error)} logits of conflict a nat of standing "
        "quarrel, between dyads. That dated acts act on the same scale is assumed."
    )
    yield from ["", *_multipliers("multiplier of", weights.pooled)]
    yield from ["", *_multipliers("by kind of event", weights.kinds), ""]
    yield from said(READING)
    for note in loaded.notes:
        yield from wrapped(f"note: {note}")


def _multipliers(head: str, estimates: Sequence[EventEstimate]) -> list[str]:
    """A row an estimate: the number that decides of each pair of placebos, and the
    word."""
    rows = [(head, "mean", "95 % CI", "p", "found at", "word")]
    for estimate in estimates:
        word, p = estimate.word, max(estimate.dates_p, estimate.participants_p)
        if word == "bounded":
            word = f"bounded by {estimate.interval[1]:.2f}"
        row = (
            estimate.column.name,
            f"{estimate.estimate:.2f}",
            say.interval(*estimate.interval),
            f"{p:.3f}" if math.isfinite(p) else "-",
            f"{estimate.detectable:.2f}",
            word,
        )
        rows.append(row)
    return table(rows, "<>>>><")
