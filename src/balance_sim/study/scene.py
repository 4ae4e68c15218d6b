"""Who plays which part in an event, and what can be read off the states at one moment
of some replications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np

from balance_sim.model import responses, threat
from balance_sim.model.baseline import Worlds, sorted_into
from balance_sim.model.beliefs import alignment_with, members
from balance_sim.model.classes import Classes
from balance_sim.model.core import Baseline, Bools, Floats, Ints, World
from balance_sim.model.perception import View, hostility_toward
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import openness_at, opportunity_rate
from balance_sim.model.willingness import consent, willingness
from balance_sim.study.outcomes import Outcome


@dataclass(frozen=True)
class EventRoles:
    """Who plays which part, of the focal event or of a placebo's. Positions in the
    arrays.

    host, junior (the least capable principal beside the host) and third (the most
    capable other one) are None where there is none. Groups and audiences hold those
    outside the participants."""

    day: float
    participants: tuple[int, ...]
    host: int | None
    junior: int | None
    third: int | None
    threatened: Bools  # (n,)
    direction: Ints  # (P,)
    wars: tuple[tuple[int, int], ...]  # between others than the host
    declared: tuple[
        tuple[int, int, float], ...
    ]  # the host's position between two states, 1 with the first
    war_parties: tuple[int, ...]  # participants at war, without the host
    groups: Mapping[str, Ints]
    audiences: Mapping[str, int]  # name to reading


def roles_of(worlds: Worlds, classes: Classes, day: float) -> EventRoles:
    """The cast that a class table gives in these worlds; groups, audiences and
    positions are the scenario's."""
    world, scenario = worlds.reference, worlds.scenario
    roster = {code: i for i, code in enumerate(world.codes)}
    threatened, direction = sorted_into(world, classes)

    def at(codes: Iterable[str]) -> list[int]:
        return sorted(roster[code] for code in codes if code in roster)

    participants = tuple(at(classes.participants))
    host, junior, third = (
        roster.get(code or "") for code in (classes.host, classes.junior, classes.third)
    )
    fighting = {
        (roster[a], roster[b]) for a, b in classes.wars if a in roster and b in roster
    }
    positions = sorted(
        (dyad.split("-"), position)
        for dyad, position in scenario.report.positions.items()
    )
    known = {
        **scenario.groups,
        **classes.groups,
    }  # a group that is new to the table is the scenario's
    of_group = {
        name: at(known.get(name, (name,))) for name in scenario.report.groups
    } | {"outside": [*range(world.n)]}
    groups = {
        name: np.array([i for i in who if i not in participants])
        for name, who in of_group.items()
    }
    return EventRoles(
        day=day,
        participants=participants,
        host=host,
        junior=junior,
        third=third,
        threatened=threatened,
        direction=direction,
        wars=tuple(sorted(dyad for dyad in fighting if host not in dyad)),
        war_parties=tuple(
            i for i in participants if i != host and any(i in dyad for dyad in fighting)
        ),
        declared=tuple(
            (roster[a], roster[b], position)
            for (a, b), position in positions
            if host not in (roster[a], roster[b])
        ),
        groups={name: who for name, who in groups.items() if len(who)},
        audiences={
            name: int(world.audience[who[0]])
            for name in sorted(scenario.audiences)
            if (who := audience_members(worlds, name, classes))
        },
    )


def audience_members(
    worlds: Worlds, name: str, classes: Classes | None = None
) -> list[int]:
    """Positions of an audience's members as written, or as the scenario has them where
    the audience is new."""
    table, scenario = classes or worlds.classes, worlds.scenario
    roster = {code: i for i, code in enumerate(worlds.reference.codes)}
    who = (
        table.audiences[name]
        if name in table.audiences
        else scenario.audiences[name].members
    )
    return members(who, scenario.groups, roster)


def focal_roles(worlds: Worlds) -> EventRoles:
    """The cast of the scenario's focal event, in the classes and roles of the scenario
    as written."""
    return roles_of(worlds, worlds.classes, worlds.reference.focal_day)


def kept[Told](work_out: Callable[..., Told]) -> Callable[..., Told]:
    """A measure of a scene that is worked out once for each of its arguments, and
    shared: nobody may change it."""

    @wraps(work_out)
    def found(scene: StateMetrics, *of: Any) -> Any:
        key = work_out, *of
        if key not in scene.known:
            scene.known[key] = work_out(scene, *of)
        return scene.known[key]

    return found


