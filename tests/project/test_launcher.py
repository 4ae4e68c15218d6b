"""`./balance-sim` and `./balance-sim-test`, with invented interpreters on PATH: what they take, say and leave behind.

A stub answers as an interpreter of a version would and makes an environment whose program prints what it was given; the
shell, its utilities and what runs in the environment are real. `-m long` installs for real, and needs the network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["sh", "dirname", "readlink", "sed", "cat", "cksum", "cut", "mkdir", "rm", "find", "cp", "sleep"]
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
PROGRAM = "import os, sys; print('ran', sys.argv[1:], os.path.basename(sys.argv[0]), os.getcwd())"
PYTHON = """#!/bin/sh
echo "$0 $*" >>"$STUBS/log"
case "$*" in
  *ensurepip*) {about} ;;
  '-m pip --version') exit {pip} ;;
  '-m venv '*) mkdir -p "$3/bin" && cp "$STUBS/inside" "$3/bin/python" ;;
  '-m pip install '*--target*) mkdir -p "$6/bin" && cp "$STUBS/uv" "$6/bin/uv" ;;
  *) exit 9 ;;
esac
"""
INSIDE = """#!/bin/sh
bin=$(dirname "$0")
case "$*" in
  -m*) echo "$0 $*" >>"$STUBS/log" ;;
esac
case "$*" in
  '-m pip install '*' uv') cp "$STUBS/uv" "$bin/uv" ;;
  '-m pip '*) cp "$STUBS/program" "$bin/balance-sim" && cp "$STUBS/program" "$bin/pytest" ;;
  *) exec "$REAL" "$@" ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >>"$STUBS/log"
case "$*" in
  --version) ;;
  'run '*) echo "uv $*, in $PWD" ;;
  'venv '*) sleep "${PAUSE:-0}"; mkdir -p "$5/bin" && cp "$STUBS/inside" "$5/bin/python"; exit "${FAILS:-0}" ;;
  *) bin=$(dirname "$5") && cp "$STUBS/program" "$bin/balance-sim" && cp "$STUBS/program" "$bin/pytest" ;;
