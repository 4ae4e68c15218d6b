"""What a game's players are paid by: outcomes of states of their own, read off every
replication and arm.

A player is a set of states. Agreements against it are new security agreements between
two other states that both fear it (one is threatened, the other threatened or wary, and
neither is aligned with it), as fixed once in the control arm at the start: no strategy
moves agreements between classes. They are counted, and filtered, within the report's
longest window; what states feel is taken at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter

from balance_sim.effects.expected import Estimator
from balance_sim.model.baseline import Worlds, standing, step_before
from balance_sim.model.classes import LISTS
from balance_sim.model.core import Bools, Floats, Ints, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.state import AgreementRows
from balance_sim.study.outcomes import Outcome, days_after, is_new
from balance_sim.study.scene import StateMetrics
from balance_sim.study.spans import course, in_spans


@dataclass(frozen=True)
class Player:
    """A side of a game. Codes of its states, and of those that are threatened by it and
    wary of it."""

    name: str
    states: tuple[str, ...]
    threatened: tuple[str, ...] = ()
    wary: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlayerOutcome:
    """A measure of MEASURES_OF_PLAYERS of a player, toward `members`, named `of`, if it
    is of that kind."""

    measure: str
    player: str
    of: str = ""
    members: tuple[str, ...] = ()

    def outcome(self, window: int) -> Outcome:
        """As it stands in tables.

        >>> PlayerOutcome("relations", "beijing", "europe").outcome(365).name
        'player_relations_beijing_europe_365'"""
        subject = f"{self.player}_{self.of}" if self.of else self.player
        return Outcome(f"player_{self.measure}", subject, window)


@dataclass(frozen=True)
class Cast:
    """The players of a game and every outcome that pays one of them. Plain, so that it
    goes to workers as it is."""

    players: tuple[Player, ...]
    outcomes: tuple[PlayerOutcome, ...]

    def measures(self, worlds: Worlds) -> PlayerMeasures:
        """What is measured of the players in these worlds."""
        return PlayerMeasures(worlds, self)


_CAST = TypeAdapter(Cast)


def cast_of(plain: dict[str, Any]) -> Cast:
    """A cast from plain data, as a manifest has it. Raises ValueError for what is no
    such thing."""
    return _CAST.validate_python(plain)


@dataclass(frozen=True)
class PlayerSides:
    """(n,) each: the player's own states, members that an outcome names, who is
    threatened, and who is wary too."""

    own: Bools
    members: Bools
    threatened: Bools
    fearful: Bools


Read = Callable[[StateMetrics, Ints, Ints], Floats]
Dyads = Callable[[World, PlayerSides], Bools]


@dataclass(frozen=True)
class MeasureOfPlayer:
    """How a measure is read, and whom the file has to name for it: members of a group,
    a dyad, or nobody.

    Either `dyads`: (P,) those whose new security agreements it counts; or `read`: (R,)
    of a scene, from the positions of the player's states and of the members."""

    toward: Literal["", "members", "pair"] = ""
    dyads: Dyads | None = None
    read: Read | None = None


def _against(world: World, sides: PlayerSides) -> Bools:
    first, second = world.first, world.second
    outside = ~sides.own[first] & ~sides.own[second]
    both_fear = sides.fearful[first] & sides.fearful[second]
    threatened = sides.threatened[first] | sides.threatened[second]
    return np.asarray(outside & both_fear & threatened)


