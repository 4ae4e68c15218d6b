"""`benchmarks/mutations.py`: changes of meaning that once passed the tests. Each is still a change of the source, and
each is seen."""

import importlib.util
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


@pytest.mark.long
def test_every_named_change_is_seen() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), "--named", "--quick"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "100.0 %" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]
