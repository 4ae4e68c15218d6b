"""What is frozen once, from the control arm at the start, for all arms and runs.

Classes of dyads, who is threatened and so the direction of every dyad, are fixed
earlier, from the scenario as written. Not from the version at hand: a change to its
participants, to tau or to a state would move agreements between classes in every arm
and call that an effect. docs/decisions/0015-classes-as-written.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, reduce
from threading import Lock
from typing import Any

import numpy as np
from cachetools import LRUCache, cached

from balance_sim.model import threat
from balance_sim.model.beliefs import audiences_of, members
from balance_sim.model.changes import AT_WAR
from balance_sim.model.classes import LISTS, Classes
from balance_sim.model.core import DIRECTIONS, Baseline, Bools, Floats, Ints, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.landscape import Camps, camps
from balance_sim.model.perception import View
from balance_sim.model.pipeline import under_way_on_record
from balance_sim.model.prospects import Prospects
from balance_sim.model.responses import relations
from balance_sim.model.sights import with_start
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import (
    NO_RUN,
    highest_unsided,
    most_willing,
    openness_at,
    opportunity_rate,
    rates_at_start,
    share_signed,
)
from balance_sim.model.willingness import (
    ALARM,
    AT_START,
    TERMS,
    Term,
    by_type,
    consent,
    level,
    parts_by_type,
    total,
)
from balance_sim.model.world import (
    by_audience,
    compile_with_odds,
    compile_world,
    differ_in_evidence,
    focal_day,
    shared,
    steps_alike,
    time_grid,
    with_odds,
    with_policies,
)
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.defaults import DEFAULT_PRESET, OWN, weights_under
from balance_sim.scenario.diagnostics import Mark, ScenarioError, problem
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.fingerprint import content_digest, part_key
from balance_sim.scenario.schema import Scenario, Theory

HEARING = ("audiences.", "event_kinds.")
"""Key paths by which an arm may set who heeds alike."""


def classes_of(scenario: Scenario, world: World | None = None) -> Classes:
    """The class table of the scenario as written; worked out once for each content.

    world: the scenario's own control arm where that is at hand; taken where the
    scenario is as it was written.

    >>> from balance_sim.scenario import load_scenario
    >>> table = classes_of(load_scenario("scenarios/beijing_2025.yaml"))
    >>> table.direction("AUS", "JPN")
    'counter'"""
    written = scenario.written
    if isinstance(written, Classes):
        return written
    return _fixed(written, world if written is scenario else None)


def with_classes(scenario: Scenario) -> Scenario:
    """A copy that carries the class table itself: for studies, whose workers need not
    work it out.

    Raises ValueError for states that the scenario as written does not have."""
    classes = classes_of(scenario)
    refuse_strangers(scenario.codes, classes)
    return scenario.counted_as(classes)


def refuse_strangers(codes: tuple[str, ...], classes: Classes) -> None:
    """Raises ValueError for states without a class."""
    strangers = sorted({*codes} - {*classes.list_of})
    if strangers:
        raise ValueError(
            f"no dyad of {', '.join(strangers)} has a class: not in the scenario as "
            "written. Write a file that has them, or take the changed scenario for the "
            "one as written: scenario.counted_as(None)"
        )


def sorted_into(world: World, classes: Classes) -> tuple[Bools, Ints]:
    """(n,) who is threatened, and (P,) the direction of each dyad, an index into
    DIRECTIONS, in a world's order.

    Raises ValueError for states without a class."""
    refuse_strangers(world.codes, classes)
    threatened = np.isin(world.codes, classes.threatened)
    fears = threatened | np.isin(world.codes, classes.wary)
    inside = np.isin(world.codes, classes.participants)
    first, second = world.first, world.second
    direction = np.full(len(first), DIRECTIONS.index("other"))
    has_threatened = threatened[first] | threatened[second]
    counter = fears[first] & fears[second] & has_threatened
    direction[counter] = DIRECTIONS.index("counter")
    with_participant = inside[first] | inside[second]
    direction[with_participant] = DIRECTIONS.index("with_participant")
    return threatened, direction


def versions_for(scenario: Scenario, arms: Collection[str]) -> dict[str, Scenario]:
    """The scenario as it is in these arms, and in those that move events: the grid
    needs their dates."""
    versions = {}
    for name, arm in sorted(scenario.arms.items()):
        dates = [path for path in arm.set if path.startswith("events.")]
        moves_events = any(path.endswith(".date") for path in dates)
        if name in arms or moves_events:
            versions[name] = arm_scenario(scenario, name, sealed=False)
    return versions


@cached(LRUCache(16), key=lambda scenario, _: content_digest(scenario), lock=Lock())
def _fixed(scenario: Scenario, world: World | None) -> Classes:
    """The table from the control arm, just before the focal event. world: that arm's
    arrays, if at hand."""
    if world is None:
        control = scenario.reference_arm
        versions = versions_for(scenario, (control,))
        grid = time_grid(scenario, list(versions.values()))
        world = compile_world(versions[control], control, grid, focal_day(scenario))
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    roster = {code: i for i, code in enumerate(world.codes)}

    def codes_of(names: tuple[str, ...]) -> tuple[str, ...]:
        positions = members(names, scenario.groups, roster)
        return tuple(sorted(world.codes[i] for i in positions))

    participants = tuple(members(focal.principals, scenario.groups, roster))
    state = begin(world, unfrozen(world), 0, NO_RUN)
    listed = standing(perceive(world, state, step_before(world)), participants)
    guests = focal.guests
    if not guests and focal.host:
        staged = [event for event in scenario.events if event.host == focal.host]
        same_day = [event for event in staged if event.date == focal.date]
        guests = tuple(name for event in same_day for name in event.guests)
    wars = [(row.a, row.b) for row in scenario.disputes if row.war >= AT_WAR]
    groups = sorted({*scenario.groups, *scenario.report.groups})
    audiences = scenario.audiences
    roles = Classes(
        participants=(),
        threatened=(),
        others=(),
        wary=(),
        guests=codes_of(guests),
        wars=tuple(sorted(wars)),
        groups={name: codes_of((name,)) for name in groups},
        audiences={
            name: codes_of(audiences[name].members) for name in sorted(audiences)
        },
    )
    host = focal.host if focal.host in roster else None
    return with_participants(roles, world, participants, host, listed)


def with_participants(
    table: Classes,
    world: World,
    participants: tuple[int, ...],
    host: str | None,
    listed: Ints,
) -> Classes:
    """The table with these participants, their host and the list of every state, (n,),
    in place of its own."""
    codes = np.array(world.codes)
    lists: dict[str, Any] = {
        name: tuple(sorted(codes[listed == k].tolist())) for k, name in enumerate(LISTS)
    }
    partners = [i for i in participants if world.codes[i] != host]
    by_capability = sorted((world.capability[i], i) for i in partners)
    junior = third = None
    if len(by_capability) > 1:
        junior = world.codes[by_capability[0][1]]
        third = world.codes[by_capability[-1][1]]
    return replace(table, **lists, host=host, junior=junior, third=third)


def feared(view: View) -> Floats:
    """(R, n, n) how much each state fears each other, as a share of its balance of
    threat; diagonal 0.

    Threat by adversary, A_ij: what j itself and those that would join its quarrels
    could bring. Rows may sum to more than 1, since a supplier counts for every
    adversary that it would lend to."""
    balance = np.where(view.balance > 0, view.balance, 1.0)
    share = view.adversaries / balance[..., None]
    diagonal = np.arange(share.shape[-1])
    share[:, diagonal, diagonal] = 0.0
    return np.asarray(share)


OTHER_SIDE = 0.25
"""Share of tau from which a state is wary: enough where the other side of a dyad is
threatened."""
ON_THEIR_SIDE = 0.5
"""Alignment, or depth of a treaty, above which a state is aligned with another."""


NOBODY = -1


def worth_naming(tau: float) -> float:
    """Share of a state's balance of threat above which it can be said to fear another:
    where that one alone would make it wary. Below, it counts as neither threatened nor
    wary, and who comes first follows from a vote or a distance rather than from a
    quarrel."""
    return OTHER_SIDE * tau


def most_feared(share: Floats, tau: float) -> Ints:
    """(..., n) whom each state fears most, a position; NOBODY where none is worth
    naming: it fears nobody much.

    share: (..., n, n) of the row's balance of threat, 0 on the diagonal"""
    first = np.asarray(share.argmax(axis=-1))
    return np.where(share.max(axis=-1) > worth_naming(tau), first, NOBODY)


