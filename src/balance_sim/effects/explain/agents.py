"""Who decides in the replications that are explained: the program's own rules, or
agents of another class.

Agents are explained as the built-in terms and a part `agent`: what their `willingness`
has beside the terms' sum. They simulate one replication at a time. A class that
overrides `consents` or `probabilities` decides by no willingness, and cannot be
explained by its parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from balance_sim.effects.direct import Along, Look, StepOfArm
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Floats, Ints, Keys, Opportunities, World
from balance_sim.model.engine import (
    effort_after,
    open_to_consent,
    perceive,
    simulate,
)
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState, Simulated
from balance_sim.model.thinning import thinning
from balance_sim.model.willingness import account, summed
from balance_sim.scenario.errors import WrongRequest

if TYPE_CHECKING:
    from balance_sim.model.agents import BalanceModel, StateAgent

AGENT = "agent"
"""The part of willingness that an agent of another class has beside the terms."""
Account = Callable[[Prospects], dict[str, Floats]]
Observe = Callable[[World, BlockState, View, Account], None]


def decides_by_willingness(model: str) -> type[StateAgent]:
    """The class that `module:Class` names. Raises WrongRequest for one that does not
    decide by its willingness."""
    from balance_sim.model.agents import StateAgent, agent_class_named

    agent_class = agent_class_named(model)
    for name in ("consents", "probabilities"):
        if getattr(agent_class, name) is not getattr(StateAgent, name):
            raise WrongRequest(
                f"{model} has a `{name}` of its own: it decides by no willingness that "
                "could be taken apart. Override `willingness` in its place, or look at "
                "the replications themselves: result.accords"
            )
    return agent_class


def simulated(
    worlds: Worlds,
    arm: str,
    seed: int,
    runs: Keys,
    opportunities: Opportunities,
    observe: Observe,
    model: str | None,
) -> Simulated:
    """Replications of one arm, one alone with a model; `observe` sees each step, with
    what takes willingness apart.

    opportunities: of these replications, none thinned."""
    if model is None:
        return _simulated_by_rules(worlds, arm, seed, runs, opportunities, observe)
    agent_class = decides_by_willingness(model)
    agents = _model_of(worlds, arm, seed, int(runs[0]), agent_class)
    while agents.why_ended is None:
        observe(agents.world, agents.state, agents.view, partial(_account_of, agents))
        agents.step()
    return agents.simulated


def _simulated_by_rules(
    worlds: Worlds,
    arm: str,
    seed: int,
    runs: Keys,
    opportunities: Opportunities,
    observe: Observe,
) -> Simulated:
    world = worlds.arms[arm]
    thin = thinning(world, opportunities, None)

    def look(world: World, state: BlockState, view: View) -> None:
        observe(world, state, view, account)

    return simulate(world, worlds.baseline, opportunities, thin, seed, runs, look)


def _model_of(
    worlds: Worlds, arm: str, seed: int, run: int, agent_class: type[StateAgent]
) -> BalanceModel:
    """One replication of one arm as agents of a class."""
    from balance_sim.model.agents import BalanceModel

    return BalanceModel(
        worlds.scenario, arm, seed, run=run, worlds=worlds, agent_class=agent_class
    )


def _account_of(model: BalanceModel, prospects: Prospects) -> dict[str, Floats]:
    """Willingness of a model's agents taken apart, (C,) nats each: the terms, and last
    the part `agent`."""
    for turn in ("perceive", "assess"):
        model.agents.do(turn)
    p = prospects
    terms = account(p)
    total = summed(terms)
    wanted = total.copy()
    for agent in model.agents:
        rows = np.flatnonzero(p.ego == agent.index)
        if len(rows):
            index = (p.run[rows], p.ego[rows], p.alter[rows], p.kind[rows])
            asked_prospects = Prospects(p.world, p.baseline, p.view, p.state, *index)
            wanted[rows] = agent.willingness(asked_prospects)
    return terms | {AGENT: wanted - total}


def along_agents(
    worlds: Worlds, seed: int, run: int, arm: str, look: Look, model: str
) -> Along:
    """The same as `along_control`, of one replication that agents of another class
    decide, in both arms."""
    agent_class = decides_by_willingness(model)
    control = _model_of(worlds, worlds.scenario.reference_arm, seed, run, agent_class)
    model_of_arm = _model_of(worlds, arm, seed, run, agent_class)
    effort = control.state.effort.copy()
    opportunities, thin = control.opportunities, control.thin

    def show(model: BalanceModel, rows: Ints) -> None:
        take_apart = partial(_account_of, model)
        world, state, view = model.world, model.state, model.view
        look(StepOfArm(world, state, view, opportunities, thin, rows, take_apart))

    while control.why_ended is None:
        state, step = control.state, control.at
        first, stop = opportunities.starts[step : step + 2]
        rows = open_to_consent(control.world, opportunities, thin, state, first, stop)
        model_of_arm.state = replace(state, effort=effort)
        model_of_arm.view = perceive(model_of_arm.world, model_of_arm.state, step)
        show(model_of_arm, rows)
        seen = model_of_arm.view.insecurity, model_of_arm.view.total
        effort = effort_after(model_of_arm.world, worlds.baseline, effort, *seen, step)
        # the two share the room to work in
        control.view = perceive(control.world, state, step)
        show(control, rows)
        control.step()
    return Along(opportunities, control.simulated)
