"""A peer: the rules of peer_rules.py as an agentpy model. States and talks are agents."""

from __future__ import annotations

import agentpy as ap
import numpy as np
from peer_rules import Rules, Ties

from balance_sim.model.baseline import Worlds


class State(ap.Agent):
    """Adapts its effort to what it sees."""

    def setup(self) -> None:
        self.effort = 0.0

    def adapt(self) -> None:
        seen = self.model.view.insecurity[self.id - 1]
        self.effort = self.model.rules.effort(self.model.t - 1, self.effort, seen)


class Talks(ap.Agent):
    """Between two states, until the day on which they sign."""

    def setup(self, a: int, b: int, kind: int) -> None:
        self.parties = int(a), int(b), int(kind)
        days = self.model.rules.days_of_talks(kind, self.model.nprandom)
        self.day = self.model.rules.days[self.model.t] + days

    def conclude(self) -> None:
        if self.day <= self.model.rules.days[self.model.t]:
            self.model.ties.sign(*self.parties)
            self.model.signed += 1
            self.model.talks.remove(self)


class Diplomacy(ap.Model):
    """One run of one arm. agentpy counts steps from one."""

    def setup(self) -> None:
        self.rules = Rules(self.p.worlds, self.p.arm)
        self.ties, self.signed = Ties(self.p.worlds, self.p.arm), 0
        self.states = ap.AgentList(self, self.rules.n, State)
        self.talks = ap.AgentList(self)

    def step(self) -> None:
        efforts = np.array(list(self.states.effort))
        self.view = self.rules.view(self.t - 1, self.ties, efforts)
        for a, b, kind in self.rules.opened(self.t - 1, self.view, self.nprandom):
            self.talks.append(Talks(self, a=a, b=b, kind=kind))
        for talks in list(self.talks):
            talks.conclude()
        self.states.adapt()

    def end(self) -> None:
        self.report("agreements", self.signed)


def agreements(worlds: Worlds, arm: str, seed: int) -> int:
    """Agreements that a run signs."""
    steps = worlds.arms[arm].steps
    chosen = {"worlds": worlds, "arm": arm, "seed": seed, "steps": steps}
    results = Diplomacy(chosen).run(display=False)
    return int(results.reporters["agreements"][0])
