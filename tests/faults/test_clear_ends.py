"""What a system may run out of, or what a command may be given by mistake: each ends with its code and next step."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.study import manifest
from balance_sim.study.run import SHARD_RUNS
from balance_sim.study.shards import note_drawn
from balance_sim.study.store import Store
from click.testing import CliRunner


def said(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(words))
    assert "Traceback" not in done.output and "internal error" not in done.output, done.output
    return int(done.exit_code), done.output


@contextmanager
def without(number: int, fails: Callable[[str], bool]) -> Iterator[None]:
    """Openings of files fail with an error of the system. fails: whether that of a path does."""
    opened, opened_by = os.open, builtins.open

    def fail(path: object) -> None:
        if isinstance(path, str | Path) and fails(str(path)):
            raise OSError(number, os.strerror(number), str(path))

    def low(path, *rest, **more):
        fail(path)
        return opened(path, *rest, **more)

    def high(path, *rest, **more):
        fail(path)
        return opened_by(path, *rest, **more)

    os.open, builtins.open, io.open = low, high, high
    try:
        yield
    finally:
        os.open, builtins.open, io.open = opened, opened_by, opened_by


@pytest.fixture
def study(bench, monkeypatch) -> Path:
    monkeypatch.chdir(bench.folder)
    assert said(*bench.run_words(runs=6))[0] == 0
    return bench.folder / "out"


@pytest.mark.fault("F35")
@pytest.mark.parametrize(("number", "words"), [(errno.EMFILE, "ulimit -n"), (errno.ENOMEM, "once others have ended")])
def test_no_file_or_memory_left_says_so_and_takes_nothing_for_damaged(bench, study, number, words) -> None:
    """Exit 7 with the next step; a shard that cannot be opened is not taken away as if it were broken."""
    before = sorted(path.name for path in study.rglob("*.parquet"))
    for command in (("status", "out"), ("verify", "out"), ("export", "out"), bench.run_words(runs=12)):
        with without(number, lambda path: path.startswith("out/runs")):
            code, text = said(*command)
        assert (code, words in text) in ((7, True), (0, False)), (command, text)
        assert code == 7 or command[0] == "status"
    assert sorted(path.name for path in study.rglob("*.parquet")) == before
    assert said(*bench.run_words(runs=12))[0] == 0


SWEEP = """schema: 1
scenario: small.yaml
factors: {events.summit.visibility: [0.5, 1]}
runs: 4
seed: 1
"""
SWEEP_WORDS = ("sweep", "exp.yaml", "--workers", "1", "--out", "swept")


@pytest.fixture
def studies(bench, study) -> Path:
    """A run with a figure that has its checksum, and a sweep."""
    (study / "figures").mkdir(exist_ok=True)
    (study / "figures" / "arms.png").write_bytes(b"drawn")
    note_drawn(study, [study / "figures" / "arms.png"])
    (bench.folder / "exp.yaml").write_text(SWEEP)
    assert said(*SWEEP_WORDS)[0] == 0
    return study


AT: list[tuple[str, tuple[str, ...], int]] = [
    ("out/figures/arms.png", ("verify", "out", "--sample", "0"), 7),  # it was not looked at, with 0
    ("out/SHA256SUMS", ("verify", "out", "--sample", "0"), 7),
    ("out/SHA256SUMS", ("package", "out"), 7),  # it was left out, with 0
    ("out/summary.json", ("status", "out"), 7),  # an interrupted study, with 0
    ("out/explain.json", ("explain", "out"), 7),  # what was there would have been lost
    ("swept/levels.csv", ("verify", "swept"), 7),  # damage, with 6
    ("swept/points", ("report", "swept"), 7),
    ("swept/manifest.json", SWEEP_WORDS, 7),
    ("exp.yaml", SWEEP_WORDS, 4),
    ("out/accords", ("report", "out"), 7),
    ("out/runs", ("compare", "out", "out"), 7),
    ("small.yaml", ("effect", "small.yaml"), 4),
]


@pytest.mark.slow
@pytest.mark.fault("F35")
def test_what_cannot_be_opened_for_want_of_memory_or_files_is_not_taken_for_gone(studies) -> None:
    """Two things look alike to who opens a file: that it is not there, and that the system has no more."""
    (studies / "explain.json").write_text("{}")
    for part, command, wanted in AT:
        with without(errno.EMFILE, lambda path, part=part: path.startswith(part)):
            code, text = said(*command)
        assert code == wanted and os.strerror(errno.EMFILE) in text, (part, command, code, text)
    assert said(*SWEEP_WORDS)[0] == 0  # the folder's lock was left


def made_anew() -> None:
    """Take away what a command makes in a new place."""
    Path("out.zip").unlink(missing_ok=True)
    shutil.rmtree("anew", ignore_errors=True)


@pytest.mark.long
@pytest.mark.fault("F35")
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_long_every_opening_of_every_command(studies, number) -> None:
    """One after the other fails, alone and with all that follow: an error with its code, or the work is done."""
    commands = (
        ("package", "out"), ("effect", "small.yaml"), ("compare", "out", "out"), ("status", "swept"), SWEEP_WORDS,
        (*SWEEP_WORDS[:-1], "anew"), ("verify", "out"), ("verify", "swept"), ("report", "out"), ("report", "swept"),
    )  # fmt: skip
    for command in commands:
        calls: list[str] = []
        with without(number, lambda path, calls=calls: bool(calls.append(path))):
            assert said(*command)[0] == 0
        made_anew()
        for at in range(1, len(calls) + 1, max(len(calls) // 12, 1)):
            for last in (at, len(calls)):
                count = iter(range(1, 1 << 20))
                with without(number, lambda _, a=at, b=last, count=count: a <= next(count) <= b):
                    code, text = said(*command)
                assert code in (0, 4, 7), (command, calls[at - 1], code, text)
                assert not Path("out.zip").exists() or zipfile.ZipFile("out.zip").testzip() is None  # whole
                made_anew()


@pytest.mark.fault("F07")
def test_no_memory_left_in_the_main_process(bench, monkeypatch) -> None:
    """Not in a run, which is recorded, but in what collects them."""
    monkeypatch.chdir(bench.folder)

    def full(*_words: object, **_more: object) -> None:
        raise MemoryError

    monkeypatch.setattr("balance_sim.study.folder.Folder.keep", full)
    code, text = said(*bench.run_words(runs=4))
    assert code == 7 and "no memory is left. What was finished is kept" in text


@pytest.mark.fault("F07")
@pytest.mark.parametrize("said_by", ["liba.so.2: failed to map segment from shared object", "Cannot allocate memory"])
def test_no_memory_left_for_a_library(bench, monkeypatch, said_by) -> None:
    """An ImportError, in the words of the loader; where not even what words it can be imported, it is said without."""
    monkeypatch.chdir(bench.folder)

    def full(*_words: object, **_more: object) -> None:
        raise ImportError(said_by)

    monkeypatch.setattr("balance_sim.study.folder.Folder.keep", full)
    code, text = said(*bench.run_words(runs=4))
    assert code == 7 and "no memory is left. What was finished is kept" in text
    for error, words in ((ImportError(said_by), "no memory is left"), (OSError(errno.ENOMEM, "full"), "files: full")):
        monkeypatch.setattr("balance_sim.cli.program._worded", lambda *_, e=error, **__: (_ for _ in ()).throw(e))
        code, text = said(*bench.run_words(runs=4))
        assert code == 7 and words in text and "the same command goes on" in text


@pytest.mark.fault("F23")
def test_a_working_directory_that_is_gone(bench) -> None:
    gone = bench.folder / "gone"
    gone.mkdir()
    here = Path.cwd()
    try:
        os.chdir(gone)
        gone.rmdir()
        code, text = said("check", "small.yaml")
        assert code in (4, 7), text
        code, text = said("run", str(bench.folder / "small.yaml"), "--runs", "2", "--no-figures", "--workers", "1")
    finally:
        os.chdir(here)
    assert code == 7 and "the working directory is gone: `cd` to a folder that is there" in text


@pytest.mark.fault("F23")
def test_a_folder_whose_name_is_no_utf8_is_written_read_and_gone_on_with(bench, monkeypatch) -> None:
    """The first command worked, the next ended in an internal error."""
    monkeypatch.chdir(bench.folder)
    name = os.fsdecode(b"odd\xff")
    words = bench.run_words(runs=4)
    words = tuple(name if word == "out" else word for word in words)
    assert said(*words)[0] == 0
    for command in (
        tuple("8" if word == "4" else word for word in words), ("status", name), ("verify", name), ("report", name),
        ("export", name, "--out", os.fsdecode(b"odd\xff/rows.csv")), ("export", name), ("package", name),
    ):  # fmt: skip
        code, text = said(*command)
        assert code == 0, (command, text)
    assert said("reproduce", f"{name}.zip", "--workers", "1")[0] == 0


NAMES = {
    "../x:Y": "not of the form module:Class",
    ".x:Y": "not of the form module:Class",
    "x": "not of the form module:Class",
    "quits:X": "cannot be imported (SystemExit: 0)",
    "breaks:X": "cannot be imported (SystemError: odd)",
}


@pytest.mark.parametrize("name", NAMES)
def test_code_of_ones_own_that_cannot_be_had(bench, monkeypatch, name) -> None:
    """A module that ends the program ended it with 0 and without a word."""
    monkeypatch.chdir(bench.folder)
    (bench.folder / "quits.py").write_text("import sys\nsys.exit(0)\n")
    (bench.folder / "breaks.py").write_text("raise SystemError('odd')\n")
    monkeypatch.syspath_prepend(bench.folder)
    for module in ("quits", "breaks"):
        sys.modules.pop(module, None)
    done = CliRunner().invoke(main, [*bench.run_words("--model", name, "--json", runs=2)])
    assert done.exit_code == 2 and NAMES[name] in done.stderr, done.output
    assert json.loads(done.stdout)["ok"] is False


@pytest.mark.fault("F05")
def test_a_run_that_ends_the_program_is_a_run_that_failed(bench, monkeypatch) -> None:
    monkeypatch.chdir(bench.folder)
    monkeypatch.syspath_prepend(bench.folder)
    (bench.folder / "leaves.py").write_text(
        "import sys\nfrom balance_sim.model.agents import StateAgent\n\n\nclass Leaves(StateAgent):\n"
        "    def willingness(self, prospects):\n        sys.exit(0)\n"
    )
    code, text = said(*bench.run_words("--model", "leaves:Leaves", runs=2))
    assert code == 3 and "2 of 2 replications failed" in text
    assert "SystemExit: 0" in (bench.folder / "out" / "failed.json").read_text()


def test_steps_too_small_to_count_are_refused(bench, monkeypatch) -> None:
    monkeypatch.chdir(bench.folder)
    code, text = said("check", "small.yaml", "--set", "step_days=1e-320")
    assert code == 4 and "step_days" in text and "0.001..92" in text


def test_limits_are_finite_and_a_file_is_no_folder(bench, monkeypatch) -> None:
    monkeypatch.chdir(bench.folder)
    for value, words in (("inf", "'inf' is not a finite number"), ("nan", "'nan' is not a number")):
        code, text = said("run", "small.yaml", "--run-timeout", value)
        assert code == 2 and words in text
    Path("note.txt").write_text("no data\n")
    code, text = said("evidence", "fit", "note.txt")
    assert code == 4 and "this is a file, not a folder of data" in text


@pytest.mark.fault("F24")
def test_only_a_new_an_empty_or_our_own_folder_is_written_into(bench, monkeypatch) -> None:
    """`--out /` made folders there; what is somebody's is left alone, byte for byte."""
    monkeypatch.chdir(bench.folder)
    for name in ("mine", "empty"):
        (bench.folder / name).mkdir()
    (bench.folder / "mine" / "thesis.txt").write_text("keep")
    for out in ("mine", "/"):
        code, text = said("run", "small.yaml", "--runs", "2", "--out", out, "--no-figures", "--workers", "1")
        assert code == 2 and "holds other things than results" in text, text
    assert [path.name for path in (bench.folder / "mine").iterdir()] == ["thesis.txt"]
    for _ in range(2):
        words = ("run", "small.yaml", "--runs", "2", "--out", "empty", "--no-figures", "--workers", "1")
        assert said(*words)[0] == 0


