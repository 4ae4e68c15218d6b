"""Arms that only measures of mechanisms need: the event at other visibilities and tensions, and calm.

Every fourth replication is simulated in them too, on the same grid and with the same opportunities and random numbers
as in the scenario's own arms. Placebos need none: `placebos.py` compares them by the expected estimator.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from balance_sim.model.baseline import Worlds
from balance_sim.model.thinning import most_willing
from balance_sim.model.world import by_audience, compile_world
from balance_sim.replications.outcomes import FILTERED
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Event, Scenario

VISIBILITIES = (0.25, 0.5, 0.75)
TENSIONS = (0.5, 2.0)
RATES = (0.0, 2.0)
BEFORE = ".reference"  # ends the name of the row that an extra row is measured against
# Beginnings of the names of the outcomes that mechanisms read of extra arms.
READ = (FILTERED + "accords_counter_", "accords_counter_", "relations_")


@dataclass(frozen=True)
class Row:
    """One row a run of the outcomes: an extra arm, and the arm that is its paired control."""

    name: str
    against: str


@dataclass(frozen=True)
class ExtraArms:
    """Arrays and rows of the extra arms. `worlds` holds the scenario's control arm too."""

    worlds: Worlds
    rows: tuple[Row, ...]

    @property
    def lived(self) -> tuple[str, ...]:
        """What has to be simulated."""
        return tuple(sorted(self.worlds.arms))


@dataclass(frozen=True)
class _Plan:
    """An extra arm before it is compiled. against: None for the control arm itself."""

    name: str
    version: Scenario
    of: str  # the arm it was made from
    against: str | None = None


def extra_arms(worlds: Worlds, headline: str | None) -> ExtraArms | None:
    """The extra arms of a scenario; None without an arm beside the control arm, or without the event in it."""
    plans = _planned(worlds, headline)
    if not plans:
        return None
    world, reference = worlds.reference, worlds.scenario.reference_arm
    arms = {reference: world}
    for plan in plans:
        compiled = compile_world(plan.version, plan.name, world.grid, world.focal_day)
        arms[plan.name] = replace(compiled, ladder=worlds.arms[plan.of].ladder)
    bounds = {name: most_willing(arm, worlds.baseline) for name, arm in arms.items()}
    rows = tuple(Row(plan.name, plan.against or reference) for plan in plans)
    return ExtraArms(replace(worlds, arms=arms, bounds=bounds), rows)


def lives_of_a_run(worlds: Worlds, headline: str | None) -> int:
    """How many extra arms a run has, with their control arm; compiles none.

    worlds: of the control arm at least."""
    plans = _planned(worlds, headline)
    return 1 + len(plans) if plans else 0


def _planned(worlds: Worlds, headline: str | None) -> list[_Plan]:
    scenario, reference = worlds.scenario, worlds.scenario.reference_arm
    if headline is None:
        return []
    with_event = by_audience(arm_scenario(scenario, headline))
    without = by_audience(arm_scenario(scenario, reference))
    focal = next((event for event in with_event.events if event.id == scenario.focal), None)
    if focal is None:
        return []
    partners = {*worlds.classes.participants} - {worlds.classes.host}
    return [
        *_seen_less(with_event, focal, headline),
        *_tenser(with_event, without, headline),
        *_provoked(with_event, without, headline, partners),
    ]


def _with_event(scenario: Scenario, event: Event) -> Scenario:
    events = [one for one in scenario.events if one.id != event.id]
    return scenario.model_copy(
        update={"events": tuple(sorted([*events, event], key=lambda one: (one.date, one.id)))}
    )


def _seen_less(with_event: Scenario, focal: Event, headline: str) -> list[_Plan]:
    return [
        _Plan(
            f"extra.seen_{round(100 * level)}",
            _with_event(with_event, focal.model_copy(update={"visibility": focal.visibility * level})),
            headline,
        )
        for level in VISIBILITIES
    ]


def _tenser(with_event: Scenario, without: Scenario, headline: str) -> list[_Plan]:
    """Both arms at other initial tensions; none where no evidence on intent is dated before the start."""
    if not any(
        one.date < without.start and one.targets and without.event_kinds[one.kind].intent
        for one in without.events
    ):
        return []
    return [
        plan
        for factor in TENSIONS
        for plan in _both(
            f"extra.tension_{round(100 * factor)}",
            headline,
            *(
                one.model_copy(
                    update={
                        "parameters": one.parameters.model_copy(
                            update={"prior_tension": one.parameters.prior_tension * factor}
                        )
                    }
                )
                for one in (with_event, without)
            ),
        )
    ]


def _provoked(
    with_event: Scenario, without: Scenario, headline: str, partners: Collection[str | None]
) -> list[_Plan]:
    """Both arms without the partners' provocations, and with twice their rate; none where there are none."""
    if not any(one.rate > 0 and one.state in partners for one in without.provocations):
        return []
    return [
        plan
        for factor in RATES
        for plan in _both(
            f"extra.provoked_{round(100 * factor)}",
            headline,
            *(
                one.model_copy(
                    update={
                        "provocations": tuple(
                            act.model_copy(update={"rate": act.rate * factor})
                            if act.state in partners
                            else act
                            for act in one.provocations
                        )
                    }
                )
                for one in (with_event, without)
            ),
        )
    ]


def _both(name: str, headline: str, with_event: Scenario, without: Scenario) -> list[_Plan]:
    reference = without.reference_arm
    return [
        _Plan(name, with_event, headline, against=name + BEFORE),
        _Plan(name + BEFORE, without, reference, against=name + BEFORE),
    ]
