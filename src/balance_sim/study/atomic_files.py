"""Atomic files: each stands under its name complete, or not at all; and the lock of a
results folder.

A file is written beside its place under a name of its own, synced and renamed. What
a writer that was killed leaves is named `.*.partial`: no reader takes it for
anything, and the next writer of the folder takes it away. The lock is the kernel's,
and falls with the process that holds it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from balance_sim.scenario.errors import CannotWrite, FolderBusy, write_fault

LOCK = "lock"
PATIENCE = 0.2
"""Seconds in which a reader, who looks whether the lock is held, has let go of it."""
ABANDONED = 60.0
"""Seconds after which a half written file belongs to nobody any more."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, if need be. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(error, folder) from error


def write_atomic(path: Path, content: bytes) -> None:
    """Put a file in its place. Raises CannotWrite."""
    with atomic_file(path, f"{len(content):,} bytes") as partial:
        partial.write_bytes(content)


@contextmanager
def atomic_file(path: Path, need: str = "") -> Iterator[Path]:
    """Yield a path beside the place to write to; it is synced and renamed at the end.

    need: how much room the file takes, for the message. Raises CannotWrite."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise CannotWrite(
            f"cannot write {path}: it is a device or a pipe, not a file. "
            "Choose another --out."
        )
    try:
        partial = _partial_file(path)
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


def _partial_file(path: Path) -> Path:
    """Make an empty file beside the place, with the rights that a file has by
    default."""
    descriptor, name = tempfile.mkstemp(
        ".partial", f".{path.name[:50]}.", dir=path.parent
    )
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(descriptor, 0o666 & ~mask)
    os.close(descriptor)
    return Path(name)


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


class FolderLock:
    """Who may write into a results folder: one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, thread_local=False)

    def take(self) -> None:
        """Take it. Raises FolderBusy where another process holds it, CannotWrite where
        there can be no file for it."""
        try:
            self._lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise FolderBusy(
                f"{self.folder} is being written by another balance-sim; wait for it, "
                "or choose another --out."
            ) from None
        except OSError as error:
            raise write_fault(error, self.folder) from error

    def leave(self) -> None:
        """Give it back, if it was taken."""
        self._lock.release(force=True)

    def is_taken(self) -> bool:
        """Return whether some process holds it."""
        if self._lock.is_locked or not (self.folder / LOCK).exists():
            return self._lock.is_locked
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return True
        except (OSError, NotImplementedError):  # a folder that may only be read
            return False
        self._lock.release()
        return False
