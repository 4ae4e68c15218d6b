"""What a block of replications carries from step to step: the agreements of all of
them, the network, the room to work in.

Agreements in force as a network: depth, calm, partners, updated as agreements come into
force and end.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import (
    NEVER,
    AgreementTypes,
    Bools,
    Floats,
    InitialAgreements,
    Ints,
    Keys,
    Opportunities,
    World,
)
from balance_sim.scenario.errors import OneLine

AT_ONCE = 8 * 50**2
"""Entries of matrices perceived together, to stay in the cache; changes no result."""
type Clocks = tuple[Ints, Ints, Ints]
"""Replication, dyad and type of each of some clocks."""
WORD = 64
"""States whose ties one number of `BlockState.ties` holds, a bit each."""


@dataclass(frozen=True)
class Provoked:
    """Acts drawn for a block of replications, E of them."""

    run: Ints
    act: Ints
    day: Floats


@dataclass
class AgreementRows:
    """Agreements under way or made in a block, one row each. Days; NEVER where it has
    not happened."""

    run: Ints
    dyad: Ints
    kind: Ints
    origin: Ints
    count: Ints  # which opportunity of its dyad and type, or row of the record
    key: Keys  # of its own clocks
    opened: Floats
    length: Floats  # days of talks it takes, from `opened`
    progress: Floats  # days of talks done
    fails: Floats  # day the talks, or the signed agreement, collapse
    signed: Floats
    in_force: Floats
    ended: Floats
    stage: Ints  # 0 talks, 1 signed, 2 in force, 3 over

    @classmethod
    def begun(
        cls,
        origin: int,
        run: Ints,
        dyad: Ints,
        kind: Ints,
        count: Ints,
        key: Keys,
        opened: Floats,
    ) -> AgreementRows:
        """Talks that have just begun: of them nothing else is known."""
        size = len(run)
        unknown = {
            column.name: np.full(size, NEVER)
            for column in fields(cls)
            if column.type == "Floats"
        }
        rows = cls(
            run=run,
            dyad=dyad,
            kind=kind,
            origin=np.full(size, origin),
            count=count,
            key=key,
            stage=np.zeros(size, dtype=np.int64),
            **unknown,
        )
        rows.opened = opened
        rows.progress = np.zeros(size)
        return rows

    @classmethod
    def none(cls) -> AgreementRows:
        """No agreement."""
        no_rows = np.empty(0, np.int64)
        no_keys = np.empty(0, np.uint64)
        return cls.begun(0, no_rows, no_rows, no_rows, no_rows, no_keys, np.empty(0))

    def take(self, rows: Ints) -> AgreementRows:
        """These rows, copied."""
        columns = {name: values[rows] for name, values in vars(self).items()}
        return AgreementRows(**columns)

    def clocks(self, rows: Ints | Bools | slice = np.s_[:]) -> Clocks:
        """Those of some rows."""
        return self.run[rows], self.dyad[rows], self.kind[rows]

    def add_rows(self, added: AgreementRows) -> None:
        """Append the rows of another block."""
        for name, values in vars(added).items():
            setattr(self, name, np.concatenate([getattr(self, name), values]))


@dataclass(frozen=True)
class Candidacies:
    """Opportunities of candidates to seek accession in a block, sorted by step,
    replication, state and day. All arrays (C,)."""

    run: Ints
    pact: Ints
    state: Ints
    count: Ints  # which opportunity of its pact and state
    day: Floats
    needs: Floats  # (C, 2) uniforms of the candidate, and of all members
    bars: Floats
    starts: Ints  # (S + 1,) where each step begins
    chance: Floats  # that an application begins, given the past; 0 until it is known


@dataclass
class Applications:
    """Applications that both sides consented to, one row each.

    terms: what binds the applicant to each member; its rows are of no dyad."""

    pact: Ints
    state: Ints
    terms: AgreementRows

    def add_rows(self, added: Applications) -> None:
        """Append the rows of others."""
        self.pact = np.concatenate([self.pact, added.pact])
        self.state = np.concatenate([self.state, added.state])
        self.terms.add_rows(added.terms)


@dataclass
class Accessions:
    """Who is a member of which pact in a block, and who seeks to be."""

    members: Bools  # (R, A, n)
    applying: Bools  # (R, n)
    candidacies: Candidacies
    applications: Applications


@dataclass(frozen=True)
class Enacted:
    """What K policies have done in a block of R replications, W times at most each.
    Days; NEVER where it has not come."""

    since: Floats  # (R, F) each part of a condition that has to last holds since
    due: Floats  # (R, K)
    days: Floats  # (R, K, W) of acts, in their order

    @property
    def count(self) -> Ints:
        """(R, K) acts."""
        return np.asarray(np.isfinite(self.days).sum(axis=2))

    def within(self, first: float, last: float) -> Ints:
        """(R, K) acts after one day, and not after another."""
        return np.asarray(((first < self.days) & (self.days <= last)).sum(axis=2))

    def copy(self) -> Enacted:
        """The same in arrays of its own."""
        return Enacted(self.since.copy(), self.due.copy(), self.days.copy())


class InvalidNumber(ArithmeticError):
    """A replication came to a number that is none: NaN, or infinite. It is recorded as
    failed and stands in no table."""


def refuse_invalid(
    name: str, values: Floats, codes: tuple[str, ...], day: Any, runs: Keys
) -> None:
    """Raises InvalidNumber, with the variable, the state, the day and the replication,
    unless all are finite.

    values: (R, n) of R replications and n states; day: one, or (R,)."""
    finite = np.isfinite(values)
    if finite.all():
        return
    run, state = np.argwhere(~finite)[0]
    on = float(np.broadcast_to(day, len(runs))[run])
    raise InvalidNumber(
        f"{name} of {codes[state]} is {values[run, state]} on day {on:g} after the "
        f"start, in run {runs[run]}"
    )


@dataclass(frozen=True)
class Answers:
    """Opportunities at which two states were asked. Arrays (A,), in their order."""

    rows: Ints  # which opportunities
    opens: Floats  # probability that talks opened, given the past, over `kept`
    kept: Floats  # probability with which thinning kept each

    @staticmethod
    def none() -> Answers:
        """Nobody was asked."""
        return Answers(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class ClockRows:
    """What came to clocks of a block of replications. Arrays (K,)."""

    when: Ints  # a step, or a span of several
    run: Ints
    dyad: Ints
    kind: Ints
    weight: Floats

    @staticmethod
    def none() -> ClockRows:
        """Nothing came."""
        nowhere = np.zeros(0, dtype=np.int64)
        return ClockRows(nowhere, nowhere, nowhere, nowhere, np.zeros(0))

    def among(self, mask: Bools) -> ClockRows:
        """Some of them. mask: (K,)."""
        rows = np.flatnonzero(mask)
        return ClockRows(*(column[rows] for column in vars(self).values()))


def joined[Rows: (Answers, ClockRows)](parts: Sequence[Rows]) -> Rows:
    """The rows of one or more parts, in their order."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return type(parts[0])(*map(np.concatenate, columns))


