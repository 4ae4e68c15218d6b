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
    from balance_sim.evidence.events.report import HalfLives, Ladder

READING = (
    "A multiplier of 1 is the shipped weight, 0 is none; CI clustered by dyad and "
    "event. p: the larger share of permuted dates and of permuted participants with a "
    "z as large ({permutations:,} each{least}). found at: multiplier that four of five "
    "samples would find. measured: CI above 0 and p at most 0.05; bounded: the CI ends "
    "within the declared range; not told: neither, or acts to come or long past differ "
    "from 0 too."
)


def event_lines(
    loaded: LoadedStudy,
    weights: EventWeights,
    ladders: Sequence[Ladder],
    halves: Sequence[HalfLives],
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """Weights of events as multipliers of the shipped ones. verbose: every placebo,
    half-lives, the order of cost."""
    from balance_sim.evidence.events.report import association

    yield from said(_study_sentence(loaded, weights))
    yield from said(_scale_sentence(weights))
    pooled = [*weights.pooled, *weights.attention]
    yield from ["", *_multipliers("multiplier of", pooled)]
    yield from ["", *_multipliers("by kind of event", weights.kinds), ""]
    count = weights.permutations
    lowest_p = f", so none below {1 / (count + 1):.2g}" if count < 99 else ""
    yield from said(READING.format(permutations=count, least=lowest_p))
    words = ", ".join(f"{half.name} acts {half.word}" for half in halves)
    yield from said(f"Half-lives: {words}.")
    if verbose:
        yield from _in_full(weights, ladders, halves)
        share = association(weights.columns)
        if share:
            yield from said(
                "Acts of k with i's rival also align the two as i sees it: "
                f"{share:.0%} of what their intent weights do to a stranger's threat. "
                "One column holds both, and is read as intent."
            )
    else:
        yield (
            "--verbose prints each placebo, half-lives, and the kinds in the order of "
            "cost."
        )
    for note in loaded.notes:
        yield from wrapped(f"note: {note}")


def _study_sentence(loaded: LoadedStudy, weights: EventWeights) -> str:
    """What was measured on which data."""
    first, last = loaded.years
    counted = "scores without counts"
    if weights.acts_counted:
        counted = f"{weights.acts_counted:,.0f} recorded acts"
    acts = [f"{say.arm_words(kind)} {n:,}" for kind, n in loaded.acts.items()]
    return (
        f"Weights of events from {loaded.outcome} {first}-{last} by {loaded.period}: "
        f"{weights.rows:,} rows of {weights.dyads:,} directed dyads, {counted}. Dated "
        f"acts: {', '.join(acts)}."
    )


def _scale_sentence(weights: EventWeights) -> str:
    """The slope that the multipliers are read against."""
    slope, error = weights.slope_within
    change = "no quarrel begins or ends"
    if math.isfinite(slope):
        change = f"within dyads {with_interval(slope, error)}"
    slope_between = with_interval(weights.slope, weights.slope_error)
    return (
        f"Scale: {slope_between} {weights.unit} of conflict a nat of standing quarrel, "
        f"between dyads; {change}. That dated acts act on the same scale is assumed."
    )


def _multipliers(head: str, estimates: Sequence[EventEstimate]) -> list[str]:
    """A row an estimate: the number that decides of each pair of placebos, and the
    word."""
    rows = [(head, "mean", "95 % CI", "p", "found at", "word")]
    for estimate in estimates:
        word, p = estimate.word, "-"
        if word == "bounded":
            word = f"bounded by {estimate.interval[1]:.2f}"
        if math.isfinite(estimate.dates_p):
            p = f"{max(estimate.dates_p, estimate.participants_p):.3f}"
        row = (
            estimate.column.name,
            f"{estimate.estimate:.2f}",
            say.interval(*estimate.interval),
            p,
            f"{estimate.detectable:.2f}",
            word,
        )
        rows.append(row)
    return table(rows, "<>>>><")


def _in_full(
    weights: EventWeights, ladders: Sequence[Ladder], halves: Sequence[HalfLives]
) -> Iterator[str]:
    """Every placebo, profiles of half-lives, and weights in the order of cost."""
    rows = [
        ("placebos of", "z of acts to come", "z of old acts", "p, dates", "p, states")
    ]
    for estimate in (*weights.pooled, *weights.attention, *weights.kinds):
        row = (
            estimate.column.name,
            f"{estimate.lead_z:+.1f}",
            f"{estimate.stale_z:+.1f}",
            f"{estimate.dates_p:.3f}",
            f"{estimate.participants_p:.3f}",
        )
        rows.append(row)
    yield from ["", *table(rows, "<>"), ""]
    for half in halves:
        profile = zip(half.factors, half.chi_square, strict=True)
        shown = ", ".join(f"x{factor:g} {chi:.1f}" for factor, chi in profile)
        yield from wrapped(
            f"Half-lives of {half.name} acts: chi-square by factor {shown}: "
            f"{half.word}."
        )
    for ladder in ladders:
        by_kind = zip(ladder.kinds, ladder.mean, ladder.errors, strict=True)
        shown = ", ".join(
            f"{say.arm_words(kind)} {math.exp(mean):.2f} ({error:.2f})"
            for kind, mean, error in by_kind
        )
        yield from wrapped(
            f"{say.capital(ladder.group)} with the order of cost held by a prior, "
            f"multiplier (standard error of its logarithm): {shown}."
        )
    yield ""
