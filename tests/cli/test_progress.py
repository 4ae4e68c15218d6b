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
    steps = re.findall(r"left: (\d)/3 ([a-z ]+)", said)
    assert [name.strip() for _, name in dict.fromkeys(steps)] == [
        "reading", "simulation", "placebos and mechanisms",
    ]  # fmt: skip
    monkeypatch.chdir(ROOT)
    again = CliRunner().invoke(main, [*COMMAND[3:], "--out", str(tmp_path / "r")])
    assert (again.exit_code, again.stderr) == (0, "") and "\x1b" not in again.stdout


def test_the_share_that_is_done_never_falls_and_ends_at_one() -> None:
    steps = Steps({"reading": 1.0, "simulation": 8.0, "tables": 1.0})
    shares = [steps.share()]
    steps.begin("simulation", 5.0)
    for done in (50, 75, 100):  # the first half was there before
        steps.tell(done, 100, f"{done}/100 replications")
        shares.append(steps.share())
    assert re.fullmatch(r"about \d+ s left: 2/3 simulation, 100/100 replications", steps.line())
    steps.begin("tables")
    steps.counter("figures")(2 / 3, 1)
    assert "3/3 tables, 0/1 figures" in steps.line()
    steps.counter("figures")(1, 1)
    shares.append(steps.share())
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    assert shares[1] == pytest.approx(1 / 4.5, rel=1e-3)  # of 1 s, 2.5 s that are left, 1 s


def test_work_that_names_what_it_does_next_is_counted() -> None:
    steps = Steps({"reading": 1.0, "skill card": 10.0})
    steps.begin("skill card")
    say = steps.lines(2)
    say("forecast of 2001")
    assert "2/2 skill card, forecast of 2001" in steps.line()
    half = steps.share()
    say("forecast of 2002")
    assert "forecast of 2002" in steps.line() and half < steps.share() < 1
