"""What states see and feel in a step: beliefs, threat, support, insecurity, for a block
of replications.

Beliefs start from the world's own matrices, what they would be with the agreements of
the start; the dyads that something has happened to in a replication are then set by the
same functions. Replications are taken a few at a time, so that the work stays in the
cache; the result does not depend on how many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from balance_sim.model import beliefs, threat
from balance_sim.model.beliefs import provoked_odds
from balance_sim.model.core import Floats, Ints, Keys, Rules, World
from balance_sim.model.policies import Said, said, spoken_of
from balance_sim.model.state import BlockState, Workspace, refuse_invalid
from balance_sim.scenario.errors import OneLine

Step = Any
"""The number of a step, or (R,) that of each replication's own."""


@dataclass(frozen=True, repr=False)
class View(OneLine):
    """What the states of R replications see and feel in one step, or each replication
    in a step of its own. Good until the next step is perceived.

    What the engine needs in every step is at hand; the rest is worked out when asked
    for."""

    world: World
    runs: Keys  # (R,)
    step: Step
    day: Any  # middle of the step, or (R,) of each replication's own
    depth: Floats  # (R, n, n)
    announced: Floats  # (R, P) nats of evidence: signed and not yet in force
    unopposed: Floats  # (R, n, n) 1 - q_ik
    hostility: Floats  # (R, n, n) h_ij, diagonal 0
    total: Floats  # (R, n) Theta_i
    sided: Floats  # (R, n, n) sum_k Theta_ik a_jk: threat to i that j would side with
    strength: Floats  # (R, n) of each state alone, with its effort
    reliability: Floats  # (n,), or (R, n)
    beliefs: Beliefs
    said: Said | None = None  # by acts of policies

    def remaining(self, half_life_days: float) -> Floats:
        """Share that remains, since day 0, of what fades with such a half-life: (), or
        (R,)."""
        days = np.ravel(self.day).tolist()
        shares = [2.0 ** (-day / half_life_days) for day in days]
        return np.reshape(shares, np.shape(self.day))

    @cached_property
    def defence(self) -> Floats:
        """(R, n) D_i: its own strength, and what others lend. Raises InvalidNumber
        where it is none."""
        defence = np.empty_like(self.total)
        for runs, (willing,) in self.beliefs.few_at_once(WILLING):
            sided, total = self.sided[runs], self.total[runs]
            defence[runs] = threat.lent(willing, sided, total)
        defence += self.strength
        refuse_invalid("defence", defence, self.world.codes, self.day, self.runs)
        return defence

    @cached_property
    def balance(self) -> Floats:
        """(R, n) Theta_i + D_i + s0."""
        return self.total + self.defence + self.world.rules.s0

    @cached_property
    def insecurity(self) -> Floats:
        """(R, n) g_i: share of the balance against i."""
        return threat.insecurity(self.total, self.defence, self.world.rules.s0)

    @cached_property
    def roots(self) -> Floats:
        """(R, n, n) sqrt(Theta_ik)."""
        return np.sqrt(self.threat)

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
        threats = np.empty_like(self.free)
        for rows, lend in self._lent_by_audience():
            offensive = self.world.offensive[rows]
            threats[:, rows] = threat.by_adversary(
                self.hostility[:, rows], self.free[:, rows], offensive, lend
            )
        return threats

    def threat_by(self, adversaries: Sequence[int]) -> Floats:
        """(R, n) threat to each state by some adversaries together, each supplier
        counted once."""
        columns = list(adversaries)
        hostility = np.zeros_like(self.hostility)
        hostility[..., columns] = self.hostility[..., columns]
        threats = np.empty(hostility.shape[:2])
        for rows, lend in self._lent_by_audience():
            offensive = self.world.offensive[rows]
            threats[:, rows] = threat.by_several(
                hostility[:, rows], self.free[:, rows], offensive, lend
            )
        return threats

    @cached_property
    def free(self) -> Floats:
        """(R, n, n) f_ik."""
        return threat.unallied(self.depth, self.own)

    def _lent_by_audience(self) -> Iterator[tuple[slice, Floats]]:
        """The rows of each audience, and (R, n, n) beta a_jk as it sees them: what k
        lends j's quarrels, diagonal 0."""
        diagonal = np.arange(self.world.n)
        for audience, rows in enumerate(self.world.audience_rows):
            lend = self.world.rules.beta * self.alignment[:, audience]
            lend[:, diagonal, diagonal] = 0.0
            yield rows, lend

    @cached_property
    def alignment_by_dyad(self) -> Floats:
        """(R, A, P) a_jk of every dyad as each audience sees it."""
        world = self.world
        news = self.announced[:, None] * world.signature_attention[:, None]
        depth = self.depth[:, None, world.first, world.second]
        agreement = world.rules.alpha_acc * depth + news
        against = odds_against(world, self.step, self.said)
        return beliefs.alignment_with(against, agreement)

    @cached_property
    def alignment(self) -> Floats:
        """(R, A, n, n) a_jk as each audience sees it, diagonal 1."""
        diagonal = np.arange(self.world.n)
        alignment = self.alignment_by_dyad.take(self.world.dyad_index, axis=-1)
        alignment[..., diagonal, diagonal] = 1.0
        return alignment

    def read(self, audience: int, states: Ints) -> Floats:
        """(R, K, n) a_jk of some states j as one audience sees it, a_jj = 1."""
        world, itself = self.world, np.arange(len(states))
        dyads = world.dyad_index[states]
        news = self.announced[:, dyads] * world.signature_attention[audience]
        agreement = world.rules.alpha_acc * self.depth[:, states] + news
        row = slice(audience, audience + 1)
        against = odds_against(world, self.step, self.said, row)[..., 0, :]
        alignment = beliefs.alignment_with(against[..., dyads], agreement)
        alignment[:, itself, states] = 1.0
        return alignment

    @cached_property
    def own(self) -> Floats:
        """(R, n, n) a_ik as i sees it, diagonal 1."""
        world, diagonal = self.world, np.arange(self.world.n)
        by_dyad = self.alignment_by_dyad
        places = world.audience[:, None] * by_dyad.shape[-1] + world.dyad_index
        own: Floats = by_dyad.reshape(len(by_dyad), -1).take(places, axis=1)
        own[:, diagonal, diagonal] = 1.0
        return own

    @cached_property
    def reliable(self) -> Floats:
        """(n, n), or (R, n, n): rho_j c_j p_ij."""
        return np.asarray(self.reliability[..., None, :] * self.world.projected)

    @cached_property
    def support(self) -> Floats:
        """(R, n, n) s_ij."""
        firm = threat.firmness(self.sided, self.total[:, :, None])
        return threat.support(self.reliable, firm, self.hostility)

    @cached_property
    def backing(self) -> Floats:
        """(R, n, n) b_ij, diagonal 0."""
        shares = threat.backing(self.depth, self.own, self.world.rules.beta)
        return shares * ~np.eye(self.world.n, dtype=bool)


