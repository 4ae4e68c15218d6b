"""Milliseconds for a parameter point: its numbers set, and two arms compiled; and for a draw of the prior.

    uv run python benchmarks/point.py [SCENARIO] [--rounds 40]

A point is a scenario with one other number; the arms are the control arm and the headline arm. Median of so many
rounds, each at another value, the changes taken in turn so that a busy machine slows all alike. Of a draw all numbers
are set, and the effect is worked out by the expected estimator. Times are the processor's. `first` is what the first
point of a scenario takes, while nothing is kept yet. To set two versions side by side, run the script with
PYTHONPATH at the src folder of either, in turn.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from balance_sim.evidence.posterior.effect_draws import arm_effect
from balance_sim.evidence.posterior.priors import prior_draws
from balance_sim.model.baseline import compile_worlds, with_classes
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.draws import DrawnScenarios
from balance_sim.study.machine import keep_freed_memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", default="scenarios/beijing_2025.yaml")
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    keep_freed_memory()  # as workers do
    scenario = with_classes(load_scenario(given.scenario))  # as studies do
    arms = (
        scenario.reference_arm,
        headline_arm(chosen_arms(scenario, None)) or scenario.reference_arm,
    )
    audience = next(iter(scenario.audiences))
    paths = {
        "parameter": "parameters.beta",
        "visibility of the event": f"events.{scenario.focal}.visibility",
        "weight of a term": "theory.weights.closure",
        "attention": f"audiences.{audience}.attention.default",
        "rate of a kind": f"kinds.{next(iter(scenario.kinds))}.ceiling",
    }
    began = time.process_time()
    compile_worlds(with_values(scenario, {paths["parameter"]: 0.5}), arms)
    first = time.process_time() - began
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in paths}
    for number in range(given.rounds):
        for name, path in paths.items():
            began = time.process_time()
            point = with_values(scenario, {path: (number + 1) / (given.rounds + 1)})
            is_set = time.process_time()
            compile_worlds(point, arms)
            spent[name].append((is_set - began, time.process_time() - is_set))
    draws = prior_draws(scenario, max(given.rounds, 10))
    drawn = DrawnScenarios(scenario, draws)
    spent["a draw, with its effect"] = []
    for number in range(given.rounds):
        began = time.process_time()
        point = drawn[number]
        is_set = time.process_time()
        arm_effect(arms[1], point)
        spent["a draw, with its effect"].append(
            (is_set - began, time.process_time() - is_set)
        )
    print(f"{scenario.name}, arms {' and '.join(arms)}; first {1e3 * first:.1f} ms\n")
    print(f"{'milliseconds':26s}{'with_values':>12s}{'two arms':>12s}{'both':>12s}")
    for name, times in spent.items():
        columns = [
            median(a for a, _ in times),
            median(b for _, b in times),
            median(a + b for a, b in times),
        ]
        print(f"{name:26s}" + "".join(f"{1e3 * column:12.2f}" for column in columns))


if __name__ == "__main__":
    main()
