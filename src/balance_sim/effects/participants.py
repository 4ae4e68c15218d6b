"""The event with other sets of states of like number and capability in its principals'
place: what each would do, and where the event's own number ranks among theirs.

The event's own number is the headline's, by the expected estimator: with its targets as
they are coded. Targets of the other sets are coded by one rule: as many states as the
event names, those whose quarrel with a participant is the worst. With its targets by
that rule the event has a number of its own, which is ranked too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched, combinations
from math import comb
from typing import Any, Literal

import numpy as np

from balance_sim import registry
from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds, standing, step_before, with_participants
from balance_sim.model.beliefs import members
from balance_sim.model.core import DIRECTIONS, Floats, Ints, World
from balance_sim.model.engine import perceive
from balance_sim.model.streams import PLACEBO, stream_label
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.expected import Expected, ExpectedSignatures
from balance_sim.study.scene import EventRoles, focal_roles, roles_of
from balance_sim.study.spans import (
    WillingnessOverTime,
    at_start,
    course,
    courses,
    in_spans,
    spans,
    steps_of,
    with_each_event,
)
from balance_sim.study.talks_at_start import Windows

StateSet = tuple[int, ...]
Verdict = Literal["specific", "not specific", "fades", "does not fade", "too few"]

FEWEST = 50  # placebos of other participants below which nothing is said
FEWEST_DATES = 10
LEVEL = 0.05  # share of the event and its placebos among which it is specific
ALIKE = 0.05
"""Of the event's effect: on another day it is the same but for what has faded
meanwhile."""
TOO_SMALL = 1e-9  # of an effect
MOST_SETS = 200_000  # candidate sets looked at
SETS_AT_ONCE = 512
"""Sets drawn together; changes no result."""
EVENTS_AT_ONCE = 8
"""Placebos worked out together; changes no result."""
COUNTER = DIRECTIONS.index("counter")


# -- an effect among those of placebos -------------------------------------------------


@dataclass(frozen=True)
class PlaceboComparison:
    """A measure of the event, and of each placebo of its family, (J,); NaN where it
    does not exist. A rank says nothing of size: it is that of the numbers times any
    other.

    alike: share of the event's number by which a placebo may fall short and still
    counts as large.

    >>> comparison = PlaceboComparison(2.0, np.array([0.5, -3.0, 1.0]))
    >>> comparison.rank, comparison.verdict
    (2, 'too few')"""

    event: float
    placebos: Floats
    alike: float = 0.0

    @property
    def known(self) -> Floats:
        """Values of the placebos that have the measure; none where the event itself has
        not."""
        is_known = np.isfinite(self.placebos) & np.isfinite(self.event)
        return np.asarray(self.placebos[is_known])

    @property
    def rank(self) -> int:
        """Place of the event's number among all by distance from zero, 1 for the
        largest; a placebo as large stands before it."""
        large = (1.0 - self.alike) * abs(self.event) - TOO_SMALL
        return 1 + int((np.abs(self.known) >= large).sum())

    @property
    def verdict(self) -> Verdict:
        """Whether the number is specific to the event's participants: among the largest
        twentieth of all. Nothing is said where there are fewer than FEWEST placebos."""
        count = len(self.known)
        if count < FEWEST:
            return "too few"
        return "specific" if self.rank <= LEVEL * (1 + count) else "not specific"

    def below(self, sign: int) -> float:
        """Share of placebos that lie less far in a direction, 1 or -1; ties do not. NaN
        without placebos."""
        placebos = self.known
        if not len(placebos):
            return float("nan")
        return float((sign * placebos < sign * self.event - TOO_SMALL).mean())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `values` in the order of the family's labels."""
        document = {
            "value": self.event,
            "placebos": len(self.known),
            "rank": self.rank,
            "verdict": self.verdict,
            "values": self.placebos,
        }
        return dict(plain_data(document))


