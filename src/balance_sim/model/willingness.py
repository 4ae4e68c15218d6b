"""Why a state would sign: named terms, each one function with its paper, and their sum.

To add a rule write one function here, under `@term`, one row of its weight in
`scenario/defaults.yaml`, and one row of the table in docs/model.md. A term looks at
prospects: a replication, ego (who decides), alter (with whom), kind (what). It returns
(C,) nats before its weight. Its bounds hold for every view that can arise while a
replication keeps within the margins; a test holds every term to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np

from balance_sim.model import threat
from balance_sim.model.core import Floats, World
from balance_sim.model.perception import of_run
from balance_sim.model.policies import stance
from balance_sim.model.prospects import Extremes, Prospects
from balance_sim.model.threat import over

Bounds = tuple[Floats, Floats]
ZERO, ONE = np.zeros(()), np.ones(())
SMALLEST = 1e-7  # capability share that a state without any counts as having
DISPUTES = ("rivalry", "claim", "militarised", "war")
STEADY = ("facts", "network")
"""What terms read that looks neither at beliefs nor at the date."""


@dataclass(frozen=True)
class Term:
    """A term of willingness, built in or the user's own: a function of prospects, and
    what others need to know of it.

    bounds: the least and the most that it can be, broadcast to (n, n, M). group: of
    `explain`; "" for facts of the world, which no event changes. reads: facts of the
    states, also the network of agreements, also the date, also beliefs. by_kind: it
    differs between agreement types, by the depth promised. at_start: its value at the
    start counts all along, since alarm speaks of what has changed.
    record: layers of the historical record of which one has to be there for a fit;
    unrecorded: why the record cannot speak to it."""

    name: str
    function: Callable[[Prospects], Floats]
    bounds: Callable[[Extremes], Bounds]
    group: str = ""
    reads: Literal["facts", "network", "date", "beliefs"] = "beliefs"
    by_kind: bool = False
    at_start: bool = False
    record: tuple[str, ...] = ()
    unrecorded: str = ""

    def __call__(self, p: Prospects) -> Floats:
        """(C,) nats before the weight; worked out once for all types of a dyad where
        the type makes no difference.
        """
        if p.kinds_each > 1 and not self.by_kind:
            return p.for_types(self(p.dyads))
        first = p.baseline.first.get(self.name)
        if first is None:
            return self.function(p)
        return first.take(p.apart_by_kind if self.by_kind else p.apart)

    def between(self, x: Extremes) -> Bounds:
        """The least and the most that the term can count as, broadcast to (n, n, M)."""
        first = x.baseline.first.get(self.name)
        if first is None:
            return self.bounds(x)
        values = first if self.by_kind else first[:, :, None]
        return values, values


TERMS: dict[str, Term] = {}
"""Every built-in term by name, in the order of the sum: floats add up to other bits in
another order."""


def term(
    bounds: Callable[[Extremes], Bounds], **declared: Any
) -> Callable[[Callable[..., Floats]], Term]:
    """Enters a function into `TERMS`; the arguments are those of `Term`."""

    def entered(function: Callable[[Prospects], Floats]) -> Term:
        name = function.__name__
        TERMS[name] = Term(name, function, bounds, **declared)
        return TERMS[name]

    return entered


def fact(values: Callable[[World], Floats]) -> Callable[[Extremes], Bounds]:
    """Bounds of what does not change: (n, n) of a world, twice."""
    return lambda x: (values(x.world)[:, :, None],) * 2


def _security_gain(x: Extremes) -> Bounds:
    norm = x.baseline.gain_norm[:, None, :]
    return np.log(x.world.rules.gain_floor) - norm, x.log_gain - norm


@term(_security_gain, group="gain", by_kind=True, at_start=True, record=DISPUTES)
def security_gain(p: Prospects) -> Floats:
    """ln(G + floor) less its mean over partners at the start. Walt 1987, The Origins of
    Alliances."""
    return p.log_gain - p.baseline.gain_norm[p.ego, p.kind]


@term(
    lambda x: (ZERO, x.overlap[:, :, None]),
    group="gain",
    at_start=True,
    record=DISPUTES,
)
def common_threat(p: Prospects) -> Floats:
    """Overlap of the two states' threats, 0..1; 0 without threat. Walt 1987; Maoz 2010,
    ch. 2."""
    return p.overlap


@term(lambda _: (-ONE, ZERO), group="hostility", record=DISPUTES)
def hostility(p: Prospects) -> Floats:
    """- h_ij: nobody signs with its adversary. What the partner is drawn into does not
    count. Walt 1987."""
    return -p.hostility


@term(fact(lambda world: -world.gap), reads="facts", record=("ideal",))
def similarity(p: Prospects) -> Floats:
    """- |x_i - x_j|. Bailey, Strezhnev, Voeten 2017, JCR 61(2)."""
    return -p.world.gap.take(p.apart)


@term(fact(lambda world: world.democracy), reads="facts", record=("democracy",))
def joint_democracy(p: Prospects) -> Floats:
    """The lesser of the two regime scores."""
    return p.world.democracy.take(p.apart)


@term(fact(lambda world: -world.democracy_gap), reads="facts", record=("democracy",))
def democracy_gap(p: Prospects) -> Floats:
    """- distance of the two regime scores. Lai, Reiter 2000, JCR 44(2): alike in
    regime, whatever it is."""
    return -p.world.democracy_gap.take(p.apart)


@term(fact(lambda world: world.proximity), reads="facts", record=("distance",))
def proximity(p: Prospects) -> Floats:
    """- ln(d + d0)."""
    return p.world.proximity.take(p.apart)


def above_mean(by_state: Floats) -> Floats:
    """(..., n) less the mean over states."""
    return np.asarray(by_state - by_state.mean(axis=-1, keepdims=True))


def log_size(world: World) -> Floats:
    """(n,) ln c_j less its mean."""
    return above_mean(np.log(np.maximum(world.capability, SMALLEST)))


@term(fact(lambda world: log_size(world)[None, :]), reads="facts")
def size(p: Prospects) -> Floats:
    """ln c_j less its mean over states: big states are sought. Gravity: Tinbergen 1962;
    Kinne 2018."""
    return log_size(p.world).take(p.alter)


def _activity(x: Extremes) -> Bounds:
    low, high = x.log_active
    return (low - high.mean())[None, :, None], (high - low.mean())[None, :, None]


@term(_activity, group="network", reads="date")
def activity(p: Prospects) -> Floats:
    """ln(1 + what alter signed of late) less its mean. Activity of actors: Snijders
    2001; Kinne 2018."""
    remaining = p.view.remaining(p.world.rules.activity_half_life_days)
    logs = np.log1p(p.state.active * remaining[..., None])
    return above_mean(logs).take(p.other)


def _popularity(x: Extremes) -> Bounds:
    low, high = x.log_partners
    least_mean = np.log1p(x.baseline.partners).mean() - x.margins.log_mean
    return (low - high.mean())[None, :, None], (high - least_mean)[None, :, None]


@term(_popularity, group="network", reads="network")
def popularity(p: Prospects) -> Floats:
    """ln(1 + partners of alter) less its mean. Preferential attachment: Kinne 2013,
    2018."""
    return above_mean(p.state.log_partners).take(p.other)


def _closure(x: Extremes) -> Bounds:
    least_mean = x.baseline.shared_mean - x.margins.log_mean
    low = -np.log1p(float(x.world.n - 1)) * ONE
    return low, (x.log_shared - least_mean)[:, :, None]


@term(_closure, group="network", reads="network")
def closure(p: Prospects) -> Floats:
    """ln(1 + shared partners) less its mean. Triadic closure: Kinne 2018, JCR 62(4);
    Warren 2010, JPR 47."""
    side, state = p.of_one_side, p.state
    change = state.log_shared.take(side(p.at)) - state.shared_mean.take(side(p.run))
    return p.for_both_sides(change)


@term(lambda x: (ZERO, x.experience[:, :, None]), group="network", reads="date")
def experience(p: Prospects) -> Floats:
    """Share of what ego signed, fading, that it signed with alter, 0..1: e_ij / (1 +
    sum_k e_ik).

    Persistence as relative frequency: Butts 2008, Sociological Methodology 38: 155-200,
    sec. 3."""
    fade = p.view.remaining(p.world.rules.experience_half_life_days)
    run, dyad = p.of_one_side(p.run), p.of_one_side(p.dyad)
    with_alter = p.state.experience.take(run * len(p.world.first) + dyad)
    with_alter = p.for_both_sides(with_alter * of_run(fade, run))
    with_all = 1.0 + p.state.engaged * fade[..., None]
    return np.asarray(with_alter / with_all.take(p.row))


@term(lambda _: (ZERO, ONE), group="network", reads="network")
def ladder(p: Prospects) -> Floats:
    """Present depth: deeper agreements follow shallower ones."""
    return p.depth


def _autonomy(x: Extremes) -> Bounds:
    fewest, largest = x.log_partners
    low, high = -x.world.autonomy * largest, -x.world.autonomy * fewest
    return low[:, None, None], high[:, None, None]


@term(
    _autonomy,
    group="network",
    reads="network",
    unrecorded="no record of how dear freedom from commitments is to a state",
)
def autonomy(p: Prospects) -> Floats:
    """- autonomy_i ln(1 + partners of ego). Entrapment: Snyder 1984, World Politics
    36(4)."""
    return np.asarray((-p.world.autonomy * p.state.log_partners).take(p.row))


def _exposure(x: Extremes) -> Bounds:
    trade = x.world.trade.sum(axis=1)[:, None, None]
    return -x.world.ladder.depth * trade, ZERO


@term(
    _exposure,
    group="retaliation",
    by_kind=True,
    unrecorded="no trade in the record",
)
def exposure(p: Prospects) -> Floats:
    """- depth_m sum_k trade_ik q_kj: what ego's trade has to fear from those who see
    alter as against them.

    Neither k = i nor k = j adds anything, nor does a missing share. Hirschman 1945."""
    q = p.once
    feared = np.zeros(len(q.ego))
    for third in p.world.trade_partners:
        against = 1.0 - p.view.unopposed[:, third]
        feared += p.world.trade[:, third].take(q.ego) * against.take(q.other)
    return np.asarray(-p.world.ladder.depth.take(p.kind) * p.for_types(feared))


def _hub_doubt(x: Extremes) -> Bounds:
    has_patron = x.world.patron_of.any(axis=1).astype(float)
    return ZERO, has_patron[:, None, None]


@term(
    _hub_doubt,
    group="patron",
    unrecorded="no patrons and no reliability in the record",
)
def hub_doubt(p: Prospects) -> Floats:
    """Most that the two stand to lose through one shared patron that wavers.
    Abandonment: Snyder 1984."""
    doubt = np.zeros(len(p.ego))
    for hub in p.world.patrons:
        wavers = of_run(1.0 - p.view.reliability[..., hub], p.run)
        depth = p.state.depth[:, hub]
        of_clients = depth * p.world.patron_of[:, hub]
        ego_depth, alter_depth = of_clients.take(p.row), depth.take(p.other)
        shared = np.minimum(ego_depth, alter_depth, out=ego_depth)
        doubt = np.maximum(doubt, shared * wavers, out=doubt)
    return doubt


def _bandwagon(x: Extremes) -> Bounds:
    offensive = x.world.offensive
    share = over(offensive, offensive + x.balance[:, None])
    return ZERO, share[:, :, None]


@term(_bandwagon, group="hostility", record=DISPUTES)
def bandwagon(p: Prospects) -> Floats:
    """q_ij Theta_ij over the balance, 0..1. Schweller 1994, International Security
    19(1)."""
    return p.against * over(p.world.offensive.take(p.apart) * p.against, p.balance)


def _alarm(x: Extremes) -> Bounds:
    if x.world.highest_unsided is None:
        return ZERO, ZERO
    floor, first = x.world.rules.alarm_floor, x.baseline.unsided
    highest = threat.alarm(x.world.highest_unsided, first, floor)[:, :, None]
    lowest = threat.alarm(np.zeros(()), first, floor)[:, :, None]
    reaction = x.world.ladder.reaction / x.baseline.refusal
    return (
        np.minimum(reaction * lowest, reaction * highest),
        np.maximum(reaction * lowest, reaction * highest),
    )


@term(
    _alarm,
    group="alarm",
    by_kind=True,
    unrecorded="measured on dated acts of force, not on the record's levels",
)
def alarm(p: Prospects) -> Floats:
    """kappa_m / (1 - sigma) ln((T_ij + s) / (T_ij at the start + s)), with the threat
    to ego that alter would not side with, T_ij = sum_k Theta_ik (1 - a_jk).

    kappa_m: elasticity of agreements of a type; sigma: mean consent at the start, since
    an elasticity of agreements is not one of odds. Walt 1987; measured by
    `evidence fit --reactions`."""
    q = p.once
    unsided = threat.unsided(p.view.total.take(q.row), p.view.sided.take(q.at)[:, None])
    first = p.baseline.unsided.take(q.apart)
    change = threat.alarm(unsided[:, 0], first, p.world.rules.alarm_floor)
    reaction = p.world.ladder.reaction / p.baseline.refusal
    return reaction.take(p.kind) * p.for_types(change)


ALARM = alarm.name
AT_START = tuple(name for name, term in TERMS.items() if term.at_start)
INTERCEPT, PROPENSITY, DRAWN = "intercept", "propensity", "drawn level"
POLICIES = "policies"
ORDER = (INTERCEPT, PROPENSITY, DRAWN, POLICIES, *TERMS)
"""Parts of willingness in the order of the sum."""


def total(u: Floats, parts: Iterable[Floats]) -> Floats:
    """The one sum of willingness: u and then each part, in the order in which they
    come."""
    return reduce(np.add, parts, u)


def summed(parts: Mapping[str, Floats]) -> Floats:
    """The sum of parts that are in its order, bit for bit the willingness that the
    engine uses."""
    values = list(parts.values())
    return total(values[0], values[1:])


def levels(p: Prospects) -> dict[str, Floats]:
    """What comes before any term, (C,) nats each: the type's intercept, ego's random
    intercept, what was drawn, what ego's policies add."""
    by_kind = p.ego * len(p.world.ladder.names) + p.kind
    by_name = {
        INTERCEPT: p.world.ladder.intercept.take(p.kind),
        PROPENSITY: p.world.propensity.take(by_kind),
    }
    if p.world.drawn is not None:
        by_name[DRAWN] = p.world.drawn.level[p.run, p.kind]
    taken = stance(p.world, p.state, p.run, p.ego, p.alter, p.kind)
    if taken is not None:
        by_name[POLICIES] = taken
    return by_name


