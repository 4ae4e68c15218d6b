"""Digests of what the commands put out, to hold two versions of the program against each other.

    python benchmarks/digests.py OUT [--data DIR] [--only NAME,NAME] [--root TREE]
    python benchmarks/digests.py --compare BEFORE AFTER

The first form runs every study below with the sources in TREE (default: this checkout), and writes to OUT what each
leaves: the digest, the bytes of its exports, the numbers of its documents. `fit` and `hindcast` need the data sets.
The second form says what differs: nothing, where the versions compute the same."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CASES = ("tripartite_1940", "sinosov_1950", "nolimits_2022", "solomon_2022")
PLAN = """title: "A short hindcast"
first: 1995
last: 1998
until: 2000
runs: 40
seed: 1
"""


def call(tree: Path, folder: Path, *words: str) -> str:
    """stdout of a command of the program in `tree`, run in `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "100"}
    command = [sys.executable, "-m", "balance_sim", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def study(tree: Path, folder: Path, *words: str) -> dict[str, Any]:
    """What a run or a sweep leaves: stdout, summary, and the bytes of its exports."""
    said = call(tree, folder, *words, "--out", "study", "--json")
    kept: dict[str, Any] = {"stdout": json.loads(said)}
    kept["summary"] = json.loads((folder / "study" / "summary.json").read_text(encoding="utf-8"))
    for table in ("runs", "accords"):
        call(tree, folder, "export", "study", "--table", table, "--out", f"{table}.csv")
        kept[f"export {table}"] = sha256(folder / f"{table}.csv")
    return kept


def run(tree: Path, folder: Path, scenario: str, runs: int) -> dict[str, Any]:
    return study(
        tree,
        folder,
        "run",
        str(tree / "scenarios" / scenario),
        "--runs",
        str(runs),
        "--seed",
        "1",
        "--no-figures",
    )


def fit(tree: Path, folder: Path, data: Path) -> dict[str, Any]:
    call(tree, folder, "fit", str(data), "--no-beliefs", "--out", "fitted.yaml")
    return {"file": (folder / "fitted.yaml").read_text(encoding="utf-8")}


def hindcast(tree: Path, folder: Path, data: Path) -> dict[str, Any]:
    (folder / "short.yaml").write_text(PLAN, encoding="utf-8")
    said = call(tree, folder, "hindcast", "short.yaml", "--data", str(data), "--out", "h", "--json", "--no-figures")
    return {"stdout": json.loads(said)}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Every number and text of a document by its path, but for times, versions and places."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, one in pairs for k, v in leaves(one, f"{path}.{key}").items()}
    untold = any(word in path for word in ("timing", "seconds", "folder", "version", "command", "elapsed"))
    return {} if untold else {path: value}


def compare(before: Path, after: Path) -> int:
    """Print what differs. Paths that are only in one of the two are listed as removed or added."""
    different = 0
    for one in sorted(before.glob("*.json")):
        if not (after / one.name).is_file():
            print(f"{one.stem}: not run again")
            continue
        left, right = (leaves(json.loads((place / one.name).read_text())) for place in (before, after))
        other = [path for path in left if path in right and left[path] != right[path]]
        gone, new = [path for path in left if path not in right], [path for path in right if path not in left]
        print(f"{one.stem}: {len(left)} values, {len(other)} differ, {len(gone)} removed, {len(new)} added")
        for path in other[:20]:
            print(f"  {path}: {str(left[path])[:60]} -> {str(right[path])[:60]}")
        for words, paths in (("removed", gone), ("added", new)):
            print(*(f"  {words} {path}" for path in paths[:10]), sep="\n", end="\n" if paths else "")
        different += len(other) + len(gone)
    return int(different > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--compare", type=Path, nargs=2)
    asked = parser.parse_args()
    if asked.compare:
        return compare(*asked.compare)
    tree, data = asked.root.resolve(), asked.data.resolve() if asked.data else None
    smoke = str(tree / "experiments" / "smoke.yaml")
    studies: dict[str, Any] = {
        "beijing_2025": lambda folder: run(tree, folder, "beijing_2025.yaml", 200),
        **{name: lambda folder, name=name: run(tree, folder, f"{name}.yaml", 60) for name in CASES},
        "smoke": lambda folder: study(tree, folder, "sweep", smoke),
    }
    if data is not None:
        studies |= {
            "fit": lambda folder: fit(tree, folder, data),
            "hindcast": lambda f: hindcast(tree, f, data),
        }
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, make in studies.items():
        if asked.only and name not in asked.only.split(","):
            continue
        with tempfile.TemporaryDirectory() as place:
            made = make(Path(place))
        (asked.out / f"{name}.json").write_text(json.dumps(made, indent=1, sort_keys=True), encoding="utf-8")
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
