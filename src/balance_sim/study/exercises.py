"""Joint exercises in replications: how many dyads hold within the report's windows, by
class of dyads, and the expected number given what has happened.

Alarm is looked at in every step, and a rate holds in its step. Numbers of a class are
drawn from its expected number, since sums of Poisson numbers are Poisson; by the same
uniform numbers in every arm."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from balance_sim.model import exercises
from balance_sim.model.baseline import Worlds
from balance_sim.model.clocks import absorb, label, uniform
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, Floats, Ints, Keys, World
from balance_sim.model.perception import View
from balance_sim.model.streams import EXERCISES, stream_keys
from balance_sim.study.outcomes import DECIMALS, Outcome
from balance_sim.study.talks_at_start import Windows

FEW = 32
"""Replications looked at together, so that the work stays in the cache; changes no
result."""


class Exercises:
    """Expected exercises of an event's classes of dyads.

    Parameters
    ----------
    worlds : Worlds
        compiled arms; alarm is counted from the control arm's start
    direction : (P,)
        class of each dyad, an index into DIRECTIONS
    windows : Windows
        after the event
    """

    def __init__(self, worlds: Worlds, direction: Ints, windows: Windows) -> None:
        world = worlds.reference
        self.order = np.argsort(direction, kind="stable")
        self.windows = windows
        self.sides = world.first[self.order], world.second[self.order]
        edges = np.searchsorted(direction[self.order], range(len(DIRECTIONS) + 1))
        self.classes = [slice(*ends) for ends in pairwise(edges.tolist())]
        self.at_start = worlds.baseline.unsided

    def by_class(self, world: World, view: View) -> Floats:
        """(R, D) exercises a year in a view of R replications of an arm's world."""
        rate = exercises.rate_at_start(world)[self.order]
        kappa, floor = exercises.reaction(world), world.rules.alarm_floor
        sums = np.empty((len(view.total), len(self.classes)))
        kappa = np.broadcast_to(kappa, (len(sums), 1))
        for start in range(0, len(sums), FEW):
            chunk = slice(start, start + FEW)
            threats = view.total[chunk], view.sided[chunk], self.at_start, self.sides
            rates = exercises.mutual_alarm(*threats, floor)
            rates *= kappa[chunk]
            np.exp(rates, out=rates)
            rates *= rate
            for place, dyads in enumerate(self.classes):
                sums[chunk, place] = rates[:, dyads].sum(axis=1)
        return sums

    def within(self, grid: Floats, by_step: Mapping[int, Floats]) -> Floats:
        """(W, R, D) expected exercises from the day after the event to the end of each
        window. grid: (S + 1,) days on which steps begin, and the end; by_step:
        `by_class`, by each step that lies in a window."""
        steps = [*by_step]
        rates = np.stack([*by_step.values()])
        bounds = map(self.windows.bounds, self.windows.days)
        days = [exercises.days_within(grid, *ends)[steps] for ends in bounds]
        by_moment = np.stack(days)[:, :, None, None] / DAYS_PER_YEAR * rates
        return np.round(by_moment.sum(axis=1), DECIMALS)

    def drawn(self, expected: Floats, seed: int, runs: Keys) -> Floats:
        """(W, R, D) exercises, by `within`: those of each stretch between the ends of
        windows on keys of its own."""
        keys = stream_keys(seed, runs, EXERCISES)[:, None]
        keys = absorb(keys, np.array([label(name) for name in DIRECTIONS]))
        counts, earlier, total = [], np.zeros_like(expected[0]), np.zeros(keys.shape)
        for window, by_end in zip(self.windows.days, expected, strict=True):
            share = uniform(absorb(keys, np.uint64(window)))
            total = total + exercises.poisson(share, np.maximum(by_end - earlier, 0.0))
            counts.append(total)
            earlier = by_end
        return np.stack(counts)

    def outcomes(self, numbers: Floats) -> dict[str, Floats]:
        """(...,) by the outcomes' names, from (W, ..., D)."""
        named = {}
        for window, by_class in zip(self.windows.days, numbers, strict=True):
            for place, name in enumerate(DIRECTIONS):
                outcome = Outcome("exercises", name, window).name
                named[outcome] = by_class[..., place]
            named[Outcome("exercises", "all", window).name] = by_class.sum(axis=-1)
        return named
