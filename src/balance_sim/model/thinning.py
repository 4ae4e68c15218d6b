"""When dyads could open talks: a Poisson stream for each dyad and kind, thinned, the
same in every arm.

    rate          opportunities of type m between i and j come at lambda_ijm =
                  ceiling_m * frailty_ij a year
    uniforms      at each, i consents with probability sigma(u_ij) and j with
                  sigma(u_ji), each on a uniform of its own, so that talks open at rate
                  lambda_ijm sigma(u_ij) sigma(u_ji); where the two have no relations a
                  third uniform thins that rate by the dyad's factor
    upper bound   of u_ij while a replication keeps within the margins of its start
    thinned       opportunities at which a side could not consent even at its upper
                  bound are left out

Thinning: Lewis, Shedler 1979, Naval Research Logistics Quarterly 26(3). Two-sided
consent: Jackson, Wolinsky 1996. Arms share opportunities and uniforms; they part where
a probability crosses a uniform, and nowhere else (split coupling: Anderson 2012, SIAM
J. Numer. Anal. 50(5)). docs/decisions/0002-opportunities.md.

The bounds decide speed and precision and never an agreement: a replication that leaves
the margins goes on with every opportunity. All estimators read rate and factor here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise

import numpy as np

from balance_sim.model import clocks, threat
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
    Pacts,
    Thinning,
    World,
)
from balance_sim.model.perception import feel, threat_at_start
from balance_sim.model.prospects import Extremes, Margins, margins_of
from balance_sim.model.state import (
    BlockState,
    Workspace,
    begin_network,
    refresh,
    repeated,
)
from balance_sim.model.streams import (
    OPPORTUNITY,
    OpportunityDraw,
    stream_keys,
)
from balance_sim.model.willingness import Bounds, consent, terms_of, total
from balance_sim.scenario.schema import Parameters, Scenario

NO_RUN = np.zeros(1, dtype=np.uint64)
"""One replication, number 0, where no random number counts."""
CLOCKS_AT_ONCE = 2**17
"""Clocks drawn at once, so that the work stays in the cache; changes no result."""


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
    factors = np.ones(len(codes) * (len(codes) - 1) // 2)
    for row in scenario.frailties:
        factors[dyad_index[place[row.a], place[row.b]]] = row.factor
    return factors


def opportunity_rate(world: World) -> Floats:
    """(P, M) opportunities a year of each dyad and kind."""
    return np.asarray(world.frailty[:, None] * world.ladder.ceiling)


def share_signed(ladder: AgreementTypes, collapse_rate: float) -> Floats:
    """(M,) share of talks that are signed and do not collapse first: (1 + f m / k)^-k,
    gamma lag of mean m."""
    fails = collapse_rate / DAYS_PER_YEAR
    shape, mean = ladder.talks_shape, ladder.talks_days
    return np.asarray((1.0 + fails * mean / shape) ** -shape)


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


@dataclass(frozen=True)
class Spells:
    """The scenario's spells without relations, whatever their factors.

    days: (I,) on which one begins or ends, the first -inf; interval, dyad, kind: of
    each interval of days and spell that holds in it."""

    days: Floats
    interval: Ints
    dyad: Ints
    kind: tuple[str, ...]


def spells_of(scenario: Scenario, dyad_index: Ints) -> Spells:
    """Spells in the intervals in which they hold. dyad_index: (n, n) in the order of
    `scenario.codes`.

    A spell holds from 00:00 of `from` to 00:00 of `until`: on its last day, the day it
    ended, no more."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    start, spells = scenario.start, scenario.no_relations
    since = np.array(
        [-np.inf if s.since is None else (s.since - start).days for s in spells]
    )
    until = np.array(
        [np.inf if s.until is None else (s.until - start).days for s in spells]
    )
    horizon = float((scenario.end - start).days)
    edges = np.unique([*since, *until])
    days = np.array([-np.inf, *edges[(edges > 0.0) & (edges < horizon)]])
    begins = np.maximum(days, 0.0)[:, None]
    interval, spell = np.nonzero((since <= begins) & (begins < until))
    dyads = [dyad_index[roster[s.a], roster[s.b]] for s in spells]
    dyad = np.array(dyads, dtype=np.int64)[spell]
    return Spells(days, interval, dyad, tuple(spells[row].kind for row in spell))


