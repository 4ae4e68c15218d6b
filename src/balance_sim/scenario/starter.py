"""A scenario to start from."""

from __future__ import annotations

from balance_sim.scenario.actors import check_identifier
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.problems import Mark, ScenarioError
from balance_sim.scenario.shipped import shipped_text

LEVEL = "# base_rate: 2.0"


def new_scenario(name: str, base_rate: float | None = None) -> str:
    """Commented text of a small scenario that loads and runs. base_rate: agreements a year that it states, if any.

    Raises ScenarioError for an unusable name."""
    mark = Mark("NAME", 1, 1)
    found = check_identifier(name, Node(name, mark), "")
    if found:
        raise ScenarioError(found)
    text = shipped_text("balance_sim.scenario", "starter.yaml")
    stated = text if base_rate is None else text.replace(LEVEL, f"base_rate: {base_rate:g}")
    return stated.replace("NAME", name)
