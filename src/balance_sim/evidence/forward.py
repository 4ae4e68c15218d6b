"""The record run forward: the model's own engine from 1 January of a year, many runs, nothing known after.

The forecast for a pair and a later year is the mean over runs of the probability to sign, given what the
run's world has come to by 1 January of that year (its network, experience, activity). That is the expectation
of the share of runs in which the pair signs, without the noise of counting, and never 0."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.choices import BY_KIND, chance_kept
from balance_sim.evidence.fitting import Fit
from balance_sim.evidence.history import Floats, History
from balance_sim.evidence.past import members_at, scenario_at
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import Baseline, World
from balance_sim.model.engine import simulate
from balance_sim.model.margins import BoundsBroken, Margins, few_signed, most_willing, within_margins
from balance_sim.model.opportunities import draw_opportunities
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import State
from balance_sim.model.threat import threat
from balance_sim.model.view import View
from balance_sim.model.willingness import TERMS, consent
from balance_sim.scenario.schema import Scenario

RUNS_TOGETHER = 20
WIDE = Margins(partners=60.0, accords=40.0, signed=400.0, log_mean=1.5)
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
) -> Ahead:
    """Years origin..last from 1 January of `origin`. Only the history before that day is used."""
    scenario = scenario_of_fit(fit, history, origin, last - origin + 1, parameters or {})
    worlds = compile_worlds(scenario)
    world, baseline = worlds.reference, worlds.baseline
    most = most_willing(world, baseline, WIDE)
    years = np.arange(origin, last + 1)
    starts = np.array([float((date(int(y), 1, 1) - scenario.start).days) for y in years])
    kinds = [world.ladder.names.index(kind) for kind in fit.kinds]
    total = np.zeros((len(years), len(world.first)))
    signed = np.zeros(len(years))
    for first in range(0, runs, RUNS_TOGETHER):
        numbers = np.arange(first, min(first + RUNS_TOGETHER, runs), dtype=np.uint64)
        seen, made = _batch(world, baseline, seed, numbers, most, starts, kinds)
        total += seen
        place = np.searchsorted(starts, made, side="right") - 1
        signed += np.bincount(place, minlength=len(years))
    chance = np.full((len(years), len(history.iso3), len(history.iso3)), np.nan)
    who = {history.iso3[i]: i for i in members_at(history, origin)}
    place = np.array([who[code] for code in world.codes])
    i, j = place[world.first], place[world.second]
    chance[:, i, j] = chance[:, j, i] = total / runs
    return Ahead(years, chance, signed / runs, runs)


def _batch(
    world: World,
    baseline: Baseline,
    seed: int,
    numbers: NDArray[np.uint64],
    most: Floats,
    starts: Floats,
    kinds: list[int],
) -> tuple[Floats, Floats]:
    """(Y, P) chances summed over the runs, and the days on which something was signed."""
    for bound in (most, None):
        chances = replace(draw_opportunities(world, seed, numbers, bound), screened=False)
        seen = np.zeros((len(starts), len(world.first)))

        def look(
            world: World, state: State, view: View, seen: Floats = seen, *, asked: bool = bound is not None
        ) -> None:
            if asked and not (within_margins(baseline, state, WIDE) and few_signed(world, state, WIDE)):
                raise BoundsBroken
            year = np.flatnonzero(starts == world.grid[view.step])
            if len(year):
                seen[year[0]] = chance_now(world, baseline, state, view, kinds).sum(axis=0)

        try:
            made = simulate(world, baseline, chances, seed, numbers, look)
        except BoundsBroken:
            continue
        ours = np.isin(made.kind, kinds) & (made.signed >= 0) & (made.signed < world.grid[-1])
        return seen, made.signed[ours]
    raise AssertionError("without screening no bound can break")


def chance_now(world: World, baseline: Baseline, state: State, view: View, kinds: list[int]) -> Floats:
    """(R, P) probability that each pair signs any of the kinds within a year, as things stand."""
    out = np.empty((len(state.runs), len(world.first)))
    for run in range(len(state.runs)):
        rate = np.zeros(len(world.first))
        common = [_willing(world, baseline, state, view, run, side) for side in (0, 1)]
        for m in kinds:
            both = [
                consent(u + world.ladder.intercept[m] + _of_kind(world, baseline, state, view, run, side, m))
                for side, u in enumerate(common)
            ]
            kept = chance_kept(world.ladder, world.rules.collapse_rate)[m]
            rate += world.ladder.ceiling[m] * kept * both[0] * both[1]
        out[run] = -np.expm1(-rate)
    return out


def _prospects(
    world: World, baseline: Baseline, state: State, view: View, run: int, side: int, kind: int
) -> Prospects:
    ego, alter = (world.first, world.second) if side == 0 else (world.second, world.first)
    whole = np.full(len(ego), run), np.full(len(ego), kind)
    return Prospects(world, baseline, view, state, whole[0], ego, alter, whole[1])


def _willing(world: World, baseline: Baseline, state: State, view: View, run: int, side: int) -> Floats:
    seen = _prospects(world, baseline, state, view, run, side, 0)
    u = world.propensity[seen.ego]
    for name, weight in world.rules.weights.items():
        if weight != 0 and name not in BY_KIND:
            u = u + weight * (overlap_of_all(seen) if name == "common_threat" else TERMS[name](seen))
    return np.asarray(u)


def overlap_of_all(seen: Prospects) -> Floats:
    """The term `common_threat` for all pairs of one run: one product of matrices instead of a sum for each."""
    run = int(seen.run[0])
    root = np.sqrt(threat(seen.world.at_hand, seen.view.unopposed[run]))
    balance = np.sqrt(seen.view.balance[run])
    scale = balance[seen.ego] * balance[seen.alter]
    together = (root @ root.T)[seen.ego, seen.alter]
    return np.asarray(np.divide(together, scale, out=np.zeros_like(together), where=scale > 0))


def _of_kind(
    world: World, baseline: Baseline, state: State, view: View, run: int, side: int, kind: int
) -> Floats:
    seen = _prospects(world, baseline, state, view, run, side, kind)
    total = np.zeros(len(seen.ego))
    for name in BY_KIND:
        if world.rules.weights[name] != 0:
            total = total + world.rules.weights[name] * TERMS[name](seen)
    return total
