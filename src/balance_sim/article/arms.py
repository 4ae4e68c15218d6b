"""Arms that only measures of mechanisms need, simulated in a part of the replications:
the event less visible, with more or less tension at the start, and with other rates of
its host's partners' provocations."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from balance_sim.model.baseline import Worlds
from balance_sim.model.world import by_audience
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import ExtraArm

VISIBILITIES = (0.25, 0.5, 0.75)
TENSIONS = (0.5, 2.0)
RATES = (0.0, 2.0)
CONTROL = ".reference"
"""Ends the name of the arm that an extra arm is paired with."""


def extra_arm(change: str, factor: float) -> str:
    """The name of an extra arm.

    >>> extra_arm("tension", 0.5)
    'extra.tension_50'
    """
    return f"extra.{change}_{round(100 * factor)}"


def extra_arms(worlds: Worlds, headline: str) -> list[ExtraArm]:
    """The extra arms of a scenario.

    Parameters
    ----------
    worlds : compiled arms of the scenario
    headline : the arm that the control arm is compared with

    Returns
    -------
    list of ExtraArm : none where the headline arm lacks the event; those of tension
        and of provocations in pairs with a control arm of their own
    """
    scenario, reference = worlds.scenario, worlds.scenario.reference_arm
    having = by_audience(arm_scenario(scenario, headline))
    lacking = by_audience(arm_scenario(scenario, reference))
    if all(event.id != scenario.focal for event in having.events):
        return []
    arms = []
    for share in VISIBILITIES:
        name, version = extra_arm("seen", share), _less_visible(having, share)
        arms.append(ExtraArm(name, version, headline, reference))
    partners = {*worlds.classes.participants} - {worlds.classes.host}
    changes: dict[str, Change] = {}
    if _is_tense(lacking):
        changes |= {
            extra_arm("tension", factor): partial(_tenser, factor=factor)
            for factor in TENSIONS
        }
    if any(act.rate > 0 and act.state in partners for act in lacking.provocations):
        for factor in RATES:
            changes[extra_arm("provoked", factor)] = partial(
                _provoked, factor=factor, states=partners
            )
    for name, change in changes.items():
        control = name + CONTROL
        arms.append(ExtraArm(name, change(having), headline, control))
        arms.append(ExtraArm(control, change(lacking), reference, control))
    return arms


Change = Callable[[Scenario], Scenario]


def _less_visible(scenario: Scenario, share: float) -> Scenario:
    """The scenario with its focal event seen by a share of those who saw it."""
    events = [
        event.model_copy(update={"visibility": event.visibility * share})
        if event.id == scenario.focal
        else event
        for event in scenario.events
    ]
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
    """The scenario with its initial tension scaled."""
    tension = {"prior_tension": scenario.parameters.prior_tension * factor}
    parameters = scenario.parameters.model_copy(update=tension)
    return scenario.model_copy(update={"parameters": parameters})


def _provoked(scenario: Scenario, factor: float, states: Collection[str]) -> Scenario:
    """The scenario with the rate of these states' provocations scaled."""
    acts = [
        act.model_copy(update={"rate": act.rate * factor})
        if act.state in states
        else act
        for act in scenario.provocations
    ]
    return scenario.model_copy(update={"provocations": tuple(acts)})
