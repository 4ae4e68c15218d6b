"""What is recorded of the states themselves in a replication: relations, credibility,
influence, stances, by window.

A `Recorder` looks at the engine's view at the ends of the report's windows, counted
from the day of the event, and keeps a number a replication, rounded so that it does not
depend on how replications are cut into blocks."""

from __future__ import annotations

from itertools import combinations
from typing import Protocol

import numpy as np

from balance_sim.model import responses
from balance_sim.model.baseline import Worlds, classes_of
from balance_sim.model.core import DIRECTIONS, Bools, Floats, Ints, Keys, World
from balance_sim.model.engine import Observer
from balance_sim.model.own.modules import CodeReferences
from balance_sim.model.perception import View
from balance_sim.model.state import AgreementRows, BlockState
from balance_sim.model.world import capabilities
from balance_sim.scenario.schema import Scenario
from balance_sim.study.exercises import Exercises
from balance_sim.study.outcomes import DECIMALS, Outcome, days_after, is_new
from balance_sim.study.scene import (
    EventRoles,
    StateMetrics,
    focal_roles,
    state_metrics,
)
from balance_sim.study.talks_at_start import Windows


class FurtherMeasures(Protocol):
    """What a plug-in measures in some worlds, by the outcomes' names."""

    def seen(self, scene: StateMetrics) -> dict[Outcome, Floats]:
        """(R,) each, at the end of the longest window."""

    def counts(self, agreements: AgreementRows, runs: int) -> dict[str, Floats]:
        """(R,) each, of the agreements of an arm's replications."""

    def filtered(self, dyads: Floats) -> dict[str, Floats]:
        """(R,) filtered estimates of the same, from those of every dyad, (R, P)."""


class FurtherOutcomes(Protocol):
    """What a plug-in measures in every replication beside our outcomes. Plain, so that
    a job carries it to workers; found through the registry (role `further_outcomes`).
    """

    def measures(self, worlds: Worlds) -> FurtherMeasures: ...


