"""Atomic files: each stands under its name whole, or not at all; and the lock of a
results folder.

A file is written beside its place, synced and renamed. What a writer that was killed
leaves is named `.*.partial`; no reader takes it for anything, and the next writer takes
it away. While it is being written the kernel's lock on it keeps others from writing the
same file, and from taking it away. Locks fall with the process that holds them."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from balance_sim.scenario.errors import CannotWrite, FolderBusy, write_fault

LOCK = "lock"
_TRIES = 3  # a reader may hold the lock for an instant to see whether somebody writes


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, if need be. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(error, folder) from error


def write_atomic(path: Path, content: bytes) -> None:
    """Put a file in its place. Raises CannotWrite."""
    with atomic_file(path, len(content)) as partial, open(partial, "wb") as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path, size: int | None = None) -> Iterator[Path]:
    """A path beside the place to write to; synced and renamed at the end. Raises
    CannotWrite, FolderBusy.

    size: how many bytes it will be, for the message."""
    with suppress(OSError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(
            mode
        ):  # its place would be taken: `--out /dev/null`
            raise CannotWrite(
                f"cannot write {path}: it is a device or a pipe, not a file. Choose another --out."
            )
    partial = path.parent / f".{path.name[:50]}.partial"
    need = "" if size is None else f"{size:,} bytes"
    try:
        with _held(partial, path):
            try:
                yield partial
                _sync(partial)
                os.replace(partial, path)
            except BaseException:
                with suppress(OSError):
                    need = need or f"more than {partial.stat().st_size:,} bytes"
                with suppress(
                    OSError
                ):  # where nothing may be taken away any more either
                    partial.unlink(missing_ok=True)
                raise
        _sync(path.parent)
    except OSError as error:
        raise write_fault(error, path, need) from error


@contextmanager
def _held(partial: Path, path: Path) -> Iterator[None]:
    """The half written file, empty, is ours for as long as this lasts. Raises
    FolderBusy where another has it."""
    while True:
        _clear_strange(partial)
        descriptor = os.open(
            partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666
        )
        try:
            if not _taken(descriptor):
                raise _busy(path)
            if not _is_still(
                partial, descriptor
            ):  # the one before put it in its place meanwhile
                continue
            os.ftruncate(descriptor, 0)
            yield
            return
        finally:
            os.close(descriptor)


def _busy(path: Path) -> FolderBusy:
    return FolderBusy(
        f"{path} is being written by another balance-sim; wait for it, or choose another --out."
    )


def _clear_strange(partial: Path) -> None:
    """Take away a link or a pipe in the half written file's place: nothing is written
    through it."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(partial).st_mode):
            partial.unlink()


def _taken(descriptor: int) -> bool:
    """Take the kernel's lock on an open file; True also where the file system knows no
    locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def half_written(folder: Path) -> list[Path]:
    """What a writer that was stopped left in a results folder."""
    return sorted([*folder.glob(".*.partial"), *folder.glob("*/.*.partial")])


def clear_half_written(folder: Path) -> None:
    """Take away what writers that were stopped left in a results folder, and nothing
    that is being written."""
    for path in half_written(folder):
        with suppress(OSError):  # told of by the first write
            _clear_strange(path)
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if _taken(descriptor) and _is_still(path, descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


class Lock:
    """Who may write into a results folder: one process. Its file stays and says nothing
    by being there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it at once, or raise FolderBusy; CannotWrite where there can be no file
        for it."""
        try:
            descriptor = os.open(
                self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            raise write_fault(error, self.folder) from error
        for left in reversed(range(_TRIES)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if left and isinstance(error, BlockingIOError):
                    time.sleep(0.02)
                    continue
                os.close(descriptor)
                if isinstance(error, BlockingIOError):
                    raise _busy(self.folder) from None
                raise write_fault(
                    error, self.folder / LOCK
                ) from error  # a file system without locks
        self._descriptor = descriptor

    def check(self) -> None:
        """Raise CannotWrite if it was taken here, but the folder holds another lock
        now, which others may take."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            if os.path.samestat(
                os.stat(self.folder / LOCK), os.fstat(self._descriptor)
            ):
                return
        raise CannotWrite(
            f"cannot write {self.folder}: it was moved, replaced or deleted while it was being written. "
            "What was finished is where it is now; give the same command to go on."
        )

    def leave(self) -> None:
        """Give it back, if it was taken."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_taken(self) -> bool:
        """True while some process holds it."""
        try:
            descriptor = os.open(self.folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
