"""What is recorded of the states themselves in a replication: relations, credibility,
influence, stances, by window.

A `Recorder` looks at the engine's view at the ends of the report's windows, counted
from the day of the event, and keeps a number a replication, rounded so that it does not
depend on how replications are cut into blocks.

`Frozen` tells what an event moves in beliefs with the network as at the start, no provocations and no random numbers:
the control arm's world in three spans (before the event, the shortest window, the step
in which that window ends), with the event and without. So the event can be set beside
many placebos and many draws of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from balance_sim.model import responses
from balance_sim.model.baseline import Worlds, classes_of
from balance_sim.model.beliefs import attention_to
from balance_sim.model.core import DIRECTIONS, Bools, Floats, Ints, World
from balance_sim.model.engine import Observer
from balance_sim.model.perception import View
from balance_sim.model.state import AgreementRows, BlockState
from balance_sim.model.world import capabilities
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.outcomes import Outcome, days_after, is_new
from balance_sim.study.own_outcomes import CodeReferences
from balance_sim.study.scene import (
    EventRoles,
    StateMetrics,
    audience_members,
    focal_roles,
    state_metrics,
)
from balance_sim.study.spans import Together, at_start, in_spans, with_event
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


# -- what an event moves in beliefs, one number a mechanism ------------------------------------------


@dataclass(frozen=True)
class Shift:
    """Outcomes of one event's cast, with the event and without it."""

    cast: EventRoles
    having: Mapping[Outcome, float]
    lacking: Mapping[Outcome, float]

    def of(self, measure: str, whom: str = "") -> float:
        """Change of an outcome; NaN where the cast has none such."""
        outcome = Outcome(measure, whom)
        return (
            self.having[outcome] - self.lacking[outcome]
            if outcome in self.having
            else float("nan")
        )


class Frozen:
    """The control arm's world at the end of the shortest window, and what an event
    moves in it."""

    def __init__(self, worlds: Worlds, lacking: Scenario, step: int) -> None:
        """lacking: the scenario as it is in the control arm; step: in which the window
        ends."""
        world = worlds.reference
        focal = int(np.searchsorted(world.grid, world.focal_day))
        self.worlds, self.scenario = worlds, lacking
        self.world = in_spans(world, np.unique([0, focal, step, step + 1]))
        self.state, self.steps = at_start(self.world), np.arange(self.world.steps)
        self.control = Together.of(self.world, worlds.baseline, self.state, self.steps)
        self.without = self._scene(self.control)

    @staticmethod
    def of(worlds: Worlds, lacking: Scenario) -> Frozen | None:
        """None where the scenario ends before its shortest window does."""
        world = worlds.reference
        step = step_at(world.grid, world.focal_day, min(worlds.scenario.report.windows))
        return None if step is None else Frozen(worlds, lacking, step)

    def _scene(self, found: Together) -> StateMetrics:
        """The last of the spans."""
        last = found.states(self.state)[-1]
        return StateMetrics(
            found.world, self.worlds.baseline, last, found.seen(len(self.steps) - 1)
        )

    def shift(self, event: Event, cast: EventRoles) -> Shift:
        """What an event moves for a cast."""
        told = with_event(self.world, self.scenario, event)
        having = self._scene(
            Together.of(
                told, self.worlds.baseline, self.state, self.steps, self.control
            )
        )
        there, here = (
            {
                outcome: float(of[0])
                for outcome, of in state_metrics(scene, cast, apart=True).items()
            }
            for scene in (having, self.without)
        )
        return Shift(cast, there, here)


def audiences_apart(worlds: Worlds, cast: EventRoles) -> tuple[str, str] | None:
    """The audience that heeds the focal event most, and the one that heeds it least;
    None where all heed it alike."""
    scenario = worlds.scenario
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    heed = {name: attention_to(scenario, name, focal.kind) for name in cast.audiences}
    if len(set(heed.values())) < 2:
        return None
    size = {name: len(outsiders(worlds, cast, name)) for name in heed}
    most = max(heed, key=lambda name: (heed[name], size[name]))
    return most, min(heed, key=lambda name: (heed[name], -size[name]))


def outsiders(worlds: Worlds, cast: EventRoles, audience: str) -> list[int]:
    """Members of an audience, participants left out."""
    return [i for i in audience_members(worlds, audience) if i not in cast.participants]


def asian_shares(cast: EventRoles) -> dict[str, float]:
    """The groups whose names begin with `asia`, each with its share of their states;
    the host left out."""
    sizes = {
        name: int((who != cast.host).sum())
        for name, who in cast.groups.items()
        if name.startswith("asia")
    }
    total = sum(sizes.values())
    return {name: size / total for name, size in sizes.items() if size}


def asia(shift: Shift) -> float:
    """M7: mean change of Asia's relation to the host."""
    shares = asian_shares(shift.cast)
    parts = [
        share * shift.of("relations", f"{name}_host") for name, share in shares.items()
    ]
    return sum(parts) if parts else float("nan")


def association(shift: Shift) -> float:
    """M12: share of the change of hostility to the host that comes through its
    partners."""
    drawn, own = (shift.of(part, "outside_host") for part in ("drawn_in", "hostility"))
    return drawn / (drawn + own) if drawn + own else float("nan")


def measures(worlds: Worlds) -> dict[str, Callable[[Shift], float]]:
    """The measures of mechanisms that are read off the states, by id. NaN where a cast
    does not have what they need."""
    apart = audiences_apart(worlds, focal_roles(worlds))

    def audiences(shift: Shift) -> float:
        """M3: rise of the participants' perceived alignment, most against least
        attentive audience."""
        if apart is None:
            return float("nan")
        most, least = (shift.of("alignment_participants", name) for name in apart)
        return most - least

    return {
        "M3": audiences,
        "M5": lambda shift: shift.of("credibility", "host"),
        "M6": lambda shift: shift.of("relations", "europe_host"),
        "M7": asia,
        "M9": lambda shift: shift.of("room", "host"),
        "M10": lambda shift: shift.of("insecurity_host"),
        "M12": association,
        "M13": lambda shift: (
            shift.of("influence", "host_junior") - shift.of("influence", "third_junior")
        ),
        "M14": lambda shift: shift.of("neutrality_gap", "host"),
    }
