"""What a study survives, one test a row of docs/faults.md; workers alone are in test_pool, Dask in test_cluster, and
edited code in test_code."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from balance_sim.archive.verify import verify
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.scenario.errors import CannotWrite, FolderBusy, StoreDamaged, WrongRequest
from balance_sim.study.folder import Folder, manifest_of
from balance_sim.study.jobs import Job
from balance_sim.study.manifest import write_manifest
from balance_sim.study.store import Store

WORDS = ("sweep", "exp.yaml", "--no-figures", "--out", "out")
WORKERS = ("--workers", "2")
OWN = '''
import os, time
from balance_sim.model.agents import StateAgent


class Own(StateAgent):
    """Does something else in one replication."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if int(self.model.state.runs[0]) == 2:
            {what}
'''


@pytest.fixture(autouse=True)
def no_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test's own module is another one."""
    monkeypatch.delitem(sys.modules, "own", raising=False)


def own_model(lab, what: str) -> tuple[str, ...]:
    """The words of a sweep of one factor and four runs by a model that does this in run 2."""
    (lab.folder / "own.py").write_text(OWN.format(what=what))
    lab.edit("runs: 24", "runs: 4")
    lab.edit("[0, 0.5, 1]", "[1]")
    lab.edit("[0.2, 0.4]", "[0.2]")
    return (*WORDS, "--model", "own:Own")


def failed(lab) -> list[dict]:
    return json.loads((lab.folder / "out" / "failed.json").read_text())


def runs_there(lab) -> set[int]:
    return {run for runs, _ in Store(lab.folder / "out").blocks(0) for run in runs["run"].to_pylist()}


# -- who is killed ------------------------------------------------------------------------------------


@pytest.mark.fault("F01")
@pytest.mark.slow
def test_a_killed_worker_changes_nothing(lab, undisturbed, monkeypatch, caplog) -> None:
    monkeypatch.setattr("balance_sim.study.plan.block_runs", lambda *_: 4)

    def kill() -> None:
        lab.wait_for(lambda: len(lab.blocks("out")) >= 2)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    done = lab.ask(*WORDS, *WORKERS)
    killer.join()
    assert done.returncode == 0 and "a worker died" in caplog.text + done.stderr
    assert lab.digest("out") == undisturbed


@pytest.mark.fault("F02")
@pytest.mark.slow
def test_workers_leave_with_a_killed_driver_and_the_command_goes_on(lab, undisturbed) -> None:
    process = lab.start(*WORDS, *WORKERS, block=4)
    workers = lab.wait_for(lambda: lab.workers(process) if len(lab.workers(process)) == 2 else None)
    lab.wait_for(lambda: lab.blocks("out"))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    lab.wait_for(lambda: not any(lab.alive(pid) for pid in workers), 5.0)
    assert lab.ask(*WORDS, "--workers", "1").returncode == 0
    assert lab.digest("out") == undisturbed


@pytest.mark.fault("F02")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "others"), [(("small.yaml", "--runs", "2000"), 3), (("beijing_2025", "--runs", "16"), 2)]
)
def test_all_that_a_run_has_started_leaves_with_it_when_it_alone_is_killed(
    lab, words: tuple[str, ...], others: int
) -> None:
    """Two workers; or of a large scenario the process that works out placebos and draws; and Python's own that tracks
    resources: within seconds, whatever they are at."""
    process = lab.start("run", *words, *WORKERS, "--out", "out")
    lab.wait_for(lambda: (lab.folder / "out" / "manifest.json").exists() and len(lab.group(process)) >= others)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    lab.wait_for(lambda: not lab.group(process), 10.0)


@pytest.mark.fault("F03")
@pytest.mark.slow
def test_a_killed_machine_loses_nothing_that_was_written(lab, undisturbed) -> None:
    """All processes at once, twice; what stood before stands after."""
    for _ in range(2):
        process = lab.start(*WORDS, *WORKERS, block=4)
        before = len(lab.blocks("out"))
        lab.wait_for(lambda p=process, n=before: p.poll() is not None or len(lab.blocks("out")) > n)
        written = lab.blocks("out")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert written <= lab.blocks("out")
    assert lab.ask(*WORDS, "--workers", "1").returncode == 0
    assert lab.digest("out") == undisturbed
    stored = [
        (point, run) for point, done in Store(lab.folder / "out").done().items() for one in done for run in one.runs
    ]
    assert sorted(stored) == [(point, run) for point in range(6) for run in range(24)]


# -- disks --------------------------------------------------------------------------------------------


@pytest.mark.fault("F04")
@pytest.mark.slow
def test_a_full_disk_ends_with_7_and_room_lets_it_go_on(lab, undisturbed, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("balance_sim.study.plan.block_runs", lambda *_: 4)
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    try:
        sweep = ("sweep", "exp.yaml", "--no-figures", "--out", str(disk / "out"), "--workers", "1")
        done = lab.ask(*sweep)
        assert done.returncode == 7 and "No space left" in done.stderr, done.stderr
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        assert lab.ask(*sweep).returncode == 0
        assert lab.digest(str(disk / "out")) == undisturbed
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.mark.fault("F05")
def test_a_write_that_fails_leaves_the_old_file_and_no_half_one(lab, monkeypatch) -> None:
    """Read-only, no rights, no room: every write goes through one function."""
    store = Store(lab.folder / "out").lock()
    store.write_text("note.txt", "old")
    for number in (errno.ENOSPC, errno.EROFS, errno.EACCES):

        def fails(*_words, number=number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", fails)
            with pytest.raises(CannotWrite, match=r"note\.txt \(3 bytes needed\)"):
                store.write_text("note.txt", "new")
        assert (lab.folder / "out" / "note.txt").read_text() == "old"
        assert list((lab.folder / "out").glob(".*.partial")) == []
    with pytest.raises(CannotWrite):
        Store(Path("/proc/out")).lock()


@pytest.mark.fault("F06")
def test_a_shared_disk_is_left_alone_where_it_holds_other_things(lab) -> None:
    (lab.folder / "out").mkdir()
    (lab.folder / "out" / "thesis.doc").write_text("mine")
    done = lab.ask(*WORDS, "--workers", "1")
    assert done.returncode == 2 and "thesis.doc" in done.stderr
    assert os.listdir(lab.folder / "out") == ["thesis.doc"]
    (lab.folder / "out" / "thesis.doc").rename(lab.folder / "out" / "effects.csv")
    assert lab.ask(*WORDS, "--workers", "1").returncode == 2, "a name of ours, and no study of ours"
    assert (lab.folder / "out" / "effects.csv").read_text() == "mine"


# -- shards -------------------------------------------------------------------------------------------


@pytest.fixture
def stored(small, tmp_path: Path) -> tuple[Path, str]:
    """A run in two shards of a folder, and its digest."""
    run(small, 20, 1, out=tmp_path / "out")
    result = run(small, 40, 1, out=tmp_path / "out")
    return tmp_path / "out", result.digest


def damage(folder: Path, kind: str, table: str) -> Path:
    """The file of the second shard's table that is damaged, or gone."""
    path = sorted((folder / table).iterdir())[1]
    content = bytearray(path.read_bytes())
    if kind == "missing":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    return path


DAMAGES = [*(("flipped", table) for table in ("runs", "accords", "dyads", "shards")),
           ("cut", "runs"), ("missing", "dyads"), ("missing", "shards")]  # fmt: skip


def read_all(folder: Path) -> None:
    result = open_result(folder)
    assert result.digest and len(result.dyads)


@pytest.mark.fault("F07", "F08")
@pytest.mark.parametrize(("kind", "table"), DAMAGES)
def test_a_damaged_or_missing_shard_is_named_and_simulated_again(small, stored, kind, table, caplog) -> None:
    folder, digest = stored
    path = damage(folder, kind, table)
    if (kind, table) != ("missing", "shards"):  # else it was never there, for all that anybody knows
        with pytest.raises(StoreDamaged) as caught:
            read_all(folder)
        assert caught.value.exit_code == 6
        assert f"{table}/{path.name}" in str(caught.value)
    again = run(small, 40, 1, out=folder)
    assert again.digest == digest == open_result(folder).digest
    assert (path.name in caplog.text) or (kind, table) == ("missing", "shards")


@pytest.mark.fault("F09")
def test_a_shard_of_another_study_is_named_and_taken_away(small, stored, tmp_path: Path) -> None:
    folder, digest = stored
    run(small, 40, 2, out=tmp_path / "other")
    for table in ("runs", "accords", "dyads", "shards"):
        source = min((tmp_path / "other" / table).iterdir())
        shutil.copy(source, folder / table / source.name)
    with pytest.raises(StoreDamaged, match="another study"):
        open_result(folder)
    assert run(small, 40, 1, out=folder).digest == digest


@pytest.mark.fault("F09")
def test_a_shard_that_is_there_twice_is_named(small, stored) -> None:
    folder, _ = stored
    for table in ("runs", "accords", "dyads", "shards"):
        source = max((folder / table).iterdir())
        shutil.copy(source, source.with_name(f"000099{source.suffix}"))
    for ask in (read_all, verify, lambda place: run(small, 40, 1, out=place)):
        with pytest.raises(StoreDamaged, match=r"000099\.json"):
            ask(folder)


# -- several users ------------------------------------------------------------------------------------


@pytest.mark.fault("F10")
@pytest.mark.slow
def test_of_two_processes_on_one_folder_one_runs_and_readers_see_whole_blocks(
    lab, undisturbed, monkeypatch, caplog
) -> None:
    """The second waits, and ends with 5 where that takes too long; another study is refused at once."""
    monkeypatch.setattr("balance_sim.study.folder.MOST_WAITING", 0.5)
    first = lab.start(*WORDS, "--workers", "1", block=4)
    lab.wait_for(lambda: len(lab.blocks("out")) >= 2)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second, status = lab.ask(*WORDS, "--workers", "1"), lab.ask("status", "out", "--json")
        assert "waiting for it" in caplog.text + second.stderr
        caplog.clear()
        other = lab.ask(*WORDS, "--workers", "1", "--seed", "8")
        export = lab.ask("export", "out")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 5
    assert other.returncode == 2 and "holds another study" in other.stderr
    assert "waiting for it" not in caplog.text + other.stderr
    assert json.loads(status.stdout)["running"] is True
    assert export.returncode == 0
    assert first.wait(timeout=120) == 0
    assert lab.digest("out") == undisturbed


@pytest.mark.fault("F10")
def test_of_two_that_open_a_new_folder_at_once_one_waits_for_the_other(small, tmp_path: Path) -> None:
    """Of what the first was making the second saw folders without a manifest, and refused."""
    manifest = manifest_of("run", Job(small, 1, tuple(small.arms)), {})
    inside: list[int] = []

    def opened(folder: Path, start: threading.Barrier) -> int:
        start.wait()
        with Folder(folder, manifest) as store:
            inside.append(1)
            assert len(inside) == 1  # one at a time
            store.update(runs=2)
            inside.clear()
        return store.study.runs

    with ThreadPoolExecutor(4) as threads:
        for number in range(40):
            start = threading.Barrier(4)
            tries = [threads.submit(opened, tmp_path / str(number), start) for _ in range(4)]
            assert [each.result() for each in tries] == [2] * 4


@pytest.mark.fault("F10")
@pytest.mark.slow
def test_two_runs_on_one_new_folder_at_once_both_give_the_answer(lab) -> None:
    words = ("run", "small.yaml", "--runs", "8", "--seed", "1", "--workers", "1", "--no-figures", "--json")
    alone = lab.call(*words, "--out", "alone")
    for number in range(3):
        out = f"both-{number}"
        with ThreadPoolExecutor(2) as threads:
            both = [threads.submit(lab.call, *words, "--out", out) for _ in range(2)]
        for done in (each.result() for each in both):
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["digest"] == json.loads(alone.stdout)["digest"]
        assert [*lab.blocks(out)] == ["000000.parquet"]  # simulated once


@pytest.mark.fault("F10")
def test_a_strangers_file_called_lock_is_left_alone(small, tmp_path: Path) -> None:
    for name in ("lock", "letters.txt"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(WrongRequest, match=r"letters\.txt"):
        run(small, 2, 1, out=tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"lock": "mine", "letters.txt": "mine"}


def test_a_lock_falls_with_who_holds_it(tmp_path: Path) -> None:
    holder, other = Store(tmp_path).lock(), Store(tmp_path)
    assert other.is_written()
    with pytest.raises(FolderBusy):
        other.lock()
    holder.unlock()
    assert not other.is_written()
    other.lock().unlock()


# -- edited inputs ------------------------------------------------------------------------------------


@pytest.mark.fault("F11")
def test_an_edited_scenario_is_refused_with_the_keys(swept) -> None:
    lab, words = swept, (*WORDS, "--workers", "1")
    text = lab.scenario_path.read_text()
    lab.scenario_path.write_text(text.replace("rivalry: 0.8", "rivalry: 0.7"))
    done = lab.ask(*words)
    assert done.returncode == 2
    assert "disputes.0.rivalry: 0.8 there, 0.7 asked for" in done.stderr
    lab.scenario_path.write_text(text)
    assert lab.ask(*words).returncode == 0


def test_results_of_another_version_are_not_gone_on_with(small, stored) -> None:
    """Another format of the manifest; another version of a program; each entry of `versions` is one resume."""
    folder, _ = stored
    store = Store(folder)
    manifest = store.manifest()
    write_manifest(store.folder, manifest.model_copy(update={"manifest_version": 3}).model_dump())
    with pytest.raises(WrongRequest, match="another version of balance-sim"):
        open_result(folder)
    write_manifest(store.folder, manifest.model_dump())
    (made,) = manifest.versions

    def of(**programs: str):
        return made.model_copy(update={"programs": made.programs | programs})

    write_manifest(store.folder, manifest.model_copy(update={"versions": [of(pandas="0.1")]}).model_dump())
    run(small, 48, 1, out=folder)
    assert [entry.programs["pandas"] for entry in store.manifest().versions] == ["0.1", made.programs["pandas"]]
    for other, value in (
        (of(balance_sim="0.0.9"), made.programs["balance_sim"]),
        (of(numpy="0.0.9"), made.programs["numpy"]),
        (made.model_copy(update={"code": "0" * 64}), made.code),
    ):
        write_manifest(store.folder, manifest.model_copy(update={"versions": [other]}).model_dump())
        with pytest.raises(WrongRequest) as caught:
            run(small, 48, 1, out=folder)
        assert caught.value.exit_code == 2 and value[:5] in str(caught.value)


# -- interrupted --------------------------------------------------------------------------------------


@pytest.mark.fault("F15")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.long)]
)
def test_ctrl_c_stops_cleanly_and_names_the_command_that_goes_on(lab, number, code) -> None:
    """To the whole group, as a terminal sends it, and twice."""
    process = subprocess.Popen(
        lab.args(*WORDS, *WORKERS, block=4), cwd=lab.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    lab.wait_for(lambda: lab.blocks("out"))
    os.killpg(process.pid, number)
    os.killpg(process.pid, number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert errors.count("balance-sim sweep exp.yaml --no-figures --out out") == 1
    assert not Store(lab.folder / "out").is_written()


# -- replications that go wrong -----------------------------------------------------------------------


@pytest.mark.fault("F16")
@pytest.mark.slow
def test_a_replication_that_raises_is_kept_with_its_traceback_and_seed(lab, monkeypatch) -> None:
    monkeypatch.syspath_prepend(lab.folder)
    words = (*own_model(lab, 'raise RuntimeError("no such treaty")'), "--workers", "1")
    done = lab.ask(*words)
    assert done.returncode == 3, done.stderr
    assert [(row["point"], row["run"], row["seed"]) for row in failed(lab)] == [(0, 2, 7)]
    assert "RuntimeError: no such treaty" in failed(lab)[0]["traceback"]
    assert runs_there(lab) == {0, 1, 3}
    assert lab.ask(*words).returncode == 3
    (lab.folder / "own.py").write_text(OWN.format(what="pass"))
    monkeypatch.delitem(sys.modules, "own")
    assert lab.ask(*words).returncode == 2  # the text is another one
    monkeypatch.delitem(sys.modules, "own")
    assert lab.ask(*words, "--retry-failed").returncode == 0
    assert not (lab.folder / "out" / "failed.json").exists() and runs_there(lab) == {0, 1, 2, 3}


@pytest.mark.fault("F17")
@pytest.mark.slow
def test_a_replication_that_hangs_is_given_up_by_the_time_limit(lab, monkeypatch) -> None:
    monkeypatch.syspath_prepend(lab.folder)
    done = lab.ask(*own_model(lab, "time.sleep(600)"), "--workers", "1", "--run-timeout", "1")
    assert done.returncode == 3, done.stderr
    assert [row["run"] for row in failed(lab)] == [2]
    assert "not done within 1 s" in failed(lab)[0]["traceback"]
    assert runs_there(lab) == {0, 1, 3}


@pytest.mark.fault("F01", "F18")
@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "no memory"])
def test_a_replication_that_takes_its_worker_or_all_memory_is_named(lab, monkeypatch, end: str) -> None:
    monkeypatch.syspath_prepend(lab.folder)
    monkeypatch.setattr("balance_sim.study.processes.TRIES", 1)
    what = {"killed": "os._exit(9)", "no memory": "bytearray(1 << 60)"}[end]
    done = lab.ask(*own_model(lab, what), "--workers", "1", "--run-timeout", "60")
    assert done.returncode == 3, done.stderr
    assert [row["run"] for row in failed(lab)] == [2]
    said = {"killed": "killed its worker", "no memory": "MemoryError"}[end]
    assert said in failed(lab)[0]["traceback"]
    assert runs_there(lab) == {0, 1, 3}


@pytest.mark.fault("F01", "F17")
@pytest.mark.slow
@pytest.mark.parametrize("what", ["os._exit(9)", "time.sleep(600)"])
def test_an_outcome_that_hangs_or_ends_its_process_takes_no_driver_with_it(lab, monkeypatch, what: str) -> None:
    monkeypatch.syspath_prepend(lab.folder)
    monkeypatch.setattr("balance_sim.study.processes.TRIES", 1)
    text = f"import os, time\n\ndef nap(history):\n    if 2 in history.runs:\n        {what}\n    return history.runs * 0.0\n"
    monkeypatch.delitem(sys.modules, "naps", raising=False)
    (lab.folder / "naps.py").write_text(text)
    done = lab.ask(*own_model(lab, "pass")[:-2], "--outcomes", "naps", "--workers", "1", "--run-timeout", "1")
    assert done.returncode == 3, done.stderr
    assert {row["run"] for row in failed(lab)} == {2}
