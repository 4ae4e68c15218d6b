"""Disks that fill, rights that go, folders that are replaced: in mid-run, and under all that writes from results."""

from __future__ import annotations

import ast
import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import balance_sim
import pytest
from balance_sim.cli import main
from balance_sim.evidence.forecast.forecast import Forecast, freeze
from balance_sim.study.store import Store
from click.testing import CliRunner

EXPERIMENT = """schema: 1
scenario: small.yaml
factors: {events.summit.visibility: [0, 1]}
runs: {runs}
seed: 7
outcomes: [accords_all_300]
"""
STUDIES = ("run", "sweep")
OF_A_RUN = ("run", pytest.param("sweep", marks=pytest.mark.long))


def words_of(bench, study: str, out: Path | str, runs: int, workers: int = 2) -> tuple[str, ...]:
    """The command of a study into that folder; a sweep has two points of so many runs."""
    if study == "run":
        return bench.run_words("--out", str(out), runs=runs, workers=workers)
    (bench.folder / "exp.yaml").write_text(EXPERIMENT.replace("{runs}", str(runs)))
    return ("sweep", "exp.yaml", "--out", str(out), "--workers", str(workers), "--block", "64")


def stopped_with_some_blocks(bench, words: tuple[str, ...], blocks: int = 1) -> subprocess.Popen[bytes]:
    """A study under way whose driver stands still when some blocks are in and some are not."""
    process = bench.start(*words)
    until(lambda: len(Store(bench.folder / "out").shards()) >= blocks)
    os.kill(process.pid, signal.SIGSTOP)
    assert process.poll() is None and not (bench.folder / "out" / "summary.json").exists()
    return process


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll; fail if it never holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Exit code and stderr of a process that ends by itself; its group is gone afterwards in any case."""
    try:
        _, said = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert b"Traceback" not in said and b"internal error" not in said, said
    return process.returncode, said.decode()


@pytest.mark.slow
@pytest.mark.fault("F11")
@pytest.mark.parametrize("study", OF_A_RUN)
def test_a_disk_that_fills_in_mid_run_with_two_workers(bench, small_disk, study: str) -> None:
    """The path and the bytes needed are named; what is there is sound; with room the same command completes."""
    disk = small_disk("160k")
    words = words_of(bench, study, disk / "out", 200)
    done = bench.ask(*words)
    assert done.returncode == 7, done.stderr
    assert re.search(rf"cannot write {disk}/out/\S+ \([\d,]+ bytes needed\): No space left", done.stderr), done.stderr
    store = Store(disk / "out")
    assert store.damaged() == [] and not store.is_written()
    kept = {one.block for one in store.kept()}
    assert kept
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    assert bench.ask("verify", str(disk / "out"), "--sample", "1").returncode == 0
    done = bench.ask(*words)
    assert done.returncode == 0, done.stderr
    assert bench.ask(*words_of(bench, study, "calm", 200, 1)).returncode == 0
    assert bench.digest(disk / "out") == bench.digest("calm")


@pytest.mark.slow
@pytest.mark.fault("F11", "F36")
def test_a_full_folder_for_temporary_files_and_a_home_that_cannot_be_written(bench, small_disk) -> None:
    """TMPDIR on a full disk, HOME and the folders of XDG on a read-only one: run with its figures, sweep, export,
    package, report, explore; and nothing else is written."""
    full, home = small_disk("16k"), small_disk("64k")
    with open(full / "ballast", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    before = {*bench.folder.iterdir()}
    said = bench.several(
        ("run", "small.yaml", "--runs", "8", "--workers", "2", "--out", "out"),
        words_of(bench, "sweep", "swept", 64, 1),
        ("export", "out", "--out", "all.csv"),
        ("export", "out", "--out", "all.parquet"),
        ("package", "out", "--out", "all.zip"),
        ("report", "swept", "--out", "r.html"),
        ("explore", "swept", "--out", "e.html"),
        env=dict.fromkeys(names, str(home)) | {"TMPDIR": str(full)},
    )
    assert all(line.startswith(("plan: ", "about ")) for line in said.splitlines()), said
    assert (bench.folder / "out" / "figures" / "fan.png").stat().st_size > 10_000
    for name in ("out/report.html", "all.csv", "all.parquet", "all.zip", "r.html", "e.html"):
        assert (bench.folder / name).stat().st_size > 1000, name
    assert [one.name for one in full.iterdir()] == ["ballast"] and not [*home.iterdir()]
    made = {"out", "swept", "all.csv", "all.parquet", "all.zip", "r.html", "e.html"}
    assert {one.name for one in {*bench.folder.iterdir()} - before} - {"swept.yaml", "exp.yaml"} == made


@pytest.mark.slow
@pytest.mark.fault("F14")
@pytest.mark.parametrize("study", OF_A_RUN)
def test_permission_lost_in_mid_run(nobodys, study: str) -> None:
    """As a user who has no rights but those of the folder: it ends by itself with 7, and goes on when they are back."""
    out = nobodys.folder / "out"
    words = words_of(nobodys, study, "out", 600)
    process = stopped_with_some_blocks(nobodys, words)
    for place in (out, out / "runs", out / "accords"):
        os.chmod(place, 0o555)
    os.kill(process.pid, signal.SIGCONT)
    code, said = ended(process)
    assert code == 7, said
    assert "cannot write" in said and "Permission denied" in said
    store = Store(out)
    assert store.damaged() == [] and not store.is_written()
    assert nobodys.call(*words).returncode == 7
    for place in (out, out / "runs", out / "accords"):
        os.chmod(place, 0o755)
    done = nobodys.call(*words_of(nobodys, study, "out", 600, 1))
    assert done.returncode == 0, done.stderr
    assert nobodys.ask(*words_of(nobodys, study, "calm", 600, 1)).returncode == 0
    assert nobodys.digest("out") == nobodys.digest("calm")


@pytest.mark.slow
@pytest.mark.fault("F14")
def test_files_of_another_user(nobodys) -> None:
    """Results that may be read only: all readers answer, each writer ends with 7. What may not be read is told of."""
    out = nobodys.folder / "out"
    if os.geteuid() != 0:
        pytest.skip("files of another user need root")
    assert nobodys.ask(*nobodys.run_words(runs=20)).returncode == 0  # by this one
    nobodys.several(
        ("status", "out"),
        ("verify", "out"),
        ("export", "out", "--out", "all.csv"),
        ("package", "out", "--out", "all.zip"),
    )
    refused = (nobodys.run_words(runs=40), ("report", "out"), ("plot", "out", "fan"))
    said = nobodys.several(*refused, code=7)
    assert said.count("Permission denied") == len(refused), said
    os.chmod(Store(out).shards()[0].path, 0o600)
    nobodys.several(("export", "out", "--out", "b.csv"), ("verify", "out"), code=6)
    os.chmod(out, 0o700)
    done = nobodys.call("status", "out")
    assert done.returncode == 2 and "'out' is not readable" in done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.fault("F14", "F20")
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_folder_replaced_in_mid_run_is_not_written_by_two(bench, workers: int) -> None:
    """Deleted, and made anew by another study: the first ends with 7 and leaves the second's folder alone."""
    out = bench.folder / "out"
    process = stopped_with_some_blocks(bench, bench.run_words(runs=600, workers=workers))
    os.rename(out, bench.folder / "gone")
    done = bench.ask(*bench.run_words("--seed", "5", runs=20))
    os.kill(process.pid, signal.SIGCONT)
    code, said = ended(process)
    assert code == 7 and "was moved, replaced or deleted" in said, said
    assert done.returncode == 0, done.stderr
    assert [one.block.stop for one in Store(out).kept()][-1] == 20
    assert bench.ask("verify", "out", "--all").returncode == 0


