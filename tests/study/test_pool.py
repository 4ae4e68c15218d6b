"""Workers that die, or cannot be started: what they held is done again, and no task takes the driver with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from balance_sim.effects.run import run
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Job, Task
from balance_sim.study.processes import Pool

NOBODY = 54_322  # a user without processes: root itself is bound by no limit on them

WORK = """
import os, resource, signal, sys, threading, time
from dataclasses import dataclass

import numpy

@dataclass
class Work:
    deadly: int = -1

    def do(self, task):
        if task == self.deadly:
            os._exit(9)
        return task, "done", os.getpid()

    def named(self, task): return f"task {task}"
    def limit(self, task): return None
    def pieces(self, task): return ()
    def whole(self, task, outcomes): raise AssertionError
    def lost(self, task, why): return task, why, 0
"""


def program(cwd: Path, body: str, *words: str, more: str = "", user: Callable[[], None] | None = None):
    """A program of its own with a pool at small tasks; a task that is `deadly` kills the process that does it."""
    main = 'if __name__ == "__main__":\n    from balance_sim.study.processes import Pool, run_in_processes\n'
    (cwd / "program.py").write_text(WORK + more + main + textwrap.indent(body, "    "))
    return subprocess.run(
        [sys.executable, "program.py", *words], cwd=cwd, capture_output=True, text=True, timeout=60,
        check=False, preexec_fn=user,
    )  # fmt: skip


@pytest.mark.fault("F03")
@pytest.mark.slow
def test_a_worker_that_is_found_dead_when_it_is_given_its_next_task(lab):
    """It still holds another one, which has to come back too."""
    job = Job(lab.scenario, 7, ("no_summit", "summit"))
    wanted = [Block(first, first + 4) for first in range(0, 20, 4)]
    pool = Pool(job, 1)
    held = []

    def tasks() -> Iterator[Task]:
        for number, block in enumerate(wanted):
            if number == 2:  # asked for when the first outcome is in
                held.extend(one.task.block for one in pool.workers[0].held)
                pool.workers[0].process.kill()
                pool.workers[0].process.join()
            yield Task(block)

    with contextlib.closing(pool.run(tasks())) as outcomes:
        try:
            found = [outcome.task.block for outcome in outcomes]
        finally:
            pool.dismiss()
    assert held == [wanted[1]]
    assert sorted(found, key=lambda block: block.first) == wanted


def as_nobody() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may use; skips where that user may not use this Python."""
    with tempfile.TemporaryDirectory(prefix="pool") as place:
        os.chmod(place, 0o777)
        words = [sys.executable, "-c", "import balance_sim.study.processes"]
        try:
            if subprocess.run(words, cwd=place, preexec_fn=as_nobody, capture_output=True).returncode:
                pytest.skip("another user may not use this Python")
        except PermissionError:
            pytest.skip("another user may not use this Python")
        yield Path(place)


NO_MORE = """pool = Pool(Work(2), int(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # from here on no process can be started
for task, said, pid in pool.run(Slow(at) for at in range(12)):
    print(task, pid == os.getpid(), said, sep="|")
"""

SLOW = """
class Slow(int):
    def __reduce__(self):
        time.sleep(0.5 if self == 6 else 0)  # of four workers the third holds 2, which is deadly, and 6
        return int, (int(self),)

"""


@pytest.mark.fault("F04", "F35")
@pytest.mark.slow
@pytest.mark.parametrize(("workers", "why"), [(1, "no other can be started"), (4, "each time it was tried")])
def test_what_may_have_killed_a_worker_is_not_done_in_the_driver(open_folder, workers, why):
    """No worker can take a dead one's place. With one worker its task is given up and the driver does the rest; with
    four, three die of the task and the fourth goes on. The driver is slow to send what comes with that task, as it is
    on a busy machine: the worker has died of it before it has the other, and that death counts too."""
    done = program(open_folder, NO_MORE, str(workers), more=SLOW, user=as_nobody)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    rows = {int(row[0]): row[1:] for row in (line.split("|") for line in done.stdout.splitlines())}
    assert sorted(rows) == list(range(12))
    assert why in rows[2][1]
    assert {said for task, (_, said) in rows.items() if task != 2} == {"done"}
    in_driver = {task for task, (here, _) in rows.items() if here == "True"}
    assert in_driver == (set(range(3, 12)) if workers == 1 else set())
    assert ("done in this process" in done.stderr) == (workers == 1)


