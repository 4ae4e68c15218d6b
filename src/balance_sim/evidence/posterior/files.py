"""The two files of a scenario's posterior: a table of draws, and its head."""

from __future__ import annotations

from typing import Any

import yaml

from balance_sim.scenario.fingerprint import posterior_digest, priors_digest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.draws import Draws
from balance_sim.study.machine import version

HEAD = """\
# Written by `balance-sim evidence posterior`. Joint draws of the scenario's parameters
# lie in the table `draws`, a line a key path. informed: what is found of each by power
# scaling, its sensitivity to prior and to likelihood, and the pull of the prior in
# standard deviations. See docs/posterior.md. After a change of the scenario or of the
# priors, run it again.
"""
TABLE = "posterior.csv.gz"


def posterior_head(scenario: Scenario, draws: Draws, command: str) -> dict[str, Any]:
    """What the head says of its table, as plain data. scenario: as its file has it."""
    return {
        "command": command,
        "version": version(),
        "draws": TABLE,
        "count": len(draws),
        "sha256": draws.sha256,
        "scenario_sha256": posterior_digest(scenario),
        "priors_sha256": priors_digest(),
    }


def head_text(head: dict[str, Any]) -> str:
    """The head as YAML."""
    text = yaml.safe_dump(head, sort_keys=False, width=200, default_flow_style=None)
    return HEAD + text
