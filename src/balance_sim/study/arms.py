"""Which arms a study simulates, and their arrays: only those asked for, on the grid of
all of them.

Extra arms are those that measures of a plug-in need. Every fourth replication is
simulated in them too, with the same random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from balance_sim import registry
from balance_sim.model.baseline import (
    Worlds,
    compile_beside,
    with_bounds_of_threat,
)
from balance_sim.model.thinning import most_willing
from balance_sim.scenario.errors import checked_name
from balance_sim.scenario.schema import Scenario
from balance_sim.study.control_variates import ControlVariates

EXTRA_EVERY = 4  # one replication in so many is simulated in the extra arms too


def chosen_arms(scenario: Scenario, arms: object) -> tuple[str, ...]:
    """The control arm first, then the others in the scenario's order. Unknown names are
    refused. arms: names, or one text with commas between them; all if None."""
    named: Iterable[object] = [arms]
    if arms is None:
        named = scenario.arms
    elif isinstance(arms, str):
        named = map(str.strip, arms.split(","))
    elif isinstance(arms, Iterable):
        named = arms
    reference = scenario.reference_arm
    wanted = {checked_name("arm", str(arm), scenario.arms) for arm in named}
    others = [arm for arm in scenario.arms if arm in wanted and arm != reference]
    return (reference, *others)


def headline_arm(arms: Sequence[str]) -> str | None:
    """The arm that answers the question: the first after the control arm, in the order
    of the scenario; None where there is no other."""
    return arms[1] if len(arms) > 1 else None


# -- extra arms


@dataclass(frozen=True)
class ExtraArms:
    """Arrays of the extra arms, the scenario's control arm among them. controls: of
    each extra arm, by name."""

    worlds: Worlds
    controls: dict[str, str]

    @cached_property
    def variates(self) -> ControlVariates:
        """The control variates of these arms."""
        return ControlVariates(self.worlds)


class ExtraArm(NamedTuple):
    """An extra arm before it is compiled: the arm it was made from, and its paired
    control arm."""

    name: str
    scenario: Scenario
    of: str
    control: str


def extra_arms(worlds: Worlds, headline: str | None) -> ExtraArms | None:
    """The extra arms that plug-ins of the scenario want, compiled; None where they want
    none, or there is no arm beside the control arm."""
    plugins = registry.of_plugins("arms", worlds.scenario.plugins)
    wanted: list[ExtraArm] = []
    for of_plugin in plugins.values():
        wanted += [] if headline is None else of_plugin(worlds, headline)
    if not wanted:
        return None
    world = worlds.reference
    arms = {worlds.scenario.reference_arm: world}
    for arm in wanted:
        beside = arm.name, world.grid, worlds.arms[arm.of], worlds.start
        arms[arm.name] = compile_beside(arm.scenario, *beside)
    arms = with_bounds_of_threat(arms)
    bounds = {name: most_willing(arm, worlds.baseline) for name, arm in arms.items()}
    controls = {arm.name: arm.control for arm in wanted}
    return ExtraArms(replace(worlds, arms=arms, bounds=bounds), controls)
