"""Workers that die, hang, or cannot be started: what they held is done again, and no task takes another with it."""

import multiprocessing
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from balance_sim.scenario.errors import StudyError
from balance_sim.study.processes import Background, map_in_order, run_elsewhere

WORK = """
import os, time
from dataclasses import dataclass

@dataclass
class Work:
    deadly: int = -1
    endless: int = -1
    references: tuple = ()

    def do(self, task):
        if task == self.deadly or (isinstance(task, list) and self.deadly in task):
            os._exit(9)
        if task == self.endless:
            time.sleep(600)
        return task, "done", os.getpid()

    def begin(self): return self.do
    def named(self, task): return f"task {task}"
    def limit(self, task): return 0.5 if self.endless >= 0 else None
    def pieces(self, task): return task if isinstance(task, list) else ()
    def whole(self, task, outcomes): return task, [said for _, said, _ in outcomes], 0
    def lost(self, task, why): return task, why, 0

def square(number): return number * number
def refuse(number): raise ValueError("no such number")
def die(number): os._exit(9)
def strange(): return os.getpid()
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A module of one's own with jobs and calls, which workers can import."""
    (tmp_path / "work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "work", raising=False)
    import work

    return work


def done(job, tasks) -> list:
    return list(run_elsewhere(job, tasks, 2))


def said(job, tasks) -> dict:
    return {str(task): words for task, words, _ in done(job, tasks)}


@pytest.mark.slow
def test_tasks_come_to_what_they_are_from_other_processes(work) -> None:
    found = done(work.Work(), range(9))
    assert sorted(task for task, _, _ in found) == list(range(9))
    assert os.getpid() not in {pid for _, _, pid in found}


@pytest.mark.slow
def test_a_task_of_several_pieces_loses_that_which_kills_alone(work) -> None:
    found = said(work.Work(deadly=4), [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    assert found["[0, 1, 2]"] == found["[6, 7, 8]"] == "done"
    first, second, third = found["[3, 4, 5]"]
    assert (first, third) == ("done", "done") and second.startswith("task 4 killed its worker")


@pytest.mark.slow
def test_calls_come_in_order_and_raise_what_they_raise(work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balance_sim.study.processes.TRIES", 1)
    assert list(map_in_order(work.square, range(5), 2)) == [0, 1, 4, 9, 16]
    with pytest.raises(ValueError, match="no such number"):
        list(map_in_order(work.refuse, range(5), 2))
    with pytest.raises(StudyError, match=r"part \d killed its worker"):
        list(map_in_order(work.die, range(2), 2))


UNGUARDED = """
import balance_sim as bs
bs.run(bs.load_scenario("small.yaml"), 64, 1, workers=2)
"""


@pytest.mark.slow
def test_a_program_that_no_worker_can_begin_with_is_told_so(lab) -> None:
    """From standard input it has no file, so that no worker can begin with it."""
    done = subprocess.run(
        [sys.executable, "-"], input=UNGUARDED, cwd=lab.folder, text=True, capture_output=True, timeout=120
    )
    assert done.returncode == 1 and "worker processes do not start" in done.stderr


# A computation begun in a process of its own: its result, and what becomes of it where that process dies.


def process_or_death(driver: int) -> int:
    """The number of this process, which dies of the call where it is not the driver."""
    if os.getpid() != driver:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_it_is_done_in_another_process_and_so_is_the_next() -> None:
    one = Background(os.getpid)
    pid = one()
    assert pid != os.getpid()
    assert Background(os.getpid, one)() == pid
    one.close()
    for child in multiprocessing.active_children():
        child.join(10.0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert one() == pid  # from memory


def test_where_its_process_dies_it_is_done_in_this_one() -> None:
    one = Background(partial(process_or_death, os.getpid()))
    other = Background(os.getpid, one)
    assert one() == os.getpid() != other()
    other.close()
    assert Background(os.getpid, one)() == os.getpid()
