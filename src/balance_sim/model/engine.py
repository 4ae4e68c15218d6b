"""Blocks of runs as arrays: begin, perceive, advance. No loop over runs or states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from balance_sim.model import threat
from balance_sim.model.beliefs import provoke
from balance_sim.model.core import (
    Baseline,
    Bools,
    Floats,
    Ints,
    Keys,
    Opportunities,
    Thinning,
    World,
)
from balance_sim.model.perception import View, perceive
from balance_sim.model.pipeline import (
    agreements_at_start,
    clock_of,
    open_talks,
    settle,
    sign_talks,
)
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import (
    AgreementRows,
    BlockState,
    Hastened,
    Simulated,
    begin_network,
    enter,
    leave,
    refresh,
    refuse_invalid,
)
from balance_sim.model.thinning import BoundExceeded, openness_on, within_margins
from balance_sim.model.willingness import consent, willingness

__all__ = [
    "advance",
    "begin",
    "close_step",
    "perceive",
    "simulate",
    "turn_of_step",
    "watch_margins",
]

Observer = Callable[[World, BlockState, View], None]


def begin(
    world: World,
    baseline: Baseline,
    seed: int,
    runs: Keys,
    agreements: AgreementRows | None = None,
) -> BlockState:
    """The state of R runs at day 0. agreements: of an arm that begins alike, else
    worked out here."""
    state = begin_network(world, runs)
    a = state.agreements = (
        agreements_at_start(world, baseline, seed, runs)
        if agreements is None
        else agreements.copy()
    )
    announced, under_way = a.stage == 1, a.stage < 2
    state.touched[a.run[announced], a.dyad[announced]] = True
    state.busy[a.run[under_way], a.dyad[under_way], a.kind[under_way]] = True
    if world.hazards is not None:
        provoke(world, state, seed)
    return state


AFTER_START = ("arm", "odds_against", "intent_odds", "reliability", "hazards")
"""Fields in which worlds that begin alike may differ."""


def open_to_consent(
    world: World,
    opportunities: Opportunities,
    thin: Thinning,
    state: BlockState,
    first: int,
    stop: int,
) -> Ints:
    """Opportunities first..stop-1 whose clock is idle and at which the two sides may
    consent."""
    rows = np.arange(first, stop)
    clock = clock_of(
        world,
        opportunities.run[rows],
        opportunities.dyad[rows],
        opportunities.kind[rows],
    )
    may = thin.kept[rows] | ~state.within[opportunities.run[rows]]
    return rows[~state.busy.take(clock) & may]


def consents(
    world: World,
    baseline: Baseline,
    opportunities: Opportunities,
    state: BlockState,
    view: View,
    rows: Ints,
) -> Floats:
    """(K, 2) probability that each side consents at each of these opportunities."""
    run, dyad, kind = (
        opportunities.run[rows],
        opportunities.dyad[rows],
        opportunities.kind[rows],
    )
    both = Prospects.of_both_sides(world, baseline, view, state, run, dyad, kind)
    return consent(willingness(both)).reshape(2, -1).T


def unbarred(world: World, opportunities: Opportunities, rows: Ints) -> Bools:
    """(K,) opportunities that want of relations does not bar."""
    return np.asarray(
        opportunities.bars[rows]
        < openness_on(world, opportunities.dyad[rows], opportunities.day[rows])
    )


def filtered(
    world: World,
    opportunities: Opportunities,
    thin: Thinning,
    state: BlockState,
    rows: Ints,
    sides: Floats,
) -> Floats:
    """(K,) probability that talks open at each opportunity, over the probability that
    it was kept.

    Of two opportunities of one clock in one step the earlier counts: a later one has
    its talks only where the earlier ones have none. Past the margins a bound no longer
    holds, and nothing is thinned."""
    held = state.within[opportunities.run[rows]]
    open_here = (
        openness_on(world, opportunities.dyad[rows], opportunities.day[rows])
        * sides.prod(axis=1)
        / np.where(held, thin.bound[rows], 1.0)
    )
    clock = clock_of(
        world,
        opportunities.run[rows],
        opportunities.dyad[rows],
        opportunities.kind[rows],
    )
    none_yet = np.ones(len(rows))
    for k in (
        np.flatnonzero(clock[1:] == clock[:-1]) + 1
    ):  # few; rows are sorted by clock within a step
        none_yet[k] = none_yet[k - 1] * (1.0 - open_here[k - 1])
    return np.asarray(open_here * none_yet)


def advance(
    world: World,
    baseline: Baseline,
    opportunities: Opportunities,
    thin: Thinning,
    state: BlockState,
    view: View,
    seed: int,
) -> Floats:
    """One step: talks open and go on, agreements are signed; then effort follows
    insecurity.

    Returns (K,) the step's part of `Simulated.consent`."""
    rows = open_to_consent(
        world,
        opportunities,
        thin,
        state,
        *opportunities.starts[view.step : view.step + 2],
    )
    sides = consents(world, baseline, opportunities, state, view, rows)
    agreed = (opportunities.needs[rows] < sides).all(axis=1)
    out = act(
        world, baseline, opportunities, thin, state, view, rows, sides, agreed, seed
    )
    close_step(world, baseline, state, view)
    return out


