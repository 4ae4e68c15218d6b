"""The JSON Schema accepts what the loader accepts and refuses misspelt keys and values out of bounds."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from balance_sim.scenario import json_schema, new_scenario
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.nodes import plain

SCHEMA = json_schema()
TYPES: dict[str, Any] = {
    "object": dict,
    "array": tuple,
    "string": (str, date),
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
KNOWN = {
    "$ref", "$defs", "$schema", "title", "description", "default",
    "type", "enum", "const", "anyOf", "properties", "required",
    "additionalProperties", "items", "pattern", "minimum", "maximum", "exclusiveMinimum",
    "minLength", "maxLength", "minItems", "format", "propertyNames", "patternProperties",
    "minProperties",
}  # fmt: skip


def fits(value: Any, rule: Any) -> bool:
    """The part of JSON Schema 2020-12 that the schema uses; fails on a keyword it does not know."""
    if isinstance(rule, bool):
        return rule
    assert set(rule) <= KNOWN, set(rule) - KNOWN
    if "$ref" in rule:
        return fits(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]])
    options = rule.get("anyOf", [True])
    if not any(fits(value, option) for option in options):
        return False
    if value not in rule.get("enum", [value]) or value != rule.get("const", value):
        return False
    if "type" in rule and not _is_of_type(value, rule["type"]):
        return False
    if isinstance(value, dict):
        return _fits_object(value, rule)
    if isinstance(value, tuple):
        return all(fits(item, rule.get("items", True)) for item in value) and len(value) >= rule.get("minItems", 0)
    return _fits_text(value, rule) if isinstance(value, str) else _fits_number(value, rule)


def _is_of_type(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _fits_text(value: str, rule: Any) -> bool:
    long_enough = rule.get("minLength", 0) <= len(value) <= rule.get("maxLength", 10**9)
    return long_enough and re.search(rule.get("pattern", ""), value) is not None


def _fits_number(value: Any, rule: Any) -> bool:
    if not isinstance(value, int | float):
        return True
    low, high = rule.get("minimum", value), rule.get("maximum", value)
    return bool(low <= value <= high and value > rule.get("exclusiveMinimum", value - 1))


def _fits_object(value: dict[str, Any], rule: dict[str, Any]) -> bool:
    own = rule.get("properties", {})
    patterns = rule.get("patternProperties", {})
    for key, child in value.items():
        matching = [patterns[p] for p in patterns if re.search(p, key)]
        rules = [own[key]] if key in own else matching or [rule.get("additionalProperties", True)]
        if not all(fits(child, one) for one in rules):
            return False
    return all(key in value for key in rule.get("required", ()))


def content(text: str) -> Any:
    return plain(read_document(text, "file")[0])


def test_it_accepts_the_starter_and_the_small_world(world):
    assert fits(content(new_scenario("mine")), SCHEMA)
    assert fits(content(world.text), SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema: 1", "schema: 2"),
        ("question:", "questoin:"),
        ("km: 0", "kmm: 0"),
        ("visibility: 1.0", "visibility: 1.2"),
        ("visibility: 1.0", 'visibility: "1.0"'),
        ("beta: 0.2", "betta: 0.2"),
        ("similarity: 0.4", "similarty: 0.4"),
        ("balance_of_threat", "balance_of_treat"),
        ("reference: true", "refrence: true"),
        ("status: talks", "status: talking"),
        ("principals: [NATO]", "principals: NATO"),
        ("[30, 90, 365]", "[0.5]"),
        ("title: A summit of three", "titel: A summit of three"),
    ],
)
def test_it_refuses_what_an_editor_can_see(world, old, new):
    assert not fits(content(world.edit(old, new).text), SCHEMA)
