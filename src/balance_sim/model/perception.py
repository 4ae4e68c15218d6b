"""What states see and feel in a step: beliefs, threat, support, insecurity, for a block
of runs.

Beliefs start from the world's own matrices, what they would be with the agreements of
the start; the dyads that something has happened to in a run are then set by the same
functions. Runs are taken a few at a time, so that the work stays in the cache; the
result does not depend on how many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from balance_sim.model import beliefs, threat
from balance_sim.model.beliefs import provoked_odds
from balance_sim.model.core import Bools, Floats, Ints, Rules, Shared, World
from balance_sim.model.state import BlockState, refuse_invalid


@dataclass(frozen=True)
class View:
    """What the states of R runs see and feel in one step. Good until the next step is
    perceived.

    What the engine needs of all dyads is at hand; the matrices below are worked out
    when asked for. Where the runs are one run in R steps (`weigh_steps`), step and day
    are (R,), and reliability and reliable have an axis more."""

    world: World
    step: int
    day: float  # middle of the step
    depth: Floats  # (R, n, n)
    announced: (
        Floats  # (R, P) evidence, in nats, of agreements signed and not yet in force
    )
    unopposed: Floats  # (R, n, n) 1 - q_ik
    hostility: Floats  # (R, n, n) h_ij, diagonal 0
    total: Floats  # (R, n) Theta_i
    sided: (
        Floats  # (R, n, n) sum_k Theta_ik a_jk: the threat to i that j would side with
    )
    roots: Floats  # (R, n, n) sqrt(Theta_ik)
    defence: Floats  # (R, n) D_i
    balance: Floats  # (R, n) Theta_i + D_i + s0
    insecurity: Floats  # (R, n) g_i
    partners_log_mean: Floats  # (R,) mean over states of ln(1 + partners)
    reliability: Floats  # (n,)
    reliable: Floats  # (n, n) rho_j c_j p_ij

    def left(self, half_life_days: float) -> Floats:
        """What is left, since day 0, of what fades with such a half-life: a number, or
        (R,)."""
        return np.asarray(
            [2.0 ** (-day / half_life_days) for day in np.ravel(self.day)]
        ).reshape(np.shape(self.day))

    @cached_property
    def against(self) -> Floats:
        """(R, n, n) q_ik."""
        return np.asarray(1.0 - self.unopposed)

    @cached_property
    def threat(self) -> Floats:
        """(R, n, n) Theta_ik, by supplier."""
        return threat.threat(self.world.offensive, self.unopposed)

    @cached_property
    def adversaries(self) -> Floats:
        """(R, n, n) A_ij, by adversary: whom does i fear?"""
        out = np.empty_like(self.free)
        for seen_by, joins in self._joins():
            out[:, seen_by] = threat.by_adversary(
                self.hostility[:, seen_by],
                self.free[:, seen_by],
                self.world.offensive[seen_by],
                joins,
            )
        return out

    def threat_by(self, adversaries: Sequence[int]) -> Floats:
        """(R, n) threat to each state by some adversaries together, each supplier
        counted once."""
        theirs = np.zeros_like(self.hostility)
        theirs[..., list(adversaries)] = self.hostility[..., list(adversaries)]
        out = np.empty(theirs.shape[:2])
        for seen_by, joins in self._joins():
            out[:, seen_by] = threat.by_several(
                theirs[:, seen_by],
                self.free[:, seen_by],
                self.world.offensive[seen_by],
                joins,
            )
        return out

    @cached_property
    def free(self) -> Floats:
        """(R, n, n) f_ik."""
        return threat.unallied(self.depth, self.own)

    def _joins(self) -> Iterator[tuple[slice, Floats]]:
        """The rows of each audience, and (R, n, n) beta a_jk as it sees them: what k
        lends j's quarrels, diagonal 0."""
        here = np.arange(self.world.n)
        for seen_by, as_seen in zip(
            self.world.audience_rows, self.alignment.swapaxes(0, 1), strict=True
        ):
            joins = self.world.rules.beta * as_seen
            joins[:, here, here] = 0.0
            yield seen_by, joins

    @cached_property
    def alignment(self) -> Floats:
        """(R, A, n, n) a_jk as each audience sees it, diagonal 1."""
        world, here = self.world, np.arange(self.world.n)
        news = (
            self.announced.reshape(len(self.depth), 1, -1)
            * world.signature_attention[:, None]
        )
        depth = self.depth[:, None, world.first, world.second]
        by_dyad = beliefs.alignment_with(
            world.odds_against[self.step], world.rules.alpha_acc * depth + news
        )
        out = by_dyad[..., world.dyad_index]
        out[..., here, here] = 1.0
        return np.asarray(out)

    @cached_property
    def own(self) -> Floats:
        """(R, n, n) a_ik as i sees it, diagonal 1."""
        world, rows = self.world, np.arange(self.world.n)
        attention = world.signature_attention[world.audience][:, None]
        news = self.announced[:, world.dyad_index] * attention
        against = world.odds_against[self.step][
            ..., world.audience[:, None], world.dyad_index
        ]
        out = beliefs.alignment_with(against, world.rules.alpha_acc * self.depth + news)
        out[:, rows, rows] = 1.0
        return out

    @cached_property
    def support(self) -> Floats:
        """(R, n, n) s_ij."""
        return threat.support(
            self.reliable,
            threat.firmness(self.sided, self.total[:, :, None]),
            self.hostility,
        )

    @cached_property
    def backing(self) -> Floats:
        """(R, n, n) b_ij, diagonal 0."""
        return threat.backing(self.depth, self.own, self.world.rules.beta) * ~np.eye(
            self.world.n, dtype=bool
        )


