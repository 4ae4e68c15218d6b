"""Rooms import one way, and a start-up pays for nothing it does not need."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "SALib",
    "distributed",
    "matplotlib",
    "mesa",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "starlette",
    "uvicorn",
)
CALL = """
import sys
from balance_sim.cli import main
try:
    main(sys.argv[1:], prog_name="balance-sim")
except SystemExit as end:
    assert not end.code, end.code
print("loaded", *sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)
"""


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=root,
        env={"PYTHONPATH": str(root / "src"), "PATH": str(program.parent), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )


def test_rooms_import_one_way() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("run", "--help"),
        ("app", "--help"),
        ("parameters",),
        ("check", "--no-world", str(ROOT / "scenarios/beijing_2025.yaml")),
    ],
    ids=" ".join,
)
def test_light_commands_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Help is there in a twentieth of a second: it does without numbers altogether."""
    heavy = (*HEAVY, "numpy") if {*arguments} & {"--help", "--version"} else HEAVY
    done = subprocess.run([sys.executable, "-c", CALL.format(heavy=heavy), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "loaded"


def test_the_front_is_lazy() -> None:
    """`import balance_sim` loads no room, and every name it offers is there when asked for."""
    code = (
        "import sys, balance_sim as bs\n"
        "rooms = {m.split('.')[1] for m in sys.modules if m.startswith('balance_sim.')}\n"
        "assert not rooms, rooms\n"
        "assert 'numpy' not in sys.modules\n"
        "missing = [name for name in bs.__all__ if getattr(bs, name) is None]\n"
        "assert len(bs.__all__) > 5 and not missing, missing\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_worker_lives_a_block_without_pandas() -> None:
    """Half a second for each worker."""
    code = (
        "import sys; import balance_sim.study.jobs; from balance_sim.scenario import load_scenario\n"
        "from balance_sim.study.jobs import Block, Job, Task\n"
        f"scenario = load_scenario({str(ROOT / 'scenarios' / 'beijing_2025.yaml')!r})\n"
        "job = Job(scenario, 1, ('no_parade', 'parade'), has_extra_arms=True)\n"
        "assert job.do(Task(Block(0, 4))).failed == ()\n"
        "heavy = {'pandas', 'mesa', 'matplotlib', 'scipy.stats'}\n"
        "print(sorted(sys.modules.keys() & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout


def at_start(path: Path, name: str) -> set[str]:
    """Modules of the package that a module imports as it is imported itself, with the packages that this enters."""
    found: set[str] = set()
    for one in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(one, ast.ImportFrom) and one.module and one.module.startswith("balance_sim."):
            for to in (one.module, *(f"{one.module}.{part.name}" for part in one.names)):
                words = to.split(".")
                entered = {".".join(words[:k]) for k in range(2, len(words) + 1)}
                found |= {part for part in entered if not f"{name}.".startswith(f"{part}.")}
    return found


def test_every_module_can_be_the_first_that_is_imported() -> None:
    """No circle of imports, also through a package's `__init__`: a worker may begin with any of them."""
    source = ROOT / "src"
    paths = {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (source / "balance_sim").rglob("*.py")
    }
    needs = {name: at_start(path, name) & paths.keys() for name, path in paths.items()}
    while free := {name for name, of in needs.items() if not of & needs.keys()}:
        needs = {name: of for name, of in needs.items() if name not in free}
    assert needs == {}, sorted(needs)
