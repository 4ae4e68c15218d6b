"""CONTRIBUTING.md answers where a newcomer has to look: each file and name it gives is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "balance_sim"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:3] for line in TEXT.splitlines() if line.startswith("| ") and ".py" in line]
PLACE = re.compile(r"`([\w/]+\.py)(?:: ([\w.]+))?`(?: and `(\w+)`)?")


def names_in(path: Path) -> set[str]:
    """Functions and classes of a module, and methods as `Class.method`."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            inner = node.body if isinstance(node, ast.ClassDef) else []
            names |= {f"{node.name}.{one.name}" for one in inner if isinstance(one, ast.FunctionDef)}
    return names


def test_there_are_ten_questions() -> None:
    assert len(ROWS) == 10


@pytest.mark.parametrize(("question", "answer"), ROWS, ids=[row[0].strip() for row in ROWS])
def test_each_answer_is_there(question: str, answer: str) -> None:
    places = PLACE.findall(answer)
    assert places, question
    for file, *names in places:
        assert (SOURCE / file).is_file(), file
        assert {name for name in names if name} <= names_in(SOURCE / file), (file, names)


def test_files_and_commands_that_are_named_are_there() -> None:
    for path in re.findall(r"`(?:bash |uv run python )?((?:\.ci|tests|docs)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path
