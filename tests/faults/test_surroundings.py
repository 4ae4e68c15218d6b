"""Signals, limits, terminals, languages, homes: what surrounds a study does not change what comes of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import balance_sim
import numpy as np
import pytest
from balance_sim.cli import main
from balance_sim.effects.run import run
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.store import Store
from click.testing import CliRunner

pytestmark = pytest.mark.slow

GREEDY = """
from balance_sim.model.agents import StateAgent


class Greedy(StateAgent):
    def consents(self, *words, **more):
        if self.model.state.runs[0] == 2:
            bytearray(1 << 40)
        return super().consents(*words, **more)
"""
FAILING = """
from balance_sim.model.agents import StateAgent


class Failing(StateAgent):
    def __init__(self, *words, **more):
        raise ValueError("no state today")
"""


def until(condition, seconds: float = 60.0) -> None:
    """Poll; fail if it never holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.mark.long  # in every run: stopped with its workers, and with a time limit, study/test_stops
@pytest.mark.fault("F09")
def test_stopped_for_a_while_and_continued(bench, calm) -> None:
    """F09. Longer than the time limit of its runs: no run is given up, none is done twice."""
    process = bench.start(*bench.run_words("--run-timeout", "0.4", workers=2))
    until((bench.folder / "out" / "runs").exists)
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(timeout=120) == 0
    assert bench.digest() == calm


@pytest.mark.fault("F07")
def test_a_run_that_wants_too_much_memory_is_named(bench) -> None:
    """F07. The error of the allocation itself; the other runs are kept. Exit 3."""
    (bench.folder / "greedy.py").write_text(GREEDY)
    done = bench.call(*bench.run_words("--model", "greedy:Greedy", runs=5))
    assert done.returncode == 3, done.stderr
    failed = json.loads((bench.folder / "out" / "failed.json").read_text())
    assert [row["run"] for row in failed] == [2]
    assert "MemoryError" in failed[0]["traceback"]


@pytest.mark.fault("F31")
def test_where_every_run_fails_it_is_said(bench) -> None:
    """F31. Exit 3; summary, status and verify still answer, and no table holds a number."""
    (bench.folder / "failing.py").write_text(FAILING)
    done = bench.ask(*bench.run_words("--model", "failing:Failing", runs=3))
    assert done.returncode == 3, done.stderr
    assert "3 of 3 replications failed" in done.stderr
    summary = json.loads((bench.folder / "out" / "summary.json").read_text())
    assert summary["failed_runs"] == 3
    assert all(row["mean"] is None for row in summary["arms"].get("summit", {}).values())
    assert "no state today" in json.loads((bench.folder / "out" / "failed.json").read_text())[0]["traceback"]
    for words, codes in ((("status", "out"), (0,)), (("verify", "out"), (0,)), (("export", "out"), (0, 2))):
        assert bench.ask(*words).returncode in codes


@pytest.mark.fault("F31")
def test_one_run_and_no_difference(bench) -> None:
    """F31. One run gives no interval; an arm that changes nothing gives an effect of exactly nought."""
    done = bench.ask(*bench.run_words("--json", "--set", "events.summit.visibility=0", runs=1))
    assert done.returncode == 0, done.stderr
    effects = json.loads(done.stdout)["effects"]["summit"]
    assert all(row["mean"] in (0.0, None) and row["ci95"] == [None, None] for row in effects.values())


@pytest.mark.fault("F08", "F22")
def test_readers_see_a_whole_study_while_it_is_written(bench) -> None:
    """F22. status, export and verify in mid-run: right answers, and the writer is not disturbed."""
    process = bench.start(*bench.run_words(runs=200_000))
    until(lambda: len(Store(bench.folder / "out").shards()) >= 2)
    done = bench.ask("status", "out", "--json")
    assert json.loads(done.stdout)["running"] is True
    assert bench.ask("export", "out", "--out", "part.csv").returncode == 0
    done = bench.ask("verify", "out", "--sample", "1")
    assert done.returncode == 0, done.stderr
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    said = process.stderr.read().decode() if process.stderr else ""
    assert "finished runs are kept" in said and "balance-sim run small.yaml" in said


