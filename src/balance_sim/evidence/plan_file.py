"""The files that plan a hindcast, a set of cases or a fit of choices: told apart by their keys, read with care."""

from __future__ import annotations

import os
from typing import Literal

from balance_sim.evidence.errors import DataError
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import Sources
from balance_sim.scenario.nodes import plain
from balance_sim.scenario.problems import ScenarioError, in_order

PlanKind = Literal["cases", "hindcast", "coordination"]
COMMANDS: dict[PlanKind, str] = {
    "cases": "balance-sim cases",
    "hindcast": "balance-sim hindcast",
    "coordination": "balance-sim fit --model coordination",
}
_OWN: dict[PlanKind, tuple[str, ...]] = {
    "cases": ("cases:",),
    "hindcast": ("until:", "window:", "baselines:", "ways:"),
    "coordination": ("effects:",),
}


def plan_kind(path: str | os.PathLike[str]) -> PlanKind | None:
    """Which command a file is a plan of, by keys at its top level that no scenario has; None if of none."""
    try:
        lines = Sources(path).main().splitlines()
    except ScenarioError:
        return None
    return next((kind for kind, keys in _OWN.items() if any(line.startswith(keys) for line in lines)), None)


def plan_values(path: str | os.PathLike[str]) -> dict[str, object]:
    """The keys and values of a plan; lists as tuples. No tags, no anchors, no more than a scenario may hold.

    Raises ScenarioError with line and column where the text cannot be read, DataError where it is no mapping."""
    sources = Sources(path)
    tree, problems = read_document(sources.main(), sources.shown)
    if problems:
        raise ScenarioError(in_order(problems, sources.shown))
    values = plain(tree)
    if not isinstance(values, dict):
        raise DataError("this is not a plan of keys and values", "See experiments/", path=sources.path)
    return values
