"""Which event does the model answer to: is the effect specific to these participants,
and does it fade?

Two families of placebos, both by the *expected* estimator: *participants*, the same
event with other sets of states of like number and size in its principals' place, whose
host is the most capable and whose targets are coded by one rule; and *dates*, the same
event on days of the scenario without one, of which an effect within 5 % of the event's
counts as large. The event's number among other participants is the headline's by this
estimator, where its arm changes nothing but the event. A placebo's own participants
decide who is threatened and which dyads are counter-balancing. The effect of each is a
number that the model gives: no chance is in it, so that a rank among them is no p
value, and it says nothing of size.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.participants import (
    ALIKE,
    COUNTER,
    Participants,
    PlaceboFamily,
    security_gain,
)
from balance_sim.model.baseline import Worlds, compile_beside, compile_worlds
from balance_sim.model.core import Ints, World
from balance_sim.model.world import by_audience
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.study.expected import ExpectedSignatures
from balance_sim.study.spans import at_start, course, in_spans, with_event
from balance_sim.study.talks_at_start import TalksAtStart, Windows

if TYPE_CHECKING:
    import pandas as pd


PARTICIPANTS, DATES = 199, 50  # placebos wanted of each family
COLUMNS = ["family", "label", "effect", "is_event"]
AROUND = 6  # spans within the window after a date


@dataclass(frozen=True)
class PlaceboTest:
    """Of a family: how many placebos, the event's rank among itself and them, the
    verdict."""

    placebos: int
    rank: int
    verdict: str


@dataclass(frozen=True, repr=False)
class Placebos(OneLine):
    """Both families of one arm's event; `why` says why there are none. is_alone: the
    arm differs from the control arm in the event alone, so that the event's effect is
    the arm's."""

    arm: str | None
    families: tuple[PlaceboFamily, ...] = ()
    why: str = ""
    is_alone: bool = True

    def table(self) -> pd.DataFrame:
        """Tidy: family, label, effect, is_event."""
        from balance_sim.stats.frame import Frame

        rows: list[tuple[str, str, float, bool]] = []
        for family in self.families:
            rows.append((family.name, "the event", float(family.event), True))
            for label, effect in zip(family.labels, family.placebos, strict=True):
                rows.append((family.name, label, float(effect), False))
        return Frame(rows, columns=COLUMNS)

    def tests(self) -> dict[str, PlaceboTest]:
        """By family, the test of each that has placebos."""
        return {
            family.name: PlaceboTest(len(family.placebos), family.rank, family.verdict)
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
        families = {family.name: family.as_dict() for family in self.families}
        head = {"arm": self.arm, "estimator": "expected", "is_alone": self.is_alone}
        return head | families


def placebos(
    scenario: ScenarioSource,
    arm: str | None,
    *,
    most: int = PARTICIPANTS,
    dates: int = DATES,
) -> Placebos:
    """Both families of placebos for the focal event of an arm, by the expected
    estimator. Depends on the scenario alone.

    Parameters
    ----------
    scenario : a complete scenario, or the path or the name of one
    arm : its name; None, or one without the event, has no placebos, and `why` says so
    most, dates : how many of other participants, and of other dates, at most

    Returns
    -------
    Placebos
        `families`, each with the event's effect and those of the placebos, in
        agreements within its window

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> found = placebos(scenario, "summit", dates=4)
    >>> [(family.name, len(family.placebos)) for family in found.families]
    [('participants', 1), ('dates', 4)]
    >>> placebos(scenario, None).why
    'there is no arm beside the control arm'
    """
    scenario = scenario_from(scenario)
    control = scenario.reference_arm
    if arm is None:
        return Placebos(arm, why="there is no arm beside the control arm")
    event, in_control = _focal_event(scenario, arm), _focal_event(scenario, control)
    if event is None:
        return Placebos(arm, why=f"the focal event is not in {arm}")
    if in_control is not None:
        return Placebos(arm, why="the control arm has the focal event")
    worlds = compile_worlds(scenario, (control, arm), bounded=False)
    lacking = by_audience(arm_scenario(worlds.scenario, control))
    participants = Participants(worlds, lacking, event).family(most)
    families = participants, of_dates(worlds, lacking, event, dates)
    return Placebos(arm, families, is_alone=_is_alone(scenario, arm))


def _is_alone(scenario: Scenario, arm: str) -> bool:
    """Whether an arm is the control arm with the focal event."""
    control = arm_scenario(scenario, scenario.reference_arm)
    having = arm_scenario(scenario, arm)
    others = tuple(one for one in having.events if one.id != scenario.focal)
    without = {"events": others, "sha256": control.sha256}
    return having.model_copy(update=without) == control


def _focal_event(scenario: Scenario, arm: str) -> Event | None:
    """The focal event as it is in an arm; None where the arm lacks it."""
    events = arm_scenario(scenario, arm).events
    return next((event for event in events if event.id == scenario.focal), None)


def of_dates(
    worlds: Worlds, lacking: Scenario, event: Event, most: int
) -> PlaceboFamily:
    """The event on other days, spread evenly over those without an event; the classes
    are the event's own.

    Agreements are counted in the longest of the report's windows that so many days
    leave room for."""
    world = worlds.reference
    window, free_days = _free_days(worlds, lacking, most)
    places = np.linspace(0, len(free_days) - 1, most) if free_days else np.empty(0)
    chosen = np.unique(places.round().astype(int))
    days = [int(world.focal_day), *(free_days[k] for k in chosen)]
    grid = np.union1d(world.grid, np.array(days, dtype=float))
    fine = compile_beside(lacking, world.arm, grid, world, worlds.start)
    dyads = np.flatnonzero(worlds.baseline.direction == COUNTER)
    talks, start = TalksAtStart(worlds, dyads), at_start(fine)

    def effect_on(day: int) -> float:
        """Expected counter-balancing agreements more with the event on a day."""
        if not len(dyads):
            return 0.0
        edges = edges_around(fine, float(day), window)
        control = in_spans(fine, edges)
        signatures = ExpectedSignatures(worlds, fine.grid[edges], talks, dyads)
        without = course(control, worlds.baseline, dyads, start=start)
        date = lacking.start + timedelta(days=day)
        dated = event.model_copy(update={"date": date})
        world = with_event(control, lacking, dated)
        having = course(world, worlds.baseline, dyads, start=start, beside=without)
        idle = signatures.idle(without)
        windows = Windows(float(day), (window,), float(world.grid[-1]))
        expected = signatures.signed(without, idle, windows).signed[window]
        return security_gain(signatures.signed(having, idle, windows), expected)

    dates = [lacking.start + timedelta(days=day) for day in days[1:]]
    effect = effect_on(days[0])
    return PlaceboFamily(
        effect,
        np.array([effect_on(day) for day in days[1:]]),
        ALIKE,
        name="dates",
        window=window,
        by_rule=effect,
        labels=tuple(date.isoformat() for date in dates),
    )


def _free_days(worlds: Worlds, lacking: Scenario, most: int) -> tuple[int, list[int]]:
    """The longest window that leaves room for so many days without an event, else the
    shortest; and those days."""
    world = worlds.reference
    taken = {(event.date - lacking.start).days for event in lacking.events}
    windows = sorted(worlds.scenario.report.windows)
    for window in reversed(windows):
        days = range(int(world.focal_day) + 1, int(world.grid[-1] - window))
        free = [day for day in days if day not in taken]
        if len(free) >= most:
            break
    return window, free


def edges_around(world: World, day: float, window: int) -> Ints:
    """(K + 1,) steps: spans of equal length up to a day, and from it to the end of a
    window; then the rest. They are cut where something changes."""
    grid = world.grid
    end = min(day + window + 1, grid[-1])
    count = max(2, round(day / max(window / 3, 30)))
    until_day = np.linspace(0.0, day, count + 1)
    in_window = np.linspace(day, end, AROUND + 1)
    steps = np.searchsorted(grid, np.concatenate([until_day, in_window, [grid[-1]]]))
    changes = np.array([step for step, _ in world.turns], dtype=steps.dtype)
    return np.unique(np.clip(np.concatenate([steps, changes]), 0, world.steps))