esac
"""


class Machine:
    """A clone, and a PATH with nothing but a shell's tools and the interpreters that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.stubs, self.here = folder / "a clone", folder / "stubs", folder / "else where"
        for one in (self.clone, self.stubs, self.here, folder / "tools"):
            one.mkdir()
        for name in ("balance-sim", "balance-sim-test", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.clone)
        for name in TOOLS:
            found = shutil.which(name)
            assert found, name
            (folder / "tools" / name).symlink_to(found)
        for name, text in (("inside", INSIDE), ("uv", UV), ("program", PROGRAM), ("log", "")):
            self._write(self.stubs / name, text)
        self.path = [str(folder / "tools")]
        self.env = {"STUBS": str(self.stubs), "REAL": sys.executable, "BALANCE_SIM_PLACES": "", "HOME": str(folder)}

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def python(self, name: str, about: str, *, pip: bool = True, folder: str = "bin") -> Path:
        """An interpreter: `about` is what the probe finds: version, fits, has venv and ensurepip, may fetch uv."""
        into = self.stubs / folder
        into.mkdir(exist_ok=True)
        answer = f'echo "{about}"' if about else "exit 127"
        self._write(into / name, PYTHON.format(about=answer, pip=0 if pip else 1))
        if str(into) not in self.path:
            self.path.append(str(into))
        return into / name

    def with_uv(self) -> Machine:
        (self.stubs / "uvbin").mkdir()
        shutil.copy(self.stubs / "uv", self.stubs / "uvbin")
        self.path.append(str(self.stubs / "uvbin"))
        return self

    def words(self, *words: str, shell: str = "", script: str = "balance-sim") -> list[str]:
        return [*([shutil.which(shell) or ""] if shell else []), *(["sh"] if shell == "busybox" else []),
                str(self.clone / script), *words]  # fmt: skip

    def start(
        self, *words: str, shell: str = "", script: str = "balance-sim", **env: str
    ) -> subprocess.CompletedProcess[str]:
        env = self.env | {"PATH": ":".join(self.path)} | env
        command = self.words(*words, shell=shell, script=script)
        return subprocess.run(command, cwd=self.here, env=env, capture_output=True, text=True, timeout=60)

    def log(self) -> str:
        return (self.stubs / "log").read_text()

    def left(self) -> list[str]:
        """What lies in the folder of environments."""
        return sorted(one.name for one in (self.clone / ".venv-run").iterdir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_with_uv_and_then_without_anything(machine: Machine, shell: str) -> None:
    """The second start asks nobody; arguments and the working directory reach the program as they were given."""
    machine.with_uv().python("python3.13", "3.13.5 1 1 1")
    words = ("run", "a b", "", "it's", '"$x"', "--", "-n", "*")
    first = machine.start(*words, shell=shell)
    assert first.stdout == f"ran {list(words)} balance-sim {machine.here}\n", first.stderr
    assert first.stderr.startswith("balance-sim: first start: installing ") and first.stderr.count("\n") == 1
    assert "pip install -q --python" in machine.log() and machine.log().rstrip().endswith("-c constraints.txt -e .")
    before = machine.log()
    machine.path = machine.path[:1]
    second = machine.start("--version", shell=shell)
    assert (second.returncode, second.stdout.split("]")[0], second.stderr) == (0, "ran ['--version'", "")
    assert machine.log() == before and [name.split("-")[0] for name in machine.left()] == ["run"]


def test_an_old_python_first_on_path_and_a_shim_of_nothing(machine: Machine) -> None:
    """`python3` is 3.9 and `python3.12` a shim that fails: the 3.12 that stands last is taken, with pip."""
    machine.python("python3", "3.9.6 0 1 1", folder="old")
    machine.python("python3.12", "", folder="shims")
    taken = machine.python("python3", "3.12.4 1 1 1", folder="new")
    done = machine.start("x")
    assert done.stdout.startswith("ran ['x']"), done.stderr
    assert f"with pip and Python 3.12.4 ({taken})" in done.stderr and f"{taken} -m venv" in machine.log()


def test_a_newer_python_in_a_usual_place(machine: Machine) -> None:
    machine.python("python3", "3.9.6 0 1 1")
    taken = machine.python("python3.13", "3.13.1 1 1 1", folder="usual")
    place = machine.path.pop()
    assert str(taken) in machine.start("x", BALANCE_SIM_PLACES=f"/nowhere:{place}").stderr


@pytest.mark.parametrize("pip", [True, False], ids=["its own pip", "an old Python's venv"])
def test_debians_python_without_ensurepip(machine: Machine, pip: bool) -> None:
    """It cannot fill an environment: uv does, fetched with its own pip or by another Python, and used with it."""
    fits = machine.python("python3", "3.13.5 1 0 1", pip=pip)
    if not pip:
        machine.python("python3.11", "3.11.2 0 1 1", folder="second")
        machine.python("python", "3.11.2 0 1 1", folder="second")
    done = machine.start("x")
    assert done.stdout.startswith("ran ['x']"), done.stderr
    assert f"uv venv -q --python {fits} " in machine.log()
    assert ("--target" in machine.log()) is pip
    assert [name.split("-")[0] for name in machine.left()] == ["run"]


def test_an_old_python_alone_fetches_uv_which_fetches_a_python(machine: Machine) -> None:
    machine.python("python3", "3.9.6 0 1 1")
    done = machine.start("x")
    assert done.stdout.startswith("ran ['x']"), done.stderr
    assert "a Python 3.13 that uv fetches" in done.stderr and "uv venv -q --python 3.13 " in machine.log()


def test_where_nothing_fits_the_message_names_what_was_found_and_what_to_install(machine: Machine) -> None:
    said = machine.start("x")
    assert said.returncode == 7 and "found: no Python at all." in said.stderr
    too_old = machine.python("python3", "3.6.8 0 1 0")
    bare = machine.python("python3.12", "3.12.3 1 0 1", pip=False)
    said = machine.start("x")
    assert (said.returncode, said.stdout) == (7, "")
    assert (
        f"needs Python 3.12 or later, or uv; found: 3.12.3 ({bare}), which has no venv, 3.6.8 ({too_old})."
        in said.stderr
    )
    assert "apt install python3-venv" in said.stderr and "brew install" in said.stderr
    assert not (machine.clone / ".venv-run").exists()


def test_a_clone_that_cannot_be_written_to(machine: Machine) -> None:
    """Here a file is in the way, which stops root too; the variable that the message names is the way out."""
    machine.with_uv().python("python3", "3.13.5 1 1 1")
    (machine.clone / ".venv-run").write_text("")
    said = machine.start("x")
    assert (said.returncode, said.stdout) == (7, "") and "is this clone read-only? BALANCE_SIM_ENV=DIR" in said.stderr
    assert machine.start("x", BALANCE_SIM_ENV="my env").stdout.startswith("ran ['x']")
    assert [one.name.split("-")[0] for one in (machine.here / "my env").iterdir()] == ["run"]


def test_two_started_at_once_leave_one_environment(machine: Machine) -> None:
    machine.with_uv().python("python3", "3.13.5 1 1 1")
    env = machine.env | {"PATH": ":".join(machine.path), "PAUSE": "0.5"}
    both = [
        subprocess.Popen(machine.words(str(k)), cwd=machine.here, env=env, stdout=subprocess.PIPE, text=True)
        for k in range(2)
    ]
    assert [one.communicate(timeout=60)[0][:9] for one in both] == ["ran ['0']", "ran ['1']"]
    assert machine.log().count("uv venv") == 2
    (env,) = (machine.clone / ".venv-run").iterdir()
    assert [one.name for one in env.iterdir()] == ["bin"], "the second was put into the first"


def test_a_failed_and_an_interrupted_installation_leave_nothing(machine: Machine) -> None:
    machine.with_uv().python("python3", "3.13.5 1 1 1")
    failed = machine.start("x", FAILS="2")
    assert (failed.returncode, failed.stdout) == (7, "") and "The same command tries again" in failed.stderr
    assert machine.left() == []
    env = machine.env | {"PATH": ":".join(machine.path), "PAUSE": "60"}
    going = subprocess.Popen(machine.words("x"), cwd=machine.here, env=env, start_new_session=True)
    while machine.log().count("uv venv") < 2:
        time.sleep(0.01)
    os.killpg(going.pid, signal.SIGINT)
    assert going.wait(timeout=20) in (130, -signal.SIGINT)
    assert machine.left() == []
    assert machine.start("x").returncode == 0


def test_made_anew_where_versions_changed_the_python_is_gone_or_the_clone_has_moved(machine: Machine) -> None:
    machine.with_uv().python("python3", "3.13.5 1 1 1")
    machine.start("x")
    (env,) = (machine.clone / ".venv-run").iterdir()
    (env / "bin" / "python").unlink()
    (env / "bin" / "python").symlink_to("/nowhere/python3.13")
    again = machine.start("x")
    assert again.stdout.startswith("ran ['x']") and "is gone: making it anew" in again.stderr
    with (machine.clone / "pyproject.toml").open("a") as file:
        file.write("\n[tool.other]\nwhat = 'no version'\n")
    assert machine.start("x").stderr == ""
    with (machine.clone / "constraints.txt").open("a") as file:
        file.write("numpy==1\n")
    assert "first start" in machine.start("x").stderr and len(machine.left()) == 2
    machine.clone = machine.clone.rename(machine.clone.with_name("moved"))
    assert "first start" in machine.start("x").stderr and machine.start("x").stderr == ""


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "pip"])
def test_the_tests_are_started_in_the_clone_with_their_own_packages(machine: Machine, uv: bool) -> None:
    machine.python("python3", "3.13.5 1 1 1")
    done = (machine.with_uv() if uv else machine).start("-k", "a or b", script="balance-sim-test")
    if uv:
        assert done.stdout == f"uv run pytest -k a or b, in {machine.clone}\n"
    else:
        assert done.stdout == f"ran ['-k', 'a or b'] pytest {machine.clone}\n", done.stderr
        assert "-c constraints.txt -e . --group dev" in machine.log()
    assert "first start" in done.stderr and done.stderr.count("\n") == 1


