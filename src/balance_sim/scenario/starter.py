"""A scenario to start from."""

from __future__ import annotations

from balance_sim.scenario.actors import check_identifier
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.problems import Mark, ScenarioError
from balance_sim.scenario.shipped import shipped_text


def new_scenario(name: str) -> str:
    """Commented text of a small scenario that loads and runs. Raises ScenarioError for an unusable name."""
    mark = Mark("NAME", 1, 1)
    found = check_identifier(name, Node(name, mark), "")
    if found:
        raise ScenarioError(found)
    text = shipped_text("balance_sim.scenario", "starter.yaml")
    return text.replace("NAME", name)
