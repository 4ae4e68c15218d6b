"""The same sweep on a Dask cluster: a real scheduler and real workers on loopback, one of them killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from balance_sim.games.plan import load_game
from balance_sim.games.study import play

pytest.importorskip("distributed")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=[2])
def cluster(tmp_path, request):
    """(address, worker processes): a scheduler and so many workers of one thread each, outside this process."""
    said = (tmp_path / "scheduler.log").open("w+")
    started = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=said, stderr=subprocess.STDOUT, cwd=tmp_path,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    scheduler = start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = None
    until = time.monotonic() + 60
    while address is None and time.monotonic() < until:
        found = re.search(r"Scheduler at:\s+(tcp://[\d.:]+)", (tmp_path / "scheduler.log").read_text())
        address = found[1] if found else None
        time.sleep(0.05)
    assert address, (tmp_path / "scheduler.log").read_text()
    workers = [
        start("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        for _ in range(request.param)
    ]
    workers[0].scheduler = scheduler  # type: ignore[attr-defined]
    yield address, workers
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.fault("F13")
@pytest.mark.slow
def test_a_cluster_gives_the_same_digest_with_one_worker_killed(lab, cluster, undisturbed):
    address, workers = cluster
    process = lab.start("sweep", "exp.yaml", "--out", "there", "--scheduler", address, block=4)
    lab.wait_for(lambda: len(lab.blocks("there")) >= 2, 120)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert process.wait(timeout=180) == 0
    assert lab.digest("there") == undisturbed
    _a_game_too(lab, address)


def _a_game_too(lab, address: str) -> None:
    """Profiles simulated on the worker that is left: the digest is that of this machine."""
    dilemma = str(ROOT / "games" / "security_dilemma.yaml")
    words = ["game", dilemma, "--runs", "12", "--draws", "0", "--no-figures", "--json"]
    there = lab.ask(*words, "--out", "game-there", "--scheduler", address)
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout)["digest"] == play(load_game(dilemma), 12).result.digest


@pytest.mark.fault("F14")
@pytest.mark.slow
@pytest.mark.parametrize("cluster", [1], indirect=True, ids=[""])
@pytest.mark.parametrize("lost", ["scheduler", "workers"])
def test_a_cluster_that_is_lost_ends_the_command_with_what_to_do(lab, cluster, lost) -> None:
    """A scheduler that dies ended in a traceback; without any worker the command waited for ever, in silence."""
    address, workers = cluster
    lab.edit("runs: 24", "runs: 20000")
    program = (
        "import sys; from balance_sim.study import cluster; cluster.WORKERLESS_SECONDS = 2; "
        "from balance_sim.study import plan; plan.block_runs = lambda *_: 4; "
        "from balance_sim.cli import main; main(sys.argv[1:])"
    )
    words = [sys.executable, "-c", program, "sweep", "exp.yaml", "--out", "there", "--scheduler", address]
    process = subprocess.Popen(words, cwd=lab.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lab.wait_for(lambda: len(lab.blocks("there")) >= 2, 120)
    for one in workers if lost == "workers" else [workers[0].scheduler]:
        os.kill(one.pid, signal.SIGKILL)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 7 and "Traceback" not in errors, errors
    assert {"scheduler": "the Dask scheduler is gone", "workers": "has had no worker for 2 s"}[lost] in errors
    assert "What was finished is kept: the same command goes on" in errors
    assert len(lab.blocks("there")) >= 2


def test_a_scheduler_that_does_not_answer_is_a_wrong_request(lab, monkeypatch):
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.study import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(WrongRequest, match=r"no Dask scheduler with workers answers at tcp://127\.0\.0\.1:9"):
        cluster.connect("tcp://127.0.0.1:9")
