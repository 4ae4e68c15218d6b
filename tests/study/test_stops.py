"""Processes stopped, continued and killed at awkward moments: a sweep goes on, and gives the same digest."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import balance_sim
import pytest

pytestmark = pytest.mark.slow
BLOCKS = ("--block", "4")


@pytest.mark.fault("F03")
def test_a_worker_killed_before_it_has_read_the_study(lab):
    """A study larger than a pipe holds: whoever writes it into one must not wait for a reader that is dead."""
    text = lab.scenario_path.read_text()
    told = f", source: {'x' * 9_900}}}\n"
    lab.scenario_path.write_text(re.sub(r"(?m)^(  - \{[ais].*|     ideal_.*)\}\n", r"\1" + told, text))
    assert len(lab.scenario.model_dump_json()) > 100_000  # a pipe holds 65,536
    words = ("run", "small.yaml", "--runs", "64", "--no-figures")
    process = lab.start(*words, "--workers", "2", "--out", "out")
    os.kill(lab.wait_for(lambda: lab.workers(process))[0], signal.SIGKILL)
    assert lab.ended(process) == 0
    assert lab.ask(*words, "--workers", "1", "--out", "calm").returncode == 0
    assert lab.digest("out") == lab.digest("calm")


@pytest.mark.fault("F09")
def test_all_stopped_and_only_the_driver_continued(lab, undisturbed):
    """F09. The workers go on with it."""
    process = lab.start("sweep", "exp.yaml", "--out", "out", "--workers", "2", *BLOCKS)
    lab.wait_for(lambda: len(lab.blocks("out")) >= 2)
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGCONT)
    assert lab.ended(process) == 0
    assert lab.digest("out") == undisturbed


@pytest.mark.fault("F08")
@pytest.mark.parametrize(
    ("second", "gap"), [(signal.SIGINT, 0.0), pytest.param(signal.SIGTERM, 0.05, marks=pytest.mark.long)]
)
def test_a_second_signal_while_the_first_is_obeyed(lab, second, gap):
    """F08. To the whole group, as a terminal sends Ctrl-C: one message, no traceback, the first one's code."""
    process = subprocess.Popen(
        lab.args("sweep", "exp.yaml", "--out", "out", "--workers", "2", "--block", "1"), cwd=lab.folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    lab.wait_for(lambda: lab.blocks("out"))
    os.kill(process.pid, signal.SIGINT)
    time.sleep(gap)
    os.killpg(process.pid, second)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.count("To go on:\n  balance-sim sweep exp.yaml --out out") == 1


LIMITED = """
import time
from balance_sim.study.jobs import deadline
with deadline(1.0):
    print("begun", flush=True)
    for _ in range({pieces}):
        time.sleep(0.02)
"""


@pytest.mark.fault("F06", "F09")
@pytest.mark.parametrize(("pieces", "code"), [(10, 0), (1000, 1)])
def test_a_time_limit_counts_no_time_in_which_the_process_stood_still(pieces, code):
    """F09. Stopped for longer than the limit: what takes 0.2 s is in time, what takes 20 s is not."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIMITED.format(pieces=pieces)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.3)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert (b"TimeoutError: not done within 1 s" in err) == (code == 1)


JUMPING = """
import itertools, time

real, step = time.time, itertools.count()
time.time = lambda: real() + 86_400 * (-1) ** next(step)
time.time_ns = lambda: int(time.time() * 1e9)
"""


@pytest.mark.fault("F09")
@pytest.mark.long
def test_a_clock_that_jumps_by_two_days_at_every_look_changes_nothing(lab, undisturbed):
    """F09. In the driver and in every worker. No run is given up though each has a limit of ten seconds."""
    (lab.folder / "sitecustomize.py").write_text(JUMPING)
    done = lab.call("sweep", "exp.yaml", "--out", "out", "--workers", "2", "--run-timeout", "10", *BLOCKS)
    assert done.returncode == 0, done.stderr
    told = json.loads((lab.folder / "out" / "progress.json").read_text())
    assert abs(told["updated"] - time.time()) > 43_200, "the clock did not jump"
    assert told["rate"] > 0 and told["failed"] == 0
    assert lab.digest("out") == undisturbed


WALL = {"time", "time_ns", "now", "utcnow", "today", "gmtime", "localtime", "ctime", "strftime"}


@pytest.mark.fault("F09")
def test_what_the_program_reads_from_the_clock_on_the_wall():
    """When progress was told, and when a forecast was frozen: no wait, no limit, no result."""
    found = []
    for path in sorted(Path(balance_sim.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in ("time", "datetime", "date") and node.attr in WALL:
                    found.append((path.name, f"{node.value.id}.{node.attr}"))
            elif isinstance(node, ast.ImportFrom) and node.module == "time":
                found.append((path.name, "from time import"))
    assert found == [("forecast.py", "datetime.now"), ("sweep.py", "time.time")]


@pytest.mark.fault("F09")
@pytest.mark.long
def test_stopped_and_continued_at_twenty_moments(lab, undisturbed):
    """F09. The whole group, from its start to its end, up to three times a sweep, with a limit on its runs."""
    rng = random.Random(9)
    for n in range(20):
        out = f"out{n}"
        process = lab.start("sweep", "exp.yaml", "--out", out, "--workers", "2", "--run-timeout", "1", *BLOCKS)
        for _ in range(rng.randint(1, 3)):
            time.sleep(rng.random() * 2)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGSTOP)
                time.sleep(rng.choice([0.1, 1.5]))
                os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(timeout=120) == 0
        assert lab.digest(out) == undisturbed
