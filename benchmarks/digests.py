"""Digests of what the commands put out, to hold two versions of the program together.

    python benchmarks/digests.py OUT [--data DIR] [--only NAME,NAME] [--root TREE]
    python benchmarks/digests.py --compare BEFORE AFTER

The first form runs every study below with the sources in TREE (default: this checkout)
and writes what each leaves to OUT: JSON documents, bytes of exports, exit codes.
Studies of `evidence` need the field's data sets. `--flat` is for a TREE in which the
commands of evidence have no group. The second form lists the values that differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CASES = (
    *("tripartite_1940", "sinosov_1950", "nolimits_2022", "solomon_2022"),
    *("aukus_2021", "taiwan", "ukraine_2022"),
)
VOLATILE = ("timing", "seconds", "folder", "version", "command", "elapsed")
HINDCAST = """title: "A short hindcast"
first: 1995
last: 1998
until: 2000
"""
YAMLS = """
import json, sys
from pathlib import Path
from balance_sim.scenario import load_scenario
root = Path(sys.argv[1])
files = [*root.glob("scenarios/*.yaml"), *root.glob("experiments/smoke/*.yaml")]
files += [*root.glob("games/*/world.yaml"), *root.glob("tests/**/*.yaml")]
print(json.dumps({str(f.relative_to(root)): load_scenario(f).sha256 for f in files}))
"""
REFUSED = {
    "no_such_file": ["run", "nowhere.yaml"],
    "mistyped": ["runn"],
    "no_such_option": ["run", "beijing_2025", "--nonsense"],
    "bad_runs": ["run", "beijing_2025", "--runs", "0"],
    "not_yaml": ["check", "bad.yaml"],
    "no_results": ["plot", "empty"],
    "not_a_study": ["report", "empty"],
    "bad_set": ["run", "beijing_2025", "--set", "parameters.nothing=1"],
    "bad_value": ["run", "beijing_2025", "--set", "events.parade.visibility=2"],
    "bad_arm": ["run", "beijing_2025", "--arms", "nobody"],
}


@dataclass(frozen=True)
class Tree:
    """Sources of one version, and how its commands are spelled."""

    root: Path
    flat: bool

    def call(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the program in this tree, run in `folder`."""
        source = str(self.root / "src")
        environment = {**os.environ, "PYTHONPATH": source, "COLUMNS": "100"}
        if self.flat and words[0] == "evidence":
            words = words[1:]
        command = [sys.executable, "-m", "balance_sim", *words]
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def output(self, folder: Path, *words: str) -> str:
        """Standard output of a command. Raises SystemExit where it fails."""
        process = self.call(folder, *words)
        if process.returncode:
            line = " ".join(words)
            raise SystemExit(f"{line}: exit {process.returncode}\n{process.stderr}")
        return process.stdout

    def document(self, folder: Path, *words: str) -> Any:
        """The JSON document of a command."""
        return json.loads(self.output(folder, *words, "--json"))

    def shipped(self, *parts: str) -> str:
        return str(self.root.joinpath(*parts))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def study(tree: Tree, folder: Path, *words: str) -> dict[str, Any]:
    """What a run or a sweep leaves: document, summary, and bytes of its exports."""
    record = {"stdout": tree.document(folder, *words, "--out", "study")}
    summary = folder / "study" / "summary.json"
    record["summary"] = json.loads(summary.read_text(encoding="utf-8"))
    for name, table in (("runs", "replications"), ("accords", "agreements")):
        target = f"{name}.csv"
        tree.output(folder, "export", "study", "--table", table, "--out", target)
        record[f"export {name}"] = sha256(folder / target)
    return record


def run(tree: Tree, folder: Path, name: str, runs: int, *more: str) -> dict[str, Any]:
    path = tree.shipped("scenarios", f"{name}.yaml")
    fixed = ("--runs", str(runs), "--seed", "1", "--no-figures")
    return study(tree, folder, "run", path, *fixed, *more)


