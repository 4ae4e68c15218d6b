"""A small world and a small experiment in a folder of their own, and the program as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from balance_sim.scenario import Scenario, load_scenario, new_scenario

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked = "long" in (config.option.markexpr or "") or getattr(config.option, "long", False)
    for item in items:
        if "long" in item.keywords and not asked:
            item.add_marker(pytest.mark.skip(reason="long; ask for it with -m long"))


def small_text() -> str:
    """Five states, a year in steps of a month: a run takes a millisecond or less."""
    text = new_scenario("small")
    return text.replace("focal: summit ", "step_days: 30\nfocal: summit ")


class Lab:
    """A folder with a scenario and an experiment, and what the program says when it is run there."""

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

    def args(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "balance_sim", *words]

    def call(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.args(*words), cwd=self.folder, capture_output=True, text=True, timeout=300,
            env=os.environ | {"PYTHONPATH": str(self.folder)} | env, check=False,
        )  # fmt: skip

    def start(self, *words: str, **env: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.args(*words), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, env=os.environ | {"PYTHONPATH": str(self.folder)} | env,
        )  # fmt: skip

    def digest(self, out: str) -> str:
        return str(json.loads((self.folder / out / "summary.json").read_text())["digest"])


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    path = tmp_path_factory.mktemp("small") / "small.yaml"
    path.write_text(small_text(), encoding="utf-8")
    return load_scenario(path)
