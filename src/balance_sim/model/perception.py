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
from balance_sim.model.core import Floats, Ints, Rules, World
from balance_sim.model.policies import Said, said, spoken_of
from balance_sim.model.state import BlockState, refuse_invalid
from balance_sim.scenario.errors import OneLine

Step = Any
"""The number of a step, or (R,) that of each replication's own."""


@dataclass(frozen=True, repr=False)
class View(OneLine):
    """What the states of R replications see and feel in one step, or each replication
    in a step of its own. Good until the next step is perceived.

    What the engine needs of all dyads is at hand; the matrices below are worked out
    when asked for."""

    world: World
    step: Step
    day: Any  # middle of the step, or (R,) of each replication's own
    depth: Floats  # (R, n, n)
    announced: Floats  # (R, P) nats of evidence: signed and not yet in force
    unopposed: Floats  # (R, n, n) 1 - q_ik
    hostility: Floats  # (R, n, n) h_ij, diagonal 0
    total: Floats  # (R, n) Theta_i
    sided: Floats  # (R, n, n) sum_k Theta_ik a_jk: threat to i that j would side with
    roots: Floats  # (R, n, n) sqrt(Theta_ik)
    defence: Floats  # (R, n) D_i
    balance: Floats  # (R, n) Theta_i + D_i + s0
    insecurity: Floats  # (R, n) g_i
    reliability: Floats  # (n,), or (R, n)
    said: Said | None = None  # by acts of policies

    def remaining(self, half_life_days: float) -> Floats:
        """Share that remains, since day 0, of what fades with such a half-life: (), or
        (R,)."""
        days = np.ravel(self.day).tolist()
        shares = [2.0 ** (-day / half_life_days) for day in days]
        return np.reshape(shares, np.shape(self.day))

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
    def alignment(self) -> Floats:
        """(R, A, n, n) a_jk as each audience sees it, diagonal 1."""
        world, diagonal = self.world, np.arange(self.world.n)
        announced = self.announced.reshape(len(self.depth), 1, -1)
        news = announced * world.signature_attention[:, None]
        depth = self.depth[:, None, world.first, world.second]
        agreement = world.rules.alpha_acc * depth + news
        against = odds_against(world, self.step, self.said)
        alignment = beliefs.alignment_with(against, agreement)[..., world.dyad_index]
        alignment[..., diagonal, diagonal] = 1.0
        return np.asarray(alignment)

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
        observers = np.arange(self.world.n)
        return np.asarray(self.alignment[:, self.world.audience, observers])

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


@dataclass(frozen=True)
class Patches:
    """Both entries of K dyads of R replications, sorted by replication, that differ
    from what all replications share.

    Matrices of a few replications lie in a workspace; their own entries are put in, the
    replications are worked out, and the entries are put back.

    few: replications that lie in the workspace at once, each with one matrix of every
    stack (..., few, n, n)."""

    n: int
    few: int
    run: Ints  # (K,)
    sides: Ints  # (2, K) row of either entry; its column is the other's row
    starts: Ints  # (R + 1,) where each replication's dyads begin

    @staticmethod
    def of(world: World, state: BlockState, run: Ints, dyad: Ints) -> Patches:
        """The entries of dyads of replications in the workspace of a state."""
        sides = np.stack([world.first.take(dyad), world.second.take(dyad)])
        starts = np.searchsorted(run, np.arange(len(state.runs) + 1))
        return Patches(world.n, len(state.workspace.scratch), run, sides, starts)

    @cached_property
    def place(self) -> Ints:
        """(2, K) where the entries stand in a flat (n, n)."""
        return self.sides * self.n + self.sides[::-1]

    @cached_property
    def seat(self) -> Ints:
        """(2, K) where they stand in a flat (few, n, n)."""
        return self.run % self.few * self.n**2 + self.place

    def put(self, stacks: Floats, runs: slice, values: Floats) -> Floats:
        """Set the entries of replications in (B, few, n, n); returns what stood there.
        values: (B, 2, K)."""
        rows = self._rows(runs)
        seat, flat = self.seat[:, rows], stacks.reshape(len(stacks), -1)
        replaced = flat[:, seat]
        flat[:, seat] = values[:, :, rows]
        return replaced

    def put_back(self, stacks: Floats, runs: slice, replaced: Floats) -> None:
        """Undo `put`."""
        stacks.reshape(len(stacks), -1)[:, self.seat[:, self._rows(runs)]] = replaced

    def _rows(self, runs: slice) -> slice:
        return slice(self.starts[runs.start], self.starts[runs.stop])


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
"""Entries of matrices that all replications share, stored for each arm: some years of
fifty states."""