def odds_against(
    world: World, step: Step, said: Said | None, audiences: slice = slice(None)
) -> Floats:
    """(A, P), or (R, A, P) once policies have acted or where each replication has a
    step of its own: odds against alignment before agreements, as some audiences have
    them."""
    odds: Floats = world.odds_against[step][..., audiences, :]
    if said is None or world.policies is None:
        return odds
    factors = said.against[:, audiences]
    return np.asarray(odds * factors[..., world.policies.dyad_column])


THREATENING, WILLING = slice(-1), slice(-1, None)
"""Of `Workspace.beliefs`: what threat follows from, and what support does."""


@dataclass(frozen=True)
class Beliefs:
    """Beliefs of R replications in a step: what all of them share, and both entries of
    K dyads, sorted by replication, that a replication has of its own.

    shared: a workspace, (A + 3, few, n, n), each matrix as often as replications lie in
    it at once; entries of a few replications are put in while these are worked out."""

    shared: Floats
    starts: Ints  # (R + 1,) where each replication's dyads begin
    places: Ints  # (K, 2) of either entry in a flat (few, n, n)
    entries: Floats  # (K, 2, A + 3)

    @staticmethod
    def of(state: BlockState, run: Ints, sides: Ints, entries: Floats) -> Beliefs:
        """Of replications and their dyads. sides: (2, K) row of either entry; its
        column is the other's row."""
        shared = state.workspace.beliefs
        few, n = shared.shape[1:3]
        places = (run % few * n + sides) * n + sides[::-1]
        starts = np.searchsorted(run, np.arange(len(state.runs) + 1))
        return Beliefs(shared, starts, places.T, entries)

    def few_at_once(self, stack: slice) -> Iterator[tuple[slice, Floats]]:
        """Yield which replications, and of each the matrices of a stack, (B, few, n,
        n), while the caller looks at them."""
        matrices = self.shared[stack]
        entries = np.ascontiguousarray(self.entries[:, :, stack])
        flat, few = matrices.reshape(-1), matrices.shape[1]
        begins = np.arange(len(matrices)) * matrices[0].size
        places = self.places[:, :, None] + begins
        for first in range(0, len(self.starts) - 1, few):
            ends = self.starts[first : first + few + 1]
            rows, count = slice(ends[0], ends[-1]), len(ends) - 1
            replaced = flat.take(places[rows])
            flat[places[rows]] = entries[rows]
            yield slice(first, first + count), matrices[:, :count]
            flat[places[rows]] = replaced


