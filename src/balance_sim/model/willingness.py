"""Why a state would sign: seventeen named terms, each a small function with its paper, and their sum.

A term looks at prospects: run, ego (who decides), alter (with whom), kind (what). It returns (C,) nats
before its weight. Its range is stated beside it, for all views that can arise; the clocks use it to pass
over occasions that could not lead to consent, and a test holds every term to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model import beliefs, threat
from balance_sim.model.core import Baseline, State, View, World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prospects:
    """C prospects as seen by ego, with what the terms read of them. All index arrays (C,)."""

    world: World
    baseline: Baseline
    view: View
    state: State
    run: Ints
    ego: Ints
    alter: Ints
    kind: Ints

    @cached_property
    def row(self) -> Ints:
        """Where ego stands in a flat (R, n)."""
        return self.run * self.world.n + self.ego

    @cached_property
    def other(self) -> Ints:
        """Where alter stands in a flat (R, n)."""
        return self.run * self.world.n + self.alter

    @cached_property
    def at(self) -> Ints:
        """Where ego's view of alter stands in a flat (R, n, n)."""
        return self.row * self.world.n + self.alter

    @cached_property
    def apart(self) -> Ints:
        """The same in a flat (n, n)."""
        return self.ego * self.world.n + self.alter

    @cached_property
    def pair(self) -> Ints:
        return self.world.pair_index.take(self.apart)

    @cached_property
    def depth(self) -> Floats:
        return self.state.depth.take(self.at)

    @cached_property
    def balance(self) -> Floats:
        return self.view.balance.take(self.row)

    @cached_property
    def against(self) -> Floats:
        """q_ij: how far alter is against ego."""
        return np.asarray(1.0 - self.view.unopposed.take(self.at))

    @cached_property
    def backing(self) -> Floats:
        """b_ij: share of its support that alter lends already."""
        world, pair = self.world, self.pair
        reading, size = world.audience[self.ego], len(world.first)
        against = world.odds_against[self.view.step].take(reading * size + pair)
        news = self.view.announced.take(self.run * size + pair) * world.signature_attention[reading]
        own = beliefs.alignment_with(against, world.rules.alpha_acc * self.depth + news)
        return threat.backing(self.depth, own, world.rules.beta)

    @cached_property
    def support(self) -> Floats:
        """s_ij: what alter can bring to ego's side."""
        firm = threat.firmness(self.view.sided.take(self.at), self.view.total.take(self.row))
        return threat.support(self.view.reliable.take(self.apart), firm, self.view.unopposed.take(self.at))

    @cached_property
    def gain(self) -> Floats:
        """G_ij: marginal drop in ego's insecurity, with the support that alter brings now."""
        added = np.maximum(self.world.ladder.depth[self.kind] - self.backing, 0.0) * self.support
        return threat.marginal_gain(self.view.insecurity.take(self.row), self.balance, added)

    @cached_property
    def log_gain(self) -> Floats:
        return np.log(self.gain + self.world.rules.gain_floor)


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
    return _over(overlap, np.sqrt(p.balance * p.view.balance.take(p.other)))


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
    return p.against * _over(p.world.at_hand.take(p.apart) * p.against, p.balance)


def _over(part: Floats, scale: Floats) -> Floats:
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


@dataclass(frozen=True)
class Margins:
    """How far a run may move from the start before the ranges below no longer hold.

    Generous for a year or two. The engine watches them (`BoundsBroken`) and the block is then lived again
    with every occasion asked, so they decide speed and never a result."""

    partners: float = 8.0  # gained by one state
    accords: float = 6.0  # signed by one pair
    signed: float = 24.0  # signed by one state
    log_mean: float = 0.3  # fall of a mean of ln(1 + partners), or of shared partners


MARGINS = Margins()


class BoundsBroken(Exception):
    """A run left the margins: its occasions must be asked without passing any over."""


