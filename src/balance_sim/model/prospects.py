"""Prospects: an ego that decides, an alter, a kind of accord, in a run; and what the terms read of them.

Everything is worked out when it is first asked for, and for the prospects at hand alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model import beliefs, threat
from balance_sim.model.core import Baseline, World
from balance_sim.model.state import State
from balance_sim.model.view import View

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prospects:
    """C prospects as seen by ego, with what the terms read of them. All index arrays (C,).

    mirrored: the second half are the first with ego and alter exchanged, as `of_both_sides` makes them."""

    world: World
    baseline: Baseline
    view: View
    state: State
    run: Ints
    ego: Ints
    alter: Ints
    kind: Ints
    kinds_each: int = 1  # so many in a row differ in kind alone
    mirrored: bool = False

    @cached_property
    def dyads(self) -> Prospects:
        """The first of those that differ in kind alone."""
        some = slice(None, None, self.kinds_each)
        return replace(
            self,
            run=self.run[some],
            ego=self.ego[some],
            alter=self.alter[some],
            kind=self.kind[some],
            kinds_each=1,
        )

    @classmethod
    def of_both_sides(
        cls, world: World, baseline: Baseline, view: View, state: State, run: Ints, pair: Ints, kind: Ints
    ) -> Prospects:
        """2 C prospects: C pairs as their first states see them, then as their second states do.

        What is the same for both sides is then worked out once. `values.reshape(2, C)` is by side."""
        i, j = world.first.take(pair), world.second.take(pair)
        run, ego, alter, kind = (
            np.tile(run, 2),
            np.concatenate([i, j]),
            np.concatenate([j, i]),
            np.tile(kind, 2),
        )
        return cls(world, baseline, view, state, run, ego, alter, kind, mirrored=True)

    @property
    def one_side(self) -> Prospects:
        """The first half where the second mirrors it; else all of them. Not kept: it would hold itself in memory."""
        if not self.mirrored:
            return self
        half = slice(len(self.ego) // 2)
        index = (self.run[half], self.ego[half], self.alter[half], self.kind[half])
        return Prospects(self.world, self.baseline, self.view, self.state, *index)

    @cached_property
    def row(self) -> Ints:
        """Where ego stands in a flat (R, n)."""
        return self.run * self.world.n + self.ego

    @cached_property
    def other(self) -> Ints:
        """Where alter stands in a flat (R, n)."""
        return self.run * self.world.n + self.alter

    @cached_property
    def at(self) -> Ints:
        """Where ego's view of alter stands in a flat (R, n, n)."""
        return self.row * self.world.n + self.alter

    @cached_property
    def apart(self) -> Ints:
        """The same in a flat (n, n)."""
        return self.ego * self.world.n + self.alter

    @cached_property
    def pair(self) -> Ints:
        return self.world.pair_index.take(self.apart)

    @cached_property
    def depth(self) -> Floats:
        return self.state.depth.take(self.at)

    @cached_property
    def balance(self) -> Floats:
        return self.view.balance.take(self.row)

    @cached_property
    def against(self) -> Floats:
        """q_ij: how far alter is against ego."""
        return np.asarray(1.0 - self.view.unopposed.take(self.at))

    @cached_property
    def hostility(self) -> Floats:
        """h_ij: how hostile alter is to ego on its own account."""
        return self.view.hostility.take(self.at)

    @cached_property
    def backing(self) -> Floats:
        """b_ij: share of its support that alter lends already."""
        world, pair = self.world, self.pair
        reading, size = world.audience[self.ego], len(world.first)
        against = world.odds_against[self.view.step].take(reading * size + pair)
        news = self.view.announced.take(self.run * size + pair) * world.signature_attention[reading]
        own = beliefs.alignment_with(against, world.rules.alpha_acc * self.depth + news)
        return threat.backing(self.depth, own, world.rules.beta)

    @cached_property
    def support(self) -> Floats:
        """s_ij: what alter can bring to ego's side."""
        firm = threat.firmness(self.view.sided.take(self.at), self.view.total.take(self.row))
        return threat.support(self.view.reliable.take(self.apart), firm, self.hostility)

    @cached_property
    def gain(self) -> Floats:
        """G_ij: marginal drop in ego's insecurity, with the support that alter brings now."""
        added = np.maximum(self.world.ladder.depth[self.kind] - self.backing, 0.0) * self.support
        return threat.marginal_gain(self.view.insecurity.take(self.row), self.balance, added)

    @cached_property
    def log_gain(self) -> Floats:
        return np.log(self.gain + self.world.rules.gain_floor)
