"""A fit of the two-sided choice as plain values, as a file and as lines for a terminal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from balance_sim.evidence.coordination import CoordinationFit
from balance_sim.evidence.events import EventData, event_days


def coordination_record(
    fit: CoordinationFit, data: EventData, title: str = "", command: str = "", version: str = ""
) -> dict[str, object]:
    """Everything that is found: the fit, its covariance, and what was read and left out."""
    dates = data.events["date"]
    present = [int(day.present.sum()) for day in event_days(data)]
    return {
        "model": "coordination",
        "title": title,
        "fitted": {
            "command": command,
            "version": version,
            "period": [str(dates.min().date()), str(dates.max().date())],
            "events": fit.events,
            "moments": len(present),
            "actors": len(data.actors),
            "present": [min(present), max(present)],
            "log_likelihood": fit.log_likelihood,
            "log_likelihood_null": fit.log_likelihood_null,
            "aic": fit.aic,
            "iterations": fit.iterations,
            "largest_score": fit.largest_score,
            "standard_errors": "observed information",
        },
        "data": [
            {
                "source": report.source,
                "file": Path(report.path).name,
                "rows": report.rows_kept,
                "dropped": {one.reason: one.count for one in report.dropped},
                "sha256": _sha256(report.path),
            }
            for report in data.reports
        ],
        "notes": [*data.notes, *_imputed(fit)],
        "effects": [
            {name: _plain(value) for name, value in row.items()} for row in fit.table().to_dict("records")
        ],
        "covariance": {"names": list(fit.effects), "matrix": fit.covariance.tolist()},
        "fisher_covariance": {"names": list(fit.effects), "matrix": fit.fisher_covariance.tolist()},
    }


def coordination_lines(fit: CoordinationFit, data: EventData) -> list[str]:
    """The fit for a terminal: what was read, estimates, both standard errors, z."""
    about = coordination_record(fit, data)["fitted"]
    assert isinstance(about, dict)
    low, high = about["present"]
    first, last = about["period"]
    width = max(28, *(len(name) for name in fit.effects))
    lines = [
        f"{fit.events} events at {about['moments']} moments, {first} to {last}",
        f"{about['actors']} actors, {low} to {high} of them present",
        f"log-likelihood {fit.log_likelihood:.3f} (no effect {fit.log_likelihood_null:.3f}), AIC {fit.aic:.3f}",
        "",
        f"{'effect':<{width}}{'estimate':>10}{'s.e.':>9}{'z':>8}{'s.e. (expected)':>16}",
    ]
    lines += [
        f"{row.effect:<{width}}{row.estimate:>10.4f}{row.standard_error:>9.4f}{row.z:>8.2f}"
        f"{row.fisher_standard_error:>16.4f}"
        for row in fit.table().itertuples(index=False)
    ]
    notes = [*data.notes, *_imputed(fit)]
    for report in data.reports:
        name = Path(report.path).name
        notes += report.losses
        notes += [f"{name}: {note}" for note in report.notes]
    return [*lines, "", *(f"note: {note}" for note in dict.fromkeys(notes))] if notes else lines


def _imputed(fit: CoordinationFit) -> list[str]:
    return [
        f"{name}: {share:.1%} of its cells were blank and took the mean"
        for name, share in fit.imputed.items()
    ]


def _plain(value: object) -> object:
    return float(value) if isinstance(value, float | np.floating) else value


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


__all__ = ["coordination_lines", "coordination_record"]