def ranges(world: World, baseline: Baseline, margins: Margins = MARGINS) -> dict[str, tuple[Floats, Floats]]:
    """Least and most that each term can be while a run keeps within the margins. Broadcast to (n, n, M).

    Rests on: 0 <= q, b, w, depth <= 1; Theta_ij <= c_j p_ij; balance >= c_i + s0 while effort cannot
    fall below its bound; partners and shared partners < n; experience only grows with the accords signed."""
    n = world.n
    rules = world.rules
    most_support = world.reliability.max(axis=0) * world.at_hand
    least_balance = world.capability * max(1.0 - rules.effort_max, 0.0) + rules.s0
    added = most_support[:, :, None] * world.ladder.depth
    root = np.sqrt(least_balance)[:, None, None] + np.sqrt(least_balance[:, None, None] + added)
    most_gain = _over(added, root**2)  # Theta added / ((Theta + c)(Theta + c + added)) at its highest
    most_threat = world.at_hand.sum(axis=1)
    most_insecure = _over(most_threat, most_threat + least_balance)
    most_overlap = np.sqrt(most_insecure[:, None] * most_insecure)
    most_of_one = _over(world.at_hand, world.at_hand + least_balance[:, None])
    norm = baseline.gain_norm[:, None, :]
    crowd = float(n - 1)
    most_partners = np.log1p(np.minimum(baseline.partners + margins.partners, crowd))
    most_shared = np.log1p(np.minimum(baseline.shared + 2 * margins.partners, crowd))
    least_mean = np.log1p(baseline.partners).mean() - margins.log_mean
    least_shared = baseline.shared_mean - margins.log_mean
    zero, one = np.zeros(()), np.ones(())
    trade_sum = world.trade.sum(axis=1)[:, None, None]
    doubt = (1.0 - world.reliability.min(axis=0)).max(initial=0.0)
    logs = log_size(world)
    last = 2.0 ** (-world.grid[-1] / rules.activity_half_life_days)
    most_active = np.log1p(world.active + margins.signed)
    least_active = np.log1p(world.active * last)
    begun = np.zeros((n, n))
    begun[world.first, world.second] = begun[world.second, world.first] = world.experience
    others = np.maximum(world.engaged[:, None] - begun, 0.0)
    most_shared_past = (begun + margins.accords) / (1.0 + begun + margins.accords + others)
    return {
        "security_gain": (np.log(rules.gain_floor) - norm, np.log(most_gain + rules.gain_floor) - norm),
        "common_threat": (zero, most_overlap[:, :, None]),
        "distrust": (-one, zero),
        "similarity": (-world.gap[:, :, None],) * 2,
        "joint_democracy": (world.democracy[:, :, None],) * 2,
        "democracy_gap": (-world.democracy_gap[:, :, None],) * 2,
        "proximity": (world.proximity[:, :, None],) * 2,
        "size": ((logs - logs.mean())[None, :, None],) * 2,
        "activity": (
            (least_active - most_active.mean())[None, :, None],
            (most_active - least_active.mean())[None, :, None],
        ),
        "popularity": (-np.log1p(crowd) * one, (most_partners - least_mean)[None, :, None]),
        "closure": (-np.log1p(crowd) * one, (most_shared - least_shared)[:, :, None]),
        "experience": (zero, most_shared_past[:, :, None]),
        "ladder": (zero, one),
        "autonomy": (-world.autonomy[:, None, None] * np.log1p(crowd), zero),
        "exposure": (-world.ladder.depth * trade_sum, zero),
        "hub_doubt": (zero, doubt * one),
        "bandwagon": (zero, most_of_one[:, :, None]),
    }


def within_margins(baseline: Baseline, state: State, margins: Margins = MARGINS) -> bool:
    """Whether the networks of runs keep within the margins now."""
    partners, shared_mean = state.partners, state.shared_mean
    fell = np.log1p(baseline.partners).mean() - state.log_partners.mean(axis=-1)
    return bool(
        (partners - baseline.partners).max(initial=0.0) <= margins.partners
        and fell.max(initial=0.0) <= margins.log_mean
        and (baseline.shared_mean - shared_mean).max(initial=0.0) <= margins.log_mean
    )


def few_signed(world: World, state: State, margins: Margins = MARGINS) -> bool:
    """Whether pairs and states have signed within the margins: the counts, scaled to day 0, only grow."""
    by_pair = (state.experience - world.experience).max(initial=0.0)
    by_state = (state.active - world.active).max(initial=0.0)
    return bool(by_pair <= margins.accords and by_state <= margins.signed)


def most_willing(world: World, baseline: Baseline, margins: Margins = MARGINS) -> Floats:
    """(n, n, M) an upper bound of u_ij for every view that can arise while a run keeps within the margins."""
    bounds = ranges(world, baseline, margins)
    if world.drawn is None:
        return _bounded(world, bounds, world.rules.weights, np.zeros(()))
    most = np.full((world.n, world.n, len(world.ladder.names)), -np.inf)
    for run, level in enumerate(world.drawn.level):
        weights = {name: float(drawn[run]) for name, drawn in world.drawn.weights.items()}
        most = np.maximum(most, _bounded(world, bounds, world.rules.weights | weights, level))
    return most


def _bounded(
    world: World, bounds: dict[str, tuple[Floats, Floats]], weights: dict[str, float], level: Floats
) -> Floats:
    u = world.ladder.intercept + level + world.propensity[:, None, None] + np.zeros((world.n, world.n, 1))
    for name, weight in weights.items():
        if weight != 0:
            low, high = bounds[name]
            u = u + np.maximum(weight * low, weight * high)
    return np.asarray(u)
