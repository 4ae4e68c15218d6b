"""kill -9 at random moments of a run and of all that writes a file from it: old files whole, the next call completes.

F01, F10. Each kill falls at a moment drawn over the length that the undisturbed call took, so that it meets reading,
drawing and writing alike. The long form: `pytest -n 0 -m long tests/faults/test_killed.py`."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from balance_sim.study.store import Store

WRITERS = {
    "report": (("report", "out"), "out/report.html"),
    "export": (("export", "out", "--out", "all.csv"), "all.csv"),
    "package": (("package", "out", "--out", "all.zip"), "all.zip"),
    "explore": (("explore", "out"), "out/explore.html"),
}


def killed_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """kill -9 of the whole group at that moment; whether it was still at work."""
    try:
        process.wait(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        pass
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def sums(folder: Path) -> dict[str, str]:
    """Names and sha256 of all files, but for the lock and what is half written."""
    found = [one for one in folder.rglob("*") if one.is_file() and one.name != "lock"]
    return {
        str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in found
        if not one.name.endswith(".partial")
    }


def killed_writer(bench, name: str, times: int) -> int:
    """Kills of a command that writes one file, with the old file there and without; how many struck."""
    words, written = WRITERS[name]
    file = bench.folder / written
    if not (bench.folder / "out").exists():
        assert bench.ask(*bench.run_words(runs=30)).returncode == 0
    study = sums(bench.folder / "out")
    began = time.monotonic()
    assert bench.call(*words).returncode == 0
    took = time.monotonic() - began
    good, rng, struck = file.read_bytes(), random.Random(7), 0
    for n in range(times):
        anew = n % 2 == 1 or name == "package"  # which refuses to write over a file
        if anew:
            file.unlink(missing_ok=True)
        old = file.exists()
        struck += killed_after(bench.start(*words), took * rng.uniform(0.3, 1.0))
        assert file.exists() or not old, "the old file is gone"
        assert not file.exists() or file.read_bytes() == good, "a half file under the final name"
        now = sums(bench.folder / "out")
        assert {key: now.get(key) for key in study} == study, "the study itself was touched"
    if name == "package":
        file.unlink(missing_ok=True)
    assert bench.ask(*words).returncode == 0
    assert file.read_bytes() == good
    assert not list(bench.folder.rglob(".*.partial"))
    return struck


def killed_run(bench, times: int, calm: str) -> int:
    """Kills of `run`: what a killed call has acknowledged is there after it, and the next one adds to it.

    A study that is complete is taken away, so that each kill meets a run under way."""
    began = time.monotonic()
    assert bench.call(*bench.run_words()).returncode == 0
    took, rng, struck = time.monotonic() - began, random.Random(5), 0
    assert bench.digest() == calm
    out = bench.folder / "out"
    for n in range(times):
        if (out / "summary.json").exists():
            out.rename(bench.folder / f"complete{n}")
        before = {shard.path.name for shard in Store(out).shards()} if out.exists() else set()
        struck += killed_after(bench.start(*bench.run_words(workers=1 + n % 2)), took * rng.uniform(0.3, 1.0))
        if out.exists():
            assert Store(out).damaged() == []
            assert before <= {shard.path.name for shard in Store(out).shards()}, "finished runs were lost"
    assert bench.ask(*bench.run_words()).returncode == 0
    assert bench.digest() == calm
    assert bench.ask("verify", "out").returncode == 0
    assert not list(out.rglob(".*.partial"))
    return struck


@pytest.mark.fault("F10")
@pytest.mark.slow
def test_a_writer_killed_leaves_old_files_whole(bench) -> None:
    killed_writer(bench, "package", 1)


@pytest.mark.fault("F10")
@pytest.mark.long
@pytest.mark.parametrize("name", WRITERS)
def test_long_a_writer_killed_twenty_times(bench, name: str) -> None:
    assert killed_writer(bench, name, 20) > 0


@pytest.mark.fault("F01", "F10")
@pytest.mark.long
def test_long_a_run_killed_forty_times(bench, calm) -> None:
    assert killed_run(bench, 40, calm) > 0