@dataclass(frozen=True)
class Simulated:
    """What a block of replications of one arm leaves behind.

    opportunities: C, those given, and all the others of replications that left their
    margins; changes: clocks that became busy, with a weight of -1, or idle again, 1, by
    the beginning of a step. accessions: None where no state can join a pact; enacted:
    None without policies."""

    agreements: AgreementRows
    opportunities: Opportunities
    answers: Answers
    changes: ClockRows
    accessions: Accessions | None = None
    enacted: Enacted | None = None

    @staticmethod
    def of(
        state: BlockState, opportunities: Opportunities, answers: Sequence[Answers]
    ) -> Simulated:
        """What a state has left behind so far. answers: of each step."""
        return Simulated(
            state.agreements,
            opportunities,
            joined([Answers.none(), *answers]),
            joined([ClockRows.none(), *state.changes]),
            state.accessions,
            state.enacted,
        )

    @cached_property
    def consent(self) -> Floats:
        """(C,) probability that talks opened at each opportunity, given the run's past,
        divided by the probability that it was kept; 0 where the clock was busy.

        Its sum over opportunities has the expectation of the number of talks opened,
        and far less variance (filtered Monte Carlo: Glasserman 1993, Mathematics of
        Operations Research 18(3))."""
        consent = np.zeros(len(self.opportunities.day))
        consent[self.answers.rows] = self.answers.opens
        return consent


@dataclass(repr=False)
class BlockState(OneLine):
    """What a block of R replications carries from step to step. Owned and changed by
    `advance` alone."""

    runs: Keys
    day: float
    in_force: npt.NDArray[np.int16]  # (R, P, M) agreements of a kind in force
    busy: Bools  # (R, P, M) in talks or signed
    was_busy: Bools  # (R, P, M) when `note_busy` last looked
    depth: Floats  # (R, n, n)
    calm: Floats  # (R, P)
    within: Bools  # (R,) within the margins of its upper bounds so far
    touched: Bools  # (R, P) something was signed, took effect or ended
    partners: Floats  # (R, n)
    log_partners: Floats  # (R, n) ln(1 + partners)
    ties: Keys  # (R, n, W) who is a partner, in words of bits
    log_shared: Floats  # (R, n, n) ln(1 + shared partners), diagonal 0
    shared_mean: Floats  # (R,) mean over dyads of ln(1 + shared partners)
    experience: Floats  # (R, P), scaled to day 0
    engaged: Floats  # (R, n), scaled to day 0
    active: Floats  # (R, n), scaled to day 0
    effort: Floats  # (R, n)
    workspace: Workspace
    agreements: AgreementRows = field(default_factory=AgreementRows.none)
    provoked: Provoked | None = None
    accessions: Accessions | None = None
    enacted: Enacted | None = None
    turned: int = -1  # last step of which the beginning has taken effect
    clocks_set: list[Ints] = field(default_factory=list)  # busy or idle, in this step
    changes: list[ClockRows] = field(default_factory=list)  # noted, one a step


