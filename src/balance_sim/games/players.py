"""What a game's players are paid by: outcomes of states of their own, read off every
replication and arm.

A player is a set of states. Agreements against it are new security agreements between
two other states that both fear it (one is threatened, the other threatened or wary, and
neither is aligned with it), as fixed once in the control arm at the start: no strategy
moves agreements between classes. They are counted, and filtered, within the report's
longest window; what states feel is taken at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from balance_sim.model.baseline import (
    Worlds,
    compile_worlds,
    standing,
    step_before,
)
from balance_sim.model.classes import LISTS
from balance_sim.model.core import Bools, Floats, Ints, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.state import AgreementRows
from balance_sim.study.expected import Estimator
from balance_sim.study.outcomes import Outcome, days_after, is_new
from balance_sim.study.scene import StateMetrics
from balance_sim.study.spans import WillingnessOverTime, course, in_spans

if TYPE_CHECKING:
    from balance_sim.games.schema import PayoffPart
    from balance_sim.scenario.schema import Scenario


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
    """A measure (`schema.Measure`) of a player, toward `members`, named `of`, if it is
    of that kind."""

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


def cast_of(plain: dict[str, Any]) -> Cast:
    """A cast from plain data, as a manifest has it. Raises ValueError for what is no
    such thing."""
    return TypeAdapter(Cast).validate_python(plain)


TOWARD = ("agreements_among", "relations", "influence", "credibility")
"""Measures that are toward somebody."""


def members_named(part: PayoffPart, scenario: Scenario) -> tuple[str, ...]:
    """Codes that `of` names: a group's, the two of a dyad, or one."""
    name = part.of or ""
    if part.outcome == "credibility":
        return tuple(name.split("-"))
    return tuple(scenario.groups.get(name, (name,)))


def members_of(
    part: PayoffPart, states: Sequence[str], scenario: Scenario
) -> tuple[str, ...]:
    """Codes of those whom a part of a payoff is toward; empty where it is toward
    nobody. states: the player's own, which agreements among a group may hold."""
    named = {*members_named(part, scenario)} & {*scenario.codes}
    if part.outcome != "agreements_among":
        named -= {*states}
    return tuple(sorted(named))


type Read = Callable[[StateMetrics, Ints, Ints], Floats]
"""(R,) of a scene, from the positions of the player's states and of the members."""


