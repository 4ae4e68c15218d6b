"""Which arms a study lives, and their arrays: only those asked for, on the grid of all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.classes import classes_of, versions_for
from balance_sim.model.world import time_grid
from balance_sim.pool.faults import WrongRequest
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.problems import did_you_mean, listed, shown
from balance_sim.scenario.schema import Scenario


def chosen_arms(scenario: Scenario, arms: Sequence[str] | None) -> tuple[str, ...]:
    """The reference first, then the others in the scenario's order. Unknown names are refused."""
    reference = scenario.reference_arm
    unknown = [arm for arm in arms or () if arm not in scenario.arms]
    if unknown:
        near = did_you_mean(unknown[0], scenario.arms)
        raise WrongRequest(
            f"unknown arm `{shown(unknown[0])}`; {near + ' ' if near else ''}the scenario has: {listed(scenario.arms)}"
        )
    wanted = set(arms) if arms is not None else set(scenario.arms)
    return (reference, *(arm for arm in scenario.arms if arm in wanted and arm != reference))


def headline_arm(scenario: Scenario, arms: Sequence[str]) -> str | None:
    """The arm that answers the question: the first that changes nothing, else the first after the reference.

    arms: the reference first."""
    others = arms[1:]
    plain = [a for a in others if not (scenario.arms[a].drop or scenario.arms[a].add or scenario.arms[a].set)]
    return next(iter([*plain, *others]), None)


def compile_arms(scenario: Scenario, arms: Sequence[str]) -> Worlds:
    """What `compile_worlds` gives for these arms, bit for bit, without the arrays of the others.

    arms: the reference among them. The grid is that of all arms, so that leaving one out changes nothing."""
    return compile_worlds(scenario, arms, versions_for(scenario, arms))


def reference_key(scenario: Scenario) -> str:
    """sha256 of all that may decide the reference arm's lives and what is counted of them, but the seed.

    Two scenarios with one key live that arm alike. Left out are the other arms, but for the dates of their events,
    and how visible the focal event is where the reference arm drops it: nobody there can see it."""
    reference = scenario.reference_arm
    events = scenario.events
    if scenario.focal in scenario.arms[reference].drop:
        events = tuple(
            event.model_copy(update={"visibility": 1.0}) if event.id == scenario.focal else event
            for event in events
        )
    rest = scenario.model_copy(update={"events": events, "arms": {reference: scenario.arms[reference]}})
    grid = time_grid(scenario, list(versions_for(scenario, []).values()))
    parts = [content_digest(rest), grid.tolist(), classes_of(scenario).sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
