"""What is shown while a command works: on a terminal a line for every step, elsewhere nothing."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.cli.progress import Steps
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
COMMAND = [
    sys.executable,
    "-m",
    "balance_sim",
    "run",
    "experiments/smoke/five_states.yaml",
    "--runs",
    "2",
    "--no-figures",
]


def on_a_terminal(command: list[str]) -> str:
    """What a command says on its stderr, which is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "90"}
    ) as process:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # its end of the terminal is closed
            while part := os.read(ours, 1 << 16):
                said += part
        os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())


@pytest.mark.slow
def test_every_step_is_named_on_a_terminal_and_nothing_is_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = on_a_terminal([*COMMAND, "--workers", "1", "--out", str(tmp_path / "r")])
    steps = re.findall(r"(\d)/3 ([a-z]+)", said)
    assert [*dict.fromkeys(steps)] == [("1", "reading"), ("2", "simulation"), ("3", "placebos")]
    assert "replications" in said
    monkeypatch.chdir(ROOT)
    again = CliRunner().invoke(main, [*COMMAND[3:], "--out", str(tmp_path / "r")])
    assert (again.exit_code, again.stderr) == (0, "") and "\x1b" not in again.stdout


def test_without_a_terminal_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with Steps(["reading", "draws"]) as steps:
        steps.begin("draws")
        steps.counter("draws")(1, 2, 1)
        steps.lines(2)("forecast of 2001")
    assert capsys.readouterr() == ("", "")
