"""Randomisation inference over participants: the event with other sets of states of
like number and capability in its principals' place, what each would do, and where the
event's own number lies among theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import Any, Literal

import numpy as np

from balance_sim import registry
from balance_sim.effects.expected import ExpectedSignatures
from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds, standing, step_before, with_participants
from balance_sim.model.beliefs import members
from balance_sim.model.core import DIRECTIONS, Floats, Ints, World
from balance_sim.model.engine import perceive
from balance_sim.model.streams import PLACEBO, stream_label
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.filtered import Windows
from balance_sim.study.scene import EventRoles, focal_roles, roles_of
from balance_sim.study.spans import (
    WillingnessOverTime,
    at_start,
    course,
    in_spans,
    spans,
    with_event,
)

StateSet = tuple[int, ...]
Verdict = Literal["supported", "not supported", "inconclusive"]

FEWEST = 50  # informative placebos below which nothing is said
LEVEL = 0.05
ALIKE = 0.05  # of the event's effect: on another day it is the same but for what has faded meanwhile
TOO_SMALL = 1e-9  # of an effect
MOST_SETS = 200_000  # candidate sets looked at
SPANS = 5  # at least, of the scenario's length; on the shipped scenarios the effect is then within 5 % of that by steps
COUNTER = DIRECTIONS.index("counter")


def p_value(event: float, placebos: Floats, alike: float = 0.0) -> float:
    """Two-sided p of an effect among placebos: (1 + number at least as large) / (1 +
    number).

    alike: share of the event's effect by which a placebo may fall short and still
    counts as large.

    >>> p_value(2.0, np.array([0.5, -3.0, 1.0])), p_value(2.0, np.array([1.95]), alike=0.05)
    (0.5, 1.0)
    """
    if not len(placebos):
        return float("nan")
    larger = int((np.abs(placebos) >= (1.0 - alike) * abs(event) - TOO_SMALL).sum())
    return (1 + larger) / (1 + len(placebos))


def verdict(p: float, placebos: int) -> Verdict:
    """What a p value says: nothing where there are fewer than FEWEST placebos.

    >>> verdict(0.01, 199), verdict(0.2, 199), verdict(0.01, 19)
    ('supported', 'not supported', 'inconclusive')
    """
    if placebos < FEWEST or not np.isfinite(p):
        return "inconclusive"
    return "supported" if p <= LEVEL else "not supported"


@dataclass(frozen=True)
class PlaceboComparison:
    """A measure of the event, and of each placebo of its family, (J,); NaN where it
    does not exist.

    alike: share of the event's number by which a placebo may fall short and still
    counts as large."""

    event: float
    placebos: Floats
    alike: float = 0.0

    @property
    def known(self) -> Floats:
        """Those of the placebos that have the measure; none where the event itself has
        not."""
        return (
            self.placebos[np.isfinite(self.placebos)]
            if np.isfinite(self.event)
            else np.empty(0)
        )

    @property
    def p(self) -> float:
        """Two-sided; NaN without placebos."""
        return p_value(self.event, self.known, self.alike)

    @property
    def verdict(self) -> Verdict:
        return verdict(self.p, len(self.known))

    def below(self, sign: int) -> float:
        """Share of placebos that lie less far in a direction, 1 or -1; ties do not. NaN
        without placebos."""
        if not len(self.known):
            return float("nan")
        return float((sign * self.known < sign * self.event - TOO_SMALL).mean())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `values` in the order of the family's labels."""
        found = {
            "value": self.event,
            "placebos": len(self.known),
            "p": self.p,
            "verdict": self.verdict,
        }
        return {
            name: plain_data(value)
            for name, value in (found | {"values": self.placebos}).items()
        }

    @staticmethod
    def of_plain(said: dict[str, Any]) -> PlaceboComparison:
        """The other way round. Raises KeyError, TypeError for what is no such thing."""
        event, *rest = (
            np.nan if one is None else float(one)
            for one in (said["value"], *said["values"])
        )
        return PlaceboComparison(event, np.array(rest))


@dataclass(frozen=True, kw_only=True)
class PlaceboFamily(PlaceboComparison):
    """The effect of the event, and of each placebo of one family, on agreements within
    `window` days.

    uninformative: sets left out, since no dyad would count. measures: what plug-ins
    measure of the same placebos, by name."""

    name: str
    window: int
    labels: tuple[str, ...]
    uninformative: int = 0
    measures: Mapping[str, PlaceboComparison] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "window": self.window,
            "effect": self.event,
            "placebos": len(self.placebos),
            "uninformative": self.uninformative,
            "p": plain_data(self.p),
            "verdict": self.verdict,
            "largest": float(np.abs(self.placebos).max())
            if len(self.placebos)
            else None,
            "effects": self.placebos.tolist(),
            "labels": list(self.labels),
            "measures": {name: of.as_dict() for name, of in self.measures.items()},
        }


