"""One row of a section: other vocabularies translated, actors resolved, then typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from balance_sim.scenario.actors import (
    IDENTIFIER,
    Names,
    check_identifier,
    many_actors,
    one_actor,
)
from balance_sim.scenario.layout import SECTIONS, row_key
from balance_sim.scenario.nodes import REFUSED, Node
from balance_sim.scenario.problems import Problem, closest, listed, problem, shown
from balance_sim.scenario.refusals import read_piece
from balance_sim.scenario.vocabulary import ACCORD_KINDS, ACCORD_STATUSES, EVENT_KINDS


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was written and as it was read; `value` is None if it was refused. key: see `row_key`."""

    value: Any
    node: Node
    path: str
    problems: tuple[Problem, ...] = ()
    key: str | None = None

    def at(self, *fields: str) -> Node:
        """The node of the first of `fields` that was written, else the row's."""
        for name in fields:
            child = self.node.get(name)
            if child is not None:
                return child
        return self.node


def read_row(name: str, node: Node, path: str, names: Names) -> Row:
    """Row of section `name`. path: of the row, for messages."""
    problems: list[Problem] = []
    section = SECTIONS[name]
    if isinstance(node.value, dict):
        prepare = _PREPARE.get(name)
        if section.keys == ("id",) and name != "states" and (child := node.get("id")):
            problems += check_identifier(child.value, child, f"{path}.id")
            if problems:
                node = node.with_fields({"id": child.with_value(REFUSED)})
        if prepare is not None:
            node = prepare(node, path, names, problems)
    value, found = read_piece(section.model, node, path)
    read = None if problems or value is None else tidy(value)
    return Row(read, node, path, (*problems, *found), row_key(section, node))


def tidy(piece: Any) -> Any:
    """A pair with its first code first; lists and mappings sorted."""
    changes: dict[str, object] = {}
    if hasattr(piece, "a") and piece.a > piece.b:
        changes |= {"a": piece.b, "b": piece.a}
    for field in ("patrons", "members"):
        value = getattr(piece, field, ())
        if tuple(sorted(value)) != value:
            changes[field] = tuple(sorted(value))
    for field in ("attention", "weights"):
        value = getattr(piece, field, None)
        if value is not None:
            changes[field] = dict(sorted(value.items()))
    return piece.model_copy(update=changes) if changes else piece


def _kind(
    node: Node, path: str, known: Sequence[str], others: dict[str, str], what: str, problems: list[Problem]
) -> Node:
    child = node.get("kind")
    if child is None or not isinstance(child.value, str) or child.value in known:
        return node
    if child.value in others and others[child.value] in known:
        return node.with_fields({"kind": child.with_value(others[child.value])})
    near = closest(child.value, [*known, *others])
    near = others.get(near, near) if near and near not in known else near
    hint = f"did you mean `{near}`?" if near else f"add it under `{what}` with all its fields"
    problems.append(
        problem(
            child.mark,
            f"{path}.kind",
            "E211",
            f"unknown kind `{shown(child.value)}`",
            listed(known, 30),
            hint,
        )
    )
    return node.with_fields({"kind": child.with_value(REFUSED)})


def _actor(
    node: Node, path: str, fields: Sequence[str], names: Names, problems: list[Problem], **how: bool
) -> Node:
    for name in fields:
        child = node.get(name)
        wrong = one_actor(child, f"{path}.{name}", names, **how) if child else []
        if child and wrong:
            problems += wrong
            node = node.with_fields({name: child.with_value(REFUSED)})
    return node


def _state(node: Node, path: str, names: Names, problems: list[Problem]) -> Node:
    child = node.get("id")
    is_number = child is not None and isinstance(child.value, int) and not isinstance(child.value, bool)
    if child is not None and (is_number or not _is_identifier(child.value)):
        node = node.with_fields({"id": child.with_value(REFUSED)})
    return _actors(node, path, "patrons", names, problems, outside=False)


def _is_identifier(value: object) -> bool:
    return not isinstance(value, str) or IDENTIFIER.fullmatch(value) is not None


def _actors(
    node: Node,
    path: str,
    role: str,
    names: Names,
    problems: list[Problem],
    taken: Sequence[str] = (),
    *,
    outside: bool = True,
) -> Node:
    child = node.get(role)
    if child is None:
        return node
    expanded, wrong = many_actors(child, f"{path}.{role}", names, taken, outside=outside)
    problems += wrong
    return node.with_fields({role: expanded})


def _pair(first: str, second: str) -> Callable[[Node, str, Names, list[Problem]], Node]:
    def prepare(node: Node, path: str, names: Names, problems: list[Problem]) -> Node:
        node = _actor(node, path, (first, second), names, problems)
        a, b = node.get(first), node.get(second)
        if a and b and isinstance(a.value, str) and a.value == b.value:
            why = f"`{shown(a.value)}` is paired with itself"
            problems.append(problem(b.mark, path, "E306", why, suggestion="name two states"))
        return node

    return prepare


def _accord(node: Node, path: str, names: Names, problems: list[Problem]) -> Node:
    status = node.get("status")
    stage = ACCORD_STATUSES.get(status.value) if status and isinstance(status.value, str) else None
    if status and stage:
        changes = {"status": status.with_value(stage.status)}
        if stage.kind:
            old = node.get("kind") or status
            changes["kind"] = old.with_value(stage.kind)
            signed = node.get("signed")
            if signed is not None and node.get("in_force") is None:
                changes["in_force"] = signed
        node = node.with_fields(changes)
    node = _kind(node, path, names.kinds, ACCORD_KINDS, "kinds", problems)
    return _pair("a", "b")(node, path, names, problems)


def _named(node: Node, role: str) -> list[str]:
    child = node.get(role)
    return [item.value for item in child.items if isinstance(item.value, str)] if child else []


def _event(node: Node, path: str, names: Names, problems: list[Problem]) -> Node:
    node = _kind(node, path, names.event_kinds, EVENT_KINDS, "event_kinds", problems)
    node = _actors(node, path, "principals", names, problems, _named(node, "guests"))
    node = _actors(node, path, "guests", names, problems, _named(node, "principals"))
    taking_part = [*_named(node, "principals"), *_named(node, "guests")]
    node = _actors(node, path, "targets", names, problems, taking_part)
    sign = node.get("sign")
    if sign is not None and isinstance(sign.value, bool | float):  # to a Literal, True is 1
        why = f"`{shown(sign.text)}` is none of -1, 0, 1"
        problems.append(problem(sign.mark, f"{path}.sign", "E211", why))
    return _actor(node, path, ("host",), names, problems, outside=True)


def _provocation(node: Node, path: str, names: Names, problems: list[Problem]) -> Node:
    node = _kind(node, path, names.event_kinds, EVENT_KINDS, "event_kinds", problems)
    node = _actor(node, path, ("state",), names, problems)
    own = node.get("state")
    return _actors(node, path, "targets", names, problems, [str(own.value)] if own else [])


_PREPARE: dict[str, Callable[[Node, str, Names, list[Problem]], Node]] = {
    "states": _state,
    "disputes": _pair("a", "b"),
    "no_relations": _pair("a", "b"),
    "distances": _pair("a", "b"),
    "trade": _pair("state", "partner"),
    "accords": _accord,
    "events": _event,
    "frailties": _pair("a", "b"),
    "provocations": _provocation,
}
