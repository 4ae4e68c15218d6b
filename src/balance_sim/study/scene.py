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
from balance_sim.model.perception import View, hostility_toward, odds_against
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import drawn_rate, openness_at, opportunity_rate
from balance_sim.model.willingness import consent, willingness
from balance_sim.study.outcomes import Outcome


@dataclass(frozen=True)
class EventRoles:
    """Who plays which part, of the focal event or of a placebo's. Positions in the
    arrays.

    Attributes
    ----------
    day : float
        of the event, from the scenario's start
    host : int or None
    junior, third : int or None
        the least capable principal beside the host, and the most capable other one
    threatened : (n,)
        which states the participants threaten
    direction : (P,)
        class of each dyad
    wars : tuple of (int, int)
        between others than the host
    declared : tuple of (int, int, float)
        the host's position between two states, 1 with the first
    war_parties : tuple of int
        participants at war, without the host
    groups, audiences : mapping
        by name, those outside the participants; and the reading of an audience
    """

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
    """The roles that a class table fixes in these worlds.

    Parameters
    ----------
    worlds : Worlds
        compiled arms
    classes : Classes
        of the focal event, or of a placebo with other participants
    day : float
        of the event, from the scenario's start

    Returns
    -------
    EventRoles
        positions in the order of the arrays; groups, audiences and positions between
        disputants are the scenario's
    """
    world, scenario = worlds.reference, worlds.scenario
    roster = {code: i for i, code in enumerate(world.codes)}
    threatened, direction = sorted_into(world, classes)

    def positions(codes: Iterable[str]) -> list[int]:
        return sorted(roster[code] for code in codes if code in roster)

    participants = tuple(positions(classes.participants))
    host = roster.get(classes.host or "")
    wars = {
        (roster[a], roster[b]) for a, b in classes.wars if a in roster and b in roster
    }
    at_war = {state for war in wars for state in war}
    partners_at_war = [i for i in participants if i != host and i in at_war]
    declared = []
    for dyad, position in sorted(scenario.report.positions.items()):
        codes = dyad.split("-")
        first, second = roster[codes[0]], roster[codes[1]]
        if host not in (first, second):
            declared.append((first, second, position))
    # a group that is new to the table is the scenario's
    members_by_name = {**scenario.groups, **classes.groups, "outside": world.codes}
    groups = {}
    for name in (*scenario.report.groups, "outside"):
        inside = positions(members_by_name.get(name, (name,)))
        others = [i for i in inside if i not in participants]
        if others:
            groups[name] = np.array(others)
    audiences = {}
    for name in sorted(scenario.audiences):
        states = audience_members(worlds, name, classes)
        if states:
            audiences[name] = int(world.audience[states[0]])
    return EventRoles(
        day=day,
        participants=participants,
        host=host,
        junior=roster.get(classes.junior or ""),
        third=roster.get(classes.third or ""),
        threatened=threatened,
        direction=direction,
        wars=tuple(sorted(war for war in wars if host not in war)),
        war_parties=tuple(partners_at_war),
        declared=tuple(declared),
        groups=groups,
        audiences=audiences,
    )


def audience_members(
    worlds: Worlds, name: str, classes: Classes | None = None
) -> list[int]:
    """Positions of an audience's members as written, or as the scenario has them where
    the audience is new."""
    table, scenario = classes or worlds.classes, worlds.scenario
    roster = {code: i for i, code in enumerate(worlds.reference.codes)}
    if name in table.audiences:
        return members(table.audiences[name], scenario.groups, roster)
    return members(scenario.audiences[name].members, scenario.groups, roster)


def focal_roles(worlds: Worlds) -> EventRoles:
    """The cast of the scenario's focal event, in the classes and roles of the scenario
    as written."""
    return roles_of(worlds, worlds.classes, worlds.reference.focal_day)


def remembered[Values](measure: Callable[..., Values]) -> Callable[..., Values]:
    """A measure of a scene that is worked out once for each of its arguments, and
    shared: nobody may change it."""

    @wraps(measure)
    def once(scene: StateMetrics, *arguments: Any) -> Any:
        key = measure, *arguments
        if key not in scene.values:
            scene.values[key] = measure(scene, *arguments)
        return scene.values[key]

    return once