def fear_of(view: View, participants: tuple[int, ...]) -> Floats:
    """(R, n) threat by the participants together, as a share of each state's balance; 0
    for they themselves."""
    share = view.threat_by(participants) / np.where(view.balance > 0, view.balance, 1.0)
    share[:, list(participants)] = 0.0
    return share


def aligned_with(view: View, participants: tuple[int, ...]) -> Bools:
    """(R, n) which states are aligned with a participant: more likely than not to side
    with it as they see it themselves, a_ik > 1/2, or bound by a treaty in force to lend
    it more than half of their strength."""
    bond = np.maximum(view.own, view.depth)[:, :, list(participants)]
    return np.asarray(bond.max(axis=-1, initial=0.0) > ON_THEIR_SIDE)


def standing(view: View, participants: tuple[int, ...]) -> Ints:
    """(n,) the list of each state, an index into LISTS, in the first run of a view.

    Threatened: the participants, with what others would lend them, are more than tau of
    its balance of threat; wary: more than a quarter of tau. A state that is aligned
    with one of them is neither: it would not balance against its own side."""
    share, tau = fear_of(view, participants)[0], view.world.rules.tau
    free = ~aligned_with(view, participants)[0]
    listed = np.full(len(share), LISTS.index("others"))
    listed[free & (share > OTHER_SIDE * tau)] = LISTS.index("wary")
    listed[free & (share > tau)] = LISTS.index("threatened")
    listed[list(participants)] = LISTS.index("participants")
    return listed


