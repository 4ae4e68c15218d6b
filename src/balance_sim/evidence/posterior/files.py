"""The two files of a scenario's posterior: a table of draws, and its head."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml

from balance_sim.evidence.posterior.priors import LEVEL
from balance_sim.scenario import with_values
from balance_sim.scenario.calibration import given_in
from balance_sim.scenario.defaults import TREES
from balance_sim.scenario.fingerprint import posterior_digest, priors_digest, sealed
from balance_sim.scenario.layout import CAPABILITY
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.schema import Posterior, Scenario
from balance_sim.stats import Floats
from balance_sim.study.draws import DIGITS, Draws
from balance_sim.study.machine import version

HEAD = """\
# Written by `balance-sim evidence posterior`. Joint draws of the scenario's parameters
# lie in the table `draws`, a line a key path. values: their means, which the scenario
# uses where its file gives none. informed: what is found of each by power
# scaling, its sensitivity to prior and to likelihood, and the pull of the prior in
# standard deviations. See docs/posterior.md. After a change of the scenario or of the
# priors, run it again.
"""
TABLE = "posterior.csv.gz"


def values_in_use(scenario: Node, draws: Draws) -> dict[str, float]:
    """The values in use by key path, of what the scenario's file does not say itself:
    the means of the draws, or their quartile where so few large draws make the mean
    that it lies outside of the central half. scenario: as written.

    All draws of a ladder have its order, and so have means held to quartiles."""
    given_paths = given_in(scenario, draws.paths)
    means = {
        path: float(f"{_mean_within_quartiles(draws.column(path)):.{DIGITS}g}")
        for path in draws.paths
        if path.partition(".")[0] in (*TREES, "theory", LEVEL)
        and path not in given_paths
    }
    if means.keys() >= {*CAPABILITY}:
        *first, last = CAPABILITY  # shares sum to 1, rounded too
        means[last] = round(1.0 - sum(means[path] for path in first), DIGITS)
    return means


def _mean_within_quartiles(values: Floats) -> float:
    lower, upper = np.quantile(values, (0.25, 0.75))
    return float(np.clip(values.mean(), lower, upper))


def at_values_in_use(scenario: Scenario, values: dict[str, float]) -> Scenario:
    """The scenario as it is read with a posterior of these means."""
    changed = with_values(scenario, values) if values else scenario
    posterior = Posterior(values=values)
    in_use = changed.model_copy(update={"posterior": posterior})
    return sealed(in_use.counted_as(None))


def posterior_head(
    scenario: Scenario, draws: Draws, values: dict[str, float], command: str
) -> dict[str, Any]:
    """What the head says of its table, as plain data. scenario: without its posterior;
    values: of `values_in_use`."""
    return {
        "command": command,
        "version": version(),
        "draws": TABLE,
        "count": len(draws),
        "sha256": draws.sha256,
        "scenario_sha256": posterior_digest(scenario, values),
        "priors_sha256": priors_digest(),
        "values": values,
    }


def head_text(head: dict[str, Any]) -> str:
    """The head as YAML."""
    text = yaml.safe_dump(head, sort_keys=False, width=200, default_flow_style=None)
    return HEAD + text
