"""The reference page: every key of every kind of file, a line each, from the JSON Schemas and their texts.

python docs/extensions/reference.py > docs/scenario_reference.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from balance_sim.games.schema import game_schema
from balance_sim.scenario.defaults import key_texts
from balance_sim.scenario.reference.schemas import (
    PATTERNS,
    Plain,
    experiment_schema,
    json_schema,
    unit_of,
)
from balance_sim.scenario.vocabulary import (
    AGREEMENT_KINDS,
    AGREEMENT_STATUSES,
    EVENT_KINDS,
)

NAMES = {
    "Scenario": "Scenario files",
    "Experiment": "Experiment files",
    "GamePlan": "Game files",
}
HEAD = """# Reference: every key of scenario, experiment and game files

<!-- Written by `python docs/extensions/reference.py`. -->

The [tutorial](tutorial.md) says how to begin and [the model](model.md) what the numbers
do. `balance-sim check FILE` finds every error in one pass, with line and next step.

A key path names one value: `parameters.beta`, `events.summit.visibility`,
`disputes.CHN-JPN.claim`. `--set PATH=VALUE`, the `set` of an arm and the factors of an
experiment take key paths. Dates are written 2025-09-03, a year has 365.25 days, and a
nat is a unit of log-odds.

Every file begins with `schema: 1`. A key without a default may be left out: a list is
then empty, and a number unknown, which is not 0. In a file that `extends` another, a
key that is left out keeps the value of the other. Rows of dyads name the two states,
`a` and `b`. Most rows take a `source`, which says where they come from, and a `note`,
which nothing reads. [Parameters](parameters.md) has the values and ranges of
`parameters` and weights.

An editor completes keys and checks values by the JSON Schema of the file.
`balance-sim schema > balance-sim.schema.json` writes that of scenarios, with an example
of every key; `balance-sim schema experiment` and `balance-sim schema game` write the
others. The first line of the file names it:

    # yaml-language-server: $schema=balance-sim.schema.json
