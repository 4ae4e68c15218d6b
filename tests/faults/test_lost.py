"""Fewer replications than were asked for, by an interruption or by files that are gone: every reader says so.

F18, F08. The number asked for stands in the manifest; and what became of a manifest or a figure meanwhile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from balance_sim.archive.verify import verify
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.scenario.schema import Scenario
from balance_sim.study.shards import noted
from balance_sim.study.status import status_lines, status_of
from balance_sim.study.store import Store

RUNS = 60  # in two blocks of thirty


def at_half(act: Callable[[], None]) -> Callable[[int, int, int], None]:
    """What is called as a run goes on: acts once, when half of it is done."""

    def progress(done: int, _wanted: int, _failed: int) -> None:
        if done == RUNS // 2:
            act()

    return progress


def stop() -> None:
    raise KeyboardInterrupt


def shard(folder: Path, table: str = "runs") -> Path:
    """The first block's file of a table."""
    return Store(folder).shards(table)[0].path


@pytest.fixture
def halted(small: Scenario, tmp_path: Path) -> Path:
    """A folder of 30 of 60 replications: the study was interrupted."""
    with pytest.raises(KeyboardInterrupt):
        run(
            small,
            RUNS,
            1,
            out=tmp_path / "out",
            progress=at_half(stop),
            command="balance-sim run small.yaml --runs 60",
        )
    return tmp_path / "out"


