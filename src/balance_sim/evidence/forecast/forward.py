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
from numpy.typing import NDArray

from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.record_scenario import members_at, scenario_at
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.evidence.estimation.varying_intercepts import DyadFrailty
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import Baseline, World
from balance_sim.model.engine import advance, begin, perceive, turn_of_step
from balance_sim.model.perception import View
from balance_sim.model.prospects import Margins, Prospects
from balance_sim.model.state import AgreementRows, BlockState
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
from balance_sim.scenario.schema import Scenario
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


@dataclass(frozen=True)
class ForwardForecast:
    """chance: (Y, n, n) by roster position, symmetric; NaN for states not there at the
    origin. signed: (Y,) agreements signed a year in a replication, mean over
    replications."""

    chance: Floats
    signed: Floats


def scenario_of_fit(fit: WeightFit, history: History, years: range) -> Scenario:
    """The record on 1 January of the first year with a fit's weights, intercepts and
    propensities, to be simulated over the years."""
    return scenario_at(
        history,
        years[0],
        parameters={},
        weights={name: fit.weights.get(name, 0.0) for name in TERMS},
        intercepts=fit.intercepts,
        propensity=fit.propensity,
        years=len(years),
    )


def simulate_forward(
    fit: WeightFit,
    history: History,
    years: range,
    *,
    runs: int = 200,
    seed: int = 1,
    persistence: float = 1.0,
    factors: DyadFrailty | None = None,
) -> ForwardForecast:
    """The years from 1 January of the first one. Only the history before that day is
    used.

    persistence: of propensities from year to year. factors: of the dyads, for the
    probabilities alone."""
    scenario = scenario_of_fit(fit, history, years)
    ahead = _batches(fit, scenario, persistence)
    world = ahead.world
    member = {history.iso3[i]: i for i in members_at(history, years[0])}
    place = np.array([member[code] for code in world.codes])
    i, j = place[world.first], place[world.second]
    if factors is not None:
        ahead = replace(ahead, gamma=(factors.shape[i, j], factors.inverse[i, j]))
    total, signed = np.zeros((len(years), len(world.first))), np.zeros(len(years))
    for first in range(0, runs, RUNS_TOGETHER):
        probabilities, agreements = ahead.simulated(seed, first, runs)
        total += probabilities
        year = np.searchsorted(ahead.starts, agreements.signed, side="right") - 1
        signed += np.bincount(year, minlength=len(years))
    states = len(history.iso3)
    chance = np.full((len(years), states, states), np.nan)
    chance[:, i, j] = chance[:, j, i] = total / runs
    return ForwardForecast(chance, signed / runs)


