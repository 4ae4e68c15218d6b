"""Property tests look at the same examples every time, so that a commit passes or fails for good.

With BALANCE_SIM_FUZZ set, they look at new ones: see tests/README.md. Folders of tests are in memory where there is
room for them, since a disk takes some milliseconds for each of many thousand files (`PYTEST_DEBUG_TEMPROOT` says
where else). The processes that tests start keep the bytecode that they compile, so that the next one does not compile
all of it again. The collector of garbage leaves alone what is there when all tests are known, and looks more seldom:
a twelfth of the time of three files that were measured."""

import gc
import os
import shutil
from pathlib import Path

import pytest
from extras import skip_without
from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.load_profile("default" if "BALANCE_SIM_FUZZ" in os.environ else "same")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # the tests have a process for each core already
MEMORY, ROOM = "/dev/shm", 2**31  # bytes; a run holds some hundred million at a time
if os.path.ismount(MEMORY) and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test of an extra that is not installed is skipped, before its fixtures."""
    for mark in item.iter_markers("needs"):
        skip_without(*mark.args)


def pytest_collection_finish() -> None:
    """Libraries and tests stay until the end, so the collector of garbage need not go over them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory):
    """The scenario that `balance-sim new` writes."""
    from balance_sim.scenario import load_scenario, new_scenario

    path = tmp_path_factory.mktemp("starter") / "made_up.yaml"
    path.write_text(new_scenario("made_up"), encoding="utf-8")
    return load_scenario(path)


@pytest.fixture(scope="session")
def beijing():
    """The main job's scenario."""
    from balance_sim.scenario import load_scenario

    return load_scenario(Path(__file__).parents[1] / "scenarios" / "beijing_2025.yaml")
