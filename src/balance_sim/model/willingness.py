"""Why a state would sign: seventeen named terms, each a small function with its paper, and their sum.

A term looks at prospects: run, ego (who decides), alter (with whom), kind (what). It returns (C,) nats
before its weight. Its range, for all views that can arise, is stated in `margins.py`, and a test holds every
term to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import World
from balance_sim.model.prospects import Prospects

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def security_gain(p: Prospects) -> Floats:
    """ln(G + floor) less its mean over partners at the start. Walt 1987, The Origins of Alliances."""
    place = p.apart * len(p.world.ladder.names) + p.kind
    return since_start(p, "security_gain", place, lambda: p.log_gain - p.baseline.gain_norm[p.ego, p.kind])


def common_threat(p: Prospects) -> Floats:
    """Overlap of the two states' threats, 0..1; 0 without threat. Walt 1987; Maoz 2010, ch. 2.

    sum_k sqrt(Theta_ik Theta_jk) over the root of both balances: the same for both sides, worked out for one."""
    return since_start(p, "common_threat", p.apart, lambda: _overlap(p))


def _overlap(p: Prospects) -> Floats:
    one = p.one_side
    roots, both = p.view.roots.reshape(-1, p.world.n), np.empty(len(one.row))
    for first in range(0, len(both), ROWS_AT_ONCE):
        some = slice(first, first + ROWS_AT_ONCE)
        both[some] = np.vecdot(roots.take(one.row[some], axis=0), roots.take(one.other[some], axis=0))
    overlap = over(both, np.sqrt(one.balance * p.view.balance.take(one.other)))
    return overlap if one is p else np.tile(overlap, 2)


ROWS_AT_ONCE = 1024  # rows of the matrix of threat taken together, to stay in the cache; changes no result


def hostility(p: Prospects) -> Floats:
    """- h_ij: nobody signs with its adversary. What the partner is drawn into does not count. Walt 1987."""
    return since_start(p, "hostility", p.apart, lambda: -p.hostility)


CHANGING = ("security_gain", "common_threat", "hostility")
"""Terms whose change since the start counts by a share of its own, `change_` and their name."""


def since_start(p: Prospects, name: str, place: Ints, now: Callable[[], Floats]) -> Floats:
    """A term as it counts: its value at the start and a share of what it has changed by since. (C,) nats.

    The weight is that between dyads; the share is the weight within a dyad over time as a part of it (Mundlak 1978).
    place: of each prospect in the flat values at the start. now: works the term out; not asked where no change counts.
    While the values at the start are not known, the term itself."""
    share, first = share_of(p, name), p.baseline.first.get(name)
    if first is None or (isinstance(share, float) and share == 1.0):
        return now()
    steady = first.take(place)
    if isinstance(share, float) and share == 0.0:
        return steady
    return np.asarray(steady + share * (now() - steady))


def share_of(p: Prospects, name: str) -> Floats | float:
    """A term's share of change: the world's, or each run's own where runs have drawn theirs."""
    drawn = p.world.drawn
    if drawn is None or name not in drawn.shares:
        return float(getattr(p.world.rules, f"change_{name}"))
    return drawn.shares[name][p.run]


def similarity(p: Prospects) -> Floats:
    """- |x_i - x_j|. Bailey, Strezhnev, Voeten 2017, JCR 61(2)."""
    return -p.world.gap.take(p.apart)


def joint_democracy(p: Prospects) -> Floats:
    """The lesser of the two regime scores."""
    return p.world.democracy.take(p.apart)


def proximity(p: Prospects) -> Floats:
    """- ln(d + d0)."""
    return p.world.proximity.take(p.apart)


def democracy_gap(p: Prospects) -> Floats:
    """- distance of the two regime scores. Lai, Reiter 2000, JCR 44(2): alike in regime, whatever it is."""
    return -p.world.democracy_gap.take(p.apart)


def size(p: Prospects) -> Floats:
    """ln c_j less its mean over states: big states are sought. Gravity: Tinbergen 1962; Kinne 2018."""
    logs = log_size(p.world)
    return logs[p.alter] - logs.mean()


def log_size(world: World) -> Floats:
    """(n,) ln c_j; a state without capability counts as one of `SMALLEST`."""
    return np.log(np.maximum(world.capability, SMALLEST))


SMALLEST = 1e-7


def activity(p: Prospects) -> Floats:
    """ln(1 + what alter signed of late) less its mean. Activity of actors: Snijders 2001; Kinne 2018."""
    fade = 2.0 ** (-p.view.day / p.world.rules.activity_half_life_days)
    logs = np.log1p(p.state.active * fade)
    return np.asarray(logs.take(p.other) - logs.mean(axis=-1)[p.run])


def popularity(p: Prospects) -> Floats:
    """ln(1 + partners of alter) less its mean. Preferential attachment: Kinne 2013, 2018."""
    return p.state.log_partners.take(p.other) - p.view.partners_log_mean[p.run]


def closure(p: Prospects) -> Floats:
    """ln(1 + shared partners) less its mean. Triadic closure: Kinne 2018, JCR 62(4); Warren 2010, JPR 47."""
    return p.state.log_shared.take(p.at) - p.state.shared_mean[p.run]


