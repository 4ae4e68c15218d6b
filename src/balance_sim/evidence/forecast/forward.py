"""The record run forward: the model's own engine from 1 January of a year, many runs, nothing known after.

The forecast for a pair and a later year is the mean over runs of the probability to sign, given what the
run's world has come to by 1 January of that year (its network, experience, activity). That is the expectation
of the share of runs in which the pair signs, without the noise of counting, and never 0.

States change. In a year k after the origin a state's propensity is normal with mean rho^k u and variance
v (1 - rho^2k), where u is what is known at the origin, v the variance of propensities in the fit and rho their
persistence: a stationary autoregression (Harvey 1989, Forecasting, Structural Time Series Models). A batch of runs
lives one drawn path of them, and the chances are the mean over that distribution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.past import members_at, scenario_at
from balance_sim.evidence.estimation.fitting import Fit
from balance_sim.evidence.estimation.pair_factors import PairFactors
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import Baseline, Opportunities, Thinning, World
from balance_sim.model.engine import advance, begin, perceive, turn_of_step
from balance_sim.model.perception import View
from balance_sim.model.prospects import Margins, Prospects
from balance_sim.model.state import Accords, State
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
WIDE = Margins(partners=60.0, lost=60.0, accords=40.0, signed=400.0, log_mean=1.5)
"""For years rather than months. A batch that leaves them is lived again with every occasion asked."""


@dataclass(frozen=True)
class Ahead:
    """years: (Y,). chance: (Y, n, n) by roster position, symmetric; NaN for states not there at the origin.
    signed: (Y,) accords signed a year in a run, mean over runs."""

    years: NDArray[np.int64]
    chance: Floats
    signed: Floats
    runs: int


def scenario_of_fit(
    fit: Fit, history: History, year: int, years: int, parameters: dict[str, float]
) -> Scenario:
    """The record on 1 January of a year with a fit's weights, intercepts and propensities."""
    weights = {name: fit.weights.get(name, 0.0) for name in TERMS}
    return scenario_at(
        history,
        year,
        parameters=parameters,
        weights=weights,
        intercepts=fit.intercepts,
        propensity=fit.propensity,
        years=years,
    )


def simulate_forward(
    fit: Fit,
    history: History,
    origin: int,
    last: int,
    *,
    runs: int = 200,
    seed: int = 1,
    parameters: dict[str, float] | None = None,
    persistence: float = 1.0,
    factors: PairFactors | None = None,
) -> Ahead:
    """Years origin..last from 1 January of `origin`. Only the history before that day is used.

    persistence: of propensities from year to year; 1 leaves them as they are. factors: of the pairs, for the
    chances; occasions in the runs know nothing of them."""
    scenario = scenario_of_fit(fit, history, origin, last - origin + 1, parameters or {})
    worlds = compile_worlds(scenario)
    world, baseline = worlds.reference, worlds.baseline
    years = np.arange(origin, last + 1)
    who = {history.iso3[i]: i for i in members_at(history, origin)}
    place = np.array([who[code] for code in world.codes])
    i, j = place[world.first], place[world.second]
    ahead = _outlook(fit, scenario, world, persistence)
    starts = ahead.starts
    if factors is not None:
        ahead = replace(ahead, gamma=(factors.shape[i, j], factors.inverse[i, j]))
    total = np.zeros((len(years), len(world.first)))
    signed = np.zeros(len(years))
    for first in range(0, runs, RUNS_TOGETHER):
        numbers = np.arange(first, min(first + RUNS_TOGETHER, runs), dtype=np.uint64)
        seen, made = _batch(ahead, baseline, seed, numbers)
        total += seen
        signed += np.bincount(np.searchsorted(starts, made.signed, side="right") - 1, minlength=len(years))
    chance = np.full((len(years), len(history.iso3), len(history.iso3)), np.nan)
    chance[:, i, j] = chance[:, j, i] = total / runs
    return Ahead(years, chance, signed / runs, runs)


def agreements_forward(
    fit: Fit, scenario: Scenario, *, runs: int, seed: int, persistence: float = 1.0
) -> tuple[World, Accords]:
    """The agreements that the same runs sign, of the kinds of the fit; `run` counts over all of them.

    scenario: of `scenario_of_fit`. Days count from its start, dyads are those of the world."""
    worlds = compile_worlds(scenario)
    ahead, every = _outlook(fit, scenario, worlds.reference, persistence), Accords.none()
    for first in range(0, runs, RUNS_TOGETHER):
        numbers = np.arange(first, min(first + RUNS_TOGETHER, runs), dtype=np.uint64)
        made = _batch(ahead, worlds.baseline, seed, numbers)[1]
        every.append(replace(made, run=made.run + first))
    return worlds.reference, every


def _outlook(fit: Fit, scenario: Scenario, world: World, persistence: float) -> _Outlook:
    """What all batches share, without factors of pairs. A year begins on each 1 January of the scenario."""
    years = range(scenario.start.year, scenario.end.year)
    starts = np.array([float((date(year, 1, 1) - scenario.start).days) for year in years])
    kinds = [world.ladder.names.index(kind) for kind in fit.kinds]
    return _Outlook(world, starts, persistence, fit.propensity_variance, kinds, None)


