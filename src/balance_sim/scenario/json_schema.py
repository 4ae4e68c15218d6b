"""JSON Schema of a scenario file, for editors that complete and check while one types.

It is looser than the loader: what holds between pieces (known codes, dates in order) is not in it."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from balance_sim.scenario.defaults import default_tree, presets
from balance_sim.scenario.draft import Head
from balance_sim.scenario.layout import (
    REQUIRED,
    SECTIONS,
    SINGLES,
    TABLES_OF,
    field_names,
)
from balance_sim.scenario.schema import SCHEMA_VERSION, TERMS
from balance_sim.scenario.vocabulary import ACCORD_KINDS, ACCORD_STATUSES, EVENT_KINDS

_REF = "#/$defs/"
_TABLE: dict[str, Any] = {
    "type": "object",
    "description": "A CSV table beside the file; its columns are the fields.",
    "properties": {
        "table": {"type": "string"},
        "sha256": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
    },
    "required": ["table"],
    "additionalProperties": False,
}


def json_schema() -> dict[str, Any]:
    """The schema as plain data (draft 2020-12)."""
    models = [section.model for section in SECTIONS.values()]
    models += [*TABLES_OF.values(), *SINGLES.values(), Head]
    _, whole = models_json_schema([(model, "validation") for model in models], ref_template=_REF + "{model}")
    defs: dict[str, Any] = {**whole["$defs"], "Table": _TABLE}
    head = defs.pop("Head")["properties"]
    _open_up(defs)
    lists = {
        name: _list_of(section.model.__name__, "Rows or tables of rows.")
        for name, section in SECTIONS.items()
    }
    properties: dict[str, Any] = {
        "schema": {"const": SCHEMA_VERSION, "description": "Version of the file format."},
        "extends": {"type": "string", "description": "A scenario in the same folder to lay this one over."},
        **head,
        "outside": {"type": "array", "items": {"type": "string"}},
        "groups": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        **lists,
        **{name: _map_of(model.__name__) for name, model in TABLES_OF.items()},
        **{name: {"$ref": _REF + model.__name__} for name, model in SINGLES.items()},
        "calibration": {
            "description": "The file that `balance-sim calibrate` wrote for this scenario.",
            "anyOf": [{"type": ["string", "null"]}, {"$ref": _REF + "Calibration"}],
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "balance-sim scenario",
        "type": "object",
        "properties": properties,
        "required": list(REQUIRED),
        "additionalProperties": False,
        "$defs": defs,
    }


def _list_of(model: str, description: str) -> dict[str, Any]:
    items = {"anyOf": [{"$ref": _REF + model}, {"$ref": _REF + "Table"}]}
    return {"type": "array", "description": description, "items": items}


def _map_of(model: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"$ref": _REF + model}}


def _open_up(defs: dict[str, Any]) -> None:
    """What the defaults complete need not be written; names come from lists where the lists are known."""
    for name in ("AccordKind", "EventKind", "Parameters", "CapabilityWeights", "Theory"):
        defs[name].pop("required", None)
    defs["Theory"]["properties"]["preset"] = {"enum": list(presets())}
    defs["Theory"]["properties"]["weights"] = {
        "type": "object",
        "properties": {term: {"type": "number"} for term in TERMS},
        "additionalProperties": False,
    }
    known = {name: list(default_tree().fields[name].fields) for name in ("kinds", "event_kinds")}
    _suggest(defs["Accord"], "kind", [*known["kinds"], *ACCORD_KINDS])
    _suggest(defs["Event"], "kind", [*known["event_kinds"], *EVENT_KINDS])
    _suggest(defs["Provocation"], "kind", [*known["event_kinds"], *EVENT_KINDS])
    statuses = defs["Accord"]["properties"]["status"]
    statuses["enum"] = [*statuses["enum"], *ACCORD_STATUSES]
    arm = defs["Arm"]["properties"]
    arm["add"] = _list_of("Event", "Events that only this arm has.")
    for model in (*SECTIONS.values(),):
        for field in field_names(model.model):
            defs[model.model.__name__]["properties"][field].pop("default", None)


def _suggest(model: dict[str, Any], field: str, names: list[str]) -> None:
    """Offer names without refusing others: a scenario may add kinds of its own."""
    model["properties"][field] = {"anyOf": [{"enum": names}, {"type": "string"}]}
