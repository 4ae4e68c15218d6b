"""What the sign of the headline rests on: the share of draws above zero with the pooled elasticity in alarm, and with
that of defence cooperation agreements alone. A line for docs/finding.md.

    python benchmarks/sign_of_the_headline.py [NAME] [--arm parade] [--draws 600] [--workers 2]

The elasticity that was measured on one type of agreement has the prior of the pooled one. Each draw keeps its rank among
the draws and everything else.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from statistics import NormalDist

import numpy as np

from balance_sim.evidence.posterior.effect_draws import arm_effect, over_draws
from balance_sim.model.baseline import with_classes
from balance_sim.model.core import Floats
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.study.draws import Draws, joint_draws

PRIOR = NormalDist(0.0, 0.51)
"""An elasticity of -1 to 1 as central 95 %: `priors.reaction` in scenario/defaults.yaml."""
ALONE = NormalDist(0.18, (0.58 + 0.21) / 2 / 1.96)
"""Of defence cooperation agreements, as docs/reactions.md has it: 0.18 (95 % CI -0.21 to 0.58)."""


def with_elasticity_alone(draws: Draws) -> Draws:
    """Draws whose elasticities are those of the prior times the measurement of one type."""
    precision = PRIOR.variance**-1 + ALONE.variance**-1
    of_one = NormalDist(ALONE.mean / ALONE.variance / precision, precision**-0.5)
    values = np.array(draws.values)
    columns = [column for column, path in enumerate(draws.paths) if is_elasticity(path)]
    ranks = values[:, columns[0]].argsort().argsort()
    alone = [of_one.inv_cdf((rank + 0.5) / len(ranks)) for rank in ranks]
    values[:, columns] = np.array(alone)[:, None]
    return replace(draws, values=values)


def is_elasticity(path: str) -> bool:
    """Whether a key path is the elasticity in alarm of a type of agreement."""
    return path.startswith("kinds.") and path.endswith(".reaction")


def effects(scenario: Scenario, arm: str, draws: Draws, workers: int) -> Floats:
    """The headline effect of each draw, by the expected estimator."""
    of_arm = partial(arm_effect, arm, with_parts=False)
    return np.array(over_draws(of_arm, scenario, draws, 25, workers))[:, -1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="beijing_2025")
    parser.add_argument("--arm", default="parade")
    parser.add_argument("--draws", type=int, default=600)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    scenario = with_classes(load_scenario(options.scenario))
    pooled = joint_draws(scenario, "posterior").first(options.draws)
    for title, draws in (
        ("pooled over types", pooled),
        ("defence cooperation agreements alone", with_elasticity_alone(pooled)),
    ):
        effect = effects(scenario, options.arm, draws, options.workers)
        elasticity = draws.column(next(filter(is_elasticity, draws.paths)))
        alike = np.mean(np.sign(effect) == np.sign(elasticity))
        low, median, high = np.quantile(effect, [0.025, 0.5, 0.975])
        print(
            f"{title}: above zero in {np.mean(effect > 0):.1%} of draws, mean {effect.mean():.3g}, median {median:.3g}, "
            f"95 % {low:.3g} to {high:.3g}; the sign is that of the elasticity in {alike:.1%}"
        )


if __name__ == "__main__":
    main()