def step_before(world: World) -> int:
    """The last step that ends before the focal event, or the first step."""
    return max(int(np.searchsorted(world.grid, world.focal_day)) - 1, 0)


def unfrozen(world: World) -> Baseline:
    """A baseline of which nothing is known yet: all 0."""
    n, kinds, dyads = world.n, len(world.ladder.names), len(world.first)
    return Baseline(
        gain_norm=np.zeros((n, kinds)),
        insecurity=np.zeros(n),
        threat=np.zeros(n),
        unsided=np.zeros((n, n)),
        partners=np.zeros(n),
        shared=np.zeros((n, n)),
        shared_mean=0.0,
        threatened=np.zeros(n, dtype=bool),
        direction=np.zeros(dyads, dtype=np.int64),
        keen=np.zeros((dyads, 2, kinds)),
    )


@dataclass(frozen=True, repr=False)
class Worlds(OneLine):
    """Every arm of a scenario as arrays, with the frozen baseline and the upper bounds
    of consent."""

    scenario: Scenario
    arms: dict[str, World]
    baseline: Baseline
    bounds: dict[str, Floats]
    """Upper bound of willingness by arm, (n, n, M); (R, n, n, M) if drawn. Empty
    where nobody needs them."""
    classes: Classes  # of the scenario as written
    start: World
    """The control arm at whose start the level was solved, in the order of the
    reference's arrays: the reference, but where values were set."""

    @property
    def reference(self) -> World:
        return self.arms[self.scenario.reference_arm]

    @cached_property
    def most(self) -> Floats:
        """Upper bound of willingness in any arm, in the shape of `bounds`."""
        return reduce(np.maximum, self.bounds.values())

    @cached_property
    def camps(self) -> Camps:
        """The two camps just before the focal event in the control arm as `start` has
        it; where runs' camps start from."""
        world = self.start
        state = begin(world, self.baseline, 0, NO_RUN)
        view = perceive(world, state, step_before(world))
        relation = relations(view.own, view.against)[0]
        return camps((relation + relation.T) / 2.0, world.capability)


