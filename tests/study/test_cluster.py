"""The same sweep on a Dask cluster: a real scheduler and real workers on loopback, which are killed one after another."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from balance_sim.games.plan import load_game
from balance_sim.games.study import play
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study import cluster as dask_cluster

ROOT = Path(__file__).resolve().parents[2]


class DaskProcesses:
    """A scheduler and workers of one thread each, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, []
        self.log = (folder / "scheduler.log").open("w+")
        self.scheduler = self.start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = ""

    def start(self, program: str, *words: str, folder: Path | None = None) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *words, "--no-dashboard"], stdout=self.log,
            stderr=subprocess.STDOUT, cwd=folder or self.folder, start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def worker(self, folder: Path | None = None) -> subprocess.Popen[bytes]:
        until = time.monotonic() + 60
        while not self.address and time.monotonic() < until:
            said = re.search(r"Scheduler at:\s+(tcp://[\d.:]+)", (self.folder / "scheduler.log").read_text())
            self.address = said[1] if said else time.sleep(0.05) or ""
        assert self.address, (self.folder / "scheduler.log").read_text()
        return self.start("dask_worker", self.address, "--nthreads", "1", "--no-nanny", folder=folder)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskProcesses]:
    processes = DaskProcesses(tmp_path)
    yield processes
    for process in processes.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def swept_without(lab, cluster: DaskProcesses, process: subprocess.Popen[bytes], out: str):
    """A sweep on the cluster, one of whose processes is killed when two blocks are done."""

    def kill() -> None:
        lab.wait_for(lambda: len(lab.blocks(out)) >= 2, 120)
        os.kill(process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    done = lab.ask("sweep", "exp.yaml", "--no-figures", "--out", out, "--scheduler", cluster.address)
    killer.join()
    return done


@pytest.mark.needs("distributed")
@pytest.mark.fault("F13", "F14")
@pytest.mark.slow
def test_a_cluster_loses_a_worker_then_all_and_then_its_scheduler(lab, cluster, undisturbed, monkeypatch) -> None:
    """With a worker left, the digest is that of this machine, and that of a game is. A scheduler that dies ended in a
    traceback; without any worker the command waited for ever, in silence."""
    first, second = cluster.worker(), cluster.worker()
    monkeypatch.setattr("balance_sim.study.plan.block_runs", lambda *_: 4)
    monkeypatch.setattr(dask_cluster, "WORKERLESS_SECONDS", 2)
    done = swept_without(lab, cluster, first, "there")
    assert done.returncode == 0, done.stderr
    assert first.wait(10) == -signal.SIGKILL and lab.digest("there") == undisturbed
    game_as_here(cluster.address)
    lab.edit("runs: 24", "runs: 400")
    lost_as_told(lab, cluster, second, "has had no worker for 2 s")
    cluster.worker()
    lost_as_told(lab, cluster, cluster.scheduler, "the Dask scheduler is gone")


def game_as_here(address: str) -> None:
    dilemma = load_game(ROOT / "games" / "security_dilemma.yaml")
    with dask_cluster.connect(address) as client:
        assert play(dilemma, 12, client=client).result.digest == play(dilemma, 12).result.digest


def lost_as_told(lab, cluster: DaskProcesses, process: subprocess.Popen[bytes], said: str) -> None:
    """The command ends with 7, with why and with what to do, and what was finished is kept."""
    done = swept_without(lab, cluster, process, f"without-{process.pid}")
    assert done.returncode == 7, done.stderr
    assert said in done.stderr and "What was finished is kept: the same command goes on" in done.stderr
    assert len(lab.blocks(f"without-{process.pid}")) >= 2


@pytest.mark.needs("distributed")
def test_a_scheduler_that_does_not_answer_is_a_wrong_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(WrongRequest, match=r"no Dask scheduler with workers answers at tcp://127\.0\.0\.1:9"):
        dask_cluster.connect("tcp://127.0.0.1:9")
