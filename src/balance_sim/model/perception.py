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
from balance_sim.model.core import AtStart, Rules, World
from balance_sim.model.hazards import provoked_odds
from balance_sim.model.state import State
from balance_sim.model.view import View

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
class Change:
    """Entries of a few runs' beliefs that differ from what they are at the start, sorted by run."""

    starts: Ints  # (R + 1,) where each run's begin
    places: Ints  # (A + 3, 2, K) flat positions on the desk; both sides of K pairs
    values: Floats  # (A + 3, 2, K)

    def rows(self, runs: slice) -> slice:
        """Which entries belong to these runs."""
        return slice(self.starts[runs.start], self.starts[runs.stop])

    def put(self, stack: Floats, rows: slice) -> Floats:
        """Set these entries; returns what stood there."""
        places, flat = self.places[..., rows], stack.reshape(-1)
        before = flat[places]
        flat[places] = self.values[..., rows]
        return before

    def put_back(self, stack: Floats, rows: slice, before: Floats) -> None:
        stack.reshape(-1)[self.places[..., rows]] = before


def change(world: World, state: State, step: int, announced: Floats) -> Change:
    """What the pairs touched so far believe and are believed in this step. announced: (R, P) nats."""
    rules, n, pairs, few = world.rules, world.n, len(world.first), len(state.desk.scratch)
    where = np.flatnonzero(state.touched)
    run, pair = np.divmod(where, pairs)
    sides = np.stack([world.first[pair], world.second[pair]])
    place = sides * n + sides[::-1]  # in one matrix: the first state of the second, the second of the first
    depth, calm = state.depth.take(run * n * n + place[0]), state.calm.take(where)
    news = announced.take(where) * world.signature_attention[:, None]
    against = world.odds_against[step].take(pair, axis=1)
    alignment = beliefs.alignment_with(against, rules.alpha_acc * depth + news)
    own = alignment[world.audience[sides], np.arange(len(where))]
    odds = world.intent_odds[step].take(place)
    if state.provoked is not None and world.hazards is not None:
        odds = odds * provoked_odds(world, state, step)[run, world.hazards.column[place]]
    hostility = hostility_with(rules, odds, calm)
    lending = threat.backing(depth, own, rules.beta) * world.at_start.reliable[step].take(place)
    values = np.empty((len(alignment) + 3, 2, len(where)))  # in the desk's order
    values[:-3] = alignment[:, None]
    values[-3:] = own, hostility, lending
    seat = (
        np.arange(len(values))[:, None] * few + run % few
    )  # where the run's matrices lie while it is perceived
    places = (seat * n * n)[:, None] + place
    return Change(np.searchsorted(run, np.arange(len(state.runs) + 1)), places, values)


def hostility_toward(world: World, state: State, step: int, k: int) -> Floats:
    """(R, n) L_ik: the hostility of k as each i sees it in a step, as `perceive` has it; 0 on itself."""
    calm = state.calm[:, world.pair_index[:, k]]
    odds = np.broadcast_to(world.intent_odds[step][:, k], calm.shape)
    if state.provoked is not None and world.hazards is not None:
        places = np.arange(world.n) * world.n + k
        odds = odds * provoked_odds(world, state, step)[:, world.hazards.column[places]]
    out = hostility_with(world.rules, odds, calm)
    out[:, k] = 0.0
    return out


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
    touched = change(world, state, step, announced)
    few, start = len(desk.scratch), world.at_start
    alignment = start.alignment[step]
    own = alignment[world.audience, np.arange(world.n)]
    for matrix, of_all in zip(
        desk.beliefs, (*alignment, own, start.hostility[step], start.lending[step]), strict=True
    ):
        matrix[:] = of_all
    for first in range(0, len(state.runs), few):
        runs = slice(first, min(first + few, len(state.runs)))
        rows = touched.rows(runs)
        before = touched.put(desk.beliefs, rows)
        _weigh(world, state, runs)
        touched.put_back(desk.beliefs, rows, before)
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


def _weigh(world: World, state: State, runs: slice) -> None:
    """From the beliefs of a few runs, laid on the desk, to the threat to each state and what defends it."""
    desk, few = state.desk, runs.stop - runs.start
    unopposed, sided = desk.unopposed[runs], desk.sided[runs]
    *alignment, own, hostility, lending = desk.beliefs[:, :few]
    scratch = desk.scratch[:few]
    _set_diagonal(desk.beliefs[: len(alignment)], 0.0)
    for seen_by, as_seen in zip(world.audience_rows, alignment, strict=True):
        np.matmul(hostility[:, seen_by], as_seen, out=scratch[:, seen_by])
    threat.unopposed(hostility, own, drawn_in=scratch, out=unopposed)
    _set_diagonal(unopposed, 1.0)
    _set_diagonal(desk.beliefs[: len(alignment)], 1.0)
    threats = threat.threat(world.at_hand, unopposed, out=scratch)
    total = threat.row_sums(threats, out=desk.total[runs])
    for seen_by, as_seen in zip(world.audience_rows, alignment, strict=True):
        np.matmul(threats[:, seen_by], as_seen, out=sided[:, seen_by])
    lent = threat.lent(lending, unopposed, sided, total, out=scratch)
    np.add(lent, world.capability * (1.0 + state.effort[runs]), out=desk.defence[runs])


def _set_diagonal(matrices: Floats, value: float) -> None:
    n = matrices.shape[-1]
    matrices.reshape(-1, n * n)[:, :: n + 1] = value
