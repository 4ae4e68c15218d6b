"""The expected effect of one arm: levels, channels and dyads, without simulating. What
`balance-sim effect` prints.

The focal event shows its principals together (evidence on alignment), and is aimed at
its targets (evidence on intent, and what it takes off the principals' reliability). The
effect of an arm that has it is divided between the two channels by exact Shapley values
of the *expected* estimator, of an arm with neither, each alone, and both. What the arm
changes besides the event is a part of its own; the parts sum to its effect.

What the focal event changes in how groups of states see its host, week by week, by the
expected estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.effects.expected import Estimator, Expected
from balance_sim.effects.placebos import Placebos, placebos
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, Floats, World, content_key
from balance_sim.model.engine import close_step, perceive
from balance_sim.model.world import compile_world
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import OneLine, WrongRequest
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.stats.variance import shapley
from balance_sim.study.arms import chosen_arms, compile_arms, headline_arm
from balance_sim.study.outcomes import Outcome
from balance_sim.study.recorder import step_at
from balance_sim.study.scene import StateMetrics, focal_roles
from balance_sim.study.spans import at_start, in_spans, spans

if TYPE_CHECKING:
    from balance_sim.model.core import Baseline
    from balance_sim.study.scene import EventRoles

Pair = tuple[dict[str, float], dict[str, float]]

CHANNELS: dict[str, dict[str, object]] = {
    "picture": {"sign": 0},
    "threat": {"targets": ()},
}
"""Of the focal event, and what takes each away: nobody is shown together; nobody is its
target."""
COLUMNS = ["arm", "outcome", "picture", "threat", "rest", "total"]


@dataclass(frozen=True, repr=False)
class ExpectedEffect:
    """An arm beside the control arm, by the expected estimator.

    outcomes: expected numbers by outcome, in the control arm and in the arm. parts: of
    the effect on counter-balancing agreements within the longest window, None where the
    arm lacks the event. dyads: tidy, a, b, direction, control, mean, effect, in the
    longest window; the largest effects first."""

    scenario: Scenario
    arm: str
    outcomes: Pair
    parts: dict[str, float] | None
    dyads: pd.DataFrame

    @property
    def window(self) -> int:
        """The longest window reported, in days."""
        return max(self.scenario.report.windows)

    @property
    def outcome(self) -> str:
        """The headline's: counter-balancing security agreements within the longest
        window."""
        return Outcome("accords", "counter", self.window).name

    @property
    def effect(self) -> float:
        """On that outcome."""
        control, having = (of[self.outcome] for of in self.outcomes)
        return having - control

    def rows(self, what: str = "accords") -> Iterator[tuple[str, int, float, float]]:
        """Direction, window, expected number in the control arm, and in the arm. what:
        `accords` or `declarations`."""
        control, having = self.outcomes
        for name in DIRECTIONS:
            for days in sorted(self.scenario.report.windows):
                outcome = f"{what}_{name}_{days}"
                yield name, days, control[outcome], having[outcome]

    def __repr__(self) -> str:
        control = self.outcomes[0][self.outcome]
        shown = {
            name: value
            for name, value in (self.parts or {}).items()
            if value and name != "total"
        }
        said = "".join(f", {name} {value:+.4f}" for name, value in shown.items())
        return f"<{self.arm}: effect {self.effect:+.4f} on {control:.2f}, expected estimator{said}>"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        control, having = self.outcomes
        return {
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            "estimator": "expected",
            "control": self.scenario.reference_arm,
            "arm": self.arm,
            "effects": {
                name: {
                    "control": control[name],
                    "mean": having[name],
                    "effect": having[name] - control[name],
                }
                for name in having
            },
            "channels": self.parts,
            "dyads": self.dyads.to_dict("records"),
        }


def expected_effect(scenario: Scenario, arm: str | None = None) -> ExpectedEffect:
    """The expected effect of an arm, the headline arm if not given, over the control
    arm.

    Raises
    ------
    WrongRequest : for an unknown arm, the control arm, or a scenario with no other

    Examples
    --------
    >>> from balance_sim.scenario import load_scenario
    >>> scenario = load_scenario("scenarios/solomon_2022.yaml")  # doctest: +SKIP
    >>> round(expected_effect(scenario).outcomes[1]["accords_counter_731"], 2)  # doctest: +SKIP
    """
    reference = scenario.reference_arm
    if arm is None:
        arm = headline_arm(scenario, chosen_arms(scenario, None))
    if arm is None:
        raise WrongRequest(
            f"the scenario has no arm beside {reference}: there is no effect to tell"
        )
    arms = chosen_arms(scenario, [arm])
    if arm == reference:
        others = ", ".join(one for one in scenario.arms if one != reference)
        raise WrongRequest(
            f"{arm} is the control arm; the effect of another over it can be told: {others}"
        )
    return ExpectedEffect(scenario, arm, *figures(compile_arms(scenario, arms), arm))


@dataclass(frozen=True)
class ExpectedControl:
    """The control arm by the expected estimator: the same for all scenarios that have
    one `reference_key`."""

    world: World
    estimator: Estimator
    expected: Expected

    @staticmethod
    def of(worlds: Worlds) -> ExpectedControl:
        estimator = Estimator(worlds)
        return ExpectedControl(
            worlds.reference, estimator, estimator.of(worlds.reference)
        )

    @staticmethod
    def among(
        kept: MutableMapping[str, ExpectedControl], key: str, worlds: Worlds
    ) -> ExpectedControl:
        """The one kept under a `reference_key` if it has the spans of these worlds, or
        a new one that is put there."""
        found = kept.get(key)
        if found is None or not np.array_equal(found.estimator.edges, spans(worlds)):
            found = kept[key] = ExpectedControl.of(worlds)
        return found


def figures(
    worlds: Worlds,
    arm: str,
    control: ExpectedControl | None = None,
    between: Callable[[], None] | None = None,
    *,
    split: bool = True,
) -> tuple[Pair, dict[str, float] | None, pd.DataFrame]:
    """Of an `ExpectedEffect` its outcomes, parts and dyads.

    control: kept from before. between: called between its steps, a few hundredths of a
    second apart; may raise. split: with parts."""
    look = between or (lambda: None)
    control = control or ExpectedControl.of(worlds)
    look()
    estimator, base, direction = (
        control.estimator,
        control.expected,
        worlds.baseline.direction,
    )
    having = estimator.of(worlds.arms[arm])
    counter = np.flatnonzero(direction == DIRECTIONS.index("counter"))
    longest = estimator.windows.longest
    windows = replace(estimator.windows, days=(longest,))

    def worth(world: World) -> float:
        if world is worlds.arms[arm]:
            return float(having.by_direction(direction, longest)[0])
        if content_key(world, ("arm",)) == content_key(control.world, ("arm",)):
            return level
        look()
        of = estimator.of(world, counter, windows)
        return float(of.by_direction(direction[counter], longest)[0])

    level = float(base.by_direction(direction, longest)[0])
    worths = [worth(world) for world in forms(worlds, arm)] if split else []
    outcomes = base.outcomes(direction), having.outcomes(direction)
    return (
        outcomes,
        parts(worths, level) if worths else None,
        _dyads(worlds, base, having, longest),
    )


def _dyads(
    worlds: Worlds, base: Expected, having: Expected, window: int
) -> pd.DataFrame:
    import pandas as pd

    world, codes = worlds.reference, np.array(worlds.reference.codes)
    control, mean = base.by_dyad(window), having.by_dyad(window)
    frame = pd.DataFrame({"a": codes[world.first], "b": codes[world.second]})
    frame = frame.assign(direction=np.array(DIRECTIONS)[worlds.baseline.direction])
    return largest_first(
        frame.assign(control=control, mean=mean, effect=mean - control), mean - control
    )


def largest_first(dyads: pd.DataFrame, of: pd.Series[float] | Floats) -> pd.DataFrame:
    """Rows of dyads by the size of a number, whatever its sign; ties by their codes."""
    return dyads.iloc[np.lexsort((dyads["b"], dyads["a"], -np.abs(of)))].reset_index(
        drop=True
    )


@dataclass(frozen=True, repr=False)
class Channels(OneLine):
    """Of each arm that has the focal event, by outcome: what picture and threat add,
    the rest, and the total."""

    parts: dict[str, dict[str, dict[str, float]]]

    @property
    def table(self) -> pd.DataFrame:
        """The same, tidy: the columns of COLUMNS."""
        import pandas as pd

        rows = [
            (arm, outcome, *of.values())
            for arm, by in self.parts.items()
            for outcome, of in by.items()
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def of(self, arm: str, outcome: str) -> dict[str, float] | None:
        """The parts of an arm's effect on an outcome; None where the arm lacks the
        event."""
        return self.parts.get(arm, {}).get(outcome)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: by arm and outcome."""
        return {"estimator": "expected", "arms": self.parts}

    @staticmethod
    def of_plain(said: dict[str, Any]) -> Channels:
        """The other way round. Raises KeyError for what is no such thing."""
        return Channels(said["arms"])