def _relations(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """As the members see the player; of a player among them the others."""
    others = members[~np.isin(members, own)]
    means = [scene.relation(state)[:, others].mean(axis=1) for state in own]
    return np.asarray(np.mean(means, axis=0))


def _influence(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """Emerson 1962: the share of the members' defence that the player lends."""
    others = members[~np.isin(members, own)]
    shares = [scene.influence(state)[:, own].sum(axis=1) for state in others]
    return np.asarray(np.mean(shares, axis=0))


def _dependence(scene: StateMetrics, own: Ints, _: Ints) -> Floats:
    """Emerson 1962: the share of the player's defence that others lend."""
    shares = []
    for state in own:
        lent = scene.influence(int(state)).copy()
        lent[:, own] = 0.0
        shares.append(lent.sum(axis=1))
    return np.asarray(np.mean(shares, axis=0))


def _credibility(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """Kydd 2003: as a mediator between the two members, who are at odds."""
    a, b = members
    return np.asarray(scene.credibility(int(a), int(b))[:, own].mean(axis=1))


def _insecurity(scene: StateMetrics, own: Ints, _: Ints) -> Floats:
    """Walt 1987: threat over threat and defence."""
    return np.asarray(scene.view.insecurity[:, own].mean(axis=1))


def _effort(scene: StateMetrics, own: Ints, _: Ints) -> Floats:
    return np.asarray(scene.state.effort[:, own].mean(axis=1))


def _with_player(world: World, sides: PlayerSides) -> Bools:
    return np.asarray(sides.own[world.first] != sides.own[world.second])


def _among_members(world: World, sides: PlayerSides) -> Bools:
    return np.asarray(sides.members[world.first] & sides.members[world.second])


MEASURES_OF_PLAYERS: Mapping[str, MeasureOfPlayer] = {
    "insecurity": MeasureOfPlayer(read=_insecurity),
    "effort": MeasureOfPlayer(read=_effort),
    "agreements_against": MeasureOfPlayer(dyads=_against),
    "agreements_with": MeasureOfPlayer(dyads=_with_player),
    "agreements_among": MeasureOfPlayer("members", dyads=_among_members),
    "relations": MeasureOfPlayer("members", read=_relations),
    "influence": MeasureOfPlayer("members", read=_influence),
    "dependence": MeasureOfPlayer(read=_dependence),
    "credibility": MeasureOfPlayer("pair", read=_credibility),
}
"""What a payoff may be made of. What each is, and its unit: `outcomes.MEASURES`, under
`player_` and its name."""


class PlayerMeasures:
    """A cast in some worlds: positions of its states, and the dyads whose agreements
    are counted."""

    def __init__(self, worlds: Worlds, cast: Cast) -> None:
        self.worlds, self.cast = worlds, cast
        self.longest = max(worlds.scenario.report.windows)
        world = worlds.reference
        position = {code: i for i, code in enumerate(world.codes)}
        players = {player.name: player for player in cast.players}
        self._dyads: dict[str, Bools] = {}
        self._reads: list[tuple[PlayerOutcome, Read, Ints, Ints]] = []
        for outcome in cast.outcomes:
            player = players[outcome.player]
            measure = MEASURES_OF_PLAYERS[outcome.measure]
            if measure.read is not None:
                states = np.array([position[code] for code in player.states], np.int64)
                members = [position[code] for code in outcome.members]
                places = np.array(members, np.int64)
                self._reads.append((outcome, measure.read, states, places))
            if measure.dyads is not None:
                sides = PlayerSides(
                    own=np.isin(world.codes, player.states),
                    members=np.isin(world.codes, outcome.members),
                    threatened=np.isin(world.codes, player.threatened),
                    fearful=np.isin(world.codes, player.threatened + player.wary),
                )
                name = outcome.outcome(self.longest).name
                self._dyads[name] = measure.dyads(world, sides)

    @property
    def names(self) -> tuple[str, ...]:
        outcomes = self.cast.outcomes
        return tuple(outcome.outcome(self.longest).name for outcome in outcomes)

    @cached_property
    def counted(self) -> Ints:
        """Dyads of which any outcome counts agreements."""
        if not self._dyads:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(np.any([*self._dyads.values()], axis=0))

    def filtered(self, dyads: Floats) -> dict[str, Floats]:
        """Filtered numbers of agreements, (R,) each; dyads: (R, P) those of every dyad
        in the longest window."""
        return {name: dyads[:, rows].sum(axis=1) for name, rows in self._dyads.items()}

    def counts(self, agreements: AgreementRows, runs: int) -> dict[str, Floats]:
        """New security agreements in the longest window, (R,) by outcome."""
        world = self.worlds.reference
        days = days_after(agreements.signed, world.focal_day)
        new = is_new(agreements.origin, days, self.longest)
        new &= world.ladder.security[agreements.kind]
        numbers = {}
        for name, dyads in self._dyads.items():
            replications = agreements.run[new & dyads[agreements.dyad]]
            count = np.bincount(replications, minlength=runs)
            numbers[name] = count.astype(float)
        return numbers

    def seen(self, scene: StateMetrics) -> dict[Outcome, Floats]:
        """What states feel, (R,) each, by outcome without a window's end: at the moment
        of the scene."""
        return {
            outcome.outcome(self.longest): read(scene, states, members)
            for outcome, read, states, members in self._reads
        }

    def expected(self, estimator: Estimator, world: World) -> dict[str, float]:
        """Every outcome of one arm by the expected estimator: no random numbers, and
        the network as at the start."""
        spans = in_spans(world, estimator.edges)
        dyads = self.counted if len(self.counted) else np.arange(1)
        path = course(spans, estimator.baseline, dyads)
        values: dict[str, float] = {}
        if len(self.counted):
            idle = estimator.signatures.idle(path)
            signed = estimator.signatures.signed(path, idle, estimator.windows)
            by_dyad = np.zeros(len(self.worlds.reference.first))
            by_dyad[self.counted] = signed.by_dyad(self.longest)
            for name, rows in self._dyads.items():
                values[name] = float(by_dyad[rows].sum())
        if self._reads:
            end = world.focal_day + self.longest
            step = int(np.searchsorted(spans.grid, end, side="right")) - 1
            step = min(step, spans.steps - 1)
            state = path.states[step]
            view = perceive(spans, state, step)
            scene = StateMetrics(spans, estimator.baseline, state, view)
            for outcome, metric in self.seen(scene).items():
                values[outcome.name] = float(metric[0])
        return values


def who_fears(
    worlds: Worlds, states: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Codes of those that some states together threaten, and of those that are wary of
    them, just before the focal event in the control arm."""
    world = worlds.reference
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    positions = tuple(sorted(world.codes.index(code) for code in states))
    classes = standing(perceive(world, state, step_before(world)), positions)
    codes = np.array(world.codes)
    threatened = codes[np.asarray(classes) == LISTS.index("threatened")]
    wary = codes[np.asarray(classes) == LISTS.index("wary")]
    return tuple(threatened.tolist()), tuple(wary.tolist())
