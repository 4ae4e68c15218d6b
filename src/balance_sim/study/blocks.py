"""A block: a range of runs of one scenario, lived in every arm. What workers do, and nothing else.

A block's tables depend on the scenario, the seed and its run numbers alone: not on the worker, the order,
or how the runs are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS, Opportunities, World
from balance_sim.model.engine import Observer, simulate
from balance_sim.model.margins import BoundsBroken
from balance_sim.model.opportunities import draw_opportunities
from balance_sim.model.state import Accords
from balance_sim.study import columns
from balance_sim.study.cast import focal_cast
from balance_sim.study.draws import with_draws
from balance_sim.study.observed import Watch
from balance_sim.study.outcomes import is_new, outcomes_of

if TYPE_CHECKING:
    from balance_sim.model.agents import StateAgent
    from balance_sim.study.extra_arms import ExtraArms

Floats = npt.NDArray[np.float64]
Draw = Callable[[World, int, npt.NDArray[np.uint64], Floats | None], Opportunities]
Batch = tuple[npt.NDArray[np.uint64], dict[str, Accords], Watch]  # run numbers, accords by arm, what was seen

BATCH = 256  # runs lived at once; more would not be faster, fewer would; changes no result
BATCH_MOST = 2048  # for few states, so that a step's work outweighs its calls; changes no result
FOCAL = "focal"  # the cast of the focal event
EXTRA_EVERY = 4  # one run in so many lives the extra arms behind some mechanisms


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


def live_block(
    worlds: Worlds,
    seed: int,
    block: Block,
    arms: Sequence[str],
    extra: ExtraArms | None = None,
    *,
    draws: bool = False,
) -> BlockTables:
    """All arms of a block's runs. `arms` holds the reference arm too.

    extra: arms that a part of the runs lives too. draws: each run has parameters of its own."""
    batches = []
    size = batch_runs(worlds.reference.n)
    casts = {FOCAL: focal_cast(worlds)}
    for first in range(block.first, block.stop, size):
        numbers = np.arange(first, min(first + size, block.stop), dtype=np.uint64)
        watch = Watch(worlds, casts)
        own = with_draws(worlds, seed, numbers) if draws else worlds
        batches.append((numbers, live_runs(own, seed, numbers, arms, watch), watch))
    tables = tabulate(worlds, batches)
    if extra is None:
        return tables
    few, batches = runs_with_extra(block), []
    for first in range(0, len(few), size):
        numbers = few[first : first + size]
        watch = Watch(extra.worlds, extra.casts, extra.needed)
        own = with_draws(extra.worlds, seed, numbers) if draws else extra.worlds
        batches.append((numbers, live_runs(own, seed, numbers, extra.lived, watch), watch))
    return with_extra(tables, extra, batches)


def runs_with_extra(block: Block) -> npt.NDArray[np.uint64]:
    """The runs of a block that live the extra arms too: every fourth, whatever the block."""
    numbers = np.arange(block.first, block.stop, dtype=np.uint64)
    return np.asarray(numbers[numbers % np.uint64(EXTRA_EVERY) == 0])


def batch_runs(states: int) -> int:
    """Runs lived at once: `BATCH` of fifty states, more of fewer."""
    return max(BATCH, min(BATCH_MOST, BATCH * 2500 // states**2))


def live_agents(
    worlds: Worlds,
    seed: int,
    block: Block,
    arms: Sequence[str],
    model: str,
    extra: ExtraArms | None = None,
) -> BlockTables:
    """The same, run by run as Mesa agents of the class that `model` names."""
    from balance_sim.model.agents import agent_class_named

    agent_class = agent_class_named(model)
    casts = {FOCAL: focal_cast(worlds)}
    numbers = np.arange(block.first, block.stop, dtype=np.uint64)
    lives = [_live_agent(worlds, seed, run, arms, Watch(worlds, casts), agent_class) for run in numbers]
    tables = tabulate(worlds, lives)
    if extra is None:
        return tables
    parts = []
    for run in runs_with_extra(block):
        watch = Watch(extra.worlds, extra.casts, extra.needed)
        parts.append(_live_agent(extra.worlds, seed, run, extra.lived, watch, agent_class))
    return with_extra(tables, extra, parts)


def _live_agent(
    worlds: Worlds,
    seed: int,
    run: np.uint64,
    arms: Sequence[str],
    watch: Watch,
    agent_class: type[StateAgent],
) -> Batch:
    from balance_sim.model.agents import BalanceModel

    made = {}
    for arm in arms:
        life = BalanceModel(worlds.scenario, arm, seed, run=int(run), worlds=worlds, agent_class=agent_class)
        look = watch.observer(arm)
        while life.why_ended is None:
            look(life.world, life.state, life.view)
            life.step()
        made[arm] = life.state.accords
    return np.array([run], dtype=np.uint64), made, watch


def tabulate(worlds: Worlds, batches: Sequence[Batch]) -> BlockTables:
    """Tables of some batches of runs."""
    reference = worlds.scenario.reference_arm
    runs_tables, accord_tables = [], []
    for numbers, made, watch in batches:
        for arm in sorted(made):
            outcomes = outcomes_of(worlds, made[arm], made[reference], len(numbers))
            outcomes |= watch.columns(arm, FOCAL, made[arm], len(numbers))
            runs_tables.append(_runs_table(numbers, arm, outcomes))
            accord_tables.append(accord_table(worlds, arm, made[arm], numbers))
    return BlockTables(pa.concat_tables(runs_tables), pa.concat_tables(accord_tables))


def with_extra(tables: BlockTables, extra: ExtraArms, batches: Sequence[Batch]) -> BlockTables:
    """The tables with the extra arms' rows of outcomes. Their accords are counted and not kept."""
    names = [name for name in tables.runs.column_names if name not in ("run", "arm")]
    rows = [tables.runs]
    for numbers, made, watch in batches:
        for row in extra.rows:
            cast, twin = extra.casts[row.cast], made[row.against]
            outcomes = outcomes_of(extra.worlds, made[row.lived], twin, len(numbers), cast)
            outcomes |= watch.columns(row.lived, row.cast, made[row.lived], len(numbers))
            missing = np.full(len(numbers), np.nan)
            rows.append(_runs_table(numbers, row.name, {name: outcomes.get(name, missing) for name in names}))
    return BlockTables(pa.concat_tables(rows), tables.accords)


