"""Who decides in the replications that are explained: the program's own rules, or agents of another class.

Agents are told apart as the built-in terms and a part `agent`: what their `willingness` has beside the terms' sum. They
simulate one replication at a time. A class that overrides `consents` or `probabilities` decides by no willingness, and
cannot be explained by its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from balance_sim.model import threat
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Floats, Ints, Keys, Opportunities, World
from balance_sim.model.engine import open_to_consent, perceive, simulate
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState, Simulated
from balance_sim.model.thinning import thinning
from balance_sim.model.willingness import account, summed
from balance_sim.pool.errors import WrongRequest
from balance_sim.replications.direct import Along, Look, StepOfArm

if TYPE_CHECKING:
    from balance_sim.model.agents import BalanceModel, StateAgent

AGENT = "agent"
"""The part of willingness that an agent of another class has beside the terms."""
Account = Callable[[Prospects], dict[str, Floats]]
Seen = Callable[[World, BlockState, View, Account], None]


def decides_by_willingness(model: str) -> type[StateAgent]:
    """The class that `module:Class` names. Raises WrongRequest for one that does not decide by its willingness."""
    from balance_sim.model.agents import StateAgent, agent_class_named

    found = agent_class_named(model)
    for name in ("consents", "probabilities"):
        if getattr(found, name) is not getattr(StateAgent, name):
            raise WrongRequest(
                f"{model} has a `{name}` of its own: it decides by no willingness that could be taken apart. Override "
                "`willingness` in its place, or look at the replications themselves: result.accords"
            )
    return found


def simulated(
    worlds: Worlds, arm: str, seed: int, runs: Keys, chances: Opportunities, observe: Seen, model: str | None
) -> Simulated:
    """Replications of one arm, one alone with a model; `observe` sees each step, with what takes willingness apart.

    chances: of these replications, none thinned."""
    world = worlds.arms[arm]
    if model is None:
        thin = thinning(world, chances, None)
        look = lambda world, state, view: observe(world, state, view, account)  # noqa: E731
        return simulate(world, worlds.baseline, chances, thin, seed, runs, look)
    one = model_of(worlds, arm, seed, int(runs[0]), decides_by_willingness(model))
    while one.why_ended is None:
        observe(one.world, one.state, one.view, partial(account_of, one))
        one.step()
    return one.simulated


def model_of(worlds: Worlds, arm: str, seed: int, run: int, agent_class: type[StateAgent]) -> BalanceModel:
    """One replication of one arm as agents of a class."""
    from balance_sim.model.agents import BalanceModel

    return BalanceModel(worlds.scenario, arm, seed, run=run, worlds=worlds, agent_class=agent_class)


def account_of(model: BalanceModel, p: Prospects) -> dict[str, Floats]:
    """Willingness of a model's agents taken apart, (C,) nats each: the terms, and last the part `agent`."""
    for turn in ("perceive", "assess"):
        model.agents.do(turn)
    parts = account(p)
    whole = summed(parts)
    wanted = whole.copy()
    for agent in model.agents:
        rows = np.flatnonzero(p.ego == agent.index)
        if len(rows):
            index = (p.run[rows], p.ego[rows], p.alter[rows], p.kind[rows])
            wanted[rows] = agent.willingness(Prospects(p.world, p.baseline, p.view, p.state, *index))
    return parts | {AGENT: wanted - whole}


def along_agents(worlds: Worlds, seed: int, run: int, arm: str, look: Look, model: str) -> Along:
    """What `along_control` gives of one replication that agents of another class decide, in both arms."""
    agent_class = decides_by_willingness(model)
    control, beside = (model_of(worlds, name, seed, run, agent_class) for name in (worlds.scenario.reference_arm, arm))
    effort = control.state.effort.copy()

    def show(one: BalanceModel, rows: Ints) -> None:
        look(StepOfArm(one.world, one.state, one.view, control.chances, control.thin, rows, partial(account_of, one)))

    while control.why_ended is None:
        state, at = control.state, control.at
        span = control.chances.starts[at : at + 2]
        rows = open_to_consent(control.world, control.chances, control.thin, state, *span)
        beside.state = replace(state, effort=effort)
        beside.view = perceive(beside.world, beside.state, at)
        show(beside, rows)
        rules, days = beside.world.rules, control.world.grid[at + 1] - control.world.grid[at]
        share = threat.effort_share(days, rules.effort_years)
        base, felt = worlds.baseline.insecurity, beside.view.insecurity
        effort = threat.effort_change(effort, felt, base, rules.effort_slope, rules.effort_max, share)
        control.view = perceive(control.world, state, at)  # the two share the room to work in
        show(control, rows)
        control.step()
    return Along(control.chances, control.simulated)
