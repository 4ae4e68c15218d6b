"""CPU seconds and page faults of a fit of the two-sided choice: 154 states, 69 treaties, eight effects.

    uv run python benchmarks/coordination.py [--before SRC] [--rounds 5] [--keep FOLDER]

The record is invented, by `tests/evidence/treaties.py`: of the size of a published one that is not shipped. What is
timed is the whole command, `balance-sim fit FOLDER --model coordination`, from the start of Python to its end.
`--before` is the src folder of another version; the two take turns, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "evidence"))


def fitted(folder: Path, src: Path) -> tuple[float, float, int, dict[str, float]]:
    """CPU seconds of the user and of the system, page faults, and what was found."""
    out = folder / "found.yaml"
    command = [
        sys.executable,
        "-m",
        "balance_sim",
        "fit",
        str(folder),
        "--model",
        "coordination",
        "--out",
        str(out),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(src)}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = yaml.safe_load(out.read_text(encoding="utf-8"))["fitted"]
    return (
        after.ru_utime - before.ru_utime,
        after.ru_stime - before.ru_stime,
        after.ru_minflt - before.ru_minflt,
        found,
    )


def main() -> None:
    from treaties import made, written

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="write the record here and leave it")
    given = parser.parse_args()
    versions = {"before": given.before, "now": ROOT / "src"} if given.before else {"now": ROOT / "src"}
    spent: dict[str, list[tuple[float, float, int, dict[str, float]]]] = {name: [] for name in versions}
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        written(folder, made(states=154, count=69, old_ties=600))
        for _ in range(given.rounds):
            for name, src in versions.items():
                spent[name].append(fitted(folder, src))
    print(f"{'':8s}{'CPU s':>8s}{'user':>8s}{'system':>8s}{'faults':>11s}{'steps':>7s}{'log-likelihood':>20s}")
    for name, rounds in spent.items():
        user, system, faults = (median(column) for column in list(zip(*rounds, strict=True))[:3])
        found = rounds[-1][3]
        print(
            f"{name:8s}{median(u + s for u, s, *_ in rounds):8.2f}{user:8.2f}{system:8.2f}{faults:11,.0f}"
            f"{found['iterations']:7d}{found['log_likelihood']:20.9f}"
        )


if __name__ == "__main__":
    main()
