"""Which signs does the model's form imply? By test: the sign of each measure over draws of the guessed parameters.

A sign that is the same in every draw, with the event's targets as they are coded and with none, is *implied*: no
parameter and no coding would have given another, so it is no finding. `benchmarks/implied_signs.py` draws, and writes
`signs.csv`. Not tested: M2, M8, M11, M16 and M17, which need replications; their tag is a reading of the equations.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from balance_sim.analysis.participants import COUNTER, Participants
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.expected import Course, course, gained, with_event
from balance_sim.replications.recorder import measures
from balance_sim.replications.scene import focal_cast
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.files import shipped_text
from balance_sim.scenario.schema import Event, Scenario

Tag = Literal["implied", "emergent"]

NOT_TESTED: dict[str, Tag] = {
    "M2": "implied",
    "M8": "emergent",
    "M11": "emergent",
    "M16": "emergent",
    "M17": "emergent",
}
COLUMNS = (
    "id",
    "draws",
    "share_positive",
    "share_negative",
    "share_positive_without_targets",
    "share_negative_without_targets",
    "tag",
)


@dataclass(frozen=True)
class Sign:
    """One row of `signs.csv`. shares: of draws, as `tag_of` takes them; none where the sign was not tested."""

    draws: int
    shares: tuple[float, ...]
    tag: Tag


@cache
def sign_table() -> Mapping[str, Sign]:
    """By mechanism, as shipped."""
    lines = shipped_text("balance_sim.analysis.mechanisms", "signs.csv").splitlines()
    out = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        shares = tuple(float(row[name]) for name in COLUMNS[2:6] if row[name])
        out[row["id"]] = Sign(int(row["draws"]), shares, "implied" if row["tag"] == "implied" else "emergent")
    return out


def tag_of(shares: Sequence[float]) -> Tag:
    """Implied where all draws have one sign, positive or negative, with the targets as coded and with none.

    shares: positive, negative, and the same without targets.

    >>> tag_of((1.0, 0.0, 1.0, 0.0)), tag_of((1.0, 0.0, 0.0, 1.0)), tag_of((1.0, 0.0, 0.99, 0.0))
    ('implied', 'emergent', 'emergent')
    """
    positive, negative, *without = shares
    return "implied" if 1.0 in (min(positive, without[0]), min(negative, without[1])) else "emergent"


def values(scenario: Scenario, arm: str) -> tuple[dict[str, float], dict[str, float]]:
    """Each measure that can be had without replications, by mechanism, in one draw of the parameters.

    M1, M4, M15 by the expected estimator, the others off the states (`measures`). First with the focal event's
    targets as coded, then with none."""
    worlds = compile_arms(scenario, (scenario.reference_arm, arm))
    lacking, having = (arm_scenario(scenario, one) for one in (scenario.reference_arm, arm))
    event = next(one for one in having.events if one.id == scenario.focal)
    of = Participants.of(worlds, lacking, event)
    control = course(of.control, worlds.baseline, start=of.start)
    one, other = (_values(of, control, event.model_copy(update=to)) for to in ({}, {"targets": ()}))
    return one, other


def _values(of: Participants, control: Course, event: Event) -> dict[str, float]:
    counter = np.flatnonzero(of.worlds.baseline.direction == COUNTER)
    less = event.model_copy(update={"visibility": event.visibility / 2})
    effect, half = (of.effect_of(one, counter) for one in (event, less))
    out = {"M1": effect, "M4": effect - half, "M15": haste(of, control, event)}
    if of.frozen is not None:
        shift = of.frozen.shift(event, focal_cast(of.worlds))
        out |= {name: measure(shift) for name, measure in measures(of.worlds).items()}
    return out


def haste(of: Participants, control: Course, event: Event) -> float:
    """Expected days that an event gains talks under way at the start, per agreement of them in the longest window.

    What is signed in a span, talks at speed 1, has gained what talks under way since the start gain by its middle."""
    end = of.worlds.reference.focal_day + of.windows.longest
    edges = np.minimum(of.gives.edges, end)
    known = np.stack([of.gives.talks.signed(0.0, day)[0] for day in edges])
    inside = np.stack([of.gives.by(day).inside for day in (edges[1:] + edges[:-1]) / 2])
    having = course(with_event(of.control, of.scenario, event), of.worlds.baseline, start=of.start)
    sooner, later = (gained(one, inside)[:, 0] for one in (having, control))
    signed = np.diff(known, axis=0)
    return float((signed * (sooner - later)).sum() / signed.sum())
