"""A file's tree read piece by piece, so that one refused piece does not hide what is
wrong with others.

In a row other vocabularies are translated and actors resolved before it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from balance_sim.scenario import schema
from balance_sim.scenario.actors import (
    IDENTIFIER,
    Names,
    check_identifier,
    many_actors,
    one_actor,
    read_names,
)
from balance_sim.scenario.arms import tidy, with_rest
from balance_sim.scenario.defaults import (
    DEFAULT_PRESET,
    REPLACED_TERMS,
    default_tree,
    is_term,
    presets,
    weights_under,
)
from balance_sim.scenario.diagnostics import (
    REFUSED,
    Diagnostic,
    Diagnostics,
    Node,
    Refused,
    closest,
    descend,
    did_you_mean,
    from_plain,
    listed,
    merged,
    problem,
    shown,
)
from balance_sim.scenario.layout import (
    AGREEMENT_KINDS,
    AGREEMENT_STATUSES,
    EVENT_KINDS,
    OTHER_NAMES,
    REQUIRED,
    SECTIONS,
    SINGLES,
    TOP,
    row_key,
    row_path,
)
from balance_sim.scenario.schema import (
    SCHEMA_VERSION,
    TERMS,
    Audience,
    ScenarioHead,
    Strict,
    Theory,
)
from balance_sim.scenario.validation import read_piece, unknown_key

MOST_REFUSED = 500
MOST_KINDS = 200
NEEDED = {
    "title": "some text",
    "start": "a date, YYYY-MM-DD",
    "end": "a date after `start`, YYYY-MM-DD",
    "focal": "the id of one of the events",
    "states": "a list of 2 to 400",
    "arms": "a mapping, one of them with `reference: true`",
}


@dataclass(slots=True)
class Draft:
    """What could be read of a tree. Pieces that were refused are None, or missing from
    their section."""

    tree: Node
    names: Names
    head: ScenarioHead | None
    rows: dict[str, list[Row]]
    problems: Diagnostics
    capability: schema.CapabilityWeights | None
    parameters: schema.Parameters | None
    kinds: dict[str, schema.AgreementKind]
    event_kinds: dict[str, schema.EventKind]
    audiences: dict[str, Audience]
    theory: Theory | None
    report: schema.Report | None
    calibration: schema.Calibration | None
    posterior: schema.Posterior | None

    def read(self, section: str) -> list[Row]:
        """The rows of a section that could be read."""
        return [row for row in self.rows[section] if row.value is not None]

    @property
    def is_complete(self) -> bool:
        """Whether every piece could be read; one that could not has been reported where
        it was found."""
        pieces = [getattr(self, name) for name in ("head", *SINGLES)]
        return None not in pieces and all(
            row.value is not None for rows in self.rows.values() for row in rows
        )

    def node(self, *path: str) -> Node:
        """The deepest node on the way that there is."""
        return descend(self.tree, path)


class Reader:
    """Reads trees that share most of their nodes, as the arms of a scenario do, each
    node once."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Node, int], Row] = {}
        self._sections: dict[tuple[str, Node, int], tuple[list[Row], Diagnostics]] = {}
        self._names: dict[Names, Names] = {}

    def draft(self, tree: Node) -> Draft:
        """Everything that `tree` says, and every problem with a single piece of it."""
        found = Diagnostics()
        names = read_names(tree, found)
        names = self._names.setdefault(names, names)
        check_top(tree, found)
        rows = {name: self._section(name, tree, names, found) for name in SECTIONS}

        pieces: dict[str, Any] = {
            "kinds": _kinds(tree, "kinds", schema.AgreementKind, found),
            "event_kinds": _kinds(tree, "event_kinds", schema.EventKind, found),
            "audiences": read_audiences(tree, names, found),
            "theory": _theory(tree, found),
        }
        for name, model in SINGLES.items():
            given, below = tree.get(name), default_tree().get(name)
            node = merged(below, given) if below and given else given or below
            if name not in pieces:
                pieces[name] = read_piece(model, node, name, found) if node else model()
        return Draft(tree, names, _head(tree, found), rows, found, **pieces)

    def row(
        self, name: str, node: Node, at: int, names: Names, within: str = ""
    ) -> Row:
        """One row, read once for every tree that holds the same node. within: path of
        the list, if no section's."""
        key = (within or name, node, id(names))
        row = self._rows.get(key)
        if row is None or row.path.endswith(
            "]"
        ):  # a row without a name is told by where it stands
            path = (within or name) + row_path(name, node, at).removeprefix(name)
            if row is None or row.path != path:
                row = self._rows[key] = read_row(name, node, path, names)
        return row

    def _section(
        self, name: str, tree: Node, names: Names, found: Diagnostics
    ) -> list[Row]:
        node = tree.get(name)
        if node is None or node.value is REFUSED:
            return []
        if not isinstance(node.value, list):
            hint = f"write `{name}:` and below it items that begin with `- `"
            code = "E207" if node.value is None else "E201"
            found.add(node, name, code, f"expected a list, got {node.kind}", hint)
            return []
        key = (name, node, id(names))
        if key not in self._sections:
            self._sections[key] = self._read_section(name, node, names)
        rows, of_rows = self._sections[key]
        found += of_rows
        return rows

    def _read_section(
        self, name: str, node: Node, names: Names
    ) -> tuple[list[Row], Diagnostics]:
        rows, found = list[Row](), Diagnostics()
        refused, most = 0, SECTIONS[name].most
        for at, item in enumerate(node.items):
            row = self.row(name, item, at, names)
            rows.append(row)
            found += row.problems
            refused += bool(row.problems)
            if refused > MOST_REFUSED or at >= most:
                what = (
                    f"{MOST_REFUSED} rows are refused"
                    if refused > MOST_REFUSED
                    else f"{at:,} rows"
                )
                found.add(
                    item,
                    name,
                    "E022",
                    f"more than {what}; the rest of `{name}` was not read",
                )
                rows.append(Row(name, item.with_value(REFUSED), name, names))
                break
        return rows, found


