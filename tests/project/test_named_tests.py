"""Every test that the documents name stands in the suite: its file, and by its words one of its tests."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
FILE = re.compile(r"`(?:tests/)?((?:[a-z]+/)?(?:[a-z]+/)?test_\w+\.py|[a-z]+/test_\{[\w,]+\}\.py)`")
SMALL = frozenset(
    re.findall(r"\w+", "a an and as at for in is it its no not of on one or that the to what where with by from each")
)


@cache
def words_of_tests(file: str) -> dict[str, frozenset[str]]:
    """The words of each test's name, description and cases in a file, by the test's name."""
    text = (TESTS / file).read_text(encoding="utf-8")
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            cases = " ".join(
                str(one.value)
                for mark in node.decorator_list
                for one in ast.walk(mark)
                if isinstance(one, ast.Constant)
            )
            names = " ".join(
                one.id for mark in node.decorator_list for one in ast.walk(mark) if isinstance(one, ast.Name)
            )
            found[node.name] = frozenset(stems(f"{node.name} {ast.get_docstring(node) or ''} {cases} {names}"))
    return found


def stems(text: str) -> set[str]:
    """Its words without endings, small words left out."""
    words = re.findall(r"[a-z0-9]+", text.lower().replace("_", " "))
    return {re.sub(r"(?:ing|ed|es|s|e)$", "", word) for word in words if word not in SMALL}


def named(text: str) -> list[tuple[str, str]]:
    """(file, phrase) of every test that a text names: a file in backticks, then phrases up to the next."""
    out = []
    for line in text.splitlines():
        places = list(FILE.finditer(line))
        for place, after in zip_longest(places, places[1:]):
            said = re.split(r"[|;]|[.] ", line[place.end() : after.start() if after else len(line)])[0]
            phrases = re.split(",", re.sub(r"\([^)]*\)", "", said).strip(" :.;"))
            files = opened(place[1])
            out += [(file, phrase.strip(" .:;`")) for file in files for phrase in phrases]
    return out


def opened(name: str) -> list[str]:
    """`study/test_{a,b}.py` as two files."""
    found = re.fullmatch(r"(.*)\{([\w,]+)\}(.*)", name)
    return [f"{found[1]}{part}{found[3]}" for part in found[2].split(",")] if found else [name]


@pytest.mark.parametrize("page", ["docs/security.md", "docs/faults.md", "docs/statistics.md"])
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    """The file has to exist; of the words beside it half have to stand in one test of the file, or all in the file."""
    pairs = named((ROOT / page).read_text(encoding="utf-8"))
    assert len(pairs) > 5, "the page names tests in another form than this test reads"
    lost = [file for file, _ in pairs if not (TESTS / file).is_file()]
    assert not lost
    for file, phrase in pairs:
        wanted = stems(phrase)
        if not wanted or re.fullmatch(r"B\d+(?: to B\d+)?", phrase):
            continue
        best = max(len(wanted & words) for words in words_of_tests(file).values())
        is_there = 2 * best >= len(wanted) or wanted <= stems((TESTS / file).read_text(encoding="utf-8"))
        assert is_there, f"{page}: no test of {file} is about `{phrase}`"


def test_every_coverage_test_is_there() -> None:
    """The table of intervals names tests of `study/test_coverage.py` by a part of their names."""
    table = [line for line in (ROOT / "docs/statistics.md").read_text(encoding="utf-8").splitlines() if "|" in line]
    parts = [part for line in table for part in re.findall(r"`([a-z_]+)`", line.rstrip("| ").rpartition("|")[2])]
    assert len(parts) > 15
    names = words_of_tests("study/test_coverage.py")
    assert [part for part in parts if not any(part in name for name in names)] == []


def test_a_test_that_is_not_there_is_missed() -> None:
    assert named("| x | `study/test_verify.py`: one, two; `tests/a/test_b.py` three (long) |") == [
        ("study/test_verify.py", "one"), ("study/test_verify.py", "two"), ("a/test_b.py", "three"),
    ]  # fmt: skip
    wanted, tests = stems("a zebra that sings"), words_of_tests("study/test_verify.py")
    assert max(len(wanted & words) for words in tests.values()) * 2 < len(wanted)