class Recorder:
    """Looks at replications of several arms for the event's roles.

    `observer(arm)` goes into `simulate`; `columns(arm, ...)` returns what was seen,
    once the arm has been simulated. A window that ends after the scenario has no
    values.

    Parameters
    ----------
    worlds : Worlds
        compiled arms
    cast : EventRoles
        of the focal event
    further : FurtherMeasures, optional
        what a plug-in measures too
    own : sequence of (name, reference)
        outcomes of the user's own
    """

    def __init__(
        self,
        worlds: Worlds,
        cast: EventRoles,
        further: FurtherMeasures | None = None,
        own: CodeReferences = (),
    ) -> None:
        self.worlds, self.cast, self.further, self.own = worlds, cast, further, own
        self.windows = sorted(worlds.scenario.report.windows)
        self._seen: dict[str, dict[str, Floats]] = {}
        self._at_end: dict[str, tuple[Floats, Floats]] = {}  # effort and tie, (R, n)
        grid = worlds.reference.grid
        ends = {window: step_at(grid, cast.day, window) for window in self.windows}
        self._ends = {window: step for window, step in ends.items() if step is not None}
        windows = Windows(cast.day, tuple(self._ends), float(grid[-1]))
        self._exercises = Exercises(worlds, cast.direction, windows)
        self._rates: dict[str, dict[int, Floats]] = {}  # of exercises by step, (R, D)
        self._exercise_steps = self._exercises.steps(grid)

    def observer(self, arm: str) -> Observer:
        """What looks on while an arm is simulated."""

        def look(world: World, state: BlockState, view: View) -> None:
            due = [window for window, step in self._ends.items() if step == view.step]
            if due:
                scene = StateMetrics(world, self.worlds.baseline, state, view)
                for window in due:
                    self._look(arm, window, scene)
            if view.step in self._exercise_steps:
                rates = self._rates.setdefault(arm, {})
                rates[view.step] = self._exercises.by_class(world, view)

        return look

    def _look(self, arm: str, window: int, scene: StateMetrics) -> None:
        """Record a scene at the end of a window."""
        metrics = state_metrics(scene, self.cast, apart=window == self.windows[0])
        if window == self.windows[-1]:
            metrics |= network_metrics(scene, self.worlds)
            if self.further is not None:
                metrics |= self.further.seen(scene)
            depth = scene.state.depth[:, :, list(self.cast.participants)]
            self._at_end[arm] = scene.state.effort.copy(), depth.max(axis=-1)
        names = [outcome.within(window).name for outcome in metrics]
        values = np.round([*metrics.values()], DECIMALS)
        self._seen.setdefault(arm, {}).update(zip(names, values, strict=True))

    def exercises(
        self, arm: str, seed: int, runs: Keys
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """(R,) each: joint exercises in an arm, and their filtered estimates, the
        expected numbers given what was seen."""
        estimates = self._exercises
        if not self._ends:
            return {}, {}
        grid = self.worlds.reference.grid
        expected = estimates.within(grid, self._rates[arm])
        drawn = estimates.drawn(expected, seed, runs)
        return estimates.outcomes(drawn), estimates.outcomes(expected)

    def columns(
        self, arm: str, agreements: AgreementRows, runs: int
    ) -> dict[str, Floats]:
        """All that was seen in an arm, and the stances and the coalition that its
        agreements tell of."""
        cast, world, longest = self.cast, self.worlds.reference, self.windows[-1]
        columns = dict(self._seen.get(arm, {}))
        inside = np.isin(np.arange(world.n), cast.participants)
        for window in self._ends:
            counter = signers(world, cast, agreements, runs, window, "counter")
            name = Outcome("coalition", "", window).name
            columns[name] = coalition(counter, world.capability, inside)
        if arm in self._at_end:
            effort, tie = self._at_end[arm]
            stance = stances(world, cast, agreements, effort, tie, longest)
            for index, word in enumerate(responses.STANCES):
                for group, states in cast.groups.items():
                    whose = word if group == "outside" else f"{word}_{group}"
                    count = (stance[:, states] == index).sum(axis=1).astype(float)
                    columns[Outcome("states", whose, longest).name] = count
        if self.further is not None:
            columns |= self.further.counts(agreements, runs)
        return columns


def network_metrics(scene: StateMetrics, worlds: Worlds) -> dict[Outcome, Floats]:
    """Polarisation and camps of all states, (R,) each."""
    capability = scene.world.capability
    relation = scene.mutual_relations()
    camps = responses.in_camps(relation, capability, worlds.camps.sides)
    return {
        Outcome("polarisation"): responses.polarisation(relation, capability),
        Outcome("camps_energy"): camps.energy,
        Outcome("camps_frustration"): camps.frustration,
        Outcome("camps_moved"): camps.moved,
    }


def focal_recorder(
    worlds: Worlds, further: FurtherOutcomes | None = None, own: CodeReferences = ()
) -> Recorder:
    """A recorder of the focal event's roles. further: what a plug-in measures too; own:
    outcomes of the user's own."""
    measures = None if further is None else further.measures(worlds)
    return Recorder(worlds, focal_roles(worlds), measures, own)


def coalition(counter: Bools, capability: Floats, inside: Bools) -> Floats:
    """(R,) capability of outside states that signed a counter-balancing agreement, (R,
    n), over the participants'."""
    outside = np.where(inside, 0.0, capability)
    share = (counter * outside).sum(axis=1) / capability[inside].sum()
    return np.asarray(np.round(share, DECIMALS))


def share_steps(scenario: Scenario) -> dict[str, float]:
    """By how much one event moves each outcome that is a share, by measure.

    The coalition: by what the two signers of a counter-balancing agreement weigh beside
    the participants, the root mean square over dyads that can sign one. Frustration: by
    one dyad."""
    table, n, joint = classes_of(scenario), len(scenario.codes), []
    weight = dict(zip(scenario.codes, capabilities(scenario), strict=True))
    against = sum(weight[code] for code in table.participants if code in weight)
    for a, b in combinations(scenario.codes, 2):
        if against and table.direction(a, b) == "counter":
            joint.append((weight[a] + weight[b]) / against)
    step = float(np.sqrt(np.mean(np.square(joint)))) if joint else 0.0
    return {"coalition": step, "camps_frustration": 2.0 / (n * (n - 1))}


def step_at(grid: Floats, day: float, window: int) -> int | None:
    """The step in which a window from a day on ends; None where the scenario ends
    before.

    >>> grid = np.array([0.0, 7.0, 14.0, 21.0])
    >>> step_at(grid, 2.0, 5), step_at(grid[:2], 2.0, 6)
    (1, None)
    """
    if day + window > grid[-1]:
        return None
    step = int(np.searchsorted(grid, day + window, side="right")) - 1
    return min(step, len(grid) - 2)


def signers(
    world: World,
    cast: EventRoles,
    agreements: AgreementRows,
    runs: int,
    window: float,
    direction: str,
) -> Bools:
    """(R, n) who signed a new security agreement of a direction within a window."""
    days = days_after(agreements.signed, cast.day)
    rows = is_new(agreements.origin, days, window)
    rows &= cast.direction[agreements.dyad] == DIRECTIONS.index(direction)
    rows &= world.ladder.security[agreements.kind]
    run, dyad = agreements.run[rows], agreements.dyad[rows]
    signed = np.zeros((runs, world.n), dtype=bool)
    signed[run, world.first[dyad]] = True
    signed[run, world.second[dyad]] = True
    return signed


def stances(
    world: World,
    cast: EventRoles,
    agreements: AgreementRows,
    effort: Floats,
    tie: Floats,
    window: float,
) -> Ints:
    """(R, n) stance of each state at the end of a window, an index into STANCES.
    effort, tie: (R, n) at its end."""
    runs = len(effort)
    counter = signers(world, cast, agreements, runs, window, "counter")
    joined = signers(world, cast, agreements, runs, window, "with_participant")
    others_acted = counter.sum(axis=1, keepdims=True) - counter > 0
    acts = responses.Acts(counter, joined, effort, tie, cast.threatened, others_acted)
    return responses.stances(acts)
