"""Files of parameters: what `balance-sim evidence fit` and `balance-sim evidence
calibrate` write.

The same record, fit and form give the same bytes: nothing in a file tells when or where
it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.data.table import ReadReport
from balance_sim.evidence.estimation.beliefs import Profile
from balance_sim.evidence.estimation.calibration import (
    CalibrationPosterior,
    Form,
    Prior,
)
from balance_sim.evidence.estimation.choices import (
    BETWEEN,
    NOT_ON_RECORD,
    SIGNED,
    WITHIN,
    OwnRecord,
    part_of,
    term_of,
)
from balance_sim.evidence.estimation.fitting import Conflict, WeightFit
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
WEIGHTS = "theory.weights."


def key_path(name: str) -> str:
    """Where a fitted parameter stands in a scenario: `theory.weights.size`,
    `kinds.logistics.intercept`."""
    term, _, kind = term_of(name).partition(".")
    return f"kinds.{kind}.intercept" if kind else f"{WEIGHTS}{term}"


def labelled(name: str) -> str:
    """The same, with the part where it is one: `theory.weights.hostility (within)`."""
    return key_path(name) + name.removeprefix(term_of(name))


def _short(value: float | Floats, digits: int = FITTED_DIGITS) -> float:
    """So many significant digits."""
    return float(f"{float(value):.{digits}g}")


def _estimate(
    value: float | Floats, error: float | Floats, digits: int = FITTED_DIGITS
) -> dict[str, object]:
    return {"estimate": _short(value, digits), "standard_error": _short(error, digits)}


def _rows(matrix: Floats, digits: int = FITTED_DIGITS) -> list[list[float]]:
    return [[_short(value, digits) for value in row] for row in matrix]


# --- fits -----------------------------------------------------------------------------


def fitted_record(
    fit: WeightFit,
    history: History,
    command: str = "",
    version: str = "",
    profiles: Sequence[Profile] = (),
    joint: Sequence[Profile] = (),
    whole: WeightFit | None = None,
) -> dict[str, object]:
    """Everything the file of a fit holds, as plain values. fit: may hold terms in two
    parts, between and within dyads: the weight is the first, and `change_` the second
    as a share of it. profiles: of parameters of beliefs and reach, one at a time;
    joint: of those that the record tells, at the values that the weights were fitted
    with. whole: the fit of the same terms in one piece."""
    columns = _weight_columns(fit)
    paths = [key_path(fit.names[k]) for k in columns]
    covariance = fit.of_estimate[np.ix_(columns, columns)]
    members = zip(fit.states, fit.propensity, fit.seen, strict=True)
    signed = [path for path in paths if path.removeprefix(WEIGHTS) in SIGNED]
    return {
        "fitted": {"command": command, "version": version, **_summary(fit)},
        "data": data_used(history),
        "parameters": _parameters(fit, joint),
        "in_conflict": {
            labelled(term.name): _conflict(term) | {"theory": "0 or more"}
            for term in fit.conflicts
        },
        "within_and_between": _parts(fit),
        "whole_terms": {} if whole is None else _whole(whole),
        "beliefs": {curve.path: _profiled(curve) for curve in profiles},
        "not_fitted": {key_path(name): why for name, why in NOT_ON_RECORD.items()},
        "weakly_told": [str(direction) for direction in fit.flat],
        "at_least_zero": signed if fit.signs else [],
        "covariance": {"names": paths, "matrix": _rows(covariance)},
        "propensities": {
            code: _short(value) for code, value, is_seen in members if is_seen
        },
        "levels": {int(year): _short(value) for year, value in fit.level.items()},
    }


def _weight_columns(fit: WeightFit) -> list[int]:
    """Positions of the parameters without parts within dyads."""
    suffix = f" ({WITHIN})"
    return [k for k, name in enumerate(fit.names) if not name.endswith(suffix)]


def _summary(fit: WeightFit) -> dict[str, object]:
    """What was fitted on how much, and how well."""
    is_clustered = fit.cluster_covariance is not None
    errors = "clustered by pair" if is_clustered else "second derivatives"
    return {
        "period": [int(year) for year in fit.years],
        "pair_years": fit.rows,
        "accords": fit.agreements,
        "log_likelihood": _short(fit.log_likelihood),
        "marginal_log_likelihood": _short(fit.marginal),
        "aic": _short(fit.aic),
        "standard_errors": errors,
        "propensity_variance": _short(fit.propensity_variance),
        "level_variance": _short(fit.level_variance),
    }


def _parameters(fit: WeightFit, joint: Sequence[Profile]) -> dict[str, object]:
    """By key path the estimate of each weight and intercept, of the shares of change,
    and of the parameters of beliefs that were fitted with them."""
    parameters: dict[str, object] = {}
    for k in _weight_columns(fit):
        name, value, error = fit.table[k]
        parameters[key_path(name)] = _estimate(value, error)
    for term, (share, error) in shares_of_change(fit).items():
        parameters[f"parameters.change_{term}"] = _estimate(share, error)
    for curve in joint:
        interval = [_short(curve.low), _short(curve.high)]
        best = _short(curve.best)
        parameters[curve.path] = {"estimate": best, "interval": interval}
    return parameters


def _conflict(term: Conflict) -> dict[str, object]:
    return _estimate(term.estimate, term.standard_error)


def _profiled(curve: Profile) -> dict[str, object]:
    """What the record says of one parameter. A bound is null where the likelihood has
    not fallen far enough by the end of the range."""
    low = None if curve.open_below else _short(curve.low)
    high = None if curve.open_above else _short(curve.high)
    ends = float(curve.points[0]), float(curve.points[-1])
    return {
        "verdict": curve.verdict,
        "in_use": _short(curve.shipped),
        "best": _short(curve.best),
        "interval": [low, high],
        "range": [_short(end) for end in ends],
        "log_likelihood_gain": _short(curve.gain),
    }


def _parts(fit: WeightFit) -> dict[str, dict[str, object]]:
    """Estimate and standard error of each part of each term that was fitted in two."""
    by_term: dict[str, dict[str, object]] = {}
    for name, value, error in fit.table:
        for part in (BETWEEN, WITHIN):
            if name == part_of(term_of(name), part):
                of_term = by_term.setdefault(key_path(name), {})
                of_term[part] = _estimate(value, error)
    return by_term


def shares_of_change(fit: WeightFit) -> dict[str, tuple[float, float]]:
    """By term: the weight within as a share of that between, and its standard error
    (delta method).

    0 where the weight within is in conflict with theory; none where the weight between
    is."""
    covariance = fit.of_estimate
    conflicts = {conflict.name: conflict for conflict in fit.conflicts}
    shares: dict[str, tuple[float, float]] = {}
    for k, name in enumerate(fit.names):
        term = name.removesuffix(f" ({BETWEEN})")
        if term == name:
            continue
        between_weight, within_name = float(fit.estimate[k]), part_of(term, WITHIN)
        if within_name in conflicts:
            error = conflicts[within_name].standard_error
            shares[term] = (0.0, error / abs(between_weight))
            continue
        w = fit.names.index(within_name)
        share = float(fit.estimate[w]) / between_weight
        squares = covariance[w, w] + share**2 * covariance[k, k]
        variance = squares - 2.0 * share * covariance[w, k]
        shares[term] = (share, float(np.sqrt(variance)) / abs(between_weight))
    return shares


def _whole(whole: WeightFit) -> dict[str, object]:
    """The weights of threat with each term in one piece, to compare."""
    estimates = {
        key_path(name): _estimate(value, error)
        for name, value, error in whole.table
        if name in SIGNED
    }
    conflicts = {key_path(term.name): _conflict(term) for term in whole.conflicts}
    return {
        "marginal_log_likelihood": _short(whole.marginal),
        **estimates,
        "in_conflict": conflicts,
    }


# --- files of data --------------------------------------------------------------------


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
        record["dropped"] = {loss.reason: loss.count for loss in report.dropped}
    record["sha256"] = _sha256(report.path)
    return record


def _sha256(path: str) -> str:
    """Of a file; empty where it cannot be read any more."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