@dataclass(frozen=True, kw_only=True)
class PlaceboFamily(PlaceboComparison):
    """The effect of the event, and of each placebo of one family, on agreements within
    `window` days.

    by_rule: the event's effect with its targets by the placebos' rule, where `event`
    has them as they are coded. uninformative: sets left out, since no dyad would count.
    measures: what plug-ins measure of the same placebos, by name."""

    name: str
    window: int
    by_rule: float
    labels: tuple[str, ...]
    uninformative: int = 0
    measures: Mapping[str, PlaceboComparison] = field(default_factory=dict)

    @property
    def rank_by_rule(self) -> int:
        """Place of the event's number with its targets by the placebos' rule."""
        return PlaceboComparison(self.by_rule, self.placebos, self.alike).rank

    @property
    def verdict(self) -> Verdict:
        """Of dates: whether the effect is smaller on most other days."""
        if self.name != "dates":
            return super().verdict
        count = len(self.known)
        if count < FEWEST_DATES:
            return "too few"
        return "fades" if 2 * (self.rank - 1) < count else "does not fade"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        sizes = np.abs(self.placebos)
        measures = {name: values.as_dict() for name, values in self.measures.items()}
        document = {
            "window": self.window,
            "effect": self.event,
            "effect_by_rule": self.by_rule,
            "placebos": len(self.placebos),
            "uninformative": self.uninformative,
            "rank": self.rank,
            "rank_by_rule": self.rank_by_rule,
            "verdict": self.verdict,
            "largest": sizes.max() if len(sizes) else None,
            "effects": self.placebos,
            "labels": list(self.labels),
            "measures": measures,
        }
        return dict(plain_data(document))


# -- other participants ----------------------------------------------------------------


