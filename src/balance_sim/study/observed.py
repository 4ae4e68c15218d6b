"""What is read off the states themselves in a run: relations, credibility, influence, stances, by window.

A `Watch` looks at the engine's view at a few dates, the ends of the report's windows, and keeps a number
a run. It changes nothing. Windows count from the day of the cast's event; a window that the scenario's end
cuts off is missing. Columns are rounded to 12 decimals, so that they do not depend on how runs are cut into
blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.model import responses, threat
from balance_sim.model.baseline import Worlds
from balance_sim.model.beliefs import alignment_with
from balance_sim.model.core import DIRECTIONS, Accords, Baseline, State, View, World
from balance_sim.model.news import members
from balance_sim.model.perception import hostility_toward
from balance_sim.model.willingness import Prospects, consent, willingness
from balance_sim.scenario.schema import Event
from balance_sim.study.outcomes import is_new

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Observe = Callable[[World, State, View], None]

AT_WAR = 0.5
"""Intensity of a dispute's war from which its two states count as being at war."""


@dataclass(frozen=True)
class Cast:
    """Who plays which part, of the focal event or of a placebo's. Positions in the arrays.

    host, junior (the least capable principal beside the host) and third (the most capable other one) are None
    where there is none. Groups and audiences hold those outside the participants."""

    day: float
    participants: tuple[int, ...]
    host: int | None
    junior: int | None
    third: int | None
    threatened: Bools  # (n,)
    direction: Ints  # (P,)
    wars: tuple[tuple[int, int], ...]  # between others than the host
    declared: tuple[tuple[int, int, float], ...]  # the host's position between two states, 1 with the first
    war_parties: tuple[int, ...]  # participants at war, without the host
    groups: Mapping[str, Ints]
    audiences: Mapping[str, int]  # name to reading


def cast_of(worlds: Worlds, event: Event, day: float, threatened: Bools, direction: Ints) -> Cast:
    """The cast of an event: its principals as participants."""
    world, scenario = worlds.reference, worlds.scenario
    roster = {code: i for i, code in enumerate(world.codes)}
    participants = tuple(members(event.principals, scenario.groups, roster))
    host = roster.get(event.host) if event.host is not None else None
    beside = sorted((world.capability[i], i) for i in participants if i != host)
    fighting = {(roster[row.a], roster[row.b]) for row in scenario.disputes if row.war >= AT_WAR}
    groups = {
        name: np.array([i for i in members([name], scenario.groups, roster) if i not in participants])
        for name in scenario.report.groups
    }
    groups["outside"] = np.array([i for i in range(world.n) if i not in participants])
    return Cast(
        day=day,
        participants=participants,
        host=host,
        junior=beside[0][1] if len(beside) > 1 else None,
        third=beside[-1][1] if len(beside) > 1 else None,
        threatened=threatened,
        direction=direction,
        wars=tuple(sorted(pair for pair in fighting if host not in pair)),
        war_parties=tuple(i for i in participants if i != host and any(i in pair for pair in fighting)),
        declared=tuple(
            (roster[a], roster[b], position)
            for (a, b), position in sorted(
                (pair.split("-"), at) for pair, at in scenario.report.positions.items()
            )
            if roster[a] != host and roster[b] != host
        ),
        groups={name: who for name, who in groups.items() if len(who)},
        audiences={
            name: int(world.audience[who[0]])
            for name, audience in sorted(scenario.audiences.items())
            if (who := members(audience.members, scenario.groups, roster))
        },
    )


def focal_cast(worlds: Worlds) -> Cast:
    """The cast of the scenario's focal event, with the classes that were fixed from the reference arm."""
    focal = next(event for event in worlds.scenario.events if event.id == worlds.scenario.focal)
    baseline = worlds.baseline
    return cast_of(worlds, focal, worlds.reference.focal_day, baseline.threatened, baseline.direction)


