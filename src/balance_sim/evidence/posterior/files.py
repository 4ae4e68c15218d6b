"""The two files of a scenario's posterior: a table of draws, and its head."""

from __future__ import annotations

from typing import Any

import yaml

from balance_sim.evidence.posterior.joint import JointPosterior
from balance_sim.evidence.posterior.likelihoods import shipped_record
from balance_sim.evidence.posterior.power_scaling import PowerScaling
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
    """The head as plain data. scenario: as its file has it."""
    scaling = sorted(joint.scaling.items())
    return {
        "command": command,
        "version": version,
        "draws": TABLE,
        "count": len(joint.draws),
        "sha256": joint.draws.sha256,
        "scenario_sha256": posterior_digest(scenario),
        "priors_sha256": priors_digest(),
        "method": _method(joint),
        "informed": {path: _finding(of_path) for path, of_path in scaling},
    }


def _method(joint: JointPosterior) -> dict[str, Any]:
    """How the draws were made, and how far they can be trusted."""
    points = shipped_record().marginal.points
    method: dict[str, Any] = {
        "record_of_agreements": {
            "evaluations": len(points),
            "temper": _short(joint.temper),
        },
        "pareto_k": _short(joint.pareto_k),
        "trusted_below": _short(joint.trusted),
        "effective_draws": round(joint.effective),
    }
    if joint.checked is not None:
        error, deviation = joint.checked
        method["own_record"] = {
            "evaluations": joint.evaluated,
            "error": _short(error),
            "deviation": _short(deviation),
        }
    return method


def _finding(scaling: PowerScaling) -> list[Any]:
    """What power scaling finds of a parameter: word, sensitivities, pull."""
    numbers = (scaling.prior, scaling.likelihood, scaling.pull)
    return [scaling.word, *map(_short, numbers)]


def head_text(head: dict[str, Any]) -> str:
    """The head as YAML."""
    text = yaml.safe_dump(head, sort_keys=False, width=200, default_flow_style=None)
    return HEAD + text


def _short(value: float) -> float:
    """Three digits; what is rounding error alone is 0."""
    return float(f"{value:.3g}") if abs(value) >= 1e-5 else 0.0
