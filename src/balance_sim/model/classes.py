"""Who is threatened, and so the direction of every dyad: fixed once, from the scenario as written.

Not from the version at hand: a change to its participants, to tau or to a state would move agreements between classes
in every arm and call that an effect. docs/decisions/0015-classes-as-written.md."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from threading import Lock

import numpy as np
from cachetools import LRUCache, cached

from balance_sim.model.core import DIRECTIONS, Baseline, Bools, Floats, Ints, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.news import members
from balance_sim.model.perception import View
from balance_sim.model.world import compile_world, focal_day, time_grid
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.fingerprint import LISTS, Classes, content_digest
from balance_sim.scenario.schema import Scenario

AT_WAR = 0.5
"""Intensity of a dispute's war from which its two states count as being at war."""


def classes_of(scenario: Scenario, world: World | None = None) -> Classes:
    """The class table of the scenario as written; worked out once for each content.

    world: the scenario's own control arm where that is at hand; taken where the scenario is as it was written.

    >>> classes_of(load_scenario("scenarios/beijing_2025.yaml")).direction("AUS", "JPN")  # doctest: +SKIP
    'counter'"""
    written = scenario.written
    return written if isinstance(written, Classes) else _fixed(written, world if written is scenario else None)


def with_classes(scenario: Scenario) -> Scenario:
    """A copy that carries the class table itself: for studies, whose workers need not work it out.

    Raises ValueError for states that the scenario as written does not have."""
    classes = classes_of(scenario)
    refuse_strangers(scenario.codes, classes)
    return scenario.counted_as(classes)


def refuse_strangers(codes: tuple[str, ...], classes: Classes) -> None:
    """Raises ValueError for states without a class."""
    strangers = sorted({*codes} - {*classes.list_of})
    if strangers:
        raise ValueError(
            f"no dyad of {', '.join(strangers)} has a class: not in the scenario as written. Write a file that has "
            "them, or take the changed scenario for the one as written: scenario.counted_as(None)"
        )


def sorted_into(world: World, classes: Classes) -> tuple[Bools, Ints]:
    """(n,) who is threatened, and (P,) the direction of each dyad, an index into DIRECTIONS, in a world's order.

    Raises ValueError for states without a class."""
    refuse_strangers(world.codes, classes)
    threatened = np.isin(world.codes, classes.threatened)
    inside = np.isin(world.codes, classes.participants)
    fears = threatened | np.isin(world.codes, classes.wary)
    first, second = world.first, world.second
    with_participant = inside[first] | inside[second]
    counter = ~with_participant & fears[first] & fears[second] & (threatened[first] | threatened[second])
    names = [DIRECTIONS.index(name) for name in ("with_participant", "counter", "other")]
    return threatened, np.where(with_participant, names[0], np.where(counter, names[1], names[2]))


def versions_for(scenario: Scenario, arms: Collection[str]) -> dict[str, Scenario]:
    """The scenario as it is in these arms, and in those that move events: the grid needs their dates."""
    return {
        name: arm_scenario(scenario, name, sealed=False)
        for name, arm in sorted(scenario.arms.items())
        if name in arms or any(path.startswith("events.") and path.endswith(".date") for path in arm.set)
    }


@cached(LRUCache(16), key=lambda scenario, _: content_digest(scenario), lock=Lock())
def _fixed(scenario: Scenario, world: World | None) -> Classes:
    """The table from the control arm, just before the focal event. world: that arm's arrays, if at hand."""
    if world is None:
        control = scenario.reference_arm
        versions = versions_for(scenario, (control,))
        grid = time_grid(scenario, list(versions.values()))
        world = compile_world(versions[control], control, grid, focal_day(scenario))
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    roster = {code: i for i, code in enumerate(world.codes)}

    def who(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(world.codes[i] for i in members(names, scenario.groups, roster)))

    participants = tuple(members(focal.principals, scenario.groups, roster))
    state = begin(world, unfrozen(world), 0, np.zeros(1, dtype=np.uint64))
    listed = standing(perceive(world, state, step_before(world)), participants)
    events = scenario.events
    same_day = [one for one in events if one.date == focal.date and one.host == focal.host and one.host]
    roles = Classes(
        participants=(),
        threatened=(),
        others=(),
        wary=(),
        guests=who(focal.guests or tuple(name for one in same_day for name in one.guests)),
        wars=tuple(sorted((row.a, row.b) for row in scenario.disputes if row.war >= AT_WAR)),
        groups={name: who((name,)) for name in sorted({*scenario.groups, *scenario.report.groups})},
        audiences={name: who(scenario.audiences[name].members) for name in sorted(scenario.audiences)},
    )
    return with_participants(roles, world, participants, focal.host if focal.host in roster else None, listed)