@pytest.mark.fault("F34")
def test_nobody_reads_what_it_prints(bench, calm) -> None:
    """F34. stdout into a program that leaves, stderr or all streams closed, a terminal of 20 columns."""
    command = " ".join(bench.words(*bench.run_words()))
    for shell in (f"{command} | true", f"{command} >&- 2>&- <&-", f"COLUMNS=20 {command} 2>&-"):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", shell], cwd=bench.folder, env=bench.environment(), text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (shell, done.stderr)
        assert "Traceback" not in done.stderr
    assert bench.digest() == calm


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


@pytest.mark.fault("F35")
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_few_open_files(bench, calm, workers: int) -> None:
    """F35. 32 file descriptors: done by one process and by two."""
    done = bench.call(*bench.run_words(workers=workers), preexec_fn=few_files)
    assert done.returncode == 0, done.stderr
    assert bench.digest() == calm


@pytest.mark.fault("F28", "F36")
def test_without_a_home_and_without_a_language(bench, calm, tmp_path_factory) -> None:
    """F28, F36. No HOME, no XDG folders, Turkish, another time zone: the same bytes, none written elsewhere. With
    figures: test_disks and tests/show."""
    elsewhere = tmp_path_factory.mktemp("tmp")
    env = {"PATH": os.environ["PATH"], "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "9",
           "TMPDIR": str(elsewhere), "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    before = set(bench.folder.rglob("*"))
    done = subprocess.run(
        bench.words(*bench.run_words()), cwd=bench.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert bench.digest() == calm
    new = {p for p in bench.folder.rglob("*") if p not in before}
    assert all(p.is_relative_to(bench.folder / "out") for p in new)
    assert [p.name for p in elsewhere.iterdir()] == []


@pytest.mark.fault("F37")
def test_a_missing_extra_is_one_line_with_the_command(bench) -> None:
    """F37. As if SALib were not installed: a sweep that needs it ends with 2 before anything is run or written."""
    (bench.folder / "exp.yaml").write_text(
        "schema: 1\nscenario: small.yaml\nfactors:\n"
        "  events.summit.visibility: {min: 0, max: 1}\n  parameters.beta: {min: 0, max: 1}\n"
        "design: {method: morris, samples: 4}\nruns: 10\n"
    )
    (bench.folder / "SALib.py").write_text("raise ImportError('none')\n")
    done = bench.call("sweep", "exp.yaml", "--out", "out", "--workers", "1")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "pip install 'balance-sim[sensitivity]'" in done.stderr
    assert not (bench.folder / "out").exists()


@pytest.mark.fault("F33")
def test_a_plan_too_large_for_the_disk_is_refused_before_it_begins(bench) -> None:
    """F33."""
    (bench.folder / "exp.yaml").write_text(
        "schema: 1\nscenario: small.yaml\nfactors: {events.summit.visibility: [0, 1]}\nruns: 1000\n"
    )
    done = bench.ask("sweep", "exp.yaml", "--max-bytes", "1000", "--out", "big")
    assert done.returncode == 2 and "on disk exceeds 1000 bytes" in done.stderr
    assert done.stderr.index("about ") < done.stderr.index("exceeds"), "the estimate comes first"
    many = ", ".join(f"{n / 100}" for n in range(100))
    (bench.folder / "cells.yaml").write_text(
        "schema: 1\nscenario: small.yaml\nruns: 1\n"
        f"factors: {{events.summit.visibility: [{many}], parameters.beta: [{many}]}}\n"
    )
    done = bench.ask("sweep", "cells.yaml", "--dry-run", "--max-bytes", "1000")
    assert done.returncode == 2 and "10,000 points x 1 runs" in done.stderr, done.stderr
    done = bench.ask("sweep", "exp.yaml", "--max-runs", "10", "--out", "big")
    assert done.returncode == 4 and "E405" in done.stderr
    assert Store(bench.folder / "big").shards() == []


@pytest.mark.long  # the form of every run: of several starts at once exactly one runs, test_meetings
@pytest.mark.fault("F20")
def test_several_starts_on_one_folder(bench, calm) -> None:
    """F20. Some run to the end or are turned away with 5, at once; nothing is damaged."""
    started = [bench.start(*bench.run_words()) for _ in range(3)]
    codes = [process.wait(timeout=120) for process in started]
    assert set(codes) <= {0, 5} and 0 in codes
    assert bench.digest() == calm
    assert bench.ask("verify", "out").returncode == 0
    assert Path(bench.folder / "out" / "lock").exists()


ODD = """
from balance_sim.model.agents import StateAgent


class Odd(StateAgent):
    def {method}(self, *words):
        value = super().{method}(*words)
        return value * float("{number}") if self.model.state.runs[0] == 2 and self.model.day >= 60 else value
"""


@pytest.mark.fault("F30")
@pytest.mark.parametrize(
    ("method", "number", "said"),
    [("willingness", "nan", r"willingness of [A-Z]{3} for [A-Z]{3} is nan on day \d+ after the start"),
     ("effort_after", "inf", r"effort of [A-Z]{3} is (inf|nan) on day \d+ after the start, in run 2")],
)  # fmt: skip
def test_a_number_that_is_none_makes_the_run_fail(bench, small, monkeypatch, method, number, said) -> None:
    """F30. Named with variable, state and day; counted as failed; in no mean, which are those of the other runs."""
    monkeypatch.syspath_prepend(bench.folder)
    name = f"odd_{method}"
    (bench.folder / f"{name}.py").write_text(ODD.format(method=method, number=number))
    found = run(small, 4, 1, model=f"{name}:Odd", out=bench.folder / "out")
    assert [row["run"] for row in found.failed] == [2]
    assert re.search(said, found.failed[0]["traceback"].splitlines()[-1]), found.failed[0]["traceback"]
    summary = found.summary()
    assert summary["failed_runs"] == 1 and "failed: 1 replications" in invoke("status", str(bench.folder / "out"))[1]
    sound = run(small, 4, 1, model="balance_sim.model.agents:StateAgent").outcomes
    others = sound[sound["run"] != 2].reset_index(drop=True)
    drawn = [name for name in others.columns if not name.startswith(FILTERED)]  # nothing is thinned for odd agents
    assert found.outcomes.reset_index(drop=True)[drawn].equals(others[drawn])
    for outcome, row in summary["effects"]["summit"].items():
        column = (FILTERED if row["estimator"] == "filtered" else "") + outcome
        by_arm = found.outcomes.set_index(["run", "arm"])[column].unstack()
        mean = (by_arm["summit"] - by_arm["no_summit"]).mean(skipna=False)
        assert row["mean"] == pytest.approx(mean) or (row["mean"] is None and np.isnan(mean))


def invoke(*words: str) -> tuple[int, str]:
    """Exit code, and all that was said, of the program in this process."""
    done = CliRunner().invoke(main, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.mark.fault("F31")
@pytest.mark.parametrize("name", ["failed", "one", "alike"])
def test_nothing_to_show_is_shown(bench, small, monkeypatch, name) -> None:
    """F31. No run, one, or no difference: commands that read the study answer. Figures and reports of all three:
    tests/show."""
    monkeypatch.chdir(bench.folder)
    monkeypatch.syspath_prepend(bench.folder)
    (bench.folder / "failing.py").write_text(FAILING)
    runs, model = {"failed": (3, "failing:Failing"), "one": (1, None), "alike": (20, None)}[name]
    unseen = [one.model_copy(update={"visibility": 0.0}) for one in small.events]
    scenario = small.model_copy(update={"events": tuple(unseen)}) if name == "alike" else small
    run(scenario, runs, 1, out=bench.folder / "out", model=model)
    assert invoke("status", "out")[0] == 0
    assert invoke("compare", "out", "out")[0] == 0
    code, said = invoke("export", "out", "--out", "out.csv")
    assert (code, "no finished runs" in said) == ((2, True) if name == "failed" else (0, False)), said
    if name == "failed":
        assert invoke("report", "out")[0] == 0
        assert "No replication finished" in (bench.folder / "out" / "report.html").read_text()
        code, said = invoke("explore", "out")  # it would live new points, by other agents than these
        assert code == 2 and "was made with --model" in said, said


NOBODY = 54_321  # a user without processes: root itself is bound by no limit on them


def few_processes() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))


@pytest.mark.fault("F35")
def test_no_further_process_or_thread_may_be_started(bench, calm) -> None:
    """F35. A limit on processes, which are threads too: said, and the runs are done in this one. The same bytes."""
    with tempfile.TemporaryDirectory(prefix="few") as place:
        shutil.copy(bench.folder / "small.yaml", place)
        os.chmod(place, 0o777)
        words = [sys.executable, "-m", "balance_sim"]
        how = {"cwd": place, "preexec_fn": few_processes, "capture_output": True, "text": True, "timeout": 120,
               "env": bench.environment(HOME="/nowhere", OPENBLAS_NUM_THREADS="1", PYTHONPATH="")}  # fmt: skip
        try:
            may = subprocess.run([*words, "--version"], check=False, **how).returncode == 0
        except PermissionError:
            may = False
        if not may:
            pytest.skip("another user may not use this Python")
        done = subprocess.run([*words, *bench.run_words(workers=2)], check=False, **how)
        assert done.returncode == 0, done.stderr
        assert "0 of 2 worker processes could be started" in done.stderr
        assert "done in this process, one after the other" in done.stderr
        assert "Traceback" not in done.stderr
        assert bench.digest(Path(place) / "out") == calm


@pytest.mark.fault("F35")
def test_without_shared_memory(bench, calm) -> None:
    """F35. No /dev/shm: workers have pipes."""
    hidden = 'mkdir -p /dev/shm && mount -t tmpfs -o ro tmpfs /dev/shm && ! touch /dev/shm/x 2>&- && exec "$@"'
    cut = ["unshare", "-m", "sh", "-c", hidden, "sh"]
    if subprocess.run([*cut, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not take /dev/shm away here")
    with tempfile.TemporaryDirectory(prefix="elsewhere") as place:  # the folder of a test may be in /dev/shm itself
        shutil.copy(bench.folder / "small.yaml", place)
        done = subprocess.run(
            [*cut, *bench.words(*bench.run_words(workers=2))], cwd=place, env=bench.environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert bench.digest(Path(place) / "out") == calm


@pytest.mark.fault("F38")
def test_a_damaged_table_of_the_package_is_told_of(bench) -> None:
    """F38. A copy of the package with the record that an installation writes; one table cut, edited, gone."""
    site = bench.folder / "site"
    source = Path(balance_sim.__file__).parent
    shutil.copytree(source, site / "balance_sim", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    about = site / "balance_sim-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: balance-sim\nVersion: 0\n")
    rows = []
    for path in sorted(one for one in (site / "balance_sim").rglob("*") if one.is_file()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        rows.append(f"{path.relative_to(site)},sha256={digest},{path.stat().st_size}\n")
    (about / "RECORD").write_text("".join(rows))

    def check() -> subprocess.CompletedProcess[str]:
        return bench.call("check", "small.yaml", env={"PYTHONPATH": str(site)})

    assert check().returncode == 0
    damages = {"codes.csv": (lambda one: one[: len(one) // 2], None),
               "defaults.yaml": (lambda one: one.replace(b"0.1", b"0.2"),)}  # fmt: skip
    for name, ways in damages.items():
        table = site / "balance_sim" / "scenario" / name
        sound = table.read_bytes()
        for damage in ways:
            table.write_bytes(damage(sound)) if damage is not None else table.unlink()
            done = check()
            assert done.returncode == 4, done.stderr
            assert f"{table}:1:1: error[E008]" in done.stderr and "pip install --force-reinstall" in done.stderr
        table.write_bytes(sound)
