"""A small world and a small experiment in a folder of their own, and the program as a process."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from balance_sim.cli import main
from balance_sim.evidence.posterior.priors import SEED, prior_draws
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.fingerprint import posterior_digest, priors_digest
from balance_sim.study.draws import draws_bytes
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
SOLOMON = ROOT / "scenarios" / "solomon_2022.yaml"
FIVE_STATES = ROOT / "experiments" / "smoke" / "five_states.yaml"
EXPERIMENT = """schema: 1
title: a small sweep
scenario: small.yaml
factors:
  events.summit.visibility: [0, 0.5, 1]
  parameters.beta: [0.2, 0.4]
arms: [no_summit, summit]
runs: 24
seed: 7
outcomes: [accords_all_300]
"""
THREE_POINTS = """schema: 1
title: three points
scenario: small.yaml
factors: {events.summit.visibility: [0, 0.5, 1]}
arms: [no_summit, summit]
runs: 24
seed: 7
outcomes: [accords_all_300]
"""
IN_BLOCKS = """
import sys
from balance_sim.cli import main
from balance_sim.study import plan
plan.block_runs = lambda *_: {block}
main(sys.argv[1:])
"""


def small_text() -> str:
    """Five states, a year in steps of a month: a run takes a millisecond or less. One window, and hardly a day on which
    that fits in once more: placebos would take longer than the runs. The summit is aimed at nobody, so that any state
    may take part in it."""
    text = FIVE_STATES.read_text(encoding="utf-8").replace("focal: summit ", "step_days: 30\nfocal: summit ")
    return text.replace("end: 2026-01-01 ", "end: 2025-12-10 ").replace("windows: [30, 90, 300]", "windows: [300]")


def answered(*words: object) -> tuple[int, str]:
    """Exit code of a command, done in this process, and all that it printed."""
    result = CliRunner().invoke(main, list(map(str, words)))
    assert "Traceback" not in result.output and "internal error" not in result.output, result.output
    return result.exit_code, result.output


def solomon_with_draws(folder: Path, count: int, seed: int = SEED) -> Path:
    """The smallest shipped scenario with a table of draws of its own, which are those of its prior."""
    shutil.copytree(SOLOMON.with_suffix(""), folder / SOLOMON.stem, ignore=shutil.ignore_patterns("posterior*"))
    lines = [line for line in SOLOMON.read_text().splitlines() if not line.startswith("posterior:")]
    path = folder / SOLOMON.name
    path.write_text("\n".join(lines) + "\n")
    scenario = load_scenario(path)
    draws = prior_draws(scenario, count, seed)
    head = {"command": f"balance-sim evidence posterior scenarios/{SOLOMON.name}", "version": "0",
            "draws": "posterior.csv.gz", "count": count, "sha256": draws.sha256,
            "scenario_sha256": posterior_digest(scenario, ()), "values": {}, "priors_sha256": priors_digest(),
            "method": {}, "informed": {}}  # fmt: skip
    (folder / SOLOMON.stem / "posterior.csv.gz").write_bytes(draws_bytes(draws))
    (folder / SOLOMON.stem / "posterior.yaml").write_text(yaml.safe_dump(head, sort_keys=False))
    path.write_text(f"posterior: {SOLOMON.stem}/posterior.yaml\n" + path.read_text())
    return path


class Lab:
    """A folder with a scenario and an experiment, and what the program says when it is run there: in a process of its
    own by `call` and `start`, in this one and in a fraction of the time by `ask`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scenario_path = folder / "small.yaml"
        self.scenario_path.write_text(small_text(), encoding="utf-8")
        self.path = folder / "exp.yaml"
        self.path.write_text(EXPERIMENT, encoding="utf-8")

    @property
    def scenario(self) -> Scenario:
        return load_scenario(self.scenario_path)

    def edit(self, old: str, new: str) -> None:
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def args(self, *words: str, block: int | None = None) -> list[str]:
        """The command; in blocks of so many replications, so that there are several."""
        if block is None:
            return [sys.executable, "-m", "balance_sim", *words]
        return [sys.executable, "-c", IN_BLOCKS.format(block=block), *words]

    def call(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.args(*words), cwd=self.folder, capture_output=True, text=True, timeout=300,
            env=os.environ | {"PYTHONPATH": str(self.folder)} | env, check=False,
        )  # fmt: skip

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(main, list(words))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    def start(self, *words: str, block: int | None = None, **env: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.args(*words, block=block), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, env=os.environ | {"PYTHONPATH": str(self.folder)} | env,
        )  # fmt: skip

    @staticmethod
    def ended(process: subprocess.Popen[bytes], seconds: float = 120.0) -> int:
        """The exit code of a process when it has ended; its whole group is gone then, also where it did not end."""
        try:
            return process.wait(timeout=seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def digest(self, out: str) -> str:
        return str(json.loads((self.folder / out / "summary.json").read_text())["digest"])

    def blocks(self, out: str) -> set[str]:
        """Names of the blocks that are done."""
        path = self.folder / out / "runs"
        return {name for name in os.listdir(path) if name.endswith(".parquet")} if path.is_dir() else set()

    @staticmethod
    def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Poll until the condition gives something; fail if it never does."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = condition()
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError("waited in vain")

    @staticmethod
    def workers(driver: subprocess.Popen[Any]) -> list[int]:
        """Worker processes of a driver, without the resource tracker."""
        words: list[str] = []
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{driver.pid}/task").glob("*/children"):
                words += path.read_text().split()
        out = []
        for word in words:
            try:
                line = Path(f"/proc/{word}/cmdline").read_bytes()
            except OSError:
                continue
            if b"spawn_main" in line:
                out.append(int(word))
        return out

    @staticmethod
    def group(leader: subprocess.Popen[Any]) -> list[int]:
        """Living processes that began with this one: workers, the one that draws, and the resource tracker."""
        pids = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, group = path.read_text().rsplit(")", 1)[1].split()[:3]
                if int(group) == leader.pid and state != "Z":
                    pids.append(int(path.parent.name))
        return [pid for pid in pids if pid != leader.pid]

    @staticmethod
    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab in whose `out` the small sweep is done, in one process and undisturbed."""
    lab = Lab(tmp_path_factory.mktemp("calm"))
    done = lab.ask("sweep", "exp.yaml", "--no-figures", "--out", "out", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return lab


@pytest.fixture
def undisturbed(calm: Lab) -> str:
    """The digest of the small sweep."""
    return calm.digest("out")


@pytest.fixture
def swept(lab: Lab, calm: Lab) -> Lab:
    """A lab in whose `out` the small sweep is done."""
    shutil.copytree(calm.folder / "out", lab.folder / "out")
    return lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    path = tmp_path_factory.mktemp("small") / "small.yaml"
    path.write_text(small_text(), encoding="utf-8")
    return load_scenario(path)
