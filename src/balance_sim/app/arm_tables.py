"""Tables of one arm alone, put beside those of the control arm: what the live page
keeps, and asks for again, arm by arm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import Worlds, classes_of, versions_for
from balance_sim.model.core import Floats
from balance_sim.model.world import numbered, time_grid
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import Batch
from balance_sim.study.outcomes import days_after, is_new
from balance_sim.study.tables import BlockTables, agreement_table, dyad_table


def reference_key(scenario: Scenario) -> str:
    """sha256 of all that may decide the control arm's replications and what is counted
    of them, but the seed.

    Two scenarios with one key simulate that arm alike. Left out are the other arms, but
    for the dates of their events, and how visible the focal event is where the control
    arm drops it: nobody there can see it."""
    reference, events = scenario.reference_arm, list(scenario.events)
    if scenario.focal in scenario.arms[reference].drop:
        for place, event in enumerate(events):
            if event.id == scenario.focal:
                events[place] = event.model_copy(update={"visibility": 1.0})
    arms = {reference: scenario.arms[reference]}
    update = {"events": tuple(events), "arms": arms}
    control = scenario.model_copy(update=update)
    grid = time_grid(scenario, list(versions_for(scenario, []).values()))
    contents = [content_digest(control), grid.tolist(), classes_of(scenario).sha256]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


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
    rows, world = batch.agreements[arm], worlds.arms[arm]
    days = days_after(rows.signed, world.focal_day)
    new = np.flatnonzero(is_new(rows.origin, days, world.grid[-1] - world.focal_day))
    agreements = agreement_table(worlds, arm, rows.take(new), batch.numbers)
    return ArmTables(batch.rows(worlds, arm, None), agreements, batch.dyads[arm])


def beside(
    parts: Mapping[str, Sequence[ArmTables]], codes: Sequence[str]
) -> BlockTables:
    """One block of the same replications of several arms. parts: by arm, the control
    arm first."""
    numbers, control = numbered(tuple(codes)), next(iter(parts))
    runs, agreements, dyads = [], [], {}
    for arm, tables in parts.items():
        runs += [table.runs for table in tables]
        agreements += [table.agreements for table in tables]
        dyads[arm] = np.concatenate([table.dyads for table in tables])
    by_dyad = dyad_table(dyads, control, codes, numbers.first, numbers.second)
    return BlockTables(pa.concat_tables(runs), pa.concat_tables(agreements), by_dyad)
