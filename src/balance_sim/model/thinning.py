"""When dyads could open talks: a Poisson stream for each dyad and kind, thinned, the
same in every arm.

    rate          opportunities of kind m between i and j come at lambda_ijm = ceiling_m * frailty_ij a year
    uniforms      at each, i consents with probability sigma(u_ij) and j with sigma(u_ji), each on a uniform of its own,
                  so that talks open at rate lambda_ijm sigma(u_ij) sigma(u_ji); where
                  the two have no relations a third uniform thins that rate by the
                  dyad's factor
    upper bound   of u_ij while a replication keeps within the margins of its start
    thinned       opportunities at which a side could not consent even at its upper bound are left out

Thinning: Lewis, Shedler 1979, Naval Research Logistics Quarterly 26(3). Two-sided
consent: Jackson, Wolinsky 1996. Arms share opportunities and uniforms; they part where
a probability crosses a uniform, and nowhere else (split coupling: Anderson 2012, SIAM
J. Numer. Anal. 50(5)). docs/decisions/0002-opportunities.md.

The bounds decide speed and precision and never an agreement: a replication that leaves
the margins is simulated again with every opportunity. All estimators read rate and
factor here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from balance_sim.model import clocks
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    AgreementTypes,
    Baseline,
    Bools,
    Floats,
    Ints,
    Keys,
    Openness,
    Opportunities,
    Thinning,
    World,
)
from balance_sim.model.prospects import MARGINS, Extremes, Margins
from balance_sim.model.state import BlockState
from balance_sim.model.streams import (
    OPPORTUNITY,
    OpportunityDraw,
    stream_keys,
)
from balance_sim.model.willingness import Bounds, consent, terms_of, total
from balance_sim.scenario.schema import Scenario

FEW = 4  # runs drawn at once, so that the work stays in the cache; changes no result


# Rate


def frailties_of(
    scenario: Scenario, codes: tuple[str, ...], dyad_index: Ints
) -> Floats:
    """(P,) factor on the rate of each dyad, 1 where the scenario names none.
    dyad_index: (n, n).

    What a calibration found of a dyad beyond the terms: one factor for all kinds, the
    same in every arm and all the time (Vaupel, Manton, Stallard 1979, Demography 16:
    439-454)."""
    place = {code: k for k, code in enumerate(codes)}
    out = np.ones(len(codes) * (len(codes) - 1) // 2)
    for row in scenario.frailties:
        out[dyad_index[place[row.a], place[row.b]]] = row.factor
    return out


def opportunity_rate(world: World) -> Floats:
    """(P, M) opportunities a year of each dyad and kind."""
    return np.asarray(world.frailty[:, None] * world.ladder.ceiling)


def share_signed(ladder: AgreementTypes, collapse_rate: float) -> Floats:
    """(M,) share of talks that are signed and do not collapse first: (1 + f m / k)^-k,
    gamma lag of mean m."""
    fails = collapse_rate / DAYS_PER_YEAR
    return np.asarray(
        (1.0 + fails * ladder.talks_days / ladder.talks_shape) ** -ladder.talks_shape
    )


# Whom one does not sign with: at war, without diplomatic relations, not recognised,
# under sanctions. Each class has a factor on the rate while a spell of it is in force;
# of several at once the least holds, for they are reasons for the same thing.
# docs/decisions/0019-whom-one-does-not-sign-with.md.

FACTORS = {
    "war": "factor_war",
    "no_diplomatic_relations": "factor_no_relations",
    "not_recognised": "factor_not_recognised",
    "sanctions": "factor_sanctions",
}
"""Parameter that holds the factor of each kind of spell."""


def openness_of(scenario: Scenario, dyad_index: Ints) -> Openness:
    """The scenario's spells as a step function of the day. dyad_index: (n, n) in the
    order of `scenario.codes`.

    A spell holds from 00:00 of `from` to 00:00 of `until`: on its last day, the day it
    ended, no more."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    spells = [
        (
            dyad_index[roster[row.a], roster[row.b]],
            -np.inf if row.since is None else float((row.since - scenario.start).days),
            np.inf if row.until is None else float((row.until - scenario.start).days),
            float(getattr(scenario.parameters, FACTORS[row.kind])),
        )
        for row in scenario.no_relations
    ]
    horizon = float((scenario.end - scenario.start).days)
    edges = {day for spell in spells for day in spell[1:3] if 0.0 < day < horizon}
    days = np.array([-np.inf, *sorted(edges)])
    factor = np.ones((len(days), int(dyad_index.max(initial=-1)) + 1))
    for dyad, since, until, of_class in spells:
        held = (since <= np.maximum(days, 0.0)) & (np.maximum(days, 0.0) < until)
        factor[held, dyad] = np.minimum(factor[held, dyad], of_class)
    return Openness(days, factor)


def openness_on(world: World, dyad: Ints, day: Floats) -> Floats:
    """(C,) factor of dyads on days."""
    known = world.openness
    if len(known.days) == 1:
        return np.asarray(known.factor[0].take(dyad))
    return np.asarray(
        known.factor[np.searchsorted(known.days, day, side="right") - 1, dyad]
    )