def hostility_with(
    rules: Rules, intent_odds: Floats, calm: Floats, out: Floats | None = None
) -> Floats:
    """L from the odds of hostile intent before agreements, and the calm of agreements;
    or one value for all, where the theory has it so."""
    odds = np.asarray(np.multiply(intent_odds, np.exp(-rules.eta_acc * calm), out=out))
    if rules.equal_hostility is not None:
        odds[...] = rules.equal_hostility
        return odds
    return beliefs.hostility(odds, rules.eta0, out=odds)


MOST_SHARED = 2**23
"""Entries of matrices that all replications share, stored for an arm: some years of
fifty states."""
MOST_BESIDE = 2**18
"""The same for each arm that stands beside another, and follows from it with little
work."""


def shared(world: World, steps: Sequence[int]) -> list[Floats]:
    """(A + 3, n, n) what states would believe in each of some steps if the agreements
    in force at the start were all there is: in the order of `Workspace.beliefs`. The
    last few are stored with the world."""
    stored = world.at_start.shared
    missing = [step for step in steps if step not in stored]
    if missing:
        beside = world.at_start.beside
        if beside is None:
            matrices, most = _believed_by_all(world, np.array(missing)), MOST_SHARED
        else:
            matrices = np.stack(shared(beside, missing), axis=1)
            _set_differing(world, beside, missing, missing, matrices)
            most = MOST_BESIDE
        if (len(stored) + len(missing)) * matrices[:, 0].size > most:
            stored.clear()
        new = {step: matrices[:, place] for place, step in enumerate(missing)}
        stored |= new
        if len(missing) == len(steps):
            return [new[step] for step in steps]
    return [stored[step] for step in steps]


def _believed_by_all(world: World, steps: Ints) -> Floats:
    """(A + 3, R, n, n) beliefs in some steps, worked out of all states."""
    start, rules, itself = world.at_start, world.rules, np.arange(world.n)
    depth, calm = start.depth[world.dyad_index], start.calm[world.dyad_index]
    depth[itself, itself] = calm[itself, itself] = 0.0
    agreement = rules.alpha_acc * start.depth
    matrices = np.empty((len(world.audience_rows) + 3, len(steps), world.n, world.n))
    *as_seen, own, hostility, willing = matrices

    def aligned(odds: Floats, entries: Any) -> Floats:
        return beliefs.alignment_with(odds, agreement[entries])

    def hostile(odds: Floats, entries: Any) -> Floats:
        intent = hostility_with(rules, odds, calm.reshape(-1)[entries])
        return threat.own_hostility(intent, out=intent)

    by_dyad = world.odds_against.mapped(steps, aligned)[:]
    for audience, rows in enumerate(world.audience_rows):
        as_seen[audience][:] = by_dyad[:, audience].take(world.dyad_index, axis=1)
        as_seen[audience][:, itself, itself] = 1.0
        own[:, rows] = as_seen[audience][:, rows]
    reliable = world.reliability[steps][:, None, :] * world.projected
    hostility[:] = world.intent_odds.mapped(steps, hostile)[:]
    backing = threat.backing(depth, own, rules.beta)
    np.multiply(backing * reliable, 1.0 - hostility, out=willing)
    threat.unallied(depth, own, out=own)
    for matrix in (hostility, willing):
        matrix[:, itself, itself] = 0.0
    return matrices