def adversaries(world: World, view: View) -> Floats:
    """(n, n) A_ij in a view's first run: how much of what i has to fear comes with
    adversary j, capability shares.

    The row's largest entry is whom i fears most; the diagonal is 0. States in the order
    of `world.codes`."""
    if view.world is not world:
        raise ValueError(
            "the view is of another world. Give the world that it was perceived in."
        )
    return np.asarray(view.adversaries[0])


@dataclass(frozen=True)
class Patches:
    """Both entries of K dyads of R runs, sorted by run.

    In a step all runs of a block would see the same matrices if nothing had happened in
    them. A few runs' matrices lie in a workspace; their own entries are put in, the
    runs are worked out, and the entries are put back.

    few: runs that lie in the workspace at once, each with one matrix of every stack
    (..., few, n, n)."""

    n: int
    few: int
    run: Ints  # (K,)
    sides: Ints  # (2, K) row of either entry; its column is the other's row
    starts: Ints  # (R + 1,) where each run's dyads begin

    @staticmethod
    def of(world: World, run: Ints, dyad: Ints, runs: int, few: int) -> Patches:
        sides = np.stack([world.first.take(dyad), world.second.take(dyad)])
        return Patches(
            world.n, few, run, sides, np.searchsorted(run, np.arange(runs + 1))
        )

    @cached_property
    def place(self) -> Ints:
        """(2, K) where the entries stand in a flat (n, n)."""
        return self.sides * self.n + self.sides[::-1]

    @cached_property
    def seat(self) -> Ints:
        """(2, K) where they stand in a flat (few, n, n)."""
        return self.run % self.few * self.n**2 + self.place

    def put(self, stacks: Floats, runs: slice, values: Floats) -> Floats:
        """Set the runs' entries in (B, few, n, n); returns what stood there. values:
        (B, 2, K)."""
        rows = self._rows(runs)
        seat, flat = self.seat[:, rows], stacks.reshape(len(stacks), -1)
        before = flat[:, seat]
        flat[:, seat] = values[:, :, rows]
        return before

    def put_back(self, stacks: Floats, runs: slice, before: Floats) -> None:
        """Undo `put`."""
        stacks.reshape(len(stacks), -1)[:, self.seat[:, self._rows(runs)]] = before

    def _rows(self, runs: slice) -> slice:
        return slice(self.starts[runs.start], self.starts[runs.stop])


