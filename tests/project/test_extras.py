"""The core needs no extra: `run` and its kin work where none is installed, and what needs one names it."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
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


def pytest_without_extras(*words: str) -> str:
    """What pytest says of our tests in a process in which no package of an extra can be imported."""
    command = [sys.executable, "-m", "pytest", "-p", "extras", "-q", "-n", "0", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | NOWHERE_TO_GO)
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OWN_FOLDERS = DECLARED["tool"]["pytest"]["ini_options"]["pythonpath"]
WRITTEN = {"mine", "work"}
"""Modules that tests write, and import in another process."""
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))


def canonical(requirement: str) -> str:
    """The name in a requirement, as PyPA's normal form has it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~; ]", requirement)[0]).lower()


def brought_along(names: set[str]) -> set[str]:
    """Installed distributions of these names, with what they require."""
    found: set[str] = set()
    waiting = {*names}
    while waiting:
        name = waiting.pop()
        with suppress(PackageNotFoundError):
            needed = requires(name) or []
            found.add(name)
            waiting |= {canonical(text) for text in needed if "extra ==" not in text} - found
    return found


def always_there() -> set[str]:
    """Top-level packages that tests may import: ours, Python's, and what is installed with no extra."""
    extras = {canonical(text) for texts in DECLARED["project"]["optional-dependencies"].values() for text in texts}
    core, tools = DECLARED["project"]["dependencies"], DECLARED["dependency-groups"]["dev"]
    wanted = brought_along({*map(canonical, core)}) | {*map(canonical, tools)} - extras
    named = packages_distributions().items()
    installed = {name for name, owners in named if wanted & {canonical(owner) for owner in owners}}
    own = {path.stem for folder in OWN_FOLDERS for path in (ROOT / folder).iterdir()}
    return installed | own | WRITTEN | {*sys.stdlib_module_names} | {"balance_sim", "tests"}


def is_asked(call: ast.AST, package: str) -> bool:
    """Whether a node is `needs("PACKAGE")`, `imported("PACKAGE...")` or `importorskip` of something that is no extra's."""
    if not isinstance(call, ast.Call) or not call.args:
        return False
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    asked = {str(arg.value).partition(".")[0] for arg in call.args if isinstance(arg, ast.Constant)}
    if package in EXTRAS:
        return name in ("needs", "imported") and package in asked
    if name == "importorskip":
        return package in asked
    return name in ("needs", "imported") and bool(asked & {*EXTRAS})  # it comes with one


def imports_that_are_not_asked_for(tree: ast.AST, allowed: set[str], outer: tuple[ast.AST, ...] = ()) -> Iterator[str]:
    """Packages that a file imports without a mark of the function, the file, or a line above that skips without them.

    outer: statements of the file, and decorators and statements of functions, that are read before."""
    before = [*outer, *getattr(tree, "decorator_list", [])]
    for child in ast.iter_child_nodes(tree):
        names = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and not child.level:
            names = [child.module or ""]
        for name in names:
            package = name.partition(".")[0]
            calls = (node for statement in before for node in ast.walk(statement))
            if package not in allowed and not any(is_asked(call, package) for call in calls):
                yield package
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from imports_that_are_not_asked_for(child, allowed, tuple(before))
        if isinstance(child, ast.Assign | ast.Expr):
            before.append(child)


def test_what_a_test_imports_is_always_there_or_asked_for() -> None:
    """So that no file stops the collection, and no test fails, where an extra is not installed."""
    allowed, wrong = always_there(), {}
    assert not allowed & {*EXTRAS}
    for path in TEST_FILES:
        siblings = {other.stem for other in path.parent.iterdir()}
        packages = {*imports_that_are_not_asked_for(ast.parse(path.read_text(encoding="utf-8")), allowed | siblings)}
        if packages:
            wrong[path.relative_to(ROOT).as_posix()] = packages
    assert not wrong


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import sklearn", ["sklearn"]),
        ("from sklearn.metrics import roc_auc_score", ["sklearn"]),
        ("def test_a():\n    import openpyxl", ["openpyxl"]),
        ("@pytest.mark.needs('pptx')\ndef test_a():\n    import openpyxl", ["openpyxl"]),
        ("@pytest.mark.needs('pptx')\ndef test_a():\n    import pptx\ndef test_b():\n    import pptx", ["pptx"]),
        ("imported('solara')\nfrom websockets import connect", []),
        ("from websockets import connect\nimported('solara')", ["websockets"]),
        ("pytest.importorskip('sklearn')\nimport sklearn", ["sklearn"]),  # it would not name the extra
        ("pytestmark = [pytest.mark.needs('sklearn')]\ndef test_a():\n    import sklearn", []),
        ("if TYPE_CHECKING:\n    from solara import Element", []),
    ],
)
def test_imports_that_are_not_asked_for(text: str, found: list[str]) -> None:
    assert [*imports_that_are_not_asked_for(ast.parse(text), {"pytest"})] == found


@pytest.mark.slow
def test_tests_of_an_extra_are_skipped_where_it_is_not_installed() -> None:
    """All files are read; of some with tests of an extra all others pass."""
    assert "tests collected" in pytest_without_extras("--collect-only", "tests")
    said = pytest_without_extras(
        "tests/game/test_boxes.py", "tests/stats/test_smooth_process.py", "tests/scenario/test_excel.py"
    )
    assert "passed" in said and "skipped" in said
    for package in ("sklearn", "openpyxl"):
        assert package in said


@pytest.mark.long
def test_every_test_passes_or_is_skipped_without_extras() -> None:
    assert "passed" in pytest_without_extras("-n", "2", "--deselect", "tests/project/test_extras.py", "tests")


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
