"""A peer: the rules of peer_rules.py as a Mesa model. States and talks are agents."""

from __future__ import annotations

import mesa
import numpy as np
from peer_rules import Rules, Ties

from balance_sim.model.baseline import Worlds


class State(mesa.Agent):
    """Adapts its effort to what it sees."""

    effort = 0.0

    def adapt(self) -> None:
        step, seen = self.model.at, self.model.view.insecurity[self.unique_id - 1]
        self.effort = float(self.model.rules.effort(step, self.effort, seen))


class Talks(mesa.Agent):
    """Between two states, until the day on which they sign."""

    def __init__(self, model: Diplomacy, a: int, b: int, kind: int) -> None:
        super().__init__(model)
        self.parties = int(a), int(b), int(kind)
        days = model.rules.days_of_talks(kind, model.rng)
        self.day = model.rules.days[model.at + 1] + days

    def conclude(self) -> None:
        if self.day <= self.model.rules.days[self.model.at + 1]:
            self.model.ties.sign(*self.parties)
            self.model.signed += 1
            self.remove()


class Diplomacy(mesa.Model):
    """One run of one arm."""

    def __init__(self, worlds: Worlds, arm: str, seed: int) -> None:
        super().__init__(rng=seed)
        self.rules, self.ties = Rules(worlds, arm), Ties(worlds, arm)
        self.at = self.signed = 0
        State.create_agents(self, self.rules.n)
        self.states = self.agents_by_type[State]

    def step(self) -> None:
        efforts = np.array(self.states.get("effort"))
        self.view = self.rules.view(self.at, self.ties, efforts)
        for a, b, kind in self.rules.opened(self.at, self.view, self.rng):
            Talks(self, a, b, kind)
        self.agents.select(agent_type=Talks).do("conclude")
        self.states.do("adapt")
        self.at += 1


def agreements(worlds: Worlds, arm: str, seed: int) -> int:
    """Agreements that a run signs."""
    model = Diplomacy(worlds, arm, seed)
    for _ in range(model.rules.steps):
        model.step()
    return model.signed
