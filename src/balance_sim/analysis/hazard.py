"""Probabilities that dyads reach an agreement: the hazard of opening talks, integrated along each replication.

The clock of a dyad and kind m that is idle opens talks at the rate lambda_ijm sigma(u_ij) sigma(u_ji), times the
dyad's openness where the two have no relations (`model/no_relations.py`; its mean over the step). Talks opened on
day t lead to an agreement in time with the probability S_m(t) of `balance_sim.stats.lags`, at speed 1. So

    Lambda = sum over steps and kinds  ceiling_m sigma(u_ij) sigma(u_ji) free_m  integral over the step of S_m(t) dt
    P(agreement) = mean over replications of  1 - (1 - P_start) exp(-Lambda)

with P_start the probability that talks under way at the start lead to one. What has been opened in the replication is
integrated out too: a clock that is busy with talks which go on to an agreement that counts is as free as an idle one,
so that exp(-Lambda) is the probability that no opening leads to an agreement (thinning of a point process: Daley,
Vere-Jones 2003, An Introduction to the Theory of Point Processes 1, ch. 7). A clock busy with other talks is not free.
Nothing is counted: dyads do not tie, and none has probability zero.

An approximation where a clock signs more often than not: while it is held by talks that succeed it opens none that
fail. Up to 0.2 it is exact to a hundredth, at 0.36 by 0.005 too large. Left out: that talks can run faster than speed
1, and what a dyad's own agreement changes for its later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DAYS_PER_YEAR, ORIGINS, Baseline, World
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import Accords, State
from balance_sim.model.thinning import BoundExceeded, draw_opportunities, mean_openness, thinning
from balance_sim.model.willingness import consent, willingness
from balance_sim.replications.filtered import TalksAtStart, in_force_of
from balance_sim.replications.outcomes import NEW_ORIGINS
from balance_sim.stats.lags import signed_from_age, signed_within

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NODES = 4  # of the Gauss-Legendre rule over a step, or over a part of one
AT_ONCE = 20_000  # prospects evaluated together, in the cache; changes no result


@dataclass(frozen=True)
class Sought:
    """The agreements that count: new ones of some kinds that reach a stage from one moment to another.

    kinds: (M,) which; first, stop: days from the scenario's start; stage: `signed`, or `in_force`, where those that
    were signed before the start count too."""

    kinds: Bools
    first: float
    stop: float
    stage: str = "signed"

    def found(self, accords: Accords) -> Bools:
        """(K,) which agreements of replications count."""
        origins = (*NEW_ORIGINS, *([ORIGINS.index("signed")] if self.stage == "in_force" else []))
        day = getattr(accords, self.stage)
        of_these = self.kinds[accords.kind] & np.isin(accords.origin, origins)
        return np.asarray(of_these & (day >= self.first) & (day < self.stop))


@dataclass(frozen=True)
class Chances:
    """Along R replications of one arm, (R, P) each, by dyad.

    any: probability of at least one agreement that counts; openings: expected number of them from talks that open in
    the replication, clocks busy as they are. Of security agreements its mean is that of `filtered.Filtered.by_dyad`
    less talks under way at the start and what haste adds."""

    any: Floats
    openings: Floats


def chances_along(
    worlds: Worlds, arm: str, seed: int, runs: npt.NDArray[np.uint64], sought: Sought
) -> Chances:
    """Simulate replications of an arm and integrate the hazard of every dyad along them."""
    world = worlds.arms[arm]
    for bound in (worlds.bounds[arm], None):
        chances = draw_opportunities(worlds.reference, seed, runs, bound)
        thin = thinning(world, chances, worlds.bounds[arm])
        hazard = _Hazard(worlds.baseline, per_consent(world, sought), [], [])
        try:
            made = simulate(world, worlds.baseline, chances, thin, seed, runs, hazard.look).accords
        except BoundExceeded:
            continue
        openings = np.sum(hazard.idle, axis=0)
        rows, rate = (np.concatenate(part) for part in zip(*hazard.held, strict=True))
        spent = sought.found(made)[rows]
        free = openings.copy()
        np.add.at(free, (made.run[rows[spent]], made.pair[rows[spent]]), rate[spent])
        none = np.log1p(-np.minimum(at_start(worlds, sought), 1.0)).sum(axis=-1)
        return Chances(-np.expm1(none - free), openings)
    raise AssertionError("without thinning no bound can be exceeded")


@dataclass(frozen=True)
class _Hazard:
    """Step by step, (R, P): the integrated hazard of idle clocks; and that of clocks busy with an agreement."""

    baseline: Baseline
    weight: Floats  # (S, M)
    idle: list[Floats]
    held: list[tuple[Ints, Floats]]  # rows of the agreements, and the hazard of their clocks

    def look(self, world: World, state: State, view: View) -> None:
        weight = self.weight[view.step]
        if weight.any() or not self.idle:
            length = world.grid[view.step : view.step + 2]
            of = mean_openness(world, length).T * world.frailty[:, None]
            rate = both_consent(world, self.baseline, state, view) * of * weight
            a = state.accords
            rows = np.flatnonzero(a.stage < 2)
            self.held.append((rows, rate[a.run[rows], a.pair[rows], a.kind[rows]]))
            self.idle.append(np.where(state.busy, 0.0, rate).sum(axis=-1))


def per_consent(world: World, sought: Sought) -> Floats:
    """(S, M) what consent of both sides throughout each step is worth to a dyad of frailty 1: expected agreements that
    count, clocks idle."""
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    node, share = np.polynomial.legendre.leggauss(NODES)
    bounds = np.clip(
        [sought.first, sought.stop], world.grid[0], world.grid[-1]
    )  # the integrand has kinks there
    edges = np.unique(np.concatenate([world.grid, bounds]))
    step, length = np.searchsorted(world.grid, edges[:-1], side="right") - 1, np.diff(edges)
    opened = edges[:-1, None] + length[:, None] * (node + 1.0) / 2.0  # (pieces of steps, nodes)

    def within(moment: float, kind: int) -> Floats:
        days = np.maximum(moment - opened, 0.0)
        if sought.stage == "in_force":
            return in_force_of(ladder, kind, collapse, days, world.grid[-1])
        return signed_within(days, ladder.talks_shape[kind], ladder.talks_days[kind], collapse)

    out = np.zeros((world.steps, len(ladder.names)))
    for kind in map(int, np.flatnonzero(sought.kinds)):
        in_time = np.asarray(within(sought.stop, kind) - within(sought.first, kind))
        of_piece = ladder.ceiling[kind] / DAYS_PER_YEAR * length * (in_time * share).sum(axis=1) / 2.0
        np.add.at(out[:, kind], step, of_piece)
    return out


def at_start(worlds: Worlds, sought: Sought) -> Floats:
    """(R or 1, P, M) probability that what is under way at the start leads to an agreement that counts."""
    under_way, bounds = TalksAtStart(worlds), (sought.first, sought.stop)
    if sought.stage == "signed":
        return np.asarray(under_way.signed(*bounds) * sought.kinds)
    out = under_way.in_force(*bounds)
    world = worlds.reference
    ladder, docket, collapse = world.ladder, world.docket, world.rules.collapse_rate / DAYS_PER_YEAR
    rows = np.flatnonzero((docket.stage == 1) & np.isnan(docket.fixed_in_force))
    rows = rows[ladder.force_days[docket.kind[rows]] > 0]  # the others were in force at once
    kind, waited = docket.kind[rows], np.maximum(-docket.signed[rows], 0.0)
    late, early = (
        signed_from_age(
            np.full(len(rows), day), waited, ladder.force_shape[kind], ladder.force_days[kind], collapse
        )
        for day in reversed(bounds)
    )
    chance = (late - early) * np.where(waited == 0, 1.0 - ladder.at_once[kind], 1.0)
    for pair, of_kind, one in zip(docket.pair[rows], kind, chance, strict=True):
        out[:, pair, of_kind] += one
    return np.asarray(out * sought.kinds)


def both_consent(world: World, baseline: Baseline, state: State, view: View) -> Floats:
    """(R, P, M) probability that both sides consent to talks, for every dyad and kind."""
    count, kinds = len(world.first), len(world.ladder.names)
    together = max(AT_ONCE // (count * kinds), 1)
    out = np.empty((len(state.runs), count, kinds))
    for first in range(0, len(out), together):
        runs = np.arange(first, min(first + together, len(out)))
        sides = consent(willing(world, baseline, state, view, runs))
        out[runs] = sides[0] * sides[1]
    return out


def willing(world: World, baseline: Baseline, state: State, view: View, runs: Ints) -> Floats:
    """(2, K, P, M) willingness in nats of each dyad's first and second state, in K of the replications."""
    shape = (len(runs), len(world.first), len(world.ladder.names))
    run, pair, kind = (grid.ravel() for grid in np.indices(shape))
    both = Prospects.of_both_sides(world, baseline, view, state, runs[run], pair, kind)
    return willingness(replace(both, kinds_each=shape[2])).reshape(2, *shape)


def kinds_named(world: World, names: Sequence[str]) -> Bools:
    """(M,) which kinds these are; all if none is named."""
    return np.array([not names or name in names for name in world.ladder.names])
