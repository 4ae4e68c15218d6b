"""One worker process: what it does, how the driver sees it, and what it starts in.

It says `HERE` and is sent its job, which it unpickles, and with it imports; says
`READY`; then takes tasks and gives outcomes until the pipe closes. Nothing of the study
is imported here: a worker watches its parent before all else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

LEAVING = 2.0  # seconds within which a worker whose pipe has closed ends by itself
NAME = "balance-sim worker"
UNGUARDED = 77  # exit code of a worker that was told to begin a study while it read the main program
HERE, READY = "here", "ready"


def serve(conn: Connection, shared: Any = None) -> None:
    """Tasks in, outcomes out, until the pipe closes or the parent is gone. shared:
    memory the job is lent, if any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides
    try:
        threading.Thread(target=_leave_with_parent, daemon=True).start()
    except (
        RuntimeError
    ):  # a limit on threads: without that thread it would outlive its parent
        os._exit(1)
    try:
        conn.send(HERE)
        job = conn.recv()
        if shared is not None:
            job.share(shared)
        conn.send(READY)
        while True:
            conn.send(job.do(conn.recv()))
    except (EOFError, OSError):
        return


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class Worker[H]:
    """A worker process, our end of its pipe, and what it holds, in order. Each thing
    held has a `task`.

    The job goes over the pipe once the worker is there to read it. Among the process's
    own arguments it would fill a pipe whose reading end we hold too, and a worker
    killed before it reads would leave us writing for ever."""

    def __init__(self, job: bytes, shared: Any = None) -> None:
        """Starts the process. Raises OSError where none can be started."""
        refuse_unguarded()
        context = multiprocessing.get_context("spawn")
        self.conn, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, shared), name=NAME, daemon=True
        )
        before = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGINT}
        )  # Ctrl-C is the driver's to hear
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self.job, self.held, self.since = job, deque[H](), time.monotonic()
        self.has_job = self.ready = self.is_late = (
            False  # late: beyond its time limit, and killed for it
        )

    def send_job(self, tasks: Sequence[object]) -> bool:
        """Send the job, and the tasks that wait for it. False if the worker is gone."""
        self.has_job = True
        try:
            self.conn.send_bytes(self.job)
            for task in tasks:
                self.conn.send(task)
        except OSError:
            return False
        return True

    def send(self, one: H, task: object) -> bool:
        """Hand it a task. False if the worker is gone."""
        try:
            if self.has_job:
                self.conn.send(task)
        except OSError:
            return False
        if not self.held:
            self.since = time.monotonic()
        self.held.append(one)
        return True

    def call(self, task: object) -> Any:
        """Send a task and wait for its outcome. Raises EOFError or OSError where the
        worker dies."""
        if self.has_job:
            self.conn.send(task)
        else:
            self.conn.recv()  # it is there
            if not self.send_job([task]):
                raise EOFError
            self.conn.recv()  # it has read the job
        return self.conn.recv()

    def ended(self) -> int | None:
        """The exit code of a worker whose pipe has closed. One that stays, held by a
        thread of a model, is killed."""
        until = time.monotonic() + LEAVING
        while self.process.is_alive() and time.monotonic() < until:
            # `join` with a time limit waits without one where the worker closed all its
            # files
            time.sleep(0.01)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        return self.process.exitcode

    def dismiss(self) -> None:
        """End the process."""
        self.conn.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def set_surroundings() -> None:
    """One thread for linear algebra in a worker, since cores are shared out by blocks;
    and glibc, where it is the C library, keeps the memory of a step's arrays for the
    next step instead of asking the system for it anew."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        os.environ.setdefault(name, str(2**28))


def unstartable() -> str | None:
    """Why no worker process can start from this program, where that is known
    beforehand: a new process reads the main program from its file, and one from
    standard input or a pipe has none."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if (
        file is None
        or getattr(main, "__spec__", None) is not None
        or Path(file).is_file()
    ):
        return None
    return f"no worker process can read the main program ({file}): save the program as a file"


def refuse_unguarded() -> None:
    """Ends a worker that is still reading the main program where that begins a study as
    it is read: without
    `if __name__ == "__main__":` each worker would begin it once more, and start workers for it."""
    process = multiprocessing.current_process()
    if process.name == NAME and getattr(process, "_inheriting", False):
        os._exit(UNGUARDED)


def wake(workers: Iterable[Worker[Any]]) -> None:
    """Let processes go on that were stopped with us: workers, and the tracker that
    Python waits for at its end."""
    tracker = getattr(
        getattr(resource_tracker, "_resource_tracker", None), "_pid", None
    )
    for pid in (tracker, *(worker.process.pid for worker in workers)):
        if pid is not None:
            with suppress(OSError):
                os.kill(pid, signal.SIGCONT)


def in_words(code: int | None) -> str:
    """An exit code in words."""
    if code is None or code >= 0:
        return "no exit code" if code is None else f"exit code {code}"
    known = {one.value: one.name for one in signal.Signals}
    return f"killed by {known.get(-code, f'signal {-code}')}"
