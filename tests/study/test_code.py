"""One fingerprint of code: whoever has another text of the package, of a module of one's own or of a helper refuses."""

import importlib
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import balance_sim as bs
import pytest
from balance_sim.archive.verify import verify
from balance_sim.model.own import fingerprint
from balance_sim.model.own.fingerprint import CodeDiffers, CodeFingerprint, code_fingerprint, packed
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.processes import run_elsewhere
from balance_sim.study.store import Store

from .test_cluster import cluster  # noqa: F401 - a fixture

MINE = """import helper

def signed(history):
    "Agreements, as the helper counts."
    return helper.count(history) + {plus}
"""
HELPER = "import numpy\n\ndef count(history):\n    return numpy.full(len(history.runs), {times}.0)\n"


@pytest.fixture
def mine(lab, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of outcomes of one's own that imports a helper. No bytecode: Python takes that of a text of the same
    second and length, and a test writes two of these."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.syspath_prepend(lab.folder)
    for name in ("mine", "helper"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (lab.folder / "mine.py").write_text(MINE.format(plus=0))
    (lab.folder / "helper.py").write_text(HELPER.format(times=1))
    return lab.folder


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new process begins."""
    for name in ("mine", "helper"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_the_fingerprint_holds_helpers_and_no_installed_module(mine: Path) -> None:
    code = code_fingerprint(["mine:signed"])
    assert {*code.modules} == {"mine", "helper"}
    assert len(code.package) == 64
    other = CodeFingerprint("0" * 64, {"mine": code.modules["mine"]})
    assert [name for name, *_ in code.differences(other)] == ["balance_sim", "helper"]


def test_sources_that_only_draw_are_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("model/rule.py", "show/figure.py"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_text("x = 1\n")
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path)
    before = fingerprint._package_sha256()
    (tmp_path / "show/figure.py").write_text("x = 2\n")
    assert fingerprint._package_sha256() == before
    (tmp_path / "model/rule.py").write_text("x = 2\n")
    assert fingerprint._package_sha256() != before


@pytest.mark.fault("F12")
@pytest.mark.parametrize("name", ["mine", "helper"])
def test_an_edited_module_is_refused_by_the_folder_and_by_who_has_it_loaded(
    lab, small, mine: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bs.run(small, 4, 1, out=lab.folder / "out", outcomes="mine")
    (made,) = Store(lab.folder / "out").manifest().versions
    (mine / f"{name}.py").write_text((mine / f"{name}.py").read_text() + "# edited\n")
    with pytest.raises(CodeDiffers, match=rf"{name} \w+, not {made.own_code[name][:12]}.*edited after it was imported"):
        bs.run(small, 4, 1, outcomes="mine")
    forget(monkeypatch)
    with pytest.raises(WrongRequest, match=rf"code: {name} {made.own_code[name][:12]} there"):
        bs.run(small, 8, 1, out=lab.folder / "out", outcomes="mine")


def test_a_module_edited_before_its_first_study_is_refused_until_it_is_reloaded(small, mine: Path) -> None:
    """What a notebook does: import, edit, run."""
    module = importlib.import_module("mine")
    text = (mine / "mine.py").read_text()
    for edited in (text.replace("+ 0", "+ 1_000"), text + "    an error"):
        (mine / "mine.py").write_text(edited)
        with pytest.raises(CodeDiffers, match=r"mine.*importlib\.reload"):
            bs.run(small, 2, outcomes=module.signed)
    (mine / "mine.py").write_text(text.replace("+ 0", "+ 1_000"))
    result = bs.run(small, 2, outcomes=importlib.reload(module).signed)
    assert set(result.outcomes["own_signed"]) == {1001.0}


def test_a_package_edited_since_it_was_loaded_is_refused_where_more_of_it_may_load(mine: Path, monkeypatch) -> None:
    """A worker that has taken one study, and loads another module of the package for the next."""
    payload = packed({"any": "job"}, ["mine:signed"])
    monkeypatch.setattr(fingerprint, "_package_sha256", lambda: "e" * 64)
    with pytest.raises(CodeDiffers, match=r"balance_sim e{12}, not \w{12}"):
        pickle.loads(payload)


def test_a_repair_is_one_only_where_replications_failed(lab, mine: Path, monkeypatch) -> None:
    lab.edit("runs: 24", "runs: 2")
    bs.sweep(lab.path, out=lab.folder / "out", outcomes="mine")
    (mine / "helper.py").write_text(HELPER.format(times=2))
    forget(monkeypatch)
    with pytest.raises(WrongRequest, match="code: helper"):
        bs.sweep(lab.path, out=lab.folder / "out", outcomes="mine", retry_failed=True)
    with pytest.raises(CodeDiffers, match="helper"):
        verify(lab.folder / "out")


@pytest.mark.slow
def test_a_local_worker_with_other_rules_under_the_same_version_refuses(lab, monkeypatch) -> None:
    """The driver's package is another one than that on disk, which the worker loads."""
    monkeypatch.setattr(fingerprint, "LOADED_PACKAGE", "f" * 64)
    with pytest.raises(CodeDiffers, match=r"a worker has other code.*balance_sim \w{12}, not f{12}"):
        bs.run(lab.scenario, 8, 1, run_timeout=60.0)


@pytest.mark.fault("F12")
@pytest.mark.slow
def test_a_module_edited_in_mid_run_is_refused_by_the_workers_that_start_then(mine: Path, lab) -> None:
    """Killed workers are replaced, and the new ones would load the new text."""
    (mine / "helper.py").write_text("import os, time\n\ndef pid(task):\n    time.sleep(0.2)\n    return os.getpid()\n")
    (mine / "mine.py").write_text(
        "import helper\n\nclass Job:\n    references = ('mine:Job',)\n"
        "    def begin(self): return self.do\n    def do(self, task): return helper.pid(task)\n    def named(self, task): return str(task)\n"
        "    def limit(self, task): return None\n    def pieces(self, task): return ()\n"
        "    def lost(self, task, why): return 0\n"
    )
    import mine as module

    def edit_and_kill() -> None:
        job = module.Job()
        for pid in run_elsewhere(job, range(30), 2):
            (mine / "helper.py").write_text((mine / "helper.py").read_text() + "# edited\n")
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(CodeDiffers, match="helper"):
        edit_and_kill()


@pytest.mark.slow
def test_an_edit_while_a_study_runs_is_told_of_as_it_ends(mine: Path, lab, small) -> None:
    def edit(done: int, *_: int) -> None:
        if done:
            (mine / "helper.py").write_text(HELPER.format(times=2))

    with pytest.raises(CodeDiffers, match="helper"):
        bs.run(small, 4, 1, outcomes="mine", progress=edit)


@pytest.mark.needs("distributed")
@pytest.mark.slow
def test_a_dask_worker_that_holds_a_module_as_it_was_refuses(lab, mine: Path, cluster, monkeypatch) -> None:  # noqa: F811
    """A cluster on which a module was edited between two studies, and one with other rules under the same version."""
    from balance_sim.study.cluster import connect

    cluster.worker()
    client = connect(cluster.address)
    client.run(lambda folder: sys.path.insert(0, folder), str(mine))
    where = {"client": client, "outcomes": "mine"}
    lab.edit("runs: 24", "runs: 2")
    lab.edit("outcomes: [accords_all_300]", "outcomes: [own_signed]")
    first = bs.sweep(lab.path, out=lab.folder / "a", **where)
    assert set(first.levels["mean"]) == {1.0}
    before = code_fingerprint(["mine"]).modules["helper"]
    (mine / "helper.py").write_text(HELPER.format(times=2))
    forget(monkeypatch)
    with pytest.raises(CodeDiffers) as caught:
        bs.sweep(lab.path, out=lab.folder / "b", **where)
    assert before[:12] in str(caught.value)
    assert code_fingerprint(["mine"]).modules["helper"][:12] in str(caught.value)
    (mine / "helper.py").write_text(HELPER.format(times=1))
    forget(monkeypatch)
    monkeypatch.setattr(fingerprint, "LOADED_PACKAGE", "f" * 64)
    with pytest.raises(CodeDiffers, match=r"not f{12}"):
        bs.sweep(lab.path, out=lab.folder / "c", **where)
    client.close()


def test_a_job_that_is_unpacked_where_the_code_is_another_one_is_refused(mine: Path, monkeypatch) -> None:
    payload = packed({"any": "job"}, ["mine:signed"])
    assert pickle.loads(payload) == {"any": "job"}
    (mine / "mine.py").write_text(MINE.format(plus=1))
    forget(monkeypatch)
    with pytest.raises(CodeDiffers, match="mine"):
        pickle.loads(payload)


IN_ANOTHER_PROCESS = (
    "import pickle, sys; print(pickle.load(sys.stdin.buffer)); import ours.mine; print(ours.mine.answer())"
)


@pytest.mark.slow
def test_modules_that_another_process_lacks_are_sent_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package, one module of which imports another; nothing of it is left when the process has ended. What the other
    process has itself is not replaced: it is compared."""
    here, there, temporary = (tmp_path / name for name in ("here", "there", "temporary"))
    for folder in (here / "ours", there, temporary):
        folder.mkdir(parents=True)
    (here / "ours" / "__init__.py").write_text("FACTOR = 6\n")
    (here / "ours" / "helper.py").write_text("from . import FACTOR\n\ndef times(n):\n    return FACTOR * n\n")
    (here / "ours" / "mine.py").write_text("from .helper import times\n\ndef answer():\n    return times(7)\n")
    monkeypatch.syspath_prepend(here)
    payload = packed({"any": "job"}, ["ours.mine:answer"])
    for name in ("ours", "ours.mine", "ours.helper"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def unpacked_there() -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
        env = os.environ | {"TMPDIR": str(temporary)}
        return subprocess.run(command, cwd=there, env=env, input=payload, capture_output=True)

    done = unpacked_there()
    assert done.stdout.decode().splitlines() == ["{'any': 'job'}", "42"], done.stderr.decode()
    assert not [*temporary.iterdir()] and not [*there.iterdir()]
    shutil.copytree(here / "ours", there / "ours")
    (there / "ours" / "__init__.py").write_text("FACTOR = 5\n")
    done = unpacked_there()
    assert done.returncode != 0 and "a worker has other code than the study: ours " in done.stderr.decode()


@pytest.mark.needs("distributed")
@pytest.mark.slow
def test_a_dask_worker_is_sent_a_module_and_named_where_that_does_not_do(
    lab,
    mine: Path,
    cluster,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A worker that has neither the module of outcomes nor its helper gives what this process gives. What the helper
    imports of installed packages is not sent."""
    from balance_sim.study.cluster import connect

    worker = cluster.worker(tmp_path_factory.mktemp("elsewhere"))
    lab.edit("runs: 24", "runs: 2")
    here = bs.sweep(lab.path, out=lab.folder / "here", outcomes="mine")
    with connect(cluster.address) as client:
        there = bs.sweep(lab.path, out=lab.folder / "there", outcomes="mine", client=client)
        assert there.digest == here.digest and "own_signed" in set(there.point(0).outcomes)
        (lab.folder / "site-packages").mkdir()
        (lab.folder / "site-packages" / "only_here.py").write_text("")
        (mine / "needy.py").write_text(f"import only_here\n{MINE.format(plus=0)}")
        monkeypatch.syspath_prepend(lab.folder / "site-packages")
        with pytest.raises(CodeDiffers) as caught:
            bs.sweep(lab.path, out=lab.folder / "needy", outcomes="needy", client=client)
    for said in (socket.gethostname(), str(worker.pid), "needy", "only_here"):
        assert said in str(caught.value)
    assert "terms" not in str(caught.value)
