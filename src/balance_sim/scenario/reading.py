"""A file's tree read piece by piece, so that one refused piece does not hide what is
wrong with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from balance_sim.scenario.actors import (
    Names,
    check_identifier,
    code_table,
    expanded,
    known,
    read_groups,
    read_outside,
    read_roster,
)
from balance_sim.scenario.defaults import (
    DEFAULT_PRESET,
    default_tree,
    is_term,
    presets,
    weights_under,
)
from balance_sim.scenario.diagnostics import (
    Diagnostics,
    Mark,
    did_you_mean,
    listed,
    shown,
)
from balance_sim.scenario.layout import (
    PLAIN,
    REQUIRED,
    SECTIONS,
    SINGLES,
    TABLES_OF,
    TOP,
)
from balance_sim.scenario.nodes import (
    REFUSED,
    Node,
    from_plain,
    iso_date,
    merged,
    plain,
)
from balance_sim.scenario.rows import read_row
from balance_sim.scenario.schema import (
    SCHEMA_VERSION,
    TERMS,
    Arm,
    Audience,
    Scenario,
    ScenarioHead,
    SectionRow,
    Theory,
)
from balance_sim.scenario.tables import row_path
from balance_sim.scenario.validation import read_piece, unknown_key

MOST_PIECES = 300  # kinds, audiences, arms
PARTS = (*TABLES_OF, *SINGLES)
"""Keys of the top level that are neither single values, names nor rows."""


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
    """Where the pieces of a scenario were written: rows by themselves and by their
    names, all else in the tree."""

    tree: Node
    rows: dict[int | tuple[str, str], Node] = field(default_factory=dict)

    def keep(self, section: str, row: SectionRow, node: Node) -> None:
        """Remember where a row was written."""
        self.rows[id(row)] = node
        self.rows[section, SECTIONS[section].name_of(row)] = node

    def node(self, section: str, row: SectionRow | None) -> Node:
        """The node of a row, or of a whole section; else the whole tree."""
        node = None
        if row is not None:
            name = SECTIONS[section].name_of(row)
            node = self.rows.get(id(row)) or self.rows.get((section, name))
        return node or self.tree.get(section) or self.tree


class Draft(NamedTuple):
    """What could be read of a tree, and where it stands.

    scenario : unchecked; fields that could not be read are None or lack rows
    incomplete : these fields
    """

    scenario: Scenario
    places: Places
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
        Takes every problem with a single piece of it.
    """
    names, places = _read_names(tree, problems), Places(tree)
    _check_top(tree, problems)
    incomplete = set() if names.is_whole else {"states", "groups"}
    outside = tuple(sorted(names.outside))
    values: dict[str, Any] = {"outside": outside, "groups": names.groups}
    for section, layout in SECTIONS.items():
        node = tree.get(section) or Node([], tree.mark)
        rows = read_rows(section, node, section, names, places, problems)
        values[section] = layout.sorted(rows)
        if not isinstance(node.value, list) or len(rows) < len(node.items):
            incomplete.add(section)
    head = read_head(tree, problems)
    values |= dict(head) if head is not None else dict.fromkeys(PLAIN)
    for part in PARTS:
        values[part] = read_part(part, tree.get(part), names, places, problems)
    incomplete |= {part for part in PARTS if values[part] is None}
    incomplete |= {*PLAIN} if head is None else set()
    return Draft(Scenario.model_construct(name=name, **values), places, incomplete)


def names_in(scenario: Scenario) -> Names:
    """What the rows of a scenario may refer to."""
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
    is_whole = len(roster) == len(states.items)
    if len(roster) < 2 and is_whole and isinstance(states.value, list):
        why = f"at least 2 states needed, got {len(roster)}"
        problems.add(states, "states", "E212", why)
    year = getattr(iso_date(tree.value_of("start")), "year", None)
    is_of_time = not any(known(code, year) for code in roster if code in code_table())
    is_whole = is_whole and is_of_time and len(problems) == problem_count
    outside = read_outside(tree.get("outside") or from_plain([]), roster, problems)
    groups = read_groups(tree.below("groups"), roster, problems)
    kinds, event_kinds = [
        tuple({**default_tree().below(head).fields, **tree.below(head).fields})
        for head in ("kinds", "event_kinds")
    ]
    return Names(
        frozenset(roster), frozenset(outside), groups, kinds, event_kinds, is_whole
    )


def _check_top(tree: Node, problems: Diagnostics) -> None:
    """Keys of the top level: known, none missing, the schema one that this version
    reads."""
    for key, child in tree.without(*TOP).fields.items():
        unknown_key(problems, child, "", key, TOP)
    for key in REQUIRED:
        if key not in tree.fields and key not in ("schema", *PLAIN):
            problems.add(tree, key, "E103", f"`{key}` is required")
    version = tree.get("schema") or Node(None, tree.mark)
    check_version(tree.with_fields({"schema": version}), problems)


