"""Atomic files: each stands under its name complete, or not at all.

A file is written beside its place under a name of its own, synced and renamed. What
a writer that was killed leaves is named `.*.partial`: no reader takes it for
anything, and the next writer of the folder takes it away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from balance_sim.scenario.errors import CannotWrite, write_fault

ABANDONED = 60.0
"""Seconds after which a half written file belongs to nobody any more."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, if need be.

    Raises
    ------
    CannotWrite : where there can be none
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(error, folder) from error


def write_atomic(path: Path, content: bytes) -> None:
    """Put a file in its place.

    Raises
    ------
    CannotWrite : with the path and the bytes needed; the old file stands
    """
    with atomic_file(path, f"{len(content):,} bytes") as partial:
        partial.write_bytes(content)


@contextmanager
def atomic_file(path: Path, need: str = "") -> Iterator[Path]:
    """Yield a path beside the place to write to; it is synced and renamed at the end.

    Parameters
    ----------
    path : where the file is to stand
    need : how much room it takes, for the message

    Raises
    ------
    CannotWrite : for a full or read-only disk, and where the place is a device
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise CannotWrite(
            f"cannot write {path}: it is a device or a pipe, not a file. "
            "Choose another --out."
        )
    try:
        partial = path.parent / f".{path.name[:50]}.{uuid4().hex}.partial"
        partial.touch(exist_ok=False)
        try:
            yield partial
            _sync(partial)
            os.replace(partial, path)
        except BaseException:
            with suppress(OSError):
                need = need or f"more than {partial.stat().st_size:,} bytes"
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
        _sync(path.parent)
    except OSError as error:
        raise write_fault(error, path, need) from error


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_half_written(folder: Path) -> None:
    """Take away what writers that were stopped left in a results folder."""
    for path in [*folder.glob(".*.partial"), *folder.glob("*/.*.partial")]:
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > ABANDONED:
                path.unlink()
