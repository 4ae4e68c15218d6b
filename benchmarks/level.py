"""The level of agreements from year to year: what the band of the fan chart leaves to it, tables for docs/gof.md.

    python benchmarks/level.py [--scenario NAME] [--origins 10] [--runs 400]

* Rolling origin: each of the last years of the scenario's own record is forecast by a calibration on the twenty years
  before it. The total is negative binomial, its mean the calibration's rates added up, its variance that of a Poisson
  number and of the level together. One year ahead the fan's band has this form.
* Linearity: the scenario is simulated with a factor on how often dyads find opportunities, which is what the level of
  the calibration is, and the numbers are compared with the fan's: those at level 1 times the factor, talks on record
  once. `--draws fitted` draws that same factor for each replication.
"""

from __future__ import annotations

import argparse

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
from balance_sim.study.outcomes import NEW

FACTORS = (0.25, 0.5, 1.0, 2.0, 3.0)


def rolling(name: str, origins: int) -> pd.DataFrame:
    """A row a year: what was expected, the variance of the level, what came, its probability integral transform at the
    middle of the step, and whether 90 % intervals hold it: with the level, with the variance that the scenario's
    calibration has, which knows all of these years, and with chance alone."""
    raw = load_scenario(name, calibrated=False)
    prior = prior_of(raw, fitted_distribution())
    record = own_record(raw, WINDOW + origins)
    last = load_scenario(name).calibration.level_variance
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
        shipped = stats.nbinom(1 / last, 1 / (1 + last * mean)).interval(0.9)
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
                "shipped_held": shipped[0] <= came <= shipped[1],
                "alone_low": alone[0],
                "alone_high": alone[1],
                "alone_held": alone[0] <= came <= alone[1],
            }
        )
    return pd.DataFrame(rows)


def at_level(scenario: Scenario, factor: float) -> Scenario:
    """The scenario with its opportunities so many times as frequent. A level that it states goes along, so that no
    intercept is shifted."""
    kinds = scenario.kinds.items()
    changed = {f"kinds.{name}.ceiling": kind.ceiling * factor for name, kind in kinds}
    if scenario.base_rate is not None:
        changed["base_rate"] = scenario.base_rate * factor
    return with_values(scenario, changed)


def numbers(scenario: Scenario, runs: int) -> pd.DataFrame:
    """New counter-balancing security agreements by replication, in the control arm: those of talks on record, and
    others."""
    found = run(scenario, runs=runs, seed=1, arms=[scenario.reference_arm])
    rows = found.agreements
    days = pd.to_datetime(rows["signed"]) - pd.Timestamp(found.focal_day, unit="D")
    security = [name for name, kind in scenario.kinds.items() if kind.security]
    is_counted = days.dt.days.between(1, max(scenario.report.windows))
    is_counted &= rows["kind"].isin(security) & (rows["direction"] == "counter")
    rows = rows[is_counted & rows["origin"].isin(NEW)]
    is_on_record = rows["origin"] == "talks"
    of_run = [rows["run"][is_on_record], rows["run"][~is_on_record]]
    counts = [of.value_counts().reindex(range(runs), fill_value=0) for of in of_run]
    return pd.DataFrame(dict(zip(("on record", "others"), counts, strict=True)))


def linearity(name: str, runs: int) -> pd.DataFrame:
    """A row a factor: what the fan has, and what is simulated at it."""
    scenario = load_scenario(name)
    one, rows = numbers(scenario, runs).mean(), []
    for factor in FACTORS:
        total = numbers(at_level(scenario, factor), runs).sum(axis=1)
        rows.append(
            {
                "level": factor,
                "fan": one["on record"] + factor * one["others"],
                "simulated": total.mean(),
                "error": total.sem(),
                "variance / mean": total.var() / total.mean(),
            }
        )
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
        for column in ("held", "shipped_held", "alone_held"):
            print(f"{column}: {years[column].sum()} of {len(years)}")
        print(linearity(asked.scenario, asked.runs).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