NETWORK = (
    *("depth", "calm", "touched", "partners"),
    *("log_partners", "ties", "log_shared", "shared_mean"),
)
"""What a state holds of the network of agreements, beside those in force."""


@dataclass(frozen=True)
class Workspace:
    """Room to work in, laid out once a block: matrices and sums by state, for all
    replications or for a few.

    beliefs: (A + 3, few, n, n): a_jk, diagonal 1, as each audience sees them; then, as
    i sees it, f_ik, h_ik, and the willing support rho_k c_k p_ik b_ik (1 - h_ik); all
    other diagonals 0."""

    unopposed: Floats  # (R, n, n)
    sided: Floats  # (R, n, n)
    total: Floats  # (R, n)
    hostility: Floats  # (R, n, n) h_ij
    beliefs: Floats
    scratch: Floats  # (few, n, n)

    @staticmethod
    def lay(runs: int, audiences: int, n: int, at_once: int | None = None) -> Workspace:
        """Room for so many replications; at_once: of how many beliefs are laid at one
        time, by default as many as stay in the cache."""
        matrices, count = (runs, n, n), at_once or min(runs, max(1, AT_ONCE // n**2))
        return Workspace(
            unopposed=np.empty(matrices),
            hostility=np.empty(matrices),
            sided=np.empty(matrices),
            total=np.empty((runs, n)),
            beliefs=np.empty((audiences + 3, count, n, n)),
            scratch=np.empty((count, n, n)),
        )


def record_in_force(
    record: InitialAgreements, dyads: int, kinds: int
) -> npt.NDArray[np.int16]:
    """(P, M) agreements of each type in force at the start."""
    in_force = np.zeros((dyads, kinds), dtype=np.int16)
    rows = record.stage == 2
    np.add.at(in_force, (record.dyad[rows], record.kind[rows]), 1)
    return in_force


def deepest(
    ladder: AgreementTypes, in_force: npt.NDArray[np.int16]
) -> tuple[Floats, Floats]:
    """Depth and calm of dyads from their agreements in force, (..., M) to (...).

    Several agreements of one type between two states count once: depth is that of the
    deepest type held."""
    held_types = in_force > 0
    depth = np.where(held_types, ladder.depth, 0.0).max(axis=-1, initial=0.0)
    calm = np.where(held_types, ladder.calm, 0.0).max(axis=-1, initial=0.0)
    return np.asarray(depth), np.asarray(calm)


def begin_network(world: World, runs: Keys) -> BlockState:
    """A state whose agreements in force are those on record; nothing under way yet."""
    replications, n, start = len(runs), world.n, world.at_start
    depth = np.zeros((n, n))
    depth[world.first, world.second] = depth[world.second, world.first] = start.depth
    partners, ties = (depth > 0).sum(axis=-1).astype(float), packed(depth > 0)
    log_shared = _log_shared(ties, ties[:, None], n)
    np.fill_diagonal(log_shared, 0.0)

    def for_each[Number: np.generic](
        values: npt.NDArray[Number],
    ) -> npt.NDArray[Number]:
        return np.repeat(values[None], replications, axis=0)

    return BlockState(
        runs=runs,
        day=0.0,
        in_force=for_each(start.in_force),
        busy=np.zeros((replications, *start.in_force.shape), dtype=bool),
        was_busy=np.zeros((replications, *start.in_force.shape), dtype=bool),
        depth=for_each(depth),
        calm=for_each(start.calm),
        within=np.ones(replications, dtype=bool),
        touched=np.zeros((replications, len(world.first)), dtype=bool),
        partners=for_each(partners),
        log_partners=for_each(np.log1p(partners)),
        ties=for_each(ties),
        log_shared=for_each(log_shared),
        shared_mean=for_each(_mean(log_shared)[0]),
        experience=for_each(world.experience),
        engaged=for_each(world.engaged),
        active=for_each(world.active),
        effort=np.zeros((replications, n)),
        workspace=Workspace.lay(replications, len(world.audience_names), n),
    )


def copied(state: BlockState) -> BlockState:
    """The same in arrays of its own, but for the workspace, which holds nothing from
    one step to the next, and for changes noted, which stay as they are."""
    shared = state.workspace, *state.changes
    return deepcopy(state, {id(part): part for part in shared})


def repeated(state: BlockState, runs: int) -> BlockState:
    """The state of one replication in so many, without acts drawn and pacts; with room
    for all at once."""
    columns: dict[str, Any] = {
        name: np.repeat(values, runs, axis=0)
        for name, values in vars(state).items()
        if isinstance(values, np.ndarray)
    }
    agreements, copies = state.agreements, len(state.agreements.run)
    rows = agreements.take(np.tile(np.arange(copies), runs))
    rows.run = np.repeat(np.arange(runs), copies)
    audiences, n = len(state.workspace.beliefs) - 3, state.partners.shape[-1]
    room = Workspace.lay(runs, audiences, n, runs)
    return replace(state, **columns, agreements=rows, workspace=room)


def set_busy(state: BlockState, clocks: Clocks, *, is_busy: bool) -> None:
    """Some clocks become busy, or idle."""
    clock = np.ravel_multi_index(clocks, state.busy.shape)
    np.put(state.busy, clock, is_busy)
    state.clocks_set.append(clock)


def note_busy(state: BlockState, step: int) -> None:
    """Note which clocks have become busy, or idle again, since the step before."""
    clock = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *state.clocks_set]))
    clock = clock[state.busy.take(clock) != state.was_busy.take(clock)]
    is_busy = state.busy.take(clock)
    np.put(state.was_busy, clock, is_busy)
    run, dyad, kind = np.unravel_index(clock, state.busy.shape)
    when, sign = np.full(len(clock), step), np.where(is_busy, -1.0, 1.0)
    state.changes.append(ClockRows(when, run, dyad, kind, sign))
    state.clocks_set.clear()