def openness_of(parameters: Parameters, spells: Spells, dyads: int) -> Openness:
    """The factor of each of so many dyads as a step function of the day."""
    factors = {kind: getattr(parameters, FACTORS[kind]) for kind in {*spells.kind}}
    factor = np.ones((len(spells.days), dyads))
    of_spell = np.array([factors[kind] for kind in spells.kind])
    np.minimum.at(factor, (spells.interval, spells.dyad), of_spell)
    return Openness(spells.days, factor)


def openness_on(world: World, dyad: Ints, day: Floats) -> Floats:
    """(C,) factor of dyads on days."""
    days, factor = world.openness.days, world.openness.factor
    if len(days) == 1:
        return np.asarray(factor[0].take(dyad))
    interval = np.searchsorted(days, day, side="right") - 1
    return np.asarray(factor.take(interval * factor.shape[1] + dyad))


def openness_at(world: World, day: float) -> Floats:
    """(P,) factor of every dyad on a day."""
    interval = np.searchsorted(world.openness.days, day, side="right") - 1
    return np.asarray(world.openness.factor[int(interval)])


def drawn_rate(world: World) -> Floats:
    """(R,) factor on the rate of opportunities that each replication has drawn; 1, as
    (), where none has."""
    rate = None if world.drawn is None else world.drawn.rate
    return np.ones(()) if rate is None else rate


def rates_at_start(world: World, keen: Floats) -> Floats:
    """(..., P, M) rate a year at which dyads open talks on the first day. keen: (...,
    P, 2, M) both sides' consent."""
    openness = openness_at(world, 0.0)[:, None]
    opportunities = opportunity_rate(world) * drawn_rate(world)[..., None, None]
    return opportunities * openness * (keen[..., 0, :] * keen[..., 1, :])


def chance_under_way(world: World, baseline: Baseline) -> Floats:
    """(R or 1, P * M) probability that talks nobody recorded are under way at the
    start, on each clock."""
    rate = rates_at_start(world, baseline.keen) / DAYS_PER_YEAR
    chance = -np.expm1(-rate * world.ladder.talks_days)
    return np.asarray(chance.reshape(-1, rate.shape[-2] * rate.shape[-1]))


def share_lasting(ladder: AgreementTypes, collapse_rate: float) -> Floats:
    """(M,) share of talks found under way that have not collapsed by their age, which
    is uniform in their length."""
    shape, mean = ladder.talks_shape, ladder.talks_days
    fails = collapse_rate / DAYS_PER_YEAR
    if fails == 0:
        return np.ones(len(shape))
    collapsed = 1.0 - (1.0 + fails * (mean / shape)) ** -shape
    return np.asarray(collapsed / (fails * mean))


def mean_openness(world: World, edges: Floats) -> Floats:
    """(K, P) mean factor of every dyad from each of the days `edges`, (K + 1,), to the
    next."""
    starts = world.openness.days
    stops = np.append(starts[1:], np.inf)
    first, last = (
        np.maximum(starts, edges[:-1, None]),
        np.minimum(stops, edges[1:, None]),
    )
    length = np.maximum(last - first, 0.0)
    return np.asarray(length @ world.openness.factor / np.diff(edges)[:, None])


# Upper bound


def within_margins(
    world: World, baseline: Baseline, state: BlockState, margins: Margins | None = None
) -> Bools:
    """(R,) whether the network of each replication, what it has signed, and the threat
    that it has last perceived keep within the margins now. margins: those that fit the
    world, if not given."""
    margins = margins or margins_of(world)
    gained = state.partners - baseline.partners
    if world.pacts is not None:
        gained = gained - world.pacts.joinable
    fell = np.log1p(baseline.partners).mean() - state.log_partners.mean(axis=-1)
    shared_fell = baseline.shared_mean - state.shared_mean
    remains = 2.0 ** (-state.day / world.rules.activity_half_life_days)
    of_late = (state.active - world.active) * remains
    lost = baseline.partners - state.partners
    holds = gained.max(axis=-1, initial=0.0) <= margins.partners
    holds &= lost.max(axis=-1, initial=0.0) <= margins.lost
    holds &= (fell <= margins.log_mean) & (shared_fell <= margins.log_mean)
    holds[_signed_more(world, state, margins.agreements)] = False
    holds &= of_late.max(axis=-1, initial=0.0) <= margins.signed
    if world.highest_unsided is not None:
        holds[_more_alarmed(world.highest_unsided, state.workspace)] = False
    return np.asarray(holds)


def _signed_more(world: World, state: BlockState, most: float) -> Ints:
    """Replications in which a dyad has signed more than so many agreements."""
    experienced = np.flatnonzero(state.experience > most)
    run, dyad = np.divmod(experienced, len(world.first))
    signed = state.experience.take(experienced) - world.experience.take(dyad)
    return run[signed > most]


