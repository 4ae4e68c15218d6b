"""Files that stand under their name whole, or not at all: every file of a results folder or beside it.

Each is written beside its place, synced and renamed. What a writer that was killed leaves is named `.*.partial`; no
reader takes it for anything, and the next writer takes it away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from balance_sim.study.faults import write_fault


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, if need be. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(error, folder) from error


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place. Raises CannotWrite."""
    with whole_file(path, len(content)) as partial, open(partial, "wb") as file:
        file.write(content)


@contextmanager
def whole_file(path: Path, size: int | None = None) -> Iterator[Path]:
    """A path beside the place to write to; synced and renamed at the end. Raises CannotWrite.

    size: how many bytes it will be, for the message."""
    partial = path.parent / f".{path.name[:80]}.partial"
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    except OSError as error:
        raise write_fault(error, path, size) from error
    finally:
        with suppress(OSError):  # where nothing may be taken away any more either
            partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def half_written(folder: Path) -> list[Path]:
    """What a writer that was stopped left in a results folder."""
    return sorted([*folder.glob(".*.partial"), *folder.glob("*/.*.partial")])
