"""What an event moves in the states' beliefs, one number a mechanism, by `scene.seen` with the event and without it.

The network is as at the start, there are no provocations and no random numbers: the control arm's world in three spans
(before the event, the report's shortest window, and the step in which that window ends), with the event and without.
So the event can be set beside many placebos (`placebos.py`) and many draws of the parameters (`mechanisms/signs.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import World
from balance_sim.model.engine import close_step, perceive
from balance_sim.model.news import attention_to
from balance_sim.model.state import State
from balance_sim.replications.expected import at_start, in_spans, with_event
from balance_sim.replications.outcomes import Outcome
from balance_sim.replications.recorder import step_at
from balance_sim.replications.scene import Cast, Scene, audience_members, focal_cast, seen
from balance_sim.scenario.schema import Event, Scenario


@dataclass(frozen=True)
class Shift:
    """Outcomes of one event's cast, with the event and without it."""

    cast: Cast
    having: Mapping[Outcome, float]
    lacking: Mapping[Outcome, float]

    def of(self, measure: str, whom: str = "") -> float:
        """Change of an outcome; NaN where the cast has none such."""
        outcome = Outcome(measure, whom)
        return self.having[outcome] - self.lacking[outcome] if outcome in self.having else float("nan")


class Frozen:
    """The control arm's world at the end of the shortest window, and what an event moves in it."""

    def __init__(self, worlds: Worlds, lacking: Scenario, step: int) -> None:
        """lacking: the scenario as it is in the control arm; step: in which the window ends."""
        world = worlds.reference
        focal = int(np.searchsorted(world.grid, world.focal_day))
        self.worlds, self.scenario = worlds, lacking
        self.world = in_spans(world, np.unique([0, focal, step, step + 1]))
        self.state = at_start(self.world)
        self.without = self._scene(self.world, at_start(self.world))

    @staticmethod
    def of(worlds: Worlds, lacking: Scenario) -> Frozen | None:
        """None where the scenario ends before its shortest window does."""
        world = worlds.reference
        step = step_at(world.grid, world.focal_day, min(worlds.scenario.report.windows))
        return None if step is None else Frozen(worlds, lacking, step)

    def _scene(self, world: World, state: State) -> Scene:
        for step in range(world.steps - 1):
            close_step(world, self.worlds.baseline, state, perceive(world, state, step))
        return Scene(world, self.worlds.baseline, state, perceive(world, state, world.steps - 1))

    def shift(self, event: Event, cast: Cast) -> Shift:
        """What an event moves for a cast."""
        having = self._scene(with_event(self.world, self.scenario, event), replace(self.state))
        there, here = (
            {outcome: float(of[0]) for outcome, of in seen(scene, cast, apart=True).items()}
            for scene in (having, self.without)
        )
        return Shift(cast, there, here)


def audiences_apart(worlds: Worlds, cast: Cast) -> tuple[str, str] | None:
    """The audience that heeds the focal event most, and the one that heeds it least; None where all heed it alike."""
    scenario = worlds.scenario
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    heed = {name: attention_to(scenario, name, focal.kind) for name in cast.audiences}
    if len(set(heed.values())) < 2:
        return None
    size = {name: len(outsiders(worlds, cast, name)) for name in heed}
    most = max(heed, key=lambda name: (heed[name], size[name]))
    return most, min(heed, key=lambda name: (heed[name], -size[name]))


def outsiders(worlds: Worlds, cast: Cast, audience: str) -> list[int]:
    """Members of an audience, participants left out."""
    return [i for i in audience_members(worlds, audience) if i not in cast.participants]


def asian_shares(cast: Cast) -> dict[str, float]:
    """The groups whose names begin with `asia`, each with its share of their states; the host left out."""
    sizes = {
        name: int((who != cast.host).sum()) for name, who in cast.groups.items() if name.startswith("asia")
    }
    total = sum(sizes.values())
    return {name: size / total for name, size in sizes.items() if size}


def asia(shift: Shift) -> float:
    """M7: mean change of Asia's relation to the host."""
    shares = asian_shares(shift.cast)
    parts = [share * shift.of("relations", f"{name}_host") for name, share in shares.items()]
    return sum(parts) if parts else float("nan")


def association(shift: Shift) -> float:
    """M12: share of the change of hostility to the host that comes through its partners."""
    drawn, own = (shift.of(part, "outside_host") for part in ("drawn_in", "hostility"))
    return drawn / (drawn + own) if drawn + own else float("nan")


def rivalry(shift: Shift) -> float:
    """M13: change of the host's influence over the junior principal less the third's."""
    return shift.of("influence", "host_junior") - shift.of("influence", "third_junior")


def measures(worlds: Worlds) -> dict[str, Callable[[Shift], float]]:
    """The measures of mechanisms that are read off the states, by id. NaN where a cast does not have what they need."""
    apart = audiences_apart(worlds, focal_cast(worlds))

    def audiences(shift: Shift) -> float:
        """M3: rise of the participants' perceived alignment, most against least attentive audience."""
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
        "M13": rivalry,
        "M14": lambda shift: shift.of("neutrality_gap", "host"),
    }