def _relations(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """As the members see the player; of a player among them the others."""
    means = [scene.relation(state)[:, members].mean(axis=1) for state in own]
    return np.asarray(np.mean(means, axis=0))


def _influence(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """Emerson 1962: the share of the members' defence that the player lends."""
    shares = [scene.influence(state)[:, own].sum(axis=1) for state in members]
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
    """Rise of the player's own effort."""
    return np.asarray(scene.state.effort[:, own].mean(axis=1))


def _policy_cost(scene: StateMetrics, own: Ints, _: Ints) -> Floats:
    """What the acts of the policies of the player's states have cost."""
    policies, enacted = scene.world.policies, scene.state.enacted
    if policies is None or enacted is None:
        return np.zeros(len(scene.view.insecurity))
    is_own = np.isin(policies.state, own)
    return np.asarray((enacted.count * policies.cost)[:, is_own].sum(axis=1))


READ: dict[str, Read] = {
    "insecurity": _insecurity,
    "effort": _effort,
    "relations": _relations,
    "influence": _influence,
    "dependence": _dependence,
    "credibility": _credibility,
    "policy_cost": _policy_cost,
}
"""Measures of what states feel, and have spent. The others count agreements."""


def counted_dyads(
    world: World, measure: str, player: Player, members: Sequence[str]
) -> Bools:
    """(P,) whose new security agreements a measure of a player counts."""

    def sides(codes: Sequence[str]) -> tuple[Bools, Bools]:
        inside = np.isin(world.codes, codes)
        return inside[world.first], inside[world.second]

    a_own, b_own = sides(player.states)
    if measure == "agreements_with":
        return np.asarray(a_own != b_own)
    if measure == "agreements_among":
        return np.logical_and(*sides(members))
    fearful = np.logical_and(*sides(player.threatened + player.wary))
    threatened = np.logical_or(*sides(player.threatened))
    return np.asarray(~a_own & ~b_own & fearful & threatened)


class PlayerMeasures:
    """A cast in some worlds: positions of its states, and the dyads whose agreements
    are counted."""

    def __init__(self, worlds: Worlds, cast: Cast) -> None:
        self.worlds = worlds
        self.longest = max(worlds.scenario.report.windows)
        world = worlds.reference
        position = {code: i for i, code in enumerate(world.codes)}
        players = {player.name: player for player in cast.players}
        outcomes = [outcome.outcome(self.longest) for outcome in cast.outcomes]
        self.names = tuple(outcome.name for outcome in outcomes)
        self._dyads: dict[str, Bools] = {}
        self._reads: dict[Outcome, tuple[Read, Ints, Ints]] = {}
        for outcome, paying in zip(outcomes, cast.outcomes, strict=True):
            player, members = players[paying.player], paying.members
            if paying.measure in READ:
                states = np.array([position[code] for code in player.states], np.int64)
                toward = np.array([position[code] for code in members], np.int64)
                self._reads[outcome] = (READ[paying.measure], states, toward)
            else:
                dyads = counted_dyads(world, paying.measure, player, members)
                self._dyads[outcome.name] = dyads

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
            numbers[name] = np.bincount(replications, minlength=runs).astype(float)
        return numbers

    def seen(self, scene: StateMetrics) -> dict[Outcome, Floats]:
        """What states feel, (R,) each, at the moment of the scene."""
        reads = self._reads.items()
        return {outcome: read(scene, a, b) for outcome, (read, a, b) in reads}

    @property
    def asked(self) -> Ints:
        """Dyads of which the expected estimator works out what they want: one, where no
        agreements are counted."""
        return self.counted if len(self.counted) else np.arange(1)

    def expected(
        self, estimator: Estimator, wanted: WillingnessOverTime, windows: Sequence[int]
    ) -> Floats:
        """(W, Q) every outcome of an arm so many days after the focal event, by the
        expected estimator: no random numbers, and the network as at the start."""
        spans = wanted.world
        values = [dict.fromkeys(self._dyads, 0.0) for _ in windows]
        if len(self.counted):
            idle = estimator.signatures.idle(wanted)
            days = replace(estimator.windows, days=tuple(windows))
            signed = estimator.signatures.signed(wanted, idle, days)
            by_dyad = np.zeros(len(self.worlds.reference.first))
            for by_name, window in zip(values, windows, strict=True):
                by_dyad[self.counted] = signed.by_dyad(window)
                for name, rows in self._dyads.items():
                    by_name[name] = float(by_dyad[rows].sum())
        for by_name, window in zip(values, windows, strict=True):
            end = spans.focal_day + window
            step = int(np.searchsorted(spans.grid, end, side="right")) - 1
            step = min(step, spans.steps - 1)
            state = wanted.states[step]
            view = perceive(spans, state, step)
            scene = StateMetrics(spans, estimator.baseline, state, view)
            for outcome, metric in self.seen(scene).items():
                by_name[outcome.name] = float(metric[0])
        return np.array([[row[name] for name in self.names] for row in values])


def expected_outcomes(
    scenario: Scenario,
    cast: Cast,
    arms: Sequence[str],
    windows: Sequence[int] = (),
) -> Floats:
    """(W, A, Q) every outcome of a cast in some arms, so many days after the focal
    event, by the expected estimator. windows: the longest alone if not given. Time is
    cut alike whichever arms are asked for."""
    worlds = compile_worlds(scenario, bounded=False)
    measures, estimator = PlayerMeasures(worlds, cast), Estimator(worlds)
    by_arm = []
    for arm in arms:
        spans = in_spans(worlds.arms[arm], estimator.edges)
        wanted = course(spans, estimator.baseline, measures.asked)
        days = windows or (measures.longest,)
        by_arm.append(measures.expected(estimator, wanted, days))
    return np.stack(by_arm, axis=1)


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
