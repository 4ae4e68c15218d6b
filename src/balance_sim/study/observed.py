"""What is read off the states themselves in a run: relations, credibility, influence, stances, by window.

A `Watch` looks at the engine's view at a few dates, the ends of the report's windows, and keeps a number a
run. It changes nothing. Windows count from the day of the cast's event; a window that the scenario's end cuts
off is missing. Columns are rounded to 12 decimals, so that they do not depend on how runs are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model import responses, threat
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, Accords, Baseline, State, View, World
from balance_sim.model.news import members
from balance_sim.model.perception import hostility_seen
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


@dataclass(frozen=True)
class Scene:
    """One view, and what several casts read of it. Good as long as the view."""

    world: World
    baseline: Baseline
    state: State
    view: View

    @cached_property
    def relation(self) -> Floats:
        """(R, n, n) R_ik = a_ik - q_ik."""
        return responses.relations(self.view.own, self.view.against)

    @cached_property
    def hostility(self) -> Floats:
        """(R, n, n) L_ik."""
        return hostility_seen(self.world, self.state, self.view.step)

    @cached_property
    def polarisation(self) -> Floats:
        return responses.polarisation(self.relation, self.world.capability)

    def drawn_in(self, k: int, through: tuple[int, ...] | None = None) -> Floats:
        """(R, n) (1 - a_ik) sum_j L_ij a_jk: hostility to i that reaches k through its partners, or some of them."""
        out = np.zeros(self.view.total.shape)
        partners = [j for j in (range(self.world.n) if through is None else through) if j != k]
        for a, rows in enumerate(self.world.audience_rows):
            sides = self.view.alignment[:, a, partners, k][:, None, :]
            out[:, rows] = np.vecdot(self.hostility[:, rows][:, :, partners], sides)
        return out * (1.0 - self.view.own[:, :, k])

    def credibility(self, a: int, b: int) -> Floats:
        """(R, n) of each state as a mediator between a and b."""
        against, relation, reach = self.view.against, self.relation, self.world.reach
        return responses.credibility(
            against[:, a], against[:, b], relation[:, a], relation[:, b], np.minimum(reach[a], reach[b])
        )

    def influence(self, i: int, k: int) -> Floats:
        """(R,) of i over k."""
        view = self.view
        return responses.influence(view.backing[:, k, i], view.support[:, k, i], view.defence[:, k])

    def room(self, i: int) -> Floats:
        """(R,) i's room for manoeuvre: partners worth having that would agree."""
        world, view = self.world, self.view
        added = (
            np.maximum(world.ladder.depth - view.backing[:, i, :, None], 0.0) * view.support[:, i, :, None]
        )
        gain = threat.marginal_gain(view.insecurity[:, i, None, None], view.balance[:, i, None, None], added)
        gain[:, i] = 0.0
        rate = np.zeros(gain.shape)
        run, partner, kind = np.nonzero(gain > responses.ROOM_GAIN)
        asked = Prospects(world, self.baseline, view, self.state, run, partner, np.full(len(run), i), kind)
        rate[run, partner, kind] = world.ladder.ceiling[kind] * consent(willingness(asked))
        return responses.room(gain, rate).astype(float)


def seen(scene: Scene, cast: Cast) -> dict[str, Floats]:
    """What a scene holds of a cast, (R,) each, by name without the window."""
    view = scene.view
    out = {"polarisation": scene.polarisation}
    if cast.threatened.any():
        out["insecurity_threatened"] = view.insecurity[:, cast.threatened].mean(axis=1)
        out["effort_threatened"] = scene.state.effort[:, cast.threatened].mean(axis=1)
    pairs = [(i, j) for i in cast.participants for j in cast.participants if i < j]
    if pairs:
        i, j = (np.array(side) for side in zip(*pairs, strict=True))
        for name, reading in cast.audiences.items():
            out[f"alignment_participants_{name}"] = view.alignment[:, reading, i, j].mean(axis=1)
    if cast.host is not None:
        out |= seen_of_host(scene, cast, cast.host)
    return out


def seen_of_host(scene: Scene, cast: Cast, host: int) -> dict[str, Floats]:
    """What a scene holds of the cast's host."""
    view = scene.view
    out = {
        "insecurity_host": view.insecurity[:, host],
        "defence_host": view.defence[:, host],
        "room_host": scene.room(host),
    }
    drawn = {"drawn_in": scene.drawn_in(host)}
    if cast.war_parties:
        drawn["drawn_in_war"] = scene.drawn_in(host, cast.war_parties)
    for name, who in cast.groups.items():
        others = who[who != host]
        if len(others):
            out[f"relations_{name}_host"] = scene.relation[:, others, host].mean(axis=1)
            out[f"hostility_{name}_host"] = scene.hostility[:, others, host].mean(axis=1)
            out |= {f"{part}_{name}_host": of[:, others].mean(axis=1) for part, of in drawn.items()}
    if cast.wars:
        of = [scene.credibility(a, b) for a, b in cast.wars]
        out["credibility_host"] = np.mean([one[:, host] for one in of], axis=0)
        rivals = [
            one[:, [m for m in range(scene.world.n) if m not in (a, b, host)]].mean(axis=1)
            for one, (a, b) in zip(of, cast.wars, strict=True)
        ]
        out["credibility_rivals"] = np.mean(rivals, axis=0)
    if cast.junior is not None and cast.third is not None:
        out["influence_host_junior"] = scene.influence(host, cast.junior)
        out["influence_third_junior"] = scene.influence(cast.third, cast.junior)
    return out


@dataclass
class _Held:
    """Of the longest window: what stances need beside the accords."""

    effort: Floats  # (R, n)
    tie: Floats  # (R, n)


class Watch:
    """Looks at runs of several arms for one or more casts. `observer(arm)` goes into `simulate`."""

    def __init__(self, worlds: Worlds, casts: Mapping[str, Cast]) -> None:
        self.worlds = worlds
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
            due = self._due.get(view.step)
            if not due:
                return
            scene = Scene(world, self.worlds.baseline, state, view)
            for name, window in due:
                self._look(arm, name, window, scene)

        return look

    def _look(self, arm: str, name: str, window: int, scene: Scene) -> None:
        cast = self.casts[name]
        columns = self._found.setdefault((arm, name), {})
        for what, values in seen(scene, cast).items():
            columns[f"{what}_{window}"] = np.round(values, 12)
        if window == self.windows[-1]:
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
