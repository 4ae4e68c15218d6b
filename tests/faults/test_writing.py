"""Writes that fail, disks that fill, folders that go away: nothing half under a final name, nothing lost."""

from __future__ import annotations

import builtins
import errno
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from balance_sim.effects.run import run
from balance_sim.scenario.errors import CannotWrite, StoreDamaged, WrongRequest
from balance_sim.study import atomic_files as whole_files
from balance_sim.study.store import Store

RUNS = 60


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll; fail if it never holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


class Nth:
    """Fails the n-th call of a system function with an error; counts them all."""

    def __init__(self, n: int, code: int) -> None:
        self.n, self.code, self.calls = n, code, 0

    def due(self) -> bool:
        self.calls += 1
        return self.calls == self.n

    def error(self) -> OSError:
        return OSError(self.code, os.strerror(self.code))


class File:
    """A real file whose write goes wrong when it is due: half of it is written, then the error."""

    def __init__(self, file, nth: Nth) -> None:
        self.file, self.nth = file, nth

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str):
        return getattr(self.file, name)

    def write(self, content: bytes) -> int:
        if self.nth.due():
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            raise self.nth.error()
        return int(self.file.write(content))


def broken(monkeypatch: pytest.MonkeyPatch, what: str, nth: Nth) -> None:
    """Break `write`, `fsync` or `rename` as the store calls them."""
    if what == "write":

        def opening(path, mode="r", *rest, **more):
            file = builtins.open(path, mode, *rest, **more)  # noqa: SIM115 - the store closes it
            return File(file, nth) if mode == "wb" else file

        monkeypatch.setattr(whole_files, "open", opening, raising=False)
        return
    name = {"fsync": "fsync", "rename": "replace"}[what]
    real = getattr(os, name)

    def failing(*words: object) -> object:
        if nth.due():
            raise nth.error()
        return real(*words)

    monkeypatch.setattr(whole_files.os, name, failing)


def study(small, out: Path):
    """Two blocks, written in two calls, as a run that is resumed."""
    run(small, 20, 1, out=out)
    return run(small, RUNS, 1, out=out)


HELD = {("write", errno.ENOSPC): 2, ("fsync", errno.EIO): 4, ("rename", errno.ENOSPC): 3}
"""In every run of the tests: every so many-th call fails. The long form has every call and both errors."""


@pytest.mark.fault("F12", "F13")
@pytest.mark.parametrize(
    ("what", "code", "stride"),
    [
        *(pytest.param(what, code, stride, id=what) for (what, code), stride in HELD.items()),
        *(
            pytest.param(what, code, 1, id=f"{what}-{errno.errorcode[code]}", marks=pytest.mark.long)
            for what in ("write", "fsync", "rename")
            for code in (errno.EIO, errno.ENOSPC)
        ),
    ],
)
def test_every_single_write_may_fail(small, calm, tmp_path, monkeypatch, what: str, code: int, stride: int) -> None:
    """F12, F13. The n-th call fails, for every n: a clean fault, no half file, and the next call goes on."""
    with monkeypatch.context() as patch:
        count = Nth(0, code)
        broken(patch, what, count)
        study(small, tmp_path / "count")
    assert count.calls >= 7
    for n in range(1, count.calls + 1, stride):
        out = tmp_path / f"out{n}"
        with monkeypatch.context() as patch:
            broken(patch, what, Nth(n, code))
            with pytest.raises(CannotWrite, match="cannot write"):
                study(small, out)
        store = Store(out)
        assert store.damaged() == []
        assert store.read_manifest() is None or store.read_manifest().seed == 1
        assert not list(out.glob("**/.*.partial"))
        assert run(small, RUNS, 1, out=out).digest == calm


