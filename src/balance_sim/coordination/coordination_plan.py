"""The plan of a two-sided choice: which files, which effects. `balance-sim fit PLAN --model coordination`.

Checked as scenarios are: file, line and column of everything that is wrong, in one pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast, get_args

from balance_sim.coordination.coordination import CoordinationFit, Missing, Repetitions, fit_coordination
from balance_sim.coordination.covariate_sources import CHANGES, Source
from balance_sim.coordination.effects import NETWORK_KINDS, STATE_KINDS, Effect
from balance_sim.coordination.event_files import Strays, load_event_data
from balance_sim.coordination.events import EventData
from balance_sim.coordination.formula import parse_effect, parse_formula
from balance_sim.evidence.data.twice import Conflicts
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import Sources
from balance_sim.scenario.nodes import Node, iso_date
from balance_sim.scenario.problems import (
    Problem,
    ScenarioError,
    did_you_mean,
    in_order,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.validation import other_kind

KEYS = (
    *("title", "notes", "events", "kinds", "first", "last", "actors", "others", "absent", "presence"),
    *("networks", "states", "pairs", "missing", "conflicts", "repetitions", "effects"),
)
CHOICES: Mapping[str, tuple[str, ...]] = {
    "others": get_args(Strays),
    "absent": get_args(Strays),
    "missing": get_args(Missing),
    "conflicts": get_args(Conflicts),
    "repetitions": get_args(Repetitions),
}
FILE_NAME = "coordination.yaml"
"""The plan looked for where a folder is given."""


@dataclass(frozen=True)
class CoordinationPlan:
    """Files and effects, as a plan names them. `networks`, `states`, `pairs`: name -> files."""

    path: Path
    events: tuple[Path, ...]
    effects: tuple[Effect, ...]
    title: str = ""
    kinds: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    actors: Path | None = None
    others: Strays = "refuse"
    absent: Strays = "refuse"
    presence: tuple[Path, ...] = ()
    networks: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    states: Mapping[str, Source] = field(default_factory=dict)
    pairs: Mapping[str, Source] = field(default_factory=dict)
    missing: Missing = "mean"
    conflicts: Conflicts = "refuse"
    repetitions: Repetitions = "all"

    def load(self) -> EventData:
        """Read the files. Raises DataError."""
        return load_event_data(
            self.events,
            presence=self.presence or None,
            networks=self.networks,
            states=self.states,
            pairs=self.pairs,
            actors=self.actors,
            others=self.others,
            absent=self.absent,
            conflicts=self.conflicts,
            first=self.first,
            last=self.last,
            kinds=self.kinds,
        )

    def fit(self, data: EventData) -> CoordinationFit:
        """Fit the effects to what `load` has read. Raises DataError."""
        return fit_coordination(data, self.effects, missing=self.missing, repetitions=self.repetitions)

    @property
    def options(self) -> dict[str, str]:
        """How records that are not clean are read."""
        return {name: getattr(self, name) for name in CHOICES}


def read_coordination_plan(path: Path | str) -> CoordinationPlan:
    """The plan in a YAML file, or in `coordination.yaml` of a folder. Raises ScenarioError."""
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    sources = Sources(path)
    tree, problems = read_document(sources.main(), sources.shown)
    reading = _Reading(sources.path, list(problems))
    plan = reading.plan(tree)
    if reading.problems or plan is None:
        raise ScenarioError(in_order(reading.problems, sources.shown))
    return plan


class _Reading:
    """One pass over the tree, collecting what is wrong."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path, self.problems = path, problems

    def refuse(self, node: Node, path: str, code: str, message: str, suggestion: str = "") -> None:
        self.problems.append(problem(node, path, code, message, suggestion))

    def plan(self, tree: Node) -> CoordinationPlan | None:
        if not isinstance(tree.value, dict):
            self.refuse(tree, "", "E012", f"expected a mapping with keys {listed(KEYS, 4)}")
            return None
        other = other_kind(tree.fields, "coordination", shown(str(self.path), 200))
        if other is not None:
            self.problems.clear()
            self.refuse(tree, "", "E012", *other)
            return None
        self.known_keys(tree, "", KEYS)
        found: dict[str, Any] = {}
        readers: dict[str, Callable[[Node, str], object]] = {
            "title": self.text,
            "kinds": self.words,
            "events": self.files,
            "presence": self.files,
            "actors": self.file,
            "first": self.day,
            "last": self.day,
            **dict.fromkeys(CHOICES, self.choice),
            "networks": lambda node, key: self.named(node, key, self.files),
            "states": lambda node, key: self.named(node, key, self.source),
            "pairs": lambda node, key: self.named(node, key, self.source),
            "effects": self.effects,
        }
        for key, read in readers.items():
            node = tree.get(key)
            if node is not None:
                found[key] = read(node, key)
        for key in ("events", "effects"):
            if key not in found:
                self.refuse(tree, key, "E103", f"`{key}` is required")
        self.days_in_order(tree, found)
        self.names_known(tree, found)
        if self.problems:
            return None
        return CoordinationPlan(self.path, **{k: v for k, v in found.items() if v is not None})

    def known_keys(self, node: Node, path: str, known: tuple[str, ...]) -> None:
        for key, child in node.fields.items():
            if key not in known:
                near = did_you_mean(key, known)
                whole = f"{path}.{key}" if path else key
                self.problems.append(
                    problem(
                        child.at,
                        whole,
                        "E101",
                        f"unknown key `{key}`",
                        near,
                        "" if near else listed(known, 20),
                    )
                )

    def text(self, node: Node, path: str) -> str:
        if not isinstance(node.value, str):
            self.refuse(node, path, "E201", "expected text")
            return ""
        return node.value

    def words(self, node: Node, path: str) -> tuple[str, ...]:
        if not node.items or not all(isinstance(item.value, str) for item in node.items):
            self.refuse(node, path, "E201", "expected a list of names", "write [a, b]")
            return ()
        return tuple(str(item.value) for item in node.items)

    def choice(self, node: Node, path: str) -> str | None:
        if node.value in CHOICES[path]:
            return str(node.value)
        self.refuse(
            node, path, "E211", f"there is no such value `{node.text}`", f"write {listed(CHOICES[path])}"
        )
        return None

    def day(self, node: Node, path: str) -> date | None:
        value = iso_date(node.value)
        if isinstance(value, date):
            return value
        self.refuse(node, path, "E209", f"`{node.text}` is not a date", "write YYYY-MM-DD")
        return None

    def file(self, node: Node, path: str) -> Path | None:
        if not isinstance(node.value, str) or not node.value.strip():
            self.refuse(
                node, path, "E501", "expected the name of a file", "write its path from this file's folder"
            )
            return None
        found = self.path.parent / node.value
        if not os.path.isfile(found):
            beside = sorted(os.listdir(found.parent)) if os.path.isdir(found.parent) else []
            near = did_you_mean(found.name, beside)
            self.refuse(node, path, "E001", f"not found: `{node.value}`", near)
            return None
        return found

    def files(self, node: Node, path: str) -> tuple[Path, ...]:
        if isinstance(node.value, list):
            each = [self.file(item, f"{path}[{k}]") for k, item in enumerate(node.items)]
            if not each:
                self.refuse(node, path, "E103", "the list of files is empty")
        else:
            each = [self.file(node, path)]
        return tuple(one for one in each if one is not None)

    def source(self, node: Node, path: str) -> Source:
        if not isinstance(node.value, dict):
            return Source(self.files(node, path))
        self.known_keys(node, path, ("file", "column", "transform"))
        column, transform, file = node.get("column"), node.get("transform"), node.get("file")
        if file is None:
            self.refuse(node, f"{path}.file", "E103", "`file` is required")
        change = "" if transform is None else str(transform.value)
        if transform is not None and change not in CHANGES:
            known = listed(k for k in CHANGES if k)
            self.refuse(
                transform, f"{path}.transform", "E211", f"no transform is called `{change}`", f"use {known}"
            )
        return Source(
            () if file is None else self.files(file, f"{path}.file"),
            None if column is None else self.text(column, f"{path}.column"),
            change,
        )

    def named(self, node: Node, path: str, read: Callable[[Node, str], Any]) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            self.refuse(node, path, "E012", "expected names and files", "write `name: file.csv`")
            return {}
        return {key: read(child, f"{path}.{key}") for key, child in node.fields.items()}

    def effects(self, node: Node, path: str) -> tuple[Effect, ...]:
        if isinstance(node.value, list):
            rows = [(item, f"{path}[{k}]") for k, item in enumerate(node.items)]
            found = [self.formula(item, where, parse_effect) for item, where in rows]
            return tuple(one for one in found if one is not None)
        return self.formula(node, path, parse_formula) or ()

    def formula(self, node: Node, path: str, parse: Callable[[str], Any]) -> Any:
        try:
            return (
                parse(self.text(node, path)) if isinstance(node.value, str) else self.text(node, path) or None
            )
        except ValueError as error:
            message, _, suggestion = str(error).partition(". ")
            self.refuse(node, path, "E211", message, suggestion.rstrip("."))
            return None

    def days_in_order(self, tree: Node, found: Mapping[str, Any]) -> None:
        first, last = found.get("first"), found.get("last")
        if first is not None and last is not None and last < first:
            self.refuse(
                tree.fields["last"], "last", "E210", f"{last} is before `first` {first}", "swap the two"
            )

    def names_known(self, tree: Node, found: Mapping[str, Any]) -> None:
        """Every effect reads something that the plan names."""
        node = tree.get("effects")
        if node is None:
            return
        for k, effect in enumerate(cast(tuple[Effect, ...], found.get("effects", ()))):
            at = node.items[k] if k < len(node.items) and len(node.items) == len(found["effects"]) else node
            part = "networks" if effect.kind in NETWORK_KINDS else "states"
            part = part if effect.kind in (*NETWORK_KINDS, *STATE_KINDS) else "pairs"
            for name, home in ((effect.of, part), (effect.repeated, "networks")):
                known = tuple(found.get(home, ()))
                if name is not None and name not in known:
                    near = did_you_mean(name, known) or f"`{home}` names {listed(known) or 'nothing'}"
                    self.refuse(at, "effects", "E107", f"{effect.name} reads `{name}`, not in `{home}`", near)


__all__ = ["CoordinationPlan", "read_coordination_plan"]
