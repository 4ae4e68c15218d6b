"""Whatever the bytes: a scenario or errors with file and line, never another exception.

A single mutation of a valid file is harmless or reported on its line. BALANCE_SIM_FUZZ: examples a test."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from balance_sim.scenario import Diagnostic, check_scenario
from balance_sim.scenario.diagnostics import report
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.experiment import TOP as OF_EXPERIMENTS
from balance_sim.scenario.experiment import check_experiment
from balance_sim.scenario.layout import SECTIONS, TOP
from balance_sim.scenario.nodes import Node
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Check = Callable[[Path], tuple[object, Sequence[Diagnostic]]]
DATA = Path(__file__).parent / "data"
TEXT = (DATA / "summit.yaml").read_text(encoding="utf-8")
TREE = yaml.safe_load(TEXT)
STATES = (DATA / "tables" / "states.csv").read_bytes()
KEYS = [*TOP, *(name for section in SECTIONS.values() for name in section.model_fields)]
EXAMPLES = int(os.environ.get("BALANCE_SIM_FUZZ", "12"))
QUICK = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(DATA, name, dirs_exist_ok=True)
        yield Path(name)


def outcome(folder: Path, data: bytes, name: str = "summit.yaml", check: Check = check_scenario) -> list[Diagnostic]:
    """Errors of a file with these bytes; checks what holds of any outcome."""
    path = folder / name
    path.write_bytes(data)
    made, found = check(path)
    errors = [one for one in found if not one.is_warning]
    assert (made is None) == bool(errors), report(found)
    for one in found:
        assert one.file and one.line >= 1 and one.col >= 1, one
        assert all(line.isprintable() for line in one.text().split("\n")), one
        assert len(one.text()) < 3000, one
    report(found).encode("utf-8")
    return errors


@QUICK
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes(folder, data):
    outcome(folder, data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(["USA", "CHN"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


@QUICK
@given(key=st.sampled_from(TOP), value=values)
def test_a_valid_file_with_one_section_of_any_shape(folder, key, value):
    outcome(folder, yaml.safe_dump({**TREE, key: value}, allow_unicode=True).encode("utf-8", "replace"))


# --- one mutation, on a line we know ------------------------------------------------------------------

LINES = TEXT.split("\n")
ROOT: Node = read_document(TEXT, "summit.yaml")[0]


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in (*node.fields.values(), *node.items):
        yield from walk(child)


LEAVES = [node for node in walk(ROOT) if not isinstance(node.value, dict | list)]


def replaced(line: int, col: int, old: str, new: str) -> bytes:
    lines = list(LINES)
    before = lines[line - 1]
    assert before[col - 1 :].lstrip('"').startswith(old), (before, col, old)
    start = before.index(old, col - 1)
    quoted = before[start - 1] == '"'
    lines[line - 1] = before[: start - quoted] + new + before[start + len(old) + quoted :]
    return "\n".join(lines).encode()


@QUICK
@given(leaf=st.sampled_from(LEAVES), junk=st.sampled_from(["{zz: 1}", "[[]]", ".nan", "!x y", "*a", "012", "~", "@"]))
def test_a_value_replaced_is_reported_on_its_line(folder, leaf, junk):
    errors = outcome(folder, replaced(leaf.mark.line, leaf.mark.col, leaf.text, junk))
    if junk == "~" and not errors:
        return
    assert leaf.mark.line in {one.line for one in errors}, report(errors)


# --- tables -------------------------------------------------------------------------------------------


def with_table(folder: Path, data: bytes) -> list[Diagnostic]:
    (folder / "tables" / "states.csv").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    try:
        return outcome(folder, re.sub(r"(states\.csv, sha256: )\w+", rf"\g<1>{digest}", TEXT).encode())
    finally:
        (folder / "tables" / "states.csv").write_bytes(STATES)


CELLS = [
    (row, column)
    for row, line in enumerate(STATES.decode().splitlines()[1:], 2)
    for column, cell in enumerate(line.split(","), 1)
    if cell and 3 <= column <= 9
]


@QUICK
@given(cell=st.sampled_from(CELLS), junk=st.sampled_from(["x", "NaN", "1e999", "0x1F", "1;2", "-", "true", "1_0"]))
def test_a_number_in_a_table_replaced_is_reported_in_its_cell(folder, cell, junk):
    rows = [line.split(",") for line in STATES.decode().splitlines()]
    rows[cell[0] - 1][cell[1] - 1] = junk
    errors = with_table(folder, "\n".join(",".join(row) for row in rows).encode())
    assert cell in {(one.line, one.col) for one in errors}, report(errors)


# --- options ------------------------------------------------------------------------------------------


paths = st.lists(st.sampled_from([*KEYS, "summit", "half", "JPN", "beta", "access", "west", "NATO", "x"]), max_size=5)


@QUICK
@given(path=paths, value=values)
def test_any_value_at_any_path(folder, path, value):
    (folder / "summit.yaml").write_text(TEXT)
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True).strip()
    scenario, found = check_scenario(folder / "summit.yaml", set=[f"{'.'.join(path)}={text}"])
    assert (scenario is None) == any(not one.is_warning for one in found), report(found)


# --- experiments --------------------------------------------------------------------------------------

EXPERIMENT = """schema: 1
title: a grid
scenario: summit.yaml
factors:
  events.summit.visibility: [0, 0.5, 1]
  parameters.beta: {min: 0.1, max: 0.5, steps: 3}
arms: [no_summit, summit]
runs: 24
seed: 7
outcomes: [accords_all_365]
"""
WORDS = ["min", "max", "step", "steps", "log", "values", "parameters.beta", "summit"]
factors = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("summit"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=15,
)


@QUICK
@given(key=st.sampled_from(OF_EXPERIMENTS), value=factors)
def test_an_experiment_with_one_section_of_any_shape(folder, key, value):
    (folder / "summit.yaml").write_text(TEXT)
    tree = {name: given for name, given in yaml.safe_load(EXPERIMENT).items() if name != key}
    data = yaml.safe_dump({**tree, key: value}, allow_unicode=True).encode("utf-8", "replace")
    outcome(folder, data, "exp.yaml", check_experiment)