def _more_alarmed(highest: Floats, perceived: Workspace) -> Ints:
    """Replications in which somebody has more to fear, of what another would not side
    with, than `highest_unsided`. Few have a state of which all the threat is more."""
    run, state = np.nonzero(perceived.total > highest.min(axis=1))
    total, sided = perceived.total[run, state], perceived.sided[run, state]
    is_more = threat.unsided(total, sided) > highest[state]
    return run[is_more.any(axis=1)]


STEPS_AT_ONCE = 32 * 50**2
"""Entries of matrices of steps looked at together; changes no result."""
MOST_ALARM, MOST_THREAT = 2.0, 1.25
"""How many times the threat that events make, the network as at the start, a
replication may come to before the bounds no longer hold: of what a partner would not
side with, and in all, should a partner's own agreements with an adversary end."""


def highest_unsided(world: World, among: range | None = None) -> Floats:
    """(n, n) the most that the threat to the row becomes, of which the column would not
    side with it, in any step, or in some, with the agreements in force of the start,
    and as after every accession that there may be; times a margin. among: steps."""
    among = range(world.steps) if among is None else among
    highest = np.zeros((world.n, world.n))
    joined = None if world.pacts is None else _all_joined(world, world.pacts)
    edges = [0, *(step for step, _ in world.turns), world.steps]
    together = max(1, STEPS_AT_ONCE // world.n**2)
    for present, (begin, stop) in zip(world.versions, pairwise(edges), strict=True):
        last = min(stop, among.stop)
        for first in range(max(begin, among.start), last, together):
            steps = np.arange(first, min(first + together, last))
            rooms = [threat_at_start(present, steps)]
            if joined is not None:
                state = repeated(joined, len(steps))
                feel(present, state, steps, present.middle(steps))
                rooms.append(state.workspace)
            for room in rooms:
                most_unsided = threat.unsided(room.total, room.sided).max(axis=0)
                most_in_all = room.total.max(axis=0)[:, None]
                alarm = np.maximum(MOST_ALARM * most_unsided, MOST_THREAT * most_in_all)
                np.maximum(highest, alarm, out=highest)
    return highest + world.rules.alarm_floor


def _all_joined(world: World, pacts: Pacts) -> BlockState:
    """The network of the start once all who may join a pact have."""
    state, joins = begin_network(world, NO_RUN), pacts.joins
    inside = pacts.members | joins
    pact, applicant, member = np.nonzero(joins[:, :, None] & inside[:, None])
    others = applicant != member
    dyad = world.dyad_index[applicant, member][others]
    state.in_force[0, dyad, pacts.kind[pact[others]]] = 1
    refresh(world, state, np.zeros_like(dyad), dyad)
    return state


def ranges(
    world: World, baseline: Baseline, margins: Margins | None = None
) -> dict[str, Bounds]:
    """Least and most of each term while a replication keeps within the margins; those
    that fit the world, if not given."""
    extremes = Extremes(world, baseline, margins or margins_of(world))
    return {name: term.between(extremes) for name, term in terms_of(world).items()}


def most_willing(
    world: World, baseline: Baseline, margins: Margins | None = None
) -> Floats:
    """An upper bound of u_ij for every view that can arise while a run keeps within the
    margins.

    (n, n, M); (R, n, n, M) where each of R replications has drawn parameters of its
    own."""
    if world.turns:
        versions = [replace(version, turns=()) for version in world.versions]
        highest = [most_willing(version, baseline, margins) for version in versions]
        return reduce(np.maximum, highest)
    bounds = ranges(world, baseline, margins)
    if world.drawn is None:
        return _upper_bound(world, bounds, world.rules.weights, np.zeros(()))
    drawn, kinds = world.drawn, len(world.ladder.names)
    by_run = np.empty((len(drawn.level), world.n, world.n, kinds))
    for run, level in enumerate(drawn.level):
        weights = {name: float(values[run]) for name, values in drawn.weights.items()}
        weights = world.rules.weights | weights
        by_run[run] = _upper_bound(world, bounds, weights, level)
    return by_run


def _upper_bound(
    world: World, bounds: dict[str, Bounds], weights: dict[str, float], level: Floats
) -> Floats:
    """(n, n, M) sum of what each term can count at most."""
    zeros = np.zeros((world.n, world.n, 1))
    u = world.ladder.intercept + level + world.propensity[:, None, :] + zeros
    largest = []
    for name, weight in weights.items():
        if weight:
            low, high = bounds[name]
            largest.append(np.maximum(weight * low, weight * high))
    return total(u, largest)


# Uniforms, and which are thinned


def drawn_clocks(
    world: World, stream_key: Keys, is_drawn: Callable[[Keys, slice], Bools]
) -> Iterator[tuple[Ints, Keys]]:
    """Yield the clocks of R replications that draws pick, and their keys; a clock is a
    replication, dyad and agreement type.

    stream_key: (R,) from `streams.stream_keys`; is_drawn: from the keys of a few
    replications, (r, P * M), and which they are, to what is picked. Yields places in
    (R, P * M), ascending."""
    by_clock = clocks.absorb(world.dyad_keys[:, None], world.kind_keys).reshape(-1)
    run_count = max(1, CLOCKS_AT_ONCE // len(by_clock))
    for start in range(0, len(stream_key), run_count):
        runs = slice(start, start + run_count)
        key = clocks.absorb(stream_key[runs, None], by_clock)
        drawn = np.flatnonzero(is_drawn(key, runs))
        yield start * len(by_clock) + drawn, key.take(drawn)


def draw_opportunities(
    world: World, seed: int, runs: Keys, most: Floats | None = None
) -> Opportunities:
    """All opportunities of a block of runs from the start to the horizon.

    most: (n, n, M), or (R, n, n, M), upper bound of every u_ij in every arm;
    opportunities at which a side could not consent even then are left out, which
    changes no result. None keeps them all."""
    return _drawn(world, seed, runs, drawn_rate(world), most)


def _drawn(
    world: World, seed: int, runs: Keys, rate: Floats, most: Floats | None
) -> Opportunities:
    """The same. rate: (R,) or (), factor on all streams of a replication."""
    shape = (len(runs), len(world.first), len(world.ladder.names))
    size = len(world.first) * len(world.ladder.names)
    highest = np.full((1, 2, size), np.inf) if most is None else _sides(world, most)
    by_run = opportunity_rate(world).reshape(-1) * rate.reshape(-1, 1)
    mean_wait, horizon = DAYS_PER_YEAR / by_run, world.grid[-1]
    lowest = np.exp(-horizon / mean_wait) * (1 - 1e-9)
    lowest = np.broadcast_to(lowest, (len(runs), size))
    by_clock = mean_wait.ravel(), highest[:, 0].ravel(), highest[:, 1].ravel()

    def may_come(key: Keys, rows: slice) -> Bools:
        """Whether the first opportunity may come before the horizon."""
        wait = clocks.draw(clocks.absorb(key, 0), OpportunityDraw.WAIT)
        return clocks.uniform(wait) > lowest[rows]

    arrivals = []
    for place, key in drawn_clocks(
        world, stream_keys(seed, runs, OPPORTUNITY), may_come
    ):
        wait, *bounds = (_at(values, place) for values in by_clock)
        for row, *drawn in _arrivals(key, wait, bounds, horizon):
            arrivals.append((place.take(row), *drawn))
    place, day, count, needs, bars = map(np.concatenate, zip(*arrivals, strict=True))
    step = np.searchsorted(world.grid, day, side="right") - 1
    sizes = world.steps, size * len(runs), count.max(initial=0) + 1
    order = np.argsort(np.ravel_multi_index((step, place, count), sizes))
    columns = np.unravel_index(place[order], shape)
    run, dyad, kind = map(np.ascontiguousarray, columns)
    return Opportunities(
        day=day[order],
        run=run,
        dyad=dyad,
        kind=kind,
        count=count[order],
        needs=needs[order],
        bars=bars[order],
        starts=np.searchsorted(step[order], np.arange(world.steps + 1)),
        thinned=np.full(len(runs), most is not None),
        drawn_in=world,
    )


OF_EACH = ("day", "run", "dyad", "kind", "count", "needs", "bars")
"""Columns of opportunities."""


def with_all_of(
    opportunities: Opportunities,
    thin: Thinning,
    outside: Ints,
    step: int,
    seed: int,
    runs: Keys,
) -> tuple[Opportunities, Thinning]:
    """The same with every opportunity, from a step on, of replications that have left
    the margins: where no bound holds, none may be left out.

    outside: (K,) these among the R replications. What came before the step stays as
    it is."""
    world = opportunities.drawn_in
    rate = np.broadcast_to(drawn_rate(world), len(runs))[outside]
    complete = _drawn(world, seed, runs[outside], rate, None)
    complete = replace(complete, run=outside[complete.run])
    late = np.arange(complete.starts[step], len(complete.day))
    is_late = np.arange(len(opportunities.day)) >= opportunities.starts[step]
    stay = np.flatnonzero(~(is_late & np.isin(opportunities.run, outside)))
    places = np.searchsorted(
        _sorted_by(opportunities, len(runs))[stay],
        _sorted_by(complete, len(runs))[late],
    )
    columns = {
        name: np.insert(
            getattr(opportunities, name)[stay], places, getattr(complete, name)[late], 0
        )
        for name in OF_EACH
    }
    merged_step = np.insert(
        _step_of(opportunities)[stay], places, _step_of(complete)[late]
    )
    thinned = opportunities.thinned.copy()
    thinned[outside] = False
    merged = replace(
        opportunities,
        **columns,
        starts=np.searchsorted(merged_step, np.arange(world.steps + 1)),
        thinned=thinned,
    )
    is_kept, bound = thin.kept[stay], thin.bound[stay]
    return merged, Thinning(
        np.insert(is_kept, places, True), np.insert(bound, places, 1.0)
    )


def _step_of(opportunities: Opportunities) -> Ints:
    """(C,) step of each opportunity."""
    counts = np.diff(opportunities.starts)
    return np.repeat(np.arange(len(counts)), counts)


def _sorted_by(opportunities: Opportunities, runs: int) -> Ints:
    """(C,) number by which opportunities are sorted: step, run, dyad, kind."""
    world = opportunities.drawn_in
    shape = (world.steps, runs, len(world.first), len(world.ladder.names))
    places = opportunities.run, opportunities.dyad, opportunities.kind
    return np.ravel_multi_index((_step_of(opportunities), *places), shape)


def _arrivals(
    key: Keys, mean_wait: Floats, highest: Sequence[Floats], horizon: float
) -> Iterator[tuple[Ints, Floats, Ints, Floats, Floats]]:
    """Yield the opportunities of some clocks, the first of each Poisson stream, then
    the second, until all are past the horizon; none of the first, if there are none.

    key, mean_wait: (K,) of the streams; highest: upper bound of consent of either side,
    (K,) each. Yields places in these, days, numbers within the streams, (C, 2) uniforms
    of the two sides, and uniforms of the dyads."""
    place, day, count = np.arange(len(key)), np.zeros(len(key)), 0
    while len(place) or count == 0:
        this = clocks.absorb(key.take(place), count)
        wait = clocks.exponential(clocks.draw(this, OpportunityDraw.WAIT))
        day += wait * mean_wait.take(place)
        on_time = np.flatnonzero(day < horizon)
        place, day = place.take(on_time), day.take(on_time)
        kept, this = np.arange(len(place)), this.take(on_time)
        needs: list[Floats] = []
        for side, bound in enumerate(highest):
            drawn = clocks.draw(this, OpportunityDraw.CONSENT_A + side)
            uniform = clocks.uniform(drawn)
            below = np.flatnonzero(uniform < bound.take(place.take(kept)))
            kept, this = kept.take(below), this.take(below)
            needs = [column.take(below) for column in (*needs, uniform)]
        bars = clocks.uniform(clocks.draw(this, OpportunityDraw.OPENNESS))
        numbers = np.full(len(kept), count)
        yield place.take(kept), day.take(kept), numbers, np.stack(needs, axis=1), bars
        count += 1


def _at(values: Floats, place: Ints) -> Floats:
    """(K,) values at places in a flat (R, P, M). values: the same, or flat (P, M) where
    all replications have the same."""
    return values.take(place % len(values))


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
    sides = np.minimum(_sides(world, most), 1.0)
    place = opportunities.dyad * len(world.ladder.names) + opportunities.kind
    if len(sides) > 1:
        place += opportunities.run * sides.shape[-1]
    needs, bounds = opportunities.needs, np.swapaxes(sides, 0, 1).reshape(2, -1)
    first, second = bounds[0].take(place), bounds[1].take(place)
    kept = (needs[:, 0] < first) & (needs[:, 1] < second)
    return Thinning(kept, first * second)


def _sides(world: World, most: Floats) -> Floats:
    """(R or 1, 2, P * M) upper bound of consent of the first and of the second state,
    with a margin for rounding."""
    bound = consent(most.reshape(-1, *most.shape[-3:])) * (1 + 1e-9)
    first, second = world.first, world.second
    sides = np.stack([bound[:, first, second], bound[:, second, first]], axis=1)
    return np.asarray(sides.reshape(len(bound), 2, -1))