class Scene:
    """One view, and what several casts read of it. Good as long as the view. Columns are kept by state."""

    def __init__(self, world: World, baseline: Baseline, state: State, view: View) -> None:
        self.world, self.baseline, self.state, self.view = world, baseline, state, view
        self._beside: dict[int, Floats] = {}

    def beside(self, k: int) -> Floats:
        """(R, A, n) a_jk: how far each j is thought to stand with k, as each audience reads it; a_kk = 1."""
        if k not in self._beside:
            world, view = self.world, self.view
            others = np.delete(np.arange(world.n), k)
            pairs = world.pair_index[others, k]
            news = view.announced[:, None, pairs] * world.signature_attention[:, None]
            accord = world.rules.alpha_acc * view.depth[:, None, others, k] + news
            out = np.ones((len(view.depth), len(world.signature_attention), world.n))
            out[:, :, others] = alignment_with(world.odds_against[view.step][:, pairs], accord)
            self._beside[k] = out
        return self._beside[k]

    def own(self, k: int) -> Floats:
        """(R, n) a_ik as each i reads it."""
        return np.asarray(self.beside(k)[:, self.world.audience, np.arange(self.world.n)])

    def relation(self, k: int) -> Floats:
        """(R, n) R_ik: how each i sees k."""
        return responses.relations(self.own(k), 1.0 - self.view.unopposed[:, :, k])

    def relation_of(self, i: int) -> Floats:
        """(R, n) R_ik: how i sees each k."""
        seen_by_i = self.beside(i)[:, self.world.audience[i]]
        return responses.relations(seen_by_i, 1.0 - self.view.unopposed[:, i])

    def hostility(self, k: int) -> Floats:
        """(R, n) L_ik: hostility of k as each i sees it; 0 on itself."""
        return hostility_toward(self.world, self.state, self.view.step, k)

    def drawn_in(self, k: int) -> Floats:
        """(R, n) (1 - a_ik) sum_j L_ij a_jk: what reaches k through its partners."""
        return np.maximum(-np.log(self.view.unopposed[:, :, k]) - self.hostility(k), 0.0)

    def drawn_in_through(self, k: int, partners: tuple[int, ...]) -> Floats:
        """(R, n) the part of it that comes through some partners."""
        with_k = self.beside(k)[:, self.world.audience]  # (R, n, n): i's reading of each j
        parts = [self.hostility(j) * with_k[:, :, j] for j in partners]
        return np.asarray((1.0 - self.own(k)) * sum(parts))

    def credibility(self, a: int, b: int) -> Floats:
        """(R, n) of each state as a mediator between a and b."""
        against, reach = 1.0 - self.view.unopposed, self.world.reach
        return responses.credibility(
            against[:, a],
            against[:, b],
            self.relation_of(a),
            self.relation_of(b),
            np.minimum(reach[a], reach[b]),
        )

    def support(self, k: int) -> Floats:
        """(R, n) s_kj: what each j can bring to k's side."""
        view = self.view
        firm = threat.firmness(view.sided[:, k], view.total[:, k, None])
        return threat.support(view.reliable[k], firm, view.unopposed[:, k])

    def backing(self, k: int) -> Floats:
        """(R, n) b_kj: the share of it that each j lends."""
        own = self.beside(k)[:, self.world.audience[k]]
        return threat.backing(self.view.depth[:, k], own, self.world.rules.beta)

    def influence(self, k: int) -> Floats:
        """(R, n) of each i over k."""
        return responses.influence(self.backing(k), self.support(k), self.view.defence[:, k, None])

    def neutrality_gap(self, host: int, declared: tuple[tuple[int, int, float], ...]) -> Floats:
        """(R,) mean distance of the host's perceived position between two states from the one it declares."""
        gaps = [
            responses.neutrality_gap(
                responses.position(self.relation_of(a)[:, host], self.relation_of(b)[:, host]), position
            )
            for a, b, position in declared
        ]
        return np.asarray(np.mean(gaps, axis=0))

    def room(self, i: int) -> tuple[Floats, Floats]:
        """(R,) i's room for manoeuvre: partners worth having that would agree; and how often all who are
        worth having would, a year."""
        world, view = self.world, self.view
        added = np.maximum(world.ladder.depth - self.backing(i)[..., None], 0.0) * self.support(i)[..., None]
        gain = threat.marginal_gain(view.insecurity[:, i, None, None], view.balance[:, i, None, None], added)
        gain[:, i] = 0.0
        rate = np.zeros(gain.shape)
        run, partner, kind = np.nonzero(gain > responses.ROOM_GAIN)
        asked = Prospects(world, self.baseline, view, self.state, run, partner, np.full(len(run), i), kind)
        rate[run, partner, kind] = world.ladder.ceiling[kind] * consent(willingness(asked))
        return responses.room(gain, rate).astype(float), rate.max(axis=-1).sum(axis=-1)


