"""Simulated runs a second: the block engine, the Mesa face, and a plain Mesa model of the same rules; memory; and what
the README's run takes from its start to its report, wall and CPU.

    uv run python benchmarks/speed.py [--memory | --job]

A run is one arm of one replication. The engine's figure is that of `balance_sim.run` from start to end,
with all outcomes written to a results folder. All in one go, on one machine; nothing here is a test.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import balance_sim as bs

sys.path.insert(0, str(Path(__file__).parent))


def job() -> None:
    """The README's run, twice: the first may still compile byte code. Alternate with another commit to compare."""
    command = [
        str(Path(sys.executable).with_name("balance-sim")),
        "run",
        "scenarios/beijing_2025.yaml",
        "--out",
    ]
    surroundings = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE"
    }
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            began, before = (
                time.perf_counter(),
                resource.getrusage(resource.RUSAGE_CHILDREN),
            )
            subprocess.run(
                [*command, f"{folder}/out"],
                env=surroundings,
                capture_output=True,
                check=True,
            )
            wall, after = (
                time.perf_counter() - began,
                resource.getrusage(resource.RUSAGE_CHILDREN),
            )
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"README's run            {wall:8.1f} s, {cpu:.1f} CPU s")


def main() -> None:
    from plain_mesa import PlainModel

    from balance_sim.model.baseline import compile_worlds

    scenario = bs.load_scenario("scenarios/beijing_2025.yaml")
    workers = min(2, len(os.sched_getaffinity(0)))
    worlds = compile_worlds(scenario)

    began = time.perf_counter()
    PlainModel(worlds, "parade", 1).run_until_end()
    plain = time.perf_counter() - began
    print(f"plain Mesa model        {plain:8.2f} s a run")

    bs.BalanceModel(scenario, "parade", 1, worlds=worlds).run_until_end()
    began = time.perf_counter()
    bs.BalanceModel(scenario, "parade", 1, run=1, worlds=worlds).run_until_end()
    face = time.perf_counter() - began
    print(f"Mesa face               {face:8.2f} s a run")

    runs = 20_000 if "--memory" in sys.argv else 1_000
    arms = ["parade"] if "--memory" in sys.argv else None
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = bs.run(
            scenario,
            runs=runs,
            seed=1,
            workers=workers,
            out=Path(folder) / "results",
            arms=arms,
        )
        rate = runs * len(result.arms) / (time.perf_counter() - began)
        began = time.perf_counter()
        result.summary()
        print(
            f"block engine            {rate:8.0f} runs a second on {workers} workers ({runs} x {len(result.arms)} arms)"
        )
        print(f"summary of it           {time.perf_counter() - began:8.2f} s")
    print(f"ratio to the plain one  {rate * plain:8.0f}")
    print(f"ratio to the Mesa face  {rate * face:8.0f}")
    peak = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(
        f"peak memory             {peak[0]:8.0f} MB driver, {peak[1]:.0f} MB largest worker"
    )


if __name__ == "__main__":
    job() if "--job" in sys.argv else main()
