"""Why a state would sign: seventeen named terms, each a small function with its paper, and their sum.

A term looks at prospects: run, ego (who decides), alter (with whom), kind (what). It returns (C,) nats
before its weight. Its range, for all views that can arise, is stated in `margins.py`, and a test holds every
term to it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from balance_sim.model import threat
from balance_sim.model.core import World
from balance_sim.model.prospects import Prospects

Floats = npt.NDArray[np.float64]


def security_gain(p: Prospects) -> Floats:
    """ln(G + floor) less its mean over partners at the start. Walt 1987, The Origins of Alliances."""
    return p.log_gain - p.baseline.gain_norm[p.ego, p.kind]


AT_ONCE = 4096  # prospects whose third states are looked at together; changes no result


def common_threat(p: Prospects) -> Floats:
    """Overlap of the two states' threats, 0..1; 0 without threat. Walt 1987; Maoz 2010, ch. 2."""
    unopposed = p.view.unopposed.reshape(-1, p.world.n)
    overlap = np.empty(len(p.ego))
    for first in range(0, len(overlap), AT_ONCE):
        few = slice(first, first + AT_ONCE)
        mine = threat.threat(p.world.at_hand[p.ego[few]], unopposed[p.row[few]])
        theirs = threat.threat(p.world.at_hand[p.alter[few]], unopposed[p.other[few]])
        overlap[few] = np.sqrt(mine * theirs).sum(axis=-1)
    return over(overlap, np.sqrt(p.balance * p.view.balance.take(p.other)))


def distrust(p: Prospects) -> Floats:
    """- q_ij: a partner that one fears is no partner."""
    return -p.against


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
    third, n = p.world.trade_partners, p.world.n
    share = p.world.trade.take((p.ego * n)[:, None] + third)
    feared = 1.0 - p.view.unopposed.take((p.run[:, None] * n + third) * n + p.alter[:, None])
    return np.asarray(-p.world.ladder.depth[p.kind] * np.vecdot(share, feared))


def hub_doubt(p: Prospects) -> Floats:
    """Most that the two stand to lose through one shared patron that wavers. Abandonment: Snyder 1984."""
    hubs, n = p.world.patrons, p.world.n
    shared = np.minimum(*(p.state.depth.take((side * n)[:, None] + hubs) for side in (p.row, p.other)))
    doubted = shared * (1.0 - p.view.reliability[hubs])
    return np.asarray(
        (doubted * p.world.patron_of.take((p.ego * n)[:, None] + hubs)).max(axis=1, initial=0.0)
    )


def bandwagon(p: Prospects) -> Floats:
    """q_ij Theta_ij over the balance, 0..1. Schweller 1994, International Security 19(1)."""
    return p.against * over(p.world.at_hand.take(p.apart) * p.against, p.balance)


def over(part: Floats, scale: Floats) -> Floats:
    """Part over scale, 0 where the scale is."""
    return np.divide(part, scale, out=np.zeros_like(part), where=scale > 0)


Term = Callable[[Prospects], Floats]
TERMS: dict[str, Term] = {
    term.__name__: term
    for term in (
        security_gain,
        common_threat,
        distrust,
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


def terms(p: Prospects) -> dict[str, Floats]:
    """Each term's weighted part of the willingness, (C,) nats, in the table's order. Weight 0: left out."""
    weights = p.world.rules.weights
    return {name: weight_of(p, name) * term(p) for name, term in TERMS.items() if weights[name] != 0}


Bounds = tuple[float, Floats | float]


def overlap_bounds(p: Prospects) -> Bounds:
    """0 and sqrt(g_i g_j): sum_k sqrt(Theta_ik Theta_jk) <= sqrt(Theta_i Theta_j) by Cauchy-Schwarz."""
    g = p.view.insecurity
    return 0.0, np.sqrt(g.take(p.row) * g.take(p.other))


def exposure_bounds(p: Prospects) -> Bounds:
    """All the trade that counts, and nothing."""
    return -float(p.world.trade.sum(axis=1).max() * p.world.ladder.depth.max()), 0.0


def doubt_bounds(p: Prospects) -> Bounds:
    """Nothing, and full depth with the least reliable patron."""
    return 0.0, float((1.0 - p.view.reliability[p.world.patrons]).max(initial=0.0))


# Terms that look at third states, asked last, with the least and the most that each can be.
LATE: dict[str, Callable[[Prospects], Bounds]] = {
    "common_threat": overlap_bounds,
    "exposure": exposure_bounds,
    "hub_doubt": doubt_bounds,
}


def willingness(p: Prospects) -> Floats:
    """u_ij for each prospect: the kind's intercept, ego's propensity, and the weighted terms. (C,) nats."""
    return with_late(p, without_late(p))


def without_late(p: Prospects) -> Floats:
    """u_ij but for the late terms. (C,) nats."""
    weights = p.world.rules.weights
    u = p.world.ladder.intercept[p.kind] + p.world.propensity[p.ego]
    if p.world.drawn is not None:
        u = u + p.world.drawn.level[p.run, p.kind]
    for name, term in TERMS.items():
        if weights[name] != 0 and name not in LATE:
            u = u + weight_of(p, name) * term(p)
    return np.asarray(u)


def weight_of(p: Prospects, name: str) -> Floats | float:
    """A term's weight: the world's, or each run's own where runs have drawn theirs."""
    drawn = p.world.drawn
    if drawn is None or name not in drawn.weights:
        return p.world.rules.weights[name]
    return drawn.weights[name][p.run]


def with_late(p: Prospects, u: Floats) -> Floats:
    """u_ij from what it is without the late terms."""
    weights = p.world.rules.weights
    for name in LATE:
        if weights[name] != 0:
            u = u + weight_of(p, name) * TERMS[name](p)
    return u


def at_most(p: Prospects, u: Floats) -> Floats:
    """An upper bound of u_ij from what it is without the late terms; a margin covers rounding."""
    for name, bounds in LATE.items():
        if p.world.rules.weights[name] != 0:
            weight = weight_of(p, name)
            low, high = bounds(p)
            u = u + np.maximum(weight * low, weight * high)
    return u + 1e-9


def consent(u: Floats) -> Floats:
    """Probability of saying yes at an opportunity: sigma(u), without overflow either way."""
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1.0, e) / (1.0 + e)
