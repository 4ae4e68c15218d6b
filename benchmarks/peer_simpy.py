"""A peer: the rules of peer_rules.py in SimPy. Each talks are a process, and so is the
calendar of steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import simpy
from peer_rules import Rules, Ties

from balance_sim.model.baseline import Worlds


class Diplomacy:
    """One run of one arm."""

    def __init__(self, worlds: Worlds, arm: str, seed: int) -> None:
        self.rules, self.ties = Rules(worlds, arm), Ties(worlds, arm)
        self.luck, self.signed = np.random.default_rng(seed), 0
        self.calendar = simpy.Environment(initial_time=float(self.rules.days[0]))
        self.calendar.process(self.steps())

    def steps(self) -> Iterator[simpy.Event]:
        """From step to step: what states see, what they open, how they adapt."""
        effort = np.zeros(self.rules.n)
        for step, day in enumerate(self.rules.days[1:]):
            view = self.rules.view(step, self.ties, effort)
            opened = self.rules.opened(step, view, self.luck)
            yield self.calendar.timeout(day - self.calendar.now)
            for a, b, kind in opened:
                self.calendar.process(self.talks(int(a), int(b), int(kind)))
            effort = self.rules.effort(step, effort, view.insecurity)

    def talks(self, a: int, b: int, kind: int) -> Iterator[simpy.Event]:
        """Between two states, until they sign."""
        yield self.calendar.timeout(self.rules.days_of_talks(kind, self.luck))
        self.ties.sign(a, b, kind)
        self.signed += 1


def agreements(worlds: Worlds, arm: str, seed: int) -> int:
    """Agreements that a run signs."""
    model = Diplomacy(worlds, arm, seed)
    model.calendar.run(until=float(model.rules.days[-1]) + 1e-6)
    return model.signed
