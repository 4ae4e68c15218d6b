"""The life of an agreement: talks, signed, in force, over. Lags are gamma, failures and
ends exponential.

Each agreement has clocks of its own, keyed by its dyad, type and opportunity (or its
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
from balance_sim.model.state import AgreementRows, BlockState, set_busy
from balance_sim.model.streams import (
    AGREEMENT,
    ASSUMED_TALKS,
    AgreementDraw,
    AssumedDraw,
    stream_keys,
)
from balance_sim.model.thinning import chance_under_way, drawn_clocks

NEW, ASSUMED, TALKS, SIGNED, SCHEDULED, IN_FORCE, ACCEDED = range(len(ORIGINS))
_OF_ASSUMED = np.uint64(1 << 40)


def agreement_keys(
    world: World, runs: Keys, seed: int, run: Ints, dyad: Ints, kind: Ints, own: Keys
) -> Keys:
    """(K,) one key for each agreement, from its replication, dyad, type, and what sets
    it apart from others of its type."""
    key = stream_keys(seed, runs, AGREEMENT)[run]
    key = clocks.absorb(key, world.dyad_keys[dyad])
    key = clocks.absorb(key, world.kind_keys[kind])
    return clocks.absorb(key, own)


def wait(key: Keys, purpose: AgreementDraw, rate_per_year: float) -> Floats:
    """Days until an exponential clock of the given rate fires; NEVER at rate 0."""
    if rate_per_year == 0:
        return np.full(key.shape, NEVER)
    draw = clocks.exponential(clocks.absorb(key, purpose))
    return draw * (DAYS_PER_YEAR / rate_per_year)


def talks_length(
    world: World, key: Keys, kind: Ints, elapsed: Floats | float = 0.0
) -> Floats:
    """(K,) gamma length of talks, days, given that some have elapsed.

    key: (K,) of the agreements; kind: (K,) agreement types."""
    shape, mean = world.ladder.talks_shape[kind], world.ladder.talks_days[kind]
    draw = clocks.absorb(key, AgreementDraw.TALKS)
    return clocks.gamma(draw, shape, mean, elapsed=elapsed)


def under_way_on_record(world: World) -> AgreementRows:
    """The talks and signed agreements on record in one replication, without lags: all
    that beliefs at the start rest on."""
    record = world.initial
    row = np.flatnonzero(record.stage < 2)
    dyad, kind = record.dyad[row], record.kind[row]
    run, key = np.zeros_like(row), record.keys[row]
    agreements = AgreementRows.begun(
        TALKS, run, dyad, kind, row, key, record.opened[row]
    )
    agreements.stage, agreements.signed = record.stage[row], record.signed[row]
    return agreements


def initial_agreements(world: World, seed: int, runs: Keys) -> AgreementRows:
    """The initial agreements in R replications: talks and signed agreements under way;
    of those in force, which end in time."""
    rules, record = world.rules, world.initial
    run, row = np.indices((len(runs), len(record.ids))).reshape(2, -1)
    dyad, kind = record.dyad[row], record.kind[row]
    key = agreement_keys(world, runs, seed, run, dyad, kind, record.keys[row])
    drawn_end = wait(key, AgreementDraw.END, rules.end_rate)
    ended = np.where(np.isnan(record.ended[row]), drawn_end, record.ended[row])
    counts = np.flatnonzero((record.stage[row] < 2) | (ended < world.grid[-1]))
    run, row, key, ended = run[counts], row[counts], key[counts], ended[counts]
    opened = record.opened[row]
    agreements = AgreementRows.begun(
        TALKS, run, record.dyad[row], record.kind[row], row, key, opened
    )
    agreements.stage = record.stage[row]
    undated = np.isnan(record.fixed_signed) & np.isnan(record.fixed_in_force)
    agreements.origin = np.choose(agreements.stage, [TALKS, SIGNED, IN_FORCE])
    agreements.origin[~undated[row] & (agreements.stage < 2)] = SCHEDULED
    _draw_recorded_talks(world, agreements)
    _draw_recorded_signed(world, agreements)
    in_force = np.flatnonzero(agreements.stage == 2)
    agreements.signed[in_force] = record.signed[row[in_force]]
    agreements.in_force[in_force] = record.in_force[row[in_force]]
    agreements.ended[in_force] = ended[in_force]
    return agreements


def _draw_recorded_talks(world: World, agreements: AgreementRows) -> None:
    """Lags and failures of the talks on record; those with a fixed date keep it."""
    talks = np.flatnonzero(agreements.stage == 0)
    key, kind = agreements.key[talks], agreements.kind[talks]
    opened = agreements.opened[talks]
    agreements.opened[talks] = np.where(np.isnan(opened), 0.0, opened)
    agreements.progress[talks] = -agreements.opened[talks]
    elapsed = np.maximum(agreements.progress[talks], 0.0)
    agreements.length[talks] = talks_length(world, key, kind, elapsed)
    agreements.fails[talks] = wait(
        key, AgreementDraw.FAIL_IN_TALKS, world.rules.collapse_rate
    )
    date = world.initial.fixed_signed[agreements.count[talks]]
    undated = np.isnan(date)
    agreements.signed[talks] = np.where(undated, NEVER, date)
    agreements.fails[talks] = np.where(undated, agreements.fails[talks], NEVER)


def _draw_recorded_signed(world: World, agreements: AgreementRows) -> None:
    """Entry into force and failure of the agreements signed before the start."""
    rows = np.flatnonzero(agreements.stage == 1)
    record_row = agreements.count[rows]
    agreements.signed[rows] = world.initial.signed[record_row]
    date = world.initial.fixed_in_force[record_row]
    agreements.in_force[rows] = entry_into_force(world, agreements, rows, date)
    fails = wait(
        agreements.key[rows], AgreementDraw.FAIL_SIGNED, world.rules.collapse_rate
    )
    agreements.fails[rows] = np.where(np.isnan(date), fails, NEVER)


def entry_into_force(
    world: World, agreements: AgreementRows, rows: Ints, fixed: Floats
) -> Floats:
    """(K,) day of entry into force of agreements just signed, or signed before the
    start. fixed: (K,) days on record, NaN for none."""
    kind, ladder = agreements.kind[rows], world.ladder
    waited = np.maximum(-agreements.signed[rows], 0.0)
    draw = clocks.absorb(agreements.key[rows], AgreementDraw.IN_FORCE)
    shape, mean = ladder.force_shape[kind], ladder.force_days[kind]
    lag = clocks.gamma(draw, shape, mean, elapsed=waited)
    at_once = clocks.uniform(clocks.draw(draw, 1)) < ladder.at_once[kind]
    lag = np.where(at_once & (waited == 0), 0.0, lag)
    return np.where(np.isnan(fixed), agreements.signed[rows] + lag, fixed)


def agreements_at_start(
    world: World, baseline: Baseline, seed: int, runs: Keys
) -> AgreementRows:
    """What R replications begin with: the record, and talks that nobody has recorded
    yet where the record leaves a dyad and type free.

    No evidence of an event goes into it."""
    agreements = initial_agreements(world, seed, runs)
    busy = np.zeros((len(runs), len(world.first), len(world.ladder.names)), dtype=bool)
    under_way = agreements.stage < 2
    busy[
        agreements.run[under_way],
        agreements.dyad[under_way],
        agreements.kind[under_way],
    ] = True
    agreements.add_rows(unobserved_negotiations(world, baseline, busy, seed, runs))
    return agreements


def unobserved_negotiations(
    world: World, baseline: Baseline, busy: Bools, seed: int, runs: Keys
) -> AgreementRows:
    """Talks under way at the start that the record does not show, drawn from their
    steady state.

    The record holds few talks: most become known when something is signed. Without them
    a replication would begin with an empty pipeline and sign too little in its first
    months. At the start's willingness talks open at rate r; a dyad is in talks of a
    type with probability 1 - exp(-r mean length). Their length is then length-biased
    (gamma with one more in its shape), their age uniform in it, and they have not
    failed by that age (renewal theory: Cox 1962, ch. 5). The same in every arm. busy:
    (R, P, M) in talks on record."""
    ladder, rules = world.ladder, world.rules
    run, clock, key = _drawn_under_way(world, baseline, seed, runs)
    dyad, kind = np.divmod(clock, len(ladder.names))
    shape = ladder.talks_shape[kind]
    mean = ladder.talks_days[kind] * (shape + 1) / shape
    length = clocks.gamma(clocks.draw(key, AssumedDraw.LENGTH), shape + 1, mean)
    age = clocks.uniform(clocks.draw(key, AssumedDraw.AGE)) * length
    lifetime = clocks.exponential(clocks.draw(key, AssumedDraw.LASTED)) * DAYS_PER_YEAR
    lasted = lifetime > age * rules.collapse_rate
    rows = np.flatnonzero(lasted & ~busy[run, dyad, kind])
    run, dyad, kind, age = run[rows], dyad[rows], kind[rows], age[rows]
    row = np.full(len(rows), _OF_ASSUMED)
    row_key = agreement_keys(world, runs, seed, run, dyad, kind, row)
    count = np.zeros_like(run)
    agreements = AgreementRows.begun(ASSUMED, run, dyad, kind, count, row_key, -age)
    agreements.length, agreements.progress = length[rows], age
    agreements.fails = wait(key[rows], AgreementDraw.FAIL_IN_TALKS, rules.collapse_rate)
    return agreements


def _drawn_under_way(
    world: World, baseline: Baseline, seed: int, runs: Keys
) -> tuple[Ints, Ints, Keys]:
    """Replication, dyad and type (as one number), and key of talks that nobody has
    recorded."""
    chance = chance_under_way(world, baseline)
    chance = np.broadcast_to(chance, (len(runs), chance.shape[-1]))

    def is_under_way(key: Keys, rows: slice) -> Bools:
        uniform = clocks.uniform(clocks.draw(key, AssumedDraw.UNDER_WAY))
        return np.asarray(uniform < chance[rows])

    stream_key = stream_keys(seed, runs, ASSUMED_TALKS)
    drawn = zip(*drawn_clocks(world, stream_key, is_under_way), strict=True)
    place, key = map(np.concatenate, drawn)
    return *np.divmod(place, chance.shape[-1]), key


def clock_of(world: World, run: Ints, dyad: Ints, kind: Ints) -> Ints:
    """One number for a replication, a dyad and a type."""
    return (run * len(world.first) + dyad) * len(world.ladder.names) + kind


def settle(world: World, state: BlockState) -> tuple[Ints, Ints]:
    """Agreements due by the state's day come into force, collapse or end.

    Returns
    -------
    entered, ended : (K,)
        rows of those that came into force, and of those that were and are no more
    """
    agreements, day = state.agreements, state.day
    is_due = np.minimum(agreements.in_force, agreements.fails) <= day
    due = np.flatnonzero((agreements.stage == 1) & is_due)
    fell = agreements.fails[due] < agreements.in_force[due]
    entered, collapsed = due[~fell], due[fell]
    agreements.stage[entered] = 2
    agreements.stage[collapsed] = 3
    agreements.ended[collapsed] = agreements.fails[collapsed]
    agreements.in_force[collapsed] = NEVER
    if len(entered):
        lifetime = wait(
            agreements.key[entered], AgreementDraw.END, world.rules.end_rate
        )
        agreements.ended[entered] = agreements.in_force[entered] + lifetime
    set_busy(state, agreements.clocks(due), is_busy=False)
    ended = np.flatnonzero((agreements.stage == 2) & (agreements.ended <= day))
    agreements.stage[ended] = 3
    return entered, ended


def open_talks(
    world: World, opportunities: Opportunities, state: BlockState, rows: Ints, seed: int
) -> None:
    """Talks at the given opportunities; of two in one step of one dyad and type the
    earlier counts."""
    if not len(rows):
        return
    run, dyad = opportunities.run[rows], opportunities.dyad[rows]
    clock = clock_of(world, run, dyad, opportunities.kind[rows])
    rows = rows[np.diff(clock, prepend=-1) > 0]  # sorted by clock within a step
    run, dyad = opportunities.run[rows], opportunities.dyad[rows]
    kind, count = opportunities.kind[rows], opportunities.count[rows]
    number = count.astype(np.uint64)
    key = agreement_keys(world, state.runs, seed, run, dyad, kind, number)
    opened = opportunities.day[rows]
    agreements = AgreementRows.begun(NEW, run, dyad, kind, count, key, opened)
    agreements.length = _lengths(world, opportunities, rows, key, kind)
    fails_after = wait(key, AgreementDraw.FAIL_IN_TALKS, world.rules.collapse_rate)
    agreements.fails = agreements.opened + fails_after
    set_busy(state, (run, dyad, kind), is_busy=True)
    state.agreements.add_rows(agreements)


def _lengths(
    world: World, opportunities: Opportunities, rows: Ints, key: Keys, kind: Ints
) -> Floats:
    """(K,) lengths of the talks that open, drawn once for all arms whose agreement
    types are those of the world in which opportunities were drawn."""
    if world.ladder is not opportunities.drawn_in.ladder:
        return talks_length(world, key, kind)
    lengths = opportunities.talks_days
    unknown = np.flatnonzero(np.isnan(lengths.take(rows)))
    lengths[rows[unknown]] = talks_length(world, key[unknown], kind[unknown])
    return lengths.take(rows)


def sign_talks(world: World, state: BlockState, start: float, stop: float) -> None:
    """Talks go on from `start` to `stop`; at their length they are signed, or they fail
    and are over."""
    agreements = state.agreements
    rows = np.flatnonzero(agreements.stage == 0)
    if not len(rows):
        return
    given, fails = agreements.signed[rows], agreements.fails[rows]
    since = np.maximum(agreements.opened[rows], start)
    at_length = since + (agreements.length[rows] - agreements.progress[rows])
    signature = np.where(np.isfinite(given), given, at_length)
    agreements.progress[rows] += stop - since
    failing = (fails < signature) & (fails < stop)
    signing = (signature < stop) & ~failing
    failed = rows[failing]
    agreements.stage[failed] = 3
    agreements.ended[failed] = agreements.fails[failed]
    set_busy(state, agreements.clocks(failed), is_busy=False)
    if signing.any():
        agreements.stage[rows[signing]] = 1
        agreements.signed[rows[signing]] = signature[signing]
        _sign(world, state, rows[signing])


def sign_given(world: World, state: BlockState, rows: Ints, seed: int) -> None:
    """Agreements that changes sign, in every replication; talks of the same dyad and
    type are over. rows: of the world's signings, that are signed now."""
    signings = world.signings
    if signings is None or not len(rows):
        return
    agreements, runs = state.agreements, np.arange(len(state.runs))
    run, row = np.repeat(runs, len(rows)), np.tile(rows, len(runs))
    dyad, kind = signings.dyad[row], signings.kind[row]
    is_given = np.isin(
        clock_of(world, agreements.run, agreements.dyad, agreements.kind),
        clock_of(world, run, dyad, kind),
    )
    over = np.flatnonzero(is_given & (agreements.stage == 0))
    agreements.stage[over], agreements.ended[over] = 3, state.day
    key = agreement_keys(world, state.runs, seed, run, dyad, kind, signings.keys[row])
    count, day = signings.count[row], signings.signed[row]
    signed = AgreementRows.begun(SCHEDULED, run, dyad, kind, count, key, day)
    signed.signed = signings.signed[row]
    signed.stage = np.ones(len(row), dtype=np.int64)
    signed.in_force = entry_into_force(
        world, signed, np.arange(len(row)), signings.in_force[row]
    )
    set_busy(state, (run, dyad, kind), is_busy=True)
    state.touched[run, dyad] = True
    state.agreements.add_rows(signed)
    _remember(world, state, signed.take(np.flatnonzero(signings.bilateral[row])))