def compile_worlds(
    scenario: Scenario,
    arms: Collection[str] | None = None,
    *,
    bounded: bool = True,
) -> Worlds:
    """Arrays of some arms, the reference among them, or of all, on the grid of all and
    with one baseline. The order of the arms changes nothing.

    bounded: with upper bounds of consent, which simulations need.

    Raises ValueError for states without a class in the scenario as written."""
    names = scenario.arms if arms is None else arms
    scenario = in_one_order(scenario)
    versions = versions_for(scenario, names)
    grid, day = time_grid(scenario, list(versions.values())), focal_day(scenario)
    control = versions[scenario.reference_arm]
    others = [
        (name, versions[name])
        for name in sorted({*names} - {scenario.reference_arm})
        if _differs_in_events(versions[name], control)
    ]
    events = [version.events for _, version in others]
    reference, odds = compile_with_odds(
        control, scenario.reference_arm, grid, day, events
    )
    worlds = {scenario.reference_arm: reference}
    for name in sorted({*names} - {*worlds, *dict(others)}):
        worlds[name] = compile_world(versions[name], name, grid, day)
    leveled = scenario.level_source
    if leveled is None:
        start = start_of(reference, control)
    else:
        start = _start_as_leveled(leveled)
    for nats in start.shifts:
        worlds = _shifted(worlds, nats)
    reference = worlds[scenario.reference_arm]
    worlds |= {world.arm: world for world in with_odds(reference, others, odds)}
    worlds = dict(sorted(worlds.items()))
    classes = classes_of(scenario, reference)
    threatened, direction = sorted_into(reference, classes)
    baseline = replace(start.baseline, threatened=threatened, direction=direction)
    at_start = reference if leveled is None else start.world
    worlds = with_sights_at_start(worlds, at_start)
    bounds: dict[str, Floats] = {}
    if bounded:
        worlds = with_bounds_of_threat(worlds)
        for name, world in worlds.items():
            bounds[name] = most_willing(world, baseline)
    return Worlds(scenario, worlds, baseline, bounds, classes, at_start)


def in_one_order(scenario: Scenario) -> Scenario:
    """The scenario, states that heed alike kept apart where they do not in each arm or
    in the scenario that it has the level of, so that the arrays of all have one order.

    As it is where they have so anyway."""
    leveled = scenario.level_source
    hearing = [
        name
        for name, arm in sorted(scenario.arms.items())
        if any(path.startswith(HEARING) for path in arm.set)
    ]
    if leveled is None and not hearing:
        return scenario
    names = {*hearing, scenario.reference_arm}
    versions = [arm_scenario(scenario, name, sealed=False) for name in sorted(names)]
    if leveled is not None:
        control = leveled.reference_arm
        versions.append(arm_scenario(leveled, control, sealed=False))
    orders = {by_audience(version).codes for version in versions}
    if len(orders) == 1:
        return scenario
    together: dict[tuple[int, ...], list[str]] = {}
    readings = zip(*(audiences_of(v).of.tolist() for v in versions), strict=True)
    for code, reading in zip(scenario.codes, readings, strict=True):
        together.setdefault(reading, []).append(code)
    update: dict[str, Any] = {"together": tuple(sorted(map(tuple, together.values())))}
    if leveled is not None:
        update["leveled"] = leveled.model_copy(update=update)
    return scenario.model_copy(update=update)


def with_sights_at_start(
    worlds: dict[str, World], reference: World
) -> dict[str, World]:
    """The worlds, with what players see at the start of the arm `reference` in their
    policies; arms that have policies in common have them so still."""
    by_arm = {name: arm.policies for name, arm in worlds.items() if arm.policies}
    if not by_arm:
        return worlds
    state = begin(reference, unfrozen(reference), 0, NO_RUN)
    view = perceive(reference, state, 0)
    begun = {
        id(policies): with_start(policies, reference, state, view)
        for policies in by_arm.values()
    }
    return worlds | {
        name: with_policies(worlds[name], begun[id(policies)])
        for name, policies in by_arm.items()
    }


def compile_beside(
    version: Scenario, arm: str, grid: Floats, of: World, start: World
) -> World:
    """A world beside those of a study, of another version of its scenario: what players
    remember of the start is what they saw then.

    of: the study's world whose level it has, at the start and after each turn. start:
    `Worlds.start`."""
    world = compile_world(version, arm, grid, of.focal_day)
    turns = tuple(
        (step, replace(turned, ladder=version_of.ladder))
        for (step, turned), (_, version_of) in zip(world.turns, of.turns, strict=True)
    )
    world = replace(world, ladder=of.ladder, turns=turns)
    return with_sights_at_start({arm: world}, start)[arm]


