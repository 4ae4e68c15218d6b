"""The file that `balance-sim calibrate` writes beside a scenario, and `scenario.calibration` reads back.

The same scenario, fit and form give the same bytes: nothing in it tells when or where it was made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import yaml

from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.calibration import Calibrated, Form, Prior
from balance_sim.evidence.estimation.fitted_file import key_path
from balance_sim.evidence.estimation.own_record import OwnRecord
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.schema import Scenario

HEAD = """# Written by `balance-sim calibrate`. Posterior means of the scenario's own record, nats; dyads: [mean factor
# on the rate, shape of its gamma posterior]. See docs/evidence.md. After a change of the record or of the fitted
# weights, run it again.
"""


def calibration_record(
    scenario: Scenario,
    record: OwnRecord,
    found: Calibrated,
    prior: Prior,
    form: Form,
    command: str,
    version: str,
) -> dict[str, object]:
    """Everything the file holds, as plain values in a fixed order. scenario: without a calibration."""
    count = len(found.names) - len(found.kinds)
    error = dict(zip(found.names, np.sqrt(np.diag(found.covariance)), strict=True))
    own = found.propensity_covariance
    added = (
        found.propensity[-1] - found.propensity[0]
    )  # for declarations, to what a state has for security agreements
    error_of_added = own[0, 0] + own[-1, -1] - 2 * own[0, -1]
    upper = zip(*np.triu_indices(len(found.states), 1), strict=True)
    factor, shape = found.factor, found.shape
    return {
        "calibrated": {
            "command": command,
            "version": version,
            "start": scenario.start.isoformat(),
            "years": [next(iter(record.starts.values())).isoformat(), record.until.isoformat()],
            "agreements": found.agreements,
            "data_sha256": record_digest(scenario),
            "weights_sha256": weights_digest(),
            "form": {
                "window": form.window,
                "level_memory": form.level_memory,
                "discount": form.discount,
                "dyads": form.dyads,
            },
        },
        "variances": {
            "states": short(found.state_variance[0, 0]),
            "declarations": short(found.state_variance[-1, -1]),
            "covariance": short(found.state_variance[0, -1]),
            "dyads": short(found.dyad_variance),
            "level": short(found.level_variance),
        },
        "weights": {
            name: {
                "estimate": short(found.weights[name]),
                "standard_error": short(error[name]),
                "prior": short(prior.weights[name]),
            }
            for name in found.names[:count]
        },
        "intercepts": {
            kind: {"estimate": short(value), "standard_error": short(error[f"intercept.{kind}"])}
            for kind, value in found.intercepts.items()
        },
        "states": {
            code: {"estimate": short(value), "standard_error": short(one)}
            for code, value, one in zip(found.states, found.propensity[0], np.sqrt(own[0, 0]), strict=True)
        },
        "declarations": {
            code: {"estimate": short(value), "standard_error": short(one)}
            for code, value, one in zip(
                found.states, added, np.sqrt(np.maximum(error_of_added, 0.0)), strict=True
            )
        },
        "dyads": {}
        if found.dyad_variance == 0
        else {
            f"{found.states[i]}-{found.states[j]}": [short(factor[i, j]), short(shape[i, j])]
            for i, j in upper
        },
        "levels": {record.starts[year].isoformat(): short(level) for year, level in found.level.items()},
        "covariance": {
            "names": [key_path(name) for name in found.names],
            "matrix": [[short(value) for value in row] for row in found.covariance],
        },
    }


def calibration_text(record: dict[str, object]) -> str:
    """One YAML document; short mappings and lists on one line."""
    return HEAD + yaml.dump(record, Dumper=_Lines, sort_keys=False, width=1_000_000, allow_unicode=True)


class _Lines(yaml.SafeDumper):
    """Lists, and mappings of numbers, on one line each."""


def _sequence(dumper: yaml.SafeDumper, value: Sequence[object]) -> yaml.Node:
    flat = all(not isinstance(item, list) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flat)


def _mapping(dumper: yaml.SafeDumper, value: dict[str, object]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style="estimate" in value)


_Lines.add_representer(list, _sequence)
_Lines.add_representer(dict, _mapping)


def short(value: float | Floats) -> float:
    """Six significant digits: more would be noise of the search, and not the same on every machine."""
    return float(f"{float(value):.6g}")


__all__ = ["calibration_record", "calibration_text"]