# --- calibrations ---------------------------------------------------------------------


def calibration_record(
    scenario: Scenario,
    record: OwnRecord,
    posterior: CalibrationPosterior,
    prior: Prior,
    form: Form,
    command: str,
    version: str,
) -> dict[str, object]:
    """Everything the file of a calibration holds, as plain values in a fixed order.
    scenario: without a calibration."""
    first = next(iter(record.starts.values()))
    return {
        "calibrated": {
            "command": command,
            "version": version,
            "start": scenario.start.isoformat(),
            "years": [first.isoformat(), record.until.isoformat()],
            "agreements": posterior.agreements,
            "data_sha256": record_digest(scenario),
            "weights_sha256": weights_digest(),
            "form": vars(form),
        },
        "variances": _variances(posterior),
        **_calibrated_parameters(posterior, prior),
        **_calibrated_states(posterior),
        "dyads": _calibrated_dyads(posterior),
        "levels": {
            record.starts[year].isoformat(): _short(level, CALIBRATED_DIGITS)
            for year, level in posterior.level.items()
        },
        "covariance": {
            "names": [key_path(name) for name in posterior.names],
            "matrix": _rows(posterior.covariance, CALIBRATED_DIGITS),
        },
    }


def _variances(posterior: CalibrationPosterior) -> dict[str, float]:
    variances = {
        "states": posterior.state_variance[0, 0],
        "declarations": posterior.state_variance[-1, -1],
        "covariance": posterior.state_variance[0, -1],
        "dyads": posterior.dyad_variance,
        "level": posterior.level_variance,
    }
    return {name: _short(value, CALIBRATED_DIGITS) for name, value in variances.items()}


