"""Fitted parameters as a file: what `balance-sim fit` writes and `hindcast` and a user read back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.profiles import Profile
from balance_sim.evidence.estimation.choices import BETWEEN, NOT_ON_RECORD, SIGNED, WITHIN, part_of, term_of
from balance_sim.evidence.estimation.fitting import Fit


def key_path(name: str) -> str:
    """Where a fitted parameter stands in a scenario: `theory.weights.size`, `kinds.logistics.intercept`."""
    term, _, kind = term_of(name).partition(".")
    return f"kinds.{kind}.intercept" if kind else f"theory.weights.{term}"


def labelled(name: str) -> str:
    """The same, with the part where it is one: `theory.weights.hostility (within)`."""
    return key_path(name) + name.removeprefix(term_of(name))


def fitted_record(
    fit: Fit,
    history: History,
    command: str = "",
    version: str = "",
    profiles: Sequence[Profile] = (),
    joint: Sequence[Profile] = (),
    whole: Fit | None = None,
) -> dict[str, object]:
    """Everything the file holds, as plain values. profiles: of parameters of beliefs and reach, one at a time;
    joint: of those that the record tells, at the values that the weights were fitted with. fit: may hold terms
    in two parts, between and within dyads: the weight is the first, and `change_` the second as a share of it. whole:
    the fit of the same terms in one piece."""
    kept = [k for k, name in enumerate(fit.names) if not name.endswith(f" ({WITHIN})")]
    paths = [key_path(fit.names[k]) for k in kept]
    estimate, error = fit.estimate[kept], fit.standard_error[kept]
    covariance = covariance_of(fit)[np.ix_(kept, kept)]
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
            for path, value, one in zip(paths, estimate, error, strict=True)
        }
        | {
            f"parameters.change_{term}": {"estimate": _short(value), "standard_error": _short(one)}
            for term, (value, one) in shares_of_change(fit).items()
        }
        | {
            one.path: {"estimate": _short(one.best), "interval": [_short(one.low), _short(one.high)]}
            for one in joint
        },
        "in_conflict": {
            labelled(one.name): {
                "estimate": _short(one.estimate),
                "standard_error": _short(one.standard_error),
                "theory": "0 or more",
            }
            for one in fit.conflicts
        },
        "within_and_between": _parts(fit),
        "whole_terms": {} if whole is None else _whole(whole),
        "beliefs": {one.path: _told(one) for one in profiles},
        "not_fitted": {key_path(name): why for name, why in NOT_ON_RECORD.items()},
        "weakly_told": [str(way) for way in fit.flat],
        "at_least_zero": [
            path for path in paths if fit.signs and path.removeprefix("theory.weights.") in SIGNED
        ],
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


def covariance_of(fit: Fit) -> Floats:
    """Clustered by pair where that was asked for."""
    return fit.covariance if fit.cluster_covariance is None else fit.cluster_covariance


def shares_of_change(fit: Fit) -> dict[str, tuple[float, float]]:
    """By term: the weight within as a share of that between, and its standard error (delta method).

    0 where the weight within is in conflict with theory; none where the weight between is."""
    covariance, found = covariance_of(fit), {}
    conflicts = {one.name: one for one in fit.conflicts}
    for k, name in enumerate(fit.names):
        term = name.removesuffix(f" ({BETWEEN})")
        if term == name:
            continue
        level, other = float(fit.estimate[k]), part_of(term, WITHIN)
        if other in conflicts:
            found[term] = (0.0, conflicts[other].standard_error / abs(level))
            continue
        w = fit.names.index(other)
        share = float(fit.estimate[w]) / level
        variance = covariance[w, w] + share**2 * covariance[k, k] - 2.0 * share * covariance[w, k]
        found[term] = (share, float(np.sqrt(variance)) / abs(level))
    return found


def _whole(whole: Fit) -> dict[str, object]:
    """The weights of threat with each term in one piece, to compare."""
    told = zip(whole.names, whole.estimate, whole.standard_error, strict=True)
    return {
        "marginal_log_likelihood": _short(whole.marginal),
        **{
            key_path(name): {"estimate": _short(value), "standard_error": _short(one)}
            for name, value, one in told
            if name in SIGNED
        },
        "in_conflict": {
            key_path(one.name): {
                "estimate": _short(one.estimate),
                "standard_error": _short(one.standard_error),
            }
            for one in whole.conflicts
        },
    }


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


def _short(value: float) -> float:
    return float(f"{value:.8g}")


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def parts_lines(parts: Fit, whole: Fit) -> list[str]:
    """What terms in two parts and terms in one piece say of threat, for a terminal."""
    lines = ["", "a change as a share of what the level counts (within over between dyads):"]
    for term, (share, one) in shares_of_change(parts).items():
        lines.append(f"{'parameters.change_' + term:<44}{share:>10.4f}{one:>9.4f}")
    gain = parts.marginal - whole.marginal
    lines += ["", f"terms in one piece, marginal log-likelihood {whole.marginal:.1f}, {gain:.1f} lower:"]
    for name, value, one in zip(whole.names, whole.estimate, whole.standard_error, strict=True):
        if name in SIGNED:
            lines.append(f"{key_path(name):<44}{value:>10.4f}{one:>9.4f}{value / one:>8.2f}")
    return lines


def summary_lines(fit: Fit, history: History) -> list[str]:
    """The fit for a terminal: estimate, standard error, z, and what the record leaves open."""
    error = fit.standard_error
    lines = [
        f"{fit.rows} pairs and years, {fit.accords} accords, {fit.years[0]}-{fit.years[1]}",
        f"{int(fit.seen.sum())} states; log-likelihood {fit.log_likelihood:.1f}, marginal {fit.marginal:.1f}, "
        f"AIC {fit.aic:.1f}",
        "",
        f"{'parameter':<44}{'estimate':>10}{'s.e.':>9}{'z':>8}",
    ]
    for name, value, one in zip(fit.names, fit.estimate, error, strict=True):
        lines.append(f"{labelled(name):<44}{value:>10.4f}{one:>9.4f}{value / one:>8.2f}")
    for bad in fit.conflicts:
        value, one = bad.estimate, bad.standard_error
        lines.append(
            f"{labelled(bad.name):<44}{value:>10.4f}{one:>9.4f}{value / one:>8.2f}  in conflict, kept at 0"
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


__all__ = ["fitted_record", "key_path", "parts_lines", "summary_lines"]
