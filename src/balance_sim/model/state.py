"""What a block of runs carries from step to step: the agreements of all runs, the
network, the room to work in.

Agreements in force as a network: depth, calm, partners, kept in step with the initial
agreements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
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
    World,
)

AT_ONCE = (
    16 * 50**2
)  # entries of matrices perceived together, to stay in the cache; changes no result


@dataclass(frozen=True)
class Provoked:
    """Acts drawn for a block of runs, E of them."""

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
    count: Ints  # which opportunity of its clock, or row of the record
    key: Keys  # of its own clocks
    opened: Floats
    length: Floats  # days of talks it takes at speed 1, from `opened`
    progress: Floats  # days of talks done, at speed
    gain: Floats  # ln gain of both sides when talks opened
    fails: Floats  # day the talks, or the signed agreement, collapse
    plain_signed: Floats  # day of signature had the talks kept speed 1; NEVER where they would have collapsed
    plain_in_force: Floats  # day of entry into force then, with the same lag; known once it is signed
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
        given: dict[str, Any] = {
            "run": run,
            "dyad": dyad,
            "kind": kind,
            "count": count,
            "key": key,
        }
        given |= {
            "origin": np.full(len(run), origin),
            "stage": np.zeros(len(run), dtype=np.int64),
        }
        given |= {
            "opened": opened,
            "progress": np.zeros(len(run)),
            "gain": np.full(len(run), np.nan),
        }
        names = (one.name for one in fields(cls))
        return cls(
            **{
                name: given[name] if name in given else np.full(len(run), NEVER)
                for name in names
            }
        )

    @classmethod
    def none(cls) -> AgreementRows:
        whole = np.empty(0, np.int64)
        return cls.begun(
            0, whole, whole, whole, whole, whole.astype(np.uint64), np.empty(0)
        )

    def take(self, rows: Ints) -> AgreementRows:
        """These rows, copied."""
        return AgreementRows(
            *(getattr(self, name)[rows] for name in self.__dataclass_fields__)
        )

    def copy(self) -> AgreementRows:
        return AgreementRows(
            *(getattr(self, name).copy() for name in self.__dataclass_fields__)
        )

    def add_rows(self, more: AgreementRows) -> None:
        for name in self.__dataclass_fields__:
            setattr(
                self, name, np.concatenate([getattr(self, name), getattr(more, name)])
            )


class InvalidNumber(ArithmeticError):
    """A run came to a number that is none: NaN, or infinite. Such a run is recorded as
    failed and in no table."""


def refuse_invalid(
    name: str, values: Floats, codes: tuple[str, ...], day: float, runs: Keys
) -> None:
    """Raises InvalidNumber, with the variable, the state, the day and the run, unless
    all are finite.

    values: (R, n) of R runs and n states."""
    if np.isfinite(values).all():
        return
    run, state = np.argwhere(~np.isfinite(values))[0]
    raise InvalidNumber(
        f"{name} of {codes[state]} is {values[run, state]} on day {day:g} after the start, in run {runs[run]}"
    )


@dataclass(frozen=True)
class Hastened:
    """Talks that ran faster than speed 1 in a step, one row a step and talks. All
    arrays (H,), days."""

    run: Ints
    dyad: Ints
    kind: Ints
    origin: Ints
    since: Floats  # when the step began, or the talks in it
    stop: Floats  # when the step ended
    progress: Floats  # days of talks done before it
    pace: Floats

    @classmethod
    def of(
        cls, a: AgreementRows, rows: Ints, since: Floats, stop: float, pace: Floats
    ) -> Hastened:
        """These talks, before what they have done in the step is added."""
        which = a.run[rows], a.dyad[rows], a.kind[rows], a.origin[rows]
        return cls(*which, since, np.full(len(rows), stop), a.progress[rows], pace)

    @staticmethod
    def joined(parts: Sequence[Hastened]) -> Hastened:
        return Hastened(
            *(
                np.concatenate([getattr(part, one.name) for part in parts])
                for one in fields(Hastened)
            )
        )

    @staticmethod
    def none() -> Hastened:
        whole, real = np.empty(0, np.int64), np.empty(0)
        return Hastened(whole, whole, whole, whole, real, real, real, real)


@dataclass(frozen=True)
class Simulated:
    """What a block of replications of one arm leaves behind.

    consent: (C,) for each opportunity the probability that talks opened at it, given
    the run's past, divided by the probability that it was kept; 0 where the clock was
    busy. Its sum over opportunities has the expectation of the number of talks opened,
    and far less variance (filtered Monte Carlo: Glasserman 1993, Mathematics of
    Operations Research 18(3)). hastened: the talks that did not keep speed 1, step by
    step."""

    agreements: AgreementRows
    consent: Floats
    hastened: Hastened


@dataclass
class BlockState:
    """What a block of R runs carries from step to step. Owned and changed by `advance`
    alone."""

    runs: Keys
    day: float
    in_force: npt.NDArray[np.int16]  # (R, P, M) agreements of a kind in force
    busy: Bools  # (R, P, M) in talks or signed
    depth: Floats  # (R, n, n)
    calm: Floats  # (R, P)
    within: Bools  # (R,) the replication has kept within the margins of its upper bounds so far
    touched: Bools  # (R, P) something was signed, took effect or ended: beliefs may differ from the start's
    partners: Floats  # (R, n)
    log_partners: Floats  # (R, n) ln(1 + partners)
    log_shared: Floats  # (R, n, n) ln(1 + shared partners), diagonal 0
    shared_mean: Floats  # (R,) mean over dyads of ln(1 + shared partners)
    experience: Floats  # (R, P), scaled to day 0
    engaged: Floats  # (R, n), scaled to day 0
    active: Floats  # (R, n), scaled to day 0
    effort: Floats  # (R, n)
    workspace: Workspace
    agreements: AgreementRows = field(default_factory=AgreementRows.none)
    hastened: list[Hastened] = field(default_factory=lambda: [Hastened.none()])
    provoked: Provoked | None = None
    talks: Floats | None = (
        None  # (R, n) expected talks under way, where agreements are not simulated
    )


@dataclass(frozen=True)
class Workspace:
    """Room to work in, laid out once a block: matrices and sums by state, for all runs
    or for a few."""

    unopposed: Floats  # (R, n, n)
    sided: Floats  # (R, n, n)
    total: Floats  # (R, n)
    defence: Floats  # (R, n)
    hostility: Floats  # (R, n, n) h_ij
    beliefs: Floats  # (A + 3, few, n, n): a_jk, diagonal 1, as each audience sees them; then, as i sees it, f_ik,
    # h_ik, and the willing support rho_k c_k p_ik b_ik (1 - h_ik); all other diagonals
    # 0
    roots: Floats  # (R, n, n) sqrt(Theta_ik)
    scratch: Floats  # (few, n, n)

    @staticmethod
    def lay(runs: int, audiences: int, n: int, few: int | None = None) -> Workspace:
        few = few or min(runs, max(1, AT_ONCE // n**2))
        return Workspace(
            unopposed=np.empty((runs, n, n)),
            hostility=np.empty((runs, n, n)),
            sided=np.empty((runs, n, n)),
            roots=np.empty((runs, n, n)),
            total=np.empty((runs, n)),
            defence=np.empty((runs, n)),
            beliefs=np.empty((audiences + 3, few, n, n)),
            scratch=np.empty((few, n, n)),
        )


ROWS_AT_ONCE = (
    64  # states whose partners are counted together, in the cache; changes no result
)


def record_in_force(
    record: InitialAgreements, dyads: int, kinds: int
) -> npt.NDArray[np.int16]:
    """(P, M) agreements of each kind in force at the start."""
    in_force = np.zeros((dyads, kinds), dtype=np.int16)
    held = record.stage == 2
    np.add.at(in_force, (record.dyad[held], record.kind[held]), 1)
    return in_force


def deepest(
    ladder: AgreementTypes, in_force: npt.NDArray[np.int16]
) -> tuple[Floats, Floats]:
    """Depth and calm of dyads from their agreements in force, (..., M) to (...).

    Several agreements of one kind between two states count once: depth is that of the
    deepest kind held."""
    held = in_force > 0

    def most(of_kind: Floats) -> Floats:
        return np.asarray(np.where(held, of_kind, 0.0).max(axis=-1, initial=0.0))

    return most(ladder.depth), most(ladder.calm)


def begin_network(world: World, runs: Keys) -> BlockState:
    """A state whose agreements in force are those on record; nothing under way yet."""
    r, n, dyads, start = len(runs), world.n, len(world.first), world.at_start
    depth = np.zeros((1, n, n))
    depth[0, world.first, world.second] = depth[0, world.second, world.first] = (
        start.depth
    )
    state = BlockState(
        runs=runs,
        day=0.0,
        in_force=np.repeat(start.in_force[None], r, axis=0),
        busy=np.zeros((r, *start.in_force.shape), dtype=bool),
        depth=np.repeat(depth, r, axis=0),
        calm=np.repeat(start.calm[None], r, axis=0),
        within=np.ones(r, dtype=bool),
        touched=np.zeros((r, dyads), dtype=bool),
        partners=np.empty((r, n)),
        log_partners=np.empty((r, n)),
        log_shared=np.empty((r, n, n)),
        shared_mean=np.empty(r),
        experience=np.repeat(world.experience[None], r, axis=0),
        engaged=np.repeat(world.engaged[None], r, axis=0),
        active=np.repeat(world.active[None], r, axis=0),
        effort=np.zeros((r, n)),
        workspace=Workspace.lay(r, len(world.audience_names), n),
    )
    for name, of_one in _counts(depth).items():
        getattr(state, name)[:] = of_one
    return state


def enter(state: BlockState, rows: Ints) -> None:
    """Agreements that came into force are counted in."""
    a = state.agreements
    np.add.at(state.in_force, (a.run[rows], a.dyad[rows], a.kind[rows]), 1)


def leave(state: BlockState, rows: Ints) -> None:
    """Agreements that ended are counted out."""
    a = state.agreements
    np.subtract.at(state.in_force, (a.run[rows], a.dyad[rows], a.kind[rows]), 1)


def refresh(world: World, state: BlockState, rows: Ints) -> None:
    """Depth, calm and partners of the dyads whose agreements in force have changed."""
    if not len(rows):
        return
    run, dyad = state.agreements.run[rows], state.agreements.dyad[rows]
    i, j = world.first[dyad], world.second[dyad]
    had = state.depth[run, i, j] > 0
    depth, state.calm[run, dyad] = deepest(world.ladder, state.in_force[run, dyad])
    state.depth[run, i, j] = state.depth[run, j, i] = depth
    state.touched[run, dyad] = True
    changed = np.flatnonzero(had != (state.depth[run, i, j] > 0))
    if len(changed):
        _recount(state, run[changed], np.stack([i[changed], j[changed]]))


def _counts(depth: Floats) -> dict[str, Floats]:
    """From depth (R, n, n): partners of each state, shared partners of each dyad, their
    logs and means."""
    tie = (depth > 0).astype(np.float32)
    n = tie.shape[-1]
    log_shared = _logs(tie @ tie)
    log_shared.reshape(-1, n * n)[:, :: n + 1] = 0.0
    partners = tie.sum(axis=-1).astype(float)
    return {
        "partners": partners,
        "log_partners": np.log1p(partners),
        "log_shared": log_shared,
        "shared_mean": _mean(log_shared),
    }


def _recount(state: BlockState, run: Ints, sides: Ints) -> None:
    """The same where dyads have become partners, or are so no more: their own rows and
    columns alone change."""
    n = state.depth.shape[-1]
    rows = np.unique(run * n + sides)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        of, who = np.divmod(rows[first : first + ROWS_AT_ONCE], n)
        tie = (state.depth[of] > 0).astype(np.float32)
        here = np.arange(len(of))
        own = tie[here, who]
        logs = _logs((tie @ own[:, :, None])[..., 0])
        logs[here, who] = 0.0
        state.log_shared[of, who] = state.log_shared[of, :, who] = logs
        state.partners[of, who] = own.sum(axis=-1)
        state.log_partners[of, who] = np.log1p(state.partners[of, who])
    some = np.unique(run)
    state.shared_mean[some] = _mean(state.log_shared[some])


def _logs(shared: npt.NDArray[np.float32]) -> Floats:
    """ln(1 + shared partners)."""
    return np.asarray(
        np.log1p(np.arange(shared.shape[-1] + 1, dtype=float))[shared.astype(np.int64)]
    )


def _mean(log_shared: Floats) -> Floats:
    """(R,) mean over the dyads of each run."""
    n = log_shared.shape[-1]
    return np.asarray(log_shared.reshape(-1, n * n).sum(axis=1) / (n * (n - 1)))
