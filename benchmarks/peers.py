"""Peers on the same rules, in CPU milliseconds: a run of Beijing 2025 in each framework
and in our block engine, and a point of a grid over a small world.

    uv run --group benchmarks python benchmarks/peers.py [--runs 20] [--points 1000]

A run is one arm of one replication. `plain_mesa.py` has the rules in pure Python, an
object a state; the other peers ask peer_rules.py for them, in NumPy, for all states at
once. Each leaves out what plain_mesa.py leaves out, and counts agreements alone; our
engine's figure is that of `balance_sim.run` with all outcomes written to a folder. The
mean number of agreements, with its standard error, shows that the peers have one law.
One process, nothing in parallel."""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("STARSIM_INSTALL_FONTS", "0")

import numpy as np

import balance_sim as bs
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.scenario import with_values

ARM, PAIR = "parade", "no_parade,parade"
SMALL, SUMMIT = "experiments/smoke/five_states.yaml", "no_summit,summit"
FACTORS = ("events.summit.visibility", "parameters.beta")
PEERS = {"mesa": "Mesa", "agentpy": "agentpy", "starsim": "starsim", "simpy": "SimPy"}
REPLICATIONS = 2
"""Of a point, in both arms."""
Agreements = Callable[[Worlds, str, int], int]
Grid = Sequence[tuple[float, float]]


def plain_agreements(worlds: Worlds, arm: str, seed: int) -> int:
    """Agreements that a run of the plain Mesa model signs."""
    from plain_mesa import PlainModel

    return len(PlainModel(worlds, arm, seed).run_until_end().signed)


def milliseconds(work: Callable[[], object]) -> float:
    """CPU milliseconds of a call."""
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def of_peer(agreements: Agreements, worlds: Worlds, runs: int) -> tuple[float, str]:
    """CPU milliseconds a run, and the mean number of agreements with its error."""
    agreements(
        worlds, ARM, 0
    )  # what is compiled and imported at first is no part of it
    began = time.process_time()
    counts = np.array([agreements(worlds, ARM, seed) for seed in range(1, runs + 1)])
    cost = 1000 * (time.process_time() - began) / runs
    return cost, f"{counts.mean():.1f} ({counts.std(ddof=1) / runs**0.5:.1f})"


def of_engine(scenario: bs.Scenario, arms: str | None, runs: int) -> float:
    """CPU milliseconds a run of our engine, in one process."""

    def study() -> None:
        with tempfile.TemporaryDirectory() as folder:
            options: dict[str, Any] = {"workers": 1, "out": Path(folder) / "results"}
            bs.run(scenario, runs=runs, seed=1, arms=arms, **options)

    study()
    count = len(arms.split(",")) if arms else len(scenario.arms)
    return milliseconds(study) / (runs * count)


def runs_table(runs: int) -> None:
    """Print milliseconds a run by framework, and ratios to our engine."""
    scenario = bs.load_scenario("scenarios/beijing_2025.yaml")
    worlds, count = compile_worlds(scenario), len(scenario.arms)
    two, all_arms = of_engine(scenario, PAIR, 500), of_engine(scenario, None, 200)
    print(f"| a run of Beijing 2025 | ms | x 2 arms | x {count} arms | agreements |")
    print("| --- | ---: | ---: | ---: | ---: |")
    print(f"| our engine, 2 arms | {two:.2f} | 1 | | |")
    print(f"| our engine, {count} arms | {all_arms:.2f} | | 1 | |")
    peers: dict[str, Agreements] = {"plain Mesa, pure Python": plain_agreements}
    for module, title in PEERS.items():
        name = f"{title} {version(module)}, NumPy"
        peers[name] = import_module(f"peer_{module}").agreements
    for name, agreements in peers.items():
        cost, counted = of_peer(agreements, worlds, runs)
        ratios = f"{cost / two:.0f} | {cost / all_arms:.0f}"
        print(f"| {name} | {cost:.1f} | {ratios} | {counted} |", flush=True)


