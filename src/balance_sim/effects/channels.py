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
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.model.baseline import Worlds, compile_beside, compile_worlds
from balance_sim.model.core import World
from balance_sim.model.world import with_events
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.fingerprint import RecentResults
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.stats.variance import shapley
from balance_sim.study.expected import Estimator, Expected

if TYPE_CHECKING:
    import pandas as pd

TOGETHER: dict[str, object] = {"sign": 0}
AIMED: dict[str, object] = {"targets": ()}
WITHOUT = (TOGETHER | AIMED, AIMED, TOGETHER)
"""What is changed of the focal event to take away both channels, the threat, the
picture: nobody is shown together; nobody is its target."""

ENTRIES_AT_ONCE = 2**18
"""Dyads times spans of which forms are worked out together; changes no result."""
_FORMS = RecentResults[list[tuple[Event, ...]]](most=16)
"""Events of the last arms that were taken apart: draws have them in common."""

COLUMNS = ["arm", "outcome", "picture", "threat", "rest", "total"]


@dataclass(frozen=True, repr=False)
class Channels(OneLine):
    """Of each arm that has the focal event, by outcome: what picture and threat add,
    the rest, and the total."""

    by_arm: dict[str, dict[str, dict[str, float]]]

    @property
    def table(self) -> pd.DataFrame:
        """The same, tidy: arm, outcome, picture, threat, rest, total."""
        from balance_sim.stats.frame import Frame

        rows = [
            {"arm": arm, "outcome": outcome} | shares
            for arm, outcomes in self.by_arm.items()
            for outcome, shares in outcomes.items()
        ]
        return Frame(rows, columns=COLUMNS)

    def of(self, arm: str, outcome: str) -> dict[str, float] | None:
        """The parts of an arm's effect on an outcome; None where the arm lacks the
        event."""
        return self.by_arm.get(arm, {}).get(outcome)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: by arm and outcome."""
        return {"estimator": "expected", "arms": self.by_arm}


def channels_of(scenario: Scenario, arms: Sequence[str]) -> Channels:
    """The channels of the focal event in each arm that has it, for each number of
    agreements. arms: control first."""
    worlds = compile_worlds(scenario, arms, bounded=False)
    estimator, direction = Estimator(worlds), worlds.baseline.direction
    control = estimator.control.outcomes(direction)
    by_arm = {}
    for arm in arms:
        forms = expected_forms(worlds, arm, estimator)
        outcomes = [form.outcomes(direction) for form in forms]
        if outcomes:
            by_arm[arm] = {
                name: parts([values[name] for values in outcomes], level)
                for name, level in control.items()
            }
    return Channels(by_arm)


def expected_forms(
    worlds: Worlds, arm: str, estimator: Estimator
) -> Iterator[Expected]:
    """Of each of an arm's `forms`."""
    by_form = forms(worlds, arm)
    others = [world for world in by_form if not estimator.is_control(world)]
    entries = len(estimator.edges) * worlds.baseline.direction.size
    at_once = max(1, ENTRIES_AT_ONCE // entries)
    of_others = (
        form for few in batched(others, at_once) for form in estimator.of_arms(few)
    )
    left = {id(world) for world in others}
    for world in by_form:
        yield next(of_others) if id(world) in left else estimator.control


def forms(worlds: Worlds, arm: str) -> list[World]:
    """An arm's world with neither channel of its focal event, with each alone, and with
    both; none if it lacks it."""
    scenario, world = worlds.scenario, worlds.arms[arm]
    version = arm_scenario(scenario, arm, sealed=False)
    has_focal = any(event.id == scenario.focal for event in version.events)
    if not has_focal or arm == scenario.reference_arm:
        return []
    versions = _FORMS.get((scenario.focal, version.events), partial(_without, version))
    changed = [version.model_copy(update={"events": events}) for events in versions]
    if not version.changes:
        return [*with_events(world, version, [(arm, c) for c in changed]), world]
    beside = arm, world.grid, world, worlds.start
    return [*(compile_beside(form, *beside) for form in changed), world]


def _without(version: Scenario) -> list[tuple[Event, ...]]:
    """An arm's events without what is taken away in turn of the focal one."""
    return [
        tuple(
            event.model_copy(update=change) if event.id == version.focal else event
            for event in version.events
        )
        for change in WITHOUT
    ]


def parts(worth: Sequence[float], level: float) -> dict[str, float]:
    """Picture, threat and rest of an effect, and the total. worth: of each of `forms`;
    level: of the control arm."""
    picture, threat = shapley(np.array(worth))
    return {
        "picture": float(picture),
        "threat": float(threat),
        "rest": float(worth[0] - level),
        "total": float(worth[-1] - level),
    }
