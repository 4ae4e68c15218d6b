"""What pydantic says about a piece of a scenario becomes problems with places, bounds and next steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from balance_sim.scenario.cells import hint_for_number
from balance_sim.scenario.defaults import units
from balance_sim.scenario.layout import OTHER_NAMES, bounds, field_names, homes
from balance_sim.scenario.nodes import REFUSED, Node, descend, plain
from balance_sim.scenario.problems import (
    Problem,
    closest,
    did_you_mean,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.schema import Strict

UNITS = {
    "gdp_bn": "billions of US dollars",
    "milex_bn": "billions of US dollars",
    "population_m": "millions of people",
    "latitude": "degrees",
    "longitude": "degrees",
    "km": "km",
    "rate": "per year",
    "step_days": "days",
    "windows": "days",
}
_WANTED = {
    "string_type": "text",
    "float_type": "number",
    "int_type": "integer",
    "int_from_float": "integer",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "date_type": "a date",
}


def read_piece[Model: Strict](
    model: type[Model], node: Node, path: str, skip: Sequence[str] = ()
) -> tuple[Model | None, list[Problem]]:
    """`node` as a `model`, or None and every reason why not.

    path: of the node, for messages. skip: keys that are read elsewhere."""
    if node.value is REFUSED:
        return None, []
    value = plain(node)
    if not isinstance(value, dict):
        why = f"expected a mapping with keys {listed(field_names(model), 6)}, got {kind_of(node)}"
        return None, [problem(node.mark, path, "E207" if value is None else "E201", why)]
    try:
        read = model.model_validate({key: child for key, child in value.items() if key not in skip})
    except ValidationError as error:
        found = [_translate(entry, node, path, model) for entry in error.errors(include_url=False)]
        return None, [one for one in found if one is not None]
    return read, []


def kind_of(node: Node) -> str:
    """What a node holds, in words for a message."""
    value = node.value
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return f"integer {shown(node.text or value)}"
    if isinstance(value, float):
        return f"number {shown(node.text or value)}"
    return f'text "{shown(value)}"'


def unknown_key(node: Node, path: str, key: str, known: Sequence[str], here: str) -> Problem:
    """A key that does not belong where it stands; says where it does, or what was meant.

    here: the place, as `homes` spells it, for keys of another level."""
    meant = OTHER_NAMES.get(key)
    whole = f"{path}.{key}" if path else key
    shown_key = shown(key)
    if meant in known:
        return problem(
            node.at, whole, "E104", f"`{shown_key}` is called `{meant}` here", suggestion=f"write `{meant}`"
        )
    if ":" in key and key.split(":")[0] in known:
        name, _, rest = key.partition(":")
        return problem(
            node.at, whole, "E011", f"got text `{shown_key}`", "", f"write `{name}: {shown(rest)}`"
        )
    near = did_you_mean(key, known)
    homes_of = [home for home in homes().get(key, ()) if home != here]
    if homes_of:
        why = f"`{shown_key}` belongs in {listed(homes_of)}, found in {path or here}"
        return problem(node.at, whole, "E102", why, suggestion=near)
    return problem(
        node.at, whole, "E101", f"unknown key `{shown_key}`", "" if near else listed(known, 40), near
    )


def _translate(entry: Any, root: Node, path: str, model: type[Strict]) -> Problem | None:
    """One pydantic error as a Problem; None where the reader has complained already."""
    loc = [step for step in entry["loc"] if step != "[key]"]
    node = descend(root, loc)
    if node.value is REFUSED:
        return None
    whole = joined(path, loc)
    name = next((str(step) for step in loc if isinstance(step, str)), "")
    kind = entry["type"]
    if kind == "missing":
        need = _needed(model, name)
        return problem(node.mark, whole, "E103", f"`{loc[-1]}` is required{need}")
    if kind == "extra_forbidden":
        return unknown_key(node, joined(path, loc[:-1]), str(loc[-1]), field_names(model), path)
    if node.value is None:
        hint = f"write {_needed(model, name, '{}') or 'a value'}, or leave the key out"
        return problem(node.mark, whole, "E207", "value missing", suggestion=hint)
    make = _MAKERS.get(kind)
    if make is not None:
        return make(entry, node, whole, model, name)
    if kind in _WANTED:
        return _wrong_type(kind, node, whole, model, name)
    return problem(node.mark, whole, "E203", shown(entry["msg"], 120))


def joined(path: str, loc: Sequence[object]) -> str:
    """A path going on: names with dots, positions in brackets."""
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if path else shown(step)
    return path


def _unit(name: str) -> str:
    unit = UNITS.get(name) or units().get(name, "")
    return unit if unit not in ("factor", "share", "exponent", "weight") else ""


def _needed(model: type[Strict], name: str, form: str = " ({})") -> str:
    if name not in model.model_fields:
        return ""
    parts = [part for part in (_unit(name), bounds(model, name)) if part]
    return form.format(", ".join(parts)) if parts else ""


def _wrong_type(kind: str, node: Node, path: str, model: type[Strict], name: str) -> Problem:
    if kind == "date_type":
        return problem(
            node.mark,
            path,
            "E209",
            f"`{shown(node.text or node.value)}` is no date",
            "a day that exists, as YYYY-MM-DD",
            "write an ISO date, e.g. 2025-09-03",
        )
    wanted, got, code, hint = _WANTED[kind], kind_of(node), "E201", ""
    if wanted in ("number", "integer") and isinstance(node.value, str):
        code, hint = hint_for_number(node.value)
    elif wanted == "integer" and isinstance(node.value, float) and node.value.is_integer():
        hint = f"write {int(node.value)}"
    elif wanted == "text" and isinstance(node.value, bool | int | float | dict | list):
        hint = "put it in quotes if it is text"
    elif wanted == "a list" and isinstance(node.value, str):
        hint = f"write [{shown(node.value)}]"
    elif wanted == "true or false":
        hint = "write true or false"
    allowed = bounds(model, name) if name in model.model_fields else ""
    return problem(node.mark, path, code, f"expected {wanted}, got {got}", allowed, hint)


def _outside(entry: Any, node: Node, path: str, model: type[Strict], name: str) -> Problem:
    limits = bounds(model, name) if name in model.model_fields else ""
    if not limits:
        limits = shown(entry["msg"].removeprefix("Input should be "))
    unit = f" ({_unit(name)})" if _unit(name) else ""
    value = shown(node.text or node.value)
    return problem(node.mark, path, "E203", f"{value} is outside {limits}{unit}", limits)


def _not_finite(entry: Any, node: Node, path: str, model: type[Strict], name: str) -> Problem:
    return problem(
        node.mark,
        path,
        "E204",
        f"{shown(node.text or node.value)} must be finite",
        _needed(model, name, "{}"),
    )


def _no_choice(entry: Any, node: Node, path: str, model: type[Strict], name: str) -> Problem:
    options = [part.strip(" '") for part in entry["ctx"]["expected"].replace(" or ", ", ").split(",")]
    near = did_you_mean(str(node.value), options) if isinstance(node.value, str) else ""
    return problem(
        node.mark,
        path,
        "E211",
        f"`{shown(node.text or node.value)}` is none of {listed(options)}",
        listed(options),
        near,
    )


def _no_identifier(entry: Any, node: Node, path: str, model: type[Strict], name: str) -> Problem:
    return problem(
        node.mark,
        path,
        "E106",
        f"`{shown(node.value)}` is no identifier",
        "[A-Za-z0-9_-], 1 to 64 characters",
    )


def _too_few(entry: Any, node: Node, path: str, model: type[Strict], name: str) -> Problem:
    least = entry["ctx"]["min_length"]
    return problem(node.mark, path, "E212", f"at least {least} needed, got {entry['ctx']['actual_length']}")


def _too_long(entry: Any, node: Node, path: str, model: type[Strict], name: str) -> Problem:
    return problem(
        node.mark,
        path,
        "E203",
        f"{len(node.text):,} characters are too many",
        f"at most {entry['ctx']['max_length']:,} characters",
    )


_Maker = Callable[[Any, Node, str, type[Strict], str], Problem]
_MAKERS: dict[str, _Maker] = {
    **dict.fromkeys(("greater_than", "greater_than_equal", "less_than", "less_than_equal"), _outside),
    "finite_number": _not_finite,
    "literal_error": _no_choice,
    "string_pattern_mismatch": _no_identifier,
    "too_short": _too_few,
    "string_too_long": _too_long,
}

__all__ = ["closest", "joined", "kind_of", "read_piece", "unknown_key"]
