"""A small valid world to break: a copy of `data/` that a test can edit."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from balance_sim.scenario import Diagnostic, Scenario, check_scenario

DATA = Path(__file__).parent / "data"


class World:
    """A folder with summit.yaml and its tables. Edits must hit; a table's sha256 is declared anew."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(DATA, folder, dirs_exist_ok=True)
        self.folder = folder
        self.path = folder / "summit.yaml"

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def write(self, content: str | bytes) -> World:
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self.path.write_bytes(data)
        return self

    def edit(self, old: str, new: str) -> World:
        assert old in self.text, f"{old!r} is not in the file"
        return self.write(self.text.replace(old, new, 1))

    def table(self, name: str, old: str | bytes, new: str | bytes = b"") -> World:
        """Replace `old` by `new` in a table; given one argument, the whole table."""
        path = self.folder / "tables" / f"{name}.csv"
        old_bytes = old.encode() if isinstance(old, str) else old
        new_bytes = new.encode() if isinstance(new, str) else new
        before = path.read_bytes()
        if new_bytes:
            assert old_bytes in before, f"{old!r} is not in the table"
            path.write_bytes(before.replace(old_bytes, new_bytes, 1))
        else:
            path.write_bytes(old_bytes)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return self.write(re.sub(rf"({name}\.csv, sha256: )\w+", rf"\g<1>{digest}", self.text))

    def line_of(self, part: str) -> int:
        """Number of the line on which `part` begins."""
        assert part in self.text, f"{part!r} is not in the file"
        return self.text[: self.text.index(part)].count("\n") + 1

    def check(self, **options: object) -> tuple[Scenario | None, list[Diagnostic]]:
        return check_scenario(self.path, **options)  # type: ignore[arg-type]

    def errors(self, **options: object) -> list[Diagnostic]:
        """What is refused; fails if nothing is."""
        scenario, problems = self.check(**options)
        found = [one for one in problems if not one.is_warning]
        assert scenario is None and found, "the file was accepted"
        return found

    def load(self, **options: object) -> Scenario:
        scenario, problems = self.check(**options)
        assert scenario is not None, "\n".join(one.text() for one in problems)
        return scenario


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fresh copy of the small world."""
    return World(tmp_path / "world")
