"""JSON Schemas (draft 2020-12) of scenario and experiment files, for editors that
complete and check while one types.

They are looser than the loader: what holds between pieces (known codes, dates in order)
is not in them. Descriptions, units and examples are those of `descriptions.yaml`,
defaults those of the schema and of `defaults.yaml`.

The reference page: every key of every kind of file, as a table, from the JSON Schemas
and their texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from balance_sim.scenario import schema
from balance_sim.scenario.defaults import OWN, key_texts
from balance_sim.scenario.layout import (
    AGREEMENT_KINDS,
    AGREEMENT_STATUSES,
    EVENT_KINDS,
    FROM_FILES,
    REQUIRED,
    SECTIONS,
    SINGLES,
    TABLES_OF,
)
from balance_sim.scenario.schema import SCHEMA_VERSION, TERMS, Strict
from balance_sim.scenario.validation import LAID_OVER

Plain = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Plain = {"type": "string"}
MAPPING: Plain = {"type": "object"}
_REF = "#/$defs/"
PATTERNS = {f"^{OWN}[A-Za-z0-9_]+$": f"{OWN}NAME"}
"""Keys that a user's own code names, and the key of their text."""
TABLES_OF_KEYS = ("properties", "patternProperties")
_TABLE: Plain = {"table": TEXT, "sha256": TEXT | {"pattern": "^[0-9a-fA-F]{64}$"}}


def json_schema() -> Plain:
    """Of a scenario file.

    A file that extends another gives parts alone: what is required of a whole one is
    not required of it.

    Examples
    --------
    >>> json_schema()["$defs"]["State"]["properties"]["gdp_bn"]["examples"]
    [4200]
    """
    from balance_sim.scenario.defaults import default_tree
    from balance_sim.scenario.nodes import plain

    models = [section.model for section in SECTIONS.values()]
    defs = definitions(
        [*models, *TABLES_OF.values(), *SINGLES.values(), schema.ScenarioHead]
    )
    defs["Table"] = _closed(_TABLE, ["table"])
    head = defs.pop("ScenarioHead")["properties"]
    required = _open_up(defs)
    head["step_days"]["default"] = plain(default_tree().fields["step_days"])
    texts: Plain = {"type": "array", "items": TEXT}
    properties: Plain = {
        "schema": {"const": SCHEMA_VERSION},
        "extends": TEXT,
        **head,
        "outside": texts | {"default": []},
        "groups": MAPPING | {"additionalProperties": texts, "default": {}},
        **{name: _rows_of(section.model) for name, section in SECTIONS.items()},
        **{
            name: MAPPING | {"additionalProperties": ref(model)}
            for name, model in TABLES_OF.items()
        },
        **{name: ref(model) for name, model in SINGLES.items()},
        **{
            name: {"anyOf": [{"type": ["string", "null"]}, ref(SINGLES[name])]}
            for name in FROM_FILES
        },
    }
    rows = {
        name: {"items": _row_or_table(required[section.model.__name__])}
        for name, section in SECTIONS.items()
    }
    alone = {"required": list(REQUIRED), "properties": rows}
    file = file_schema("Scenario", properties, ["schema"], defs)
    return file | {"if": {"required": ["extends"]}, "then": {}, "else": alone}


def experiment_schema() -> Plain:
    """Of an experiment file."""
    from balance_sim.scenario.design import ExperimentHead, SamplingDesign

    defs = definitions([ExperimentHead, SamplingDesign])
    head = defs.pop("ExperimentHead")
    number = {"type": "number"}
    families = {"enum": ["uniform", "loguniform", "triangular", "normal"]}
    spread = {
        "min": number,
        "max": number,
        "steps": {"type": "integer", "minimum": 2},
        "step": number,
    }
    spread["scale"] = {"enum": ["linear", "log"], "default": "linear"}
    drawn = {
        "distribution": families,
        **dict.fromkeys(("min", "max", "mode", "mean", "sd"), number),
    }
    defs["FactorRange"] = _closed(spread, ["min", "max"])
    defs["FactorDistribution"] = _closed(drawn, ["distribution"])
    takes = [{"type": "array"}, {"const": "drawn"}, {"$ref": f"{_REF}FactorRange"}]
    factor = {"anyOf": [*takes, {"$ref": f"{_REF}FactorDistribution"}]}
    properties = {
        "schema": {"const": 1},
        "scenario": TEXT,
        "set": MAPPING | {"default": {}},
        "design": ref(SamplingDesign),
        "factors": MAPPING | {"additionalProperties": factor, "default": {}},
        "points": {"type": "array", "items": MAPPING, "default": []},
    }
    required = ["schema", "scenario", *head["required"]]
    return file_schema("Experiment", properties | head["properties"], required, defs)


