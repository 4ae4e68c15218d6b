"""Probabilities that dyads reach an agreement: the hazard of opening talks, integrated
along each replication.

The clock of a dyad and kind m that is idle opens talks at the rate lambda_ijm
sigma(u_ij) sigma(u_ji), times the dyad's openness where the two have no relations
(`model/no_relations.py`; its mean over the step). Talks opened on day t lead to an
agreement in time with the probability S_m(t) of `balance_sim.stats.lags`, at speed 1.
So

    Lambda = sum over steps and types
             lambda_m sigma(u_ij) sigma(u_ji) free_m x integral over the step of S_m
    P(agreement) = mean over replications of  1 - (1 - P_start) exp(-Lambda)

with P_start the probability that talks under way at the start lead to one. A clock that
is busy with talks which go on to an agreement that counts is as free as an idle one, so
that exp(-Lambda) is the probability that no opening leads to an agreement (thinning of
a point process: Daley, Vere-Jones 2003, An Introduction to the Theory of Point
Processes 1, ch. 7). A clock busy with other talks is not free. Nothing is counted:
dyads do not tie, and none has probability zero.

Up to 0.2 it is exact to a hundredth, at 0.36 by 0.005 too large: while a clock is held
by talks that succeed it opens none that fail. Left out: that talks can run faster than
speed 1, and what a dyad's own agreement changes later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    Baseline,
    Bools,
    Floats,
    Ints,
    Keys,
    World,
)
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import AgreementRows, BlockState
from balance_sim.model.thinning import (
    draw_opportunities,
    mean_openness,
    thinning,
)
from balance_sim.model.willingness import consent, willingness
from balance_sim.scenario.errors import WrongRequest
from balance_sim.stats.lags import mixed_chance, signed_within
from balance_sim.study.draws import own_worlds
from balance_sim.study.outcomes import NEW_ORIGINS
from balance_sim.study.result import Result
from balance_sim.study.talks_at_start import TalksAtStart

NODES = 4  # of the Gauss-Legendre rule over a step, or over a part of one
RUNS = 32  # of a study that are simulated again, if no other number is asked for
AT_ONCE = 20_000  # prospects evaluated together, in the cache; changes no result
ALMOST_ONE = 1.0 - 1e-12


@dataclass(frozen=True)
class Sought:
    """The agreements that count: new ones of some types that are signed from one moment
    to another.

    kinds: (M,) which types; first, stop: days from the scenario's start."""

    kinds: Bools
    first: float
    stop: float

    def found(self, agreements: AgreementRows) -> Bools:
        """(K,) which agreements of replications count."""
        day = agreements.signed
        is_new = np.isin(agreements.origin, NEW_ORIGINS)
        in_time = (day >= self.first) & (day < self.stop)
        return np.asarray(self.kinds[agreements.kind] & is_new & in_time)


@dataclass(frozen=True)
class DyadProbabilities:
    """Along R replications of one arm, (R, P) each, by dyad.

    any: probability of at least one agreement that counts; openings: expected number of
    them from talks that open in the replication, clocks busy as they are."""

    any: Floats
    openings: Floats


def probabilities_along(
    worlds: Worlds, arm: str, seed: int, runs: Keys, sought: Sought
) -> DyadProbabilities:
    """Simulate replications of an arm and integrate the hazard of every dyad along
    them."""
    world, baseline, bound = worlds.arms[arm], worlds.baseline, worlds.bounds[arm]
    weights = per_consent(world, sought)
    idle: list[Floats] = []  # by step, (R, P) openings that count of idle clocks
    rows: list[Ints] = []  # by step, agreements that keep a clock busy
    busy: list[Floats] = []  # by step, of the clocks that those keep busy

    def look(world: World, state: BlockState, view: View) -> None:
        """One step; steps without weight are passed over, but for the first."""
        weight = weights[view.step]
        if idle and not weight.any():
            return
        step = world.grid[view.step : view.step + 2]
        openness = mean_openness(world, step).T * world.frailty[:, None]
        rate = both_consent(world, baseline, state, view) * openness * weight
        agreements = state.agreements
        open_talks = np.flatnonzero(agreements.stage < 2)
        run, dyad = agreements.run[open_talks], agreements.dyad[open_talks]
        rows.append(open_talks)
        busy.append(rate[run, dyad, agreements.kind[open_talks]])
        idle.append(np.where(state.busy, 0.0, rate).sum(axis=-1))

    opportunities = draw_opportunities(worlds.reference, seed, runs, bound)
    state = simulate(
        world,
        baseline,
        opportunities,
        thinning(world, opportunities, bound),
        seed,
        runs,
        look,
    )
    openings = np.asarray(np.sum(idle, axis=0))
    # clocks are free that are held by talks which go on to an agreement that counts
    agreements, free = state.agreements, openings.copy()
    talking, rate = np.concatenate(rows), np.concatenate(busy)
    counts = sought.found(agreements)[talking]
    talking = talking[counts]
    np.add.at(free, (agreements.run[talking], agreements.dyad[talking]), rate[counts])
    talks = TalksAtStart(worlds).signed(sought.first, sought.stop)
    certain = np.minimum(talks * sought.kinds, 1.0)
    none_at_start = np.log1p(-certain).sum(axis=-1)
    return DyadProbabilities(-np.expm1(none_at_start - free), openings)


