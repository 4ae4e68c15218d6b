"""One version, one set of pins, and no trace of a machine or a package registry in what is shipped."""

import re
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]


def pins_for_pip() -> list[str]:
    return (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def tracked() -> list[Path]:
    """Files under version control."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    names = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def bare(requirement: str) -> str:
    """A requirement's name, as the index spells it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_version_is_written_once() -> None:
    """pyproject has it; the installed package and the citation agree; no module repeats it."""
    assert version("balance-sim") == VERSION
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1] == VERSION
    assert f"\n## {VERSION}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    repeating = [p for p in (ROOT / "src").rglob("*.py") if f'"{VERSION}"' in p.read_text(encoding="utf-8")]
    assert not repeating


def test_pins_for_uv_and_pip_are_the_same() -> None:
    assert pins_for_pip() == PROJECT["tool"]["uv"]["constraint-dependencies"]


def test_every_direct_dependency_is_pinned() -> None:
    project = PROJECT["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    wanted = {bare(requirement) for group in groups for requirement in group}
    assert wanted - {bare(pin) for pin in pins_for_pip()} == set()


def test_an_older_python_is_refused_before_any_dependency_is_sought() -> None:
    """An older pip looks for them first, and would name one that has no version for the old Python."""
    project = PROJECT["project"]
    assert project["requires-python"] == ">=3.12"
    assert all(requirement.endswith(" ; python_version >= '3.12'") for requirement in project["dependencies"])


def test_lock_file_and_environment_are_not_tracked() -> None:
    """uv.lock would name a registry."""
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert names.isdisjoint({"uv.lock", ".venv", "results", "build", "dist"})
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"uv.lock", ".venv", "/results/"} <= set(ignored)


MACHINE = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|mnt|srv|tmp/[a-z_.]+\.\d)/[\w.-]+")
REGISTRY = re.compile(
    r"https?://[^\s)\"']*(?:pythonhosted|pypi|/simple\b|artifactory|devpi|nexus|find-links)|https?://[^/\s]*@|--hash="
)


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["paths of a machine", "addresses of a registry"])
def test_no_trace_of_where_it_was_made(pattern: re.Pattern[str]) -> None:
    found = []
    for path in tracked():
        if path != Path(__file__).resolve():
            for name, text in texts_of(path):
                found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert not found


def texts_of(path: Path) -> Iterator[tuple[str, str]]:
    """A tracked file's text, or those in an archive; pictures and tables in binary have none."""
    name = str(path.relative_to(ROOT))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if not member.endswith((".parquet", "/")):
                    yield f"{name}/{member}", archive.read(member).decode("utf-8")
    elif path.suffix not in (".png", ".parquet", ".gz", ".ttf"):
        yield name, path.read_text(encoding="utf-8")
