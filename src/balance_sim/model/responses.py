"""What else states do and feel besides signing: relations, mediation, influence, room,
stances.

Pure functions on plain arrays; rows look or act, columns are looked at. All broadcast
over leading axes. The thresholds below are conventions of measurement: no rule of the
model reads them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from balance_sim.model import landscape
from balance_sim.model.core import Bools, Floats, Ints

STANCES = ("balance", "hedge", "bandwagon", "buck_pass", "abstain")
ROOM_GAIN = 0.001
"""Drop in insecurity from which a partner would be worth having: the default of
`gain_floor`."""
ROOM_RATE = 0.1
"""Opportunities a year at which a partner would agree, from which it counts as willing:
one in ten years."""
EFFORT_ACT = 0.005
"""Rise of effort, as a share of capability, that counts as an act of internal
balancing."""
TIE = 0.2
"""Depth of an agreement in force from which it is a tie: more than a declaration."""


def relations(alignment: Floats, against: Floats) -> Floats:
    """R_ik = a_ik - q_ik, -1 (an enemy) to 1 (a friend), as i sees k. Same shape as
    given."""
    return np.asarray(alignment - against)


def credibility(
    against_a: Floats,
    against_b: Floats,
    relation_a: Floats,
    relation_b: Floats,
    reach: Floats,
) -> Floats:
    """How credible m is as a mediator between a and b, 0..1.

    (1 - max(q_am, q_bm)) (1 - |R_am - R_bm| / 2) min(p_am, p_bm): neither side fears
    it, it stands as near to one as to the other, and it can bear on both. Kydd 2003,
    AJPS 47(4): who is seen to take sides is not believed; Touval, Zartman 1985:
    leverage. against_a: q_am; relation_a: R_am, both as side a sees m; reach: the
    lesser of the two."""
    unfeared = 1.0 - np.maximum(against_a, against_b)
    even = 1.0 - np.abs(relation_a - relation_b) / 2.0
    return np.asarray(unfeared * even * reach)


def influence(backing: Floats, support: Floats, defence: Floats) -> Floats:
    """Influence of i over k, 0..1: the share of k's defence that i lends, b_ki s_ki /
    D_k; 0 without defence.

    Dependence as the source of power: Emerson 1962, ASR 27(1); Keohane, Nye 1977."""
    lent = backing * support
    return np.divide(lent, defence, out=np.zeros_like(lent), where=defence > 0)


def dependence(backing: Floats, support: Floats, defence: Floats) -> Floats:
    """Share of a state's defence that others lend, 0..1, (..., n, n) and (..., n) to
    (..., n)."""
    return np.asarray(influence(backing, support, defence[..., None]).sum(axis=-1))


def room(
    gain: Floats,
    consent: Floats,
    least_gain: float = ROOM_GAIN,
    least_rate: float = ROOM_RATE,
) -> Ints:
    """Room for manoeuvre: partners worth having that would have one.

    gain: (..., partners, kinds) drop in insecurity; consent: the rate, per year, at
    which the partner would agree. Counts partners for whom both exceed their threshold
    for some kind. Kuik 2008: options kept."""
    return np.asarray(
        ((gain > least_gain) & (consent > least_rate)).any(axis=-1).sum(axis=-1)
    )


def position(relation_a: Floats, relation_b: Floats) -> Floats:
    """Where a state is seen to stand between two disputants, -1 (with b) to 1 (with a):
    (R_am - R_bm) / 2."""
    return np.asarray((relation_a - relation_b) / 2.0)


def neutrality_gap(perceived: Floats, declared: float) -> Floats:
    """How far a state's perceived position lies from the one it declares, 0..2."""
    return np.abs(perceived - declared)


class Acts(NamedTuple):
    """What states have done by some day. All arrays broadcast to one shape."""

    counter: Bools  # signed a counter-agreement since the focal event
    joined: Bools  # signed an agreement with a participant since then
    effort: Floats  # change of effort since the start, share of capability
    tie: Floats  # depth of the deepest agreement in force with a participant
    threatened: Bools
    others_acted: Bools  # some other state signed a counter-agreement


