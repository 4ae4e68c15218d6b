"""What must not enter a placebo: a day that has an event, the placebo's own principals among its targets, most of the
event's own principals."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.participants import Participants
from balance_sim.effects.placebos import of_dates
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.world import by_audience
from balance_sim.scenario import Scenario, arm_scenario, load_scenario
from balance_sim.scenario.schema import Event

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def around(scenario: Scenario, arm: str) -> tuple[Participants, Event]:
    """The placebos of an arm's event, and that event."""
    control = scenario.reference_arm
    event = next(event for event in arm_scenario(scenario, arm).events if event.id == scenario.focal)
    lacking = by_audience(arm_scenario(scenario, control))
    return Participants(compile_worlds(scenario, (control, arm)), lacking, event), event


@pytest.fixture(scope="module")
def tripartite() -> tuple[Participants, Event]:
    return around(load_scenario(SCENARIOS / "tripartite_1940.yaml"), "signal")


def test_no_placebo_date_has_an_event(tripartite: tuple[Participants, Event]) -> None:
    """Quiet events on all days but every seventh, and the focal one: those that are left are the dates."""
    participants, event = tripartite
    world, lacking = participants.worlds.reference, participants.scenario
    days = range(int(world.focal_day), int(world.grid[-1]))
    free = {lacking.start + timedelta(days=day) for day in days if day % 7 == 0 and day != int(world.focal_day)}
    quiet = []
    for day in days:
        date = lacking.start + timedelta(days=day)
        if date not in free:
            dated = {"id": f"quiet{day}", "date": date, "visibility": 0.0, "targets": (), "accord": None}
            quiet.append(event.model_copy(update=dated))
    busy = lacking.model_copy(update={"events": tuple(quiet)})
    family = of_dates(participants.worlds, busy, event, 6)
    assert len(family.labels) == 6
    assert {*family.labels} <= {date.isoformat() for date in free}
    assert event.date.isoformat() not in family.labels
    assert np.isfinite(family.placebos).all()


def test_a_placebos_principals_are_not_its_targets(tripartite: tuple[Participants, Event]) -> None:
    """Of sets that hold a target of the event's own: nobody is both, the number of states stays, and where a principal
    is the host the most capable is."""
    before, event = tripartite
    event = event.model_copy(update={"host": event.principals[0]})
    participants = Participants(before.worlds, before.scenario, event)
    targets = {participants.roster[code] for code in event.targets if code in participants.roster}
    sets = [states for states in participants.like(300) if targets & {*states}]
    assert len(sets) > 10
    capability, codes = participants.control.capability, participants.control.codes
    for states in sets:
        placebo = participants.event_of(states)
        own = {codes[state] for state in states}
        assert {*placebo.principals} == own
        assert not own & ({*placebo.targets} | {*placebo.guests})
        assert len(own) == len(event.principals)
        assert placebo.host == codes[max(states, key=lambda state: capability[state])]


def test_a_placebo_shares_at_most_half_of_the_principals(tripartite: tuple[Participants, Event]) -> None:
    participants, _ = tripartite
    real = {*participants.real}
    shared = [len({*states} & real) for states in participants.like(10_000)]
    assert len(shared) > 1000
    assert max(shared) == len(real) // 2


def test_the_event_itself_is_no_placebo_of_its_own(tripartite: tuple[Participants, Event]) -> None:
    """Nor is its day, where every day is free."""
    participants, event = tripartite
    bare = participants.scenario.model_copy(update={"events": ()})
    family = of_dates(participants.worlds, bare, event, 10)
    assert event.date.isoformat() not in family.labels
    assert min(family.labels) > event.date.isoformat()
    assert participants.real not in participants.like(10_000)