def _sign(world: World, state: BlockState, rows: Ints) -> None:
    """What follows from signature: entry into force or failure, and the experience of
    both sides.

    Experience and activity are stored as of day 0, 2^(day / half-life), so that they
    fade by one factor for all: Butts 2008, Sociological Methodology 38."""
    agreements, rules = state.agreements, world.rules
    signed = agreements.take(rows)
    fixed = np.full(len(rows), np.nan)
    recorded = signed.origin == SCHEDULED
    fixed[recorded] = world.initial.fixed_in_force[signed.count[recorded]]
    signed.in_force = entry_into_force(world, signed, np.arange(len(rows)), fixed)
    fails_after = wait(signed.key, AgreementDraw.FAIL_SIGNED, rules.collapse_rate)
    signed.fails = np.where(np.isnan(fixed), signed.signed + fails_after, NEVER)
    agreements.in_force[rows], agreements.fails[rows] = signed.in_force, signed.fails
    state.touched[signed.run, signed.dyad] = True
    _remember(world, state, signed)


def _remember(world: World, state: BlockState, signed: AgreementRows) -> None:
    """Experience and activity of both sides of what was signed; of accessions to a pact
    nothing is remembered, as of legs of multilateral treaties on record."""
    rules = world.rules
    experience = 2.0 ** (signed.signed / rules.experience_half_life_days)
    activity = 2.0 ** (signed.signed / rules.activity_half_life_days)
    np.add.at(state.experience, (signed.run, signed.dyad), experience)
    for side in (world.first, world.second):
        places = signed.run, side[signed.dyad]
        np.add.at(state.engaged, places, experience)
        np.add.at(state.active, places, activity)
