"""A worker's life, from its first moment on. Imports nothing of the study before it watches its parent.

It says `HERE` and is sent its work, which it unpickles, and with it imports; says `READY`; then takes tasks
and gives outcomes until the pipe closes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection, wait

HERE = "here"
READY = "ready"


def serve(conn: Connection) -> None:
    """Tasks in, outcomes out, until the pipe closes or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides
    try:
        threading.Thread(target=leave_with_parent, daemon=True).start()
    except RuntimeError:  # a limit on threads: without that thread it would outlive its parent
        os._exit(1)
    try:
        conn.send(HERE)
        work = conn.recv()
        conn.send(READY)
        while True:
            conn.send(work.do(conn.recv()))
    except (EOFError, OSError):
        return


def leave_with_parent() -> None:
    """End this process as soon as the one that started it is gone. For a thread of its own."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
