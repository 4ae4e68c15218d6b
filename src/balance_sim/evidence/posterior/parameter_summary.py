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

    `prior`: family and numbers as declared, where the parameter has a prior of its own, `source`, and `median`, `low`,
    `high` of the central 95 % of the draws. `posterior`: the same of its draws, or None. `finding`: `word` (informed,
    prior-dominated or in conflict), `prior`, `likelihood` (sensitivities) and `pull`,
    or None. Raises ScenarioError where the scenario names a posterior and it is
    refused."""
    table = {str(row["path"]): row for row in parameter_table()}
    before = prior_draws(scenario)
    after = posterior_draws(scenario) if scenario.posterior.draws else None
    found = findings(scenario) if after is not None else {}
    declared, order = drawn_priors(scenario), [*table]
    rows = []
    for path in sorted(
        before.paths,
        key=lambda path: (order.index(path) if path in order else -1, path),
    ):
        row: dict[str, Any] = {
            **table.get(
                path,
                dict.fromkeys(table["step_days"])
                | {"path": path, "source": "scenario"},
            )
        }
        said = row["prior"] or {}
        if (prior := declared.get(path)) is not None:
            said = {"family": prior.family, **prior.numbers, "source": prior.source}
        row["value"] = 0 if path == CODING else value_at(scenario, path)
        row["prior"] = said | _central(before.column(path))
        row["posterior"] = (
            _central(after.column(path))
            if after is not None and path in after.paths
            else None
        )
        rows.append(row | {"finding": found.get(path)})
    return rows


def _central(values: Floats) -> dict[str, float]:
    found = np.quantile(values, [0.5, 0.025, 0.975])
    return {
        name: float(f"{value:.4g}")
        for name, value in zip(("median", "low", "high"), found, strict=True)
    }


def findings(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """What the head of a scenario's draws says of each parameter, by key path."""
    head = yaml.safe_load(
        regular_bytes(Path(scenario.folder) / scenario.posterior.file, LARGEST_DRAWS)
    )
    names = ("word", "prior", "likelihood", "pull")
    return {
        path: dict(zip(names, said, strict=True))
        for path, said in head["informed"].items()
    }
