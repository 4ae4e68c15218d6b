"""What a sweep must survive, with real processes. Each kill waits until the sweep has begun to write."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.experiment import load_experiment
from balance_sim.study.differences import leaf_differences
from balance_sim.study.shards import TABLES
from balance_sim.study.store import Store
from balance_sim.study.sweep import sweep

BLOCKS = ("--block", "4")


def killed_and_resumed(lab, kills: int, undisturbed: str) -> None:
    rng = random.Random(3)
    struck = 0
    folder = lab.folder / "out"
    for _ in range(kills):
        before = lab.blocks("out")
        process = lab.start("sweep", "exp.yaml", "--out", "out", "--workers", "2", *BLOCKS)
        wanted = len(before) + rng.randint(0, 2)
        delay = rng.random() * 0.05
        lab.wait_for(lambda p=process, w=wanted: p.poll() is not None or len(lab.blocks("out")) >= w + 1)
        time.sleep(delay)
        acknowledged = lab.blocks("out")
        if process.poll() is None:
            struck += 1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert acknowledged <= lab.blocks("out") or (folder / "summary.json").exists()
    assert struck > 0
    done = lab.ask("sweep", "exp.yaml", "--out", "out", "--workers", "1", *BLOCKS)
    assert done.returncode == 0, done.stderr
    assert lab.digest("out") == undisturbed
    kept = [(one.point, run) for one in Store(folder).kept() for run in range(one.block.first, one.block.stop)]
    assert sorted(kept) == [(point, run) for point in range(6) for run in range(24)]


@pytest.mark.fault("F01")
@pytest.mark.slow
def test_the_whole_group_killed_again_and_again(lab, undisturbed):
    killed_and_resumed(lab, 1, undisturbed)


@pytest.mark.fault("F01")
@pytest.mark.long
def test_the_whole_group_killed_at_fifty_moments(lab, undisturbed):
    killed_and_resumed(lab, 50, undisturbed)


@pytest.mark.fault("F03")
@pytest.mark.long  # in every run: a worker of `run`, test_stops and faults/test_meetings
def test_a_worker_killed_in_mid_sweep_changes_nothing(lab, undisturbed):
    process = lab.start("sweep", "exp.yaml", "--out", "out", "--workers", "2", *BLOCKS)
    worker = lab.wait_for(lambda: lab.workers(process))[0]
    lab.wait_for(lambda: len(lab.blocks("out")) >= 2)
    os.kill(worker, signal.SIGKILL)
    assert process.wait(timeout=120) == 0
    assert lab.digest("out") == undisturbed


@pytest.mark.fault("F02")
@pytest.mark.slow
def test_workers_leave_when_only_their_parent_is_killed(lab, undisturbed):
    process = lab.start("sweep", "exp.yaml", "--out", "out", "--workers", "2", *BLOCKS)
    workers = lab.wait_for(lambda: lab.workers(process) if len(lab.workers(process)) == 2 else None)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    lab.wait_for(lambda: not any(lab.alive(pid) for pid in workers), 2.0)
    done = lab.ask("sweep", "exp.yaml", "--out", "out", "--workers", "1", *BLOCKS)
    assert done.returncode == 0, done.stderr
    assert lab.digest("out") == undisturbed


KILLER = '''
import os
from balance_sim.model.agents import StateAgent


class Killer(StateAgent):
    """Takes its process with it in one run."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if {when}:
            {what}
