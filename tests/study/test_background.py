"""A computation begun in a process of its own: its result, and what becomes of it where that process dies."""

from __future__ import annotations

import os
import signal

from balance_sim.study.processes import Background


def process_of(one: Background[int]) -> int:
    assert one.companion is not None
    assert one.companion.process.pid is not None
    return one.companion.process.pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_is_done_in_another_process_that_ends_with_the_result() -> None:
    one = Background(os.getpid)
    pid = process_of(one)
    assert one() == pid != os.getpid()
    assert is_gone(pid)
    assert one() == pid  # from memory


def test_where_its_process_dies_it_is_done_in_this_one() -> None:
    one = Background(os.getpid)
    os.kill(process_of(one), signal.SIGKILL)
    assert one() == os.getpid()