def after_run(tree: Tree, folder: Path) -> dict[str, Any]:
    """What is read from results folders: explanations, comparisons, goodness of fit."""
    run(tree, folder, "beijing_2025", 16)
    (folder / "study").rename(folder / "left")
    run(tree, folder, "beijing_2025", 16, "--set", "events.parade.visibility=0.5")
    (folder / "study").rename(folder / "right")
    return {
        "attribution": tree.document(folder, "explain", "left", "--attribution"),
        "explain": tree.document(folder, "explain", "left"),
        "explain dyad": tree.document(folder, "explain", "left", "--dyad", "JPN-AUS"),
        "explain run": tree.document(folder, "explain", "left", "--run", "3"),
        "compare": tree.document(folder, "compare", "left", "right"),
        "status": tree.document(folder, "status", "left"),
    }


def documents(tree: Tree, folder: Path) -> dict[str, Any]:
    """Documents of the commands that simulate nothing."""
    beijing = tree.shipped("scenarios", "beijing_2025.yaml")
    names = ("beijing_2025", *CASES)
    return {
        "effect": tree.document(folder, "effect", beijing),
        "parameters": tree.document(folder, "parameters"),
        "list": sorted(json.dumps(row) for row in tree.document(folder, "list")),
        **{
            f"check {name}": tree.document(
                folder, "check", tree.shipped("scenarios", f"{name}.yaml")
            )
            for name in names
        },
        "yaml": json.loads(
            subprocess.run(
                [sys.executable, "-c", YAMLS, str(tree.root)],
                env={**os.environ, "PYTHONPATH": str(tree.root / "src")},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        ),
    }


def exit_codes(tree: Tree, folder: Path) -> dict[str, Any]:
    """Exit codes of commands that are refused."""
    (folder / "bad.yaml").write_text("states: [\n", encoding="utf-8")
    (folder / "empty").mkdir()
    return {
        name: tree.call(folder, *words).returncode for name, words in REFUSED.items()
    }


def smoke(tree: Tree, folder: Path) -> dict[str, Any]:
    record = study(tree, folder, "sweep", tree.shipped("experiments", "smoke.yaml"))
    record["sensitivity"] = tree.document(folder, "sensitivity", "study")
    return record


def sweep(tree: Tree, folder: Path) -> dict[str, Any]:
    path = tree.shipped("experiments", "who_attends.yaml")
    return study(tree, folder, "sweep", path, "--runs", "4")


def game(tree: Tree, folder: Path, name: str) -> dict[str, Any]:
    path = tree.shipped("games", f"{name}.yaml")
    fixed = ("--runs", "8", "--draws", "20", "--no-figures", "--out", "game")
    return {"stdout": tree.document(folder, "game", path, *fixed)}


def fit(tree: Tree, folder: Path, data: Path) -> dict[str, Any]:
    words = ("fit", str(data), "--out", "fitted.yaml")
    tree.output(folder, "evidence", *words)
    return {"file": (folder / "fitted.yaml").read_text(encoding="utf-8")}


def fit_events(tree: Tree, folder: Path, data: Path) -> dict[str, Any]:
    words = ("fit", str(data), "--events", "--out", "events.yaml")
    tree.output(folder, "evidence", *words)
    return {"file": (folder / "events.yaml").read_text(encoding="utf-8")}


def calibrate(tree: Tree, folder: Path) -> dict[str, Any]:
    path = tree.shipped("scenarios", "nolimits_2022.yaml")
    words = ("calibrate", path, "--until", "2004-01-01", "--out", "c.yaml")
    said = tree.document(folder, "evidence", *words)
    return {"stdout": said, "file": sha256(folder / "c.yaml")}


def posterior(tree: Tree, folder: Path) -> dict[str, Any]:
    path = tree.shipped("scenarios", "solomon_2022.yaml")
    words = ("posterior", path, "--draws", "60", "--out", "drawn")
    said = tree.document(folder, "evidence", *words)
    return {"stdout": said, "draws": sha256(folder / "drawn" / "posterior.csv.gz")}


def hindcast(tree: Tree, folder: Path, data: Path) -> dict[str, Any]:
    (folder / "short.yaml").write_text(HINDCAST, encoding="utf-8")
    words = ("hindcast", "short.yaml", "--data", str(data), "--out", "h")
    return {"stdout": tree.document(folder, "evidence", *words, "--no-figures")}


def goodness_of_fit(tree: Tree, folder: Path) -> dict[str, Any]:
    path = tree.shipped("scenarios", "beijing_2025.yaml")
    words = ("gof", path, "--runs", "16", "--no-figures", "--out", "g")
    return {"stdout": tree.document(folder, "evidence", *words)}


def score_cases(tree: Tree, folder: Path) -> dict[str, Any]:
    path = tree.shipped("experiments", "cases.yaml")
    return {"stdout": tree.document(folder, "evidence", "cases", path, "--runs", "8")}


def studies(data: Path | None) -> dict[str, Callable[[Tree, Path], Any]]:
    """Every study by name."""
    table: dict[str, Callable[[Tree, Path], Any]] = {
        "documents": documents,
        "exit_codes": exit_codes,
        "smoke": smoke,
        "beijing_2025": lambda t, f: run(t, f, "beijing_2025", 200),
        **{name: lambda t, f, name=name: run(t, f, name, 60) for name in CASES},
        "after_run": after_run,
        "drawn_posterior": lambda t, f: run(
            t, f, "beijing_2025", 16, "--draws", "posterior"
        ),
        "drawn_prior": lambda t, f: run(t, f, "beijing_2025", 16, "--draws", "prior"),
        "drawn_fitted": lambda t, f: run(t, f, "solomon_2022", 16, "--draws", "fitted"),
        "game_dilemma": lambda t, f: game(t, f, "security_dilemma"),
        "sweep": sweep,
        "calibrate": calibrate,
        "gof": goodness_of_fit,
        "posterior": posterior,
        "cases": score_cases,
    }
    if data is not None:
        table["fit"] = lambda t, f: fit(t, f, data)
        table["fit_events"] = lambda t, f: fit_events(t, f, data)
        table["hindcast"] = lambda t, f: hindcast(t, f, data)
    return table


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Numbers and texts of a document by path, but for times, versions and places."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {
            k: v
            for key, item in items
            for k, v in leaves(item, f"{path}.{key}").items()
        }
    return {} if any(word in path for word in VOLATILE) else {path: value}