"""
TINY, HUGE = 1e-6, 1e9
"""Bounds that keep numbers finite and mean "above 0" and "any"."""
ALIASES = {*AGREEMENT_KINDS, *AGREEMENT_STATUSES, *EVENT_KINDS}
"""Names of other sources, which are understood and not listed."""
OF_PARAMETERS = {"Parameters", "Weights", "CapabilityWeights"}
"""Definitions whose values stand on the page of parameters."""
OF_STUDIES = {"Calibration", "Posterior"}
"""Definitions that the program alone fills in, in its own files."""
REMARKS = {
    "Version of the file format.",
    "One state of the dyad.",
    "The other state of the dyad.",
    "One of the two states.",
    "The other of the two states.",
    "Where the row comes from.",
    "A remark; nothing reads it.",
    "Remarks for readers; nothing reads them.",
}
"""Texts of keys that the head of the page describes once."""


def reference_page(schemas: Mapping[str, Plain]) -> str:
    """The page, in Markdown. schemas: by what the texts call a file; each has its
    definitions."""
    lines = [HEAD]
    for name, definition in schemas.items():
        lines += _lines_of_file(name, definition)
    return "\n".join(lines).rstrip() + "\n"


def _lines_of_file(name: str, schema: Plain) -> Iterator[str]:
    """Keys of one kind of file."""
    texts = key_texts()
    yield from (f"## {NAMES[name]}", "")
    alone = schema.get("else", schema)
    yield from _keys(schema, alone.get("required", []), texts[name])
    required = {}  # by definition of a section's rows
    for key, rows in schema.get("else", {}).get("properties", {}).items():
        reference = schema["properties"][key]["items"]["anyOf"][0]["$ref"]
        required[_name_in(reference)] = rows["items"]["anyOf"][1]["required"]
    places = _places(schema)
    for part in texts:
        if part in schema["$defs"] and part not in OF_STUDIES:
            definition = schema["$defs"][part]
            needed = required.get(part, definition.get("required", []))
            yield from (f"### {_heading(part, places)}", "")
            lines = _keys(definition, needed, texts[part])
            yield from map(_alone, lines) if part in OF_PARAMETERS else lines


def _name_in(reference: str) -> str:
    """The name of the definition that a reference names."""
    return reference.rpartition("/")[2]


def _heading(part: str, places: Mapping[str, list[str]]) -> str:
    """Where a definition is used, as key paths: `events[]`, `arms.NAME`."""
    if part == "Table":
        return "A table, instead of rows"
    return ", ".join(f"`{place}`" for place in places[part])


def _places(schema: Plain) -> dict[str, list[str]]:
    """Key paths at which each definition stands."""
    places: dict[str, list[str]] = {}

    def walk(node: Any, path: str) -> None:
        """Follow all references below a node."""
        if not isinstance(node, dict):
            for child in node or ():
                walk(child, path)
            return
        if "$ref" in node:
            part = _name_in(node["$ref"])
            if part not in places:
                places[part] = []
                walk(schema["$defs"][part], path)
            if path not in places[part]:
                places[part].append(path)
        for key, child in node.get("properties", {}).items():
            walk(child, f"{path}.{key}" if path else key)
        walk(node.get("anyOf"), path)
        walk(node.get("oneOf"), path)
        walk(node.get("allOf"), path)
        walk(node.get("items"), f"{path}[]")
        named = node.get("additionalProperties")
        if isinstance(named, dict):
            walk(named, f"{path}.NAME")
        walk([*node.get("patternProperties", {}).values()], f"{path}.NAME")

    walk(schema, "")
    return places


def _keys(
    definition: Plain, required: Sequence[str], texts: Mapping[str, Plain]
) -> Iterator[str]:
    """The keys of one definition, a line each."""
    yield from (definition["description"], "")
    fields = dict(definition["properties"])
    for pattern, field in definition.get("patternProperties", {}).items():
        fields[PATTERNS[pattern]] = field
    for key, field in fields.items():
        text = texts[key]
        if text["text"] in REMARKS:
            continue
        default = _default(field, text)
        limits = [
            unit_of(key, text).replace("none", ""),
            _range(field),
            "required" if key in required else default and f"default {default}",
        ]
        values = ", ".join(filter(None, limits))
        yield f"* `{key}`: {_meaning(field, text)}" + (
            f" *({values})*" if values else ""
        )
    yield ""


def _alone(line: str) -> str:
    """A line without what is said of values."""
    return line.partition(" *(")[0]


def _meaning(field: Plain, text: Plain) -> str:
    """What a key is, with an example where its value has parts of its own."""
    example = field["examples"][0]
    has_parts = isinstance(example, dict) and any(
        isinstance(part, dict | list) for part in example.values()
    )
    return f"{text['text']} {_code(example)}" if has_parts else str(text["text"])


def _default(field: Plain, text: Plain) -> str:
    """What a key has where a file does not give it; nothing: it may be left out."""
    default = text.get("default", field.get("default"))
    if default in (None, "none", "", [], {}):
        return ""
    return str(default) if "default" in text else _code(default)


def _range(field: Plain) -> str:
    """Bounds of a number, or the words that are allowed."""
    nested = (field.get("items", {}), field.get("additionalProperties", {}))
    for part in (field, *field.get("anyOf", ()), *nested):
        if not isinstance(part, dict):
            continue
        if "enum" in part or "const" in part:
            allowed = part.get("enum", [part.get("const")])
            return ", ".join(_code(one) for one in allowed if one not in ALIASES)
        limits = _limits(part)
        if limits:
            return limits
    return ""


def _limits(part: Plain) -> str:
    """Bounds of a number in words; those that mean "above 0" and "any" are said so."""
    low, above = part.get("minimum"), part.get("exclusiveMinimum")
    high, below = part.get("maximum"), part.get("exclusiveMaximum")
    if low == TINY:
        low, above = None, 0
    lower = "" if low in (None, -HUGE) else f"{low:,.12g}"
    lower = lower or ("" if above is None else f"above {above:,.12g}")
    upper = "" if high is None or high >= HUGE else f"{high:,.12g}"
    upper = upper or ("" if below is None else f"below {below:,.12g}")
    if lower and upper:
        return f"{lower} to {upper}"
    if upper:
        return f"up to {upper}"
    return lower if above is not None else f"{lower} or more" if lower else ""


def _code(value: Any) -> str:
    """A value as a file has it."""
    return f"`{value}`" if isinstance(value, str) else f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    """A value in the flow style of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(value[key])}" for key in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and value and not set(value) & set(",:[]{}#'\""):
        return value
    return json.dumps(value, ensure_ascii=False)


def page() -> str:
    """The page of all three kinds of file."""
    return reference_page(
        {
            "Scenario": json_schema(),
            "Experiment": experiment_schema(),
            "GamePlan": game_schema(),
        }
    )


if __name__ == "__main__":
    print(page(), end="")
