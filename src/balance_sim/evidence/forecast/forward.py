"""The record simulated forward: the model's own engine from 1 January of a year, and
nothing known after.

The forecast for a dyad and a later year is the mean over replications of the
probability to sign, given what the replication's world has come to by 1 January of that
year: the expectation of the share of replications in which the dyad signs, without the
noise of counting.

States change. In a year k after the origin a state's random intercept is normal with
mean rho^k u and variance v (1 - rho^2k), where u is what is known at the origin, v the
variance of the intercepts in the fit and rho their persistence: a stationary
autoregression (Harvey 1989, Forecasting, Structural Time Series Models). A batch of
replications shares one drawn path of them, and the probabilities are the mean over that
distribution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np

from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.record_scenario import members_at, scenario_at
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.evidence.estimation.varying_intercepts import DyadFrailty
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import Baseline, Keys, World
from balance_sim.model.engine import advance, begin, perceive, turn_of_step
from balance_sim.model.perception import View
from balance_sim.model.prospects import Margins, Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import (
    BoundExceeded,
    draw_opportunities,
    most_willing,
    openness_at,
    share_signed,
    thinning,
    within_margins,
)
from balance_sim.model.threat import over, threat
from balance_sim.model.willingness import TERMS, consent, willingness
from balance_sim.stats.lags import mixed_chance

RUNS_TOGETHER = 20
WIDE = Margins(partners=60.0, lost=60.0, agreements=40.0, signed=400.0, log_mean=1.5)
"""For years rather than months. A batch that leaves them is simulated again with no
opportunity thinned out."""
NODES, SHARES = np.polynomial.hermite_e.hermegauss(7)
BY_KIND = tuple(name for name in sorted(TERMS) if TERMS[name].by_kind)
COMMON = tuple(name for name in sorted(TERMS) if not TERMS[name].by_kind)
"""By name: a sum in another order has other last digits than forecasts that are on
record."""


def simulate_forward(
    fit: WeightFit,
    history: History,
    years: range,
    *,
    runs: int = 200,
    seed: int = 1,
    persistence: float = 1.0,
    factors: DyadFrailty | None = None,
) -> Floats:
    """(Y, n, n) chances of the years from 1 January of the first one, by roster
    position, symmetric; NaN for states not there then. Only the history before that day
    is used.

    persistence: of propensities from year to year. factors: of the dyads, for the
    probabilities alone."""
    scenario = scenario_at(
        history,
        years[0],
        parameters={},
        weights={name: fit.weights.get(name, 0.0) for name in TERMS},
        intercepts=fit.intercepts,
        propensity=fit.propensity,
        years=len(years),
    )
    worlds = compile_worlds(scenario)
    world, names = worlds.reference, worlds.reference.ladder.names
    member = {history.iso3[i]: i for i in members_at(history, years[0])}
    place = np.array([member[code] for code in world.codes])
    i, j = place[world.first], place[world.second]
    gamma = None if factors is None else (factors.shape[i, j], factors.inverse[i, j])
    starts = [float((date(year, 1, 1) - scenario.start).days) for year in years]
    ahead = _Ahead(
        world=world,
        baseline=worlds.baseline,
        starts=np.array(starts),
        persistence=persistence,
        variance=fit.propensity_variance,
        kinds=[names.index(kind) for kind in fit.kinds],
        gamma=gamma,
    )
    total = np.zeros((len(years), len(world.first)))
    for first in range(0, runs, RUNS_TOGETHER):
        numbers = np.arange(first, min(first + RUNS_TOGETHER, runs), dtype=np.uint64)
        total += ahead.summed(seed, numbers)
    states = len(history.iso3)
    chance = np.full((len(years), states, states), np.nan)
    chance[:, i, j] = chance[:, j, i] = total / runs
    return chance


@dataclass(frozen=True)
class _Ahead:
    """The years ahead of one origin. starts: (Y,) days of the 1 Januaries. variance: of
    propensities. gamma: (P,) shape and inverse scale of the dyads' factors."""

    world: World
    baseline: Baseline
    starts: Floats
    persistence: float
    variance: float
    kinds: list[int]
    gamma: tuple[Floats, Floats] | None

    def summed(self, seed: int, runs: Keys) -> Floats:
        """(Y, P) probabilities summed over a batch of replications, which share one
        drawn path of the propensities.

        With opportunities thinned, and again with all of them if a replication leaves
        the margins."""
        rng = np.random.default_rng((seed, int(runs[0])))
        scale = np.sqrt(self.variance * (1.0 - self.persistence**2))
        worlds = [self.world]
        for _ in self.starts[1:]:
            expected = self.persistence * worlds[-1].propensity
            change = scale * rng.standard_normal(len(expected))[:, None]
            worlds.append(replace(self.world, propensity=expected + change))
        largest = np.stack([world.propensity for world in worlds]).max(axis=0)
        bound = most_willing(
            replace(self.world, propensity=largest), self.baseline, WIDE
        )
        try:
            return self._simulated(worlds, bound, seed, runs)
        except BoundExceeded:
            return self._simulated(worlds, None, seed, runs)

    def _simulated(
        self, worlds: list[World], bound: Floats | None, seed: int, runs: Keys
    ) -> Floats:
        """The engine's own steps, each in the world of its year. Raises
        BoundExceeded."""
        opportunities = draw_opportunities(self.world, seed, runs, bound)
        thin = thinning(self.world, opportunities, bound)
        probabilities = np.zeros((len(self.starts), len(self.world.first)))
        state = begin(self.world, self.baseline, seed, runs)
        for step, day in enumerate(self.world.grid[:-1]):
            year = int(np.searchsorted(self.starts, day, side="right")) - 1
            world = worlds[year]
            turn_of_step(world, state)
            view = perceive(world, state, step)
            if opportunities.thinned:
                is_within = within_margins(world, self.baseline, state, WIDE)
                if not is_within.all():
                    raise BoundExceeded
            if self.starts[year] == day:
                probabilities[year] = self._chance(year, state, view).sum(axis=0)
            advance(world, self.baseline, opportunities, thin, state, view, seed)
        return probabilities

    def _chance(self, year: int, state: BlockState, view: View) -> Floats:
        """(R, P) probability that each dyad signs any of the kinds within a year, from
        how things stand as it begins, with the propensities expected of it and the
        variance about them."""
        share = self.persistence**year
        world = replace(self.world, propensity=share * self.world.propensity)
        variance = self.variance * (1.0 - share**2)
        openness = openness_at(world, float(world.grid[view.step]))
        ladder = world.ladder
        survival = share_signed(ladder, world.rules.collapse_rate)
        sides = ((world.first, world.second), (world.second, world.first))
        chance = np.empty((len(state.runs), len(world.first)))

        def prospects(run: int, side: int, kind: int) -> AllDyads:
            ego, alter = sides[side]
            runs, kinds = np.full(len(ego), run), np.full(len(ego), kind)
            return AllDyads(world, self.baseline, view, state, runs, ego, alter, kinds)

        for run in range(len(state.runs)):
            rate = np.zeros(len(world.first))
            common = []
            for side, (ego, _) in enumerate(sides):
                intercept = world.propensity[ego, 0]
                common.append(willingness(prospects(run, side, 0), COMMON, intercept))
            for m in self.kinds:
                consents = []
                for side, u in enumerate(common):
                    by_kind = prospects(run, side, m)
                    of_kind = willingness(by_kind, BY_KIND, u + ladder.intercept[m])
                    consents.append(mean_consent(of_kind, variance))
                opening = world.frailty * ladder.ceiling[m] * survival[m] * openness
                rate += opening * consents[0] * consents[1]
            chance[run] = -np.expm1(-rate)
            if self.gamma is not None:
                chance[run] = mixed_chance(rate, *self.gamma)
        return chance


def mean_consent(u: Floats, variance: float) -> Floats:
    """The mean of sigma(u + e) over normal e of this variance, by Gauss-Hermite
    quadrature."""
    if variance == 0:
        return consent(u)
    means = [
        share * consent(u + np.sqrt(variance) * node)
        for node, share in zip(NODES, SHARES, strict=True)
    ]
    return np.asarray(sum(means) / SHARES.sum())


class AllDyads(Prospects):
    """All dyads of one replication as one side sees them."""

    @cached_property
    def overlap(self) -> Floats:
        """Of the two states' threats: one product of matrices instead of a sum for each
        dyad."""
        run = int(self.run[0])
        root = np.sqrt(threat(self.world.offensive, self.view.unopposed[run]))
        balance = np.sqrt(self.view.balance[run])
        common = (root @ root.T)[self.ego, self.alter]
        return over(common, balance[self.ego] * balance[self.alter])
