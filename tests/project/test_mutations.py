"""`benchmarks/mutations.py`: changes of meaning that once passed the tests. Each is still a change of the source, and
each is seen."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mutations.py"


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutations", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_room_has_files_that_change_and_tests_that_look(mutations: ModuleType) -> None:
    rooms = mutations.ROOMS.values()
    for room in rooms:
        for pattern in room.patterns:
            assert [*mutations.SOURCE.glob(pattern)], pattern
        assert any(mutations.changes(file) for file in room.files)
        for test in (test for step in room.tests for test in step):
            assert (mutations.REPOSITORY / test).exists(), test
    files = [file for room in rooms for file in room.files]
    assert len(files) == len({*files})
    assert {"model", "study", "effects", "stats", "evidence", "games", "article"} == {
        file.split("/")[0] for file in files
    }


def test_the_named_changes_are_changes_of_the_source(mutations: ModuleType) -> None:
    for _, change in mutations.named():
        source = (mutations.SOURCE / change.file).read_text(encoding="utf-8")
        assert mutations.laid(change) != source
        compile(mutations.laid(change), change.file, "exec")


def parsed(file: str, text: str) -> str:
    """What a text says to whoever reads it: of Python without comments and spaces."""
    return ast.dump(ast.parse(text)) if file.endswith(".py") else text


def test_a_rooms_own_changes_are_changes_of_the_source(mutations: ModuleType) -> None:
    """At least twenty a room, each laid over a text that occurs once, and tests that are none of stored texts."""
    for path in mutations.MUTANTS.glob("*.toml"):
        room, changes = mutations.own(path.stem)
        names = [change.kind for change in changes]
        assert len({*names}) == len(names) >= 20, path.name
        for change in changes:
            source = (mutations.SOURCE / change.file).read_text(encoding="utf-8")
            assert parsed(change.file, mutations.laid(change)) != parsed(change.file, source), change.name
        assert room.tests[0], path.name
        for test in room.tests[0]:
            place, _, name = test.partition("::")
            assert (mutations.REPOSITORY / place).exists() and "golden" not in test, test
            assert name.partition("[")[0] in (mutations.REPOSITORY / place).read_text(encoding="utf-8"), test


@pytest.mark.long
def test_nineteen_of_twenty_of_a_rooms_own_changes_are_seen() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", str(SCRIPT), "--own"], capture_output=True, text=True)
    shares = [float(share) for share in re.findall(r"^  [\w-]+: \d+ of \d+, ([\d.]+) %$", done.stdout, re.MULTILINE)]
    assert done.returncode == 0 and shares and min(shares) >= 95.0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.long
def test_every_named_change_is_seen() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), "--named", "--quick"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "100.0 %" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]
