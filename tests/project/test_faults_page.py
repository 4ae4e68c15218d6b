"""docs/faults.md names, row by row, the files whose tests are marked with the row."""

import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")


def marked() -> dict[str, set[str]]:
    """By row: files with tests of every run that hold it."""
    out: dict[str, set[str]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for test in path.read_text(encoding="utf-8").split("\n\n\n"):
            if "\n@pytest.mark.long\n" not in f"\n{test}":
                for rows in re.findall(r"^@pytest\.mark\.fault\((.*)\)$", test, re.MULTILINE):
                    for row in re.findall(r"\w+", rows):
                        out[row].add(path.relative_to(TESTS).as_posix())
    return out


def test_each_row_is_there_once_in_order_and_names_the_files_of_its_tests() -> None:
    rows = re.findall(r"^\| (F\d+) .* \| (.*) \|$", PAGE, re.MULTILINE)
    assert [row for row, _ in rows] == [f"F{number:02d}" for number in range(1, 19)]
    assert {row: {*re.findall(r"`([^`]+)`", files)} for row, files in rows} == marked()
