"""A block: a range of runs of one scenario, lived in every arm. What workers do, and nothing else.

A block's tables depend on the scenario, the seed and its run numbers alone: not on the worker, the order,
or how the runs are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS, Opportunities, Thinning, World, once
from balance_sim.model.engine import AFTER_START, Observer, simulate
from balance_sim.model.pipeline import accords_at_start
from balance_sim.model.state import Accords, Simulated
from balance_sim.model.thinning import BoundExceeded, draw_opportunities, thinning
from balance_sim.model.world import numbered
from balance_sim.replications import columns
from balance_sim.replications.cast import focal_cast
from balance_sim.replications.draws import with_draws
from balance_sim.replications.dyads import dyad_table
from balance_sim.replications.filtered import Filtered, Prospect, Windows, filtered_outcomes, prospect_of
from balance_sim.replications.observed import Watch
from balance_sim.replications.outcomes import FILTERED, is_new, outcomes_of, type_of

if TYPE_CHECKING:
    from balance_sim.model.agents import StateAgent
    from balance_sim.replications.extra_arms import ExtraArms

Floats = npt.NDArray[np.float64]
Draw = Callable[[World, int, npt.NDArray[np.uint64], Floats | None], Opportunities]

BATCH = 256  # runs lived at once; more would not be faster, fewer would; changes no result
BATCH_MOST = 2048  # for few states, so that a step's work outweighs its calls; changes no result
BATCH_LEAST = 16  # for many states, so that their matrices take no more room; changes no result
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
    """What a block gives back: outcomes by run and arm, every agreement under way or made, filtered sums by dyad."""

    runs: pa.Table
    accords: pa.Table
    dyads: pa.Table


@dataclass(frozen=True)
class Batch:
    """Some replications of several arms: run numbers, agreements, what was seen, and filtered estimates.

    smooth: by arm, estimates by outcome, (R,) each; dyads: by arm, (R, P)."""

    numbers: npt.NDArray[np.uint64]
    made: dict[str, Accords]
    watch: Watch
    smooth: dict[str, dict[str, Floats]] = field(default_factory=dict)
    dyads: dict[str, Floats] = field(default_factory=dict)
    prospects: list[Prospect] = field(default_factory=list)  # one, the same for all arms, once it is known


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
    numbers = np.arange(block.first, block.stop, dtype=np.uint64)
    tables = tabulate(worlds, _batches(worlds, seed, numbers, arms, draws=draws))
    if extra is None:
        return tables
    few = runs_with_extra(block)
    batches = _batches(extra.worlds, seed, few, extra.lived, draws=draws)
    return with_extra(tables, extra, batches)


def _batches(
    worlds: Worlds, seed: int, numbers: npt.NDArray[np.uint64], arms: Sequence[str], *, draws: bool
) -> list[Batch]:
    """All runs of a block, as many at a time as are worth it."""
    size, out = batch_runs(worlds.reference.n), []
    for first in range(0, len(numbers), size):
        some = numbers[first : first + size]
        own = with_draws(worlds, seed, some) if draws else worlds
        out.append(simulate_arms(own, seed, some, arms, focal_watch(worlds)))
    return out


def runs_with_extra(block: Block) -> npt.NDArray[np.uint64]:
    """The runs of a block that live the extra arms too: every fourth, whatever the block."""
    numbers = np.arange(block.first, block.stop, dtype=np.uint64)
    return np.asarray(numbers[numbers % np.uint64(EXTRA_EVERY) == 0])


def batch_runs(states: int) -> int:
    """Runs lived at once: `BATCH` of fifty states, more of fewer, fewer of more."""
    return max(BATCH_LEAST, min(BATCH_MOST, BATCH * 2500 // states**2))


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
    numbers = np.arange(block.first, block.stop, dtype=np.uint64)
    lives = [_live_agent(worlds, seed, run, arms, agent_class) for run in numbers]
    tables = tabulate(worlds, lives)
    if extra is None:
        return tables
    few = runs_with_extra(block)
    parts = [_live_agent(extra.worlds, seed, run, extra.lived, agent_class) for run in few]
    return with_extra(tables, extra, parts)


def _live_agent(
    worlds: Worlds,
    seed: int,
    run: np.uint64,
    arms: Sequence[str],
    agent_class: type[StateAgent],
) -> Batch:
    from balance_sim.model.agents import BalanceModel

    numbers, watch = np.array([run], dtype=np.uint64), focal_watch(worlds)
    batch = Batch(numbers, {}, watch)
    for arm in arms:
        life = BalanceModel(worlds.scenario, arm, seed, run=int(run), worlds=worlds, agent_class=agent_class)
        look = watch.observer(arm)
        while life.why_ended is None:
            look(life.world, life.state, life.view)
            life.step()
        _estimate(batch, worlds, arm, life.chances, life.simulated)
    return batch


def _estimate(batch: Batch, worlds: Worlds, arm: str, chances: Opportunities, simulated: Simulated) -> None:
    """Put an arm's agreements into a batch, with its filtered estimates."""
    watch, runs, world = batch.watch, len(batch.numbers), worlds.arms[arm]
    batch.made[arm] = simulated.accords
    windows = Windows(watch.cast.day, tuple(watch.windows), float(world.grid[-1]))
    if not batch.prospects:
        batch.prospects.append(prospect_of(worlds, chances, windows))
    found = Filtered(world, chances, simulated, batch.prospects[0], windows, watch.cast.direction, runs)
    batch.smooth[arm], batch.dyads[arm] = filtered_outcomes(found), found.by_dyad(windows.longest)