def _set_differing(
    world: World,
    other: World,
    steps: Sequence[int],
    other_steps: Sequence[int],
    matrices: Floats,
) -> None:
    """Set anew, in the beliefs (A + 3, R, n, n) of another world in some steps, dyads
    of which states hear other things in this one."""
    start = world.at_start
    place, dyads = _differing(world, other, np.array(steps), np.array(other_steps))
    sides = np.stack([world.first[dyads], world.second[dyads]])
    ties = Ties(start.depth[dyads], start.calm[dyads], np.zeros(len(dyads)))
    before = _before(world, np.array(steps)[place], dyads, sides)
    believed = _believed(world, sides, ties, *before)
    matrices[:, place, sides, sides[::-1]] = believed.T


def _lay_shared(world: World, step: Step, laid: Floats) -> None:
    """Lay what replications share in (A + 3, few, n, n): of one step, or of a step of
    each replication's own."""
    if not np.ndim(step):
        laid[:] = shared(world, [step])[0][:, None]
        return
    steps, start = step.tolist(), world.at_start
    if start.beside is None or start.beside_step is None:
        of_steps, other = shared(world, steps), None
    else:
        other, other_steps = start.beside, start.beside_step[steps].tolist()
        of_steps = shared(other, other_steps)
    for place, matrices in enumerate(of_steps):
        laid[:, place] = matrices
    if other is not None:
        _set_differing(world, other, steps, other_steps, laid)


def _before(
    world: World, step: Step, dyads: Ints, sides: Ints
) -> tuple[Floats, Floats, Floats]:
    """What states think of K dyads before agreements, as `_believed` takes it. step:
    one, or (K,)."""
    place = sides * world.n + sides[::-1]
    audience = np.arange(len(world.audience_rows))[:, None]
    against = world.odds_against.at(step, audience, dyads)
    intent_odds = world.intent_odds.at(step, place)
    reliability = world.reliability.take(step * world.n + sides[::-1])
    reliable = reliability * world.projected.take(place)
    return against, intent_odds, reliable


def _differing(
    world: World, other: World, steps: Ints, other_steps: Ints
) -> tuple[Ints, Ints]:
    """Places among some steps, and dyads, of which states hear other things in two
    worlds, or of which a side is not as reliable."""
    unreliable = world.reliability[steps] != other.reliability[other_steps]
    differ = unreliable[:, world.first] | unreliable[:, world.second]
    place, dyad = world.odds_against.differing(steps, other.odds_against, other_steps)
    differ[place, dyad] = True
    place, entry = world.intent_odds.differing(steps, other.intent_odds, other_steps)
    dyad = world.dyad_index.take(entry)
    differ[place[dyad >= 0], dyad[dyad >= 0]] = True
    place, dyads = np.nonzero(differ)
    return place, dyads


@dataclass(frozen=True)
class Ties:
    """Agreements between the two states of K dyads. Arrays (K,)."""

    depth: Floats
    calm: Floats
    announced: Floats  # nats of evidence: signed and not yet in force


