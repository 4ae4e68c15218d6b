"""The expected effect of one arm: levels, channels and dyads, without simulating. What `balance-sim effect` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.analysis.channels import forms, parts
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, World, same
from balance_sim.pool.faults import WrongRequest
from balance_sim.replications.arms import chosen_arms, compile_arms, headline_arm
from balance_sim.replications.expected import Estimator, Expected, spans
from balance_sim.scenario.schema import Scenario

Pair = tuple[dict[str, float], dict[str, float]]


@dataclass(frozen=True, repr=False)
class ExpectedEffect:
    """An arm beside the control arm, by the expected estimator.

    outcomes: expected numbers by outcome, in the control arm and in the arm. parts: of the effect on counter-balancing
    agreements within the longest window, None where the arm lacks the event. dyads: tidy, a, b, direction, control,
    mean, effect, in the longest window; the largest effects first."""

    scenario: Scenario
    arm: str
    outcomes: Pair
    parts: dict[str, float] | None
    dyads: pd.DataFrame

    @property
    def window(self) -> int:
        """The longest window reported, in days."""
        return max(self.scenario.report.windows)

    def rows(self, what: str = "accords") -> Iterator[tuple[str, int, float, float]]:
        """Direction, window, expected number in the control arm, and in the arm.

        what: `accords`, security agreements; or `declarations`."""
        control, having = self.outcomes
        for name in DIRECTIONS:
            for days in sorted(self.scenario.report.windows):
                outcome = f"{what}_{name}_{days}"
                yield name, days, control[outcome], having[outcome]

    def __repr__(self) -> str:
        """The arm, its effect on counter-balancing agreements within the longest window, and the channels of it."""
        control, having = (of[f"accords_counter_{self.window}"] for of in self.outcomes)
        said = "".join(
            f", {name} {value:+.4f}"
            for name, value in (self.parts or {}).items()
            if value and name != "total"
        )
        return f"<{self.arm}: effect {having - control:+.4f} on {control:.2f}, expected estimator{said}>"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        control, having = self.outcomes
        return {
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            "estimator": "expected",
            "control": self.scenario.reference_arm,
            "arm": self.arm,
            "effects": {
                name: {"control": control[name], "mean": having[name], "effect": having[name] - control[name]}
                for name in having
            },
            "channels": self.parts,
            "dyads": self.dyads.to_dict("records"),
        }


def expected_effect(scenario: Scenario, arm: str | None = None) -> ExpectedEffect:
    """The expected effect of an arm over the control arm.

    Parameters
    ----------
    scenario : a complete scenario
    arm : its name; the headline arm if not given

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
        raise WrongRequest(f"the scenario has no arm beside {reference}: there is no effect to tell")
    arms = chosen_arms(scenario, [arm])
    if arm == reference:
        others = ", ".join(one for one in scenario.arms if one != reference)
        raise WrongRequest(f"{arm} is the control arm; the effect of another over it can be told: {others}")
    found = figures(compile_arms(scenario, arms), arm)
    return ExpectedEffect(scenario, arm, *found)


@dataclass(frozen=True)
class Control:
    """The control arm by the expected estimator: the same for all scenarios that have one `reference_key`."""

    world: World
    estimator: Estimator
    expected: Expected

    @staticmethod
    def of(worlds: Worlds) -> Control:
        estimator = Estimator(worlds)
        return Control(worlds.reference, estimator, estimator.of(worlds.reference))

    @staticmethod
    def among(kept: MutableMapping[str, Control], key: str, worlds: Worlds) -> Control:
        """The one kept under a `reference_key` if it has the spans of these worlds, or a new one that is put there."""
        found = kept.get(key)
        if found is None or not np.array_equal(found.estimator.edges, spans(worlds)):
            found = kept[key] = Control.of(worlds)
        return found


def figures(
    worlds: Worlds,
    arm: str,
    control: Control | None = None,
    between: Callable[[], None] | None = None,
    *,
    split: bool = True,
) -> tuple[Pair, dict[str, float] | None, pd.DataFrame]:
    """Of an `ExpectedEffect` its outcomes, parts and dyads.

    control: kept from before. between: called between its steps, a few hundredths of a second apart; may raise.
    split: with parts."""
    look = between or (lambda: None)
    control = control or Control.of(worlds)
    look()
    estimator, base, direction = control.estimator, control.expected, worlds.baseline.direction
    having = estimator.of(worlds.arms[arm])
    counter = np.flatnonzero(direction == DIRECTIONS.index("counter"))
    longest = estimator.windows.longest
    windows = replace(estimator.windows, days=(longest,))

    def worth(world: World) -> float:
        if world is worlds.arms[arm]:
            return float(having.by_direction(direction, longest)[0])
        if same(world, control.world, ("arm",)):
            return level
        look()
        of = estimator.of(world, counter, windows)
        return float(of.by_direction(direction[counter], longest)[0])

    level = float(base.by_direction(direction, longest)[0])
    worths = [worth(world) for world in forms(worlds, arm)] if split else []
    outcomes = base.outcomes(direction), having.outcomes(direction)
    return outcomes, parts(worths, level) if worths else None, _dyads(worlds, base, having, longest)


def _dyads(worlds: Worlds, base: Expected, having: Expected, window: int) -> pd.DataFrame:
    world = worlds.reference
    codes = np.array(world.codes)
    control, mean = base.by_dyad(window), having.by_dyad(window)
    frame = pd.DataFrame(
        {
            "a": codes[world.first],
            "b": codes[world.second],
            "direction": np.array(DIRECTIONS)[worlds.baseline.direction],
            "control": control,
            "mean": mean,
            "effect": mean - control,
        }
    )
    order = np.lexsort((frame["b"], frame["a"], -np.abs(frame["effect"])))
    return frame.iloc[order].reset_index(drop=True)


effect = expected_effect  # as `balance_sim.effect`

__all__ = ["Control", "ExpectedEffect", "effect", "expected_effect", "figures"]
