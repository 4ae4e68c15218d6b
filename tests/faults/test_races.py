"""Two processes that meet at one file or one folder: one writes, the other is told, and nothing is mixed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from balance_sim.effects.run import run
from balance_sim.scenario.errors import CannotWrite, FolderBusy
from balance_sim.study.atomic_files import atomic_file, half_written, write_atomic
from balance_sim.study.shards import TABLES
from balance_sim.study.store import Store


@pytest.mark.fault("F20")
def test_one_file_has_one_writer_at_a_time(tmp_path: Path) -> None:
    """The second is told at once; what the first puts in its place is its own."""
    path = tmp_path / "all.csv"
    with atomic_file(path) as partial:
        partial.write_bytes(b"first")
        with pytest.raises(FolderBusy, match=r"all\.csv is being written by another"):
            write_atomic(path, b"second")
    assert path.read_bytes() == b"first"
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert [one.name for one in tmp_path.iterdir()] == ["all.csv"]


@pytest.mark.fault("F19", "F22")
def test_a_half_written_file_is_taken_away_unless_somebody_writes_it(small, tmp_path: Path) -> None:
    """A report that is being written while a run begins in its folder is not taken from under it."""
    out = tmp_path / "out"
    run(small, 4, 1, out=out)
    (out / "runs" / ".x.partial").write_bytes(b"half")
    with atomic_file(out / "report.html") as partial:
        partial.write_bytes(b"page")
        run(small, 8, 1, out=out)
        assert half_written(out) == [partial]
    assert (out / "report.html").read_bytes() == b"page"
    assert half_written(out) == []


@pytest.mark.fault("F10", "F19")
@pytest.mark.parametrize("left", [TABLES, ("dyads", "accords"), ("dyads",)], ids=len)
def test_what_a_killed_merger_left_is_taken_away(small, tmp_path: Path, left) -> None:
    """The merged block stands, and beside it the blocks it was made of, whole or in part."""
    out = tmp_path / "out"
    for runs in (4, 8):
        good = run(small, runs, 1, out=out).digest
    store = Store(out)
    before = [shard.path for table in left for shard in store.shards(table)]
    contents = [path.read_bytes() for path in before]
    with store.lock():
        store.compact(1000)
    assert [len(store.every_shard(table)) for table in TABLES] == [1] * len(TABLES)
    merged = store.kept()
    assert [(one.block.first, one.block.stop) for one in merged] == [(0, 8)]
    for path, content in zip(before, contents, strict=True):
        path.write_bytes(content)
    assert run(small, 8, 1, out=out).digest == good
    with store.lock():
        store.compact(1000)
    assert [len(store.every_shard(table)) for table in TABLES] == [1] * len(TABLES)
    assert not any(path.exists() for path in before)
    assert store.kept() == merged
    assert run(small, 8, 1, out=out).digest == good


@pytest.mark.fault("F19")
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_nothing_is_written_through_what_lies_in_the_place_of_a_half_written_file(tmp_path, kind: str) -> None:
    """A folder from a stranger may hold it."""
    (tmp_path / "precious").write_bytes(b"mine")
    partial = tmp_path / ".report.html.partial"
    partial.symlink_to(tmp_path / "precious") if kind == "link" else os.mkfifo(partial)
    write_atomic(tmp_path / "report.html", b"page")
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert (tmp_path / "report.html").read_bytes() == b"page"
    assert not partial.exists()


def test_a_file_does_not_take_the_place_of_a_device(tmp_path: Path) -> None:
    """As root, `--out /dev/null` put a plain file where the device was, for the whole machine."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotWrite, match="it is a device or a pipe, not a file"):
        write_atomic(tmp_path / "pipe", b"content")
    assert (tmp_path / "pipe").is_fifo()
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"]
