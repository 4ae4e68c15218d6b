"""What the terms of willingness read: of prospects, and of the extremes that prospects
can reach.

A prospect is an ego that decides, an alter, an agreement type, in a replication.
Everything is worked out when it is first asked for, and for the prospects at hand
alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from balance_sim.model import beliefs, threat
from balance_sim.model.core import DAYS_PER_YEAR, Baseline, Floats, Ints, World
from balance_sim.model.perception import View, of_run
from balance_sim.model.state import BlockState
from balance_sim.scenario.errors import OneLine

ROWS_AT_ONCE = 1024
"""Rows of the matrix of threat taken together, to stay in the cache; changes no
result."""


@dataclass(frozen=True, repr=False)
class Prospects(OneLine):
    """C prospects as seen by ego, with what the terms read of them. All index arrays
    (C,).

    mirrored: the second half are the first with ego and alter exchanged, as
    `of_both_sides` makes them."""

    world: World
    baseline: Baseline
    view: View
    state: BlockState
    run: Ints
    ego: Ints
    alter: Ints
    kind: Ints
    kinds_each: int = 1  # so many in a row differ in agreement type alone
    mirrored: bool = False

    def with_baseline(self, baseline: Baseline) -> Prospects:
        """The same prospects with another baseline; the gain, on which it has no
        bearing, is not worked out anew."""
        prospects = replace(self, baseline=baseline)
        vars(prospects)["log_gain"] = self.log_gain
        return prospects

    @cached_property
    def dyads(self) -> Prospects:
        """The first of those that differ in agreement type alone."""
        rows = slice(None, None, self.kinds_each)
        moment = self.world, self.baseline, self.view, self.state
        places = self.run[rows], self.ego[rows], self.alter[rows], self.kind[rows]
        return Prospects(*moment, *places, mirrored=self.mirrored)

    @property
    def once(self) -> Prospects:
        """The dyads where types stand in a row, else all: for what no type changes."""
        return self.dyads if self.kinds_each > 1 else self

    def for_types(self, values: Floats) -> Floats:
        """(C,) what is the same for all types of a dyad, from that of `once`."""
        return np.repeat(values, self.kinds_each) if self.kinds_each > 1 else values

    @classmethod
    def of_both_sides(
        cls,
        world: World,
        baseline: Baseline,
        view: View,
        state: BlockState,
        run: Ints,
        dyad: Ints,
        kind: Ints,
    ) -> Prospects:
        """2 C prospects: C dyads as their first states see them, then as their second
        states do.

        What is the same for both sides is then worked out once. `values.reshape(2, C)`
        is by side."""
        first, second = world.first.take(dyad), world.second.take(dyad)
        ego, alter = np.concatenate([first, second]), np.concatenate([second, first])
        places = np.tile(run, 2), ego, alter, np.tile(kind, 2)
        return cls(world, baseline, view, state, *places, mirrored=True)

    def of_one_side(self, places: Ints) -> Ints:
        """Those of the first half where the second mirrors it; else all."""
        return places[: len(places) // 2] if self.mirrored else places

    def for_both_sides(self, values: Floats) -> Floats:
        """(C,) what is the same for both sides, from that of one."""
        return np.tile(values, 2) if self.mirrored else values

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
    def apart_by_kind(self) -> Ints:
        """The same in a flat (n, n, M)."""
        return self.apart * len(self.world.ladder.names) + self.kind

    @cached_property
    def dyad(self) -> Ints:
        """Number of the dyad of ego and alter."""
        return self.world.dyad_index.take(self.apart)

    @cached_property
    def depth(self) -> Floats:
        """Support promised by the agreements in force between the two."""
        depth = self.state.depth.take(self.of_one_side(self.at))
        return self.for_both_sides(depth)

    @cached_property
    def balance(self) -> Floats:
        """Threat, defence and s0 of ego, capability shares."""
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
        world, dyads = self.world, len(self.world.first)
        audience = world.audience[self.ego]
        step, policies = of_run(self.view.step, self.run), world.policies
        announced = self.view.announced.take(self.run * dyads + self.dyad)
        news = announced * world.signature_attention[audience]
        agreement = world.rules.alpha_acc * self.depth + news
        against = world.odds_against.at(step, audience, self.dyad)
        if self.view.said is not None and policies is not None:
            column = policies.dyad_column[self.dyad]
            against = against * self.view.said.against[self.run, audience, column]
        alignment = beliefs.alignment_with(against, agreement)
        return threat.backing(self.depth, alignment, world.rules.beta)

    @cached_property
    def support(self) -> Floats:
        """s_ij: what alter can bring to ego's side."""
        sided, total = self.view.sided.take(self.at), self.view.total.take(self.row)
        firm = threat.firmness(sided, total)
        of_all = self.view.reliable.ndim == 2
        reliable = self.view.reliable.take(self.apart if of_all else self.at)
        return threat.support(reliable, firm, self.hostility)

    @cached_property
    def insecurity(self) -> Floats:
        """Share of the balance against ego."""
        return self.view.insecurity.take(self.row)

    @cached_property
    def log_gain(self) -> Floats:
        """ln(G_ij + floor); G_ij: marginal drop in ego's insecurity, with the support
        that alter brings now."""
        p = self.once
        by_dyad = p.backing, p.support, p.insecurity, p.balance
        backing, support, insecurity, balance = map(self.for_types, by_dyad)
        depth, floor = self.world.ladder.depth[self.kind], self.world.rules.gain_floor
        added = np.maximum(depth - backing, 0.0) * support
        return np.log(threat.marginal_gain(insecurity, balance, added) + floor)

    @cached_property
    def overlap(self) -> Floats:
        """sum_k sqrt(Theta_ik Theta_jk) over the root of both balances: the same for
        both sides, worked out for one."""
        row, other = self.of_one_side(self.row), self.of_one_side(self.other)
        roots, balance = self.view.roots.reshape(-1, self.world.n), self.view.balance
        product = np.empty(len(row))
        for start in range(0, len(product), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            ego_roots = roots.take(row[rows], axis=0)
            alter_roots = roots.take(other[rows], axis=0)
            product[rows] = np.vecdot(ego_roots, alter_roots)
        scale = np.sqrt(balance.take(row) * balance.take(other))
        return self.for_both_sides(threat.over(product, scale))


@dataclass(frozen=True)
class Margins:
    """How far a replication may move from the start before the extremes below no longer
    hold.

    Generous for sixty states in two years. A replication that leaves them goes on with
    every opportunity (`thinning.with_all_of`)."""

    partners: float = 8.0  # gained by one state, accessions left out
    lost: float = 4.0  # partners lost by one state
    agreements: float = 6.0  # signed by one dyad
    signed: float = 24.0  # signed by one state of late
    log_mean: float = 0.3  # fall of a mean of ln(1 + partners), or of shared partners


MARGINS = Margins()
USUAL_STATE_YEARS = 120.0
"""States times years for which `MARGINS` are meant."""


def margins_of(world: World) -> Margins:
    """The margins that fit a world's size and length: who has most partners gains them
    with states and with years."""
    state_years = world.n * float(world.grid[-1]) / DAYS_PER_YEAR
    times = max(state_years / USUAL_STATE_YEARS, 1.0) ** (1 / 3)
    return replace(MARGINS, partners=MARGINS.partners * times)


@dataclass(frozen=True)
class Extremes:
    """The least and the most of what terms read, while a replication keeps within the
    margins.

    Rests on: 0 <= q, h, b, w, depth <= 1; Theta_ij <= c_j o_j p_ij; balance >= c_i + s0
    while effort cannot fall below its bound; partners and shared partners < n;
    experience only grows with the agreements signed. No evidence of an event goes into
    it, so that arms that differ in events alone have the same bounds."""

    world: World
    baseline: Baseline
    margins: Margins = MARGINS

    @cached_property
    def balance(self) -> Floats:
        """(n,) the least balance of threat."""
        rules = self.world.rules
        return self.world.capability * max(1.0 - rules.effort_max, 0.0) + rules.s0

    @cached_property
    def log_gain(self) -> Floats:
        """(n, n, M) the most ln(G + floor): Theta added / ((Theta + c)(Theta + c +
        added)) at its highest."""
        world, balance = self.world, self.balance[:, None, None]
        reliability = np.maximum(world.reliability.max(axis=0), 1.0)
        support = reliability * world.projected
        added = support[:, :, None] * world.ladder.depth
        root = np.sqrt(self.balance)[:, None, None] + np.sqrt(balance + added)
        return np.log(threat.over(added, root**2) + world.rules.gain_floor)

    @cached_property
    def overlap(self) -> Floats:
        """(n, n) the most overlap of two states' threats."""
        total = self.world.offensive.sum(axis=1)
        insecure = threat.over(total, total + self.balance)
        return np.sqrt(insecure[:, None] * insecure)

    @cached_property
    def log_active(self) -> tuple[Floats, Floats]:
        """(n,) ln(1 + what a state signed of late)."""
        world, half_life = self.world, self.world.rules.activity_half_life_days
        at_end = world.active * 2.0 ** (-world.grid[-1] / half_life)
        return np.log1p(at_end), np.log1p(world.active + self.margins.signed)

    @property
    def gained(self) -> Floats:
        """(n,) the most partners that a state gains, those of pacts that it or others
        join among them."""
        pacts = self.world.pacts
        joined = np.zeros(self.world.n) if pacts is None else pacts.joinable
        return self.margins.partners + joined

    @cached_property
    def log_partners(self) -> tuple[Floats, Floats]:
        """(n,) ln(1 + partners)."""
        partners, others = self.baseline.partners, float(self.world.n - 1)
        fewest = np.maximum(partners - self.margins.lost, 0.0)
        largest = np.minimum(partners + self.gained, others)
        return np.log1p(fewest), np.log1p(largest)

    @cached_property
    def log_shared(self) -> Floats:
        """(n, n) the most ln(1 + shared partners)."""
        gained = self.gained
        largest = self.baseline.shared + (gained[:, None] + gained)
        return np.log1p(np.minimum(largest, float(self.world.n - 1)))

    @cached_property
    def experience(self) -> Floats:
        """(n, n) the most share of what a state signed that it signed with one
        other."""
        world, margin = self.world, self.margins.agreements
        at_start = np.zeros((world.n, world.n))
        at_start[world.first, world.second] = world.experience
        at_start[world.second, world.first] = world.experience
        with_others = np.maximum(world.engaged[:, None] - at_start, 0.0)
        return np.asarray((at_start + margin) / (1.0 + at_start + margin + with_others))