def _runs_table(runs: npt.NDArray[np.uint64], arm: str, outcomes: Mapping[str, Floats]) -> pa.Table:
    front = {
        "run": columns.numbers(runs.astype(np.int32)),
        "arm": columns.words(np.zeros(len(runs), int), (arm,)),
    }
    return pa.table(front | {name: columns.numbers(values) for name, values in outcomes.items()})


def one_arm_tables(
    worlds: Worlds, arm: str, made: Accords, numbers: npt.NDArray[np.uint64], watch: Watch
) -> BlockTables:
    """Tables of one arm that was lived without the reference arm: the outcome that compares their runs is left out.

    Of the accords those that are new: no more is told of one arm alone."""
    outcomes = outcomes_of(worlds, made, None, len(numbers)) | watch.columns(arm, FOCAL, made, len(numbers))
    world = worlds.arms[arm]
    new = np.flatnonzero(is_new(made, world.focal_day, world.grid[-1] - world.focal_day))
    return BlockTables(
        _runs_table(numbers, arm, outcomes), accord_table(worlds, arm, made.take(new), numbers)
    )


def focal_watch(worlds: Worlds) -> Watch:
    """Who looks on for what is told of the focal event's cast."""
    return Watch(worlds, {FOCAL: focal_cast(worlds)})


class Onlooker(Protocol):
    """Who looks on while arms are lived: for each arm, what is called in each step."""

    def observer(self, arm: str) -> Observer: ...


def live_runs(
    worlds: Worlds,
    seed: int,
    numbers: np.ndarray,
    arms: Sequence[str],
    watch: Onlooker | None = None,
    draw: Draw = draw_opportunities,
) -> dict[str, Accords]:
    """The accords of some runs in every arm. Occasions without a chance are passed over while that is safe.

    watch: looks on; what it saw of a life that is lived again is overwritten. draw: gives what `draw_opportunities`
    gives, drawn now or kept from before."""
    for most in (worlds.most, None):
        chances = draw(worlds.reference, seed, numbers, most)
        made = {}
        try:
            for arm in arms:
                look = watch.observer(arm) if watch is not None else None
                made[arm] = simulate(worlds.arms[arm], worlds.baseline, chances, seed, numbers, look)
            return made
        except BoundsBroken:
            continue
    raise AssertionError("without screening no bound can break")


def accord_table(worlds: Worlds, arm: str, made: Accords, numbers: np.ndarray) -> pa.Table:
    """One row an accord, sorted by run, pair, kind and date. Whole days; null: not by the horizon."""
    world = worlds.arms[arm]
    order = np.lexsort((made.count, made.origin, made.opened, made.kind, made.pair, made.run))
    a = made.take(order)
    codes = world.codes
    return pa.table(
        {
            "run": columns.numbers(numbers[a.run].astype(np.int32)),
            "arm": columns.words(np.zeros(len(a.run), int), (arm,)),
            "a": columns.words(world.first[a.pair], codes),
            "b": columns.words(world.second[a.pair], codes),
            "kind": columns.words(a.kind, world.ladder.names),
            "origin": columns.words(a.origin, ORIGINS),
            "direction": columns.words(worlds.baseline.direction[a.pair], DIRECTIONS),
            "occasion": columns.numbers(a.count.astype(np.int32)),
            "opened": _dates(world, worlds, a.opened),
            "signed": _dates(world, worlds, a.signed),
            "in_force": _dates(world, worlds, a.in_force),
            "ended": _dates(world, worlds, a.ended),
        }
    )


def _dates(world: World, worlds: Worlds, days: np.ndarray) -> pa.Array:
    known = np.isfinite(days) & (days < world.grid[-1])
    whole = np.floor(np.where(known, days, 0.0)).astype(np.int32)
    epoch = worlds.scenario.start.toordinal() - 719163  # days from 1970-01-01
    return columns.dates(whole + np.int32(epoch), known)
