"""What is read off the states themselves in a run: relations, credibility, influence, stances, by window.

A `Watch` looks at the engine's view at a few dates, the ends of the report's windows, and keeps a number
a run. It changes nothing. Windows count from the day of the event; a window that the scenario's end
cuts off is missing. Columns are rounded to 12 decimals, so that they do not depend on how runs are cut into
blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from balance_sim.model import responses
from balance_sim.model.baseline import Worlds
from balance_sim.model.classes import classes_of
from balance_sim.model.core import DIRECTIONS, World
from balance_sim.model.perception import View
from balance_sim.model.state import Accords, State
from balance_sim.model.world import capabilities
from balance_sim.replications.cast import Cast
from balance_sim.replications.columns import DECIMALS
from balance_sim.replications.outcomes import is_new
from balance_sim.replications.scene import Scene, seen
from balance_sim.scenario.schema import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Observe = Callable[[World, State, View], None]


@dataclass
class _Held:
    """Of the longest window: what stances need beside the accords."""

    effort: Floats  # (R, n)
    tie: Floats  # (R, n)


class Watch:
    """Looks at runs of several arms for the event's cast. `observer(arm)` goes into `simulate`."""

    def __init__(self, worlds: Worlds, cast: Cast) -> None:
        self.worlds = worlds
        self.cast = cast
        self.windows = sorted(worlds.scenario.report.windows)
        self._found: dict[str, dict[str, Floats]] = {}
        self._held: dict[str, _Held] = {}
        self._due: dict[int, list[int]] = {}
        for window in self.windows:
            if (step := self.step_of(window)) is not None:
                self._due.setdefault(step, []).append(window)

    def step_of(self, window: int) -> int | None:
        """The step in which a window ends; None where the scenario ends before."""
        return step_at(self.worlds.reference.grid, self.cast.day, window)

    def observer(self, arm: str) -> Observe:
        """What looks on while an arm is simulated."""

        def look(world: World, state: State, view: View) -> None:
            due = self._due.get(view.step, ())
            if not due:
                return
            scene = Scene(world, self.worlds.baseline, state, view)
            for window in due:
                self._look(arm, window, scene)

        return look

    def _look(self, arm: str, window: int, scene: Scene) -> None:
        columns = self._found.setdefault(arm, {})
        for what, values in seen(scene, self.cast, apart=window == self.windows[0]).items():
            columns[f"{what}_{window}"] = np.round(values, DECIMALS)
        if window == self.windows[-1]:
            relation = responses.relations(scene.view.own, scene.view.against)
            spread = responses.polarisation(relation, scene.world.capability)
            columns[f"polarisation_{window}"] = np.round(spread, DECIMALS)
            settled = responses.in_camps(relation, scene.world.capability, self.worlds.camps.sides)
            for part, of in zip(settled._fields, settled, strict=True):
                columns[f"camps_{part}_{window}"] = np.round(of, DECIMALS)
            tie = scene.state.depth[:, :, list(self.cast.participants)].max(axis=-1)
            self._held[arm] = _Held(scene.state.effort.copy(), tie)

    def columns(self, arm: str, made: Accords, runs: int) -> dict[str, Floats]:
        """All that was seen in an arm, and the stances and the coalition that its agreements tell of."""
        cast, longest = self.cast, self.windows[-1]
        out = dict(self._found.get(arm, {}))
        world = self.worlds.reference
        for window in self.windows:
            if self.step_of(window) is not None:
                counter = signers(world, cast, made, runs, window, "counter")
                outside = np.where(np.isin(np.arange(world.n), cast.participants), 0.0, world.capability)
                weight = world.capability[list(cast.participants)].sum()
                out[f"coalition_{window}"] = np.round((counter * outside).sum(axis=1) / weight, DECIMALS)
        held = self._held.get(arm)
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


def share_steps(scenario: Scenario) -> dict[str, float]:
    """By how much one event moves each outcome that is a share, by the beginning of its name.

    The coalition: by what the two signers of a counter-balancing agreement weigh beside the participants, the root mean
    square over dyads that can sign one. Frustration: by one pair of states."""
    table, n = classes_of(scenario), len(scenario.codes)
    weight = dict(zip(scenario.codes, capabilities(scenario), strict=True))
    against = sum(weight[code] for code in table.participants if code in weight)
    joint = [
        (weight[a] + weight[b]) / against
        for a, b in combinations(scenario.codes, 2)
        if against and table.direction(a, b) == "counter"
    ]
    return {
        "coalition_": float(np.sqrt(np.mean(np.square(joint)))) if joint else 0.0,
        "camps_frustration_": 2.0 / (n * (n - 1)),
    }


def step_at(grid: Floats, day: float, window: int) -> int | None:
    """The step in which a window from a day on ends; None where the scenario ends before.

    >>> step_at(np.array([0.0, 7.0, 14.0, 21.0]), 2.0, 5), step_at(np.array([0.0, 7.0]), 2.0, 6)
    (1, None)
    """
    if day + window > grid[-1]:
        return None
    return min(int(np.searchsorted(grid, day + window, side="right")) - 1, len(grid) - 2)


def signers(world: World, cast: Cast, made: Accords, runs: int, window: float, direction: str) -> Bools:
    """(R, n) who signed a new security agreement of a direction within a window."""
    rows = is_new(made, cast.day, window) & (cast.direction[made.pair] == DIRECTIONS.index(direction))
    rows &= world.ladder.security[made.kind]
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
