"""A file's tree becomes a scenario, part by part, so that one refused part does not
hide what is wrong with others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, NamedTuple

from pydantic import ValidationError

from balance_sim.scenario.actors import Names, may_be_state
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.diagnostics import (
    MOST_PROBLEMS,
    Diagnostic,
    Diagnostics,
    Mark,
    closest,
    problem,
)
from balance_sim.scenario.documents import FaultlessReadings
from balance_sim.scenario.layout import (
    LIMITS,
    MOST_ROWS,
    NAMES,
    PARTS,
    SECTIONS,
    TOP,
    row_path,
)
from balance_sim.scenario.nodes import Node, descend, from_plain, merged, plain
from balance_sim.scenario.players import with_policies_by_name
from balance_sim.scenario.schema import Scenario, Versioned, sorted_rows
from balance_sim.scenario.validation import read_piece, report_refusals, unknown_key
from balance_sim.scenario.vocabulary import OTHER_SECTIONS


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A new value for a key path. key: where the path was written; label: how messages
    name it."""

    path: str
    node: Node
    key: Mark
    label: str = ""


class Finding(NamedTuple):
    """What is wrong between pieces of a scenario: error code, key path of the value at
    fault, what is wrong with it, the next step, the bound."""

    code: str
    path: str
    message: str
    suggestion: str = ""
    allowed: str = ""


class Places:
    """Where the pieces of a scenario were written: rows by their key paths, all else in
    the tree."""

    def __init__(self, tree: Node) -> None:
        players = tree.get("players")
        if players is not None:
            named = with_policies_by_name(players, Diagnostics())
            tree = tree.with_fields({"players": named})
        self.tree = tree

    @cached_property
    def rows(self) -> dict[str, Node]:
        """Rows of sections by their key paths."""
        tree, arms = self.tree, [*self.tree.below("arms").fields.values()]
        lists = [(name, tree.below(name)) for name in SECTIONS]
        lists += [("events", arm.below("add")) for arm in arms]
        lists += [("changes", holder.below("changes")) for holder in (tree, *arms)]
        return {
            row_path(section, row, position): row
            for section, rows in lists
            for position, row in enumerate(rows.items)
        }

    def problem(
        self, finding: Finding, changes: Iterable[ValueChange] = ()
    ) -> Diagnostic:
        """What a rule found, where the value was written. changes: of the file, by
        options or by an arm; a change of the value is the place then."""
        code, path, *texts = finding
        head, *steps = path.split(".")
        row = self.rows.get(f"{head}.{steps[0]}") if steps else None
        node = descend(self.tree, (head, *steps))
        if row is not None:
            node = descend(row, steps[1:])
        mark = node.mark if steps else node.at
        for change in changes:
            if f"{change.path}.".startswith(f"{path}."):
                mark = change.node.mark
        return problem(mark, path, code, *texts)


def read_draft(
    tree: Node, name: str, problems: Diagnostics
) -> tuple[Scenario, set[str]]:
    """Everything that a tree says.

    Parameters
    ----------
    tree : Node
        Of a file, tables and extended files read in.
    name : str
        Of the scenario.
    problems : Diagnostics
        Takes every problem with a part of it alone.

    Returns
    -------
    Scenario, set of str
        Unchecked, without what could not be read; and the fields that are missing
        there, of changes and pacts those that lack a row.
    """
    misspelt = set()
    for key, child in tree.without(*TOP).fields.items():
        other = OTHER_SECTIONS.get(key)
        misspelt.add(other or closest(key, TOP))
        unknown_key(problems, child, "", key, [other] if other else TOP)
    misspelt -= tree.fields.keys()
    version = {key: child for key, child in tree.fields.items() if key == "schema"}
    read_piece(Versioned, tree.with_value(version), "", problems)
    ids = [row.value_of("id") for row in tree.below("states").items]
    roster = frozenset(code for code in ids if isinstance(code, str))
    is_whole = bool(ids) and len(roster) == len(ids) and all(map(may_be_state, roster))
    tree = merged(_base(), tree)
    kinds, events = [*tree.below("kinds").fields], [*tree.below("event_kinds").fields]
    names = Names(roster, frozenset(), {}, tuple(kinds), tuple(events), is_whole)
    values: dict[str, Any] = {}
    for part in (*NAMES, *PARTS):  # states before what names them
        if part not in misspelt:
            values |= read_part(part, tree, names, problems)
        if part in (*NAMES, "states"):
            names = replace(
                names,
                outside=frozenset(values.get("outside", ())),
                groups=values.get("groups", {}),
                is_whole=names.is_whole and part in values,
            )
    incomplete = {*NAMES, *PARTS} - values.keys()
    for part in incomplete & {"changes", "pacts"}:
        values |= _readable(part, tree, names)
    values = dict.fromkeys((*SECTIONS, "outside"), ()) | {"groups": {}} | values
    return Scenario.model_construct(name=name, **values), incomplete


