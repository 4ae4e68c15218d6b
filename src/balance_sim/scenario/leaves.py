"""Single values set in a scenario's own models, without its tree: the short way to a point and to an arm.

What is set is checked by the schema of the piece it belongs to; all else is shared with the scenario. Only values are
set here that no rule between pieces (`checks.py`) refuses anything for; for all others, and for whatever is refused,
the answer is None: then the tree is read as a file's is, and says what is wrong. A test holds both ways to one result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from balance_sim.scenario.checks import signals_out_of_order
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.nodes import from_plain
from balance_sim.scenario.rows import tidy
from balance_sim.scenario.schema import TERMS, Scenario, SectionRow, Strict

UNREAD: dict[str, tuple[str, ...]] = {
    "states": ("reliability", "autonomy", "propensity", "propensity_declarations"),
    "disputes": ("rivalry", "claim", "militarised", "war"),
    "distances": ("km",),
    "frailties": ("factor", "shape"),
    "events": ("visibility",),
    "provocations": ("visibility",),
}
"""Numbers of rows that no rule reads."""
WARNED: dict[str, tuple[str, ...]] = {"states": ("democracy", "ideal_point"), "provocations": ("rate",)}
"""Numbers of rows that rules read and refuse nothing for: a missing one, or a rate that is high, is a warning."""
SET_IN_ARMS: dict[str, tuple[str, ...]] = {"events": ("date", "principals", "guests", "targets", "sign")}
"""What an arm may set beside these in the short way: it was checked, in that arm, when the scenario was read."""


def with_numbers(scenario: Scenario, values: Mapping[str, object]) -> Scenario | None:
    """The scenario with these numbers by key path, or None where the short way cannot tell that all is well.

    scenario: as it was assembled, so that whatever is not set is known to be right. Its sha256 is the old one."""
    changed: Scenario | None = scenario
    for path in sorted(values):
        number = from_plain(values[path]).value  # NumPy's become Python's
        if type(number) not in (float, int):
            return None
        changed = _with(changed, path, number, {})
        if changed is None:
            return None
    return changed if changed and _is_right_in_arms(scenario, changed) else None


def _is_right_in_arms(before: Scenario, after: Scenario) -> bool:
    """Whether the order of the signals' weights, the one rule on numbers set here, holds still, in every arm."""
    if after.event_kinds is before.event_kinds:
        return True
    if any(path.startswith("event_kinds.") for arm in after.arms.values() for path in arm.set):
        return False
    return not any(True for _ in signals_out_of_order(after.event_kinds))


def with_settings(scenario: Scenario, settings: Mapping[str, object]) -> Scenario | None:
    """The scenario with what an arm sets, or None where the short way does not know how. Its sha256 is the old one.

    settings: values as the schema holds them; what is dropped and added is out and in already."""
    changed: Scenario | None = scenario
    for path in sorted(settings):
        changed = _with(changed, path, settings[path], SET_IN_ARMS)
        if changed is None:
            return None
    if changed is not None and changed.events is not scenario.events:
        events = tuple(sorted(changed.events, key=lambda event: (event.date, event.id)))
        changed = changed.model_copy(update={"events": events})
    return changed


def _with(
    scenario: Scenario | None, path: str, value: object, more: Mapping[str, tuple[str, ...]]
) -> Scenario | None:
    """One value set; None if the path is none of those that can be set here, or the schema refuses the value.

    more: fields of rows that can be set too."""
    head, *rest = path.split(".")
    if scenario is None:
        return None
    new: Any = None
    if head == "parameters" and len(rest) == 1:
        new = _piece(scenario.parameters, rest[0], value)
    elif head in ("kinds", "event_kinds") and len(rest) == 2:
        new = _in_mapping(getattr(scenario, head), rest[0], rest[1], value)
    elif head == "theory":
        new = _theory(scenario, rest, value)
    elif head == "audiences" and len(rest) == 3 and rest[1] == "attention":
        new = _attention(scenario, rest[0], rest[2], value)
    elif head in SECTIONS and len(rest) == 2:
        fields = (*UNREAD.get(head, ()), *WARNED.get(head, ()), *more.get(head, ()))
        if rest[1] in fields and _is_plain(scenario, value):
            new = _in_rows(getattr(scenario, head), head, rest[0], rest[1], value)
    return None if new is None else scenario.model_copy(update={head: new})


def _piece[Piece: Strict](piece: Piece, field: str, value: object) -> Piece | None:
    """The piece with one field set, as it would be read; None if it is refused."""
    if field not in type(piece).model_fields:
        return None
    try:
        return type(piece).model_validate({**piece.__dict__, field: value})
    except ValidationError:
        return None


def _in_mapping(pieces: Mapping[str, Strict], name: str, field: str, value: object) -> Any:
    new = _piece(pieces[name], field, value) if name in pieces else None
    return None if new is None else {**pieces, name: new}


def _theory(scenario: Scenario, rest: list[str], value: object) -> Any:
    if rest == ["equal_hostility"]:
        return _piece(scenario.theory, rest[0], value)
    if len(rest) != 2 or rest[0] != "weights" or rest[1] not in TERMS:
        return None
    return _piece(
        scenario.theory, "weights", dict(sorted({**scenario.theory.weights, rest[1]: value}.items()))
    )


def _attention(scenario: Scenario, audience: str, kind: str, value: object) -> Any:
    if audience not in scenario.audiences or kind not in (*scenario.event_kinds, "default"):
        return None
    heed = dict(sorted({**scenario.audiences[audience].attention, kind: value}.items()))
    return _in_mapping(scenario.audiences, audience, "attention", heed)


def _is_plain(scenario: Scenario, value: object) -> bool:
    """Whether a list, if it is one, holds what a list of actors holds once it was read: known codes, sorted."""
    if not isinstance(value, tuple):
        return True
    known = {*scenario.codes, *scenario.outside}
    return all(isinstance(code, str) for code in value) and list(value) == sorted({*value} & known)


def _in_rows(rows: tuple[SectionRow, ...], head: str, name: str, field: str, value: object) -> Any:
    keys = SECTIONS[head].keys
    words = [name] if len(keys) == 1 else sorted(name.split("-"))
    found = [at for at, row in enumerate(rows) if [getattr(row, key) for key in keys] == words]
    new = _piece(rows[found[0]], field, value) if len(found) == 1 else None
    return None if new is None else (*rows[: found[0]], tidy(new), *rows[found[0] + 1 :])
