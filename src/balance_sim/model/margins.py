"""How willing a state can become at the most, while a run keeps near its start.

The clocks use it to thin opportunities that could not lead to consent. It decides speed and precision and never an
agreement: a run that leaves the margins is simulated again with every opportunity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import Baseline, World
from balance_sim.model.state import State
from balance_sim.model.willingness import log_size, over

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Margins:
    """How far a run may move from the start before the ranges below no longer hold.

    Generous for a year or two. The engine watches them (`BoundExceeded`) and the block is then simulated again
    with every opportunity."""

    partners: float = 8.0  # gained by one state
    lost: float = 4.0  # partners lost by one state
    accords: float = 6.0  # signed by one pair
    signed: float = 24.0  # signed by one state
    log_mean: float = 0.3  # fall of a mean of ln(1 + partners), or of shared partners


MARGINS = Margins()


class BoundExceeded(Exception):
    """A replication left the margins: its opportunities must not be thinned."""


def ranges(
    world: World, baseline: Baseline, margins: Margins = MARGINS, shares: Mapping[str, float] | None = None
) -> dict[str, tuple[Floats, Floats]]:
    """Least and most that each term can be while a run keeps within the margins. Broadcast to (n, n, M).

    shares: of terms' changes, where a run has drawn its own.

    Rests on: 0 <= q, h, b, w, depth <= 1; Theta_ij <= c_j o_j p_ij; balance >= c_i + s0 while effort cannot
    fall below its bound; partners and shared partners < n; experience only grows with the accords signed. No
    evidence of an event goes into it, so that arms that differ in events alone have the same bounds."""
    n = world.n
    rules = world.rules
    most_support = np.maximum(world.reliability.max(axis=0), 1.0) * world.at_hand
    least_balance = world.capability * max(1.0 - rules.effort_max, 0.0) + rules.s0
    added = most_support[:, :, None] * world.ladder.depth
    root = np.sqrt(least_balance)[:, None, None] + np.sqrt(least_balance[:, None, None] + added)
    most_gain = over(added, root**2)  # Theta added / ((Theta + c)(Theta + c + added)) at its highest
    most_threat = world.offensive.sum(axis=1)
    most_insecure = over(most_threat, most_threat + least_balance)
    most_overlap = np.sqrt(most_insecure[:, None] * most_insecure)
    most_of_one = over(world.offensive, world.offensive + least_balance[:, None])
    norm = baseline.gain_norm[:, None, :]
    crowd = float(n - 1)
    most_partners = np.log1p(np.minimum(baseline.partners + margins.partners, crowd))
    most_shared = np.log1p(np.minimum(baseline.shared + 2 * margins.partners, crowd))
    least_mean = np.log1p(baseline.partners).mean() - margins.log_mean
    most_mean = most_partners.mean()
    least_partners = np.log1p(np.maximum(baseline.partners - margins.lost, 0.0))
    least_shared = baseline.shared_mean - margins.log_mean
    zero, one = np.zeros(()), np.ones(())
    trade_sum = world.trade.sum(axis=1)[:, None, None]
    doubted = world.patron_of.any(axis=1).astype(float)
    logs = log_size(world)
    last = 2.0 ** (-world.grid[-1] / rules.activity_half_life_days)
    most_active = np.log1p(world.active + margins.signed)
    least_active = np.log1p(world.active * last)
    begun = np.zeros((n, n))
    begun[world.first, world.second] = begun[world.second, world.first] = world.experience
    others = np.maximum(world.engaged[:, None] - begun, 0.0)
    most_shared_past = (begun + margins.accords) / (1.0 + begun + margins.accords + others)

    def since_start(name: str, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        share, first = (shares or {}).get(name, getattr(rules, f"change_{name}")), baseline.first.get(name)
        if first is None or share == 1.0:
            return low, high
        steady = (1.0 - share) * (first if first.ndim == 3 else first[:, :, None])
        return steady + share * low, steady + share * high

    return {
        "security_gain": since_start(
            "security_gain", np.log(rules.gain_floor) - norm, np.log(most_gain + rules.gain_floor) - norm
        ),
        "common_threat": since_start("common_threat", zero, most_overlap[:, :, None]),
        "hostility": since_start("hostility", -one, zero),
        "similarity": (-world.gap[:, :, None],) * 2,
        "joint_democracy": (world.democracy[:, :, None],) * 2,
        "democracy_gap": (-world.democracy_gap[:, :, None],) * 2,
        "proximity": (world.proximity[:, :, None],) * 2,
        "size": ((logs - logs.mean())[None, :, None],) * 2,
        "activity": (
            (least_active - most_active.mean())[None, :, None],
            (most_active - least_active.mean())[None, :, None],
        ),
        "popularity": (
            (least_partners - most_mean)[None, :, None],
            (most_partners - least_mean)[None, :, None],
        ),
        "closure": (-np.log1p(crowd) * one, (most_shared - least_shared)[:, :, None]),
        "experience": (zero, most_shared_past[:, :, None]),
        "ladder": (zero, one),
        "autonomy": (
            (-world.autonomy * most_partners)[:, None, None],
            (-world.autonomy * least_partners)[:, None, None],
        ),
        "exposure": (-world.ladder.depth * trade_sum, zero),
        "hub_doubt": (zero, doubted[:, None, None]),
        "bandwagon": (zero, most_of_one[:, :, None]),
    }


def within_margins(world: World, baseline: Baseline, state: State, margins: Margins = MARGINS) -> Bools:
    """(R,) whether the network of each replication, and what it has signed, keep within the margins now."""
    fell = np.log1p(baseline.partners).mean() - state.log_partners.mean(axis=-1)
    signed_by_pair = (state.experience - world.experience).max(axis=-1, initial=0.0)
    signed_by_state = (state.active - world.active).max(axis=-1, initial=0.0)
    return np.asarray(
        ((state.partners - baseline.partners).max(axis=-1, initial=0.0) <= margins.partners)
        & ((baseline.partners - state.partners).max(axis=-1, initial=0.0) <= margins.lost)
        & (fell <= margins.log_mean)
        & (baseline.shared_mean - state.shared_mean <= margins.log_mean)
        & (signed_by_pair <= margins.accords)
        & (signed_by_state <= margins.signed)
    )


def most_willing(world: World, baseline: Baseline, margins: Margins = MARGINS) -> Floats:
    """An upper bound of u_ij for every view that can arise while a run keeps within the margins.

    (n, n, M); (R, n, n, M) where each of R replications has drawn parameters of its own."""
    if world.drawn is None:
        bounds = ranges(world, baseline, margins)
        return _bounded(world, bounds, world.rules.weights, np.zeros(()))
    most = np.empty((len(world.drawn.level), world.n, world.n, len(world.ladder.names)))
    for run, level in enumerate(world.drawn.level):
        weights = {name: float(drawn[run]) for name, drawn in world.drawn.weights.items()}
        shares = {name: float(drawn[run]) for name, drawn in world.drawn.shares.items()}
        if shares or run == 0:
            bounds = ranges(world, baseline, margins, shares)
        most[run] = _bounded(world, bounds, world.rules.weights | weights, level)
    return most


def _bounded(
    world: World, bounds: dict[str, tuple[Floats, Floats]], weights: dict[str, float], level: Floats
) -> Floats:
    u = world.ladder.intercept + level + world.propensity[:, None, :] + np.zeros((world.n, world.n, 1))
    for name, weight in weights.items():
        if weight != 0:
            low, high = bounds[name]
            u = u + np.maximum(weight * low, weight * high)
    return np.asarray(u)
