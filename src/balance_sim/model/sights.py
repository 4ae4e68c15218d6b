"""What players see in a step, and whether what their policies wait for holds.

Of others a player knows what its own audience reads of them; what they feel and arm
themselves is known. Values (R,) of R replications.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from balance_sim.model import threat
from balance_sim.model.core import NEVER, Bools, Floats, Ints, Policies, World
from balance_sim.model.perception import View
from balance_sim.model.policies import YEAR
from balance_sim.model.state import BlockState
from balance_sim.scenario.conditions import (
    Comparison,
    Condition,
    Joined,
    Lasting,
    Observable,
    lasting_in,
    observables_in,
)

SIGNS: dict[str, Callable[[Floats, Floats], Bools]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Sight:
    """What the player of a policy sees at the beginning of a step.

    given: (P,) security agreements that changes have signed, where no row of the
    state's holds them."""

    world: World
    state: BlockState
    view: View
    policies: Policies
    k: int
    given: Ints | None = None

    @property
    def i(self) -> int:
        """The player's own state."""
        return int(self.policies.state[self.k])

    @property
    def day(self) -> float:
        """On which the step begins."""
        return float(self.world.grid[self.view.step])

    def named(self, who: str) -> Ints:
        """Positions of those whom a name stands for, all if empty; without the player
        itself."""
        states = self.policies.groups[self.k].get(who, np.arange(self.world.n))
        return np.asarray(states[states != self.i])

    def dyads(self, who: str) -> Ints:
        """Of the player and a state, or among the members of a group."""
        states = self.policies.groups[self.k][who]
        is_one = len(states) == 1 and self.world.codes[int(states[0])] == who
        members = np.append(states, self.i) if is_one else states
        pairs = self.world.dyad_index[np.ix_(members, members)]
        return np.unique(pairs[pairs >= 0])

    def mean(self, values: Floats, who: str) -> Floats:
        """(R,) of the player, or the mean of others. values: (R, n)."""
        return values[:, self.named(who)].mean(axis=1) if who else values[:, self.i]

    def of(self, seen: Observable) -> Floats:
        """(R,) an observable."""
        value = np.asarray(SEEN[seen.name](self, seen.who), dtype=float)
        if seen.change:
            value = value - self.at_start(seen.name, seen.who)
        return np.broadcast_to(value, len(self.state.runs))

    def at_start(self, name: str, who: str) -> float:
        """What an observable was at the start of the control arm."""
        return self.policies.at_start[self.k][Observable(name, who)]


def insecurity(sight: Sight, who: str) -> Floats:
    """g, 0..1: of the player, or the mean of what others feel themselves."""
    return sight.mean(sight.view.insecurity, who)


def effort(sight: Sight, who: str) -> Floats:
    """Rise of capability since the start, as a share of it; of others their mean."""
    return sight.mean(sight.state.effort, who)


def threats(sight: Sight, who: str) -> Floats:
    """Theta_i, capability shares: threat to the player, or what some adversaries and
    those that would lend to them could bring (`threat.by_several`)."""
    view, i = sight.view, sight.i
    if not who:
        return view.total[:, i]
    audience, others = int(view.world.audience[i]), sight.named(who)
    lend = view.world.rules.beta * view.read(audience, others)
    lend[:, np.arange(len(others)), others] = 0.0
    hostility = np.zeros_like(view.total)
    hostility[:, others] = view.hostility[:, i, others]
    lent = (view.hostility[:, i, others, None] * lend).sum(axis=1)
    own_reading = view.read(audience, np.array([i]))[:, 0]
    free = threat.unallied(view.depth[:, i], own_reading)
    against = threat.unopposed(hostility, free, lent)
    return threat.row_sums(threat.threat(view.world.offensive[i], against))


def alarm(sight: Sight, who: str) -> Floats:
    """ln((threat + s) / (threat at the start + s)), s the floor of alarm."""
    first = np.array(sight.at_start("threat", who))
    return threat.alarm(threats(sight, who), first, sight.world.rules.alarm_floor)


def hostility(sight: Sight, who: str) -> Floats:
    """L, nats above a stranger's, as the player sees it; the mean of several."""
    intent = sight.view.hostility[:, sight.i, sight.named(who)]
    return -np.log(np.maximum(1.0 - intent, np.finfo(np.float64).tiny)).mean(axis=1)


def alignment(sight: Sight, who: str) -> Floats:
    """a, 0..1: that the player and another side with each other, as its own audience
    reads it; the mean of several."""
    audience = int(sight.world.audience[sight.i])
    read = sight.view.read(audience, np.array([sight.i]))[:, 0]
    return read[:, sight.named(who)].mean(axis=1)


def agreements(sight: Sight, who: str) -> Floats:
    """Security agreements in force: with a state, or among the members of a group."""
    in_force = sight.state.in_force[:, sight.dyads(who)]
    counts = in_force[..., sight.world.ladder.security].sum(axis=(1, 2))
    return np.asarray(counts, dtype=float)


