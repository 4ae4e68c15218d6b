"""Nodes become pydantic models; what pydantic refuses becomes diagnostics: place, key
path, value, bound, next step."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from balance_sim.scenario.actors import Names
from balance_sim.scenario.defaults import key_texts, units
from balance_sim.scenario.diagnostics import (
    IDENTIFIERS,
    Diagnostics,
    did_you_mean,
    listed,
    shown,
    unknown,
)
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.layout import SECTIONS, bounds, parts_of, row_path
from balance_sim.scenario.nodes import (
    REFUSED,
    Node,
    descend,
    hint_for_date,
    hint_for_number,
    plain,
)
from balance_sim.scenario.schema import (
    AgreementKind,
    CapabilityWeights,
    EventKind,
    Parameters,
)

LAID_OVER = (Parameters, CapabilityWeights, AgreementKind, EventKind)
"""Models of which a file gives a part: the rest is shipped."""
UNITLESS = ("", "none", "factor", "share", "exponent", "weight", "any")
_REFUSALS: tuple[tuple[str, str, str, str], ...] = (
    ("missing", "E103", "`{key}` is required", ""),
    ("none", "E207", "value missing", "write a value, or leave the key out"),
    ("string_too_short", "E207", "value missing", "write some text"),
    (
        "string_type",
        "E201",
        "expected text, got {got}",
        "put it in quotes if it is text",
    ),
    ("float_type", "E201", "expected number, got {got}", ""),
    (
        "int_type int_from_float",
        *("E201", "expected integer, got {got}", "write a whole number"),
    ),
    (
        "bool_type bool_parsing",
        *("E201", "expected true or false, got {got}", "write true or false"),
    ),
    ("tuple_type", "E201", "expected a list, got {got}", "put it in [ ]"),
    (
        "dict_type model_type",
        *("E201", "expected a mapping, got {got}", "write keys and values"),
    ),
    ("date_type", "E209", "`{written}` is not a date", ""),
    (
        "greater_than greater_than_equal less_than less_than_equal",
        *("E203", "{written} is outside {limits}{unit}", ""),
    ),
    ("finite_number", "E204", "{written} must be finite", ""),
    ("literal_error", "E211", "`{written}` is none of {limits}", ""),
    ("string_pattern_mismatch", "E106", "`{written}` is not a valid identifier", ""),
    ("string_too_long", "E203", "more than {max_length} characters", "shorten it"),
    ("too_short", "E212", "at least {min_length} needed, got {actual_length}", ""),
)
"""Types of pydantic's errors; error code, message and next step for them."""
_TEMPLATES = {
    error_type: texts
    for error_types, *texts in _REFUSALS
    for error_type in error_types.split()
}


def read_piece[Model: Strict](
    model: type[Model],
    node: Node,
    path: str,
    problems: Diagnostics,
    names: Names | None = None,
) -> Model | None:
    """A node as a model.

    Parameters
    ----------
    model : type of Strict
        What the node should be.
    node : Node
        With the values, and where they stand.
    path : str
        Key path of the node, for messages.
    problems : Diagnostics
        Takes every reason why it is refused.
    names : Names, optional
        What a piece of a scenario may refer to.

    Returns
    -------
    Model or None
        None where it is refused.
    """
    if node.value is REFUSED:
        return None
    if not isinstance(node.value, dict):
        code = "E207" if node.value is None else "E201"
        keys = listed(model.model_fields, 6)
        problems.add(node, path, code, f"a mapping with keys {keys}, got {node.kind}")
        return None
    try:
        return model.model_validate(plain(node), context=names)
    except ValidationError as error:
        report_refusals(error, node, path, model, problems)
    return None


def report_refusals(
    error: ValidationError,
    node: Node,
    path: str,
    model: type[Strict],
    problems: Diagnostics,
) -> None:
    """Report all of pydantic's errors but those whose values were refused before.

    Parameters
    ----------
    error : ValidationError
        Of pydantic.
    node : Node
        What was validated.
    path : str
        Its key path.
    model : type of Strict
        That refused it.
    problems : Diagnostics
        Takes the diagnostics.
    """
    for details in error.errors(include_url=False):
        _report(details, node, path, model, problems)


def unknown_key(
    problems: Diagnostics, node: Node, path: str, key: str, options: Collection[str]
) -> None:
    """Report a key that does not belong where it stands.

    Parameters
    ----------
    problems : Diagnostics
        Takes it.
    node : Node
        What stands under the key.
    path : str
        Key path of the mapping.
    key : str
        That is unknown.
    options : collection of str
        Keys that the mapping may have.
    """
    key_path = f"{path}.{shown(key)}".lstrip(".")
    problems.add(node.at, key_path, "E101", *unknown("key", key, options))