class Participants:
    """The event with sets of states in its principals' place.

    real: the principals, positions in the arrays. Of the control arm, control: its
    world in spans; found: its course; without: (P, M) expected new agreements; before:
    what is seen just before the event."""

    def __init__(self, worlds: Worlds, lacking: Scenario, event: Event) -> None:
        world = worlds.reference
        edges = spans(worlds, SPANS)
        self.worlds, self.scenario, self.event = worlds, lacking, event
        self.control, self.gives = (
            in_spans(world, edges),
            ExpectedSignatures(worlds, world.grid[edges]),
        )
        self.start = at_start(self.control)
        self.found = course(self.control, worlds.baseline, start=self.start)
        self.idle = self.gives.idle(self.found)
        longest = max(worlds.scenario.report.windows)
        self.windows = Windows(world.focal_day, (longest,), float(world.grid[-1]))
        self.before = perceive(world, at_start(world), step_before(world))
        self.without = self.gives.signed(self.found, self.idle, self.windows).signed[
            longest
        ]
        self.roster = {code: i for i, code in enumerate(world.codes)}
        self._casts: dict[StateSet, EventRoles] = {}
        self.real: StateSet = tuple(
            members(event.principals, lacking.groups, self.roster)
        )

    def family(self, most: int) -> PlaceboFamily:
        """The event among so many sets of like size."""
        effects: dict[StateSet, float] = {}
        empty = 0
        for one in self.like(most * 3):
            found = self.effect(one)
            if found is None:
                empty += 1
                continue
            effects[one] = found
            if len(effects) == most:
                break
        return PlaceboFamily(
            self.effect(self.real) or 0.0,
            np.array([*effects.values()]),
            name="participants",
            window=self.windows.longest,
            labels=tuple(map(self.label, effects)),
            uninformative=empty,
            measures=self.compared([*effects]),
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
        of the event's own stratum are like it. Any other set of it would have been
        compared with the same ones, which makes the p value exact."""
        world, size = self.control, len(self.real)
        every = (
            list(combinations(range(world.n), size))
            if comb(world.n, size) <= MOST_SETS
            else []
        )
        if not every:
            every = [
                self.real,
                *(
                    one
                    for one in drawn_sets(world, size, MOST_SETS // 4)
                    if one != self.real
                ),
            ]
        total = world.capability[np.array(every)].sum(axis=1)
        order = np.argsort(total, kind="stable")
        strata = max(len(every) // most, 1)
        rank = int(np.flatnonzero(order == every.index(tuple(sorted(self.real))))[0])
        stratum = rank * strata // len(every)
        first, stop = (-(-at * len(every) // strata) for at in (stratum, stratum + 1))
        alike = [
            one
            for one in (every[at] for at in order[first:stop])
            if len({*one} & {*self.real}) <= size // 2
        ]
        key = stream_label(PLACEBO)
        drawn = np.argsort(
            [int(clocks.absorb(key, clocks.label(self.label(one)))) for one in alike],
            kind="stable",
        )
        return [alike[at] for at in drawn]

    def effect(self, principals: StateSet) -> float | None:
        """Expected counter-balancing agreements more with these principals; None where
        no dyad would count."""
        count = np.flatnonzero(self.direction(principals) == COUNTER)
        return self.effect_of(self.event_of(principals), count) if len(count) else None

    def effect_of(self, event: Event, dyads: Ints) -> float:
        """Expected agreements of these dyads more with an event than in the control
        arm."""
        world = with_event(self.control, self.scenario, event)
        having = course(
            world, self.worlds.baseline, dyads, start=self.start, beside=self.found
        )
        return difference(
            self.gives, self.without[dyads], having, self.idle[:, dyads], self.windows
        )

    def event_of(self, principals: StateSet) -> Event:
        """The event with these principals, who are neither its targets nor its
        guests."""
        if principals == self.real:
            return self.event
        codes = self.control.codes
        shown = tuple(sorted(codes[i] for i in principals))
        changes: dict[str, object] = {
            "principals": shown,
            "host": self.host(principals),
        }
        for name, of in (
            ("targets", self.event.targets),
            ("guests", self.event.guests),
        ):
            others = (
                i
                for i in members(of, self.scenario.groups, self.roster)
                if i not in principals
            )
            changes[name] = tuple(sorted(codes[i] for i in others))
        return self.event.model_copy(update=changes)

    def host(self, principals: StateSet) -> str | None:
        """The most capable of them where one of the event's principals is its host;
        else the event's host."""
        codes = self.control.codes
        if self.event.host not in {codes[i] for i in self.real}:
            return self.event.host
        return codes[
            max(principals, key=lambda i: (self.control.capability[i], codes[i]))
        ]

    def direction(self, principals: StateSet) -> Ints:
        """(P,) direction of each dyad where these take part."""
        return (
            self.worlds.baseline if principals == self.real else self.cast(principals)
        ).direction

    def cast(self, principals: StateSet) -> EventRoles:
        """Who plays which part where these take part."""
        if principals == self.real:
            return focal_roles(self.worlds)
        if principals not in self._casts:
            world, host, listed = (
                self.worlds.reference,
                self.host(principals),
                standing(self.before, principals),
            )
            known = host if host in world.codes else None
            classes = with_participants(
                self.worlds.classes, world, principals, known, listed
            )
            self._casts[principals] = roles_of(self.worlds, classes, world.focal_day)
        return self._casts[principals]


def difference(
    gives: ExpectedSignatures,
    without: Floats,
    having: WillingnessOverTime,
    idle: Floats,
    windows: Windows,
) -> float:
    """Expected new security agreements more in one course, of some dyads, than in the
    control arm.

    without: (P, M) of the same dyads in the control arm; idle: (K, P, M) of the control
    arm, for both."""
    more = gives.signed(having, idle, windows).signed[windows.longest] - without
    return float(more[:, having.world.ladder.security].sum())


def drawn_sets(world: World, size: int, count: int) -> Iterator[StateSet]:
    """Distinct sets of states drawn by key: the same whatever the seed or the roster's
    order."""
    order = sorted(range(world.n), key=lambda i: world.codes[i])
    key, seen = clocks.absorb(stream_label(PLACEBO), clocks.label("sets")), set()
    for number in range(count):
        u = clocks.uniform(
            clocks.absorb(
                clocks.absorb(key, number), np.arange(world.n, dtype=np.uint64)
            )
        )
        one = tuple(sorted(order[at] for at in np.argsort(u)[:size]))
        if one not in seen:
            seen.add(one)
            yield one
