"""Blocks of runs as arrays: begin, perceive, advance. No loop over runs or states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from balance_sim.model import threat
from balance_sim.model.core import Baseline, Opportunities, World
from balance_sim.model.hazards import provoke
from balance_sim.model.margins import BoundsBroken, few_signed, within_margins
from balance_sim.model.network import begin_network, enter, leave, refresh
from balance_sim.model.perception import perceive
from balance_sim.model.pipeline import (
    clock_of,
    open_talks,
    record_at_start,
    settle,
    sign_talks,
    talks_nobody_recorded,
)
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import Accords, State, refuse_invalid
from balance_sim.model.view import View
from balance_sim.model.willingness import at_most, consent, with_late, without_late

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

__all__ = ["advance", "begin", "close_step", "perceive", "simulate", "turn_of_step", "watch"]

Observer = Callable[[World, State, View], None]


def begin(world: World, baseline: Baseline, seed: int, runs: npt.NDArray[np.uint64]) -> State:
    """The state of R runs at day 0: the record, and talks that nobody has recorded yet."""
    state = begin_network(world, runs)
    state.accords = record_at_start(world, seed, runs)
    known = state.accords
    announced = known.stage == 1
    state.touched[known.run[announced], known.pair[announced]] = True
    under_way = known.stage < 2
    state.busy[known.run[under_way], known.pair[under_way], known.kind[under_way]] = True
    assumed = talks_nobody_recorded(world, baseline, state, seed)
    state.busy[assumed.run, assumed.pair, assumed.kind] = True
    state.accords.append(assumed)
    if world.hazards is not None:
        provoke(world, state, seed)
    return state


def one_side(
    world: World, baseline: Baseline, chances: Opportunities, state: State, view: View, rows: Ints, side: int
) -> Prospects:
    """Prospects of one side of opportunities: 0, the pair's first state as ego; 1, its second."""
    pair = chances.pair[rows]
    ego, alter = (world.first, world.second) if side == 0 else (world.second, world.first)
    return Prospects(
        world, baseline, view, state, chances.run[rows], ego[pair], alter[pair], chances.kind[rows]
    )


def agreed(
    world: World, baseline: Baseline, chances: Opportunities, state: State, view: View, rows: Ints
) -> Ints:
    """Those of the opportunities at which both sides consent. The second is asked only if the first would.

    Terms that sum over third states are worked out last, where their bound would lead to consent."""
    rows = rows[~state.busy.take(clock_of(world, chances.run[rows], chances.pair[rows], chances.kind[rows]))]
    known: list[Floats] = []  # each side's willingness but for the late terms
    for side in (0, 1):
        who = one_side(world, baseline, chances, state, view, rows, side)
        u = without_late(who)
        kept = np.flatnonzero(chances.needs[rows, side] < consent(at_most(who, u)))
        rows, known = rows[kept], [of_side[kept] for of_side in (*known, u)]
    for side in (0, 1):
        who = one_side(world, baseline, chances, state, view, rows, side)
        kept = np.flatnonzero(chances.needs[rows, side] < consent(with_late(who, known[side])))
        rows, known = rows[kept], [of_side[kept] for of_side in known]
    return rows


def advance(
    world: World, baseline: Baseline, chances: Opportunities, state: State, view: View, seed: int
) -> None:
    """One step: talks open and go on, accords are signed; then effort follows insecurity."""
    step = view.step
    start, stop = world.grid[step], world.grid[step + 1]
    rows = agreed(world, baseline, chances, state, view, np.arange(*chances.starts[step : step + 2]))
    open_talks(world, baseline, chances, state, view, rows, seed)
    sign_talks(world, baseline, state, view, start, stop)
    close_step(world, baseline, state, view)


def close_step(world: World, baseline: Baseline, state: State, view: View) -> None:
    """Effort follows insecurity, and the day is over. Raises InvalidNumber where either is no number."""
    start, stop = world.grid[view.step], world.grid[view.step + 1]
    share = threat.effort_share(stop - start, world.rules.effort_years)
    state.effort = threat.effort_change(
        state.effort,
        view.insecurity,
        baseline.insecurity,
        world.rules.effort_slope,
        world.rules.effort_max,
        share,
    )
    refuse_invalid("insecurity", view.insecurity, world.codes, start, state.runs)
    refuse_invalid("effort", state.effort, world.codes, start, state.runs)
    state.day = stop


def turn_of_step(world: World, state: State) -> None:
    """What has come into force or ended by now takes effect: accords change depth from the next step on."""
    entered, left = settle(world, state)
    enter(state, entered)
    leave(state, left)
    refresh(world, state, np.concatenate([entered, left]))


def watch(chances: Opportunities, *, kept: bool) -> None:
    """Where occasions were passed over, runs must keep within the margins that allowed it."""
    if chances.screened and not kept:
        raise BoundsBroken


def simulate(
    world: World,
    baseline: Baseline,
    chances: Opportunities,
    seed: int,
    runs: npt.NDArray[np.uint64],
    observe: Observer | None = None,
) -> Accords:
    """R runs of one arm, start to end. Returns every accord under way or made; `observe` sees each step."""
    state = begin(world, baseline, seed, runs)
    for step in range(world.steps):
        turn_of_step(world, state)
        watch(chances, kept=within_margins(baseline, state))
        view = perceive(world, state, step)
        if observe is not None:
            observe(world, state, view)
        advance(world, baseline, chances, state, view, seed)
    watch(chances, kept=few_signed(world, state))
    turn_of_step(world, state)
    return state.accords