def hostility_with(
    rules: Rules, intent_odds: Floats, calm: Floats, out: Floats | None = None
) -> Floats:
    """L from the odds of hostile intent before agreements, and the calm of agreements;
    or the same for all."""
    odds = np.asarray(np.multiply(intent_odds, np.exp(-rules.eta_acc * calm), out=out))
    if rules.equal_hostility is not None:
        odds[...] = rules.equal_hostility
        return odds
    return beliefs.hostility(odds, rules.eta0, out=odds)


KEPT = (
    2**23
)  # entries of matrices that all runs share, kept for each arm: about a year of fifty states


def shared(world: World, step: int) -> Shared:
    """The matrices of a step with the agreements in force at the start; for the next
    runs the last few are kept."""
    kept, n, start = world.at_start.kept, world.n, world.at_start
    found = kept.get(step)
    if found is None:
        sides, here, audiences = (
            np.stack([world.first, world.second]),
            np.arange(n),
            len(world.audience_rows),
        )
        reliable, odds = (
            world.reliability[step] * world.projected,
            world.intent_odds[step],
        )
        calm, none = start.calm, np.zeros(sides.shape[1])
        whole = np.zeros((audiences + 3, n, n))
        whole[:audiences, here, here] = 1.0
        at = sides, sides[::-1]
        whole[:, *at] = _believed(
            world,
            sides,
            start.depth,
            calm,
            none,
            world.odds_against[step],
            odds[at],
            reliable[at],
        )
        found = Shared(whole, reliable)
        if len(kept) * n**2 * (len(whole) + 1) > KEPT:
            kept.clear()
        kept[step] = found
    return found


def _believed(
    world: World,
    sides: Ints,
    depth: Floats,
    calm: Floats,
    announced: Floats,
    against: Floats,
    odds: Floats,
    reliable: Floats,
) -> Floats:
    """(A + 3, 2, K) what K dyads believe and are believed, in the order of
    `Workspace.beliefs`, either entry.

    sides: (2, K) row of either entry; depth, calm, announced: (K,); against: (A, K)
    odds against alignment, and odds: (2, K) of hostile intent, both before agreements;
    reliable: (2, K) rho_j c_j p_ij."""
    each, rules = np.arange(sides.shape[1]), world.rules
    heard = announced * world.signature_attention[:, None]
    alignment = beliefs.alignment_with(against, rules.alpha_acc * depth + heard)
    own = alignment[world.audience[sides], each]
    hostility = threat.own_hostility(hostility_with(rules, odds, calm))
    out = np.empty((len(alignment) + 3, *sides.shape))
    out[:-3] = alignment[:, None]
    out[-3] = threat.unallied(depth, own)
    out[-2] = hostility
    out[-1] = threat.backing(depth, own, rules.beta) * reliable * (1.0 - hostility)
    return out


def change(
    world: World, state: BlockState, step: int, announced: Floats
) -> tuple[Patches, Floats]:
    """What the dyads to which something has happened believe and are believed in this
    step.

    announced: (R, P) nats. Returns where it stands, and (A + 3, 2, K) values, in the
    workspace's order."""
    run, dyad, depth, calm, nats = _moved(world, state, announced)
    entries = Patches.of(
        world, run, dyad, len(state.runs), len(state.workspace.scratch)
    )
    odds = world.intent_odds[step].take(entries.place)
    if state.provoked is not None and world.hazards is not None:
        odds = (
            odds
            * provoked_odds(world, state, step)[
                run, world.hazards.column[entries.place]
            ]
        )
    reliable = shared(world, step).reliable.take(entries.place)
    against = world.odds_against[step].take(dyad, axis=1)
    return entries, _believed(
        world, entries.sides, depth, calm, nats, against, odds, reliable
    )


