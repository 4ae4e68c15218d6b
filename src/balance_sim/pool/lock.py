"""Who may write into a results folder: one process, while it holds the kernel's lock, which falls with it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from balance_sim.pool.faults import CannotWrite, FolderBusy, write_fault

FILE = "lock"
_TRIES = 3  # a reader may hold the lock for an instant to see whether somebody writes


class Lock:
    """The lock of a folder. Its file stays and says nothing by being there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it at once, or raise FolderBusy; CannotWrite where there can be no file for it."""
        try:
            descriptor = os.open(self.folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_fault(error, self.folder) from error
        for attempt in range(_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt + 1 < _TRIES:
                    time.sleep(0.02)
                    continue
                os.close(descriptor)
                raise FolderBusy(
                    f"{self.folder} is being written by another balance-sim; "
                    "wait for it, or choose another --out."
                ) from None
            except OSError as error:  # a file system without locks
                os.close(descriptor)
                raise write_fault(error, self.folder / FILE) from error
        self._descriptor = descriptor

    def check(self) -> None:
        """Raise CannotWrite if it was taken here, but the folder holds another lock now, which others may take."""
        if self._descriptor is None:
            return
        try:
            if os.path.samestat(os.stat(self.folder / FILE), os.fstat(self._descriptor)):
                return
        except OSError:
            pass
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
            descriptor = os.open(self.folder / FILE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
