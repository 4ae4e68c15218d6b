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
from balance_sim.model.core import DIRECTIONS, Bools, Floats, Ints, World
from balance_sim.model.engine import Observer
from balance_sim.model.perception import View
from balance_sim.model.state import AgreementRows, BlockState
from balance_sim.model.world import capabilities
from balance_sim.scenario.schema import Scenario
from balance_sim.study.outcomes import Outcome, days_after, is_new
from balance_sim.study.own_outcomes import CodeReferences
from balance_sim.study.scene import (
    EventRoles,
    StateMetrics,
    focal_roles,
    state_metrics,
)
from balance_sim.study.tables import DECIMALS


class FurtherMeasures(Protocol):
    """What a plug-in measures in some worlds, by the outcomes' names."""

    def seen(self, scene: StateMetrics) -> dict[Outcome, Floats]:
        """(R,) each, at the end of the longest window."""

    def counts(self, made: AgreementRows, runs: int) -> dict[str, Floats]:
        """(R,) each, of the agreements of an arm's replications."""

    def filtered(self, dyads: Floats) -> dict[str, Floats]:
        """(R,) filtered estimates of the same, from those of every dyad, (R, P)."""


class FurtherOutcomes(Protocol):
    """What a plug-in measures in every replication beside our outcomes. Plain, so that
    a job carries it to workers; found through the registry (role `further_outcomes`).
    """

    def measures(self, worlds: Worlds) -> FurtherMeasures: ...


class Recorder:
    """Looks at replications of several arms for the event's cast. `observer(arm)` goes
    into `simulate`."""

    def __init__(
        self,
        worlds: Worlds,
        cast: EventRoles,
        further: FurtherMeasures | None = None,
        own: CodeReferences = (),
    ) -> None:
        self.worlds, self.cast, self.further, self.own = worlds, cast, further, own
        self.windows = sorted(worlds.scenario.report.windows)
        self._found: dict[str, dict[str, Floats]] = {}
        self._held: dict[
            str, tuple[Floats, Floats]
        ] = {}  # longest window, (R, n): effort, deepest tie
        self._ends = {
            window: step_at(worlds.reference.grid, cast.day, window)
            for window in self.windows
        }

    def observer(self, arm: str) -> Observer:
        """What looks on while an arm is simulated."""

        def look(world: World, state: BlockState, view: View) -> None:
            if due := [
                window for window, step in self._ends.items() if step == view.step
            ]:
                scene = StateMetrics(world, self.worlds.baseline, state, view)
                for window in due:
                    self._look(arm, window, scene)

        return look

    def _look(self, arm: str, window: int, scene: StateMetrics) -> None:
        found = state_metrics(scene, self.cast, apart=window == self.windows[0])
        if window == self.windows[-1]:
            world = scene.world
            relation = responses.relations(scene.view.own, scene.view.against)
            found[Outcome("polarisation")] = responses.polarisation(
                relation, world.capability
            )
            settled = responses.in_camps(
                relation, world.capability, self.worlds.camps.sides
            )
            found |= {
                Outcome(f"camps_{part}"): of for part, of in settled._asdict().items()
            }
            found |= self.further.seen(scene) if self.further is not None else {}
            tie = scene.state.depth[:, :, list(self.cast.participants)].max(axis=-1)
            self._held[arm] = scene.state.effort.copy(), tie
        of_arm = self._found.setdefault(arm, {})
        of_arm |= {
            outcome.within(window).name: np.round(of, DECIMALS)
            for outcome, of in found.items()
        }

    def columns(self, arm: str, made: AgreementRows, runs: int) -> dict[str, Floats]:
        """All that was seen in an arm, and the stances and the coalition that its
        agreements tell of."""
        cast, world, longest = self.cast, self.worlds.reference, self.windows[-1]
        out = dict(self._found.get(arm, {}))
        inside = np.isin(np.arange(world.n), cast.participants)
        for window in (
            window for window, step in self._ends.items() if step is not None
        ):
            counter = signers(world, cast, made, runs, window, "counter")
            out[Outcome("coalition", "", window).name] = coalition(
                counter, world.capability, inside
            )
        if arm in self._held:
            effort, tie = self._held[arm]
            stance = stances(world, cast, made, effort, tie, longest)
            for index, word in enumerate(responses.STANCES):
                for group, who in cast.groups.items():
                    of = word if group == "outside" else f"{word}_{group}"
                    out[Outcome("states", of, longest).name] = (
                        (stance[:, who] == index).sum(axis=1).astype(float)
                    )
        return out | (
            self.further.counts(made, runs) if self.further is not None else {}
        )


