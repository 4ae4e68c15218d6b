"""What the focal event changes in how groups of states see its host, week by week, by
the expected estimator."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Floats
from balance_sim.model.engine import close_step, perceive
from balance_sim.model.world import compile_world
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import compile_arms
from balance_sim.study.recorder import step_at
from balance_sim.study.scene import EventRoles, StateMetrics, focal_roles
from balance_sim.study.spans import at_start, in_spans

WEEK = 7.0


def relations_by_week(
    scenario: Scenario, reference: str, arm: str
) -> tuple[pd.DataFrame, dict[int, float]]:
    """Change of the groups' mean relations to the host in an arm relative to the
    control arm, by weeks.

    Beliefs are worked out from the event on, with the network as at the start and
    without random numbers.

    Returns
    -------
    table : tidy; group, day (from the event; the start of a week), change (-1 to 1 is
        the relation's scale); empty where the event has no host
    places : by window of the report, in days, where on such an axis the replications'
        number stands: the middle of the step in which the window ends
    """
    worlds = compile_arms(scenario, (reference, arm))
    roles, steps = focal_roles(worlds), worlds.reference.grid
    if roles.host is None:
        return pd.DataFrame(columns=["group", "day", "change"]), {}
    weeks = np.arange(roles.day, steps[-1], WEEK)
    grid = np.unique([*steps[steps < roles.day], *weeks, steps[-1]])
    change = _relations(worlds, arm, grid, roles)
    change = change - _relations(worlds, reference, grid, roles)
    days = grid[:-1] - roles.day
    tables = []
    for group, states in roles.groups.items():
        others = states[states != roles.host]
        if len(others):
            mean = change[:, others].mean(axis=1)
            columns = {"group": group, "day": days, "change": mean}
            tables.append(pd.DataFrame(columns)[days >= 0])
    middle = (steps[1:] + steps[:-1]) / 2 - roles.day
    ends = {days: step_at(steps, roles.day, days) for days in scenario.report.windows}
    places = {
        days: float(middle[step]) for days, step in ends.items() if step is not None
    }
    return pd.concat(tables, ignore_index=True), places


def _relations(worlds: Worlds, arm: str, grid: Floats, roles: EventRoles) -> Floats:
    """(steps, n) how each state sees the host at each step."""
    version = arm_scenario(worlds.scenario, arm, sealed=False)
    world = compile_world(version, arm, grid, roles.day)
    world = in_spans(world, np.arange(world.steps + 1))
    state, relations = at_start(world), []
    for step in range(world.steps):
        view = perceive(world, state, step)
        metrics = StateMetrics(world, worlds.baseline, state, view)
        relations.append(metrics.relation(int(roles.host or 0))[0])
        close_step(world, worlds.baseline, state, view)
    return np.array(relations)
