"""The life of an agreement: talks, signed, in force, over. Lags are gamma, failures and
ends exponential.

Each agreement has clocks of its own, keyed by its dyad, kind and opportunity (or its
row in the record), so the same agreement draws the same lags in every arm.
"""

from __future__ import annotations

import numpy as np

from balance_sim.model import clocks
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    NEVER,
    ORIGINS,
    Baseline,
    Bools,
    Floats,
    Ints,
    Keys,
    Opportunities,
    World,
)
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import AgreementRows, BlockState, Hastened
from balance_sim.model.streams import (
    AGREEMENT,
    ASSUMED_TALKS,
    AgreementDraw,
    AssumedDraw,
    stream_keys,
)
from balance_sim.model.thinning import FEW, chance_under_way, clock_keys

NEW, ASSUMED, TALKS, SIGNED, SCHEDULED, IN_FORCE = range(len(ORIGINS))
_OF_ASSUMED = np.uint64(1 << 40)


def agreement_keys(
    world: World, runs: Keys, seed: int, run: Ints, dyad: Ints, kind: Ints, own: Keys
) -> Keys:
    """(K,) one key for each agreement, from its run, dyad, kind, and what tells it from
    others of its kind."""
    key = stream_keys(seed, runs, AGREEMENT)[run]
    key = clocks.absorb(
        clocks.absorb(key, world.dyad_keys[dyad]), world.kind_keys[kind]
    )
    return clocks.absorb(key, own)


def wait(key: Keys, purpose: AgreementDraw, rate_per_year: float) -> Floats:
    """Days until an exponential clock of the given rate fires; NEVER at rate 0."""
    if rate_per_year == 0:
        return np.full(key.shape, NEVER)
    return clocks.exponential(clocks.absorb(key, purpose)) * (
        DAYS_PER_YEAR / rate_per_year
    )


def initial_agreements(world: World, seed: int, runs: Keys) -> AgreementRows:
    """The initial agreements in R runs: talks and signed agreements under way; of those
    in force, which end in time."""
    rules, kinds, record = world.rules, world.ladder, world.initial
    run, row = (grid.ravel() for grid in np.indices((len(runs), len(record.ids))))
    key = agreement_keys(
        world, runs, seed, run, record.dyad[row], record.kind[row], record.keys[row]
    )
    ended = np.where(
        np.isnan(record.ended[row]),
        wait(key, AgreementDraw.END, rules.end_rate),
        record.ended[row],
    )
    keep = np.flatnonzero((record.stage[row] < 2) | (ended < world.grid[-1]))
    run, row, key, ended = run[keep], row[keep], key[keep], ended[keep]
    a = AgreementRows.begun(
        TALKS, run, record.dyad[row], record.kind[row], row, key, record.opened[row]
    )
    a.stage = record.stage[row]
    fixed = ~(np.isnan(record.fixed_signed) & np.isnan(record.fixed_in_force))[row]
    a.origin = np.choose(a.stage, [TALKS, SIGNED, IN_FORCE])
    a.origin[fixed & (a.stage < 2)] = SCHEDULED

    t = np.flatnonzero(a.stage == 0)
    a.opened[t] = np.where(np.isnan(a.opened[t]), 0.0, a.opened[t])
    a.progress[t] = -a.opened[t]
    mean, shape = kinds.talks_days[a.kind[t]], kinds.talks_shape[a.kind[t]]
    a.length[t] = clocks.gamma(
        clocks.absorb(key[t], AgreementDraw.TALKS),
        shape,
        mean,
        elapsed=np.maximum(a.progress[t], 0.0),
    )
    a.fails[t] = wait(key[t], AgreementDraw.FAIL_IN_TALKS, rules.collapse_rate)
    date = record.fixed_signed[row[t]]
    a.signed[t] = np.where(np.isnan(date), NEVER, date)
    a.fails[t] = np.where(np.isnan(date), a.fails[t], NEVER)
    a.plain_signed[t] = np.where(np.isnan(date), at_speed_one(a, t), date)

    s = np.flatnonzero(a.stage == 1)
    a.signed[s] = record.signed[row[s]]
    date = record.fixed_in_force[row[s]]
    _to_force(world, a, s, fixed=date)
    a.fails[s] = np.where(
        np.isnan(date),
        wait(key[s], AgreementDraw.FAIL_SIGNED, rules.collapse_rate),
        NEVER,
    )

    f = np.flatnonzero(a.stage == 2)
    a.signed[f], a.in_force[f] = record.signed[row[f]], record.in_force[row[f]]
    a.ended[f] = ended[f]
    return a


def _to_force(
    world: World, a: AgreementRows, rows: Ints, fixed: Floats | None = None
) -> None:
    """Date of entry into force of agreements just signed, or signed before the
    start."""
    kind = a.kind[rows]
    waited = np.maximum(-a.signed[rows], 0.0)
    draw = clocks.absorb(a.key[rows], AgreementDraw.IN_FORCE)
    lag = clocks.gamma(
        draw,
        world.ladder.force_shape[kind],
        world.ladder.force_days[kind],
        elapsed=waited,
    )
    at_once = clocks.uniform(clocks.draw(draw, 1)) < world.ladder.at_once[kind]
    lag = np.where(at_once & (waited == 0), 0.0, lag)
    date = a.signed[rows] + lag
    if fixed is not None:
        date = np.where(np.isnan(fixed), date, fixed)
    a.in_force[rows] = date


