"""Agreements in force as a network: depth, calm, partners, kept in step with the initial agreements."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import AgreementTypes, Floats, InitialAgreements, Ints, Keys, World
from balance_sim.model.state import BlockState, Workspace

ROWS_AT_ONCE = 64  # states whose partners are counted together, in the cache; changes no result


def record_in_force(record: InitialAgreements, pairs: int, kinds: int) -> npt.NDArray[np.int16]:
    """(P, M) agreements of each kind in force at the start."""
    in_force = np.zeros((pairs, kinds), dtype=np.int16)
    held = record.stage == 2
    np.add.at(in_force, (record.pair[held], record.kind[held]), 1)
    return in_force


def deepest(ladder: AgreementTypes, in_force: npt.NDArray[np.int16]) -> tuple[Floats, Floats]:
    """Depth and calm of dyads from their agreements in force, (..., M) to (...).

    Several agreements of one kind between two states count once: depth is that of the deepest kind held."""
    held = in_force > 0

    def most(of_kind: Floats) -> Floats:
        return np.asarray(np.where(held, of_kind, 0.0).max(axis=-1, initial=0.0))

    return most(ladder.depth), most(ladder.calm)


def begin_network(world: World, runs: Keys) -> BlockState:
    """A state whose agreements in force are those on record; nothing under way yet."""
    r, n, pairs, start = len(runs), world.n, len(world.first), world.at_start
    depth = np.zeros((1, n, n))
    depth[0, world.first, world.second] = depth[0, world.second, world.first] = start.depth
    state = BlockState(
        runs=runs,
        day=0.0,
        in_force=np.repeat(start.in_force[None], r, axis=0),
        busy=np.zeros((r, *start.in_force.shape), dtype=bool),
        depth=np.repeat(depth, r, axis=0),
        calm=np.repeat(start.calm[None], r, axis=0),
        within=np.ones(r, dtype=bool),
        touched=np.zeros((r, pairs), dtype=bool),
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
    a = state.accords
    np.add.at(state.in_force, (a.run[rows], a.pair[rows], a.kind[rows]), 1)


def leave(state: BlockState, rows: Ints) -> None:
    """Agreements that ended are counted out."""
    a = state.accords
    np.subtract.at(state.in_force, (a.run[rows], a.pair[rows], a.kind[rows]), 1)


def refresh(world: World, state: BlockState, rows: Ints) -> None:
    """Depth, calm and partners of the dyads whose agreements in force have changed."""
    if not len(rows):
        return
    run, pair = state.accords.run[rows], state.accords.pair[rows]
    i, j = world.first[pair], world.second[pair]
    had = state.depth[run, i, j] > 0
    depth, state.calm[run, pair] = deepest(world.ladder, state.in_force[run, pair])
    state.depth[run, i, j] = state.depth[run, j, i] = depth
    state.touched[run, pair] = True
    changed = np.flatnonzero(had != (state.depth[run, i, j] > 0))
    if len(changed):
        _recount(state, run[changed], np.stack([i[changed], j[changed]]))


def _counts(depth: Floats) -> dict[str, Floats]:
    """From depth (R, n, n): partners of each state, shared partners of each dyad, their logs and means."""
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
    """The same where dyads have become partners, or are so no more: their own rows and columns alone change."""
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
    return np.asarray(np.log1p(np.arange(shared.shape[-1] + 1, dtype=float))[shared.astype(np.int64)])


def _mean(log_shared: Floats) -> Floats:
    """(R,) mean over the dyads of each run."""
    n = log_shared.shape[-1]
    return np.asarray(log_shared.reshape(-1, n * n).sum(axis=1) / (n * (n - 1)))
