"""Files of parameters: what `balance-sim evidence fit` and `balance-sim evidence
calibrate` write.

The same record, fit and form give the same bytes: nothing in a file tells when or where
it was made."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.data.table import ReadReport
from balance_sim.evidence.estimation.calibration import (
    DISCOUNT,
    LEVEL_MEMORY,
    CalibrationPosterior,
    Prior,
)
from balance_sim.evidence.estimation.choices import (
    SIGNED,
    OwnRecord,
)
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.schema import Scenario

FITTED_HEAD = "# Fitted by balance-sim. Estimates in nats; see docs/evidence.md.\n"
CALIBRATION_HEAD = """\
# Written by `balance-sim evidence calibrate`. Posterior means of the scenario's own
# record, nats; dyads: [mean factor on the rate, shape of its gamma posterior]. See
# docs/evidence.md. After a change of the record or of the fitted weights, run it again.
"""
FITTED_DIGITS, CALIBRATED_DIGITS = 8, 6
"""Significant digits: more would be noise of the search, and not the same on every
machine."""


def key_path(name: str) -> str:
    """Where a fitted parameter stands in a scenario: `theory.weights.size`,
    `kinds.logistics.intercept`."""
    term, _, kind = name.partition(".")
    return f"kinds.{kind}.intercept" if kind else f"theory.weights.{term}"


def rounded(record: dict[str, Any], digits: int) -> dict[str, Any]:
    """A record as plain values, its numbers with fractions to so many significant
    digits, None for what is no number, keys as they are."""
    return {key: _rounded(value, digits) for key, value in record.items()}


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return rounded(value, digits)
    if isinstance(value, list | tuple):
        return [_rounded(entry, digits) for entry in value]
    if isinstance(value, np.ndarray):
        return _rounded(value.tolist(), digits)
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def _estimate(value: float, error: float) -> dict[str, float]:
    return {"estimate": float(value), "standard_error": float(error)}


# --- fits -----------------------------------------------------------------------------


def fitted_record(
    fit: WeightFit, history: History, made_by: Mapping[str, str]
) -> dict[str, object]:
    """Everything the file of a fit holds, as plain values. made_by: command and
    version."""
    table = list(fit.table)
    columns = [fit.names.index(name) for name, _, _ in table]
    parameters = {key_path(name): _estimate(*numbers) for name, *numbers in table}
    conflicts = {}
    for name, *numbers in fit.conflicts:
        conflicts[key_path(name)] = {**_estimate(*numbers), "theory": "0 or more"}
    record = {
        "fitted": {
            **made_by,
            "period": list(fit.years),
            "pair_years": fit.rows,
            "accords": fit.agreements,
            "log_likelihood": fit.log_likelihood,
            "marginal_log_likelihood": fit.marginal,
            "aic": fit.aic,
            "standard_errors": "clustered by pair",
            "propensity_variance": fit.propensity_variance,
            "level_variance": fit.level_variance,
        },
        "data": data_used(history),
        "parameters": parameters,
        "in_conflict": conflicts,
        "weakly_told": list(fit.flat),
        "at_least_zero": [key_path(name) for name, _, _ in table if name in SIGNED],
        "covariance": {
            "names": [key_path(name) for name, _, _ in table],
            "matrix": fit.covariance[np.ix_(columns, columns)],
        },
    }
    return rounded(record, FITTED_DIGITS)


def data_used(history: History) -> list[dict[str, object]]:
    """Every file that was read: source, name, rows kept, rows left out by reason,
    sha256."""
    return [file_record(report) for report in history.reports]


def file_record(report: ReadReport) -> dict[str, object]:
    """What a fit's file says of one file that was read."""
    record: dict[str, object] = {
        "source": report.source,
        "file": Path(report.path).name,
        "rows": report.rows_kept,
    }
    if report.dropped:
        record["dropped"] = dict(report.dropped)
    return record | {
        "sha256": hashlib.sha256(Path(report.path).read_bytes()).hexdigest()
    }


# --- calibrations ---------------------------------------------------------------------


def calibration_record(
    scenario: Scenario,
    record: OwnRecord,
    posterior: CalibrationPosterior,
    prior: Prior,
    window: int,
    made_by: Mapping[str, str],
) -> dict[str, object]:
    """Everything the file of a calibration holds, as plain values in a fixed order.
    scenario: without a calibration. No dyad has a factor of its own: a file may hold
    some all the same."""
    variance, first = posterior.state_variance, next(iter(record.starts.values()))
    errors = dict(
        zip(posterior.names, np.sqrt(np.diag(posterior.covariance)), strict=True)
    )
    weights, intercepts = {}, {}
    for name in posterior.names:
        term, _, kind = name.partition(".")
        if kind:
            intercepts[kind] = _estimate(posterior.intercepts[kind], errors[name])
        else:
            estimate = _estimate(posterior.weights[term], errors[name])
            weights[term] = estimate | {"prior": prior.weights[term]}
    content = {
        "calibrated": {
            **made_by,
            "start": scenario.start.isoformat(),
            "years": [first.isoformat(), record.until.isoformat()],
            "agreements": posterior.agreements,
            "data_sha256": record_digest(scenario),
            "weights_sha256": weights_digest(),
            "form": {
                "window": window,
                "level_memory": LEVEL_MEMORY,
                "discount": DISCOUNT,
                "dyads": False,
            },
        },
        "variances": {
            "states": float(variance[0, 0]),
            "declarations": float(variance[-1, -1]),
            "covariance": float(variance[0, -1]),
            "dyads": 0.0,
            "level": posterior.level_variance,
        },
        "weights": weights,
        "intercepts": intercepts,
        **_of_states(posterior),
        "dyads": {},
        "levels": {
            record.starts[year].isoformat(): level
            for year, level in posterior.level.items()
        },
        "covariance": {
            "names": [key_path(name) for name in posterior.names],
            "matrix": posterior.covariance,
        },
    }
    return rounded(content, CALIBRATED_DIGITS)


def _of_states(posterior: CalibrationPosterior) -> dict[str, dict[str, object]]:
    """Random intercepts of states for security agreements, and what is added to them
    for declarations."""
    effects, among = posterior.propensity, posterior.propensity_covariance
    added_variance = among[0, 0] + among[-1, -1] - 2 * among[0, -1]
    columns: dict[str, tuple[Floats, Floats]] = {
        "states": (effects[0], among[0, 0]),
        "declarations": (effects[-1] - effects[0], np.maximum(added_variance, 0.0)),
    }
    return {
        name: {
            code: _estimate(value, error)
            for code, value, error in zip(
                posterior.states, values, np.sqrt(variances), strict=True
            )
        }
        for name, (values, variances) in columns.items()
    }


def fitted_text(record: dict[str, object], head: str = FITTED_HEAD) -> str:
    """One YAML document below its head; lists and mappings of plain values on one line,
    a matrix a row a line."""
    text = yaml.safe_dump(
        record,
        sort_keys=False,
        default_flow_style=None,
        width=1_000_000,
        allow_unicode=True,
    )
    return head + text
