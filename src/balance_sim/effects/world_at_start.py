"""The world of a scenario before anything happens in it: who is feared, what can count,
and how much is expected by the expected estimator. What `balance-sim check` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balance_sim.effects.expected import Estimator
from balance_sim.effects.why_nothing import why_nothing
from balance_sim.model.baseline import (
    ON_THEIR_SIDE,
    OTHER_SIDE,
    Worlds,
    aligned_with,
    compile_worlds,
    fear_of,
    feared,
    step_before,
)
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, Floats, Ints
from balance_sim.model.engine import perceive
from balance_sim.model.threat import over
from balance_sim.scenario.errors import OneLine, plain_data
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.scenario.reading import Finding
from balance_sim.scenario.schema import Scenario
from balance_sim.study.filtered import Windows
from balance_sim.study.spans import at_start


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
            most_feared_first = np.lexsort((self.codes, -self.fear[i]))
            adversaries = [
                {
                    "id": self.codes[j],
                    "share": self.fear[i, j],
                    "depth": self.depth[i, j],
                }
                for j in most_feared_first.tolist()
                if j != i
            ]
            state: dict[str, Any] = {"id": self.codes[i], "list": self.listed[i]}
            state |= {"insecurity": self.insecurity[i], "adversaries": adversaries}
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
    return WorldAtStart(
        scenario=scenario,
        codes=world.codes,
        first=world.first,
        second=world.second,
        fear=feared(view)[0],
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