def openness_at(world: World, day: float) -> Floats:
    """(P,) factor of every dyad on a day."""
    known = world.openness
    return np.asarray(
        known.factor[int(np.searchsorted(known.days, day, side="right")) - 1]
    )


def rates_at_start(world: World, keen: Floats) -> Floats:
    """(..., P, M) rate a year at which dyads open talks on the first day. keen: (...,
    P, 2, M) both sides' consent."""
    return (
        opportunity_rate(world) * openness_at(world, 0.0)[:, None] * keen.prod(axis=-2)
    )


def chance_under_way(world: World, baseline: Baseline) -> Floats:
    """(R or 1, P * M) probability that talks nobody recorded are under way at the
    start, on each clock."""
    rate = rates_at_start(world, baseline.keen) / DAYS_PER_YEAR
    chance = -np.expm1(-rate * world.ladder.talks_days)
    return np.asarray(chance.reshape(-1, rate.shape[-2] * rate.shape[-1]))


def share_lasting(ladder: AgreementTypes, collapse_rate: float) -> Floats:
    """(M,) share of talks found under way that have not collapsed by their age, which
    is uniform in their length."""
    fails, shape, mean = (
        collapse_rate / DAYS_PER_YEAR,
        ladder.talks_shape,
        ladder.talks_days,
    )
    if fails == 0:
        return np.ones(len(shape))
    return np.asarray((1.0 - (1.0 + fails * (mean / shape)) ** -shape) / (fails * mean))


def usual_talks(world: World, keen: Floats) -> Floats:
    """(..., n) talks under way that each state has in the steady state of this consent.
    keen: (..., P, 2, M)."""
    chance = -np.expm1(
        -rates_at_start(world, keen) / DAYS_PER_YEAR * world.ladder.talks_days
    )
    return by_state(
        world,
        (chance * share_lasting(world.ladder, world.rules.collapse_rate)).sum(axis=-1),
    )


def by_state(world: World, of_dyads: Floats) -> Floats:
    """(..., n) sum over the dyads that each state is in. of_dyads: (..., P)."""
    out = np.zeros((*of_dyads.shape[:-1], world.n))
    for side in (world.first, world.second):
        np.add.at(out.T, side, of_dyads.T)
    return out


def mean_openness(world: World, edges: Floats) -> Floats:
    """(K, P) mean factor of every dyad from each of the days `edges`, (K + 1,), to the
    next."""
    known = world.openness
    starts, stops = known.days, np.append(known.days[1:], np.inf)
    length = np.maximum(
        np.minimum(stops, edges[1:, None]) - np.maximum(starts, edges[:-1, None]), 0.0
    )
    return np.asarray(length @ known.factor / np.diff(edges)[:, None])


# Upper bound


class BoundExceeded(Exception):
    """A replication left the margins: its opportunities must not be thinned."""


def within_margins(
    world: World, baseline: Baseline, state: BlockState, margins: Margins = MARGINS
) -> Bools:
    """(R,) whether the network of each replication, and what it has signed, keep within
    the margins now."""
    fell = np.log1p(baseline.partners).mean() - state.log_partners.mean(axis=-1)
    signed_by_dyad = (state.experience - world.experience).max(axis=-1, initial=0.0)
    signed_by_state = (state.active - world.active).max(axis=-1, initial=0.0)
    return np.asarray(
        (
            (state.partners - baseline.partners).max(axis=-1, initial=0.0)
            <= margins.partners
        )
        & (
            (baseline.partners - state.partners).max(axis=-1, initial=0.0)
            <= margins.lost
        )
        & (fell <= margins.log_mean)
        & (baseline.shared_mean - state.shared_mean <= margins.log_mean)
        & (signed_by_dyad <= margins.agreements)
        & (signed_by_state <= margins.signed)
    )


def ranges(
    world: World,
    baseline: Baseline,
    margins: Margins = MARGINS,
    shares: Mapping[str, float] | None = None,
) -> dict[str, Bounds]:
    """Least and most of each term while a replication keeps within the margins. shares:
    as in `Extremes`."""
    extremes = Extremes(world, baseline, margins, shares or {})
    return {name: term.between(extremes) for name, term in terms_of(world).items()}


def most_willing(
    world: World, baseline: Baseline, margins: Margins = MARGINS
) -> Floats:
    """An upper bound of u_ij for every view that can arise while a run keeps within the
    margins.

    (n, n, M); (R, n, n, M) where each of R replications has drawn parameters of its
    own."""
    if world.drawn is None:
        bounds = ranges(world, baseline, margins)
        return _bounded(world, bounds, world.rules.weights, np.zeros(()))
    most = np.empty((len(world.drawn.level), world.n, world.n, len(world.ladder.names)))
    for run, level in enumerate(world.drawn.level):
        weights, shares = (
            {name: float(drawn[run]) for name, drawn in of.items()}
            for of in (world.drawn.weights, world.drawn.shares)
        )
        if shares or run == 0:
            bounds = ranges(world, baseline, margins, shares)
        most[run] = _bounded(world, bounds, world.rules.weights | weights, level)
    return most


