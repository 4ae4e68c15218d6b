"""Why nothing can count in a scenario: reasons, in sentences, that no counter-balancing
security agreement, or no effect on any, can be seen. What `balance-sim check` warns
of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from balance_sim.model.baseline import Worlds, aligned_with, fear_of, step_before
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, Floats, Ints
from balance_sim.model.engine import perceive
from balance_sim.scenario.schema import Event
from balance_sim.stats.lags import signed_within
from balance_sim.study.filtered import Windows
from balance_sim.study.spans import at_start

COUNTER = DIRECTIONS.index("counter")
HARDLY = 0.01
"""Expected agreements, and probabilities, below which nothing can be seen to count."""


def why_nothing(worlds: Worlds, signed: Floats) -> Iterator[str]:
    """Reasons why no counter-balancing security agreement, or no effect on any, can be
    seen.

    signed: (P, K) expected new security agreements a year by type."""
    world, scenario = worlds.reference, worlds.scenario
    secure = np.flatnonzero(world.ladder.security)
    if not len(secure):
        yield (
            "no kind of agreement is a security agreement: set `security: true` on one "
            "of `kinds`"
        )
    is_counter = worlds.baseline.direction == COUNTER
    if not is_counter.any():
        yield _no_dyad(worlds)
    elif len(secure):
        yield from _too_late(worlds, secure)
        yield from _too_few(float(signed[is_counter].sum()))
    if all(weight == 0 for weight in world.rules.weights.values()):
        yield (
            "all weights of the theory are 0: states decide without looking, and no "
            "event can change what they sign; give `theory.weights`, or take another "
            "preset"
        )
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    attention = (
        audience.attention.get(focal.kind, audience.attention["default"])
        for audience in scenario.audiences.values()
    )
    if focal.visibility == 0:
        yield (
            f"`events.{focal.id}.visibility` is 0: nobody sees the focal event, and "
            "its effect is 0 by construction"
        )
    elif not any(attention):
        yield (
            f"no audience heeds events of kind `{focal.kind}`: the focal event's "
            "effect is 0 by construction"
        )
    else:
        yield from _without_lever(worlds, focal)


def _too_few(a_year: float) -> Iterator[str]:
    if 0.0 < a_year < HARDLY:
        yield (
            f"{a_year:.2g} counter-balancing security agreements a year are expected: "
            "state a `base_rate` of agreements a year, or raise the intercepts or the "
            "`ceiling` of the kinds"
        )


def _too_late(worlds: Worlds, secure: Ints) -> Iterator[str]:
    """Where talks that open on the day of the event are hardly ever signed by the end
    of the last window. secure: types of security agreements."""
    world, ladder = worlds.reference, worlds.reference.ladder
    reported = tuple(sorted(worlds.scenario.report.windows))
    windows = Windows(world.focal_day, reported, float(world.grid[-1]))
    days = windows.bounds(windows.longest)[1] - world.focal_day
    collapse = world.rules.collapse_rate / DAYS_PER_YEAR
    lag = (ladder.talks_shape[secure], ladder.talks_days[secure], collapse)
    probability = signed_within(np.asarray(days), *lag)
    fastest = int(np.argmax(probability))
    if float(probability[fastest]) < HARDLY:
        yield (
            f"the horizon is too short: {days:g} days after the focal event talks on "
            f"{ladder.names[secure[fastest]]}, the fastest, are signed with "
            f"probability {float(probability[fastest]):.2g}; put `end`, or a window of "
            "`report.windows`, later"
        )


def _without_lever(worlds: Worlds, focal: Event) -> Iterator[str]:
    """Why the focal event can change nothing: it shows no two states together and
    threatens no target."""
    scenario, codes = worlds.scenario, worlds.reference.codes
    kind, name = scenario.event_kinds[focal.kind], f"events.{focal.id}"
    if focal.accord is not None:
        yield (
            f"`{name}` is the signature of `{focal.accord}`, which is in the table: it "
            "adds no evidence of its own"
        )
        return
    if kind.alignment == kind.intent == kind.reliability == 0:
        yield (
            f"events of kind `{focal.kind}` say nothing: all weights of "
            f"`event_kinds.{focal.kind}` are 0"
        )
        return
    acting = [code for code in focal.principals if code in codes]
    guests = [code for code in focal.guests if code in codes]
    targets = [code for code in focal.targets if code in codes]
    has_target = any(code not in (*acting, *guests) for code in targets)
    shows_dyad = len(acting) > 1 or bool(acting and guests)
    if kind.reliability or (has_target and acting and kind.intent):
        return
    if focal.sign and kind.alignment and shows_dyad:
        return
    nobody = f"it is aimed at nobody (`{name}.targets`)"
    if not kind.intent:
        threat = f"`event_kinds.{focal.kind}.intent`"
        nobody = f"acts of kind `{focal.kind}` threaten nobody ({threat})"
    elif focal.targets:
        nobody = (
            "none of its targets is a state of the scenario that takes no part in it "
            f"(`{name}.targets`)"
        )
    yield f"the focal event changes nothing: {nobody}, and it shows nobody together"


def _no_dyad(worlds: Worlds) -> str:
    """Why no dyad is counter-balancing."""
    world, classes = worlds.reference, worlds.classes
    codes, participants = world.codes, classes.participants
    outside = [i for i, code in enumerate(codes) if code not in participants]
    if len(outside) < 2:
        too_few = "1 state takes no part in" if outside else "every state takes part in"
        return f"{too_few} the focal event: no dyad can count"
    inside = tuple(codes.index(code) for code in participants if code in codes)
    view = perceive(world, at_start(world), step_before(world))
    share, aligned = fear_of(view, inside)[0], aligned_with(view, inside)[0]
    free = [i for i in outside if not aligned[i]]
    no_dyad = "no dyad is counter-balancing: "
    if not free:
        return f"{no_dyad}every state outside is aligned with a participant"
    tau = world.rules.tau
    if len(classes.threatened) == 1 and not classes.wary:
        return (
            f"{no_dyad}{classes.threatened[0]} alone fears the participants, and no "
            f"other state for a quarter of `parameters.tau`, {tau / 4:g}, of its "
            "balance of threat"
        )
    fears_most = max(free, key=lambda i: (share[i], codes[i]))
    return (
        f"{no_dyad}no state outside that is not aligned with a participant fears them "
        f"for more than {tau:g} of its balance of threat (`parameters.tau`); the most "
        f"is {share[fears_most]:.2g}, of {codes[fears_most]}. Strength, nearness, "
        "`disputes` and `no_relations` make a state feared"
    )
