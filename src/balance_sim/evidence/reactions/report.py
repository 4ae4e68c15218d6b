"""What the record says of hostility and reactions: files and lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from balance_sim.evidence.estimation.parameter_files import file_record
from balance_sim.evidence.reactions.elasticities import NORMAL_95, Elasticity
from balance_sim.evidence.reactions.hostility import Calibration, HostilityFit
from balance_sim.evidence.reactions.measure import AGREEMENTS, Reaction, Reactions
from balance_sim.evidence.reactions.record import ReactionRecord
from balance_sim.model.threat import ALARM_FLOOR
from balance_sim.show import wording as say
from balance_sim.show.wording import said, table

REACTIONS_HEAD = """\
# Elasticities of what states did in alarm at force (fit --reactions). An elasticity of
# 0.3: with a tenth more to fear, three per cent more is done. See docs/reactions.md.
"""
HOSTILITY_HEAD = """\
# Uses of force among directed dyads (fit --hostility). See docs/reactions.md.
"""


def _short(value: Any) -> Any:
    """Return plain values with six significant digits; None for what is no number."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _head(record: ReactionRecord, command: str, version: str) -> dict[str, Any]:
    years = record.history.years
    reports = (*record.history.reports, *record.reports)
    return {
        "command": command,
        "version": version,
        "years": [int(years[0]), int(years[-1])],
        "data": [file_record(report) for report in reports],
    }


def _elasticity(elasticity: Elasticity) -> dict[str, Any]:
    low, high = elasticity.interval
    return {
        "mean": float(elasticity.estimate[0]),
        "standard_error": float(elasticity.error[0]),
        "interval": [float(low[0]), float(high[0])],
        "rows": elasticity.rows,
    }


def reactions_record(
    record: ReactionRecord, reactions: Reactions, command: str, version: str
) -> dict[str, Any]:
    """Return everything that the file of reactions holds, as plain values."""
    pooled, names = reactions.agreements, _pooled_names(reactions)
    margins = {
        name: {
            "force_of_others": _elasticity(reaction.others),
            "all_force": _elasticity(reaction.everybody),
            "leads": [
                {"mean": mean, "standard_error": error}
                for mean, error in reaction.leads
            ],
            "placebo_dates_p": reaction.dates_p,
            "exchanged_targets_p": reaction.targets_p,
        }
        for name, reaction in reactions.margins.items()
    }
    document = {
        "reactions": _head(record, command, version),
        "alarm_floor": ALARM_FLOOR,
        "placebos": reactions.placebos,
        "margins": margins,
        "agreements": {
            "mean": pooled.mean,
            "standard_error": pooled.error,
            "spread": pooled.spread,
            "q": pooled.q,
            "kinds": list(names),
            "estimates": pooled.estimates.tolist(),
            "standard_errors": pooled.errors.tolist(),
        },
    }
    short: dict[str, Any] = _short(document)
    return short


def _pooled_names(reactions: Reactions) -> Sequence[str]:
    return tuple(name for name in AGREEMENTS if name in reactions.margins)


def reaction_lines(record: ReactionRecord, reactions: Reactions) -> Iterator[str]:
    """Yield the elasticities of all margins, for a terminal."""
    years, pooled = record.history.years, reactions.agreements
    yield from said(
        f"How states reacted to force that others began, {years[0]}-{years[-1]}: "
        "elasticities in alarm, beside effects of each state and of each region's year."
    )
    rows: list[tuple[str, ...]] = [
        ("margin", "elasticity", "95 % CI", "first lead", "dates p", "targets p")
    ]
    for name, reaction in reactions.margins.items():
        rows.append((name, *_cells(reaction)))
    yield from ["", *table(rows, "<>>>>>"), ""]
    low, high = (pooled.mean + sign * NORMAL_95 * pooled.error for sign in (-1, 1))
    yield from said(
        f"Agreements pooled ({', '.join(_pooled_names(reactions))}): "
        f"{pooled.mean:.2f}, 95 % CI {say.interval(low, high)}; Q {pooled.q:.1f} of "
        f"{len(pooled.estimates) - 1}. First lead: what states did a year before there "
        "was a reason. dates p, targets p: share of placebos with as large an "
        "elasticity."
    )


def _cells(reaction: Reaction) -> tuple[str, ...]:
    low, high = reaction.others.interval
    lead, error = reaction.leads[0]
    return (
        f"{reaction.others.estimate[0]:.2f}",
        say.interval(float(low[0]), float(high[0])),
        f"{lead:.2f} ({error:.2f})",
        _share(reaction.dates_p),
        _share(reaction.targets_p),
    )


def _share(p: float) -> str:
    return f"{p:.2f}" if math.isfinite(p) else "-"


def hostility_record(
    record: ReactionRecord,
    fit: HostilityFit,
    later: Calibration,
    in_use: Calibration,
    command: str,
    version: str,
) -> dict[str, Any]:
    """Return everything that the file of hostility holds, as plain values."""
    estimates = zip(fit.names, fit.estimate, fit.error, strict=True)
    document = {
        "hostility": _head(record, command, version),
        "rows": fit.rows,
        "onsets": fit.onsets,
        "log_likelihood": fit.log_likelihood,
        "coefficients": {
            name: {"mean": float(mean), "standard_error": float(error)}
            for name, mean, error in estimates
        },
        "out_of_time": _calibration(later),
        "in_use": _calibration(in_use),
    }
    short: dict[str, Any] = _short(document)
    return short


def _calibration(calibration: Calibration) -> dict[str, Any]:
    names = ("low", "high", "rows", "said", "found")
    return {
        "said": calibration.said,
        "found": calibration.found,
        "log_skill": calibration.log_skill,
        "auc": calibration.auc,
        "bins": [dict(zip(names, row, strict=True)) for row in calibration.bins],
    }


def hostility_lines(
    fit: HostilityFit, later: Calibration, in_use: Calibration, last: int
) -> Iterator[str]:
    """Yield the logit, its forecast of later years and how the model's hostility
    compares, for a terminal."""
    yield from said(
        f"Onsets of force: {fit.onsets:,} in {fit.rows:,} directed dyad-years; log "
        f"likelihood {fit.log_likelihood:,.1f}."
    )
    rows: list[tuple[str, ...]] = [("logits", "estimate", "s.e.")]
    for name, mean, error in zip(fit.names, fit.estimate, fit.error, strict=True):
        rows.append((name, f"{mean:.2f}", f"{error:.2f}"))
    yield from ["", *table(rows, "<>>"), ""]
    yield from said(
        f"Fitted to {last} and forecast after it: {later.said:.0f} onsets said, "
        f"{later.found:.0f} found; log skill {later.log_skill:.3f}, AUC "
        f"{later.auc:.3f}."
    )
    yield from said(
        f"Hostility by the numbers in use, after {last}: {in_use.said:.0f} said, "
        f"{in_use.found:.0f} found (between states at war, years with force)."
    )
    bins: list[tuple[str, ...]] = [("hostility", "dyad-years", "said", "found")]
    for low, high, count, expected, found in in_use.bins:
        bins.append(
            (f"{low:g} to {high:g}", f"{count:,}", f"{expected:.0f}", f"{found:.0f}")
        )
    yield from ["", *table(bins, "<>>>")]
