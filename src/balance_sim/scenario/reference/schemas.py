"""JSON Schemas (draft 2020-12) of scenario and experiment files, for editors that
complete and check while one types.

They are looser than the loader: what holds between pieces (known codes, dates in order)
is not in them. Descriptions, units and examples are those of `descriptions.yaml`,
defaults those of the schema and of `defaults.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from balance_sim.scenario import schema
from balance_sim.scenario.defaults import (
    OWN,
    default_tree,
    default_weights,
    key_texts,
    presets,
    units,
)
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.layout import (
    FROM_FILES,
    REQUIRED,
    SECTIONS,
    TOP,
)
from balance_sim.scenario.schema import CapabilityWeights, Parameters
from balance_sim.scenario.validation import LAID_OVER
from balance_sim.scenario.vocabulary import (
    AGREEMENT_KINDS,
    AGREEMENT_STATUSES,
    EVENT_KINDS,
)

Plain = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Plain = {"type": "string"}
MAPPING: Plain = {"type": "object"}
_REF = "#/$defs/"
PATTERNS = {f"^{OWN}[A-Za-z0-9_]+$": f"{OWN}NAME"}
"""Keys that a user's own code names, and the key of their text."""
TABLES_OF_KEYS = ("properties", "patternProperties")
KINDS = {
    "Agreement": ("kinds", AGREEMENT_KINDS),
    "Event": ("event_kinds", EVENT_KINDS),
    "Provocation": ("event_kinds", EVENT_KINDS),
}
"""Rows that are of a kind: the section of the kinds, and other names for them."""


class Table(Strict):
    """A file of rows, in the place of rows. sheet: of an Excel file."""

    table: str
    sheet: str = ""
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")] = ""


def json_schema() -> Plain:
    """JSON Schema of a scenario file.

    A file that extends another gives parts alone: what is required of a whole one is
    not required of it.

    Returns
    -------
    dict : plain data, every key described with its unit and an example

    Examples
    --------
    >>> json_schema()["$defs"]["State"]["properties"]["gdp_bn"]["examples"]
    [4200]
    """
    defs = definitions([schema.Scenario, Table])
    keys = defs.pop("Scenario")["properties"]
    _complete(defs)
    properties: Plain = {"schema": {"const": schema.SCHEMA_VERSION}, "extends": TEXT}
    properties |= {name: keys[name] for name in TOP if name in keys}
    properties["step_days"]["default"] = default_tree().value_of("step_days")
    alone: Plain = {}
    for name, model in SECTIONS.items():
        definition = defs[model.__name__]
        row = {"anyOf": [{"required": ["table"]}, {"required": definition["required"]}]}
        definition["required"] = list(model.KEYS)
        items = {"anyOf": [ref(model), ref(Table)]}
        properties[name] = {"type": "array", "items": items, "default": []}
        alone[name] = {"items": row}
    for name in FROM_FILES:
        file = {"type": ["string", "null"]}
        properties[name] = {"anyOf": [file, {"$ref": properties[name]["$ref"]}]}
    events = {"allOf": [ref(schema.Event), alone["events"]["items"]]}
    defs["Arm"]["properties"]["add"] = properties["events"] | {"items": events}
    file = file_schema("Scenario", properties, ["schema"], defs)
    rules = {"required": list(REQUIRED), "properties": alone}
    return file | {"if": {"required": ["extends"]}, "then": {}, "else": rules}


def _or_in_short(defs: Plain) -> None:
    """Policies may stand in a list, shipped ones by their names alone; days may be
    text, as `30 days`."""
    defs["Policy"].pop("required")  # what a shipped one has need not be written
    policy, player = defs["Policy"]["properties"], defs["Player"]["properties"]
    delay, by_name = policy["delay"], player["policies"]
    policy["delay"] = {"anyOf": [delay, TEXT], "default": delay["default"]}
    player["policies"] = {"anyOf": [by_name, {"type": "array"}]}


def _complete(defs: Plain) -> None:
    """What the defaults complete need not be written, and names come from lists where
    the lists are known: kinds, statuses, terms, theories. A kind may be another too."""
    for name, model in (("parameters", Parameters), ("capability", CapabilityWeights)):
        for key, field in defs[model.__name__]["properties"].items():
            field["default"] = default_tree().below(name).value_of(key)
    for row in (*LAID_OVER, schema.Theory):
        defs[row.__name__].pop("required", None)
    weight = {"type": "number"}
    defs["Weights"] = _closed(
        {term: weight | {"default": value} for term, value in default_weights().items()}
    ) | {"patternProperties": dict.fromkeys(PATTERNS, weight | {"default": 0.0})}
    names = {"enum": list(presets()), "default": "balance_of_threat"}
    theory = {"preset": names, "weights": {"$ref": f"{_REF}Weights"}}
    defs["Theory"]["properties"] |= theory
    _or_in_short(defs)
    for model_name, (section, others) in KINDS.items():
        # offered: a scenario may add kinds of its own
        options = {"enum": [*default_tree().below(section).fields, *others]}
        defs[model_name]["properties"]["kind"] = {"anyOf": [options, TEXT]}
    defs["Agreement"]["properties"]["status"]["enum"] += AGREEMENT_STATUSES


def experiment_schema() -> Plain:
    """JSON Schema of an experiment file, as `json_schema` of a scenario's."""
    from balance_sim.scenario.design import ExperimentPlan

    defs = definitions([ExperimentPlan])
    plan = defs.pop("ExperimentPlan")
    properties = plan["properties"] | {"schema": {"const": 1}}
    return file_schema("Experiment", properties, plan["required"], defs)


def file_schema(
    name: str, properties: Plain, required: Sequence[str], defs: Plain
) -> Plain:
    """The schema of a whole file, described to the last key.

    Parameters
    ----------
    name : what the texts call this kind of file
    properties : of its keys
    required : keys that it must have
    defs : definitions that the properties refer to
    """
    schemas: Plain = {name: _closed(properties, required), **defs}
    _describe(schemas)
    return {"$schema": DRAFT, "title": name, **schemas.pop(name), "$defs": schemas}


def _closed(properties: Plain, required: Sequence[str] = ()) -> Plain:
    """The schema of a mapping of these keys and no others."""
    keys = {"properties": properties, "required": list(required)}
    return MAPPING | keys | {"additionalProperties": False}


def definitions(models: Iterable[type[Strict]]) -> Plain:
    """The models as JSON Schema, and all that they hold, by name.

    models: pydantic's, of rows and of mappings. Titles are left out, which repeat the
    keys."""
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


def unit_of(key: str, text: Mapping[str, Any]) -> str:
    """Unit of a key: its own, else that of the default of this name; empty where it
    holds no number."""
    return str(text.get("unit") or units().get(key, ""))


def _describe(parts: Plain) -> None:
    """Give every definition and key its text, unit and example. A key without a text
    stays as it is: tests find it."""
    texts = key_texts()
    for name, definition in parts.items():
        of_keys = texts.get(name, {})
        definition["description"] = of_keys.get("about", {}).get("text", "")
        for table in TABLES_OF_KEYS:
            for key, field in definition.get(table, {}).items():
                text = of_keys.get(PATTERNS.get(key, key))
                if text is None:
                    continue
                unit, words = unit_of(key, text), text["text"]
                example = text.get("example", field.get("default"))
                as_json = json.loads(json.dumps(example, default=str))  # dates as text
                is_bare = unit in ("", "none")
                field["description"] = words if is_bare else f"{words} Unit: {unit}."
                field["examples"] = [as_json]
