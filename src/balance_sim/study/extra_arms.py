"""Arms that only measures of mechanisms need: the event at other visibilities and tensions, placebos, calm.

They are lived by every fourth run, on the same grid and with the same occasions and random numbers as the
scenario's own arms. A placebo is the same event with other states in its principals' place, or on another
date; neither depends on the seed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds, directions, threatened_by
from balance_sim.model.core import World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.margins import most_willing
from balance_sim.model.news import members
from balance_sim.model.world import by_audience, compile_world
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.cast import Cast, cast_of, focal_cast

VISIBILITIES = (0.25, 0.5, 0.75)
TENSIONS = (0.5, 2.0)
RATES = (0.0, 2.0)
PLACEBOS = 8
DATES = 3
BEFORE = ".reference"  # ends the name of the row that an extra row is measured against
READ = (  # beginnings of the names of the outcomes that mechanisms read of extra arms
    "accords_counter_",
    "accords_other_",
    "alignment_participants_",
    "credibility_host_",
    "drawn_in_outside_host_",
    "hostility_outside_host_",
    "influence_",
    "insecurity_host_",
    "neutrality_gap_host_",
    "relations_",
    "room_host_",
)


@dataclass(frozen=True)
class Row:
    """One row a run of the outcomes: an arm lived, seen with a cast's eyes, and the arm that is its twin."""

    name: str
    lived: str
    cast: str
    against: str


@dataclass(frozen=True)
class ExtraArms:
    """Arrays, casts and rows of the extra arms. `worlds` holds the scenario's reference arm too."""

    worlds: Worlds
    casts: Mapping[str, Cast]
    rows: tuple[Row, ...]

    @property
    def needed(self) -> dict[str, frozenset[str]]:
        """The casts whose eyes each arm is seen with."""
        return {arm: frozenset(row.cast for row in self.rows if row.lived == arm) for arm in self.worlds.arms}

    @property
    def lived(self) -> tuple[str, ...]:
        """What has to be lived."""
        return tuple(sorted(self.worlds.arms))


@dataclass(frozen=True)
class _Plan:
    """An extra arm before it is compiled. against: None for the reference arm itself."""

    name: str
    version: Scenario
    of: str  # the arm it was made from
    cast: str = "focal"
    against: str | None = None


def extra_arms(worlds: Worlds, headline: str | None) -> ExtraArms | None:
    """The extra arms of a scenario; None without an arm beside the reference, or without the event in it."""
    plans, casts = _planned(worlds, headline)
    if not plans:
        return None
    world, reference = worlds.reference, worlds.scenario.reference_arm
    arms = {reference: world}
    for plan in plans:
        compiled = compile_world(plan.version, plan.name, world.grid, world.focal_day)
        arms[plan.name] = replace(compiled, ladder=worlds.arms[plan.of].ladder)
    bounds = [worlds.most, *(most_willing(arm, worlds.baseline) for arm in arms.values())]
    most: npt.NDArray[np.float64] = np.max(np.stack(bounds), axis=0)
    rows = []
    for plan in plans:
        against = plan.against or reference
        rows.append(Row(plan.name, plan.name, plan.cast, against))
        if plan.against is None and plan.cast != "focal":
            rows.append(Row(plan.name + BEFORE, reference, plan.cast, reference))
    return ExtraArms(replace(worlds, arms=arms, most=most), casts, tuple(rows))


def lives_of_a_run(worlds: Worlds, headline: str | None) -> int:
    """How many lives a run has in the extra arms, their reference among them; compiles none.

    worlds: of the reference arm at least."""
    plans, _ = _planned(worlds, headline)
    return 1 + len(plans) if plans else 0


def _planned(worlds: Worlds, headline: str | None) -> tuple[list[_Plan], dict[str, Cast]]:
    scenario, reference = worlds.scenario, worlds.scenario.reference_arm
    if headline is None:
        return [], {}
    with_event = by_audience(arm_scenario(scenario, headline))
    without = by_audience(arm_scenario(scenario, reference))
    focal = next((event for event in with_event.events if event.id == scenario.focal), None)
    if focal is None:
        return [], {}
    casts = {"focal": focal_cast(worlds)}
    partners = {worlds.reference.codes[i] for i in worlds.participants} - {focal.host}
    plans = [
        *_seen_less(with_event, focal, headline),
        *_tenser(with_event, without, headline),
        *_provoked(with_event, without, headline, partners),
        *_other_states(worlds, without, focal, casts),
        *_other_dates(worlds, without, focal, casts),
    ]
    return plans, casts


def _with_event(scenario: Scenario, event: Event) -> Scenario:
    events = [one for one in scenario.events if one.id != event.id]
    return scenario.model_copy(
        update={"events": tuple(sorted([*events, event], key=lambda one: (one.date, one.id)))}
    )


def _seen_less(with_event: Scenario, focal: Event, headline: str) -> list[_Plan]:
    return [
        _Plan(
            f"extra.seen_{round(100 * level)}",
            _with_event(with_event, focal.model_copy(update={"visibility": focal.visibility * level})),
            headline,
        )
        for level in VISIBILITIES
    ]


