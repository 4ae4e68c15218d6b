"""What the shipped scenarios do, line by line: see `golden.py`, which makes the texts again."""

import importlib.util
import sys
from difflib import unified_diff
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("golden", Path(__file__).with_name("golden.py"))
assert _spec is not None and _spec.loader is not None
golden = importlib.util.module_from_spec(_spec)
sys.modules["golden"] = golden
_spec.loader.exec_module(golden)


def test_every_shipped_scenario_has_a_text() -> None:
    shipped = {path.stem for path in golden.SCENARIOS.glob("*.yaml")}
    assert shipped == {*golden.NAMES} == {path.stem for path in golden.HERE.glob("*.txt")}


@pytest.mark.parametrize("name", golden.NAMES)
def test_a_replication_is_the_one_that_was_written_down(name: str) -> None:
    there, now = golden.path_of(name).read_text(encoding="utf-8"), golden.golden(name)
    lines = unified_diff(there.splitlines(), now.splitlines(), "written down", "now", lineterm="", n=0)
    assert there == now, "\n".join(["if this was meant: uv run python tests/golden/golden.py", *list(lines)[:40]])
