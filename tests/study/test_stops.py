"""Processes killed at awkward moments: a study goes on, and gives the same digest."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

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
