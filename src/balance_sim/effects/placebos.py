"""Randomisation inference: is the event's effect larger than that of other events like
it?

Two families of placebos, both by the *expected* estimator: *participants*, the same
event with other sets of states of like number and size in its principals' place, whose
host is the most capable; and *dates*, the same event on days of the scenario without
one. The model knows no special days, so dates can only say no: an effect within 5 % of
the event's counts as large. A placebo's own participants decide who is threatened and
which dyads are counter-balancing. The same sets give placebos of what mechanisms read
off the states. The two-sided p value is (1 + placebos with an effect at least as large)
/ (1 + all of them): exact where the event is one of a set of exchangeable ones (Fisher
1935, The Design of Experiments; Phipson, Smyth 2010, Statistical Applications in
Genetics and Molecular Biology 9(1)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.expected import ExpectedSignatures
from balance_sim.effects.participants import (
    ALIKE,
    COUNTER,
    Participants,
    PlaceboComparison,
    PlaceboFamily,
    difference,
)
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Ints, World
from balance_sim.model.world import by_audience, compile_world
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.fingerprint import RecentResults, content_digest
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.arms import compile_arms
from balance_sim.study.filtered import TalksAtStart, Windows
from balance_sim.study.spans import at_start, course, in_spans, with_event

if TYPE_CHECKING:
    import pandas as pd


PARTICIPANTS, DATES = 199, 50  # placebos wanted of each family
COLUMNS = ["family", "label", "effect", "is_event"]


@dataclass(frozen=True)
class PlaceboTest:
    """The permutation test of a family: how many placebos, the two-sided p, the
    verdict."""

    placebos: int
    p: float
    verdict: str


@dataclass(frozen=True, repr=False)
class Placebos(OneLine):
    """Both families of one arm's event; `why` says why there are none."""

    arm: str | None
    families: tuple[PlaceboFamily, ...] = ()
    why: str = ""

    def table(self) -> pd.DataFrame:
        """Tidy: family, label, effect, is_event."""
        import pandas as pd

        rows = [
            (of.name, label, float(effect), at == 0)
            for of in self.families
            for at, (label, effect) in enumerate(
                zip(("the event", *of.labels), (of.event, *of.placebos), strict=True)
            )
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def tests(self) -> dict[str, PlaceboTest]:
        """By family, the test of each that has placebos."""
        return {
            family.name: PlaceboTest(len(family.placebos), family.p, family.verdict)
            for family in self.families
            if len(family.placebos)
        }

    def family(self, name: str) -> PlaceboFamily | None:
        """`participants` or `dates`; None where there are none."""
        return next((family for family in self.families if family.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: by family, or why there are none."""
        if self.why:
            return {"why": self.why}
        return {"arm": self.arm, "estimator": "expected"} | {
            of.name: of.as_dict() for of in self.families
        }

    @staticmethod
    def of_plain(said: dict[str, Any]) -> Placebos:
        """The other way round. Raises KeyError, TypeError for what is no such thing."""
        if "why" in said:
            return Placebos(None, why=said["why"])
        families = tuple(
            PlaceboFamily(
                float(of["effect"]),
                np.array(of["effects"], dtype=float),
                ALIKE if name == "dates" else 0.0,
                name=name,
                window=int(of["window"]),
                labels=tuple(of["labels"]),
                uninformative=int(of["uninformative"]),
                measures={
                    key: PlaceboComparison.of_plain(one)
                    for key, one in of.get("measures", {}).items()
                },
            )
            for name, of in said.items()
            if isinstance(of, dict)
        )
        return Placebos(said["arm"], families)


def placebos(
    scenario: Scenario, arm: str | None, *, most: int = PARTICIPANTS, dates: int = DATES
) -> Placebos:
    """Both families of placebos for the focal event of an arm, by the expected
    estimator.

    Depends on the scenario alone: of more runs or another seed it is not worked out
    again. Fisher 1935; Phipson, Smyth 2010: see the top of this module.

    Parameters
    ----------
    scenario : a complete scenario
    arm : its name; None, or one without the event, has no placebos, and `why` says so
    most, dates : how many of other participants, and of other dates, at most

    Returns
    -------
    Placebos : `families`, each with the event's effect and those of the placebos, in agreements within its window

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> found = placebos(scenario, "summit", dates=4)
    >>> [(of.name, len(of.placebos)) for of in found.families]
    [('participants', 5), ('dates', 4)]
    >>> placebos(scenario, None).why
    'there is no arm beside the control arm'
    """
    if arm is None:
        return Placebos(arm, why="there is no arm beside the control arm")
    given = (content_digest(scenario), scenario.plugins, arm, most, dates)
    return _FOUND.get(given, lambda: _found(scenario, arm, most, dates))


_FOUND = RecentResults[Placebos](most=4)


def _found(scenario: Scenario, arm: str, most: int, dates: int) -> Placebos:
    having, lacking = (
        arm_scenario(scenario, one) for one in (arm, scenario.reference_arm)
    )
    event = next((one for one in having.events if one.id == scenario.focal), None)
    if event is None:
        return Placebos(arm, why=f"the focal event is not in {arm}")
    if any(one.id == scenario.focal for one in lacking.events):
        return Placebos(arm, why="the control arm has the focal event")
    worlds, lacking = (
        compile_arms(scenario, (scenario.reference_arm, arm)),
        by_audience(lacking),
    )
    of_sets = Participants(worlds, lacking, event).family(most)
    return Placebos(arm, (of_sets, of_dates(worlds, lacking, event, dates)))


def of_dates(
    worlds: Worlds, lacking: Scenario, event: Event, most: int
) -> PlaceboFamily:
    """The event on other days, spread evenly over those without an event; the classes
    are the event's own.

    Agreements are counted in the longest of the report's windows that so many days
    leave room for."""
    world = worlds.reference
    taken = {(one.date - lacking.start).days for one in lacking.events}
    windows = sorted(worlds.scenario.report.windows)
    free: list[int] = []
    window = windows[0]
    for window in reversed(windows):
        last = int(world.grid[-1] - 1 - window)
        free = [
            day for day in range(int(world.focal_day) + 1, last + 1) if day not in taken
        ]
        if len(free) >= most:
            break
    spread = np.linspace(0, len(free) - 1, most) if free else np.empty(0)
    days = [
        int(world.focal_day),
        *(free[at] for at in np.unique(spread.round().astype(int))),
    ]
    grid = np.union1d(world.grid, np.array(days, dtype=float))
    fine = replace(
        compile_world(lacking, world.arm, grid, world.focal_day), ladder=world.ladder
    )
    count = np.flatnonzero(worlds.baseline.direction == COUNTER)
    effects, talks, start = [], TalksAtStart(worlds), at_start(fine)
    for day in days:
        edges = edges_around(fine, float(day), window)
        control, gives = (
            in_spans(fine, edges),
            ExpectedSignatures(worlds, grid[edges], talks),
        )
        found = course(control, worlds.baseline, count, start=start)
        idle, of = gives.idle(found), Windows(float(day), (window,), float(grid[-1]))
        there = with_event(
            control,
            lacking,
            event.model_copy(update={"date": lacking.start + timedelta(days=day)}),
        )
        having = course(there, worlds.baseline, count, start=start, beside=found)
        effects.append(
            difference(
                gives, gives.signed(found, idle, of).signed[window], having, idle, of
            )
        )
    labels = tuple(
        (lacking.start + timedelta(days=day)).isoformat() for day in days[1:]
    )
    return PlaceboFamily(
        effects[0],
        np.array(effects[1:]),
        ALIKE,
        name="dates",
        window=window,
        labels=labels,
    )


AROUND = 6  # spans within the window after a date


def edges_around(world: World, day: float, window: int) -> Ints:
    """(K + 1,) steps: spans of equal length up to a day, and from it to the end of a
    window; then the rest."""
    grid = world.grid
    end = min(day + window + 1, grid[-1])
    before = np.linspace(0.0, day, max(2, round(day / max(window / 3, 30))) + 1)
    after = np.linspace(day, end, AROUND + 1)
    steps = np.searchsorted(grid, np.concatenate([before, after, [grid[-1]]]))
    return np.unique(np.clip(steps, 0, world.steps))
