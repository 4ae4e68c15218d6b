"""What an event moves in beliefs, one formula a mechanism.

The formulas read changes of outcomes, and work on columns of replications
(`mechanisms.data.StudyData`) and on numbers alike. Numbers come from a frozen world:
the control arm's in three spans (before the event, the shortest window, the step in
which that window ends), with the event and without it; the network as at the start, no
provocations and no random numbers. So the event can be set beside many placebos and
many draws of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import batched
from operator import add
from typing import Any

import numpy as np

from balance_sim.effects.participants import (
    EVENTS_AT_ONCE,
    Participants,
    PlaceboComparison,
    StateSet,
)
from balance_sim.model.baseline import Worlds
from balance_sim.model.beliefs import attention_to
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.outcomes import Outcome
from balance_sim.study.recorder import step_at
from balance_sim.study.scene import (
    EventRoles,
    StateMetrics,
    audience_members,
    focal_roles,
    state_metrics,
)
from balance_sim.study.spans import at_start, in_spans, walk, with_each_event

NAN = float("nan")


type Changes = Any
"""A `Shift`, or `mechanisms.data.StudyData`: `cast`, the roles of the event, and
`of(measure, whom)`, the change of an outcome in the shortest window, as a number or as
columns of replications."""


@dataclass(frozen=True)
class Shift:
    """Outcomes that one event's roles have, with the event and without it."""

    cast: EventRoles
    having: Mapping[Outcome, float]
    lacking: Mapping[Outcome, float]

    def of(self, measure: str, whom: str = "") -> float:
        """Change of an outcome; NaN where the roles have none such."""
        outcome = Outcome(measure, whom)
        if outcome not in self.having:
            return NAN
        return self.having[outcome] - self.lacking[outcome]


class FrozenWorld:
    """The control arm's world at the end of the shortest window, and what an event
    moves in it."""

    def __init__(self, worlds: Worlds, lacking: Scenario, step: int) -> None:
        """lacking: the scenario as it is in the control arm; step: in which the window
        ends."""
        world = worlds.reference
        focal = int(np.searchsorted(world.grid, world.focal_day))
        self.worlds, self.scenario = worlds, lacking
        self.world = in_spans(world, np.unique([0, focal, step, step + 1]))
        self.first = int(focal > 0)  # the span that begins with the event
        walked = [*walk(self.world, worlds.baseline, at_start(self.world))]
        self.without = StateMetrics(self.world, worlds.baseline, *walked[-1])
        room = at_start(self.world).workspace  # the control arm's is another's
        self.begun = replace(walked[self.first][0], workspace=room)

    @staticmethod
    def of(worlds: Worlds, lacking: Scenario) -> FrozenWorld | None:
        """None where the scenario ends before its shortest window does."""
        world = worlds.reference
        step = step_at(world.grid, world.focal_day, min(worlds.scenario.report.windows))
        return None if step is None else FrozenWorld(worlds, lacking, step)

    def shifts(
        self, events: Sequence[Event], casts: Sequence[EventRoles]
    ) -> Iterator[Shift]:
        """What each event moves for those who have roles in it."""
        baseline = self.worlds.baseline
        for batch in batched(zip(events, casts, strict=True), EVENTS_AT_ONCE):
            worlds = with_each_event(self.world, self.scenario, [e for e, _ in batch])
            for world, (_, cast) in zip(worlds, batch, strict=True):
                *_, seen = walk(world, baseline, replace(self.begun), self.first)
                having = _outcomes(StateMetrics(world, baseline, *seen), cast)
                yield Shift(cast, having, _outcomes(self.without, cast))


def _outcomes(metrics: StateMetrics, cast: EventRoles) -> dict[Outcome, float]:
    """Outcomes of states for the roles of an event."""
    columns = state_metrics(metrics, cast, apart=True)
    return {outcome: float(values[0]) for outcome, values in columns.items()}


# --- formulas -------------------------------------------------------------------------


def audiences_apart(worlds: Worlds, cast: EventRoles) -> tuple[str, str] | None:
    """The audience that heeds the focal event most, and the one that heeds it least, of
    equals the larger; None where all heed it alike."""
    scenario = worlds.scenario
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    heeds = {}
    for name in cast.audiences:
        members = {*audience_members(worlds, name)} - {*cast.participants}
        heeds[name] = (attention_to(scenario, name, focal.kind), len(members))
    if len({attention for attention, _ in heeds.values()}) < 2:
        return None
    least_attentive = min(heeds, key=lambda name: (heeds[name][0], -heeds[name][1]))
    return max(heeds, key=lambda name: heeds[name]), least_attentive


def asian_shares(cast: EventRoles) -> dict[str, float]:
    """The groups whose names begin with `asia`, each with its share of their states;
    the host left out."""
    sizes = {
        name: int((members != cast.host).sum())
        for name, members in cast.groups.items()
        if name.startswith("asia")
    }
    total = sum(sizes.values())
    return {name: size / total for name, size in sizes.items() if size}


def asia(changes: Changes) -> Any:
    """M7: mean change of Asia's relation to the host."""
    shares = asian_shares(changes.cast)
    changes_of_groups = [
        share * changes.of("relations", f"{name}_host")
        for name, share in shares.items()
    ]
    return reduce(add, changes_of_groups or [NAN])


def association(shift: Shift) -> float:
    """M12: share of the change of hostility to the host that comes through its
    partners."""
    drawn = shift.of("drawn_in", "outside_host")
    hostility = shift.of("hostility", "outside_host")
    return drawn / (drawn + hostility) if drawn + hostility else NAN


def rivalry(changes: Changes) -> Any:
    """M13: change of the host's influence over the junior principal less the
    third's."""
    host = changes.of("influence", "host_junior")
    return host - changes.of("influence", "third_junior")


def measures(worlds: Worlds) -> dict[str, Callable[[Any], Any]]:
    """The formulas by mechanism, each of `Changes`; M12 of a `Shift` alone.

    worlds: whose focal event tells which audiences M3 sets apart. A value is NaN where
    an event's roles lack what it needs."""
    apart = audiences_apart(worlds, focal_roles(worlds))

    def audiences(changes: Changes) -> Any:
        """M3: rise of the participants' perceived alignment, most against least
        attentive audience."""
        if apart is None:
            return NAN
        heeding, ignoring = apart
        rise = changes.of("alignment_participants", heeding)
        return rise - changes.of("alignment_participants", ignoring)

    return {
        "M3": audiences,
        "M5": lambda changes: changes.of("credibility", "host"),
        "M6": lambda changes: changes.of("relations", "europe_host"),
        "M7": asia,
        "M9": lambda changes: changes.of("room", "host"),
        "M10": lambda changes: changes.of("insecurity_host"),
        "M12": association,
        "M13": rivalry,
        "M14": lambda changes: changes.of("neutrality_gap", "host"),
    }


def placebo_measures(
    participants: Participants, sets: Sequence[StateSet]
) -> dict[str, PlaceboComparison]:
    """By mechanism, its measure of the event and of the event with each of these sets
    of states; empty where the scenario ends before its shortest window."""
    frozen = FrozenWorld.of(participants.worlds, participants.scenario)
    if frozen is None:
        return {}
    with_own = participants.real, *sets
    events = [*map(participants.event_of, with_own)]
    shifts = [*frozen.shifts(events, [*map(participants.cast, with_own)])]
    comparisons = {}
    for name, measure in measures(participants.worlds).items():
        values = [measure(shift) for shift in shifts]
        comparisons[name] = PlaceboComparison(values[0], np.array(values[1:]))
    return comparisons