def experience(p: Prospects) -> Floats:
    """Share of what ego signed, fading, that it signed with alter, 0..1: e_ij / (1 + sum_k e_ik).

    Persistence as relative frequency: Butts 2008, Sociological Methodology 38: 155-200, sec. 3."""
    fade = 2.0 ** (-p.view.day / p.world.rules.experience_half_life_days)
    ours = p.state.experience.take(p.run * len(p.world.first) + p.pair) * fade
    return np.asarray(ours / (1.0 + p.state.engaged.take(p.row) * fade))


def ladder(p: Prospects) -> Floats:
    """Present depth: deeper accords follow shallower ones."""
    return p.depth


def autonomy(p: Prospects) -> Floats:
    """- autonomy_i ln(1 + partners of ego). Entrapment: Snyder 1984, World Politics 36(4)."""
    return -p.world.autonomy[p.ego] * p.state.log_partners.take(p.row)


def exposure(p: Prospects) -> Floats:
    """- depth_m sum_k trade_ik q_kj: what ego's trade has to fear from those who see alter as against them.

    Neither k = i nor k = j adds anything, nor does a missing share. Hirschman 1945."""
    n, row, ego = p.world.n, p.run * p.world.n, p.ego * p.world.n
    feared = np.zeros(len(p.ego))
    for third in p.world.trade_partners:
        against = 1.0 - p.view.unopposed.take((row + third) * n + p.alter)
        feared += p.world.trade.take(ego + third) * against
    return np.asarray(-p.world.ladder.depth.take(p.kind) * feared)


def hub_doubt(p: Prospects) -> Floats:
    """Most that the two stand to lose through one shared patron that wavers. Abandonment: Snyder 1984."""
    n, most = p.world.n, np.zeros(len(p.ego))
    for hub in p.world.patrons:
        of_hub = np.flatnonzero(p.world.patron_of[:, hub].take(p.ego))
        shared = np.minimum(*(p.state.depth.take(side[of_hub] * n + hub) for side in (p.row, p.other)))
        doubted = shared * (1.0 - p.view.reliability[hub])
        most[of_hub] = np.maximum(most[of_hub], doubted)
    return most


def bandwagon(p: Prospects) -> Floats:
    """q_ij Theta_ij over the balance, 0..1. Schweller 1994, International Security 19(1)."""
    return p.against * over(p.world.offensive.take(p.apart) * p.against, p.balance)


def over(part: Floats, scale: Floats) -> Floats:
    """Part over scale, 0 where the scale is."""
    return np.divide(part, scale, out=np.zeros_like(part), where=scale > 0)


Term = Callable[[Prospects], Floats]
TERMS: dict[str, Term] = {
    term.__name__: term
    for term in (
        security_gain,
        common_threat,
        hostility,
        similarity,
        joint_democracy,
        democracy_gap,
        proximity,
        size,
        activity,
        popularity,
        closure,
        experience,
        ladder,
        autonomy,
        exposure,
        hub_doubt,
        bandwagon,
    )
}


OF_KIND = ("security_gain", "exposure")
"""Terms that differ between kinds of accord, by the depth promised."""


def terms(p: Prospects) -> dict[str, Floats]:
    """Each term's weighted part of the willingness, (C,) nats, in the table's order. Weight 0: left out."""
    weights = p.world.rules.weights
    return {name: weight_of(p, name) * term(p) for name, term in TERMS.items() if weights[name] != 0}


def willingness(p: Prospects) -> Floats:
    """u_ij for each prospect: the kind's intercept, ego's propensity for it, and the weighted terms. (C,) nats."""
    return with_terms(p, level(p), TERMS)


def level(p: Prospects) -> Floats:
    """u_ij before any term: the kind's intercept, ego's propensity, and what a replication has drawn. (C,) nats."""
    u = p.world.ladder.intercept[p.kind] + p.world.propensity[p.ego, p.kind]
    if p.world.drawn is not None:
        u = u + p.world.drawn.level[p.run, p.kind]
    return np.asarray(u)


def with_terms(p: Prospects, u: Floats, names: Iterable[str]) -> Floats:
    """u with the weighted terms of these names added, in their order. (C,) nats."""
    for name in names:
        if p.world.rules.weights[name] != 0:
            u = u + weight_of(p, name) * _once(p, name)
    return u


OF_NETWORK = (
    "similarity",
    "joint_democracy",
    "democracy_gap",
    "proximity",
    "size",
    "popularity",
    "closure",
    "ladder",
    "autonomy",
)
"""Terms that read the states and the network of agreements, and neither beliefs nor the date."""


def weight_of(p: Prospects, name: str) -> Floats | float:
    """A term's weight: the world's, or each run's own where runs have drawn theirs."""
    drawn = p.world.drawn
    if drawn is None or name not in drawn.weights:
        return p.world.rules.weights[name]
    return drawn.weights[name][p.run]


def _once(p: Prospects, name: str) -> Floats:
    """A term, (C,) nats: worked out once for all kinds of a dyad where the kind makes no difference to it."""
    if p.kinds_each == 1 or name in OF_KIND:
        return TERMS[name](p)
    return np.repeat(TERMS[name](p.dyads), p.kinds_each)


def consent(u: Floats) -> Floats:
    """Probability of saying yes at an opportunity: sigma(u), without overflow either way."""
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1.0, e) / (1.0 + e)