def per_consent(world: World, sought: Sought) -> Floats:
    """(S, M) expected agreements that count by step and type, of a dyad of frailty 1
    whose sides consent all along, clocks idle."""
    ladder = world.ladder
    node, share = np.polynomial.legendre.leggauss(NODES)
    bounds = np.clip([sought.first, sought.stop], world.grid[0], world.grid[-1])
    edges = np.unique(np.concatenate([world.grid, bounds]))  # where S has kinks
    step = np.searchsorted(world.grid, edges[:-1], side="right") - 1
    length = np.diff(edges)
    opened = edges[:-1, None] + length[:, None] * (node + 1.0) / 2.0
    weight = np.zeros((world.steps, len(ladder.names)))
    for kind in map(int, np.flatnonzero(sought.kinds)):
        in_time = _signed(world, kind, sought.stop - opened)
        in_time -= _signed(world, kind, sought.first - opened)
        rate = ladder.ceiling[kind] / DAYS_PER_YEAR
        pieces = rate * length * (in_time * share).sum(axis=1) / 2.0
        np.add.at(weight[:, kind], step, pieces)
    return weight


def _signed(world: World, kind: int, days: Floats) -> Floats:
    """Probability that talks are signed within so many days of their opening."""
    collapse = world.rules.collapse_rate / DAYS_PER_YEAR
    shape, mean = world.ladder.talks_shape[kind], world.ladder.talks_days[kind]
    return signed_within(np.maximum(days, 0.0), shape, mean, collapse)


def both_consent(
    world: World, baseline: Baseline, state: BlockState, view: View
) -> Floats:
    """(R, P, M) probability that both sides consent to talks, for every dyad and
    agreement type."""
    dyads, types = len(world.first), len(world.ladder.names)
    together = max(AT_ONCE // (dyads * types), 1)
    probability = np.empty((len(state.runs), dyads, types))
    for first in range(0, len(probability), together):
        runs = np.arange(first, min(first + together, len(probability)))
        shape = (len(runs), dyads, types)
        run, dyad, kind = np.indices(shape).reshape(3, -1)
        prospects = Prospects.of_both_sides(
            world, baseline, view, state, runs[run], dyad, kind
        )
        wanted = willingness(replace(prospects, kinds_each=types))
        sides = consent(wanted.reshape(2, *shape))
        probability[runs] = sides[0] * sides[1]
    return probability


def kinds_named(world: World, names: Sequence[str]) -> Bools:
    """(M,) which agreement types these are; all if none is named."""
    return np.array([not names or name in names for name in world.ladder.names])


def dyad_probabilities(
    result: Result, arm: str | None, *, kinds: Sequence[str] = (), runs: int = RUNS
) -> dict[tuple[str, str], float]:
    """Dyad (codes sorted) -> probability of a new agreement within the study's longest
    window after the focal event in an arm.

    The study's first `runs` replications that finished are simulated again, on their
    own random numbers, which all arms share, and the hazard of every dyad is integrated
    along them. Of a calibrated scenario, the dyads' frailties and the level of the time
    are integrated over, not held at their means as they are in the replications. kinds:
    agreement types; all if empty.

    Raises WrongRequest for a study that decides by code of its own, that has the
    control arm alone, or of which no replication finished."""
    if result.model is not None:
        raise WrongRequest(
            f"the study decides by code of its own, {result.model}: its probabilities "
            "are not known"
        )
    if arm is None:
        hint = "run the arm with the event too"
        raise WrongRequest(f"the results hold the control arm only; {hint}")
    finished = np.unique(result.by_run.frame()["run"].to_numpy(np.uint64))
    numbers = finished[:runs]
    if not len(numbers):
        raise WrongRequest("no replication has finished: run the study first")
    worlds = compile_worlds(
        result.scenario, tuple(dict.fromkeys((result.reference, arm)))
    )
    worlds = own_worlds(worlds, result.seed, numbers, result.draws)
    world = worlds.arms[arm]
    first = world.focal_day + 1.0
    stop = max(min(first + result.window, world.grid[-1]), first)
    sought = Sought(kinds_named(world, kinds), first, stop)
    along = probabilities_along(worlds, arm, result.seed, numbers, sought)
    probability = _integrated(result, world, along.any.mean(axis=0))
    first_codes, second_codes = (
        [world.codes[i] for i in side] for side in (world.first, world.second)
    )
    return {
        (min(a, b), max(a, b)): float(value)
        for a, b, value in zip(first_codes, second_codes, probability, strict=True)
    }


def _integrated(result: Result, world: World, probability: Floats) -> Floats:
    """(P,) probabilities with what a calibration leaves uncertain: each dyad's frailty,
    and the level unless drawn."""
    scenario = result.scenario
    variance = 0.0 if result.draws else scenario.calibration.level_variance
    shape = np.full(len(probability), np.inf)
    for row in scenario.frailties:
        if row.shape is not None:
            i, j = world.codes.index(row.a), world.codes.index(row.b)
            shape[world.dyad_index[i, j]] = row.shape
    if variance == 0 and not np.isfinite(shape).any():
        return probability
    rate = -np.log1p(-np.minimum(probability, ALMOST_ONE))
    return mixed_chance(rate, shape, shape, variance)