HANDLERS = """before = lambda *_: None
signal.signal(signal.SIGCONT, before)
for _ in run_in_processes(Work(), range(4), 2):
    assert signal.getsignal(signal.SIGCONT) is not before
print(signal.getsignal(signal.SIGCONT) is before)
for stopped in [run_in_processes(Work(), range(40), 2)]:
    next(stopped)
    stopped.close()
print(signal.getsignal(signal.SIGCONT) is before)
"""


def test_a_signal_handler_is_put_back(tmp_path):
    """SIGCONT is heard while there are workers, and then again as before; also where the caller stops early."""
    done = program(tmp_path, HANDLERS)
    assert done.stdout.split() == ["True", "True"], done.stderr


STOPPED_LATE = """from multiprocessing import resource_tracker
for _ in run_in_processes(Work(), range(4), 2):
    pass
os.kill(resource_tracker._resource_tracker._pid, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGCONT)
"""


@pytest.mark.fault("F09")
def test_a_stop_after_the_last_task_does_not_hold_the_program(tmp_path):
    """F09. Python waits for the process that tracks its resources: it has to go on with the driver, too."""
    assert program(tmp_path, STOPPED_LATE).returncode == 0


STUBBORN = """
class Stubborn(Work):
    def do(self, task):
        if task == 2 and not os.path.exists("struck"):
            open("struck", "w").close()
            threading.Thread(target=time.sleep, args=(600,)).start()
            os.closerange(3, 64)
        return super().do(task)

"""


@pytest.mark.fault("F03")
def test_a_worker_that_says_no_more_and_does_not_end_is_ended(tmp_path):
    """Its pipe is closed by what it does, and a thread of its own would keep it for ever."""
    body = "print(len({pid for task, said, pid in run_in_processes(Stubborn(), range(6), 1)}))\n"
    done = program(tmp_path, body, more=STUBBORN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2"], done.stderr


LATE = """
class Late(Work):
    def do(self, task):
        if task == 2:
            time.sleep(600)  # as in compiled code that never comes back
        return super().do(task)

    def limit(self, task): return 0.2

"""


@pytest.mark.fault("F06")
@pytest.mark.slow
def test_a_task_stuck_beyond_its_time_limit_is_given_up(tmp_path):
    """F06. Where no Python runs a run cannot stop itself: the driver kills its worker, and says why."""
    body = (
        "from balance_sim.study import processes\n"
        "processes.GRACE, processes.PATIENCE = 0.4, 0.1\n"
        "for task, said, _ in run_in_processes(Late(), range(6), 1):\n"
        "    print(task, said, sep='|')\n"
    )
    done = program(tmp_path, body, more=LATE)
    assert done.returncode == 0, done.stderr
    rows = dict(line.split("|") for line in done.stdout.splitlines())
    assert rows.pop("2") == "task 2 killed its worker each time it was tried: stuck beyond its time limit."
    assert rows == dict.fromkeys("01345", "done")


FROM_INPUT = """
import balance_sim as bs
print(bs.run(bs.load_scenario("small.yaml"), 64, 1, workers={workers}).digest)
"""


@pytest.mark.fault("F35")
@pytest.mark.slow
def test_a_program_from_standard_input_is_told_in_one_line_that_no_worker_can_read_it(lab):
    """It has no file for a worker to begin with; the runs are done in the one process."""
    said = [
        subprocess.run(
            [sys.executable, "-"], input=FROM_INPUT.format(workers=workers), cwd=lab.folder, text=True,
            capture_output=True, timeout=120, check=True,
        )
        for workers in (2, 1)
    ]  # fmt: skip
    assert said[0].stdout == said[1].stdout and len(said[0].stdout.strip()) == 64
    assert said[1].stderr == ""
    assert said[0].stderr.count("\n") == 1 and "save the program as a file" in said[0].stderr


UNGUARDED = """
import balance_sim as bs
from balance_sim.scenario.experiment import load_experiment
from balance_sim.study.sweep import Where, sweep

out = "{name}"
if out == "run":
    print(bs.run(bs.load_scenario("small.yaml"), 64, 7, out=out, workers=2).digest)
else:
    print(sweep(load_experiment("exp.yaml"), out=out, where=Where(2, block=4)).digest)
"""


@pytest.mark.fault("F35")
@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("run", marks=pytest.mark.long), "sweep"])
def test_a_program_without_a_main_guard_is_told_in_one_line(lab, name, undisturbed):
    """Each worker reads the program, which begins the study once more: no tracebacks, and the same digest."""
    (lab.folder / "program.py").write_text(UNGUARDED.format(name=name))
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=lab.folder, text=True, capture_output=True, timeout=120, check=True
    )
    calm = run(lab.scenario, 64, 7).digest if name == "run" else undisturbed
    assert done.stdout == f"{calm}\n"
    assert done.stderr.count("\n") == 1 and '`if __name__ == "__main__":`' in done.stderr


