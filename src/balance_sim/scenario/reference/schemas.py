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
    whole = _open_up(defs)
    head["step_days"]["default"] = plain(default_tree().fields["step_days"])
    texts: Plain = {"type": "array", "items": TEXT}
    properties: Plain = {
        "schema": {"const": SCHEMA_VERSION},
        "extends": TEXT,
        **head,
        "outside": texts | {"default": []},
        "groups": MAPPING | {"additionalProperties": texts, "default": {}},
        **{name: _rows_of(one.model) for name, one in SECTIONS.items()},
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
        name: {"items": _whole(whole[one.model.__name__])}
        for name, one in SECTIONS.items()
    }
    rest = {"required": list(REQUIRED), "properties": rows}
    of_file = file_schema("Scenario", properties, ["schema"], defs)
    return of_file | {"if": {"required": ["extends"]}, "then": {}, "else": rest}


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
    own = {
        "schema": {"const": 1},
        "scenario": TEXT,
        "set": MAPPING | {"default": {}},
        "design": ref(SamplingDesign),
        "factors": MAPPING | {"additionalProperties": factor, "default": {}},
        "points": {"type": "array", "items": MAPPING, "default": []},
    }
    return file_schema(
        "Experiment",
        own | head["properties"],
        ["schema", "scenario", *head["required"]],
        defs,
    )


def file_schema(
    name: str, properties: Plain, required: Sequence[str], defs: Plain
) -> Plain:
    """A whole file of the kind that the texts call `name`, described to the last
    key."""
    parts: Plain = {name: _closed(properties, required), **defs}
    _describe(parts)
    return {"$schema": DRAFT, "title": name, **parts.pop(name), "$defs": parts}


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

    _, whole = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF + "{model}"
    )
    defs: Plain = whole["$defs"]
    for definition in defs.values():
        for one in (definition, *definition.get("properties", {}).values()):
            one.pop("title", None)
    return defs


def ref(model: type[Strict]) -> Plain:
    """A reference to a model's definition."""
    return {"$ref": _REF + model.__name__}


def unit_of(key: str, said: Plain) -> str:
    """Unit of a key: its own, else that of the default of this name; empty where it
    holds no number."""
    from balance_sim.scenario.defaults import units

    return str(said.get("unit") or units().get(key, ""))


def _describe(parts: Plain) -> None:
    """Text, unit and example of every definition and key. A key without a text stays as
    it is: tests find it."""
    told = key_texts()
    for name, definition in parts.items():
        of = told.get(name, {})
        definition["description"] = of.get("about", {}).get("text", "")
        for table, key in [
            (one, key) for one in TABLES_OF_KEYS for key in definition.get(one, {})
        ]:
            field, said = definition[table][key], of.get(PATTERNS.get(key, key))
            if said is None:
                continue
            unit, example = (
                unit_of(key, said),
                said.get("example", field.get("default")),
            )
            as_json = json.loads(json.dumps(example, default=str))  # dates as text
            text = (
                f"{said['text']} Unit: {unit}."
                if unit not in ("", "none")
                else said["text"]
            )
            definition[table][key] = field | {
                "description": text,
                "examples": [as_json],
            }


def _rows_of(model: type[Strict]) -> Plain:
    return {
        "type": "array",
        "items": {"anyOf": [ref(model), {"$ref": _REF + "Table"}]},
        "default": [],
    }


def _whole(required: Sequence[str]) -> Plain:
    """What a row has that is not laid over another."""
    return {"anyOf": [{"required": ["table"]}, {"required": list(required)}]}


