"""The peer to time against: the same rules as one plain Mesa model, an object a state, pure Python over its partners.

Written as a Mesa user would write it first: each state loops over the others with scalars from `math`.
It draws its own random numbers, and leaves out what a rate is multiplied with (frailty, spells without relations) and
talks that collapse, so it signs about twice as much. What is compared is the time of a step.
"""

from __future__ import annotations

import math
import random

import mesa

from balance_sim.model.baseline import Worlds


def sigma(u: float) -> float:
    return 1 / (1 + math.exp(-u)) if u >= 0 else math.exp(u) / (1 + math.exp(u))


class PlainState(mesa.Agent):
    """A state that looks at every other state, one at a time."""

    def __init__(self, model: PlainModel, index: int) -> None:
        super().__init__(model)
        self.index = index
        self.effort = 0.0

    def perceive(self) -> None:
        m, i = self.model, self.index
        world, rules = m.world, m.world.rules
        align = m.alignment[world.audience[i]]
        floor = math.log1p(math.exp(rules.eta0))
        odds, calm = m.intent[i], m.calm[i]
        self.hostility = [
            0.0
            if j == i
            else max(
                0.0, math.log1p(odds[j] * math.exp(-rules.eta_acc * calm[j])) - floor
            )
            for j in range(m.n)
        ]
        self.hostile = [1 - math.exp(-nats) for nats in self.hostility]
        self.own = align[i]
        self.against = []
        for k in range(m.n):
            row = align[k]
            lent = 0.0
            for j in range(m.n):
                if j != k:
                    lent += self.hostile[j] * rules.beta * row[j]
            free = 1 - max(m.depth[i][k], self.own[k])
            self.against.append(
                0.0 if k == i else 1 - (1 - self.hostile[k]) * math.exp(-free * lent)
            )
        self.threats = [m.offensive[i][k] * self.against[k] for k in range(m.n)]
        self.total = sum(self.threats)
        self.support, self.backing = [], []
        defence = m.capability[i] * (1 + self.effort)
        for j in range(m.n):
            row = align[j]
            shared = self.threats[j]
            for k in range(m.n):
                if k != j:
                    shared += self.threats[k] * row[k]
            firm = max(1 - shared / self.total, 0.0) if self.total > 0 else 1.0
            self.support.append(
                m.reliability[j] * m.projected[i][j] * firm * (1 - self.hostile[j])
            )
            self.backing.append(
                0.0 if j == i else max(m.depth[i][j], rules.beta * self.own[j])
            )
            defence += self.backing[j] * self.support[j]
        self.balance = self.total + defence + rules.s0
        self.insecurity = self.total / self.balance if self.balance > 0 else 0.0

    def log_gain(self, j: int, kind: int) -> float:
        m = self.model
        added = max(m.kind_depth[kind] - self.backing[j], 0.0) * self.support[j]
        return math.log(
            self.insecurity * added / (self.balance + added) + m.world.rules.gain_floor
        )

    def consents(self, other: PlainState, kind: int) -> bool:
        m, i, j = self.model, self.index, other.index
        world, w = m.world, m.world.rules.weights
        partners = [k for k in range(m.n) if m.depth[j][k] > 0]
        shared = sum(1 for k in partners if m.depth[i][k] > 0)
        overlap = sum(
            math.sqrt(a * b)
            for k, (a, b) in enumerate(zip(self.threats, other.threats, strict=True))
            if k not in (i, j)
        )
        exposed = sum(
            m.trade[i][k] * m.states[k].against[j]
            for k in m.trade_partners
            if k not in (i, j)
        )
        doubt = max(
            (
                min(m.depth[i][p], m.depth[j][p]) * (1 - m.reliability[p])
                for p in m.patrons
                if world.patron_of[i, p]
            ),
            default=0.0,
        )
        u = (
            world.ladder.intercept[kind]
            + world.propensity[i, kind]
            + w["security_gain"] * (self.log_gain(j, kind) - m.gain_norm[i][kind])
            + w["common_threat"] * overlap / math.sqrt(self.balance * other.balance)
            - w["hostility"] * self.hostile[j]
            - w["similarity"] * world.gap[i, j]
            + w["joint_democracy"] * world.democracy[i, j]
            + w["proximity"] * world.proximity[i, j]
            + w["popularity"] * (math.log1p(len(partners)) - m.partners_mean)
            + w["closure"] * (math.log1p(shared) - m.shared_mean)
            + w["experience"] * math.log1p(m.experience[m.dyad[i][j]])
            + w["ladder"] * m.depth[i][j]
            - w["autonomy"]
            * world.autonomy[i]
            * math.log1p(sum(1 for d in m.depth[i] if d > 0))
            - w["exposure"] * m.kind_depth[kind] * exposed
            + w["hub_doubt"] * doubt
            + w["bandwagon"] * self.against[j] * self.threats[j] / self.balance
        )
        return m.luck.random() < sigma(u)