def _calibrated_parameters(
    posterior: CalibrationPosterior, prior: Prior
) -> dict[str, object]:
    """Weights that the record may move, with their prior means, and intercepts."""
    errors = np.sqrt(np.diag(posterior.covariance))
    error = dict(zip(posterior.names, errors, strict=True))
    count = len(posterior.names) - len(posterior.kinds)
    weights = {}
    for name in posterior.names[:count]:
        value = posterior.weights[name]
        mean = {"prior": _short(prior.weights[name], CALIBRATED_DIGITS)}
        weights[name] = _estimate(value, error[name], CALIBRATED_DIGITS) | mean
    intercepts = {
        kind: _estimate(value, error[f"intercept.{kind}"], CALIBRATED_DIGITS)
        for kind, value in posterior.intercepts.items()
    }
    return {"weights": weights, "intercepts": intercepts}


def _calibrated_states(posterior: CalibrationPosterior) -> dict[str, object]:
    """Random intercepts of states for security agreements, and what is added to them
    for declarations."""
    effects, among = posterior.propensity, posterior.propensity_covariance
    variance = among[0, 0] + among[-1, -1] - 2 * among[0, -1]

    def by_state(values: Floats, variances: Floats) -> dict[str, object]:
        errors = np.sqrt(variances)
        return {
            code: _estimate(values[k], errors[k], CALIBRATED_DIGITS)
            for k, code in enumerate(posterior.states)
        }

    added = effects[-1] - effects[0]
    return {
        "states": by_state(effects[0], among[0, 0]),
        "declarations": by_state(added, np.maximum(variance, 0.0)),
    }


def _calibrated_dyads(posterior: CalibrationPosterior) -> dict[str, list[float]]:
    """By dyad the mean of its factor and the shape of its gamma posterior; none where
    all factors are 1."""
    if posterior.dyad_variance == 0:
        return {}
    states, factor, (shape, _) = posterior.states, posterior.factor, posterior.gamma
    dyads = {}
    for i, j in combinations(range(len(states)), 2):
        values = factor[i, j], shape[i, j]
        short = [_short(value, CALIBRATED_DIGITS) for value in values]
        dyads[f"{states[i]}-{states[j]}"] = short
    return dyads


# --- YAML -----------------------------------------------------------------------------


def fitted_text(record: dict[str, object], head: str = FITTED_HEAD) -> str:
    """One YAML document; lists of numbers on one line, the matrix a row a line."""

    def is_flat(data: Any) -> bool:
        return isinstance(data, list) and all(map(_is_number, data))

    return head + _dumped(record, is_flat)


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def calibration_text(record: dict[str, object]) -> str:
    """One YAML document; lists, and mappings of numbers, on one line each."""

    def is_flat(data: Any) -> bool:
        if isinstance(data, dict):
            return "estimate" in data
        return not any(isinstance(item, list) for item in data)

    return CALIBRATION_HEAD + _dumped(record, is_flat)


def _dumped(record: dict[str, object], is_flat: Callable[[Any], bool]) -> str:
    """YAML with the lists and mappings on one line of which `is_flat` says so."""

    class Dumper(yaml.SafeDumper):
        """One of its own, whose representers nobody else has."""

    def sequence(dumper: Dumper, data: Iterable[Any]) -> yaml.Node:
        return dumper.represent_sequence("tag:yaml.org,2002:seq", data, is_flat(data))

    def mapping(dumper: Dumper, data: dict[Any, Any]) -> yaml.Node:
        items, flow = data.items(), is_flat(data)
        return dumper.represent_mapping("tag:yaml.org,2002:map", items, flow)

    Dumper.add_representer(list, sequence)
    Dumper.add_representer(dict, mapping)
    return yaml.dump(
        record, Dumper=Dumper, sort_keys=False, width=1_000_000, allow_unicode=True
    )
