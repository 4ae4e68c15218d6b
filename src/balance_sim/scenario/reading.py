"""A file's tree becomes a scenario, part by part, so that one refused part does not
hide what is wrong with others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from pydantic import create_model

from balance_sim.scenario.actors import (
    Names,
    code_table,
    known,
    read_groups,
    read_outside,
    read_roster,
)
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.diagnostics import Diagnostics, Mark
from balance_sim.scenario.layout import PARTS, SECTIONS, TOP, row_path
from balance_sim.scenario.nodes import (
    REFUSED,
    Node,
    from_plain,
    iso_date,
    merged,
    plain,
)
from balance_sim.scenario.schema import (
    SCHEMA_VERSION,
    Change,
    Scenario,
    SectionRow,
    Strict,
    change_name,
)
from balance_sim.scenario.validation import read_piece, unknown_key

MOST_PIECES = 300  # kinds, audiences, arms


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A new value for a key path. key: where the path was written; label: how messages
    name it."""

    path: str
    node: Node
    key: Mark
    label: str = ""


@dataclass(slots=True)
class Places:
    """Where the pieces of a scenario were written: rows by their key paths, all else in
    the tree."""

    tree: Node
    rows: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the rows of the tree, and the events that its arms add."""
        lists = [(name, self.tree.below(name)) for name in SECTIONS]
        arms = self.tree.below("arms").fields.values()
        lists += [("events", arm.below("add")) for arm in arms]
        for section, rows in lists:
            for position, row in enumerate(rows.items):
                self.rows[row_path(section, row, position)] = row
        for holder in (self.tree, *arms):
            for row in holder.below("changes").items:
                self.rows[f"changes.{_change_name(row)}"] = row

    def node(self, section: str, row: SectionRow | None) -> Node:
        """The node of a row, or of a whole section; else the whole tree."""
        node = None
        if isinstance(row, Change):
            node = self.rows.get(f"{section}.{row.name}")
        elif row is not None:
            node = self.rows.get(f"{section}.{SECTIONS[section].name_of(row)}")
        return node or self.tree.get(section) or self.tree


def _change_name(row: Node) -> str:
    """What names a change, from its node."""
    given = plain(row)
    if not isinstance(given, dict):
        return ""
    agreement = given.get("agreement")
    if isinstance(agreement, dict):
        agreement = [str(agreement.get(key)) for key in ("a", "b", "kind")]
    others = (agreement, given.get("joins"), given.get("state"))
    return change_name(given.get("date"), given.get("dyad"), *others)


class Draft(NamedTuple):
    """What could be read of a tree.

    scenario : unchecked, without what could not be read
    incomplete : fields that are missing there
    """

    scenario: Scenario
    incomplete: set[str]


def read_draft(tree: Node, name: str, problems: Diagnostics) -> Draft:
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
    Draft
        Rows in the order in which a scenario holds them.
    """
    for key, child in tree.without(*TOP).fields.items():
        unknown_key(problems, child, "", key, TOP)
    version = tree.get("schema") or Node(None, tree.mark)
    check_version(tree.with_fields({"schema": version}), problems)
    names = _read_names(tree, problems)
    tree = merged(_base(), tree)
    outside = tuple(sorted(names.outside))
    values: dict[str, Any] = {"outside": outside, "groups": names.groups}
    for part in PARTS:
        values |= read_part(part, tree, names, problems)
    incomplete = {*PARTS} - values.keys()
    if not names.is_whole:
        incomplete |= {"states", "groups"}
    values = dict.fromkeys(SECTIONS, ()) | values
    return Draft(Scenario.model_construct(name=name, **values), incomplete)


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


def _read_names(tree: Node, problems: Diagnostics) -> Names:
    """The names that a file's tree defines."""
    states, problem_count = tree.below("states"), len(problems)
    roster = read_roster(states, SECTIONS["states"].row_limit, problems)
    is_whole = len(roster) == len(states.items) and len(problems) == problem_count
    start = iso_date(tree.value_of("start"))
    if isinstance(start, date):
        codes = [code for code in roster if code in code_table()]
        is_whole = is_whole and not any(known(code, start.year) for code in codes)
    outside = read_outside(tree.get("outside") or from_plain([]), roster, problems)
    groups = read_groups(tree.below("groups"), roster, problems)
    tree = merged(_base(), tree)
    kinds = tuple(tree.below("kinds").fields)
    event_kinds = tuple(tree.below("event_kinds").fields)
    return Names(
        frozenset(roster), frozenset(outside), groups, kinds, event_kinds, is_whole
    )


def check_version(tree: Node, problems: Diagnostics) -> None:
    """The file's `schema` is the one that this version reads."""
    version = tree.get("schema")
    if version is None or version.value is REFUSED:
        return
    if version.value != SCHEMA_VERSION or isinstance(version.value, bool):
        why = f"got {version.kind}: this version reads {SCHEMA_VERSION}"
        hint = f"write `schema: {SCHEMA_VERSION}`"
        problems.add(version, "schema", "E108", why, hint, str(SCHEMA_VERSION))


@cache
def _model_of(part: str) -> type[Strict]:
    """A model of one field of a scenario alone."""
    info = Scenario.model_fields[part]
    fields: dict[str, Any] = {part: (info.annotation, info)}
    return create_model(part, __base__=Strict, **fields)


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
    node, layout = tree.get(part), SECTIONS.get(part)
    items = [*node.fields, *node.items] if node is not None else []
    limit = layout.row_limit if layout is not None else MOST_PIECES
    problem_count = len(problems)
    if node is not None and len(items) > limit:
        why = f"{len(items):,} {part}, more than {limit:,}"
        problems.add(node.at, part, "E022", why)
    elif layout is not None and node is not None:
        _check_twice(part, node, problems)
    if len(problems) > problem_count:
        return {}
    fields = {} if node is None else {part: node}
    piece = read_piece(
        _model_of(part), tree.with_value(fields), "", problems, names=names
    )
    if piece is None:
        return {}
    value = getattr(piece, part)
    return {part: value if layout is None else layout.sorted(value)}


def _check_twice(section: str, node: Node, problems: Diagnostics) -> None:
    """Each id once, and each dyad: an undirected one whatever its order."""
    earlier: dict[str, Node] = {}
    for position, row in enumerate(node.items):
        path = row_path(section, row, position)
        first_row = earlier.setdefault(path, row)
        if first_row is row or section in ("states", "no_relations"):
            continue
        why = f"already given at line {first_row.mark.line} of {first_row.mark.file}"
        if "id" in row.fields:
            place, path = row.fields["id"], f"{path}.id"
            problems.add(place, path, "E015", why, "remove one")
        else:
            problems.add(row, path, "E308", why, "remove one")
