"""Spending after the invasion of Ukraine: European members of NATO on record, and what
the invasion arm of ukraine_2022 has them spend.

    python benchmarks/spending.py DATA [--draws 200]

DATA holds SIPRI's milex_sipri_state_year.csv; spending is in dollars of 2023, and a year
stands for its middle. The model's rise of effort is read as one of spending, on which
its elasticity was measured; expected estimator, over draws of the posterior. Nothing
here changes a parameter."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.posterior.effect_draws import over_draws
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import Floats
from balance_sim.scenario import load_scenario
from balance_sim.scenario.schema import Scenario
from balance_sim.study.draws import joint_draws
from balance_sim.study.expected import Estimator

CONTROL, ARM, BEFORE, YEARS = "no_invasion", "invasion", 2021, (2022, 2023, 2024)
AMERICAN = ("CAN", "USA")
BESIDE = ("FIN", "SWE", "MDA")
"""States of Europe outside of NATO that are neither at war nor the invader's ally."""
INVASION = date(2022, 2, 24)
WINDOWS = [(date(year, 7, 1) - INVASION).days for year in YEARS]


def efforts(scenario: Scenario) -> Floats:
    """(2, Y, n) rise of effort in the middle of each year, without the invasion and
    with it, states in the order of their codes."""
    worlds = compile_worlds(scenario, (CONTROL, ARM))
    estimator = Estimator(worlds)
    order = np.argsort(worlds.reference.codes)
    arms = estimator.control, estimator.of(worlds.arms[ARM])
    rises = [[arm.effort[days][order] for days in WINDOWS] for arm in arms]
    return np.array(rises)


def spent(folder: Path, codes: Sequence[str]) -> pd.DataFrame:
    """Spending by year and state, in years in which that of all is known."""
    table = pd.read_csv(folder / "milex_sipri_state_year.csv")
    by_year = table[table["iso3"].isin(codes)].pivot_table(
        "milex_const2023_usd_m", "year", "iso3"
    )
    return by_year[list(codes)].dropna()


def interval(values: Floats) -> str:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{100 * median:6.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def order_interval(order: float, n: int) -> tuple[float, float]:
    """95 % interval of a rank correlation of n. Fieller, Hartley, Pearson 1957,
    Biometrika 44: 470-481."""
    middle, half = np.arctanh(order), 1.96 * np.sqrt(1.06 / (n - 3))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=200)
    args = parser.parse_args()
    windows = f"report.windows=[{', '.join(map(str, WINDOWS))}]"
    scenario = load_scenario(
        Path("scenarios/ukraine_2022.yaml"), set=["end=2024-12-31", windows]
    )
    members = sorted(set(scenario.groups["NATO"]) - set(AMERICAN))
    beside = sorted({*members, *BESIDE})
    places = [sorted(scenario.codes).index(code) for code in members]
    draws = joint_draws(scenario, "posterior").first(args.draws)
    of_all = np.array(over_draws(efforts, scenario, draws, 25, 1))
    rises = of_all[..., places]
    table = spent(args.data, members)
    shares = (table.loc[BEFORE] / table.loc[BEFORE].sum()).to_numpy()
    print(f"{', '.join(members)}; {len(draws)} draws, median and central 90 %")
    for y, year in enumerate(YEARS):
        came = table.loc[year].sum() / table.loc[BEFORE].sum() - 1
        without, having = (rises[:, arm, y] @ shares for arm in (0, 1))
        print(
            f"{BEFORE} to {year}: came {100 * came:5.1f} %; said {interval(having)}, "
            f"without the invasion {interval(without)}"
        )
    usual = table.sum(axis=1).pct_change(3).loc[:BEFORE].dropna()
    print(
        f"rises of three years that end in {usual.index[0]} to {BEFORE}: "
        f"{100 * usual.min():.1f} to {100 * usual.max():.1f} %, standard deviation "
        f"{100 * usual.std():.1f}"
    )
    for place, code in enumerate(members):
        came = table.loc[YEARS[-1], code] / table.loc[BEFORE, code] - 1
        print(
            f"  {code}: came {100 * came:5.1f} %, said {interval(rises[:, 1, -1, place])}"
        )
    for codes in (members, beside):
        places = [sorted(scenario.codes).index(code) for code in codes]
        table = spent(args.data, codes)
        came = table.loc[YEARS[-1]] / table.loc[BEFORE] - 1
        said = pd.Series(np.median(of_all[:, 1, -1][:, places], axis=0), index=codes)
        order = float(came.corr(said, method="spearman"))
        low, high = order_interval(order, len(codes))
        print(
            f"order of the rises of {len(codes)} states: Spearman {order:.2f} "
            f"(95 % {low:.2f} to {high:.2f})"
        )


if __name__ == "__main__":
    main()