class Participants:
    """The event with sets of states in its principals' place.

    real : the principals, positions in the arrays
    control : the control arm's world, in spans
    steps : middle and start of the step whose evidence each of the spans has
    course : what states want over time in the control arm
    idle : (K, P, M) probability that clocks are idle, in the control arm
    without : (P, M) expected new agreements in the control arm
    before : what is seen just before the event
    """

    def __init__(self, worlds: Worlds, lacking: Scenario, event: Event) -> None:
        world = worlds.reference
        edges = spans(worlds)
        self.worlds, self.scenario, self.event = worlds, lacking, event
        self.control, self.steps = in_spans(world, edges), steps_of(world, edges)
        self.signatures = ExpectedSignatures(worlds, world.grid[edges])
        self.start = at_start(self.control)
        self.course = course(self.control, worlds.baseline, start=self.start)
        self.idle = self.signatures.idle(self.course)
        longest = max(worlds.scenario.report.windows)
        self.windows = Windows(world.focal_day, (longest,), float(world.grid[-1]))
        self.before = perceive(world, at_start(world), step_before(world))
        expected = self.signatures.signed(self.course, self.idle, self.windows)
        self.without = expected.signed[longest]
        self.roster = {code: i for i, code in enumerate(world.codes)}
        principals = members(event.principals, lacking.groups, self.roster)
        self.real: StateSet = tuple(principals)
        self._casts = {self.real: focal_roles(worlds)}

    def family(self, most: int) -> PlaceboFamily:
        """The event among so many sets of like size."""
        dyads_of: dict[StateSet, Ints] = {}
        uninformative = 0
        for states in self.like(most * 3):
            dyads = self.dyads_of(states)
            if not len(dyads):
                uninformative += 1
                continue
            dyads_of[states] = dyads
            if len(dyads_of) == most:
                break
        sets, own_dyads = [*dyads_of], self.dyads_of(self.real)
        events = [self.event, *map(self.event_of, (self.real, *sets))]
        coded, by_rule, *effects = self.effects_of(
            events, [own_dyads, own_dyads, *dyads_of.values()]
        )
        return PlaceboFamily(
            coded,
            np.array(effects),
            name="participants",
            window=self.windows.longest,
            by_rule=by_rule,
            labels=tuple(map(self.label, sets)),
            uninformative=uninformative,
            measures=self.compared(sets),
        )

    def label(self, principals: StateSet) -> str:
        """Their codes in order, with hyphens."""
        return "-".join(sorted(self.control.codes[i] for i in principals))

    def compared(self, sets: list[StateSet]) -> dict[str, PlaceboComparison]:
        """What plug-ins measure of the event and of these sets, by measure."""
        comparisons: dict[str, PlaceboComparison] = {}
        plugins = self.worlds.scenario.plugins
        for measure in registry.of_plugins("measures", plugins).values():
            comparisons |= measure(self, sets)
        return comparisons

    def like(self, most: int) -> list[StateSet]:
        """Sets of as many states and like capability, in an order drawn by key; none
        with over half of the principals.

        All sets are sorted by capability and cut into strata of at least so many; those
        of the event's own stratum are like it."""
        size, sets = len(self.real), self._candidates()
        capability = self.control.capability[np.array(sets)].sum(axis=1)
        order = np.argsort(capability, kind="stable")
        strata = max(len(sets) // most, 1)
        place = sets.index(tuple(sorted(self.real)))
        stratum = int(np.flatnonzero(order == place)[0]) * strata // len(sets)
        first = -(-stratum * len(sets) // strata)
        stop = -(-(stratum + 1) * len(sets) // strata)
        stratum_sets = [sets[k] for k in order[first:stop]]
        alike = [s for s in stratum_sets if len({*s} & {*self.real}) <= size // 2]
        labels = [clocks.label(self.label(states)) for states in alike]
        keys = [int(clocks.absorb(stream_label(PLACEBO), label)) for label in labels]
        return [alike[k] for k in np.argsort(keys, kind="stable")]

    def _candidates(self) -> list[StateSet]:
        """All sets of as many states, or as many as are looked at, the event's own
        among them."""
        world, size = self.control, len(self.real)
        if comb(world.n, size) <= MOST_SETS:
            return list(combinations(range(world.n), size))
        drawn = drawn_sets(world, size, MOST_SETS // 4)
        return [self.real, *(states for states in drawn if states != self.real)]

    def dyads_of(self, principals: StateSet) -> Ints:
        """(P,) counter-balancing dyads where these take part."""
        return np.flatnonzero(self.cast(principals).direction == COUNTER)

    def effects_of(self, events: Sequence[Event], dyads: Sequence[Ints]) -> list[float]:
        """Expected agreements more with each event than in the control arm, of its own
        dyads."""
        gains, baseline = list[float](), self.worlds.baseline
        for batch in batched(zip(events, dyads, strict=True), EVENTS_AT_ONCE):
            some, asked = zip(*batch, strict=True)
            worlds = with_each_event(self.control, self.scenario, some, self.steps)
            gains += map(self.gain, courses(worlds, baseline, self.course, asked))
        return gains

    def gain(self, having: WillingnessOverTime) -> float:
        """Expected agreements of a course's dyads more than in the control arm."""
        idle = self.signatures.idle(having)
        expected = self.signatures.signed(having, idle, self.windows)
        return security_gain(expected, self.without[having.dyads])

    def event_of(self, principals: StateSet) -> Event:
        """The event with these principals and the targets that the rule gives them;
        guests are those of its own that are not among them."""
        guests = {*members(self.event.guests, self.scenario.groups, self.roster)}
        changes: dict[str, Any] = {
            "host": self.host(principals),
            "principals": self._codes(principals),
            "guests": self._codes(guests - {*principals}),
            "targets": self._codes(self.targets(principals, guests)),
        }
        return self.event.model_copy(update=changes)

    def targets(self, principals: StateSet, guests: Iterable[int] = ()) -> list[int]:
        """As many states as the event has targets: those to whom one of these is the
        most hostile, as they see it just before the event; of equals the first by
        code."""
        named = members(self.event.targets, self.scenario.groups, self.roster)
        quarrel = self.before.hostility[0][:, list(principals)].max(axis=1)
        order = np.lexsort((np.array(self.control.codes), -quarrel))
        apart = {*principals, *guests}
        return [int(i) for i in order if i not in apart][: len(named)]

    def _codes(self, states: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(self.control.codes[i] for i in states))

    def host(self, principals: StateSet) -> str | None:
        """The most capable of them where one of the event's principals is its host;
        else the event's host."""
        if self.event.host not in self._codes(self.real):
            return self.event.host
        codes, capability = self.control.codes, self.control.capability
        return codes[max(principals, key=lambda i: (capability[i], codes[i]))]

    def cast(self, principals: StateSet) -> EventRoles:
        """Who has which role where these take part."""
        if principals not in self._casts:
            world, host = self.worlds.reference, self.host(principals)
            classes = with_participants(
                self.worlds.classes,
                world,
                principals,
                host if host in world.codes else None,
                standing(self.before, principals),
            )
            self._casts[principals] = roles_of(self.worlds, classes, world.focal_day)
        return self._casts[principals]


def security_gain(expected: Expected, without: Floats) -> float:
    """Expected new security agreements more in the longest window than without the
    event. without: (P, M) of the same dyads in the control arm."""
    gain = expected.signed[expected.windows.longest] - without
    return float(gain[:, expected.world.ladder.security].sum())


def drawn_sets(world: World, size: int, count: int) -> list[StateSet]:
    """Distinct sets of states out of so many that are drawn by key: the same whatever
    the seed or the roster's order."""
    order = np.array(sorted(range(world.n), key=lambda i: world.codes[i]))
    key = clocks.absorb(stream_label(PLACEBO), clocks.label("sets"))
    states, sets = np.arange(world.n, dtype=np.uint64), dict[StateSet, None]()
    for first in range(0, count, SETS_AT_ONCE):
        numbers = np.arange(first, min(first + SETS_AT_ONCE, count), dtype=np.uint64)
        keys = clocks.absorb(clocks.absorb(key, numbers)[:, None], states)
        lowest = np.argpartition(clocks.uniform(keys), size - 1, axis=1)[:, :size]
        rows = np.sort(order[lowest], axis=1).tolist()
        sets |= dict.fromkeys(map(tuple, rows))
    return [*sets]