def count_in_force(state: BlockState, rows: Ints, by: int) -> None:
    """Agreements that came into force are counted in, by 1; those that ended out, by
    -1."""
    np.add.at(state.in_force, state.agreements.clocks(rows), np.int16(by))


def refresh(world: World, state: BlockState, run: Ints, dyad: Ints) -> None:
    """Depth, calm and partners of dyads, in replications, whose agreements in force
    have changed."""
    if not len(run):
        return
    i, j = world.first[dyad], world.second[dyad]
    were_partners = state.depth[run, i, j] > 0
    depth, state.calm[run, dyad] = deepest(world.ladder, state.in_force[run, dyad])
    state.depth[run, i, j] = state.depth[run, j, i] = depth
    state.touched[run, dyad] = True
    changed = np.flatnonzero(were_partners != (state.depth[run, i, j] > 0))
    if len(changed):
        _recount(state, run[changed], np.stack([i[changed], j[changed]]))


def _recount(state: BlockState, run: Ints, sides: Ints) -> None:
    """The network where dyads have become partners, or are so no more: the rows and
    columns of the two states, (2, K), alone change."""
    n, is_changed = state.depth.shape[-1], np.zeros(state.partners.shape, dtype=bool)
    is_changed[run, sides] = True
    runs, states = np.nonzero(is_changed)
    is_partner = state.depth[runs, states] > 0
    own_ties = packed(is_partner)
    state.ties[runs, states] = own_ties
    logs = _log_shared(state.ties[runs], own_ties[:, None], n)
    logs[np.arange(len(runs)), states] = 0.0
    state.log_shared[runs, states] = state.log_shared[runs, :, states] = logs
    state.partners[runs, states] = is_partner.sum(axis=-1)
    state.log_partners[runs, states] = np.log1p(state.partners[runs, states])
    state.shared_mean[:] = _mean(state.log_shared)  # less work than a copy of some


def packed(is_partner: Bools) -> Keys:
    """(..., W) rows of partners, (..., n), as words of bits.

    >>> packed(np.array([True, True, False])).tolist() in ([192], [3 << 62])
    True
    """
    n = is_partner.shape[-1]
    bits = np.zeros((*is_partner.shape[:-1], n + -n % WORD), dtype=bool)
    bits[..., :n] = is_partner
    return np.packbits(bits, axis=-1).view(np.uint64)


def _log_shared(ties: Keys, others: Keys, n: int) -> Floats:
    """(...,) ln(1 + shared partners) of states whose ties, (..., W), broadcast."""
    shared = np.bitwise_count(ties & others).sum(axis=-1)
    return np.asarray(np.log1p(np.arange(n + 1, dtype=float)).take(shared))


def _mean(log_shared: Floats) -> Floats:
    """(R,) mean over the dyads of each replication."""
    n = log_shared.shape[-1]
    return np.asarray(log_shared.reshape(-1, n * n).sum(axis=1) / (n * (n - 1)))