def test_the_probe_asks_a_real_python_and_a_link_leads_to_the_clone(machine: Machine) -> None:
    (machine.stubs / "real").mkdir()
    (machine.stubs / "real" / "python3").symlink_to(sys.executable)
    machine.path.append(str(machine.stubs / "real"))
    (machine.here / "bs").symlink_to(machine.clone / "balance-sim")
    env = machine.env | {"PATH": ":".join(machine.path), "BALANCE_SIM_SETUP": "show"}
    done = subprocess.run(["./bs"], cwd=machine.here, env=env, capture_output=True, text=True)
    version = ".".join(map(str, sys.version_info[:3]))
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert said["python"] == f"Python {version} ({machine.stubs / 'real' / 'python3'})"
    assert said["environment"].startswith(f"{machine.clone}/.venv-run/run-")


def test_the_launcher_and_the_project_need_the_same_python() -> None:
    """pip says of an older one: `requires a different Python: 3.11.7 not in '>=3.12'`."""
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    text = (ROOT / "balance-sim").read_text(encoding="utf-8")
    assert needs == ">=3.12" and "sys.version_info >= (3, 12)" in text and "Python 3.12 or later" in text
    assert os.access(ROOT / "balance-sim", os.X_OK) and os.access(ROOT / "balance-sim-test", os.X_OK)


@pytest.mark.long
@pytest.mark.parametrize("uv", [True, False], ids=["uv", "pip"])
def test_a_first_start_for_real(tmp_path: Path, uv: bool) -> None:
    """In a copy with a space in its path: installed, the second start with no network, and a run from elsewhere."""
    if uv and shutil.which("uv") is None:
        pytest.skip("uv is not here")
    clone = tmp_path / "a clone"
    clone.mkdir()
    for name in ("src", "scenarios", "experiments", "games"):
        shutil.copytree(ROOT / name, clone / name)
    for name in ("balance-sim", "balance-sim-test", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    path = [*([str(Path(shutil.which("uv") or "").parent)] if uv else []), "/usr/bin", "/bin"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    env |= {"PATH": ":".join(path), "BALANCE_SIM_PLACES": os.path.dirname(os.path.realpath(sys.executable))}

    def start(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [str(clone / "balance-sim"), *words]
        return subprocess.run(command, cwd=tmp_path, env=env | more, capture_output=True, text=True)

    first = start("list")
    assert first.returncode == 0 and "first start" in first.stderr, first.stderr
    nowhere = "http://127.0.0.1:9"
    second = start("run", "beijing_2025", "--runs", "2", "--no-figures", http_proxy=nowhere, https_proxy=nowhere)
    assert second.returncode == 0 and "first start" not in second.stderr, second.stderr
    assert (tmp_path / "results").is_dir() and re.search(r"parade", second.stdout)