def level(p: Prospects) -> Floats:
    """u_ij before any term, (C,) nats."""
    return summed(levels(p))


def terms_of(world: World) -> Mapping[str, Term]:
    """Every term by name, those of the user's own last."""
    return {**TERMS, **world.own_terms} if world.own_terms else TERMS


def steady_terms(world: World) -> tuple[str, ...]:
    """Terms that read the states and the network of agreements, and neither beliefs nor
    the date."""
    terms = terms_of(world)
    return tuple(name for name, term in terms.items() if term.reads in STEADY)


def parts(
    p: Prospects, names: Iterable[str] | None = None
) -> Iterator[tuple[str, Floats]]:
    """Each of these terms, of all if None, times its weight, the world's or the
    replication's own, (C,) nats; weight 0 is left out."""
    weights, drawn, terms = p.world.rules.weights, p.world.drawn, terms_of(p.world)
    for name in terms if names is None else names:
        weight: Floats | float = weights[name]
        if weight == 0:
            continue
        if drawn is not None and name in drawn.weights:
            weight = drawn.weights[name][p.run]
        yield name, weight * terms[name](p)


def parts_by_type(p: Prospects, names: Iterable[str] | None = None) -> Iterator[Floats]:
    """The same without their names, (M, C / M) by type, or (C / M,) where the type
    makes no difference. p: all M types of a dyad in a row."""
    terms = terms_of(p.world)
    for name in terms if names is None else names:
        differ = terms[name].by_kind
        for _, part in parts(p if differ else p.once, [name]):
            yield by_type(part, p.kinds_each) if differ else part


def by_type(values: Floats, types: int) -> Floats:
    """(M, C / M) values of prospects, (C,), of which all types of a dyad are in a
    row."""
    return np.ascontiguousarray(values.reshape(-1, types).T)


def account(p: Prospects) -> dict[str, Floats]:
    """Willingness taken apart: every part, (C,) nats, in the order of the sum."""
    return levels(p) | dict(parts(p))


def willingness(
    p: Prospects, names: Iterable[str] | None = None, u: Floats | None = None
) -> Floats:
    """u_ij for each prospect, (C,) nats. names: of the terms to add, all if None. u:
    what they are added to, else the levels."""
    return total(level(p) if u is None else u, (part for _, part in parts(p, names)))


def consent(u: Floats) -> Floats:
    """Probability of saying yes at an opportunity: sigma(u), without overflow either
    way."""
    return np.asarray(np.exp(np.minimum(u, 0.0)) / (1.0 + np.exp(-np.abs(u))))
