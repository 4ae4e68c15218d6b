"""Files that stand under their name whole, or not at all: every file of a results folder or beside it.

Each is written beside its place, synced and renamed. What a writer that was killed leaves is named `.*.partial`; no
reader takes it for anything, and the next writer takes it away. While it is being written the kernel's lock on it
keeps others from writing the same file, and from taking it away."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from balance_sim.pool.faults import CannotWrite, FolderBusy, write_fault


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
    """A path beside the place to write to; synced and renamed at the end. Raises CannotWrite, FolderBusy.

    size: how many bytes it will be, for the message."""
    _refuse_device(path)
    partial = path.parent / f".{path.name[:50]}.partial"
    need = "" if size is None else f"{size:,} bytes"
    try:
        with _held(partial, path):
            try:
                yield partial
                _sync(partial)
                os.replace(partial, path)
            except BaseException:
                need = need or _more_than(partial)
                with suppress(OSError):  # where nothing may be taken away any more either
                    partial.unlink(missing_ok=True)
                raise
        _sync(path.parent)
    except OSError as error:
        raise write_fault(error, path, need) from error


def _refuse_device(path: Path) -> None:
    """Raise CannotWrite for a device, a pipe or a socket, whose place a file would take: `--out /dev/null`."""
    with suppress(OSError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise CannotWrite(
                f"cannot write {path}: it is a device or a pipe, not a file. Choose another --out."
            )


@contextmanager
def _held(partial: Path, path: Path) -> Iterator[None]:
    """The half written file, empty, is ours for as long as this lasts. Raises FolderBusy where another has it."""
    while True:
        _clear_strange(partial)
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            if not _taken(descriptor):
                raise FolderBusy(
                    f"{path} is being written by another balance-sim; wait for it, or choose another --out."
                )
            if not _is_still(partial, descriptor):  # the one before put it in its place meanwhile
                continue
            os.ftruncate(descriptor, 0)
            yield
            return
        finally:
            os.close(descriptor)


def _more_than(partial: Path) -> str:
    """How much room a file needs of which so much could be written."""
    with suppress(OSError):
        return f"more than {partial.stat().st_size:,} bytes"
    return ""


def _clear_strange(partial: Path) -> None:
    """Take away a link or a pipe in the half written file's place: nothing is written through it."""
    try:
        if not stat.S_ISREG(os.lstat(partial).st_mode):
            partial.unlink()
    except FileNotFoundError:
        return


def _taken(descriptor: int) -> bool:
    """Take the kernel's lock on an open file; True also where the file system knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
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
    """Take away what writers that were stopped left in a results folder, and nothing that is being written."""
    for path in half_written(folder):
        with suppress(OSError):  # told of by the first write
            _clear_strange(path)
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if _taken(descriptor) and _is_still(path, descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)