def shared(world: World, steps: Sequence[int]) -> list[Floats]:
    """(A + 3, n, n) what states would believe in each of some steps if the agreements
    in force at the start were all there is: in the order of `Workspace.beliefs`. The
    last few are stored with the world."""
    stored = world.at_start.shared
    missing = [step for step in steps if step not in stored]
    if missing:
        beside = world.at_start.beside
        if beside is None:
            matrices = _believed_by_all(world, np.array(missing))
        else:
            matrices = np.stack(shared(beside, missing), axis=1)
            _set_differing(world, beside, missing, missing, matrices)
        if (len(stored) + len(missing)) * matrices[:, 0].size > MOST_SHARED:
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
    matrices = np.empty((len(world.audience_rows) + 3, len(steps), world.n, world.n))
    *as_seen, own, hostility, willing = matrices
    against = world.odds_against[steps]
    by_dyad = beliefs.alignment_with(against, rules.alpha_acc * start.depth)
    for audience, rows in enumerate(world.audience_rows):
        as_seen[audience][:] = by_dyad[:, audience][:, world.dyad_index]
        as_seen[audience][:, itself, itself] = 1.0
        own[:, rows] = as_seen[audience][:, rows]
    reliable = world.reliability[steps][:, None, :] * world.projected
    intent = hostility_with(rules, world.intent_odds[steps], calm)
    threat.own_hostility(intent, out=hostility)
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
    matrices[:, place, sides, sides[::-1]] = _believed(world, sides, ties, *before)


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
    place, dyad_count = sides * world.n + sides[::-1], len(world.first)
    audience = np.arange(len(world.audience_rows))[:, None]
    heard = (step * len(audience) + audience) * dyad_count + dyads
    intent_odds = world.intent_odds.take(step * world.n**2 + place)
    reliability = world.reliability.take(step * world.n + sides[::-1])
    reliable = reliability * world.projected.take(place)
    return world.odds_against.take(heard), intent_odds, reliable