def without_channels(event: Event, live: Sequence[str]) -> Event:
    """The event with only these of its channels."""
    changes = {
        key: value
        for name, of in CHANNELS.items()
        if name not in live
        for key, value in of.items()
    }
    return event.model_copy(update=changes) if changes else event


def placebos_and_channels(
    scenario: Scenario, arms: Sequence[str]
) -> tuple[Placebos, Channels]:
    """What takes time and depends on no run: placebos of the headline arm, channels of
    every arm."""
    return placebos(scenario, headline_arm(scenario, arms)), channels_of(scenario, arms)


def channels_of(scenario: Scenario, arms: Sequence[str]) -> Channels:
    """The channels of the focal event in each arm that has it, for each count of
    agreements. arms: control first."""
    worlds = compile_arms(scenario, arms)
    estimator, direction = Estimator(worlds), worlds.baseline.direction
    by_content: dict[bytes, dict[str, float]] = {}

    def outcomes(world: World) -> dict[str, float]:
        """Worked out once for worlds of equal contents: with neither channel most arms
        are the control arm."""
        key = content_key(world, ("arm",))
        if key not in by_content:
            by_content[key] = estimator.of(world).outcomes(direction)
        return by_content[key]

    base = outcomes(worlds.reference)
    out = {}
    for arm in arms:
        found = [outcomes(world) for world in forms(worlds, arm)]
        if found:
            out[arm] = {
                name: parts([of[name] for of in found], level)
                for name, level in base.items()
            }
    return Channels(out)


