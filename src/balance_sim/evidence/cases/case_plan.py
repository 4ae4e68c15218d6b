"""A list of cases to run and score in one go: experiments/cases.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.plan_file import plan_values

KEYS = ("title", "responses", "runs", "seed", "cases")


@dataclass(frozen=True)
class PlannedCase:
    """A scenario, and the case of the responses that it stands for; None if none are on record."""

    scenario: Path
    case_id: str | None


BOUNDS = {"runs": (1, 10_000_000), "seed": (0, 2**64 - 1)}


@dataclass(frozen=True)
class Plan:
    """What the file asks for. Paths are relative to the file's folder."""

    title: str
    responses: Path
    runs: int
    seed: int
    cases: tuple[PlannedCase, ...]


def read_plan(path: Path | str) -> Plan:
    """The plan in a file. Raises DataError, or ScenarioError where it is no YAML of ours."""
    path = Path(path)
    tree = plan_values(path, "cases")
    try:
        return _plan(tree, path)
    except DataError as error:
        raise tree.placed(error) from None


def _plan(tree: Mapping[str, Any], path: Path) -> Plan:
    cases = tree.get("cases")
    if not isinstance(cases, tuple) or not cases:
        raise DataError("there is no list of cases", "Write `cases:` and below it `- {scenario: FILE}`", path)
    unknown = [str(key) for key in tree if key not in KEYS]
    if unknown:
        raise DataError("there is no such key", f"The keys are {', '.join(KEYS)}", path, column=unknown[0])
    return Plan(
        title=str(tree.get("title", path.stem)),
        responses=path.parent / _text(tree, "responses", path),
        runs=_whole(tree, "runs", 400, path),
        seed=_whole(tree, "seed", 1, path),
        cases=tuple(_case(row, path) for row in cases),
    )


def _case(row: Any, path: Path) -> PlannedCase:
    if not isinstance(row, dict) or not {*row} <= {"scenario", "case"}:
        raise DataError(
            "a case is {scenario: FILE, case: ID}", "Leave `case` out if none", path, value=str(row)
        )
    case_id = row.get("case")
    return PlannedCase(path.parent / _text(row, "scenario", path), None if case_id is None else str(case_id))


def _text(tree: Mapping[str, Any], key: str, path: Path) -> str:
    if not isinstance(tree.get(key), str):
        raise DataError(f"`{key}` is missing", "Give the name of a file beside this one", path)
    return str(tree[key])


def _whole(tree: Mapping[str, Any], key: str, default: int, path: Path) -> int:
    value = tree.get(key, default)
    low, high = BOUNDS[key]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        bound = f"Write a whole number, {low}..{high}"
        raise DataError("this is not a whole number in range", bound, path, column=key, value=str(value))
    return value