@pytest.mark.slow
@pytest.mark.fault("F23")
def test_a_folder_that_becomes_a_link_in_mid_run(bench) -> None:
    """Moved, with a link left in its place: it is the same folder, and the study goes on there."""
    out = bench.folder / "out"
    process = stopped_with_some_blocks(bench, bench.run_words(runs=600, workers=2))
    os.rename(out, bench.folder / "elsewhere")
    out.symlink_to(bench.folder / "elsewhere")
    os.kill(process.pid, signal.SIGCONT)
    code, said = ended(process)
    assert code == 0, said
    assert bench.ask("verify", "out", "--sample", "1").returncode == 0


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to write a byte beyond that place of any file, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "csv": ("export", "all.csv"),
    "parquet": ("export", "all.parquet"),
    "accords": ("export", "accords.csv", "--table", "accords"),
    "package": ("package", "all.zip"),
    "report": ("report", "r.html"),
    "explore": ("explore", "e.html"),
}


@pytest.fixture(scope="module")
def finished(small_path, tmp_path_factory) -> Path:
    """A study of three blocks with its summary."""
    out = tmp_path_factory.mktemp("finished") / "out"
    for runs in (20, 40, 60):
        words = ["run", str(small_path), "--runs", str(runs), "--workers", "1", "--no-figures", "--out", str(out)]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
    return out


