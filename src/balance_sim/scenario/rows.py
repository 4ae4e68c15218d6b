"""A row of a section, from its node: the words of other sources translated, groups of
actors expanded, then validated by its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balance_sim.scenario.actors import (
    IDENTIFIER,
    Names,
    check_actor,
    check_identifier,
    expanded,
)
from balance_sim.scenario.diagnostics import Diagnostics, did_you_mean, listed, shown
from balance_sim.scenario.layout import (
    AGREEMENT_KINDS,
    AGREEMENT_STATUSES,
    EVENT_KINDS,
    SECTIONS,
)
from balance_sim.scenario.nodes import REFUSED, Node
from balance_sim.scenario.validation import read_piece

SINGLE_ACTORS = ("a", "b", "state", "partner", "host")
ROLES = {
    "patrons": (),
    "principals": ("guests",),
    "guests": ("principals",),
    "targets": ("principals", "guests", "state"),
}
"""Fields that list actors, and the roles whose actors no group stands for there."""
TRANSLATED = (*SINGLE_ACTORS, *ROLES, "id", "kind", "status")
"""Fields that are read with the names of the scenario."""


def read_row(
    section: str, node: Node, path: str, names: Names, problems: Diagnostics
) -> Any:
    """A row as its section's model.

    Parameters
    ----------
    section : str
        That it is of.
    node : Node
        The row as it is written.
    path : str
        Its key path, for messages.
    names : Names
        What it may refer to.
    problems : Diagnostics
        Takes every reason why it is refused.

    Returns
    -------
    SectionRow or None
        Undirected dyads with the lesser code first; None where it is refused.
    """
    problem_count = len(problems)
    if isinstance(node.value, dict):
        node = _translated(section, node, path, names, problems)
    row: Any = read_piece(SECTIONS[section].model, node, path, problems)
    if row is None or len(problems) > problem_count:
        return None
    if hasattr(row, "a") and row.a > row.b:
        return row.model_copy(update={"a": row.b, "b": row.a})
    return row


def _translated(
    section: str, node: Node, path: str, names: Names, problems: Diagnostics
) -> Node:
    """The row with names resolved; what is refused is REFUSED."""
    fields = _with_our_status(node) if section == "accords" else dict(node.fields)
    codes: list[object] = []
    for field in TRANSLATED:
        child = fields.get(field)
        if child is None:
            continue
        place, problem_count = f"{path}.{field}", len(problems)
        if field in SINGLE_ACTORS:
            is_host = field == "host"
            check_actor(child, place, names, problems, outside=is_host)
        elif field in ROLES:
            taken = _actors(fields, ROLES[field])
            outside = field != "patrons"
            fields[field] = expanded(
                child, place, names, problems, taken, outside=outside
            )
        elif field == "kind" and section != "no_relations":
            fields[field] = _our_kind(section, child, place, names, problems)
        elif field == "id" and section != "states":
            check_identifier(child.value, child, place, problems)
        elif field == "id" and not _can_be_id(child.value):
            fields[field] = child.with_value(REFUSED)  # the roster has reported it
        if len(problems) > problem_count:
            fields[field] = child.with_value(REFUSED)
        elif field in SINGLE_ACTORS and field != "host":
            if child.value in codes:
                why = f"`{shown(child.value)}` forms a dyad with itself"
                problems.add(child, path, "E306", why, "name two states")
            codes.append(child.value)
    return node.with_value(fields)


def _can_be_id(code: object) -> bool:
    """Whether the id of a state is one, or of a type that its model refuses."""
    is_text = isinstance(code, str) and IDENTIFIER.fullmatch(code) is not None
    return is_text or isinstance(code, bool | float | list | dict) or code is None


def _actors(fields: Mapping[str, Node], roles: tuple[str, ...]) -> set[object]:
    """Who is named in these roles."""
    children = [fields[role] for role in roles if role in fields]
    items = [item for child in children for item in child.items or [child]]
    return {item.value for item in items if isinstance(item.value, str)}


def _with_our_status(node: Node) -> dict[str, Node]:
    """Fields of an agreement, with our status for another source's, and what it
    implies."""
    fields, status = dict(node.fields), node.get("status")
    stage = AGREEMENT_STATUSES.get(str(status.value)) if status is not None else None
    if status is None or stage is None:
        return fields
    fields["status"] = status.with_value(stage.status)
    if stage.kind:
        fields["kind"] = fields.get("kind", status).with_value(stage.kind)
        if node.value_of("signed") is not None and node.value_of("in_force") is None:
            fields["in_force"] = fields["signed"]
    return fields


def _our_kind(
    section: str, child: Node, path: str, names: Names, problems: Diagnostics
) -> Node:
    """The kind in our vocabulary; reported where the scenario has none of that name."""
    kinds, others = names.event_kinds, EVENT_KINDS
    if section == "accords":
        kinds, others = names.kinds, AGREEMENT_KINDS
    if not isinstance(child.value, str) or child.value in kinds:
        return child
    kind = others.get(child.value)
    if kind not in kinds:
        hint = did_you_mean(child.value, [*kinds, *others])
        why, allowed = f"unknown kind `{shown(child.value)}`", listed(kinds, 30)
        problems.add(child, path, "E211", why, hint, allowed)
        return child
    return child.with_value(kind)