def check_top(tree: Node, found: Diagnostics) -> None:
    """Keys of the top level: known, none missing, the schema one that this version
    reads."""
    for key, child in tree.without(*TOP).fields.items():
        unknown_key(found, child, "", key, TOP, "the top level")
    meant, write = (
        {OTHER_NAMES.get(key) for key in tree.fields},
        f"write `schema: {SCHEMA_VERSION}`",
    )
    for key in REQUIRED:
        if tree.get(key) is None and key not in meant:
            need = f" ({NEEDED[key]})" if key in NEEDED else ""
            code, hint = ("E108", write) if key == "schema" else ("E103", "")
            found.add(tree, key, code, f"`{key}` is required{need}", hint)
    version = tree.get("schema")
    is_right = version is None or version.value in (SCHEMA_VERSION, REFUSED)
    if version is not None and (not is_right or isinstance(version.value, bool)):
        why = f"got {version.kind}: this version reads {SCHEMA_VERSION}"
        found.add(version, "schema", "E108", why, write, str(SCHEMA_VERSION))


def _head(tree: Node, found: Diagnostics) -> ScenarioHead | None:
    given = {
        name: child
        for name, child in tree.fields.items()
        if name in ScenarioHead.model_fields
    }
    given.setdefault("step_days", default_tree().fields["step_days"])
    of_head = Diagnostics()
    head = read_piece(ScenarioHead, tree.with_value(given), "", of_head)
    found += [one for one in of_head if one.code != "E103"]
    return head


def _kinds[Kind: Strict](
    tree: Node, name: str, model: type[Kind], found: Diagnostics
) -> dict[str, Kind]:
    base, given = default_tree().fields[name], tree.below(name)
    if not isinstance(given.value, dict | Refused):
        found.add(given, name, "E201", f"expected a mapping of kinds, got {given.kind}")
    if len(given.fields) > MOST_KINDS:
        found.add(
            given, name, "E022", f"{len(given.fields):,} kinds, more than {MOST_KINDS}"
        )
        given = base
    kinds: dict[str, Kind] = {}
    for kind, node in merged(base, given.with_fields({})).fields.items():
        path = f"{name}.{shown(kind)}"
        check_identifier(kind, node, path, found)
        if (read := read_piece(model, node, path, found)) is not None:
            kinds[kind] = read
    return kinds


