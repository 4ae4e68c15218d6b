"""Why a state would sign: fourteen named terms, each a small function with its paper, and their sum.

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

from balance_sim.model.core import Baseline, State, View, World
from balance_sim.model.threat import marginal_gain

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
    def at(self) -> tuple[Ints, Ints, Ints]:
        return self.run, self.ego, self.alter

    @cached_property
    def depth_of_kind(self) -> Floats:
        return self.world.ladder.depth[self.kind]

    @cached_property
    def balance(self) -> Floats:
        return self.view.balance[self.run, self.ego]

    @cached_property
    def gain(self) -> Floats:
        """G_ij: marginal drop in ego's insecurity, with the support that alter brings now."""
        added = np.maximum(self.depth_of_kind - self.view.backing[self.at], 0.0) * self.view.support[self.at]
        return marginal_gain(self.view.insecurity[self.run, self.ego], self.balance, added)

    @cached_property
    def log_gain(self) -> Floats:
        return np.log(self.gain + self.world.rules.gain_floor)


def security_gain(p: Prospects) -> Floats:
    """ln(G + floor) less its mean over partners at the start. Walt 1987, The Origins of Alliances."""
    return p.log_gain - p.baseline.gain_norm[p.ego, p.kind]


def common_threat(p: Prospects) -> Floats:
    """Overlap of the two states' threats, 0..1; 0 without threat. Walt 1987; Maoz 2010, ch. 2."""
    mine, theirs = p.view.threat[p.run, p.ego], p.view.threat[p.run, p.alter]
    overlap = np.sqrt(mine * theirs).sum(axis=-1)
    scale = np.sqrt(p.balance * p.view.balance[p.run, p.alter])
    return np.divide(overlap, scale, out=np.zeros_like(overlap), where=scale > 0)


def distrust(p: Prospects) -> Floats:
    """- q_ij: a partner that one fears is no partner."""
    return -p.view.against[p.at]


def similarity(p: Prospects) -> Floats:
    """- |x_i - x_j|. Bailey, Strezhnev, Voeten 2017, JCR 61(2)."""
    return -p.world.gap[p.ego, p.alter]


def joint_democracy(p: Prospects) -> Floats:
    """The lesser of the two regime scores."""
    return p.world.democracy[p.ego, p.alter]


def proximity(p: Prospects) -> Floats:
    """- ln(d + d0)."""
    return p.world.proximity[p.ego, p.alter]


def popularity(p: Prospects) -> Floats:
    """ln(1 + partners of alter) less its mean. Preferential attachment: Kinne 2013, 2018."""
    return np.log1p(p.state.partners[p.run, p.alter]) - p.view.partners_log_mean[p.run]


def closure(p: Prospects) -> Floats:
    """ln(1 + shared partners) less its mean. Triadic closure: Kinne 2018, JCR 62(4); Warren 2010, JPR 47(6)."""
    shared = ((p.state.depth[p.run, p.ego] > 0) & (p.state.depth[p.run, p.alter] > 0)).sum(axis=-1)
    return np.log1p(shared) - p.state.shared_mean[p.run]


def experience(p: Prospects) -> Floats:
    """ln(1 + earlier accords, fading)."""
    fade = 2.0 ** (-p.view.day / p.world.rules.experience_half_life_days)
    return np.log1p(p.state.experience[p.run, p.world.pair_index[p.ego, p.alter]] * fade)


def ladder(p: Prospects) -> Floats:
    """Present depth: deeper accords follow shallower ones."""
    return p.state.depth[p.at]


def autonomy(p: Prospects) -> Floats:
    """- autonomy_i ln(1 + partners of ego). Entrapment: Snyder 1984, World Politics 36(4)."""
    return -p.world.autonomy[p.ego] * np.log1p(p.state.partners[p.run, p.ego])


def exposure(p: Prospects) -> Floats:
    """- depth_m sum_k trade_ik q_kj: what ego's trade has to fear from those who see alter as against them.

    k other than the two; a missing trade share adds nothing. Hirschman 1945."""
    feared = np.zeros(len(p.run))
    for k in p.world.trade_partners:
        third = (p.ego != k) & (p.alter != k)
        feared += np.where(third, p.world.trade[p.ego, k] * p.view.against[p.run, k, p.alter], 0.0)
    return -p.depth_of_kind * feared


def hub_doubt(p: Prospects) -> Floats:
    """Most that ego and alter stand to lose through one shared patron that wavers. Abandonment: Snyder 1984."""
    doubt = np.zeros(len(p.run))
    for hub in p.world.patrons:
        shared = np.minimum(p.state.depth[p.run, p.ego, hub], p.state.depth[p.run, p.alter, hub])
        doubted = shared * (1.0 - p.view.reliability[hub])
        doubt = np.where(p.world.patron_of[p.ego, hub], np.maximum(doubt, doubted), doubt)
    return doubt


def bandwagon(p: Prospects) -> Floats:
    """q_ij Theta_ij over the balance, 0..1. Schweller 1994, International Security 19(1)."""
    scale = p.balance
    threat = p.view.threat[p.at]
    return p.view.against[p.at] * np.divide(threat, scale, out=np.zeros_like(threat), where=scale > 0)


