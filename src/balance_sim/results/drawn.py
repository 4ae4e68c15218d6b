"""Checksums of the figures and pages in a results folder: SHA256SUMS, as `sha256sum --check` reads it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from balance_sim.pool.whole_files import write_whole
from balance_sim.results.manifest import FILE as MANIFEST
from balance_sim.scenario.files import bytes_if_any

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ((?:figures/)?[^/\x00-\x1f]{1,200}\.(?:png|svg|html))")


def note_drawn(folder: Path, paths: Iterable[Path]) -> None:
    """Put down the sha256 of files just written into a results folder; nothing where `folder` is none.

    Raises CannotWrite."""
    if not (folder / MANIFEST).is_file():
        return
    new = {path.relative_to(folder).as_posix(): _sha256(path) for path in paths}
    _write(folder, noted(folder) | {name: said for name, said in new.items() if said is not None})


def noted(folder: Path) -> dict[str, str]:
    """sha256 by name, of pictures and pages, as put down. Lines of any other form are left out: a stranger's file may
    name what it likes, and `take_away` removes what is named."""
    lines = (bytes_if_any(folder / SUMS) or b"").decode("utf-8", "replace").splitlines()
    found = {match[2]: match[1] for line in lines if (match := _LINE.fullmatch(line))}
    linked = (folder / "figures").is_symlink()
    return {name: said for name, said in found.items() if not (linked and "/" in name)}


def changed(folder: Path) -> list[str]:
    """Files that are there, and not with the bytes that were put down."""
    here = ((name, _sha256(folder / name), said) for name, said in noted(folder).items())
    return sorted(name for name, found, said in here if found is not None and found != said)


def take_away(folder: Path, names: Iterable[str]) -> None:
    """Remove files that were put down, and their lines: `plot` and `report` make them again. Raises CannotWrite."""
    gone, kept = {*names}, noted(folder)
    for name in gone & {*kept}:
        (folder / name).unlink(missing_ok=True)
    if gone:
        _write(folder, {name: said for name, said in kept.items() if name not in gone})


def _sha256(path: Path) -> str | None:
    content = bytes_if_any(path)
    return None if content is None else hashlib.sha256(content).hexdigest()


def _write(folder: Path, sums: dict[str, str]) -> None:
    text = "".join(f"{said}  {name}\n" for name, said in sorted(sums.items()))
    write_whole(folder / SUMS, text.encode("utf-8"))
