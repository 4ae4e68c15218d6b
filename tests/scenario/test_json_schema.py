"""JSON Schemas accept what the loader accepts and refuse misspelt keys and values out of bounds; every key is
described once, and the reference page says the same."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from balance_sim.games.schema import game_schema
from balance_sim.scenario import new_scenario
from balance_sim.scenario.defaults import key_texts
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.nodes import plain
from balance_sim.scenario.plans import kind_of_file
from balance_sim.scenario.reference.schemas import PATTERNS, experiment_schema, json_schema, unit_of
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json_schema()
PAGE = runpy.run_path(str(ROOT / "docs" / "extensions" / "reference.py"))["page"]
SCHEMAS = {"Scenario": SCHEMA, "Experiment": experiment_schema(), "GamePlan": game_schema()}


def is_experiment(path: Path) -> bool:
    kind = kind_of_file(path)
    return kind is not None and kind.name == "experiment"


def fits(value: Any, rule: Any, root: Any = SCHEMA) -> bool:
    """Whether the value, written as JSON, is as the rule says, with the definitions of the whole schema."""
    validator = Draft202012Validator(rule | {"$defs": root["$defs"]})
    return validator.is_valid(json.loads(json.dumps(value, default=str)))


def content(text: str) -> Any:
    return plain(read_document(text, "file")[0])


def test_it_accepts_the_starter_and_the_small_world(world):
    assert fits(content(new_scenario("mine")), SCHEMA)
    assert fits(content(world.text), SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("question:", "questoin:"),
        ("visibility: 1.0", "visibility: 1.2"),
        ("similarity: 0.4", "similarty: 0.4"),
        ("balance_of_threat", "balance_of_treat"),
        ("status: talks", "status: talking"),
        ("principals: [NATO]", "principals: NATO"),
        ("[30, 90, 365]", "[0.5]"),
    ],
)
def test_it_refuses_what_an_editor_can_see(world, old, new):
    assert not fits(content(world.edit(old, new).text), SCHEMA)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        *(("Scenario", path) for path in sorted(ROOT.glob("scenarios/*.yaml"))),
        *(("Experiment", path) for path in sorted(ROOT.glob("experiments/*.yaml")) if is_experiment(path)),
        *(("GamePlan", path) for path in sorted(ROOT.glob("games/*.yaml"))),
    ],
    ids=lambda one: one.name if isinstance(one, Path) else one,
)
def test_what_is_shipped_fits(kind, file):
    assert fits(content(file.read_text()), SCHEMAS[kind], SCHEMAS[kind])


def keys() -> list[tuple[str, str, str, Any]]:
    """Kind of file, definition, key and what the schema says of it, of all three schemas."""
    return [
        (kind, part, PATTERNS.get(key, key), field)
        for kind, schema in SCHEMAS.items()
        for part, definition in {kind: schema, **schema["$defs"]}.items()
        for key, field in (definition["properties"] | definition.get("patternProperties", {})).items()
    ]


def is_number(field: Any) -> bool:
    types = {str(one.get("type")) for one in (field, *field.get("anyOf", ()))}
    return bool({"number", "integer"} & types) and "enum" not in field and "const" not in field


def test_every_key_is_described_with_unit_and_example():
    told = key_texts()
    lacking = [f"{part}.{key}" for _, part, key, _ in keys() if key not in told.get(part, {})]
    assert lacking == []
    for kind, part, key, field in keys():
        said, place = told[part][key], f"{part}.{key}"
        assert field["description"].startswith(said["text"]), place
        assert not is_number(field) or unit_of(key, said), place
        assert field["examples"] != [None], place
        assert fits(field["examples"][0], field, SCHEMAS[kind]), place


def test_no_text_describes_a_key_that_is_gone():
    there = {(part, key) for _, part, key, _ in keys()}
    told = {(part, key) for part, of in key_texts().items() for key in of if key != "about"}
    assert told - there == set()
    assert {part for part, of in key_texts().items() if not of.get("about", {}).get("text")} == set()


def test_the_page_is_what_the_schemas_say():
    page = (ROOT / "docs" / "scenario_reference.md").read_text(encoding="utf-8")
    assert page == PAGE(), "python docs/extensions/reference.py > docs/scenario_reference.md"
