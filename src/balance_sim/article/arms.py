"""Arms that only measures of mechanisms need, simulated in a part of the replications:
the event less visible, with more or less tension at the start, and with other rates of
its host's partners' provocations."""

from __future__ import annotations

from collections.abc import Callable, Collection

from balance_sim.model.baseline import Worlds
from balance_sim.model.world import by_audience
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.arms import ExtraArm

VISIBILITIES = (0.25, 0.5, 0.75)
TENSIONS = (0.5, 2.0)
RATES = (0.0, 2.0)
CONTROL = ".reference"
"""Ends the name of the arm that an extra arm is paired with."""


def extra_arms(worlds: Worlds, headline: str) -> list[ExtraArm]:
    """The extra arms of a scenario; none where the headline arm lacks the event."""
    scenario, reference = worlds.scenario, worlds.scenario.reference_arm
    having = by_audience(arm_scenario(scenario, headline))
    lacking = by_audience(arm_scenario(scenario, reference))
    focal = next((event for event in having.events if event.id == scenario.focal), None)
    if focal is None:
        return []
    arms = []
    for share in VISIBILITIES:
        version = _less_visible(having, focal, share)
        name = f"extra.seen_{round(100 * share)}"
        arms.append(ExtraArm(name, version, headline, reference))
    partners = {*worlds.classes.participants} - {worlds.classes.host}

    def changed(what: str, factor: float, change: Change) -> list[ExtraArm]:
        """The headline arm and the control arm with the same change."""
        name = f"extra.{what}_{round(100 * factor)}"
        control = name + CONTROL
        return [
            ExtraArm(name, change(having, factor), headline, control),
            ExtraArm(control, change(lacking, factor), reference, control),
        ]

    if _is_tense(lacking):
        for factor in TENSIONS:
            arms += changed("tension", factor, _tenser)
    if any(act.rate > 0 and act.state in partners for act in lacking.provocations):
        for factor in RATES:
            arms += changed("provoked", factor, _provoked_by(partners))
    return arms


Change = Callable[[Scenario, float], Scenario]


def _less_visible(scenario: Scenario, focal: Event, share: float) -> Scenario:
    event = focal.model_copy(update={"visibility": focal.visibility * share})
    events = [event_kept for event_kept in scenario.events if event_kept.id != event.id]
    events = sorted([*events, event], key=lambda event: (event.date, event.id))
    return scenario.model_copy(update={"events": tuple(events)})


def _is_tense(scenario: Scenario) -> bool:
    """Whether evidence on intent is dated before the start: initial tension changes
    nothing but what that came to."""
    return any(
        scenario.event_kinds[event.kind].intent
        for event in scenario.events
        if event.date < scenario.start and event.targets
    )


def _tenser(scenario: Scenario, factor: float) -> Scenario:
    parameters = scenario.parameters
    tension = {"prior_tension": parameters.prior_tension * factor}
    changed = parameters.model_copy(update=tension)
    return scenario.model_copy(update={"parameters": changed})


def _provoked_by(states: Collection[str]) -> Change:
    """A change of the rate of these states' provocations."""

    def provoked(scenario: Scenario, factor: float) -> Scenario:
        acts = []
        for act in scenario.provocations:
            rate = act.rate * (factor if act.state in states else 1.0)
            acts.append(act.model_copy(update={"rate": rate}))
        return scenario.model_copy(update={"provocations": tuple(acts)})

    return provoked
