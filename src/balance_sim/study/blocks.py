"""A block: a range of replications of one scenario, simulated in every arm. What
workers do, and nothing else.

Its tables depend on the scenario, the seed and its run numbers alone: not on the
worker, the order, or other blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    Floats,
    Keys,
    Thinning,
    World,
    content_key,
)
from balance_sim.model.engine import AFTER_START, Course, begin, proceed
from balance_sim.model.own.modules import CodeReferences
from balance_sim.model.pipeline import agreements_at_start
from balance_sim.model.state import (
    Accessions,
    AgreementRows,
    BlockState,
    Enacted,
    Simulated,
    copied,
)
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.world import differ_in_evidence, steps_alike
from balance_sim.study.arms import EXTRA_EVERY, ExtraArms
from balance_sim.study.control_variates import ControlVariate, ControlVariates
from balance_sim.study.filtered import (
    FilteredSums,
    Prospect,
    filtered_outcomes,
    of_arm,
    prospect_of,
)
from balance_sim.study.outcomes import (
    FILTERED,
    accessions_of,
    acts_of_players,
    outcomes_of,
)
from balance_sim.study.recorder import FurtherOutcomes, Recorder, focal_recorder
from balance_sim.study.tables import (
    BlockTables,
    agreement_table,
    dyad_table,
    runs_table,
)
from balance_sim.study.talks_at_start import focal_windows

BATCH = 256
"""Replications simulated together; more would not be faster, fewer would not either;
changes no result."""
BATCH_MOST = 2048
"""For few states, so that a step's work outweighs its calls; changes no result."""
BATCH_LEAST = 16
"""For many states, so that their matrices take no more room; changes no result."""


@dataclass(frozen=True)
class Block:
    """Replications first..stop-1."""

    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first

    @property
    def runs(self) -> range:
        """Their numbers."""
        return range(self.first, self.stop)

    @property
    def numbers(self) -> Keys:
        """Their numbers, as streams of random numbers take them."""
        return np.arange(self.first, self.stop, dtype=np.uint64)


def missing(done: Iterable[Block], runs: int, size: int) -> list[Block]:
    """Return the blocks that are still to be simulated to have the first `runs`.

    Parameters
    ----------
    done : blocks that are there
    runs : replications wanted
    size : replications a block, at most
    """
    blocks: list[Block] = []
    start = 0
    for block in [*sorted(done, key=lambda block: block.first), Block(runs, runs)]:
        while start < min(block.first, runs):
            stop = min(start + size - start % size, block.first, runs)
            blocks.append(Block(start, stop))
            start = stop
        start = max(start, block.stop)
    return blocks


@dataclass(frozen=True)
class BlockOptions:
    """How a block is simulated, and what is measured beside our outcomes.

    draws: each replication draws parameters from the fit. model: `module:Class` of a
    StateAgent subclass that decides, one replication at a time, as Mesa agents.
    further: outcomes that a plug-in measures; own: outcomes of the user's own, as
    `module:function`."""

    draws: bool = False
    model: str | None = None
    further: FurtherOutcomes | None = None
    own: CodeReferences = ()


