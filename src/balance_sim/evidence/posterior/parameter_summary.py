"""What is drawn of a scenario: prior, posterior, and what data inform. What `parameters
SCENARIO` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from balance_sim.evidence.posterior.parameter_draws import (
    LARGEST_DRAWS,
    drawn_priors,
    posterior_draws,
    prior_draws,
)
from balance_sim.model.core import Floats
from balance_sim.scenario.defaults import parameter_table
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import CODING


def parameter_summary(scenario: Scenario) -> list[dict[str, Any]]:
    """What is drawn for a scenario, by key path: the keys of `parameter_table`, and
    more.

    `prior`: family and numbers as declared, where the parameter has a prior of its own,
    `source`, and `median`, `low`, `high` of the central 95 % of the draws. `posterior`:
    the same of its draws, or None. `finding`: `word` (informed, prior-dominated or in
    conflict), `prior`, `likelihood` (sensitivities) and `pull`, or None. Raises
    ScenarioError where the scenario names a posterior and it is refused."""
    table = {str(row["path"]): row for row in parameter_table()}
    prior, posterior = prior_draws(scenario), None
    by_path: dict[str, dict[str, Any]] = {}
    if scenario.posterior.draws:
        posterior = posterior_draws(scenario)
        by_path = findings(scenario)
    declared, order = drawn_priors(scenario), {path: k for k, path in enumerate(table)}
    blank = dict.fromkeys(table["step_days"])
    rows = []
    for path in sorted(prior.paths, key=lambda path: (order.get(path, -1), path)):
        of_scenario = {**blank, "path": path, "source": "scenario"}
        row: dict[str, Any] = {**table.get(path, of_scenario)}
        numbers = row["prior"] or {}
        if path in declared:
            own_prior = declared[path]
            numbers = {
                "family": own_prior.family,
                **own_prior.numbers,
                "source": own_prior.source,
            }
        row["value"] = 0 if path == CODING else value_at(scenario, path)
        row["prior"] = numbers | _central(prior.column(path))
        row["posterior"] = None
        if posterior is not None and path in posterior.paths:
            row["posterior"] = _central(posterior.column(path))
        row["finding"] = by_path.get(path)
        rows.append(row)
    return rows


def _central(values: Floats) -> dict[str, float]:
    """Median and ends of the central 95 %, four digits each."""
    median, low, high = np.quantile(values, [0.5, 0.025, 0.975])
    numbers = {"median": median, "low": low, "high": high}
    return {name: float(f"{value:.4g}") for name, value in numbers.items()}


def findings(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """What the head of a scenario's draws says of each parameter, by key path."""
    path = Path(scenario.folder) / scenario.posterior.file
    head = yaml.safe_load(regular_bytes(path, LARGEST_DRAWS))
    names = ("word", "prior", "likelihood", "pull")
    return {
        path: dict(zip(names, finding, strict=True))
        for path, finding in head["informed"].items()
    }