def _believed(
    world: World,
    sides: Ints,
    ties: Ties,
    against: Floats,
    intent_odds: Floats,
    reliable: Floats,
) -> Floats:
    """(K, 2, A + 3) what K dyads believe and are believed, either entry, in the order
    of `Workspace.beliefs`.

    sides: (2, K) row of either entry. What states think before agreements: against, (A,
    K) odds against alignment; intent_odds, (2, K) odds of hostile intent; reliable: (2,
    K) rho_j c_j p_ij."""
    dyads, rules = np.arange(sides.shape[1]), world.rules
    heard = ties.announced * world.signature_attention[:, None]
    agreement = rules.alpha_acc * ties.depth + heard
    alignment = beliefs.alignment_with(against, agreement)
    own_alignment = alignment[world.audience[sides], dyads]
    intent = hostility_with(rules, intent_odds, ties.calm)
    hostility = threat.own_hostility(intent)
    backing = threat.backing(ties.depth, own_alignment, rules.beta)
    believed = np.empty((*sides.T.shape, len(alignment) + 3))
    believed[..., :-3] = alignment.T[:, None]
    believed[..., -3] = threat.unallied(ties.depth, own_alignment).T
    believed[..., -2] = hostility.T
    believed[..., -1] = (backing * reliable * (1.0 - hostility)).T
    return believed


def _beliefs(
    world: World, state: BlockState, step: Step, announced: Floats, said: Said | None
) -> Beliefs:
    """What is believed in this step, of which what all share is laid in the workspace.
    announced: (R, P) nats."""
    run, dyad, ties = _moved(world, state, announced, said)
    sides = np.stack([world.first.take(dyad), world.second.take(dyad)])
    own_step = of_run(step, run)
    against, intent, reliable = _before(world, own_step, dyad, sides)
    place = sides * world.n + sides[::-1]
    if state.provoked is not None and world.hazards is not None:
        column = world.hazards.column[place]
        intent = intent * provoked_odds(world, state, step)[run, column]
    if said is not None and world.policies is not None:
        policies = world.policies
        intent = intent * said.intent[run, policies.place_column[place]]
        against = against * said.against[run, :, policies.dyad_column[dyad]].T
    entries = _believed(world, sides, ties, against, intent, reliable)
    _lay_shared(world, step, state.workspace.beliefs)
    return Beliefs.of(state, run, sides, entries)


def _moved(
    world: World, state: BlockState, announced: Floats, said: Said | None
) -> tuple[Ints, Ints, Ties]:
    """Replication, dyad and ties of the dyads touched whose beliefs can differ from the
    start's."""
    n, start = world.n, world.at_start
    is_touched, acted_on = state.touched, None
    if said is not None and world.policies is not None and state.enacted is not None:
        acted_on = spoken_of(world.policies, state.enacted)
        is_touched = is_touched | acted_on
    touched = np.flatnonzero(is_touched)
    run, dyad = np.divmod(touched, len(world.first))
    depth = state.depth.take(run * n * n + (world.first * n + world.second).take(dyad))
    calm, nats = state.calm.take(touched), announced.take(touched)
    moved = nats != 0
    moved |= depth != start.depth.take(dyad)
    moved |= calm != start.calm.take(dyad)
    if state.provoked is not None and world.hazards is not None:
        provoked = np.zeros(len(world.first), dtype=bool)
        provoked[world.dyad_index[world.hazards.target, world.hazards.state]] = True
        moved |= provoked.take(dyad)
    if acted_on is not None:
        moved |= acted_on.take(touched)
    rows = np.flatnonzero(moved)
    return run[rows], dyad[rows], Ties(depth[rows], calm[rows], nats[rows])


def hostility_toward(world: World, state: BlockState, step: int, k: int) -> Floats:
    """(R, n) L_ik: the hostility of k as each i sees it in a step, as `perceive` finds
    it; 0 on itself."""
    calm = state.calm[:, world.dyad_index[:, k]]
    odds = np.broadcast_to(world.intent_odds[step][:, k], calm.shape)
    if state.provoked is not None and world.hazards is not None:
        places = np.arange(world.n) * world.n + k
        odds = odds * provoked_odds(world, state, step)[:, world.hazards.column[places]]
    spoken = said(world, state, step)
    if spoken is not None and world.policies is not None:
        places = np.arange(world.n) * world.n + k
        odds = odds * spoken.intent[:, world.policies.place_column[places]]
    hostility = hostility_with(world.rules, odds, calm)
    hostility[:, k] = 0.0
    return hostility


def of_run(value: Any, run: Ints) -> Any:
    """Of some replications, (K,): the one value that all have, (), or each its own,
    (R,)."""
    return value[run] if np.ndim(value) else value