def joined(path: str, steps: Sequence[object], root: Node | None = None) -> str:
    """A key path with further steps.

    Parameters
    ----------
    path : str
        To begin with.
    steps : sequence of str and int
        Keys, and positions in lists.
    root : Node, optional
        At the path, if rows are to go by their names.

    Returns
    -------
    str
        As `report.windows[0]` or `events.parade.visibility`.
    """
    for place, (above, step) in enumerate(pairwise(["", *steps]), 1):
        section = "events" if above == "add" else above
        if root is not None and isinstance(step, int) and section in SECTIONS:
            row = descend(root, steps[:place])
            path += row_path(section, row, step).removeprefix(section)
        else:
            path += f"[{step}]" if isinstance(step, int) else f".{shown(step)}"
    return path.removeprefix(".")


def steps_of(path: str) -> list[str | int]:
    """Keys and positions of a key path, as `report.windows[0]`."""
    steps = re.findall(r"[^.\[\]]+", path)
    return [int(step) if step.isdigit() else step for step in steps]


def _report(
    details: ErrorDetails,
    root: Node,
    path: str,
    model: type[Strict],
    problems: Diagnostics,
) -> None:
    """Report one of pydantic's errors, unless its value was refused before.

    Parameters
    ----------
    details : ErrorDetails
        Of pydantic.
    root : Node
        What was validated.
    path : str
        Its key path.
    model : type of Strict
        That refused it.
    problems : Diagnostics
        Takes the diagnostic.
    """
    context: dict[str, Any] = {**details.get("ctx", {})}
    steps = [step for step in details["loc"] if not str(step).startswith("[")]
    field, place_field = context.pop("field", ""), context.pop("place", "")
    place_steps = [*steps, *steps_of(place_field or field)]
    steps += steps_of(field)
    node, error_type = descend(root, place_steps), details["type"]
    is_of_key = "[key]" in details["loc"] or error_type == "extra_forbidden"
    place = node.at if is_of_key else node.mark
    is_reported = any((item.file, item.line, item.col) == place for item in problems)
    is_emptied = error_type == "too_short" and node.items  # by what is refused
    is_known = node.value is REFUSED or (is_reported and error_type != "missing")
    if is_known or is_emptied:
        return
    owner, name = _field_of(model, steps)
    if "message" in context:
        texts = [context[text] for text in ("message", "suggestion", "allowed")]
    elif error_type == "extra_forbidden":
        error_type, texts = "E101", [*unknown("key", steps[-1], owner.model_fields)]
    else:
        error_type, *texts = _worded(details, node, owner, name)
    problems.add(place, joined(path, steps, root), error_type, *texts)


def _worded(
    details: ErrorDetails, node: Node, model: type[Strict], name: str
) -> tuple[str, str, str, str]:
    """Code, message, next step and bound for one of pydantic's errors.

    Parameters
    ----------
    details : ErrorDetails
        Of pydantic.
    node : Node
        That is refused.
    model, name : type of Strict, str
        The innermost model, and its field that is refused.
    """
    error_type, limits, unit = details["type"], bounds(model, name), _unit(model, name)
    if node.value is None and error_type != "missing":
        error_type = "none"
    is_nested = isinstance(node.value, dict | list)
    written = node.kind if is_nested else shown(node.text or node.value)
    code, message, hint = _TEMPLATES.get(error_type, ("E203", "{msg}", ""))
    context = details.get("ctx", {})
    if isinstance(node.value, str) and error_type in ("float_type", "int_type"):
        code, hint = hint_for_number(node.value)
    elif error_type == "string_type" and isinstance(node.value, list):
        hint = "write one, without [ ]"
    elif error_type == "date_type":
        hint = hint_for_date(written)
    elif error_type == "missing" and name == "id":
        hint = "add it: a name of your own"
    elif error_type == "literal_error":
        options = re.findall(r"[^',\s]+", context["expected"].replace(" or ", ", "))
        hint, limits = did_you_mean(written, options), listed(options)
    elif error_type == "string_pattern_mismatch":
        written, limits = shown(details["input"]), IDENTIFIERS
        bare = re.sub(r"[^A-Za-z0-9_-]+", "_", written)[:64].strip("_")
        hint = f"write `{bare}`" if bare else ""
    words = {
        "key": [*details["loc"], ""][len(details["loc"]) - 1],
        "msg": shown(details["msg"], 120),
        "unit": f" ({unit})" if unit else "",
        "limits": limits,
        "written": written,
        "got": node.kind,
    }
    return code, message.format(**context | words), hint, limits


def _unit(model: type[Strict], name: str) -> str:
    """The unit of a field that holds a number; empty without one."""
    text = key_texts().get(model.__name__, {}).get(name, {})
    unit = str(text.get("unit") or units().get(name, ""))
    return "" if unit in UNITLESS else unit


def _field_of(model: type[Strict], steps: Sequence[object]) -> tuple[type[Strict], str]:
    """The innermost model on the way to a location, and its field there."""
    name = ""
    for step in steps:
        types = [part for part in parts_of(model, name) if isinstance(part, type)]
        for inner in types:
            if issubclass(inner, Strict):
                model, name = inner, ""
        if step in model.model_fields:
            name = str(step)
    return model, name