@dataclass(frozen=True)
class _Outlook:
    """What all batches share. starts: (Y,) days of the 1 Januaries. gamma: (P,) shape and inverse scale of the
    pairs' factors."""

    world: World
    starts: Floats
    persistence: float
    variance: float
    kinds: list[int]
    gamma: tuple[Floats, Floats] | None

    @property
    def moves(self) -> bool:
        """Whether propensities change at all."""
        return self.persistence < 1.0 and self.variance > 0

    def expected(self, year: int) -> tuple[World, float]:
        """The world with the propensities expected of a year ahead, and the variance about them."""
        kept = self.persistence**year
        if not self.moves or year == 0:
            return self.world, 0.0
        return replace(self.world, propensity=kept * self.world.propensity), self.variance * (1.0 - kept**2)

    def paths(self, seed: int, first: int) -> list[World]:
        """The world of each year with the propensities of one drawn path. first: number of the batch's first
        run."""
        draw = np.random.default_rng((seed, first))
        worlds, now = [self.world], self.world.propensity
        scale = np.sqrt(self.variance * (1.0 - self.persistence**2)) if self.moves else 0.0
        for _ in self.starts[1:]:
            if self.moves:
                now = self.persistence * now + scale * draw.standard_normal(len(now))[:, None]
            worlds.append(replace(self.world, propensity=now))
        return worlds


def _batch(
    ahead: _Outlook, baseline: Baseline, seed: int, numbers: NDArray[np.uint64]
) -> tuple[Floats, Accords]:
    """(Y, P) chances summed over the runs, and what was signed."""
    worlds = ahead.paths(seed, int(numbers[0]))
    most = np.stack([world.propensity for world in worlds]).max(axis=0)
    highest = replace(ahead.world, propensity=most)
    for bound in (most_willing(highest, baseline, WIDE), None):
        chances = draw_opportunities(ahead.world, seed, numbers, bound)
        thin = thinning(ahead.world, chances, bound)
        try:
            return _lived(ahead, worlds, baseline, chances, thin, seed, numbers)
        except BoundExceeded:
            continue
    raise AssertionError("without thinning no bound can be exceeded")


def _lived(
    ahead: _Outlook,
    worlds: list[World],
    baseline: Baseline,
    chances: Opportunities,
    thin: Thinning,
    seed: int,
    numbers: NDArray[np.uint64],
) -> tuple[Floats, Accords]:
    """The engine's own steps, each in the world of its year. Raises BoundExceeded if a run whose opportunities
    were thinned leaves the margins."""
    seen = np.zeros((len(ahead.starts), len(ahead.world.first)))
    grid = ahead.world.grid
    state = begin(ahead.world, baseline, seed, numbers)
    for step in range(ahead.world.steps):
        year = int(np.searchsorted(ahead.starts, grid[step], side="right")) - 1
        world = worlds[year]
        turn_of_step(world, state)
        view = perceive(world, state, step)
        if chances.thinned and not within_margins(world, baseline, state, WIDE).all():
            raise BoundExceeded
        if ahead.starts[year] == grid[step]:
            expected, variance = ahead.expected(year)
            now = chance_now(expected, baseline, state, view, ahead.kinds, variance, ahead.gamma)
            seen[year] = now.sum(axis=0)
        advance(world, baseline, chances, thin, state, view, seed)
    turn_of_step(ahead.world, state)
    made = state.accords
    ours = np.isin(made.kind, ahead.kinds) & (made.signed >= 0) & (made.signed < grid[-1])
    return seen, made.take(np.flatnonzero(ours))


NODES, SHARES = np.polynomial.hermite_e.hermegauss(7)


def mean_consent(u: Floats, variance: float) -> Floats:
    """The mean of sigma(u + e) over normal e of this variance, by Gauss-Hermite quadrature."""
    if variance == 0:
        return consent(u)
    parts = [share * consent(u + np.sqrt(variance) * node) for node, share in zip(NODES, SHARES, strict=True)]
    return np.asarray(sum(parts) / SHARES.sum())


def chance_now(
    world: World,
    baseline: Baseline,
    state: State,
    view: View,
    kinds: list[int],
    variance: float = 0.0,
    gamma: tuple[Floats, Floats] | None = None,
) -> Floats:
    """(R, P) probability that each pair signs any of the kinds within a year, as things stand.

    variance: of each side's propensity about the world's. gamma: of the pairs' factors."""
    out = np.empty((len(state.runs), len(world.first)))
    openness = openness_at(world, float(world.grid[view.step]))
    steady, by_kind = (
        [name for name in world.rules.weights if TERMS[name].by_kind == k] for k in (False, True)
    )
    for run in range(len(state.runs)):
        rate = np.zeros(len(world.first))
        common = [
            willingness(seen, steady, world.propensity[seen.ego, seen.kind])
            for seen in (_AllPairs.seen_by(world, baseline, state, view, run, side, 0) for side in (0, 1))
        ]
        for m in kinds:
            both = [
                mean_consent(
                    willingness(
                        _AllPairs.seen_by(world, baseline, state, view, run, side, m),
                        by_kind,
                        u + world.ladder.intercept[m],
                    ),
                    variance,
                )
                for side, u in enumerate(common)
            ]
            kept = share_signed(world.ladder, world.rules.collapse_rate)[m]
            rate += world.frailty * world.ladder.ceiling[m] * kept * openness * both[0] * both[1]
        out[run] = -np.expm1(-rate) if gamma is None else mixed_chance(rate, *gamma)
    return out


class _AllPairs(Prospects):
    """Every pair of one run, as one side sees it."""

    @classmethod
    def seen_by(
        cls, world: World, baseline: Baseline, state: State, view: View, run: int, side: int, kind: int
    ) -> Self:
        ego, alter = (world.first, world.second) if side == 0 else (world.second, world.first)
        return cls(world, baseline, view, state, np.full(len(ego), run), ego, alter, np.full(len(ego), kind))

    @cached_property
    def overlap(self) -> Floats:
        """For all pairs of one run: one product of matrices instead of a sum for each."""
        run = int(self.run[0])
        root = np.sqrt(threat(self.world.offensive, self.view.unopposed[run]))
        balance = np.sqrt(self.view.balance[run])
        return over((root @ root.T)[self.ego, self.alter], balance[self.ego] * balance[self.alter])