def with_participants(
    table: Classes, world: World, participants: tuple[int, ...], host: str | None, listed: Ints
) -> Classes:
    """The table with these participants, their host and the list of every state, (n,), in place of its own."""
    codes = np.array(world.codes)
    lists = {name: tuple(sorted(codes[listed == k].tolist())) for k, name in enumerate(LISTS)}
    beside = sorted((world.capability[i], i) for i in participants if world.codes[i] != host)
    junior, third = (world.codes[beside[at][1]] if len(beside) > 1 else None for at in (0, -1))
    return replace(table, **lists, host=host, junior=junior, third=third)  # type: ignore[arg-type]


def feared(view: View) -> Floats:
    """(R, n, n) how much each state fears each other, as a share of its balance of threat; diagonal 0.

    Threat by adversary, A_ij: what j itself and those that would join its quarrels could bring. Rows may sum to more
    than 1, since a supplier counts for every adversary that it would lend to."""
    share = view.adversaries / np.where(view.balance > 0, view.balance, 1.0)[..., None]
    here = np.arange(share.shape[-1])
    share[:, here, here] = 0.0
    return np.asarray(share)


OTHER_SIDE = 0.25
"""Share of tau from which a state is wary: enough where the other side of a dyad is threatened."""
ON_THEIR_SIDE = 0.5
"""Alignment, or depth of a treaty, above which a state is aligned with another."""


def fear_of(view: View, participants: tuple[int, ...]) -> Floats:
    """(R, n) threat by the participants together, as a share of each state's balance; 0 for they themselves."""
    share = view.threat_by(participants) / np.where(view.balance > 0, view.balance, 1.0)
    share[:, list(participants)] = 0.0
    return share


def aligned_with(view: View, participants: tuple[int, ...]) -> Bools:
    """(R, n) which states are aligned with a participant: more likely than not to side with it as they see it
    themselves, a_ik > 1/2, or bound by a treaty in force to lend it more than half of their strength."""
    bond = np.maximum(view.own, view.depth)[:, :, list(participants)]
    return np.asarray(bond.max(axis=-1, initial=0.0) > ON_THEIR_SIDE)


def standing(view: View, participants: tuple[int, ...]) -> Ints:
    """(n,) the list of each state, an index into LISTS, in the first run of a view.

    Threatened: the participants, with what others would lend them, are more than tau of its balance of threat; wary:
    more than a quarter of tau. A state that is aligned with one of them is neither: it would not balance against
    its own side."""
    share, tau = fear_of(view, participants)[0], view.world.rules.tau
    free = ~aligned_with(view, participants)[0]
    out = np.full(len(share), LISTS.index("others"))
    out[free & (share > OTHER_SIDE * tau)] = LISTS.index("wary")
    out[free & (share > tau)] = LISTS.index("threatened")
    out[list(participants)] = LISTS.index("participants")
    return out


def step_before(world: World) -> int:
    """The last step that ends before the focal event, or the first step."""
    return max(int(np.searchsorted(world.grid, world.focal_day)) - 1, 0)


def unfrozen(world: World) -> Baseline:
    """A baseline of which nothing is known yet: all 0."""
    n, kinds, pairs = world.n, len(world.ladder.names), len(world.first)
    return Baseline(
        gain_norm=np.zeros((n, kinds)),
        insecurity=np.zeros(n),
        partners=np.zeros(n),
        shared=np.zeros((n, n)),
        shared_mean=0.0,
        threatened=np.zeros(n, dtype=bool),
        direction=np.zeros(pairs, dtype=np.int64),
        keen=np.zeros((pairs, 2, kinds)),
        talks=np.zeros(n),
        signs=np.zeros((pairs, kinds)),
    )
