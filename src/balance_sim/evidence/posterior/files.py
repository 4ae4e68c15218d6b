"""The two files of a scenario's posterior: a table of draws, and its head."""

from __future__ import annotations

from typing import Any

import yaml

from balance_sim.evidence.posterior.joint import JointPosterior
from balance_sim.evidence.posterior.likelihoods import shipped_record
from balance_sim.scenario.fingerprint import posterior_digest, priors_digest
from balance_sim.scenario.schema import Scenario

HEAD = """\
# Written by `balance-sim evidence posterior`. Joint draws of the scenario's parameters lie in
# the table `draws`, a line a key path. informed: what is found of each by power
# scaling, its sensitivity to prior and to likelihood, and the pull of the prior in
# standard deviations. See docs/posterior.md. After a change of the scenario or of the
# priors, run it again.
"""
TABLE = "posterior.csv.gz"


def posterior_head(
    scenario: Scenario, found: JointPosterior, command: str, version: str
) -> dict[str, Any]:
    """The head as plain data. scenario: as its file has it."""
    record = shipped_record()
    method: dict[str, Any] = {
        "record_of_agreements": {
            "evaluations": len(record.marginal.points),
            "temper": _short(found.temper),
        },
        "pareto_k": _short(found.pareto_k),
        "trusted_below": _short(found.trusted),
        "effective_draws": round(found.effective),
    }
    if found.checked is not None:
        error, spread = map(_short, found.checked)
        method["own_record"] = {
            "evaluations": found.evaluated,
            "error": error,
            "deviation": spread,
        }
    return {
        "command": command,
        "version": version,
        "draws": TABLE,
        "count": len(found.draws),
        "sha256": found.draws.sha256,
        "scenario_sha256": posterior_digest(scenario),
        "priors_sha256": priors_digest(),
        "method": method,
        "informed": {
            path: [
                one.word,
                _short(one.prior),
                _short(one.likelihood),
                _short(one.pull),
            ]
            for path, one in sorted(found.scaling.items())
        },
    }


def head_text(head: dict[str, Any]) -> str:
    """The head as YAML."""
    return HEAD + yaml.safe_dump(
        head, sort_keys=False, width=200, default_flow_style=None
    )


def _short(value: float) -> float:
    """Three digits; what is rounding error alone is 0."""
    return float(f"{value:.3g}") if abs(value) >= 1e-5 else 0.0