def _differing(
    world: World, other: World, steps: Ints, other_steps: Ints
) -> tuple[Ints, Ints]:
    """Places among some steps, and dyads, of which states hear other things in two
    worlds, or of which a side is not as reliable."""
    reliability = world.reliability[steps] != other.reliability[other_steps]
    differ = world.intent_odds[steps] != other.intent_odds[other_steps]
    sides = world.first, world.second
    differ_by_dyad = differ[:, *sides] | differ[:, *sides[::-1]]
    differ_by_dyad |= reliability[:, world.first] | reliability[:, world.second]
    against = world.odds_against[steps] != other.odds_against[other_steps]
    place, dyads = np.nonzero(differ_by_dyad | against.any(axis=1))
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
    """(A + 3, 2, K) what K dyads believe and are believed, in the order of
    `Workspace.beliefs`, either entry.

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
    believed = np.empty((len(alignment) + 3, *sides.shape))
    believed[:-3] = alignment[:, None]
    believed[-3] = threat.unallied(ties.depth, own_alignment)
    believed[-2] = hostility
    believed[-1] = backing * reliable * (1.0 - hostility)
    return believed


def _changed(
    world: World, state: BlockState, step: Step, announced: Floats, said: Said | None
) -> tuple[Patches, Floats]:
    """The dyads to which something has happened, and (A + 3, 2, K) what they believe
    and are believed in this step. announced: (R, P) nats."""
    run, dyad, ties = _moved(world, state, announced, said)
    patches = Patches.of(world, state, run, dyad)
    own_step = of_run(step, run)
    against, intent, reliable = _before(world, own_step, dyad, patches.sides)
    if state.provoked is not None and world.hazards is not None:
        column = world.hazards.column[patches.place]
        intent = intent * provoked_odds(world, state, step)[run, column]
    if said is not None and world.policies is not None:
        policies = world.policies
        intent = intent * said.intent[run, policies.place_column[patches.place]]
        against = against * said.against[run, :, policies.dyad_column[dyad]].T
    beliefs = against, intent, reliable
    return patches, _believed(world, patches.sides, ties, *beliefs)


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


type Heard = tuple[Floats, Said | None]
"""(R, P) nats of what is announced, and what policies have said."""


def feel(world: World, state: BlockState, step: Step, day: float | Floats) -> Heard:
    """Threat to each state, and what others lend it, laid in the workspace: whatever
    its effort. Returns what was heard on the way. day: the middle of the step."""
    announced, spoken = announcements(world, state, day), said(world, state, step)
    patches, believed = _changed(world, state, step, announced, spoken)
    _lay_shared(world, step, state.workspace.beliefs)
    _fill_workspace(world, state, patches, believed)
    refuse_invalid("threat", state.workspace.total, world.codes, day, state.runs)
    return announced, spoken


def view_of(
    world: World, state: BlockState, step: Step, day: float | Floats, heard: Heard
) -> View:
    """The view of what `feel` has laid in the workspace, with the states' effort."""
    workspace, s0 = state.workspace, world.rules.s0
    announced, spoken = heard
    own_strength = world.capability * (1.0 + state.effort)
    np.add(workspace.defence, own_strength, out=workspace.defence)
    refuse_invalid("defence", workspace.defence, world.codes, day, state.runs)
    return View(
        world=world,
        step=step,
        day=day,
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
        reliability=world.reliability[step],
        said=spoken,
    )


def _fill_workspace(
    world: World, state: BlockState, patches: Patches, believed: Floats
) -> None:
    """Threat to each state of all replications, and what others lend it, from the
    beliefs that they share, which lie in the workspace.

    believed: (A + 3, 2, K) entries of `patches` that a replication has of its own."""
    workspace, replications = state.workspace, len(state.runs)
    for first_run in range(0, replications, patches.few):
        runs = slice(first_run, min(first_run + patches.few, replications))
        replaced = patches.put(workspace.beliefs, runs, believed)
        _weigh(world, state, runs)
        if runs.stop < replications:
            patches.put_back(workspace.beliefs, runs, replaced)


def _weigh(world: World, state: BlockState, runs: slice) -> None:
    """From the beliefs of a few replications, laid in the workspace, to the threat to
    each state and what others lend it, which goes where its defence will stand."""
    workspace, count = state.workspace, runs.stop - runs.start
    unopposed, sided = workspace.unopposed[runs], workspace.sided[runs]
    free, hostility, willing = workspace.beliefs[-3:, :count]
    alignment, scratch = workspace.beliefs[:-3, :count], workspace.scratch[:count]
    by_audience = list(zip(world.audience_rows, alignment, strict=True))
    for rows, as_seen in by_audience:
        np.matmul(hostility[:, rows], as_seen, out=scratch[:, rows])
    scratch -= hostility  # its own, a_kk = 1, which it lends nobody
    scratch *= world.rules.beta
    threat.unopposed(hostility, free, lent=scratch, out=unopposed)
    unopposed.reshape(-1, world.n**2)[:, :: world.n + 1] = 1.0
    workspace.hostility[runs] = hostility
    threats = threat.threat(world.offensive, unopposed, out=scratch)
    total = threat.row_sums(threats, out=workspace.total[runs])
    for rows, as_seen in by_audience:
        np.matmul(threats[:, rows], as_seen, out=sided[:, rows])
    np.sqrt(threats, out=workspace.roots[runs])
    workspace.defence[runs] = threat.lent(willing, sided, total)
