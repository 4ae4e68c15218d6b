"""The event with other sets of states of like number and capability in its principals' place: what each would do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from balance_sim.analysis.permutation import Compared, Family
from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds
from balance_sim.model.classes import sorted_into, standing, step_before, with_participants
from balance_sim.model.core import DIRECTIONS, World
from balance_sim.model.engine import perceive
from balance_sim.model.news import members
from balance_sim.model.perception import View
from balance_sim.model.state import State
from balance_sim.replications.expected import Course, Yield, at_start, course, in_spans, spans, with_event
from balance_sim.replications.filtered import Windows
from balance_sim.replications.recorder import Frozen, measures
from balance_sim.replications.scene import Cast, cast_of, focal_cast
from balance_sim.scenario.fingerprint import Classes
from balance_sim.scenario.schema import Event, Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Set = tuple[int, ...]

MOST_SETS = 200_000  # candidate sets looked at
SPANS = 5  # at least, of the scenario's length; the event's effect is 4.4 % below that by every step on Beijing 2025,
# and within 0.7 % of it on the other shipped scenarios
COUNTER = DIRECTIONS.index("counter")


@dataclass(frozen=True)
class Participants:
    """The event with sets of states in its principals' place. real: the principals, positions in the arrays."""

    worlds: Worlds
    scenario: Scenario  # as it is in the control arm
    event: Event
    control: World  # in spans
    start: State
    found: Course  # of the control arm
    before: View  # just before the event, in the control arm
    gives: Yield
    idle: Floats
    without: Floats  # (P, M) expected new agreements in the control arm
    windows: Windows
    real: Set

    @staticmethod
    def of(worlds: Worlds, lacking: Scenario, event: Event) -> Participants:
        world = worlds.reference
        edges = spans(worlds, SPANS)
        control, gives = in_spans(world, edges), Yield(worlds, world.grid[edges])
        start = at_start(control)
        found = course(control, worlds.baseline, start=start)
        idle = gives.idle(found)
        roster = {code: i for i, code in enumerate(world.codes)}
        windows = Windows(world.focal_day, (max(worlds.scenario.report.windows),), float(world.grid[-1]))
        return Participants(
            worlds=worlds,
            scenario=lacking,
            event=event,
            control=control,
            start=start,
            found=found,
            before=perceive(world, at_start(world), step_before(world)),
            gives=gives,
            idle=idle,
            without=gives.signed(found, idle, windows).signed[windows.longest],
            windows=windows,
            real=tuple(members(event.principals, lacking.groups, roster)),
        )

    def family(self, most: int) -> Family:
        """The event among so many sets of like size."""
        effects, kept, empty = [], [], 0
        for one in self.like(most * 3):
            found = self.effect(one)
            if found is None:
                empty += 1
                continue
            effects.append(found)
            kept.append(one)
            if len(effects) == most:
                break
        own = self.effect(self.real)
        return Family(
            "participants",
            self.windows.longest,
            0.0 if own is None else own,
            np.array(effects),
            tuple("-".join(sorted(self.control.codes[i] for i in one)) for one in kept),
            empty,
            self.compared(kept),
        )

    def compared(self, sets: list[Set]) -> dict[str, Compared]:
        """What mechanisms read off the states, of the event and of these sets, by mechanism."""
        if self.frozen is None:
            return {}
        shifts = [self.frozen.shift(self.event_of(one), self.cast(one)) for one in (self.real, *sets)]
        found = {name: [of(one) for one in shifts] for name, of in measures(self.worlds).items()}
        return {name: Compared(event, np.array(rest)) for name, (event, *rest) in found.items()}

    @cached_property
    def frozen(self) -> Frozen | None:
        """The control arm at the end of the shortest window; None where the scenario ends before."""
        return Frozen.of(self.worlds, self.scenario)

    def like(self, most: int) -> list[Set]:
        """Sets of as many states and like capability, in an order drawn by key; none with over half of the principals.

        All sets are sorted by capability and cut into strata of at least so many; those of the event's own stratum are
        like it. Any other set of it would have been compared with the same ones, which makes the p value exact."""
        world, size = self.control, len(self.real)
        every = (
            list(combinations(range(world.n), size))
            if comb(world.n, size) <= MOST_SETS
            else [self.real, *(one for one in drawn_sets(world, size, MOST_SETS // 4) if one != self.real)]
        )
        total = world.capability[np.array(every)].sum(axis=1)
        order = np.argsort(total, kind="stable")
        strata = max(len(every) // most, 1)
        rank = int(np.flatnonzero(order == every.index(tuple(sorted(self.real))))[0])
        stratum = rank * strata // len(every)
        first, stop = (-(-at * len(every) // strata) for at in (stratum, stratum + 1))
        alike = [
            one for one in (every[at] for at in order[first:stop]) if len({*one} & {*self.real}) <= size // 2
        ]
        key = clocks.label("placebo")
        names = ["-".join(sorted(world.codes[i] for i in one)) for one in alike]
        drawn = np.argsort([int(clocks.absorb(key, clocks.label(name))) for name in names], kind="stable")
        return [alike[at] for at in drawn]

    def effect(self, principals: Set) -> float | None:
        """Expected counter-balancing agreements more with these principals; None where no dyad would count."""
        count = np.flatnonzero(self.direction(principals) == COUNTER)
        return self.effect_of(self.event_of(principals), count) if len(count) else None

    def effect_of(self, event: Event, dyads: Ints) -> float:
        """Expected agreements of these dyads more with an event than in the control arm."""
        world = with_event(self.control, self.scenario, event)
        having = course(world, self.worlds.baseline, dyads, start=self.start, beside=self.found)
        return difference(self.gives, self.without[dyads], having, self.idle[:, dyads], self.windows)

    def event_of(self, principals: Set) -> Event:
        """The event with these principals, who are neither its targets nor its guests."""
        if principals == self.real:
            return self.event
        codes, groups = self.control.codes, self.scenario.groups
        roster = {code: i for i, code in enumerate(codes)}
        targets, guests = (
            tuple(sorted(codes[i] for i in members(of, groups, roster) if i not in principals))
            for of in (self.event.targets, self.event.guests)
        )
        shown = tuple(sorted(codes[i] for i in principals))
        changes = {"principals": shown, "host": self.host(principals), "targets": targets, "guests": guests}
        return self.event.model_copy(update=changes)

    def host(self, principals: Set) -> str | None:
        """The most capable of them where one of the event's principals is its host; else the event's host."""
        codes = self.control.codes
        if self.event.host not in {codes[i] for i in self.real}:
            return self.event.host
        return codes[max(principals, key=lambda i: (self.control.capability[i], codes[i]))]

    def direction(self, principals: Set) -> Ints:
        """(P,) direction of each dyad where these take part."""
        if principals == self.real:
            return self.worlds.baseline.direction
        return sorted_into(self.worlds.reference, self.classes(principals))[1]

    def cast(self, principals: Set) -> Cast:
        """Who plays which part where these take part."""
        if principals == self.real:
            return focal_cast(self.worlds)
        return cast_of(self.worlds, self.classes(principals), self.worlds.reference.focal_day)

    def classes(self, principals: Set) -> Classes:
        """The class table where these take part."""
        world = self.worlds.reference
        listed = standing(self.before, principals)
        host = self.host(principals)
        known = host if host in world.codes else None
        return with_participants(self.worlds.classes, world, principals, known, listed)


def difference(gives: Yield, without: Floats, having: Course, idle: Floats, windows: Windows) -> float:
    """Expected new security agreements more in one course, of some dyads, than in the control arm.

    without: (P, M) of the same dyads in the control arm; idle: (K, P, M) of the control arm, for both."""
    more = gives.signed(having, idle, windows).signed[windows.longest] - without
    return float(more[:, having.world.ladder.security].sum())


def drawn_sets(world: World, size: int, count: int) -> Iterator[Set]:
    """Distinct sets of states drawn by key: the same whatever the seed or the roster's order."""
    order = sorted(range(world.n), key=lambda i: world.codes[i])
    key, seen = clocks.absorb(clocks.label("placebo"), clocks.label("sets")), set()
    for number in range(count):
        u = clocks.uniform(clocks.absorb(clocks.absorb(key, number), np.arange(world.n, dtype=np.uint64)))
        one = tuple(sorted(order[at] for at in np.argsort(u)[:size]))
        if one not in seen:
            seen.add(one)
            yield one
