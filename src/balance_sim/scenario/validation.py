"""Nodes become pydantic models; what pydantic refuses becomes diagnostics: place, key
path, value, bound, next step."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from balance_sim.scenario.defaults import units
from balance_sim.scenario.diagnostics import Diagnostics, did_you_mean, listed, shown
from balance_sim.scenario.layout import OTHER_NAMES, bounds, homes, parts_of
from balance_sim.scenario.nodes import REFUSED, Node, descend, hint_for_number, plain
from balance_sim.scenario.schema import (
    AgreementKind,
    CapabilityWeights,
    EventKind,
    Parameters,
    Strict,
)

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
UNITLESS = ("factor", "share", "exponent", "weight")
LAID_OVER = (Parameters, CapabilityWeights, AgreementKind, EventKind)
"""Models of which a file gives a part: the rest is shipped."""
BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
IDENTIFIERS = "[A-Za-z0-9_-], 1 to 64 characters"
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
_HINTS = {
    "a date": "write an ISO date, e.g. 2025-09-03",
    "text": "put it in quotes if it is text",
    "true or false": "write true or false",
}


def read_piece[Model: Strict](
    model: type[Model],
    node: Node,
    path: str,
    problems: Diagnostics,
    skip: Sequence[str] = (),
    folder: str | os.PathLike[str] | None = None,
) -> Model | None:
    """`node` as a `model`, or None, with every reason why not added to `problems`.

    path: of the node, for messages. skip: keys that are read elsewhere. folder: of a
    plan, for its validators."""
    if node.value is REFUSED:
        return None
    if not isinstance(node.value, dict):
        keys = listed(model.model_fields, 6)
        why = f"expected a mapping with keys {keys}, got {node.kind}"
        problems.add(node, path, "E207" if node.value is None else "E201", why)
        return None
    values = plain(node.without(*skip))
    context = {"folder": folder} if folder is not None else None
    try:
        return model.model_validate(values, context=context)
    except ValidationError as error:
        renamed = {OTHER_NAMES[key] for key in node.fields if key in OTHER_NAMES}
        for entry in error.errors(include_url=False):
            is_missing = entry["type"] == "missing" and len(entry["loc"]) == 1
            if is_missing and entry["loc"][0] in renamed:
                continue  # its other name is reported
            _report(dict(entry), node, path, model, problems, is_plan=bool(context))
    return None


def refusal(
    code: str, message: str, suggestion: str = "", allowed: str = ""
) -> PydanticCustomError:
    """The error that a validator of a plan's field raises: a diagnostic at the place of
    that field."""
    texts = {"message": message, "suggestion": suggestion, "allowed": allowed}
    return PydanticCustomError(code, "{message}", texts)


def unknown_key(
    problems: Diagnostics,
    node: Node,
    path: str,
    key: str,
    options: Collection[str],
    place: str | None,
) -> None:
    """Report a key that does not belong where it stands, with where it does, or what
    was meant.

    place: as `homes` spells it, for keys of another level; None: not in a scenario."""
    meant, label, key_path = OTHER_NAMES.get(key), shown(key), joined(path, [key])
    name, colon, value_text = key.partition(":")
    elsewhere = [] if place is None else [*homes().get(key, ())]
    if meant in options:
        why, hint = f"`{label}` is called `{meant}` here", f"write `{meant}`"
        problems.add(node.at, key_path, "E104", why, hint)
    elif colon and name in options:
        hint = f"write `{name}: {shown(value_text)}`"
        problems.add(node.at, key_path, "E011", f"got text `{label}`", hint)
    elif elsewhere and place not in elsewhere:
        why = f"`{label}` belongs in {listed(elsewhere)}, found in {path or place}"
        hint = did_you_mean(key, options, cutoff=0.8) or "move it to where it belongs"
        problems.add(node.at, key_path, "E102", why, hint)
    else:
        near = did_you_mean(key, options)
        allowed = "" if near else listed(options, 40)
        problems.add(node.at, key_path, "E101", f"unknown key `{label}`", near, allowed)


def joined(path: str, steps: Sequence[object]) -> str:
    """A path going on: names with dots, positions in brackets."""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{shown(step)}" if path else shown(step)
    return path


def _report(
    entry: dict[str, Any],
    root: Node,
    path: str,
    model: type[Strict],
    problems: Diagnostics,
    *,
    is_plan: bool,
) -> None:
    """Add the diagnostic of one of pydantic's errors, if the value was not refused
    before."""
    steps = [step for step in entry["loc"] if step != "[key]"]
    node, error_type, context = (
        descend(root, steps),
        entry["type"],
        entry.get("ctx", {}),
    )
    if node.value is REFUSED:
        return
    if error_type == "too_short" and len(node.items) >= context["min_length"]:
        return  # items that are refused have problems of their own
    owner, name, inner = _field_of(model, steps)
    place = joined(path, steps)
    unit = "" if is_plan else UNITS.get(name) or units().get(name, "")
    limits = bounds(owner, name) if name else ""
    limits_with_unit = [unit if unit not in UNITLESS else "", limits]
    need = ", ".join(part for part in limits_with_unit if part) if name else ""
    if error_type == "missing":
        why = f"`{steps[-1]}` is required" + (f" ({need})" if need else "")
        problems.add(node, place, "E103", why)
    elif error_type == "extra_forbidden":
        above, level = joined(path, steps[:-1]), None if is_plan else path
        key = str(steps[-1])
        unknown_key(problems, node, above, key, inner.model_fields, level)
    elif node.value is None:
        hint = f"write {need or 'a value'}"
        if not (len(steps) == 1 and _is_required(owner, name)):
            hint += ", or leave the key out"
        problems.add(node, place, "E207", "value missing", hint)
    elif error_type in _WANTED:
        _wrong_type(node, place, _WANTED[error_type], limits, problems)
    else:
        problems.add(node, place, *_refused_value(entry, node, need, limits))


def _is_required(owner: type[Strict], name: str) -> bool:
    """Whether a file has to give the field."""
    field = owner.model_fields.get(name)
    is_shipped = owner in LAID_OVER or name == "step_days"
    return field is not None and field.is_required() and not is_shipped


def _refused_value(
    entry: Mapping[str, Any], node: Node, need: str, limits: str
) -> tuple[str, str, str, str]:
    """Code, message, suggestion and what is allowed, for a value of the right type that
    the schema refuses."""
    error_type, context = entry["type"], entry.get("ctx", {})
    written = shown(node.text or node.value)
    if isinstance(node.value, dict | list):
        written = node.kind
    if re.fullmatch(r"[EW]\d{3}", error_type):
        texts = context["message"], context["suggestion"], context["allowed"]
        return error_type, *texts
    if error_type in BOUNDS:
        limits = limits or shown(entry["msg"].removeprefix("Input should be "))
        unit = need.removesuffix(limits).rstrip(", ")
        why = f"{written} is outside {limits}" + (f" ({unit})" if unit else "")
        return "E203", why, "", limits
    if error_type == "finite_number":
        return "E204", f"{written} must be finite", "", need
    if error_type == "literal_error":
        options = re.findall(r"[^',\s]+", context["expected"].replace(" or ", ", "))
        allowed, hint = listed(options), did_you_mean(written, options)
        return "E211", f"`{written}` is none of {allowed}", hint, allowed
    if error_type == "string_pattern_mismatch":
        label = shown(entry["input"], 80)
        return "E106", f"`{label}` is not a valid identifier", "", IDENTIFIERS
    if error_type == "string_too_short":
        return "E207", "value missing", "write some text", ""
    if error_type == "string_too_long":
        limit = f"at most {context['max_length']:,} characters"
        return "E203", f"{len(node.text):,} characters are too many", "", limit
    if error_type == "too_short":
        minimum, count = context["min_length"], context["actual_length"]
        return "E212", f"at least {minimum} needed, got {count}", "", ""
    return "E203", shown(entry["msg"], 120), "", ""


def _field_of(
    model: type[Strict], steps: Sequence[object]
) -> tuple[type[Strict], str, type[Strict]]:
    """The model that owns the field where a location ends, the field's name, and the
    innermost model on the way."""
    owner, name, inner = model, "", model
    for step in steps:
        if not isinstance(step, str) or step not in inner.model_fields:
            continue
        owner, name = inner, step
        types = [part for part in parts_of(owner, name) if isinstance(part, type)]
        models = [part for part in types if issubclass(part, Strict)]
        if not models:
            break
        inner = models[0]
    return owner, name, inner


def _wrong_type(
    node: Node, path: str, wanted: str, limits: str, problems: Diagnostics
) -> None:
    """Report a value of another type than the one that is wanted."""
    value, code, hint = node.value, "E201", _HINTS.get(wanted, "")
    if wanted == "a date":
        why = f"`{shown(node.text or value)}` is not a date"
        allowed = "a day that exists, as YYYY-MM-DD"
        problems.add(node, path, "E209", why, hint, allowed)
        return
    if wanted in ("number", "integer") and isinstance(value, str):
        code, hint = hint_for_number(value)
    elif wanted == "integer" and isinstance(value, float) and value.is_integer():
        hint = f"write {int(value)}"
    elif wanted == "a list" and isinstance(value, str):
        hint = f"write [{shown(value)}]"
    problems.add(node, path, code, f"expected {wanted}, got {node.kind}", hint, limits)