class StateMetrics:
    """One view, and what several roles read of it. Good as long as the view. What is
    read is remembered by state."""

    def __init__(
        self, world: World, baseline: Baseline, state: BlockState, view: View
    ) -> None:
        self.world, self.baseline, self.state, self.view = world, baseline, state, view
        self.values: dict[object, Any] = {}

    @remembered
    def beside(self, k: int) -> Floats:
        """(R, A, n) a_jk: how far each j is thought to stand with k, as each audience
        reads it; a_kk = 1."""
        world, view = self.world, self.view
        dyads, attention = world.dyad_index[:, k], world.signature_attention
        news = view.announced[:, None, dyads] * attention[:, None]
        agreement = world.rules.alpha_acc * view.depth[:, None, :, k] + news
        against = odds_against(world, view.step, view.said)[..., dyads]
        alignment = alignment_with(against, agreement)
        alignment[:, :, k] = 1.0  # for which there is no dyad
        return alignment

    def own(self, k: int) -> Floats:
        """(R, n) a_ik as each i reads it."""
        states = np.arange(self.world.n)
        return np.asarray(self.beside(k)[:, self.world.audience, states])

    @remembered
    def relation(self, k: int) -> Floats:
        """(R, n) R_ik: how each i sees k."""
        return responses.relations(self.own(k), 1.0 - self.view.unopposed[:, :, k])

    @remembered
    def relation_of(self, i: int) -> Floats:
        """(R, n) R_ik: how i sees each k."""
        seen_by_i = self.beside(i)[:, self.world.audience[i]]
        return responses.relations(seen_by_i, 1.0 - self.view.unopposed[:, i])

    def mutual_relations(self) -> Floats:
        """(R, P) (R_ij + R_ji) / 2 of all dyads, in the order of the upper triangle."""
        world, view, n = self.world, self.view, self.world.n
        rows, columns = np.triu_indices(n, 1)
        dyads = world.dyad_index[rows, columns]
        odds = odds_against(world, view.step, view.said)
        depth, unopposed = (
            matrices.reshape(len(matrices), -1)
            for matrices in (view.depth, view.unopposed)
        )
        from_agreements = world.rules.alpha_acc * depth.take(rows * n + columns, axis=1)
        announced, both_ways = view.announced.take(dyads, axis=1), []
        for i, j in ((rows, columns), (columns, rows)):
            audience = world.audience[i]
            news = announced * world.signature_attention[audience]
            against = odds[..., audience, dyads]
            alignment = alignment_with(against, from_agreements + news)
            opposed = 1.0 - unopposed.take(i * n + j, axis=1)
            both_ways.append(responses.relations(alignment, opposed))
        return responses.mutual(*both_ways)

    @remembered
    def hostility(self, k: int) -> Floats:
        """(R, n) L_ik: hostility of k as each i sees it; 0 on itself."""
        return hostility_toward(self.world, self.state, self.view.step, k)

    @remembered
    def drawn_in(self, k: int) -> Floats:
        """(R, n) f_ik sum_j h_ij lend_jk: what k would lend to i's other adversaries,
        in nats."""
        unopposed = np.maximum(self.view.unopposed[:, :, k], np.finfo(np.float64).tiny)
        return np.maximum(-np.log(unopposed) - self.hostility(k), 0.0)

    def drawn_in_through(self, k: int, partners: tuple[int, ...]) -> Floats:
        """(R, n) the part of it that comes through some partners."""
        view, beta = self.view, self.world.rules.beta
        with_k = self.beside(k)[:, self.world.audience]  # (R, n, n): i's reading of j
        lent = [
            view.hostility[:, :, j] * beta * with_k[:, :, j] for j in partners if j != k
        ]
        free = threat.unallied(view.depth[:, :, k], self.own(k))
        return np.asarray(free * sum(lent))

    @remembered
    def credibility(self, a: int, b: int) -> Floats:
        """(R, n) of each state as a mediator between a and b."""
        against_a, against_b = (1.0 - self.view.unopposed[:, side] for side in (a, b))
        relation_a, relation_b = self.relation_of(a), self.relation_of(b)
        reach = np.minimum(self.world.reach[a], self.world.reach[b])
        return responses.credibility(
            against_a, against_b, relation_a, relation_b, reach
        )

    def support(self, k: int) -> Floats:
        """(R, n) s_kj: what each j can bring to k's side."""
        view = self.view
        firm = threat.firmness(view.sided[:, k], view.total[:, k, None])
        return threat.support(view.reliable[k], firm, view.hostility[:, k])

    def backing(self, k: int) -> Floats:
        """(R, n) b_kj: the share of it that each j lends."""
        alignment = self.beside(k)[:, self.world.audience[k]]
        return threat.backing(self.view.depth[:, k], alignment, self.world.rules.beta)

    @remembered
    def influence(self, k: int) -> Floats:
        """(R, n) of each i over k."""
        defence = self.view.defence[:, k, None]
        return responses.influence(self.backing(k), self.support(k), defence)

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

    @remembered
    def room(self, i: int) -> tuple[Floats, Floats]:
        """(R,) i's room for manoeuvre: partners worth having that would agree; and how
        often all who are worth having would, a year."""
        world, view = self.world, self.view
        backing, support = self.backing(i)[..., None], self.support(i)[..., None]
        added = np.maximum(world.ladder.depth - backing, 0.0) * support
        insecurity = view.insecurity[:, i, None, None]
        gain = threat.marginal_gain(insecurity, view.balance[:, i, None, None], added)
        gain[:, i] = 0.0
        run, partner, kind = np.nonzero(gain > responses.ROOM_GAIN)
        moment = world, self.baseline, view, self.state
        prospects = Prospects(*moment, run, partner, np.full(len(run), i), kind)
        dyad = world.dyad_index[partner, i]
        openness = openness_at(world, view.day)[dyad]
        drawn = np.broadcast_to(drawn_rate(world), len(gain))[run]
        opportunities = opportunity_rate(world)[dyad, kind] * openness * drawn
        rate = np.zeros((gain.shape[-1], *gain.shape[:-1]))
        rate[kind, run, partner] = opportunities * consent(willingness(prospects))
        partners = responses.room(gain, np.moveaxis(rate, 0, -1)).astype(float)
        return partners, rate.max(axis=0).sum(axis=-1)


