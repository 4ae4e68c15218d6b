"""A scenario to start from."""

from __future__ import annotations

from balance_sim.scenario.actors import IDENTIFIER
from balance_sim.scenario.problems import Mark, ScenarioError, problem, shown
from balance_sim.scenario.shipped import shipped_text


def new_scenario(name: str) -> str:
    """Commented text of a small scenario that loads and runs. Raises ScenarioError for an unusable name."""
    if not IDENTIFIER.fullmatch(name):
        why = f"`{shown(name)}` is no identifier"
        raise ScenarioError(
            [problem(Mark("NAME", 1, 1), "", "E106", why, "[A-Za-z0-9_-], 1 to 64 characters")]
        )
    text = shipped_text("balance_sim.scenario", "starter.yaml")
    return text.replace("NAME", name)
