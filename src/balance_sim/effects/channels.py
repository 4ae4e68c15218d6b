"""Through which channels of the focal event an arm's effect goes, by the expected
estimator.

The focal event shows its principals together (evidence on alignment), and is aimed at
its targets (evidence on intent, and what it takes off the principals' reliability). The
effect of an arm that has it is divided between the two channels by exact Shapley values
of the *expected* estimator, of an arm with neither, each alone, and both. What the arm
changes besides the event is a part of its own; the parts sum to its effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.expected import Estimator
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import World, content_key
from balance_sim.model.world import compile_world
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.stats.variance import shapley
from balance_sim.study.arms import compile_arms

if TYPE_CHECKING:
    import pandas as pd

CHANNELS: dict[str, dict[str, object]] = {
    "picture": {"sign": 0},
    "threat": {"targets": ()},
}
"""Of the focal event, and what takes each away: nobody is shown together; nobody is its
target."""
PARTS = ["picture", "threat", "rest", "total"]
COLUMNS = ["arm", "outcome", *PARTS]


@dataclass(frozen=True, repr=False)
class Channels(OneLine):
    """Of each arm that has the focal event, by outcome: what picture and threat add,
    the rest, and the total."""

    parts: dict[str, dict[str, dict[str, float]]]

    @property
    def table(self) -> pd.DataFrame:
        """The same, tidy: the columns of COLUMNS."""
        import pandas as pd

        rows = [
            (arm, outcome, *shares.values())
            for arm, outcomes in self.parts.items()
            for outcome, shares in outcomes.items()
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def of(self, arm: str, outcome: str) -> dict[str, float] | None:
        """The parts of an arm's effect on an outcome; None where the arm lacks the
        event."""
        return self.parts.get(arm, {}).get(outcome)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: by arm and outcome."""
        return {"estimator": "expected", "arms": self.parts}

    @staticmethod
    def of_plain(document: dict[str, Any]) -> Channels:
        """From its JSON. Raises KeyError for another document."""
        return Channels(document["arms"])


def channels_of(scenario: Scenario, arms: Sequence[str]) -> Channels:
    """The channels of the focal event in each arm that has it, for each count of
    agreements. arms: control first."""
    worlds = compile_arms(scenario, arms)
    estimator, direction = Estimator(worlds), worlds.baseline.direction
    control = estimator.of(worlds.reference).outcomes(direction)
    control_key = content_key(worlds.reference, ("arm",))

    def expected(world: World) -> dict[str, float]:
        """Expected numbers by outcome; with neither channel most arms are the control
        arm."""
        if content_key(world, ("arm",)) == control_key:
            return control
        return estimator.of(world).outcomes(direction)

    by_arm = {}
    for arm in arms:
        outcomes = [expected(world) for world in forms(worlds, arm)]
        if outcomes:
            by_arm[arm] = {
                name: parts([values[name] for values in outcomes], level)
                for name, level in control.items()
            }
    return Channels(by_arm)


def forms(worlds: Worlds, arm: str) -> Iterator[World]:
    """An arm's world with neither channel of its focal event, with each alone, and with
    both; none if it lacks it."""
    scenario = worlds.scenario
    version = arm_scenario(scenario, arm, sealed=False)
    events = (event for event in version.events if event.id == scenario.focal)
    focal = next(events, None)
    if focal is None or arm == scenario.reference_arm:
        return
    for channels in ((), *((name,) for name in CHANNELS)):
        yield _world_with(worlds, arm, version, without_channels(focal, channels))
    yield worlds.arms[arm]


def _world_with(worlds: Worlds, arm: str, version: Scenario, focal: Event) -> World:
    """An arm's world with another form of its focal event."""
    events = tuple(focal if event.id == focal.id else event for event in version.events)
    changed = version.model_copy(update={"events": events})
    world = worlds.arms[arm]
    compiled = compile_world(changed, arm, world.grid, world.focal_day)
    return replace(compiled, ladder=world.ladder)


def without_channels(event: Event, live: Sequence[str]) -> Event:
    """The event with only these of its channels."""
    changes: dict[str, object] = {}
    for name, change in CHANNELS.items():
        if name not in live:
            changes |= change
    return event.model_copy(update=changes) if changes else event


def parts(worth: Sequence[float], level: float) -> dict[str, float]:
    """Picture, threat and rest of an effect, and the total. worth: of each of `forms`;
    level: of the control arm."""
    picture, threat = shapley(np.array(worth))
    remainder, total = worth[0] - level, worth[-1] - level
    return {
        "picture": float(picture),
        "threat": float(threat),
        "rest": float(remainder),
        "total": float(total),
    }