def seen(scene: Scene, cast: Cast, *, apart: bool) -> dict[str, Floats]:
    """What a scene holds of a cast, (R,) each, by name without the window.

    apart: with the parts of hostility."""
    view, out = scene.view, {}
    if cast.threatened.any():
        out["insecurity_threatened"] = view.insecurity[:, cast.threatened].mean(axis=1)
        out["effort_threatened"] = scene.state.effort[:, cast.threatened].mean(axis=1)
    pairs = [(i, j) for i in cast.participants for j in cast.participants if i < j]
    if pairs:
        for name, reading in cast.audiences.items():
            of = np.stack([scene.beside(j)[:, reading, i] for i, j in pairs], axis=1)
            out[f"alignment_participants_{name}"] = of.mean(axis=1)
    if cast.host is not None:
        out |= seen_of_host(scene, cast, cast.host, apart=apart)
    return out


def seen_of_host(scene: Scene, cast: Cast, host: int, *, apart: bool) -> dict[str, Floats]:
    """What a scene holds of the cast's host."""
    view = scene.view
    room, agreeing = scene.room(host)
    out = {
        "insecurity_host": view.insecurity[:, host],
        "defence_host": view.defence[:, host],
        "room_host": room,
        "room_rate_host": agreeing,
    }
    lent = scene.influence(host)
    lent[:, host] = 0.0
    beside = [i for i in cast.participants if i != host]
    out |= {"dependence_host": lent.sum(axis=1), "dependence_host_partners": lent[:, beside].sum(axis=1)}
    if cast.declared:
        out["neutrality_gap_host"] = scene.neutrality_gap(host, cast.declared)
    parts = {"relations": scene.relation(host)}
    if apart:
        parts |= {"hostility": scene.hostility(host), "drawn_in": scene.drawn_in(host)}
        if cast.war_parties:
            parts["drawn_in_war"] = scene.drawn_in_through(host, cast.war_parties)
    for name, who in cast.groups.items():
        others = who[who != host]
        if len(others):
            out |= {f"{part}_{name}_host": of[:, others].mean(axis=1) for part, of in parts.items()}
    if cast.wars:
        of_all = [scene.credibility(a, b) for a, b in cast.wars]
        out["credibility_host"] = np.mean([one[:, host] for one in of_all], axis=0)
        rivals = [
            one[:, [m for m in range(scene.world.n) if m not in (a, b, host)]].mean(axis=1)
            for one, (a, b) in zip(of_all, cast.wars, strict=True)
        ]
        out["credibility_rivals"] = np.mean(rivals, axis=0)
    if cast.junior is not None and cast.third is not None and cast.junior != cast.third:
        over_junior = scene.influence(cast.junior)
        out["influence_host_junior"] = over_junior[:, host]
        out["influence_third_junior"] = over_junior[:, cast.third]
    return out


@dataclass
class _Held:
    """Of the longest window: what stances need beside the accords."""

    effort: Floats  # (R, n)
    tie: Floats  # (R, n)