@dataclass(frozen=True)
class Batch:
    """Some replications of several arms of a study with a seed. By arm: agreements,
    joint exercises by outcome (R,), filtered estimates by outcome (R,), and by dyad (R,
    P). sums: where outcomes of the user's own are measured."""

    seed: int
    numbers: Keys
    recorder: Recorder
    agreements: dict[str, AgreementRows] = field(default_factory=dict)
    exercises: dict[str, dict[str, Floats]] = field(default_factory=dict)
    filtered: dict[str, dict[str, Floats]] = field(default_factory=dict)
    dyads: dict[str, Floats] = field(default_factory=dict)
    accessions: dict[str, Accessions | None] = field(default_factory=dict)
    enacted: dict[str, Enacted | None] = field(default_factory=dict)
    sums: dict[str, FilteredSums] = field(default_factory=dict)

    def add_arm(
        self,
        worlds: Worlds,
        arm: str,
        simulated: Simulated,
        prospect: Prospect,
        variate: ControlVariate | None = None,
    ) -> None:
        """Put an arm's agreements and exercises into the batch, with its filtered
        estimates. prospect: of its opportunities."""
        sums = FilteredSums(
            worlds.arms[arm],
            simulated,
            prospect,
            focal_windows(worlds),
            self.recorder.cast.direction,
            len(self.numbers),
            variate,
        )
        self.agreements[arm] = simulated.agreements
        self.accessions[arm] = simulated.accessions
        self.enacted[arm] = simulated.enacted
        exercises, expected = self.recorder.exercises(arm, self.seed, self.numbers)
        self.exercises[arm] = exercises
        self.filtered[arm] = filtered_outcomes(sums) | expected
        self.dyads[arm] = sums.by_dyad(sums.windows.longest)
        if self.recorder.further is not None:
            self.filtered[arm] |= self.recorder.further.filtered(self.dyads[arm])
        if self.recorder.own:
            self.sums[arm] = sums

    def rows(
        self,
        worlds: Worlds,
        arm: str,
        control: str | None,
        names: Sequence[str] | None = None,
    ) -> pa.Table:
        """Outcomes of an arm. control: its paired control arm, if known; names: those
        wanted, all if None."""
        agreements, count = self.agreements[arm], len(self.numbers)
        paired = None if control is None else self.agreements[control]
        outcomes = outcomes_of(worlds, agreements, paired, count)
        outcomes |= self.exercises[arm]
        outcomes |= accessions_of(worlds, self.accessions[arm], count)
        outcomes |= acts_of_players(worlds, arm, self.enacted[arm], count)
        outcomes |= self.recorder.columns(arm, agreements, count)
        filtered = self.filtered[arm]
        if self.recorder.own:
            from balance_sim.study.own_outcomes import measured

            of_arm, functions = (self.sums[arm], self.numbers), self.recorder.own
            own, own_filtered = measured(worlds, arm, *of_arm, outcomes, functions)
            outcomes, filtered = outcomes | own, filtered | own_filtered
        if names is not None:
            missing = np.full(count, np.nan)
            outcomes = {name: outcomes.get(name, missing) for name in names}
        return runs_table(self.numbers, arm, outcomes, filtered)


def simulate_block(
    worlds: Worlds,
    seed: int,
    block: Block,
    arms: Sequence[str],
    extra: ExtraArms | None = None,
    options: BlockOptions | None = None,
    variates: ControlVariates | None = None,
) -> BlockTables:
    """All arms of a block's replications.

    Parameters
    ----------
    worlds : Worlds
        compiled arms
    seed : int
        of the study
    block : Block
        which replications
    arms : sequence of str
        their names, the control arm among them
    extra : ExtraArms, optional
        arms that every fourth replication is simulated in too
    options : BlockOptions, optional
        own agents, parameters drawn for each replication, further outcomes
    variates : ControlVariates, optional
        of these worlds, if at hand

    Returns
    -------
    BlockTables
        the same whatever the worker, the order, or other blocks
    """
    options = options or BlockOptions()
    variates = variates or ControlVariates(worlds)
    batches = simulate_batches(worlds, seed, block.numbers, arms, options, variates)
    tables = tabulate(worlds, batches)
    if extra is None:
        return tables
    columns = tables.runs.drop_columns(["run", "arm"]).column_names
    counted = [name for name in columns if not name.startswith(FILTERED)]
    runs = [tables.runs]
    numbers = block.numbers[block.numbers % np.uint64(EXTRA_EVERY) == 0]
    control_arm = worlds.scenario.reference_arm
    beside = seed, numbers, tuple(extra.controls), options, extra.variates
    for batch in simulate_batches(extra.worlds, *beside):
        batch.agreements[control_arm] = made_in(batches, control_arm, batch.numbers)
        for arm, control in extra.controls.items():
            runs.append(batch.rows(extra.worlds, arm, control, counted))
    return BlockTables(pa.concat_tables(runs), tables.agreements, tables.dyads)


