"""Provocations: acts that a state commits by chance, on clocks of their own, the same in every arm.

Each is a Poisson stream of the declared rate, keyed by seed, run and the provocation's id. An act adds
evidence on intent, of each target about the state, from the step that follows it; it fades with the
half-life of its kind and adds nothing else.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from balance_sim.model import beliefs, clocks
from balance_sim.model.core import DAYS_PER_YEAR, Hazards, World
from balance_sim.model.news import attention_of_readings, members
from balance_sim.model.opportunities import run_keys
from balance_sim.model.state import Provoked, State
from balance_sim.scenario.schema import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def hazards_of(scenario: Scenario, audience: Ints) -> Hazards | None:
    """The scenario's provocations as arrays; None where there are none. States in the order of the arrays."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    rows = [one for one in scenario.provocations if one.rate > 0 and one.state in roster]
    entries = [
        (act, target, roster[one.state], scenario.event_kinds[one.kind].intent * one.visibility, one.kind)
        for act, one in enumerate(rows)
        for target in members(one.targets, scenario.groups, roster)
        if target != roster[one.state]
    ]
    if not entries:
        return None
    n = len(roster)
    act, target, state = (np.array([entry[k] for entry in entries], dtype=np.int64) for k in range(3))
    heed = [attention_of_readings(scenario, entry[4])[audience[entry[1]]] for entry in entries]
    places = target * n + state
    distinct = np.unique(places)
    column = np.full(n * n, len(distinct))
    column[distinct] = np.arange(len(distinct))
    return Hazards(
        keys=np.array([clocks.label(one.id) for one in rows], dtype=np.uint64),
        rate=np.array([one.rate for one in rows]),
        half_life_days=tuple(scenario.event_kinds[one.kind].half_life_days for one in rows),
        act=act,
        target=target,
        state=state,
        dose=np.array([entry[3] for entry in entries]) * np.array(heed),
        column=column,
    )


def provoke(world: World, state: State, seed: int) -> None:
    """Draw the acts of all runs to the horizon, and mark the pairs whose beliefs they move."""
    hazards = world.hazards
    assert hazards is not None
    key = clocks.absorb(run_keys(seed, state.runs), clocks.label("provocation"))[:, None]
    run, act = (grid.ravel() for grid in np.indices((len(state.runs), len(hazards.rate))))
    key = clocks.absorb(key, hazards.keys).reshape(-1)
    day, count, found = np.zeros(len(run)), 0, []
    while len(run):
        day = day + clocks.exponential(clocks.absorb(key, count)) * (DAYS_PER_YEAR / hazards.rate[act])
        on_time = np.flatnonzero(day < world.grid[-1])
        run, act, key, day = run[on_time], act[on_time], key[on_time], day[on_time]
        found.append((run, act, day))
        count += 1
    state.provoked = Provoked(*(np.concatenate(column) for column in zip(*found, strict=True)))
    pairs = world.pair_index[hazards.target, hazards.state]
    for drawn in range(len(hazards.rate)):
        hit = np.unique(state.provoked.run[state.provoked.act == drawn])
        state.touched[hit[:, None], pairs[hazards.act == drawn]] = True


def provoked_odds(world: World, state: State, step: int) -> Floats:
    """(R, T' + 1) factor on the odds of hostile intent at each entry that acts move; the last column is 1."""
    hazards, done = world.hazards, state.provoked
    assert hazards is not None
    assert done is not None
    start, middle = world.grid[step], (world.grid[step] + world.grid[step + 1]) / 2
    acts, runs = len(hazards.rate), len(state.runs)
    left = np.zeros((runs, acts))
    for drawn, half_life in enumerate(hazards.half_life_days):
        rows = np.flatnonzero((done.act == drawn) & (done.day <= start))
        fading = beliefs.decay(middle - done.day[rows], half_life)
        left[:, drawn] = np.bincount(done.run[rows], fading, minlength=runs)
    place = hazards.column[hazards.target * world.n + hazards.state]
    nats = np.zeros((runs, int(hazards.column.max()) + 1))
    for entry, column in enumerate(place):
        nats[:, column] += hazards.dose[entry] * left[:, hazards.act[entry]]
    return np.exp(beliefs.evidence(nats, beliefs.MOST_PROVOKED))