class Watch:
    """Looks at runs of several arms for one or more casts. `observer(arm)` goes into `simulate`.

    needed: the casts whose eyes an arm is seen with; None: all."""

    def __init__(
        self, worlds: Worlds, casts: Mapping[str, Cast], needed: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self.worlds = worlds
        self.needed = needed
        self.casts = casts
        self.windows = sorted(worlds.scenario.report.windows)
        self._found: dict[tuple[str, str], dict[str, Floats]] = {}
        self._held: dict[tuple[str, str], _Held] = {}
        self._due: dict[int, list[tuple[str, int]]] = {}
        for name, cast in casts.items():
            for window in self.windows:
                if (step := self.step_of(cast, window)) is not None:
                    self._due.setdefault(step, []).append((name, window))

    def step_of(self, cast: Cast, window: int) -> int | None:
        """The step in which a cast's window ends; None where the scenario ends before."""
        grid = self.worlds.reference.grid
        if cast.day + window > grid[-1]:
            return None
        return min(int(np.searchsorted(grid, cast.day + window, side="right")) - 1, len(grid) - 2)

    def observer(self, arm: str) -> Observe:
        """What looks on while an arm is lived."""

        def look(world: World, state: State, view: View) -> None:
            due = [
                one
                for one in self._due.get(view.step, ())
                if self.needed is None or one[0] in self.needed[arm]
            ]
            if not due:
                return
            scene = Scene(world, self.worlds.baseline, state, view)
            for name, window in due:
                self._look(arm, name, window, scene)

        return look

    def _look(self, arm: str, name: str, window: int, scene: Scene) -> None:
        cast = self.casts[name]
        columns = self._found.setdefault((arm, name), {})
        for what, values in seen(scene, cast, apart=window == self.windows[0]).items():
            columns[f"{what}_{window}"] = np.round(values, 12)
        if window == self.windows[-1]:
            relation = responses.relations(scene.view.own, scene.view.against)
            spread = responses.polarisation(relation, scene.world.capability)
            columns[f"polarisation_{window}"] = np.round(spread, 12)
            settled = responses.in_camps(relation, scene.world.capability, self.worlds.camps.sides)
            for part, of in zip(settled._fields, settled, strict=True):
                columns[f"camps_{part}_{window}"] = np.round(of, 12)
            tie = scene.state.depth[:, :, list(cast.participants)].max(axis=-1)
            self._held[arm, name] = _Held(scene.state.effort.copy(), tie)

    def columns(self, arm: str, name: str, made: Accords, runs: int) -> dict[str, Floats]:
        """All that was seen of a cast in an arm, and the stances and the coalition that its accords tell of."""
        cast, longest = self.casts[name], self.windows[-1]
        out = dict(self._found.get((arm, name), {}))
        world = self.worlds.reference
        for window in self.windows:
            if self.step_of(cast, window) is not None:
                counter = signers(world, cast, made, runs, window, "counter")
                outside = np.where(np.isin(np.arange(world.n), cast.participants), 0.0, world.capability)
                weight = world.capability[list(cast.participants)].sum()
                out[f"coalition_{window}"] = np.round((counter * outside).sum(axis=1) / weight, 12)
        held = self._held.get((arm, name))
        if held is not None:
            stance = stances(world, cast, made, held, longest)
            for index, word in enumerate(responses.STANCES):
                for group, who in cast.groups.items():
                    column = (
                        f"states_{word}_{longest}"
                        if group == "outside"
                        else f"states_{word}_{group}_{longest}"
                    )
                    out[column] = (stance[:, who] == index).sum(axis=1).astype(float)
        return out


def signers(world: World, cast: Cast, made: Accords, runs: int, window: float, direction: str) -> Bools:
    """(R, n) who signed a new accord of a direction within a window."""
    rows = is_new(made, cast.day, window) & (cast.direction[made.pair] == DIRECTIONS.index(direction))
    out = np.zeros((runs, world.n), dtype=bool)
    for side in (world.first, world.second):
        out[made.run[rows], side[made.pair[rows]]] = True
    return out


def stances(world: World, cast: Cast, made: Accords, held: _Held, window: float) -> Ints:
    """(R, n) stance of each state at the end of a window, an index into STANCES."""
    runs = len(held.effort)
    counter = signers(world, cast, made, runs, window, "counter")
    acted = counter.sum(axis=1, keepdims=True) - counter
    return responses.stances(
        responses.Acts(
            counter=counter,
            joined=signers(world, cast, made, runs, window, "with_participant"),
            effort=held.effort,
            tie=held.tie,
            threatened=cast.threatened,
            others_acted=acted > 0,
        )
    )