def _differs_in_events(version: Scenario, control: Scenario) -> bool:
    """Whether an arm's version of a scenario without changes is the control arm's but
    for its events."""
    alike = (
        getattr(version, name) is getattr(control, name)
        for name in Scenario.model_fields
        if name not in {"events", "arms"}
    )
    return not version.changes and all(alike)


def with_bounds_of_threat(worlds: dict[str, World]) -> dict[str, World]:
    """The worlds with the highest threat that events and changes make, on which upper
    bounds of consent rest; as they are where no arm's states react."""
    if not any(world.rules.weights[ALARM] for world in worlds.values()):
        return worlds
    first, *others = worlds.values()
    alike = {first.arm: first.steps} | {
        world.arm: steps_alike(world, first)
        for world in others
        if differ_in_evidence(world, first)
    }
    parted = min(alike.values())
    together = highest_unsided(first, range(parted))
    bounded = {}
    for name, world in worlds.items():
        if name in alike:
            alone = highest_unsided(world, range(parted, world.steps))
            bounded[name] = _with_bound(world, np.maximum(together, alone))
        else:
            bounded[name] = _with_bound(world, highest_unsided(world))
    return bounded


def _with_bound(world: World, highest: Floats) -> World:
    """The world, and what it turns to, with the highest threat that events and changes
    make, (n, n)."""
    turns = tuple(
        (step, replace(turned, highest_unsided=highest)) for step, turned in world.turns
    )
    return replace(world, highest_unsided=highest, turns=turns)


def own_theory(theory: Theory, estimated: Mapping[str, float] | None = None) -> Theory:
    """The theory whose level all others are set to: the default preset, with weights
    that the file gives.

    Those are the weights that differ from what the preset in force says. estimated:
    weights of a calibration or a posterior."""
    preset = weights_under(theory.preset)
    weights = {**weights_under(DEFAULT_PRESET), **(estimated or {})}
    stated = theory.weights.items()
    weights |= {name: weight for name, weight in stated if weight != preset.get(name)}
    return Theory(preset=DEFAULT_PRESET, equal_hostility=None, weights=weights)


def at_one_base_rate(world: World, reference: Scenario) -> Floats:
    """(M,) nats to add to the intercepts, kind by kind, so that a theory keeps the
    scenario's own level.

    The expected rate at which talks open at the start of the control arm is that of
    `own_theory`. Theories then differ in who and when, not in how many.
    docs/decisions/0008-theories-at-one-base-rate.md. world: the control arm; reference:
    the scenario as it is there."""
    theory = own_theory(reference.theory, reference.estimated_weights)
    with_theory = reference.model_copy(update={"theory": theory})
    levels = compile_world(with_theory, world.arm, world.grid, world.focal_day)
    rates = levels.frailty * openness_at(levels, 0.0)
    wanted = rates @ freeze(levels).keen.prod(axis=1)
    dyad_weight = world.frailty * openness_at(world, 0.0)
    return shift_to(wanted, freeze(world).keen, dyad_weight)


@dataclass(frozen=True, repr=False)
class Start(OneLine):
    """How a control arm begins.

    world: the arm at its level. shifts: nats, (M,) or all alike, that its intercepts
    had added for that, one after the other. baseline: of the arm, without classes."""

    world: World
    shifts: tuple[Floats | float, ...]
    baseline: Baseline


def start_of(world: World, control: Scenario) -> Start:
    """How a control arm begins at the level that its scenario states. world: its
    arrays, of the version `control`."""
    shifts: list[Floats | float] = []
    if control.theory.preset != DEFAULT_PRESET:
        shifts.append(at_one_base_rate(world, control))
        world = _with_shift(world, shifts[0])
    nats, frozen, _ = beginning(world, control)
    if nats is not None:
        shifts.append(nats)
        world = _with_shift(world, nats)
    return Start(world, tuple(shifts), frozen)


def _start_as_leveled(scenario: Scenario) -> Start:
    """How the control arm of a scenario begins of which others have the level. The last
    few are stored, but those with code of the user's own."""
    names = (*scenario.event_kinds, *scenario.theory.weights)
    is_own = any(name.startswith(OWN) for name in names)
    return (_started if is_own else _stored_start)(scenario)


