"""A row of a section, from its node: other vocabularies translated, groups of actors
expanded, then validated by its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from balance_sim.scenario.actors import (
    IDENTIFIER,
    Names,
    check_actor,
    check_identifier,
    expanded,
)
from balance_sim.scenario.diagnostics import Diagnostics, closest, listed, shown
from balance_sim.scenario.layout import (
    AGREEMENT_KINDS,
    AGREEMENT_STATUSES,
    EVENT_KINDS,
    SECTIONS,
)
from balance_sim.scenario.nodes import REFUSED, Node
from balance_sim.scenario.validation import read_piece


@dataclass(slots=True)
class RowReader:
    """A row on its way to its model.

    node : the row as it is written, changed by what is translated and expanded
    path : of the row, for messages
    names : what the row may refer to
    problems : what is wrong with the row; what is refused of the node is REFUSED
    """

    node: Node
    path: str
    names: Names
    problems: Diagnostics

    def put(self, field: str, value: object) -> None:
        """Another value at the place of what was written for a field."""
        self.node = self.node.with_fields(
            {field: self.node.fields[field].with_value(value)}
        )

    def identifier(self) -> None:
        """The row's `id` can be one; without one the next step names one."""
        child, problem_count = self.node.get("id"), len(self.problems)
        path = f"{self.path}.id"
        if child is None:
            dyad = [str(self.node.value_of(key) or "") for key in ("a", "b")]
            example = "-".join(dyad) if all(dyad) else "NAME"
            hint = f"write `id: {shown(example)}`, a name of its own"
            self.problems.add(self.node, path, "E103", "`id` is required", hint)
            self.node = self.node.with_fields({"id": Node(REFUSED, self.node.mark)})
        else:
            check_identifier(child.value, child, path, self.problems)
        if child is not None and len(self.problems) > problem_count:
            self.put("id", REFUSED)

    def kind(self, options: tuple[str, ...], others: Mapping[str, str]) -> None:
        """The kind, in our vocabulary. options: kinds of the scenario; others: ours by
        the names of other sources."""
        child = self.node.get("kind")
        if child is None or not isinstance(child.value, str) or child.value in options:
            return
        if others.get(child.value) in options:
            self.put("kind", others[child.value])
            return
        near = closest(child.value, [*options, *others])
        near = others.get(near, near) if near and near not in options else near
        hint = f"did you mean `{near}`?" if near else "add it with all its fields"
        why, path = f"unknown kind `{shown(child.value)}`", f"{self.path}.kind"
        self.problems.add(child, path, "E211", why, hint, listed(options, 30))
        self.put("kind", REFUSED)

    def actor(self, role: str, *, outside: bool = False) -> None:
        """A state of the roster, or, where `outside`, another actor."""
        child, problem_count = self.node.get(role), len(self.problems)
        if child is None:
            return
        path = f"{self.path}.{role}"
        check_actor(child, path, self.names, self.problems, outside=outside)
        if len(self.problems) > problem_count:
            self.put(role, REFUSED)

    def actors(self, role: str, *apart: str, outside: bool = True) -> None:
        """A list of actors, groups expanded; apart: roles whose actors no group stands
        for here."""
        child = self.node.get(role)
        if child is None:
            return
        taken: set[object] = set()
        for other_role in apart:
            node = self.node.below(other_role)
            items = node.items or [node]
            taken |= {item.value for item in items if isinstance(item.value, str)}
        path = f"{self.path}.{role}"
        node = expanded(child, path, self.names, self.problems, taken, outside=outside)
        self.put(role, node.value)

    def dyad(self, first: str, second: str) -> None:
        """Two states that are not the same."""
        self.actor(first)
        self.actor(second)
        code = self.node.value_of(first)
        if isinstance(code, str) and code == self.node.value_of(second):
            why, node = f"`{shown(code)}` forms a dyad with itself", self.node
            hint = "name two states"
            self.problems.add(node.fields[second], self.path, "E306", why, hint)


def read_row(
    section: str, node: Node, path: str, names: Names, problems: Diagnostics
) -> Any:
    """The row as its section's model, or None with every reason why not added to
    `problems`."""
    reader, problem_count = RowReader(node, path, names, problems), len(problems)
    if isinstance(node.value, dict):
        _TRANSLATE[section](reader)
    row: Any = read_piece(SECTIONS[section].model, reader.node, path, problems)
    if row is None or len(problems) > problem_count:
        return None
    if hasattr(row, "a") and row.a > row.b:
        return row.model_copy(update={"a": row.b, "b": row.a})
    return row


def _state(row: RowReader) -> None:
    code = row.node.value_of("id")
    is_number = isinstance(code, int) and not isinstance(code, bool)
    if is_number or (isinstance(code, str) and not IDENTIFIER.fullmatch(code)):
        row.put("id", REFUSED)  # the roster has reported it
    row.actors("patrons", outside=False)


def _agreement(row: RowReader) -> None:
    row.identifier()
    node, status = row.node, row.node.get("status")
    stage = AGREEMENT_STATUSES.get(str(status.value)) if status else None
    if status and stage:
        row.put("status", stage.status)
    if status and stage and stage.kind:
        kind = node.fields.get("kind", status).with_value(stage.kind)
        row.node = row.node.with_fields({"kind": kind})
        if node.value_of("signed") is not None and node.get("in_force") is None:
            row.node = row.node.with_fields({"in_force": node.fields["signed"]})
    row.kind(row.names.kinds, AGREEMENT_KINDS)
    row.dyad("a", "b")


def _event(row: RowReader) -> None:
    row.identifier()
    row.kind(row.names.event_kinds, EVENT_KINDS)
    row.actors("principals", "guests")
    row.actors("guests", "principals")
    row.actors("targets", "principals", "guests")
    sign = row.node.get("sign")
    if sign is not None and isinstance(sign.value, bool | float):  # True equals 1
        why = f"`{shown(sign.text)}` is none of -1, 0, 1"
        row.problems.add(sign, f"{row.path}.sign", "E211", why)
    row.actor("host", outside=True)


def _provocation(row: RowReader) -> None:
    row.identifier()
    row.kind(row.names.event_kinds, EVENT_KINDS)
    row.actor("state")
    row.actors("targets", "state")


def _coding(row: RowReader) -> None:
    row.identifier()
    row.actors("targets")


_TRANSLATE: dict[str, Callable[[RowReader], None]] = {
    "states": _state,
    "disputes": lambda row: row.dyad("a", "b"),
    "no_relations": lambda row: row.dyad("a", "b"),
    "distances": lambda row: row.dyad("a", "b"),
    "frailties": lambda row: row.dyad("a", "b"),
    "trade": lambda row: row.dyad("state", "partner"),
    "accords": _agreement,
    "events": _event,
    "provocations": _provocation,
    "targets_alternatives": _coding,
}