class PlainModel(mesa.Model):
    """One run of one arm, without the tricks."""

    def __init__(self, worlds: Worlds, arm: str, seed: int) -> None:
        super().__init__(rng=seed)
        self.world = world = worlds.arms[arm]
        self.luck = random.Random(seed)
        self.n = world.n
        self.projected, self.trade = world.projected.tolist(), world.trade.tolist()
        self.offensive = world.offensive.tolist()
        self.capability, self.kind_depth = (
            world.capability.tolist(),
            world.ladder.depth.tolist(),
        )
        self.patrons, self.trade_partners = (
            world.patrons.tolist(),
            world.trade_partners.tolist(),
        )
        self.gain_norm, self.dyad = (
            worlds.baseline.gain_norm.tolist(),
            world.dyad_index.tolist(),
        )
        self.experience = world.experience.tolist()
        self.held: dict[tuple[int, int], list[int]] = {}
        self.talks: list[list[float]] = []
        self.signed: list[tuple[float, int, int, int]] = []
        for dyad, kind, stage in zip(
            world.initial.dyad, world.initial.kind, world.initial.stage, strict=True
        ):
            if stage == 2:
                self.held.setdefault(
                    (int(world.first[dyad]), int(world.second[dyad])), []
                ).append(int(kind))
        self.depth = [[0.0] * self.n for _ in range(self.n)]
        self.calm = [[0.0] * self.n for _ in range(self.n)]
        for i, j in self.held:
            self._deepen(i, j)
        self.states = [PlainState(self, i) for i in range(self.n)]
        self.at = 0

    def _deepen(self, i: int, j: int) -> None:
        kinds = self.held[i, j]
        self.depth[i][j] = self.depth[j][i] = max(self.kind_depth[k] for k in kinds)
        self.calm[i][j] = self.calm[j][i] = max(
            float(self.world.ladder.calm[k]) for k in kinds
        )

    def step(self) -> None:
        world, rules = self.world, self.world.rules
        start, stop = world.grid[self.at], world.grid[self.at + 1]
        odds = world.odds_against[self.at].tolist()
        self.intent = world.intent_odds[self.at].tolist()
        self.reliability = world.reliability[self.at].tolist()
        self.alignment = [
            [
                [
                    0.0
                    if j == k
                    else 1
                    / (
                        1
                        + one[self.dyad[j][k]]
                        * math.exp(-rules.alpha_acc * self.depth[j][k])
                    )
                    for k in range(self.n)
                ]
                for j in range(self.n)
            ]
            for one in odds
        ]
        ties = [{k for k in range(self.n) if row[k] > 0} for row in self.depth]
        self.partners_mean = sum(math.log1p(len(t)) for t in ties) / self.n
        pairs = [(i, j) for i in range(self.n) for j in range(i + 1, self.n)]
        self.shared_mean = sum(
            math.log1p(len(ties[i] & ties[j])) for i, j in pairs
        ) / len(pairs)
        for state in self.states:
            state.perceive()
        years = (stop - start) / 365.25
        for i, j in pairs:
            for kind, ceiling in enumerate(world.ladder.ceiling):
                if self.luck.random() < ceiling * years:
                    a, b = self.states[i], self.states[j]
                    if a.consents(b, kind) and b.consents(a, kind):
                        mean, shape = (
                            world.ladder.talks_days[kind],
                            world.ladder.talks_shape[kind],
                        )
                        self.talks.append(
                            [
                                stop + self.luck.gammavariate(shape, mean / shape),
                                i,
                                j,
                                kind,
                            ]
                        )
        for row in [row for row in self.talks if row[0] <= stop]:
            self.talks.remove(row)
            day, i, j, kind = row[0], int(row[1]), int(row[2]), int(row[3])
            self.signed.append((day, i, j, kind))
            self.experience[self.dyad[i][j]] += 1
            self.held.setdefault((i, j), []).append(kind)
            self._deepen(i, j)
        for state in self.states:
            target = max(
                -rules.effort_max,
                min(rules.effort_max, rules.effort_reaction * (state.insecurity - 0.5)),
            )
            state.effort += (target - state.effort) * (
                1 - math.exp(-years / rules.effort_years)
            )
        self.at += 1

    def run_until_end(self) -> PlainModel:
        for _ in range(self.world.steps):
            self.step()
        return self