def _started(scenario: Scenario) -> Start:
    """The same, worked out."""
    control = scenario.reference_arm
    versions = versions_for(scenario, (control,))
    grid = time_grid(scenario, list(versions.values()))
    world = compile_world(versions[control], control, grid, focal_day(scenario))
    return start_of(world, versions[control])


_stored_start = cached(
    LRUCache(2),
    key=lambda scenario: (content_digest(scenario), scenario.together),
    lock=Lock(),
)(_started)


def _shifted(arms: dict[str, World], nats: Floats | float) -> dict[str, World]:
    """Worlds with so many nats, (M,) or all alike, added to their intercepts."""
    return {name: _with_shift(arm, nats) for name, arm in arms.items()}


def _with_shift(world: World, nats: Floats | float) -> World:
    """The world, and what it turns to, with so many nats added to the intercepts."""
    ladder = replace(world.ladder, intercept=world.ladder.intercept + nats)
    turns = tuple((step, _with_shift(turned, nats)) for step, turned in world.turns)
    return replace(world, ladder=ladder, turns=turns)


type Beginning = tuple[float | None, Baseline, Scenario]
"""Nats to add to all intercepts for the base rate that a scenario states, None where it
states none; and the control arm's baseline then, without classes. With the version of
the arm that both follow from, held as keys name it."""
NOT_OF_START = ("arms", "events", "folder", "leveled", "origin", "sha256")
"""What the start of an arm does not follow from; of its events it follows row by
row."""


def beginning(world: World, control: Scenario) -> Beginning:
    """How a control arm begins. The last few are stored, but those with code of the
    user's own: points that change what other arms do have them in common."""
    is_own = any(name.startswith(OWN) for name in control.event_kinds)
    return (_begun if is_own or world.own_terms else _stored)(world, control)


def _begun(world: World, control: Scenario) -> Beginning:
    """The same, worked out."""
    start, base_rate = AtFirst(world), control.base_rate
    if base_rate is None:
        return None, start.frozen(world), control
    baseline = replace(start.baseline, keen=start.keen(world))
    try:
        nats = shift_to_rate(world, baseline, base_rate)
    except ValueError as error:
        mark = Mark(control.name, 1, 1)
        raise ScenarioError([problem(mark, "base_rate", "E203", str(error))]) from None
    return nats, start.frozen(_with_shift(world, nats)), control


_stored = cached(
    LRUCache(2),
    key=lambda world, control: (
        world.grid[:2].tobytes(),
        *map(id, control.events),
        *(
            part_key(getattr(control, name))
            for name in Scenario.model_fields
            if name not in NOT_OF_START
        ),
    ),
    lock=Lock(),
)(_begun)


def shift_to(wanted: Floats, keen: Floats, weight: Floats) -> Floats:
    """(M,) nats to add to both sides' willingness so that consent of dyads, each times
    its weight, sums to what is wanted.

    wanted: (M,), below the sum of the weights; keen: (P, 2, M) probability to consent;
    weight: (P,), as frailty times openness."""
    u = _log_odds(keen)

    def enough(nats: Floats) -> Bools:
        return np.asarray(weight @ consent(u + nats).prod(axis=1) >= wanted)

    return _bisected(enough, np.zeros(keen.shape[-1]), 60)


def _log_odds(keen: Floats) -> Floats:
    """Willingness that makes a probability to consent."""
    return np.asarray(np.log(keen) - np.log1p(-np.minimum(keen, 1.0 - 1e-16)))


def _bisected(enough: Callable[[Floats], Bools], start: Floats, rounds: int) -> Floats:
    """The least shift, within 60 nats of the start, that is enough."""
    low, high = start - 60.0, start + 60.0
    for _ in range(rounds):
        middle = (low + high) / 2
        if ((middle == low) | (middle == high)).all():
            break  # no number lies between
        is_enough = enough(middle)
        low = np.where(is_enough, low, middle)
        high = np.where(is_enough, middle, high)
    return np.asarray((low + high) / 2)