class StateMetrics:
    """One view, and what several casts read of it. Good as long as the view. What is
    read is kept by state."""

    def __init__(
        self, world: World, baseline: Baseline, state: BlockState, view: View
    ) -> None:
        self.world, self.baseline, self.state, self.view = world, baseline, state, view
        self.known: dict[object, Any] = {}

    @kept
    def beside(self, k: int) -> Floats:
        """(R, A, n) a_jk: how far each j is thought to stand with k, as each audience
        reads it; a_kk = 1."""
        world, view = self.world, self.view
        others = np.delete(np.arange(world.n), k)
        pairs = world.dyad_index[others, k]
        news = view.announced[:, None, pairs] * world.signature_attention[:, None]
        agreement = world.rules.alpha_acc * view.depth[:, None, others, k] + news
        out = np.ones((len(view.depth), len(world.signature_attention), world.n))
        out[:, :, others] = alignment_with(
            world.odds_against[view.step][:, pairs], agreement
        )
        return out

    def own(self, k: int) -> Floats:
        """(R, n) a_ik as each i reads it."""
        return np.asarray(
            self.beside(k)[:, self.world.audience, np.arange(self.world.n)]
        )

    @kept
    def relation(self, k: int) -> Floats:
        """(R, n) R_ik: how each i sees k."""
        return responses.relations(self.own(k), 1.0 - self.view.unopposed[:, :, k])

    @kept
    def relation_of(self, i: int) -> Floats:
        """(R, n) R_ik: how i sees each k."""
        seen_by_i = self.beside(i)[:, self.world.audience[i]]
        return responses.relations(seen_by_i, 1.0 - self.view.unopposed[:, i])

    @kept
    def hostility(self, k: int) -> Floats:
        """(R, n) L_ik: hostility of k as each i sees it; 0 on itself."""
        return hostility_toward(self.world, self.state, self.view.step, k)

    @kept
    def drawn_in(self, k: int) -> Floats:
        """(R, n) f_ik sum_j h_ij lend_jk: what k would lend to i's other adversaries,
        in nats."""
        unopposed = np.maximum(self.view.unopposed[:, :, k], np.finfo(np.float64).tiny)
        return np.maximum(-np.log(unopposed) - self.hostility(k), 0.0)

    def drawn_in_through(self, k: int, partners: tuple[int, ...]) -> Floats:
        """(R, n) the part of it that comes through some partners."""
        with_k = self.beside(k)[
            :, self.world.audience
        ]  # (R, n, n): i's reading of each j
        parts = [
            self.view.hostility[:, :, j] * self.world.rules.beta * with_k[:, :, j]
            for j in partners
            if j != k
        ]
        return np.asarray(
            threat.unallied(self.view.depth[:, :, k], self.own(k)) * sum(parts)
        )

    @kept
    def credibility(self, a: int, b: int) -> Floats:
        """(R, n) of each state as a mediator between a and b."""
        against = 1.0 - self.view.unopposed
        reach = np.minimum(self.world.reach[a], self.world.reach[b])
        return responses.credibility(
            against[:, a],
            against[:, b],
            self.relation_of(a),
            self.relation_of(b),
            reach,
        )

    def support(self, k: int) -> Floats:
        """(R, n) s_kj: what each j can bring to k's side."""
        view = self.view
        firm = threat.firmness(view.sided[:, k], view.total[:, k, None])
        return threat.support(view.reliable[k], firm, view.hostility[:, k])

    def backing(self, k: int) -> Floats:
        """(R, n) b_kj: the share of it that each j lends."""
        own = self.beside(k)[:, self.world.audience[k]]
        return threat.backing(self.view.depth[:, k], own, self.world.rules.beta)

    @kept
    def influence(self, k: int) -> Floats:
        """(R, n) of each i over k."""
        return responses.influence(
            self.backing(k), self.support(k), self.view.defence[:, k, None]
        )

    def neutrality_gap(
        self, host: int, declared: tuple[tuple[int, int, float], ...]
    ) -> Floats:
        """(R,) mean distance of the host's perceived position between two states from
        the one it declares."""
        gaps = []
        for a, b, position in declared:
            perceived = responses.position(
                self.relation_of(a)[:, host], self.relation_of(b)[:, host]
            )
            gaps.append(responses.neutrality_gap(perceived, position))
        return np.asarray(np.mean(gaps, axis=0))

    @kept
    def room(self, i: int) -> tuple[Floats, Floats]:
        """(R,) i's room for manoeuvre: partners worth having that would agree; and how
        often all who are worth having would, a year."""
        world, view = self.world, self.view
        added = (
            np.maximum(world.ladder.depth - self.backing(i)[..., None], 0.0)
            * self.support(i)[..., None]
        )
        gain = threat.marginal_gain(
            view.insecurity[:, i, None, None], view.balance[:, i, None, None], added
        )
        gain[:, i] = 0.0
        rate = np.zeros(gain.shape)
        run, partner, kind = np.nonzero(gain > responses.ROOM_GAIN)
        asked = Prospects(
            world,
            self.baseline,
            view,
            self.state,
            run,
            partner,
            np.full(len(run), i),
            kind,
        )
        dyad = world.dyad_index[partner, i]
        often = opportunity_rate(world)[dyad, kind] * openness_at(world, view.day)[dyad]
        rate[run, partner, kind] = often * consent(willingness(asked))
        return responses.room(gain, rate).astype(float), rate.max(axis=-1).sum(axis=-1)