def announcements(world: World, state: BlockState, day: float | Floats) -> Floats:
    """(R, P) evidence, in nats, of agreements signed and not yet in force, on a day, or
    on a day of each replication's own, (R,).

    Until it enters into force an agreement is evidence that fades; in force it acts by
    its depth."""
    agreements, dyads = state.agreements, len(world.first)
    on = of_run(day, agreements.run)
    rows = np.flatnonzero((agreements.stage == 1) & (agreements.signed <= on))
    dose = world.rules.signature_weight * world.ladder.depth[agreements.kind[rows]]
    age = of_run(day, agreements.run[rows]) - agreements.signed[rows]
    dose = dose * beliefs.decay(age, world.rules.signature_half_life_days)
    place = agreements.run[rows] * dyads + agreements.dyad[rows]
    nats = np.bincount(place, dose, minlength=len(state.runs) * dyads)
    return nats.reshape(-1, dyads)


def perceive(world: World, state: BlockState, step: int) -> View:
    """What the states of all replications see and feel in a step.

    The view's arrays are the state's own workspace: they hold until the next call."""
    day = world.middle(step)
    return view_of(world, state, step, day, feel(world, state, step, day))


type Heard = tuple[Floats, Said | None, Beliefs]
"""(R, P) nats of what is announced, what policies have said, and what is believed."""


def feel(world: World, state: BlockState, step: Step, day: float | Floats) -> Heard:
    """Threat to each state, laid in the workspace: whatever its effort. Returns what
    was heard on the way. day: the middle of the step."""
    announced, spoken = announcements(world, state, day), said(world, state, step)
    believed = _beliefs(world, state, step, announced, spoken)
    for runs, matrices in believed.few_at_once(THREATENING):
        _weigh(world, state.workspace, runs, matrices)
    refuse_invalid("threat", state.workspace.total, world.codes, day, state.runs)
    return announced, spoken, believed


def view_of(
    world: World, state: BlockState, step: Step, day: float | Floats, heard: Heard
) -> View:
    """The view of what `feel` has laid in the workspace, with the states' effort."""
    workspace = state.workspace
    announced, spoken, believed = heard
    return View(
        world=world,
        runs=state.runs,
        step=step,
        day=day,
        depth=state.depth,
        announced=announced,
        unopposed=workspace.unopposed,
        hostility=workspace.hostility,
        total=workspace.total,
        sided=workspace.sided,
        strength=world.capability * (1.0 + state.effort),
        reliability=world.reliability[step],
        beliefs=believed,
        said=spoken,
    )


def threat_at_start(world: World, steps: Ints) -> Workspace:
    """Threat to each state in each of some steps, were the agreements in force at the
    start all there is, laid in a workspace of its own."""
    count, audiences = len(steps), len(world.audience_rows)
    room = Workspace.lay(count, audiences, world.n, count)
    _lay_shared(world, steps, room.beliefs)
    _weigh(world, room, slice(0, count), room.beliefs[THREATENING])
    runs = np.zeros(count, dtype=np.uint64)
    refuse_invalid("threat", room.total, world.codes, world.middle(steps), runs)
    return room


def _weigh(world: World, workspace: Workspace, runs: slice, matrices: Floats) -> None:
    """From beliefs of a few replications, (A + 2, few, n, n), to the threat to each
    state, which goes into the workspace."""
    count = runs.stop - runs.start
    *alignment, free, hostility = matrices
    scratch = workspace.scratch[:count]
    by_audience = list(zip(world.audience_rows, alignment, strict=True))
    for rows, as_seen in by_audience:
        np.matmul(hostility[:, rows], as_seen, out=scratch[:, rows])
    scratch -= hostility  # its own, a_kk = 1, which it lends nobody
    scratch *= world.rules.beta
    unopposed = threat.unopposed(hostility, free, lent=scratch, out=scratch)
    workspace.unopposed[runs], workspace.hostility[runs] = unopposed, hostility
    threats = threat.threat(world.offensive, unopposed, out=scratch)
    threat.row_sums(threats, out=workspace.total[runs])
    for rows, as_seen in by_audience:
        np.matmul(threats[:, rows], as_seen, out=workspace.sided[runs, rows])
