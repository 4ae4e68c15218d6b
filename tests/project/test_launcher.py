"""`./balance-sim` with a real interpreter: what it takes, and that a first start works.

In every run a small program stands for the package, and no network is needed. `-m long` installs the package with each
extra, by pip and by uv, and uses what the extra is for (with a network, some minutes)."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WAYS = ("pip", "uv")


def test_the_probe_asks_a_real_python_and_a_link_leads_to_the_clone(tmp_path: Path) -> None:
    places = [tmp_path / "bin", *map(Path, ("/usr/bin", "/bin"))]
    places[0].mkdir()
    (places[0] / "python3.13").symlink_to(sys.executable)
    (tmp_path / "bs").symlink_to(ROOT / "balance-sim")
    env = {"PATH": ":".join(map(str, places)), "BALANCE_SIM_PLACES": "", "BALANCE_SIM_SETUP": "show"}
    done = subprocess.run(["./bs"], cwd=tmp_path, env=env, capture_output=True, text=True)
    version = ".".join(map(str, sys.version_info[:3]))
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert said["python"] == f"Python {version} ({places[0] / 'python3.13'})"
    assert said["environment"].startswith(f"{ROOT}/.venv-run/run-")
    done = subprocess.run(["./bs", "--with", "app,games"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert f"environment: {ROOT}/.venv-run/run+app,games-" in done.stdout
    for extras in ("a b", "app,gamse"):
        done = subprocess.run(["./bs", "--with", extras], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 7


def test_the_launcher_and_the_project_need_the_same_python() -> None:
    """pip says of an older one: `requires a different Python: 3.11.7 not in '>=3.12'`."""
    needs = PROJECT["requires-python"]
    text = (ROOT / "balance-sim").read_text(encoding="utf-8")
    assert needs == ">=3.12" and "sys.version_info >= (3, 12)" in text and "Python 3.12 or later" in text
    assert os.access(ROOT / "balance-sim", os.X_OK) and os.access(ROOT / "balance-sim-test", os.X_OK)


# --- a first start ------------------------------------------------------------------------------------------------


def with_only(way: str, folder: Path) -> dict[str, str]:
    """An environment in which the launcher finds this test's Python, and uv if that is the way."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "python3.13").symlink_to(sys.executable)
    for name in ["sh", "sed", "cat", "cksum", "cut", "dirname", "readlink", "grep", "tr", "find", "mkdir", "rm"]:
        (programs / name).symlink_to(shutil.which(name) or name)
    if way == "uv":
        found = shutil.which("uv")
        if found is None:
            pytest.skip("uv is not here")
        (programs / "uv").write_text(f'#!/bin/sh\nexec "{found}" "$@"\n', encoding="utf-8")
        (programs / "uv").chmod(0o755)
    left_out = ("PYTHON", "VIRTUAL_ENV", "BALANCE_SIM", "UV_PROJECT", "UV_PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return env | {"PATH": str(programs), "BALANCE_SIM_PLACES": "", "BALANCE_SIM_ENV": str(folder / "environments")}


def started(env: dict[str, str], launcher: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(launcher), *words], cwd=folder, env=env, capture_output=True, text=True)


STAND_IN = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "balance-sim"
version = "0.1.0"
requires-python = ">=3.12"

[project.optional-dependencies]
brief = []

[project.scripts]
balance-sim = "stand_in:main"

[tool.hatch.build.targets.wheel]
"""
BACKEND = """
import zipfile

NAME = "balance_sim-0.1.0"
FILES = {
    "stand_in.py": "import sys\\n\\n\\ndef main():\\n    print(sys.prefix, *sys.argv[1:])\\n",
    f"{NAME}.data/scripts/vba_extract.py": "#!python\\nprint(1)\\n",
    f"{NAME}.dist-info/METADATA":
        "Metadata-Version: 2.1\\nName: balance-sim\\nVersion: 0.1.0\\nProvides-Extra: brief\\n",
    f"{NAME}.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    f"{NAME}.dist-info/entry_points.txt": "[console_scripts]\\nbalance-sim = stand_in:main\\n",
}


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = f"{NAME}-py3-none-any.whl"
    record = f"{NAME}.dist-info/RECORD"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr(path, text)
        wheel.writestr(record, "".join(f"{path},,\\n" for path in [*FILES, record]))
    return name
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_an_environment_works_where_a_package_has_a_script_of_python(tmp_path: Path, way: str) -> None:
    """pip leaves a folder `bin/__pycache__` then, as XlsxWriter's `vba_extract.py` has it do under the extra `brief`."""
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copy(ROOT / "balance-sim", clone)
    (clone / "pyproject.toml").write_text(STAND_IN, encoding="utf-8")
    (clone / "backend.py").write_text(BACKEND, encoding="utf-8")
    (clone / "constraints.txt").write_text("", encoding="utf-8")
    env = with_only(way, tmp_path)
    done = started(env, clone / "balance-sim", tmp_path, "--with", "brief", "a", "b c")
    assert done.returncode == 0, done.stderr
    (place,) = (tmp_path / "environments").iterdir()  # nothing of the start is left beside it
    assert done.stdout == f"{place} a b c\n" and place.name.startswith("run+brief-")
    assert way == "uv" or (place / "bin" / "__pycache__").is_dir()
    first = (place / "bin" / "vba_extract.py").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"#!{place}/bin/python" or first.startswith(f"#!{place}/bin/python3")
    again = started(env, clone / "balance-sim", tmp_path, "--with", "brief", "d")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"{place} d\n", "")


USES = {
    "app": "from balance_sim.app import server",
    "brief": None,
    "cluster": "from distributed import Client; Client(processes=False, dashboard_address=None).close()",
    "evidence": "from balance_sim.evidence.forecast import baselines; import sklearn.ensemble, sklearn.gaussian_process",
    "excel": "from openpyxl import load_workbook",
    "games": "from balance_sim.games.boxes import require_trees; require_trees(); import sklearn.tree",
    "sensitivity": "from SALib.sample import morris",
}
"""By extra, what a Python with it can do; None: a command below shows it."""


def test_every_extra_is_tried() -> None:
    assert {*USES} == {*PROJECT["optional-dependencies"]}


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("extra", USES)
def test_a_first_start_with_an_extra_gives_what_it_is_for(tmp_path: Path, extra: str, way: str) -> None:
    env = with_only(way, tmp_path)
    words = ("run", "solomon_2022", "--runs", "2", "--workers", "1", "--no-figures", "--out", "out")
    done = started(env, ROOT / "balance-sim", tmp_path, "--with", extra, *words)
    assert done.returncode == 0, done.stderr
    (place,) = (tmp_path / "environments").iterdir()
    assert place.name.startswith(f"run+{extra}-")
    if extra == "brief":
        slide = ("--with", extra, "brief", "out", "--format", "pptx")
        done = started(env, ROOT / "balance-sim", tmp_path, *slide)
        assert done.returncode == 0, done.stderr
        assert [*tmp_path.glob("**/*.pptx")]
    use = USES[extra]
    if use is not None:
        subprocess.run([str(place / "bin" / "python"), "-I", "-c", use], cwd=tmp_path, check=True)
