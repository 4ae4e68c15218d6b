"""Recovery of event weights: records that the measurement model makes itself, with known weights, and with none.

    nice -n 10 python benchmarks/event_weights.py --sets 200 --permutations 99

prints coverage of the 95 % CI of each multiplier, the mean estimate, and how often each word is said."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping

import numpy as np

from balance_sim.evidence.events.absorbed import EventPanel
from balance_sim.evidence.events.exposure import ActSets, year_edges
from balance_sim.evidence.events.measurement import (
    EventWeights,
    Exposures,
    Study,
    groups_of,
    measure,
)

SLOPE = 0.35
KINDS = ("exercise", "incident", "treaty", "visit")


def invented_acts(
    rng: np.random.Generator, states: int, first: float, last: float
) -> ActSets:
    """Visits, exercises and treaties of two to five states, and incidents with a target."""
    rows, date, of = [], [], []
    activity = rng.lognormal(0, 0.7, states)
    often = {
        "exercise": (120, 2.0),
        "incident": (80, 0.4),
        "treaty": (40, 0.15),
        "visit": (150, 1.0),
    }
    for kind, (sets, rate) in often.items():
        for _ in range(sets):
            size = 2 if kind in ("visit", "incident") else int(rng.integers(2, 6))
            who = rng.choice(states, size, replace=False, p=activity / activity.sum())
            told = kind == "incident"
            rows.append((kind, who[:1] if told else who, who[1:] if told else who[:0]))
            for day in rng.uniform(
                first, last, 1 + rng.poisson(rate * (last - first) / 3650)
            ):
                date.append(day)
                of.append(len(rows) - 1)
    principals, targets = np.zeros((len(rows), states)), np.zeros((len(rows), states))
    for s, (_, who, whom) in enumerate(rows):
        principals[s, who], targets[s, whom] = 1.0, 1.0
    return ActSets(
        kinds=KINDS,
        date=np.array(date),
        act_set=np.array(of),
        kind=np.array([KINDS.index(kind) for kind, *_ in rows]),
        principals=principals,
        guests=np.zeros_like(principals),
        targets=targets,
        has_named_targets=np.array([kind == "incident" for kind, *_ in rows]),
    )


def invented_study(
    seed: int,
    multipliers: Mapping[str, float],
    states: int = 30,
    years: int = 8,
    rho: float = 0.05,
    slope: float = SLOPE,
) -> Study:
    """A record of the measurement model. multipliers: by group, of the shipped weights."""
    rng = np.random.default_rng(seed)
    edges = year_edges(2000, 1999 + years)
    window = (edges[0] - 5 * 365.0, edges[-1] + 365.0)
    acts = invented_acts(rng, states, *window)
    quarrelsome = np.triu(rng.uniform(size=(states, states)) < 0.08, 1)
    rivals = np.repeat((quarrelsome | quarrelsome.T).astype(float)[None], years, axis=0)
    first, second = (axis.ravel() for axis in np.indices((states, states)))
    apart = first != second
    first, second = (np.tile(side[apart], years) for side in (first, second))
    period = np.repeat(np.arange(years), states * (states - 1))
    share = rng.lognormal(0, 0.8, states)
    mean = 8.0 * share[first] * share[second]
    count = 1.0 + rng.poisson(mean * rng.gamma(2.0, 0.5, len(mean)))
    panel = EventPanel(np.zeros(len(count)), count, first, second, period, states)
    study = Study(panel, edges, acts, rivals, 2.0 * rivals, window)
    exposures, columns = Exposures(study), groups_of(acts)
    nats = exposures.columns(columns) @ np.array(
        [multipliers.get(column.group, 0.0) for column in columns]
    )
    nats += study.rows(study.quarrel)
    dyad = rng.normal(0, 0.5, states**2)[first * states + second]
    side = rng.normal(0, 0.3, (2, years, states))
    predictor = (
        -1.3 + dyad + side[0, period, first] + side[1, period, second] + slope * nats
    )
    m = 1.0 / (1.0 + np.exp(-predictor))
    spread = (1.0 - rho) / rho
    y = rng.binomial(count.astype(int), rng.beta(m * spread, (1 - m) * spread)).astype(
        float
    )
    return Study(
        EventPanel(y, count, first, second, period, states),
        edges,
        acts,
        rivals,
        2.0 * rivals,
        window,
    )


def summary(found: list[EventWeights], truth: Mapping[str, float]) -> list[str]:
    """A line for each group: coverage, mean estimate and its spread, mean standard error, words."""
    lines = []
    for g, one in enumerate(found[0].pooled):
        own = [each.pooled[g] for each in found]
        true = truth.get(one.column.group, 0.0)
        inside = sum(e.interval[0] <= true <= e.interval[1] for e in own)
        value = np.array([e.estimate for e in own])
        words = Counter(e.word for e in own)
        lines.append(
            f"{one.column.group:10} true {true:g}: CI holds it in {inside} of {len(own)}; mean {value.mean():.3f}, "
            f"sd {value.std():.3f}, mean error {np.mean([e.error for e in own]):.3f}; "
            + ", ".join(f"{word} {count}" for word, count in sorted(words.items()))
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--permutations", type=int, default=99)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    for truth in ({}, {"intent": 1.0, "alignment": 1.0, "incident": 1.0}):
        found = [
            measure(invented_study(1000 + s, truth), given.permutations, seed=s)
            for s in range(given.first, given.first + given.sets)
        ]
        print("\n".join(summary(found, truth)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
