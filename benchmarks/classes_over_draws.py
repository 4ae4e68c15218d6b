"""What the headline owes to the classes of dyads, which are worked out at the point values: a line for decision 15.

    python benchmarks/classes_over_draws.py [NAME] [--arm parade] [--draws 2000] [--workers 2]

The effect over draws of the posterior, once with the classes of the point values, as reported, and once with the
classes that each draw itself gives.
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import combinations

import numpy as np

from balance_sim.evidence.posterior.effect_draws import arm_effect, over_draws
from balance_sim.model.baseline import classes_of, with_classes
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.study.draws import joint_draws


def with_own_classes(scenario: Scenario, arm: str) -> tuple[float, float, int]:
    """Level, effect and number of counter-balancing dyads, with the classes that the
    scenario's own values give."""
    own = scenario.counted_as(None)
    level, *_, effect = arm_effect(arm, own)
    return level, effect, counting(own)


def as_reported(scenario: Scenario, arm: str) -> tuple[float, float, int]:
    """The same with the classes of the scenario as written."""
    level, *_, effect = arm_effect(arm, scenario)
    return level, effect, counting(scenario)


def counting(scenario: Scenario) -> int:
    """How many dyads are counter-balancing."""
    table = classes_of(scenario)
    dyads = combinations(sorted(table.list_of), 2)
    return sum(table.direction(*dyad) == "counter" for dyad in dyads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="beijing_2025")
    parser.add_argument("--arm", default="parade")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    scenario = with_classes(load_scenario(options.scenario))
    draws = joint_draws(scenario, "posterior").first(options.draws)
    for title, effect in (
        ("classes of the point values", as_reported),
        ("classes of each draw", with_own_classes),
    ):
        of_arm = partial(effect, arm=options.arm)
        rows = over_draws(of_arm, scenario, draws, 25, options.workers)
        print(title)
        for name, column in zip(
            ("level", "effect", "dyads"), np.array(rows).T, strict=True
        ):
            low, median, high = np.quantile(column, [0.025, 0.5, 0.975])
            print(
                f"  {name:7} mean {column.mean():.4g}, median {median:.4g}, "
                f"95 % {low:.4g} to {high:.4g}"
            )


if __name__ == "__main__":
    main()
