"""What pydantic says about a piece of a scenario becomes problems with places, bounds and next steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from balance_sim.scenario.cells import hint_for_number
from balance_sim.scenario.defaults import units
from balance_sim.scenario.layout import OTHER_NAMES, bounds, field_names, homes
from balance_sim.scenario.nodes import REFUSED, Node, descend, plain
from balance_sim.scenario.problems import (
    Problem,
    did_you_mean,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.schema import AccordKind, CapabilityWeights, EventKind, Parameters, Strict

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
LAID_OVER = (Parameters, CapabilityWeights, AccordKind, EventKind)
"""What a file gives in part: the rest is shipped."""
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
        meant = {joined(path, [OTHER_NAMES[key]]) for key in node.fields if key in OTHER_NAMES}
        return None, [one for one in found if one and not (one.code == "E103" and one.path in meant)]
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
    name, colon, rest = key.partition(":")
    if colon and name in known:
        return problem(
            node.at, whole, "E011", f"got text `{shown_key}`", "", f"write `{name}: {shown(rest)}`"
        )
    homes_of = [home for home in homes().get(key, ()) if home != here]
    near = did_you_mean(key, known, cutoff=0.8 if homes_of else 0.6)
    if homes_of:
        why = f"`{shown_key}` belongs in {listed(homes_of)}, found in {path or here}"
        hint = near or ("move it there" if len(homes_of) == 1 else "move it to where it belongs")
        return problem(node.at, whole, "E102", why, suggestion=hint)
    return problem(
        node.at, whole, "E101", f"unknown key `{shown_key}`", "" if near else listed(known, 40), near
    )


@dataclass(frozen=True, slots=True)
class _Trouble:
    """One pydantic error: its entry, the node it is about, the whole key path, the field of the model."""

    entry: Any
    node: Node
    path: str
    model: type[Strict]
    name: str

    @property
    def written(self) -> str:
        """The value as it was written."""
        is_whole = isinstance(self.node.value, dict | list)
        return kind_of(self.node) if is_whole else shown(self.node.text or self.node.value)

    @property
    def limits(self) -> str:
        """The allowed range of the field, if it is a number's."""
        return bounds(self.model, self.name) if self.name in self.model.model_fields else ""

    @property
    def unit(self) -> str:
        """The unit of the field, if it has one."""
        unit = UNITS.get(self.name) or units().get(self.name, "")
        return unit if unit not in ("factor", "share", "exponent", "weight") else ""

    @property
    def need(self) -> str:
        """Unit and range: what is wanted here."""
        known = self.name in self.model.model_fields
        return ", ".join(part for part in (self.unit, self.limits) if part) if known else ""

    def refuse(self, code: str, message: str, allowed: str = "", suggestion: str = "") -> Problem:
        return problem(self.node.mark, self.path, code, message, allowed, suggestion)


def _translate(entry: Any, root: Node, path: str, model: type[Strict]) -> Problem | None:
    """One pydantic error as a Problem; None where the reader has complained already."""
    loc = [step for step in entry["loc"] if step != "[key]"]
    node = descend(root, loc)
    if node.value is REFUSED:
        return None
    name = next((str(step) for step in loc if isinstance(step, str)), "")
    trouble = _Trouble(entry, node, joined(path, loc), model, name)
    kind = entry["type"]
    if kind == "missing":
        need = f" ({trouble.need})" if trouble.need else ""
        return trouble.refuse("E103", f"`{loc[-1]}` is required{need}")
    if kind == "extra_forbidden":
        return unknown_key(node, joined(path, loc[:-1]), str(loc[-1]), field_names(model), path)
    if node.value is None:
        field = model.model_fields.get(name) if len(loc) == 1 and model not in LAID_OVER else None
        must = field is not None and field.is_required() and name != "step_days"
        leave = "" if must else ", or leave the key out"
        hint = f"write {trouble.need or 'a value'}{leave}"
        return trouble.refuse("E207", "value missing", suggestion=hint)
    if kind in _WANTED:
        return _wrong_type(trouble, _WANTED[kind])
    make = _MAKERS.get(kind)
    return make(trouble) if make else trouble.refuse("E203", shown(entry["msg"], 120))


def joined(path: str, loc: Sequence[object]) -> str:
    """A path going on: names with dots, positions in brackets."""
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if path else shown(step)
    return path


def _wrong_type(trouble: _Trouble, wanted: str) -> Problem:
    value = trouble.node.value
    if wanted == "a date":
        allowed, hint = "a day that exists, as YYYY-MM-DD", "write an ISO date, e.g. 2025-09-03"
        return trouble.refuse("E209", f"`{trouble.written}` is no date", allowed, hint)
    code, hint = "E201", ""
    if wanted in ("number", "integer") and isinstance(value, str):
        code, hint = hint_for_number(value)
        hint = hint.removesuffix(", with a point") if wanted == "integer" else hint
    elif wanted == "integer" and isinstance(value, float) and value.is_integer():
        hint = f"write {int(value)}"
    elif wanted == "text":
        hint = "put it in quotes if it is text"
    elif wanted == "a list" and isinstance(value, str):
        hint = f"write [{shown(value)}]"
    elif wanted == "true or false":
        hint = "write true or false"
    return trouble.refuse(code, f"expected {wanted}, got {kind_of(trouble.node)}", trouble.limits, hint)


def _outside(trouble: _Trouble) -> Problem:
    limits = trouble.limits or shown(trouble.entry["msg"].removeprefix("Input should be "))
    unit = f" ({trouble.unit})" if trouble.unit else ""
    return trouble.refuse("E203", f"{trouble.written} is outside {limits}{unit}", limits)


def _not_finite(trouble: _Trouble) -> Problem:
    return trouble.refuse("E204", f"{trouble.written} must be finite", trouble.need)


def _no_choice(trouble: _Trouble) -> Problem:
    expected = trouble.entry["ctx"]["expected"].replace(" or ", ", ")
    options = [part.strip(" '") for part in expected.split(",")]
    near = did_you_mean(trouble.written, options)
    return trouble.refuse("E211", f"`{trouble.written}` is none of {listed(options)}", listed(options), near)


def _no_identifier(trouble: _Trouble) -> Problem:
    return trouble.refuse(
        "E106", f"`{trouble.written}` is no identifier", "[A-Za-z0-9_-], 1 to 64 characters"
    )


def _too_few(trouble: _Trouble) -> Problem:
    context = trouble.entry["ctx"]
    return trouble.refuse("E212", f"at least {context['min_length']} needed, got {context['actual_length']}")


def _empty(trouble: _Trouble) -> Problem:
    return trouble.refuse("E207", "value missing", suggestion="write some text")


def _too_long(trouble: _Trouble) -> Problem:
    limit = f"at most {trouble.entry['ctx']['max_length']:,} characters"
    return trouble.refuse("E203", f"{len(trouble.node.text):,} characters are too many", limit)


_MAKERS: dict[str, Callable[[_Trouble], Problem]] = {
    **dict.fromkeys(("greater_than", "greater_than_equal", "less_than", "less_than_equal"), _outside),
    "finite_number": _not_finite,
    "literal_error": _no_choice,
    "string_pattern_mismatch": _no_identifier,
    "string_too_short": _empty,
    "string_too_long": _too_long,
    "too_short": _too_few,
}
