"""docs/faults.md and the marks of the tests say the same."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "faults.md"
ROWS = [f"F{number:02d}" for number in range(1, 19)]


def mark(decorator: ast.expr) -> tuple[str, list[str]]:
    """Name and arguments of the pytest mark that a decorator is; no name where it is none."""
    call = decorator if isinstance(decorator, ast.Call) else None
    name = ast.unparse(call.func if call else decorator)
    if not name.startswith("pytest.mark."):
        return "", []
    is_fault = call is not None and name.endswith(".fault")
    return name.rsplit(".", 1)[1], [ast.literal_eval(arg) for arg in call.args] if call and is_fault else []


@cache
def marked() -> dict[str, set[tuple[str, bool]]]:
    """By row: files with tests that hold it, and whether such a test is a long one."""
    out: dict[str, set[tuple[str, bool]]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            found = [mark(decorator) for decorator in node.decorator_list]
            is_long = any(name == "long" for name, _ in found)
            for name, rows in found:
                for row in rows if name == "fault" else ():
                    out[row].add((path.relative_to(TESTS).as_posix(), is_long))
    return out


def page() -> dict[str, list[str]]:
    """By row: its cells."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| F\d", line)]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].split()[0]: row for row in cells}


def files_of(found: set[tuple[str, bool]]) -> str:
    """The cell that names the files of a row's tests; `long` behind those that hold long ones alone."""
    short = {file for file, is_long in found if not is_long}
    names = sorted({file for file, _ in found})
    return ", ".join(f"`{file}`{'' if file in short else ' (long)'}" for file in names)


def test_the_page_has_every_row_once_in_order() -> None:
    assert list(page()) == ROWS
    assert PAGE.read_text(encoding="utf-8").count("\n| F") == len(ROWS)


def test_no_test_is_marked_with_a_row_that_is_none() -> None:
    assert set(marked()) <= set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_tests_and_names_their_files(row: str) -> None:
    """Also one of those that run without `-m long`."""
    found = marked().get(row, set())
    assert any(not is_long for _, is_long in found), f"no test is marked with {row}"
    assert page()[row][-1] == files_of(found)