@pytest.mark.slow
@pytest.mark.fault("F11", "F12")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name == "report")) for name in WRITERS]
)
def test_a_write_cut_short_anywhere_leaves_the_old_file_or_none(finished, tmp_path, name: str) -> None:
    """The system itself stops the write after so many bytes, from none to all but one."""
    command, file, *more = WRITERS[name]
    path = tmp_path / file
    words = [command, str(finished), "--out", str(path), *more]
    assert CliRunner().invoke(main, words).exit_code == 0
    good = path.read_bytes()
    most = {"export": 4, "package": 2}.get(command, 1)  # pages take long to make
    sizes = {0, *range(1, len(good), len(good) // most)} if most > 1 else {len(good) // 2}
    for nth, size in enumerate(sorted({*sizes, len(good) - 1})):
        old = b"old" if nth % 2 and command != "package" else None
        path.write_bytes(old) if old else path.unlink(missing_ok=True)
        with files_of_at_most(size):
            done = CliRunner().invoke(main, words)
        assert done.exit_code == 7, (size, done.output)
        assert f"cannot write {path} (" in done.output and " bytes needed)" in done.output, done.output
        assert (path.read_bytes() if path.exists() else None) == old
        assert [one.name for one in tmp_path.iterdir()] == ([file] if old else [])
    path.unlink(missing_ok=True)
    assert CliRunner().invoke(main, words).exit_code == 0
    assert path.read_bytes() == good


@pytest.mark.fault("F12")
def test_what_is_never_written_over_is_not_left_half(tmp_path, monkeypatch) -> None:
    """A frozen forecast and a new scenario: half a file would be in the way of a whole one for ever."""
    monkeypatch.chdir(tmp_path)
    forecast = Forecast((), (), date(2020, 1, 1), date(2020, 12, 31), (), "signed", "a source")
    for words, path in ((("new", "mine"), "mine.yaml"), ((), "frozen.json")):
        write = (lambda: freeze(forecast, Path("frozen.json"))) if not words else None
        with files_of_at_most(10):
            if write:
                with pytest.raises(OSError, match="File too large"):
                    write()
            else:
                assert CliRunner().invoke(main, list(words)).exit_code == 7
        assert not Path(path).exists()
        assert write() if write else CliRunner().invoke(main, list(words)).exit_code == 0
        assert Path(path).stat().st_size > 100


WRITING = {
    "write_text",
    "write_bytes",
    "savefig",
    "print_svg",
    "to_csv",
    "to_parquet",
    "write_html",
    "write_table",
}
OWN_WAY = {
    ("study/atomic_files.py", "open"),  # the one place
    ("cli/inputs.py", "open"),  # a scenario to start from, never over another file
    ("evidence/forecast/forecast.py", "open"),  # a frozen forecast, never over another file
    ("cli/program.py", "open"),  # streams that were closed
    ("show/save.py", "print_svg"),  # into memory
    ("study/shards.py", "write_table"),  # into memory
    ("study/export.py", "write_table"),  # into what `atomic_file` gives
    ("study/export.py", "to_csv"),  # text
    ("show/report/tables.py", "to_csv"),  # text
    ("evidence/cases/scenario.py", "to_csv"),  # text
    ("evidence/data/text.py", "to_csv"),  # text
}


@pytest.mark.fault("F12")
def test_every_file_is_written_through_one_function() -> None:
    """So that what holds for it holds for all: no other place in the package opens a file to write."""
    root, found = Path(balance_sim.__file__).parent, set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            modes = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            is_open = name == "open" and any(re.fullmatch(r"[rwaxbt+:gz]*[wax+][rwaxbt+:gz]*", mode) for mode in modes)
            if (name in WRITING or is_open) and not (
                name == "write_text" and "store" in ast.unparse(node.func).lower()
            ):
                found.add((path.relative_to(root).as_posix(), name))
    assert found - OWN_WAY == {("study/export.py", "open")}  # tarfile, into what `atomic_file` gives
    assert found >= OWN_WAY
