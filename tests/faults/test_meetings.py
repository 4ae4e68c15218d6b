"""Commands that meet in one results folder: one writes at a time, readers get whole answers, nothing is damaged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from balance_sim.study.store import Store

pytestmark = pytest.mark.slow
EXPERIMENT = """schema: 1
scenario: small.yaml
factors: {events.summit.visibility: [0, 1]}
runs: 24
seed: 1
outcomes: [accords_all_300]
"""
LONG = 2_000_000  # runs: more than any machine does while these tests look on


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll; fail if it never holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def one_of_many(bench, count: int) -> None:
    """Started at once on one folder: one is at work when all others have been turned away."""
    started = [bench.start(*bench.run_words(runs=LONG)) for _ in range(count)]
    try:
        until(lambda: sum(process.poll() is not None for process in started) == count - 1, 30.0 + 5.0 * count)
        codes = [process.poll() for process in started]
        assert sorted(codes, key=str) == [5] * (count - 1) + [None]
        winner = started[codes.index(None)]
        until(lambda: Store(bench.folder / "out").shards())
        os.kill(winner.pid, signal.SIGINT)
        assert winner.wait(timeout=60) == 130
    finally:
        for process in started:
            process.kill()
            process.wait()
    for process in started:
        said = process.stderr.read().decode()
        assert "Traceback" not in said
        assert process is winner or "is being written by another balance-sim" in said
    done = bench.ask("verify", "out", "--sample", "1")
    assert done.returncode == 0, done.stderr + done.stdout
    assert not list((bench.folder / "out").glob("**/.*.partial"))


@pytest.mark.fault("F20")
def test_of_several_starts_at_once_exactly_one_runs(bench) -> None:
    one_of_many(bench, 2)


@pytest.mark.long
@pytest.mark.fault("F20")
def test_long_of_a_hundred_starts_at_once_exactly_one_runs(bench) -> None:
    one_of_many(bench, 100)


@pytest.mark.fault("F20")
def test_a_sweep_and_a_run_want_one_folder(bench) -> None:
    """While one writes the other ends with 5; afterwards with 2, since it is another study. The first is whole."""
    (bench.folder / "exp.yaml").write_text(EXPERIMENT)
    swept = ("sweep", "exp.yaml", "--out", "out", "--workers", "1")
    first = bench.start(*bench.run_words(runs=LONG))
    until(lambda: Store(bench.folder / "out").shards())
    assert bench.ask(*swept).returncode == 5
    os.kill(first.pid, signal.SIGINT)
    assert first.wait(timeout=60) == 130
    done = bench.ask(*swept)
    assert done.returncode == 2 and "holds another study" in done.stderr
    assert bench.ask("verify", "out", "--sample", "1").returncode == 0
    both = [bench.start(*words) for words in (bench.run_words("--out", "new"), (*swept[:2], "--out", "new"))]
    codes = {process.wait(timeout=120) for process in both}
    assert codes in ({0, 2}, {0, 5})
    assert bench.ask("verify", "new", "--all").returncode == 0


@pytest.mark.fault("F20", "F22")
def test_packaging_and_export_meet_a_run(bench) -> None:
    """While a run writes, what is half done is not packaged, and an export is whole."""
    process = bench.start(*bench.run_words(runs=LONG))
    out = bench.folder / "out"
    until(lambda: len(Store(out).shards()) >= 2)
    os.kill(process.pid, signal.SIGSTOP)
    shard = Store(out).shards()[0].path
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    assert bench.ask("verify", "out", "--sample", "0").returncode == 6
    assert bench.ask("export", "out", "--out", "all.csv").returncode == 6
    assert not (bench.folder / "all.csv").exists()
    shard.write_bytes(content)
    assert bench.ask("export", "out", "--out", "all.csv").returncode == 0
    rows = (bench.folder / "all.csv").read_text().splitlines()
    kept = sum(len(one.block) for one in Store(out).kept())
    assert len(rows) == 1 + kept * 2
    done = bench.ask("package", "out")
    assert done.returncode == 2 and "is not finished" in done.stderr
    os.kill(process.pid, signal.SIGCONT)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert bench.ask("verify", "out", "--sample", "1").returncode == 0


@pytest.mark.fault("F15", "F16")
def test_of_damaged_results_what_is_sound_is_kept(bench) -> None:
    """One shard cut, one with a bit turned over: `verify` names both; the same command runs their blocks again, and no other."""
    for runs in (16, 32, 48, 64):
        assert bench.ask(*bench.run_words(runs=runs)).returncode == 0
    out, good = bench.folder / "out", bench.digest()
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in out.glob("[ar]*/*.parquet")}
    assert len(before) == 8
    cut, turned = Store(out).shards("runs")[1].path, Store(out).shards("accords")[3].path
    cut.write_bytes(before[cut][1][:512])
    turned.write_bytes(before[turned][1][:-9] + bytes([before[turned][1][-9] ^ 4]) + before[turned][1][-8:])
    for words in (
        ("export", "out", "--out", "all.csv"),
        ("report", "out"),
        ("package", "out", "--out", "all.zip"),
    ):
        done = bench.ask(*words)
        assert done.returncode == 6, (words, done.stderr)
        assert cut.name in done.stderr or turned.name in done.stderr, (words, done.stderr)
    assert not (bench.folder / "all.csv").exists() and not (bench.folder / "all.zip").exists()
    done = bench.ask("verify", "out", "--json")
    assert done.returncode == 6
    assert {f"runs/{cut.name}", f"accords/{turned.name}"} <= {row["file"] for row in json.loads(done.stdout)["damage"]}
    assert bench.ask(*bench.run_words(runs=64)).returncode == 0
    after = {path: (path.stat().st_ino, path.read_bytes()) for path in out.glob("[ar]*/*.parquet")}
    assert {path: content for path, (_, content) in after.items()} == {
        path: content for path, (_, content) in before.items()
    }
    untouched = [path for path in before if not path.name.startswith((cut.name[:26], turned.name[:26]))]
    assert len(untouched) == 4 and all(after[path][0] == before[path][0] for path in untouched)
    assert bench.digest() == good


@pytest.mark.fault("F03", "F08")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.long),
        pytest.param(signal.SIGQUIT, marks=pytest.mark.long),
        pytest.param(signal.SIGSEGV, marks=pytest.mark.long),
    ],
)
def test_a_signal_to_a_worker_alone(bench, calm, number) -> None:
    """It dies of it and is replaced; the study ends as if nothing had been."""
    process = bench.start(*bench.run_words(workers=2))
    children = f"/proc/{process.pid}/task/{process.pid}/children"

    def workers() -> list[int]:
        with open(children) as file:
            found = [int(word) for word in file.read().split()]
        return [pid for pid in found if b"spawn_main" in open(f"/proc/{pid}/cmdline", "rb").read()]

    until(workers)
    os.kill(workers()[0], number)
    assert process.wait(timeout=120) == 0
    assert bench.digest() == calm


@pytest.mark.fault("F08", "F34")
def test_the_terminal_goes_away_in_mid_run(bench) -> None:
    """SIGHUP with nobody left to read what is said about it: 143, and the folder can be gone on with."""
    process = subprocess.Popen(
        bench.words(*bench.run_words(runs=LONG, workers=2)), cwd=bench.folder, env=bench.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    until(lambda: Store(bench.folder / "out").shards())
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(timeout=60) == 143
    assert not Store(bench.folder / "out").is_written()
    assert bench.ask("verify", "out", "--sample", "1").returncode == 0
