"""A peer: the rules of peer_rules.py in starsim. States are people, and diplomacy is a
module that sees them all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import starsim as ss
from peer_rules import Rules, Ties

from balance_sim.model.baseline import Worlds


class Diplomacy(ss.Module):
    """Views, talks and efforts of a step of a run of one arm."""

    def __init__(self, worlds: Worlds, arm: str, seed: int, **pars: Any) -> None:
        super().__init__(**pars)
        self.rules, self.ties = Rules(worlds, arm), Ties(worlds, arm)
        self.luck, self.talks = np.random.default_rng(seed), np.zeros((0, 4))
        self.define_states(ss.FloatArr("effort", default=0.0))

    def init_results(self) -> None:
        super().init_results()
        self.define_results(ss.Result("agreements", dtype=int))

    def step(self) -> None:
        at = self.ti
        view = self.rules.view(at, self.ties, self.effort.values)
        stop = self.rules.days[at + 1]
        rows = self.rules.opened(at, view, self.luck)
        ends = [stop + self.rules.days_of_talks(kind, self.luck) for kind in rows[:, 2]]
        self.talks = np.vstack([self.talks, np.column_stack([rows, ends])])
        over = self.talks[:, 3] <= stop
        for a, b, kind in self.talks[over, :3].astype(int):
            self.ties.sign(a, b, kind)
        self.talks = self.talks[~over]
        self.results.agreements[at] = over.sum()
        self.effort[:] = self.rules.effort(at, self.effort.values, view.insecurity)


def simulation(worlds: Worlds, arm: str, seed: int) -> ss.Sim:
    """A run that has not begun: a step of the arm is a step of starsim."""
    world = worlds.arms[arm]
    span = {"start": 0, "stop": world.steps - 1, "dt": 1}
    module = Diplomacy(worlds, arm, seed)
    return ss.Sim(n_agents=world.n, modules=module, rand_seed=seed, verbose=0, **span)


def agreements(worlds: Worlds, arm: str, seed: int) -> int:
    """Agreements that a run signs."""
    sim = simulation(worlds, arm, seed).run()
    return int(sim.results.diplomacy.agreements.sum())
