"""What the focal event changes in how groups of states see its host, week by week, by the expected estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.model.core import Floats
from balance_sim.model.engine import close_step, perceive
from balance_sim.model.world import compile_world
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.recorder import step_at
from balance_sim.replications.scene import StateMetrics, focal_roles
from balance_sim.replications.spans import at_start, in_spans
from balance_sim.scenario import arm_scenario

if TYPE_CHECKING:
    from balance_sim.model.core import Baseline, World
    from balance_sim.replications.scene import EventRoles
    from balance_sim.scenario.schema import Scenario

WEEK = 7.0


def relations_by_week(scenario: Scenario, reference: str, arm: str) -> tuple[pd.DataFrame, dict[int, float]]:
    """Change of the groups' mean relations to the host in an arm relative to the control arm, by weeks.

    Beliefs are worked out from the event on, with the network as at the start and without random numbers. Returns the
    table, tidy: group, day (from the event; the start of a week), change (-1 to 1 is the relation's scale); empty where
    the event has no host. And by window of the report, in days, where on such an axis the replications' number stands:
    the middle of the step in which the window ends."""
    worlds = compile_arms(scenario, (reference, arm))
    cast, steps = focal_roles(worlds), worlds.reference.grid
    if cast.host is None:
        return pd.DataFrame(columns=["group", "day", "change"]), {}
    weeks = np.arange(cast.day, steps[-1], WEEK)
    grid = np.unique(np.concatenate([steps[steps < cast.day], weeks, steps[-1:]]))
    with_it, without = (
        _relations(compile_world(arm_scenario(scenario, one, sealed=False), one, grid, cast.day), worlds.baseline, cast)
        for one in (arm, reference)
    )
    change, days = with_it - without, grid[:-1] - cast.day
    parts = []
    for name, who in cast.groups.items():
        others = who[who != cast.host]
        if len(others):
            parts.append(pd.DataFrame({"group": name, "day": days, "change": change[:, others].mean(axis=1)}))
    middle = (steps[1:] + steps[:-1]) / 2 - cast.day
    ends = {window: step_at(steps, cast.day, window) for window in scenario.report.windows}
    table = pd.concat(parts, ignore_index=True)
    return table[table["day"] >= 0], {window: float(middle[k]) for window, k in ends.items() if k is not None}


def _relations(world: World, baseline: Baseline, cast: EventRoles) -> Floats:
    """(steps, n) how each state sees the host at each step."""
    world = in_spans(world, np.arange(world.steps + 1))
    state, out = at_start(world), []
    for step in range(world.steps):
        view = perceive(world, state, step)
        out.append(StateMetrics(world, baseline, state, view).relation(int(cast.host or 0))[0])
        close_step(world, baseline, state, view)
    return np.array(out)
