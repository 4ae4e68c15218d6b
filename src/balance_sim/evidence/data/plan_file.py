"""The files that plan a hindcast, a set of cases or a fit of choices: told apart by their keys, read with care."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import Sources
from balance_sim.scenario.nodes import plain
from balance_sim.scenario.problems import ScenarioError, in_order
from balance_sim.scenario.validation import FileKind, file_kind, other_kind

PlanKind = Literal["cases", "hindcast", "coordination"]
COMMANDS: dict[PlanKind, str] = {
    "cases": "balance-sim cases",
    "hindcast": "balance-sim hindcast",
    "coordination": "balance-sim fit --model coordination",
}


class PlanValues(dict[str, object]):
    """Keys and values of a plan, and in `lines` the line on which each key stands."""

    lines: Mapping[str, int]

    def placed(self, error: DataError) -> DataError:
        """The error with the line of the key that it names."""
        if error.line is None and error.column is not None:
            error.line = self.lines.get(error.column)
        return error


def kind_of_file(path: str | os.PathLike[str]) -> FileKind | None:
    """What kind of file this is, by its top-level keys; None where nothing tells."""
    try:
        tree, _ = read_document(Sources(path).main(), os.fspath(path))
    except ScenarioError:
        return None
    return file_kind(tree.fields)


def plan_kind(path: str | os.PathLike[str]) -> PlanKind | None:
    """Which command a file is a plan of, by keys at its top level that no scenario has; None if of none."""
    found = kind_of_file(path)
    if found is None or found.name not in COMMANDS:
        return None
    return found.name


def plan_values(path: str | os.PathLike[str], wanted: PlanKind) -> PlanValues:
    """The keys and values of a plan; lists as tuples. No tags, no anchors, no more than a scenario may hold.

    Raises ScenarioError with line and column where the text cannot be read, DataError where it is no mapping or
    a file of another kind."""
    sources = Sources(path)
    tree, problems = read_document(sources.main(), sources.shown)
    other = other_kind(tree.fields, wanted, sources.shown)
    if other is not None:
        raise DataError(other[0], f"Give it to `{other[1]}`", sources.path, tree.mark.line)
    if problems:
        raise ScenarioError(in_order(problems, sources.shown))
    values = plain(tree)
    if not isinstance(values, dict):
        raise DataError("this is not a plan of keys and values", "See experiments/", path=sources.path)
    found = PlanValues(values)
    found.lines = {key: node.at.line for key, node in tree.fields.items()}
    return found
