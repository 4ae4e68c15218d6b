"""The wheel: built, installed into an environment of its own, and used from an empty folder.

In every run the libraries are those of the tests' own environment, so that no network is needed. `-m long` installs
everything anew, for each Python that is here."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from balance_sim.scenario.plans import offered_files

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("scenarios", "experiments", "games")


def built(target: str, into: Path) -> Path:
    """The path of a wheel or an sdist."""
    words = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(into)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    (found,) = into.iterdir()
    return found


def said(python: Path, *words: str, folder: Path) -> str:
    """What the installed program prints, without a word of the checkout on the way."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    command = [str(python), "-I", "-m", "balance_sim", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


def used(python: Path, folder: Path, name: str, *more: str) -> None:
    """`list` and `run` of a bare name, from an empty folder: nothing of it comes from the checkout."""
    folder.mkdir()
    offered = json.loads(said(python, "list", "--json", folder=folder))
    assert [one["name"] for one in offered] == [one.name for one in offered_files()]
    assert all(one["is_shipped"] and not Path(one["path"]).is_relative_to(ROOT / "src") for one in offered)
    run = ("run", name, "--runs", "2", "--no-figures", "--workers", "1", "--json", *more)
    found = json.loads(said(python, *run, folder=folder))
    assert found["scenario"]["name"] == name and found["runs"] == 2
    assert [path.name for path in folder.iterdir()] == ["results"]


@pytest.mark.slow
def test_a_wheel_holds_what_commands_find_by_name(tmp_path: Path) -> None:
    wheel = built("wheel", tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix("balance_sim/shipped/") for name in archive.namelist() if "/shipped/" in name}
        tops = {name.split("/")[0] for name in archive.namelist()}
        assert not [name for name in archive.namelist() if name.endswith(".py") and "/shipped/" in name]
    named = [path for of in FOLDERS for path in (ROOT / of).rglob("*") if path.is_file() and path.suffix != ".py"]
    assert inside == {str(path.relative_to(ROOT)) for path in named if "__pycache__" not in path.parts}
    assert sorted(tops) == ["balance_sim", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"]

    venv.create(tmp_path / "env", symlinks=True)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"])  # its own `.pth` files are not read there
    used(tmp_path / "env" / "bin" / "python", tmp_path / "empty", "solomon_2022")


@pytest.mark.slow
def test_the_source_archive_holds_all_that_the_wheel_is_built_from(tmp_path: Path) -> None:
    archive = built("sdist", tmp_path)
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt", "tests/conftest.py", *FOLDERS):
        assert name in names or any(one.startswith(f"{name}/") for one in names), name
    assert {"scenarios/beijing_2025/posterior.csv.gz", "src/balance_sim/scenario/defaults.yaml"} <= names
    assert not [name for name in names if name.split("/")[0] in ("results", "build", "dist", "uv.lock", ".venv")]
