"""The world of a scenario before anything happens in it: who is feared, what can count,
and how much is expected by the expected estimator. What `balance-sim check` prints.
Where nothing can count it says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from balance_sim.effects.expected import Estimator
from balance_sim.model.baseline import (
    Worlds,
    aligned_with,
    fear_of,
    feared,
    step_before,
)
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, Floats, Ints
from balance_sim.model.engine import perceive
from balance_sim.scenario.errors import OneLine, plain_data
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.stats.lags import signed_within
from balance_sim.study.arms import compile_arms
from balance_sim.study.filtered import Windows
from balance_sim.study.spans import at_start

COUNTER = DIRECTIONS.index("counter")
HARDLY = 0.01
"""Expected agreements, and probabilities, below which it is said that nothing can be
seen to count."""


@dataclass(frozen=True, repr=False)
class WorldAtStart(OneLine):
    """The control arm on the first day: n states in the order of `codes`, and P dyads.

    fear: (n, n) share of the row's balance of threat; depth: (n, n) of the deepest
    agreement in force; insecurity: (n,); listed: (n,) list of the class table;
    direction: (P,); security, declarations: (P,) expected new agreements a year.
    why_nothing: reasons, in sentences."""

    scenario: Scenario
    codes: tuple[str, ...]
    first: Ints
    second: Ints
    fear: Floats
    depth: Floats
    insecurity: Floats
    listed: tuple[str, ...]
    direction: Ints
    security: Floats
    declarations: Floats
    why_nothing: tuple[str, ...]

    def ranking(self, i: int) -> list[tuple[str, float]]:
        """Every other state and the share of i's balance that it makes up, the most
        feared first; ties by code."""
        others = [
            (code, float(self.fear[i, k]))
            for k, code in enumerate(self.codes)
            if k != i
        ]
        return sorted(others, key=lambda one: (-one[1], one[0]))

    def a_year(self) -> dict[str, dict[str, float]]:
        """Expected new agreements a year by what they are, then by class of dyads."""
        return {
            name: dict(
                zip(
                    DIRECTIONS,
                    np.bincount(self.direction, of, len(DIRECTIONS)).tolist(),
                    strict=True,
                )
            )
            for name, of in (
                ("security", self.security),
                ("declarations", self.declarations),
            )
        }

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        codes, ways = np.array(self.codes), np.array(DIRECTIONS)
        dyads = {
            "a": codes[self.first],
            "b": codes[self.second],
            "direction": ways[self.direction],
        }
        dyads |= {"security": self.security, "declarations": self.declarations}
        return {
            "states": [
                {
                    "id": self.codes[i],
                    "list": self.listed[i],
                    "insecurity": float(self.insecurity[i]),
                    "adversaries": [
                        {
                            "id": code,
                            "share": share,
                            "depth": float(self.depth[i, self.codes.index(code)]),
                        }
                        for code, share in self.ranking(i)
                    ],
                }
                for i in sorted(range(len(self.codes)), key=lambda i: self.codes[i])
            ],
            "classes": {
                name: int((self.direction == index).sum())
                for index, name in enumerate(DIRECTIONS)
            },
            "expected_a_year": self.a_year(),
            "dyads": [
                dict(zip(dyads, row, strict=True))
                for row in zip(*map(plain_data, dyads.values()), strict=True)
            ],
            "nothing_can_count": list(self.why_nothing),
        }


def world_at_start(scenario: Scenario) -> WorldAtStart:
    """The scenario's control arm on its first day: what states fear, hold and are
    expected to sign, before any event.

    Returns
    -------
    WorldAtStart : (n, n) shares of fear and depths in force, (n,) insecurities, (P,) expected new agreements a year

    Examples
    --------
    >>> import balance_sim as bs
    >>> found = world_at_start(bs.load_scenario("experiments/smoke/five_states.yaml"))
    >>> found.fear.shape, found.security.shape
    ((5, 5), (10,))
    """
    worlds = compile_arms(scenario, (scenario.reference_arm,))
    world = worlds.reference
    view = perceive(world, at_start(world), 0)
    end = float(world.grid[-1])
    estimator = Estimator(worlds)
    whole = int(np.ceil(end))
    windows = Windows(-1.0, (whole,), end)  # from the first day to the last
    signed = estimator.of(world, windows=windows).signed[whole] * (DAYS_PER_YEAR / end)
    kinds = world.ladder.security
    return WorldAtStart(
        scenario=scenario,
        codes=world.codes,
        first=world.first,
        second=world.second,
        fear=feared(view)[0],
        depth=view.depth[0],
        insecurity=view.insecurity[0],
        listed=tuple(worlds.classes.list_of[code] for code in world.codes),
        direction=worlds.baseline.direction,
        security=signed[:, kinds].sum(axis=1),
        declarations=signed[:, ~kinds].sum(axis=1),
        why_nothing=tuple(why_nothing(worlds, signed[:, kinds])),
    )


def why_nothing(worlds: Worlds, signed: Floats) -> Iterator[str]:
    """Reasons why no counter-balancing security agreement, or no effect on any, can be
    seen.

    signed: (P, K) expected new security agreements a year by kind."""
    world, scenario = worlds.reference, worlds.scenario
    kinds = np.flatnonzero(world.ladder.security)
    if not len(kinds):
        yield "no kind of agreement is a security agreement: set `security: true` on one of `kinds`"
    counter = worlds.baseline.direction == COUNTER
    if not counter.any():
        yield _no_dyad(worlds)
    elif len(kinds):
        yield from _too_late(worlds, kinds)
        if 0.0 < signed[counter].sum() < HARDLY:
            yield (
                f"{signed[counter].sum():.2g} counter-balancing security agreements a year are expected: "
                "state a `base_rate` of agreements a year, or raise the intercepts or the `ceiling` of the kinds"
            )
    if all(weight == 0 for weight in world.rules.weights.values()):
        yield (
            "all weights of the theory are 0: states decide without looking, and no event can change what they "
            "sign; give `theory.weights`, or take another preset"
        )
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    if focal.visibility == 0:
        yield f"`events.{focal.id}.visibility` is 0: nobody sees the focal event, and its effect is 0 by construction"
    elif all(
        one.attention.get(focal.kind, one.attention["default"]) == 0
        for one in scenario.audiences.values()
    ):
        yield f"no audience heeds events of kind `{focal.kind}`: the focal event's effect is 0 by construction"
    else:
        yield from _without_lever(worlds, focal)


def _without_lever(worlds: Worlds, focal: Event) -> Iterator[str]:
    """Why the focal event can change nothing: it shows no two states together and
    threatens no target."""
    world, scenario = worlds.reference, worlds.scenario
    kind, name = scenario.event_kinds[focal.kind], f"events.{focal.id}"
    if focal.accord is not None:
        yield f"`{name}` is the signature of `{focal.accord}`, which is in the table: it adds no evidence of its own"
        return
    if kind.alignment == kind.intent == kind.reliability == 0:
        yield f"events of kind `{focal.kind}` say nothing: all weights of `event_kinds.{focal.kind}` are 0"
        return
    acting, guests, targets = (
        [code for code in of if code in world.codes]
        for of in (focal.principals, focal.guests, focal.targets)
    )
    aimed = [code for code in targets if code not in (*acting, *guests)]
    if kind.reliability or (aimed and acting and kind.intent):
        return
    if focal.sign and kind.alignment and (len(acting) > 1 or (acting and guests)):
        return
    nobody = f"it is aimed at nobody (`{name}.targets`)"
    if focal.targets and kind.intent:
        nobody = f"none of its targets is a state of the scenario that takes no part in it (`{name}.targets`)"
    elif not kind.intent:
        nobody = f"acts of kind `{focal.kind}` threaten nobody (`event_kinds.{focal.kind}.intent`)"
    yield f"the focal event changes nothing: {nobody}, and it shows nobody together"


def _no_dyad(worlds: Worlds) -> str:
    """Why no dyad is counter-balancing."""
    world, classes = worlds.reference, worlds.classes
    outside = [
        i for i, code in enumerate(world.codes) if code not in classes.participants
    ]
    if len(outside) < 2:
        few = "1 state takes no part in" if outside else "every state takes part in"
        return f"{few} the focal event: no dyad can count"
    inside = tuple(
        world.codes.index(code) for code in classes.participants if code in world.codes
    )
    view = perceive(world, at_start(world), step_before(world))
    share, aligned = fear_of(view, inside)[0], aligned_with(view, inside)[0]
    free = [i for i in outside if not aligned[i]]
    if not free:
        return "no dyad is counter-balancing: every state outside is aligned with a participant"
    if len(classes.threatened) == 1 and not classes.wary:
        return (
            f"no dyad is counter-balancing: {classes.threatened[0]} alone fears the participants, and no other state "
            f"for a quarter of `parameters.tau`, {world.rules.tau / 4:g}, of its balance of threat"
        )
    most = max(free, key=lambda i: (share[i], world.codes[i]))
    return (
        f"no dyad is counter-balancing: no state outside that is not aligned with a participant fears them for more "
        f"than {world.rules.tau:g} of its balance of threat (`parameters.tau`); the most is {share[most]:.2g}, of "
        f"{world.codes[most]}. Strength, nearness, `disputes` and `no_relations` make a state feared"
    )


def _too_late(worlds: Worlds, kinds: Ints) -> Iterator[str]:
    """Where talks that open on the day of the event are hardly ever signed by the end
    of the last window."""
    world = worlds.reference
    windows = Windows(
        world.focal_day,
        tuple(sorted(worlds.scenario.report.windows)),
        float(world.grid[-1]),
    )
    days = windows.bounds(windows.longest)[1] - world.focal_day
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    chance = signed_within(
        np.asarray(days), ladder.talks_shape[kinds], ladder.talks_days[kinds], collapse
    )
    best = kinds[int(np.argmax(chance))]
    if float(chance.max()) < HARDLY:
        yield (
            f"the horizon is too short: {days:g} days after the focal event talks on "
            f"{ladder.names[best]}, the fastest, are signed with probability {float(chance.max()):.2g}; "
            "put `end`, or a window of `report.windows`, later"
        )
