"""Accords in force as a network: depth, calm, partners, kept in step with the docket."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import Desk, State, World

Ints = npt.NDArray[np.int64]


def begin_network(world: World, runs: npt.NDArray[np.uint64]) -> State:
    """A state whose accords in force are those on record; nothing under way yet."""
    r, pairs, kinds = len(runs), len(world.first), len(world.ladder.names)
    in_force = np.zeros((pairs, kinds), dtype=np.int16)
    held = world.docket.stage == 2
    np.add.at(in_force, (world.docket.pair[held], world.docket.kind[held]), 1)
    one = _state(world, runs[:1], in_force[None])
    _rebuild(world, one, np.zeros(pairs, dtype=np.int64), np.arange(pairs))
    _recount(one, np.zeros(1, dtype=np.int64))
    state = _state(world, runs, np.repeat(in_force[None], r, axis=0))
    for name in ("depth", "calm", "factor", "soothe", "partners", "shared_mean"):
        getattr(state, name)[:] = getattr(one, name)
    return state


def _state(world: World, runs: npt.NDArray[np.uint64], in_force: npt.NDArray[np.int16]) -> State:
    r, n = len(runs), world.n
    return State(
        runs=runs,
        day=0.0,
        in_force=in_force,
        busy=np.zeros(in_force.shape, dtype=bool),
        depth=np.zeros((r, n, n)),
        calm=np.zeros((r, n, n)),
        factor=np.ones((r, n, n)),
        soothe=np.ones((r, n, n)),
        partners=np.zeros((r, n)),
        shared_mean=np.zeros(r),
        experience=np.repeat(world.experience[None], r, axis=0),
        effort=np.zeros((r, n)),
        desk=Desk.lay(r, len(world.audience_names), n),
    )


def enter(state: State, rows: Ints) -> None:
    """Accords that came into force are counted in."""
    a = state.accords
    np.add.at(state.in_force, (a.run[rows], a.pair[rows], a.kind[rows]), 1)


def leave(state: State, rows: Ints) -> None:
    """Accords that ended are counted out."""
    a = state.accords
    np.subtract.at(state.in_force, (a.run[rows], a.pair[rows], a.kind[rows]), 1)


def refresh(world: World, state: State, rows: Ints) -> None:
    """Depth, calm and partners of the pairs whose accords in force have changed."""
    if not len(rows):
        return
    run, pair = state.accords.run[rows], state.accords.pair[rows]
    i, j = world.first[pair], world.second[pair]
    had = state.depth[run, i, j] > 0
    _rebuild(world, state, run, pair)
    changed = had != (state.depth[run, i, j] > 0)
    if changed.any():
        _recount(state, np.unique(run[changed]))


def _rebuild(world: World, state: State, run: Ints, pair: Ints) -> None:
    """Several accords of one kind between two states count once: depth is that of the deepest kind held."""
    held = state.in_force[run, pair] > 0
    depth = np.where(held, world.ladder.depth, 0.0).max(axis=1, initial=0.0)
    calm = np.where(held, world.ladder.calm, 0.0).max(axis=1, initial=0.0)
    for i, j in ((world.first[pair], world.second[pair]), (world.second[pair], world.first[pair])):
        state.depth[run, i, j] = depth
        state.calm[run, i, j] = calm
        state.factor[run, i, j] = np.exp(-world.rules.alpha_acc * depth)
        state.soothe[run, i, j] = np.exp(-world.rules.eta_acc * calm)


def _recount(state: State, runs: Ints) -> None:
    """Partners of each state, and the mean over pairs of ln(1 + shared partners)."""
    tie = (state.depth[runs] > 0).astype(np.float32)
    n = tie.shape[-1]
    state.partners[runs] = tie.sum(axis=-1)
    shared = tie @ tie
    logs = np.log1p(np.arange(n + 1, dtype=float))[shared.astype(np.int64)]
    diagonal = np.arange(n)
    logs[:, diagonal, diagonal] = 0.0
    state.shared_mean[runs] = logs.reshape(len(runs), -1).sum(axis=1) / (n * (n - 1))