def _tenser(with_event: Scenario, without: Scenario, headline: str) -> list[_Plan]:
    """Both arms at other initial tensions; none where no evidence on intent is dated before the start."""
    if not any(
        one.date < without.start and one.targets and without.event_kinds[one.kind].intent
        for one in without.events
    ):
        return []
    return [
        plan
        for factor in TENSIONS
        for plan in _both(
            f"extra.tension_{round(100 * factor)}",
            headline,
            *(
                one.model_copy(
                    update={
                        "parameters": one.parameters.model_copy(
                            update={"prior_tension": one.parameters.prior_tension * factor}
                        )
                    }
                )
                for one in (with_event, without)
            ),
        )
    ]


def _provoked(
    with_event: Scenario, without: Scenario, headline: str, partners: Collection[str | None]
) -> list[_Plan]:
    """Both arms without the partners' provocations, and with twice their rate; none where there are none."""
    if not any(one.rate > 0 and one.state in partners for one in without.provocations):
        return []
    return [
        plan
        for factor in RATES
        for plan in _both(
            f"extra.provoked_{round(100 * factor)}",
            headline,
            *(
                one.model_copy(
                    update={
                        "provocations": tuple(
                            act.model_copy(update={"rate": act.rate * factor})
                            if act.state in partners
                            else act
                            for act in one.provocations
                        )
                    }
                )
                for one in (with_event, without)
            ),
        )
    ]


def _both(name: str, headline: str, with_event: Scenario, without: Scenario) -> list[_Plan]:
    reference = without.reference_arm
    return [
        _Plan(name, with_event, headline, against=name + BEFORE),
        _Plan(name + BEFORE, without, reference, against=name + BEFORE),
    ]


def _other_states(worlds: Worlds, without: Scenario, focal: Event, casts: dict[str, Cast]) -> list[_Plan]:
    """The focal event with as many other states, drawn by key, in the place of its principals."""
    world = worlds.reference
    roster = {code: i for i, code in enumerate(world.codes)}
    real = sorted(worlds.participants, key=lambda i: (world.codes[i] != focal.host, world.codes[i]))
    others = [i for i in range(world.n) if i not in real]
    if len(others) <= len(real):
        return []
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    before = perceive(world, state, max(int(np.searchsorted(world.grid, world.focal_day)) - 1, 0))
    plans: list[_Plan] = []
    known: set[tuple[int, ...]] = set()
    for number in range(1, PLACEBOS + 1):
        trio = tuple(drawn(world, others, number)[: len(real)])
        if tuple(sorted(trio)) in known:
            continue
        known.add(tuple(sorted(trio)))
        codes = tuple(world.codes[i] for i in trio)
        host = codes[0] if focal.host in [world.codes[i] for i in real] else focal.host
        targets = [world.codes[i] for i in members(focal.targets, without.groups, roster) if i not in trio]
        guests = [world.codes[i] for i in members(focal.guests, without.groups, roster) if i not in trio]
        event = focal.model_copy(
            update={
                "principals": codes,
                "host": host,
                "targets": tuple(sorted(targets)),
                "guests": tuple(sorted(guests)),
            }
        )
        threatened = threatened_by(before, trio, world.rules.tau)[0]
        name = f"extra.states_{number}"
        direction = directions(world, threatened, trio)
        casts[name] = cast_of(worlds, event, world.focal_day, threatened, direction)
        plans.append(_Plan(name, _with_event(without, event), without.reference_arm, cast=name))
    return plans


def drawn(world: World, states: list[int], number: int) -> list[int]:
    """States in an order drawn by key: the same whatever the seed, the roster's order, or other draws."""
    key = clocks.absorb(clocks.label("placebo"), number)
    return sorted(
        states, key=lambda i: float(clocks.uniform(clocks.absorb(key, clocks.label(world.codes[i]))))
    )


def _other_dates(worlds: Worlds, without: Scenario, focal: Event, casts: dict[str, Cast]) -> list[_Plan]:
    """The focal event on dates without an event, on boundaries of the grid so that it stays as it is."""
    world, cast = worlds.reference, casts["focal"]
    shortest = min(worlds.scenario.report.windows)
    taken = {(event.date - without.start).days for event in without.events}
    free = _free_days(world.grid, world.focal_day, world.grid[-1] - shortest, taken)
    plans: list[_Plan] = []
    for number in range(1, DATES + 1):
        wanted = world.focal_day + (world.grid[-1] - world.focal_day) * number / (DATES + 1)
        if not len(free):
            break
        day = int(free[np.argmin(np.abs(free - wanted))])
        free = free[free != day]
        name = f"extra.date_{number}"
        casts[name] = replace(cast, day=float(day))
        event = focal.model_copy(update={"date": without.start + timedelta(days=day)})
        plans.append(_Plan(name, _with_event(without, event), without.reference_arm, cast=name))
    return plans


def _free_days(
    grid: npt.NDArray[np.float64], after: float, last: float, taken: set[int]
) -> npt.NDArray[np.float64]:
    whole = grid[(grid == np.floor(grid)) & (grid > after) & (grid <= last)]
    return np.asarray(whole[~np.isin(whole, sorted(taken))])