def _moved(
    world: World, state: BlockState, announced: Floats
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Run, dyad, depth, calm and announcements of the dyads touched whose beliefs can
    differ from the start's."""
    n, start = world.n, world.at_start
    where = np.flatnonzero(state.touched)
    run, dyad = np.divmod(where, len(world.first))
    depth = state.depth.take(run * n * n + (world.first * n + world.second).take(dyad))
    calm, nats = state.calm.take(where), announced.take(where)
    moved = (
        (nats != 0)
        | (depth != start.depth.take(dyad))
        | (calm != start.calm.take(dyad))
    )
    if state.provoked is not None and world.hazards is not None:
        aimed_at = np.zeros(len(world.first), dtype=bool)
        aimed_at[world.dyad_index[world.hazards.target, world.hazards.state]] = True
        moved |= aimed_at.take(dyad)
    kept = np.flatnonzero(moved)
    return run[kept], dyad[kept], depth[kept], calm[kept], nats[kept]


def hostility_toward(world: World, state: BlockState, step: int, k: int) -> Floats:
    """(R, n) L_ik: the hostility of k as each i sees it in a step, as `perceive` has
    it; 0 on itself."""
    calm = state.calm[:, world.dyad_index[:, k]]
    odds = np.broadcast_to(world.intent_odds[step][:, k], calm.shape)
    if state.provoked is not None and world.hazards is not None:
        places = np.arange(world.n) * world.n + k
        odds = odds * provoked_odds(world, state, step)[:, world.hazards.column[places]]
    out = hostility_with(world.rules, odds, calm)
    out[:, k] = 0.0
    return out


def announcements(world: World, state: BlockState, day: float) -> Floats:
    """(R, P) evidence, in nats, of agreements signed and not yet in force, on a day.

    Until it enters into force an agreement is evidence that fades; in force it acts by
    its depth."""
    a, dyads = state.agreements, len(world.first)
    rows = np.flatnonzero((a.stage == 1) & (a.signed <= day))
    dose = world.rules.signature_weight * world.ladder.depth[a.kind[rows]]
    dose = dose * beliefs.decay(
        day - a.signed[rows], world.rules.signature_half_life_days
    )
    clock = a.run[rows] * dyads + a.dyad[rows]
    return np.bincount(clock, dose, minlength=len(state.runs) * dyads).reshape(
        -1, dyads
    )


def perceive(world: World, state: BlockState, step: int) -> View:
    """What the states of all runs see and feel in a step.

    The view's arrays are the state's own workspace: they hold until the next call."""
    workspace = state.workspace
    middle = (world.grid[step] + world.grid[step + 1]) / 2
    announced = announcements(world, state, middle)
    entries, values = change(world, state, step, announced)
    few, start = len(workspace.scratch), shared(world, step)
    workspace.beliefs[:] = start.beliefs[:, None]
    for first in range(0, len(state.runs), few):
        runs = slice(first, min(first + few, len(state.runs)))
        before = entries.put(workspace.beliefs, runs, values)
        _weigh(world, state, runs)
        entries.put_back(workspace.beliefs, runs, before)
    np.add(
        workspace.defence,
        world.capability * (1.0 + state.effort),
        out=workspace.defence,
    )
    for name, values_of in (
        ("threat", workspace.total),
        ("defence", workspace.defence),
    ):
        refuse_invalid(name, values_of, world.codes, middle, state.runs)
    return view_of(world, state, step, announced, start.reliable)


def view_of(
    world: World, state: BlockState, step: Any, announced: Floats, reliable: Floats
) -> View:
    """The view of what lies in the state's workspace. step: one, or (R,)."""
    workspace, s0 = state.workspace, world.rules.s0
    return View(
        world=world,
        step=step,
        day=(world.grid[step] + world.grid[step + 1]) / 2,
        depth=state.depth,
        announced=announced,
        unopposed=workspace.unopposed,
        hostility=workspace.hostility,
        total=workspace.total,
        sided=workspace.sided,
        roots=workspace.roots,
        defence=workspace.defence,
        balance=workspace.total + workspace.defence + s0,
        insecurity=threat.insecurity(workspace.total, workspace.defence, s0),
        partners_log_mean=state.log_partners.mean(axis=-1),
        reliability=world.reliability[step],
        reliable=reliable,
    )


def weigh_steps(
    world: World,
    state: BlockState,
    steps: Ints,
    announced: Floats,
    beside: tuple[World, Floats] | None = None,
) -> Floats:
    """One run in several steps, each as if it were a run, with the agreements in force
    of the start: fills the state's workspace as `perceive` does, but that efforts are
    still to be added to its defence. Returns (K, n, n) rho_j c_j p_ij.

    announced: (K, P) nats. beside: another world, and its beliefs in these steps with
    as much announced, as
    `Workspace.beliefs` has them: where the two worlds are alike they are taken from there."""
    beliefs, start, here, n = (
        state.workspace.beliefs,
        world.at_start,
        np.arange(world.n),
        world.n,
    )
    reliable = world.reliability[steps][:, None] * world.projected
    if beside is None:
        beliefs[:] = 0.0
        beliefs[:-3, :, here, here] = 1.0
        row, dyad = np.divmod(np.arange(announced.size), len(world.first))
    else:
        beliefs[:] = beside[1]
        row, dyad = np.nonzero(_differ(world, beside[0], steps))
    sides = np.stack([world.first.take(dyad), world.second.take(dyad)])
    seat = row * n**2 + sides * n + sides[::-1]
    against, odds = (
        world.odds_against[steps][row, :, dyad].T,
        world.intent_odds[steps].take(seat),
    )
    nats, depth, calm = (
        announced[row, dyad],
        start.depth.take(dyad),
        start.calm.take(dyad),
    )
    believed = _believed(
        world, sides, depth, calm, nats, against, odds, reliable.take(seat)
    )
    beliefs.reshape(len(beliefs), -1)[:, seat] = believed
    _weigh(world, state, slice(0, len(steps)))
    return reliable


def _differ(world: World, other: World, steps: Ints) -> Bools:
    """(K, P) dyads that are told other things in two worlds, or of which a side is not
    as reliable."""
    told = (world.odds_against[steps] != other.odds_against[steps]).any(axis=1)
    intent = world.intent_odds[steps] != other.intent_odds[steps]
    lost = world.reliability[steps] != other.reliability[steps]
    first, second = world.first, world.second
    aimed = intent[:, first, second] | intent[:, second, first]
    return np.asarray(told | aimed | lost[:, first] | lost[:, second])


def _weigh(world: World, state: BlockState, runs: slice) -> None:
    """From the beliefs of a few runs, laid in the workspace, to the threat to each
    state and what others lend it, which goes where its defence will stand."""
    workspace, few = state.workspace, runs.stop - runs.start
    unopposed, sided = workspace.unopposed[runs], workspace.sided[runs]
    free, hostility, willing = workspace.beliefs[-3:, :few]
    alignment, scratch = workspace.beliefs[:-3, :few], workspace.scratch[:few]
    for seen_by, as_seen in zip(world.audience_rows, alignment, strict=True):
        np.matmul(hostility[:, seen_by], as_seen, out=scratch[:, seen_by])
    scratch -= hostility  # its own, a_kk = 1, which it lends nobody
    scratch *= world.rules.beta
    threat.unopposed(hostility, free, lent=scratch, out=unopposed)
    unopposed.reshape(-1, world.n**2)[:, :: world.n + 1] = 1.0
    workspace.hostility[runs] = hostility
    threats = threat.threat(world.offensive, unopposed, out=scratch)
    total = threat.row_sums(threats, out=workspace.total[runs])
    for seen_by, as_seen in zip(world.audience_rows, alignment, strict=True):
        np.matmul(threats[:, seen_by], as_seen, out=sided[:, seen_by])
    np.sqrt(threats, out=workspace.roots[runs])
    workspace.defence[runs] = threat.lent(willing, sided, total)
