"""`./balance-sim` with a real interpreter: what it takes, and that a first start works (`-m long`, with a network)."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


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
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    text = (ROOT / "balance-sim").read_text(encoding="utf-8")
    assert needs == ">=3.12" and "sys.version_info >= (3, 12)" in text and "Python 3.12 or later" in text
    assert os.access(ROOT / "balance-sim", os.X_OK) and os.access(ROOT / "balance-sim-test", os.X_OK)
