"""Files of parameters: what `balance-sim evidence fit` and `balance-sim evidence calibrate` write.

The same record, fit and form give the same bytes: nothing in a file tells when or where
it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
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
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.schema import Scenario

FITTED_HEAD = "# Fitted by balance-sim. Estimates in nats; see docs/evidence.md.\n"
CALIBRATION_HEAD = """\
# Written by `balance-sim evidence calibrate`. Posterior means of the scenario's own record,
# nats; dyads: [mean factor on the rate, shape of its gamma posterior]. See
# docs/evidence.md. After a change of the record or of the fitted weights, run it again.
"""


def key_path(name: str) -> str:
    """Where a fitted parameter stands in a scenario: `theory.weights.size`,
    `kinds.logistics.intercept`."""
    term, _, kind = term_of(name).partition(".")
    return f"kinds.{kind}.intercept" if kind else f"theory.weights.{term}"


def labelled(name: str) -> str:
    """The same, with the part where it is one: `theory.weights.hostility (within)`."""
    return key_path(name) + name.removeprefix(term_of(name))


def _short(value: float | Floats, digits: int = 8) -> float:
    """So many significant digits: more would be noise of the search, and not the same
    on every machine."""
    return float(f"{float(value):.{digits}g}")


def _estimate(
    value: float | Floats, error: float | Floats, digits: int = 8
) -> dict[str, object]:
    return {"estimate": _short(value, digits), "standard_error": _short(error, digits)}


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
    kept = [k for k, name in enumerate(fit.names) if not name.endswith(f" ({WITHIN})")]
    paths = [key_path(fit.names[k]) for k in kept]
    covariance = fit.of_estimate[np.ix_(kept, kept)]
    estimates = zip(paths, fit.estimate[kept], fit.standard_error[kept], strict=True)
    return {
        "fitted": {
            "command": command,
            "version": version,
            "period": [int(fit.years[0]), int(fit.years[1])],
            "pair_years": fit.rows,
            "accords": fit.agreements,
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
        "parameters": {path: _estimate(*both) for path, *both in estimates}
        | {
            f"parameters.change_{term}": _estimate(*both)
            for term, both in shares_of_change(fit).items()
        }
        | {
            one.path: {
                "estimate": _short(one.best),
                "interval": [_short(one.low), _short(one.high)],
            }
            for one in joint
        },
        "in_conflict": {
            labelled(one.name): _estimate(one.estimate, one.standard_error)
            | {"theory": "0 or more"}
            for one in fit.conflicts
        },
        "within_and_between": _parts(fit),
        "whole_terms": {} if whole is None else _whole(whole),
        "beliefs": {one.path: _profiled(one) for one in profiles},
        "not_fitted": {key_path(name): why for name, why in NOT_ON_RECORD.items()},
        "weakly_told": [str(way) for way in fit.flat],
        "at_least_zero": [
            path
            for path in paths
            if fit.signs and path.removeprefix("theory.weights.") in SIGNED
        ],
        "covariance": {
            "names": paths,
            "matrix": [[_short(value) for value in row] for row in covariance],
        },
        "propensities": {
            code: _short(value)
            for code, value, seen in zip(
                fit.states, fit.propensity, fit.seen, strict=True
            )
            if seen
        },
        "levels": {int(year): _short(value) for year, value in fit.level.items()},
    }


def _profiled(one: Profile) -> dict[str, object]:
    """What the record says of one parameter. A bound is null where the likelihood has
    not fallen far enough by the end of the range."""
    return {
        "verdict": one.verdict,
        "in_use": _short(one.shipped),
        "best": _short(one.best),
        "interval": [
            None if one.open_below else _short(one.low),
            None if one.open_above else _short(one.high),
        ],
        "range": [_short(float(one.points[0])), _short(float(one.points[-1]))],
        "log_likelihood_gain": _short(one.gain),
    }


def _parts(parts: WeightFit) -> dict[str, dict[str, object]]:
    """Estimate and standard error of each part of each term that was fitted in two."""
    found: dict[str, dict[str, object]] = {}
    for name, value, error in parts.table:
        for part in (BETWEEN, WITHIN):
            if name == part_of(term_of(name), part):
                found.setdefault(key_path(name), {})[part] = _estimate(value, error)
    return found


def shares_of_change(fit: WeightFit) -> dict[str, tuple[float, float]]:
    """By term: the weight within as a share of that between, and its standard error
    (delta method).

    0 where the weight within is in conflict with theory; none where the weight between
    is."""
    covariance, found = fit.of_estimate, {}
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
        variance = (
            covariance[w, w]
            + share**2 * covariance[k, k]
            - 2.0 * share * covariance[w, k]
        )
        found[term] = (share, float(np.sqrt(variance)) / abs(level))
    return found


def _whole(whole: WeightFit) -> dict[str, object]:
    """The weights of threat with each term in one piece, to compare."""
    return {
        "marginal_log_likelihood": _short(whole.marginal),
        **{
            key_path(name): _estimate(value, one)
            for name, value, one in whole.table
            if name in SIGNED
        },
        "in_conflict": {
            key_path(one.name): _estimate(one.estimate, one.standard_error)
            for one in whole.conflicts
        },
    }


def data_used(history: History) -> list[dict[str, object]]:
    """Every file that was read: source, name, rows kept, rows left out by reason,
    sha256."""
    return [file_record(report) for report in history.reports]


def file_record(report: ReadReport) -> dict[str, object]:
    """What a fit's file says of one file that was read."""
    return {
        "source": report.source,
        "file": Path(report.path).name,
        "rows": report.rows_kept,
        **(
            {"dropped": {one.reason: one.count for one in report.dropped}}
            if report.dropped
            else {}
        ),
        "sha256": _sha256(report.path),
    }


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def calibration_record(
    scenario: Scenario,
    record: OwnRecord,
    found: CalibrationPosterior,
    prior: Prior,
    form: Form,
    command: str,
    version: str,
) -> dict[str, object]:
    """Everything the file of a calibration holds, as plain values in a fixed order.
    scenario: without a calibration."""
    short, estimate = partial(_short, digits=6), partial(_estimate, digits=6)
    error = dict(zip(found.names, np.sqrt(np.diag(found.covariance)), strict=True))
    own = found.propensity_covariance
    # for declarations, what is added to what a state has for security agreements
    added = found.propensity[-1] - found.propensity[0]
    of_added = np.maximum(own[0, 0] + own[-1, -1] - 2 * own[0, -1], 0.0)

    def by_state(values: Floats, variance: Floats) -> dict[str, object]:
        each = zip(found.states, values, np.sqrt(variance), strict=True)
        return {code: estimate(value, one) for code, value, one in each}

    factor, (shape, _) = found.factor, found.gamma
    pairs = (
        combinations(range(len(found.states)), 2) if found.dyad_variance != 0 else ()
    )
    dyads = {
        f"{found.states[i]}-{found.states[j]}": [
            short(factor[i, j]),
            short(shape[i, j]),
        ]
        for i, j in pairs
    }
    return {
        "calibrated": {
            "command": command,
            "version": version,
            "start": scenario.start.isoformat(),
            "years": [
                next(iter(record.starts.values())).isoformat(),
                record.until.isoformat(),
            ],
            "agreements": found.agreements,
            "data_sha256": record_digest(scenario),
            "weights_sha256": weights_digest(),
            "form": vars(form),
        },
        "variances": {
            "states": short(found.state_variance[0, 0]),
            "declarations": short(found.state_variance[-1, -1]),
            "covariance": short(found.state_variance[0, -1]),
            "dyads": short(found.dyad_variance),
            "level": short(found.level_variance),
        },
        "weights": {
            name: estimate(found.weights[name], error[name])
            | {"prior": short(prior.weights[name])}
            for name in found.names[: len(found.names) - len(found.kinds)]
        },
        "intercepts": {
            kind: estimate(value, error[f"intercept.{kind}"])
            for kind, value in found.intercepts.items()
        },
        "states": by_state(found.propensity[0], own[0, 0]),
        "declarations": by_state(added, of_added),
        "dyads": dyads,
        "levels": {
            record.starts[year].isoformat(): short(level)
            for year, level in found.level.items()
        },
        "covariance": {
            "names": [key_path(name) for name in found.names],
            "matrix": [[short(value) for value in row] for row in found.covariance],
        },
    }


