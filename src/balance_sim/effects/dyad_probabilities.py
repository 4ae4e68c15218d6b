"""Probabilities that dyads reach an agreement: the hazard of opening talks, integrated
along each replication.

The clock of a dyad and kind m that is idle opens talks at the rate lambda_ijm
sigma(u_ij) sigma(u_ji), times the dyad's openness where the two have no relations
(`model/no_relations.py`; its mean over the step). Talks opened on day t lead to an
agreement in time with the probability S_m(t) of `balance_sim.stats.lags`, at speed 1.
So

    Lambda = sum over steps and kinds  ceiling_m sigma(u_ij) sigma(u_ji) free_m  integral over the step of S_m(t) dt
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
from typing import Any

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    ORIGINS,
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
    BoundExceeded,
    draw_opportunities,
    mean_openness,
    thinning,
)
from balance_sim.model.willingness import consent, willingness
from balance_sim.scenario.errors import WrongRequest
from balance_sim.stats.lags import mixed_chance, signed_from_age, signed_within
from balance_sim.study.arms import compile_arms
from balance_sim.study.draws import own_worlds
from balance_sim.study.filtered import TalksAtStart, in_force_of
from balance_sim.study.outcomes import NEW_ORIGINS
from balance_sim.study.result import Result

NODES = 4  # of the Gauss-Legendre rule over a step, or over a part of one
RUNS = 32  # of a study that are simulated again, if no other number is asked for
AT_ONCE = 20_000  # prospects evaluated together, in the cache; changes no result


@dataclass(frozen=True)
class Sought:
    """The agreements that count: new ones of some kinds that reach a stage from one
    moment to another.

    kinds: (M,) which; first, stop: days from the scenario's start; stage: `signed`, or
    `in_force`, where those that were signed before the start count too."""

    kinds: Bools
    first: float
    stop: float
    stage: str = "signed"

    def found(self, agreements: AgreementRows) -> Bools:
        """(K,) which agreements of replications count."""
        origins = (
            *NEW_ORIGINS,
            *([ORIGINS.index("signed")] if self.stage == "in_force" else []),
        )
        day = getattr(agreements, self.stage)
        of_these = self.kinds[agreements.kind] & np.isin(agreements.origin, origins)
        return np.asarray(of_these & (day >= self.first) & (day < self.stop))


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
    world = worlds.arms[arm]
    weight = per_consent(world, sought)  # (S, M)
    for bound in (worlds.bounds[arm], None):
        opportunities = draw_opportunities(worlds.reference, seed, runs, bound)
        thin = thinning(world, opportunities, worlds.bounds[arm])
        idle: list[Floats] = []  # step by step, (R, P), the hazard of idle clocks
        held: list[
            tuple[Ints, Floats]
        ] = []  # rows of agreements, and the hazard of the clocks that they keep busy

        def look(
            world: World,
            state: BlockState,
            view: View,
            idle: Any = idle,
            held: Any = held,
        ) -> None:
            if weight[view.step].any() or not idle:
                of = (
                    mean_openness(world, world.grid[view.step : view.step + 2]).T
                    * world.frailty[:, None]
                )
                rate = (
                    both_consent(world, worlds.baseline, state, view)
                    * of
                    * weight[view.step]
                )
                a = state.agreements
                rows = np.flatnonzero(a.stage < 2)
                held.append((rows, rate[a.run[rows], a.dyad[rows], a.kind[rows]]))
                idle.append(np.where(state.busy, 0.0, rate).sum(axis=-1))

        try:
            made = simulate(
                world, worlds.baseline, opportunities, thin, seed, runs, look
            ).agreements
        except BoundExceeded:
            continue
        openings = np.sum(idle, axis=0)
        rows, rate = (np.concatenate(part) for part in zip(*held, strict=True))
        spent = sought.found(made)[rows]
        free = openings.copy()
        np.add.at(free, (made.run[rows[spent]], made.dyad[rows[spent]]), rate[spent])
        none = np.log1p(-np.minimum(at_start(worlds, sought), 1.0)).sum(axis=-1)
        return DyadProbabilities(-np.expm1(none - free), openings)
    raise AssertionError("without thinning no bound can be exceeded")


def per_consent(world: World, sought: Sought) -> Floats:
    """(S, M) expected agreements that count, of a dyad of frailty 1 whose sides consent
    all along, clocks idle."""
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    node, share = np.polynomial.legendre.leggauss(NODES)
    bounds = np.clip(
        [sought.first, sought.stop], world.grid[0], world.grid[-1]
    )  # the integrand has kinks there
    edges = np.unique(np.concatenate([world.grid, bounds]))
    step, length = (
        np.searchsorted(world.grid, edges[:-1], side="right") - 1,
        np.diff(edges),
    )
    opened = (
        edges[:-1, None] + length[:, None] * (node + 1.0) / 2.0
    )  # (pieces of steps, nodes)

    def within(moment: float, kind: int) -> Floats:
        days = np.maximum(moment - opened, 0.0)
        if sought.stage == "in_force":
            return in_force_of(ladder, kind, collapse, days, world.grid[-1])
        return signed_within(
            days, ladder.talks_shape[kind], ladder.talks_days[kind], collapse
        )

    out = np.zeros((world.steps, len(ladder.names)))
    for kind in map(int, np.flatnonzero(sought.kinds)):
        in_time = np.asarray(within(sought.stop, kind) - within(sought.first, kind))
        of_piece = (
            ladder.ceiling[kind]
            / DAYS_PER_YEAR
            * length
            * (in_time * share).sum(axis=1)
            / 2.0
        )
        np.add.at(out[:, kind], step, of_piece)
    return out


def at_start(worlds: Worlds, sought: Sought) -> Floats:
    """(R or 1, P, M) probability that what is under way at the start leads to an
    agreement that counts."""
    under_way, bounds = TalksAtStart(worlds), (sought.first, sought.stop)
    if sought.stage == "signed":
        return np.asarray(under_way.signed(*bounds) * sought.kinds)
    out = under_way.in_force(*bounds)
    world = worlds.reference
    ladder, initial, collapse = (
        world.ladder,
        world.initial,
        world.rules.collapse_rate / DAYS_PER_YEAR,
    )
    rows = np.flatnonzero((initial.stage == 1) & np.isnan(initial.fixed_in_force))
    rows = rows[
        ladder.force_days[initial.kind[rows]] > 0
    ]  # the others were in force at once
    kind, waited = initial.kind[rows], np.maximum(-initial.signed[rows], 0.0)
    late, early = (
        signed_from_age(
            np.full(len(rows), day),
            waited,
            ladder.force_shape[kind],
            ladder.force_days[kind],
            collapse,
        )
        for day in reversed(bounds)
    )
    chance = (late - early) * np.where(waited == 0, 1.0 - ladder.at_once[kind], 1.0)
    for dyad, of_kind, one in zip(initial.dyad[rows], kind, chance, strict=True):
        out[:, dyad, of_kind] += one
    return np.asarray(out * sought.kinds)


def both_consent(
    world: World, baseline: Baseline, state: BlockState, view: View
) -> Floats:
    """(R, P, M) probability that both sides consent to talks, for every dyad and
    kind."""
    count, kinds = len(world.first), len(world.ladder.names)
    together = max(AT_ONCE // (count * kinds), 1)
    out = np.empty((len(state.runs), count, kinds))
    for first in range(0, len(out), together):
        runs = np.arange(first, min(first + together, len(out)))
        run, dyad, kind = (
            grid.ravel() for grid in np.indices((len(runs), count, kinds))
        )
        both = Prospects.of_both_sides(
            world, baseline, view, state, runs[run], dyad, kind
        )
        sides = consent(
            willingness(replace(both, kinds_each=kinds)).reshape(
                2, len(runs), count, kinds
            )
        )
        out[runs] = sides[0] * sides[1]
    return out


def kinds_named(world: World, names: Sequence[str]) -> Bools:
    """(M,) which kinds these are; all if none is named."""
    return np.array([not names or name in names for name in world.ladder.names])


def dyad_probabilities(
    result: Result,
    arm: str,
    *,
    window: int | None = None,
    kinds: Sequence[str] = (),
    stage: str = "signed",
    runs: int | None = None,
) -> dict[tuple[str, str], float]:
    """Dyad (codes sorted) -> probability of a new agreement within `window` days after
    the focal event in an arm.

    The study's first `runs` replications that finished are simulated again, on their
    own random numbers, which all arms share, and the hazard of every dyad is integrated
    along them. window: the longest reported if None; kinds: all if empty; stage:
    `signed` or `in_force`; runs: `RUNS` if None. Of a calibrated scenario, the dyads'
    factors and the level of the time are integrated over, not held at their means as
    they are in the replications.

    Raises WrongRequest for a study that decides by code of its own, and for one of
    which no replication finished."""
    if result.model is not None:
        raise WrongRequest(
            f"the study decides by code of its own, {result.model}: its probabilities are not known. "
            "Give the forecast as a CSV of probabilities"
        )
    numbers = np.unique(result.by_run.frame()["run"].to_numpy(np.uint64))[
        : runs or RUNS
    ]
    if not len(numbers):
        raise WrongRequest("no replication has finished: run the study first")
    worlds = compile_arms(
        result.scenario, tuple(dict.fromkeys((result.reference, arm)))
    )
    worlds = own_worlds(worlds, result.seed, numbers, result.draws)
    world = worlds.arms[arm]
    first, days = world.focal_day + 1.0, window or result.window
    stop = max(min(first + days, world.grid[-1]), first)
    sought = Sought(kinds_named(world, kinds), first, stop, stage)
    found = probabilities_along(worlds, arm, result.seed, numbers, sought)
    either = _integrated(result, world, found.any.mean(axis=0))
    out = {}
    for i, j, p in zip(world.first, world.second, either, strict=True):
        a, b = sorted((world.codes[i], world.codes[j]))
        out[a, b] = float(p)
    return out


def _integrated(result: Result, world: World, p: Floats) -> Floats:
    """(P,) probabilities with what a calibration leaves uncertain: each dyad's factor,
    and the level unless drawn."""
    scenario = result.scenario
    variance = 0.0 if result.draws else scenario.calibration.level_variance
    shape = np.full(len(p), np.inf)
    for row in scenario.frailties:
        if row.shape is not None:
            shape[
                world.dyad_index[world.codes.index(row.a), world.codes.index(row.b)]
            ] = row.shape
    if variance == 0 and not np.isfinite(shape).any():
        return p
    return mixed_chance(-np.log1p(-np.minimum(p, 1.0 - 1e-12)), shape, shape, variance)
