"""A block: a range of replications of one scenario, simulated in every arm. What
workers do, and nothing else.

Its tables depend on the scenario, the seed and its run numbers alone: not on the
worker, the order, or other blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    Floats,
    Keys,
    Opportunities,
    Thinning,
    World,
    content_key,
)
from balance_sim.model.engine import AFTER_START, Observer, begin, simulate_from
from balance_sim.model.pipeline import agreements_at_start
from balance_sim.model.state import AgreementRows, Simulated
from balance_sim.model.thinning import BoundExceeded, draw_opportunities, thinning
from balance_sim.model.world import numbered
from balance_sim.study.arms import EXTRA_EVERY, ExtraArms
from balance_sim.study.draws import with_draws
from balance_sim.study.filtered import (
    FilteredSums,
    Prospect,
    filtered_outcomes,
    focal_windows,
    prospect_of,
)
from balance_sim.study.outcomes import FILTERED, days_after, is_new, outcomes_of
from balance_sim.study.own_outcomes import CodeReferences, measured
from balance_sim.study.recorder import FurtherOutcomes, Recorder, focal_recorder
from balance_sim.study.tables import (
    BlockTables,
    agreement_table,
    dyad_table,
    runs_table,
)

if TYPE_CHECKING:
    from balance_sim.model.agents import StateAgent

Draw = Callable[[World, int, Keys, Floats | None], Opportunities]

BATCH = 256  # replications simulated together; more would not be faster, fewer would; changes no result
BATCH_MOST = (
    2048  # for few states, so that a step's work outweighs its calls; changes no result
)
BATCH_LEAST = (
    16  # for many states, so that their matrices take no more room; changes no result
)


@dataclass(frozen=True)
class Block:
    """Replications first..stop-1."""

    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first

    @property
    def runs(self) -> range:
        return range(self.first, self.stop)


@dataclass(frozen=True)
class Batch:
    """Some replications of several arms. By arm: agreements, filtered estimates by
    outcome (R,), and by dyad (R, P)."""

    numbers: Keys
    recorder: Recorder
    made: dict[str, AgreementRows] = field(default_factory=dict)
    smooth: dict[str, dict[str, Floats]] = field(default_factory=dict)
    dyads: dict[str, Floats] = field(default_factory=dict)

    def keep(
        self,
        worlds: Worlds,
        arm: str,
        opportunities: Opportunities,
        simulated: Simulated,
        prospect: Prospect,
    ) -> None:
        """Put an arm's agreements into the batch, with its filtered estimates."""
        windows, direction = focal_windows(worlds), self.recorder.cast.direction
        found = FilteredSums(
            worlds.arms[arm],
            opportunities,
            simulated,
            prospect,
            windows,
            direction,
            len(self.numbers),
        )
        self.made[arm] = simulated.agreements
        self.smooth[arm], self.dyads[arm] = (
            filtered_outcomes(found),
            found.by_dyad(windows.longest),
        )
        if (further := self.recorder.further) is not None:
            self.smooth[arm] |= further.filtered(self.dyads[arm])

    def rows(
        self,
        worlds: Worlds,
        arm: str,
        control: str | None,
        names: Sequence[str] | None = None,
    ) -> pa.Table:
        """Outcomes of an arm. control: its paired control arm, if known; names: those
        drawn, all if None."""
        made, count = self.made[arm], len(self.numbers)
        outcomes = outcomes_of(
            worlds, made, None if control is None else self.made[control], count
        )
        outcomes |= self.recorder.columns(arm, made, count)
        if self.recorder.own:
            outcomes |= measured(
                worlds, arm, made, self.numbers, outcomes, self.recorder.own
            )
        if names is not None:
            missing = np.full(count, np.nan)
            outcomes = {name: outcomes.get(name, missing) for name in names}
        return runs_table(self.numbers, arm, outcomes, self.smooth[arm])


