"""Fitted parameters as a file: what `balance-sim fit` writes and `hindcast` and a user read back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import yaml

from balance_sim.evidence.choices import BETWEEN, NOT_ON_RECORD, SIGNED, WITHIN
from balance_sim.evidence.fitting import Fit
from balance_sim.evidence.history import History
from balance_sim.evidence.profiles import Profile

HEAD = "# Fitted by balance-sim. Estimates in nats; see docs/evidence.md.\n"


def key_path(name: str) -> str:
    """Where a fitted parameter stands in a scenario: `theory.weights.size`, `kinds.logistics.intercept`."""
    term, _, kind = name.partition(".")
    return f"kinds.{kind}.intercept" if kind else f"theory.weights.{term}"


def fitted_record(
    fit: Fit,
    history: History,
    command: str = "",
    version: str = "",
    profiles: Sequence[Profile] = (),
    joint: Sequence[Profile] = (),
    parts: Fit | None = None,
) -> dict[str, object]:
    """Everything the file holds, as plain values. profiles: of parameters of beliefs and reach, one at a time;
    joint: of those that the record tells, at the values that the weights were fitted with. parts: the fit with threat
    within and between dyads apart."""
    paths = [key_path(name) for name in fit.names]
    error = fit.standard_error
    covariance = fit.covariance if fit.cluster_covariance is None else fit.cluster_covariance
    return {
        "fitted": {
            "command": command,
            "version": version,
            "period": [int(fit.years[0]), int(fit.years[1])],
            "pair_years": fit.rows,
            "accords": fit.accords,
            "log_likelihood": _short(fit.log_likelihood),
            "marginal_log_likelihood": _short(fit.marginal),
            "aic": _short(fit.aic),
            "standard_errors": "second derivatives"
            if fit.cluster_covariance is None
            else "clustered by pair",
            "propensity_variance": _short(fit.propensity_variance),
            "level_variance": _short(fit.level_variance),
        },
        "data": data_used(history),
        "parameters": {
            path: {"estimate": _short(value), "standard_error": _short(one)}
            for path, value, one in zip(paths, fit.estimate, error, strict=True)
        }
        | {
            one.path: {"estimate": _short(one.best), "interval": [_short(one.low), _short(one.high)]}
            for one in joint
        },
        "in_conflict": {
            key_path(one.name): {
                "estimate": _short(one.estimate),
                "standard_error": _short(one.standard_error),
                "theory": "0 or more",
            }
            for one in fit.conflicts
        },
        "within_and_between": {} if parts is None else _parts(parts),
        "beliefs": {one.path: _told(one) for one in profiles},
        "not_fitted": {key_path(name): why for name, why in NOT_ON_RECORD.items()},
        "weakly_told": [str(way) for way in fit.flat],
        "at_least_zero": [key_path(name) for name in fit.names if fit.signs and name in SIGNED],
        "covariance": {
            "names": paths,
            "matrix": [[_short(value) for value in row] for row in covariance],
        },
        "propensities": {
            code: _short(value)
            for code, value, seen in zip(fit.states, fit.propensity, fit.seen, strict=True)
            if seen
        },
        "levels": {int(year): _short(value) for year, value in fit.level.items()},
    }


def _told(one: Profile) -> dict[str, object]:
    """What the record says of one parameter. A bound is null where the likelihood has not fallen far enough by
    the end of the range."""
    low = None if one.open_below else _short(one.low)
    high = None if one.open_above else _short(one.high)
    return {
        "verdict": one.verdict,
        "in_use": _short(one.shipped),
        "best": _short(one.best),
        "interval": [low, high],
        "range": [_short(float(one.points[0])), _short(float(one.points[-1]))],
        "log_likelihood_gain": _short(one.gain),
    }


def _parts(parts: Fit) -> dict[str, dict[str, object]]:
    """Estimate and standard error of each part of each term that was fitted in two."""
    found: dict[str, dict[str, object]] = {}
    for name, value, error in zip(parts.names, parts.estimate, parts.standard_error, strict=True):
        for part in (BETWEEN, WITHIN):
            term = name.removesuffix(f" ({part})")
            if term != name:
                told = {"estimate": _short(value), "standard_error": _short(error)}
                found.setdefault(key_path(term), {})[part] = told
    return found


def data_used(history: History) -> list[dict[str, object]]:
    """Every file that was read: source, name, rows kept, rows left out by reason, sha256."""
    return [
        {
            "source": report.source,
            "file": Path(report.path).name,
            "rows": report.rows_kept,
            **({"dropped": {one.reason: one.count for one in report.dropped}} if report.dropped else {}),
            "sha256": _sha256(report.path),
        }
        for report in history.reports
    ]


def fitted_text(record: dict[str, object]) -> str:
    """One YAML document; the matrix a row a line."""
    return HEAD + yaml.dump(record, Dumper=_Rows, sort_keys=False, width=1_000_000, allow_unicode=True)


class _Rows(yaml.SafeDumper):
    """Lists of numbers on one line, everything else below each other."""


def _sequence(dumper: yaml.SafeDumper, value: Sequence[object]) -> yaml.Node:
    flat = all(item is None or isinstance(item, int | float) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flat)


_Rows.add_representer(list, _sequence)


def _short(value: float) -> float:
    return float(f"{value:.8g}")


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def parts_lines(parts: Fit) -> list[str]:
    """The two parts of threat for a terminal."""
    lines = ["", "threat between dyads (mean so far) and within them (departure from it), fitted apart:"]
    for name, value, one in zip(parts.names, parts.estimate, parts.standard_error, strict=True):
        if name.endswith(")"):
            lines.append(f"{key_path(name):<44}{value:>10.4f}{one:>9.4f}{value / one:>8.2f}")
    return [*lines, f"marginal log-likelihood {parts.marginal:.1f}"]


def summary_lines(fit: Fit, history: History) -> list[str]:
    """The fit for a terminal: estimate, standard error, z, and what the record leaves open."""
    error = fit.standard_error
    lines = [
        f"{fit.rows} pairs and years, {fit.accords} accords, {fit.years[0]}-{fit.years[1]}",
        f"{int(fit.seen.sum())} states; log-likelihood {fit.log_likelihood:.1f}, AIC {fit.aic:.1f}",
        "",
        f"{'parameter':<44}{'estimate':>10}{'s.e.':>9}{'z':>8}",
    ]
    for name, value, one in zip(fit.names, fit.estimate, error, strict=True):
        lines.append(f"{key_path(name):<44}{value:>10.4f}{one:>9.4f}{value / one:>8.2f}")
    for one in fit.conflicts:
        path, z = key_path(one.name), one.estimate / one.standard_error
        lines.append(
            f"{path:<44}{one.estimate:>10.4f}{one.standard_error:>9.4f}{z:>8.2f}  in conflict, kept at 0"
        )
    lines.append(f"{'propensities: variance':<44}{fit.propensity_variance:>10.4f}")
    if fit.level:
        lines.append(f"{'levels of years: variance':<44}{fit.level_variance:>10.4f}")
    if fit.flat:
        lines += ["", "weakly told apart by the record:", *(f"  {way}" for way in fit.flat)]
    lines += ["", "not fitted:", *(f"  {key_path(name)}: {why}" for name, why in NOT_ON_RECORD.items())]
    lines += [f"note: {note}" for note in history.notes]
    lines += [f"note: {line}" for report in history.reports for line in report.losses]
    return lines


__all__ = ["fitted_record", "fitted_text", "key_path", "parts_lines", "summary_lines"]