@dataclass(frozen=True)
class _Batches:
    """What all batches share. starts: (Y,) days of the 1 Januaries. persistence: 1
    where the fit has no variance of propensities. gamma: (P,) shape and inverse scale
    of the dyads' factors."""

    world: World
    baseline: Baseline
    starts: Floats
    persistence: float
    variance: float
    kinds: list[int]
    gamma: tuple[Floats, Floats] | None = None

    def paths(self, seed: int, first: int) -> list[World]:
        """The world of each year with the propensities of one drawn path, the batch's
        from replication `first` on."""
        rng = np.random.default_rng((seed, first))
        scale = np.sqrt(self.variance * (1.0 - self.persistence**2))
        worlds = [self.world]
        for _ in self.starts[1:]:
            expected = self.persistence * worlds[-1].propensity
            change = scale * rng.standard_normal(len(expected))[:, None]
            worlds.append(replace(self.world, propensity=expected + change))
        return worlds

    def simulated(
        self, seed: int, first: int, runs: int
    ) -> tuple[Floats, AgreementRows]:
        """(Y, P) probabilities summed over a batch, and what it signed.

        With opportunities thinned, and again with all of them if a replication leaves
        the margins."""
        numbers = np.arange(first, min(first + RUNS_TOGETHER, runs), dtype=np.uint64)
        worlds = self.paths(seed, first)
        largest = np.stack([world.propensity for world in worlds]).max(axis=0)
        world = replace(self.world, propensity=largest)
        bound = most_willing(world, self.baseline, WIDE)
        try:
            return self._simulated(worlds, bound, seed, numbers)
        except BoundExceeded:
            return self._simulated(worlds, None, seed, numbers)

    def _simulated(
        self,
        worlds: list[World],
        bound: Floats | None,
        seed: int,
        numbers: NDArray[np.uint64],
    ) -> tuple[Floats, AgreementRows]:
        """The engine's own steps, each in the world of its year. Raises
        BoundExceeded."""
        opportunities = draw_opportunities(self.world, seed, numbers, bound)
        thin = thinning(self.world, opportunities, bound)
        probabilities = np.zeros((len(self.starts), len(self.world.first)))
        grid = self.world.grid
        state = begin(self.world, self.baseline, seed, numbers)
        for step in range(self.world.steps):
            year = int(np.searchsorted(self.starts, grid[step], side="right")) - 1
            world = worlds[year]
            turn_of_step(world, state)
            view = perceive(world, state, step)
            if opportunities.thinned:
                is_within = within_margins(world, self.baseline, state, WIDE)
                if not is_within.all():
                    raise BoundExceeded
            if self.starts[year] == grid[step]:
                probabilities[year] = self._chance(year, state, view).sum(axis=0)
            advance(world, self.baseline, opportunities, thin, state, view, seed)
        turn_of_step(self.world, state)
        agreements = state.agreements
        signed = agreements.signed
        counts = np.isin(agreements.kind, self.kinds)
        counts &= (signed >= 0) & (signed < grid[-1])
        return probabilities, agreements.take(np.flatnonzero(counts))

    def _chance(self, year: int, state: BlockState, view: View) -> Floats:
        """(R, P) probabilities of a year, from how things stand as it begins, with the
        propensities expected of it and the variance about them."""
        share = self.persistence**year
        world = replace(self.world, propensity=share * self.world.propensity)
        variance = self.variance * (1.0 - share**2)
        options = (self.kinds, variance, self.gamma)
        return chance_now(world, self.baseline, state, view, *options)


def _batches(fit: WeightFit, scenario: Scenario, persistence: float) -> _Batches:
    """Without factors of dyads. A year begins on each 1 January of the scenario."""
    worlds = compile_worlds(scenario)
    years = range(scenario.start.year, scenario.end.year)
    starts = [float((date(year, 1, 1) - scenario.start).days) for year in years]
    names = worlds.reference.ladder.names
    variance = fit.propensity_variance
    return _Batches(
        world=worlds.reference,
        baseline=worlds.baseline,
        starts=np.array(starts),
        persistence=persistence if variance > 0 else 1.0,
        variance=variance,
        kinds=[names.index(kind) for kind in fit.kinds],
    )


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


def chance_now(
    world: World,
    baseline: Baseline,
    state: BlockState,
    view: View,
    kinds: list[int],
    variance: float = 0.0,
    gamma: tuple[Floats, Floats] | None = None,
) -> Floats:
    """(R, P) probability that each dyad signs any of the kinds within a year, as things
    stand.

    variance: of each side's propensity about the world's. gamma: of the dyads'
    factors."""
    chance = np.empty((len(state.runs), len(world.first)))
    openness = openness_at(world, float(world.grid[view.step]))
    ladder = world.ladder
    survival = share_signed(ladder, world.rules.collapse_rate)
    sides = ((world.first, world.second), (world.second, world.first))

    def prospects(run: int, side: int, kind: int) -> AllDyads:
        ego, alter = sides[side]
        runs, kinds = np.full(len(ego), run), np.full(len(ego), kind)
        return AllDyads(world, baseline, view, state, runs, ego, alter, kinds)

    for run in range(len(state.runs)):
        rate = np.zeros(len(world.first))
        common = []
        for side, (ego, _) in enumerate(sides):
            intercept = world.propensity[ego, 0]
            common.append(willingness(prospects(run, side, 0), COMMON, intercept))
        for m in kinds:
            consents = []
            for side, u in enumerate(common):
                by_kind = prospects(run, side, m)
                u_of_kind = willingness(by_kind, BY_KIND, u + ladder.intercept[m])
                consents.append(mean_consent(u_of_kind, variance))
            opening = world.frailty * ladder.ceiling[m] * survival[m] * openness
            rate += opening * consents[0] * consents[1]
        chance[run] = -np.expm1(-rate)
        if gamma is not None:
            chance[run] = mixed_chance(rate, *gamma)
    return chance
