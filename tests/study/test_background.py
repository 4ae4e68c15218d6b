"""A computation begun in a process of its own: its result, and what becomes of it where that process dies."""

import multiprocessing
import os
import signal
from functools import partial

import pytest
from balance_sim.study.processes import Background


def process_or_death(driver: int) -> int:
    """The number of this process, which dies of the call where it is not the driver."""
    if os.getpid() != driver:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_it_is_done_in_another_process_that_ends_with_the_result() -> None:
    one = Background(os.getpid)
    pid = one()
    assert pid != os.getpid()
    for child in multiprocessing.active_children():
        child.join(10.0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert one() == pid  # from memory


def test_where_its_process_dies_it_is_done_in_this_one() -> None:
    one = Background(partial(process_or_death, os.getpid()))
    assert one() == os.getpid()
