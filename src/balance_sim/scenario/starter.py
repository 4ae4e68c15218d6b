"""A scenario to start from."""

from __future__ import annotations

from importlib.resources import files

from balance_sim.scenario.actors import IDENTIFIER
from balance_sim.scenario.problems import Mark, ScenarioError, problem, shown


def new_scenario(name: str) -> str:
    """Commented text of a small scenario that loads and runs. Raises ScenarioError for an unusable name."""
    if not IDENTIFIER.fullmatch(name):
        why = f"`{shown(name)}` is no identifier"
        raise ScenarioError(
            [problem(Mark("NAME", 1, 1), "", "E106", why, "[A-Za-z0-9_-], 1 to 64 characters")]
        )
    text = (files("balance_sim.scenario") / "starter.yaml").read_text(encoding="utf-8")
    return text.replace("NAME", name)
