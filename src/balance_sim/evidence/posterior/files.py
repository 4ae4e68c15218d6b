"""The two files of a scenario's posterior: a table of draws, and its head."""

from __future__ import annotations

from typing import Any

import yaml

from balance_sim.evidence.posterior.joint import JointPosterior
from balance_sim.evidence.posterior.likelihoods import shipped_record
from balance_sim.scenario.fingerprint import posterior_digest, priors_digest
from balance_sim.scenario.schema import Scenario

HEAD = """\
# Written by `balance-sim evidence posterior`. Joint draws of the scenario's parameters
# lie in the table `draws`, a line a key path. informed: what is found of each by power
# scaling, its sensitivity to prior and to likelihood, and the pull of the prior in
# standard deviations. See docs/posterior.md. After a change of the scenario or of the
# priors, run it again.
"""
TABLE = "posterior.csv.gz"


def posterior_head(
    scenario: Scenario, joint: JointPosterior, command: str, version: str
) -> dict[str, Any]:
    """The head as plain data, with how the draws were made and how far they can be
    trusted. scenario: as its file has it."""
    method: dict[str, Any] = {
        "record_of_agreements": {
            "evaluations": len(shipped_record().marginal.points),
            "temper": _short(joint.temper),
        },
        "pareto_k": _short(joint.pareto_k),
        "trusted_below": _short(joint.trusted),
        "effective_draws": round(joint.effective),
    }
    if joint.checked is not None:
        error, deviation = map(_short, joint.checked)
        quality = {"error": error, "deviation": deviation}
        method["own_record"] = {"evaluations": joint.evaluated, **quality}
    informed = {}
    for path, scaling in sorted(joint.scaling.items()):
        numbers = map(_short, (scaling.prior, scaling.likelihood, scaling.pull))
        informed[path] = [scaling.word, *numbers]
    return {
        "command": command,
        "version": version,
        "draws": TABLE,
        "count": len(joint.draws),
        "sha256": joint.draws.sha256,
        "scenario_sha256": posterior_digest(scenario),
        "priors_sha256": priors_digest(),
        "method": method,
        "informed": informed,
    }


def head_text(head: dict[str, Any]) -> str:
    """The head as YAML."""
    text = yaml.safe_dump(head, sort_keys=False, width=200, default_flow_style=None)
    return HEAD + text


def _short(value: float) -> float:
    """Three digits; what is rounding error alone is 0."""
    return float(f"{value:.3g}") if abs(value) >= 1e-5 else 0.0
