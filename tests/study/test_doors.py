"""`--model` is the only door for code: what could open another, and what the program's own code could run."""

import ast
import pickle
from pathlib import Path

import pyarrow as pa
from balance_sim.effects.run import run
from balance_sim.study.shards import encode
from balance_sim.study.store import Store

from .conftest import answered
from .forged import forge

SOURCE = Path(__file__).parents[2] / "src" / "balance_sim"
# What could run code, and where it stands: each of these reads what this very program made, or what it was told to.
ALLOWED = {
    "import_module": {
        "__init__.py",
        "cli/program.py",
        "registry.py",  # rooms of the upper storey
        "model/own/modules.py",  # modules that --model, --outcomes and --terms name
    },
    "pickle": {
        "study/cluster.py",
        "study/processes.py",  # and what our own driver asks of one
        "model/own/fingerprint.py",  # jobs for our own workers
    },
    "yaml.load": {"scenario/defaults.py"},  # tables of the package itself, by a safe loader
    "subprocess": set(),
    "eval": set(),
    "exec": set(),
    "os.system": set(),
    "allow_pickle": set(),
    "shell": set(),
    "joblib": set(),
    "marshal": set(),
    "runpy": set(),
    "usetex": set(),
}


class Opens:
    """When unpickled, touches a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def doors_of(path: Path) -> set[str]:
    """Which of the names stand in a module's code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {node.attr, node.value.id, f"{node.value.id}.{node.attr}"}
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
    return found & {*ALLOWED}


def test_what_could_run_code_stands_where_it_is_known() -> None:
    """A new place has to be looked at, and named above."""
    there = {path.relative_to(SOURCE).as_posix(): doors_of(path) for path in SOURCE.rglob("*.py")}
    for name, places in ALLOWED.items():
        assert {path for path, found in there.items() if name in found} - places == set(), name


def test_no_code_in_a_shards_description_is_run(small, tmp_path: Path) -> None:
    """An extension type of Arrow's old kind holds a pickled object in the schema of a Parquet file."""
    out, opened = tmp_path / "out", tmp_path / "opened"
    run(small, 4, 1, arms=["summit"], out=out)
    payload = pickle.dumps(Opens(opened))
    shard = Store(out).shards()[0]
    table = shard.table("runs")
    brought = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": payload}
    fields = [field.with_metadata(brought) for field in table.schema]
    content = encode(table.cast(pa.schema(fields, metadata={b"pandas": payload})))
    forge(shard, "runs", content)
    for words in (["verify", str(out)], ["export", str(out)], ["explain", str(out)]):
        answered(*words)
        assert not opened.exists()
    pickle.loads(payload)
    assert opened.exists(), "the trap would have sprung"
