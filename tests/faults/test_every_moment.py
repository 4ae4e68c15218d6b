"""kill -9 before every single call that changes a file: nothing half under a final name, the same command completes.

F01, F10. The calls are counted in an undisturbed study; then there is one study for each of them, whose process
kills itself there. So they meet the making of the folder, the lock, the manifest, each shard, the merging of shards,
failed.json, progress, figures and summary. A program forks for each, since starting Python takes most of the time."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path

import pytest
from balance_sim.study.shards import TABLES
from balance_sim.study.store import Store

PROGRAM = '''
import json, os, shutil, signal, sys

import numpy, pandas, pyarrow.parquet
from balance_sim.cli import main
from balance_sim.cli import run  # and what they need, so that a child need not import it
from balance_sim.show import headline, report
from balance_sim.study import run
from balance_sim.study import status
from balance_sim.study import sweep
import scipy.stats, scipy.special, numpy.testing, email.message

CALLS = ("replace", "unlink", "fsync", "mkdir", "open")


def forked(words, die_at, log):
    """The command in a process of its own, which dies before that call. Its exit code, or -9."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    counted = 0

    def counting(real, name):
        def call(*given, **more):
            nonlocal counted
            if name != "open" or (len(given) > 1 and given[1] & os.O_CREAT):
                counted += 1
                if counted == die_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **more)
        return call

    for name in CALLS:
        setattr(os, name, counting(getattr(os, name), name))
    code = 1
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        main(words, standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        if log:
            with open(log, "w") as file:
                file.write(str(counted))
    os._exit(code or 0)


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        print(forked(asked["words"], asked["die_at"], asked["log"]), flush=True)
'''
FAILING = """
from balance_sim.model.agents import StateAgent


class Failing(StateAgent):
    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        if int(self.model.state.runs[0]) == 1:
            raise ValueError("no state today")
"""
EXPERIMENT = """schema: 1
scenario: small.yaml
factors: {events.summit.visibility: [0, 1]}
runs: 4
seed: 7
outcomes: [accords_all_300]
"""
COMMANDS = {
    "sweep": ("sweep", "exp.yaml", "--workers", "1", "--block", "2"),
    "sweep with failed runs": (
        "sweep",
        "exp.yaml",
        "--workers",
        "1",
        "--block",
        "2",
        "--model",
        "failing:Failing",
    ),
    "run": ("run", "small.yaml", "--runs", "20", "--workers", "1", "--no-figures"),
    "run with figures": ("run", "small.yaml", "--runs", "20", "--workers", "1"),
}
TOLD_ANEW = {"progress.json", "lock"}  # they hold times and process numbers


class Mortal:
    """Commands that can be told to die before their n-th call."""

    def __init__(self, bench) -> None:
        self.folder = bench.folder
        (self.folder / "failing.py").write_text(FAILING)
        (self.folder / "exp.yaml").write_text(EXPERIMENT)
        (self.folder / "mortal.py").write_text(PROGRAM)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "mortal.py"], cwd=self.folder, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
            env=bench.environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1"),
        )  # fmt: skip

    def call(self, *words: str, die_at: int = 0) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        log = "" if die_at else "calls"
        self.process.stdin.write(json.dumps({"words": words, "die_at": die_at, "log": log}) + "\n")
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], 300.0)[0], f"{words} does not end"
        return int(self.process.stdout.readline())

    def calls(self) -> int:
        """How many calls the last command made that did not die."""
        return int((self.folder / "calls").read_text())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def mortal(bench):
    made = Mortal(bench)
    yield made
    made.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, without what differs from call to call."""
    found = {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name not in TOLD_ANEW
    }
    for name in ("summary.json", "manifest.json"):
        if name in found:
            kept = json.loads(found[name])
            for key in ("timing", "command", "sha256"):
                kept.pop(key, None)
            found[name] = json.dumps(kept, sort_keys=True).encode()
    return found


def killed_at(mortal: Mortal, name: str, every: int) -> int:
    """The command killed at every so-many-th call; how many times it was."""
    words = COMMANDS[name]
    code = mortal.call(*words, "--out", "calm")
    assert code == (3 if "failed" in name else 0)
    whole, calls = contents(mortal.folder / "calm"), mortal.calls()
    assert calls > 20
    struck = 0
    for n in range(1, calls + 1, every):
        out = mortal.folder / f"out{n}"
        assert mortal.call(*words, "--out", out.name, die_at=n) == -9
        struck += 1
        here = contents(out) if out.exists() else {}
        for file, content in here.items():
            if file == "SHA256SUMS":  # the report is added to it last
                assert set(content.splitlines()) <= set(whole[file].splitlines()), (n, file)
            elif not file.endswith(".partial") and not file.startswith(TABLES) and not file.startswith("points."):
                assert content == whole[file] or file in ("manifest.json", "failed.json"), (n, file)
        store = Store(out)
        assert store.damaged() == []
        acknowledged = {(one.point, one.block.first, one.block.stop) for one in store.kept()}
        assert mortal.call(*words, "--out", out.name) == code, n
        after = [(one.point, one.block.first, one.block.stop) for one in Store(out).kept()]
        assert all(any(p == q and a <= f and s <= b for q, a, b in after) for p, f, s in acknowledged), n
        left = contents(out)
        assert left.keys() == whole.keys(), n
        assert [file for file in whole if left[file] != whole[file]] == [], n
    return struck


@pytest.mark.slow
@pytest.mark.fault("F01", "F10")
def test_killed_at_some_calls(mortal) -> None:
    """Every 41st call of a sweep, from the making of its folder over the merging of shards to its summary."""
    assert killed_at(mortal, "sweep", 41) > 3


@pytest.mark.long
@pytest.mark.fault("F01", "F10")
@pytest.mark.parametrize(
    ("name", "every"), [("sweep", 1), ("sweep with failed runs", 3), ("run", 1), ("run with figures", 7)]
)
def test_long_killed_at_every_call(mortal, name: str, every: int) -> None:
    """Every third and every seventh where a process more is started, or pages are drawn."""
    assert killed_at(mortal, name, every) > 20
