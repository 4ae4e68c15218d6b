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
        return Outcome(
            f"player_{self.measure}",
            "_".join(filter(None, (self.player, self.of))),
            window,
        )


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


def _against(world: World, of: PlayerSides) -> Bools:
    first, second = world.first, world.second
    both = ~of.own[first] & ~of.own[second] & of.fearful[first] & of.fearful[second]
    return np.asarray(both & (of.threatened[first] | of.threatened[second]))


def _relations(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """As the members see the player; of a player among them the others."""
    parts = [
        scene.relation(k)[:, members[~np.isin(members, own)]].mean(axis=1) for k in own
    ]
    return np.asarray(np.mean(parts, axis=0))


def _influence(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """Emerson 1962: the share of the members' defence that the player lends."""
    return np.asarray(
        np.mean(
            [scene.influence(k)[:, own].sum(axis=1) for k in members if k not in own],
            axis=0,
        )
    )


def _dependence(scene: StateMetrics, own: Ints, _: Ints) -> Floats:
    """Emerson 1962: the share of the player's defence that others lend."""
    parts = []
    for i in own:
        lent = scene.influence(int(i)).copy()
        lent[:, own] = 0.0
        parts.append(lent.sum(axis=1))
    return np.asarray(np.mean(parts, axis=0))


def _credibility(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """Kydd 2003: as a mediator between the two members, who are at odds."""
    a, b = members
    return np.asarray(scene.credibility(int(a), int(b))[:, own].mean(axis=1))


MEASURES_OF_PLAYERS: Mapping[str, MeasureOfPlayer] = {
    # Walt 1987: threat over threat and defence.
    "insecurity": MeasureOfPlayer(
        read=lambda scene, own, _: scene.view.insecurity[:, own].mean(axis=1)
    ),
    "effort": MeasureOfPlayer(
        read=lambda scene, own, _: scene.state.effort[:, own].mean(axis=1)
    ),
    "agreements_against": MeasureOfPlayer(dyads=_against),
    "agreements_with": MeasureOfPlayer(
        dyads=lambda world, of: of.own[world.first] != of.own[world.second]
    ),
    "agreements_among": MeasureOfPlayer(
        "members",
        dyads=lambda world, of: of.members[world.first] & of.members[world.second],
    ),
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
        world = worlds.reference
        self.worlds, self.cast, self.longest = (
            worlds,
            cast,
            max(worlds.scenario.report.windows),
        )
        at = {code: i for i, code in enumerate(world.codes)}
        sides = {one.name: one for one in cast.players}
        self._dyads: dict[str, Bools] = {}
        self._reads: list[tuple[PlayerOutcome, Read, Ints, Ints]] = []
        for one in cast.outcomes:
            side, measure = sides[one.player], MEASURES_OF_PLAYERS[one.measure]
            if measure.read is not None:
                own, members = (
                    np.array([at[c] for c in codes], np.int64)
                    for codes in (side.states, one.members)
                )
                self._reads.append((one, measure.read, own, members))
            if measure.dyads is not None:
                of = (
                    side.states,
                    one.members,
                    side.threatened,
                    (*side.threatened, *side.wary),
                )
                whose = PlayerSides(*(np.isin(world.codes, some) for some in of))
                self._dyads[one.outcome(self.longest).name] = measure.dyads(
                    world, whose
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.outcome(self.longest).name for one in self.cast.outcomes)

    @cached_property
    def counted(self) -> Ints:
        """Dyads of which any outcome counts agreements."""
        return (
            np.flatnonzero(np.any([*self._dyads.values()], axis=0))
            if self._dyads
            else np.empty(0, dtype=np.int64)
        )

    def filtered(self, dyads: Floats) -> dict[str, Floats]:
        """Filtered numbers of agreements, (R,) each; dyads: (R, P) those of every dyad
        in the longest window."""
        return {name: dyads[:, rows].sum(axis=1) for name, rows in self._dyads.items()}

    def counts(self, made: AgreementRows, runs: int) -> dict[str, Floats]:
        world = self.worlds.reference
        new = is_new(
            made.origin, days_after(made.signed, world.focal_day), self.longest
        )
        new &= world.ladder.security[made.kind]
        return {
            name: np.bincount(made.run[new & rows[made.dyad]], minlength=runs).astype(
                float
            )
            for name, rows in self._dyads.items()
        }

    def seen(self, scene: StateMetrics) -> dict[Outcome, Floats]:
        """What states feel, (R,) each, by outcome without a window's end: at the moment
        of the scene."""
        return {
            one.outcome(self.longest): read(scene, own, members)
            for one, read, own, members in self._reads
        }

    def expected(self, estimator: Estimator, world: World) -> dict[str, float]:
        """Every outcome of one arm by the expected estimator: no random numbers, and
        the network as at the start."""
        spans, out = in_spans(world, estimator.edges), {}
        found = course(
            spans,
            estimator.baseline,
            self.counted if len(self.counted) else np.arange(1),
        )
        if len(self.counted):
            signed = estimator.gives.signed(
                found, estimator.gives.idle(found), estimator.windows
            )
            of_dyad = np.zeros(len(self.worlds.reference.first))
            of_dyad[self.counted] = signed.by_dyad(self.longest)
            out = {
                name: float(of_dyad[rows].sum()) for name, rows in self._dyads.items()
            }
        if self._reads:
            at_end = (
                int(
                    np.searchsorted(
                        spans.grid, world.focal_day + self.longest, side="right"
                    )
                )
                - 1
            )
            last = min(at_end, spans.steps - 1)
            state = found.states[last]
            scene = StateMetrics(
                spans, estimator.baseline, state, perceive(spans, state, last)
            )
            out |= {
                outcome.name: float(of[0]) for outcome, of in self.seen(scene).items()
            }
        return out


def who_fears(
    worlds: Worlds, states: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Codes of those that some states together threaten, and of those that are wary of
    them, just before the focal event in the control arm."""
    world = worlds.reference
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    own = tuple(sorted(world.codes.index(code) for code in states))
    listed = standing(perceive(world, state, step_before(world)), own)
    threatened, wary = (
        tuple(
            code
            for code, at in zip(world.codes, listed, strict=True)
            if at == LISTS.index(name)
        )
        for name in ("threatened", "wary")
    )
    return threatened, wary
