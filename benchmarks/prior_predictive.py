"""What the priors say of the headline effect before any data: how large it may be, against the level of agreements.

    python benchmarks/prior_predictive.py [--draws 400] [SCENARIO ...]

For each scenario the share of prior draws whose effect is below 1 % and below 20 % of the control arm's level, and
quantiles of that ratio. A prior that knows what events of this kind do has half of its draws below 1 % and 95 % of them
below 20 %: nothing that was ever measured of a single act, war apart, moved what states sign by a fifth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from balance_sim.evidence.posterior.effect_draws import COLUMNS, effects_over
from balance_sim.evidence.posterior.priors import prior_draws
from balance_sim.scenario import load_scenario
from balance_sim.study.arms import chosen_arms, headline_arm

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
SMALL, LARGE = 0.01, 0.2


def row(path: Path, count: int) -> str:
    scenario = load_scenario(path, drawn=False)
    arm = headline_arm(chosen_arms(scenario, None))
    assert arm is not None
    effects = effects_over(scenario, [(prior_draws(scenario, count), True)], arm)[0]
    level, total = (effects[:, COLUMNS.index(name)] for name in ("level", "total"))
    ratio = np.abs(total) / np.maximum(level, 1e-12)
    below = [float((ratio < bound).mean()) for bound in (SMALL, LARGE)]
    quantiles = np.quantile(ratio, [0.5, 0.95, 0.99])
    cells = [
        scenario.name,
        *(f"{share:.1%}" for share in below),
        *(f"{at:.2%}" for at in quantiles),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", type=Path, nargs="*")
    parser.add_argument("--draws", type=int, default=400)
    asked = parser.parse_args()
    shipped = sorted(
        SCENARIOS / f"{at.parent.name}.yaml"
        for at in SCENARIOS.glob("*/posterior.yaml")
    )
    print("| scenario | below 1 % | below 20 % | median | 95 % | 99 % |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for path in asked.scenarios or shipped:
        print(row(path, asked.draws), flush=True)


if __name__ == "__main__":
    main()