def file_schema(
    name: str, properties: Plain, required: Sequence[str], defs: Plain
) -> Plain:
    """A whole file of the kind that the texts call `name`, described to the last
    key."""
    schemas: Plain = {name: _closed(properties, required), **defs}
    _describe(schemas)
    return {"$schema": DRAFT, "title": name, **schemas.pop(name), "$defs": schemas}


def _closed(properties: Plain, required: Sequence[str]) -> Plain:
    """A mapping of these keys and no others."""
    return MAPPING | {
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def definitions(models: Iterable[type[Strict]]) -> Plain:
    """The models as JSON Schema, and all that they hold, by name; titles left out,
    which repeat the keys."""
    from pydantic.json_schema import models_json_schema

    inputs: Any = [(model, "validation") for model in models]
    _, schemas = models_json_schema(inputs, ref_template=_REF + "{model}")
    defs: Plain = schemas["$defs"]
    for definition in defs.values():
        for part in (definition, *definition.get("properties", {}).values()):
            part.pop("title", None)
    return defs


def ref(model: type[Strict]) -> Plain:
    """A reference to a model's definition."""
    return {"$ref": _REF + model.__name__}


def unit_of(key: str, text: Plain) -> str:
    """Unit of a key: its own, else that of the default of this name; empty where it
    holds no number."""
    from balance_sim.scenario.defaults import units

    return str(text.get("unit") or units().get(key, ""))


def _describe(parts: Plain) -> None:
    """Text, unit and example of every definition and key. A key without a text stays as
    it is: tests find it."""
    texts = key_texts()
    for name, definition in parts.items():
        of_keys = texts.get(name, {})
        definition["description"] = of_keys.get("about", {}).get("text", "")
        for table in TABLES_OF_KEYS:
            fields = definition.get(table, {})
            for key, field in fields.items():
                text = of_keys.get(PATTERNS.get(key, key))
                if text is not None:
                    fields[key] = field | _described(key, field, text)


def _described(key: str, field: Plain, text: Plain) -> Plain:
    """Description and example of one key."""
    unit = unit_of(key, text)
    example = text.get("example", field.get("default"))
    as_json = json.loads(json.dumps(example, default=str))  # dates as text
    description = text["text"]
    if unit not in ("", "none"):
        description = f"{description} Unit: {unit}."
    return {"description": description, "examples": [as_json]}


def _rows_of(model: type[Strict]) -> Plain:
    return {
        "type": "array",
        "items": {"anyOf": [ref(model), {"$ref": _REF + "Table"}]},
        "default": [],
    }


def _row_or_table(required: Sequence[str]) -> Plain:
    """A table, or a row with all that it needs where it is laid over no other."""
    return {"anyOf": [{"required": ["table"]}, {"required": list(required)}]}


def _open_up(defs: Plain) -> dict[str, list[str]]:
    """What the defaults complete need not be written; names come from lists where the
    lists are known.

    Gives back what each row requires where it is laid over no other; the definitions
    require what names it."""
    from balance_sim.scenario.defaults import default_tree, default_weights, presets

    for name in ("parameters", "capability"):
        for key, field in defs[SINGLES[name].__name__]["properties"].items():
            field["default"] = default_tree().fields[name].fields[key].value
    for model in (*LAID_OVER, schema.Theory):
        defs[model.__name__].pop("required", None)
    defs["Theory"]["properties"]["preset"] = {
        "enum": list(presets()),
        "default": "balance_of_threat",
    }
    weight = {"type": "number"}
    terms = {term: weight | {"default": default_weights()[term]} for term in TERMS}
    own_terms = dict.fromkeys(PATTERNS, weight | {"default": 0.0})
    defs["Weights"] = MAPPING | {
        "properties": terms,
        "patternProperties": own_terms,
        "additionalProperties": False,
    }
    defs["Theory"]["properties"]["weights"] = {"$ref": _REF + "Weights"}
    for model_name, section, others in (
        ("Agreement", "kinds", AGREEMENT_KINDS),
        ("Event", "event_kinds", EVENT_KINDS),
        ("Provocation", "event_kinds", EVENT_KINDS),
    ):
        # offered: a scenario may add kinds of its own
        names = [*default_tree().fields[section].fields, *others]
        defs[model_name]["properties"]["kind"] = {"anyOf": [{"enum": names}, TEXT]}
    statuses = defs["Agreement"]["properties"]["status"]
    statuses["enum"] = [*statuses["enum"], *AGREEMENT_STATUSES]
    required = {}
    for rows in SECTIONS.values():
        definition = defs[rows.model.__name__]
        required[rows.model.__name__] = list(definition["required"])
        definition["required"] = list(rows.keys)
    added = _rows_of(schema.Event)
    added["items"] = {"allOf": [added["items"], _row_or_table(required["Event"])]}
    defs["Arm"]["properties"]["add"] = added
    return required


NAMES = {
    "Scenario": "Scenario files",
    "Experiment": "Experiment files",
    "GamePlan": "Game files",
}
HEAD = """# Reference: every key of scenario, experiment and game files

<!-- Written by `balance-sim schema --markdown`. -->

How to begin: [tutorial.md](tutorial.md). What the numbers do: [model.md](model.md).
Where they come from: `balance-sim parameters`. A file is checked by `balance-sim check
FILE`, every problem in one pass, with line and next step.

A key path names one value: `parameters.beta`, `events.summit.visibility`,
`states.JPN.democracy`, `disputes.CHN-JPN.claim`. `--set PATH=VALUE`, the `set` of an
arm and the factors of an experiment take them. Dates are written 2025-09-03 and years
have 365.25 days. A nat is a unit of log-odds. In the column of defaults *required* must
be given and *missing* stays unknown, which is not 0; what a file that `extends` another
leaves out is what the other has.

An editor completes keys and checks values while one types, by the JSON Schema of the
file: `balance-sim schema > balance-sim.schema.json` writes that of scenarios
(`balance-sim schema experiment` and `balance-sim schema game` have the others), and a
first line names it:

    # yaml-language-server: $schema=balance-sim.schema.json
"""
TINY, HUGE = 1e-6, 1e9
"""Bounds that keep numbers finite and mean "above 0" and "any"."""
COLUMNS = ("key", "what it is", "unit", "default", "range", "example")


def reference_page(schemas: Mapping[str, Plain]) -> str:
    """The page, in Markdown. schemas: by what the texts call a file; each has its
    definitions.

    >>> from balance_sim.scenario.reference.schemas import json_schema
    >>> "`events.summit.visibility`" in reference_page({"Scenario": json_schema()})
    True"""
    lines = [HEAD]
    for name, definition in schemas.items():
        lines += _lines_of_file(name, definition)
    return "\n".join(lines).rstrip() + "\n"


def _lines_of_file(name: str, schema: Plain) -> Iterator[str]:
    """Tables of one kind of file."""
    texts = key_texts()
    yield from (f"## {NAMES[name]}", "")
    alone = schema.get("else", schema)
    yield from _table(schema, alone.get("required", []), texts[name])
    required = {}  # by definition of a section's rows
    for key, rows in schema.get("else", {}).get("properties", {}).items():
        reference = schema["properties"][key]["items"]["anyOf"][0]["$ref"]
        required[_name_in(reference)] = rows["items"]["anyOf"][1]["required"]
    places = _places(schema)
    for part in texts:
        if part in schema["$defs"]:
            definition = schema["$defs"][part]
            needed = required.get(part, definition.get("required", []))
            yield from (f"### {_heading(part, places)}", "")
            yield from _table(definition, needed, texts[part])


def _name_in(reference: str) -> str:
    """The name of the definition that a reference names."""
    return reference.rpartition("/")[2]


def _heading(part: str, places: Mapping[str, list[str]]) -> str:
    """Where a definition is used, as key paths: `events[]`, `arms.NAME`."""
    if part == "Table":
        return "A table, instead of rows"
    paths = ", ".join(f"`{place}`" for place in places[part])
    endings = {"FactorRange": ", a range", "FactorDistribution": ", a distribution"}
    return paths + endings.get(part, "")


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
        walk(node.get("allOf"), path)
        walk(node.get("items"), f"{path}[]")
        named = node.get("additionalProperties")
        if isinstance(named, dict):
            walk(named, f"{path}.NAME")
        walk([*node.get("patternProperties", {}).values()], f"{path}.NAME")

    walk(schema, "")
    return places


def _table(
    definition: Plain, required: Sequence[str], texts: Mapping[str, Plain]
) -> Iterator[str]:
    """The table of the keys of one definition."""
    yield from (definition["description"], "")
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "| " + " | ".join(["---"] * len(COLUMNS)) + " |"
    fields = dict(definition["properties"])
    for pattern, field in definition.get("patternProperties", {}).items():
        fields[PATTERNS[pattern]] = field
    for key, field in fields.items():
        text = texts[key]
        unit = unit_of(key, text).replace("none", "")
        default = "required" if key in required else _default(field, text)
        example = _code(field["examples"][0])
        cells = [f"`{key}`", text["text"], unit, default, _range(field), example]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _default(field: Plain, text: Plain) -> str:
    """What a key has where a file does not give it."""
    if "default" in text or "default" not in field:
        return str(text.get("default", "none"))
    default = field["default"]
    if default is None:
        return "missing"
    return "empty" if default in ("", [], {}) else _code(default)


def _range(field: Plain) -> str:
    """Bounds of a number, or the words that are allowed."""
    nested = (field.get("items", {}), field.get("additionalProperties", {}))
    for part in (field, *field.get("anyOf", ()), *nested):
        if not isinstance(part, dict):
            continue
        if "enum" in part or "const" in part:
            return ", ".join(
                _code(value) for value in part.get("enum", [part.get("const")])
            )
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
    return f"{lower} or more" if lower else ""


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