def expected_a_year(
    world: World, baseline: Baseline, shift: Floats | float = 0.0
) -> float:
    """Agreements a year that dyads with nothing under way would sign at the start's
    willingness.

    shift: nats added to every state's willingness. baseline: with `keen` (P, 2, M)."""
    return SignedAYear(world, baseline)(shift)


class SignedAYear:
    """`expected_a_year` as a function of the shift alone."""

    def __init__(self, world: World, baseline: Baseline) -> None:
        self.sides = np.ascontiguousarray(baseline.keen.swapaxes(0, 1))  # (2, P, M)
        self.log_odds = _log_odds(self.sides)
        self.rate = opportunity_rate(world) * openness_at(world, 0.0)[:, None]
        self.signed = share_signed(world.ladder, world.rules.collapse_rate)

    def __call__(self, shift: Floats | float) -> float:
        consents = self.sides if shift == 0 else consent(self.log_odds + shift)
        return float((self.rate * (consents[0] * consents[1]) * self.signed).sum())

    @cached_property
    def _odds_against(self) -> Floats:
        return np.asarray(np.exp(-self.log_odds))

    def nearly(self, shift: float) -> float:
        """The same but for the last digits, by odds, which is sooner done."""
        refusing = 1.0 + self._odds_against * np.exp(-shift)
        return float((self.rate * self.signed / (refusing[0] * refusing[1])).sum())


def shift_to_rate(world: World, baseline: Baseline, wanted: float) -> float:
    """Nats to add to every intercept so that `expected_a_year` is what is wanted: the
    least within 60 that is enough, by bisection.

    Raises ValueError for more than all dyads would sign if they never refused."""
    a_year = SignedAYear(world, baseline)
    highest_rate = a_year(MOST_NATS)
    if wanted >= highest_rate:
        raise ValueError(
            f"{wanted:g} agreements a year are more than all opportunities give. Give "
            "fewer, or raise the ceilings of the kinds."
        )

    def alike(number: float) -> np.float64:
        """Nats that make so many a year where all sides are alike."""
        consent_of_side = np.sqrt(number / highest_rate)
        return np.float64(np.log(consent_of_side / (1.0 - consent_of_side)))

    root = _secant(lambda nats: alike(a_year.nearly(nats)) - alike(wanted))
    rates = cache(a_year)
    for apart in APART:
        near = apart * max(abs(root), 1.0)
        low, high = _least(lambda nats: rates(nats) >= wanted, root, near)
        if rates(low) < wanted <= rates(high):
            break
    return (low + high) / 2


def _least(
    enough: Callable[[float], bool], root: float, apart: float
) -> tuple[float, float]:
    """Two numbers that follow each other, of which bisection from MOST_NATS finds that
    the second is enough. It is asked of what lies so far from the root at most."""
    low, middle, high = -MOST_NATS, 0.0, MOST_NATS
    while low < middle < high:
        is_near = abs(middle - root) < apart
        is_enough = enough(middle) if is_near else middle > root
        low, high = (low, middle) if is_enough else (middle, high)
        middle = (low + high) / 2
    return low, high


