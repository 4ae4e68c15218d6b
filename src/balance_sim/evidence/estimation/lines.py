"""What fits to the record found, for a terminal: weights by maximum likelihood,
beliefs, events.

What was fitted on which data first, then the estimates with their 95 % CI, then what is
open."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.wording import said, table, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.data.history import History
    from balance_sim.evidence.estimation.beliefs import Profile
    from balance_sim.evidence.estimation.fitting import WeightFit
    from balance_sim.evidence.events.load import Loaded
    from balance_sim.evidence.events.measurement import EventEstimate, EventWeights
    from balance_sim.evidence.events.report import HalfLives, Ladder


def _span(estimate: float, error: float, places: int = 3) -> str:
    """The 95 % CI of an estimate that is about normal."""
    from balance_sim.stats.intervals import NORMAL

    return say.interval(estimate - NORMAL * error, estimate + NORMAL * error, places)


def _told(estimate: float, error: float, places: int = 2) -> str:
    return f"{say.number(estimate, places)} (95 % CI {_span(estimate, error, places)})"


def fit_lines(
    fit: WeightFit,
    history: History,
    whole: WeightFit | None = None,
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """Weights of the model's own rates. whole: the fit with terms of threat in one
    piece, where `fit` has them in two.

    verbose: also intercepts of types, all that is weakly told apart, why terms are not
    fitted, rows left out."""
    from balance_sim.evidence.estimation.choices import NOT_ON_RECORD
    from balance_sim.evidence.estimation.parameter_files import key_path, labelled
    from balance_sim.stats.intervals import NORMAL

    weights = [row for row in fit.table if "." not in row[0]]
    clear = sum(abs(estimate) > NORMAL * error for _, estimate, error in weights)
    errors = (
        "from the second derivatives"
        if fit.cluster_covariance is None
        else "clustered by dyad"
    )
    held = "; signs that theory fixes are held by a prior" if fit.signs else ""
    yield from said(
        f"Maximum likelihood of the model's own rates on {fit.agreements:,} agreements among {int(fit.seen.sum())} "
        f"states: {fit.rows:,} dyad-years, {fit.years[0]}-{fit.years[1]}. The CI of {clear} of {len(weights)} weights "
        f"excludes 0. Weights are in nats a unit of the term, standard errors {errors}{held}."
    )
    told = [
        (*row, say.number(row[1] / row[2], 2))
        for row in (fit.table if verbose else weights)
    ]
    told += [
        (one.name, one.estimate, one.standard_error, "kept at 0")
        for one in fit.conflicts
    ]
    rows = [("parameter", "estimate", "95 % CI", "z")]
    rows += [
        (labelled(name), say.number(value, 3), _span(value, error), z)
        for name, value, error, z in told
    ]
    yield from ["", *table(rows, "<>>>"), ""]
    if fit.conflicts:
        yield from wrapped(
            "kept at 0: the record's sign is not that of the theory, so the weight was left out."
        )
    level = f", of years {fit.level_variance:.4f}" if fit.level else ""
    yield from wrapped(
        f"Variance of the random intercepts of states {fit.propensity_variance:.4f}{level}. Log-likelihood "
        f"{fit.log_likelihood:.1f}, marginal {fit.marginal:.1f}; AIC {fit.aic:.1f}, to compare fits on the same rows."
    )
    if whole is not None:
        yield from _parts(fit, whole)
    if fit.flat:
        ways = [str(way) if verbose else ", ".join(way.names) for way in fit.flat]
        yield from wrapped(f"Weakly told apart by the record: {'; '.join(ways)}.")
    yield from wrapped(
        f"Not fitted: {', '.join(NOT_ON_RECORD)}"
        + (":" if verbose else " (--verbose: why).")
    )
    notes = [
        *history.notes,
        *(line for report in history.reports for line in report.losses),
    ]
    if verbose:
        for name, why in NOT_ON_RECORD.items():
            yield from wrapped(f"  {key_path(name)}: {why}", "    ")
        for note in notes:
            yield from wrapped(f"note: {note}")
        return
    more = (
        f" and {say.plural(len(notes), 'note on rows left out', 'notes on rows left out')}"
        if notes
        else ""
    )
    yield from wrapped(
        f"--verbose prints intercepts of {len(fit.kinds)} types of agreement{more}."
    )


def _parts(parts: WeightFit, whole: WeightFit) -> Iterator[str]:
    """What terms in two parts and terms in one piece say of threat."""
    from balance_sim.evidence.estimation.choices import SIGNED
    from balance_sim.evidence.estimation.parameter_files import shares_of_change

    if shares := [
        f"parameters.change_{term} {_told(*both)}"
        for term, both in shares_of_change(parts).items()
    ]:
        yield from wrapped(
            f"Weight within over that between dyads: {', '.join(shares)}."
        )
    pieces = [
        f"{name} {_told(value, error)}"
        for name, value, error in whole.table
        if name in SIGNED
    ]
    yield from wrapped(
        f"The same terms in one piece, marginal log-likelihood {whole.marginal:.1f} "
        f"({parts.marginal - whole.marginal:.1f} lower): {', '.join(pieces)}."
    )


def profile_lines(
    profiles: Sequence[Profile], joint: Sequence[Profile] = (), *, verbose: bool = False
) -> Iterator[str]:
    """Beliefs and reach: value in use, best value, 95 % CI, verdict; then the joint
    peak. verbose: all of them."""
    from balance_sim.evidence.estimation.beliefs import NOT_IN_RATES

    sure = ", ".join(
        one.path.removeprefix("parameters.") for one in profiles if one.told
    )
    kept = "the others keep their value" if joint else "all keep their value"
    yield from said(
        f"Of {len(profiles)} parameters of beliefs and reach the record identifies {sure or 'none'}; {kept}."
    )
    if not verbose:
        yield from [*_profile_table(joint), "--verbose prints the profile of each."]
        return
    yield from ["", *_profile_table(profiles)]
    if joint:
        yield from [
            "",
            "those that the record tells, at their joint peak:",
            *_profile_table(joint),
        ]
    yield ""
    yield from wrapped(
        "gain: log-likelihood of the best value in the range over that of the one in use; < and >: the CI goes on "
        "beyond the range."
    )
    for name, why in NOT_IN_RATES.items():
        yield from wrapped(f"parameters.{name}: {why}")


def _profile_table(profiles: Sequence[Profile]) -> list[str]:
    rows = [("parameters", "in use", "best", "95 % CI", "gain", "verdict")]
    for one in profiles:
        low, high = ("<" if one.open_below else ""), (">" if one.open_above else "")
        numbers = (
            f"{one.shipped:.4g}",
            f"{one.best:.4g}",
            f"{low}{one.low:.4g} to {high}{one.high:.4g}",
        )
        rows.append(
            (
                one.path.removeprefix("parameters."),
                *numbers,
                f"{one.gain:.1f}",
                one.verdict,
            )
        )
    return table(rows, "<>>><<") if profiles else []


def event_lines(
    data: Loaded,
    found: EventWeights,
    order: Sequence[Ladder],
    halves: Sequence[HalfLives],
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """Weights of events as multipliers of the shipped ones. verbose: every placebo,
    half-lives, the order of cost."""
    from balance_sim.evidence.events.report import association

    first, last = data.years
    counted = (
        f"{found.acts_counted:,.0f} recorded acts"
        if found.acts_counted
        else "scores without counts"
    )
    acts = ", ".join(
        f"{say.arm_words(kind)} {count:,}" for kind, count in data.acts.items()
    )
    yield from said(
        f"Weights of events from {data.outcome} {first}-{last} by {data.period}: {found.rows:,} rows of "
        f"{found.dyads:,} directed dyads, {counted}. Dated acts: {acts}."
    )
    (within, error), unit = found.slope_within, found.unit
    change = (
        f"within dyads {_told(within, error)}"
        if math.isfinite(within)
        else "no quarrel begins or ends"
    )
    yield from said(
        f"Scale: {_told(found.slope, found.slope_error)} {unit} of conflict a nat of standing quarrel, between dyads; "
        f"{change}. That dated acts act on the same scale is assumed."
    )
    yield from ["", *_multipliers("multiplier of", [*found.pooled, *found.attention])]
    yield from ["", *_multipliers("by kind of event", found.kinds), ""]
    least = (
        f", so none below {1 / (found.permutations + 1):.2g}"
        if found.permutations < 99
        else ""
    )
    yield from said(
        "A multiplier of 1 is the shipped weight, 0 is none; CI clustered by dyad and event. p: the larger share of "
        f"permuted dates and of permuted participants with a z as large ({found.permutations:,} each{least}). found "
        "at: multiplier that four of five samples would find. measured: CI above 0 and p at most 0.05; bounded: the CI "
        "ends within the declared range; not told: neither, or acts to come or long past differ from 0 too."
    )
    yield from said(
        "Half-lives: "
        + ", ".join(f"{one.name} acts {one.word}" for one in halves)
        + "."
    )
    if verbose:
        yield from _events_in_full(found, order, halves)
        if share := association(found.columns):
            yield from said(
                f"Acts of k with i's rival also align the two as i sees it: {share:.0%} of what their intent weights "
                "do to a stranger's threat. One column holds both, and is read as intent."
            )
    else:
        yield "--verbose prints each placebo, half-lives, and the kinds in the order of cost."
    for note in data.notes:
        yield from wrapped(f"note: {note}")


def _multipliers(head: str, rows: Sequence[EventEstimate]) -> list[str]:
    """A row an estimate: the number that decides of each pair of placebos, and the
    word."""
    cells = [(head, "mean", "95 % CI", "p", "found at", "word")]
    for one in rows:
        word = (
            f"bounded by {one.interval[1]:.2f}" if one.word == "bounded" else one.word
        )
        p = (
            f"{max(one.dates_p, one.participants_p):.3f}"
            if math.isfinite(one.dates_p)
            else "-"
        )
        numbers = (
            f"{one.estimate:.2f}",
            say.interval(*one.interval),
            p,
            f"{one.detectable:.2f}",
        )
        cells.append((one.column.name, *numbers, word))
    return table(cells, "<>>>><")


def _events_in_full(
    found: EventWeights, order: Sequence[Ladder], halves: Sequence[HalfLives]
) -> Iterator[str]:
    rows = [
        ("placebos of", "z of acts to come", "z of old acts", "p, dates", "p, states")
    ]
    for one in (*found.pooled, *found.attention, *found.kinds):
        numbers = (
            f"{one.lead_z:+.1f}",
            f"{one.stale_z:+.1f}",
            f"{one.dates_p:.3f}",
            f"{one.participants_p:.3f}",
        )
        rows.append((one.column.name, *numbers))
    yield from ["", *table(rows, "<>"), ""]
    for half in halves:
        shown = ", ".join(
            f"x{f:g} {value:.1f}"
            for f, value in zip(half.factors, half.chi_square, strict=True)
        )
        yield from wrapped(
            f"Half-lives of {half.name} acts: chi-square by factor {shown}: {half.word}."
        )
    for ladder in order:
        by_kind = zip(ladder.kinds, ladder.mean, ladder.errors, strict=True)
        told = ", ".join(
            f"{say.arm_words(kind)} {math.exp(value):.2f} ({error:.2f})"
            for kind, value, error in by_kind
        )
        yield from wrapped(
            f"{say.capital(ladder.group)} with the order of cost held by a prior, multiplier (standard error of its "
            f"logarithm): {told}."
        )
    yield ""