def made_in(batches: Sequence[Batch], arm: str, numbers: Keys) -> AgreementRows:
    """The agreements that an arm has in some replications of these batches, counted by
    their places in `numbers`, sorted."""
    made = AgreementRows.none()
    for batch in batches:
        rows = batch.agreements[arm]
        run = batch.numbers[rows.run]
        among = np.flatnonzero(np.isin(run, numbers))
        of_numbers = rows.take(among)
        of_numbers.run = np.searchsorted(numbers, run[among])
        made.add_rows(of_numbers)
    return made


def batch_runs(states: int) -> int:
    """Replications simulated together: `BATCH` of fifty states, more of fewer, fewer of
    more."""
    return max(BATCH_LEAST, min(BATCH_MOST, BATCH * 2500 // states**2))


def simulate_batches(
    worlds: Worlds,
    seed: int,
    numbers: Keys,
    arms: Sequence[str],
    options: BlockOptions,
    variates: ControlVariates | None = None,
) -> list[Batch]:
    """Replications of several arms, as many at a time as fit into the cache."""
    if options.model is not None:
        return _agent_batches(worlds, seed, numbers, arms, options, variates)
    size, batches = batch_runs(worlds.reference.n), []
    for start in range(0, len(numbers), size):
        runs, drawn = numbers[start : start + size], worlds
        if options.draws:
            from balance_sim.study.draws import with_draws

            drawn = with_draws(worlds, seed, runs)
        recorder = focal_recorder(worlds, options.further, options.own)
        batches.append(simulate_arms(drawn, seed, runs, arms, recorder, variates))
    return batches


def _agent_batches(
    worlds: Worlds,
    seed: int,
    numbers: Keys,
    arms: Sequence[str],
    options: BlockOptions,
    variates: ControlVariates | None,
) -> list[Batch]:
    """Replications one at a time, as Mesa agents of the user's own class. Those that
    decide in another way have no control variates, which would be far off."""
    from balance_sim.model.agents import (
        BalanceModel,
        agent_class_named,
        decides_otherwise,
    )

    agent_class, batches = agent_class_named(str(options.model)), []
    if decides_otherwise(agent_class):
        variates = None
    windows = focal_windows(worlds)
    agent_options: Any = {"worlds": worlds, "agent_class": agent_class}
    for run in numbers.tolist():
        own_number = np.array([run], dtype=np.uint64)
        recorder = focal_recorder(worlds, options.further, options.own)
        batch, prospect = Batch(seed, own_number, recorder), None
        for arm in arms:
            model = BalanceModel(worlds.scenario, arm, seed, run=run, **agent_options)
            look = batch.recorder.observer(arm)
            while model.why_ended is None:
                look(model.world, model.state, model.view)
                model.step()
            prospect = prospect or prospect_of(worlds, model.opportunities, windows)
            variate = None if variates is None else variates.of(arm)
            own = of_arm(prospect, worlds, worlds.arms[arm], windows)
            batch.add_arm(worlds, arm, model.simulated, own, variate)
        batches.append(batch)
    return batches


def simulate_arms(
    worlds: Worlds,
    seed: int,
    numbers: Keys,
    arms: Sequence[str],
    recorder: Recorder,
    variates: ControlVariates | None = None,
) -> Batch:
    """Some replications of several arms on common random numbers.

    Opportunities that cannot lead to consent are left out while bounds of consent hold.
    Arms with one start, or one bound, share what follows from it, and the steps in
    which they do not differ from the first arm.

    Parameters
    ----------
    worlds : Worlds
        compiled arms
    seed : int
        of the study
    numbers : (R,)
        of the replications
    arms : sequence of str
        their names
    recorder : Recorder
        records the states at the ends of the report's windows
    variates : ControlVariates, optional
        of the arms, with which filtered estimates vary less

    Returns
    -------
    Batch
        agreements and filtered estimates by arm
    """
    opportunities = draw_opportunities(worlds.reference, seed, numbers, worlds.most)
    windows = focal_windows(worlds)
    prospect = prospect_of(worlds, opportunities, windows)
    batch, baseline = Batch(seed, numbers, recorder), worlds.baseline
    begun: dict[bytes, AgreementRows] = {}
    thinned: dict[bytes, Thinning] = {}
    courses: dict[str, Course] = {}

    def at_start(world: World) -> BlockState:
        key = content_key(world, AFTER_START)
        if key not in begun:
            begun[key] = agreements_at_start(world, baseline, seed, numbers)
        return begin(world, baseline, seed, numbers, begun[key])

    for arm in arms:
        world, bounds = worlds.arms[arm], worlds.bounds[arm]
        key = content_key(bounds)
        if key not in thinned:
            thinned[key] = thinning(world, opportunities, bounds)
        look = recorder.observer(arm)
        courses[arm] = Course(world, opportunities, thinned[key], look)
    parts, states = _shared_steps(worlds, courses, at_start, seed)
    last = {parts[arm]: arm for arm in arms}
    for arm in arms:
        course, first = courses.pop(arm), parts[arm]
        state = states[first] if first else at_start(course.world)
        if first and arm != last[first]:
            state = copied(state)
        proceed([course], state, baseline, seed, range(first, course.world.steps))
        ended = course.ended(state)
        of_all = prospect
        if ended.opportunities is not opportunities:
            of_all = prospect_of(worlds, ended.opportunities, windows)
        variate = None if variates is None else variates.of(arm)
        own = of_arm(of_all, worlds, course.world, windows)
        batch.add_arm(worlds, arm, ended, own, variate)
    return batch


def parting(world: World, other: World) -> int:
    """The first step in which an arm may differ from another, or the number of
    steps."""
    world, other = replace(world, drawn=None), replace(other, drawn=None)
    if world.policies is not None or not differ_in_evidence(world, other):
        return 0
    return steps_alike(world, other)


def _shared_steps(
    worlds: Worlds,
    courses: Mapping[str, Course],
    at_start: Callable[[World], BlockState],
    seed: int,
) -> tuple[dict[str, int], dict[int, BlockState]]:
    """Simulate the steps that arms share with the first of them. Returns by arm the
    first step that it does not share, and by such step the state then."""
    trunk, *others = courses
    world, parts = courses[trunk].world, dict.fromkeys(courses, 0)
    parts |= {arm: parting(courses[arm].world, world) for arm in others}
    parts[trunk] = max(parts.values())
    if not parts[trunk]:
        return parts, {}
    state, states = at_start(world), {}
    for first, stop in pairwise(sorted({0, *parts.values()})):
        state = copied(state) if first else state  # the one so far is kept
        alike = [arm for arm in courses if parts[arm] >= stop]
        together = [courses[arm] for arm in alike]
        reached = proceed(together, state, worlds.baseline, seed, range(first, stop))
        states[reached] = state
        if reached < stop:
            return parts | dict.fromkeys(alike, reached), states
    return parts, states


# -- tables


def tabulate(worlds: Worlds, batches: Sequence[Batch]) -> BlockTables:
    """Tables of some batches of replications."""
    control, world = worlds.scenario.reference_arm, worlds.reference
    runs, agreements, dyads = [], [], {}
    for batch in batches:
        for arm in sorted(batch.agreements):
            rows = batch.agreements[arm]
            runs.append(batch.rows(worlds, arm, control))
            agreements.append(agreement_table(worlds, arm, rows, batch.numbers))
    for arm in batches[0].dyads:
        dyads[arm] = np.concatenate([batch.dyads[arm] for batch in batches])
    by_dyad = dyad_table(dyads, control, world.codes, world.first, world.second)
    return BlockTables(pa.concat_tables(runs), pa.concat_tables(agreements), by_dyad)
