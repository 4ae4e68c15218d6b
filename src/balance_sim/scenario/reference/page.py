"""The reference page: every key of every kind of file, as a table, from the JSON Schemas and their texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from balance_sim.scenario.defaults import key_texts
from balance_sim.scenario.reference.schemas import PATTERNS, Plain, unit_of

NAMES = {"Scenario": "Scenario files", "Experiment": "Experiment files", "GamePlan": "Game files"}
HEAD = """# Reference: every key of scenario, experiment and game files

<!-- Written by `balance-sim schema --markdown`, from the texts in src/balance_sim/scenario/reference. -->

How to begin: [tutorial.md](tutorial.md). What the numbers do: [model.md](model.md). Where they come from:
`balance-sim parameters`. A file is checked by `balance-sim check FILE`, every problem in one pass, with line and next
step.

A key path names one value: `parameters.beta`, `events.summit.visibility`, `states.JPN.democracy`,
`disputes.CHN-JPN.claim`. `--set PATH=VALUE`, the `set` of an arm and the factors of an experiment take them. Dates
are written 2025-09-03 and years have 365.25 days. A nat is a unit of log-odds. In the column of defaults *required*
must be given and *missing* stays unknown, which is not 0; what a file that `extends` another leaves out is what the
other has.

An editor completes keys and checks values while one types, by the JSON Schema of the file: `balance-sim schema >
balance-sim.schema.json` writes that of scenarios (`balance-sim schema experiment` and `balance-sim schema game` have
the others), and a first line names it:

    # yaml-language-server: $schema=balance-sim.schema.json
"""
TINY, HUGE = 1e-6, 1e9
"""Bounds that keep numbers finite and mean "above 0" and "any"."""
COLUMNS = ("key", "what it is", "unit", "default", "range", "example")


def reference_page(schemas: Mapping[str, Plain]) -> str:
    """The page, in Markdown. schemas: by what the texts call a file; each has its definitions.

    >>> from balance_sim.scenario.reference.schemas import json_schema
    >>> "`events.summit.visibility`" in reference_page({"Scenario": json_schema()})
    True"""
    return "\n".join([HEAD, *(line for name, of in schemas.items() for line in _of_file(name, of))]).rstrip() + "\n"


def _of_file(name: str, schema: Plain) -> Iterator[str]:
    told = key_texts()
    yield from (f"## {NAMES[name]}", "")
    required = schema.get("else", schema).get("required", [])
    yield from _table(name, schema, [*required], told)
    needed = {}  # by definition of a section's rows
    for key, rows in schema.get("else", {}).get("properties", {}).items():
        part = schema["properties"][key]["items"]["anyOf"][0]["$ref"].rpartition("/")[2]
        needed[part] = rows["items"]["anyOf"][1]["required"]
    places = _places(schema)
    for part in (one for one in told if one in schema["$defs"]):
        definition = schema["$defs"][part]
        yield from (f"### {_heading(part, places)}", "")
        yield from _table(part, definition, needed.get(part, definition.get("required", [])), told)


def _heading(part: str, places: Mapping[str, list[str]]) -> str:
    """Where a definition is used, as key paths: `events[]`, `arms.NAME`."""
    if part == "Table":
        return "A table, instead of rows"
    where = ", ".join(f"`{place}`" for place in places[part])
    return where + {"FactorRange": ", a range", "FactorDistribution": ", a distribution"}.get(part, "")


def _places(schema: Plain) -> dict[str, list[str]]:
    """Key paths at which each definition stands."""
    found: dict[str, list[str]] = {}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, list):
            for child in node:
                walk(child, path)
        elif isinstance(node, dict):
            if "$ref" in node:
                part = node["$ref"].rpartition("/")[2]
                if part not in found:
                    found[part] = []
                    walk(schema["$defs"][part], path)
                found[part] += [] if path in found[part] else [path]
            for key, child in node.get("properties", {}).items():
                walk(child, f"{path}.{key}" if path else key)
            for key in ("anyOf", "allOf"):
                walk(node.get(key), path)
            walk(node.get("items"), f"{path}[]")
            walk([node.get("additionalProperties"), *node.get("patternProperties", {}).values()], f"{path}.NAME")

    walk(schema, "")
    return found


def _table(name: str, definition: Plain, required: list[str], told: dict[str, dict[str, Plain]]) -> Iterator[str]:
    yield from (definition["description"], "")
    yield from ("| " + " | ".join(COLUMNS) + " |", "| " + " | ".join(["---"] * len(COLUMNS)) + " |")
    patterns = {PATTERNS[key]: field for key, field in definition.get("patternProperties", {}).items()}
    for key, field in (definition["properties"] | patterns).items():
        said = told[name][key]
        unit = unit_of(key, said).replace("none", "")
        cells = [f"`{key}`", said["text"], unit, _default(key, field, required, said)]
        cells += [_range(field), _code(field["examples"][0])]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _default(key: str, field: Plain, required: list[str], said: Plain) -> str:
    if key in required:
        return "required"
    if "default" in said or "default" not in field:
        return str(said.get("default", "none"))
    default = field["default"]
    return "missing" if default is None else "empty" if default in ("", [], {}) else _code(default)


def _range(field: Plain) -> str:
    """Bounds of a number, or the words that are allowed."""
    for one in (field, *field.get("anyOf", ()), field.get("items", {}), field.get("additionalProperties", {})):
        if not isinstance(one, dict):
            continue
        if "enum" in one or "const" in one:
            return ", ".join(_code(value) for value in one.get("enum", [one.get("const")]))
        low, above = one.get("minimum"), one.get("exclusiveMinimum")
        high, below = one.get("maximum"), one.get("exclusiveMaximum")
        low, above = (None, 0) if low == TINY else (None if low == -HUGE else low, above)
        high = None if high is not None and high >= HUGE else high
        least = f"{low:,.12g}" if low is not None else f"above {above:,.12g}" if above is not None else ""
        most = f"{high:,.12g}" if high is not None else f"below {below:,.12g}" if below is not None else ""
        if least or most:
            return f"{least} to {most}" if least and most else f"{least} or more" if least else f"up to {most}"
    return ""


def _code(value: Any) -> str:
    """A value as a file has it."""
    return f"`{value}`" if isinstance(value, str) else f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return value if value and not set(value) & set(",:[]{}#'\"") else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