def check_version(tree: Node, problems: Diagnostics) -> None:
    """The file's `schema` is the one that this version reads."""
    version = tree.get("schema")
    if version is None or version.value is REFUSED:
        return
    if version.value != SCHEMA_VERSION or isinstance(version.value, bool):
        why = f"got {version.kind}: this version reads {SCHEMA_VERSION}"
        hint = f"write `schema: {SCHEMA_VERSION}`"
        problems.add(version, "schema", "E108", why, hint, str(SCHEMA_VERSION))


def read_head(tree: Node, problems: Diagnostics) -> ScenarioHead | None:
    """Single values at the top."""
    fields = {"step_days": default_tree().fields["step_days"]}
    fields |= {name: tree.fields[name] for name in PLAIN if name in tree.fields}
    return read_piece(ScenarioHead, tree.with_value(fields), "", problems)


# --- rows -----------------------------------------------------------------------------


def read_rows(
    section: str,
    node: Node,
    path: str,
    names: Names,
    places: Places,
    problems: Diagnostics,
) -> list[Any]:
    """Rows that could be read, each named once.

    Parameters
    ----------
    section : str
        Of the rows.
    node : Node
        The list.
    path : str
        Its key path, for messages.
    names : Names
        What rows may refer to.
    places : Places
        Takes where each row was written.
    problems : Diagnostics
        Takes what is wrong.
    """
    if not isinstance(node.value, list):
        if node.value is not REFUSED:
            code = "E207" if node.value is None else "E201"
            hint = "write items that begin with `- ` below it"
            problems.add(node, path, code, f"expected a list, got {node.kind}", hint)
        return []
    row_limit = SECTIONS[section].row_limit
    if len(node.items) > row_limit:
        why = f"{len(node.items):,} rows, more than {row_limit:,}"
        problems.add(node.items[row_limit], path, "E022", why)
        return []
    rows: list[Any] = []
    earlier: dict[str, Node] = {}
    for position, item in enumerate(node.items):
        name = row_path(section, item, position).removeprefix(section)
        row = read_row(section, item, f"{path}{name}", names, problems)
        if row is not None:
            _check_twice(section, row, item, earlier, problems)
            places.keep(section, row, item)
            rows.append(row)
    return rows


def _check_twice(
    section: str,
    row: SectionRow,
    item: Node,
    earlier: dict[str, Node],
    problems: Diagnostics,
) -> None:
    """Each id once, and each dyad: an undirected one whatever its order. earlier: nodes
    of the rows before it, by name."""
    name = SECTIONS[section].name_of(row)
    other = earlier.setdefault(name, item)
    if other is item or section in ("states", "no_relations"):
        return
    why = f"already given at line {other.mark.line} of {other.mark.file}"
    code, path, place = "E308", f"{section}.{name}", item
    if "id" in item.fields:
        code, path, place = "E015", f"{path}.id", item.fields["id"]
    problems.add(place, path, code, why, "remove one")


# --- parts ----------------------------------------------------------------------------


def read_part(
    name: str,
    given: Node | None,
    names: Names,
    places: Places,
    problems: Diagnostics,
) -> Any:
    """What stands under one of the keys `PARTS`.

    Parameters
    ----------
    name : str
        The key.
    given : Node, optional
        What the file says there; None if nothing.
    names : Names
        What it may refer to.
    places : Places
        Takes where events that arms add were written.
    problems : Diagnostics
        Takes what is wrong.

    Returns
    -------
    Strict or dict of str to Strict or None
        Complete, with what is shipped where the file says nothing; None where it is
        refused.
    """
    below, problem_count = default_tree().get(name), len(problems)
    node = given or below or from_plain({})
    if given is not None and below is not None:
        node = merged(below, given)
    if name == "theory":
        return _read_theory(node, problems)
    if name in SINGLES:
        return read_piece(SINGLES[name], node, name, problems)
    if not isinstance(node.value, dict) and node.value is not REFUSED:
        problems.add(node, name, "E201", f"expected a mapping, got {node.kind}")
    if len(node.fields) > MOST_PIECES:
        why = f"{len(node.fields):,} {name}, more than {MOST_PIECES}"
        problems.add(node.at, name, "E022", why)
        return None
    pieces: dict[str, Any] = {}
    for key, child in node.fields.items():
        path = f"{name}.{shown(key)}"
        check_identifier(key, child, path, problems)
        if name == "audiences":
            pieces[key] = _read_audience(child, path, names, problems)
        elif name == "arms":
            pieces[key] = _read_arm(child, path, names, places, problems)
        else:
            pieces[key] = read_piece(TABLES_OF[name], child, path, problems)
    is_refused = node.value is REFUSED or None in pieces.values()
    if len(problems) > problem_count or is_refused:
        return None
    if name == "audiences":
        _check_members(node, pieces, problems)
        return _with_rest(pieces, names.roster)
    if name == "arms":
        _check_references(node, pieces, problems)
        return pieces
    return dict(sorted(pieces.items()))


