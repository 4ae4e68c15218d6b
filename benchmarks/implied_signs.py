"""Shares of draws of the guessed parameters in which each mechanism has one sign or the other.

    uv run python benchmarks/implied_signs.py [SCENARIO] [--draws 200] [--seed 1]

A Latin hypercube over the ranges that `balance-sim parameters` shows for all guesses: for each draw the measures of M1
to M17 that need no replications, once with the focal event's targets as coded and once with none. Weights of costly
signals have to rise along their ladder: those drawn are sorted along it, which keeps each in its range. Shares of
capability are divided by their sum. Left out are the length of a step, which is no parameter of the model, the speed of
talks, which is off, the floor of alarm, with which the elasticities are measured, and weights that the scenario's theory
names itself. Writes benchmarks/implied_signs.csv, or FILE by --out.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import qmc

from balance_sim.article.beliefs import FrozenWorld, measures
from balance_sim.effects.participants import COUNTER, Participants
from balance_sim.model.baseline import compile_worlds
from balance_sim.scenario import (
    Scenario,
    arm_scenario,
    load_scenario,
    value_at,
    with_values,
)
from balance_sim.scenario.defaults import parameter_table, presets
from balance_sim.scenario.schema import SIGNAL_ORDER, Event
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.scene import focal_roles

DRAWS, SEED = 200, 1
ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "scenarios" / "beijing_2025.yaml"
OUT = ROOT / "benchmarks" / "implied_signs.csv"
IDS = [f"M{number}" for number in range(1, 18)]
COLUMNS = (
    *("id", "draws", "share_positive", "share_negative"),
    *("share_positive_without_targets", "share_negative_without_targets", "tag"),
)
LEFT_OUT = ("step_days", "parameters.alarm_floor")
NOT_TESTED = {
    "M2": "implied",
    "M8": "emergent",
    "M11": "emergent",
    "M15": "emergent",
    "M16": "emergent",
    "M17": "emergent",
}
"""They need replications; their tag is a reading of the equations."""


def ranges(scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Range of every guessed parameter that the scenario has, by key path."""
    preset = presets()[scenario.theory.preset]["weights"]
    named = {f"theory.weights.{term}" for term in preset}
    out = {}
    for row in parameter_table():
        path, span = str(row["path"]), row["range"]
        if row["source"] != "guess" or not isinstance(span, list) or span[0] >= span[1]:
            continue
        if path not in (*LEFT_OUT, *named) and has(scenario, path):
            out[path] = (float(span[0]), float(span[1]))
    return out


def has(scenario: Scenario, path: str) -> bool:
    try:
        return value_at(scenario, path) is not None
    except LookupError:
        return False


def points(
    scenario: Scenario, draws: int = DRAWS, seed: int = SEED
) -> Iterator[Scenario]:
    """The scenario at each point of the design, which `draws` and `seed` fix."""
    spans = ranges(scenario)
    low, high = np.array(list(spans.values())).T
    for share in qmc.LatinHypercube(len(spans), rng=np.random.default_rng(seed)).random(
        draws
    ):
        point = dict(zip(spans, (low + share * (high - low)).tolist(), strict=True))
        for name in ("alignment", "intent"):
            ladder = [
                path
                for kind in SIGNAL_ORDER
                if (path := f"event_kinds.{kind}.{name}") in point
            ]
            point |= dict(
                zip(ladder, sorted(point[path] for path in ladder), strict=True)
            )
        parts = [path for path in point if path.startswith("capability.")]
        whole = sum(point[path] for path in parts)
        yield with_values(
            scenario, point | {path: point[path] / whole for path in parts}
        )


def drawn(
    scenario: Scenario, draws: int = DRAWS, seed: int = SEED, first: int | None = None
) -> np.ndarray:
    """(draws or `first`, 2, 17) values, with the targets as coded and with none; NaN where not tested."""
    arm = headline_arm(chosen_arms(scenario, None))
    assert arm is not None
    out = []
    for point, _ in zip(
        points(scenario, draws, seed), range(first or draws), strict=False
    ):
        out.append(
            [[of.get(name, np.nan) for name in IDS] for of in values(point, arm)]
        )
    return np.array(out)


def shipped() -> dict[str, tuple[int, tuple[float, ...], str]]:
    """Draws, shares and tag by mechanism, as the file has them."""
    lines = (
        line
        for line in OUT.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    return {
        row["id"]: (
            int(row["draws"]),
            tuple(float(row[name]) for name in COLUMNS[2:6] if row[name]),
            row["tag"],
        )
        for row in csv.DictReader(lines)
    }


def tag_of(shares: Sequence[float]) -> str:
    """Implied where all draws have one sign, positive or negative, with the targets as coded and with none.

    shares: positive, negative, and the same without targets.

    >>> tag_of((1.0, 0.0, 1.0, 0.0)), tag_of((1.0, 0.0, 0.0, 1.0)), tag_of((1.0, 0.0, 0.99, 0.0))
    ('implied', 'emergent', 'emergent')
    """
    positive, negative, *without = shares
    return (
        "implied"
        if 1.0 in (min(positive, without[0]), min(negative, without[1]))
        else "emergent"
    )


def values(scenario: Scenario, arm: str) -> tuple[dict[str, float], dict[str, float]]:
    """Each measure that can be had without replications, by mechanism, in one draw of the parameters.

    M1, M4 by the expected estimator, the others off the states (`measures`). First with the focal event's
    targets as coded, then with none."""
    worlds = compile_worlds(scenario, (scenario.reference_arm, arm))
    lacking, having = (
        arm_scenario(scenario, one) for one in (scenario.reference_arm, arm)
    )
    event = next(one for one in having.events if one.id == scenario.focal)
    of = Participants(worlds, lacking, event)
    one, other = (
        _values(of, event.model_copy(update=to)) for to in ({}, {"targets": ()})
    )
    return one, other


def _values(of: Participants, event: Event) -> dict[str, float]:
    counter = np.flatnonzero(of.worlds.baseline.direction == COUNTER)
    less = event.model_copy(update={"visibility": event.visibility / 2})
    effect, half = (of.effect_of(one, counter) for one in (event, less))
    out = {"M1": effect, "M4": effect - half}
    frozen = FrozenWorld.of(of.worlds, of.scenario)
    if frozen is not None:
        shift = frozen.shift(event, focal_roles(of.worlds))
        out |= {name: measure(shift) for name, measure in measures(of.worlds).items()}
    return out


def table(found: np.ndarray) -> str:
    """The rows of the file. found: as `drawn` gives it."""
    lines = [",".join(COLUMNS)]
    for at, name in enumerate(IDS):
        if name in NOT_TESTED:
            lines.append(f"{name},0,,,,,{NOT_TESTED[name]}")
            continue
        shares = [
            float((sign * found[:, k, at] > 0).mean())
            for k in (0, 1)
            for sign in (1, -1)
        ]
        cells = [
            name,
            str(len(found)),
            *(f"{share:g}" for share in shares),
            tag_of(shares),
        ]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", default=str(SCENARIO))
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    scenario = load_scenario(given.scenario)
    rows = table(drawn(scenario, given.draws, given.seed))
    head = (
        f"# Made by: python benchmarks/implied_signs.py --draws {given.draws} --seed {given.seed}\n"
        f"# Shares of draws of the guessed parameters of {scenario.name} in which the value is above, below 0.\n"
    )
    given.out.write_text(head + rows, encoding="utf-8")
    print(rows)


if __name__ == "__main__":
    main()
