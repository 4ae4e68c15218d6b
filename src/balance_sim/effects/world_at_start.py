"""The world of a scenario before anything happens in it: who is feared, what can count,
how much is expected by the expected estimator, and why nothing can count. What
`balance-sim check` prints and warns of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balance_sim.model.baseline import (
    NOBODY,
    ON_THEIR_SIDE,
    OTHER_SIDE,
    Worlds,
    aligned_with,
    compile_worlds,
    fear_of,
    feared,
    most_feared,
    step_before,
)
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, Floats, Ints
from balance_sim.model.engine import perceive
from balance_sim.model.own.events import shifts_of
from balance_sim.model.threat import over
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.errors import OneLine, plain_data
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.scenario.reading import Finding
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.stats.lags import signed_within
from balance_sim.study.expected import Estimator
from balance_sim.study.spans import at_start
from balance_sim.study.talks_at_start import Windows, focal_windows


@dataclass(frozen=True)
class CalmTarget:
    """A target of the focal event that nobody who takes part threatens, and why.

    Attributes
    ----------
    code : of the target
    participant : whom it fears most of those who take part, or is aligned with
    reason : `agreement` in force with it or `alignment` with it; `reach`, where full
        hostility would not threaten it either; else `hostility`, of which there is too
        little
    share : of its balance, what they threaten it with
    """

    code: str
    participant: str
    reason: str
    share: float


@dataclass(frozen=True, repr=False)
class WorldAtStart(OneLine):
    """The control arm on the first day: n states in the order of `codes`, and P dyads.

    Attributes
    ----------
    first, second : (P,) states of each dyad
    fear : (n, n) share of the row's balance of threat
    fears_most : (n,) code of the state that each fears most; "" for nobody much
    depth : (n, n) of the deepest agreement in force
    insecurity : (n,)
    listed : (n,) list of the class table
    direction : (P,) class of each dyad
    security, declarations : (P,) expected new agreements a year
    why_nothing : reasons why no effect can be seen
    calm_targets : of the focal event
    """

    scenario: Scenario
    codes: tuple[str, ...]
    first: Ints
    second: Ints
    fear: Floats
    fears_most: tuple[str, ...]
    depth: Floats
    insecurity: Floats
    listed: tuple[str, ...]
    direction: Ints
    security: Floats
    declarations: Floats
    why_nothing: tuple[Finding, ...]
    calm_targets: tuple[CalmTarget, ...]

    def a_year(self) -> dict[str, dict[str, float]]:
        """Expected new agreements a year by what they are, then by class of dyads."""
        years = {}
        for measure in ("security", "declarations"):
            sums = np.bincount(self.direction, getattr(self, measure), len(DIRECTIONS))
            years[measure] = dict(zip(DIRECTIONS, sums.tolist(), strict=True))
        return years

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        counts = np.bincount(self.direction, minlength=len(DIRECTIONS)).tolist()
        states = []
        for i in np.argsort(self.codes).tolist():
            largest_first = np.lexsort((self.codes, -self.fear[i]))
            adversaries = [
                {
                    "id": self.codes[j],
                    "share": self.fear[i, j],
                    "depth": self.depth[i, j],
                }
                for j in largest_first.tolist()
                if j != i
            ]
            state: dict[str, Any] = {"id": self.codes[i], "list": self.listed[i]}
            state |= {"insecurity": self.insecurity[i]}
            state |= {"fears_most": self.fears_most[i] or None}
            state |= {"adversaries": adversaries}
            states.append(state)
        codes = np.array(self.codes)
        columns = {
            "a": codes[self.first],
            "b": codes[self.second],
            "direction": np.array(DIRECTIONS)[self.direction],
            "security": self.security,
            "declarations": self.declarations,
        }
        rows = zip(*map(plain_data, columns.values()), strict=True)
        return {
            "states": plain_data(states),
            "classes": dict(zip(DIRECTIONS, counts, strict=True)),
            "expected_a_year": self.a_year(),
            "dyads": [dict(zip(columns, row, strict=True)) for row in rows],
            "nothing_can_count": [reason.message for reason in self.why_nothing],
        }


def world_at_start(scenario: ScenarioSource) -> WorldAtStart:
    """The scenario's control arm on its first day: what states fear, hold and are
    expected to sign, before any event.

    Parameters
    ----------
    scenario : a complete scenario, or the path or the name of one

    Returns
    -------
    WorldAtStart : (n, n) shares of fear and depths in force, (n,) insecurities, (P,)
        expected new agreements a year

    Examples
    --------
    >>> import balance_sim as bs
    >>> world = bs.world_at_start("experiments/smoke/five_states.yaml")
    >>> world.fear.shape, world.security.shape
    ((5, 5), (10,))
    """
    scenario = scenario_from(scenario)
    worlds = compile_worlds(scenario, (scenario.reference_arm,))
    world = worlds.reference
    view = perceive(world, at_start(world), 0)
    end = float(world.grid[-1])
    days = int(np.ceil(end))
    windows = Windows(-1.0, (days,), end)  # from the first day to the last
    expected = Estimator(worlds).of(world, windows=windows)
    signed = expected.signed[days] * (DAYS_PER_YEAR / end)
    is_security = world.ladder.security
    list_of = worlds.classes.list_of
    fear = feared(view)[0]
    most = most_feared(fear, world.rules.tau).tolist()
    return WorldAtStart(
        scenario=scenario,
        codes=world.codes,
        first=world.first,
        second=world.second,
        fear=fear,
        fears_most=tuple("" if j == NOBODY else world.codes[j] for j in most),
        depth=view.depth[0],
        insecurity=view.insecurity[0],
        listed=tuple(list_of[code] for code in world.codes),
        direction=worlds.baseline.direction,
        security=signed[:, is_security].sum(axis=1),
        declarations=signed[:, ~is_security].sum(axis=1),
        why_nothing=tuple(why_nothing(worlds, signed[:, is_security])),
        calm_targets=tuple(_calm_targets(scenario, worlds)),
    )


def _calm_targets(scenario: Scenario, worlds: Worlds) -> Iterator[CalmTarget]:
    """Targets of the focal event that stand in no list of those who fear it."""
    world, classes = worlds.reference, worlds.classes
    view = perceive(world, at_start(world), step_before(world))
    actors = tuple(map(world.codes.index, classes.participants))
    share = fear_of(view, actors)[0]
    hostile = replace(view, hostility=np.ones_like(view.hostility))
    at_most, threat = hostile.threat_by(actors)[0], view.threat_by(actors)[0]
    highest = over(at_most, view.balance[0] - threat + at_most)
    bond = np.maximum(view.own, view.depth)[0]
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    for code in focal.targets:
        if classes.list_of.get(code) != "others":
            continue
        i = world.codes.index(code)
        feared = max(actors, key=lambda j: (view.adversaries[0, i, j], -j))
        reason = "hostility"
        if highest[i] <= OTHER_SIDE * world.rules.tau:
            reason = "reach"
        if aligned_with(view, actors)[0, i]:
            feared = max(actors, key=lambda j: (bond[i, j], -j))
            is_bound = view.depth[0, i, feared] > ON_THEIR_SIDE
            reason = "agreement" if is_bound else "alignment"
        yield CalmTarget(code, world.codes[feared], reason, float(share[i]))


COUNTER = DIRECTIONS.index("counter")
HARDLY = 0.01
"""Expected agreements, and probabilities, below which nothing can be seen to count."""


def why_nothing(worlds: Worlds, signed: Floats) -> Iterator[Finding]:
    """Reasons why no counter-balancing security agreement, or no effect on any, can be
    seen.

    signed: (P, K) expected new security agreements a year by type."""
    is_counter = worlds.baseline.direction == COUNTER
    a_year = float(signed[is_counter].sum())
    if not signed.shape[1]:
        why = "no kind of agreement is a security agreement: set `security: true` on "
        yield Finding("W323", "kinds", f"{why}one of `kinds`")
    elif not is_counter.any():
        yield Finding("W323", "states", _no_dyad(worlds))
    else:
        yield from _too_late(worlds)
        if 0.0 < a_year < HARDLY:
            why = (
                f"{a_year:.2g} counter-balancing security agreements a year are "
                "expected: state a `base_rate` of agreements a year, or raise the "
                "intercepts or the `ceiling` of the kinds"
            )
            yield Finding("W325", "base_rate", why)
    scenario = worlds.scenario
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    why_unheard = _unheard(scenario, focal)
    if why_unheard:
        why = f"{why_unheard}: the focal event's effect is 0 by construction"
        yield Finding("W324", focal.path, why)
    elif _says_nothing(scenario, focal):
        why = (
            "the focal event changes nothing: it shows no two states of the scenario "
            "together, and is aimed at none that takes no part in it "
            f"(`events.{focal.id}`, and the weights of `event_kinds.{focal.kind}`)"
        )
        yield Finding("W324", focal.path, why)


def _too_late(worlds: Worlds) -> Iterator[Finding]:
    """Where talks that open on the day of the event are hardly ever signed by the end
    of the last window."""
    world, ladder = worlds.reference, worlds.reference.ladder
    windows, secure = focal_windows(worlds), np.flatnonzero(ladder.security)
    days = windows.bounds(windows.longest)[1] - world.focal_day
    collapse = world.rules.collapse_rate / DAYS_PER_YEAR
    lag = (ladder.talks_shape[secure], ladder.talks_days[secure], collapse)
    probability = signed_within(np.asarray(days), *lag)
    fastest = int(np.argmax(probability))
    if float(probability[fastest]) < HARDLY:
        why = (
            f"the horizon is too short: {days:g} days after the focal event talks on "
            f"{ladder.names[secure[fastest]]}, the fastest, are signed with "
            f"probability {float(probability[fastest]):.2g}; put `end`, or a window of "
            "`report.windows`, later"
        )
        yield Finding("W325", "end", why)


def _unheard(scenario: Scenario, focal: Event) -> str:
    """Why nobody hears of the focal event; empty where somebody does."""
    if focal.visibility == 0:
        return f"`events.{focal.id}.visibility` is 0, so nobody sees it"
    for audience in scenario.audiences.values():
        if audience.attention.get(focal.kind, audience.attention["default"]):
            return ""
    return f"no audience heeds events of kind `{focal.kind}`"


def _says_nothing(scenario: Scenario, focal: Event) -> bool:
    """Whether the focal event is no evidence: on alignment of two states, on intent
    towards a target, or on reliability."""
    kind, codes = scenario.event_kinds[focal.kind], {*scenario.codes}
    if focal.kind.startswith(OWN):
        return not any(shifts_of(focal, scenario).values())
    acting = codes.intersection(focal.principals)
    taking_part = acting.union(codes.intersection(focal.guests))
    is_aimed = bool(acting and codes.intersection(focal.targets) - taking_part)
    shows_dyad = bool(acting) and len(taking_part) > 1
    says = kind.reliability or (kind.intent and is_aimed)
    says = says or (kind.alignment and focal.sign and shows_dyad)
    return focal.accord is not None or not says


def _no_dyad(worlds: Worlds) -> str:
    """Why no dyad is counter-balancing."""
    world, participants = worlds.reference, worlds.classes.participants
    codes, tau = world.codes, world.rules.tau
    outside = [i for i, code in enumerate(codes) if code not in participants]
    no_dyad = "no dyad is counter-balancing: "
    if len(outside) < 2:
        return f"{no_dyad}only {len(outside)} of the states take no part in the event"
    inside = tuple(codes.index(code) for code in participants if code in codes)
    view = perceive(world, at_start(world), step_before(world))
    share, aligned = fear_of(view, inside)[0], aligned_with(view, inside)[0]
    free = [i for i in outside if not aligned[i]]
    if not free:
        return f"{no_dyad}every state outside is aligned with a participant"
    fears_most = max(free, key=lambda i: (share[i], codes[i]))
    return (
        f"{no_dyad}it takes a state outside, not aligned with a participant, that "
        f"fears them for more than {tau:g} of its balance of threat "
        f"(`parameters.tau`), and another for a quarter of that; {codes[fears_most]} "
        f"fears them most, for {share[fears_most]:.2g}. Strength, nearness, `disputes` "
        "and `no_relations` make a state feared"
    )