def stances(acts: Acts) -> Ints:
    """Stance of each state towards the bloc, as an index into STANCES, from its acts
    alone.

    First that applies: it acted against (a counter-agreement, or effort up by
    EFFORT_ACT) and has a tie on the other side (signed with a participant, or TIE in
    force): hedge; it acted against: balance; it signed with a participant: bandwagon;
    it is threatened and others acted: buck_pass; else abstain. Walt 1987; Schweller
    1994; Christensen, Snyder 1990; Kuik 2008, Contemporary Southeast Asia 30(2)."""
    against = acts.counter | (acts.effort > EFFORT_ACT)
    hedging = against & (acts.joined | (acts.tie >= TIE))
    passing = acts.threatened & acts.others_acted
    rule = [hedging, against, acts.joined, passing]
    names = ("hedge", "balance", "bandwagon", "buck_pass")
    return np.asarray(
        np.select(
            rule, [STANCES.index(name) for name in names], STANCES.index("abstain")
        )
    )


class InCamps(NamedTuple):
    """How a set of states falls into two camps. Arrays (...,)."""

    energy: Floats  # mean mutual relation across, per unit of weight; below 0: apart
    frustration: Floats  # share of dyads on the wrong side: friends across, foes within
    moved: Floats  # states that stand elsewhere than in the configuration it began from


def mutual(relation: Floats, converse: Floats) -> Floats:
    """(R_ij + R_ji) / 2, how two states see each other. Same shape as given."""
    return (relation + converse) / 2.0


def in_camps(relation: Floats, capability: Floats, before: Floats) -> InCamps:
    """The camps that states settle into from those of before, (R, P) mutual relations
    of all dyads and (n,) to three of (R,).

    The random intercept of a dyad is its mutual relation, size is capability. From
    `before`, (n,) 1 and -1, states change sides one at a time, the one that lowers the
    energy most first, until none can: Axelrod, Bennett 1993. Energy is divided by the
    sum of c_i c_j over ordered dyads, so that it is a relation. Frustration:
    Cartwright, Harary 1956, of the signs of the relations, in these camps; the least
    there is may be less."""
    n = len(capability)
    i, j = np.triu_indices(n, 1)
    index = np.full((n, n), len(i))  # on the diagonal, of what is nothing
    index[i, j] = index[j, i] = np.arange(len(i))
    relation = np.round(relation, 12)
    by_dyad = relation * (capability[i] * capability[j])
    with_nothing = np.concatenate([by_dyad, np.zeros((len(by_dyad), 1))], axis=1)
    terms = with_nothing.take(index, axis=1)
    sides = landscape.settled(terms, np.broadcast_to(before, (len(terms), n)))
    together = sides.take(i, axis=1) == sides.take(j, axis=1)
    wrong = np.where(together, relation < 0, relation > 0)
    apart = (sides != before).sum(axis=-1)
    energy = landscape.energy_of(terms, sides)
    return InCamps(
        energy=energy / landscape.weight_of_dyads(capability),
        frustration=wrong.sum(axis=-1) / max(len(i), 1),
        moved=np.minimum(apart, n - apart).astype(float),
    )


def polarisation(relation: Floats, capability: Floats) -> Floats:
    """Spread of mutual relations over all dyads, 0 (all alike) to 1 (camps at -1 and
    1), (..., P) to (...).

    Standard deviation with weights c_i c_j. After Esteban, Ray 1994."""
    i, j = np.triu_indices(len(capability), 1)
    weight = capability[i] * capability[j]
    weight = weight / weight.sum()
    mean = (relation * weight).sum(axis=-1, keepdims=True)
    return np.asarray(np.sqrt(((relation - mean) ** 2 * weight).sum(axis=-1)))