def _read_arm(
    node: Node, path: str, names: Names, places: Places, problems: Diagnostics
) -> Arm | None:
    """One arm as written."""
    arm = read_piece(Arm, node, path, problems, skip=("add", "set"))
    settings, added = node.below("set"), node.get("add") or Node([], node.mark)
    if not isinstance(settings.value, dict) and settings.value is not REFUSED:
        hint = "write `key.path: value` pairs"
        problems.add(settings, f"{path}.set", "E201", f"got {settings.kind}", hint)
    events = read_rows("events", added, f"{path}.add", names, places, problems)
    update = {
        "add": SECTIONS["events"].sorted(events),
        "set": dict(sorted(plain(settings).items())) if settings.fields else {},
    }
    return None if arm is None else arm.model_copy(update=update)


def _check_references(
    node: Node, arms: Mapping[str, Arm], problems: Diagnostics
) -> None:
    """One arm is the control."""
    controls = [node.fields[name] for name, arm in arms.items() if arm.reference]
    if len(controls) != 1:
        why = f"exactly one arm is the control, got {len(controls)}"
        hint, mark = "write `reference: true` in one arm", [node, *controls][-1].at
        problems.add(mark, "arms", "E111", why, hint)


def _read_audience(
    node: Node, path: str, names: Names, problems: Diagnostics
) -> Audience | None:
    """One audience, its groups expanded."""
    members = node.get("members")
    if members is not None:
        members = expanded(members, f"{path}.members", names, problems, outside=False)
        node = node.with_fields({"members": members})
    kinds = ["default", *names.event_kinds]
    for kind, child in node.below("attention").without(*kinds).fields.items():
        why, hint = f"unknown kind `{shown(kind)}`", did_you_mean(kind, kinds)
        kind_path = f"{path}.attention.{shown(kind)}"
        problems.add(child.at, kind_path, "E211", why, hint, listed(kinds, 30))
    return read_piece(Audience, node, path, problems)


def _check_members(
    node: Node, audiences: Mapping[str, Audience], problems: Diagnostics
) -> None:
    """Report states that stand in two audiences."""
    audience_of: dict[str, str] = {}
    for name, audience in audiences.items():
        for code in audience.members:
            other = audience_of.setdefault(code, name)
            if other != name:
                why = f"`{code}` is in audience `{other}` already"
                place = node.fields[name].below("members")
                path = f"audiences.{name}.members"
                problems.add(place, path, "E306", why, "name it in one")


def _with_rest(
    audiences: Mapping[str, Audience], roster: frozenset[str]
) -> dict[str, Audience]:
    """The audiences, sorted, with the states that none of them names in `rest`."""
    named = {code for audience in audiences.values() for code in audience.members}
    all_audiences = dict(audiences)
    if roster - named:
        rest = audiences.get("rest", Audience(attention={}))
        members = tuple(sorted({*rest.members, *(roster - named)}))
        all_audiences["rest"] = rest.model_copy(update={"members": members})
    return dict(sorted(all_audiences.items()))


def _read_theory(given: Node, problems: Diagnostics) -> Theory | None:
    """The theory, with every weight that the file does not give from its preset."""
    if not isinstance(given.value, dict):
        return read_piece(Theory, given, "theory", problems)
    preset = given.get("preset") or from_plain(DEFAULT_PRESET)
    if preset.value is None:  # the preset `null`
        preset = preset.with_value(preset.text)
    name = preset.value
    if isinstance(name, str) and name not in presets():
        why, hint = f"unknown theory `{shown(name)}`", did_you_mean(name, presets())
        problems.add(preset, "theory.preset", "E211", why, hint, listed(presets()))
        preset = preset.with_value(REFUSED)
    for term, child in given.below("weights").fields.items():
        if not is_term(term):
            unknown_key(problems, child, "theory.weights", term, TERMS)
    chosen = presets().get(str(name))
    of_preset = chosen.beside_weights if chosen else {}
    below = from_plain({**of_preset, "weights": weights_under(str(name))})
    node = merged(below, given).with_fields({"preset": preset})
    return read_piece(Theory, node, "theory", problems)