def fitted_text(record: dict[str, object], head: str = FITTED_HEAD) -> str:
    """One YAML document; lists of numbers on one line, the matrix a row a line."""

    def flat(data: Any) -> bool:
        return isinstance(data, list) and all(
            item is None or isinstance(item, int | float) for item in data
        )

    return head + _dumped(record, flat)


def calibration_text(record: dict[str, object]) -> str:
    """One YAML document; lists, and mappings of numbers, on one line each."""

    def flat(data: Any) -> bool:
        return (
            "estimate" in data
            if isinstance(data, dict)
            else not any(isinstance(item, list) for item in data)
        )

    return CALIBRATION_HEAD + _dumped(record, flat)


def _dumped(record: dict[str, object], flat: Callable[[Any], bool]) -> str:
    """YAML with the lists and mappings on one line of which `flat` says so."""

    class Dumper(yaml.SafeDumper): ...

    seq, mapping = "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"
    Dumper.add_representer(
        list, lambda own, data: own.represent_sequence(seq, data, flat(data))
    )
    Dumper.add_representer(
        dict, lambda own, data: own.represent_mapping(mapping, data.items(), flat(data))
    )
    return yaml.dump(
        record, Dumper=Dumper, sort_keys=False, width=1_000_000, allow_unicode=True
    )
