"""What states are expected to have signed by each span, which they remember: the
experience of dyads and the activity of states.

In replications every signature adds to both (`pipeline.sign_talks`). Spans draw
nothing, so the expected number is added, at the start's willingness: of the talks that
nobody has recorded, and of those that open at the rate

    rate P(idle)        P(idle) = 1 / (1 + rate * days that a clock is kept busy)

with the rate of the start (alternating renewals: Cox 1962, Renewal Theory, ch. 7).
Talks on record are signed by their lag or on their date, and
what changes sign is signed on its day. What an arm signs more than at the start's
willingness is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balance_sim.model.core import DAYS_PER_YEAR, Baseline, Floats, Ints, World
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import (
    chance_under_way,
    rates_at_start,
    share_signed,
)
from balance_sim.stats.lags import (
    signed_from_age,
    signed_from_steady_state,
    signed_integral,
)


@dataclass(frozen=True)
class Remembered:
    """What is remembered in each of K spans, scaled to day 0 as a state has it: (K, P),
    (K, n), (K, n)."""

    experience: Floats
    engaged: Floats
    active: Floats

    def put_into(self, state: BlockState, span: int | Ints) -> None:
        """Let a state remember what it does in a span; or each of its replications, in
        a span of its own."""
        rows = np.atleast_1d(span)
        state.experience = self.experience[rows]
        state.engaged = self.engaged[rows]
        state.active = self.active[rows]


def remembered(world: World, baseline: Baseline) -> Remembered:
    """What is remembered in the middle of each span of a world in spans."""
    days = (world.grid[1:] + world.grid[:-1]) / 2
    signed = signed_by(world, baseline, days)
    experience = _scaled(signed, days, world.rules.experience_half_life_days)
    activity = _scaled(signed, days, world.rules.activity_half_life_days)
    return Remembered(
        experience=world.experience + experience,
        engaged=world.engaged + _by_state(world, experience),
        active=world.active + _by_state(world, activity),
    )


def _by_state(world: World, of_dyads: Floats) -> Floats:
    """(K, n) sums over the dyads of each state, from (K, P)."""
    sums = np.zeros((len(of_dyads), world.n))
    np.add.at(sums.T, world.first, of_dyads.T)
    np.add.at(sums.T, world.second, of_dyads.T)
    return sums


def _scaled(signed: Floats, days: Floats, half_life: float) -> Floats:
    """(K, P) signatures by each of K days, each scaled to day 0: they fall in the
    middle of the time from one of these days to the next."""
    earlier = np.concatenate([[0.0], days[:-1]])
    growth = 2.0 ** ((days + earlier) / 2 / half_life)
    between = np.diff(signed, axis=0, prepend=0.0)
    return np.asarray(np.cumsum(between * growth[:, None], axis=0))


def signed_by(world: World, baseline: Baseline, days: Floats) -> Floats:
    """(K, P) agreements of all types that each dyad is expected to sign from the start
    to each of K days."""
    record, ladder = world.initial, world.ladder
    collapse = world.rules.collapse_rate / DAYS_PER_YEAR
    lag = ladder.talks_shape, ladder.talks_days, collapse
    under_way = record.stage < 2
    at_start = chance_under_way(world, baseline).reshape(-1, len(ladder.names))
    at_start[record.dyad[under_way], record.kind[under_way]] = 0.0
    opens = opened_a_day(world, baseline)
    opens[record.dyad[under_way], record.kind[under_way]] = 0.0
    signed = signed_from_steady_state(days[:, None], *lag) @ at_start.T
    signed += signed_integral(days[:, None], *lag) @ opens.T
    is_talks = record.stage == 0
    undated = np.isnan(record.fixed_signed) & np.isnan(record.fixed_in_force)
    for row in np.flatnonzero(is_talks & undated):
        kind = record.kind[row]
        age = np.maximum(-np.nan_to_num(record.opened[row]), 0.0)
        own_lag = ladder.talks_shape[kind], ladder.talks_days[kind], collapse
        signed[:, record.dyad[row]] += signed_from_age(days, age, *own_lag)
    for row in np.flatnonzero(is_talks & ~np.isnan(record.fixed_signed)):
        signed[:, record.dyad[row]] += record.fixed_signed[row] <= days
    if world.signings is not None:
        given = world.signings
        for row in np.flatnonzero(given.bilateral):
            signed[:, given.dyad[row]] += given.signed[row] <= days
    return signed


def opened_a_day(world: World, baseline: Baseline) -> Floats:
    """(P, M) talks that open on each clock a day, at the start's willingness."""
    ladder = world.ladder
    rate = rates_at_start(world, baseline.keen) / DAYS_PER_YEAR
    share = share_signed(ladder, world.rules.collapse_rate)
    busy = ladder.talks_days + share * (1.0 - ladder.at_once) * ladder.force_days
    return np.asarray(rate / (1.0 + rate * busy))