def _bounded(
    world: World, bounds: dict[str, Bounds], weights: dict[str, float], level: Floats
) -> Floats:
    u = (
        world.ladder.intercept
        + level
        + world.propensity[:, None, :]
        + np.zeros((world.n, world.n, 1))
    )
    weighed = (
        (weight * bounds[name][0], weight * bounds[name][1])
        for name, weight in weights.items()
        if weight
    )
    return total(u, (np.maximum(low, high) for low, high in weighed))


# Uniforms, and which are thinned


def clock_keys(world: World, stream_key: Keys) -> Keys:
    """(R, P * M) one key for each replication, dyad and agreement type of a stream, (R,)
    (`streams.stream_keys`)."""
    by_clock = clocks.absorb(world.dyad_keys[:, None], world.kind_keys)
    return clocks.absorb(stream_key[:, None], by_clock.reshape(-1))


def draw_opportunities(
    world: World, seed: int, runs: Keys, most: Floats | None = None
) -> Opportunities:
    """All opportunities of a block of runs from the start to the horizon.

    most: (n, n, M), or (R, n, n, M), upper bound of every u_ij in every arm;
    opportunities at which a side could not consent even then are left out, which
    changes no result. None keeps them all."""
    every = (DAYS_PER_YEAR / opportunity_rate(world)).reshape(-1)
    bound = (
        None
        if most is None
        else np.broadcast_to(_sides(world, most), (len(runs), 2, len(every)))
    )
    stream_key = stream_keys(seed, runs, OPPORTUNITY)
    found = [
        part
        for k in range(0, len(runs), FEW)
        for part in _stream(
            clock_keys(world, stream_key[k : k + FEW]),
            every,
            world.grid[-1],
            None if bound is None else bound[k : k + FEW],
            k,
        )
    ]
    where, days, counts, needs, bars = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    step = np.searchsorted(world.grid, days, side="right") - 1
    order = np.lexsort((counts, where, step))
    run, dyad, kind = np.unravel_index(
        where[order], (len(runs), len(world.first), len(world.ladder.names))
    )
    return Opportunities(
        day=days[order],
        run=run,
        dyad=dyad,
        kind=kind,
        count=counts[order],
        needs=needs[order],
        bars=bars[order],
        starts=np.searchsorted(step[order], np.arange(world.steps + 1)),
        thinned=most is not None,
    )


def _stream(
    key: Keys, every: Floats, horizon: float, bound: Floats | None, first_run: int
) -> Iterator[tuple[Ints, Floats, Ints, Floats, Floats]]:
    """Arrivals of a few runs' clocks, the first of each, then the second, until all are
    past the horizon.

    Yields (index of run and clock, day, count, the sides' two uniforms, the dyad's). A
    few runs at a time stay in cache."""
    index, clock = np.arange(key.size), np.tile(np.arange(key.shape[1]), len(key))
    key, day, count = key.reshape(-1), np.zeros(key.size), 0
    while len(clock):
        this = clocks.absorb(key, count)
        day = (
            day
            + clocks.exponential(clocks.draw(this, OpportunityDraw.WAIT)) * every[clock]
        )
        on_time = np.flatnonzero(day < horizon)
        index, clock, key = index[on_time], clock[on_time], key[on_time]
        day, this = day[on_time], this[on_time]
        kept = np.arange(len(clock))
        if bound is not None:
            for side in (0, 1):
                most = bound[index[kept] // len(every), side, clock[kept]]
                kept = kept[
                    clocks.uniform(
                        clocks.draw(this[kept], OpportunityDraw.CONSENT_A + side)
                    )
                    < most
                ]
        *needs, bars = (
            clocks.uniform(clocks.draw(this[kept], number))
            for number in list(OpportunityDraw)[1:]
        )
        place = index[kept] + first_run * len(every)
        yield place, day[kept], np.full(len(kept), count), np.stack(needs, axis=1), bars
        count += 1


def thinning(
    world: World, opportunities: Opportunities, most: Floats | None
) -> Thinning:
    """Which opportunities could lead to consent in one arm, and how likely it was that
    they are kept.

    most: (n, n, M), or (R, n, n, M), upper bound of every u_ij in this arm; None:
    nothing is thinned."""
    count = len(opportunities.day)
    if most is None:
        return Thinning(np.ones(count, dtype=bool), np.ones(count))
    sides = _sides(world, most)
    clock = opportunities.dyad * len(world.ladder.names) + opportunities.kind
    bounds = np.minimum(
        sides[opportunities.run if len(sides) > 1 else 0, :, clock], 1.0
    )
    return Thinning((opportunities.needs < bounds).all(axis=1), bounds.prod(axis=1))


def _sides(world: World, most: Floats) -> Floats:
    """(R or 1, 2, P * M) upper bound of consent of the first and of the second state,
    with a margin for rounding."""
    bound = consent(most.reshape(-1, *most.shape[-3:])) * (1 + 1e-9)
    sides = np.stack(
        [bound[:, world.first, world.second], bound[:, world.second, world.first]],
        axis=1,
    )
    return np.asarray(sides.reshape(len(bound), 2, -1))