def tabulate(worlds: Worlds, batches: Sequence[Batch]) -> BlockTables:
    """Tables of some batches of runs."""
    reference = worlds.scenario.reference_arm
    world = worlds.reference
    runs_tables, accord_tables = [], []
    for batch in batches:
        numbers = batch.numbers
        for arm in sorted(batch.made):
            outcomes = outcomes_of(worlds, batch.made[arm], batch.made[reference], len(numbers))
            outcomes |= batch.watch.columns(arm, batch.made[arm], len(numbers))
            runs_tables.append(_runs_table(numbers, arm, outcomes, batch.smooth[arm]))
            accord_tables.append(accord_table(worlds, arm, batch.made[arm], numbers))
    by_arm = {arm: np.concatenate([batch.dyads[arm] for batch in batches]) for arm in batches[0].dyads}
    dyads = dyad_table(by_arm, reference, world.codes, world.first, world.second)
    return BlockTables(pa.concat_tables(runs_tables), pa.concat_tables(accord_tables), dyads)


def with_extra(tables: BlockTables, extra: ExtraArms, batches: Sequence[Batch]) -> BlockTables:
    """The tables with the extra arms' rows of outcomes. Their accords are counted and not kept."""
    names = [
        name
        for name in tables.runs.column_names
        if name not in ("run", "arm") and not name.startswith(FILTERED)
    ]
    rows = [tables.runs]
    for batch in batches:
        numbers = batch.numbers
        for row in extra.rows:
            made, control = batch.made[row.name], batch.made[row.against]
            outcomes = outcomes_of(extra.worlds, made, control, len(numbers))
            outcomes |= batch.watch.columns(row.name, made, len(numbers))
            missing = np.full(len(numbers), np.nan)
            outcomes = {name: outcomes.get(name, missing) for name in names}
            rows.append(_runs_table(numbers, row.name, outcomes, batch.smooth[row.name]))
    return BlockTables(pa.concat_tables(rows), tables.accords, tables.dyads)


def _runs_table(
    runs: npt.NDArray[np.uint64], arm: str, outcomes: Mapping[str, Floats], smooth: Mapping[str, Floats]
) -> pa.Table:
    """One row a run. smooth: filtered estimates, in columns of their own, rounded as `Watch` rounds its own."""
    front = {
        "run": columns.numbers(runs.astype(np.int32)),
        "arm": columns.words(np.zeros(len(runs), int), (arm,)),
    }
    for name in outcomes:
        type_of(name)  # whoever makes an outcome declares what it is
    drawn = {name: columns.numbers(values) for name, values in outcomes.items()}
    estimates = {
        FILTERED + name: columns.numbers(np.round(of, columns.DECIMALS)) for name, of in smooth.items()
    }
    return pa.table(front | drawn | estimates)