def state_metrics(
    scene: StateMetrics, cast: EventRoles, *, apart: bool
) -> dict[Outcome, Floats]:
    """What a scene holds of an event's roles, (R,) each.

    Parameters
    ----------
    scene : StateMetrics
        one moment of R replications of one arm
    cast : EventRoles
        of the focal event, or of a placebo
    apart : bool
        with the parts of hostility: the host's own, and what it would lend others

    Returns
    -------
    dict
        by outcome, without the window; what a scenario lacks (a host, threatened
        states, wars) has no entry
    """
    metrics = {}
    threatened = cast.threatened
    if threatened.any():
        insecurity = scene.view.insecurity[:, threatened]
        effort = scene.state.effort[:, threatened]
        metrics[Outcome("insecurity", "threatened")] = insecurity.mean(axis=1)
        metrics[Outcome("effort", "threatened")] = effort.mean(axis=1)
    dyads = [(i, j) for i in cast.participants for j in cast.participants if i < j]
    if dyads:
        for name, reading in cast.audiences.items():
            alignment = [scene.beside(j)[:, reading, i] for i, j in dyads]
            mean = np.stack(alignment, axis=1).mean(axis=1)
            metrics[Outcome("alignment_participants", name)] = mean
    if cast.host is not None:
        metrics |= metrics_of_host(scene, cast, cast.host, apart=apart)
    return metrics


def metrics_of_host(
    scene: StateMetrics, cast: EventRoles, host: int, *, apart: bool
) -> dict[Outcome, Floats]:
    """What a scene holds of the event's host, (R,) each by outcome, without the
    window: insecurity, defence, dependence, influence, and others' relations to it.
    What a scenario lacks (wars, declared positions) has no entry."""
    view = scene.view
    room, agreeing = scene.room(host)
    lent = scene.influence(host).copy()
    lent[:, host] = 0.0
    partners = [i for i in cast.participants if i != host]
    metrics = {
        Outcome("insecurity_host"): view.insecurity[:, host],
        Outcome("defence", "host"): view.defence[:, host],
        Outcome("room", "host"): room,
        Outcome("room_rate", "host"): agreeing,
        Outcome("dependence", "host"): lent.sum(axis=1),
        Outcome("dependence", "host_partners"): lent[:, partners].sum(axis=1),
    }
    if cast.declared:
        gap = scene.neutrality_gap(host, cast.declared)
        metrics[Outcome("neutrality_gap", "host")] = gap
    by_state = {"relations": scene.relation(host)}
    if apart:
        by_state["hostility"] = scene.hostility(host)
        by_state["drawn_in"] = scene.drawn_in(host)
        if cast.war_parties:
            by_state["drawn_in_war"] = scene.drawn_in_through(host, cast.war_parties)
    for name, states in cast.groups.items():
        others = states[states != host]
        if len(others):
            for measure, values in by_state.items():
                total = values[:, others].sum(axis=1)
                metrics[Outcome(measure, f"{name}_host")] = total / len(others)
    if cast.wars:
        of_host, of_rivals = [], []
        for war in cast.wars:
            credibility = scene.credibility(*war)
            rivals = np.delete(credibility, [*war, host], axis=1)
            of_host.append(credibility[:, host])
            of_rivals.append(rivals.mean(axis=1))
        metrics[Outcome("credibility", "host")] = np.mean(of_host, axis=0)
        metrics[Outcome("credibility", "rivals")] = np.mean(of_rivals, axis=0)
    if cast.junior is not None and cast.third is not None and cast.junior != cast.third:
        influence = scene.influence(cast.junior)
        metrics[Outcome("influence", "host_junior")] = influence[:, host]
        metrics[Outcome("influence", "third_junior")] = influence[:, cast.third]
    return metrics