@pytest.fixture(scope="module")
def whole(small: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with its summary."""
    folder: Path = tmp_path_factory.mktemp("whole") / "out"
    result = run(small, RUNS, 1, out=folder)
    with Store(folder).lock() as store:
        store.write_text("summary.json", json.dumps(result.summary(), indent=1, allow_nan=False) + "\n")
    return folder


@pytest.fixture
def robbed(whole: Path, tmp_path: Path) -> Path:
    """The same, and a block's file is gone since."""
    shutil.copytree(whole, tmp_path / "out")
    shard(tmp_path / "out").unlink()
    return tmp_path / "out"


@pytest.mark.slow
@pytest.mark.fault("F08")
def test_an_interrupted_run_is_one_for_every_reader(halted: Path, bench, caplog) -> None:
    """It was `finished, 30 of 30` for status, and whole for export and report."""
    found = status_of(halted)
    assert (found["finished"], found["lost"], found["runs_done"], found["runs"]) == (False, 0, 30, 60)
    said = bench.ask("status", str(halted)).stdout.splitlines()
    assert said[0] == "small: interrupted after 30 of 60 replications"
    assert "balance-sim run small.yaml --runs 60" in said[-1]
    held = verify(halted, sample=0)
    assert not held.damage
    assert any("not finished, 30 of 60 runs" in note for note in held.notes)
    assert open_result(halted).missing_runs == 30
    for words in (("export", str(halted)), ("report", str(halted)), ("compare", str(halted), str(halted))):
        caplog.clear()
        assert bench.ask(*words).returncode == 0
        assert "holds 30 of the 60 replications asked for: the study was interrupted" in caplog.text, words
    page = (halted / "report.html").read_text(encoding="utf-8")
    assert "60 of every arm; 30 of all that were asked for are missing" in page


@pytest.mark.fault("F08")
def test_the_same_command_goes_on_to_the_number_asked_for(halted: Path, small: Scenario, calm: str) -> None:
    result = run(small, RUNS, 1, out=halted)
    assert (result.digest, result.missing_runs) == (calm, 0)
    assert status_of(halted)["finished"]
    fewer = run(small, 20, 1, out=halted)  # the number asked for last counts, for every reader
    assert fewer.runs == open_result(halted).runs == status_of(halted)["runs"] == 20


@pytest.mark.fault("F08")
def test_a_run_that_ended_after_its_replications_is_not_finished(small: Scenario, tmp_path: Path) -> None:
    """Killed while placebos were worked out, or figures drawn."""
    out = tmp_path / "out"
    result = run(small, 4, 1, out=out, command="balance-sim run small.yaml --runs 4")
    first, last = status_lines(found := status_of(out))
    assert first == "small: interrupted after 4 of 4 replications, its summary is not written"
    assert last.startswith("to go on: balance-sim run small.yaml --runs 4") and found["finished"]
    (out / "summary.json").write_text(json.dumps(result.summary()))
    first, _ = status_lines(found := status_of(out))
    assert first.endswith("its figures or its report are not written") and found["finished"]
    run(small, 4, 1, out=tmp_path / "mine")  # from Python: there is no command that would have gone on
    assert status_lines(status_of(tmp_path / "mine")) == ["small: finished, 4 of 4 replications"]


@pytest.mark.fault("F18")
@pytest.mark.parametrize("table", ["runs", "accords", "dyads"])
def test_a_file_lost_during_a_run_ends_it_as_damaged(small: Scenario, tmp_path: Path, table: str) -> None:
    """It ended well, with a summary that spoke of all replications."""
    out = tmp_path / "out"
    with pytest.raises(StoreDamaged, match="30 of 60 replications were lost while it was written") as caught:
        run(small, RUNS, 1, out=out, progress=at_half(lambda: shard(out, table).unlink()))
    assert caught.value.exit_code == 6
    assert run(small, RUNS, 1, out=out).missing_runs == 0  # the same command again


@pytest.mark.slow
@pytest.mark.fault("F18")
def test_a_file_lost_later_is_told_of_by_every_reader(robbed: Path, bench, caplog) -> None:
    found = status_of(robbed)
    assert (found["finished"], found["lost"], found["runs_done"]) == (False, 30, 30)
    assert bench.ask("status", str(robbed)).stdout.startswith(
        "small: damaged, 30 replications that were finished are gone"
    )
    assert bench.ask("verify", str(robbed), "--sample", "0").returncode == 6
    assert open_result(robbed).summary()["missing_runs"] == 30
    for words in (
        ("export", str(robbed)),
        ("plot", str(robbed), "arms"),
        ("compare", str(robbed), str(robbed)),
    ):
        caplog.clear()
        assert bench.ask(*words).returncode == 0
        assert "30 of the 60 replications asked for: the study was finished, and 30 are gone" in caplog.text, words


@pytest.mark.fault("F14")
def test_a_manifest_deleted_during_a_run_is_written_again(small: Scenario, tmp_path: Path, calm: str, caplog) -> None:
    """The run ended well, and the folder was refused for good."""
    out, before = tmp_path / "out", b""

    def take_away() -> None:
        nonlocal before
        before = (out / "manifest.json").read_bytes()
        (out / "manifest.json").unlink()

    run(small, RUNS, 1, out=out, progress=at_half(take_away))
    assert (out / "manifest.json").read_bytes() == before
    assert "manifest.json was deleted while the study was written" in caplog.text
    assert run(small, RUNS, 1, out=out).digest == calm


@pytest.mark.slow
@pytest.mark.fault("F17")
def test_a_byte_flipped_in_a_figure_or_the_report_is_seen(whole: Path, tmp_path: Path, bench) -> None:
    folder = tmp_path / "out"
    shutil.copytree(whole, folder)
    assert bench.ask("plot", str(folder), "arms").returncode == bench.ask("report", str(folder)).returncode == 0
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in sums] == ["figures/arms.png", "figures/arms.svg", "report.html"]
    assert verify(folder, sample=0).unchecked == []
    for name in ("figures/arms.svg", "report.html"):
        text = bytearray((folder / name).read_bytes())
        text[100] ^= 1
        (folder / name).write_bytes(text)
    (folder / "figures" / "arms.png").unlink()
    (folder / "figures" / "mine.png").write_bytes(b"")
    found = verify(folder, sample=0)
    assert [one.file for one in found.damage] == ["figures/arms.svg", "report.html"]
    assert found.unchecked == ["figures/ (1 files)"]


@pytest.mark.fault("F17")
def test_checksums_of_a_stranger_name_nothing_but_pictures_and_pages(whole: Path, tmp_path: Path) -> None:
    """What they name is taken away where it differs: no manifest, no shard, nothing outside."""
    folder, outside = tmp_path / "out", tmp_path / "outside.png"
    shutil.copytree(whole, folder)
    outside.write_bytes(b"mine")
    names = (
        "manifest.json",
        f"runs/{shard(folder).name}",
        "../outside.png",
        str(outside),
        "figures/../../outside.png",
    )
    (folder / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in names))
    assert noted(folder) == {} and not verify(folder, sample=0).damage
    (folder / "figures").symlink_to(tmp_path)
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  figures/outside.png\n")
    assert noted(folder) == {}
    assert outside.read_bytes() == b"mine"
