"""Which arms a study simulates, and their arrays: only those asked for, on the grid of
all of them.

Extra arms are those that only measures of mechanisms need: the event at other
visibilities, and both arms at other tensions and rates of provocation. Every fourth
replication is simulated in them too, with the same random numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from balance_sim.model.baseline import Worlds, classes_of, compile_worlds, versions_for
from balance_sim.model.thinning import most_willing
from balance_sim.model.world import by_audience, compile_world, time_grid
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.schema import Scenario

VISIBILITIES = (0.25, 0.5, 0.75)
TENSIONS = (0.5, 2.0)
RATES = (0.0, 2.0)
EXTRA_EVERY = 4  # one replication in so many is simulated in the extra arms too
BEFORE = ".reference"  # ends the name of the row that an extra row is measured against


def chosen_arms(scenario: Scenario, arms: Sequence[str] | None) -> tuple[str, ...]:
    """The control arm first, then the others in the scenario's order. Unknown names are
    refused."""
    reference = scenario.reference_arm
    if unknown := next((arm for arm in arms or () if arm not in scenario.arms), None):
        near = f"{said} " if (said := did_you_mean(unknown, scenario.arms)) else ""
        raise WrongRequest(
            f"unknown arm `{shown(unknown)}`; {near}the scenario has: {listed(scenario.arms)}"
        )
    wanted = scenario.arms if arms is None else arms
    return (
        reference,
        *(arm for arm in scenario.arms if arm in wanted and arm != reference),
    )


def headline_arm(scenario: Scenario, arms: Sequence[str]) -> str | None:
    """The arm that answers the question: after the control arm the first that changes
    nothing, else the first."""
    plain = (
        a
        for a in arms[1:]
        if not (scenario.arms[a].drop or scenario.arms[a].add or scenario.arms[a].set)
    )
    return next(iter([*plain, *arms[1:]]), None)


def compile_arms(scenario: Scenario, arms: Sequence[str]) -> Worlds:
    """What `compile_worlds` gives for these arms, the control arm among them, on the
    grid of all arms."""
    return compile_worlds(scenario, arms, versions_for(scenario, arms))


def reference_key(scenario: Scenario) -> str:
    """sha256 of all that may decide the control arm's replications and what is counted
    of them, but the seed.

    Two scenarios with one key simulate that arm alike. Left out are the other arms, but
    for the dates of their events, and how visible the focal event is where the control
    arm drops it: nobody there can see it."""
    reference, events = scenario.reference_arm, scenario.events
    if scenario.focal in scenario.arms[reference].drop:
        events = tuple(
            event.model_copy(update={"visibility": 1.0})
            if event.id == scenario.focal
            else event
            for event in events
        )
    rest = scenario.model_copy(
        update={"events": events, "arms": {reference: scenario.arms[reference]}}
    )
    grid = time_grid(scenario, list(versions_for(scenario, []).values()))
    parts = [content_digest(rest), grid.tolist(), classes_of(scenario).sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# -- extra arms -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExtraArms:
    """Arrays of the extra arms, the scenario's control arm among them. controls: of
    each extra arm, by name."""

    worlds: Worlds
    controls: dict[str, str]

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(sorted(self.worlds.arms))


class _ExtraArm(NamedTuple):
    """An extra arm before it is compiled: the arm it was made from, and its paired
    control arm."""

    name: str
    scenario: Scenario
    of: str
    control: str


def extra_arms(worlds: Worlds, headline: str | None) -> ExtraArms | None:
    """The extra arms of a scenario; None without an arm beside the control arm, or
    without the event in it."""
    versions = _extra_versions(worlds, headline)
    if not versions:
        return None
    world = worlds.reference
    arms = {worlds.scenario.reference_arm: world}
    for one in versions:
        compiled = compile_world(one.scenario, one.name, world.grid, world.focal_day)
        arms[one.name] = replace(compiled, ladder=worlds.arms[one.of].ladder)
    bounds = {name: most_willing(arm, worlds.baseline) for name, arm in arms.items()}
    controls = {one.name: one.control for one in versions}
    return ExtraArms(replace(worlds, arms=arms, bounds=bounds), controls)


def extra_arms_of_a_run(worlds: Worlds, headline: str | None) -> int:
    """How many extra arms a replication has, with their control arm; compiles none."""
    versions = _extra_versions(worlds, headline)
    return 1 + len(versions) if versions else 0


def _extra_versions(worlds: Worlds, headline: str | None) -> list[_ExtraArm]:
    scenario, reference = worlds.scenario, worlds.scenario.reference_arm
    if headline is None:
        return []
    having, lacking = (
        by_audience(arm_scenario(scenario, arm)) for arm in (headline, reference)
    )
    focal = next((event for event in having.events if event.id == scenario.focal), None)
    if focal is None:
        return []
    out = []
    for share in VISIBILITIES:
        event = focal.model_copy(update={"visibility": focal.visibility * share})
        events = [*(one for one in having.events if one.id != event.id), event]
        version = having.model_copy(
            update={"events": tuple(sorted(events, key=lambda one: (one.date, one.id)))}
        )
        out.append(
            _ExtraArm(f"extra.seen_{round(100 * share)}", version, headline, reference)
        )
    partners = {*worlds.classes.participants} - {worlds.classes.host}

    def tenser(scenario: Scenario, factor: float) -> Scenario:
        parameters = scenario.parameters
        changed = parameters.model_copy(
            update={"prior_tension": parameters.prior_tension * factor}
        )
        return scenario.model_copy(update={"parameters": changed})

    def provoked(scenario: Scenario, factor: float) -> Scenario:
        """With another rate of the host's partners' provocations."""
        factors = [
            (act, factor if act.state in partners else 1.0)
            for act in scenario.provocations
        ]
        acts = tuple(
            act.model_copy(update={"rate": act.rate * by}) for act, by in factors
        )
        return scenario.model_copy(update={"provocations": acts})

    # Initial tension changes only what evidence on intent before the start came to.
    judged = (one for one in lacking.events if one.date < lacking.start and one.targets)
    is_tense = any(lacking.event_kinds[one.kind].intent for one in judged)
    is_provoked = any(
        one.rate > 0 and one.state in partners for one in lacking.provocations
    )
    changes = [("tension", factor, tenser) for factor in TENSIONS if is_tense]
    changes += [("provoked", factor, provoked) for factor in RATES if is_provoked]
    for (
        what,
        factor,
        changed,
    ) in changes:  # the headline arm and the control arm with the same change
        name = f"extra.{what}_{round(100 * factor)}"
        out.append(_ExtraArm(name, changed(having, factor), headline, name + BEFORE))
        out.append(
            _ExtraArm(name + BEFORE, changed(lacking, factor), reference, name + BEFORE)
        )
    return out
