"""What states see and feel in a step: beliefs, threat, support, insecurity, for a block of runs.

Beliefs start from the world's own matrices, what they would be with the accords of the start; the pairs that
something has happened to in a run are then set by the same functions. Runs are taken a few at a time, so
that the work stays in the cache; the result does not depend on how many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.model import beliefs, threat
from balance_sim.model.core import AtStart, Rules, State, View, World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def hostility_with(rules: Rules, intent_odds: Floats, calm: Floats) -> Floats:
    """L from the odds of hostile intent before accords, and the calm of accords; or the same for all."""
    if rules.equal_hostility is not None:
        return np.full(np.broadcast_shapes(intent_odds.shape, calm.shape), rules.equal_hostility)
    return beliefs.hostility(intent_odds * np.exp(-rules.eta_acc * calm), rules.eta0)


def beliefs_at_start(
    rules: Rules,
    in_force: npt.NDArray[np.int16],
    depth: Floats,
    calm: Floats,
    odds_against: Floats,
    intent_odds: Floats,
    reliable: Floats,
    pair_index: Ints,
    audience: Ints,
) -> AtStart:
    """The matrices of each step with the accords in force at the start. Shapes as in World and AtStart."""
    here = np.arange(len(pair_index))

    def matrix(by_pair: Floats) -> Floats:
        out = by_pair[..., pair_index]
        out[..., here, here] = 0.0
        return out

    alignment = matrix(beliefs.alignment_with(odds_against, rules.alpha_acc * depth))
    hostility = hostility_with(rules, intent_odds, matrix(calm))
    hostility[..., here, here] = 0.0
    lending = threat.backing(matrix(depth), alignment[:, audience, here], rules.beta) * reliable
    return AtStart(in_force, depth, calm, alignment, hostility, reliable, lending)


@dataclass(frozen=True)
class Changes:
    """Beliefs about the pairs that something has happened to, K of them, by run: both directions of each."""

    starts: Ints  # (R + 1,) where each run begins
    run: Ints  # (K,)
    place: Ints  # (2, K) position in an (n, n) matrix: first of second, second of first
    alignment: Floats  # (A, K)
    hostility: Floats  # (2, K)
    lending: Floats  # (2, K)


def changes(world: World, state: State, step: int, announced: Floats) -> Changes:
    """What the pairs touched so far believe and are believed in this step. announced: (R, P) nats."""
    rules, n, pairs = world.rules, world.n, len(world.first)
    where = np.flatnonzero(state.touched)
    run, pair = np.divmod(where, pairs)
    sides = np.stack([world.first[pair], world.second[pair]])
    place = sides * n + sides[::-1]
    depth, calm = state.depth.take(run * n * n + place[0]), state.calm.take(where)
    news = announced.take(where) * world.signature_attention[:, None]
    against = world.odds_against[step].take(pair, axis=1)
    alignment = beliefs.alignment_with(against, rules.alpha_acc * depth + news)
    own = alignment[world.audience[sides], np.arange(len(where))]
    return Changes(
        starts=np.searchsorted(run, np.arange(len(state.runs) + 1)),
        run=run,
        place=place,
        alignment=alignment,
        hostility=hostility_with(rules, world.intent_odds[step].take(place), calm),
        lending=threat.backing(depth, own, rules.beta) * world.at_start.reliable[step].take(place),
    )


def announcements(world: World, state: State, day: float) -> Floats:
    """(R, P) evidence, in nats, of accords signed and not yet in force.

    Until it enters into force an accord is evidence that fades; in force it acts by its depth."""
    a, pairs = state.accords, len(world.first)
    rows = np.flatnonzero((a.stage == 1) & (a.signed <= day))
    dose = world.rules.signature_weight * world.ladder.depth[a.kind[rows]]
    dose = dose * beliefs.decay(day - a.signed[rows], world.rules.signature_half_life_days)
    clock = a.run[rows] * pairs + a.pair[rows]
    return np.bincount(clock, dose, minlength=len(state.runs) * pairs).reshape(-1, pairs)


def perceive(world: World, state: State, step: int) -> View:
    """What the states of all runs see and feel in a step.

    The view's arrays are the state's own desk: they hold until the next call."""
    desk, s0 = state.desk, world.rules.s0
    middle = (world.grid[step] + world.grid[step + 1]) / 2
    announced = announcements(world, state, middle)
    changed = changes(world, state, step, announced)
    at_once = len(desk.hostility)
    for first in range(0, len(state.runs), at_once):
        _perceive(world, state, step, slice(first, min(first + at_once, len(state.runs))), changed)
    return View(
        world=world,
        step=step,
        day=middle,
        depth=state.depth,
        announced=announced,
        unopposed=desk.unopposed,
        total=desk.total,
        sided=desk.sided,
        defence=desk.defence,
        balance=desk.total + desk.defence + s0,
        insecurity=threat.insecurity(desk.total, desk.defence, s0),
        partners_log_mean=state.log_partners.mean(axis=-1),
        reliability=world.reliability[step],
        reliable=world.at_start.reliable[step],
    )


def _perceive(world: World, state: State, step: int, runs: slice, changed: Changes) -> None:
    desk, start = state.desk, world.at_start
    count = runs.stop - runs.start
    unopposed, sided = desk.unopposed[runs], desk.sided[runs]
    alignment, hostility, scratch = desk.alignment[:count], desk.hostility[:count], desk.scratch[:count]
    rows = slice(*changed.starts[[runs.start, runs.stop]])
    run, place = changed.run[rows] - runs.start, changed.place[:, rows]

    np.copyto(alignment, start.alignment[step])
    audiences = np.arange(alignment.shape[1])[:, None]
    for to in place:
        _set(alignment, run * len(audiences) + audiences, to, changed.alignment[:, rows])
    np.copyto(hostility, start.hostility[step])
    _set(hostility, run, place, changed.hostility[:, rows])
    for a, seen_by in enumerate(world.audience_rows):
        drawn_in = np.matmul(hostility[:, seen_by], alignment[:, a], out=scratch[:, seen_by])
        own = alignment[:, a, seen_by]
        threat.unopposed(hostility[:, seen_by], own, drawn_in, out=unopposed[:, seen_by])
    _set_diagonal(unopposed, 1.0)
    _set_diagonal(alignment, 1.0)

    threats = threat.threat(world.at_hand, unopposed, out=desk.threat[:count])
    total = threat.row_sums(threats, out=desk.total[runs])
    for a, seen_by in enumerate(world.audience_rows):
        np.matmul(threats[:, seen_by], alignment[:, a], out=sided[:, seen_by])
    np.copyto(hostility, start.lending[step])
    _set(hostility, run, place, changed.lending[:, rows])
    lent = threat.lent(hostility, unopposed, sided, total, out=scratch)
    np.add(lent, world.capability * (1.0 + state.effort[runs]), out=desk.defence[runs])


def _set(matrices: Floats, which: Ints, place: Ints, values: Floats) -> None:
    """Entries of stacked (n, n) matrices: in the `which`-th, at the flat position `place`."""
    matrices.reshape(-1)[which * matrices.shape[-1] ** 2 + place] = values


def _set_diagonal(matrices: Floats, value: float) -> None:
    n = matrices.shape[-1]
    matrices.reshape(-1, n * n)[:, :: n + 1] = value
