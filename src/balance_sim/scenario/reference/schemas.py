"""JSON Schemas (draft 2020-12) of scenario and experiment files, for editors that complete and check while one types.

They are looser than the loader: what holds between pieces (known codes, dates in order) is not in them. Descriptions,
units and examples are those of `descriptions.yaml`, defaults those of the schema and of `defaults.yaml`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from balance_sim.scenario import schema
from balance_sim.scenario.defaults import OWN, key_texts
from balance_sim.scenario.layout import (
    ACCORD_KINDS,
    ACCORD_STATUSES,
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

    A file that extends another gives parts alone: what is required of a whole one is not required of it.

    Examples
    --------
    >>> json_schema()["$defs"]["State"]["properties"]["gdp_bn"]["examples"]
    [4200]
    """
    from balance_sim.scenario.defaults import default_tree
    from balance_sim.scenario.nodes import plain

    models = [section.model for section in SECTIONS.values()]
    defs = definitions([*models, *TABLES_OF.values(), *SINGLES.values(), schema.ScenarioHead])
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
        **{name: MAPPING | {"additionalProperties": ref(model)} for name, model in TABLES_OF.items()},
        **{name: ref(model) for name, model in SINGLES.items()},
        **{name: {"anyOf": [{"type": ["string", "null"]}, ref(SINGLES[name])]} for name in FROM_FILES},
    }
    rows = {name: {"items": _whole(whole[one.model.__name__])} for name, one in SECTIONS.items()}
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
    spread = {"min": number, "max": number, "steps": {"type": "integer", "minimum": 2}, "step": number}
    spread["scale"] = {"enum": ["linear", "log"], "default": "linear"}
    drawn = {"distribution": families, **dict.fromkeys(("min", "max", "mode", "mean", "sd"), number)}
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
    return file_schema("Experiment", own | head["properties"], ["schema", "scenario", *head["required"]], defs)


def file_schema(name: str, properties: Plain, required: Sequence[str], defs: Plain) -> Plain:
    """A whole file of the kind that the texts call `name`, described to the last key."""
    parts: Plain = {name: _closed(properties, required), **defs}
    _describe(parts)
    return {"$schema": DRAFT, "title": name, **parts.pop(name), "$defs": parts}


def _closed(properties: Plain, required: Sequence[str]) -> Plain:
    """A mapping of these keys and no others."""
    return MAPPING | {"properties": properties, "required": list(required), "additionalProperties": False}


def definitions(models: Iterable[type[Strict]]) -> Plain:
    """The models as JSON Schema, and all that they hold, by name; titles left out, which repeat the keys."""
    from pydantic.json_schema import models_json_schema

    _, whole = models_json_schema([(model, "validation") for model in models], ref_template=_REF + "{model}")
    defs: Plain = whole["$defs"]
    for definition in defs.values():
        for one in (definition, *definition.get("properties", {}).values()):
            one.pop("title", None)
    return defs


def ref(model: type[Strict]) -> Plain:
    """A reference to a model's definition."""
    return {"$ref": _REF + model.__name__}


def unit_of(key: str, said: Plain) -> str:
    """Unit of a key: its own, else that of the default of this name; empty where it holds no number."""
    from balance_sim.scenario.defaults import units

    return str(said.get("unit") or units().get(key, ""))


def _describe(parts: Plain) -> None:
    """Text, unit and example of every definition and key. A key without a text stays as it is: tests find it."""
    told = key_texts()
    for name, definition in parts.items():
        of = told.get(name, {})
        definition["description"] = of.get("about", {}).get("text", "")
        for table, key in [(one, key) for one in TABLES_OF_KEYS for key in definition.get(one, {})]:
            field, said = definition[table][key], of.get(PATTERNS.get(key, key))
            if said is None:
                continue
            unit, example = unit_of(key, said), said.get("example", field.get("default"))
            as_json = json.loads(json.dumps(example, default=str))  # dates as text
            text = f"{said['text']} Unit: {unit}." if unit not in ("", "none") else said["text"]
            definition[table][key] = field | {"description": text, "examples": [as_json]}


def _rows_of(model: type[Strict]) -> Plain:
    return {"type": "array", "items": {"anyOf": [ref(model), {"$ref": _REF + "Table"}]}, "default": []}


def _whole(required: Sequence[str]) -> Plain:
    """What a row has that is not laid over another."""
    return {"anyOf": [{"required": ["table"]}, {"required": list(required)}]}


def _open_up(defs: Plain) -> dict[str, list[str]]:
    """What the defaults complete need not be written; names come from lists where the lists are known.

    Gives back what each row requires where it is laid over no other; the definitions require what names it."""
    from balance_sim.scenario.defaults import default_tree, default_weights, presets

    for name, of in (("Parameters", "parameters"), ("CapabilityWeights", "capability")):
        for key, field in defs[name]["properties"].items():
            field["default"] = default_tree().fields[of].fields[key].value
    for name in ("AccordKind", "EventKind", "Parameters", "CapabilityWeights", "Theory"):
        defs[name].pop("required", None)
    defs["Theory"]["properties"]["preset"] = {"enum": list(presets()), "default": "balance_of_threat"}
    weight = {"type": "number"}
    terms = {term: weight | {"default": default_weights()[term]} for term in TERMS}
    own = dict.fromkeys(PATTERNS, weight | {"default": 0.0})
    defs["Weights"] = MAPPING | {"properties": terms, "patternProperties": own, "additionalProperties": False}
    defs["Theory"]["properties"]["weights"] = {"$ref": _REF + "Weights"}
    of_acts = ("event_kinds", EVENT_KINDS)
    for model, (of, others) in (("Accord", ("kinds", ACCORD_KINDS)), ("Event", of_acts), ("Provocation", of_acts)):
        names = [*default_tree().fields[of].fields, *others]  # offered: a scenario may add kinds of its own
        defs[model]["properties"]["kind"] = {"anyOf": [{"enum": names}, TEXT]}
    statuses = defs["Accord"]["properties"]["status"]
    statuses["enum"] = [*statuses["enum"], *ACCORD_STATUSES]
    whole = {one.model.__name__: list(defs[one.model.__name__]["required"]) for one in SECTIONS.values()}
    for section in SECTIONS.values():
        defs[section.model.__name__]["required"] = list(section.keys)
    added = _rows_of(schema.Event)
    added["items"] = {"allOf": [added["items"], _whole(whole["Event"])]}
    defs["Arm"]["properties"]["add"] = added
    return whole