def new_agreements(sight: Sight, who: str) -> Floats:
    """The same, signed since the start, in force or not."""
    dyads, rows, world = sight.dyads(who), sight.state.agreements, sight.world
    signed = (rows.signed >= 0.0) & (rows.signed <= sight.day)
    signed &= np.isin(rows.dyad, dyads) & world.ladder.security[rows.kind]
    count = np.bincount(rows.run[signed], minlength=len(sight.state.runs))
    signed_by_change = 0 if sight.given is None else sight.given[dyads].sum()
    return np.asarray(count + signed_by_change, dtype=float)


def acts(sight: Sight, who: str) -> Floats:
    """Acts at the player in the last 365 days that made it think worse of who committed
    them: dated events of the arm, and acts of policies."""
    world, policies, others = sight.world, sight.policies, sight.named(who)
    since, i = sight.day - YEAR, sight.i
    number = np.zeros(len(sight.state.runs))
    if world.dated_acts is not None:
        dated = world.dated_acts
        counts = (since < dated.day) & (dated.day <= sight.day) & (dated.target == i)
        number += np.count_nonzero(counts & np.isin(dated.actor, others))
    if sight.state.enacted is not None:
        place = policies.place_column[i * world.n + policies.state]
        nats = np.append(policies.aimed, np.zeros((len(place), 1)), axis=1)
        hostile = nats[np.arange(len(place)), place] > 0
        by_others = np.flatnonzero(hostile & np.isin(policies.state, others))
        number += sight.state.enacted.within(since, sight.day)[:, by_others].sum(axis=1)
    return number


def done(sight: Sight, _: str) -> Floats:
    """Acts of the policy itself in the last 365 days."""
    enacted = sight.state.enacted
    assert enacted is not None
    count = enacted.within(sight.day - YEAR, sight.day)[:, sight.k]
    return np.asarray(count, dtype=float)


def day(sight: Sight, _: str) -> Floats:
    """Days since the start."""
    return np.array(sight.day)


SEEN: dict[str, Callable[[Sight, str], Floats]] = {
    "insecurity": insecurity,
    "effort": effort,
    "threat": threats,
    "alarm": alarm,
    "acts": acts,
    "hostility": hostility,
    "alignment": alignment,
    "agreements": agreements,
    "new_agreements": new_agreements,
    "done": done,
    "day": day,
}
"""What each observable of `conditions.OBSERVABLES` is."""


def look(
    world: World, state: BlockState, view: View, given: Ints | None = None
) -> None:
    """Policies whose condition holds in what their states see are due after their
    delay, those that are due already and those that have acted often enough left out.
    given: as in `Sight`."""
    policies, enacted = world.policies, state.enacted
    if policies is None or enacted is None:
        return
    enacted, count, column = enacted.copy(), enacted.count, 0
    for k, condition in enumerate(policies.conditions):
        last = column + lasting_in(condition)
        sight = Sight(world, state, view, policies, k, given)
        holds = _holds(condition, sight, enacted.since, iter(range(column, last)))
        starts = (
            holds & np.isinf(enacted.due[:, k]) & (count[:, k] < policies.at_most[k])
        )
        enacted.due[starts, k] = sight.day + policies.delay[k]
        column = last
    state.enacted = enacted


def seen_of(world: World, state: BlockState, view: View, k: int) -> dict[str, float]:
    """What a policy's condition speaks of, as its player sees it in a first
    replication."""
    assert world.policies is not None
    sight = Sight(world, state, view, world.policies, k)
    observables = dict.fromkeys(observables_in(world.policies.conditions[k]))
    return {
        str(observable): float(sight.of(observable)[0]) for observable in observables
    }


def _holds(
    condition: Condition, sight: Sight, since: Floats, columns: Iterator[int]
) -> Bools:
    """(R,) whether a condition holds. since: (R, F) days since which parts that have to
    last hold, brought up to date; columns: of those, from left to right."""
    if isinstance(condition, Comparison):
        value, bound = (
            sight.of(side) if isinstance(side, Observable) else np.array(side)
            for side in (condition.left, condition.right)
        )
        holds = SIGNS[condition.sign](value, bound)
        return np.broadcast_to(holds, len(sight.state.runs))
    if isinstance(condition, Joined):
        truths = [_holds(part, sight, since, columns) for part in condition.of]
        join = np.logical_and if condition.all else np.logical_or
        return np.asarray(join.reduce(truths))
    if isinstance(condition, Lasting):
        column = next(columns)
        holds = _holds(condition.of, sight, since, columns)
        begun = np.minimum(since[:, column], sight.day)
        since[:, column] = np.where(holds, begun, NEVER)
        return np.asarray(sight.day - since[:, column] >= condition.days)
    return np.asarray(~_holds(condition.of, sight, since, columns))


def with_start(
    policies: Policies, world: World, state: BlockState, view: View
) -> Policies:
    """The policies with what their observables were at the start of the control arm,
    whose world, state and view these are."""
    at_start = []
    for k, condition in enumerate(policies.conditions):
        sight = Sight(world, state, view, policies, k)
        plain = {
            Observable(
                "threat" if observable.name == "alarm" else observable.name,
                observable.who,
            )
            for observable in observables_in(condition)
            if observable.change or observable.name == "alarm"
        }
        at_start.append(
            {observable: float(sight.of(observable)[0]) for observable in plain}
        )
    return replace(policies, at_start=tuple(at_start))
