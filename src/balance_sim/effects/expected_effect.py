"""The expected effect of one arm: levels, channels and dyads, without simulating. What
`balance-sim effect` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.channels import forms, parts
from balance_sim.effects.expected import Estimator, Expected
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, Floats, World, content_key
from balance_sim.scenario.errors import OneLine, WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms, compile_arms, headline_arm
from balance_sim.study.outcomes import Outcome
from balance_sim.study.spans import spans

if TYPE_CHECKING:
    import pandas as pd

COUNTER = DIRECTIONS.index("counter")
ControlAndArm = tuple[dict[str, float], dict[str, float]]
"""Expected numbers by outcome, in the control arm and in the arm."""


@dataclass(frozen=True, repr=False)
class ExpectedEffect(OneLine):
    """An arm beside the control arm, by the expected estimator.

    outcomes: expected numbers by outcome, in the control arm and in the arm. parts: of
    the effect on counter-balancing agreements within the longest window, None where the
    arm lacks the event. dyads: tidy, a, b, direction, control, mean, effect, in the
    longest window; the largest effects first."""

    scenario: Scenario
    arm: str
    outcomes: ControlAndArm
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
        control, having = self.outcomes
        return having[self.outcome] - control[self.outcome]

    def rows(self, measure: str = "accords") -> Iterator[tuple[str, int, float, float]]:
        """Direction, window, expected number in the control arm, and in the arm.
        measure: `accords` or `declarations`."""
        control, having = self.outcomes
        for name in DIRECTIONS:
            for days in sorted(self.scenario.report.windows):
                outcome = f"{measure}_{name}_{days}"
                yield name, days, control[outcome], having[outcome]

    def __repr__(self) -> str:
        level = self.outcomes[0][self.outcome]
        shown = ""
        for name, value in (self.parts or {}).items():
            if value and name != "total":
                shown += f", {name} {value:+.4f}"
        effect = f"effect {self.effect:+.4f} on {level:.2f}"
        return f"<{self.arm}: {effect}, expected estimator{shown}>"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        control, having = self.outcomes
        effects = {}
        for name, mean in having.items():
            effect = mean - control[name]
            effects[name] = {"control": control[name], "mean": mean, "effect": effect}
        return {
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            "estimator": "expected",
            "control": self.scenario.reference_arm,
            "arm": self.arm,
            "effects": effects,
            "channels": self.parts,
            "dyads": self.dyads.to_dict("records"),
        }


def expected_effect(scenario: Scenario, arm: str | None = None) -> ExpectedEffect:
    """The expected effect of an arm, the headline arm if not given, over the control
    arm.

    Parameters
    ----------
    scenario : a complete scenario
    arm : its name

    Returns
    -------
    ExpectedEffect : expected numbers of agreements in both arms, the parts of the
        effect, and its dyads

    Raises
    ------
    WrongRequest : for an unknown arm, the control arm, or a scenario with no other

    Examples
    --------
    >>> from balance_sim.scenario import load_scenario
    >>> scenario = load_scenario("scenarios/solomon_2022.yaml")  # doctest: +SKIP
    >>> _, having = expected_effect(scenario).outcomes  # doctest: +SKIP
    >>> round(having["accords_counter_731"], 2)  # doctest: +SKIP
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
        others = ", ".join(name for name in scenario.arms if name != reference)
        raise WrongRequest(
            f"{arm} is the control arm; the effect of another over it can be told: "
            f"{others}"
        )
    worlds = compile_arms(scenario, arms)
    return ExpectedEffect(scenario, arm, *effect_with_parts(worlds, arm))


effect = expected_effect  # as `balance_sim.effect`


@dataclass(frozen=True)
class ExpectedControl:
    """The control arm by the expected estimator: the same for all scenarios that have
    one `reference_key`."""

    world: World
    estimator: Estimator
    expected: Expected

    @staticmethod
    def of(worlds: Worlds) -> ExpectedControl:
        """Worked out for the control arm of these worlds."""
        estimator, world = Estimator(worlds), worlds.reference
        return ExpectedControl(world, estimator, estimator.of(world))

    @staticmethod
    def among(
        kept: MutableMapping[str, ExpectedControl], key: str, worlds: Worlds
    ) -> ExpectedControl:
        """The one kept under a `reference_key` if it has the spans of these worlds, or
        a new one that is put there."""
        control = kept.get(key)
        if control is None or not np.array_equal(
            control.estimator.edges, spans(worlds)
        ):
            control = kept[key] = ExpectedControl.of(worlds)
        return control


def expected_numbers(
    worlds: Worlds, arm: str, control: ExpectedControl
) -> tuple[ControlAndArm, pd.DataFrame]:
    """Of an `ExpectedEffect` its outcomes and dyads."""
    having = control.estimator.of(worlds.arms[arm])
    direction = worlds.baseline.direction
    outcomes = control.expected.outcomes(direction), having.outcomes(direction)
    return outcomes, _dyads(worlds, control.expected, having)


def effect_with_parts(
    worlds: Worlds,
    arm: str,
    control: ExpectedControl | None = None,
    between: Callable[[], None] = lambda: None,
) -> tuple[ControlAndArm, dict[str, float] | None, pd.DataFrame]:
    """Of an `ExpectedEffect` its outcomes, parts and dyads.

    control: kept from before. between: called between its steps, a few hundredths of a
    second apart; may raise."""
    control = control or ExpectedControl.of(worlds)
    between()
    estimator, direction = control.estimator, worlds.baseline.direction
    having = estimator.of(worlds.arms[arm])
    longest = estimator.windows.longest
    windows = replace(estimator.windows, days=(longest,))
    dyads = np.flatnonzero(direction == COUNTER)
    level = float(control.expected.by_direction(direction, longest)[COUNTER])
    control_key = content_key(control.world, ("arm",))

    def worth(world: World) -> float:
        """Expected counter-balancing agreements of a form of the arm."""
        if world is worlds.arms[arm]:
            return float(having.by_direction(direction, longest)[COUNTER])
        if content_key(world, ("arm",)) == control_key:
            return level
        between()
        expected = estimator.of(world, dyads, windows)
        return float(expected.by_direction(direction[dyads], longest)[COUNTER])

    worths = [worth(world) for world in forms(worlds, arm)]
    outcomes = control.expected.outcomes(direction), having.outcomes(direction)
    table = _dyads(worlds, control.expected, having)
    return outcomes, parts(worths, level) if worths else None, table


def _dyads(worlds: Worlds, control: Expected, having: Expected) -> pd.DataFrame:
    """Expected security agreements by dyad, in the longest window."""
    import pandas as pd

    world, window = worlds.reference, control.windows.longest
    codes, names = np.array(world.codes), np.array(DIRECTIONS)
    level, mean = control.by_dyad(window), having.by_dyad(window)
    columns = {
        "a": codes[world.first],
        "b": codes[world.second],
        "direction": names[worlds.baseline.direction],
        "control": level,
        "mean": mean,
        "effect": mean - level,
    }
    return largest_first(pd.DataFrame(columns), mean - level)


def largest_first(
    dyads: pd.DataFrame, sizes: pd.Series[float] | Floats
) -> pd.DataFrame:
    """Rows of dyads by the size of a number, whatever its sign; ties by their codes."""
    order = np.lexsort((dyads["b"], dyads["a"], -np.abs(sizes)))
    return dyads.iloc[order].reset_index(drop=True)
