"""The core needs no extra: `run` and its kin work where none is installed, and what needs one names it."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from balance_sim.registry import EXTRAS, ROOMS, load

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
from balance_sim.cli import main
for words in {commands!r}:
    try:
        main(words, prog_name="balance-sim")
    except SystemExit as end:
        if end.code:
            raise
"""
SCENARIO = str(ROOT / "experiments" / "smoke" / "five_states.yaml")


def without_extras(folder: Path, *commands: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Commands one after the other in a process of their own, in which no package of an extra can be imported."""
    code = WITHOUT.format(blocked=sorted({*EXTRAS, "nashpy"}), commands=commands)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)


def test_a_study_is_run_and_read_without_any_extra(tmp_path: Path) -> None:
    run = ("run", SCENARIO, "--runs", "4", "--workers", "1", "--no-figures", "--out", "out")
    done = without_extras(
        tmp_path, ("check", SCENARIO), ("effect", SCENARIO), run, ("plot", "out", "arms"), ("status", "out")
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "summary.json").is_file()


def test_a_game_of_two_players_is_solved_without_any_extra(tmp_path: Path) -> None:
    game = ("game", "security_dilemma", "--runs", "4", "--draws", "4", "--workers", "1", "--no-figures", "--out", "out")
    done = without_extras(tmp_path, game)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "out" / "game.json").read_text(encoding="utf-8"))["equilibria"]["found"]
    assert found["kind"] == "pure"
    assert all(shares["manoeuvre"] == 1.0 for shares in found["strategies"].values())


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("app", SCENARIO), "app"),
        (("evidence", "hindcast", str(ROOT / "experiments" / "hindcast_treaties.yaml"), "--data", "none"), "evidence"),
        (("sweep", str(ROOT / "experiments" / "smoke.yaml"), "--scheduler", "tcp://127.0.0.1:1"), "cluster"),
        (("sweep", "screening"), "sensitivity"),
        (("game", "security_dilemma", "--discover"), "games"),
    ],
)
def test_a_command_that_lacks_an_extra_names_it_in_one_line(tmp_path: Path, words: tuple[str, ...], extra: str) -> None:
    done = without_extras(tmp_path, words)
    assert done.returncode == 2, done.stderr
    hint = [line for line in done.stderr.splitlines() if f"pip install 'balance-sim[{extra}]'" in line]
    assert len(hint) == 1, done.stderr
    assert not [*tmp_path.iterdir()]  # it was asked for before anything was done


def test_a_score_asks_for_its_extra_before_it_simulates(tmp_path: Path) -> None:
    """A frozen forecast is written between simulating and scoring."""
    (tmp_path / "outcomes.csv").write_text("iso3_a,iso3_b,kind,stage,date\n", encoding="utf-8")
    run = ("run", SCENARIO, "--runs", "2", "--workers", "1", "--no-figures", "--out", "out")
    score = ("evidence", "score", "out", "outcomes.csv", "--runs", "2", "--freeze", "frozen.json")
    done = without_extras(tmp_path, run, score)
    assert done.returncode == 2, done.stderr
    assert "pip install 'balance-sim[evidence]'" in done.stderr
    assert not (tmp_path / "frozen.json").exists()


def test_a_scenario_that_is_not_there_is_named_before_an_extra(tmp_path: Path) -> None:
    done = without_extras(tmp_path, ("app", "nowhere.yaml"))
    assert done.returncode == 4 and "nowhere.yaml:1:1: error[E001]" in done.stderr, done.stderr


NOWHERE_TO_GO = {"BALANCE_SIM_EXTRAS": "none", "PYTHONPATH": str(ROOT / "tests" / "shared")}


def tests_without_extras(*words: str) -> str:
    """What pytest says of our tests in a process in which no package of an extra can be imported."""
    command = [sys.executable, "-m", "pytest", "-p", "extras", "-q", "-n", "0", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | NOWHERE_TO_GO)
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


@pytest.mark.slow
def test_tests_of_an_extra_are_skipped_where_it_is_not_installed() -> None:
    """All files are read; of some with tests of an extra all others pass."""
    assert "tests collected" in tests_without_extras("--collect-only", "tests")
    said = tests_without_extras(
        "tests/game/test_boxes.py", "tests/stats/test_smooth_process.py", "tests/scenario/test_excel.py"
    )
    assert "passed" in said and "skipped" in said
    for package in ("sklearn", "openpyxl"):
        assert package in said


@pytest.mark.long
def test_every_test_passes_or_is_skipped_without_extras() -> None:
    assert "passed" in tests_without_extras("-n", "2", "--deselect", "tests/project/test_extras.py", "tests")


def test_every_extra_is_declared_and_every_room_has_its_own() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {room.name: room.extra for room in ROOMS}
    assert {*EXTRAS.values()} | {extra for extra in named.values() if extra} == {*extras}
    assert {extra for extra in named.values() if extra} <= {*extras}
    assert all(extra in (None, name) for name, extra in named.items())


PLACES = [place for room in ROOMS for names in room.parts.values() for place in names.values()]


@pytest.mark.parametrize("place", PLACES)
def test_every_place_in_the_registry_is_there(place: str) -> None:
    assert load(place) is not None