def act(
    world: World,
    baseline: Baseline,
    opportunities: Opportunities,
    thin: Thinning,
    state: BlockState,
    view: View,
    rows: Ints,
    sides: Floats,
    agreed: Bools,
    seed: int,
) -> Floats:
    """Do what was agreed at the step's opportunities `rows`: talks open and go on,
    agreements are signed.

    sides: (K, 2) probability that each side consents; agreed: (K,) whether both do."""
    first, last = opportunities.starts[view.step : view.step + 2]
    out = np.zeros(last - first)
    out[rows - first] = filtered(world, opportunities, thin, state, rows, sides)
    opened = rows[agreed & unbarred(world, opportunities, rows)]
    open_talks(world, baseline, opportunities, state, view, opened, seed)
    sign_talks(
        world, baseline, state, view, world.grid[view.step], world.grid[view.step + 1]
    )
    return out


def close_step(world: World, baseline: Baseline, state: BlockState, view: View) -> None:
    """Effort follows insecurity, and the day is over. Raises InvalidNumber where effort
    is no number."""
    state.effort = effort_after(
        world, baseline, state.effort, view.insecurity, view.step
    )
    refuse_invalid(
        "effort", state.effort, world.codes, world.grid[view.step], state.runs
    )
    state.day = world.grid[view.step + 1]


def effort_after(
    world: World, baseline: Baseline, effort: Floats, insecurity: Floats, step: int
) -> Floats:
    """(..., n) effort at the end of a step, from that at its beginning and insecurity
    in it."""
    share = threat.effort_share(
        world.grid[step + 1] - world.grid[step], world.rules.effort_years
    )
    of = world.rules.effort_slope, world.rules.effort_max
    return threat.effort_change(effort, insecurity, baseline.insecurity, *of, share)


def turn_of_step(world: World, state: BlockState) -> None:
    """What has come into force or ended by now takes effect: agreements change depth
    from the next step on."""
    entered, left = settle(world, state)
    enter(state, entered)
    leave(state, left)
    refresh(world, state, np.concatenate([entered, left]))


def watch_margins(
    world: World, baseline: Baseline, opportunities: Opportunities, state: BlockState
) -> None:
    """Note which replications keep within the margins of their bounds. Raises
    BoundExceeded where one does not

    and opportunities were left out on the strength of the bounds."""
    state.within &= within_margins(world, baseline, state)
    if opportunities.thinned and not state.within.all():
        raise BoundExceeded


def simulate(
    world: World,
    baseline: Baseline,
    opportunities: Opportunities,
    thin: Thinning,
    seed: int,
    runs: Keys,
    observe: Observer | None = None,
    agreements: AgreementRows | None = None,
) -> Simulated:
    """R replications of one arm, start to end; `observe` sees each step.

    thin: of this arm, from `opportunities.thinning`. agreements: as for `begin`.
    BoundExceeded: see `watch_margins`."""
    state, consent = begin(world, baseline, seed, runs, agreements), []
    for step in range(world.steps):
        turn_of_step(world, state)
        watch_margins(world, baseline, opportunities, state)
        view = perceive(world, state, step)
        if observe is not None:
            observe(world, state, view)
        consent.append(advance(world, baseline, opportunities, thin, state, view, seed))
    turn_of_step(world, state)
    return Simulated(
        state.agreements, np.concatenate(consent), Hastened.joined(state.hastened)
    )