def agreements_at_start(
    world: World, baseline: Baseline, seed: int, runs: Keys
) -> AgreementRows:
    """What R runs begin with: the record, and talks that nobody has recorded yet on
    clocks that the record leaves free.

    No evidence of an event goes into it."""
    known = initial_agreements(world, seed, runs)
    busy = np.zeros((len(runs), len(world.first), len(world.ladder.names)), dtype=bool)
    under_way = known.stage < 2
    busy[known.run[under_way], known.dyad[under_way], known.kind[under_way]] = True
    known.add_rows(unobserved_negotiations(world, baseline, busy, seed, runs))
    return known


def unobserved_negotiations(
    world: World, baseline: Baseline, busy: Bools, seed: int, runs: Keys
) -> AgreementRows:
    """Talks under way at the start that the record does not show, drawn from their
    steady state.

    The record holds few talks: most become known when something is signed. Without them
    a run would begin with an empty pipeline and sign too little in its first months. At
    the start's willingness talks open at rate r; a clock is in talks with probability 1
    - exp(-r mean length). Their length is then length-biased (gamma with one more in
    its shape), their age uniform in it, and they have not failed by that age (renewal
    theory: Cox 1962, ch. 5). The same in every arm. busy: (R, P, M) clocks in talks on
    record."""
    kinds = world.ladder
    chance = chance_under_way(world, baseline)
    chance = np.broadcast_to(chance, (len(runs), chance.shape[-1]))
    stream_key, found = stream_keys(seed, runs, ASSUMED_TALKS), []
    for k in range(0, len(runs), FEW):
        key = clock_keys(world, stream_key[k : k + FEW])
        run, clock = np.nonzero(
            clocks.uniform(clocks.draw(key, AssumedDraw.UNDER_WAY))
            < chance[k : k + FEW]
        )
        found.append((run + k, clock, key[run, clock]))
    run, clock, own = (np.concatenate(column) for column in zip(*found, strict=True))
    dyad, kind = np.divmod(clock, len(kinds.names))
    shape = kinds.talks_shape[kind]
    length = clocks.gamma(
        clocks.draw(own, AssumedDraw.LENGTH),
        shape + 1,
        kinds.talks_days[kind] * (shape + 1) / shape,
    )
    age = clocks.uniform(clocks.draw(own, AssumedDraw.AGE)) * length
    lasted = (
        clocks.exponential(clocks.draw(own, AssumedDraw.LASTED)) * DAYS_PER_YEAR
        > age * world.rules.collapse_rate
    )
    kept = np.flatnonzero(lasted & ~busy[run, dyad, kind])
    run, dyad, kind = run[kept], dyad[kept], kind[kept]
    a_key = agreement_keys(
        world, runs, seed, run, dyad, kind, np.full(len(kept), _OF_ASSUMED)
    )
    a = AgreementRows.begun(
        ASSUMED, run, dyad, kind, np.zeros_like(run), a_key, -age[kept]
    )
    a.length, a.progress = length[kept], age[kept]
    a.fails = wait(own[kept], AgreementDraw.FAIL_IN_TALKS, world.rules.collapse_rate)
    a.plain_signed = at_speed_one(a, np.arange(len(kept)))
    return a


def at_speed_one(a: AgreementRows, rows: Ints) -> Floats:
    """Day on which talks would be signed at speed 1; NEVER where they would have
    collapsed before."""
    done = a.opened[rows] + a.length[rows]
    return np.where(a.fails[rows] < done, NEVER, done)


def clock_of(world: World, run: Ints, dyad: Ints, kind: Ints) -> Ints:
    """One number for a run, a dyad and a kind."""
    return (run * len(world.first) + dyad) * len(world.ladder.names) + kind


def settle(world: World, state: BlockState) -> tuple[Ints, Ints]:
    """Agreements due by the state's day come into force, collapse or end. Returns rows
    (entered, left)."""
    a, day = state.agreements, state.day
    due = np.flatnonzero((a.stage == 1) & (np.minimum(a.in_force, a.fails) <= day))
    fell = a.fails[due] < a.in_force[due]
    entered, collapsed = due[~fell], due[fell]
    a.stage[entered] = 2
    a.stage[collapsed] = 3
    a.in_force[collapsed], a.ended[collapsed] = NEVER, a.fails[collapsed]
    if len(entered):
        a.ended[entered] = a.in_force[entered] + wait(
            a.key[entered], AgreementDraw.END, world.rules.end_rate
        )
    state.busy[a.run[due], a.dyad[due], a.kind[due]] = False
    left = np.flatnonzero((a.stage == 2) & (a.ended <= day))
    a.stage[left] = 3
    return entered, left


