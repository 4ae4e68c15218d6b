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

from balance_sim.model import responses
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, World
from balance_sim.model.state import Accords, State
from balance_sim.model.view import View
from balance_sim.study.cast import Cast
from balance_sim.study.outcomes import is_new
from balance_sim.study.scene import Scene, seen

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
