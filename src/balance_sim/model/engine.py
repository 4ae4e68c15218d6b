"""Blocks of runs as arrays: begin, perceive, advance. No loop over runs or states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from balance_sim.model import beliefs, threat
from balance_sim.model.core import Accords, Baseline, Opportunities, State, View, World
from balance_sim.model.network import begin_network, enter, leave, refresh
from balance_sim.model.pipeline import (
    open_talks,
    record_at_start,
    settle,
    sign_talks,
    talks_nobody_recorded,
)
from balance_sim.model.willingness import Prospects, at_most, consent, willingness

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Observer = Callable[[World, State, View], None]


def begin(world: World, baseline: Baseline, seed: int, runs: npt.NDArray[np.uint64]) -> State:
    """The state of R runs at day 0: the record, and talks that nobody has recorded yet."""
    state = begin_network(world, runs)
    state.accords = record_at_start(world, seed, runs)
    known = state.accords
    under_way = known.stage < 2
    state.busy[known.run[under_way], known.pair[under_way], known.kind[under_way]] = True
    assumed = talks_nobody_recorded(world, baseline, state, seed)
    state.busy[assumed.run, assumed.pair, assumed.kind] = True
    state.accords.append(assumed)
    return state


def perceive(world: World, state: State, step: int) -> View:
    """What the states of all runs see and feel in a step: beliefs, threat, support, insecurity.

    The view's arrays are the state's own desk: they hold until the next call."""
    rules, desk = world.rules, state.desk
    middle = (world.grid[step] + world.grid[step + 1]) / 2
    alignment = desk.alignment
    np.multiply(world.odds_against[step], state.factor[:, None], out=alignment)
    _announce(world, state, alignment, middle)
    beliefs.alignment(alignment, out=alignment)
    hostility = desk.hostility
    if rules.equal_hostility is None:
        np.multiply(world.intent_odds[step], state.soothe, out=hostility)
        beliefs.hostility(hostility, rules.eta0, out=hostility)
    else:
        hostility[:] = rules.equal_hostility
        _clear_diagonal(hostility)
    for a, rows in enumerate(world.audience_rows):
        np.matmul(hostility[:, rows], alignment[:, a], out=desk.sums[:, rows])
        own, sums = alignment[:, a, rows], desk.sums[:, rows]
        threat.opposition(hostility[:, rows], own, sums, out=desk.against[:, rows])
        threat.backing(state.depth[:, rows], own, rules.beta, out=desk.backing[:, rows])
    _clear_diagonal(desk.against)
    threats = threat.threat(world.capability * world.reach, desk.against, out=desk.threat)
    total = threats.sum(axis=-1)
    for a, rows in enumerate(world.audience_rows):
        np.matmul(threats[:, rows], alignment[:, a], out=desk.sums[:, rows])
    firm = threat.firmness(threats, desk.sums, total, out=desk.sums)
    reliability = world.reliability[step]
    weight = reliability * world.capability * world.reach
    support = threat.support(weight, firm, desk.against, out=desk.support)
    defence = np.multiply(desk.backing, support, out=desk.sums).sum(axis=-1)
    defence += world.capability * (1.0 + state.effort)
    return View(
        step=step,
        day=middle,
        against=desk.against,
        threat=threats,
        total=total,
        backing=desk.backing,
        support=support,
        defence=defence,
        balance=total + defence + rules.s0,
        insecurity=threat.insecurity(total, defence, rules.s0),
        alignment=alignment,
        partners_log_mean=np.log1p(state.partners).mean(axis=-1),
        reliability=reliability,
    )


def _clear_diagonal(matrices: Floats) -> None:
    n = matrices.shape[-1]
    matrices.reshape(len(matrices), n * n)[:, :: n + 1] = 0.0


def _announce(world: World, state: State, odds: Floats, day: float) -> None:
    """Between signature and entry into force an accord is evidence that fades; in force it acts by its depth."""
    accords = state.accords
    rows = np.flatnonzero((accords.stage == 1) & (accords.signed <= day))
    if not len(rows):
        return
    dose = world.rules.signature_weight * world.ladder.depth[accords.kind[rows]]
    dose = dose * beliefs.decay(day - accords.signed[rows], world.rules.signature_half_life_days)
    run, i, j = accords.run[rows], world.first[accords.pair[rows]], world.second[accords.pair[rows]]
    for a, attention in enumerate(world.signature_attention):
        less = np.exp(-attention * dose)
        np.multiply.at(odds[:, a], (run, i, j), less)
        np.multiply.at(odds[:, a], (run, j, i), less)


def sides(world: World, baseline: Baseline, state: State, view: View, run: Ints, pair: Ints, kind: Ints) -> tuple[Prospects, Prospects]:
    """The two sides' prospects of the same accords: the pair's first state, then its second."""
    i, j = world.first[pair], world.second[pair]
    return (
        Prospects(world, baseline, view, state, run, i, j, kind),
        Prospects(world, baseline, view, state, run, j, i, kind),
    )


def agreed(world: World, baseline: Baseline, chances: Opportunities, state: State, view: View, rows: Ints) -> Ints:
    """Those of the opportunities at which both sides consent. The second is asked only if the first would.

    Before the whole willingness is worked out, occasions that could not lead to consent are passed over."""
    rows = rows[~state.busy[chances.run[rows], chances.pair[rows], chances.kind[rows]]]
    for bound in (at_most, willingness):
        for side in (0, 1):
            who = sides(world, baseline, state, view, chances.run[rows], chances.pair[rows], chances.kind[rows])
            rows = rows[chances.needs[rows, side] < consent(bound(who[side]))]
    return rows


def advance(world: World, baseline: Baseline, chances: Opportunities, state: State, view: View, seed: int) -> None:
    """One step: talks open and go on, accords are signed; then effort follows insecurity."""
    step = view.step
    start, stop = world.grid[step], world.grid[step + 1]
    rows = agreed(world, baseline, chances, state, view, np.arange(*chances.starts[step : step + 2]))
    open_talks(world, baseline, chances, state, view, rows, seed)
    sign_talks(world, baseline, state, view, start, stop, seed)
    share = -np.expm1(-(stop - start) / 365.25 / world.rules.effort_years)
    state.effort = threat.effort_change(
        state.effort, view.insecurity, baseline.insecurity, world.rules.effort_slope, world.rules.effort_max, share
    )
    state.day = stop


def turn_of_step(world: World, state: State, seed: int) -> None:
    """What has come into force or ended by now takes effect: accords change depth from the next step on."""
    entered, left = settle(world, state, seed)
    enter(state, entered)
    leave(state, left)
    refresh(world, state, np.concatenate([entered, left]))


def simulate(
    world: World,
    baseline: Baseline,
    chances: Opportunities,
    seed: int,
    runs: npt.NDArray[np.uint64],
    observe: Observer | None = None,
) -> Accords:
    """R runs of one arm, from start to end. Returns every accord under way or made; `observe` sees each step."""
    state = begin(world, baseline, seed, runs)
    for step in range(world.steps):
        turn_of_step(world, state, seed)
        view = perceive(world, state, step)
        if observe is not None:
            observe(world, state, view)
        advance(world, baseline, chances, state, view, seed)
    turn_of_step(world, state, seed)
    return state.accords
