"""A block: a range of runs of one scenario, lived in every arm. What workers do, and nothing else.

A block's tables depend on the scenario, the seed and its run numbers alone: not on the worker, the order,
or how the runs are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS, Accords, World
from balance_sim.model.engine import simulate
from balance_sim.model.opportunities import draw_opportunities
from balance_sim.model.willingness import BoundsBroken
from balance_sim.study.outcomes import outcomes_of

BATCH = 128  # runs lived at once; sized so that a step's arrays stay in the cache
BATCH_MOST = 2048  # for few states, so that a step's work outweighs its calls; changes no result


@dataclass(frozen=True)
class Block:
    """Runs first..stop-1."""

    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True)
class BlockTables:
    """What a block gives back: outcomes by run and arm, and every accord under way or made."""

    runs: pa.Table
    accords: pa.Table


def live_block(worlds: Worlds, seed: int, block: Block, arms: Sequence[str]) -> BlockTables:
    """All arms of a block's runs. `arms` holds the reference arm too."""
    batches = []
    size = batch_runs(worlds.reference.n)
    for first in range(block.first, block.stop, size):
        numbers = np.arange(first, min(first + size, block.stop), dtype=np.uint64)
        batches.append((numbers, live_runs(worlds, seed, numbers, arms)))
    return tabulate(worlds, batches)


def batch_runs(states: int) -> int:
    """Runs lived at once: `BATCH` of fifty states, more of fewer."""
    return max(BATCH, min(BATCH_MOST, BATCH * 2500 // states**2))


def live_agents(worlds: Worlds, seed: int, block: Block, arms: Sequence[str], model: str) -> BlockTables:
    """The same, run by run as Mesa agents of the class that `model` names."""
    from balance_sim.model.agents import BalanceModel, agent_class_named

    agent_class = agent_class_named(model)
    batches = []
    for run in range(block.first, block.stop):
        lives = {
            arm: BalanceModel(worlds.scenario, arm, seed, run=run, worlds=worlds, agent_class=agent_class)
            for arm in arms
        }
        made = {arm: life.run_until_end().state.accords for arm, life in lives.items()}
        batches.append((np.array([run], dtype=np.uint64), made))
    return tabulate(worlds, batches)


def tabulate(worlds: Worlds, batches: Sequence[tuple[np.ndarray, dict[str, Accords]]]) -> BlockTables:
    """Tables of some batches of runs: (run numbers, accords by arm)."""
    reference = worlds.scenario.reference_arm
    runs_tables, accord_tables = [], []
    for numbers, made in batches:
        for arm in sorted(made):
            columns = outcomes_of(worlds, made[arm], made[reference], len(numbers))
            words = _words(np.zeros(len(numbers), int), (arm,))
            runs_tables.append(pa.table({"run": numbers.astype(np.int32), "arm": words} | columns))
            accord_tables.append(accord_table(worlds, arm, made[arm], numbers))
    return BlockTables(pa.concat_tables(runs_tables), pa.concat_tables(accord_tables))


def live_runs(worlds: Worlds, seed: int, numbers: np.ndarray, arms: Sequence[str]) -> dict[str, Accords]:
    """The accords of some runs in every arm. Occasions without a chance are passed over while that is safe."""
    for most in (worlds.most, None):
        chances = draw_opportunities(worlds.reference, seed, numbers, most)
        try:
            return {arm: simulate(worlds.arms[arm], worlds.baseline, chances, seed, numbers) for arm in arms}
        except BoundsBroken:
            continue
    raise AssertionError("without screening no bound can break")


def accord_table(worlds: Worlds, arm: str, made: Accords, numbers: np.ndarray) -> pa.Table:
    """One row an accord, sorted by run, pair, kind and date. Dates are whole days; null: not by the horizon."""
    world = worlds.arms[arm]
    order = np.lexsort((made.count, made.origin, made.opened, made.kind, made.pair, made.run))
    a = made.take(order)
    codes = world.codes
    return pa.table(
        {
            "run": numbers[a.run].astype(np.int32),
            "arm": _words(np.zeros(len(a.run), int), (arm,)),
            "a": _words(world.first[a.pair], codes),
            "b": _words(world.second[a.pair], codes),
            "kind": _words(a.kind, world.ladder.names),
            "origin": _words(a.origin, ORIGINS),
            "direction": _words(worlds.baseline.direction[a.pair], DIRECTIONS),
            "occasion": a.count.astype(np.int32),
            "opened": _dates(world, worlds, a.opened),
            "signed": _dates(world, worlds, a.signed),
            "in_force": _dates(world, worlds, a.in_force),
            "ended": _dates(world, worlds, a.ended),
        }
    )


def _words(index: np.ndarray, words: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int16)), pa.array(list(words)))


def _dates(world: World, worlds: Worlds, days: np.ndarray) -> pa.Array:
    known = np.isfinite(days) & (days < world.grid[-1])
    whole = np.floor(np.where(known, days, 0.0)).astype(np.int32)
    epoch = worlds.scenario.start.toordinal() - 719163  # days from 1970-01-01
    return pa.array(whole + np.int32(epoch), mask=~known).cast(pa.date32())
