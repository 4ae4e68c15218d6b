"""CPU seconds for a standard error of 0.001 on the headline of Beijing 2025, by estimator.

    uv run python benchmarks/precision.py [--runs 512] [--draws 100] [--json]

One process, one thread of arithmetic: CPU seconds of this process. Each estimator's variance a replication and its cost
a replication are measured in one go; the seconds are cost * variance / 0.001^2. The plain Mesa model is too slow for
that many replications: its cost is that of a few, and its variance that of two independent arms, from the counts of
the engine, whose distribution is the same. The expected estimator has no random numbers: at the point values its row is
its cost; over the posterior a replication is a draw, with what its scenario takes to be set and compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 - after the number of threads
from direct_estimator import direct  # noqa: E402
from plain_mesa import PlainModel  # noqa: E402

import balance_sim as bs  # noqa: E402
from balance_sim.evidence.posterior.effect_draws import arm_effect  # noqa: E402
from balance_sim.model.baseline import (  # noqa: E402
    Worlds,
    compile_worlds,
    with_classes,
)
from balance_sim.model.core import DIRECTIONS  # noqa: E402
from balance_sim.study.control_variates import ControlVariates  # noqa: E402
from balance_sim.study.draws import DrawnScenarios, joint_draws  # noqa: E402
from balance_sim.study.expected import expected  # noqa: E402
from balance_sim.study.filtered import FilteredSums, prospect_of  # noqa: E402
from balance_sim.study.talks_at_start import focal_windows  # noqa: E402

WANTED = 0.001
ARMS = CONTROL, ARM = "no_parade", "parade"
OUTCOME, COUNTER = "accords_counter_365", DIRECTIONS.index("counter")
MESA_RUNS = 3


@dataclass(frozen=True)
class Precision:
    """An estimator's effect, its variance and CPU seconds a replication, and the
    replications and CPU seconds for the wanted standard error."""

    estimator: str
    effect: float
    variance: float
    cpu_per_replication: float
    replications: float
    cpu_seconds: float


def sampled(estimator: str, effects: np.ndarray, seconds: float) -> Precision:
    """The precision of an estimator with these effects by replication, which took so
    many CPU seconds in all."""
    variance = float(effects.var(ddof=1))
    return of_variance(
        estimator, float(effects.mean()), variance, seconds / len(effects)
    )


def of_variance(
    estimator: str, effect: float, variance: float, each: float
) -> Precision:
    """The same from a variance and CPU seconds a replication."""
    replications = variance / WANTED**2
    seconds = each * replications
    return Precision(estimator, effect, variance, each, replications, seconds)


def timed[R](function: Callable[[], R]) -> tuple[R, float]:
    """What a function returns, and the CPU seconds it takes."""
    began = time.process_time()
    result = function()
    return result, time.process_time() - began


def direct_effects(worlds: Worlds, runs: int) -> np.ndarray:
    """(R,) filtered differences of the arm simulated beside its control arm."""
    parts, windows, variates = [], focal_windows(worlds), ControlVariates(worlds)
    for numbers in np.array_split(
        np.arange(runs, dtype=np.uint64), max(runs // 256, 1)
    ):
        along, beside = direct(worlds, 1, numbers, (ARM,))
        drawn = along.opportunities
        prospect = prospect_of(worlds, drawn, windows)
        levels = []
        for arm, simulated in ((CONTROL, along), (ARM, beside[ARM])):
            measured = prospect, windows, worlds.baseline.direction, len(numbers)
            sums = FilteredSums(
                worlds.arms[arm], simulated, *measured, variates.of(arm)
            )
            levels.append(sums.by_direction(windows.longest)[:, COUNTER])
        parts.append(levels[1] - levels[0])
    return np.concatenate(parts)


def posterior_effects(draws: int) -> np.ndarray:
    """(D,) expected effect in each of the first draws of the shipped posterior."""
    scenario = with_classes(bs.load_scenario("beijing_2025"))
    posterior = joint_draws(scenario, "posterior").first(draws)
    drawn = DrawnScenarios(scenario, posterior)
    effects = [
        arm_effect(ARM, drawn[number], with_parts=False)[-1] for number in range(draws)
    ]
    return np.array(effects)


def measured(runs: int, draws: int) -> list[Precision]:
    """The precision of every estimator."""
    scenario = bs.load_scenario("beijing_2025")
    worlds = compile_worlds(scenario, ARMS)

    def mesa_runs() -> None:
        for run in range(MESA_RUNS):
            PlainModel(worlds, ARMS[run % 2], run).run_until_end()

    mesa = timed(mesa_runs)[1] / MESA_RUNS

    def paired() -> dict[str, np.ndarray]:
        outcomes = bs.run(scenario, runs=runs, seed=1, arms=ARMS).outcomes
        return {
            name: outcomes.pivot(index="run", columns="arm", values=name)
            for name in (OUTCOME, f"filtered_{OUTCOME}")
        }

    bs.run(scenario, runs=8, seed=2, arms=ARMS)  # what is paid once is not counted
    by_arm, paired_seconds = timed(paired)
    counts, filtered = (
        (table[ARM] - table[CONTROL]).to_numpy() for table in by_arm.values()
    )
    independent = float(by_arm[OUTCOME].var(ddof=1).sum())
    of_direct, direct_seconds = timed(lambda: direct_effects(worlds, runs))

    expected(worlds, ARMS)
    arms, expected_seconds = timed(lambda: expected(worlds, ARMS))
    levels = [arms[arm].outcomes(worlds.baseline.direction)[OUTCOME] for arm in ARMS]
    of_posterior, posterior_seconds = timed(lambda: posterior_effects(draws))
    mean_count = float(counts.mean())
    return [
        of_variance("plain Mesa, independent arms", mean_count, independent, 2 * mesa),
        sampled("counts, common random numbers", counts, paired_seconds),
        sampled("filtered", filtered, paired_seconds),
        sampled("direct", of_direct, direct_seconds),
        Precision(
            "expected", levels[1] - levels[0], 0, expected_seconds, 1, expected_seconds
        ),
        sampled("expected, over the posterior", of_posterior, posterior_seconds),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=512)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = measured(options.runs, options.draws)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print(
        f"standard error {WANTED} of the headline effect, {options.runs} replications"
    )
    print(
        f"{'estimator':<32}{'effect':>9}{'variance':>11}{'CPU ms each':>13}"
        f"{'replications':>14}{'CPU s':>16}"
    )
    for row in rows:
        print(
            f"{row.estimator:<32}{row.effect:>9.4f}{row.variance:>11.6f}"
            f"{1000 * row.cpu_per_replication:>13.2f}{row.replications:>14,.0f}"
            f"{row.cpu_seconds:>16,.3f}"
        )


if __name__ == "__main__":
    main()
