"""An event's two channels: the picture of who stands together, and the threat to its targets.

The focal event moves beliefs in two ways: it shows its principals together (evidence on alignment), and it is aimed
at its targets (evidence on intent, and what it takes off the principals' reliability). The effect of an arm that has
the event is divided between the two by exact Shapley values: an arm with neither, with each alone, and with both, by
the *expected* estimator. What the arm changes besides the event is a part of its own; the parts sum to its effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import World, once
from balance_sim.model.world import compile_world
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.expected import Estimator
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.stats.shapley import shapley

Floats = npt.NDArray[np.float64]

PLAYERS = ("picture", "threat")
COLUMNS = ["arm", "outcome", "picture", "threat", "rest", "total"]


@dataclass(frozen=True)
class Channels:
    """What each channel of the focal event adds, by arm. table: the columns of COLUMNS, `expected` estimates."""

    table: pd.DataFrame

    def of(self, arm: str, outcome: str) -> dict[str, float] | None:
        """The parts of an arm's effect on an outcome; None where the arm lacks the event."""
        rows = self.table[(self.table["arm"] == arm) & (self.table["outcome"] == outcome)]
        return None if rows.empty else {name: float(rows[name].iloc[0]) for name in COLUMNS[2:]}

    def as_dict(self) -> dict[str, Any]:
        """For JSON: by arm and outcome."""
        out: dict[str, Any] = {}
        for row in self.table.to_dict("records"):
            parts = {name: float(row[name]) for name in COLUMNS[2:]}
            out.setdefault(row["arm"], {})[row["outcome"]] = parts
        return {"estimator": "expected", "arms": out}

    @staticmethod
    def of_plain(said: dict[str, Any]) -> Channels:
        """The other way round. Raises KeyError, TypeError for what is no such thing."""
        rows = [
            (arm, outcome, *(parts[name] for name in COLUMNS[2:]))
            for arm, of in said["arms"].items()
            for outcome, parts in of.items()
        ]
        return Channels(pd.DataFrame(rows, columns=COLUMNS))


def without_channels(event: Event, live: Sequence[str]) -> Event:
    """The event with only these of its channels.

    Without the picture nobody is shown together; without the threat nobody is its target."""
    changes: dict[str, object] = {}
    if "picture" not in live:
        changes["sign"] = 0
    if "threat" not in live:
        changes["targets"] = ()
    return event.model_copy(update=changes) if changes else event


def channels_of(scenario: Scenario, arms: Sequence[str]) -> Channels:
    """The same of a scenario, the control arm first."""
    return channels(compile_arms(scenario, arms), arms)


def channels(worlds: Worlds, arms: Sequence[str]) -> Channels:
    """The channels of the focal event in each of some arms that have it, for every count of new agreements."""
    estimator, direction = Estimator(worlds), worlds.baseline.direction
    known: list[tuple[World, dict[str, float]]] = []

    def outcomes(world: World) -> dict[str, float]:
        """Worked out once for worlds that are the same: with neither channel most arms are the control arm."""
        return once(known, world, lambda: estimator.of(world).outcomes(direction), ("arm",))

    base = outcomes(worlds.reference)
    rows: list[tuple[object, ...]] = []
    for arm in arms:
        found = [outcomes(world) for world in forms(worlds, arm)]
        if found:
            rows += [
                (arm, name, *parts([of[name] for of in found], level).values())
                for name, level in base.items()
            ]
    return Channels(pd.DataFrame(rows, columns=COLUMNS))


def forms(worlds: Worlds, arm: str) -> Iterator[World]:
    """An arm's world with neither channel of its focal event, with each alone, and with both; none if it lacks it."""
    scenario = worlds.scenario
    version = arm_scenario(scenario, arm, sealed=False)
    event = next((one for one in version.events if one.id == scenario.focal), None)
    if event is None or arm == scenario.reference_arm:
        return
    for live in ((), *((one,) for one in PLAYERS)):
        yield _world(version, without_channels(event, live), worlds, arm)
    yield worlds.arms[arm]


def parts(worth: Sequence[float], level: float) -> dict[str, float]:
    """Picture, threat and rest of an effect, and the whole. worth: of each of `forms`; level: of the control arm."""
    picture, threat = shapley(np.array(worth))
    found = (picture, threat, worth[0] - level, worth[-1] - level)
    return {name: float(value) for name, value in zip(COLUMNS[2:], found, strict=True)}


def _world(version: Scenario, event: Event, worlds: Worlds, arm: str) -> World:
    """An arm's world with another form of its event."""
    events = tuple(event if one.id == event.id else one for one in version.events)
    world = worlds.arms[arm]
    made = compile_world(version.model_copy(update={"events": events}), arm, world.grid, world.focal_day)
    return replace(made, ladder=world.ladder)