Term = Callable[[Prospects], Floats]
TERMS: dict[str, Term] = {
    term.__name__: term
    for term in (
        security_gain,
        common_threat,
        distrust,
        similarity,
        joint_democracy,
        proximity,
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
    return {name: weights[name] * term(p) for name, term in TERMS.items() if weights[name] != 0}


def willingness(p: Prospects) -> Floats:
    """u_ij for each prospect: the kind's intercept, ego's propensity, and the weighted terms. (C,) nats."""
    u = p.world.ladder.intercept[p.kind] + p.world.propensity[p.ego]
    for part in terms(p).values():
        u = u + part
    return u


# Terms that need no sum over third states: cheap to know before the rest.
QUICK = ("similarity", "joint_democracy", "proximity", "popularity", "experience", "ladder", "autonomy", "distrust")


def at_most(p: Prospects) -> Floats:
    """An upper bound of u_ij from the quick terms and the most that the others can be. (C,) nats."""
    if p.world.slow_at_most is None:
        return np.full(len(p.run), np.inf)
    u = p.world.slow_at_most[p.ego, p.alter, p.kind]
    for name in QUICK:
        weight = p.world.rules.weights[name]
        if weight != 0:
            u = u + weight * TERMS[name](p)
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
    accords: float = 4.0  # signed by one pair
    log_mean: float = 0.3  # fall of a mean of ln(1 + partners), or of shared partners


MARGINS = Margins()


class BoundsBroken(Exception):
    """A run left the margins: its occasions must be asked without passing any over."""


def ranges(world: World, baseline: Baseline, margins: Margins = MARGINS) -> dict[str, tuple[Floats, Floats]]:
    """Least and most that each term can be while a run keeps within the margins. Broadcast to (n, n, M).

    Rests on: 0 <= q, b, w, depth <= 1; g <= 1; balance >= c_i + s0 while effort cannot fall below
    its bound; partners and shared partners < n; experience only grows with the accords signed."""
    n = world.n
    rules = world.rules
    most_support = world.reliability.max(axis=0) * world.at_hand
    least_balance = world.capability * max(1.0 - rules.effort_max, 0.0) + rules.s0
    added = most_support[:, :, None] * world.ladder.depth
    floor = least_balance[:, None, None] + added
    most_gain = np.divide(added, floor, out=np.zeros_like(added), where=floor > 0)
    norm = baseline.gain_norm[:, None, :]
    crowd = float(n - 1)
    most_partners = np.log1p(np.minimum(baseline.partners + margins.partners, crowd))
    most_shared = np.log1p(np.minimum(baseline.shared + 2 * margins.partners, crowd))
    least_mean = np.log1p(baseline.partners).mean() - margins.log_mean
    least_shared = baseline.shared_mean - margins.log_mean
    zero, one = np.zeros(()), np.ones(())
    trade_sum = world.trade.sum(axis=1)[:, None, None]
    doubt = (1.0 - world.reliability.min(axis=0)).max(initial=0.0)
    begun = np.zeros((n, n))
    begun[world.first, world.second] = begun[world.second, world.first] = world.experience
    return {
        "security_gain": (np.log(rules.gain_floor) - norm, np.log(most_gain + rules.gain_floor) - norm),
        "common_threat": (zero, one),
        "distrust": (-one, zero),
        "similarity": (-world.gap[:, :, None],) * 2,
        "joint_democracy": (world.democracy[:, :, None],) * 2,
        "proximity": (world.proximity[:, :, None],) * 2,
        "popularity": (-np.log1p(crowd) * one, (most_partners - least_mean)[None, :, None]),
        "closure": (-np.log1p(crowd) * one, (most_shared - least_shared)[:, :, None]),
        "experience": (zero, np.log1p(begun + margins.accords)[:, :, None]),
        "ladder": (zero, one),
        "autonomy": (-world.autonomy[:, None, None] * np.log1p(crowd), zero),
        "exposure": (-world.ladder.depth * trade_sum, zero),
        "hub_doubt": (zero, doubt * one),
        "bandwagon": (zero, one),
    }


def within_margins(baseline: Baseline, partners: Floats, shared_mean: Floats, signed: Floats) -> bool:
    """Whether runs still keep within the margins. partners (R, n), shared_mean (R,), signed: by a pair."""
    fell = np.log1p(baseline.partners).mean() - np.log1p(partners).mean(axis=-1)
    return bool(
        (partners - baseline.partners).max(initial=0.0) <= MARGINS.partners
        and fell.max(initial=0.0) <= MARGINS.log_mean
        and (baseline.shared_mean - shared_mean).max(initial=0.0) <= MARGINS.log_mean
        and signed.max(initial=0.0) <= MARGINS.accords
    )


def most_willing(world: World, baseline: Baseline, leave_out: tuple[str, ...] = ()) -> Floats:
    """(n, n, M) an upper bound of u_ij for every view that can arise, some terms left out."""
    u = world.ladder.intercept + world.propensity[:, None, None] + np.zeros((world.n, world.n, 1))
    bounds = ranges(world, baseline)
    for name, weight in world.rules.weights.items():
        if weight != 0 and name not in leave_out:
            low, high = bounds[name]
            u = u + np.maximum(weight * low, weight * high)
    return u
