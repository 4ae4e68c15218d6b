"""The expected effect of one arm: levels, channels and dyads, without simulating. What
`balance-sim effect` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from balance_sim.effects.channels import expected_forms, parts
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DIRECTIONS, Floats, Ints
from balance_sim.scenario.errors import OneLine, WrongRequest
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.expected import Estimator, Expected
from balance_sim.study.outcomes import Outcome, headline_outcome

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class ExpectedEffect(OneLine):
    """An arm beside the control arm, by the expected estimator.

    Attributes
    ----------
    outcomes : expected numbers by outcome, in the control arm and in the arm; effort
        of the threatened states and joint exercises among them
    channels : parts of the effect on counter-balancing agreements within the longest
        window; None where the arm lacks the event, or they were not asked for
    by_dyad : (P,) columns of `dyads`
    """

    scenario: Scenario
    arm: str
    outcomes: tuple[dict[str, float], dict[str, float]]
    channels: dict[str, float] | None
    by_dyad: Mapping[str, npt.NDArray[Any]]

    @cached_property
    def dyads(self) -> pd.DataFrame:
        """Tidy: a, b, direction, control, mean, effect, in the longest window; the
        largest effects first."""
        from balance_sim.stats.frame import Frame

        return Frame(self.by_dyad)

    @property
    def window(self) -> int:
        """The longest window reported, in days."""
        return max(self.scenario.report.windows)

    @property
    def outcome(self) -> str:
        """The headline's: counter-balancing security agreements within the longest
        window."""
        return headline_outcome(self.scenario)

    @property
    def effect(self) -> float:
        """On that outcome."""
        control, having = self.outcomes
        return having[self.outcome] - control[self.outcome]

    def rows(self, measure: str = "accords") -> Iterator[tuple[str, int, float, float]]:
        """Direction, window, expected number in the control arm, and in the arm.
        measure: `accords`, `declarations` or `exercises`."""
        control, having = self.outcomes
        for name in DIRECTIONS:
            for days in sorted(self.scenario.report.windows):
                outcome = f"{measure}_{name}_{days}"
                yield name, days, control[outcome], having[outcome]

    @property
    def effort(self) -> tuple[float, float] | None:
        """Rise of the threatened states' capability by the end of the longest window,
        in the control arm and in the arm; None where no state is threatened, or the
        scenario ends before."""
        name = Outcome("effort", "threatened", self.window).name
        control, having = self.outcomes
        return (control[name], having[name]) if name in having else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        control, having = self.outcomes
        effects = {
            name: {"control": control[name], "mean": mean, "effect": mean - level}
            for (name, mean), level in zip(
                having.items(), control.values(), strict=True
            )
        }
        return {
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            "estimator": "expected",
            "control": self.scenario.reference_arm,
            "arm": self.arm,
            "effects": effects,
            "channels": self.channels,
            "dyads": self.dyads.to_dict("records"),
        }


def expected_effect(scenario: ScenarioSource, arm: str | None = None) -> ExpectedEffect:
    """The expected effect of an arm, the headline arm if not given, over the control
    arm.

    Parameters
    ----------
    scenario : a complete scenario, or the path or the name of one
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
    >>> import balance_sim as bs
    >>> expected = bs.effect("experiments/smoke/five_states.yaml")
    >>> expected.arm, expected.outcome, 0 < expected.effect < 1
    ('summit', 'accords_counter_300', True)
    """
    scenario = scenario_from(scenario)
    reference = scenario.reference_arm
    arm = arm or headline_arm(chosen_arms(scenario, None))
    arms = chosen_arms(scenario, arm and [arm])
    if arm is None or arm == reference:
        others = [name for name in scenario.arms if name != reference]
        raise WrongRequest(
            f"{reference} is the control arm; the effect of another over it can be "
            f"told: {', '.join(others) or 'there is none'}"
        )
    worlds = compile_worlds(scenario, arms)
    return effect_of(worlds, arm, Estimator(worlds), with_parts=True)


effect = expected_effect  # as `balance_sim.effect`


def effect_of(
    worlds: Worlds, arm: str, estimator: Estimator, *, with_parts: bool
) -> ExpectedEffect:
    """The expected effect of a compiled arm. estimator: of worlds with the same control
    arm and spans."""
    direction = worlds.baseline.direction
    forms = [*expected_forms(worlds, arm, estimator)] if with_parts else []
    control = estimator.control
    having = forms[-1] if forms else estimator.of(worlds.arms[arm])
    threatened = worlds.baseline.threatened
    outcomes = (
        control.outcomes(direction) | control.efforts(threatened),
        having.outcomes(direction) | having.efforts(threatened),
    )
    name, divided = headline_outcome(worlds.scenario), None
    if with_parts:
        outcomes = (
            outcomes[0] | estimator.exercises(worlds.reference),
            outcomes[1] | estimator.exercises(worlds.arms[arm]),
        )
    if forms:
        worths = [form.outcomes(direction)[name] for form in forms]
        divided = parts(worths, outcomes[0][name])
    by_dyad = _by_dyad(worlds, control, having)
    return ExpectedEffect(worlds.scenario, arm, outcomes, divided, by_dyad)


def _by_dyad(
    worlds: Worlds, control: Expected, having: Expected
) -> dict[str, npt.NDArray[Any]]:
    """Expected security agreements by dyad, in the longest window; the largest effects
    first."""
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
    order = largest_order(columns, columns["effect"])
    return {name: values[order] for name, values in columns.items()}


def largest_order(dyads: Mapping[str, Any] | pd.DataFrame, sizes: Any) -> Ints:
    """(P,) places of dyads by the size of a number, whatever its sign; ties by their
    codes."""
    return np.lexsort((dyads["b"], dyads["a"], -np.abs(sizes)))


def largest_first(
    dyads: pd.DataFrame, sizes: pd.Series[float] | Floats
) -> pd.DataFrame:
    """Rows of dyads in that order."""
    return dyads.iloc[largest_order(dyads, sizes)].reset_index(drop=True)
