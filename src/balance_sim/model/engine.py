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
from balance_sim.model.willingness import BoundsBroken, Prospects, at_most, consent, willingness, within_margins

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Announced = tuple[Ints, Ints, Ints, Floats]
Observer = Callable[[World, State, View], None]

CHUNK = 8  # runs perceived at once


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

    The view's arrays are the state's own desk: they hold until the next call. A few runs at a time,
    so that the work stays in the cache; the result does not depend on how many."""
    desk = state.desk
    middle = (world.grid[step] + world.grid[step + 1]) / 2
    announced = announcements(world, state, middle)
    for first in range(0, len(state.runs), CHUNK):
        _perceive(world, state, step, slice(first, first + CHUNK), announced)
    return View(
        step=step,
        day=middle,
        against=desk.against,
        threat=desk.threat,
        total=desk.total,
        backing=desk.backing,
        support=desk.support,
        defence=desk.defence,
        balance=desk.total + desk.defence + world.rules.s0,
        insecurity=threat.insecurity(desk.total, desk.defence, world.rules.s0),
        alignment=desk.alignment,
        partners_log_mean=np.log1p(state.partners).mean(axis=-1),
        reliability=world.reliability[step],
    )


def _perceive(world: World, state: State, step: int, runs: slice, announced: Announced) -> None:
    rules, desk = world.rules, state.desk
    depth, alignment, against = state.depth[runs], desk.alignment[runs], desk.against[runs]
    hostility, sums = desk.hostility[: len(depth)], desk.sums[: len(depth)]
    np.multiply(world.odds_against[step], state.factor[runs, None], out=alignment)
    _announce(alignment, announced, runs)
    beliefs.alignment(alignment, out=alignment)
    if rules.equal_hostility is None:
        np.multiply(world.intent_odds[step], state.soothe[runs], out=hostility)
        beliefs.hostility(hostility, rules.eta0, out=hostility)
    else:
        hostility[:] = rules.equal_hostility
        _clear_diagonal(hostility)
    for a, rows in enumerate(world.audience_rows):
        np.matmul(hostility[:, rows], alignment[:, a], out=sums[:, rows])
        own = alignment[:, a, rows]
        threat.opposition(hostility[:, rows], own, sums[:, rows], out=against[:, rows])
        threat.backing(depth[:, rows], own, rules.beta, out=desk.backing[runs, rows])
    _clear_diagonal(against)
    threats = threat.threat(world.at_hand, against, out=desk.threat[runs])
    total = threats.sum(axis=-1, out=desk.total[runs])
    for a, rows in enumerate(world.audience_rows):
        np.matmul(threats[:, rows], alignment[:, a], out=sums[:, rows])
    firm = threat.firmness(threats, sums, total, out=sums)
    support = threat.support(world.reliability[step] * world.at_hand, firm, against, out=desk.support[runs])
    lent = np.multiply(desk.backing[runs], support, out=hostility).sum(axis=-1)
    np.add(lent, world.capability * (1.0 + state.effort[runs]), out=desk.defence[runs])


def _clear_diagonal(matrices: Floats) -> None:
    n = matrices.shape[-1]
    matrices.reshape(len(matrices), n * n)[:, :: n + 1] = 0.0


def announcements(world: World, state: State, day: float) -> Announced:
    """Accords signed and not yet in force: run, the two states, and the factor (K, A) on the odds against.

    Until it enters into force an accord is evidence that fades; in force it acts by its depth."""
    accords = state.accords
    rows = np.flatnonzero((accords.stage == 1) & (accords.signed <= day))
    rows = rows[np.argsort(accords.run[rows], kind="stable")]
    dose = world.rules.signature_weight * world.ladder.depth[accords.kind[rows]]
    dose = dose * beliefs.decay(day - accords.signed[rows], world.rules.signature_half_life_days)
    less = np.exp(-dose[:, None] * world.signature_attention)
    return accords.run[rows], world.first[accords.pair[rows]], world.second[accords.pair[rows]], less


def _announce(odds: Floats, announced: Announced, runs: slice) -> None:
    run, i, j, less = announced
    here = slice(*np.searchsorted(run, (runs.start, runs.stop)))
    if here.stop > here.start:
        where = run[here] - runs.start
        for a in range(odds.shape[1]):
            np.multiply.at(odds[:, a], (where, i[here], j[here]), less[here, a])
            np.multiply.at(odds[:, a], (where, j[here], i[here]), less[here, a])


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
    for bound in (at_most, willingness) if chances.screened else (willingness,):
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


def watch(world: World, baseline: Baseline, chances: Opportunities, state: State) -> None:
    """Where occasions were passed over, runs must keep within the margins that allowed it."""
    if chances.screened:
        signed = state.experience - world.experience
        if not within_margins(baseline, state.partners, state.shared_mean, signed):
            raise BoundsBroken


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
        watch(world, baseline, chances, state)
        view = perceive(world, state, step)
        if observe is not None:
            observe(world, state, view)
        advance(world, baseline, chances, state, view, seed)
    turn_of_step(world, state, seed)
    return state.accords