def state_metrics(
    scene: StateMetrics, cast: EventRoles, *, apart: bool
) -> dict[Outcome, Floats]:
    """What a scene holds of a cast, (R,) each, by outcome without the window. apart:
    with the parts of hostility."""
    out = {}
    if cast.threatened.any():
        out[Outcome("insecurity", "threatened")] = scene.view.insecurity[
            :, cast.threatened
        ].mean(axis=1)
        out[Outcome("effort", "threatened")] = scene.state.effort[
            :, cast.threatened
        ].mean(axis=1)
    pairs = [(i, j) for i in cast.participants for j in cast.participants if i < j]
    if pairs:
        for name, reading in cast.audiences.items():
            of = np.stack([scene.beside(j)[:, reading, i] for i, j in pairs], axis=1)
            out[Outcome("alignment_participants", name)] = of.mean(axis=1)
    if cast.host is not None:
        out |= metrics_of_host(scene, cast, cast.host, apart=apart)
    return out


def metrics_of_host(
    scene: StateMetrics, cast: EventRoles, host: int, *, apart: bool
) -> dict[Outcome, Floats]:
    """What a scene holds of the cast's host."""
    view = scene.view
    room, agreeing = scene.room(host)
    lent = scene.influence(host).copy()
    lent[:, host] = 0.0
    partners = [i for i in cast.participants if i != host]
    out = {
        Outcome("insecurity_host"): view.insecurity[:, host],
        Outcome("defence", "host"): view.defence[:, host],
        Outcome("room", "host"): room,
        Outcome("room_rate", "host"): agreeing,
        Outcome("dependence", "host"): lent.sum(axis=1),
        Outcome("dependence", "host_partners"): lent[:, partners].sum(axis=1),
    }
    if cast.declared:
        out[Outcome("neutrality_gap", "host")] = scene.neutrality_gap(
            host, cast.declared
        )
    parts = {"relations": scene.relation(host)}
    if apart:
        parts |= {"hostility": scene.hostility(host), "drawn_in": scene.drawn_in(host)}
        if cast.war_parties:
            parts["drawn_in_war"] = scene.drawn_in_through(host, cast.war_parties)
    for name, who in cast.groups.items():
        others = who[who != host]
        if len(others):
            out |= {
                Outcome(part, f"{name}_host"): of[:, others].mean(axis=1)
                for part, of in parts.items()
            }
    if cast.wars:
        of_all = {dyad: scene.credibility(*dyad) for dyad in cast.wars}
        out[Outcome("credibility", "host")] = np.mean(
            [one[:, host] for one in of_all.values()], axis=0
        )
        rivals = [
            np.delete(one, [*dyad, host], axis=1).mean(axis=1)
            for dyad, one in of_all.items()
        ]
        out[Outcome("credibility", "rivals")] = np.mean(rivals, axis=0)
    if cast.junior is not None and cast.third is not None and cast.junior != cast.third:
        over_junior = scene.influence(cast.junior)
        out[Outcome("influence", "host_junior")] = over_junior[:, host]
        out[Outcome("influence", "third_junior")] = over_junior[:, cast.third]
    return out
