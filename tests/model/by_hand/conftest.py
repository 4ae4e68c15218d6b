"""`plain.py` and `test_two_programs.py` of this folder are found under these names."""

import importlib.util
import sys
from pathlib import Path

import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.scenario import Scenario, load_scenario

for name in ("plain", "plain_policies", "test_two_programs"):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(Path(__file__).with_name("paper.yaml"))


@pytest.fixture(scope="module")
def worlds(scenario: Scenario) -> Worlds:
    return compile_worlds(scenario)