@pytest.mark.fault("F12")
def test_an_interrupted_call_is_no_fault(small, calm, tmp_path) -> None:
    """EINTR: a timer that fires all the time; Python takes the calls up again."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        assert study(small, tmp_path / "out").digest == calm
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.fault("F15")
def test_a_shard_cut_anywhere_is_seen(small, tmp_path) -> None:
    """F15. At every 512th byte."""
    study(small, tmp_path / "out")
    store = Store(tmp_path / "out")
    for table in ("runs", "accords"):
        shard = store.shards(table)[0]
        whole = shard.path.read_bytes()
        for size in range(0, len(whole), 512):
            shard.path.write_bytes(whole[:size])
            assert store.damaged() == [shard]
            with pytest.raises(StoreDamaged, match="not those it was written with"):
                shard.table()
        shard.path.write_bytes(whole)
    assert store.damaged() == []


@pytest.mark.fault("F19", "F21")
def test_left_over_and_empty_files(small, calm, tmp_path) -> None:
    """F19, F21. Temporary files go, a lock file of a dead process locks nothing, an empty manifest is told of."""
    out = tmp_path / "out"
    run(small, 20, 1, out=out)
    for name in ("runs/.x.partial", ".manifest.json.partial"):
        (out / name).write_bytes(b"half")
    (out / "lock").write_text("4711\n")
    assert run(small, RUNS, 1, out=out).digest == calm
    assert not list(out.glob("**/.*.partial"))
    empty = Store(out).shards()[0].path
    empty.write_bytes(b"")
    assert run(small, RUNS, 1, out=out).digest == calm
    (out / "manifest.json").write_bytes(b"")
    with pytest.raises(StoreDamaged, match=r"manifest\.json is damaged: restore it"):
        run(small, RUNS, 1, out=out)


def filled(disk: Path, leave: int) -> None:
    """Fill a disk to the last byte, then give back about `leave` bytes."""
    (disk / "ballast").unlink(missing_ok=True)
    with open(disk / "reserve", "wb") as file:
        file.write(bytes(leave))
    with open(disk / "ballast", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    (disk / "reserve").unlink()


@pytest.mark.fault("F11")
@pytest.mark.slow
def test_a_full_disk_names_the_path_and_goes_on_with_room(bench, calm, small_disk) -> None:
    """F11: in a run, an export, a package, a report and an explorer, on a real disk."""
    disk = small_disk("2m")
    words = bench.run_words("--out", str(disk / "out"))
    for leave in (4096, 24 * 1024):  # not even the manifest; no shard
        filled(disk, leave)
        done = bench.ask(*words)
        assert done.returncode == 7, done.stderr
        assert str(disk / "out") in done.stderr
        assert "make room or choose another --out" in done.stderr
    (disk / "ballast").unlink()
    done = bench.ask(*words)
    assert done.returncode == 0, done.stderr
    assert bench.digest(disk / "out") == calm
    filled(disk, 4096)
    for command, name in (
        ("export", "all.csv"),
        ("package", "all.zip"),
        ("report", "r.html"),
        ("explore", "e.html"),
    ):
        done = bench.ask(command, str(disk / "out"), "--out", str(disk / name))
        assert done.returncode == 7, (command, done.stderr)
        assert name in done.stderr
        assert not (disk / name).exists()
        assert not list(disk.glob(".*.partial"))


@pytest.mark.fault("F14")
@pytest.mark.slow
def test_a_disk_that_turned_read_only(bench, calm, small_disk) -> None:
    """F14. Exit 7 at once; what was finished is read, and gone on with when the disk can be written again."""
    disk = small_disk("64m")
    words = ("--out", str(disk / "out"))
    assert bench.ask(*bench.run_words(*words, runs=20)).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    done = bench.ask(*bench.run_words(*words))
    assert done.returncode == 7 and "Read-only file system" in done.stderr
    assert bench.ask("verify", str(disk / "out")).returncode == 0
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert bench.ask(*bench.run_words(*words)).returncode == 0
    assert bench.digest(disk / "out") == calm


@pytest.mark.fault("F14")
@pytest.mark.slow
def test_a_folder_deleted_in_mid_run(bench) -> None:
    process = bench.start(*bench.run_words(runs=200_000))
    until(lambda: len(Store(bench.folder / "out").shards()) >= 2)
    os.rename(bench.folder / "out", bench.folder / "gone")
    assert process.wait(timeout=60) == 7
    assert process.stderr and b"cannot write" in process.stderr.read()


def killed_export(bench, times: int) -> None:
    """Old files stay whole whenever an export is killed."""
    assert bench.ask(*bench.run_words(runs=800)).returncode == 0
    assert bench.ask("export", "out", "--out", "all.csv").returncode == 0
    before = (bench.folder / "all.csv").read_bytes()
    for n in range(times):
        process = bench.start("export", "out", "--out", "all.csv")
        until(lambda p=process: p.poll() is not None or (bench.folder / ".all.csv.partial").exists())
        time.sleep(0.002 * n)
        process.kill()
        process.wait()
        assert (bench.folder / "all.csv").read_bytes() == before
    assert bench.ask("export", "out", "--out", "all.csv").returncode == 0
    assert (bench.folder / "all.csv").read_bytes() == before
    assert not (bench.folder / ".all.csv.partial").exists()


@pytest.mark.fault("F10")
@pytest.mark.slow
def test_an_export_killed_leaves_the_old_file(bench) -> None:
    """F10."""
    killed_export(bench, 2)


@pytest.mark.fault("F10")
@pytest.mark.long
def test_long_export_killed(bench) -> None:
    killed_export(bench, 20)


def killed_runs(bench, times: int, calm: str) -> None:
    """F01, F10 for `run`: killed at any moment, from the making of the folder on."""
    for n in range(times):
        process = bench.start(*bench.run_words())
        until(lambda p=process: p.poll() is not None or (bench.folder / "out").exists())
        time.sleep(0.01 * (n % 20))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert Store(bench.folder / "out").damaged() == []
    done = bench.ask(*bench.run_words())
    assert done.returncode == 0, done.stderr
    assert bench.digest() == calm
    assert bench.ask("verify", "out").returncode == 0


@pytest.mark.fault("F01", "F10")
@pytest.mark.slow
def test_a_run_killed_again_and_again(bench, calm) -> None:
    killed_runs(bench, 2, calm)


@pytest.mark.fault("F01", "F10")
@pytest.mark.long
def test_long_run_killed_fifty_times(bench, calm) -> None:
    killed_runs(bench, 50, calm)


@pytest.mark.fault("F25", "F39")
def test_another_version_is_refused_and_a_manifest_of_the_future_too(small, tmp_path) -> None:
    """F25, F39."""
    out = tmp_path / "out"
    run(small, 20, 1, out=out)
    store = Store(out)
    manifest = store.read_manifest()
    assert manifest is not None
    store.write_manifest(manifest.model_copy(update={"versions": manifest.versions | {"numpy": "1.26.4"}}))
    with pytest.raises(Exception, match=r"version of numpy: 1\.26\.4 there") as caught:
        run(small, 40, 1, out=out)
    assert caught.value.exit_code == 2  # type: ignore[attr-defined]
    text = json.loads((out / "manifest.json").read_text()) | {"manifest_version": 99}
    (out / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(Exception, match="is of version 99; this balance-sim reads 3") as caught:
        run(small, 40, 1, out=out)
    assert caught.value.exit_code == 2  # type: ignore[attr-defined]


@pytest.mark.fault("F39")
def test_a_manifest_that_is_none(small, tmp_path) -> None:
    """F39. Of no version, of another kind, or nested without end: exit 6 or 2, never an error of ours."""
    out = tmp_path / "out"
    run(small, 20, 1, out=out)
    for text in (
        "",
        "[]",
        "null",
        '{"seed": 1}',
        '{"manifest_version": 0}',
        '{"manifest_version": "1"}',
        "[" * 100_000,
    ):
        (out / "manifest.json").write_text(text)
        with pytest.raises((StoreDamaged, WrongRequest), match=r"manifest\.json is (damaged|of version)"):
            run(small, 20, 1, out=out)


@pytest.mark.fault("F23")
def test_a_folder_that_moves_and_has_an_odd_name(small, calm, tmp_path) -> None:
    """F23. Spaces, Unicode, 200 characters, reached through a link, moved between two calls."""
    odd = tmp_path / ("Würfel — 北京 'x' " + "n" * 160)
    run(small, 20, 1, out=odd)
    (tmp_path / "link").symlink_to(odd)
    run(small, 40, 1, out=tmp_path / "link")
    shutil.move(odd, tmp_path / "moved")
    assert run(small, RUNS, 1, out=tmp_path / "moved").digest == calm