def compare(before: Path, after: Path) -> int:
    """Print what differs; 1 where a value differs or is gone."""
    different = 0
    for file in sorted(before.glob("*.json")):
        if not (after / file.name).is_file():
            print(f"{file.stem}: not run again")
            continue
        left, right = (
            leaves(json.loads((folder / file.name).read_text()))
            for folder in (before, after)
        )
        changed = [key for key in left if key in right and left[key] != right[key]]
        removed = [key for key in left if key not in right]
        added = [key for key in right if key not in left]
        print(
            f"{file.stem}: {len(left)} values, {len(changed)} differ, "
            f"{len(removed)} removed, {len(added)} added"
        )
        for key in changed[:20]:
            print(f"  {key}: {str(left[key])[:60]} -> {str(right[key])[:60]}")
        for word, keys in (("removed", removed), ("added", added)):
            for key in keys[:10]:
                print(f"  {word} {key}")
        different += len(changed) + len(removed)
    return int(different > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--flat", action="store_true")
    parser.add_argument("--compare", type=Path, nargs=2)
    options = parser.parse_args()
    if options.compare:
        return compare(*options.compare)
    tree = Tree(options.root.resolve(), options.flat)
    data = options.data.resolve() if options.data else None
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = options.only.split(",") if options.only else None
    for name, make in studies(data).items():
        if chosen is not None and name not in chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                record = make(tree, Path(folder))
            except SystemExit as error:
                print(name, "FAILED", error, flush=True)
                continue
        text = json.dumps(record, indent=1, sort_keys=True)
        (options.out / f"{name}.json").write_text(text, encoding="utf-8")
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
