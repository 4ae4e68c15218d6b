"""The level of agreements from year to year: what the band of the fan chart leaves to it, tables for docs/gof.md.

    python benchmarks/level.py [--scenario NAME] [--origins 10] [--runs 400]

* Rolling origin: each of the last years of the scenario's own record is forecast by a calibration on the twenty years
  before it. The total is negative binomial, its mean the calibration's rates added up, its variance that of a Poisson
  number and of the level together. One year ahead the fan's band has this form.
* Linearity: the scenario is simulated with a factor on the level of all types, half of its logarithm on either side as
  `--draws fitted` has it, and the numbers are compared with the superposition of those at level 1.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from scipy import stats

from balance_sim.effects.run import run
from balance_sim.evidence.estimation.calibration import (
    WINDOW,
    JointLikelihood,
    calibrate,
    prior_of,
)
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.defaults import fitted_distribution
from balance_sim.scenario.schema import Scenario

FACTORS = (0.25, 0.5, 2.0, 3.0)


def rolling(name: str, origins: int) -> pd.DataFrame:
    """A row a year: what was expected, the variance of the level, what came, its probability integral transform at the
    middle of the step, and whether 90 % intervals with the level and with chance alone hold it."""
    raw = load_scenario(name, calibrated=False)
    prior = prior_of(raw, fitted_distribution())
    record = own_record(raw, WINDOW + origins)
    rows = []
    for origin in record.years[-origins:]:
        earlier = record.within(origin - WINDOW, origin - 1)
        ahead = record.within(origin, origin)
        found = calibrate(earlier, prior)
        likelihood = JointLikelihood(ahead.choices, found.classes)
        mean = float(likelihood.rates(found.values).sum())
        came, variance = int(ahead.counts.sum()), max(found.level_variance, 1e-9)
        shape = 1.0 / variance
        total = stats.nbinom(shape, shape / (shape + mean))
        ends, alone = total.interval(0.9), stats.poisson(mean).interval(0.9)
        rows.append(
            {
                "from": record.starts[origin],
                "expected": mean,
                "variance": found.level_variance,
                "came": came,
                "low": ends[0],
                "high": ends[1],
                "held": ends[0] <= came <= ends[1],
                "pit": total.cdf(came) - total.pmf(came) / 2,
                "alone_low": alone[0],
                "alone_high": alone[1],
                "alone_held": alone[0] <= came <= alone[1],
            }
        )
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def at_level(scenario: Scenario, factor: float) -> Scenario:
    half = np.log(factor) / 2
    return with_values(
        scenario,
        {
            f"kinds.{name}.intercept": kind.intercept + half
            for name, kind in scenario.kinds.items()
        },
    )


def linearity(name: str, runs: int) -> pd.DataFrame:
    """A row a factor: numbers of security agreements in the control arm, simulated and superposed."""
    scenario = load_scenario(name)
    outcomes = [
        f"accords_{of}_{max(scenario.report.windows)}" for of in ("all", "counter")
    ]

    def numbers(at: Scenario) -> pd.DataFrame:
        found = run(at, runs=runs, seed=1, arms=[scenario.reference_arm])
        return found.by_run.frame(*outcomes)[outcomes]

    one, rows = numbers(scenario), []
    for factor in FACTORS:
        found = numbers(at_level(scenario, factor))
        for outcome in outcomes:
            mean = one[outcome].mean()
            rows.append(
                {
                    "level": factor,
                    "outcome": outcome,
                    "mean": found[outcome].mean(),
                    "superposed": factor * mean,
                    "ratio": found[outcome].mean() / (factor * mean),
                    "error": found[outcome].sem() / (factor * mean),
                    "variance / mean": found[outcome].var() / found[outcome].mean(),
                }
            )
        print(rows[-2:], flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="beijing_2025")
    parser.add_argument("--origins", type=int, default=10)
    parser.add_argument("--runs", type=int, default=400)
    asked = parser.parse_args()
    years = rolling(asked.scenario, asked.origins)
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        print(years.round(3).to_string(index=False))
        for column in ("held", "alone_held"):
            print(f"{column}: {years[column].sum()} of {len(years)}")
        print(linearity(asked.scenario, asked.runs).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
