"""The house: no folder too full to read, one name for one class, and few modules on the way of a run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "balance_sim"
MODULES = sorted(SOURCE.rglob("*.py"))
COMMAND = """
import sys
from balance_sim.cli import main
try:
    main(["run", "experiments/smoke/five_states.yaml", "--runs", "2", "--no-figures", "--out", sys.argv[1]])
except SystemExit as end:
    assert not end.code, end.code
print(sum(name.startswith("balance_sim") for name in sys.modules))
"""


def test_modules_and_folders_can_be_read() -> None:
    assert max(Counter(module.parent for module in MODULES).values()) <= 20
    assert max(len(module.read_text(encoding="utf-8").splitlines()) for module in MODULES) <= 460


def test_no_class_name_is_used_twice() -> None:
    names = Counter(
        node.name
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.slow
def test_a_run_imports_few_modules(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMAND, str(tmp_path / "study")]
    done = subprocess.run(command, cwd=SOURCE.parents[1], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 110


def test_places_that_contributing_names_exist() -> None:
    page = (SOURCE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Where is ...")[1]
    places = re.findall(r"`([a-z_/]+\.py): (\w+)`", page)
    assert len(places) >= 8
    for path, name in places:
        tree = ast.parse((SOURCE / path).read_text(encoding="utf-8"))
        assert name in {getattr(node, "name", "") for node in ast.walk(tree)}, (path, name)