def _open_up(defs: Plain) -> dict[str, list[str]]:
    """What the defaults complete need not be written; names come from lists where the
    lists are known.

    Gives back what each row requires where it is laid over no other; the definitions
    require what names it."""
    from balance_sim.scenario.defaults import default_tree, default_weights, presets

    for name, of in (("Parameters", "parameters"), ("CapabilityWeights", "capability")):
        for key, field in defs[name]["properties"].items():
            field["default"] = default_tree().fields[of].fields[key].value
    for name in (
        "AgreementKind",
        "EventKind",
        "Parameters",
        "CapabilityWeights",
        "Theory",
    ):
        defs[name].pop("required", None)
    defs["Theory"]["properties"]["preset"] = {
        "enum": list(presets()),
        "default": "balance_of_threat",
    }
    weight = {"type": "number"}
    terms = {term: weight | {"default": default_weights()[term]} for term in TERMS}
    own = dict.fromkeys(PATTERNS, weight | {"default": 0.0})
    defs["Weights"] = MAPPING | {
        "properties": terms,
        "patternProperties": own,
        "additionalProperties": False,
    }
    defs["Theory"]["properties"]["weights"] = {"$ref": _REF + "Weights"}
    of_acts = ("event_kinds", EVENT_KINDS)
    for model, (of, others) in (
        ("Agreement", ("kinds", AGREEMENT_KINDS)),
        ("Event", of_acts),
        ("Provocation", of_acts),
    ):
        names = [
            *default_tree().fields[of].fields,
            *others,
        ]  # offered: a scenario may add kinds of its own
        defs[model]["properties"]["kind"] = {"anyOf": [{"enum": names}, TEXT]}
    statuses = defs["Agreement"]["properties"]["status"]
    statuses["enum"] = [*statuses["enum"], *AGREEMENT_STATUSES]
    whole = {
        one.model.__name__: list(defs[one.model.__name__]["required"])
        for one in SECTIONS.values()
    }
    for section in SECTIONS.values():
        defs[section.model.__name__]["required"] = list(section.keys)
    added = _rows_of(schema.Event)
    added["items"] = {"allOf": [added["items"], _whole(whole["Event"])]}
    defs["Arm"]["properties"]["add"] = added
    return whole


NAMES = {
    "Scenario": "Scenario files",
    "Experiment": "Experiment files",
    "GamePlan": "Game files",
}
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
    """The page, in Markdown. schemas: by what the texts call a file; each has its
    definitions.

    >>> from balance_sim.scenario.reference.schemas import json_schema
    >>> "`events.summit.visibility`" in reference_page({"Scenario": json_schema()})
    True"""
    return (
        "\n".join(
            [
                HEAD,
                *(line for name, of in schemas.items() for line in _of_file(name, of)),
            ]
        ).rstrip()
        + "\n"
    )


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
        yield from _table(
            part, definition, needed.get(part, definition.get("required", [])), told
        )


def _heading(part: str, places: Mapping[str, list[str]]) -> str:
    """Where a definition is used, as key paths: `events[]`, `arms.NAME`."""
    if part == "Table":
        return "A table, instead of rows"
    where = ", ".join(f"`{place}`" for place in places[part])
    return where + {
        "FactorRange": ", a range",
        "FactorDistribution": ", a distribution",
    }.get(part, "")


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
            walk(
                [
                    node.get("additionalProperties"),
                    *node.get("patternProperties", {}).values(),
                ],
                f"{path}.NAME",
            )

    walk(schema, "")
    return found


def _table(
    name: str, definition: Plain, required: list[str], told: dict[str, dict[str, Plain]]
) -> Iterator[str]:
    yield from (definition["description"], "")
    yield from (
        "| " + " | ".join(COLUMNS) + " |",
        "| " + " | ".join(["---"] * len(COLUMNS)) + " |",
    )
    patterns = {
        PATTERNS[key]: field
        for key, field in definition.get("patternProperties", {}).items()
    }
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
    return (
        "missing"
        if default is None
        else "empty"
        if default in ("", [], {})
        else _code(default)
    )


def _range(field: Plain) -> str:
    """Bounds of a number, or the words that are allowed."""
    for one in (
        field,
        *field.get("anyOf", ()),
        field.get("items", {}),
        field.get("additionalProperties", {}),
    ):
        if not isinstance(one, dict):
            continue
        if "enum" in one or "const" in one:
            return ", ".join(
                _code(value) for value in one.get("enum", [one.get("const")])
            )
        low, above = one.get("minimum"), one.get("exclusiveMinimum")
        high, below = one.get("maximum"), one.get("exclusiveMaximum")
        low, above = (
            (None, 0) if low == TINY else (None if low == -HUGE else low, above)
        )
        high = None if high is not None and high >= HUGE else high
        least = (
            f"{low:,.12g}"
            if low is not None
            else f"above {above:,.12g}"
            if above is not None
            else ""
        )
        most = (
            f"{high:,.12g}"
            if high is not None
            else f"below {below:,.12g}"
            if below is not None
            else ""
        )
        if least or most:
            return (
                f"{least} to {most}"
                if least and most
                else f"{least} or more"
                if least
                else f"up to {most}"
            )
    return ""


def _code(value: Any) -> str:
    """A value as a file has it."""
    return f"`{value}`" if isinstance(value, str) else f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{key}: {_flow(child)}" for key, child in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return (
            value
            if value and not set(value) & set(",:[]{}#'\"")
            else json.dumps(value, ensure_ascii=False)
        )
    return json.dumps(value)