def _readable(part: str, tree: Node, names: Names) -> dict[str, Any]:
    """What of a refused part could be read, row by row."""
    node = tree.below(part)
    rows: list[Any] = [[item] for item in node.items]
    rows += [{key: child} for key, child in node.fields.items()]
    read = [
        read_part(part, tree.with_fields({part: node.with_value(row)}), names, unheard)
        for row in rows[:MOST_PROBLEMS]
        for unheard in [Diagnostics()]
    ]
    values = [value[part] for value in read if value]
    if node.items:
        return {part: sorted_rows(tuple(row for value in values for row in value))}
    return {part: {key: child for value in values for key, child in value.items()}}


@cache
def _base() -> Node:
    """What a file is laid over."""
    return merged(from_plain({"theory": {}, "audiences": {}}), default_tree())


def names_in(scenario: Scenario) -> Names:
    """What the parts of a scenario may refer to."""
    return Names(
        frozenset(scenario.codes),
        frozenset(scenario.outside),
        scenario.groups,
        tuple(scenario.kinds),
        tuple(scenario.event_kinds),
    )


_SECTIONS = FaultlessReadings[tuple[dict[str, Any], Node]](20_000)
"""Sections, counted by their rows, which are frozen; and the nodes that keys tell by
their identity."""


class _Draft(Scenario, frozen=False):
    """A scenario of which one field at a time is validated, by one schema for all."""


_BLANK = _Draft.model_construct()


def checked_part(part: str, value: object, names: Names) -> Any:
    """One field of a scenario from plain values and models of what is below it. Raises
    ValueError where it is refused. names: what it may refer to."""
    draft, validator = _BLANK.model_copy(), _Draft.__pydantic_validator__
    validator.validate_assignment(draft, part, value, context=names)
    return getattr(draft, part)


def read_part(
    part: str, tree: Node, names: Names, problems: Diagnostics
) -> dict[str, Any]:
    """One field of a scenario.

    Parameters
    ----------
    part : str
        Its name.
    tree : Node
        The mapping that holds it, or does not.
    names : Names
        What it may refer to.
    problems : Diagnostics
        Takes what is wrong.

    Returns
    -------
    dict of str to object
        The field by its name, rows sorted; empty where it is refused.
    """
    node, limit = tree.get(part), LIMITS.get(part, MOST_ROWS)
    if node is None:
        return _default(part, tree, problems)
    if max(len(node.fields), len(node.items)) > limit:
        problems.add(node.at, part, "E022", f"more than {limit:,} {part}")
        return {}
    if part == "players":
        node = with_policies_by_name(node, problems)
    root = tree.with_value({part: node})
    if part not in SECTIONS:
        return _read_field(part, root, names, problems)
    key = part, names.key, *map(id, node.items)
    fields, _ = _SECTIONS.get(
        key,
        len(node.items),
        problems,
        lambda: (_read_field(part, root, names, problems), root),
    )
    return {**fields}


def _read_field(
    part: str, root: Node, names: Names, problems: Diagnostics
) -> dict[str, Any]:
    """A field that is given, by its name; empty where it is refused. root: a mapping of
    nothing else."""
    try:
        return {part: checked_part(part, plain(root.fields[part]), names)}
    except ValidationError as error:
        report_refusals(error, root, "", _Draft, problems)
    return {}


def _default(part: str, tree: Node, problems: Diagnostics) -> dict[str, Any]:
    """A field that is not given, by its name; empty where it is required."""
    info = Scenario.model_fields[part]
    if info.is_required():
        problems.add(tree, part, "E103", f"`{part}` is required")
        return {}
    return {part: info.get_default(call_default_factory=True)}
