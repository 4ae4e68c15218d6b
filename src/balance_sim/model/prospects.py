"""What the terms of willingness read: of prospects, and of the extremes that prospects
can reach.

A prospect is an ego that decides, an alter, an agreement type, in a replication.
Everything is worked out when it is first asked for, and for the prospects at hand
alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from balance_sim.model import beliefs, threat
from balance_sim.model.core import Baseline, Floats, Ints, World
from balance_sim.model.perception import View
from balance_sim.model.state import BlockState

ROWS_AT_ONCE = 1024  # rows of the matrix of threat taken together, to stay in the cache; changes no result


@dataclass(frozen=True)
class Prospects:
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
        i, j = world.first.take(dyad), world.second.take(dyad)
        run, ego, alter, kind = (
            np.tile(run, 2),
            np.concatenate([i, j]),
            np.concatenate([j, i]),
            np.tile(kind, 2),
        )
        return cls(world, baseline, view, state, run, ego, alter, kind, mirrored=True)

    @property
    def one_side(self) -> Prospects:
        """The first half where the second mirrors it; else all of them. Not kept: it
        would hold itself in memory."""
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
    def dyad(self) -> Ints:
        return self.world.dyad_index.take(self.apart)

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
        world, dyad = self.world, self.dyad
        reading, size = world.audience[self.ego], len(world.first)
        odds = world.odds_against[self.view.step]  # (A, P), or (R, A, P)
        place = reading * size + dyad
        against = odds.take(
            place if odds.ndim == 2 else self.run * odds[0].size + place
        )
        news = (
            self.view.announced.take(self.run * size + dyad)
            * world.signature_attention[reading]
        )
        own = beliefs.alignment_with(against, world.rules.alpha_acc * self.depth + news)
        return threat.backing(self.depth, own, world.rules.beta)

    @cached_property
    def support(self) -> Floats:
        """s_ij: what alter can bring to ego's side."""
        firm = threat.firmness(
            self.view.sided.take(self.at), self.view.total.take(self.row)
        )
        reliable = self.view.reliable  # (n, n), or (R, n, n)
        return threat.support(
            reliable.take(self.apart if reliable.ndim == 2 else self.at),
            firm,
            self.hostility,
        )

    @cached_property
    def insecurity(self) -> Floats:
        return self.view.insecurity.take(self.row)

    def fading(self, half_life_days: float) -> Floats:
        """What is left of what fades with such a half-life, since day 0: a number, or
        (C,)."""
        left = self.view.left(half_life_days)
        return left.take(self.run) if left.ndim else left

    @cached_property
    def log_gain(self) -> Floats:
        """ln(G_ij + floor); G_ij: marginal drop in ego's insecurity, with the support
        that alter brings now."""
        one, each = (self.dyads, self.kinds_each) if self.kinds_each > 1 else (self, 1)
        backing, support, insecurity, balance = (
            np.repeat(of, each) if each > 1 else of
            for of in (one.backing, one.support, one.insecurity, one.balance)
        )
        added = np.maximum(self.world.ladder.depth[self.kind] - backing, 0.0) * support
        return np.log(
            threat.marginal_gain(insecurity, balance, added)
            + self.world.rules.gain_floor
        )

    @cached_property
    def overlap(self) -> Floats:
        """sum_k sqrt(Theta_ik Theta_jk) over the root of both balances: the same for
        both sides, worked out for one."""
        one = self.one_side
        roots, both = self.view.roots.reshape(-1, self.world.n), np.empty(len(one.row))
        for first in range(0, len(both), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            both[some] = np.vecdot(
                roots.take(one.row[some], axis=0), roots.take(one.other[some], axis=0)
            )
        overlap = threat.over(
            both, np.sqrt(one.balance * self.view.balance.take(one.other))
        )
        return overlap if one is self else np.tile(overlap, 2)

    @cached_property
    def talks(self) -> Floats:
        """Talks that ego has under way, of whatever kind and with whomever."""
        world, made = self.world, self.state.agreements
        rows = np.flatnonzero(made.stage == 0)
        run, dyad = made.run.take(rows) * world.n, made.dyad.take(rows)
        sides = np.concatenate(
            [run + world.first.take(dyad), run + world.second.take(dyad)]
        )
        return (
            np.bincount(sides, minlength=len(self.state.runs) * world.n)
            .take(self.row)
            .astype(float)
        )

    @cached_property
    def replies(self) -> Floats:
        """(R, n, n, M) rise of the row's insecurity a year by the reply to an agreement
        of a kind with the column.

        R_x(kl, m) is the rise of x's insecurity by an agreement of k and l. k signs
        s_klm of them a year (`Baseline.signs`), which take V_ki = sum_lm s_klm R_i(kl,
        m) from i. To an agreement of i and j each k replies with as much of what it
        signs in a year as its insecurity rises by: sum_k R_k(ij, m) V_ki."""
        world, n, runs = self.world, self.world.n, len(self.view.depth)
        kinds = np.union1d(
            self.kind, np.flatnonzero(self.baseline.signs.any(axis=0))
        )  # asked for, or signed
        signs = np.zeros((n, n, len(kinds)))
        signs[world.first, world.second] = signs[world.second, world.first] = (
            self.baseline.signs[:, kinds]
        )
        brought, total = np.empty((runs, n, n)), np.zeros((runs, *signs.shape))
        for x in range(n):
            brought[:, :, x] = np.vecdot(
                signs.reshape(n, -1), self.rises(x, kinds).reshape(runs, n, -1)
            )
        for x in range(n):
            total += self.rises(x, kinds) * brought[:, x, :, None, None]
        out = np.zeros((runs, n, n, len(world.ladder.names)))
        out[..., kinds] = total
        return out

    def rises(self, x: int, kinds: Ints) -> Floats:
        """(R, n, n, kinds) rise of state x's insecurity by an agreement of each kind
        between any two others.

        As x sees it the two stand closer together once it is in force, by alpha_acc
        (depth_m - depth_kl)^+ nats, and each lends the other's quarrels beta times as
        much more: Theta_x rises, and g_x with it; 0 of x's own. The agreement's other
        consequences are left out."""
        view, world, rules = self.view, self.world, self.world.rules
        now = view.alignment[:, world.audience[x], ..., None]
        deeper = np.maximum(world.ladder.depth[kinds] - view.depth[..., None], 0.0)
        more = rules.beta * (beliefs.closer(now, rules.alpha_acc * deeper) - now)
        more[:, np.arange(world.n), np.arange(world.n)] = 0.0
        apart, free = (
            part[:, x, None, :, None] for part in (view.unopposed, view.free)
        )
        hostile = view.hostility[:, x, :, None, None]
        one = threat.raised(
            world.offensive[x][:, None], apart, free, hostile, more
        )  # the column lends to the row
        insecure, balance = (
            part[:, x, None, None, None] for part in (view.insecurity, view.balance)
        )
        return threat.marginal_loss(insecure, balance, one + one.swapaxes(1, 2))


@dataclass(frozen=True)
class Margins:
    """How far a replication may move from the start before the extremes below no longer
    hold.

    Generous for a year or two. The engine watches them, and simulates a block again
    with every opportunity where a replication leaves them (`BoundExceeded`)."""

    partners: float = 8.0  # gained by one state
    lost: float = 4.0  # partners lost by one state
    agreements: float = 6.0  # signed by one dyad
    signed: float = 24.0  # signed by one state
    log_mean: float = 0.3  # fall of a mean of ln(1 + partners), or of shared partners


MARGINS = Margins()


@dataclass(frozen=True)
class Extremes:
    """The least and the most of what terms read, while a replication keeps within the
    margins.

    Rests on: 0 <= q, h, b, w, depth <= 1; Theta_ij <= c_j o_j p_ij; balance >= c_i + s0
    while effort cannot fall below its bound; partners and shared partners < n;
    experience only grows with the agreements signed. No evidence of an event goes into
    it, so that arms that differ in events alone have the same bounds. shares: of terms'
    change since the start, where a replication has drawn its own."""

    world: World
    baseline: Baseline
    margins: Margins = MARGINS
    shares: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def balance(self) -> Floats:
        """(n,) the least balance of threat."""
        return (
            self.world.capability * max(1.0 - self.world.rules.effort_max, 0.0)
            + self.world.rules.s0
        )

    @cached_property
    def log_gain(self) -> Floats:
        """(n, n, M) the most ln(G + floor): Theta added / ((Theta + c)(Theta + c +
        added)) at its highest."""
        support = (
            np.maximum(self.world.reliability.max(axis=0), 1.0) * self.world.projected
        )
        added = support[:, :, None] * self.world.ladder.depth
        root = np.sqrt(self.balance)[:, None, None] + np.sqrt(
            self.balance[:, None, None] + added
        )
        return np.log(threat.over(added, root**2) + self.world.rules.gain_floor)

    @cached_property
    def overlap(self) -> Floats:
        """(n, n) the most overlap of two states' threats."""
        total = self.world.offensive.sum(axis=1)
        insecure = threat.over(total, total + self.balance)
        return np.sqrt(insecure[:, None] * insecure)

    @cached_property
    def log_active(self) -> tuple[Floats, Floats]:
        """(n,) ln(1 + what a state signed of late)."""
        last = 2.0 ** (-self.world.grid[-1] / self.world.rules.activity_half_life_days)
        return np.log1p(self.world.active * last), np.log1p(
            self.world.active + self.margins.signed
        )

    @cached_property
    def log_partners(self) -> tuple[Floats, Floats]:
        """(n,) ln(1 + partners)."""
        now, crowd = self.baseline.partners, float(self.world.n - 1)
        fewest, most = (
            np.maximum(now - self.margins.lost, 0.0),
            np.minimum(now + self.margins.partners, crowd),
        )
        return np.log1p(fewest), np.log1p(most)

    @cached_property
    def log_shared(self) -> Floats:
        """(n, n) the most ln(1 + shared partners)."""
        most = np.minimum(
            self.baseline.shared + 2 * self.margins.partners, float(self.world.n - 1)
        )
        return np.log1p(most)

    @cached_property
    def experience(self) -> Floats:
        """(n, n) the most share of what a state signed that it signed with one
        other."""
        world, begun = self.world, np.zeros((self.world.n, self.world.n))
        begun[world.first, world.second] = begun[world.second, world.first] = (
            world.experience
        )
        others, more = (
            np.maximum(world.engaged[:, None] - begun, 0.0),
            begun + self.margins.agreements,
        )
        return np.asarray(more / (1.0 + begun + self.margins.agreements + others))
