"""CPU seconds for a standard error of 0.001 on the headline of Beijing 2025, by estimator.

    uv run python benchmarks/precision.py [--runs 512] [--json]

One process, one thread of arithmetic: CPU seconds of this process. Each estimator's variance a replication and its cost
a replication are measured in one go; the seconds are cost * variance / 0.001^2. The plain Mesa model is too slow for
that many replications: its cost is that of a few, and its variance that of two independent arms, from the counts of
the engine, whose distribution is the same. The expected estimator has no random numbers: its row is its cost.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 - after the number of threads

import balance_sim as bs  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))

WANTED = 0.001
ARMS = ("no_parade", "parade")
MESA_RUNS = 3


def main() -> None:
    from plain_mesa import PlainModel

    from balance_sim.effects.direct import direct
    from balance_sim.effects.expected import expected
    from balance_sim.model.baseline import compile_worlds
    from balance_sim.model.core import DIRECTIONS
    from balance_sim.study.filtered import FilteredSums, focal_windows, prospect_of

    runs = int(sys.argv[sys.argv.index("--runs") + 1]) if "--runs" in sys.argv else 512
    scenario = bs.load_scenario("scenarios/beijing_2025.yaml")
    worlds = compile_worlds(scenario, ARMS)
    outcome, counter = "accords_counter_365", DIRECTIONS.index("counter")

    began = time.process_time()
    for run in range(MESA_RUNS):
        PlainModel(worlds, ARMS[run % 2], run).run_until_end()
    mesa = (time.process_time() - began) / MESA_RUNS

    bs.run(scenario, runs=8, seed=2, arms=ARMS)  # what is paid once is not counted
    began = time.process_time()
    result = bs.run(scenario, runs=runs, seed=1, arms=ARMS)
    wide = {
        name: result.outcomes.pivot(index="run", columns="arm", values=name)
        for name in (outcome, f"filtered_{outcome}")
    }
    paired = (time.process_time() - began) / runs
    counts, smooth = wide[outcome], wide[f"filtered_{outcome}"]
    differences = {
        name: of["parade"] - of["no_parade"]
        for name, of in (("counts", counts), ("filtered", smooth))
    }

    numbers = np.arange(runs, dtype=np.uint64)
    parts = []
    began = time.process_time()
    for some in np.array_split(numbers, max(runs // 256, 1)):
        along, beside = direct(worlds, 1, some, ARMS[1:])
        windows = focal_windows(worlds)
        prospect = prospect_of(worlds, along.opportunities, windows)
        of = [
            FilteredSums(
                worlds.arms[arm],
                along.opportunities,
                made,
                prospect,
                windows,
                worlds.baseline.direction,
                len(some),
            ).by_direction(windows.longest)[:, counter]
            for arm, made in ((ARMS[0], along.control), (ARMS[1], beside[ARMS[1]]))
        ]
        parts.append(of[1] - of[0])
    cost_direct = (time.process_time() - began) / runs
    directly = np.concatenate(parts)

    expected(worlds, ARMS)
    began = time.process_time()
    found = expected(worlds, ARMS)
    cost_expected = time.process_time() - began
    levels = [found[arm].outcomes(worlds.baseline.direction)[outcome] for arm in ARMS]

    independent = float(counts["parade"].var() + counts["no_parade"].var())
    rows = [
        (
            "plain Mesa, independent arms",
            float(differences["counts"].mean()),
            independent,
            2 * mesa,
        ),
        (
            "counts, common random numbers",
            float(differences["counts"].mean()),
            float(differences["counts"].var()),
            paired,
        ),
        (
            "filtered",
            float(differences["filtered"].mean()),
            float(differences["filtered"].var()),
            paired,
        ),
        ("direct", float(directly.mean()), float(directly.var(ddof=1)), cost_direct),
    ]
    table = [
        {
            "estimator": name,
            "effect": effect,
            "variance": variance,
            "cpu_per_replication": cost,
            "replications": variance / WANTED**2,
            "cpu_seconds": cost * variance / WANTED**2,
        }
        for name, effect, variance, cost in rows
    ]
    table.append(
        {
            "estimator": "expected",
            "effect": levels[1] - levels[0],
            "variance": 0.0,
            "cpu_per_replication": cost_expected,
            "replications": 0.0,
            "cpu_seconds": cost_expected,
        }
    )
    if "--json" in sys.argv:
        print(json.dumps(table, indent=1))
        return
    print(
        f"standard error {WANTED} of the headline effect, {runs} replications measured"
    )
    print(
        f"{'estimator':<32}{'effect':>9}{'variance':>11}{'CPU ms each':>13}{'replications':>14}{'CPU s':>15}"
    )
    for row in table:
        print(
            f"{row['estimator']:<32}{row['effect']:>9.4f}{row['variance']:>11.6f}"
            f"{1000 * row['cpu_per_replication']:>13.2f}{row['replications']:>14,.0f}{row['cpu_seconds']:>15,.3f}"
        )


if __name__ == "__main__":
    main()