def simulate_block(
    worlds: Worlds,
    seed: int,
    block: Block,
    arms: Sequence[str],
    extra: ExtraArms | None = None,
    *,
    draws: bool = False,
    model: str | None = None,
    further: FurtherOutcomes | None = None,
    own: CodeReferences = (),
) -> BlockTables:
    """All arms of a block's replications. `arms` holds the control arm too.

    extra: arms that a part of the replications is simulated in too. draws: each
    replication has parameters of its own. model: `module:Class` of a StateAgent
    subclass that decides, one replication at a time, as Mesa agents. further:
    outcomes that a plug-in measures too. own: outcomes of the user's own, as
    `module:function`."""
    numbers = np.arange(block.first, block.stop, dtype=np.uint64)

    def batches(worlds: Worlds, numbers: Keys, arms: Sequence[str]) -> list[Batch]:
        if model is not None:
            from balance_sim.model.agents import agent_class_named

            agent_class = agent_class_named(model)
            of_each = (
                (numbers[[k]], focal_recorder(worlds, further, own))
                for k in range(len(numbers))
            )
            return [
                _simulate_agents(worlds, seed, Batch(*one), arms, agent_class)
                for one in of_each
            ]
        size, out = batch_runs(worlds.reference.n), []
        for some in (
            numbers[first : first + size] for first in range(0, len(numbers), size)
        ):
            drawn = with_draws(worlds, seed, some) if draws else worlds
            out.append(
                simulate_arms(
                    drawn, seed, some, arms, focal_recorder(worlds, further, own)
                )
            )
        return out

    tables = tabulate(worlds, batches(worlds, numbers, arms))
    if extra is None:
        return tables
    known = tables.runs.drop_columns(["run", "arm"]).column_names
    drawn = [name for name in known if not name.startswith(FILTERED)]
    rows = [
        batch.rows(extra.worlds, arm, control, drawn)
        for batch in batches(extra.worlds, runs_with_extra(block), extra.arms)
        for arm, control in extra.controls.items()
    ]
    return BlockTables(
        pa.concat_tables([tables.runs, *rows]), tables.agreements, tables.dyads
    )


def runs_with_extra(block: Block) -> Keys:
    """The replications of a block that are simulated in the extra arms too: every
    fourth, whatever the block."""
    numbers = np.arange(block.first, block.stop, dtype=np.uint64)
    return np.asarray(numbers[numbers % np.uint64(EXTRA_EVERY) == 0])


