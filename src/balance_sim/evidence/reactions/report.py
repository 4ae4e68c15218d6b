"""What the record says of hostility and reactions: files and lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from balance_sim.evidence.estimation.parameter_files import file_record, rounded
from balance_sim.evidence.reactions.alarm import PARAMETERS
from balance_sim.evidence.reactions.elasticities import Elasticity
from balance_sim.evidence.reactions.hostility import HostilityFit
from balance_sim.evidence.reactions.measure import Reactions
from balance_sim.evidence.reactions.record import ReactionRecord
from balance_sim.show import wording as say
from balance_sim.show.wording import said, table
from balance_sim.stats.intervals import NORMAL

REACTIONS_HEAD = """\
# Elasticities of what states did in alarm at force (fit --reactions). An elasticity of
# 0.3: with a tenth more to fear, three per cent more is done. See docs/reactions.md.
"""
HOSTILITY_HEAD = """\
# Uses of force among directed dyads (fit --hostility). See docs/reactions.md.
"""
DIGITS = 6


def _head(record: ReactionRecord, made_by: Mapping[str, str]) -> dict[str, Any]:
    years = record.history.years
    reports = (*record.history.reports, *record.reports)
    return {
        **made_by,
        "years": [int(years[0]), int(years[-1])],
        "data": [file_record(report) for report in reports],
    }


def _elasticity(elasticity: Elasticity) -> dict[str, Any]:
    return {
        "kappa": elasticity.estimate[0],
        "standard_error": elasticity.error[0],
        "ci95": [bound[0] for bound in elasticity.interval],
        "rows": len(elasticity.rates),
    }


def _leads(led: Elasticity) -> list[dict[str, float]]:
    pairs = zip(led.estimate[1:], led.error[1:], strict=True)
    return [{"kappa": mean, "standard_error": error} for mean, error in pairs]


def reactions_record(
    record: ReactionRecord, reactions: Reactions, made_by: Mapping[str, str]
) -> dict[str, Any]:
    """Return everything that the file of reactions holds, as plain values. made_by:
    command and version."""
    pooled = reactions.agreements
    margins = [
        {
            "name": name,
            **_elasticity(reaction.others),
            "leads": _leads(reaction.led),
            "placebo_p": reaction.dates_p,
            "exchanged_targets_p": reaction.targets_p,
        }
        for name, reaction in reactions.margins.items()
    ]
    document = {
        "reactions": _head(record, made_by),
        "s": PARAMETERS.alarm_floor,
        "placebos": reactions.placebos,
        "margins": margins,
        "agreements": {
            "mean": pooled.mean,
            "standard_error": pooled.error,
            "spread": pooled.spread,
            "q": pooled.q,
            "kinds": reactions.pooled_names,
            "estimates": pooled.estimates,
            "standard_errors": pooled.errors,
        },
    }
    return rounded(document, DIGITS)


def reaction_lines(record: ReactionRecord, reactions: Reactions) -> Iterator[str]:
    """Yield the elasticities of all margins, for a terminal."""
    years, pooled = record.history.years, reactions.agreements
    yield from said(
        f"How states reacted to force that others began, {years[0]}-{years[-1]}: "
        "elasticities in alarm, beside effects of each state and of each region's year."
    )
    rows = [("margin", "elasticity", "95 % CI", "first lead", "dates p", "targets p")]
    for name, reaction in reactions.margins.items():
        low, high = reaction.others.interval
        lead, error = reaction.led.estimate[1], reaction.led.error[1]
        rows.append(
            (
                name,
                say.number(reaction.others.estimate[0]),
                say.interval(low[0], high[0]),
                f"{say.number(lead)} ({say.number(error)})",
                say.number(reaction.dates_p),
                say.number(reaction.targets_p),
            )
        )
    yield from ["", *table(rows, "<>>>>>"), ""]
    half = NORMAL * pooled.error
    interval = say.interval(pooled.mean - half, pooled.mean + half)
    yield from said(
        f"Agreements pooled ({', '.join(reactions.pooled_names)}): "
        f"{pooled.mean:.2f}, 95 % CI {interval}; Q {pooled.q:.1f} of "
        f"{len(pooled.estimates) - 1}. First lead: what states did a year before there "
        "was a reason. dates p, targets p: share of placebos with as large an "
        "elasticity."
    )


def hostility_record(
    record: ReactionRecord,
    fit: HostilityFit,
    later: Mapping[str, Any],
    in_use: Mapping[str, Any],
    made_by: Mapping[str, str],
) -> dict[str, Any]:
    """Return everything that the file of hostility holds, as plain values. later,
    in_use: `calibration` out of time, and of the model."""
    document = {
        "hostility": _head(record, made_by),
        "rows": fit.rows,
        "onsets": fit.onsets,
        "log_likelihood": fit.log_likelihood,
        "parameters": [
            {"name": name, "estimate": mean, "standard_error": error}
            for name, mean, error in fit.table.itertuples()
        ],
        "ratio": in_use["said"] / in_use["found"] if in_use["found"] else None,
        "bins": [
            {
                "h": row["forecast"],
                "expected": row["expected"],
                "observed": row["happened"],
            }
            for row in in_use["bins"]
        ],
        "out_of_time": later,
        "in_use": in_use,
    }
    return rounded(document, DIGITS)


def hostility_lines(
    fit: HostilityFit, later: Mapping[str, Any], in_use: Mapping[str, Any], last: int
) -> Iterator[str]:
    """Yield the logit, its forecast of later years and how the model's hostility
    compares, for a terminal."""
    yield from said(
        f"Onsets of force: {fit.onsets:,} in {fit.rows:,} directed dyad-years; log "
        f"likelihood {fit.log_likelihood:,.1f}."
    )
    rows = [("logits", "estimate", "s.e.")]
    for name, mean, error in fit.table.itertuples():
        rows.append((name, say.number(mean), say.number(error)))
    yield from ["", *table(rows, "<>>"), ""]
    yield from said(
        f"Fitted to {last} and forecast after it: {later['said']:.0f} onsets said, "
        f"{later['found']:.0f} found; log skill {later['log_skill']:.3f}, AUC "
        f"{later['auc']:.3f}."
    )
    yield from said(
        f"Hostility by the numbers in use, after {last}: {in_use['said']:.0f} said, "
        f"{in_use['found']:.0f} found (between states at war, years with force)."
    )
    bins = [("hostility", "dyad-years", "said", "found")]
    for row in in_use["bins"]:
        span = f"{row['low']:g} to {row['high']:g}"
        expected = say.number(row["expected"], 0)
        bins.append((span, f"{row['n']:,}", expected, f"{row['happened']:,}"))
    yield from ["", *table(bins, "<>>>")]
