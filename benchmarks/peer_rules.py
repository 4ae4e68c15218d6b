"""The rules of plain_mesa.py in NumPy, for the peers of peers.py: what all states see at
the start of a step, how likely they consent, and what is drawn.

A peer keeps agreements, talks, efforts and the time in the form of its own framework,
and asks here for numbers. Of the package only the compiled arrays are used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Ties:
    """What agreements leave between states: three symmetric arrays, (n, n)."""

    def __init__(self, worlds: Worlds, arm: str) -> None:
        world = worlds.arms[arm]
        self.ladder = world.ladder
        self.depth, self.calm = np.zeros((2, world.n, world.n))
        self.record = world.experience[world.dyad_index]
        in_force = world.initial.stage == 2
        dyads, kinds = world.initial.dyad[in_force], world.initial.kind[in_force]
        for dyad, kind in zip(dyads, kinds, strict=True):
            self._deepen(world.first[dyad], world.second[dyad], kind)

    def sign(self, a: int, b: int, kind: int) -> None:
        """An agreement of this kind enters into force at once."""
        self._deepen(a, b, kind)
        self.record[a, b] = self.record[b, a] = self.record[a, b] + 1

    def _deepen(self, a: int, b: int, kind: int) -> None:
        depth, calm = self.ladder.depth[kind], self.ladder.calm[kind]
        self.depth[a, b] = self.depth[b, a] = max(self.depth[a, b], depth)
        self.calm[a, b] = self.calm[b, a] = max(self.calm[a, b], calm)


@dataclass
class View:
    """What states see at the start of a step. (n, n) arrays have a row for each who
    sees; `base` is the willingness before the kind of an agreement matters."""

    support: Floats
    backing: Floats
    balance: Floats
    insecurity: Floats
    exposed: Floats
    base: Floats


class Rules:
    """One arm of a scenario."""

    def __init__(self, worlds: Worlds, arm: str) -> None:
        self.world, self.gain_norm = worlds.arms[arm], worlds.baseline.gain_norm
        self.n, self.steps, self.days = self.world.n, self.world.steps, self.world.grid
        self.pairs = np.triu_indices(self.n, 1)

    def view(self, step: int, ties: Ties, effort: Floats) -> View:
        """What all states see, each with the alignments of its own audience."""
        world, rules, everybody = self.world, self.world.rules, np.arange(self.n)
        odds = world.odds_against[step][:, world.dyad_index]
        alignment = 1 / (1 + odds * np.exp(-rules.alpha_acc * ties.depth))
        alignment[:, everybody, everybody] = 0.0
        own = alignment[world.audience, everybody]
        nats = np.log1p(world.intent_odds[step] * np.exp(-rules.eta_acc * ties.calm))
        hostile = -np.expm1(-np.maximum(nats - np.log1p(np.exp(rules.eta0)), 0.0))
        np.fill_diagonal(hostile, 0.0)
        lent = rules.beta * self._products(hostile, alignment)
        free = 1 - np.maximum(ties.depth, own)
        against = 1 - (1 - hostile) * np.exp(-free * lent)
        np.fill_diagonal(against, 0.0)
        threats = world.offensive * against
        total = threats.sum(axis=1, keepdims=True)
        shared = threats + self._products(threats, alignment)
        firm = np.maximum(1 - shared / np.where(total > 0, total, np.inf), 0.0)
        support = world.reliability[step] * world.projected * firm * (1 - hostile)
        backing = np.maximum(ties.depth, rules.beta * own)
        np.fill_diagonal(backing, 0.0)
        defence = world.capability * (1 + effort) + (backing * support).sum(axis=1)
        balance = total[:, 0] + defence + rules.s0
        base = self._base(step, ties, threats / balance[:, None], hostile)
        bandwagon = against * threats / balance[:, None]
        return View(
            support,
            backing,
            balance,
            total[:, 0] / balance,
            world.trade @ against,
            base + rules.weights["bandwagon"] * bandwagon,
        )

    def _products(self, rows: Floats, alignment: Floats) -> Floats:
        """Each row times the alignments that its state sees, (n, n)."""
        by_audience = [rows @ seen for seen in alignment]
        return np.stack(by_audience)[self.world.audience, np.arange(self.n)]

    def _base(self, step: int, ties: Ties, weighed: Floats, hostile: Floats) -> Floats:
        """Terms of willingness that no kind of agreement changes, (n, n). weighed:
        threats over the balance of the one who sees them."""
        world, w = self.world, self.world.rules.weights
        tied = (ties.depth > 0).astype(float)
        partners, shared = np.log1p(tied.sum(axis=1)), np.log1p(tied @ tied)
        root = np.sqrt(weighed)
        doubt = np.zeros((self.n, self.n))
        for patron in world.patrons:
            both = np.minimum.outer(ties.depth[:, patron], ties.depth[:, patron])
            both[~world.patron_of[:, patron]] = 0.0
            doubt = np.maximum(doubt, both * (1 - world.reliability[step, patron]))
        return (
            w["common_threat"] * (root @ root.T)
            - w["hostility"] * hostile
            - w["similarity"] * world.gap
            + w["joint_democracy"] * world.democracy
            + w["proximity"] * world.proximity
            + w["popularity"] * (partners - partners.mean())
            + w["closure"] * (shared - shared[self.pairs].mean())
            + w["experience"] * np.log1p(ties.record)
            + w["ladder"] * ties.depth
            - w["autonomy"] * (world.autonomy * partners)[:, None]
            + w["hub_doubt"] * doubt
        )

    def consents(self, view: View, who: Ints, whom: Ints, kind: Ints) -> Floats:
        """Chance that `who` consents to an agreement of this kind, row by row."""
        world, w = self.world, self.world.rules.weights
        depth, support = world.ladder.depth[kind], view.support[who, whom]
        added = np.maximum(depth - view.backing[who, whom], 0.0) * support
        share = view.insecurity[who] * added / (view.balance[who] + added)
        gain = np.log(share + world.rules.gain_floor) - self.gain_norm[who, kind]
        willing = (
            view.base[who, whom]
            + world.ladder.intercept[kind]
            + world.propensity[who, kind]
            + w["security_gain"] * gain
            - w["exposure"] * depth * view.exposed[who, whom]
        )
        return 1 / (1 + np.exp(-willing))

    def opened(self, step: int, view: View, luck: np.random.Generator) -> Ints:
        """Talks that both sides consent to within a step: a row (a, b, kind) each."""
        years = (self.days[step + 1] - self.days[step]) / 365.25
        chance = self.world.ladder.ceiling * years
        pair, kind = np.nonzero(luck.random((len(self.pairs[0]), len(chance))) < chance)
        a, b = (side[pair] for side in self.pairs)
        both = self.consents(view, a, b, kind), self.consents(view, b, a, kind)
        agreed = (luck.random((2, len(kind))) < both).all(axis=0)
        return np.column_stack([a, b, kind])[agreed]

    def days_of_talks(self, kind: int, luck: np.random.Generator) -> float:
        """How long talks take."""
        ladder = self.world.ladder
        shape = ladder.talks_shape[kind]
        return float(luck.gamma(shape, ladder.talks_days[kind] / shape))

    def effort(self, step: int, effort: Floats, insecurity: Floats) -> Floats:
        """Efforts at the end of a step: they follow insecurity."""
        rules = self.world.rules
        years = (self.days[step + 1] - self.days[step]) / 365.25
        wanted = rules.effort_reaction * (insecurity - 0.5)
        target = np.clip(wanted, -rules.effort_max, rules.effort_max)
        pace = -np.expm1(-years / rules.effort_years)
        return effort + (target - effort) * pace
