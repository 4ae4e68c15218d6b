"""A fit of the two-sided choice as plain values, as a file and as lines for a terminal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from balance_sim.coordination.choice import CoordinationFit
from balance_sim.coordination.events import EventData

STANDARD_ERRORS: Mapping[str, Mapping[str, str]] = {
    "observed": {
        "key": "standard_error",
        "covariance": "covariance",
        "from": "the inverse of the observed information, minus the Hessian at the maximum",
        "compares_with": "programs that fit by Newton's method or report a numerical Hessian (optim in R, Stata's oim)",
    },
    "expected": {
        "key": "fisher_standard_error",
        "covariance": "fisher_covariance",
        "from": "the inverse of the expected (Fisher) information, the covariance of the scores under the model",
        "compares_with": "programs that fit by Fisher scoring (goldfish in R)",
    },
}
"""Both kinds of standard errors: where they stand, where they come from, which programs report the same."""


def coordination_record(
    fit: CoordinationFit,
    data: EventData,
    title: str = "",
    command: str = "",
    version: str = "",
    options: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Everything that is found: the fit, its covariance, and what was read and left out. options: of the plan."""
    dates = data.events["date"]
    return {
        "model": "coordination",
        "title": title,
        "fitted": {
            "command": command,
            "version": version,
            "period": [str(dates.min().date()), str(dates.max().date())],
            "events": fit.events,
            "moments": fit.moments,
            "actors": len(data.actors),
            "present": [*fit.present],
            "log_likelihood": fit.log_likelihood,
            "log_likelihood_null": fit.log_likelihood_null,
            "aic": fit.aic,
            "iterations": fit.iterations,
            "largest_score": fit.largest_score,
            "standard_errors": "observed information",
            **({"options": dict(options)} if options else {}),
        },
        "standard_errors": {name: dict(kind) for name, kind in STANDARD_ERRORS.items()},
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
        "notes": [*dict.fromkeys([*data.notes, *_imputed(fit)])],
        "effects": [
            {name: _plain(value) for name, value in row.items()}
            | {f"standard_error_{name}": float(row[kind["key"]]) for name, kind in STANDARD_ERRORS.items()}
            for row in fit.table().to_dict("records")
        ],
        "covariance": {"names": list(fit.effects), "matrix": fit.covariance.tolist()},
        "fisher_covariance": {"names": list(fit.effects), "matrix": fit.fisher_covariance.tolist()},
    }


def coordination_lines(fit: CoordinationFit, data: EventData) -> list[str]:
    """The fit for a terminal: what was read, estimates, both standard errors, z, and what was left out."""
    width = max(28, *(len(name) for name in fit.effects))
    lines = [
        *read_lines(fit, data),
        f"log-likelihood {fit.log_likelihood:.3f} (no effect {fit.log_likelihood_null:.3f}), AIC {fit.aic:.3f}",
        "",
        f"{'':<{width}}{'':>10}{'standard error':>20}",
        f"{'effect':<{width}}{'estimate':>10}{'observed':>10}{'expected':>10}{'z':>8}",
    ]
    lines += [
        f"{row.effect:<{width}}{row.estimate:>10.4f}{row.standard_error:>10.4f}"
        f"{row.fisher_standard_error:>10.4f}{row.z:>8.2f}"
        for row in fit.table().itertuples(index=False)
    ]
    lines += [
        "",
        "observed: from minus the Hessian, as programs report that fit by Newton's",
        "  method or take a numerical Hessian; z = estimate / observed",
        "expected: from the Fisher information, as programs report that fit by",
        "  Fisher scoring (goldfish)",
    ]
    notes = note_lines(fit, data)
    return [*lines, "", *notes] if notes else lines


def read_lines(fit: CoordinationFit, data: EventData) -> list[str]:
    """How many events and actors there are."""
    first, last = (str(day.date()) for day in (data.events["date"].min(), data.events["date"].max()))
    low, high = fit.present
    return [
        f"{fit.events} events at {fit.moments} moments, {first} to {last}",
        f"{len(data.actors)} actors, {low} to {high} of them present",
    ]


def note_lines(fit: CoordinationFit, data: EventData) -> list[str]:
    """What was left out, filled or settled, a line each."""
    notes = [*data.notes, *_imputed(fit)]
    for report in data.reports:
        name = Path(report.path).name
        notes += report.losses
        notes += [f"{name}: {note}" for note in report.notes]
    return [f"note: {note}" for note in dict.fromkeys(notes)]


def _imputed(fit: CoordinationFit) -> list[str]:
    return [
        f"{name}: {share:.1%} of its cells were blank and took a mean" for name, share in fit.imputed.items()
    ]


def _plain(value: object) -> object:
    return float(value) if isinstance(value, float | np.floating) else value


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


__all__ = ["coordination_lines", "coordination_record", "note_lines", "read_lines"]