def focal_recorder(
    worlds: Worlds, further: FurtherOutcomes | None = None, own: CodeReferences = ()
) -> Recorder:
    """A recorder of the focal event's roles. further: what a plug-in measures too; own:
    outcomes of the user's own."""
    return Recorder(
        worlds,
        focal_roles(worlds),
        None if further is None else further.measures(worlds),
        own,
    )


def coalition(counter: Bools, capability: Floats, inside: Bools) -> Floats:
    """(R,) capability of outside states that signed a counter-balancing agreement, (R,
    n), over the participants'."""
    outside = np.where(inside, 0.0, capability)
    return np.asarray(
        np.round((counter * outside).sum(axis=1) / capability[inside].sum(), DECIMALS)
    )


def share_steps(scenario: Scenario) -> dict[str, float]:
    """By how much one event moves each outcome that is a share, by measure.

    The coalition: by what the two signers of a counter-balancing agreement weigh beside
    the participants, the root mean square over dyads that can sign one. Frustration: by
    one dyad."""
    table, n = classes_of(scenario), len(scenario.codes)
    weight = dict(zip(scenario.codes, capabilities(scenario), strict=True))
    against = sum(weight[code] for code in table.participants if code in weight)
    joint = [
        (weight[a] + weight[b]) / against
        for a, b in combinations(scenario.codes, 2)
        if against and table.direction(a, b) == "counter"
    ]
    return {
        "coalition": float(np.sqrt(np.mean(np.square(joint)))) if joint else 0.0,
        "camps_frustration": 2.0 / (n * (n - 1)),
    }


def step_at(grid: Floats, day: float, window: int) -> int | None:
    """The step in which a window from a day on ends; None where the scenario ends
    before.

    >>> step_at(np.array([0.0, 7.0, 14.0, 21.0]), 2.0, 5), step_at(np.array([0.0, 7.0]), 2.0, 6)
    (1, None)
    """
    if day + window > grid[-1]:
        return None
    return min(
        int(np.searchsorted(grid, day + window, side="right")) - 1, len(grid) - 2
    )


def signers(
    world: World,
    cast: EventRoles,
    made: AgreementRows,
    runs: int,
    window: float,
    direction: str,
) -> Bools:
    """(R, n) who signed a new security agreement of a direction within a window."""
    rows = is_new(made.origin, days_after(made.signed, cast.day), window)
    rows &= (
        cast.direction[made.dyad] == DIRECTIONS.index(direction)
    ) & world.ladder.security[made.kind]
    out = np.zeros((runs, world.n), dtype=bool)
    for side in (world.first, world.second):
        out[made.run[rows], side[made.dyad[rows]]] = True
    return out


def stances(
    world: World,
    cast: EventRoles,
    made: AgreementRows,
    effort: Floats,
    tie: Floats,
    window: float,
) -> Ints:
    """(R, n) stance of each state at the end of a window, an index into STANCES.
    effort, tie: (R, n) at its end."""
    counter = signers(world, cast, made, len(effort), window, "counter")
    others_acted = counter.sum(axis=1, keepdims=True) - counter > 0
    joined = signers(world, cast, made, len(effort), window, "with_participant")
    return responses.stances(
        responses.Acts(counter, joined, effort, tie, cast.threatened, others_acted)
    )