def read_audiences(tree: Node, names: Names, found: Diagnostics) -> dict[str, Audience]:
    """Audiences, each state in exactly one; `rest` takes those that no other names."""
    given = tree.below("audiences")
    if not isinstance(given.value, dict | Refused):
        found.add(given, "audiences", "E201", f"expected a mapping, got {given.kind}")
    audiences: dict[str, Audience] = {}
    taken: dict[str, tuple[str, Node]] = {}
    kinds = ["default", *names.event_kinds]
    for name, node in given.fields.items():
        path = f"audiences.{shown(name)}"
        check_identifier(name, node, path, found)
        members = node.get("members")
        told = (
            {
                "members": many_actors(
                    members, f"{path}.members", names, found, outside=False
                )
            }
            if members
            else {}
        )
        written = node.with_fields(told) if told else node
        for kind, child in written.below("attention").fields.items():
            if kind not in kinds:
                where, why = (
                    f"{path}.attention.{shown(kind)}",
                    f"unknown kind of event `{shown(kind)}`",
                )
                found.add(
                    child.at,
                    where,
                    "E211",
                    why,
                    did_you_mean(kind, kinds),
                    listed(kinds, 30),
                )
        read = read_piece(Audience, written, path, found)
        for item in written.below("members").items:
            code = str(item.value)
            if code in taken:
                why = f"`{code}` is in audience `{taken[code][0]}` already (line {taken[code][1].mark.line})"
                found.add(
                    item,
                    f"{path}.members",
                    "E306",
                    why,
                    allowed="each state in one audience",
                )
            taken.setdefault(code, (name, item))
        if read is not None:
            audiences[name] = read.model_copy(
                update={"attention": {"default": 1.0, **read.attention}}
            )
    return with_rest(audiences, names.roster - {*taken})


def _theory(tree: Node, found: Diagnostics) -> Theory | None:
    given = tree.below("theory")
    if not isinstance(given.value, dict):
        hint = f"write preset: {given.text}" if given.text in presets() else ""
        if given.value is not REFUSED:
            found.add(
                given, "theory", "E201", f"expected a mapping, got {given.kind}", hint
            )
        return None
    preset = given.get("preset") or from_plain(DEFAULT_PRESET)
    if preset.value is None and preset.text in presets():
        preset = preset.with_value(preset.text)
    if isinstance(preset.value, str) and preset.value not in presets():
        why, known = f"unknown theory `{shown(preset.value)}`", list(presets())
        found.add(
            preset,
            "theory.preset",
            "E211",
            why,
            did_you_mean(preset.value, known),
            listed(known),
        )
        preset = preset.with_value(REFUSED)
    for term, child in given.below("weights").fields.items():
        if term in REPLACED_TERMS:
            found.add(
                child.at, f"theory.weights.{term}", "E104", *REPLACED_TERMS[term][1:]
            )
        elif not is_term(term):
            unknown_key(found, child, "theory.weights", term, TERMS, "theory.weights")
    name = preset.value if isinstance(preset.value, str) else DEFAULT_PRESET
    beside = presets()[name].beside_weights if name in presets() else {}
    below = from_plain({**beside, "weights": weights_under(name)})
    return read_piece(
        Theory, merged(below, given).with_fields({"preset": preset}), "theory", found
    )


# --- rows -------------------------------------------------------------------------------------------