def _secant(excess: Callable[[np.float64], np.float64]) -> float:
    """A root between MOST_NATS either way that secants lead to from 0, halving what is
    left where they lead out of it; or any number where they do not."""
    low, high = -MOST_NATS, MOST_NATS
    shift, slope = np.float64(0.0), np.float64(1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = excess(shift)
        for _ in range(MOST_SECANTS):
            low, high = (shift, high) if value < 0 else (low, shift)
            following = shift - value / slope
            if abs(following - shift) <= NEAR:
                return float(following)
            if not low < following < high:
                following = np.float64(low + high) / 2
            following_value = excess(following)
            slope = (following_value - value) / (following - shift)
            shift, value = following, following_value
    return float(shift)


MOST_NATS = 60.0
MOST_SECANTS = 30
NEAR = 1e-10
"""Nats between two secants at which their root is found, to the digits there are."""
APART = (1e-15, 1e-13, np.inf)
"""Nats from the root, or shares of it, within which bisection asks whether it is
enough; the next where rounding may reach further."""


def freeze(world: World) -> Baseline:
    """The baseline from the reference world: gain norms, insecurity and consent at the
    start. Without classes."""
    return AtFirst(world).frozen(world)


class AtFirst:
    """What the states of a world find at the start, whatever the intercepts."""

    def __init__(self, world: World) -> None:
        blank, on_record = unfrozen(world), under_way_on_record(world)
        calm = replace(world, hazards=None, pacts=None)  # nothing drawn counts yet
        state = begin(calm, blank, 0, NO_RUN, on_record)
        view = perceive(calm, state, 0)
        everyone = _all_prospects(world, blank, state, view)
        self.baseline = replace(
            blank,
            gain_norm=_gain_norms(everyone),
            insecurity=view.insecurity[0],
            threat=view.total[0].copy(),
            unsided=threat.unsided(view.total, view.sided)[0],
            partners=state.partners[0],
            shared=np.expm1(state.log_shared[0]).round(),
            shared_mean=float(state.shared_mean[0]),
        )
        self.everyone = everyone.with_baseline(self.baseline)
        self.parts = list(parts_by_type(self.everyone))
        self.first = {name: _by_dyad(self.everyone, TERMS[name]) for name in AT_START}

    def keen(self, world: World) -> Floats:
        """(P, 2, M) consent of both sides in the world, or in the same one with other
        intercepts."""
        levels = level(replace(self.everyone, world=world))
        u = total(by_type(levels, len(world.ladder.names)), self.parts)
        first, second = world.first, world.second
        sides = np.stack([first * world.n + second, second * world.n + first])
        return np.ascontiguousarray(consent(u).take(sides, axis=1).transpose(2, 1, 0))

    def frozen(self, world: World) -> Baseline:
        """The baseline of such a world."""
        keen = self.keen(world)
        frozen = replace(self.baseline, keen=keen, first=self.first)
        return replace(frozen, refusal=mean_refusal(world, keen))


def mean_refusal(world: World, keen: Floats) -> float:
    """Mean probability that a side refuses, over talks as they open at the start: what
    an elasticity of agreements has to be divided by to be one of odds.

    keen: (P, 2, M) consent of both sides. 1 where no talks open, or nobody refuses."""
    opens = rates_at_start(world, keen)
    total, agreed = opens.sum(), (opens * ((keen[:, 0] + keen[:, 1]) / 2)).sum()
    return 1.0 if agreed >= total else float(1.0 - agreed / total)


def _by_dyad(everyone: Prospects, term: Term) -> Floats:
    """A term of every state about every other, (n, n), or (n, n, M) where agreement
    types differ."""
    n = everyone.world.n
    if term.by_kind:
        return term(everyone).reshape(n, n, everyone.kinds_each)
    return term(everyone.once).reshape(n, n)


def try_terms(world: World, baseline: Baseline) -> None:
    """Compute the terms of the user's own at the start, twice. Raises ScenarioError
    where one gives what it must not, or something else the second time."""
    if world.own_terms:
        from balance_sim.model.own.terms import own_terms

        state = begin(world, baseline, 0, NO_RUN)
        everyone = _all_prospects(world, baseline, state, perceive(world, state, 0))
        for term in own_terms(world, "").values():
            term.refuse_unsteady(everyone)


def gain_norms(world: World, blank: Baseline, state: BlockState, view: View) -> Floats:
    """(n, M) mean over partners of ln(G + floor), of each state and kind, in the one
    run of `state`."""
    return _gain_norms(_all_prospects(world, blank, state, view))


def _gain_norms(everyone: Prospects) -> Floats:
    n = everyone.world.n
    log_gain = everyone.log_gain.reshape(n, n, -1).copy()
    log_gain[np.arange(n), np.arange(n)] = 0.0
    return np.asarray(log_gain.sum(axis=1) / (n - 1))


def _all_prospects(
    world: World, baseline: Baseline, state: BlockState, view: View
) -> Prospects:
    kinds = len(world.ladder.names)
    places = _all_places(world.n, kinds)
    return Prospects(world, baseline, view, state, *places, kinds_each=kinds)


@lru_cache(4)
def _all_places(n: int, kinds: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Run, ego, alter and type of all prospects, (n * n * kinds,) each."""
    ego, alter, kind = np.indices((n, n, kinds)).reshape(3, -1)
    return shared(np.zeros_like(ego)), shared(ego), shared(alter), shared(kind)