def _both_log_gains(
    world: World,
    baseline: Baseline,
    state: BlockState,
    view: View,
    run: Ints,
    dyad: Ints,
    kind: Ints,
) -> Floats:
    both = Prospects.of_both_sides(world, baseline, view, state, run, dyad, kind)
    return both.log_gain.reshape(2, -1).sum(axis=0)


def open_talks(
    world: World,
    baseline: Baseline,
    opportunities: Opportunities,
    state: BlockState,
    view: View,
    rows: Ints,
    seed: int,
) -> None:
    """Talks at the given opportunities; of two in one step on one clock the earlier
    counts."""
    if not len(rows):
        return
    clock = clock_of(
        world,
        opportunities.run[rows],
        opportunities.dyad[rows],
        opportunities.kind[rows],
    )
    _, earliest = np.unique(clock, return_index=True)
    rows = rows[np.sort(earliest)]
    run, dyad, kind, count = (
        opportunities.run[rows],
        opportunities.dyad[rows],
        opportunities.kind[rows],
        opportunities.count[rows],
    )
    key = agreement_keys(
        world, state.runs, seed, run, dyad, kind, count.astype(np.uint64)
    )
    a = AgreementRows.begun(NEW, run, dyad, kind, count, key, opportunities.day[rows])
    a.length = clocks.gamma(
        clocks.absorb(key, AgreementDraw.TALKS),
        world.ladder.talks_shape[a.kind],
        world.ladder.talks_days[a.kind],
    )
    a.fails = a.opened + wait(
        key, AgreementDraw.FAIL_IN_TALKS, world.rules.collapse_rate
    )
    a.plain_signed = at_speed_one(a, np.arange(len(rows)))
    a.gain = _both_log_gains(world, baseline, state, view, a.run, a.dyad, a.kind)
    state.busy[a.run, a.dyad, a.kind] = True
    state.agreements.add_rows(a)


def speed(now: Floats, opened: Floats, exponent: float, most: float) -> Floats:
    """How fast talks run: 1, or more, within a bound, where the two sides' gain has
    grown since they opened.

    now, opened: (K,) sum over both sides of the log gain."""
    return np.clip(np.exp(exponent * (now - opened)), 1.0, most)


def sign_talks(
    world: World,
    baseline: Baseline,
    state: BlockState,
    view: View,
    start: float,
    stop: float,
) -> None:
    """Talks go on from `start` to `stop`; at their length they are signed, or they fail
    and are over."""
    a, rules = state.agreements, world.rules
    rows = np.flatnonzero(a.stage == 0)
    if not len(rows):
        return
    now = _both_log_gains(
        world, baseline, state, view, a.run[rows], a.dyad[rows], a.kind[rows]
    )
    fresh = np.isnan(a.gain[rows])
    a.gain[rows[fresh]] = now[fresh]
    pace = speed(now, a.gain[rows], rules.talks_speed_exponent, rules.talks_speed_max)
    since = np.maximum(a.opened[rows], start)
    done = since + (a.length[rows] - a.progress[rows]) / pace
    fixed_date = np.isfinite(a.signed[rows])
    done = np.where(fixed_date, a.signed[rows], done)
    fast = np.flatnonzero((pace > 1.0) & ~fixed_date)
    state.hastened.append(Hastened.of(a, rows[fast], since[fast], stop, pace[fast]))
    a.progress[rows] += pace * (stop - since)
    failing = (a.fails[rows] < done) & (a.fails[rows] < stop)
    signing = (done < stop) & ~failing
    failed = rows[failing]
    a.stage[failed], a.ended[failed] = 3, a.fails[failed]
    state.busy[a.run[failed], a.dyad[failed], a.kind[failed]] = False
    signed = rows[signing]
    if not len(signed):
        return
    a.stage[signed], a.signed[signed] = 1, done[signing]
    few = a.take(signed)
    fixed = None
    recorded = few.origin == SCHEDULED
    if recorded.any():
        fixed = np.where(
            recorded,
            world.initial.fixed_in_force[np.where(recorded, few.count, 0)],
            np.nan,
        )
    _to_force(world, few, np.arange(len(few.run)), fixed=fixed)
    a.in_force[signed] = few.in_force
    a.fails[signed] = few.signed + wait(
        few.key, AgreementDraw.FAIL_SIGNED, rules.collapse_rate
    )
    if fixed is not None:
        a.fails[signed] = np.where(np.isnan(fixed), a.fails[signed], NEVER)
    holds = a.fails[signed] >= a.in_force[signed]
    a.plain_in_force[signed] = np.where(
        holds, a.plain_signed[signed] + few.in_force - few.signed, NEVER
    )
    state.touched[few.run, few.dyad] = True
    grow = 2.0 ** (few.signed / rules.experience_half_life_days)
    recent = 2.0 ** (few.signed / rules.activity_half_life_days)
    np.add.at(state.experience, (few.run, few.dyad), grow)
    for side in (world.first, world.second):
        np.add.at(state.engaged, (few.run, side[few.dyad]), grow)
        np.add.at(state.active, (few.run, side[few.dyad]), recent)
