"""Why nothing can count in a scenario: what is found that lets no counter-balancing
security agreement, or no effect on any, be seen. What `balance-sim check` warns of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from balance_sim.model.baseline import Worlds, aligned_with, fear_of, step_before
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, Floats
from balance_sim.model.engine import perceive
from balance_sim.scenario.reading import Finding
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.stats.lags import signed_within
from balance_sim.study.filtered import focal_windows
from balance_sim.study.spans import at_start

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