def batch_runs(states: int) -> int:
    """Replications simulated together: `BATCH` of fifty states, more of fewer, fewer of
    more."""
    return max(BATCH_LEAST, min(BATCH_MOST, BATCH * 2500 // states**2))


def _simulate_agents(
    worlds: Worlds,
    seed: int,
    batch: Batch,
    arms: Sequence[str],
    agent_class: type[StateAgent],
) -> Batch:
    """The batch, of one replication, with every arm in it."""
    from balance_sim.model.agents import BalanceModel

    run, prospect = int(batch.numbers[0]), None
    for arm in arms:
        model = BalanceModel(
            worlds.scenario, arm, seed, run=run, worlds=worlds, agent_class=agent_class
        )
        look = batch.recorder.observer(arm)
        while model.why_ended is None:
            look(model.world, model.state, model.view)
            model.step()
        prospect = prospect or prospect_of(
            worlds, model.opportunities, focal_windows(worlds)
        )
        batch.keep(worlds, arm, model.opportunities, model.simulated, prospect)
    return batch


class Onlooker(Protocol):
    """Who looks on while arms are simulated: for each arm, what is called in each
    step."""

    def observer(self, arm: str) -> Observer: ...


def simulate_arms(
    worlds: Worlds,
    seed: int,
    numbers: Keys,
    arms: Sequence[str],
    recorder: Recorder,
    look: Onlooker | None = None,
    draw: Draw = draw_opportunities,
) -> Batch:
    """Some replications of several arms on common random numbers.

    look: looks on in the place of `recorder`, which it leads to. draw: gives what
    `draw_opportunities` gives, drawn now or kept from before. Opportunities that cannot
    lead to consent are thinned while that is safe; what was recorded of a replication
    that is simulated again is overwritten, and its numbers are the same either way."""

    def simulated(most: Floats | None) -> Batch:
        opportunities = draw(worlds.reference, seed, numbers, most)
        prospect = prospect_of(worlds, opportunities, focal_windows(worlds))
        batch = Batch(numbers, recorder)
        begun: dict[bytes, AgreementRows] = {}
        thinned: dict[bytes, Thinning] = {}
        baseline = worlds.baseline
        for arm in arms:
            world, bounds = worlds.arms[arm], worlds.bounds[arm]
            start_key, bounds_key = content_key(world, AFTER_START), content_key(bounds)
            if start_key not in begun:
                begun[start_key] = agreements_at_start(world, baseline, seed, numbers)
            if bounds_key not in thinned:
                thinned[bounds_key] = thinning(world, opportunities, bounds)
            thin = thinned[bounds_key]
            observe = (look or recorder).observer(arm)
            state = begin(world, baseline, seed, numbers, begun[start_key])
            simulated_arm = simulate_from(
                state, world, baseline, opportunities, thin, seed, observe
            )
            batch.keep(worlds, arm, opportunities, simulated_arm, prospect)
        return batch

    try:
        return simulated(worlds.most)
    except BoundExceeded:
        return simulated(None)


def simulate_runs(
    worlds: Worlds, seed: int, numbers: Keys, arms: Sequence[str]
) -> dict[str, AgreementRows]:
    """The agreements of some replications in every arm."""
    return simulate_arms(worlds, seed, numbers, arms, focal_recorder(worlds)).made


# -- tables -----------------------------------------------------------------------------------------


def tabulate(worlds: Worlds, batches: Sequence[Batch]) -> BlockTables:
    """Tables of some batches of replications."""
    control, world = worlds.scenario.reference_arm, worlds.reference
    of_each = [(batch, arm) for batch in batches for arm in sorted(batch.made)]
    by_arm = {
        arm: np.concatenate([batch.dyads[arm] for batch in batches])
        for arm in batches[0].dyads
    }
    return BlockTables(
        pa.concat_tables([batch.rows(worlds, arm, control) for batch, arm in of_each]),
        pa.concat_tables(
            [
                agreement_table(worlds, arm, batch.made[arm], batch.numbers)
                for batch, arm in of_each
            ]
        ),
        dyad_table(by_arm, control, world.codes, world.first, world.second),
    )


@dataclass(frozen=True)
class ArmTables:
    """Some replications of one arm, to be put beside those of the control arm. dyads:
    (R, P) filtered numbers."""

    runs: pa.Table
    agreements: pa.Table
    dyads: Floats


def one_arm_tables(worlds: Worlds, arm: str, batch: Batch) -> ArmTables:
    """Tables of one arm simulated alone: no outcome that compares it with the control
    arm, and new agreements only."""
    made, world = batch.made[arm], worlds.arms[arm]
    after = days_after(made.signed, world.focal_day)
    new = np.flatnonzero(is_new(made.origin, after, world.grid[-1] - world.focal_day))
    agreements = agreement_table(worlds, arm, made.take(new), batch.numbers)
    return ArmTables(batch.rows(worlds, arm, None), agreements, batch.dyads[arm])


def beside(
    parts: Mapping[str, Sequence[ArmTables]], codes: Sequence[str]
) -> BlockTables:
    """One block of the same replications of several arms. parts: by arm, the control
    arm first."""
    numbers = numbered(tuple(codes))
    every = [one for of in parts.values() for one in of]
    dyads = {
        arm: np.concatenate([one.dyads for one in of]) for arm, of in parts.items()
    }
    return BlockTables(
        pa.concat_tables([one.runs for one in every]),
        pa.concat_tables([one.agreements for one in every]),
        dyad_table(dyads, next(iter(parts)), codes, numbers.first, numbers.second),
    )