'''


def run_of_agent() -> str:
    """How an agent tells the number of its run."""
    return "int(self.model.state.runs[0]) == 2"


@pytest.mark.fault("F02")
@pytest.mark.slow
@pytest.mark.parametrize(("first", "count"), [(0, 1), (8, 2)], ids=["while the plan is made", "workers"])
def test_processes_in_the_middle_of_a_long_run_leave_with_their_parent(lab, first, count):
    """F02. They read no pipe then, from which they could learn it."""
    sleep = "open(f'at-{os.getpid()}', 'w').close(); import time; time.sleep(600)"
    text = KILLER.format(when=run_of_agent().replace("== 2", f">= {first}"), what=sleep)
    (lab.folder / "deadly.py").write_text(text)
    words = ("sweep", "exp.yaml", "--out", "out", "--workers", "2", "--model", "deadly:Killer", *BLOCKS)
    process = lab.start(*words)
    lab.wait_for(lambda: len(list(lab.folder.glob("at-*"))) == count)
    asleep = [int(path.name[3:]) for path in lab.folder.glob("at-*")]
    assert process.pid not in asleep and all(lab.alive(pid) for pid in asleep)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    lab.wait_for(lambda: not any(lab.alive(pid) for pid in asleep), 2.0)


@pytest.mark.fault("F04")
@pytest.mark.slow
def test_a_run_that_kills_its_worker_is_named_and_the_rest_completes(lab):
    text = KILLER.format(when=run_of_agent(), what="os._exit(9)")
    (lab.folder / "deadly.py").write_text(text)
    lab.edit("runs: 24", "runs: 4")
    lab.edit("[0, 0.5, 1]", "[1]")
    lab.edit("[0.2, 0.4]", "[0.2]")
    lab.edit("scenario: small.yaml", "scenario: small.yaml\ndesign: {method: list}")
    done = lab.ask("sweep", "exp.yaml", "--out", "out", "--workers", "2", "--block", "2", "--model", "deadly:Killer")
    assert done.returncode == 3, done.stderr
    assert "run 2 of point 0" in done.stderr
    failed = json.loads((lab.folder / "out" / "failed.json").read_text())
    assert [(row["point"], row["run"], row["seed"]) for row in failed] == [(0, 2, 7)]
    assert "killed its worker" in failed[0]["traceback"]
    there = {int(run) for runs, _ in Store(lab.folder / "out").blocks(0) for run in runs["run"].to_pylist()}
    assert there == {0, 1, 3}


@pytest.mark.fault("F05")
@pytest.mark.slow
def test_an_exception_in_one_run_is_kept_with_its_traceback_and_seed(lab, monkeypatch):
    text = KILLER.format(when=run_of_agent(), what='raise RuntimeError("no such treaty")')
    (lab.folder / "raising.py").write_text(text)
    monkeypatch.syspath_prepend(lab.folder)
    lab.edit("runs: 24", "runs: 4")
    lab.edit("[0, 0.5, 1]", "[1]")
    words = ("sweep", "exp.yaml", "--out", "out", "--workers", "1", "--model", "raising:Killer")
    done = lab.ask(*words)
    assert done.returncode == 3, done.stderr
    failed = json.loads((lab.folder / "out" / "failed.json").read_text())
    assert [(row["point"], row["run"]) for row in failed] == [(0, 2), (1, 2)]
    assert all("RuntimeError: no such treaty" in row["traceback"] and row["seed"] == 7 for row in failed)
    again = lab.ask(*words)
    assert again.returncode == 3
    assert "all of them done" in again.stderr
    (lab.folder / "raising.py").write_text(text.replace("== 2", "== -1"))
    monkeypatch.delitem(sys.modules, "raising")
    mended = lab.ask(*words, "--retry-failed")
    assert mended.returncode == 0, mended.stderr
    assert not (lab.folder / "out" / "failed.json").exists()


@pytest.mark.fault("F06")
@pytest.mark.slow
def test_a_run_that_never_ends_is_given_up(lab):
    text = KILLER.format(when=run_of_agent(), what="import time; time.sleep(600)")
    (lab.folder / "endless.py").write_text(text)
    lab.edit("runs: 24", "runs: 3")
    lab.edit("[0, 0.5, 1]", "[1]")
    lab.edit("[0.2, 0.4]", "[0.2]")
    done = lab.ask("sweep", "exp.yaml", "--out", "out", "--workers", "1", "--run-timeout", "0.5",
                   "--block", "1", "--model", "endless:Killer")  # fmt: skip
    assert done.returncode == 3, done.stderr
    failed = json.loads((lab.folder / "out" / "failed.json").read_text())
    assert [row["run"] for row in failed] == [2]
    assert "not done within 0.5 s" in failed[0]["traceback"]


@pytest.mark.fault("F20", "F22")
@pytest.mark.slow
def test_a_second_sweep_on_the_same_folder_is_turned_away_at_once(lab, undisturbed):
    first = lab.start("sweep", "exp.yaml", "--out", "out", "--workers", "1", *BLOCKS)
    lab.wait_for(lambda: lab.blocks("out"))
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = lab.ask("sweep", "exp.yaml", "--out", "out", "--workers", "1")
        status = lab.ask("status", "out", "--json")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 5
    assert "being written by another" in second.stderr
    assert json.loads(status.stdout)["running"] is True
    assert first.wait(timeout=120) == 0
    assert lab.digest("out") == undisturbed


@pytest.mark.fault("F08")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.long),  # in every run: two of them, test_stops
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGHUP, 143, marks=pytest.mark.long),
    ],
)
def test_a_signal_stops_cleanly_and_names_the_command_that_goes_on(lab, number, code):
    process = subprocess.Popen(
        lab.args("sweep", "exp.yaml", "--out", "out", "--workers", "2", *BLOCKS),
        cwd=lab.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lab.wait_for(lambda: lab.blocks("out"))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("done before the signal came")
    assert process.returncode == code, err
    assert "balance-sim sweep exp.yaml --out out" in err
    assert not Store(lab.folder / "out").is_written()


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.fault("F11")
@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_and_room_lets_it_go_on(lab, undisturbed, small_disk):
    out = str(small_disk / "out")
    (small_disk / "ballast").write_bytes(b"x" * 60_000)
    words = ("sweep", "exp.yaml", "--out", out, "--workers", "1", *BLOCKS)
    done = lab.ask(*words)
    assert done.returncode == 7, done.stderr
    assert "No space left" in done.stderr
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    done = lab.ask(*words)
    assert done.returncode == 0, done.stderr
    assert lab.digest(out) == undisturbed


def flipped(lab, offsets: int, at_once: int) -> None:
    """Bits turned over, one a shard, in `at_once` shards: each seen by reading, and each healed by the same call."""
    rng = random.Random(11)
    experiment = load_experiment(lab.path)
    good = sweep(experiment, out=lab.folder / "out").digest
    store = Store(lab.folder / "out")
    sound = {shard: shard.path.read_bytes() for table in TABLES for shard in store.shards(table)}
    for _ in range(offsets // at_once):
        bad = sorted(rng.sample(sorted(sound), at_once))
        for shard in bad:
            content = bytearray(sound[shard])
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            shard.path.write_bytes(bytes(content))
            with pytest.raises(StoreDamaged, match="not those it was written with"):
                shard.table()
        assert sorted(store.damaged()) == bad
        assert sweep(experiment, out=lab.folder / "out").digest == good
        assert {shard: shard.path.read_bytes() for shard in sound} == sound


@pytest.mark.fault("F16")
@pytest.mark.slow
def test_flipped_bits_are_found_and_healed(lab):
    flipped(lab, 36, at_once=12)


@pytest.mark.fault("F16")
@pytest.mark.long
def test_a_thousand_flipped_bits_are_found_and_healed(lab):
    flipped(lab, 1000, at_once=5)


@pytest.mark.fault("F16")
def test_a_flipped_bit_ends_an_export_with_6_until_the_same_command_is_given_again(swept):
    lab, words = swept, ("sweep", "exp.yaml", "--out", "out", "--workers", "1")
    good, shard = lab.digest("out"), Store(lab.folder / "out").shards("runs")[3]
    content = bytearray(shard.path.read_bytes())
    content[len(content) // 2] ^= 1
    shard.path.write_bytes(bytes(content))
    assert lab.ask("export", "out").returncode == 6
    assert lab.ask(*words).returncode == 0
    assert lab.digest("out") == good
    assert lab.ask("export", "out").returncode == 0


@pytest.mark.fault("F24")
def test_a_folder_of_another_study_is_told_of_in_four_short_lines(tmp_path: Path) -> None:
    """Two worlds differ in thousands of values: what people know a study by comes first, the rest by its sections."""
    small = load_scenario(Path("experiments/smoke/five_states.yaml"))
    run(small, runs=2, seed=1, out=tmp_path / "r")
    with pytest.raises(WrongRequest) as caught:
        run(load_scenario(Path("scenarios/beijing_2025.yaml")), runs=2, seed=2, out=tmp_path / "r")
    lines = str(caught.value).partition("What differs:\n")[2].splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["title", "arms", "seed", "and also"]
    assert all(len(line) <= 80 for line in lines) and "{" not in str(caught.value)
    assert lines[1].startswith("  arms: no_summit, summit there, 11 (disunity")
    assert lines[2] == "  seed: 1 there, 2 asked for"
    with pytest.raises(WrongRequest, match=r"\n  parameters\.beta: \S+ there, 0\.123 asked for$"):
        run(with_values(small, {"parameters.beta": 0.123}), runs=2, seed=1, out=tmp_path / "r")


@pytest.mark.fault("F24")
def test_a_scenario_edited_in_between_is_refused_with_the_keys(swept):
    lab, words = swept, ("sweep", "exp.yaml", "--out", "out", "--workers", "1")
    text = lab.scenario_path.read_text()
    lab.scenario_path.write_text(text.replace("rivalry: 0.8", "rivalry: 0.7"))
    done = lab.ask(*words)
    assert done.returncode == 2
    assert "disputes.0.rivalry: 0.8 there, 0.7 asked for" in done.stderr
    assert "choose another --out, or delete the folder to start anew" in done.stderr
    lab.scenario_path.write_text(text)
    assert lab.ask(*words).returncode == 0


@pytest.mark.fault("F25")
@pytest.mark.parametrize(("program", "version"), [("numpy", "1.26.4"), ("balance_sim", "0.0.9")])
def test_a_sweep_of_other_versions_is_refused_with_both(swept, program, version):
    """Read as before, gone on with by nobody: nothing is written into it."""
    lab, words = swept, ("sweep", "exp.yaml", "--out", "out", "--workers", "1")
    store = Store(lab.folder / "out")
    manifest = store.read_manifest()
    assert manifest is not None
    mine = manifest.versions[program]
    store.write_manifest(manifest.model_copy(update={"versions": manifest.versions | {program: version}}))
    before = {path: path.read_bytes() for path in (lab.folder / "out").rglob("*") if path.is_file()}
    lab.edit("runs: 24", "runs: 48")
    done = lab.ask(*words)
    assert done.returncode == 2
    line = next(line for line in done.stderr.splitlines() if f"version of {program}:" in line)
    assert version in line and mine in line
    assert {path: path.read_bytes() for path in (lab.folder / "out").rglob("*") if path.is_file()} == before
    assert lab.ask("export", "out").returncode == 0


def test_lists_of_names_differ_by_name_and_others_by_place():
    a, b = {"arms": ["x", "y"], "windows": [30, 90]}, {"arms": ["y", "z"], "windows": [30, 60]}
    assert leaf_differences(a, b) == [
        "arms.x: 'x' there, None asked for",
        "arms.z: None there, 'z' asked for",
        "windows.1: 90 there, 60 asked for",
    ]
    assert leaf_differences({"a": ["x", "y"]}, {"a": ["y", "x"]}) == [
        "a.0: 'x' there, 'y' asked for",
        "a.1: 'y' there, 'x' asked for",
    ]
    assert leaf_differences(["x"], []) == ["x: 'x' there, None asked for"]