def ours(grid: Grid) -> None:
    """The grid as one sweep, written to a folder."""
    axes = [sorted(set(axis)) for axis in zip(*grid, strict=True)]
    factors = "\n".join(
        f"  {name}: {axis}" for name, axis in zip(FACTORS, axes, strict=True)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.yaml"
        text = f"schema: 1\nscenario: {Path(SMALL).resolve()}\nfactors:\n{factors}\n"
        text += f"arms: [{SUMMIT}]\nruns: {REPLICATIONS}\noutcomes: [accords_all_300]\n"
        path.write_text(text, encoding="utf-8")
        bs.sweep(path, workers=1, out=Path(folder) / "out")


def point(visibility: float, beta: float) -> dict[str, float]:
    """One point by `balance_sim.run`: agreements of both arms."""
    values = dict(zip(FACTORS, (visibility, beta), strict=True))
    study = bs.run(with_values(small(), values), REPLICATIONS, 1, arms=SUMMIT)
    return {"agreements": float(study.outcomes["accords_all_300"].mean())}


@cache
def small() -> bs.Scenario:
    """The world of the grid."""
    return bs.load_scenario(SMALL)


def no_model(visibility: float, beta: float) -> dict[str, float]:
    """A point that costs nothing."""
    return {"agreements": visibility + beta}


def by_workbench(grid: Grid, function: Callable[..., object] = point) -> None:
    """The grid by the EMA workbench, which calls a function of a point."""
    from ema_workbench import (
        Model,
        RealParameter,
        Sample,
        ScalarOutcome,
        perform_experiments,
    )

    model = Model("small", function=function)
    model.uncertainties = [
        RealParameter("visibility", 0, 1),
        RealParameter("beta", 0, 1),
    ]
    model.outcomes = [ScalarOutcome("agreements")]
    names = "visibility", "beta"
    samples = [Sample(**dict(zip(names, values, strict=True))) for values in grid]
    perform_experiments(model, scenarios=samples, log_progress=True)


def by_starsim(grid: Grid) -> None:
    """The grid by starsim's MultiSim: a simulation an arm and replication."""
    import starsim as ss
    from peer_starsim import simulation

    simulations = []
    for values in grid:
        scenario = with_values(small(), dict(zip(FACTORS, values, strict=True)))
        worlds = compile_worlds(scenario)
        for arm, seed in itertools.product(worlds.arms, range(REPLICATIONS)):
            simulations.append(simulation(worlds, arm, seed))
    ss.MultiSim(simulations).run(parallel=False, verbose=0)


def points_table(points: int) -> None:
    """Print milliseconds a point of a grid, and what the workbench alone takes."""
    levels = points // 25
    axes = np.linspace(0, 1, levels), np.linspace(0.1, 0.6, 25)
    grid = [*itertools.product(*(axis.round(4).tolist() for axis in axes))]
    ways: dict[str, Callable[[Grid], object]] = {
        "our sweep": ours,
        "balance_sim.run, point by point": lambda grid: [point(*at) for at in grid],
        f"EMA workbench {version('ema-workbench')} calling that": by_workbench,
        "EMA workbench calling nothing": partial(by_workbench, function=no_model),
        f"starsim {version('starsim')}, MultiSim": by_starsim,
    }
    print(
        f"\n| a point of {len(grid)}, {REPLICATIONS} replications of 2 arms | ms | x |"
    )
    print("| --- | ---: | ---: |")
    costs: list[float] = []
    for name, way in ways.items():
        way(grid[:: len(grid) // 2])  # imports
        costs.append(milliseconds(lambda way=way: way(grid)) / len(grid))  # type: ignore[misc]
        print(f"| {name} | {costs[-1]:.1f} | {costs[-1] / costs[0]:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20, help="of each peer")
    parser.add_argument("--points", type=int, default=1000, help="of the grid")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    runs_table(asked.runs)
    points_table(asked.points)


if __name__ == "__main__":
    main()
