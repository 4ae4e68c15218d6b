"""CONTRIBUTING.md answers where a newcomer has to look: each file and name it gives is there."""

import re
from importlib import import_module
from operator import attrgetter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PLACE = re.compile(r"`([\w/]+)\.py(?:: ([\w.]+))?`(?: and `(\w+)`)?")


def test_the_ten_answers_are_there() -> None:
    rows = [line.split("|")[1:3] for line in TEXT.splitlines() if line.startswith("| ") and ".py" in line]
    assert len(rows) == 10
    for question, answer in rows:
        places = PLACE.findall(answer)
        assert places, question
        for file, *names in places:
            module = import_module(f"balance_sim.{file.replace('/', '.')}")
            for name in filter(None, names):
                assert attrgetter(name)(module).__module__ == module.__name__, (question, name)


def test_files_and_commands_that_are_named_are_there() -> None:
    for path in re.findall(r"`(?:bash |uv run python )?((?:\.ci|tests|docs)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path
