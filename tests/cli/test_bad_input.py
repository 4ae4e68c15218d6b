"""What is wrong with a file, as a user meets it: `check` and `run` or `sweep`, as text and as JSON."""

import importlib.util
import json
from pathlib import Path

import pytest
from program import answered

_PLACE = Path(__file__).parent.parent / "scenario" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("scenario_conftest", _PLACE)
assert _SPEC is not None and _SPEC.loader is not None
worlds = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(worlds)

GOOD = """schema: 1
title: a grid
scenario: summit.yaml
design: {method: grid}
factors:
  events.summit.visibility: [0, 0.5]
  parameters.beta: {min: 0.1, max: 0.5, steps: 3}
arms: [no_summit, summit]
runs: 10
seed: 7
outcomes: [accords_all_365]
"""

# text to replace, its replacement, the place and the code of the answer
SCENARIO = [
    ("focal: summit\n", "focal:summit\n", "7:1: error[E011] "),
    ("visibility: 1.0", "visibility: 1.2", "30:18: error[E203] events.summit.visibility: "),
    ("tables/states.csv", "../../etc/passwd", "9:13: error[E501] states[].table: "),
]
EXPERIMENT = [
    ("events.summit.visibility: [", "events.summit.visibilty: [", "6:3: error[E401] events.summit.visibilty: "),
    ("[0, 0.5]", "[0, 2]", "6:33: error[E203] events.summit.visibility: "),
    ("accords_all_365", "acords_all_365", "11:11: error[E107] outcomes[0]: "),
]


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return worlds.World(tmp_path)


def holds(answer: str, *commands: tuple[str, ...]) -> None:
    """Every command ends with 4 and begins so; with `--json` the record says the same in parts."""
    for command in commands:
        code, out, err = answered(*command)
        assert (code, out) == (4, "") and err.startswith(answer), err
        code, out, none = answered(*command, "--json")
        document = json.loads(out)
        assert (code, none, document["ok"]) == (4, "", False)
        (record,) = document["errors"]
        keys = ["file", "line", "col", "path", "code", "message", "allowed", "suggestion"]
        assert list(record) == keys
        where = f"{record['path']}: " if record["path"] else ""
        first = "{file}:{line}:{col}: error[{code}] ".format(**record) + where + record["message"]
        assert err.split("\n", maxsplit=1)[0] == first
        assert err.partition("\n  help: ")[2].startswith(record["suggestion"])
        assert record["allowed"] in err


@pytest.mark.parametrize(("old", "new", "answer"), SCENARIO, ids=[row[2] for row in SCENARIO])
def test_a_scenario(world, old, new, answer):
    world.edit(old, new)
    holds(f"summit.yaml:{answer}", ("check", "summit.yaml"), ("run", "summit.yaml"))


@pytest.mark.parametrize(("old", "new", "answer"), EXPERIMENT, ids=[row[2] for row in EXPERIMENT])
def test_an_experiment(world, old, new, answer):
    assert old in GOOD
    (world.folder / "exp.yaml").write_text(GOOD.replace(old, new, 1))
    holds(f"exp.yaml:{answer}", ("check", "exp.yaml"), ("sweep", "exp.yaml"))