class Row:
    """A row as it is written, its other vocabularies translated and its actors
    resolved, and as it is read.

    value: None if it is refused. problems: why; what is refused of the node is REFUSED.
    key: see `row_key`."""

    def __init__(self, name: str, node: Node, path: str, names: Names) -> None:
        self.name, self.node, self.path, self.names = name, node, path, names
        self.problems = Diagnostics()
        self.value: Any = None
        self.key: str | None = None

    def at(self, *fields: str) -> Node:
        """The node of the first of `fields` that was written, else the row's."""
        return next(
            (child for name in fields if (child := self.node.get(name)) is not None),
            self.node,
        )

    def problem(
        self,
        name: str,
        code: str,
        message: str,
        suggestion: str = "",
        allowed: str = "",
    ) -> Diagnostic:
        """One of a field of it."""
        return problem(
            self.at(name), f"{self.path}.{name}", code, message, suggestion, allowed
        )

    def put(self, field: str, value: object) -> None:
        """Another value at the place of what was written for a field."""
        self.node = self.node.with_fields(
            {field: self.node.fields[field].with_value(value)}
        )

    def kind(self, known: Sequence[str], others: dict[str, str], section: str) -> None:
        """The kind, in our vocabulary. known: kinds of the scenario; others: names for
        them elsewhere."""
        child = self.node.get("kind")
        if child is None or not isinstance(child.value, str) or child.value in known:
            return
        if others.get(child.value) in known:
            self.put("kind", others[child.value])
            return
        near = closest(child.value, [*known, *others])
        near = others.get(near, near) if near and near not in known else near
        hint = (
            f"did you mean `{near}`?"
            if near
            else f"add it under `{section}` with all its fields"
        )
        why = f"unknown kind `{shown(child.value)}`"
        self.problems.add(
            child, f"{self.path}.kind", "E211", why, hint, listed(known, 30)
        )
        self.put("kind", REFUSED)

    def actor(self, role: str, *, outside: bool = False) -> None:
        """A state of the roster, or, where `outside`, another actor."""
        child, before = self.node.get(role), len(self.problems)
        if child is not None:
            one_actor(
                child, f"{self.path}.{role}", self.names, self.problems, outside=outside
            )
            if len(self.problems) > before:
                self.put(role, REFUSED)

    def actors(self, role: str, *apart: str, outside: bool = True) -> None:
        """A list of actors, groups expanded; apart: roles whose actors no group stands
        for here."""
        child = self.node.get(role)
        if child is not None:
            others = [self.node.below(one) for one in apart]
            taken = [
                item.value
                for one in others
                for item in (one.items or [one])
                if isinstance(item.value, str)
            ]
            path = f"{self.path}.{role}"
            self.put(
                role,
                many_actors(
                    child, path, self.names, self.problems, taken, outside=outside
                ).value,
            )

    def pair(self, first: str, second: str) -> None:
        """Two states that are not the same."""
        self.actor(first)
        self.actor(second)
        a, b = self.node.get(first), self.node.get(second)
        if a and b and isinstance(a.value, str) and a.value == b.value:
            self.problems.add(
                b,
                self.path,
                "E306",
                f"`{shown(a.value)}` forms a dyad with itself",
                "name two states",
            )


def read_row(name: str, node: Node, path: str, names: Names) -> Row:
    """Row of section `name`. path: of the row, for messages."""
    row, section = Row(name, node, path, names), SECTIONS[name]
    if isinstance(node.value, dict):
        if section.keys == ("id",) and name != "states" and (child := node.get("id")):
            check_identifier(child.value, child, f"{path}.id", row.problems)
            if row.problems:
                row.put("id", REFUSED)
        _PREPARE[name](row)
    refused = bool(row.problems)
    value = read_piece(section.model, row.node, path, row.problems)
    row.value = None if refused or value is None else tidy(value)
    row.key = row_key(section, row.node)
    return row


def _state(row: Row) -> None:
    code = child.value if (child := row.node.get("id")) else None
    is_number = isinstance(code, int) and not isinstance(code, bool)
    if is_number or (isinstance(code, str) and not IDENTIFIER.fullmatch(code)):
        row.put("id", REFUSED)
    row.actors("patrons", outside=False)


def _agreement(row: Row) -> None:
    node, status = row.node, row.node.get("status")
    stage = (
        AGREEMENT_STATUSES.get(status.value)
        if status and isinstance(status.value, str)
        else None
    )
    if status and stage:
        row.put("status", stage.status)
        if stage.kind:
            row.node = row.node.with_fields(
                {"kind": (node.get("kind") or status).with_value(stage.kind)}
            )
            if (signed := node.get("signed")) and node.get("in_force") is None:
                row.node = row.node.with_fields({"in_force": signed})
    row.kind(row.names.kinds, AGREEMENT_KINDS, "kinds")
    row.pair("a", "b")


def _event(row: Row) -> None:
    row.kind(row.names.event_kinds, EVENT_KINDS, "event_kinds")
    row.actors("principals", "guests")
    row.actors("guests", "principals")
    row.actors("targets", "principals", "guests")
    sign = row.node.get("sign")
    if sign is not None and isinstance(
        sign.value, bool | float
    ):  # to a Literal, True is 1
        row.problems.add(
            sign,
            f"{row.path}.sign",
            "E211",
            f"`{shown(sign.text)}` is none of -1, 0, 1",
        )
    row.actor("host", outside=True)


def _provocation(row: Row) -> None:
    row.kind(row.names.event_kinds, EVENT_KINDS, "event_kinds")
    row.actor("state")
    row.actors("targets", "state")


_PREPARE: dict[str, Callable[[Row], None]] = {
    "states": _state,
    **dict.fromkeys(
        ("disputes", "no_relations", "distances", "frailties"),
        lambda row: row.pair("a", "b"),
    ),
    "trade": lambda row: row.pair("state", "partner"),
    "accords": _agreement,
    "events": _event,
    "provocations": _provocation,
    "targets_alternatives": lambda row: row.actors("targets"),
}