@pytest.mark.fault("F33")
def test_very_many_replications_are_estimated_before_they_begin(bench, monkeypatch) -> None:
    """What they take on stderr, and refused where it is more disk than allowed: no folder is made."""
    monkeypatch.chdir(bench.folder)
    code, text = said(*bench.run_words("--max-bytes", "1000000", runs=10_000_000, workers=1))
    assert code == 2 and "plan: 10,000,000 runs x 2 arms" in text and "on disk exceeds" in text, text
    assert not (bench.folder / "out").exists()
    assert SHARD_RUNS and not Store(bench.folder / "out").shards()


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    ("name", "largest", "words"),
    [
        ("manifest.json", 64 << 20, "restore it, or start in a new folder"),
        ("summary.json", 256 << 20, "remove it, and give the command again that wrote the folder"),
    ],
)
def test_a_record_that_nobody_wrote_is_not_read_to_its_end(study, name, largest, words) -> None:
    """A doctored folder held as much memory as its manifest or its summary had bytes."""
    os.truncate(study / name, largest + 1)
    for command in ("status", "report", "verify", "package"):
        code, text = said(command, "out")
        assert code == 6, (command, text)
        assert f"out/{name}: {largest + 1:,} bytes; at most {largest:,} are read." in text, (command, text)
        assert words in text


def test_a_manifest_that_nobody_could_read_is_not_written(bench, monkeypatch) -> None:
    monkeypatch.chdir(bench.folder)
    monkeypatch.setattr(manifest, "LARGEST", 1000)
    code, text = said(*bench.run_words(runs=2))
    assert code == 2 and "bytes; at most 1,000 are read. Shorten the texts" in text
    assert not (bench.folder / "out" / "manifest.json").exists()