EXPLAINING = """from balance_sim.study.processes import map_in_order
work = Explained(b"x" * 1_000_000, sys.argv[1])  # a pipe holds 65,536
batches = [numpy.arange(k, k + 3, dtype=numpy.uint64) for k in (0, 3, 6, 9)]
for runs, found in zip(batches, map_in_order(work, batches, 2, named), strict=True):
    print(int(runs[0]), int(found.sum()))
"""
EXPLAINED = """
def named(runs):
    return f"explaining runs {runs[0]} to {runs[-1]}"

@dataclass
class Explained:
    ballast: bytes
    how: str

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self.how == "each":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "first" and not os.path.exists("struck"):
            open("struck", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, runs):
        if self.how == "batch" and runs[0] == 3:
            os._exit(9)
        if self.how == "error" and runs[0] == 3:
            raise ValueError("no such term")
        return runs.astype(float)

"""


@pytest.mark.fault("F03")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "said"),
    [pytest.param("calm", "", marks=pytest.mark.long), ("first", ""), ("each", "done in this process"),
     ("batch", "StudyError: explaining runs 3 to 5 killed its worker each time it was tried: exit code 9"),
     ("error", "ValueError: no such term")],
)  # fmt: skip
def test_explain_s_workers_killed_at_their_start_or_later(tmp_path, how, said):
    """The first one killed as it reads its job; each of them; a batch that kills whoever does it; an error in one."""
    done = program(tmp_path, EXPLAINING, how, more=EXPLAINED)
    assert said in done.stderr
    if how in ("batch", "error"):
        assert done.returncode == 1
        assert done.stdout.split("\n")[0] in ("0 3", "")
        return
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["0 3", "3 12", "6 21", "9 30"]
    assert "Traceback" not in done.stderr


@pytest.mark.fault("F03")
@pytest.mark.long
def test_explain_with_a_worker_killed_as_soon_as_it_is_there(lab):
    """The command itself: the same answer as one process gives."""
    assert lab.call("run", "small.yaml", "--runs", "40", "--workers", "1", "--no-figures",
                    "--out", "out").returncode == 0  # fmt: skip
    shutil.copytree(lab.folder / "out", lab.folder / "calm")
    process = lab.start("explain", "out", "--attribution", "--workers", "2")
    os.kill(lab.wait_for(lambda: lab.workers(process))[0], signal.SIGKILL)
    assert lab.ended(process) == 0
    assert lab.call("explain", "calm", "--attribution", "--workers", "1").returncode == 0
    found, calm = ((lab.folder / name / "explain.json").read_text() for name in ("out", "calm"))
    assert found == calm