@dataclass(frozen=True)
class ArmTables:
    """Some runs of one arm, to be put beside those of the control arm: tables, and filtered numbers by dyad, (R, P)."""

    runs: pa.Table
    accords: pa.Table
    dyads: Floats


def one_arm_tables(worlds: Worlds, arm: str, batch: Batch) -> ArmTables:
    """Tables of one arm simulated without the control arm: the outcome that compares their runs is left out.

    Of the agreements those that are new: no more is told of one arm alone."""
    made, numbers = batch.made[arm], batch.numbers
    outcomes = outcomes_of(worlds, made, None, len(numbers))
    outcomes |= batch.watch.columns(arm, made, len(numbers))
    world = worlds.arms[arm]
    new = np.flatnonzero(is_new(made, world.focal_day, world.grid[-1] - world.focal_day))
    runs = _runs_table(numbers, arm, outcomes, batch.smooth[arm])
    return ArmTables(runs, accord_table(worlds, arm, made.take(new), numbers), batch.dyads[arm])


def beside(parts: Mapping[str, Sequence[ArmTables]], codes: Sequence[str]) -> BlockTables:
    """The block of the same runs of several arms, in parts of any length. parts: by arm, the control arm first."""
    first, second, _, _ = numbered(codes)
    every = [one for of in parts.values() for one in of]
    dyads = {arm: np.concatenate([one.dyads for one in of]) for arm, of in parts.items()}
    return BlockTables(
        pa.concat_tables([one.runs for one in every]),
        pa.concat_tables([one.accords for one in every]),
        dyad_table(dyads, next(iter(parts)), codes, first, second),
    )


def focal_watch(worlds: Worlds) -> Watch:
    """Who looks on for what is told of the focal event's cast."""
    return Watch(worlds, focal_cast(worlds))


class Onlooker(Protocol):
    """Who looks on while arms are lived: for each arm, what is called in each step."""

    def observer(self, arm: str) -> Observer: ...


def simulate_arms(
    worlds: Worlds,
    seed: int,
    numbers: npt.NDArray[np.uint64],
    arms: Sequence[str],
    watch: Watch,
    look: Onlooker | None = None,
    draw: Draw = draw_opportunities,
) -> Batch:
    """Some replications of several arms on the same random numbers.

    look: looks on in the place of `watch`, which it leads to. draw: gives what `draw_opportunities` gives, drawn now or
    kept from before. Opportunities that cannot lead to consent are thinned while that is safe; what was seen of a run
    that is simulated again is overwritten, and its numbers are the same either way."""
    for most in (worlds.most, None):
        chances = draw(worlds.reference, seed, numbers, most)
        batch = Batch(numbers, {}, watch)
        begun: list[tuple[World, Accords]] = []
        thinned: list[tuple[Floats, Thinning]] = []
        try:
            for arm in arms:
                world, bounds = worlds.arms[arm], worlds.bounds[arm]
                accords = once(
                    begun,
                    world,
                    partial(accords_at_start, world, worlds.baseline, seed, numbers),
                    AFTER_START,
                )
                thin = once(thinned, bounds, partial(thinning, world, chances, bounds))
                seen = (look or watch).observer(arm)
                simulated = simulate(world, worlds.baseline, chances, thin, seed, numbers, seen, accords)
                _estimate(batch, worlds, arm, chances, simulated)
            return batch
        except BoundExceeded:
            continue
    raise AssertionError("without thinning no bound can be exceeded")


def live_runs(
    worlds: Worlds, seed: int, numbers: npt.NDArray[np.uint64], arms: Sequence[str]
) -> dict[str, Accords]:
    """The agreements of some replications in every arm."""
    return simulate_arms(worlds, seed, numbers, arms, focal_watch(worlds)).made


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