def forms(worlds: Worlds, arm: str) -> Iterator[World]:
    """An arm's world with neither channel of its focal event, with each alone, and with
    both; none if it lacks it."""
    scenario = worlds.scenario
    version = arm_scenario(scenario, arm, sealed=False)
    event = next((one for one in version.events if one.id == scenario.focal), None)
    if event is None or arm == scenario.reference_arm:
        return
    world = worlds.arms[arm]
    for live in ((), *((one,) for one in CHANNELS)):
        changed = without_channels(event, live)
        events = tuple(changed if one.id == event.id else one for one in version.events)
        made = compile_world(
            version.model_copy(update={"events": events}),
            arm,
            world.grid,
            world.focal_day,
        )
        yield replace(made, ladder=world.ladder)
    yield world


def parts(worth: Sequence[float], level: float) -> dict[str, float]:
    """Picture, threat and rest of an effect, and the whole. worth: of each of `forms`;
    level: of the control arm."""
    picture, threat = shapley(np.array(worth))
    found = (picture, threat, worth[0] - level, worth[-1] - level)
    return {name: float(value) for name, value in zip(COLUMNS[2:], found, strict=True)}


effect = expected_effect  # as `balance_sim.effect`


WEEK = 7.0


def relations_by_week(
    scenario: Scenario, reference: str, arm: str
) -> tuple[pd.DataFrame, dict[int, float]]:
    """Change of the groups' mean relations to the host in an arm relative to the
    control arm, by weeks.

    Beliefs are worked out from the event on, with the network as at the start and
    without random numbers. Returns the table, tidy: group, day (from the event; the
    start of a week), change (-1 to 1 is the relation's scale); empty where the event
    has no host. And by window of the report, in days, where on such an axis the
    replications' number stands: the middle of the step in which the window ends."""
    worlds = compile_arms(scenario, (reference, arm))
    cast, steps = focal_roles(worlds), worlds.reference.grid
    if cast.host is None:
        return pd.DataFrame(columns=["group", "day", "change"]), {}
    weeks = np.arange(cast.day, steps[-1], WEEK)
    grid = np.unique(np.concatenate([steps[steps < cast.day], weeks, steps[-1:]]))
    with_it, without = (
        _relations(
            compile_world(
                arm_scenario(scenario, one, sealed=False), one, grid, cast.day
            ),
            worlds.baseline,
            cast,
        )
        for one in (arm, reference)
    )
    change, days = with_it - without, grid[:-1] - cast.day
    parts = []
    for name, who in cast.groups.items():
        others = who[who != cast.host]
        if len(others):
            parts.append(
                pd.DataFrame(
                    {
                        "group": name,
                        "day": days,
                        "change": change[:, others].mean(axis=1),
                    }
                )
            )
    middle = (steps[1:] + steps[:-1]) / 2 - cast.day
    ends = {
        window: step_at(steps, cast.day, window) for window in scenario.report.windows
    }
    table = pd.concat(parts, ignore_index=True)
    return table[table["day"] >= 0], {
        window: float(middle[k]) for window, k in ends.items() if k is not None
    }


def _relations(world: World, baseline: Baseline, cast: EventRoles) -> Floats:
    """(steps, n) how each state sees the host at each step."""
    world = in_spans(world, np.arange(world.steps + 1))
    state, out = at_start(world), []
    for step in range(world.steps):
        view = perceive(world, state, step)
        out.append(
            StateMetrics(world, baseline, state, view).relation(int(cast.host or 0))[0]
        )
        close_step(world, baseline, state, view)
    return np.array(out)
