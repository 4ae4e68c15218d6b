"""What the headline does not say: whether those who fear the participants rise by more than others, how much of the
effect is that they stood together, what the record rests on, and whom Europe fears before the invasion of Ukraine. Lines
for docs/finding.md and docs/limits.md.

    python benchmarks/what_the_headline_hides.py [--draws 600] [--workers 2] [--dcad FILE [--since 1995-01-01]]

Per cents are of means over draws of the posterior, by the expected estimator; a difference is taken within each draw.
FILE is the main file of the Defense Cooperation Agreement Dataset 1.0 (Kinne 2020, Journal of Conflict Resolution
64(4): 729-755), which does not ship.
"""

from __future__ import annotations

import argparse
import csv
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.effects.world_at_start import world_at_start
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.agreements import AGREEMENTS
from balance_sim.evidence.posterior.effect_draws import arm_effect, over_draws
from balance_sim.model.baseline import compile_worlds, with_classes
from balance_sim.model.core import DIRECTIONS
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.stats.intervals import share_interval
from balance_sim.study.draws import joint_draws
from balance_sim.study.expected import Estimator

CASE, ARM, FIRST = "beijing_2025", "parade", "2005-09-01"
INVADED = "ukraine_2022"
EUROPE = [
    "BLR",
    "DEU",
    "DNK",
    "EST",
    "FIN",
    "FRA",
    "GBR",
    "ITA",
    "LTU",
    "LVA",
    "MDA",
    "NLD",
    "NOR",
    "POL",
    "ROU",
    "SWE",
    "UKR",
]
"""States of that world in Europe but the invader: judgement; Turkey and Georgia are left out."""


def by_direction(arm: str, scenario: Scenario) -> tuple[tuple[float, float], ...]:
    """By DIRECTIONS, expected security agreements within the longest window in the control arm, and how many more."""
    worlds = compile_worlds(scenario, (scenario.reference_arm, arm), bounded=False)
    estimator = Estimator(worlds)
    longest = estimator.windows.longest
    windows = replace(estimator.windows, days=(longest,))
    arms = (worlds.reference, worlds.arms[arm])
    control, having = (one.by_dyad(longest) for one in estimator.of_arms(arms, windows))
    direction, count = worlds.baseline.direction, len(DIRECTIONS)
    level = np.bincount(direction, control, count)
    rise = np.bincount(direction, having - control, count)
    return tuple(zip(level.tolist(), rise.tolist(), strict=True))


def rises(scenario: Scenario, draws: int, workers: int) -> None:
    """Print how far each class of dyads rises, and by how much more those with a common fear do."""
    drawn = joint_draws(scenario, "posterior").first(draws)
    of_arm = partial(by_direction, ARM)
    values = np.array(over_draws(of_arm, with_classes(scenario), drawn, 25, workers))
    counter, other = (DIRECTIONS.index(name) for name in ("counter", "other"))
    for place in (counter, other):
        level, rise = values[:, place].mean(axis=0)
        print(
            f"{DIRECTIONS[place]}: {level:.2f} agreements, {100 * rise / level:+.2f} %"
        )
    per_cent = 100 * values[..., 1] / values[..., 0]
    means = per_cent.mean(axis=0)
    print(
        f"mean of each draw's per cent: counter {means[counter]:.2f}, other {means[other]:.2f}"
    )
    apart = per_cent[:, counter] - per_cent[:, other]
    low, high = np.quantile(apart, [0.025, 0.975])
    above = 100 * (apart > 0).mean()
    print(
        f"counter less other within a draw: mean {apart.mean():+.3f} points, "
        f"95 % {low:.2f} to {high:.2f}, above 0 in {above:.0f} % of {len(apart)} draws"
    )


def unity(scenario: Scenario, draws: int, workers: int) -> None:
    """Print the share of the effect that comes through who is seen together."""
    drawn = joint_draws(scenario, "posterior").first(draws)
    of_arm = partial(arm_effect, ARM)
    values = np.array(over_draws(of_arm, with_classes(scenario), drawn, 25, workers))
    _, picture, threat, _, total = values.mean(axis=0)
    _, at_point, _, _, whole = arm_effect(ARM, scenario)
    print(
        f"seen together: {picture:.4f} of {total:.4f} (threat {threat:.4f}), "
        f"{100 * picture / total:.1f} %; {100 * at_point / whole:.1f} % at the point values"
    )


def record(folder: Path) -> None:
    """Print how many agreements of twenty years rest on memory."""
    with (folder / "accords.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["signed"] >= FIRST]
    remembered = [row for row in rows if row["confidence"] == "from_memory"]
    numbered = [row for row in remembered if re.search(r"\d{3}|http", row["source"])]
    print(
        f"of {len(rows)} rows signed from {FIRST} on {len(remembered)} from memory, "
        f"{len(numbered)} of these with a number or an address"
    )


def covered(scenario: Scenario, file: Path, since: str) -> None:
    """Print how many general agreements of DCAD from a day on stand in the record within a year."""
    listed = AGREEMENTS.read(file).frame
    listed = listed[listed["kind"] == "defence_cooperation"]
    listed = listed[listed["signed"] >= pd.Timestamp(since)]
    for side in ("a", "b"):
        cow = listed[f"cow_{side}"]
        listed[side] = codes.convert(cow, listed["signed"], "cow", "iso3").astype(str)
    listed = listed[listed[["a", "b"]].isin(scenario.codes).all(axis=1)]
    if listed.empty:
        print(f"{file.name} has no agreement from {since} on between these states")
        return
    signed: dict[frozenset[str], list[pd.Timestamp]] = {}
    for one in scenario.accords:
        if one.signed is not None:
            days = signed.setdefault(frozenset((one.a, one.b)), [])
            days.append(pd.Timestamp(one.signed))
    year = pd.Timedelta(days=365)
    hits = sum(
        any(
            abs(day - row.signed) <= year
            for day in signed.get(frozenset((row.a, row.b)), ())
        )
        for row in listed.itertuples()
    )
    low, high = share_interval(hits, len(listed))
    print(
        f"of {len(listed)} general agreements of DCAD from {since} to {listed['signed'].max():%Y} {hits} are on "
        f"record within a year: {100 * hits / len(listed):.0f} % (95 % {100 * low:.0f} to {100 * high:.0f})"
    )


def europe(scenario: Scenario) -> None:
    """Print which states of Europe fear nobody much, and which are neither threatened nor wary."""
    world = world_at_start(scenario)
    most = dict(zip(world.codes, world.fears_most, strict=True))
    listed = dict(zip(world.codes, world.listed, strict=True))
    calm = [code for code in EUROPE if not most[code]]
    neither = [code for code in EUROPE if listed[code] == "others"]
    print(
        f"{scenario.start}: {len(calm)} of {len(EUROPE)} states of Europe fear nobody much "
        f"({' '.join(calm)}); {len(neither)} are neither threatened nor wary ({' '.join(neither)})"
    )
    print("  " + ", ".join(f"{code} {most[code]}" for code in EUROPE if most[code]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=600)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dcad", type=Path)
    parser.add_argument("--since", default=FIRST)
    options = parser.parse_args()
    scenario = load_scenario(CASE)
    record(Path("scenarios") / CASE)
    if options.dcad is not None:
        covered(scenario, options.dcad, options.since)
    europe(load_scenario(INVADED))
    rises(scenario, options.draws, options.workers)
    unity(scenario, options.draws, options.workers)


if __name__ == "__main__":
    main()
