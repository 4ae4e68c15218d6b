"""Changing single values of a scenario by key path, and the versions of it that its arms are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Any

from balance_sim.scenario.actors import Names
from balance_sim.scenario.defaults import presets, weights_under
from balance_sim.scenario.layout import (
    FIXED_IN_ARMS,
    NoSuchPath,
    locate,
    replaced,
)
from balance_sim.scenario.nodes import REFUSED, Node, from_plain
from balance_sim.scenario.problems import (
    Mark,
    Problem,
    did_you_mean,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.schema import Dispute, Distance, Frailty, Scenario, Strict, Trade


@dataclass(frozen=True, slots=True)
class Change:
    """A new value for a key path. key: where the path was written; label: how messages name it."""

    path: str
    node: Node
    key: Mark
    label: str = ""


FIXED = {head: f"an arm cannot set `{head}`: it is the same in all arms" for head in FIXED_IN_ARMS}
EXPANDED = {"groups": "`groups` were expanded when the file was read; change them with --set or in the file"}


def known_kinds(names: Names) -> dict[str, Sequence[str]]:
    """What `locate` needs to know of a file's kinds."""
    return {"kinds": names.kinds, "event_kinds": names.event_kinds}


def apply_changes(
    tree: Node, changes: Sequence[Change], names: Names, fixed: Mapping[str, str] | None = None
) -> tuple[Node, list[Problem]]:
    """The tree with every change made, in the order of their paths; a theory before its weights.

    fixed: first parts of paths that cannot be set here, and why."""
    problems: list[Problem] = []
    for change in sorted(changes, key=lambda one: (one.path != "theory.preset", one.path)):
        label = change.label or change.path
        head = change.path.split(".")[0]
        if fixed and head in fixed:
            problems.append(problem(change.key, label, "E110", fixed[head]))
            continue
        try:
            steps = locate(tree, change.path, known_kinds(names))
        except NoSuchPath as error:
            problems.append(
                problem(change.key, label, "E101", shown(str(error), 120), suggestion=error.suggestion)
            )
            continue
        if change.node.value is REFUSED:
            continue
        tree = replaced(tree, steps, change.node)
        if change.path == "theory.preset":
            tree = _give_way(tree, str(change.node.value or change.node.text))
    return tree, problems


def _give_way(tree: Node, preset: str) -> Node:
    """Weights of the file that a newly chosen theory names are the theory's; the file's others stay."""
    theory = tree.get("theory")
    if theory is None or preset not in presets():
        return tree
    theory = theory.without(("equal_hostility",))
    weights = theory.get("weights")
    if weights is not None:
        theory = theory.with_fields({"weights": weights.without(tuple(presets()[preset].weights))})
    return tree.with_fields({"theory": theory})


@lru_cache(maxsize=1)
def _ids_of(events: Node) -> tuple[list[str | None], set[str], bool]:
    """The id of each event, all ids, and whether every event could be read; kept, as all arms ask for the same."""
    named = [str(child.value) if (child := event.get("id")) else None for event in events.items]
    is_whole = all(event.value is not REFUSED for event in events.items)
    return named, {name for name in named if name is not None}, is_whole


def apply_arm(tree: Node, name: str, names: Names) -> tuple[Node, list[Problem]]:
    """The tree as it is in one arm: without what it drops, with what it adds, with what it sets."""
    arm = (tree.get("arms") or from_plain({})).get(name)
    if arm is None:
        return tree, []
    problems: list[Problem] = []
    path = f"arms.{shown(name)}"
    events = tree.get("events") or from_plain([])
    dropped: set[str] = set()
    named, ids, is_whole = _ids_of(events)
    for at, item in enumerate((arm.get("drop") or from_plain([])).items):
        if not isinstance(item.value, str) or (item.value not in ids and not is_whole):
            continue
        where = f"{path}.drop[{at}]"
        if item.value not in ids:
            hint = did_you_mean(item.value, ids) or "give the id of an event"
            problems.append(
                problem(
                    item.mark, where, "E309", f"no event `{shown(item.value)}`", listed(sorted(ids)), hint
                )
            )
        elif item.value in dropped:
            problems.append(problem(item.mark, where, "E015", f"`{item.value}` dropped twice"))
        dropped.add(item.value)
    kept = list(compress(events.items, [name not in dropped for name in named]))
    added = (arm.get("add") or from_plain([])).items
    changed = tree.with_fields({"events": events.with_value([*kept, *added])})
    settings = arm.get("set")
    changes = [
        Change(key, child, child.at, f"{path}.set.{shown(key)}")
        for key, child in (settings.fields if settings else {}).items()
    ]
    changed, found = apply_changes(changed, changes, names, FIXED)
    return changed, problems + found


def as_tree(scenario: Scenario, mark: Mark) -> Node:
    """A complete scenario as the tree of a file that would give it."""
    dumped = scenario.model_dump()
    for name in ("name", "sha256"):
        dumped.pop(name)
    dumped["schema"] = dumped.pop("schema_version")
    theory = dumped["theory"]
    below = weights_under(theory["preset"])
    theory["weights"] = {term: value for term, value in theory["weights"].items() if value != below.get(term)}
    preset = presets().get(theory["preset"])
    if preset is not None and theory["equal_hostility"] == preset.equal_hostility:
        theory.pop("equal_hostility")
    if "rest" in dumped["audiences"]:
        dumped["audiences"]["rest"]["members"] = ()
    return from_plain(dumped, mark)


def value_at(scenario: Scenario, path: str) -> Any:
    """The present value at a key path, as the models hold it. Raises LookupError where there is none."""
    here: Any = scenario
    parts = path.split(".")
    while parts:
        part = parts.pop(0)
        if isinstance(here, Mapping):
            if part == "set" or part in here:
                here = here[part]
            else:
                whole = ".".join([part, *parts])
                here, parts = here[whole], []
        elif isinstance(here, tuple):
            here = _row_named(here, part)
        elif isinstance(here, Strict) and part in type(here).model_fields:
            here = getattr(here, part)
        else:
            raise LookupError(f"nothing at `{path}`")
    return here


def _row_named(rows: tuple[Any, ...], key: str) -> Any:
    first, _, second = key.partition("-")
    for row in rows:
        if isinstance(row, Strict):
            if getattr(row, "id", None) == key:
                return row
            if isinstance(row, Trade) and (row.state, row.partner) == (first, second):
                return row
            if isinstance(row, Dispute | Distance | Frailty) and {row.a, row.b} == {first, second}:
                return row
    raise LookupError(f"no item `{key}`")
